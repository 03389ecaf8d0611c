"""What a table says and cannot mean: rounded coordinates, two systems or places, numbers for nothing, sums of rows."""

from __future__ import annotations

import contextlib
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from accessibility.errors import Finding, InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import DATUMS, WGS84, geodesics, plain_datum, to_wgs84, transform
from accessibility.sources.quantities import ages_of
from accessibility.sources.tables.columns import SHOWN, attributes, find_column, parse_numbers, rows_text
from accessibility.sources.tables.rows import is_total
from accessibility.wording import plain_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from accessibility.sources.spread import SamePlaces


_DEGREES = (
    *((1.0, "1 degree"), (0.1, "0.1 degrees"), (1 / 60, "1 minute of arc")),
    *((0.01, "0.01 degrees"), (0.001, "0.001 degrees")),
)
_METRES = ((10_000.0, "10 km"), (1_000.0, "1 km"), (100.0, "100 m"))
_M_PER_DEGREE = 111_195.0
_DISTINCT = 4  # values of each axis: fewer may be round by chance, or on one road
_CLOSE = 2e-5  # of a step: decimals that a table leaves out


def report_rounded(xy: NDArray[np.float64], source: str, *, least_m: float) -> list[Finding]:
    """Return a finding where the coordinates of all rows are multiples of a step.

    Parameters
    ----------
    xy
        ``(n, 2)`` as they stand in the table, degrees or metres.
    source
        The file.
    least_m
        Steps smaller than this are no matter.
    """
    placed = xy[finite_rows(xy)]
    if min((len(np.unique(axis)) for axis in placed.T), default=0) < _DISTINCT:
        return []
    degrees = np.abs(placed).max() <= 180  # noqa: PLR2004 -- of longitude
    unit = _M_PER_DEGREE if degrees else 1.0
    for step, step_text in _DEGREES if degrees else _METRES:
        times = placed / step
        if step * unit >= least_m and (np.abs(times - np.rint(times)) < _CLOSE).all():
            metres = step * unit / np.sqrt(2)
            message = (
                f"the coordinates of all {len(placed)} rows are multiples of {step_text}: were they rounded? Then "
                f"places are up to {metres:,.0f} m off"
            )
            return [Finding(code="rounded-coordinates", source=source, message=message, count=len(placed))]
    return []


_MOST_VOIDS, _MOST_OF_A_CITY = (
    2e9,
    5e7,
)  # people: more than any country has, or any city; a province has more than a city
_VOIDS = (*(10.0**digits - 1 for digits in range(6, 10)), 8_888_888.0, 88_888_888.0)
_MAYBE = (9_999.0, 99_999.0, 32_767.0, 65_535.0, 88_888.0, 888_888.0)
_TIMES = 10.0  # as many as the next row
_WHOLE, _ROUNDING = 100.0, 0.05  # percentages of all, rounded to a decimal
_STEPS, _RISING, _FASTER = 7, 0.9, 3.0  # from row to row; of them rise; times as fast as in the first half
_FIRST = 3.0  # times the widest step, which is the people of a row as the first row of sums is


def are_voids(people: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return ``(n,)`` which numbers can only say that nothing is known.

    Examples
    --------
    >>> are_voids(np.array([99_999_999, 2_147_483_647, 999_999, 99_999, 126_012_510])).tolist()
    [True, True, True, False, False]
    """
    found: NDArray[np.bool_] = (people > _MOST_VOIDS) | np.isin(people, _VOIDS)
    return found


def refuse_voids(people: NDArray[np.float64], texts: pd.Series[Any], column: str, source: str) -> None:
    """Raise `InputError` where a number of people says that nothing is known.

    Parameters
    ----------
    people, texts
        ``(n,)`` the numbers, and the cells of the column that hold them.
    column, source
        The column and the file, for messages.
    """
    bad = are_voids(people)
    if bad.any():
        text = rows_text(texts, bad, "is no number of people")
        msg = f"{source}: column {column!r}: {text}; expected people, 0 or more, in each row"
        raise InputError(msg)


def _runs_up(people: NDArray[np.float64]) -> bool:
    """Return whether rows may be sums of all those so far: they never fall, nor rise faster and faster as if sorted."""
    step = np.diff(people)
    if len(step) < _STEPS or (step < 0).any() or (step > 0).mean() < _RISING:
        return False
    early, late = step[: len(step) // 2].mean(), step[len(step) // 2 :].mean()
    return bool(late < _FASTER * early and people[0] <= _FIRST * step.max())


def report_voids(people: NDArray[np.float64], texts: pd.Series[Any], column: str, source: str) -> list[Finding]:
    """Return a finding where numbers may be no people: one that tables write where nothing is known, none above 1.

    The first comes again, or stands far apart, or is more than a city has.
    """
    most = float(people.max(initial=0.0))
    if 0 < most < 1:
        message = f"column {column!r}: no row has a whole person, the most is {most:g}: are they thousands, or a share?"
        return [Finding(code="no-whole-person", source=source, message=message, count=len(people))]
    if abs(people.sum() - _WHOLE) < _ROUNDING * len(people) and (people % 1 != 0).any():
        message = (
            f"column {column!r} adds up to {people.sum():g} in {len(people)} rows: are they percentages of all people?"
        )
        return [Finding(code="adds-up-to-hundred", source=source, message=message, count=len(people))]
    if _runs_up(people):
        message = f"column {column!r}: no row has fewer people than the one before: are they sums of all rows so far?"
        return [Finding(code="running-sum", source=source, message=message, count=len(people))]
    voids = np.isin(people, _MAYBE) | (people > _MOST_OF_A_CITY)
    if not voids.any():
        return []
    numbers, count = np.unique(people[voids], return_counts=True)
    apart = numbers >= _TIMES * people[~voids].max(initial=0.0)
    odd = np.isin(people, numbers[(count > 1) | apart | (numbers > _MOST_OF_A_CITY)])
    if not odd.any():
        return []
    message = f"column {column!r}: {rows_text(texts, odd, 'may say that nothing is known')}: are they people?"
    lost = float(people[odd].sum())
    return [Finding(code="void-people", source=source, message=message, count=int(odd.sum()), people=lost)]


_SIZES = re.compile(r"\b(shape|area|perimeter|length|leng|fid|objectid|oid|gid)\b|面积|周长|序号")
_NAMED = 0.8  # of the other rows have a name of their own


def report_parts(
    table: pd.DataFrame, people: NDArray[np.float64], labels: NDArray[Any], read: Collection[str | None], source: str
) -> list[Finding]:
    """Return a finding where features repeat name, people and all else of another one: parts of one that was exploded.

    Parameters
    ----------
    table
        Any table; one without shapes has no parts.
    people, labels
        ``(n,)`` of each row, and its name; empty where it has none.
    read
        Columns that may differ from part to part: ids and coordinates.
    source
        The file, for messages.
    """
    named = pd.DataFrame({"label": labels, "people": people})
    if not isinstance(table, gpd.GeoDataFrame) or not named.duplicated().any():
        return []
    alike = [name for name in attributes(table) if name not in read and not _SIZES.search(plain_words(name))]
    again = table[alike].astype(str).reset_index(drop=True).assign(people=people).duplicated().to_numpy()
    again = again & (people > 0) & np.array([bool(label) for label in labels], dtype=np.bool_)
    others = named["label"][~again]
    if not 0 < again.sum() <= len(others) or others.nunique() < _NAMED * len(others):
        return []
    shown = ", ".join(dict.fromkeys(map(str, labels[again])))
    left = people[~again].sum()
    message = (
        f"{int(again.sum())} features have name, people and all else of another one ({shown}): are they parts of one "
        f"area that repeat its people? Without them {left:,.0f} people"
    )
    lost = float(people[again].sum())
    return [Finding(code="repeated-parts", source=source, message=message, count=int(again.sum()), people=lost)]


_COLUMN = re.compile(r"坐标(系|系统|系类型|类型|基准)?|datum|crs|srs|coord(inate)?s? ?(type|system|sys|ref|datum)")
_HEADINGS = {
    "GCJ-02": r"gcj|火星|高德|腾讯|国测局|amap|gaode|tencent",
    "BD-09": r"bd[ -]?0?9|百度|baidu",
    "WGS84": r"wgs",
}
_SAME = {"EPSG:4326": "WGS84", "EPSG:4490": "WGS84", "EPSG:4979": "WGS84"}  # within a metre


def refuse_other_system(
    table: pd.DataFrame, coordinates: str | None, columns: Mapping[str, str], *, source: str
) -> None:
    """Raise `InputError` where a table says that its coordinates are in another system than the study does.

    Parameters
    ----------
    table
        Cells as text.
    coordinates
        The system that the study says; WGS84 where it says none.
    columns
        What the study calls the columns of coordinates, by their meaning.
    source
        The file, for messages.
    """
    if isinstance(table, gpd.GeoDataFrame):
        return  # whose shapes have a system, and may have been moved into it
    declared = coordinates or "WGS84"
    ours = _plain(declared)
    keys = ("lon", "lat", "coordinates")
    headings = [find_column(table, key, source=source, given=columns.get(key)) for key in keys]
    for heading in filter(None, headings):
        said = datums_said(plain_words(heading))
        if len(said) == 1 and said[0] != ours:
            msg = (
                f"{source}: column {heading!r} speaks of {said[0]}, the study of {declared}; "
                f"expected coordinates = {said[0]!r}, or other columns"
            )
            raise InputError(msg)
    for column in attributes(table):
        if column in headings or not _COLUMN.fullmatch(plain_words(column)):
            continue
        known = {text: _plain(text) for text in map(str, table[column].unique())}
        other = np.array([_is_other(known[str(text)], ours) for text in table[column]], dtype=np.bool_)
        if other.any():
            text = rows_text(table[column], other, "names another coordinate system")
            msg = (
                f"{source}: column {column!r}: {text}; the study says {declared} of all rows; "
                "expected one system, or a table for each"
            )
            raise InputError(msg)


_SOURCE = re.compile(
    r"(数据|坐标|poi)?(来源|源)|((data|coordinates?|poi) )?(source|provider|origin)|备注|remarks?|notes?"
)
_WORD = 20  # letters of a cell that names where something comes from


def report_other_system(table: pd.DataFrame, coordinates: str | None, source: str) -> list[Finding]:
    """Return a finding where rows come from a map whose coordinates are in another system than the study says.

    Parameters
    ----------
    table
        Cells as text.
    coordinates
        The system that the study says; WGS84 where it says none.
    source
        The file, for messages.
    """
    if isinstance(table, gpd.GeoDataFrame):
        return []
    declared = coordinates or "WGS84"
    for column in attributes(table):
        if not _SOURCE.fullmatch(plain_words(column)):
            continue
        cells = table[column].astype(str)
        known = {text: datums_said(plain_words(text)) if len(text) <= _WORD else [] for text in cells.unique()}
        other = np.array([len(known[text]) == 1 and known[text][0] != declared for text in cells], dtype=np.bool_)
        if other.any():
            text = rows_text(cells, other, "names another coordinate system")
            message = f"column {column!r}: {text}; read as {declared} like all rows: is that right?"
            return [Finding(code="other-system-said", source=source, message=message, count=int(other.sum()))]
    return []


def datums_said(plain: str) -> list[str]:
    """Return the datums that the plain words of a heading speak of.

    Examples
    --------
    >>> datums_said("gcj lon"), datums_said("百度经度"), datums_said("lon")
    (['GCJ-02'], ['BD-09'], [])
    """
    return [datum for datum, words in _HEADINGS.items() if re.search(words, plain)]


def _is_other(said: str, ours: str) -> bool:
    return said != ours and (said in _HEADINGS or re.fullmatch(r"EPSG:\d+", said) is not None)


def _plain(name: str) -> str:
    """Return the datum, or the code of a projected system, that a name means; any other name as it is."""
    plain = plain_datum(name.strip()).upper()
    return _SAME.get(plain, plain)


_MOST = 0.8  # of the rows, and of the places that have each value
_NEARLY = 0.98  # of the places
_VALUES = 50
_YEAR = re.compile(r"(19|20)\d\d(\s*[-/.年]\s*\d{1,2}(\s*[-/.月]\s*\d{1,2}日?)?月?|年(度|末|底|初)?)?")
_GROUPS = re.compile(r"sex|gender|ages?|agegroups?|性别|年龄(段|组|分组)?|民族")
_EVERYBODY = re.compile(
    r"both( sexes)?|persons|people|all( (ages|sexes|persons|people))?|_?t|男女|不分(性别|年龄)|(全部|所有|各)年龄"
)
_DATED = re.compile(r"((data|census|survey|reference|ref) ?)?years?|(统计|数据|普查|调查|所属)?年[份度]?")


def report_repeated(
    table: pd.DataFrame,
    places: SamePlaces,
    people: NDArray[np.float64],
    read: Collection[str | None],
    source: str,
) -> list[Finding]:
    """Return a finding where each place has a row for every value of a column that is not read.

    Parameters
    ----------
    table
        Cells as text.
    places
        Which rows stand on one point.
    people
        ``(n,)`` of each row.
    read
        The columns that are read.
    source
        The file, for messages.

    Raises
    ------
    InputError
        The values are years, or ages that overlap, or one is called a sum of the others: the same people would be
        counted again and again.
    """
    rows, first = places
    count = np.diff(first, append=len(rows))
    if len(first) < 2 or count[count > 1].sum() < _MOST * len(rows):  # noqa: PLR2004 -- one place repeats nothing
        return _tell_years(table, read, source)
    place = np.repeat(np.arange(len(first)), count)
    for column in attributes(table):
        code, values = pd.factorize(table[column].to_numpy()[rows])
        fits = column not in read and 2 <= len(values) <= _VALUES and (code >= 0).all()  # noqa: PLR2004 -- differ
        if not fits or len(np.unique(place * len(values) + code)) < len(rows):
            continue
        if np.bincount(code).min() < _MOST * len(first):
            continue
        shown = ", ".join(map(str, values[:5]))
        _refuse_counted_again([str(value).strip() for value in values], column, shown, source)
        there = np.zeros((len(first), len(values)))
        there[place, code] = people[rows]
        half = _half_of_all(there)
        if half >= 0:
            message = (
                f"column {column!r}: {values[half]!r} has as many people at each place as all the others ({shown}) "
                "together: is it their sum?"
            )
            return [Finding(code="sum-of-others", source=source, message=message, count=len(first))]
        if not _GROUPS.fullmatch(plain_words(column).replace(" ", "")):
            message = (
                f"each place has a row for every value of column {column!r} ({shown}): their people are added up; are "
                "they the same people?"
            )
            return [Finding(code="rows-a-place", source=source, message=message, count=len(rows))]
    return _tell_years(table, read, source)


def _tell_years(table: pd.DataFrame, read: Collection[str | None], source: str) -> list[Finding]:
    """Return a finding where a column that is not read says that rows are of several years, wherever they stand."""
    for column in attributes(table):
        if column in read or not _DATED.fullmatch(plain_words(column)):
            continue
        values = [str(value).strip() for value in pd.unique(table[column])]
        if 2 <= len(values) <= _VALUES and all(map(_YEAR.fullmatch, values)):  # noqa: PLR2004 -- differ
            message = (
                f"column {column!r} has rows of {len(values)} years ({', '.join(sorted(values)[:5])}): are people of "
                "several years added up?"
            )
            return [Finding(code="several-years", source=source, message=message, count=len(table))]
    return []


def _refuse_counted_again(values: list[str], column: str, shown: str, source: str) -> None:
    """Raise `InputError` where values are years, or one of them is called a sum."""
    if all(map(_YEAR.fullmatch, values)):
        msg = f"{source}: column {column!r} has people of several years at each place ({shown}); expected one year"
        raise InputError(msg)
    spans = sorted((*span, value) for value in values if (span := ages_of(value)) is not None)
    for (_, high, one), (low, _, other) in pairwise(spans):
        if low < high:
            msg = f"{source}: column {column!r} has ages that overlap ({one}, {other}); expected ages without overlap"
            raise InputError(msg)
    of_groups = _GROUPS.fullmatch(plain_words(column).replace(" ", "")) is not None
    whole = next((value for value in values if is_total([value]) or (of_groups and _is_everybody(value))), "")
    if whole:
        msg = (
            f"{source}: column {column!r} has a sum at each place ({whole}) next to what it sums up ({shown}); "
            "expected one of both"
        )
        raise InputError(msg)


def _is_everybody(value: str) -> bool:
    return _EVERYBODY.fullmatch(plain_words(value)) is not None


def _half_of_all(people: NDArray[np.float64]) -> int:
    """Return the one value of which ``(places, values)`` people are as many as of all others; -1 where none is."""
    total = people.sum(axis=1)
    lived = people[total > 0]
    if len(lived) < 2 or people.shape[1] < 3:  # noqa: PLR2004 -- a sum of one is no sum
        return -1
    rounded = np.minimum(people.shape[1], 0.05 * lived + 1e-6)  # people, as sums of whole numbers are
    half = np.flatnonzero((np.abs(2 * lived - total[total > 0, None]) <= rounded).mean(axis=0) >= _NEARLY)
    return int(half[0]) if len(half) == 1 else -1


_APART_M, _ELSEWHERE_M = 100.0, 50_000.0
_ENOUGH = 1_000  # rows that tell how many decimals a column has
_PLANE = frozenset({"x", "y"})  # which may as well count pixels
_AXES = re.compile(r"(?P<lon>lon|lng|经度)|(?P<lat>lat|纬度)")


def report_two_places(
    table: pd.DataFrame, lonlat: NDArray[np.float64], columns: Mapping[str, str], *, source: str
) -> list[Finding]:
    """Return findings where columns of coordinates put rows elsewhere than their shapes or the columns that are read.

    Columns that are the places of shapes in another usual system contradict nothing.

    Parameters
    ----------
    table
        Any table.
    lonlat
        ``(n, 2)`` degrees that were read.
    columns
        Meaning to column name, where the names are unusual.
    source
        The file, for messages.
    """
    own = _own_columns(table, columns, source)
    told = [] if own is None or not isinstance(table, gpd.GeoDataFrame) or table.crs is None else [(own, DATUMS)]
    others = ((pair, (datum,)) for datum, pair in _datum_columns(table).items() if pair != own)
    for names, datums in (*told, *others):
        finding = _contradiction(table, lonlat, names, datums, source)
        if finding is not None:
            return [finding]
    return []


def _contradiction(
    table: pd.DataFrame, lonlat: NDArray[np.float64], names: tuple[str, str], datums: tuple[str, ...], source: str
) -> Finding | None:
    """Return a finding where two columns put rows elsewhere, in whichever of some systems fits best."""
    texts = [table[name].astype(str) for name in names]
    told = np.column_stack([parse_numbers(text, of="degrees")[0] for text in texts])
    rows = np.flatnonzero(finite_rows(told) & finite_rows(lonlat) & (told != 0).any(axis=1))
    if not rows.size:
        return None
    near_m = _APART_M + _sizes_m(table, rows) + _rounded_m(told[rows], texts)
    apart, off = np.zeros(len(rows)), np.ones(len(rows), np.bool_)
    for place in _readings(told[rows], getattr(table, "crs", None), datums):
        metres = geodesics(lonlat[rows], place)
        if (~(metres <= near_m)).sum() < off.sum() or not apart.any():
            apart, off = metres, ~(metres <= near_m)
        if not off.any():
            return None
    plane = _PLANE.issuperset(name.strip().casefold() for name in names)
    if not np.isfinite(apart[off]).any() or (plane and np.nanmedian(apart) > _ELSEWHERE_M):
        return None
    count = int(off.sum())
    shown = ", ".join(map(str, table.index[rows[off]][:SHOWN]))
    message = (
        f"columns {', '.join(names)} put {count} of {len(table)} rows elsewhere than what is read of them, up to "
        f"{np.nanmax(apart[off]):,.0f} m: rows {shown}: which of both is right?"
    )
    return Finding(code="two-places", source=source, message=message, count=count)


def _own_columns(table: pd.DataFrame, columns: Mapping[str, str], source: str) -> tuple[str, str] | None:
    """Return the usual columns of coordinates."""
    with contextlib.suppress(InputError):  # formulas, or a name that is not there, of columns that nobody reads
        lon, lat = (find_column(table, key, source=source, given=columns.get(key)) for key in ("lon", "lat"))
        return None if lon is None or lat is None else (lon, lat)
    return None


def _datum_columns(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the columns of longitude and latitude whose names speak of a system, by that."""
    found: dict[str, dict[str, str]] = {}
    for column in attributes(table):
        words = plain_words(column)
        axis, said = _AXES.search(words), datums_said(words)
        if axis is not None and len(said) == 1:
            found.setdefault(said[0], {}).setdefault(str(axis.lastgroup), column)
    return {datum: (pair["lon"], pair["lat"]) for datum, pair in found.items() if len(pair) > 1}


def _readings(
    told: NDArray[np.float64], system: object | None, datums: tuple[str, ...]
) -> Iterator[NDArray[np.float64]]:
    """Yield ``(n, 2)`` degrees of numbers, by each system and order of axes that they may be in."""
    crs = WGS84 if system is None else CRS(system)
    for xy in (told, told[:, ::-1]):
        if (np.abs(xy) <= (180.0, 90.0)).all():
            for datum in datums:
                yield np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], datum))
        elif crs.is_projected:
            yield transform(xy, crs, WGS84)


def _sizes_m(table: pd.DataFrame, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return half the size of each shape, in metres: the columns may have its middle."""
    if not isinstance(table, gpd.GeoDataFrame):
        return np.zeros(len(rows))
    west, south, east, north = shapely.bounds(table.geometry.to_numpy()[rows]).T
    unit = 1.0 if table.crs is not None and CRS(table.crs).is_projected else _M_PER_DEGREE
    half: NDArray[np.float64] = np.hypot(east - west, north - south) / 2 * unit
    return half


def _rounded_m(told: NDArray[np.float64], texts: list[pd.Series[str]]) -> float:
    """Return how far the decimals of numbers in degrees leave a place open."""
    decimals = max(len(text.partition(".")[2]) for column in texts for text in column.head(_ENOUGH))
    return np.sqrt(0.5) * _M_PER_DEGREE * 10.0**-decimals if np.abs(told).max() <= 180.0 else 0.0  # noqa: PLR2004 -- degrees
