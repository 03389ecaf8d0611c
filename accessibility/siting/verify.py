"""An independent look at a plan: everything it claims is computed anew from the raw problem, without any solver."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from accessibility.errors import InputError, UnprovenError, checked, spell_number
from accessibility.siting.certificate import (
    check_sites,
    coverable,
    covered_twice,
    floor_people,
    format_lacking,
    format_people,
    gains_in_order,
    lacking_people,
    people_wanted,
    proven_bound,
)
from accessibility.siting.claims import claims_of
from accessibility.siting.counts import read_moves
from accessibility.siting.enumeration import MANY, Best, best_plan, is_best
from accessibility.siting.limits import TOTAL, district_people, improvable, least_share, limits_of, read_terms
from accessibility.siting.models.backup import covered_twice_text
from accessibility.siting.models.p_median import median_bound
from accessibility.siting.numbers import CLOSE, alike
from accessibility.siting.outcome import WORKED
from accessibility.siting.plan import SERVING, SPENDING
from accessibility.siting.tree import least_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accessibility.siting.limits import Terms
    from accessibility.siting.plan import SitingPlan
    from accessibility.siting.problem import Problem

MODELS = ("mclp", "lscp", "partial", "p-median", "p-center", "backup", "relocation", "max-min")
_LEAST = ("lscp", "partial", "p-median", "p-center")  # models whose least objective is the best
_FLOORED = ("mclp", "lscp", "partial", "backup", "relocation")


@checked
def verify_plan(problem: Problem, plan: SitingPlan) -> None:
    """Return nothing where the plan holds what it claims for this problem.

    The question, sites, costs, limits, every condition, the gains in opening order, the objective, the side of the
    bound and the status are computed anew. The message is a sentence for people, and no claim that is proved: it is
    refused where it speaks of another end of the search, or of other people. The bound is computed anew where the plan
    carries a dual certificate, and where it rests on enumeration: then every plan is looked at again. A bound by branch
    and bound is proven where the plan carries the leaves of its tree, with prices that hold in each of them. A bound
    from the solver alone (``bound_by == "solver"``) is checked for its side, against the certificate there may be, and
    against every plan where these are few. An infeasible question is one whose required sites break a limit, whose
    candidates together do not reach what is asked, or none of whose plans does; where these are too many it is not
    verified independently.

    Parameters
    ----------
    problem
        What the plan answers.
    plan
        The plan.

    Raises
    ------
    UnprovenError
        A claim that does not hold, with both numbers.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from accessibility.siting import Problem, solve_mclp
    >>> problem = Problem.from_costs([[100, 900, 2000], [950, 200, 300]], [30, 10, 20], cutoff=900)
    >>> plan = solve_mclp(problem, sites=1)
    >>> verify_plan(problem, plan)
    >>> verify_plan(problem, replace(plan, objective=41.0))
    Traceback (most recent call last):
    accessibility.errors.UnprovenError: the plan says that its objective is 41; it is 40
    """
    terms = check_question(problem, plan)
    counts = check_sites(problem, plan)
    short = _short(problem, plan, counts)
    if plan.status == "infeasible":
        _check_figures(problem, plan, terms, counts)
        _check_infeasible(problem, plan, terms, short)
        return
    unserved = int(np.isinf(problem.nearest_cost(counts)).sum()) if plan.model in SERVING else 0
    if unserved:
        _refuse(f"the plan is called {plan.status}; its sites leave {unserved} demand points unserved, expected none")
    _check_figures(problem, plan, terms, counts)
    for name, lacking in short.items():
        people = format_people(problem, lacking)
        _refuse(f"the plan is called {plan.status}; it is short by {people} people in {name}, not by 0")
    if plan.short_people:
        _refuse(f"the plan is called {plan.status} and says which people it lacks: {_listed(plan.short_people)}")
    _check_bound(problem, plan)


def check_question(problem: Problem, plan: SitingPlan) -> Terms:
    """Check that a plan answers a question that can be asked of this problem; return its terms.

    Raises
    ------
    UnprovenError
        An unknown model, limits that are none or belong to another model, conditions about what is not there.
    """
    if plan.model not in MODELS:
        _refuse(f"the plan is of the model {plan.model!r}; expected one of {', '.join(MODELS)}")
    _check_own_terms(plan)
    if plan.budget is not None and not 0 <= plan.budget < math.inf:
        _refuse(f"the plan has the budget {spell_number(plan.budget)}; expected a cost of 0 or more")
    if plan.model not in SPENDING and plan.sites_limit is None and plan.budget is None:
        _refuse(f"the plan has neither a number of sites nor a budget; expected a limit of {plan.model}")
    if (plan.conditions.floor or plan.conditions.floors) and plan.model not in _FLOORED:
        _refuse(f"the plan has floors, which {plan.model} does not keep to")
    try:
        return read_terms(problem, limits_of(plan))
    except InputError as error:
        _refuse(f"the plan's question cannot be asked here: {error}")


def _check_own_terms(plan: SitingPlan) -> None:
    """Check what only one model is asked for."""
    own = (("target_share", "partial"), ("closures_limit", "relocation"), ("weight", "backup"))
    for name, model in own:
        value = getattr(plan, name)
        if value is not None and plan.model != model:
            _refuse(f"the plan has {name} {spell_number(value)}, which is asked of {model}, not of {plan.model}")
    for name, value in (("target_share", plan.target_share), ("weight", plan.weight)):
        if value is not None and not 0.0 <= value <= 1.0:
            _refuse(f"the plan has {name} {spell_number(value)}; expected a share from 0 to 1")
    if plan.model == "partial" and plan.target_share is None:
        _refuse("the plan reaches a share of all people and does not say which; expected target_share")
    if plan.model == "relocation" and not _is_count(plan.closures_limit):
        _refuse(f"the plan may close {plan.closures_limit} sites; expected a whole number")


def objective_of(problem: Problem, plan: SitingPlan, counts: NDArray[np.bool_]) -> float:
    """Return what a plan is worth in the terms of its model.

    Parameters
    ----------
    problem, plan
        The plan and its problem.
    counts
        ``(s,)`` sites that count under the plan.
    """
    units = problem.people_units
    covered = problem.covered_by(counts)
    match plan.model:
        case "lscp" | "partial":
            return problem.cost_units.amount(problem.cost_units.sum(problem.rows(plan.selected)))
        case "max-min":
            return float(least_share(problem, covered, improvable(problem, limits_of(plan))))
        case "p-median":
            return float(problem.people @ problem.nearest_cost(counts))
        case "p-center":
            return float(problem.nearest_cost(counts).max(initial=0.0))
        case "backup":
            once, twice = units.amount(units.sum(covered)), units.amount(units.sum(covered_twice(problem, counts)))
            one, two = (1.0, 1.0) if plan.weight is None else (plan.weight, 1.0 - plan.weight)
            return one * once + two * twice
    return units.amount(units.sum(covered))


def _refuse(message: str) -> NoReturn:
    raise UnprovenError(message)


def _listed(people: Mapping[str, float]) -> str:
    return ", ".join(f"{spell_number(number)} people in {name}" for name, number in people.items())


def _is_count(value: object) -> bool:
    try:
        return operator.index(value) >= 0  # type: ignore[arg-type]  # what is no number is caught
    except TypeError:
        return False


def _agree(problem: Problem, what: str, claimed: float, found: float) -> None:
    if not problem.people_units.alike(claimed, found):
        _refuse(f"the plan says that {what} is {spell_number(claimed)}; it is {spell_number(found)}")


def _check_figures(problem: Problem, plan: SitingPlan, terms: Terms, counts: NDArray[np.bool_]) -> None:
    """Check population, people covered before, gains, sizes, and how the search ended."""
    _agree(problem, "the population", plan.population, problem.population)
    before = problem.open.copy()
    before[problem.rows(plan.closed)] = False
    covered = problem.people_units.sum(problem.covered_by(before))
    _agree(problem, "the number of people covered before", plan.covered_before, problem.people_units.amount(covered))
    gains = gains_in_order(problem, plan)
    for site, claimed, found in zip(plan.selected, plan.gain, gains, strict=True):
        _agree(problem, f"what {site!r} brings in", claimed, found)
    if plan.model in ("mclp", "lscp", "partial", "max-min", "relocation", "p-center"):
        later = [k for k in range(1, len(gains)) if gains[k] > gains[k - 1] * (1 + CLOSE)]
        if later:
            k = later[0]
            gain, last = spell_number(gains[k]), spell_number(gains[k - 1])
            _refuse(f"the plan opens {plan.selected[k]!r} with {gain} people after one with {last}")
    _check_end(problem, plan, terms)
    if plan.multipliers is None and plan.prices.charge:
        _refuse("the plan has prices without multipliers, which prove nothing; expected both or none")
    if plan.status != "infeasible" or plan.model not in SERVING:
        found = objective_of(problem, plan, counts)
        if not _alike_of(problem, plan)(plan.objective, found):
            _refuse(f"the plan says that its objective is {spell_number(plan.objective)}; it is {spell_number(found)}")
    _check_message(problem, plan, terms, counts)


def _check_end(problem: Problem, plan: SitingPlan, terms: Terms) -> None:
    """Check what ended the search, and how large the question was."""
    if not 0 <= plan.seconds < math.inf:
        _refuse(f"the plan took {spell_number(plan.seconds)} s; expected seconds")
    if (plan.status == "feasible") == (plan.ended_by == "proof"):
        _refuse(f"the plan is called {plan.status}, and its search ended by {plan.ended_by}")
    if plan.sizes is not None:
        sizes = (int((problem.people > 0).sum()), int(terms.allowed.sum()))
        if (plan.sizes.points, plan.sizes.candidates) != sizes:
            _refuse(f"the plan's sizes are {plan.sizes}; there are {sizes[0]} demand points, {sizes[1]} candidates")


def _check_message(problem: Problem, plan: SitingPlan, terms: Terms, counts: NDArray[np.bool_]) -> None:
    """Check that the plan's sentence does not say otherwise than the plan: what ended it, whom it covers, who lacks."""
    needed, ends = [], {"time": "the time limit of", "work": WORKED}
    if plan.model == "backup" and plan.status != "infeasible":
        needed = [covered_twice_text(problem, counts)]
    elif plan.status == "infeasible" and terms.contradiction and plan.model != "relocation":
        needed = [terms.contradiction]
    elif plan.status == "infeasible" and plan.short_people and plan.model not in SERVING:
        needed = [format_lacking(problem, plan.short_people)]
    untrue = [words for by, words in ends.items() if words in plan.message and plan.ended_by != by]
    lost = [words for words in needed if words not in plan.message]
    if untrue or lost:
        expected = repr(lost[0]) if lost else f"no word of a limit: its search ended by {plan.ended_by}"
        _refuse(f"the plan's message is {plan.message!r}; expected {expected}")


def _alike_of(problem: Problem, plan: SitingPlan) -> Callable[[float, float], bool]:
    """Return what tells whether two objectives are the same but for rounding."""
    if plan.model in SPENDING:
        return problem.cost_units.alike
    if plan.model in ("p-median", "p-center", "max-min") or plan.weight is not None:
        return alike
    return problem.people_units.alike


def _short(problem: Problem, plan: SitingPlan, counts: NDArray[np.bool_]) -> dict[str, float]:
    """Return district, or `TOTAL`, to the people that what counts leaves uncovered or unserved though it may not."""
    units = problem.people_units
    if plan.model in SERVING:
        far = np.isinf(problem.nearest_cost(counts))
        return {
            name: people or 0.0
            for name, people in district_people(problem, far).items()
            if far.any() and (people > 0 or not problem.people[far].any())
        }
    covered = problem.covered_by(counts)
    wanted = floor_people(problem, plan) if plan.model in _FLOORED else {}
    total = wanted.pop(TOTAL, 0.0)
    if plan.model == "lscp":
        total = max(total, units.amount(units.sum(coverable(problem, plan.conditions))))
    elif plan.model == "partial":
        total = max(total, people_wanted(problem, plan))
    return lacking_people(problem, {**wanted, TOTAL: total}, covered)


def _check_infeasible(problem: Problem, plan: SitingPlan, terms: Terms, short: Mapping[str, float]) -> None:
    """Check that no plan answers the question, or that it says whose word that is, and who is missing."""
    if not plan.message:
        _refuse("the plan is called infeasible and does not say why")
    if plan.multipliers is not None or plan.bound_by == "certificate":
        _agree(problem, "the bound that its certificate proves", plan.bound, _proven(problem, plan))
    else:
        _check_boundless(problem, plan)
    if plan.model == "relocation":  # what closes makes room
        terms = read_moves(problem, limits_of(plan), int(plan.closures_limit or 0))[1]
    if terms.contradiction:
        if plan.selected or plan.short_people or plan.trees:
            found = f"it selects {len(plan.selected)} sites and has {len(plan.trees)} trees"
            _refuse(f"the plan is refused because {terms.contradiction}; {found}, expected none")
        return
    _check_none(problem, plan, terms, short)


def _check_boundless(problem: Problem, plan: SitingPlan) -> None:
    """Check that a plan of nothing, without a certificate, claims no more than what is always so."""
    trivial = {"p-median": math.inf, "p-center": math.inf, "max-min": 1.0, "lscp": 0.0, "partial": 0.0}
    _agree(problem, "the bound", plan.bound, trivial.get(plan.model, problem.population))
    if plan.model in SERVING:
        _agree(problem, "its objective", plan.objective, math.inf)


def _check_none(problem: Problem, plan: SitingPlan, terms: Terms, short: Mapping[str, float]) -> None:
    """Check that no plan reaches what is asked for, and who is missing."""
    best = best_plan(problem, plan, MANY)
    everything = _short(problem, plan, problem.open | terms.allowed | _required(problem, terms))
    if best is not None and best.feasible:
        _refuse(f"the plan is called infeasible; there is a plan with an objective of {spell_number(best.worth[-1])}")
    if plan.bound_by == "tree" or plan.trees:
        check_trees(problem, plan)
    if best is None and not everything and plan.bound_by not in ("solver", "tree"):
        _refuse(f"the plan is called infeasible by {plan.bound_by}, which does not prove it; expected solver")
    if plan.short_people:
        _check_missing(problem, plan, short, best)
    elif plan.model not in ("relocation", *SERVING):
        _refuse("the plan is called infeasible, but 0 people are short and the required sites keep to every limit")


def _required(problem: Problem, terms: Terms) -> NDArray[np.bool_]:
    found = np.zeros(len(problem.open), np.bool_)
    found[terms.required] = True
    return found


def _check_missing(problem: Problem, plan: SitingPlan, short: Mapping[str, float], best: Best | None) -> None:
    """Check the people that an infeasible plan is short of: those of its own sites, or the fewest there can be."""
    said = dict(plan.short_people)
    known = {TOTAL, *district_people(problem)}
    if not set(said) <= known or not all(0 < people <= problem.population * (1 + CLOSE) for people in said.values()):
        _refuse(f"the plan is short of people by {_listed(said)}; expected people of {', '.join(sorted(known))}")
    counted = not problem.districts or bool((problem.district >= 0).all())  # who lives in no district is not told
    if plan.selected or plan.model in ("mclp", "lscp", "partial"):
        for name in {**short, **said}:
            _agree(problem, f"the shortage in {name}", said.get(name, 0.0), short.get(name, 0.0))
    elif best is not None and math.isfinite(best.short) and (counted or plan.model not in SERVING):
        _agree(problem, "the shortage", sum(said.values()), best.short)


def _check_bound(problem: Problem, plan: SitingPlan) -> None:
    """Check that the bound lies on the right side, that its evidence proves it, and that the status fits it."""
    least = plan.model in _LEAST
    objective, bound = spell_number(plan.objective), spell_number(plan.bound)
    if (plan.objective - plan.bound) * (1 if least else -1) < 0:
        _refuse(f"the plan's bound is {bound}; its objective {objective} is better than that")
    # A share that is proven may leave open how many people are covered at that share.
    closed = plan.bound == plan.objective
    if closed != (plan.status == "optimal") and not (plan.model == "max-min" and closed and plan.message):
        _refuse(f"the plan is called {plan.status}, with an objective of {objective} and a bound of {bound}")
    if plan.multipliers is not None or plan.bound_by == "certificate":
        _check_certificate(problem, plan, least=least)
    if plan.bound_by == "tree" or plan.trees:
        check_trees(problem, plan)
    if plan.bound_by != "certificate":
        _check_best(problem, plan, least=least)


def check_trees(problem: Problem, plan: SitingPlan) -> None:
    """Check that the trees of a plan prove its bound, or that no plan does what is asked.

    Raises
    ------
    UnprovenError
        Trees that belong to no claim, or that prove less, or more.
    """
    claims = claims_of(problem, plan)
    if plan.bound_by != "tree" or not claims or len(claims) != len(plan.trees):
        _refuse(
            f"the plan's bound is by {plan.bound_by}, it has {len(plan.trees)} trees; {plan.model} needs {len(claims)}"
        )
    # A p-center's bound stands where one point at the least is not served nearer: a tree may well prove two.
    exact = plan.status != "infeasible" and plan.model != "p-center"
    for claim, tree in zip(claims, plan.trees, strict=True):
        found, hair = least_loss(claim, tree), 2 * claim.hair
        if not found >= claim.wanted - hair or (exact and found > claim.wanted + hair and math.isfinite(found)):
            bound, wanted = spell_number(plan.bound), spell_number(claim.wanted)
            said = f"the plan's bound {bound} says that no plan loses less than {wanted}"
            _refuse(f"{said}; its tree proves {spell_number(found)}")


def _check_certificate(problem: Problem, plan: SitingPlan, *, least: bool) -> None:
    """Check a bound against what multipliers and prices prove; a closed gap may differ by the rounding of sums."""
    bound = spell_number(plan.bound)
    if plan.model in ("p-center", "backup"):
        _refuse(f"the plan's bound {bound} is said to be certified, which no {plan.model} is")
    proven = _proven(problem, plan)
    beyond = (plan.bound - proven) * (1 if least else -1)
    same = problem.cost_units.alike(plan.bound, proven) if plan.model in SPENDING else _near(problem, plan, proven)
    if plan.bound_by == "certificate" and not same and not (beyond < 0 and plan.bound == plan.objective):
        _refuse(f"the plan's bound is {bound}; its certificate proves {spell_number(proven)}")
    if plan.bound_by in ("solver", "tree") and beyond < 0 and not same and plan.bound != plan.objective:
        _refuse(f"the plan's bound is {bound}; its certificate proves {spell_number(proven)}, which is better")


def _proven(problem: Problem, plan: SitingPlan) -> float:
    """Return what multipliers and prices prove; those whose sums are beyond all numbers prove nothing."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            proven = median_bound(problem, plan) if plan.model == "p-median" else proven_bound(problem, plan)
    except (OverflowError, ValueError):  # no whole number is next to it
        proven = math.inf
    if not math.isfinite(proven):
        _refuse(f"the plan's bound is {spell_number(plan.bound)}; the sums of its certificate are beyond all numbers")
    return proven


def _near(problem: Problem, plan: SitingPlan, proven: float) -> bool:
    if plan.model == "max-min":
        return abs(plan.bound - proven) <= 2 * CLOSE
    if plan.model == "p-median":
        return alike(plan.bound, proven)
    return problem.people_units.alike(plan.bound, proven)


def _check_best(problem: Problem, plan: SitingPlan, *, least: bool) -> None:
    """Check a bound by enumeration, or by a solver, against every plan, where these are few."""
    if plan.bound_by == "enumeration" and plan.model == "p-center" and plan.bound == _farthest(problem, plan):
        return
    best, bound = best_plan(problem, plan, MANY), spell_number(plan.bound)
    if best is None:
        if plan.bound_by not in ("solver", "tree"):
            _refuse(f"the plan's bound {bound} is said to be by {plan.bound_by}; there are too many plans for that")
        return
    if plan.status == "optimal" and not is_best(problem, plan, best):
        worth = " and ".join(map(spell_number, best.worth))
        _refuse(f"the plan is called optimal with {spell_number(plan.objective)}; the best of all plans has {worth}")
    reached = best.worth[0] if plan.model != "backup" else best.worth[-1]
    if _alike_of(problem, plan)(plan.bound, reached):
        return
    if plan.bound_by == "enumeration":
        _refuse(f"the plan's bound {bound} is said to be by enumeration; it proves {spell_number(reached)}")
    beyond = (reached - plan.bound) * (-1 if least else 1)
    if beyond > 0 and not (plan.model == "backup" and plan.weight is None):
        _refuse(f"the plan's bound is {bound}; the best of all plans has {spell_number(reached)}")


def _farthest(problem: Problem, plan: SitingPlan) -> float:
    """Return the cost of the demand point that is farthest from every site that may open."""
    terms = read_terms(problem, limits_of(plan))
    within = problem.open | terms.allowed | _required(problem, terms)
    return float(problem.nearest_cost(within).max(initial=0.0))
