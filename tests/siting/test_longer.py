"""More work never ends with a worse plan, and what is cut short says so: it is neither infeasible nor done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sitingworlds import scattered

from accessibility.errors import UnprovenError
from accessibility.siting import (
    Conditions,
    Problem,
    SitingPlan,
    coverage_frontier,
    effort,
    enumeration,
    floor_price,
    portfolio,
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

    Solve = Callable[[], SitingPlan]

WORKS = (0.0, 1e4, 1e6, 1e7, effort.SHARED)


@pytest.fixture(autouse=True)
def _no_look_at_every_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "FEW", (0, 0.0))


def square(seed: int) -> Problem:
    """Return 46 candidates and 4 open sites about 400 places in a square, everybody reached by all, four districts."""
    random = np.random.default_rng(seed)
    site, home = random.random((50, 2)), random.random((400, 2))
    stands = np.arange(50) < 4
    return Problem.from_costs(
        np.hypot(*(site[:, None] - home).transpose(2, 0, 1)),
        random.integers(1, 100, 400).astype(float) if seed % 2 else random.lognormal(1.0, 1.0, 400),
        0.13,
        site_cost=random.integers(1, 6, 50).astype(float),
        district=np.array(["AB", "CD"], dtype="U2")[(home[:, 0] > 0.5).astype(int)],
        open=stands,
        candidate=~stands,
    )


QUESTIONS: dict[str, Callable[[Problem], SitingPlan]] = {
    "mclp": lambda problem: solve_mclp(problem, budget=16.0),
    "mclp, floors": lambda problem: solve_mclp(problem, sites=12, conditions=Conditions(floor=0.6)),
    "lscp": solve_lscp,
    "partial": lambda problem: solve_partial(problem, 0.8),
    "p-median": lambda problem: solve_p_median(problem, sites=8),
    "p-center": lambda problem: solve_p_center(problem, sites=8),
    "max-min": lambda problem: solve_max_min(problem, sites=8),
    "backup": lambda problem: solve_backup(problem, sites=8),
    "backup, floors": lambda problem: solve_backup(problem, sites=12, conditions=Conditions(floor=0.6)),
    "relocation": lambda problem: solve_relocation(problem, close=2, sites=8),
}


def rank(plan: SitingPlan) -> tuple[float, ...]:
    """Return what makes one plan better than another, more is better."""
    if plan.model == "max-min":
        return plan.objective, plan.covered_people
    if plan.model == "backup":
        return plan.covered_people, plan.objective
    return (-plan.objective if plan.model in ("lscp", "partial", "p-median", "p-center") else plan.objective,)


def searched(
    problem: Problem, ask: Callable[[Problem], SitingPlan], work: float, patch: pytest.MonkeyPatch
) -> SitingPlan | None:
    """Return the plan that so much work ends with, checked; None where it ends with none."""
    patch.setattr(effort, "WORK", work)
    try:
        plan = ask(problem)
    except UnprovenError as error:
        assert "none was proven impossible" in str(error)  # noqa: PT017 -- whether it is raised hangs on the work
        return None
    verify_plan(problem, plan)
    return plan


@pytest.mark.parametrize("seed", [2])
@pytest.mark.parametrize("name", QUESTIONS)
def test_more_work_never_ends_with_a_worse_plan(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, best = square(seed), None
    for work in WORKS:
        plan = searched(problem, QUESTIONS[name], work, monkeypatch)
        assert plan is not None or best is None, work
        if plan is None:
            continue
        assert best is None or rank(plan) >= tuple(worth - 1e-9 * abs(worth) for worth in best), work
        best = rank(plan)
    assert plan is not None
    assert plan.status == "optimal" or name == "max-min"


def floored() -> Problem:
    """Return people and candidates in two districts."""
    problem = scattered(150, 40, seed=5, radius=0.15)
    return replace(problem, districts=("A", "B"), district=(np.arange(150) % 2).astype(np.int32))


def short_of_floor(lift: float) -> dict[str, Callable[[Problem], SitingPlan]]:
    """Return questions with a floor so much above the best that eight sites can do; below 0 for what they can."""
    best = solve_max_min(floored(), sites=8).objective
    asked = Conditions(floor=best + lift)
    return {
        "mclp": lambda problem: solve_mclp(problem, sites=8, conditions=asked),
        "backup": lambda problem: solve_backup(problem, sites=8, conditions=asked),
        "relocation": lambda problem: solve_relocation(problem, close=0, sites=8, conditions=asked),
    }


@pytest.mark.parametrize(("lift", "end"), [(-1e-3, "optimal"), (0.02, "infeasible")])
def test_floors_that_a_search_is_cut_short_of_are_not_called_infeasible(
    lift: float, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = floored()
    for name, ask in short_of_floor(lift).items():
        ends = [searched(problem, ask, work, monkeypatch) for work in (0.0, 1e6, 4e10)]
        assert ends[0] is None, name
        assert ends[1] is None or ends[1].status != "infeasible" or end == "infeasible"
        assert ends[2] is not None
        assert ends[2].status == end


def test_a_target_that_a_search_is_cut_short_of_is_not_called_infeasible(monkeypatch: pytest.MonkeyPatch) -> None:
    wide, dense = scattered(300, 60, seed=0), scattered(200, 50, seed=0, radius=0.2)
    cost, fewest = solve_partial(wide, 0.9).objective, len(solve_lscp(dense).selected)
    met = searched(wide, lambda problem: solve_partial(problem, 0.9, budget=cost), 0.0, monkeypatch)
    assert met is None  # there is a plan, and no time to find it
    cases: tuple[tuple[Problem, Callable[[Problem], SitingPlan]], ...] = (
        (wide, lambda problem: solve_partial(problem, 0.9, budget=cost - 1)),
        (dense, lambda problem: solve_lscp(problem, sites=fewest - 1)),
    )
    for problem, ask in cases:
        assert searched(problem, ask, 0.0, monkeypatch) is None
        plan = searched(problem, ask, 4e10, monkeypatch)
        assert plan is not None
        assert plan.status == "infeasible"


def test_tables_call_what_was_cut_short_unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, asked = floored(), Conditions(floor=solve_max_min(floored(), sites=8).objective - 1e-3)
    monkeypatch.setattr(effort, "WORK", 0.0)
    frontier = coverage_frontier(problem, sites=[8, 40], conditions=asked).table()
    assert frontier["status"].tolist() == ["unproven", "optimal"]
    assert "none was proven impossible" in frontier["message"][0]
    price = floor_price(problem, [0.0, asked.floor], sites=8).table()
    assert price["status"].tolist()[1] == "unproven"
    with pytest.raises(UnprovenError, match="none was proven impossible"):
        portfolio(problem, sites=8, conditions=asked)
