"""Numbers in texts, read strictly, and sentences about cells that are none."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+|\d{1,3}(,\d{3})+(\.\d*)?)([eE][+-]?\d+)?")
SHOWN = 10
_BLANK = frozenset({"", "nan", "null", "none", "n/a", "na", "<na>", "-", "--", "—", "/", "无"})


def parse_numbers(texts: pd.Series[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return ``(n,)`` numbers, NaN where the cell is blank or no number, and where it is neither.

    Full-width digits and thousands commas are read; anything else beside a number, such as ``121.47E``, is none.

    Examples
    --------
    >>> import pandas as pd
    >>> values, bad = parse_numbers(pd.Series(["12.5", "1,234", "", "121.47E"]))
    >>> values.tolist(), bad.tolist()
    ([12.5, 1234.0, nan, nan], [False, False, False, True])
    """
    values, bad = np.full(len(texts), np.nan), np.zeros(len(texts), dtype=np.bool_)
    for row, text in enumerate(texts):
        plain = unicodedata.normalize("NFKC", str(text)).strip()
        if NUMBER.fullmatch(plain):
            values[row] = float(plain.replace(",", ""))
            bad[row] = not np.isfinite(values[row])
        else:
            bad[row] = plain.casefold() not in _BLANK
    values[bad] = np.nan
    return values, bad


def numbers(texts: pd.Series[Any], *, source: str, column: str) -> NDArray[np.float64]:
    """Return ``(n,)`` numbers, NaN where the cell is blank.

    Raises
    ------
    InputError
        Cells that hold something else; the message has their rows (the index of `texts`).
    """
    values, bad = parse_numbers(texts)
    if bad.any():
        msg = f"{source}: column {column!r}: {rows_text(texts, bad, 'is not a number')}; expected numbers"
        raise InputError(msg)
    return values


def rows_text(texts: pd.Series[Any], bad: NDArray[np.bool_], what: str) -> str:
    """Return how many cells are bad, and the first ones: their rows and what they hold."""
    shown = ", ".join(f"row {row} {value!r}" for row, value in texts[bad].head(SHOWN).items())
    count = int(bad.sum())
    return f"{count} cell{'' if count == 1 else 's'} {what}: {shown}{', ...' if count > SHOWN else ''}"
