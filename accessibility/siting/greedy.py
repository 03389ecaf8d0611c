"""Good plans fast: greedy opening, exchanges of one site, and a search that closes a neighbourhood and opens it anew.

Greedy opening covers, of the people that the best plan covers anew, at least ``1 - 1/e`` (63 %) where only the number
of sites is limited (Nemhauser, Wolsey and Fisher 1978). Under a budget the better of opening by gain and opening by
gain per cost covers at least ``(1 - 1/e) / 2`` (Khuller, Moss and Naor 1999). Quotas, exclusive sites and floors void
both. Whatever comes after greedy opening only improves on it.

Gains are kept up to date when a site opens or closes, so that an evaluation costs nothing and an opening costs its
catchment. Ties break by lower cost, then by id. The same question gives the same plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.clock import Clock
    from accessibility.siting.covering import Covering

_SEED = np.uint64(0x0A11_0CA7_ED5E_ED00)
_1 = np.uint64(1)
_STEP = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_A = np.uint64(0xBF58_476D_1CE4_E5B9)
_MIX_B = np.uint64(0x94D0_49BB_1331_11EB)
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)
_CHUNK = 500  # rounds between two looks at the clock
_MOST_CLOSED = 8
_HOT, _COLD = 0.05, 0.001  # of what a typical open site covers: such a loss is taken every third time
_OFTEN = 5  # every so many openings the second best
_FINE = 1 << 30
_PENALTY = 3


def open_greedily(covering: Covering) -> NDArray[np.bool_]:
    """Return columns to open: by gain, or by gain per cost, whichever covers more; then exchanged one by one."""
    best = _opened(covering, by_ratio=False)
    if covering.spends:
        other = _opened(covering, by_ratio=True)
        best = other if covering.value(other) > covering.value(best) else best
    return best


def open_for_floors(covering: Covering) -> NDArray[np.bool_]:
    """Return columns to open: as long as a floor is not met, the best one for the district farthest from its own."""
    if not covering.floored:
        return open_greedily(covering)
    state, limits = _begin(covering, np.zeros(len(covering.site), np.bool_))
    _fill_floors(state, limits)
    _fill(state, limits, covering.spends)
    best: NDArray[np.bool_] = state[7]
    other = open_greedily(covering)
    return other if _closeness(covering, other) > _closeness(covering, best) else best


def open_until(covering: Covering, reach: int) -> NDArray[np.bool_]:
    """Return columns opened by gain per cost until a weight of `reach` is covered, without what became needless."""
    state, limits = _begin(covering, np.zeros(len(covering.site), np.bool_))
    _fill_until(state, limits, reach - covering.base)
    return close_needless(covering, state[7], reach)


def close_needless(covering: Covering, chosen: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return the plan without columns, dearest first, that it can do without and still cover a weight of `reach`."""
    state, limits = _begin(covering, chosen)
    dearest = np.argsort(-covering.cost, kind="stable")
    _drop_until(state, limits, dearest, reach - covering.base)
    opened: NDArray[np.bool_] = state[7]
    return opened


def trim(covering: Covering, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the plan without the columns that lose least per cost, as many as the budget asks for."""
    state, limits = _begin(covering, chosen)
    opened, gain, left = state[7], state[6], limits[4]
    while left[1] < 0:
        there = np.flatnonzero(opened & (covering.cost > 0))
        _close(int(there[np.argmin(gain[there] / covering.cost[there])]), state, limits)
    trimmed: NDArray[np.bool_] = opened
    return trimmed


def improve(
    covering: Covering, chosen: NDArray[np.bool_], rounds: int, clock: Clock, *, seed: int = 0
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
        How many; fewer only where the clock runs out.
    clock
        When to stop.
    seed
        Which stream of random numbers.
    """
    state, limits = _begin(covering, chosen)
    if not covering.floored:
        _exchange(state, limits)
    best = _unless_worse(covering, state[7].copy(), chosen)
    typical = (covering.value(best) - covering.base) / max(int(best.sum()), 1)
    random = np.array([_SEED + np.uint64(seed)], np.uint64)
    for done in range(0, rounds, _CHUNK):
        if clock.left_s <= 0 or not state[7].any():
            break
        heat = typical * _HOT * (_COLD / _HOT) ** (done / rounds)
        _anneal(state, limits, random, (min(rounds - done, _CHUNK), heat), state[7].copy())
        best = _unless_worse(covering, limits[6].copy(), best)
    return best


def _unless_worse(covering: Covering, trial: NDArray[np.bool_], best: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return trial if _closeness(covering, trial) > _closeness(covering, best) else best


def _closeness(covering: Covering, chosen: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return what makes one plan better than another: less shortage, then more people, then less cost."""
    return -int(covering.shortage(chosen).sum()), covering.value(chosen), -int(covering.cost[chosen].sum())


def _opened(covering: Covering, *, by_ratio: bool) -> NDArray[np.bool_]:
    state, limits = _begin(covering, np.zeros(len(covering.site), np.bool_))
    _fill(state, limits, by_ratio)
    opened: NDArray[np.bool_] = state[7]
    return opened


def _begin(covering: Covering, chosen: NDArray[np.bool_]) -> tuple[Any, Any]:
    """Return the state of the search with the chosen columns open, and what is left of the limits."""
    rows, columns = covering.rows, covering.columns
    gain = np.zeros(len(covering.site), np.int64)
    np.add.at(gain, rows.item, np.repeat(covering.weight, rows.lengths))
    state = (
        covering.weight,
        rows.start,
        rows.item,
        columns.start,
        columns.item,
        np.zeros(len(covering.weight), np.int32),
        gain,
        np.zeros(len(covering.site), np.bool_),
        np.zeros(len(covering.weight), np.int32),
        covering.district,
        np.zeros(len(covering.need), np.int64),
    )
    limits = (
        covering.cost,
        covering.packs.start,
        covering.packs.item,
        covering.room.copy(),
        np.array([covering.most, covering.budget], np.int64),
        covering.need if covering.floored else np.empty(0, np.int64),
        chosen.copy(),
    )
    for column in np.flatnonzero(chosen):
        _open(column, state, limits)
    return state, limits


@nb.njit(cache=True, nogil=True)
def _open(j, state, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Open a column. The gain of a closed one is what it would cover anew, of an open one what it alone covers.

    `owner` is the exclusive-or of the open columns of a row, and so the column itself where there is one.
    """
    weight, start, column, begin, row, count, gain, opened, owner, district, there = state
    cost, pack_start, pack, room, left = limits[:5]
    opened[j] = True
    left[0] -= 1
    left[1] -= cost[j]
    for k in range(pack_start[j], pack_start[j + 1]):
        room[pack[k]] -= 1
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        if count[r] == 0:
            for q in range(np.uint64(start[r]), np.uint64(start[r + _1])):
                gain[np.uint64(column[q])] -= weight[r]
            gain[j] += weight[r]
            there[district[r]] += weight[r]
        elif count[r] == 1:
            gain[np.uint64(owner[r])] -= weight[r]
        count[r] += 1
        owner[r] ^= np.int32(j)


@nb.njit(cache=True, nogil=True)
def _close(j, state, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    weight, start, column, begin, row, count, gain, opened, owner, district, there = state
    cost, pack_start, pack, room, left = limits[:5]
    opened[j] = False
    left[0] += 1
    left[1] += cost[j]
    for k in range(pack_start[j], pack_start[j + 1]):
        room[pack[k]] += 1
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        count[r] -= 1
        owner[r] ^= np.int32(j)
        if count[r] == 0:
            for q in range(np.uint64(start[r]), np.uint64(start[r + _1])):
                gain[np.uint64(column[q])] += weight[r]
            gain[j] -= weight[r]
            there[district[r]] -= weight[r]
        elif count[r] == 1:
            gain[np.uint64(owner[r])] += weight[r]


@nb.njit(cache=True, nogil=True)
def _best(state, limits, by_ratio, banned):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the closed column that brings in most and keeps to the limits, -1 where none brings in anybody."""
    gain, opened = state[6], state[7]
    cost, pack_start, pack, room, left = limits[:5]
    best = -1
    if left[0] <= 0:
        return best
    for j in range(gain.size):
        if gain[j] <= 0 or opened[j] or cost[j] > left[1] or j == banned:
            continue
        if best >= 0:
            if by_ratio:
                mine, other = np.float64(gain[j]) * cost[best], np.float64(gain[best]) * cost[j]
            else:
                mine, other = np.float64(gain[j]), np.float64(gain[best])
            if mine < other or (mine == other and cost[j] >= cost[best]):
                continue
        free = True
        for k in range(pack_start[j], pack_start[j + 1]):
            free = free and room[pack[k]] > 0
        if free:
            best = j
    return best


@nb.njit(cache=True, nogil=True)
def _fill(state, limits, by_ratio):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Open the best column while there is one."""
    while True:
        j = _best(state, limits, by_ratio, -1)
        if j < 0:
            return
        _open(j, state, limits)


@nb.njit(cache=True, nogil=True)
def _gain_there(state, j, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the people of one district that a column would cover anew."""
    weight, begin, row, count, district = state[0], state[3], state[4], state[5], state[9]
    total = 0
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        if count[r] == 0 and district[r] == place:
            total += weight[r]
    return total


@nb.njit(cache=True, nogil=True)
def _best_there(state, limits, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the closed column that brings in most of one district for its cost, -1 where none does."""
    gain, opened = state[6], state[7]
    cost, pack_start, pack, room, left = limits[:5]
    best, most = -1, 0.0
    if left[0] <= 0:
        return best
    for j in range(gain.size):
        # No column brings in more of a district than of all of them.
        price = max(np.float64(cost[j]), 1.0)
        if opened[j] or cost[j] > left[1] or gain[j] / price <= most:
            continue
        free = True
        for k in range(pack_start[j], pack_start[j + 1]):
            free = free and room[pack[k]] > 0
        if free:
            worth = _gain_there(state, j, place) / price
            if worth > most:
                best, most = j, worth
    return best


@nb.njit(cache=True, nogil=True)
def _fill_floors(state, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Open the best column for the district that is farthest from its floor, until none can be helped."""
    there, need = state[10], limits[5]
    hopeless = np.zeros(need.size, np.bool_)
    while True:
        worst, farthest = -1, 0.0
        for k in range(need.size):
            if need[k] > there[k] and not hopeless[k] and (need[k] - there[k]) / need[k] > farthest:
                worst, farthest = k, (need[k] - there[k]) / need[k]
        if worst < 0:
            return
        j = _best_there(state, limits, worst)
        if j < 0:
            hopeless[worst] = True
        else:
            _open(j, state, limits)


@nb.njit(cache=True, nogil=True)
def _fill_until(state, limits, reach):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Open the best column for its cost until enough is covered or nothing fits."""
    there = state[10]
    while there.sum() < reach:
        j = _best(state, limits, True, -1)
        if j < 0:
            return
        _open(j, state, limits)


@nb.njit(cache=True, nogil=True)
def _drop_until(state, limits, order, reach):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Close what can be done without, in this order."""
    gain, opened, there = state[6], state[7], state[10]
    for j in order:
        if opened[j] and there.sum() - gain[j] >= reach:
            _close(j, state, limits)


@nb.njit(cache=True, nogil=True)
def _exchange(state, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Close each open column if another one in its place covers more, or as many at less cost, until none does."""
    gain, opened = state[6], state[7]
    cost = limits[0]
    better = True
    while better:
        better = False
        for j in range(gain.size):
            if not opened[j]:
                continue
            loss = gain[j]
            _close(j, state, limits)
            other = _best(state, limits, False, -1)
            if other >= 0 and (gain[other] > loss or (gain[other] == loss and cost[other] < cost[j])):
                _open(other, state, limits)
                better = True
            elif loss > 0:
                _open(j, state, limits)
        before = limits[4][0]
        _fill(state, limits, False)
        better = better or limits[4][0] != before


@nb.njit(cache=True, nogil=True)
def _draw(random, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return a number below `size`, from a stream of its own (splitmix64)."""
    random[0] += _STEP
    x = random[0]
    x = (x ^ (x >> _30)) * _MIX_A
    x = (x ^ (x >> _27)) * _MIX_B
    return np.int64((x ^ (x >> _31)) % np.uint64(size))


@nb.njit(cache=True, nogil=True)
def _neighbours(state, random, chosen, wanted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Walk from one open column over shared rows to others, and write them behind it; return how many there are."""
    start, column, begin, row, opened = state[1], state[2], state[3], state[4], state[7]
    at, found = chosen[0], 1
    for _ in range(4 * wanted):
        if found == wanted or begin[at + 1] == begin[at]:
            break
        r = row[begin[at] + _draw(random, begin[at + 1] - begin[at])]
        at = column[start[r] + _draw(random, start[r + 1] - start[r])]
        new = opened[at]
        for k in range(found):
            new = new and chosen[k] != at
        if new:
            chosen[found] = at
            found += 1
    return found


@nb.njit(cache=True, nogil=True)
def _reopen(state, limits, random, banned, added):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Open while anything fits, the first without the banned column, now and then the second best; return how many."""
    by_ratio = _draw(random, 2) == 1
    count = 0
    while True:
        if count and _draw(random, _OFTEN) == 0:
            banned = _best(state, limits, by_ratio, -1)
        j = _best(state, limits, by_ratio, banned)
        if j < 0 and banned < 0:
            return count
        banned = -1
        if j >= 0:
            _open(j, state, limits)
            added[count] = j
            count += 1


@nb.njit(cache=True, nogil=True)
def _score(state, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the weight covered less a penalty for what floors lack, and what they lack."""
    there, need = state[10], limits[5]
    short = 0
    for k in range(need.size):
        short += max(need[k] - there[k], 0)
    return there.sum() - _PENALTY * short, short


@nb.njit(cache=True, nogil=True)
def _anneal(state, limits, random, course, open_now):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Close a few neighbouring columns and open others, for so many rounds at one heat; keep the best in `limits`."""
    rounds, heat = course
    opened, left, best = state[7], limits[4], limits[6]
    closed, added = np.empty(_MOST_CLOSED, np.int64), np.empty(opened.size, np.int64)
    columns = np.flatnonzero(open_now)
    score, short = _score(state, limits)
    best_short, best_score = short, score
    best[:] = opened
    for _ in range(rounds):
        if columns.size == 0:
            return
        closed[0] = columns[_draw(random, columns.size)]
        size = _neighbours(state, random, closed, 1 + _draw(random, _MOST_CLOSED))
        spent = left[1]
        for k in range(size):
            _close(closed[k], state, limits)
        count = _reopen(state, limits, random, closed[_draw(random, size)], added)
        trial, short = _score(state, limits)
        change = trial - score
        kept = change > 0 or (change == 0 and left[1] >= spent)
        if kept or (heat > 0 and _draw(random, _FINE) < _FINE * np.exp(change / heat)):
            score = trial
            columns = np.flatnonzero(opened)
            if short < best_short or (short == best_short and score > best_score):
                best_short, best_score = short, score
                best[:] = opened
            continue
        for k in range(count):
            _close(added[k], state, limits)
        for k in range(size):
            _open(closed[k], state, limits)
