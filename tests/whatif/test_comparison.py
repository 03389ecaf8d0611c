"""Gains and losses against sums done by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import worlds

from accessibility import Demand, InputError, Scenario, Sites, compare_coverages, compare_scenarios, measure_coverage


def street() -> tuple[Demand, Sites]:
    """People on a street of 6 km, a metre a second; outlets at its start and at 3 km, one at its end closed."""
    people = worlds.people([(0, 0), (800, 0), (2_500, 0), (3_000, 0), (5_900, 0)], [10, 20, 30, 40, 50])
    groups = {"60+": np.array([1.0, 2, 3, 4, 5])}
    sites = replace(worlds.outlets([(0, 0), (3_000, 0), (6_000, 0)]), open=np.array([True, True, False]))
    return replace(people, groups=groups), sites


def test_gains_and_losses_by_hand() -> None:
    people, sites = street()
    district = pd.Series(["west", "west", "east", "east", None], index=people.ids)
    before = measure_coverage(worlds.line(), people, sites)
    after = measure_coverage(worlds.line(), people, replace(sites, open=np.array([True, False, True])))
    table: Any = compare_coverages(before, after, district)
    assert table.index.tolist() == [
        *(("west", "urban"), ("west", "all"), ("east", "urban"), ("east", "all")),
        *(("(none)", "urban"), ("(none)", "all"), ("total", "urban"), ("total", "all")),
    ]
    # Before: 0, 800 (to 0), 2 500 and 3 000 (to 3 000) are covered; after: 0, 800 and 5 900 (to 6 000).
    total = table.loc[("total", "all")]
    assert total[["population", "covered_before", "covered_after", "gained", "lost"]].tolist() == [150, 100, 80, 50, 70]
    assert (total["share_before"], total["share_after"]) == (100 / 150, 80 / 150)
    # 5 900 walked 2 900 s to 3 000 and walks 100 s; 2 500 walked 500 s and walks 2 500; 3 000 walked 0 and walks 3 000.
    assert (total["better_off"], total["worse_off"]) == (50, 70)
    assert total["minutes_saved"] == pytest.approx(2_800 / 60)
    assert total["minutes_added"] == pytest.approx((30 * 2_000 + 40 * 3_000) / 70 / 60)
    assert table.loc[("west", "all"), "better_off"] == 0
    assert np.isnan(table.loc[("west", "all"), "minutes_saved"])
    sums = ["population", "covered_before", "covered_after", "gained", "lost", "better_off", "worse_off"]
    assert np.allclose(table.xs("all", level="setting").drop("total")[sums].sum(), total[sums].to_numpy(dtype=float))
    old: Any = compare_coverages(before, after, district, group="60+")
    assert old.loc[("total", "all"), ["population", "gained", "lost"]].tolist() == [15, 5, 7]


def test_a_way_that_begins_or_ceases_counts_without_minutes() -> None:
    world = worlds.two_islands()
    people = worlds.people([(500, 0), (6_500, 0)], [3, 4])
    west = replace(worlds.outlets([(0, 0), (6_000, 0)]), open=np.array([True, False]))
    east = replace(west, open=~west.open)
    district = pd.Series("here", index=people.ids)
    before, after = (measure_coverage(world, people, sites) for sites in (west, east))
    changed: Any = compare_coverages(before, after, district)
    row = changed.loc[("total", "all")]
    assert row[["gained", "lost", "better_off", "worse_off"]].tolist() == [4, 3, 4, 3]
    assert np.isnan(row["minutes_saved"])
    assert np.isnan(row["minutes_added"])
    same: Any = compare_coverages(before, before, district)
    assert same.loc[("total", "all")][["gained", "lost", "better_off", "worse_off"]].tolist() == [0, 0, 0, 0]


def test_other_people_and_unknown_groups_are_refused() -> None:
    people, sites = street()
    district = pd.Series("here", index=people.ids)
    now = measure_coverage(worlds.line(), people, sites)
    with pytest.raises(InputError, match=r"no group is named '65\+'; expected one of: 60\+"):
        compare_coverages(now, now, district, group="65+")
    fewer = measure_coverage(worlds.line(), people.rows(np.arange(3)), sites)
    with pytest.raises(InputError, match="coverages of 3 and 5 demand points"):
        compare_coverages(fewer, now, district)


def test_scenarios_beside_each_other() -> None:
    people, sites = street()
    sites = replace(sites, cost=np.array([0.0, 0.0, 4.0]))
    now = measure_coverage(worlds.line(), people, sites)
    scenarios = [Scenario(name="end", opened=("O2",)), Scenario(name="less", closed=("O1",))]
    found: Any = compare_scenarios(
        now, [(s, measure_coverage(worlds.line(), people, s.apply(sites))) for s in scenarios]
    ).set_index("scenario")
    assert found.loc["end", ["open_sites", "covered", "gained", "lost", "cost"]].tolist() == [3, 150, 50, 0, 4]
    assert found.loc["end", "per_person"] == pytest.approx(4 / 50)
    assert found.loc["less", ["open_sites", "covered", "gained", "lost", "cost"]].tolist() == [1, 30, 0, 70, 0]
    assert np.isnan(found.loc["less", "per_person"])
