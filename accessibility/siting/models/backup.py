"""Backup coverage: people covered, and then people covered twice, so that a closure leaves few without a site."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from accessibility.errors import InputError, checked, spell_number
from accessibility.siting.claim_trees import witnessed
from accessibility.siting.counts import TWICE, Counts, read_counts
from accessibility.siting.effort import Allowance
from accessibility.siting.exact import Effort, Program, solve_within
from accessibility.siting.infeasible import meet_floors, unmet_floors
from accessibility.siting.limits import Limits, opened_fields, read_terms, refuse_boundless
from accessibility.siting.numbers import HALF, SUMS, Units, read_units, solver_unit
from accessibility.siting.outcome import ended, refused_plan
from accessibility.siting.plan import SitingPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.plan import Conditions
    from accessibility.siting.problem import Problem


@checked
def solve_backup(
    problem: Problem,
    *,
    sites: int | None = None,
    budget: float | None = None,
    weight: float | None = None,
    time_limit_s: float | None = None,
    conditions: Conditions | None = None,
) -> SitingPlan:
    """Return the sites whose opening covers most people and, of such plans, most people twice or more.

    Sites that are open today count. The objective is the people covered plus those covered twice or more, or the
    weighted sum where a weight is given; `message` tells the two apart. Without a weight the bound holds for plans that
    cover at least as many people as this one, which come before all others. `gain` is the people newly covered, and 0
    for a site that only backs others up; sites stand in the order of people newly covered, then newly covered twice.

    Parameters
    ----------
    problem
        People and who is within the standard of which site.
    sites, budget
        How many sites may open at most, and what they may cost; at least one of the two.
    weight
        What a person covered counts against a person covered twice, 0 to 1: ``weight`` and ``1 - weight``. Where not
        given, no number of people covered twice outweighs a person covered.
    time_limit_s
        Wall seconds, those of compiling apart; then the best plan so far is returned, with the bound so far. Without
        any the search ends by its work, and the same on every machine.
    conditions
        What else the plan has to keep to; floors are about people covered once or more.

    Returns
    -------
    SitingPlan
        Where no plan meets the conditions: status ``infeasible``, with a message.

    Raises
    ------
    InputError
        No limit, limits or weights that are no numbers, conditions that do not fit the problem.
    UnprovenError
        Where no plan that meets the floors was found in time, and none was proven impossible.

    References
    ----------
    K. Hogan, C. ReVelle: Concepts and applications of backup coverage. Management Science 32, 1986, 1434-1444.

    Examples
    --------
    >>> from accessibility.siting.problem import Problem
    >>> problem = Problem.from_costs([[1, 9, 9], [2, 2, 9], [9, 2, 1]], [10, 20, 30], cutoff=2)
    >>> plan = solve_backup(problem, sites=2)
    >>> plan.selected, plan.message
    ((2, 1), '60 people covered, 20 of them twice or more')
    """
    allowance, limits = Allowance(limit_s=time_limit_s), Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    if weight is not None and not 0.0 <= weight <= 1.0:
        msg = (
            f"weight is {spell_number(weight)}; expected what a person covered counts against one covered twice, 0 to 1"
        )
        raise InputError(msg)
    terms = read_terms(problem, limits)
    if terms.contradiction:
        return _valued_today(problem, refused_plan(problem, limits, "backup", terms.contradiction), weight)
    anyway = problem.open.copy()
    anyway[terms.required] = True
    counts = read_counts(problem, limits, terms, np.flatnonzero(terms.allowed), anyway)
    search = _Search(counts=counts, worth_of=_worth_of(weight), allowance=allowance, first=weight is None)
    begun = meet_floors(counts, search.greedy(), allowance)
    if counts.shortage(begun).any():
        short = unmet_floors(problem, limits, terms, "backup", counts.shortage(begun))
        return witnessed(problem, _valued_today(problem, short, weight), allowance)
    chosen, bound = search.run(begun)
    chosen = search.settled(chosen)
    rows = np.concatenate([terms.required, counts.columns[chosen]])
    each = problem.people_units.unit * search.worth_of.unit
    found = (search.objective(chosen) * each, bound * each, allowance.spent_s)
    return ended(problem, replace(_plan(problem, limits, rows, found), weight=weight), allowance)


def _valued_today(problem: Problem, plan: SitingPlan, weight: float | None) -> SitingPlan:
    """Return a plan that opens nothing with what is covered today."""
    once, twice = count_people(problem, problem.open)
    one, two = (1.0, 1.0) if weight is None else (weight, 1.0 - weight)
    return replace(plan, objective=one * once + two * twice, weight=weight)


def _worth_of(weight: float | None) -> Units:
    """Return what a person covered counts, and one covered twice."""
    worth = (1.0, 1.0) if weight is None else (weight, 1.0 - weight)
    return read_units(np.array(worth), "weights")


def count_people(problem: Problem, sites: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the people that a set of sites covers, and those that it covers twice or more."""
    pairs = problem.within & sites[problem.pair_site]
    times = np.bincount(problem.demand[pairs], minlength=len(problem.people))
    return float(problem.people[times >= 1].sum()), float(problem.people[times >= TWICE].sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """How a plan is searched."""

    counts: Counts  # people and columns
    worth_of: Units  # what a person covered counts, and one covered twice, in whole numbers
    allowance: Allowance  # when to stop
    first: bool  # whether people covered come first, whatever the number of those covered twice

    def worth(self, once: NDArray[np.float64], twice: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the objective, or its change, of so many people covered and covered twice."""
        one, two = self.worth_of.whole
        found: NDArray[np.float64] = one * once + two * twice
        return found

    def objective(self, chosen: NDArray[np.bool_]) -> float:
        """Return the objective of a plan."""
        return float(self.worth(*np.array([self.counts.people(chosen), self.counts.people(chosen, TWICE)])))

    def rank(self, chosen: NDArray[np.bool_]) -> tuple[float, float]:
        """Return what makes one plan better than another."""
        return (self.counts.people(chosen) if self.first else 0.0), self.objective(chosen)

    def greedy(self) -> NDArray[np.bool_]:
        """Return the sites that bring in most in turn."""
        chosen = np.zeros(len(self.counts.columns), np.bool_)
        while True:
            once, twice = self.counts.brought(chosen)
            first = once if self.first else np.zeros_like(once)
            then = self.worth(once, twice)
            may = self.counts.room.admits(chosen) & ~chosen & (then > 0)
            if not may.any():
                return chosen
            order = np.lexsort((np.arange(len(may)), self.counts.room.cost, -then, -first, ~may))
            chosen[order[0]] = True

    def run(self, begun: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
        """Return the best plan found, and a bound of the objective."""
        if not self.first:
            one, two = self.worth_of.whole.tolist()
            return self._solved(begun, (one, two), None)
        covering, most = self._solved(begun, (1.0, 0.0), None)
        covered = self.counts.people(covering)
        chosen, twice = self._solved(covering, (0.0, 1.0), covered)
        return chosen, most + twice

    def settled(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a plan as good, without idle sites; of two sites that bring in the same, the cheaper, lower one."""
        best, cost = chosen.copy(), self.counts.room.cost
        for site in np.flatnonzero(chosen)[np.lexsort((np.flatnonzero(chosen), cost[chosen]))][::-1]:
            without = best.copy()
            without[site] = False
            once, twice = self.counts.brought(without)
            if self._as_good(without, best):
                best = without
                continue
            near = once == once[site] if self.first else np.ones(len(once), np.bool_)
            near &= self.worth(once, twice) == self.worth(once, twice)[site]
            before = (cost < cost[site]) | ((cost == cost[site]) & (np.arange(len(cost)) < site))
            others = np.flatnonzero(near & before & ~best & self.counts.room.admits(without))
            for other in others[np.lexsort((others, cost[others]))][:1]:
                swapped = without.copy()
                swapped[other] = True
                best = swapped if self._as_good(swapped, best) else best
        return best

    def _as_good(self, plan: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
        return self.rank(plan) == self.rank(other) and not self.counts.shortage(plan).any()

    def _solved(
        self, begun: NDArray[np.bool_], worth: tuple[float, float], covered: float | None
    ) -> tuple[NDArray[np.bool_], float]:
        """Return the better of a plan and what the solver finds, and the solver's bound.

        Parameters
        ----------
        begun
            A plan that meets the floors.
        worth
            Of a person covered, and covered twice.
        covered
            How many people have to be covered.
        """
        counts, m = self.counts, len(self.counts.columns)
        known, unit = _valued(counts, worth, begun), solver_unit(sum(worth) * float(counts.weight.sum()))
        program, fixed = _program(counts, worth, covered, unit)
        effort = Effort(allowance=self.allowance, gap_absolute=max((1.0 - 1e-6) / unit, 1e-9))
        answer = solve_within(program, effort, counts.room.budget, _solution(counts, begun))
        ceiling = worth[0] * counts.ceiling(1) + worth[1] * counts.ceiling(TWICE)
        solver = answer.bound * unit
        bound = min(math.floor(solver + SUMS * abs(solver) + 1e-6) + fixed, ceiling) if np.isfinite(solver) else ceiling
        found = begun if answer.values is None else answer.values[:m] > HALF
        value = _valued(counts, worth, found)
        enough = covered is None or counts.people(found) >= covered
        if not (value > known and enough and counts.room.holds(found)) or counts.shortage(found).any():
            found, value = begun, known
        return found, max(bound, value)


def _valued(counts: Counts, worth: tuple[float, float], chosen: NDArray[np.bool_]) -> float:
    return worth[0] * counts.people(chosen) + worth[1] * counts.people(chosen, TWICE)


def _again(counts: Counts) -> NDArray[np.intp]:
    """Return the rows that are covered once anyway and may be covered twice."""
    return np.flatnonzero((counts.before == 1) & (np.diff(counts.matrix.indptr) > 0))


def _solution(counts: Counts, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a plan as values of the program's columns."""
    new, times = counts.links()[0], counts.counted(chosen)
    twice = times[np.concatenate([new, _again(counts)])] >= TWICE
    return np.concatenate([chosen, times[new] >= 1, twice]).astype(np.float64)


def _program(counts: Counts, worth: tuple[float, float], covered: float | None, unit: float) -> tuple[Program, float]:
    """Return the program of most worth, in parts of `unit`, and the worth that is fixed.

    Its columns are the sites, whether a row that nothing covers yet is covered, and whether a row is covered twice; the
    last are whole numbers, or half a row covered could count as covered twice. Where so many have to be covered, rows
    of more people than may be left out are so by a bound: beside a million people in a sum, a solver loses ten.
    """
    m, (new, sites) = len(counts.columns), counts.links()
    again = _again(counts)
    a, b = len(new), len(again)
    people, lacking = counts.lacking(new)
    must = np.zeros(a, np.bool_)
    if covered is not None:
        weight = counts.weight[new]
        asked = covered - counts.weight[counts.before > 0].sum()
        must = weight > weight.sum() - asked
        rest = sparse.csr_array(np.where(must, 0.0, weight / counts.unit)[None])
        people = sparse.csr_array(sparse.vstack([people, rest]))
        lacking = np.append(lacking, (asked - weight[must].sum()) / counts.unit)
    one, none = sparse.eye_array(a), sparse.csr_array
    left = counts.room.solver_left()
    parts: list[Any] = [
        sparse.hstack([-sites, one, one, none((a, b))]),
        sparse.hstack([none((a, m)), -one, one, none((a, b))]),
        sparse.hstack([-counts.matrix[again], none((b, 2 * a)), sparse.eye_array(b)]),
        sparse.hstack([none((len(lacking), m)), people, none((len(lacking), a + b))]),
        sparse.hstack([counts.room.solver_rows, none((len(left), 2 * a + b))]),
    ]
    wide = m + 2 * a + b
    above, below = np.full(2 * a + b, -np.inf), np.full(len(left), -np.inf)
    once, twice = counts.weight[new], counts.weight[np.concatenate([new, again])]
    program = Program(
        objective=np.concatenate([np.zeros(m), worth[0] * once, worth[1] * twice]) / unit,
        lower=np.concatenate([np.zeros(m), must, np.zeros(a + b)]),
        upper=np.ones(wide),
        integer=(np.arange(wide) < m) | (np.arange(wide) >= m + a),
        rows=sparse.csr_array(sparse.vstack(parts)),
        row_lower=np.concatenate([above, lacking - HALF / counts.unit, below]),
        row_upper=np.concatenate([np.zeros(2 * a + b), np.full(len(lacking), np.inf), left]),
    )
    return program, _valued(counts, worth, np.zeros(m, np.bool_))


def _plan(problem: Problem, limits: Limits, rows: NDArray[np.intp], found: tuple[float, float, float]) -> SitingPlan:
    objective, bound, seconds = found
    order, gains = order_by_cover(problem, rows)
    counts = problem.open.copy()
    counts[order] = True
    closed = problem.people_units.alike(bound, objective)
    return SitingPlan(
        model="backup",
        objective=objective,
        bound=objective if closed else bound,
        status="optimal" if closed else "feasible",
        seconds=seconds,
        **opened_fields(problem, limits, order, gains),
        message=covered_twice_text(problem, counts),
    )


def covered_twice_text(problem: Problem, counts: NDArray[np.bool_]) -> str:
    """Return how many people the sites that count cover once, and how many twice, for a sentence."""
    once, twice = count_people(problem, counts)
    return f"{once:,.0f} people covered, {twice:,.0f} of them twice or more"


def order_by_cover(problem: Problem, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return site rows in opening order, and the people newly covered by each.

    Who newly covers most comes first, then who newly covers most twice, then the cheaper, then the lower id.
    """
    times = np.bincount(problem.demand[problem.within & problem.open[problem.pair_site]], minlength=len(problem.people))
    reach, whole = {}, problem.people_units.whole
    for row in map(int, rows):
        pairs = slice(problem.start[row], problem.start[row + 1])
        reach[row] = problem.demand[pairs][problem.within[pairs]]
    order: list[int] = []
    gains: list[float] = []
    while reach:
        ranked = []
        for row, points in reach.items():
            once, twice = (int(whole[points[times[points] == k]].sum()) for k in (0, 1))
            ranked.append((-once, -twice, float(problem.site_cost[row]), int(problem.rank[row]), row))
        site = min(ranked)[-1]
        points = reach.pop(site)
        order.append(site)
        gains.append(float(problem.people[points[times[points] == 0]].sum()))
        times[points] += 1
    return np.array(order, dtype=np.intp), np.array(gains)
