"""Costs with labels: as a matrix, as a long table, in any order; the axes turned round are noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from accessibility.errors import InputError
from accessibility.siting import Problem, solve_mclp

OUT = float("nan")
# Two counters, three villages: O1 reaches a (1) and b (9), O2 reaches b (2) alone; nobody reaches c.
MATRIX = pd.DataFrame([[1.0, 9.0, OUT], [OUT, 2.0, OUT]], index=["O1", "O2"], columns=["a", "b", "c"])
PEOPLE = pd.Series({"c": 5.0, "b": 10.0, "a": 30.0})
LONG = pd.DataFrame({"site": ["O2", "O1", "O1", "O2"], "demand": ["b", "b", "a", "a"], "cost": [2, 9, 1, OUT]})


def pairs(problem: Problem, points: list[str]) -> set[tuple[object, object, float]]:
    sites, demand = problem.ids[problem.pair_site], np.array(points)[problem.demand]
    return set(zip(sites.tolist(), demand.tolist(), problem.cost.tolist(), strict=True))


WANTED = {("O1", "a", 1.0), ("O1", "b", 9.0), ("O2", "b", 2.0)}


@pytest.mark.parametrize("order", [["O1", "O2"], ["O2", "O1"]])
def test_a_labelled_matrix_and_a_long_table_are_one_question(order: list[str]) -> None:
    wide = Problem.from_costs(MATRIX, PEOPLE, 5, ids=order, open=[True, False])
    long = Problem.from_costs(LONG, PEOPLE, 5, ids=order, open=[True, False])
    named = LONG.rename(columns={"site": "to_id", "demand": "from_id", "cost": "travel_time"})
    keyed = LONG.set_index(["site", "demand"])["cost"]
    assert pairs(wide, ["a", "b", "c"]) == WANTED
    assert wide.people.tolist() == [30, 10, 5]
    for other in (long, Problem.from_costs(named, PEOPLE, 5, ids=order), Problem.from_costs(keyed, PEOPLE, 5)):
        assert pairs(other, ["c", "b", "a"]) == WANTED
        assert other.people.tolist() == [5, 10, 30]
    assert wide.ids.tolist() == order
    assert wide.ids[wide.open].tolist() == order[:1]
    covered = {"O1": 30, "O2": 10}
    assert (wide.covered_people, long.covered_people) == (covered[order[0]], covered[order[0]])
    assert solve_mclp(wide, sites=1).objective == 40


def test_nothing_known_is_out_of_reach_in_every_form() -> None:
    for costs in (MATRIX.to_numpy(), MATRIX, MATRIX.fillna(np.inf), MATRIX.to_numpy().tolist()):
        assert Problem.from_costs(costs, [30, 10, 5], 5).start.tolist() == [0, 2, 3]


@pytest.mark.parametrize("n", [2, 3])
def test_turned_axes_are_noticed_where_labels_tell(n: int) -> None:
    square = pd.DataFrame(np.arange(n * n, dtype=float).reshape(n, n))
    square.index, square.columns = [f"O{i}" for i in range(n)], [f"v{i}" for i in range(n)]
    people = pd.Series(1.0, index=square.columns)
    Problem.from_costs(square, people, 1, ids=list(square.index))
    for wrong in ({"people": people}, {"people": np.ones(n), "ids": list(square.index)}):
        with pytest.raises(InputError, match=r"turned round: costs\.T turns it back"):
            Problem.from_costs(square.T, cutoff=1, **wrong)
    with pytest.raises(InputError, match=r"are its 2 rows the demand points\? costs\.T turns it"):
        Problem.from_costs(np.ones((2, 3)), [1, 2], 1)


def test_districts_keyed_by_demand_are_put_in_order() -> None:
    district = pd.Series({"b": "north", "a": "south", "elsewhere": "east"})
    wide, long = (Problem.from_costs(costs, PEOPLE, 5, district=district) for costs in (MATRIX, LONG))
    assert [wide.districts[i] if i >= 0 else None for i in wide.district] == ["south", "north", None]
    assert [long.districts[i] if i >= 0 else None for i in long.district] == [None, "north", "south"]


def test_numbers_that_pandas_made_are_no_labels() -> None:
    bare = pd.DataFrame(MATRIX.to_numpy())
    made = Problem.from_costs(bare, PEOPLE, 5, ids=["O1", "O2"])  # people in the order they come
    assert (made.ids.tolist(), made.people.tolist()) == (["O1", "O2"], [5, 10, 30])


@pytest.mark.parametrize(
    ("costs", "given", "told"),
    [
        (LONG, {"people": [1, 2, 3]}, "expected a Series keyed by demand id with a table of pairs"),
        (LONG, {"people": PEOPLE.drop("a")}, "1 demand points of the costs are not known, first 'a'"),
        (LONG, {"ids": ["O1"]}, "1 sites of the costs are not known, first 'O2'"),
        (pd.concat([LONG, LONG]), {}, "pairs of the costs stand twice"),
        (LONG.assign(cost=["far"] * 4), {}, "costs of 'cost' are no numbers"),
        (MATRIX, {"people": PEOPLE.drop("a")}, "people names 'c', 'b', the columns of costs are 'a', 'b', 'c'"),
        (MATRIX, {"ids": ["O1", "O3"]}, "ids names 'O1', 'O3', the rows of costs are 'O1', 'O2'"),
        (MATRIX.rename(index={"O2": "O1"}), {}, "the rows of costs have 1 labels twice, first 'O1'"),
        (MATRIX, {"district": pd.Series({"x": 1})}, "district names 'x'"),
        (MATRIX, {"opn": [True, False]}, "did you mean open?"),
        (MATRIX, {"open": ["no", "no"]}, "problem open: 2 of 2 rows, first row 0 is 'no'; expected True or False"),
        (MATRIX, {"open": [True]}, "problem open has shape (1,)"),
        ("costs.csv", {}, "costs are the text 'costs.csv'"),
        (-MATRIX, {}, "3 of 3 costs are negative"),
    ],
)
def test_what_does_not_belong_together_is_refused(costs: Any, given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        Problem.from_costs(costs, **({"people": PEOPLE, "cutoff": 5} | given))  # type: ignore[arg-type]
    assert told in str(refused.value)
