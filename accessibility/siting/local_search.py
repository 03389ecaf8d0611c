"""Sites opened, closed and swapped for a neighbour at prices: a search that reads only catchments that touch.

Where every limit has a price, a move is worth the people it gains, those of a district below its floor counted higher,
less what its sites are charged. Nothing else of a country has to be known: a move costs two catchments, whatever the
number of candidates, and parts that share no row are searched at the same time. Plain annealing (`annealing`) looks at
every candidate for each that it opens, and keeps to all limits all the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accessibility.siting.effort import draw
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.streets.search.compiling import F64, I32, I64, U64, Flags

_FINE = np.int64(1 << 30)
_KINDS = np.int64(4)  # of four moves one opens or closes, the others swap
_IN, _OUT = np.int32(1), np.int32(-1)  # of one type: kernels are compiled once for both
_NONE = np.int64(-1)
_YES = np.bool_(True)  # noqa: FBT003 -- likewise
_FALL, _LEAST = 0.9, 1e-5  # what each round of filling asks for, of the round before; where it asks for nothing more
_NO_PRICES = (np.empty(0), np.empty(0))


class LocalSearch:
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

    def set(self, chosen: NDArray[np.bool_]) -> None:
        """Open these columns and no others."""
        covering, rows = self.covering, np.flatnonzero(chosen)
        self.inside[:] = chosen
        self.times[:] = 0
        _count_rows(self._at(_NO_PRICES))
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
            _try_moves(self._at(prices), (*within, moves), how)

    def fill(self, prices: tuple[NDArray[np.float64], NDArray[np.float64]], least: float) -> None:
        """Open, within every limit, columns whose worth is so many times their charge or more, the best first."""
        _fill(self._at(prices), least)

    def worths(self, worth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``(c,)`` what each open column alone brings in, and what each other one would."""
        found = np.zeros(len(self.inside))
        _weigh(self._at((worth, found)), found)
        return found

    def turn(self, column: int) -> None:
        """Open a column that is closed, or close one that is open."""
        _turn(self._at(_NO_PRICES), column)

    def alone(self, column: int) -> NDArray[np.int64]:
        """Return ``(d,)`` the weight of each district that an open column alone covers, or that a closed one would."""
        covering = self.covering
        rows = covering.columns.item[covering.columns.start[column] : covering.columns.start[column + 1]]
        rows = rows[self.times[rows] == int(self.inside[column])]
        found = np.zeros(len(covering.need), np.int64)
        np.add.at(found, covering.district[rows], covering.weight[rows])
        return found

    def _at(self, prices: tuple[NDArray[np.float64], NDArray[np.float64]]) -> _Arrays:
        """Return what kernels read and change, at these prices."""
        covering, (worth, charge) = self.covering, prices
        return _Arrays(
            row_start=covering.rows.start,
            row_column=covering.rows.item,
            column_start=covering.columns.start,
            column_row=covering.columns.item,
            weight=covering.weight,
            district=covering.district,
            cost=covering.cost,
            pack_start=covering.packs.start,
            pack=covering.packs.item,
            need=covering.need,
            shared=np.int64(self.shared),
            worth=worth,
            charge=charge,
            inside=self.inside,
            times=self.times,
            room=self.room,
            left=self.left,
            there=self.there,
        )


class _Arrays(NamedTuple):
    """The covering, its prices, and (the last five) the state of a `LocalSearch`, in the words used there."""

    row_start: I64
    row_column: I32
    column_start: I64
    column_row: I32
    weight: I64
    district: I32
    cost: I64
    pack_start: I64
    pack: I32
    need: I64
    shared: np.int64
    worth: F64
    charge: F64
    inside: Flags
    times: I32  # by how many open columns each row is covered
    room: I64
    left: I64
    there: I64


@kernel
def _count_rows(at: _Arrays) -> None:
    """Count by how many open columns each row is covered."""
    for j in range(at.inside.size):
        if at.inside[j]:
            _count(at, j, _IN)


@helper
def _count(at: _Arrays, j: int, step: np.int32) -> None:
    for k in range(np.uint64(at.column_start[j]), np.uint64(at.column_start[j + 1])):
        at.times[np.uint64(at.column_row[k])] += step


@helper
def _alone(at: _Arrays, j: int) -> float:
    """Return what the rows of a column that nothing covers are worth."""
    total = 0.0
    for k in range(np.uint64(at.column_start[j]), np.uint64(at.column_start[j + 1])):
        r = np.uint64(at.column_row[k])
        if at.times[r] == 0:
            total += at.worth[r]
    return total


@kernel
def _weigh(at: _Arrays, found: F64) -> None:
    for j in range(at.inside.size):
        alone = np.int32(at.inside[j])
        for k in range(np.uint64(at.column_start[j]), np.uint64(at.column_start[j + 1])):
            r = np.uint64(at.column_row[k])
            if at.times[r] == alone:
                found[j] += at.worth[r]


@helper
def _settle(at: _Arrays, j: int, step: np.int32) -> None:
    """Add the rows of a column that nothing covers to their districts, or take them off."""
    for k in range(np.uint64(at.column_start[j]), np.uint64(at.column_start[j + 1])):
        r = np.uint64(at.column_row[k])
        if at.times[r] == 0:
            at.there[at.district[r]] += step * at.weight[r]


@helper
def _is_short(at: _Arrays, j: int) -> bool:
    """Return whether a district with rows of this column that nothing else covers is below its floor."""
    for k in range(np.uint64(at.column_start[j]), np.uint64(at.column_start[j + 1])):
        r = np.uint64(at.column_row[k])
        if at.times[r] == 0 and at.there[at.district[r]] < at.need[at.district[r]]:
            return True
    return False


@helper
def _take(at: _Arrays, j: int, step: np.int32, every: np.bool_) -> None:
    """Take up what a column needs of the limits, or give it back; of shared ones only where every limit counts."""
    if every:
        at.left[0] -= step * at.cost[j]
    for k in range(at.pack_start[j], at.pack_start[j + 1]):
        if every or at.pack[k] < at.shared:
            at.room[at.pack[k]] -= step


@helper
def _has_room(at: _Arrays, out: Any, into: int, every: np.bool_) -> bool:
    """Return whether a column that has been taken in exceeds no limit, or none more than the one that has left did."""
    if every and at.left[0] < 0 and at.cost[into] > (at.cost[out] if out >= 0 else 0):
        return False
    for k in range(at.pack_start[into], at.pack_start[into + 1]):
        if at.room[at.pack[k]] < 0 and (every or at.pack[k] < at.shared):
            had = False
            if out >= 0:
                for q in range(at.pack_start[out], at.pack_start[out + 1]):
                    had = had or at.pack[q] == at.pack[k]
            if not had:
                return False
    return True


@kernel
def _turn(at: _Arrays, j: int) -> None:
    """Open a column that is closed, or close one that is open, whatever the limits."""
    if at.inside[j]:
        _count(at, j, _OUT)
        _settle(at, j, _OUT)
        _take(at, j, _OUT, _YES)
    else:
        _settle(at, j, _IN)
        _count(at, j, _IN)
        _take(at, j, _IN, _YES)
    at.inside[j] = not at.inside[j]


@helper
def _neighbour(at: _Arrays, random: U64, j: int) -> Any:
    """Return a column that shares a row with this one."""
    start, begin = at.row_start, at.column_start
    r = at.column_row[begin[j] + draw(random, begin[j + 1] - begin[j])]
    return np.int64(at.row_column[start[r] + draw(random, start[r + 1] - start[r])])


@helper
def _move(at: _Arrays, out: Any, into: Any, how: tuple[float, U64, np.bool_]) -> None:  # noqa: C901
    """Close one column, open another, either of which may be none, if that is worth it and within the limits."""
    heat, random, every = how
    change = 0.0
    if out >= 0:
        _count(at, out, _OUT)
        _take(at, out, _OUT, every)
        change += at.charge[out] - _alone(at, out)
    fits = True
    if into >= 0:
        _take(at, into, _IN, every)
        change += _alone(at, into) - at.charge[into]
        fits = _has_room(at, out, into, every)
    # Metropolis' rule.
    taken = fits and (change >= 0.0 or (heat > 0.0 and draw(random, _FINE) < _FINE * np.exp(change / heat)))
    if taken and every:
        if out >= 0:
            _settle(at, out, _OUT)
        if into >= 0:
            _settle(at, into, _IN)
        if out >= 0 and _is_short(at, out):
            taken = False
            if into >= 0:
                _settle(at, into, _OUT)
            _settle(at, out, _IN)
    if taken:
        if out >= 0:
            at.inside[out] = False
        if into >= 0:
            _count(at, into, _IN)
            at.inside[into] = True
        return
    if into >= 0:
        _take(at, into, _OUT, every)
    if out >= 0:
        _take(at, out, _IN, every)
        _count(at, out, _IN)


@kernel
def _try_moves(at: _Arrays, among: tuple[int, int, int], how: tuple[float, U64, np.bool_]) -> None:
    """Try so many moves among the columns of a part."""
    first, last, moves = among
    _, random, every = how
    for _ in range(moves):
        j = first + draw(random, last - first)
        if at.column_start[j] == at.column_start[j + 1]:
            continue
        kind = draw(random, _KINDS)
        other = _NONE
        if kind > 0:
            # What one site gives back another one far away may need.
            far = every and kind == 1
            other = first + draw(random, last - first) if far else _neighbour(at, random, j)
            if at.inside[other] == at.inside[j]:
                continue
        if at.inside[j]:
            _move(at, j, other, how)
        else:
            _move(at, other, j, how)


@kernel
def _fill(at: _Arrays, least: float) -> None:  # noqa: C901
    """Open what is worth enough, in rounds that ask for less and less: almost the order of greedy opening."""
    charge = at.charge
    most = 0.0
    for j in range(at.inside.size):
        if not at.inside[j] and charge[j] > 0.0:
            most = max(most, _alone(at, j) / charge[j])
    ask = max(most, least)
    while True:
        for j in range(at.inside.size):
            if at.inside[j]:
                continue
            gain = _alone(at, j)
            if gain <= 0.0 or gain < ask * charge[j]:
                continue
            _take(at, j, _IN, _YES)
            if _has_room(at, _NONE, j, _YES):
                _settle(at, j, _IN)
                _count(at, j, _IN)
                at.inside[j] = True
            else:
                _take(at, j, _OUT, _YES)
        if ask <= least:
            return
        ask *= _FALL
        if ask < least or ask < most * _LEAST:
            ask = least
