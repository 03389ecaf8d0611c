"""The p-median: every plan tried on small instances, other solvers' answers, worlds done by hand, edges, forgeries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, sparse
from smallproblems import Question, questions, ring_costs

from accessibility.errors import InfeasibleError, InputError, UnknownSiteError, UnprovenError
from accessibility.siting.median_course import search_tree
from accessibility.siting.models.p_median import median_bound, solve_p_median
from accessibility.siting.plan import Conditions, Prices
from accessibility.siting.problem import Problem
from accessibility.siting.verify import verify_plan

if TYPE_CHECKING:
    from collections.abc import Sequence


def value(problem: Problem, rows: Sequence[int]) -> float:
    """People times cost by the definition; infinite where somebody is served by nothing."""
    counts = problem.open.copy()
    counts[list(rows)] = True
    total = 0.0
    for point, people in enumerate(problem.people):
        costs = [
            problem.cost[k]
            for site in np.flatnonzero(counts)
            for k in range(problem.start[site], problem.start[site + 1])
            if problem.demand[k] == point
        ]
        if not costs:
            return np.inf
        total += people * min(costs)
    return total


def unreachable(problem: Problem) -> bool:
    return value(problem, np.flatnonzero(problem.candidate).tolist()) == np.inf


@given(questions())
def test_no_plan_is_better(question: Question) -> None:
    problem = question.problem
    if unreachable(problem):
        with pytest.raises(InfeasibleError, match="reached by no site"):
            solve_p_median(problem, **question.asked)
        return
    best = min((value(problem, rows) for rows in question.plans()), default=np.inf)
    plan = solve_p_median(problem, **question.asked)
    verify_plan(problem, plan)
    if best == np.inf:
        assert plan.status == "infeasible"
        assert plan.selected == ()
        assert plan.message.startswith("no plan: ")
        return
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(best)
    assert plan.bound == pytest.approx(best)
    rows = tuple(problem.rows(plan.selected).tolist())
    assert question.allows(rows, problem.open)
    spare = [row for row in rows if problem.ids[row] not in question.conditions.required]
    assert all(value(problem, [r for r in rows if r != row]) > plan.objective for row in spare)


@given(questions(), st.data())
def test_no_multipliers_prove_too_much(question: Question, data: Any) -> None:
    problem = question.problem
    best = min((value(problem, rows) for rows in question.plans()), default=np.inf)
    assume(best < np.inf)
    plan = solve_p_median(problem, **question.asked)
    price = st.sampled_from([0.0, 0.5, 3.0, 50.0, 1e4])
    n = len(problem.people)
    drawn = np.array(data.draw(st.lists(price, min_size=n, max_size=n)))
    forged = replace(
        plan,
        multipliers=drawn if plan.multipliers is None or data.draw(st.booleans()) else plan.multipliers + drawn / 10,
        prices=Prices(
            site=data.draw(price) if question.sites is not None else 0.0,
            cost=data.draw(price) if question.budget is not None else 0.0,
            quota={name: data.draw(price) for name in question.conditions.quotas},
        ),
    )
    assert median_bound(problem, forged) <= best + 1e-6


@pytest.mark.parametrize(
    "prices",
    [
        Prices(site=100.0),
        Prices(cost=100.0),
        Prices(quota={"new": 100.0}),
        Prices(apart=(((0, 1), 100.0),)),
        Prices(site=1.0, cost=1.0, quota={"new": 3.0}, apart=(((0, 1), 2.0),)),
    ],
)
def test_prices_that_keep_sites_out_cost_what_they_leave_room_for(prices: Prices) -> None:
    asked = Conditions(quotas={"new": 2}, exclusive=((0, 1),))
    costs = [[0, 3, 9, 9], [3, 0, 9, 9], [9, 9, 0, 3], [9, 9, 3, 0]]
    problem = replace(Problem.from_costs(costs, [4, 5, 6, 7], 1), kind=np.full(4, "new", dtype=object))
    plan = solve_p_median(problem, sites=2, budget=2.0, conditions=asked)
    assert plan.objective == 4 * 3 + 6 * 3
    for multipliers in (plan.multipliers, np.full(4, 20.0), np.full(4, 60.0)):
        assert median_bound(problem, replace(plan, prices=prices, multipliers=multipliers)) <= plan.objective


@given(questions())
def test_more_sites_open_ones_and_cheaper_ways_are_never_worse(question: Question) -> None:
    problem = question.problem
    assume(not unreachable(problem))
    plain: dict[str, Any] = {"sites": question.sites, "budget": question.budget}
    plan = solve_p_median(problem, **plain)
    if question.sites is not None:
        assert solve_p_median(problem, sites=question.sites + 1, budget=question.budget).objective <= plan.objective
    if plan.status == "infeasible":
        return
    opened = problem.open.copy()
    opened[problem.rows(plan.selected[:1])] = True
    beside = replace(problem, open=opened, candidate=problem.candidate & ~opened)
    assert solve_p_median(beside, **plain).objective <= plan.objective
    triple = replace(problem, cost=problem.cost * 3)
    assert solve_p_median(triple, **plain).objective == pytest.approx(3 * plan.objective)


def test_the_order_of_rows_changes_nothing() -> None:
    random = np.random.default_rng(5)
    costs, people = random.integers(1, 9, (9, 30)).astype(float), random.integers(0, 9, 30)
    ids = np.array([f"s{k}" for k in range(9)], dtype=object)
    first = replace(Problem.from_costs(costs, people, 4), ids=ids)
    turn = random.permutation(9)
    turned = replace(Problem.from_costs(costs[turn], people, 4), ids=ids[turn])
    one, other = solve_p_median(first, sites=3), solve_p_median(turned, sites=3)
    assert (one.selected, one.gain, one.objective) == (other.selected, other.gain, other.objective)


@pytest.mark.parametrize("seed", range(12))
def test_another_model_and_solver_agree(seed: int) -> None:
    # Costs that are no distances: the linear relaxation has a gap, and branch and bound decides.
    random = np.random.default_rng(seed)
    s, n, most, budget, new = 20, 60, 6, 9.0, 2
    costs = random.integers(1, 100, (s, n)).astype(float)
    costs[random.random((s, n)) < seed % 3 * 0.2] = np.inf
    costs *= [1.0, 0.37][seed % 2]
    made = Problem.from_costs(costs, random.integers(0, 20, n), 50, site_cost=random.choice([0.5, 1, 2, 3], s))
    opened = random.random(s) < 0.1
    problem = replace(made, open=opened, candidate=~opened, kind=random.choice(["bank", "new"], s).astype(object))
    plan = solve_p_median(problem, sites=most, budget=budget, conditions=Conditions(quotas={"new": new}))
    verify_plan(problem, plan)
    k, could = len(problem.demand), problem.candidate * 1.0
    ones, none = np.ones(k), np.zeros(k)
    each = sparse.coo_array((ones, (problem.demand, s + np.arange(k))), shape=(n, s + k))
    open_first = sparse.hstack(
        [sparse.coo_array((-ones, (np.arange(k), problem.pair_site)), shape=(k, s)), sparse.eye_array(k)]
    )
    limits = [could, could * problem.site_cost, could * (problem.kind == "new")]
    answer = optimize.milp(
        np.concatenate([np.zeros(s), problem.people[problem.demand] * problem.cost]),
        constraints=[
            optimize.LinearConstraint(each, 1, 1),
            optimize.LinearConstraint(open_first, -np.inf, 0),
            optimize.LinearConstraint([np.concatenate([row, none]) for row in limits], -np.inf, [most, budget, new]),
        ],
        bounds=optimize.Bounds(np.concatenate([opened * 1.0, none]), 1),
        integrality=np.concatenate([np.ones(s), none]),
    )
    assert answer.success
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(answer.fun)


@pytest.mark.parametrize(("sites", "best"), [(1, 36), (2, 18), (3, 12), (4, 8), (6, 6), (12, 0)])
def test_a_ring_of_twelve(sites: int, best: int) -> None:
    # Every site has 12 / p neighbours to serve: for p = 3 itself, two at 1 and one at 2.
    plan = solve_p_median(Problem.from_costs(ring_costs(12), np.ones(12), 1), sites=sites)
    assert (plan.objective, plan.bound, plan.status) == (best, best, "optimal")


def test_a_street_done_by_hand() -> None:
    # Homes at 0 to 6: {0, 1, 2} at 1 and {3, 4, 5, 6} at 4, or the like, walk 2 + 4.
    at = np.arange(7.0)
    plan = solve_p_median(Problem.from_costs(np.abs(at - at[:, None]), np.ones(7), 1), sites=2)
    assert (plan.objective, plan.status) == (6, "optimal")


def test_more_than_a_thousand_points_are_proven() -> None:
    random = np.random.default_rng(0)
    at, site = random.random((1500, 2)) * 1000, random.random((50, 2)) * 1000
    costs = np.hypot(*(site[:, None] - at).transpose(2, 0, 1)).round()
    problem = Problem.from_costs(costs, random.integers(1, 100, 1500), 200)
    plan = solve_p_median(problem, sites=8)
    verify_plan(problem, plan)
    assert plan.status == "optimal"
    # The same from bottom to top: adding greedily is 0 to 5 % worse.
    left = set(range(50))
    chosen: list[int] = []
    for _ in range(8):
        chosen.append(min(left, key=lambda j: problem.people @ costs[[*chosen, j]].min(axis=0)))
        left.remove(chosen[-1])
    greedy = problem.people @ costs[chosen].min(axis=0)
    assert 0.95 * greedy < plan.objective <= greedy


TWINS = Problem.from_costs([[0, 5], [0, 5], [5, 0], [5, 0]], [3, 2], 0, site_cost=[2, 1, 1, 1])


def test_of_twins_the_cheaper_then_the_lower_id_opens() -> None:
    plan = solve_p_median(TWINS, sites=2)
    assert plan.selected == (1, 2)
    assert solve_p_median(TWINS, sites=4).selected == (1, 2)  # nothing opens that saves nothing


def test_sites_stand_in_the_order_of_what_they_save() -> None:
    # Site 0 is best alone; then 2 saves 4 x 30, 1 saves 9 x 10. Within the standard of 1 is nobody but its own.
    problem = Problem.from_costs([[1, 10, 30], [9, 1, 90], [9, 90, 0]], [50, 10, 4], cutoff=0)
    plan = solve_p_median(problem, sites=3)
    assert plan.selected == (0, 2, 1)
    assert plan.gain == (0.0, 4.0, 0.0)
    assert plan.covered_people == 4.0


def test_who_is_beyond_the_cutoff_counts_all_the_same() -> None:
    problem = Problem.from_costs([[0, 100], [60, 60]], [1, 1], cutoff=10)
    assert solve_p_median(problem, sites=1).selected == (0,)
    assert solve_p_median(Problem.from_costs([[0, 130], [60, 60]], [1, 1], cutoff=10), sites=1).selected == (1,)


def test_the_toy_of_three_districts() -> None:
    # E1 {D1}; B1 {D1, D2} B2 {D4} B3 {D3, D4} N1 {D2, D3, D4} N2 {D5, D6}, everything one step away.
    reach = [[0], [0, 1], [3], [2, 3], [1, 2, 3], [4, 5]]
    matrix = sparse.coo_array(
        (np.ones(11), (np.repeat(range(6), [len(r) for r in reach]), np.concatenate(reach))), shape=(6, 6)
    )
    made = Problem.from_costs(
        matrix, [100, 80, 60, 50, 40, 10], 1, site_cost=[0, 1, 1, 1, 3, 3], district=["A"] * 3 + ["B"] * 3
    )
    ids = np.array(["E1", "B1", "B2", "B3", "N1", "N2"], dtype=object)
    problem = replace(made, ids=ids, open=np.arange(6) == 0, candidate=np.arange(6) > 0)
    plan = solve_p_median(problem, sites=2)
    assert (set(plan.selected), plan.objective, plan.gain) == ({"N1", "N2"}, 340, (190.0, 50.0))
    assert set(solve_p_median(problem, budget=5).selected) == {"B1", "B3", "N2"}
    short = solve_p_median(problem, sites=1)
    assert short.status == "infeasible"
    assert short.short_people == {"B": 50.0}
    assert "all but 50 people at 2 demand points (B 50)" in short.message
    verify_plan(problem, short)


LINE = Problem.from_costs([[0, 4, 8], [4, 0, 4], [8, 4, 0]], [5, 1, 3], cutoff=4, site_cost=[2, 2, 2])


NOTHING: list[dict[str, Any]] = [{"sites": 0}, {"budget": 0}, {"budget": 1.9}]


def test_edges_of_the_limits() -> None:
    today = replace(LINE, open=np.array([True, False, False]), candidate=np.array([False, True, True]))
    for nothing in NOTHING:
        plan = solve_p_median(today, **nothing)
        assert (plan.selected, plan.objective, plan.bound, plan.status) == ((), 28.0, 28.0, "optimal")
        verify_plan(today, plan)
        assert solve_p_median(LINE, **nothing).status == "infeasible"
    nobody = replace(LINE, candidate=np.zeros(3, bool), open=np.ones(3, bool))
    assert solve_p_median(nobody, sites=5).objective == 0
    everything = solve_p_median(LINE, sites=99)
    assert (set(everything.selected), everything.objective, everything.status) == ({0, 1, 2}, 0.0, "optimal")
    assert solve_p_median(LINE, sites=2, budget=2).selected == solve_p_median(LINE, sites=1).selected == (0,)
    empty = replace(LINE, people=np.zeros(3))
    assert solve_p_median(empty, sites=2).objective == 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "neither sites nor budget"),
        ({"sites": -1}, "0 or more"),
        ({"sites": 1.5}, "whole number"),
        ({"budget": float("nan")}, "0 or more"),
        ({"budget": -1.0}, "0 or more"),
        ({"sites": 1, "gap": float("nan")}, "gap is no number"),
        ({"sites": 1, "time_limit_s": float("nan")}, "time_limit_s is no number"),
        ({"sites": 1, "conditions": Conditions(floor=0.5)}, "floor"),
        ({"sites": 1, "conditions": Conditions(quotas={"bnak": 1})}, "'bnak'"),
        ({"sites": 1, "conditions": Conditions(spacing_m=5)}, "site_xy"),
        ({"sites": 1, "conditions": Conditions(required=(1,), forbidden=(1,))}, "1"),
    ],
)
def test_questions_that_are_none_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        solve_p_median(LINE, **asked)


def test_unknown_sites_and_points_out_of_reach_are_named() -> None:
    with pytest.raises(UnknownSiteError, match="'typo'"):
        solve_p_median(LINE, sites=1, conditions=Conditions(required=("typo",)))
    far = Problem.from_costs([[1, np.inf, np.inf, 2]], [5, 7, 0, 1], cutoff=1)
    with pytest.raises(InfeasibleError, match=r"7 people at 2 of 4 demand points .* first row 1"):
        solve_p_median(far, sites=1)


def test_required_sites_that_cannot_open_together_are_no_plan() -> None:
    plan = solve_p_median(LINE, budget=3, conditions=Conditions(required=(0, 2)))
    assert plan.status == "infeasible"
    assert "cost 4, the budget is 3" in plan.message
    both = solve_p_median(LINE, sites=3, conditions=Conditions(required=(0, 2), exclusive=((0, 2),)))
    assert "exclude each other" in both.message


def test_without_time_there_is_a_plan_and_a_bound() -> None:
    random = np.random.default_rng(1)
    problem = Problem.from_costs(random.random((20, 80)), random.integers(1, 9, 80), 0.5)
    plan = solve_p_median(problem, sites=5, time_limit_s=0)
    verify_plan(problem, plan)
    assert len(plan.selected) == 5
    assert 0 < plan.bound < plan.objective
    assert plan.status == "feasible"
    best = solve_p_median(problem, sites=5)
    assert plan.bound <= best.objective <= plan.objective


def test_a_gap_that_is_near_enough_is_not_called_optimal() -> None:
    random = np.random.default_rng(2)
    problem = Problem.from_costs(random.random((40, 300)), random.integers(1, 9, 300), 0.5)
    plan = solve_p_median(problem, sites=5, gap=0.5)
    assert plan.gap <= 0.5
    assert plan.status == ("optimal" if plan.gap <= 1e-8 else "feasible")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": 11.0}, "objective is 11; it is 12"),
        ({"bound": 12.5}, "better than that"),
        ({"bound": 11.5, "status": "optimal"}, "called optimal"),
        ({"selected": (0, 0)}, "each once"),
        ({"selected": (2, 1), "gain": (9.0, 0.0)}, "brings in"),
        ({"gain": (9.0, 1.0)}, "brings in"),
        ({"costs": (1.0, 2.0)}, "costs"),
        ({"sites_limit": 1}, "at most 1"),
        ({"budget": 3.0}, "budget is 3"),
        ({"population": 10.0}, "population"),
        ({"conditions": Conditions(required=(1,))}, "required"),
        ({"conditions": Conditions(forbidden=(2,))}, "forbidden"),
        ({"conditions": Conditions(exclusive=((0, 2),))}, "at most 1 may be open"),
        ({"status": "infeasible"}, "infeasible"),
        ({"multipliers": None, "bound_by": "certificate"}, "without multipliers"),
        ({"multipliers": np.array([0.0, np.nan, 0.0]), "bound_by": "certificate"}, "no multiplier"),
        ({"multipliers": np.zeros(3), "prices": Prices(), "bound_by": "certificate"}, "proves 0"),
        ({"prices": Prices(apart=(((0, 2), 9.0),)), "bound_by": "certificate"}, "not among its conditions"),
    ],
)
def test_forged_plans_are_found_out(change: dict[str, Any], message: str) -> None:
    street = Problem.from_costs([[0, 4, 8], [4, 0, 4], [8, 4, 0]], [5, 3, 4], cutoff=4, site_cost=[2, 2, 2])
    plan = solve_p_median(street, sites=2)
    assert (plan.selected, plan.objective) == ((0, 2), 12.0)
    verify_plan(street, plan)
    with pytest.raises(UnprovenError, match=message):
        verify_plan(street, replace(plan, **change))


def test_a_plan_that_leaves_somebody_unserved_is_found_out() -> None:
    problem = Problem.from_costs([[1, np.inf], [np.inf, 1]], [1, 1], cutoff=1)
    plan = replace(solve_p_median(problem, sites=2), selected=(0,), gain=(1.0,), costs=(1.0,))
    with pytest.raises(UnprovenError, match=r"its sites leave 1 demand points unserved"):
        verify_plan(problem, plan)


@pytest.mark.parametrize("seed", [1, 4])
def test_a_tree_and_the_solver_agree_where_plans_are_too_many_to_try(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random lengths from everywhere to everywhere: relaxations of such medians are far from their optima."""
    random = np.random.default_rng(seed)
    problem = Problem.from_costs(random.integers(1, 100, (30, 45)).astype(float), random.integers(1, 9, 45), 50)
    grown: list[float] = []

    def counted(*asked: Any) -> float:
        grown.append(search_tree(*asked))
        return grown[-1]

    name = "accessibility.siting.median_course.search_tree"
    monkeypatch.setattr(name, counted)
    plan = solve_p_median(problem, sites=4)
    monkeypatch.setattr(name, lambda _values, _room, offers, *_: offers.bound)
    other = solve_p_median(problem, sites=4)
    assert grown
    assert (plan.objective, plan.bound, plan.status) == (other.objective, other.bound, "optimal")
    verify_plan(problem, plan)
