"""What rows say of whether their place is there: closed, planned, for few, empty, or not fit for a site."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import Finding
from accessibility.sources.osm.tags import is_ever_open
from accessibility.sources.tables.columns import SHOWN, attributes
from accessibility.sources.tables.doubts import casts_doubt, is_elsewhere, is_machine, is_named_doubtful
from accessibility.streets.lifecycle import is_gone, is_named_gone, opens_rarely, said_day, speaks_of_end
from accessibility.wording import day_text, plain_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd
    from numpy.typing import NDArray

_NO = frozenset(
    {"no", "n", "false", "0", "0.0", "否", "f", "无效", "无", "没有", "未", "不", "不是", "不可", "不能", *"\xd7✗✕✘"}
)
_NO |= {f"{no}{done}" for no in ("不", "未", "不可", "不能") for done in ("办理", "受理", "开展", "经办", "提供")}
_YES = frozenset({"yes", "y", "true", "1", "1.0", "是", "t", "√"})
_ZERO = re.compile(r"0+([.,]0+)?\s*[个人名天项]?|无|没有|未(配备|设)")
_LIFE = "disused|abandoned|demolished|razed|removed|ruins|proposed|planned|construction"
_ENDS = "停业|关闭|撤销|撤并|停用|注销|终止|歇业|到期|截止|截至|失效|结束|解约"
_STARTS = "开业|建成|投产|启用|开通|开放|投用|投入使用|运营|营业|成立|设立|挂牌|生效|开始|起始|合作|签约|竣工"
_DATED = "日期|时间|年月|年份|日"
_ENDED = r"(close|end) (date|on|day)|(closed|closing|closure|ended|termination|terminated|expiry|expires|expiration)"
_ENDED += "|(deleted|removed|retired)"
_STARTED = (
    "(start|open|opening|launch|effective|commencement) (date|on|day)|(started|opens|opened|established|inaugurated)"
)
_ON = "( (date|on|at|time|day))?"
_SPAN = "(valid|open|operating|operational|active)"
_TERM = "(有效|服务|合同|合作|租|租赁|协议|承包)(期限?|期间)(至|止)?"
_DOES = "((是否|能否|可否)(可|已)?|可|已)?(办理|受理|开展|开通|经办|提供|承接)(人社|社保|就业|医保)?(业务|服务|事项)?"
_DOES += "|(人社|社保)(业务|服务|事项)(办理|受理|开通|开展)?(情况)?"
_HAS = "(是否)?(有|设|设有|设置|配备|具备)(专|专门|服务|人社|社保|对外)?(标识|标牌|窗口|设备|人员|系统|柜台|专窗|场地)"
_SHARES = "参与|参加|纳入|计入|受理|对外|对外开放|对外服务|对外办理|接待群众|提供服务|办理社保|可办社保|可办理社保"
_INCLUDED = "(is )?(included?|participat(es|ing)|serves (the )?public|in scope)"
_PARTNER = "(是否|已)?(合作|签约)(网点|银行)?|(is )?partner"
_IN_USE = "(是否)?(营业|在用|开放|启用|运营|开业|有效)(标志|标识|标记)?|(is )?(valid|active|enabled|operational|open)"
_COUNTED = (
    "(.*)(窗口|柜台|坐席)(数|数量|个数)?|(number of |open )?(windows|counters|tellers)|(每周)?(开放|营业|服务)天数"
)
_COUNTED += "|(open )?days (a|per) week|工作?人员(数|数量)?|(number of )?staff( count| number)?"
_COUNTED += "|(在编|在岗|编制|坐班)(人员?)?(数|数量)?|(.*)事项(数|数量|个数)"
_ASKED_AGAINST = (
    "(是否|已)?(重复|流动|移动|自助|无人值守|线上|网上|虚拟|临时|需要?预约|预约制|待撤|拟?撤[并销]|拟?搬迁)"
)
_ASKED_AGAINST += "(网点|服务|点|录入|数据|办理)?|(is )?(duplicate|mobile|temporary|virtual|online)"
_STANDS = "固定|常设|人工|存在|属实|真实|达标|挂牌|合格|在岗|实体|五有|开门|正常(营业|运行|开放)?"
_STANDS += "|有?人员?(值守|在岗|配备)?"
_ASKED_FOR = f"(是否|有无)?({_STANDS})(网点|点|情况)?|(是否|有无)(人工)?(窗口|柜台|专窗)"
_ASKED_FOR += "|(社银|社保|人社)专?(窗口?|柜台)|(是否)?支持.*(业务|服务)"
_CHECKED = ".*(备注|附注|说明|情况|核[查实验]|检查|验收|结果|结论|意见|方案|调整|变[更化]|更新|处理|动态|规划|计划|建议"
_CHECKED += "|标[记注]|操作|其他|范围)(信息|内容|类型)?"
_MARKED = "(删除|作废)?标[记识志]|操作(类型)?|变更类型|处理(方式)?|action"
_STRUCK = frozenset({"删", "删除", "撤", "\xd7", "✕", "✗", "x", "d", "del", "delete", "remove"})


_UNTIL = re.compile(r"[至到~\u2014\u2013]|\bto\b|\s-\s|(?<=\d{4})-(?=\d{4}(?!\d))|(?<=[\d日月年])-(?=(?:19|20)\d\d)")

_TO_NOW = re.compile(r"[至到]今|\b(present|ongoing|today)\b")


def _is_past(text: str) -> bool:
    """Return whether a cell of days on which something ends, the last of them, lies before today, or says so."""
    day = max((said_day(part) for part in _UNTIL.split(text)), default="")
    if day:
        return day < day_text()[: len(day)]
    return is_gone(text) or text.casefold() in _YES


def _has_run_out(text: str) -> bool:
    """Return whether a term of days has ended."""
    return _TO_NOW.search(text) is None and _is_past(text)


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


def _is_shut_mostly(hours: str) -> bool:
    dates = _TIME.search(hours) is None and _UNTIL.search(hours) is not None
    return _is_shut(hours) or opens_rarely(hours) or (dates and _has_run_out(hours))


def _is_no(text: str) -> bool:
    return text.casefold() in _NO


def _may_be_gone(text: str) -> bool:
    return is_gone(text) or speaks_of_end(text) or casts_doubt(text) or lists_gone(text)


_TIME = re.compile(r"\d:\d\d")
_SHUT_HOURS = re.compile(
    r"全?休|(长期|全年|每[天日]|周一至周日|暂)?(休息|不(对外)?(营业|开放|办公|服务))|(no|none|never)"
)
_FOR_FEW = re.compile(
    r"内部|(仅|只)限?(供|为|对|面向)?(本|内|企业|单位|会员|职工|员工|学生|教职工|军人)|不对外|专用"
    r"|\b(private|no)\b|\binternal\b|\b(staff|employees|members) only"
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
    ("备注|说明|描述|remarks?|notes?|comments?|description", is_gone, _may_be_gone),
    (
        rf"(.*)({_ENDS})({_DATED})?|(.* )?(date )?({_ENDED}){_ON}|{_SPAN} (to|until|till)",
        _never,
        _is_past,
    ),
    (f"(.*)({_TERM})", _never, _has_run_out),
    (rf".*({_STARTS})({_DATED})|(.* )?(date )?({_STARTED}){_ON}|{_SPAN} (from|since)", _never, _is_to_come),
    (
        f"(是否)?({_SHARES})(统计|计算|业务)?|{_INCLUDED}|{_DOES}|{_HAS}|{_PARTNER}",
        _never,
        lambda text: _is_no(text) or is_gone(text),
    ),
    ("(是否)?(排除|剔除|不计入)|(is )?(excluded?|out of scope)", _never, lambda text: text.casefold() in _YES),
    (
        "access|(服务|开放|面向)(对象|范围|人群)|(网点|机构|单位)?性质",
        _never,
        lambda text: _FOR_FEW.search(text.casefold()) is not None,
    ),
    ("(建设|工程|施工|装修|筹建)?(进度|进展|完成率)(情况)?|progress|completion", _never, _is_unfinished),
    (_COUNTED, _never, _is_none),
    (_ASKED_AGAINST, _never, lambda text: text.casefold() in _YES or casts_doubt(text)),
    (_ASKED_FOR, _never, lambda text: _is_no(text) or _is_none(text) or _may_be_gone(text)),
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
    (_MARKED, _never, lambda text: text.casefold() in _STRUCK or _may_be_gone(text)),
    (_CHECKED, _never, _may_be_gone),
    (".*", _never, lambda text: is_gone(text) or lists_gone(text)),
)
"""What the name of a column is, and what in its cells says surely, and what perhaps, that the place is not there."""


_FORM = re.compile(
    "(服务|办理|受理|办公|网点|机构|设置|经营|运营)(方式|形式|模式|渠道)|渠道|(网点|机构|单位)?(性质|类别|级别)"
    "|(service )?(mode|channel|form)"
)


def are_machines(table: pd.DataFrame, *, name: str | None, kind: str | None) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which rows are machines, or services without a counter, by name, kind or form of service; and the cells.

    Parameters
    ----------
    table
        Cells as text.
    name, kind
        The columns of names and of kinds; None where there are none.

    Returns
    -------
    machine
        ``(n,)`` which rows are.
    said
        What says it of each row, with its name before.
    """
    names = [""] * len(table) if name is None else [str(cell).strip() for cell in table[name]]
    machine, said = np.array([is_machine(text) for text in names], dtype=np.bool_), list(names)
    forms = [column for column in attributes(table) if _FORM.fullmatch(plain_words(column)) and column != name]
    for column in dict.fromkeys([*([kind] if kind is not None else []), *forms]):
        cells = [str(cell).strip() for cell in table[column]]
        known = {text: is_elsewhere(text) for text in dict.fromkeys(cells)}
        for at, text in enumerate(cells):
            if known[text]:
                machine[at], said[at] = True, f"{said[at]} {text}".strip()
    return machine, said


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


_NUMBERING = re.compile(
    r"\(?[一二三四五六七八九十]{1,3}[)、.]|第[一二三四五六七八九十]{1,3}(部分|类|批)|附(件|表)?\d?:|以下(为|是)"
)
_OF_SITES = re.compile("(服务)?(网点|站点|机构|名单|清单)*:?$")


def heads_gone(section: str) -> bool:
    """Return whether a heading among the rows says that the sites below it are closed, planned or without a counter.

    Examples
    --------
    >>> [heads_gone(text) for text in ("二、已撤销网点", "(二)拟撤并网点", "自助网点", "一、在营网点", "城区网点")]
    [True, True, True, False, False]
    """
    plain = _NUMBERING.sub("", plain_words(section)).strip()
    words = _OF_SITES.sub("", plain)
    return lists_gone(plain) or is_gone(words) or casts_doubt(plain) or is_elsewhere(words)


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
        return is_named_gone, is_named_doubtful
    if column == hours:
        return (lambda text: is_gone(text) or not is_ever_open({"opening_hours": text})), _is_shut_mostly
    words = plain_words(column)
    if lists_gone(words) and not words.startswith("是否"):
        return _never, lambda text: not _is_no(text)  # a list beside the table
    return next((surely, maybe) for pattern, surely, maybe in _READINGS if re.fullmatch(pattern, words))


_REMARK = re.compile("备注|说明|(.*)(状态|现状)|(.* )?status|remarks?|notes?|comments?")
_EMPTY = re.compile(  # words for homes, which no site has
    r"(?<![未待拟])(整[村组体]|全[村组部]|移民|已)(搬迁|拆迁|征收)(?!安置|来|至此)|空户|空置|空心村|无人(居住|住)"
    r"|\b(uninhabited|unoccupied|depopulated|evacuated|resettled|no residents)\b"
)
_FIT = re.compile(
    "(是否)?(可用|可建设?|可行|可选|适宜|适合|具备条件|可设点)|(is )?(feasible|available|buildable|suitable|eligible)"
)
_UNFIT = re.compile(
    r"不可[用建选]|不(适宜|适合|宜|具备)|无法(建设|设点)"
    r"|\bnot (suitable|available|feasible|buildable)\b|\bunsuitable\b"
)


def report_uninhabited(table: pd.DataFrame, people: NDArray[np.float64], source: str) -> list[Finding]:
    """Return a finding where people live, as a remark or a status says, in what is no longer there.

    Parameters
    ----------
    table
        Cells as text.
    people
        ``(n,)`` of each row.
    source
        The file, for messages.
    """
    columns = [column for column in attributes(table) if _REMARK.fullmatch(plain_words(column))]
    said = find_gone(table[columns], name=None, hours=None, read=())
    for column in columns:
        for at, text in enumerate(map(str, table[column])):
            if _EMPTY.search(plain_words(text)):
                said.maybe[at] = True
                said.cells.setdefault(at, (column, text))
    rows = (said.surely | said.maybe) & (people > 0)
    if not rows.any():
        return []
    names, shown = said.shown(rows, table.index)
    lost = float(people[rows].sum())
    message = (
        f"{int(rows.sum())} rows with {lost:,.0f} people count although {names} says: {shown}: does anybody live there?"
    )
    return [Finding(code="people-maybe-gone", source=source, message=message, count=int(rows.sum()), people=lost)]


def report_unfit(table: pd.DataFrame, source: str) -> list[Finding]:
    """Return a finding where a column says that no site can be opened at a candidate.

    Parameters
    ----------
    table
        Candidates; cells as text.
    source
        The file, for messages.
    """
    found = []
    for name in attributes(table):
        fits = _FIT.fullmatch(plain_words(name)) is not None
        texts = table[name].astype(str)
        said = {
            text: _UNFIT.search(plain_words(text)) is not None or (fits and _is_no(text)) for text in texts.unique()
        }
        bad = texts.map(said).to_numpy(dtype=bool)
        if bad.any():
            shown = ", ".join(f"row {row} {text!r}" for row, text in texts[bad].head(SHOWN).items())
            count = int(bad.sum())
            message = f"{count} candidates may be proposed although {name} says: {shown}: can a site be opened there?"
            found.append(Finding(code="candidate-unfit", source=source, message=message, count=count))
    return found
