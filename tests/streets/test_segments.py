"""The nearest line, against shapely's distance to every one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from accessibility.geo.arrays import locked
from accessibility.streets.search.segments import SegmentGrid

vertices = st.tuples(st.integers(0, 40), st.integers(0, 40))
World = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float, Any]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw lines, those that may be found and those that come later, places, and how large all of it is."""
    lines = draw(st.lists(st.lists(vertices, min_size=2, max_size=5), min_size=1, max_size=25))
    places = draw(st.lists(st.tuples(st.integers(-60, 100), st.integers(-60, 100)), min_size=1, max_size=25))
    scale, shift = draw(st.sampled_from([(1.0, 0.0), (90.0, 4e6), (90.0, 3.7)]))
    random = draw(st.randoms(use_true_random=False))
    xy = np.array([vertex for line in lines for vertex in line]) * scale + shift
    start = np.concatenate([[0], np.cumsum([len(line) for line in lines])])
    later = np.array([random.random() < 0.4 for _ in lines])
    rows = np.flatnonzero([row == 0 or random.random() < 0.8 for row in range(len(lines))])
    return xy, start, rows, later, np.array(places) * scale + shift, scale, random


@given(worlds())
def test_the_nearest_of_all_lines_is_found_and_ties_go_to_streets_then_to_the_lowest_row(world: World) -> None:
    xy, start, rows, later, here, _, _ = world
    here = np.concatenate([here, here[:3] * 1_000.0])  # far from everything, too
    line, metres, along, drawn = SegmentGrid.of(xy, start, np.isin(np.arange(len(later)), rows), later).nearest(here)
    shapes = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, xy, (start,))[rows]
    away = shapely.distance(np.asarray(shapely.points(here))[:, None], shapes[None, :])
    best = [rows[np.lexsort((rows, later[rows], row))[0]] for row in away]
    assert line.tolist() == best
    assert (metres == away.min(axis=1)).all()
    found = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, xy, (start,))[line]
    assert along.tolist() == shapely.line_locate_point(found, shapely.points(here)).tolist()
    assert drawn.tolist() == shapely.length(found).tolist()


def test_at_a_shared_end_a_line_that_is_not_later_goes_first_then_the_lowest() -> None:
    xy, start, here = np.array([(0, 0), (10, 0), (0, 0), (0, 10.0)]), np.array([0, 2, 4]), np.array([(-3.0, -3.0)])
    for later, first in (([0, 0], 0), ([1, 0], 1), ([0, 1], 0), ([1, 1], 0)):
        grid = SegmentGrid.of(xy, start, np.ones(2, np.bool_), np.array(later, np.bool_))
        assert grid.nearest(here)[0].tolist() == [first]
        assert grid.near(here, np.array([9.0]), 2)[0].tolist() == [[first, 1 - first]]


def test_a_wide_area_with_little_in_it_is_searched_by_blocks() -> None:
    rng = np.random.default_rng(4)
    first = np.concatenate([rng.uniform(0, 1_000, (2_000, 2)), [[9e5, 9e5]]])
    xy = np.stack([first, first + rng.normal(0, 30, first.shape)], axis=1).reshape(-1, 2)
    start = np.arange(0, len(xy) + 1, 2)
    grid = SegmentGrid.of(xy, start, np.ones(len(first), np.bool_), np.zeros(len(first), np.bool_))
    here = np.concatenate([rng.uniform(-1e6, 2e6, (300, 2)), rng.uniform(-100, 1_100, (300, 2))])
    line, metres, *_ = grid.nearest(here)
    tree = shapely.STRtree(shapely.from_ragged_array(shapely.GeometryType.LINESTRING, xy, (start,)))
    (_, found), away = tree.query_nearest(shapely.points(here), return_distance=True, all_matches=False)
    assert (metres == away).all()
    assert (line == found).mean() > 0.99  # ties at an end that several have


@given(worlds())
def test_the_nearest_lines_within_a_distance_are_those_that_shapely_finds_to_the_last_bit(world: World) -> None:
    xy, start, rows, later, here, scale, random = world
    within = np.array([random.choice([0.0, 3.0, 25.0, 1e9]) for _ in here]) * scale
    kept = np.isin(np.arange(len(later)), rows)
    line, metres, along, _ = SegmentGrid.of(xy, start, kept, later).near(here, within, 3)
    shapes = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, xy, (start,))
    points = np.asarray(shapely.points(here))
    away = shapely.distance(points[:, None], shapes[rows][None, :])
    for at in range(len(here)):
        order = np.lexsort((rows, later[rows], away[at]))
        best = order[away[at][order] <= within[at]][:3]
        none = 3 - len(best)
        assert line[at].tolist() == [*rows[best], *[-1] * none]
        assert metres[at].tolist() == [*away[at][best], *[np.inf] * none]
        there = shapely.line_locate_point(shapes[rows[best]], points[at])
        assert along[at].tolist() == [*there, *[0.0] * none]


@given(worlds())
def test_straight_lines_between_places_are_found_as_lines_with_vertices_of_their_own(world: World) -> None:
    xy, start, rows, later, here, scale, random = world
    ends = locked(np.array([(first, random.randrange(len(xy))) for first in start[:-1]], np.int32))
    kept = np.isin(np.arange(len(later)), rows)
    xy, later, by_two = locked(xy), locked(later), locked(np.arange(0, 2 * len(ends) + 1, 2))
    straight = SegmentGrid.straight(xy, ends, kept, later)
    drawn = SegmentGrid.of(locked(xy[ends.ravel()]), by_two, kept, later)
    within = np.full(len(here), 25.0 * scale)
    for one, other in zip(straight.nearest(here), drawn.nearest(here), strict=True):
        assert one.tolist() == other.tolist()
    for one, other in zip(straight.near(here, within, 3), drawn.near(here, within, 3), strict=True):
        assert one.tolist() == other.tolist()
