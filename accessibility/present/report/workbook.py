"""The workbook of a report: the tables of the page as sheets, numbers as numbers, text as text."""

from __future__ import annotations

import datetime as dt
import io
import math
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from accessibility.errors import visible
from accessibility.measures.tables import TOTAL
from accessibility.present.language import Locales
from accessibility.present.report.page import heading
from accessibility.present.report.sentences import (
    format_capacity,
    format_conditions,
    format_headline,
    format_own_walks,
    format_proposal,
    format_served,
)
from accessibility.present.report.sheets import Sheet, summary_rows, tabulate_sheets
from accessibility.sources.files import no_room, passing_folder, write_aside
from accessibility.wording import percent_text

if TYPE_CHECKING:
    import os

    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

    from accessibility.present.report.facts import Facts
    from accessibility.present.report.sheets import SheetColumn

_NUMBERS = {
    "count": "#,##0",
    "share": "0.0%",
    "least share": '"0.1%"',  # of somebody, and of not quite everybody, as `percent_text` says them
    "most share": '"99.9%"',
    "points": "+0.00;-0.00;0.00",
    "decimal": "#,##0.0",
    "degrees": "0.000000",
    "plain": "0",
    "sum": "#,##0.##",
}
_MOST_LETTERS = 32_767  # of a cell (Excel specifications and limits)
_MOST_NAME, _BANNED_IN_NAME = 31, re.compile(r"[\[\]:*?/\\]")
_WIDTHS, _HEADING_WIDTH = (7, 60), 11
_PAGE_WIDTH = 190  # letters that A4 across shows at a size one can read; wider tables take several pages
_DECIMALS = {"count": 1, "share": 15}
_HALF = 0.5  # what a program of tables shows as one more
_SAMPLE = 200
_EPOCH = dt.datetime(2000, 1, 1)  # noqa: DTZ001 -- what xlsxwriter writes has no zone
_NO_TEXT = re.compile("[\ud800-\udfff]")


def write_workbook(
    facts: Facts, path: str | os.PathLike[str], *, language: str = "en", dictionary: pd.DataFrame | None = None
) -> None:
    """Write the tables of a report as a workbook; the same facts give the same bytes.

    Numbers are numbers with a format: people to a tenth (near a half to a millionth), shares unrounded, all else to a
    millionth. No cell of text is ever a formula or a link. A missing figure is an empty cell.

    Parameters
    ----------
    facts
        Every figure.
    path
        Where to.
    language
        ``en``, ``zh`` or ``both``: headings and cells of words then stand in both.
    dictionary
        A data dictionary for the last sheet, where there is one.

    Raises
    ------
    InputError
        A language there is not.
    OutputError
        The file could not be written; one that was there is untouched.
    """
    import xlsxwriter  # noqa: PLC0415 -- `import accessibility` stays light

    locales = Locales.of(language)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    content, full = io.BytesIO(), None
    with passing_folder() as parts:  # where the sheets stand before they are packed
        book = xlsxwriter.Workbook(content, options | {"tmpdir": str(parts)})
        _describe(book, facts, locales)
        styles = _styles(book)
        _write_summary(_sheet(book, "summary", locales), facts, locales, styles)
        for sheet in tabulate_sheets(facts, _in_languages(dictionary, locales)).values():
            _write_table(_sheet(book, sheet.name, locales), sheet, locales, styles)
        try:
            book.close()
        except xlsxwriter.exceptions.FileCreateError as error:
            full = no_room(error)  # raised below: the half-made archive is gone then, as long as `content` is there
        if full is not None:
            raise full
    with write_aside(path) as aside:
        aside.write_bytes(content.getvalue())


def _in_languages(dictionary: pd.DataFrame | None, locales: Locales) -> pd.DataFrame | None:
    """Return a data dictionary without the columns of a language that the workbook does not speak."""
    if dictionary is None:
        return None
    spoken = {locale.language for locale in locales.in_order}
    unspoken = [name for name in ("meaning", "empty") if "en" not in spoken]
    unspoken += [f"{name}_zh" for name in ("meaning", "empty") if "zh" not in spoken]
    return dictionary.drop(columns=unspoken, errors="ignore")


def _describe(book: Workbook, facts: Facts, locales: Locales) -> None:
    """Set title and dates: the date of the report, never that of the clock."""
    try:
        created = dt.datetime.fromisoformat(facts.date).replace(tzinfo=None)
    except ValueError:
        created = _EPOCH
    title = locales.short(lambda t: t("report_title"), " · ")
    book.set_properties({"title": f"{title}: {_plain(facts.study)}", "created": created})


def _styles(book: Workbook) -> dict[str, Format]:
    base = {"valign": "top"}
    styles = {kind: book.add_format({**base, "num_format": number}) for kind, number in _NUMBERS.items()}
    bold = {f"{kind} total": {"num_format": number, "bold": True, "top": 1} for kind, number in _NUMBERS.items()}
    styles |= {name: book.add_format({**base, **look}) for name, look in bold.items()}
    styles["text"] = book.add_format({**base, "num_format": "@"})
    styles["text total"] = book.add_format({**base, "num_format": "@", "bold": True, "top": 1})
    styles["long"] = book.add_format({**base, "num_format": "@", "text_wrap": True})
    styles["prose"] = book.add_format({**base, "text_wrap": True})
    look = {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E8EDF2", "bottom": 1}
    styles["heading"] = book.add_format(look)
    styles["title"] = book.add_format({"bold": True, "font_size": 14})
    return styles


def _sheet(book: Workbook, name: str, locales: Locales) -> Worksheet:
    title = locales.short(lambda t: t.or_else(f"sheet_{name}", name))
    sheet = book.add_worksheet(_BANNED_IN_NAME.sub(" ", title)[:_MOST_NAME])
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    return sheet


def _write_summary(sheet: Worksheet, facts: Facts, locales: Locales, styles: dict[str, Format]) -> None:
    """Write headline, conditions and proposal in words, then the totals as numbers."""
    sheet.set_column(0, 0, 46)
    sheet.set_column(1, 1, 90)
    _text(sheet, (0, 0), locales.short(lambda t: t("report_title"), " · "), styles["title"])
    row = 2
    for key, value, kind in summary_rows(facts):
        _text(sheet, (row, 0), locales.short(lambda t, key=key: t(key)), styles["text"])  # type: ignore[misc]
        if isinstance(value, str):
            told = locales.short(lambda t, value=value: t(value)) if kind == "code" else value  # type: ignore[misc]
            _text(sheet, (row, 1), told, styles["prose"])
        else:
            _number(sheet, (row, 1), _rounded(kind, value), styles[_look(kind, value)])
        row += 1
    said = (
        ("item_headline", format_headline),
        ("item_capacity", format_served),
        ("item_own_walks", format_own_walks),
        ("col_rule", format_conditions),
        ("item_capacity_rule", format_capacity),
        ("item_proposal", format_proposal),
    )
    for key, say in said:
        for locale in locales.in_order:
            words = say(facts, locale)
            if words:
                _text(sheet, (row, 0), locale(key), styles["text"])
                _text(sheet, (row, 1), words, styles["prose"])
                row += 1


def _write_table(sheet: Worksheet, table: Sheet, locales: Locales, styles: dict[str, Format]) -> None:
    """Write one table: headings that stay in sight, a filter, widths that fit."""
    widths, tall = [], 1
    for place, column in enumerate(table.columns):
        words = "\n".join(words for _, words in heading(column, locales))
        _text(sheet, (0, place), words, styles["heading"])
        widths.append(_width(table.frame, column, words, locales))
        sheet.set_column(place, place, widths[-1])
        tall = max(tall, sum(math.ceil((_letters(part) + 1) / widths[-1]) for part in words.split("\n")))
    sheet.set_row(0, 15 * tall)
    across = math.ceil(sum(widths) / _PAGE_WIDTH)
    if across > 1:
        sheet.fit_to_pages(across, 0)
        sheet.repeat_columns(0)
    sheet.freeze_panes(1, 1)
    if len(table.frame):
        sheet.autofilter(0, 0, len(table.frame), len(table.columns) - 1)
    sheet.repeat_rows(0)
    rows = table.frame[[column.name for column in table.columns]].astype(object).itertuples(index=False, name=None)
    for place, values in enumerate(rows, start=1):
        total = " total" if str(values[0]) == TOTAL else ""
        for column_place, (column, value) in enumerate(zip(table.columns, values, strict=True)):
            at = (place, column_place)
            if column.is_text:
                words = locales.short(lambda t, c=column, v=value: c.words(v, t))  # type: ignore[misc]
                _text(sheet, at, words, styles["long" if _letters(words) > widths[column_place] else f"text{total}"])
            else:
                _number(sheet, at, _rounded(column.kind, value), styles[f"{_look(column.kind, value)}{total}"])


def _width(frame: pd.DataFrame, column: SheetColumn, words: str, locales: Locales) -> float:
    """Return the width of a column in letters; those of East Asia count twice."""
    least, most = _WIDTHS
    longest = max((_letters(part) for part in words.split("\n")), default=0)
    found = min(longest, _HEADING_WIDTH)
    if column.is_text:
        cells = (locales.short(lambda t, v=value: column.words(v, t)) for value in frame[column.name].head(_SAMPLE))  # type: ignore[misc]
        found = max(found, *(_letters(cell) for cell in cells), 0)
    return float(min(max(found + 2, least), most))


def _letters(words: str) -> int:
    wide = 0 if words.isascii() else sum(ord(letter) > 0x2E80 for letter in words)  # noqa: PLR2004 -- CJK is wide
    return len(words) + wide


def _text(sheet: Worksheet, at: tuple[int, int], words: str, style: Format) -> None:
    if words:
        sheet.write_string(*at, _plain(words), style)
    else:
        sheet.write_blank(*at, None, style)


def _number(sheet: Worksheet, at: tuple[int, int], value: Any, style: Format) -> None:
    if value is None or pd.isna(value) or not math.isfinite(float(value)):
        sheet.write_blank(*at, None, style)
    else:
        sheet.write_number(*at, float(value), style)


def _rounded(kind: str, value: Any) -> Any:
    """Return a number without the digits that mean nothing; no tenth of people stands where it would round up anew."""
    if value is None or pd.isna(value):
        return value
    found = round(float(value), _DECIMALS.get(kind, 6))
    return round(float(value), 6) if kind == "count" and found % 1 == _HALF else found


def _look(kind: str, value: Any) -> str:
    """Return the format of a number: a share is 0 or 100 % only of nobody and everybody."""
    if kind != "share" or pd.isna(value) or not 0 < value < 1:
        return kind
    said = percent_text(float(value))
    return {"0.1 %": "least share", "99.9 %": "most share"}.get(said, kind)


def _plain(words: str) -> str:
    """Return a text as a cell can hold it: whole characters, none that is obeyed, not too many."""
    return _NO_TEXT.sub("\ufffd", visible(words))[:_MOST_LETTERS]
