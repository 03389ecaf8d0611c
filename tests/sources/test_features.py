"""Districts, places and buildings of hand-made and real extracts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import osmium
import pytest
import shapely
from conftest import ROOT
from osmfiles import node, relation, way, write_osm
from pyproj import Geod

from accessibility.errors import InputError
from accessibility.sources.osm.extracts import read_buildings, read_districts, read_places, read_water
from accessibility.sources.osm.tags import levels_of

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.errors import Finding

GEOD = Geod(ellps="WGS84")
REAL = ROOT.parent / "shared" / "data"
PORTO = REAL / "porto" / "porto-centre-2020.osm.pbf"
# Two squares side by side, of 0.01 degrees: 1 2 5 4 and 2 3 6 5.
NODES = [node(1 + x + 3 * y, 9.5 + x / 100, 47.1 + y / 100) for y in range(2) for x in range(3)]
BORDER = {"boundary": "administrative", "type": "boundary"}


def by_code(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.code: finding for finding in findings}


@pytest.fixture
def county(tmp_path: Path) -> Path:
    """Write two townships, a third with a missing way, and the county around the two."""
    return write_osm(
        tmp_path / "county.osm",
        *NODES,
        node(10, 9.505, 47.105, place="town", name="West", population="1 200"),
        node(11, 9.506, 47.106, place="village", name="Hamlet", population="70"),
        node(12, 9.515, 47.105, place="town", name="East", population="900"),
        way(1, [1, 4, 5], {"boundary": "administrative", "admin_level": "8"}),
        way(2, [1, 2, 5], {"boundary": "administrative", "admin_level": "8"}),
        way(3, [2, 3, 6, 5, 2], {"boundary": "administrative", "admin_level": "8"}),
        way(4, [1, 2, 3, 6, 5, 4, 1], {"boundary": "administrative", "admin_level": "6", "name": "County"}),
        relation(1, [("way", 1, "outer"), ("way", 2, "outer")], {**BORDER, "admin_level": "8", "name": "West"}),
        relation(
            2,
            [("way", 3, "outer")],
            {**BORDER, "admin_level": "8", "name": "East", "name:zh": "东镇", "population": "1000"},
        ),
        relation(3, [("way", 1, "outer"), ("way", 77, "outer")], {**BORDER, "admin_level": "8", "name": "South"}),
    )


def test_districts_by_hand(county: Path) -> None:
    frame, findings = read_districts(county, name_tag="name:zh")
    assert frame["id"].tolist() == ["r1", "r2"]  # way 3 is a ring of r2, not a district of its own
    assert frame["name"].tolist() == ["West", "东镇"]
    assert frame["admin_level"].tolist() == [8, 8]
    assert frame["population"].tolist() == [1200, 1000]  # of the place of that name; its own
    assert frame.crs == "EPSG:4326"
    assert set(frame.geom_type) == {"MultiPolygon"}
    assert shapely.equals(frame.geometry[1].geoms[0], shapely.box(9.51, 47.1, 9.52, 47.11))
    found = by_code(findings)
    assert (
        found["incomplete-district"].message
        == "1 districts of level 8 have rings that are not whole or do not close (South); not drawn"
    )
    assert (found["place-in-district"].count, found["place-in-district"].people) == (1, 70)
    assert found["population-of-place"].count == 1


def test_a_level_is_taken_when_asked_for(county: Path) -> None:
    frame, findings = read_districts(county, admin_level=6)
    assert frame["name"].tolist() == ["County"]
    assert math.isnan(frame["population"][0])
    assert by_code(findings)["population-missing"].count == 1


def test_districts_without_any_place_have_no_people(tmp_path: Path) -> None:
    ring = way(1, [1, 2, 5, 4, 1], {"boundary": "administrative", "admin_level": "8", "name": "West"})
    frame, findings = read_districts(write_osm(tmp_path / "one.osm", *NODES, ring))
    assert (frame["id"].tolist(), frame["population"].isna().tolist()) == (["w1"], [True])
    assert set(by_code(findings)) == {"population-missing"}


def test_a_level_without_a_whole_area_is_an_error(county: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no whole administrative area of level 4.*whole areas of levels \[6, 8\]"):
        read_districts(county, admin_level=4)
    with pytest.raises(InputError, match="no whole administrative area"):
        read_districts(write_osm(tmp_path / "empty.osm", *NODES))


@pytest.mark.parametrize(
    "ring", [[1, 4, 5], [1, 5, 2, 4, 1], [1, 2, 1]], ids=["does not close", "crosses itself", "has no area"]
)
def test_a_ring_that_is_no_outline_takes_nobody_else_with_it(tmp_path: Path, ring: list[int]) -> None:
    whole = [2, 3, 6, 5, 2]
    tagged = {
        "district": {**BORDER, "admin_level": "8", "name": "X", "population": "5"},
        "building": {"type": "multipolygon", "building": "yes"},
        "water": {"type": "multipolygon", "natural": "water"},
        "bank": {"type": "multipolygon", "amenity": "bank", "name": "X"},
    }
    objects = [*NODES, way(1, ring, {"note": "a ring"}), way(2, whole, {"note": "a ring"})]
    for number, tags in enumerate(tagged.values()):
        objects.append(relation(10 + number, [("way", 1, "outer")], tags))
        objects.append(relation(20 + number, [("way", 2, "outer")], tags))
    file = write_osm(tmp_path / "town.osm", *objects)
    districts, set_aside = read_districts(file)
    assert (districts["id"].tolist(), by_code(set_aside)["incomplete-district"].count) == (["r20"], 1)
    buildings, set_aside = read_buildings(file)
    assert (buildings["id"].tolist(), by_code(set_aside)["broken-building"].count) == (["r21"], 1)
    waters, set_aside = read_water(file)
    assert (waters["id"].tolist(), by_code(set_aside)["incomplete-water"].count) == (["r22"], 1)
    places, set_aside = read_places(file, "amenity=bank")
    assert places["id"].tolist() == ["r23"]
    assert sum(finding.count for finding in set_aside) == 1


@pytest.mark.parametrize("as_pbf", [False, True])
def test_a_way_around_that_is_no_outline_is_told_too(tmp_path: Path, *, as_pbf: bool) -> None:
    whole, crossed = [2, 3, 6, 5, 2], [1, 5, 2, 4, 1]
    border = {"boundary": "administrative", "admin_level": "8", "population": "5"}
    kinds = [border, {"building": "yes"}, {"natural": "water"}]
    objects = [*NODES, way(30, [1, 2, 3], {**border, "name": "piece"})]  # a piece of some border, and no area
    for number, tags in enumerate(kinds):
        objects.append(way(10 + number, whole, {**tags, "name": "whole"}))
        objects.append(way(20 + number, crossed, {**tags, "name": "crossed"}))
    file = write_osm(tmp_path / "town.osm", *objects)
    if as_pbf:
        with osmium.SimpleWriter(str(tmp_path / "town.osm.pbf")) as out:
            for thing in osmium.FileProcessor(str(file)):
                out.add(thing)
        file = tmp_path / "town.osm.pbf"
    for read, code, row in (
        (read_districts, "incomplete-district", "w10"),
        (read_buildings, "broken-building", "w11"),
        (read_water, "incomplete-water", "w12"),
    ):
        frame, set_aside = read(file)
        assert (frame["id"].tolist(), by_code(set_aside)[code].count) == ([row], 1)


@pytest.mark.real
def test_liechtenstein_has_eleven_municipalities(liechtenstein: Path) -> None:
    for level in (8, None):
        frame, _ = read_districts(liechtenstein, admin_level=level)
        assert len(frame) == 11
        assert frame["population"].sum() == 37_269
    area_km2 = sum(abs(GEOD.geometry_area_perimeter(shape)[0]) for shape in frame.geometry) / 1e6
    assert area_km2 == pytest.approx(160, abs=1)  # the country's published area


SQUARE = 0.0002  # degrees, about 22 m by 15 m


def square(first: int, lon: float, lat: float) -> list[str]:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    return [node(first + i, lon + x * SQUARE, lat + y * SQUARE) for i, (x, y) in enumerate(corners)]


def test_places_by_hand(tmp_path: Path) -> None:
    bank = {"amenity": "bank", "name": "Sparkasse"}
    path = write_osm(
        tmp_path / "town.osm",
        node(1, 9.5001, 47.1001, **bank),
        node(
            2,
            9.51,
            47.11,
            amenity="bank",
            brand="ICBC",
            **{"name:zh": "工商银行", "addr:street": "Main", "addr:city": "X"},
        ),
        node(3, 9.5001, 47.1001, amenity="atm", name="Sparkasse"),
        node(4, 9.52, 47.12, amenity="townhall", operator="Town"),
        *square(10, 9.5, 47.1),
        *square(20, 9.501, 47.1),
        *square(30, 9.53, 47.1),
        way(1, [10, 11, 12, 13, 10], {"building": "yes", **bank}),
        way(2, [20, 21, 22, 23, 20], bank),
        way(3, [30, 31, 32, 33, 30], {"amenity": "bank", "name": "Volksbank"}),
        way(4, [30, 31], {"amenity": "townhall", "name": "An open line"}),
        way(5, [30, 99, 30], {"amenity": "bank", "name": "Outside"}),
        way(6, [20, 21, 22, 23, 20], {"landuse": "grass"}),
        relation(1, [("way", 88, "outer")], {"type": "multipolygon", "amenity": "bank", "name": "Far"}),
        relation(2, [("way", 6, "outer")], {"type": "multipolygon", "amenity": "townhall", "name": "Ring"}),
    )
    frame, findings = read_places(path, "amenity=bank,amenity=townhall")
    places = frame.set_index("id")
    # w1 holds n1 of the same name; w2 has that name too, but stands 60 m away; the machine n3 is no bank.
    assert set(places.index) == {"n1", "n2", "n4", "w2", "w3", "w4", "r2"}
    assert places["name"].to_dict() == {
        "n1": "Sparkasse",
        "n2": "工商银行",
        "n4": "Town",
        "w2": "Sparkasse",
        "w3": "Volksbank",
        "w4": "An open line",
        "r2": "Ring",
    }
    assert places.loc["n2", "addr"] == "Main, X"
    assert places.loc["n2", "brand"] == "ICBC"
    assert places.loc["w3"].geometry.within(shapely.box(9.53, 47.1, 9.53 + SQUARE, 47.1 + SQUARE))
    found = by_code(findings)
    assert found["duplicate-place"].message.endswith("(w1)")
    assert found["place-without-location"].message.endswith("(r1, w5)")


def test_tags_may_be_a_mapping(tmp_path: Path) -> None:
    path = write_osm(tmp_path / "town.osm", node(1, 9.5, 47.1, office="government"), node(2, 9.5, 47.1, amenity="bank"))
    assert read_places(path, {"office": "government"})[0]["office"].tolist() == ["government"]
    assert len(read_places(path, {"office": "government", "amenity": ("bank", "atm")})[0]) == 2
    nothing, findings = read_places(path, "amenity=hospital")
    assert (len(nothing), findings, nothing.crs) == (0, [], "EPSG:4326")
    with pytest.raises(InputError, match="'bank' is no pair"):
        read_places(path, "bank")


@pytest.mark.real
@pytest.mark.parametrize(("tag", "count"), [("bank", 8), ("atm", 15), ("post_office", 12), ("townhall", 5)])
def test_services_of_liechtenstein(liechtenstein: Path, tag: str, count: int) -> None:
    frame, findings = read_places(liechtenstein, f"amenity={tag}")
    assert len(frame) + sum(f.count for f in findings) == count


def test_buildings_by_hand(tmp_path: Path) -> None:
    path = write_osm(
        tmp_path / "town.osm",
        *square(10, 9.5, 47.1),
        *square(20, 9.6, 47.1),
        *square(30, 9.7, 47.1),
        *square(40, 9.50005, 47.10005),
        node(50, 9.5, 47.2, building="house"),
        way(1, [10, 11, 12, 13, 10], {"building": "apartments"}),
        way(2, [20, 21, 22, 23, 20], {"building": "yes", "building:levels": "2.5"}),
        way(3, [30, 31, 32, 33, 30], {"building": "garage"}),
        way(4, [30, 31, 32, 33, 30], {"building": "no"}),
        way(5, [30, 31, 99, 30], {"building": "house"}),
        way(6, [40, 41, 42, 43, 40], {}),
        relation(1, [("way", 1, "outer")], {"type": "multipolygon", "building": "house", "building:levels": "x"}),
    )
    frame, findings = read_buildings(path)
    table = frame.set_index("id").sort_index()
    # w1 is the ring of r1.
    assert table["use"].to_dict() == {"r1": "residential", "w2": "unknown", "w3": "other"}
    assert table["levels"].to_dict() == {"r1": 1.0, "w2": 2.5, "w3": 1.0}
    outline = shapely.box(9.5, 47.1, 9.5 + SQUARE, 47.1 + SQUARE)
    assert table.loc["r1", "footprint_m2"] == pytest.approx(GEOD.geometry_area_perimeter(outline)[0], rel=1e-4)
    assert table.loc["r1"].geometry.within(outline)
    found = by_code(findings)
    assert (found["broken-building"].count, found["building-point"].count) == (1, 1)
    assert found["repeated-building"].count == 1
    assert read_buildings(path, bounds=(9.55, 47, 9.65, 48))[0]["id"].tolist() == ["w2"]
    assert len(read_buildings(path, bounds=(0, 0, 1, 1))[0]) == 0


def test_a_building_stays_where_it_is_a_hole_of_another_or_that_other_is_not_whole(tmp_path: Path) -> None:
    house = {"building": "house"}
    path = write_osm(
        tmp_path / "town.osm",
        *(node(1 + i, 9.5 + x * 0.001, 47.1 + y * 0.001) for i, (x, y) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)])),
        *square(10, 9.5004, 47.1004),
        *square(20, 9.6, 47.1),
        *square(30, 9.7, 47.1),
        *square(40, 9.701, 47.1),
        way(1, [1, 2, 3, 4, 1], house),
        way(2, [10, 11, 12, 13, 10], house),
        way(3, [20, 21, 22, 23, 20], house),
        way(4, [30, 31, 32, 33, 30], house),
        way(5, [40, 41, 42, 43, 40], house),
        relation(1, [("way", 1, "outer"), ("way", 2, "inner")], {"type": "multipolygon", **house}),
        relation(3, [("way", 3, "outer"), ("way", 99, "outer")], {"type": "multipolygon", **house}),
        relation(4, [("way", 4, ""), ("way", 5, "")], {"type": "multipolygon", **house}),
    )
    frame, findings = read_buildings(path)
    # The courtyard's own house, the ring of a house that is not whole, and one house of two parts.
    assert sorted(frame["id"]) == ["r1", "r4", "w2", "w3"]
    assert by_code(findings)["repeated-building"].count == 3
    assert frame.index.tolist() == [0, 1, 2, 3]


def test_a_place_tagged_on_relation_and_ring_is_one(tmp_path: Path) -> None:
    bank = {"amenity": "bank", "name": "Sparkasse"}
    path = write_osm(
        tmp_path / "town.osm",
        *square(10, 9.5, 47.1),
        *square(20, 9.6, 47.1),
        way(1, [10, 11, 12, 13, 10], bank),
        way(2, [20, 21, 22, 23, 20], {"building": "yes", "amenity": "atm"}),
        relation(1, [("way", 1, "outer")], {"type": "multipolygon", **bank}),
        relation(2, [("way", 2, "outer")], {"type": "multipolygon", "amenity": "bank"}),
    )
    frame, findings = read_places(path, "amenity=bank")
    assert frame["id"].tolist() == ["r1", "r2"]
    assert by_code(findings)["repeated-place"].message.endswith("(w1)")
    both = read_places(path, "amenity=bank,amenity=atm")[0]
    assert both["id"].tolist() == ["r1", "r2", "w2"]  # a machine in a bank is no bank


@pytest.mark.parametrize("value", ["bank;atm", "atm;bank", "atm; bank", "bank"])
def test_one_of_several_values_makes_a_place(tmp_path: Path, value: str) -> None:
    path = write_osm(tmp_path / "town.osm", node(1, 9.5, 47.1, amenity=value), node(2, 9.6, 47.1, amenity="bankrupt"))
    frame, _ = read_places(path, "amenity=bank")
    assert frame["amenity"].tolist() == [value]


@pytest.mark.parametrize(
    "more",
    [
        {"disused": "yes"},
        {"abandoned": "yes"},
        {"construction": "yes"},
        {"proposed": "yes"},
        {"building": "construction"},
        {"building": "ruins"},
        {"opening_hours": "off"},
        {"opening_hours": "closed"},
        {"opening_hours": "24/7 off"},
        {"opening_hours": "Mo-Su 00:00-24:00 off"},
        {"opening_hours": 'off "moved to the station"'},
        {"operational_status": "closed"},
    ],
    ids=str,
)
def test_what_is_disused_or_never_open_is_no_place(tmp_path: Path, more: dict[str, str]) -> None:
    bank = {"amenity": "bank"}
    path = write_osm(
        tmp_path / "town.osm",
        node(1, 9.5, 47.1, **bank, **more),
        node(2, 9.6, 47.1, **bank, opening_hours="Mo-Fr 09:00-16:00; Sa,Su,PH off"),
        node(3, 9.6, 47.1, **bank, disused="no", opening_hours="Mo closed; Tu-Su 09:00-12:00"),
    )
    frame, findings = read_places(path, "amenity=bank")
    assert frame["id"].tolist() == ["n2", "n3"]
    assert by_code(findings)["closed-place"].message.endswith("(n1)")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        *(({key: value}, True) for key, value in (("end_date", "2015"), ("opening_date", "2099-01-01"))),
        *(({key: value}, True) for key, value in (("access", "private"), ("access", "no"), ("vacant", "yes"))),
        *(({key: value}, True) for key, value in (("fixme", "closed?"), ("note", "2023年已撤销并入城关所"))),
        *(
            ({key: value}, False)
            for key, value in (("start_date", "1998"), ("access", "customers"), ("note", "2nd floor"))
        ),
    ],
    ids=str,
)
def test_what_may_be_closed_counts_and_is_told(tmp_path: Path, more: dict[str, str], told: bool) -> None:  # noqa: FBT001
    hall = {"amenity": "townhall"}
    path = write_osm(tmp_path / "town.osm", node(1, 9.5, 47.1, **hall, **more), node(2, 9.6, 47.1, **hall))
    frame, findings = read_places(path, "amenity=townhall")
    assert frame["id"].tolist() == ["n1", "n2"]
    said = "1 places count that may be closed, not open yet or for few, going by their days, notes or access (n1)"
    assert [finding.message for finding in findings if finding.code == "maybe-closed"] == [said] * told


def test_no_building_has_a_thousand_storeys() -> None:
    said = [levels_of({"building": "yes", "building:levels": text}) for text in ("163", "1000", "-1", "0")]
    assert said == [163, 1, 1, 1]


@pytest.mark.real
def test_buildings_of_liechtenstein(liechtenstein: Path) -> None:
    frame, _ = read_buildings(liechtenstein)
    assert len(frame) == 15_834
    assert np.isfinite(frame["footprint_m2"]).all()
    assert (frame["footprint_m2"] > 0).all()


@pytest.mark.real
@pytest.mark.skipif(not PORTO.is_file(), reason="the Porto extract is not beside the project")
def test_buildings_of_porto_with_those_that_are_points() -> None:
    frame, findings = read_buildings(PORTO)
    found = by_code(findings)
    assert len(frame) + found["building-point"].count + found["repeated-building"].count == 11_432
