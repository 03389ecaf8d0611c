"""Questions without an answer: who cannot be served, which floors cannot be met, and how many people are missing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.errors import InfeasibleError, InputError, UnprovenError
from accessibility.siting.certificate import format_lacking, format_people
from accessibility.siting.claim_trees import witnessed
from accessibility.siting.counts import Reach, serve_most
from accessibility.siting.exact import Effort, Program, solve_within
from accessibility.siting.limits import district_people
from accessibility.siting.medians import Room
from accessibility.siting.numbers import HALF
from accessibility.siting.outcome import refused_plan
from accessibility.siting.plan import SitingPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.counts import Counts
    from accessibility.siting.effort import Allowance
    from accessibility.siting.limits import Limits, Terms
    from accessibility.siting.plan import Model
    from accessibility.siting.problem import Problem


def refuse_unreached(problem: Problem) -> None:
    """Raise `InfeasibleError` where no site, open or candidate, reaches a demand point."""
    far = np.isinf(problem.nearest_cost(problem.open | problem.candidate))
    if far.any():
        msg = (
            f"{problem.people[far].sum():,.0f} people at {int(far.sum()):,} of {len(far):,} demand points are reached"
            f" by no site, open or candidate, first row {int(np.flatnonzero(far)[0])}; expected a cost from each demand"
            " point to one site at least"
        )
        raise InfeasibleError(msg)


def refuse_floors(limits: Limits, model: Model) -> None:
    """Raise `InputError` where a floor is asked of a model that is not about coverage."""
    if limits.conditions.floor or limits.conditions.floors:
        msg = f"a floor is a share of people covered, and the {model} model is not about coverage; expected no floors"
        raise InputError(msg)


def contradictory(problem: Problem, limits: Limits, terms: Terms, allowance: Allowance, model: Model) -> SitingPlan:
    """Return the plan that says why the required sites cannot open together."""
    why: dict[str, object] = {"message": f"no plan: {terms.contradiction}", "bound_by": "enumeration"}
    return _nothing(problem, limits, allowance, model, why)


def short_of_people(problem: Problem, limits: Limits, terms: Terms, allowance: Allowance, model: Model) -> SitingPlan:
    """Return the plan that says how many people stay unserved, however the sites are chosen, and where."""
    kept = problem.open.copy()
    kept[terms.required] = True
    bare = np.flatnonzero(np.isinf(problem.nearest_cost(kept)))
    columns = np.flatnonzero(terms.allowed)
    columns = columns[np.argsort(problem.rank[columns])]
    row, column = np.full(len(problem.people), -1, np.intp), np.full(len(problem.open), -1, np.intp)
    row[bare], column[columns] = np.arange(len(bare)), np.arange(len(columns))
    pairs = (row[problem.demand] >= 0) & (column[problem.pair_site] >= 0)
    shape = (len(bare), len(columns))
    reach = Reach.of(row[problem.demand[pairs]], column[problem.pair_site[pairs]], shape)
    room = Room.of(problem, limits, terms, columns)
    units = problem.people_units
    chosen, most = serve_most(reach, units.whole[bare].astype(np.float64), room, allowance)
    served = (reach.matrix @ chosen.astype(np.float64) > 0)[reach.group]
    missing = np.zeros(len(problem.people), np.bool_)
    missing[bare[~served]] = True
    people = float(problem.people[missing].sum())
    least = units.amount(float(units.whole[bare].sum()) - most)
    short = {name: count for name, count in district_people(problem, missing).items() if count > 0}
    listed = ", ".join(f"{name} {format_people(problem, count)}" for name, count in short.items())
    where = f" ({listed})" if problem.districts else ""
    surely = "" if units.alike(people, least) else f", or {format_people(problem, least)} at the least"
    points, many = f"{int(missing.sum()):,} demand points", format_people(problem, people)
    msg = (
        f"no plan: what the limits allow reaches all but {many} people at {points}{where}{surely}"
        if short
        else f"no plan: what the limits allow leaves {points} without people out of reach"
    )
    plan = _nothing(problem, limits, allowance, model, {"message": msg, "short_people": short})
    return witnessed(problem, plan, allowance)


def _nothing(
    problem: Problem, limits: Limits, allowance: Allowance, model: Model, why: dict[str, object]
) -> SitingPlan:
    return SitingPlan(
        model=model,
        selected=(),
        gain=(),
        objective=math.inf,
        bound=math.inf,
        status="infeasible",
        seconds=allowance.spent_s,
        sites_limit=limits.sites,
        budget=limits.budget,
        conditions=limits.conditions,
        population=float(problem.people.sum()),
        covered_before=problem.covered_people,
        **why,  # type: ignore[arg-type]
    )


def meet_floors(counts: Counts, begun: NDArray[np.bool_], allowance: Allowance) -> NDArray[np.bool_]:
    """Return a plan that meets the floors, or the one that comes closest where that is proven impossible.

    Raises
    ------
    UnprovenError
        Where the time allowed neither.
    """
    if not counts.shortage(begun).any():
        return begun
    answer = solve_within(_fall_short_least(counts), Effort(allowance=allowance), counts.room.budget)
    if answer.values is not None:
        found = answer.values[: len(counts.columns)] > HALF
        # Whoever is missing is a whole unit of people.
        if counts.room.holds(found) and (answer.bound * counts.unit > HALF or not counts.shortage(found).any()):
            return found
    msg = f"no plan that meets the floors was found within {allowance.limit}, and none was proven impossible"
    raise UnprovenError(msg)


def unmet_floors(
    problem: Problem, limits: Limits, terms: Terms, model: Model, short: NDArray[np.float64]
) -> SitingPlan:
    """Return the plan that says how many people the floors lack, however the sites are chosen, and where."""
    units = problem.people_units
    missing = {name: units.amount(people) for name, people in zip(terms.floor_people, short, strict=True) if people > 0}
    listed = format_lacking(problem, missing)
    plan = refused_plan(problem, limits, model, f"the floors cannot all be met: short by {listed}")
    return replace(plan, short_people=missing, bound_by="solver")


def _fall_short_least(counts: Counts) -> Program:
    """Return the program that stays below the floors by the fewest people; columns: sites, rows covered, shortages."""
    m, (new, sites) = len(counts.columns), counts.links()
    people, lacking = counts.lacking(new)
    a, f = len(new), len(lacking)
    limits, left = counts.room.solver_rows, counts.room.solver_left()
    none = sparse.csr_array
    rows = sparse.vstack(
        [
            sparse.hstack([-sites, sparse.eye_array(a), none((a, f))]),
            sparse.hstack([none((f, m)), people, sparse.eye_array(f)]),
            sparse.hstack([limits, none((len(left), a + f))]),
        ]
    )
    return Program(
        objective=np.concatenate([np.zeros(m + a), np.ones(f)]),
        lower=np.zeros(m + a + f),
        upper=np.concatenate([np.ones(m + a), np.full(f, np.inf)]),
        integer=np.arange(m + a + f) < m,
        rows=sparse.csr_array(rows),
        row_lower=np.concatenate([np.full(a, -np.inf), lacking, np.full(len(left), -np.inf)]),
        row_upper=np.concatenate([np.zeros(a), np.full(f, np.inf), left]),
        maximise=False,
    )
