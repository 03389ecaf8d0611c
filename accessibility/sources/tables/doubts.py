"""What names, remarks and forms of service say that casts doubt on a site: machines, mergers, counters for some."""

# ruff: noqa: RUF002 -- Chinese has its own punctuation

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from accessibility.wording import day_text, plain_words

_TOLD = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_WORDS = _TOLD["words"]
_SAID = {
    f"{table} {name}": listed
    for table in ("remarks", "names", "forms", "years")
    for name, listed in _TOLD[table].items()
}
_LONGEST = 200  # letters that are read of a cell: over long ones some patterns take their square


@cache
def _pattern(what: str) -> re.Pattern[str]:
    """Return one pattern of all that is listed, with the words in angle brackets; made when it is first asked for."""
    patterns = [part for name, listed in _SAID.items() if name.startswith(what) for part in listed]
    return re.compile("|".join(re.sub("<([a-z]+)>", lambda word: _WORDS[word[1]], one) for one in patterns))


def _read(text: str) -> str:
    return plain_words(text[:_LONGEST])


def casts_doubt(text: str) -> bool:
    """Return whether a remark may say that a site does not serve everybody, there and every day.

    Parameters
    ----------
    text
        The whole cell.

    Examples
    --------
    >>> [casts_doubt(text) for text in ("与城东所合并", "拟撤并", "待定", "系统未开通", "仅周三办理", "no staff")]
    [True, True, True, True, True, True]
    >>> [casts_doubt(text) for text in ("由两所合并而成", "待遇资格认证", "无障碍", "仅供参考", "暂无", "周末轮值")]
    [False, False, False, False, False, False]
    """
    plain = _read(text)
    year = _pattern("years").search(plain)
    return _pattern("remarks").search(plain) is not None or (year is not None and year[1] > day_text()[:4])


def is_named_doubtful(name: str) -> bool:
    """Return whether a name says that its place is an old one, a future one, for now, or an example.

    Examples
    --------
    >>> [is_named_doubtful(name) for name in ("城西支行（筹）", "城关所旧址", "测试网点", "城西支行（新址）", "老街所")]
    [True, True, True, False, False]
    """
    return _pattern("names doubtful").search(_read(name)) is not None


def is_elsewhere(text: str) -> bool:
    """Return whether a kind or a form of service is one without a counter: a machine, on line, from door to door.

    Examples
    --------
    >>> [is_elsewhere(text) for text in ("线上", "流动服务车", "上门办理、电话", "自助终端", "管理机构", "Online")]
    [True, True, True, True, True, True]
    >>> [is_elsewhere(text) for text in ("柜台", "窗口、自助", "社保所", "服务站", "移动公司", "")]
    [False, False, False, False, False, False]
    """
    parts = [part.strip() for part in re.split("[、,/|+和及]", _read(text)) if part.strip()]
    return (
        len(parts) > 0
        and len(text) <= _LONGEST
        and all(_pattern("forms elsewhere").fullmatch(part) or is_machine(part) for part in parts)
    )


def is_machine(text: str) -> bool:
    """Return whether a name is that of a machine, of what drives about or is on line, or of an office for nobody.

    Examples
    --------
    >>> [is_machine(text) for text in ("工商银行24小时自助银行", "ATM", "自助终端", "数据中心", "总行营业部", "社保所")]
    [True, True, True, True, False, False]
    >>> [is_machine(text) for text in ("网上办事大厅", "城关支行（含自助银行）", "移动营业厅")]
    [True, False, False]
    """
    nowhere, machine, staffed = (
        _pattern(f"names {what}").search(_read(text)) is not None for what in ("nowhere", "machines", "staffed")
    )
    return nowhere or (machine and not staffed)
