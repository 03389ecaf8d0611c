"""What a notebook shows of a value: offline, small, its figures those of the value, and every name still text."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pytest
import shapely
import worlds
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

import accessibility as acc
from accessibility import InputError, Study
from accessibility.geo.plotting import Colouring, explore_frame
from accessibility.siting import coverage_frontier
from accessibility.study.proposing import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture(autouse=True)
def without_windows() -> Iterator[None]:
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def study() -> Study:
    """Return a line of 6 km: people all along it in hexagons, an outlet, a bank; every name is hostile."""
    at = shapely.points([(5e5 + x, 34e5) for x in range(0, 6_000, 500)])
    metres = {"crs": worlds.CRS}
    hexes = gpd.GeoDataFrame({"pop": 10.0, "old": 2.0}, index=range(12), geometry=hexagons(at), **metres)
    halls = gpd.GeoDataFrame({"name": [HOSTILE], "id": [f"O{HOSTILE}"]}, geometry=at[:1], **metres)
    banks = gpd.GeoDataFrame({"name": [HOSTILE], "id": [f"B{HOSTILE}"]}, geometry=at[8:9], **metres)
    east = shapely.box(5e5 + 2_900, 33e5, 51e4, 35e5)
    areas = gpd.GeoDataFrame(
        geometry=[shapely.box(49e4, 33e5, 5e5 + 2_900, 35e5), east], index=[HOSTILE, "b"], **metres
    )
    given: dict[str, Any] = {"people": "pop", "settings": "urban", "groups": ["old"], "name": HOSTILE}
    return Study.of(road(), hexes, halls, banks=banks, districts=areas, attribution=HOSTILE, **given)


def road() -> acc.Network:
    return acc.Network(node_xy=[(5e5, 34e5), (5e5 + 6_000, 34e5)], edges=[(0, 1)], length_m=[6_000], crs=worlds.CRS)  # type: ignore[arg-type]


def hexagons(at: Any) -> list[shapely.Polygon]:
    turns = np.radians(np.arange(6) * 60)
    ring = np.column_stack([np.cos(turns), np.sin(turns)]) * 200
    return [shapely.Polygon(ring + np.array([p.x, p.y])) for p in at]


SHOWN: dict[str, Callable[[Study], Any]] = {
    "study": lambda s: s,
    "coverage": lambda s: s.coverage(),
    "bare coverage": lambda s: acc.measure_coverage(s.network, s.demand, s.sites),
    "plan": lambda s: s.site(budget=3),
    "frontier": lambda s: coverage_frontier(s.siting_case(Question(sites=1)).problem, sites=[0, 1]),
    "explanation": lambda s: s.explain(*shapely.get_coordinates(s.coverage().to_gdf().to_crs(4326).geometry)[-1]),
    "uncertainty": lambda s: s.uncertainty(draws=5),
    "difference": lambda s: s.uncertainty(draws=5).compare(acc.Scenario(name=HOSTILE, opened=(f"B{HOSTILE}",))),
    "trial": lambda s: s.what_if().open(f"B{HOSTILE}").close(f"O{HOSTILE}"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_card_is_offline_small_and_holds_names_as_text(study: Study, name: str) -> None:
    page = SHOWN[name](study)._repr_html_()
    root = ET.fromstring(page.replace("&nbsp;", " "))  # noqa: S314 -- our own: every element is closed
    assert not list(root.iter("script"))
    assert not [v for e in root.iter() for k, v in e.attrib.items() if k.startswith("on")]
    links = [v for e in root.iter() for k, v in e.attrib.items() if k in ("src", "href")]
    assert all(link.startswith("data:image/png") for link in links)
    assert len(page) < 60_000
    if name in ("study", "plan", "explanation", "trial"):
        assert HOSTILE in "".join(root.itertext())


def test_the_cards_tell_the_figures_of_their_values(study: Study) -> None:
    def words(value: Any) -> str:
        return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", value._repr_html_()))

    now = study.coverage()
    assert now.covered_people == 20  # the hexagons at 0 and 500 m lie within 900 m
    assert "16.7 % of 120 people covered" in words(now)
    assert "covered 20 too far 100 no way 0" in words(now)
    assert "120 at 12 points, in 2 districts" in words(study)
    assert "1 outlet, 1 bank; 1 count today" in words(study)
    trial = study.what_if().open(f"B{HOSTILE}").close(f"O{HOSTILE}")
    assert "gained 30 lost 20 covered as today 0 not covered 70" in words(trial)
    assert "50 of 120" in words(study.site(budget=1))


def test_a_sketch_of_a_way_has_both_its_ends(study: Study) -> None:
    why = SHOWN["explanation"](study)
    circles = list(ET.fromstring(why._repr_html_()).iter("circle"))  # noqa: S314
    assert len(circles) == 2
    (x, _), (to_x, _) = ((float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles)
    assert x > to_x  # the home lies east of the outlet
    assert why.streets is not None
    assert isinstance(why.plot(), Axes)
    nowhere = replace(why, route=None, streets=None, site=None)
    assert "<svg" not in nowhere._repr_html_()
    assert isinstance(nowhere.plot(), Axes)


def test_hexagons_are_drawn_as_hexagons(study: Study) -> None:
    now = study.coverage()
    assert set(now.to_gdf().geom_type) == {"Point"}
    drawn = now.to_gdf(shapes=True)
    assert drawn.index.tolist() == study.demand.ids.tolist()
    assert set(drawn.geom_type) == {"Polygon"}
    np.testing.assert_allclose(drawn.geometry.centroid.x, study.demand.xy[:, 0], atol=0.01)
    patches = sum(len(c.get_paths()) for c in now.plot().collections)
    assert patches == 12
    assert '"type": "Polygon"' in now.explore(tiles=None).get_root().render()
    points = Study.of(study.network, study.demand, study.sites).coverage()
    assert set(points.to_gdf(shapes=True).geom_type) == {"Point"}


@pytest.mark.parametrize("name", ["coverage", "plan", "explanation", "trial"])
def test_plot_and_explore_draw_and_keep_names_as_text(study: Study, name: str) -> None:
    value = SHOWN[name](study)
    assert isinstance(value.plot(), Axes)
    page = value.explore(tiles=None).get_root().render()
    assert "<script>alert(1)" not in page.replace("\\u003c", "<")
    onto = value.explore(tiles=None, m=study.coverage().explore("walk_s", tiles=None))
    assert "walk_s" in onto.get_root().render()


def test_numbers_and_missing_ones_are_drawn(study: Study) -> None:
    now = study.coverage()
    for column in ("walk_s", "covered", "nearest_site", "old"):
        assert isinstance(now.plot(column), Axes)
        assert column in now.explore(column, tiles=None).get_root().render()
    with pytest.raises(InputError, match="column is 'minutes'; expected one of id, state"):
        now.explore("minutes")


def test_the_map_of_a_coverage_a_plan_and_a_trial_is_the_studys(study: Study) -> None:
    plan = study.site(budget=1)
    for value in (study.coverage(), plan, study.what_if().close(f"O{HOSTILE}")):
        page = value.map(lang="zh").get_root().render()
        assert "<script>alert(1)" not in page
    assert study.coverage().by("district")["covered"].to_dict() == {HOSTILE: 20.0, "b": 0.0}
    with pytest.raises(InputError, match="knows no study"):
        replace(plan, study=None).map()


def test_what_is_not_installed_is_named_with_its_extra(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accessibility.geo.plotting.find_spec", lambda _: None)
    with pytest.raises(
        ModuleNotFoundError, match=r"matplotlib is not installed; plot needs outlet-accessibility\[plot]"
    ):
        study.coverage().plot()
    with pytest.raises(ModuleNotFoundError, match="explore needs"):
        study.coverage().explore()


def test_numbers_have_the_colour_of_their_step_and_nothing_heavy_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mapclassify", raising=False)
    values = [0.0, 1.0, 1.01, 128.5, 255.0, 256.0]
    frame = gpd.GeoDataFrame({"v": values}, geometry=shapely.points([(v / 300, 0) for v in values]), crs=4326)
    page = explore_frame(frame, Colouring(column="v", inks={}, cmap="viridis"), None).get_root().render()
    assert "mapclassify" not in sys.modules
    steps = [0, 0, 1, 128, 254, 255]  # of 256 equal ones, the upper end in each
    inks = [to_hex(colormaps["viridis"](step)) for step in steps]
    drawn = re.findall(r'"v": ([0-9.]+)[^}]*?"__folium_color": "(#[0-9a-f]{6})"', page)
    drawn = drawn or [(v, c) for c, v in re.findall(r'"__folium_color": "(#[0-9a-f]{6})"[^}]*?"v": ([0-9.]+)', page)]
    assert [(float(value), ink) for value, ink in drawn] == list(zip(values, inks, strict=True))
