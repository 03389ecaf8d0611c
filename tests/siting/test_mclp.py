"""Covering most people: by hand, by enumeration of every plan, and what must hold in every town."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitingworlds import conditions, covers, people_at, plans, problems, reached, scattered, shortage, toy

from accessibility.errors import InputError, UnknownSiteError
from accessibility.siting import Conditions, Problem, SitingPlan, solve_mclp, verify_plan

NONE = Conditions()


@pytest.mark.parametrize(
    ("limits", "people", "sites"),
    [
        ({"sites": 1}, 290, {"N1"}),
        ({"sites": 2}, 340, {"N1", "N2"}),
        ({"budget": 1}, 210, {"B3"}),
        ({"budget": 2}, 290, {"B3", "B1"}),
        ({"budget": 3}, 290, None),  # N1, or B3 and B1
        ({"budget": 4}, 290, None),
        ({"budget": 5}, 340, {"B3", "B1", "N2"}),
        ({"budget": 5, "sites": 2}, 290, None),
        ({"sites": 2, "conditions": Conditions(quotas={"new": 1})}, 290, None),
        ({"sites": 2, "conditions": Conditions(exclusive=(("N1", "N2"),))}, 290, None),
        ({"sites": 2, "conditions": Conditions(required=("B2",))}, 290, {"N1", "B2"}),
        ({"sites": 2, "conditions": Conditions(forbidden=("N1",))}, 290, {"B3", "B1"}),
        ({"budget": 4, "conditions": Conditions(floor=0.6)}, 260, {"B3", "N2"}),
    ],
)
def test_the_town_done_by_hand(limits: dict[str, Any], people: int, sites: set[str] | None) -> None:
    problem = toy()
    plan = solve_mclp(problem, **limits)
    assert (plan.objective, plan.bound, plan.status) == (people, people, "optimal")
    assert plan.covered_before == 100
    assert sum(plan.gain) == people - 100
    assert sites is None or set(plan.selected) == sites
    verify_plan(problem, plan)


def test_the_price_of_equity_is_thirty_people() -> None:
    problem = toy()
    free, fair = solve_mclp(problem, budget=4), solve_mclp(problem, budget=4, conditions=Conditions(floor=0.6))
    assert free.objective - fair.objective == 30


def best_by_enumeration(problem: Problem, sites: int | None, budget: float | None, asked: Conditions) -> float | None:
    """Return the most people that any plan covers; None where no plan meets the floors."""
    everyone = [
        people_at(problem, reached(problem, rows))
        for rows in plans(problem, sites, budget, asked)
        if shortage(problem, rows, asked) == 0
    ]
    return max(everyone, default=None)


limit = st.one_of(st.none(), st.integers(0, 5))
money = st.one_of(st.none(), st.sampled_from([0.0, 0.3, 1.0, 2.0, 2.3, 4.0]))


@given(problems(), st.integers(0, 5), st.data())
def test_by_number_of_sites_against_every_plan(problem: Problem, sites: int, data: st.DataObject) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem)))
    check_against_every_plan(problem, sites, data.draw(money), asked)


@given(problems(), money.filter(lambda cost: cost is not None), st.data())
def test_by_budget_against_every_plan(problem: Problem, budget: float, data: st.DataObject) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem)))
    check_against_every_plan(problem, data.draw(limit), budget, asked)


def check_against_every_plan(problem: Problem, sites: int | None, budget: float | None, asked: Conditions) -> None:
    plan = solve_mclp(problem, sites=sites, budget=budget, conditions=asked)
    verify_plan(problem, plan)
    best = best_by_enumeration(problem, sites, budget, asked)
    if best is not None:
        assert plan.status == "optimal"
        assert plan.objective == pytest.approx(best, abs=1e-9)
        return
    assert plan.status == "infeasible"
    assert plan.message
    least = min((shortage(problem, rows, asked) for rows in plans(problem, sites, budget, asked)), default=None)
    assert (least is None) == (not plan.short_people)
    assert least is None or sum(plan.short_people.values()) == pytest.approx(least, abs=1e-9)


@given(problems(most_points=12, most_sites=8), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_site(problem: Problem, random: Any) -> None:
    points, sites = list(range(len(problem.people))), list(range(len(problem.site_cost)))
    random.shuffle(points)
    random.shuffle(sites)
    place = {old: new for new, old in enumerate(points)}
    reach = [[place[i] for i in problem.demand[problem.start[j] : problem.start[j + 1]]] for j in sites]
    rows = ("ids", "site_cost", "open", "candidate", "kind", "bank", "site_xy")
    shuffled = covers(
        reach,
        problem.people[points].tolist(),
        district=problem.district[points],
        districts=problem.districts,
        **{name: getattr(problem, name)[sites] for name in rows},
    )
    for limits in ({"sites": 2}, {"budget": 2.3}):
        one, other = solve_mclp(problem, **limits), solve_mclp(shuffled, **limits)
        assert one.selected == other.selected
        assert one.objective == pytest.approx(other.objective, abs=1e-9)


@given(problems())
def test_more_sites_never_cover_fewer(problem: Problem) -> None:
    people = [solve_mclp(problem, sites=sites).objective for sites in range(len(problem.site_cost) + 2)]
    assert people == sorted(people)
    everything = problem.open | problem.candidate
    assert people[-1] == pytest.approx(problem.people[problem.covered_by(everything)].sum())


def test_the_same_question_gives_the_same_plan() -> None:
    problem = scattered(300, 60, seed=1)
    one, other = solve_mclp(problem, sites=12), solve_mclp(problem, sites=12)
    assert one.selected == other.selected
    assert one.gain == other.gain
    assert one.bound == other.bound
    assert one.multipliers is not None
    assert np.array_equal(one.multipliers, np.asarray(other.multipliers))


def test_gains_are_newly_covered_people_in_opening_order() -> None:
    plan = solve_mclp(toy(), budget=5)
    assert plan.selected == ("B3", "B1", "N2")
    assert plan.gain == (110, 80, 50)
    assert plan.costs == (1, 1, 3)
    assert plan.covered_people == plan.objective == 340
    table = plan.table()
    assert table["covered_people"].tolist() == [210, 290, 340]
    assert table["marginal_per_cost"].tolist() == [110, 80, 50 / 3]


def test_equal_gains_open_the_cheaper_one_and_then_the_lower_id() -> None:
    reach = [[0], [1], [2], [2], [2]]
    problem = covers(reach, [5, 5, 5], site_cost=[2, 1, 2, 1, 1], ids=["a", "b", "c", "e", "d"])
    assert solve_mclp(problem, sites=3).selected == ("b", "d", "a")


def test_a_budget_counts_decimals_as_written() -> None:
    problem = covers([[0], [1], [2]], [1, 1, 1], site_cost=[0.1, 0.1, 0.1])
    assert len(solve_mclp(problem, budget=0.3).selected) == 3
    problem = covers([[0], [1]], [1, 1], site_cost=[1_000_000_000, 1_000_000_001])
    assert solve_mclp(problem, budget=2_000_000_000).selected in ((0,), (1,))


def test_free_sites_open_without_a_budget() -> None:
    problem = covers([[0], [1], [1]], [3, 4, 0], site_cost=[0, 0, 5])
    plan = solve_mclp(problem, budget=0)
    assert plan.selected == (1, 0)
    assert plan.objective == 7


@pytest.mark.parametrize(
    ("problem", "limits", "sentence"),
    [
        (covers([[0]], [5], open=[True]), {"sites": 3}, "everybody is covered already"),
        (covers([[]], [5]), {"sites": 3}, "no candidate covers anybody who is not covered already"),
        (covers([[0]], [5], candidate=[False]), {"sites": 3}, "there is no candidate to open"),
        (covers([], [5]), {"sites": 3}, "there is no candidate to open"),
        (
            covers([[0]], [5], site_cost=[3]),
            {"budget": 2},
            "the budget of 2 pays for no candidate; the cheapest costs 3",
        ),
        (covers([[0]], [5]), {"sites": 0}, "the number of sites is 0, so that none opens"),
        (covers([[0], [0]], [0]), {"sites": 1}, "everybody is covered already"),
        (
            covers([[0]], [5], ids=["a"]),
            {"sites": 1, "conditions": Conditions(forbidden=("a",))},
            "the conditions leave no candidate to open",
        ),
    ],
)
def test_an_empty_plan_says_why(problem: Problem, limits: dict[str, Any], sentence: str) -> None:
    plan = solve_mclp(problem, **limits)
    assert plan.selected == ()
    assert (plan.objective, plan.bound, plan.status) == (problem.covered_people,) * 2 + ("optimal",)
    assert plan.message == sentence
    verify_plan(problem, plan)


def test_more_sites_than_candidates_opens_those_that_bring_somebody_in() -> None:
    plan = solve_mclp(toy(), sites=99)
    assert plan.selected == ("N1", "N2")
    assert plan.message == "no further candidate would bring in anybody"


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"sites": -1},
        {"sites": 2.5},
        {"budget": -1},
        {"budget": float("nan")},
        {"budget": "much"},
        {"sites": 1, "gap": -0.1},
        {"sites": 1, "gap": float("nan")},
        {"sites": 1, "time_limit_s": -1},
        {"sites": 1, "time_limit_s": float("nan")},
        {"sites": 1, "conditions": Conditions(quotas={"kiosk": 1})},
        {"sites": 1, "conditions": Conditions(spacing_m=100)},
        {"sites": 1, "conditions": Conditions(exclusive=(("B1", "B1"),))},
        {"sites": 1, "conditions": Conditions(floors={"C": 0.5})},
        {"sites": 1, "conditions": Conditions(required=("B1",), forbidden=("B1",))},
    ],
)
def test_what_is_no_question_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        solve_mclp(toy(), **limits)


def test_unknown_sites_are_named() -> None:
    for asked in (Conditions(required=("B7",)), Conditions(forbidden=("B7",)), Conditions(exclusive=(("B1", "B7"),))):
        with pytest.raises(UnknownSiteError, match="'B7'"):
            solve_mclp(toy(), sites=1, conditions=asked)


def test_a_floor_out_of_reach_is_told_in_people() -> None:
    plan = solve_mclp(toy(), budget=1, conditions=Conditions(floor=0.6))
    assert plan.status == "infeasible"
    assert dict(plan.short_people) == {"B": 10}  # 60 % of 100 people, B3 covers 50 of them and meets the floor of A
    assert plan.message == "the plan that comes closest is short by 10 people in B"
    verify_plan(toy(), plan)


def test_a_floor_above_the_ceiling_says_where_and_by_how_many() -> None:
    problem = covers([[0], [1]], [60, 40, 50], district=[0, 1, 1], districts=("north", "south"))
    plan = solve_mclp(problem, sites=9, conditions=Conditions(floors={"south": 0.9}))
    assert plan.status == "infeasible"
    assert dict(plan.short_people) == {"south": 41}  # 90 % of 90 people is 81, nobody reaches more than 40
    assert plan.selected == (0, 1)
    verify_plan(problem, plan)


def test_a_floor_without_districts_is_one_for_everybody() -> None:
    problem = covers([[0], [1]], [60, 40, 50])
    assert solve_mclp(problem, sites=2, conditions=Conditions(floor=0.6)).status == "optimal"
    assert dict(solve_mclp(problem, sites=1, conditions=Conditions(floor=0.6)).short_people) == {"total": 30}


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"sites": 1, "conditions": Conditions(required=("B1", "B2"))}, "2 sites are required, at most 1 may open"),
        ({"budget": 5, "conditions": Conditions(required=("N1", "N2"))}, "the required sites cost 6, the budget is 5"),
        (
            {"sites": 3, "conditions": Conditions(required=("N1", "N2"), quotas={"new": 1})},
            "2 required sites are new, its quota is 1: N1, N2",
        ),
        (
            {"sites": 3, "conditions": Conditions(required=("N1", "N2"), exclusive=(("N1", "N2"),))},
            "required sites exclude each other: N1, N2",
        ),
    ],
)
def test_required_sites_that_cannot_open_together(limits: dict[str, Any], sentence: str) -> None:
    plan = solve_mclp(toy(), **limits)
    assert (plan.status, plan.message, plan.selected) == ("infeasible", sentence, ())
    verify_plan(toy(), plan)


def test_a_site_beside_an_open_one_stays_closed() -> None:
    plan = solve_mclp(toy(), sites=1, conditions=Conditions(exclusive=(("E1", "N1"),)))
    assert plan.objective == 210
    verify_plan(toy(), plan)


def test_a_time_limit_of_nothing_still_gives_a_plan_and_a_bound() -> None:
    problem = scattered(400, 80, seed=2)
    hurried, patient = solve_mclp(problem, sites=10, time_limit_s=0), solve_mclp(problem, sites=10)
    verify_plan(problem, hurried)
    assert hurried.objective <= patient.objective <= patient.bound <= hurried.bound
    assert patient.status == "optimal"
    assert hurried.status == ("optimal" if hurried.gap <= 1e-9 else "feasible")


def test_near_enough_is_near_enough() -> None:
    problem = scattered(400, 80, seed=3)
    near = solve_mclp(problem, sites=10, gap=0.05)
    assert near.gap <= 0.05
    verify_plan(problem, near)
    assert replace(near, bound=near.objective).gap == 0
    assert isinstance(near, SitingPlan)
