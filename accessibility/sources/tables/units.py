"""What stands beside the numbers of a table and says that they are no persons: titles, formats, names, a column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.quantities import counted_instead, held_instead, unit_of_title
from accessibility.sources.tables.columns import attributes, columns_meaning, numbers
from accessibility.wording import plain_words

if TYPE_CHECKING:
    import pandas as pd

_UNIT = re.compile(r"(计量|数量|人口)?单位|(population )?units?( of measure)?")


def refuse_no_persons(table: pd.DataFrame, column: str, source: str) -> None:
    """Raise `InputError` where something says that the numbers of a column are thousands, a density or a share.

    Its name says so, the number format of its cells, a title or a note of the table, or a column of units.

    Parameters
    ----------
    table
        As `accessibility.sources.tables.reading.read_table` returns it.
    column, source
        The column and the file.
    """
    for what in filter(None, (held_instead(column), table.attrs.get("units", {}).get(column, ""))):
        msg = f"{source}: column {column!r} seems to hold {what}; expected persons"
        raise InputError(msg)
    units = (name for name in attributes(table) if _UNIT.fullmatch(plain_words(name)))
    beside = (f"{name}: {cell}" for name in units for cell in table[name].unique())
    for title in (*table.attrs.get("titles", ()), *beside):
        what = unit_of_title(title)
        if what:
            msg = f"{source}: the title {title!r} says {what}; expected persons in column {column!r}"
            raise InputError(msg)


def tell_no_persons(table: pd.DataFrame, column: str, source: str, *, given: bool) -> list[Finding]:
    """Return findings where a column seems to count no persons, or another one may be the one that is meant.

    Parameters
    ----------
    table, column, source
        As `refuse_no_persons` takes them.
    given
        Whether the study names the column.
    """
    found = []
    unit = counted_instead(column)
    if unit:
        message = f"column {column!r} seems to count {unit}: whatever is said of people is said of these"
        found.append(Finding(code="no-persons", source=source, message=message))
    for name in (source.rsplit(".", 1)[0], table.attrs.get("sheet", "")):
        unit = held_instead(name)
        if unit:
            message = f"the name {name!r} speaks of {unit}; read as persons: is that right?"
            found.append(Finding(code="unit-by-name", source=source, message=message))
    others = [] if given else [name for name in columns_meaning(table, "population") if name != column]
    if others:
        people = f"{numbers(table[column], source=source, column=column, of='people').sum():,.0f}"
        message = f"column {column!r} is read, {people} people in all; {', '.join(others)} may be people, too"
        found.append(Finding(code="other-people", source=source, message=message))
    return found
