"""The p-median's exact optimum by branch and bound over sites, each branch bounded by multipliers of its own.

A site that opens takes the place of what serves its rows anyway, and one that stays closed is gone: every branch is a
p-median again, smaller than the one before. Its multipliers begin where those of the branch above have ended; a few
steps mostly tell whether anything in it can be better than the plan in hand, and otherwise which sites that plan needs
and which it cannot have (Narula, Ogbu and Samuelsson 1977; Beasley 1985). The branch of the lowest bound is next, so
that the bound of all is never far behind.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.siting.interchange import take_in_order
from accessibility.siting.lagrangian import Steps, fixed_sites, raise_bound
from accessibility.siting.medians import RowValues
from accessibility.streets.search.compiling import kernel, maker

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.siting.effort import Clock
    from accessibility.siting.lagrangian import Offers
    from accessibility.siting.medians import Room

_STEPS = Steps(patience=5, shortest=0.1, most=40)
_READS = 4  # how often a branch reads each pair, its steps apart


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """Plans that are still in question.

    Parameters
    ----------
    inside, outside
        ``(m,)`` sites that all of them open, and that none of them does.
    price
        ``(r,)`` multipliers to begin from.
    """

    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    price: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What is left of a p-median once some sites have opened and others are gone.

    Parameters
    ----------
    values
        Pairs that still matter; sites keep their places.
    rows
        Places of its rows in the whole.
    fixed
        Value of the other rows.
    """

    values: RowValues
    rows: NDArray[np.intp]
    fixed: float

    @classmethod
    def of(cls, values: RowValues, inside: NDArray[np.bool_], outside: NDArray[np.bool_]) -> Part:
        """Return what is left when some sites are inside and others are outside."""
        start, site, value, base = _left(values.by_row, values.base, inside, outside)
        many = np.diff(start)
        rows = np.flatnonzero(many)
        left = RowValues(by_row=(np.concatenate([[0], np.cumsum(many[rows])]), site, value), base=base[rows])
        return cls(values=left, rows=rows, fixed=float(base[many == 0].sum()))

    def among(self, columns: NDArray[np.intp]) -> Part:
        """Return the same, whose sites are the places in a list that holds them all."""
        start, site, value = self.values.by_row
        place = np.zeros(max(columns.max(initial=-1), site.max(initial=-1)) + 1, np.int32)
        place[columns] = np.arange(len(columns))
        return replace(self, values=replace(self.values, by_row=(start, place[site], value)))


def search_tree(
    values: RowValues, room: Room, offers: Offers, visit: Callable[[NDArray[np.bool_]], float], clock: Clock
) -> float:
    """Return a bound by branch and bound; where no branch is left, it is what the bound had to reach.

    Parameters
    ----------
    values, room
        The p-median.
    offers
        The best there are for all of it.
    visit
        Is shown plans within the limits, and returns what the bound has to reach.
    clock
        When to stop.
    """
    wanted = visit(take_in_order(np.flatnonzero(offers.chosen), room))
    never, always = fixed_sites(offers, room, wanted)
    if not room.holds(always):
        return wanted
    columns = np.flatnonzero(~never & ~always)
    whole = Part.of(values, always, never).among(columns)

    def shown(inside: NDArray[np.bool_]) -> float:
        plan = always.copy()
        plan[columns[inside]] = True
        return visit(plan)

    root = Branch(
        inside=np.zeros(len(columns), np.bool_),
        outside=np.zeros(len(columns), np.bool_),
        price=offers.row[whole.rows].astype(np.float32),
    )
    return _searched(whole, room.among(columns, always), (offers.bound, wanted, root), shown, clock)


def _searched(
    whole: Part,
    room: Room,
    begin: tuple[float, float, Branch],
    visit: Callable[[NDArray[np.bool_]], float],
    clock: Clock,
) -> float:
    """Return the bound of a branch that is all there is, given a bound of it and what the bound has to reach."""
    bound, wanted, branch = begin
    waiting, count = [(bound, 0, branch)], 0
    while waiting and waiting[0][0] < wanted and not clock.up:
        bound, _, branch = heapq.heappop(waiting)
        if not room.holds(branch.inside):
            continue
        left, part = _narrowed(whole, room, branch)
        clock.spend(_READS * len(whole.values.by_row[1]))
        fixed = whole.fixed + part.fixed
        if not fixed < wanted:
            continue
        if not len(part.rows):
            wanted = visit(branch.inside)
            continue
        price = branch.price[part.rows].astype(np.float64)
        offers = raise_bound(part.values, left, price, _towards(wanted - fixed), clock, _STEPS)
        opened = take_in_order(np.flatnonzero(offers.chosen), left)
        if fixed + _served(part.values.by_row, part.values.base, opened) < wanted:
            wanted = visit(branch.inside | opened)
        bound = max(bound, offers.bound + fixed)
        if bound >= wanted:
            continue
        for smaller in _split(branch, part, fixed_sites(offers, left, wanted - fixed), offers):
            count -= 1
            heapq.heappush(waiting, (bound, count, smaller))
    return min(wanted, waiting[0][0]) if waiting else wanted


def _towards(aim: float) -> Callable[[Offers], float]:
    """Return what answers that the bound has to reach this, whatever it is shown."""
    return lambda _: aim


def _narrowed(whole: Part, room: Room, branch: Branch) -> tuple[Room, Part]:
    """Return the room and the pairs that a branch leaves."""
    used = room.rows @ branch.inside.astype(np.float64)
    return replace(room, left=room.left - used), Part.of(
        whole.values, branch.inside, branch.outside | ~room.admits(branch.inside)
    )


def _split(
    branch: Branch, part: Part, fixed: tuple[NDArray[np.bool_], NDArray[np.bool_]], offers: Offers
) -> tuple[Branch, ...]:
    """Return what a branch falls into: where its bound decides some sites what is left, otherwise two."""
    never, always = (which & ~branch.inside & ~branch.outside for which in fixed)
    price = branch.price.copy()
    price[part.rows] = offers.row
    narrower = Branch(inside=branch.inside | always, outside=branch.outside | never, price=price)
    if always.any():
        return (narrower,)
    free = ~narrower.inside & ~narrower.outside
    if not free.any():
        return ()
    site = int(np.where(free, offers.earned, np.inf).argmin())
    this = np.arange(len(free)) == site
    return replace(narrower, inside=narrower.inside | this), replace(narrower, outside=narrower.outside | this)


@maker
def _left(by_row, base, inside, outside):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return starts, sites, values and bases of the pairs of neither, those below the best inside."""
    start, site, value = by_row
    begin, lower = np.zeros(base.size + 1, np.int64), base.copy()
    left, worth = np.empty(site.size, np.int32), np.empty(site.size)
    at = 0
    for i in range(base.size):
        for k in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            j = np.uint64(site[k])
            if inside[j] and value[k] < lower[i]:
                lower[i] = value[k]
            if inside[j] or value[k] >= lower[i]:
                break
            if not outside[j]:
                left[at], worth[at] = site[k], value[k]
                at += 1
        begin[i + 1] = at
    return begin, left[:at], worth[:at], lower


@kernel
def _served(by_row, base, inside):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the value of all rows when some sites open."""
    start, site, value = by_row
    total = 0.0
    for i in range(base.size):
        least = base[i]
        for k in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            if inside[np.uint64(site[k])]:
                least = min(least, value[k])
                break
        total += least
    return total
