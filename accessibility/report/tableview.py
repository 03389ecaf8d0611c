"""A table as the page prints it: headings in each language, cells as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from accessibility.report.tables import TOTAL
from accessibility.report.tongue import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from accessibility.report.sheets import Column, Sheet
    from accessibility.report.tongue import Tongue, Voice

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
    """A table ready to print.

    Parameters
    ----------
    name
        Of the sheet.
    headings
        Of each column: the languages and words, and whether it holds numbers.
    rows
        The cells; `total` says whether the last row is a total.
    left_out
        Rows that only the workbook holds.
    """

    name: str
    headings: tuple[tuple[list[tuple[str, str]], bool], ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: bool
    left_out: int

    @property
    def uncut(self) -> bool:
        """Whether the table is short enough to stand on one page."""
        return len(self.rows) <= _MOST_UNCUT and self.name not in _LONG_CELLS


def view_table(sheet: Sheet, voice: Voice, *, left_out: int = 0) -> TableView:
    """Return a table as the page prints it."""
    frame = sheet.frame
    rows = tuple(
        tuple(_cell(column, value, voice) for column, value in zip(sheet.columns, row, strict=True))
        for row in frame[[column.name for column in sheet.columns]].astype(object).itertuples(index=False, name=None)
    )
    first = sheet.columns[0].name
    return TableView(
        name=sheet.name,
        headings=tuple((heading(column, voice), not column.is_text) for column in sheet.columns),
        rows=rows,
        total=bool(len(frame)) and str(frame[first].iloc[-1]) == TOTAL,
        left_out=left_out,
    )


def heading(column: Column, voice: Voice) -> list[tuple[str, str]]:
    """Return the heading of a column in each language, alike ones once."""
    said = voice.each(lambda tongue: tongue.or_else(f"col_{column.name}", column.name))
    return said[:1] if len({words for _, words in said}) == 1 else said


def _cell(column: Column, value: Any, voice: Voice) -> Cell:
    if column.is_text:
        return Cell(words=voice.short(lambda tongue: column.words(value, tongue)), number=False)
    missing = value is None or pd.isna(value)
    return Cell(words=NOTHING if missing else _WRITE[column.kind](voice.first, float(value)), number=True)


_WRITE: dict[str, Callable[[Tongue, float], str]] = {
    "count": lambda tongue, value: tongue.number(value),
    "share": lambda tongue, value: tongue.percent(value, 1.0),
    "points": lambda tongue, value: tongue.points(value),
    "decimal": lambda tongue, value: tongue.number(value, 1),
    "degrees": lambda tongue, value: tongue.number(value, _DEGREE_DECIMALS),
    "plain": lambda tongue, value: f"{value:.0f}",  # noqa: ARG005
    "sum": lambda tongue, value: tongue.amount(value),
}
