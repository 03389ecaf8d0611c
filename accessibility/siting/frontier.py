"""What each budget buys, the ceiling no plan of it can pass, one opening order for all; what a floor costs people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from accessibility.errors import InputError, checked
from accessibility.siting.certificate import coverable
from accessibility.siting.covering import keep_columns, limits_left, read_covering, take_columns
from accessibility.siting.covering_course import approach, begin_course, close_gap, finish_course
from accessibility.siting.effort import Allowance
from accessibility.siting.goals import MostPeople
from accessibility.siting.limits import Limits, read_terms, refuse_boundless, refuse_gap
from accessibility.siting.numbers import CLOSE
from accessibility.siting.outcome import cover_plan, refused_plan, status_column
from accessibility.siting.rollout import find_rollout
from accessibility.wording.cards import draw_card, draw_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering, Reading
    from accessibility.siting.covering_course import Course
    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem
    from accessibility.siting.rollout import Rollout


_APPROACH, _FINISH = 0.5, 0.9


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Frontier:
    """People covered against budget.

    Parameters
    ----------
    by
        Whether the budgets are costs or numbers of sites.
    budgets
        ``(k,)`` the budgets, ascending, each once.
    plans
        ``(k,)`` the best plan found within each budget, with its own proof.
    bound_people
        ``(k,)`` no plan within the budget covers more; the bound of a larger budget holds for the smaller ones, too.
        NaN where no plan meets the floors.
    bound_by
        ``(k,)`` how that bound was obtained, as in `SitingPlan`.
    rollout
        One opening order for all budgets.
    ceiling_people
        People covered if every candidate opened that is not ruled out by name.
    seconds
        Wall time.

    Examples
    --------
    >>> from accessibility.siting import Problem, coverage_frontier
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 1, 1], [9, 9, 1]], [30, 10, 20], 5, site_cost=[2, 2, 1])
    >>> frontier = coverage_frontier(problem, budgets=[0, 1, 2, 3])
    >>> frontier.covered_people.tolist(), frontier.ceiling_people
    ([0.0, 20.0, 40.0, 60.0], 60.0)
    """

    by: Literal["budget", "sites"]
    budgets: tuple[float, ...]
    plans: tuple[SitingPlan, ...]
    bound_people: NDArray[np.float64]
    bound_by: tuple[str, ...]
    rollout: Rollout
    ceiling_people: float
    seconds: float

    def __repr__(self) -> str:
        """Return the budgets, and the people covered at the first and the last of them."""
        first, last = self.covered_people[[0, -1]]
        return (
            f"<Frontier of {len(self.budgets)} {'budgets' if self.by == 'budget' else 'numbers of sites'} from"
            f" {self.budgets[0]:,.10g} to {self.budgets[-1]:,.10g}: {first:,.0f} to {last:,.0f} people covered,"
            f" ceiling {self.ceiling_people:,.0f}>"
        )

    def _repr_html_(self) -> str:
        table = self.table()[["budget", "covered_people", "bound_people", "gap", "status", "sites"]]
        curve = draw_steps(self.budgets, self.covered_people, self.bound_people, title="people covered by budget")
        facts = [("ceiling", f"{self.ceiling_people:,.0f} people, if every candidate opened")]
        return draw_card(f"People covered by {self.by}", facts, curve, table=table)

    @property
    def covered_people(self) -> NDArray[np.float64]:
        """``(k,)`` people that the best plan found covers, never fewer than at a smaller budget; NaN where none is."""
        return _covered(self.plans)

    @property
    def nested_people(self) -> NDArray[np.float64]:
        """``(k,)`` people that the one opening order covers within each budget; NaN where the question has no order."""
        nested = [self.rollout.covered_people(**{self.by: budget}) for budget in self.budgets]
        return np.where(self._impossible, np.nan, nested)

    @property
    def _impossible(self) -> NDArray[np.bool_]:
        """``(k,)`` where no plan keeps to the conditions, floors aside."""
        return np.array([plan.status == "infeasible" and not plan.short_people for plan in self.plans])

    def table(self) -> pd.DataFrame:
        """Return one row per budget, the smallest first.

        Returns
        -------
        pandas.DataFrame
            ``budget`` (the number of sites, where these were asked for), ``covered_people``, ``bound_people``, ``gap``,
            ``status``, ``sites``, ``cost`` (of the best plan), ``nested_people``, ``regret_people`` (what following the
            one opening order loses against the best plan; below 0 only where that order does not meet the floors),
            ``bound_by`` and ``message``. Where no plan meets the conditions the people are empty, and the message says
            why.

        Examples
        --------
        >>> frontier.table()[["budget", "covered_people", "status"]].to_dict("records")[-1]
        {'budget': 3.0, 'covered_people': 60.0, 'status': 'optimal'}
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        covered, bound, nested = self.covered_people, self.bound_people, self.nested_people
        hair = 2 * CLOSE * np.abs(covered)
        return pd.DataFrame(
            {
                "budget": np.array(self.budgets),
                "covered_people": covered,
                "bound_people": bound,
                "gap": np.abs(bound - covered) / np.maximum(1.0, np.abs(covered)),
                "status": status_column(self.plans, bound, covered),
                "sites": np.array([len(plan.selected) for plan in self.plans]),
                "cost": np.array([plan.cost for plan in self.plans]),
                "nested_people": nested,
                "regret_people": np.where(np.abs(covered - nested) <= hair, 0.0, covered - nested),
                "bound_by": pd.Series(list(self.bound_by), dtype=object),
                "message": pd.Series([plan.message for plan in self.plans], dtype=object),
            }
        )


@checked
def coverage_frontier(
    problem: Problem,
    *,
    budgets: Iterable[float] | None = None,
    sites: Iterable[int] | None = None,
    conditions: Conditions | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> Frontier:
    """Return how many people each budget can cover, and how many none can.

    The question is reduced once for the largest budget. Every budget begins with the plan of the one before it; all of
    them are bounded before any is solved exactly, which happens where the bound leaves something open and as far as the
    time allows.

    Parameters
    ----------
    problem
        People, candidates and what is covered today.
    budgets, sites
        Greatest total costs, or greatest numbers of sites: one of the two. Taken in ascending order, each once.
    conditions
        What every plan keeps to, as in `solve_mclp`.
    time_limit_s
        Wall seconds for the whole curve; without any the search ends by its work, and the same on every machine.
    gap
        Relative gap between plan and bound that is near enough to stop.

    Returns
    -------
    Frontier
        Covered people never fall with the budget, nor do bounds, and no bound is below what is covered.

    Raises
    ------
    InputError
        Both or neither of budgets and sites, none in the list, negative ones, some that are no finite number,
        conditions about what is not there.

    Examples
    --------
    >>> from accessibility.siting import Problem, coverage_frontier
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 1, 1], [9, 9, 1]], [30, 10, 20], 5, site_cost=[2, 2, 1])
    >>> coverage_frontier(problem, budgets=[0, 1, 2, 3]).table()[["budget", "covered_people", "bound_people"]]
       budget  covered_people  bound_people
    0     0.0             0.0           0.0
    1     1.0            20.0          20.0
    2     2.0            40.0          40.0
    3     3.0            60.0          60.0
    """
    allowance = Allowance(limit_s=time_limit_s)
    refuse_gap(gap)
    several = _several(budgets, sites, conditions)
    readings = _read(problem, several)
    courses = _begin(readings, gap)
    _approach(courses, allowance.part(_APPROACH))
    _finish(courses, allowance.first(_FINISH))
    by: Literal["budget", "sites"] = "budget" if sites is None else "sites"
    steps = tuple(_asked(limits) for limits in several)
    possible = [k for k, reading in enumerate(readings) if not reading.terms.contradiction]
    rollout = find_rollout(problem, [courses[k] for k in possible], allowance)
    for step, course in zip(steps, courses, strict=True):
        # Where time was short the one order may hold a better plan than the search found for this budget.
        opened = problem.rows(rollout.order[: rollout.opened(**{by: step})])
        course.take(np.isin(course.small.site, opened))
    plans = tuple(
        _plan(problem, limits, reading, course, allowance)
        for limits, reading, course in zip(several, readings, courses, strict=True)
    )
    bound, bound_by = _tightened(plans)
    return Frontier(
        by=by,
        budgets=steps,
        plans=plans,
        bound_people=bound,
        bound_by=bound_by,
        rollout=rollout,
        ceiling_people=float(problem.people[coverable(problem, several[-1].conditions)].sum()),
        seconds=allowance.spent_s,
    )


def _several(
    budgets: Iterable[float] | None, sites: Iterable[int] | None, conditions: Conditions | None
) -> list[Limits]:
    """Return the limits of each budget, the smallest first."""
    if (budgets is None) == (sites is None):
        found = "neither budgets nor sites are given" if budgets is None else "budgets and sites are both given"
        msg = f"{found}; expected a list of one of the two"
        raise InputError(msg)
    name, given = ("budgets", budgets) if sites is None else ("sites", sites)
    try:
        values: list[Any] = list(given)  # type: ignore[arg-type]  # what cannot be iterated is told below
    except TypeError as error:
        msg = f"{name} is {given!r}; expected a list of numbers"
        raise InputError(msg) from error
    asked = [
        Limits.of(None, value, conditions) if sites is None else Limits.of(value, None, conditions) for value in values
    ]
    endless = [value for value, limits in zip(values, asked, strict=True) if limits.sites is limits.budget is None]
    if endless or not asked:
        msg = f"{name} {'hold an infinite number' if endless else 'are an empty list'}; expected finite numbers"
        raise InputError(msg)
    first = {_asked(limits): limits for limits in asked}
    return [first[value] for value in sorted(first)]


def _asked(limits: Limits) -> float:
    found = limits.sites if limits.budget is None else limits.budget
    return 0 if found is None else found


def _read(problem: Problem, several: Sequence[Limits]) -> list[Reading]:
    """Return the readings of every budget: rows are merged once, for the largest one."""
    whole = read_covering(problem, several[-1])
    return [_tighter(problem, whole, limits) for limits in several[:-1]] + [whole]


def _tighter(problem: Problem, whole: Reading, limits: Limits) -> Reading:
    """Return the same reading under tighter limits: candidates that are too dear go, rows stay."""
    terms = read_terms(problem, limits)
    covering = whole.covering
    stays = terms.allowed[covering.site]
    most, budget = limits_left(problem, limits, terms, covering.site[stays])
    if not stays.all():
        covering = keep_columns(covering, stays)
    return replace(whole, terms=terms, covering=replace(covering, most=most, budget=budget))


def _begin(readings: Sequence[Reading], gap: float) -> list[Course]:
    """Return the courses at their beginning; the question of the largest budget is reduced for all of them.

    Whoever is superfluous there is so under any budget: another one covers as much and costs no more.
    """
    goal = MostPeople()
    small = goal.reduce(readings[-1].covering)
    return [begin_course(goal, reading.covering, gap, small=_smaller(small, reading.covering)) for reading in readings]


def _smaller(small: Covering, covering: Covering) -> Covering:
    """Return the reduced question of the largest budget under the limits of a smaller one."""
    return take_columns(replace(small, most=covering.most, budget=covering.budget), np.isin(small.site, covering.site))


def _approach(courses: Sequence[Course], allowance: Allowance) -> None:
    """Improve and bound every plan, each from the plan of the budget before it."""
    for place, course in enumerate(courses):
        if place:
            _carry_over(courses[place - 1], course)
        approach(course, allowance.part(1.0 / (len(courses) - place)))


def _finish(courses: Sequence[Course], allowance: Allowance) -> None:
    """Solve what the bounds leave open, every budget for its share in turn, until the allowance is spent."""
    before = -1.0
    while before < allowance.did and not allowance.up:
        before = allowance.did
        for place, course in enumerate(courses):
            if place:
                _carry_over(courses[place - 1], course)
            finish_course(course, allowance.part(1.0 / len(courses)))


def _carry_over(smaller: Course, course: Course) -> None:
    """Let a budget have the plan of a smaller one where that is better."""
    course.take(np.isin(course.small.site, smaller.small.site[smaller.chosen]))


def _plan(problem: Problem, limits: Limits, reading: Reading, course: Course, allowance: Allowance) -> SitingPlan:
    if reading.terms.contradiction:
        return refused_plan(problem, limits, "mclp", reading.terms.contradiction)
    return cover_plan(problem, limits, reading, course, allowance)


def _covered(plans: Sequence[SitingPlan]) -> NDArray[np.float64]:
    covered = np.array([plan.objective for plan in plans])
    met = np.array([plan.status != "infeasible" for plan in plans])
    # Plans are carried over; the same people summed in another order may differ in the last digit.
    return np.where(met, np.maximum.accumulate(np.where(met, covered, -np.inf)), np.nan)


def _tightened(plans: Sequence[SitingPlan]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the bound of every budget, no larger than that of a larger one, and how it was obtained."""
    bound, by = np.full(len(plans), np.nan), [""] * len(plans)
    least, who = np.inf, ""
    for place in range(len(plans) - 1, -1, -1):
        plan = plans[place]
        if plan.status == "infeasible":
            continue
        if plan.bound < least:
            least, who = plan.bound, plan.bound_by
        bound[place], by[place] = least, who
    return np.maximum(bound, _covered(plans)), tuple(by)


_FLOORS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class FloorPrice:
    """People covered against the least share of its people that every district has covered.

    Parameters
    ----------
    floors
        ``(k,)`` the floors, ascending, each once.
    free
        The best plan without a floor.
    plans
        ``(k,)`` the best plan found for each floor, with its own proof; the one that falls short least where no plan
        meets the floor.
    bound_people
        ``(k,)`` no plan that meets the floor covers more; what bounds a lower floor bounds the higher ones, too. NaN
        where none meets it.
    seconds
        Wall time.

    Examples
    --------
    >>> from accessibility.siting import Problem, floor_price
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 9, 1]], [30, 10, 20], 5, district=["A", "A", "B"])
    >>> price = floor_price(problem, [0.0, 0.5], sites=2)
    >>> price
    <FloorPrice of 2 floors, 2 of them met; 0 people for 0.5>
    """

    floors: tuple[float, ...]
    free: SitingPlan
    plans: tuple[SitingPlan, ...]
    bound_people: NDArray[np.float64]
    seconds: float

    def __repr__(self) -> str:
        """Return the floors, and what the highest one that can be met costs."""
        prices = self.table().dropna(subset="price_people")
        end = (
            "" if prices.empty else f"; {prices['price_people'].iloc[-1]:,.0f} people for {prices['floor'].iloc[-1]:g}"
        )
        return f"<FloorPrice of {len(self.floors)} floors, {len(prices)} of them met{end}>"

    def table(self) -> pd.DataFrame:
        """Return one row per floor, the lowest first.

        Returns
        -------
        pandas.DataFrame
            ``floor``, ``covered_people``, ``bound_people``, ``price_people`` (people lost against the best plan without
            a floor), ``price_at_least`` and ``price_at_most`` (what the two bounds leave open of it), ``status``,
            ``short_people`` (how many are missing where no plan meets the floor), ``sites``, ``cost`` and ``message``.
            People and prices are empty where no plan meets the floor, and the message says how many people are missing
            where; the status is ``unproven`` where the search was cut short before either was known.

        Examples
        --------
        >>> price.table()[["floor", "price_people", "short_people"]].to_dict("records")[0]
        {'floor': 0.0, 'price_people': 0.0, 'short_people': 0.0}
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        covered, bound = _covered_with(self.plans), self.bound_people
        return pd.DataFrame(
            {
                "floor": np.array(self.floors),
                "covered_people": covered,
                "bound_people": bound,
                "price_people": self.free.objective - covered,
                "price_at_least": np.maximum(self.free.objective - bound, 0.0),
                "price_at_most": self.free.bound - covered,
                "status": status_column(self.plans, bound, covered),
                "short_people": np.array([float(sum(plan.short_people.values())) for plan in self.plans]),
                "sites": np.array([len(plan.selected) for plan in self.plans]),
                "cost": np.array([plan.cost for plan in self.plans]),
                "message": pd.Series([plan.message for plan in self.plans], dtype=object),
            }
        )


@checked
def floor_price(
    problem: Problem,
    floors: Iterable[float] = _FLOORS,
    *,
    sites: int | None = None,
    budget: float | None = None,
    conditions: Conditions | None = None,
    time_limit_s: float | None = None,
) -> FloorPrice:
    """Return how many people fewer are covered when every district has to have a share of its own covered.

    Parameters
    ----------
    problem
        People with their districts, candidates and what is covered today. Without districts everybody is one.
    floors
        Least shares, 0 to 1. Told in ascending order, each once.
    sites, budget
        Greatest number of sites, greatest total cost; at least one of them.
    conditions
        What every plan keeps to beside. Its own `Conditions.floor` is left out; single districts in `Conditions.floors`
        keep theirs.
    time_limit_s
        Wall seconds for all floors together; without any the search ends by its work, and the same on every machine.

    Returns
    -------
    FloorPrice
        People covered never rise with the floor, nor do bounds.

    Raises
    ------
    InputError
        Neither a number of sites nor a budget, no floors, floors that are no shares.

    Examples
    --------
    >>> from accessibility.siting import Problem, floor_price
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 9, 1]], [30, 10, 20], 5, district=["A", "A", "B"])
    >>> floor_price(problem, [0.0, 0.5], sites=1).table()[["floor", "covered_people", "price_people", "short_people"]]
       floor  covered_people  price_people  short_people
    0    0.0            40.0           0.0           0.0
    1    0.5             NaN           NaN          10.0
    """
    allowance = Allowance(limit_s=time_limit_s)
    limits = Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    several = [_floored(limits, floor) for floor in (0.0, *_ascending(floors))]
    plans: list[SitingPlan] = []
    # From the highest floor down: what meets it meets the lower ones, too.
    for left, asked in zip(range(len(several), 0, -1), reversed(several), strict=True):
        known = plans[-1] if plans and plans[-1].status != "infeasible" else None
        plans.append(_solve(problem, asked, known, allowance.part(1.0 / left)))
    free, *found = reversed(plans)
    return FloorPrice(
        floors=tuple(asked.conditions.floor for asked in several[1:]),
        free=free,
        plans=tuple(found),
        bound_people=_bounds([free, *found])[1:],
        seconds=allowance.spent_s,
    )


def _ascending(floors: Iterable[float]) -> list[float]:
    try:
        given = sorted({float(floor) for floor in floors})
    except (TypeError, ValueError) as error:
        msg = f"floors is {floors!r}; expected a list of shares from 0 to 1"
        raise InputError(msg) from error
    if not given:
        msg = "floors is an empty list; expected shares from 0 to 1"
        raise InputError(msg)
    return given


def _floored(limits: Limits, floor: float) -> Limits:
    return replace(limits, conditions=replace(limits.conditions, floor=floor))


def _solve(problem: Problem, limits: Limits, known: SitingPlan | None, allowance: Allowance) -> SitingPlan:
    """Return the best plan under the limits, beginning from one that is known to keep to them."""
    reading = read_covering(problem, limits)
    if reading.terms.contradiction:
        return refused_plan(problem, limits, "mclp", reading.terms.contradiction)
    begun = None if known is None else problem.rows(known.selected)
    course = close_gap(MostPeople(), reading.covering, 0.0, allowance, begun)
    return cover_plan(problem, limits, reading, course, allowance)


def _covered_with(plans: Sequence[SitingPlan]) -> NDArray[np.float64]:
    """Return the people covered under each floor, never more than under a lower one; NaN where none meets it."""
    covered = np.array([np.nan if plan.status == "infeasible" else plan.objective for plan in plans])
    # Plans are carried over; the same people summed in another order may differ in the last digit.
    return np.fmax.accumulate(covered[::-1])[::-1] + 0.0 * covered


def _bounds(plans: Sequence[SitingPlan]) -> NDArray[np.float64]:
    """Return the bound of each floor, no larger than that of a lower one."""
    bound = np.array([np.nan if plan.status == "infeasible" else plan.bound for plan in plans])
    return np.maximum(np.fmin.accumulate(bound), _covered_with(plans)) + 0.0 * bound
