"""The planner's report as one page: no script, no request, printable; every figure from `Facts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from accessibility.cartography.templating import page_template, template_text
from accessibility.controls import visible
from accessibility.files import write_aside
from accessibility.report.illustrations import Pictures, illustrate
from accessibility.report.sentences import (
    say_blackspot_text,
    say_blackspots,
    say_conditions,
    say_districts,
    say_headline,
    say_ledger,
    say_limits,
    say_method,
    say_proposal,
    say_quality,
    say_readings,
    say_speeds,
    say_uncovered,
)
from accessibility.report.sheets import Sheet, merge_by_code, tell_sheets
from accessibility.report.tableview import TableView, view_table
from accessibility.report.tongue import Voice

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from accessibility.report.facts import Facts
    from accessibility.report.tongue import Tongue

    Lines = list[tuple[str, str]]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_BANK = "bank_name bank_min bank_people"
_FAR = ("over_100_m_people", "beyond_limit_people", "without_place_people")
_MOST = {"districts": 60, "blackspots": 25, "proposal": 40, "frontier": 40, "ledger": 12, "quality": 25, "snap": 40}


def render_page(facts: Facts, pictures: Pictures, *, language: str) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    facts
        Every figure.
    pictures
        What the maps are drawn from.
    language
        ``en``, ``zh`` or ``both``: then every sentence stands in Chinese and beside it in English, headings and cells
        in both.

    Raises
    ------
    InputError
        Another language.
    """
    voice = Voice.of(language)
    sheets = tell_sheets(facts)
    html = page_template("report.html").render(
        policy=_POLICY,
        style=Markup(template_text("report.css")),  # noqa: S704 -- our own file
        running=Markup(_running(facts, voice)),  # noqa: S704 -- every sign of a name is escaped there
        language=voice.first.html_language,
        twin=len(voice.tongues) > 1,
        facts=facts,
        say=lambda key, **values: voice.each(lambda tongue: tongue(key, **values)),
        texts=_texts(facts, voice),
        lists=_lists(facts, voice),
        tables=_tables(facts, sheets, voice),
        pictures=illustrate(facts, pictures, voice),
        share=voice.first.percent(facts.covered, facts.population),
    )
    return visible(html.encode("utf-8", "replace").decode("utf-8"))  # half a character, from a damaged table, is "?"


def write_page(facts: Facts, pictures: Pictures, path: str | os.PathLike[str], *, language: str = "en") -> None:
    """Write the report as one HTML file; the same facts give the same bytes.

    Raises
    ------
    InputError
        A language there is not.
    OutputError
        The file could not be written; one that was there is untouched.
    """
    html = render_page(facts, pictures, language=language)
    with write_aside(path) as aside:
        aside.write_text(html, encoding="utf-8", newline="\n")


def _texts(facts: Facts, voice: Voice) -> dict[str, Lines]:
    """Return the paragraphs by name, in each language."""
    said: dict[str, Callable[[Tongue], str]] = {
        "headline": lambda t: say_headline(facts, t),
        "uncovered": lambda t: say_uncovered(facts, t),
        "readings": lambda t: say_readings(facts, t),
        "speeds": lambda t: say_speeds(facts, t),
        "proposal": lambda t: say_proposal(facts, t),
        "blackspots": lambda t: say_blackspot_text(facts, t),
        "ledger": lambda t: say_ledger(facts, t),
        "conditions": lambda t: say_conditions(facts, t),
        "sensitivity": lambda t: say_conditions(facts, t, "note_sensitivity"),
        "groups": lambda t: say_conditions(
            facts, t, "no_groups" if facts.groups.empty else "note_groups", slow=t.speed(facts.slow_m_s)
        ),
        "note_proposal": lambda t: say_conditions(facts, t, "note_proposal"),
        "note_ledger": lambda t: say_conditions(facts, t, "note_ledger"),
        "note_frontier": lambda t: say_conditions(facts, t, "frontier_note"),
        "as_of": lambda t: t("as_of", date=facts.date),
        "made_by": lambda t: t("made_by", version=facts.version),
        "sources": lambda t: t("data_from", sources="; ".join(facts.sources)) if facts.sources else "",
    }
    return {name: voice.each(say) for name, say in said.items()}


def _lists(facts: Facts, voice: Voice) -> dict[str, list[tuple[str, list[str]]]]:
    """Return the lists by name: of each language its points."""
    said: dict[str, Callable[[Tongue], list[str]]] = {
        "districts": lambda t: say_districts(facts, t),
        "blackspots": lambda t: say_blackspots(facts, t),
        "quality": lambda t: say_quality(facts, t),
        "method": lambda t: say_method(facts, t),
        "limits": say_limits,
    }
    return {name: [(t.html_language, say(t)) for t in voice.tongues] for name, say in said.items()}


def _tables(facts: Facts, sheets: dict[str, Sheet], voice: Voice) -> dict[str, TableView]:
    """Return the tables that the page prints, with the columns that fit on paper."""
    elderly = "elderly_people" if facts.clusters.table["elderly_people"].notna().any() else ""
    short = {name: _shortened(sheet) for name, sheet in sheets.items()}
    shares = "covered_share urban_covered_share town_covered_share rural_covered_share rural_covered_share_radius"
    chosen = {
        "settings": ("settings", "setting population covered covered_share covered_share_radius uncovered unreached"),
        "districts": ("districts", f"district population covered {shares} uncovered unreached"),
        "walking": ("districts", "district population walk_min_mean walk_min_p50 walk_min_p90 outlets partner_banks"),
        "sensitivity": (
            "sensitivity",
            "what case applies population covered covered_share covered_share_radius points",
        ),
        "groups": ("groups", "group population covered covered_share covered_elderly covered_share_elderly"),
        "times": ("times", "class urban town rural people share"),
        "distances": ("distances", "class network radius population"),
        "blackspots": (
            "blackspots",
            f"rank district setting people {elderly} outlet_name outlet_min outlet_km {_BANK} action",
        ),
        "proposal": ("proposal", "rank name kind cost gain_people covered_people covered_share marginal_per_cost"),
        "frontier": ("frontier", "budget covered_people covered_share bound_people bound_share population"),
        "ledger": ("ledger", "name kind within_people alone_people can_close can_close_together"),
        "quality": ("quality", "look points_of_coverage code input people district message"),
        "snap": (
            "snap",
            f"district population snap_p50_m snap_p95_m snap_max_m {' '.join(_FAR)}",
        ),
        "parameters": ("parameters", "parameter value meaning"),
        "inputs": ("inputs", "role file sha256"),
    }
    tables = {}
    for name, (sheet, columns) in chosen.items():
        left_out = 0 if sheet == "quality" else len(sheets[sheet].frame) - len(short[sheet].frame)
        tables[name] = view_table(short[sheet].only(*columns.split()), voice, left_out=left_out)
    return tables


def _shortened(sheet: Sheet) -> Sheet:
    """Return a sheet with as many rows as a reader reads.

    Of districts those with the most people concerned; of the ledger those most needed and those that could close.
    """
    most = _MOST.get(sheet.name)
    frame = sheet.frame
    if sheet.name == "quality":
        return Sheet(sheet.name, merge_by_code(frame).head(_MOST["quality"]), sheet.columns)
    if most is None or len(frame) <= most:
        return sheet
    if sheet.name == "ledger":
        ends = [frame.index[~frame["can_close"]][:most], frame.index[frame["can_close"]][-most:]]
        return Sheet(sheet.name, frame.loc[ends[0].append(ends[1])], sheet.columns)
    if sheet.name in ("districts", "snap"):
        column = "uncovered" if sheet.name == "districts" else "over_100_m_people"
        plain = frame.reset_index(drop=True)
        rows = plain.iloc[:-1].nlargest(most - 1, column).index
        return Sheet(sheet.name, plain.iloc[[*sorted(rows), len(plain) - 1]], sheet.columns)
    return Sheet(sheet.name, frame.head(most), sheet.columns)


def _running(facts: Facts, voice: Voice) -> str:
    """Return what stands at the head and the foot of each printed page, as CSS."""
    title = voice.short(lambda t: t("report_title"), " · ")
    places = {"top-left": title, "top-right": facts.study, "bottom-left": facts.date}
    boxes = "".join(f'@{where} {{ content: "{_css_text(words)}"; }}' for where, words in places.items())
    return f'@page {{ {boxes} @bottom-right {{ content: counter(page) " / " counter(pages); }} }}'


def _css_text(words: str) -> str:
    """Return words for the inside of a CSS string: every ASCII sign as an escape, so that nothing ends the string."""
    plain = " ".join(words.split())
    return "".join(c if c.isalnum() or c == " " or ord(c) > 0x2029 else f"\\{ord(c):06x} " for c in plain)  # noqa: PLR2004
