"""Many sites at once, to everybody: the labels of sixteen sites handed up and down a ladder together.

A bounded pass a site pays for its catchment. Where a catchment is much of the network, it is cheaper to eliminate all
junctions once (`accessibility.streets.search.elimination.Ladder`): no queue, no comparison that nobody can foresee, and
one instruction adds an arc to several labels (Delling, Goldberg, Nowatzyk and Werneck 2011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.streets.search.compiling import helper, kernel, maker
from accessibility.streets.search.multisource import LOW, NOT_PASSABLE, UNREACHED, to_end

if TYPE_CHECKING:
    from accessibility.streets.search.compiling import F64, I32, I64, U32, U64

LANES = 16  # labels of a node that fill one line of a cache
_32 = np.uint64(32)
_1 = np.uint64(1)


@kernel
def spread(
    ladder: tuple[I64, U32, U32, U32],
    ends: tuple[tuple[U32, U32], U32],
    sites: tuple[I32, F64, U32],
    labels: U32,
) -> None:
    """Label every place with what the way from it to each site costs; both ends of the edge of a site come first.

    The sites stand in the columns of `labels`, which hold `UNREACHED`.
    """
    costs, places = ends
    edge, fraction, leg = sites
    for s in range(edge.size):
        site = (np.uint64(edge[s]), fraction[s], np.uint64(leg[s]))
        for end in range(2):
            cost, place = to_end(costs, site, end), np.uint64(places[s, end])
            if cost < NOT_PASSABLE:
                labels[place, s] = min(labels[place, s], np.uint32(cost))
    _climb(ladder, labels)
    _descend(ladder, labels)


@helper
def _climb(ladder: tuple[I64, U32, U32, U32], labels: U32) -> None:
    """Hand labels on to the places that went later."""
    start, to, up, _ = ladder
    lanes = labels.shape[1]  # a number that the compiler does not know: else it takes the loops over lanes apart
    for v in range(np.uint64(start.size - 1)):
        nearest = UNREACHED
        for s in range(lanes):
            nearest = min(nearest, labels[v, s])
        if nearest == UNREACHED:
            continue
        for a in range(np.uint64(start[v]), np.uint64(start[v + _1])):
            there, cost = np.uint64(to[a]), up[a]
            for s in range(lanes):
                labels[there, s] = min(labels[there, s], np.uint32(labels[v, s] + cost))


@helper
def _descend(ladder: tuple[I64, U32, U32, U32], labels: U32) -> None:
    """Hand labels on to the places that went before, in the opposite order."""
    start, to, _, down = ladder
    lanes, count = labels.shape[1], np.uint64(start.size - 1)
    for i in range(count):
        v = count - _1 - i
        for a in range(np.uint64(start[v]), np.uint64(start[v + _1])):
            there, cost = np.uint64(to[a]), down[a]
            for s in range(lanes):
                labels[v, s] = min(labels[v, s], np.uint32(labels[there, s] + cost))


@kernel
def walk_home(attached: tuple[U32, U64], place: U32, labels: U32, near: U32) -> None:
    """Note, in the columns of `near`, what the way to each site costs everybody whose edge ends at a node."""
    start, words = attached
    lanes = labels.shape[1]
    for node in range(np.uint64(place.size)):
        at = np.uint64(place[node])
        for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
            person, way = words[a] & LOW, words[a] >> _32
            if way >= NOT_PASSABLE:
                continue
            for s in range(lanes):
                near[person, s] = min(near[person, s], np.uint32(labels[at, s] + np.uint32(way)))


@maker
def within(near: U32, order: I64, rows: I64, cutoff: U32, found: U64) -> I64:
    """Write ``row << 32 | cost`` of everybody within the own cutoff into the row of each site; return how many."""
    count = np.zeros(near.shape[1], np.int64)
    for i in range(order.size):
        person = np.uint64(order[i])
        most, row = cutoff[person], np.uint64(rows[person]) << _32
        for s in range(near.shape[1]):
            cost = near[person, s]
            found[s, count[s]] = row | np.uint64(cost)  # whoever is not near enough is written over
            count[s] += cost <= most
    return count
