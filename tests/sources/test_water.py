"""Water of hand-made and real extracts, and that no site stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from osmfiles import node, relation, way, write_osm
from pyproj import Geod

import accessibility as acc
from accessibility.sources.osm.extracts import read_water

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Study

GEOD = Geod(ellps="WGS84")
WATER = {"natural": "water"}
SIDE = 0.001


def square(first: int, lon: float, lat: float, side: float = SIDE) -> list[str]:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    return [node(first + i, lon + x * side, lat + y * side) for i, (x, y) in enumerate(corners)]


def ring(number: int, first: int, tags: dict[str, str]) -> str:
    return way(number, [first, first + 1, first + 2, first + 3, first], tags)


@pytest.fixture
def waters(tmp_path: Path) -> Path:
    """Write a lake with an island, ponds of every kind, rivers of all widths, and what looks like water and is none."""
    inland = {20 * k: square(100 * k, 9.5 + 0.01 * k, 47.1) for k in range(1, 12)}
    return write_osm(
        tmp_path / "waters.osm",
        *square(1, 9.5, 47.1),
        *square(11, 9.5004, 47.1004, 0.0002),
        *(corner for corners in inland.values() for corner in corners),
        node(50, 9.5, 47.2),
        node(51, 9.51, 47.2),
        node(52, 9.5, 47.3, natural="water"),
        ring(1, 1, {}),
        ring(2, 11, {}),
        ring(3, 100, {"waterway": "riverbank"}),
        ring(4, 200, {"waterway": "dock", "name": "Harbour"}),
        ring(5, 300, {"landuse": "reservoir"}),
        ring(6, 400, {"landuse": "basin"}),
        ring(7, 500, {"landuse": "basin", "basin": "detention"}),
        ring(8, 600, {**WATER, "tunnel": "culvert"}),
        ring(9, 700, {"landuse": "reservoir", "covered": "yes"}),
        ring(10, 800, {"waterway": "river"}),
        ring(11, 900, {"landuse": "grass"}),
        ring(12, 1000, {"waterway": "canal", "area": "yes"}),
        way(20, [50, 51], {"waterway": "river", "width": "20"}),
        way(21, [50, 51], {"waterway": "river", "width": "9 m"}),
        way(22, [50, 51], {"waterway": "canal"}),
        way(23, [50, 51], {**WATER, "width": "50"}),
        relation(1, [("way", 1, "outer"), ("way", 2, "inner")], {**WATER, "type": "multipolygon", "water": "lake"}),
        relation(2, [("way", 77, "outer")], {**WATER, "type": "multipolygon", "name": "Far"}),
        relation(3, [("way", 20, "")], {"type": "waterway", "waterway": "river", "name": "A whole river"}),
    )


def test_waters_by_hand(waters: Path) -> None:
    frame, findings = read_water(waters)
    assert dict(zip(frame["id"], frame["water"], strict=True)) == {
        "r1": "lake",
        "w3": "riverbank",
        "w4": "dock",
        "w5": "reservoir",
        "w6": "basin",
        "w12": "canal",
        "w20": "river",
    }
    assert frame.crs == "EPSG:4326"
    shapes = frame.set_index("id").geometry
    lake = shapely.box(9.5, 47.1, 9.501, 47.101) - shapely.box(9.5004, 47.1004, 9.5006, 47.1006)
    assert shapes["r1"].symmetric_difference(lake).area == pytest.approx(0, abs=1e-12)
    length = GEOD.line_length([9.5, 9.51], [47.2, 47.2])
    assert abs(GEOD.geometry_area_perimeter(shapes["w20"])[0]) == pytest.approx(20 * length, rel=1e-3)
    assert frame.set_index("id").loc["w4", "name"] == "Harbour"
    assert [(f.code, f.count) for f in findings] == [("incomplete-water", 1)]
    assert "r2" in findings[0].message


def test_waters_outside_the_bounds_are_left_out(waters: Path) -> None:
    assert read_water(waters, (9.495, 47.05, 9.505, 47.15))[0]["id"].tolist() == ["r1"]
    nothing, _ = read_water(waters, (0, 0, 1, 1))
    assert (len(nothing), nothing.crs) == (0, "EPSG:4326")


@pytest.mark.real
def test_gdal_reads_the_same_water(liechtenstein: Path) -> None:
    frame, _ = read_water(liechtenstein)
    theirs = gpd.read_file(liechtenstein, layer="multipolygons", engine="pyogrio")
    theirs = theirs[theirs["natural"].eq("water") | theirs["landuse"].isin(["reservoir", "basin"])]
    hidden = theirs["other_tags"].str.contains('"tunnel"|"covered"', na=False)
    mine = frame[frame["water"].ne("riverbank")]
    assert len(mine) == len(theirs[~hidden])
    areas = [shapely.area(part.geometry.to_numpy()).sum() for part in (mine, theirs[~hidden])]
    assert areas[0] == pytest.approx(areas[1], rel=1e-6)


def test_no_site_stands_in_the_river(sample_study: Study) -> None:
    study = sample_study
    river = study.water
    assert study.districts is not None
    assert len(river) == 1
    inside = river.geometry.iloc[0].intersection(study.districts.union_all()).representative_point()
    trial = study.what_if()
    before = repr(trial)
    with pytest.raises(acc.InputError, match=r"added site 'N1' at .* lies in water \(澜汀河\); expected"):
        trial.add(inside.x, inside.y)
    with pytest.raises(acc.InputError, match=r"moved site 'O003' at .* lies in water"):
        trial.move("O003", inside.x, inside.y)
    assert repr(trial) == before
    added = acc.Scenario(added=(acc.Addition(id="N1", lon=inside.x, lat=inside.y),))
    with pytest.raises(acc.InputError, match="lies in water"):
        study.coverage(added)


def test_without_an_extract_there_is_no_water(town: Path) -> None:
    import networkx as nx  # noqa: PLC0415

    graph: Any = nx.MultiDiGraph(crs="EPSG:4326")
    for i, x in enumerate(np.linspace(108.2, 108.23, 4)):
        graph.add_node(i, x=x, y=30.5)
    for i in range(3):
        graph.add_edge(i, i + 1, length=958.0)
        graph.add_edge(i + 1, i, length=958.0)
    nx.write_graphml(graph, town.with_name("roads.graphml"))
    town.write_text(town.read_text("utf-8").replace("roads.osm", "roads.graphml"), "utf-8")
    study = acc.read_study(town)
    assert (len(study.water), study.water.crs) == (0, "EPSG:4326")
    study.refuse_place("site", 108.21, 30.5)
