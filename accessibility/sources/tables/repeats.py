"""Tables of people with several rows a place: of several years, or of groups that are added up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.tables.columns import attributes
from accessibility.sources.tables.totals import is_total
from accessibility.wording import plain_words

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from accessibility.sources.spread import SamePlaces

_MOST = 0.8  # of the rows, and of the places that have each value
_NEARLY = 0.98  # of the places
_VALUES = 50
_YEAR = re.compile(r"(19|20)\d\d(\s*[-/.年]\s*\d{1,2}(\s*[-/.月]\s*\d{1,2}日?)?月?|年(度|末|底|初)?)?")
_GROUPS = re.compile(r"sex|gender|ages?|agegroups?|性别|年龄(段|组|分组)?|民族")


def tell_repeated(
    table: pd.DataFrame,
    places: SamePlaces,
    people: NDArray[np.float64],
    read: Collection[str | None],
    source: str,
) -> list[Finding]:
    """Return a finding where each place has a row for every value of a column that is not read.

    Parameters
    ----------
    table
        Cells as text.
    places
        Which rows stand on one point.
    people
        ``(n,)`` of each row.
    read
        The columns that are read.
    source
        The file, for messages.

    Raises
    ------
    InputError
        The values are years, or one is called a sum of the others: the same people would be counted again and again.
    """
    rows, first = places
    count = np.diff(first, append=len(rows))
    if len(first) < 2 or count[count > 1].sum() < _MOST * len(rows):  # noqa: PLR2004 -- one place repeats nothing
        return []
    place = np.repeat(np.arange(len(first)), count)
    for column in attributes(table):
        code, values = pd.factorize(table[column].to_numpy()[rows])
        fits = column not in read and 2 <= len(values) <= _VALUES and (code >= 0).all()  # noqa: PLR2004 -- differ
        if not fits or len(np.unique(place * len(values) + code)) < len(rows):
            continue
        if np.bincount(code).min() < _MOST * len(first):
            continue
        shown = ", ".join(map(str, values[:5]))
        _refuse_counted_again([str(value).strip() for value in values], column, shown, source)
        there = np.zeros((len(first), len(values)))
        there[place, code] = people[rows]
        half = _half_of_all(there)
        if half >= 0:
            message = (
                f"column {column!r}: {values[half]!r} has as many people at each place as all the others ({shown}) "
                "together: is it their sum?"
            )
            return [Finding(code="sum-of-others", source=source, message=message, count=len(first))]
        if not _GROUPS.fullmatch(plain_words(column).replace(" ", "")):
            message = (
                f"each place has a row for every value of column {column!r} ({shown}): their people are added up; are "
                "they the same people?"
            )
            return [Finding(code="rows-a-place", source=source, message=message, count=len(rows))]
    return []


def _refuse_counted_again(values: list[str], column: str, shown: str, source: str) -> None:
    """Raise `InputError` where values are years, or one of them is called a sum."""
    if all(map(_YEAR.fullmatch, values)):
        msg = f"{source}: column {column!r} has people of several years at each place ({shown}); expected one year"
        raise InputError(msg)
    whole = next((value for value in values if is_total([value])), "")
    if whole:
        msg = (
            f"{source}: column {column!r} has a sum at each place ({whole}) next to what it sums up ({shown}); "
            "expected one of both"
        )
        raise InputError(msg)


def _half_of_all(people: NDArray[np.float64]) -> int:
    """Return the one value of which ``(places, values)`` people are as many as of all others; -1 where none is."""
    total = people.sum(axis=1)
    lived = people[total > 0]
    if len(lived) < 2 or people.shape[1] < 3:  # noqa: PLR2004 -- a sum of one is no sum
        return -1
    rounded = np.minimum(people.shape[1], 0.05 * lived + 1e-6)  # people, as sums of whole numbers are
    half = np.flatnonzero((np.abs(2 * lived - total[total > 0, None]) <= rounded).mean(axis=0) >= _NEARLY)
    return int(half[0]) if len(half) == 1 else -1
