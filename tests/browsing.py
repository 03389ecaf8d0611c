"""Pages in a real browser that has no internet: fixtures, and all that went wrong on a page."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

CHROMIUM = Path("/usr/bin/chromium")
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}"),
]
OF_MAP = "window[Object.keys(window).find(k => /^map_[0-9]+$/.test(k))]"
DESKTOP, PHONE = (1400, 900), (390, 800)


class Opened:
    """A page, and all that went wrong on it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._refuse)
        page.on("request", lambda request: self._local(request.url))

    def _refuse(self, dialog: Any) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def _local(self, address: str) -> None:
        if not address.startswith(("file:", "data:", "blob:", "about:")):
            self.complaints.append(f"asked for {address}")

    def point(self, lonlat: np.ndarray[Any, Any]) -> tuple[float, float]:
        """Return where a place stands in the window."""
        script = f"""([lat, lng]) => {{
            const m = {OF_MAP}, at = m.latLngToContainerPoint([lat, lng]);
            const box = m.getContainer().getBoundingClientRect();
            return [box.left + at.x, box.top + at.y];
        }}"""
        x, y = self.page.evaluate(script, [float(lonlat[1]), float(lonlat[0])])
        return x, y

    def look_at(self, lonlat: np.ndarray[Any, Any], zoom: int) -> None:
        """Show a place in the middle of the map."""
        self.page.evaluate(
            f"([lat, lng, z]) => {{ {OF_MAP}.setMinZoom(0).setView([lat, lng], z, {{animate: false}}); }}",
            [float(lonlat[1]), float(lonlat[0]), zoom],
        )
        self.page.wait_for_timeout(150)

    def colour(self, lonlat: np.ndarray[Any, Any]) -> tuple[int, ...]:
        """Return the colour on the screen at a place."""
        x, y = self.point(lonlat)
        picture = self.page.screenshot(clip={"x": round(x), "y": round(y), "width": 1, "height": 1})
        with warnings.catch_warnings(), MemoryFile(picture) as file:
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with file.open() as image:
                return tuple(int(v) for v in image.read()[:3].ravel())

    def tick(self, group: str, *, on: bool) -> None:
        """Switch every layer of a group."""
        self.page.evaluate(
            f"""on => document.querySelectorAll('.leaflet-control-layers-{group} input')
                .forEach(box => {{ if (box.checked !== on) box.click(); }})""",
            on,
        )


def table_of(opened: Opened, by: str) -> dict[str, list[str]]:
    """Return the rows of a table of figures."""
    rows = opened.page.evaluate(
        """by => [...document.querySelectorAll(`.figures[data-by="${by}"] tr`)].map(
            row => [...row.cells].map(cell => cell.textContent))""",
        by,
    )
    return {name: figures for name, *figures in rows[1:]}


def switch(opened: Opened, ids: list[str]) -> None:
    """Click the boxes of sites in the list."""
    opened.page.evaluate(
        """ids => { for (const id of ids) [...document.querySelectorAll('ul.sites li')].find(
            row => row.querySelector('span').title === id).querySelector('input').click(); }""",
        ids,
    )


@contextmanager
def launched() -> Iterator[Any]:
    """Start Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def shower(chromium: Any, folder: Path) -> Iterator[Callable[..., Opened]]:
    """Give a function that opens a map, or a page as text, without the internet."""
    from accessibility.present.map.coverage_map import write_map  # noqa: PLC0415 -- folium takes a second to load

    contexts = []

    def opened(drawn: Any, size: tuple[int, int] = DESKTOP) -> Opened:
        path = folder / "map.html"
        if isinstance(drawn, str):
            path.write_text(drawn, "utf-8")
        else:
            write_map(drawn, path)
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
        context.set_offline(True)
        contexts.append(context)
        page = Opened(context.new_page())
        page.page.goto(path.as_uri())
        page.page.wait_for_timeout(400)
        return page

    yield opened
    for context in contexts:
        context.close()
