"""Plans made better: exchanges of one site, and a search that closes a neighbourhood and opens it anew.

Whatever comes out is no worse than what went in. Ties break by lower cost, then by id; the same question and seed give
the same plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.siting.effort import SEED, draw
from accessibility.siting.greedy import (
    NONE,
    begin_search,
    best_column,
    closeness_of,
    fill_up,
    turn_column,
)
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Allowance
    from accessibility.siting.greedy import Search
    from accessibility.streets.search.compiling import I64, U64, Flags

_CHUNK = 500  # rounds between two looks at the time left
_ROUND = 1_500  # what a round of the smallest question does
_MOST_CLOSED = np.int64(8)  # numbers of one type: a literal would have every kernel it is handed to compiled anew
_HOT, _COLD = 0.05, 0.001  # of what a typical open site covers: such a loss is taken every third time
_OFTEN = np.int64(5)  # every so many openings the second best
_FINE = np.int64(1 << 30)
_PENALTY = 3
_TWO = np.int64(2)
_NO = np.bool_(False)  # noqa: FBT003 -- of one type


def improve(
    covering: Covering, chosen: NDArray[np.bool_], rounds: int, allowance: Allowance, *, seed: int = 0
) -> NDArray[np.bool_]:
    """Return a plan no worse than `chosen`: exchanges, then so many rounds of simulated annealing.

    A round closes a few neighbouring sites and opens others; a worse plan is kept now and then, ever more rarely.

    Parameters
    ----------
    covering
        The question. A plan that falls short of fewer floors' people is better than any that covers more.
    chosen
        ``(c,)`` columns of a plan within the limits.
    rounds
        How many; fewer only where the allowance runs out.
    allowance
        When to stop.
    seed
        Which stream of random numbers.
    """
    search = begin_search(covering, chosen)
    if not covering.floored:
        _exchange(search)
    best = _unless_worse(covering, search.opened.copy(), chosen)
    typical = (covering.value(best) - covering.base) / max(int(best.sum()), 1)
    random = np.array([SEED + np.uint64(seed)], np.uint64)
    each, places = _round_work(covering), len(covering.site)
    room = (np.empty(_MOST_CLOSED, np.int64), np.empty(places, np.int64), np.empty(places, np.int64))
    for done in range(0, rounds, _CHUNK):
        if allowance.up or not search.opened.any():
            break
        heat = typical * _HOT * (_COLD / _HOT) ** (done / rounds)
        _anneal(search, random, (min(rounds - done, _CHUNK), heat), room)
        allowance.spend(_CHUNK * each)
        best = _unless_worse(covering, search.best.copy(), best)
    return best


def _round_work(covering: Covering) -> float:
    """Return what a round does, more or less: some columns close and others open, each the best of all."""
    pairs, rows, columns = len(covering.rows.item), max(len(covering.weight), 1), max(len(covering.site), 1)
    return _ROUND + _MOST_CLOSED * (pairs / columns * (1 + pairs / rows / 2) + columns)


def _unless_worse(covering: Covering, trial: NDArray[np.bool_], best: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return trial if closeness_of(covering, trial) > closeness_of(covering, best) else best


@kernel
def _exchange(search: Search) -> None:
    """Close each open column if another one in its place covers more, or as many at less cost, until none does."""
    gain, opened = search.gain, search.opened
    cost, by_ratio, better = search.cost, _NO, True
    while better:
        better = False
        for j in range(gain.size):
            if not opened[j]:
                continue
            loss = gain[j]
            turn_column(j, search)
            other = best_column(search, by_ratio, NONE)
            if other >= 0 and (gain[other] > loss or (gain[other] == loss and cost[other] < cost[j])):
                turn_column(other, search)
                better = True
            elif loss > 0:
                turn_column(j, search)
        before = search.left[0]
        fill_up(search, by_ratio)
        better = better or search.left[0] != before


@helper
def _neighbours(search: Search, random: U64, chosen: I64, wanted: int) -> int:
    """Walk from one open column over shared rows to others, and write them behind it; return how many there are."""
    row_start, column_start, opened = search.row_start, search.column_start, search.opened
    at, found = chosen[0], 1
    for _ in range(4 * wanted):
        if found == wanted or column_start[at + 1] == column_start[at]:
            break
        r = search.column_row[column_start[at] + draw(random, column_start[at + 1] - column_start[at])]
        at = search.row_column[row_start[r] + draw(random, row_start[r + 1] - row_start[r])]
        new = opened[at]
        for k in range(found):
            new = new and chosen[k] != at
        if new:
            chosen[found] = at
            found += 1
    return found


@helper
def _reopen(search: Search, random: U64, banned: Any, added: I64) -> int:
    """Open while anything fits, the first without the banned column, now and then the second best; return how many."""
    by_ratio = draw(random, _TWO) == 1
    count = 0
    while True:
        if count and draw(random, _OFTEN) == 0:
            banned = best_column(search, by_ratio, NONE)
        j = best_column(search, by_ratio, banned)
        if j < 0 and banned < 0:
            return count
        banned = NONE
        if j >= 0:
            turn_column(j, search)
            added[count] = j
            count += 1


@helper
def _score(search: Search) -> tuple[int, int]:
    """Return the weight covered less a penalty for what floors lack, and what they lack."""
    there, need = search.covered, search.need
    covered, short = 0, 0
    for k in range(there.size):
        covered += there[k]
    for k in range(need.size):
        short += max(need[k] - there[k], 0)
    return covered - _PENALTY * short, short


@helper
def _list(opened: Flags, columns: I64) -> int:
    """Write the open columns into `columns`; return how many there are."""
    count = 0
    for j in range(opened.size):
        if opened[j]:
            columns[count] = j
            count += 1
    return count


@helper
def _keep(opened: Flags, best: Flags) -> None:
    for j in range(opened.size):
        best[j] = opened[j]


@kernel
def _anneal(search: Search, random: U64, course: tuple[int, float], places: tuple[I64, I64, I64]) -> None:
    """Close a few neighbouring columns and open others, for so many rounds at one heat; keep the best."""
    rounds, heat = course
    opened, left, best = search.opened, search.left, search.best
    closed, added, columns = places
    among = _list(opened, columns)
    score, short = _score(search)
    best_short, best_score = short, score
    _keep(opened, best)
    for _ in range(rounds):
        if among == 0:
            return
        closed[0] = columns[draw(random, among)]
        size = _neighbours(search, random, closed, 1 + draw(random, _MOST_CLOSED))
        spent = left[1]
        for k in range(size):
            turn_column(closed[k], search)
        count = _reopen(search, random, closed[draw(random, size)], added)
        trial, short = _score(search)
        change = trial - score
        kept = change > 0 or (change == 0 and left[1] >= spent)
        # Metropolis' rule; equal plans are kept where they cost no more, so that the search drifts along plateaus.
        if kept or (heat > 0 and draw(random, _FINE) < _FINE * np.exp(change / heat)):
            score = trial
            among = _list(opened, columns)
            if short < best_short or (short == best_short and score > best_score):
                best_short, best_score = short, score
                _keep(opened, best)
            continue
        for k in range(count):
            turn_column(added[k], search)
        for k in range(size):
            turn_column(closed[k], search)
