"""How the cells of a workbook are shown: number formats and what they say, and text that is struck through."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from accessibility.sources.quantities import counted_instead, held_instead

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Mapping

_ZEROS = re.compile(r"0{2,}")  # a spreadsheet's format of codes that keep their leading zeros
_PERCENTAGES = {"9": "0%", "10": "0.00%"}  # formats that every workbook has
_CURRENCY = re.compile(r"\[\$([^\]-]*)[^\]]*\]")  # whatever stands there is shown
_CONDITION = re.compile(r"\[[^\]]*\]")
_COMPARES = re.compile(r"\[[<>=]")
_LITERAL = re.compile(r'"[^"]*"|[\\!].|[_*].')
_PLACES = re.compile("[-+0#?.,/ ]|General|G/通用格式", re.IGNORECASE)  # of digits
_SHOWS = re.compile("[0#?@ymdhs]|general|通用|常规|标准", re.IGNORECASE)
_RUN_STRUCK = b"strike"
_DIVIDED = {2: "hundreds", 3: "thousands", 4: "ten thousands", 6: "millions"}  # powers of ten
_DRAWN_POINT = re.compile(r"(?<=[0#?])(?:[\\\\!]\.|\"\.\")(?=[0#?])")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.(\d+))?")
_EXPONENT = re.compile(r"\dE[+-]?\d")
_DIGITS_ADDED = "numbers that its format adds digits to"


class CellFormat(NamedTuple):
    """How a cell is shown."""

    zeros: int = 0  # digits that it has at least
    unit: str = ""  # what it says that numbers are, where it says so
    struck: bool = False
    blank: bool = False  # whether it shows a number as none
    shown: str = ""  # in what its numbers are shown, where they are divided for that


PLAIN = CellFormat()


def local_name(element: ET.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def cell_formats(archive: zipfile.ZipFile) -> dict[str, CellFormat]:
    """Return the cell styles that show a cell in another way than plainly."""
    codes, told = dict(_PERCENTAGES), {}
    struck: set[str] = set()
    for element in ET.fromstring(archive.read("xl/styles.xml")).iter():  # noqa: S314
        if local_name(element) == "numFmt":
            codes[element.get("numFmtId", "")] = element.get("formatCode", "")
        elif local_name(element) == "fonts":
            struck = {str(at) for at, font in enumerate(element) if any(map(_is_strike, font))}
        elif local_name(element) == "cellXfs":
            for at, style in enumerate(element):
                code = codes.get(style.get("numFmtId", ""), "")
                zeros = len(code) if _ZEROS.fullmatch(code) else 0
                own = style.get("fontId", "") in struck
                blank = bool(code) and _shows_none(code)
                told[str(at)] = CellFormat(zeros, unit_of_format(code), own, blank, shown_in(code))
    return {style: form for style, form in told.items() if form != PLAIN}


def _is_strike(part: ET.Element) -> bool:
    return local_name(part) == "strike" and part.get("val", "1") not in ("0", "false")


def struck_texts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return what is left of the shared texts of a workbook that are struck through in part, by their numbers."""
    with archive.open("xl/sharedStrings.xml") as stream:
        before, found = b"", False
        while not found and (chunk := stream.read(1 << 20)):
            found, before = _RUN_STRUCK in before + chunk, chunk[-len(_RUN_STRUCK) :]
    texts: dict[str, str] = {}
    if not found:
        return texts
    with archive.open("xl/sharedStrings.xml") as stream:
        number, holder = 0, None
        for event, element in ET.iterparse(stream, events=("start", "end")):  # noqa: S314 -- sizes are bounded above
            holder = element if holder is None else holder
            if event == "end" and local_name(element) == "si":
                left = _left_of(element)
                texts |= {} if left is None else {str(number): left}
                number += 1
                holder.clear()
    return texts


def text_left(cell: ET.Element, texts: Mapping[str, str]) -> str | None:
    """Return what is left of the text of a cell that is struck through in part; None where none is."""
    for part in cell:
        if local_name(part) == "is":
            return _left_of(part)
        if local_name(part) == "v" and cell.get("t") == "s":
            return texts.get(part.text or "")
    return None


def _left_of(text: ET.Element) -> str | None:
    """Return the runs of a text that are not struck through; None where none is."""
    runs = [run for run in text if local_name(run) == "r"]
    kept = [run for run in runs if not any(map(_is_strike, run.iter()))]
    left = "".join(part.text or "" for run in kept for part in run if local_name(part) == "t").strip()
    return None if len(kept) == len(runs) else left


def _shows_none(code: str) -> bool:
    """Return whether a number format shows a number as nothing, or as a sign.

    Examples
    --------
    >>> [_shows_none(code) for code in (";;;", '"—"', "0", "General", "yyyy-mm-dd", '#,##0"人"')]
    [True, True, False, False, False, False]
    """
    sections = code.split(";") if _COMPARES.search(code) else code.split(";")[:1]
    return not any(_SHOWS.search(_LITERAL.sub("", _CONDITION.sub("", part))) for part in sections)


def unit_of_format(code: str) -> str:
    """Return what a number format of a spreadsheet says that its numbers are; nothing where they may be persons.

    A format that divides by a thousand or ten thousand to show so is one of persons: those are stored.

    Examples
    --------
    >>> [unit_of_format(code) for code in ("0.0%", '0.0"万人"', '#,##0" thousand"', '0"人/km²"')]
    ['a share', 'ten thousands', 'thousands', 'a density']
    >>> [unit_of_format(code) for code in ("#,##0", '0"人"', '0.0,"k"', '0!.0,"万"', "General")]
    ['', '', '', '', '']
    >>> [unit_of_format(code) for code in ('0"000"', '0.0"‰"', '0" k"', '0"户"')]
    ['numbers that its format adds digits to', 'a share', 'thousands', 'households']
    """
    spelt = _CURRENCY.sub(r'"\1"', code)
    sections = spelt.split(";") if _COMPARES.search(spelt) else spelt.split(";")[:1]
    return next(filter(None, map(_unit_of_section, sections)), "")


def shown_in(code: str) -> str:
    """Return in what a number format shows the numbers that it divides; nothing where it shows them as they are.

    A comma behind the digits divides by a thousand, a point that is drawn among them by ten for each digit behind it.

    Examples
    --------
    >>> [shown_in(code) for code in ('0!.0,"万"', "0.0,", "0!.0000", "#,##0", "0.00,,", '"第"0,')]
    ['ten thousands', 'thousands', 'ten thousands', '', 'millions', 'thousands']
    """
    section = _CONDITION.sub("", code.split(";", maxsplit=1)[0])
    drawn = _DRAWN_POINT.split(section, maxsplit=1)
    behind = len(re.findall("[0#?]", drawn[1])) if len(drawn) > 1 else 0
    commas = re.search("[0#?](,+)(?![0#?,])", _LITERAL.sub("", section))
    return _DIVIDED.get(behind + 3 * (len(commas[1]) if commas else 0), "")


def read_shown(value: float, text: str) -> CellFormat:
    """Return how a number is shown by the text that its cell shows, where a file holds both.

    Examples
    --------
    >>> [read_shown(12_000, text).shown for text in ("12000", "1.2万", "12", "12,000人", "1.2E+04")]
    ['', 'ten thousands', 'thousands', '', '']
    >>> [read_shown(1.2, text).unit for text in ("1.2", "1.2万", "1.2 户", "1.2%")]
    ['', 'ten thousands', 'households', 'a share']
    """
    found = _NUMBER.search(text)
    if found is None or _EXPONENT.search(text):
        return PLAIN
    number, decimals = float(found[0].replace(",", "")), len(found[1] or "")
    if abs(number) >= 10 * abs(value) > 0:
        return PLAIN._replace(unit=_DIGITS_ADDED)
    for power, unit in _DIVIDED.items():
        if value and abs(number * 10**power - value) <= 0.6 * 10.0 ** (power - decimals) and number != value:
            return PLAIN._replace(shown=unit)
    words = text[: found.start()] + text[found.end() :]
    return PLAIN._replace(unit=held_instead(f"0 {words}") or counted_instead(f"({words.strip()})"))


def _unit_of_section(code: str) -> str:
    """Return what a part of a number format says, that of positive numbers or of those that meet a condition."""
    section = _CONDITION.sub("", code)
    bare = _LITERAL.sub("", section)
    if re.search("[0#?],+(?![0#?,])", bare):
        return ""
    words = "".join(found.strip('"\\!') for found in _LITERAL.findall(section)) + _PLACES.sub("", bare)
    if re.fullmatch("[0-9 .,]*[0-9][0-9 .,]*", words):
        return _DIGITS_ADDED
    return held_instead(f"0 {words}") or counted_instead(f"({words})")
