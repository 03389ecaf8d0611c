"""From a start and a bound to a closed gap: a core of undecided candidates first, then all that no bound rules out."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from accessibility.siting.covering import fix_columns
from accessibility.siting.cuts_by_part import PartedCutting, begin_to_cut, is_cut_in_parts
from accessibility.siting.effort import SHARED
from accessibility.siting.exact import Effort, solve_program
from accessibility.siting.greedy import swap_losses
from accessibility.siting.numbers import CLOSE, HALF, SUMS
from accessibility.siting.programs import columns_of, fall_short_least, solution_of
from accessibility.siting.row_weighting import leave_out_nobody

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.siting.claim_trees import Cutting
    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Allowance
    from accessibility.siting.goals import Goal, Guide
    from accessibility.siting.tree import Claim

_ROUNDS, _LONG_ROUNDS, _MOST_DOUBLED, _CORE = 2_000, 20_000, 4, 60
_CHILDREN, _PARENTS, _PARENT_ROUNDS = 6, 4, 20_000  # of a turn, of each of them, and how long these are annealed
_NEARLY_ALL, _CORE_GAP = 1.5, 0.1
_EASY = 0.25  # share of the work of a core that a crossing takes where it is soon solved
_SMALL, _FEW_ROUNDS, _FEW = 100_000, 200, 20  # entries, rounds at a first glance; columns that are solved then
_LARGE, _LARGE_ROUNDS, _LARGE_SEED = 1_000_000, 60_000, 1_000  # entries of a question that is worth two threads
_LIKELY, _SPARE = 0.01, 2  # share of a column that may open; how many a site of the plan
_NEAR, _WIDE = 3, 5  # columns a site that could be swapped in: into a plan annealed anew, and into the best of some
# Shares of all the work: for the prices of a large question, better ones, floors, a core, all that is left, if little.
_DUAL_WORK, _REBOUND_WORK, _FLOOR_WORK, _CORE_WORK, _WHOLE_WORK, _SOON_WORK = 0.5, 0.05, 0.5, 0.08, 0.6, 0.2
_CUT_WORK, _CUT_ENTRIES = 0.2, 1_000_000  # for a linear program and its cuts; entries of one that is worth it
_LATE = 3  # turns that annealing has before what is cut in parts
_EVERYBODY_WORK = 0.1  # for plans that leave nobody out
_CUT_PAYS, _CUT_RESTS = 0.1, 2  # share of the gap that cuts close if they pay; turns without any after some that do not
# What a mixed-integer program may hold so that the solver gets anywhere with so much of all the work.
_ENTRIES, _ENTRIES_POWER = 70_000, 0.55


@dataclass(kw_only=True, eq=False)
class Course:
    """How far the search has come: the best plan and the lowest bound so far."""

    goal: Goal  # what plans are compared by
    covering: Covering  # the question, merged but with every candidate
    small: Covering  # the same without what cannot matter
    chosen: NDArray[np.bool_]  # (s,) best plan so far, in columns of `small`
    bound: float  # in the goal's values: no plan has a greater one
    gap: float  # relative gap that is near enough
    guide: Guide | None = None  # prices behind the bound; None before there are any.
    by: Literal["certificate", "tree", "solver"] = "certificate"  # how the bound was obtained
    # value, short: of the best plan; a plan that is short of what it has to cover is worse than any that is not
    value: int = 0
    short: int = 0
    short_at_least: int = 0  # by how much every plan is short; 0 where none is proven to be
    turns: int = 0  # how many turns of cores and annealing there were
    bounded: int = -1  # the value of the plan that the bound was last lowered towards
    settled: bool = False  # whether the solver has solved all that is left, to the end of its tolerances
    attempts: int = 0  # how often the solver was given all that is left, and did not end
    seeds: int = 0  # how often annealing has begun anew
    # where only plans of at least this value matter: what else there is need not be told apart
    wanted: int | None = None
    # what makes the linear program of the question, where a search for most people may cut it
    claim: Callable[[], Claim] | None = None
    cutting: Cutting | PartedCutting | None = None  # how far that has come
    resting: int = 0  # turns before the next cuts
    before: int = -1  # the value of the plan a turn ago
    # the best plans of what some that were annealed anew open between them
    children: list[NDArray[np.bool_]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Value the plan there is."""
        self.short, self.value = self.goal.measure(self.small, self.chosen)

    @property
    def sites(self) -> NDArray[np.intp]:
        """Rows of the problem that open."""
        return np.concatenate([self.small.opened, self.small.site[self.chosen]])

    @property
    def closed(self) -> bool:
        """Whether bound and plan are near enough, or it is known whether a plan of the wanted value exists."""
        if self.wanted is not None and (self.bound < self.wanted or (not self.short and self.value >= self.wanted)):
            return True
        hair = min(2 * CLOSE * abs(self.value), HALF if self.goal.unit(self.small) == 1.0 else math.inf)
        return not self.short and self.bound - self.value <= max(self.gap * abs(self.value), hair)

    @property
    def may_reach_everybody(self) -> bool:
        """Whether no bound says that some people are left out of every plan."""
        return self.goal.maximises_people and self.bound >= self.goal.ceiling(self.small)

    @property
    def better(self) -> int:
        """The least value of a plan that is worth finding."""
        return max(self.value + 1, self.value if self.wanted is None else self.wanted)

    def take(self, chosen: NDArray[np.bool_]) -> None:
        """Keep a plan where it is better and keeps to the limits; of two alike the cheaper one."""
        if not self.small.fits(chosen):
            return
        cost = self.small.cost
        short, value = self.goal.measure(self.small, chosen)
        if (-short, value, -cost[chosen].sum()) > (-self.short, self.value, -cost[self.chosen].sum()):
            self.chosen, self.short, self.value = chosen, short, value

    def lower(self, bound: float, by: Literal["certificate", "tree", "solver"]) -> None:
        """Keep a bound where it is lower; values are whole, and so is the best of them."""
        if not math.isfinite(bound):
            return
        whole = float(math.floor(bound + abs(bound) * SUMS + 1e-6))
        if not self.short:
            whole = max(whole, float(self.value))
        if whole < self.bound:
            self.bound, self.by = whole, by


def close_gap(
    goal: Goal,
    covering: Covering,
    gap: float,
    allowance: Allowance,
    start: NDArray[np.intp] | None = None,
    claim: Callable[[], Claim] | None = None,
) -> Course:
    """Return a plan and a bound, as near to each other as the time allows.

    Parameters
    ----------
    goal
        What the search is after.
    covering
        The question.
    gap
        Relative gap that is near enough.
    allowance
        When to stop.
    start
        Sites of a plan to begin from, rows of the problem.
    claim
        What makes the linear program of the same question, where it is to be cut: `claims.claim_most`.
    """
    course = begin_course(goal, covering, gap, start)
    course.claim = claim
    approach(course, allowance)
    finish_course(course, allowance)
    return course


def approach(course: Course, allowance: Allowance) -> None:
    """Improve the plan and bound it without solving the question."""
    if course.closed:
        return
    if len(course.small.rows.item) < _SMALL:  # many a small question is closed at the first glance
        course.take(course.goal.polish(course.small, course.chosen, _FEW_ROUNDS, allowance))
        if not course.short:
            bound_course(course, allowance)
            _solve_core(course, allowance, _CORE, most=_FEW)
        if course.closed:
            return
    glanced = course.value
    course.take(course.goal.polish(course.small, course.chosen, _ROUNDS, allowance))
    if course.short:
        _come_closest(course, allowance.part(_FLOOR_WORK))
    if len(course.small.rows.item) < _LARGE:
        if course.guide is None or course.value > glanced:
            bound_course(course, allowance)
        return
    # Neither needs the other, and the kernels of both run beside each other.
    mine, other = allowance.beside(_DUAL_WORK), allowance.beside(_DUAL_WORK)
    with ThreadPoolExecutor(1) as beside:
        better = beside.submit(course.goal.polish, course.small, course.chosen, _LARGE_ROUNDS, other, seed=_LARGE_SEED)
        bound_course(course, mine)
        course.take(better.result())
    allowance.spend(mine.did + other.did)


def finish_course(course: Course, allowance: Allowance) -> None:
    """Close what gap is left by solving the question, in turns that go on until nothing is left of gap or allowance.

    Small cores and annealing bring the plan close to the best one first: the better the plan, the less is left to
    solve. Whatever limit there is, the turns are the same, so that more of them never end with a worse plan.
    """
    while not (course.closed or course.short or course.settled or allowance.up):
        before = allowance.did
        _take_turn(course, allowance)
        course.turns += 1
        if allowance.did == before:  # there is nothing to do
            break
    cutting = course.cutting
    if course.closed and course.by == "solver" and cutting is not None:
        # A few cuts more may prove what the solver says.
        cutting.run(allowance, _CUT_WORK, cutting.claim.wanted - course.value)
        course.by = "tree" if cutting.claim.wanted - cutting.value <= course.bound else "solver"


def begin_course(
    goal: Goal,
    covering: Covering,
    gap: float,
    start: NDArray[np.intp] | None = None,
    small: Covering | None = None,
) -> Course:
    """Return the course at its beginning; `small` is the reduced question, where it is known already."""
    small = goal.reduce(covering) if small is None else small
    course = Course(
        goal=goal,
        covering=covering,
        small=small,
        chosen=goal.start(small),
        bound=float(goal.ceiling(covering)),
        gap=gap,
    )
    if start is not None:
        course.take(np.isin(small.site, start))
    return course


def bound_course(course: Course, allowance: Allowance) -> None:
    """Lower the bound by a dual, and remember what it tells about the columns."""
    guide = course.goal.guide((course.covering, course.small), course.value, allowance, course.guide)
    course.bounded = course.value
    if course.guide is None or guide.bound < course.guide.bound:
        course.guide = guide
    course.lower(guide.bound, "certificate")


def _take_turn(course: Course, allowance: Allowance) -> None:
    """Solve cores of the plan and anneal what they leave; later cut, solve the whole if it can be, and cross plans.

    Where plans are too large to be crossed every turn anneals longer and from another seed than the one before.
    """
    if course.guide is None or course.value > course.bounded:
        bound_course(course, allowance.part(_REBOUND_WORK))
    if course.turns or len(course.small.site) > _CORE:  # a core of a small question is all of it, and soon solved
        _reach_everybody(course, allowance)
    crosses = False
    if not course.turns:
        size = _CORE
        while _solve_core(course, allowance, size):
            size *= 2
    else:
        _cut(course, allowance)
        _solve_whole(course, allowance)
        crosses = _cross_plans(course, allowance)
    if not (crosses or course.closed):
        _anneal(course, allowance, _LONG_ROUNDS << min(course.turns, _MOST_DOUBLED))


def _reach_everybody(course: Course, allowance: Allowance) -> None:
    """Search for a plan that leaves nobody out, where no bound says that there is none."""
    if not course.closed and course.may_reach_everybody:
        course.take(_anew(course, allowance, course.chosen))


def _anneal(course: Course, allowance: Allowance, rounds: int) -> None:
    """Anneal the plan from another seed than before, every other time among the likely columns alone."""
    course.seeds += 1
    among = _likely(course) if course.seeds % 2 else course.small
    begun = np.isin(among.site, course.small.site[course.chosen])
    course.take(_columns(course, among, course.goal.polish(among, begun, rounds, allowance, seed=course.seeds)))


def _likely(course: Course) -> Covering:
    """Return the question of the columns alone that the plan opens or the prices make likely."""
    small, guide = course.small, course.guide
    if guide is None:
        return small
    near = course.chosen | (guide.share > _LIKELY)
    near[np.argsort(guide.open_loss, kind="stable")[: _SPARE * int(course.chosen.sum())]] = True
    return course.goal.reduce(fix_columns(small, np.zeros(len(near), np.bool_), ~near))


def _anew(course: Course, allowance: Allowance, begun: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Return a plan from a new beginning, in search of one that leaves nobody out where there may be one."""
    course.seeds += 1
    if not course.may_reach_everybody or (begun is None and len(course.small.site) <= _CORE):
        return course.goal.anew(course.small, _PARENT_ROUNDS, allowance, seed=course.seeds)
    begun = course.goal.start(course.small) if begun is None else begun
    return leave_out_nobody(course.small, begun, allowance.part(_EVERYBODY_WORK), seed=course.seeds)


def _columns(course: Course, left: Covering, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the columns of a plan of what is left of the question."""
    found: NDArray[np.bool_] = np.isin(course.small.site, np.concatenate([left.opened, left.site[chosen]]))
    return found


def _cross_plans(course: Course, allowance: Allowance) -> bool:
    """Anneal some plans anew and cross them, then the best of all turns: what none of them opens is seldom missed.

    Return whether what some open between them is little enough to be solved, and soon: annealing has its turn, too.
    """
    if _PARENTS * len(course.small.columns.of(np.flatnonzero(course.chosen))) > _ENTRIES:
        return False
    for _ in range(_CHILDREN):
        parents = []
        for _ in range(_PARENTS):
            if course.closed or allowance.up:
                return True
            parents.append(_swapped(course, _anew(course, allowance), allowance, _NEAR))
        course.children.append(_swapped(course, _cross(course, parents, allowance), allowance, _WIDE))
        value, before = course.value, allowance.did
        best = _cross(course, [course.chosen, *course.children], allowance)
        hard = allowance.did - before > _EASY * _CORE_WORK * SHARED
        if course.value > value:
            _swapped(course, best, allowance, _WIDE)
        if hard:
            return False
    return True


def _swapped(course: Course, plan: NDArray[np.bool_], allowance: Allowance, each: int) -> NDArray[np.bool_]:
    """Return the best plan of what it opens and so many columns a site beside, from there again until none is better.

    The best plan of all is kept.
    """
    while not (course.closed or allowance.up):
        better = _best_among(course, plan, _near(course, plan, each), allowance)
        if course.goal.measure(course.small, better) == course.goal.measure(course.small, plan):
            break
        plan = better
    return plan


def _near(course: Course, plan: NDArray[np.bool_], each: int) -> NDArray[np.bool_]:
    """Return what a plan opens and so many columns a site that could be swapped in at the least loss."""
    near = np.zeros(len(plan), np.bool_)
    near[np.argsort(swap_losses(course.small, plan), kind="stable")[: (1 + each) * int(plan.sum())]] = True
    return near


def _cross(course: Course, plans: list[NDArray[np.bool_]], allowance: Allowance) -> NDArray[np.bool_]:
    """Return the best plan of what some plans open between them, as near as the work allows, and keep it if better."""
    measured = [course.goal.measure(course.small, plan) for plan in plans]
    best = max(range(len(plans)), key=lambda k: (-measured[k][0], measured[k][1]))
    return _best_among(course, plans[best], np.any(plans, axis=0) & ~np.all(plans, axis=0), allowance)


def _best_among(
    course: Course, plan: NDArray[np.bool_], core: NDArray[np.bool_], allowance: Allowance
) -> NDArray[np.bool_]:
    """Return the best plan that differs from this one in a core alone, as near as the work allows; keep it if best."""
    child = replace(course, chosen=plan)
    _solve_small(child, core, allowance, near=0.0)
    course.take(child.chosen)
    return child.chosen


def _cut(course: Course, allowance: Allowance) -> None:
    """Lower the bound by the linear program and its cuts, and remember what they tell about the columns."""
    if course.closed or course.claim is None or course.guide is None or len(course.covering.rows.item) > _CUT_ENTRIES:
        return
    if course.resting or (is_cut_in_parts(course.covering) and course.turns < _LATE):
        course.resting = max(course.resting - 1, 0)
        return
    before = course.bound
    cutting = course.cutting = course.cutting or begin_to_cut(course.claim(), course.covering, course.guide.dual)
    everybody = cutting.claim.wanted
    cutting.run(allowance, _CUT_WORK, everybody - course.value)
    bound = everybody - cutting.value
    if bound < course.guide.bound and not isinstance(cutting, PartedCutting):
        place = np.searchsorted(cutting.claim.sites, course.small.site, sorter=np.argsort(cutting.claim.sites))
        place = np.argsort(cutting.claim.sites)[place]
        share, opened, closed = (each[place] for each in cutting.sites)
        course.guide = course.guide._replace(bound=bound, share=share, open_loss=opened, close_loss=closed)
    course.lower(bound, "tree")
    if before - course.bound < _CUT_PAYS * (before - course.value):
        course.resting = _CUT_RESTS


def _solve_core(course: Course, allowance: Allowance, size: int, most: float = math.inf) -> bool:
    """Solve a core of about this size, and at most that; return whether a larger one is worth a try."""
    if course.closed or course.guide is None or allowance.up:
        return False
    core, complete = _core(course, course.guide, size)
    if core.sum() > most:
        return False
    return _solve_small(course, core, allowance, complete=complete) and not complete


def _solve_small(
    course: Course, core: NDArray[np.bool_], allowance: Allowance, *, complete: bool = False, near: float = _CORE_GAP
) -> bool:
    """Solve a core; return whether it was solved to the end, and was little enough for a try."""
    left = _left(course, core)
    if len(left.rows.item) > _ENTRIES * _CORE_WORK**_ENTRIES_POWER:
        return False
    return _settle(course, left, allowance.part(_CORE_WORK), complete=complete, near=near)


def _solve_whole(course: Course, allowance: Allowance) -> None:
    """Solve all that the bound does not rule out, where it is little enough; twice as long as what did not end.

    As long as turns bring better plans, the next one may leave less to solve: only what is soon solved is tried.
    """
    if course.closed or course.guide is None:
        return
    better, course.before = course.value > course.before, course.value
    work = _SOON_WORK if better else _WHOLE_WORK * 2.0**course.attempts
    left = _left(course, _core(course, course.guide, len(course.chosen))[0])
    if len(left.rows.item) <= _ENTRIES * work**_ENTRIES_POWER:
        solved = _settle(course, left, allowance.part(work), complete=True)
        course.attempts += not (better or solved)


def _left(course: Course, core: NDArray[np.bool_]) -> Covering:
    """Return the question of a core: all other columns stay as the plan has them."""
    return course.goal.reduce(fix_columns(course.small, course.chosen & ~core, ~core & ~course.chosen))


def _core(course: Course, guide: Guide, size: int) -> tuple[NDArray[np.bool_], bool]:
    """Return so many columns that are likeliest to change, and whether they are all that could make a better plan."""
    share = guide.share > 0.5  # noqa: PLR2004 -- a plan that is not fractional
    possible = _possible(course, guide)
    differs = course.chosen != share
    loss = np.where(share, guide.close_loss, guide.open_loss)
    loss[differs] = -1.0
    order = np.argsort(np.where(possible, loss, np.inf), kind="stable")
    core = np.zeros(len(possible), np.bool_)
    size = max(size, int(differs.sum()))
    core[order[: size if possible.sum() > _NEARLY_ALL * size else len(order)]] = True
    core &= possible
    return core, bool((core == possible).all())


def _possible(course: Course, guide: Guide) -> NDArray[np.bool_]:
    """Return which columns may change in a plan that is better."""
    margin = guide.bound + abs(guide.bound) * SUMS - course.better
    possible: NDArray[np.bool_] = np.where(course.chosen, guide.close_loss, guide.open_loss) <= margin
    return possible


def _settle(course: Course, left: Covering, allowance: Allowance, *, complete: bool, near: float = _CORE_GAP) -> bool:
    """Solve what is left to decide; return whether it was solved to the end."""
    if not len(left.site):
        # Nothing but the plan there is keeps to what the bound has decided.
        course.take(np.isin(course.small.site, left.opened))
        if complete:
            course.lower(float(course.better - 1), "solver")
            course.settled = True
        return True
    program = course.goal.program(left)
    # A core only has to bring a better plan; of the complete question nothing may be left.
    enough = 1 - 1e-6 if complete else max(near * (course.bound - course.value), 1 - 1e-6)
    unit = course.goal.unit(left)
    effort = Effort(allowance=allowance, gap=course.gap, gap_absolute=enough / unit, bound_only=True)
    begun = solution_of(left, program, np.isin(left.site, course.small.site[course.chosen]))
    answer = solve_program(program, effort, begun)
    if answer.values is not None:
        course.take(_columns(course, left, columns_of(left, program, answer.values)))
    if complete:
        bound = answer.bound * unit if program.maximise else -answer.bound * unit
        course.lower(max(bound, float(course.better - 1)), "solver")
    missing = abs(answer.bound - answer.objective)
    solved = missing <= max(effort.gap_absolute, course.gap * abs(answer.objective)) * 1.01
    course.settled = complete and solved
    return solved


def _come_closest(course: Course, allowance: Allowance) -> None:
    """Find a plan that covers what it has to, or for most people the one that comes closest to its floors."""
    small, floors = course.small, course.goal.maximises_people
    program = fall_short_least(small) if floors else course.goal.program(small)
    answer = solve_program(program, Effort(allowance=allowance, gap_absolute=(1 - 1e-6) / course.goal.unit(small)))
    if answer.values is not None:
        course.take(columns_of(small, program, answer.values))
    if not floors:
        course.short_at_least = int(answer.infeasible)
    elif math.isfinite(answer.bound):
        course.short_at_least = max(math.ceil(answer.bound * small.solver_weight - 1e-6), 0)
