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
from accessibility.measures.catchments import trace_catchments
from accessibility.measures.tables import headline
from accessibility.measures.walkers import GroupCoverage, measure_groups
from accessibility.streets.snapping import snap_study

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
        study.coverage(groups={})


def test_towns_go_on_following_the_urban_rule_alone_where_they_did() -> None:
    assert Standard().changed(urban="10 min") == Standard(urban=Rule.walk(10))
    own = Standard(town=Rule.distance(5))
    assert own.changed(urban="10 min") == Standard(urban=Rule.walk(10), town=Rule.distance(5))
    assert own.changed() == own


@settings(max_examples=20)
@given(towns(), st.data())
def test_a_limit_for_each_place_is_a_rule_for_each(town: Town, data: st.DataObject) -> None:
    network, demand, sites = town
    said = st.none() | st.integers(1, 60) | st.sampled_from(["7 min", "90 s", "800 m", "2 km"])
    limits = data.draw(st.lists(said, min_size=len(demand), max_size=len(demand)))
    own = demand.limited(np.array(limits, dtype=object))
    at = snap_study(network, demand, sites)
    found, now = (measure_coverage(network, d, sites, snapped=at) for d in (own, demand))
    pairs = trace_catchments(network, own, sites, snapped=at)
    for row, limit in enumerate(limits):
        rules = Standard() if limit is None else Standard(rules=dict.fromkeys(demand.settings, Rule.of(limit)))
        alone = measure_coverage(network, demand, sites, rules, snapped=at)
        for name in ("covered", "nearest", "unreached", "covered_radius", "walk_s", "metres"):
            np.testing.assert_equal(getattr(found, name)[row], getattr(alone, name)[row])
        reached = {site for site in np.flatnonzero(sites.open) if row in pairs.of(site)}
        assert bool(reached) == found.covered[row]
    assert own.own_limits.tolist() == [limit is not None for limit in limits]
    np.testing.assert_array_equal(now.walk_s, found.walk_s)
    back = own.limited(None)
    assert back.limit_s is None
    np.testing.assert_array_equal(measure_coverage(network, back, sites, snapped=at).covered, now.covered)


def test_limits_of_cells_by_hand() -> None:
    """On a street at 1 m/s: 600 m with 599.99 m and with 10 minutes, 900 m with 900 m and 15 minutes less a ms."""
    homes = worlds.people([(600, 0), (600, 0), (900, 0), (900, 0), (900, 0)], [1, 2, 4, 8, 16])
    study = Study.of(worlds.line(1_000, 1), homes, worlds.outlets([(0, 0)]), name="Line", settings="urban")
    limit = pd.Series({"D0": "599.99 m", "D1": 10, "D2": "0.9 km", "D3": "899.999 s", "D4": None})
    now = study.coverage(limit=limit)
    assert now.covered.tolist() == [False, True, True, False, True]  # the last by the rule of its setting, 15 min
    assert study.coverage(limit=limit.to_numpy()).covered.tolist() == now.covered.tolist()
    assert study.coverage(limit=limit, urban="14 min").covered.tolist() == [False, True, True, False, False]
    assert study.coverage(limit="14 min").covered_people == 3
    assert study.coverage(limit={"urban": "14 min"}).covered_people == 3
    assert now.by("setting")["covered"].tolist() == [2 + 4 + 16]
    assert study.catchments(now).demand.tolist() == [1, 2, 4]
    assert study.table(now)["covered"].iloc[-1] == 22
    assert "and 15 people by limits of their own" in headline(now)
    assert "of their own" not in headline(study.coverage())
    told = homes.to_gdf().assign(near=["599.99 m", "10 min", "900m", "899.999 s", " "])
    own = Study.of(study.network, told, worlds.outlets([(0, 0)]), limit="near", settings="urban")
    assert own.coverage().covered.tolist() == now.covered.tolist()
    values = Study.of(study.network, homes.limited(limit), worlds.outlets([(0, 0)]), settings="urban")
    assert values.coverage().covered.tolist() == now.covered.tolist()
    lon, lat = homes.lonlat[2]
    assert study.explain(lon, lat).rule == Rule.walk(15)
    here = Study.of(study.network, homes.rows(np.array([2])).limited(["0.8 km"]), worlds.outlets([(0, 0)])).explain(
        lon, lat
    )
    assert (here.rule, here.covered, round(here.excess)) == (Rule.distance(0.8), False, 100)
    with pytest.raises(InputError, match="1 cell with no limit: row 2 '10'; expected a time or a length"):
        Study.of(study.network, told.assign(near=["", "10", "", "", ""]), worlds.outlets([(0, 0)]), limit="near")
    with pytest.raises(InputError, match="limit is 'far'; expected a time or a length"):
        study.coverage(limit="far")
    with pytest.raises(InputError, match="limit is 'far'; expected a time or a length"):
        study.coverage(limit=pd.Series({"D0": "far"}))
    with pytest.raises(InputError, match="expected a positive, finite number"):
        study.coverage(limit=pd.Series({"D0": 0.0}))
    with pytest.raises(InputError, match="expected a walk, or a distance along the network"):
        study.coverage(limit=pd.Series({"D0": Rule.distance(1, along="radius")}))
    with pytest.raises(InputError, match="limits has shape"):
        study.coverage(limit=[5, 10])
    with pytest.raises(InputError, match="seconds or metres, not both"):
        replace(homes, limit_s=np.full(5, 60.0), limit_m=np.full(5, 60.0))


@settings(max_examples=15)
@given(towns(), st.data())
def test_groups_at_the_same_speed_are_the_total(town: Town, data: st.DataObject) -> None:
    network, demand, sites = town
    parts = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(demand), max_size=len(demand)))) / 4
    demand = replace(demand, groups={"old": demand.population * parts})
    now = measure_coverage(network, demand, sites)
    same = measure_groups(lambda walker: measure_coverage(network, demand, sites, walker=walker), {"old": 1.0})
    pd.testing.assert_frame_equal(same.by("setting"), now.by("setting"))
    assert same.seen("old").covered.tolist() == now.covered.tolist()
    frame = same.to_gdf()
    np.testing.assert_allclose(frame["covered_people"], np.where(now.covered, demand.population, 0))
    np.testing.assert_array_equal(frame["old_covered"], np.where(now.covered, demand.groups["old"], 0))


def test_a_coverage_of_groups_in_one_call() -> None:
    homes = replace(
        worlds.people([(550, 0), (2_900, 0)], [30, 10], ["urban", "rural"]), groups={"60+": np.array([12.0, 5.0])}
    )
    study = Study.of(worlds.line(), homes, worlds.outlets([(0, 0)]), groups=["60+"], name="Line")
    now = study.coverage(urban="10 min", rural="3 km", groups={"60+": 0.8})
    # 550 m take 688 s at 0.8 m/s; a distance is as near for everybody.
    assert now.covered_people == 18 + 10
    assert now.by("district")["covered"].to_dict() == {"Line": 28}
    assert now.by("district", group="60+")["covered"].to_dict() == {"Line": 5}
    assert "60+_covered" in now.explore(tiles=None).get_root().render()
    assert "Line" in now.map().get_root().render()
    assert now.seen("60+").covered.tolist() == [False, True]
    slow = study.coverage(urban="10 min", rural="3 km", groups={"60+": 0.8}, walker=Walker(speed_m_s=0.9))
    assert slow.covered_people == 10
