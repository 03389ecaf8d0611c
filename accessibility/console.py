"""What a run says on the terminal: progress on standard error, a summary on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from accessibility.runs import Result


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
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("Reading", total=None)
        self._begun = 0

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Complete the bar if all went well, and leave it."""
        if error[0] is None:
            self._bar.update(self._task, completed=self._begun, total=self._begun, description="Done")
        self._bar.stop()

    def start(self, steps: int) -> None:
        """Say how many steps there will be."""
        self._bar.update(self._task, total=steps)

    def step(self, text: str) -> None:
        """Say which step begins."""
        self._bar.update(self._task, completed=self._begun, description=text)
        self._begun += 1


def print_coverage(result: Result) -> None:
    """Print the headline, people by setting with both readings of the 5 km, sensitivity, warnings, and the files."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(result.headline, style="bold"))
    table = Table("", "people", "covered", "share", "by radius", box=None, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for _, row in result.settings.iterrows():
        shares = (row["covered_share"], row["covered_share_radius"])
        figures = [f"{row['population']:,.0f}", f"{row['covered']:,.0f}", *(_percent(s) for s in shares)]
        table.add_row(Text(str(row["setting"])), *figures)
    console.print(table)
    for note in result.notes:
        console.print(Text(note))
    print_warnings(console, result.manifest["warnings"])
    console.print(Text(f"map:    {result.folder / 'coverage.html'}"))
    console.print(Text(f"tables: {result.folder / 'districts.csv'}, demand.parquet, manifest.json"))


def print_check(facts: dict[str, Any]) -> None:
    """Print what was read and what is suspect."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table("input", "what was read", box=None, header_style="dim")
    for name, text in facts["read"].items():
        table.add_row(Text(name), Text(text))
    console.print(table)
    for note in facts["notes"]:
        console.print(Text(note, style="dim"))
    print_warnings(console, facts["warnings"])
    if not facts["warnings"]:
        console.print("nothing suspect")


def print_warnings(console: Console, warnings: list[str]) -> None:
    """Print the warnings, each on a line of its own."""
    for warning in warnings:
        console.print(Text("! ", style="yellow") + Text(warning))


def _percent(share: float) -> str:
    return "" if share != share else f"{100 * share:.1f} %"  # noqa: PLR0124 -- NaN: nobody lives there
