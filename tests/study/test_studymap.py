"""Maps of whole studies: a trial beside today, a plan with sites of its own, a scenario copied and run again."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
import worlds
from browsing import MARKS
from unpacking import data_of
from worlds import hexagon

import accessibility as acc
from accessibility.geo.projection import WGS84, transform
from accessibility.present.language import MapWords, count
from accessibility.present.map.legends import compared_lines
from accessibility.sites import Sites
from accessibility.siting.plan import SitingPlan
from accessibility.study.mapping import with_sites_of
from accessibility.study.scenariofile import read_scenarios
from accessibility.whatif.scenario import scenario_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browsing import Opened

    from accessibility.study.study import Study


CLICK = "rows => { for (const k of rows) document.querySelectorAll('ul.sites input')[k].click(); }"


def page_of(drawn: Any) -> str:
    return str(drawn.get_root().render())


def test_a_trial_is_drawn_beside_today(town: Path) -> None:
    study = acc.read_study(town)
    trial = study.what_if().open("B1").close("O1")
    page = page_of(study.map(trial, date="2026", lang="both"))
    for _, sentence in compared_lines(study.coverage(), trial.coverage(), MapWords.of("both")):
        assert sentence in page
    data = data_of(page)["switches"]
    assert (data["drawn"], data["today"]) == ([0, 1], [1, 0])
    assert 'data-layer="Who gains and who loses 谁受益、谁受损"' in page
    assert "审图号: ____" in page


def test_the_approval_number_stands_on_the_map(town: Path) -> None:
    town.write_text(f'map_approval = "GS(2026)1234号"\n{town.read_text("utf-8")}', "utf-8")
    assert "审图号: GS(2026)1234号" in page_of(acc.read_study(town).map())


def test_what_a_coverage_has_different_is_found(town: Path) -> None:
    study = acc.read_study(town)
    given = acc.Scenario(
        opened=("B1",),
        closed=("N1",),
        added=(acc.Addition(id="N1", lon=108.21, lat=30.5, cost=2.0), acc.Addition(id="N2", lon=108.205, lat=30.5)),
        moved=(acc.Move(id="O1", lon=108.203, lat=30.5),),
        settings=acc.Settings(speed_m_s=0.8, open_compounds=True),
    )
    found = scenario_of(study.coverage(given), study.sites, study.walker, study.standard)
    assert found.opened == given.opened
    assert found.closed == given.closed
    assert found.settings == given.settings
    assert [replace(a, lon=round(a.lon, 6), lat=round(a.lat, 6)) for a in found.added] == list(given.added)
    assert [(m.id, round(m.lon, 6), round(m.lat, 6)) for m in found.moved] == [("O1", 108.203, 30.5)]
    assert scenario_of(study.coverage(), study.sites, study.walker, study.standard) == acc.Scenario()


def test_a_plan_may_bring_sites_of_its_own(town: Path) -> None:
    study = acc.read_study(town)
    now = study.coverage()
    place = study.sites.to_crs(study.network.crs)
    new = Sites(ids=["B1", "NEW"], xy=place.xy[[1, 0]] + [[0, 0], [900, 0]], kind=["bank", "new"], crs=place.crs)  # type: ignore[arg-type]
    plan = SitingPlan(
        model="mclp",
        selected=("B1", "NEW"),
        gain=(2.0, 1.0),
        objective=3.0,
        bound=3.0,
        status="optimal",
        seconds=0.0,
        sites=new,
        costs=(1.0, 3.0),
        population=now.population,
        covered_before=now.covered_people,
    )
    wider = with_sites_of(plan, now, study)
    assert wider.sites.ids.tolist() == ["O1", "B1", "NEW"]
    assert not wider.sites.open[2]
    assert wider.covered.tolist() == now.covered.tolist()
    data = data_of(page_of(study.map(plan=plan)))["switches"]
    assert data["ids"] == ["O1", "B1", "NEW"]
    assert data["rows"] == [0, 1, 2]
    trial = study.what_if().add(*wider.sites.take(np.array([2])).to_crs("EPSG:4326").xy[0].tolist())
    reached = study.catchments(wider).of(2)
    assert set(np.flatnonzero(trial.coverage().covered)) >= set(reached.tolist())


def in_browser(test: Callable[..., None]) -> Callable[..., None]:
    for mark in MARKS:
        test = mark(test)
    return test


@in_browser
def test_the_sample_county_switched_and_run_again(
    show: Callable[..., Opened], sample_study: Study, tmp_path: Path
) -> None:
    study = sample_study
    opened = show(study.map(lang="both"))
    opened.page.wait_for_selector("ul.sites li", state="attached")
    opened.page.locator("[data-tab=living]").click()
    rng = np.random.default_rng(3)
    for _ in range(4):
        opened.page.evaluate(
            CLICK,
            rng.choice(len(study.sites), 5, replace=False).tolist(),
        )
        path = tmp_path / "copied.toml"
        path.write_text(opened.page.locator(".scenario").input_value(), "utf-8")
        (scenario,) = read_scenarios(path)
        now = study.coverage(scenario)
        table = study.table(now).set_index("district")
        shown = opened.page.evaluate(
            """[...document.querySelectorAll('.figures[data-by=district] tr')].slice(1).map(
                row => [...row.cells].slice(0, 3).map(cell => cell.textContent))"""
        )
        truth = [[str(name), count(row["population"]), count(row["covered"])] for name, row in table.iterrows()]
        assert shown[:-1] == truth[:-1]
        assert shown[-1][1:] == truth[-1][1:]
        assert f"({now.covered_people:,.0f})" in opened.page.locator(".headline").inner_text()
    assert not re.findall(r"https?://", opened.page.locator("body").inner_text())
    assert opened.complaints == []


@pytest.mark.real
@in_browser
def test_liechtenstein_switched(show: Callable[..., Opened], liechtenstein: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        f"""
        name = "Liechtenstein"
        [inputs]
        area = {{ path = "{liechtenstein}", admin_level = 8 }}
        network = {{ path = "{liechtenstein}" }}
        population = {{ buildings = true }}
        outlets = {{ osm = "amenity=townhall,amenity=post_office" }}
        banks = {{ osm = "amenity=bank" }}
        """,
        "utf-8",
    )
    study = acc.read_study(tmp_path / "study.toml", cache=cache)
    opened = show(study.map())
    opened.page.wait_for_selector("ul.sites li", state="attached")
    rows = [0, 3, 9, 12, 20]
    opened.page.evaluate(
        CLICK,
        rows,
    )
    path = tmp_path / "copied.toml"
    path.write_text(opened.page.locator(".scenario").input_value(), "utf-8")
    (scenario,) = read_scenarios(path)
    assert len(scenario.opened) + len(scenario.closed) == len(rows)
    now = study.coverage(scenario)
    assert f"({now.covered_people:,.0f})" in opened.page.locator(".headline").inner_text()
    assert opened.complaints == []


@in_browser
def test_hexagons_and_polygons_are_drawn_as_they_are(show: Callable[..., Opened]) -> None:
    east, north = worlds.ORIGIN
    middles = [(east + 300 * a, north + 300 * b) for a in range(5) for b in range(5)]
    shapes: list[Any] = [hexagon(*at) for at in middles]
    shapes[12] = shapely.MultiPolygon([shapes[12].difference(shapes[12].centroid.buffer(40)), hexagon(*middles[13])])
    shapes[13] = shapely.box(*shapely.bounds(shapely.Point(middles[13]).buffer(1)))
    people = gpd.GeoDataFrame({"population": 10.0}, geometry=shapes, index=range(25), crs=worlds.CRS)
    study = acc.Study.of(worlds.line(), people, worlds.outlets([(0, 0)]), settings="urban")
    opened = show(study.map())
    opened.page.wait_for_selector(".reading")
    opened.tick("overlays", on=False)
    seen = []
    for row in (6, 12, 24):
        x, y = middles[row]
        at = transform(np.array([(x + 80, y), (x, y + 70), (x + 85, y + 85), (x, y)]), study.network.crs, WGS84)
        opened.look_at(at[3], 16)
        seen.append([opened.colour(one) for one in at])
        for place, words in zip(at, ("10 people", "10 people", "", "" if row == 12 else "10 people"), strict=True):
            opened.page.mouse.move(*opened.point(place))
            assert ("10 people" in opened.page.locator(".reading").inner_text()) == bool(words)
    assert [[colour == ground for colour in row] for row in seen for ground in [row[2]]] == [
        [False, False, True, hole] for hole in (False, True, False)
    ]
    assert all(tip == side for tip, side, *_ in seen)
    assert "drawn as it is" in str(opened.page.content())
    assert opened.complaints == []
