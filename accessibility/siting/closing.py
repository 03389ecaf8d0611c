"""From a start and a bound to a closed gap: a core of undecided candidates first, then all that no bound rules out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from accessibility.siting.dual import Dual, find_dual
from accessibility.siting.exact import Effort, solve_program
from accessibility.siting.greedy import improve, open_for_floors
from accessibility.siting.programs import columns_of, cover_most, fall_short_least, solution_of
from accessibility.siting.reduction import fix_columns, reduce_covering

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.clock import Clock
    from accessibility.siting.covering import Covering
    from accessibility.siting.exact import Program

_ROUNDS = 2_000
_LONG_ROUNDS = 20_000
_DUAL_ROUNDS = 1500
_CORE = 60
_GROWTH = 4
_NEARLY_ALL = 1.5
_CORE_GAP = 0.1
_EPSILON = 1e-9
_CORE_TIME = 0.3
_EARLY = 0.4
_DUAL_TIME = 0.5
_FLOOR_TIME = 0.5
_ENTRIES, _ENTRIES_POWER = 7_500, 0.55


@dataclass(kw_only=True, eq=False)
class Course:
    """How far the search has come: the best plan and the lowest bound so far.

    Parameters
    ----------
    covering
        The question, merged but with every candidate.
    small
        The same without dominated candidates.
    place
        ``(s,)`` column in `covering` of each column of `small`.
    chosen
        ``(s,)`` best plan so far, in columns of `small`.
    bound
        In units of weight.
    dual
        Prices behind the bound; None before there are any.
    by
        Who vouches for the bound.
    gap
        Relative gap that is near enough.
    """

    covering: Covering
    small: Covering
    place: NDArray[np.intp]
    chosen: NDArray[np.bool_]
    bound: float
    gap: float
    dual: Dual | None = None
    by: Literal["certificate", "solver"] = "certificate"
    value: int = 0
    short: int = 0
    short_at_least: int = 0

    def __post_init__(self) -> None:
        """Value the plan there is."""
        self._measure()

    @property
    def sites(self) -> NDArray[np.intp]:
        """Rows of the problem that open."""
        return np.concatenate([self.small.opened, self.small.site[self.chosen]])

    @property
    def closed(self) -> bool:
        """Whether bound and plan are near enough."""
        least = max(self.value * self.small.person, 1.0) / self.small.person
        return not self.short and self.bound - self.value <= max(self.gap, _EPSILON) * least

    def take(self, chosen: NDArray[np.bool_]) -> None:
        """Keep a plan where it is better and keeps to the limits."""
        if not self.small.fits(chosen):
            return
        before, known = self.chosen, (-self.short, self.value)
        self.chosen = chosen
        self._measure()
        if (-self.short, self.value) < known:
            self.chosen = before
            self._measure()

    def lower(self, bound: float, by: Literal["certificate", "solver"]) -> None:
        """Keep a bound where it is lower; weights are whole, and so is what they cover."""
        if not math.isfinite(bound):
            return
        whole = math.floor(bound + abs(bound) * _EPSILON + 1e-6)
        if whole < self.bound:
            self.bound, self.by = max(float(whole), float(self.value)) if not self.short else float(whole), by

    def _measure(self) -> None:
        self.short = int(self.small.shortage(self.chosen).sum())
        self.value = self.small.value(self.chosen)


def close_gap(covering: Covering, gap: float, clock: Clock, start: NDArray[np.intp] | None = None) -> Course:
    """Return a plan and a bound, as near to each other as the time allows.

    Parameters
    ----------
    covering
        The question.
    gap
        Relative gap that is near enough.
    clock
        When to stop.
    start
        Sites of a plan to begin from, rows of the problem.
    """
    course = begin_course(covering, gap, start)
    if course.closed:
        return course
    course.take(improve(course.small, course.chosen, _ROUNDS, clock))
    _price(course, clock)
    if course.short:
        _meet_floors(course, clock)
    if course.short:
        return course
    _solve_cores(course, clock)
    return course


def begin_course(covering: Covering, gap: float, start: NDArray[np.intp] | None = None) -> Course:
    """Return the course at its beginning: everything where everything fits, otherwise a greedy plan."""
    small = reduce_covering(covering)
    column = np.full(int(covering.site.max(initial=-1)) + 1, -1, np.intp)
    column[covering.site] = np.arange(len(covering.site))
    everything = np.ones(len(small.site), np.bool_)
    chosen = everything if small.fits(everything) else open_for_floors(small)
    ceiling = covering.base + int(covering.weight.sum())
    course = Course(
        covering=covering, small=small, place=column[small.site], chosen=chosen, bound=float(ceiling), gap=gap
    )
    if start is not None:
        course.take(np.isin(small.site, start))
    return course


def _price(course: Course, clock: Clock) -> None:
    """Lower the bound by the Lagrangian dual."""
    dual = find_dual(course.covering, course.value, _DUAL_ROUNDS, clock.part(_DUAL_TIME))
    course.dual = dual
    course.lower(dual.bound, "certificate")


def _solve_cores(course: Course, clock: Clock) -> None:
    """Solve the question for ever more candidates, until they are all that the bound does not rule out.

    Small cores and annealing in turns bring the plan close to the best one first: the better the plan, the less is left
    to solve. Where all of it is too much for the time left, they take turns again.
    """
    _take_turns(course, clock.part(_EARLY), (_CORE, _GROWTH * _CORE), patience=1)
    size = _GROWTH * _CORE
    while not course.closed and clock.left_s > 0:
        size *= _GROWTH
        if not _solve_core(course, clock, size):
            break
    _take_turns(course, clock, (_GROWTH * _CORE, _GROWTH**2 * _CORE), patience=2)


def _take_turns(course: Course, clock: Clock, sizes: tuple[int, ...], patience: int) -> None:
    """Solve cores of these sizes and anneal in turns, until so many turns in a row have brought nobody more."""
    turn, idle = 0, 0
    while idle < patience and not course.closed and clock.left_s > 0:
        before = course.value
        for size in sizes:
            if not _solve_core(course, clock, size):
                break
        if course.closed:
            return
        turn += 1
        course.take(improve(course.small, course.chosen, _LONG_ROUNDS, clock, seed=turn))
        idle = 0 if course.value > before else idle + 1


def _solve_core(course: Course, clock: Clock, size: int) -> bool:
    """Solve a core of about this size; return whether a larger one is worth a try."""
    assert course.dual is not None
    if course.closed:
        return False
    core, complete = _core(course, course.dual, size)
    left = fix_columns(course.small, course.chosen & ~core, ~core & ~course.chosen)
    if len(left.rows.item) > _ENTRIES * clock.left_s**_ENTRIES_POWER:
        return False
    return _solve_left(course, left, complete, clock if complete else clock.part(_CORE_TIME)) and not complete


def _core(course: Course, dual: Dual, size: int) -> tuple[NDArray[np.bool_], bool]:
    """Return so many columns that are likeliest to change, and whether they are all that could make a better plan."""
    share = dual.share[course.place] > 0.5  # noqa: PLR2004 -- a plan that is not fractional
    open_loss, close_loss = dual.open_loss[course.place], dual.close_loss[course.place]
    margin = dual.bound * (1 + _EPSILON) - (course.value + 1)
    possible = np.where(course.chosen, close_loss, open_loss) <= margin
    differs = course.chosen != share
    loss = np.where(share, close_loss, open_loss)
    loss[differs] = -1.0
    order = np.argsort(np.where(possible, loss, np.inf), kind="stable")
    core = np.zeros(len(possible), np.bool_)
    size = max(size, int(differs.sum()))
    core[order[: size if possible.sum() > _NEARLY_ALL * size else len(order)]] = True
    core &= possible
    return core, bool((core == possible).all())


def _solve_left(course: Course, left: Covering, complete: bool, clock: Clock) -> bool:  # noqa: FBT001
    """Solve what is left to decide; return whether it was solved to the end."""
    if not len(left.site):
        # Nothing but the plan there is keeps to what the bound has decided.
        course.take(np.isin(course.small.site, left.opened))
        if complete:
            course.lower(float(course.value), "solver")
        return True
    begun = np.isin(left.site, course.small.site[course.chosen])
    program = cover_most(left)
    # A core only has to bring a better plan; of the complete question nothing may be left.
    enough = 1 - 1e-6 if complete else max(_CORE_GAP * (course.bound - course.value), 1 - 1e-6)
    effort = Effort(time_limit_s=clock.left_s, gap=course.gap, gap_absolute=enough * left.person)
    answer = solve_program(program, effort, solution_of(left, program, begun))
    if answer.values is not None:
        opened = np.concatenate([left.opened, left.site[columns_of(left, program, answer.values)]])
        course.take(np.isin(course.small.site, opened))
    if complete:
        course.lower(max(answer.bound / left.person, float(course.value)), "solver")
    return answer.bound - answer.objective <= max(effort.gap_absolute, course.gap * abs(answer.objective)) * 1.01


def _meet_floors(course: Course, clock: Clock) -> None:
    """Find a plan that meets the floors, or the one that comes closest to them."""
    program: Program = fall_short_least(course.small)
    part = clock.part(_FLOOR_TIME)
    effort = Effort(time_limit_s=part.left_s, gap_absolute=(1 - 1e-6) * course.small.person)
    answer = solve_program(program, effort)
    if answer.values is not None:
        course.take(columns_of(course.small, program, answer.values))
    course.short_at_least = max(math.ceil(answer.bound / course.small.person - 1e-6), 0)
