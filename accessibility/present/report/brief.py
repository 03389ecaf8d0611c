"""The brief of two pages beside the report: what a director reads, from the same facts and in the same words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup

from accessibility.errors import visible
from accessibility.measures.tables import TOTAL
from accessibility.present.language import NOTHING, Locale, Locales, shortened
from accessibility.present.pages import page_template, printable, template_text, write_html
from accessibility.present.report.illustrations import illustrate_brief
from accessibility.present.report.page import POLICY, running_heads, view_table
from accessibility.present.report.sentences import (
    format_blackspots,
    format_conditions,
    format_headline,
    format_limits,
    format_own_walks,
    format_proof_plainly,
    format_proposal,
    format_served,
    format_speeds,
    format_uncovered,
    joined,
    named_districts,
    worst_districts,
)
from accessibility.present.report.sheets import merge_by_code, tabulate_sheets
from accessibility.present.report.uncertainty import format_bar, format_instead, format_sureness

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from accessibility.present.report.facts import Facts, WholeFacts
    from accessibility.present.report.illustrations import Pictures
    from accessibility.present.report.page import TableView
    from accessibility.present.report.sheets import Sheet
    from accessibility.standards import Standard

Kind = Literal["lead", "text", "note", "head", "table", "points", "numbers"]
_MOST_ROWS = {"settings": 3, "districts": 5, "proposal": 6}
_FEW = 1  # rows that are shown rather than counted as left out: there is room for so many
_NAME, _STUDY, _LEAD, _TEXT, _NOTE = (
    56,
    60,
    300,
    400,
    240,
)  # room in letters: of a name, of the study, of the headline, ...
_RULES = 140  # of the rules of all settings in a sentence
_PROPOSAL = 640  # of the paragraph of the proposal, which holds its proof


@dataclass(frozen=True, kw_only=True)
class BriefBlock:
    """A piece of a brief: words, a table, or a list of points."""

    kind: Kind
    words: str = ""
    table: TableView | None = None
    points: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BriefSection:
    """A part of a brief under its heading, and the names of the pictures that follow it."""

    name: str
    heading: str
    blocks: tuple[BriefBlock, ...]
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Brief:
    """A brief in one language, to be printed by any means."""

    locale: Locale
    # kind, title, when: what kind of document it is, its title, and of which day
    kind: str
    title: str
    when: str
    # share, bar: the headline's figure, and how sure it is where that was asked for
    share: str
    bar: str
    sheets: tuple[tuple[BriefSection, ...], ...]  # the sections of each of the two pages
    facts: Facts  # every figure, with names as short as there is room


def format_briefs(facts: Facts, language: str) -> list[Brief]:
    """Return the brief in each language of ``en``, ``zh`` or ``both``, Chinese first.

    Raises
    ------
    InputError
        Another language.
    """
    short = _with_short_names(facts)
    return [_tell(short, _BriefLocale(locale.language)) for locale in Locales.of(language).in_order]


def render_brief(facts: Facts, pictures: Pictures | None, *, language: str) -> str:
    """Return the brief as HTML that prints on two pages a language.

    Parameters
    ----------
    facts
        Every figure.
    pictures
        What the maps are drawn from; None for none.
    language
        ``en``, ``zh`` or ``both``: then the English brief follows the Chinese one.

    Raises
    ------
    InputError
        Another language.
    """
    briefs = format_briefs(facts, language)
    html = page_template("brief.html").render(
        policy=POLICY,
        style=Markup(template_text("report.css") + template_text("brief.css")),  # noqa: S704 -- our own files
        running=running_heads(bottom_left=f"{briefs[0].facts.study} · {facts.date}"),
        briefs=[(one, illustrate_brief(one.facts, pictures, Locales((one.locale,)))) for one in briefs],
        version=facts.version,
    )
    return printable(html)


def write_brief(facts: Facts, pictures: Pictures | None, path: str | os.PathLike[str], *, language: str = "en") -> None:
    """Write the brief as one HTML file; the same facts give the same bytes.

    Raises
    ------
    InputError
        A language there is not.
    OutputError
        The file could not be written; one that was there is untouched.
    """
    write_html(render_brief(facts, pictures, language=language), path)


@dataclass(frozen=True)
class _BriefLocale(Locale):
    """A language that names the rules of all settings where they are few."""

    def rules(self, standard: Standard) -> str:
        told = super().rules(standard)
        return told if shortened(told, _RULES) == told else self("brief_rules", settings=len(standard.settings))


def _with_short_names(facts: Facts) -> Facts:
    """Return the facts with every name that came with the data as long as two pages have room for."""
    labels = {
        ident: replace(label, owner=_name(label.owner), street=_name(label.street), ident=_name(label.ident))
        for ident, label in facts.labels.items()
    }
    proposal, whole = facts.proposal, facts.whole
    return replace(
        facts,
        study=shortened(visible(facts.study), _STUDY, end=True),
        sources=tuple(map(_name, facts.sources)),
        districts=_short_names(facts.districts, "district"),
        whole=None if whole is None else _with_short_spots(whole),
        proposal=None if proposal is None else replace(proposal, table=_short_names(proposal.table, "name")),
        labels=labels,
    )


def _with_short_spots(whole: WholeFacts) -> WholeFacts:
    named = ("district", "outlet_name", "bank_name", "candidate_name")
    return replace(whole, clusters=replace(whole.clusters, table=_short_names(whole.clusters.table, *named)))


def _name(words: Any) -> Any:
    return shortened(visible(words), _NAME, end=True) if isinstance(words, str) else words


def _short_names(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return frame.assign(**{column: frame[column].map(_name) for column in columns})


def _tell(facts: Facts, locale: Locale) -> Brief:
    proposed = "_proposal" if facts.proposal is not None else ""
    sheets = tabulate_sheets(facts)
    locales = Locales((locale,))
    first = (
        _section("question", locale, _asks(facts, locale, proposed)),
        _section("answer", locale, _answer(facts, locale, sheets["settings"]), ("map",)),
        _section("gaps", locale, _gaps(facts, locale, sheets["districts"])),
    )
    second = (
        _section("proposal", locale, _proposal(facts, locale, sheets["proposal"]), ("after", "times", "distances")),
        _section("basis", locale, _basis(facts, locale)),
    )
    return Brief(
        locale=locale,
        kind=locale("brief_kind"),
        title=locale(f"brief_title{proposed}", study=facts.study),
        when=locale("as_of", date=facts.date),
        share=locales.first.percent(facts.covered, facts.population),
        bar="" if facts.sure is None else format_bar(facts.sure, locale),
        sheets=(first, second),
        facts=facts,
    )


def _section(name: str, locale: Locale, blocks: Iterator[BriefBlock], pictures: tuple[str, ...] = ()) -> BriefSection:
    return BriefSection(name=name, heading=locale(f"brief_{name}"), blocks=tuple(blocks), pictures=pictures)


def _asks(facts: Facts, locale: Locale, proposed: str) -> Iterator[BriefBlock]:
    told = {"population": locale.number(facts.population), "study": facts.study}
    yield from _texts(locale(f"brief_asks{proposed}", rules=locale.rules(facts.standard), **told))


def _answer(facts: Facts, locale: Locale, settings: Sheet) -> Iterator[BriefBlock]:
    yield BriefBlock(kind="lead", words=shortened(format_headline(facts, locale), _LEAD))
    more = (format_uncovered(facts, locale), format_served(facts, locale), format_own_walks(facts, locale))
    yield from _texts(joined(locale, *more))
    columns = "setting population covered covered_share covered_share_radius uncovered unreached"
    most = settings.frame[settings.frame["setting"] != TOTAL]
    most = most.nlargest(_rows("settings", len(most)), "population")
    shown = settings.frame[settings.frame.index.isin(most.index) | (settings.frame["setting"] == TOTAL)]
    yield from _table(facts, locale, replace(settings, frame=shown).only(*columns.split()), len(settings.frame))
    speeds = locale(
        "brief_speeds",
        population=locale.number(facts.population),
        date=facts.date,
        speeds=format_speeds(facts, locale),
    )
    yield from _texts(speeds)


def _gaps(facts: Facts, locale: Locale, districts: Sheet) -> Iterator[BriefBlock]:
    named, worst = named_districts(facts), worst_districts(facts)
    if named.empty:
        key = "brief_no_districts" if facts.whole is not None else "brief_no_districts_tiles"
        yield from _texts(locale(key, uncovered=locale.number(facts.totals["uncovered"])))
    elif worst.empty:
        yield from _texts(locale("no_districts"))
    else:
        shown = worst.head(_rows("districts", len(worst)))
        yield from _texts(_say_gaps(facts, locale, named, shown))
        columns = "district population covered covered_share uncovered unreached"
        yield from _table(facts, locale, replace(districts, frame=shown).only(*columns.split()), len(worst))


def _say_gaps(facts: Facts, locale: Locale, named: pd.DataFrame, shown: pd.DataFrame) -> str:
    lived_in = named[named["population"] > 0]
    lowest = lived_in.sort_values("covered_share", kind="stable").iloc[0]
    people, uncovered = float(shown["uncovered"].sum()), facts.totals["uncovered"]
    return locale(
        "brief_gaps_text",
        here=len(worst_districts(facts)),
        districts=len(named),
        people=locale.number(people),
        uncovered=locale.number(uncovered),
        part=locale.percent(people, uncovered),
        district=lowest["district"],
        covered=locale.number(lowest["covered"]),
        population=locale.number(lowest["population"]),
        share=locale.percent(lowest["covered"], lowest["population"]),
    )


def _proposal(facts: Facts, locale: Locale, sites: Sheet) -> Iterator[BriefBlock]:
    held = "" if facts.held is None else format_instead(facts.held, locale)
    none = locale("proposal_missing" if facts.whole is None else "brief_no_proposal")
    told = none if facts.proposal is None else format_proposal(facts, locale, format_proof_plainly)
    yield from _texts(told, held, most=_PROPOSAL)
    if len(sites.frame):
        columns = "rank name kind cost gain_people covered_people covered_share"
        shown = sites.only(*columns.split(), rows=_rows("proposal", len(sites.frame)))
        yield from _table(facts, locale, shown, len(sites.frame), "note_proposal")
    if facts.totals["uncovered"] > 0 and facts.whole is not None:
        yield BriefBlock(kind="head", words=locale("brief_blackspots"))
        yield BriefBlock(kind="numbers", points=_fitting(format_blackspots(facts, locale)))


def _basis(facts: Facts, locale: Locale) -> Iterator[BriefBlock]:
    rests = locale("brief_rests", date=facts.date, version=facts.version, files=len(facts.inputs))
    sources = locale("data_from", sources="; ".join(facts.sources)) if facts.sources else ""
    told = [rests, sources, locale("method_people"), _say_sure(facts, locale), _say_findings(facts, locale)]
    yield BriefBlock(kind="points", points=_fitting(told))
    yield BriefBlock(kind="head", words=locale("brief_unknown"))
    yield BriefBlock(kind="points", points=_fitting(format_limits(facts, locale)))


def _say_sure(facts: Facts, locale: Locale) -> str:
    """Return how sure the headline is: its bar, or without one what other conditions would make of it."""
    if facts.sure is not None:
        return format_sureness(facts.sure, facts.totals["covered_share"], locale)
    if not facts.population > 0 or facts.whole is None:  # tiles know speeds alone
        return ""
    covered = facts.sensitivity["covered"]
    low, high = (locale.percent(end, facts.population) for end in (covered.min(), covered.max()))
    return locale("brief_unsure", low=low, high=high, population=locale.number(facts.population))


def _say_findings(facts: Facts, locale: Locale) -> str:
    """Return how many findings on the inputs need a look, and which of them is worth most."""
    looks = facts.quality[facts.quality["look"].astype(bool)]
    if facts.whole is None:
        return locale("quality_tiles", warnings=len(looks), notes=len(facts.quality) - len(looks))
    rows = merge_by_code(looks).astype({"points_of_coverage": float}).to_dict("records") if len(looks) else []
    code, points = next(((row["code"], locale.points(row["points_of_coverage"])) for row in rows), ("", NOTHING))
    if points in (NOTHING, locale.points(0.0)):
        return locale("brief_findings_plain", warnings=len(looks))
    return locale("brief_findings", warnings=len(looks), finding=locale.or_else(f"finding_{code}", code), points=points)


def _table(facts: Facts, locale: Locale, sheet: Sheet, whole: int, note: str = "note_rule") -> Iterator[BriefBlock]:
    """Yield a table and its note: the rule, the speed, the date, whose shares they are, and how many rows it lacks."""
    yield BriefBlock(kind="table", table=view_table(sheet, Locales((locale,))))
    more = locale("more_rows", more=whole - len(sheet.frame)) if whole > len(sheet.frame) else ""
    told = [format_conditions(facts, locale, note), more]
    yield BriefBlock(kind="note", words=shortened(" ".join(words for words in told if words), _NOTE))


def _rows(table: str, whole: int) -> int:
    """Return how many rows of a table are shown: all of them where hardly any would be left out."""
    return whole if whole <= _MOST_ROWS[table] + _FEW else _MOST_ROWS[table]


def _texts(*said: str, most: int = _TEXT) -> Iterator[BriefBlock]:
    yield from (BriefBlock(kind="text", words=words) for words in _fitting(said, most))


def _fitting(said: Iterable[str], most: int = _TEXT) -> tuple[str, ...]:
    """Return the sentences that say something, each as long as there is room."""
    return tuple(shortened(visible(words), most) for words in said if words)
