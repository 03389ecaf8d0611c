"""Opening hours, as OpenStreetMap and tables write them: what is open by day, and what hardly ever is."""

from __future__ import annotations

import re
import unicodedata

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
    r"逢|赶集|集日|圩日|[每隔][个\d一二两三四五六]*[月季旬年]|预约|\bappointment\b|\bmonthly\b|\bmonth\b"
)
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
    >>> [opens_rarely(hours) for hours in ("周末照常", "下午2:30-5:30", "周一闭馆", "8:00-20:00 (预约)", "")]
    [False, False, False, False, False]
    """
    plain = _spelt(hours[:_MOST_LETTERS])
    opened = [part for part in _parts(plain) if not _SHUT_WORD.search(part)]
    if _TOO.search(plain):
        return False
    if opened and _NOW_AND_THEN.search(plain):
        return not any(_HOURS.search(part) and speaks_of_times_alone(part) for part in opened)
    if not opened or not all(_HOURS.search(part) and speaks_of_times_alone(part) for part in opened):
        return False
    opened = [part for part in opened if _DAYS.search(part) or not _HOLIDAY.search(part)]
    days = (any(holds_at(part, time, day) for part in opened for time in _OFFICE_HOURS) for day in _WEEKDAYS)
    return sum(days) <= 1


def _parts(hours: str) -> list[str]:
    return [part.strip() for part in re.split("[;，。；\n]", hours) if part.strip()]  # noqa: RUF001 -- as tables in Chinese part them


def _spelt(hours: str) -> str:
    """Return opening hours with the days and times of OpenStreetMap."""
    parts = (unicodedata.normalize("NFKC", part).casefold() for part in _parts(hours))
    plain = _CHINESE_WEEK.sub(_days, _SO_MANY.sub("", ";".join(parts)))
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
