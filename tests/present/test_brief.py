"""The brief: the report's figures and words on two pages a language, whatever the names are."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import mapworlds
import numpy as np
import pandas as pd
import pytest
import reportworlds
from browsing import MARKS
from reportworlds import Page

from accessibility import InputError, read_study
from accessibility.cli.report_facts import measure_study
from accessibility.errors import OBEYED
from accessibility.measures.tables import NO_DISTRICT, TOTAL
from accessibility.present.language import Locale, shortened
from accessibility.present.report.brief import format_briefs, render_brief, write_brief
from accessibility.present.report.facts import OwnWalks, ServedFacts
from accessibility.present.report.page import render_page
from accessibility.present.report.sentences import format_headline
from accessibility.present.report.uncertainty import SureFacts
from accessibility.standards import Rule, Standard
from accessibility.uncertainty import Interval

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browsing import Opened

    from accessibility.cli.report_facts import Measured
    from accessibility.present.report.facts import Facts
    from accessibility.present.report.illustrations import Pictures

LANGUAGES = ("en", "zh")
LONG = "Liechtensteinische Landesverwaltung, Geschäftsstelle der Sozialversicherung in Obergschwend-Unterdorf"


@pytest.fixture(scope="module")
def sample_told(sample_measured: Measured) -> tuple[Facts, Pictures]:
    return reportworlds.told(sample_measured)


def words(facts: Facts, language: str) -> list[str]:
    """Return every sentence of a brief in one language."""
    (brief,) = format_briefs(facts, language)
    blocks = [block for sheet in brief.sheets for section in sheet for block in section.blocks]
    return [brief.title, *(said for block in blocks for said in (block.words, *block.points) if said)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_headline_is_the_reports_and_every_figure_stands_in_the_facts(
    language: str, sample_told: tuple[Facts, Pictures]
) -> None:
    facts, pictures = sample_told
    locale = Locale(language)  # type: ignore[arg-type]
    assert format_headline(facts, locale) in words(facts, language)
    report = Page(render_page(facts, pictures, language=language))
    brief = Page(render_brief(facts, pictures, language=language))
    for name in ("settings", "proposal"):
        said, told = brief.tables[name][0], report.tables[name][0]
        at = [told[0].index(heading) for heading in said[0]]
        assert said == [[row[k] for k in at] for row in told], name
    whole = {row[0]: row for row in report.tables["districts"][0]}
    worst = facts.districts[facts.districts["district"] != TOTAL].nlargest(5, "uncovered")["district"].tolist()
    assert [row[0] for row in brief.tables["districts"][0][1:]] == worst
    assert all(set(row) <= {*whole[row[0]], "0"} for row in brief.tables["districts"][0][1:])


@pytest.mark.parametrize("language", LANGUAGES)
def test_rule_speed_date_and_people_stand_beside_every_table(
    language: str, sample_told: tuple[Facts, Pictures]
) -> None:
    facts, _ = sample_told
    locale = Locale(language)  # type: ignore[arg-type]
    (brief,) = format_briefs(facts, language)
    blocks = [block for sheet in brief.sheets for section in sheet for block in section.blocks]
    tables = [at for at, block in enumerate(blocks) if block.kind == "table"]
    assert len(tables) == 3
    for at in tables:
        for told in (locale.rules(facts.standard), locale.speed(facts.walker.speed_m_s), reportworlds.DATE):
            assert told in blocks[at + 1].words


def test_the_districts_it_names_are_counted_from_the_table(sample_told: tuple[Facts, Pictures]) -> None:
    facts, _ = sample_told
    table = facts.districts[facts.districts["district"] != TOTAL]
    five = table.nlargest(5, "uncovered")["uncovered"].sum()
    lowest = table.sort_values("covered_share").iloc[0]
    (said,) = [text for text in words(facts, "en") if "districts have uncovered people" in text]
    assert f"{(table['uncovered'] >= 0.5).sum()} of {len(table)} districts" in said
    assert f"together {five:,.0f} of the {table['uncovered'].sum():,.0f} people not covered" in said
    assert f"The lowest share is that of {lowest['district']}: {lowest['covered']:,.0f} of" in said


@pytest.mark.parametrize(
    ("bound_by", "status", "english", "chinese"),
    [
        ("certificate", "optimal", "and this one reaches it; anyone can recompute this from a certificate", "已达到"),
        ("tree", "optimal", "anyone can recompute this case by case", "逐支证明"),
        ("enumeration", "optimal", "every possible plan was tried", "逐一比较全部方案"),
        ("solver", "feasible", "was not verified independently", "未经独立复核"),
    ],
)
def test_the_proof_is_one_sentence(
    bound_by: str, status: str, english: str, chinese: str, town: Path, cache: Path
) -> None:
    study = read_study(town, cache=cache)
    plan = reportworlds.plan_of(study, ["B1"], [240.0], bound_by=bound_by, status=status)
    facts, _ = reportworlds.told(measure_study(study, plan=plan))
    for language, proof, told in (("en", "Proof: ", english), ("zh", "经证明，", chinese)):  # noqa: RUF001
        (said,) = [text for text in words(facts, language) if proof in text]
        assert told in said
        assert said.split(proof)[1].rstrip(".。").count("。" if language == "zh" else ". ") == 0


def test_without_bars_it_gives_the_span_of_all_cases_and_says_what_was_not_weighed(
    sample_told: tuple[Facts, Pictures],
) -> None:
    facts, _ = sample_told
    covered, people = facts.sensitivity["covered"], facts.population
    (said,) = [text for text in words(facts, "en") if "--uncertainty" in text]
    for end in (covered.min(), covered.max()):
        assert f"{100 * end / people:.1f}\N{NO-BREAK SPACE}%" in said


def test_the_finding_that_is_worth_most_is_named(sample_told: tuple[Facts, Pictures]) -> None:
    facts, _ = sample_told
    looks = facts.quality[facts.quality["look"]]
    summed = looks.groupby("code")["points_of_coverage"].sum()
    (said,) = [text for text in words(facts, "zh") if "需核实的问题" in text]
    assert f"有{len(looks)}条" in said
    assert Locale("zh")(f"finding_{summed.abs().idxmax()}") in said
    (plain,) = [text for text in words(replace(facts, quality=facts.quality.iloc[:0]), "zh") if "需核实的问题" in text]
    assert "0条" in plain


@pytest.mark.parametrize(("sites", "rows"), [(6, 6), (7, 7), (8, 6)])
def test_a_table_leaves_rows_out_only_where_they_are_several(
    sites: int, rows: int, sample_told: tuple[Facts, Pictures]
) -> None:
    facts, _ = sample_told
    assert facts.proposal is not None
    longer = pd.concat([facts.proposal.table] * 10, ignore_index=True).head(sites)
    (brief,) = format_briefs(replace(facts, proposal=replace(facts.proposal, table=longer)), "en")
    (section,) = [one for sheet in brief.sheets for one in sheet if one.name == "proposal"]
    table, note = section.blocks[1:3]
    assert table.table is not None
    assert len(table.table.rows) == rows
    assert ("2 more rows" in note.words) == (sites == 8)


@pytest.mark.parametrize("language", [*LANGUAGES, "both"])
def test_nobody_nothing_and_no_proposal_still_make_a_brief(language: str, town: Path, cache: Path) -> None:
    study = read_study(town, cache=cache)
    empty = replace(study, demand=replace(study.demand, population=np.zeros(len(study.demand))))
    text = Page(render_brief(*reportworlds.told(measure_study(empty)), language=language)).text
    assert Locale("zh" if language == "zh" else "en")("headline_nobody") in text
    assert not re.search(r"\bnan\b", text)


def test_hostile_texts_make_no_markup_and_bytes_repeat(sample_told: tuple[Facts, Pictures], tmp_path: Path) -> None:
    facts, pictures = sample_told
    named = replace(pictures.ground, names=tuple((50.0 * k, 50.0, name) for k, name in enumerate(mapworlds.NAMES)))
    html = render_brief(reportworlds.spoilt(facts), replace(pictures, ground=named), language="both")
    assert Page(html).tags == Page(render_brief(facts, pictures, language="both")).tags
    assert not OBEYED.search(html)
    (style,) = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    assert style.count("{") == style.count("}")
    for name in ("one", "two"):
        write_brief(facts, pictures, tmp_path / name, language="both")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with pytest.raises(InputError, match="language is 'fr'; expected one of en, zh, both"):
        render_brief(facts, pictures, language="fr")


def test_shortened_words_fit_and_end_between_numbers() -> None:
    for most in range(4, 60):
        for text in (LONG, "共有123,456人\u300875.1%\u3009在规定范围内", "12 of 3,456,789 people", "x" * 80):
            for end in (False, True):
                found = shortened(text, most, end=end)
                room = sum(2 if sign > "\u2e7f" else 1 for sign in found)
                assert room <= most
                digits = re.findall(r"[\d,.]*\d", found)
                assert end or set(digits) <= set(re.findall(r"[\d,.]*\d", text)) or " " not in text[:most]
    assert len({shortened(f"{LONG} {k}", 40, end=True) for k in range(9)}) == 9


def stretched(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a table whose names are as long as Liechtenstein's, and longer."""
    named = {c: [f"{LONG} {k}" if value != TOTAL else TOTAL for k, value in enumerate(frame[c])] for c in columns}
    return frame.assign(**named)


def six_short(districts: pd.DataFrame) -> pd.DataFrame:
    """Return a table of districts in six of which somebody is uncovered, and of all of them."""
    named = districts[~districts["district"].isin([TOTAL, NO_DISTRICT])]
    return pd.concat([named[named["uncovered"] > 0].head(6), districts[districts["district"] == TOTAL]])


def crowded(facts: Facts) -> Facts:
    """Return facts with all there can be: bars, capacities, own walkers, long names, the most rows of every table."""
    assert facts.whole is not None
    proposal, spots = facts.proposal, facts.whole.clusters
    assert proposal is not None
    sites = pd.concat([proposal.table] * 10, ignore_index=True).head(7)
    row = facts.settings.iloc[0]
    settings = [f"{LONG[:30]} {k}" for k in range(4)]
    total = facts.settings[facts.settings["setting"] == TOTAL]
    groups = [f"{LONG[:20]} {k}" for k in range(6)]
    rows = pd.DataFrame({"group": groups, "population": 9_000.0, "covered_own_walk": 6_000.0})
    room = pd.DataFrame({"id": ["a", "b"], "name": [LONG, LONG], "capacity": [5.0, np.nan], "unserved": [3.0, 0.0]})
    nothing = pd.DataFrame(columns=["improvement", "points", "ids", "sites", "source", "sd_points"])
    return replace(
        facts,
        service=ServedFacts(table=room, served=90_000.0, unserved=22_000.0, served_after=95_000.0),
        own=OwnWalks(table=rows, covered=101_234.0, speeds=dict.fromkeys(groups, 0.8), served=90_000.0),
        groups=rows,
        sure=SureFacts(
            interval=Interval(low=0.701, high=0.789, error=0.002),
            draws=500,
            seed=1,
            bias_points=-0.2,
            error_points=0.1,
            people=dict.fromkeys(("in", "out", "unsure"), 1.0),
            sources=nothing,
            improvements=nothing,
            districts=pd.DataFrame({"low": [], "high": []}),
        ),
        study=f"{LONG} und {LONG}",
        sources=tuple(f"{LONG} {k}" for k in range(9)),
        standard=Standard(rules={name: Rule(measure="walk", limit=600.0 + k) for k, name in enumerate(settings)}),
        settings=pd.concat([pd.DataFrame([{**row, "setting": name} for name in settings]), total], ignore_index=True),
        districts=stretched(six_short(facts.districts), "district"),
        whole=replace(
            facts.whole,
            clusters=replace(
                spots, table=stretched(spots.table, "district", "outlet_name", "bank_name", "candidate_name")
            ),
        ),
        proposal=replace(proposal, table=stretched(sites.assign(rank=range(1, len(sites) + 1)), "name")),
    )


@MARKS[0]
@MARKS[1]
@pytest.mark.parametrize("case", ["both", "both crowded", "zh hostile"])
def test_it_prints_on_two_pages_a_language(
    case: str, sample_told: tuple[Facts, Pictures], show: Callable[..., Opened]
) -> None:
    facts, pictures = sample_told
    language, _, what = case.partition(" ")
    if what == "crowded":
        facts = crowded(facts)
    if what == "hostile":  # and without a proposal
        facts, pictures = replace(reportworlds.spoilt(facts), proposal=None), replace(pictures, after=None)
    opened = show(render_brief(facts, pictures, language=language))
    page = opened.page
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    counts = [int(count) for count in re.findall(rb"/Type /Pages\s.*?/Count (\d+)", pdf, flags=re.DOTALL)]
    assert max(counts) == (4 if language == "both" else 2)
    assert re.search(rb"/MediaBox \[0 0 59[45]\.\d+ 841\.\d+\]", pdf)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 665, "height": 1_024})  # between the margins of A4
    assert page.evaluate("document.documentElement.scrollWidth") <= 665
    for sheet in page.locator(".sheet").all():
        assert sheet.evaluate("node => node.scrollHeight <= node.clientHeight")
        # Nothing lies over what follows it, and the map keeps a size that can be read where names are usual.
        ends = sheet.evaluate("""node => [...node.children].map((child) => child.getBoundingClientRect())
            .map((box, at, all) => at && box.top < all[at - 1].bottom - 1)""")
        assert not any(ends)
        room = sheet.locator(".room").first.bounding_box()["height"]
        assert room > (100 if what else 200)
        for figure in sheet.locator(".room figure").all():
            assert figure.evaluate("node => node.scrollHeight <= node.clientHeight + 1")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelectorAll('script, [onerror], [onload]').length") == 0
    assert opened.complaints == []
