"""Reading extracts: hand-made ones, real ones, and damaged ones."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import shutil
import tempfile
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import osmium
import pytest
from conftest import ROOT
from osmfiles import node, relation, way, write_osm
from pyproj import Geod

from accessibility.errors import InputError, OutputError
from accessibility.sources.lines import read_lines
from accessibility.sources.osm.extracts import read_network
from accessibility.streets.foot import FootAccess
from accessibility.streets.snapping import snap_points

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.errors import Finding

GEOD = Geod(ellps="WGS84")
REAL = ROOT.parent / "shared" / "data"
CORNERS = [node(1, 9.500, 47.1), node(2, 9.501, 47.1), node(3, 9.502, 47.1), node(4, 9.501, 47.101)]
ROUTE = relation(1, [("way", 1, "")], {"type": "route"})


def real(name: str) -> Path:
    path = REAL / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside the project")
    return path


def by_code(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.code: finding for finding in findings}


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Write a street of two edges, a path off its middle and a motorway."""
    return write_osm(
        tmp_path / "town.osm",
        *CORNERS,
        node(7, 10.0, 48.0),
        way(1, [1, 2, 3]),
        way(2, [2, 4], {"highway": "path"}),
        way(3, [1, 4], {"highway": "motorway"}),
        way(4, [1, 4], {"building": "yes"}),
        ROUTE,
    )


def test_a_town_by_hand(town: Path) -> None:
    network, findings = read_network(town)
    assert sorted(network.node_ids) == [1, 2, 3, 4]
    assert {tuple(pair) for pair in network.node_ids[network.edges].tolist()} == {(1, 2), (2, 3), (2, 4)}
    assert np.array(network.kinds)[network.kind].tolist() == ["residential", "residential", "path"]
    expected = [GEOD.inv(9.500, 47.1, 9.501, 47.1)[2]] * 2 + [GEOD.inv(9.501, 47.1, 9.501, 47.101)[2]]
    np.testing.assert_allclose(network.length_m, expected, atol=1e-4)
    found = by_code(findings)
    assert found["extract"].message == "2 ways may be walked; the file holds 5 nodes, 4 ways, 1 relations"
    assert found["not-walkable"].message == "1 streets and ferries may not be walked: 1 highway=motorway"
    assert set(found) == {"extract", "not-walkable"}
    assert found["extract"].source == "town.osm"


def test_every_format_gives_the_same(town: Path, tmp_path: Path) -> None:
    text = town.read_bytes()
    (tmp_path / "town.osm.gz").write_bytes(gzip.compress(text))
    (tmp_path / "town.osm.bz2").write_bytes(bz2.compress(text))
    with osmium.SimpleWriter(str(tmp_path / "town.osm.pbf")) as writer:
        for thing in osmium.FileProcessor(str(town)):
            writer.add(thing)
    plain, _ = read_network(town)
    for suffix in (".osm.gz", ".osm.bz2", ".osm.pbf"):
        other, _ = read_network(tmp_path / f"town{suffix}")
        np.testing.assert_array_equal(other.edges, plain.edges)
        np.testing.assert_array_equal(other.shape_xy, plain.shape_xy)


def test_a_path_in_chinese_is_read(town: Path, tmp_path: Path) -> None:
    folder = tmp_path / "测试 目录"
    folder.mkdir()
    assert len(read_network(town.rename(folder / "路网.osm"))[0].edges) == 3


def test_an_unsorted_file_reads_the_same(town: Path, tmp_path: Path) -> None:
    plain, _ = read_network(town)
    nodes = [node(3, 9.502, 47.1), node(1, 9.500, 47.1), node(4, 9.501, 47.101), node(2, 9.501, 47.1)]
    mixed = write_osm(
        tmp_path / "mixed.osm", ROUTE, way(2, [2, 4], {"highway": "path"}), *nodes[:2], way(1, [1, 2, 3]), *nodes[2:]
    )
    unsorted, _ = read_network(mixed)
    assert sorted(unsorted.length_m) == pytest.approx(sorted(plain.length_m))


@pytest.mark.parametrize(
    "said",
    [
        *({"status": "规划中"}, {"planned": "true"}, {"是否通车": "0"}, {"walkable": "no"}, {"可步行": "否"}),
        *({"construction": "yes"}, {"razed": "yes"}, {"demolished": "yes"}, {"impassable": "yes"}),
    ],
)
def test_what_a_column_says_of_a_street_counts_in_an_extract_too(tmp_path: Path, said: dict[str, str]) -> None:
    ways = way(1, [1, 2, 3]), way(2, [2, 4], {"highway": "residential"} | said)
    network, findings = read_network(write_osm(tmp_path / "t.osm", *CORNERS, *ways, ROUTE))
    assert network.length_m.sum() == pytest.approx(GEOD.inv(9.5, 47.1, 9.502, 47.1)[2], rel=1e-3)
    assert by_code(findings)["not-walkable"].count == 1


@pytest.mark.parametrize(
    ("said", "doubtful"),
    [
        *(({"opening_date": "2099-05"}, 1), ({"start_date": "2099"}, 1), ({"end_date": "2015"}, 1)),
        *(({"disused": "yes"}, 1), ({"abandoned": "yes"}, 1), ({"construction": "minor"}, 0)),
        *(({"start_date": "~1850"}, 0), ({"end_date": "2099"}, 0), ({"end_date": "present"}, 0)),
    ],
)
def test_a_street_that_may_not_be_there_is_walked_and_told_by_every_door(
    tmp_path: Path, said: dict[str, str], doubtful: int
) -> None:
    ways = way(1, [1, 2, 3]), way(2, [2, 4], {"highway": "residential"} | said)
    network, findings = read_network(write_osm(tmp_path / "t.osm", *CORNERS, *ways, ROUTE))
    lines = gpd.GeoDataFrame(
        {"highway": ["residential"] * 2} | {key: [None, value] for key, value in said.items()},
        geometry=gpd.GeoSeries.from_wkt(["LINESTRING (9.5 47.1, 9.501 47.1)", "LINESTRING (9.501 47.1, 9.501 47.101)"]),
        crs=4326,
    )
    lines.to_file(tmp_path / "t.gpkg")
    drawn, more = read_lines(tmp_path / "t.gpkg")
    assert (len(network.edges), len(drawn.edges)) == (3, 2)
    for told in (by_code(findings), by_code(more)):
        assert (told["doubtful-street"].count if "doubtful-street" in told else 0) == doubtful


@pytest.mark.parametrize(
    ("said", "walked"),
    [
        *(({"foot": "No"}, False), ({"highway": "Residential"}, True), ({"closed": "yes"}, False)),
        *(({"highway": "motorway", "foot": "True"}, True), ({"highway": "Motorway"}, False)),
    ],
)
def test_words_of_tags_are_read_alike_by_every_door(tmp_path: Path, said: dict[str, str], walked: bool) -> None:  # noqa: FBT001
    tags = {"highway": "residential"} | said
    ways = way(1, [1, 2, 3]), way(2, [2, 4], tags)
    packed = ",".join(f'"{key}"=>"{value}"' for key, value in tags.items())
    shapes = gpd.GeoSeries.from_wkt(["LINESTRING (9.5 47.1, 9.501 47.1)", "LINESTRING (9.501 47.1, 9.501 47.101)"])
    lines = {"columns": {key: [None, value] for key, value in said.items()}, "packed": {"other_tags": [None, packed]}}
    doors = [read_network(write_osm(tmp_path / "t.osm", *CORNERS, *ways, ROUTE))[0]]
    for name, columns in lines.items():
        told = {"highway": ["residential", tags["highway"]]} if name == "columns" else {}
        first = {} if name == "columns" else {"other_tags": ['"highway"=>"residential"', packed]}
        frame = gpd.GeoDataFrame(columns | told | first, geometry=shapes, crs=4326)
        frame.to_file(tmp_path / f"{name}.gpkg")
        doors.append(read_lines(tmp_path / f"{name}.gpkg")[0])
    up = GEOD.inv(9.501, 47.1, 9.501, 47.101)[2]
    for network in doors:
        kept = network.length_m[~network.closed]
        assert (np.abs(kept - up) < 0.1).any() == walked


def test_foot_options_reach_the_streets(tmp_path: Path) -> None:
    path = write_osm(
        tmp_path / "town.osm",
        *CORNERS[:3],
        node(4, 9.501, 47.101, barrier="gate", access="private"),
        node(5, 9.501, 47.102),
        way(1, [1, 2, 3]),
        way(2, [2, 4, 5], {"highway": "service", "access": "private"}),
        way(3, [1, 5], {"highway": "bridleway"}),
        ROUTE,
    )
    closed, findings = read_network(path, foot=FootAccess(access="china"))
    assert {tuple(pair) for pair in closed.node_ids[closed.edges].tolist()} == {(1, 2), (2, 3), (2, 5)}
    assert closed.private.tolist() == [False, False, True]
    assert "blocking-barrier" not in by_code(findings)
    default, _ = read_network(path)
    assert len(default.edges) == 4


def test_who_lives_above_a_platform_or_a_tunnel_goes_to_the_street_and_may_walk_through(tmp_path: Path) -> None:
    """The home is 1 m from the way under it and 111 m from the street, which leads through it to the counter."""
    for kind in (
        {"highway": "footway", "tunnel": "yes"},
        {"highway": "platform"},
        {"highway": "footway", "indoor": "yes"},
    ):
        path = write_osm(tmp_path / "t.osm", *CORNERS, way(1, [1, 2]), way(2, [2, 4], kind), way(3, [4, 3]), ROUTE)
        network, _ = read_network(path)
        (under,) = np.flatnonzero(network.off_ground)
        north = network.node_xy[network.edges[under]].mean(axis=0)
        at = snap_points(network, north[None, :] + [1.0, 0.0], 500.0)
        assert at.edge[0] != under
        assert at.leg_m[0] > 30
        assert network.component_sizes.tolist() == [4]


def test_a_locked_gate_cuts_the_way(tmp_path: Path) -> None:
    gate = node(2, 9.501, 47.1, barrier="gate", locked="yes")
    network, findings = read_network(
        write_osm(tmp_path / "town.osm", CORNERS[0], gate, CORNERS[2], way(1, [1, 2, 3]), ROUTE)
    )
    assert network.component_sizes.tolist() == [2, 2]
    assert by_code(findings)["blocking-barrier"].count == 1


def test_missing_nodes_and_short_ways_are_counted(tmp_path: Path) -> None:
    ways = [way(1, [1, 2, 3, 4]), way(12, [3, 99, 1]), way(13, [4])]
    path = write_osm(tmp_path / "town.osm", *CORNERS, *ways)
    _, findings = read_network(path)
    found = by_code(findings)
    assert found["missing-nodes"].count == 1
    assert found["single-node-way"].count == 1
    assert found["suspect-truncated"].message == (
        "may be cut short: there is no relation and 20% of the nodes of its walkable ways are missing; "
        "compare its size or checksum with where it came from"
    )


def test_places_off_the_earth_are_counted(tmp_path: Path) -> None:
    path = write_osm(tmp_path / "town.osm", *CORNERS, node(5, 200, 95), way(1, [1, 2, 3]), way(2, [3, 5]), ROUTE)
    network, findings = read_network(path)
    assert len(network.edges) == 1
    assert by_code(findings)["invalid-location"].count == 1
    assert "missing-nodes" not in by_code(findings)


def test_bounds(town: Path) -> None:
    network, _ = read_network(town, bounds=(9.4, 47.1005, 9.6, 47.2))
    assert {tuple(pair) for pair in network.node_ids[network.edges].tolist()} == {(2, 4)}
    with pytest.raises(InputError, match=r"town\.osm: none of its 2 walkable ways meets the box"):
        read_network(town, bounds=(10, 47, 11, 48))


def test_the_cache_changes_nothing(town: Path, tmp_path: Path) -> None:
    plain, said = read_network(town)
    for _ in range(2):
        kept, told = read_network(town, cache_dir=tmp_path / "cache")
        assert told == said
        for name in ("node_xy", "edges", "length_m", "kind", "oneway", "shape_xy", "shape_start", "node_ids"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(plain, name))
        assert kept.crs == plain.crs
    china, _ = read_network(town, foot=FootAccess(access="china"), cache_dir=tmp_path / "cache")
    utm, _ = read_network(town, crs="EPSG:32632", cache_dir=tmp_path / "cache")
    assert utm.crs.to_epsg() == 32632
    assert china.crs == plain.crs
    assert len(list((tmp_path / "cache").glob("network-*"))) == 3
    assert len(list((tmp_path / "cache").glob("streets-*"))) == 2  # another system or box asks for no other streets


WHOLE = '<?xml version="1.0"?><osm version="0.6">'
BOMB = '<?xml version="1.0"?><!DOCTYPE o [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><osm version="0.6">&b;</osm>'


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("town.osm.pbf", b"", "the file is empty"),
        ("town.osm.pbf", np.random.default_rng(1).bytes(5000), "PBF error"),
        ("town.osm.pbf", b"<html><body>404 Not Found</body></html>", "PBF error"),
        ("town.osm", b"<html><body>404 Not Found</body></html>", "html"),
        ("town.osm.gz", b"not compressed", "syntax error"),
        ("town.osm.gz", gzip.compress(WHOLE.encode() * 99, mtime=0)[:40], "gzip error"),
        ("town.osm", f'{WHOLE}<node id="1" lon="nan" lat="1"/></osm>'.encode(), "coordinate"),
        ("town.osm", f'{WHOLE}<node id="1" lon="1" lat="1"/>'.encode(), "no element found"),
        ("town.osm", BOMB.encode(), "entities"),
        ("town.txt", b"hello", "is not named as an OpenStreetMap extract"),
    ],
)
def test_damaged_files_are_named_with_the_reason(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected) as error:
        read_network(path)
    assert name in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"town\.osm\.pbf: no such file"):
        read_network(tmp_path / "town.osm.pbf")


def test_a_file_without_a_walkable_way_says_what_it_holds(tmp_path: Path) -> None:
    ways = [way(1, [1, 2], {"highway": "motorway"}), way(2, [1, 3], {"building": "yes"})]
    path = write_osm(tmp_path / "town.osm", *CORNERS, *ways)
    with pytest.raises(InputError, match=r"none of its 2 ways may be walked \(1 streets .*: 1 highway=motorway\)"):
        read_network(path)


def test_ways_without_their_nodes_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"town\.osm: 1 walkable ways hold no two neighbouring nodes with a place"):
        read_network(write_osm(tmp_path / "town.osm", way(1, [1, 2, 3])))


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2263", "nonsense"])
def test_a_coordinate_system_that_is_not_in_metres_is_refused(town: Path, crs: str) -> None:
    with pytest.raises(InputError, match="coordinate system"):
        read_network(town, crs=crs)


def test_a_checksum_beside_the_file_is_compared(town: Path) -> None:
    beside = town.with_name("town.osm.md5")
    beside.write_text(f"{hashlib.md5(town.read_bytes(), usedforsecurity=False).hexdigest()}  town.osm\n")
    assert read_network(town)
    beside.write_text("0" * 32 + "  town.osm\n")
    with pytest.raises(InputError, match=r"its MD5 is .* expected '0{32}'"):
        read_network(town)


def test_too_little_room_is_said_before_reading(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 10

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(OutputError, match="10 bytes are free"):
        read_network(town)


def test_temporary_files_are_removed(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    read_network(town)
    broken = tmp_path / "broken.osm.pbf"
    broken.write_bytes(b"x" * 100)
    with pytest.raises(InputError):
        read_network(broken)
    assert not list(scratch.iterdir())


def blocks(data: bytes) -> list[int]:
    """Return where each block of a PBF file ends: a length, a header that ends with the data's size, the data."""
    ends, at = [], 0
    while at < len(data):
        header = int.from_bytes(data[at : at + 4], "big")
        head = data[at + 4 : at + 4 + header]
        size, shift = 0, 0
        for byte in head[head.rindex(b"\x18") + 1 :]:  # field 3 of BlobHeader, a varint, stands last
            size |= (byte & 0x7F) << shift
            shift += 7
        at += 4 + header + size
        ends.append(at)
    assert at == len(data)
    return ends


@pytest.mark.real
def test_a_file_cut_at_a_block_boundary_is_suspected(tmp_path: Path) -> None:
    data = real("munich/munich-centre-2020.osm.pbf").read_bytes()
    assert "suspect-truncated" not in by_code(read_network(real("munich/munich-centre-2020.osm.pbf"))[1])
    cuts = blocks(data)[:-1]
    assert len(cuts) > 5
    outcomes = []
    for cut in cuts:
        path = tmp_path / "cut.osm.pbf"
        path.write_bytes(data[:cut])
        try:
            outcomes.append("suspect-truncated" in by_code(read_network(path)[1]))
        except InputError as error:
            assert "cut.osm.pbf" in str(error)  # noqa: PT017 -- either answer will do, silence will not
            outcomes.append(True)
    assert all(outcomes)


@pytest.mark.real
def test_any_other_cut_or_flipped_byte_gives_our_error_or_a_network(tmp_path: Path) -> None:
    data = real("munich/munich-centre-2020.osm.pbf").read_bytes()
    rng = np.random.default_rng(7)
    path = tmp_path / "cut.osm.pbf"
    for cut in rng.integers(1, len(data), 8).tolist():
        path.write_bytes(data[:cut])
        with pytest.raises(InputError, match=r"cut\.osm\.pbf"):
            read_network(path)
    for at in rng.integers(0, len(data), 8).tolist():
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            read_network(path)
        except InputError as error:
            assert "cut.osm.pbf" in str(error)  # noqa: PT017


def plain_reading(path: Path, foot: FootAccess) -> tuple[int, float]:
    """Return walkable ways and their metres, one object at a time, by pyproj."""
    count, total = 0, 0.0
    everything: Any = osmium.FileProcessor(str(path)).with_locations()
    for thing in everything:
        square = thing.is_way() and thing.tags.get("area") == "yes" and thing.nodes[0].ref == thing.nodes[-1].ref
        if thing.is_way() and not square and foot.may_walk(dict(thing.tags)).walkable:
            count += 1
            line = [(n.lon, n.lat) if n.location.valid() else None for n in thing.nodes]
            total += sum(GEOD.inv(*a, *b)[2] for a, b in pairwise(line) if a and b)
    return count, total


@pytest.mark.real
@pytest.mark.parametrize("name", ["liechtenstein/liechtenstein-2021.osm.pbf", "monaco/monaco.osm.gz"])
def test_real_extracts_agree_with_a_plain_reading(name: str) -> None:
    path = real(name)
    count, total = plain_reading(path, FootAccess())
    network, findings = read_network(path)
    # Squares are walked across, and long tunnels of main roads are not walked: the plain reading knows neither.
    assert by_code(findings)["extract"].count == pytest.approx(count, rel=0.02)
    street = ~network.across & ~network.outline
    assert network.length_m[street].sum() == pytest.approx(total, rel=0.02)


@pytest.mark.real
def test_liechtenstein_holds_the_published_length(liechtenstein: Path) -> None:
    # 6 904 ways and 1 304 km were counted where cycleways and tracks for farmers and foresters may be walked.
    network, found = read_network(liechtenstein)
    assert by_code(found)["extract"].count == pytest.approx(6904, rel=0.01)
    assert network.length_m.sum() / 1000 == pytest.approx(1304, rel=0.015)
    main = network.component_sizes.max() / network.component_sizes.sum()
    assert main > 0.95
