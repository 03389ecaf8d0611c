"""The heading of a table: one row, two of names over groups of names, or one with its units in a row below."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from accessibility.sources.checks import Finding
from accessibility.sources.tables.columns import JOINER, NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNIT = re.compile(
    r"\(?((?:单位:)?(?:°|度|十进制度|[百千万亿]*(?:人|户|元)|个|口|人次|人/[天日年]|米|公里|平方米|平方公里|m|km|%))\)?"
)


def read_heading(
    rows: Sequence[Sequence[str]], header: int, findings: list[Finding], source: str
) -> tuple[Sequence[str], int]:
    """Return the names of the columns and the last row of the heading: two where names stand over groups of names.

    A second row of nothing but units goes behind the names. One is of names if it fills gaps of the first, holds no
    number, and has numbers somewhere below it.

    Parameters
    ----------
    rows
        The cells of the whole sheet or file.
    header
        The row of names, from 0.
    findings
        That two rows are one is added here.
    source
        The file.

    Examples
    --------
    >>> read_heading([["Village", "Population"], ["", "(1000人)"], ["A", "3"]], 0, [], "t.csv")
    (['Village', 'Population'], 0)
    >>> read_heading([["村名", "人口"], ["", "(万人)"], ["A", "3"]], 0, [], "t.csv")
    (['村名', '人口(万人)'], 1)
    """
    width = max(len(row) for row in rows)
    upper, lower, data = (
        [" ".join(cell.split()) for cell in row] + [""] * (width - len(row))
        for row in (*rows[header : header + 3], [], [])[:3]
    )
    units = [_UNIT.fullmatch(unicodedata.normalize("NFKC", low)) for low in lower]
    if any(units) and all(unit or low in ("", up) for unit, up, low in zip(units, upper, lower, strict=True)):
        names = [f"{up}({unit[1]})" if unit else up for up, unit in zip(upper, units, strict=True)]
        findings.append(_two_rows(header, names, source))
        return names, header + 1
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
    findings.append(_two_rows(header, names, source))
    return names, header + 1


def _two_rows(header: int, names: Sequence[str], source: str) -> Finding:
    message = f"rows {header + 1} and {header + 2} are read as one heading: {', '.join(filter(None, names))}"
    return Finding(code="two-row-heading", source=source, message=message)


def column_names(cells: Sequence[str], findings: list[Finding], source: str) -> list[str]:
    """Return a different name for each column: its number where it has none, or behind one that stands twice.

    Examples
    --------
    >>> column_names(["name", "", "name"], [], "t.csv")
    ['name', 'column 2', 'name (3)']
    """
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
