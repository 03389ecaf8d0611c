"""Generated candidates: whoever any place could cover is covered, and none stands where no counter can."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely
from worlds import CRS, ORIGIN, line, network, outlets, people, two_islands

from accessibility import Sites, Standard, Walker, measure_coverage
from accessibility.errors import InputError
from accessibility.streets.snapping import snap_points
from accessibility.study.candidates import propose_candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility import Demand, Network, Study
    from accessibility.measures.coverage import Coverage


def box(west: float, south: float, east: float, north: float) -> gpd.GeoSeries:
    x, y = ORIGIN
    return gpd.GeoSeries([shapely.box(x + west, y + south, x + east, y + north)], crs=CRS)


def places_along(streets: Network, step_m: float, area: gpd.GeoSeries | None = None) -> NDArray[np.float64]:
    """Return a place every few metres of all streets, where a counter that is put there may stand and does."""
    lines = streets.lines()[~streets.off_ground & ~streets.private]
    every = shapely.get_coordinates(shapely.segmentize(lines, step_m))
    found = snap_points(streets, every, np.inf, public=True)
    fits = found.leg_m <= 0.01
    if area is not None:
        fits &= shapely.intersects_xy(area.to_crs(streets.crs).union_all(), *every.T)
    return every[fits]


def covered_from(today: Coverage, streets: Network, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return who is covered when a counter opens at each of some places."""
    sites = Sites(ids=np.arange(len(xy)).astype(object), xy=xy, crs=streets.crs)
    return measure_coverage(streets, today.demand, sites, today.standard, today.walker).covered


def propose(
    streets: Network, today: Coverage, area: gpd.GeoSeries | None = None, spacing_m: float | None = None
) -> Sites:
    """Return candidates, once everything has been checked that always holds."""
    found = propose_candidates(streets, today, area=area, spacing_m=spacing_m)
    assert (found.kind == "new").all()
    assert not found.open.any()
    assert len(set(found.ids) | set(today.sites.ids)) == len(found) + len(today.sites)
    stands = snap_points(streets, found.xy, np.inf, public=True)
    assert (stands.leg_m <= 0.01).all()
    assert not (streets.private | streets.off_ground)[stands.edge].any()
    if area is not None:
        assert shapely.intersects_xy(area.to_crs(streets.crs).union_all(), *found.xy.T).all()
    possible = covered_from(today, streets, places_along(streets, 7.0, area)) & ~today.covered
    possible &= today.demand.population > 0
    reached = covered_from(today, streets, found.xy)
    assert not (possible & ~reached).any()
    people = today.demand.population * ~today.covered
    each = [people[covered_from(today, streets, xy[None])].sum() for xy in found.xy]
    assert all(count > 0 for count in each)
    assert each == sorted(each, reverse=True)
    return found


def random_town(seed: int) -> tuple[Network, Demand]:
    """Return a lattice with gaps, one-way streets, gated corners, bridges, and a street apart; people about it."""
    random = np.random.default_rng(seed)
    k, step = 7, 300.0
    nodes = [(step * i + random.normal(0, 30), step * j + random.normal(0, 30)) for i in range(k) for j in range(k)]
    edges = [
        (a * k + b, c * k + d) for a in range(k) for b in range(k) for c, d in ((a + 1, b), (a, b + 1)) if c < k > d
    ]
    edges = [edge for edge in edges if random.random() < 0.75]
    nodes += [(4_000.0, 0.0), (4_000.0, 900.0)]
    edges.append((k * k, k * k + 1))
    m = len(edges)
    streets = network(nodes, edges, oneway=(random.random(m) < 0.1).tolist())
    streets = replace(streets, private=random.random(m) < 0.15, off_ground=random.random(m) < 0.1)
    n = 60
    at = random.random((n, 2)) * [4_400, 2_200] - [200, 200]
    setting = random.choice(["urban", "town", "rural"], n).tolist()
    return streets, people(list(map(tuple, at.tolist())), random.integers(0, 5, n).tolist(), setting)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("preset", ["policy", "radius"])
def test_whoever_a_place_could_cover_is_covered(seed: int, preset: str) -> None:
    streets, demand = random_town(seed)
    standard = Standard.presets[preset].changed(urban=f"{300 + 60 * seed} s")
    standard = standard.changed(rural=replace(standard.rural, limit=1_000))
    today = measure_coverage(streets, demand, outlets([(600, 600)]), standard, Walker(open_compounds=False))
    area = box(-100, -100, 2_500, 1_450) if seed % 2 else None
    assert len(propose(streets, today, area)) > 0


def test_spacing_follows_the_rule_of_the_people() -> None:
    streets = line(6_000)
    at = [(float(x), 10.0) for x in range(0, 6_001, 50)]
    nobody = outlets([])
    city = measure_coverage(streets, people(at), nobody)
    village = measure_coverage(streets, people(at, setting="rural"), nobody)
    for today, apart in ((city, 180.0), (village, 1_000.0)):
        found = propose(streets, today)
        gaps = np.diff(np.sort(found.xy[:, 0]))
        assert apart <= gaps.min() <= gaps.max() <= 3 * apart
    given = propose(streets, city, spacing_m=700)
    assert np.diff(np.sort(given.xy[:, 0])).min() >= 700


def test_streets_that_part_neighbours_get_a_candidate_each() -> None:
    # A river between two streets 100 m apart, and the only way over it 2 km away.
    streets = network([(0, 0), (2_000, 0), (2_000, 100), (0, 100)], [(0, 1), (1, 2), (2, 3)])
    today = measure_coverage(streets, people([(0, 0), (0, 100)], [5, 3]), outlets([]))
    found = propose(streets, today)
    assert (found.xy - ORIGIN).tolist() == [[0, 0], [0, 100]]
    assert found.ids.tolist() == ["N001", "N002"]


def test_residents_of_a_compound_get_a_counter_at_the_gate() -> None:
    streets = replace(network([(0, 0), (400, 0), (400, 300)], [(0, 1), (1, 2)]), private=np.array([False, True]))
    today = measure_coverage(streets, people([(400, 290)]), outlets([]))
    found = propose(streets, today)
    assert np.allclose(found.xy - ORIGIN, [[400, 0]])


def test_who_lives_beside_a_border_is_served_from_within() -> None:
    # The home is inside the area, its street is outside and comes in at x = 1000.
    streets = network([(0, 0), (2_000, 0)], [(0, 1)])
    x, y = ORIGIN
    area = gpd.GeoSeries([shapely.box(x + 1_000, y - 500, x + 2_000, y + 500)], crs=CRS)
    today = measure_coverage(streets, people([(700, 5)]), outlets([]))
    found = propose(streets, today, area)
    assert np.allclose(found.xy - ORIGIN, [[1_000, 0]], atol=0.05)
    assert (found.xy[:, 0] >= x + 1_000).all()


def test_a_radius_reaches_people_far_from_every_street() -> None:
    streets = line(6_000)
    today = measure_coverage(
        streets, people([(2_500, 3_000)], setting="rural"), outlets([]), Standard.presets["radius"]
    )
    assert today.snapped.demand.edge.tolist() == [-1]
    found = propose(streets, today)
    assert np.allclose(found.xy - ORIGIN, [[2_500, 0]])
    afar = measure_coverage(streets, people([(2_500, 5_100)], setting="rural"), outlets([]), Standard.presets["radius"])
    assert len(propose(streets, afar)) == 0


def test_a_bridge_and_an_island() -> None:
    streets = two_islands()
    bridge = replace(streets, off_ground=np.array([False, True]))
    today = measure_coverage(streets, people([(500, 0), (6_500, 0)]), outlets([]))
    assert len(propose(streets, today)) == 2
    today = measure_coverage(bridge, people([(500, 0), (6_500, 0)]), outlets([]))
    assert (propose(bridge, today).xy - ORIGIN).tolist() == [[500, 0]]


def test_nobody_to_cover_is_no_candidate() -> None:
    streets = line()
    for demand in (people([]), people([(100, 0)]), people([(3_000, 0)], [0]), people([(3_000, 90_000)])):
        today = measure_coverage(streets, demand, outlets([(0, 0)]))
        assert len(propose(streets, today)) == 0
    unplaced = replace(people([(3_000, 0), (0, 0)]), xy=np.array([[np.nan, np.nan], ORIGIN + np.array([5_000, 0])]))
    today = measure_coverage(streets, unplaced, outlets([(0, 0)]))
    assert (propose(streets, today).xy - ORIGIN).tolist() == [[5_000, 0]]
    far = box(90_000, 0, 91_000, 1_000)
    assert len(propose(streets, today, far)) == 0


def test_ids_in_use_are_left_out() -> None:
    streets = line(6_000)
    today = measure_coverage(
        streets, people([(1_000, 0), (5_000, 0)]), replace(outlets([(0, 0)]), ids=np.array(["N002"], dtype=object))
    )
    found = propose_candidates(streets, today, taken=["N001"])
    assert found.ids.tolist() == ["N003", "N004"][: len(found)]
    again = propose_candidates(streets, today, taken=["N001"])
    assert (found.xy == again.xy).all()
    assert len(today.sites + found) == 1 + len(found)


@pytest.mark.parametrize("spacing_m", [0, -1, float("nan"), float("inf")])
def test_a_spacing_that_is_none_is_refused(spacing_m: float) -> None:
    today = measure_coverage(line(), people([(3_000, 0)]), outlets([]))
    with pytest.raises(InputError, match="spacing_m is"):
        propose_candidates(line(), today, spacing_m=spacing_m)


def test_an_area_without_a_coordinate_system_is_refused() -> None:
    today = measure_coverage(line(), people([(3_000, 0)]), outlets([]))
    with pytest.raises(InputError, match="no coordinate system"):
        propose_candidates(line(), today, area=gpd.GeoSeries([shapely.box(0, 0, 1, 1)]))


def test_the_sample_county_gets_a_hundred_or_two(sample_study: Study) -> None:
    study = sample_study
    today = study.coverage()
    assert study.districts is not None
    found = propose_candidates(study.network, today, area=study.districts)
    assert 50 <= len(found) <= 300
    outside = ~gpd.GeoSeries(shapely.points(found.xy), crs=found.crs).to_crs(4326).intersects(
        study.districts.union_all()
    )
    assert not outside.any()
    every = places_along(study.network, 100.0, study.districts.geometry)
    possible = covered_from(today, study.network, every) & ~today.covered & (today.demand.population > 0)
    assert possible.sum() > 1_000
    assert not (possible & ~covered_from(today, study.network, found.xy)).any()
