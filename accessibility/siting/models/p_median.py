"""The p-median: the sites that make everybody's way, people times cost, shortest in all."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import UnprovenError, checked
from accessibility.siting.counts import Reach, find_cover
from accessibility.siting.effort import Allowance
from accessibility.siting.infeasible import contradictory, refuse_floors, refuse_unreached, short_of_people
from accessibility.siting.limits import (
    Limits,
    limits_of,
    money_left,
    opened_fields,
    read_terms,
    refuse_boundless,
    refuse_gap,
)
from accessibility.siting.median_course import MedianCourse, begin_median, close_median_gap
from accessibility.siting.medians import BUDGET, NUMBER, PACKS, next_whole, read_factors, read_median
from accessibility.siting.numbers import CLOSE
from accessibility.siting.outcome import ended
from accessibility.siting.plan import Prices, SitingPlan, order_by_turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.limits import Terms
    from accessibility.siting.medians import Median
    from accessibility.siting.plan import Conditions
    from accessibility.siting.problem import Problem

_FAR = 1_000.0


@checked
def solve_p_median(
    problem: Problem,
    *,
    sites: int | None = None,
    budget: float | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    conditions: Conditions | None = None,
) -> SitingPlan:
    """Return the sites whose opening makes people times cost least, everybody going to the cheapest open site.

    Every present pair counts, also beyond the cutoff, and so do the sites that are open today. The objective is people
    times cost in all. Sites stand in the order of what each saves when it opens; `gain` is the people newly within the
    standard, which may be 0 for a site that saves much.

    Parameters
    ----------
    problem
        People and costs.
    sites, budget
        How many sites may open at most, and what they may cost; at least one of the two.
    time_limit_s
        Wall seconds, those of compiling apart; then the best plan so far is returned, with the bound so far. Without
        any the search ends by its work, and the same on every machine.
    gap
        Relative gap at which the search may stop; only a closed one is called optimal.
    conditions
        What else the plan has to keep to; floors are about coverage, and refused.

    Returns
    -------
    SitingPlan
        Its objective is people times cost, summed over all demand points.

    Raises
    ------
    InfeasibleError
        People whom no site reaches, open or not.
    InputError
        No limit, limits that are no numbers, floors, conditions that do not fit the problem.
    UnprovenError
        Where not all can be served at once by any plan that the time allowed to find, and none was proven impossible.

    References
    ----------
    S. L. Hakimi: Optimum locations of switching centers and the absolute centers and medians of a graph. Operations
    Research 12, 1964, 450-459. C. ReVelle, R. Swain: Central facilities location. Geographical Analysis 2, 1970, 30-42.

    Examples
    --------
    >>> from accessibility.siting.problem import Problem
    >>> problem = Problem.from_costs([[1, 9, 9], [2, 2, 8], [9, 8, 1]], [10, 20, 30], cutoff=2)
    >>> solve_p_median(problem, sites=2)
    <SitingPlan p-median: 2 sites for 2, objective 90, bound 90, gap 0.00 %, optimal>
    """
    allowance, limits = Allowance(limit_s=time_limit_s), Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    refuse_floors(limits, "p-median")
    refuse_gap(gap)
    refuse_unreached(problem)
    terms = read_terms(problem, limits)
    if terms.contradiction:
        return contradictory(problem, limits, terms, allowance, "p-median")
    median = read_median(problem, limits, terms)
    course = _begin(median, gap, allowance)
    if course is None:
        return short_of_people(problem, limits, terms, allowance, "p-median")
    close_median_gap(course)
    return ended(problem, _plan(problem, limits, terms, course, allowance), allowance, gap)


def median_bound(problem: Problem, plan: SitingPlan) -> float:
    """Return the people times cost that no plan can stay below, as multipliers and prices of a plan prove it.

    Every demand point offers its multiplier. A site earns, of each point that it serves for less than that, the
    difference, and is charged the prices; sites that would lose do not open. What counts anyway is served at its cost.
    Where every number is whole, so is every objective, and the bound is the next whole number.

    Raises
    ------
    UnprovenError
        Multipliers that are missing or no offers, or prices of sets that may open together.
    """
    offers: NDArray[np.float64] | None = plan.multipliers
    if offers is None or len(offers) != len(problem.people) or not (np.isfinite(offers) & (offers >= 0)).all():
        msg = f"the plan has no multiplier of 0 or more for each of the {len(problem.people)} demand points"
        raise UnprovenError(msg)
    limits = limits_of(plan)
    terms = read_terms(problem, limits)
    kept = problem.open.copy()
    kept[terms.required] = True
    nearest = problem.nearest_cost(kept)
    far = np.isinf(nearest)
    served = problem.people * np.where(far, 0.0, nearest)
    offers = np.where(far, offers, np.minimum(offers, served))
    profit = np.minimum(problem.people[problem.demand] * problem.cost - offers[problem.demand], 0.0)
    gross = np.bincount(problem.pair_site, weights=profit, minlength=len(problem.open))
    charged, paid = _charges(problem, plan, terms, limits)
    earned = np.minimum((gross + charged)[terms.allowed], 0.0)
    bound, factors = float(offers.sum() + earned.sum() - paid), read_factors(problem)
    return next_whole(bound / factors.unit) * factors.unit if factors.whole else bound


def order_by_saving(problem: Problem, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return site rows in opening order, and the people newly within the standard of each.

    What saves most people times cost comes first; who is not served yet counts as a thousand times the greatest cost
    away. Ties break by lower cost, then by id, and no order of rows decides.
    """
    factors = read_factors(problem)
    people, cost = factors.people, factors.cost
    far = _FAR * (float(cost.max(initial=0.0)) or 1.0)
    nearest, covered = np.minimum(problem.nearest_cost(problem.open, cost), far), problem.covered.copy()

    def place(row: int) -> tuple[float, float, int, int]:
        """Return what decides the turn of a site: what it saves now, cost, id."""
        pairs = slice(problem.start[row], problem.start[row + 1])
        at = problem.demand[pairs]
        saved = people[at] * np.maximum(nearest[at] - cost[pairs], 0.0)
        return -float(np.sort(saved).sum()), float(problem.site_cost[row]), int(problem.rank[row]), row

    def take(row: int) -> float:
        pairs = slice(problem.start[row], problem.start[row + 1])
        at, reached = problem.demand[pairs], problem.demand[pairs][problem.within[pairs]]
        nearest[at] = np.minimum(nearest[at], cost[pairs])
        gain = float(problem.people[reached[~covered[reached]]].sum())
        covered[reached] = True
        return gain

    return order_by_turn(map(int, rows), place, take)


def _plan(problem: Problem, limits: Limits, terms: Terms, course: MedianCourse, allowance: Allowance) -> SitingPlan:
    median = course.median
    chosen = np.concatenate([terms.required, median.columns[course.inside]])
    order, gains = order_by_saving(problem, chosen)
    counts = problem.open.copy()
    counts[chosen] = True
    objective = float(problem.people @ problem.nearest_cost(counts))
    offers, prices, unit = median.base.copy(), Prices(), median.unit
    if course.offers is not None:
        offers[median.rows] = course.offers.row
        prices = _prices(problem, terms, course.offers.charges(median.room) * unit)
    plan = SitingPlan(
        model="p-median",
        objective=objective,
        bound=min((median.fixed + course.bound) * unit, objective),
        status="feasible",
        seconds=allowance.spent_s,
        bound_by=course.by,
        multipliers=offers * unit,
        prices=prices,
        **opened_fields(problem, limits, order, gains),
    )
    if plan.bound_by == "certificate":
        plan = replace(plan, bound=min(median_bound(problem, plan), objective))
    return replace(plan, bound=objective, status="optimal") if objective - plan.bound <= 2 * CLOSE * objective else plan


def _prices(problem: Problem, terms: Terms, charges: NDArray[np.float64]) -> Prices:
    """Return the charges of the limits by the names that a plan knows them by."""
    packs = list(zip(terms.packs, charges[PACKS:].tolist(), strict=True))
    return Prices(
        site=float(charges[NUMBER]),
        cost=float(charges[BUDGET]) / problem.cost_units.unit,
        quota={pack.quota: price for pack, price in packs if pack.quota and price > 0},
        apart=tuple((tuple(problem.ids[pack.rows]), price) for pack, price in packs if not pack.quota and price > 0),
    )


def _charges(problem: Problem, plan: SitingPlan, terms: Terms, limits: Limits) -> tuple[NDArray[np.float64], float]:
    """Return what the prices of a plan charge each site, and what all sites that may open can be charged together."""
    prices, required = plan.prices, terms.required
    number = math.inf if limits.sites is None else limits.sites - len(required)
    money = math.inf if limits.budget is None else problem.cost_units.amount(money_left(problem, limits, required))
    charged = prices.site + prices.cost * problem.site_cost
    paid = sum(price * room for price, room in ((prices.site, number), (prices.cost, money)) if price > 0)
    apart = {tuple(sorted(problem.rows(ids))): price for ids, price in prices.apart}
    known = {tuple(pack.rows.tolist()) for pack in terms.packs if not pack.quota}
    if not set(apart) <= known or not set(prices.quota) <= set(plan.conditions.quotas):
        sets = [tuple(problem.ids[list(rows)]) for rows in set(apart) - known]
        strange = sorted(map(str, [*(set(prices.quota) - set(plan.conditions.quotas)), *sets]))
        msg = f"the plan charges sites for limits that are not among its conditions: {', '.join(strange)}"
        raise UnprovenError(msg)
    for pack in terms.packs:
        price = prices.quota.get(pack.quota, 0.0) if pack.quota else apart.pop(tuple(pack.rows.tolist()), 0.0)
        charged[pack.rows] += price
        paid += price * (pack.room - int(np.isin(pack.rows, required).sum()))
    return charged, paid


def _begin(median: Median, gap: float, allowance: Allowance) -> MedianCourse | None:
    """Return the course at its beginning; None where nothing serves everybody."""
    bare = np.isinf(median.base)
    bare[median.rows] = False
    if bare.any():
        return None
    course = begin_median(median, gap, allowance)
    if course is not None:
        return course
    cover = find_cover(_bare_reach(median), median.room, allowance)
    if cover.impossible:
        return None
    if cover.chosen is None:
        msg = f"no plan that serves everybody was found within {allowance.limit}, and none was proven impossible"
        raise UnprovenError(msg)
    return begin_median(median, gap, allowance, cover.chosen)


def _bare_reach(median: Median) -> Reach:
    """Return which sites serve each of the rows that nothing else serves."""
    start, site, _ = median.values.by_row
    row = np.repeat(np.arange(len(median.rows)), np.diff(start))
    bare = np.isinf(median.values.base)
    place = np.cumsum(bare) - 1
    asked = bare[row]
    return Reach.of(place[row[asked]], site[asked].astype(np.intp), (int(bare.sum()), len(median.columns)))
