"""Relocation: which of today's sites to close, and what to open instead, so that most people are covered."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from accessibility.errors import UnprovenError, checked
from accessibility.siting.certificate import proven_bound
from accessibility.siting.claim_trees import witnessed
from accessibility.siting.counts import Moves, read_moves
from accessibility.siting.effort import Allowance
from accessibility.siting.exact import Effort, Program, solve_program, solve_within
from accessibility.siting.infeasible import unmet_floors
from accessibility.siting.limits import Limits, number_of_sites, opened_fields, refuse_boundless
from accessibility.siting.medians import BUDGET, NUMBER, PACKS
from accessibility.siting.models.mclp import cover_within
from accessibility.siting.numbers import HALF, SUMS, TELLS, solver_unit
from accessibility.siting.outcome import ended, pack_prices, refused_plan
from accessibility.siting.plan import Conditions, Prices, SitingPlan, order_by_gain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.limits import Terms
    from accessibility.siting.problem import Problem

_START = 0.3  # of the work, for a plan that closes nothing
_LINEAR = 0.1  # of the work, for a certificate


@checked
def solve_relocation(
    problem: Problem,
    *,
    close: int,
    sites: int | None = None,
    budget: float | None = None,
    time_limit_s: float | None = None,
    conditions: Conditions | None = None,
) -> SitingPlan:
    """Return the sites to close and to open so that most people are covered.

    Whatever closes gives back its cost, and makes room beside a site that excludes it: that is why a site may close
    at all, since closing alone covers nobody. Where every cost is 1, a budget of 0 moves sites, one for one. Of plans
    that cover as many people, the one with fewest closures is returned, then the cheapest. The objective is all people
    covered afterwards; `covered_before` and `gain` count from when the closed sites are gone.

    Parameters
    ----------
    problem
        People, who is within the standard of which site, and what is open.
    close
        How many of the open sites may close at most; required ones stay.
    sites, budget
        How many sites may open at most, and what they may cost beyond what closing gives back; at least one of the two.
    time_limit_s
        Wall seconds, those of compiling apart; then the best plan so far is returned, with the bound so far. Without
        any the search ends by its work, and the same on every machine.
    conditions
        What else the plan has to keep to. Quotas and spacing are about sites that open.

    Returns
    -------
    SitingPlan
        `closed` names the sites that close, `selected` those that open.

    Raises
    ------
    InputError
        No limit, limits that are no numbers, conditions that do not fit the problem.
    UnprovenError
        Where no plan that meets the floors was found in time, and none was proven impossible.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from accessibility.siting.problem import Problem
    >>> made = Problem.from_costs([[1, 1, 9], [9, 1, 1], [1, 9, 1]], [10, 20, 30], cutoff=1)
    >>> today = replace(made, open=[True, False, False], candidate=[False, True, True])
    >>> plan = solve_relocation(today, close=1, budget=0)
    >>> plan.closed, plan.selected, plan.objective
    ((0,), (1,), 50.0)
    """
    allowance, limits = Allowance(limit_s=time_limit_s), Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    most = number_of_sites(close, "close")
    start = cover_within(problem, limits, 0.0, allowance.part(_START))
    moves, terms = read_moves(problem, limits, most)
    if terms.contradiction:
        return replace(refused_plan(problem, limits, "relocation", terms.contradiction), closures_limit=most)
    begun = moves.flips(problem, start)
    if begun is None:
        begun = _meet_floors(moves, allowance)
        if begun is None:
            sentence = "the required sites cannot open within the limits, whatever closes"
            plan = replace(
                refused_plan(problem, limits, "relocation", sentence), closures_limit=most, bound_by="solver"
            )
            return witnessed(problem, plan, allowance)
        if moves.counts.shortage(moves.after(begun)).any():
            plan = unmet_floors(problem, limits, terms, "relocation", moves.counts.shortage(moves.after(begun)))
            return witnessed(problem, replace(plan, closures_limit=most), allowance)
    chosen, bound = _search(moves, begun, allowance)
    found = (chosen, problem.people_units.amount(bound), allowance.spent_s)
    plan = replace(_plan(problem, limits, terms, moves, found), closures_limit=most)
    return ended(problem, _certified(problem, terms, moves, plan, allowance), allowance)


def _meet_floors(moves: Moves, allowance: Allowance) -> NDArray[np.bool_] | None:
    """Return changes that meet the floors, or that come closest where none do; None where nothing keeps the limits."""
    answer = solve_within(_program(moves, goal="short"), Effort(allowance=allowance), moves.budget)
    if answer.infeasible:
        return None
    if answer.values is not None:
        found = answer.values[: len(moves.old)] > HALF
        # Whoever is missing is a whole unit of people.
        if moves.holds(found) and (answer.bound * moves.counts.unit > HALF or moves.fits(found)):
            return found
    msg = f"no plan that keeps to the limits was found within {allowance.limit}, and none was proven impossible"
    raise UnprovenError(msg)


def _search(moves: Moves, begun: NDArray[np.bool_], allowance: Allowance) -> tuple[NDArray[np.bool_], float]:
    """Return the changes that cover most people, with fewest closures, and a bound of the people."""
    best, unit = begun, moves.counts.unit
    effort = Effort(allowance=allowance, gap_absolute=max((1.0 - 1e-6) / unit, 1e-9))
    answer = solve_within(_program(moves), effort, moves.budget, _solution(moves, begun))
    if answer.values is not None:
        found = answer.values[: len(moves.old)] > HALF
        best = found if moves.fits(found) and moves.people(found) > moves.people(best) else best
    ceiling, solver = moves.counts.ceiling(1), answer.bound * unit
    bound = ceiling
    if np.isfinite(solver):
        bound = min(math.floor(solver + SUMS * abs(solver) + 1e-6) + moves.anyway, ceiling)
    if (best & moves.old).any() or not allowance.up:
        program = _program(moves, goal="fewest", covered=moves.people(best))
        answer = solve_within(program, Effort(allowance=allowance), moves.budget, _solution(moves, best))
        if answer.values is not None:
            found = answer.values[: len(moves.old)] > HALF
            best = found if moves.fits(found) and moves.people(found) >= moves.people(best) else best
    return _reopened(moves, best), max(bound, moves.people(best))


def _solution(moves: Moves, changed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return changes that meet the floors as values of the program's columns."""
    new = np.flatnonzero(moves.counts.before == 0)
    covered = moves.counts.counted(moves.after(changed))[new] > 0
    return np.concatenate([changed, covered, np.zeros(len(moves.counts.needs[1]))]).astype(np.float64)


def _reopened(moves: Moves, changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the changes without those that nobody would miss: closures first, then openings."""
    best = changed
    for column in (*np.flatnonzero(changed & moves.old), *np.flatnonzero(changed & ~moves.old)):
        without = best.copy()
        without[column] = False
        if moves.fits(without) and moves.people(without) >= moves.people(best):
            best = without
    return best


def _program(moves: Moves, *, goal: str = "cover", covered: float | None = None) -> Program:
    """Return the program of a goal: most people, floors met as nearly as possible, or fewest closures.

    Its columns are what changes, rows covered, and what each floor lacks.
    """
    counts, old = moves.counts, moves.old
    m, new = len(old), np.flatnonzero(counts.before == 0)
    sites = sparse.csr_array(counts.matrix[new])
    people, lacking = counts.lacking(new)
    a, f = len(new), len(lacking)
    none = sparse.csr_array
    # A site that is open covers what it covers until it changes.
    change = sites @ sparse.diags_array(np.where(old, -1.0, 1.0))
    today = np.asarray(sites[:, np.flatnonzero(old)].sum(axis=1)).ravel()
    finite = np.flatnonzero(np.isfinite(moves.most))
    # The budget is the second of all limits, and the only one of more than a few units.
    money = (finite == BUDGET).astype(np.float64)
    scale = np.where(money > 0, 1.0 / solver_unit(float(counts.room.cost.sum())), 1.0)
    wanted = np.empty(0) if covered is None else np.array([covered - moves.anyway]) / counts.unit
    kept = sparse.csr_array(counts.weight[new][None][: len(wanted)] / counts.unit)
    rows: Any = sparse.vstack(
        [
            sparse.hstack([-change, sparse.eye_array(a), none((a, f))]),
            sparse.hstack([none((f, m)), people, sparse.eye_array(f)]),
            sparse.hstack([none((len(wanted), m)), kept, none((len(wanted), f))]),
            sparse.hstack([sparse.diags_array(scale) @ moves.limits[finite], none((len(finite), a + f))]),
        ]
    )
    cost = np.where(old, 0.0, counts.room.cost)
    fewest = old + cost / (2.0 * max(cost.sum(), 1.0))
    objective = np.zeros(m + a + f)
    objective[:m] = fewest if goal == "fewest" else 0.0
    objective[m : m + a] = counts.weight[new] / counts.unit if goal == "cover" else 0.0
    objective[m + a :] = 1.0 if goal == "short" else 0.0
    # Whoever chooses among plans that cover as many counts them anew: here a solver may be told what it can tell apart.
    hair = np.maximum(HALF / counts.unit, TELLS * wanted)
    least = np.concatenate([lacking - (0.0 if goal == "short" else HALF / counts.unit), wanted - hair])
    return Program(
        objective=objective,
        lower=np.zeros(m + a + f),
        upper=np.concatenate([np.ones(m + a), np.full(f, np.inf if goal == "short" else 0.0)]),
        integer=np.arange(m + a + f) < m,
        rows=sparse.csr_array(rows),
        row_lower=np.concatenate([np.full(a, -np.inf), least, np.full(len(finite), -np.inf)]),
        row_upper=np.concatenate(
            [today, np.full(f + len(wanted), np.inf), (moves.most[finite] + HALF * money) * scale]
        ),
        maximise=goal == "cover",
    )


def _certified(problem: Problem, terms: Terms, moves: Moves, plan: SitingPlan, allowance: Allowance) -> SitingPlan:
    """Return the plan with a certificate, from the dual of the linear program, where that proves as much."""
    program = _program(moves)
    relaxed = replace(program, integer=np.zeros(len(program.integer), np.bool_))
    answer = solve_program(relaxed, Effort(allowance=allowance.part(_LINEAR)))
    if answer.duals is None:
        return plan
    multipliers, prices = _dual(problem, terms, moves, answer.duals)
    trial = replace(plan, multipliers=multipliers, prices=prices, bound_by="certificate")
    bound = max(proven_bound(problem, trial), plan.objective)
    if bound > plan.bound and not problem.people_units.alike(bound, plan.bound):
        return plan
    closed = problem.people_units.alike(bound, plan.objective)
    return replace(trial, bound=plan.objective if closed else bound, status="optimal" if closed else "feasible")


def _dual(
    problem: Problem, terms: Terms, moves: Moves, duals: NDArray[np.float64]
) -> tuple[NDArray[np.float64], Prices]:
    """Return the duals of the linear program as shares of people and prices of limits."""
    counts = moves.counts
    new, (needs, wanted) = np.flatnonzero(counts.before == 0), counts.needs
    a, f = len(new), len(wanted)
    raised = np.maximum(-duals[a : a + f], 0.0)
    worth = (counts.weight[new] + needs[:, new].T @ raised) / counts.unit
    share = np.zeros(len(counts.weight))
    share[new] = np.clip(np.divide(duals[:a], worth, out=np.ones(a), where=worth > 0), 0.0, 1.0)
    share[(counts.before == 0) & (np.diff(counts.matrix.indptr) == 0)] = 1.0  # nobody is paid for whom none reaches
    price = np.zeros(len(moves.most))
    price[np.isfinite(moves.most)] = np.maximum(duals[a + f :], 0.0) * counts.unit * problem.people_units.unit
    quota, apart = pack_prices(problem, terms, price[PACKS : PACKS + len(terms.packs)])
    return np.append(share, 0.0)[counts.row], Prices(
        site=float(price[NUMBER]),
        cost=float(price[BUDGET]) / solver_unit(float(counts.room.cost.sum())) / problem.cost_units.unit,
        quota=quota,
        apart=apart,
        floor={name: float(more) for name, more in zip(terms.floor_people, raised, strict=True) if more > 0},
        closure=float(price[PACKS + len(terms.packs)]),
    )


def _plan(
    problem: Problem, limits: Limits, terms: Terms, moves: Moves, found: tuple[NDArray[np.bool_], float, float]
) -> SitingPlan:
    changed, bound, seconds = found
    columns = moves.counts.columns
    closed = columns[changed & moves.old]
    closed = closed[np.argsort(problem.rank[closed])]
    stays = problem.open.copy()
    stays[closed] = False
    order, gains = order_by_gain(problem, np.concatenate([terms.required, columns[changed & ~moves.old]]), stays)
    before = float(problem.people[problem.covered_by(stays)].sum())
    stays[order] = True
    objective = float(problem.people[problem.covered_by(stays)].sum())
    near = problem.people_units.alike(bound, objective)
    return SitingPlan(
        model="relocation",
        closed=tuple(problem.ids[closed].tolist()),
        objective=objective,
        bound=objective if near else max(bound, objective),
        status="optimal" if near else "feasible",
        seconds=seconds,
        **(opened_fields(problem, limits, order, gains) | {"covered_before": before}),
    )
