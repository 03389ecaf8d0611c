"""The tables of a report, each named once: what the page prints and the workbook holds."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from accessibility.measures.tables import NO_DISTRICT, OWN_COLUMNS, SERVED_COLUMNS, TOTAL, district_columns
from accessibility.present.report.facts import NO_WAY
from accessibility.present.symbols import SiteLabel, call_site
from accessibility.wording import message_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accessibility.present.language import Locale
    from accessibility.present.report.facts import Facts, ProposalFacts
    from accessibility.present.report.uncertainty import SureFacts
    from accessibility.standards import Standard

# Findings that have one row per district, each person in one of them at most.
_BY_DISTRICT = ("street-missing", "island", "beyond-snap-limit", "official-total")
Kind = Literal[
    "text", "message", "code", "place", "count", "share", "points", "decimal", "degrees", "plain", "flag", "sum"
]
SummaryRow = tuple[str, float | str, Kind]
_TOTALS: Mapping[str, Kind] = {
    **dict.fromkeys(("population", "covered", "uncovered", "unreached"), "count"),
    **dict.fromkeys(("covered_share", "covered_share_radius"), "share"),
}
_SERVED: Mapping[str, Kind] = dict(zip(SERVED_COLUMNS, ("count", "share", "count"), strict=True))
_BY_SETTING: Mapping[str, Kind] = {"_people": "count", "_covered_share": "share", "_covered_share_radius": "share"}


@dataclass(frozen=True)
class SheetColumn:
    """One column of a table."""

    name: str  # the column of the frame; its heading is the wording `col_<name>`
    # how its cells are written: `code` cells have a wording `<prefix>_<cell>`, `message` cells are sentences of
    # findings, `place` cells are names of districts, `sum` is an exact number.
    kind: Kind
    prefix: str = ""  # of the wording of `code` cells
    setting: str = ""  # whose figures they are, where a study has settings of its own

    @property
    def is_text(self) -> bool:
        """Whether its cells are words."""
        return self.kind in ("text", "message", "code", "place", "flag")

    def heading(self, locale: Locale) -> str:
        """Return its heading in one language."""
        if not self.setting:
            return locale.or_else(f"col_{self.name}", self.name)
        ending = self.name.removeprefix(self.setting)
        return locale(f"col_of{ending}", setting=self.setting) if ending else self.setting

    def words(self, value: Any, locale: Locale) -> str:
        """Return a cell of words in one language."""
        if self.kind == "flag":
            return locale("yes" if value else "no")
        if value is None or pd.isna(value):
            return ""
        text = value.text(locale.language) if isinstance(value, SiteLabel) else str(value)
        if self.kind == "place":
            return {TOTAL: locale("total"), NO_DISTRICT: locale("none_district")}.get(text, text)
        if self.kind == "code":
            return _code(text, self.prefix, locale)
        if self.kind == "message":
            return message_text(text, locale.language)
        return text


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table with its columns; its title is the wording ``sheet_<name>``."""

    name: str
    frame: pd.DataFrame
    columns: tuple[SheetColumn, ...]

    def only(self, *names: str, rows: int | None = None) -> Sheet:
        """Return the sheet with some of its columns, and its first rows."""
        of = {column.name: column for column in self.columns}
        kept = self.frame if rows is None else self.frame.head(rows)
        return replace(self, frame=kept, columns=tuple(of[name] for name in names))


def tabulate_sheets(facts: Facts, dictionary: pd.DataFrame | None = None) -> dict[str, Sheet]:
    """Return every table of the facts by name, in the order of the workbook; a data dictionary last, where given."""
    of = _tables()
    served, bars = (() if facts.service is None else of["served"]), (() if facts.sure is None else of["bars"])
    own = () if facts.own is None else of["own"]
    spots, ledger, snap = _whole_sheets(facts)
    sheets = [
        Sheet("districts", facts.districts, (*_of_districts(facts.standard), *served, *own, *bars)),
        _sheet("settings", facts.settings, *served),
        _sheet("sensitivity", facts.sensitivity),
        _sheet("groups", facts.groups, *own),
        Sheet("times", facts.times, _of_times(facts.standard)),
        _sheet("distances", facts.distances),
        *spots,
        _sheet("proposal", _called(_sites(facts.proposal), facts.labels)),
        _sheet("frontier", facts.frontier),
        *ledger,
        _sheet("quality", facts.quality),
        *snap,
        _sheet("parameters", facts.parameters.assign(meaning=facts.parameters["parameter"])),
        _sheet("inputs", facts.inputs),
    ]
    if facts.sure is not None:
        sheets[2:2] = [_sheet("uncertainty", facts.sure.sources), _sheet("improvements", facts.sure.improvements)]
    if facts.service is not None:
        after = [sheet.name for sheet in sheets].index("sensitivity")
        sheets.insert(after, _sheet("capacity", _called(facts.service.table, facts.labels)))
    if facts.own is not None:
        after = [sheet.name for sheet in sheets].index("times")
        sheets.insert(after, _sheet("own_walks", facts.own.table, *served))
    if facts.held is not None:
        after = [sheet.name for sheet in sheets].index("frontier")
        sheets[after:after] = [
            _sheet("robust", facts.held.plans),
            _sheet("gains", facts.held.gains),
            _sheet("robust_sites", _called(facts.held.sites, facts.labels)),
        ]
    if dictionary is not None:
        kinds: Mapping[str, Kind] = {"unit": "message"}
        columns = tuple(SheetColumn(str(name), kinds.get(str(name), "text")) for name in dictionary.columns)
        sheets.append(Sheet("dictionary", dictionary, columns))
    return {sheet.name: sheet for sheet in sheets}


def _whole_sheets(facts: Facts) -> tuple[list[Sheet], ...]:
    """Return the tables of blackspots, of outlets and of ways to streets; none of them where tiles were measured."""
    if facts.whole is None:
        return [], [], []
    spots = _called(facts.whole.clusters.table.rename(columns={"id": "at"}), facts.labels)
    ledger = _called(facts.whole.ledger, facts.labels)
    return [_sheet("blackspots", spots)], [_sheet("ledger", ledger)], [_sheet("snap", facts.whole.snap)]


@cache
def _tables() -> dict[str, tuple[SheetColumn, ...]]:
    """Return the columns of each table, those too that only some reports have."""
    told = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {name: tuple(SheetColumn(key, *said.split()) for key, said in table.items()) for name, table in told.items()}


def _sheet(name: str, frame: pd.DataFrame, *more: SheetColumn) -> Sheet:
    return Sheet(name, frame, (*_tables()[name], *more))


def _called(frame: pd.DataFrame, labels: Mapping[str, SiteLabel]) -> pd.DataFrame:
    """Return a table in which a site without a name has its label, or its id: no cell that names a site is empty."""
    pairs = [
        (name, f"{name.removesuffix('name')}id") for name in frame.columns if name == "name" or name.endswith("_name")
    ]
    told = {
        name: [call_site(named, site, labels) for named, site in zip(frame[name], frame[ident], strict=True)]
        for name, ident in pairs
        if ident in frame.columns
    }
    return frame.assign(**{name: pd.Series(cells, index=frame.index, dtype=object) for name, cells in told.items()})


def merge_by_code(quality: pd.DataFrame) -> pd.DataFrame:
    """Return the findings, one row per code where they had one row per district: people and points add up."""
    rows: list[dict[str, Any]] = []
    for _, group in quality.groupby(["code", "input"], sort=False):
        first = group.iloc[0]
        if first["code"] not in _BY_DISTRICT or len(group) == 1:
            rows += [_plain(row) for row in group.to_dict("records")]
            continue
        most = group.sort_values("people", ascending=False, kind="stable")
        named = zip(most["district"].fillna(NO_DISTRICT), most["people"], strict=True)
        told = {"message": ", ".join(f"{name} {people:,.0f}" for name, people in named), "district": None}
        sums = {name: group[name].sum(min_count=1) for name in ("count", "people", "points_of_coverage")}
        rows.append({**_plain(first.to_dict()), **told, **sums})
    merged = pd.DataFrame(rows, columns=quality.columns)
    size = merged["points_of_coverage"].astype(float).abs().fillna(-1.0)
    order = merged.assign(_size=size, _look=~merged["look"].astype(bool))
    return order.sort_values(["_look", "_size"], ascending=[True, False], kind="stable")[list(quality.columns)]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in row.items()}


def summary_rows(facts: Facts) -> list[SummaryRow]:
    """Return the totals as rows of a wording key, a value and how it is written."""
    totals, whole = facts.totals, facts.whole
    rows: list[SummaryRow] = [("item_study", facts.study, "text"), ("item_date", facts.date, "text")]
    rows += [(f"item_{name}", totals[name], kind) for name, kind in _TOTALS.items()]
    rows += _bar(facts.sure)
    if facts.service is not None:
        rows += [(f"item_{name}", totals[name], kind) for name, kind in _SERVED.items()]
    if facts.own is not None:
        rows += [("item_own_walk", facts.own.covered, "count")]
        rows += [("item_share_own_walk", totals[OWN_COLUMNS[1]], "share")]
    if whole is not None:
        rows += [("item_outside", whole.outside_people, "count")]
        rows += [(f"item_choice_{choice[0]}", whole.choices[choice], "count") for choice in ("0", "1", "2+")]
    return [*rows, *_proof(facts.proposal), ("item_version", facts.version, "text")]


def _bar(sure: SureFacts | None) -> list[SummaryRow]:
    if sure is None:
        return []
    people: list[SummaryRow] = [(f"item_people_{name}", number, "count") for name, number in sure.people.items()]
    ends = (("item_share_low", sure.interval.low), ("item_share_high", sure.interval.high))
    return [*((name, end, "share") for name, end in ends), *people]


def _proof(proposal: ProposalFacts | None) -> list[SummaryRow]:
    if proposal is None:
        return []
    plan = proposal.plan
    # A question without an answer has neither.
    proof: list[SummaryRow] = [("item_bound", plan.bound, "sum"), ("item_gap", plan.gap, "share")]
    return [
        ("item_model", f"model_{plan.model}", "code"),
        ("item_status", f"status_{plan.status}", "code"),
        ("item_bound_by", f"by_{plan.bound_by}", "code"),
        ("item_objective", plan.objective, "sum"),
        *(proof if plan.status != "infeasible" else ()),
        ("item_cost", plan.cost, "sum"),
        ("item_sites", float(len(plan.selected)), "count"),
        ("item_covered_before", plan.covered_before, "count"),
        ("item_covered_after", proposal.covered_after, "count"),
    ]


def _sites(proposal: ProposalFacts | None) -> pd.DataFrame:
    if proposal is None:
        return pd.DataFrame(columns=[column.name for column in _tables()["proposal"]])
    return proposal.table


def _code(text: str, prefix: str, locale: Locale) -> str:
    """Return what a code means; a code that no wording knows stands as it is."""
    if prefix == "setting" and text != TOTAL:
        return locale.setting(text)
    if (not prefix and text == TOTAL) or prefix == "setting":
        return locale("total")
    if text == NO_WAY:
        return locale("no_way")
    if prefix == "case" and text.replace(".", "").isdigit():
        return locale("case_speed", speed=text)
    if prefix == "role":
        role, _, group = text.partition(" ")  # "population 60+"
        return f"{locale.or_else(f'role_{role}', role)} {group}".strip()
    return locale.or_else(f"{prefix}_{text}", "" if prefix == "param" else text)


def _of_districts(standard: Standard) -> tuple[SheetColumn, ...]:
    """Return the columns of ``districts.csv``, some for each setting."""
    of = {column.name: column for column in _tables()["districts"]} | {
        column.name: column for ending, kind in _BY_SETTING.items() for column in _of_settings(standard, kind, ending)
    }
    return tuple(of[name] for name in district_columns(standard))


def _of_times(standard: Standard) -> tuple[SheetColumn, ...]:
    """Return the columns of people by walking time, one for each setting."""
    first, *rest = _tables()["times"]
    return (first, *_of_settings(standard, "count"), *rest)


def _of_settings(standard: Standard, kind: Kind, ending: str = "") -> list[SheetColumn]:
    own = standard.names_its_own
    return [SheetColumn(f"{s}{ending}", kind, setting=s if own else "") for s in standard.settings]
