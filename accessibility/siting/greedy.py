"""Good plans fast: greedy opening, the state of a search in which columns open and close, and single swaps.

Greedy opening covers, of the people that the best plan covers anew, at least ``1 - 1/e`` (63 %) where only the number
of sites is limited (Nemhauser, Wolsey and Fisher 1978). Under a budget the better of opening by gain and opening by
gain per cost covers at least ``(1 - 1/e) / 2`` (Khuller, Moss and Naor 1999). Quotas, exclusive sites and floors void
both. Whatever comes after greedy opening (`annealing`) only improves on it.

Gains are kept up to date when a site opens or closes, so that an evaluation costs nothing and an opening costs its
catchment. Ties break by lower cost, then by id. The same question gives the same plan.

Single swaps change an open site for another one, a worse one taken ever more rarely. Most go to a neighbour; some close
a site that few would miss and open one, anywhere, about somebody who is not covered, so that parts of the map give
sites to each other. A swap that is not made costs no more than one catchment. Swaps move plans that are bound by their
number or their budget across a map in which sites overlap; `annealing` brings them to their end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.siting.effort import SEED, draw
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Clock
    from accessibility.streets.search.compiling import I32, I64, U64, Flags


_1 = np.uint64(1)
NONE = np.int64(-1)
"""No column; of one type, so that kernels it is handed to are compiled once."""
_MORE, _LESS = np.int64(1), np.int64(-1)
_YES = np.bool_(True)  # noqa: FBT003 -- likewise


def open_greedily(covering: Covering) -> NDArray[np.bool_]:
    """Return columns to open: by gain, or by gain per cost, whichever covers more."""
    best = _opened(covering, by_ratio=False)
    if covering.spends:
        other = _opened(covering, by_ratio=True)
        best = other if covering.value(other) > covering.value(best) else best
    return best


def open_for_floors(covering: Covering) -> NDArray[np.bool_]:
    """Return columns to open: as long as a floor is not met, the best one for the district farthest from its own."""
    if not covering.floored:
        return open_greedily(covering)
    state, limits = begin_search(covering, np.zeros(len(covering.site), np.bool_))
    _fill_floors(state, limits, np.zeros(len(covering.need), np.bool_))
    fill_up(state, limits, covering.spends)
    best: NDArray[np.bool_] = state[7]
    other = open_greedily(covering)
    return other if closeness_of(covering, other) > closeness_of(covering, best) else best


def open_until(covering: Covering, reach: int) -> NDArray[np.bool_]:
    """Return columns opened by gain per cost until a weight of `reach` is covered, without what became needless."""
    state, limits = begin_search(covering, np.zeros(len(covering.site), np.bool_))
    _fill_until(state, limits, reach - covering.base)
    return close_needless(covering, state[7], reach)


def close_needless(covering: Covering, chosen: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return the plan without columns, dearest first, that it can do without and still cover a weight of `reach`."""
    state, limits = begin_search(covering, chosen)
    gain, there = state[6], state[10]
    opened: NDArray[np.bool_] = state[7]
    dearest = np.argsort(-covering.cost, kind="stable")
    for j in dearest[opened[dearest]]:
        if there.sum() - gain[j] >= reach - covering.base:
            turn_column(j, state, limits)
    return opened


def trim(covering: Covering, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the plan without the columns that lose least per cost, as many as the budget asks for."""
    state, limits = begin_search(covering, chosen)
    opened, gain, left = state[7], state[6], limits[4]
    while left[1] < 0:
        there = np.flatnonzero(opened & (covering.cost > 0))
        turn_column(int(there[np.argmin(gain[there] / covering.cost[there])]), state, limits)
    trimmed: NDArray[np.bool_] = opened
    return trimmed


def closeness_of(covering: Covering, chosen: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return what makes one plan better than another: less shortage, then more people, then less cost."""
    return -int(covering.shortage(chosen).sum()), covering.value(chosen), -int(covering.cost[chosen].sum())


def _opened(covering: Covering, *, by_ratio: bool) -> NDArray[np.bool_]:
    state, limits = begin_search(covering, np.zeros(len(covering.site), np.bool_))
    fill_up(state, limits, by_ratio)
    opened: NDArray[np.bool_] = state[7]
    return opened


def begin_search(covering: Covering, chosen: NDArray[np.bool_]) -> tuple[Any, Any]:
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
        turn_column(column, state, limits)
    return state, limits


@kernel
def turn_column(j: int, state: tuple[Any, ...], limits: tuple[I64, I64, I32, I64, I64, I64, Flags]) -> None:
    """Open a column that is closed, or close one that is open.

    The gain of a closed one is what it would cover anew, of an open one what it alone covers. `owner` is the
    exclusive-or of the open columns of a row, and so the column itself where there is one.
    """
    weight, start, column, begin, row, count, gain, opened, owner, district, there = state
    cost, pack_start, pack, room, left = limits[:5]
    opens = not opened[j]
    opened[j] = opens
    step = _MORE if opens else _LESS
    left[0] -= step
    left[1] -= step * cost[j]
    for k in range(pack_start[j], pack_start[j + 1]):
        room[pack[k]] -= step
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        if not opens:
            count[r] -= 1
            owner[r] ^= np.int32(j)
        others, change = count[r], step * weight[r]
        if others == 0:
            for q in range(np.uint64(start[r]), np.uint64(start[r + _1])):
                gain[np.uint64(column[q])] -= change
            gain[j] += change
            there[district[r]] += change
        elif others == 1:
            gain[np.uint64(owner[r])] -= change
        if opens:
            count[r] += 1
            owner[r] ^= np.int32(j)


@helper
def _has_room(limits: tuple[I64, I64, I32, I64, I64, I64, Flags], j: int) -> bool:
    """Return whether every pack of a column has room for one more."""
    pack_start, pack, room = limits[1:4]
    for k in range(pack_start[j], pack_start[j + 1]):  # noqa: SIM110 -- no generators in compiled code
        if room[pack[k]] <= 0:
            return False
    return True


@helper
def best_column(
    state: tuple[Any, ...],
    limits: tuple[I64, I64, I32, I64, I64, I64, Flags],
    by_ratio: np.bool_,
    banned: int,
) -> int:
    """Return the closed column that brings in most and keeps to the limits, -1 where none brings in anybody."""
    gain, opened = state[6], state[7]
    cost, left = limits[0], limits[4]
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
        if _has_room(limits, j):
            best = j
    return best


@kernel
def fill_up(state: tuple[Any, ...], limits: tuple[I64, I64, I32, I64, I64, I64, Flags], by_ratio: np.bool_) -> None:
    """Open the best column while there is one."""
    while True:
        j = best_column(state, limits, by_ratio, NONE)
        if j < 0:
            return
        turn_column(j, state, limits)


@helper
def _gain_there(state: tuple[Any, ...], j: int, place: int) -> int:
    """Return the people of one district that a column would cover anew."""
    weight, begin, row, count, district = state[0], state[3], state[4], state[5], state[9]
    total = 0
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        if count[r] == 0 and district[r] == place:
            total += weight[r]
    return total


@helper
def _best_there(state: tuple[Any, ...], limits: tuple[I64, I64, I32, I64, I64, I64, Flags], place: int) -> int:
    """Return the closed column that brings in most of one district for its cost, -1 where none does."""
    gain, opened = state[6], state[7]
    cost, left = limits[0], limits[4]
    best, most = -1, 0.0
    if left[0] <= 0:
        return best
    for j in range(gain.size):
        # No column brings in more of a district than of all of them.
        price = max(np.float64(cost[j]), 1.0)
        if opened[j] or cost[j] > left[1] or gain[j] / price <= most:
            continue
        if _has_room(limits, j):
            worth = _gain_there(state, j, place) / price
            if worth > most:
                best, most = j, worth
    return best


@kernel
def _fill_floors(state: tuple[Any, ...], limits: tuple[I64, I64, I32, I64, I64, I64, Flags], hopeless: Flags) -> None:
    """Open the best column for the district that is farthest from its floor, until none can be helped."""
    there, need = state[10], limits[5]
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
            turn_column(j, state, limits)


@kernel
def _fill_until(state: tuple[Any, ...], limits: tuple[I64, I64, I32, I64, I64, I64, Flags], reach: int) -> None:
    """Open the best column for its cost until enough is covered or nothing fits."""
    there, by_ratio = state[10], _YES
    while there.sum() < reach:
        j = best_column(state, limits, by_ratio, NONE)
        if j < 0:
            return
        turn_column(j, state, limits)


_CHUNK = 20_000  # swaps between two looks at the clock
# Of what a typical open site alone covers: such a loss is taken every third time. One seed begins hotter than another.
_HOT, _COLD = (0.045, 0.03, 0.06), 0.0015
_FINE = np.int64(1 << 30)
_FAR, _OF = np.int64(3), np.int64(10)  # how many swaps of how many go far; of one type
_MISSED = 3  # more open sites among which the one that is missed least closes for one that is far
_READS, _SWAP = 1.5, 65  # what a swap does: columns read, and what it costs beside


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
        Which stream of random numbers, and how hot the search begins.
    """
    if not chosen.any():
        return chosen
    state, limits = begin_search(covering, chosen)
    plan = (np.flatnonzero(chosen), chosen.copy(), np.zeros(2, np.int64), np.empty(len(covering.weight), np.int64))
    alone = max(float(state[6][chosen].mean()), 1.0)
    random = np.array([SEED + np.uint64(seed)], np.uint64)
    hot = _HOT[seed % len(_HOT)]
    for done in range(0, swaps, _CHUNK):
        if clock.up:
            break
        heat = alone * hot * (_COLD / hot) ** (done / swaps)
        _swap(state, limits, plan, random, (min(_CHUNK, swaps - done), heat))
        clock.spend(_CHUNK * (_READS * len(covering.rows.item) / len(covering.site) + _SWAP))
    return plan[1]


@helper
def _leaving(state: tuple[Any, ...], opens: I64, random: U64, far: np.bool_) -> Any:
    """Return the place of an open column to close; of one that is far the one of a few that is missed least."""
    gain = state[6]
    place = draw(random, opens.size)
    if far:
        for _ in range(_MISSED):
            other = draw(random, opens.size)
            if gain[opens[other]] < gain[opens[place]]:
                place = other
    return place


@helper
def _coming(state: tuple[Any, ...], j: Any, among: tuple[I64, int], random: U64) -> Any:
    """Return a column about one of so many rows or, of none, a neighbour of `j`; `j` where there is none."""
    start, column, begin, row = state[1:5]
    rows, bare = among
    if bare > 0:
        r = rows[draw(random, bare)]
    elif begin[j] < begin[j + 1]:
        r = np.int64(row[begin[j] + draw(random, begin[j + 1] - begin[j])])
    else:
        return np.int64(j)
    return np.int64(column[start[r] + draw(random, start[r + 1] - start[r])])


@helper
def _bare(state: tuple[Any, ...], rows: I64) -> int:
    """Write the rows that only closed columns cover; return how many there are."""
    start, count = state[1], state[5]
    found = 0
    for r in range(count.size):
        if count[r] == 0 and start[r] < start[r + 1]:
            rows[found] = r
            found += 1
    return found


@helper
def _fits(limits: tuple[I64, I64, I32, I64, I64, I64, Flags], i: Any, j: Any) -> bool:
    """Return whether there is room for one column when another one closes."""
    cost, start, pack, room, left = limits[:5]
    if cost[i] > left[1] + cost[j]:
        return False
    for k in range(start[i], start[i + 1]):
        free = room[pack[k]] > 0
        for q in range(start[j], start[j + 1]):
            free = free or pack[q] == pack[k]
        if not free:
            return False
    return True


@helper
def _shared(state: tuple[Any, ...], i: Any, j: Any) -> int:
    """Return the weight that an open column alone covers, and a closed one would."""
    weight, begin, row, count, owner = state[0], state[3], state[4], state[5], state[8]
    total = 0
    for k in range(np.uint64(begin[i]), np.uint64(begin[i + 1])):
        r = np.uint64(row[k])
        if owner[r] == j and count[r] == 1:
            total += weight[r]
    return total


@kernel
def _swap(
    state: tuple[Any, ...],
    limits: tuple[I64, I64, I32, I64, I64, I64, Flags],
    plan: tuple[I64, Flags, I64, I64],
    random: U64,
    course: tuple[int, float],
) -> None:
    """Try so many swaps at one heat, in place; the best plan so far is kept beside, with how far the two are apart."""
    opens, best, standing, rows = plan
    swaps, heat = course
    count, gain, opened = state[5:8]
    bare = 0
    for turn in range(swaps):
        if turn % count.size == 0:  # few swaps are made: who is not covered need not be told after each
            bare = _bare(state, rows)
        far = bare > 0 and draw(random, _OF) < _FAR
        place = _leaving(state, opens, random, far)
        j = opens[place]
        i = _coming(state, j, (rows, bare if far else 0), random)
        if opened[i] or not _fits(limits, i, j):
            continue
        change = gain[i] - gain[j] + _shared(state, i, j)
        if change < 0 and draw(random, _FINE) >= _FINE * np.exp(change / heat):
            continue
        turn_column(j, state, limits)
        turn_column(i, state, limits)
        opens[place] = i
        standing[0] += change
        if standing[0] > standing[1]:
            standing[1] = standing[0]
            for k in range(opened.size):
                best[k] = opened[k]
