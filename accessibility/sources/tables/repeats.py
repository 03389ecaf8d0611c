"""Rows of people that count those of other rows once more: sums of a township among its villages, a name twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from accessibility.errors import Finding
from accessibility.sources.tables.columns import DIVISIONS, SHOWN, attributes, find_column

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from accessibility.sources.spread import SamePlaces

_OTHERS = 2  # rows that a sum has at least
_SUMS = 2  # of one alone it may be chance
_SOME = 0.5  # of the townships that have so many rows
_PEOPLE = 20.0  # of most sums: small numbers add up by chance
_FEW = 0.2  # of the rows


def report_again(
    table: pd.DataFrame,
    places: SamePlaces,
    people: NDArray[np.float64],
    read: Collection[str | None],
    source: str,
) -> list[Finding]:
    """Return findings where rows count people of other rows once more.

    A row of several townships has as many people as all others of the township together, or a few rows have the place,
    the name and all other words of another one, and other people.

    Parameters
    ----------
    table
        Cells as text.
    places
        Which rows stand on one point.
    people
        ``(n,)`` of each row.
    read
        Columns that are read: ids, people, districts, coordinates.
    source
        The file, for messages.
    """
    return [*_sums(table, people, source), *_same_names(table, places, people, read, source)]


def _sums(table: pd.DataFrame, people: NDArray[np.float64], source: str) -> list[Finding]:
    found = [find_column(table, division, source=source) for division in DIVISIONS]
    for column in dict.fromkeys(filter(None, found)):
        texts = table[column].astype(str).str.strip()
        code = pd.factorize(texts.where(texts != ""))[0]
        named = code >= 0
        size = np.bincount(code[named])
        together = np.bincount(code[named], weights=people[named])
        several = named & (size[code] > _OTHERS)
        half = several & (people > 0) & np.isclose(2 * people, together[code], rtol=1e-9, atol=0.0)
        sums = np.unique(code[half])
        many = len(sums) >= max(_SUMS, _SOME * np.unique(code[several]).size)
        if many and len(sums) == half.sum() and np.median(people[half]) >= _PEOPLE:
            rows = ", ".join(map(str, table.index[half][:SHOWN]))
            message = (
                f"{len(sums)} rows have as many people as all other rows of their {column} together: rows {rows}: are "
                f"they their sums? Without them {people[~half].sum():,.0f} people"
            )
            lost = float(people[half].sum())
            return [Finding(code="sum-of-others", source=source, message=message, count=len(sums), people=lost)]
    return []


def _same_names(
    table: pd.DataFrame,
    places: SamePlaces,
    people: NDArray[np.float64],
    read: Collection[str | None],
    source: str,
) -> list[Finding]:
    name = find_column(table, "name", source=source) or find_column(table, "village", source=source)
    rows, first = places
    if name is None or len(first) == len(rows):
        return []
    place = np.full(len(table), -1)
    place[rows] = np.repeat(np.arange(len(first)), np.diff(first, append=len(rows)))
    words = [
        column
        for column in attributes(table)
        if column == name or (column not in read and not table[column].astype(str).str.fullmatch(r"[\d.,\s-]*").all())
    ]
    known = table[words].astype(str).reset_index(drop=True).assign(place=place)
    named = (place >= 0) & (known[name].str.strip() != "").to_numpy() & (people > 0)
    again = named & known.duplicated().to_numpy()
    same = known.assign(people=people).duplicated().to_numpy()
    if not 0 < again.sum() <= _FEW * named.sum() or (again & same).any():
        return []
    names = ", ".join(dict.fromkeys(table[name].astype(str)[again][:SHOWN]))
    message = (
        f"{int(again.sum())} rows stand at the place of another one and have its name with other people: {names}: are "
        "they the same people?"
    )
    lost = float(people[again].sum())
    return [Finding(code="rows-of-a-name", source=source, message=message, count=int(again.sum()), people=lost)]
