"""One budget over all tiles, against the proposal of the whole study."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pytest
import worlds
from commands import call
from tileworlds import HALO_M, city, here

import accessibility as acc
from accessibility.cli import tiling
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.tiling import Tiling, run_tiles
from accessibility.cli.verifying import run_verify
from accessibility.errors import InputError
from accessibility.measures.catchments import trace_catchments
from accessibility.siting import Problem, solve_mclp
from accessibility.study.proposing import Question
from accessibility.tiles import pairing
from accessibility.tiles.cluster import Workers
from accessibility.tiles.cutting import open_cut, write_cut
from accessibility.tiles.measuring import Asked, Tile, measure_tile

if TYPE_CHECKING:
    from pathlib import Path


def in_tiles(study: acc.Study, folder: Path, rows: int) -> list[Tile]:
    """Return measured tiles of so many people, with their pairs."""
    (folder / "cut").mkdir(parents=True)
    write_cut(study, folder / "cut")
    cut = open_cut(folder / "cut")
    asked = Asked(standard=study.standard, walker=study.walker, halo_m=HALO_M, pairs=True)
    starts = range(0, cut.people, rows)
    return [
        measure_tile(Tile(cut=cut, first=at, last=min(at + rows, cut.people), folder=folder), asked) for at in starts
    ]


@pytest.mark.parametrize("along", ["network", "radius"])
def test_a_budget_over_tiles_is_spent_as_over_the_whole(
    along: Literal["network", "radius"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "PART_PAIRS", 30)
    standard = acc.Standard(urban=acc.Rule.walk(15), rural=acc.Rule.distance(1.5, along=along))
    told = city(1, standard)
    at = np.random.default_rng(0).uniform(0, 8_700, (60, 2))
    none = np.zeros(60, np.bool_)
    new = worlds.outlets(at.tolist())
    new = replace(new, ids=new.ids + "N", kind=np.full(60, "new"), open=none, closed=none, cost=np.full(60, 3.0))
    study = replace(told, sites=told.sites + new.to_crs(told.sites.crs))
    now = study.coverage()
    reach = trace_catchments(study.network, study.demand, study.sites, study.standard, study.walker)
    best = solve_mclp(Problem.from_catchments(reach, study.demand, study.sites), budget=15)
    found = []
    for rows in (400, 90):
        tiles = in_tiles(study, tmp_path / f"{rows}", rows)
        plan = pairing.propose_over_tiles(tiles, 15.0, now.covered_people, now.population)
        assert plan.parts > 2
        assert plan.objective <= best.bound + 1e-6
        assert best.objective <= plan.bound + 1e-6
        assert plan.objective >= 0.99 * best.objective
        assert plan.cost <= 15
        opened = study.coverage(study.plan_scenario(plan.table["id"].tolist()))
        assert opened.covered_people == pytest.approx(plan.objective)
        assert plan.table["gain_people"].sum() == pytest.approx(plan.objective - now.covered_people)
        found.append(plan)
    pd.testing.assert_frame_equal(found[0].table, found[1].table)


def test_the_sample_county_is_proposed_the_same_and_verified(
    sample: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "measure_tiles", here)
    asked: Any = {"question": Question(budget=12.0)}
    given = Options(cache=cache, date="2026-11-29")
    told = run_tiles(sample, tmp_path / "out", given, Tiling(workers=Workers(), rows=2_000), Silence(), **asked)
    whole = acc.read_study(sample, cache=cache).site(budget=12)
    assert told.manifest["siting"]["objective"] == pytest.approx(whole.objective, abs=1)
    assert told.manifest["siting"]["gap"] < 0.001
    verdict = run_verify(tmp_path / "out", given, Silence())
    assert verdict.equal
    assert "sites.csv" in told.manifest["files"]
    assert told.manifest["siting"]["bound_by"] == "certificate"
    assert any("its bound" in claim and "over all tiles" in claim for claim in verdict.proved)
    assert not any("bound" in claim for claim in verdict.open)
    manifest = tmp_path / "out" / "manifest.json"
    bound = told.manifest["siting"]["bound"]
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(f'"bound": {bound}', f'"bound": {bound - 1}'))
    verdict = run_verify(tmp_path / "out", given, Silence())
    assert not verdict.equal
    assert not any("bound" in claim for claim in verdict.proved)


def test_a_study_without_candidates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bank branch and no candidate"):
        pairing.propose_over_tiles(in_tiles(city(0), tmp_path, 400), 3.0, 0.0, 1.0)


@pytest.mark.parametrize("words", [["--sites", "2"], ["--budget", "2", "--floor", "0.5"], ["--reach", "0.9"]])
def test_tiles_answer_a_budget_alone(
    words: list[str], town: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "site", town, "--tiles", *words) == 2
    assert "expected --budget with --tiles" in capsys.readouterr().err
    assert call(monkeypatch, "site", town, "--tiles", "--budget", "2", "--robust") == 2
    assert "expected it without --robust" in capsys.readouterr().err
