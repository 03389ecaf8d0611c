"""Small graphs drawn at random, and plain Dijkstra on them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
from hypothesis import strategies as st
from pyproj import CRS

from accessibility.streets import search
from accessibility.streets.network import Network
from accessibility.streets.search.elimination import IMPASSABLE, Impedance

Place = tuple[int, float, int]  # edge, fraction, leg


@dataclass(frozen=True)
class World:
    nodes: int
    edges: list[tuple[int, int]]
    along: list[int]
    against: list[int]
    private: list[bool]
    sites: list[Place]
    people: list[Place]

    @property
    def network(self) -> Network:
        xy = np.random.default_rng(0).uniform(0, 1_000, (self.nodes, 2))
        return Network(
            node_xy=xy,
            edges=np.array(self.edges, np.int32),
            length_m=np.ones(len(self.edges)),
            private=np.array(self.private),
            crs=CRS.from_epsg(32649),
        )

    @property
    def impedance(self) -> Impedance:
        return Impedance(along=np.array(self.along, np.uint32), against=np.array(self.against, np.uint32))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw small graphs with loops, parallel and one-way edges, free edges, dead ends, islands and compounds."""
    nodes = draw(st.integers(1, 14))
    ends = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(ends, ends), min_size=1, max_size=28))
    cost = st.integers(0, 40) | st.integers(0, 10_000)
    along = draw(st.lists(cost, min_size=len(edges), max_size=len(edges)))
    other = st.sampled_from(["same", "closed", "else"])
    kinds = draw(st.lists(other, min_size=len(edges), max_size=len(edges)))
    against = [
        {"same": a, "closed": int(IMPASSABLE), "else": draw(cost)}[kind] for a, kind in zip(along, kinds, strict=True)
    ]
    private = draw(st.just([False] * len(edges)) | st.lists(st.booleans(), min_size=len(edges), max_size=len(edges)))
    fraction = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1)
    place = st.tuples(st.integers(-1, len(edges) - 1), fraction, st.integers(0, 50))
    on_street = place.map(lambda p: (-1 if private[p[0]] else p[0], *p[1:]))
    return World(
        nodes,
        edges,
        along,
        against,
        private,
        draw(st.lists(on_street, max_size=6)),
        draw(st.lists(place, min_size=1, max_size=8)),
    )


def stops(places: list[Place]) -> search.Stops:
    edge, fraction, leg = zip(*places, strict=True) if places else ((), (), ())
    return search.Stops(edge=np.array(edge, np.int32), fraction=np.array(fraction, float), leg=np.array(leg, np.uint32))


def part(cost: int, fraction: float) -> int:
    return int(np.floor(cost * fraction + 0.5))


def split_graph(world: World) -> nx.MultiDiGraph[Any]:
    """Return the walking graph with a node ("site", i) or ("person", i) wherever one stands on an edge.

    Every junction stands twice, inside compounds and on the street; people go from inside to the street, never back.
    """
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for node in range(world.nodes):
        graph.add_edge(("inside", node), ("street", node), w=0)
    for e, (u, v) in enumerate(world.edges):
        side = "inside" if world.private[e] else "street"
        here = [(f, ("site", i)) for i, (edge, f, _) in enumerate(world.sites) if edge == e]
        here += [(f, ("person", i)) for i, (edge, f, _) in enumerate(world.people) if edge == e]
        chain: list[tuple[float, Any]] = [(0.0, (side, u)), *sorted(here), (1.0, (side, v))]
        for (f, a), (g, b) in pairwise(chain):
            if world.along[e] != IMPASSABLE or f == g:
                graph.add_edge(a, b, w=0 if f == g else part(world.along[e], g) - part(world.along[e], f))
            if world.against[e] != IMPASSABLE or f == g:
                graph.add_edge(b, a, w=0 if f == g else part(world.against[e], g) - part(world.against[e], f))
    return graph


def oracle(world: World) -> list[tuple[int, int] | None]:
    """Return (cost, site) of each person by plain Dijkstra from the person, ties to the lower row."""
    graph = split_graph(world)
    found: list[tuple[int, int] | None] = []
    for i, (edge, _, leg) in enumerate(world.people):
        reach = nx.single_source_dijkstra_path_length(graph, ("person", i), weight="w") if edge >= 0 else {}
        options = [
            (int(reach[("site", s)]) + site_leg + leg, s)
            for s, (_, _, site_leg) in enumerate(world.sites)
            if ("site", s) in reach
        ]
        found.append(min(options) if options else None)
    return found
