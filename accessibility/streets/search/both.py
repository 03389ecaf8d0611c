"""Everybody within reach of each site, in metres and in seconds: one pass a site finds the least of both.

Near by, the shortest way is mostly the quickest as well, and junctions are settled in nearly the same order. So a label
holds a cost of each measure, an arc adds to both, and a junction waits until either of them falls; whichever order that
is in, both end as the least there is.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np

from accessibility.streets.search.bounded import (
    BATCH,
    ROOM,
    Found,
    along_the_curve,
    attach,
    by_site,
    first_on_edge,
    guessed,
    is_far,
)
from accessibility.streets.search.compiling import helper, maker
from accessibility.streets.search.multisource import HIGH, LOW, NOBODY, Stops, bucket_shift, direct, to_end

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import F64, I32, I64, U32, U64
    from accessibility.streets.search.packing import Arcs

    PairsOfBoth = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint32], NDArray[np.uint32]]

UNKNOWN = np.uint32(0xFFFF_FFFF)
"""The other cost of a pair that is beyond the other limit."""
_MOST = 1 << 30  # costs and limits of which two add up in 31 bits
_32 = np.uint64(32)
_0 = np.uint64(0)
_1 = np.uint64(1)
_WAITS = np.uint64(1 << 63)
_LABEL = np.uint64((1 << 63) - 1)
_GUARDS = np.uint64((1 << 63) | (1 << 31))


@dataclass(frozen=True, kw_only=True, eq=False)
class Attached:
    """People on the streets by two measures, attached once for every question.

    Parameters
    ----------
    arcs
        The plain arcs by each measure, reversed.
    rows
        ``(k,)`` who stands somewhere, along the curve.
    at_node
        ``(n + 1,)`` where the ways home from each node begin, and twice ``(w,)`` ``cost << 32 | person`` of these.
    on_edge
        ``(m,)`` the first of them on each edge; ``(k,)`` edges, fractions, access legs by one measure and the other.

    Examples
    --------
    >>> search.Attached.of((arcs, arcs), (people, people)).rows.tolist()
    [0, 1]
    """

    arcs: tuple[Arcs, Arcs]
    rows: NDArray[np.int64]
    at_node: tuple[NDArray[Any], ...]
    on_edge: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, arcs: tuple[Arcs, Arcs], people: tuple[Stops, Stops]) -> Attached:
        """Return people attached to the streets; those who stand nowhere are left out.

        Parameters
        ----------
        arcs
            The plain arcs by each measure, reversed.
        people
            Where they stand by each, the same but for the access legs.

        Returns
        -------
        Attached
            Everybody who stands somewhere.

        Examples
        --------
        >>> [len(part) for part in search.Attached.of((arcs, arcs), (people, people)).at_node]
        [3, 4, 4]
        """
        rows = along_the_curve(arcs[0], people[0])
        here, also = (Stops(edge=of.edge[rows], fraction=of.fraction[rows], leg=of.leg[rows]) for of in people)
        return cls(
            arcs=arcs,
            rows=rows,
            at_node=(*attach(arcs[0], here), attach(arcs[1], also)[1]),
            on_edge=(first_on_edge(here, len(arcs[0].home)), here.edge, here.fraction, here.leg, also.leg),
        )

    def is_near(self, sites: Stops, limits: tuple[int, int]) -> bool:
        """Return whether `catchments_by_both` is the way: the balls are small beside the network.

        Parameters
        ----------
        sites
            Where they stand.
        limits
            How far to look by each measure.

        Returns
        -------
        bool
            False also of limits of which two do not add up in 31 bits.

        Examples
        --------
        >>> search.Attached.of((arcs, arcs), (people, people)).is_near(sites, (50_000, 600_000))
        True
        """
        several = int((sites.edge >= 0).sum())
        far = is_far(self.arcs[0], len(self.rows), several, guessed(self.arcs[0], limits[0]))
        return not far and max(*limits, *(arcs.longest_arc for arcs in self.arcs)) < _MOST


def catchments_by_both(crowd: Attached, sites: tuple[Stops, Stops], limits: tuple[int, int]) -> PairsOfBoth:
    """Return who can walk to each site at a cost of at most the first limit, and what they cost by both measures.

    Parameters
    ----------
    crowd
        Everybody, by the measure that bounds the pairs and by the other one.
    sites
        Where they stand, by each measure; those that stand nowhere are in no pair.
    limits
        How far to look by each, ``<=``, both access legs in; the first is that of the pairs.

    Returns
    -------
    start
        ``(s + 1,)`` int64: the pairs of site ``j`` are those from ``start[j]`` to ``start[j + 1]``.
    person
        ``(k,)`` int32 rows of people, of a site in any order.
    cost, other
        ``(k,)`` uint32 by the first measure and by the second; `UNKNOWN` beyond the second limit.

    Examples
    --------
    Everybody within 500 m, and their milliseconds:

    >>> crowd = search.Attached.of((build_arcs(road, road.impedance()), arcs), (people, people))
    >>> [part.tolist() for part in search.catchments_by_both(crowd, (sites, sites), (50_000, 600_000))]
    [[0, 1, 2], [0, 1], [40000, 10000], [400000, 100000]]
    """
    first, second = crowd.arcs
    costs = tuple((arcs.impedance.along, arcs.impedance.against) for arcs in crowd.arcs)
    graph = (first.start, first.arcs, second.arcs, first.street)
    shift = bucket_shift(first, limits[0], 16)
    ring = 1 << ((min(first.longest_arc, limits[0]) >> shift) + 2).bit_length()
    beyond = np.uint64((limits[0] + 1) << 32 | (limits[1] + 1))
    bounds = (beyond, np.uint64(shift), limits[0] / max(limits[1], 1))

    def trace(batch: NDArray[np.int64]) -> tuple[Found, Found]:
        """Search from each of some sites as far as the limits."""
        count = np.zeros(len(batch), np.int64)
        there = (sites[0].edge[batch], sites[0].fraction[batch], sites[0].leg[batch], sites[1].leg[batch], count)
        marks = (np.full(len(first), beyond), np.empty(len(first) + 1, np.uint32))
        near = (np.full(len(crowd.rows), beyond), np.empty(len(crowd.rows) + 1, np.uint32), crowd.rows)
        everyone = (crowd.at_node, crowd.on_edge)
        found, total = _trace(costs, graph, everyone, there, (marks, near, np.full(ring, NOBODY, np.uint32)), bounds)
        return Found(batch, count, found[0, :total]), Found(batch, count, found[1, :total])

    order = along_the_curve(first, sites[0])
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    with ThreadPoolExecutor(max_workers=max(1, min(nb.get_num_threads(), len(batches)))) as pool:
        parts = list(pool.map(trace, batches))
    place, person, cost = by_site(len(sites[0].edge), [one for one, _ in parts])
    return place, person, cost, by_site(len(sites[0].edge), [other for _, other in parts])[2]


@maker
def _trace(  # noqa: C901
    costs: tuple[tuple[U32, U32], tuple[U32, U32]],
    graph: tuple[U32, U64, U64, U32],
    people: tuple[Any, ...],
    sites: tuple[I32, F64, U32, U32, I64],
    marks: tuple[Any, ...],
    bounds: tuple[np.uint64, np.uint64, float],
) -> tuple[U64, int]:
    """Count whom each site reaches; return ``person << 32 | cost`` of all by each measure, and how many."""
    (reached, touched), (near, met, rows), head = marks
    beyond, count, room = bounds[0], sites[4], ROOM
    queue = (head, np.empty(room, np.uint32), np.empty(room, np.uint32))
    found = np.empty((2, 4096), np.uint64)
    total = 0
    for s in range(sites[0].size):
        edge, fraction = np.uint64(sites[0][s]), sites[1][s]
        here = ((edge, fraction, np.uint64(sites[2][s])), (edge, fraction, np.uint64(sites[3][s])))
        known, done = _walk(costs, graph, here, (reached, touched), queue, bounds)
        # The queue was full: begin again with room for twice as many. The room stays for the sites after this one.
        while not done:
            for k in range(known):
                reached[np.uint64(touched[k])] = beyond
            room *= 2
            queue = (head, np.empty(room, np.uint32), np.empty(room, np.uint32))
            known, done = _walk(costs, graph, here, (reached, touched), queue, bounds)
        several = _meet(people[0], (reached, touched, known), (near, met), beyond)
        several = _meet_on_edge(costs, people[1], here, (near, met, several), beyond)
        if found.shape[1] < total + several:
            longer = np.empty((2, 2 * (total + several)), np.uint64)
            for k in range(total):
                longer[0, k], longer[1, k] = found[0, k], found[1, k]
            found = longer
        for k in range(known):
            reached[np.uint64(touched[k])] = beyond
        count[s] = total
        for k in range(several):
            person = np.uint64(met[k])
            label, row = near[person], np.uint64(rows[person]) << _32
            near[person] = beyond
            if label >> _32 < beyond >> _32:
                found[0, total] = row | (label >> _32)
                found[1, total] = row | ((label & LOW) if label & LOW < beyond & LOW else LOW)
                total += 1
        count[s] = total - count[s]
    return found, total


@helper
def _walk(  # noqa: C901, PLR0912, PLR0915
    costs: tuple[tuple[U32, U32], tuple[U32, U32]],
    graph: tuple[U32, U64, U64, U32],
    site: tuple[tuple[Any, Any, Any], ...],
    marks: tuple[U64, U32],
    queue: tuple[U32, U32, U32],
    bounds: tuple[Any, Any, Any],
) -> Any:
    """Search from one site as far as both limits; return how many nodes were touched, and whether the queue had room.

    A label is ``first << 32 | second``, its highest bit whether the node waits. Nodes not reached stand just beyond
    both limits. Whoever gets nearer by the first measure waits for its turn by that, else by the second, as far as the
    limits say that is.
    """
    start, arcs, also, street = graph
    reached, touched = marks
    head, entry, following = queue
    beyond, shift, per = bounds
    mask = np.uint64(head.size - 1)
    known, used, waiting = _0, np.uint32(0), 0
    free, current = NOBODY, LOW
    for end in range(2):
        node = np.uint64(street[site[0][0], end])
        before = reached[node] & _LABEL
        cost = min(to_end(costs[0], site[0], end), before >> _32)
        label = (cost << _32) | min(to_end(costs[1], site[1], end), before & LOW)
        if label == before:
            continue
        touched[known] = np.uint32(node)
        known += np.uint64(before == beyond)
        reached[node] = label | _WAITS
        slot = (cost >> shift) & mask
        entry[np.uint64(used)] = np.uint32(node)
        following[np.uint64(used)] = head[slot]
        head[slot] = used
        used += np.uint32(1)
        waiting += 1
        current = min(current, cost >> shift)
    while waiting > 0:
        slot = current & mask
        while head[slot] != NOBODY:
            top = np.uint64(head[slot])
            head[slot] = following[top]
            following[top] = free
            free = np.uint32(top)
            waiting -= 1
            node = np.uint64(entry[top])
            if reached[node] < _WAITS:
                continue
            label = reached[node] & _LABEL
            reached[node] = label
            for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
                total, to = label + (arcs[a] & HIGH) + (also[a] >> _32), arcs[a] & LOW
                old = reached[to]
                before = old & _LABEL
                if ((total | _GUARDS) - before) & _GUARDS == _GUARDS:
                    continue  # each cost is as much as before, or more: nothing was borrowed from the bit above it
                cost, known_cost = total >> _32, before >> _32
                touched[known] = np.uint32(to)  # written over where it was known: cheaper than to ask
                known += np.uint64(before == beyond)
                reached[to] = (min(cost, known_cost) << _32) | min(total & LOW, before & LOW) | _WAITS
                if cost >= known_cost:
                    if old >= _WAITS:
                        continue
                    cost = max(np.uint64(np.float64(total & LOW) * per), current << shift)
                if free != NOBODY:
                    new = np.uint64(free)
                    free = following[new]
                elif np.uint64(used) < np.uint64(entry.size):
                    new = np.uint64(used)
                    used += np.uint32(1)
                else:
                    for k in range(head.size):
                        head[k] = NOBODY
                    return known, False
                into = (cost >> shift) & mask
                entry[new] = np.uint32(to)
                following[new] = head[into]
                head[into] = np.uint32(new)
                waiting += 1
        current += _1
    return known, True


@helper
def _nearer(near: U64, person: Any, costs: tuple[Any, Any]) -> Any:
    """Note what a way costs a person, where that is less by either measure; return what they had before."""
    before = near[person]
    near[person] = (min(costs[0], before >> _32) << _32) | min(costs[1], before & LOW)
    return before


@helper
def _meet(
    at_node: tuple[U32, U64, U64],
    walked: tuple[U64, U32, np.uint64],
    people: tuple[U64, U32],
    beyond: np.uint64,
) -> int:
    """Note everybody near enough whose edge ends at a node that was reached; return how many."""
    start, attached, also = at_node
    reached, touched, known = walked
    near, met = people
    several = 0
    for k in range(known):
        node = np.uint64(touched[k])
        label = reached[node]
        for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
            person = attached[a] & LOW
            total = ((label >> _32) + (attached[a] >> _32), (label & LOW) + (also[a] >> _32))
            met[several] = np.uint32(person)
            before = _nearer(near, person, total)
            several += before == beyond and near[person] != beyond
    return several


@helper
def _meet_on_edge(
    costs: tuple[tuple[U32, U32], tuple[U32, U32]],
    people: tuple[U32, I32, F64, U32, U32],
    site: tuple[tuple[np.uint64, float, np.uint64], ...],
    marks: tuple[U64, U32, int],
    beyond: np.uint64,
) -> int:
    """Note who stands on the site's own edge, for they walk straight there; return how many were met by now."""
    first, edge, fraction, leg, other_leg = people
    near, met, several = marks
    e, there, _ = site[0]
    person = np.uint64(first[e])
    while person < np.uint64(edge.size) and np.uint64(edge[person]) == e:
        here = fraction[person]
        way, other = (
            direct(np.uint64(costs[0][0][e]), np.uint64(costs[0][1][e]), here, (there, site[0][2], _0)) >> _32,
            direct(np.uint64(costs[1][0][e]), np.uint64(costs[1][1][e]), here, (there, site[1][2], _0)) >> _32,
        )
        before = _nearer(near, person, (way + np.uint64(leg[person]), other + np.uint64(other_leg[person])))
        if before == beyond and near[person] != beyond:
            met[several] = np.uint32(person)
            several += 1
        person += _1
    return several
