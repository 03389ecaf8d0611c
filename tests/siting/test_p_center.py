"""The p-center: every plan tried on small instances, other solvers' answers, worlds done by hand, edges, forgeries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from scipy.spatial import cKDTree
from smallproblems import Question, questions, ring_costs

from accessibility.errors import InfeasibleError, InputError, UnprovenError
from accessibility.siting.models.p_center import solve_p_center
from accessibility.siting.plan import Conditions
from accessibility.siting.problem import Problem
from accessibility.siting.verify import verify_plan

if TYPE_CHECKING:
    from collections.abc import Sequence


def farthest(problem: Problem, rows: Sequence[int]) -> float:
    """Greatest cost by the definition; infinite where somebody is served by nothing."""
    counts = problem.open.copy()
    counts[list(rows)] = True
    worst = 0.0
    for point in range(len(problem.people)):
        costs = [
            problem.cost[k]
            for site in np.flatnonzero(counts)
            for k in range(problem.start[site], problem.start[site + 1])
            if problem.demand[k] == point
        ]
        worst = max(worst, min(costs, default=np.inf))
    return worst


@given(questions())
def test_no_plan_is_better(question: Question) -> None:
    problem = question.problem
    if farthest(problem, np.flatnonzero(problem.candidate).tolist()) == np.inf:
        with pytest.raises(InfeasibleError, match="reached by no site"):
            solve_p_center(problem, **question.asked)
        return
    values = {rows: farthest(problem, rows) for rows in question.plans()}
    best = min(values.values(), default=np.inf)
    plan = solve_p_center(problem, **question.asked)
    verify_plan(problem, plan)
    if best == np.inf:
        assert (plan.status, plan.selected) == ("infeasible", ())
        assert plan.message.startswith("no plan: ")
        return
    assert (plan.status, plan.objective, plan.bound) == ("optimal", best, best)
    rows = tuple(problem.rows(plan.selected).tolist())
    assert question.allows(rows, problem.open)
    cheapest = min(sum(problem.site_cost[list(rows)]) for rows, value in values.items() if value == best)
    assert plan.cost == pytest.approx(cheapest)
    spare = [row for row in rows if problem.ids[row] not in question.conditions.required]
    assert all(farthest(problem, [r for r in rows if r != row]) > best for row in spare)


@given(questions())
def test_more_sites_and_open_ones_are_never_worse(question: Question) -> None:
    problem = question.problem
    assume(farthest(problem, np.flatnonzero(problem.candidate).tolist()) < np.inf)
    plan = solve_p_center(problem, sites=question.sites or 1)
    assert solve_p_center(problem, sites=(question.sites or 1) + 1).objective <= plan.objective
    if plan.selected:
        opened = problem.open.copy()
        opened[problem.rows(plan.selected[:1])] = True
        beside = replace(problem, open=opened, candidate=problem.candidate & ~opened)
        assert solve_p_center(beside, sites=question.sites or 1).objective <= plan.objective


@pytest.mark.parametrize(("sites", "best"), [(1, 6), (2, 3), (3, 2), (4, 1), (6, 1), (12, 0)])
def test_a_ring_of_twelve(sites: int, best: int) -> None:
    # A site serves itself and as many on either side: 12 / p rounded up to an odd number are within (that - 1) / 2.
    plan = solve_p_center(Problem.from_costs(ring_costs(12), np.ones(12), 1), sites=sites)
    assert (plan.objective, plan.bound, plan.status) == (best, best, "optimal")


def test_a_street_done_by_hand() -> None:
    at = np.arange(7.0)
    plan = solve_p_center(Problem.from_costs(np.abs(at - at[:, None]), np.zeros(7), 1), sites=2)
    assert (plan.objective, plan.status) == (2, "optimal")  # 0 to 6 by two sites: five homes are within 2 of one


def test_what_is_open_today_counts() -> None:
    at = np.arange(7.0)
    street = Problem.from_costs(np.abs(at - at[:, None]), np.ones(7), 1)
    problem = replace(street, open=at == 0, candidate=at > 0)
    plan = solve_p_center(problem, sites=1)
    assert (plan.selected, plan.objective) == ((4,), 2.0)  # 5 would do as well: the lower one
    assert solve_p_center(problem, sites=0).objective == 6


def test_thousands_of_points_are_proven() -> None:
    random = np.random.default_rng(0)
    people, site = random.random((4000, 2)) * 1000, random.random((80, 2)) * 1000
    costs = np.hypot(*(site[:, None] - people).transpose(2, 0, 1)).round()
    problem = Problem.from_costs(costs, np.ones(4000), 200)
    plan = solve_p_center(problem, sites=10)
    verify_plan(problem, plan)
    assert plan.status == "optimal"
    metres, _ = cKDTree(site[problem.rows(plan.selected)]).query(people)
    assert np.max(metres) == pytest.approx(plan.objective, abs=0.5)


LINE = Problem.from_costs([[0, 4, 8], [4, 0, 4], [8, 4, 0]], [5, 1, 3], cutoff=4, site_cost=[2, 2, 2])


def test_edges_of_the_limits() -> None:
    today = replace(LINE, open=np.array([True, False, False]), candidate=np.array([False, True, True]))
    nothing: list[dict[str, Any]] = [{"sites": 0}, {"budget": 0}, {"budget": 1.9}]
    for limit in nothing:
        plan = solve_p_center(today, **limit)
        assert (plan.selected, plan.objective, plan.bound, plan.status) == ((), 8.0, 8.0, "optimal")
        verify_plan(today, plan)
        assert solve_p_center(LINE, **limit).status == "infeasible"
    everything = solve_p_center(LINE, sites=99)
    assert (set(everything.selected), everything.objective) == ({0, 1, 2}, 0.0)
    assert solve_p_center(replace(LINE, open=np.ones(3, bool), candidate=np.zeros(3, bool)), sites=1).selected == ()
    nobody = Problem.from_costs(np.empty((2, 0)), [], 1)
    assert solve_p_center(nobody, sites=1).objective == 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "neither sites nor budget"),
        ({"sites": -1}, "0 or more"),
        ({"budget": float("nan")}, "0 or more"),
        ({"sites": 1, "gap": -1.0}, "gap is -1"),
        ({"sites": 1, "conditions": Conditions(floors={"A": 0.5})}, "floor"),
    ],
)
def test_questions_that_are_none_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        solve_p_center(LINE, **asked)


def test_too_few_sites_for_everybody_are_no_plan() -> None:
    apart = Problem.from_costs([[1, np.inf, 1], [np.inf, 1, np.inf]], [5, 7, 2], cutoff=1, district=["N", "S", "N"])
    plan = solve_p_center(apart, sites=1)
    assert (plan.status, plan.short_people) == ("infeasible", {"S": 7.0}) or plan.short_people == {"N": 7.0}
    assert "all but 7 people" in plan.message
    verify_plan(apart, plan)


def test_without_time_there_is_a_plan_and_a_bound() -> None:
    random = np.random.default_rng(1)
    problem = Problem.from_costs(random.random((15, 60)), np.ones(60), 0.5)
    plan = solve_p_center(problem, sites=4, time_limit_s=0)
    best = solve_p_center(problem, sites=4)
    verify_plan(problem, plan)
    assert 0 < plan.bound <= best.objective <= plan.objective
    assert plan.status == "feasible"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": 3.0}, "objective is 3; it is 4"),
        ({"bound": 5.0}, "better than that"),
        ({"bound": 3.0}, "called optimal"),
        ({"bound": 3.0, "bound_by": "enumeration", "status": "feasible", "ended_by": "work"}, "it proves 4"),
        ({"selected": (0,)}, "brings in"),
        ({"selected": (0,), "gain": (6.0,)}, "objective"),
        ({"gain": (5.0,)}, "brings in"),
        ({"sites_limit": 0}, "at most 0"),
    ],
)
def test_forged_plans_are_found_out(change: dict[str, Any], message: str) -> None:
    plan = solve_p_center(LINE, sites=1)
    assert (plan.selected, plan.objective) == ((1,), 4.0)
    verify_plan(LINE, plan)
    with pytest.raises(UnprovenError, match=message):
        verify_plan(LINE, replace(plan, **change))
