"""The proposal that a run's folder holds, proved from the inputs: its own sites and figures, not those found again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accessibility.cli.verification import Comparison
from accessibility.errors import AccessibilityError, UnknownSiteError
from accessibility.siting import verify_plan, verify_robust
from accessibility.siting.proofs import gains_in_order
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from accessibility.cli.verification import ToldSiting
    from accessibility.siting import SitingPlan
    from accessibility.study.holding import HeldPlans
    from accessibility.study.proposing import SitingCase


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is known of a proposal, in sentences.

    Parameters
    ----------
    wrong
        Claims that do not hold, with both figures.
    proved
        Claims that hold, whoever made them: counted from the inputs without a solver.
    open
        Claims that rest on the solver, or on the machine that the run was made on.
    """

    wrong: tuple[str, ...] = ()
    proved: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def prove_told(case: SitingCase, told: ToldSiting) -> Proof:
    """Return what of a proposal holds as a manifest tells it.

    Its sites, limits, costs, objective, people covered and status are counted from the inputs. A manifest holds the
    bound but not the evidence for it: that is the evidence of the repeated run, which has to prove this very bound.

    Parameters
    ----------
    case
        The question from the inputs, and the plan that the repeated run found.
    told
        The proposal in the folder.
    """
    try:
        plan = told_plan(case, told)
        verify_plan(case.problem, plan)
    except AccessibilityError as error:
        return Proof(wrong=(f"proposal: {error}",))
    figures = (("cost", told.cost, plan.cost), ("gap", told.gap, plan.gap))
    people = ("people covered", told.covered_people, plan.covered_people)
    both = [Comparison(name=f"proposal: its {name}", told=one, found=other) for name, one, other in (*figures, people)]
    wrong = tuple(str(one) for one in both if not one.equal)
    return Proof(wrong=wrong, **_sentences(plan)) if not wrong else Proof(wrong=wrong)


def prove_held(held: HeldPlans) -> Proof:
    """Return what of the robust plan holds that the repeated run found, which has to be the folder's.

    Its sites, its share in every draw and, where a certificate or a look at every plan proves it, its bound are counted
    from the draws without a solver.
    """
    robust = held.robust
    try:
        verify_robust(held.sample.problems, robust)
    except AccessibilityError as error:
        return Proof(wrong=(f"robust plan: {error}",))
    counted = f"the robust plan ({robust.aim}): its sites and its share in {held.draws:,} draws, seed {held.seed}"
    claim = f"its bound {percent_text(robust.bound)} over these draws ({robust.status})"
    if robust.bound_by == "solver":
        word = "from branch and bound, not verified independently; found again"
        return Proof(proved=(counted,), open=(f"robust plan: {claim}: {word}",))
    return Proof(proved=(f"{counted}; {claim}, by {robust.bound_by} of the draws at their weights",))


def told_plan(case: SitingCase, told: ToldSiting) -> SitingPlan:
    """Return the plan that a manifest describes, as an answer to the question of a case.

    What a manifest does not hold, the multipliers and prices of a certificate and whom an infeasible plan is short of,
    is that of the case's plan.
    """
    problem = case.problem
    known = {str(site): site for site in problem.ids.tolist()}
    selected, closed = (tuple(known.get(site, site) for site in ids) for ids in (told.selected, told.closed))
    plan = replace(
        case.plan,
        model=told.model,
        selected=selected,
        closed=closed,
        gain=(0.0,) * len(selected),
        costs=tuple(_cost(case, site) for site in selected),
        sites=None,
        objective=math.inf if told.objective is None else told.objective,
        bound=math.inf if told.bound is None else told.bound,
        status=told.status,
        bound_by=told.bound_by,
        ended_by=told.ended_by,
        message=told.message,
    )
    try:
        gains, before = gains_in_order(problem, plan), problem.open.copy()
        before[problem.rows(closed)] = False
    except UnknownSiteError:
        return plan  # it names the site when it is checked
    units = problem.people_units
    covered = units.amount(units.sum(problem.covered_by(before)))
    return replace(plan, gain=tuple(gains), covered_before=covered)


def _cost(case: SitingCase, site: object) -> float:
    try:
        return float(case.problem.site_cost[case.problem.rows([site])[0]])
    except UnknownSiteError:
        return math.nan


def _sentences(plan: SitingPlan) -> dict[str, tuple[str, ...]]:
    """Return what is proved and what is open of a plan that was checked."""
    counted = f"the folder's proposal ({plan.model}): its sites, cost, limits and people, counted without a solver"
    if plan.status == "infeasible":
        claim, word = (
            "that no plan does what is asked",
            "from branch and bound, not verified independently; found again",
        )
        proved: tuple[str, ...] = (counted,)
    else:
        claim, word = (
            f"its bound {plan.bound:,.6g} ({plan.status})",
            "from branch and bound, not verified independently; found again",
        )
        proved = (f"{counted}; its objective {plan.objective:,.6g}",)
    by = {
        "certificate": "by a dual certificate, which the repeated run found again and numpy alone checks",
        "enumeration": "by a look at every plan",
        "tree": "by a tree of cases, each with prices that numpy alone checks",
    }
    open_: tuple[str, ...] = ()
    if plan.bound_by in by:
        proved = (*proved, f"{claim}, {by[plan.bound_by]}")
    else:
        open_ = (f"{claim}: {word}",)
    if plan.ended_by == "time":
        open_ = (*open_, "where the time limit ended the search: another machine may come farther, or less far")
    return {"proved": proved, "open": open_}
