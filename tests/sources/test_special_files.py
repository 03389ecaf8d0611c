"""Inputs that are no files: folders, named pipes, devices, sockets: said to be what they are, and never opened."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from commands import call
from conftest import ROOT

from accessibility.sources.files import absence, is_file

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs named pipes, sockets and devices")


def bind(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)  # the address of a socket has room for some 100 letters
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


KINDS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": bind,
}
STUDY = """
    name = "Pipes"
    [inputs]
    network = {{ path = "{network}" }}
    population = {{ path = "{population}" }}
    outlets = {{ path = "{outlets}", coordinates = "WGS84" }}
    banks = {{ path = "{banks}", coordinates = "WGS84" }}
    candidates = {{ path = "{candidates}" }}
    area = {{ path = "{area}" }}
    elevation = {{ path = "{elevation}" }}
    """
ROLES = {
    "network": ["a.osm", "a.osm.pbf", "a.osm.gz", "a.gpkg", "a.graphml", "a.shp"],
    "population": ["a.csv", "a.tif", "a.vrt", "a.xlsx", "a.gpkg"],
    "outlets": ["a.csv", "a.xlsx", "a.parquet", "a.geojson"],
    "candidates": ["a.gpkg"],
    "area": ["a.gpkg", "a.shp", "a.csv"],
    "elevation": ["a.tif"],
}


@pytest.fixture
def written(town: Path) -> dict[str, str]:
    """Return the inputs of a town that has every one; all of them are read."""
    sample = ROOT / "data" / "sample"
    for name in ("dem.tif", "candidates.gpkg", "districts.gpkg"):
        shutil.copy(sample / name, town.parent)
    names = {"network": "roads.osm", "population": "people.csv", "outlets": "outlets.csv", "banks": "banks.csv"}
    return names | {"candidates": "candidates.gpkg", "area": "districts.gpkg", "elevation": "dem.tif"}


NAMES = [(role, name) for role, names in ROLES.items() for name in names]


@pytest.mark.parametrize(("kind", "role", "name"), [(kind, *named) for kind, named in zip(cycle(KINDS), NAMES)])
def test_an_input_that_is_no_file_is_said_to_be_what_it_is(  # noqa: PLR0913, PLR0917 -- fixtures
    kind: str, role: str, name: str, written: dict[str, str], town: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    KINDS[kind](town.parent / name)
    town.write_text(STUDY.format(**written | {role: name}), encoding="utf-8")
    assert call(monkeypatch, "check", town, "--quiet") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert f"{kind}, not a file" in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", [["check", "X"], ["compare", "STUDY", "X"], ["verify", "RUN"]])
def test_so_is_a_study_a_scenario_and_a_manifest(
    kind: str, words: list[str], town: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = town.parent / "run"
    run.mkdir()
    paths = {"X": town.parent / "x.toml", "STUDY": town, "RUN": run}
    KINDS[kind](run / "manifest.json" if "RUN" in words else paths["X"])
    assert call(monkeypatch, *(paths.get(word, word) for word in words)) == 2
    assert f"{kind}, not a file" in capsys.readouterr().err


def test_what_stands_in_the_place_of_a_file(tmp_path: Path) -> None:
    assert absence(tmp_path / "away") == absence(tmp_path / ("x" * 300)) == absence(Path("a\0b")) == "no such file"
    (tmp_path / "loop").symlink_to("loop")
    assert absence(tmp_path / "loop") == "no such file"
    for kind, make in KINDS.items():
        path = tmp_path / kind
        make(path)
        assert not is_file(path)
        assert absence(path) == f"{kind}, not a file"
        assert stat.S_IFMT(path.stat().st_mode) != stat.S_IFREG
