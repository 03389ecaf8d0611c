"""Kept networks: the same as built, keyed by content and settings, and never trusted when damaged."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import osmnx
import pytest
import worlds

from accessibility.errors import Finding, InputError
from accessibility.sources import cache, lines
from accessibility.sources.cache import cached_network, code_digest, sha256_file
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.streets.network import Network

FOUND = [Finding(code="extract", source="roads.osm", message="3 ways", count=3, people=2.5)]


class Builder:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> tuple[Network, list[Finding]]:
        self.calls += 1
        square = worlds.one_way_square()
        changes: dict[str, Any] = {name: np.array([True, False, False, True]) for name in ("private", "off_ground")}
        changes |= {name: np.arange(4) + i for i, name in enumerate(("climb_m", "signals", "fixed_s"))}
        changes |= {"slope_factor": np.arange(1, 9).reshape(4, 2), "kinds": ("path",), "node_ids": [7, 8, 9, 10]}
        return replace(square, **changes), FOUND


@pytest.fixture
def roads(tmp_path: Path) -> Path:
    path = tmp_path / "roads.osm"
    path.write_bytes(b"streets")
    return path


def same(one: Network, other: Network) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


def test_the_second_reading_is_the_first_one_without_building(roads: Path, tmp_path: Path) -> None:
    build = Builder()
    first, _ = cached_network(roads, {"access": "china"}, tmp_path / "cache", build)
    second, findings = cached_network(roads, {"access": "china"}, tmp_path / "cache", build)
    assert build.calls == 1
    assert same(first, second)
    assert findings == FOUND


def test_other_content_or_settings_are_built_anew(roads: Path, tmp_path: Path) -> None:
    build = Builder()
    cached_network(roads, {"access": "china"}, tmp_path / "cache", build)
    cached_network(roads, {"access": "default"}, tmp_path / "cache", build)
    roads.write_bytes(b"street5")
    cached_network(roads, {"access": "china"}, tmp_path / "cache", build)
    assert build.calls == 3


def test_what_another_build_of_the_program_read_is_read_anew(
    roads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Builder()
    cached_network(roads, {}, tmp_path / "c", build)
    monkeypatch.setattr(cache, "code_digest", lambda *_: "of tomorrow")
    cached_network(roads, {}, tmp_path / "c", build)
    assert build.calls == 2


def test_the_code_of_a_room_is_known_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "accessibility"
    digests = []
    monkeypatch.setattr(cache, "__file__", str(package / "sources" / "cache.py"))
    for name, text in (("sources/cache.py", ""), ("streets/a.py", "1"), ("streets/a.py", "2"), ("map/b.py", "1")):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
        digests.append(code_digest.__wrapped__("sources", "streets"))
    assert digests[0] != digests[1] != digests[2] == digests[3]
    assert code_digest.__wrapped__() != digests[3]


def test_the_same_content_under_another_name_speaks_of_that_name(roads: Path, tmp_path: Path) -> None:
    build = Builder()
    cached_network(roads, {}, tmp_path / "cache", build)
    _, findings = cached_network(roads.rename(tmp_path / "other.osm"), {}, tmp_path / "cache", build)
    assert build.calls == 1
    assert findings[0].source == "other.osm"


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_a_damaged_file_is_built_anew(roads: Path, tmp_path: Path, keep: int) -> None:
    build = Builder()
    first, _ = cached_network(roads, {}, tmp_path / "cache", build)
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:keep])
    second, _ = cached_network(roads, {}, tmp_path / "cache", build)
    third, _ = cached_network(roads, {}, tmp_path / "cache", build)
    assert build.calls == 2
    assert same(first, second)
    assert same(first, third)


def test_flipped_bytes_never_pass_for_a_network(roads: Path, tmp_path: Path) -> None:
    build = Builder()
    first, _ = cached_network(roads, {}, tmp_path / "cache", build)
    (kept,) = (tmp_path / "cache").iterdir()
    whole = kept.read_bytes()
    for at in range(0, len(whole), 97):
        kept.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        assert same(cached_network(roads, {}, tmp_path / "cache", build)[0], first)


@pytest.mark.parametrize("name", ["roads.gpkg", "roads.geojson", "roads.shp", "roads.graphml"])
@pytest.mark.filterwarnings("ignore:.*normalized/laundered.*")
def test_lines_and_graphs_are_kept_too(
    town: Path, tmp_path: Path, cache: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = read_study(town, cache=cache).network
    file = town.parent / name
    if name.endswith(".graphml"):
        osmnx.save_graphml(network.to_networkx(), file)
    else:
        network.to_gdf().to_crs(4326)[["kind", "geometry"]].rename(columns={"kind": "highway"}).to_file(file)
    reader = "read_graphml" if name.endswith(".graphml") else "read_lines"
    calls: list[object] = []
    real = getattr(lines, reader)

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return real(*given, **named)

    monkeypatch.setattr(lines, reader, counted)
    text = town.read_text(encoding="utf-8").replace("roads.osm", name)
    town.write_text(text, encoding="utf-8")
    first = read_study(town, cache=tmp_path / "kept")
    second = read_study(town, cache=tmp_path / "kept")
    assert len(calls) == 1
    assert same(first.network, second.network)
    assert first.findings == second.findings
    if name.endswith(".graphml"):
        return
    town.write_text(text.replace(f'"{name}"', f'"{name}", noded = true'), encoding="utf-8")
    read_study(town, cache=tmp_path / "kept")
    town.write_text(text.replace("[inputs]", "[walking]\nferries = true\n[inputs]"), encoding="utf-8")
    read_study(town, cache=tmp_path / "kept")
    assert len(calls) == 3
    if name.endswith(".shp"):
        table = file.with_suffix(".dbf")
        table.write_bytes(table.read_bytes().replace(b"residential", b"motorway   "))
        with pytest.raises(InputError, match=r"roads.shp: no line that may be walked: .* highway=motorway"):
            read_study(town, cache=tmp_path / "kept")


def test_a_failed_build_leaves_nothing(roads: Path, tmp_path: Path) -> None:
    def fail() -> tuple[Network, list[Finding]]:
        msg = "no street"
        raise InputError(msg)

    with pytest.raises(InputError, match="no street"):
        cached_network(roads, {}, tmp_path / "cache", fail)
    assert not list(tmp_path.glob("cache/*"))


def test_without_a_folder_nothing_is_kept(roads: Path) -> None:
    build = Builder()
    cached_network(roads, {}, None, build)
    cached_network(roads, {}, None, build)
    assert build.calls == 2
    assert list(roads.parent.iterdir()) == [roads]


def test_a_cache_that_cannot_be_written_is_a_warning(roads: Path) -> None:
    build = Builder()
    for times in (1, 2):
        network, findings = cached_network(roads, {}, roads, build)
        assert (build.calls, network.length_m.size > 0) == (times, True)
        assert (findings[-1].code, findings[-1].is_warning) == ("no-cache", True)
        assert "the network cache cannot be written" in findings[-1].message


def test_sha256(roads: Path, tmp_path: Path) -> None:
    assert sha256_file(roads) == hashlib.sha256(b"streets").hexdigest()
    with pytest.raises(InputError, match=r"nowhere\.osm: cannot be read"):
        sha256_file(tmp_path / "nowhere.osm")
