"""Sites opened, closed and swapped for a neighbour at prices: a search that looks at nothing but catchments that touch.

Where every limit has a price, a move is worth the people it gains, those of a district below its floor counted higher,
less what its sites are charged. Nothing else of a country has to be known: a move costs two catchments, whatever the
number of candidates, and parts that share no row are searched beside each other. Plain annealing (`annealing`) looks at
every candidate for each that it opens, and keeps to all limits all the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.siting.effort import draw
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering

_FINE = np.int64(1 << 30)
_KINDS = np.int64(4)  # of four moves one opens or closes, the others swap
_IN, _OUT = np.int32(1), np.int32(-1)  # of one type: kernels are compiled once for both
_NONE = np.int64(-1)
_YES = np.bool_(True)  # noqa: FBT003 -- likewise
_FALL, _LEAST = 0.9, 1e-5  # what each round of filling asks for, of the round before; where it asks for nothing more


class Trade:
    """Which columns of a covering are open, and what they take up of its limits.

    Parameters
    ----------
    covering
        The question.
    shared
        The first of its packs that have a price; those before it are always kept to.
    """

    def __init__(self, covering: Covering, shared: int) -> None:
        """Begin with nothing open."""
        self.covering = covering
        self.shared = shared
        self.inside = np.zeros(len(covering.site), np.bool_)
        self.times = np.zeros(len(covering.weight), np.int32)
        self.room = covering.room.copy()
        self.left = np.array([covering.budget], np.int64)
        self.there = np.zeros(len(covering.need), np.int64)
        self._pairs = (covering.rows.start, covering.rows.item, covering.columns.start, covering.columns.item)

    def set(self, chosen: NDArray[np.bool_]) -> None:
        """Open these columns and no others."""
        covering, rows = self.covering, np.flatnonzero(chosen)
        self.inside[:] = chosen
        self.times[:] = 0
        count_rows(self._pairs, self.inside, self.times)
        self.room[:] = covering.room - np.bincount(covering.packs.of(rows), minlength=len(covering.room))
        self.left[0] = covering.budget - int(covering.cost[chosen].sum())
        covered = self.times > 0
        self.there[:] = 0
        np.add.at(self.there, covering.district[covered], covering.weight[covered])

    @property
    def value(self) -> int:
        """Weight covered, that before included."""
        return self.covering.base + int(self.there.sum())

    @property
    def short(self) -> NDArray[np.int64]:
        """``(d,)`` how far each district stays below its floor."""
        found: NDArray[np.int64] = np.maximum(self.covering.need - self.there, 0)
        return found

    @property
    def fits(self) -> bool:
        """Whether every limit is kept, floors aside."""
        return bool(self.left[0] >= 0 and (self.room >= 0).all())

    def run(
        self,
        prices: tuple[NDArray[np.float64], NDArray[np.float64]],
        within: tuple[int, int],
        moves: int,
        how: tuple[float, NDArray[np.uint64], bool],
    ) -> None:
        """Try moves among the columns of a part; what is shared is counted only where it is kept to.

        Parameters
        ----------
        prices
            ``(r,)`` what each row is worth, ``(c,)`` what each column is charged.
        within
            The first column of the part, and the first after it.
        moves
            How many.
        how
            The loss that is taken every third time; the stream of random numbers; whether shared limits and floors are
            kept to.
        """
        if within[1] > within[0]:
            _trade(self._pairs, self._terms(*prices), self._state, (*within, moves, *how))

    def fill(self, prices: tuple[NDArray[np.float64], NDArray[np.float64]], least: float) -> None:
        """Open, within every limit, columns whose worth is so many times their charge or more, the best first."""
        _fill(self._pairs, self._terms(*prices), self._state, least)

    def worths(self, worth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``(c,)`` what each open column alone brings in, and what each other one would."""
        found = np.zeros(len(self.inside))
        _weigh(self._pairs, worth, (self.inside, self.times), found)
        return found

    def turn(self, column: int) -> None:
        """Open a column that is closed, or close one that is open."""
        turn(self._pairs, self._terms(np.empty(0), np.empty(0)), self._state, column)

    def alone(self, column: int) -> NDArray[np.int64]:
        """Return ``(d,)`` the weight of each district that an open column alone covers, or that a closed one would."""
        covering = self.covering
        rows = covering.columns.item[covering.columns.start[column] : covering.columns.start[column + 1]]
        rows = rows[self.times[rows] == int(self.inside[column])]
        found = np.zeros(len(covering.need), np.int64)
        np.add.at(found, covering.district[rows], covering.weight[rows])
        return found

    @property
    def _state(self) -> tuple[Any, ...]:
        return self.inside, self.times, self.room, self.left, self.there

    def _terms(self, worth: NDArray[np.float64], charge: NDArray[np.float64]) -> tuple[Any, ...]:
        covering = self.covering
        own = (covering.weight, covering.district, covering.cost, covering.packs.start, covering.packs.item)
        return (*own, covering.need, worth, charge, np.int64(self.shared))


@kernel
def count_rows(pairs, inside, times):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Count by how many open columns each row is covered."""
    begin, row = pairs[2], pairs[3]
    for j in range(inside.size):
        if inside[j]:
            for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
                times[np.uint64(row[k])] += 1


@helper
def _count(pairs, times, j, step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    begin, row = pairs[2], pairs[3]
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        times[np.uint64(row[k])] += step


@helper
def _alone(pairs, times, worth, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return what the rows of a column that nothing covers are worth."""
    begin, row = pairs[2], pairs[3]
    total = 0.0
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        if times[r] == 0:
            total += worth[r]
    return total


@kernel
def _weigh(pairs, worth, state, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    begin, row = pairs[2], pairs[3]
    inside, times = state
    for j in range(inside.size):
        alone = np.int32(inside[j])
        for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
            r = np.uint64(row[k])
            if times[r] == alone:
                found[j] += worth[r]


@helper
def _settle(pairs, terms, there, times, j, step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add the rows of a column that nothing covers to their districts, or take them off."""
    begin, row = pairs[2], pairs[3]
    weight, district = terms[0], terms[1]
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        if times[r] == 0:
            there[district[r]] += step * weight[r]


@helper
def _is_short(pairs, terms, there, times, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return whether a district with rows of this column that nothing else covers is below its floor."""
    begin, row = pairs[2], pairs[3]
    district, need = terms[1], terms[5]
    for k in range(np.uint64(begin[j]), np.uint64(begin[j + 1])):
        r = np.uint64(row[k])
        if times[r] == 0 and there[district[r]] < need[district[r]]:
            return True
    return False


@helper
def _take(terms, state, j, step, every):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Take up what a column needs of the limits, or give it back; of shared ones only where every limit counts."""
    cost, start, pack, shared = terms[2], terms[3], terms[4], terms[8]
    room, left = state[2], state[3]
    if every:
        left[0] -= step * cost[j]
    for k in range(start[j], start[j + 1]):
        if every or pack[k] < shared:
            room[pack[k]] -= step


@helper
def _has_room(terms, state, out, into, every):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return whether a column that has been taken in exceeds no limit, or none more than the one that has left did."""
    cost, start, pack, shared = terms[2], terms[3], terms[4], terms[8]
    room, left = state[2], state[3]
    if every and left[0] < 0 and cost[into] > (cost[out] if out >= 0 else 0):
        return False
    for k in range(start[into], start[into + 1]):
        if room[pack[k]] < 0 and (every or pack[k] < shared):
            had = False
            if out >= 0:
                for q in range(start[out], start[out + 1]):
                    had = had or pack[q] == pack[k]
            if not had:
                return False
    return True


@kernel
def turn(pairs, terms, state, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Open a column that is closed, or close one that is open, whatever the limits."""
    inside, times, there = state[0], state[1], state[4]
    if inside[j]:
        _count(pairs, times, j, _OUT)
        _settle(pairs, terms, there, times, j, _OUT)
        _take(terms, state, j, _OUT, _YES)
    else:
        _settle(pairs, terms, there, times, j, _IN)
        _count(pairs, times, j, _IN)
        _take(terms, state, j, _IN, _YES)
    inside[j] = not inside[j]


@helper
def _neighbour(pairs, random, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return a column that shares a row with this one."""
    start, column, begin, row = pairs
    r = row[begin[j] + draw(random, begin[j + 1] - begin[j])]
    return np.int64(column[start[r] + draw(random, start[r + 1] - start[r])])


@helper
def _move(pairs, terms, state, move, how):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901
    """Close one column, open another, either of which may be none, if that is worth it and within the limits."""
    inside, times, _, _, there = state
    worth, charge = terms[6], terms[7]
    out, into = move
    heat, random, every = how
    change = 0.0
    if out >= 0:
        _count(pairs, times, out, _OUT)
        _take(terms, state, out, _OUT, every)
        change += charge[out] - _alone(pairs, times, worth, out)
    fits = True
    if into >= 0:
        _take(terms, state, into, _IN, every)
        change += _alone(pairs, times, worth, into) - charge[into]
        fits = _has_room(terms, state, out, into, every)
    # Metropolis' rule.
    taken = fits and (change >= 0.0 or (heat > 0.0 and draw(random, _FINE) < _FINE * np.exp(change / heat)))
    if taken and every:
        if out >= 0:
            _settle(pairs, terms, there, times, out, _OUT)
        if into >= 0:
            _settle(pairs, terms, there, times, into, _IN)
        if out >= 0 and _is_short(pairs, terms, there, times, out):
            taken = False
            if into >= 0:
                _settle(pairs, terms, there, times, into, _OUT)
            _settle(pairs, terms, there, times, out, _IN)
    if taken:
        if out >= 0:
            inside[out] = False
        if into >= 0:
            _count(pairs, times, into, _IN)
            inside[into] = True
        return
    if into >= 0:
        _take(terms, state, into, _OUT, every)
    if out >= 0:
        _take(terms, state, out, _IN, every)
        _count(pairs, times, out, _IN)


@kernel
def _trade(pairs, terms, state, course):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Try so many moves among the columns of a part."""
    inside, begin = state[0], pairs[2]
    first, last, moves, heat, random, every = course
    how = (heat, random, every)
    for _ in range(moves):
        j = first + draw(random, last - first)
        if begin[j] == begin[j + 1]:
            continue
        kind = draw(random, _KINDS)
        if kind == 0:
            move = (j, _NONE) if inside[j] else (_NONE, j)
        else:
            # What one site gives back another one far away may need.
            far = every and kind == 1
            other = first + draw(random, last - first) if far else _neighbour(pairs, random, j)
            if inside[other] == inside[j]:
                continue
            move = (j, other) if inside[j] else (other, j)
        _move(pairs, terms, state, move, how)


@kernel
def _fill(pairs, terms, state, least):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901
    """Open what is worth enough, in rounds that ask for less and less: almost the order of greedy opening."""
    inside, times, there = state[0], state[1], state[4]
    worth, charge = terms[6], terms[7]
    most = 0.0
    for j in range(inside.size):
        if not inside[j] and charge[j] > 0.0:
            most = max(most, _alone(pairs, times, worth, j) / charge[j])
    ask = max(most, least)
    while True:
        for j in range(inside.size):
            if inside[j]:
                continue
            gain = _alone(pairs, times, worth, j)
            if gain <= 0.0 or gain < ask * charge[j]:
                continue
            _take(terms, state, j, _IN, _YES)
            if _has_room(terms, state, _NONE, j, _YES):
                _settle(pairs, terms, there, times, j, _IN)
                _count(pairs, times, j, _IN)
                inside[j] = True
            else:
                _take(terms, state, j, _OUT, _YES)
        if ask <= least:
            return
        ask *= _FALL
        if ask < least or ask < most * _LEAST:
            ask = least
