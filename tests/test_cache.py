"""Kept networks: the same as built, keyed by content and settings, and never trusted when damaged."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import worlds

from accessibility.errors import InputError, OutputError
from accessibility.sources.cache import cached_network, sha256_file
from accessibility.sources.checks import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.network import Network

FOUND = [Finding(code="extract", source="roads.osm", message="3 ways", count=3, people=2.5)]


class Builder:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> tuple[Network, list[Finding]]:
        self.calls += 1
        square = worlds.one_way_square()
        flags = {name: np.array([True, False, False, True]) for name in ("private", "off_ground")}
        numbers = {name: np.arange(4, dtype=np.float32) + i for i, name in enumerate(("climb_m", "signals", "fixed_s"))}
        factor = np.arange(1, 9, dtype=np.float32).reshape(4, 2)
        return replace(square, **flags, **numbers, slope_factor=factor, kinds=("path",), node_ids=[7, 8, 9, 10]), FOUND


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


def test_a_folder_that_is_a_file_is_an_error(roads: Path) -> None:
    with pytest.raises(OutputError, match="the network cache cannot be written"):
        cached_network(roads, {}, roads, Builder())


def test_sha256(roads: Path, tmp_path: Path) -> None:
    assert sha256_file(roads) == hashlib.sha256(b"streets").hexdigest()
    with pytest.raises(InputError, match=r"nowhere\.osm: cannot be read"):
        sha256_file(tmp_path / "nowhere.osm")
