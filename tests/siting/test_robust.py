"""Robust plans against every choice of sites, their bounds on the right side, and forged ones refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from accessibility.errors import InfeasibleError, InputError, UnprovenError
from accessibility.siting import Conditions, Problem, solve_robust, verify_plan, verify_robust
from accessibility.siting.robust import Sample, merge_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def world(seed: int) -> tuple[list[Problem], float]:
    """Return draws of a random question, and a budget."""
    random = np.random.default_rng(seed)
    sites, points, draws = (int(random.integers(low, high)) for low, high in ((3, 8), (4, 12), (2, 35)))
    opened, cost = random.random(sites) < 0.2, random.integers(1, 5, sites).astype(float)
    ids = [f"s{i}" for i in range(sites)]

    def one() -> Problem:
        costs: NDArray[Any] = random.integers(0, 20, (sites, points)).astype(float)
        people = 100 * random.random(points) * (random.random(points) < 0.9) + 1e-3
        cutoff = int(random.integers(3, 9))
        return Problem.from_costs(costs, people, cutoff, ids=ids, site_cost=cost, open=opened)

    return [one() for _ in range(draws)], float(random.integers(1, 9))


def share(problem: Problem, sites: Sequence[int]) -> float:
    """Return the share that a choice covers, counted pair by pair."""
    covered: set[int] = set()
    for site in (*sites, *np.flatnonzero(problem.open)):
        pairs = range(problem.start[site], problem.start[site + 1])
        covered |= {int(problem.demand[pair]) for pair in pairs if problem.within[pair]}
    return sum(float(problem.people[point]) for point in covered) / float(problem.people.sum())


def every_choice(problems: Sequence[Problem], budget: float) -> list[list[float]]:
    """Return the shares of each choice of sites that the budget pays for, one in each draw."""
    first = problems[0]
    free = np.flatnonzero(first.candidate).tolist()
    choices = [c for k in range(len(free) + 1) for c in combinations(free, k)]
    choices = [choice for choice in choices if first.site_cost[list(choice)].sum() <= budget]
    return [[share(problem, choice) for problem in problems] for choice in choices]


def worst_tenth(shares: Sequence[float]) -> float:
    """Return the mean of the least tenth of some shares, rounded up to whole draws."""
    several = (len(shares) + 9) // 10
    return sum(sorted(shares)[:several]) / several


@pytest.mark.parametrize("seed", range(12))
def test_both_aims_against_every_choice_of_sites(seed: int) -> None:
    problems, budget = world(seed)
    merged = [merge_points(problem) for problem in problems]
    shares = every_choice(problems, budget)
    for aim, best in (("mean", max(map(np.mean, shares))), ("worst", max(map(worst_tenth, shares)))):
        for draws in (problems, merged):
            plan = solve_robust(draws, aim=aim, budget=budget)  # type: ignore[arg-type]
            assert plan.objective == pytest.approx(best, abs=1e-9)
            assert (plan.status, plan.bound) == ("optimal", plan.objective)
            assert plan.cost <= budget
            verify_robust(draws, plan)


@pytest.mark.parametrize("seed", range(24, 30))
def test_any_weights_of_the_draws_bound_the_worst_tenth_of_every_choice(seed: int) -> None:
    problems, budget = world(seed)
    sample = Sample(problems=tuple(problems))
    best = max(map(worst_tenth, every_choice(problems, budget)))
    plan = solve_robust(problems, aim="worst", budget=budget)
    assert plan.weight.sum() == pytest.approx(1.0)
    assert plan.weight.max() <= 1 / sample.tenth + 1e-9
    question = sample.weighted(plan.weight)
    verify_plan(question, plan.proof)
    assert plan.proof.bound / question.population >= best - 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_merged_points_cover_as_many_people_with_every_choice(seed: int) -> None:
    problems, _ = world(100 + seed)
    small = [merge_points(problem) for problem in problems]
    before, after = every_choice(problems, 99.0), every_choice(small, 99.0)
    assert np.allclose(before, after)
    assert [p.population for p in small] == pytest.approx([p.population for p in problems])


def test_what_is_best_on_average_and_in_the_worst_tenth_by_hand() -> None:
    costs = [[1, 9, 9], [9, 1, 9], [9, 9, 1]]
    people = [[60, 40, 0]] * 9 + [[10, 50, 40]]  # of nine draws, and of the tenth
    problems = [Problem.from_costs(costs, row, 5, ids=["A", "B", "C"]) for row in people]
    mean, worst = (solve_robust(problems, aim=aim, sites=1) for aim in ("mean", "worst"))
    assert (mean.selected, worst.selected) == (("A",), ("B",))
    assert mean.objective == pytest.approx((9 * 0.6 + 0.1) / 10)
    assert worst.objective == pytest.approx(0.4)  # one draw is a tenth; A has 0.1 there


def test_a_tenth_is_rounded_up_to_whole_draws_and_has_its_error() -> None:
    one = Problem.from_costs([[1, 9]], [50, 50], 5)
    counts = {draws: Sample(problems=(one,) * draws).tenth for draws in (2, 9, 10, 11, 30, 70, 200)}
    assert counts == {2: 1, 9: 1, 10: 1, 11: 2, 30: 3, 70: 7, 200: 20}
    random = np.random.default_rng(3)
    sample, runs = Sample(problems=(one,) * 200), random.normal(0.7, 0.05, (400, 200))
    for aim in ("mean", "worst"):
        worths = [sample.worth(shares, aim) for shares in runs]
        told = np.mean([sample.error(shares, aim) for shares in runs])
        assert told == pytest.approx(np.std(worths), rel=0.15)


def test_conditions_are_kept_to_and_what_nobody_meets_is_told() -> None:
    problems = [Problem.from_costs([[1, 9], [9, 1]], [30, 10], 5, ids=["A", "B"], site_cost=[1, 3])] * 3
    for aim in ("mean", "worst"):
        kept = solve_robust(problems, aim=aim, sites=1, conditions=Conditions(forbidden=("A",)))
        assert kept.selected == ("B",)
        with pytest.raises(InfeasibleError):
            solve_robust(problems, aim=aim, budget=2, conditions=Conditions(required=("B",)))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "neither sites nor budget"),
        ({"sites": 1, "aim": "median"}, "expected one of mean, worst"),
        ({"sites": 1, "conditions": Conditions(floor=0.5)}, "floors"),
        ({"sites": 1, "conditions": Conditions(floors={"north": 0.5})}, "floors"),
    ],
)
def test_questions_that_draws_do_not_answer_are_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        solve_robust([Problem.from_costs([[1, 9]], [30, 10], 5)] * 2, **asked)


def test_other_sites_and_draws_without_people_are_refused() -> None:
    one, other = (Problem.from_costs([[1, 2]], [1, 1], 5, ids=[name]) for name in "ab")
    with pytest.raises(InputError, match="the same sites in all"):
        Sample(problems=(one, other))
    with pytest.raises(InputError, match="the same sites in all"):
        Sample(problems=())
    with pytest.raises(InputError, match="expected people in every draw"):
        Sample(problems=(one, replace(one, people=np.zeros(2))))


@pytest.mark.parametrize("aim", ["mean", "worst"])
@pytest.mark.parametrize(
    "forge",
    [
        lambda plan: {"objective": plan.objective + 0.01, "bound": plan.bound + 0.01},
        lambda plan: {"bound": plan.bound - 0.01},
        lambda plan: {"bound": plan.proof.bound + 1.0, "status": "feasible"},
        lambda plan: {"shares": plan.shares + 0.01},
        lambda plan: {"weight": plan.weight * 0.9},
        lambda plan: {"weight": np.eye(len(plan.weight))[0]},
        lambda plan: {"weight": -plan.weight},
        lambda plan: {"weight": plan.weight * np.nan},
        lambda plan: {"shares": plan.shares[:-1]},
        lambda plan: {"selected": ("s0", "s1", "s2"), "costs": plan.costs},
        lambda plan: {"proof": replace(plan.proof, bound=plan.proof.bound * 0.9)},
    ],
)
def test_forged_robust_plans_are_refused(aim: Any, forge: Any) -> None:
    problems, budget = world(3)
    plan = solve_robust(problems, aim=aim, budget=budget)
    verify_robust(problems, plan)
    with pytest.raises((UnprovenError, InputError)):
        verify_robust(problems, replace(plan, **forge(plan)))
