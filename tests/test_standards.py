from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accessibility import InputError, Rule, Standard, Walker


def test_the_policy_is_the_default_and_towns_follow_the_urban_rule() -> None:
    standard = Standard()
    assert (standard.urban.measure, standard.urban.cutoff) == ("walk", 900_000)
    assert standard.town == standard.urban
    assert (standard.rural.measure, standard.rural.cutoff) == ("network", 500_000)
    assert Standard(urban=Rule.walk(10)).town == Rule.walk(10)
    assert Standard.presets["town-rural"].town == Rule.distance(5)


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), 1e-320, 1e-5, 1e306])
def test_a_limit_is_a_number_that_costs_can_be_compared_with(limit: float) -> None:
    with pytest.raises(InputError, match=r"expected a number from 0.001 to 9,007,199,254,741"):
        Rule.walk(limit)


@pytest.mark.parametrize("limit", [0.001, 0.25, 7, 1e6])
def test_classes_can_be_told_apart_at_any_limit(limit: float) -> None:
    classes = Standard(urban=Rule(measure="walk", limit=limit)).walk_classes
    assert len(set(classes)) == len(classes)
    assert sorted(classes) == list(classes)


def test_an_unknown_measure_or_setting_is_refused() -> None:
    with pytest.raises(InputError, match="expected 'walk', 'network' or 'radius'"):
        Rule(measure="drive", limit=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected one of urban, town, rural"):
        Standard().rule("suburb")


@pytest.mark.parametrize("speed", [0.29, 3.01, 5.0, float("nan")])
def test_nobody_walks_at_that_speed(speed: float) -> None:
    with pytest.raises(InputError, match=r"expected 0.3 to 3 \(is it in km/h"):
        Walker(speed_m_s=speed)


def test_walkers_of_the_policy() -> None:
    assert {name: w.speed_m_s for name, w in Walker.presets.items()} == {"standard": 1.0, "elderly": 0.8, "brisk": 1.2}


@given(st.floats(0.1, 600), st.floats(0.05, 500))
def test_classes_rise_and_hold_the_limit(minutes: float, kilometres: float) -> None:
    standard = Standard(urban=Rule.walk(minutes), rural=Rule.distance(kilometres))
    for classes, place, rule, unit in (
        (standard.walk_classes, 2, standard.urban, 60),
        (standard.distance_classes, 1, standard.rural, 1_000),
    ):
        assert list(classes) == sorted(set(classes))
        assert classes[place] * unit == pytest.approx(rule.limit, rel=1e-12)


def test_a_limit_is_the_whole_number_next_to_it() -> None:
    assert 100 * 4.35 < 435
    assert Rule(measure="network", limit=4.35).cutoff == 435


def test_the_reach_is_the_widest_limit() -> None:
    assert Standard().reach_m == 5_000
    assert Standard(urban=Rule.walk(60)).reach_m == 3_600 * 3
