"""The coverage map in a real browser that has no internet."""

from __future__ import annotations

import http.server
import io
import re
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import mapworlds
import numpy as np
import pytest
import worlds
from branca.element import Element
from browsing import MARKS, OF_MAP, PHONE
from PIL import Image

from accessibility import measure_coverage
from accessibility.errors import visible
from accessibility.geo.projection import WGS84, mercator, transform
from accessibility.present.language import count
from accessibility.present.map import outlines
from accessibility.present.map.coverage_map import Backdrop, draw_coverage
from accessibility.present.map.overlays import classify_people
from accessibility.present.map.sheets import MapSheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from browsing import Opened

pytestmark = MARKS


def reading(opened: Opened, lonlat: np.ndarray[Any, Any]) -> str:
    opened.page.mouse.move(*opened.point(lonlat))
    return str(opened.page.locator(".reading").inner_text())


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw people as a picture, however few they are."""
    monkeypatch.setattr("accessibility.present.map.coverage_map.MapSheet", partial(MapSheet, max_dots=100))


@pytest.mark.parametrize("picture", [False, True])
def test_every_place_has_its_colour_and_its_figures(
    show: Callable[..., Opened], request: pytest.FixtureRequest, *, picture: bool
) -> None:
    side = 90
    cover = mapworlds.grid(side=side)
    if picture:
        request.getfixturevalue("pictures")
    opened = show(draw_coverage(cover, caption=mapworlds.caption()))
    assert opened.page.locator(".leaflet-people-pane img").count() == picture
    opened.page.wait_for_selector(".reading")
    walk = classify_people(cover)[1]
    lonlat = transform(cover.demand.xy, cover.demand.crs, WGS84)
    opened.page.locator(".leaflet-control-layers-base input").nth(1).check()
    opened.tick("overlays", on=False)
    for row in (3, 5 * side + 7, 12 * side + 12, side * side // 2, side * side - 1):
        opened.look_at(lonlat[row], 17)
        want = tuple(int(walk.colours[walk.of[row]][k : k + 2], 16) for k in (1, 3, 5))
        assert np.abs(np.array(opened.colour(lonlat[row])) - want).max() <= 2
        minutes = int(np.ceil(round(cover.walk_s[row], 3) / 60))
        walked = f"{minutes} min walk" if minutes <= 250 else "over 250 min walk"
        km = np.ceil(round(cover.metres[row], 2) / 100) / 10
        status = "covered" if cover.covered[row] else "not covered"
        expected = f"{cover.demand.population[row]:.0f} people · urban · {status} · {walked} · {km:.1f} km"
        assert reading(opened, lonlat[row]).startswith(expected)
    assert opened.complaints == []


def test_it_opens_without_the_internet(show: Callable[..., Opened]) -> None:
    cover, districts = mapworlds.named_sites(("North", "Middle", "城关镇"))
    opened = show(
        draw_coverage(cover, backdrop=Backdrop(districts=districts, network=worlds.line()), caption=mapworlds.caption())
    )
    assert opened.page.locator(".site svg").count() == 3
    assert opened.page.locator(".place.district").count() == 3
    assert opened.page.locator(".leaflet-control-scale").is_visible()
    assert opened.page.locator("h1").inner_text() == "A town"
    assert opened.page.title() == "A town"
    assert "survey" in opened.page.locator(".leaflet-control-attribution").inner_text()
    assert opened.page.locator("a[href^=http]").count() == 0
    assert opened.complaints == []


def test_names_are_text_wherever_they_are_shown(show: Callable[..., Opened]) -> None:
    cover, districts = mapworlds.named_sites()
    from playwright.sync_api import expect  # noqa: PLC0415 -- the tests are skipped where it is not there

    words = mapworlds.caption(title=" ".join(mapworlds.NAMES), sources=mapworlds.NAMES, headline=mapworlds.NAMES[0])
    opened = show(draw_coverage(cover, backdrop=Backdrop(districts=districts), caption=words))

    def same(shown: str, name: str) -> bool:
        return " ".join(shown.split()) in (" ".join(name.split()), " ".join(visible(name).split()))

    assert same(opened.page.locator("h1").inner_text(), words.title)
    shown = opened.page.locator(".place.district").all_text_contents()
    assert {visible(name).split()[0] for name in mapworlds.NAMES} <= {text.split()[0] for text in shown}
    lonlat = transform(cover.sites.xy, cover.sites.crs, WGS84)
    tips = opened.page.locator(".tip")
    for row, name in enumerate(mapworlds.NAMES):
        opened.look_at(lonlat[row], 16)
        opened.page.mouse.move(*opened.point(lonlat[row]))
        expect(tips).to_have_count(1)  # the one before has faded
        cells = opened.page.locator(".tip td").all_inner_texts()
        assert same(cells[0], name), cells
        assert same(cells[3], name), cells
        opened.page.mouse.move(*opened.point(lonlat[row] + [0.003, 0]))
        expect(tips.locator("th").first).to_be_visible()
        expect(tips).to_have_count(1)
        assert same(opened.page.locator(".tip td").first.inner_text(), name)
    assert opened.page.evaluate("window.broken") is None
    assert opened.complaints == []


def test_the_policy_stops_a_script_that_slipped_in(show: Callable[..., Opened]) -> None:
    drawn: Any = draw_coverage(mapworlds.street([0, 1]), caption=mapworlds.caption())
    slipped = '<script>window.broken=1</script><img src="x" onerror="window.broken=2">'
    drawn.get_root().html.add_child(Element(slipped))
    opened = show(drawn)
    assert opened.page.evaluate("window.broken") is None
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)
    assert opened.page.locator(".site svg").count() == 1


def test_the_legend_follows_the_layer(show: Callable[..., Opened]) -> None:
    cover = mapworlds.street([100, 1_000, 3_000], ["urban", "urban", "rural"])
    opened = show(draw_coverage(cover, caption=mapworlds.caption()))
    titles = opened.page.locator(".classes:visible h2")
    assert titles.all_inner_texts() == ["Covered or not"]
    for row, name in enumerate(["Covered or not", "Walking time", "Rural distance along streets"]):
        opened.page.locator(".leaflet-control-layers-base input").nth(row).check()
        assert titles.all_inner_texts() == [name]
    assert opened.complaints == []


def test_districts_never_cover_what_is_hovered(show: Callable[..., Opened]) -> None:
    cover, districts = mapworlds.named_sites(("North", "South"))
    opened = show(draw_coverage(cover, backdrop=Backdrop(districts=districts), caption=mapworlds.caption()))
    lonlat = transform(cover.sites.xy, cover.sites.crs, WGS84)
    opened.tick("overlays", on=False)
    opened.tick("overlays", on=True)
    opened.page.mouse.move(*opened.point(lonlat[0]))
    assert "outlet, counts" in opened.page.locator(".tip").all_inner_texts()[0]


def test_cells_smaller_than_a_pixel_are_still_seen(show: Callable[..., Opened]) -> None:
    cover = mapworlds.grid(side=40)
    opened = show(draw_coverage(cover, caption=mapworlds.caption()))
    middle = transform(cover.demand.xy, cover.demand.crs, WGS84)[40 * 20 + 20]
    opened.tick("overlays", on=False)
    opened.look_at(middle, 9)
    red, _, blue = opened.colour(middle)
    assert red > blue + 80  # orange, not the ground


@pytest.mark.usefixtures("pictures")
def test_figures_follow_where_the_picture_stays(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable("whole")
    opened = show(draw_coverage(past, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where)))
    opened.page.wait_for_selector("ul.sites li", state="attached")
    opened.page.locator("[data-tab=living]").click()
    assert "the picture stays as drawn" in opened.page.locator("#tab-living").inner_text()
    opened.page.locator("ul.sites input").first.check()
    then = past.sites.open.copy()
    then[past.sites.rows([opened.page.locator("ul.sites span").first.get_attribute("title")])] = True
    now = measure_coverage(net, past.demand, replace(past.sites, open=then), past.standard)
    assert opened.page.locator(".figures tfoot td").nth(2).inner_text() == count(now.covered_people)
    assert opened.page.locator(".leaflet-control-layers-base label").count() == 3
    assert opened.complaints == []


def test_an_old_browser_says_so(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable("whole")
    drawn = draw_coverage(past, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where))
    page = str(drawn.get_root().render())
    opened = show(page.replace("window.DecompressionStream", "window.NothingOfTheKind"))
    assert "This browser is too old to show people" in opened.page.locator("header").inner_text()
    assert opened.page.locator(".site svg").count() == past.sites.open.sum()
    assert opened.page.locator("[data-tab=living]").count() == 0
    assert opened.complaints == []


def test_a_telephone_shows_the_map_first(show: Callable[..., Opened]) -> None:
    cover, districts = mapworlds.named_sites(("North", "Middle", "South"))
    opened = show(draw_coverage(cover, backdrop=Backdrop(districts=districts), caption=mapworlds.caption()), PHONE)
    page = opened.page
    box = page.locator(".folium-map").bounding_box()
    assert box["height"] > 500
    assert box["width"] == PHONE[0]
    assert not page.locator(".classes").first.is_visible()
    for lonlat in transform(cover.sites.xy, cover.sites.crs, WGS84):
        x, y = opened.point(lonlat)
        assert box["x"] < x < box["x"] + box["width"]
        assert box["y"] < y < box["y"] + box["height"]
    page.locator(".legend > summary").click()
    assert page.locator(".classes").first.is_visible()
    assert page.locator(".folium-map").bounding_box()["height"] > 200
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert opened.complaints == []


def test_a_notebook_shows_it_too(show: Callable[..., Opened]) -> None:
    cover, districts = mapworlds.named_sites(("North", "South"))
    drawn = draw_coverage(cover, backdrop=Backdrop(districts=districts), caption=mapworlds.caption())
    opened = show(f"<!DOCTYPE html><body>{drawn._repr_html_()}</body>")
    frame = opened.page.frame_locator("iframe")
    assert frame.locator(".site svg").count() == 2
    assert not [c for c in opened.complaints if not re.search(r"about:srcdoc", c)]


def test_a_map_in_a_tab_behind_others_shows_the_area_once_it_is_seen(show: Callable[..., Opened]) -> None:
    cover, districts = mapworlds.named_sites(("North", "South"))
    drawn = draw_coverage(cover, backdrop=Backdrop(districts=districts), caption=mapworlds.caption())
    view = f"() => [{OF_MAP}.getZoom(), {OF_MAP}.getCenter().lat, {OF_MAP}.getCenter().lng]"
    seen = []
    for hidden in ("", " hidden"):
        opened = show(f"<!DOCTYPE html><body><div id='tab'{hidden}>{drawn._repr_html_()}</div></body>")
        body = opened.page.frame_locator("iframe").locator("body")
        opened.page.frame_locator("iframe").locator(".site svg").first.wait_for(state="attached")
        opened.page.evaluate("document.getElementById('tab').hidden = false")
        opened.page.wait_for_timeout(300)
        seen.append(body.evaluate(view))
        assert not [c for c in opened.complaints if not re.search(r"about:srcdoc", c)]
    assert seen[0] == pytest.approx(seen[1], abs=1e-4)


class Tiles(http.server.BaseHTTPRequestHandler):
    """A server that answers as Tianditu does: a red tile, or nothing to whom has no key."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        picture = io.BytesIO()
        Image.new("RGB", (256, 256), "#c00000").save(picture, "png")
        self.send_response(200 if f"tk={TILE_KEY}" in self.path else 403)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(picture.getvalue())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


TILE_KEY = "0123456789abcdef0123456789abcdef"


def test_tiles_of_tianditu_lie_where_those_of_web_mercator_do(
    show: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(outlines, "_TIANDITU", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv(outlines.KEY, TILE_KEY)
    drawn = draw_coverage(
        mapworlds.street([0, 1]),
        caption=mapworlds.caption(),
        backdrop=Backdrop(tiles=outlines.basemap_of("tianditu")),
    )
    page = show(drawn)
    page.page.context.set_offline(False)
    page.page.reload()
    page.page.wait_for_selector(".leaflet-tile-loaded")
    page.page.wait_for_timeout(500)
    server.shutdown()
    thread.join()
    server.server_close()
    asked = [parse_qs(urlsplit(path).query) for path in Tiles.asked]
    assert {one["LAYER"][0] for one in asked} == {"vec", "cva"}
    assert {urlsplit(path).path for path in Tiles.asked} == {"/vec_w/wmts", "/cva_w/wmts"}
    zoom, col, row = (int(asked[0][name][0]) for name in ("TILEMATRIX", "TILECOL", "TILEROW"))
    (lon, lat), *_ = mapworlds.street([0, 1]).sites.lonlat
    x, y = (mercator(np.array([[lon, lat]]))[0] / (2 * np.pi * 6_378_137) * (1, -1) + 0.5) * 2**zoom
    assert [abs(col - x) < 8, abs(row - y) < 8] == [True, True]
    credit = page.page.locator(".leaflet-control-attribution").inner_text()
    assert credit.count("天地图") == 1
    assert [one for one in page.complaints if one.startswith("asked") and "//127.0.0.1:" not in one] == []
    assert [one for one in page.complaints if "Security Policy" in one] == []
