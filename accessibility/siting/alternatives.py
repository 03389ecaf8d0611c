"""Other plans that are nearly as good, and which sites none of them can do without."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError, checked, spell_number
from accessibility.siting.annealing import improve
from accessibility.siting.covering import read_covering, reduce_covering, take_columns
from accessibility.siting.covering_course import approach, begin_course, close_gap, finish_course
from accessibility.siting.effort import Allowance
from accessibility.siting.goals import MostPeople
from accessibility.siting.limits import Limits, refuse_boundless
from accessibility.siting.numbers import CLOSE, SLACK, SUMS
from accessibility.siting.outcome import cover_plan, opened_parts, refuse_unproven, refused_plan

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.sites import Sites
    from accessibility.siting.covering import Reading
    from accessibility.siting.covering_course import Course
    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem

PROVEN = "in every good plan, proven"
UNPROVEN = "in every plan found, not proven"
OPTIONAL = "some good plan does without it"
_PLANS = 20
_BEST_WORK, _PROOF_WORK, _PROOFS = 0.4, 0.1, 0.8  # of all the work; for all proofs together, of what is left
_ROUNDS = 500
_TRIALS = 5
_SEED = 20_240_607


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Portfolio:
    """Distinct plans that cover nearly as many people as the best one found.

    Parameters
    ----------
    best
        The best plan found, with its proof; infeasible where no plan meets the conditions.
    plans
        The good plans, the best one first; each keeps to all limits and conditions, and none has the sites of another.
    within, least_people
        A plan is good that covers at least ``1 - within`` of what the best one does: so many people.
    ids, kind
        ``(m,)`` sites that stand in any of the plans.
    verdict
        ``(m,)`` what is known of each: `PROVEN`, `UNPROVEN` or `OPTIONAL`.
    without_people
        ``(m,)`` most people covered by a plan found that does without the site; NaN where none was found.
    without_bound
        ``(m,)`` no plan without the site covers more; NaN where that was not asked.
    message
        Why there is no plan; otherwise empty.
    sites
        The sites of `ids`, in that order; None where the problem came from a matrix.
    seconds
        Wall time.

    Examples
    --------
    >>> from accessibility.siting import Problem, portfolio
    >>> problem = Problem.from_costs([[1, 9, 9], [9, 1, 9], [9, 9, 1]], [500, 10, 9], 5)
    >>> found = portfolio(problem, sites=2)
    >>> [plan.selected for plan in found.plans]
    [(0, 1), (0, 2)]
    """

    best: SitingPlan
    plans: tuple[SitingPlan, ...]
    within: float
    least_people: float
    ids: tuple[object, ...]
    kind: tuple[str, ...]
    verdict: tuple[str, ...]
    without_people: NDArray[np.float64]
    without_bound: NDArray[np.float64]
    message: str = ""
    sites: Sites | None = None
    seconds: float

    def __repr__(self) -> str:
        """Return the number of plans, and of the sites in them."""
        return (
            f"<Portfolio of {len(self.plans)} plans within {100 * self.within:g} % of {self.best.objective:,.0f}:"
            f" {len(self.ids)} sites, {self.verdict.count(PROVEN)} of them proven to be in every good plan>"
        )

    @property
    def proven_within(self) -> float:
        """Share by which the worst of these plans falls short of the best there is, found or not, at most.

        The bound proves it. It is 0 where every one of them is a best plan; NaN without plans.
        """
        if not self.plans:
            return math.nan
        bound, worst = self.best.bound, min(plan.objective for plan in self.plans)
        return (bound - worst) / bound if bound - worst > 2 * CLOSE * bound else 0.0

    @property
    def claim(self) -> str:
        """One sentence on these plans: the best, or within how much of it; and what is not proven."""
        if not self.plans:
            return self.message
        count = f"{len(self.plans)} plan{'s' if len(self.plans) > 1 else ''}"
        if self.proven_within == 0:
            return f"{count}, each proven to be a best one; there may be more that are as good"
        share = f"each proven to be within {100 * self.proven_within:.3g} % of the best there is"
        best = "proven" if self.best.status == "optimal" else "found"
        return (
            f"{count} within {100 * self.within:g} % of the best one {best}, {share}; that they are the"
            f" {len(self.plans)} best is not proven"
        )

    def table(self) -> pd.DataFrame:
        """Return one row per site, those in most plans first.

        Returns
        -------
        pandas.DataFrame
            ``id``, ``name``, ``kind``, ``appears`` (in how many of the plans), ``share`` (of the plans), ``necessary``
            (whether it is proven that every good plan opens it, also the plans that were not found), ``verdict`` (the
            same in words), ``without_people`` and ``without_bound``.

        Examples
        --------
        >>> found.table()[["id", "appears", "necessary"]].to_dict("records")[0]
        {'id': 0, 'appears': 2, 'necessary': True}
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        appears = np.array([sum(site in plan.selected for plan in self.plans) for site in self.ids], dtype=np.int64)
        name = [""] * len(self.ids) if self.sites is None else list(self.sites.name)
        table = pd.DataFrame(
            {
                "id": pd.Series(list(self.ids), dtype=object),
                "name": pd.Series(name, dtype=object),
                "kind": pd.Series(list(self.kind), dtype=object),
                "appears": appears,
                "share": appears / max(len(self.plans), 1),
                "necessary": np.array([verdict == PROVEN for verdict in self.verdict], dtype=np.bool_),
                "verdict": pd.Series(list(self.verdict), dtype=object),
                "without_people": self.without_people,
                "without_bound": self.without_bound,
            }
        )
        order = np.argsort(-appears, kind="stable")
        return table.iloc[order].reset_index(drop=True)


@checked
def portfolio(  # noqa: PLR0913 -- the limits of `solve_mclp`, and three of its own
    problem: Problem,
    *,
    within: float = 0.01,
    plans: int = _PLANS,
    sites: int | None = None,
    budget: float | None = None,
    conditions: Conditions | None = None,
    time_limit_s: float | None = None,
) -> Portfolio:
    """Return plans nearly as good as the best one, and which sites every such plan opens.

    For each site of the best plan the best plan without it is sought. Where that is bound to cover too few people every
    good plan opens the site: that is proven, for all plans, by prices or by the solver's search. That a site stands in
    all plans found proves nothing.

    Parameters
    ----------
    problem
        People, candidates and what is covered today.
    within
        How much less than the best plan found a good one may cover, as a share of all people that one covers, those
        covered today included.
    plans
        Greatest number of plans to return, 1 or more.
    sites, budget, conditions
        As in `solve_mclp`; at least one of the first two.
    time_limit_s
        Wall seconds, those of compiling apart; without any the search ends by its work, and the same on every machine.

    Returns
    -------
    Portfolio
        Where no plan meets the conditions it holds no plans, and a message.

    Raises
    ------
    InputError
        Neither a number of sites nor a budget, a share outside 0 to 1, no plans asked for, conditions about what is
        not there.

    Examples
    --------
    >>> from accessibility.siting import Problem, portfolio
    >>> problem = Problem.from_costs([[1, 9, 9], [9, 1, 9], [9, 9, 1]], [500, 10, 9], 5)
    >>> portfolio(problem, sites=2).table()[["id", "appears", "share", "necessary"]]
      id  appears  share  necessary
    0  0        2    1.0       True
    1  1        1    0.5      False
    2  2        1    0.5      False
    """
    allowance = Allowance(limit_s=time_limit_s)
    limits = Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    _refuse(within, plans)
    reading = read_covering(problem, limits)
    if reading.terms.contradiction:
        return _no_plans(refused_plan(problem, limits, "mclp", reading.terms.contradiction), within, allowance)
    course = close_gap(MostPeople(), reading.covering, 0.0, allowance.part(_BEST_WORK))
    best = cover_plan(problem, limits, reading, course, allowance)
    refuse_unproven(best)
    if course.short:
        return _no_plans(best, within, allowance)
    search = _Search(problem=problem, limits=limits, reading=reading, course=course, within=within)
    search.add(course.sites)
    proofs = allowance.first(_PROOFS)
    for site in problem.rows(best.selected).tolist():
        search.do_without(site, proofs.part(_PROOF_WORK))
    search.gather(plans, allowance)
    return _told(search, best, plans, allowance)


def _refuse(within: float, plans: int) -> None:
    if not 0 <= within <= 1:
        msg = f"within is {spell_number(within)}; expected a share from 0 to 1"
        raise InputError(msg)
    if not (isinstance(plans, (int, np.integer)) and plans >= 1):
        msg = f"plans is {plans!r}; expected a whole number of plans, 1 or more"
        raise InputError(msg)


@dataclass(kw_only=True, eq=False)
class _Search:
    """Good plans found so far, and what is known of doing without a site."""

    # problem, limits, reading: the question
    problem: Problem
    limits: Limits
    reading: Reading
    course: Course  # where the search for the best plan ended
    within: float  # how much less a good plan may cover
    # sites of each good plan, in opening order, to the fields of its `SitingPlan`; no set of sites stands twice
    found: dict[frozenset[object], dict[str, Any]] = field(default_factory=dict)
    proven: set[int] = field(default_factory=set)  # sites that every good plan opens
    # bound, people: site to the most that a plan without it could cover, and that one found does cover
    bound: dict[int, float] = field(default_factory=dict)
    people: dict[int, float] = field(default_factory=dict)

    @property
    def wanted(self) -> int:
        """Weight that a good plan covers."""
        return math.ceil((1.0 - self.within) * self.course.value * (1.0 - SLACK))

    def add(self, sites: NDArray[np.intp]) -> None:
        """Remember a good plan; the same sites once."""
        parts = opened_parts(self.problem, self.limits, sites, self.reading.terms.required)
        self.found.setdefault(frozenset(parts["selected"]), parts)

    def do_without(self, site: int, allowance: Allowance) -> None:
        """Look for a good plan without a site of the best one, or prove that there is none."""
        if site in self.reading.terms.required:
            self.proven.add(site)
            return
        if any(self.problem.ids[site] not in selected for selected in self.found):
            return
        bound = self._priced(site)
        if bound >= self.wanted:
            bound = self._solved(site, allowance)
        if math.isfinite(bound):  # otherwise nothing that meets the floors is known without the site
            self.bound[site] = bound * self.reading.covering.person
        if bound < self.wanted:
            self.proven.add(site)

    def _priced(self, site: int) -> float:
        """Return what the prices of the best plan's bound prove about plans without a site."""
        place = np.flatnonzero(self.course.small.site == site)
        if self.course.guide is None or not len(place):
            return math.inf
        bound = self.course.guide.bound - float(self.course.guide.close_loss[place[0]])
        return float(math.floor(bound + abs(bound) * SUMS + 1e-6))

    def _solved(self, site: int, allowance: Allowance) -> float:
        """Return the bound of plans without a site, and remember the plan found if it is a good one."""
        covering = self.reading.covering
        covering = take_columns(covering, covering.site != site)
        course = begin_course(MostPeople(), covering, 0.0, self.course.sites)
        course.wanted = self.wanted
        approach(course, allowance)
        finish_course(course, allowance)
        if course.short:
            return -math.inf if course.short_at_least else course.bound
        self.people[site] = course.value * covering.person
        if course.value >= self.wanted:
            self.add(course.sites)
        return course.bound

    def gather(self, plans: int, allowance: Allowance) -> None:
        """Look for more good plans, by leaving out a few sites of one that was found and filling up again."""
        random = np.random.default_rng(_SEED)
        covering = self.reading.covering
        for _ in range(_TRIALS * plans):
            if len(self.found) >= plans or allowance.up:
                return
            known = list(self.found)[int(random.integers(len(self.found)))]
            begun = self.problem.rows(self.found[known]["selected"])
            loose = np.array([row for row in begun.tolist() if row not in self.proven], dtype=np.intp)
            if not len(loose):
                return
            few = random.choice(loose, size=int(random.integers(1, 2 + len(loose) // 3)), replace=False)
            left = reduce_covering(take_columns(covering, ~np.isin(covering.site, few)))
            chosen = improve(left, np.isin(left.site, begun), _ROUNDS, allowance)
            if left.value(chosen) >= self.wanted and not left.shortage(chosen).any():
                self.add(np.concatenate([left.opened, left.site[chosen]]))


def _no_plans(best: SitingPlan, within: float, allowance: Allowance) -> Portfolio:
    none = np.empty(0)
    return Portfolio(
        best=best,
        plans=(),
        within=within,
        least_people=(1.0 - within) * best.objective,
        ids=(),
        kind=(),
        verdict=(),
        without_people=none,
        without_bound=none,
        message=best.message,
        seconds=allowance.spent_s,
    )


def _told(search: _Search, best: SitingPlan, plans: int, allowance: Allowance) -> Portfolio:
    """Return what the search found, the best plan first."""
    plans_found = (_as_plan(search.problem, best, parts) for parts in search.found.values())
    # In whole units: of plans that are as good, the order of rows decides nothing.
    found = sorted(plans_found, key=lambda plan: -search.problem.people_units.most(plan.objective))
    best = found[0] if found[0].objective > best.objective * (1 + CLOSE) else best
    least = (1.0 - search.within) * best.objective
    good = [plan for plan in found if plan.objective >= least * (1.0 - SLACK)]
    kept = good[:plans]
    ids = list(dict.fromkeys(site for plan in kept for site in plan.selected))
    rows = search.problem.rows(ids).tolist()
    without = [max((p.objective for p in good if site not in p.selected), default=np.nan) for site in ids]
    verdict = [
        PROVEN if row in search.proven else UNPROVEN if np.isnan(people) else OPTIONAL
        for row, people in zip(rows, without, strict=True)
    ]
    tried = [search.people.get(row, np.nan) for row in rows]
    return Portfolio(
        best=best,
        plans=tuple(kept),
        within=search.within,
        least_people=least,
        ids=tuple(ids),
        kind=tuple(map(str, search.problem.kind[rows])),
        verdict=tuple(verdict),
        without_people=np.fmax(np.array(without), np.array(tried)),
        without_bound=np.array([search.bound.get(row, np.nan) for row in rows]),
        sites=search.problem.sites_at(np.array(rows, dtype=np.intp)),
        seconds=allowance.spent_s,
    )


def _as_plan(problem: Problem, best: SitingPlan, parts: dict[str, Any]) -> SitingPlan:
    """Return another plan of the same question; the bound of the best one is its own, too."""
    objective = parts["covered_before"] + float(sum(parts["gain"]))
    near = problem.people_units.alike(best.bound, objective)
    ended_by = "proof" if near else "gap" if best.ended_by == "proof" else best.ended_by  # as near as was asked for
    return replace(
        best,
        **parts,
        objective=objective,
        bound=objective if near else best.bound,
        status="optimal" if near else "feasible",
        ended_by=ended_by,
        message="",
    )
