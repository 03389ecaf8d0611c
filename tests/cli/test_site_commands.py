"""`site`, `compare` and `verify` as a planner meets them, on a street whose figures are done by hand.

Five places stand 500 m apart, with 10, 20, 40, 80 and 160 people; the outlet at the first covers the first two (30),
the bank at the last would cover the last two (270 in all) at a cost of 1, and a new site at the fourth the last three
(310) at a cost of 3.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from commands import call

from accessibility import siting
from accessibility.cli import pack
from accessibility.siting import solve_mclp
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.options import Options
    from accessibility.siting import Problem, SitingPlan
    from accessibility.study.proposing import Question, SitingCase


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def asked_here(monkeypatch: pytest.MonkeyPatch, study: Path, *asked: object) -> SitingCase:
    """Return what `site` finds when it is asked so, without the files that it would write."""
    found: list[SitingCase] = []

    def answer(path: Path, question: Question, _: object, options: Options, __: object) -> None:
        found.append(read_study(path, cache=options.cache).siting_case(question))
        raise SystemExit(0)

    with monkeypatch.context() as patched:
        patched.setattr(pack, "run_site", answer)
        assert call(patched, "site", study, *asked, "--quiet") == 0
    return found[0]


@pytest.mark.parametrize(
    ("asked", "cost", "covered"),
    [
        (["--budget", 0], 0, 30),
        (["--budget", 0.5], 0, 30),
        (["--budget", 2], 1, 270),
        (["--budget", 3], 3, 310),
        (["--sites", 1], 3, 310),
        (["--sites", 99], 3, 310),
        (["--reach", 0.87], 1, 270),
        (["--reach", 1], 3, 310),
        (["--model", "lscp"], 3, 310),
        (["--budget", 3, "--floor", 0.9], 3, 310),
        (["--sites", 1, "--model", "max-min"], 3, 310),
        (["--sites", 1, "--model", "p-median"], 1, 270),  # at the bank 80 and 40 people walk, at the fourth 160 and 40
        (["--budget", 1, "--model", "backup"], 1, 270),
        (["--budget", 1, "--close", 1, "--model", "relocation"], 1, 270),
    ],
)
def test_a_proposal_is_the_best_by_hand(
    asked: list[object], cost: float, covered: float, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = asked_here(monkeypatch, town, *asked)
    told = case.record()
    assert (told["status"], told["cost"], round(told["covered_people"], 6)) == ("optimal", cost, covered)
    assert told["gap"] == 0
    assert (
        told["question"].items() >= dict(zip((str(word)[2:] for word in asked[::2]), asked[1::2], strict=True)).items()
    )


BY_MODEL: dict[str, tuple[list[object], float]] = {
    "mclp": (["--budget", 3], 310),
    "none": (["--budget", 0], 30),
    "partial": (["--reach", 0.87], 270),
    "lscp": (["--model", "lscp"], 310),
    "max-min": (["--sites", 1, "--model", "max-min"], 310),
    "p-median": (["--sites", 1, "--model", "p-median"], 270),
    "backup": (["--budget", 1, "--model", "backup"], 270),
    "relocation": (["--budget", 1, "--close", 1, "--model", "relocation"], 270),
}


@pytest.mark.parametrize("model", list(BY_MODEL))
def test_the_folder_of_every_model_holds_its_proposal_and_is_verified(
    model: str, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (asked, covered), out = BY_MODEL[model], tmp_path / "out"
    assert call(monkeypatch, "site", town, *asked, "--out", out, "--quiet") == 0
    told = manifest(out)["siting"]
    assert (told["status"], round(told["covered_people"], 6)) == ("optimal", covered)
    sites = pd.read_csv(out / "sites.csv", encoding="utf-8-sig")
    columns = "rank id name kind cost lon lat gain_people covered_people covered_share marginal_per_cost"
    assert list(sites.columns) == columns.split()
    assert [str(site) for site in sites["id"]] == told["selected"]
    assert sites["name"].notna().all()
    if len(sites):
        assert sites["covered_people"].iloc[-1] == pytest.approx(covered)
        assert sites["lon"].between(108.2, 108.221).all()
    assert len(pyogrio.read_dataframe(out / "coverage.gpkg", layer="proposed")) == len(sites)
    assert call(monkeypatch, "verify", out, "--quiet") == 0


@pytest.mark.parametrize(
    ("kept", "asked", "covered"),
    [
        ('forbidden = ["B1"]', ["--budget", 1], 30),
        ("quotas = { new = 0 }", ["--sites", 1], 270),
        ("generate = false", ["--sites", 1], 270),
        ('required = ["B1"]', ["--sites", 1], 270),
        ('required = ["B1"]', ["--sites", 2], 310),  # another one for the third place
        ('required = ["B1"]\nspacing_m = 5000', ["--sites", 2], 270),  # the whole street is shorter
        ("cost = { bank = 5, new = 1 }", ["--budget", 1], 310),
    ],
)
def test_a_proposal_keeps_to_what_the_study_says(
    kept: str, asked: list[object], covered: float, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.write_text(f"{town.read_text(encoding='utf-8')}\n[siting]\n{kept}\n", encoding="utf-8")
    told = asked_here(monkeypatch, town, *asked).record()
    assert (told["status"], round(told["covered_people"], 6)) == ("optimal", covered)


def test_a_bank_that_has_closed_down_is_no_candidate(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    banks = town.parent / "banks.csv"
    head, row = banks.read_text(encoding="utf-8").split()
    banks.write_text(f"{head},status\n{row},closed\n", encoding="utf-8")
    assert asked_here(monkeypatch, town, "--budget", 1).record()["selected"] == []


def test_the_proposal_is_printed_with_its_proof(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "site", town, "--budget", 1, "--out", tmp_path / "out") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "proposal (mclp): 1 site at a cost of 1; optimal: 270 people covered; no plan does better than 270" in said
    assert "1 B1 Bank bank 1 240 87.1 %" in said


def test_what_cannot_be_had_is_told_in_people_and_ends_with_3(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(monkeypatch, "site", town, "--budget", 1, "--floor", 0.9, "--out", out) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "infeasible" in said
    assert "short by 9 people" in said  # 90 % of 310 people are 279; the bank brings them to 270
    assert manifest(out)["siting"]["status"] == "infeasible"
    assert (out / "report.html").is_file()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([], "nothing limits the proposal; expected sites, budget or reach with model 'mclp'"),
        (["--budget", -1], "budget is -1; expected 0 or more"),
        (["--sites", -1], "sites is -1; expected 0 or more"),
        (["--budget", "nan"], "budget is no number; expected 0 or more"),
        (["--reach", 1.5], "reach is 1.5; expected 0 to 1"),
        (["--budget", 1, "--floor", 2], "floor is 2; expected 0 to 1"),
        (
            ["--budget", 1, "--reach", 0.5],
            "reach asks for the least cost; expected no model, sites or budget with it, found budget",
        ),
        (["--budget", 1, "--close", 2], "close asks for open sites to give up; expected model 'relocation' with it"),
    ],
)
def test_a_question_that_is_none_is_one_clear_error(
    asked: list[object],
    message: str,
    town: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert call(monkeypatch, "site", town, *asked, "--out", out) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


SCENARIOS = """
[[scenario]]
name = "the <bank>"
open = ["B1"]

[[scenario]]
name = "away with the hall"
close = ["O1"]
"""


def test_scenarios_are_compared_with_today(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios, out = tmp_path / "scenarios.toml", tmp_path / "out"
    scenarios.write_text(SCENARIOS, encoding="utf-8")
    assert call(monkeypatch, "compare", town, scenarios, "--out", out, "--layers") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "today: 9.7 % of 310 people (30)" in said
    table = pd.read_csv(out / "compare.csv", encoding="utf-8-sig").set_index("scenario")
    assert table[["covered", "gained", "lost"]].to_numpy().tolist() == [[270, 240, 0], [0, 0, 30]]
    differences = pd.read_csv(out / "differences.csv", encoding="utf-8-sig")
    whole = differences[(differences["district"] == "total") & (differences["setting"] == "all")]
    assert whole[["scenario", "covered_before", "covered_after"]].to_numpy().tolist() == [
        ["the <bank>", 30, 270],
        ["away with the hall", 30, 0],
    ]
    assert sorted(path.stem for path in out.glob("*.html")) == ["away-with-the-hall", "report", "the-bank"]
    assert sorted(path.stem for path in out.glob("*.gpkg")) == ["away-with-the-hall", "the-bank"]
    people = gpd.read_file(out / "the-bank.gpkg", layer="demand")
    assert people.loc[people["covered"].astype(bool), "population"].sum() == 270
    report = (out / "report.html").read_text(encoding="utf-8")
    assert [re.findall(pattern, report) for pattern in (r"<h2[^>]*>(.*?)</h2>", r'class="covered">(\d+)<')] == [
        ["the &lt;bank&gt;", "away with the hall"],
        ["270", "0"],
    ]
    assert call(monkeypatch, "verify", out, "--quiet") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SCENARIOS.replace("close", "clsoe"), "clsoe"),
        (SCENARIOS.replace('"B1"', '"B2"'), "B2"),
        ("", "scenario"),
        ("[[scenario]]\nname = ", "scenarios.toml"),
    ],
)
def test_a_bad_file_of_scenarios_is_one_clear_error(
    text: str,
    message: str,
    town: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scenarios, out = tmp_path / "scenarios.toml", tmp_path / "out"
    scenarios.write_text(text, encoding="utf-8")
    assert call(monkeypatch, "compare", town, scenarios, "--out", out) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not out.exists()


def test_a_run_that_no_longer_follows_from_its_inputs_ends_with_4(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(monkeypatch, "site", town, "--budget", 1, "--out", out, "--quiet") == 0
    people = town.parent / "people.csv"
    people.write_text(people.read_text(encoding="utf-8").replace(",160,", ",161,"), encoding="utf-8")
    assert call(monkeypatch, "verify", out) == 4
    said = " ".join(capsys.readouterr().out.split())
    assert "population: NOT EQUAL, the run told 310, found again 311" in said
    assert "siting.covered_people: NOT EQUAL, the run told 270, found again 271" in said
    assert "people covered by the proposal, measured again: NOT EQUAL, the run told 270, found again 271" in said


@pytest.mark.parametrize(("asked", "code"), [([], 3), (["--gap", 0.005], 3), (["--gap", 0.02], 0)])
def test_a_gap_reaches_the_solver_and_decides_the_exit(
    asked: list[object], code: int, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that ends 1 % below its bound."""
    gaps: list[float] = []

    def open_gap(problem: Problem, *, gap: float, **_: object) -> SitingPlan:
        gaps.append(gap)
        plan = solve_mclp(problem, sites=1)
        return replace(plan, bound=1.01 * plan.objective, status="feasible", ended_by="work", bound_by="solver")

    monkeypatch.setattr(siting, "solve_mclp", open_gap)
    out = tmp_path / "out"
    assert call(monkeypatch, "site", town, "--sites", 1, *asked, "--out", out, "--quiet") == code
    asked_gap = float(asked[1]) if asked else 0.0  # type: ignore[arg-type]
    assert gaps == [asked_gap]
    told = manifest(out)["siting"]
    assert (told["status"], told["question"]["gap"]) == ("feasible", asked_gap)


def test_whether_a_plan_holds_is_told_with_it_or_refused_before_a_file_is_written(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    town.write_text(f"{town.read_text(encoding='utf-8')}\n[uncertainty]\ndraws = 20\n", encoding="utf-8")
    assert call(monkeypatch, "site", town, "--model", "lscp", "--robust", "--out", out) == 2
    assert "mclp" in capsys.readouterr().err
    assert call(monkeypatch, "site", town, "--budget", 3, "--floor", 0.1, "--robust", "--out", out) == 2
    assert "floors" in capsys.readouterr().err
    assert call(monkeypatch, "site", town, "--budget", 3, "--aim", "worst", "--out", out) == 2
    assert "--aim without --robust; expected both" in capsys.readouterr().err
    assert not out.exists()
    assert call(monkeypatch, "site", town, "--budget", 3, "--robust", "--json", "--out", out) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["siting"]["selected"]
    assert told["robust"]["draws"] == 20
    assert told["robust"]["aim"] == "mean"
    assert (
        call(monkeypatch, "site", town, "--budget", 3, "--robust", "--aim", "worst", "--lang", "zh", "--out", out) == 0
    )
    said = capsys.readouterr().out
    assert "稳健方案" in said
    assert "属于噪声" in said
