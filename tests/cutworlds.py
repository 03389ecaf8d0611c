"""The way from every place along every street to the nearest site, by networkx: what a cut at a limit is held to."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import networkx as nx

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from accessibility import Network

SitePlace = tuple[int, float, float]
"""Edge, place along it, centimetres of the access leg."""


def ways(network: Network, sites: Iterable[SitePlace], places: Sequence[float]) -> dict[tuple[int, float], float]:
    """Return the centimetres from `places` (ascending, 0 and 1 among them) along every edge to the nearest site.

    People walk out of compounds and never through them; one-way edges are walked one way.
    """
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for node in range(len(network.node_xy)):
        graph.add_edge(("inside", node), ("street", node), w=0)
    on = {(edge, place) for edge, place, _ in sites}
    for e, (u, v) in enumerate(network.edges.tolist()):
        side = "inside" if network.private[e] else "street"
        along = sorted({*places, *(place for edge, place in on if edge == e)})
        chain = [((side, u), 0.0), *(((e, f), f) for f in along), ((side, v), 1.0)]
        for (a, f), (b, g) in pairwise(chain):
            step = (g - f) * network.length_m[e] * 100
            graph.add_edge(a, b, w=step)
            if not network.oneway[e] or f == g:
                graph.add_edge(b, a, w=step)
    for edge, place, leg in sites:
        graph.add_edge((edge, place), "site", w=leg)
    graph.add_node("site")
    found = nx.single_source_dijkstra_path_length(graph.reverse(), "site", weight="w")
    far = float("inf")
    return {(e, f): found.get((e, f), far) for e in range(len(network.edges)) for f in places}
