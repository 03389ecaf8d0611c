"""Nodes and ways of a PBF as arrays are what osmium reads of it, however it was written."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import osmium
import pytest

from accessibility.sources.osm.pbf import DrawnWays, Nodes, Tags, objects_of

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["highway", "name", "oneway", "yes", "no", "", "南京路", "x" * 300]
WRITTEN = ["pbf", "pbf,pbf_dense_nodes=false,pbf_compression=none,add_metadata=false"]


def write(path: Path, written: str, seed: int) -> None:
    """Write objects with ids, places and references of all sizes, with several blocks of each kind."""
    chance = random.Random(seed)  # noqa: S311 -- no secret

    def tags() -> dict[str, str]:
        return {chance.choice(TEXTS[:3]): chance.choice(TEXTS) for _ in range(chance.choice([0, 0, 1, 3]))}

    number = 0
    with osmium.SimpleWriter(osmium.io.File(str(path), written)) as writer:
        for _ in range(9_000):
            number += chance.choice([1, 1, 1, 7, 2**40])
            place = chance.uniform(-180, 180), chance.uniform(-90, 90)
            writer.add_node(osmium.osm.mutable.Node(id=number, version=3, location=place, tags=tags()))
        for at in range(1, 9_000):
            refs = [chance.choice([1, at, number]) for _ in range(chance.choice([0, 1, 2, 9]))]
            writer.add_way(osmium.osm.mutable.Way(id=at, version=3, nodes=refs, tags=tags()))
        writer.add_relation(osmium.osm.mutable.Relation(id=5, version=3, members=[("w", 4, "outer")], tags=tags()))


def named(tags: Tags, count: int) -> list[list[tuple[str, str]]]:
    """Return the tags of so many objects."""
    found: list[list[tuple[str, str]]] = [[] for _ in range(count)]
    for of, key, value in zip(tags.of.tolist(), tags.key.tolist(), tags.value.tolist(), strict=True):
        found[of].append((tags.texts[key].decode(), tags.texts[value].decode()))
    return found


@pytest.mark.parametrize("written", WRITTEN)
def test_arrays_hold_what_osmium_reads(written: str, tmp_path: Path) -> None:
    write(tmp_path / "a.osm.pbf", written, WRITTEN.index(written))
    there = [*map(told, osmium.FileProcessor(tmp_path / "a.osm.pbf", osmium.osm.NODE | osmium.osm.WAY))]
    at, kinds = 0, set()
    for some in objects_of(tmp_path / "a.osm.pbf"):
        tags = named(some.tags, len(some.ids))
        rows: list[tuple[object, ...]]
        if isinstance(some, Nodes):
            rows = [*zip(some.ids.tolist(), map(tuple, some.lonlat_e7.tolist()), tags, strict=True)]
        else:
            refs = [some.refs_of(row) for row in range(len(some.ids))]
            rows = [*zip(some.ids.tolist(), refs, tags, strict=True)]
            assert some.closed.tolist() == [bool(way) and way[0] == way[-1] for way in refs]
        assert rows == there[at : at + len(rows)]
        at += len(rows)
        kinds.add(type(some))
    assert at == len(there) == 17_999
    assert kinds == {Nodes, DrawnWays}


def told(thing: Any) -> tuple[object, ...]:
    """Return what is told of an object of osmium's."""
    tags = [(tag.k, tag.v) for tag in thing.tags]
    if thing.is_way():
        return thing.id, [node.ref for node in thing.nodes], tags
    return thing.id, (thing.location.x, thing.location.y), tags


def number(value: int) -> bytes:
    """Return a number of Protocol Buffers."""
    more = []
    while value > 127:
        more.append(value & 127 | 128)
        value >>= 7
    return bytes([*more, value])


def field(row: int, value: int | bytes) -> bytes:
    """Return a field of Protocol Buffers."""
    if isinstance(value, int):
        return number(row << 3) + number(value % 2**64)
    return number(row << 3 | 2) + number(len(value)) + value


def write_block(path: Path, block: bytes) -> None:
    """Write a PBF of one block."""
    parts = ((b"OSMHeader", field(4, b"OsmSchema-V0.6") + field(4, b"DenseNodes")), (b"OSMData", block))
    with path.open("wb") as file:
        for kind, content in parts:
            blob = field(1, content)
            header = field(1, kind) + field(3, len(blob))
            file.write(len(header).to_bytes(4, "big") + header + blob)


def test_a_way_of_fields_without_end_is_read_as_any_other(tmp_path: Path) -> None:
    way = field(1, 1) + field(15, 1) * 1_000_000 + field(8, number(2) + number(4))
    write_block(tmp_path / "a.osm.pbf", field(1, field(1, b"")) + field(2, field(3, way)))
    (ways,) = objects_of(tmp_path / "a.osm.pbf")
    assert isinstance(ways, DrawnWays)
    assert (ways.ids.tolist(), ways.refs_of(0)) == ([1], [1, 3])


def test_what_is_no_message_or_goes_beyond_its_end_is_read_no_further(tmp_path: Path) -> None:
    cut = b"\x42\x7f" + number(2)  # a list of 127 bytes, of which there is one
    ways = field(3, 7) + field(3, field(1, 5) + field(8, 9)) + field(3, field(1, 6) + cut) + field(3, b"\x0d\x05\0\0\0")
    write_block(tmp_path / "a.osm.pbf", field(1, field(1, b"")) + field(2, ways))
    (found,) = objects_of(tmp_path / "a.osm.pbf")
    assert isinstance(found, DrawnWays)
    assert found.ids.tolist() == [0, 5, 6, 0]
    assert [found.refs_of(row) for row in range(4)] == [[], [], [1], []]


def test_places_have_the_step_and_the_offset_of_their_block(tmp_path: Path) -> None:
    ids, steps = (b"".join(map(number, values)) for values in ([2, 2], [3, 4]))  # 1, 1 and -2, 2 with their signs
    dense = field(2, field(1, ids) + field(8, steps) + field(9, steps))
    block = field(1, field(1, b"")) + field(2, dense) + field(17, 250) + field(19, -30) + field(20, 1_000)
    write_block(tmp_path / "a.osm.pbf", block)
    (nodes,) = objects_of(tmp_path / "a.osm.pbf")
    assert isinstance(nodes, Nodes)
    assert nodes.ids.tolist() == [1, 2]
    # -2 and 0 steps of 250 nanodegrees from 30 below 0 and 1,000 above, in hundreds, towards 0
    assert nodes.lonlat_e7.tolist() == [[5, -5], [10, 0]]
    read = [told(thing)[1] for thing in osmium.FileProcessor(tmp_path / "a.osm.pbf")]
    assert [*map(tuple, nodes.lonlat_e7.tolist())] == read
