"""Sites switched in a real browser: every figure is that of a measurement from scratch."""

from __future__ import annotations

import csv
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import mapworlds
import numpy as np
import pandas as pd
import pytest
import shapely
import worlds
from browsing import MARKS, PHONE, switch, table_of
from PIL import Image

from accessibility import measure_coverage
from accessibility.geo.projection import WGS84, transform
from accessibility.present.language import MapWords, count
from accessibility.present.map.coverage_map import Backdrop, draw_coverage
from accessibility.present.map.legends import headline_lines
from accessibility.present.map.overlays import COLOURS, classify_people
from accessibility.standards import Rule, Standard
from accessibility.study.scenariofile import read_scenarios, scenario_toml
from accessibility.whatif.comparison import compare_coverages
from accessibility.whatif.scenario import Addition, Move, Scenario, Settings
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browsing import Opened

    from accessibility import Coverage

pytestmark = MARKS
NONE = "(none)"


def change(after: float, before: float) -> str:
    text = count(abs(after - before))
    return "0" if text == "0" else f"{'−' if after < before else '+'}{text}"  # noqa: RUF001 -- a minus sign


def expected(now: Coverage, past: Coverage, groups: pd.Series[Any]) -> dict[str, list[str]]:
    """Return what a table of figures must say, from two measurements."""
    after, before = now.by(groups), past.by(groups)
    found = {}
    columns = zip(after.index, after["population"], after["covered"], before["covered"], strict=True)
    for name, people, covered, was in columns:
        told = [count(people), count(covered), percent_text(covered, people), change(covered, was)]
        found[NONE if name != name else str(name)] = told  # noqa: PLR0124 -- NaN: in no district
    whole = [count(now.population), count(now.covered_people), percent_text(now.covered_people, now.population)]
    return {**found, "total": [*whole, change(now.covered_people, past.covered_people)]}


@pytest.mark.parametrize(
    ("people", "standard"),
    [
        ("fractions", None),
        ("tenths", Standard(urban=Rule.walk(5), rural=Rule.distance(0.7, along="radius"))),
        ("halves", None),
        ("whole", Standard(urban=Rule.distance(0.5), town=Rule.distance(0.6, along="radius"), rural=Rule.walk(9))),
    ],
)
def test_figures_are_those_of_a_measurement(
    show: Callable[..., Opened], people: str, standard: Standard | None
) -> None:
    net, past, where = mapworlds.switchable(people, standard=standard)
    drawn = draw_coverage(past, caption=mapworlds.caption(headline=""), switches=mapworlds.switches(net, past, where))
    opened = show(drawn)
    opened.page.wait_for_selector("ul.sites li", state="attached")
    settings = pd.Series(past.demand.setting, index=past.demand.ids)
    rng, is_open = np.random.default_rng(2), past.sites.open.copy()
    assert opened.page.locator(".headline").inner_text() == headline_lines(past, MapWords())[0][1]
    for _ in range(20):
        rows = rng.choice(len(is_open), rng.integers(1, 5), replace=False)
        switch(opened, [str(past.sites.ids[row]) for row in rows])
        is_open[rows] ^= True
        now = measure_coverage(net, past.demand, replace(past.sites, open=is_open), past.standard, past.walker)
        assert table_of(opened, "setting") == expected(now, past, settings)
        assert table_of(opened, "district") == expected(now, past, where)
        assert opened.page.locator(".headline").inner_text() == headline_lines(now, MapWords())[0][1]
        exact = sum((Fraction(p) for p in now.demand.population[now.covered]), Fraction(0))
        assert table_of(opened, "setting")["total"][1] == f"{round(exact, 6).__round__():,}"
        if people != "tenths":  # where the plain float of Python's sum may stand a hair beside a half
            assert f"({now.covered_people:,.0f})" in opened.page.locator(".headline").inner_text()
        moved = (is_open != past.sites.open).any()
        table: Any = compare_coverages(past, now, where).loc[("total", "all")]
        sentence = f"{count(table['gained'])} people gain, {count(table['lost'])} lose; before"
        assert not moved or sentence in opened.page.locator(".sentence").inner_text()
        shown = opened.page.locator(".classes.changes td:nth-child(3)").all_inner_texts() if moved else None
        kept = now.covered_people - table["gained"], past.uncovered_people - table["gained"]
        assert shown is None or shown[:4] == [count(v) for v in (*kept, table["gained"], table["lost"])]
    opened.page.locator("header .reset").click()
    assert table_of(opened, "district") == expected(past, past, where)
    assert opened.page.locator(".headline").inner_text() == headline_lines(past, MapWords())[0][1]
    assert not opened.page.locator("header .reset").is_visible()
    assert "accessibility serve" in opened.page.locator("#tab-living .unserved").text_content()
    assert opened.complaints == []


def test_what_the_page_shows_is_saved_as_a_table_and_as_a_picture(show: Callable[..., Opened], tmp_path: Path) -> None:
    net, past, where = mapworlds.switchable("whole")
    where = where.replace("West", "=1+1")  # a formula of somebody's
    switches = mapworlds.switches(net, past, where)
    opened = show(draw_coverage(past, caption=mapworlds.caption(), switches=switches))
    opened.page.wait_for_selector("ul.sites li", state="attached")
    with opened.page.expect_download() as download:
        opened.page.locator("[data-save=table]").click()
    assert "What if" not in download.value.path().read_text("utf-8-sig")  # what the page asks of a reader is no figure
    is_open = past.sites.open.copy()
    is_open[2] ^= True
    switch(opened, [str(past.sites.ids[2])])
    saved = {}
    for what in ("table", "picture"):
        with opened.page.expect_download() as download:
            opened.page.locator(f"[data-save={what}]").click()
        saved[what] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[what])
    assert [path.name for path in saved.values()] == ["A-town-November 2026.csv", "A-town-November 2026.png"]

    rows = list(csv.reader(saved["table"].read_text("utf-8-sig").splitlines()))
    now = measure_coverage(net, past.demand, replace(past.sites, open=is_open), past.standard, past.walker)
    assert rows[:3] == [["A town"], ["November 2026"], [headline_lines(now, MapWords())[0][1]]]
    assert ["Urban", "5-minute walk"] in rows
    begin = [row[0] for row in rows if row].index("By district")
    bare = str.maketrans({",": None, "+": None, "\N{MINUS SIGN}": "-"})
    told = {name: [text.translate(bare) for text in row] for name, row in expected(now, past, where).items()}
    told["'=1+1"] = told.pop("=1+1")
    assert {name: row for name, *row in [row for row in rows if row][begin + 1 :]} == told

    opened.page.add_style_tag(
        content=".printing, .leaflet-bar, .reading, .buttons, .reset, .scenario { display: none }"
    )
    opened.page.screenshot(path=tmp_path / "screen.png")
    screen, picture = (Image.open(path).convert("RGB") for path in (tmp_path / "screen.png", saved["picture"]))
    assert picture.size == tuple(2 * side for side in screen.size)
    beside = opened.page.locator("main").bounding_box()
    x, y, wide, high = (int(beside[at]) for at in ("x", "y", "width", "height"))
    box = (x, y, x + wide, y + high)
    differs = np.abs(np.subtract(*(np.asarray(one.resize(screen.size).crop(box), float) for one in (screen, picture))))
    assert differs.max(axis=-1).mean() < 3  # of 255: letters and edges are drawn at another scale
    assert opened.complaints == []


def test_districts_tell_what_is_covered_with_the_switches_as_they_are(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable()
    x, y = worlds.ORIGIN
    shapes = {
        "West": shapely.box(x - 100, y, x + 1_300, y + 2_750),
        "城关镇": shapely.box(x + 1_400, y, x + 2_800, y + 900),
    }
    districts = gpd.GeoDataFrame(past.by(where).loc[list(shapes)], geometry=list(shapes.values()), crs=worlds.CRS)
    switches = mapworlds.switches(net, past, where)
    opened = show(
        draw_coverage(past, backdrop=Backdrop(districts=districts), caption=mapworlds.caption(), switches=switches)
    )
    opened.page.wait_for_selector("ul.sites li", state="attached")

    def told(name: str) -> str:
        edge = transform(np.array([shapes[name].exterior.coords[2]]), past.demand.crs, WGS84)[0]
        opened.look_at(edge, 15)
        opened.page.mouse.move(5, 5)
        px, py = opened.point(edge)
        opened.page.mouse.move(px + 6, py + 6)
        tip = opened.page.locator(".leaflet-tooltip.tip", has_text=name)
        tip.wait_for()
        return " ".join(str(tip.inner_text()).split())

    def share(now: Coverage, name: str) -> str:
        row: Any = now.by(where).loc[name]
        covered, people = row["covered"], row["population"]
        return f"covered {count(covered)} of {count(people)} ({percent_text(covered, people)})"

    before = {name: told(name) for name in shapes}
    assert all(share(past, name) in before[name] for name in shapes)
    switch(opened, ["S2", "S4", "S7"])
    is_open = past.sites.open.copy()
    is_open[[2, 4, 7]] ^= True
    now = measure_coverage(net, past.demand, replace(past.sites, open=is_open), past.standard, past.walker)
    for name in shapes:
        assert share(now, name) != share(past, name)
        assert share(now, name) in told(name)
    opened.page.locator("header .reset").click()
    assert {name: told(name) for name in shapes} == before
    assert opened.complaints == []


def test_figures_are_written_as_python_writes_them(show: Callable[..., Opened]) -> None:
    opened = show(draw_coverage(mapworlds.street([0, 1]), caption=mapworlds.caption()))
    rng = np.random.default_rng(8)
    people = [
        *(rng.uniform(0, 1e7, 200)),
        *(np.arange(40) / 4),
        *(0.1 * np.arange(60) * 3),
        999.5,
        1_000.5,
        1e7,
        123_456_789.5,
    ]
    pairs = [(part, whole) for whole in (1, 3, 7, 8, 400, 2_000, 149_923.0) for part in np.linspace(0, whole, 33)]
    pairs += [(float(k), 400.0) for k in range(401)]  # quarters of a percent: ties at one decimal
    script = """([people, pairs]) =>
        [people.map(whole), pairs.map((p) => percent(...p))]"""
    said = opened.page.evaluate(script, [[float(p) for p in people], [[float(v) for v in pair] for pair in pairs]])
    assert said[0] == [count(float(p)) for p in people]
    assert said[1] == [percent_text(*pair) for pair in pairs]
    assert {"12.2 %", "0.2 %"} <= set(said[1])


def test_the_list_says_what_each_site_would_change(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable()
    drawn = draw_coverage(past, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where))
    opened = show(drawn)
    opened.page.wait_for_selector("ul.sites li", state="attached")
    switch(opened, ["S1", "S4"])
    is_open = past.sites.open.copy()
    is_open[[1, 4]] ^= True
    now = measure_coverage(net, past.demand, replace(past.sites, open=is_open), past.standard, past.walker)
    said = dict(
        opened.page.evaluate(
            """[...document.querySelectorAll('ul.sites li')].map(
                row => [row.querySelector('span').title, row.querySelector('b').textContent])"""
        )
    )
    assert len(said) == len(is_open)
    for row, site in enumerate(past.sites.ids):
        other = is_open.copy()
        other[row] ^= True
        then = measure_coverage(net, past.demand, replace(past.sites, open=other), past.standard, past.walker)
        assert said[site] == change(then.covered_people, now.covered_people), site
    # What could open stands first, the greatest gain on top, in the order of the map as it was drawn.
    order = list(said)
    closed = [site for site, counts in zip(past.sites.ids, past.sites.open, strict=True) if not counts]
    assert set(order[: len(closed)]) == set(closed)
    opened.page.locator("[data-tab=living]").click()
    opened.page.locator(".search").fill("site 1")
    found = opened.page.locator("ul.sites span").all_inner_texts()
    assert sorted(found) == ["Site 1", "Site 10", "Site 11", "Site 12", "Site 13"]
    opened.page.locator(".search").fill("nobody")
    assert opened.page.locator("ul.sites li").count() == 0
    assert opened.page.locator(".rest").inner_text() == "No site has this name or id."


def test_a_click_on_a_symbol_reads_it_and_its_button_switches_it(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable("whole")
    opened = show(draw_coverage(past, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where)))
    opened.page.wait_for_selector("ul.sites li", state="attached")
    opened.page.locator("[data-tab=living]").click()  # shows the sites that could open, too
    assert opened.page.locator(".leaflet-marker-icon.site").count() == len(past.sites)
    lonlat = transform(past.sites.xy, past.sites.crs, WGS84)
    is_open = past.sites.open.copy()
    for row in (0, 1, 5, 0):
        opened.look_at(lonlat[row], 17)
        before = table_of(opened, "setting")["total"]
        opened.page.mouse.click(*opened.point(lonlat[row]))
        opened.page.locator(".leaflet-popup").last.wait_for()
        assert table_of(opened, "setting")["total"] == before  # reading changes nothing
        assert str(past.sites.name[row]) in opened.page.locator(".leaflet-popup").last.inner_text()
        opened.page.locator(".reads button").last.click()
        is_open[row] ^= True
        now = measure_coverage(net, past.demand, replace(past.sites, open=is_open), past.standard, past.walker)
        assert table_of(opened, "setting")["total"][1] == count(now.covered_people)
        assert opened.page.locator(".reads button").last.inner_text() == ("Close it" if is_open[row] else "Open it")
        assert ("closing it loses" if is_open[row] else "opening it gains") in opened.page.locator(
            ".reads"
        ).last.inner_text()
        opened.page.keyboard.press("Escape")
        opened.page.wait_for_timeout(250)
    assert opened.complaints == []


def test_people_take_the_colour_of_what_the_switches_do(show: Callable[..., Opened]) -> None:
    cover = mapworlds.grid(side=40)
    net = mapworlds.lattice(cover.demand.xy, 40, "EPSG:4545")
    where = pd.Series("all", index=cover.demand.ids)
    sites = replace(cover.sites, ids=["O1"]) + replace(cover.sites, ids=["N1"], xy=cover.demand.xy[-1:], open=[False])  # type: ignore[arg-type]
    past = measure_coverage(net, cover.demand, sites)
    opened = show(draw_coverage(past, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where)))
    opened.page.wait_for_selector("ul.sites li", state="attached")
    opened.tick("overlays", on=False)
    corners = {
        "still covered": (1, COLOURS[0]),
        "still not": (20 * 40 + 20, COLOURS[1]),
        "gained": (1598, COLOURS[2]),
        "lost": (1, COLOURS[3]),
    }
    lonlat = transform(cover.demand.xy, cover.demand.crs, WGS84)
    for switched, name in (("N1", "still covered"), ("", "still not"), ("", "gained"), ("O1", "lost")):
        switch(opened, [switched] if switched else [])
        row, colour = corners[name]
        opened.look_at(lonlat[row], 17)
        want = tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))
        assert np.abs(np.array(opened.colour(lonlat[row])) - want).max() <= 2, name
    opened.page.mouse.move(*opened.point(lonlat[1]))
    assert opened.page.locator(".reading").inner_text().endswith("not covered with the switches")
    names = opened.page.locator(".leaflet-control-layers-base label").all_inner_texts()
    assert [n.strip() for n in names] == ["Covered or not", "Walking time", "Who gains and who loses"]
    opened.page.locator("header .reset").click()
    assert opened.page.locator(".leaflet-control-layers-base label").count() == 2
    status = classify_people(past)[0]
    opened.look_at(lonlat[1], 17)
    seen = np.array(opened.colour(lonlat[1]))
    full = np.array([int(status.colours[0][k : k + 2], 16) for k in (1, 3, 5)])
    assert seen[2] > seen[0]  # blue again, in one of its shades
    assert (seen >= full - 2).all()
    assert opened.complaints == []


def test_a_scenario_is_copied_that_the_command_reads(show: Callable[..., Opened], tmp_path: Path) -> None:
    names = mapworlds.NAMES[:9]
    net, past, where = mapworlds.switchable(names=names)
    given = mapworlds.switches(net, past, where)
    added = Addition(id=str(past.sites.ids[12]), lon=111.0, lat=30.5, kind="new", name=names[7], cost=2.5)
    rest = Scenario(moved=(Move(id=str(past.sites.ids[11]), lon=111.25, lat=30.25),), settings=Settings(speed_m_s=0.8))
    fixed = scenario_toml(rest).split("\n", 2)[2]
    today = past.sites.open.copy()
    today[[3, 12]] = [not past.sites.open[3], False]
    opened = show(
        draw_coverage(
            past, caption=mapworlds.caption(), switches=replace(given, today=today, added=(added,), fixed=fixed)
        )
    )
    opened.page.wait_for_selector("ul.sites li", state="attached")
    opened.page.locator("[data-tab=living]").click()
    rng, is_open = np.random.default_rng(4), past.sites.open.copy()
    for _ in range(6):
        rows = rng.choice(14, 4, replace=False)
        switch(opened, [str(past.sites.ids[row]) for row in rows])
        is_open[rows] ^= True
        path = tmp_path / "copied.toml"
        path.write_text(opened.page.locator(".scenario").input_value(), "utf-8")
        (scenario,) = read_scenarios(path)
        site = past.sites.ids
        assert set(scenario.opened) == {site[r] for r in range(14) if is_open[r] and not today[r] and r != 12}
        assert set(scenario.closed) == {site[r] for r in range(14) if not is_open[r] and today[r]}
        assert scenario.added == ((added,) if is_open[12] else ())
        assert scenario.moved == rest.moved
        assert scenario.settings == rest.settings
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.page.locator(".copy").click()
    opened.page.locator(".copy", has_text="Copied").wait_for()
    assert opened.page.evaluate("navigator.clipboard.readText()") == opened.page.locator(".scenario").input_value()
    assert opened.complaints == []


def test_what_was_switched_outlives_a_reload_and_can_be_undone(show: Callable[..., Opened]) -> None:
    names = ["O 1,&#", "O2", "N1", "N2"]
    net, past, where = mapworlds.switchable(names=tuple(names))
    opened = show(draw_coverage(past, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where)))
    page = opened.page

    def ready() -> None:
        page.wait_for_selector("ul.sites li", state="attached")
        page.locator("[data-tab=living]").click()

    def shown() -> Any:
        return page.locator("header .headline").inner_text(), table_of(opened, "district")

    ready()
    states = [shown()]
    for k in range(4):
        switch(opened, names[k : k + 1])
        states.append(shown())
    assert len({str(state) for state in states}) == 5
    address = page.url
    page.reload()  # the address
    ready()
    assert shown() == states[-1]
    plain = address.split("#")[0]
    page.goto("about:blank")
    page.goto(plain)  # what the browser keeps
    ready()
    assert shown() == states[-1]
    page.locator("header .reset").click()
    assert (shown(), page.url) == (states[0], plain)
    page.locator(".undo").click()
    assert (shown(), page.url) == (states[-1], address)
    page.keyboard.press("Control+Shift+z")
    assert shown() == states[0]
    assert page.locator(".redo").is_disabled()
    page.goto("about:blank")
    page.goto(plain)
    ready()
    assert shown() == states[0]
    switch(opened, names[:1])
    page.keyboard.press("Control+z")
    assert shown() == states[0]
    switch(opened, names[1:2])  # another way on: what was undone is gone
    assert page.locator(".redo").is_disabled()
    page.evaluate("hash => { location.hash = hash; }", address.split("#")[1])  # a link that somebody sent
    page.wait_for_function("decodeURIComponent(location.hash).includes('N2')")
    assert shown() == states[-1]
    page.evaluate("location.hash = 'switched=nowhere,%E0%A4%A'")
    page.wait_for_function("!location.hash.includes('nowhere')")
    assert shown() == states[0]
    assert opened.complaints == []


VIEWS = [((1_440, 900), "en"), (PHONE, "zh"), (PHONE, "both")]


@pytest.mark.parametrize(("size", "language"), VIEWS)
def test_steps_outlive_a_reload_and_a_link_that_somebody_sent(
    show: Callable[..., Opened], size: tuple[int, int], language: str
) -> None:
    names = ("O1", "O2", "N1")
    net, past, where = mapworlds.switchable(names=names)
    caption = mapworlds.caption(language=language)
    opened = show(draw_coverage(past, caption=caption, switches=mapworlds.switches(net, past, where)), size)
    page = opened.page

    def press(name: str) -> None:
        page.evaluate("name => document.querySelector(`.${name}`).click()", name)

    def state() -> Any:
        page.wait_for_selector("ul.sites li", state="attached")
        return page.locator("header .headline").text_content(), table_of(opened, "district")

    plain, states, addresses = page.url, [state()], [page.url]
    for k in range(3):
        switch(opened, [names[k]])
        states.append(state())
        addresses.append(page.url)
    press("undo")
    press("undo")
    page.reload()
    assert (state(), page.url) == (states[1], addresses[1])
    for way, k in (("redo", 2), ("redo", 3), ("undo", 2), ("undo", 1), ("undo", 0)):
        press(way)
        assert (state(), page.url) == (states[k], addresses[k])
    assert page.locator(".undo").is_disabled()
    page.goto("about:blank")
    page.goto(plain)  # nothing is switched, and still all can be done again
    assert state() == states[0]
    press("redo")
    assert state() == states[1]
    page.goto("about:blank")
    page.goto(addresses[3])  # a link beside what is kept: that is one step back
    assert state() == states[3]
    press("undo")
    assert state() == states[1]
    assert opened.complaints == []


HOSTILE = (
    "switched=<img src=x onerror=alert(1)>",
    "switched=%3Cscript%3Ealert(1)%3C/script%3E",
    '"><svg onload=alert(1)>&switched=O2"><svg onload=alert(1)>',
    "switched=__proto__,constructor,toString",
    "switched=%,%E0%A4%A,%00,%u0000",
    "switched=&switched=N1&switched=N2",
    "javascript:alert(1)",
    f"switched={'a,' * 200_000}",
)
KEPT = (
    *("null", "[]", "5", '"N1"', "{"),
    '{"now": {"a": 1}, "past": "N1", "future": [1, {}, null, "<img src=x onerror=alert(1)>"]}',
)


def test_an_address_or_a_memory_that_is_hostile_is_only_names_that_no_site_has(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable(names=("O1", "O2", "N1", "N2"))
    caption = mapworlds.caption(language="both")
    opened = show(draw_coverage(past, caption=caption, switches=mapworlds.switches(net, past, where)))
    page = opened.page

    def state() -> Any:
        page.wait_for_selector("ul.sites li", state="attached")
        tags = page.evaluate("['script', 'img', 'svg', 'iframe'].map(t => document.querySelectorAll(t).length)")
        return page.locator("header .headline").text_content(), tags, page.locator(".undo").is_disabled()

    plain, today = page.url, state()
    for text in HOSTILE:
        page.goto("about:blank")
        page.goto(f"{plain}#{text}")
        shown = state()  # in any case: what the page keeps, it keeps when it is ready
        if "N1" not in text:
            assert shown[:2] == today[:2], text
        assert len(page.url) < 1_000
        page.evaluate("localStorage.clear()")
    for text in KEPT:
        page.goto(plain)
        page.evaluate(
            "text => { for (const k of window.keys) localStorage.setItem(k, text); }".replace(
                "window.keys", "[`accessibility ${location.pathname} ${document.title}`]"
            ),
            text,
        )
        page.reload()
        assert state()[:2] == today[:2], text
    assert opened.complaints == []


def test_names_are_text_in_the_list_and_the_tables(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable(names=mapworlds.NAMES)
    named = where.map({"West": mapworlds.NAMES[1], "East": mapworlds.NAMES[2], "城关镇": mapworlds.NAMES[3]})
    opened = show(draw_coverage(past, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, named)))
    opened.page.wait_for_selector("ul.sites li", state="attached")
    opened.page.locator("[data-tab=living]").click()
    shown = opened.page.locator("ul.sites span").all_text_contents()
    assert sorted(shown) == sorted(mapworlds.NAMES)
    switch(opened, list(mapworlds.NAMES))
    assert {*table_of(opened, "district")} == {*mapworlds.NAMES[1:4], NONE, "total"}
    for row in range(len(mapworlds.NAMES)):
        opened.page.locator("ul.sites .find").nth(row).click()
    assert opened.page.evaluate("window.broken") is None
    assert opened.complaints == []


def test_what_does_not_fit_is_left_out_and_said(show: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch) -> None:
    from accessibility.present.map import sheets  # noqa: PLC0415
    from accessibility.present.map.living import embed_switches  # noqa: PLC0415

    net, past, where = mapworlds.switchable("whole")
    given = mapworlds.switches(net, past, where)
    whole = embed_switches(given, past, past.covered)
    few = embed_switches(given, past, past.covered, budget=int(whole.size * 0.8))
    assert 0 < few.left_out < 10
    people = np.where(past.covered, 0, past.demand.population)
    worth = np.array([people[given.catchments.of(row)].sum() for row in range(14)])
    assert few.data is not None
    kept = set(few.data["rows"])
    left = sorted(set(range(14)) - kept)
    assert len(left) == few.left_out
    assert past.sites.open[sorted(kept)].sum() == past.sites.open.sum()  # no open site is left out
    assert max(worth[left]) == few.most <= min(worth[sorted(kept - set(np.flatnonzero(past.sites.open)))])
    monkeypatch.setattr(sheets, "embed_switches", lambda *_, **__: few)
    opened = show(draw_coverage(past, caption=mapworlds.caption(), switches=given))
    opened.page.wait_for_selector("ul.sites li", state="attached")
    opened.page.locator("[data-tab=living]").click()
    said = opened.page.locator("#tab-living .small").last.inner_text()
    assert f"{few.left_out} candidate sites are not in the switches" in said
    assert opened.page.locator("ul.sites li").count() == len(kept)
    off = embed_switches(given, past, past.covered, budget=10)
    assert off.data is None
    monkeypatch.setattr(sheets, "embed_switches", lambda *_, **__: off)
    opened = show(draw_coverage(past, caption=mapworlds.caption(), switches=given))
    assert opened.page.locator(".tabs").count() == 0
    assert "Sites cannot be switched in this map" in opened.page.locator(".legend").inner_text()
    assert opened.complaints == []


def test_a_trial_is_shown_beside_today_and_goes_on(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable()
    rows = [1, 2, 6]
    after = measure_coverage(
        net, past.demand, replace(past.sites, open=past.sites.open ^ np.isin(np.arange(14), rows)), past.standard
    )
    given = replace(mapworlds.switches(net, after, where), today=past.sites.open)
    opened = show(draw_coverage(after, caption=mapworlds.caption(headline=""), before=past, switches=given))
    opened.page.wait_for_selector("ul.sites li", state="attached")
    people = past.demand.population
    gained, lost = people[after.covered & ~past.covered].sum(), people[past.covered & ~after.covered].sum()
    today = f"{percent_text(past.covered_people, past.population)} ({count(past.covered_people)})"
    sentence = f"{count(gained)} people gain, {count(lost)} lose; today {today}"
    assert opened.page.locator(".sentence").inner_text() == sentence
    assert opened.page.locator(".classes.changes h2").is_visible()
    assert opened.page.locator(".classes.changes td:nth-child(3)").all_inner_texts()[2:4] == [
        count(gained),
        count(lost),
    ]
    switch(opened, [str(past.sites.ids[row]) for row in rows])  # back to today
    assert table_of(opened, "district") == expected(past, past, where)
    assert opened.page.locator(".classes.changes td:nth-child(3)").all_inner_texts()[2:4] == ["0", "0"]
    opened.page.locator("header .reset").click()  # and to the trial as it was drawn
    assert opened.page.locator(".sentence").inner_text() == sentence
    assert table_of(opened, "district") == expected(after, past, where)
    assert opened.complaints == []


def test_a_telephone_can_switch_too(show: Callable[..., Opened]) -> None:
    net, past, where = mapworlds.switchable()
    opened = show(
        draw_coverage(past, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where)), PHONE
    )
    page = opened.page
    page.wait_for_selector("ul.sites li", state="attached")
    page.locator(".legend > summary").click()
    page.locator("[data-tab=living]").click()
    page.locator("ul.sites input").first.check()
    assert "1 opened, 0 closed" in page.locator(".sentence").inner_text()
    assert page.locator(".folium-map").bounding_box()["height"] > 150
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert opened.complaints == []


def test_switches_of_another_coverage_are_refused() -> None:
    from accessibility import InputError, Walker  # noqa: PLC0415

    net, past, where = mapworlds.switchable()
    slow = measure_coverage(net, past.demand, past.sites, past.standard, Walker(speed_m_s=0.5))
    with pytest.raises(InputError, match="expected catchments of the same sites, standard and walker"):
        draw_coverage(slow, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where))
    fewer = replace(past, sites=past.sites.take(np.arange(13)))
    with pytest.raises(InputError, match="catchments of 14 sites, a map of 13"):
        draw_coverage(fewer, caption=mapworlds.caption(), switches=mapworlds.switches(net, past, where))
