"""Single swaps by the million: an open site for a neighbour, a worse one taken ever more rarely.

A swap costs no more than two catchments, as no gain of a third site is kept. It moves plans that are bound by their
number or their budget across a map in which sites overlap; `annealing` brings them to their end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.siting.effort import SEED, draw
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Clock

_CHUNK = 20_000  # swaps between two looks at the clock
# Of what a typical open site covers: such a loss is taken every third time. Few sites want more heat than many.
_HOT, _COLD = (0.03, 0.1), 0.001
_FINE = np.int64(1 << 30)
_IN, _OUT = np.int32(1), np.int32(-1)  # of one type: kernels are compiled once for both
_READS, _SWAP = 3, 50  # what a swap does: columns read, and what it costs beside


def swap_sites(
    covering: Covering, chosen: NDArray[np.bool_], swaps: int, clock: Clock, *, seed: int = 0
) -> NDArray[np.bool_]:
    """Return a plan that covers no fewer than `chosen`, after so many swaps were tried.

    Parameters
    ----------
    covering
        The question; its floors are ignored.
    chosen
        ``(c,)`` columns of a plan within the limits.
    swaps
        How many; fewer only where the clock runs out.
    clock
        When to stop.
    seed
        Which stream of random numbers, and whether the search begins hot.
    """
    if not chosen.any():
        return chosen
    times = np.zeros(len(covering.weight), np.int32)
    np.add.at(times, covering.columns.of(np.flatnonzero(chosen)), 1)
    used = np.bincount(covering.packs.of(np.flatnonzero(chosen)), minlength=len(covering.room))
    state = (np.flatnonzero(chosen), chosen.copy(), times, chosen.copy(), np.zeros(2, np.int64))
    limits = (
        covering.cost,
        covering.packs.start,
        covering.packs.item,
        covering.room - used,
        np.array([covering.budget - int(covering.cost[chosen].sum())]),
    )
    pairs = (covering.rows.start, covering.rows.item, covering.columns.start, covering.columns.item)
    typical = (covering.value(chosen) - covering.base) / int(chosen.sum())
    random = np.array([SEED + np.uint64(seed)], np.uint64)
    hot = _HOT[seed % len(_HOT)]
    for done in range(0, swaps, _CHUNK):
        if clock.up:
            break
        heat = typical * hot * (_COLD / hot) ** (done / swaps)
        _swap(covering.weight, pairs, state, limits, (random, min(_CHUNK, swaps - done), heat))
        clock.spend(_CHUNK * (_READS * len(covering.rows.item) / len(covering.site) + _SWAP))
    best: NDArray[np.bool_] = state[3]
    return best


@helper
def _count(pairs, times, j, step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Count the rows of a column once more, or once less."""
    begin, row = pairs[2], pairs[3]
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        times[np.uint64(row[k])] += step


@helper
def _alone(weight, pairs, times, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the weight of a column's rows that nothing covers."""
    begin, row = pairs[2], pairs[3]
    total = 0
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        if times[r] == 0:
            total += weight[r]
    return total


@helper
def _neighbour(pairs, random, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return a column that shares a row with this one."""
    start, column, begin, row = pairs
    r = row[begin[j] + draw(random, begin[j + 1] - begin[j])]
    return np.int64(column[start[r] + draw(random, start[r + 1] - start[r])])


@helper
def _make_room(limits, j, step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Give back what a column takes of the packs and the budget, or take it."""
    cost, start, pack, room, left = limits
    left[0] += step * cost[j]
    for k in range(start[j], start[j + 1]):
        room[pack[k]] += step


@helper
def _fits(limits, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    cost, start, pack, room, left = limits
    free = cost[j] <= left[0]
    for k in range(start[j], start[j + 1]):
        free = free and room[pack[k]] > 0
    return free


@kernel
def _swap(weight, pairs, state, limits, course):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Try so many swaps at one heat, in place; the best plan so far is kept beside, with how far the two are apart."""
    opens, opened, times, best, standing = state
    random, swaps, heat = course
    begin = pairs[2]
    for _ in range(swaps):
        place = draw(random, opens.size)
        j = opens[place]
        if begin[j] == begin[j + 1]:
            continue
        i = _neighbour(pairs, random, j)
        if opened[i]:
            continue
        _make_room(limits, j, _IN)
        if not _fits(limits, i):
            _make_room(limits, j, _OUT)
            continue
        _count(pairs, times, j, _OUT)
        change = _alone(weight, pairs, times, i) - _alone(weight, pairs, times, j)
        if change < 0 and draw(random, _FINE) >= _FINE * np.exp(change / heat):
            _count(pairs, times, j, _IN)
            _make_room(limits, j, _OUT)
            continue
        _count(pairs, times, i, _IN)
        _make_room(limits, i, _OUT)
        opens[place] = i
        opened[j], opened[i] = False, True
        standing[0] += change
        if standing[0] > standing[1]:
            standing[1] = standing[0]
            for k in range(opened.size):
                best[k] = opened[k]
