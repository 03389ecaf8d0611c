"""When a place or a street is there, and open: words of tables in Chinese and English, opening hours, days."""

# ruff: noqa: RUF001, RUF002 -- Chinese has its own punctuation

from __future__ import annotations

import datetime as dt
import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from accessibility.wording import day_text, plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAID = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_ENDS = {"chinese": "", "english": " "}  # what follows a word


@cache
def _patterns(language: str, *, ended: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns of words that say it, and of those that may stand beside: not there (yet), or only `ended`.

    They are made when a text is first asked about: that takes as long as to load the rest of what reads streets.
    """
    gone, not_yet, beside = _SAID[language].values()
    told = (gone, (*not_yet, *beside)) if ended else ((*gone, *not_yet), beside)
    of_words, of_others = ("|".join(sorted(words, key=len, reverse=True)) for words in told)
    return re.compile(f"(?:{of_words}){_ENDS[language]}"), re.compile(f"(?:{of_others}){_ENDS[language]}")


_GONE = _SAID["chinese"]["gone"]
_INTO = re.compile("(已经?)?(并入|(撤并|合并|归并)[至到入]|划归).|merged (in)?to .")
_MOVED = re.compile(r"[迁搬][至往到](?!现[址在]|此|本|该)|\b(moved|relocated|transferred) to\b")
_DONE = f"(已经|已|永久|临时|暂时)({'|'.join((*_GONE[: _GONE.index('暂停')], '暂停'))})"
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
    return _says(text, ended=False)


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
    return _says(text, ended=True)


def _says(text: str, *, ended: bool) -> bool:
    if _LETTER.search(text) is None:
        return False
    plain = _DATE.sub(" ", plain_words(text)).strip(_APART)
    spaced = " ".join(re.sub(r"[_(),;:/-]", " ", plain).split())
    chinese, english = (_patterns(language, ended=ended) for language in _SAID)
    said = _consists(plain.replace(" ", ""), chinese) or _consists(f"{spaced} ", english)
    return said or _INTO.match(plain) is not None


def _consists(text: str, words: tuple[re.Pattern[str], re.Pattern[str]]) -> bool:
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
    return any(
        _consists(part, _patterns("chinese", ended=False)) or _STRONG.fullmatch(part) for part in said
    ) or speaks_of_end(plain)


def speaks_of_end(text: str) -> bool:
    """Return whether a sentence holds words that something has ended: this place, or perhaps another one.

    Examples
    --------
    >>> speaks_of_end("2021年已撤销，业务并入城关所"), speaks_of_end("周日休息")
    (True, False)
    """
    plain = plain_words(text)
    said = (_DONE, _MOVED, r"\b(permanently|temporarily) closed\b")
    return any(re.search(pattern, plain) for pattern in said)


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


_WEEK = {"mo": "1", "tu": "2", "we": "3", "th": "4", "fr": "5", "sa": "6", "su": "7"}
_DAYS = re.compile(r"\b(mo|tu|we|th|fr|sa|su)(?:\s*-\s*(mo|tu|we|th|fr|sa|su))?\b")
_TIMES = re.compile(r"(\d?\d:\d\d)\s*(?:-\s*(\d?\d:\d\d)|\+)")
_SUNS = {"sunrise": "07:00", "dawn": "06:30", "sunset": "18:00", "dusk": "18:30"}  # about; only noon is asked for
_SUN = re.compile("|".join(_SUNS))
_ELSE = re.compile(r"[a-z]", re.IGNORECASE)
_SHUT_WORD = re.compile(r"\b(off|closed)\b|休息|除.*外|不(对外)?(营业|办公|开放|服务)|放假|[休闭]馆|盘点")
_OFFICE_HOURS = ("10:00", "12:00", "15:00")  # a counter may close at noon, and so may a gate
_HOURS = re.compile(r"\d:\d\d|sunrise|sunset|dawn|dusk|24/7|\b(?:mo|tu|we|th|fr|sa|su|ph)\b", re.IGNORECASE)
_HOLIDAY = re.compile(r"\bph\b")
_MOST_WEEKDAYS = 4
_WEEKDAYS = ("mo", "tu", "we", "th", "fr")

_CHINESE_DAYS = str.maketrans({**dict(zip("一二三四五六", _WEEK, strict=False)), "日": "su", "天": "su"})
_CHINESE_WEEK = re.compile(
    r"(?:周|星期|礼拜)([一二三四五六日天](?:(?:周|星期|礼拜|[-~至到、,和及])*[一二三四五六日天])*)"
)
_SO_MANY = re.compile("[每一]?周[一二两三四五六七][天次]")  # and not which
_SPELT = (
    (r"周末|双休日|\bweek-?ends?\b", " sa-su "),
    (r"法定节假日|节假日|公众假期|\b(?:public |bank )?holidays?\b", " ph "),
    (r"工作日|\bweekdays?\b|\bworking days?\b|\bbusiness days?\b", " mo-fr "),
    (r"\b(mo|tu|we|th|fr|sa|su)(?:n|e|es|d|u|ur|urs|i|t)?(?:day|sday|nesday|rsday|urday)?s?\b", r"\1"),
    (r"(\d{1,2})[点时](?!\d|半)", r"\1:00"),
    (r"(\d{1,2})[点时]半", r"\1:30"),
    (r"(\d{1,2})[点时](\d\d)分?", r"\1:\2"),
    (r"\b(\d{1,2})\s*(am|pm)\b", r"\1:00 \2"),
    (r"\b(?:only|open)\b", ""),
)
_AFTERNOON = re.compile(r"(\d{1,2}):(\d\d)\s*(am|pm)\b")
_NOW_AND_THEN = re.compile(
    r"逢|农历|赶集|集日|圩日|[每隔][个\d一二两三四五六]*[月季旬年]|[隔单双两]周|[每一]周[一1][次天]|寒假|暑假|开学季|春节前后"
    r"|(征兵|缴费|征缴|高峰|农闲|春运|考试|报名|集中)期|期间(?=开放|办理|服务|$)|不[定固][期定]|[视看]情况|待定|晚上$|夜间$|另行通知|随车|流动"
    r"|\bmonthly\b|\bmonth\b|\bfortnight|\bbi-?weekly\b"
)
_BY_APPOINTMENT = re.compile(r"预约|\bappointment\b")
_SEASONS = ((r"春?夏(?:季|天|令时?)?|\bsummer\b", "4月-9月"), (r"秋?冬(?:季|天|令时?)?|\bwinter\b", "10月-3月"))
_NAMES_OF_MONTHS = (
    "jan(?:uary)? feb(?:ruary)? mar(?:ch)? apr(?:il)? may june? july? aug(?:ust)? sept?(?:ember)? oct(?:ober)?"
)
_NAMES_OF_MONTHS += " nov(?:ember)? dec(?:ember)?"
_MONTHS = re.compile(
    r"(?<![\d:])(\d{1,2})(?:月(?:\d{1,2}日)?)?[ (]*-[ (]*(?:[次翌]年)?(\d{1,2})月|(?<![\d:])(\d{1,2})月"
)
_YEAR = 12
_TOO = re.compile("不休|正常|照常|也(?!不)")  # as at all other times, which nobody writes
_LATE = re.compile(r"(?<=下午)\s*(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)")
_MOST_LETTERS = 500


def holds_at(when: str, time: str = "12:00", day: str = "we") -> bool:
    """Return whether a condition speaks of hours or days, and a time of a day, noon of a Wednesday, is among them.

    Examples
    --------
    >>> holds_at("06:00-22:00"), holds_at("Sa-Su"), holds_at("Sa-Su", day="sa"), holds_at("emergency")
    (True, False, True, False)
    """
    when = _SUN.sub(lambda named: _SUNS[named[0]], when.lower())
    days = [(_WEEK[first], _WEEK[last or first]) for first, last in _DAYS.findall(when)]
    hours = [(first.zfill(5), (last or "24:00").zfill(5)) for first, last in _TIMES.findall(when)]
    if not (days or hours or "24/7" in when):
        return False
    return _among(_WEEK[day], days) and _among(time, hours)


def _among(time: str, spans: list[tuple[str, str]]) -> bool:
    """Return whether a time lies in a span, which may end in the next week or day; no span is all the time."""
    held = (first <= time <= last if first <= last else time >= first or time <= last for first, last in spans)
    return not spans or any(held)


def speaks_of_times_alone(when: str) -> bool:
    """Return whether nothing but hours and days stands in a condition.

    Examples
    --------
    >>> speaks_of_times_alone("Mo-Fr 08:00-17:00"), speaks_of_times_alone("May-Oct")
    (True, False)
    """
    return _ELSE.search(_HOURS.sub("", when)) is None


def is_shut_by_day(hours: str) -> bool:
    """Return whether a gate is shut through a Wednesday's office hours: open by night, on other days, or never.

    Examples
    --------
    >>> [is_shut_by_day(hours) for hours in ("off", "22:00-06:00", "06:00-22:00", "Sa,Su off", "")]
    [True, True, False, False, False]
    """
    opened = [part for part in _parts(hours.lower()) if not _SHUT_WORD.search(part)]
    if not opened:  # "off"; who writes "22:00-06:00 off" or "Sa,Su off" means that it is open at other times
        return bool(hours.strip()) and not _HOURS.search(hours)
    said = all(_HOURS.search(part) and speaks_of_times_alone(part) for part in opened)
    return said and not any(holds_at(part, time) for part in opened for time in _OFFICE_HOURS)


def opens_rarely(hours: str) -> bool:
    """Return whether a counter is open in office hours of one weekday at most: at weekends, by night, now and then.

    Parameters
    ----------
    hours
        Opening hours in Chinese, in English or as OpenStreetMap has them; what is not understood says nothing.

    Examples
    --------
    >>> [opens_rarely(hours) for hours in ("Sa-Su 09:00-17:00", "周六、周日上午", "每周三上午", "18:00-22:00", "预约")]
    [True, True, True, True, True]
    >>> [opens_rarely(hours) for hours in ("Mo-Fr 09:00-16:00; Sa,Su off", "周一至周五9:00-17:00 周末休息")]
    [False, False]
    >>> [opens_rarely(hours) for hours in ("7-9月", "Jul-Sep 09:00-17:00", "每周一次", "周一至周五休息", "缴费期开放")]
    [True, True, True, True, True]
    >>> [opens_rarely(hours) for hours in ("夏季8:00-18:00;冬季8:30-17:30", "5-9月 8:00-18:00,10-4月 8:30-17:30")]
    [False, False]
    >>> [opens_rarely(hours) for hours in ("周末照常", "下午2:30-5:30", "周一闭馆", "8:00-20:00 (预约)", "")]
    [False, False, False, False, False]
    """
    plain = _spelt(hours[:_MOST_LETTERS])
    parts = list(zip(map(_plain, _parts(hours)), _parts(plain), strict=False))
    opened = [part for _, part in parts if not _SHUT_WORD.search(part)]
    if _TOO.search(plain):
        return False
    if not opened:
        shut = [part for _, part in parts if not _TIMES.search(part) and len(_DAYS.findall(part)) == 1]
        return sum(any(holds_at(part, day=day) for part in shut) for day in _WEEKDAYS) >= _MOST_WEEKDAYS
    seldom = {part for as_said, part in parts if _NOW_AND_THEN.search(as_said) or _NOW_AND_THEN.search(part)}
    if not seldom.isdisjoint(opened) or _BY_APPOINTMENT.search(plain):
        usual = [part for part in opened if part not in seldom]
        return not any(_HOURS.search(part) and speaks_of_times_alone(part) for part in usual)
    if _is_shut_for_months(opened):
        return True
    if not opened or not all(_HOURS.search(part) and speaks_of_times_alone(part) for part in opened):
        return False
    opened = [part for part in opened if _DAYS.search(part) or not _HOLIDAY.search(part)]
    days = (any(holds_at(part, time, day) for part in opened for time in _OFFICE_HOURS) for day in _WEEKDAYS)
    return sum(days) <= 1


def _is_shut_for_months(parts: list[str]) -> bool:
    """Return whether all hours are those of some months, and the others have none."""
    open_in: set[int] = set()
    for part in parts:
        plain = part
        for pattern, months in _SEASONS:
            plain = re.sub(pattern, f" {months} ", plain)
        for month, pattern in enumerate(_NAMES_OF_MONTHS.split(), start=1):
            plain = re.sub(rf"\b{pattern}\b", f"{month}月", plain)
        spans = [(int(first or one), int(last or one)) for first, last, one in _MONTHS.findall(plain)]
        before = _MONTHS.split(plain, maxsplit=1)[0]
        if _TIMES.search(before) and (spans or not open_in or _DAYS.search(before)):
            return False  # hours of the whole year
        for first, last in spans:
            open_in |= {(first - 1 + later) % _YEAR for later in range((last - first) % _YEAR + 1)}
    return 0 < len(open_in) < _YEAR


def _parts(hours: str) -> list[str]:
    return [part.strip() for part in re.split("[;，。；\n]", hours) if part.strip()]


def _plain(part: str) -> str:
    return unicodedata.normalize("NFKC", part).casefold()


def _spelt(hours: str) -> str:
    """Return opening hours with the days and times of OpenStreetMap."""
    plain = _CHINESE_WEEK.sub(_days, _SO_MANY.sub("次", ";".join(map(_plain, _parts(hours)))))
    for pattern, written in _SPELT:
        plain = re.sub(pattern, written, plain)
    plain = re.sub("[~\u2013\u2014至到]", "-", plain)
    plain = _LATE.sub(lambda at: f"{int(at[1]) % 12 + 12}:{at[2]}-{int(at[3]) % 12 + 12}:{at[4]}", plain)
    return _AFTERNOON.sub(lambda at: f"{int(at[1]) % 12 + 12 * (at[3] == 'pm'):02d}:{at[2]}", plain)


def _days(found: re.Match[str]) -> str:
    """Return days of the week in Chinese, 一至五 or 六、日, as OpenStreetMap has them."""
    text = re.sub("周|星期|礼拜", "", found[1])
    marks = re.sub("[~至到]", "-", re.sub("[、和及]", ",", text))
    return f" {re.sub('(?<=[^-,])(?=[^-,])', ',', marks)} ".translate(_CHINESE_DAYS)
