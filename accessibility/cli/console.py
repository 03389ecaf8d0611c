"""What a run says on the terminal: progress on standard error, a summary on standard output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from accessibility.errors import visible
from accessibility.siting.objectives import say_objective
from accessibility.sources.checks import DOUBTS
from accessibility.wording import Wording, percent_text

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.comparing import ScenarioComparison
    from accessibility.cli.options import Result
    from accessibility.siting import SitingPlan

_WORTH = re.compile(r", coverage would change by [+-][\d.]+ points")  # stands before the sentence already
_MOST_FINDINGS = 40
_MOST_DISTRICTS = 15
_MOST_SITES = 20
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


class RichProgress(Silence):
    """A bar of steps on standard error."""

    def __init__(self) -> None:
        """Make the bar; it appears when the work begins."""
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("Reading", total=None)
        self._begun, self._text = 0, "Reading"
        self._listening, self._told = False, False

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Complete the bar if all went well, and leave it."""
        if error[0] is None:
            self._bar.update(self._task, completed=self._begun, total=self._begun, description="Done")
        self._bar.stop()
        if self._listening:
            from accessibility.search.compiling import announce_compiling  # noqa: PLC0415 -- as above

            announce_compiling(None)

    def start(self, steps: int) -> None:
        """Say how many steps there will be."""
        self._bar.update(self._task, total=steps)
        from accessibility.search.compiling import announce_compiling  # noqa: PLC0415 -- numba only where steps begin

        announce_compiling(self._compiling)
        self._listening = True

    def step(self, text: str) -> None:
        """Say which step begins."""
        self._text = visible(text)
        self._bar.update(self._task, completed=self._begun, description=self._text)
        self._begun += 1

    def _compiling(self, kernel: str) -> None:
        """Say which kernel is being compiled, or that none is any more; the first time also why it takes so long."""
        if kernel and not self._told:
            self._told = True
            self._bar.console.print("compiling for this machine, once; the next run begins at once", style="dim")
        self._bar.update(self._task, description=f"{self._text} (compiling {kernel})" if kernel else self._text)


def print_coverage(result: Result) -> None:
    """Print the headline, people by setting with both readings of the 5 km, sensitivity, warnings, and the files."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(_text(result.headline, style="bold"))
    table = Table("", "people", "covered", "share", "by radius", box=None, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for _, row in result.settings.iterrows():
        shares = (row["covered_share"], row["covered_share_radius"])
        figures = [f"{row['population']:,.0f}", f"{row['covered']:,.0f}", *(percent_text(s) for s in shares)]
        table.add_row(_text(str(row["setting"])), *figures)
    console.print(table)
    for note in result.notes:
        console.print(_text(note))
    told = [row for at, row in enumerate(result.findings) if at < result.warnings or row["points_of_coverage"]]
    _print_findings(console, told, result.warnings)
    if result.plan is not None:
        _print_plan(console, result.plan)
    _print_kept(console, result.kept)
    if "report.html" in result.files:
        console.print(_text(f"map:    {result.folder / 'coverage.html'}"))
        console.print(_text(f"report: {result.folder / 'report.html'}, report.xlsx"))
    rest = [name for name in result.files if name not in ("coverage.html", "report.html", "report.xlsx")]
    console.print(_text(f"layers and tables: {result.folder / rest[0]}, {', '.join(rest[1:])}"))


def _print_kept(console: Console, kept: Path | None) -> None:
    if kept is not None:
        console.print(_text(f"an earlier run that this one does not repeat is kept in {kept}"))


def _print_plan(console: Console, plan: SitingPlan) -> None:
    """Print the proposal: what it costs, how good it is, and its first sites in opening order."""
    text = f"proposal ({plan.model}): {len(plan.selected)} sites for {plan.cost:g}; {plan.status}"
    if plan.status != "infeasible":
        (objective, unit), (bound, _) = (say_objective(plan.model, value) for value in (plan.objective, plan.bound))
        what = Wording("names", "en")(unit)
        text += f": {objective} {what}; no plan does better than {bound}, gap {100 * plan.gap:.3f} %"
    console.print(_text(text, style="bold"))
    if plan.message:
        console.print(_text(plan.message))
    if plan.closed:
        console.print(_text(f"to close: {', '.join(map(str, plan.closed))}"))
    table = Table("", "id", "name", "kind", "cost", "people gained", "share after", box=None, header_style="dim")
    for row in plan.table().head(_MOST_SITES).to_dict("records"):
        figures = (f"{row['cost']:g}", f"{row['gain_people']:,.0f}", percent_text(row["covered_share"]))
        table.add_row(str(row["rank"]), *(_text(str(row[name])) for name in ("id", "name", "kind")), *figures)
    if plan.selected:
        console.print(table)
    if len(plan.selected) > _MOST_SITES:
        console.print(_text(f"and {len(plan.selected) - _MOST_SITES} more in sites.csv"))


def print_comparison(found: ScenarioComparison) -> None:
    """Print today's headline, one line per scenario, and the files."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(_text(f"today: {found.headline}", style="bold"))
    table = Table("", "covered", "share", "gained", "lost", "unreached", "cost", box=None, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in found.scenarios.to_dict("records"):
        people = [f"{row[name]:,.0f}" for name in ("gained", "lost", "unreached")]
        share = percent_text(row["covered_share"])
        table.add_row(_text(row["scenario"]), f"{row['covered']:,.0f}", share, *people, f"{row['cost']:g}")
    console.print(table)
    _print_kept(console, found.kept)
    for path in found.maps:
        console.print(_text(f"map:    {path}"))
    console.print(_text(f"tables: {found.folder / 'compare.csv'}, differences.csv, manifest.json"))


def print_check(facts: dict[str, Any]) -> None:
    """Print what was read, what is suspect and what that is worth, the way to the street, and street density."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table("input", "what was read", box=None, header_style="dim")
    for name, text in facts["read"].items():
        table.add_row(_text(name), _text(text))
    console.print(table)
    console.print(_text(facts["headline"], style="bold"))
    if not facts["warnings"]:
        console.print("nothing suspect")
    _print_findings(console, facts["findings"], len(facts["warnings"]))
    _print_snap(console, facts["snap"])
    nodes = round(facts["nearest_node_points"], 2) + 0.0
    console.print(_text(f"snapping to the nearest junction instead would change coverage by {nodes:+.2f} points"))
    streets = facts["streets"]
    density = "no street figures: no one has a place" if streets["km_per_km2"] is None else _density_text(streets)
    console.print(_text(density))


def _print_findings(console: Console, findings: list[dict[str, Any]], warnings: int) -> None:
    """Print warnings, then notes, each with its worth in points of coverage where that is known; not worthless ones."""
    if not findings:
        return
    console.print(_text("points of coverage, finding:", style="dim"))
    numbered = list(enumerate(findings))
    told = [(row, f) for row, f in numbered if _matters(f)]
    for row, finding in told[:_MOST_FINDINGS]:
        suspect = row < warnings
        points = finding["points_of_coverage"]
        worth = " " * 7 if points is None else f"{round(points, 2) + 0.0:+7.2f}"
        mark = _text("! " if suspect else "  ", style="yellow")
        place = f" [{finding['district']}]" if finding["district"] else ""
        text = f"{worth}  {finding['input']}: {_WORTH.sub('', finding['message'])}{place}"
        console.print(mark + _text(text, style="" if suspect else "dim"))
    if len(told) > _MOST_FINDINGS:
        console.print(_text(f"  and {len(told) - _MOST_FINDINGS} more, all of them in quality.csv (--out DIR)"))
    if len(told) < len(findings):
        text = f"  and {len(findings) - len(told)} that would change coverage by less than {_LEAST_POINTS} points"
        console.print(_text(text, style="dim"))


def _text(text: str, style: str = "") -> Text:
    """Return text as it stands in an input, without what a terminal would obey."""
    return Text(visible(text), style=style)


def _matters(finding: dict[str, Any]) -> bool:
    points = finding["points_of_coverage"]
    return points is None or abs(points) >= _LEAST_POINTS or finding["code"] in DOUBTS


def _print_snap(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print how far people live from their street: the districts with most people far from one, and the total."""
    *districts, total = rows
    shown = sorted(districts, key=lambda row: -row["over_100_m_people"])[:_MOST_DISTRICTS]
    table = Table(
        "to the street", "people", "p50 m", "p95 m", "max m", "> 100 m", "> limit", box=None, header_style="dim"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for row in [*shown, total]:
        metres = ["" if row[c] is None else f"{row[c]:,.0f}" for c in ("snap_p50_m", "snap_p95_m", "snap_max_m")]
        people = [f"{row[c]:,.0f}" for c in ("population", "over_100_m_people", "beyond_limit_people")]
        table.add_row(_text(row["district"]), people[0], *metres, *people[1:])
    console.print(table)
    if len(shown) < len(districts):
        console.print(_text(f"{len(districts) - len(shown)} districts with fewer people far from a street not shown"))


def _density_text(streets: dict[str, Any]) -> str:
    return (
        f"streets: {streets['km_per_km2']:.1f} km walkable per km² where people live"
        f" ({streets['inhabited_km2']:,.0f} km²);"
        f" {percent_text(streets['over_100_m_share'])} of people live more than 100 m from their street;"
        f" {streets['people_without_street']:,.0f} in a square kilometre without any"
    )
