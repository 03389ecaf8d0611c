"""Tables from files and from values in memory: rows, their heading, and what is set aside around them."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import warnings
import zipfile
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import Finding, InputError
from accessibility.sources.decoding import decode_text, text_bytes
from accessibility.sources.files import absence, is_file, is_full, no_room, passing_folder
from accessibility.sources.tables.columns import SHOWN, attributes, cell_text, rows_text
from accessibility.sources.tables.rows import (
    are_names,
    column_names,
    is_beside,
    is_note,
    is_section,
    is_total,
    read_heading,
    without_totals,
)
from accessibility.sources.tables.workbooks import read_workbook, shown_alike
from accessibility.sources.vectors import read_vector, refuse_broken_shapes, refuse_unfolding_kmz

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet


_UNMARKED: Mapping[str, AbstractSet[tuple[int, int]]] = MappingProxyType({})
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?[eE]\+(\d{1,2})")
_CODE_DIGITS = 10  # shorter ones are people or money, and spreadsheets show them in full
_DIVISION_DIGITS = 12  # of the statistics office's codes of counties, townships and villages
_FOOTNOTE = re.compile(
    r"[*※(\[]?\s*(备?注|附注|说明|(数据|资料)?来源|单位|填[表报](人|单位)?|制表|审核|(foot)?notes?|sources?|units?)\s*+\d*+\s*+([:.、)]|$)",
    re.IGNORECASE,
)
_FEW_COLUMNS = 2  # a row of one cell may well be one of the table
_WHOLE = re.compile(r"(\d{6,})\.0+")  # a code that a program took for a number


def table_of_rows(
    rows: Sequence[Sequence[str]],
    source: str,
    findings: list[Finding],
    marks: Mapping[str, AbstractSet[tuple[int, int]]] = _UNMARKED,
) -> pd.DataFrame:
    """Return the rows below the header; the header is the first row with two filled cells, or the first filled one.

    Parameters
    ----------
    rows
        The cells of the whole sheet or file.
    source
        The file, for messages.
    findings
        What is set aside is added here.
    marks
        What is known of single cells, by row and column from 0: ``spanned`` or ``uncomputed``, see
        `accessibility.sources.tables.workbooks.Sheet`. The ``attrs`` of the table tell them by column and row.
    """
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    first = next((at for at, count in enumerate(filled) if count > 0), None)
    if first is None:
        msg = f"{source}: no rows; expected a header and at least one row"
        raise InputError(msg)
    header = next((at for at, count in enumerate(filled) if count > 1 and not is_note(rows[at])), first)
    aside: dict[str, list[int]] = {"title-row": [at + 1 for at in range(header) if filled[at]]}
    heading, header = read_heading(rows, header, findings, source)
    names = column_names(heading, findings, source)
    are_name = are_names(names)
    kept: dict[int, list[str]] = {}
    sections, section = {}, ""
    for at in range(header + 1, len(rows)):
        cells = [cell.strip() for cell in rows[at]]
        if any(cells[len(names) :]):
            msg = f"{source}: row {at + 1} has {len(cells)} cells under {len(names)} columns; expected as many"
            raise InputError(msg)
        code = _no_row(cells, are_name, noted="footnote-row" in aside)
        if code and (kept or code != "footnote-row"):
            aside.setdefault(code, []).append(at + 1)
            section = next(filter(None, cells)) if code == "section-row" else section
        else:
            sections[at + 1] = section
            kept[at + 1] = (cells + [""] * len(names))[: len(names)]
    trailing = [row for row in aside.get("blank-row", []) if row > max(kept, default=0)]
    aside["blank-row"] = [row for row in aside.get("blank-row", []) if row not in set(trailing)]
    for code, numbers_ in aside.items():
        if numbers_:
            shown = ", ".join(map(str, numbers_[:SHOWN]))
            message = f"{len(numbers_)} {code.replace('-', ' ')}s set aside: rows {shown}"
            findings.append(Finding(code=code, source=source, message=message, count=len(numbers_)))
    table = pd.DataFrame.from_dict(kept, orient="index", columns=names, dtype=object)
    findings += _write_out_codes(table, source)
    findings += _commented_out(kept, source)
    table.attrs |= {mark: _by_column(cells, names, kept) for mark, cells in marks.items()}
    said = (*aside["title-row"], *aside.get("footnote-row", ()))
    table.attrs["sections"] = sections if section else {}
    table.attrs["titles"] = [" ".join(filter(None, map(str.strip, rows[row - 1]))) for row in said]
    return table


def _no_row(cells: Sequence[str], names: Sequence[bool], *, noted: bool) -> str:
    """Return what a row below the heading is that is none of the table, below a note or not; empty where it is one."""
    filled = [cell for cell in cells if cell]
    if not filled:
        return "blank-row"
    if is_total(cells, names):
        return "subtotal-row"
    if is_beside(cells, names):
        return "extra-row"
    if not len(filled) == 1 < len(names):
        return ""
    if noted or _FOOTNOTE.match(unicodedata.normalize("NFKC", filled[0])):
        return "footnote-row"
    return "section-row" if len(names) > _FEW_COLUMNS and is_section(filled[0]) else ""


def _by_column(
    cells: AbstractSet[tuple[int, int]], names: Sequence[str], kept: Mapping[int, object]
) -> dict[str, list[int]]:
    """Return the rows, as a spreadsheet counts them, of the cells of each column that stand in rows of the table."""
    found: dict[str, list[int]] = {}
    for at, column in sorted(cells):
        if column < len(names) and at + 1 in kept:
            found.setdefault(names[column], []).append(at + 1)
    return found


_COMMENT = re.compile(r"\s*(?:#(?!\s*(?:n/?a|ref|value|div|name|num|null)\b)|//)", re.IGNORECASE)  # #N/A is an error


def _commented_out(rows: Mapping[int, Sequence[str]], source: str) -> list[Finding]:
    """Return a finding where few rows begin as comments of programs do: somebody may have taken them out so."""
    found = [row for row, cells in rows.items() if _COMMENT.match(cells[0])]
    if not 0 < 2 * len(found) <= len(rows):
        return []
    shown = ", ".join(map(str, found[:SHOWN]))
    message = f"{len(found)} rows begin with # or // and are read like the others: rows {shown}"
    return [Finding(code="commented-rows", source=source, message=message, count=len(found))]


def _write_out_codes(table: pd.DataFrame, source: str) -> list[Finding]:
    """Write codes that became numbers out again, and return where digits are lost."""
    findings = []
    for column in table.columns:
        texts = table[column]
        written = [_written_out(text) for text in texts]
        lost = np.array([is_lost for _, is_lost in written], dtype=np.bool_)
        if [text for text, _ in written] != texts.tolist():
            table[column] = [text for text, _ in written]
        if lost.any():
            what = "is a code" if lost.sum() == 1 else "are codes"
            message = (
                f"column {column!r}: {rows_text(texts, lost, f'{what} in scientific notation')}; digits are lost, the "
                f"first is read as {table[column][lost].iloc[0]}: format the column as text and export it again"
            )
            count = int(lost.sum())
            findings.append(Finding(code="code-in-scientific", source=source, message=message, count=count))
    return findings


def _written_out(text: str) -> tuple[str, bool]:
    """Return a code in digits, and whether some of them are lost; any other text as it is.

    A spreadsheet exports a code of twelve digits, of a county or village, as ``3.30106E+11``. Zeros stand for those
    that it left out, which is right for a county and wrong for a village. A longer code stays as it is: zeros would be
    wrong.

    Examples
    --------
    >>> _written_out("3.30106E+11"), _written_out("330106.0"), _written_out("12.0"), _written_out("9.13E+17")
    (('330106000000', True), ('330106', False), ('12.0', False), ('9.13E+17', True))
    """
    if "+" not in text and not text.endswith("0"):
        return text, False  # as most texts are; patterns take their time
    whole, short = _WHOLE.fullmatch(text), _SCIENTIFIC.fullmatch(text)
    if whole:
        return whole[1], False
    after, shift = (len(short[2] or ""), int(short[3])) if short else (0, 0)
    if short is None or shift < _CODE_DIGITS - 1 or after > shift:
        return text, False
    if after < shift and shift + 1 != _DIVISION_DIGITS:
        return text, True
    return short[1] + (short[2] or "").ljust(shift, "0"), after < shift


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldTable:
    """A table in memory, read wherever a file of a table is."""

    name: str  # what messages call it
    table: pd.DataFrame  # one row per place: a `GeoDataFrame`, or a `DataFrame` with columns of coordinates; text cells
    suffix: str = ""


def hold_table(
    name: str, given: object, columns: Mapping[str, str] | None = None, *, counts: Collection[str] = ()
) -> HeldTable:
    """Return a frame as the readers take it: cells as text, ids in a column.

    Parameters
    ----------
    name
        What messages call it.
    given
        A `DataFrame` or `GeoDataFrame`; an index that is no plain count of rows becomes the column ``id`` where there
        is none.
    columns
        Names that columns get, such as that of the people; those that bear such a name already are left out.
    counts
        Columns, by the names they get, that are read as numbers alone: where they are numbers, they stay so.

    Raises
    ------
    InputError
        No frame, no row, a column that is not there, or one name for two columns.
    """
    if not isinstance(given, pd.DataFrame):
        msg = f"{name} is {type(given).__name__}; expected a DataFrame or a GeoDataFrame, one row per place"
        raise InputError(msg)
    if given.empty:
        msg = f"{name}: no rows; expected at least one"
        raise InputError(msg)
    missing = [column for column in (columns or {}) if column not in given.columns]
    if missing:
        msg = f"{name}: no column {missing[0]!r}; it has {', '.join(attributes(given))}"
        raise InputError(msg)
    renamed = {column: new for column, new in (columns or {}).items() if column != new}
    table = given.drop(columns=[new for new in renamed.values() if new in given.columns]).rename(columns=renamed)
    if table.columns.has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        msg = f"{name}: two columns are named {twice!r}; expected one name per column"
        raise InputError(msg)
    if not isinstance(given.index, pd.RangeIndex) and "id" not in table.columns:
        table.insert(0, "id", given.index)
    for column in attributes(table):
        if not (column in counts and table[column].dtype.kind in "iuf"):
            table[column] = _texts(table[column])
    table.index = pd.RangeIndex(1, len(table) + 1)
    return HeldTable(name=name, table=table)


def _texts(cells: pd.Series[Any]) -> pd.Series[Any]:
    if isinstance(cells.dtype, np.dtype) and cells.dtype.kind in "iu":
        return pd.Series(list(map(str, cells.tolist())), index=cells.index, dtype=object)
    if cells.dtype.kind == "f" or pd.api.types.infer_dtype(cells, skipna=False) == "string":
        of, values = pd.factorize(cells, use_na_sentinel=False)  # alike cells are alike texts
        texts = pd.Series(list(map(cell_text, values.tolist())), dtype=object)
        return texts.take(of).set_axis(cells.index)
    return pd.Series(list(map(cell_text, cells.tolist())), index=cells.index, dtype=object)


def held_polygons(source: HeldTable) -> gpd.GeoDataFrame:
    """Return a table in memory that has geometry.

    Raises
    ------
    InputError
        It has none.
    """
    if not isinstance(source.table, gpd.GeoDataFrame):
        msg = f"{source.name}: a table without geometry; expected a GeoDataFrame of polygons"
        raise InputError(msg)
    return source.table


TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".et")
GEO_SUFFIXES = (
    *(".geojson", ".json", ".gpkg", ".parquet", ".geoparquet", ".shp", ".fgb"),
    *(".kml", ".kmz", ".ovkml", ".gpx"),
)

_OTHER_RASTERS = frozenset(
    {".nc", ".nc4", ".hdf", ".h5", ".bil", ".bip", ".bsq", ".grd", ".adf", ".flt", ".dat", ".ers", ".rst", ".sdat"}
    | {".png", ".jpg", ".jp2", ".grib", ".grb2", ".mbtiles"}
)
_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]+:/|^/vsi", re.IGNORECASE)
_KML_SUFFIXES = (".kml", ".kmz", ".ovkml")
_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # how workbooks of today and of before 2007 begin
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # a first line that Excel obeys and does not show
_DELIMITERS = ",;\t|"
_TELLING_ROWS = 200  # rows that decide on the delimiter


@contextmanager
def readable(path: Path, findings: list[Finding]) -> Iterator[None]:
    """Turn whatever a library raises on a file into `InputError`, and what it warns of into findings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            if is_full(error):
                raise no_room(error) from error
            first: BaseException = error
            while first.__cause__ is not None:  # GDAL says there what went wrong
                first = first.__cause__
            if isinstance(first, MemoryError) or "cannot allocate" in str(first):
                msg = f"{path.name}: too large for this machine's memory"
                raise InputError(msg) from error
            said = " ".join(str(first).partition("; It might help")[0].split())
            msg = f"{path.name}: cannot be read as {path.suffix or 'a table'} ({type(error).__name__}: {said})"
            raise InputError(msg) from error
    findings += [
        Finding(code="reader-warning", source=path.name, message=text)
        for text in dict.fromkeys(str(w.message) for w in caught if not issubclass(w.category, DeprecationWarning))
    ]


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a local file that is there and not empty.

    Raises
    ------
    InputError
        An address of another machine or a virtual file system, a missing file, a folder, or no bytes.
    """
    if _REMOTE.search(str(path)):
        msg = f"{path}: a remote address or virtual file; expected a file on this machine"
        raise InputError(msg)
    file = Path(path)
    if not is_file(file):
        msg = f"{file.name}: {absence(file)} ({file})"
        raise InputError(msg)
    if file.stat().st_size == 0:
        msg = f"{file.name}: the file is empty (0 bytes)"
        raise InputError(msg)
    return file


def name_of(path: str | os.PathLike[str] | HeldTable) -> str:
    """Return what messages call a table: the name of its file, which is there, or of a table in memory.

    Raises
    ------
    InputError
        As `checked_path`.
    """
    return path.name if isinstance(path, HeldTable) else checked_path(path).name


def read_table(
    path: str | os.PathLike[str] | HeldTable,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return a table with every column as text, and what was set aside.

    Parameters
    ----------
    path
        CSV or a workbook (Excel, LibreOffice, WPS), which of them its content decides; GeoJSON, GeoPackage, GeoParquet,
        Shapefile, FlatGeobuf, KML or GPX, by its name. A table in memory is returned as it is.
    sheet
        Sheet of a workbook; the first that is shown where not given.
    encoding
        Of CSV and Shapefile. Where not given: a byte-order mark, else UTF-8, else what
        `accessibility.sources.decoding.decode_text` finds.
    layer
        Layer of a file that has several, where one is wanted; of a KML every folder is read, of GPX the waypoints.

    Returns
    -------
    table
        A `GeoDataFrame` where the format has geometry. Text columns, ``""`` where nothing stands; the index is the row
        number as a spreadsheet shows it, or the number of the feature, from 1. Blank rows, titles above the header and
        subtotal rows are left out. Its ``attrs`` are as `table_of_rows` makes them.
    findings
        What was left out, with counts.

    Raises
    ------
    InputError
        A file that is missing, empty, remote, corrupt or of another format, or has no rows.
    """
    if isinstance(path, HeldTable):
        return without_totals(path.table, path.name)
    file = checked_path(path)
    suffix = file.suffix.lower()
    findings: list[Finding] = []
    with readable(file, findings):
        if suffix in (*TEXT_SUFFIXES, *WORKBOOK_SUFFIXES):
            table = _of_cells(file, sheet, encoding, findings)
        elif suffix in GEO_SUFFIXES:
            table, findings = without_totals(_from_features(file, layer, encoding), file.name)
        else:
            if suffix in _OTHER_RASTERS:
                msg = f"{file.name}: a raster of a kind that is not read ({suffix}); expected it as GeoTIFF (.tif)"
                raise InputError(msg)
            known = ", ".join((*TEXT_SUFFIXES, *WORKBOOK_SUFFIXES, *GEO_SUFFIXES))
            msg = f"{file.name}: unsupported format {suffix or '(no suffix)'}; expected one of {known}"
            raise InputError(msg)
    if table.empty:
        msg = f"{file.name}: no rows; expected at least one below the header"
        raise InputError(msg)
    return table, findings


def _of_cells(path: Path, sheet: str | None, encoding: str | None, findings: list[Finding]) -> pd.DataFrame:
    """Return the table of a workbook or a text, whichever the content is: exports bear each other's names."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith((_ZIP, _COMPOUND)):
        book = read_workbook(path, sheet, findings)
        marks = {"spanned": book.spanned, "uncomputed": book.uncomputed}
        table = table_of_rows(book.rows, path.name, findings, marks)
        names = dict(enumerate(table.columns))
        units = {names[at]: unit for (row, at), unit in book.units.items() if at in names and row + 1 in table.index}
        table.attrs |= {"sheet": book.name, "units": units, "shown": shown_alike(table, book.shown)}
        hidden = [names[at] for at in sorted(book.hidden & names.keys())]
        if hidden:
            message = f"columns are hidden in the sheet and read like the others: {', '.join(hidden[:SHOWN])}"
            findings.append(Finding(code="hidden-columns", source=path.name, message=message, count=len(hidden)))
        return table
    _refuse_markup(head, path.name)
    rows, delimiter = _csv_rows(path, encoding, findings)
    if path.suffix.lower() in WORKBOOK_SUFFIXES and sum(len(row) > 1 for row in rows[:_TELLING_ROWS]) < 2:  # noqa: PLR2004
        msg = f"{path.name}: cannot be read as {path.suffix}: it is no workbook, or a damaged one"
        raise InputError(msg)
    table = table_of_rows(rows, path.name, findings)
    table.attrs["delimiter"] = delimiter
    return table


def _refuse_markup(head: bytes, name: str) -> None:
    """Raise `InputError` on pages and XML that bear a table's name, as many portals export them."""
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\0", b"").lower()
    if not text.startswith((b"<", b"mime-version")):
        return
    what = "a web page (HTML)" if b"<html" in text or b"<table" in text or b"mime-version" in text else "XML"
    if b"urn:schemas-microsoft-com:office:spreadsheet" in text:
        what = "an XML spreadsheet of 2003"
    msg = f"{name}: its content is {what}, not a table of that name; open it in Excel or WPS and save it as .xlsx"
    raise InputError(msg)


def _csv_rows(path: Path, encoding: str | None, findings: list[Finding]) -> tuple[list[list[str]], str]:
    text, guessed = decode_text(text_bytes(path), encoding, path.name)
    findings += guessed
    if "\0" in text and path.suffix.lower() in WORKBOOK_SUFFIXES:
        msg = f"{path.name}: cannot be read as {path.suffix}: it is no workbook, or a damaged one"
        raise InputError(msg)
    if "\0" in text:
        msg = f"{path.name}: holds NUL characters; expected a text table (another format, or UTF-16 without its mark?)"
        raise InputError(msg)
    first, _, rest = text.partition("\n")
    said = _SEPARATOR.fullmatch(first.strip(" \r")) if first else None
    text, delimiter = (rest, said[1]) if said else (text, _delimiter(text))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return list(rows), delimiter
    except csv.Error as error:
        msg = (
            f"{path.name}: line {rows.line_num} cannot be cut into cells: a quotation mark has no pair, or a cell has "
            f"more than {csv.field_size_limit():,} letters; expected a table"
        )
        raise InputError(msg) from error


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts most rows into equally many cells: titles above, commas inside do not matter."""
    sample = "".join(line for line, _ in zip(io.StringIO(text, newline=""), range(_TELLING_ROWS), strict=False))
    return max(_DELIMITERS, key=lambda delimiter: _alike(sample, delimiter))


def _alike(sample: str, delimiter: str) -> tuple[int, int]:
    """Return how many rows have the most usual number of cells, more than one, and that number."""
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    widths: Counter[int] = Counter()
    with suppress(csv.Error):  # who reads all of it says so
        widths.update(len(row) for row in rows if len(row) > 1)
    return max(((count, width) for width, count in widths.items()), default=(0, 0))


def _from_features(path: Path, layer: str | None, encoding: str | None) -> gpd.GeoDataFrame:
    suffix = path.suffix.lower()
    if suffix == ".kmz":
        frame = _read_kmz(path, layer)
    else:
        frame = read_vector(path, layer=layer or ("waypoints" if suffix == ".gpx" else None), encoding=encoding)
    frame = _without_empty_twins(frame) if suffix in _KML_SUFFIXES else frame
    shapes = frame.geometry.to_numpy()
    drawn = np.flatnonzero(shapely.get_type_id(shapes) > 0)  # a point of no numbers is a row without a place
    refuse_broken_shapes(shapes[drawn], drawn + 1, source=path.name)
    texts = {
        str(column): [cell_text(value) for value in frame[column].astype(object)]
        for column in frame.columns
        if column != frame.geometry.name
    }
    table = gpd.GeoDataFrame(texts, geometry=frame.geometry.to_numpy(), crs=frame.crs, dtype=object)
    table.index = pd.RangeIndex(1, len(table) + 1)
    return table


def _read_kmz(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    """Return the marks of the KML that a KMZ packs."""
    refuse_unfolding_kmz(path)
    with zipfile.ZipFile(path) as archive, passing_folder() as folder:
        inside = next((part for part in archive.namelist() if part.lower().endswith(".kml")), None)
        if inside is None:
            msg = f"{path.name}: holds no .kml; expected one"
            raise InputError(msg)
        file = folder / f"{path.stem}.kml"
        file.write_bytes(archive.read(inside))
        return read_vector(file, layer=layer)


def _without_empty_twins(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table of KML where fields of the file stand under their own names.

    The driver calls a field ``id2`` or ``name2`` because every mark of a KML may have an id and a name of its own.
    """
    own = {str(column).casefold(): column for column in frame.columns}
    for column in [c for c in frame.columns if str(c).endswith("2")]:
        twin = own.get(str(column)[:-1].casefold())
        if twin is not None and frame[twin].replace("", None).isna().all():
            frame = frame.drop(columns=twin).rename(columns={column: str(column)[:-1]})
    return frame
