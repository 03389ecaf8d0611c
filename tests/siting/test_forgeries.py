"""Every field of a plan forged, for every model: a checker refuses what the solvers did not find."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from provingworlds import MODELS, draw_question, find_truth, objective_of

from accessibility.errors import InputError, UnprovenError
from accessibility.siting import (
    Conditions,
    Problem,
    SitingPlan,
    solve_backup,
    solve_lscp,
    solve_max_min,
    solve_mclp,
    solve_p_center,
    solve_p_median,
    solve_partial,
    solve_relocation,
    verify_plan,
)
from accessibility.siting.certificate import proven_bound
from accessibility.siting.claims import claims_of
from accessibility.siting.outcome import WORKED
from accessibility.siting.plan import Prices, Sizes
from accessibility.siting.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provingworlds import Drawn

_QUESTIONS = 2


@cache
def plans_of(model: str) -> tuple[tuple[Drawn, SitingPlan], ...]:
    """Return a few questions whose best plan opens several sites."""
    found: list[tuple[Drawn, SitingPlan]] = []
    for seed in range(300):
        drawn = draw_question(seed)
        try:
            plan = drawn.solve(model)
        except RuntimeError:
            continue
        if len(plan.selected) > 1 and plan.status == "optimal" and plan.objective > 0 and min(plan.costs) > 0:
            found.append((drawn, plan))
        if len(found) == _QUESTIONS:
            break
    return tuple(found)


def forgeries(problem: Problem, plan: SitingPlan) -> Iterator[dict[str, Any]]:
    """Yield false claims, at least one for every field."""
    n, first, better = len(problem.people), plan.selected[0], 1 if plan.model in ("lscp", "partial") else -1
    fewer = {name: getattr(plan, name)[1:] for name in ("selected", "gain", "costs")}
    yield {"model": "plain"}
    yield {"model": "p-center" if plan.model != "p-center" else "p-median"}
    yield {"selected": ("nowhere", *plan.selected[1:])}
    yield {"selected": (first, *plan.selected[:-1])}
    yield fewer
    yield {"selected": (), "gain": (), "costs": (), "sites": None}
    yield {"gain": (plan.gain[0] * 1.001 + problem.population * 0.001, *plan.gain[1:])}
    yield {"gain": (math.nan, *plan.gain[1:])}
    yield {"closed": ("nowhere",)}
    yield {"closed": (first,)}
    for factor in (0.999, 1.001, -1.0):
        yield {"objective": plan.objective * factor}
        yield {"objective": plan.objective * factor, "bound": plan.objective * factor}
        yield {"bound": plan.bound * factor}
    yield {"bound": plan.objective * (1 + 0.53 * better), "status": "feasible", "ended_by": "work"}
    yield {"status": "infeasible"}
    yield {"status": "infeasible", "message": "no plan", "short_people": {"A": 1.0}}
    yield {"status": "infeasible", "message": "no plan", "conditions": Conditions(required=("nowhere",))}
    yield {"status": "feasible"}
    yield from ({"seconds": seconds} for seconds in (-1.0, math.nan))
    yield {"ended_by": "time"}
    yield {"trees": (Tree(split=np.array([-1], np.int32), price=np.zeros((1, n))),)}
    yield {"bound_by": "tree", "trees": ()}
    yield {"bound_by": "certificate", "multipliers": None}
    yield {"bound_by": "certificate", "multipliers": np.full(n, -1.0)}
    yield {"bound_by": "certificate", "multipliers": np.full(n, math.nan)}
    yield {"bound_by": "certificate", "multipliers": np.zeros(n + 1)}
    yield {"bound_by": "certificate", "prices": Prices(quota={"nothing": 1.0})}
    yield from ({"sites_limit": most} for most in (len(plan.selected) - 1, -1))
    yield {"budget": math.nan}
    yield {"budget": -1.0}
    yield {"budget": plan.cost * 0.99 - float(problem.site_cost[problem.rows(plan.closed)].sum())}
    yield {"target_share": 1.5}
    yield {"closures_limit": -1}
    yield {"weight": 2.0}
    yield {"conditions": Conditions(forbidden=(first,))}
    yield {"conditions": Conditions(exclusive=((first, plan.selected[1]),))}
    yield {"conditions": Conditions(floors={"nowhere": 0.5})}
    yield {"conditions": Conditions(required=(first,), forbidden=(first,))}
    yield {"short_people": {"A": 5.0}}
    yield {"population": plan.population * 1.001}
    yield {"covered_before": plan.covered_before + problem.population}
    yield {"costs": tuple(cost * 1.01 for cost in plan.costs)}
    yield {"costs": (math.nan, *plan.costs[1:])}
    yield {"sizes": Sizes(points=n + 1, candidates=9, pairs=9, rows=9, columns=9, entries=9)}
    yield {"message": "", "status": "infeasible"}
    said = ("the time limit of 60 s ended the search", WORKED, *(["9 covered"] if plan.model == "backup" else []))
    yield from ({"message": words} for words in said)


def refused(problem: Problem, plan: SitingPlan, change: dict[str, Any]) -> bool:
    try:
        verify_plan(problem, replace(plan, **change))
    except (UnprovenError, InputError):
        return True
    return False


@pytest.mark.parametrize("model", MODELS)
def test_every_field_is_held_against_the_problem(model: str) -> None:
    forged: set[str] = set()
    for drawn, plan in plans_of(model):
        verify_plan(drawn.problem, plan)
        for change in forgeries(drawn.problem, plan):
            forged |= set(change)
            assert refused(drawn.problem, plan, change), f"{change} passes for {plan}"
    told = {field.name for field in fields(SitingPlan)} - {
        "problem",
        "as_scenario",
        "study",
    }  # what it came from: no claims
    assert forged >= told


@pytest.mark.parametrize("model", MODELS)
def test_a_plan_of_nothing_claims_nothing_either(model: str) -> None:
    """Neither another bound, nor more or fewer people missing, nor prices of a certificate that is not there."""
    apart = [[1.0, 9.0, 9.0], [9.0, 1.0, 9.0], [9.0, 9.0, 1.0]]
    if model in ("p-median", "p-center"):
        apart = [[1.0, np.inf, np.inf], [np.inf, 1.0, np.inf], [np.inf, np.inf, 1.0]]
    problem = Problem.from_costs(apart, [5, 4, 3], 5, district=["A", "B", "B"])
    floored = Conditions(floor=1.0)
    solve: dict[str, Any] = {
        "mclp": partial(solve_mclp, sites=1, conditions=floored),
        "lscp": partial(solve_lscp, sites=1),
        "partial": partial(solve_partial, reach=0.9, budget=1),
        "p-median": partial(solve_p_median, sites=1),
        "p-center": partial(solve_p_center, sites=1),
        "backup": partial(solve_backup, sites=1, conditions=floored),
        "relocation": partial(solve_relocation, close=0, sites=1, conditions=floored),
        "max-min": partial(solve_max_min, sites=1, conditions=Conditions(required=(0, 1))),
    }
    plan = solve[model](problem)
    assert plan.status == "infeasible"
    verify_plan(problem, plan)
    for change in (
        {"bound": plan.bound * 0.9 if math.isfinite(plan.bound) and plan.bound else 7.0},
        {"objective": 7.5},
        {"short_people": {name: people + 1 for name, people in plan.short_people.items()} or {"A": 1.0}},
        {"short_people": {name: people / 2 for name, people in plan.short_people.items()} or {"B": 2.0}},
        {"ended_by": "time"},
        {"message": ""},
        {"message": f"{plan.message}; {WORKED}"},
        {"multipliers": None, "prices": Prices(site=1.0)},
    ):
        assert refused(problem, plan, change), f"{change} passes for {plan}"
    if model not in ("p-median", "p-center"):
        assert refused(problem, plan, {"message": "none: A lacks 1 person"})


@pytest.mark.parametrize("by", ["enumeration", "certificate", "tree", "solver"])
@pytest.mark.parametrize("model", MODELS)
def test_a_worse_plan_is_not_called_the_best(model: str, by: Any) -> None:
    """The best plan without its first site, told as if it were the best with it."""
    tried = 0
    for drawn, plan in plans_of(model):
        without = replace(drawn, conditions=replace(drawn.conditions, forbidden=(plan.selected[0],), required=()))
        try:
            worse = without.solve(model)
        except RuntimeError:
            continue
        if worse.status != "optimal" or math.isclose(worse.objective, plan.objective, rel_tol=1e-6):
            continue
        if model == "backup" and worse.covered_people >= plan.covered_people:
            continue
        tried += 1
        told = replace(worse, conditions=plan.conditions, bound=worse.objective, bound_by=by, sizes=plan.sizes)
        for evidence in ({}, {"multipliers": None, "prices": Prices()}, {"multipliers": plan.multipliers}):
            with pytest.raises((UnprovenError, InputError)):
                verify_plan(drawn.problem, replace(told, **evidence))
    assert tried or model == "p-center"


def any_prices(random: np.random.Generator, drawn: Drawn, model: str) -> Prices:
    """Return prices of every limit that a question sets, as they come."""
    problem, asked, names = drawn.problem, drawn.asked(model), [*drawn.problem.districts]
    cost = max(float(problem.site_cost.sum()), 1e-300)
    scale = {"max-min": 1.0, "lscp": cost}.get(model, problem.population / 3)
    floors: dict[str, float] = {}
    if model == "max-min":
        people = [problem.people[problem.district == k].sum() for k in range(len(names))]
        floors = {n: w / p for n, w, p in zip(names, random.dirichlet(np.ones(len(names))), people, strict=True)}
    elif model in ("mclp", "relocation"):
        floors = {name: random.random() for name in names if asked.floors.get(name, asked.floor) > 0}
    limited = {"site": (drawn.sites, scale), "cost": (drawn.budget, scale / cost)} if model != "partial" else {}
    return Prices(
        **{name: random.random() * most for name, (limit, most) in limited.items() if limit is not None},
        quota={name: random.random() * scale for name in asked.quotas},
        apart=tuple((pair, random.random() * scale) for pair in asked.exclusive),
        floor=floors,
        reach=random.random() * cost / problem.population if model == "partial" else 0.0,
        closure=random.random() * scale if model == "relocation" else 0.0,
    )


@pytest.mark.parametrize("model", ["mclp", "relocation", "lscp", "partial", "max-min"])
def test_no_certificate_proves_too_much(model: str) -> None:
    """Whatever multipliers and prices are told, what they prove is true of the best plan of all."""
    random, tried = np.random.default_rng(8), 0
    for seed in range(7000, 7040):
        drawn = draw_question(seed, most_sites=6, most_points=9)
        problem, truth = drawn.problem, find_truth(drawn, model)
        lived = all(problem.people[problem.district == k].sum() > 0 for k in range(len(problem.districts)))
        if not truth.feasible or not lived:
            continue
        plan, best = drawn.solve(model), objective_of(drawn, model, truth)
        for _ in range(4):
            shares = random.choice([0.0, random.random(), 1.0], len(problem.people))
            told = shares * problem.site_cost.max() if model == "lscp" else shares
            try:
                forged = replace(plan, multipliers=told, prices=any_prices(random, drawn, model))
                bound = proven_bound(problem, forged)
            except UnprovenError:
                continue
            tried += 1
            hair = 1e-9 * abs(best)
            assert bound <= best + hair if model in ("lscp", "partial") else bound >= best - hair, (seed, bound, best)
    assert tried > 20


def many_plans(model: str) -> tuple[Problem, SitingPlan, SitingPlan]:
    """Return a question with too many plans to look at, its plan, and that of the same without some of its sites."""
    random = np.random.default_rng(5)
    drawn = Problem.from_costs(
        random.uniform(0, 100, (40, 60)),
        random.integers(1, 50, 60),
        12.0,
        site_cost=random.integers(1, 9, 40),
        district=random.choice(list("ABC"), 60),
    )
    problem = replace(drawn, open=np.arange(40) < 3, candidate=np.arange(40) >= 3)
    solve: dict[str, Any] = {
        "mclp": partial(solve_mclp, sites=8),
        "lscp": solve_lscp,
        "partial": partial(solve_partial, reach=0.93),
        "p-median": partial(solve_p_median, sites=8),
        "p-center": partial(solve_p_center, sites=8),
        "backup": partial(solve_backup, sites=8, weight=0.5),
        "relocation": partial(solve_relocation, close=1, sites=8),
        "max-min": partial(solve_max_min, sites=8),
    }
    best = solve[model](problem)
    worse = solve[model](problem, conditions=Conditions(forbidden=best.selected[:3]))
    told: dict[str, Any] = {"conditions": Conditions(), "sizes": best.sizes, "status": "optimal", "ended_by": "proof"}
    return problem, best, replace(worse, **told, bound=worse.objective, multipliers=None, prices=Prices(), trees=())


@pytest.mark.parametrize("model", MODELS)
def test_prices_beyond_all_numbers_prove_nothing(model: str) -> None:
    """Sums of endless prices are no numbers, which no comparison holds against anything."""
    problem, best, worse = many_plans(model)
    assert worse.objective != best.objective
    for endless in (1e308, 1e155):
        leaf = np.array([-1], np.int32)
        widths = [len(claim.least) for claim in claims_of(problem, replace(worse, bound_by="tree"))]
        trees = tuple(Tree(split=leaf, price=np.full((1, width), endless)) for width in widths)
        assert trees
        assert refused(problem, worse, {"bound_by": "tree", "trees": trees})
        shares = np.full(60, endless if model in ("lscp", "p-median") else 1.0)
        for prices in (Prices(site=endless), Prices(cost=endless), Prices(reach=endless), Prices(closure=endless)):
            forged = {"bound_by": "certificate", "multipliers": shares, "prices": prices}
            assert refused(problem, worse, forged), (endless, prices)


def test_a_bound_that_many_plans_stand_behind_is_not_enumerated() -> None:
    random = np.random.default_rng(3)
    problem = Problem.from_costs(random.uniform(0, 9, (60, 200)), random.integers(1, 9, 200), 3.0)
    plan = solve_mclp(problem, sites=9)
    told = replace(plan, bound_by="enumeration", multipliers=None, prices=Prices())
    with pytest.raises(UnprovenError, match="too many plans"):
        verify_plan(problem, told)


def test_plans_cut_short_are_accepted() -> None:
    random = np.random.default_rng(4)
    people = random.lognormal(1.0, 1.5, 90).astype(np.float32)
    district = random.choice(list("ABC"), 90)
    problem = Problem.from_costs(random.uniform(0, 9, (24, 90)), people, 2.0, district=district)
    for seconds in (0.0, 0.05, None):
        verify_plan(problem, solve_max_min(problem, sites=4, time_limit_s=seconds))
        verify_plan(problem, solve_mclp(problem, sites=4, time_limit_s=seconds))
