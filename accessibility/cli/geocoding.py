"""Addresses without coordinates: a workbook for a geocoder that answers in bulk, and its answer taken back."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import InputError, OutputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import DATUMS, plain_datum
from accessibility.sources.files import passing_folder, write_aside
from accessibility.sources.tables.columns import AXES, find_column, parse_numbers
from accessibility.sources.tables.points import TableSpec, has_places, locate_rows
from accessibility.sources.tables.reading import read_table
from accessibility.study.robustness import PRECISION
from accessibility.uncertainty.sources import FARTHEST_M, WAYS, way_of
from accessibility.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accessibility.wording import Language

_ASKED = ("number", "name", "address", "township", "lon", "lat", "datum", "precision")
_NUMBERS = ("序号", "no", "number")
_DATUM = ("坐标系", "datum", "坐标系统")
_SURENESS = ("confidence", "可信度", "置信度")
_LEVELS = (*PRECISION, "level", "匹配级别", "级别", "匹配精度", "地址类型")
_LARGER = ("province", "city", "district", "township")
_TWIN = re.compile(r" \(\d+\)$")  # what readers put behind a heading that stands twice
# What Baidu promises of its confidence: the least of it, and the metres that the place is off at most.
_PROMISED = ((100, 20), (90, 50), (80, 100), (75, 200), (70, 300), (60, 500), (50, 1_000), (40, 2_000), (30, 5_000))


@dataclass(frozen=True, kw_only=True)
class Geocoding:
    """What a list of addresses is made into.

    Examples
    --------
    >>> from accessibility.cli.geocoding import Geocoding
    >>> Geocoding(into="asked.xlsx").answer is None
    True
    """

    into: str | Path  # the workbook to write
    answer: str | Path | None = None  # the geocoder's answer; the list is only written for it if None
    coordinates: str | None = None  # the datum of the answer where no column says it
    within: str = ""  # what every address is in, for addresses that do not say it, as `重庆市万州区`
    language: Language = "en"  # of headings and notes
    overwrite: bool = False  # whether a file that is there may be replaced


@dataclass(frozen=True, kw_only=True)
class Geocoded:
    """What became of a list."""

    rows: int  # how many there are
    found: int  # how many of them have a place now
    exact: int  # how many of these the geocoder found by door or name, and not as the middle of something larger
    precision: str  # name of the column that says so


def run_geocoding(listed: str | Path, wanted: Geocoding) -> Geocoded:
    """Write a list of addresses as a workbook for a geocoder, or the list with the places of its answer.

    Parameters
    ----------
    listed
        The list: any table with a column of addresses, or of names.
    wanted
        What it is made into.

    Returns
    -------
    Geocoded
        How many rows there are, and how many have a place.

    Raises
    ------
    InputError
        A list without addresses, an answer without coordinates, in an unknown datum, or to another list.
    OutputError
        The workbook is there already, or cannot be written.
    """
    into, say = Path(wanted.into), Wording("console", wanted.language)
    if into.exists() and not wanted.overwrite:
        msg = f"{into} exists; expected another name, or --overwrite"
        raise OutputError(msg)
    table, _ = read_table(listed)
    source = Path(listed).name
    asked = _asked(pd.DataFrame(table).reset_index(drop=True), source, wanted, say)
    if wanted.answer is None:
        _write(into, {say("geocode_sheet"): asked, say("geocode_notes"): _notes(say)})
        there = int((asked[say("geocode_lon")] != "").sum())
        return Geocoded(rows=len(asked), found=there, exact=0, precision=say("geocode_precision"))
    placed = _answered(asked, Path(wanted.answer), wanted, say)
    dropped = {find_column(table, key, source=source) for key in AXES} | set(placed.columns)
    own = pd.DataFrame(table).reset_index(drop=True)
    own = own[[column for column in own.columns if column not in dropped and column != "geometry"]]
    whole = pd.concat([own, placed], axis=1)
    found = placed[say("geocode_lon")].notna()
    _write(into, {say("geocode_found"): whole[found], say("geocode_lost"): own[~found]})
    exact = placed[say("geocode_precision")].isin(WAYS) & found
    return Geocoded(rows=len(whole), found=int(found.sum()), exact=int(exact.sum()), precision=say("geocode_precision"))


def _asked(table: pd.DataFrame, source: str, wanted: Geocoding, say: Wording) -> pd.DataFrame:
    """Return what is asked of a geocoder: a row for each of the list, with its place where that is known."""

    def cells(key: str) -> pd.Series[Any]:
        column = find_column(table, key, source=source)
        return pd.Series([""] * len(table)) if column is None else table[column].astype(str).str.strip()

    addresses, names = cells("address"), cells("name")
    if not ((addresses != "") | (names != "")).any():
        msg = (
            f"{source}: no addresses and no names; it has {', '.join(map(str, table.columns))}; expected a column 地址"
        )
        raise InputError(msg)
    places = np.full((len(table), 2), np.nan)
    if has_places(table, TableSpec(), source=source):
        places = locate_rows(table, source=source).lonlat  # as they stand: nobody says in which datum
    larger = [cells(key) for key in _LARGER]
    text = {
        "number": [str(i) for i in range(1, len(table) + 1)],
        "name": names,
        "address": [
            _whole(address or name, [wanted.within, *parts])
            for address, name, *parts in zip(addresses, names, *larger, strict=True)
        ],
        "township": larger[-1],
        "lon": _degrees(places[:, 0]),
        "lat": _degrees(places[:, 1]),
        "datum": "",
        "precision": "",
    }
    return pd.DataFrame({say(f"geocode_{key}"): text[key] for key in _ASKED})


def _whole(address: str, larger: Sequence[str]) -> str:
    """Return an address with what it lies in before it, as far as it does not say that itself."""
    return "".join([part for part in larger if part and part not in address]) + address


def _degrees(values: NDArray[np.float64]) -> list[str]:
    return [f"{value:.6f}" if np.isfinite(value) else "" for value in values]


def _answered(asked: pd.DataFrame, path: Path, wanted: Geocoding, say: Wording) -> pd.DataFrame:
    """Return longitude, latitude (WGS 84), datum and precision of each row of the list; NaN where none was found."""
    answer, _ = read_table(path)
    table = pd.DataFrame(answer).reset_index(drop=True)
    table = table[[column for column in table.columns if (table[column].astype(str).str.strip() != "").any()]]
    # A column of the workbook that stayed empty is gone: what the geocoder put in one of the same name has it now.
    plain = {column: _TWIN.sub("", str(column)) for column in table.columns}
    alone = [new for new in plain.values() if list(plain.values()).count(new) == 1]
    table = table.rename(columns={old: new for old, new in plain.items() if new in alone})
    row = _rows(asked, table, path.name, say)
    lonlat = np.full((len(asked), 2), np.nan)
    ways = np.full(len(asked), "", dtype=object)
    datums = _datums(table, path.name, wanted)
    said = _ways(table, path.name)
    for datum in sorted(set(datums)):
        here = np.flatnonzero(datums == datum)
        located = locate_rows(table.iloc[here], TableSpec(coordinates=datum), source=path.name)
        lonlat[row[here]], ways[row[here]] = located.lonlat, said[here]
    lost = np.array([way == np.inf for way in ways]) | ~finite_rows(lonlat)
    lonlat[lost], ways[lost] = np.nan, ""
    columns = {"lon": np.round(lonlat[:, 0], 6), "lat": np.round(lonlat[:, 1], 6)}
    words = {"datum": np.where(lost, "", DATUMS[0]), "precision": ways}
    return pd.DataFrame({say(f"geocode_{key}"): values for key, values in {**columns, **words}.items()})


def _rows(asked: pd.DataFrame, table: pd.DataFrame, source: str, say: Wording) -> NDArray[np.intp]:
    """Return the row of the list that each row of an answer is to: by number, or by address where that stands once."""
    numbers = _named(table, _NUMBERS)
    if numbers is not None:
        values, bad = parse_numbers(table[numbers], of=None)
        row = np.where(bad | ~(values >= 1), -1, np.nan_to_num(values, nan=0) - 1).astype(np.intp)
    else:
        address = find_column(table, "address", source=source)
        if address is None:
            msg = (
                f"{source}: no column {_NUMBERS[0]} and no addresses; expected those of the workbook, kept as they are"
            )
            raise InputError(msg)
        index = pd.Index(asked[say("geocode_address")])
        row = np.where(
            table[address].isin(index[index.duplicated(keep=False)]), -1, index.get_indexer(pd.Index(table[address]))
        )
    strange = np.flatnonzero((row < 0) | (row >= len(asked)) | pd.Series(row).duplicated().to_numpy())
    if len(strange):
        found = ", ".join(map(str, table.iloc[strange[0]].tolist()[:3]))
        msg = f"{source}: {len(strange)} rows answer no row of the list, or one twice, first {found}; expected one each"
        raise InputError(msg)
    return row.astype(np.intp)


def _datums(table: pd.DataFrame, source: str, wanted: Geocoding) -> NDArray[np.object_]:
    """Return the datum of each row of an answer: what it says itself, else what is said of all."""
    column = _named(table, _DATUM)
    said = table[column].astype(str).str.strip() if column else pd.Series([""] * len(table))
    datums = [plain_datum(text or wanted.coordinates or "") for text in said]
    missing = locate_rows(table, source=source).missing
    for number, (datum, nowhere) in enumerate(zip(datums, missing.tolist(), strict=True), start=1):
        if not nowhere and datum not in DATUMS:
            told, known = repr(datum) if datum else "a datum that nothing says", ", ".join(DATUMS)
            msg = (
                f"{source}: row {number} is in {told}; expected {known} in the column {_DATUM[0]}, or for all of them"
                " with --coordinates"
            )
            raise InputError(msg)
    return np.array([datum if datum in DATUMS else DATUMS[0] for datum in datums], dtype=object)


def _ways(table: pd.DataFrame, source: str) -> NDArray[np.object_]:
    """Return how each coordinate of an answer came about, or the metres it may be off: infinite where it is none."""
    sureness, level = _named(table, _SURENESS), _named(table, _LEVELS)
    if level is not None:
        found = [_geocoded(way_of(cell)) for cell in table[level]]
        if None in found:
            word = table[level].iloc[found.index(None)]
            msg = f"{source}: column {level!r} says {word!r}; expected {', '.join(WAYS)}, metres, or 门牌号 to 区县"
            raise InputError(msg)
        return np.array(found, dtype=object)
    if sureness is not None:
        values, _ = parse_numbers(table[sureness], of=None)
        metres = [next((float(m) for least, m in _PROMISED if value >= least), np.inf) for value in values]
        return np.array(["geocoded" if np.isnan(v) else m for v, m in zip(values, metres, strict=True)], dtype=object)
    return np.full(len(table), "geocoded", dtype=object)


def _geocoded(way: str | float | None) -> str | float | None:
    """Return what a geocoder that says nothing of a row has done."""
    return "geocoded" if way == "unknown" else way


def _named(table: pd.DataFrame, names: Sequence[str]) -> str | None:
    there = {str(column).strip().casefold(): str(column) for column in table.columns}
    return next((there[name] for name in names if name in there), None)


def _notes(say: Wording) -> pd.DataFrame:
    lines = [say(f"geocode_note_{key}", datums=", ".join(DATUMS), km=FARTHEST_M / 1_000) for key in ("lon", "datum")]
    return pd.DataFrame({say("geocode_notes"): [*lines, say("geocode_note_precision"), say("geocode_note_back")]})


def _write(path: Path, sheets: Mapping[str, pd.DataFrame]) -> None:
    """Write tables as sheets of a workbook: texts stay texts, numbers numbers."""
    import xlsxwriter  # noqa: PLC0415 -- only where one is written

    content = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with passing_folder() as parts:
        book = xlsxwriter.Workbook(content, options | {"tmpdir": str(parts)})
        bold = book.add_format({"bold": True})
        for name, table in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, list(map(str, table.columns)), bold)
            for number, row in enumerate(table.itertuples(index=False), start=1):
                sheet.write_row(number, 0, row)
            sheet.freeze_panes(1, 0)
            sheet.autofit(400)
        book.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(path) as aside:
        aside.write_bytes(content.getvalue())
