"""The report of a run in tiles says what that of the whole says, figure by figure, or that it does not know it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from reportworlds import Page
from tileworlds import city, here, quarters

import accessibility as acc
from accessibility.cli import tiling
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_site
from accessibility.cli.report_facts import find_facts, measure_study
from accessibility.cli.tiling import Tiling, find_tiled_facts, run_tiles
from accessibility.cli.verifying import run_verify
from accessibility.present.language import NOTHING
from accessibility.sources.cache import sha256_file
from accessibility.study.proposing import Question
from accessibility.tiles import pairing
from accessibility.tiles.cluster import Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accessibility.present.report.facts import Facts

DAY = "2026-11-29"
LEFT_OUT = {"blackspots", "ledger", "frontier", "snap"}
WALKS = slice(2, 5)  # columns of mean, median and 90 % walks, not told where ways are longer than tiles look


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure here, and let the figures of even a small town be added up from many parts."""
    monkeypatch.setattr(tiling, "measure_tiles", here)
    monkeypatch.setattr("accessibility.tiles.gathering.PART_ROWS", 150)


def page_of(folder: Path, name: str) -> Page:
    return Page((folder / name).read_text(encoding="utf-8").replace("\xa0", " "))


def maps_of(folder: Path, name: str) -> list[str]:
    """Return the maps of a page, without numbered places: which these are of an area in tiles, is not known."""
    found = re.findall(r'<svg[^>]*class="map".*?</svg>', (folder / name).read_text(encoding="utf-8"), re.DOTALL)
    return [re.sub(r'<circle[^>]*stroke="#b3261e".*?</text>', "", drawn, flags=re.DOTALL) for drawn in found]


def test_the_report_of_the_sample_in_tiles_is_that_of_the_whole(sample: Path, cache: Path, tmp_path: Path) -> None:
    given, question = Options(cache=cache, date=DAY), Question(budget=12)
    run_tiles(sample, tmp_path / "tiled", given, Tiling(workers=Workers(), rows=2_400), Silence(), question)
    run_site(sample, question, tmp_path / "whole", given, Silence())
    tiled, whole = (page_of(tmp_path / name, "report.html") for name in ("tiled", "whole"))
    assert whole.tables.keys() - tiled.tables.keys() == LEFT_OUT
    for name in ("settings", "times", "distances", "groups", "proposal", "inputs"):
        assert tiled.tables[name] == whole.tables[name], name
    assert tiled.tables["districts"][0] == whole.tables["districts"][0]
    for row, expected in zip(tiled.tables["districts"][1], whole.tables["districts"][1], strict=True):
        assert all(told in (walk, NOTHING) for told, walk in zip(row[WALKS], expected[WALKS], strict=True))
        assert [*row[:2], *row[5:]] == [*expected[:2], *expected[5:]]
    for name, least in (("sensitivity", 6), ("parameters", 60), ("quality", 8)):
        (rows,), (expected_rows,) = (page.tables[name] for page in (tiled, whole))
        assert [row for row in rows if row not in expected_rows] == []
        assert len(rows) >= least
    assert "Measured in tiles: blackspots" in tiled.text
    for name, drawn in (("report.html", 3), ("brief.html", 2)):
        maps, expected = (maps_of(tmp_path / folder, name) for folder in ("tiled", "whole"))
        assert len(maps) == drawn
        assert maps == expected
    brief, other = (page_of(tmp_path / name, "brief.html") for name in ("tiled", "whole"))
    for name in ("settings", "districts", "proposal"):
        assert brief.tables[name] == other.tables[name], name
    known = other.text.replace("1 blackspot, by rank", "")
    new = [line for line in brief.text.splitlines() if line.strip() not in known]
    # What tiles do not know is said; other words are alike, but for those of charts, which the other has no room for.
    assert [line for line in new if "75.1" in line or "89.0" in line] == []
    for page in (brief, other):
        assert "89.0 % then. Proof: within a budget of 12 no plan does better than 133,450" in page.text
    assert "The greatest blackspots" in other.text
    assert "The greatest blackspots" not in brief.text


def facts_of(path: Path, cache: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    """Return the facts of a run in tiles."""
    found: list[Facts] = []

    def note(*given: Any, **named: Any) -> Facts:
        found.append(find_tiled_facts(*given, **named))
        return found[0]

    monkeypatch.setattr(tiling, "find_tiled_facts", note)
    run_tiles(path, out, Options(cache=cache, date=DAY), Tiling(workers=Workers(), rows=120), Silence())
    return found[0]


@pytest.mark.parametrize("room", [False, True])
def test_every_figure_of_a_city_is_that_of_the_whole(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, *, room: bool
) -> None:
    # A rule of 8 km has classes up to 16 km, farther than tiles look by themselves.
    standard = acc.Standard(urban=acc.Rule.walk(20), rural=acc.Rule.distance(8))
    plain, chance = city(3, standard), np.random.default_rng(5)
    old = np.round(plain.demand.population * chance.uniform(0, 0.6, 400))
    people = replace(plain.demand, groups={"60+": old}).limited(chance.choice(["", "4 min", "5 km"], 400).tolist())
    some = chance.integers(0, 300, len(plain.sites)).astype(float)
    corner = np.argsort(np.argsort(plain.sites.xy.sum(axis=1))) < 4  # from where others are far
    sites = replace(plain.sites, open=corner, capacity=some if room else plain.sites.capacity)
    terms: Any = {"standard": plain.standard, "districts": quarters(), "walker": {"groups": {"60+": 0.6}}}
    path = acc.Study.of(plain.network, people, sites, **terms, name="City").save(tmp_path / "city")
    tiled = facts_of(path, cache, tmp_path / "out", monkeypatch)
    measured = measure_study(acc.read_study(path, cache=cache))
    whole = find_facts(measured, date=DAY)
    far = measured.now.metres[measured.now.demand.setting == "rural"]
    assert ((far > 10_000) & (far < 16_000)).any()
    assert np.isnan(far).any()
    close: dict[str, Any] = {"rtol": 0, "atol": 1e-6, "check_dtype": False}
    for name in ("settings", "groups", "times", "distances"):
        pd.testing.assert_frame_equal(getattr(tiled, name), getattr(whole, name), **close)
    assert tiled.totals == pytest.approx(whole.totals)
    for name in ("standard", "walker", "limited_people", "sources", "study"):
        assert getattr(tiled, name) == getattr(whole, name)
    keys = ["what", "case"]
    cases = whole.sensitivity.set_index(keys).loc[[*map(tuple, tiled.sensitivity[keys].to_numpy())]].reset_index()
    pd.testing.assert_frame_equal(tiled.sensitivity, cases, **close)
    assert len(cases) == 5  # three speeds, along the network, in a straight line
    assert tiled.own is not None
    assert whole.own is not None
    assert tiled.own.speeds == whole.own.speeds
    assert tiled.own.covered == pytest.approx(whole.own.covered)
    pd.testing.assert_frame_equal(tiled.own.table, whole.own.table, **close)
    assert (tiled.service is not None, whole.service is not None) == (room, room)
    if tiled.service is not None and whole.service is not None:
        expected = whole.service.table.set_index("id")
        table = tiled.service.table.set_index("id").loc[expected.index, expected.columns]
        pd.testing.assert_frame_equal(table, expected, **close)
        assert tiled.service.served == pytest.approx(whole.service.served)


@pytest.mark.parametrize("name", ["report.html", "brief.html"])
@pytest.mark.parametrize("forge", [lambda text: text.replace("30", "31"), lambda text: f"{text} "])
def test_a_report_in_tiles_is_verified(
    name: str, forge: Callable[[str], str], town: Path, cache: Path, tmp_path: Path
) -> None:
    given, out = Options(cache=cache, date=DAY), tmp_path / "out"
    run_tiles(town, out, given, Tiling(workers=Workers(), rows=2), Silence())
    (out / name).write_text(forge((out / name).read_text(encoding="utf-8")), encoding="utf-8")
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    told["files"][name] = {"sha256": sha256_file(out / name), "bytes": (out / name).stat().st_size}
    (out / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    assert run_verify(out, given, Silence()).changed == (f"{name}: does not follow from the inputs",)


def test_a_proposal_in_parts_is_reported_with_its_proof(
    town: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "WHOLE_PAIRS", 0)
    out, question = tmp_path / "out", Question(sites=1)
    found = run_tiles(town, out, Options(cache=cache, date=DAY), Tiling(workers=Workers()), Silence(), question)
    assert found.case is None  # in parts
    told = found.manifest["siting"]
    for name in ("report.html", "brief.html"):
        text = page_of(out, name).text
        assert "Opening 1 site (1 at bank branches) at a cost of 1 would cover" in text
        assert f"no plan does better than {told['bound']:,.0f} (people covered)" in text
