"""One small town, through every reader and format of streets: the same minutes for everybody."""

from __future__ import annotations

import re
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import osmium
import pandas as pd
import pyogrio
import pytest
from osmfiles import node, relation, way, write_osm

import accessibility as acc
from accessibility.geo.projection import WGS84, transform
from accessibility.sources.lines import read_graphml, read_lines
from accessibility.sources.osm.extracts import read_network
from accessibility.streets.foot import Carried, Delays, FootAccess
from accessibility.streets.graphs import read_graph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.streets.network import Network

STEP = 0.0015  # degrees, about 110 m by 167 m
SIDE = 6
TO_EAST = {"highway": "residential", "oneway": "yes"}


def corner(x: int, y: int) -> int:
    return 1 + x + SIDE * y


def at(x: float, y: float) -> tuple[float, float]:
    return 9.5 + x * STEP, 47.1 + y * STEP


def row(y: int, start: int, end: int) -> list[int]:
    return [corner(x, y) for x in range(start, end + 1)]


def column(x: int, start: int, end: int) -> list[int]:
    return [corner(x, y) for y in range(start, end + 1)]


GATE = {"barrier": "gate", "locked": "yes"}
STREETS = [
    way(1, row(0, 0, 5), {"highway": "tertiary"}),
    way(2, column(0, 0, 5)),
    way(3, row(1, 0, 2), TO_EAST),
    way(4, [corner(2, 1), corner(2, 2)], {"highway": "steps", "oneway": "yes"}),
    way(5, row(2, 0, 3), {"highway": "footway"}),
    way(6, row(3, 0, 2), {"highway": "service", "access": "private"}),
    way(7, column(5, 0, 5), {"highway": "secondary"}),
    way(8, row(5, 0, 5), {"highway": "cycleway"}),
    way(9, [corner(3, 2), corner(3, 3)], {"highway": "primary", "tunnel": "yes"}),
    way(10, [corner(1, 3), corner(1, 4), corner(1, 5)], {"highway": "path", "foot": "no"}),
    way(11, [corner(3, 3), corner(4, 3)], {"man_made": "pier"}),
    way(12, [corner(4, 3), corner(5, 3)], {"highway": "footway", "bridge": "yes"}),
    way(13, [corner(3, 0), corner(4, 1)], {"highway": "motorway"}),
    way(14, [corner(4, 1), corner(5, 1)], {"highway": "track"}),
    way(15, [corner(2, 2), corner(2, 3)], {"waterway": "river"}),
    way(16, [corner(2, 3), corner(2, 4), corner(2, 5)]),
]
SQUARE = [
    way(
        17,
        [corner(3, 4), corner(4, 4), corner(4, 5), corner(3, 5), corner(3, 4)],
        {"highway": "pedestrian", "area": "yes"},
    ),
    way(18, [corner(3, 4), corner(3, 3)], {"highway": "living_street"}),
]
BUS = relation(1, [("way", 1, "")], {"type": "route"})


def town(path: Path, *, plain: bool = False) -> Path:
    """Write the town; where it is plain, without a square and a gate, of which lines alone know nothing."""
    nodes = [
        node(corner(x, y), *at(x, y), **dict(GATE if (x, y) == (1, 2) and not plain else {}))  # type: ignore[arg-type]
        for y in range(SIDE)
        for x in range(SIDE)
    ]
    more = SQUARE[1:] if plain else SQUARE
    return write_osm(path, *nodes, *STREETS, *more, BUS)


def minutes(network: Network) -> NDArray[np.float64]:
    """Return the seconds of 200 people, anywhere, to the nearer of two outlets; NaN where there is no way."""
    rng = np.random.default_rng(11)
    lonlat = np.array([at(x, y) for x, y in rng.uniform(-0.2, SIDE - 0.8, (200, 2))])
    counters = np.array([at(0.4, 0.02), at(4.6, 2.6)])
    xy, there = (transform(places, WGS84, network.crs) for places in (lonlat, counters))
    people = acc.Demand(
        ids=np.array([f"p{i}" for i in range(len(xy))], object),
        xy=xy,
        population=np.ones(len(xy)),
        setting=np.repeat("urban", len(xy)),
        crs=network.crs,
    )
    walked = acc.measure_coverage(
        network, people, acc.Sites(ids=np.array(["A", "B"], object), xy=there, crs=network.crs)
    ).walk_s
    return np.where(np.isfinite(walked), walked, np.nan)


def from_lines(suffix: str) -> Callable[[Path, Path], Network]:
    def read(roads: Path, folder: Path) -> Network:
        frame = read_network(roads)[0].to_gdf()
        if suffix in (".geojson", ".kml"):
            frame = frame.to_crs(4326)
        if suffix == ".parquet":
            frame.to_parquet(folder / "lines.parquet")
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a Shapefile's short names
                frame.to_file(folder / f"lines{suffix}")
        return read_lines(folder / f"lines{suffix}")[0]

    return read


def from_frame(roads: Path, _: Path) -> Network:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return acc.Network.from_gdf(read_network(roads)[0].to_gdf())


def from_graph(roads: Path, _: Path) -> Network:
    return acc.Network.from_networkx(read_network(roads)[0].to_networkx())


def from_graphml(roads: Path, folder: Path) -> Network:
    graph = read_network(roads)[0].to_networkx()
    for _, _, data in graph.edges(data=True):
        data["geometry"] = data["geometry"].wkt
    nx.write_graphml(graph, folder / "town.graphml")
    return read_graphml(folder / "town.graphml")[0]


def from_pbf(roads: Path, folder: Path) -> Network:
    with osmium.SimpleWriter(str(folder / "town.osm.pbf")) as writer:
        for thing in osmium.FileProcessor(roads):
            writer.add(thing)
    return read_network(folder / "town.osm.pbf")[0]


def from_overpass(roads: Path, folder: Path) -> Network:
    objects = re.findall(r"<(?:node|way|relation) .*?</(?:node|way|relation)>", roads.read_text(encoding="utf-8"))
    return read_network(write_osm(folder / "order.osm", *objects[::-1]))[0]


OWN = {
    **{suffix: from_lines(suffix) for suffix in (".gpkg", ".shp", ".geojson", ".fgb", ".parquet")},
    **{read.__name__: read for read in (from_frame, from_graph, from_graphml, from_pbf, from_overpass)},
}


@pytest.mark.parametrize("door", OWN)
def test_a_town_is_the_same_through_every_door(door: str, tmp_path: Path) -> None:
    roads = town(tmp_path / "town.osm")
    expected = minutes(read_network(roads)[0])
    np.testing.assert_allclose(minutes(OWN[door](roads, tmp_path)), expected, rtol=1e-4, atol=0.2)


def from_gdal(roads: Path, folder: Path) -> Network:
    """Return the network of the layer of lines that GDAL makes of an extract."""
    pyogrio.read_dataframe(roads, layer="lines").to_file(folder / "gdal.gpkg")
    return read_lines(folder / "gdal.gpkg")[0]


def tags_of(roads: Path) -> tuple[dict[int, dict[str, Any]], list[tuple[list[int], dict[str, str]]]]:
    nodes: dict[int, dict[str, Any]] = {}
    ways: list[tuple[list[int], dict[str, str]]] = []
    thing: Any
    for thing in osmium.FileProcessor(roads):
        if thing.is_node():
            nodes[thing.id] = {"x": thing.lon, "y": thing.lat, **dict(thing.tags)}
        elif thing.is_way():
            ways.append(([point.ref for point in thing.nodes], dict(thing.tags)))
    return nodes, ways


def from_tagged_graph(roads: Path, _: Path, *, both_ways: bool = True) -> Network:
    """Return the network of a graph of every step of every way, with its tags, as osmnx makes them."""
    nodes, ways = tags_of(roads)
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4326")
    graph.add_nodes_from(nodes.items())
    for number, (refs, tags) in enumerate(ways):
        for u, v in pairwise(refs):
            graph.add_edge(u, v, osmid=number, reversed=False, **tags)
            if both_ways or tags.get("oneway") != "yes":
                graph.add_edge(v, u, osmid=number, reversed=True, **tags)
    return acc.Network(**read_graph(graph)[0])


def from_graph_for_cars(roads: Path, folder: Path) -> Network:
    return from_tagged_graph(roads, folder, both_ways=False)


TAGGED = {read.__name__: read for read in (from_gdal, from_tagged_graph, from_graph_for_cars)}


@pytest.mark.parametrize("door", TAGGED)
def test_a_town_of_lines_is_the_same_by_its_tags(door: str, tmp_path: Path) -> None:
    roads = town(tmp_path / "town.osm", plain=True)
    expected = minutes(read_network(roads)[0])
    np.testing.assert_allclose(minutes(TAGGED[door](roads, tmp_path)), expected, rtol=1e-4, atol=0.2)


def test_lines_alone_say_what_they_do_not_know(tmp_path: Path) -> None:
    from_gdal(town(tmp_path / "town.osm"), tmp_path)
    found = {finding.code: finding for finding in read_lines(tmp_path / "gdal.gpkg")[1]}
    assert found["lines-alone"].count > 10
    assert "the extract itself has them" in found["lines-alone"].message


def test_the_town_has_whoever_its_parts_are_for(tmp_path: Path) -> None:
    network, findings = read_network(town(tmp_path / "town.osm"))
    assert network.across.any()
    assert network.closed.any()  # 167 m of tunnel
    assert network.private.any()
    assert network.oneway.any()
    assert {"blocking-barrier", "not-walkable"} <= {finding.code for finding in findings}
    now = minutes(network)
    assert np.isnan(now).any()  # who lives behind the gate
    assert 900 < np.nanmax(now) < 3_000
    without = minutes(read_network(town(tmp_path / "plain.osm", plain=True))[0])
    assert (np.abs(without - now) > 1).any()  # the gate and the square matter


def test_a_street_and_a_border_on_top_of_it_stay_two_in_a_graph() -> None:
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4326")
    graph.add_nodes_from((number, {"x": 9.5 + number / 1_000, "y": 47.1}) for number in (1, 2, 3))
    graph.add_edge(1, 2, boundary="administrative")
    graph.add_edge(2, 1, highway="residential")
    graph.add_edge(2, 3, highway="residential")
    network = acc.Network(**read_graph(graph)[0])
    assert network.component_sizes.tolist() == [3]
    assert len(network.edges) == 2


@pytest.mark.parametrize("types", [["steps", "footway"], ["footway", "steps"], "footway;steps"], ids=str)
def test_the_order_of_merged_types_says_nothing(types: object) -> None:
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4326")
    graph.add_nodes_from((number, {"x": 9.5 + number / 1_000, "y": 47.1}) for number in (1, 2))
    graph.add_edge(1, 2, highway=types, osmid=[7, 8])
    fields, said = read_graph(graph)
    assert fields["kinds"] == ("footway",)
    assert said["merged-ways"][0] == 1


def test_a_tunnel_merged_with_the_street_before_it_stays_open_and_is_said() -> None:
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4326")
    graph.add_nodes_from((number, {"x": 9.5 + number / 100, "y": 47.1}) for number in (1, 2, 3))
    graph.add_edge(1, 2, highway="primary", tunnel="yes", osmid=[7, 8])
    graph.add_edge(2, 3, highway="primary", tunnel="yes", osmid=9)
    fields, said = read_graph(graph)
    assert fields["closed"].tolist() == [False, True]
    assert said["merged-ways"][0] == 1


def test_the_outline_of_a_square_is_said_where_it_cannot_be_crossed(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"highway": ["pedestrian", "residential"], "area": ["yes", None]},
        geometry=gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 50 0, 50 50, 0 50, 0 0)", "LINESTRING (0 0, -90 0)"]),
        crs="EPSG:32632",
    )
    frame.to_file(tmp_path / "lines.gpkg")
    found = {finding.code: finding for finding in read_lines(tmp_path / "lines.gpkg")[1]}
    assert found["square-outline"].count == 1


def test_a_closed_street_stays_closed_in_a_table_of_lines(tmp_path: Path) -> None:
    network, _ = read_network(town(tmp_path / "town.osm", plain=True))
    frame = network.without(np.arange(len(network.edges)) == 0).to_gdf()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = acc.Network.from_gdf(frame)
    assert again.length_m[again.closed].sum() == pytest.approx(
        network.length_m[network.closed].sum() + network.length_m[0], rel=1e-6
    )


SAID_LOOSELY: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"highway": "Footway"}, {"barrier": "Gate", "locked": "Yes"}),
    ({"highway": "path", "layer": "-1.0"}, {}),
    ({"highway": "path", "layer": "ROADS"}, {"highway": "Elevator"}),
    ({"highway": "path", "layer": "0.0"}, {"highway": "elevator", "barrier": "wall"}),
    ({"railway": "Platform"}, {"door": "No", "access": "no"}),
    ({"highway": "elevator"}, {}),
    ({"highway": "footway", "bridge": "1"}, {"highway": "Crossing", "crossing": "Traffic_Signals"}),
    ({"highway": "STEPS", "oneway": "True"}, {"highway": "crossing", "crossing:signals": "1", "barrier": "fence"}),
    ({"highway": "service", "access": "Private"}, {"barrier": "GATE", "access": "Private"}),
    ({"highway": "track", "foot": "NO"}, {}),
    ({"highway": "none", "man_made": "Pier"}, {"barrier": "gate", "opening_hours": "Off"}),
]


def told(network: Network) -> list[Any]:
    """Return of each way by its row, 0.01 degrees apart: metres, seconds, waits, flags, whether it holds together."""
    lonlat = transform(network.node_xy, network.crs, WGS84)
    found = []
    for number in range(len(SAID_LOOSELY)):
        own = np.abs(lonlat[network.edges, 1] - 47 - number / 100).max(axis=1, initial=0) < 0.001
        flags = [getattr(network, name)[own].any() for name in ("oneway", "private", "off_ground")]
        sums = [float(getattr(network, name)[own].sum()) for name in ("length_m", "fixed_s", "signals")]
        found.append((np.round(sums, 3).tolist(), flags, len({*network.edges[own].ravel().tolist()}) > own.sum() + 1))
    return found


def test_tags_are_read_alike_however_they_are_spelt(tmp_path: Path) -> None:
    nodes, ways = [], []
    for number, (of_way, of_node) in enumerate(SAID_LOOSELY):
        refs = [1 + 3 * number + step for step in range(3)]
        nodes += [
            node(ref, 9.5 + step / 1_000, 47 + number / 100, **of_node if step == 1 else {})
            for step, ref in enumerate(refs)
        ]
        ways.append(way(number + 1, refs, of_way))
    roads = write_osm(tmp_path / "loose.osm", *nodes, *ways)
    expected = told(read_network(roads)[0])
    assert told(from_tagged_graph(roads, tmp_path)) == expected
    cut = [number for number, (*_, apart) in enumerate(expected) if apart]
    assert cut == [0, 3, 7, 10]
    assert [number for number, ((metres, *_), *_) in enumerate(expected) if not metres] == [9]
    assert expected[5][0][1] == 60  # one lift, in however many pieces
    assert [number for number, (_, flags, _) in enumerate(expected) if flags[2]] == [1, 4, 5, 6]


def test_who_rides_a_lift_past_a_floor_where_nobody_gets_in_waits_once() -> None:
    between = Carried(
        kinds=np.array(["elevator", "elevator", "road", "elevator", "road"]),
        edges=np.array([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)], np.int32),
        length_m=np.zeros(5),
        ride_s=np.zeros(5),
        lifts=np.zeros(5),
    )
    assert Delays(lift_s=60).seconds(between).tolist() == [30, 30, 0, 60, 0]


def test_who_gets_in_where_two_lifts_and_a_street_meet_waits_for_either() -> None:
    between = Carried(
        kinds=np.array(["path", "elevator", "path", "elevator", "path"]),
        edges=np.array([[0, 1], [1, 2], [2, 5], [2, 3], [3, 4]], np.int32),
        length_m=np.zeros(5),
        ride_s=np.zeros(5),
        lifts=np.zeros(5),
    )
    assert Delays(lift_s=60).seconds(between).tolist() == [0, 60, 0, 60, 0]


def test_streets_drawn_twice_are_there_once(tmp_path: Path) -> None:
    network, _ = read_network(town(tmp_path / "town.osm", plain=True))
    frame = network.to_gdf()
    backward = frame[~frame["oneway"]].copy()
    backward.geometry = backward.reverse()
    backward[["u", "v"]] = backward[["v", "u"]]  # which nobody asks
    both = gpd.GeoDataFrame(pd.concat([frame, backward, frame[:3]], ignore_index=True), crs=frame.crs)
    both.to_file(tmp_path / "twice.gpkg")
    again, findings = read_lines(tmp_path / "twice.gpkg")
    doubled = next(finding for finding in findings if finding.code == "drawn-twice")
    assert doubled.count == len(backward) + 3
    assert doubled.message.startswith(f"{doubled.count} lines lie on top of another one")
    assert again.length_m.sum() == pytest.approx(network.length_m.sum())
    np.testing.assert_allclose(minutes(again), minutes(network), rtol=1e-4, atol=0.2)


def test_lines_that_differ_in_anything_are_no_doubles() -> None:
    line = "LINESTRING (0 0, 50 0, 90 40)"
    back = "LINESTRING (90 40, 50 0, 0 0)"
    frame = gpd.GeoDataFrame(
        {"highway": ["path", "steps", "path", "path", "path"], "climb_m": [0.0, 0.0, 5.0, 5.0, -5.0]},
        geometry=gpd.GeoSeries.from_wkt([line, line, line, back, line]),
        crs="EPSG:32632",
    )
    assert len(acc.Network.from_gdf(frame).edges) == 5 * 2  # each is cut where it meets the others
    assert len(acc.Network.from_gdf(frame.iloc[[0, 0, 1]]).edges) == 2 * 2
    graph: nx.MultiGraph[int] = nx.MultiGraph(crs="EPSG:32632")
    graph.add_nodes_from((number, {"x": 90.0 * number, "y": 0.0}) for number in (1, 2))
    for climb_m, highway in ((0.0, "path"), (0.0, "path"), (0.0, "steps"), (5.0, "path"), (-5.0, "path")):
        graph.add_edge(1, 2, highway=highway, climb_m=climb_m)
    graph.add_edge(2, 1, highway="path", climb_m=-5.0)  # the fourth, from its other end
    fields, said = read_graph(graph)
    assert fields["climb_m"].tolist() == [0, 0, 5, -5]
    assert said["drawn-twice"][0] == 2


def test_a_graph_in_degrees_that_says_it_is_in_metres_is_refused() -> None:
    graph: nx.Graph[int] = nx.Graph(crs="EPSG:3857")
    graph.add_nodes_from((number, {"x": 9.5 + number / 1_000, "y": 47.1}) for number in (1, 2, 3))
    graph.add_edges_from([(1, 2), (2, 3)], length=76.0)
    with pytest.raises(acc.InputError, match=r"longest has 0\.001 m: are its coordinates degrees\?"):
        acc.Network.from_networkx(graph)


def test_a_ferry_in_pieces_takes_what_the_whole_takes() -> None:
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:32632")
    graph.add_nodes_from((number, {"x": 5e5 + 300.0 * number, "y": 52e5}) for number in (0, 1, 3))
    for u, v in ((0, 1), (1, 3)):
        for ends in ((u, v), (v, u)):
            graph.add_edge(*ends, route="ferry", duration="00:15", osmid=7)
    foot = FootAccess(ferries=True, ferry_wait_s=0)
    assert read_graph(graph, foot=foot)[0]["fixed_s"].tolist() == pytest.approx([300, 600], abs=1)
