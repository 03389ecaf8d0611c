"""A graph whose costs change from one question to the next: its junctions are eliminated once, then it is priced.

Which junctions are taken out, and what is linked in their place, hangs on the streets alone. Made at costs that leave
every way open, an order of elimination holds at any others: these go from link to link in that order, in one pass
(customizable contraction hierarchies: Dibbelt, Strasser and Wagner 2014).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.streets.search.compiling import helper, kernel
from accessibility.streets.search.elimination import IMPASSABLE, SLOTS, Impedance
from accessibility.streets.search.multisource import LOW
from accessibility.streets.search.packing import build_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import U32, U64
    from accessibility.streets.search.elimination import Hierarchy
    from accessibility.streets.search.packing import Graph, Layout

_PAIRS = 3  # of the neighbours of an eliminated junction
_32 = np.uint64(32)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Links:
    """Where the costs of a hierarchy stand: those up, those down, those of the core's arcs, and one that nobody reads.

    Parameters
    ----------
    hierarchy
        With every way open.
    edge
        ``(m, 2)`` uint32 of every edge, in the direction of the search: first node to second, and back.
    pair
        ``(e, 3, 2)`` uint32 of the link in the place of an eliminated node, for each two of its neighbours.
    """

    hierarchy: Hierarchy
    edge: NDArray[np.uint32]
    pair: NDArray[np.uint32]

    @classmethod
    def of(cls, hierarchy: Hierarchy, edges: NDArray[np.int32]) -> _Links:
        """Return the links of a hierarchy whose nodes the ends of edges are."""
        edge = np.empty((len(edges), 2), np.uint32)
        pair = np.empty((len(hierarchy.neighbour), _PAIRS, 2), np.uint32)
        _aim(hierarchy.place[edges], (hierarchy.neighbour, hierarchy.start, hierarchy.arcs), edge, pair)
        return cls(hierarchy=hierarchy, edge=edge, pair=pair)

    def priced(self, impedance: Impedance) -> Hierarchy:
        """Return the hierarchy at other costs of its edges; a way that nobody may walk is there, and leads nowhere."""
        made, (e, core) = self.hierarchy, (self.hierarchy.neighbour.size, self.hierarchy.arcs.size)
        cost = np.full(2 * e + core + 1, IMPASSABLE, np.uint32)
        _price((self.edge, self.pair), (impedance.along, impedance.against), cost)
        arcs = cost[2 * e : -1]
        passable = arcs[arcs != IMPASSABLE]
        return replace(
            made,
            up=cost[:e].reshape(-1, SLOTS),
            down=cost[e : 2 * e].reshape(-1, SLOTS),
            arcs=(arcs.astype(np.uint64) << _32) | (made.arcs & LOW),
            typical_arc=int(passable.mean()) if len(passable) else 1,
            longest_arc=int(passable.max(initial=1)),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Wiring:
    """A network's graph before it costs anything."""

    graph: Graph  # with every way open
    # streets, compounds: the links of its two hierarchies
    streets: _Links
    compounds: _Links

    def priced(self, impedance: Impedance) -> Graph:
        """Return the graph at these costs.

        Parameters
        ----------
        impedance
            ``(m,)`` costs of the edges of the network.
        """
        private = self.graph.private
        return replace(
            self.graph,
            impedance=impedance,
            hierarchy=self.streets.priced(impedance.of(~private) if private.any() else impedance),
            compounds=self.compounds.priced(impedance.of(private)),
        )


def wire(network: Layout, *, rank: NDArray[np.uint32] | None = None, open_compounds: bool = False) -> Wiring:
    """Return the graph of a network without its costs; the parameters are those of `build_graph`.

    Examples
    --------
    >>> from accessibility.streets.search.wiring import wire
    >>> graph = wire(road).priced(road.impedance())
    >>> found = search.read_labels(graph, search.nearest(graph, sites), sites, people)
    >>> search.split_labels(found)[0].tolist()
    [40000, 10000]
    """
    ones = np.ones(len(network.edges), np.uint32)
    open_ = Impedance(along=ones, against=ones)
    graph = build_graph(network, open_, rank=rank, open_compounds=open_compounds)
    private = graph.private
    within = np.searchsorted(graph.inside, network.edges[private]).astype(np.int32)
    return Wiring(
        graph=graph,
        streets=_Links.of(graph.hierarchy, network.edges[~private]),
        compounds=_Links.of(graph.compounds, within),
    )


@kernel
def _aim(ends: U32, hierarchy: tuple[U32, U32, U64], edge: U32, pair: U32) -> None:
    """Find the costs that edges give, and those that eliminated nodes hand on."""
    neighbour = hierarchy[0]
    for i in range(ends.shape[0]):
        edge[i, 0] = _place(hierarchy, ends[i, 0], ends[i, 1])
        edge[i, 1] = _place(hierarchy, ends[i, 1], ends[i, 0])
    for v in range(neighbour.shape[0]):
        for k in range(_PAIRS):
            one, other = neighbour[v, 0 if k < 2 else 1], neighbour[v, 1 if k == 0 else 2]  # noqa: PLR2004
            unused = v in (one, other)
            pair[v, k, 0] = _place(hierarchy, one, one if unused else other)
            pair[v, k, 1] = _place(hierarchy, other, other if unused else one)


@helper
def _place(hierarchy: tuple[U32, U32, U64], here: Any, there: Any) -> Any:
    """Return where the cost from one node to another stands; of a node to itself where nobody reads it."""
    neighbour, start, arcs = hierarchy
    e = neighbour.shape[0]
    low, high = min(here, there), max(here, there)
    if low == high:
        return 2 * neighbour.size + arcs.size
    if low < e:
        k = 0
        while neighbour[low, k] != high:
            k += 1
        return 3 * np.int64(low) + k + (0 if here == low else neighbour.size)
    i = np.int64(start[here - e])
    while (arcs[i] & LOW) != np.uint64(there - e):
        i += 1
    return 2 * neighbour.size + i


@kernel
def _price(links: tuple[U32, U32], costs: tuple[U32, U32], cost: U32) -> None:
    """Lower the costs to what edges cost, then to what it costs to pass through eliminated nodes, in their order."""
    (edge, pair), (along, against) = links, costs
    for i in range(along.size):
        # Walking along the edge arrives at its second node: the search leaves from there.
        there, back = np.uint64(edge[i, 0]), np.uint64(edge[i, 1])
        cost[there], cost[back] = min(cost[there], against[i]), min(cost[back], along[i])
    for v in range(pair.shape[0]):
        up = 3 * v
        down = up + 3 * pair.shape[0]
        for k in range(_PAIRS):
            one, other = (0 if k < 2 else 1), (1 if k == 0 else 2)  # noqa: PLR2004
            there, back = np.uint64(pair[v, k, 0]), np.uint64(pair[v, k, 1])
            through = np.uint64(cost[down + one]) + np.uint64(cost[up + other])
            cost[there] = np.uint32(min(np.uint64(cost[there]), through))
            through = np.uint64(cost[down + other]) + np.uint64(cost[up + one])
            cost[back] = np.uint32(min(np.uint64(cost[back]), through))
