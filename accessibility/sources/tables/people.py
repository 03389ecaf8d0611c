"""People from a table of points, polygons or coordinates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

from accessibility.errors import Finding, InputError
from accessibility.sources.areas import rows_of_districts
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
    refuse_other_system,
    refuse_voids,
    report_parts,
    report_repeated,
    report_rounded,
    report_voids,
)
from accessibility.sources.tables.points import FALLBACK, TableSpec, has_places, locate_rows, outlines, unique_row_ids
from accessibility.sources.tables.precision import report_imprecise
from accessibility.sources.tables.reading import name_of, read_table
from accessibility.sources.tables.repeats import report_again
from accessibility.sources.tables.rows import settings_told
from accessibility.sources.tables.standing import report_uninhabited
from accessibility.standards import Rule

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.sources.spread import SamePlaces
    from accessibility.sources.tables.reading import HeldTable


_ROWS_EACH = 2.0  # of a district, on average
_ROUNDED_M = 1_000.0  # a step of coordinates that no grid for walks has
_UNREADABLE_SHARE = 0.05
_BY_FOUR = r"\s*[1-9]\d{0,3}(?:[,，]\d{4})+\s*"  # noqa: RUF001 -- as 万 and 亿 are grouped


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
    findings += report_uninhabited(table, values["population"], source)
    located = locate_rows(table, spec, source=source)
    findings += report_rounded(located.given, source, least_m=_ROUNDED_M)
    findings += [*located.findings, *report_imprecise(table, source, villages=False)]
    places = same_places(located.lonlat)
    findings += _piles(places, values["population"], ids, source)
    read = {column, own, spec.setting, spec.district, spec.limit, *spec.groups.values(), *_axes(table, spec, source)}
    findings += report_repeated(table, places, values["population"], read, source)
    findings += report_again(table, places, values["population"], read, source)
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
    fours = table[column].astype(str).str.fullmatch(_BY_FOUR).to_numpy(dtype=bool)
    if fours.any() and table.attrs.get("delimiter") != ";":
        text = rows_text(table[column], fours, "may have a comma of thousands or of decimals")
        msg = f"{source}: column {column!r}: {text}; expected people without one, such as 1234 or 1234.5"
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
