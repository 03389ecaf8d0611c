"""The shortest-path kernels.

Costs are integers (walking milliseconds or centimetres), nodes are numbered along a Hilbert curve, arcs are packed in
one word (cost above, node below), the queue is a ring of buckets. People walk from home to a site, so everything
searches from the sites on the reversed graph: a label is the cost from that node *to* the nearest site.

A label is one word, cost above and owner below, so that the smaller word is the nearer site and, of two equally near,
the lower row: the answer does not hang on the order of the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.network import Impedance, Network
    from accessibility.snapping import Positions

UNREACHED = np.uint32(0xFFFF_FFFF)
"""The cost of a node from which no site is reached."""
_NO_LABEL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_LOW = np.uint64(0xFFFF_FFFF)
_32 = np.uint64(32)
_0 = np.uint64(0)
_1 = np.uint64(1)
_NO_ENTRY = np.uint32(0xFFFF_FFFF)
_IMPASSABLE = np.uint64(0xFFFF_FFFF)
_MAX_BUCKETS = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A network under one impedance, reversed and packed for the kernels.

    Parameters
    ----------
    start
        ``(n + 1,)`` uint32, where the arcs of each node begin.
    arcs
        ``(a,)`` uint64, ``cost << 32 | node``: walking from that node to this one costs so much.
    ends
        ``(m, 2)`` uint32, the nodes of each edge in Hilbert order.
    rank
        ``(n,)`` uint32, the position of each network node in Hilbert order.
    impedance
        The costs of the edges.
    shift
        A bucket of the queue is ``2 ** shift`` wide.
    """

    start: NDArray[np.uint32]
    arcs: NDArray[np.uint64]
    ends: NDArray[np.uint32]
    rank: NDArray[np.uint32]
    impedance: Impedance
    shift: int

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        costs = self.impedance.along.nbytes + self.impedance.against.nbytes
        return self.start.nbytes + self.arcs.nbytes + self.ends.nbytes + self.rank.nbytes + costs


@dataclass(frozen=True, kw_only=True, eq=False)
class Stops:
    """Points on the edges of a graph, with what the way between point and edge costs.

    Parameters
    ----------
    edge
        ``(k,)`` int32 edge rows, -1 for a point that stands nowhere.
    fraction
        ``(k,)`` place along the edge.
    leg
        ``(k,)`` uint32 cost of the access leg.
    """

    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]
    leg: NDArray[np.uint32]

    @classmethod
    def at(cls, positions: Positions, leg_cost_per_m: float) -> Stops:
        """Return positions as stops, their access legs costed."""
        leg = np.rint(np.where(positions.snapped, positions.leg_m, 0.0) * leg_cost_per_m)
        if (leg >= UNREACHED).any():
            msg = f"an access leg is {positions.leg_m.max():.0f} m long; expected less than the Earth's girth"
            raise InputError(msg)
        return cls(edge=positions.edge, fraction=positions.fraction, leg=leg.astype(np.uint32))


def hilbert_rank(xy: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return the position of each point of ``(n, 2)`` along a Hilbert curve of 65 536 steps a side."""
    if not len(xy):
        return np.empty(0, np.uint32)
    low = xy.min(axis=0)
    side = max(float((xy.max(axis=0) - low).max()), 1e-9)
    cell = np.minimum((xy - low) * (65_535.0 / side), 65_535.0).astype(np.uint32)
    order = np.argsort(_hilbert_keys(cell[:, 0].copy(), cell[:, 1].copy()), kind="stable")
    rank = np.empty(len(xy), np.uint32)
    rank[order] = np.arange(len(xy), dtype=np.uint32)
    return rank


def build_graph(network: Network, impedance: Impedance, *, rank: NDArray[np.uint32] | None = None) -> Graph:
    """Return the reversed graph of `network` under `impedance`.

    Parameters
    ----------
    network, impedance
        The streets and the cost of each edge.
    rank
        `hilbert_rank` of the nodes where it is known already; graphs of one network can share it.
    """
    rank = hilbert_rank(network.node_xy) if rank is None else rank
    ends = rank[network.edges]
    start, arcs = _reversed_arcs(ends, impedance.along, impedance.against, np.uint64(len(rank)))
    costs = impedance.along
    # Four typical edges a bucket: measured flat between two and sixteen. Long edges must not make the ring endless.
    typical = float(np.median(costs)) if len(costs) else 1.0
    widest = max(int(costs.max(initial=1)), 1)
    shift = max(int(typical / 4).bit_length(), (widest // _MAX_BUCKETS).bit_length())
    return Graph(start=start, arcs=arcs, ends=ends, rank=rank, impedance=impedance, shift=shift)


def nearest(graph: Graph, sites: Stops, *, limit: int | None = None) -> NDArray[np.uint64]:
    """Return, for every node in Hilbert order, the label of the nearest site.

    Parameters
    ----------
    graph
        The reversed graph.
    sites
        Where the sites are; the row of a site is its owner number.
    limit
        Do not search farther than this cost; unbounded if None.

    Returns
    -------
    NDArray[np.uint64]
        ``(n,)`` labels, ``cost << 32 | site``, or `UNREACHED` in both halves.
    """
    labels = np.full(len(graph.rank), _NO_LABEL, np.uint64)
    bound = np.uint64(int(UNREACHED) - 1 if limit is None else min(limit, int(UNREACHED) - 1))
    nodes, seeds = _seeds(
        graph.ends, graph.impedance.along, graph.impedance.against, sites.edge, sites.fraction, sites.leg
    )
    widest = int(graph.impedance.along.max(initial=0))
    spread = int((seeds >> _32).max(initial=0) - (seeds >> _32).min(initial=_LOW)) if seeds.size else 0
    ring = 1 << (max(widest, spread) // (1 << graph.shift) + 2).bit_length()
    _search(graph.start, graph.arcs, labels, nodes, seeds, bound, np.uint64(graph.shift), ring)
    return labels


def read_labels(graph: Graph, labels: NDArray[np.uint64], sites: Stops, people: Stops) -> NDArray[np.uint64]:
    """Return the label of every person: cost to the nearest site, both access legs in, and which site.

    A person reads both ends of their edge; sites on the same edge are reached directly, without going round.
    """
    order = np.lexsort((sites.fraction, sites.edge)).astype(np.uint32)
    cost = graph.impedance
    found: NDArray[np.uint64] = _read(
        (graph.ends, cost.along, cost.against),
        labels,
        (sites.edge[order], sites.fraction[order], sites.leg[order], order),
        (people.edge, people.fraction, people.leg),
    )
    return found


def split_labels(labels: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Return cost (`UNREACHED` where there is none) and owner (-1 where there is none)."""
    return (labels >> _32).astype(np.uint32), (labels & _LOW).astype(np.uint32).view(np.int32)


@nb.njit(cache=True, nogil=True)
def _hilbert_keys(x, y):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    keys = np.empty(x.size, np.uint64)
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
        keys[i] = key
    return keys


@nb.njit(cache=True, nogil=True)
def _reversed_arcs(ends, along, against, n):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the arcs, counting-sorted by the node that the search comes from."""
    start = np.zeros(n + _1, np.uint32)
    for e in range(along.size):
        # Walking along the edge arrives at its second node: the search leaves from there.
        if along[e] != UNREACHED:
            start[np.uint64(ends[e, 1]) + _1] += np.uint32(1)
        if against[e] != UNREACHED:
            start[np.uint64(ends[e, 0]) + _1] += np.uint32(1)
    for i in range(n):
        start[i + 1] += start[i]
    arcs = np.empty(start[n], np.uint64)
    at = start[:-1].copy()
    for e in range(along.size):
        first, second = np.uint64(ends[e, 0]), np.uint64(ends[e, 1])
        if along[e] != UNREACHED:
            arcs[np.uint64(at[second])] = (np.uint64(along[e]) << _32) | first
            at[second] += np.uint32(1)
        if against[e] != UNREACHED:
            arcs[np.uint64(at[first])] = (np.uint64(against[e]) << _32) | second
            at[first] += np.uint32(1)
    return start, arcs


@nb.njit(cache=True, nogil=True, inline="always")
def _part(cost, fraction):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the cost of the edge's first `fraction`; the rest is the whole less this, so that parts add up."""
    return np.uint64(np.float64(cost) * fraction + 0.5)


@nb.njit(cache=True, nogil=True)
def _seeds(ends, along, against, edge, fraction, leg):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the nodes where sites start the search, and their labels."""
    nodes = np.empty(2 * edge.size, np.uint32)
    labels = np.empty(2 * edge.size, np.uint64)
    k = 0
    for s in range(edge.size):
        if edge[s] < 0:
            continue
        e = np.uint64(edge[s])
        whole, back = np.uint64(along[e]), np.uint64(against[e])
        for end in range(2):
            blocked = whole == _IMPASSABLE if end == 0 else back == _IMPASSABLE
            at_end = fraction[s] == 0.0 if end == 0 else fraction[s] == 1.0
            if at_end:
                cost = _0
            elif blocked:
                continue
            elif end == 0:
                cost = _part(whole, fraction[s])
            else:
                cost = back - _part(back, fraction[s])
            nodes[k] = ends[e, end]
            labels[k] = ((cost + np.uint64(leg[s])) << _32) | np.uint64(s)
            k += 1
    return nodes[:k], labels[:k]


@nb.njit(cache=True, nogil=True)
def _search(start, arcs, labels, nodes, seeds, bound, shift, ring):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901, PLR0913, PLR0915, PLR0917
    """Settle `labels` from `seeds`: Dijkstra with a ring of buckets, label-correcting inside a bucket.

    A bucket is a list of entries linked through `following`, last in first out; emptied entries are used again, so
    that the pool stays as small as the frontier and in the fastest cache.
    """
    mask = np.uint64(ring - 1)
    head = np.full(ring, _NO_ENTRY, np.uint32)
    size = 4096
    entry = np.empty(size, np.uint64)
    following = np.empty(size, np.uint32)
    used = np.uint32(0)
    free = _NO_ENTRY
    waiting = 0
    current = _LOW
    for i in range(nodes.size):
        node = np.uint64(nodes[i])
        if (seeds[i] >> _32) > bound or seeds[i] >= labels[node]:
            continue
        labels[node] = seeds[i]
        cost = seeds[i] >> _32
        current = min(current, cost >> shift)
        if used == size:
            size *= 2
            entry, following = _grown(entry, following, size)
        entry[used] = (cost << _32) | node
        slot = (cost >> shift) & mask
        following[used] = head[slot]
        head[slot] = used
        used += np.uint32(1)
        waiting += 1
    while waiting > 0:
        slot = current & mask
        while head[slot] != _NO_ENTRY:
            top = np.uint64(head[slot])
            head[slot] = following[top]
            following[top] = free
            free = np.uint32(top)
            waiting -= 1
            node = entry[top] & _LOW
            label = labels[node]
            if (label >> _32) != (entry[top] >> _32):
                continue
            for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
                arc = arcs[a]
                reached = label + (arc & (_LOW << _32))
                neighbour = arc & _LOW
                if reached < label or (reached >> _32) > bound or reached >= labels[neighbour]:
                    continue
                known = labels[neighbour] >> _32
                labels[neighbour] = reached
                cost = reached >> _32
                if known == cost and (cost >> shift) != current:
                    continue  # the same cost, a lower owner: its entry waits already
                if free != _NO_ENTRY:
                    new = free
                    free = following[np.uint64(new)]
                else:
                    if used == size:
                        size *= 2
                        entry, following = _grown(entry, following, size)
                    new = used
                    used += np.uint32(1)
                to = (cost >> shift) & mask
                entry[np.uint64(new)] = (cost << _32) | neighbour
                following[np.uint64(new)] = head[to]
                head[to] = new
                waiting += 1
        current += _1


@nb.njit(cache=True, nogil=True)
def _grown(entry, following, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    wider_entry = np.empty(size, np.uint64)
    wider_following = np.empty(size, np.uint32)
    wider_entry[: entry.size] = entry
    wider_following[: following.size] = following
    return wider_entry, wider_following


@nb.njit(cache=True, nogil=True)
def _read(graph, labels, sites, people):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    ends, along, against = graph
    site_edge, site_fraction, site_leg, site_row = sites
    edge, fraction, leg = people
    found = np.full(edge.size, _NO_LABEL, np.uint64)
    for i in range(edge.size):
        if edge[i] < 0:
            continue
        e = np.uint64(edge[i])
        whole, back = np.uint64(along[e]), np.uint64(against[e])
        best = _NO_LABEL
        on = labels[np.uint64(ends[e, 1])]
        if on != _NO_LABEL and (whole != _IMPASSABLE or fraction[i] == 1.0):
            rest = _0 if fraction[i] == 1.0 else whole - _part(whole, fraction[i])
            best = _added(on, rest)
        to = labels[np.uint64(ends[e, 0])]
        if to != _NO_LABEL and (back != _IMPASSABLE or fraction[i] == 0.0):
            rest = _0 if fraction[i] == 0.0 else _part(back, fraction[i])
            best = min(best, _added(to, rest))
        s = np.searchsorted(site_edge, edge[i])
        while s < site_edge.size and site_edge[s] == edge[i]:
            best = min(best, _direct(whole, back, fraction[i], (site_fraction[s], site_leg[s], site_row[s])))
            s += 1
        if best != _NO_LABEL:
            found[i] = _added(best, np.uint64(leg[i]))
    return found


@nb.njit(cache=True, nogil=True, inline="always")
def _added(label, cost):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the label with more cost, or no label where the sum cannot be counted in 32 bits."""
    total = (label >> _32) + cost
    return _NO_LABEL if total >= _LOW else (total << _32) | (label & _LOW)


@nb.njit(cache=True, nogil=True, inline="always")
def _direct(whole, back, here, site):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the label of walking straight to a site on the same edge."""
    there, leg, row = site
    if here == there:
        between = _0
    elif here < there:
        between = _IMPASSABLE if whole == _IMPASSABLE else _part(whole, there) - _part(whole, here)
    else:
        between = _IMPASSABLE if back == _IMPASSABLE else _part(back, here) - _part(back, there)
    return _added((np.uint64(leg) << _32) | np.uint64(row), between)
