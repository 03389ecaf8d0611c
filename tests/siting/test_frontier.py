"""What each budget buys: by hand, by enumeration of every plan, and what must hold of every curve."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse
from sitingworlds import conditions, covers, people_at, plans, problems, reached, scattered, shortage, toy

from accessibility.errors import InputError, UnknownSiteError
from accessibility.siting import Conditions, Frontier, Problem, coverage_frontier, solve_mclp, verify_plan

NONE = Conditions()
COSTS = [0.0, 0.3, 1.0, 2.0, 4.0]
COUNTS = [0, 1, 2, 4]


def best_by_enumeration(problem: Problem, sites: int | None, budget: float | None, asked: Conditions) -> float:
    """Return the most people that any plan covers; NaN where none meets the floors."""
    everyone = [
        people_at(problem, reached(problem, rows))
        for rows in plans(problem, sites, budget, asked)
        if shortage(problem, rows, asked) == 0
    ]
    return max(everyone, default=np.nan)


def check_curve(problem: Problem, frontier: Frontier) -> None:
    """Check what must hold of every curve, however little time there was."""
    table = frontier.table()
    assert table.columns[:3].tolist() == ["budget", "covered_people", "bound_people"]
    assert table["budget"].is_monotonic_increasing
    told = table.dropna(subset=["covered_people", "bound_people"])
    assert told["covered_people"].is_monotonic_increasing
    assert told["bound_people"].is_monotonic_increasing
    assert (told["bound_people"] >= told["covered_people"]).all()
    assert (table["status"] == "infeasible").equals(table["covered_people"].isna())
    assert table["nested_people"].dropna().is_monotonic_increasing
    for plan in frontier.plans:
        verify_plan(problem, plan)
    own = np.array([plan.objective for plan in frontier.plans if plan.status != "infeasible"])
    assert (np.diff(own) >= -1e-9).all()  # the plans themselves, not only what the table tells of them
    asked = frontier.plans[0].conditions
    if not (asked.floor or asked.floors):
        assert (told["regret_people"] >= 0).all()


def test_the_town_done_by_hand_by_budget() -> None:
    table = coverage_frontier(toy(), budgets=[0, 1, 2, 3, 4, 5, 9]).table()
    assert table["budget"].tolist() == [0, 1, 2, 3, 4, 5, 9]
    assert table["covered_people"].tolist() == [100, 210, 290, 290, 290, 340, 340]
    assert table["bound_people"].tolist() == table["covered_people"].tolist()
    assert (table["gap"] == 0).all()
    assert (table["status"] == "optimal").all()
    assert table["sites"].tolist() == [0, 1, 2, 2, 2, 3, 3]
    assert table["cost"].tolist() == [0, 1, 2, 2, 2, 5, 5]
    # B3, then B1, then N2: every best plan holds the one before it.
    assert table["nested_people"].tolist() == table["covered_people"].tolist()
    assert (table["regret_people"] == 0).all()


def test_the_town_done_by_hand_by_number_of_sites() -> None:
    frontier = coverage_frontier(toy(), sites=[2, 1, 0, 1])
    table = frontier.table()
    assert table["budget"].tolist() == [0, 1, 2]
    assert table["covered_people"].tolist() == [100, 290, 340]
    assert frontier.rollout.order == ("N1", "N2")
    assert frontier.rollout.table()["covered_people"].tolist() == [290, 340]
    assert frontier.ceiling_people == 340
    assert frontier.plans[1].selected == ("N1",)


def test_a_floor_that_small_budgets_cannot_meet_is_told_in_a_sentence() -> None:
    frontier = coverage_frontier(toy(), budgets=[1, 3, 4, 5], conditions=Conditions(floor=0.6))
    table = frontier.table()
    assert table["status"].tolist() == ["infeasible", "infeasible", "optimal", "optimal"]
    assert table["message"][0] == "the plan that comes closest is short by 10 people in B"
    assert table["covered_people"].isna().tolist() == [True, True, False, False]
    assert table["covered_people"].tolist()[2:] == [260, 340]
    assert table["bound_people"].tolist()[2:] == [260, 340]
    check_curve(toy(), frontier)


def test_required_sites_that_a_budget_cannot_pay_are_told_in_a_sentence() -> None:
    asked = Conditions(required=("N1",))
    frontier = coverage_frontier(toy(), budgets=[2, 3, 6], conditions=asked)
    table = frontier.table()
    assert table["message"][0] == "the required sites cost 3, the budget is 2"
    assert table["covered_people"].tolist()[1:] == [290, 340]
    assert frontier.rollout.order == ("N1", "N2")
    check_curve(toy(), frontier)
    rollout = coverage_frontier(
        covers([[0], []], [5], ids=["a", "idle"]), sites=[1, 2], conditions=Conditions(required=("idle",))
    ).rollout
    assert rollout.order == ("idle", "a")
    assert rollout.gain == (0, 5)


def test_the_ceiling_counts_every_candidate_that_is_not_ruled_out() -> None:
    assert coverage_frontier(toy(), budgets=[1]).ceiling_people == 340
    assert coverage_frontier(toy(), budgets=[1], conditions=Conditions(forbidden=("N2",))).ceiling_people == 290
    assert coverage_frontier(covers([[0], [1]], [3, 4, 9]), sites=[0]).ceiling_people == 7


@given(problems(), st.data())
def test_every_budget_against_every_plan(problem: Problem, data: st.DataObject) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem)))
    by = data.draw(st.sampled_from(["budgets", "sites"]))
    steps: list[Any] = COSTS if by == "budgets" else COUNTS
    frontier = coverage_frontier(problem, conditions=asked, **{by: steps})  # type: ignore[arg-type]
    check_curve(problem, frontier)
    pairs: list[tuple[Any, Any]] = [(None, step) if by == "budgets" else (step, None) for step in steps]
    best = [best_by_enumeration(problem, *pair, asked) for pair in pairs]
    assert frontier.covered_people == pytest.approx(np.array(best), abs=1e-9, nan_ok=True)
    assert frontier.bound_people == pytest.approx(np.array(best), abs=1e-9, nan_ok=True)


@given(problems(), st.data())
def test_a_curve_cut_short_stays_on_the_right_side(problem: Problem, data: st.DataObject) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem, floors=False)))
    frontier = coverage_frontier(problem, budgets=COSTS, conditions=asked, time_limit_s=0)
    check_curve(problem, frontier)
    best = np.array([best_by_enumeration(problem, None, budget, asked) for budget in COSTS])
    known = ~np.isnan(best)
    assert (frontier.covered_people[known] <= best[known] + 1e-9).all()
    assert (frontier.bound_people[known] >= best[known] - 1e-9).all()


@given(problems(), st.data())
def test_the_rollout_is_one_order_whose_every_beginning_is_a_plan(problem: Problem, data: st.DataObject) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem, floors=False)))
    frontier = coverage_frontier(problem, budgets=COSTS, conditions=asked)
    if (frontier.table()["status"] == "infeasible").all():
        return
    order = frontier.rollout.order
    assert len(set(order)) == len(order)
    rows = problem.rows(order).tolist()
    allowed = {frozenset(plan) for plan in plans(problem, None, max(COSTS), replace(asked, required=()))}
    regret = frontier.table()["regret_people"].to_numpy()
    possible = frontier.table()["status"] != "infeasible"
    assert not np.isnan(frontier.nested_people[possible]).any()
    for budget, nested, lost in zip(COSTS, frontier.nested_people, regret, strict=True):
        if np.isnan(nested):
            continue
        spent = np.cumsum(problem.site_cost[rows])
        count = int((spent <= budget + 1e-9).sum())
        assert frozenset(rows[:count]) in allowed
        assert nested == pytest.approx(people_at(problem, reached(problem, tuple(rows[:count]))), abs=1e-9)
        assert np.isnan(lost) or lost >= -1e-9


def test_the_rollout_gives_up_a_little_first_to_lose_less_in_all() -> None:
    # M alone is best, but A and B together leave nothing for M to add: beginning with A loses 10 once, with M 20.
    problem = covers([[0, 1], [1, 2], [3, 0], [4]], [30, 30, 20, 20, 1], ids=["M", "B", "A", "far"])
    table = coverage_frontier(problem, sites=[1, 2]).table()
    assert table["covered_people"].tolist() == [60, 100]
    assert table["nested_people"].tolist() == [50, 100]
    assert table["regret_people"].tolist() == [10, 0]


@settings(max_examples=25)
@given(problems(most_sites=5))
def test_the_rollout_against_every_order(problem: Problem) -> None:
    frontier = coverage_frontier(problem, sites=[1, 2, 3])
    could = np.flatnonzero(problem.candidate).tolist()
    every = [
        sum(people_at(problem, reached(problem, order[:count])) for count in (1, 2, 3)) for order in permutations(could)
    ]
    found = float(frontier.nested_people.sum())
    assert found <= max(every, default=found) + 1e-9
    # Led from the best plan of one budget: no worse at that budget than any plan, and no worse than opening greedily.
    assert np.isclose(frontier.nested_people, frontier.covered_people).any()


def test_a_budget_that_pays_for_some_candidates_only_is_no_weaker_for_it() -> None:
    dear = np.where(np.arange(40) % 3 == 0, 1.0, np.where(np.arange(40) % 3 == 1, 2.5, 6.0))
    problem = replace(scattered(300, 40, seed=4), site_cost=dear)
    budgets = [0.5, 1, 2, 3, 5, 6, 9, 14]
    frontier = coverage_frontier(problem, budgets=budgets)
    check_curve(problem, frontier)
    for budget, covered, bound in zip(budgets, frontier.covered_people, frontier.bound_people, strict=True):
        alone = solve_mclp(problem, budget=budget)
        assert alone.status == "optimal"
        assert covered == bound == alone.objective


def test_a_larger_budgets_bound_holds_for_the_smaller_ones() -> None:
    problem = scattered(800, 120, seed=6)
    frontier = coverage_frontier(problem, sites=range(1, 21), time_limit_s=0)
    check_curve(problem, frontier)
    own = np.array([plan.bound for plan in frontier.plans])
    assert (frontier.bound_people <= own).all()
    assert frontier.bound_people == pytest.approx(np.minimum.accumulate(own[::-1])[::-1])
    assert frontier.bound_people.max() <= frontier.ceiling_people


def test_plans_are_carried_over_where_there_is_no_time_to_find_better_ones() -> None:
    # What opening by gain finds can fall where the budget rises.
    for seed in range(8):
        dear = np.random.default_rng(seed).integers(1, 9, 60).astype(float)
        problem = replace(scattered(300, 60, seed=seed), site_cost=dear)
        check_curve(problem, coverage_frontier(problem, budgets=range(2, 40), time_limit_s=0))


def test_where_time_is_short_no_budget_is_behind_the_one_opening_order() -> None:
    dear = np.random.default_rng(8).integers(1, 9, 60).astype(float)
    problem = replace(scattered(300, 60, seed=8, radius=0.15), site_cost=dear)
    check_curve(problem, coverage_frontier(problem, budgets=range(2, 30), time_limit_s=0))


def most_people(problem: Problem, sites: int) -> float:
    """Return the most people that so many sites cover, by scipy on the plain textbook program."""
    n, s = len(problem.people), len(problem.site_cost)
    near = sparse.csr_array((np.ones(len(problem.demand)), (problem.demand, problem.pair_site)), shape=(n, s))
    covered = optimize.LinearConstraint(sparse.hstack([sparse.eye_array(n), -near]), ub=0)
    number = optimize.LinearConstraint(np.concatenate([np.zeros(n), np.ones(s)])[None, :], ub=sites)
    whole = np.concatenate([np.zeros(n), np.ones(s)])
    found = optimize.milp(
        -np.concatenate([problem.people, np.zeros(s)]),
        constraints=[covered, number],
        bounds=optimize.Bounds(0, 1),
        integrality=whole,
    )
    assert found.success
    return -float(found.fun or 0.0)


@pytest.mark.parametrize(("points", "candidates", "seed"), [(600, 80, 4), (400, 60, 7)])
def test_towns_that_prices_do_not_settle_against_another_program(
    points: int, candidates: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing but the exact part may improve on greedy opening, so that it has to find what is best.
    monkeypatch.setattr("accessibility.siting.goals.improve", lambda _covering, chosen, *_how, **_more: chosen)
    problem = scattered(points, candidates, seed=seed, radius=0.15)
    sites = [8, 10, 12, 14, 16]
    frontier = coverage_frontier(problem, sites=sites)
    assert set(frontier.bound_by) - {"certificate"}
    best = pytest.approx([most_people(problem, count) for count in sites], abs=1e-6)
    assert frontier.covered_people.tolist() == best
    assert frontier.bound_people.tolist() == best


def test_near_enough_is_near_enough() -> None:
    problem = scattered(400, 80, seed=3)
    frontier = coverage_frontier(problem, sites=range(1, 15), gap=0.02)
    assert (frontier.table()["gap"] <= 0.02).all()
    check_curve(problem, frontier)


@pytest.mark.parametrize(
    ("problem", "covered"),
    [
        (covers([], [5]), 0),
        (covers([[0]], [5], candidate=[False]), 0),
        (covers([[0]], [5], open=[True]), 5),
        (covers([[]], [5]), 0),
        (covers([[0]], [0]), 0),
    ],
)
def test_where_nothing_can_be_gained_the_curve_is_flat(problem: Problem, covered: float) -> None:
    frontier = coverage_frontier(problem, sites=[0, 3])
    assert frontier.covered_people.tolist() == frontier.bound_people.tolist() == [covered, covered]
    assert frontier.rollout.order == ()
    check_curve(problem, frontier)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "neither budgets nor sites are given"),
        ({"budgets": [1], "sites": [1]}, "budgets and sites are both given"),
        ({"budgets": []}, "budgets are an empty list"),
        ({"sites": []}, "sites are an empty list"),
        ({"budgets": [1, -2]}, "budget is -2"),
        ({"budgets": [float("nan")]}, "budget is no number"),
        ({"budgets": [float("inf")]}, "budgets hold an infinite number"),
        ({"budgets": [None]}, "expected a list of numbers"),
        ({"budgets": ["much"]}, "expected a list of numbers"),
        ({"budgets": 5}, "budgets is 5; expected a list"),
        ({"sites": [-1]}, "sites is -1"),
        ({"sites": [1.5]}, "expected a list of a whole number"),
        ({"sites": [1], "gap": -0.1}, "gap is -0.1"),
        ({"sites": [1], "gap": float("nan")}, "gap is no number"),
        ({"sites": [1], "time_limit_s": -1}, "time_limit_s is -1"),
        ({"sites": [1], "conditions": Conditions(quotas={"kiosk": 1})}, "no kind or bank"),
    ],
)
def test_what_is_no_question_is_refused(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        coverage_frontier(toy(), **asked)


def test_unknown_sites_are_named() -> None:
    with pytest.raises(UnknownSiteError, match="'B7'"):
        coverage_frontier(toy(), sites=[1], conditions=Conditions(required=("B7",)))


def test_the_same_question_gives_the_same_curve() -> None:
    problem = scattered(300, 60, seed=1)
    one, other = (coverage_frontier(problem, sites=[2, 5, 9, 12]) for _ in range(2))
    assert one.table().equals(other.table())
    assert one.rollout.order == other.rollout.order
    assert repr(one) == repr(other)
    assert repr(coverage_frontier(toy(), budgets=[1, 5])) == (
        "<Frontier of 2 budgets from 1 to 5: 210 to 340 people covered, ceiling 340>"
    )


def test_a_question_that_no_plan_answers_has_no_opening_order() -> None:
    """Two required sites nearer to each other than the spacing."""
    town = replace(covers([[0], [1], [2]], [5, 4, 3]), site_xy=np.array([[0.0, 0.0], [100.0, 0.0], [900.0, 0.0]]))
    asked = Conditions(required=(0, 1), spacing_m=250.0)
    curve = coverage_frontier(town, sites=[0, 2, 3], conditions=asked)
    assert curve.rollout.order == ()
    assert curve.table()["nested_people"].isna().all()
    assert (curve.table()["status"] == "infeasible").all()


def test_a_budget_below_the_required_sites_has_no_place_in_the_opening_order() -> None:
    curve = coverage_frontier(covers([[0], [1], [2]], [5, 4, 3]), sites=[0, 1, 2], conditions=Conditions(required=(1,)))
    assert np.isnan(curve.nested_people[0])
    assert curve.nested_people[1:].tolist() == [4.0, 9.0]
    assert curve.rollout.order[0] == 1


def test_a_cost_above_a_million_is_told_by_all_its_digits() -> None:
    problem = Problem.from_costs([[0.0]], [10], 1, site_cost=[1_234_567.5])
    plan = solve_mclp(problem, budget=2e6)
    assert "1 sites for 1,234,567.5," in repr(plan)
    assert "1,234,567.5" in plan._repr_html_()
