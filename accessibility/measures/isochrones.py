"""Isochrones: how far one comes on the way to a site within several limits, and how many people live there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.geo.projection import WGS84
from accessibility.measures.catchments import trace_catchments
from accessibility.measures.service_areas import trace_service_areas
from accessibility.standards import Standard

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.standards import Rule
    from accessibility.streets.network import Network

_S_PER_MIN = 60.0
_M_PER_KM = 1_000.0


def trace_isochrones(
    coverage: Coverage, network: Network, rules: Sequence[Rule], *, each: bool = False
) -> gpd.GeoDataFrame:
    """Return the areas from which the open sites are within each limit, together or of each site, and their people.

    Parameters
    ----------
    coverage
        People, sites, where they stand, and how people walk.
    network
        The streets the coverage was measured on.
    rules
        The limits.
    each
        Whether every site has areas of its own.

    Returns
    -------
    gpd.GeoDataFrame
        ``site`` (None where they are together), ``limit`` (minutes or kilometres), ``measure``, ``people``, geometry.
    """
    import geopandas as gpd  # noqa: PLC0415 -- `import accessibility` stays light
    import pandas as pd  # noqa: PLC0415

    measures = list(dict.fromkeys(rule.measure for rule in rules))
    rules = sorted(rules, key=lambda rule: (measures.index(rule.measure), rule.limit))  # as service areas come
    open_rows = np.flatnonzero(coverage.sites.open)
    groups = [(coverage.sites.ids[row], np.array([row])) for row in open_rows] if each else [(None, open_rows)]
    people = _people_within(coverage, network, rules, [rows for _, rows in groups])
    parts = []
    for place, (site, rows) in enumerate(groups):
        areas = trace_service_areas(coverage, network, rules, only=coverage.sites.ids[rows].tolist())
        columns = {
            "site": pd.Series([site] * len(rules), dtype=object),
            "limit": [rule.limit / (_S_PER_MIN if rule.measure == "walk" else _M_PER_KM) for rule in rules],
            "measure": [rule.measure for rule in rules],
            "people": people[place],
        }
        parts.append(gpd.GeoDataFrame(columns, geometry=areas.geometry.array, crs=WGS84))
    if not parts:
        columns = {name: pd.Series(dtype=kind) for name, kind in _EMPTY.items()}
        return gpd.GeoDataFrame(columns, geometry=[], crs=WGS84)
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=WGS84)


_EMPTY = {"site": object, "limit": np.float64, "measure": object, "people": np.float64}


def _people_within(
    coverage: Coverage, network: Network, rules: Sequence[Rule], groups: Sequence[NDArray[np.intp]]
) -> list[list[float]]:
    """Return, for each group of sites, how many people are within each limit of some site of it."""
    demand = coverage.demand
    found: list[list[float]] = [[] for _ in groups]
    for rule in rules:
        alike = Standard(urban=rule, town=rule, rural=rule)
        near = trace_catchments(network, demand, coverage.sites, alike, coverage.walker, coverage.snapped)
        for people, rows in zip(found, groups, strict=True):
            within = np.zeros(len(demand), np.bool_)
            for row in rows:
                within[near.of(row)] = True
            people.append(float(demand.population[within].sum()))
    return found
