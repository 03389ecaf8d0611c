"""The town done by hand, row by row: what every model answers, with every plan held against the problem."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sitingworlds import distant, people_at, reached, toy

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

if TYPE_CHECKING:
    from collections.abc import Callable

FAIR = Conditions(floor=0.6)


def optimal(solve: Callable[..., SitingPlan], problem: Problem, *how: Any, **asked: Any) -> SitingPlan:
    """Return a plan that holds what it claims, and that nothing can beat."""
    plan = solve(problem, *how, **asked)
    verify_plan(problem, plan)
    assert (plan.status, plan.bound, plan.gap) == ("optimal", plan.objective, 0.0)
    return plan


def by_count(problem: Problem) -> Problem:
    """Return the same town where every site costs 1."""
    return replace(problem, site_cost=np.ones(len(problem.site_cost)))


def test_a_hundred_of_340_are_covered_today() -> None:
    problem = toy()
    assert (problem.covered_people, problem.population) == (100, 340)


@pytest.mark.parametrize(
    ("asked", "people", "sites"),
    [
        ({"sites": 1}, 290, {"N1"}),
        ({"sites": 2}, 340, {"N1", "N2"}),
        ({"budget": 1}, 210, {"B3"}),
        ({"budget": 2}, 290, {"B1", "B3"}),
        ({"budget": 3}, 290, None),
        ({"budget": 4}, 290, None),
        ({"budget": 5}, 340, {"B1", "B3", "N2"}),
    ],
)
def test_most_people(asked: dict[str, Any], people: int, sites: set[str] | None) -> None:
    plan = optimal(solve_mclp, toy(), **asked)
    assert plan.objective == people
    assert sites is None or set(plan.selected) == sites


def test_a_floor_in_each_district_costs_thirty_people() -> None:
    free, fair = optimal(solve_mclp, toy(), budget=4), optimal(solve_mclp, toy(), budget=4, conditions=FAIR)
    assert (free.objective, fair.objective, set(fair.selected)) == (290, 260, {"B3", "N2"})
    assert by_district(free) == [240, 50]  # of 240 and 100 people: B 0.5
    assert by_district(fair) == [160, 100]  # A 0.667, B 1.0


def by_district(plan: SitingPlan) -> list[float]:
    """Return the people covered in A and in B."""
    points = reached(toy(), tuple(toy().rows(plan.selected).tolist()))
    return [people_at(toy(), points, district) for district in ("A", "B")]


def test_the_least_share_of_a_district() -> None:
    plan = optimal(solve_max_min, toy(), budget=4)
    assert plan.objective == pytest.approx(0.6667, abs=5e-5)
    assert (set(plan.selected), plan.covered_people) == ({"B3", "N2"}, 260)


def test_everybody_at_least_cost_and_with_fewest_sites() -> None:
    cheapest, fewest = optimal(solve_lscp, toy()), optimal(solve_lscp, by_count(toy()))
    assert (cheapest.objective, set(cheapest.selected)) == (5, {"B1", "B3", "N2"})
    assert (fewest.objective, set(fewest.selected)) == (2, {"N1", "N2"})


@pytest.mark.parametrize(("share", "cost", "count"), [(0.6, 1, 1), (0.85, 2, 1), (0.9, 5, 2), (0.95, 5, 2), (1, 5, 2)])
def test_a_share_of_all_people(share: float, cost: int, count: int) -> None:
    """A cost of 1 covers 61.8 %, 2 to 4 cover 85.3 %; one site covers 85.3 % (N1)."""
    assert optimal(solve_partial, toy(), share).objective == cost
    assert optimal(solve_partial, by_count(toy()), share).objective == count


def test_cover_comes_before_backup() -> None:
    plan = optimal(solve_backup, toy(), sites=3)
    assert (set(plan.selected), plan.objective) == ({"B1", "N1", "N2"}, 340 + 180)
    assert plan.message == "340 people covered, 180 of them twice or more"


@pytest.mark.parametrize(
    ("asked", "people", "farthest"),
    [
        ({"sites": 1}, 290, 10),
        ({"sites": 2}, 340, 1),
        ({"budget": 1}, 210, 10),
        ({"budget": 2}, 290, 10),
        ({"budget": 4}, 290, 10),
        ({"budget": 5}, 340, 1),
    ],
)
def test_least_walking_and_the_longest_walk(asked: dict[str, Any], people: int, farthest: int) -> None:
    """Whoever is covered walks a minute, everybody else ten: the plan that covers most people walks least."""
    assert optimal(solve_p_median, distant(), **asked).objective == people + 10 * (340 - people)
    assert optimal(solve_p_center, distant(), **asked).objective == farthest


def test_who_may_move_away_from_d1_moves_only_for_somebody() -> None:
    """E1 costs nothing, so that closing it saves nothing: with two sites for two nothing closes."""
    stays = optimal(solve_relocation, toy(), close=1, sites=2)
    assert (stays.closed, set(stays.selected), stays.objective) == ((), {"N1", "N2"}, 340)
    dear = replace(toy(), site_cost=np.array([2, 1, 1, 1, 3, 3]))
    moved = optimal(solve_relocation, dear, close=1, budget=0)
    assert (moved.closed, set(moved.selected), moved.objective) == (("E1",), {"B1", "B3"}, 290)
