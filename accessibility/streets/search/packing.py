"""A network packed for the kernels: reversed, along a Hilbert curve, as a `Graph` or plain `Arcs`; each made once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from accessibility.geo.arrays import Memo, extent
from accessibility.streets.search.compiling import kernel
from accessibility.streets.search.elimination import (
    IMPASSABLE,
    SLOTS,
    Hierarchy,
    Impedance,
    Ladder,
    build_ladder,
    by_node,
    eliminate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.standards import Walker
    from accessibility.streets.search.compiling import I32, U32, U64, Flags

_32 = np.uint64(32)
_1 = np.uint64(1)
_LOW = np.uint64(0xFFFF_FFFF)


class Layout(Protocol):
    """What a search reads of a network: its junctions, its edges, and where only residents walk."""

    @property
    def node_xy(self) -> NDArray[np.float64]:
        """``(n, 2)`` places of the junctions."""

    @property
    def edges(self) -> NDArray[np.int32]:
        """``(m, 2)`` rows of `node_xy`."""

    @property
    def private(self) -> NDArray[np.bool_]:
        """``(m,)`` whether only residents may walk an edge."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A network under one impedance, reversed and packed for the kernels."""

    edges: NDArray[np.int32]  # (m, 2) node rows of the network
    private: NDArray[np.bool_]  # (m,) whether only residents may walk an edge
    impedance: Impedance  # the costs of the edges
    hierarchy: Hierarchy  # eliminated junctions and the core of the streets
    inside: NDArray[np.int32]  # (i,) node rows that private edges touch, in ascending order
    compounds: Hierarchy  # the hierarchy of the private edges alone, its nodes the rows of `inside`
    # (m, 2) uint32 which label each end of an edge has, as a person sees it: inside, where the edge is private
    ends: NDArray[np.uint32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Arcs:
    """A network under one impedance, reversed, every junction kept: for searches that stay near where they begin.

    The nodes are the junctions of the streets along the Hilbert curve, then those that private edges touch, once more:
    whoever is inside a compound walks out at no cost, and nobody walks in.
    """

    impedance: Impedance  # (m,) costs of the edges, walked along and against
    street: NDArray[np.uint32]  # (m, 2) uint32 node at each end of an edge, as a site sees it
    # (m, 2) uint32 node at each end of an edge, as a person sees it: inside, where the edge is private
    home: NDArray[np.uint32]
    # start, arcs: (k + 1,) uint32 and (a,) uint64 `cost << 32 | node`, the arcs by which a search leaves each node;
    # or, of arcs turned round, the arcs by which it arrives
    start: NDArray[np.uint32]
    arcs: NDArray[np.uint64]
    # typical_arc, longest_arc: mean and greatest cost of an arc
    typical_arc: int
    longest_arc: int

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.start) - 1

    @cached_property
    def edge_place(self) -> NDArray[np.uint32]:
        """``(m,)`` place of each edge along the curve."""
        place = np.empty(len(self.home), np.uint32)
        edges = np.arange(len(self.home), dtype=np.uint32)
        place[by_node(self.home[:, 0], edges, len(self))[1]] = edges
        return place

    @cached_property
    def ladder(self) -> Ladder:
        """All nodes eliminated, for searches that go far; made when it is first asked for."""
        gates = np.unique(np.stack([self.home, self.street], axis=-1)[self.home != self.street], axis=0)
        along = np.concatenate([self.impedance.along, np.zeros(len(gates), np.uint32)])
        against = np.concatenate([self.impedance.against, np.full(len(gates), IMPASSABLE)])
        edges = np.concatenate([self.home, gates])
        return build_ladder(edges, Impedance(along=along, against=against), len(self))

    def turned(self) -> Arcs:
        """Return the same arcs by the node they lead to."""
        sources = np.repeat(np.arange(len(self), dtype=np.uint64), np.diff(self.start))
        ends = (self.arcs & _LOW).astype(np.uint32)
        start, arcs = by_node(ends, (self.arcs & ~_LOW) | sources, len(self))
        return replace(self, start=start, arcs=arcs)


def _sides(
    network: Layout, rank: NDArray[np.uint32], *, open_compounds: bool
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the node at each end of an edge as sites see it and as people do, and the nodes that compounds touch."""
    private = network.private & (not open_compounds)
    inside = np.unique(rank[network.edges[private]])
    street = rank[network.edges]
    home = street.copy()
    home[private] = len(rank) + np.searchsorted(inside, street[private])
    return street, home, inside


def hilbert_rank(xy: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return the position of each point of ``(n, 2)`` along a Hilbert curve of 65 536 steps a side."""
    if not len(xy):
        return np.empty(0, np.uint32)
    keyed = hilbert_keys(xy, *extent(xy))
    keyed.sort()
    rank = np.empty(len(xy), np.uint32)
    rank[keyed & _LOW] = np.arange(len(xy), dtype=np.uint32)
    return rank


def hilbert_keys(xy: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return ``key << 32 | row`` of each of ``(n, 2)`` points along a Hilbert curve from one corner of a box.

    Parameters
    ----------
    xy
        The points, some or all of those in the box.
    low, high
        Its corners; the curve has 65 536 steps on the longer side.
    """
    side = max(*(high - low).tolist(), 1e-9)
    x, y = (
        np.minimum((axis - least) * (65_535.0 / side), 65_535.0).astype(np.uint32)
        for axis, least in zip(xy.T, low.tolist(), strict=True)
    )
    keyed = np.empty(len(x), np.uint64)
    _find_hilbert_keys(x, y, keyed)
    return keyed


@dataclass(frozen=True, kw_only=True, eq=False)
class ArcOrder:
    """The arcs of the streets by the junction that a search leaves them from, before they cost anything."""

    rank: NDArray[np.uint32]  # (n,) place of each junction
    start: NDArray[np.uint32]  # (n + 1,) uint32 where the arcs of each place begin
    ends: NDArray[np.uint32]  # (m, 2) uint32 place of each end of an edge
    streets: NDArray[np.bool_]  # (m,) which edges have arcs

    def priced(self, impedance: Impedance) -> Hierarchy:
        """Return the streets at these costs, every junction in the core; an arc that nobody may walk leads nowhere."""
        arcs, costs, none = np.empty(self.start[-1], np.uint64), np.zeros(3, np.uint64), np.empty((0, SLOTS), np.uint32)
        _fill_arcs((self.ends, self.streets), (impedance.along, impedance.against), self.start[:-1].copy(), arcs, costs)
        several, whole, longest = costs.tolist()
        return Hierarchy(
            place=self.rank,
            neighbour=none,
            up=none,
            down=none,
            start=self.start,
            arcs=arcs,
            typical_arc=whole // several if several else 1,
            longest_arc=max(longest, 1),
        )


def order_arcs(network: Layout, rank: NDArray[np.uint32], *, open_compounds: bool = False) -> ArcOrder:
    """Return the arcs of the streets in order, once for every impedance; the parameters are those of `build_graph`."""
    streets = ~network.private | open_compounds
    start, ends = np.zeros(len(rank) + 1, np.uint32), np.empty(network.edges.shape, np.uint32)
    _count_arcs((network.edges, streets), rank, ends, start)
    return ArcOrder(rank=rank, start=start, ends=ends, streets=streets)


@kernel
def _count_arcs(edges: tuple[I32, Flags], rank: U32, ends: U32, start: U32) -> None:
    """Note the place of each end of an edge, and where the arcs of each place begin."""
    nodes, streets = edges
    for e in range(streets.size):
        for end in range(2):
            place = rank[nodes[e, end]]
            ends[e, end] = place
            if streets[e]:
                start[np.uint64(place) + _1] += np.uint32(1)
    for place in range(1, start.size):
        start[place] += start[place - 1]


@kernel
def _fill_arcs(edges: tuple[U32, Flags], costs: tuple[U32, U32], free: U32, arcs: U64, found: U64) -> None:
    """Put the arcs where there is room at their place; find how many there are to walk, their sum and the longest."""
    ends, streets = edges
    several = whole = longest = np.uint64(0)
    for e in range(streets.size):
        if not streets[e]:
            continue
        for side in range(2):
            # Walking along an edge arrives at its second node: the search leaves from there.
            cost, here = np.uint64(costs[side][e]), np.uint64(ends[e, 1 - side])
            arcs[free[here]] = (cost << _32) | np.uint64(ends[e, side])
            free[here] += np.uint32(1)
            if cost != IMPASSABLE:
                several, whole, longest = several + _1, whole + cost, max(longest, cost)
    found[0], found[1], found[2] = several, whole, longest


def build_graph(
    network: Layout,
    impedance: Impedance,
    *,
    rank: NDArray[np.uint32] | None = None,
    open_compounds: bool = False,
    order: ArcOrder | None = None,
) -> Graph:
    """Return the reversed graph of `network` under `impedance`.

    Parameters
    ----------
    network, impedance
        The streets and the cost of each edge.
    rank
        `hilbert_rank` of the nodes where it is known already; graphs of one network can share it.
    open_compounds
        Whether private edges are streets like others.
    order
        `order_arcs` of the same streets: they are searched as they are, and no junction is eliminated. Every label is
        the same. Such a graph is made in a fraction of the time, and searched in twice.
    """
    rank = hilbert_rank(network.node_xy) if rank is None else rank
    private = network.private & (not open_compounds)
    inside = np.unique(network.edges[private])
    if order is None:
        hierarchy = eliminate(network.edges[~private], rank, impedance.of(~private))
    else:
        hierarchy = order.priced(impedance)
    within = np.searchsorted(inside, network.edges[private]).astype(np.int32)
    within_rank = np.empty(len(inside), np.uint32)
    within_rank[np.argsort(rank[inside])] = np.arange(len(inside), dtype=np.uint32)
    compounds = eliminate(within, within_rank, impedance.of(private))
    ends = hierarchy.place[network.edges] if order is None else order.ends
    if len(within):
        ends = ends.copy()
        ends[private] = len(rank) + compounds.place[within]
    return Graph(
        edges=network.edges,
        private=private,
        impedance=impedance,
        hierarchy=hierarchy,
        inside=inside,
        compounds=compounds,
        ends=ends,
    )


def build_arcs(
    network: Layout,
    impedance: Impedance,
    *,
    rank: NDArray[np.uint32] | None = None,
    open_compounds: bool = False,
) -> Arcs:
    """Return the plain arcs of `network` under `impedance`; the parameters are those of `build_graph`."""
    rank = hilbert_rank(network.node_xy) if rank is None else rank
    street, home, inside = _sides(network, rank, open_compounds=open_compounds)
    along, against = impedance.along != IMPASSABLE, impedance.against != IMPASSABLE
    # Walking along an edge arrives at its second node: the search leaves from there. Into a compound it costs nothing.
    sources = [home[along, 1], home[against, 0], inside]
    ends = [home[along, 0], home[against, 1], len(rank) + np.arange(len(inside))]
    costs = [impedance.along[along], impedance.against[against], np.zeros(len(inside))]
    words = [(np.asarray(c, np.uint64) << _32) | np.asarray(e, np.uint64) for c, e in zip(costs, ends, strict=True)]
    start, arcs = by_node(np.concatenate(sources), np.concatenate(words), len(rank) + len(inside))
    cost = arcs >> _32
    return Arcs(
        impedance=impedance,
        street=street,
        home=home,
        start=start,
        arcs=arcs,
        typical_arc=int(cost.mean()) if len(cost) else 1,
        longest_arc=int(cost.max(initial=1)),
    )


@kernel
def _find_hilbert_keys(x: U32, y: U32, keys: U64) -> None:
    """Write ``key << 32 | row`` of each point, so that those of one cell stay in their order when they are sorted."""
    for i in range(x.size):
        a, b = np.int64(x[i]), np.int64(y[i])
        key = np.int64(0)
        side = np.int64(1 << 15)
        while side > 0:
            right = 1 if (a & side) > 0 else 0
            upper = 1 if (b & side) > 0 else 0
            key += side * side * ((3 * right) ^ upper)
            if upper == 0:
                if right == 1:
                    a, b = 65_535 - a, 65_535 - b
                a, b = b, a
            side >>= 1
        keys[i] = (np.uint64(key) << _32) | np.uint64(i)


_FEW = 8  # questions of a graph that are answered sooner than its junctions are eliminated
_MANY = 1 << 21  # junctions of streets whose graphs are kept only where they are asked for again
_MOST = 8  # graphs of one network: those of a run's walkers and of metres; each is as large as the network


class Walkable(Layout, Protocol):
    """What packing reads of an `accessibility.Network`."""

    def impedance(self, walker: Walker | None = None) -> Impedance:
        """Return the cost of every edge: walking milliseconds, or centimetres without a walker."""


class Packed:
    """The graphs of a network, one for each walker and one of metres, and the order in memory that they share.

    Parameters
    ----------
    network
        The streets.
    """

    def __init__(self, network: Walkable) -> None:
        self._network, self._made, self._indexes, self._orders = network, Memo(_MOST), Memo(_MOST), Memo(2)
        self._asked: Counter[tuple[Walker | None, bool]] = Counter()

    @cached_property
    def rank(self) -> NDArray[np.uint32]:
        """``(n,)`` position of each junction along a Hilbert curve."""
        return hilbert_rank(self._network.node_xy)

    def index(self, public: bool, make: Callable[[], Any]) -> Any:  # noqa: FBT001 -- a key
        """Return the edges in space, all or those that everybody may walk; `make` makes them the first time."""
        return self._indexes.get(public, make)

    def graph(self, walker: Walker | None, *, open_compounds: bool) -> Graph:
        """Return the reversed graph in milliseconds of a walker, or in centimetres.

        Whoever asks often gets one whose junctions are eliminated: it answers alike, and in half the time. Of very many
        streets the first is not kept: it takes 25 bytes a junction, and is made again sooner than it is searched.
        """
        key = (walker, open_compounds)
        self._asked[key] += 1
        often = self._asked[key] > _FEW
        if self._asked[key] == 1 and len(self._network.node_xy) >= _MANY:
            return self._graph(*key, often)
        return self._made.get(("graph", often, *key), lambda: self._graph(*key, often))  # type: ignore[no-any-return]

    def _graph(self, walker: Walker | None, open_compounds: bool, often: bool) -> Graph:  # noqa: FBT001 -- a key
        def ordered() -> ArcOrder:
            return order_arcs(self._network, self.rank, open_compounds=open_compounds)

        return build_graph(
            self._network,
            self._network.impedance(walker),
            rank=self.rank,
            open_compounds=open_compounds,
            order=None if often else self._orders.get(open_compounds, ordered),
        )

    def arcs(self, walker: Walker | None, *, open_compounds: bool) -> Arcs:
        """Return the plain arcs in milliseconds of a walker, or in centimetres."""
        return self._made.get(  # type: ignore[no-any-return]
            ("arcs", walker, open_compounds),
            lambda: build_arcs(
                self._network, self._network.impedance(walker), rank=self.rank, open_compounds=open_compounds
            ),
        )


def label_components(count: int, one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return ``(n,)`` the component of each node, numbered from 0 in the order of their lowest nodes.

    Parameters
    ----------
    count
        How many nodes there are.
    one, other
        ``(m,)`` the nodes that are linked.

    Examples
    --------
    >>> label_components(5, np.array([3, 4]), np.array([1, 3])).tolist()
    [0, 1, 2, 1, 1]
    """
    pairs = np.column_stack([one, other]).astype(np.int32)
    pairs.flags.writeable = False  # as the edges of a network are: the kernel is compiled for one type of array
    return number_components(joined_nodes(pairs, np.ones(len(pairs), np.bool_), count))


def number_components(first: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the components of `joined_nodes` by number, in their place, from 0 in the order of their lowest nodes.

    Examples
    --------
    >>> number_components(np.array([0, 1, 2, 1, 2], np.int32)).tolist()
    [0, 1, 2, 1, 2]
    """
    _number(first)
    return first


def joined_nodes(edges: NDArray[np.signedinteger], kept: NDArray[np.bool_], count: int) -> NDArray[np.int32]:
    """Return ``(n,)`` the component of each node along some of the edges, one-way edges taken both ways.

    Parameters
    ----------
    edges
        ``(m, 2)`` rows of nodes.
    kept
        ``(m,)`` along which edges.
    count
        How many nodes there are.

    Returns
    -------
    numpy.ndarray
        The lowest node of the component of each.

    Examples
    --------
    >>> joined_nodes(np.array([[3, 1], [1, 2]], np.int32), np.array([True, False]), 4).tolist()
    [0, 1, 2, 1]
    """
    first = np.arange(count, dtype=np.int32)
    _join(edges, kept, first)
    return first


@kernel
def _join(edges: I32, kept: Flags, first: I32) -> None:
    """Let every node know the lowest one that edges lead to: trees of nodes, halved on the way (Tarjan 1975)."""
    for e in range(kept.size):
        if not kept[e]:
            continue
        a, b = edges[e, 0], edges[e, 1]
        while first[a] != a:
            first[a] = first[first[a]]
            a = first[a]
        while first[b] != b:
            first[b] = first[first[b]]
            b = first[b]
        if a < b:
            first[b] = a
        else:
            first[a] = b
    for node in range(first.size):
        first[node] = first[first[node]]  # a lower one, which knows it already


@kernel
def _number(first: I32) -> None:
    """Let every node know the number of its component in place of the lowest node, which has its number by then."""
    count = np.int32(0)
    for node in range(first.size):
        if first[node] == node:
            first[node] = count
            count += np.int32(1)
        else:
            first[node] = first[first[node]]
