"""The way from people to sites, as pieces of streets, as lines, and as a table of one row per pair."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import InputError
from accessibility.geo.projection import WGS84, transform, transform_shapes
from accessibility.standards import CM_PER_M, MS_PER_S
from accessibility.streets import search
from accessibility.streets.search.elimination import IMPASSABLE, by_node
from accessibility.streets.search.multisource import NO_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.streets.network import Network
    from accessibility.streets.search import Standing
    from accessibility.streets.search.packing import Arcs

    Incident = tuple[NDArray[np.uint32], NDArray[np.uint32]]

Leg = tuple[int, float, float]
_LOW = 0xFFFF_FFFF
_HIGH = _LOW << 32


@dataclass(frozen=True, kw_only=True)
class Route:
    """A way along streets."""

    site: int  # row of the site it leads to
    cost: int  # milliseconds or centimetres, both access legs in
    # edges in the order they are walked, each with the places along it where that begins and ends (0 to 1)
    legs: tuple[Leg, ...]

    def line(self, network: Network, begin: NDArray[np.float64], end: NDArray[np.float64]) -> Any:
        """Return the way as a shapely line in the network's coordinate system, from point to point."""
        from shapely.ops import substring  # noqa: PLC0415

        parts = [np.asarray(begin, dtype=np.float64).reshape(1, 2)]
        for edge, start, stop in self.legs:
            first, last = network.shape_start[edge], network.shape_start[edge + 1]
            whole = shapely.LineString(network.shape_xy[first:last])
            parts.append(shapely.get_coordinates(substring(whole, start, stop, normalized=True)))
        points = np.concatenate([*parts, np.asarray(end, dtype=np.float64).reshape(1, 2)])
        distinct = np.append(True, (np.diff(points, axis=0) != 0).any(axis=1))
        points = points[distinct]
        return shapely.LineString(points if len(points) > 1 else np.repeat(points, 2, axis=0))


def incident_edges(arcs: Arcs) -> Incident:
    """Return where the edges at each node begin, and the edges, node by node."""
    rows = np.arange(len(arcs.home), dtype=np.uint32)
    start, edges = by_node(arcs.home.ravel(), np.repeat(rows, 2), len(arcs))
    return start, edges


def trace_route(standing: Standing, person: int, incident: Incident | None = None) -> Route | None:
    """Return the way of one person to their nearest open site; None where there is none.

    The standing says what every junction costs; the way follows junctions whose costs differ by exactly what the street
    between them costs.
    """
    label = int(standing.found[person])
    if label == int(NO_LABEL):
        return None
    incident = incident_edges(standing.arcs) if incident is None else incident
    row, edge = label & _LOW, int(standing.people.edge[person])
    here, there = float(standing.people.fraction[person]), float(standing.sites.fraction[row])
    if edge == standing.sites.edge[row] and _straight(standing, person, row) == label >> 32:
        return Route(site=row, cost=label >> 32, legs=((edge, here, there),))
    for end, cost in _to_ends(standing, person):
        node = int(standing.arcs.home[edge, end])
        if int(standing.labels[node]) + (cost << 32) == label:
            legs = _follow(standing, node, row, incident)
            return Route(site=row, cost=label >> 32, legs=((edge, here, float(end)), *legs))
    msg = f"the way of person {person} to site {row} does not add up to {label >> 32}"
    raise AssertionError(msg)


def _follow(standing: Standing, first: int, row: int, incident: Incident) -> list[Leg]:
    """Return the legs from a node to the site that its label names, along arcs that cost what the labels differ by."""
    start, arcs = standing.arriving
    goals = {(node, cost): end for end, node, cost in _from_ends(standing, row)}
    before: dict[int, int | None] = {first: None}
    waiting = deque([first])
    while waiting:
        node = waiting.popleft()
        label = int(standing.labels[node])
        if (node, label >> 32) in goals:
            end = goals[node, label >> 32]
            last = (int(standing.sites.edge[row]), float(end), float(standing.sites.fraction[row]))
            return [*_edges_between(standing, _way_to(node, before), incident), last]
        for arc in arcs[start[node] : start[node + 1]].tolist():
            to = arc & _LOW
            if to not in before and int(standing.labels[to]) + (arc & _HIGH) == label:
                before[to] = node
                waiting.append(to)
    msg = f"the way from node {first} to site {row} does not add up"
    raise AssertionError(msg)


def _way_to(node: int | None, before: dict[int, int | None]) -> list[int]:
    way = []
    while node is not None:
        way.append(node)
        node = before[node]
    return way[::-1]


def _edges_between(standing: Standing, way: list[int], at: Incident) -> Iterator[Leg]:
    """Yield the cheapest edge between each node of a way and the next; from inside to the street there is none."""
    home, impedance = standing.arcs.home, standing.arcs.impedance
    start, incident = at
    for here, there in pairwise(way):
        options: list[tuple[int, Leg]] = []
        for edge in incident[start[here] : start[here + 1]].tolist():
            if home[edge, 0] == here and home[edge, 1] == there:
                options.append((int(impedance.along[edge]), (edge, 0.0, 1.0)))
            if home[edge, 1] == here and home[edge, 0] == there:
                options.append((int(impedance.against[edge]), (edge, 1.0, 0.0)))
        if options:
            yield min(options)[1]


def _to_ends(standing: Standing, person: int) -> Iterator[tuple[int, int]]:
    """Yield the ends of a person's edge that can be walked to, and what that costs, access leg in."""
    people = standing.people
    edge, fraction, leg = int(people.edge[person]), float(people.fraction[person]), int(people.leg[person])
    along, against = int(standing.arcs.impedance.along[edge]), int(standing.arcs.impedance.against[edge])
    for end, cost in ((0, against), (1, along)):
        if fraction == end:
            yield end, leg
        elif cost != IMPASSABLE:
            yield end, leg + (_part(cost, fraction) if end == 0 else cost - _part(cost, fraction))


def _from_ends(standing: Standing, row: int) -> Iterator[tuple[int, int, int]]:
    """Yield the ends of a site's edge from which it can be walked to, their nodes, and what that costs."""
    sites = standing.sites
    edge, fraction, leg = int(sites.edge[row]), float(sites.fraction[row]), int(sites.leg[row])
    along, against = int(standing.arcs.impedance.along[edge]), int(standing.arcs.impedance.against[edge])
    for end, cost in ((0, along), (1, against)):
        node = int(standing.arcs.street[edge, end])
        if fraction == end:
            yield end, node, leg
        elif cost != IMPASSABLE:
            yield end, node, leg + (_part(cost, fraction) if end == 0 else cost - _part(cost, fraction))


def _straight(standing: Standing, person: int, row: int) -> int | None:
    """Return what walking straight to a site on the person's own edge costs, None where nobody may walk that way."""
    edge = int(standing.people.edge[person])
    here, there = float(standing.people.fraction[person]), float(standing.sites.fraction[row])
    legs = int(standing.people.leg[person]) + int(standing.sites.leg[row])
    along, against = int(standing.arcs.impedance.along[edge]), int(standing.arcs.impedance.against[edge])
    cost = along if here < there else against
    if here == there:
        return legs
    return None if cost == IMPASSABLE else legs + abs(_part(cost, there) - _part(cost, here))


def _part(cost: int, fraction: float) -> int:
    return int(np.floor(cost * fraction + 0.5))


def trace_routes(coverage: Coverage, network: Network, pairs: pd.DataFrame | None, measure: str) -> gpd.GeoDataFrame:
    """Return the shortest way of each pair of a demand point and a site, as a line with its length, time and climb.

    Parameters
    ----------
    coverage
        People, sites, where they stand, and how people walk.
    network
        The streets it was measured on.
    pairs
        Columns ``cell`` and ``site``; each demand point with its nearest site that counts where None.
    measure
        ``walk`` for the quickest way, ``network`` for the shortest.

    Raises
    ------
    InputError
        A table without these columns, a demand point that is not there.
    UnknownSiteError
        A site that is not there.
    """
    party = _Party(coverage=coverage, network=network, on_foot=measure == "walk")
    found: list[dict[str, Any]] = []
    if pairs is None:
        people = np.arange(len(coverage.demand))
        found += party.walk(people, coverage.sites.open)
    else:
        persons, sites = _rows_of(coverage, pairs)
        order = np.argsort(sites, kind="stable")
        bounds = np.flatnonzero(np.diff(sites[order])) + 1
        for here in np.split(order, bounds) if len(order) else []:
            found += party.walk(persons[here], np.arange(len(coverage.sites)) == sites[here[0]])
        back = np.argsort(order)
        found = [found[place] for place in back.tolist()]
    lines = [row.pop("geometry") for row in found]
    kinds = {"cell": object, "site": object}
    columns = {
        name: pd.Series([row.get(name, np.nan) for row in found], dtype=kinds.get(name, np.float64))
        for name in _OF_ROUTES
    }
    table = pd.DataFrame(columns)
    return gpd.GeoDataFrame(table, geometry=lines, crs=WGS84)


_OF_ROUTES = ("cell", "site", "walk_s", "metres", "ascent_m", "descent_m")


def _rows_of(coverage: Coverage, pairs: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    missing = [name for name in ("cell", "site") if name not in pairs.columns]
    if missing:
        msg = f"pairs lack the column {missing[0]!r}; expected cell and site, as study.travel_times returns them"
        raise InputError(msg)
    persons = pd.Index(coverage.demand.ids).get_indexer(pd.Index(pairs["cell"], dtype=object))
    strange = np.flatnonzero(persons < 0)
    if strange.size:
        msg = f"pairs name the demand point {pairs['cell'].iloc[strange[0]]!r}; expected one of the study"
        raise InputError(msg)
    return persons, coverage.sites.rows(pairs["site"].tolist())


@dataclass(frozen=True, kw_only=True, eq=False)
class _Party:
    """People who walk to sites, by the quickest way or the shortest."""

    coverage: Coverage
    network: Network
    on_foot: bool

    def walk(self, people: NDArray[np.intp], is_open: NDArray[np.bool_]) -> list[dict[str, Any]]:
        """Return the way of each of some people to the nearest of some sites; without one only the cell is told."""
        network, now = self.network, self.coverage
        walker, snapped = now.walker, now.snapped
        arcs = network.packed.arcs(walker if self.on_foot else None, open_compounds=walker.open_compounds)
        leg = walker.leg_ms_per_m if self.on_foot else walker.leg_cm_per_m
        standing = search.stand(arcs, snapped.sites.stops(leg), is_open, snapped.demand.take(people).stops(leg))
        incident = incident_edges(arcs)
        begin = transform(now.demand.xy[people], now.demand.crs, network.crs)
        end = transform(now.sites.xy, now.sites.crs, network.crs)
        rows: list[dict[str, Any]] = []
        for place, person in enumerate(people.tolist()):
            route = trace_route(standing, place, incident)
            row: dict[str, Any] = {"cell": now.demand.ids[person], "site": None, "geometry": None}
            if route is not None:
                legs_m = float(snapped.demand.leg_m[person]), float(snapped.sites.leg_m[route.site])
                line = route.line(network, begin[place : place + 1], end[route.site : route.site + 1])
                row |= {"site": now.sites.ids[route.site], "geometry": transform_shapes(line, network.crs, WGS84)}
                row |= self._figures(route, sum(legs_m))
            rows.append(row)
        return rows

    def _figures(self, route: Route, legs_m: float) -> dict[str, float]:
        """Return seconds, metres, and metres up and down, of a way from home to site."""
        network, walker = self.network, self.coverage.walker
        edge, start, stop = (np.array(part) for part in zip(*route.legs, strict=True))
        part = np.abs(stop - start)
        rise = network.climb_m[edge].astype(np.float64) * (stop - start)
        metres = float((network.length_m[edge] * part).sum()) + legs_m * walker.leg_cm_per_m / CM_PER_M
        if self.on_foot:
            walk_s = route.cost / MS_PER_S
        else:
            cost = network.packed.arcs(walker, open_compounds=walker.open_compounds).impedance
            each = np.where(stop > start, cost.along[edge], cost.against[edge])
            walk_s = float((each * part).sum() + legs_m * walker.leg_ms_per_m) / MS_PER_S
        figures = {"walk_s": walk_s, "metres": metres if self.on_foot else route.cost / CM_PER_M}
        return figures | {"ascent_m": float(rise[rise > 0].sum()), "descent_m": float(-rise[rise < 0].sum())}
