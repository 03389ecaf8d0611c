"""Plans that hold: against every choice of sites in every draw, and a bound on the right side."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from worlds import CRS, ORIGIN, line, people

from accessibility import Sites, Study
from accessibility.errors import InputError
from accessibility.siting import Problem, solve_mclp, verify_plan
from accessibility.study.holding import hold_plans, stack_problems
from accessibility.study.proposing import Question

if TYPE_CHECKING:
    from numpy.typing import NDArray


def covered(problem: Problem, sites: tuple[int, ...]) -> float:
    within = np.zeros(len(problem.people), bool)
    for site in (*sites, *np.flatnonzero(problem.open)):
        pairs = slice(problem.start[site], problem.start[site + 1])
        within[problem.demand[pairs][problem.within[pairs]]] = True
    return float(problem.people[within].sum())


@pytest.mark.parametrize("seed", range(5))
def test_problems_side_by_side_are_the_mean_of_all_by_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)

    def one() -> Problem:
        costs: NDArray[Any] = random.integers(0, 20, (6, 9)).astype(float)
        return Problem.from_costs(costs, random.integers(1, 50, 9), 5, ids=list("abcdef"))

    problems = [one() for _ in range(4)]
    stacked = stack_problems(problems)
    plan = solve_mclp(stacked, sites=2)
    means = [np.mean([covered(p, pair) for p in problems]) for pair in combinations(range(6), 2)]
    assert plan.objective == pytest.approx(max(means))
    assert plan.bound >= plan.objective - 1e-9
    verify_plan(stacked, plan)


def test_other_sites_are_not_put_side_by_side() -> None:
    one, other = (Problem.from_costs([[1, 2]], [1, 1], 5, ids=[name]) for name in "ab")
    with pytest.raises(InputError, match="expected the same in all"):
        stack_problems([one, other])


def road() -> Study:
    """Return a road with many people in reach of one candidate and, at the edge of reach, of another."""
    homes = people([(3_000.0, 5.0), (3_100.0, 5.0), (6_880.0, 5.0), (7_000.0, 5.0)], [100, 100, 60, 10])
    at = np.array([(0.0, 0.0), (3_050.0, 0.0), (6_000.0, 0.0)]) + ORIGIN
    sites = Sites(ids=["O1", "sure", "edge"], xy=at, kind=["outlet", "bank", "bank"], cost=[0, 1, 1], crs=CRS)  # type: ignore[arg-type]
    return Study.of(line(9_000.0, 18), homes, sites, settings="urban", name="Road")


def test_regret_is_never_below_zero_and_a_site_that_every_draw_wants_is_a_must() -> None:
    held = hold_plans(road(), Question(sites=1), draws=20, seed=2)
    assert held.plan.selected == ("sure",)
    assert held.robust.selected == ("sure",)
    assert (held.regret >= -1e-9).all()
    assert held.must_have == ("sure",)
    assert sum(held.appears.values()) == pytest.approx(1.0)
    assert held.robust.bound >= held.robust.objective - 1e-9
    table = held.table().set_index("plan")
    assert table["mean_share"]["robust"] >= table["mean_share"]["best by the inputs"] - 1e-12
    assert (table["worst_share"] <= table["mean_share"] + 1e-12).all()
    again = hold_plans(road(), Question(sites=1), draws=20, seed=2)
    assert np.array_equal(again.shares, held.shares)


@pytest.mark.parametrize(("question", "draws"), [(Question(model="p-median", sites=1), 5), (Question(sites=1), 1)])
def test_questions_that_cannot_be_held_are_refused(question: Question, draws: int) -> None:
    with pytest.raises(InputError, match="plans are held"):
        hold_plans(road(), question, draws=draws)
