"""Squares are walked across: from entrance to entrance, and never out of them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from osmfiles import node, relation, way, write_osm

from accessibility.geo.projection import WGS84, transform
from accessibility.sources.osm import squares
from accessibility.sources.osm.extracts import read_network
from accessibility.sources.osm.squares import lines_across
from accessibility.streets.snapping import snap_points

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.streets.network import Network

LON, LAT = 108.2, 30.5
EAST, NORTH = 95_997.0, 110_862.0  # metres a degree there
RING = {"note": "a piece of an outline"}
PLAZA = {"highway": "pedestrian", "area": "yes"}


def at(number: int, x: float, y: float) -> str:
    return node(number, LON + x / EAST, LAT + y / NORTH)


def walked(network: Network, one: int, other: int) -> float:
    """Return the metres between two nodes of the file by networkx, infinite where there is no way."""
    graph = network.to_networkx()
    try:
        return float(nx.shortest_path_length(graph, one, other, weight="length"))
    except (nx.NetworkXNoPath, nx.NodeNotFound):
        return float("inf")


def square(tmp_path: Path, *more: str, tags: dict[str, str] | None = None) -> tuple[Network, set[str]]:
    """Return a plaza of 100 m by 100 m, nodes 1 to 4, with streets that come to 1 and 3 from without, and more."""
    corners = [at(1, 0, 0), at(2, 100, 0), at(3, 100, 100), at(4, 0, 100), at(11, -50, 0), at(13, 150, 100)]
    plaza = way(1, [1, 2, 3, 4, 1], PLAZA if tags is None else tags)
    file = write_osm(tmp_path / "town.osm", *corners, plaza, way(2, [11, 1]), way(3, [3, 13]), *more)
    network, findings = read_network(file)
    return network, {finding.code for finding in findings}


def test_a_square_is_walked_across_by_the_straight_line(tmp_path: Path) -> None:
    network, _ = square(tmp_path)
    assert walked(network, 11, 13) == pytest.approx(100 + 100 * np.sqrt(2), rel=2e-3)
    assert network.across.sum() == 1


def test_the_outline_takes_nobody_from_beside_and_the_way_across_does(tmp_path: Path) -> None:
    # 3 m from the outline and 9 m from a street: a post office beside the square stands on the street.
    street = (at(21, 112, -30), at(22, 112, 120), way(5, [13, 22, 21]))
    network, _ = square(tmp_path, *street)
    places = np.array([(103.0, 20.0), (51.0, 50.0), (50.0, 0.0)])
    found = snap_points(network, transform(places / (EAST, NORTH) + (LON, LAT), WGS84, network.crs), 500.0)
    assert network.across[found.edge].tolist() == [False, True, True]
    assert not network.outline[found.edge].any()
    assert found.leg_m == pytest.approx([9, 0.7, 50 / np.sqrt(2)], abs=0.1)


def test_round_a_fountain_one_walks_by_its_corners(tmp_path: Path) -> None:
    fountain = [at(31, 40, 40), at(32, 60, 40), at(33, 60, 60), at(34, 40, 60)]
    rings = (way(7, [1, 2, 3, 4, 1], RING), way(8, [31, 32, 33], RING), way(9, [31, 34, 33], RING))
    members = [("way", 7, "outer"), ("way", 8, "inner"), ("way", 9, "inner")]
    streets = (*fountain, *rings, relation(1, members, {"type": "multipolygon", "highway": "pedestrian"}))
    network, codes = square(tmp_path, *streets, tags={"landuse": "grass"})
    assert walked(network, 1, 3) == pytest.approx(2 * np.hypot(60, 40), rel=2e-3)
    assert "square-outline" not in codes
    assert network.component_sizes.size == 1  # the fountain's own ring is no street


def test_a_ring_that_repeats_the_tags_of_its_relation_is_no_second_square(tmp_path: Path) -> None:
    fountain = [at(31, 40, 40), at(32, 60, 40), at(33, 60, 60), at(34, 40, 60), way(8, [31, 32, 33, 34, 31], RING)]
    members = [("way", 1, "outer"), ("way", 8, "inner")]
    network, _ = square(tmp_path, *fountain, relation(1, members, {"type": "multipolygon", **PLAZA}))
    assert walked(network, 1, 3) == pytest.approx(2 * np.hypot(60, 40), rel=2e-3)


def test_a_square_that_is_not_whole_keeps_its_outline_and_is_told(tmp_path: Path) -> None:
    members = [("way", 7, "outer"), ("way", 99, "outer")]
    open_ring = (way(7, [1, 2, 3], RING), relation(1, members, {"type": "multipolygon", "highway": "pedestrian"}))
    network, codes = square(tmp_path, *open_ring, tags={"landuse": "grass"})
    assert walked(network, 1, 3) == pytest.approx(200, rel=2e-3)
    assert "square-outline" in codes
    assert network.outline.sum() == 1


@pytest.mark.parametrize(("tags", "joined"), [(PLAZA, True), ({**PLAZA, "layer": "1"}, False)])
def test_squares_that_overlap_are_one(tmp_path: Path, tags: dict[str, str], joined: bool) -> None:  # noqa: FBT001
    # From 80 m to 180 m east and 20 m north: they share no node. A street leaves the second one from 180, 120.
    second = [at(41, 80, 20), at(42, 180, 20), at(43, 180, 120), at(44, 80, 120), at(45, 250, 120)]
    network, _ = square(tmp_path, *second, way(8, [41, 42, 43, 44, 41], tags), way(9, [43, 45]))
    found = walked(network, 1, 43)
    # The straight line to (180, 120) leaves the first square at (100, 66.7), inside the second: it stays inside.
    assert (found == pytest.approx(np.hypot(180, 120), rel=2e-3)) if joined else np.isinf(found)


def test_a_square_inside_another_and_a_path_that_ends_on_one_are_joined(tmp_path: Path) -> None:
    inner = [at(41, 40, 40), at(42, 60, 40), at(43, 60, 60), at(44, 40, 60), way(8, [41, 42, 43, 44, 41], PLAZA)]
    path = [at(51, 50, 20), at(52, 50, -40), way(9, [51, 52], {"highway": "footway"})]
    network, _ = square(tmp_path, *inner, *path)
    assert walked(network, 52, 1) == pytest.approx(60 + np.hypot(50, 20), rel=2e-3)
    bridge = [at(61, 50, 25), at(62, 50, -60), way(10, [61, 62], {"highway": "footway", "bridge": "yes"})]
    over, _ = square(tmp_path, *inner, *path, *bridge)
    assert np.isinf(walked(over, 62, 1))


def test_a_private_square_and_a_platform_are_crossed_as_what_they_are(tmp_path: Path) -> None:
    court, _ = square(tmp_path, tags={**PLAZA, "access": "private"})
    assert court.private[court.across].tolist() == [True]
    above, _ = square(tmp_path, tags={"highway": "platform", "area": "yes"})
    assert above.off_ground[above.across].tolist() == [True]


def test_a_gate_at_an_entrance_stops_people(tmp_path: Path) -> None:
    gate = node(3, LON + 100 / EAST, LAT + 100 / NORTH, barrier="wall")
    corners = [at(1, 0, 0), at(2, 100, 0), gate, at(4, 0, 100), at(11, -50, 0), at(13, 150, 100), at(14, 0, 150)]
    ways = (way(1, [1, 2, 3, 4, 1], PLAZA), way(2, [11, 1]), way(3, [3, 13]), way(4, [4, 14]))
    network, _ = read_network(write_osm(tmp_path / "town.osm", *corners, *ways))
    assert np.isinf(walked(network, 11, 13))
    assert walked(network, 11, 14) == pytest.approx(200, rel=2e-3)


def test_what_a_box_leaves_out_changes_no_square(tmp_path: Path) -> None:
    fountain = [at(31, 40, 40), at(32, 60, 40), at(33, 60, 60), at(34, 40, 60), way(8, [31, 32, 33, 34, 31], RING)]
    members = [("way", 1, "outer"), ("way", 8, "inner")]
    square(tmp_path, *fountain, relation(1, members, {"type": "multipolygon", **PLAZA}))
    box = (LON - 60 / EAST, LAT - 5 / NORTH, LON - 1 / EAST, LAT + 5 / NORTH)
    wide = (LON - 60 / EAST, LAT - 5 / NORTH, LON + 10 / EAST, LAT + 5 / NORTH)
    assert not read_network(tmp_path / "town.osm", bounds=box)[0].across.any()
    part, _ = read_network(tmp_path / "town.osm", bounds=wide)
    assert not part.across.any()  # of the two entrances one is left
    assert part.outline.any()


ORTHO = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=14)


@settings(max_examples=30)
@given(ORTHO, st.data())
def test_ways_across_any_ground_are_the_shortest_that_stay_inside(
    cells: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Brute force: the visibility graph of all vertices, by networkx, on ground made of unit cells, holes and all."""
    ground = shapely.union_all([shapely.box(x, y, x + 1, y + 1) for x, y in cells])
    ground = max(shapely.get_parts(ground), key=lambda part: part.area)
    outline = shapely.get_coordinates(shapely.segmentize(ground, 1.0))
    rows = data.draw(st.lists(st.integers(0, len(outline) - 1), min_size=2, max_size=6, unique=True))
    entrances = np.unique(outline[rows] * 10, axis=0)
    ground = shapely.transform(ground, lambda xy: xy * 10)
    across = lines_across(ground, entrances)
    assert across is not None
    lines, corners = across
    places = np.concatenate([entrances, corners])
    for line in lines:
        assert shapely.covers(shapely.buffer(ground, 0.06, join_style="mitre"), shapely.LineString(places[line]))
    every = np.concatenate([entrances, shapely.get_coordinates(ground)])
    seen: nx.Graph[int] = nx.Graph()
    seen.add_nodes_from(range(len(every)))
    wide = shapely.buffer(ground, 1e-6, join_style="mitre")
    for i in range(len(every)):
        for j in range(i):
            if (every[i] == every[j]).all() or wide.covers(shapely.LineString(every[[i, j]])):
                seen.add_edge(i, j, length=float(np.hypot(*(every[i] - every[j]))))
    found: nx.Graph[int] = nx.Graph()
    found.add_nodes_from(range(len(places)))
    found.add_edges_from((i, j, {"length": float(np.hypot(*(places[i] - places[j])))}) for i, j in lines.tolist())
    for i, j in pairwise(range(len(entrances))):
        best = nx.shortest_path_length(seen, i, j, weight="length")
        ours = nx.shortest_path_length(found, i, j, weight="length")
        assert best - 0.2 <= ours <= best * 1.01 + 1e-6


def test_ways_across_are_shortened_line_by_line_as_a_graph_is() -> None:
    chance, count = np.random.default_rng(3), 14
    so_far = np.where(np.eye(count, dtype=np.bool_), 0.0, np.inf)
    graph: nx.Graph[int] = nx.empty_graph(count)
    for _ in range(40):
        u, v = chance.choice(count, 2, replace=False).tolist()
        length = float(chance.integers(1, 100))
        graph.add_edge(u, v, weight=min(length, graph.get_edge_data(u, v, {"weight": length})["weight"]))
        squares._shorten.py_func(so_far, u, v, length, np.empty((2, count)))
        expected = np.full((count, count), np.inf)
        for start, ends in nx.all_pairs_dijkstra_path_length(graph):
            expected[start, [*ends]] = [*ends.values()]
        assert (so_far == expected).all()
