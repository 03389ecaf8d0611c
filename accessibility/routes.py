"""The way from a place to the site it is nearest to, as pieces of streets and as a line."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.network import IMPASSABLE
from accessibility.search.packing import by_node
from accessibility.search.stops import NO_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accessibility.network import Network
    from accessibility.search import Standing

Leg = tuple[int, float, float]
_LOW = 0xFFFF_FFFF
_HIGH = _LOW << 32


@dataclass(frozen=True, kw_only=True)
class Route:
    """A way along streets.

    Parameters
    ----------
    site
        Row of the site it leads to.
    cost
        Milliseconds or centimetres, both access legs in.
    legs
        Edges in the order they are walked, each with the places along it where that begins and ends (0 to 1).
    """

    site: int
    cost: int
    legs: tuple[Leg, ...]

    def line(self, network: Network, begin: NDArray[np.float64], end: NDArray[np.float64]) -> Any:
        """Return the way as a shapely line in the network's coordinate system, from point to point."""
        import shapely  # noqa: PLC0415 -- `import accessibility` stays light
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


def trace_route(standing: Standing, person: int) -> Route | None:
    """Return the way of one person to their nearest open site; None where there is none.

    The standing says what every junction costs; the way follows junctions whose costs differ by exactly what the street
    between them costs.
    """
    label = int(standing.found[person])
    if label == int(NO_LABEL):
        return None
    row, edge = label & _LOW, int(standing.people.edge[person])
    here, there = float(standing.people.fraction[person]), float(standing.sites.fraction[row])
    if edge == standing.sites.edge[row] and _straight(standing, person, row) == label >> 32:
        return Route(site=row, cost=label >> 32, legs=((edge, here, there),))
    for end, cost in _to_ends(standing, person):
        node = int(standing.arcs.home[edge, end])
        if int(standing.labels[node]) + (cost << 32) == label:
            legs = _follow(standing, node, row)
            return Route(site=row, cost=label >> 32, legs=((edge, here, float(end)), *legs))
    msg = f"the way of person {person} to site {row} does not add up to {label >> 32}"
    raise AssertionError(msg)


def _follow(standing: Standing, first: int, row: int) -> list[Leg]:
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
            return [*_edges_between(standing, _way_to(node, before)), last]
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


def _edges_between(standing: Standing, way: list[int]) -> Iterator[Leg]:
    """Yield the cheapest edge between each node of a way and the next; from inside to the street there is none."""
    home, impedance = standing.arcs.home, standing.arcs.impedance
    rows = np.arange(len(home), dtype=np.uint32)
    start, incident = by_node(home.ravel(), np.repeat(rows, 2), len(standing.arcs))
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
