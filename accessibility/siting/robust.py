"""Plans that hold over draws of one question: best on average, or best in the worst tenth of the draws.

Each draw is a problem of the same sites with people of its own. What covers the greatest share on average is one
covering question: the draws side by side. What is best in the worst tenth, the mean of the k least of a plan's shares,
is none; but that mean is the least of all weighted means whose weights are at most 1/k and 1 in all::

    worst tenth of a plan  =  min over weights of sum of weight[d] * share[d]
                          <=  sum of weight[d] * share[d]      whatever the weights
                          <=  bound of the covering question in which draw d weighs weight[d]

So every choice of weights bounds every plan, by the certificate of a question that is covered by `verify_plan`. Cutting
planes choose the weights; what they leave open goes to branch and bound as a whole (Rockafellar and Uryasev 2000). All
of it is about these draws: no bound says anything of the errors that were not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from accessibility.errors import InfeasibleError, InputError, SolverError, UnprovenError, checked
from accessibility.geo.arrays import Frozen, starts_of
from accessibility.siting.certificate import check_sites
from accessibility.siting.covering import read_covering, reduce_covering
from accessibility.siting.effort import Allowance
from accessibility.siting.exact import Effort, solve_program
from accessibility.siting.limits import Limits, district_units, read_terms, refuse_boundless
from accessibility.siting.models.mclp import cover_within
from accessibility.siting.numbers import CLOSE
from accessibility.siting.outcome import opened_parts
from accessibility.siting.pairs import candidate_pairs, merged_rows, transposed
from accessibility.siting.programs import columns_of, raise_worst, solution_of
from accessibility.siting.verify import verify_plan

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from numpy.typing import NDArray

    from accessibility.siting.plan import Conditions, SitingPlan, Status
    from accessibility.siting.problem import Problem

Aim = Literal["mean", "worst"]
AIMS = ("mean", "worst")
"""What a robust plan is best in: the mean of its shares over the draws, or the mean of the least tenth of them."""
_TENTH = 10
_ROUNDS = 60
_PART = 0.05  # of the allowance, for the question of one choice of weights
_LEAST_WEIGHT = 1e-6


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Sample(Frozen):
    """Draws of one question.

    Raises
    ------
    InputError
        None, problems of other sites, or one without people.

    Examples
    --------
    >>> from accessibility.siting import Problem
    >>> from accessibility.siting.robust import Sample
    >>> one, other = (Problem.from_costs([[1, 9], [9, 1]], people, 5) for people in ([30, 10], [10, 10]))
    >>> sample = Sample(problems=(one, other))
    >>> sample.shares([0]).tolist(), sample.worth(sample.shares([0]), "worst")
    ([0.75, 0.5], 0.5)
    """

    problems: tuple[Problem, ...]  # of the same sites; each with people of its own

    def __post_init__(self) -> None:
        """Refuse problems that have no shares, or cannot be compared."""
        first = self.problems[0] if self.problems else None
        if first is None or any(list(other.ids) != list(first.ids) for other in self.problems):
            msg = "problems that are put side by side have other sites; expected one or more, the same sites in all"
            raise InputError(msg)
        if any(not problem.population > 0 for problem in self.problems):
            msg = "a draw has no people; expected people in every draw"
            raise InputError(msg)

    @property
    def draws(self) -> int:
        """How many there are."""
        return len(self.problems)

    @property
    def tenth(self) -> int:
        """How many draws are a tenth of them, rounded up."""
        return -(-self.draws // _TENTH)

    @cached_property
    def population(self) -> float:
        """People of a draw, on average."""
        return float(np.mean([problem.population for problem in self.problems]))

    def shares(self, selected: Iterable[Hashable]) -> NDArray[np.float64]:
        """Return ``(draws,)`` share of its people that each draw has covered when these sites open."""
        chosen = tuple(selected)
        found = []
        for problem in self.problems:
            there = problem.open.copy()
            there[problem.rows(chosen)] = True
            found.append(float(problem.people[problem.covered_by(there)].sum()) / problem.population)
        return np.array(found)

    def worth(self, shares: NDArray[np.float64], aim: Aim) -> float:
        """Return the mean of the shares, or of the least tenth of them."""
        return float((shares if aim == "mean" else np.sort(shares)[: self.tenth]).mean())

    def error(self, shares: NDArray[np.float64], aim: Aim) -> float:
        """Return the standard error of `worth` that is left because draws are not endless.

        Of the worst tenth by its influence function, the greatest share in it standing for the tenth percentile.
        """
        edge = float(np.sort(shares)[self.tenth - 1])
        told = shares if aim == "mean" else np.minimum(shares - edge, 0.0) * (self.draws / self.tenth)
        return float(told.std()) / float(np.sqrt(self.draws))

    def weighted(self, weight: NDArray[np.float64] | None = None) -> Problem:
        """Return the draws side by side as one problem: a draw counts by its weight, whatever its people.

        Parameters
        ----------
        weight
            ``(draws,)`` 0 or more, 1 in all; alike if None. Draws of weight 0 are left out.
        """
        given = np.full(self.draws, 1.0 / self.draws) if weight is None else weight
        kept = [(p, w * self.population / p.population) for p, w in zip(self.problems, given, strict=True) if w > 0]
        parts = [problem for problem, _ in kept]
        offset = np.cumsum([0, *(len(p.people) for p in parts)])
        site = np.concatenate([p.pair_site for p in parts])
        demand = np.concatenate([p.demand + first for p, first in zip(parts, offset, strict=False)])
        order = np.lexsort((demand, site))
        cost, within = (np.concatenate([getattr(p, name) for p in parts])[order] for name in ("cost", "within"))
        return replace(
            parts[0],
            people=np.concatenate([p.people * factor for p, factor in kept]),
            start=np.searchsorted(site[order], np.arange(len(parts[0].start))),
            demand=demand[order],
            cost=cost,
            within=within,
            district=np.repeat(np.arange(len(parts)), np.diff(offset)),
            districts=tuple(f"draw {row}" for row in range(len(parts))),
            points=np.arange(offset[-1]).astype(object),
        )


def merge_points(problem: Problem) -> Problem:
    """Return a problem with one demand point for each set of candidates that would cover it; who is covered as one.

    Every choice of sites covers as many people as before. Districts, and whoever nobody reaches apart, are lost.
    """
    active = ~problem.covered & (problem.people > 0)
    site = np.flatnonzero(problem.candidate)
    columns = candidate_pairs(problem, site, active)
    n = len(active)
    row, rows, first = merged_rows(transposed(columns, n), np.zeros(n, np.int32), active)
    # Two more points: whom an open site covers, and whom no candidate would.
    place = np.where(row >= 0, row, len(first) + ~problem.covered)
    by_site = transposed(rows, len(site))
    held = np.zeros(len(problem.open), np.int64)
    held[site] = by_site.lengths
    demand = [by_site.item]
    if problem.open.any():
        opened = int(np.flatnonzero(problem.open)[0])
        held[opened] = 1
        demand = np.split(by_site.item, [int(held[:opened].sum())])
        demand.insert(1, np.array([len(first)], np.int32))
    pairs = np.concatenate(demand)
    return replace(
        problem,
        people=np.bincount(place, weights=problem.people, minlength=len(first) + 2).astype(np.float64),
        start=starts_of(held),
        demand=pairs,
        cost=np.zeros(len(pairs)),
        within=np.ones(len(pairs), np.bool_),
        district=np.full(len(first) + 2, -1),
        districts=(),
        points=np.arange(len(first) + 2).astype(object),
    )


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class RobustPlan(Frozen):
    """Sites that hold over draws, and what bounds every other choice over the same draws.

    Parameters
    ----------
    aim
        ``mean`` or ``worst``: which of `AIMS` the plan is best in.
    selected, costs
        Ids of the sites to open, the one that brings in most on average first, and what each costs.
    shares
        ``(draws,)`` share covered in each draw.
    objective, bound
        `Sample.worth` of the shares, and a share that no plan exceeds over these draws.
    status
        ``optimal`` (the gap is closed) or ``feasible``.
    bound_by
        ``certificate``, ``tree`` or ``enumeration`` (`verify_robust` proves the bound without a solver), or ``solver``.
    weight
        ``(draws,)`` of the question that `proof` answers.
    proof
        The best plan of the draws at these weights, whose bound bounds this one.

    Examples
    --------
    >>> from accessibility.siting import Problem, solve_robust
    >>> problems = [Problem.from_costs([[1, 9], [9, 1]], people, 5) for people in ([30, 10], [10, 10])]
    >>> solve_robust(problems, sites=1, aim="worst")
    <RobustPlan worst: 1 sites for 1 over 2 draws, objective 50.0 %, bound 50.0 %, optimal>
    """

    aim: Aim
    selected: tuple[object, ...]
    costs: tuple[float, ...]
    shares: NDArray[np.float64]
    objective: float
    bound: float
    status: Status
    bound_by: Literal["certificate", "enumeration", "tree", "solver"]
    weight: NDArray[np.float64]
    proof: SitingPlan

    def __repr__(self) -> str:
        """Return aim, sites, draws, objective, bound and status."""
        figures = f"objective {100 * self.objective:.1f} %, bound {100 * self.bound:.1f} %, {self.status}"
        sites = f"{len(self.selected)} sites for {self.cost:,.10g} over {len(self.shares)} draws"
        return f"<RobustPlan {self.aim}: {sites}, {figures}>"

    @property
    def cost(self) -> float:
        """What opening the selected sites costs."""
        return float(sum(self.costs))


@checked
def solve_robust(
    problems: Sequence[Problem],
    *,
    aim: Aim = "mean",
    sites: int | None = None,
    budget: float | None = None,
    time_limit_s: float | None = None,
    conditions: Conditions | None = None,
) -> RobustPlan:
    """Return the sites that cover the greatest share on average over draws, or in the worst tenth of them.

    Parameters
    ----------
    problems
        The draws: problems of the same sites, each with people of its own.
    aim
        ``mean`` (the mean of the shares) or ``worst`` (the mean of the least tenth of them, rounded up to whole draws).
    sites, budget
        Greatest number of sites, greatest total cost; at least one of them.
    time_limit_s
        Wall seconds; without any the search ends by its work, and the same on every machine.
    conditions
        Quotas, spacing, exclusive sites, sites that must or must not open; floors have no place here.

    Returns
    -------
    RobustPlan
        The sites with a bound that holds for these draws.

    Raises
    ------
    InputError
        Neither a number of sites nor a budget, another aim, floors, problems that have no shares or other sites.
    InfeasibleError
        Conditions that no plan keeps to.

    Examples
    --------
    One site covers 60 % of the people in one draw and 10 % in another, the other site 30 % in both:

    >>> from accessibility.siting import Problem, solve_robust
    >>> costs = [[1, 9, 9], [9, 1, 9]]
    >>> problems = [Problem.from_costs(costs, people, 5) for people in ([60, 30, 10], [10, 30, 60])]
    >>> [solve_robust(problems, sites=1, aim=aim).selected for aim in ("mean", "worst")]
    [(0,), (1,)]
    """
    limits = Limits.of(sites, budget, conditions)
    refuse_unheld(limits)
    if aim not in AIMS:
        msg = f"a robust plan is asked to be best in {aim!r}; expected one of {', '.join(AIMS)}"
        raise InputError(msg)
    search = _Search(
        sample=Sample(problems=tuple(problems)), aim=aim, limits=limits, allowance=Allowance(limit_s=time_limit_s)
    )
    return search.best_mean() if aim == "mean" else search.best_worst()


def refuse_unheld(limits: Limits) -> None:
    """Refuse limits under which draws are not compared.

    Raises
    ------
    InputError
        Neither a number of sites nor a budget, or floors, which other plans meet in other draws.
    """
    refuse_boundless(limits)
    if limits.conditions.floor or limits.conditions.floors:
        msg = "a robust plan is asked for with floors, which are met in some draws and not in others; expected none"
        raise InputError(msg)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """A question about draws, and what is left to its search."""

    sample: Sample
    aim: Aim
    limits: Limits
    allowance: Allowance

    @cached_property
    def _alike(self) -> NDArray[np.float64]:
        return np.full(self.sample.draws, 1.0 / self.sample.draws)

    @cached_property
    def _side_by_side(self) -> Problem:
        return self.sample.weighted()

    def best_mean(self) -> RobustPlan:
        """Return the best plan of the draws side by side."""
        proof = self._ask(self._alike, self.allowance)
        return self._plan(proof.selected, self._bound(proof), self._alike, proof)

    def best_worst(self) -> RobustPlan:
        """Return the best plan in the worst tenth, with the lowest bound that weights or branching prove."""
        tried = weight = self._alike
        proof = plan = self._ask(tried, self.allowance.part(_PART))
        best, pool = proof.selected, []
        for turn in range(_ROUNDS):
            best = max(best, plan.selected, key=self._worth)
            if self._bound(plan) < self._bound(proof):
                weight, proof = tried, plan
            pool.append(self.sample.shares(plan.selected))
            least, floor = _least_weights(np.array(pool), self.sample.tenth)
            if self._bound(proof) - max(self._worth(best), floor) <= CLOSE or self.allowance.up:
                break
            # Every second time halfway to the best weights so far: cutting planes alone go to and fro.
            tried = _tidy((least + weight) / 2 if turn % 2 else least, self.sample.tenth)
            plan = self._ask(tried, self.allowance.part(_PART))
        bound, by = self._bound(proof), proof.bound_by
        if bound - self._worth(best) > CLOSE and not self.allowance.up:
            best, branched = self._branch(best)
            bound, by = min((bound, by), (branched, "solver"), key=lambda one: one[0])
        return replace(self._plan(best, bound, weight, proof), bound_by=by)

    def _branch(self, best: tuple[object, ...]) -> tuple[tuple[object, ...], float]:
        """Return a plan that is no worse, and what branch and bound proves of every plan."""
        problem, several = self._side_by_side, self.sample.tenth
        reading = read_covering(problem, self.limits, by_district=True)
        covering, before = reduce_covering(reading.covering), problem.open.copy()
        before[reading.terms.required] = True
        there = np.array([*district_units(problem, problem.covered_by(before)).values()])
        program = raise_worst(covering, there, several)
        begun = solution_of(covering, program, np.isin(covering.site, problem.rows(best)))
        shares = self.sample.shares(best) * (self.sample.population / self.sample.draws)
        shares /= covering.person * covering.solver_weight
        edge = np.sort(shares)[several - 1]
        begun[-len(shares) - 1 :] = [edge, *np.maximum(edge - shares, 0.0)]
        answer = solve_program(program, Effort(allowance=self.allowance), begun)
        if answer.values is not None:
            chosen = covering.site[columns_of(covering, program, answer.values)]
            found = tuple(problem.ids[[*reading.terms.required, *chosen]].tolist())
            best = max(best, found, key=self._worth)
        each = covering.solver_weight * covering.person * self.sample.draws / self.sample.population
        return best, max(answer.bound * each, self._worth(best))

    def _ask(self, weight: NDArray[np.float64], allowance: Allowance) -> SitingPlan:
        """Return the plan that covers most people of the draws at their weights."""
        plan = cover_within(self.sample.weighted(weight), self.limits, 0.0, allowance)
        if plan.status == "infeasible":
            raise InfeasibleError(plan.message)
        return plan

    def _worth(self, selected: tuple[object, ...]) -> float:
        return self.sample.worth(self.sample.shares(selected), self.aim)

    def _bound(self, proof: SitingPlan) -> float:
        return min(proof.bound / self.sample.population, 1.0)

    def _plan(
        self, selected: tuple[object, ...], bound: float, weight: NDArray[np.float64], proof: SitingPlan
    ) -> RobustPlan:
        """Return a plan of these sites, in opening order."""
        problem = self._side_by_side
        parts = opened_parts(problem, self.limits, problem.rows(selected), read_terms(problem, self.limits).required)
        shares = self.sample.shares(parts["selected"])
        objective = self.sample.worth(shares, self.aim)
        closed = bound - objective <= CLOSE
        return RobustPlan(
            aim=self.aim,
            selected=parts["selected"],
            costs=parts["costs"],
            shares=shares,
            objective=objective,
            bound=objective if closed else bound,
            status="optimal" if closed else "feasible",
            bound_by=proof.bound_by,
            weight=weight,
            proof=proof,
        )


def _least_weights(pool: NDArray[np.float64], several: int) -> tuple[NDArray[np.float64], float]:
    """Return the weights at which the best of some plans is worst, each at most one over `several`, and its mean there.

    No plan that is still unknown makes that mean greater: it is below every bound that weights can prove.
    """
    from scipy.optimize import linprog  # noqa: PLC0415 -- for the worst tenth alone

    plans, draws = pool.shape
    answer = linprog(
        np.append(np.zeros(draws), 1.0),
        A_ub=np.column_stack([pool, -np.ones(plans)]),
        b_ub=np.zeros(plans),
        A_eq=np.append(np.ones(draws), 0.0)[None, :],
        b_eq=[1.0],
        bounds=[*[(0.0, 1.0 / several)] * draws, (None, None)],
    )
    if answer.x is None or answer.fun is None:
        msg = f"the solver found no weights of {draws} draws: {answer.message}; expected some"
        raise SolverError(msg)
    return answer.x[:-1], float(answer.fun)


def _tidy(weight: NDArray[np.float64], several: int) -> NDArray[np.float64]:
    """Return weights that add up to one, without those that are next to nothing."""
    kept = np.where(weight < _LEAST_WEIGHT / several, 0.0, weight)
    return np.asarray(kept / kept.sum())


@checked
def verify_robust(problems: Sequence[Problem], plan: RobustPlan) -> None:
    """Check a robust plan against the draws it was made for: sites, shares, objective, weights and bound.

    Parameters
    ----------
    problems
        The draws.
    plan
        What is said of them.

    Raises
    ------
    UnprovenError
        A claim that does not hold. A bound by branch and bound is held against the certificate alone.

    Examples
    --------
    >>> from accessibility.siting import Problem, solve_robust, verify_robust
    >>> problems = [Problem.from_costs([[1, 9], [9, 1]], people, 5) for people in ([30, 10], [10, 10])]
    >>> verify_robust(problems, solve_robust(problems, sites=1)) is None
    True
    """
    sample = Sample(problems=tuple(problems))
    if not all(told.shape == (sample.draws,) and (told >= 0).all() for told in (plan.weight, plan.shares)):
        msg = f"the robust plan's weights and shares are not 0 or more for each of the {sample.draws} draws"
        raise UnprovenError(msg)
    question = sample.weighted(plan.weight)
    verify_plan(question, plan.proof)
    check_sites(question, replace(plan.proof, selected=plan.selected, gain=plan.costs, costs=plan.costs, sites=None))
    most = 1.0 / sample.tenth if plan.aim == "worst" else 1.0 / sample.draws
    shares = sample.shares(plan.selected)
    proven = min(plan.proof.bound / sample.population, 1.0)
    figures = {
        "weights, in all": (float(plan.weight.sum()), 1.0),
        "shares": (float(np.abs(plan.shares - shares).max()), 0.0),
        "objective": (plan.objective, sample.worth(shares, plan.aim)),
        "gap, if it is called closed": ((plan.bound - plan.objective) * (plan.status == "optimal"), 0.0),
    }
    if plan.bound_by != "solver" and plan.status != "optimal":
        figures["bound"] = (plan.bound, proven)
    for name, (told, found) in figures.items():
        if not abs(told - found) <= 2 * CLOSE:
            msg = f"the robust plan says that its {name} is {told:.12g}; it is {found:.12g}"
            raise UnprovenError(msg)
    if not plan.objective - 2 * CLOSE <= plan.bound <= proven + 2 * CLOSE or plan.weight.max() > most * (1 + CLOSE):
        msg = f"the robust plan says that its bound is {plan.bound:.12g}; its weights prove {proven:.12g}"
        raise UnprovenError(msg)
