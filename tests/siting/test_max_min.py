"""Raising the district that is covered worst: by hand and by enumeration of every plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitingworlds import conditions, covers, people_at, plans, problems, reached, scattered, toy

from accessibility.errors import InputError
from accessibility.siting import Conditions, Problem, enumeration, solve_max_min, verify_plan

NONE = Conditions()


def counted(problem: Problem, asked: Conditions, outcomes: list[set[int]]) -> list[str]:
    """Districts that some plan still helps, and those that are covered in full; every one where no plan helps any."""
    everyone, today = set(range(len(problem.people))), reached(problem, tuple(problem.rows(asked.required)))
    anyhow = set().union(*outcomes)
    lived_in = [name for name in problem.districts if people_at(problem, everyone, name) > 0]
    helped = [name for name in lived_in if people_at(problem, anyhow - today, name) > 0]
    full = [name for name in lived_in if people_at(problem, everyone - today, name) == 0]
    return helped + full if helped else lived_in


def least_share(problem: Problem, points: set[int], districts: list[str]) -> float:
    everyone = set(range(len(problem.people)))
    return min((people_at(problem, points, d) / people_at(problem, everyone, d) for d in districts), default=1.0)


def test_the_town_done_by_hand() -> None:
    problem = toy()
    plan = solve_max_min(problem, budget=4)
    assert plan.objective == pytest.approx(160 / 240)  # 100 and 60 of A's 240 people, all 100 of B's
    assert plan.bound == pytest.approx(plan.objective)
    assert plan.status == "optimal"
    assert set(plan.selected) == {"B3", "N2"}
    verify_plan(problem, plan)


@given(problems(), st.integers(0, 4), st.sampled_from([None, None, 1.0, 2.3]), st.data())
def test_against_every_plan(problem: Problem, sites: int, budget: float | None, data: Any) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem, floors=False)))
    plan = solve_max_min(problem, sites=sites, budget=budget, conditions=asked)
    verify_plan(problem, plan)
    outcomes = [reached(problem, rows) for rows in plans(problem, sites, budget, asked)]
    if not outcomes:
        assert plan.status == "infeasible"
        return
    districts = counted(problem, asked, outcomes)
    best = max(least_share(problem, points, districts) for points in outcomes)
    fair = [points for points in outcomes if least_share(problem, points, districts) >= best - 1e-9]
    most = max(people_at(problem, points) for points in fair)
    assert plan.objective == pytest.approx(best, abs=1e-9)
    assert plan.covered_people == pytest.approx(most, abs=1e-9)
    assert plan.status == "optimal"


def test_without_districts_it_covers_most_people() -> None:
    problem = covers([[0], [1], [2]], [50, 30, 20])
    plan = solve_max_min(problem, sites=2)
    assert plan.objective == 0.8
    verify_plan(problem, plan)


def test_a_district_beyond_every_candidate_is_named_and_the_others_are_served_fairly() -> None:
    districts = ("large", "small", "beyond")
    problem = covers([[0], [1], [2]], [100, 100, 50, 1], district=[0, 0, 1, 2], districts=districts)
    plan = solve_max_min(problem, sites=2)
    assert (plan.objective, plan.status, plan.selected) == (0.5, "optimal", (0, 2))
    assert plan.message == "no candidate covers anyone else in beyond (1 people): the least share is that of the others"
    assert "objective 0.5," in repr(plan)
    verify_plan(problem, plan)


def test_a_district_that_nothing_helps_any_more_decides_nothing_either() -> None:
    problem = covers(
        [[0], [2], [3], [4]],
        [10, 90, 40, 60, 50],
        open=[True, False, False, False],
        district=[0, 0, 1, 1, 2],
        districts=("tenth", "B", "C"),
    )
    plan = solve_max_min(problem, sites=2)
    assert (plan.objective, set(plan.selected)) == (0.6, {2, 3})
    verify_plan(problem, plan)


def test_where_nothing_helps_anybody_the_least_share_is_todays() -> None:
    problem = covers([[0], [0]], [10, 30], open=[True, False], district=[0, 0], districts=("A",))
    plan = solve_max_min(problem, sites=1)
    assert (plan.objective, plan.selected, plan.status) == (0.25, (), "optimal")
    verify_plan(problem, plan)


def test_a_share_that_a_small_district_cannot_have_is_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 1,000,001 people is beyond every candidate; a hamlet of one is covered whole, or not at all."""
    monkeypatch.setattr(enumeration, "FEW", (0, 0.0))
    problem = covers([[0], [1]], [1, 1_000_000, 1], district=[0, 1, 1], districts=("hamlet", "city"))
    plan = solve_max_min(problem, sites=2)
    assert (plan.objective, plan.bound, plan.status) == (1_000_000 / 1_000_001, 1_000_000 / 1_000_001, "optimal")
    verify_plan(problem, plan)


def test_a_middling_town_is_proven() -> None:
    problem = scattered(200, 40, seed=4)
    quarters = Problem.from_costs(
        np.where(problem.covered_by(np.zeros(40, np.bool_)), 1.0, np.inf)[None, :].repeat(40, axis=0), problem.people, 1
    )
    assert quarters.covered_people == 0
    town = covers(
        [problem.demand[problem.start[j] : problem.start[j + 1]].tolist() for j in range(40)],
        problem.people.tolist(),
        district=np.arange(200) % 4,
        districts=("a", "b", "c", "d"),
    )
    plan = solve_max_min(town, sites=8)
    verify_plan(town, plan)
    assert plan.status == "optimal"


@pytest.mark.parametrize(
    "limits",
    [{}, {"sites": -1}, {"budget": -1}, {"sites": 1, "gap": -1}, {"sites": 1, "conditions": Conditions(floor=0.5)}],
)
def test_what_is_no_question_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        solve_max_min(toy(), **limits)
