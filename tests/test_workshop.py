"""What people who work on the project read is true: targets, paths, floors and versions that are named exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from test_architecture import FLOORS

import accessibility

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
GUIDES = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", ROOT / ".pre-commit-config.yaml", *WORKFLOWS]
RELEASE = re.compile(r"^## \[(?:Unreleased|(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d)", re.MULTILINE)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_target_of_make_that_is_named_exists(guide: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|run: |entry: |^)make ([a-z][a-z-]*)", text_of(guide), re.MULTILINE))
    assert named <= targets


def test_every_path_that_contributing_names_exists() -> None:
    named = re.findall(r"`((?:accessibility|tests|data|maps|notebooks)/[\w./-]+)`", text_of(ROOT / "CONTRIBUTING.md"))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_contributing_tells_the_floors_that_are_held_from_the_top() -> None:
    block = text_of(ROOT / "CONTRIBUTING.md").split("```text\n")[1].split("```")[0]
    told = [{line.split()[0] for line in floor.splitlines()} for floor in block.split("\n\n")]
    assert told == list(reversed(FLOORS)), "CONTRIBUTING.md lists other floors than tests/test_architecture.py"


def test_the_folders_of_tests_are_those_of_the_package() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders - {"campaign", "peers"} <= set().union(*FLOORS)


def test_the_pythons_that_are_tested_are_those_that_are_promised() -> None:
    oldest = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    tested = text_of(ROOT / ".github" / "workflows" / "tests.yml")
    assert f'python: ["{oldest}", ' in tested
    assert f'"{oldest}:lowest-direct"' in tested
    assert f"MATRIX ?= {oldest}:lowest-direct" in text_of(ROOT / "Makefile")


def test_one_version_everywhere() -> None:
    assert f"\nversion: {accessibility.__version__}\n" in text_of(ROOT / "CITATION.cff")
    changes = text_of(ROOT / "CHANGELOG.md")
    assert len(RELEASE.findall(changes)) == len(re.findall(r"^## ", changes, re.MULTILINE)), "a release without its day"
    released = [version for version in RELEASE.findall(changes) if version]
    assert not released or released[0] == accessibility.__version__
