"""A proposal on the map: its sites, its proof in words, the frontier as a picture, in the page and in a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import mapworlds
import numpy as np
import pandas as pd
import pytest
from browsing import MARKS

from accessibility import InputError, Sites, measure_coverage
from accessibility.geo.projection import WGS84, transform
from accessibility.present.charts import nice_ticks, picture_frontier
from accessibility.present.language import MapWords, count
from accessibility.present.map.coverage_map import Proposal, draw_coverage
from accessibility.present.map.legends import open_after, proof_lines, rows_of
from accessibility.siting.plan import SitingPlan
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from browsing import Opened

    from accessibility import Coverage

WORDS = MapWords()


def in_browser(test: Callable[..., None]) -> Callable[..., None]:
    for mark in MARKS:
        test = mark(test)
    return test


def plan_of(cover: Any, gain: list[float], sites: Sites, **given: Any) -> SitingPlan:
    """Return a plan that opens the sites in their order."""
    objective = cover.covered_people + sum(gain)
    said: dict[str, Any] = {
        "model": "mclp",
        "objective": objective,
        "bound": objective,
        "status": "optimal",
        "bound_by": "certificate",
        **given,
    }
    return SitingPlan(
        selected=tuple(sites.ids),
        gain=tuple(gain),
        seconds=0.1,
        sites=sites,
        costs=tuple(sites.cost.tolist()),
        population=cover.population,
        covered_before=cover.covered_people,
        **said,
    )


def proposed(names: tuple[str, ...] = ()) -> tuple[Any, Coverage, pd.Series[Any], SitingPlan]:
    """Return a world and a plan of its three closed sites that bring most, one after another, each measured anew."""
    net, now, where = mapworlds.switchable(names=names)
    is_open, rows, gains, before = now.sites.open.copy(), [], [], now.covered_people
    for _ in range(3):
        best: tuple[float, int] = (-1.0, 0)
        for row in np.flatnonzero(~is_open).tolist():
            tried = is_open.copy()
            tried[row] = True
            then = measure_coverage(net, now.demand, replace(now.sites, open=tried), now.standard)
            best = max(best, (then.covered_people - before, -row))
        rows.append(-best[1])
        gains.append(best[0])
        is_open[rows[-1]] = True
        before += best[0]
    chosen = now.sites.take(np.array(rows))
    return net, now, where, plan_of(now, gains, replace(chosen, cost=np.array([1.0, 3.0, 1.5])))


def told(**given: Any) -> str:
    """Return what is said of a plan of one site that brings 100 people to 900 covered ones."""
    _, now, _ = mapworlds.switchable()
    site = now.sites.take(np.array([0]))
    plan = plan_of(SimpleNamespace(covered_people=900.0, population=2_000.0), [100.0], site, **given)
    return " ".join(text for _, text in proof_lines(plan, WORDS))


def test_the_proof_in_words() -> None:
    assert told().startswith("Proven optimal: no plan under the same conditions covers more people.")
    assert told().endswith("The bound carries a certificate that can be checked without a solver.")
    short = told(status="feasible", bound=1_010.0, bound_by="solver")
    assert short == (
        "No plan under the same conditions covers more than 1,010: at most 10 people, 1.00 %, short of the best"
        " possible. The bound comes from branch and bound and was not verified independently."
    )
    close = told(status="feasible", bound=1_000.01)
    assert "at most 0 people, < 0.01 %, short" in close
    dear = told(model="lscp", objective=12.0, bound=11.5, status="feasible")
    assert "Costs 12. No plan that reaches the target costs less than 11.50: at most 4.17 % above the optimum" in dear
    far = told(model="p-center", objective=720.0, bound=690.0, status="feasible", bound_by="enumeration")
    assert "Reaches 12.0 minutes, the longest walk; no plan under the same conditions does better than 11.5" in far


def test_an_infeasible_and_an_empty_plan_say_so() -> None:
    _, now, _ = mapworlds.switchable()
    nothing = now.sites.take(np.array([], dtype=int))
    empty = plan_of(now, [], nothing)
    assert [text for _, text in proof_lines(empty, WORDS)] == ["No site is proposed."]
    never = plan_of(now, [], nothing, status="infeasible", message="Short by 12 people in <b>West</b>.")
    assert "Short by 12 people in <b>West</b>." in proof_lines(never, WORDS)[0][1]
    page = str(draw_coverage(now, caption=mapworlds.caption(), plan=never).get_root().render())
    assert "Short by 12 people in &lt;b&gt;West&lt;/b&gt;." in page
    assert "sites_proposed" not in page
    assert "Proposed sites <b>" not in page


def test_a_relocation_closes_what_it_says() -> None:
    _, now, _, plan = proposed()
    row = int(np.flatnonzero(now.sites.open)[0])
    moved = replace(plan, model="relocation", closed=(now.sites.ids[row],))
    after = open_after(moved, now.sites)
    assert not after[row]
    assert after[rows_of(now.sites, plan.selected)].all()
    page = str(draw_coverage(now, caption=mapworlds.caption(), plan=moved).get_root().render())
    assert f"Closes: {now.sites.name[row]}" in page


def test_the_frontier_is_drawn_to_scale() -> None:
    frontier = pd.DataFrame(
        {"budget": [10, 0, 5], "covered_people": [900, 100, 600], "bound_people": [1_000, 100, 750], "note": "x"}
    )
    picture = picture_frontier(frontier, here=(5.0, 600.0))
    found, ceiling = (
        [tuple(map(float, p.split(","))) for p in line.split()] for line in (picture.found, picture.ceiling)
    )
    assert [x for x, _ in found] == [50, 170, 290]  # sorted by budget
    y_of = {text: y for y, text in picture.y_ticks}
    assert found[1][1] == pytest.approx(y_of["600"], abs=0.06)
    assert ceiling[2][1] == pytest.approx(y_of["1,000"], abs=0.06)
    assert picture.here == found[1] == picture.dots[1]
    assert picture.between.split() == [*picture.found.split(), *reversed(picture.ceiling.split())]
    assert [text for _, text in picture.x_ticks] == ["0", "5", "10"]
    assert picture_frontier(frontier, here=(11.0, 950.0)).here is None
    alone = picture_frontier(frontier.iloc[:1])
    assert alone.found.startswith("290.0,")


@pytest.mark.parametrize(
    ("frontier", "complaint"),
    [
        ({"budget": [1], "covered_people": [2]}, "columns budget, covered_people; expected rows of budget, covered_p"),
        ({"budget": [], "covered_people": [], "bound_people": []}, "frontier of 0 rows"),
        ({"budget": [1], "covered_people": [np.nan], "bound_people": [3]}, "1 values that are not finite"),
        ({"budget": [1, 2], "covered_people": [2, 5], "bound_people": [3, 4]}, "budget 2 covers 5 people, over its ce"),
    ],
)
def test_a_frontier_that_is_none_is_refused(frontier: dict[str, list[float]], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        picture_frontier(pd.DataFrame(frontier))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 25), (111_562, 138_246), (5, 5), (0, 0), (0.2, 0.9), (-3, 1e7)])
def test_ticks_are_round_and_span(low: float, high: float) -> None:
    found = nice_ticks(low, high, 4.5)
    step = found[1] - found[0]
    assert found[0] <= low <= high <= found[-1] + 1e-9
    assert 2 <= len(found) <= 7
    assert re.fullmatch(r"[125]e[+-]\d+", f"{step:.0e}")


def test_same_inputs_same_bytes() -> None:
    def once() -> str:
        net, now, where, plan = proposed(names=mapworlds.NAMES)
        frontier = pd.DataFrame({"budget": [0, 6], "covered_people": [1.0, 5], "bound_people": [1.0, 6]})
        given = mapworlds.switches(net, now, where)
        words = mapworlds.caption(language="both")
        drawn = draw_coverage(now, caption=words, plan=Proposal(plan=plan, frontier=frontier), switches=given)
        return str(drawn.get_root().render())

    assert once() == once()


@in_browser
def test_the_map_of_a_proposal(show: Callable[..., Opened]) -> None:
    net, now, where, plan = proposed(names=mapworlds.NAMES)
    frontier = pd.DataFrame({"budget": [0, 6], "covered_people": [1.0, 5], "bound_people": [1.0, 6]})
    given = mapworlds.switches(net, now, where)
    opened = show(
        draw_coverage(now, caption=mapworlds.caption(), plan=Proposal(plan=plan, frontier=frontier), switches=given)
    )
    page = opened.page
    page.wait_for_selector("ul.sites li", state="attached")
    assert page.locator("#tab-plan").is_visible()
    rows = page.locator(".plan tbody tr")
    table = plan.table()
    line: Any
    for k, line in enumerate(table.itertuples()):
        cells = rows.nth(k).locator("td").all_text_contents()
        share = percent_text(line.covered_people, plan.population)
        told_cells = [str(k + 1), str(line.name), f"{line.cost:g}", count(line.gain_people), share]
        assert [cells[0], *cells[2:]] == told_cells
    assert page.locator(".curve circle").count() == 2  # and none for the proposal, whose people are off this frontier
    pins = page.locator(".leaflet-marker-icon.proposed text")
    assert sorted(pins.all_text_contents()) == ["1", "2", "3"]
    lonlat = transform(plan.sites.xy, plan.sites.crs, WGS84)  # type: ignore[union-attr]
    for k in range(3):
        at = np.array(opened.point(lonlat[k]))
        box = page.locator(".leaflet-marker-icon.proposed", has_text=str(k + 1)).bounding_box()
        assert np.abs(at - (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)).max() < 2
    gained = page.locator(".classes:visible td:nth-child(3)").all_inner_texts()[2]
    assert gained == count(sum(plan.gain))
    assert page.locator(".classes:visible h2").inner_text() == "Who gains from the proposal"
    assert page.locator(".sentence").inner_text().startswith("Proposed: 3 sites at a cost of 5.5 cover ")
    covered = now.covered_people + np.cumsum([0.0, *plan.gain])
    for k in (1, 3, 2, 0):
        page.locator(".first-sites").evaluate(
            "(box, k) => { box.value = k; box.dispatchEvent(new Event('input', {bubbles: true})); }", k
        )
        said = page.locator(".first-said").inner_text()
        share = percent_text(covered[k], now.population)
        assert said == f"The first {k} of 3 open: {share} ({count(covered[k])})"
        assert page.locator(".plan tr.on").count() == k
    rows.nth(1).locator("td").nth(2).click()  # a click reads: the site's card opens, nothing is switched
    page.locator(".leaflet-popup").wait_for()
    assert page.locator(".plan tr.on").count() == 0
    rows.nth(1).locator("input").check()
    assert page.locator(".plan tr.on").count() == 1
    assert page.locator(".proposed.on text").all_text_contents() == ["2"]
    opened.look_at(lonlat[2], 17)
    page.mouse.click(*opened.point(lonlat[2]))
    page.locator(".reads button").last.click()
    assert sorted(page.locator(".proposed.on text").all_text_contents()) == ["2", "3"]
    assert page.evaluate("window.broken") is None
    assert opened.complaints == []
