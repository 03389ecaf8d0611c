"""Exact elimination of low-degree junctions, so that a search runs on a small core.

A junction with at most three neighbours is taken out; each pair of its neighbours is linked by an arc that costs what
the way through it costs (the smaller of parallel arcs stays). No distance between the remaining junctions changes, for
any non-negative costs, and both directions are kept apart. What is left, the core, is a quarter of a street network and
less of one with many bends. A search then labels what was taken out from its neighbours: once upwards, before the core
is searched, and once downwards after.

That is the contraction of contraction hierarchies (Geisberger, Sanders, Schultes and Delling 2008), stopped before
shortcuts multiply: by degree alone, without a search for witnesses. For searches that go far from many sites it is not
stopped (`Ladder`): of streets, four arcs a junction are left in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.streets.search.compiling import helper, kernel, maker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import I64, U8, U32, U64


IMPASSABLE = np.uint32(0x7FFF_FFFF)
"""The cost of an edge that nobody may walk that way; two such costs still fit in 32 bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Impedance:
    """Integer cost of every edge, along it (first node to second) and against it."""

    # along, against: (m,) uint32, walking milliseconds or centimetres; `IMPASSABLE` where nobody may walk that way.
    along: NDArray[np.uint32]
    against: NDArray[np.uint32]

    def of(self, edges: NDArray[np.bool_]) -> Impedance:
        """Return the costs of some of the edges."""
        return Impedance(along=self.along[edges], against=self.against[edges])


_Pool = tuple["NDArray[np.uint32]", ...]
SLOTS = 3
_NONE = np.uint32(0xFFFF_FFFF)
_32 = np.uint64(32)
_1 = np.uint32(1)
_ENOUGH = 0.001  # a round that takes out less than this share of the nodes is the last of its degree
_SHARE = 8  # of the nodes left, a power of a half: where all go, those with more have a turn after a round with less
_FEWEST = 2  # neighbours of the nodes that go first: bends and dead ends
_ROOM = 4  # arcs there is room for, times those there are to begin with
_IDLE = np.int64(-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Hierarchy:
    """Eliminated junctions in their order, then the core."""

    # (n,) uint32 position of each node: eliminated ones first, in order, then the core along the Hilbert curve
    place: NDArray[np.uint32]
    # (e, 3) uint32 positions of the neighbours that an eliminated node had; its own where it had fewer
    neighbour: NDArray[np.uint32]
    # up, down: (e, 3) uint32 costs of the arcs from the node to that neighbour, and from it to the node, in the
    # direction of the search; impassable where there is none. One array where both directions cost the same everywhere.
    up: NDArray[np.uint32]
    down: NDArray[np.uint32]
    # start, arcs: the core: (c + 1,) uint32 and (a,) uint64 `cost << 32 | node`, nodes counted from the core's first.
    start: NDArray[np.uint32]
    arcs: NDArray[np.uint64]
    # typical_arc, longest_arc: mean and greatest cost of the core's arcs
    typical_arc: int
    longest_arc: int

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        up = 0 if self.up is self.down else self.up.nbytes
        held = (self.place, self.neighbour, self.down, self.start, self.arcs)
        return up + sum(array.nbytes for array in held)


def eliminate(edges: NDArray[np.int32], rank: NDArray[np.uint32], impedance: Impedance) -> Hierarchy:
    """Return the hierarchy of a network for a search from the sites, that is on the reversed graph.

    Parameters
    ----------
    edges
        ``(m, 2)`` node rows.
    rank
        ``(n,)`` order in memory of the nodes, neighbours in space close together.
    impedance
        Cost of each edge along and against.
    """
    pool = _linked(edges, rank, impedance)
    order, neighbour, up, down = _taken_out(pool)
    place = np.full(len(rank), _NONE, np.uint32)
    place[order] = np.arange(len(order), dtype=np.uint32)
    core = place == _NONE
    place[core] = np.arange(len(order), len(rank), dtype=np.uint32)
    start, room = np.zeros(len(rank) - len(order) + 1, np.uint32), np.empty(int(pool[1][core].sum()), np.uint64)
    arcs = room[: _core(pool, (np.flatnonzero(core), place, np.uint32(len(order))), (start, room))].copy()
    costs = arcs >> _32
    symmetric = bool(np.array_equal(impedance.along, impedance.against))
    return Hierarchy(
        place=place[rank],
        neighbour=place[neighbour],
        up=down if symmetric else up,
        down=down,
        start=start,
        arcs=arcs,
        typical_arc=int(costs.mean()) if len(costs) else 1,
        longest_arc=int(costs.max(initial=1)),
    )


def _linked(edges: NDArray[np.integer[Any]], rank: NDArray[np.uint32], impedance: Impedance) -> _Pool:
    """Return each node's first arc and degree; each arc's end, costs out and in, and the next arc of its node."""
    n, m = len(rank), len(edges)
    to, out, into, following = (np.empty(2 * m, np.uint32) for _ in range(4))
    pool = (np.full(n, _NONE, np.uint32), np.zeros(n, np.uint32), to, out, into, following)
    first, second = rank[edges[:, 0]], rank[edges[:, 1]]
    # Along the curve, so that the arcs of neighbours are neighbours in memory.
    order = by_node(np.minimum(first, second), np.arange(m, dtype=np.uint64), n)[1]
    _link((first, second), order, (impedance.along, impedance.against), pool)
    return pool


def _taken_out(pool: _Pool) -> tuple[NDArray[np.uint32], ...]:
    """Return the nodes that were taken out, in their order, their neighbours, and the costs up and down."""
    n = len(pool[1])
    order, left, spare = np.empty(n, np.uint32), np.arange(n, dtype=np.uint32), np.empty(2 * SLOTS, np.uint32)
    slots = (np.empty((n, SLOTS), np.uint32), np.empty((n, SLOTS), np.uint32), np.empty((n, SLOTS), np.uint32))
    done = _take_out(pool, (order, *slots), (left, spare, np.zeros(n, np.uint8)), np.uint32(SLOTS))
    return tuple(array[:done].copy() for array in (order, *slots))


@dataclass(frozen=True, kw_only=True, eq=False)
class Ladder:
    """Every node eliminated: all arcs lead to nodes that went later."""

    place: NDArray[np.uint32]  # (n,) uint32 place of each node in the order in which they went
    start: NDArray[np.int64]  # (n + 1,) int64 where the arcs of each place begin
    to: NDArray[np.uint32]  # (a,) uint32 place that an arc leads to, a later one
    # up, down: (a,) uint32 cost of the arc, and of the way back along it, in the direction of the search; impassable
    # where there is none
    up: NDArray[np.uint32]
    down: NDArray[np.uint32]


def build_ladder(edges: NDArray[np.integer[Any]], impedance: Impedance, count: int) -> Ladder:
    """Return the ladder of `count` nodes for a search from the sites, that is on the reversed graph.

    Parameters
    ----------
    edges
        ``(m, 2)`` nodes, neighbours in space close together.
    impedance
        Cost of each edge along and against.
    count
        How many nodes there are.
    """
    order = np.arange(count, dtype=np.uint32)
    pool = _linked(edges, order, impedance)
    room, done = _ROOM, False
    while not done:
        rungs = tuple(np.empty(room * int(pool[1].sum()) + 1, np.uint32) for _ in range(3))
        first, several = _laid(pool, rungs)
        order, done = _eliminate(rungs, first, several)
        room *= 2
    place = np.empty(count, np.uint32)
    place[order] = np.arange(count, dtype=np.uint32)
    start = np.concatenate([[0], np.cumsum(several[order])])
    at = np.arange(start[-1]) + np.repeat(first[order] - start[:-1], several[order])
    to, up, down = (rung[at] for rung in rungs)
    return Ladder(place=place, start=start, to=place[to], up=up, down=down)


def by_node(nodes: NDArray[Any], values: NDArray[Any], count: int) -> tuple[NDArray[np.uint32], NDArray[Any]]:
    """Return where the values of each of `count` nodes start, and the values, in their order, node by node."""
    start, grouped = np.zeros(count + 2, np.uint32), np.empty(len(values), np.uint64)
    _group(np.ascontiguousarray(nodes), values.astype(np.uint64, copy=False), start, grouped)  # of one set of types
    return start[:-1], grouped.astype(values.dtype, copy=False)


@kernel
def _group(nodes: U32, values: U64, start: U32, grouped: U64) -> None:
    """Count the values of each node two places on; where the next one goes then stands one place on."""
    for i in range(nodes.size):
        start[np.uint64(nodes[i]) + np.uint64(2)] += _1
    for node in range(2, start.size):
        start[node] += start[node - 1]
    for i in range(nodes.size):
        after = np.uint64(nodes[i]) + np.uint64(1)
        grouped[np.uint64(start[after])] = values[i]
        start[after] += _1


@kernel
def _link(ends: tuple[U32, U32], order: U64, costs: tuple[U32, U32], pool: tuple[U32, U32, U32, U32, U32, U32]) -> None:
    """Link the ends of every edge, in place."""
    along, against = costs
    used = np.uint32(0)
    for e in order:
        first, second = ends[0][e], ends[1][e]
        # Walking along the edge arrives at its second node: the search leaves from there.
        if first == second or not _join(pool, first, second, (against[e], along[e]), (used, np.uint32(used + _1))):
            continue
        used = np.uint32(used + _1 + _1)


@helper
def _find(pool: tuple[U32, U32, U32, U32, U32, U32], node: Any, wanted: Any) -> Any:
    arc = pool[0][np.uint64(node)]
    while arc != _NONE and pool[2][np.uint64(arc)] != wanted:
        arc = pool[5][np.uint64(arc)]
    return arc


@helper
def _join(
    pool: tuple[U32, U32, U32, U32, U32, U32],
    a: np.uint32,
    b: np.uint32,
    costs: tuple[np.uint32, np.uint32],
    spare: tuple[np.uint32, np.uint32],
) -> bool:
    """Link two nodes at the costs a to b and b to a, or lower the link there is; return whether `spare` was used."""
    head, degree, to, out, into, following = pool
    there, back = costs
    arc = _find(pool, a, b)
    if arc != _NONE:
        mirror = np.uint64(_find(pool, b, a))
        out[np.uint64(arc)] = min(out[np.uint64(arc)], there)
        into[np.uint64(arc)] = min(into[np.uint64(arc)], back)
        out[mirror] = min(out[mirror], back)
        into[mirror] = min(into[mirror], there)
        return False
    for new, node, end, leaving, arriving in ((spare[0], a, b, there, back), (spare[1], b, a, back, there)):
        i = np.uint64(new)
        to[i], out[i], into[i] = end, leaving, arriving
        following[i] = head[np.uint64(node)]
        head[np.uint64(node)] = new
        degree[np.uint64(node)] += _1
    return True


@helper
def _unlink(pool: tuple[U32, U32, U32, U32, U32, U32], node: Any, gone: Any) -> Any:
    """Take the arc to `gone` out of the list of `node` and return it."""
    head, degree, to, _, _, following = pool
    before, arc = _NONE, head[np.uint64(node)]
    while to[np.uint64(arc)] != gone:
        before, arc = arc, following[np.uint64(arc)]
    if before == _NONE:
        head[np.uint64(node)] = following[np.uint64(arc)]
    else:
        following[np.uint64(before)] = following[np.uint64(arc)]
    degree[np.uint64(node)] -= _1
    return arc


@helper
def _sum(a: np.uint32, b: np.uint32) -> np.uint32:
    return np.uint32(min(np.uint64(a) + np.uint64(b), np.uint64(IMPASSABLE)))


@kernel
def _take_out(
    pool: tuple[U32, U32, U32, U32, U32, U32],
    taken: tuple[U32, U32, U32, U32],
    work: tuple[U32, U32, U8],
    most: Any,
) -> Any:
    """Take out independent sets of nodes of degree two and less, then three; return how many went.

    Who goes is written into `taken`, with its arcs.
    """
    degree = pool[1]
    order, neighbour, up, down = taken
    left, spare, locked = work
    n = degree.size
    done, there = np.int64(0), n  # no literal: `_bypass` would be compiled for it and for any number
    # Bends and dead ends first: to take out a node with two neighbours leaves every degree as it is. One with three
    # raises a neighbour's degree by one at most, and puts three links in the place of three: the arcs never grow in
    # number, and the memory of the whole is in proportion to the network.
    limit = np.uint32(2)
    while True:
        before, kept = done, 0
        for i in range(n):
            locked[i] = 0
        for i in range(there):
            node = left[i]
            # Nodes of a round are no neighbours of each other. So the neighbours noted for a node all go later, or
            # stay in the core: one pass over the nodes in this order, and one against it, label everything
            # (`nearest`).
            if degree[np.uint64(node)] > limit or locked[np.uint64(node)] != 0:
                left[kept] = node
                kept += 1
                continue
            order[done] = node
            _bypass(pool, node, (neighbour, up, down, done), (spare, locked))
            done += 1
        there = kept
        if done - before <= _ENOUGH * n:
            if limit >= most:
                return done
            limit = most


@helper
def _bypass(
    pool: tuple[U32, U32, U32, U32, U32, U32],
    node: np.uint32,
    slots: tuple[U32, U32, U32, int],
    work: tuple[U32, U8],
) -> None:
    """Take one node out: note its arcs in `slots`, link its neighbours with each other, lock them for this round."""
    head, _, to, out, into, following = pool
    neighbour, up, down, at = slots
    spare, locked = work
    for slot in range(SLOTS):
        neighbour[at, slot], up[at, slot], down[at, slot] = node, IMPASSABLE, IMPASSABLE
    k = 0
    arc = head[np.uint64(node)]
    while arc != _NONE:
        i = np.uint64(arc)
        neighbour[at, k], up[at, k], down[at, k] = to[i], out[i], into[i]
        spare[2 * k] = arc
        spare[2 * k + 1] = _unlink(pool, to[i], node)
        locked[np.uint64(to[i])] = 1
        arc = following[i]
        k += 1
    head[np.uint64(node)] = _NONE
    taken = 0  # three pairs at most need six arcs: as many as were freed
    for a in range(k):
        for b in range(a + 1, k):
            # The search comes from `a` down to the node and goes on from it up to `b`.
            there, back = _sum(down[at, a], up[at, b]), _sum(down[at, b], up[at, a])
            if there == IMPASSABLE and back == IMPASSABLE:
                continue
            costs = (np.uint32(there), np.uint32(back))
            if _join(pool, neighbour[at, a], neighbour[at, b], costs, (spare[taken], spare[taken + 1])):
                taken += 2


@kernel
def _core(
    pool: tuple[U32, U32, U32, U32, U32, U32],
    nodes: tuple[I64, U32, np.uint32],
    packed: tuple[U32, U64],
) -> np.uint64:
    """Pack the arcs among the nodes that were left; return how many there are."""
    head, to, out, following = pool[0], pool[2], pool[3], pool[5]
    left, place, first = nodes
    start, arcs = packed
    total = np.uint64(0)
    for k in range(left.size):
        arc = head[left[k]]
        while arc != _NONE:
            i = np.uint64(arc)
            if out[i] != IMPASSABLE:
                arcs[total] = (np.uint64(out[i]) << _32) | np.uint64(place[np.uint64(to[i])] - first)
                total += np.uint64(1)
            arc = following[i]
        start[k + 1] = np.uint32(total)
    return total


@maker
def _laid(pool: tuple[U32, U32, U32, U32, U32, U32], rungs: tuple[U32, U32, U32]) -> tuple[I64, I64]:
    """Lay the arcs of each node together; return where those of each begin, the end as well, and how many there are."""
    head, degree, ends, leaving, arriving, following = pool
    to, out, into = rungs
    first, several = np.empty(head.size + 1, np.int64), np.empty(head.size, np.int64)
    at = 0
    for node in range(head.size):
        first[node], several[node] = at, degree[node]
        arc = head[node]
        while arc != _NONE:
            i = np.uint64(arc)
            to[at], out[at], into[at] = ends[i], leaving[i], arriving[i]
            at += 1
            arc = following[i]
    first[head.size] = at
    return first, several


@maker
def _eliminate(rungs: tuple[U32, U32, U32], first: I64, several: I64) -> Any:  # noqa: C901, PLR0912, PLR0915
    """Take every node out; return their order, and whether there was room for all arcs.

    The arcs of a node stand together, and move to the end when they get more than there is room for: those of a node
    that is out stay where they are.
    """
    to, out, into = rungs
    n, used = several.size, first[-1]
    room = several.copy()
    order, left = np.empty(n, np.uint32), np.arange(n, dtype=np.uint32)
    seen, locked = np.full(n, _IDLE, np.int64), np.zeros(n, np.uint32)
    done, waiting, limit, turn = 0, n, _FEWEST, 0
    while waiting > 0:
        turn += 1
        before, kept, least = done, 0, n
        for i in range(waiting):
            node = np.uint64(left[i])
            # Nodes of a round are no neighbours of each other: long chains would else be undone from one end.
            if several[node] > limit or locked[node] == turn:
                left[kept] = node
                kept += 1
                least = min(least, several[node])
                continue
            order[done] = node
            done += 1
            own, beyond = first[node], first[node] + several[node]
            for k in range(own, beyond):
                end = np.uint64(to[k])
                locked[end] = turn
                at, past = first[end], first[end] + several[end]
                # The arc to the node goes, the last one takes its place.
                past -= 1
                for j in range(at, past):
                    if to[j] == node:
                        to[j], out[j], into[j] = to[past], out[past], into[past]
                        break
                for j in range(at, past):
                    seen[np.uint64(to[j])] = j
                for q in range(own, beyond):
                    # The search comes from this end down to the node, and goes on from it up to the other.
                    other, there, back = np.uint64(to[q]), _sum(into[k], out[q]), _sum(into[q], out[k])
                    if q == k or (there == IMPASSABLE and back == IMPASSABLE):
                        continue
                    j = seen[other]
                    if j != _IDLE:
                        out[j], into[j] = min(out[j], there), min(into[j], back)
                        continue
                    if past - at == room[end]:
                        room[end] = max(2 * room[end], 4)
                        if used + room[end] > to.size:
                            return order, False
                        for j in range(past - at):
                            to[used + j], out[used + j], into[used + j] = to[at + j], out[at + j], into[at + j]
                            seen[np.uint64(to[at + j])] = used + j
                        past += used - at
                        at = used
                        first[end] = at
                        used += room[end]
                    to[past], out[past], into[past] = other, there, back
                    seen[other] = past
                    past += 1
                for j in range(at, past):
                    seen[np.uint64(to[j])] = _IDLE
                several[end] = past - at
        waiting = kept
        if done - before <= kept >> _SHARE:
            limit = max(limit + 1, least)
    return order, True
