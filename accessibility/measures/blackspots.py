"""Blackspots: clusters of uncovered people, ranked, with what stands nearest to them and what could be done."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from accessibility.errors import InputError, spell_number
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import NO_SITE, WGS84, distances, from_wgs84, transform, transform_shapes
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.inequalities import weighted_quantile
from accessibility.measures.surface import Footprint
from accessibility.measures.tables import is_elderly, values_by_id
from accessibility.standards import M_PER_KM, S_PER_MIN
from accessibility.streets.search.packing import label_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.streets.network import Network

MIN_PEOPLE = 500.0
"""How many people make a blackspot, if not said otherwise."""
BLACKSPOT_COLUMNS = (
    *("rank", "id", "people", "elderly_people", "unreached_people", "streetless_people", "points"),
    *("setting", "district", "lon", "lat", "gcj_lon", "gcj_lat"),
    *("outlet_id", "outlet_name", "outlet_kind", "outlet_min", "outlet_km", "outlet_straight_km"),
    *("bank_id", "bank_name", "bank_min", "bank_km", "bank_straight_km", "bank_people"),
    *("candidate_id", "candidate_name", "candidate_min", "candidate_km", "candidate_straight_km", "candidate_people"),
    "action",
)
"""Columns of a blackspot, in order; then the geometry."""
ACTIONS = ("agree-with-bank", "open-candidate", "extend-street", "new-counter")
_TEXTS = frozenset({"id", "name", "kind", "setting", "district", "action"})
_COUNTS = frozenset({"rank", "points"})
_HALF = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Blackspots:
    """Where the uncovered people are; the people of its parts add up to all uncovered people."""

    # a row a blackspot, the most people first, with `BLACKSPOT_COLUMNS` and a multipolygon (EPSG:4326)
    spots: gpd.GeoDataFrame
    link_m: float  # how far apart two neighbouring points of a cluster may stand
    # scattered_people, scattered_clusters: uncovered people in clusters too small for a blackspot, and how many such
    # clusters there are
    scattered_people: float
    scattered_clusters: int
    unplaced_people: float  # uncovered people without a place, in no cluster


def find_blackspots(
    coverage: Coverage,
    network: Network,
    district: pd.Series[Any] | None = None,
    *,
    min_people: float = MIN_PEOPLE,
    link_m: float | None = None,
) -> Blackspots:
    """Return the clusters of uncovered people, and what could be done about each.

    Points with uncovered people belong together where a chain of them leads from one to the other whose links are at
    most `link_m` long. One rule serves cells and points: of a grid it links the eight neighbours of a cell (its
    diagonal and a twentieth; of cells more than 1.6 times as high as wide also the next but one in the row), of other
    points those within 150 m.

    The suggested action is the first of these that holds:

    ``agree-with-bank``
        at least half the people have a bank branch that is no partner within the rule of their setting;
    ``open-candidate``
        at least half have a candidate site within it;
    ``extend-street``
        at least half live farther from any street than the snap limit: no site on a street reaches them;
    ``new-counter``
        else: a room has to be found.

    Parameters
    ----------
    coverage
        Who is covered today.
    network
        The streets it was measured on.
    district
        District of each demand point, keyed by demand id.
    min_people
        A cluster with fewer people is no blackspot.
    link_m
        Metres; found from the points if not given.

    Raises
    ------
    InputError
        A `min_people` or `link_m` that is no positive number (0 people is allowed), a series that names a demand
        point twice.
    """
    _check(min_people, link_m)
    footprint = Footprint.of(coverage)
    link_m = footprint.link_m if link_m is None else float(link_m)
    people = coverage.demand.population
    xy = transform(coverage.demand.xy, coverage.demand.crs, footprint.crs)
    uncovered = ~coverage.covered & (people > 0)
    placed = finite_rows(xy)
    rows = np.flatnonzero(uncovered & placed)
    clusters = _clusters(xy[rows], rows, link_m)
    size = [float(people[members].sum()) for members in clusters]
    large = [k for k, inside in enumerate(size) if inside >= min_people]
    large.sort(key=lambda k: (-size[k], clusters[k][0]))
    ground = _Ground.of(coverage, network, district, xy, footprint)
    return Blackspots(
        spots=_table([ground.describe(rank, clusters[k]) for rank, k in enumerate(large, start=1)]),
        link_m=link_m,
        scattered_people=float(sum(inside for inside in size if inside < min_people)),
        scattered_clusters=len(clusters) - len(large),
        unplaced_people=float(people[uncovered & ~placed].sum()),
    )


def _check(min_people: float, link_m: float | None) -> None:
    if not (math.isfinite(min_people) and min_people >= 0):
        msg = f"min_people is {spell_number(min_people)}; expected a finite number of people, 0 or more"
        raise InputError(msg)
    if link_m is not None and not (math.isfinite(link_m) and link_m > 0):
        msg = f"link_m is {spell_number(link_m)}; expected a positive, finite number of metres"
        raise InputError(msg)


def _clusters(xy: NDArray[np.float64], rows: NDArray[np.intp], link_m: float) -> list[NDArray[np.intp]]:
    """Return the demand rows of each cluster, in ascending order."""
    if not len(rows):
        return []
    label = label_components(len(rows), *cKDTree(xy).query_pairs(link_m, output_type="ndarray").T)
    order = np.argsort(label, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(label[order])) + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ground:
    """What is known of the ground that blackspots lie on."""

    coverage: Coverage  # today's
    # with_banks, with_candidates: coverages in which only bank branches that are no partners count, or only candidate
    # sites
    with_banks: Coverage
    with_candidates: Coverage
    district: NDArray[np.object_]  # (n,) name of the district of each demand point, missing where there is none
    elderly: NDArray[np.float64] | None  # (n,) old people; None where no group is of old people.
    # xy, footprint: (n, 2) places in the footprint's coordinate system, and what a point stands for
    xy: NDArray[np.float64]
    footprint: Footprint

    @classmethod
    def of(
        cls,
        coverage: Coverage,
        network: Network,
        district: pd.Series[Any] | None,
        xy: NDArray[np.float64],
        footprint: Footprint,
    ) -> _Ground:
        """Measure who would be covered by what does not count today."""
        shut = ~coverage.sites.open & ~coverage.sites.closed
        ids = coverage.demand.ids
        banks, candidates = (shut & (coverage.sites.kind == kind) for kind in ("bank", "new"))
        with_banks = _with(coverage, network, banks)
        return cls(
            coverage=coverage,
            with_banks=with_banks,
            with_candidates=_with(coverage, network, candidates) if (banks | candidates).any() else with_banks,
            district=np.full(len(ids), None, dtype=object) if district is None else values_by_id(district, ids),
            elderly=_elderly(coverage),
            xy=xy,
            footprint=footprint,
        )

    def describe(self, rank: int, members: NDArray[np.intp]) -> dict[str, Any]:
        """Return a row of the table."""
        demand = self.coverage.demand
        people = demand.population[members]
        total = float(people.sum())
        middle = (people @ self.xy[members]) / total
        central = int(members[np.hypot(*(self.xy[members] - middle).T).argmin()])
        lon, lat = (float(v) for v in transform(demand.xy[[central]], demand.crs, WGS84)[0])
        gcj_lon, gcj_lat = (float(v) for v in from_wgs84(lon, lat, "GCJ-02"))
        outlet, by_bank, by_new = (
            self._nearest(prefix, found, members, central)
            for prefix, found in (
                ("outlet", self.coverage),
                ("bank", self.with_banks),
                ("candidate", self.with_candidates),
            )
        )
        streetless = float(people[~self.coverage.snapped.demand.snapped[members]].sum())
        shape = shapely.union_all(self.footprint.cells(self.xy[members]))
        shape = shapely.simplify(shape, 0.04 * min(self.footprint.width_m, self.footprint.height_m))
        shape = transform_shapes(shape, self.footprint.crs, WGS84)
        return {
            "rank": rank,
            "id": f"at-{demand.ids[central]}",
            "people": total,
            "elderly_people": math.nan if self.elderly is None else float(self.elderly[members].sum()),
            "unreached_people": float(people[self.coverage.unreached[members]].sum()),
            "streetless_people": streetless,
            "points": len(members),
            "setting": _most(demand.setting[members], people),
            "district": _most(self.district[members], people),
            "lon": lon,
            "lat": lat,
            "gcj_lon": gcj_lon,
            "gcj_lat": gcj_lat,
            **outlet,
            **by_bank,
            **by_new,
            "action": _action(total, by_bank["bank_people"], by_new["candidate_people"], streetless),
            "geometry": shapely.multipolygons(shapely.get_parts(shape)),
        }

    def _nearest(self, prefix: str, found: Coverage, members: NDArray[np.intp], central: int) -> dict[str, Any]:
        """Return the site nearest to most of the people, and how far half of them have at most to their nearest."""
        people = found.demand.population[members]
        owner = found.nearest[members]
        by_path = owner != NO_SITE
        if by_path.any():
            site = int(np.bincount(owner[by_path], weights=people[by_path]).argmax())
        else:
            site = self._nearest_in_a_straight_line(found, central)
        there = site != NO_SITE
        row = {
            "id": str(found.sites.ids[site]) if there else None,
            "name": str(found.sites.name[site] or "") if there else None,
            "min": _median(found.walk_s[members] / S_PER_MIN, people),
            "km": _median(found.metres[members] / M_PER_KM, people),
            "straight_km": _median(found.radius_m[members] / M_PER_KM, people),
        }
        if prefix == "outlet":
            row["kind"] = str(found.sites.kind[site]) if there else None
        else:
            row["people"] = float(people[found.covered[members]].sum())
        return {f"{prefix}_{name}": value for name, value in row.items()}

    def _nearest_in_a_straight_line(self, found: Coverage, central: int) -> int:
        rows = np.flatnonzero(found.sites.open)
        if not rows.size:
            return NO_SITE
        here = transform(found.demand.xy[[central]], found.demand.crs, found.sites.crs)
        metres = distances(np.repeat(here, len(rows), axis=0), found.sites.xy[rows], found.sites.crs)
        return int(rows[metres.argmin()])


def _with(coverage: Coverage, network: Network, counting: NDArray[np.bool_]) -> Coverage:
    """Return the coverage in which only some sites count."""
    sites = replace(coverage.sites, open=counting)
    return measure_coverage(network, coverage.demand, sites, coverage.standard, coverage.walker, coverage.snapped)


def _elderly(coverage: Coverage) -> NDArray[np.float64] | None:
    """Return the group of old people that has the most people: 60+ includes 65+."""
    groups = {name: people for name, people in coverage.demand.groups.items() if is_elderly(name)}
    return max(groups.values(), key=lambda people: float(people.sum())) if groups else None


def _most(values: NDArray[Any], people: NDArray[np.float64]) -> str | None:
    """Return the value of most of the people, the first in the alphabet of several; None where none is known."""
    known = ~pd.isna(values)
    if not known.any():
        return None
    names, of = np.unique(values[known].astype(str), return_inverse=True)
    return str(names[np.bincount(of, weights=people[known]).argmax()])


def _median(values: NDArray[np.float64], people: NDArray[np.float64]) -> float:
    """Return what half of the people have at most; NaN where it falls on those who have none."""
    found = weighted_quantile(values, people, 0.5)
    return found if math.isfinite(found) else math.nan


def _action(people: float, by_bank: float, by_candidate: float, streetless: float) -> str:
    enough = (part >= _HALF * people for part in (by_bank, by_candidate, streetless))
    return next((word for word, holds in zip(ACTIONS, enough, strict=False) if holds), ACTIONS[-1])


def _table(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    kinds = {name: _column_type(name) for name in BLACKSPOT_COLUMNS}
    frame = pd.DataFrame(rows, columns=[*BLACKSPOT_COLUMNS, "geometry"]).astype(kinds)
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=WGS84)


def _column_type(name: str) -> str:
    if name in _COUNTS:
        return "int64"
    return "string" if name.rsplit("_", maxsplit=1)[-1] in _TEXTS else "float64"
