"""From a start and a bound to a closed gap: how the p-median is searched."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from accessibility.siting.branching import search_tree
from accessibility.siting.cuts import solve_choice, solve_relaxation
from accessibility.siting.interchange import add_greedily, improve_median, survey, take_in_order
from accessibility.siting.lagrangian import raise_bound
from accessibility.siting.medians import next_whole
from accessibility.siting.numbers import CLOSE
from accessibility.siting.proofs import PROVEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.effort import Clock
    from accessibility.siting.lagrangian import Offers
    from accessibility.siting.medians import Median, Values

_PENALTIES = (2.0, 16.0, 128.0, 1024.0)
_SHARED = 4  # of each row so many times more sites are weighed than an open site has to share it with
_LEAST_WEIGHED = 8
_TOWARDS_SECOND = 0.3
_ALMOST_ONE = 0.999
_TREE_WORK = 0.8  # of all the work, for a tree of our own before the solver's
_MOST_ROWS = 50_000  # beyond, the solver would not end its first linear program


@dataclass(kw_only=True, eq=False)
class MedianCourse:
    """How far the search has come, the fixed part apart.

    Parameters
    ----------
    median
        The question.
    values
        Its pairs, with penalties in the place of infinite bases.
    inside
        ``(m,)`` best plan so far.
    value
        Of that plan.
    gap
        Relative gap that is near enough.
    clock
        When to stop.
    bound, by
        No plan has a lower value, and how that was obtained.
    offers
        The multipliers that prove most.
    """

    median: Median
    values: Values
    inside: NDArray[np.bool_]
    value: float
    gap: float
    clock: Clock
    bound: float = -math.inf
    by: Literal["certificate", "solver"] = "certificate"
    offers: Offers | None = None
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
        inside, value = improve_median(self.values, self.median.room, begin, self.clock)
        if value < self.value and serves_all(self.median, inside):
            self.inside, self.value = inside, value

    def lift(self, bound: float, by: Literal["certificate", "solver"], offers: Offers | None = None) -> None:
        """Keep a bound where it is higher; none is above the plan."""
        if offers is not None:
            self.offers = offers
        bound = next_whole(bound) if self.median.whole else bound
        if by == "solver" and self.value - bound <= PROVEN * max(1.0, self.median.fixed + self.value):
            bound = self.value  # by the solver nothing is better, within its tolerance
        if bound > self.bound:
            self.bound, self.by = min(bound, self.value), by

    def step(self, offers: Offers) -> float:
        """Look at the sites that some offers chose; return what the bound has to reach."""
        self.take(offers.chosen)
        return self.wanted

    def weigh(self, inside: NDArray[np.bool_]) -> float:
        """Look at a plan within the limits, and improve it where it is better; return what the bound has to reach."""
        value = float(survey(self.values, inside)[0].sum())
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
    return not bare.any() or bool((survey(median.values, inside)[1][bare] >= 0).all())


def begin_median(
    median: Median, gap: float, clock: Clock, begin: NDArray[np.bool_] | None = None
) -> MedianCourse | None:
    """Return the course at its beginning; None where no plan was found that serves everybody.

    Parameters
    ----------
    median
        The question.
    gap
        Relative gap that is near enough.
    clock
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
            (improve_median(values, median.room, plan, clock) for plan in plans), key=lambda found: found[1]
        )
        if serves_all(median, inside):
            return MedianCourse(median=median, values=values, inside=inside, value=value, gap=gap, clock=clock)
    if begin is None:
        return None
    value = float(survey(values, begin)[0].sum())
    return MedianCourse(median=median, values=values, inside=begin, value=value, gap=gap, clock=clock)


def close_median_gap(course: MedianCourse) -> None:
    """Bring plan and bound together, as near as the time allows; in place."""
    values, room = course.median.values, course.median.room
    if not len(room.cost):
        course.lift(course.value, "certificate")
        return
    nearest = survey(course.values, course.inside)
    begin = nearest[0] + _TOWARDS_SECOND * (nearest[2] - nearest[0])
    offers = raise_bound(values, room, begin, course.step, course.clock)
    course.lift(offers.bound, "certificate", offers)
    if course.wanted <= course.bound or len(values.base) > _MOST_ROWS or course.clock.up:
        return
    relaxed = solve_relaxation(values, room, offers, course.round, course.clock)
    course.lift(relaxed.offers.bound, "certificate", relaxed.offers)
    if course.wanted <= course.bound:
        return
    course.lift(search_tree(values, room, relaxed.offers, course.weigh, course.clock.part(_TREE_WORK)), "solver")
    if course.wanted <= course.bound or course.clock.up:
        return

    def visit(opened: NDArray[np.float64]) -> tuple[float, float]:
        wanted = course.round(opened)
        return course.value, wanted

    course.lift(solve_choice(values, room, relaxed, visit, course.clock), "solver")
