"""What is counted, chosen in a real browser: every figure is that of those sites and those people, measured."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import mapworlds
import numpy as np
import pytest
from browsing import MARKS, PHONE, switch, table_of

from accessibility import measure_coverage
from accessibility.present.language import count
from accessibility.present.map.coverage_map import draw_coverage
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from browsing import Opened

    from accessibility import Coverage

pytestmark = MARKS
NONE, NO_BANK = "(none)", "(no bank given)"
BANKS = ("城关农商银行", "River: bank, & co", "")
KINDS = {"outlet": "Outlets", "bank": "Bank branches", "new": "New sites"}
SITES = {"Outlets", "New sites", *(bank or NO_BANK for bank in BANKS)}
PLACES = {"West", "East", "城关镇", NONE}


def town() -> tuple[Any, Coverage, pd.Series[Any]]:
    """Return the town of the switches, its branches of two banks and of none, its people with two groups."""
    net, past, where = mapworlds.switchable()
    rng, n, s = np.random.default_rng(8), len(past.demand), len(past.sites)
    groups = {"60+": rng.uniform(0, 9, n), "=&,%": np.floor(rng.uniform(0, 4, n))}
    bank = np.where(past.sites.kind == "bank", np.array(BANKS, object)[np.arange(s) // 3 % 3], "")
    sites = replace(past.sites, bank=bank, open=np.arange(s) % 4 != 1)
    return net, measure_coverage(net, replace(past.demand, groups=groups), sites, past.standard), where


def living(show: Callable[..., Opened], world: Any, *size: Any, language: str = "en") -> Opened:
    """Open the what-if of a town, its filters unfolded."""
    net, past, where = world
    caption = mapworlds.caption(language=language, headline="")
    return ready(show(draw_coverage(past, caption=caption, switches=mapworlds.switches(net, past, where)), *size))


def ready(opened: Opened) -> Opened:
    opened.page.wait_for_selector("ul.sites li", state="attached")
    opened.page.evaluate("for (const one of document.querySelectorAll('.legend, .filters details')) one.open = true")
    opened.page.locator("[data-tab=living]").click()
    return opened


def tick(opened: Opened, which: str, names: set[str]) -> None:
    """Leave those alone ticked whose names are given."""
    opened.page.evaluate(
        """([which, names]) => { for (const item of document.querySelectorAll(`.counted-${which} li`)) {
            const box = item.querySelector('input');
            if (!item.querySelector('ul') && box.checked !== names.includes(item.textContent)) box.click();
        } }""",
        [which, sorted(names)],
    )


def choose(opened: Opened, sites: set[str], places: set[str], group: str = "Everybody") -> None:
    """Choose what is counted."""
    tick(opened, "sites", sites)
    tick(opened, "people", places)
    opened.page.locator(".filters select").select_option(group)


def counted(world: Any, is_open: Any, sites: set[str], places: set[str], group: str) -> tuple[Any, Any, Any]:
    """Return the people who are counted, and who of all is covered by the sites that are, measured from scratch."""
    net, past, where = world
    of = [
        bank or NO_BANK if kind == "bank" else KINDS[kind]
        for kind, bank in zip(past.sites.kind, past.sites.bank, strict=True)
    ]
    taken = np.array([name in sites for name in of])
    now = measure_coverage(net, past.demand, replace(past.sites, open=is_open & taken), past.standard)
    people = past.demand.people_of(None if group == "Everybody" else group)
    return people * where.fillna(NONE).isin(places).to_numpy(), now.covered, taken


def whole(people: Any) -> str:
    """Return a sum of people that has no rounding but the last."""
    return count(float(sum(map(Fraction, people.tolist()), Fraction(0))))


def row(people: Any, now: Any, past: Any) -> list[str]:
    """Return what a row of figures must say of some people."""
    covered, step = people * now, float((people * now).sum() - (people * past).sum())
    change = "0" if count(abs(step)) == "0" else f"{'−' if step < 0 else '+'}{count(abs(step))}"  # noqa: RUF001 -- a minus sign
    return [whole(people), whole(covered), percent_text(float(covered.sum()), float(people.sum())), change]


CASES = [
    ({"Outlets"}, PLACES, "Everybody"),
    ({"城关农商银行"}, {"West"}, "Everybody"),
    ({"River: bank, & co", "New sites"}, {"城关镇", NONE}, "60+"),
    (SITES, {"East", "West"}, "=&,%"),
    ({"Outlets", NO_BANK}, PLACES, "60+"),
    (set(), PLACES, "Everybody"),
    (SITES, PLACES, "Everybody"),
]


def test_figures_are_of_the_sites_and_the_people_that_are_counted(show: Callable[..., Opened]) -> None:
    world = _, past, where = town()
    opened, is_open, district = living(show, world), past.sites.open.copy(), where.fillna(NONE)
    flipped = [2, 5, 9]
    switch(opened, [str(past.sites.ids[r]) for r in flipped])  # filters stand beside switches
    is_open[flipped] ^= True
    page = opened.page
    for sites, places, group in CASES:
        choose(opened, sites, places, group)
        people, now, taken = counted(world, is_open, sites, places, group)
        told = table_of(opened, "district")
        for name in places:
            assert told[name] == row(people * (district == name).to_numpy(), now, past.covered)
        assert told["total"] == row(people, now, past.covered)
        settings = table_of(opened, "setting")
        for name in ("urban", "town", "rural"):
            assert settings[name] == row(people * (past.demand.setting == name), now, past.covered)
        assert (
            set(page.locator(".figures[data-by=district] tbody tr:visible td:first-child").all_inner_texts()) == places
        )
        total = f"{percent_text(float((people * now).sum()), float(people.sum()))} of {whole(people)} people"
        assert page.locator("header .headline").inner_text().startswith(f"{total} ({whole(people * now)})")
        gained, lost = whole(people * (now & ~past.covered)), whole(people * (past.covered & ~now))
        assert f": {gained} people gain, {lost} lose; before" in page.locator(".sentence").inner_text()
        legend = page.locator(".classes.changes td:nth-child(3)").all_inner_texts()
        assert (*legend[2:4], legend[4]) == (gained, lost, whole(people))
        listed = page.locator("ul.sites span").evaluate_all("all => all.map(one => one.title)")
        assert set(listed) == {past.sites.ids[r] for r in np.flatnonzero(taken)}
        assert page.locator(".counted").is_visible() is ((sites, places, group) != CASES[-1])
        for r in np.flatnonzero(taken)[:4]:  # what a site adds, or what goes with it, is of those people alone
            other = is_open.copy()
            other[r] ^= True
            effect = whole(people * (counted(world, other, sites, places, group)[1] ^ now))
            shown = page.locator(f"ul.sites li:has(span[title='{past.sites.ids[r]}']) b").inner_text()
            assert shown.lstrip("+−") == effect  # noqa: RUF001
    choose(opened, SITES, set())
    assert page.locator(".counted").inner_text() == "No one is counted: tick a district."
    page.locator("header .reset").click()
    assert table_of(opened, "district")["total"] == row(past.demand.population, past.covered, past.covered)
    assert page.locator(".filters input:not(:checked)").count() == 0
    assert opened.complaints == []


def test_what_is_counted_stands_in_the_address_and_is_a_step(show: Callable[..., Opened]) -> None:
    world = _, past, _ = town()
    opened = living(show, world)
    page = opened.page

    def state() -> Any:
        return page.locator("header .headline").inner_text(), table_of(opened, "district"), page.url

    states = [state()]
    choose(opened, {"River: bank, & co"}, PLACES)  # two boxes, two steps
    states.append(state())
    tick(opened, "people", {"城关镇", NONE})
    states.append(state())
    page.locator(".filters select").select_option("=&,%")
    states.append(state())
    assert (
        page.locator(".counted")
        .inner_text()
        .endswith(
            f"{whole(counted(world, past.sites.open, SITES, {'城关镇', NONE}, '=&,%')[0])} people of the group =&,%"
            f" in 城关镇, {NONE}; sites: River: bank, & co."
        )
    )
    address = page.url
    page.evaluate("localStorage.clear()")
    page.goto("about:blank")
    page.goto(address)  # sent to somebody
    ready(opened)
    assert state() == states[-1]
    page.keyboard.press("Control+z")
    assert state()[:2] == states[0][:2]  # as who sent it never saw it: drawn
    page.keyboard.press("Control+Shift+z")
    assert state() == states[-1]
    page.locator("header .reset").click()
    assert state() == states[0]
    page.locator(".undo").click()
    assert state() == states[-1]
    page.evaluate("location.hash = 'people=nowhere,%E0%A4%A&sites=x:y&group=__proto__'")
    page.wait_for_function("!location.hash.includes('nowhere')")
    assert state()[:2] == states[0][:2]
    bank = next(r for r in range(len(past.sites)) if past.sites.kind[r] == "bank")  # switched, and not counted
    page.evaluate("hash => { location.hash = hash; }", f"switched={past.sites.ids[bank]}&sites=outlet:&group=60%2B")
    page.wait_for_function("document.querySelector('.counted').textContent.includes('60+')")
    people, now, _ = counted(world, past.sites.open, {"Outlets"}, PLACES, "60+")
    assert table_of(opened, "district")["total"] == row(people, now, past.covered)
    assert opened.complaints == []


def test_the_map_shows_what_is_counted(show: Callable[..., Opened]) -> None:
    world = _, past, where = town()
    opened = living(show, world)
    opened.tick("overlays", on=True)
    places = "document.querySelectorAll('.leaflet-marker-pane .site').length"
    assert opened.page.evaluate(places) == len(past.sites)
    tick(opened, "sites", {"城关农商银行"})
    branches = past.sites.bank == "城关农商银行"
    assert opened.page.evaluate(places) == branches.sum()
    numbers = opened.page.locator(".leaflet-control-layers-overlays b").all_inner_texts()
    assert sum(map(int, numbers)) == branches.sum()
    tick(opened, "sites", SITES)
    assert opened.page.evaluate(places) == len(past.sites)
    opened.tick("overlays", on=False)
    lonlat = past.demand.to_gdf().to_crs("EPSG:4326").geometry
    inside = next(i for i in range(1, 300) if where.iloc[i] == "West")
    place = np.array([lonlat.iloc[inside].x, lonlat.iloc[inside].y])
    opened.look_at(place, 18)
    assert max(opened.colour(place)) - min(opened.colour(place)) > 20  # a dot
    tick(opened, "people", {"East"})
    opened.page.wait_for_timeout(100)
    assert max(opened.colour(place)) - min(opened.colour(place)) < 10  # the ground
    assert opened.complaints == []


@pytest.mark.parametrize("language", ["zh", "both"])
def test_a_telephone_chooses_what_is_counted(show: Callable[..., Opened], language: str) -> None:
    world = town()
    opened = living(show, world, PHONE, language=language)
    page = opened.page
    page.locator(".counted-people li input").nth(1).uncheck()
    page.locator(".filters select").select_option(index=1)
    assert page.locator(".counted p").count() == (2 if language == "both" else 1)
    assert "统计口径：" in (page.locator(".counted").text_content() or "")  # noqa: RUF001
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert opened.complaints == []
