"""The drawings of a report: bars as high as their numbers, places where they belong, texts that stay texts."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import geopandas as gpd
import mapworlds
import numpy as np
import pytest
import shapely
import worlds
from hypothesis import given
from hypothesis import strategies as st

from accessibility import Demand, measure_coverage
from accessibility.geo.projection import WGS84, transform
from accessibility.present.charts import Axes, Series, draw_bars, draw_frontier, draw_parts, nice_ticks
from accessibility.present.report.mapsketch import Paper, Pin, classify, draw_people
from accessibility.wording.cards import element

SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawing: str) -> ET.Element:
    """Return a drawing read by an XML parser, which takes no markup that is not whole."""
    return ET.fromstring(str(drawing).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314


def test_bars_are_as_high_as_their_people() -> None:
    axes = Axes(title="t", across="min", classes=("a", "b"), notes=("x", "y"), mark_after=1)
    series = [Series("urban", (30.0, 10.0), "#111111"), Series("rural", (10.0, 0.0), "#222222")]
    bars = [r for r in parsed(draw_bars(axes, series, stacked=True)).iter(f"{SVG}rect") if float(r.get("y", "0")) > 10]
    height = [float(bar.get("height", "0")) for bar in bars]
    assert height[0] == pytest.approx(3 * height[1], abs=0.05)
    assert height[0] == pytest.approx(3 * height[2], abs=0.05)
    assert height[3] == 0
    first, second = bars[:2]
    assert float(second.get("y", "0")) + height[1] == pytest.approx(float(first.get("y", "0")), abs=0.02)
    beside = [
        r for r in parsed(draw_bars(axes, series, stacked=False)).iter(f"{SVG}rect") if float(r.get("y", "0")) > 10
    ]
    assert float(beside[1].get("x", "0")) == pytest.approx(
        float(beside[0].get("x", "0")) + float(beside[0].get("width", "0")), abs=0.02
    )


def test_the_frontier_passes_through_its_points() -> None:
    series = [Series("plan", (0.7, 0.8, 0.9), "#111111"), Series("bound", (0.7, 0.82, 0.9), "#222222")]
    axes = Axes(title="t", across="cost")
    drawing = parsed(draw_frontier(axes, (0.0, 5.0, 10.0), series, (5.0, 0.8, "this")))
    at = [(float(c.get("cx", "0")), float(c.get("cy", "0"))) for c in drawing.iter(f"{SVG}circle")]
    assert at[1] == at[3]
    assert at[0][0] + at[2][0] == pytest.approx(2 * at[1][0], abs=0.02)
    assert at[0][1] + at[2][1] == pytest.approx(2 * at[1][1], abs=0.02)
    assert at[0][1] > at[2][1]


def test_the_parts_of_a_bar_fill_it() -> None:
    drawing = parsed(draw_parts([Series("a", (30.0,), "#111111"), Series("b", (10.0,), "#222222")], "t"))
    assert [float(r.get("width", "0")) for r in drawing.iter(f"{SVG}rect")] == [750, 250]
    empty = parsed(draw_parts([Series("a", (0.0,), "#111111")], "t"))
    assert [float(r.get("width", "0")) for r in empty.iter(f"{SVG}rect")] == [0]


@given(low=st.just(0.0) | st.floats(1e-3, 1e9), span=st.just(0.0) | st.floats(1e-3, 1e9))
def test_ticks_are_round_and_hold_everything(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    steps = np.diff(ticks)
    assert ticks[0] <= low * (1 + 1e-6) + 1e-6
    assert ticks[-1] >= (low + span) * (1 - 1e-6) - 1e-6
    assert 2 <= len(ticks) <= 8
    assert np.allclose(steps, steps[0], rtol=1e-6, atol=1e-9 * ticks[-1])


@pytest.mark.parametrize("name", mapworlds.NAMES)
def test_texts_stay_texts_in_every_drawing(name: str) -> None:
    axes = Axes(title=name, across=name, classes=(name,), notes=(name,))
    frontier = draw_frontier(axes, (0.0, 1.0), [Series(name, (0.1, 0.2), "#111111")], (1.0, 0.2, name))
    for drawing in (draw_bars(axes, [Series(name, (1.0,), "#111111")], stacked=True), frontier):
        tree = parsed(drawing)
        assert {node.tag.removeprefix(SVG) for node in tree.iter()} <= {
            "svg",
            "title",
            "rect",
            "text",
            "path",
            "circle",
        }
        assert name in [node.text for node in tree.iter(f"{SVG}text")]
    (group,) = parsed(element("svg", element("g", a=name)))
    assert group.get("a", "").split() == name.split()


def test_what_no_text_can_hold_is_replaced() -> None:
    assert "".join(parsed(element("svg", "a\x00\x1b\ud800b")).itertext()) == "a\ufffd\ufffd\ufffdb"


def test_a_map_puts_places_where_they_are() -> None:
    cover, districts = mapworlds.named_sites(("North", "Middle", "South"))
    ground = Paper.of(cover, districts[["geometry"]], worlds.line())
    lonlat = transform(cover.sites.xy, cover.sites.crs, WGS84)
    tree = parsed(draw_people(ground, pins=[Pin(lon=lonlat[0, 0], lat=lonlat[0, 1], number=7)]))
    width, height = (float(v) for v in tree.get("viewBox", "").split()[2:])
    discs = [(float(c.get("cx", "0")), float(c.get("cy", "0"))) for c in tree.iter(f"{SVG}circle")]
    sites, pin = np.array(discs[:3]), discs[3]
    assert np.allclose(sites, ground.at(lonlat), atol=0.01)
    assert np.allclose(pin, sites[0], atol=0.01)
    assert ((sites > 0) & (sites < [width, height])).all()
    # 400 m apart on the ground, north is up.
    # Web Mercator takes the Earth for a sphere: half a percent.
    assert np.hypot(*(sites[1] - sites[0])) * ground.metres == pytest.approx(400, rel=6e-3)
    assert sites[2, 1] < sites[1, 1] < sites[0, 1]
    names = [t.text for t in tree.iter(f"{SVG}text") if t.get("class") == "placename"]
    assert names == ["North", "Middle", "South"]
    bar = next(p.get("d", "") for p in tree.iter(f"{SVG}path") if "v7h" in p.get("d", ""))
    words = next(t.text for t in tree.iter(f"{SVG}text") if (t.text or "").endswith("km")) or ""
    assert float(re.findall(r"h([\d.]+)", bar)[0]) * ground.metres == pytest.approx(
        1_000 * float(words.split()[0]), rel=1e-2
    )


def test_squares_cover_the_people_and_say_what_changes() -> None:
    before = mapworlds.grid(side=12)
    after = replace(
        before, covered=np.ones(len(before.demand), np.bool_), unreached=np.zeros(len(before.demand), np.bool_)
    )
    assert set(classify(before, None).of[before.covered]) == {0}
    changed = classify(before, after).of
    assert (changed[before.covered] == 0).all()
    assert (changed[~before.covered] == 1).all()
    ground = Paper.of(before, None, None)
    (image,) = parsed(draw_people(ground)).iter(f"{SVG}image")
    x, y, w, h = (float(image.get(k, "0")) for k in ("x", "y", "width", "height"))
    at = ground.at(transform(before.demand.xy, before.demand.crs, WGS84))
    assert ((at[:, 0] > x) & (at[:, 0] < x + w) & (at[:, 1] > y) & (at[:, 1] < y + h)).all()


def test_nobody_and_people_without_a_place_make_a_map_too() -> None:
    nowhere = Demand(ids=["a"], xy=[(np.nan, np.nan)], population=[5.0], crs=worlds.CRS)  # type: ignore[arg-type]
    cover = measure_coverage(worlds.line(), nowhere, worlds.outlets([(0, 0)]))
    assert "<image" not in draw_people(Paper.of(cover, None, None))
    x, y = worlds.ORIGIN
    hole = shapely.box(x, y, x + 9_000, y + 9_000) - shapely.box(x + 3_000, y + 3_000, x + 6_000, y + 6_000)
    ground = Paper.of(cover, gpd.GeoDataFrame(geometry=[hole], index=["ring"], crs=worlds.CRS), worlds.line())
    assert ground.districts.count("M") == 2
    assert ground.streets == "" or ground.streets.startswith("M")
