"""From a question to a proposal: candidates, who they would cover, the model, the plan and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility import siting
from accessibility.errors import InputError, checked, spell_number
from accessibility.geo.projection import WGS84, transform
from accessibility.measures.catchments import trace_catchments
from accessibility.siting import Conditions, Problem
from accessibility.siting.plan import SERVING
from accessibility.standards import Rule, Standard
from accessibility.streets.snapping import SnapLimits, Snapped, snap_points
from accessibility.study.candidates import Attempt
from accessibility.whatif.scenario import Addition, Scenario
from accessibility.whatif.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    import pandas as pd

    from accessibility.measures.catchments import Catchments
    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites
    from accessibility.siting import SitingPlan
    from accessibility.streets.network import Network

MODELS = ("mclp", "lscp", "p-median", "p-center", "max-min", "backup", "relocation")
_FLOORLESS = (*SERVING, "max-min")  # models that are not about coverage, or raise the least of it themselves
_TO_THE_END = ("backup", "relocation")  # models that stop at no gap above zero
_WIDE_MIN = 24 * 60.0  # a day on foot: whoever has a way at all has one within it
_MOST_PAIRS = 100_000_000
_FRONTIER_STEPS = 25


@checked
@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a proposal."""

    # `mclp` (cover most people), `lscp` (cover all who can be, at least cost), `p-median` (least walking in all),
    # `p-center` (least longest walk), `max-min` (the district worst off as well as possible), `backup` (cover,
    # then cover twice), `relocation` (close at most `close`, open the others)
    model: str = "mclp"
    # sites, budget: at most so many sites, at most such a cost
    sites: int | None = None
    budget: float | None = None
    reach: float | None = None  # reach this share of all people at least cost, 0 to 1
    floor: float = 0.0  # every district at least this share covered, 0 to 1
    close: int = 0  # how many open sites may close (relocation)
    conditions: Conditions | None = None  # quotas, spacing, exclusive pairs and the like
    # greatest wall seconds of the search; None where its work alone is a limit, the same on every machine.
    time_limit_s: float | None = None
    gap: float = 0.0  # relative gap at which the search may stop

    def __post_init__(self) -> None:
        """Refuse models there are not, and what does not go together."""
        if self.model not in MODELS:
            msg = f"model is {self.model!r}; expected one of {', '.join(MODELS)}"
            raise InputError(msg)
        if self.reach is not None and (self.model != "mclp" or self.sites is not None or self.budget is not None):
            given = {"model": self.model != "mclp", "sites": self.sites is not None, "budget": self.budget is not None}
            found = ", ".join(name for name, there in given.items() if there)
            msg = f"reach asks for the least cost; expected no model, sites or budget with it, found {found}"
            raise InputError(msg)
        if self.reach is None and self.model != "lscp" and self.sites is None and self.budget is None:
            msg = f"nothing limits the proposal; expected sites, budget or reach with model {self.model!r}"
            raise InputError(msg)
        if self.close and self.model != "relocation":
            msg = f"close asks for open sites to give up; expected model 'relocation' with it, found {self.model!r}"
            raise InputError(msg)
        if self.floor and self.model in _FLOORLESS:
            msg = (
                f"floor is a least share of people covered, which model {self.model!r} does not keep to; expected none"
            )
            raise InputError(msg)
        limits = (("sites", self.sites, np.inf), ("budget", self.budget, np.inf), ("reach", self.reach, 1.0))
        for name, value, most in (*limits, ("floor", self.floor, 1.0), ("close", self.close, np.inf)):
            if value is not None and not 0 <= value <= most:
                expected = "0 or more" if np.isinf(most) else f"0 to {most:g}"
                msg = f"{name} is {spell_number(value)}; expected {expected}"
                raise InputError(msg)

    def solve(self, problem: Problem) -> SitingPlan:
        """Return the plan of the model that is asked for."""
        given: dict[str, Any] = {"time_limit_s": self.time_limit_s, "gap": self.gap, "conditions": self.limits}
        if self.reach is not None:
            return siting.solve_partial(problem, reach=self.reach, **given)
        given |= {"sites": self.sites, "budget": self.budget}
        solvers: Mapping[str, Callable[..., SitingPlan]] = {
            "mclp": siting.solve_mclp,
            "lscp": siting.solve_lscp,
            "p-median": siting.solve_p_median,
            "p-center": siting.solve_p_center,
            "max-min": siting.solve_max_min,
            "backup": siting.solve_backup,
            "relocation": siting.solve_relocation,
        }
        if self.model in _TO_THE_END:
            del given["gap"]
        if self.model == "relocation":
            given["close"] = self.close
        return solvers[self.model](problem, **given)

    def record(self) -> dict[str, Any]:
        """Return what a manifest says about the question; its conditions are the study's."""
        asked = ("model", "sites", "budget", "reach", "floor", "close", "time_limit_s", "gap")
        return {name: getattr(self, name) for name in asked}

    @property
    def limits(self) -> Conditions | None:
        """The conditions with the floor among them; None without any."""
        if not self.floor:
            return self.conditions
        return replace(self.conditions or Conditions(), floor=self.floor)


@dataclass(frozen=True, kw_only=True, eq=False)
class SitingCase:
    """A plan and what it was made from."""

    # question, problem, plan: what was asked, the question as arrays, and the answer with its proof
    question: Question
    problem: Problem
    plan: SitingPlan

    def frontier(self) -> pd.DataFrame | None:
        """Return what each budget (or number of sites) up to twice the plan's buys, with its proven ceiling.

        None for models that do not ask how many people a budget covers.
        """
        if self.question.model != "mclp" or self.question.reach is not None or self.plan.status == "infeasible":
            return None
        if self.question.budget is None:
            limit: dict[str, Any] = {"sites": list(range(2 * max(len(self.plan.selected), 1) + 1))}
        else:
            limit = {"budgets": np.linspace(0.0, 2.0 * self.question.budget, _FRONTIER_STEPS).tolist()}
        limit |= {"conditions": self.question.limits, "time_limit_s": self.question.time_limit_s}
        table = siting.coverage_frontier(self.problem, **limit).table().dropna(subset=["covered_people"])
        return table if len(table) else None  # below its floors a budget has no plan

    def record(self) -> dict[str, Any]:
        """Return what a manifest says about the plan."""
        plan = self.plan
        return {
            "model": plan.model,
            "status": plan.status,
            "objective": plan.objective,
            "bound": plan.bound,
            "gap": plan.gap,
            "bound_by": plan.bound_by,
            "ended_by": plan.ended_by,
            "time_limit_s": self.question.time_limit_s,
            "selected": [str(site) for site in plan.selected],
            "closed": [str(site) for site in plan.closed],
            "cost": plan.cost,
            "covered_people": plan.covered_people,
            "question": self.question.record(),
            "candidates": int(self.problem.candidate.sum()),
            "message": plan.message,
        }


def plan_scenario(
    sites: Sites, made: Sites | None, selected: Iterable[object], closed: Iterable[object] = (), name: str = "proposal"
) -> Scenario:
    """Return a plan as a scenario: the study's own candidates open, those made from the network are added.

    Parameters
    ----------
    sites, made
        The study's sites; candidates made from the network.
    selected, closed
        Ids, as text or as they are.
    name
        Of the scenario.

    Raises
    ------
    UnknownSiteError
        An id that is in neither.
    """
    return _planned(_ids_by_text(sites), sites if made is None else made, selected, closed, name)


def add_made(scenario: Scenario, made: Callable[[Hashable], Addition | None]) -> Scenario:
    """Return a scenario in which the candidates that it opens and the study made on its streets are added."""
    found = {site: there for site in scenario.opened if (there := made(site)) is not None}
    if not found:
        return scenario
    opened = tuple(site for site in scenario.opened if site not in found)
    return replace(scenario, opened=opened, added=(*scenario.added, *found.values()))


def _ids_by_text(sites: Sites) -> dict[str, Any]:
    return {str(site): site for site in sites.ids}


def _planned(
    known: dict[str, Any],
    there: Sites,
    selected: Iterable[object],
    closed: Iterable[object] = (),
    name: str = "proposal",
) -> Scenario:
    """Return the scenario of a plan; known sites open, others are added as they stand `there`."""
    opened = [known[str(site)] for site in selected if str(site) in known]
    fresh = [str(site) for site in selected if str(site) not in known]
    added: list[Addition] = []
    if fresh:
        rows = there.rows(fresh)
        lonlat = transform(there.xy[rows], there.crs, WGS84)
        added = [
            Addition(
                id=there.ids[row],
                lon=float(lon),
                lat=float(lat),
                kind=str(there.kind[row]),
                name=str(there.name[row]),
                cost=float(there.cost[row]),
            )
            for row, (lon, lat) in zip(rows, lonlat, strict=True)
        ]
    gone = tuple(known.get(str(site), site) for site in closed)
    return Scenario(name=name, opened=tuple(opened), closed=gone, added=tuple(added))


def list_attempts(
    sites: Sites,
    made: Sites | None,
    close: Iterable[Hashable] | str | None,
    new: Iterable[Hashable] | str | None,
    *,
    pairs: bool = False,
) -> list[Attempt]:
    """Return the changes that a ranking tries: each opening, each closing and, of pairs, each with each.

    Parameters
    ----------
    sites, made
        The study's sites; candidates made from the network.
    close, new
        Ids of the sites that close and open; a word for all that can; None for none.
    pairs
        Whether each closing is also tried with each opening.

    Raises
    ------
    UnknownSiteError
        An id that is in neither.
    """
    if close is None and new is None:
        msg = "nothing to rank; expected close='all', open='candidates', or ids of sites"
        raise InputError(msg)
    fresh = [*sites.ids[sites.may_open], *(() if made is None else made.ids)]
    gone = sites.ids[sites.open].tolist() if isinstance(close, str) else [] if close is None else list(close)
    opening = fresh if isinstance(new, str) else [] if new is None else list(new)
    known, there = _ids_by_text(sites), sites if made is None else made
    opens = [Attempt(scenario=_planned(known, there, [site]), site=site) for site in opening]
    closes = [Attempt(scenario=_planned(known, there, (), [site]), closed=site) for site in gone]
    both = ((one, other) for other in closes for one in opens) if pairs else ()
    swaps = [
        Attempt(scenario=replace(one.scenario, closed=other.scenario.closed), site=one.site, closed=other.closed)
        for one, other in both
    ]
    return opens + closes + swaps


def propose_sites(
    begun: Coverage | Trial, network: Network, district: pd.Series[Any], made: Sites | None, question: Question
) -> SitingCase:
    """Return where to open next.

    Parameters
    ----------
    begun
        Today's coverage, or a trial of what is carried out before; its bank branches that are no partners and its
        candidates may open. The plan follows the trial, and its scenario is both.
    network
        The streets.
    district
        District of each demand point, keyed by demand id, for floors.
    made
        Further candidates, made from the network; None for none.
    question
        What is asked.

    Raises
    ------
    InputError
        An invalid question, or one whose pairs of candidates and people are too many to hold.
    """
    coverage = begun.coverage() if isinstance(begun, Trial) else begun
    network, sites, snapped = coverage.snapped.streets(network), coverage.sites, coverage.snapped
    if made is not None and len(made):
        there = set(sites.ids)  # a scenario may have carried some of them out
        made = made.take(np.flatnonzero([site not in there for site in made.ids]))
        at = snap_points(network, transform(made.xy, made.crs, network.crs), SnapLimits().site_m, public=True)
        sites, snapped = sites + made, Snapped(demand=snapped.demand, sites=snapped.sites + at)
    rows = np.flatnonzero(sites.open | sites.may_open)
    candidates = sites.take(rows)
    stand = Snapped(demand=snapped.demand, sites=snapped.sites.take(rows))
    near = trace_catchments(network, coverage.demand, candidates, coverage.standard, coverage.walker, stand)
    problem = Problem.from_catchments(near, coverage.demand, candidates, district=district)
    note = ""
    if question.model in SERVING:
        _refuse_many(len(rows), len(coverage.demand))
        demand = coverage.demand.limited(None)
        everywhere = Standard(rules=dict.fromkeys(demand.settings, Rule.walk(_WIDE_MIN)))
        wide = trace_catchments(network, demand, candidates, everywhere, coverage.walker, stand)
        problem, note = _with_costs(problem, wide)
    plan = question.solve(problem)
    opens = plan_scenario(coverage.sites, made, plan.selected, plan.closed)
    plan = replace(
        plan,
        message=" ".join(part for part in (plan.message, note) if part),
        problem=problem,
        as_scenario=replace(begun.follow(opens).scenario, name=opens.name) if isinstance(begun, Trial) else opens,
    )
    return SitingCase(question=question, problem=problem, plan=plan)


def _with_costs(problem: Problem, wide: Catchments) -> tuple[Problem, str]:
    """Return the problem with the walking seconds of all who reach some site, and in a sentence who does not."""
    n = len(problem.people)
    reached = np.zeros(n, np.bool_)
    reached[wide.demand] = True
    key, near = (
        np.repeat(np.arange(len(start) - 1), np.diff(start)) * n + demand
        for start, demand in ((wide.start, wide.demand), (problem.start, problem.demand))
    )
    at = np.searchsorted(near, key)
    place = np.cumsum(reached) - 1
    with_costs = replace(
        problem,
        people=problem.people[reached],
        points=problem.points[reached],
        start=wide.start,
        demand=place[wide.demand],
        cost=wide.cost,
        within=(at < len(near)) & (near[np.minimum(at, len(near) - 1)] == key)
        if len(near)
        else np.zeros(len(key), np.bool_),
        district=problem.district[reached],
    )
    left = float(problem.people[~reached].sum())
    if not left > 0:
        return with_costs, ""
    return with_costs, f"{left:,.0f} people who cannot reach any site are left out of the walking times."


def _refuse_many(sites: int, points: int) -> None:
    if sites * points > _MOST_PAIRS:
        msg = (
            f"{sites:,} sites and {points:,} demand points make {sites * points:,} pairs; expected at most"
            f" {_MOST_PAIRS:,} for a model of walking times: give fewer candidates"
        )
        raise InputError(msg)
