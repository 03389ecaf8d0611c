"""The shortest-path kernels.

Costs are integers (walking milliseconds or centimetres), nodes are numbered along a Hilbert curve, junctions with few
neighbours are eliminated, arcs are packed in one word (cost above, node below), the queue is a ring of buckets. People
walk from home to a site, so everything searches from the sites on the reversed graph: a label is the cost from that
node *to* the nearest site.

A label is one word, cost above and owner below, so that the smaller word is the nearer site and, of two equally near,
the lower row: the answer does not hang on the order of the search.

Edges where only residents may walk are searched after the streets and apart from them: labels go in from the gates and
never come out again, so whoever lives inside walks out, and nobody passes through. A junction at a gate has two labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.elimination import Hierarchy
    from accessibility.packing import Graph
    from accessibility.snapping import Positions

UNREACHED = np.uint32(0x7FFF_FFFF)
"""The cost of a node from which no site is reached."""
_NO_LABEL = np.uint64(0x7FFF_FFFF_FFFF_FFFF)
_LOW = np.uint64(0xFFFF_FFFF)
_HIGH = np.uint64(0xFFFF_FFFF_0000_0000)
_IMPASSABLE = np.uint64(0x7FFF_FFFF)
_32 = np.uint64(32)
_0 = np.uint64(0)
_1 = np.uint64(1)
_NO_ENTRY = np.uint32(0xFFFF_FFFF)
_MAX_BUCKETS = 1 << 20


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


def nearest(graph: Graph, sites: Stops, *, limit: int | None = None) -> NDArray[np.uint64]:
    """Return the label of the nearest site for every node.

    Parameters
    ----------
    graph
        The reversed graph.
    sites
        Where the sites are; the row of a site is its owner number. Of a site on a private edge only that edge leads to
        it.
    limit
        Do not search farther than this cost, ``<=``; unbounded if None.

    Returns
    -------
    NDArray[np.uint64]
        ``(n + i,)`` labels, ``cost << 32 | site``: of the streets at the node's `Hierarchy.place`, then of the inside
        of compounds at theirs. `split_labels` takes them apart.
    """
    n = len(graph.hierarchy.place)
    labels = np.full(n + len(graph.inside), _NO_LABEL, np.uint64)
    bound = np.uint64(int(UNREACHED) - 1 if limit is None else min(limit, int(UNREACHED) - 1))
    costs = (graph.edges, graph.impedance.along, graph.impedance.against)
    _seed(costs, graph.hierarchy.place, (sites.edge, sites.fraction, sites.leg), labels)
    _settle(graph.hierarchy, labels[:n], bound)
    if len(graph.inside):
        labels[n + graph.compounds.place] = labels[graph.hierarchy.place[graph.inside]]
        _settle(graph.compounds, labels[n:], bound)
    return labels


def _settle(hierarchy: Hierarchy, labels: NDArray[np.uint64], bound: np.uint64) -> None:
    """Search from the labels there are, in place."""
    _climb(hierarchy.neighbour, hierarchy.up, labels)
    core = labels[len(hierarchy.neighbour) :]
    _search(hierarchy.start, hierarchy.arcs, core, bound, _buckets(hierarchy))
    _descend(hierarchy.neighbour, hierarchy.down, labels, bound)


def _buckets(hierarchy: Hierarchy) -> tuple[np.uint64, np.uint64]:
    """Return how wide a bucket is, as a power of two, and the longest arc.

    A bucket is a quarter of a typical arc wide: measured flat from a sixteenth to a whole one. One long arc must not
    make the ring endless.
    """
    typical, widest = hierarchy.typical_arc, hierarchy.longest_arc
    return np.uint64(max((typical // 4).bit_length(), (widest // _MAX_BUCKETS).bit_length())), np.uint64(widest)


def read_labels(graph: Graph, labels: NDArray[np.uint64], sites: Stops, people: Stops) -> NDArray[np.uint64]:
    """Return the label of every person: cost to the nearest site, both access legs in, and which site.

    A person reads both ends of their edge, of a private edge the labels of inside; sites on the same edge are reached
    directly, without going round.
    """
    place, inside = graph.hierarchy.place, graph.compounds.place + np.uint32(len(graph.hierarchy.place))
    order = np.lexsort((sites.fraction, sites.edge)).astype(np.uint32)
    cost = graph.impedance
    found: NDArray[np.uint64] = _read(
        (graph.edges, cost.along, cost.against),
        (graph.private, place, graph.inside, inside),
        labels,
        (sites.edge[order], sites.fraction[order], sites.leg[order], order),
        (people.edge, people.fraction, people.leg),
    )
    return found


def split_labels(labels: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Return cost (`UNREACHED` where there is none) and owner (-1 where there is none)."""
    return (labels >> _32).astype(np.uint32), (labels & _LOW).astype(np.uint32).view(np.int32)


@nb.njit(cache=True, nogil=True, inline="always")
def _part(cost, fraction):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the cost of the edge's first `fraction`; the rest is the whole less this, so that parts add up."""
    return np.uint64(np.float64(cost) * fraction + 0.5)


@nb.njit(cache=True, nogil=True)
def _seed(costs, place, sites, labels):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Label both ends of the edge of each site."""
    edges, along, against = costs
    edge, fraction, leg = sites
    for s in range(edge.size):
        if edge[s] < 0:
            continue
        e = np.uint64(edge[s])
        whole, back = np.uint64(along[e]), np.uint64(against[e])
        label = (np.uint64(leg[s]) << _32) | np.uint64(s)
        if whole != _IMPASSABLE or fraction[s] == 0.0:
            first = np.uint64(place[edges[e, 0]])
            labels[first] = min(labels[first], _added(label, _0 if fraction[s] == 0.0 else _part(whole, fraction[s])))
        if back != _IMPASSABLE or fraction[s] == 1.0:
            second = np.uint64(place[edges[e, 1]])
            rest = _0 if fraction[s] == 1.0 else back - _part(back, fraction[s])
            labels[second] = min(labels[second], _added(label, rest))


@nb.njit(cache=True, nogil=True)
def _climb(neighbour, up, labels):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Hand the labels of eliminated nodes on to what was left when they went."""
    for v in range(np.uint64(neighbour.shape[0])):
        label = labels[v]
        if label == _NO_LABEL:
            continue
        for k in range(3):
            to = np.uint64(neighbour[v, k])
            labels[to] = min(labels[to], label + (np.uint64(up[v, k]) << _32))


@nb.njit(cache=True, nogil=True)
def _descend(neighbour, down, labels, bound):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Label the eliminated nodes from their neighbours, in the opposite order."""
    limit = ((bound + _1) << _32) - _1
    for i in range(np.uint64(neighbour.shape[0])):
        v = np.uint64(neighbour.shape[0]) - _1 - i
        label = labels[v]
        label = min(label, labels[np.uint64(neighbour[v, 0])] + (np.uint64(down[v, 0]) << _32))
        label = min(label, labels[np.uint64(neighbour[v, 1])] + (np.uint64(down[v, 1]) << _32))
        label = min(label, labels[np.uint64(neighbour[v, 2])] + (np.uint64(down[v, 2]) << _32))
        labels[v] = _NO_LABEL if label > limit else label


@nb.njit(cache=True, nogil=True)
def _search(start, arcs, labels, bound, buckets):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901, PLR0912, PLR0915
    """Settle `labels` from those it begins with: Dijkstra with a ring of buckets, label-correcting inside a bucket.

    A bucket is a list of entries linked through `following`, last in first out; emptied entries are used again, so
    that the pool stays as small as the frontier and in the fastest cache.
    """
    shift, widest = buckets
    lowest, highest = _LOW, _0
    for node in range(np.uint64(labels.size)):
        cost = labels[node] >> _32
        if cost < _IMPASSABLE:
            lowest, highest = min(lowest, cost), max(highest, cost)
    if highest < lowest:
        return
    # Whatever waits at one time lies between the lowest cost and one arc beyond the highest.
    ring = _1
    while ring < ((widest + highest - lowest) >> shift) + np.uint64(2):
        ring <<= _1
    mask = ring - _1
    head = np.full(ring, _NO_ENTRY, np.uint32)
    size = 4096
    entry = np.empty(size, np.uint64)
    following = np.empty(size, np.uint32)
    used = np.uint32(0)
    free = _NO_ENTRY
    waiting = 0
    current = lowest >> shift
    for node in range(np.uint64(labels.size)):
        if labels[node] == _NO_LABEL:
            continue
        cost = labels[node] >> _32
        if cost > bound:
            labels[node] = _NO_LABEL
            continue
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
                reached = label + (arcs[a] & _HIGH)
                neighbour = arcs[a] & _LOW
                cost = reached >> _32
                if reached >= labels[neighbour] or cost > bound:
                    continue
                known = labels[neighbour] >> _32
                labels[neighbour] = reached
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
def _read(costs, places, labels, sites, people):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    edges, along, against = costs
    private, place, inside_node, inside = places
    site_edge, site_fraction, site_leg, site_row = sites
    edge, fraction, leg = people
    found = np.full(edge.size, _NO_LABEL, np.uint64)
    for i in range(edge.size):
        if edge[i] < 0:
            continue
        e = np.uint64(edge[i])
        whole, back = np.uint64(along[e]), np.uint64(against[e])
        best = _NO_LABEL
        first, second = edges[e, 0], edges[e, 1]
        if private[e]:
            on = labels[np.uint64(inside[np.searchsorted(inside_node, second)])]
            to = labels[np.uint64(inside[np.searchsorted(inside_node, first)])]
        else:
            on = labels[np.uint64(place[second])]
            to = labels[np.uint64(place[first])]
        if on != _NO_LABEL and (whole != _IMPASSABLE or fraction[i] == 1.0):
            rest = _0 if fraction[i] == 1.0 else whole - _part(whole, fraction[i])
            best = _added(on, rest)
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
    return _NO_LABEL if total >= _IMPASSABLE else (total << _32) | (label & _LOW)


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
