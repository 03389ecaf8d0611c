"""All that a study asks of an extract comes in one pass, is the same as read alone, and is kept by content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from osmfiles import node, relation, way, write_osm

from accessibility.errors import InputError
from accessibility.sources.osm import extracts as osm
from accessibility.sources.osm.extracts import BUILDINGS, DISTRICTS, NAMES, WATER, Extract, Need, place_need
from accessibility.streets.foot import FootAccess
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OFFICES = "amenity=townhall,amenity=bank"
BORDER = {"boundary": "administrative", "type": "boundary", "admin_level": "8"}
READ: dict[Need, Callable[[Any], tuple[Any, Any]]]
STUDY = """
name = "Two towns"
[inputs]
area = {path = "town.osm", admin_level = 8}
network = {path = "town.osm"}
population = {buildings = true}
outlets = {osm = "amenity=townhall"}
banks = {osm = "amenity=bank"}
"""


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Write two districts, each with homes, an office and a street; a bank building, a lake, a square of two ways.

    The ring of the square is tagged as nothing else, and the building around a yard is both a building and a bank.
    """
    grid = [node(1 + x + 3 * y, 9.5 + x / 100, 47.1 + y / 100) for y in range(2) for x in range(3)]
    small = [node(100 + i, 9.503 + x / 5000, 47.103 + y / 5000) for i, (x, y) in enumerate(np.ndindex(8, 8))]
    return write_osm(
        tmp_path / "town.osm",
        *grid,
        node(10, 9.505, 47.105, place="town", name="West", population="1 200"),
        node(11, 9.515, 47.105, place="town", name="East", population="900"),
        node(12, 9.506, 47.101, amenity="townhall", name="Hall"),
        node(13, 9.514, 47.101, barrier="gate"),
        node(14, 9.516, 47.101, building="yes"),
        *small,
        way(1, [1, 2, 5, 4, 1], {"boundary": "administrative", "admin_level": "8"}),
        way(2, [2, 3, 6, 5, 2], {"boundary": "administrative", "admin_level": "8"}),
        way(3, [1, 2, 3], {"highway": "residential", "name": "Long street"}),
        way(4, [2, 5], {"highway": "motorway"}),
        way(5, [100, 101, 109, 108, 100], {"building": "house", "building:levels": "2"}),
        way(6, [102, 103, 111, 110, 102], {"building": "yes"}),
        way(7, [104, 107, 131, 128, 104], {"building": "bank", "amenity": "bank", "name": "Bank"}),
        way(8, [113, 114, 122, 121, 113]),
        way(9, [140, 141, 149], {"natural": "stone"}),
        way(10, [149, 148, 140]),
        way(11, [150, 151, 159, 158, 150], {"natural": "water"}),
        way(12, [1, 100, 140], {"highway": "footway"}),
        relation(1, [("way", 1, "outer")], {**BORDER, "name": "West"}),
        relation(2, [("way", 2, "outer")], {**BORDER, "name": "East"}),
        relation(3, [("way", 7, "outer"), ("way", 8, "inner")], {"type": "multipolygon", "building": "bank"}),
        relation(4, [("way", 9, "outer"), ("way", 10, "outer")], {"type": "multipolygon", "highway": "pedestrian"}),
        relation(5, [("way", 77, "outer")], {"type": "multipolygon", "natural": "water"}),
    )


READ = {
    DISTRICTS: osm.read_districts,
    BUILDINGS: osm.read_buildings,
    WATER: osm.read_water,
    NAMES: lambda extract: (osm.read_names(extract), []),
    Need("streets", FootAccess()): osm.read_network,
    Need("places", OFFICES): lambda extract: osm.read_places(extract, OFFICES),
}
NEEDS = tuple(place_need(OFFICES) if need.kind == "places" else need for need in READ)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the kinds of things that each pass over a file collects, as they come."""
    seen: list[list[str]] = []
    real = osm._pass

    def counted(path: Path, layers: Any) -> Any:
        seen.append(sorted(type(layer).__name__ for layer in layers))
        return real(path, layers)

    monkeypatch.setattr(osm, "_pass", counted)
    return seen


def told(read: tuple[Any, Any]) -> str:
    """Return what a reader says, to the last digit."""
    thing, findings = read
    if hasattr(thing, "to_wkb"):
        return f"{thing.dtypes.to_dict()} {thing.to_wkb(hex=True).to_json(double_precision=15)} {findings}"
    arrays = [(name, value.tobytes()) for name, value in vars(thing).items() if isinstance(value, np.ndarray)]
    return f"{arrays} {thing.crs.to_wkt()} {findings}"


def test_read_together_is_read_alone(town: Path, tmp_path: Path, passes: list[list[str]]) -> None:
    alone = {need: told(read(town)) for need, read in READ.items()}
    assert [len(layers) for layers in passes] == [1] * 6
    for cache, expected in ((None, 1), (tmp_path / "cache", 1), (tmp_path / "cache", 0)):
        passes.clear()
        extract = Extract(path=town, cache=cache, needs=NEEDS)
        assert {need: told(read(extract)) for need, read in READ.items()} == alone
        assert len(passes) == expected


@pytest.mark.parametrize("first", READ)
def test_whoever_asks_first_has_the_rest_read_too(town: Path, first: Need, passes: list[list[str]]) -> None:
    extract = Extract(path=town, needs=NEEDS)
    READ[first](extract)
    for read in READ.values():
        read(extract)
    assert [len(layers) for layers in passes] == [6]


def test_a_study_reads_its_extract_once_and_a_second_run_never(
    town: Path, tmp_path: Path, passes: list[list[str]]
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(STUDY, encoding="utf-8")

    def run() -> tuple[list[list[str]], list[str]]:
        passes.clear()
        study = read_study(file, cache=tmp_path / "cache")
        return list(passes), [told((study.water, [])), told((study.names, [])), told((study.network, study.findings))]

    first, read = run()
    layers = ["BuildingLayer", "DistrictLayer", "NameLayer", "PlaceLayer", "PlaceLayer", "StreetLayer", "WaterLayer"]
    assert first == [layers]
    assert run() == ([], read)
    file.write_text(STUDY.replace("amenity=townhall", "amenity=townhall,amenity=library"), encoding="utf-8")
    assert run() == ([["PlaceLayer"]], read)
    town.write_bytes(town.read_bytes().replace(b"Long street", b"Last street"))
    assert run()[0] == [layers]


@pytest.mark.parametrize("damage", [b"", b"PK", None])
def test_a_damaged_layer_is_read_anew(
    town: Path, tmp_path: Path, damage: bytes | None, passes: list[list[str]]
) -> None:
    extract = Extract(path=town, cache=tmp_path / "cache", needs=(BUILDINGS, WATER))
    before = told(osm.read_buildings(extract))
    (kept,) = (tmp_path / "cache").glob("buildings-*")
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2] + b"\0" + whole[len(whole) // 2 + 1 :] if damage is None else damage)
    assert told(osm.read_buildings(extract)) == before
    assert passes == [["BuildingLayer", "WaterLayer"], ["BuildingLayer"]]
    assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_no_second_pass(
    town: Path, tmp_path: Path, passes: list[list[str]]
) -> None:
    (tmp_path / "cache").write_bytes(b"")  # a file, no folder
    extract = Extract(path=town, cache=tmp_path / "cache", needs=NEEDS)
    for read in (*READ.values(), *READ.values()):
        read(extract)
    assert len(passes) == 1


def test_a_file_that_changes_is_another(town: Path, passes: list[list[str]]) -> None:
    extract = Extract(path=town)
    assert "Long street" in set(osm.read_names(extract)["name"])
    town.write_bytes(town.read_bytes().replace(b"Long street", b"Another street"))
    assert "Another street" in set(osm.read_names(extract)["name"])
    assert len(passes) == 2


def test_what_is_asked_is_refused_as_if_alone(town: Path, tmp_path: Path) -> None:
    """An extract without a district or a street still gives all the rest."""
    text = town.read_text(encoding="utf-8").replace("administrative", "maritime").replace('"highway"', '"was"')
    bare = tmp_path / "bare.osm"
    bare.write_text(text, encoding="utf-8")
    for extract in (Extract(path=bare), Extract(path=bare, needs=NEEDS)):
        with pytest.raises(InputError, match=r"bare\.osm: no whole administrative area of level None"):
            osm.read_districts(extract)
        with pytest.raises(InputError, match=r"bare\.osm: none of its 12 ways may be walked"):
            osm.read_network(extract)
        assert len(osm.read_buildings(extract)[0]) == 3
    with pytest.raises(InputError, match=r"gone\.osm: "):
        osm.read_names(Extract(path=tmp_path / "gone.osm", needs=NEEDS))
