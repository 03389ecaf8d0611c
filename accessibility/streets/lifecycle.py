"""Words by which tables say that a place or a street is not there yet, or no longer, in Chinese and English."""

# ruff: noqa: RUF001, RUF002 -- Chinese has its own punctuation

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from accessibility.wording import day_text, plain_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    _Words = tuple[re.Pattern[str], re.Pattern[str]]

_SAID = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_GONE, _NOT_YET, _BESIDE = _SAID["chinese"].values()
_GONE_ENGLISH, _NOT_YET_ENGLISH, _BESIDE_ENGLISH = _SAID["english"].values()


def _any_of(words: Iterable[str], end: str = "") -> re.Pattern[str]:
    """Return a pattern of the longest of some words."""
    return re.compile(f"(?:{'|'.join(sorted(words, key=len, reverse=True))}){end}")


# Words that say it, and words that may stand beside: that something is not there, or that it has ended.
_CHINESE = (_any_of((*_GONE, *_NOT_YET)), _any_of(_BESIDE))
_ENGLISH = (_any_of((*_GONE_ENGLISH, *_NOT_YET_ENGLISH), " "), _any_of(_BESIDE_ENGLISH, " "))
_ENDED_CHINESE = (_any_of(_GONE), _any_of((*_NOT_YET, *_BESIDE)))
_ENDED_ENGLISH = (_any_of(_GONE_ENGLISH, " "), _any_of((*_NOT_YET_ENGLISH, *_BESIDE_ENGLISH), " "))
_INTO = re.compile("(已经?)?(并入|(撤并|合并|归并)[至到入]|划归).|merged (in)?to .")
_MOVED = re.compile(r"[迁搬][至往到]|\b(moved|relocated|transferred) to\b")
_DONE = re.compile(f"(已经|已|永久|临时|暂时)({'|'.join((*_GONE[: _GONE.index('暂停')], '暂停'))})")
_STRONG = re.compile(
    r"(permanently |temporarily )?(closed|closed down|shut down|planned|proposed|under construction|inactive|disused"
    r"|defunct|decommissioned|relocated|demolished|coming soon|not (yet )?open)"
)
_DATE = re.compile(r"\d+(\s*[-./年月]\s*\d+)*\s*[年月日]?\s*(起|底|初)?|自(?=\s*$|\s*\d)|于(?=\s*\d)")
_SERIAL = range(20_000, 80_000)  # days since 1900, as spreadsheets count them
_FIRST_SERIAL = dt.date(1899, 12, 30)
_EPOCH, _EPOCH_DAY = {10: 1, 13: 1_000}, dt.date(1970, 1, 1)  # digits of seconds, and of milliseconds, since then
_DAY = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?:(?P<month>[01]\d)(?P<day>[0-3]\d)|\s*[-./年]\s*(?P<m>\d{1,2})(?:\s*[-./月]\s*(?P<d>\d{1,2}))?)?(?!\d)"
)
_LETTER = re.compile(r"[^\W\d_]")
_APART = " \t.,;:!?、，。；：！？-—–_/|()[]【】〔〕{}<>《》*\"'“”"
_BRACKETS = re.compile(r"[(\[【〔{]([^)\]】〕}]{0,200})[)\]】〕}]")  # of those that never close a cell may hold many
_DASHES = re.compile(r"\s*[-—–:：|/]\s*")
_STATUS = (
    *("status", "road_status", "street_status", "lifecycle", "lifecycle_status", "build_status", "stage", "phase"),
    *("状态", "道路状态", "建设状态", "建设情况", "通车状态", "使用状态", "运营状态", "现状"),
)
_AWAY = (
    *("planned", "proposed", "construction", "under_construction", "is_planned", "is_proposed", "是否规划", "是否在建"),
    *("razed", "demolished", "removed", "dismantled", "destroyed", "closed", "impassable"),
    *("是否拆除", "已拆除", "是否废弃", "已废弃", "是否停用"),
)
_LEFT = ("abandoned", "disused", "ruins", "ruined")  # as OpenStreetMap has it, they may still be walked
_AT_TIMES = ("seasonal", "winter_road", "ice_road", "tidal", "intermittent")  # of the year, or of the day
_FIRST_DAYS, _LAST_DAYS = ("start_date", "opening_date"), ("end_date",)
_BUILT = (
    *("built", "is_built", "existing", "is_existing", "is_open", "open_to_traffic"),
    *("是否建成", "是否通车", "是否开通", "是否贯通", "是否开放", "已建成", "已通车", "已开通"),
)
STANDING_KEYS = (*_STATUS, *_AWAY, *_BUILT, *_LEFT, *_AT_TIMES, *_FIRST_DAYS, *_LAST_DAYS)
"""Tags or columns that say whether a street is there yet, or still: in words, by yes and no, or by a day."""
WALKED_KEYS = ("walkable", "is_walkable", "ar_pedest", "AR_PEDEST", "可步行", "是否可步行", "是否允许步行", "行人通行")
"""Those that say by yes and no whether people walk there."""
_YES = frozenset({"yes", "y", "true", "t", "1", "是"})
_NO = frozenset({"no", "n", "false", "f", "0", "否"})


def said_day(text: str) -> str:
    """Return the day, the month or the year that a cell names first, as ISO 8601 has it; empty where it names none.

    Examples
    --------
    >>> [said_day(text) for text in ("2024年5月1日", "20220301", "44621.0", "2022.3", "2021", "17:30", "soon")]
    ['2024-05-01', '2022-03-01', '2022-03-01', '2022-03', '2021', '', '']
    >>> said_day("1646092800"), said_day("1646092800000")
    ('2022-03-01', '2022-03-01')
    """
    plain = text.removesuffix(".0")
    if plain.isdecimal() and int(plain) in _SERIAL:
        return (_FIRST_SERIAL + dt.timedelta(days=int(plain))).isoformat()
    if plain.isdecimal() and len(plain) in _EPOCH:
        return (_EPOCH_DAY + dt.timedelta(seconds=int(plain) // _EPOCH[len(plain)])).isoformat()
    found = _DAY.search(text)
    if found is None:
        return ""
    month, day = found["month"] or found["m"], found["day"] or found["d"]
    return "-".join([found[0][:4], *(part.zfill(2) for part in (month, day) if part)])


def is_gone(text: str) -> bool:
    """Return whether a word says that something is not there yet, or no longer; dates beside it say nothing more.

    Parameters
    ----------
    text
        The whole cell.

    Examples
    --------
    >>> [is_gone(text) for text in ("已停用", "规划中", "closed (2023)", "Under construction")]
    [True, True, True, True]
    >>> [is_gone(text) for text in ("正常营业", "规划局服务厅", "open", "close to the market", "")]
    [False, False, False, False, False]
    """
    return _says(text, _CHINESE, _ENGLISH)


def has_ended(text: str) -> bool:
    """Return whether a word says that something is no longer there; what is still to come has not ended.

    Parameters
    ----------
    text
        The whole cell.

    Examples
    --------
    >>> [has_ended(text) for text in ("已撤销", "closed (2023)", "拟建", "Planned 2027", "open")]
    [True, True, False, False, False]
    """
    return _says(text, _ENDED_CHINESE, _ENDED_ENGLISH)


def _says(text: str, chinese: _Words, english: _Words) -> bool:
    if _LETTER.search(text) is None:
        return False
    plain = _DATE.sub(" ", plain_words(text)).strip(_APART)
    spaced = " ".join(re.sub(r"[_(),;:/-]", " ", plain).split())
    said = _consists(plain.replace(" ", ""), chinese) or _consists(f"{spaced} ", english)
    return said or _INTO.match(plain) is not None


def _consists(text: str, words: _Words) -> bool:
    """Return whether a text is made of words of which one at least says it, and of others that may stand beside.

    One word after the other, the longest first: a pattern of all of them would take for ever over some long cells.
    """
    at, said = 0, False
    while at < len(text):
        found = words[0].match(text, at)
        said |= found is not None
        found = found or words[1].match(text, at)
        if found is None:
            return False
        at = found.end()
    return said


def is_named_gone(name: str) -> bool:
    """Return whether a name says so in brackets, after a dash, or with 已 before the word.

    Examples
    --------
    >>> [is_named_gone(name) for name in ("社保所（已撤销）", "Counter (closed)", "社保所-拟建", "已关闭社保所")]
    [True, True, True, True]
    >>> [is_named_gone(name) for name in ("规划局", "Construction Bank (Construction Road)", "Close Street Office")]
    [False, False, False]
    """
    plain = plain_words(name)
    dashed = _DASHES.split(plain)
    parts = [*_BRACKETS.findall(plain), *((dashed[0], dashed[-1]) if len(dashed) > 1 else ())]
    said = [_DATE.sub(" ", part).strip(_APART) for part in parts]
    return any(_consists(part, _CHINESE) or _STRONG.fullmatch(part) for part in said) or speaks_of_end(plain)


def speaks_of_end(text: str) -> bool:
    """Return whether a sentence holds words that something has ended: this place, or perhaps another one.

    Examples
    --------
    >>> speaks_of_end("2021年已撤销，业务并入城关所"), speaks_of_end("周日休息")
    (True, False)
    """
    plain = plain_words(text)
    said = (_DONE, _MOVED, re.compile(r"\b(permanently|temporarily) closed\b"))
    return any(pattern.search(plain) for pattern in said)


def is_absent(tags: Mapping[str, str]) -> bool:
    """Return whether a street is not there yet, or no longer, by what `STANDING_KEYS` say of it.

    Examples
    --------
    >>> [is_absent(tags) for tags in ({"status": "planned"}, {"是否建成": "否"}, {"built": "1998"}, {})]
    [True, True, False, False]
    """
    gone = any(is_gone(tags[key]) for key in _STATUS if key in tags)
    return gone or _says_one(tags, _AWAY, _YES) or _says_one(tags, _BUILT, _NO)


def may_be_absent(tags: Mapping[str, str]) -> bool:
    """Return whether a street that is walked may not be there, by its days or a tag that it was left, or by the season.

    Examples
    --------
    >>> [may_be_absent(tags) for tags in ({"end_date": "2015-06"}, {"start_date": "2099"}, {"disused": "yes"})]
    [True, True, True]
    >>> [may_be_absent(tags) for tags in ({"seasonal": "winter"}, {"tidal": "yes"}, {"ice_road": "no"})]
    [True, True, False]
    >>> [may_be_absent(tags) for tags in ({"end_date": "2099"}, {"start_date": "1998"}, {"start_date": "C19"}, {})]
    [False, False, False, False]
    """
    today = day_text()
    first, last = ([said_day(tags[key]) for key in keys if key in tags] for keys in (_FIRST_DAYS, _LAST_DAYS))
    dated = any(day > today[: len(day)] for day in first) or any("" < day < today[: len(day)] for day in last)
    at_times = any(plain_words(tags[key]) not in _NO for key in _AT_TIMES if key in tags)
    return dated or at_times or _says_one(tags, _LEFT, _YES)


def forbids_walking(tags: Mapping[str, str]) -> bool:
    """Return whether one of `WALKED_KEYS` says that nobody walks there.

    Examples
    --------
    >>> [forbids_walking(tags) for tags in ({"walkable": "0"}, {"可步行": "否"}, {"walkable": "yes"}, {})]
    [True, True, False, False]
    """
    return _says_one(tags, WALKED_KEYS, _NO)


def _says_one(tags: Mapping[str, str], keys: tuple[str, ...], words: frozenset[str]) -> bool:
    return any(plain_words(tags[key]) in words for key in keys if key in tags)
