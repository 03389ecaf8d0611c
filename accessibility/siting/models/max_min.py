"""Raise the least covered share of a district, and then the people covered in all."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError, checked
from accessibility.siting.annealing import improve
from accessibility.siting.certificate import proven_bound, share_within
from accessibility.siting.covering import read_covering, reduce_covering
from accessibility.siting.covering_course import close_gap
from accessibility.siting.effort import Allowance
from accessibility.siting.exact import Effort, solve_program
from accessibility.siting.goals import MostPeople
from accessibility.siting.greedy import open_for_floors
from accessibility.siting.limits import (
    Limits,
    district_people,
    district_units,
    improvable,
    least_share,
    refuse_boundless,
    refuse_gap,
)
from accessibility.siting.numbers import CLOSE
from accessibility.siting.outcome import ended, lifted, opened_parts, pack_prices, refused_plan
from accessibility.siting.plan import Prices, SitingPlan
from accessibility.siting.programs import columns_of, raise_least_share, solution_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering, Reading
    from accessibility.siting.exact import Answer
    from accessibility.siting.plan import Conditions
    from accessibility.siting.problem import Problem

_HALVINGS = 12
_ROUNDS = 2_000
_SOLVED = 1e-6  # of a unit of people: how far a solver's bound may be off
_LINEAR_TIME, _EXACT_TIME = 0.2, 0.6


@checked
def solve_max_min(
    problem: Problem,
    *,
    sites: int | None = None,
    budget: float | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    conditions: Conditions | None = None,
) -> SitingPlan:
    """Return the sites with which the district that is covered worst is covered best, and then most people in all.

    Parameters
    ----------
    problem
        People with their districts, candidates and what is covered today. Without districts everybody is one.
    sites, budget
        Greatest number of sites, greatest total cost; at least one of them.
    time_limit_s
        Wall seconds, those of compiling apart; without any the search ends by its work, and the same on every machine.
    gap
        Gap between share and bound that is near enough to stop.
    conditions
        Quotas, spacing, exclusive sites, sites that must or must not open; floors have no place here.

    Returns
    -------
    SitingPlan
        Its objective is the least covered share of a district that has people; it is optimal where that share and the
        people covered at that share are both proven.

    Raises
    ------
    InputError
        Neither a number of sites nor a budget, negative ones, floors, conditions about what is not there.

    Examples
    --------
    >>> from accessibility.siting import Problem, solve_max_min
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 9, 1]], [30, 10, 20], 5, district=["A", "A", "B"])
    >>> solve_max_min(problem, sites=2).objective
    1.0
    """
    allowance = Allowance(limit_s=time_limit_s)
    limits = Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    refuse_gap(gap)
    if limits.conditions.floor or limits.conditions.floors:
        msg = "max-min raises every district as far as it can; expected no floors"
        raise InputError(msg)
    reading = read_covering(problem, limits, by_district=True)
    if reading.terms.contradiction:
        return refused_plan(problem, limits, "max-min", reading.terms.contradiction)
    towns = _Towns.of(problem, limits, reading)
    chosen, answers = _raise_least(reading.covering, towns, allowance)
    floors = replace(reading.covering, need=towns.need(towns.least(reading.covering, chosen)))
    begun = reading.covering.site[chosen]
    course = close_gap(MostPeople(), floors, gap, allowance, begun)
    rows = begun if course.short else course.sites
    plan = replace(_plan(problem, limits, reading, towns, (rows, *answers)), message=_left_out(problem, towns))
    open_ = ""
    if course.short or not problem.people_units.alike(course.bound * floors.person, plan.covered_people):
        most = problem.people_units.amount(course.bound)
        open_ = f"at this least share {plan.covered_people:,.0f} people are covered, and at most {most:,.0f} could be"
        plan = replace(plan, status="feasible")
    # A share that is proven ends nothing where the people at that share are not.
    plan = ended(problem, plan, allowance, gap if course.closed or plan.gap > 0 else -1.0)
    if plan.status == "optimal":  # a look at every plan found no better one
        return plan
    return replace(plan, message="; ".join(part for part in (open_, plan.message) if part))


def _left_out(problem: Problem, towns: _Towns) -> str:
    """Return the sentence about districts that no candidate helps; empty where there are none."""
    left = {name: people for name, people in district_people(problem).items() if name not in towns.names and people > 0}
    names = ", ".join(f"{name} ({people:,.0f} people)" for name, people in left.items())
    return f"no candidate covers anyone else in {names}: the least share is that of the others" if left else ""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Towns:
    """Weight of each district, and of those covered before anything opens; one more for those who live in none.

    Districts that no candidate helps count for nothing, unless all are so.
    """

    names: tuple[str, ...]
    population: NDArray[np.int64]
    there: NDArray[np.int64]

    @classmethod
    def of(cls, problem: Problem, limits: Limits, reading: Reading) -> _Towns:
        """Return the districts of a question."""
        before = problem.open.copy()
        before[reading.terms.required] = True
        names = improvable(problem, limits)
        people, there = district_units(problem), district_units(problem, problem.covered_by(before))
        return cls(
            names=names,
            population=np.array([*(whole if name in names else 0 for name, whole in people.items()), 0]),
            there=np.array([*there.values(), 0]),
        )

    def least(self, covering: Covering, chosen: NDArray[np.bool_]) -> Fraction:
        """Return the least share of a district that counts."""
        covered = covering.covered(chosen)
        weight = self.there.copy()
        np.add.at(weight, covering.district[covered], covering.weight[covered])
        counted = zip(weight.tolist(), self.population.tolist(), strict=True)
        return min((Fraction(there, people) for there, people in counted if people > 0), default=Fraction(1))

    def need(self, share: Fraction) -> NDArray[np.int64]:
        """Return the weight that each district still lacks of this share."""
        wanted = [math.ceil(share * people) for people in self.population.tolist()]
        return np.array(wanted, dtype=np.int64) - self.there


def _raise_least(
    covering: Covering, towns: _Towns, allowance: Allowance
) -> tuple[NDArray[np.bool_], tuple[Answer, Answer]]:
    """Return columns that raise the least share, and what the linear and the whole program say about it."""
    small = reduce_covering(covering)
    chosen = _halve(small, towns, allowance)
    linear = raise_least_share(covering, towns.population, towns.there, slack=0.0)
    relaxed = replace(linear, integer=np.zeros(len(linear.integer), np.bool_))
    bound = solve_program(relaxed, Effort(allowance=allowance.part(_LINEAR_TIME)))
    program = raise_least_share(small, towns.population, towns.there)
    begun = solution_of(small, program, chosen)
    begun[-1] = float(towns.least(small, chosen)) * int(towns.population.max()) / small.solver_weight
    answer = solve_program(program, Effort(allowance=allowance.first(_EXACT_TIME)), begun)
    if answer.values is not None:
        trial = columns_of(small, program, answer.values)
        if small.fits(trial) and towns.least(small, trial) > towns.least(small, chosen):
            chosen = trial
    return np.isin(covering.site, small.site[chosen]), (
        bound,
        replace(answer, bound=answer.bound * small.solver_weight),
    )


def _halve(small: Covering, towns: _Towns, allowance: Allowance) -> NDArray[np.bool_]:
    """Return columns found by asking for ever closer floors, alike for all districts."""
    best = open_for_floors(small)
    low, high = towns.least(small, best), towns.least(small, np.ones(len(small.site), np.bool_))
    for turn in range(_HALVINGS):
        if allowance.up or high - low <= CLOSE:
            break
        middle = Fraction(float(low + high) / 2)
        asked = replace(small, need=towns.need(middle))
        trial = improve(asked, open_for_floors(asked), _ROUNDS, allowance, seed=turn)
        share = towns.least(small, trial)
        if share > low:
            best, low = trial, share
        else:
            high = middle
    return best


def _plan(
    problem: Problem,
    limits: Limits,
    reading: Reading,
    towns: _Towns,
    found: tuple[NDArray[np.intp], Answer, Answer],
) -> SitingPlan:
    """Return the plan with the better bound: certified by the linear program, or not verified independently."""
    rows, linear, answer = found
    parts = opened_parts(problem, limits, rows, reading.terms.required)
    opened = problem.open.copy()
    opened[problem.rows(parts["selected"])] = True
    least = float(least_share(problem, problem.covered_by(opened), towns.names))
    plan = SitingPlan(model="max-min", objective=least, bound=1.0, status="feasible", seconds=0.0, **parts)
    largest = int(towns.population.max())
    if linear.duals is not None and largest > 0:
        multipliers, prices = _certificate(problem, reading, towns, linear.duals)
        plan = replace(plan, multipliers=multipliers, prices=prices, bound_by="certificate")
        plan = replace(plan, bound=min(proven_bound(problem, plan), 1.0))
    # The solver tells the people of the largest district but for its own tolerance.
    solver = share_within(problem, towns.names, (answer.bound + _SOLVED) / largest) if largest > 0 else 1.0
    if solver < plan.bound - CLOSE:
        plan = replace(plan, bound=solver, bound_by="solver")
    if plan.bound - least <= CLOSE:
        plan = replace(plan, bound=least, status="optimal")
    return plan


def _certificate(
    problem: Problem, reading: Reading, towns: _Towns, duals: NDArray[np.float64]
) -> tuple[NDArray[np.float64], Prices]:
    """Return the duals of the linear program as prices: of people, of limits, of districts, which weigh 1 in all."""
    covering, people = reading.covering, district_people(problem)
    counted = [name for name in people if name in towns.names]
    shared = np.flatnonzero(covering.rows.lengths > 1)
    largest = max(people[name] for name in counted)
    weights = np.maximum(-duals[len(duals) - len(counted) :], 0.0)
    weights /= weights.sum()
    floor = {name: float(weight) / people[name] for name, weight in zip(counted, weights, strict=True)}
    per_person = np.array([floor.get(name, 0.0) for name in (*people, "")])[covering.district] * largest
    worth = per_person * covering.weight / covering.solver_weight
    share = np.ones(len(covering.weight))
    share[shared] = np.divide(duals[: len(shared)], worth[shared], out=np.zeros(len(shared)), where=worth[shared] > 0)
    charges = np.maximum(duals[len(shared) : len(duals) - len(counted)], 0.0) * covering.solver_weight
    charges /= towns.population.max()
    packs, rest = charges[: len(covering.room)], charges[len(covering.room) :].tolist()
    quota, apart = pack_prices(problem, reading.terms, packs)
    prices = Prices(
        site=rest.pop(0) if covering.counts else 0.0,
        cost=rest.pop(0) / (covering.coin * covering.solver_cost) if covering.spends else 0.0,
        quota=quota,
        apart=apart,
        floor=floor,
    )
    return lifted(problem, reading, share), prices
