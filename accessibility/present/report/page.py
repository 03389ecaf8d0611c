"""A table as the page prints it: headings in each language, cells as text."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from accessibility.measures.tables import OWN_COLUMNS, SERVED_COLUMNS, TOTAL, district_columns
from accessibility.present.language import NOTHING, Locales
from accessibility.present.pages import page_template, printable, template_text, write_html
from accessibility.present.report.illustrations import Pictures, illustrate
from accessibility.present.report.sentences import (
    format_blackspot_text,
    format_blackspots,
    format_capacity,
    format_conditions,
    format_districts,
    format_headline,
    format_ledger,
    format_limits,
    format_method,
    format_own_walks,
    format_proposal,
    format_quality,
    format_readings,
    format_served,
    format_speeds,
    format_uncovered,
)
from accessibility.present.report.sheets import Sheet, merge_by_code, tabulate_sheets
from accessibility.present.report.uncertainty import (
    BAR_COLUMNS,
    format_bar,
    format_certain_people,
    format_held,
    format_holds,
    format_improvement,
    format_instead,
    format_leaves,
    format_must_have,
    format_sureness,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from accessibility.present.language import Locale
    from accessibility.present.report.facts import Facts
    from accessibility.present.report.sheets import SheetColumn

    Lines = list[tuple[str, str]]

_MOST_UNCUT = 24
_LONG_CELLS = ("quality", "parameters")
_DEGREE_DECIMALS = 5


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell: its words, and whether it is a number."""

    words: str
    number: bool


@dataclass(frozen=True, kw_only=True)
class TableView:
    """A table ready to print."""

    name: str  # of the sheet
    # of each column: the languages and words, and whether it holds numbers
    headings: tuple[tuple[list[tuple[str, str]], bool], ...]
    rows: tuple[tuple[Cell, ...], ...]  # the cells; `total` says whether the last row is a total.
    total: bool
    left_out: int  # rows that only the workbook holds

    @property
    def uncut(self) -> bool:
        """Whether the table is short enough to stand on one page."""
        return len(self.rows) <= _MOST_UNCUT and self.name not in _LONG_CELLS


def view_table(sheet: Sheet, locales: Locales, *, left_out: int = 0) -> TableView:
    """Return a table as the page prints it."""
    frame = sheet.frame
    rows = tuple(
        tuple(_cell(column, value, locales) for column, value in zip(sheet.columns, row, strict=True))
        for row in frame[[column.name for column in sheet.columns]].astype(object).itertuples(index=False, name=None)
    )
    first = sheet.columns[0].name
    return TableView(
        name=sheet.name,
        headings=tuple((heading(column, locales), not column.is_text) for column in sheet.columns),
        rows=rows,
        total=bool(len(frame)) and str(frame[first].iloc[-1]) == TOTAL,
        left_out=left_out,
    )


def heading(column: SheetColumn, locales: Locales) -> list[tuple[str, str]]:
    """Return the heading of a column in each language, alike ones once."""
    said = locales.each(column.heading)
    return said[:1] if len({words for _, words in said}) == 1 else said


def _cell(column: SheetColumn, value: Any, locales: Locales) -> Cell:
    if column.is_text:
        return Cell(words=locales.short(lambda locale: column.words(value, locale)), number=False)
    missing = value is None or pd.isna(value)
    return Cell(words=NOTHING if missing else _WRITE[column.kind](locales.first, float(value)), number=True)


_WRITE: dict[str, Callable[[Locale, float], str]] = {
    "count": lambda locale, value: locale.number(value),
    "share": lambda locale, value: locale.percent(value, 1.0),
    "points": lambda locale, value: locale.points(value),
    "decimal": lambda locale, value: locale.number(value, 1),
    "degrees": lambda locale, value: locale.number(value, _DEGREE_DECIMALS),
    "plain": lambda locale, value: f"{value:.0f}",  # noqa: ARG005
    "sum": lambda locale, value: locale.amount(value),
}


POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a printed page may load: nothing but its own styles and pictures."""


def render_page(facts: Facts, pictures: Pictures | None, *, language: str) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    facts
        Every figure.
    pictures
        What the maps are drawn from; None for none.
    language
        ``en``, ``zh`` or ``both``: then every sentence stands in Chinese and beside it in English, headings and cells
        in both.

    Raises
    ------
    InputError
        Another language.
    """
    locales = Locales.of(language)
    sheets = tabulate_sheets(facts)
    html = page_template("report.html").render(
        policy=POLICY,
        style=Markup(template_text("report.css")),  # noqa: S704 -- our own file
        running=running_heads(
            top_left=locales.short(lambda t: t("report_title"), " · "), top_right=facts.study, bottom_left=facts.date
        ),
        language=locales.first.html_language,
        twin=len(locales.in_order) > 1,
        facts=facts,
        say=lambda key, **values: locales.each(lambda locale: locale(key, **values)),
        texts=_texts(facts, locales),
        lists=_lists(facts, locales),
        tables=_tables(facts, sheets, locales),
        pictures=illustrate(facts, pictures, locales),
        share=locales.first.percent(facts.covered, facts.population),
    )
    return printable(html)


def write_page(facts: Facts, pictures: Pictures | None, path: str | os.PathLike[str], *, language: str = "en") -> None:
    """Write the report as one HTML file; the same facts give the same bytes.

    Raises
    ------
    InputError
        A language there is not.
    OutputError
        The file could not be written; one that was there is untouched.
    """
    write_html(render_page(facts, pictures, language=language), path)


def _texts(facts: Facts, locales: Locales) -> dict[str, Lines]:
    """Return the paragraphs by name, in each language."""
    said: dict[str, Callable[[Locale], str]] = {
        "headline": lambda t: format_headline(facts, t),
        "uncovered": lambda t: format_uncovered(facts, t),
        "served": lambda t: format_served(facts, t),
        "capacity": lambda t: format_capacity(facts, t),
        "own_walks": lambda t: format_own_walks(facts, t),
        "readings": lambda t: format_readings(facts, t),
        "speeds": lambda t: format_speeds(facts, t),
        "proposal": lambda t: format_proposal(facts, t),
        "blackspots": lambda t: format_blackspot_text(facts, t),
        "ledger": lambda t: format_ledger(facts, t),
        "conditions": lambda t: format_conditions(facts, t),
        "sensitivity": lambda t: format_conditions(facts, t, "note_sensitivity"),
        "groups": lambda t: format_conditions(
            facts, t, "no_groups" if facts.groups.empty else "note_groups", slow=t.speed(facts.slow_m_s)
        ),
        "note_proposal": lambda t: format_conditions(facts, t, "note_proposal"),
        "note_ledger": lambda t: format_conditions(facts, t, "note_ledger"),
        "note_frontier": lambda t: format_conditions(facts, t, "frontier_note"),
        "as_of": lambda t: t("as_of", date=facts.date),
        "made_by": lambda t: t("made_by", version=facts.version),
        "bar": lambda t: "" if facts.sure is None else format_bar(facts.sure, t),
        "sureness": lambda t: (
            "" if facts.sure is None else format_sureness(facts.sure, facts.totals["covered_share"], t)
        ),
        "certain": lambda t: "" if facts.sure is None else format_certain_people(facts.sure, t),
        "improve": lambda t: "" if facts.sure is None else format_improvement(facts.sure, t),
        "held": lambda t: "" if facts.held is None else format_held(facts.held, t),
        "instead": lambda t: "" if facts.held is None else format_instead(facts.held, t),
        "must_have": lambda t: "" if facts.held is None else format_must_have(facts.held, t),
        "note_held": lambda t: "" if facts.held is None else _note_held(facts, t),
        "sources": lambda t: t("data_from", sources="; ".join(facts.sources)) if facts.sources else "",
    }
    return {name: locales.each(say) for name, say in said.items()}


def _note_held(facts: Facts, locale: Locale) -> str:
    held = facts.held
    if held is None:
        return ""
    given = {"tenth": held.tenth, "draws": held.draws, "proven": held.proven}
    return format_conditions(facts, locale, "note_held", **{name: locale.number(n) for name, n in given.items()})


def _lists(facts: Facts, locales: Locales) -> dict[str, list[tuple[str, list[str]]]]:
    """Return the lists by name: of each language its points."""
    said: dict[str, Callable[[Locale], list[str]]] = {
        "districts": lambda t: format_districts(facts, t),
        "blackspots": lambda t: format_blackspots(facts, t),
        "quality": lambda t: format_quality(facts, t),
        "method": lambda t: format_method(facts, t),
        "limits": lambda t: format_limits(facts, t),
        "holds": format_holds,
        "leaves": format_leaves,
    }
    return {name: [(t.html_language, say(t)) for t in locales.in_order] for name, say in said.items()}


def _tables(facts: Facts, sheets: dict[str, Sheet], locales: Locales) -> dict[str, TableView]:
    """Return the tables that the page prints, see ``page.toml``; those of what a study does not have are left out."""
    has_elderly = facts.whole is not None and facts.whole.clusters.table["elderly_people"].notna().any()
    words: dict[str, Sequence[str]] = {
        "SHARES": [name for name in district_columns(facts.standard) if name.endswith(("_covered_share", "_radius"))],
        "SETTINGS": facts.standard.settings,
        "ELDERLY": ["elderly_people"] if has_elderly else [],
        "SERVED": [] if facts.service is None else SERVED_COLUMNS[:2],
        "OWN": [] if facts.own is None else OWN_COLUMNS,
        "BARS": [] if facts.sure is None else BAR_COLUMNS,
    }
    tables = {}
    for name, columns in _printed()["columns"].items():
        of, *wanted = columns.split()
        named = [column for word in wanted for column in words.get(word, [word])]
        if of in sheets and {column.name for column in sheets[of].columns}.issuperset(named):
            short = _shortened(sheets[of])
            left_out = 0 if of == "quality" else len(sheets[of].frame) - len(short.frame)
            tables[name] = view_table(short.only(*named) if named else short, locales, left_out=left_out)
    return tables


@cache
def _printed() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def _shortened(sheet: Sheet) -> Sheet:
    """Return a sheet with as many rows as a reader reads.

    Of districts those with the most people concerned; of the ledger those most needed and those that could close; of
    sites with a capacity those where most find no room.
    """
    frame, most = sheet.frame, _printed()["rows"].get(sheet.name, len(sheet.frame))
    if sheet.name == "capacity":
        frame = frame.sort_values(["unserved", "used"], ascending=False, kind="stable")
    elif sheet.name == "quality":
        frame = merge_by_code(frame)
    elif len(frame) <= most:
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


def running_heads(**places: str) -> Markup:
    """Return what stands at the head and the foot of each printed page beside its number, as CSS."""
    told = {where.replace("_", "-"): words for where, words in places.items()}
    boxes = "".join(f'@{where} {{ content: "{_css_text(words)}"; }}' for where, words in told.items())
    # Every sign of a name is escaped above.
    return Markup(f'@page {{ {boxes} @bottom-right {{ content: counter(page) " / " counter(pages); }} }}')  # noqa: S704


def _css_text(words: str) -> str:
    """Return words for the inside of a CSS string: every ASCII sign as an escape, so that nothing ends the string."""
    plain = " ".join(words.split())
    return "".join(c if c.isalnum() or c == " " or ord(c) > 0x2029 else f"\\{ord(c):06x} " for c in plain)  # noqa: PLR2004
