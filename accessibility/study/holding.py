"""Plans that hold: a question of siting asked of every draw of the inputs, and a plan that is best on average."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError
from accessibility.geo.arrays import Frozen
from accessibility.measures.catchments import trace_catchments
from accessibility.siting.problem import Problem
from accessibility.streets.snapping import Snapped
from accessibility.study.doubting import as_known, coordinate_ways
from accessibility.uncertainty.chance import Chance
from accessibility.uncertainty.draws import Draw
from accessibility.uncertainty.scene import Case, Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.sites import Sites
    from accessibility.siting.plan import SitingPlan
    from accessibility.study.proposing import Question
    from accessibility.study.studied import Studied

MUST_HAVE = 0.9
"""Share of the draws in whose best plan a site stands that every plan should have."""
_WORST = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldPlans(Frozen):
    """A plan held against draws of the inputs.

    Parameters
    ----------
    plan
        The best plan by the inputs as they are.
    robust
        The plan that covers most people on average over the draws; its bound is proven for these draws.
    best
        The best plan of each draw.
    shares
        ``(3, draws)`` share covered by the plan, by the robust one, and by the best of each draw.
    """

    plan: SitingPlan
    robust: SitingPlan
    best: tuple[SitingPlan, ...]
    shares: NDArray[np.float64]

    @property
    def regret(self) -> NDArray[np.float64]:
        """``(2, draws)`` percentage points that the plan, and the robust one, fall short of the best of each draw."""
        found: NDArray[np.float64] = 100 * (self.shares[2] - self.shares[:2])
        return found

    @cached_property
    def appears(self) -> dict[object, float]:
        """Site to the share of the draws in whose best plan it stands, those in most first."""
        sites = [site for plan in self.best for site in plan.selected]
        count = {site: sites.count(site) / len(self.best) for site in dict.fromkeys(sites)}
        return dict(sorted(count.items(), key=lambda item: -item[1]))

    @property
    def must_have(self) -> tuple[object, ...]:
        """Sites in the best plan of nine draws of ten or more."""
        return tuple(site for site, share in self.appears.items() if share >= MUST_HAVE)

    def table(self) -> pd.DataFrame:
        """Return one row per plan: share on average and in the worst tenth of the draws, regret on average and most."""
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        worst = max(1, int(np.ceil(_WORST * self.shares.shape[1])))
        rows = [
            {
                "plan": name,
                "sites": len(plan.selected),
                "mean_share": float(shares.mean()),
                "worst_share": float(np.sort(shares)[:worst].mean()),
                "mean_regret_points": float(regret.mean()),
                "most_regret_points": float(regret.max()),
            }
            for name, plan, shares, regret in zip(
                ("best by the inputs", "robust"), (self.plan, self.robust), self.shares[:2], self.regret, strict=True
            )
        ]
        return pd.DataFrame(rows)


def hold_plans(study: Studied, question: Question, *, draws: int = 40, seed: int = 1) -> HeldPlans:
    """Return how the best plan holds against draws of the inputs, and a plan that is best on average over them.

    Each draw is a problem of its own: other places of sites, other ways, people, homes, settings and pace. The robust
    plan is the answer to all of them put side by side, so that its bound holds for these draws, no more.

    Parameters
    ----------
    study
        The study.
    question
        What is asked: most people covered (``mclp``) within a budget or a number of sites, and conditions.
    draws, seed
        How many draws, and the seed of their random numbers.

    Raises
    ------
    InputError
        A question for another model, or fewer than two draws.
    """
    if question.model != "mclp" or question.close:
        msg = f"plans are held for model {question.model!r}, close {question.close}; expected 'mclp' without closings"
        raise InputError(msg)
    if draws < 2:  # noqa: PLR2004
        msg = f"plans are held against {draws} draws; expected 2 or more"
        raise InputError(msg)
    if question.conditions is None:
        question = replace(question, conditions=study.settings.siting.conditions)
    now = study.coverage()
    made = study.made_candidates
    sites = now.sites if made is None or not len(made) else now.sites + made
    at = study.snap_sites(sites).sites
    rows = np.flatnonzero(sites.open | sites.may_open)
    candidates = sites.take(rows)
    errors = study.settings.uncertainty.errors
    known = as_known(now.sites, coordinate_ways(study, now, errors), sites)[rows]
    everywhere = replace(
        now,
        sites=replace(candidates, open=np.ones(len(rows), np.bool_)),
        snapped=Snapped(demand=now.snapped.demand, sites=at.take(rows)),
    )
    scene = Scene(now=now, network=study.network, errors=errors, density=study.density)
    case = Case(coverage=everywhere, position_m=known)
    by_inputs = _problem(scene, case, candidates, (), Draw(scene=scene, errors=errors, chance=Chance(seed, 0)), study)
    active = scene.sources(case, errors)
    drawn = [Draw(scene=scene, errors=errors, chance=Chance(seed, number)) for number in range(draws)]
    problems = [_problem(scene, case, candidates, active, draw, study) for draw in drawn]
    plan, robust = question.solve(by_inputs), question.solve(stack_problems(problems))
    best = tuple(question.solve(problem) for problem in problems)
    shares = [[_share(problem, one) for problem in problems] for one in (plan, robust)]
    shares.append([_share(problem, one) for problem, one in zip(problems, best, strict=True)])
    return HeldPlans(plan=plan, robust=robust, best=best, shares=np.array(shares))


def _problem(scene: Scene, case: Case, candidates: Sites, active: Sequence[str], draw: Draw, study: Studied) -> Problem:
    """Return the question of siting by the inputs of one draw; the homes of a cell at one place of it."""
    now, network = scene.now, scene.network
    parts = draw.people(active)
    demand = replace(
        now.demand,
        population=now.demand.population * draw.people_factor(active),
        setting=draw.settings(active),
    )
    if "paths" in active:
        network = network.without(draw.gone)
    moved = replace(candidates, xy=draw.sites_xy(case, active), crs=network.crs)
    stand = Snapped(demand=parts[draw.chance.draw % len(parts)], sites=draw.sites(case, active))
    walker = draw.walker(case, active)
    near = trace_catchments(network, demand, moved, now.standard, walker, stand)
    return Problem.from_catchments(near, demand, candidates, district=study.district)


def stack_problems(problems: Sequence[Problem]) -> Problem:
    """Return the problems side by side as one: sites open in all of them, and people count on average.

    Parameters
    ----------
    problems
        Problems of the same sites; each with people of its own.

    Raises
    ------
    InputError
        Problems of other sites.
    """
    first = problems[0]
    if any(list(other.ids) != list(first.ids) for other in problems):
        msg = "problems that are put side by side have other sites; expected the same in all"
        raise InputError(msg)
    offset = np.cumsum([0, *(len(problem.people) for problem in problems)])
    site = np.concatenate([np.repeat(np.arange(len(p.start) - 1), np.diff(p.start)) for p in problems])
    demand = np.concatenate([p.demand + offset[i] for i, p in enumerate(problems)])
    order = np.lexsort((demand, site))
    fields: dict[str, Any] = {name: np.concatenate([getattr(p, name) for p in problems]) for name in ("cost", "within")}
    return replace(
        first,
        people=np.concatenate([p.people for p in problems]) / len(problems),
        start=np.searchsorted(site[order], np.arange(len(first.start))),
        demand=demand[order],
        cost=fields["cost"][order],
        within=fields["within"][order],
        district=np.concatenate([p.district for p in problems]),
        points=np.arange(offset[-1]).astype(object),
    )


def _share(problem: Problem, plan: SitingPlan) -> float:
    """Return the share of a problem's people that a plan covers, with the sites that are open already."""
    there = problem.open.copy()
    there[problem.rows(plan.selected)] = True
    covered = problem.covered_by(there)
    return float(problem.people[covered].sum()) / problem.population if problem.population > 0 else float("nan")
