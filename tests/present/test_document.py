"""The brief as .docx, read back by python-docx: the words and figures of the page, letters for Chinese, fixed bytes."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from importlib import util
from typing import TYPE_CHECKING, Any

import docx
import mapworlds
import pytest
import reportworlds
from matplotlib.image import imread

from accessibility import InputError, read_study
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.report_facts import measure_study
from accessibility.cli.runs import run_cover, run_verify
from accessibility.errors import visible
from accessibility.present.language import shortened
from accessibility.present.manifest import list_files, parse_manifest, write_manifest
from accessibility.present.report.brief import format_briefs
from accessibility.present.report.document import write_document

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.report_facts import Measured

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
EMBED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
WPS = "{http://schemas.microsoft.com/office/word/2010/wordprocessingShape}"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
ROOM = 56  # letters of a name


@pytest.fixture(scope="module")
def both(sample_measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("docx") / "brief.docx"
    write_document(*reportworlds.told(sample_measured), path, language="both")
    return path


def texts(document: Any) -> list[str]:
    """Return what the paragraphs and the cells of a document say."""
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return [paragraph.text for paragraph in document.paragraphs] + cells


def test_it_says_what_the_page_says_in_the_same_order(both: Path, sample_measured: Measured) -> None:
    facts, _ = reportworlds.told(sample_measured)
    document = docx.Document(str(both))
    briefs = format_briefs(facts, "both")
    sections = [section for brief in briefs for sheet in brief.sheets for section in sheet]
    headings = [p.text for p in document.paragraphs if p.style is not None and p.style.name == "Heading 1"]
    assert headings == [section.heading for section in sections]
    assert [p.text for p in document.paragraphs if p.style is not None and p.style.name == "Title"] == [
        brief.title for brief in briefs
    ]
    said = "\n".join(paragraph.text for paragraph in document.paragraphs)
    at = 0
    for block in (block for section in sections for block in section.blocks):
        for words in (block.words, *block.points):
            at = said.index(words, at)
    tables = [block.table for section in sections for block in section.blocks if block.table is not None]
    for view, table in zip(tables, document.tables, strict=True):
        assert [[cell.text for cell in row.cells] for row in table.rows] == [
            [told[0][1] for told, _ in view.headings],
            *([cell.words for cell in row] for row in view.rows),
        ]
        assert list(table.rows[0]._tr.iter(f"{W}tblHeader"))
    assert len(maps_of(both)) == 4  # a map of today and one of the proposal, in each language


def maps_of(path: Path) -> list[tuple[Any, list[str]]]:
    """Return the maps of a document as whoever knows no groups sees them, and the words that lie over each."""
    found = docx.Document(str(path)).element.body.iter(f"{MC}AlternateContent")
    return [(one[1], [words.text or "" for words in one[0].iter(f"{W}t")]) for one in found]


def test_the_maps_bear_the_names_of_their_districts_as_words(both: Path, sample_measured: Measured) -> None:
    _, pictures = reportworlds.told(sample_measured)
    ground = pictures.ground
    wide, named = 11.5 * 360_000, {name: (x, y) for x, y, name in ground.names}
    assert len(named) == 14
    for alone, names in maps_of(both):
        assert set(names) <= set(named)
        assert len(names) > 0.8 * len(named)  # one that would lie over another is left out
        (shown,) = alone.iter(f"{A}blip")  # a program without groups shows the same picture
        group = alone.getprevious()
        assert [one.get(EMBED) for one in group.iter(f"{A}blip")] == [shown.get(EMBED)]
        for box in group.iter(f"{WPS}wsp"):
            off, size = (next(box.iter(f"{A}{tag}")) for tag in ("off", "ext"))
            middle = [int(off.get(at)) + int(size.get(f"c{at}")) / 2 for at in "xy"]
            (name,) = (words.text for words in box.iter(f"{W}t"))
            assert middle == pytest.approx([v * wide / 1_000 for v in named[name]], abs=2)
    ids = [one.get("id") for one in docx.Document(str(both)).element.body.iter(f"{WPS}cNvPr")]
    assert len(set(ids)) == len(ids)


def test_chinese_letters_are_named_and_its_pages_are_a4(both: Path) -> None:
    document: Any = docx.Document(str(both))
    named = {"Normal": "仿宋", "Heading 1": "黑体", "Heading 2": "黑体", "Title": "方正小标宋简体"}
    for style, letters in named.items():
        fonts = document.styles[style].element.rPr.rFonts
        assert fonts.get(f"{W}eastAsia") == letters
        assert not [key for key in fonts.attrib if key.endswith("Theme")]
    page = document.sections[0]
    assert (round(page.page_width.mm), round(page.page_height.mm)) == (210, 297)
    assert "2026-11-24" in page.footer.paragraphs[0].text


def test_the_maps_show_who_is_covered(both: Path) -> None:
    with zipfile.ZipFile(both) as parts:
        pictures = [parts.read(name) for name in sorted(parts.namelist()) if name.startswith("word/media/")]
    assert len(pictures) == 2
    for picture in pictures:
        pixels = (imread(io.BytesIO(picture))[..., :3] * 255).round().astype(int).reshape(-1, 3)
        assert {(0xF7, 0xF6, 0xF3), (0x22, 0x30, 0x3C)} <= set(map(tuple, pixels[::7].tolist()))  # paper, borders
    assert pictures[0] != pictures[1]


def test_the_same_facts_give_the_same_bytes_of_no_day(both: Path, sample_measured: Measured, tmp_path: Path) -> None:
    write_document(*reportworlds.told(sample_measured), tmp_path / "again.docx", language="both")
    assert (tmp_path / "again.docx").read_bytes() == both.read_bytes()
    with zipfile.ZipFile(both) as parts:
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert parts.namelist()[0] == "[Content_Types].xml"
    told = docx.Document(str(both)).core_properties
    assert told.created == told.modified
    assert (told.created.year, told.author) == (2000, "outlet-accessibility 0.1.0")


def test_hostile_names_are_text(sample_measured: Measured, tmp_path: Path) -> None:
    facts, pictures = reportworlds.told(sample_measured)
    names = [*mapworlds.NAMES, "bell\x07", "half\ud800", "turned\u202e"]
    districts = facts.districts.head(len(names)).assign(district=(names * 9)[: len(facts.districts.head(len(names)))])
    named = replace(
        pictures,
        ground=replace(pictures.ground, names=tuple((250.0 * k, 100.0 * k, name) for k, name in enumerate(names, 1))),
    )
    hostile = replace(reportworlds.spoilt(facts), districts=districts, study="&<w:p/>\x00")
    write_document(hostile, named, tmp_path / "brief.docx")
    said = texts(docx.Document(str(tmp_path / "brief.docx")))
    worst = districts.nlargest(5, "uncovered")["district"]
    assert {shortened(visible(name), ROOM, end=True).replace("\ud800", "\ufffd") for name in worst} <= set(said)
    assert any("&<w:p/>\\x00" in text for text in said)
    assert all(len(words) == 3 for _, words in maps_of(tmp_path / "brief.docx"))


def test_nobody_and_no_proposal_still_make_a_document(town: Path, cache: Path, tmp_path: Path) -> None:
    facts, pictures = reportworlds.told(measure_study(read_study(town, cache=cache)))
    write_document(facts, pictures, tmp_path / "brief.docx", language="zh")
    assert len(docx.Document(str(tmp_path / "brief.docx")).inline_shapes) == 1


def test_a_run_writes_it_on_request_lists_it_and_verifies_it(town: Path, cache: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = run_cover(town, run, Options(cache=cache, date="2026-01-31", docx=True), Silence())
    assert "brief.docx" in result.manifest["files"]
    assert run_verify(run, Options(cache=cache), Silence()).equal
    document = docx.Document(str(run / "brief.docx"))
    document.add_paragraph("99.9 % are covered")
    document.save(str(run / "brief.docx"))
    told = parse_manifest(run / "manifest.json")
    told["files"]["brief.docx"] = list_files(run)["brief.docx"]  # as whoever changes the file may change the list
    write_manifest(told, run / "manifest.json")
    verdict = run_verify(run, Options(cache=cache), Silence())
    assert "brief.docx: does not follow from the inputs" in verdict.changed


def test_without_the_extra_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, town: Path, cache: Path, tmp_path: Path
) -> None:
    found = util.find_spec
    monkeypatch.setattr("accessibility.cli.pack.find_spec", lambda name: None if name == "docx" else found(name))
    with pytest.raises(
        InputError, match=r"^--docx needs python-docx, not .*: pip install 'outlet-accessibility\[docx]'$"
    ):
        run_cover(town, tmp_path / "run", Options(cache=cache, docx=True), Silence())
    assert not (tmp_path / "run").exists()
