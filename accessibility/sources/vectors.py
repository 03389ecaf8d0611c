"""Vector files through GDAL: the content must be what the name says, and nothing is asked of another machine.

GDAL chooses a reader by what a file holds, whatever it is called: a file ``.gpkg`` that holds an OGR VRT, a pipeline or
the description of a web service makes it fetch addresses (GDAL, *Security considerations*). So a file is opened only
where its first bytes are those of its own format, and while it is read the network is out of reach.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pyogrio

from accessibility.errors import InputError
from accessibility.sources.shapefiles import refuse_cut_shapefile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARQUET_SUFFIXES = (".parquet", ".geoparquet")

_HEAD = 65_536  # GDAL looks for its marks in the first kilobytes
_XML = re.compile(rb"\s*(?:<\?xml.*?\?>\s*)?(?:<!--.*?-->\s*)*<(?:\w+:)?", re.DOTALL)
_JSON = re.compile(rb"\s*[\x1e]?\s*[\[{]")
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
_LINKED_CRS = re.compile(rb'"crs"\s*:\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)?\}', re.DOTALL)
WITHOUT_NETWORK = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",  # /vsicurl/ and its kin open no other file
    "GDAL_HTTP_PROXY": "127.0.0.1:9",  # the discard port: whatever else asks gets no answer
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
}
"""Options of GDAL that keep it from the network while a file is read."""


def read_vector(path: Path, *, layer: str | None = None, encoding: str | None = None) -> Any:
    """Return the table of a vector file: a `GeoDataFrame`, or a `DataFrame` where the layer has no geometry.

    Parameters
    ----------
    path
        GeoPackage, Shapefile, FlatGeobuf, GeoJSON, KML or GeoParquet, by its name and by what it holds.
    layer
        Of a file that has several; the first where not given.
    encoding
        Of a Shapefile's texts; what the file says of itself where not given.

    Raises
    ------
    InputError
        A file that holds another format than its name says, that points to other files or addresses, or that is cut
        short.
    """
    if path.suffix.lower() in PARQUET_SUFFIXES:
        return gpd.read_parquet(path)
    _refuse_disguise(path)
    options = {key: value for key, value in (("layer", layer), ("encoding", encoding)) if value is not None}
    with _without_network():
        return gpd.read_file(path, engine="pyogrio", **options)


def layer_names(path: Path) -> list[str]:
    """Return the names of a vector file's layers; raise `InputError` as `read_vector` does."""
    _refuse_disguise(path)
    with _without_network():
        return [str(name) for name in pyogrio.list_layers(path)[:, 0]]


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
        _refuse_linked_crs(path)


def _refuse_linked_crs(path: Path) -> None:
    """Refuse a coordinate system that GDAL would fetch (``"crs": {"type": "link", ...}`` of GeoJSON 2008)."""
    for found in _LINKED_CRS.finditer(path.read_bytes()):
        if re.search(rb'"link"|"url"|"href"|\\u', found[0], re.IGNORECASE):
            msg = f"{path.name}: its coordinate system is a link, {found[0][:80]!r}; expected its name, or WGS 84"
            raise InputError(msg)


@contextmanager
def _without_network() -> Iterator[None]:
    """Keep GDAL from the network, and leave its options as they were found."""
    before = {key: pyogrio.get_gdal_config_option(key) for key in WITHOUT_NETWORK}
    pyogrio.set_gdal_config_options(WITHOUT_NETWORK)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)
