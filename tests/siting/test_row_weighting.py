"""The search that leaves nobody out, against every plan of small worlds and a plan that is hidden in a large one."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from accessibility.siting import Conditions, Problem, covering_course, row_weighting, solve_mclp, verify_plan
from accessibility.siting.covering import read_covering, reduce_covering
from accessibility.siting.covering_course import _anew, _reach_everybody, begin_course
from accessibility.siting.effort import Allowance
from accessibility.siting.exact import Effort, solve_program
from accessibility.siting.goals import MostPeople
from accessibility.siting.greedy import open_greedily
from accessibility.siting.limits import Limits
from accessibility.siting.programs import cover_most
from accessibility.siting.row_weighting import leave_out_nobody

if TYPE_CHECKING:
    from accessibility.siting.covering import Covering

ENOUGH = 1e7  # it takes sixty times as much where those who are left out count no more


def scattered_world(seed: int) -> Problem:
    """Return 12 candidates and 60 places, everybody within reach of some."""
    random = np.random.default_rng(seed)
    costs = np.hypot(*(random.random((12, 2))[:, None] - random.random((60, 2))).transpose(2, 0, 1))
    return Problem.from_costs(
        np.where(costs <= costs.min(axis=0), 0.0, costs),
        random.integers(1, 1_000, 60),
        0.3,
        site_cost=random.integers(1, 6, 12),
        kind=["bank", "room", "room"] * 4,
    )


def least_left_out(covering: Covering) -> int:
    """Return the fewest people that any plan within the limits leaves out."""
    found = []
    for size in range(1, covering.most + 1):
        for columns in combinations(range(len(covering.site)), size):
            plan = np.isin(np.arange(len(covering.site)), columns)
            if covering.fits(plan):
                found.append(int(covering.weight.sum()) + covering.base - covering.value(plan))
    return min(found)


ASKED = {
    "number": lambda sites: Limits.of(sites, None, None),
    "budget": lambda sites: Limits.of(None, 3.0 * sites, None),
    "pairs and quota": lambda sites: Limits.of(
        sites, None, Conditions(exclusive=((0, 1), (2, 3), (4, 5)), quotas={"bank": 1})
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ASKED)
def test_nobody_is_left_out_where_a_plan_within_the_limits_reaches_everybody(name: str, seed: int) -> None:
    problem = scattered_world(seed)
    for sites in range(2, 8):
        covering = reduce_covering(read_covering(problem, ASKED[name](sites)).covering)
        begun = open_greedily(covering)
        plan = leave_out_nobody(covering, begun, Allowance(work=2e6), seed=seed)
        assert covering.fits(plan)
        assert covering.value(plan) >= covering.value(begun)
        # As many sites as before are swapped one by one: where costs differ that need not lead to every plan.
        if name == "number" and not covering.covered(plan).all():
            assert least_left_out(covering) > 0


def hidden_cover() -> Problem:
    """Return 30 sites that share everybody between them, hidden among 400 that each reach one place more."""
    random = np.random.default_rng(2)
    costs = np.full((430, 600), np.inf)
    for site, part in enumerate(np.split(random.permutation(600), 30)):
        costs[site, part] = 1.0
    for site in range(30, 430):
        costs[site, random.choice(600, 21, replace=False)] = 1.0
    return Problem.from_costs(costs[random.permutation(430)], random.integers(1, 5, 600), 2.0)


def test_a_plan_for_everybody_is_found_among_sites_that_each_reach_more() -> None:
    problem = hidden_cover()
    covering = reduce_covering(read_covering(problem, Limits(sites=30)).covering)
    begun = open_greedily(covering)
    assert covering.value(begun) < 0.9 * problem.population
    plan = leave_out_nobody(covering, begun, Allowance(work=ENOUGH))
    assert covering.value(plan) == problem.population
    assert np.array_equal(plan, leave_out_nobody(covering, begun, Allowance(work=ENOUGH)))
    # Nothing but to find it is needed for a proof.
    solved = solve_mclp(problem, sites=30)
    assert (solved.status, solved.objective) == ("optimal", problem.population)
    verify_plan(problem, solved)


def never(*_: Any, **__: Any) -> None:
    """Fail, in place of what should not be called."""
    raise AssertionError


def uneven_plane(seed: int) -> Problem:
    """Return 100 sites and 300 places, everybody within reach of some; many places are of few people, a few of many."""
    random = np.random.default_rng(seed)
    costs = np.hypot(*(random.random((100, 2))[:, None] - random.random((300, 2))).transpose(2, 0, 1))
    near = costs <= np.maximum(costs.min(axis=0), 0.2)
    return Problem.from_costs(np.where(near, 0.0, np.inf), np.ceil(np.exp(random.normal(2.0, 1.5, 300))), 1.0)


@pytest.mark.parametrize("world", [1, 3, 4])
def test_as_few_are_left_out_as_the_solver_proves(world: int) -> None:
    """Where rows count alike, a third of such searches leaves out more."""
    covering = reduce_covering(read_covering(uneven_plane(world), Limits(sites=10)).covering)
    solved = solve_program(cover_most(covering), Effort())
    best = round(solved.objective * covering.solver_weight)
    begun = open_greedily(covering)
    assert covering.value(begun) < best < covering.base + int(covering.weight.sum())
    for seed in range(0, 10, 2):
        assert covering.value(leave_out_nobody(covering, begun, Allowance(work=3 * ENOUGH), seed=seed)) == best


def test_more_work_leaves_no_more_people_out_and_none_changes_nothing() -> None:
    covering = reduce_covering(read_covering(hidden_cover(), Limits(sites=26)).covering)
    begun, before = open_greedily(covering), 0
    assert leave_out_nobody(covering, begun, Allowance(work=0.0)) is begun
    for work in (1e5, 1e6, 2e7):
        plan = leave_out_nobody(covering, begun, Allowance(work=work))
        assert covering.value(plan) >= before
        before = covering.value(plan)


def test_of_two_sites_a_swap_takes_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of a few sites is next to nothing: two of them, which cannot both open, once took minutes."""
    problem = Problem.from_costs(np.where(np.eye(2) > 0, 0.0, np.inf), [1, 1], 1.0)
    covering, swaps, swap = read_covering(problem, Limits(sites=1)).covering, [], row_weighting._swap

    def noted(*order: Any) -> None:
        swap(*order)
        swaps.append(order[2][3])

    monkeypatch.setattr(row_weighting, "_swap", noted)
    leave_out_nobody(covering, np.array([True, False]), Allowance(work=ENOUGH))
    assert 1_000 < swaps[-1] <= ENOUGH / 100


def test_a_small_question_is_solved_outright(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covering_course, "leave_out_nobody", never)
    problem = Problem.from_costs(
        np.where(np.eye(2) > 0, 0.0, np.inf), [1, 1], 1.0, site_cost=[1_000_000_000, 1_000_000_001]
    )
    assert solve_mclp(problem, budget=2_000_000_000).status == "optimal"


def test_nobody_looks_for_a_plan_that_a_bound_rules_out(monkeypatch: pytest.MonkeyPatch) -> None:
    covering = read_covering(hidden_cover(), Limits(sites=30)).covering
    course, allowance = begin_course(MostPeople(), covering, 0.0), Allowance(work=ENOUGH)
    course.bound = float(course.goal.ceiling(course.small) - 1)
    _reach_everybody(course, allowance)
    assert allowance.did == 0
    course.bound += 1
    _reach_everybody(course, allowance)
    assert course.value == course.goal.ceiling(course.small)
    # Plans from a new beginning are looked for in the same way, and annealed where a bound says that it is in vain.
    with monkeypatch.context() as patch:
        patch.setattr(MostPeople, "anew", never)
        assert course.small.value(_anew(course, Allowance(work=ENOUGH))) == course.value
    monkeypatch.setattr(covering_course, "leave_out_nobody", never)
    course.bound -= 1
    assert course.small.fits(_anew(course, Allowance(work=ENOUGH)))
