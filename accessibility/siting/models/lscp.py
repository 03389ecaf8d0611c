"""Cover everybody who can be covered, or a share of all people, at least cost: location set covering."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError, checked, spell_number
from accessibility.siting.certificate import coverable, floor_people, whole_people
from accessibility.siting.covering import read_covering
from accessibility.siting.covering_course import begin_course, close_gap
from accessibility.siting.effort import Allowance
from accessibility.siting.goals import LeastCost, MostPeople
from accessibility.siting.limits import TOTAL, Limits, refuse_gap
from accessibility.siting.outcome import (
    cover_plan,
    ended,
    is_unproven,
    refuse_unproven,
    refused_plan,
    short_plan,
    spend_plan,
)

if TYPE_CHECKING:
    from accessibility.siting.covering import Covering, Reading
    from accessibility.siting.covering_course import Course
    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem

_LOOK = 0.5


@checked
def solve_lscp(
    problem: Problem,
    *,
    sites: int | None = None,
    budget: float | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    conditions: Conditions | None = None,
) -> SitingPlan:
    """Return the sites of least total cost that cover everybody who can be covered.

    People out of reach of every candidate are reported in the plan's message and do not make the question infeasible.
    Where all costs are 1 the plan has the fewest sites.

    Parameters
    ----------
    problem
        People, candidates and what is covered today.
    sites, budget
        Greatest number of sites and greatest total cost, where there are such limits. Where they are too small: status
        ``infeasible``, the people short, and the plan within the limits that covers most.
    time_limit_s
        Wall seconds, those of compiling apart; without any the search ends by its work, and the same on every machine.
    gap
        Relative gap between cost and bound that is near enough to stop.
    conditions
        Quotas, spacing, exclusive sites, floors by district, sites that must or must not open.

    Returns
    -------
    SitingPlan
        Its objective is the cost.

    Raises
    ------
    InputError
        Limits that are negative or not a number, conditions about what is not there.
    UnprovenError
        Where no plan that covers everybody was found in time, and none was proven impossible.

    References
    ----------
    C. Toregas, R. Swain, C. ReVelle, L. Bergman: The location of emergency service facilities. Operations Research 19,
    1971, 1363-1373.

    Examples
    --------
    >>> from accessibility.siting import Problem, solve_lscp
    >>> problem = Problem.from_costs([[100, 900, 2000], [950, 200, 300]], [30, 10, 20], cutoff=900, site_cost=[1, 3])
    >>> solve_lscp(problem).selected
    (0, 1)
    """
    return _spend(problem, Limits.of(sites, budget, conditions), None, gap, Allowance(limit_s=time_limit_s))


@checked
def solve_partial(
    problem: Problem,
    reach: float = 0.95,
    *,
    budget: float | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    conditions: Conditions | None = None,
) -> SitingPlan:
    """Return the sites of least total cost with which a share of all people is covered.

    Parameters
    ----------
    problem
        People, candidates and what is covered today.
    reach
        Share of all people, covered or not, reached or not, 0 to 1.
    budget
        Greatest total cost, where there is one.
    time_limit_s, gap, conditions
        As in `solve_lscp`.

    Returns
    -------
    SitingPlan
        Where the share is out of reach: status ``infeasible``, the people short, and the plan that covers most.

    Raises
    ------
    InputError
        A share that is none, a negative budget, conditions about what is not there.
    UnprovenError
        Where no plan that reaches the share was found in time, and none was proven impossible.

    References
    ----------
    M. S. Daskin, S. H. Owen: Two new location covering problems: the partial p-center problem and the partial set
    covering problem. Geographical Analysis 31, 1999, 217-235.

    Examples
    --------
    >>> from accessibility.siting import Problem, solve_partial
    >>> problem = Problem.from_costs([[100, 900, 2000], [950, 200, 300]], [30, 10, 20], cutoff=900, site_cost=[1, 3])
    >>> solve_partial(problem, 0.6)
    <SitingPlan partial: 1 sites for 1, objective 1, bound 1, gap 0.00 %, optimal>
    """
    if not 0 <= reach <= 1:
        msg = f"reach is {spell_number(reach)}; expected a share of all people from 0 to 1"
        raise InputError(msg)
    return _spend(problem, Limits.of(None, budget, conditions), float(reach), gap, Allowance(limit_s=time_limit_s))


def _spend(problem: Problem, limits: Limits, share: float | None, gap: float, allowance: Allowance) -> SitingPlan:
    """Return the plan of least cost; without a share everybody who can be covered has to be."""
    refuse_gap(gap)
    reading = read_covering(problem, limits)
    if reading.terms.contradiction:
        refused = refused_plan(problem, limits, "lscp" if share is None else "partial", reading.terms.contradiction)
        return replace(refused, target_share=share)
    wanted = _wanted(problem, limits, share)
    enough = problem.people_units.least(wanted)
    goal, covering = _goal(reading.covering, share, enough)
    start = None
    if not _easily_met(goal, covering, reading.covering, enough):
        cover = close_gap(MostPeople(), reading.covering, 0.0, allowance.part(_LOOK))
        if cover.short or cover.value < enough:
            return _after_all(problem, limits, reading, (goal, covering, gap, cover), (share, wanted, allowance))
        start = cover.sites
    course = close_gap(goal, covering, gap, allowance, start)
    return spend_plan(problem, limits, reading, course, share, allowance)


def _after_all(
    problem: Problem,
    limits: Limits,
    reading: Reading,
    search: tuple[LeastCost, Covering, float, Course],
    asked: tuple[float | None, float, Allowance],
) -> SitingPlan:
    """Return the plan that comes closest where it is proven that none does what is asked; otherwise look for one.

    Raises
    ------
    UnprovenError
        Where neither is known in the end.
    """
    goal, covering, gap, cover = search
    share, _, allowance = asked
    closest = _out_of_reach(problem, limits, reading, cover, asked)
    if not is_unproven(closest):
        return closest
    course = close_gap(goal, covering, gap, allowance, cover.sites)
    if not course.short:
        return spend_plan(problem, limits, reading, course, share, allowance)
    cover.short_at_least = max(cover.short_at_least, course.short_at_least)
    closest = _out_of_reach(problem, limits, reading, cover, asked)
    refuse_unproven(closest)
    return closest


def _wanted(problem: Problem, limits: Limits, share: float | None) -> float:
    """Return how many people have to be covered."""
    if share is None:
        return float(problem.people[coverable(problem, limits.conditions)].sum())
    return whole_people(problem, share * problem.population)


def _goal(covering: Covering, share: float | None, enough: int) -> tuple[LeastCost, Covering]:
    """Return what to search for, and the covering to search it in: where every row counts, all count alike."""
    if share is not None:
        return LeastCost(reach=enough), covering
    rows = len(covering.weight)
    alike = replace(covering, weight=np.ones(rows, np.int64), need=np.zeros(len(covering.need), np.int64), base=0)
    return LeastCost(), alike


def _easily_met(goal: LeastCost, covering: Covering, people: Covering, enough: int) -> bool:
    """Return whether a greedy plan covers what it has to, within the limits."""
    everything = np.ones(len(people.site), np.bool_)
    if people.value(everything) < enough or people.shortage(everything).any():
        return False
    return not begin_course(goal, covering, 0.0).short


def _out_of_reach(
    problem: Problem, limits: Limits, reading: Reading, cover: Course, asked: tuple[float | None, float, Allowance]
) -> SitingPlan:
    """Return the plan that covers most people where that is not enough."""
    share, wanted, allowance = asked
    most = cover_plan(problem, limits, reading, cover, allowance)
    plan = replace(
        most,
        model="lscp" if share is None else "partial",
        target_share=share,
        objective=float(sum(most.costs)),
        multipliers=None,
    )
    at_least = max(problem.people_units.least(wanted) - cover.bound, cover.short_at_least)
    floors = floor_people(problem, plan)
    everybody = {**floors, TOTAL: max(wanted, floors.get(TOTAL, 0.0))}
    return ended(
        problem, short_plan(problem, reading, plan, max(int(at_least), 0), everybody, allowance=allowance), allowance
    )
