"""What a map needs on a table: names that can be read, readings inside the screen, sheets that print whole."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import mapworlds
import numpy as np
import pytest
import shapely
import worlds
from browsing import MARKS, OF_MAP, PHONE
from pyproj import CRS

from accessibility import Sites
from accessibility.geo.projection import WGS84, transform
from accessibility.present.map.coverage_map import Backdrop, draw_coverage
from accessibility.siting.plan import SitingPlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from browsing import Opened

    from accessibility import Coverage

pytestmark = MARKS


def boxes(opened: Opened, selector: str) -> list[dict[str, float]]:
    """Return where the elements are that a selector finds and a reader sees."""
    found = [one.bounding_box() for one in opened.page.locator(selector).all() if one.is_visible()]
    return [box for box in found if box]


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
    down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
    return across > 1 and down > 1


def named_streets() -> gpd.GeoDataFrame:
    x, y = worlds.ORIGIN
    road = shapely.LineString([(x, y + 800), (x + 1_400, y + 800)])
    names = ["\u6771\u6751", "Long Road", "<b>far</b>"]
    shapes = [shapely.Point(x + 400, y + 300), road, shapely.Point(x + 90_000, y)]
    return gpd.GeoDataFrame({"name": names, "rank": [1, 0, 0]}, geometry=shapes, crs=worlds.CRS)


@pytest.fixture
def living(show: Callable[..., Opened]) -> Opened:
    net, now, where = mapworlds.switchable("whole")
    drawn = draw_coverage(
        now,
        backdrop=Backdrop(network=net, names=named_streets()),
        caption=mapworlds.caption(),
        switches=mapworlds.switches(net, now, where),
    )
    opened = show(drawn)
    opened.page.wait_for_selector("ul.sites li", state="attached")
    return opened


def test_no_name_covers_a_site_or_another_name(living: Opened) -> None:
    x, y = worlds.ORIGIN
    living.look_at(transform(np.array([[x + 600, y + 500]]), CRS.from_user_input(worlds.CRS), WGS84)[0], 15)
    names = living.page.locator(".place").all_text_contents()
    assert {"\u6771\u6751", "Long Road"} <= set(names)
    assert any(name.startswith("Site ") for name in names)
    straight = boxes(living, ".place:not(.street)")
    assert not [pair for pair in combinations(straight, 2) if overlap(*pair)]
    assert not [1 for name in straight for sign in boxes(living, ".leaflet-marker-icon") if overlap(name, sign)]
    living.page.locator(".leaflet-control-layers-overlays label", has_text="Names").locator("input").uncheck()
    assert living.page.locator(".place").count() == 0
    assert living.complaints == []


def opening(now: Coverage, at: list[tuple[float, float]]) -> SitingPlan:
    """Return a plan that opens a new site at each of some places."""
    n = len(at)
    ids = [f"N{row}" for row in range(1, n + 1)]
    return SitingPlan(
        model="mclp",
        selected=tuple(ids),
        gain=tuple(float(n - row) for row in range(n)),
        objective=now.covered_people + n * (n + 1) / 2,
        bound=now.covered_people + n * (n + 1) / 2,
        status="optimal",
        seconds=0.1,
        bound_by="certificate",
        costs=(3.0,) * n,
        population=now.population,
        covered_before=now.covered_people,
        sites=Sites(ids=ids, xy=np.array(at), kind=["new"] * n, open=[False] * n, crs=worlds.CRS),  # type: ignore[arg-type]
    )


def pins_apart(opened: Opened) -> bool:
    pins = boxes(opened, ".leaflet-marker-icon.proposed")
    middles = [(pin["x"] + pin["width"] / 2, pin["y"] + pin["height"] / 2) for pin in pins]
    return all(np.hypot(*np.subtract(*pair)) >= 23 for pair in combinations(middles, 2))


def test_pins_that_overlap_step_aside_with_a_line_to_their_place(show: Callable[..., Opened]) -> None:
    _, now, _ = mapworlds.switchable("whole")
    x, y = worlds.ORIGIN
    at = [(x + 1_000.0, y + 1_000.0), (x + 1_001.0, y + 1_000.0), (x + 1_000.0, y + 1_002.0)]
    opened = show(draw_coverage(now, caption=mapworlds.caption(), plan=opening(now, at)))
    assert opened.page.locator(".leaflet-marker-icon.proposed").count() == 3
    assert pins_apart(opened)


def test_pins_too_many_for_the_screen_are_dots_until_it_comes_near(show: Callable[..., Opened]) -> None:
    _, now, _ = mapworlds.switchable("whole")
    x, y = worlds.ORIGIN
    at = [(x + 100.0 * column, y + 100.0 * row) for row in range(12) for column in range(12)]
    opened = show(draw_coverage(now, caption=mapworlds.caption(), plan=opening(now, at)), PHONE)
    dots = boxes(opened, ".proposed svg")
    assert len(dots) == 144
    assert max(dot["width"] for dot in dots) < 10
    assert not [number for number in opened.page.locator(".proposed text").all() if number.is_visible()]
    lonlat = transform(np.array([[x + 550, y + 550]]), CRS.from_user_input(worlds.CRS), WGS84)[0]
    opened.look_at(lonlat, 18)
    assert opened.page.locator(".dense").count() == 0
    assert min(pin["width"] for pin in boxes(opened, ".proposed svg")) > 20
    assert pins_apart(opened)
    assert opened.complaints == []


def test_a_country_fills_the_screen_of_a_telephone(show: Callable[..., Opened]) -> None:
    cover, _ = mapworlds.named_sites()
    country = gpd.GeoDataFrame({"name": ["country"]}, geometry=[shapely.box(98.0, 24.0, 116.0, 40.0)], crs=WGS84)
    opened = show(draw_coverage(cover, backdrop=Backdrop(districts=country), caption=mapworlds.caption()), PHONE)
    west, east = (opened.point(np.array([lon, 32.0]))[0] for lon in (98.0, 116.0))
    assert 0 < west < east < PHONE[0]
    assert east - west > 0.5 * PHONE[0]
    assert opened.complaints == []


def test_borders_of_very_many_districts_are_thin(show: Callable[..., Opened]) -> None:
    cover = mapworlds.grid(side=2, cell=4_000.0)
    east, north = cover.demand.xy.min(axis=0)
    corners = [(east + 100 * column, north + 100 * row) for row in range(40) for column in range(40)]
    cells = [shapely.box(x, y, x + 100, y + 100) for x, y in corners]
    districts = gpd.GeoDataFrame({"name": [*map(str, range(1_600))]}, geometry=cells, crs=cover.demand.crs)
    opened = show(draw_coverage(cover, backdrop=Backdrop(districts=districts), caption=mapworlds.caption()), PHONE)
    borders = f"Object.values({OF_MAP}._layers).filter((one) => one.feature && one.getBounds && one.setStyle)"
    weights = f"() => {borders}.map((one) => one.options.weight)"
    whole = opened.page.evaluate(weights)
    assert len(whole) >= len(cells)
    assert max(whole) < 0.5
    opened.look_at(transform(cover.demand.xy[:1], cover.demand.crs, WGS84)[0], 17)
    assert min(opened.page.evaluate(weights)) == 1.4
    assert opened.complaints == []


def test_readings_stay_on_a_telephone(show: Callable[..., Opened]) -> None:
    cover, districts = mapworlds.named_sites(("A name that is as long as any office ever gave to its outlet", "South"))
    opened = show(draw_coverage(cover, backdrop=Backdrop(districts=districts), caption=mapworlds.caption()), PHONE)
    room = opened.page.locator(".folium-map").bounding_box()
    edges = [(room["x"] + 3, room["y"] + 80), (room["x"] + room["width"] - 3, room["y"] + room["height"] - 120)]
    lonlat = transform(cover.sites.xy, cover.sites.crs, WGS84)
    for x, y in [*edges, opened.point(lonlat[0])]:
        opened.page.mouse.move(x, y)
        opened.page.wait_for_timeout(50)
        for tip in boxes(opened, ".leaflet-tooltip.tip"):
            assert room["x"] <= tip["x"]
            assert tip["x"] + tip["width"] <= room["x"] + room["width"]
            assert room["y"] <= tip["y"]
            assert tip["y"] + tip["height"] <= room["y"] + room["height"]
    opened.page.mouse.click(*opened.point(lonlat[0]))
    popup = opened.page.locator(".leaflet-popup")
    popup.wait_for()
    opened.page.wait_for_timeout(100)  # it moves until it is whole
    box = popup.bounding_box()
    assert room["x"] <= box["x"]
    assert box["x"] + box["width"] <= room["x"] + room["width"] + 1
    assert opened.complaints == []


def test_a_reading_has_no_empty_rows(show: Callable[..., Opened]) -> None:
    cover, districts = mapworlds.named_sites(("North", "South"))
    districts.loc["South", ["population", "covered", "uncovered", "unreached"]] = np.nan  # nothing is known of it
    opened = show(draw_coverage(cover, backdrop=Backdrop(districts=districts), caption=mapworlds.caption()))
    where = districts.to_crs(WGS84).loc["South"].geometry
    x, y = opened.point(np.array(where.exterior.coords[0]))
    opened.page.mouse.move(x - 30, y - 12)
    opened.page.mouse.move(x - 32, y - 14)
    rows = opened.page.locator(".tip.area tr")
    assert [text.strip() for text in rows.all_inner_texts() if not text.strip()] == []
    assert rows.count() == 1  # its name


def test_tabs_stay_in_front_of_the_list_of_layers(living: Opened) -> None:
    page = living.page
    page.set_viewport_size({"width": 1440, "height": 420})
    page.locator("[data-tab=map]").click()
    page.evaluate("document.querySelector('.legend').scrollTop = 240")
    box = page.locator(".tabs").bounding_box()
    at = [box["x"] + 40, box["y"] + box["height"] / 2]
    assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('.tabs') !== null", at)


def test_the_headline_takes_one_line_of_a_desk(living: Opened) -> None:
    living.page.set_viewport_size({"width": 1440, "height": 900})
    said = "75.1 % of 149,923 people (112,564) are within a 15-minute walk (urban, town) or 5 km along the network"
    living.page.evaluate(
        "text => { document.querySelector('.headline p').textContent = text; }",
        f"{said} (rural) of a service outlet or partner bank branch, walking at 1.0 m/s",
    )
    assert living.page.locator(".headline p").bounding_box()["height"] < 30


def test_the_map_is_never_lost(living: Opened) -> None:
    page = living.page
    whole = page.evaluate(f"{OF_MAP}.getZoom()")
    page.evaluate(f"{OF_MAP}.setZoom(0, {{animate: false}})")
    assert page.evaluate(f"{OF_MAP}.getZoom()") >= whole - 3.5
    page.evaluate(f"{OF_MAP}.setZoom(18, {{animate: false}})")
    page.locator(".fit").click()
    page.wait_for_timeout(600)
    assert page.evaluate(f"{OF_MAP}.getZoom()") == pytest.approx(whole, abs=0.3)


def test_who_sees_the_whole_area_sees_it_in_another_size(living: Opened) -> None:
    page = living.page
    area = f"{OF_MAP}.options.maxBounds.pad(-0.375)"

    def whole() -> bool:
        page.wait_for_timeout(400)
        return bool(page.evaluate(f"{OF_MAP}.getBounds().contains({area})"))

    for wide, tall in ((820, 420), (1400, 900), (390, 800)):
        page.set_viewport_size({"width": wide, "height": tall})
        assert whole()
    page.evaluate(f"{OF_MAP}.setZoom({OF_MAP}.getZoom() + 3, {{animate: false}})")
    zoom = page.evaluate(f"{OF_MAP}.getZoom()")
    page.set_viewport_size({"width": 1400, "height": 900})  # who looks closer goes on to
    assert not whole()
    assert page.evaluate(f"{OF_MAP}.getZoom()") == zoom


def test_what_opens_at_the_edge_moves_itself_and_not_the_map(living: Opened) -> None:
    page = living.page
    area = f"{OF_MAP}.options.maxBounds.pad(-0.375)"
    seen = f"[{OF_MAP}.getCenter().toString(), {OF_MAP}.getZoom()]"
    before = page.evaluate(seen)
    for corner, words in (("NorthWest", 9), ("SouthEast", 9), ("NorthEast", 2)):
        page.evaluate(f"""() => {{ L.popup().setLatLng({area}.get{corner}()).setContent("at the edge of the area, "
            .repeat({words})).openOn({OF_MAP}); }}""")
        for wide, tall in ((1400, 900), (820, 420), (1400, 900)):  # as beside another map, and back
            page.set_viewport_size({"width": wide, "height": tall})
            page.wait_for_timeout(150)
            box, room = (page.locator(name).last.bounding_box() for name in (".leaflet-popup", ".folium-map"))
            assert room["x"] <= box["x"]
            assert box["x"] + box["width"] <= room["x"] + room["width"]
            assert room["y"] <= box["y"]
            assert box["y"] + box["height"] <= room["y"] + room["height"] + 1
            assert page.evaluate(f"{OF_MAP}.getBounds().contains({area})")
        assert page.evaluate(seen) == before
    page.evaluate(f"{OF_MAP}.setView({area}.getCenter(), 17, {{animate: false}})")
    page.evaluate(f"L.popup().setLatLng({area}.getNorthWest()).setContent('far away').openOn({OF_MAP})")
    assert page.evaluate(f"{OF_MAP}.getBounds().contains({area}.getNorthWest())")  # what was out of sight is gone to


def test_a_sheet_shows_the_whole_map_with_legend_and_sources(living: Opened) -> None:
    page = living.page
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1046, "height": 720})  # A4 across, without its margins
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    sheet: dict[str, Any] = page.locator("main").bounding_box()
    assert sheet["x"] + sheet["width"] <= 1046
    assert sheet["y"] + sheet["height"] <= 720
    legend = page.locator(".classes:visible").first.bounding_box()
    assert legend["x"] >= sheet["x"] + sheet["width"]
    assert legend["x"] + legend["width"] <= 1046
    assert page.locator("#tab-map").get_by_text("survey").is_visible()
    beside = page.locator("#tab-map").bounding_box()
    assert beside["x"] >= sheet["x"] + sheet["width"]  # on the first sheet, beside the map
    assert sheet["y"] <= beside["y"] < beside["y"] + beside["height"] <= 720
    assert page.locator("#tab-map .layers label", has_text="Outlets").first.is_visible()
    # What is said of switches stays away with them: on paper it began a sheet of its own.
    for control in (".leaflet-control-zoom", ".tabs", ".fit", "[data-part=live-notes]", ".sentence.rest"):
        assert not page.locator(control).first.is_visible()
    inked = """() => [...document.querySelectorAll('.leaflet-people-pane canvas.copy')].map(canvas => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.some(value => value > 0);
    })"""
    assert page.evaluate(inked) == [True]  # what is printed without waiting for a frame
    for area in ("[35, -170]", "[-60, 100]"):
        assert page.evaluate(f"!{OF_MAP}.getBounds().contains({area})")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("canvas.copy").count() == 0
    assert living.complaints == []
