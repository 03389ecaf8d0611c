"""Tables from files: every cell as text first, so that codes keep their zeros; numbers are parsed strictly later."""

from __future__ import annotations

import csv
import io
import re
import warnings
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import shapely

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.rows import table_of_rows
from accessibility.sources.vectors import read_vector, refuse_broken_shapes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
GEO_SUFFIXES = (".geojson", ".json", ".gpkg", ".parquet", ".geoparquet", ".shp", ".kml", ".fgb")

_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]+:/|^/vsi", re.IGNORECASE)
_ZEROS = re.compile(r"0{2,}")  # a spreadsheet's format of codes that keep their leading zeros


@contextmanager
def readable(path: Path, findings: list[Finding]) -> Iterator[None]:
    """Turn whatever a library raises on a file into `InputError`, and what it warns of into findings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except InputError:
            raise
        except MemoryError as error:
            msg = f"{path.name}: too large for this machine's memory"
            raise InputError(msg) from error
        except Exception as error:
            said = " ".join(str(error).split())
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
    if not file.is_file():
        msg = f"{file.name}: no such file {file}"
        raise InputError(msg)
    if file.stat().st_size == 0:
        msg = f"{file.name}: the file is empty (0 bytes)"
        raise InputError(msg)
    return file


def read_table(
    path: str | os.PathLike[str], *, sheet: str | None = None, encoding: str | None = None, layer: str | None = None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return a table with every column as text, and what was set aside.

    Parameters
    ----------
    path
        CSV, XLSX, GeoJSON, GeoPackage, GeoParquet, Shapefile, FlatGeobuf or KML, by its name.
    sheet
        Sheet of a workbook; the first where not given.
    encoding
        Of CSV and Shapefile. Where not given: a byte-order mark, else UTF-8, else GB 18030.
    layer
        Layer of a file that has several, where one is wanted; of a KML every folder is read.

    Returns
    -------
    table
        A `GeoDataFrame` where the format has geometry. Text columns, ``""`` where nothing stands; the index is the row
        number as a spreadsheet shows it, or the number of the feature, from 1. Blank rows, titles above the header and
        subtotal rows are left out.
    findings
        What was left out, with counts.

    Raises
    ------
    InputError
        A file that is missing, empty, remote, corrupt or of another format, or has no rows.
    """
    file = checked_path(path)
    suffix = file.suffix.lower()
    findings: list[Finding] = []
    with readable(file, findings):
        if suffix in TEXT_SUFFIXES:
            table = table_of_rows(_csv_rows(file, encoding), file.name, findings)
        elif suffix in WORKBOOK_SUFFIXES:
            table = table_of_rows(_workbook_rows(file, sheet, findings), file.name, findings)
        elif suffix in GEO_SUFFIXES:
            table = _from_features(file, layer, encoding)
        else:
            hint = "; save it as .xlsx" if suffix == ".xls" else ""
            known = ", ".join((*TEXT_SUFFIXES, *WORKBOOK_SUFFIXES, *GEO_SUFFIXES))
            msg = f"{file.name}: unsupported format {suffix or '(no suffix)'}{hint}; expected one of {known}"
            raise InputError(msg)
    if table.empty:
        msg = f"{file.name}: no rows; expected at least one below the header"
        raise InputError(msg)
    return table, findings


def cell_text(value: Any) -> str:
    """Return a cell as the text a person would have typed: whole numbers without a point, nothing for nothing.

    Examples
    --------
    >>> [cell_text(v) for v in (330106000000.0, "001", 0.25, None, float("nan"), True)]
    ['330106000000', '001', '0.25', '', '', 'true']
    """
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _csv_rows(path: Path, encoding: str | None) -> list[list[str]]:
    text = _decoded(path.read_bytes(), encoding, path.name)
    if "\0" in text:
        msg = f"{path.name}: holds NUL characters; expected a text table (another format, or UTF-16 without its mark?)"
        raise InputError(msg)
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=head.count)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def _decoded(content: bytes, encoding: str | None, name: str) -> str:
    if encoding is None and content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    for known in (encoding,) if encoding else ("utf-8-sig", "gb18030"):
        try:
            return content.decode(known)
        except (UnicodeDecodeError, LookupError):
            continue
    msg = f"{name}: the text is not {encoding or 'UTF-8 or GB 18030'}; expected one of them, or UTF-16 with its mark"
    raise InputError(msg)


def _workbook_rows(path: Path, sheet: str | None, findings: list[Finding]) -> list[list[str]]:
    # An open file: openpyxl leaves one it opened itself dangling where the workbook is broken.
    with path.open("rb") as file, closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book:
        names = book.sheetnames
        if sheet is not None and sheet not in names:
            msg = f"{path.name}: no sheet {sheet!r}; it has {', '.join(names)}"
            raise InputError(msg)
        if sheet is None and len(names) > 1:
            message = (
                f"the first of {len(names)} sheets is read, {names[0]!r}; the others are not: {', '.join(names[1:6])}"
            )
            findings.append(Finding(code="other-sheets", source=path.name, message=message, count=len(names) - 1))
        chosen: Any = book[sheet or names[0]]
        chosen.reset_dimensions()
        return [[_shown(cell) for cell in row] for row in chosen.iter_rows()]


def _shown(cell: Any) -> str:
    """Return a cell of a workbook as its reader sees it: a number that is shown with leading zeros keeps them."""
    value = cell.value
    text = cell_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and _ZEROS.fullmatch(cell.number_format):
        return text.zfill(len(cell.number_format))
    return text


def _from_features(path: Path, layer: str | None, encoding: str | None) -> gpd.GeoDataFrame:
    frame = read_vector(path, layer=layer, encoding=encoding)
    frame = _without_empty_twins(frame) if path.suffix.lower() == ".kml" else frame
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
