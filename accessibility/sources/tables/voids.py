"""Numbers by which tables say that nothing is known, and which are no people: 99999999, the greatest of a type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.tables.columns import rows_text

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

_MOST, _MOST_OF_A_CITY = 2e9, 5e7  # people: more than any country has, or any city; a province has more than a city
_VOIDS = (*(10.0**digits - 1 for digits in range(6, 10)), 8_888_888.0, 88_888_888.0)
_MAYBE = (9_999.0, 99_999.0, 32_767.0, 65_535.0, 88_888.0, 888_888.0)
_TIMES = 10.0  # as many as the next row


def are_voids(people: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return ``(n,)`` which numbers can only say that nothing is known.

    Examples
    --------
    >>> are_voids(np.array([99_999_999, 2_147_483_647, 999_999, 99_999, 126_012_510])).tolist()
    [True, True, True, False, False]
    """
    found: NDArray[np.bool_] = (people > _MOST) | np.isin(people, _VOIDS)
    return found


def refuse_voids(people: NDArray[np.float64], texts: pd.Series[Any], column: str, source: str) -> None:
    """Raise `InputError` where a number of people says that nothing is known.

    Parameters
    ----------
    people, texts
        ``(n,)`` the numbers, and the cells of the column that hold them.
    column, source
        The column and the file, for messages.
    """
    bad = are_voids(people)
    if bad.any():
        text = rows_text(texts, bad, "is no number of people")
        msg = f"{source}: column {column!r}: {text}; expected people, 0 or more, in each row"
        raise InputError(msg)


def tell_voids(people: NDArray[np.float64], texts: pd.Series[Any], column: str, source: str) -> list[Finding]:
    """Return a finding where numbers may be no people: one that tables write where nothing is known, none above 1.

    The first comes again, or stands far apart, or is more than a city has.
    """
    most = float(people.max(initial=0.0))
    if 0 < most < 1:
        message = f"column {column!r}: no row has a whole person, the most is {most:g}: are they thousands, or a share?"
        return [Finding(code="no-whole-person", source=source, message=message, count=len(people))]
    voids = np.isin(people, _MAYBE) | (people > _MOST_OF_A_CITY)
    if not voids.any():
        return []
    numbers, count = np.unique(people[voids], return_counts=True)
    apart = numbers >= _TIMES * people[~voids].max(initial=0.0)
    odd = np.isin(people, numbers[(count > 1) | apart | (numbers > _MOST_OF_A_CITY)])
    if not odd.any():
        return []
    message = f"column {column!r}: {rows_text(texts, odd, 'may say that nothing is known')}: are they people?"
    lost = float(people[odd].sum())
    return [Finding(code="void-people", source=source, message=message, count=int(odd.sum()), people=lost)]
