"""Every model against every plan there is, in numbers of every size; and what changes no answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from provingworlds import MODELS, Drawn, draw_question, draw_ties, find_truth, objective_of, turn_rows

from accessibility.errors import InfeasibleError
from accessibility.siting import (
    Conditions,
    Problem,
    enumeration,
    solve_backup,
    solve_lscp,
    solve_mclp,
    solve_p_center,
    solve_p_median,
    solve_partial,
    solve_relocation,
    verify_plan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provingworlds import Truth

SEEDS = range(8)
PEOPLED = ("mclp", "backup", "relocation", "p-median")
"""Models whose objective is in people."""


def unreached(drawn: Drawn) -> bool:
    """Whether a demand point is reached by no site at all."""
    stands = drawn.problem.open | drawn.problem.candidate
    return bool(np.isinf(drawn.pair[stands].min(axis=0, initial=np.inf)).any())


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_against_every_plan(model: str, alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """The solvers alone, and with the look at every plan that small questions get."""
    if alone:
        monkeypatch.setattr(enumeration, "FEW", (0, 0.0))
    for seed in SEEDS:
        drawn = draw_question(seed + 1000 * alone)
        truth = find_truth(drawn, model)
        if model in ("p-median", "p-center") and unreached(drawn):
            with pytest.raises(InfeasibleError, match="reached by no site"):
                drawn.solve(model)
            continue
        plan = drawn.solve(model)
        verify_plan(drawn.problem, plan)
        assert plan.status == ("optimal" if truth.feasible else "infeasible"), (seed, plan)
        if truth.feasible:
            assert plan.objective == pytest.approx(objective_of(drawn, model, truth), rel=2e-9, abs=0), seed
            assert np.isfinite(plan.bound)


def solved(drawn: Drawn, model: str) -> tuple[str, float, frozenset[object]]:
    """Return status, objective and sites of a plan."""
    plan = drawn.solve(model)
    return plan.status, plan.objective, frozenset(plan.selected)


def feasible(model: str, first: int, count: int) -> Iterator[tuple[Drawn, Truth]]:
    """Yield questions that some plan answers, with the answer."""
    for seed in range(first, first + count):
        drawn = draw_question(seed, most_sites=6, most_points=9)
        truth = find_truth(drawn, model)
        if truth.feasible:
            yield drawn, truth


@pytest.mark.parametrize("factor", [10 / 3, 1e-7])
@pytest.mark.parametrize("model", MODELS)
def test_a_factor_of_costs_or_people_changes_neither_status_nor_sites(model: str, factor: float) -> None:
    for drawn, truth in feasible(model, 3000, 3):
        status, objective, sites = solved(drawn, model)
        dear = replace(drawn.problem, site_cost=drawn.problem.site_cost * factor)
        many = replace(drawn.problem, people=drawn.problem.people * factor)
        dearer = replace(drawn, problem=dear, cost_factor=drawn.cost_factor * factor)
        for other in (dearer, replace(drawn, problem=many)):
            again, value, chosen = solved(other, model)
            assert again == status
            scaled = model in ("lscp", "partial") if other is dearer else model in PEOPLED
            assert value == pytest.approx(objective * factor if scaled else objective, rel=1e-8, abs=0)
            assert chosen == sites or truth.unique is None


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_rows_changes_nothing(model: str) -> None:
    """Sites, people and districts in another order: the same of many best plans, opened in the same order."""

    def told(drawn: Drawn) -> tuple[Any, ...]:
        try:
            plan = drawn.solve(model)
        except InfeasibleError:
            return ()
        gain, short = ([round(people, 9) for people in of] for of in (plan.gain, plan.short_people.values()))
        objective = pytest.approx(plan.objective, rel=1e-12, abs=0)
        return plan.status, plan.selected, gain, {*plan.closed}, plan.message, [*plan.short_people], short, objective

    seeds = (16, 73, 79, 96, 120, 177)
    for drawn in (*map(draw_ties, seeds), draw_question(4000), draw_question(4001)):
        turned = turn_rows(drawn.problem, np.random.default_rng(1))
        assert told(replace(drawn, problem=turned)) == told(drawn)


@pytest.mark.parametrize("model", MODELS)
def test_another_candidate_that_brings_nothing_changes_no_answer(model: str) -> None:
    """A candidate once more under a later name, and one that reaches nobody."""
    for seed in range(5000, 5002):
        drawn = draw_question(seed, most_sites=6, most_points=9)
        # Twins stand in one place, and would fill a quota twice.
        drawn = replace(drawn, conditions=replace(drawn.conditions, spacing_m=0.0, quotas={}, exclusive=()))
        for useless in (False, True):
            truth, other = find_truth(drawn, model), joined(drawn, useless=useless)
            if not truth.feasible:
                continue
            (status, objective, sites), (again, value, chosen) = solved(drawn, model), solved(other, model)
            assert again == status
            assert value == pytest.approx(objective, rel=1e-9, abs=0)
            assert chosen == sites or not useless or truth.unique is None


def joined(drawn: Drawn, *, useless: bool) -> Drawn:
    """Return a question with one more candidate: the first again, or one that nobody reaches."""
    made = drawn.problem
    could = np.flatnonzero(made.candidate)
    row = int(could[0]) if len(could) else 0
    pair = np.full((1, len(made.people)), np.inf) if useless else drawn.pair[[row]]
    pair = np.concatenate([drawn.pair, pair])
    fields: dict[str, Any] = {
        name: np.append(getattr(made, name), getattr(made, name)[row])
        for name in ("site_cost", "open", "candidate", "kind", "bank")
    }
    problem = Problem.from_costs(
        pair * drawn.pair_factor,
        made.people,
        drawn.cutoff * drawn.pair_factor * (1 + 1e-12),
        district=np.array([*made.districts], dtype=object)[made.district],
        ids=np.append(made.ids, "Z99"),
        **fields,
    )
    return replace(drawn, problem=problem, pair=pair, cost=np.append(drawn.cost, drawn.cost[row]))


@pytest.mark.parametrize(
    ("model", "seed"),
    [
        *(("partial", seed) for seed in (57, 209, 218)),  # people wanted in whole units
        *(("mclp", 2325), ("backup", 2113)),  # a unit is a billionth of all: a relative hair is larger than a unit
        *(("lscp", 2636), ("partial", 2612)),  # a full quota, and what a required site excludes, at people's own size
        ("p-median", 74),  # a gap that is nothing to a solver, but not to a plan
        *(("p-center", seed) for seed in (171, 261)),  # more points stay alone than the one that proves it
    ],
)
def test_no_proof_is_lost_or_refused(model: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "FEW", (0, 0.0))
    drawn = draw_question(seed)
    plan = drawn.solve(model)
    assert plan.status == "optimal"
    verify_plan(drawn.problem, plan)


@pytest.mark.parametrize("people", [2.0**k * 1.3 for k in range(26, 36)])
def test_whole_units_are_told_apart_whatever_their_number(people: float) -> None:
    """A unit of people decides between two sites, among hundreds of millions or billions of them."""
    made = np.array([people // 3, people // 3 - 1, 1.0, people // 2])
    problem = Problem.from_costs([[1, 9, 9, 9], [9, 1, 9, 9], [9, 9, 1, 9]], made, 2)
    plan = solve_mclp(problem, sites=1)
    assert (plan.selected, plan.status, plan.bound_by) == ((0,), "optimal", "certificate")
    verify_plan(problem, plan)
    two = solve_backup(problem, sites=2)
    assert two.objective == made[:2].sum()
    assert two.status == "optimal"
    verify_plan(problem, two)


def test_a_question_that_contradicts_itself_is_refused_alike_by_search_and_checker() -> None:
    drawn = draw_question(3957)
    plan = drawn.solve("max-min")
    assert plan.status == "infeasible"
    assert "exclude each other" in plan.message
    verify_plan(drawn.problem, plan)


@pytest.mark.parametrize("model", ["mclp", "lscp", "partial", "backup", "relocation"])
def test_one_person_is_missed_among_ten_billion_and_told_as_one(model: str) -> None:
    """A shortage is counted in whole units, by the search as by the checker, however many people there are besides."""
    problem = Problem.from_costs(np.array([[1.0, 9.0, 9.0]]), [10.0**10, 1.0, 1.0], 2, district=["A", "B", "B"])
    conditions = Conditions(floors={"A": 1.0, "B": 0.5})
    asked: dict[str, Any] = {"sites": 1, "conditions": conditions}
    plan = {
        "mclp": lambda: solve_mclp(problem, **asked),
        "lscp": lambda: solve_lscp(problem, **asked),
        "partial": lambda: solve_partial(problem, 0.5, conditions=conditions),
        "backup": lambda: solve_backup(problem, **asked),
        "relocation": lambda: solve_relocation(problem, close=1, **asked),
    }[model]()
    assert (plan.status, dict(plan.short_people)) == ("infeasible", {"B": 1.0})
    assert "short by 1 " in plan.message
    verify_plan(problem, plan)


@pytest.mark.parametrize("solve", [solve_p_median, solve_p_center])
def test_a_place_without_people_is_served_too_but_nobody_is_short_there(solve: Any) -> None:
    problem = Problem.from_costs([[1.0, 2.0]], [0.0, 2 / 9], 3.0)
    plan = solve(problem, sites=0)
    assert (plan.status, dict(plan.short_people)) == ("infeasible", {"total": 2 / 9})
    verify_plan(problem, plan)


def test_what_a_look_at_every_plan_proves_impossible_is_not_called_unproven() -> None:
    """Three people of three billion are missed: a solver sees none of them, a look at both plans does."""
    random = np.random.default_rng(1)
    people = [3.0, 1e6, 1e9 + 1, 1e9, 1e9]
    near = np.array([[9, 1, 1, 9, 1], [1, 1, 9, 9, 1], [9, 9, 1, 1, 9]], float)
    problem = Problem.from_costs(near, people, 5, site_cost=random.lognormal(1, 1.5, 3))
    plan = solve_lscp(problem, budget=float(problem.site_cost[[0, 2]].sum()))
    assert plan.status == "infeasible"
    assert "none was proven impossible" not in plan.message
    verify_plan(problem, plan)


def test_a_few_people_beside_ten_billion_are_told_to_the_rounding_of_the_sum() -> None:
    """Parts of people that no common unit holds are rounded to one: a plan is not refused for that."""
    people = [np.pi, np.exp(1.0), np.sqrt(2.0), np.sqrt(3.0) * 10.0**10]
    problem = Problem.from_costs(np.array([[1, 1, 9, 9], [9, 9, 1, 9]], float), people, 2)
    assert not problem.people_units.exact
    today = replace(problem, open=np.array([True, False]), candidate=np.array([False, True]))
    verify_plan(today, solve_mclp(today, sites=1))


@pytest.mark.parametrize("seed", [34, 78, 302])
def test_a_p_median_of_numbers_far_apart_is_proven_to_the_last_of_them(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Costs of pairs over ten powers of ten: what is nothing beside the sum of all may be all that a plan costs.

    Rounded to a unit of that sum, they ended 'feasible' with gaps of 7.5e-9 and more, and of the last the solver
    refused the linear program.
    """
    monkeypatch.setattr(enumeration, "FEW", (0, 0.0))
    random = np.random.default_rng([10, seed])
    s, n = int(random.integers(5, 12)), int(random.integers(5, 25))
    near = np.exp(random.normal(0, 8, (s, n)))
    people = np.exp(random.normal(0, random.choice([1, 6]), n))
    problem = Problem.from_costs(near, people, 1.0)
    plan = solve_p_median(problem, sites=3)
    best = min(people @ near[list(rows)].min(axis=0) for rows in combinations(range(s), 3))
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(best, rel=1e-12, abs=0)
    verify_plan(problem, plan)


def test_a_cost_far_below_the_sum_of_all_is_read_alike_by_search_and_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs of which the least is a millionth of a unit: a solver's word is held to what they differ by in units."""
    monkeypatch.setattr(enumeration, "FEW", (0, 0.0))
    costs = [5.958215142543242e-07, 576.208032, 8.14769497e-04, 1653.084]
    problem = Problem.from_costs([[1, 1, 9], [9, 1, 1], [9, 9, 1], [1, 1, 1]], [1, 2, 1], 5, site_cost=costs)
    assert not problem.cost_units.exact
    plan = solve_partial(problem, 0.5)
    assert (plan.selected, plan.status) == ((0,), "optimal")
    verify_plan(problem, plan)
    verify_plan(problem, replace(plan, bound_by="solver", trees=()))
