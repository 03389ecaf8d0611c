"""From a start and a bound to a closed gap: how the p-median is searched, at last by branch and bound over sites.

A site that opens takes the place of what serves its rows anyway, and one that stays closed is gone: every branch is a
p-median again, smaller than the one before. Its multipliers begin where those of the branch above have ended; a few
steps mostly tell whether anything in it can be better than the plan in hand, and otherwise which sites that plan needs
and which it cannot have (Narula, Ogbu and Samuelsson 1977; Beasley 1985). The branch of the lowest bound is next, so
that the bound of all is never far behind.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from accessibility.geo.arrays import starts_of
from accessibility.siting.certificate import PROVEN
from accessibility.siting.cuts import solve_choice, solve_relaxation
from accessibility.siting.interchange import add_greedily, improve_median, survey, take_in_order
from accessibility.siting.lagrangian import Steps, fixed_sites, raise_bound
from accessibility.siting.medians import RowValues, next_whole
from accessibility.siting.numbers import CLOSE
from accessibility.streets.search.compiling import kernel, maker

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.siting.effort import Allowance
    from accessibility.siting.lagrangian import Offers
    from accessibility.siting.medians import Median, Room, Values
    from accessibility.streets.search.compiling import F64, I32, I64, Flags


_STEPS = Steps(patience=5, shortest=0.1, most=40)
_READS = 4  # how often a branch reads each pair, its steps apart


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """Plans that are still in question."""

    # inside, outside: (m,) sites that all of them open, and that none of them does
    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    price: NDArray[np.float32]  # (r,) multipliers to begin from


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What is left of a p-median once some sites have opened and others are gone."""

    values: RowValues  # pairs that still matter; sites keep their places
    rows: NDArray[np.intp]  # places of its rows in the whole
    fixed: float  # value of the other rows

    @classmethod
    def of(cls, values: RowValues, inside: NDArray[np.bool_], outside: NDArray[np.bool_]) -> Part:
        """Return what is left when some sites are inside and others are outside."""
        start, site, value, base = _left(values.by_row, values.base, inside, outside)
        many = np.diff(start)
        rows = np.flatnonzero(many)
        left = RowValues(by_row=(starts_of(many[rows]), site, value), base=base[rows])
        return cls(values=left, rows=rows, fixed=float(base[many == 0].sum()))

    def among(self, columns: NDArray[np.intp]) -> Part:
        """Return the same, whose sites are the places in a list that holds them all."""
        start, site, value = self.values.by_row
        place = np.zeros(max(columns.max(initial=-1), site.max(initial=-1)) + 1, np.int32)
        place[columns] = np.arange(len(columns))
        return replace(self, values=replace(self.values, by_row=(start, place[site], value)))


def search_tree(
    values: RowValues, room: Room, offers: Offers, visit: Callable[[NDArray[np.bool_]], float], allowance: Allowance
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
    allowance
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
    return _searched(whole, room.among(columns, always), (offers.bound, wanted, root), shown, allowance)


def _searched(
    whole: Part,
    room: Room,
    begin: tuple[float, float, Branch],
    visit: Callable[[NDArray[np.bool_]], float],
    allowance: Allowance,
) -> float:
    """Return the bound of a branch that is all there is, given a bound of it and what the bound has to reach."""
    bound, wanted, branch = begin
    waiting, count = [(bound, 0, branch)], 0
    while waiting and waiting[0][0] < wanted and not allowance.up:
        bound, _, branch = heapq.heappop(waiting)
        if not room.holds(branch.inside):
            continue
        left, part = _narrowed(whole, room, branch)
        allowance.spend(_READS * len(whole.values.by_row[1]))
        fixed = whole.fixed + part.fixed
        if not fixed < wanted:
            continue
        if not len(part.rows):
            wanted = visit(branch.inside)
            continue
        price = branch.price[part.rows].astype(np.float64)
        offers = raise_bound(part.values, left, price, _towards(wanted - fixed), allowance, _STEPS)
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
def _left(by_row: tuple[I64, I32, F64], base: F64, inside: Flags, outside: Flags) -> tuple[I64, I32, F64, F64]:
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
def _served(by_row: tuple[I64, I32, F64], base: F64, inside: Flags) -> float:
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


_PENALTIES = (2.0, 16.0, 128.0, 1024.0)
_SHARED = 4  # of each row so many times more sites are weighed than an open site has to share it with
_LEAST_WEIGHED = 8
_TOWARDS_SECOND = 0.3
_ALMOST_ONE = 0.999
_TREE_WORK = 0.8  # of all the work, for a tree of our own before the solver's
_MOST_ROWS = 50_000  # beyond, the solver would not end its first linear program


@dataclass(kw_only=True, eq=False)
class MedianCourse:
    """How far the search has come, the fixed part apart."""

    median: Median
    values: Values  # its pairs, with penalties in the place of infinite bases
    inside: NDArray[np.bool_]  # (m,) best plan so far
    value: float  # of that plan
    gap: float  # relative gap that is near enough
    allowance: Allowance  # when to stop
    # bound, by: no plan has a lower value, and how that was obtained
    bound: float = -math.inf
    by: Literal["certificate", "solver"] = "certificate"
    offers: Offers | None = None  # the multipliers that prove most
    _seen: set[bytes] = field(default_factory=set)

    @property
    def wanted(self) -> float:
        """What the bound has to reach."""
        near = max(self.gap, CLOSE) * (self.median.fixed + self.value)
        # The next whole number above a bound is a bound too.
        return self.value - (max(near, _ALMOST_ONE) if self.median.whole else near)

    def take(self, begin: NDArray[np.bool_]) -> None:
        """Improve a set of sites that was not seen before, and keep it where it is better."""
        key = np.packbits(begin).tobytes()
        if key in self._seen:
            return
        self._seen.add(key)
        inside, value = improve_median(self.values, self.median.room, begin, self.allowance)
        if value < self.value and serves_all(self.median, inside):
            self.inside, self.value = inside, value

    def lift(self, bound: float, by: Literal["certificate", "solver"], offers: Offers | None = None) -> None:
        """Keep a bound where it is higher; none is above the plan."""
        if offers is not None:
            self.offers = offers
        bound = next_whole(bound) if self.median.whole else bound
        if by == "solver" and self.value - bound <= PROVEN * (self.median.fixed + self.value):
            bound = self.value  # by the solver nothing is better, within its tolerance
        if bound > self.bound:
            self.bound, self.by = min(bound, self.value), by

    def step(self, offers: Offers) -> float:
        """Look at the sites that some offers chose; return what the bound has to reach."""
        self.take(offers.chosen)
        return self.wanted

    def weigh(self, inside: NDArray[np.bool_]) -> float:
        """Look at a plan within the limits, and improve it where it is better; return what the bound has to reach."""
        value = float(survey(self.values, inside).first.sum())
        if value < self.value and serves_all(self.median, inside):
            self.inside, self.value = inside, value
            self.take(inside)
        return self.wanted

    def round(self, opened: NDArray[np.float64]) -> float:
        """Look at the sites that open most, as fractions; return what the bound has to reach."""
        order = np.argsort(-opened, kind="stable")
        self.take(take_in_order(order[opened[order] > PROVEN], self.median.room))
        return self.wanted


def serves_all(median: Median, inside: NDArray[np.bool_]) -> bool:
    """Return whether a set of sites serves every row that nothing else does."""
    bare = np.isinf(median.values.base)
    return not bare.any() or bool((survey(median.values, inside).first_site[bare] >= 0).all())


def begin_median(
    median: Median, gap: float, allowance: Allowance, begin: NDArray[np.bool_] | None = None
) -> MedianCourse | None:
    """Return the course at its beginning; None where no plan was found that serves everybody.

    Parameters
    ----------
    median
        The question.
    gap
        Relative gap that is near enough.
    allowance
        When to stop.
    begin
        ``(m,)`` a plan that serves everybody, where greedy adding has found none.
    """
    for factor in _PENALTIES:
        values = median.values.penalised(factor)
        plans = (
            [begin]
            if begin is not None
            else [add_greedily(values, median.room, by_ratio=ratio) for ratio in (False, not median.room.only_number)]
        )
        shared = len(median.columns) / max(min(int(plan.sum()) for plan in plans), 1)
        values = values.nearer(max(int(_SHARED * shared), _LEAST_WEIGHED))
        inside, value = min(
            (improve_median(values, median.room, plan, allowance) for plan in plans), key=lambda found: found[1]
        )
        if serves_all(median, inside):
            return MedianCourse(median=median, values=values, inside=inside, value=value, gap=gap, allowance=allowance)
    if begin is None:
        return None
    value = float(survey(values, begin).first.sum())
    return MedianCourse(median=median, values=values, inside=begin, value=value, gap=gap, allowance=allowance)


def close_median_gap(course: MedianCourse) -> None:
    """Bring plan and bound together, as near as the time allows; in place."""
    values, room = course.median.values, course.median.room
    if not len(room.cost):
        course.lift(course.value, "certificate")
        return
    nearest = survey(course.values, course.inside)
    begin = nearest.first + _TOWARDS_SECOND * (nearest.second - nearest.first)
    offers = raise_bound(values, room, begin, course.step, course.allowance)
    course.lift(offers.bound, "certificate", offers)
    if course.wanted <= course.bound or len(values.base) > _MOST_ROWS or course.allowance.up:
        return
    relaxed = solve_relaxation(values, room, offers, course.round, course.allowance)
    course.lift(relaxed.offers.bound, "certificate", relaxed.offers)
    if course.wanted <= course.bound:
        return
    course.lift(search_tree(values, room, relaxed.offers, course.weigh, course.allowance.part(_TREE_WORK)), "solver")
    if course.wanted <= course.bound or course.allowance.up:
        return

    def visit(opened: NDArray[np.float64]) -> tuple[float, float]:
        wanted = course.round(opened)
        return course.value, wanted

    course.lift(solve_choice(values, room, relaxed, visit, course.allowance), "solver")
