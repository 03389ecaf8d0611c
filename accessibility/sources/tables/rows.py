"""What rows of a table are: its heading, sums of others, places in town or country."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import Finding, InputError
from accessibility.settlement import SETTING_WORDS, URBAN_RURAL_CODES
from accessibility.sources.tables.columns import JOINER, NUMBER, SHOWN, attributes, find_column
from accessibility.standards import SETTINGS
from accessibility.wording import plain_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

MOST_COLUMNS = 16_384
"""As many as a workbook has; what is wider was never a table of places."""
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
    if width > MOST_COLUMNS:
        msg = f"{source}: {width:,} columns; expected at most {MOST_COLUMNS:,}, as a workbook has"
        raise InputError(msg)
    names: dict[str, None] = {}
    for at, cell in enumerate(cells[:width]):
        name = " ".join(cell.split()) or f"column {at + 1}"
        if name in names:
            message = f"column {name!r} stands twice; the one further right is read as '{name} ({at + 1})'"
            findings.append(Finding(code="duplicate-column", source=source, message=message))
            name = f"{name} ({at + 1})"
        names[name] = None
    return list(names)


_TOTALS = frozenset(
    {"total", "totals", "subtotal", "sub-total", "grandtotal", "sum", "sumtotal", "overall", "all", "alldistricts"}
    | {"insgesamt", "gesamt", "summe", "\u03c3", "∑"}
) | {"总数", "总和", "累计", "汇总", "合", "计", "总", "总人口", "全部", "全体", "全域", "總人口"}
_TOTAL_ENDINGS = (
    *("合计", "小计", "总计", "共计", "汇总", "总数", "累计", "总和"),
    *("合計", "小計", "總計", "共計", "總數"),
)
_SURE_ENDINGS = ("合计", "小计", "总计", "共计", "合計", "小計", "總計", "共計", "subtotal")
_NAMES = re.compile(
    "id|.*(名|名称|编号|村|社区|小区|街道|镇|乡|县|市|区|村组|网格)|(.* )?name"
    "|(district|township|town|village|county|city|province|region|community|neighbou?rhood|settlement|place)"
)
_WHOLE_DIVISION = re.compile(r"(全|本)([省市区县镇乡村州盟旗國国縣區]|街道)(人口)?")


def is_total(cells: Sequence[str], names: Sequence[bool] = ()) -> bool:
    """Return whether a row is a sum of others: its first cell says so, a serial number before it apart, or a name.

    Parameters
    ----------
    cells
        The cells of the row.
    names
        Which of them are names, see `are_names`: 小计 may stand in the column of villages, after that of towns.

    Examples
    --------
    >>> is_total(["12", "合 计", "300"]), is_total(["Subtotal 2"]), is_total(["Town hall", "", ""])
    (True, True, False)
    >>> is_total(["East Town", "小计", "300"], [True, True, False])
    True
    >>> [is_total([place, "Total", lon], [True, True, False]) for place, lon in (("East Town", ""), ("12A", "108.2"))]
    [True, False]
    """
    plain = (_plain(cell) for cell in cells if cell)
    if _names_total(next((text for text in plain if not text.isdecimal()), "")):
        return True
    named = [cell for cell, is_name in zip(cells, names, strict=False) if is_name]
    return any(map(_is_sum, named)) or ("" in cells and "total" in map(_plain, named))  # else a place of that name


_BESIDE = re.compile(
    r"(其中|例如?|[示样]例)[:\uff1a].*|其中(?!.*[村街路巷区镇乡]$).+|(平均|均)[值数]?|最[大小高低]值?|中位数|标准差|(增长|变化)[率量]"
    r"|增减|同比|环比|(上|去)年(同期|数)?|(19|20)\d\d年[度末底]?|(填[写报])?[示样]例|例"
    r"|(of which|including)\b.*|averages?|means?|medians?|maximum|minimum|std\.?( ?dev\.?)?|standard deviation",
    re.IGNORECASE,
)

_FIRST_LETTERS = frozenset(
    "其例示样平均最中标增变同环上去填12oiamsOIAMS"
)  # of what is beside: most names begin otherwise


def _is_beside(name: str) -> bool:
    return name[:1] in _FIRST_LETTERS and _BESIDE.fullmatch(name) is not None


def is_beside(cells: Sequence[str], names: Sequence[bool] = ()) -> bool:
    """Return whether a row names an average or a part of others, or an example, where a sum would have its name.

    Examples
    --------
    >>> [is_beside(cells) for cells in (["平均", "12"], ["其中:女", "5"], ["1", "Average"], ["其中村"], ["例西村"])]
    [True, True, True, False, False]
    """
    first = next((cell for cell in cells if cell and not cell.isdecimal()), "")
    named = (cell for cell, is_name in zip(cells, names, strict=False) if is_name)
    return any(_is_beside(cell.strip()) for cell in (first, *named))


_SECTION = re.compile(
    r"\(?[一二三四五六七八九十]{1,3}[)、.].*|第[一二三四五六七八九十]{1,3}(部分|类|批).*|附(件|表)?\d?:.*|以下(为|是).*"
    r"|.*(网点|站点|机构|名单|清单):?"
)


def is_section(cell: str) -> bool:
    """Return whether a row of one cell is a heading of the rows below it.

    Examples
    --------
    >>> [is_section(cell) for cell in ("一、在营网点", "(二)拟撤并", "撤销网点", "一号桥社保所", "1. A note")]
    [True, True, True, False, False]
    """
    return _SECTION.fullmatch(unicodedata.normalize("NFKC", cell).strip()) is not None


_NOTE = re.compile(r"[^:\uff1a\d]{1,12}(\uff1a\s*|:\s+)\S")


def is_note(row: Sequence[str]) -> bool:
    """Return whether a row above a table says who made it, and when, each with its name and a colon."""
    return all(_NOTE.match(cell.strip()) for cell in row if cell.strip())


def are_names(columns: Sequence[str]) -> list[bool]:
    """Return which columns hold names of places, by their own.

    Examples
    --------
    >>> are_names(["乡镇", "村(社区)", "Village name", "sex", "人口", "services"])
    [True, True, True, False, False, False]
    """
    return [_NAMES.fullmatch(re.sub(r"\(.{0,200}\)$", "", plain_words(name)).strip()) is not None for name in columns]


def without_totals(table: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the rows of a frame, or of features, that are no sums of others, and how many are.

    Parameters
    ----------
    table
        Cells as text, or numbers.
    source
        What the finding calls it.
    """
    total, pending = np.zeros(len(table), np.bool_), np.arange(len(table))
    beside = total.copy()
    columns = attributes(table)
    for column, is_name in zip(columns, are_names(columns), strict=True):
        if is_name and table[column].dtype.kind not in "iuf":
            cells = [str(cell) for cell in table[column].to_numpy()]
            total |= [_is_sum(cell) for cell in cells]
            beside |= [_is_beside(cell) for cell in cells]
    for column in columns:
        if not len(pending) or table[column].dtype.kind in "iuf":
            break
        cells = [str(cell).strip() for cell in table[column].to_numpy()[pending]]
        total[pending] |= [not _is_numbered(cell) and _names_total(_plain(cell)) for cell in cells]
        beside[pending] |= [not _is_numbered(cell) and _is_beside(cell) for cell in cells]
        pending = pending[[not cell or cell.isdecimal() for cell in cells]]
    findings = []
    for code, rows in (("subtotal-row", total), ("extra-row", beside & ~total)):
        if rows.any() and not rows.all():
            shown = ", ".join(map(str, table.index[rows][:SHOWN]))
            message = f"{int(rows.sum())} {code.replace('-', ' ')}s set aside: rows {shown}"
            findings.append(Finding(code=code, source=source, message=message, count=int(rows.sum())))
    aside = total | beside
    return (table[~aside], findings) if findings and not aside.all() else (table, [])


def _is_numbered(cell: str) -> bool:
    """Return whether a cell is one of the ids that most are, at a glance."""
    return cell.isascii() and cell[-1:].isdigit() and "total" not in cell.casefold()


def _is_sum(name: str) -> bool:
    """Return whether a name is that of a sum, and of nothing else."""
    if "计" not in name and "計" not in name and "total" not in name.casefold():
        return False  # as most names are; to make them plain takes its time
    return _plain(name).endswith(_SURE_ENDINGS)


def _plain(cell: str) -> str:
    return re.sub("[ :]", "", plain_words(cell))


def _names_total(word: str) -> bool:
    """Return whether the name of a row says that it is the sum of others, or the first, second, ... of such sums."""
    word = re.sub(r"((?:sub)?total|[合小总]计)\d+$", r"\1", word)
    word = re.sub(r"\(.{0,200}\)$|(?<=[计計])数$|[行栏]$", "", word) or word
    return word in _TOTALS or word.endswith(_TOTAL_ENDINGS) or _WHOLE_DIVISION.fullmatch(word) is not None


def settings_told(table: pd.DataFrame, source: str) -> dict[str, str]:
    """Return by which column, as ``[settlement] from`` has it, places say their settings; nothing where none does.

    A column of known words (``column``), or of urban-rural codes (``codes``); some of its cells may be blank.
    """
    for meaning, key, known in (
        ("setting", "column", {*SETTINGS, *SETTING_WORDS}),
        ("code", "codes", URBAN_RURAL_CODES),
    ):
        column = find_column(table, meaning, source=source)
        said = set() if column is None else {str(cell).strip() for cell in table[column].unique()} - {""}
        if column is not None and said and said <= set(known):
            return {key: column}
    return {}
