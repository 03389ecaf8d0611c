"""Everybody within reach of each site: a bounded pass a site, whose cost follows its catchment, not the network."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np

from accessibility.streets.search.compiling import helper, kernel, maker
from accessibility.streets.search.elimination import by_node
from accessibility.streets.search.lanes import LANES, spread, walk_home, within
from accessibility.streets.search.multisource import (
    LOW,
    NOBODY,
    NOT_PASSABLE,
    UNREACHED,
    Stops,
    bucket_shift,
    direct,
    part,
    to_end,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import F64, I32, I64, U32, U64, Array
    from accessibility.streets.search.packing import Arcs

Pairs = tuple["NDArray[np.int64]", "NDArray[np.int32]", "NDArray[np.uint32]"]
_32 = np.uint64(32)
_0 = np.uint64(0)
_1 = np.uint64(1)
_FAR = np.uint32(0xFFFF_FFFF)
BATCH = 256  # sites a thread takes at a time
ROOM = 32  # entries of the queue to begin with
_TRIED = 4  # sites that tell how large a ball is
_LADDER = 20  # nodes touched in the time that it takes to eliminate one


def catchments(arcs: Arcs, sites: Stops, people: Stops, cutoff: NDArray[np.uint32]) -> Pairs:
    """Return who can walk to each site at a cost of at most their own cutoff.

    Sites are searched on as many threads as ``numba.get_num_threads()`` says; the answer does not hang on how many.

    Parameters
    ----------
    arcs
        The plain arcs, reversed.
    sites, people
        Where they stand; those that stand nowhere are in no pair.
    cutoff
        ``(n,)`` greatest cost for each person, both access legs in, ``<=``.

    Returns
    -------
    start
        ``(s + 1,)`` int64: the pairs of site ``j`` are those from ``start[j]`` to ``start[j + 1]``.
    person
        ``(k,)`` int32 rows of people, ascending within a site.
    cost
        ``(k,)`` uint32.

    Examples
    --------
    Everybody within 500 seconds:

    >>> start, person, cost = search.catchments(arcs, sites, people, np.array([500_000, 500_000], np.uint32))
    >>> start.tolist(), person.tolist(), cost.tolist()
    ([0, 1, 2], [0, 1], [400000, 100000])
    """
    return Homes.of(arcs, people, cutoff).reached_from(sites)


def guessed(arcs: Arcs, limit: int) -> int:
    """Return about how many nodes a bounded search touches."""
    return (limit // max(arcs.typical_arc, 1)) ** 2


def is_far(arcs: Arcs, people: int, left: int, touched: float) -> bool:
    """Return whether so many sites are searched sooner over all of the network than each over a ball of nodes.

    Counted in nodes that a bounded search touches, so that the answer hangs on no clock.
    """
    saved = min(touched, len(arcs)) - (len(arcs) + people) / LANES
    built = "ladder" in arcs.__dict__
    return left * saved > (0 if built else _LADDER * len(arcs))


@dataclass(frozen=True, eq=False)
class Found:
    """Of some sites how many people each reaches, ``person << 32 | cost`` of these, and how many nodes were touched."""

    sites: NDArray[np.int64]
    count: NDArray[np.int64]
    words: NDArray[np.uint64]
    touched: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Homes:
    """People on the streets, each with a limit of their own, attached once for every question.

    Parameters
    ----------
    arcs
        The plain arcs, reversed.
    attached
        ``(n + 1,)`` where the ways home from each node begin, and ``(w,)`` ``cost << 32 | person`` of these.
    wanted
        ``(m,)`` the first person on each edge; ``(k,)`` edges, fractions, access legs, limits, rows of who stands
        somewhere, along the curve.

    Examples
    --------
    >>> near = search.Homes.of(arcs, people, np.array([500_000, 300_000], np.uint32))
    >>> [part.tolist() for part in near.reached_from(sites)]
    [[0, 1, 2], [0, 1], [400000, 100000]]
    """

    arcs: Arcs
    attached: tuple[NDArray[np.uint32], NDArray[np.uint64]]
    wanted: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, arcs: Arcs, people: Stops, cutoff: NDArray[np.uint32]) -> Homes:
        """Return people attached to the streets; those who stand nowhere are left out.

        Parameters
        ----------
        arcs
            The plain arcs, reversed.
        people
            Where they stand.
        cutoff
            ``(n,)`` greatest cost for each person, both access legs in, ``<=``.

        Returns
        -------
        Homes
            Everybody who stands somewhere.

        Examples
        --------
        >>> search.Homes.of(arcs, people, np.array([500_000, 300_000], np.uint32)).wanted[5].tolist()
        [0, 1]
        """
        cutoff = np.minimum(cutoff, UNREACHED - np.uint32(1)).astype(np.uint32)
        rows = along_the_curve(arcs, people)
        here = Stops(edge=people.edge[rows], fraction=people.fraction[rows], leg=people.leg[rows])
        on_edge = (first_on_edge(here, len(arcs.home)), here.edge, here.fraction, here.leg)
        return cls(arcs=arcs, attached=attach(arcs, here), wanted=(*on_edge, cutoff[rows], rows))

    def reached_from(self, sites: Stops) -> Pairs:
        """Return who can walk to each site, as `catchments` does.

        Parameters
        ----------
        sites
            Where they stand; those that stand nowhere are in no pair.

        Returns
        -------
        tuple
            Starts, people and costs.

        Examples
        --------
        >>> [part.tolist() for part in search.Homes.of(arcs, people, np.zeros(2, np.uint32)).reached_from(sites)]
        [[0, 0, 0], [], []]
        """
        arcs, rows = self.arcs, self.wanted[5]
        order = along_the_curve(arcs, sites)
        tried, parts = order[:0], []
        if is_far(arcs, len(rows), len(order), guessed(arcs, self._limit)):
            tried = order[:: max(len(order) // _TRIED, 1)][:_TRIED].copy()
            parts, order = [self._trace(sites, tried)], order[~np.isin(order, tried)]
        far = len(tried) > 0 and is_far(arcs, len(rows), len(order), parts[0].touched / len(tried))
        size, search = (LANES, self._spread) if far else (BATCH, self._trace)
        batches = [order[at : at + size] for at in range(0, len(order), size)]
        with ThreadPoolExecutor(max_workers=max(1, min(nb.get_num_threads(), len(batches)))) as pool:
            return by_site(len(sites.edge), [*parts, *pool.map(partial(search, sites), batches)])

    @cached_property
    def _limit(self) -> int:
        """The greatest limit of anybody who stands somewhere."""
        return int(self.wanted[4].max(initial=0))

    @cached_property
    def _ascending(self) -> NDArray[np.int64]:
        """The people in the order of their rows."""
        return np.argsort(self.wanted[5])

    @property
    def _costs(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """What the edges cost, along and against."""
        return self.arcs.impedance.along, self.arcs.impedance.against

    def _trace(self, sites: Stops, batch: NDArray[np.int64]) -> Found:
        """Search from each of some sites as far as people go."""
        arcs, limit = self.arcs, self._limit
        shift, ring = _buckets(arcs, limit)
        count = np.zeros(len(batch), np.int64)
        # The system gives memory only where it is written to: no more than a catchment needs.
        nodes = (np.full(len(arcs), limit + 1, np.uint32), np.empty(len(arcs) + 1, np.uint32))
        persons = (np.full(len(self.wanted[4]), _FAR, np.uint32), np.empty(len(self.wanted[4]), np.uint32))
        marks = (nodes, persons, np.full(int(ring), NOBODY, np.uint32))
        graph, everyone = (arcs.start, arcs.arcs, arcs.street), (self.attached, self.wanted)
        there, bounds = (*_places(sites, batch), count), (np.uint64(limit), shift, ring)
        found, total, touched = _trace(self._costs, graph, everyone, there, marks, bounds)
        found = found[:total].copy()
        for first, last in pairwise(np.concatenate([[0], np.cumsum(count)]).tolist()):
            found[first:last].sort()
        return Found(batch, count, found, int(touched))

    def _spread(self, sites: Stops, batch: NDArray[np.int64]) -> Found:
        """Search from some sites together, everywhere."""
        ladder, street = self.arcs.ladder, self.arcs.street[sites.edge[batch]]
        cutoff, rows = self.wanted[4:]
        labels = np.full((len(self.arcs), LANES), UNREACHED, np.uint32)
        arcs = (ladder.start, ladder.to, ladder.up, ladder.down)
        spread(arcs, (self._costs, ladder.place[street]), _places(sites, batch), labels)
        near = np.full((len(rows), LANES), UNREACHED, np.uint32)
        walk_home(self.attached, ladder.place, labels, near)
        _walk_straight(self._costs, self.wanted, _places(sites, batch), near)
        found = np.empty((LANES, len(rows) + 1), np.uint64)
        count = within(near, self._ascending, rows, cutoff, found)[: len(batch)]
        return Found(batch, count, np.concatenate([found[lane, :several] for lane, several in enumerate(count)]))


def _places(
    sites: Stops, batch: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.uint32]]:
    """Return where some sites stand, and their access legs."""
    return sites.edge[batch], sites.fraction[batch], sites.leg[batch]


def along_the_curve(arcs: Arcs, stops: Stops) -> NDArray[np.int64]:
    """Return the rows of those who stand somewhere, neighbours after each other: they share what is in the cache."""
    on = np.flatnonzero(stops.edge >= 0)
    key = (arcs.edge_place[stops.edge[on]].astype(np.uint64) << _32) | on.astype(np.uint64)
    return (np.sort(key) & LOW).astype(np.int64)


def first_on_edge(stops: Stops, edges: int) -> NDArray[np.uint32]:
    """Return the first row of each edge, past the end where nobody is; rows of one edge stand together."""
    first = np.full(edges, len(stops.edge), np.uint32)
    first[stops.edge[::-1]] = np.arange(len(stops.edge), dtype=np.uint32)[::-1]
    return first


def attach(arcs: Arcs, people: Stops) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Return, by node, ``cost << 32 | person`` of everybody whose edge ends there: what their way to the node costs.

    Everybody stands somewhere. The first node is reached against the edge, the second along it; the access leg is in.
    """
    costs = (arcs.impedance.along, arcs.impedance.against)
    most = 2 * len(people.edge)
    nodes, words = np.empty(most, np.uint32), np.empty(most, np.uint64)
    ways = _ways(costs, arcs.home, (people.edge, people.fraction, people.leg), nodes, words)
    start, attached = by_node(nodes[:ways], words[:ways], len(arcs))
    return start, attached


@kernel
def _ways(costs: tuple[U32, U32], home: U32, people: tuple[I32, F64, U32], nodes: U32, words: U64) -> int:
    """Write the nodes to which edges of people lead, and ``cost << 32 | person`` of the ways there; return how many."""
    along, against = costs
    edge, fraction, leg = people
    known = 0
    for end in range(2):
        for i in range(edge.size):
            e, here = np.uint64(edge[i]), fraction[i]
            cost = np.uint64(along[e] if end else against[e])
            if here != end and cost == NOT_PASSABLE:
                continue
            way = _0
            if here != end:
                way = cost - part(cost, here) if end else part(cost, here)
            nodes[known] = home[e, end]
            words[known] = (min(way + np.uint64(leg[i]), LOW) << _32) | np.uint64(i)
            known += 1
    return known


def _buckets(arcs: Arcs, limit: int) -> tuple[np.uint64, np.uint64]:
    """Return how wide a bucket is, as a power of two, and how many make a ring that no arc within the limit laps."""
    shift = bucket_shift(arcs, limit, 8)
    return np.uint64(shift), np.uint64(1 << ((min(arcs.longest_arc, limit) >> shift) + 2).bit_length())


def by_site(sites: int, parts: list[Found]) -> Pairs:
    """Return the pairs of all parts in the order of the sites."""
    count = np.zeros(sites, np.int64)
    for found in parts:
        count[found.sites] = found.count
    start = np.concatenate([[0], np.cumsum(count)])
    person, cost = np.empty(start[-1], np.int32), np.empty(start[-1], np.uint32)
    for found in parts:
        _deal(found.sites, found.count, found.words, (start, person, cost))
    return start, person, cost


@kernel
def _deal(rows: I64, count: I64, found: U64, pairs: tuple[I64, I32, U32]) -> None:
    start, person, cost = pairs
    at = 0
    for i in range(rows.size):
        first = start[rows[i]]
        for k in range(count[i]):
            person[first + k] = np.int32(found[at + k] >> _32)
            cost[first + k] = np.uint32(found[at + k] & LOW)
        at += count[i]


@kernel
def fill_in(costs: Array, keys: I64, found: I64, cost: Array) -> None:
    """Write the costs of the keys that were found where there are none yet, below 0; both lists of keys ascend."""
    at = 0
    for i in range(keys.size):
        while at < found.size and found[at] < keys[i]:
            at += 1
        if at < found.size and found[at] == keys[i] and costs[i] < 0:
            costs[i] = cost[at]


@maker
def _trace(
    costs: tuple[U32, U32],
    graph: tuple[U32, U64, U32],
    people: tuple[Any, ...],
    sites: tuple[I32, F64, U32, I64],
    marks: tuple[tuple[U32, U32], tuple[U32, U32], U32],
    bounds: tuple[np.uint64, np.uint64, np.uint64],
) -> tuple[U64, int, np.uint64]:
    """Count whom each site reaches; return ``person << 32 | cost`` of all, how many, and touched nodes."""
    at_node, wanted = people
    (reached, touched), (near, met), head = marks
    beyond = np.uint32(bounds[0] + _1)
    count, room = sites[3], ROOM
    queue = (head, np.empty(room, np.uint64), np.empty(room, np.uint32))
    found = np.empty(4096, np.uint64)
    total, everywhere = 0, _0
    for s in range(sites[0].size):
        here = (np.uint64(sites[0][s]), sites[1][s], np.uint64(sites[2][s]))
        known, done = _walk(costs, graph, here, (reached, touched), queue, bounds)
        # The queue was full: begin again with room for twice as many. The room stays for the sites after this one.
        while not done:
            for k in range(known):
                reached[np.uint64(touched[k])] = beyond
            room *= 2
            queue = (head, np.empty(room, np.uint64), np.empty(room, np.uint32))
            known, done = _walk(costs, graph, here, (reached, touched), queue, bounds)
        several = _meet(at_node, wanted[4], (reached, touched, known), (near, met))
        several = _meet_on_edge(costs, wanted, here, (near, met), several)
        while found.size < total + several:
            longer = np.empty(2 * found.size, np.uint64)
            for k in range(total):
                longer[k] = found[k]
            found = longer
        for k in range(several):
            person = np.uint64(met[k])
            found[total + k] = (np.uint64(wanted[5][person]) << _32) | np.uint64(near[person])
            near[person] = _FAR
        # Only what was touched is wiped: a site pays for its catchment, not for the network.
        for k in range(known):
            reached[np.uint64(touched[k])] = beyond
        count[s] = several
        total += several
        everywhere += known
    return found, total, everywhere


@maker
def _walk_straight(
    costs: tuple[U32, U32],
    wanted: tuple[U32, I32, F64, U32, U32, I64],
    sites: tuple[I32, F64, U32],
    near: U32,
) -> None:
    """Note who stands on the edge of a site, in its column."""
    met = np.empty(0, np.uint32)  # nobody in it is new: the columns hold no `_FAR`
    for s in range(sites[0].size):
        here = (np.uint64(sites[0][s]), sites[1][s], np.uint64(sites[2][s]))
        _meet_on_edge(costs, wanted, here, (near[:, s], met), _0)


@helper
def _walk(  # noqa: C901, PLR0915
    costs: tuple[U32, U32],
    graph: tuple[U32, U64, U32],
    site: tuple[Any, Any, Any],
    marks: tuple[U32, U32],
    queue: tuple[U32, U64, U32],
    bounds: tuple[Any, Any, Any],
) -> Any:
    """Search from one site as far as the limit; return how many nodes were touched, and whether the queue had room.

    Nodes that were not reached stand just beyond the limit. A bucket is a list of entries, last in first out; those of
    nodes that came nearer meanwhile are passed over. Emptied entries are used again, so that what is in use stays in
    the fastest cache.
    """
    start, arcs, street = graph
    reached, touched = marks
    head, entry, following = queue
    limit, shift, ring = bounds
    mask, beyond = ring - _1, np.uint32(limit + _1)
    known, used, waiting = _0, np.uint32(0), 0
    free, current = NOBODY, NOT_PASSABLE
    for end in range(2):
        cost, node = to_end(costs, site, end), np.uint64(street[site[0], end])
        if cost >= np.uint64(reached[node]):
            continue
        if reached[node] == beyond:
            touched[known] = np.uint32(node)
            known += _1
        reached[node] = np.uint32(cost)
        slot = (cost >> shift) & mask
        entry[np.uint64(used)] = (cost << _32) | node
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
            node, cost = entry[top] & LOW, entry[top] >> _32
            if np.uint64(reached[node]) != cost:
                continue
            for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
                total, to = cost + (arcs[a] >> _32), arcs[a] & LOW
                before = reached[to]
                if total >= np.uint64(before):
                    continue
                touched[known] = np.uint32(to)  # written over where it was known: cheaper than to ask
                known += np.uint64(before == beyond)
                reached[to] = np.uint32(total)
                if free != NOBODY:
                    new = np.uint64(free)
                    free = following[new]
                elif np.uint64(used) < np.uint64(entry.size):
                    new = np.uint64(used)
                    used += np.uint32(1)
                else:
                    for k in range(ring):
                        head[k] = NOBODY
                    return known, False
                into = (total >> shift) & mask
                entry[new] = (total << _32) | to
                following[new] = head[into]
                head[into] = np.uint32(new)
                waiting += 1
        current += _1
    return known, True


@helper
def _meet(
    at_node: tuple[U32, U64],
    cutoff: U32,
    walked: tuple[U32, U32, np.uint64],
    people: tuple[U32, U32],
) -> np.uint64:
    """Note everybody near enough whose edge ends at a node that was reached; return how many."""
    start, attached = at_node
    reached, touched, known = walked
    near, met = people
    several = _0
    for k in range(known):
        node = np.uint64(touched[k])
        cost = np.uint64(reached[node])
        for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
            person, total = attached[a] & LOW, cost + (attached[a] >> _32)
            # The way home may be longer than the limit of this person, though the node is within that of another.
            if total > np.uint64(cutoff[person]) or total >= np.uint64(near[person]):
                continue
            if near[person] == _FAR:
                met[several] = np.uint32(person)
                several += _1
            near[person] = np.uint32(total)
    return several


@helper
def _meet_on_edge(
    costs: tuple[U32, U32],
    wanted: tuple[U32, I32, F64, U32, U32, I64],
    site: tuple[np.uint64, float, np.uint64],
    people: tuple[U32, U32],
    several: np.uint64,
) -> np.uint64:
    """Note who stands on the site's own edge, for they walk straight there; return how many were met by now."""
    first, edge, fraction, leg, cutoff, _ = wanted
    near, met = people
    whole, back = np.uint64(costs[0][site[0]]), np.uint64(costs[1][site[0]])
    person = np.uint64(first[site[0]])
    while person < np.uint64(edge.size) and np.uint64(edge[person]) == site[0]:
        way = direct(whole, back, fraction[person], (site[1], site[2], _0)) >> _32
        total = way + np.uint64(leg[person])
        if total <= np.uint64(cutoff[person]) and total < np.uint64(near[person]):
            if near[person] == _FAR:
                met[several] = np.uint32(person)
                several += _1
            near[person] = np.uint32(total)
        person += _1
    return several
