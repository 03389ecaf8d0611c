"""Whether the sites of a table are in business, where no column of that meaning says it: by words elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.sources.osm.tags import is_ever_open
from accessibility.sources.tables.columns import SHOWN, attributes
from accessibility.streets.lifecycle import is_gone, is_named_gone, said_day, speaks_of_end
from accessibility.wording import day_text, plain_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd
    from numpy.typing import NDArray

_NO = frozenset({"no", "n", "false", "0", "0.0", "否", "f", "无效"})
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
_SHARES = "参与|参加|纳入|计入|受理|对外|对外开放|对外服务|对外办理|接待群众|提供服务|办理社保|可办社保|可办理社保"
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


_READINGS: tuple[tuple[str, Callable[[str], bool], Callable[[str], bool]], ...] = (
    (rf"({_LIFE}):.*", lambda text: text.casefold() not in _NO, _never),  # as OpenStreetMap tags what was there
    (_LIFE, lambda text: text.casefold() in _YES, _never),
    ("备注|说明|描述|remarks?|notes?|comments?|description", is_gone, speaks_of_end),
    (
        rf"(.*)({_ENDS})({_DATED})|(.*)有效期(至|止|限)?|(.* )?(date )?({_ENDED}){_ON}|{_SPAN} (to|until|till)",
        _never,
        _is_past,
    ),
    (rf".*({_STARTS})({_DATED})|(.* )?(date )?({_STARTED}){_ON}|{_SPAN} (from|since)", _never, _is_to_come),
    (
        rf"(是否)?({_SHARES})(统计|计算|业务)?|(is )?(included?|participat(es|ing)|serves (the )?public|in scope)",
        _never,
        lambda text: text.casefold() in _NO,
    ),
    ("(是否)?(排除|剔除|不计入)|(is )?(excluded?|out of scope)", _never, lambda text: text.casefold() in _YES),
    ("access", _never, lambda text: text.casefold() in ("private", "no")),
    (_COUNTED, _never, _is_none),
    (
        "(是否)?有效|(is )?valid|是否(营业|在用|开放|启用|运营|开业)|(is )?(active|enabled|operational|open)",
        _never,
        lambda text: text.casefold() in _NO or is_gone(text),
    ),
    (
        "(是否|已)(关闭|停用|停业|撤销|注销|删除)|(is )?(closed|deleted|disused|inactive|disabled)",
        _never,
        lambda text: text.casefold() in _YES,
    ),
    (".*", _never, is_gone),
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
        return (lambda text: is_gone(text) or not is_ever_open({"opening_hours": text})), _never
    words = plain_words(column)
    return next((surely, maybe) for pattern, surely, maybe in _READINGS if re.fullmatch(pattern, words))
