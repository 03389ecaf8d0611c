"""From what the search found to a `SitingPlan`: sites in opening order, the certificate, and a plain sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import UnprovenError
from accessibility.siting.certificate import (
    floor_people,
    format_closest,
    format_lacking,
    format_people,
    lacking_people,
    proven_bound,
)
from accessibility.siting.claim_trees import witnessed
from accessibility.siting.limits import district_people, improvable, least_share, opened_fields
from accessibility.siting.numbers import CLOSE
from accessibility.siting.plan import SPENDING, Prices, SitingPlan, Sizes, order_by_gain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accessibility.siting.covering import Reading
    from accessibility.siting.covering_course import Course
    from accessibility.siting.dual import Dual
    from accessibility.siting.effort import Allowance
    from accessibility.siting.limits import Limits, Terms
    from accessibility.siting.plan import Model
    from accessibility.siting.problem import Problem

WORKED = "its measure of work ended the search; a time limit of some minutes lets it go on instead"


def cover_plan(problem: Problem, limits: Limits, reading: Reading, course: Course, allowance: Allowance) -> SitingPlan:
    """Return the plan that a search for most people ended with."""
    dual = None if course.guide is None else course.guide.dual
    parts = opened_parts(problem, limits, course.sites, reading.terms.required)
    objective = parts["covered_before"] + float(sum(parts["gain"]))
    plan = SitingPlan(
        model="mclp",
        objective=objective,
        bound=np.inf,
        status="feasible",
        seconds=0.0,
        bound_by="certificate",
        sizes=sizes_of(reading, course),
        **parts,
    )
    plan = _certified(problem, reading, plan, dual)
    if dual is not None and plan.bound > objective:
        plan = min(plan, _certified(problem, reading, plan, None), key=lambda p: p.bound)
    found = course.bound * reading.covering.person
    if course.by != "certificate" and found < plan.bound and not problem.people_units.alike(found, plan.bound):
        tree = None if course.by == "solver" or course.cutting is None else course.cutting.tree
        plan = replace(plan, bound=found, bound_by=course.by, trees=() if tree is None else (tree,))
    if course.short:
        return ended(problem, short_plan(problem, reading, plan, course.short_at_least, allowance=allowance), allowance)
    if plan.bound <= objective or problem.people_units.alike(plan.bound, objective):
        plan = replace(plan, bound=objective, status="optimal")
    return ended(problem, replace(plan, message=_message(problem, limits, reading, course)), allowance, course.gap)


def _certified(problem: Problem, reading: Reading, plan: SitingPlan, dual: Dual | None) -> SitingPlan:
    """Return the plan with the bound that a dual proves; without one, what all candidates together cover."""
    multipliers = lifted(problem, reading, priced_share(dual))
    plan = replace(plan, multipliers=multipliers, prices=prices_of(problem, reading, dual))
    return replace(plan, bound=proven_bound(problem, plan))


def spend_plan(
    problem: Problem, limits: Limits, reading: Reading, course: Course, share: float | None, allowance: Allowance
) -> SitingPlan:
    """Return the plan that a search for least cost ended with; it covers what it has to."""
    dual = None if course.guide is None else course.guide.dual
    parts = opened_parts(problem, limits, course.sites, reading.terms.required)
    plan = SitingPlan(
        model="lscp" if share is None else "partial",
        objective=float(sum(parts["costs"])),
        bound=-np.inf,
        status="feasible",
        seconds=0.0,
        target_share=share,
        sizes=sizes_of(reading, course),
        **parts,
    )
    if share is None:
        multipliers, prices = _worth_of_points(problem, course, dual), prices_of(problem, reading, None)
    else:
        multipliers = lifted(problem, reading, priced_share(dual))
        prices = _in_cost(reading, prices_of(problem, reading, dual), dual)
    plan = replace(plan, multipliers=multipliers, prices=prices, bound_by="certificate")
    plan = replace(plan, bound=proven_bound(problem, plan))
    solver = -course.bound * reading.covering.coin
    if course.by == "solver" and solver > plan.bound and not problem.cost_units.alike(solver, plan.bound):
        plan = replace(plan, bound=solver, bound_by="solver")
    if plan.objective <= plan.bound or problem.cost_units.alike(plan.bound, plan.objective):
        plan = replace(plan, bound=plan.objective, status="optimal")
    return ended(problem, replace(plan, message=_beyond(problem)), allowance, course.gap)


def ended(problem: Problem, plan: SitingPlan, allowance: Allowance, gap: float = 0.0) -> SitingPlan:
    """Return the plan with the seconds it took, and what ended its search: a proof, the gap asked for, or a limit."""
    plan = replace(witnessed(problem, plan, allowance), seconds=allowance.spent_s)
    if plan.status == "infeasible":
        return plan
    if plan.status == "optimal":
        return replace(plan, ended_by="proof")
    if plan.gap <= gap:
        return replace(plan, ended_by="gap")
    by = allowance.ended_by
    sentence = f"the time limit of {allowance.limit_s or 0.0:g} s ended the search" if by == "time" else WORKED
    return replace(plan, ended_by=by, message="; ".join(part for part in (plan.message, sentence) if part))


def _worth_of_points(problem: Problem, course: Course, dual: Dual | None) -> NDArray[np.float64]:
    """Return what covering a demand point is worth, in cost: one point of each row stands for all of it."""
    worth = np.zeros(len(problem.people))
    if dual is not None:
        worth[course.small.point] = dual.price * course.small.coin
    return worth


def _in_cost(reading: Reading, prices: Prices, dual: Dual | None) -> Prices:
    """Return prices in people as prices in cost."""
    if dual is None:
        return prices
    each = dual.reach * reading.covering.coin / reading.covering.person
    return Prices(
        site=prices.site * each,
        quota={name: price * each for name, price in prices.quota.items()},
        apart=tuple((sites, price * each) for sites, price in prices.apart),
        reach=each,
    )


def _beyond(problem: Problem) -> str:
    """Return the sentence about people whom nobody could cover; empty where there are none."""
    everyone = problem.covered_by(problem.open | problem.candidate)
    beyond = problem.population - float(problem.people[everyone].sum())
    return (
        f"{format_people(problem, beyond)} people are out of reach of every candidate"
        if beyond > CLOSE * problem.population
        else ""
    )


def refused_plan(problem: Problem, limits: Limits, model: Model, sentence: str) -> SitingPlan:
    """Return the plan that opens nothing because the required sites alone break the limits: no plan is left."""
    parts = opened_parts(problem, limits, np.empty(0, np.intp), np.empty(0, np.intp))
    objective, bound = parts["covered_before"], problem.population
    if model in SPENDING:
        objective, bound = 0.0, 0.0
    elif model == "max-min":
        objective, bound = float(least_share(problem, problem.covered, improvable(problem, limits))), 1.0
    return SitingPlan(
        model=model,
        objective=objective,
        bound=bound,
        status="infeasible",
        seconds=0.0,
        bound_by="enumeration",
        message=sentence,
        **parts,
    )


def opened_parts(
    problem: Problem, limits: Limits, rows: NDArray[np.intp], required: NDArray[np.intp]
) -> dict[str, Any]:
    """Return the fields of a plan that opens these sites; who brings in nobody stays closed, unless required."""
    order, gain = order_by_gain(problem, rows)
    worth_it = (gain > 0) | np.isin(order, required)
    return opened_fields(problem, limits, order[worth_it], gain[worth_it])


def lifted(problem: Problem, reading: Reading, share: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return the priced share of merged rows as that of demand points, alike for all points of a row.

    Without shares only those whom nobody reaches are priced: the bound is then what all candidates together cover.
    """
    # Whom nobody reaches counts for nothing when priced in full; the last row stands for those of no row.
    rows = np.append(reading.covering.rows.lengths == 0, [True]).astype(np.float64)
    if share is not None:
        rows[:-1] = np.clip(share, 0.0, 1.0)
    multipliers = rows[reading.row]
    before = problem.open.copy()
    before[reading.terms.required] = True
    multipliers[problem.covered_by(before)] = 0.0
    return multipliers


def priced_share(dual: Dual | None) -> NDArray[np.float64] | None:
    """Return which share of each row's people is priced."""
    if dual is None:
        return None
    return np.divide(dual.price, dual.worth, out=np.zeros(len(dual.price)), where=dual.worth > 0)


def prices_of(problem: Problem, reading: Reading, dual: Dual | None) -> Prices:
    """Return the prices of limits, in people."""
    covering = reading.covering
    quota, apart = pack_prices(problem, reading.terms, None if dual is None else dual.pack * covering.person)
    if dual is None:
        return Prices(quota=quota, apart=apart)
    floors = zip(district_people(problem), dual.floor, strict=False)
    return Prices(
        site=dual.site * covering.person,
        cost=dual.cost * covering.person / covering.coin,
        quota=quota,
        apart=apart,
        floor={name: float(raised) for name, raised in floors if raised > 0},
    )


def pack_prices(
    problem: Problem, terms: Terms, price: NDArray[np.float64] | None
) -> tuple[dict[str, float], tuple[tuple[tuple[object, ...], float], ...]]:
    """Return the prices of quotas by name, and those of sets of sites that exclude each other."""
    quota: dict[str, float] = {}
    apart: list[tuple[tuple[object, ...], float]] = []
    for place, pack in enumerate(terms.packs):
        full = np.isin(pack.rows, terms.required).sum() >= pack.room
        charge = 0.0 if price is None or full else float(price[place])  # whom a full pack leaves out never opens
        if charge > 0 and pack.quota:
            quota[pack.quota] = charge
        elif charge > 0:
            apart.append((tuple(problem.ids[pack.rows].tolist()), charge))
    return quota, tuple(apart)


def sizes_of(reading: Reading, course: Course) -> Sizes:
    """Return the sizes before and after the reductions."""
    return Sizes(
        points=reading.points,
        candidates=int(reading.terms.allowed.sum()),
        pairs=reading.pairs,
        rows=len(course.small.weight),
        columns=len(course.small.site),
        entries=len(course.small.rows.item),
    )


def refuse_unproven(plan: SitingPlan) -> None:
    """Raise `UnprovenError` where a search was cut short of what it has to cover, and that is not impossible."""
    if is_unproven(plan):
        raise UnprovenError(plan.message)


def is_unproven(plan: SitingPlan) -> bool:
    """Return whether a plan does not do what is asked, and nobody knows whether another one does."""
    return plan.status == "infeasible" and plan.ended_by != "proof"


def status_column(plans: Sequence[SitingPlan], bound: NDArray[np.float64], covered: NDArray[np.float64]) -> Any:
    """Return the status of each of several plans by their people and bounds; ``unproven`` as `is_unproven` says."""
    near = bound - covered <= 2 * CLOSE * np.abs(covered)
    none = np.where([is_unproven(plan) for plan in plans], "unproven", "infeasible")
    return np.where(np.isnan(covered), none, np.where(near, "optimal", "feasible")).astype(object)


def short_plan(
    problem: Problem,
    reading: Reading,
    plan: SitingPlan,
    at_least: int,
    wanted: Mapping[str, float] | None = None,
    *,
    allowance: Allowance,
) -> SitingPlan:
    """Return the plan of a question that asks for more people than any plan covers, and who is short where.

    Where the search was cut short before that was proven, the plan says what ended it; `refuse_unproven` refuses it.

    Parameters
    ----------
    problem, reading
        The question.
    plan
        A plan for most people that comes closest.
    at_least
        Weight that every plan is short of; less than this one is where the search was cut short.
    wanted
        District to the people who have to be covered there; those of the floors where not given.
    allowance
        What the search was allowed.
    """
    opened = problem.open.copy()
    opened[problem.rows(plan.selected)] = True
    asked = floor_people(problem, plan) if wanted is None else wanted
    short = lacking_people(problem, asked, problem.covered_by(opened))
    hair = CLOSE * problem.population
    listed = format_lacking(problem, short)
    missing = sum(short.values())
    all_fall_short = _all_fall_short(problem, reading, asked)
    proven = at_least > 0 or all_fall_short
    if proven:
        closest = at_least * reading.covering.person >= missing - hair
        sentence = format_closest(problem, short, proven=closest)
    else:
        sentence = (
            f"no plan that covers as many people as are asked for was found within {allowance.limit}, and none was"
            f" proven impossible; the closest is short by {listed}"
        )
    # No plan meets the floors, so that prices on them prove nothing: the bound is what all candidates could cover.
    plan = replace(
        plan,
        multipliers=lifted(problem, reading, None),
        prices=prices_of(problem, reading, None),
        status="infeasible",
        ended_by="proof" if proven else allowance.ended_by,
        bound_by="certificate" if all_fall_short else "solver",
        trees=(),
    )
    return replace(plan, bound=proven_bound(problem, plan), short_people=short, message=sentence)


def _all_fall_short(problem: Problem, reading: Reading, asked: Mapping[str, float]) -> bool:
    """Return whether all sites that may open do not cover what is asked for together."""
    opened = problem.open | reading.terms.allowed
    opened[reading.terms.required] = True
    return bool(lacking_people(problem, asked, problem.covered_by(opened)))


def _message(problem: Problem, limits: Limits, reading: Reading, course: Course) -> str:
    """Return the sentence that goes with a plan that opens nothing, or all there is; otherwise an empty one."""
    terms = reading.terms
    if not len(course.sites):
        return _why_none(problem, limits, terms)
    everybody = course.value == reading.covering.base + int(reading.covering.weight.sum())
    every_candidate = int(terms.allowed.sum()) + len(terms.required) == int(problem.candidate.sum())
    return "no further candidate would bring in anybody" if everybody and every_candidate else ""


def _why_none(problem: Problem, limits: Limits, terms: Terms) -> str:
    """Return why a plan opens nothing."""
    cheapest = float(problem.site_cost[problem.candidate].min(initial=np.inf))
    reasons = {
        "everybody is covered already": not problem.people_units.whole[~problem.covered].any(),
        "there is no candidate to open": not problem.candidate.any(),
        "the number of sites is 0, so that none opens": limits.sites == 0,
        f"the budget of {limits.budget or 0:,.10g} pays for no candidate; the cheapest costs {cheapest:,.10g}": (
            limits.budget is not None and cheapest > limits.budget
        ),
        "the conditions leave no candidate to open": not terms.allowed.any(),
    }
    return next((why for why, so in reasons.items() if so), "no candidate covers anybody who is not covered already")
