"""Backup coverage: every plan tried on small instances, the town done by hand, edges, forgeries."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitingworlds import conditions, covers, plans, problems, shortage, toy

from accessibility.errors import InputError, UnprovenError
from accessibility.siting import enumeration
from accessibility.siting.models.backup import solve_backup
from accessibility.siting.models.mclp import solve_mclp
from accessibility.siting.plan import Conditions
from accessibility.siting.problem import Problem
from accessibility.siting.verify import verify_plan

if TYPE_CHECKING:
    from collections.abc import Sequence


def people_covered(problem: Problem, rows: Sequence[int]) -> tuple[float, float]:
    """People covered, and people covered twice or more, by counting the sites of each point."""
    times = np.zeros(len(problem.people), int)
    for row in (*np.flatnonzero(problem.open), *rows):
        times[problem.demand[problem.start[row] : problem.start[row + 1]]] += 1
    return float(problem.people[times > 0].sum()), float(problem.people[times > 1].sum())


LIMITS = st.sampled_from([(0, None), (1, None), (2, None), (3, None), (None, 0.5), (None, 2.0), (2, 3.0), (4, 1.0)])


@given(problems(most_sites=6), LIMITS, st.data())
def test_no_plan_covers_more_or_as_many_with_more_backup(
    problem: Problem, limits: tuple[int | None, float | None], data: st.DataObject
) -> None:
    asked = data.draw(conditions(problem))
    sites, budget = limits
    allowed = [rows for rows in plans(problem, sites, budget, asked) if shortage(problem, rows, asked) <= 1e-9]
    plan = solve_backup(problem, sites=sites, budget=budget, conditions=asked)
    verify_plan(problem, plan)
    if not allowed:
        assert plan.status == "infeasible"
        assert plan.message
        return
    once, twice = max((people_covered(problem, rows) for rows in allowed), key=_lexicographic)
    assert plan.status == "optimal"
    assert plan.covered_people == pytest.approx(once)
    assert plan.objective == pytest.approx(once + twice)
    rows = tuple(problem.rows(plan.selected).tolist())
    assert set(rows) in map(set, allowed)
    assert people_covered(problem, rows) == pytest.approx((once, twice))
    for row in rows:
        fewer = tuple(r for r in rows if r != row)
        if fewer in map(tuple, map(sorted, allowed)):
            assert _lexicographic(people_covered(problem, fewer)) < _lexicographic((once, twice))


def _lexicographic(covered: tuple[float, float]) -> tuple[float, float]:
    return round(covered[0], 6), round(covered[1], 6)


@given(problems(most_sites=6), LIMITS, st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0]), st.data())
def test_no_plan_weighs_more(
    problem: Problem, limits: tuple[int | None, float | None], weight: float, data: st.DataObject
) -> None:
    asked = data.draw(conditions(problem, floors=False))
    sites, budget = limits
    worth = [np.dot(people_covered(problem, rows), (weight, 1 - weight)) for rows in plans(problem, *limits, asked)]
    plan = solve_backup(problem, sites=sites, budget=budget, weight=weight, conditions=asked)
    verify_plan(problem, plan)
    if not worth:
        assert plan.status == "infeasible"
        return
    assert (plan.status, plan.weight) == ("optimal", weight)
    assert plan.objective == pytest.approx(max(worth))


@given(problems())
def test_backup_costs_nobody_their_cover(problem: Problem) -> None:
    plan = solve_backup(problem, sites=2)
    assert plan.covered_people == pytest.approx(solve_mclp(problem, sites=2).objective)
    assert solve_backup(problem, sites=3).objective >= plan.objective - 1e-9


def test_the_town_done_by_hand() -> None:
    plan = solve_backup(toy(), sites=3)
    assert set(plan.selected) == {"B1", "N1", "N2"}
    assert plan.selected == ("N1", "N2", "B1")
    assert plan.gain == (190.0, 50.0, 0.0)
    assert plan.message == "340 people covered, 180 of them twice or more"
    assert (plan.objective, plan.bound, plan.status) == (520.0, 520.0, "optimal")
    verify_plan(toy(), plan)
    # Counting for four times as much, backup takes N2's place: B3 covers D3 and D4 a second time.
    assert set(solve_backup(toy(), sites=3, weight=0.2).selected) == {"N1", "B1", "B3"}


def test_of_twins_the_cheaper_then_the_lower_id_opens() -> None:
    problem = covers([[0], [0], [0], [0]], [5], site_cost=[2, 1, 1, 1], open=[False] * 4)
    assert solve_backup(problem, sites=2).selected == (1, 2)
    assert solve_backup(problem, sites=4).selected == (1, 2)  # covered three times is no better


def test_edges_of_the_limits() -> None:
    nothing: list[dict[str, Any]] = [{"sites": 0}, {"budget": 0.5}]
    for limit in nothing:
        plan = solve_backup(toy(), **limit)
        assert (plan.selected, plan.objective, plan.status) == ((), 100.0, "optimal")
    everything = solve_backup(toy(), sites=99)
    assert everything.message == "340 people covered, 290 of them twice or more"
    assert "B2" not in everything.selected  # D4 has B3 and N1 already
    nobody = replace(toy(), candidate=np.zeros(6, bool))
    assert solve_backup(nobody, sites=3).objective == 100.0


def test_floors_out_of_reach_say_how_many_people_are_missing() -> None:
    plan = solve_backup(toy(), budget=3, conditions=Conditions(floors={"B": 0.9}))
    # Of B's 100 people 90 are wanted; N2 alone (cost 3) covers 50.
    assert plan.status == "infeasible"
    assert plan.short_people == {"B": 40.0}
    assert "40 people in B" in plan.message
    fair = solve_backup(toy(), budget=4, conditions=Conditions(floor=0.6))
    assert set(fair.selected) == {"B3", "N2"}
    verify_plan(toy(), fair)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "neither sites nor budget"),
        ({"sites": 1, "weight": 1.5}, "weight is 1.5"),
        ({"sites": 1, "weight": float("nan")}, "weight is no number"),
        ({"budget": -1}, "0 or more"),
        ({"sites": 1, "time_limit_s": -1}, "time_limit_s"),
        ({"sites": 1, "conditions": Conditions(floors={"C": 0.5})}, "'C'"),
    ],
)
def test_questions_that_are_none_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        solve_backup(toy(), **asked)


def test_without_time_there_is_a_plan_and_a_bound() -> None:
    random = np.random.default_rng(3)
    reach = [random.choice(90, 12, replace=False).tolist() for _ in range(30)]
    problem = covers(reach, random.integers(1, 9, 90).tolist())
    plan, best = solve_backup(problem, sites=6, time_limit_s=0), solve_backup(problem, sites=6)
    verify_plan(problem, plan)
    verify_plan(problem, best)
    assert len(plan.selected) == 6
    assert plan.status == "feasible"
    assert plan.bound >= best.objective
    assert plan.covered_people <= best.covered_people


@pytest.mark.parametrize("seed", [6, 73, 100, 206, 236])
def test_ten_people_beside_a_million_are_not_lost(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that adds up cities and hamlets in a row has called plans the best that some plan beats."""
    monkeypatch.setattr(enumeration, "FEW", (0, 0.0))
    random = np.random.default_rng(seed)
    sites, homes = random.integers(5, 11), random.integers(6, 20)
    cost, cutoff = random.random((sites, homes)), random.uniform(0.2, 0.6)
    people = random.integers(1, 100, homes) + (random.random(homes) < 0.4) * 10.0 ** random.integers(6, 11)
    most = int(random.integers(1, 5))
    plan = solve_backup(Problem.from_costs(cost, people, cutoff), sites=most)
    times = [(cost[list(rows)] <= cutoff).sum(axis=0) for rows in combinations(range(sites), most)]
    once, twice = max((people[many >= 1].sum(), people[many >= 2].sum()) for many in times)
    assert (plan.status, plan.covered_people, plan.objective) == ("optimal", once, once + twice)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": 521.0}, "objective is 521; it is 520"),
        ({"bound": 519.0}, "better than that"),
        ({"bound": 521.0}, "called optimal"),
        ({"selected": ("N1", "N2", "B2")}, "costs|gained|objective"),
        ({"gain": (190.0, 40.0, 10.0)}, "brings in is 40; it is"),
        ({"conditions": Conditions(floors={"A": 1.0}, quotas={"new": 1})}, "quota is 1"),
        ({"sites_limit": 2}, "at most 2"),
        ({"weight": 0.5}, "objective"),
    ],
)
def test_forged_plans_are_found_out(change: dict[str, Any], message: str) -> None:
    plan = solve_backup(toy(), sites=3)
    with pytest.raises(UnprovenError, match=message):
        verify_plan(toy(), replace(plan, **change))


def test_a_plan_below_a_floor_is_found_out() -> None:
    plan = replace(solve_backup(toy(), sites=1), conditions=Conditions(floors={"B": 0.6}))
    with pytest.raises(UnprovenError, match=r"short by 10 people in B"):
        verify_plan(toy(), plan)
