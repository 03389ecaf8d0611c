"""Numbers in texts, read strictly, and sentences about cells that are none."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+|[1-9]\d{0,2}(,\d{3})+(\.\d*)?)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?(\d+,?\d*|,\d+|[1-9]\d{0,2}(\.\d{3})+(,\d*)?)([eE][+-]?\d+)?")
_THREE_AFTER = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}")  # thousands, or decimals
_SPACED = re.compile(r"(?<=\d)[ '’](?=\d{3}(?!\d))")  # noqa: RUF001 -- as spreadsheets of some countries write it
_GROUP = 3
SHOWN = 10
_BLANK = frozenset({"", "nan", "null", "none", "n/a", "na", "<na>", "-", "--", "—", "/", "无"})
_OF_SEVERAL = {"is not a number": "are no numbers", "begins with another type code": "begin with another type code"}


def cell_text(value: Any) -> str:
    """Return a cell as the text a person would have typed: whole numbers without a point, nothing for nothing.

    Examples
    --------
    >>> [cell_text(v) for v in (330106000000.0, "001", 0.25, None, float("nan"), True)]
    ['330106000000', '001', '0.25', '', '', 'true']
    """
    if type(value) is str:  # most are
        return value.strip()
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    # A fourth decimal says that the point of a number groups no thousands, as that of a text may.
    return f"{text}0" if isinstance(value, float | np.floating) and _THREE_AFTER.fullmatch(text) else text


def parse_numbers(
    texts: pd.Series[Any], *, of: Literal["people", "degrees"] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return ``(n,)`` numbers, NaN where the cell is blank or no number, and where it is neither.

    Full-width digits are read, and one sign parts the decimals of the whole column: a comma where some cell can only be
    read so (``12,5``, ``1.234,5``), else a point. The other sign, a space or an apostrophe groups thousands. Anything
    else beside a number, such as ``121.47E``, is none; nor are cells that contradict the rest of the column.

    Parameters
    ----------
    texts
        The cells.
    of
        What they count, for a column where each sign stands before three digits: there are no thousands of degrees, and
        people are whole, so that ``1.234`` beside numbers below a thousand is one.

    Examples
    --------
    >>> import pandas as pd
    >>> values, bad = parse_numbers(pd.Series(["12.5", "1,234", "", "121.47E"]))
    >>> values.tolist(), bad.tolist()
    ([12.5, 1234.0, nan, nan], [False, False, False, True])
    >>> parse_numbers(pd.Series(["12,5", "1.234"]))[0].tolist()
    [12.5, 1234.0]
    """
    if texts.dtype.kind in "iuf":
        values = texts.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        bad = np.isinf(values)
        values[bad] = np.nan
        return values, bad
    row_of, plain = _alike(texts)
    sign = _decimal_sign(plain, of)
    pattern = NUMBER if sign == "." else _COMMA_NUMBER
    values, bad = np.full(len(plain), np.nan), np.zeros(len(plain), dtype=np.bool_)
    for row, text in enumerate(plain):
        if pattern.fullmatch(text):
            values[row] = float(text.replace(",", "") if sign == "." else text.replace(".", "").replace(",", "."))
            bad[row] = not np.isfinite(values[row])
        else:
            bad[row] = text.casefold() not in _BLANK
    values[bad] = np.nan
    return values[row_of], bad[row_of]


def _alike(texts: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Return which of the plain texts each cell is: most columns say the same again and again."""
    row_of, known = pd.factorize(np.array([str(text) for text in texts] or [""], dtype=object)[: len(texts)])
    return row_of, [_plain(text) for text in known]


def _plain(text: object) -> str:
    return _SPACED.sub("", unicodedata.normalize("NFKC", str(text)).strip())


def _sure_sign(texts: Sequence[str]) -> str | None:
    """Return the sign of decimals that some cell can only be read with, None where none says."""
    if any(NUMBER.fullmatch(text) and not _COMMA_NUMBER.fullmatch(text) for text in texts):
        return "."
    return "," if any(_COMMA_NUMBER.fullmatch(text) and not NUMBER.fullmatch(text) for text in texts) else None


def _decimal_sign(texts: Sequence[str], of: str | None) -> str:
    sure, three = _sure_sign(texts), _three_after(texts)
    if sure is not None or not three:
        return sure or "."
    if of == "degrees":
        return "," if three == {","} else "."
    return "," if of == "people" and three == {"."} and _few_beside(texts) else "."


def _three_after(texts: Sequence[str]) -> set[str]:
    return {found[1] for text in texts if (found := _THREE_AFTER.fullmatch(text))}


def _few_beside(texts: Sequence[str]) -> bool:
    """Return whether there are whole numbers, all below a thousand."""
    whole = [text for text in texts if text.isdecimal()]
    return bool(whole) and all(len(text) <= _GROUP for text in whole)


def ambiguous_sign(texts: pd.Series[Any]) -> tuple[str, NDArray[np.bool_]]:
    """Return the sign of which nothing says whether it groups thousands or parts decimals, and the ``(n,)`` cells.

    Examples
    --------
    >>> ambiguous_sign(pd.Series(["1.234", "2.500"]))[0], ambiguous_sign(pd.Series(["1.234", "850"]))[0]
    ('.', '')
    """
    nothing = "", np.zeros(len(texts), dtype=np.bool_)
    if texts.dtype.kind in "iuf":
        return nothing
    row_of, plain = _alike(texts)
    three = _three_after(plain)
    if _sure_sign(plain) or not three or _few_beside(plain):
        return nothing
    return min(three), np.array([bool(_THREE_AFTER.fullmatch(text)) for text in plain], dtype=np.bool_)[row_of]


def numbers(
    texts: pd.Series[Any], *, source: str, column: str, of: Literal["people", "degrees"] | None = None
) -> NDArray[np.float64]:
    """Return ``(n,)`` numbers as `parse_numbers` reads them, NaN where the cell is blank.

    Raises
    ------
    InputError
        Cells that hold something else; the message has their rows (the index of `texts`).
    """
    values, bad = parse_numbers(texts, of=of)
    if bad.any():
        msg = f"{source}: column {column!r}: {rows_text(texts, bad, 'is not a number')}; expected numbers"
        raise InputError(msg)
    return values


def rows_text(texts: pd.Series[Any], bad: NDArray[np.bool_], what: str) -> str:
    """Return how many cells are bad, and the first ones: their rows and what they hold; `what` is said of one cell."""
    shown = ", ".join(f"row {row} {_said(value)!r}" for row, value in texts[bad].head(SHOWN).items())
    count = int(bad.sum())
    if count > 1:
        what = re.sub("^is ", "are ", _OF_SEVERAL.get(what, what))
    return f"{count} cell{'' if count == 1 else 's'} {what}: {shown}{', ...' if count > SHOWN else ''}"


def _said(value: object) -> str:
    """Return a cell that is no text as a text has it."""
    if isinstance(value, complex):
        return f"{value.real}, {value.imag}"
    return value if isinstance(value, str) else cell_text(value)
