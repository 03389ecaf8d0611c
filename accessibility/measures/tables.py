"""The tables of a run: people by district, by demand point and by setting, and the headline sentence."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import InputError
from accessibility.geo.arrays import batches, finite_rows
from accessibility.geo.projection import WGS84
from accessibility.measures.inequalities import weighted_quantiles
from accessibility.standards import S_PER_MIN
from accessibility.wording import percent_text, share_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.service import Service
    from accessibility.standards import Standard, Walker

TOTAL = "total"
NO_DISTRICT = "(none)"
_COUNT_OF_KIND = {"outlets": "outlet", "partner_banks": "bank"}
_AT_ONCE = 1 << 22  # rows whose districts are told apart at once


OWN_COLUMNS = ("covered_own_walk", "covered_share_own_walk")
"""Columns of people covered where each group walks by its own walker, beside those of one walker for all."""
SERVED_COLUMNS = ("served", "served_share", "unserved")
"""Columns of people by whether the site that covers them has room for them, where sites have a capacity."""
CAPACITY_COLUMNS = ("id", "name", "kind", "district", "capacity", "covered", "served", "unserved", "used")
"""The columns of ``capacity.csv``."""


def district_columns(standard: Standard, *, served: bool = False) -> tuple[str, ...]:
    """Return the columns of ``districts.csv``: some for each setting, and how its distance reads in a straight line.

    Where sites have a capacity (`served`), `SERVED_COLUMNS` come last.

    Examples
    --------
    >>> from accessibility import Standard
    >>> [name for name in district_columns(Standard(rules={"core": 5, "hills": "8 km"})) if "_share" in name]
    ['covered_share', 'core_covered_share', 'hills_covered_share', 'hills_covered_share_radius']
    """
    return (
        *("district", "population", *(f"{setting}_people" for setting in standard.settings), "covered"),
        *("covered_share", *(f"{setting}_covered_share" for setting in standard.settings)),
        *(f"{setting}_covered_share_radius" for setting in standard.distance_settings),
        *("uncovered", "unreached", "walk_min_mean", "walk_min_p50", "walk_min_p90", "outlets", "partner_banks"),
        *(SERVED_COLUMNS if served else ()),
    )


class Counted(Protocol):
    """People whom the tables count: `Demand`, or those of an area larger than memory."""

    @property
    def population(self) -> NDArray[np.float64]:
        """``(n,)`` people."""

    @property
    def setting(self) -> Any:
        """``(n,)`` of the settings."""

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings, in the order of the tables."""

    @property
    def groups(self) -> Mapping[str, NDArray[np.float64]]:
        """Name to ``(n,)`` people of that group."""


class _Measured(Protocol):
    """What was measured: all, or an area larger than memory."""

    @property
    def demand(self) -> Counted:
        """Whom they are about."""

    @property
    def standard(self) -> Standard:
        """What near enough means."""

    @property
    def service(self) -> Service | None:
        """Who of the covered finds room; None where no site has a capacity."""


class Totals(_Measured, Protocol):
    """Sums of a `Coverage`, or of an area larger than memory."""

    @property
    def walker(self) -> Walker:
        """How people walk."""

    @property
    def population(self) -> float:
        """All people."""

    @property
    def covered_people(self) -> float:
        """People within the standard."""

    @property
    def uncovered_people(self) -> float:
        """People not within the standard."""

    @property
    def unreached_people(self) -> float:
        """People without a way to any site that counts."""

    @property
    def limited_people(self) -> float:
        """People with a limit of their own."""

    @property
    def share(self) -> float:
        """Covered people over all people."""

    @property
    def share_radius(self) -> float:
        """The share with every distance rule read as a straight line."""


class Figures(_Measured, Protocol):
    """What the tables read of a `Coverage`, or of an area larger than memory."""

    @property
    def covered(self) -> NDArray[np.bool_]:
        """``(n,)`` within the standard."""

    @property
    def covered_radius(self) -> NDArray[np.bool_]:
        """``(n,)`` the same with every distance rule read as a straight line."""

    @property
    def unreached(self) -> NDArray[np.bool_]:
        """``(n,)`` without a way."""

    @property
    def walk_s(self) -> NDArray[np.float64]:
        """``(n,)`` seconds to the nearest site."""


def district_table(
    coverage: Coverage, district: pd.Series[Any], site_district: pd.Series[Any], *, names: Sequence[Any]
) -> pd.DataFrame:
    """Return one row per district and a last row ``total``, with the `district_columns` of ``districts.csv``.

    People count by the rule of their setting; ``rural_covered_share_radius`` reads the rural distance as a straight
    line. Walking minutes are over all people: a quantile that falls on those without a path is missing, and the mean
    is over those with one. A share without people below it is missing. Shares are 0 to 1.

    Parameters
    ----------
    coverage
        Who is covered.
    district
        Name of the district of each demand point, keyed by demand id. People in none come in a row ``(none)``
        before the total, if there are any.
    site_district
        The same of each site, keyed by site id. Outlets and partner banks are the open sites of a district; the
        total counts all open ones, those outside every district too, for they serve people inside.
    names
        All districts, in the order of the rows; also those without people.

    Raises
    ------
    InputError
        A series that names an id twice, a district that is not in `names`, a name that stands there twice or is
        that of a row of the table.
    """
    rows = _rows_of_districts(coverage, district, names)
    is_open = coverage.sites.open
    open_sites = pd.DataFrame(
        {"kind": coverage.sites.kind[is_open], "row": _codes(site_district, coverage.sites.ids, names)[is_open]}
    )
    return tabulate_districts(coverage, rows, open_sites, names)


def tabulate_districts(
    figures: Figures, rows: NDArray[np.signedinteger[Any]], open_sites: pd.DataFrame, names: Sequence[Any]
) -> pd.DataFrame:
    """Return the table of `district_table`, where the district of everybody is known by its row.

    Parameters
    ----------
    figures
        Who is covered.
    rows
        ``(n,)`` row in `names` of the district of each demand point; -1 in none.
    open_sites
        ``kind`` and ``row`` of each site that counts.
    names
        All districts, in the order of the rows.
    """
    at = np.where(rows < 0, rows.dtype.type(len(names)), rows)
    table = pd.DataFrame([_figures(figures, here) for here in _rows_of_each(at, len(names) + 1)])
    del at
    table.insert(0, "district", [str(name) for name in names] + [NO_DISTRICT])
    for column, kind in _COUNT_OF_KIND.items():
        here = open_sites.loc[open_sites["kind"] == kind, "row"]
        table[column] = np.bincount(here % len(table), minlength=len(table))  # -1, no district, is the last row
    if not table["population"].iloc[-1] > 0:
        table = table.iloc[:-1]
    total: dict[str, Any] = {"district": TOTAL, **_figures(figures)}
    total |= {column: int((open_sites["kind"] == kind).sum()) for column, kind in _COUNT_OF_KIND.items()}
    columns = district_columns(figures.standard, served=figures.service is not None)
    return pd.DataFrame([*table.to_dict("records"), total], columns=list(columns))


def demand_table(coverage: Coverage, district: pd.Series[Any]) -> gpd.GeoDataFrame:
    """Return one row per demand point, in the order of the demand, with the columns of ``demand.parquet``.

    They are id (text), population, setting, district, nearest_site (the site that decides), walk_s, network_m,
    radius_m, covered, served (people who find room, where sites have a capacity) and geometry (points in EPSG:4326;
    none where the people have no place). Seconds and metres are each their own minimum, unbounded, and missing where
    there is no path.

    Parameters
    ----------
    coverage
        Who is covered.
    district
        Name of the district of each demand point, keyed by demand id.

    Raises
    ------
    InputError
        A series that names a demand point twice.
    """
    demand = coverage.demand
    lonlat = demand.lonlat
    placed = finite_rows(lonlat)
    points = np.full(len(demand), None, dtype=object)
    points[placed] = shapely.points(lonlat[placed])
    site_ids = np.array([*coverage.sites.ids, None], dtype=object)
    columns: dict[str, Any] = {
        "id": as_text(demand.ids),
        "population": demand.population,
        "setting": as_text(demand.setting),
        "district": as_text(values_by_id(district, demand.ids)),
        "nearest_site": as_text(site_ids[coverage.nearest]),
        "walk_s": coverage.walk_s,
        "network_m": coverage.metres,
        "radius_m": coverage.radius_m,
        "covered": coverage.covered,
        **({} if coverage.service is None else {"served": coverage.service.people}),
    }
    return gpd.GeoDataFrame(columns, geometry=points, crs=WGS84)


def capacity_table(service: Service, site_district: pd.Series[Any]) -> pd.DataFrame:
    """Return one row per site that counts, with `CAPACITY_COLUMNS`: its room, who comes, and who finds room.

    Parameters
    ----------
    service
        Who is covered and served.
    site_district
        Name of the district of each site, keyed by site id.
    """
    sites = service.coverage.sites
    rows = sites.open
    columns = {"id": as_text(sites.ids), "name": as_text(sites.name), "kind": as_text(sites.kind)}
    columns |= {"district": as_text(values_by_id(site_district, sites.ids)), **service.of_sites()}
    table = pd.DataFrame(columns)[list(CAPACITY_COLUMNS)][rows].reset_index(drop=True)
    return table.assign(capacity=table["capacity"].where(np.isfinite(table["capacity"])))


def values_by_id(series: pd.Series[Any], ids: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the value of each id; missing where the series does not name it.

    Raises
    ------
    InputError
        A series that names an id twice.
    """
    keys = pd.Index(ids)
    if series.index.equals(keys):
        return series.to_numpy(dtype=object)
    if not series.index.is_unique:
        twice = series.index[series.index.duplicated()]
        msg = f"series of districts names {len(twice)} ids more than once, first {twice[0]!r}; expected one an id"
        raise InputError(msg)
    found: NDArray[np.object_] = series.reindex(keys).to_numpy(dtype=object)
    return found


def as_text(values: NDArray[Any]) -> Any:
    """Return values as text, missing ones as missing, also where all of them are."""
    if pd.api.types.infer_dtype(values, skipna=True) == "string":
        return pd.array(values.astype(object), dtype="string")
    return pd.array([None if pd.isna(value) else str(value) for value in values], dtype="string")


def setting_table(coverage: Figures) -> pd.DataFrame:
    """Return one row per setting and a last row ``total``: people, covered, uncovered, unreached, both readings.

    ``covered_radius`` and ``covered_share_radius`` read every distance rule as a straight line. Where sites have a
    capacity, `SERVED_COLUMNS` come last.
    """
    settings = coverage.demand.settings
    parts = [*batches(len(coverage.covered))] or [slice(0)]
    by_part = [[_sums_of_setting(coverage, name, rows) for name in (*settings, None)] for rows in parts]
    rows = []
    for name, *several in zip((*settings, TOTAL), *by_part, strict=True):
        sums = _added(several)
        row = {
            "setting": name,
            "population": sums["population"],
            "covered": sums["covered"],
            "covered_share": share_of(sums["covered"], sums["population"]),
            "uncovered": sums["uncovered"],
            "unreached": sums["unreached"],
            "covered_radius": sums["covered_radius"],
            "covered_share_radius": share_of(sums["covered_radius"], sums["population"]),
            **_served(sums),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _sums_of_setting(coverage: Figures, setting: str | None, part: slice) -> dict[str, float]:
    """Return what `setting_table` adds up of some demand points: of those in a setting, or of all."""
    here = slice(None) if setting is None else coverage.demand.setting[part] == setting
    people, covered = coverage.demand.population[part][here], coverage.covered[part][here]
    rows_of: dict[str, Any] = {"population": slice(None), "covered": covered, "uncovered": ~covered}
    rows_of |= {name: getattr(coverage, name)[part][here] for name in ("unreached", "covered_radius")}
    sums = {name: float(people[rows].sum()) for name, rows in rows_of.items()}
    return sums if coverage.service is None else sums | {"served": float(coverage.service.people[part][here].sum())}


def speed_text(speed_m_s: float) -> str:
    """Return a speed with the decimals it has, one at least.

    Examples
    --------
    >>> speed_text(1), speed_text(0.85)
    ('1.0', '0.85')
    """
    return repr(float(speed_m_s))


def _rows_of_districts(coverage: Coverage, district: pd.Series[Any], names: Sequence[Any]) -> NDArray[np.intp]:
    """Return the row in `names` of the district of each demand point; -1 in none."""
    listed = pd.Index(list(names), dtype=object)
    reserved = [name for name in names if str(name) in (TOTAL, NO_DISTRICT)]
    if not listed.is_unique or reserved:
        twice = [*listed[listed.duplicated()].unique(), *reserved]
        rows = f"the rows {TOTAL!r} and {NO_DISTRICT!r}"
        msg = f"district names {twice[:10]!r} stand twice or are those of {rows}; expected a name a district"
        raise InputError(msg)
    codes = _codes(district, coverage.demand.ids, names)
    named = values_by_id(district, coverage.demand.ids)
    lost = (codes < 0) & pd.notna(named)
    if lost.any():
        found = f"{int(lost.sum())} demand points are in districts {list(dict.fromkeys(named[lost]))[:10]!r}"
        msg = f"{found}, which are not among the {len(listed)} of the table, first {list(listed[:3])!r}"
        raise InputError(msg)
    return codes


def _rows_of_each(at: NDArray[np.signedinteger[Any]], count: int) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each of so many districts, of as many at once as have `_AT_ONCE` rows together."""
    size = np.zeros(count, np.int64)
    for rows in batches(len(at)):
        size += np.bincount(at[rows], minlength=count)
    ends = np.cumsum(size)
    first = 0
    while first < count:
        room = ends[first] - size[first] + _AT_ONCE
        last = max(int(np.searchsorted(ends, room, side="right")), first + 1)
        here = np.flatnonzero((at >= first) & (at < last))
        order = here[np.argsort(at[here], kind="stable")]
        yield from np.split(order, np.cumsum(size[first:last])[:-1])
        first = last


def _figures(figures: Figures, rows: NDArray[np.intp] | slice = slice(None)) -> dict[str, Any]:
    """Return what the table says of some demand points, or of all, but for the counts of sites."""
    people, walk_s = figures.demand.population[rows], figures.walk_s[rows]
    parts = [*batches(len(people))] or [slice(0)]
    sums = _added(_sums(figures, part if isinstance(rows, slice) else rows[part]) for part in parts)
    percents = (50, 90)
    found = np.array(weighted_quantiles(walk_s, people, [percent / 100 for percent in percents])) / S_PER_MIN
    quantiles = {f"walk_min_p{percent}": value for percent, value in zip(percents, found.tolist(), strict=True)}
    whole, settings = sums["population"], figures.standard.settings
    shares = {"": settings, "_radius": figures.standard.distance_settings}
    return {
        **{name: sums[name] for name in ("population", "covered", "uncovered", "unreached")},
        **{f"{s}_people": sums["people", s] for s in settings},
        "covered_share": share_of(sums["covered"], whole),
        **{
            f"{s}_covered_share{how}": share_of(sums[f"covered{how}", s], sums["people", s])
            for how, of in shares.items()
            for s in of
        },
        "walk_min_mean": share_of(sums["walked"], sums["walking"]),
        **{name: value if np.isfinite(value) else float("nan") for name, value in quantiles.items()},
        **_served(sums),
    }


def _sums(figures: Figures, rows: NDArray[np.intp] | slice) -> dict[Any, float]:
    """Return what `_figures` adds up."""
    people, covered = figures.demand.population[rows], figures.covered[rows]
    setting, as_radius = figures.demand.setting[rows], figures.covered_radius[rows]
    minutes = figures.walk_s[rows] / S_PER_MIN
    reached = np.isfinite(minutes)
    of = {s: setting == s for s in figures.standard.settings}
    rows_of: dict[Any, Any] = {
        "population": slice(None),
        "covered": covered,
        "uncovered": ~covered,
        "unreached": figures.unreached[rows],
        "walking": reached,
        **{("people", s): here for s, here in of.items()},
        **{("covered", s): covered & here for s, here in of.items()},
        **{("covered_radius", s): as_radius & of[s] for s in figures.standard.distance_settings},
    }
    sums: dict[Any, float] = {name: float(people[here].sum()) for name, here in rows_of.items()}
    sums["walked"] = float(people[reached] @ minutes[reached])
    if figures.service is not None:
        sums["served"] = float(figures.service.people[rows].sum())
    return sums


def _added(several: Iterable[Mapping[Any, float]]) -> dict[Any, float]:
    """Return sums of several sums, each under its name."""
    found: dict[Any, float] = {}
    for sums in several:
        for name, value in sums.items():
            found[name] = found.get(name, 0.0) + value
    return found


def _served(sums: Mapping[Any, float]) -> dict[str, float]:
    """Return `SERVED_COLUMNS` of sums; nothing where no site has a capacity."""
    if "served" not in sums:
        return {}
    served, whole, covered = (sums[name] for name in ("served", "population", "covered"))
    return dict(zip(SERVED_COLUMNS, (served, share_of(served, whole), covered - served), strict=True))


def _codes(series: pd.Series[Any], ids: NDArray[np.object_], names: Sequence[Any]) -> NDArray[np.intp]:
    """Return the position in `names` of the district of each id; -1 in none of them."""
    found = pd.Index(values_by_id(series, ids), dtype=object)
    return np.array(pd.Index(list(names), dtype=object).get_indexer(found), dtype=np.intp)


_OLD = re.compile(r"(?<!\d)(60|65|70|75|80|85)(?!\d)|老|elder|senior", re.IGNORECASE)


def is_elderly(group: str) -> bool:
    """Return whether a group is of old people, by its name.

    Examples
    --------
    >>> [is_elderly(name) for name in ("60+", "aged 65 and over", "老年人", "elderly", "women", "0-14")]
    [True, True, True, True, False, False]
    """
    return _OLD.search(group) is not None


def group_table(coverage: Figures, slow: Figures, own: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return one row per group: its people, covered people and share, and for old people the same at their own speed.

    Parameters
    ----------
    coverage
        Who is covered.
    slow
        The same at the speed of old people, 0.8 m/s.
    own
        Covered people of each group by its own walker, where the study gives some group one.

    Returns
    -------
    table
        Indexed by group: population, covered, covered_share, covered_elderly, covered_share_elderly. The last two are
        missing for groups that `is_elderly` does not know, a share also where the group has nobody. Shares are 0 to 1.
        With `own` also `OWN_COLUMNS`.
    """
    rows = {}
    for name, people in coverage.demand.groups.items():
        whole, covered = float(people.sum()), float(people[coverage.covered].sum())
        old = float(people[slow.covered].sum()) if is_elderly(name) else math.nan
        rows[name] = {
            "population": whole,
            "covered": covered,
            "covered_share": share_of(covered, whole),
            "covered_elderly": old,
            "covered_share_elderly": share_of(old, whole),
        }
        if own is not None:
            rows[name] |= dict(zip(OWN_COLUMNS, (own[name], share_of(own[name], whole)), strict=True))
    columns = ["population", "covered", "covered_share", "covered_elderly", "covered_share_elderly"]
    columns += [] if own is None else OWN_COLUMNS
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("group")


def group_notes(table: pd.DataFrame, speed_m_s: float, slow_m_s: float) -> tuple[str, ...]:
    """Return one sentence per row of `group_table`, both parts of each share in it."""
    return tuple(_sentence(row, speed_m_s, slow_m_s) for row in table.reset_index().to_dict("records"))


def group_record(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return the rows of `group_table` for a manifest, what is missing as None."""
    told = table.drop(columns="covered_elderly")
    return {
        str(name): {str(column): None if math.isnan(value) else float(value) for column, value in row.items()}
        for name, row in told.to_dict("index").items()
    }


def _sentence(row: dict[Any, Any], speed_m_s: float, slow_m_s: float) -> str:
    if not row["population"] > 0:
        return f"{row['group']}: no one"
    of = f"of {row['population']:,.0f} people"
    first, second = percent_text(row["covered_share"]), f"({row['covered']:,.0f})"
    usual = f"covered at {speed_text(speed_m_s)} m/s"
    if math.isnan(row["covered_elderly"]) or speed_m_s == slow_m_s:
        return f"{row['group']}: {first} {of} {second} {usual}"
    slow = f"{percent_text(row['covered_share_elderly'])} {of} ({row['covered_elderly']:,.0f})"
    return (
        f"{row['group']}: {slow} covered at {speed_text(slow_m_s)} m/s; {first} {second} at {speed_text(speed_m_s)} m/s"
    )
