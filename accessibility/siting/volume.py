"""The kernels of the volume algorithm (Barahona and Anbil 2000): prices, what they pay, and how they fall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import F64, I32, I64

NUMBER, BUDGET, PROFIT = 0, 1, 2
"""What limits the columns: their number (a budget where each costs 1), a budget, or nothing but their own cost."""
_1, _2, _3, _4 = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
_FIRST = np.int64(0)  # of one type: a literal would have `_sift` compiled anew
_STANDSTILL = 1e-12
_PATIENCE = 20.0  # rounds without progress after which steps become shorter
_LEAST_NEWS = 0.005


def room_to_choose(columns: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return room for the ratios and the heap of so many columns."""
    return np.empty(columns), np.empty(columns, np.int64)


def room_to_descend(columns: int, rows: int, packs: int, floors: int) -> tuple[Any, ...]:
    """Return room for the prices tried, the way down, what is covered and packed now, columns, pay, floors."""
    sizes = (rows, packs, floors, rows, packs, floors, rows, packs, columns, columns, floors)
    return tuple(np.empty(size) for size in sizes), room_to_choose(columns)


@helper
def _summed(price: F64, row: I32, begin: np.uint64, end: np.uint64) -> float:
    """Return the sum of the prices of some rows; four sums that do not wait for each other."""
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    k = begin
    while k + _4 <= end:
        one += price[np.uint64(row[k])]
        two += price[np.uint64(row[k + _1])]
        three += price[np.uint64(row[k + _2])]
        four += price[np.uint64(row[k + _3])]
        k += _4
    while k < end:
        one += price[np.uint64(row[k])]
        k += _1
    return (one + two) + (three + four)


@kernel
def paid_columns(
    pairs: tuple[I64, I32, I64, I32],
    packs: tuple[I64, I32, F64],
    prices: tuple[F64, F64],
    paid: F64,
) -> None:
    """Write what each column is paid for its rows, less what its packs are charged, into `paid`."""
    start, row = pairs[0], pairs[1]
    price, pack = prices
    for j in range(paid.size):
        total = _summed(price, row, np.uint64(start[j]), np.uint64(start[j + 1]))
        for k in range(packs[0][j], packs[0][j + 1]):
            total -= pack[packs[1][k]]
        paid[j] = total


@kernel
def choose_columns(paid: F64, limits: tuple[F64, Any, Any, Any], share: F64, room: tuple[F64, I64]) -> Any:
    """Write the best columns under the main limit into `share`; return what they are paid and the limit's price.

    `room` is what `room_to_choose` returns: kernels are compiled faster where they make no arrays.
    """
    cost, _, budget, mode = limits
    for j in range(share.size):
        share[j] = 0.0
    if mode == PROFIT:
        return _choose_profitable(paid, cost, share), 1.0
    return _choose_for_budget(paid, cost, budget, share, room)


@helper
def _choose_profitable(paid: F64, cost: F64, share: F64) -> float:
    total = 0.0
    for j in range(paid.size):
        if paid[j] > cost[j]:
            share[j] = 1.0
            total += paid[j] - cost[j]
    return total


@helper
def _choose_for_budget(paid: F64, cost: F64, left: float, share: F64, room: tuple[F64, I64]) -> tuple[float, float]:
    """Take columns by what they are paid for their cost while the budget lasts; the last one in part."""
    charge, total, size = 0.0, 0.0, np.int64(0)
    ratio, heap = room
    for j in range(paid.size):
        if paid[j] > 0.0:
            ratio[j] = np.inf if cost[j] == 0.0 else paid[j] / cost[j]
            heap[size] = j
            size += 1
    for k in range(size // 2 - 1, -1, -1):
        _sift(heap, ratio, np.int64(k), size)
    while size > 0:
        j = heap[0]
        share[j] = 1.0 if cost[j] <= left else left / cost[j]
        total += paid[j] * share[j]
        if cost[j] > left:
            charge = ratio[j]
            break
        left -= cost[j]
        size -= 1
        heap[0] = heap[size]
        _sift(heap, ratio, _FIRST, size)
    return total, charge


@helper
def _sift(heap: I64, ratio: F64, k: int, size: int) -> None:
    """Let a column sink to its place: the greatest ratio on top, of two alike the first column."""
    one = heap[k]
    while 2 * k + 1 < size:
        below = 2 * k + 1
        if below + 1 < size:
            a, b = heap[below], heap[below + 1]
            if ratio[b] > ratio[a] or (ratio[b] == ratio[a] and b < a):
                below += 1
        other = heap[below]
        if ratio[one] > ratio[other] or (ratio[one] == ratio[other] and one < other):
            break
        heap[k] = other
        k = below
    heap[k] = one


@helper
def _copy(source: F64, target: F64) -> None:
    for k in range(target.size):
        target[k] = source[k]


@helper
def _mix(news: float, now: F64, mean: F64) -> None:
    """Move a running mean towards what is now; plain loops, as every array expression is compiled on its own."""
    for k in range(mean.size):
        mean[k] = news * now[k] + (1.0 - news) * mean[k]


@kernel
def descend(  # noqa: C901, PLR0912, PLR0915
    question: tuple[Any, ...],
    state: tuple[F64, F64, F64, F64, F64, F64, F64],
    scratch: tuple[tuple[F64, ...], tuple[F64, I64]],
    target: float,
    rounds: int,
) -> None:
    """Lower the bound for so many rounds, in place."""
    pairs, packs, people_of, limits = question
    weight, district, need = people_of
    price, pack, floor, share, course, covered, packed = state
    columns, row = pairs[0], pairs[1]
    room = packs[2]
    people = 0.0
    for r in range(weight.size):
        people += weight[r]
    # Prices move in proportion to the people of their rows: merged rows differ a thousandfold.
    typical = weight.size / max(people, _STANDSTILL)
    trial, trial_pack, trial_floor, way, way_pack, way_floor, now_covered, now_packed, now, paid, unit = scratch[0]
    _copy(price, trial)
    _copy(pack, trial_pack)
    _copy(floor, trial_floor)
    # The price of a floor is one of all people of its district, and moves as theirs do.
    for k in range(need.size):
        unit[k] = 0.0
    for r in range(weight.size):
        unit[district[r]] += weight[r]
    for k in range(need.size):
        unit[k] = max(np.sqrt(unit[k] / max(typical, _STANDSTILL)), 1.0)
    for _ in range(rounds):
        fresh = course[4] == 0.0
        if not fresh:
            # The way down: rows covered too often by the fractional plan are priced lower, uncovered ones higher.
            length = 0.0
            for k in range(need.size):
                way_floor[k] = need[k] / unit[k]
            for r in range(weight.size):
                v = covered[r] - 1.0
                way_floor[district[r]] -= weight[r] * min(covered[r], 1.0) / unit[district[r]]
                top = weight[r] * (1.0 + floor[district[r]])
                if (v > 0.0 and price[r] <= 0.0) or (v < 0.0 and price[r] >= top):
                    v = 0.0
                way[r] = v * weight[r] * typical
                length += v * way[r]
            for m in range(room.size):
                v = room[m] - packed[m]
                if v > 0.0 and pack[m] <= 0.0:
                    v = 0.0
                way_pack[m] = v
                length += v * v
            for k in range(need.size):
                if need[k] <= 0.0 or (way_floor[k] < 0.0 and floor[k] <= 0.0):
                    way_floor[k] = 0.0
                length += way_floor[k] * way_floor[k]
            if length < _STANDSTILL:
                course[1] = 0.0
                return
            # Polyak's step: a share of the way that is left, over the squared length of the direction.
            step = course[1] * max(course[0] - target, 1e-9 * abs(course[0])) / length
            for k in range(need.size):
                trial_floor[k] = max(floor[k] + step * way_floor[k] / unit[k], 0.0)
            for r in range(weight.size):
                top = weight[r] * (1.0 + trial_floor[district[r]])
                trial[r] = min(max(price[r] - step * way[r], 0.0), top)
            for m in range(room.size):
                trial_pack[m] = max(pack[m] - step * way_pack[m], 0.0)
        # The bound at these prices: what the best columns are paid, what rows keep unpriced, and the limits at their
        # price. Weak duality: it holds for any prices that are not negative, so that no step has to be right.
        paid_columns(pairs, packs, (trial, trial_pack), paid)
        bound, _charge = choose_columns(paid, limits, now, scratch[1])
        for r in range(weight.size):
            bound += weight[r] * (1.0 + trial_floor[district[r]]) - trial[r]
        for m in range(room.size):
            bound += trial_pack[m] * room[m]
        for k in range(need.size):
            bound -= trial_floor[k] * max(need[k], 0.0)
        for r in range(weight.size):
            now_covered[r] = 0.0
        for m in range(room.size):
            now_packed[m] = 0.0
        for j in range(now.size):
            if now[j] > 0.0:
                for k in range(np.uint64(columns[j]), np.uint64(columns[j + 1])):
                    now_covered[np.uint64(row[k])] += now[j]
                for k in range(packs[0][j], packs[0][j + 1]):
                    now_packed[packs[1][k]] += now[j]
        # The running mean of what was chosen comes close to the best fractional plan, and is the direction of the
        # next step: that is what sets the volume algorithm apart from plain subgradients, which zigzag.
        news = 1.0 if fresh else course[3]
        _mix(news, now, share)
        _mix(news, now_covered, covered)
        _mix(news, now_packed, packed)
        if bound < course[0]:
            # Longer steps where the new plan says to go on the same way, shorter ones after a while without progress.
            ahead = 0.0
            if not fresh:
                for r in range(weight.size):
                    ahead += way[r] * (now_covered[r] - 1.0)
            course[0] = bound
            course[2] = 0.0
            course[1] = min(course[1] * 1.1, 2.0) if ahead > 0.0 else course[1]
            _copy(trial, price)
            _copy(trial_pack, pack)
            _copy(trial_floor, floor)
        else:
            course[2] += 1.0
            if course[2] >= _PATIENCE:
                course[2] = 0.0
                course[1] *= 0.66
        course[4] += 1.0
        if course[4] % 100.0 == 0.0 and course[3] > _LEAST_NEWS:
            course[3] *= 0.85
