"""The kernels of the volume algorithm (Barahona and Anbil 2000): prices, what they pay, and how they fall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import F64, I32, I64

NUMBER, BUDGET, PROFIT = 0, 1, 2
"""What limits the columns: their number (a budget where each costs 1), a budget, or nothing but their own cost."""
BOUND, LENGTH, IDLE, NEWS, ROUND = 0, 1, 2, 3, 4
"""Places in a course: the best bound, how long a step is, rounds without progress, weight of a new plan, rounds."""
_1, _2, _3, _4 = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
_FIRST = np.int64(0)  # of one type: a literal would have `_sift` compiled anew
_STANDSTILL = 1e-12
_PATIENCE = 20.0  # rounds without progress after which steps become shorter
_LEAST_NEWS = 0.005


def room_to_choose(columns: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return room for the ratios and the heap of so many columns."""
    return np.empty(columns), np.empty(columns, np.int64)


class DualState(NamedTuple):
    """The best prices so far, and how the search goes on from them."""

    # price, pack, floor: (r,), (m,) and (d,) prices of rows, packs and floors
    price: F64
    pack: F64
    floor: F64
    share: F64  # (c,) a fractional plan: the running mean of what was chosen
    course: F64  # (5,) see `BOUND`
    # covered, packed: (r,) and (m,) how often the fractional plan covers each row, and takes from each pack
    covered: F64
    packed: F64


class Scratch(NamedTuple):
    """What one round works out: prices that are tried, the way down, what is chosen at them.

    Parameters
    ----------
    price, pack, floor, covered, packed
        As in `DualState`.
    way, way_pack, way_floor
        Directions of these prices.
    chosen, paid
        ``(c,)`` how much of each column is chosen, and what it is paid.
    unit
        ``(d,)`` in what the price of each floor moves.
    """

    price: F64
    pack: F64
    floor: F64
    way: F64
    way_pack: F64
    way_floor: F64
    covered: F64
    packed: F64
    chosen: F64
    paid: F64
    unit: F64


def room_to_descend(state: DualState) -> tuple[Scratch, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Return room for what a round works out."""
    columns, rows, packs, floors = (len(array) for array in (state.share, state.price, state.pack, state.floor))
    sizes = (rows, packs, floors, rows, packs, floors, rows, packs, columns, columns, floors)
    return Scratch(*(np.empty(size) for size in sizes)), room_to_choose(columns)


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
def descend(
    question: tuple[Any, ...], state: DualState, room: tuple[Scratch, tuple[F64, I64]], target: float, rounds: int
) -> None:
    """Lower the bound for so many rounds, in place."""
    pairs, packs, people, limits = question
    trial, room_of_heap = room
    course, weight = state.course, people[0]
    total = 0.0
    for r in range(weight.size):
        total += weight[r]
    # Prices move in proportion to the people of their rows: merged rows differ a thousandfold.
    typical = weight.size / max(total, _STANDSTILL)
    _copy(state.price, trial.price)
    _copy(state.pack, trial.pack)
    _copy(state.floor, trial.floor)
    _measure_floors(people, typical, trial.unit)
    for _ in range(rounds):
        fresh = course[ROUND] == 0.0
        if not fresh:
            length = _point_down(packs[2], people, state, trial, typical)
            if length < _STANDSTILL:
                course[LENGTH] = 0.0
                return
            # Polyak's step: a share of the way that is left, over the squared length of the direction.
            step = course[LENGTH] * max(course[BOUND] - target, 1e-9 * abs(course[BOUND])) / length
            _go(people, state, trial, step)
        paid_columns(pairs, packs, (trial.price, trial.pack), trial.paid)
        best, _charge = choose_columns(trial.paid, limits, trial.chosen, room_of_heap)
        bound = _bound_at(packs[2], people, trial, best)
        _count_chosen(pairs, packs, trial)
        # The running mean of what was chosen comes close to the best fractional plan, and is the direction of the
        # next step: that is what sets the volume algorithm apart from plain subgradients, which zigzag.
        news = 1.0 if fresh else course[NEWS]
        _mix(news, trial.chosen, state.share)
        _mix(news, trial.covered, state.covered)
        _mix(news, trial.packed, state.packed)
        if bound < course[BOUND]:
            # Longer steps where the new plan says to go on the same way, shorter ones after a while without progress.
            goes_on = not fresh and _goes_on(trial)
            course[BOUND] = bound
            course[IDLE] = 0.0
            course[LENGTH] = min(course[LENGTH] * 1.1, 2.0) if goes_on else course[LENGTH]
            _copy(trial.price, state.price)
            _copy(trial.pack, state.pack)
            _copy(trial.floor, state.floor)
        else:
            course[IDLE] += 1.0
            if course[IDLE] >= _PATIENCE:
                course[IDLE] = 0.0
                course[LENGTH] *= 0.66
        course[ROUND] += 1.0
        if course[ROUND] % 100.0 == 0.0 and course[NEWS] > _LEAST_NEWS:
            course[NEWS] *= 0.85


@helper
def _measure_floors(people: tuple[F64, I32, F64], typical: float, unit: F64) -> None:
    """Write the unit of each floor's price: it is one of all people of its district, and moves as theirs do."""
    weight, district, need = people
    for k in range(need.size):
        unit[k] = 0.0
    for r in range(weight.size):
        unit[district[r]] += weight[r]
    for k in range(need.size):
        unit[k] = max(np.sqrt(unit[k] / max(typical, _STANDSTILL)), 1.0)


@helper
def _point_down(left: F64, people: tuple[F64, I32, F64], state: DualState, trial: Scratch, typical: float) -> float:
    """Find the way down; return its squared length.

    Rows that the fractional plan covers too often are priced lower, uncovered ones higher.
    """
    weight, district, need = people
    price, pack, floor, covered = state.price, state.pack, state.floor, state.covered
    length = 0.0
    for k in range(need.size):
        trial.way_floor[k] = need[k] / trial.unit[k]
    for r in range(weight.size):
        v = covered[r] - 1.0
        trial.way_floor[district[r]] -= weight[r] * min(covered[r], 1.0) / trial.unit[district[r]]
        top = weight[r] * (1.0 + floor[district[r]])
        if (v > 0.0 and price[r] <= 0.0) or (v < 0.0 and price[r] >= top):
            v = 0.0
        trial.way[r] = v * weight[r] * typical
        length += v * trial.way[r]
    for m in range(left.size):
        v = left[m] - state.packed[m]
        if v > 0.0 and pack[m] <= 0.0:
            v = 0.0
        trial.way_pack[m] = v
        length += v * v
    for k in range(need.size):
        if need[k] <= 0.0 or (trial.way_floor[k] < 0.0 and floor[k] <= 0.0):
            trial.way_floor[k] = 0.0
        length += trial.way_floor[k] * trial.way_floor[k]
    return length


@helper
def _go(people: tuple[F64, I32, F64], state: DualState, trial: Scratch, step: float) -> None:
    """Try the prices so far along the way down, within what they may be."""
    weight, district, need = people
    for k in range(need.size):
        trial.floor[k] = max(state.floor[k] + step * trial.way_floor[k] / trial.unit[k], 0.0)
    for r in range(weight.size):
        top = weight[r] * (1.0 + trial.floor[district[r]])
        trial.price[r] = min(max(state.price[r] - step * trial.way[r], 0.0), top)
    for m in range(state.pack.size):
        trial.pack[m] = max(state.pack[m] - step * trial.way_pack[m], 0.0)


@helper
def _bound_at(left: F64, people: tuple[F64, I32, F64], trial: Scratch, best: float) -> float:
    """Return the bound at these prices: what the best columns are paid, rows keep unpriced, and limits cost.

    Weak duality: it holds for any prices that are not negative, so that no step has to be right.
    """
    weight, district, need = people
    bound = best
    for r in range(weight.size):
        bound += weight[r] * (1.0 + trial.floor[district[r]]) - trial.price[r]
    for m in range(left.size):
        bound += trial.pack[m] * left[m]
    for k in range(need.size):
        bound -= trial.floor[k] * max(need[k], 0.0)
    return bound


@helper
def _count_chosen(pairs: tuple[I64, I32, I64, I32], packs: tuple[I64, I32, F64], trial: Scratch) -> None:
    """Count how often the chosen columns cover each row and take from each pack."""
    start, row = pairs[0], pairs[1]
    for r in range(trial.covered.size):
        trial.covered[r] = 0.0
    for m in range(trial.packed.size):
        trial.packed[m] = 0.0
    for j in range(trial.chosen.size):
        if trial.chosen[j] > 0.0:
            for k in range(np.uint64(start[j]), np.uint64(start[j + 1])):
                trial.covered[np.uint64(row[k])] += trial.chosen[j]
            for k in range(packs[0][j], packs[0][j + 1]):
                trial.packed[packs[1][k]] += trial.chosen[j]


@helper
def _goes_on(trial: Scratch) -> bool:
    """Return whether what was chosen now points the way that was gone."""
    ahead = 0.0
    for r in range(trial.way.size):
        ahead += trial.way[r] * (trial.covered[r] - 1.0)
    return ahead > 0.0
