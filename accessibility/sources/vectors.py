"""Shapefiles as they come: cut short, and with texts whose encoding nobody wrote down."""

from __future__ import annotations

import codecs
import json
import re
import sqlite3
import zipfile
from contextlib import closing, contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import earth_crs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_FARTHEST_DEG = (180 + 1e-6, 90 + 1e-6)
_HEADER = 100  # bytes of .shp and .shx
_DBF_HEADER = 32
_CODE = 9_994  # what .shp and .shx begin with
_LANGUAGE_AT = 29  # the byte of a .dbf that names its code page
_LANGUAGES = {  # dBASE's language drivers whose code page is sure; 0x57 is whatever the machine had
    page: f"cp{number}"
    for number, pages in {
        437: [0x01],
        850: [0x02],
        1252: [0x03],
        932: [0x13, 0x7B],
        936: [0x4D, 0x7A],
        949: [0x4E, 0x79],
        950: [0x4F, 0x78],
        1250: [0xC8],
        1251: [0xC9],
    }.items()
    for page in pages
}


def refuse_cut_shapefile(path: Path) -> None:
    """Raise `InputError` where a Shapefile, or its table, is shorter than it says itself; other formats pass.

    GDAL gives the rows that remain, or rows without a shape, and says nothing. The headers are those of the ESRI
    Shapefile Technical Description (1998), in words of two bytes, and of dBASE.
    """
    if path.suffix.lower() != ".shp":
        return
    parts = [path] + [file for end in (".shx", ".dbf", ".SHX", ".DBF") if (file := path.with_suffix(end)).is_file()]
    for part in parts:
        with part.open("rb") as stream:
            head = stream.read(_HEADER)
        size, told = part.stat().st_size, _told_size(head, table=part.suffix.lower() == ".dbf")
        if size < told:
            msg = f"{path.name}: {part.name} has {size:,} bytes and says itself {told:,}; the file is cut short"
            raise InputError(msg)


def _told_size(head: bytes, *, table: bool) -> int:
    if table:
        rows, header, row = (int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
        return max(_DBF_HEADER, header + rows * row)
    if int.from_bytes(head[:4], "big") != _CODE:
        return 0  # no Shapefile at all: the reader will say so
    return max(_HEADER, 2 * int.from_bytes(head[24:28], "big"))


def shapefile_encoding(path: Path) -> str | None:
    """Return the encoding of a Shapefile's texts: the one it names, if they fit; else UTF-8, if they fit; else GBK.

    None leaves it to GDAL.
    """
    table, page = (_beside(path, suffix) for suffix in (".dbf", ".cpg"))
    if table is None:
        return None
    content = table.read_bytes()
    texts = content[int.from_bytes(content[8:10], "little") :] + _field_names(content)
    said = None if page is None else _codec(page.read_text(encoding="ascii", errors="replace"))
    if page is not None and said is None:
        return None
    for encoding in (said, _LANGUAGES.get(content[_LANGUAGE_AT]), "utf-8"):
        if encoding is not None and _fits(texts, encoding):
            return encoding
    return "gbk"


def _beside(path: Path, suffix: str) -> Path | None:
    return next((file for end in (suffix, suffix.upper()) if (file := path.with_suffix(end)).is_file()), None)


def _field_names(content: bytes) -> bytes:
    header = content[_DBF_HEADER : int.from_bytes(content[8:10], "little")]
    return b" ".join(header[at : at + 11].split(b"\0")[0] for at in range(0, len(header) - 11, 32))


def _fits(texts: bytes, encoding: str) -> bool:
    """Return whether bytes are text of an encoding, but for letters that the width of a field cut in two."""
    decoded = texts.decode(encoding, errors="replace")
    wrong = decoded.count("\N{REPLACEMENT CHARACTER}")
    return wrong == 0 or 2 * wrong < sum(letter > "\x7f" for letter in decoded) - wrong


def _codec(page: str) -> str | None:
    """Return Python's name of the code page that a ``.cpg`` holds, None where it is none of its."""
    name = re.sub(r"^(ansi|oem|windows)[ _-]*", "", page.strip().lower().strip("\0\ufeff"))
    for spelt in (f"cp{name}" if name.isdigit() else name, name):
        try:
            return codecs.lookup(spelt).name
        except LookupError:
            continue
    return None


_MOST_ROWS = 50_000_000
_VIEWS = (
    "SELECT name, sql FROM sqlite_master AS m WHERE name IN (SELECT table_name FROM gpkg_contents) AND (type = 'view' "
    "OR (type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_xinfo(m.name) WHERE hidden > 1)))"
)  # and tables that work out columns of their own
_LOOK, _MOST_LOOKS = 1_000_000, 500  # steps of SQLite between two looks at a view that is counted, and looks
_MANY_ROWS = 1_000_000
_MANY_BYTES, _MOST_TIMES = 50_000_000, 100  # unpacked, and as a multiple of what is packed
PARQUET_SUFFIXES = (".parquet", ".geoparquet")
FOLDER = "folder"  # the column that says in which folder of a KML a mark lies

_HEAD = 65_536  # GDAL looks for its marks in the first kilobytes
# What was taken is not given back: a head of thirty comments would be cut into them in every way there is.
_XML = re.compile(rb"\s*+(?><\?xml.*?\?>\s*)?(?><!--.*?-->\s*)*+<(?:\w+:)?", re.DOTALL)
_JSON = re.compile(rb"\s*+\x1e?\s*+[\[{]")
_FORMATS: dict[str, tuple[str, re.Pattern[bytes]]] = {
    ".gpkg": ("a GeoPackage", re.compile(rb"SQLite format 3\0")),
    ".shp": ("a Shapefile", re.compile(rb"\x00\x00\x27\x0a")),
    ".fgb": ("a FlatGeobuf", re.compile(rb"fgb.fgb", re.DOTALL)),
    ".geojson": ("GeoJSON", _JSON),
    ".json": ("GeoJSON", _JSON),
    ".geojsonl": ("GeoJSON", _JSON),
    ".kml": ("KML", re.compile(_XML.pattern + rb"kml[\s>]", re.DOTALL)),
    ".ovkml": ("KML", re.compile(_XML.pattern + rb"kml[\s>]", re.DOTALL)),
    ".gpx": ("GPX", re.compile(_XML.pattern + rb"gpx[\s>]", re.DOTALL)),
    ".kmz": ("KMZ", re.compile(rb"PK\x03\x04")),
}
_POINTERS = re.compile(
    rb"<(OGRVRTDataSource|OGRWFSDataSource|OGRCSWDataSource|VRTDataset|GDAL_WMS|GDAL_WMTS|GDALTileIndexDataset"
    rb"|WMS_Capabilities|WMT_MS_Capabilities|Capabilities)|(gdal_streamed_alg)",
    re.IGNORECASE,
)
_DECLARED_CRS = re.compile(rb'"crs"\s*:\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})')
_FOLDERS = (".kml", ".kmz", ".ovkml")  # whose layers are folders of one table
WITHOUT_NETWORK = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",  # /vsicurl/ and its kin open no other file
    "GDAL_HTTP_PROXY": "127.0.0.1:9",  # the discard port: whatever else asks gets no answer
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
}
"""Options of GDAL that keep it from the network while a file is read."""


def read_vector(path: Path, *, layer: str | None = None, encoding: str | None = None) -> gpd.GeoDataFrame:
    """Return the features of a vector file as they stand, with a coordinate system that has places on Earth.

    Its ``crs`` is None where the file declares none.

    Parameters
    ----------
    path
        GeoPackage, Shapefile, FlatGeobuf, GeoJSON, KML or GeoParquet, by its name and by what it holds.
    layer
        Of a file that has several; where not given, the only one with features, and every folder of a KML, with its
        name in the column `FOLDER`.
    encoding
        Of a Shapefile's texts; what the file says of itself where not given, as far as it fits them.

    Raises
    ------
    InputError
        A file that holds another format than its name says, that points to other files or addresses, or that is cut
        short; several layers and none named, no geometry, a coordinate system that is unknown or not of the Earth.
    """
    parquet = path.suffix.lower() in PARQUET_SUFFIXES
    if parquet:
        _refuse_many_rows(path)
    frame = gpd.read_parquet(path) if parquet else _read_layers(path, layer, encoding)
    if not isinstance(frame, gpd.GeoDataFrame):
        msg = f"{path.name}: the layer has no geometry; expected points, lines or polygons"
        raise InputError(msg)
    if frame.crs is not None:
        earth_crs(frame.crs, source=path.name)
    return frame


def refuse_broken_shapes(shapes: NDArray[np.object_], names: Any, *, source: str) -> None:
    """Raise `InputError` where corners of a shape are no numbers, naming the first of them."""
    xy, of = shapely.get_coordinates(shapes, return_index=True)
    broken = np.unique(of[~finite_rows(xy)])
    if broken.size:
        shown = ", ".join(str(name) for name in np.asarray(names, dtype=object)[broken[:5]])
        msg = f"{source}: {broken.size} shapes have corners that are no numbers ({shown}); expected places on Earth"
        raise InputError(msg)


def refuse_shapes_off_earth(shapes: NDArray[np.object_], names: Any, *, source: str) -> None:
    """Raise `InputError` where corners of a shape in degrees lie nowhere on Earth, naming the first of them."""
    xy, of = shapely.get_coordinates(shapes, return_index=True)
    off = ~(np.abs(xy) <= _FARTHEST_DEG).all(axis=1)
    if off.any():
        shown = ", ".join(str(name) for name in np.asarray(names, dtype=object)[np.unique(of[off])[:5]])
        count, first = len(np.unique(of[off])), xy[np.argmax(off)].tolist()
        hint = "; are longitude and latitude swapped?" if (np.abs(xy[off][:, ::-1]) <= _FARTHEST_DEG).all() else ""
        msg = f"{source}: {count} shapes lie nowhere on Earth ({shown}; first {first}); expected degrees{hint}"
        raise InputError(msg)


def _refuse_many_rows(path: Path) -> None:
    """Raise `InputError` where a Parquet file says that it has far more rows or texts than its bytes can tell apart."""
    import pyarrow.parquet as pq  # noqa: PLC0415 -- only this format needs it

    told, size = pq.read_metadata(path), path.stat().st_size
    rows, bytes_ = told.num_rows, sum(told.row_group(k).total_byte_size for k in range(told.num_row_groups))
    if rows > _MOST_ROWS or (rows > _MANY_ROWS and rows > size):
        found = f"says {rows:,} rows in {size / 1e6:.1f} MB"
        msg = f"{path.name}: {found}; expected a table of places, a byte or more a row"
        raise InputError(msg)
    _refuse_unfolding(path, bytes_)


def refuse_unfolding_kmz(path: Path) -> None:
    """Raise `InputError` where a KMZ unpacks to far more than it holds: GDAL would unpack it in memory."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:  # of a damaged one GDAL says what it is
        _refuse_unfolding(path, sum(part.file_size for part in archive.infolist()))


def _most_bytes(path: Path) -> int:
    """Return how many bytes a file may unpack to."""
    return max(_MANY_BYTES, _MOST_TIMES * path.stat().st_size)


def _refuse_unfolding(path: Path, bytes_: int) -> None:
    if bytes_ > _most_bytes(path):
        size = path.stat().st_size
        msg = f"{path.name}: {size / 1e6:.1f} MB that unpack to {bytes_ / 1e6:,.0f} MB; expected a table of places"
        raise InputError(msg)


def _read_layers(path: Path, layer: str | None, encoding: str | None) -> Any:
    _refuse_disguise(path)
    options: dict[str, Any] = {"engine": "pyogrio"}
    if path.suffix.lower() == ".shp":
        options["encoding"] = encoding or shapefile_encoding(path)
    with _without_network():
        chosen = _layers(path, layer)
        try:
            frames = [gpd.read_file(path, layer=number, **options) for number, _ in chosen]
        except UnicodeDecodeError:
            if options.get("encoding") is None:
                raise
            frames = [_read_cut(path, str(options["encoding"]))]
    if len(frames) == 1:
        return frames[0]
    named = [frame.assign(**{FOLDER: name}) for frame, (_, name) in zip(frames, chosen, strict=True)]
    return pd.concat(named, ignore_index=True)


def _read_cut(path: Path, encoding: str) -> gpd.GeoDataFrame:
    """Return a Shapefile that has names or texts whose last letter the width of a field cut in two, without it."""

    def whole(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        content = text.encode("latin-1")
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            if error.end < len(content):
                raise
            return content[: error.start].decode(encoding)

    frame = gpd.read_file(path, engine="pyogrio", encoding="ISO-8859-1").rename(columns=whole)
    for column in frame.columns.drop(frame.geometry.name, errors="ignore"):
        if frame[column].dtype.kind not in "iufbM":
            frame[column] = frame[column].map(whole)
    return frame


def layer_names(path: Path) -> list[str]:
    """Return the names of the layers of a file that have shapes."""
    return [str(name) for name, shape in pyogrio.list_layers(path) if shape is not None]


def _layers(path: Path, layer: str | None) -> list[tuple[int, str]]:
    """Return number and name of the layers to read: the one that is named, or that alone has features; all of a KML."""
    listed = pyogrio.list_layers(path)
    names = [str(name) for name in listed[:, 0]]
    if not names:
        msg = f"{path.name}: no layer; expected points, lines or polygons"
        raise InputError(msg)
    every = list(enumerate(names))
    if layer is not None:
        if layer not in names:
            msg = f'{path.name}: no layer {layer!r}; it has {", ".join(names)}; expected layer = "..." to name one'
            raise InputError(msg)
        return [every[names.index(layer)]]
    shaped = [(i, name) for i, name in every if listed[i, 1] is not None] or every
    filled = shaped if len(shaped) == 1 else [(i, n) for i, n in shaped if pyogrio.read_info(path, layer=i)["features"]]
    if len(filled) > 1 and path.suffix.lower() not in _FOLDERS:
        msg = (
            f"{path.name}: {len(filled)} layers: {', '.join(name for _, name in filled)}; "
            'expected layer = "..." to name one of them'
        )
        raise InputError(msg)
    return filled or shaped[:1]


def _refuse_disguise(path: Path) -> None:
    refuse_cut_shapefile(path)
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    head = head.removeprefix(b"\xef\xbb\xbf")
    known = _FORMATS.get(path.suffix.lower())
    if known is None:
        expected = ", ".join((*_FORMATS, *PARQUET_SUFFIXES))
        msg = f"{path.name}: unsupported format {path.suffix or '(no suffix)'}; expected one of {expected}"
        raise InputError(msg)
    points = _POINTERS.search(head)
    if points:
        what = (points[1] or points[2]).decode()
        msg = f"{path.name}: holds a {what}, which points to other files or addresses; expected the data themselves"
        raise InputError(msg)
    if not known[1].match(head):
        msg = f"{path.name}: is not {known[0]}, as its name says; it begins with {head[:16]!r}"
        raise InputError(msg)
    if known[0] == "GeoJSON":
        _refuse_unknown_crs(path)
    if known[0] == "KMZ":
        refuse_unfolding_kmz(path)
    if known[0] == "a GeoPackage":
        _refuse_endless_views(path)


def _refuse_endless_views(path: Path) -> None:
    """Refuse a GeoPackage with a layer that is a view without end, or that works out far more than the file holds.

    GDAL would read it for ever, deaf to interruption, or fill the memory. A view that calls functions of GDAL's own
    cannot be counted here; it is refused where it could go on by itself.
    """
    with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)) as base:
        try:
            views = base.execute(_VIEWS).fetchall()
        except sqlite3.DatabaseError:
            return  # no GeoPackage: the reader will say so
        most, looks = _most_bytes(path), count()
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(most, 10**9))
        base.set_progress_handler(lambda: next(looks) >= _MOST_LOOKS, _LOOK)
        for name, sql in views:
            quoted = name.replace('"', '""')
            try:
                held = base.execute("SELECT replace(name, '\"', '\"\"') FROM pragma_table_xinfo(?)", (name,)).fetchall()
                lengths = "".join(f' + total(length("{column}"))' for (column,) in held)
                asked = f'SELECT count(*){lengths} FROM "{quoted}"'  # noqa: S608 -- names, quoted
                bytes_ = base.execute(asked).fetchone()[0]
            except sqlite3.DataError:
                bytes_ = most + 1  # in one cell
            except sqlite3.OperationalError as error:
                if next(looks) >= _MOST_LOOKS or "recursive" in sql.lower():
                    msg = f"{path.name}: its layer {name!r} is a view that does not end ({error}); expected a table"
                    raise InputError(msg) from error
                continue
            _refuse_unfolding(path, int(bytes_))


def _refuse_unknown_crs(path: Path) -> None:
    """Refuse a GeoJSON whose ``crs`` GDAL would fetch, or does not know: it takes that for WGS 84 without a word."""
    for member in sorted({match[1] for match in _DECLARED_CRS.finditer(path.read_bytes())}):
        name = _declared_name(member, path.name)
        if name is None:
            continue
        try:
            earth_crs(CRS.from_user_input(name), source=path.name)
        except CRSError as error:
            msg = (
                f"{path.name}: its crs member declares {name!r}, no coordinate system that PROJ knows; expected WGS84 "
                'or an EPSG code; for GCJ-02 or BD-09 take the member out and say coordinates = "GCJ-02" or "BD-09"'
            )
            raise InputError(msg) from error


def _declared_name(member: bytes, source: str) -> str | None:
    """Return the system that a ``crs`` member names (GeoJSON 2008, section 3), None where it is no such member."""
    try:
        content = json.loads(member)
    except ValueError:
        return None
    inner = content.get("properties")
    if content.get("type") in ("link", "url") or (isinstance(inner, dict) and "href" in inner):
        msg = f"{source}: its coordinate system is a link, {member[:80]!r}; expected its name, or WGS 84"
        raise InputError(msg)
    if not isinstance(inner, dict) or "type" not in content:
        return None
    code = inner.get("code")
    return f"EPSG:{code}" if code is not None else str(inner.get("name") or content["type"])


@contextmanager
def _without_network() -> Iterator[None]:
    """Keep GDAL from the network, and leave its options as they were found."""
    before = {key: pyogrio.get_gdal_config_option(key) for key in WITHOUT_NETWORK}
    pyogrio.set_gdal_config_options(WITHOUT_NETWORK)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)
