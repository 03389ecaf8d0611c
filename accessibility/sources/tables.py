"""Tables from files: every cell as text first, so that codes keep their zeros; numbers are parsed strictly later."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import warnings
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.columns import JOINER

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
GEO_SUFFIXES = (".geojson", ".json", ".gpkg", ".parquet", ".geoparquet", ".shp", ".kml", ".fgb")

_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]+:/|^/vsi", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+|\d{1,3}(,\d{3})+(\.\d*)?)([eE][+-]?\d+)?")
_BLANK = frozenset({"", "nan", "null", "none", "n/a", "na", "<na>", "-", "--", "—", "/", "无"})
_TOTALS = frozenset({"total", "totals", "subtotal", "sub-total", "grandtotal", "sum"})
_TOTAL_ENDINGS = ("合计", "小计", "总计")
_SHOWN = 10
_SCIENTIFIC = re.compile(r"\d(?:\.(\d+))?[eE]\+?(\d{1,2})")
_CODE_DIGITS = 10  # shorter ones are people or money, and spreadsheets show them in full


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
            msg = f"{path.name}: cannot be read as {path.suffix or 'a table'} ({type(error).__name__}: {error})"
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
        Layer of a GeoPackage or KML.

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
            table = _from_rows(_csv_rows(file, encoding), file, findings)
        elif suffix in WORKBOOK_SUFFIXES:
            table = _from_rows(_workbook_rows(file, sheet, findings), file, findings)
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


def parse_numbers(texts: pd.Series[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return ``(n,)`` numbers, NaN where the cell is blank or no number, and where it is neither.

    Full-width digits and thousands commas are read; anything else beside a number, such as ``121.47E``, is none.

    Examples
    --------
    >>> values, bad = parse_numbers(pd.Series(["12.5", "1,234", "", "121.47E"]))
    >>> values.tolist(), bad.tolist()
    ([12.5, 1234.0, nan, nan], [False, False, False, True])
    """
    values, bad = np.full(len(texts), np.nan), np.zeros(len(texts), dtype=np.bool_)
    for row, text in enumerate(texts):
        plain = unicodedata.normalize("NFKC", str(text)).strip()
        if _NUMBER.fullmatch(plain):
            values[row] = float(plain.replace(",", ""))
            bad[row] = not np.isfinite(values[row])
        else:
            bad[row] = plain.casefold() not in _BLANK
    values[bad] = np.nan
    return values, bad


def numbers(texts: pd.Series[Any], *, source: str, column: str) -> NDArray[np.float64]:
    """Return ``(n,)`` numbers, NaN where the cell is blank.

    Raises
    ------
    InputError
        Cells that hold something else; the message has their rows (the index of `texts`).
    """
    values, bad = parse_numbers(texts)
    if bad.any():
        msg = f"{source}: column {column!r}: {rows_text(texts, bad, 'is not a number')}; expected numbers"
        raise InputError(msg)
    return values


def rows_text(texts: pd.Series[Any], bad: NDArray[np.bool_], what: str) -> str:
    """Return how many cells are bad, and the first ones: their rows and what they hold."""
    shown = ", ".join(f"row {row} {value!r}" for row, value in texts[bad].head(_SHOWN).items())
    count = int(bad.sum())
    return f"{count} cell{'' if count == 1 else 's'} {what}: {shown}{', ...' if count > _SHOWN else ''}"


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
        return [[cell_text(value) for value in row] for row in chosen.iter_rows(values_only=True)]


def _from_rows(rows: Sequence[Sequence[str]], path: Path, findings: list[Finding]) -> pd.DataFrame:
    """Return the rows below the header; the header is the first row with two filled cells, or the first filled one."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    first = next((at for at, count in enumerate(filled) if count > 0), None)
    if first is None:
        msg = f"{path.name}: no rows; expected a header and at least one row"
        raise InputError(msg)
    header = next((at for at, count in enumerate(filled) if count > 1), first)
    aside: dict[str, list[int]] = {"title-row": [at + 1 for at in range(header) if filled[at]]}
    heading, header = _heading(rows, header, findings, path)
    names = _header(heading, findings, path)
    kept: dict[int, list[str]] = {}
    for at in range(header + 1, len(rows)):
        cells = [cell.strip() for cell in rows[at]]
        if any(cells[len(names) :]):
            msg = f"{path.name}: row {at + 1} has {len(cells)} cells under {len(names)} columns; expected as many"
            raise InputError(msg)
        if not filled[at]:
            aside.setdefault("blank-row", []).append(at + 1)
        elif _is_total(cells):
            aside.setdefault("subtotal-row", []).append(at + 1)
        else:
            kept[at + 1] = (cells + [""] * len(names))[: len(names)]
    trailing = [row for row in aside.get("blank-row", []) if row > max(kept, default=0)]
    aside["blank-row"] = [row for row in aside.get("blank-row", []) if row not in set(trailing)]
    for code, numbers_ in aside.items():
        if numbers_:
            shown = ", ".join(map(str, numbers_[:_SHOWN]))
            message = f"{len(numbers_)} {code.replace('-', ' ')}s set aside: rows {shown}"
            findings.append(Finding(code=code, source=path.name, message=message, count=len(numbers_)))
    table = pd.DataFrame.from_dict(kept, orient="index", columns=names, dtype=object)
    findings += _shortened_codes(table, path)
    return table


def _heading(
    rows: Sequence[Sequence[str]], header: int, findings: list[Finding], path: Path
) -> tuple[Sequence[str], int]:
    """Return the names of the columns and the last row of the heading: two where names stand over groups of names.

    The second row is one of names if it fills gaps of the first, holds no number, and has numbers somewhere below it.
    """
    width = max(len(row) for row in rows)
    upper, lower, data = (
        [" ".join(cell.split()) for cell in row] + [""] * (width - len(row))
        for row in (*rows[header : header + 3], [], [])[:3]
    )
    fills = any(low and not up for up, low in zip(upper, lower, strict=True))
    numeric = any(_NUMBER.fullmatch(unicodedata.normalize("NFKC", low)) for low in lower)
    above = any(
        low and re.search(r"\d", cell) and not re.search(r"\d", low) for low, cell in zip(lower, data, strict=True)
    )
    if not fills or numeric or not above:
        return rows[header], header
    names, group = [], ""
    for up, low in zip(upper, lower, strict=True):
        group = up if up and low else "" if up else group
        names.append(f"{group}{JOINER}{low}" if group and low not in ("", group) else low or up)
    message = f"rows {header + 1} and {header + 2} are read as one heading: {', '.join(filter(None, names))}"
    findings.append(Finding(code="two-row-heading", source=path.name, message=message))
    return names, header + 1


def _shortened_codes(table: pd.DataFrame, path: Path) -> list[Finding]:
    """Return findings on codes that a spreadsheet wrote as 3.30106E+11: the digits that it left out are lost."""
    findings = []
    for column in table.columns:
        found = [_SCIENTIFIC.fullmatch(text) for text in table[column]]
        lost = np.array([m is not None and len(m[1] or "") < int(m[2]) >= _CODE_DIGITS - 1 for m in found], dtype=bool)
        if lost.any():
            what = "is a code" if lost.sum() == 1 else "are codes"
            text = rows_text(table[column], lost, f"{what} in scientific notation")
            message = (
                f"column {column!r}: {text}; the last digits are lost and the text is kept as it is: "
                "format the column as text and export it again"
            )
            findings.append(
                Finding(code="code-in-scientific", source=path.name, message=message, count=int(lost.sum()))
            )
    return findings


def _header(cells: Sequence[str], findings: list[Finding], path: Path) -> list[str]:
    width = max((at + 1 for at, cell in enumerate(cells) if cell.strip()), default=0)
    names: list[str] = []
    for at, cell in enumerate(cells[:width]):
        name = " ".join(cell.split()) or f"column {at + 1}"
        if name in names:
            message = f"column {name!r} stands twice; the one further right is read as '{name} ({at + 1})'"
            findings.append(Finding(code="duplicate-column", source=path.name, message=message))
            name = f"{name} ({at + 1})"
        names.append(name)
    return names


def _is_total(cells: Sequence[str]) -> bool:
    first = next(cell for cell in cells if cell)
    plain = re.sub(r"[\s:]", "", unicodedata.normalize("NFKC", first)).casefold()
    return plain in _TOTALS or plain.endswith(_TOTAL_ENDINGS)


def _from_features(path: Path, layer: str | None, encoding: str | None) -> gpd.GeoDataFrame:
    if path.suffix.lower() in (".parquet", ".geoparquet"):
        frame = gpd.read_parquet(path)
    else:
        options: dict[str, Any] = {} if layer is None else {"layer": layer}
        if path.suffix.lower() == ".shp":
            options["encoding"] = encoding or _shapefile_encoding(path)
        frame = gpd.read_file(path, engine="pyogrio", **options)
    if not isinstance(frame, gpd.GeoDataFrame):
        msg = f"{path.name}: the layer has no geometry; expected points or polygons"
        raise InputError(msg)
    texts = {
        str(column): [cell_text(value) for value in frame[column].astype(object)]
        for column in frame.columns
        if column != frame.geometry.name
    }
    table = gpd.GeoDataFrame(texts, geometry=frame.geometry.to_numpy(), crs=frame.crs, dtype=object)
    table.index = pd.RangeIndex(1, len(table) + 1)
    return table


def _shapefile_encoding(path: Path) -> str | None:
    """Return the encoding of a Shapefile's texts: what its .cpg says, else UTF-8 where they are, else GBK."""
    texts = path.with_suffix(".dbf")
    if any(path.with_suffix(suffix).is_file() for suffix in (".cpg", ".CPG")) or not texts.is_file():
        return None
    content = texts.read_bytes()
    try:
        content[int.from_bytes(content[8:10], "little") :].decode("utf-8")
    except UnicodeDecodeError:
        return "GBK"
    return "UTF-8"
