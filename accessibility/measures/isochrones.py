"""Isochrones: how far one comes on the way to a site within several limits, and how many people live there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.projection import WGS84
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.cutting import reached_edges
from accessibility.measures.service_areas import check_bands, trace_service_areas
from accessibility.standards import Rule, Standard
from accessibility.streets import search
from accessibility.streets.pieces import cut_out
from accessibility.streets.snapping import NOWHERE, Snapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites
    from accessibility.streets.network import Network

_S_PER_MIN = 60.0
_M_PER_KM = 1_000.0
_MOST = 0.25  # of the streets: cutting out more takes longer than passing over the others


def trace_isochrones(
    coverage: Coverage,
    network: Network,
    limits: Sequence[Rule | str | float] | Rule | str | float,
    *,
    each: bool = False,
) -> gpd.GeoDataFrame:
    """Return the areas from which the open sites are within each limit, together or of each site, and their people.

    Parameters
    ----------
    coverage
        People, sites, where they stand, and how people walk.
    network
        The streets the coverage was measured on.
    limits
        Several or one, as `Rule.of` reads them.
    each
        Whether every site has areas of its own.

    Returns
    -------
    gpd.GeoDataFrame
        ``site`` (None where they are together), ``limit`` (minutes or kilometres), ``measure``, ``people``, geometry.
    """
    import geopandas as gpd  # noqa: PLC0415 -- `import accessibility` stays light
    import pandas as pd  # noqa: PLC0415

    given = [limits] if isinstance(limits, Rule | str | int | float) else limits
    rules = [Rule.of(limit) for limit in given]
    measures = list(dict.fromkeys(rule.measure for rule in rules))
    rules = sorted(rules, key=lambda rule: (measures.index(rule.measure), rule.limit))  # as service areas come
    check_bands(rules)
    open_rows = np.flatnonzero(coverage.sites.open)
    groups = [(coverage.sites.ids[row], np.array([row])) for row in open_rows] if each else [(None, open_rows)]
    parts = []
    for site, rows in groups:
        alone = replace(coverage.sites, open=np.isin(np.arange(len(coverage.sites)), rows))
        people: list[float] = []
        areas: list[Any] = []
        for measure in measures:
            some = [rule for rule in rules if rule.measure == measure]
            if measure == "radius":
                here, streets = replace(coverage, sites=alone), network
                people += [_people_around(here, streets, rule) for rule in some]
            else:
                near = _Near.of(coverage, network, rows, some[-1])
                people += [near.people(rule) for rule in some]
                here, streets = near.cut(alone)
            areas += trace_service_areas(here, streets, some).geometry.tolist()
        columns = {
            "site": pd.Series([site] * len(rules), dtype=object),
            "limit": [rule.limit / (_S_PER_MIN if rule.measure == "walk" else _M_PER_KM) for rule in rules],
            "measure": [rule.measure for rule in rules],
            "people": people,
        }
        parts.append(gpd.GeoDataFrame(columns, geometry=areas, crs=WGS84))
    if not parts:
        columns = {name: pd.Series(dtype=kind) for name, kind in _EMPTY.items()}
        return gpd.GeoDataFrame(columns, geometry=[], crs=WGS84)
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=WGS84)


_EMPTY = {"site": object, "limit": np.float64, "measure": object, "people": np.float64}


def _people_around(coverage: Coverage, network: Network, rule: Rule) -> float:
    """Return how many people are within a radius of some open site."""
    people = coverage.demand.limited(None)
    alike = Standard(rules=dict.fromkeys(people.settings, rule))
    found = measure_coverage(network, people, coverage.sites, alike, coverage.walker, coverage.snapped)
    return found.covered_people


@dataclass(frozen=True, kw_only=True, eq=False)
class _Near:
    """What lies within a limit of some sites along the streets: all that is drawn and counted is worked out of this.

    Parameters
    ----------
    coverage, network
        The people and the streets.
    reached
        ``(m,)`` the edges that are reached, in part at least, or that a site stands on.
    cost
        ``(n,)`` milliseconds or centimetres of each demand point to the nearest of the sites, within the limit.
    """

    coverage: Coverage
    network: Network
    reached: NDArray[np.bool_]
    cost: NDArray[np.uint32]

    @classmethod
    def of(cls, coverage: Coverage, network: Network, rows: NDArray[np.intp], rule: Rule) -> _Near:
        """Search from some sites as far as a rule allows."""
        walker, at = coverage.walker, coverage.snapped
        on_foot = rule.measure == "walk"
        graph = network.packed.graph(walker if on_foot else None, open_compounds=walker.open_compounds)
        per_m = walker.leg_ms_per_m if on_foot else walker.leg_cm_per_m
        stops = at.sites.take(rows).stops(per_m)
        labels = search.nearest(graph, stops, limit=rule.cutoff)
        reached = reached_edges(graph, labels)
        reached[stops.edge[stops.edge >= 0]] = True
        there = (at.demand.edge >= 0) & reached[at.demand.edge]
        cost = np.full(len(there), search.UNREACHED)
        found = search.read_labels(graph, labels, stops, at.demand.take(there).stops(per_m))
        cost[there] = search.split_labels(found)[0]
        return cls(coverage=coverage, network=network, reached=reached, cost=cost)

    def people(self, rule: Rule) -> float:
        """Return how many people are within a limit, which is no farther than was searched."""
        return float(self.coverage.demand.population[self.cost <= min(rule.cutoff, int(search.UNREACHED) - 1)].sum())

    def cut(self, sites: Sites) -> tuple[Coverage, Network]:
        """Return the streets that are reached, all where these are most, and the sites on them without any people."""
        if self.reached.mean() > _MOST:
            return replace(self.coverage, sites=sites), self.network
        row = np.cumsum(self.reached, dtype=np.int32) - 1
        at, now = self.coverage.snapped.sites, self.coverage
        edge = np.where(sites.open & (at.edge >= 0), row[at.edge], np.int32(NOWHERE))
        nobody = np.empty(0, np.intp)
        snapped = Snapped(demand=now.snapped.demand.take(nobody), sites=replace(at, edge=edge))
        arrays = ("nearest", "walk_s", "metres", "radius_m", "covered", "covered_radius", "unreached")
        none = {name: getattr(now, name)[nobody] for name in arrays}
        found = replace(now, demand=now.demand.rows(nobody), sites=sites, snapped=snapped, **none)
        return found, cut_out(self.network, np.flatnonzero(self.reached))
