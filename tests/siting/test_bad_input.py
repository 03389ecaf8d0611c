"""Questions that cannot be answered as they stand, asked of every model: a plan, or a sentence with a number in it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sitingworlds import distant, toy

from accessibility.errors import InfeasibleError, InputError
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

Solve = "Callable[..., SitingPlan]"
MOST: dict[str, Any] = {  # what is best within limits
    "mclp": solve_mclp,
    "max-min": solve_max_min,
    "backup": solve_backup,
    "relocation": partial(solve_relocation, close=0),
    "p-median": solve_p_median,
    "p-center": solve_p_center,
}
LEAST: dict[str, Any] = {"lscp": solve_lscp, "partial": partial(solve_partial, reach=0.95)}  # least cost for enough
COVERING = {name: MOST[name] for name in ("mclp", "max-min", "backup", "relocation")}
# Of the town, with E1 open: people covered, the least share, covered once and twice, minutes walked, the longest walk.
TODAY = {"mclp": 100, "max-min": 0, "backup": 100, "relocation": 100, "p-median": 100 + 10 * 240, "p-center": 10}

most = pytest.mark.parametrize("model", MOST)
least = pytest.mark.parametrize("model", LEAST)
every = pytest.mark.parametrize("model", [*MOST, *LEAST])


def nothing_opens(problem: Problem, plan: SitingPlan, objective: float) -> None:
    verify_plan(problem, plan)
    assert (plan.selected, plan.closed, plan.cost) == ((), (), 0)
    assert (plan.objective, plan.bound, plan.status) == (objective, objective, "optimal")


@most
@pytest.mark.parametrize("limit", [{"sites": 0}, {"budget": 0}, {"budget": 0.5}])
def test_a_budget_of_nothing_or_below_every_cost(model: str, limit: dict[str, float]) -> None:
    nothing_opens(distant(), MOST[model](distant(), **limit), TODAY[model])


@least
@pytest.mark.parametrize("budget", [0, 0.5])
def test_enough_for_nothing_says_how_many_are_short(model: str, budget: float) -> None:
    plan = LEAST[model](toy(), budget=budget)
    verify_plan(toy(), plan)
    short = 240 if model == "lscp" else 223  # 95 % of 340 people is 323
    assert (plan.status, dict(plan.short_people), plan.selected) == ("infeasible", {"total": short}, ())
    assert f"{short} people in total" in plan.message


@every
def test_no_candidate(model: str) -> None:
    problem = replace(distant(), candidate=np.zeros(6, np.bool_))
    if model in MOST:
        nothing_opens(problem, MOST[model](problem, sites=3), TODAY[model])
    elif model == "lscp":  # nobody else could be covered
        nothing_opens(problem, solve_lscp(problem), 0)
    else:
        plan = LEAST[model](problem)
        assert (plan.status, dict(plan.short_people)) == ("infeasible", {"total": 223})


@pytest.mark.parametrize(
    ("model", "objective"),
    [("mclp", 340), ("max-min", 1), ("backup", 340 + 290), ("relocation", 340), ("p-median", 340), ("p-center", 1)],
)
def test_more_sites_than_candidates(model: str, objective: float) -> None:
    problem = distant()
    plan = MOST[model](problem, sites=99)
    verify_plan(problem, plan)
    assert (plan.objective, plan.status) == (objective, "optimal")
    assert len(plan.selected) <= 5


@every
def test_everybody_is_covered_already(model: str) -> None:
    problem = replace(distant(), open=np.ones(6, np.bool_), candidate=np.zeros(6, np.bool_))
    if model in LEAST:
        nothing_opens(problem, LEAST[model](problem), 0)
        return
    plan = MOST[model](problem, sites=2)
    nothing_opens(
        problem,
        plan,
        {**TODAY, "mclp": 340, "max-min": 1, "backup": 340 + 290, "relocation": 340, "p-median": 340, "p-center": 1}[
            model
        ],
    )


@pytest.mark.parametrize("model", COVERING)
def test_nobody_can_be_covered(model: str) -> None:
    problem = Problem.from_costs(np.full((2, 3), 9.0), [1, 2, 3], cutoff=5)
    nothing_opens(problem, COVERING[model](problem, sites=2), 0)


@least
def test_nobody_can_be_covered_at_any_cost(model: str) -> None:
    problem = Problem.from_costs(np.full((2, 3), 9.0), [1, 2, 3], cutoff=5)
    plan = LEAST[model](problem)
    verify_plan(problem, plan)
    assert plan.selected == ()
    if model == "lscp":
        assert (plan.objective, plan.status) == (0, "optimal")
        assert plan.message == "6 people are out of reach of every candidate"
    else:
        assert (plan.status, dict(plan.short_people)) == ("infeasible", {"total": 6})


@pytest.mark.parametrize("solve", [solve_p_median, solve_p_center])
def test_nobody_is_reached(solve: Callable[..., SitingPlan]) -> None:
    problem = Problem.from_costs(np.full((2, 3), np.inf), [1, 2, 3], cutoff=5)
    with pytest.raises(InfeasibleError, match="6 people at 3 of 3 demand points"):
        solve(problem, sites=2)


@pytest.mark.parametrize("model", ["mclp", "backup", "relocation"])
def test_a_floor_above_the_ceiling(model: str) -> None:
    """N2 never opens: nobody but D4 is covered in B, 50 of 100 people."""
    asked = Conditions(floors={"B": 0.9}, forbidden=("N2",))
    plan = COVERING[model](toy(), sites=9, conditions=asked)
    verify_plan(toy(), plan)
    assert (plan.status, dict(plan.short_people)) == ("infeasible", {"B": 40})
    assert "40 people in B" in plan.message


@least
def test_a_floor_above_the_ceiling_at_any_cost(model: str) -> None:
    asked = Conditions(floors={"B": 0.9}, forbidden=("N2",))
    plan = LEAST[model](toy(), conditions=asked)
    verify_plan(toy(), plan)
    assert plan.status == "infeasible"
    assert plan.short_people["B"] == 40
    assert "40 people in B" in plan.message


@pytest.mark.parametrize("model", ["max-min", "p-median", "p-center"])
def test_floors_where_they_have_no_meaning(model: str) -> None:
    with pytest.raises(InputError, match="floor"):
        MOST[model](distant(), sites=1, conditions=Conditions(floor=0.5))


@every
@pytest.mark.parametrize("limit", [{"budget": float("nan")}, {"budget": -1}, {"time_limit_s": float("nan")}])
def test_numbers_that_are_none(model: str, limit: dict[str, float]) -> None:
    solve = {**MOST, **LEAST}[model]
    with pytest.raises(InputError):
        solve(distant(), **({"budget": 1} | limit))


@pytest.mark.parametrize("bad", [-1.0, -np.inf])
def test_costs_that_are_none(bad: float) -> None:
    with pytest.raises(InputError, match="1 of 4 costs are negative"):
        Problem.from_costs([[1, bad], [2, 3]], [1, 1], cutoff=5)


@pytest.mark.parametrize("bad", [float("nan"), -1.0, np.inf])
def test_people_and_prices_that_are_none(bad: float) -> None:
    with pytest.raises(InputError, match="people"):
        Problem.from_costs([[1, 2], [2, 3]], [1, bad], cutoff=5)
    with pytest.raises(InputError, match="site_cost"):
        Problem.from_costs([[1, 2], [2, 3]], [1, 1], cutoff=5, site_cost=[1, bad])
    if bad != np.inf:
        with pytest.raises(InputError, match="cutoff"):
            Problem.from_costs([[1, 2], [2, 3]], [1, 1], cutoff=bad)


@every
def test_a_place_without_people_or_sites(model: str) -> None:
    solve = {**MOST, **LEAST}[model]
    for sites, points in ((2, 0), (0, 0)):
        problem = Problem.from_costs(np.ones((sites, points)), np.zeros(points), cutoff=1)
        plan = solve(problem, budget=1)
        verify_plan(problem, plan)
        assert (plan.selected, plan.status) == ((), "optimal")


def test_the_least_number_there_is_stands_beside_others_without_a_warning() -> None:
    """A ratio beyond all numbers is none; the suite turns warnings into errors."""
    problem = Problem.from_costs([[1, 9], [9, 1]], [5e-324, 1.0], 5, site_cost=[1.0, 1.0])
    assert solve_mclp(problem, sites=1).selected == (1,)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"gap": -1.0}, "gap is -1; expected a relative gap"),
        ({"conditions": Conditions(floor=0.5)}, "as far as it can; expected no floors"),
    ],
)
def test_max_min_says_which_of_two_things_is_wrong(asked: dict[str, Any], message: str) -> None:
    problem = Problem.from_costs([[1, 9], [9, 1]], [1, 2], 5)
    with pytest.raises(InputError, match=message):
        solve_max_min(problem, sites=1, **asked)
