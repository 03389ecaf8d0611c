"""The report in a real browser that has no internet: on the screen, and printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mapworlds
import pytest
import reportworlds

from accessibility.errors import visible
from accessibility.present.report.page import write_page

if TYPE_CHECKING:
    from accessibility.cli.report_facts import Measured

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}"),
]
PRINTED_PX = 688  # 182 mm between the margins of A4, at 96 pixels an inch
LANGUAGES = ("en", "zh", "both")


def shown(chromium: Any, path: Path, width: int = 1_000) -> tuple[Any, list[str]]:
    """Open a page without the internet; return it and all that went wrong."""
    context = chromium.new_context(viewport={"width": width, "height": 900})
    context.set_offline(True)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def refused(dialog: Any) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    def requested(request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            complaints.append(request.url)

    page.on("dialog", refused)
    page.on("request", requested)
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url[:80]}"))
    page.goto(path.as_uri())
    return page, complaints


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_opens_without_the_internet_and_prints_on_whole_pages(
    language: str, chromium: Any, sample_measured: Measured, tmp_path: Path
) -> None:
    facts, pictures = reportworlds.told(sample_measured)
    path = tmp_path / "report.html"
    write_page(facts, pictures, path, language=language)
    page, complaints = shown(chromium, path)
    assert page.locator("svg.map").count() == 3
    assert page.locator("svg.chart").count() == 3
    assert page.locator("svg.map image").first.bounding_box()["width"] > 300
    for label in page.locator("svg.map text[fill]").all():  # numbers of pins: white on green, red on white
        assert (
            label.evaluate("node => getComputedStyle(node).fill")
            == {
                "#fff": "rgb(255, 255, 255)",
                "#b3261e": "rgb(179, 38, 30)",
            }[label.get_attribute("fill")]
        )
    annex = page.locator("section.annex")
    assert annex.evaluate("node => node.parentNode.lastElementChild === node")
    assert page.locator(".t-inputs, .t-parameters").count() == annex.locator(".t-inputs, .t-parameters").count() == 2
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PRINTED_PX, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= PRINTED_PX
    # The findings stand on one page: 263 mm between the margins.
    assert page.locator(".findings").bounding_box()["y"] + page.locator(".findings").bounding_box()["height"] <= 994
    tables = page.locator(".table.uncut").all()
    assert len(tables) > 8
    assert max(table.bounding_box()["height"] for table in tables) <= 994
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    sheets = [int(count) for count in re.findall(rb"/Type /Pages\s.*?/Count (\d+)", pdf, flags=re.DOTALL)]
    assert 8 <= max(sheets) <= 16
    assert re.search(rb"/MediaBox \[0 0 59[45]\.\d+ 841\.\d+\]", pdf)
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1_400])
def test_a_telephone_and_a_wide_screen_show_it_whole(
    width: int, chromium: Any, sample_measured: Measured, tmp_path: Path
) -> None:
    write_page(*reportworlds.told(sample_measured), tmp_path / "report.html", language="zh")
    page, complaints = shown(chromium, tmp_path / "report.html", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # A cell of text is wide enough for four letters, or for all it says: nobody reads a word down a column.
    narrow = """[...document.querySelectorAll("td[dir=auto]")].filter((cell) => {
      const letter = parseFloat(getComputedStyle(cell).fontSize);
      return cell.clientHeight > 5 * letter * 1.35 && cell.clientWidth < 4 * letter;
    }).map((cell) => cell.textContent)"""
    assert page.evaluate(narrow) == []
    assert complaints == []


def test_hostile_names_are_text(chromium: Any, sample_measured: Measured, tmp_path: Path) -> None:
    facts, pictures = reportworlds.told(sample_measured)
    write_page(reportworlds.spoilt(facts), pictures, tmp_path / "report.html", language="both")
    page, complaints = shown(chromium, tmp_path / "report.html")
    text = " ".join(page.evaluate("document.body.textContent").split())
    for name in mapworlds.NAMES:
        assert " ".join(visible(name).split()) in text, name
    assert page.evaluate("typeof window.broken") == "undefined"
    assert page.evaluate("document.querySelectorAll('script, [onerror], [onload]').length") == 0
    assert page.locator("body > header, body > main").count() == 2
    assert len(page.pdf(prefer_css_page_size=True)) > 100_000
    assert complaints == []


def test_the_policy_stops_a_script_that_slipped_in(chromium: Any, sample_measured: Measured, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(*reportworlds.told(sample_measured), path)
    slipped = '<script>window.broken=1</script><img src="x" onerror="window.broken=2"><img src="https://example.com/x">'
    path.write_text(path.read_text("utf-8").replace("<main>", f"<main>{slipped}"), "utf-8")
    page, complaints = shown(chromium, path)
    assert page.evaluate("typeof window.broken") == "undefined"
    assert any("Content Security Policy" in complaint for complaint in complaints)
