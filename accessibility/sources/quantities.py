"""What names, units and titles say that numbers of people are where they are not persons: thousands, a density."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING

from accessibility.errors import Finding, InputError
from accessibility.sources.tables.columns import attributes, columns_meaning, numbers
from accessibility.wording import day_text, plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

# ruff: noqa: RUF001, RUF002 -- Chinese has its own punctuation


PER_AREA = re.compile(
    r"(?:/|\b(?:per|je|pro)\b)\s*(?:1\s*)?(?:sq(?:uare|\.)?\s*)?(?:km|kilomet|mi\b|mi2|mile|ha\b|hectare|hektar|acre|m\^?2\b)"
    r"|\b(?:km|ha)\s*(?:\^|\*\*)?\s*-\s*[12]\b|[/每]\s*(?:平方公里|平方千米|公顷|亩|平方米)",
    re.IGNORECASE,
)
_THOUSAND = r"1[, ]?000s?\b(?!\s*m)"
_ENDS = r"(?=\s*(?:人|名|口|$|[)\]】/]))"
_HELD = {  # words as short as the ten letters of a Shapefile's name may leave them
    "a density": r"densit|dichte|密度|\bpop ?dens?\b",
    "millions": rf"millio|\b(?:mio|mln)\b|млн|百万|亿{_ENDS}|\b10\s*(?:\^|\*\*)\s*6\b|\b1e6\b",
    "ten thousands": rf"万{_ENDS}|\bwan\b|\b10\s?k\b|\b10[, ]?000s?\b(?!\s*m)|\b10\s*(?:\^|\*\*)\s*4\b|\b1e4\b",
    "thousands": "|".join(
        (
            rf"thousa|\btsd\b|тыс|千{_ENDS}|'000|\b10\s*(?:\^|\*\*)\s*3\b|\b1e3\b|[ (]k\)?$",
            rf"(?:\bin |[(/x×*]\s?){_THOUSAND}|\b{_THOUSAND}\s*(?:of )?(?:persons?|people|inhabitants|pop|人)",
        )
    ),
    "hundreds": rf"百{_ENDS}|\bhundreds?\b",
    "an average": r"[/每]户|户均|人均|\b(?:per|each) (?:household|family|capita|dwelling)",
    "a share": r"[%‰]|\b(?:pct|share|ratio|rate)\b|\bpercent?|propor|fraction|占比|比例|比重|百分比|率(?=$|\W)",
    "a logarithm": r"\blog(?:10|2)?\b|\bln\b",
    "running sums": r"\bcumulat|\brunning (?:total|sum)|累计|累积",
}
_OTHERS = {
    "households": r"\bhouseholds?\b|\bhhs?\b|\bfamilies\b|户数|住户|家庭户|[(/]户(?=\)|$)",
    "visits": r"人次|\bvisits?\b",
    "dwellings": r"\bdwellings?\b|\bhousing units?\b|住房|套数",
    "jobs": r"\bjobs?\b|\bemploy|\bworkers?\b|就业|岗位|职工",
    "pupils or beds": r"\b(?:students?|pupils?|beds?)\b|学生|在校生|学位|床位",
    "people by day": r"\bday ?(?:time)?\b|\bwork(?:ing)? ?days?\b|日间|白天",
    "telephones": r"信令|\bsignall?ing\b|手机用户",
    "people of a square kilometre": r"\bkm2\b|\bsq ?km\b",
    "people whom something serves": r"(?:服务|覆盖|受益|惠及)(?:半径)?人口|\b(?:served|beneficiar(?:y|ies))\b",
    "births or deaths": r"\bbirths?\b|\bdeaths?\b|\bpregnan|出生|死亡",
    "changes": r"\b(?:change|diff|difference|growth|increase|decrease|increment)\b|净增|增长|新增|增量|增减|变化",
    "people registered there, wherever they live": r"户籍|户口|\bregistered\b|\bhukou\b",
    "people to come": (
        r"(?:规划|设计|目标|预测|远期)年?末?(?:常住|总)?人口|预测"
        r"|\b(?:projected|projections?|forecast|planned)\b"
    ),
    "a mean, an extreme or an error": (
        r"(?:^|[ (])(?:mean|avg|average|median|std|stdev|min|max|variance|uncertainty|error|err|se|ci)(?:$|[ )])"
        "|平均|均值|最[大小]值|标准差"
    ),
    "numbers that were scaled": r"\b(?:norm|normali[sz]ed|z ?scores?|scaled|weights?)\b|归一化|标准化|权重",
    "ranks or scores": r"\b(?:rank|ranking|score|index|idx)\b|排名|名次|位次|得分|评分|指数",
}
_SHOWS = {
    "land cover": r"\b(?:land ?(?:cover|use)|lulc|clcd|worldcover|globeland\d*|clc\d*)\b|土地(?:利用|覆)|地表覆盖",
    "classes": r"\b(?:smod|lcz|class(?:es|ified|ification)?)\b|分类",
    "built-up land": r"\bbuilt\b|建成区|不透水",
    "heights": r"\b(?:dem|dsm|dtm|srtm|elevation|slope|heights?)\b|高程|坡度|海拔|楼高",
    "lights": r"\b(?:night ?(?:time ?)?lights?|viirs|dmsp|ntl)\b|夜光|夜间灯光|灯光",
    "vegetation": r"\b(?:ndvi|evi|ndbi|ndwi)\b|植被",
    "money": r"\bgdp(?![a-z])|生产总值",
    "buildings": r"\bbuildings?\b|建筑物",
    "a mask": r"\bmask\b|掩膜",
    "a travel time": r"\btravel ?times?\b|\bfriction\b|可达",
    "a heat map": r"\bheat ?maps?\b|热力",
}
_PARTS = {
    "one sex": (
        r"(?<![a-z])(?:[fm] \d{1,2}(?: |$)|(?:fe)?male\b|women\b|men\b|girls\b|boys\b)"
        r"|\b[a-z]{3} [fm] (?:19|20)\d\d\b|(?:女|男)(?:性|$|人口)"
    ),
    "some ages": (
        r"\b(?:under|over|above) ?\d{1,2}\b|(?<!\d)\d{1,2} ?(?:\+|plus\b)|\b(?:elderly|children)\b"
        r"|\d{1,2}周?岁|老年人口?(?=$|\W|\d)|老龄人口|儿童人口"
    ),
    "some people": (
        r"(?:城镇|城市|农村|乡村|农业|非农业?|流动|外来|暂住|就业|失业|贫困|参保)(?:常住)?人口|参保人数|抽样"
        r"|\b(?:insured|migrants?|sampled)\b"
    ),
}
_RAISED = re.compile("(?<=10)[\xb2\xb3\u2070-\u2079]+")  # of ten
_UNIT = re.compile(
    r"单位\s*[:为是]?\s*([^)\]】]+)|\b(?:units?|unit of measure)\s*[:=]\s*([^)\]]+)|\b(in [\w', ]+)|^\(([^)]*)\)$",
    re.IGNORECASE,
)
_UNIT_OF_OTHERS = re.compile(r"户|人次|households?|hhs?|dwellings?|jobs?|visits?")
_PERSONS = re.compile(r"人|个|persons?|people|inhabitants")


def held_instead(text: str) -> str:
    """Return what a name or a unit says that numbers are; nothing where they may be persons.

    Examples
    --------
    >>> [held_instead(text) for text in ("常住人口(万人)", "pop_thousands", "Population density", "60+ %")]
    ['ten thousands', 'thousands', 'a density', 'a share']
    >>> [held_instead(text) for text in ("pop_thousa", "pop_percen", "pop_densit")]  # as Shapefiles cut names
    ['thousands', 'a share', 'a density']
    >>> [held_instead(text) for text in ("population", "万州区人口", "pop_1000m", "户籍人口")]
    ['', '', '', '']
    """
    plain = plain_words(_RAISED.sub(r"^\g<0>", text))
    if PER_AREA.search(plain):
        return "a density"
    return next((what for what, pattern in _HELD.items() if re.search(pattern, plain)), "")


def counted_instead(text: str) -> str:
    """Return what a column counts that is no person by its name; nothing where it may count persons.

    Examples
    --------
    >>> counted_instead("户数"), counted_instead("户籍人口"), counted_instead("Dwellings 2020")
    ('households', 'people registered there, wherever they live', 'dwellings')
    """
    plain = plain_words(text)
    return next((what for what, pattern in _OTHERS.items() if re.search(pattern, plain)), "")


def years_to_come(name: str) -> list[str]:
    """Return the years after this one of which a name speaks.

    Examples
    --------
    >>> years_to_come("GHS_POP_E2090_R2023A"), years_to_come("pop_2020"), years_to_come("grid_2097m")
    (['2090'], [], [])
    """
    return [year for year in re.findall(r"(?<!\d)20\d\d(?!\d|\s*k?m(?![a-z]))", name) if year > day_text()[:4]]


def shown_instead(name: str) -> str:
    """Return what the name of a map speaks of that are no people; nothing where it may show people.

    Examples
    --------
    >>> [shown_instead(name) for name in ("CLCD_v01_2022", "srtm_dem", "全国土地利用", "demand", "pop_by_class")]
    ['land cover', 'heights', 'land cover', '', '']
    """
    plain = plain_words(name.replace("-", " "))
    if re.search("pop|people|person|inhabit|人口", plain):
        return ""
    return next((what for what, pattern in _SHOWS.items() if re.search(pattern, plain)), "")


def part_of_people(name: str) -> str:
    """Return of which part of all people the name of a file or a sheet speaks; nothing where it may be of all.

    Examples
    --------
    >>> [part_of_people(name) for name in ("chn_f_65_2020_1km", "CHN_under_18", "60岁以上人口", "pop_women")]
    ['one sex', 'some ages', 'some ages', 'one sex']
    >>> [part_of_people(name) for name in ("chn_ppp_2020", "age_sex_all", "老年友好社区人口", "f_2020")]
    ['', '', '', '']
    """
    plain = plain_words(name)
    return next((what for what, pattern in _PARTS.items() if re.search(pattern, plain)), "")


def unit_of_title(title: str) -> str:
    """Return what a title above a table says that its numbers are; nothing where it speaks of persons, or of no unit.

    Examples
    --------
    >>> [unit_of_title(text) for text in ("单位：万人", "Population (in thousands)", "单位：人、万元", "万人计划 2020")]
    ['ten thousands', 'thousands', '', '']
    >>> unit_of_title("单位：户"), unit_of_title("填报单位：就业局")
    ('households', '')
    """
    plain = unicodedata.normalize("NFKC", title).strip()
    for found in _UNIT.finditer(plain):
        parts = [part.strip() for part in re.split(r"[、,;/](?!\d)", "".join(filter(None, found.groups())))]
        if not any(_PERSONS.fullmatch(part) for part in parts):
            units = (counted_instead(f"({part})") for part in parts if _UNIT_OF_OTHERS.fullmatch(part.casefold()))
            said = next(filter(None, (*map(held_instead, parts), *units)), "")
            if said:
                return said
    return ""


_BETWEEN = re.compile(r"(\d{1,3})(?:[-~_–]|至|to)(\d{1,3})")
_FROM = re.compile(r"(?:(?:over|above|>=?|≥)(\d{1,3})|(\d{1,3})(?:\+|及?以上|and(?:over|above|older)|plus))")
_BELOW = re.compile(r"(?:(?:under|below|<|小于)(\d{1,3})|(\d{1,3})(?:以下|andunder))")


def ages_of(name: str) -> tuple[float, float] | None:
    """Return the first and last year of age of a group by its name; None where it names none.

    Examples
    --------
    >>> ages_of("60+"), ages_of("0-14"), ages_of("15至59岁"), ages_of("65岁及以上"), ages_of("women")
    ((60.0, inf), (0.0, 14.0), (15.0, 59.0), (65.0, inf), None)
    >>> ages_of("65 and over"), ages_of("under 15"), ages_of("14岁以下")
    ((65.0, inf), (0.0, 15.0), (0.0, 14.0))
    """
    plain = re.sub("years?|aged?|周岁|岁|[ .]", "", unicodedata.normalize("NFKC", name).casefold())
    between, above, below = (pattern.fullmatch(plain) for pattern in (_BETWEEN, _FROM, _BELOW))
    if between:
        return float(between[1]), float(between[2])
    if below:
        return 0.0, float(below[1] or below[2])
    return (float(above[1] or above[2]), math.inf) if above else None


_UNIT_HEADING = re.compile(r"(计量|数量|人口)?单位|(population )?units?( of measure)?")


def refuse_no_persons(table: pd.DataFrame, column: str, source: str) -> None:
    """Raise `InputError` where something says that the numbers of a column are thousands, a density or a share.

    Its name says so, the number format of its cells, a title or a note of the table, or a column of units; of numbers
    that a format divides to show them so, all of them say what is shown, and persons are held.

    Parameters
    ----------
    table
        As `accessibility.sources.tables.reading.read_table` returns it.
    column, source
        The column and the file.
    """
    shown = table.attrs.get("shown", {}).get(column, "")
    for what in (held_instead(column), table.attrs.get("units", {}).get(column, "")):
        if what and what not in (*_OTHERS, shown):
            msg = f"{source}: column {column!r} seems to hold {what}; expected persons"
            raise InputError(msg)
    for title in _titles(table):
        what = unit_of_title(title)
        if what and what not in (*_OTHERS, shown):
            msg = f"{source}: the title {title!r} says {what}; expected persons in column {column!r}"
            raise InputError(msg)


def _titles(table: pd.DataFrame) -> Iterator[str]:
    """Yield what is said of a whole table: its titles and notes, and the cells of a column of units."""
    yield from table.attrs.get("titles", ())
    for name in attributes(table):
        if _UNIT_HEADING.fullmatch(plain_words(name)):
            yield from (f"{name}: {cell}" for cell in table[name].unique())


def report_no_persons(table: pd.DataFrame, column: str, source: str, *, given: bool) -> list[Finding]:
    """Return findings where a column seems to count no persons, or another one may be the one that is meant.

    Parameters
    ----------
    table, column, source
        As `refuse_no_persons` takes them.
    given
        Whether the study names the column.
    """
    found = []
    said = (table.attrs.get("units", {}).get(column, ""), *map(unit_of_title, _titles(table)))
    unit = next((what for what in (counted_instead(column), *said) if what in _OTHERS), "")
    if not unit and years_to_come(column):
        unit = "people to come"
    if unit:
        message = f"column {column!r} seems to count {unit}: whatever is said of people is said of these"
        found.append(Finding(code="no-persons", source=source, message=message))
    for name in (source.rsplit(".", 1)[0], table.attrs.get("sheet", "")):
        unit = held_instead(name) or counted_instead(name)
        if unit:
            message = f"the name {name!r} speaks of {unit}; read as persons: is that right?"
            found.append(Finding(code="unit-by-name", source=source, message=message))
    for name in (source.rsplit(".", 1)[0], table.attrs.get("sheet", ""), column):
        unit = part_of_people(name)
        if unit:
            message = f"the name {name!r} speaks of {unit}; read as all people: is that right?"
            found.append(Finding(code="part-by-name", source=source, message=message))
    others = [] if given else [name for name in columns_meaning(table, "population") if name != column]
    if others:
        people = f"{numbers(table[column], source=source, column=column, of='people').sum():,.0f}"
        message = f"column {column!r} is read, {people} people in all; {', '.join(others)} may be people, too"
        found.append(Finding(code="other-people", source=source, message=message))
    return found
