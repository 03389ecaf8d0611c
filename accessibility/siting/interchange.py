"""Greedy adding and interchange for the p-median: good plans, fast, without a proof.

Of every row the two nearest sites are kept, so that swapping one site for another is weighed by reading the pairs of
the site that comes in (Whitaker 1983; Resende and Werneck 2007). Ties break by lower cost, then by the lower place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from accessibility.streets.search.compiling import helper, kernel, maker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.effort import Allowance
    from accessibility.siting.medians import Room, Values
    from accessibility.streets.search.compiling import F64, I32, I64, Flags

    Lines: TypeAlias = tuple[I64, I32, F64]  # start of each row or site; site or row, and value, of each pair
    Limits: TypeAlias = tuple[F64, I64, I32]  # `Room.arrays`
    Plan: TypeAlias = tuple[Flags, F64]  # which sites are in, and what is left of `Room.left`

_NONE = -1
_ROUNDING = 1e-12
_PASSES = 1_000  # far more than it takes
_READS = 3  # how often a pass reads each weighed pair, more or less


class NearestTwo(NamedTuple):
    """The two nearest sites of each row, and what the closing of each site would cost.

    Parameters
    ----------
    first, second
        ``(r,)`` values of the nearest site and of the second; the base stands for a site that never closes.
    first_site, second_site
        ``(r,)`` which these are; -1 where the base is nearer.
    loss
        ``(m,)`` what all rows of a site lose when it closes.
    """

    first: F64
    first_site: I32
    second: F64
    second_site: I32
    loss: F64


def add_greedily(values: Values, room: Room, *, by_ratio: bool = False) -> NDArray[np.bool_]:
    """Return the ``(m,)`` sites that save most in turn, while one is allowed and saves anything.

    Parameters
    ----------
    values, room
        The p-median; no base is infinite.
    by_ratio
        Whether a saving is divided by its cost.
    """
    inside, left = np.zeros(len(room.cost), np.bool_), room.left.copy()
    _add(values.by_site, values.base.copy(), room.arrays, (inside, left), by_ratio)
    return inside


def take_in_order(order: NDArray[np.intp], room: Room) -> NDArray[np.bool_]:
    """Return the ``(m,)`` sites of a list that there is room for when each is taken in turn."""
    inside, left = np.zeros(len(room.cost), np.bool_), room.left.copy()
    _take(order, room.arrays, (inside, left))
    return inside


def improve_median(
    values: Values, room: Room, begin: NDArray[np.bool_], allowance: Allowance
) -> tuple[NDArray[np.bool_], float]:
    """Return a set of sites that no swap or addition among the weighed pairs makes better, and its value.

    Of two sets of the same value the cheaper is better, then the one of lower places; a site that saves nothing goes.

    Parameters
    ----------
    values, room
        The p-median; no base is infinite.
    begin
        ``(m,)`` where to begin; what there is no room for is left out.
    allowance
        When to stop.
    """
    inside, left = np.zeros(len(begin), np.bool_), room.left.copy()
    _take(np.flatnonzero(begin), room.arrays, (inside, left))
    pairs = (values.weighed, values.by_site, values.by_row, values.base)
    for _ in range(_PASSES):
        allowance.spend(_READS * len(values.weighed[1]) + len(begin) * float(inside.sum()))
        nearest = survey(values, inside)
        tolerance = _ROUNDING * float(nearest.first.sum())
        moves = _interchange(pairs, room.arrays, (inside, left), nearest, tolerance)
        # Whoever is idle takes up room that a swap may need.
        if allowance.up or not (moves or _drop_idle(values, room, (inside, left))):
            break
    _drop_idle(values, room, (inside, left))
    return inside, float(survey(values, inside).first.sum())


def survey(values: Values, inside: NDArray[np.bool_]) -> NearestTwo:
    """Return the two nearest of some sites for each row."""
    r = len(values.base)
    nearest = NearestTwo(np.empty(r), np.empty(r, np.int32), np.empty(r), np.empty(r, np.int32), np.zeros(len(inside)))
    _survey(values.by_row, values.base, inside, nearest)
    return nearest


def _drop_idle(values: Values, room: Room, state: tuple[NDArray[np.bool_], NDArray[np.float64]]) -> int:
    """Take out, dearest and last first, the sites that nobody would miss, in place; return how many they were."""
    inside, dropped = state[0], 0
    while True:
        idle = np.flatnonzero(inside & (survey(values, inside).loss <= 0))
        if not idle.size:
            return dropped
        _move(idle[np.lexsort((idle, room.cost[idle]))[-1]], -1, room.arrays, state)
        dropped += 1


@helper
def _allowed(j: int, out: int, room: Limits, left: F64) -> bool:
    """Return whether there is room for `j`, when `out` leaves if that is a site."""
    cost, start, pack = room
    if out < 0:
        if left[0] < 1.0 or cost[j] > left[1]:
            return False
    elif cost[j] > left[1] + cost[out]:
        return False
    for k in range(start[j], start[j + 1]):  # noqa: SIM110 -- numba knows no generators
        if left[pack[k]] < 1.0 and not _frees(out, pack[k], room):
            return False
    return True


@helper
def _frees(out: int, full: int, room: Limits) -> bool:
    """Return whether a place becomes free in a full pack when `out` leaves."""
    _, start, pack = room
    if out >= 0:
        for k in range(start[out], start[out + 1]):
            if pack[k] == full:
                return True
    return False


@kernel
def _move(j: int, sign: int, room: Limits, state: Plan) -> None:
    """Take `j` in (sign 1) or out (-1)."""
    cost, start, pack = room
    inside, left = state
    inside[j] = sign > 0
    left[0] -= sign
    left[1] -= sign * cost[j]
    for k in range(start[j], start[j + 1]):
        left[pack[k]] -= sign


@kernel
def _take(order: I64, room: Limits, state: Plan) -> None:
    for j in order:
        if _allowed(j, _NONE, room, state[1]):
            _move(j, 1, room, state)


@maker
def _add(by_site: Lines, best: F64, room: Limits, state: Plan, by_ratio: bool) -> None:  # noqa: FBT001 -- a kernel
    """Add greedily; a saving only falls while sites are added, so that an old one is a bound."""
    start, row, value = by_site
    cost = room[0]
    inside, left = state
    saving = np.full(inside.size, np.inf)
    counted = np.zeros(inside.size, np.int64)
    step = 1
    while True:
        pick = _NONE
        for j in range(inside.size):
            if inside[j] or saving[j] <= 0.0 or not _allowed(j, _NONE, room, left):
                continue
            if pick < 0 or saving[j] > saving[pick] or (saving[j] == saving[pick] and cost[j] < cost[pick]):
                pick = j
        if pick < 0:
            return
        # Lazy greedy (Minoux 1978): most savings are never counted again.
        if counted[pick] < step:
            counted[pick] = step
            saving[pick] = _saving(pick, by_site, best, cost[pick] if by_ratio else 1.0)
            continue
        _move(pick, 1, room, state)
        for k in range(start[pick], start[pick + 1]):
            best[row[k]] = min(best[row[k]], value[k])
        step += 1


@helper
def _saving(j: int, by_site: Lines, best: F64, unit: float) -> float:
    start, row, value = by_site
    saved = 0.0
    for k in range(start[j], start[j + 1]):
        saved += max(best[row[k]] - value[k], 0.0)
    if saved > 0.0 and unit == 0.0:
        return np.inf
    return saved / unit if unit > 0.0 else 0.0


@kernel
def _survey(by_row: Lines, base: F64, inside: Flags, nearest: NearestTwo) -> None:
    first_site, loss = nearest.first_site, nearest.loss
    loss[:] = 0.0
    for i in range(base.size):
        _look(i, by_row, base, inside, nearest)
        if first_site[i] >= 0:
            loss[first_site[i]] += nearest.second[i] - nearest.first[i]


@helper
def _look(i: Any, by_row: Lines, base: F64, inside: Flags, nearest: NearestTwo) -> None:
    """Find the two nearest sites of row `i`; the base stands for a site that never closes."""
    start, site, value = by_row
    first, first_site, second, second_site, _ = nearest
    first[i] = second[i] = base[i]
    first_site[i] = second_site[i] = _NONE
    for k in range(start[i], start[i + 1]):
        if value[k] >= base[i]:
            return
        if inside[site[k]]:
            if first_site[i] >= 0:
                second[i], second_site[i] = value[k], site[k]
                return
            first[i], first_site[i] = value[k], site[k]


@maker
def _interchange(
    pairs: tuple[Lines, Lines, Lines, F64], room: Limits, state: Plan, nearest: NearestTwo, tolerance: float
) -> int:
    """Weigh every site that is outside once, against every one inside; make each move that pays; count them."""
    weighed, by_site, by_row, base = pairs
    inside, left = state
    spared = np.zeros(inside.size)
    moves = 0
    for j in range(inside.size):
        if inside[j]:
            continue
        saving = _weigh(j, weighed, nearest, spared)
        out = _NONE
        if saving > tolerance and _allowed(j, _NONE, room, left):
            pays = True
        else:
            out = _partner(j, saving, spared, (room, state, nearest.loss, tolerance))
            pays = out >= 0
        spared[:] = 0.0
        if pays:
            moves += 1
            _move(j, 1, room, state)
            if out >= 0:
                _move(out, -1, room, state)
            _follow(j, (True, out), (by_site, by_row, base), inside, nearest)
            if out >= 0:
                _follow(out, (False, out), (by_site, by_row, base), inside, nearest)
    return moves


@helper
def _weigh(j: int, weighed: Lines, nearest: NearestTwo, spared: F64) -> float:
    """Return what `j` saves when it comes in; note in `spared` what the closing of others then costs less."""
    start, row, value = weighed
    first, first_site, second, _, _ = nearest
    saving = 0.0
    for k in range(np.uint64(start[j]), np.uint64(start[j + 1])):
        i = np.uint64(row[k])
        if value[k] < second[i]:
            if value[k] < first[i]:
                saving += first[i] - value[k]
                if first_site[i] >= 0:
                    spared[first_site[i]] += second[i] - first[i]
            elif first_site[i] >= 0:
                spared[first_site[i]] += second[i] - value[k]
    return saving


@helper
def _partner(j: int, saving: float, spared: F64, how: tuple[Limits, Plan, F64, float]) -> int:
    """Return the site that `j` had best replace; -1 where no swap is better than none."""
    room, (inside, left), loss, tolerance = how
    cost = room[0]
    out, gained = _NONE, -np.inf
    for r in range(inside.size):
        if not inside[r]:
            continue
        # What `j` saves, less what the closing of `r` costs, of which `j` takes up some: three numbers for each pair
        # of sites, where to count it anew would take a pass over the rows.
        swapped = saving - loss[r] + spared[r]
        dearer = cost[r] > cost[j] or (cost[r] == cost[j] and r > j)
        if swapped < -tolerance or (swapped <= tolerance and not dearer):
            continue
        if swapped < gained - tolerance or not _allowed(j, r, room, left):
            continue
        if swapped > gained + tolerance or cost[r] > cost[out] or (cost[r] == cost[out] and r > out):
            out, gained = r, swapped
    return out


@helper
def _follow(j: int, how: tuple[bool, int], pairs: tuple[Lines, Lines, F64], inside: Flags, nearest: NearestTwo) -> None:
    """Look again at the rows of `j` whose two nearest sites have changed since it came in, or `out` left."""
    entered, out = how
    (start, row, value), by_row, base = pairs
    first, first_site, second, second_site, loss = nearest
    for k in range(start[j], start[j + 1]):
        i = row[k]
        lost = out >= 0 and (first_site[i] == out or second_site[i] == out)
        if not lost and not (entered and value[k] < second[i]):
            continue
        if first_site[i] >= 0:
            loss[first_site[i]] -= second[i] - first[i]
        _look(i, by_row, base, inside, nearest)
        if first_site[i] >= 0:
            loss[first_site[i]] += second[i] - first[i]
