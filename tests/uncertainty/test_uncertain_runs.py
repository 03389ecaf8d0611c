"""`cover --uncertainty`: bars in every file, entries for every column, found again by `verify`, and nothing without."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import doubtworlds
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import write_town

from accessibility import Study, read_scenarios, read_study
from accessibility.cli.comparing import run_compare
from accessibility.cli.console import Silence, print_comparison, print_coverage
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover, run_site
from accessibility.cli.verifying import run_verify
from accessibility.errors import InputError
from accessibility.present.language import MapWords
from accessibility.present.manifest import data_dictionary
from accessibility.present.map.legends import bar_lines
from accessibility.study.mapping import MapOptions, draw_study
from accessibility.study.proposing import Question
from accessibility.study.robustness import coordinate_ways
from accessibility.study.schema import read_study_file
from accessibility.uncertainty import Interval
from accessibility.uncertainty.scene import Case, Scene
from accessibility.uncertainty.trying import Trying
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.comparing import ScenarioComparison
    from accessibility.cli.options import Result

DAY = "2026-11-29"
SAID = '\n[uncertainty]\ndraws = 20\nseed = 3\noutlets = "surveyed"\nbanks = 40\nmissing = { residential = 0.1 }\n'


class Told(Silence):
    """Progress that is remembered, and that gives up after some draws."""

    def __init__(self, most: int = 10**9) -> None:
        """Begin with nothing."""
        self.parts: list[tuple[int, int]] = []
        self._most = most

    def part(self, done: int, whole: int) -> None:
        """Remember how many draws are made."""
        self.parts.append((done, whole))
        if done >= self._most:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[str, Result]:
    """Return what two runs of a town found, with bars and without."""
    folder = tmp_path_factory.mktemp("town")
    study = write_town(folder)
    with study.open("a", encoding="utf-8") as file:
        file.write(SAID)
    return {
        name: run_cover(
            study, folder / name, Options(cache=cache, date=DAY, uncertainty=asked, language="both"), Silence()
        )
        for name, asked in (("bars", True), ("plain", False))
    }


@pytest.fixture(scope="module")
def runs(results: dict[str, Result]) -> tuple[Path, Path]:
    """Return the folders of both."""
    return results["bars"].folder, results["plain"].folder


def test_bars_stand_in_every_file(runs: tuple[Path, Path], cache: Path) -> None:
    bars, _ = runs
    told = json.loads((bars / "manifest.json").read_text(encoding="utf-8"))
    sure = read_study(bars.parent / "study.toml", cache=cache).uncertainty()
    assert told["uncertainty"]["draws"] == 20
    assert told["uncertainty"]["seed"] == 3
    assert told["uncertainty"]["covered_share_low"] == pytest.approx(sure.interval.low)
    districts = pd.read_csv(bars / "districts.csv", encoding="utf-8-sig")
    whole = districts.set_index("district").loc["total"]
    assert whole["covered_share_high"] == pytest.approx(sure.interval.high, abs=1e-6)
    assert (districts["covered_share_low"] <= districts["covered_share_high"]).all()
    for people in (gpd.read_parquet(bars / "demand.parquet"), gpd.read_file(bars / "coverage.gpkg", layer="demand")):
        assert people["covered_probability"].tolist() == pytest.approx(sure.probability.tolist())
        assert people["certainty"].tolist() == sure.certainty.tolist()
    said = data_dictionary(doubted=True)
    for file in ("districts.csv", "demand.parquet"):
        columns = said.loc[said["file"] == file, "column"].tolist()
        found = districts if file == "districts.csv" else gpd.read_parquet(bars / file)
        assert found.columns.tolist() == columns
    words = (bars / "report.html").read_text(encoding="utf-8")
    assert "How sure the figure is" in words
    assert "数字有多可靠" in words
    assert "How sure: covered or not" in (bars / "coverage.html").read_text(encoding="utf-8")
    ends = (sure.interval.low, sure.interval.high)
    lines = bar_lines(sure, MapWords.of("both"))
    assert [percent_text(end) in lines[0][1] for end in ends] == [True, True]
    assert [percent_text(end, 1.0, "zh") in lines[1][1] for end in ends] == [True, True]
    with pd.ExcelFile(bars / "report.xlsx", engine="openpyxl") as book:
        assert any("Sources of error" in str(name) for name in book.sheet_names)


def test_townships_on_the_map_show_their_bar() -> None:
    town = doubtworlds.town()
    middle = float(np.median(town.demand.xy[:, 0]))
    north, south = float(town.demand.xy[:, 1].max()) + 9, float(town.demand.xy[:, 1].min()) - 9
    halves = [shapely.box(middle - 9_000, south, middle, north), shapely.box(middle, south, middle + 9_000, north)]
    area = gpd.GeoDataFrame({"name": ["west", "east"]}, geometry=halves, crs=town.demand.crs)
    study = Study.of(town.network, town.demand, town.sites, districts=area, settings="urban", walker=town.walker)
    sure = study.uncertainty(draws=6)
    ends = [[percent_text(end) for end in row] for row in sure.by(study.district)[["low", "high"]].to_numpy()]
    assert len({tuple(row) for row in ends}) == 2
    drawn = draw_study(study, study.coverage(), None, MapOptions(sure=sure)).get_root().render()
    told = [re.escape(f"{low} to {high}, 95 times of 100") for low, high in ends]
    assert all(re.search(rf'"covered, with the errors of the inputs", "{text}"', drawn) for text in told)
    other = draw_study(study, study.coverage(urban="2 min"), None, MapOptions(sure=sure)).get_root().render()
    assert "covered, with the errors of the inputs" not in other


def test_the_terminal_says_the_bar_in_both_languages(
    results: dict[str, Result], capsys: pytest.CaptureFixture[str]
) -> None:
    told = results["bars"].manifest["uncertainty"]
    for language, said in (("en", "95 times of 100"), ("zh", "真实值有95%的可能在")):
        print_coverage(results["bars"], language)  # type: ignore[arg-type]
        shown = capsys.readouterr().out
        assert said in shown
        assert f"{100 * told['covered_share_low']:.1f}" in shown
        print_coverage(results["plain"], language)  # type: ignore[arg-type]
        assert said not in capsys.readouterr().out


def test_a_run_that_was_cut_short_goes_on_and_writes_the_same(results: dict[str, Result], tmp_path: Path) -> None:
    study = results["bars"].folder.parent / "study.toml"
    options = Options(cache=tmp_path / "cache", date=DAY, uncertainty=True, language="both", workers=1)
    with pytest.raises(KeyboardInterrupt):
        run_cover(study, tmp_path / "run", options, Told(10))
    assert list((tmp_path / "cache" / "draws").iterdir()) != []
    again = Told()
    read = run_cover(study, tmp_path / "run", options, again)
    assert again.parts[0][0] == 10
    assert again.parts[-1] == (20, 20)
    for name in ("districts.csv", "demand.parquet"):
        assert (read.folder / name).read_bytes() == (results["bars"].folder / name).read_bytes(), name
    assert list((tmp_path / "cache" / "draws").iterdir()) == []


def test_verify_finds_the_bars_again_and_notices_others(runs: tuple[Path, Path], cache: Path) -> None:
    bars, _ = runs
    assert run_verify(bars, Options(cache=cache), Silence()).changed == ()
    path = bars / "manifest.json"
    before = path.read_text(encoding="utf-8")
    told = json.loads(before)
    told["uncertainty"]["covered_share_low"] += 0.01
    path.write_text(json.dumps(told), encoding="utf-8")
    try:
        verdict = run_verify(bars, Options(cache=cache), Silence())
    finally:
        path.write_text(before, encoding="utf-8")
    assert not verdict.equal


SCENARIOS = """
[[scenario]]
name = "the bank"
open = ["B1"]

[[scenario]]
name = "instead of the hall"
open = ["B1"]
close = ["O1"]
"""
GAIN = ("gain_points", "gain_low", "gain_high", "gain_error", "better", "better_error", "noise")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> ScenarioComparison:
    """Return what a comparison found whose gains have bars."""
    folder = tmp_path_factory.mktemp("compared")
    study = write_town(folder)
    with study.open("a", encoding="utf-8") as file:
        file.write(SAID)
    (folder / "scenarios.toml").write_text(SCENARIOS, encoding="utf-8")
    options = Options(cache=cache, date=DAY, uncertainty=True, language="both")
    return run_compare(study, folder / "scenarios.toml", folder / "run", options, Silence())


def test_gains_of_scenarios_have_bars_in_every_file(compared: ScenarioComparison, cache: Path) -> None:
    folder = compared.folder
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    sure = read_study(folder.parent / "study.toml", cache=cache).uncertainty()
    bank, swap = (sure.under(scenario) for scenario in read_scenarios(folder.parent / "scenarios.toml"))
    assert told["uncertainty"]["covered_share_low"] == pytest.approx(sure.interval.low)
    tables = {name: pd.read_csv(folder / f"{name}.csv", encoding="utf-8-sig") for name in ("compare", "pairs")}
    rows = tables["compare"].set_index("scenario")
    for name, one, facts in zip(("the bank", "instead of the hall"), (bank, swap), told["scenarios"], strict=True):
        expected = one.over(sure).record()
        assert {key: facts["totals"][key] for key in GAIN} == pytest.approx(expected)
        assert rows.loc[name, list(GAIN)].to_dict() == pytest.approx(expected, abs=1e-6)
        assert rows.loc[name, "covered_share_low"] == pytest.approx(one.interval.low, abs=1e-6)
        shown = (folder / f"{name.replace(' ', '-')}.html").read_text(encoding="utf-8")
        ends = [f"{end:+.2f}".replace("-", "\N{MINUS SIGN}") for end in (expected["gain_low"], expected["gain_high"])]
        assert f"with the errors of the inputs {ends[0]} to {ends[1]}, 95 times of 100; better" in shown
        assert f"真实值有95%的可能在{ends[0]}至{ends[1]}个百分点之间" in shown
        assert ("points against today, which is noise" in shown) == expected["noise"]
        assert "(as drawn)" in shown
    assert tables["pairs"][["scenario", "instead_of"]].to_numpy().tolist() == [["the bank", "instead of the hall"]]
    assert told["pairs"][0]["gain_points"] == pytest.approx(100 * 30 / 310)
    differences = pd.read_csv(folder / "differences.csv", encoding="utf-8-sig")
    whole = differences[(differences["district"] == "total") & (differences["setting"] == "all")]
    assert whole["gain_low"].tolist() == pytest.approx(rows["gain_low"].tolist())


def test_the_terminal_calls_noise_noise(compared: ScenarioComparison, capsys: pytest.CaptureFixture[str]) -> None:
    pair = compared.manifest["pairs"][0]
    for language, said in (("en", ("Better with", "95 times of 100")), ("zh", ("更优的概率", "属于噪声"))):
        print_comparison(compared, language)  # type: ignore[arg-type]
        shown = capsys.readouterr().out.replace("\n", " ")
        assert all(word in "".join(shown.split()) for word in map("".join, map(str.split, said)))
        assert f"{pair['gain_points']:+.2f}" in shown
        assert "pairs.csv" in shown


def test_verify_finds_the_bars_of_gains_again(compared: ScenarioComparison, cache: Path) -> None:
    path = compared.folder / "manifest.json"
    before = path.read_text(encoding="utf-8")
    told = json.loads(before)
    told["pairs"][0]["gain_low"] += 0.01
    told["scenarios"][0]["totals"]["noise"] ^= True
    path.write_text(json.dumps(told), encoding="utf-8")
    try:
        verdict = run_verify(compared.folder, Options(cache=cache), Silence())
    finally:
        path.write_text(before, encoding="utf-8")
    assert verdict.changed == ()
    unequal = [one.name for one in verdict.comparisons if not one.equal]
    assert unequal == ["scenarios.0.totals.noise", "pairs.0.gain_low"]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Return the folder of a proposal that is held against draws."""
    folder = tmp_path_factory.mktemp("held")
    study = write_town(folder)
    with study.open("a", encoding="utf-8") as file:
        file.write(SAID)
    options = Options(cache=cache, date=DAY, robust="worst", language="both")
    run_site(study, Question(sites=1), folder / "held", options, Silence())
    return folder / "held"


def test_a_plan_that_holds_stands_in_every_file(held: Path, cache: Path) -> None:
    told = json.loads((held / "manifest.json").read_text(encoding="utf-8"))
    found = read_study(held.parent / "study.toml", cache=cache).robust(sites=1, aim="worst")
    robust = told["robust"]
    assert told["options"]["robust"] == robust["aim"] == "worst"
    assert (robust["draws"], robust["seed"]) == (20, 3)
    assert robust["selected"] == list(found.robust.selected)
    assert robust["objective"] == pytest.approx(found.robust.objective)
    assert robust["bound"] >= robust["objective"]
    assert robust["gains"]["instead"]["noise"] is True
    assert robust["sites"] == pytest.approx(found.probability)
    words = (held / "report.html").read_text(encoding="utf-8")
    said = ("Whether the proposal holds", "布点建议是否稳健", "the tenth of them in which it covers least (2 draws)")
    assert [sentence in words for sentence in said] == [True, True, True]
    assert "known to" in words
    with pd.ExcelFile(held / "report.xlsx", engine="openpyxl") as book:
        names = [str(name) for name in book.sheet_names]
        assert [name for name in names if "Robust plan" in name or "Gains" in name or "over the draws" in name]
        shown = pd.read_excel(book, sheet_name=next(name for name in names if "Robust plan" in name))
    assert shown.iloc[0, 3] == pytest.approx(robust["plans"]["by_inputs"]["mean_share"])
    named = set(pd.read_csv(held / "dictionary.csv", encoding="utf-8-sig")["column"])
    assert {f"robust.{name}" for name in robust if not isinstance(robust[name], dict)} <= named
    assert {f"robust.{name}.*" for name in robust if isinstance(robust[name], dict)} <= named


def test_verify_finds_the_plan_that_holds_again_and_refuses_a_forged_one(held: Path, cache: Path) -> None:
    path = held / "manifest.json"
    before = path.read_text(encoding="utf-8")
    told = json.loads(before)
    told["robust"]["bound"] += 0.01
    told["robust"]["gains"]["robust"]["better"] = 0.5
    told["robust"]["selected"].append("B9")
    path.write_text(json.dumps(told), encoding="utf-8")
    try:
        forged = run_verify(held, Options(cache=cache), Silence())
    finally:
        path.write_text(before, encoding="utf-8")
    wrong = {one.name for one in forged.comparisons if not one.equal}
    assert wrong == {"robust.bound", "robust.gains.robust.better", "robust.selected.1"}
    verdict = run_verify(held, Options(cache=cache), Silence())
    assert verdict.equal
    assert [line for line in verdict.lines if "the robust plan (worst)" in line and "20 draws, seed 3" in line]


def test_without_the_question_nothing_is_different(runs: tuple[Path, Path]) -> None:
    bars, plain = runs
    told, other = (json.loads((run / "manifest.json").read_text(encoding="utf-8")) for run in (plain, bars))
    assert "uncertainty" not in told
    assert told["totals"] == other["totals"]
    assert "covered_share_low" not in pd.read_csv(plain / "districts.csv", encoding="utf-8-sig").columns
    assert "certainty" not in gpd.read_parquet(plain / "demand.parquet").columns
    assert "How sure" not in (plain / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("draws = 1", "uncertainty.draws: found 1"),
        ("speed = 1", "uncertainty.speed: unknown key"),
        ('without = ["luck"]', "found 'luck'; expected names among outlets"),
        ("missing = { footway = 1.5 }", "uncertainty.missing.footway: found 1.5"),
        ("people = { cell = -1 }", "uncertainty.people.cell: found -1"),
    ],
)
def test_what_a_study_says_of_its_errors_is_checked(line: str, said: str, tmp_path: Path) -> None:
    study = write_town(tmp_path)
    with study.open("a", encoding="utf-8") as file:
        file.write(f"\n[uncertainty]\n{line}\n")
    with pytest.raises(InputError) as error:
        read_study_file(study)
    assert said in str(error.value)


def test_a_column_says_how_each_coordinate_came_about(tmp_path: Path, cache: Path) -> None:
    study = write_town(tmp_path)
    with study.open("a", encoding="utf-8") as file:
        file.write('\n[uncertainty]\noutlets = "how"\ndraws = 2\n')
    path = tmp_path / "outlets.csv"
    rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([f"{rows[0]},how", f"{rows[1]},surveyed"]) + "\n", encoding="utf-8")
    told = read_study(study, cache=cache).uncertainty()
    assert told.tries.case.position_m[:1].tolist() == [3.0]
    path.write_text("\n".join([f"{rows[0]},how", f"{rows[1]},guessed"]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="says 'guessed' of a coordinate; expected one of surveyed"):
        read_study(study, cache=cache).uncertainty()


@pytest.mark.parametrize(
    ("cell", "metres"),
    [("surveyed", 3.0), ("40", 40.0), ("乡镇", 2_500.0), ("", 75.0), ("perhaps", 75.0), ("区县", 5_000.0)],
)
def test_the_precision_that_a_geocoder_gave_is_used_where_the_study_says_nothing(
    tmp_path: Path, cache: Path, cell: str, metres: float
) -> None:
    study = write_town(tmp_path)
    path = tmp_path / "outlets.csv"
    rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([f"{rows[0]},精度", f"{rows[1]},{cell}"]) + "\n", encoding="utf-8")
    read = read_study(study, cache=cache)
    found = coordinate_ways(read, read.coverage(), read.settings.uncertainty.errors)
    assert found[:1].tolist() == [metres]


@pytest.mark.parametrize(
    ("without", "said"),
    [((), "truly be\n{low} to {high}"), pytest.param(("speed",), "has {low} to {high}", marks=pytest.mark.many)],
)
def test_the_readme_has_the_bar_that_the_program_finds(
    sample: Path, sample_study: Study, without: tuple[str, ...], said: str
) -> None:
    study = sample_study
    words = (sample.parents[2] / "README.md").read_text(encoding="utf-8")
    now, plain = study.coverage(), study.settings.uncertainty
    errors = replace(plain.errors, without=without)
    case = Case(coverage=now, position_m=coordinate_ways(study, now, errors))
    scene = Scene(now=now, network=study.network, errors=errors, density=study.density)
    ends = Interval.of(Trying(draws=plain.draws, seed=plain.seed).run(scene, case, alone=False).true_shares)
    assert said.format(low=f"{100 * ends.low:.1f} %", high=f"{100 * ends.high:.1f} %") in words
