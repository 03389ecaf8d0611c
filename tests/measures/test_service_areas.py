"""Service areas, against towns done by hand and the ways that networkx finds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
import worlds
from cutworlds import ways
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from scipy.spatial import cKDTree

from accessibility import (
    Demand,
    InputError,
    Network,
    Rule,
    Sites,
    Standard,
    UnknownSiteError,
    Walker,
    measure_coverage,
)
from accessibility.geo.projection import WGS84, transform
from accessibility.measures.contours import interpolate
from accessibility.measures.service_areas import SIDE_M, standard_bands, trace_service_areas
from accessibility.standards import SETTINGS
from accessibility.streets.snapping import Positions

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility import Study

NOBODY = worlds.people([])


def areas(network: Network, sites: Sites, bands: list[Rule], **options: Any) -> gpd.GeoDataFrame:
    """Return the exact service areas of some sites in metres from the worlds' origin."""
    found = trace_service_areas(measure_coverage(network, NOBODY, sites), network, bands, **{"exact": True} | options)
    assert found.crs == WGS84
    here = found.to_crs(worlds.CRS)
    return here.set_geometry(here.geometry.translate(*-worlds.ORIGIN))


def inside(area: Any, *points: tuple[float, float]) -> list[bool]:
    return [bool(area.contains(shapely.Point(point))) for point in points]


def test_a_street_is_as_wide_as_both_sides_round_at_the_site_and_square_at_the_cut() -> None:
    (five,) = areas(worlds.line(), worlds.outlets([(0, 0)]), [Rule.walk(5)]).geometry
    corners = [(299.9, 0), (299.9, 29.9), (299.9, -29.9), (-29.7, 0)]
    assert inside(five, *corners) == [True] * 4
    assert inside(five, (300.1, 0), (300.1, 20), (100, 30.1), (-30.1, 0), (-25, 25)) == [False] * 5
    half_circle = 16 * np.sin(np.pi / 16) / 2 * 30**2  # of the corner of 16 vertices a half turn
    assert five.area == pytest.approx(300 * 60 + half_circle, abs=1)


def test_the_access_leg_of_an_outlet_is_walked_and_drawn() -> None:
    # 200 m from the street: 260 s of 900 go to the leg, 640 m along the street are left.
    (area,) = areas(worlds.line(), worlds.outlets([(3_000, 200)]), [Rule.walk(15)]).geometry
    assert inside(area, (3_000, 200), (3_000, 229), (3_000, 100), (3_639.9, 0), (2_360.1, 0)) == [True] * 5
    assert inside(area, (3_640.1, 0), (2_359.9, 0), (3_100, 100)) == [False] * 3


def test_where_the_leg_is_longer_than_the_limit_only_the_way_towards_the_street_is_left() -> None:
    # 500 m are 650 s; in 300 s one comes 300 / 1.3 = 230.8 m near.
    (area,) = areas(worlds.line(), worlds.outlets([(3_000, 500)]), [Rule.walk(5)]).geometry
    assert inside(area, (3_000, 500), (3_000, 269.5)) == [True, True]
    assert inside(area, (3_000, 269), (3_000, 0)) == [False, False]


def test_a_junction_is_rounded_no_farther_than_the_limit_leaves() -> None:
    # The limit ends 5 m beyond the junction at 1 000 m, where a side street begins.
    town = worlds.network([(0, 0), (1_000, 0), (2_000, 0), (1_000, 500)], [(0, 1), (1, 2), (1, 3)])
    (area,) = areas(town, worlds.outlets([(0, 0)]), [Rule.distance(1.005)]).geometry
    assert inside(area, (1_004.9, 0), (1_000, 4.9), (1_004.9, 20)) == [True] * 3
    assert inside(area, (1_005.1, 0), (1_007, 25)) == [False] * 2
    assert area.bounds[2] == pytest.approx(1_030, abs=0.1)  # the side street of 5 m has its sides, too


def test_a_block_between_streets_is_a_hole() -> None:
    block = worlds.network([(0, 0), (400, 0), (400, 400), (0, 400)], [(0, 1), (1, 2), (2, 3), (3, 0)])
    (area,) = areas(block, worlds.outlets([(0, 0)]), [Rule.walk(30)]).geometry
    (polygon,) = area.geoms
    (hole,) = polygon.interiors
    assert shapely.Polygon(hole).area == pytest.approx(340**2, rel=1e-3)
    assert inside(area, (200, 200)) == [False]
    (wide,) = areas(block, worlds.outlets([(0, 0)]), [Rule.walk(30)], side_m=201).geometry
    assert len(wide.geoms[0].interiors) == 0


def test_the_middle_between_two_outlets_is_left_out_until_the_limit_closes_it() -> None:
    at_both_ends = worlds.outlets([(0, 0), (6_000, 0)])
    apart, closed = areas(worlds.line(), at_both_ends, [Rule.distance(2), Rule.distance(3)]).geometry
    assert len(apart.geoms) == 2
    assert inside(apart, (1_999.9, 0), (2_000.1, 0), (3_999.9, 0), (4_000.1, 0)) == [True, False, False, True]
    assert len(closed.geoms) == 1


def test_an_island_without_an_outlet_has_no_area() -> None:
    (area,) = areas(worlds.two_islands(), worlds.outlets([(0, 0)]), [Rule.distance(50)]).geometry
    assert area.bounds[2] == pytest.approx(1_030, abs=0.1)


def test_who_may_not_walk_back_is_outside_but_for_the_sides_of_other_streets() -> None:
    square = worlds.one_way_square()
    (area,) = areas(square, worlds.outlets([(100, 0)]), [Rule.distance(0.15)], side_m=5.0).geometry
    assert inside(area, (1, 0), (0, 49), (99, 0)) == [True] * 3  # straight, and round the corner
    assert inside(area, (0, 51), (100, 6), (50, 100)) == [False] * 3  # too far; from there one walks all round


def test_a_hill_is_cut_nearer_for_those_who_climb() -> None:
    base = worlds.line(2_000, 1)
    hill = Network(
        node_xy=base.node_xy,
        edges=base.edges,
        length_m=base.length_m,
        slope_factor=[(2.0, 1.0)],  # type: ignore[arg-type]  # to the east people climb
        crs=base.crs,
    )
    (area,) = areas(hill, worlds.outlets([(1_000, 0)]), [Rule.walk(10)]).geometry
    assert inside(area, (700.1, 0), (699.9, 0), (1_599.9, 0), (1_600.1, 0)) == [True, False, True, False]


def test_a_cut_beside_a_bend_takes_nothing_from_the_street() -> None:
    # A hairpin whose arms are 20 m apart, closer than the sides are wide; the limit ends beside its first arm.
    hairpin = Network(
        node_xy=np.array([(0, 0), (0, 20)]) + worlds.ORIGIN,
        edges=[(0, 1)],  # type: ignore[arg-type]
        length_m=[220],  # type: ignore[arg-type]
        shape_xy=np.array([(0, 0), (100, 0), (100, 20), (0, 20)]) + worlds.ORIGIN,
        shape_start=[0, 4],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    (area,) = areas(hairpin, worlds.outlets([(0, 0)]), [Rule.distance(0.14)]).geometry
    along = [(float(x), 0.0) for x in range(0, 101, 5)] + [(100.0, 10.0), (100.0, 20.0), (80.1, 20.0)]
    assert inside(area, *along) == [True] * len(along)
    assert inside(area, (129, 10), (79, 31), (100, 49)) == [True, False, True]


def test_a_bend_is_rounded_no_farther_than_the_cut() -> None:
    # The street bends after 50 m and is cut 5 m later; from its other end, 295 m are left out.
    bent = Network(
        node_xy=np.array([(0, 0), (50, 300)]) + worlds.ORIGIN,
        edges=[(0, 1)],  # type: ignore[arg-type]
        length_m=[350],  # type: ignore[arg-type]
        shape_xy=np.array([(0, 0), (50, 0), (50, 300)]) + worlds.ORIGIN,
        shape_start=[0, 3],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    (area,) = areas(bent, worlds.outlets([(0, 0), (50, 300)]), [Rule.distance(0.055)]).geometry
    assert inside(area, (50, 4.9), (79, 4.9), (53, -3)) == [True] * 3
    assert inside(area, (50.5, 5.1), (57, 8), (55, -5), (50.5, 244)) == [False] * 4


def test_a_slower_walker_has_a_smaller_area_and_the_same_distances() -> None:
    bands = [Rule.walk(10), Rule.distance(2)]
    slow = measure_coverage(worlds.line(), NOBODY, worlds.outlets([(0, 0)]), None, Walker(speed_m_s=0.8))
    found = trace_service_areas(slow, worlds.line(), bands).to_crs(worlds.CRS)
    assert (found.bounds["maxx"] - worlds.ORIGIN[0]).round(1).tolist() == [480.0, 2_000.0]


def test_a_radius_is_a_geodesic_circle_whatever_the_streets_do() -> None:
    far_off = worlds.outlets([(0, 50_000)])  # beyond the snap limit: it serves nobody on foot
    coverage = measure_coverage(worlds.line(), NOBODY, far_off)
    radius = Rule.distance(5, along="radius")
    walk, circle = trace_service_areas(coverage, worlds.line(), [Rule.walk(15), radius]).itertuples()
    assert walk.geometry.is_empty
    assert walk.sites == 0
    assert circle.sites == 1
    lonlat = transform(far_off.xy, far_off.crs, WGS84)[0]
    ring = shapely.get_coordinates(circle.geometry)
    metres = Geod(ellps="WGS84").inv(*np.broadcast_to(lonlat, ring.shape).T, *ring.T)[2]
    assert metres == pytest.approx(np.full(len(ring), 5_000.0), abs=0.02)
    assert shapely.get_coordinates(circle.geometry).shape[0] == 257


def test_without_outlets_there_are_rows_without_area() -> None:
    shut = replace(worlds.outlets([(0, 0)]), open=np.array([False]))
    bands = [*standard_bands(Standard()), Rule.distance(5, along="radius")]
    found = trace_service_areas(measure_coverage(worlds.line(), NOBODY, shut), worlds.line(), bands)
    assert found.geometry.is_empty.all()
    assert set(found.geom_type) == {"MultiPolygon"}
    assert (found["sites"] == 0).all()


def test_rows_tell_the_limit_shorter_before_longer() -> None:
    bands = [Rule.walk(15), Rule.distance(5), Rule.walk(7.5)]
    found = areas(worlds.line(), worlds.outlets([(0, 0), (500, 0)]), bands)
    assert found["rule"].tolist() == ["7.5-minute walk", "15-minute walk", "5 km along the network"]
    assert found["measure"].tolist() == ["walk", "walk", "network"]
    assert found["minutes"].tolist()[:2] == [7.5, 15.0]
    assert found["kilometres"].tolist()[2] == 5.0
    assert found[["minutes", "kilometres"]].isna().to_numpy().sum() == 3
    assert found["sites"].tolist() == [2, 2, 2]


def test_some_outlets_alone() -> None:
    sites = worlds.outlets([(0, 0), (6_000, 0)])
    whole = areas(worlds.line(), sites, [Rule.walk(5)]).geometry[0]
    first, second = (areas(worlds.line(), sites, [Rule.walk(5)], only=[site]).geometry[0] for site in ("O0", "O1"))
    assert first.union(second).symmetric_difference(whole).area < 1
    assert first.intersection(second).is_empty
    with pytest.raises(UnknownSiteError, match="'O9'"):
        areas(worlds.line(), sites, [Rule.walk(5)], only=["O9"])
    shut = replace(sites, open=np.array([True, False]))
    with pytest.raises(InputError, match=r"1 of 2 sites to draw do not count today, first \['O1'\]"):
        areas(worlds.line(), shut, [Rule.walk(5)], only=["O0", "O1"])


@pytest.mark.parametrize("side_m", [0, -1, float("nan"), float("inf")])
def test_sides_are_positive_metres(side_m: float) -> None:
    with pytest.raises(InputError, match="side_m is"):
        areas(worlds.line(), worlds.outlets([(0, 0)]), [Rule.walk(5)], side_m=side_m)


def test_limits_are_there_and_each_once() -> None:
    for bands in ([], [Rule.walk(5), Rule.walk(5)]):
        with pytest.raises(InputError, match="one limit or more, each once"):
            areas(worlds.line(), worlds.outlets([(0, 0)]), bands)


def test_the_usual_limits_and_those_of_the_standard_are_drawn() -> None:
    def texts(standard: Standard) -> list[str]:
        return [rule.text for rule in standard_bands(standard)]

    walks = ["5-minute walk", "10-minute walk", "15-minute walk"]
    assert texts(Standard()) == [*walks, "2 km along the network", "5 km along the network"]
    assert texts(Standard.presets["radius"]) == [*walks, "2 km in a straight line", "5 km in a straight line"]
    other = Standard(urban=Rule.walk(12), rural=Rule.walk(40))
    assert texts(other) == [f"{n}-minute walk" for n in (4, 8, 12, 16, 24, 40)]


@st.composite
def towns(draw: st.DrawFn) -> tuple[Network, Sites, list[float]]:
    """Draw straight streets, some one-way, some private, with one to three outlets near them, and two limits in km."""
    nodes = draw(st.integers(2, 7))
    at = st.tuples(st.integers(0, 12), st.integers(0, 12))
    xy = np.array(draw(st.lists(at, min_size=nodes, max_size=nodes, unique=True)), float) * 100.0
    ends = st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)).filter(lambda pair: pair[0] != pair[1])
    edges = np.array(draw(st.lists(ends, min_size=1, max_size=8)), np.int32)
    m = len(edges)
    flags = [draw(st.lists(st.booleans(), min_size=m, max_size=m)) for _ in range(2)]
    flags[1][0] = False  # one public street at least
    network = Network(
        node_xy=xy + worlds.ORIGIN,
        edges=edges,
        length_m=np.hypot(*(xy[edges[:, 0]] - xy[edges[:, 1]]).T),
        oneway=flags[0],  # type: ignore[arg-type]
        private=flags[1],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    sites = draw(st.lists(st.tuples(st.integers(0, 1_200), st.integers(0, 1_200)), min_size=1, max_size=3))
    short = draw(st.integers(0, 800))
    return network, worlds.outlets(sites), [short / 1_000 + 0.001, (short + draw(st.integers(1, 800))) / 1_000 + 0.001]


def places_on(network: Network, edge: int, places: tuple[float, ...]) -> NDArray[np.object_]:
    return np.asarray(shapely.line_interpolate_point(network.lines()[edge], places, normalized=True))


@settings(max_examples=25)
@given(towns())
def test_areas_hold_exactly_the_streets_within_their_limit(town: tuple[Network, Sites, list[float]]) -> None:
    network, sites, limits = town
    places = tuple(np.linspace(0, 1, 41).tolist())
    coverage = measure_coverage(network, NOBODY, sites)
    at = coverage.snapped.sites
    standing = zip(at.edge.tolist(), at.fraction.tolist(), (at.leg_m * 100).tolist(), strict=True)
    found = ways(network, [site for site in standing if site[0] >= 0], places)
    lines = np.concatenate([places_on(network, e, places) for e in range(len(network.edges))])
    way_m = np.array(list(found.values())) / 100
    bands = [Rule.distance(km) for km in limits]
    traced = trace_service_areas(coverage, network, bands, exact=True).to_crs(network.crs).geometry.to_numpy()
    legs = shapely.linestrings(np.stack([sites.xy, coordinates(snapped(network, at))], axis=1))
    for rule, area in zip(bands, traced, strict=True):
        assert shapely.is_valid(area)
        assert shapely.covers(area, shapely.points(sites.xy)).all()
        reached = way_m <= rule.limit - 0.02  # borders are right to a centimetre
        assert shapely.covers(area, lines[reached]).all()
        # What is not reached is outside, unless it lies beside a place that is: a sample step and a side away.
        step = network.length_m.max() / 40
        near = shapely.union_all(np.concatenate([lines[reached], np.asarray(legs, dtype=object)]))
        beside = shapely.distance(lines, near) <= SIDE_M + step + 0.1
        assert not shapely.covers(area, lines[(way_m > rule.limit + 0.1) & ~beside]).any()


def snapped(network: Network, at: Any) -> NDArray[np.object_]:
    return np.asarray(shapely.line_interpolate_point(network.lines()[at.edge], at.fraction, normalized=True))


@pytest.mark.parametrize("exact", [False, True])
@settings(max_examples=25)
@given(town=towns())
def test_the_longer_limit_covers_the_shorter_to_the_last_digit(
    town: tuple[Network, Sites, list[float]],
    exact: bool,  # noqa: FBT001
) -> None:
    network, sites, limits = town
    coverage = measure_coverage(network, NOBODY, sites)
    bands = [*(Rule.distance(km) for km in limits), *(Rule.walk(km * 15) for km in limits)]
    found = trace_service_areas(coverage, network, bands, exact=exact).geometry
    assert found[1].covers(found[0])
    assert found[3].covers(found[2])
    again = trace_service_areas(coverage, network, bands[::-1], exact=exact).geometry
    assert again.geom_equals_exact(found[[2, 3, 0, 1]].reset_index(drop=True), 0).all()


@pytest.mark.parametrize("seed", range(1, 4))
def test_rings_of_few_vertices_are_nested_too(seed: int) -> None:
    # Where a small ring ran along a larger one, one kept its vertices and the other did not.
    rng = np.random.default_rng(seed)
    for _ in range(15):
        xy = rng.integers(0, 13, (6, 2)) * rng.uniform(5.0, 60.0)
        edges = np.column_stack([np.arange(5), np.arange(1, 6)])
        length = np.maximum(np.hypot(*(xy[1:] - xy[:-1]).T), 1.0)
        network = Network(node_xy=xy + worlds.ORIGIN, edges=edges, length_m=length, crs=worlds.CRS)  # type: ignore[arg-type]
        sites = worlds.outlets((xy[:3] + rng.uniform(-30, 30, (3, 2))).tolist())
        metres = np.unique(rng.integers(1, 30, 4))
        found = trace_service_areas(
            measure_coverage(network, NOBODY, sites), network, [Rule.distance(m / 1_000) for m in metres], side_m=80.0
        ).geometry
        assert found.is_valid.all()
        assert all(longer.covers(shorter) for shorter, longer in pairwise(found))


def test_a_face_with_a_sliver_beyond_a_border_is_on_the_side_of_its_greater_part() -> None:
    # A point of the face between both limits stood on a sliver inside the shorter one: both areas were the longer.
    road = worlds.network([(300, 0), (0, 900)], [(0, 1)])
    now = measure_coverage(road, NOBODY, worlds.outlets([(0, 0), (349, 446)]))
    bands = [Rule.distance(km) for km in (0.459, 0.7)]
    shorter, longer = trace_service_areas(now, road, bands, side_m=30.0, exact=True).to_crs(worlds.CRS).geometry
    assert longer.area - shorter.area == pytest.approx(241 * 60, rel=0.001)  # a strip of 60 m, 241 m farther


def test_a_stroke_of_no_length_on_a_row_of_the_grid_draws_nothing() -> None:
    # A metre along the road and half a circle around its end; whatever begins and ends there is 5 m wide and not long.
    road = worlds.network([(0, 0), (0, 100)], [(0, 1)])
    now = measure_coverage(road, NOBODY, worlds.outlets([(0, 0)]))
    (area,) = trace_service_areas(now, road, [Rule.distance(0.001)], side_m=5.0).to_crs(worlds.CRS).geometry
    low, high = (np.array(area.bounds)[[1, 3]] - worlds.ORIGIN[1]).tolist()
    assert -1.5 < low < -0.5
    assert 0.5 < high < 1.5


@settings(max_examples=25)
@given(towns(), st.sampled_from([5.0, 30.0, 80.0]))
def test_areas_are_a_cell_from_the_exact_ones_at_most(town: tuple[Network, Sites, list[float]], side_m: float) -> None:
    network, sites, limits = town
    coverage = measure_coverage(network, NOBODY, sites)
    bands = [Rule.distance(km) for km in limits]
    near, true = (
        trace_service_areas(coverage, network, bands, side_m=side_m, exact=exact).to_crs(network.crs).geometry
        for exact in (False, True)
    )
    assert near.is_valid.all()
    for rule, drawn, area in zip(bands, near, true, strict=True):
        assert shapely.covers(drawn, shapely.points(sites.xy)).all()
        # A site is in a triangle of the grid, however near the limit is, and a limit below a few cells has their shape.
        cell_m = side_m / 5 * (1.0 if rule.limit > side_m / 2 else 2.0)
        assert area.buffer(cell_m).covers(drawn)
        assert area.buffer(-cell_m).difference(drawn).is_empty


def test_along_a_street_the_limit_is_right_to_a_decimetre_and_its_sides_too() -> None:
    line = worlds.line(2_000, 6)
    turn = np.array([(np.cos(a), np.sin(a)) for a in np.linspace(0.0, 2.0, 9)])
    for east, north in turn:
        xy = (line.node_xy - worlds.ORIGIN) @ np.array([(east, north), (-north, east)]) + worlds.ORIGIN
        road = Network(node_xy=xy, edges=line.edges, length_m=line.length_m, crs=line.crs)
        (area,) = areas(road, worlds.outlets([(0, 0)]), [Rule.distance(1.4)], exact=False).geometry
        back = shapely.affinity.affine_transform(area, [east, north, -north, east, 0, 0])
        axis = shapely.intersection(back, shapely.LineString([(0, 0), (2_000, 0)]))
        assert axis.bounds[2] == pytest.approx(1_400, abs=0.1)
        cross = shapely.intersection(back, shapely.LineString([(700, -100), (700, 100)]))
        assert cross.bounds[1::2] == pytest.approx((-30, 30), abs=0.35)


def assert_agreement(study: Study) -> None:
    """Hold people and a place every ten metres of street to the polygon of each rule: inside where they are within."""
    now, network, step_m = study.coverage(), study.network, 10.0
    rules = {now.standard.rule(setting): setting for setting in SETTINGS}
    cell_m = SIDE_M / 5
    found = trace_service_areas(now, network, list(rules))
    area = dict(zip(found["rule"], found.to_crs(network.crs).geometry, strict=True))
    homes = snapped(network, now.snapped.demand)
    outlets = now.sites.open & now.snapped.sites.snapped
    stands = transform(now.sites.xy, now.sites.crs, network.crs)[outlets]
    legs = shapely.linestrings(np.stack([stands, coordinates(snapped(network, now.snapped.sites))[outlets]], axis=1))
    pieces = np.maximum(np.ceil(network.length_m / step_m), 1).astype(int)
    edge = np.repeat(np.arange(len(pieces)), pieces + 1)
    fraction = np.concatenate([np.linspace(0, 1, k + 1) for k in pieces])
    standing = Positions(edge=edge, fraction=fraction, leg_m=np.zeros(len(edge)))  # type: ignore[arg-type]
    place = snapped(network, standing)
    for rule in rules:
        shape = area[rule.text]
        shapely.prepare(shape)
        here = np.isin(now.demand.setting, [s for s in SETTINGS if now.standard.rule(s) == rule])
        assert shapely.dwithin(shape, homes[here & now.covered], cell_m).all()
        assert shapely.covers(shape, shapely.points(stands)).all()
        everywhere = Demand(ids=range(len(edge)), xy=coordinates(place), population=np.ones(len(edge)), crs=network.crs)  # type: ignore[arg-type]
        streets = replace(now.snapped, demand=standing)
        standard = Standard(urban=rule, rural=rule)
        within = measure_coverage(network, everywhere, now.sites, standard, now.walker, streets).covered
        assert 0 < within.sum() < len(within)
        assert shapely.dwithin(shape, place[within], cell_m).all()
        assert shapely.covers(shape, place[within]).mean() > 0.998
        near = coordinates(np.concatenate([place[within], shapely.segmentize(legs, step_m)]))
        beside = cKDTree(near).query(coordinates(place))[0] <= SIDE_M + step_m + cell_m
        assert not shapely.covers(shape, place[~within & ~beside]).any()
        # Few streets that are too far run beside one that is not.
        assert shapely.covers(shape, place[~within]).mean() < 0.05


def coordinates(points: NDArray[np.object_]) -> NDArray[np.float64]:
    return np.asarray(shapely.get_coordinates(points))


def test_the_sample_county_street_by_street(sample_study: Study) -> None:
    assert_agreement(sample_study)


def test_between_the_nodes_of_a_lattice_lies_what_a_cubic_says() -> None:
    def surface(x: Any, y: Any) -> Any:
        return np.stack([x**3 - 2 * x * y + y, x * y**3 + y**2], axis=-1)

    at = np.random.default_rng(1).uniform(1, 4, (50, 2))
    known = surface(*np.meshgrid(np.arange(6.0), np.arange(7.0)))
    assert interpolate(at, known) == pytest.approx(surface(*at.T), rel=1e-12)
