"""Blackspots, against streets done by hand and clusters counted cell by cell."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from accessibility import Coverage, Demand, InputError, Network, Sites, measure_coverage
from accessibility.geo.projection import WGS84, distances, to_wgs84, transform
from accessibility.measures.blackspots import ACTIONS, BLACKSPOT_COLUMNS, Blackspots, find_blackspots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility import Study

NAN = float("nan")


def village(
    at: list[tuple[float, float]],
    count: list[float],
    *,
    setting: str = "urban",
    banks: tuple[tuple[float, float], ...] = (),
    rooms: tuple[tuple[float, float], ...] = (),
    network: Network | None = None,
) -> tuple[Coverage, Network]:
    """Return people beside a street of 24 km with an outlet O at its start, with banks B and rooms C where said."""
    places = [(0.0, 0.0), *banks, *rooms]
    kind = ["outlet", *["bank"] * len(banks), *["new"] * len(rooms)]
    ids = ["O", *(f"B{i}" for i in range(len(banks))), *(f"C{i}" for i in range(len(rooms)))]
    sites = Sites(
        ids=ids,  # type: ignore[arg-type]
        xy=np.array(places) + worlds.ORIGIN,
        name=[f"name of {i}" for i in ids],  # type: ignore[arg-type]
        kind=kind,  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    network = worlds.line(24_000, 24) if network is None else network
    return measure_coverage(network, worlds.people(at, count, setting), sites), network


def found(*world: Any, **options: Any) -> Blackspots:
    coverage, network = village(*world, **{k: options.pop(k) for k in [*options] if k in ("banks", "rooms", "setting")})
    return find_blackspots(coverage, network, **{"link_m": 150.0, **options})


def add_up(spots: Blackspots) -> float:
    return float(spots.spots["people"].sum()) + spots.scattered_people + spots.unplaced_people


def test_clusters_are_ranked_by_people_and_everybody_is_somewhere() -> None:
    # Covered: 9 at 100 m. Clusters: 300 + 301 at 2 000 m, 700 at 3 000 m, 499 at 4 000 m; 7 people have no place.
    at = [(100, 0), (2_000, 0), (2_149, 0), (3_000, 0), (4_000, 0), (NAN, NAN), (2_301, 0), (4_140, 0)]
    spots = found(at, [9, 300, 301, 700, 250, 7, 40, 249])
    table = spots.spots
    assert table["people"].tolist() == [700, 601]
    assert table["rank"].tolist() == [1, 2]
    assert table["points"].tolist() == [1, 2]  # 152 m from the last, 40 people are on their own
    assert spots.scattered_people == 499 + 40
    assert spots.scattered_clusters == 2
    assert spots.unplaced_people == 7
    assert add_up(spots) == 300 + 301 + 700 + 499 + 40 + 7
    assert table["id"].tolist() == ["at-D3", "at-D2"]
    assert table.crs == WGS84


def test_exactly_enough_people_are_a_blackspot_and_one_fewer_are_none() -> None:
    assert found([(2_000, 0)], [500]).spots["people"].tolist() == [500]
    assert found([(2_000, 0)], [499]).spots.empty
    assert found([(2_000, 0)], [499], min_people=499).spots["people"].tolist() == [499]
    assert len(found([(2_000, 0), (3_000, 0)], [1, 0], min_people=0).spots) == 1  # nobody is nowhere


def test_of_two_equally_large_the_first_in_the_file_comes_first() -> None:
    spots = found([(9_000, 0), (2_000, 0), (5_000, 0)], [600, 600, 600])
    assert spots.spots["id"].tolist() == ["at-D0", "at-D1", "at-D2"]


def test_the_place_of_a_blackspot_is_one_where_people_live_near_their_middle() -> None:
    at = [(2_000.0 + 100 * k, 0.0) for k in range(5)]
    (row,) = found(at, [100, 100, 100, 100, 400]).spots.itertuples()
    # The centre of gravity stands at 2 275 m: (200 + 210 + 220 + 230) / 8 + 240 / 2.
    assert row.id == "at-D3"
    xy = transform(np.array([[2_300.0, 0.0]]) + worlds.ORIGIN, worlds.people([]).crs, WGS84)[0]
    assert (row.lon, row.lat) == pytest.approx(tuple(xy), abs=1e-9)
    assert to_wgs84(row.gcj_lon, row.gcj_lat, "GCJ-02") == pytest.approx((row.lon, row.lat), abs=1e-9)
    assert row.gcj_lon != pytest.approx(row.lon, abs=1e-3)
    assert row.geometry.contains(shapely.Point(row.lon, row.lat))


def test_half_the_people_walk_at_most_so_long_to_the_nearest_outlet() -> None:
    (row,) = found([(1_500, 0), (1_600, 0), (1_700, 0)], [200, 200, 201]).spots.itertuples()
    assert (row.outlet_id, row.outlet_name, row.outlet_kind) == ("O", "name of O", "outlet")
    assert row.outlet_min == pytest.approx(1_600 / 60)
    assert row.outlet_km == pytest.approx(1.6)
    assert row.outlet_straight_km == pytest.approx(1.6, rel=1e-3)
    assert (row.setting, row.unreached_people, row.streetless_people) == ("urban", 0, 0)
    assert pd.isna(row.bank_id)
    assert row.bank_people == row.candidate_people == 0
    assert row.action == "new-counter"


def test_the_nearest_outlet_is_that_of_most_people_not_of_most_points() -> None:
    coverage, network = village([(2_400, 0), (2_510, 0), (2_600, 0)], [400, 100, 100])
    sites = worlds.outlets([(0, 0), (5_000, 0)])
    (row,) = find_blackspots(measure_coverage(network, coverage.demand, sites), network).spots.itertuples()
    assert row.outlet_id == "O0"


def test_a_bank_that_reaches_half_of_the_people_is_agreed_with() -> None:
    # A branch at 2 500 m, 15 minutes are 900 m: it reaches 2 000 m and not 1 590 m.
    people = [(1_590.0 + 10 * k, 0.0) for k in range(2)] + [(2_000, 0)]
    half = found(people, [300, 0, 300], banks=[(2_500, 0)], link_m=450)
    (row,) = half.spots.itertuples()
    assert (row.bank_id, row.bank_name, row.bank_people, row.action) == ("B0", "name of B0", 300, "agree-with-bank")
    assert row.bank_min == pytest.approx(500 / 60)
    assert row.bank_km == pytest.approx(0.5)
    (row,) = found(people, [301, 0, 300], banks=[(2_500, 0)], link_m=450).spots.itertuples()
    assert (row.bank_people, row.action) == (300, "new-counter")


def test_a_room_comes_after_a_bank_and_before_a_room_to_be_found() -> None:
    at, count = [(2_000.0, 0.0)], [600.0]
    (row,) = found(at, count, banks=[(9_000, 0)], rooms=[(2_300, 0)]).spots.itertuples()
    assert (row.candidate_id, row.candidate_people, row.action) == ("C0", 600, "open-candidate")
    assert (row.bank_id, row.bank_people) == ("B0", 0)
    (row,) = found(at, count, banks=[(2_600, 0)], rooms=[(2_300, 0)]).spots.itertuples()
    assert row.action == "agree-with-bank"


def test_partners_and_branches_that_closed_down_are_no_bank_to_agree_with() -> None:
    coverage, network = village([(5_000, 0)], [600], banks=((5_000, 0), (5_100, 0), (9_000, 0)))
    shut = replace(coverage.sites, closed=np.array([False, True, False, False]))
    now = measure_coverage(network, coverage.demand, replace(shut, open=np.array([True, False, False, False])))
    (row,) = find_blackspots(now, network).spots.itertuples()
    assert row.bank_id == "B1"
    partner = replace(shut, open=np.array([True, False, False, True]))
    (row,) = find_blackspots(measure_coverage(network, coverage.demand, partner), network).spots.itertuples()
    assert (row.outlet_id, row.outlet_kind, row.bank_id) == ("B2", "bank", "B1")


def test_where_no_street_leads_a_street_is_extended() -> None:
    (row,) = found([(3_000, 900), (3_000, 1_000)], [400, 400]).spots.itertuples()
    assert (row.streetless_people, row.unreached_people, row.action) == (800, 800, "extend-street")
    assert row.outlet_id == "O"  # the nearest in a straight line
    assert np.isnan([row.outlet_min, row.outlet_km]).all()
    assert row.outlet_straight_km == pytest.approx(np.hypot(3_000, 900) / 1_000, rel=1e-3)


def test_an_island_with_streets_needs_a_counter_not_a_street() -> None:
    islands = worlds.two_islands()
    coverage, _ = village([(6_500, 0)], [600], network=islands)
    (row,) = find_blackspots(coverage, islands).spots.itertuples()
    assert (row.unreached_people, row.streetless_people, row.action) == (600, 0, "new-counter")
    coverage, _ = village([(6_500, 0)], [600], network=islands, banks=((6_000, 0),))
    (row,) = find_blackspots(coverage, islands).spots.itertuples()
    assert row.action == "agree-with-bank"


def test_without_any_outlet_nothing_is_nearest() -> None:
    coverage, network = village([(2_000, 0)], [600])
    none = measure_coverage(network, coverage.demand, replace(coverage.sites, open=np.array([False])))
    (row,) = find_blackspots(none, network).spots.itertuples()
    assert pd.isna(row.outlet_id)
    assert pd.isna(row.outlet_kind)
    assert np.isnan(row.outlet_straight_km)


def test_setting_and_district_are_those_of_most_people() -> None:
    demand = replace(
        worlds.people([(8_000, 0), (8_100, 0), (8_200, 0)], [302, 299, 2], ["rural", "town", "town"]),
        groups={"women": [300, 0, 0], "65+": [10, 20, 0], "60+": [30, 25, 1]},  # type: ignore[dict-item]
    )
    network = worlds.line(24_000, 24)
    coverage = measure_coverage(network, demand, worlds.outlets([(0, 0)]))
    district = pd.Series({"D0": "East", "D2": "West"})
    (row,) = find_blackspots(coverage, network, district).spots.itertuples()
    assert (row.setting, row.district, row.elderly_people) == ("rural", "East", 56)  # 302 people against 2 points
    (row,) = find_blackspots(coverage, network).spots.itertuples()
    assert pd.isna(row.district)
    twice = pd.Series(["East", "West"], index=["D0", "D0"])
    with pytest.raises(InputError, match="names 1 ids more than once, first 'D0'"):
        find_blackspots(coverage, network, twice)


def test_where_everybody_is_covered_there_is_a_table_without_rows() -> None:
    spots = found([(100, 0)], [600])
    assert spots.spots.empty
    assert list(spots.spots.columns) == [*BLACKSPOT_COLUMNS, "geometry"]
    assert spots.spots.crs == WGS84
    assert add_up(spots) == 0
    full = found([(2_000, 0)], [600]).spots
    assert (full.dtypes == spots.spots.dtypes).all()


@pytest.mark.parametrize("wrong", [{"min_people": -1.0}, {"min_people": NAN}, {"link_m": 0.0}, {"link_m": NAN}])
def test_options_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="|".join(wrong)):
        found([(2_000, 0)], [600], **wrong)


def plain(xy: NDArray[np.float64], people: NDArray[np.float64]) -> tuple[Coverage, Network]:
    """Return people of whom nobody is covered: no outlet is open."""
    demand = Demand(ids=range(len(xy)), xy=xy, population=people, crs=worlds.CRS)  # type: ignore[arg-type]
    network = worlds.line()
    closed = replace(worlds.outlets([(0, 0)]), open=np.array([False]))
    return measure_coverage(network, demand, closed), network


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_cells_belong_together_with_their_eight_neighbours(seed: int, share: float) -> None:
    draw = np.random.default_rng(seed)
    covered = draw.random((12, 12)) > share
    people = draw.integers(0, 50, (12, 12)).astype(float)
    row, column = np.mgrid[:12, :12]
    xy = np.column_stack([column.ravel() * 100.0, row.ravel() * -100.0]) + worlds.ORIGIN
    coverage, network = plain(xy, people.ravel())
    coverage = replace(coverage, covered=covered.ravel(), unreached=~covered.ravel())
    labels, _ = ndimage.label(~covered & (people > 0), structure=np.ones((3, 3)))
    expected = np.bincount(labels.ravel(), weights=people.ravel())[1:]
    spots = find_blackspots(coverage, network, min_people=200)
    assert spots.spots["people"].tolist() == sorted(expected[expected >= 200], reverse=True)
    assert spots.scattered_people == expected[expected < 200].sum()
    assert spots.scattered_clusters == (expected < 200).sum()
    assert add_up(spots) == coverage.uncovered_people
    assert spots.spots.geometry.is_valid.all()
    for spot in spots.spots.itertuples():
        assert shapely.contains_xy(spot.geometry, spot.lon, spot.lat)
        assert len(spot.geometry.geoms) == 1


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(20, 500))
def test_points_belong_together_along_chains_of_short_links(seed: int, n: int, link_m: float) -> None:
    draw = np.random.default_rng(seed)
    xy = draw.uniform(0, 1_500, (n, 2)) + worlds.ORIGIN
    people = draw.integers(1, 50, n).astype(float)
    coverage, network = plain(xy, people)
    spots = find_blackspots(coverage, network, min_people=0, link_m=link_m)
    here = coverage.demand.crs
    apart = distances(np.repeat(xy, n, axis=0), np.tile(xy, (n, 1)), here).reshape(n, n)
    cluster = np.arange(n)
    for _ in range(n):
        cluster = np.where(apart <= link_m, cluster[None, :], n).min(axis=1)
    expected = np.bincount(cluster, weights=people)
    if np.abs(apart - link_m).min() > 0.05:  # the local projection is right to some millimetres
        assert spots.spots["people"].tolist() == sorted(expected[expected > 0], reverse=True)
    assert add_up(spots) == people.sum()
    inside = transform(xy, here, WGS84)
    held = sum(int(shapely.contains_xy(shape, inside).sum()) for shape in spots.spots.geometry)
    assert held >= n


def test_the_sample_county_cell_by_cell(sample_study: Study) -> None:
    study = sample_study
    now = study.coverage()
    spots = find_blackspots(now, study.network, study.district)
    place = np.array([[int(part) for part in re.findall(r"\d+", str(i))] for i in now.demand.ids])
    people = np.where(now.covered, 0.0, now.demand.population)
    cells = np.zeros(place.max(axis=0) + 1)
    np.add.at(cells, tuple(place.T), people)
    labels, _ = ndimage.label(cells > 0, structure=np.ones((3, 3)))
    expected = np.bincount(labels.ravel(), weights=cells.ravel())[1:]
    assert spots.spots["people"].to_numpy() == pytest.approx(np.sort(expected[expected >= 500])[::-1])
    assert spots.scattered_clusters == (expected < 500).sum()
    assert add_up(spots) == pytest.approx(now.uncovered_people)
    assert set(spots.spots["action"]) <= set(ACTIONS)
    assert len(set(spots.spots["action"])) > 1
    assert set(spots.spots["district"]) <= set(study.district_names)
    best = spots.spots.iloc[0]
    banks = replace(now.sites, open=(now.sites.kind == "bank") & ~now.sites.open & ~now.sites.closed)
    other = measure_coverage(study.network, now.demand, banks, now.standard, now.walker)
    inside = shapely.contains_xy(best.geometry, transform(now.demand.xy, now.demand.crs, WGS84)) & ~now.covered
    assert best["bank_people"] == pytest.approx(now.demand.population[inside & other.covered].sum())
