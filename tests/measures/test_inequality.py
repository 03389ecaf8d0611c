"""Measures of inequality: by hand, by published figures, by what every such measure has to obey."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accessibility as acc

MINUTES, PEOPLE = [5.0, 10.0, 20.0, 40.0], [40.0, 30.0, 20.0, 10.0]
ZERO_IF_EQUAL = ["gini", "concentration", "erreygers", "theil"]
EVERY = [*ZERO_IF_EQUAL, "palma", "worst_share"]


def test_published_figures() -> None:
    found = acc.inequality(MINUTES, ["gini", "concentration", "erreygers"], people=PEOPLE, rank=[4, 3, 2, 1])
    assert found.tolist() == pytest.approx([0.3923077, -0.3923077, -0.5828571], abs=5e-8)
    same = acc.inequality(MINUTES, ["gini", "concentration"], people=PEOPLE)
    assert same["gini"] == same["concentration"]


def test_palma_theil_and_the_worst_off_by_hand() -> None:
    found = acc.inequality(MINUTES, ["palma", "theil", "worst_share"], people=PEOPLE)
    assert found["palma"] == pytest.approx(40 / 5)  # the top tenth walks 40 minutes, the bottom 40 % walk 5
    parts = [p / 100 * t / 13 * math.log(t / 13) for t, p in zip(MINUTES, PEOPLE, strict=True)]
    assert found["theil"] == pytest.approx(sum(parts))
    assert found["worst_share"] == pytest.approx(0.1 * 5 / 13)
    worse = acc.inequality(MINUTES, ["worst_share"], people=PEOPLE, more="worse")
    assert worse["worst_share"] == pytest.approx(0.1 * 40 / 13)


def test_a_tenth_may_be_part_of_a_cell() -> None:
    # Top tenth: 5 people of 4 and 5 of 1; bottom 40 %: 1 each.
    assert acc.inequality([4, 1], ["palma"], people=[5, 95])["palma"] == pytest.approx(2.5)
    assert acc.inequality([0, 1], ["worst_share"], people=[4, 96])["worst_share"] == pytest.approx(0.06 / 0.96)


def test_one_has_all() -> None:
    found = acc.inequality([0, 0, 0, 8], EVERY)
    assert found["gini"] == pytest.approx(0.75)
    assert found["theil"] == pytest.approx(math.log(4))
    assert math.isinf(found["palma"])
    assert found["worst_share"] == 0
    assert acc.inequality([0, 0], ZERO_IF_EQUAL).tolist() == [0, 0, 0, 0]


def test_equals_in_rank_are_one_in_any_order() -> None:
    one = acc.inequality([1, 9, 4], EVERY, people=[2, 3, 4], rank=[1, 1, 2])
    other = acc.inequality([9, 1, 4], EVERY, people=[3, 2, 4], rank=[1, 1, 2])
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_coverage_is_asked_for_minutes_and_leaves_out_who_walks_nowhere() -> None:
    at: Any = [(500, 0), (1000, 0), (0, 90_000)]
    ends: Any = [(0, 0), (1000, 0)]
    one: Any = [(0, 1)]
    start: Any = [(0, 0)]
    ids: Any = ["a", "b", "c"]
    outlets: Any = ["O"]
    metres: Any = {"crs": "EPSG:32649"}
    road = acc.Network(node_xy=ends, edges=one, length_m=np.array([1000.0]), **metres)
    homes = acc.Demand(ids=ids, xy=at, population=np.array([30, 10, 5]), **metres)
    now = acc.measure_coverage(road, homes, acc.Sites(ids=outlets, xy=start, **metres))
    with pytest.warns(acc.AccessibilityWarning, match="leaves out 5 of 45 people"):
        found = acc.inequality(now, ["gini", "worst_share"])
    by_hand = acc.inequality([500, 1000], ["gini", "worst_share"], people=[30, 10], more="worse")
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda: acc.inequality([1, 2], ["ginny"]), "named 'ginny'; expected some of gini"),
        (lambda: acc.inequality([1, -2]), "values"),
        (lambda: acc.inequality([1, np.inf]), "values"),
        (lambda: acc.inequality([1, 2], people=[1]), "people has shape"),
        (lambda: acc.inequality([1, 2], people=[1, -1]), "people"),
        (lambda: acc.inequality([1, 2], people=[0, 0]), "none of 0 people"),
        (lambda: acc.inequality([np.nan], people=[3]), "none of 3 people"),
    ],
)
def test_what_has_no_inequality_is_refused(asked: Any, told: str) -> None:
    with pytest.raises(acc.InputError, match=told):
        asked()


worlds = st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.5, 50), st.integers(0, 3)), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(worlds, st.floats(0.01, 1000))
def test_units_do_not_matter_and_cells_may_be_cut(world: list[tuple[float, float, int]], unit: float) -> None:
    value, people, rank = (np.array(column, dtype=float) for column in zip(*world, strict=True))
    found = acc.inequality(value, EVERY, people=people, rank=rank)
    other = acc.inequality(value * unit, EVERY, people=people * 3, rank=rank)
    np.testing.assert_allclose(other, found, rtol=1e-7, atol=1e-9)
    halved = acc.inequality(np.tile(value, 2), EVERY, people=np.tile(people / 2, 2), rank=np.tile(rank, 2))
    np.testing.assert_allclose(halved, found, rtol=1e-7, atol=1e-9)
    n = len(value)
    pairs = sum(people[i] * people[j] * abs(value[i] - value[j]) for i in range(n) for j in range(n))
    gini = pairs / (2 * people.sum() * (people @ value))  # the mean difference of two people, by brute force
    assert found["gini"] == pytest.approx(gini, abs=1e-9)
    equal = acc.inequality(np.full(n, unit), EVERY, people=people, rank=rank)
    np.testing.assert_allclose(equal[ZERO_IF_EQUAL], 0, atol=1e-9)
    assert equal["palma"] == pytest.approx(1)
    assert equal["worst_share"] == pytest.approx(0.1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(1, 100), min_size=2, max_size=6), st.floats(0.05, 0.45))
def test_what_the_rich_give_the_poor_lessens_inequality(value: list[float], part: float) -> None:
    low, high = int(np.argmin(value)), int(np.argmax(value))
    gift = part * (value[high] - value[low])
    after = list(value)
    after[low] += gift
    after[high] -= gift
    before, now = (acc.inequality(v, ["gini", "theil", "worst_share"]) for v in (value, after))
    assert now["gini"] <= before["gini"] + 1e-9
    assert now["theil"] <= before["theil"] + 1e-9
    assert now["worst_share"] >= before["worst_share"] - 1e-9
