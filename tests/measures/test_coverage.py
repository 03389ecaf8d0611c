from __future__ import annotations

import pickle
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import worlds
from pyproj import Geod

from accessibility import Coverage, Demand, InputError, Rule, Sites, Standard, Walker, measure_coverage
from accessibility.geo import arrays
from accessibility.geo.projection import WGS84, transform
from accessibility.measures.coverage import COLUMNS
from accessibility.streets.search import segments as snapping_grid

WALK = Walker(access_factor_s=1.0)


def covered(coverage: Coverage) -> list[bool]:
    return [bool(c) for c in coverage.covered]


def test_exactly_fifteen_minutes_is_within_and_a_centimetre_more_is_not() -> None:
    people = worlds.people([(900.000, 0), (900.01, 0), (0, 0)])
    now = measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)]))
    assert covered(now) == [True, False, True]
    assert now.walk_s.tolist() == [900.0, 900.01, 0.0]


def test_exactly_five_kilometres_is_within_in_the_countryside() -> None:
    people = worlds.people([(5_000, 0), (5_000.01, 0)], setting="rural")
    now = measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)]))
    assert covered(now) == [True, False]
    assert now.metres.tolist() == [5_000.0, 5_000.01]


def test_both_access_legs_count_in_seconds_with_the_factor_and_in_metres_without() -> None:
    now = measure_coverage(worlds.line(), worlds.people([(300, 40)]), worlds.outlets([(0, 20)]), walker=Walker())
    assert now.metres.tolist() == [360.0]
    assert now.walk_s.tolist() == [300 + 1.3 * 60]


def test_people_and_outlet_on_one_edge_do_not_go_round() -> None:
    world = worlds.network([(0, 0), (1_000, 0)], [(0, 1)])
    now = measure_coverage(world, worlds.people([(400, 0), (600, 0)]), worlds.outlets([(500, 0)]))
    assert now.metres.tolist() == [100, 100]


def test_one_way_edges_are_walked_from_home_to_the_outlet() -> None:
    square = worlds.one_way_square()
    people = worlds.people([(50, 0), (100, 50), (0, 50)])
    now = measure_coverage(square, people, worlds.outlets([(100, 0)]))
    assert now.metres.tolist() == [50, 350, 150]


def test_the_town_rule_and_the_literal_reading_of_the_radius() -> None:
    # A detour: 3 km as the crow flies, 3 + 2 x 2 = 7 km along the streets.
    world = worlds.network([(0, 0), (0, 2_000), (3_000, 2_000), (3_000, 0)], [(0, 1), (1, 2), (2, 3)])
    people = worlds.people([(3_000, 0)] * 3, [5, 7, 11], ["urban", "town", "rural"])
    outlets = worlds.outlets([(0, 0)])
    now = measure_coverage(world, people, outlets)
    assert covered(now) == [False, False, False]
    assert now.share_radius == 11 / 23
    literal = measure_coverage(world, people, outlets, Standard.presets["radius"])
    assert covered(literal) == [False, False, True]
    town = measure_coverage(world, people, outlets, Standard(town=Rule.distance(7), rural=Rule.distance(7)))
    assert covered(town) == [False, True, True]


def test_the_straight_line_is_geodesic_and_never_longer_than_the_way() -> None:
    people = worlds.people([(3_000, 0), (1_234, 5)])
    outlets = worlds.outlets([(0, 0)])
    now = measure_coverage(worlds.line(), people, outlets)
    p, s = transform(people.xy, people.crs, WGS84), transform(outlets.xy, outlets.crs, WGS84)[0]
    expected = [Geod(ellps="WGS84").inv(*a, *s)[2] for a in p]
    assert now.radius_m == pytest.approx(np.fmin(expected, now.metres))
    assert (now.radius_m <= now.metres).all()


def test_each_figure_has_its_own_nearest_and_the_rule_names_the_site() -> None:
    # O0 is nearer as the crow flies, O1 along the streets.
    world = worlds.network([(0, 0), (0, 400), (300, 400), (300, 0), (-500, 0)], [(0, 1), (1, 2), (2, 3), (0, 4)])
    people = worlds.people([(0, 0), (0, 0)], setting=["urban", "rural"])
    outlets = worlds.outlets([(300, 0), (-500, 0)])
    by_radius = measure_coverage(world, people, outlets, Standard.presets["radius"])
    assert by_radius.metres.tolist() == [500, 500]
    assert by_radius.radius_m == pytest.approx([300, 300], abs=0.2)
    assert by_radius.nearest.tolist() == [1, 0]


@pytest.mark.parametrize("count", [1, 128, 129, 256])
@pytest.mark.parametrize("setting", ["urban", "rural"])
def test_everybody_goes_next_door_however_many_sites_there_are(count: int, setting: str) -> None:
    road = worlds.network([(0, 0), (3 * count, 0)], [(0, 1)])
    homes = worlds.people([(3 * door + 1, 0) for door in range(count)], [1] * count, [setting] * count)
    doors = worlds.outlets([(3 * door, 0) for door in range(count)])
    found = measure_coverage(road, homes, doors, Standard.presets["radius"])
    assert found.nearest.tolist() == list(range(count))
    np.testing.assert_allclose(found.metres, 1.0, atol=0.011)
    np.testing.assert_allclose(found.radius_m, 1.0, atol=0.011)


def test_the_unreached_stay_in_the_denominator() -> None:
    people = worlds.people([(10, 0), (6_500, 0), (500, 900), (np.nan, np.nan)], [1, 2, 4, 8])
    now = measure_coverage(worlds.two_islands(), people, worlds.outlets([(0, 0)]))
    assert now.unreached.tolist() == [False, True, True, True]
    assert (now.population, now.covered_people, now.uncovered_people, now.unreached_people) == (15, 1, 14, 14)
    assert np.isnan(now.walk_s).tolist() == now.unreached.tolist()
    assert now.nearest.tolist() == [0, -1, -1, -1]
    assert np.isnan(now.radius_m).tolist() == [False, False, False, True]


def test_whoever_a_radius_covers_without_a_path_is_not_called_unreached() -> None:
    people = worlds.people([(6_500, 0)], setting="rural")
    now = measure_coverage(
        worlds.two_islands(4_000), people, worlds.outlets([(900, 0)]), Standard(rural=Rule.distance(10, along="radius"))
    )
    assert (covered(now), now.unreached.tolist()) == ([True], [False])


def test_closed_sites_candidates_and_sites_off_the_network_serve_nobody() -> None:
    sites = replace(worlds.outlets([(0, 0), (10, 0), (20, 5_000)]), open=np.array([False, False, True]))
    now = measure_coverage(worlds.line(), worlds.people([(0, 0)]), sites)
    assert (now.share, now.unreached_people) == (0, 1)
    nothing = measure_coverage(worlds.line(), worlds.people([(0, 0)]), worlds.outlets([]))
    assert nothing.share == 0
    assert np.isnan(nothing.radius_m).all()


def test_inputs_in_degrees_give_the_same_answer() -> None:
    people, outlets = worlds.people([(700, 12), (2_500, -3)]), worlds.outlets([(0, 7)])
    lonlat = Demand(ids=people.ids, xy=transform(people.xy, people.crs, WGS84), population=people.population, crs=WGS84)
    here = measure_coverage(worlds.line(), people, outlets)
    there = measure_coverage(worlds.line(), lonlat, outlets.to_crs(4326))
    assert there.metres == pytest.approx(here.metres, abs=0.011)
    assert there.walk_s == pytest.approx(here.walk_s, abs=0.011)


def test_people_add_up_by_any_series() -> None:
    people = worlds.people([(100, 0), (2_000, 0), (300, 0), (9, 0)], [1, 2, 4, 8])
    now = measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)]))
    table = now.by(pd.Series({"D1": "A", "D0": "A", "D2": "B"}, name="district"))
    assert table.index.name == "district"
    assert table.loc["A"].to_dict() == {
        "population": 3, "covered": 1, "covered_share": 1 / 3, "uncovered": 2, "unreached": 0,
    }  # fmt: skip
    assert table["population"].tolist() == [3, 4, 8]  # D3, which the series does not name, comes last
    with pytest.raises(InputError, match="more than once, first 'D0'"):
        now.by(pd.Series(["A", "B"], index=["D0", "D0"]))


def test_a_share_of_nobody_has_no_value() -> None:
    people = worlds.people([(0, 0)], [0])
    now = measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)]))
    assert np.isnan(now.share)
    assert np.isnan(now.by(pd.Series({"D0": "A"}))["covered_share"].iloc[0])


def test_the_frame_holds_ids_figures_and_the_site_that_decides() -> None:
    people = worlds.people([(100, 0), (0, 9_000)], [3, 4])
    frame = measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)])).to_gdf()
    assert frame.index.tolist() == ["D0", "D1"]
    assert frame["nearest_site"].iloc[0] == "O0"
    assert frame["nearest_site"].isna().tolist() == [False, True]
    assert frame["covered"].tolist() == [True, False]
    assert frame.crs == people.crs


def test_sites_know_their_rows_and_name_the_closest_to_a_wrong_id() -> None:
    sites = worlds.outlets([(0, 0), (1, 1)]) + Sites(ids=["B017"], xy=[(0, 0)], kind=["bank"], crs=worlds.CRS)  # type: ignore[arg-type]
    assert sites.rows(["B017", "O0"]).tolist() == [2, 0]
    assert sites.open.tolist() == [True, True, False]
    with pytest.raises(InputError, match="no site has the id 'B071' among 3 sites; did you mean B017"):
        sites.rows(["B071"])
    with pytest.raises(InputError, match=r"site ids in both sets \(2\): O0, O1"):
        sites + worlds.outlets([(0, 0), (2, 2)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a", "a"]}, r"ids that stand more than once \(1\): 'a'"),
        ({"ids": np.array([7, 7])}, r"ids that stand more than once \(1\): 7"),
        ({"setting": np.array(["urban", "city"])}, "demand setting: 1 of 2 rows, first row 1 is 'city'"),
        ({"population": [1, -2]}, "demand population: 1 of 2 rows, first row 1 is -2; expected a finite number"),
        ({"population": [1, np.nan]}, "expected a finite number of people"),
        ({"setting": ["urban", "city"]}, "demand setting"),
        ({"groups": {"60+": [1, -1]}}, "demand group '60\\+'"),
        ({"xy": [(0, 0)]}, r"demand xy has shape \(1, 2\); expected \(2, 2\)"),
    ],
)
def test_demand_that_breaks_an_invariant_is_refused(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"ids": ["a", "b"], "xy": [(0, 0), (1, 1)], "population": [1, 2], "crs": worlds.CRS}
    with pytest.raises(InputError, match=message):
        Demand(**(good | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ids",
    [
        np.array([5, 6, 300]),
        np.array([5, 3, 1], np.uint8),  # equal steps, down
        np.array([0, 200, 144], np.uint8),  # whose difference overflows
        np.array([100, -56, 44], np.int8),
        np.array([0, 2**63, 7], np.uint64),
        range(2, 11, 4),
        range(2**70, 2**70 + 3),
    ],
)
def test_ids_and_settings_are_the_same_whether_they_are_held_as_numbers_or_not(ids: Any) -> None:
    setting, listed = ["town", "urban", "hills"], list(map(int, ids))
    at: dict[str, Any] = {"xy": np.zeros((3, 2)), "population": [1, 2, 3], "settings": ("urban", "town", "hills")}
    plain = Demand(ids=listed, setting=setting, crs=worlds.CRS, **at)  # type: ignore[arg-type]
    wide = Demand(ids=ids, setting=np.array(setting), crs=worlds.CRS, **at)  # type: ignore[arg-type]
    again = pickle.loads(pickle.dumps(wide))  # noqa: S301 -- its own
    people = [plain, wide, again, copy(wide), replace(wide), wide.rows(np.arange(3))]
    assert wide.rows(np.array([2, 0])).ids.tolist() == listed[2::-2]
    for one in people:
        assert [type(name) for name in one.ids] == [int] * 3
        assert (one.ids.tolist(), one.setting.tolist()) == (listed, setting)
        assert one.setting_code.tolist() == [1, 0, 2]
        assert {name: rows.tolist() for name, rows in one.setting_rows.items()}["town"] == [True, False, False]
        for values in (one.ids, one.setting, one.setting_code):
            with pytest.raises(ValueError, match="read-only"):
                values[0] = values[1]


def test_without_settings_everybody_has_the_first() -> None:
    at: dict[str, Any] = {"ids": ["a", "b"], "xy": np.zeros((2, 2)), "population": [1, 2], "crs": worlds.CRS}
    for people in (Demand(**at), Demand(**at, setting=None)):  # type: ignore[arg-type]
        assert people.setting.tolist() == ["urban", "urban"]


def test_people_decided_in_batches_are_decided_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, n = np.random.default_rng(2), 90
    xy = np.stack([rng.uniform(0, 6_000, n), rng.normal(0, 300, n)], axis=1)
    xy[7] = np.nan
    limit = np.where(rng.random(n) < 0.3, rng.uniform(1, 900, n), np.nan)
    at: dict[str, Any] = {"xy": xy, "population": np.ones(n), "limit_s": limit, "crs": worlds.CRS}
    people = Demand(ids=range(n), setting=rng.choice(["urban", "town", "rural"], n), **at)  # type: ignore[arg-type]
    outlets = worlds.outlets([(0, 0), (4_000, 10)])
    whole = measure_coverage(worlds.line(), people, outlets)
    for module in (arrays, snapping_grid):
        monkeypatch.setattr(module, "_BATCH", 7)
    parts = measure_coverage(worlds.line(), replace(people), outlets)
    for name in COLUMNS:
        assert getattr(parts, name).tobytes() == getattr(whole, name).tobytes(), name
    cutoffs = people.cutoffs(Standard())
    for row in range(n):
        part = people.cutoffs(Standard(), slice(row, row + 1))
        decided = {measure: int(limit[row]) for measure, limit in cutoffs.items() if limit[row] >= 0}
        assert {measure: int(limit[0]) for measure, limit in part.items()} == decided


def test_residents_walk_out_of_their_compound_and_nobody_walks_through_it() -> None:
    # A street round three sides of a block, a private lane across it, and another lane inside.
    nodes = [(0, 0), (0, 400), (300, 400), (300, 0), (150, 0), (150, 100)]
    edges = [(0, 1), (1, 2), (2, 3), (0, 4), (4, 3), (4, 5)]
    block = replace(worlds.network(nodes, edges), private=np.array([False] * 3 + [True] * 3))
    people = worlds.people([(300, 10), (150, 90), (0, 10)])
    outlets = worlds.outlets([(0, 0)])
    now = measure_coverage(block, people, outlets)
    assert now.metres.tolist() == [390 + 300 + 400, 90 + 150, 10]
    through = measure_coverage(block, people, outlets, walker=Walker(open_compounds=True))
    assert through.metres.tolist() == [10 + 300, 90 + 150, 10]


def test_a_counter_beside_a_private_lane_stands_on_the_street() -> None:
    block = replace(worlds.network([(0, 0), (400, 0), (0, 50), (400, 50)], [(0, 1), (2, 3), (0, 2)]), private=[0, 1, 1])  # type: ignore[arg-type]
    now = measure_coverage(block, worlds.people([(200, 50)]), worlds.outlets([(100, 45)]))
    assert now.metres.tolist() == [200 + 50 + 100 + 45]


def test_frames_become_demand_and_sites_and_back() -> None:
    people = worlds.people([(0, 0), (5, 5)], [3, 4], ["rural", "town"])
    again = Demand.from_gdf(people.to_gdf())
    assert (again.ids.tolist(), again.setting.tolist()) == (people.ids.tolist(), people.setting.tolist())
    named = people.to_gdf().reset_index(names="id")
    assert Demand.from_gdf(named).ids.tolist() == ["D0", "D1"]
    sites = worlds.outlets([(0, 0), (5, 5)])
    back = Sites.from_gdf(sites.to_gdf())
    assert (back.ids.tolist(), back.open.tolist(), back.kind.tolist()) == (["O0", "O1"], [True] * 2, ["outlet"] * 2)
    with pytest.raises(InputError, match=r"lacks columns \['pop'\]; it has \['population', 'setting', 'geometry'\]"):
        Demand.from_gdf(people.to_gdf(), population="pop")
    with pytest.raises(InputError, match="no coordinate system"):
        Sites.from_gdf(sites.to_gdf().set_crs(None, allow_override=True))


def test_a_site_that_closed_down_is_no_candidate_and_one_that_opens_again_is_not_closed() -> None:
    sites = Sites(
        ids=["B1", "B2"],  # type: ignore[arg-type]
        xy=[(0, 0), (9, 9)],  # type: ignore[arg-type]
        kind=["bank", "bank"],  # type: ignore[arg-type]
        closed=[True, False],  # type: ignore[arg-type]
        bank=["ICBC", ""],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    assert sites.closed.tolist() == [True, False]
    assert replace(sites, open=[True, False]).closed.tolist() == [False, False]  # type: ignore[arg-type]
    both = sites + worlds.outlets([(5, 5)])
    assert both.bank.tolist() == ["ICBC", "", ""]
    assert both.closed.tolist() == [True, False, False]
