"""One extract, saved as editors and tools save it: every layer reads the same from all of them."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import osmium
import pytest
from osmfiles import node, relation, way, write_osm

from accessibility.errors import InputError
from accessibility.sources.osm.extracts import read_buildings, read_districts, read_network, read_places, read_water
from accessibility.sources.osm.pbf import Look, look_through

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from accessibility.errors import Finding

LOCKED = {"barrier": "gate", "locked": "yes"}
DISTRICT = {"type": "boundary", "boundary": "administrative", "admin_level": "8", "name": "Town", "population": "900"}


def square(first: int, lon: float, lat: float, side: float) -> list[str]:
    """Return four corners, of ids from `first` on."""
    return [
        node(first, lon, lat),
        node(first + 1, lon + side, lat),
        node(first + 2, lon + side, lat + side),
        node(first + 3, lon, lat + side),
    ]


def ring(first: int) -> list[int]:
    return [first, first + 1, first + 2, first + 3, first]


NODES = [
    *(node(number, 9.5 + number / 1_000, 47.1) for number in (1, 2)),
    node(3, 9.503, 47.1, **LOCKED),
    *(node(number, 9.5 + number / 1_000, 47.1) for number in (4, 5)),
    node(6, 9.502, 47.102),
    node(7, 9.5045, 47.1001, amenity="bank", name="At the corner"),
    *square(10, 9.5021, 47.1001, 0.0004),
    *square(20, 9.5030, 47.1005, 0.0004),
    *square(30, 9.4900, 47.0900, 0.03),
    *square(40, 9.5040, 47.1005, 0.0004),
]
WAYS = [
    way(1, [1, 2, 3, 4]),
    way(2, [4, 5]),
    way(3, [2, 6], {"highway": "path"}),
    way(10, ring(10), {"building": "yes", "amenity": "bank", "name": "In a house"}),
    way(20, ring(20)[:3], {"note": "half of a house"}),
    way(21, ring(20)[2:], {"note": "the other half"}),
    way(30, ring(30), {"note": "the border"}),
    way(40, ring(40), {"natural": "water"}),
]
RELATIONS = [
    relation(20, [("way", 20, "outer"), ("way", 21, "outer")], {"type": "multipolygon", "building": "apartments"}),
    relation(30, [("way", 30, "outer")], DISTRICT),
]
PLAIN = (*NODES, *WAYS, *RELATIONS)


def everything(path: Path) -> dict[str, Any]:
    """Return what every reader finds in an extract, whatever the ids."""
    network, findings = read_network(path)
    places, _ = read_places(path, "amenity=bank")
    buildings, broken = read_buildings(path)
    districts, left_out = read_districts(path)
    water, _ = read_water(path)
    return {
        "streets": np.sort(network.length_m).round(6).tolist(),
        "parts": np.sort(network.component_sizes).tolist(),
        "cut": [finding.message for finding in findings if finding.code in ("missing-nodes", "blocking-barrier")],
        "places": sorted(zip(places["name"], places.geometry.to_wkt(rounding_precision=7), strict=True)),
        "buildings": sorted(zip(buildings["use"], buildings["footprint_m2"].round(3), strict=True)),
        "districts": [
            (row.name, row.population, round(row.geometry.area, 9)) for row in districts.itertuples(index=False)
        ],
        "water": [round(shape.area, 12) for shape in water.geometry],
        "lost": [finding.code for finding in broken + left_out],
    }


def numbered(change: Callable[[int], int], objects: Sequence[str]) -> list[str]:
    """Return objects with other ids."""
    return [re.sub(r'\b(id|ref)="(\d+)"', lambda m: f'{m[1]}="{change(int(m[2]))}"', text) for text in objects]


def by_overpass(path: Path) -> Path:
    return write_osm(path, *RELATIONS, *WAYS, *NODES)


def by_no_order(path: Path) -> Path:
    return write_osm(path, *PLAIN[::-1])


def by_josm(path: Path) -> Path:
    return write_osm(path, *numbered(lambda number: -number, PLAIN))


def by_josm_in_part(path: Path) -> Path:
    """Write what an editor drew into an existing extract."""
    return write_osm(path, *numbered(lambda number: -number if number >= 6 else number, PLAIN))


def by_josm_deleted(path: Path) -> Path:
    gone = [
        node(60, 9.506, 47.1),
        way(60, [5, 60]),
        way(61, ring(10), {"building": "yes"}),
        node(62, 9.5, 47.1, amenity="bank", name="Closed"),
    ]
    marked = [re.sub(r' version="1"', " version='1' visible='true' action='delete'", text, count=1) for text in gone]
    return write_osm(path, *NODES, marked[0], marked[3], *WAYS, *marked[1:3], *RELATIONS)


def twice(path: Path) -> Path:
    return write_osm(path, *(text for each in PLAIN for text in (each, each)))


def one_after_the_other(path: Path) -> Path:
    return write_osm(path, *PLAIN, *PLAIN)


def by_history(path: Path) -> Path:
    """Write older versions of everything, and a street and a bank that are deleted."""
    new = [re.sub(r'version="1"', 'version="3" visible="true"', text, count=1) for text in PLAIN]
    old = [
        re.sub(r'version="1"', 'version="2" visible="true"', text, count=1).replace("residential", "motorway")
        for text in PLAIN
    ]
    gone = [
        way(60, [1, 6]),
        '<way id="60" version="2" visible="false"/>',
        node(70, 9.5, 47.1, amenity="bank", name="Closed"),
        '<node id="70" version="2" visible="false"/>',
    ]
    return write_osm(path, *(text for pair in zip(old, new, strict=True) for text in pair), *gone)


def placed_on_ways(path: Path) -> Path:
    """Write coordinates on the ways and leave out the nodes without tags."""
    where = {
        match[1]: match[2]
        for match in re.finditer(r'<node id="(\d+)" version="1" (lon="\S+" lat="\S+")>', "".join(NODES))
    }
    ways = [re.sub(r'<nd ref="(\d+)"/>', lambda m: f'<nd ref="{m[1]}" {where[m[1]]}/>', text) for text in WAYS]
    return write_osm(path, *(text for text in NODES if "<tag" in text), *ways, *RELATIONS)


def packed(path: Path) -> Path:
    path = path.with_suffix(".osm.gz")
    path.write_bytes(gzip.compress(by_overpass(path.with_suffix(".plain")).read_bytes()))
    return path


def as_pbf(path: Path, objects: Sequence[str], written: str = "pbf") -> Path:
    """Write objects as a PBF, in their order, untagged nodes left out where their places are on the ways."""
    given = write_osm(path, *objects)
    target = path.with_suffix(".osm.pbf")
    reading: Any = osmium.FileProcessor(given)
    if "locations" in written:
        reading = reading.with_locations()
    with osmium.SimpleWriter(osmium.io.File(str(target), written)) as writer:
        for thing in reading:
            if not ("locations" in written and thing.is_node() and not thing.tags):
                writer.add(thing)
    return target


def pbf_placed_on_ways(path: Path) -> Path:
    return as_pbf(path, PLAIN, "pbf,locations_on_ways=true")


def pbf_by_overpass(path: Path) -> Path:
    return as_pbf(path, (*WAYS, *NODES[::-1], *RELATIONS))


def pbf_by_josm(path: Path) -> Path:
    return as_pbf(path, numbered(lambda number: -number, PLAIN))


def pbf_without_dense_nodes(path: Path) -> Path:
    return as_pbf(path, (*NODES[::-1], *WAYS, *RELATIONS), "pbf,pbf_dense_nodes=false")


def pbf_by_history(path: Path) -> Path:
    source, target = by_history(path), path.with_suffix(".osh.pbf")
    header = osmium.io.Header()
    header.has_multiple_object_versions = True
    with osmium.SimpleWriter(str(target), header=header) as writer:
        for thing in osmium.FileProcessor(source):
            writer.add(thing)
    return target


WRITERS = [
    *(by_overpass, by_no_order, by_josm, by_josm_in_part, by_josm_deleted, twice, one_after_the_other, by_history),
    *(placed_on_ways, packed, pbf_placed_on_ways, pbf_by_overpass, pbf_by_josm, pbf_without_dense_nodes),
    pbf_by_history,
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return everything(write_osm(tmp_path_factory.mktemp("plain") / "town.osm", *PLAIN))


def test_the_plain_town_holds_what_it_was_drawn_with(plain: dict[str, Any]) -> None:
    assert len(plain["streets"]) == 5  # 1-2, 2-3, 3-4 beyond the gate, 4-5, 2-6
    assert plain["parts"] == [3, 4]  # the locked gate stands twice
    assert [name for name, _ in plain["places"]] == ["At the corner", "In a house"]
    assert [use for use, _ in plain["buildings"]] == ["residential", "unknown"]
    assert plain["districts"] == [("Town", 900.0, pytest.approx(0.03**2))]
    assert len(plain["water"]) == 1
    assert plain["lost"] == []


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_every_layer_reads_the_same_however_the_extract_was_saved(
    write: Callable[[Path], Path], plain: dict[str, Any], tmp_path: Path
) -> None:
    assert everything(write(tmp_path / "town.osm")) == plain


def test_an_object_that_was_drawn_keeps_its_own_id(tmp_path: Path) -> None:
    path = by_josm_in_part(tmp_path / "town.osm")
    assert sorted(read_places(path, "amenity=bank")[0]["id"]) == ["n-7", "w-10"]
    assert sorted(read_buildings(path)[0]["id"]) == ["r-20", "w-10"]
    assert read_districts(path)[0]["id"].tolist() == ["r-30"]


def test_changesets_between_the_objects_are_passed_over(tmp_path: Path) -> None:
    told = '<changeset id="1" created_at="2020-01-01T00:00:00Z" open="false"><tag k="comment" v="x"/></changeset>'
    plain = read_network(write_osm(tmp_path / "plain.osm", *PLAIN))[0]
    network = read_network(write_osm(tmp_path / "told.osm", told, *PLAIN, told))[0]
    assert network.node_ids.tolist() == plain.node_ids.tolist()
    assert network.length_m.tolist() == plain.length_m.tolist()
    with pytest.raises(InputError, match=r"alone\.osm: "):
        read_network(write_osm(tmp_path / "alone.osm", told))


def test_a_file_of_changes_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "changes.osm"
    path.write_text(f'<osmChange version="0.6"><modify>{"".join(PLAIN)}</modify></osmChange>', encoding="utf-8")
    with pytest.raises(InputError, match=r"changes.osm: is a file of changes; expected an extract"):
        read_network(path)


def test_relations_with_the_shapes_of_their_members_are_refused_by_name(tmp_path: Path) -> None:
    shaped = RELATIONS[1].replace('role="outer"/>', 'role="outer"><nd lat="47.1" lon="9.5"/></member>')
    path = write_osm(tmp_path / "shaped.osm", *NODES, *WAYS, shaped)
    with pytest.raises(InputError, match=r"shaped.osm: its relations hold the shapes of their members"):
        read_places(path, "amenity=bank")


def test_a_look_tells_how_an_extract_holds_its_objects(tmp_path: Path) -> None:
    assert look_through(as_pbf(tmp_path / "plain.osm", PLAIN)).is_plain
    many = [node(10**15 + 3 * number, 9.5, 47.1) for number in range(9_000)]
    assert look_through(as_pbf(tmp_path / "many.osm", many)).is_plain
    back = look_through(as_pbf(tmp_path / "back.osm", [*many, node(5, 9.5, 47.1)]))
    assert (back.rising, back.drawn) == (False, False)
    drawn = look_through(as_pbf(tmp_path / "drawn.osm", [node(1, 9.5, 47.1), way(-1, [1, 1])]))
    assert drawn.drawn
    assert not drawn.is_plain


def test_a_look_wants_rising_ids_of_each_kind() -> None:
    look = Look()
    look.meet(0, [1, 2, 9])
    look.meet(0, [10])
    look.meet(1, [1])
    look.meet(2, [1, 2])
    assert look.is_plain
    for rank, numbers in ((0, [11]), (2, [2]), (2, [4, 3])):
        again = Look()
        again.meet(2, [2])
        again.meet(rank, numbers)
        assert not again.rising


def test_findings_say_the_name_of_the_file_not_of_its_copy(tmp_path: Path) -> None:
    findings: list[Finding] = read_network(by_overpass(tmp_path / "town.osm"))[1]
    assert {finding.source for finding in findings} == {"town.osm"}
    assert findings[0].message == "3 ways may be walked; the file holds 23 nodes, 8 ways, 2 relations"
