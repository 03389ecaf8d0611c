"""Workbooks: the cells of a sheet as they are shown, and what a planner who looks at it would want to know."""

from __future__ import annotations

import json
import posixpath
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from accessibility.errors import Finding, InputError
from accessibility.sources.tables import sheetcells
from accessibility.sources.tables.cellformats import (
    PLAIN,
    CellFormat,
    cell_formats,
    local_name,
    read_shown,
    struck_texts,
    text_left,
)
from accessibility.sources.tables.columns import SHOWN, cell_text
from accessibility.sources.tables.rows import MOST_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

Cell = tuple[int, int]

_THREADED, _LONGEST = "Comment:\n", 40  # what Excel writes before a comment that is answered; letters that are told
_MOST_BYTES = 1 << 30
_SMALL_BYTES = 64 << 20
_MOST_TIMES = 100  # as many bytes unpacked as packed; a sheet of numbers has ten times as many
_ABORTED = "it asks for more memory than a table needs, or is damaged"


@dataclass(kw_only=True)
class WorkbookSheet:
    """The cells of a sheet."""

    name: str
    rows: list[list[str]]  # texts, row by row from the first
    # cells, by row and column from 0, that show nothing of their own: a merged cell above reaches over them
    spanned: set[Cell] = field(default_factory=set)
    # cells that hold a formula without a stored value, or with an error
    uncomputed: set[Cell] = field(default_factory=set)
    # what the formats of cells say that their numbers are, where these are no persons
    units: dict[Cell, str] = field(default_factory=dict)
    # in what the formats of cells show numbers that they divide for it, such as ten thousands
    shown: dict[Cell, str] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)  # columns, from 0


def _refuse_unfolding(path: Path) -> None:
    """Raise `InputError` where a workbook unpacks to far more than it holds."""
    with zipfile.ZipFile(path) as archive:
        packed = max(path.stat().st_size, 1)
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > _MOST_BYTES or (unpacked > _SMALL_BYTES and unpacked > _MOST_TIMES * packed):
        msg = (
            f"{path.name}: {packed / 1e6:.1f} MB that unpack to {unpacked / 1e6:,.0f} MB; expected a table: save its "
            "sheet alone, or as .csv"
        )
        raise InputError(msg)


def read_workbook(path: Path, sheet: str | None, findings: list[Finding]) -> WorkbookSheet:
    """Return the cells of a sheet, the first that is shown where none is named; add what was found.

    A cell that is merged with cells below it stands in each of its rows. Rows that are hidden or struck through are
    read, and told, as are comments; a workbook that is no XML is told to be one of which none of these is seen.

    Raises
    ------
    InputError
        A workbook that is damaged, protected, without such a sheet, or unpacks to far more than a table.
    """
    told = _told(path, sheet)
    names, chosen = told["names"], told["chosen"]
    if "rows" not in told:
        msg = f"{path.name}: no sheet {sheet!r}; it has {', '.join(names) or 'none'}"
        raise InputError(msg)
    if sheet is None and len(names) > 1:
        findings.append(_other_sheets(path, told))
    facts = _facts(path, chosen) if zipfile.is_zipfile(path) else _Facts(seen=False)
    rows = [
        [
            facts.partly.get((at, column), _shown(cell, facts.zeros.get((at, column), 0)))
            for column, cell in enumerate(row)
        ]
        for at, row in enumerate(told["rows"])
    ]
    spanned = _fill_down(rows, told["merged"])
    for code, (message, count) in facts.told(chosen).items():
        findings.extend([Finding(code=code, source=path.name, message=message, count=count)] if count else [])
    return WorkbookSheet(
        name=chosen,
        rows=rows,
        spanned=spanned,
        uncomputed=facts.uncomputed,
        units=facts.units,
        shown=facts.shown,
        hidden=facts.hidden_columns,
    )


def shown_sheets(path: Path) -> list[str]:
    """Return the names of the sheets of a workbook that are not hidden."""
    told = _told(path, None)
    return [name for name in told["names"] if name not in told["hidden"]]


def shown_alike(table: pd.DataFrame, shown: Mapping[Cell, str]) -> dict[str, str]:
    """Return by columns in what their numbers are shown, where all of one are divided alike for it.

    Parameters
    ----------
    table
        Cells as text, by the rows of a sheet.
    shown
        As `WorkbookSheet` has it.
    """
    alike = {}
    for at in {place for _, place in shown if place < len(table.columns)}:
        column = table.columns[at]
        units = {shown.get((row - 1, at), "") for row in table.index[table[column] != ""].tolist()}
        if len(units) == 1:
            alike[str(column)] = units.pop()
    return alike


def _told(path: Path, sheet: str | None) -> Any:
    if zipfile.is_zipfile(path):
        _refuse_unfolding(path)
    command = [sys.executable, "-I", sheetcells.__file__, str(path.resolve()), sheet or ""]
    run = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 -- our own file, by its full path
    told = json.loads(run.stdout) if run.returncode == 0 else {"error": _ABORTED}
    if "error" in told:
        msg = f"{path.name}: cannot be read as a workbook: {told['error']}"
        raise InputError(msg)
    return told


def _other_sheets(path: Path, told: Any) -> Finding:
    others = [f"{name} (hidden)" if name in told["hidden"] else name for name in told["names"]]
    others.remove(told["chosen"])
    first = "first" if told["chosen"] == told["names"][0] else "first shown"
    message = (
        f"the {first} of {len(others) + 1} sheets is read, {told['chosen']!r}; the others are not: "
        f"{', '.join(others[:5])}"
    )
    return Finding(code="other-sheets", source=path.name, message=message, count=len(others))


def _shown(value: Any, zeros: int) -> str:
    """Return a cell as its reader sees it: a number that is shown with leading zeros keeps them."""
    text = cell_text(value)
    return text.zfill(zeros) if isinstance(value, int | float) and not isinstance(value, bool) else text


def _fill_down(rows: list[list[str]], merged: list[tuple[Cell, Cell]]) -> set[Cell]:
    """Write merged cells into each row they reach over, and return where; sideways they stay one cell."""
    filled = set()
    for (top, left), (bottom, _) in merged:
        if top >= len(rows) or left >= len(rows[top]) or not rows[top][left]:
            continue
        for at in range(top + 1, min(bottom + 1, len(rows))):
            rows[at][left] = rows[top][left]
            filled.add((at, left))
    return filled


@dataclass(kw_only=True)
class _Facts:
    """What a sheet of a workbook in XML holds beside values: what is hidden (rows from 1), formulas, and formats."""

    seen: bool = True  # whether the workbook is in XML, so that any of it is known
    hidden: list[int] = field(default_factory=list)
    struck: list[int] = field(default_factory=list)
    struck_cells: list[int] = field(default_factory=list)  # rows of single ones, as often as they have some
    partly: dict[Cell, str] = field(default_factory=dict)  # what is not struck through of texts that are so in part
    blank: list[int] = field(default_factory=list)  # rows of numbers that are shown as nothing, or as a sign
    comments: list[tuple[int, str]] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    uncomputed: set[Cell] = field(default_factory=set)
    zeros: dict[Cell, int] = field(default_factory=dict)
    units: dict[Cell, str] = field(default_factory=dict)
    shown: dict[Cell, str] = field(default_factory=dict)

    def told(self, sheet: str) -> dict[str, tuple[str, int]]:
        """Return, by code, the sentence and the count of what a planner sees beside the cells of the sheet."""
        hidden, struck, cells, blank = (
            ", ".join(map(str, dict.fromkeys(rows[:SHOWN])))
            for rows in (self.hidden, self.struck, self.struck_cells, self.blank)
        )
        message = f"{len(self.hidden)} rows are hidden in sheet {sheet!r} and read like the others: rows {hidden}"
        told = {"hidden-rows": (message, len(self.hidden))}
        message = (
            f"{len(self.struck)} rows are struck through in sheet {sheet!r} and read like the others: rows {struck}"
        )
        told["struck-rows"] = message, len(self.struck)
        count = len(self.struck_cells)
        message = f"{count} cells are struck through in sheet {sheet!r} and read like the others: rows {cells}"
        told["struck-cells"] = message, len(self.struck_cells)
        partly = ", ".join(f"row {at + 1} {text!r}" for (at, _), text in list(self.partly.items())[:SHOWN])
        message = (
            f"{len(self.partly)} cells of sheet {sheet!r} are struck through in part, and read without it: {partly}"
        )
        told["struck-in-part"] = message, len(self.partly)
        message = (
            f"{len(self.blank)} numbers of sheet {sheet!r} are shown as none, and read like the others: rows {blank}"
        )
        told["numbers-unshown"] = message, len(self.blank)
        shown = ", ".join(f"row {row} {text!r}" for row, text in self.comments[:SHOWN])
        more = ", ..." if len(self.comments) > SHOWN else ""
        message = f"{len(self.comments)} cells of sheet {sheet!r} have comments that are not read: {shown}{more}"
        told["unread-comments"] = message, len(self.comments)
        message = (
            "whether rows are hidden or struck through, comments and number formats are not seen in a workbook of this "
            "kind: save it as .xlsx"
        )
        return told | {"unseen-marks": (message, int(not self.seen))}

    def add(self, at: int, row: ET.Element, formats: Mapping[str, CellFormat], texts: Mapping[str, str]) -> None:
        """Add what a row holds, by its formats and by what is left of shared texts that are struck through in part."""
        cells = list(_cells_of(at, row))
        struck = []
        for place, cell in cells:
            if not _has_value(cell):
                continue
            form, left = formats.get(cell.get("s", "0"), PLAIN), text_left(cell, texts)
            struck.append(form.struck or left == "")
            if form.zeros:
                self.zeros[place] = form.zeros
            if cell.get("t", "n") == "n":
                self._add_units(place, form)
                self.blank.extend([at + 1] if form.blank else [])
            if left:
                self.partly[place] = left
        if struck and row.get("hidden") in ("1", "true"):
            self.hidden.append(at + 1)
        self._add_struck(at, struck)
        self.uncomputed |= {place for place, cell in cells if _is_uncomputed(cell)}

    def _add_struck(self, at: int, struck: Sequence[bool]) -> None:
        """Add a row whose cells are struck through or not."""
        whole = bool(struck) and all(struck)
        self.struck.extend([at + 1] if whole else [])
        self.struck_cells.extend([] if whole else [at + 1] * sum(struck))

    def _add_units(self, place: Cell, form: CellFormat) -> None:
        self.units.update({place: form.unit} if form.unit else {})
        self.shown.update({place: form.shown} if form.shown else {})

    def add_open(self, at: int, row: ET.Element, struck: Collection[str], *, hidden: bool) -> None:
        """Add what a row of an open document holds, by the names of the styles that strike through."""
        for place, form in _shown_numbers(row):
            self._add_units((at, place), form)
        filled = [cell for cell in row if any(local_name(part) == "p" for part in cell)]
        self.hidden.extend([at + 1] if filled and hidden else [])
        self._add_struck(at, [_attributes(cell).get("style-name") in struck for cell in filled])
        self.comments.extend((at + 1, text) for text in _annotations(row))


def _facts(path: Path, sheet: str) -> _Facts:
    facts = _Facts()
    with zipfile.ZipFile(path) as archive:
        parts = set(archive.namelist())
        if "content.xml" in parts:
            with archive.open("content.xml") as stream:
                return _open_facts(stream, sheet)
        if "xl/workbook.xml" not in parts:
            return _Facts(seen=False)
        part = _part_of(archive, sheet)
        if part not in parts:
            return facts
        formats = cell_formats(archive) if "xl/styles.xml" in parts else {}
        texts = struck_texts(archive) if "xl/sharedStrings.xml" in parts else {}
        with archive.open(part) as stream:
            for at, row in _rows_of(stream, facts.hidden_columns):
                facts.add(at, row, formats, texts)
        facts.comments.extend(_comments(archive, part))
    return facts


def _open_facts(stream: IO[bytes], sheet: str) -> _Facts:
    """Return what a sheet of an open document holds beside values: hidden rows and columns, percentages, comments."""
    facts, at, column, inside = _Facts(), 0, 0, False
    struck: set[str] = set()
    for event, element in ET.iterparse(stream, events=("start", "end")):  # noqa: S314 -- sizes are bounded above
        said = _attributes(element)
        what, hidden = local_name(element), said.get("visibility", "visible") != "visible"
        if what == "style" and event == "end" and any(map(_strikes, element)):
            struck.add(said.get("name", ""))
        if what == "table":
            inside = event == "start" and said.get("name") == sheet
        if not inside or event == "start":
            continue
        if what == "table-column":
            last = min(column + int(said.get("number-columns-repeated", 1)), MOST_COLUMNS)
            facts.hidden_columns.update(range(column, last) if hidden else ())
            column = last
        if what == "table-row":
            facts.add_open(at, element, struck, hidden=hidden)
            at += int(said.get("number-rows-repeated", 1))
            element.clear()
    return facts


def _shown_numbers(row: ET.Element) -> Iterator[tuple[int, CellFormat]]:
    """Yield the columns of a row of an open document that hold numbers, from 0, and how they are shown."""
    column = 0
    for cell in row:
        said = _attributes(cell)
        if said.get("value-type") == "percentage":
            yield column, PLAIN._replace(unit="a share")
        elif said.get("value-type") in ("float", "currency"):
            texts = ("".join(part.itertext()) for part in cell if local_name(part) == "p")
            yield column, read_shown(float(said.get("value", "nan")), "".join(texts))
        column += int(said.get("number-columns-repeated", 1))


def _strikes(properties: ET.Element) -> bool:
    """Return whether properties of a style of an open document strike its text through."""
    said = _attributes(properties)
    return any(said.get(f"text-line-through-{key}", "none") != "none" for key in ("style", "type"))


def _annotations(row: ET.Element) -> Iterator[str]:
    """Yield the comments of a row of an open document."""
    for comment in row.iter():
        if local_name(comment) == "annotation":
            yield _told_text("".join(part.itertext()) for part in comment if local_name(part) == "p")


def _comments(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[int, str]]:
    """Yield the rows, from 1, and the texts of the comments of the sheet in a part."""
    folder, name = posixpath.split(part)
    beside = f"{folder}/_rels/{name}.rels"
    if beside not in archive.namelist():
        return
    for relation in ET.fromstring(archive.read(beside)):  # noqa: S314 -- sizes are bounded above
        target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
        if not relation.get("Type", "").endswith("/comments") or target not in archive.namelist():
            continue
        for comment in ET.fromstring(archive.read(target)).iter():  # noqa: S314
            row = comment.get("ref", "").lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            if local_name(comment) == "comment" and row.isdecimal():
                yield int(row), _told_text(text.text or "" for text in comment.iter() if local_name(text) == "t")


def _told_text(parts: Iterable[str]) -> str:
    """Return a comment without what Excel writes before one that is answered, no longer than a name."""
    return " ".join("".join(parts).split(_THREADED)[-1].split())[:_LONGEST]


def _attributes(element: ET.Element) -> dict[str, str]:
    return {name.rpartition("}")[2]: value for name, value in element.attrib.items()}


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of the part that holds a sheet."""
    own = {
        element.get("name", ""): next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
        for element in ET.fromstring(archive.read("xl/workbook.xml")).iter()  # noqa: S314 -- sizes are bounded above
        if local_name(element) == "sheet"
    }
    relations = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    target = next((r.get("Target", "") for r in relations if r.get("Id") == own.get(sheet)), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _rows_of(stream: IO[bytes], hidden: set[int]) -> Iterator[tuple[int, ET.Element]]:
    """Yield the rows of a sheet with their place from 0; each is emptied once it was looked at. Add hidden columns."""
    at, holder = -1, None
    for event, element in ET.iterparse(stream, events=("start", "end")):  # noqa: S314
        name = local_name(element)
        if event == "start" and name == "sheetData":
            holder = element
        elif event == "end" and name == "col" and element.get("hidden") in ("1", "true"):
            first, last = int(element.get("min", "1")), int(element.get("max", "0"))
            hidden.update(range(first - 1, min(last, MOST_COLUMNS)))
        elif event == "end" and name == "row":
            at = int(element.get("r", at + 2)) - 1
            yield at, element
            if holder is not None:
                holder.clear()


def _cells_of(at: int, row: ET.Element) -> Iterator[tuple[Cell, ET.Element]]:
    column = -1
    for cell in row:
        letters = cell.get("r", "").rstrip("0123456789")
        column = _column(letters) if letters else column + 1
        yield (at, column), cell


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _is_uncomputed(cell: ET.Element) -> bool:
    """Return whether a cell is an error, or a formula that was never computed; an empty text is a value."""
    if cell.get("t") in ("e", "str"):
        return cell.get("t") == "e"
    return any(local_name(part) == "f" for part in cell) and not _has_value(cell)


def _has_value(cell: ET.Element) -> bool:
    return any(local_name(part) in ("v", "is") and (part.text or len(part)) for part in cell)
