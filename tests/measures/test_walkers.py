"""Groups that walk each in their own way: as if each stood on a demand point of its own; people add up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import worlds
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from accessibility import Demand, InputError, Network, Rule, Sites, Standard, Study, Walker, measure_coverage
from accessibility.measures.walkers import GroupCoverage, measure_groups

Town = tuple[Network, Demand, Sites]


def grouped(town: Town, shares: tuple[float, float]) -> tuple[Network, Demand, Sites]:
    people = town[1].population
    groups = {"old": np.floor(people * shares[0]), "young": np.floor(people * shares[1])}
    return town[0], replace(town[1], groups=groups), town[2]


def measured(town: Town, groups: dict[str, Walker | float]) -> GroupCoverage:
    return measure_groups(lambda walker: measure_coverage(*town, walker=walker), groups)


@settings(max_examples=25)
@given(towns(), st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)))
def test_each_group_is_covered_as_people_of_their_own(town: Town, shares: tuple[float, float]) -> None:
    town = grouped(town, shares)
    now, demand = measured(town, {"old": 0.6, "young": Walker(speed_m_s=1.5)}), town[1]
    alone = {
        name: measure_coverage(
            town[0], replace(demand, population=people, groups={}), town[2], walker=Walker(speed_m_s=speed)
        ).covered_people
        for name, people, speed in (
            ("old", demand.groups["old"], 0.6),
            ("young", demand.groups["young"], 1.5),
            ("others", demand.population - demand.groups["old"] - demand.groups["young"], 1.0),
        )
    }
    assert now.covered_people == pytest.approx(sum(alone.values()))
    assert [float(now.of(g).sum()) for g in ("old", "young")] == [alone["old"], alone["young"]]
    by = now.by(pd.Series("here", index=demand.ids))
    assert by["covered"].sum() + by["uncovered"].sum() == pytest.approx(demand.population.sum())
    assert now.covered_people + now.uncovered_people == pytest.approx(now.population)


@settings(max_examples=15)
@given(towns())
def test_groups_that_walk_as_everybody_change_nothing(town: Town) -> None:
    town = grouped(town, (0.3, 0.2))
    plain, now = measure_coverage(*town), measured(town, {"old": 1.0, "young": 1.0})
    assert now.of().tolist() == pytest.approx(np.where(plain.covered, town[1].population, 0).tolist())
    assert now.by("setting").round(9).equals(plain.by("setting").round(9))


def test_a_group_without_a_walker_walks_as_everybody_else() -> None:
    town = (worlds.line(1_000, 1), worlds.people([(850, 0)], [10]), worlds.outlets([(0, 0)]))
    town = (town[0], replace(town[1], groups={"old": np.array([4.0]), "women": np.array([5.0])}), town[2])
    now = measured(town, {"old": 0.8})
    assert now.by("setting", group="old")["covered"].tolist() == [0]
    assert now.by("setting", group="women")["covered"].tolist() == [5]
    assert now.covered_people == 6
    with pytest.raises(InputError, match="no group is named 'men'; expected one of: old, women"):
        now.by("setting", group="men")
    with pytest.raises(InputError, match="no group is named 'men'"):
        measured(town, {"men": 0.8})
    with pytest.raises(InputError, match=r"walking speed is 8.0 m/s; expected 0.3 to 3"):
        measured(town, {"old": 8.0})


def test_groups_that_overlap_are_refused() -> None:
    town = (worlds.line(1_000, 1), worlds.people([(850, 0)], [10]), worlds.outlets([(0, 0)]))
    town = (town[0], replace(town[1], groups={"old": np.array([6.0]), "women": np.array([5.0])}), town[2])
    message = "groups 'old', 'women' have 11 of 10 people at 'D0'; expected groups that do not overlap"
    with pytest.raises(InputError, match=message):
        measured(town, {"old": 0.8, "women": 0.9})


def test_rules_are_given_as_people_write_them() -> None:
    streets, sites = worlds.line(6_000, 6), worlds.outlets([(0, 0)])
    homes = worlds.people(
        [(650, 0), (850, 0), (4_000, 0), (2_500, 0)], [1, 2, 4, 8], ["urban", "town", "rural", "rural"]
    )
    study = Study.of(streets, homes, sites, name="Line")
    assert study.coverage().covered_people == 15
    assert study.coverage(urban="15 min", rural="5 km").covered.tolist() == study.coverage().covered.tolist()
    assert study.coverage(urban="12 min", rural="3 km").covered_people == 1 + 8
    assert study.coverage(urban=12, town="15 min").covered_people == 15
    assert study.coverage(rural=Rule.walk(15)).covered_people == 3
    with pytest.raises(InputError, match="limit is 'ten'; expected a time or a length"):
        study.coverage(urban="ten")
    with pytest.raises(InputError, match="no group is given a walker"):
        study.coverage_of_groups({})


def test_towns_go_on_following_the_urban_rule_alone_where_they_did() -> None:
    assert Standard().changed(urban="10 min") == Standard(urban=Rule.walk(10))
    own = Standard(town=Rule.distance(5))
    assert own.changed(urban="10 min") == Standard(urban=Rule.walk(10), town=Rule.distance(5))
    assert own.changed() == own


@settings(max_examples=20)
@given(towns(), st.data())
def test_a_limit_for_each_place_is_a_rule_for_each(town: Town, data: st.DataObject) -> None:
    now, n = measure_coverage(*town), len(town[1])
    minutes = data.draw(st.lists(st.none() | st.integers(1, 60), min_size=n, max_size=n))
    if not any(minutes):
        return
    limits = pd.Series({d: m * 60 for d, m in zip(now.demand.ids, minutes, strict=True) if m is not None})
    found = now.covered_within(seconds=limits)
    for row, limit in enumerate(minutes):
        rules = Standard() if limit is None else Standard(urban=Rule.walk(limit), rural=Rule.walk(limit))
        assert found[row] == measure_coverage(*town, standard=rules).covered[row]


def test_limits_are_seconds_or_metres_above_zero() -> None:
    now = measure_coverage(worlds.line(1_000, 1), worlds.people([(600, 0), (900, 0)]), worlds.outlets([(0, 0)]))
    assert now.covered_within(metres=pd.Series({"D0": 599.99, "D1": 900.0})).tolist() == [False, True]
    with pytest.raises(InputError, match="limits are given in nothing; expected seconds or metres"):
        now.covered_within()
    with pytest.raises(InputError, match="limits"):
        now.covered_within(seconds=pd.Series({"D0": 0.0}))
