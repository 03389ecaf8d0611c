"""The price of a floor: by hand, by enumeration of every plan, and what must hold of every price."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitingworlds import conditions, covers, people_at, plans, problems, reached, scattered, shortage, toy

from accessibility.errors import InputError
from accessibility.siting import Conditions, FloorPrice, Problem, floor_price, verify_plan

FLOORS = [0.0, 0.3, 0.5, 2 / 3, 1.0]


def check_price(problem: Problem, price: FloorPrice) -> None:
    """Check what must hold of every price, however little time there was."""
    table = price.table()
    assert table["floor"].is_monotonic_increasing
    told = table.dropna(subset=["covered_people"])
    assert told["covered_people"].is_monotonic_decreasing
    assert told["bound_people"].is_monotonic_decreasing
    assert (told["bound_people"] >= told["covered_people"]).all()
    assert (told["price_at_least"] <= told["price_at_most"]).all()
    for plan in (price.free, *price.plans):
        verify_plan(problem, plan)
    assert told["price_people"].tolist() == (price.free.objective - told["covered_people"]).tolist()
    met = [plan for plan in (price.free, *price.plans) if plan.status != "infeasible"]
    # The plans themselves, not only what the table tells of them.
    assert (np.diff([plan.objective for plan in met]) <= 1e-9).all()
    least = np.minimum.accumulate([plan.bound for plan in met])[len(met) - len(told) :]
    assert told["bound_people"].tolist() == pytest.approx(least.tolist())


def test_the_town_done_by_hand() -> None:
    price = floor_price(toy(), [0.6, 0.0, 0.5, 0.7], budget=4)
    table = price.table()
    assert table["floor"].tolist() == [0, 0.5, 0.6, 0.7]
    assert table["covered_people"].tolist()[:3] == [290, 290, 260]
    assert table["price_people"].tolist()[:3] == [0, 0, 30]
    assert table["price_at_least"].tolist()[:3] == table["price_at_most"].tolist()[:3] == [0, 0, 30]
    assert table["status"].tolist() == ["optimal", "optimal", "optimal", "infeasible"]
    # 70 % of the 240 people of A are 168, which B1 alone covers; 70 in B then are beyond what is left of the budget.
    assert table["short_people"].tolist() == [0, 0, 0, 8]
    assert table["message"][3] == "the plan that comes closest is short by 8 people in A"
    assert np.isnan(table["price_people"][3])
    assert repr(price) == "<FloorPrice of 4 floors, 3 of them met; 30 people for 0.6>"


@given(problems(), st.data())
def test_every_floor_against_every_plan(problem: Problem, data: st.DataObject) -> None:
    asked = data.draw(st.one_of(st.just(Conditions()), conditions(problem, floors=False)))
    limits: dict[str, Any] = data.draw(st.sampled_from([{"sites": 1}, {"sites": 2}, {"budget": 1.0}, {"budget": 2.3}]))
    price = floor_price(problem, FLOORS, conditions=asked, **limits)
    check_price(problem, price)
    allowed = list(plans(problem, limits.get("sites"), limits.get("budget"), asked))
    people = {rows: people_at(problem, reached(problem, rows)) for rows in allowed}
    best, short = [], []
    for floor in FLOORS:
        lacks = {rows: shortage(problem, rows, Conditions(floor=floor)) for rows in allowed}
        best.append(max((people[rows] for rows in allowed if lacks[rows] == 0), default=np.nan))
        short.append(min(lacks.values(), default=0.0))
    table = price.table()
    assert table["covered_people"].to_numpy() == pytest.approx(np.array(best), abs=1e-9, nan_ok=True)
    assert table["price_people"].to_numpy() == pytest.approx(best[0] - np.array(best), abs=1e-9, nan_ok=True)
    assert table["short_people"].to_numpy() == pytest.approx(np.array(short), abs=1e-9)


@pytest.mark.parametrize("seed", [4, 8])
def test_plans_and_bounds_are_carried_over_where_there_is_no_time_to_find_better_ones(seed: int) -> None:
    random = np.random.default_rng(seed)
    problem = replace(
        scattered(300, 60, seed=seed),
        district=random.integers(0, 4, 300).astype(np.int32),
        districts=("A", "B", "C", "D"),
    )
    price = floor_price(problem, [0.05, 0.1, 0.15, 0.2, 0.25, 0.3], sites=8, time_limit_s=0)
    assert (price.table()["status"] != "infeasible").all()
    check_price(problem, price)


def test_a_price_cut_short_says_what_is_open_of_it() -> None:
    problem = scattered(400, 60, seed=2)
    hurried = floor_price(problem, [0.1, 0.4], sites=10, time_limit_s=0)
    patient = floor_price(problem, [0.1, 0.4], sites=10)
    check_price(problem, hurried)
    check_price(problem, patient)
    told, found = hurried.table(), patient.table()
    assert (found["status"] == "optimal").all()
    assert (told["price_at_least"] <= found["price_people"]).all()
    assert (told["price_at_most"] >= found["price_people"]).all()


def test_single_districts_keep_their_own_floor() -> None:
    problem = covers([[0], [1]], [60, 40], district=[0, 1], districts=("north", "south"))
    table = floor_price(problem, [0.0, 0.5], sites=1, conditions=Conditions(floors={"north": 0.0})).table()
    assert table["covered_people"].tolist() == [60, 40]
    assert table["price_people"].tolist() == [0, 20]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "neither sites nor budget"),
        ({"sites": -1}, "sites is -1"),
        ({"budget": float("nan")}, "budget is no number"),
        ({"sites": 1, "floors": []}, "floors is an empty list"),
        ({"sites": 1, "floors": [1.1]}, "floor is 1.1"),
        ({"sites": 1, "floors": [float("nan")]}, "floor is no number"),
        ({"sites": 1, "floors": 0.5}, "floors is 0.5; expected a list"),
        ({"sites": 1, "floors": ["half"]}, "expected a list of numbers"),
        ({"sites": 1, "time_limit_s": -1}, "time_limit_s is -1"),
    ],
)
def test_what_is_no_question_is_refused(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        floor_price(toy(), **asked)
