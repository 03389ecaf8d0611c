from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest
import worlds
from pyproj import Geod, Proj
from shapely import LineString

from accessibility import AccessibilityWarning, InputError, Network, Walker
from accessibility.geo.projection import local_crs, segment_lengths
from accessibility.streets.search.elimination import IMPASSABLE


def test_costs_are_whole_milliseconds_and_centimetres() -> None:
    road = worlds.network([(0, 0), (100.004, 0)], [(0, 1)])
    assert road.impedance().along.tolist() == [10_000]
    assert road.impedance(Walker(speed_m_s=0.8)).along.tolist() == [125_005]


def test_nobody_walks_against_a_one_way_edge() -> None:
    square = worlds.one_way_square()
    assert (square.impedance().against == IMPASSABLE).all()


def test_main_are_the_longest_component_and_every_one_of_five_kilometres_however_few_its_junctions() -> None:
    # A town of 60 short streets, a dam track of 12 km without a junction, 4.9 km of paths with 50, two ends of a ferry.
    nodes = [(100.0 * i, 0.0) for i in range(131)] + [(0.0, 1_000.0), (12_000.0, 1_000.0)]
    nodes += [(100.0 * i, 2_000.0) for i in range(50)] + [(0.0, 3_000.0), (9_000.0, 3_000.0)]
    edges = [(i, i + 1) for i in range(130)] + [(131, 132)] + [(133 + i, 134 + i) for i in range(49)] + [(183, 184)]
    ferry = np.arange(len(edges)) == len(edges) - 1
    world = replace(worlds.network(nodes, edges), kind=ferry, kinds=("road", "ferry"), fixed_s=np.where(ferry, 60, 0))
    assert [bool(world.main_edges[row]) for row in (0, 130, 131, 180)] == [True, True, False, False]
    assert worlds.two_islands().main_edges.tolist() == [True, False]
    behind = replace(world, private=np.arange(len(edges)) == 130)
    assert not behind.main_edges[130]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crs": "EPSG:4326"}, "in degrees; expected a projected one in metres"),
        ({"crs": "EPSG:2277"}, "expected metres"),
        ({"length_m": [-1.0]}, "1 of 1 rows, first row 0 is -1; expected finite lengths"),
        ({"length_m": [np.nan]}, "expected finite lengths"),
        ({"length_m": [1.0, 2.0]}, r"network length_m has shape \(2,\); expected \(1\)"),
        ({"edges": [(0, 5)]}, "expected rows of the 2 nodes"),
        ({"node_xy": [(0, 0), (np.inf, 0)]}, "network node_xy: 1 of 2 rows, first row 1"),
        ({"kind": [3]}, "expected rows of 1 kinds"),
        ({"shape_xy": [(0, 0)], "shape_start": [0, 1]}, "at least two vertices an edge"),
    ],
)
def test_what_breaks_an_invariant_is_refused(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"node_xy": [(0, 0), (10, 0)], "edges": [(0, 1)], "length_m": [10], "crs": worlds.CRS}
    with pytest.raises(InputError, match=message):
        Network(**(good | change))  # type: ignore[arg-type]


def test_arrays_are_copied_at_the_door_and_read_only_inside() -> None:
    xy = np.array([(0.0, 0.0), (10.0, 0.0)])
    road = Network(node_xy=xy, edges=[(0, 1)], length_m=[10], crs=worlds.CRS)  # type: ignore[arg-type]
    xy[0] = 99
    assert road.node_xy[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        road.length_m[0] = 5


def test_a_graph_in_degrees_is_projected_and_measured_on_the_ellipsoid() -> None:
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs="EPSG:4326")
    bend = [(108.20, 30.50), (108.21, 30.51), (108.22, 30.50)]
    graph.add_node(7, x=bend[0][0], y=bend[0][1])
    graph.add_node(8, x=bend[2][0], y=bend[2][1])
    graph.add_edge(7, 8, geometry=LineString(bend), highway="steps")
    graph.add_edge(8, 7, geometry=LineString(bend[::-1]), highway="steps", length=2_500.0)
    with pytest.warns(AccessibilityWarning, match="2 edges run one way only, as in a graph made for cars"):
        network = Network.from_networkx(graph)
    lon, lat = zip(*bend, strict=True)
    assert network.oneway.tolist() == [False, False]  # the two directions differ in length: two ways
    assert network.length_m == pytest.approx([Geod(ellps="WGS84").line_length(lon, lat), 2_500], abs=1e-3)
    assert network.node_ids.tolist() == [7, 8]
    assert network.crs.is_projected
    assert np.hypot(*(network.shape_xy[1] - network.shape_xy[0])) == pytest.approx(1_465, rel=0.01)


def test_opposite_edges_of_one_length_are_one_street_both_ways() -> None:
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=worlds.CRS)
    graph.add_nodes_from([("a", {"x": 0, "y": 0}), ("b", {"x": 50, "y": 0})])
    graph.add_edge("a", "b", length=50, highway="path")
    graph.add_edge("b", "a", length=50, highway="path")
    graph.add_edge("a", "b", length=70, highway="path", oneway_foot=True)
    graph.add_edge("b", "b", length=70, highway="path", geometry=LineString([(50, 0), (60, 30), (50, 0)]))
    network = Network.from_networkx(graph)
    found = sorted(zip(network.length_m.tolist(), network.oneway.tolist(), strict=True))
    assert found == [(50, False), (70, False), (70, True)]
    again = Network.from_networkx(network.to_networkx())
    assert sorted(zip(again.length_m.tolist(), again.oneway.tolist(), strict=True)) == found


def test_there_and_back_keeps_every_distance() -> None:
    square = worlds.one_way_square()
    again = Network.from_networkx(square.to_networkx())
    assert np.array_equal(again.edges, square.edges)
    assert np.array_equal(again.oneway, square.oneway)
    assert again.length_m == pytest.approx(square.length_m)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (nx.Graph(), "names no coordinate system"),
        (nx.Graph(crs=worlds.CRS), "has no nodes"),
        (nx.path_graph(2), "names no coordinate system"),
    ],
)
def test_a_graph_that_is_no_network_is_refused(graph: nx.Graph, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=message):
        Network.from_networkx(graph)


def test_a_node_without_coordinates_and_a_length_in_words_are_named() -> None:
    graph: nx.Graph[Any] = nx.Graph(crs=worlds.CRS)
    graph.add_node("here", x=1, y=2)
    graph.add_node("there")
    with pytest.raises(InputError, match="node 'there' has x=None"):
        Network.from_networkx(graph)
    graph.add_node("there", x=1, y="3")
    graph.add_edge("here", "there", length="far")
    with pytest.raises(InputError, match="edge 'here' to 'there' has length 'far'"):
        Network.from_networkx(graph)


@pytest.mark.parametrize("latitude", [0.0, 30.5, 47.0, 69.9])
def test_lengths_are_geodesic(latitude: float) -> None:
    rng = np.random.default_rng(5)
    chain = np.array([10.0, latitude]) + np.cumsum(rng.uniform(-0.02, 0.02, (500, 2)), axis=0)
    steps = Geod(ellps="WGS84").line_lengths(chain[:, 0], chain[:, 1])
    assert segment_lengths(chain) == pytest.approx(steps, abs=2e-4)


def test_the_local_projection_has_true_scale_where_it_is_made() -> None:
    crs = local_crs(108.2, 30.5)
    factors = Proj(crs).get_factors(108.7, 30.9)
    assert factors.meridional_scale == pytest.approx(1, abs=1e-4)


def test_a_junction_cut_in_two_stays_cut_in_a_graph() -> None:
    chain = worlds.network([(0, 0), (50, 0), (50, 0), (100, 0)], [(0, 1), (2, 3)])
    gate = replace(chain, node_ids=np.array([10, 11, 11, 12]))
    graph = gate.to_networkx()
    assert graph.number_of_nodes() == 4
    assert not nx.has_path(graph, 10, 12)


def test_a_loop_may_be_walked_both_ways_after_a_graph_too() -> None:
    ring = [(0.0, 0.0), (60.0, 0.0), (60.0, 60.0), (0.0, 0.0)]
    one = Network(
        node_xy=[(0, 0), (100, 0)],  # type: ignore[arg-type]
        edges=[(0, 1), (0, 0), (0, 0), (1, 1)],  # type: ignore[arg-type]
        length_m=[100, 205, 205, 90],  # type: ignore[arg-type]
        oneway=[False, False, False, True],  # type: ignore[arg-type]
        shape_xy=[(0, 0), (100, 0), *ring, *((-x, -y) for x, y in ring), (100, 0), (120, 30), (100, 0)],  # type: ignore[arg-type]
        shape_start=[0, 2, 6, 10, 13],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    again = Network.from_networkx(one.to_networkx())
    assert again.edges.tolist() == one.edges.tolist()
    assert again.oneway.tolist() == [False, False, False, True]
    assert np.array_equal(again.shape_xy, one.shape_xy)


def test_a_closed_street_is_none_in_a_graph() -> None:
    square = worlds.one_way_square()
    graph = square.without(np.array([False, True, False, False])).to_networkx()
    assert sorted(graph.edges()) == [(0, 1), (2, 3), (3, 0)]


def test_lines_and_ids_that_nobody_gave_are_told_when_they_are_asked_for() -> None:
    ends = {"node_xy": [(5e5, 34e5), (500300, 34e5), (500300, 3400400)], "edges": [(0, 1), (2, 1)]}
    road = Network(**ends, length_m=[300, 400], crs="EPSG:32649")  # type: ignore[arg-type]
    assert road.straight
    assert not {"shape_xy", "shape_start", "node_ids"} & vars(road).keys()
    for same in (road, replace(road), pickle.loads(pickle.dumps(road))):  # noqa: S301 -- its own
        assert same.shape_xy.tolist() == [[5e5, 34e5], [500300, 34e5], [500300, 3400400], [500300, 34e5]]
        assert same.shape_start.tolist() == [0, 2, 4]
        assert same.node_ids.tolist() == [0, 1, 2]
        assert not same.shape_xy.flags.writeable
    assert not replace(road).straight  # lines that were given, if straight ones
    with pytest.raises(InputError, match="shape_start"):
        Network(**ends, length_m=[300, 400], crs="EPSG:32649", shape_xy=[(0, 0)] * 4)  # type: ignore[arg-type]
