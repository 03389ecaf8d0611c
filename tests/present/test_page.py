"""The report: its numbers are those of the CSV files, its languages are whole, its texts stay texts."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mapworlds
import numpy as np
import pandas as pd
import pytest
import reportworlds
from reportworlds import Page

from accessibility import InputError, read_study
from accessibility.cli.report_facts import measure_study
from accessibility.errors import OBEYED, visible
from accessibility.present.language import Locale
from accessibility.present.layers.files import write_csv
from accessibility.present.report import illustrations, mapsketch
from accessibility.present.report.page import render_page, write_page
from accessibility.present.report.sentences import format_proof, format_proposal
from accessibility.wording import _sentences

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.report_facts import Measured
    from accessibility.present.report.facts import Facts
    from accessibility.present.report.illustrations import Pictures

LANGUAGES = ("en", "zh", "both")
_UNASKED = ("section_sureness", "section_held", "section_capacity")


@pytest.fixture(scope="module")
def sample_told(sample_measured: Measured) -> tuple[Facts, Pictures]:
    return reportworlds.told(sample_measured)


@pytest.fixture
def street_told(town: Path, cache: Path) -> tuple[Facts, Pictures]:
    study = read_study(town, cache=cache)
    return reportworlds.told(measure_study(study, plan=reportworlds.plan_of(study, ["B1"], [240.0])))


def csv_rows(frame: pd.DataFrame, path: Path) -> list[dict[str, str]]:
    write_csv(frame, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def number(shown: str) -> float:
    """Return the number of a cell: thousands apart, a percent sign, a minus of typographers."""
    plain = shown.replace(",", "").replace("\N{NO-BREAK SPACE}", "").replace("\N{MINUS SIGN}", "-")
    return float(plain.removesuffix("%")) / (100 if plain.endswith("%") else 1)


def same(shown: str, cell: str, decimals: int) -> bool:
    """Return whether a cell of the page shows a cell of a CSV file to its decimals; empty is a dash."""
    if cell == "":
        return shown == "\N{EN DASH}"
    return abs(number(shown) - float(cell)) <= 0.5 * 10.0**-decimals + 1e-6


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_of_the_page_are_those_of_the_csv_files(
    language: str, sample_told: tuple[Facts, Pictures], tmp_path: Path
) -> None:
    facts, pictures = sample_told
    tables = Page(render_page(facts, pictures, language=language)).tables
    (settings,) = tables["settings"]
    coverage, walking = tables["districts"]
    rows = csv_rows(facts.districts, tmp_path / "districts.csv")
    assert len(rows) == 15
    columns = {
        "population": 0, "covered": 0, "covered_share": 3, "urban_covered_share": 3, "town_covered_share": 3,
        "rural_covered_share": 3, "rural_covered_share_radius": 3, "uncovered": 0, "unreached": 0,
    }  # fmt: skip
    minutes = {
        "population": 0,
        "walk_min_mean": 1,
        "walk_min_p50": 1,
        "walk_min_p90": 1,
        "outlets": 0,
        "partner_banks": 0,
    }
    for shown, of in ((coverage, columns), (walking, minutes)):
        assert len(shown) == len(rows) + 1
        for cells, row in zip(shown[1:], rows, strict=True):
            assert cells[0] == row["district"] or row["district"] == "total"
            for cell, (name, decimals) in zip(cells[1:], of.items(), strict=True):
                assert same(cell, row[name], decimals), (row["district"], name, cell, row[name])
    assert number(settings[-1][1]) == round(float(rows[-1]["population"]))
    sites = csv_rows(facts.proposal.table, tmp_path / "sites.csv") if facts.proposal else []
    assert len(sites) == 2
    for cells, row in zip(tables["proposal"][0][1:], sites, strict=True):
        assert cells[:2] == [row["rank"], row["name"]]
        wanted = {"cost": 2, "gain_people": 0, "covered_people": 0, "covered_share": 3, "marginal_per_cost": 2}
        for cell, (name, decimals) in zip(cells[3:], wanted.items(), strict=True):
            assert same(cell, row[name], decimals), (name, cell, row[name])


def test_findings_of_districts_stand_together_and_add_up(sample_told: tuple[Facts, Pictures], tmp_path: Path) -> None:
    facts, pictures = sample_told
    (shown,) = Page(render_page(facts, pictures, language="en")).tables["quality"]
    rows = csv_rows(facts.quality, tmp_path / "quality.csv")
    missing = [row for row in rows if row["code"] == "street-missing"]
    assert len(missing) > 5
    (line,) = [cells for cells in shown if cells[2] == "a street is probably missing"]
    assert number(line[4]) == round(sum(float(row["people"]) for row in missing))
    assert number(line[1]) == pytest.approx(sum(float(row["points_of_coverage"]) for row in missing), abs=0.006)
    assert all(row["district"] in line[6] for row in missing)
    assert len(shown) - 1 >= len({(row["code"], row["input"]) for row in rows})


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_file_without_scripts_that_asks_for_nothing(language: str, sample_told: tuple[Facts, Pictures]) -> None:
    html = render_page(*sample_told, language=language)
    page = Page(html)
    assert not {"script", "iframe", "link", "form", "object", "a"} & page.tags
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not re.search(r"https?:|url\(|@import|\son\w+=", html)
    assert "default-src 'none'" in html.replace("&#39;", "'")
    assert {"svg", "image", "table"} <= page.tags
    assert len(html) < 1_000_000


def test_the_first_page_says_the_headline_with_both_parts_rule_speed_and_date(
    sample_told: tuple[Facts, Pictures],
) -> None:
    facts, pictures = sample_told
    covered, people = (f"{round(facts.totals[k]):,}" for k in ("covered", "population"))
    share = f"{100 * facts.totals['covered_share']:.1f}"
    english = " ".join(Page(render_page(facts, pictures, language="en")).text.split())
    assert (
        f"{share} % of {people} people ({covered}) are within a 15-minute walk (urban, town) or 5 km along the network"
        " (rural) of a service outlet or partner bank branch, walking at 1.0 m/s."
    ) in english
    assert f"as of {reportworlds.DATE}" in english
    chinese = Page(render_page(facts, pictures, language="zh")).text
    assert f"{people}人中有{covered}人（{share}%）" in chinese  # noqa: RUF001
    assert "城区、镇区为步行15分钟，乡村为沿路网5公里，步行速度1.0米/秒" in chinese  # noqa: RUF001
    assert facts.proposal is not None
    gained = f"{round(facts.proposal.covered_after - facts.covered):,}"
    assert f"would cover {gained} more people" in english
    assert "The best plan found, not proven optimal: within a budget of 2 no plan does better than" in english


def test_each_language_speaks_alone_and_both_say_everything(street_told: tuple[Facts, Pictures]) -> None:
    english, chinese, both = (Page(render_page(*street_told, language=one)).text for one in LANGUAGES)
    cjk = re.compile(r"[\u4e00-\u9fff]+")
    assert set(cjk.findall(english)) == {"审图号"}  # what the number is called on every map of China
    said = {key: words for key, words in _sentences("report").items() if key not in _UNASKED}
    plain = [e for key, e in said.items() if not key.startswith(("finding_", "param_")) and "{" not in e["en"]]
    long = [e["en"] for e in plain if len(e["en"]) > 12 and e["en"] != e["zh"]]
    assert [words for words in long if words in chinese] == []
    heads = [said[key] for key in said if key.startswith(("section_", "limit_", "method_reading"))]
    assert len(heads) > 15
    for head in heads:
        en, zh = (head[language].replace("{kilometres}", "5") for language in ("en", "zh"))
        assert en in english
        assert zh in chinese
        assert en in both
        assert zh in both


def test_the_same_facts_give_the_same_bytes(sample_told: tuple[Facts, Pictures], tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_page(*sample_told, tmp_path / name, language="both")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_another_language_is_refused(sample_told: tuple[Facts, Pictures]) -> None:
    with pytest.raises(InputError, match="language is 'fr'; expected one of en, zh, both"):
        render_page(*sample_told, language="fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_texts_make_no_markup(language: str, sample_told: tuple[Facts, Pictures]) -> None:
    facts, pictures = sample_told
    spoilt = reportworlds.spoilt(facts)
    named = replace(pictures.ground, names=tuple((50.0 * k, 50.0, name) for k, name in enumerate(mapworlds.NAMES)))
    html = render_page(spoilt, replace(pictures, ground=named), language=language)
    page, clean = Page(html), Page(render_page(facts, pictures, language=language))
    assert page.tags == clean.tags
    for name in mapworlds.NAMES:
        assert visible(name) in page.text, name
    assert not OBEYED.search(html)
    style = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    assert len(style) == 1
    assert style[0].count("{") == style[0].count("}")


def test_half_a_character_is_no_fault(sample_told: tuple[Facts, Pictures], tmp_path: Path) -> None:
    facts, pictures = sample_told
    write_page(replace(facts, study="a\ud800\x00b"), pictures, tmp_path / "report.html")
    assert "a?\\x00b" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_nothing_and_no_proposal_still_make_a_report(language: str, town: Path, cache: Path) -> None:
    study = read_study(town, cache=cache)
    empty = replace(study, demand=replace(study.demand, population=np.zeros(len(study.demand))))
    facts, pictures = reportworlds.told(measure_study(empty))
    page = Page(render_page(facts, pictures, language=language))
    assert Locale("zh" if language == "zh" else "en")("headline_nobody") in page.text
    details = {row[-1] for row in page.tables.pop("quality")[0]}  # the findings' own words
    cells = {cell for tables in page.tables.values() for rows in tables for row in rows for cell in row}
    assert not {cell for cell in cells if re.search(r"\bnan\b", cell)}
    assert not re.search(r"\bnan\b", page.text.replace(max(details, key=lambda told: told.count("nan")), ""))
    assert "proposal" not in page.tables
    assert "blackspots" not in page.tables


def test_long_tables_are_cut_on_the_page_and_say_so(sample_told: tuple[Facts, Pictures]) -> None:
    facts, pictures = sample_told
    last = facts.districts.iloc[[-1]]
    many = pd.concat([facts.districts.iloc[:-1]] * 10, ignore_index=True)
    many["district"] = [f"D{k}" for k in range(len(many))]
    page = Page(render_page(replace(facts, districts=pd.concat([many, last])), pictures, language="en"))
    shown = page.tables["districts"][0]
    assert len(shown) == 61
    assert shown[-1][0] == "total"
    worst = set(many.nlargest(59, "uncovered")["district"])
    assert {cells[0] for cells in shown[1:-1]} == worst
    assert f"{len(many) + 1 - 60} more rows are in the workbook." in page.text


PLANS: dict[str, tuple[dict[str, Any], str, str]] = {
    "optimal": (
        {},
        "Proven optimal: within a budget of 1 no plan does better than 270 (people covered).",
        "已证明为最优",
    ),
    "feasible": (
        {"status": "feasible", "bound": 300.0},
        "not proven optimal: within a budget of 1 no plan does better than 300 (people covered); the gap is 11.11 %.",
        "差距11.11%",
    ),
    "solver": (
        {"bound_by": "solver"},
        "The bound comes from branch and bound and was not verified independently.",
        "界由求解器分支定界法得出",
    ),
    "sites": ({"budget": None, "sites_limit": 1}, "limited to 1 no plan does better", "至多新增1个网点时"),
    "least cost": (
        {"model": "lscp", "objective": 1.0, "bound": 1.0, "budget": None},
        "would raise coverage from 9.7 % to 87.1 % of 310 people. Proven optimal: no plan does better than 1",
        "覆盖率由9.7%提高到87.1%",
    ),
    "infeasible": (
        {"status": "infeasible", "short_people": {"total": 40.0, "East": 12.0}},
        "No plan meets what was asked: total is 40 people short, East is 12 people short.",
        "合计差40人",
    ),
    "nothing": (
        {"selected": (), "gain": (), "costs": (), "sites": None, "objective": 30.0, "bound": 30.0},
        "No site was proposed: no candidate site would cover anyone more",
        "可选的候选点均不能新增覆盖人口",
    ),
}


@pytest.mark.parametrize("case", list(PLANS))
def test_a_proposal_is_told_with_its_proof_and_never_more_than_it_is(case: str, town: Path, cache: Path) -> None:
    changes, english, chinese = PLANS[case]
    study = read_study(town, cache=cache)
    plan = reportworlds.plan_of(study, ["B1"], [240.0], **changes)
    facts, pictures = reportworlds.told(measure_study(study, plan=plan))
    said = format_proposal(facts, Locale("en")).replace("\N{NO-BREAK SPACE}", " ")
    assert english in said
    assert chinese in format_proposal(facts, Locale("zh"))
    assert ("Proven optimal" in said) == (plan.status == "optimal" and bool(plan.selected))
    assert facts.proposal is not None
    assert format_proof(facts.proposal, Locale("en")) in format_proposal(facts, Locale("en")) or case in (
        "infeasible",
        "nothing",
    )
    for language in LANGUAGES:
        assert render_page(facts, pictures, language=language)


def test_every_code_of_a_finding_is_said_in_both_languages() -> None:
    from accessibility.errors import NOTES  # noqa: PLC0415

    said = _sentences("report")
    assert [code for code in NOTES if f"finding_{code}" not in said] == []
    rows = np.array([key for key in said if key.startswith("finding_")])
    assert len(rows) > 60


@pytest.mark.parametrize("language", LANGUAGES)
def test_very_many_sites_do_not_hide_the_people(
    language: str, street_told: tuple[Facts, Pictures], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ("too many to be drawn", "proposed (too many to number)") if language == "en" else ("未绘出", "不编号")
    plain = render_page(*street_told, language=language)
    assert [words in plain for words in told] == [False, False]
    assert [sign in plain for sign in ('fill="#111820"', 'fill="#7b1fa2"')] == [True, True]
    monkeypatch.setattr(mapsketch, "_MOST_SIGNS", 0)
    monkeypatch.setattr(illustrations, "_MOST_NUMBERS", 0)
    many = render_page(*street_told, language=language)
    assert [words in many for words in told] == [True, True]
    assert [sign in many for sign in ('fill="#111820"', 'fill="#7b1fa2"')] == [False, False]
    pins = [re.findall(r'<circle[^>]* r="([\d.]+)" fill="#00695c"', page) for page in (plain, many)]
    assert [len(sizes) for sizes in pins] == [2, 2]  # on the map, and in its legend
    assert float(max(pins[1])) < float(min(pins[0]))
