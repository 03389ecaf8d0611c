"""The brief as a document for word processors, through python-docx; its maps are drawn by matplotlib."""

from __future__ import annotations

import base64
import datetime as dt
import io
import re
import zipfile
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import docx
import numpy as np
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from matplotlib import rc_context, rcParamsDefault
from matplotlib.figure import Figure
from matplotlib.image import imread

from accessibility.present.language import Locales
from accessibility.present.map.overlays import Picture
from accessibility.present.pages import template_text
from accessibility.present.report.brief import format_briefs
from accessibility.present.report.illustrations import illustrate_brief
from accessibility.present.report.mapsketch import (
    SITE_INKS,
    WIDTH,
    classify,
    name_width,
    names_apart,
    placed_sites,
    scale_bar,
)
from accessibility.sources.files import write_aside
from accessibility.wording.cards import INK, plain_text

if TYPE_CHECKING:
    import os

    from docx.document import Document
    from docx.text.paragraph import Paragraph
    from markupsafe import Markup

    from accessibility.present.report.brief import Brief, BriefBlock
    from accessibility.present.report.facts import Facts
    from accessibility.present.report.illustrations import Illustration, Pictures
    from accessibility.present.report.mapsketch import Paper, Pin
    from accessibility.present.report.page import TableView

_EPOCH = dt.datetime(2000, 1, 1)  # noqa: DTZ001 -- of every document: the same facts give the same bytes
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_LETTERS = "Times New Roman"
# The letters of an official document (GB/T 9704-2012): 仿宋 in the text, 黑体 in headings, 小标宋 in the title.
_CHINESE = {"Normal": "仿宋", "Heading 1": "黑体", "Heading 2": "黑体", "Title": "方正小标宋简体"}
_SIZES = {"Normal": 10.5, "Heading 1": 13, "Heading 2": 11, "Title": 18}
_SEAL = "C00D0D"
_MAP_CM, _DOTS = 11.5, 200
_SHAPES = {"circle": "●", "rect": "■", "path": "▲"}
_NAME_UNITS = 20.0  # height of the letters of a name, in units of the map
_EMU_PER_PT = 12_700
_MARKERS = {"outlet": "o", "bank": "s", "new": "^"}


def write_document(facts: Facts, pictures: Pictures, path: str | os.PathLike[str], *, language: str = "en") -> None:
    """Write the brief as a .docx; the same facts give the same bytes.

    Parameters
    ----------
    facts
        Every figure.
    pictures
        What the maps are drawn from.
    path
        Where to.
    language
        ``en``, ``zh`` or ``both``: then the English brief follows the Chinese one.

    Raises
    ------
    InputError
        A language there is not.
    OutputError
        The file could not be written; one that was there is untouched.
    """
    briefs = format_briefs(facts, language)
    document = _empty(briefs[0])
    for at, brief in enumerate(briefs):
        if at:
            document.add_page_break()  # type: ignore[no-untyped-call]
        _add_brief(document, brief, pictures)
    content = io.BytesIO()
    document.save(content)
    with write_aside(path) as aside, zipfile.ZipFile(content) as told, zipfile.ZipFile(aside, "w") as kept:
        for name in sorted(told.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            part = zipfile.ZipInfo(name, _ZIP_EPOCH)
            part.create_system = 3
            kept.writestr(part, told.read(name), zipfile.ZIP_DEFLATED)


def _empty(brief: Brief) -> Document:
    """Return a document of A4 pages without words, with the styles of official documents."""
    document = docx.Document()
    page = document.sections[0]
    page.page_width, page.page_height = Cm(21.0), Cm(29.7)
    page.left_margin = page.right_margin = Cm(2.0)
    page.top_margin = page.bottom_margin = Cm(1.8)
    for name, size in _SIZES.items():
        style: Any = document.styles[name]
        style.font.name, style.font.size = _LETTERS, Pt(size)
        style.font.color.rgb = RGBColor(0, 0, 0)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in [key for key in fonts.attrib if key.endswith("Theme")]:
            del fonts.attrib[theme]  # a theme's letters would win over those named here
        for of, letters in {"ascii": _LETTERS, "hAnsi": _LETTERS, "cs": _LETTERS, "eastAsia": _CHINESE[name]}.items():
            fonts.set(_tag(f"w:{of}"), letters)
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(4), Pt(3)
    told: Any = document.core_properties
    told.title, told.author, told.comments = plain_text(brief.title), f"outlet-accessibility {brief.facts.version}", ""
    told.created = told.modified = _EPOCH
    told.language = {"zh": "zh-CN", "en": "en"}[brief.locale.language]
    _add_footer(page.footer.paragraphs[0], f"{brief.facts.study} · {brief.facts.date}")
    return document


def _tag(name: str) -> str:
    return str(qn(name))


def _add_footer(paragraph: Paragraph, words: str) -> None:
    """Write what stands below each page, with its number."""
    paragraph.add_run(plain_text(words) + "    ")
    field: Any = OxmlElement("w:fldSimple")
    field.set(_tag("w:instr"), "PAGE")
    paragraph._p.append(field)  # noqa: SLF001 -- python-docx has no fields


def _add_brief(document: Document, brief: Brief, pictures: Pictures) -> None:
    chinese = brief.locale.language == "zh"
    kind = document.add_paragraph()
    run = kind.add_run(brief.kind)
    run.bold, run.font.size = True, Pt(22 if chinese else 12)
    title = document.add_paragraph(plain_text(brief.title), style="Title")
    if chinese:
        run.font.color.rgb = RGBColor.from_string(_SEAL)
        kind.alignment = title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    drawn = illustrate_brief(brief.facts, pictures, Locales((brief.locale,)))
    for section in (section for sheet in brief.sheets for section in sheet):
        document.add_heading(section.heading, 1)
        for block in section.blocks:
            _add_block(document, block, brief)
        for name in section.pictures:
            if name in drawn and drawn[name].map is not None:
                _add_picture(document, drawn[name], pictures)


def _add_block(document: Document, block: BriefBlock, brief: Brief) -> None:
    if block.table is not None:
        _add_table(document, block.table)
    elif block.kind == "head":
        document.add_heading(plain_text(block.words), 2)
    elif block.kind in ("points", "numbers"):
        for number, words in enumerate(block.points, 1):
            told = f"{number}. {words}" if block.kind == "numbers" else words
            document.add_paragraph(plain_text(told), style="List Bullet" if block.kind == "points" else None)
    else:
        paragraph = document.add_paragraph()
        if block.kind == "lead":
            figure = " ".join(part for part in (brief.share, brief.bar, brief.when) if part)
            paragraph.add_run(f"{figure}\N{EN SPACE}").bold = True
        run = paragraph.add_run(plain_text(block.words))
        if block.kind == "note":
            run.font.size = Pt(8)
        elif brief.locale.language == "zh":
            paragraph.paragraph_format.first_line_indent = Pt(2 * _SIZES["Normal"])


def _add_table(document: Document, view: TableView) -> None:
    """Write a table: its heading stands again on every page, numbers stand at the right."""
    table = document.add_table(rows=0, cols=len(view.headings), style="Table Grid")
    rows = [[(said[0][1], number) for said, number in view.headings]]
    rows += [[(cell.words, cell.number) for cell in row] for row in view.rows]
    for at, cells in enumerate(rows):
        made = table.add_row()
        for cell, (words, number) in zip(made.cells, cells, strict=True):
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(1)
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT if number else WD_ALIGN_PARAGRAPH.LEFT
            run = paragraph.add_run(plain_text(words))
            run.font.size = Pt(9)
            run.bold = at == 0 or (view.total and at == len(rows) - 1)
    heading: Any = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(heading)  # noqa: SLF001 -- python-docx has no such property


def _add_picture(document: Document, one: Illustration, pictures: Pictures) -> None:
    """Write a map, its legend with a coloured sign each, and its caption."""
    assert one.map is not None  # noqa: S101 -- the caller asked
    document.add_picture(io.BytesIO(_draw(pictures, one.map.pins, after=one.map.after)), width=Cm(_MAP_CM))
    if pictures.ground.names:
        _add_names(document.paragraphs[-1], pictures.ground)
    legend = document.add_paragraph()
    for drawing, words in one.legend:
        sign, colour = _sign(drawing)
        run = legend.add_run(f"{sign} ")
        run.font.color.rgb = RGBColor.from_string(colour.lstrip("#"))
        legend.add_run(f"{plain_text(words)}    ")
    caption = document.add_paragraph(plain_text(" ".join(words for _, words in one.caption)))
    for run in (*legend.runs, *caption.runs):
        run.font.size = Pt(8)


def _add_names(paragraph: Paragraph, ground: Paper) -> None:
    """Lay the names of the districts over the map that a paragraph ends with, as words: that needs no font.

    A program that knows no grouped shapes shows the map alone, as it was.
    """
    run: Any = paragraph.runs[-1]._r  # noqa: SLF001 -- python-docx has no shapes
    (picture,) = run.findall(_tag("w:drawing"))
    inline = picture[0]
    wide, high = int(inline.extent.cx), int(inline.extent.cy)
    emu, first = wide / WIDTH, 1_000 * int(inline.docPr.get("id"))
    both = _made("names_map.xml", wide=wide, high=high, id=first)
    (group,) = both.iter("{*}wgp")
    group.append(deepcopy(inline.graphic.graphicData.pic))
    for number, (x, y, name) in enumerate(names_apart(ground, _NAME_UNITS), first + 1):
        points = _NAME_UNITS * emu / _EMU_PER_PT
        across, tall = 1.15 * name_width(name, _NAME_UNITS) * emu, 1.3 * _NAME_UNITS * emu
        place = {"x": int(x * emu - across / 2), "y": int(y * emu - tall / 2), "wide": int(across), "high": int(tall)}
        box = _made("names_name.xml", **place, id=number, size=round(2 * points), line=round(1.25 * points * 20))
        (words,) = box.iter(_tag("w:t"))
        words.text = plain_text(name)
        group.append(box)
    run.replace(picture, both)
    both[1].append(picture)


def _made(template: str, **values: object) -> Any:
    return parse_xml(template_text(template).format(**values))


def _sign(drawing: Markup) -> tuple[str, str]:
    """Return a letter and a colour for the drawn sign of a legend: a number in a ring, a disc, a square, a triangle."""
    inks = re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', drawing)
    shape = re.findall(r"<(circle|rect|path|text)", drawing)
    return ("①" if "text" in shape else _SHAPES[shape[0]]), str(inks[0])


def _draw(pictures: Pictures, pins: tuple[Pin, ...], *, after: bool) -> bytes:
    """Return a map as PNG, without names: they are words of the document, in the letters of whoever reads it."""
    ground = pictures.ground
    then = pictures.after if after else None
    inches = _MAP_CM / 2.54
    with rc_context(dict(rcParamsDefault)):
        figure = Figure(figsize=(inches, inches * ground.height / WIDTH), dpi=_DOTS)
        axes = figure.add_axes((0, 0, 1, 1), facecolor="#f7f6f3")
        axes.set(xlim=(0, WIDTH), ylim=(ground.height, 0), xticks=[], yticks=[])
        if ground.places.placed.any():
            people = Picture.of(ground.places)
            content = base64.b64decode(people.image(classify(ground.coverage, then)).partition(",")[2])
            (x, y), side = (
                ground.place(np.array([[people.west, people.north]]))[0].tolist(),
                people.pixel * ground.scale,
            )
            extent = (x, x + people.width * side, y + people.height * side, y)
            axes.imshow(imread(io.BytesIO(content)), extent=extent, interpolation="nearest", aspect="auto", zorder=1)
        axes.set(xlim=(0, WIDTH), ylim=(ground.height, 0))
        for path, ink, width in ((ground.streets, "#8a8f94", 0.4), (ground.districts, INK, 0.9)):
            for line in _lines(path):
                axes.plot(*line.T, color=ink, linewidth=width, zorder=2)
        for kind, x, y in placed_sites(ground, ground.coverage if then is None else then):
            axes.plot(x, y, _MARKERS[kind], color=SITE_INKS[kind], markersize=3.4, mec="white", mew=0.4, zorder=3)
        for pin in pins:
            x, y = ground.at(np.array([[pin.lon, pin.lat]]))[0].tolist()
            look = {"boxstyle": "circle,pad=0.25", "fc": "#00695c" if pin.chosen else "white"}
            ink = "white" if pin.chosen else "#b3261e"
            look["ec"] = ink
            number = "" if pin.number is None else f"{pin.number}"
            axes.text(x, y, number, color=ink, fontsize=5.5, ha="center", va="center", bbox=look, zorder=4)
        km, length = scale_bar(ground)
        axes.plot([22, 22 + length], [ground.height - 22] * 2, color=INK, linewidth=1.4, zorder=4)
        axes.text(22 + length / 2, ground.height - 30, f"{km:g} km", color=INK, fontsize=7, ha="center", zorder=4)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", metadata={"Software": None})
    return drawn.getvalue()


def _lines(path: str) -> list[Any]:
    """Return the ``(k, 2)`` corners of each line of a path that `path_of` wrote."""
    found = []
    for line in path.split("M")[1:]:
        corners = np.array([corner.split() for corner in line.rstrip("Z").split("L")], dtype=float)
        found.append(np.vstack([corners, corners[:1]]) if line.endswith("Z") else corners)
    return found
