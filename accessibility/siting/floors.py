"""Floors in models of coverage: a plan that meets them, or how many people are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.errors import UnprovenError
from accessibility.siting.exact import Effort, Program, solve_program
from accessibility.siting.numbers import HALF
from accessibility.siting.outcome import refused_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.clock import Clock
    from accessibility.siting.counts import Counts
    from accessibility.siting.limits import Limits, Terms
    from accessibility.siting.plan import Model, SitingPlan
    from accessibility.siting.problem import Problem


def meet_floors(counts: Counts, begun: NDArray[np.bool_], clock: Clock) -> NDArray[np.bool_]:
    """Return a plan that meets the floors, or the one that comes closest where that is proven impossible.

    Raises
    ------
    UnprovenError
        Where the time allowed neither.
    """
    if not counts.shortage(begun).any():
        return begun
    answer = solve_program(_fall_short_least(counts), Effort(clock=clock))
    if answer.values is not None:
        found = answer.values[: len(counts.columns)] > HALF
        # Whoever is missing is a whole unit of people.
        if counts.room.holds(found) and (answer.bound * counts.unit > HALF or not counts.shortage(found).any()):
            return found
    msg = f"no plan that meets the floors was found within {clock.limit}, and none was proven impossible"
    raise UnprovenError(msg)


def unmet_floors(
    problem: Problem, limits: Limits, terms: Terms, model: Model, short: NDArray[np.float64]
) -> SitingPlan:
    """Return the plan that says how many people the floors lack, however the sites are chosen, and where."""
    units = problem.people_units
    missing = {name: units.amount(people) for name, people in zip(terms.floor_people, short, strict=True) if people > 0}
    where = ", ".join(f"{people:,.0f} people in {name}" for name, people in missing.items())
    plan = refused_plan(problem, limits, model, f"the floors cannot all be met: short by {where}")
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
