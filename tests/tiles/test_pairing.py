"""Proposals over all tiles, against those of the whole study and against every plan."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import chain, combinations
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pytest
import worlds
from commands import call
from tileworlds import HALO_M, city, here, quarters

import accessibility as acc
from accessibility.cli import tiling
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.tiling import Tiling, run_tiles
from accessibility.cli.verifying import run_verify
from accessibility.errors import InfeasibleError, InputError
from accessibility.siting import Conditions, verify_plan
from accessibility.siting.limits import district_people
from accessibility.study.proposing import Question, SitingCase
from accessibility.tiles import pairing
from accessibility.tiles.cluster import Workers
from accessibility.tiles.cutting import open_cut, write_cut
from accessibility.tiles.gathering import gather_tiles
from accessibility.tiles.measuring import Asked, Tile, measure_tile
from accessibility.tiles.pairing import NationalPlan, propose_over_tiles
from accessibility.wording import message_text

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Study


def over_tiles(study: acc.Study, folder: Path, rows: int, *questions: Question) -> list[SitingCase | NationalPlan]:
    """Return what is proposed over tiles of so many people, for each question."""
    (folder / "cut").mkdir(parents=True)
    write_cut(study, folder / "cut")
    cut = open_cut(folder / "cut")
    asked = Asked(standard=study.standard, walker=study.walker, halo_m=HALO_M, pairs=True)
    starts = range(0, cut.people, rows)
    tiles = [Tile(cut=cut, first=at, last=min(at + rows, cut.people), folder=folder) for at in starts]
    whole = gather_tiles([measure_tile(tile, asked) for tile in tiles], asked, folder / "demand.parquet")
    return [propose_over_tiles(tiles, question, whole) for question in questions]


def proposing_city(seed: int, candidates: int, standard: acc.Standard, **terms: Any) -> acc.Study:
    """Return the city with four districts and people outside of them, branches of two banks and new places."""
    told, chance = city(seed, standard), np.random.default_rng(seed)
    kind = np.where(np.arange(candidates) % 3 == 0, "bank", "new")
    new = replace(
        worlds.outlets(chance.uniform(0, 8_700, (candidates, 2)).tolist()),
        ids=np.array([f"N{at}" for at in range(candidates)], dtype=object),
        kind=kind,
        open=np.zeros(candidates, np.bool_),
        closed=np.zeros(candidates, np.bool_),
        cost=np.where(kind == "bank", 1.0, 3.0),
        bank=np.where(kind == "bank", chance.choice(["Red", "Blue"], candidates), "").astype(object),
    )
    sites = told.sites + new.to_crs(told.sites.crs)
    terms |= {"districts": quarters(), "standard": standard, "name": "City"}
    return acc.Study.of(told.network, told.demand, sites, **terms)


WALKS = acc.Standard(urban=acc.Rule.walk(15), rural=acc.Rule.distance(1.5))
QUESTIONS = [
    Question(budget=15, conditions=Conditions(quotas={"bank": 2})),
    Question(budget=15, conditions=Conditions(quotas={"Red": 1, "new": 2}, floors={"west": 0.35, "east": 0.2})),
    Question(sites=4, floor=0.05, conditions=Conditions(quotas={"Blue": 2})),
    Question(budget=15, floor=0.6, conditions=Conditions(quotas={"bank": 3})),  # nobody can
    Question(budget=9, conditions=Conditions(required=("N4", "N1"), quotas={"new": 1})),  # a contradiction
    Question(budget=15, conditions=Conditions(spacing_m=1_500, exclusive=(("N27", "N39"),), forbidden=("N0",))),
    Question(reach=0.17, conditions=Conditions(quotas={"bank": 2}, floors={"south": 0.2})),
    Question(model="max-min", sites=5),
    Question(model="lscp"),
]


def test_whatever_is_asked_over_tiles_is_answered_as_in_memory(tmp_path: Path) -> None:
    study = proposing_city(1, 40, WALKS)
    expected = [study.siting_case(question) for question in QUESTIONS]
    assert {case.plan.status for case in expected} == {"optimal", "infeasible"}
    for rows in (400, 130, 57):
        for case, told in zip(over_tiles(study, tmp_path / f"{rows}", rows, *QUESTIONS), expected, strict=True):
            assert isinstance(case, SitingCase)
            assert case.record() == told.record()
            assert case.plan.short_people == told.plan.short_people
            pd.testing.assert_frame_equal(case.plan.table(), told.plan.table(), check_exact=True)
            verify_plan(case.problem, case.plan)


def test_no_plan_of_a_small_city_is_better_and_keeps_to_floors_and_quotas(tmp_path: Path) -> None:
    study, banks = proposing_city(2, 7, WALKS), {"N0", "N3", "N6"}
    every = chain.from_iterable(combinations(study.sites.ids[study.sites.may_open], size) for size in range(4))
    found = {ids: study.coverage(study.plan_scenario(ids)).by(study.district) for ids in every}

    def best(most: int, floors: dict[str, float]) -> float | None:
        """Return the most people that three sites cover which keep to a quota of banks and to floors."""
        people = [
            float(table["covered"].sum())
            for ids, table in found.items()
            if len(banks.intersection(ids)) <= most
            and all(table["covered_share"][name] >= floors[name] for name in floors)
        ]
        return max(people, default=None)

    floors: tuple[dict[str, float], ...] = (
        {},
        {"east": 0.18, "west": 0.08},
        {"east": 0.18, "west": 0.11},
        {"south": 0.12, "west": 0.08},
    )
    asked = [(most, of) for most in (0, 1, 3) for of in floors]
    questions = [Question(sites=3, conditions=Conditions(quotas={"bank": most}, floors=of)) for most, of in asked]
    expected = [best(most, of) for most, of in asked]
    assert None in expected
    assert len(set(expected)) > 4
    for case, most in zip(over_tiles(study, tmp_path, 150, *questions), expected, strict=True):
        assert isinstance(case, SitingCase)
        assert (case.plan.objective if case.plan.status == "optimal" else None) == most


@pytest.mark.parametrize("along", ["network", "radius"])
def test_a_budget_over_parts_is_spent_as_over_the_whole(
    along: Literal["network", "radius"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "WHOLE_PAIRS", 0)
    monkeypatch.setattr(pairing, "PART_PAIRS", 30)
    study = proposing_city(1, 60, acc.Standard(urban=acc.Rule.walk(15), rural=acc.Rule.distance(1.5, along=along)))
    now = study.coverage()
    case = study.siting_case(Question(budget=15))
    best, (site, point) = case.plan, case.problem.near
    pairs = case.problem.candidate[site] & ~case.problem.covered[point] & (case.problem.people[point] > 0)
    found = []
    for rows in (400, 90):
        (plan,) = over_tiles(study, tmp_path / f"{rows}", rows, Question(budget=15))
        assert isinstance(plan, NationalPlan)
        assert plan.parts > 2
        assert plan.pairs == pairs.sum()
        assert plan.objective <= best.bound + 1e-6
        assert best.objective <= plan.bound + 1e-6
        assert plan.objective >= 0.99 * best.objective
        assert plan.cost <= 15
        opened = study.coverage(study.plan_scenario(plan.table["id"].tolist()))
        assert opened.covered_people == pytest.approx(plan.objective)
        assert plan.table["gain_people"].sum() == pytest.approx(plan.objective - now.covered_people)
        found.append(plan)
    assert found[0].record() == found[1].record()
    pd.testing.assert_frame_equal(found[0].table, found[1].table)


BOTH = Conditions(quotas={"Red": 1, "new": 2}, floors={"west": 0.08, "east": 0.21})


def test_what_a_killed_search_left_on_the_disk_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "WHOLE_PAIRS", 0)
    killed = f"""
import os, sys
from pathlib import Path
from accessibility.sources.files import passing_folder
with passing_folder(Path({str(tmp_path)!r})) as folder:
    (folder / "item").write_bytes(bytes(9))
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9  # noqa: S603 -- the line above
    assert [*tmp_path.glob(".accessibility-*/item")]
    over_tiles(proposing_city(1, 20, WALKS), tmp_path, 400, Question(budget=5))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["000000000000-000000000400.parquet", "cut", "demand.parquet", "pairs"]
    )


@pytest.mark.parametrize("question", [QUESTIONS[0], Question(budget=15, conditions=BOTH), QUESTIONS[2], QUESTIONS[5]])
def test_conditions_over_parts_are_kept_to_as_over_the_whole(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "WHOLE_PAIRS", 0)
    monkeypatch.setattr(pairing, "PART_PAIRS", 30)
    study = proposing_city(1, 40, WALKS)
    case = study.siting_case(question)
    found = [*over_tiles(study, tmp_path / "400", 400, question), *over_tiles(study, tmp_path / "90", 90, question)]
    for plan in found:
        assert isinstance(plan, NationalPlan)
        assert plan.parts > 2
        assert 0.95 * case.plan.objective <= plan.objective <= case.plan.bound + 1e-6
        assert case.plan.objective <= plan.bound + 1e-6
        told, xy = case.problem.rows(plan.table["id"]), case.problem.site_xy
        assert xy is not None
        opened = case.problem.open | np.isin(np.arange(len(case.problem.open)), told)
        assert case.problem.people[case.problem.covered_by(opened)].sum() == pytest.approx(plan.objective)
        terms = case.plan.conditions
        there = district_people(case.problem, case.problem.covered_by(opened))
        for name, people in district_people(case.problem).items():
            assert there[name] >= terms.floors.get(name, terms.floor) * people - 1e-6
        for name, most in terms.quotas.items():
            assert ((case.problem.kind[told] == name) | (case.problem.bank[told] == name)).sum() <= most
        for one, other in combinations(told, 2):
            assert np.hypot(*(xy[one] - xy[other])) >= terms.spacing_m
        assert not {"N27", "N39"} <= set(plan.table["id"]) or not terms.exclusive
        assert not set(terms.forbidden) & set(plan.table["id"])
    assert found[0].record() == found[1].record()


def test_a_floor_that_no_plan_over_parts_meets_is_told_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "WHOLE_PAIRS", 0)
    study = proposing_city(1, 40, WALKS)
    ((name, people),) = study.siting_case(QUESTIONS[1]).plan.short_people.items()
    with pytest.raises(InfeasibleError, match=f"the floors cannot all be met: short by {people:.0f} people in {name}$"):
        over_tiles(study, tmp_path, 400, QUESTIONS[1])


def test_the_sample_county_is_proposed_the_same_and_verified(
    sample: Path, sample_study: Study, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "measure_tiles", here)
    question, given = Question(budget=12, floor=0.5), Options(cache=cache, date="2026-11-29")
    told = run_tiles(sample, tmp_path / "out", given, Tiling(workers=Workers(), rows=2_000), Silence(), question)
    whole = sample_study.siting_case(question)
    assert told.manifest["siting"] == whole.record()
    assert {"sites.csv", "proof.json"} < set(told.manifest["files"])
    assert run_verify(tmp_path / "out", given, Silence()).equal


def test_a_proposal_in_parts_is_verified_and_no_other_bound(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "measure_tiles", here)
    monkeypatch.setattr(pairing, "WHOLE_PAIRS", 0)
    path, given = proposing_city(1, 40, WALKS).save(tmp_path / "city"), Options(cache=cache, date="2026-11-29")
    told = run_tiles(path, tmp_path / "out", given, Tiling(workers=Workers()), Silence(), Question(budget=12)).manifest
    assert told["siting"]["bound_by"] == "certificate"
    verdict = run_verify(tmp_path / "out", given, Silence())
    assert verdict.equal
    assert any("its bound" in claim and "over all tiles" in claim for claim in verdict.proved)
    assert not any("bound" in claim for claim in verdict.open)
    forge(tmp_path / "out", bound=told["siting"]["bound"] - 1)
    verdict = run_verify(tmp_path / "out", given, Silence())
    assert not verdict.equal
    assert not any("bound" in claim for claim in verdict.proved)


def forge(folder: Path, **figures: Any) -> None:
    """Tell other figures of a proposal in the manifest of a run."""
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    told["siting"] |= figures
    (folder / "manifest.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def test_conditions_of_a_study_hold_over_tiles_and_a_plan_that_breaks_them_is_told(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "measure_tiles", here)
    asked = Conditions(quotas={"bank": 1}, floors={"south": 0.18})
    study, question = proposing_city(1, 40, WALKS, siting=asked), Question(sites=5)
    path, given = study.save(tmp_path / "city"), Options(cache=cache, date="2026-11-29")
    out = tmp_path / "out"
    told = run_tiles(path, out, given, Tiling(workers=Workers(), rows=150), Silence(), question).manifest["siting"]
    assert told == study.siting_case(question).record()
    assert run_verify(out, given, Silence()).equal
    free = [Conditions(floors=asked.floors), Conditions(quotas=asked.quotas)]
    for left, word in zip(free, ("quota", "south"), strict=True):
        forge(out, **study.siting_case(replace(question, conditions=left)).record())
        (said,) = (wrong for wrong in run_verify(out, given, Silence()).changed if wrong.startswith("proposal: "))
        assert word in said
    forge(out, **told)
    evidence = (out / "proof.json").read_text(encoding="utf-8")
    (out / "proof.json").write_text(
        json.dumps(json.loads(evidence) | {"multipliers": None, "trees": []}), encoding="utf-8"
    )
    assert any(wrong.startswith("proof.json: ") for wrong in run_verify(out, given, Silence()).changed)


def test_a_study_without_candidates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bank branch and no candidate"):
        over_tiles(city(0), tmp_path, 400, Question(budget=3))


def test_tiles_answer_whom_sites_cover_alone(
    town: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--model", "p-median"], ["--model", "relocation", "--close", "1"], ["--model", "backup"]):
        assert call(monkeypatch, "site", town, "--tiles", "--sites", "2", *words) == 2
        assert "expected --model mclp, lscp or max-min with --tiles" in capsys.readouterr().err
    assert call(monkeypatch, "site", town, "--tiles", "--budget", "2", "--robust") == 2
    assert "expected it without --robust" in capsys.readouterr().err


def test_a_proposal_in_parts_is_told_in_both_languages() -> None:
    table = pd.DataFrame({"id": [str(k) for k in range(1_200)]})
    large = {"objective": 197_394_929.4, "bound": 197_396_457.0, "cost": 1_234_567.5, "covered_before": 9e7}
    size = {"parts": 38, "candidates": 156_800, "pairs": 74_857_359}
    plan = NationalPlan(question=SimpleNamespace(), table=table, **large, **size)  # type: ignore[arg-type]
    (said,) = tiling._plan_notes(plan, "万元")
    assert "1,200 sites for 1,234,567.5 万元" in said
    assert said.endswith("197,394,929 people; no plan does better than 197,396,457, gap 0.001 %")
    chinese = message_text(said, "zh")
    assert "1,200个网点，成本1,234,567.5" in chinese  # noqa: RUF001
    assert not re.search("[a-z]", chinese)
    far = "1,510,671 people have more than 10 km, or 167 min, to walk: their ways are not told"
    assert message_text(far, "zh") == "1,510,671人的步行路程超过10公里或167分钟：未列出其路程"  # noqa: RUF001
