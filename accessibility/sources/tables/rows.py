"""From the rows of a spreadsheet or a text table to a table: its heading, and what is set aside around it."""

from __future__ import annotations

import re
import unicodedata
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.tables.columns import JOINER
from accessibility.sources.tables.numerals import NUMBER, SHOWN, rows_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

_TOTALS = frozenset(
    {"total", "totals", "subtotal", "sub-total", "grandtotal", "sum", "sumtotal", "overall", "all", "alldistricts"}
    | {"insgesamt", "gesamt", "summe", "\u03c3", "∑"}
) | {"总数", "总和", "累计", "汇总", "合", "计", "总", "总人口", "全部", "全体", "全域", "總人口"}
_TOTAL_ENDINGS = (
    *("合计", "小计", "总计", "共计", "汇总", "总数", "累计", "总和"),
    *("合計", "小計", "總計", "共計", "總數"),
)
_WHOLE_DIVISION = re.compile(r"(全|本)([省市区县镇乡村州盟旗國国縣區]|街道)(人口)?")
_UNMARKED: Mapping[str, AbstractSet[tuple[int, int]]] = MappingProxyType({})
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?[eE]\+(\d{1,2})")
_CODE_DIGITS = 10  # shorter ones are people or money, and spreadsheets show them in full
_DIVISION_DIGITS = 12  # of the statistics office's codes of counties, townships and villages
_WHOLE = re.compile(r"(\d{6,})\.0+")  # a code that a program took for a number


def table_of_rows(
    rows: Sequence[Sequence[str]],
    source: str,
    findings: list[Finding],
    marks: Mapping[str, AbstractSet[tuple[int, int]]] = _UNMARKED,
) -> pd.DataFrame:
    """Return the rows below the header; the header is the first row with two filled cells, or the first filled one.

    Parameters
    ----------
    rows
        The cells of the whole sheet or file.
    source
        The file, for messages.
    findings
        What is set aside is added here.
    marks
        What is known of single cells, by row and column from 0: ``spanned`` or ``uncomputed``, see
        `accessibility.sources.tables.workbooks.Sheet`. The ``attrs`` of the table tell them by column and row.
    """
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    first = next((at for at, count in enumerate(filled) if count > 0), None)
    if first is None:
        msg = f"{source}: no rows; expected a header and at least one row"
        raise InputError(msg)
    header = next((at for at, count in enumerate(filled) if count > 1), first)
    aside: dict[str, list[int]] = {"title-row": [at + 1 for at in range(header) if filled[at]]}
    heading, header = _heading(rows, header, findings, source)
    names = _header(heading, findings, source)
    kept: dict[int, list[str]] = {}
    for at in range(header + 1, len(rows)):
        cells = [cell.strip() for cell in rows[at]]
        if any(cells[len(names) :]):
            msg = f"{source}: row {at + 1} has {len(cells)} cells under {len(names)} columns; expected as many"
            raise InputError(msg)
        if not filled[at]:
            aside.setdefault("blank-row", []).append(at + 1)
        elif _is_total(cells):
            aside.setdefault("subtotal-row", []).append(at + 1)
        else:
            kept[at + 1] = (cells + [""] * len(names))[: len(names)]
    trailing = [row for row in aside.get("blank-row", []) if row > max(kept, default=0)]
    aside["blank-row"] = [row for row in aside.get("blank-row", []) if row not in set(trailing)]
    for code, numbers_ in aside.items():
        if numbers_:
            shown = ", ".join(map(str, numbers_[:SHOWN]))
            message = f"{len(numbers_)} {code.replace('-', ' ')}s set aside: rows {shown}"
            findings.append(Finding(code=code, source=source, message=message, count=len(numbers_)))
    table = pd.DataFrame.from_dict(kept, orient="index", columns=names, dtype=object)
    findings += _write_out_codes(table, source)
    table.attrs |= {mark: _by_column(cells, names, kept) for mark, cells in marks.items()}
    return table


def _by_column(
    cells: AbstractSet[tuple[int, int]], names: Sequence[str], kept: Mapping[int, object]
) -> dict[str, list[int]]:
    """Return the rows, as a spreadsheet counts them, of the cells of each column that stand in rows of the table."""
    found: dict[str, list[int]] = {}
    for at, column in sorted(cells):
        if column < len(names) and at + 1 in kept:
            found.setdefault(names[column], []).append(at + 1)
    return found


def _heading(
    rows: Sequence[Sequence[str]], header: int, findings: list[Finding], source: str
) -> tuple[Sequence[str], int]:
    """Return the names of the columns and the last row of the heading: two where names stand over groups of names.

    The second row is one of names if it fills gaps of the first, holds no number, and has numbers somewhere below it.
    """
    width = max(len(row) for row in rows)
    upper, lower, data = (
        [" ".join(cell.split()) for cell in row] + [""] * (width - len(row))
        for row in (*rows[header : header + 3], [], [])[:3]
    )
    fills = any(low and not up for up, low in zip(upper, lower, strict=True))
    numeric = any(NUMBER.fullmatch(unicodedata.normalize("NFKC", low)) for low in lower)
    above = any(
        low and re.search(r"\d", cell) and not re.search(r"\d", low) for low, cell in zip(lower, data, strict=True)
    )
    if not fills or numeric or not above:
        return rows[header], header
    names, group = [], ""
    for up, low in zip(upper, lower, strict=True):
        group = up if up and low else "" if up else group
        names.append(f"{group}{JOINER}{low}" if group and low not in ("", group) else low or up)
    message = f"rows {header + 1} and {header + 2} are read as one heading: {', '.join(filter(None, names))}"
    findings.append(Finding(code="two-row-heading", source=source, message=message))
    return names, header + 1


def _write_out_codes(table: pd.DataFrame, source: str) -> list[Finding]:
    """Write codes that became numbers out again, and return where digits are lost."""
    findings = []
    for column in table.columns:
        texts = table[column].copy()
        written = [_written_out(text) for text in texts]
        lost = np.array([is_lost for _, is_lost in written], dtype=np.bool_)
        table[column] = [text for text, _ in written]
        if lost.any():
            what = "is a code" if lost.sum() == 1 else "are codes"
            message = (
                f"column {column!r}: {rows_text(texts, lost, f'{what} in scientific notation')}; digits are lost, the "
                f"first is read as {table[column][lost].iloc[0]}: format the column as text and export it again"
            )
            count = int(lost.sum())
            findings.append(Finding(code="code-in-scientific", source=source, message=message, count=count))
    return findings


def _written_out(text: str) -> tuple[str, bool]:
    """Return a code in digits, and whether some of them are lost; any other text as it is.

    A spreadsheet exports a code of twelve digits, of a county or village, as ``3.30106E+11``. Zeros stand for those
    that it left out, which is right for a county and wrong for a village. A longer code stays as it is: zeros would be
    wrong.

    Examples
    --------
    >>> _written_out("3.30106E+11"), _written_out("330106.0"), _written_out("12.0"), _written_out("9.13E+17")
    (('330106000000', True), ('330106', False), ('12.0', False), ('9.13E+17', True))
    """
    if "+" not in text and not text.endswith("0"):
        return text, False  # as most texts are; patterns take their time
    whole, short = _WHOLE.fullmatch(text), _SCIENTIFIC.fullmatch(text)
    if whole:
        return whole[1], False
    after, shift = (len(short[2] or ""), int(short[3])) if short else (0, 0)
    if short is None or shift < _CODE_DIGITS - 1 or after > shift:
        return text, False
    if after < shift and shift + 1 != _DIVISION_DIGITS:
        return text, True
    return short[1] + (short[2] or "").ljust(shift, "0"), after < shift


def _header(cells: Sequence[str], findings: list[Finding], source: str) -> list[str]:
    width = max((at + 1 for at, cell in enumerate(cells) if cell.strip()), default=0)
    names: list[str] = []
    for at, cell in enumerate(cells[:width]):
        name = " ".join(cell.split()) or f"column {at + 1}"
        if name in names:
            message = f"column {name!r} stands twice; the one further right is read as '{name} ({at + 1})'"
            findings.append(Finding(code="duplicate-column", source=source, message=message))
            name = f"{name} ({at + 1})"
        names.append(name)
    return names


def _is_total(cells: Sequence[str]) -> bool:
    """Return whether a row is a sum of others: its first cell says so, a serial number before it apart."""
    plain = (re.sub(r"[\s:]", "", unicodedata.normalize("NFKC", cell)).casefold() for cell in cells if cell)
    word = next((text for text in plain if not text.isdecimal()), "")
    word = re.sub(r"\(.*\)$|(?<=[计計])数$|[行栏]$", "", word) or word
    return word in _TOTALS or word.endswith(_TOTAL_ENDINGS) or _WHOLE_DIVISION.fullmatch(word) is not None
