"""The proposal that a run's folder holds, proved from the inputs: its own sites and figures, not those found again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.cli.verification import Comparison
from accessibility.errors import AccessibilityError, UnknownSiteError, UnprovenError
from accessibility.present.manifest import parse_manifest, write_manifest
from accessibility.siting import verify_plan, verify_robust
from accessibility.siting.certificate import gains_in_order
from accessibility.siting.plan import Prices
from accessibility.siting.tree import Tree
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accessibility.cli.verification import RecordedSiting
    from accessibility.siting import SitingPlan
    from accessibility.study.proposing import SitingCase
    from accessibility.study.robustness import HeldPlans

PROOF = "proof.json"
"""The evidence for a proposal's bound, beside the manifest that tells it."""
_UNVERIFIED = "from branch and bound, not verified independently; found again"
_EVIDENCE = {"multipliers", "prices", "trees", "short_people"}


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is known of a proposal, in sentences."""

    wrong: tuple[str, ...] = ()  # claims that do not hold, with both figures
    proved: tuple[str, ...] = ()  # claims that hold, whoever made them: counted from the inputs without a solver
    open: tuple[str, ...] = ()  # claims that rest on the solver, or on the machine that the run was made on


def write_proof(plan: SitingPlan, path: Path) -> None:
    """Write the evidence that a plan carries: multipliers, prices and trees, and whom it is short of."""
    prices = plan.prices
    told = {
        "multipliers": None if plan.multipliers is None else plan.multipliers.tolist(),
        "prices": {
            **{name: getattr(prices, name) for name in ("site", "cost", "reach", "closure")},
            "quota": dict(prices.quota),
            "floor": dict(prices.floor),
            "apart": [[[str(site) for site in sites], price] for sites, price in prices.apart],
        },
        "trees": [tree.plain() for tree in plan.trees],
        "short_people": dict(plan.short_people),
    }
    write_manifest(told, path)


def read_proof(path: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evidence in a file that anybody may have sent, as fields of a plan.

    Parameters
    ----------
    path
        The file.
    known
        Sites by their ids as text.

    Raises
    ------
    InputError, UnprovenError
        What is no evidence.
    """
    told = parse_manifest(path)
    other = ", ".join(sorted(told.keys() ^ _EVIDENCE))
    if other:
        msg = f"no evidence of a plan: {other}; expected multipliers, prices and trees as a run writes them"
        raise UnprovenError(msg)
    try:
        prices, multipliers = dict(told["prices"]), told["multipliers"]
        apart = tuple((tuple(known[site] for site in sites), float(price)) for sites, price in prices.pop("apart"))
        return {
            "multipliers": None if multipliers is None else np.array(multipliers, dtype=np.float64),
            "prices": Prices(**prices, apart=apart),
            "trees": tuple(Tree.of_plain(tree) for tree in told["trees"]),
            "short_people": {str(name): float(people) for name, people in told["short_people"].items()},
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        msg = f"no evidence of a plan: {error}; expected multipliers, prices and trees as a run writes them"
        raise UnprovenError(msg) from error


def prove_told(case: SitingCase, told: RecordedSiting, folder: Path | None = None) -> Proof:
    """Return what of a proposal holds as a manifest tells it.

    Its sites, limits, costs, objective, people covered and status are counted from the inputs. The evidence for its
    bound is that in the folder; without one, that of the repeated run, which has to prove this very bound.

    Parameters
    ----------
    case
        The question from the inputs, and the plan that the repeated run found.
    told
        The proposal in the folder.
    folder
        Of the run; None where only its manifest is at hand.
    """
    plan, evidence = recorded_plan(case, told), {}
    try:
        if folder is not None:
            evidence = read_proof(folder / PROOF, {str(site): site for site in case.problem.ids.tolist()})
    except AccessibilityError as error:
        return Proof(wrong=(f"{PROOF}: {error}",))
    try:
        verify_plan(case.problem, replace(plan, **evidence))
    except AccessibilityError as error:
        return Proof(wrong=(f"{PROOF if evidence and _holds(case, plan) else 'proposal'}: {error}",))
    figures = (("cost", told.cost, plan.cost), ("gap", told.gap, plan.gap))
    people = ("people covered", told.covered_people, plan.covered_people)
    both = [Comparison(name=f"proposal: its {name}", told=one, found=other) for name, one, other in (*figures, people)]
    wrong = tuple(str(one) for one in both if not one.equal)
    whose = "the repeated run found again" if folder is None else "the folder holds"
    return Proof(wrong=wrong, **_sentences(plan, whose)) if not wrong else Proof(wrong=wrong)


def _holds(case: SitingCase, plan: SitingPlan) -> bool:
    """Return whether a plan holds with the evidence of the repeated run."""
    try:
        verify_plan(case.problem, plan)
    except AccessibilityError:
        return False
    return True


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
        return Proof(proved=(counted,), open=(f"robust plan: {claim}: {_UNVERIFIED}",))
    return Proof(proved=(f"{counted}; {claim}, by {robust.bound_by} of the draws at their weights",))


def recorded_plan(case: SitingCase, told: RecordedSiting) -> SitingPlan:
    """Return the plan that a manifest describes, as an answer to the question of a case.

    What a manifest does not hold, the evidence for a bound and whom an infeasible plan is short of, is that of the
    case's plan.
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


def _sentences(plan: SitingPlan, whose: str) -> dict[str, tuple[str, ...]]:
    """Return what is proved and what is open of a plan that was checked."""
    counted = f"the folder's proposal ({plan.model}): its sites, cost, limits and people, counted without a solver"
    if plan.status == "infeasible":
        claim = "that no plan does what is asked"
        proved: tuple[str, ...] = (counted,)
    else:
        claim = f"its bound {plan.bound:,.6g} ({plan.status})"
        proved = (f"{counted}; its objective {plan.objective:,.6g}",)
    by = {
        "certificate": f"by a dual certificate, which {whose} and numpy alone checks",
        "enumeration": "by a look at every plan",
        "tree": f"by a tree of cases, which {whose}, each with prices that numpy alone checks",
    }
    open_: tuple[str, ...] = ()
    if plan.bound_by in by:
        proved = (*proved, f"{claim}, {by[plan.bound_by]}")
    else:
        open_ = (f"{claim}: {_UNVERIFIED}",)
    if plan.ended_by == "time":
        open_ = (*open_, "where the time limit ended the search: another machine may come farther, or less far")
    return {"proved": proved, "open": open_}
