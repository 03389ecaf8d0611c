"""What every plan claims, whatever its model, held against the problem itself; no solver takes part."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import UnprovenError
from accessibility.siting.limits import TOUCHING_M, affordable, district_people

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.plan import SitingPlan
    from accessibility.siting.problem import Problem

CLOSE = 1e-9
"""Relative difference that two sums of the same numbers may have."""
PROVEN = 1e-8
"""Relative gap below which a plan and its bound are the same."""


def check_choice(problem: Problem, plan: SitingPlan) -> NDArray[np.bool_]:
    """Return ``(s,)`` which sites count under a plan: those open today, less the closed, and the selected.

    Raises
    ------
    UnprovenError
        A site that may not open, a limit or condition that does not hold, numbers that are not the problem's.
    """
    rows, closed = problem.rows(plan.selected), problem.rows(plan.closed)
    if len(set(rows)) < len(rows) or not problem.candidate[rows].all():
        msg = f"the plan selects {plan.selected}; expected each once, and candidates only"
        raise UnprovenError(msg)
    if len(set(closed)) < len(closed) or not problem.open[closed].all():
        msg = f"the plan closes {plan.closed}; expected each once, and sites that are open"
        raise UnprovenError(msg)
    same("the costs of the selected sites", sum(plan.costs), float(problem.site_cost[rows].sum()))
    saved = float(problem.site_cost[closed].sum())
    if plan.sites_limit is not None and len(rows) > plan.sites_limit:
        msg = f"the plan opens {len(rows)} sites; the limit is {plan.sites_limit}"
        raise UnprovenError(msg)
    if plan.budget is not None and plan.cost - saved > affordable(plan.budget) + CLOSE * saved:
        msg = f"the plan costs {plan.cost - saved:g}; the budget is {plan.budget:g}"
        raise UnprovenError(msg)
    counts = problem.open.copy()
    counts[closed], counts[rows] = False, True
    _check_conditions(problem, plan, counts)
    same("the population", plan.population, float(problem.people.sum()))
    stays = problem.open.copy()
    stays[closed] = False
    same("the people covered before", plan.covered_before, float(problem.people[problem.covered_by(stays)].sum()))
    return counts


def check_gains(problem: Problem, plan: SitingPlan) -> None:
    """Hold the people that each site brings in, in turn, against the problem.

    Raises
    ------
    UnprovenError
        A gain that is not the people newly within the standard.
    """
    counts = problem.open.copy()
    counts[problem.rows(plan.closed)] = False
    covered = problem.covered_by(counts)
    for row, gain in zip(problem.rows(plan.selected), plan.gain, strict=True):
        pairs = slice(problem.start[row], problem.start[row + 1])
        reached = problem.demand[pairs][problem.within[pairs]]
        new = float(problem.people[reached[~covered[reached]]].sum())
        same(f"the people gained by {problem.ids[row]!r}", gain, new)
        covered[reached] = True


def check_floors(problem: Problem, plan: SitingPlan, counts: NDArray[np.bool_]) -> None:
    """Hold the people covered in each district against the floors.

    Raises
    ------
    UnprovenError
        A district with fewer people covered than its floor.
    """
    there = district_people(problem, problem.covered_by(counts))
    for name, people in district_people(problem).items():
        wanted = plan.conditions.floors.get(name, plan.conditions.floor) * people
        if there[name] < wanted * (1 - CLOSE) - CLOSE:
            msg = f"the plan covers {there[name]} people in {name}; its floor is {wanted}"
            raise UnprovenError(msg)


def check_bound(plan: SitingPlan, objective: float, *, least: bool) -> None:
    """Hold a plan's objective against what it is, and its bound and status against each other.

    Parameters
    ----------
    plan
        The plan.
    objective
        Its objective, counted anew.
    least
        Whether the least objective is the best.

    Raises
    ------
    UnprovenError
        Another objective, a bound on the wrong side of it, a plan called optimal though its gap is open.
    """
    same("the objective", plan.objective, objective)
    beyond = plan.bound - objective if least else objective - plan.bound
    if beyond > CLOSE * max(1.0, abs(objective)):
        msg = f"the bound is {plan.bound}, the objective {objective}: a plan cannot be better than its bound"
        raise UnprovenError(msg)
    if plan.status == "optimal" and plan.gap > PROVEN:
        msg = f"the plan is called optimal, but its bound is {plan.bound} and its objective {objective}"
        raise UnprovenError(msg)


def check_nothing(plan: SitingPlan) -> None:
    """Hold a plan that is called infeasible against itself: it opens nothing, and says why.

    Raises
    ------
    UnprovenError
        Sites in it, or no reason.
    """
    if plan.selected or plan.closed or not plan.message:
        msg = f"the plan is called infeasible and selects {plan.selected}, its reason {plan.message!r}; expected none"
        raise UnprovenError(msg)


def same(what: str, claimed: float, counted: float) -> None:
    """Raise `UnprovenError` where two numbers differ by more than rounding."""
    if not math.isclose(claimed, counted, rel_tol=CLOSE, abs_tol=CLOSE):
        msg = f"the plan says that {what} is {claimed}; counted anew it is {counted}"
        raise UnprovenError(msg)


def _check_conditions(problem: Problem, plan: SitingPlan, counts: NDArray[np.bool_]) -> None:
    """Hold the sites that count against what was asked by name."""
    asked, rows = plan.conditions, problem.rows(plan.selected)
    missing = problem.ids[problem.rows(asked.required)[~counts[problem.rows(asked.required)]]]
    against = set(asked.forbidden) & set(plan.selected)
    if len(missing) or against:
        msg = f"the plan leaves out {missing.tolist()}, which are required, and selects {against}, which are forbidden"
        raise UnprovenError(msg)
    for name, most in asked.quotas.items():
        used = int(((problem.kind[rows] == name) | (problem.bank[rows] == name)).sum())
        if used > most:
            msg = f"the plan opens {used} sites of {name!r}; the quota is {most}"
            raise UnprovenError(msg)
    for pair in asked.exclusive:
        both = problem.rows(pair)
        if counts[both].all() and not problem.open[both].all():
            msg = f"the plan has both {pair[0]!r} and {pair[1]!r}, which exclude each other"
            raise UnprovenError(msg)
    _check_spacing(problem, rows, asked.spacing_m)


def _check_spacing(problem: Problem, rows: NDArray[np.intp], spacing_m: float) -> None:
    if spacing_m <= 0 or problem.site_xy is None:
        return
    for a, b in combinations(rows, 2):
        apart = float(np.hypot(*(problem.site_xy[a] - problem.site_xy[b])))
        if apart < spacing_m - TOUCHING_M:
            msg = f"{problem.ids[a]!r} and {problem.ids[b]!r} are {apart:g} m apart; the spacing is {spacing_m:g} m"
            raise UnprovenError(msg)
