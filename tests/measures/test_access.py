"""Opportunities, gravity, floating catchments and balancing cost: by hand, by published figures, by what adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accessibility as acc
from accessibility.measures.access import (
    SLOW_ZONES,
    Decay,
    Exponential,
    Gaussian,
    Linear,
    Power,
    Step,
    TravelCosts,
    balancing_cost,
    cumulative_opportunities,
    enhanced_two_step,
    gravity,
    modified_two_step,
    two_step,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTES = np.array([[5.0, 20.0], [10.0, 10.0], [25.0, 8.0]])
TRAVEL = TravelCosts.from_matrix(MINUTES)
PEOPLE, COUNTERS = [100, 200, 50], [2, 1]


def pairs(**fields: Any) -> TravelCosts:
    return TravelCosts(**fields)


def test_published_figures_of_two_step_floating_catchments() -> None:
    found = two_step(TRAVEL, PEOPLE, COUNTERS, 15)
    np.testing.assert_allclose(found, [2 / 300, 2 / 300 + 1 / 250, 1 / 250], rtol=1e-12)
    np.testing.assert_allclose(found, [0.0066667, 0.0106667, 0.004], atol=5e-8)
    assert found @ PEOPLE == pytest.approx(3)


def test_published_figures_of_the_enhanced_form() -> None:
    found = enhanced_two_step(TRAVEL, PEOPLE, COUNTERS)
    np.testing.assert_allclose(found, [0.00847458, 0.00976271, 0.004], atol=5e-9)
    assert found @ PEOPLE == pytest.approx(3)


def test_the_modified_form_wastes_what_is_far() -> None:
    first, second = 2 / (100 + 0.68 * 200), 1 / (0.68 * 200 + 0.68 * 50)
    by_hand = [first, 0.68**2 * (first + second), 0.68**2 * second]
    found = modified_two_step(TRAVEL, PEOPLE, COUNTERS)
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)
    assert found @ PEOPLE < 3


def test_opportunities_and_gravity_by_hand() -> None:
    assert cumulative_opportunities(TRAVEL, COUNTERS, 10).tolist() == [2, 3, 1]
    assert cumulative_opportunities(TRAVEL, COUNTERS, 9.999).tolist() == [2, 0, 1]
    np.testing.assert_allclose(gravity(TRAVEL, COUNTERS, Power(1)), [2 / 5 + 1 / 20, 3 / 10, 2 / 25 + 1 / 8])


def test_balancing_cost_by_hand() -> None:
    travel = TravelCosts.from_matrix(np.array([[5, 20], [10, 10], [25, 8], [1, 1], [np.inf, np.nan]]))
    assert balancing_cost(travel, [2, 2.5, 1.5, 0, 1], COUNTERS)[:4].tolist() == [5, 10, 25, 0]
    assert np.isnan(balancing_cost(travel, [2, 2.5, 1.5, 0, 1], COUNTERS)[4])
    assert np.isnan(balancing_cost(travel, [3.5, 1, 1, 1, 0], COUNTERS)[0])


@pytest.mark.parametrize(
    ("decay", "cost", "weight"),
    [
        (Step((5, 10)), [0, 5, 10, 10.01], [1, 1, 1, 0]),
        (SLOW_ZONES, [5, 5.01, 10, 15, 15.01], [1, 0.68, 0.68, 0.22, 0]),
        (Linear(10), [0, 2.5, 10, 11], [1, 0.75, 0, 0]),
        (Exponential(0.5), [0, 2], [1, np.exp(-1)]),
        (Power(1.5), [0, 1, 4], [1, 1, 0.125]),
        (Gaussian(3), [0, 3, 6], [1, np.exp(-0.5), np.exp(-2)]),
    ],
)
def test_decay_functions_by_hand(decay: Decay, cost: list[float], weight: list[float]) -> None:
    np.testing.assert_allclose(decay(cost), weight, rtol=1e-15)
    assert (decay([decay.reach * 1.001]) == 0).all()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Step(()), "expected one or more"),
        (lambda: Step((5, 5)), "rising"),
        (lambda: Step((5, 10), (0.5, 1)), "none above the one before"),
        (lambda: Step((5, 10), (1,)), "expected 2"),
        (lambda: Step((float("nan"),)), "rising"),
        (lambda: Linear(0), "positive"),
        (lambda: Exponential(float("nan")), "positive"),
        (lambda: Power(-1), "positive"),
        (lambda: Gaussian(float("inf")), "positive"),
        (lambda: pairs(cell=[0, 0], site=[0, 0], cost=[1, 2], cells=1, sites=1), "twice"),
        (lambda: pairs(cell=[1], site=[0], cost=[1], cells=1, sites=1), "rows of 1"),
        (lambda: pairs(cell=[0], site=[0], cost=[-1], cells=1, sites=1), "0 or more"),
        (lambda: two_step(TRAVEL, [1, 2], COUNTERS, 15), "people has shape"),
        (lambda: two_step(TRAVEL, PEOPLE, [1, -1], 15), "supply"),
        (lambda: gravity(TRAVEL, [1, np.nan], Power(1)), "supply"),
        (lambda: gravity(TRAVEL, [1, 1], 0.1), "expected one of accessibility.measures.access"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_question_is_refused(make: Callable[[], object], told: str) -> None:
    with pytest.raises(acc.InputError, match=told):
        make()


def test_a_table_and_catchments_are_the_matrix() -> None:
    table = pd.DataFrame([(f"c{i}", f"s{j}", MINUTES[i, j] * 60) for i in (2, 0, 1) for j in (1, 0)])
    table.columns = pd.Index(["cell", "site", "walk_s"])
    travel = TravelCosts.from_table(table, cells=["c0", "c1", "c2"], sites=["s0", "s1"])
    np.testing.assert_allclose(two_step(travel, PEOPLE, COUNTERS, 900), two_step(TRAVEL, PEOPLE, COUNTERS, 15))
    rows: Any = [0, 1, 2, 0, 1, 2]
    start: Any = [0, 3, 6]
    found = acc.Catchments(start=start, demand=rows, cost=MINUTES.T.ravel() * 60)
    travel = TravelCosts.from_catchments(found, cells=3, per=60)
    np.testing.assert_allclose(two_step(travel, PEOPLE, COUNTERS, 15), two_step(TRAVEL, PEOPLE, COUNTERS, 15))
    with pytest.raises(acc.InputError, match="ids of sites"):
        TravelCosts.from_table(table, cells=["c0", "c1", "c2"], sites=["s0"])
    with pytest.raises(acc.InputError, match="lacks columns"):
        TravelCosts.from_table(table, cells=["c0"], sites=["s0"], cost="minutes")


def test_where_nobody_lives_and_what_nobody_reaches() -> None:
    travel = TravelCosts.from_matrix(np.array([[5, np.inf, 1], [7, np.inf, np.inf]]))
    found = two_step(travel, [0, 10], [2, 5, 3], 15)
    assert found.tolist() == [0.2, 0.2]  # the last site is near an empty cell alone: nothing of it is anybody's


worlds = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.lists(st.floats(0, 40), min_size=3, max_size=3), min_size=n, max_size=n),
        st.lists(st.floats(0.5, 1000), min_size=n, max_size=n),
        st.lists(st.floats(0, 9), min_size=3, max_size=3),
    )
)


@settings(max_examples=30, deadline=None)
@given(worlds, st.sampled_from([SLOW_ZONES, Linear(15), Step((20,)), Gaussian(10)]))
def test_supply_is_dealt_out_whole_and_by_brute_force(
    world: tuple[list[list[float]], list[float], list[float]], decay: Decay
) -> None:
    minutes, people, supply = world
    travel = TravelCosts.from_matrix(minutes)
    weight = np.array([[float(decay([m])[0]) for m in row] for row in minutes])
    by_hand, wasted = [], []
    for i in range(len(people)):
        shares = [
            (supply[j] / sum(people[k] * weight[k][j] for k in range(len(people))) if weight[:, j].any() else 0)
            for j in range(3)
        ]
        by_hand.append(sum(shares[j] * weight[i][j] for j in range(3)))
        wasted.append(sum(shares[j] * weight[i][j] ** 2 for j in range(3)))
    found = enhanced_two_step(travel, people, supply, decay)
    np.testing.assert_allclose(found, by_hand, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(modified_two_step(travel, people, supply, decay), wasted, rtol=1e-9, atol=1e-15)
    reached = sum(s for s, column in zip(supply, weight.T, strict=True) if column.any())
    assert found @ people == pytest.approx(reached)


def road(**columns: list[object]) -> acc.Study:
    """Return a road of 2 km with homes at 300, 600 and 1400 m, halls at both ends, and a bank in the middle."""
    import geopandas as gpd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    metres: Any = {"crs": "EPSG:32649"}
    ends: Any = [(5e5, 34e5), (502e3, 34e5)]
    one: Any = [(0, 1)]
    ids: Any = ["a", "b", "c"]
    at: Any = [(5e5 + m, 34e5) for m in (300, 600, 1400)]
    street = acc.Network(node_xy=ends, edges=one, length_m=np.array([2000.0]), **metres)
    homes = acc.Demand(ids=ids, xy=at, population=np.array(PEOPLE), **metres)
    halls = gpd.GeoDataFrame({"id": ["west", "east"], **columns}, geometry=shapely.points(ends), **metres)
    bank = gpd.GeoDataFrame({"id": ["B"], "partner": ["no"]}, geometry=shapely.points([(501e3, 34e5)]), **metres)
    return acc.Study.of(street, homes, halls, banks=bank, settings="urban")


def test_a_study_is_asked_by_a_column_a_series_or_numbers() -> None:
    study = road(counters=[2, 1], note=[pd.Timestamp("2026-01-01"), None])
    # Minutes on foot: 5, 10 and 23.3 to the west; 28.3, 23.3 and 10 to the east.
    by_hand = [2 / 300, 2 / 300, 1 / 50]
    found = study.access("2sfca", supply="counters")
    assert found.index.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)
    np.testing.assert_allclose(study.access("2sfca", supply=pd.Series({"east": 1, "west": 2})), by_hand, rtol=1e-12)
    numbers = np.where(study.sites.ids == "west", 2, 1)  # one for the bank, too: it does not count today
    np.testing.assert_allclose(study.access("2sfca", supply=numbers), by_hand, rtol=1e-12)
    zoned = [2 / 236, 0.68 * 2 / 236, 1 / 50]
    np.testing.assert_allclose(study.access("e2sfca", supply="counters"), zoned, rtol=1e-12)
    wasted = [2 / 236, 0.68**2 * 2 / 236, 0.68 / 50]
    np.testing.assert_allclose(study.access("m2sfca", supply="counters"), wasted, rtol=1e-12)
    assert study.access("opportunities", minutes=24).tolist() == [1, 2, 2]
    near = study.access("gravity", decay=Linear(20))
    np.testing.assert_allclose(near, [0.75, 0.5, 0.5], rtol=1e-12)
    need = study.access("balancing", supply=pd.Series({"west": 250, "east": 30}), minutes=30)
    np.testing.assert_allclose(need, [5, 10, 70 / 3], rtol=1e-12)


def test_a_scenario_and_a_slower_walker_are_asked_alike() -> None:
    study = road(counters=[2, 1])
    opened = study.coverage(acc.Scenario(opened=("B",)))
    found = study.access("opportunities", coverage=opened)
    assert found.tolist() == [2, 2, 2]
    slow = study.coverage(walker=acc.Walker(speed_m_s=0.5))
    assert study.access("opportunities", coverage=slow).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"measure": "gravity"}, "no decay"),
        ({"measure": "2sfca", "decay": Linear(9)}, "takes no decay"),
        ({"measure": "3sfca"}, "expected"),
        ({"measure": "2sfca", "supply": "desks"}, "no column 'desks'; they have .*counters"),
        ({"measure": "2sfca", "supply": [1, 2]}, "one number for each of 3 sites"),
        ({"measure": "2sfca", "supply": pd.Series({"west": 1})}, "first 'east'"),
        ({"measure": "2sfca", "supply": [1, -2, 0]}, "expected one for each"),
    ],
)
def test_a_question_that_does_not_fit_a_study_is_refused(asked: dict[str, object], told: str) -> None:
    with pytest.raises(acc.InputError, match=told):
        road(counters=[2, 1]).access(**asked)  # type: ignore[arg-type]
