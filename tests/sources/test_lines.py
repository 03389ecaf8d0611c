"""Networks from lines and GraphML: hand-drawn towns, and the sample county there and back."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx
import pytest
import shapely
import worlds
from pyproj import CRS, Geod
from shapely import LineString, MultiLineString, Point

from accessibility.errors import InputError
from accessibility.measures.coverage import measure_coverage
from accessibility.sources.lines import read_graphml, read_lines
from accessibility.sources.osm import extracts as osm
from accessibility.streets.network import Network
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

UTM = "EPSG:32649"
X, Y = 400_000.0, 3_370_000.0
ORIGIN = np.array([X, Y])


def roads(path: Path, *shapes: Any, crs: str | None = UTM, **columns: list[Any]) -> Path:
    moved = [shapely.transform(s, lambda xy: xy + ORIGIN) if s is not None else None for s in shapes]
    gdf = gpd.GeoDataFrame(columns, geometry=moved, crs=crs)
    if path.suffix == ".parquet":
        gdf.to_parquet(path)
    else:
        gdf.to_file(path, layer="roads" if path.suffix == ".gpkg" else None)
    return path


def codes(findings: list[Any]) -> dict[str, int]:
    return {finding.code: finding.count for finding in findings}


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".shp", ".geojson"])
@pytest.mark.filterwarnings("ignore:.*normalized/laundered.*")
def test_ends_within_a_centimetre_are_one_junction(tmp_path: Path, suffix: str) -> None:
    drawn = [LineString([(0, 0), (50, 80), (100, 0)]), LineString([(100.004, 0.003), (200, 0)])]
    drawn.append(LineString([(200.05, 0), (300, 0)]))
    kind = ["street"] * 3
    crs = UTM
    path = tmp_path / f"roads{suffix}"
    if suffix == ".geojson":
        moved = gpd.GeoSeries([shapely.transform(s, lambda xy: xy + ORIGIN) for s in drawn], crs=UTM)
        gpd.GeoDataFrame({"kind": kind}, geometry=moved.to_crs(4326)).to_file(path, COORDINATE_PRECISION=11)
    else:
        roads(path, *drawn, crs=crs, kind=kind)
    network, findings = read_lines(path)
    assert len(network.edges) == 3
    assert len(network.node_xy) == 5  # 4 mm apart is one place, 5 cm are two
    assert network.component_sizes.tolist() in ([3, 2], [2, 3])
    assert findings == []
    assert network.length_m[1] == pytest.approx(_geodesic(drawn[1]), abs=1e-4)


def _geodesic(line: LineString) -> float:
    there = gpd.GeoSeries([shapely.transform(line, lambda xy: xy + ORIGIN)], crs=UTM).to_crs(4326)
    return float(Geod(ellps="WGS84").geometry_length(there.iloc[0]))


def test_multipart_lines_are_lines_and_what_is_no_line_long_is_counted(tmp_path: Path) -> None:
    parts = MultiLineString([[(0, 0, 5), (100, 0, 6)], [(100, 0, 6), (200, 0, 7)]])
    path = roads(tmp_path / "r.parquet", parts, LineString([(7, 7), (7, 7)]), None, LineString())
    network, findings = read_lines(path)
    assert (len(network.edges), len(network.node_xy)) == (2, 3)
    assert codes(findings) == {"zero-length": 1, "no-geometry": 2, "no-street-class": 2}
    assert all("r.parquet" in str(finding) for finding in findings)


def test_crossings_stay_apart_are_counted_and_joined_when_noded(tmp_path: Path) -> None:
    cross = [LineString([(-100, 0), (100, 0)]), LineString([(0, -100), (0, 100)])]
    touching = LineString([(50, 0), (50, 70)])  # ends on the first line, not at its end
    path = roads(tmp_path / "r.gpkg", *cross, touching, kind=["street", "lane", "path"])
    network, findings = read_lines(path)
    assert codes(findings) == {"unjoined-crossing": 2}
    assert "noded = true" in str(findings[0])
    assert network.component_sizes.size == 3
    noded, findings = read_lines(path, noded=True)
    assert findings == []
    assert (len(noded.edges), len(noded.node_xy)) == (6, 7)
    assert noded.component_sizes.tolist() == [7]
    assert noded.length_m.sum() == pytest.approx(network.length_m.sum(), abs=0.05)
    by_kind = {kind: noded.length_m[noded.kind == i].sum() for i, kind in enumerate(noded.kinds)}
    whole = {kind: network.length_m[network.kind == i].sum() for i, kind in enumerate(network.kinds)}
    assert by_kind == pytest.approx(whole, abs=0.05)


def test_noded_one_way_lines_keep_their_direction(tmp_path: Path) -> None:
    east, west = LineString([(-100, 0), (100, 0)]), LineString([(100, 50), (-100, 50)])
    across = LineString([(0, -20), (0, 80)])
    path = roads(tmp_path / "r.gpkg", east, west, across, oneway_foot=["yes", "1", "no"])
    network, _ = read_lines(path, noded=True, crs=UTM)
    step = network.node_xy[network.edges[:, 1]] - network.node_xy[network.edges[:, 0]]
    level = network.node_xy[network.edges[:, 0], 1] - Y
    assert network.oneway.tolist() == [bool(abs(dy) < 1) for dy in step[:, 1]]
    assert (step[network.oneway & (level < 25), 0] > 0).all()
    assert (step[network.oneway & (level > 25), 0] < 0).all()
    assert network.oneway.sum() == 4


def test_of_lines_on_top_of_each_other_one_is_walked(tmp_path: Path) -> None:
    path = roads(tmp_path / "r.gpkg", LineString([(0, 0), (300, 0)]), LineString([(100, 0), (200, 0), (200, 90)]))
    network, _ = read_lines(path, noded=True)
    assert network.length_m.sum() == pytest.approx(_geodesic(LineString([(0, 0), (390, 0)])), abs=0.05)


def test_columns_named_like_tags_decide_who_walks(tmp_path: Path) -> None:
    drawn = [LineString([(0, 100 * i), (100, 100 * i)]) for i in range(9)]
    columns: dict[str, Any] = {
        "highway": [
            "motorway",
            "footway",
            None,
            "rue",
            "construction",
            "track",
            "service",
            "steps",
            "residential",
        ],
        "access": [None, None, None, None, None, None, "private", None, None],
        "oneway": ["yes"] * 9,  # cars
        "oneway_foot": [None, "-1", None, "no", None, None, None, None, "TRUE"],
        "bridge": [None, "F", None, "T", None, "T", "no", "0", None],
        "layer": ["streets"] * 9,
    }
    network, findings = read_lines(roads(tmp_path / "r.gpkg", *drawn, **columns), crs=UTM)
    kinds = [network.kinds[k] for k in network.kind]
    assert kinds == ["footway", "track", "service", "steps", "residential"]
    assert codes(findings) == {"empty-street-class": 1, "unknown-street-class": 1, "not-walkable": 4}
    said = " ".join(map(str, findings))
    assert "'rue' (1); not walked" in said
    assert "highway=motorway" in said
    assert network.private.tolist() == [False, False, True, False, False]
    assert network.oneway.tolist() == [True, False, False, True, True]  # stairs are one-way for those who climb them
    assert network.off_ground.tolist() == [False, True, False, False, False]
    first = network.node_xy[network.edges[0]]
    assert first[1, 0] < first[0, 0]  # against the line
    assert network.shape_xy[0].tolist() == pytest.approx(first[0].tolist())


@pytest.mark.parametrize(
    ("column", "there", "absent"),
    [
        *(("status", "existing", "Planned"), ("建设状态", "建成", "在建"), ("under_construction", "no", "yes")),
        *(("built", "1998", "no"), ("road_status", "in use", "closed since 2020")),
    ],
)
def test_streets_that_a_column_calls_planned_or_closed_are_not_walked(
    tmp_path: Path, column: str, there: str, absent: str
) -> None:
    drawn = [LineString([(0, 0), (100, 0)]), LineString([(100, 0), (300, 0)])]
    columns: dict[str, Any] = {"highway": ["residential"] * 2, column: [there, absent]}
    path = roads(tmp_path / "r.gpkg", *drawn, **columns)
    network, findings = read_lines(path, crs=UTM)
    assert network.length_m.tolist() == pytest.approx([100], rel=1e-3)
    assert [f.message for f in findings if f.code == "not-walkable"] == [
        "1 lines may not be walked: 1 highway=construction"
    ]


@pytest.mark.parametrize(("column", "yes", "no"), [("walkable", 1, 0), ("AR_PEDEST", "Y", "N"), ("可步行", "是", "否")])
def test_streets_that_a_column_closes_to_walkers_are_not_walked(tmp_path: Path, column: str, yes: Any, no: Any) -> None:
    drawn = [LineString([(at, 0), (at + 100, 0)]) for at in (0, 100, 200)]
    columns: dict[str, Any] = {"highway": ["residential", "residential", "motorway"], column: [yes, no, yes]}
    network, findings = read_lines(roads(tmp_path / "r.gpkg", *drawn, **columns), crs=UTM)
    assert network.length_m.tolist() == pytest.approx([100], rel=1e-3)
    assert [f.message for f in findings if f.code == "not-walkable"] == [
        "2 lines may not be walked: 1 foot=no, 1 highway=motorway"
    ]


def test_bounds_leave_out_lines_wholly_outside(tmp_path: Path) -> None:
    path = roads(tmp_path / "r.gpkg", LineString([(0, 0), (100, 0)]), LineString([(90_000, 0), (90_100, 0)]))
    lon, lat = gpd.GeoSeries([Point(X, Y)], crs=UTM).to_crs(4326).iloc[0].coords[0]
    network, _ = read_lines(path, bounds=(lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01))
    assert len(network.edges) == 1
    with pytest.raises(InputError, match=r"r.gpkg: none of its 2 lines meets the box"):
        read_lines(path, bounds=(0, 0, 1, 1))


def test_files_that_are_no_roads_are_refused(tmp_path: Path) -> None:
    line = LineString([(0, 0), (100, 0)])
    with pytest.raises(InputError, match=r"away.gpkg: no such file"):
        read_lines(tmp_path / "away.gpkg")
    with pytest.raises(InputError, match=r"nocrs.parquet: no coordinate system"):
        read_lines(roads(tmp_path / "nocrs.parquet", line, crs=None))
    with pytest.raises(InputError, match=r"mixed.gpkg: geometries that are no lines: 1 of type Point"):
        read_lines(roads(tmp_path / "mixed.gpkg", line, Point(0, 0)))
    with pytest.raises(InputError, match=r"empty.parquet: 0 rows"):
        read_lines(roads(tmp_path / "empty.parquet"))
    with pytest.raises(InputError, match=r"m.gpkg: no line that may be walked: 1 highway=motorway"):
        read_lines(roads(tmp_path / "m.gpkg", line, highway=["motorway"]))
    (tmp_path / "text.gpkg").write_text("no database", encoding="utf-8")
    with pytest.raises(InputError, match=r"text.gpkg: is not a GeoPackage, as its name says"):
        read_lines(tmp_path / "text.gpkg")
    gpd.GeoDataFrame(geometry=[line], crs=UTM).to_file(tmp_path / "mixed.gpkg", layer="other")
    with pytest.raises(InputError, match=r"mixed.gpkg: 2 layers: roads, other; expected layer"):
        read_lines(tmp_path / "mixed.gpkg")
    with pytest.raises(InputError, match=r"no layer 'street'; it has roads, other"):
        read_lines(tmp_path / "mixed.gpkg", layer="street")
    assert len(read_lines(tmp_path / "mixed.gpkg", layer="other")[0].edges) == 1
    gpd.GeoDataFrame(geometry=[LineString([(0, 0), (0, 500)])], crs="EPSG:4326").to_parquet(tmp_path / "far.parquet")
    gpd.GeoDataFrame(geometry=[LineString([(0, 0), (0, np.inf)])], crs="EPSG:3857").to_parquet(tmp_path / "inf.parquet")
    with pytest.raises(InputError, match=r"inf.parquet: 1 lines have coordinates that are no numbers"):
        read_lines(tmp_path / "inf.parquet")
    with pytest.raises(InputError, match=r"far.parquet: 1 lines have coordinates .* outside WGS 84 \(first: line 1\)"):
        read_lines(tmp_path / "far.parquet")
    with pytest.raises(InputError, match=r"is 'EPSG:nothing' .*; expected one that PROJ knows"):
        read_lines(roads(tmp_path / "r.gpkg", line), crs="EPSG:nothing")
    with pytest.raises(InputError, match=r"r.gpkg: network coordinate system is 'WGS 84', in degrees"):
        read_lines(tmp_path / "r.gpkg", crs="EPSG:4326")


@pytest.fixture(scope="module")
def centre(sample: Path, cache: Path) -> nx.MultiDiGraph[Any]:
    """Return the 2,000 junctions of the sample county around its middle."""
    named = tomllib.loads(sample.read_text(encoding="utf-8"))["inputs"]["network"]["path"]
    county = osm.read_network(sample.parent / named, cache_dir=cache)[0]
    near = np.argsort(np.hypot(*(county.node_xy - np.median(county.node_xy, axis=0)).T))[:2_000]
    graph = county.to_networkx().subgraph(county.node_keys[near].tolist())
    return graph.subgraph([junction for junction, streets in graph.degree() if streets])


def same_distances(one: Network, other: Network) -> None:
    """Compare nearest distances between 50 pairs of places, told apart by where they are, by networkx."""
    rng = np.random.default_rng(4)
    at = rng.integers(0, len(one.node_xy), (50, 2))
    there = gpd.GeoSeries(gpd.points_from_xy(*one.node_xy.T), crs=one.crs).to_crs(other.crs)
    tree = shapely.STRtree([Point(xy) for xy in other.node_xy])
    row, gap = tree.query_nearest(there.to_numpy()[at.ravel()], return_distance=True, all_matches=False)
    assert gap.max() < 0.02
    pairs = row[1].reshape(-1, 2)
    first, second = one.to_networkx(), other.to_networkx()
    reached = 0
    for (u, v), (p, q) in zip(at, pairs, strict=True):
        expected = _metres(first, one.node_keys[u], one.node_keys[v])
        assert _metres(second, other.node_keys[p], other.node_keys[q]) == pytest.approx(expected, abs=0.05)
        reached += np.isfinite(expected)
    assert reached > 40


def _metres(graph: Any, start: int, end: int) -> float:
    try:
        return float(nx.dijkstra_path_length(graph, int(start), int(end), weight="length"))
    except nx.NetworkXNoPath:
        return float("inf")


def test_streets_of_the_sample_county_written_as_lines_are_the_same_network(
    centre: nx.MultiDiGraph[Any], tmp_path: Path
) -> None:
    county = Network.from_networkx(centre)
    assert county.oneway.any()
    assert county.private.any()
    county.to_gdf().to_file(tmp_path / "county.gpkg", layer="roads")
    again, findings = read_lines(tmp_path / "county.gpkg")
    assert (len(again.edges), len(again.node_xy)) == (len(county.edges), len(county.node_xy))
    assert again.length_m == pytest.approx(county.length_m, abs=1e-3)
    assert (again.oneway == county.oneway).all()
    assert (again.private == county.private).all()
    assert codes(findings).keys() <= {"unjoined-crossing"}
    same_distances(county, again)


def test_streets_of_the_sample_county_saved_by_osmnx_are_the_same_network(
    centre: nx.MultiDiGraph[Any], tmp_path: Path
) -> None:
    county = Network.from_networkx(centre)
    osmnx.save_graphml(centre, tmp_path / "county.graphml")
    again, findings = read_graphml(tmp_path / "county.graphml")
    assert findings == []
    assert len(again.node_xy) == len(county.node_xy)
    assert again.length_m.sum() == pytest.approx(county.length_m.sum(), abs=1e-3)
    assert again.oneway.sum() == county.oneway.sum()
    assert len(again.edges) == len(county.edges)
    assert again.private.sum() == county.private.sum()
    same_distances(county, again)


def test_graphml_keeps_directions_ids_geometry_and_kinds(tmp_path: Path) -> None:
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="epsg:4326")
    graph.add_node(11, x=108.2, y=30.5)
    graph.add_node(12, x=108.201, y=30.5)
    graph.add_node(13, x=108.202, y=30.5)
    bow = LineString([(108.2, 30.5), (108.2005, 30.501), (108.201, 30.5)])
    graph.add_edge(11, 12, length=290.5, highway=["footway", "steps"], geometry=bow, osmid=[1, 2])
    graph.add_edge(12, 11, length=290.5, highway=["footway", "steps"], geometry=bow.reverse(), osmid=[1, 2])
    graph.add_edge(12, 13, length=96.0, highway="steps", oneway=True, private=False, osmid=3)
    osmnx.save_graphml(graph, tmp_path / "g.graphml")
    network, _ = read_graphml(tmp_path / "g.graphml")
    assert network.node_ids.tolist() == [11, 12, 13]
    assert network.length_m.tolist() == [290.5, 96.0]
    assert network.oneway.tolist() == [False, True]
    assert [network.kinds[k] for k in network.kind] == ["footway", "steps"]
    assert np.diff(network.shape_start).tolist() == [3, 2]
    assert not network.private.any()
    assert CRS.from_user_input(network.crs).is_projected


def test_graphml_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "g.graphml").write_text("<graphml", encoding="utf-8")
    with pytest.raises(InputError, match=r"g.graphml: cannot be read as GraphML"):
        read_graphml(tmp_path / "g.graphml")
    with pytest.raises(InputError, match=r"away.graphml: no such file"):
        read_graphml(tmp_path / "away.graphml")
    nx.write_graphml(nx.MultiDiGraph(), tmp_path / "none.graphml")
    with pytest.raises(InputError, match=r"none.graphml: graph names no coordinate system"):
        read_graphml(tmp_path / "none.graphml")


@pytest.mark.parametrize("name", ["roads.gpkg", "roads.graphml"])
def test_a_study_of_lines_or_a_graph_equals_that_of_the_extract(town: Path, name: str, cache: Path) -> None:
    expected = read_study(town, cache=cache)
    if name.endswith(".gpkg"):
        expected.network.to_gdf().to_file(town.parent / name, layer="roads")
    else:
        osmnx.save_graphml(expected.network.to_networkx(), town.parent / name)
    text = town.read_text(encoding="utf-8").replace("roads.osm", name)
    town.write_text(text, encoding="utf-8")
    study = read_study(town, cache=cache)
    assert study.coverage().metres == pytest.approx(expected.coverage().metres, abs=0.02)
    assert study.coverage().covered_people == expected.coverage().covered_people
    town.write_text(text.replace(name, "roads.txt"), encoding="utf-8")
    with pytest.raises(InputError, match=r"roads.txt: not a network; expected"):
        read_study(town, cache=cache)
    town.write_text(text.replace(f'"{name}"', '"roads.osm", noded = true'), encoding="utf-8")
    with pytest.raises(InputError, match=r"roads.osm: layer and noded are for files of lines"):
        read_study(town, cache=cache)


@pytest.mark.parametrize("suffix", ["", ".gpkg", ".parquet"])
def test_slopes_survive_the_way_through_lines(tmp_path: Path, suffix: str) -> None:
    """A hill of three streets: who walks up takes longer than who walks down, through every door."""
    flat = worlds.network([(0, 0), (400, 0), (400, 300), (900, 300)], [(0, 1), (2, 1), (2, 3)])
    factor = np.array([[1.5, 0.9], [1.1, 1.25], [1.3, 0.95]], dtype=np.float32)
    hill = replace(flat, climb_m=np.array([20, -12, 5], dtype=np.float32), slope_factor=factor)
    frame = hill.to_gdf()
    if suffix:
        path = tmp_path / f"hill{suffix}"
        frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
        frame = gpd.read_parquet(path) if suffix == ".parquet" else gpd.read_file(path)
    read = Network.from_gdf(frame, crs=worlds.CRS)
    assert sorted(read.climb_m.round(3).tolist()) == [-12, 5, 20]
    people, there = worlds.people([(10, 0), (400, 150), (880, 300)]), worlds.outlets([(900, 300)])
    back = worlds.outlets([(0, 0)])
    for sites in (there, back):
        wanted, found = (measure_coverage(network, people, sites).walk_s for network in (hill, read))
        np.testing.assert_allclose(found, wanted, rtol=1e-3)
        assert np.abs(found - measure_coverage(flat, people, sites).walk_s).max() > 1
    cut = read.to_gdf().assign(geometry=lambda lines: shapely.segmentize(lines.geometry, 100))
    pieces = Network.from_gdf(cut, crs=worlds.CRS, noded=True)
    np.testing.assert_allclose(measure_coverage(pieces, people, back).walk_s, wanted, rtol=1e-3)
