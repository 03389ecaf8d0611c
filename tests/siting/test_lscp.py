"""Covering everybody, or a share of all people, at least cost: by hand and by enumeration of every plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitingworlds import conditions, covers, people_at, plans, problems, reached, scattered, shortage, toy

from accessibility.errors import InputError
from accessibility.siting import Conditions, Problem, solve_lscp, solve_mclp, solve_partial, verify_plan

NONE = Conditions()
money = st.one_of(st.none(), st.sampled_from([0.0, 0.3, 1.0, 2.3, 4.0]))


def test_the_town_done_by_hand() -> None:
    problem = toy()
    plan = solve_lscp(problem)
    assert (plan.objective, plan.bound, plan.status) == (5, 5, "optimal")
    assert set(plan.selected) == {"B1", "B3", "N2"}
    assert plan.covered_people == 340
    verify_plan(problem, plan)


def test_the_fewest_sites_where_all_cost_the_same() -> None:
    problem = toy()
    alike = covers(
        [problem.demand[problem.start[j] : problem.start[j + 1]].tolist() for j in range(6)],
        problem.people.tolist(),
        ids=problem.ids,
        open=problem.open,
    )
    plan = solve_lscp(alike)
    assert (plan.objective, set(plan.selected)) == (2, {"N1", "N2"})


@pytest.mark.parametrize(
    ("share", "cost"), [(0.0, 0), (100 / 340, 0), (0.3, 1), (0.617, 1), (0.62, 2), (0.85, 2), (0.86, 5), (1, 5)]
)
def test_shares_of_the_town_done_by_hand(share: float, cost: float) -> None:
    """Of 340 people 1 covers 210 (61.8 %), 2 and up to 4 cover 290 (85.3 %), and 5 covers all."""
    problem = toy()
    plan = solve_partial(problem, share)
    assert plan.objective == plan.bound == cost
    verify_plan(problem, plan)


def cheapest(problem: Problem, wanted: float, limits: tuple[int | None, float | None, Conditions]) -> float | None:
    """Return the least cost of any plan that covers so many people and meets the floors; None where none does."""
    sites, budget, asked = limits
    costs = [
        float(sum(problem.site_cost[row] for row in rows))
        for rows in plans(problem, sites, budget, asked)
        if people_at(problem, reached(problem, rows)) >= wanted - 1e-9 and shortage(problem, rows, asked) == 0
    ]
    return min(costs, default=None)


def could_be_covered(problem: Problem, asked: Conditions) -> float:
    """Return the people whom an open site or a candidate that is not ruled out by name covers."""
    beside_open = {
        site
        for pair in asked.exclusive
        for site, other in (pair, pair[::-1])
        if problem.open[problem.ids.tolist().index(other)]
    }
    rows = [
        row
        for row in np.flatnonzero(problem.candidate).tolist()
        if problem.ids[row] not in asked.forbidden
        and (problem.ids[row] not in beside_open or problem.ids[row] in asked.required)
    ]
    return people_at(problem, reached(problem, tuple(rows)))


@given(problems(), st.one_of(st.none(), st.integers(0, 5)), money, st.data())
def test_everybody_against_every_plan(problem: Problem, sites: int | None, budget: float | None, data: Any) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem)))
    plan = solve_lscp(problem, sites=sites, budget=budget, conditions=asked)
    check(problem, plan, could_be_covered(problem, asked), (sites, budget, asked))


@given(problems(), st.sampled_from([0.0, 0.3, 0.5, 0.95, 1.0]), money, st.data())
def test_a_share_against_every_plan(problem: Problem, share: float, budget: float | None, data: Any) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem)))
    plan = solve_partial(problem, share, budget=budget, conditions=asked)
    check(problem, plan, share * float(problem.people.sum()), (None, budget, asked))


def check(problem: Problem, plan: Any, wanted: float, limits: tuple[int | None, float | None, Conditions]) -> None:
    verify_plan(problem, plan)
    least = cheapest(problem, wanted, limits)
    if least is None:
        assert plan.status == "infeasible"
        assert plan.message
        assert plan.short_people or not any(True for _ in plans(problem, *limits))
        return
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(least, abs=1e-9)
    assert plan.bound == pytest.approx(least, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_its_sites_given_to_the_other_model_cover_everybody(seed: int) -> None:
    problem = scattered(150, 40, seed=seed)
    plan = solve_lscp(problem)
    verify_plan(problem, plan)
    everybody = float(problem.people[problem.covered_by(problem.candidate)].sum())
    assert plan.status == "optimal"
    assert solve_mclp(problem, sites=len(plan.selected)).objective == everybody
    assert solve_mclp(problem, sites=len(plan.selected) - 1).objective < everybody


@pytest.mark.parametrize("seed", range(3))
def test_a_share_costs_what_that_many_sites_cover(seed: int) -> None:
    problem = scattered(150, 40, seed=seed)
    for sites in (3, 7, 12):
        most = solve_mclp(problem, sites=sites).objective
        plan = solve_partial(problem, most / problem.population)
        verify_plan(problem, plan)
        assert plan.status == "optimal"
        assert plan.objective == sites or solve_mclp(problem, sites=int(plan.objective)).objective >= most


def test_people_out_of_reach_are_told() -> None:
    problem = covers([[0]], [5, 7])
    plan = solve_lscp(problem)
    assert (plan.status, plan.selected) == ("optimal", (0,))
    assert plan.message == "7 people are out of reach of every candidate"
    assert dict(plan.short_people) == {}


def test_nobody_to_cover_costs_nothing() -> None:
    for problem in (covers([[0]], [5], open=[True]), covers([[]], [5]), covers([], [5]), covers([[0]], [0])):
        plan = solve_lscp(problem)
        assert (plan.selected, plan.objective, plan.bound, plan.status) == ((), 0, 0, "optimal")
        verify_plan(problem, plan)


def test_limits_below_the_least_say_how_many_people_are_short() -> None:
    problem = toy()
    plan = solve_lscp(problem, budget=4)
    assert plan.status == "infeasible"
    assert dict(plan.short_people) == {"total": 50}  # 290 of 340 for a budget of 4
    assert plan.message == "the plan that comes closest is short by 50 people in total"
    assert plan.covered_people == 290
    verify_plan(problem, plan)
    assert dict(solve_lscp(problem, sites=1).short_people) == {"total": 50}
    assert solve_lscp(problem, sites=2).objective == 6
    assert solve_lscp(problem, budget=5).objective == 5


def test_a_share_above_the_ceiling_says_how_many_people_are_short() -> None:
    problem = covers([[0], [1]], [60, 20, 20])
    plan = solve_partial(problem, 0.95)
    assert plan.status == "infeasible"
    assert dict(plan.short_people) == {"total": 15}
    assert solve_partial(problem, 0.8).selected == (0, 1)
    verify_plan(problem, plan)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(InputError, match="share"):
        solve_partial(toy(), share)


@pytest.mark.parametrize("limits", [{"sites": -1}, {"budget": -1}, {"gap": -1}, {"time_limit_s": -1}])
def test_what_is_no_question_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        solve_lscp(toy(), **limits)


def test_a_time_limit_of_nothing_still_gives_a_plan_and_a_bound() -> None:
    problem = scattered(300, 60, seed=5)
    for solve in (solve_lscp, lambda problem, **how: solve_partial(problem, 0.6, **how)):
        hurried, patient = solve(problem, time_limit_s=0), solve(problem)
        verify_plan(problem, hurried)
        verify_plan(problem, patient)
        assert hurried.bound <= patient.bound <= patient.objective <= hurried.objective
        assert patient.status == "optimal"
