"""What a figure rests on, told by the study: its manifest, and how the program is cited."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import worlds
from conftest import ROOT

import accessibility as acc

if TYPE_CHECKING:
    from pathlib import Path


def test_a_manifest_names_files_settings_and_totals(town: Path, cache: Path) -> None:
    study = acc.read_study(town, cache=cache)
    told = study.manifest()
    assert json.loads(json.dumps(told)) == told
    people = told["inputs"]["population"]
    assert people["sha256"] == hashlib.sha256((town.parent / "people.csv").read_bytes()).hexdigest()
    assert told["totals"]["covered"] == study.coverage().covered_people
    slow = study.manifest(study.coverage(walker=acc.Walker(speed_m_s=0.5)))
    assert slow["parameters"]["walker_used"]["speed_m_s"] == 0.5
    assert slow["values"] == told["values"]


def test_values_in_memory_are_told_by_their_arrays() -> None:
    people, sites = worlds.people([(900, 0), (3_000, 0)], [30, 10]), worlds.outlets([(0, 0)])
    one, same = (acc.Study.of(worlds.line(), people, sites).manifest() for _ in range(2))
    assert one == same
    assert one["inputs"] == {}
    more = acc.Study.of(worlds.line(), replace(people, population=[30, 11]), sites).manifest()  # type: ignore[arg-type]
    changed = {name for name, value in one["values"].items() if value["sha256"] != more["values"][name]["sha256"]}
    assert changed == {"demand"}


def test_the_citation_is_that_of_the_project() -> None:
    file = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    title = file.split('title: "')[1].split('"')[0]
    authors = file.split("- name: ")[1].splitlines()[0]
    for form in (acc.cite(), acc.cite("bibtex")):
        assert title in form
        assert authors in form
        assert acc.__version__ in form
