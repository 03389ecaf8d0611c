"""What a run says on the terminal: progress on standard error, a summary on standard output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from accessibility.cli.report_facts import find_held
from accessibility.errors import DOUBTS, visible
from accessibility.measures.tables import NO_DISTRICT, TOTAL
from accessibility.present.language import Locale
from accessibility.present.report.uncertainty import format_held, format_instead, format_must_have
from accessibility.present.symbols import SiteLabel, call_site
from accessibility.siting.plan import format_objective
from accessibility.wording import Language, Wording, cost_text, message_text, percent_sign, percent_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandas as pd

    from accessibility.cli.comparing import ScenarioComparison
    from accessibility.cli.options import Result
    from accessibility.present.report.uncertainty import HeldFacts
    from accessibility.siting import SitingPlan

_WORTH = {  # stands before the sentence already
    "en": re.compile(r", coverage would change by [+-][\d.]+ points"),
    "zh": re.compile(r"\uff0c覆盖率将变化[+-][\d.]+个百分点"),
}
_COLON = {"en": ": ", "zh": "\uff1a"}
_MOST_FINDINGS = 40
_MOST_DISTRICTS = 15
_MOST_SITES = 20
_MOST_PAIRS = 15
_NAMES = ("plan", "scenario", "instead_of")
_LEAST_POINTS = 0.005  # shown as 0.01


class Silence:
    """Progress that nobody sees."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def start(self, steps: int) -> None:
        """Say how many steps there will be."""

    def step(self, text: str) -> None:
        """Say which step begins."""

    def part(self, done: int, whole: int) -> None:
        """Say how far the step is that has begun."""


class RichProgress(Silence):
    """A bar of steps on standard error."""

    def __init__(self, language: Language = "en") -> None:
        """Make the bar; it appears when the work begins."""
        self._language = language
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(self._told_as("Reading"), total=None)
        self._begun, self._text = 0, self._told_as("Reading")
        self._listening, self._told = False, False

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Complete the bar if all went well, and leave it."""
        if error[0] is None:
            self._bar.update(self._task, completed=self._begun, total=self._begun, description=self._told_as("Done"))
        self._bar.stop()
        if self._listening:
            from accessibility.streets.search.compiling import announce_compiling  # noqa: PLC0415 -- as above

            announce_compiling(None)

    def start(self, steps: int) -> None:
        """Say how many steps there will be."""
        self._bar.update(self._task, total=steps)
        from accessibility.streets.search.compiling import announce_compiling  # noqa: PLC0415 -- numba only where steps begin

        announce_compiling(self._compiling)
        self._listening = True

    def step(self, text: str) -> None:
        """Say which step begins."""
        self._text = self._told_as(text)
        self._bar.update(self._task, completed=self._begun, description=self._text)
        self._begun += 1

    def part(self, done: int, whole: int) -> None:
        """Say how far the step is that has begun."""
        told = Wording("console", self._language)("step_part", step=self._text, done=f"{done:,}", whole=f"{whole:,}")
        self._bar.update(self._task, completed=self._begun - 1 + done / max(whole, 1), description=told)

    def _told_as(self, text: str) -> str:
        """Return the name of a step in the language of the terminal."""
        return visible(message_text(text, self._language))

    def _compiling(self, kernel: str) -> None:
        """Say which kernel is being compiled, or that none is any more; the first time also why it takes so long."""
        if kernel and not self._told:
            self._told = True
            once = "compiling for this machine, once; the next run begins at once"
            self._bar.console.print(self._told_as(once), style="dim")
        text = f"{self._text} (compiling {kernel})"
        self._bar.update(self._task, description=self._told_as(text) if kernel else self._text)


@dataclass(frozen=True)
class Speech:
    """A terminal that is spoken to in one language."""

    language: Language = "en"

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence of the terminal."""
        return Wording("console", self.language)(key, **values)

    def percent(self, part: float, whole: float = 1.0) -> str:
        """Return a share as the language writes it."""
        return percent_text(part, whole, self.language)

    def term(self, word: str) -> str:
        """Return a word of the tables: as it stands there in English, as every product says it in Chinese."""
        if self.language == "en":
            return word
        names = Wording("names", self.language)
        try:
            return names(word)
        except KeyError:
            return names.setting(word)

    def place(self, name: str) -> str:
        """Return the name of a district, of the total, or of no district."""
        if self.language == "en":
            return name
        return {TOTAL: self.term(TOTAL), NO_DISTRICT: Locale(self.language)("none_district")}.get(name, name)

    def site(self, row: dict[Any, Any], labels: Mapping[str, SiteLabel]) -> str:
        """Return what a site of a table is called; nothing where only its id tells, which stands beside it."""
        told = call_site(row["name"], row["id"], labels)
        return told.text(self.language) if isinstance(told, SiteLabel) else str(row["name"] or "")

    def title(self, finding: dict[str, Any]) -> str:
        """Return what kind of finding it is, in a few words."""
        try:
            return Wording("report", self.language)(f"finding_{finding['code']}")
        except KeyError:
            return str(finding["code"])

    def input(self, kind: str, file: str) -> str:
        """Return what an input is called: a file by its role in the study, with its group of people if it has one."""
        if not file:
            return self(f"read_{kind}")
        role, _, group = file.partition(" ")
        named = file if self.language == "en" else f"{Locale(self.language).or_else(f'role_{role}', role)} {group}"
        return self("read_file", name=named.strip())

    def list(self, names: Iterable[str]) -> str:
        """Return names in a row."""
        return Locale(self.language).listed(names)


def print_coverage(result: Result, language: Language = "en") -> None:
    """Print the headline, people by setting with both readings of the 5 km, sensitivity, warnings, and the files."""
    console = Console(highlight=False, soft_wrap=True)
    say = Speech(language)
    console.print(_text(result.headlines[language], style="bold"))
    table = _figures("", *(say(key) for key in ("people", "covered", "share", "by_radius")))
    for _, row in result.settings.iterrows():
        shares = (row["covered_share"], row["covered_share_radius"])
        figures = [f"{row['population']:,.0f}", f"{row['covered']:,.0f}", *(say.percent(s) for s in shares)]
        table.add_row(_text(say.term(str(row["setting"]))), *figures)
    console.print(table)
    for note in result.bars.get(language, ()):
        console.print(_text(note))
    for note in result.notes:
        console.print(_text(message_text(note, language)))
    told = [row for at, row in enumerate(result.findings) if at < result.warnings or row["points_of_coverage"]]
    _print_findings(console, told, result.warnings, say)
    if result.plan is not None:
        _print_plan(console, result.plan, say, result)
    if result.held is not None:
        _print_held(console, find_held(result.held), Locale(language))
    _print_kept(console, result.kept, say)
    pages = {"coverage.html": "map_at", "brief.html": "brief_at", "report.html": "report_at"}
    for name in filter(result.files.__contains__, pages):
        console.print(_text(say(pages[name], path=result.folder / name)))
    rest = [name for name in result.files if name not in (*pages, "report.xlsx")]
    console.print(_text(say("layers_at", path=result.folder / rest[0], rest=say.list(rest[1:]))))


def _print_kept(console: Console, kept: Path | None, say: Speech) -> None:
    if kept is not None:
        console.print(_text(say("kept_in", path=kept)))


def _print_plan(console: Console, plan: SitingPlan, say: Speech, result: Result) -> None:
    """Print the proposal: what it costs, how good it is, and its first sites in opening order."""
    cost = cost_text(plan.cost, result.cost_unit, say.language)
    text = say("proposal_for", model=plan.model, sites=f"{len(plan.selected):,}", cost=cost, status=say(plan.status))
    if plan.status != "infeasible":
        (objective, of), (bound, _) = (format_objective(plan.model, value) for value in (plan.objective, plan.bound))
        gap = percent_sign(f"{100 * plan.gap:.3f} %", say.language)
        text += say("proof", objective=objective, unit=Wording("names", say.language)(of), bound=bound, gap=gap)
    console.print(_text(text, style="bold"))
    if plan.message:
        console.print(_text(message_text(plan.message, say.language)))
    if plan.closed:
        console.print(_text(say("to_close", sites=say.list(map(str, plan.closed)))))
    heads = (say(f"col_{key}") for key in ("id", "name", "kind", "cost", "gained", "after"))
    table = Table("", *heads, box=None, header_style="dim")
    _fold(table)
    for row in plan.table().head(_MOST_SITES).to_dict("records"):
        figures = (
            cost_text(row["cost"], "", say.language),
            f"{row['gain_people']:,.0f}",
            say.percent(row["covered_share"]),
        )
        words = (str(row["id"]), say.site(row, result.labels), say.term(str(row["kind"])))
        table.add_row(str(row["rank"]), *map(_text, words), *figures)
    if plan.selected:
        console.print(table)
    if len(plan.selected) > _MOST_SITES:
        console.print(_text(say("more_sites", n=len(plan.selected) - _MOST_SITES)))


def _print_held(console: Console, held: HeldFacts, locale: Locale) -> None:
    """Print how the proposal holds over draws of the inputs, and the plan that is best over them: as the report."""
    console.print(_text(format_held(held, locale), style="bold"))
    shares = ("mean_share", "mean_error_points", "worst_share", "worst_error_points")
    names = ("plan", *shares, "mean_regret_points", "most_regret_points")
    _print_rows(console, held.plans, names, locale)
    console.print(_text(format_instead(held, locale)))
    _print_rows(console, held.gains, ("plan", "gain_points", "gain_low", "gain_high", "better", "noise"), locale)
    console.print(_text(format_must_have(held, locale)))


def _print_rows(console: Console, rows: pd.DataFrame, names: tuple[str, ...], locale: Locale) -> None:
    table = Table(*(locale(f"col_{name}") for name in names), box=None, header_style="dim")
    for name, column in zip(names, table.columns, strict=True):
        column.justify = "left" if name in _NAMES else "right"
        column.overflow = "fold"
    for row in rows.to_dict("records"):
        table.add_row(*(_text(_figure(name, row[name], locale)) for name in names))
    console.print(table, soft_wrap=False)  # headings of several lines, none cut


def _figure(name: str, value: Any, locale: Locale) -> str:
    """Return a cell of the tables about draws."""
    if name in ("scenario", "instead_of"):
        return str(value)
    if name == "plan":
        return locale(f"held_{value}")
    if name == "noise":
        return locale("yes" if value else "no")
    if name.endswith("share") or name == "better":
        return locale.percent(value, 1.0)
    return locale.points(value) if name.startswith("gain") else locale.number(value, 2)


def print_comparison(found: ScenarioComparison, language: Language = "en") -> None:
    """Print today's headline, one line per scenario, and the files."""
    console = Console(highlight=False, soft_wrap=True)
    say = Speech(language)
    console.print(_text(say("today", headline=found.headlines[language]), style="bold"))
    for note in found.bars.get(language, ()):
        console.print(_text(note))
    served = ("served", "served_share") if "served" in found.scenarios else ()
    heads = (say(key) for key in ("covered", "share", "gained", "lost", "unreached", *served, "col_cost"))
    table = _figures("", *heads)
    for row in found.scenarios.to_dict("records"):
        people = [f"{row[name]:,.0f}" for name in ("gained", "lost", "unreached")]
        share = say.percent(row["covered_share"])
        room = (f"{row['served']:,.0f}", say.percent(row["served_share"])) if served else ()
        table.add_row(
            _text(row["scenario"]),
            f"{row['covered']:,.0f}",
            share,
            *people,
            *room,
            cost_text(row["cost"], "", say.language),
        )
    console.print(table)
    for doubt in found.doubts:
        console.print(_text("! ", style="yellow") + _text(message_text(doubt.message, language)))
    if found.pairs is not None:
        _print_gains(console, found.scenarios, found.pairs, say)
    _print_kept(console, found.kept, say)
    for path in found.maps:
        console.print(_text(say("map_at", path=path)))
    tables = "tables_at" if found.pairs is None else "tables_and_pairs_at"
    console.print(_text(say(tables, path=found.folder / "compare.csv")))


def _print_gains(console: Console, scenarios: pd.DataFrame, pairs: pd.DataFrame, say: Speech) -> None:
    """Print what each scenario brings, with its interval, and one instead of another; which of that is noise."""
    locale = Locale(say.language)
    told = ("gain_points", "gain_low", "gain_high", "better", "noise")
    console.print(_text(say("gains_and_bars"), style="dim"))
    _print_rows(console, scenarios, ("scenario", *told), locale)
    if len(pairs):
        console.print(_text(say("pairs_and_bars"), style="dim"))
        _print_rows(console, pairs.head(_MOST_PAIRS), ("scenario", "instead_of", *told), locale)
    if len(pairs) > _MOST_PAIRS:
        console.print(_text(say("more_pairs", n=len(pairs) - _MOST_PAIRS)))


def print_timings(stages: list[dict[str, Any]], language: Language = "en") -> None:
    """Print a line per stage, and one of all, on standard error: seconds, and the most memory held up to its end."""
    say = Speech(language)
    table = _figures(*(say(key) for key in ("stage", "cpu_s", "wall_s", "peak_mb")))
    whole = {name: sum(stage[name] for stage in stages) for name in ("cpu_s", "wall_s")}
    for stage in [*stages, {"stage": say("in_all"), **whole, "peak_mb": stages[-1]["peak_mb"]}]:
        peak = "" if stage["peak_mb"] is None else f"{stage['peak_mb']:,.0f}"
        table.add_row(
            _text(message_text(stage["stage"], language)), f"{stage['cpu_s']:.2f}", f"{stage['wall_s']:.2f}", peak
        )
    Console(stderr=True, highlight=False, soft_wrap=True).print(table)


def print_check(facts: dict[str, Any], language: Language = "en") -> None:
    """Print what was read, what is suspect and what that is worth, the way to the street, and street density."""
    console = Console(highlight=False, soft_wrap=True)
    say = Speech(language)
    table = Table(say("input"), say("what_was_read"), box=None, header_style="dim")
    _fold(table)
    for name, text in facts["read"].items():
        kind, _, file = name.partition(" ")
        table.add_row(_text(say.input(kind, file)), _text(message_text(text, language)))
    console.print(table)
    console.print(_text(facts["headline" if language == "en" else "headline_zh"], style="bold"))
    if not facts["warnings"]:
        console.print(say("nothing_suspect"))
    _print_findings(console, facts["findings"], len(facts["warnings"]), say)
    _print_snap(console, facts["snap"], say)
    nodes = round(facts["nearest_node_points"], 2) + 0.0
    console.print(_text(say("nearest_node", points=f"{nodes:+.2f}")))
    streets = facts["streets"]
    density = say("no_street_figures") if streets["km_per_km2"] is None else _density_text(streets, say)
    console.print(_text(density))


def _print_findings(console: Console, findings: list[dict[str, Any]], warnings: int, say: Speech) -> None:
    """Print warnings, then notes, each with its worth in points of coverage where that is known; not worthless ones."""
    if not findings:
        return
    console.print(_text(say("points_and_finding"), style="dim"))
    numbered = list(enumerate(findings))
    told = [(row, f) for row, f in numbered if _matters(f)]
    for row, finding in told[:_MOST_FINDINGS]:
        suspect = row < warnings
        points = finding["points_of_coverage"]
        worth = " " * 7 if points is None else f"{round(points, 2) + 0.0:+7.2f}"
        mark = _text("! " if suspect else "  ", style="yellow")
        place = f" [{finding['district']}]" if finding["district"] else ""
        told_so = message_text(finding["message"], say.language)
        message = _WORTH[say.language].sub("", told_so)
        if say.language != "en" and told_so == finding["message"]:  # said in English alone
            message = say("titled", title=say.title(finding), message=message)
        text = f"{worth}  {finding['input']}{_COLON[say.language]}{message}{place}"
        console.print(mark + _text(text, style="" if suspect else "dim"))
    if len(told) > _MOST_FINDINGS:
        console.print(_text(say("more_findings", n=len(told) - _MOST_FINDINGS)))
    if len(told) < len(findings):
        text = say("small_findings", n=len(findings) - len(told), least=_LEAST_POINTS)
        console.print(_text(text, style="dim"))


def _figures(*heads: str) -> Table:
    """Return a table that is to have a name and figures in each row."""
    table = Table(*heads, box=None, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _fold(table: Table) -> None:
    """Let texts without spaces go on in the next line, rather than end where the terminal does."""
    for column in table.columns:
        column.overflow = "fold"


def _text(text: str, style: str = "") -> Text:
    """Return text as it stands in an input, without what a terminal would obey."""
    return Text(visible(text), style=style)


def _matters(finding: dict[str, Any]) -> bool:
    points = finding["points_of_coverage"]
    return points is None or abs(points) >= _LEAST_POINTS or finding["code"] in DOUBTS


def _print_snap(console: Console, rows: list[dict[str, Any]], say: Speech) -> None:
    """Print how far people live from their street: the districts with most people far from one, and the total."""
    *districts, total = rows
    shown = sorted(districts, key=lambda row: -row["over_100_m_people"])[:_MOST_DISTRICTS]
    heads = ("to_the_street", "people", "snap_p50", "snap_p95", "snap_max", "snap_far", "over_limit")
    table = _figures(*map(say, heads))
    for row in [*shown, total]:
        metres = ["" if row[c] is None else f"{row[c]:,.0f}" for c in ("snap_p50_m", "snap_p95_m", "snap_max_m")]
        people = [f"{row[c]:,.0f}" for c in ("population", "over_100_m_people", "beyond_limit_people")]
        table.add_row(_text(say.place(row["district"])), people[0], *metres, *people[1:])
    console.print(table)
    if len(shown) < len(districts):
        console.print(_text(say("districts_left", n=len(districts) - len(shown))))


def _density_text(streets: dict[str, Any], say: Speech) -> str:
    return say(
        "street_density",
        km=f"{streets['km_per_km2']:.1f}",
        area=f"{streets['inhabited_km2']:,.0f}",
        far=say.percent(streets["over_100_m_share"]),
        without=f"{streets['people_without_street']:,.0f}",
    )
