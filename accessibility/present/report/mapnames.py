"""The names of districts over a map of a document, as words of the document: no letters are needed to write them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from accessibility.present.report.mapsketch import WIDTH, name_width, names_apart
from accessibility.wording.cards import plain_text

if TYPE_CHECKING:
    from docx.text.paragraph import Paragraph

    from accessibility.present.report.mapsketch import Paper

_LETTER = 20.0  # height of the letters, in units of the map
_EMU_PER_PT, _HALVES = 12_700, 2
_SPACES = {
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "wpg": "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
}
_GROUP = """
<mc:AlternateContent {spaces}><mc:Choice Requires="wpg"><w:drawing>
<wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent cx="{wide}" cy="{high}"/><wp:docPr id="{id}" name="{id}"/>
<a:graphic><a:graphicData uri="{wpg}"><wpg:wgp><wpg:cNvGrpSpPr/><wpg:grpSpPr><a:xfrm><a:off x="0" y="0"/>
<a:ext cx="{wide}" cy="{high}"/><a:chOff x="0" y="0"/><a:chExt cx="{wide}" cy="{high}"/></a:xfrm></wpg:grpSpPr>
</wpg:wgp></a:graphicData></a:graphic></wp:inline></w:drawing></mc:Choice><mc:Fallback/></mc:AlternateContent>"""
_NAME = """
<wps:wsp {spaces}><wps:cNvPr id="{id}" name="{id}"/><wps:cNvSpPr txBox="1"/><wps:spPr><a:xfrm><a:off x="{x}" y="{y}"/>
<a:ext cx="{wide}" cy="{high}"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom><a:solidFill>
<a:srgbClr val="FFFFFF"><a:alpha val="62000"/></a:srgbClr></a:solidFill><a:ln><a:noFill/></a:ln></wps:spPr>
<wps:txbx><w:txbxContent><w:p><w:pPr><w:spacing w:before="0" w:after="0" w:line="{line}" w:lineRule="exact"/><w:jc w:val="center"/></w:pPr>
<w:r><w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr><w:t/></w:r></w:p></w:txbxContent></wps:txbx>
<wps:bodyPr wrap="none" lIns="0" tIns="0" rIns="0" bIns="0" anchor="ctr"><a:noAutofit/></wps:bodyPr></wps:wsp>"""


def add_names(paragraph: Paragraph, ground: Paper) -> None:
    """Lay the names of the districts over the map that a paragraph ends with.

    A program that knows no grouped shapes shows the map alone, as it was.

    Parameters
    ----------
    paragraph
        Its last run is the picture of a map.
    ground
        What the map shows.
    """
    run: Any = paragraph.runs[-1]._r  # noqa: SLF001 -- python-docx has no shapes
    (picture,) = run.findall(f"{{{_SPACES['w']}}}drawing")
    inline = picture[0]
    wide, high = int(inline.extent.cx), int(inline.extent.cy)
    emu, first = wide / WIDTH, 1_000 * int(inline.docPr.get("id"))
    both = _made(_GROUP, wide=wide, high=high, id=first, wpg=_SPACES["wpg"])
    (group,) = both.iter(f"{{{_SPACES['wpg']}}}wgp")
    group.append(deepcopy(inline.graphic.graphicData.pic))
    for number, (x, y, name) in enumerate(names_apart(ground, _LETTER), first + 1):
        points = _LETTER * emu / _EMU_PER_PT
        across, tall = 1.15 * name_width(name, _LETTER) * emu, 1.3 * _LETTER * emu
        place = {"x": int(x * emu - across / 2), "y": int(y * emu - tall / 2), "wide": int(across), "high": int(tall)}
        box = _made(_NAME, **place, id=number, size=round(_HALVES * points), line=round(1.25 * points * 20))
        (words,) = box.iter(f"{{{_SPACES['w']}}}t")
        words.text = plain_text(name)
        group.append(box)
    run.replace(picture, both)
    both[1].append(picture)


def _made(form: str, **values: object) -> Any:
    from docx.oxml import parse_xml  # noqa: PLC0415 -- an extra

    spaces = " ".join(f'xmlns:{name}="{space}"' for name, space in _SPACES.items())
    return parse_xml(form.strip().format(spaces=spaces, **values))
