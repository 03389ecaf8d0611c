"""The tables of a report, each named once: what the page prints and the workbook holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    served, bars = (() if facts.service is None else _SERVED), (() if facts.sure is None else _BARS)
    own = () if facts.own is None else _OWN
    sheets = [
        Sheet("districts", facts.districts, (*_of_districts(facts.standard), *served, *own, *bars)),
        Sheet("settings", facts.settings, (*_SETTINGS, *served)),
        Sheet("sensitivity", facts.sensitivity, _SENSITIVITY),
        Sheet("groups", facts.groups, (*_GROUPS, *own)),
        Sheet("times", facts.times, _of_times(facts.standard)),
        Sheet("distances", facts.distances, _DISTANCES),
        Sheet("blackspots", _called(facts.clusters.table.rename(columns={"id": "at"}), facts.labels), _BLACKSPOTS),
        Sheet("proposal", _called(_sites(facts.proposal), facts.labels), _PROPOSAL),
        Sheet("frontier", facts.frontier, _FRONTIER),
        Sheet("ledger", _called(facts.ledger, facts.labels), _LEDGER),
        Sheet("quality", facts.quality, _QUALITY),
        Sheet("snap", facts.snap, _SNAP),
        Sheet("parameters", facts.parameters.assign(meaning=facts.parameters["parameter"]), _PARAMETERS),
        Sheet("inputs", facts.inputs, _INPUTS),
    ]
    if facts.sure is not None:
        sheets[2:2] = [
            Sheet("uncertainty", facts.sure.sources, _UNCERTAINTY),
            Sheet("improvements", facts.sure.improvements, _IMPROVEMENTS),
        ]
    if facts.service is not None:
        after = [sheet.name for sheet in sheets].index("sensitivity")
        sheets.insert(after, Sheet("capacity", _called(facts.service.table, facts.labels), _CAPACITY))
    if facts.own is not None:
        after = [sheet.name for sheet in sheets].index("times")
        sheets.insert(after, Sheet("own_walks", facts.own.table, (*_OWN_WALKS, *served)))
    if facts.held is not None:
        after = [sheet.name for sheet in sheets].index("frontier")
        sheets[after:after] = [
            Sheet("robust", facts.held.plans, _ROBUST),
            Sheet("gains", facts.held.gains, _GAINS),
            Sheet("robust_sites", _called(facts.held.sites, facts.labels), _ROBUST_SITES),
        ]
    if dictionary is not None:
        kinds: Mapping[str, Kind] = {"unit": "message"}
        columns = tuple(SheetColumn(str(name), kinds.get(str(name), "text")) for name in dictionary.columns)
        sheets.append(Sheet("dictionary", dictionary, columns))
    return {sheet.name: sheet for sheet in sheets}


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


def summary_rows(facts: Facts) -> list[tuple[str, float | str, Kind]]:
    """Return the totals as rows of a wording key, a value and how it is written."""
    totals = facts.totals
    rows: list[tuple[str, float | str, Kind]] = [
        ("item_study", facts.study, "text"),
        ("item_date", facts.date, "text"),
        *((f"item_{name}", totals[name], "count") for name in ("population", "covered", "uncovered", "unreached")),
        *((f"item_{name}", totals[name], "share") for name in ("covered_share", "covered_share_radius")),
        *_bar(facts.sure),
        *_served(facts),
        *_own(facts),
        ("item_outside", facts.outside_people, "count"),
        ("item_choice_0", facts.choices["0"], "count"),
        ("item_choice_1", facts.choices["1"], "count"),
        ("item_choice_2", facts.choices["2+"], "count"),
    ]
    return [*rows, *_proof(facts.proposal), ("item_version", facts.version, "text")]


def _served(facts: Facts) -> list[tuple[str, float | str, Kind]]:
    """Return the totals of people covered and served, where sites have a capacity."""
    kinds: tuple[Kind, ...] = ("count", "share", "count")
    told = zip(SERVED_COLUMNS, kinds, strict=True)
    return [] if facts.service is None else [(f"item_{name}", facts.totals[name], kind) for name, kind in told]


def _own(facts: Facts) -> list[tuple[str, float | str, Kind]]:
    """Return the totals of people covered by walkers of their own, where groups have some."""
    if facts.own is None:
        return []
    return [
        ("item_own_walk", facts.own.covered, "count"),
        ("item_share_own_walk", facts.totals[OWN_COLUMNS[1]], "share"),
    ]


def _bar(sure: SureFacts | None) -> list[tuple[str, float | str, Kind]]:
    if sure is None:
        return []
    people: list[tuple[str, float | str, Kind]] = [
        (f"item_people_{name}", number, "count") for name, number in sure.people.items()
    ]
    ends: list[tuple[str, float | str, Kind]] = [
        ("item_share_low", sure.interval.low, "share"),
        ("item_share_high", sure.interval.high, "share"),
    ]
    return [*ends, *people]


def _proof(proposal: ProposalFacts | None) -> list[tuple[str, float | str, Kind]]:
    if proposal is None:
        return []
    plan = proposal.plan
    # A question without an answer has neither.
    proof: list[tuple[str, float | str, Kind]] = [("item_bound", plan.bound, "sum"), ("item_gap", plan.gap, "share")]
    if plan.status == "infeasible":
        proof = []
    return [
        ("item_model", f"model_{plan.model}", "code"),
        ("item_status", f"status_{plan.status}", "code"),
        ("item_bound_by", f"by_{plan.bound_by}", "code"),
        ("item_objective", plan.objective, "sum"),
        *proof,
        ("item_cost", plan.cost, "sum"),
        ("item_sites", float(len(plan.selected)), "count"),
        ("item_covered_before", plan.covered_before, "count"),
        ("item_covered_after", proposal.covered_after, "count"),
    ]


def _sites(proposal: ProposalFacts | None) -> pd.DataFrame:
    if proposal is None:
        return pd.DataFrame(columns=[column.name for column in _PROPOSAL])
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
    of = {column.name: column for column in _DISTRICTS} | {
        column.name: column for ending, kind in _BY_SETTING.items() for column in _of_settings(standard, kind, ending)
    }
    return tuple(of[name] for name in district_columns(standard))


def _of_times(standard: Standard) -> tuple[SheetColumn, ...]:
    """Return the columns of people by walking time, one for each setting."""
    first, *rest = _TIMES
    return (first, *_of_settings(standard, "count"), *rest)


def _of_settings(standard: Standard, kind: Kind, ending: str = "") -> list[SheetColumn]:
    own = standard.names_its_own
    return [SheetColumn(f"{s}{ending}", kind, setting=s if own else "") for s in standard.settings]


def _columns(kinds: Mapping[Kind, str], order: str) -> tuple[SheetColumn, ...]:
    """Return columns in an order; each kind lists the names it writes, ``name:prefix`` for codes."""
    of: dict[str, SheetColumn] = {}
    for kind, names in kinds.items():
        for name in names.split():
            plain, _, prefix = name.partition(":")
            of[plain] = SheetColumn(plain, kind, prefix)
    return tuple(of[name] for name in order.split())


_COVERED = "covered covered_share uncovered unreached"
_DISTRICTS = _columns(
    {
        "place": "district",
        "count": "population covered uncovered unreached outlets partner_banks",
        "share": "covered_share",
        "decimal": "walk_min_mean walk_min_p50 walk_min_p90",
    },
    "district population covered covered_share uncovered unreached walk_min_mean walk_min_p50 walk_min_p90 outlets"
    " partner_banks",
)
_BY_SETTING: Mapping[str, Kind] = {"_people": "count", "_covered_share": "share", "_covered_share_radius": "share"}
_BARS = _columns({"share": "covered_share_low covered_share_high"}, "covered_share_low covered_share_high")
_SERVED = _columns({"count": "served unserved", "share": "served_share"}, " ".join(SERVED_COLUMNS))
_OWN = _columns({"count": "covered_own_walk", "share": "covered_share_own_walk"}, " ".join(OWN_COLUMNS))
_OWN_WALKS = _columns(
    {
        "place": "district",
        "code": "group:walks",
        "count": "population covered uncovered unreached",
        "share": "covered_share",
    },
    f"district group population {_COVERED}",
)
_CAPACITY = _columns(
    {
        "text": "id name",
        "code": "kind:kind",
        "place": "district",
        "count": "capacity covered served unserved",
        "share": "used",
    },
    "id name kind district capacity covered served unserved used",
)
_UNCERTAINTY = _columns(
    {"code": "source:source", "points": "bias_points", "sum": "sd_points error_points", "share": "part"},
    "source sd_points part bias_points error_points",
)
_IMPROVEMENTS = _columns(
    {"code": "improvement:improve", "plain": "sites", "text": "ids", "points": "points", "sum": "width_points"},
    "improvement points width_points sites ids",
)
_SETTINGS = _columns(
    {
        "code": "setting:setting",
        "count": "population covered uncovered unreached covered_radius",
        "share": "covered_share covered_share_radius",
    },
    f"setting population {_COVERED} covered_radius covered_share_radius",
)
_SENSITIVITY = _columns(
    {
        "code": "what:what case:case",
        "count": "population covered",
        "share": "covered_share covered_share_radius",
        "points": "points",
        "flag": "applies",
    },
    "what case population covered covered_share covered_share_radius points applies",
)
_GROUPS = _columns(
    {
        "text": "group",
        "count": "population covered covered_elderly",
        "share": "covered_share covered_share_elderly",
    },
    "group population covered covered_share covered_elderly covered_share_elderly",
)
_TIMES = _columns({"code": "class:", "count": "people", "share": "share"}, "class people share")
_DISTANCES = _columns({"code": "class:", "count": "network radius population"}, "class network radius population")
_BLACKSPOTS = _columns(
    {
        "plain": "rank",
        "text": "at outlet_id outlet_name bank_id bank_name candidate_id candidate_name",
        "place": "district",
        "code": "setting:setting outlet_kind:kind action:action",
        "count": "people elderly_people unreached_people streetless_people bank_people candidate_people",
        "degrees": "lon lat gcj_lon gcj_lat",
        "decimal": "outlet_min outlet_km outlet_straight_km bank_min bank_km bank_straight_km"
        " candidate_min candidate_km candidate_straight_km",
    },
    "rank at people elderly_people unreached_people streetless_people setting district lon lat gcj_lon gcj_lat"
    " outlet_id outlet_name outlet_kind outlet_min outlet_km outlet_straight_km bank_id bank_name bank_min bank_km"
    " bank_straight_km bank_people candidate_id candidate_name candidate_min candidate_km candidate_straight_km"
    " candidate_people action",
)
_PROPOSAL = _columns(
    {
        "plain": "rank",
        "text": "id name",
        "code": "kind:kind",
        "sum": "cost marginal_per_cost",
        "degrees": "lon lat",
        "count": "gain_people covered_people",
        "share": "covered_share",
    },
    "rank id name kind cost lon lat gain_people covered_people covered_share marginal_per_cost",
)
_ROBUST = _columns(
    {
        "code": "plan:held",
        "count": "sites",
        "sum": "cost mean_error_points worst_error_points mean_regret_points regret_error_points most_regret_points",
        "share": "mean_share worst_share",
    },
    "plan sites cost mean_share mean_error_points worst_share worst_error_points mean_regret_points"
    " regret_error_points most_regret_points",
)
_GAINS = _columns(
    {
        "code": "plan:held",
        "points": "gain_points gain_low gain_high",
        "sum": "gain_error",
        "share": "better better_error",
        "flag": "noise",
    },
    "plan gain_points gain_low gain_high gain_error better better_error noise",
)
_ROBUST_SITES = _columns(
    {"text": "id name", "share": "probability", "flag": "must_have by_inputs robust"},
    "id name probability must_have by_inputs robust",
)
_FRONTIER = _columns(
    {"sum": "budget", "count": "covered_people bound_people population", "share": "covered_share bound_share"},
    "budget covered_people covered_share bound_people bound_share population",
)
_LEDGER = _columns(
    {
        "text": "id name",
        "code": "kind:kind",
        "count": "within_people alone_people",
        "flag": "can_close can_close_together",
        "degrees": "lon lat",
    },
    "id name kind within_people alone_people can_close can_close_together lon lat",
)
_QUALITY = _columns(
    {
        "flag": "look",
        "code": "code:finding",
        "text": "input",
        "message": "message",
        "plain": "count",
        "count": "people",
        "points": "points_of_coverage",
        "place": "district",
        "degrees": "lon lat",
    },
    "look code input message count people points_of_coverage district lon lat",
)
_SNAP = _columns(
    {
        "place": "district",
        "decimal": "snap_p50_m snap_p95_m snap_max_m",
        "count": "population beyond_limit_people over_100_m_people without_place_people",
    },
    "district population snap_p50_m snap_p95_m snap_max_m over_100_m_people beyond_limit_people without_place_people",
)
_PARAMETERS = (SheetColumn("parameter", "text"), SheetColumn("value", "text"), SheetColumn("meaning", "code", "param"))
_INPUTS = _columns({"code": "role:role", "text": "file sha256"}, "role file sha256")
