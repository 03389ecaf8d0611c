"""The columns of a table by what they mean, in Chinese and English, and numbers in their cells, read strictly."""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.wording import plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


WORDS: Mapping[str, Mapping[str, Sequence[str]]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text("utf-8")
)
"""Words of headings and of cells, by what they mean."""
ALIASES = WORDS["headings"]
AXES = ("lon", "lat", "coordinates")
JOINER = " / "
"""Between the two parts of a name that stood in a heading of two rows."""


DECIDING = frozenset(
    (*AXES, "kind", "partner", "status", "cost", "capacity", "population", "setting", "limit", "code", "typecode")
)
"""Meanings of columns that decide on figures: a formula there without its value is refused."""


DIVISIONS = ("township", "district", "city", "province")
"""Meanings of columns that may name the district of a study, whatever its districts are, the smallest first."""


_YEAR = r"(?:19|20)\d\d(?:年(?:\d{1,2}月)?)?[末底度初]?"
_PERSONS = r"(?:单位[:为]?)?(?:人|口|persons?|people)"
_COUNTED = rf"(?:{_YEAR})?[,、;]?(?:{_PERSONS})?"
_DEGREES = (
    r"(?:单位:?)?(?:°|度|deg|degrees?|十进制度?|度分秒|小数度|decimaldegrees?|米|m)?|坐标|e|n"
    r"|小数点后\d位|保留\d位小数"
)
_DATUM = re.compile(r"(?:gcj-?02|bd-?09|wgs-?(?:19)?84|cgcs-?2000|gps|高德|百度|腾讯|火星)(?:坐标系)?")
_MONEY = re.compile(r"(?:单位[:为]?)?([百千万亿]*元|人民币|yuan|rmb|cny)")
_CHOICE = r".*[/、,;√].*"
_REMARK = (
    r"(?!.*(?:代码|编码|拼音|英文|旧|曾用|历史|code|pinyin|english|old|former)).*"  # no codes or other names of it
)
_BESIDE: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("lon", "lat"), _DEGREES)
    | {"coordinates": rf"{_DEGREES}|(?:经度|lon|lng|x)[,、/;]?(?:纬度|lat|y)"}
    | dict.fromkeys(("population", "people_60", "people_65"), _COUNTED)
    | {"capacity": _PERSONS, "cost": _MONEY.pattern}
    | dict.fromkeys(("kind", "partner", "status", "closed", "setting"), _CHOICE)
    | dict.fromkeys(("id", "name", "address", "bank", "services", "hours", "windows", "phone", "village"), _REMARK)
    | dict.fromkeys(DIVISIONS, _REMARK)
)
"""What may stand in brackets behind a name and leaves its meaning, and the unit of its numbers, as it is."""

_ASKED = r"必填项?|选填项?|非必填|可选|required|optional"
_BRACKETS = re.compile(r"(.+?)(?:[(\[【]([^()\[\]【】]*)[)\]】]|/(°|度|人|元))")
_STARS = "*※★☆:"
_LONGEST = 200  # letters of a heading that is looked through for notes, one pair of brackets after the other


def find_column(table: pd.DataFrame, wanted: str, *, source: str, given: str | None = None) -> str | None:
    """Return the name of the column that means `wanted`, None where no column does.

    Parameters
    ----------
    table
        The table.
    wanted
        One of `ALIASES`; spaces, underscores, case and full-width letters make no difference, nor do stars, and
        notes in brackets that leave the unit as it is. Of a heading of two rows the whole name counts first, then its
        lower part where no other column shares it.
    source
        The file, for the message.
    given
        The name that the study gives; then only that column will do.

    Raises
    ------
    InputError
        `given` is not among the columns, or a column that decides on figures has formulas without a stored value.

    Examples
    --------
    >>> import pandas as pd
    >>> find_column(pd.DataFrame(columns=["网点编号", "经度"]), "lon", source="t.csv")
    '经度'
    >>> find_column(pd.DataFrame(columns=["村名", "常住人口(人)"]), "population", source="t.csv")
    '常住人口(人)'
    """
    if given is not None:
        plain = {_plain(str(column)): str(column) for column in reversed(attributes(table))}
        if given not in table.columns and _plain(given) not in plain:
            raise InputError(no_column(table, given, source=source))
        return _computed(table, given if given in table.columns else plain[_plain(given)], wanted, source)
    found = columns_meaning(table, wanted)
    return _computed(table, found[0], wanted, source) if found else None


def columns_meaning(table: pd.DataFrame, wanted: str) -> list[str]:
    """Return the columns that may mean `wanted`, the one that is read first; of people, those of the last year before.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(columns=["*村名", "2020年常住人口", "2023年常住人口(人)", "户籍人口(万人)"])
    >>> columns_meaning(table, "name"), columns_meaning(table, "population")
    (['*村名'], ['2023年常住人口(人)', '2020年常住人口'])
    """
    plain = {_plain(column): column for column in reversed(attributes(table))}
    lower = [(_plain(name.rsplit(JOINER, 1)[-1]), name) for name in plain.values() if JOINER in name]
    shared = [part for part, _ in lower]
    plain = {part: name for part, name in lower if shared.count(part) == 1} | plain
    aliases = [_plain(name) for name in ALIASES[wanted]]
    found: list[tuple[bool, int, bool, int, int, str]] = []
    for part, name in plain.items():
        core = part if part in aliases else _without_notes(part, wanted)
        if core in aliases:
            # One that names a datum comes after those that name none, which were always read.
            other = wanted in AXES and _DATUM.search(part) is not None
            found.append((other, aliases.index(core), part != core, -year_of(part), -len(found), name))
    return list(dict.fromkeys(name for *_, name in sorted(found)))


def in_other_unit(table: pd.DataFrame, wanted: str) -> str | None:
    """Return a column whose name means `wanted` but for what stands behind it in brackets, None where there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> in_other_unit(pd.DataFrame(columns=["网点名称", "服务能力(人/日)"]), "capacity")
    '服务能力(人/日)'
    """
    aliases = {_plain(name) for name in ALIASES[wanted]}
    for column in attributes(table):
        behind = _BRACKETS.fullmatch(_plain(column[:_LONGEST]).strip(_STARS))
        if behind is not None and behind[1] in aliases and column not in columns_meaning(table, wanted):
            return column
    return None


def money_of(column: str) -> str:
    """Return the money that stands in brackets behind a name; nothing where none does.

    Examples
    --------
    >>> money_of("建设成本(万元)"), money_of("cost"), money_of("cost()")
    ('万元', '', '')
    """
    behind = _BRACKETS.fullmatch(_plain(column[:_LONGEST]).strip(_STARS))
    said = behind and _MONEY.fullmatch(_note(behind))
    return said[1] if said else ""


def _without_notes(part: str, wanted: str) -> str:
    """Return a plain name without stars, and without notes that say nothing else of what it means."""
    part = part.strip(_STARS)
    if len(part) > _LONGEST:
        return part
    if wanted in AXES:
        part = _DATUM.sub("", part)
    aliases = [_plain(name) for name in ALIASES[wanted]]
    allowed = rf"(?:{_BESIDE.get(wanted, '')}|{_ASKED}|{'|'.join(map(re.escape, aliases))})"
    while part not in aliases and (behind := _BRACKETS.fullmatch(part)):
        if not re.fullmatch(allowed, _note(behind)):
            return part
        part = behind[1].strip(_STARS)
    return re.sub(rf"^{_YEAR}|{_YEAR}$", "", part) if _BESIDE.get(wanted) == _COUNTED else part


def year_of(name: str) -> int:
    """Return the last year that a name speaks of; 0 where it speaks of none.

    Examples
    --------
    >>> year_of("2010-2020 growth"), year_of("POP")
    (2020, 0)
    """
    return int(([0, *re.findall(r"(?:19|20)\d\d", name)])[-1])


def _note(behind: re.Match[str]) -> str:
    """Return what stands behind a name, in brackets or after a stroke."""
    return str(behind[3] if behind[2] is None else behind[2])


def _computed(table: pd.DataFrame, column: str, wanted: str, source: str) -> str:
    """Return a column that decides on figures; raise `InputError` where it has formulas without a value."""
    rows = table.attrs.get("uncomputed", {}).get(column, [])
    rows = [row for row in rows if row in table.index]
    if rows and wanted in DECIDING:
        msg = (
            f"{source}: column {column!r}: {len(rows)} cells are formulas without a stored value, or errors: rows "
            f"{', '.join(map(str, rows[:10]))}; expected values: open the workbook in Excel or WPS and save it"
        )
        raise InputError(msg)
    return column


def check_meanings(columns: Mapping[str, str], *, source: str) -> None:
    """Raise `InputError` where a study names the column of a meaning that is none."""
    unknown = sorted(set(columns) - set(ALIASES))
    if unknown:
        msg = f"{source}: columns names {', '.join(unknown)}; expected some of {', '.join(ALIASES)}"
        raise InputError(msg)


def require_column(table: pd.DataFrame, wanted: str, *, source: str, given: str | None = None) -> str:
    """Return the name of the column that means `wanted`; raise `InputError` that says which there are.

    Of people of several years, one of which may be planned, none is chosen.
    """
    column = find_column(table, wanted, source=source, given=given)
    years = [name for name in columns_meaning(table, wanted) if _BESIDE.get(wanted) == _COUNTED and year_of(name)]
    if given is None and column in years[:1] and len({year_of(name) for name in years}) > 1:
        msg = (
            f"{source}: {', '.join(years)} are people of several years; expected the column that is meant in the study"
        )
        raise InputError(msg)
    if column is None:
        expected = ", ".join(ALIASES[wanted][:8])
        msg = f"{no_column(table, wanted, source=source)}; expected one of {expected}, or name it in the study"
        raise InputError(msg)
    return column


def no_column(table: pd.DataFrame, name: str, *, source: str) -> str:
    """Return the sentence that a column is missing: which there are, and which are spelt alike."""
    there = attributes(table)
    close = difflib.get_close_matches(name, there, n=3, cutoff=0.6)
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    return f"{source}: no column {name!r}; it has {', '.join(there) or 'none'}{hint}"


def attributes(table: pd.DataFrame) -> list[str]:
    """Return the names of the columns that are not geometry."""
    geometry = getattr(table, "_geometry_column_name", None)
    return [str(column) for column in table.columns if column != geometry]


def _plain(name: str) -> str:
    return plain_words(name).replace(" ", "")


NUMBER = re.compile(r"[+-]?(\d++\.?\d*|\.\d+|[1-9]\d{0,2}(,\d{3})+(\.\d*)?)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?(\d++,?\d*|,\d+|[1-9]\d{0,2}(\.\d{3})+(,\d*)?)([eE][+-]?\d+)?")
_THREE_AFTER = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}")  # thousands, or decimals
_NOTED = re.compile(r"(?!\d)[\xb2\xb3\xb9\u2070-\u209f\u2460-\u24ff\u2776-\u2793\u3248-\u324f\u3251-\u32bf]")
_SPACED = re.compile(r"(?<=\d)[ '’](?=\d{3}(?!\d))")  # noqa: RUF001 -- as spreadsheets of some countries write it
_GROUP = 3
SHOWN = 10
_BLANK = frozenset({"", "nan", "null", "none", "n/a", "na", "<na>", "-", "--", "—", "/", "无"})
_OF_SEVERAL = {"is not a number": "are no numbers", "begins with another type code": "begin with another type code"}
_OF_SEVERAL |= {"names another coordinate system": "name another coordinate system"}


def cell_text(value: Any) -> str:
    """Return a cell as the text a person would have typed: whole numbers without a point, nothing for nothing.

    Examples
    --------
    >>> [cell_text(v) for v in (330106000000.0, "001", 0.25, None, float("nan"), True)]
    ['330106000000', '001', '0.25', '', '', 'true']
    """
    if type(value) is str:  # most are
        return value.strip()
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    # A fourth decimal says that the point of a number groups no thousands, as that of a text may.
    return f"{text}0" if isinstance(value, float | np.floating) and _THREE_AFTER.fullmatch(text) else text


def parse_numbers(
    texts: pd.Series[Any], *, of: Literal["people", "degrees"] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return ``(n,)`` numbers, NaN where the cell is blank or no number, and where it is neither.

    Full-width digits are read, and one sign parts the decimals of the whole column: a comma where some cell can only be
    read so (``12,5``, ``1.234,5``), else a point. The other sign, a space or an apostrophe groups thousands. Anything
    else beside a number, such as ``121.47E``, is none; nor are cells that contradict the rest of the column.

    Parameters
    ----------
    texts
        The cells.
    of
        What they count, for a column where each sign stands before three digits: there are no thousands of degrees, and
        people are whole, so that ``1.234`` beside numbers below a thousand is one.

    Examples
    --------
    >>> import pandas as pd
    >>> values, bad = parse_numbers(pd.Series(["12.5", "1,234", "", "121.47E"]))
    >>> values.tolist(), bad.tolist()
    ([12.5, 1234.0, nan, nan], [False, False, False, True])
    >>> parse_numbers(pd.Series(["12,5", "1.234"]))[0].tolist()
    [12.5, 1234.0]
    """
    if texts.dtype.kind in "iuf":
        values = texts.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        bad = np.isinf(values)
        values[bad] = np.nan
        return values, bad
    row_of, plain = _alike(texts)
    sign = _decimal_sign(plain, of)
    pattern = NUMBER if sign == "." else _COMMA_NUMBER
    values, bad = np.full(len(plain), np.nan), np.zeros(len(plain), dtype=np.bool_)
    for row, text in enumerate(plain):
        if pattern.fullmatch(text):
            values[row] = float(text.replace(",", "") if sign == "." else text.replace(".", "").replace(",", "."))
            bad[row] = not np.isfinite(values[row])
        else:
            bad[row] = text.casefold() not in _BLANK
    values[bad] = np.nan
    return values[row_of], bad[row_of]


def _alike(texts: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Return which of the plain texts each cell is: most columns say the same again and again."""
    row_of, known = pd.factorize(np.array([str(text) for text in texts] or [""], dtype=object)[: len(texts)])
    return row_of, [_unspaced(text) for text in known]


def _unspaced(text: object) -> str:
    if _NOTED.search(str(text)):
        return str(text).strip()  # 10¹ has a note, and is not a hundred and one
    return _SPACED.sub("", unicodedata.normalize("NFKC", str(text)).strip())


def _sure_sign(texts: Sequence[str]) -> str | None:
    """Return the sign of decimals that some cell can only be read with, None where none says."""
    if any(NUMBER.fullmatch(text) and not _COMMA_NUMBER.fullmatch(text) for text in texts):
        return "."
    return "," if any(_COMMA_NUMBER.fullmatch(text) and not NUMBER.fullmatch(text) for text in texts) else None


def _decimal_sign(texts: Sequence[str], of: str | None) -> str:
    sure, three = _sure_sign(texts), _three_after(texts)
    if sure is not None or not three:
        return sure or "."
    if of == "degrees":
        return "," if three == {","} else "."
    return "," if of == "people" and three == {"."} and _few_beside(texts) else "."


def _three_after(texts: Sequence[str]) -> set[str]:
    return {found[1] for text in texts if (found := _THREE_AFTER.fullmatch(text))}


def _few_beside(texts: Sequence[str]) -> bool:
    """Return whether there are whole numbers, all below a thousand."""
    whole = [text for text in texts if text.isdecimal()]
    return bool(whole) and all(len(text) <= _GROUP for text in whole)


def ambiguous_sign(texts: pd.Series[Any]) -> tuple[str, NDArray[np.bool_]]:
    """Return the sign of which nothing says whether it groups thousands or parts decimals, and the ``(n,)`` cells.

    Examples
    --------
    >>> ambiguous_sign(pd.Series(["1.234", "2.500"]))[0], ambiguous_sign(pd.Series(["1.234", "850"]))[0]
    ('.', '')
    """
    nothing = "", np.zeros(len(texts), dtype=np.bool_)
    if texts.dtype.kind in "iuf":
        return nothing
    row_of, plain = _alike(texts)
    three = _three_after(plain)
    if _sure_sign(plain) or not three or _few_beside(plain):
        return nothing
    return min(three), np.array([bool(_THREE_AFTER.fullmatch(text)) for text in plain], dtype=np.bool_)[row_of]


def numbers(
    texts: pd.Series[Any], *, source: str, column: str, of: Literal["people", "degrees"] | None = None
) -> NDArray[np.float64]:
    """Return ``(n,)`` numbers as `parse_numbers` reads them, NaN where the cell is blank.

    Raises
    ------
    InputError
        Cells that hold something else; the message has their rows (the index of `texts`).
    """
    values, bad = parse_numbers(texts, of=of)
    if bad.any():
        msg = f"{source}: column {column!r}: {rows_text(texts, bad, 'is not a number')}; expected numbers"
        raise InputError(msg)
    return values


def rows_text(texts: pd.Series[Any], bad: NDArray[np.bool_], what: str) -> str:
    """Return how many cells are bad, and the first ones: their rows and what they hold; `what` is said of one cell."""
    shown = ", ".join(f"row {row} {_said(value)!r}" for row, value in texts[bad].head(SHOWN).items())
    count = int(bad.sum())
    if count > 1:
        what = re.sub("^is ", "are ", _OF_SEVERAL.get(what, what))
    return f"{count} cell{'' if count == 1 else 's'} {what}: {shown}{', ...' if count > SHOWN else ''}"


def _said(value: object) -> str:
    """Return a cell that is no text as a text has it."""
    if isinstance(value, complex):
        return f"{value.real}, {value.imag}"
    return value if isinstance(value, str) else cell_text(value)
