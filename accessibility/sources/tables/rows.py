"""What rows of a table are: its heading, sums of others, sites that are not in business, places in town or country."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError
from accessibility.settlement import SETTING_WORDS, URBAN_RURAL_CODES
from accessibility.sources.checks import Finding
from accessibility.sources.osm.tags import is_ever_open
from accessibility.sources.tables.columns import JOINER, NUMBER, SHOWN, attributes, find_column
from accessibility.standards import SETTINGS
from accessibility.streets.lifecycle import is_gone, is_named_gone, said_day, speaks_of_end
from accessibility.wording import day_text, plain_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import pandas as pd
    from numpy.typing import NDArray

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
    return [_NAMES.fullmatch(re.sub(r"\(.*\)$", "", plain_words(name)).strip()) is not None for name in columns]


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
    columns = attributes(table)
    for column, is_name in zip(columns, are_names(columns), strict=True):
        if is_name and table[column].dtype.kind not in "iuf":
            total |= [_is_sum(str(cell)) for cell in table[column].to_numpy()]
    for column in columns:
        if not len(pending) or table[column].dtype.kind in "iuf":
            break
        cells = [str(cell).strip() for cell in table[column].to_numpy()[pending]]
        total[pending] |= [not _is_numbered(cell) and _names_total(_plain(cell)) for cell in cells]
        pending = pending[[not cell or cell.isdecimal() for cell in cells]]
    if not total.any() or total.all():
        return table, []
    rows = table.index[total].tolist()
    shown = ", ".join(map(str, rows[:SHOWN]))
    message = f"{len(rows)} subtotal rows set aside: rows {shown}"
    return table[~total], [Finding(code="subtotal-row", source=source, message=message, count=len(rows))]


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
    word = re.sub(r"\(.*\)$|(?<=[计計])数$|[行栏]$", "", word) or word
    return word in _TOTALS or word.endswith(_TOTAL_ENDINGS) or _WHOLE_DIVISION.fullmatch(word) is not None


_NO = frozenset(
    {"no", "n", "false", "0", "0.0", "否", "f", "无效", "无", "没有", "未", "不", "不是", "不可", "不能", *"\xd7✗✕✘"}
)
_NO |= {f"{no}{done}" for no in ("不", "未", "不可", "不能") for done in ("办理", "受理", "开展", "经办", "提供")}
_YES = frozenset({"yes", "y", "true", "1", "1.0", "是", "t", "√"})
_ZERO = re.compile(r"0+([.,]0+)?\s*[个人名天]?")
_LIFE = "disused|abandoned|demolished|razed|removed|ruins|proposed|planned|construction"
_ENDS = "停业|关闭|撤销|撤并|停用|注销|终止|歇业|到期|截止|截至|失效|结束|解约"
_STARTS = "开业|启用|开通|开放|投用|投入使用|运营|营业|成立|设立|挂牌|生效|开始|起始|合作|签约|竣工"
_DATED = "日期|时间|年月|年份|日"
_ENDED = r"(close|end) (date|on|day)|(closed|closing|closure|ended|termination|terminated|expiry|expires|expiration)"
_STARTED = (
    "(start|open|opening|launch|effective|commencement) (date|on|day)|(started|opens|opened|established|inaugurated)"
)
_ON = "( (date|on|at|time|day))?"
_SPAN = "(valid|open|operating|operational|active)"
_DOES = "((是否|能否|可否)(可|已)?|可|已)?(办理|受理|开展|开通|经办|提供|承接)(人社|社保|就业|医保)?(业务|服务|事项)?"
_DOES += "|(人社|社保)(业务|服务|事项)(办理|受理|开通|开展)?(情况)?"
_HAS = "(是否)?(有|设|设有|设置|配备|具备)(专|专门|服务|人社|社保|对外)?(标识|标牌|窗口|设备|人员|系统|柜台|专窗|场地)"
_SHARES = "参与|参加|纳入|计入|受理|对外|对外开放|对外服务|对外办理|接待群众|提供服务|办理社保|可办社保|可办理社保"
_INCLUDED = "(is )?(included?|participat(es|ing)|serves (the )?public|in scope)"
_PARTNER = "(是否|已)?(合作|签约)(网点|银行)?|(is )?partner"
_IN_USE = "(是否)?(营业|在用|开放|启用|运营|开业|有效)(标志|标识|标记)?|(is )?(valid|active|enabled|operational|open)"
_COUNTED = "(.*)窗口(数|数量|个数)?|(number of |open )?(windows|counters|tellers)|(每周)?(开放|营业|服务)天数"
_COUNTED += "|(open )?days (a|per) week|工作?人员(数|数量)?|(number of )?staff( count| number)?"


def _is_past(text: str) -> bool:
    """Return whether a cell of days on which something ends speaks of one before today, or says that it has ended."""
    day = said_day(text)
    if day:
        return day < day_text()[: len(day)]
    return is_gone(text) or text.casefold() in _YES


def _is_to_come(text: str) -> bool:
    """Return whether a cell of days on which something begins speaks of one after today."""
    day = said_day(text)
    return day > day_text()[: len(day)]


def _never(_: str) -> bool:
    return False


def _is_none(text: str) -> bool:
    return _ZERO.fullmatch(text) is not None


def _is_shut(hours: str) -> bool:
    return _SHUT_HOURS.fullmatch(hours.casefold()) is not None


def _is_no(text: str) -> bool:
    return text.casefold() in _NO


_SHUT_HOURS = re.compile(r"(长期|全年|每[天日]|周一至周日|暂)?(休息|不(对外)?(营业|开放|办公|服务))|(no|none|never)")
_FOR_FEW = re.compile(
    r"内部|(仅|只)限?(供|为|对|面向)?(本|内)|不对外|专用|\b(private|no)\b|\binternal\b|\b(staff|employees|members) only"
)
_PART = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*(%?)")


def _is_unfinished(text: str) -> bool:
    """Return whether a cell says that less than all is done."""
    found = _PART.fullmatch(text)
    if found is None:
        return is_gone(text)
    done = float(found[1])
    return done < (_ALL if found[2] or done > 1 else 1)


_ALL = 100.0  # per cent


_READINGS: tuple[tuple[str, Callable[[str], bool], Callable[[str], bool]], ...] = (
    (rf"({_LIFE}):.*", lambda text: text.casefold() not in _NO, _never),  # as OpenStreetMap tags what was there
    (_LIFE, lambda text: text.casefold() in _YES, _never),
    ("备注|说明|描述|remarks?|notes?|comments?|description", is_gone, speaks_of_end),
    (
        rf"(.*)({_ENDS})({_DATED})?|(.*)有效期(至|止|限)?|(.* )?(date )?({_ENDED}){_ON}|{_SPAN} (to|until|till)",
        _never,
        _is_past,
    ),
    (rf".*({_STARTS})({_DATED})|(.* )?(date )?({_STARTED}){_ON}|{_SPAN} (from|since)", _never, _is_to_come),
    (
        f"(是否)?({_SHARES})(统计|计算|业务)?|{_INCLUDED}|{_DOES}|{_HAS}|{_PARTNER}",
        _never,
        lambda text: _is_no(text) or is_gone(text),
    ),
    ("(是否)?(排除|剔除|不计入)|(is )?(excluded?|out of scope)", _never, lambda text: text.casefold() in _YES),
    ("access|(服务|开放|面向)(对象|范围|人群)", _never, lambda text: _FOR_FEW.search(text.casefold()) is not None),
    ("(建设|工程|施工|装修|筹建)?(进度|进展|完成率)(情况)?|progress|completion", _never, _is_unfinished),
    (_COUNTED, _never, _is_none),
    (
        _IN_USE,
        _never,
        lambda text: _is_no(text) or is_gone(text),
    ),
    (
        "(是否|已)(关闭|停用|停业|撤销|注销|删除)|(is )?(closed|deleted|disused|inactive|disabled)",
        _never,
        lambda text: text.casefold() in _YES,
    ),
    ("visibility|visible|(是否)?(可见|显示)", _never, _is_no),
    (".*", _never, lambda text: is_gone(text) or lists_gone(text)),
)
"""What the name of a column is, and what in its cells says surely, and what perhaps, that the place is not there."""


_MACHINE = re.compile(
    r"自助(银行|服务区|服务终端|服务机|服务点|终端|设备|机|网点|$)|自动(取|提|存取|存)款机|自动柜员机|流动服务|流动办|(?<![a-z])atms?(?![a-z])"
    r"|\bcash (machine|dispenser|point)|\bself[- ]?service|\bmobile (unit|office|branch|van|service)"
    r"|(数据|信用卡|呼叫|客服|培训|研发|灾备|票据|清算|档案)中心|金库|总行(?=\s|$)|总部"
    r"|\bhead ?(quarters|office)|\bback office|\b(data|call|training|card) cent(er|re)",
    re.IGNORECASE,
)
_STAFFED = re.compile(r"支行|分行|分理处|营业(部|厅|所|室)|储蓄所|大厅|\bbranch with\b", re.IGNORECASE)


def is_machine(text: str) -> bool:
    """Return whether a name or a kind is that of a machine, of a service that drives about, or of an office for nobody.

    Examples
    --------
    >>> [is_machine(text) for text in ("工商银行24小时自助银行", "ATM", "自助终端", "数据中心", "总行营业部", "社保所")]
    [True, True, True, True, False, False]
    """
    return _MACHINE.search(text) is not None and _STAFFED.search(text) is None


_LISTED = re.compile(
    r"(规划|筹建|在建|拟[建设增]|待建|撤[销并]|停[用业]|关闭|注销|裁撤)(的)?(服务)?(网点|站点|布点|点位|机构|名单|清单|表)"
    r"|\b(planned|proposed|future|closed|former|disused) (outlets?|sites?|branch(es)?|offices?|banks?|counters?)\b"
)


def lists_gone(name: str) -> bool:
    """Return whether the name of a file, a sheet or a folder is one of a list of sites that are planned or closed.

    Examples
    --------
    >>> [lists_gone(name) for name in ("规划网点", "2023年撤销网点名单", "closed_outlets", "规划局网点", "outlets")]
    [True, True, True, False, False]
    """
    return _LISTED.search(plain_words(name)) is not None


@dataclass(kw_only=True)
class SaidGone:
    """Rows of which some cell says that the place is not there: what it is, and where it stands."""

    # (n,) by the name, the opening hours, a remark of nothing else, or a tag of OpenStreetMap
    surely: NDArray[np.bool_]
    maybe: NDArray[np.bool_]  # (n,) by any other column: it may speak of something else
    # the first cell of each such row, by the number of the row: its column and its text
    cells: dict[int, tuple[str, str]] = field(default_factory=dict)

    def shown(self, rows: NDArray[np.bool_], labels: pd.Index[Any]) -> tuple[str, str]:
        """Return the columns in which the first of some rows say it, and their cells."""
        found = [(labels[at], *self.cells[at]) for at in np.flatnonzero(rows).tolist()]
        columns = ", ".join(dict.fromkeys(column for _, column, _ in found[:SHOWN]))
        cells = ", ".join(f"row {row} {text!r}" for row, _, text in found[:SHOWN])
        return columns, f"{cells}{', ...' if len(found) > SHOWN else ''}"


def find_gone(table: pd.DataFrame, *, name: str | None, hours: str | None, read: Collection[str | None]) -> SaidGone:
    """Return which rows say that they are not, or no longer, there.

    Parameters
    ----------
    table
        Cells as text.
    name, hours
        The columns of names and of opening hours; None where there are none.
    read
        Columns that are understood already.
    """
    none = np.zeros(len(table), dtype=np.bool_)
    said = SaidGone(surely=none.copy(), maybe=none.copy())
    for column in attributes(table):
        if column in read and column not in (name, hours):
            continue
        surely, maybe = _readings(column, name, hours)
        texts = [str(cell).strip() for cell in table[column]]
        known = {text: (surely(text), maybe(text)) for text in dict.fromkeys(texts) if text}
        if maybe is _is_none and all(map(_is_none, known)):
            continue  # nobody counted
        for at, text in enumerate(texts):
            sure, unsure = known.get(text, (False, False))
            if sure or unsure:
                said.surely[at] |= sure
                said.maybe[at] |= unsure
                said.cells.setdefault(at, (column, text))
    return said


def _readings(column: str, name: str | None, hours: str | None) -> tuple[Callable[[str], bool], Callable[[str], bool]]:
    """Return what says surely, and what says perhaps, in a cell of a column that its place is not there."""
    if column == name:
        return is_named_gone, _never
    if column == hours:
        return (lambda text: is_gone(text) or not is_ever_open({"opening_hours": text})), _is_shut
    words = plain_words(column)
    return next((surely, maybe) for pattern, surely, maybe in _READINGS if re.fullmatch(pattern, words))


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
