"""Points on the edges of a graph, and the nearest of many sites for every node in one pass.

Dijkstra's search with buckets in the place of a heap (Dial 1969), wider than one unit, with labels corrected inside a
bucket (Denardo and Fox 1979): each arc is read about once, and no comparison sorts anything.

The ring of buckets: each is a list of nodes linked both ways, so that a node waits once, and moves when it gets nearer.
``head`` holds the first node of each bucket; ``links`` the node after and the node before each; a node that waits
nowhere is before itself `IDLE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.streets.search.compiling import fetch, helper, kernel, maker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import F64, I32, U32, U64, Flags
    from accessibility.streets.search.elimination import Hierarchy
    from accessibility.streets.search.packing import Arcs, Graph


UNREACHED = np.uint32(0x7FFF_FFFF)
"""The cost of a node from which no site is reached."""
NO_LABEL = np.uint64(0x7FFF_FFFF_FFFF_FFFF)
LOW = np.uint64(0xFFFF_FFFF)
HIGH = np.uint64(0xFFFF_FFFF_0000_0000)
NOT_PASSABLE = np.uint64(0x7FFF_FFFF)
_32 = np.uint64(32)
_0 = np.uint64(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stops:
    """Points on the edges of a graph, with what the way between point and edge costs.

    Parameters
    ----------
    edge
        ``(k,)`` int32 edge rows, -1 for a point that stands nowhere.
    fraction
        ``(k,)`` place along the edge, 0 to 1.
    leg
        ``(k,)`` uint32 cost of the access leg, in the units of the graph.

    Examples
    --------
    >>> people.fraction.tolist(), people.leg.tolist()
    ([0.4, 0.9], [0, 0])
    """

    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]
    leg: NDArray[np.uint32]


def split_labels(labels: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Return the cost and the owner that labels hold.

    Parameters
    ----------
    labels
        ``(n,)`` uint64 ``cost << 32 | site``.

    Returns
    -------
    cost : numpy.ndarray
        ``(n,)`` uint32; `UNREACHED` where there is none.
    owner : numpy.ndarray
        ``(n,)`` int32 row of the site; -1 where there is none.

    Examples
    --------
    >>> cost, owner = search.split_labels(np.array([400_000 << 32 | 7], np.uint64))
    >>> cost.tolist(), owner.tolist()
    ([400000], [7])
    """
    return (labels >> _32).astype(np.uint32), (labels & LOW).astype(np.uint32).view(np.int32)


@helper
def part(cost: np.uint64, fraction: float) -> np.uint64:
    """Return the cost of the edge's first `fraction`; the rest is the whole less this, so that parts add up."""
    return np.uint64(np.float64(cost) * fraction + 0.5)


@helper
def added(label: np.uint64, cost: np.uint64) -> np.uint64:
    """Return the label with more cost, or no label where the sum cannot be counted in 32 bits."""
    total = (label >> _32) + cost
    return NO_LABEL if total >= NOT_PASSABLE else (total << _32) | (label & LOW)


@helper
def to_end(costs: tuple[U32, U32], site: tuple[Any, Any, Any], end: Any) -> Any:
    """Return the cost from one end of the site's edge to the site, access leg in."""
    edge, fraction, leg = site
    cost = np.uint64(costs[end][edge])
    if fraction == np.float64(end):
        return leg
    if cost == NOT_PASSABLE:
        return cost
    before = part(cost, fraction)
    return leg + (before if end == 0 else cost - before)


@helper
def direct(whole: Any, back: Any, here: Any, site: tuple[Any, Any, Any]) -> Any:
    """Return the label of walking straight to a site on the same edge."""
    there, leg, row = site
    if here == there:
        between = _0
    elif here < there:
        between = NOT_PASSABLE if whole == NOT_PASSABLE else part(whole, there) - part(whole, here)
    else:
        between = NOT_PASSABLE if back == NOT_PASSABLE else part(back, here) - part(back, there)
    return added((np.uint64(leg) << _32) | np.uint64(row), between)


def read_labels(graph: Graph, labels: NDArray[np.uint64], sites: Stops, people: Stops) -> NDArray[np.uint64]:
    """Return the label of every person: cost to the nearest site, both access legs in, and which site.

    A person reads both ends of their edge, of a private edge the labels of inside; sites on the same edge are reached
    directly, without going round.

    Parameters
    ----------
    graph
        The reversed graph that was searched.
    labels
        ``(n + i,)`` uint64 labels of its nodes, from `nearest`.
    sites
        Where the sites are that were searched from.
    people
        Where people stand.

    Returns
    -------
    numpy.ndarray
        ``(p,)`` uint64 labels, ``cost << 32 | site``.

    Examples
    --------
    >>> found = search.read_labels(graph, search.nearest(graph, sites), sites, people)
    >>> search.split_labels(found)[0].tolist()
    [400000, 100000]
    """
    order = np.lexsort((sites.fraction, sites.edge)).astype(np.uint32)
    cost, served = graph.impedance, np.zeros(len(graph.edges) + 1, np.bool_)
    served[sites.edge] = True  # the last one that of sites that stand nowhere
    found = np.full(len(people.edge), NO_LABEL, np.uint64)
    _read(
        (graph.ends, cost.along, cost.against),
        labels,
        (served, sites.edge[order], sites.fraction[order], sites.leg[order], order),
        (people.edge, people.fraction, people.leg),
        found,
    )
    return found


@helper
def _first(ascending: I32, wanted: np.int32) -> int:
    """Return the place of the first value that is not below the one wanted."""
    low, high = 0, ascending.size
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


_AHEAD = 8  # people


@helper
def _fetch_edge(costs: tuple[U32, U32, U32], served: Flags, edge: int) -> None:
    """Have what is known of an edge brought."""
    fetch(costs[0], 2 * edge)
    fetch(costs[1], edge)
    fetch(costs[2], edge)
    fetch(served, edge)


@helper
def _fetch_labels(ends: U32, labels: U64, edge: int) -> None:
    """Have the labels at both ends of an edge brought, if it is one."""
    if edge >= 0:
        fetch(labels, np.int64(ends[edge, 0]))
        fetch(labels, np.int64(ends[edge, 1]))


@kernel
def _read(
    costs: tuple[U32, U32, U32],
    labels: U64,
    sites: tuple[Flags, I32, F64, U32, U32],
    people: tuple[I32, F64, U32],
    found: U64,
) -> None:
    ends, along, against = costs
    served, site_edge, site_fraction, site_leg, site_row = sites
    edge, fraction, leg = people
    for i in range(edge.size):
        if i + 2 * _AHEAD < edge.size:
            _fetch_edge(costs, served, np.int64(edge[i + 2 * _AHEAD]))
            _fetch_labels(ends, labels, np.int64(edge[i + _AHEAD]))
        if edge[i] < 0:
            continue
        e = np.uint64(edge[i])
        whole, back = np.uint64(along[e]), np.uint64(against[e])
        best = NO_LABEL
        on, to = labels[np.uint64(ends[e, 1])], labels[np.uint64(ends[e, 0])]
        if on != NO_LABEL and (whole != NOT_PASSABLE or fraction[i] == 1.0):
            rest = _0 if fraction[i] == 1.0 else whole - part(whole, fraction[i])
            best = added(on, rest)
        if to != NO_LABEL and (back != NOT_PASSABLE or fraction[i] == 0.0):
            rest = _0 if fraction[i] == 0.0 else part(back, fraction[i])
            best = min(best, added(to, rest))
        s = _first(site_edge, edge[i]) if served[e] else site_edge.size
        while s < site_edge.size and site_edge[s] == edge[i]:
            site = (site_fraction[s], np.uint64(site_leg[s]), np.uint64(site_row[s]))
            best = min(best, direct(whole, back, fraction[i], site))
            s += 1
        if best != NO_LABEL:
            found[i] = added(best, np.uint64(leg[i]))


NOBODY = np.uint32(0xFFFF_FFFF)
IDLE = np.uint32(0xFFFF_FFFE)
_MAX_BUCKETS = 1 << 20


def bucket_shift(arcs: Arcs, limit: int, share: int = 4) -> int:
    """Return the width of a bucket as a power of two: a share of a typical arc, wider where one arc is very long."""
    return max((arcs.typical_arc // share).bit_length(), (min(arcs.longest_arc, limit) // _MAX_BUCKETS).bit_length())


@helper
def link(head: U32, links: tuple[U32, U32], slot: np.uint64, node: np.uint64) -> None:
    """Put a node that waits nowhere in front of a bucket."""
    after, before = links
    following = head[slot]
    after[node], before[node] = following, NOBODY
    if following != NOBODY:
        before[np.uint64(following)] = np.uint32(node)
    head[slot] = np.uint32(node)


@helper
def unlink(head: U32, links: tuple[U32, U32], slot: np.uint64, node: np.uint64) -> None:
    """Take a node out of the bucket in which it waits."""
    after, before = links
    following, leading = after[node], before[node]
    if leading == NOBODY:
        head[slot] = following
    else:
        after[np.uint64(leading)] = following
    if following != NOBODY:
        before[np.uint64(following)] = leading
    before[node] = IDLE


_1 = np.uint64(1)
_NO_ENTRY = np.uint32(0xFFFF_FFFF)
_UNCACHED = 1 << 21  # junctions: labels and arcs take 30 bytes each


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
        ``(n + i,)`` labels, ``cost << 32 | site``: of the streets at the node's
        `accessibility.streets.search.elimination.Hierarchy.place`, then of the inside of compounds at theirs.
        `split_labels` takes them apart.

    Examples
    --------
    >>> cost, owner = search.split_labels(search.nearest(graph, sites))
    >>> cost.tolist(), owner.tolist()
    ([0, 0], [0, 1])
    """
    n = len(graph.hierarchy.place)
    labels = np.full(n + len(graph.inside), NO_LABEL, np.uint64)
    bound = np.uint64(int(UNREACHED) - 1 if limit is None else min(limit, int(UNREACHED) - 1))
    costs = (graph.edges, graph.impedance.along, graph.impedance.against)
    edge = sites.edge.view()
    edge.setflags(write=False)  # whoever made it: `seed_ends` is compiled once
    seed_ends(costs, graph.hierarchy.place, (edge, sites.fraction, sites.leg), labels)
    _settle(graph.hierarchy, labels[:n], bound)
    if len(graph.inside):
        labels[n + graph.compounds.place] = labels[graph.hierarchy.place[graph.inside]]
        _settle(graph.compounds, labels[n:], bound)
    return labels


def _settle(hierarchy: Hierarchy, labels: NDArray[np.uint64], bound: np.uint64) -> None:
    """Search from the labels there are, in place."""
    _climb(hierarchy.neighbour, hierarchy.up, labels)
    core = labels[len(hierarchy.neighbour) :]
    search_arcs(hierarchy.start, hierarchy.arcs, core, bound, _buckets(hierarchy))
    _descend(hierarchy.neighbour, hierarchy.down, labels, bound)


def _buckets(hierarchy: Hierarchy) -> tuple[np.uint64, np.uint64]:
    """Return how wide a bucket is, as a power of two, and the longest arc.

    A bucket is a quarter of a typical arc of a core wide, measured flat from a sixteenth to a whole one, and half an
    arc of streets as they are. Of streets that no cache holds it is four arcs wide: what is near is then searched
    together, which costs some steps and saves half the time. One long arc must not make the ring endless.
    """
    typical, widest = hierarchy.typical_arc, hierarchy.longest_arc
    width = typical // 4
    if not len(hierarchy.neighbour):
        width = typical // 2 if len(hierarchy.place) < _UNCACHED else typical * 4
    return np.uint64(max(width.bit_length(), (widest // _MAX_BUCKETS).bit_length())), np.uint64(widest)


@kernel
def seed_ends(costs: tuple[I32, U32, U32], place: U32, sites: tuple[I32, F64, U32], labels: U64) -> None:
    """Label both ends of the edge of each site."""
    edges, along, against = costs
    edge, fraction, leg = sites
    for s in range(edge.size):
        if edge[s] < 0:
            continue
        e = np.uint64(edge[s])
        whole, back = np.uint64(along[e]), np.uint64(against[e])
        label = (np.uint64(leg[s]) << _32) | np.uint64(s)
        if whole != NOT_PASSABLE or fraction[s] == 0.0:
            first = np.uint64(place[edges[e, 0]])
            labels[first] = min(labels[first], added(label, _0 if fraction[s] == 0.0 else part(whole, fraction[s])))
        if back != NOT_PASSABLE or fraction[s] == 1.0:
            second = np.uint64(place[edges[e, 1]])
            rest = _0 if fraction[s] == 1.0 else back - part(back, fraction[s])
            labels[second] = min(labels[second], added(label, rest))


@kernel
def _climb(neighbour: U32, up: U32, labels: U64) -> None:
    """Hand the labels of eliminated nodes on to what was left when they went."""
    for v in range(np.uint64(neighbour.shape[0])):
        label = labels[v]
        if label == NO_LABEL:
            continue
        for k in range(3):
            to = np.uint64(neighbour[v, k])
            labels[to] = min(labels[to], label + (np.uint64(up[v, k]) << _32))


@kernel
def _descend(neighbour: U32, down: U32, labels: U64, bound: np.uint64) -> None:
    """Label the eliminated nodes from their neighbours, in the opposite order."""
    limit = ((bound + _1) << _32) - _1
    for i in range(np.uint64(neighbour.shape[0])):
        v = np.uint64(neighbour.shape[0]) - _1 - i
        label = labels[v]
        # Three without a branch: a slot that is not used leads to the node itself at an impassable cost, and never
        # wins.
        label = min(label, labels[np.uint64(neighbour[v, 0])] + (np.uint64(down[v, 0]) << _32))
        label = min(label, labels[np.uint64(neighbour[v, 1])] + (np.uint64(down[v, 1]) << _32))
        label = min(label, labels[np.uint64(neighbour[v, 2])] + (np.uint64(down[v, 2]) << _32))
        labels[v] = NO_LABEL if label > limit else label


@maker
def search_arcs(start: U32, arcs: U64, labels: U64, bound: np.uint64, buckets: tuple[np.uint64, np.uint64]) -> None:  # noqa: C901, PLR0912, PLR0915
    """Settle `labels` from those it begins with: Dijkstra with a ring of buckets, label-correcting inside a bucket.

    A bucket is a list of entries linked through `following`, last in first out; emptied entries are used again, so
    that the pool stays as small as the frontier and in the fastest cache.
    """
    shift, widest = buckets
    lowest, highest = LOW, _0
    for node in range(np.uint64(labels.size)):
        cost = labels[node] >> _32
        if cost < NOT_PASSABLE:
            lowest, highest = min(lowest, cost), max(highest, cost)
    if highest < lowest:
        return
    # Labels are compared as whole words, cost and owner: of two sites at the same cost the lower row wins, whatever
    # the order of the search.
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
        if labels[node] == NO_LABEL:
            continue
        cost = labels[node] >> _32
        if cost > bound:
            labels[node] = NO_LABEL
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
            node = entry[top] & LOW
            label = labels[node]
            # The node has come nearer since: its newer entry is done, or waits in this very bucket.
            if (label >> _32) != (entry[top] >> _32):
                continue
            for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
                reached = label + (arcs[a] & HIGH)
                neighbour = arcs[a] & LOW
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
        # Arcs cost nothing below zero: what is left behind here has its final label, owner and all.
        current += _1


@maker
def _grown(entry: U64, following: U32, size: int) -> tuple[U64, U32]:
    wider_entry = np.empty(size, np.uint64)
    wider_following = np.empty(size, np.uint32)
    for k in range(entry.size):  # a loop: copying slices would have numba compile its messages about their shapes
        wider_entry[k], wider_following[k] = entry[k], following[k]
    return wider_entry, wider_following
