"""People from a table of points, polygons or coordinates; people held against official totals of districts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.sources.areas import rows_of_districts
from accessibility.sources.checks import Finding
from accessibility.sources.quantities import refuse_no_persons, report_no_persons
from accessibility.sources.spread import may_be_sums, report_far_apart, report_wide, same_places
from accessibility.sources.tables.columns import (
    DIVISIONS,
    SHOWN,
    ambiguous_sign,
    check_meanings,
    find_column,
    numbers,
    require_column,
    rows_text,
)
from accessibility.sources.tables.plausibility import (
    are_voids,
    refuse_other_system,
    refuse_voids,
    report_parts,
    report_repeated,
    report_rounded,
    report_voids,
)
from accessibility.sources.tables.points import FALLBACK, TableSpec, has_places, locate_rows, outlines, unique_row_ids
from accessibility.sources.tables.reading import name_of, read_table
from accessibility.sources.tables.rows import settings_told
from accessibility.standards import Rule

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accessibility.sources.spread import SamePlaces
    from accessibility.sources.tables.reading import HeldTable


_ROWS_EACH = 2.0  # of a district, on average
_ROUNDED_M = 1_000.0  # a step of coordinates that no grid for walks has
_UNREADABLE_SHARE = 0.05


@dataclass(frozen=True, kw_only=True)
class PeopleSpec(TableSpec):
    """What a table of people holds, beside what `TableSpec` says of it."""

    column: str | None = None  # column of people; where not given, one with a usual name (population, 常住人口, ...)
    # id, setting, district, limit: names of these columns; an id is made from the row's number where there is none. A
    # limit is what is near enough for the people of a row, `10 min` or `3 km`, in place of the rule of their
    # setting.
    id: str | None = None
    setting: str | None = None
    district: str | None = None
    limit: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)  # name of a group (60+, say) to its column


@dataclass(frozen=True, kw_only=True)
class PeopleRows:
    """People of a table, a row each."""

    ids: pd.Index[Any]  # (n,)
    lonlat: NDArray[np.float64]  # (n, 2) degrees; NaN for a row without coordinates.
    # (n,) each: `population`; setting, district and limit where they are named; one per group; `label`, what may name
    # the district, from any column that has such a name; `shape`, in degrees, where rows are polygons
    columns: Mapping[str, NDArray[Any]]


def read_people_rows(
    path: str | os.PathLike[str] | HeldTable, spec: PeopleSpec, districts: gpd.GeoDataFrame | None = None
) -> tuple[PeopleRows, list[Finding]]:
    """Return people at places, and what was found.

    Parameters
    ----------
    path
        A table as `accessibility.sources.tables.reading.read_table` reads it.
    spec
        What it holds.
    districts
        Polygons in EPSG:4326 indexed by label: a table without coordinates is joined to them by code or name, and its
        people are those of a polygon.

    Returns
    -------
    people
        A row without coordinates keeps its people, who stay in the denominator.
    findings
        Rows without coordinates and their people; areas too wide for a walk; whatever was set aside.

    Raises
    ------
    InputError
        A column that is not there, people that are blank, negative or no number, ids that stand twice, coordinates
        that are swapped or in another system or mostly unreadable, nobody at all, and whatever `read_table` refuses.
    """
    source = name_of(path)
    check_meanings(spec.columns, source=source)
    table, findings = read_table(path, layer=spec.layer, sheet=spec.sheet, encoding=spec.encoding)
    column = require_column(table, "population", source=source, given=spec.column)
    refuse_no_persons(table, column, source)
    if districts is not None and not has_places(table, spec, source=source):
        row, more = rows_of_districts(table, districts, source=source, given=spec.district)
        more += _several_rows(row, districts, source)
        joined = districts.geometry.take(row).where(row >= 0)
        table = gpd.GeoDataFrame(table, geometry=joined.to_numpy(), crs=districts.crs)
        findings += more
    values: dict[str, Any] = {"population": _people(table, column, source)}
    findings += _by_points(table, column, source)
    findings += report_no_persons(table, column, source, given=spec.column is not None)
    findings += report_voids(values["population"], table[column], column, source)
    findings += _unread_settings(table, spec, source)
    if not values["population"].sum() > 0:
        msg = f"{source}: column {column!r} has no people in {len(table)} rows; expected people"
        raise InputError(msg)
    values |= _told_columns(table, spec, source)
    for group, name in spec.groups.items():
        values[group] = _people(table, require_column(table, "population", source=source, given=name), source)
        findings += report_voids(values[group], table[name], name, source)
        findings += _larger(values[group], values["population"], group, source)
    values["label"] = _labels(table, spec, source)
    own = find_column(table, "id", source=source, given=spec.id or spec.columns.get("id"))
    ids = unique_row_ids(table, own, letter="P", source=source)
    refuse_other_system(table, spec.coordinates, spec.columns, source=source)
    located = locate_rows(table, spec, source=source)
    findings += report_rounded(located.given, source, least_m=_ROUNDED_M)
    findings += located.findings
    places = same_places(located.lonlat)
    findings += _piles(places, values["population"], ids, source)
    read = {column, own, spec.setting, spec.district, spec.limit, *spec.groups.values(), *_axes(table, spec, source)}
    findings += report_repeated(table, places, values["population"], read, source)
    findings += report_parts(table, values["population"], values["label"], read - {column, spec.setting}, source)
    shapes = outlines(table, spec, source=source)
    if shapes is not None:
        values["shape"] = shapes
        findings += report_wide(shapes, values["population"], source)
    if may_be_sums(places, values["population"]):
        findings += report_far_apart(located.lonlat, values["population"], ids, source)
    unreadable = located.unreadable
    if int(unreadable.sum()) > max(1, _UNREADABLE_SHARE * len(table)):
        text = rows_text(located.texts, unreadable, "are no numbers")
        msg = f"{source}: coordinates of {text} ({int(unreadable.sum())} of {len(table)} rows); expected numbers"
        raise InputError(msg)
    findings += _unplaced(located.missing, values["population"], ids, source)
    return PeopleRows(ids=ids, lonlat=located.lonlat, columns=values), findings


def _several_rows(row: NDArray[np.intp], districts: gpd.GeoDataFrame, source: str) -> list[Finding]:
    """Return a finding where a few districts have several rows, and most have one: no table of villages looks so."""
    count = np.bincount(row[row >= 0], minlength=len(districts))
    twice = np.flatnonzero(count > 1)
    if not twice.size or count.sum() > _ROWS_EACH * np.count_nonzero(count):
        return []
    shown = ", ".join(map(str, districts.index[twice[:SHOWN]]))
    message = (
        f"{twice.size} districts have more than one row ({shown}): their people are added up; are they the same people?"
    )
    return [Finding(code="district-rows", source=source, message=message, count=twice.size)]


def _unread_settings(table: pd.DataFrame, spec: PeopleSpec, source: str) -> list[Finding]:
    """Return a finding where a column says settings, and the study takes them from elsewhere."""
    column = next(iter(settings_told(table, source).values()), None)
    if spec.setting is not None or column is None:
        return []
    message = (
        f"column {column!r} says who lives in town or country and is not read: settings come from elsewhere. Is that "
        "meant? Else [settlement] should name it"
    )
    return [Finding(code="setting-unread", source=source, message=message, count=len(table))]


def _axes(table: pd.DataFrame, spec: PeopleSpec, source: str) -> list[str | None]:
    axes = ("lon", "lat", "coordinates")
    return [find_column(table, axis, source=source, given=spec.columns.get(axis)) for axis in axes]


def _told_columns(table: pd.DataFrame, spec: PeopleSpec, source: str) -> dict[str, NDArray[Any]]:
    """Return setting, district and limit of the rows, of which the spec names a column."""
    named = {"setting": spec.setting, "district": spec.district, "limit": spec.limit}
    columns = {
        wanted: require_column(table, wanted, source=source, given=given)
        for wanted, given in named.items()
        if given is not None
    }
    found = {wanted: table[column].to_numpy() for wanted, column in columns.items()}
    return found | ({"limit": _limits(table, columns["limit"], source)} if "limit" in columns else {})


def _labels(table: pd.DataFrame, spec: PeopleSpec, source: str) -> NDArray[np.object_]:
    columns = [spec.district, *(find_column(table, name, source=source) for name in (*DIVISIONS, "address", "name"))]
    texts = [table[column].astype(str).tolist() for column in dict.fromkeys(columns) if column is not None]
    return np.array([" ".join(parts) for parts in zip(*texts, strict=True)] or [""] * len(table), dtype=object)


def _limits(table: pd.DataFrame, column: str, source: str) -> NDArray[np.object_]:
    """Return the limit of each row as it is written; empty where there is none."""
    texts = table[column].astype(str).str.strip()
    for text in dict.fromkeys(texts):
        try:
            Rule.of(text or "1 min")
        except InputError as error:
            bad = rows_text(texts, (texts == text).to_numpy(), "with no limit")
            msg = f"{source}: column {column!r}: {bad}; expected a time or a length such as 10 min or 3 km, or nothing"
            raise InputError(msg) from error
    return texts.to_numpy(dtype=object)


def _people(table: pd.DataFrame, column: str, source: str) -> NDArray[np.float64]:
    refuse_no_persons(table, column, source)
    texts = table[column]
    _refuse_shared(table, column, source)
    people = numbers(texts, source=source, column=column, of="people")
    for bad, what in ((~np.isfinite(people), "is blank"), (people < 0, "is negative")):
        if bad.any():
            msg = f"{source}: column {column!r}: {rows_text(texts, bad, what)}; expected people, 0 or more, in each row"
            raise InputError(msg)
    refuse_voids(people, texts, column, source)
    return people


def _refuse_shared(table: pd.DataFrame, column: str, source: str) -> None:
    """Raise `InputError` where a number of people may be of several rows, or a thousand times another one."""
    rows = table.attrs.get("spanned", {}).get(column, [])
    if rows:
        shown = ", ".join(map(str, rows[:SHOWN]))
        msg = (
            f"{source}: column {column!r}: {len(rows)} rows have no number of their own, a merged cell above reaches "
            f"over them: rows {shown}; expected people in each row"
        )
        raise InputError(msg)
    sign, unsure = ambiguous_sign(table[column])
    if sign == "," and table.attrs.get("delimiter") == ";":
        text = rows_text(table[column], unsure, "may have a comma of thousands or of decimals")
        msg = f"{source}: column {column!r}: {text}; expected people without one, such as 1234 or 1234.5"
        raise InputError(msg)


def _by_points(table: pd.DataFrame, column: str, source: str) -> list[Finding]:
    sign, unsure = ambiguous_sign(table[column])
    if sign != ".":
        return []
    text = rows_text(table[column], unsure, "have a point before three digits")
    message = f"column {column!r}: {text}; read as decimals: if it groups thousands, write the people without it"
    return [Finding(code="ambiguous-point", source=source, message=message, count=int(unsure.sum()))]


def _larger(group: NDArray[np.float64], people: NDArray[np.float64], name: str, source: str) -> list[Finding]:
    more = group > people
    if not more.any():
        return []
    message = f"{int(more.sum())} rows have more people in group {name!r} than people in all"
    return [Finding(code="group-above-population", source=source, message=message, count=int(more.sum()))]


def _piles(places: SamePlaces, people: NDArray[np.float64], ids: Any, source: str) -> list[Finding]:
    """Return a finding on points where more than three rows stand: a geocoder's way to say that it found the town."""
    rows, first = places
    count = np.diff(first, append=len(rows))
    if not (count > FALLBACK).any():
        return []
    piled = np.sort(rows[np.repeat(count > FALLBACK, count)])
    points, there = int((count > FALLBACK).sum()), float(people[piled].sum())
    shown = ", ".join(map(str, ids[piled][:5]))
    message = (
        f"{piled.size} rows with {there:,.0f} people stand on {points} point{'s' if points > 1 else ''}, more than "
        f"{FALLBACK} on each ({shown}): did a geocoder fall back to the middle of a town?"
    )
    return [Finding(code="people-on-one-point", source=source, message=message, count=piled.size, people=there)]


def _unplaced(missing: NDArray[np.bool_], people: NDArray[np.float64], ids: Any, source: str) -> list[Finding]:
    count, lost = int(missing.sum()), float(people[missing].sum())
    if not count:
        return []
    if count == len(missing):
        msg = f"{source}: no row has coordinates; expected them in most"
        raise InputError(msg)
    shown = ", ".join(map(str, ids[missing][:5]))
    message = (
        f"{count} of {len(missing)} rows have no coordinates ({shown}): their {lost:,.0f} people count as unreached"
    )
    return [Finding(code="people-without-place", source=source, message=message, count=count, people=lost)]


_PLAUSIBLE = (0.5, 2.0)  # a factor beyond says that file and totals are of different places, years or units
_ALIKE = (0.9, 1.1)
_SHOWN = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Reconciled:
    """People whose sums by district are the official totals."""

    # (n,) what each demand point is multiplied by, for its groups as for its people; 1 outside all districts
    factor: NDArray[np.float64]
    population: NDArray[np.float64]  # (n,) people, multiplied
    # (k,) official total over counted people of each district; NaN where nobody was counted.
    ratio: NDArray[np.float64]
    empty: NDArray[np.intp]  # rows of the districts that have an official total and nobody counted


def read_totals(area: gpd.GeoDataFrame, column: str, source: str) -> pd.Series[Any]:
    """Return the official people of each district, keyed by its name; NaN where the cell is blank.

    Raises
    ------
    InputError
        A column that is not there, cells that are no numbers, or are negative.
    """
    if column not in area.columns:
        there = ", ".join(str(c) for c in area.columns if c != area.geometry.name) or "none but the name"
        found = f"no column {column!r} of official totals; it has {there}"
        msg = f"{source}: {found}; name it: population = {{ totals = ... }}"
        raise InputError(msg)
    refuse_no_persons(area, column, source)
    cells = area[column]
    if not pd.api.types.is_numeric_dtype(cells):
        cells = pd.Series(numbers(cells.fillna(""), source=source, column=column), index=area.index)
    totals: pd.Series[Any] = cells.astype(np.float64)
    bad = (totals < 0) | are_voids(totals.to_numpy())
    if bad.any():
        msg = f"{source}: column {column!r} is {_listed(totals[bad], '{:,.10g}')}; expected people, 0 or more"
        raise InputError(msg)
    return totals


def reconcile_people(
    population: NDArray[np.float64], row: NDArray[np.intp], totals: pd.Series[Any], *, source: str
) -> tuple[Reconciled, list[Finding]]:
    """Return the people of each district multiplied by official total / counted people, and what was found.

    The sum of each district is then its total, to the rounding of floating point; the pattern inside it stays.

    Parameters
    ----------
    population
        ``(n,)`` people as counted, finite, 0 or more.
    row
        ``(n,)`` position in `totals` of the district of each point; -1 in none: such a point stays as it is.
    totals
        Official people, keyed by district; NaN where there is none.
    source
        The file of the people, for messages.

    Raises
    ------
    InputError
        Districts where people were counted that have no official total, or one of 0.

    Examples
    --------
    >>> people, _ = reconcile_people(np.array([1.0, 3.0]), np.array([0, 0]), pd.Series({"A": 8.0}), source="pop.tif")
    >>> people.population.tolist(), people.ratio.tolist()
    ([2.0, 6.0], [2.0])
    """
    counted = _counted(population, row, len(totals))
    scale, findings = Scale.of(counted, totals, source=source)
    people, factor = scale.scaled(population, row)
    found = Reconciled(factor=factor, population=people, ratio=scale.ratio, empty=scale.empty)
    none = (row < 0) & (population > 0)
    return found, findings + in_none(int(none.sum()), float(population[none].sum()), source)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """What people are multiplied by for the sums of districts to be the official totals."""

    # counted, official: (k,) people of each district as they were counted and as they should be
    counted: NDArray[np.float64]
    official: NDArray[np.float64]
    # ratio, empty: as `Reconciled` has them
    ratio: NDArray[np.float64]
    empty: NDArray[np.intp]

    @classmethod
    def of(cls, counted: NDArray[np.float64], totals: pd.Series[Any], *, source: str) -> tuple[Scale, list[Finding]]:
        """Return the scale of ``(k,)`` counted people, and what was found; refuses what `reconcile_people` does."""
        official = totals.to_numpy(dtype=np.float64)
        _refuse_untotalled(counted, totals, source)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(counted > 0, official / counted, np.nan)
        empty = np.flatnonzero((counted == 0) & (official > 0))
        found = cls(counted=counted, official=official, ratio=ratio, empty=empty)
        return found, _tell_reconciled(found, totals, float(counted.sum()), source)

    def scaled(
        self, population: NDArray[np.float64], row: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``(n,)`` people multiplied, and by what."""
        inside = (population > 0) & (row >= 0)
        # Divided first: a share of its district is at most 1 and cannot overflow, whatever the total.
        people = population.copy()
        people[inside] = population[inside] / self.counted[row[inside]] * self.official[row[inside]]
        factor = np.ones(len(population))
        factor[row >= 0] = np.nan_to_num(self.ratio, nan=1.0)[row[row >= 0]]
        return people, factor


def _refuse_untotalled(counted: NDArray[np.float64], totals: pd.Series[Any], source: str) -> None:
    wrong = (counted > 0) & ~(totals.to_numpy(dtype=np.float64) > 0)
    if wrong.any():
        lost = pd.Series(counted, index=totals.index)[wrong]
        msg = (
            f"{source}: {int(wrong.sum())} districts have people in it and no official total, or one of 0: "
            f"{_listed(lost, '{:,.0f} people')}; expected a total for each"
        )
        raise InputError(msg)


def compare_totals(
    population: NDArray[np.float64], row: NDArray[np.intp], totals: pd.Series[Any], *, source: str
) -> list[Finding]:
    """Return how far the people counted in each district are from its official total; nothing where there is none.

    Parameters
    ----------
    population, row, totals, source
        As `reconcile_people` takes them.
    """
    return compare_counts(_counted(population, row, len(totals)), totals, source=source)


def compare_counts(counted: NDArray[np.float64], totals: pd.Series[Any], *, source: str) -> list[Finding]:
    """Return what `compare_totals` does of ``(k,)`` people that were counted in each district."""
    official = totals.to_numpy(dtype=np.float64)
    known = np.isfinite(official)
    if not known.any():
        return []
    sums = f"{counted[known].sum():,.0f} people counted, {official[known].sum():,.0f} by the official totals"
    found = [Finding(code="totals-compared", source=source, message=f"{sums} of {int(known.sum())} districts")]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pd.Series(official / counted, index=totals.index)
    off = known & (counted + official > 0) & ~ratio.between(*_ALIKE).to_numpy()
    if off.any():
        message = (
            f"{int(off.sum())} districts have an official total that is not {_ALIKE[0]:g} to {_ALIKE[1]:g} times the"
            f" people counted: {_listed(ratio[off], '{:.2f}')}; population = {{ reconcile = true }} makes them equal"
        )
        found.append(Finding(code="totals-differ", source=source, message=message, count=int(off.sum())))
    return found


def _counted(population: NDArray[np.float64], row: NDArray[np.intp], districts: int) -> NDArray[np.float64]:
    inside = row >= 0
    return np.bincount(row[inside], weights=population[inside], minlength=districts).astype(np.float64)


def _tell_reconciled(found: Scale, totals: pd.Series[Any], counted: float, source: str) -> list[Finding]:
    official = float(totals.sum())
    ratios = pd.Series(found.ratio, index=totals.index).dropna()
    findings = []
    if len(ratios):
        spread = f"ratio {ratios.min():.2f} to {ratios.max():.2f}, median {ratios.median():.2f}"
        message = (
            f"{counted:,.0f} people multiplied to the official {official:,.0f} in {len(ratios)} districts: {spread}"
            f" ({_listed(ratios, '{:.2f}')})"
        )
        findings.append(Finding(code="reconciled", source=source, message=message, count=len(ratios), people=official))
    off = ratios[~ratios.between(*_PLAUSIBLE)]
    if len(off):
        message = (
            f"{len(off)} districts were multiplied by less than {_PLAUSIBLE[0]:g} or more than {_PLAUSIBLE[1]:g}: "
            f"{_listed(off, '{:.2f}')}; are file and totals of one place, one year and one unit?"
        )
        findings.append(Finding(code="ratio-out-of-range", source=source, message=message, count=len(off)))
    if found.empty.size:
        lost = totals.iloc[found.empty]
        message = (
            f"{len(lost)} districts have an official total and no people here: {_listed(lost, '{:,.0f} people')}; "
            "they stand at one point inside, their age groups unknown"
        )
        code, people = "district-without-people", float(lost.sum())
        findings.append(Finding(code=code, source=source, message=message, count=len(lost), people=people))
    return findings


def in_none(count: int, people: float, source: str) -> list[Finding]:
    """Return a finding where rows with people lie in no district."""
    if not count:
        return []
    message = (
        f"{count} rows with {people:,.0f} people are in no district: they count in addition to the official totals"
    )
    return [Finding(code="people-beside-totals", source=source, message=message, count=count, people=people)]


def _listed(values: pd.Series[Any], form: str) -> str:
    """Return the names and values of districts, the first ones and how many more."""
    shown = ", ".join(f"{name} {form.format(value)}" for name, value in values.head(_SHOWN).items())
    return shown + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")
