"""The what-if widget in the kernel: what the mouse does equals the trial; what it shows is what is true."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rasterio.io import MemoryFile

from accessibility import Addition, InputError, OutputError, Scenario, UnknownSiteError, read_scenarios, read_study
from accessibility.geo.projection import WGS84, mercator, transform
from accessibility.present.labels import label_sites
from accessibility.present.map.changes import COLOURS
from accessibility.present.map.outlines import count
from accessibility.present.pages import data_address

ipywidgets = pytest.importorskip("ipywidgets")
pytest.importorskip("ipyleaflet")

from accessibility.notebook import WhatIf  # noqa: E402 -- skipped without the extra
from accessibility.notebook.clickmap import HEIGHT, first_view  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accessibility import Coverage, Study

FIGURES = ("walk_s", "metres", "radius_m", "covered", "covered_radius", "unreached", "nearest")


@pytest.fixture(scope="module")
def study(sample_study: Study) -> Study:
    return sample_study


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Save into a temporary folder; leave no widget behind."""
    monkeypatch.chdir(tmp_path)
    yield
    ipywidgets.Widget.close_all()


def heard(widget: Any, content: dict[str, Any]) -> None:
    """Hand a widget a message as a browser sends it."""
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


class Mouse:
    """What a browser tells the kernel when somebody points at the widget."""

    def __init__(self, what_if: WhatIf) -> None:
        self.map = what_if.map

    def click(self, lon: float, lat: float) -> None:
        heard(self.map.widget, {"event": "interaction", "type": "preclick", "coordinates": [lat, lon]})
        heard(self.map.widget, {"event": "interaction", "type": "click", "coordinates": [lat, lon]})

    def site(self, site: str, event: str = "click") -> None:
        if site in self.map.markers:
            marker = self.map.markers[site]
            heard(marker, {"event": "interaction", "type": event, "coordinates": marker.location})
        else:
            row = self.map._ids.index(site)
            (feature,) = [f for f in self.map.closed.data["features"] if f["properties"]["row"] == row]
            heard(self.map.closed, {"event": event, "feature": feature, "properties": feature["properties"]})

    def drag(self, site: str, lon: float, lat: float) -> None:
        data = {"method": "update", "state": {"location": [lat, lon]}, "buffer_paths": []}
        self.map.markers[site]._handle_msg({"content": {"data": data}, "buffers": []})

    def press(self, button: Any) -> None:
        heard(button, {"event": "click"})


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def text_of(html: str) -> str:
    """Return what is read of markup that holds nothing but our own elements."""
    parsed = _Text()
    parsed.feed(html)
    ours = {"div", "span", "b", "bdi", "table", "thead", "tbody", "tr", "td", "th", "ul", "li", "style"}
    assert parsed.tags <= ours | {"svg", "circle", "rect", "path"}
    return parsed.text


def everything(widget: Any) -> Iterator[Any]:
    """Yield a widget and all that it holds."""
    yield widget
    for name in widget.keys:
        value = getattr(widget, name, None)
        for inner in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(inner, ipywidgets.Widget):
                yield from everything(inner)


def same(one: Coverage, other: Coverage) -> bool:
    return all(
        np.array_equal(getattr(one, f), getattr(other, f), equal_nan=getattr(one, f).dtype.kind == "f") for f in FIGURES
    )


def assert_shown(what_if: WhatIf) -> None:
    """Hold everything the widget shows against a measurement from scratch."""
    study, after = what_if.study, what_if.study.coverage(what_if.scenario)
    assert same(what_if.coverage(), after)
    said = text_of(what_if.figures.value)
    assert f"covered: {count(after.covered_people)} of {count(after.population)} people" in said
    before, people = what_if.trial.baseline.coverage, after.demand.population
    gained, lost = after.covered & ~before.covered, before.covered & ~after.covered
    assert f"gained: covered now{count(people[gained].sum())}" in said
    assert f"lost: no longer covered{count(people[lost].sum())}" in said
    by = after.by(study.district)
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>", what_if.districts.value)
    assert {text_of(name): (whole, part) for name, whole, part in rows} == {
        str(name): (count(row["population"]), count(row["covered"])) for name, row in by.iterrows()
    }
    lonlat = transform(after.sites.xy, after.sites.crs, WGS84)
    places = dict(zip(after.sites.ids, lonlat, strict=True))
    is_open = dict(zip(after.sites.ids, after.sites.open, strict=True))
    markers = what_if.map.markers
    assert set(markers) == {site for site in places if is_open[site]}
    assert {*markers.values()} <= {*what_if.map.widget.layers}
    for site, marker in markers.items():
        assert marker.location == pytest.approx([*reversed(places[site])], abs=1e-6)
    rings = [f["geometry"]["coordinates"] for f in what_if.map.closed.data["features"]]
    np.testing.assert_allclose(rings, [places[site] for site in places if not is_open[site]], atol=1e-6)
    assert what_if.undo_button.disabled == (what_if.trial.steps == 0)


def inside(study: Study) -> list[tuple[float, float]]:
    lonlat = transform(study.demand.xy, study.demand.crs, WGS84)
    return [(float(lon), float(lat)) for lon, lat in lonlat[:: len(lonlat) // 40]]


def test_the_mouse_does_what_the_trial_does(study: Study) -> None:
    what_if, trial = WhatIf(study), study.what_if()
    mouse, (here, there) = Mouse(what_if), inside(study)[3:5]
    mouse.click(*here)
    trial.add(*(round(v, 6) for v in here))
    mouse.site("O003")
    trial.close("O003")
    mouse.site("B017")
    trial.open("B017")
    mouse.drag("N1", *there)
    trial.move("N1", *(round(v, 6) for v in there))
    assert what_if.trial.scenario == trial.scenario
    assert same(what_if.coverage(), trial.coverage())
    assert_shown(what_if)
    assert what_if.trial.steps == 4
    said = text_of(what_if.steps.value)
    assert "closes O003 北屏街道便民服务中心" in said
    assert "adds N1, new site" in said
    assert said.endswith(f"Cost of what opens: {1 + 3}")
    mouse.press(what_if.undo_button)
    mouse.site("O003")
    assert what_if.scenario.closed == ()
    for _ in range(4):
        mouse.press(what_if.undo_button)
    assert what_if.trial.scenario == Scenario()
    assert_shown(what_if)


def test_random_clicks_stay_true(study: Study) -> None:
    rng, what_if = np.random.default_rng(5), WhatIf(study)
    mouse, places = Mouse(what_if), inside(study)
    for step in range(30):
        site = str(rng.choice(np.array(what_if.map._ids)))
        place = places[rng.integers(len(places))]
        match rng.choice(["click", "site", "site", "drag", "undo"]):
            case "click":
                mouse.click(*place)
            case "site":
                mouse.site(site)
            case "drag" if site in what_if.map.markers:
                mouse.drag(site, *place)
            case _:
                mouse.press(what_if.undo_button)
        if step % 10 == 9:
            assert_shown(what_if)
    assert len(what_if.scenario.added) * len(what_if.scenario.moved) > 0


def test_methods_do_what_the_mouse_does(study: Study) -> None:
    by_hand, by_name = WhatIf(study), WhatIf(study)
    mouse, (here, there) = Mouse(by_hand), inside(study)[7:9]
    by_hand.tool.value = "bank"
    mouse.click(*here)
    mouse.site("O004")
    mouse.drag("O005", *there)
    by_name.add(*(round(v, 6) for v in here), kind="bank").switch("O004").move("O005", *(round(v, 6) for v in there))
    assert by_hand.scenario == by_name.scenario
    assert by_hand.scenario.added[0].kind == "bank"
    assert by_hand.figures.value == by_name.figures.value
    assert by_hand.districts.value == by_name.districts.value
    assert by_hand.map.people.url == by_name.map.people.url
    with pytest.raises(InputError, match="outside the area"):
        by_name.add(107.0, 30.5)
    with pytest.raises(UnknownSiteError, match=r"did you mean .*O003"):
        by_name.switch("O03")


@pytest.mark.parametrize(
    ("do", "why"),
    [
        (lambda m: m.click(107.0, 30.5), "lies outside the area of Sample county"),
        (lambda m: m.drag("O003", 107.0, 30.5), "moved site 'O003' at 107.000000, 30.500000 lies outside the area"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(study: Study, do: Any, why: str) -> None:
    what_if = WhatIf(study).switch("O004")
    do(Mouse(what_if))
    assert text_of(what_if.message.value).startswith("Not done: ")
    assert why in text_of(what_if.message.value)
    assert "\n" not in what_if.message.value
    assert what_if.trial.steps == 1
    assert_shown(what_if)


def test_nothing_stands_far_from_a_street(town: Path, cache: Path) -> None:
    what_if = WhatIf(read_study(town, cache=cache))
    Mouse(what_if).click(108.2, 30.6)
    assert re.search("Not done: added site 'N1' .* m from any street", text_of(what_if.message.value))
    Mouse(what_if).press(what_if.undo_button)
    assert "nothing to undo" in text_of(what_if.message.value)
    assert_shown(what_if)


def test_a_double_click_adds_one_counter(study: Study) -> None:
    what_if = WhatIf(study)
    mouse, place = Mouse(what_if), inside(study)[2]
    mouse.click(*place)
    mouse.click(*place)
    heard(what_if.map.widget, {"event": "interaction", "type": "dblclick", "coordinates": [*reversed(place)]})
    assert [a.id for a in what_if.scenario.added] == ["N1"]


def test_buttons_heard_in_two_threads_do_one_step_after_the_other(study: Study, monkeypatch: Any) -> None:
    """A kernel with subshells calls some handlers in a thread of theirs, while others still draw."""
    what_if = WhatIf(study).switch("O004").switch("O020").undo()
    early: list[bool] = []
    begun, redo = Event(), what_if.trial.redo
    other, show = Thread(target=what_if.redo_button.click), what_if.map.show

    def tell_and_redo() -> Any:
        begun.set()
        return redo()

    def slow(*drawn: Any) -> None:
        monkeypatch.setattr(what_if.map, "show", show)
        other.start()
        early.append(begun.wait(0.3))
        show(*drawn)

    monkeypatch.setattr(what_if.trial, "redo", tell_and_redo)
    monkeypatch.setattr(what_if.map, "show", slow)
    what_if.undo_button.click()
    other.join()
    assert early == [False]
    assert what_if.scenario.closed == ("O004",)
    assert count(study.coverage(what_if.scenario).covered_people) in what_if.figures.value


def test_the_pointer_on_a_closed_site_names_it(study: Study) -> None:
    what_if = WhatIf(study)
    Mouse(what_if).site("B017", "mouseover")
    name = study.sites.name[study.sites.rows(["B017"])[0]]
    assert text_of(what_if.message.value) == f"{name} (B017): bank branch, could be co-located"
    assert what_if.trial.steps == 0


def test_a_site_without_a_name_is_called_by_its_label(study: Study) -> None:
    """In what the pointer says, on its marker, and in the list of steps; the data stay."""
    names = study.sites.name.copy()
    rows = study.sites.rows(["B017", "O004"])
    names[rows] = ""
    what_if = WhatIf(replace(study, sites=replace(study.sites, name=names)))
    labels = label_sites(what_if.study.sites, study.names)
    Mouse(what_if).site("B017", "mouseover")
    told = labels["B017"].text("en")
    assert text_of(what_if.message.value) == f"{told} (B017): bank branch, could be co-located"
    assert what_if.map.markers["O004"].title.startswith(f"{labels['O004'].text('en')} (O004): ")
    what_if.switch("B017")
    assert f"B017 {told}" in text_of(what_if.steps.value)


def test_streets_are_drawn_where_they_are(town: Path, cache: Path) -> None:
    what_if = WhatIf(read_study(town, cache=cache))
    streets = [layer.data for layer in what_if.map._below if hasattr(layer, "data")]
    (shape,) = [data["geometry"] for data in streets if data["type"] == "Feature"]
    assert shape["type"] == "MultiLineString"
    ends = np.array([[chain[0], chain[-1]] for chain in shape["coordinates"]]).reshape(-1, 2)
    network = what_if.study.network
    lonlat = transform(network.node_xy, network.crs, WGS84)
    np.testing.assert_allclose(
        [ends.min(axis=0), ends.max(axis=0)], [lonlat.min(axis=0), lonlat.max(axis=0)], atol=1e-5
    )


def pixels(what_if: WhatIf) -> Any:
    """Return ``(height, width, 4)`` of the people's picture, read by GDAL."""
    _, _, content = what_if.map.people.url.partition(",")
    with warnings.catch_warnings(), MemoryFile(base64.b64decode(content)) as file:
        warnings.simplefilter("ignore")
        with file.open() as image:
            index, colours = image.read(1), image.colormap(1)
    return np.array([colours[k] for k in range(max(colours) + 1)])[index]


def test_everybody_has_the_colour_of_what_happens_to_them(town: Path, cache: Path) -> None:
    # 500 m apart at 1 m/s and 15 minutes: the outlet covers p1 and p2, the bank at the other end p4 and p5
    what_if = WhatIf(read_study(town, cache=cache)).switch("O1").switch("B1")
    picture = pixels(what_if)
    (south, west), (north, east) = what_if.map.people.bounds
    corners = mercator(np.array([[west, south], [east, north]]))
    at = mercator(transform(what_if.study.demand.xy, what_if.study.demand.crs, WGS84))
    x, y = ((at - corners[0]) / (corners[1] - corners[0])).T
    height, width = picture.shape[:2]
    found = picture[(height * (1 - y)).astype(int), (width * x).astype(int)]
    expected = [COLOURS[k] for k in (3, 3, 1, 2, 2)]
    assert ["#" + bytes(rgb.tolist()).hex() for rgb in found[:, :3]] == expected
    assert (found[:, 3] == 255).all()
    assert (picture[..., 3] == 0).any()


HOSTILE = ('<img src="x" onerror="hurt()">', "</td><script>hurt()</script>", "a & b {{7*7}} $x$ ${y}", "汀城 'x' \"y\"")


def test_names_are_text(town: Path, cache: Path) -> None:
    rows = "".join(
        f'O{k},"{name.replace(chr(34), chr(34) * 2)}",{108.2 + 0.001 * k},30.5\n' for k, name in enumerate(HOSTILE)
    )
    (town.parent / "outlets.csv").write_text(f"id,name,lon,lat\n{rows}", encoding="utf-8")
    study = read_study(town, cache=cache)
    what_if = WhatIf(study, Scenario(name=HOSTILE[0], added=(Addition(id=HOSTILE[1], lon=108.205, lat=30.5),)))
    for site in study.sites.ids[study.sites.open]:
        what_if.switch(site)
        Mouse(what_if).site(site, "mouseover")
        assert study.sites.name[study.sites.rows([site])[0]] in text_of(what_if.message.value)
    said = text_of(what_if.steps.value)
    assert all(name in said for name in HOSTILE[1:])
    what_if.save()
    assert text_of(what_if.message.value) == f"Saved {HOSTILE[0]!r} in scenarios.toml."
    pages = [widget.value for widget in everything(what_if.view) if isinstance(widget, ipywidgets.HTML)]
    assert len(pages) == 6
    assert all(text_of(page) for page in pages)


def test_nothing_is_asked_of_the_internet(study: Study) -> None:
    what_if = WhatIf(study)
    what_if.switch("O003")
    addresses = re.compile(r"(?:https?:|//)[\w.]+")
    kinds = set()
    for widget in everything(what_if.view):
        kinds.add(type(widget).__name__)
        assert not addresses.search(str({k: v for k, v in widget.get_state().items() if v != what_if.map.people.url}))
    assert kinds >= {"Map", "ImageOverlay", "GeoJSON", "Marker", "Icon", "HTML", "Button"}
    assert what_if.map.people.url.startswith(data_address("image/png", b"")[:-1])


def test_a_scenario_is_saved_and_begun_with(study: Study, tmp_path: Path) -> None:
    what_if = WhatIf(study)
    mouse = Mouse(what_if)
    mouse.click(*inside(study)[11])
    mouse.site("O003")
    what_if.name.value = " Bank for hall "
    mouse.press(what_if.save_button)
    assert text_of(what_if.message.value) == "Saved 'Bank for hall' in scenarios.toml."
    (saved,) = read_scenarios(tmp_path / "scenarios.toml")
    assert saved == what_if.scenario
    assert same(study.coverage(saved), what_if.coverage())

    again = WhatIf(study, saved)
    assert again.name.value == "Bank for hall"
    assert again.scenario == saved
    assert_shown(again)
    again.save()  # the same once more: nothing to add
    again.switch("O004")
    Mouse(again).press(again.save_button)
    assert "Not done: scenarios.toml: another scenario is named 'Bank for hall'" in text_of(again.message.value)
    again.name.value = "Another"
    again.save()
    assert [s.name for s in read_scenarios("scenarios.toml")] == ["Bank for hall", "Another"]
    with pytest.raises(OutputError, match="cannot be written"):
        again.save(tmp_path / "scenarios.toml" / "s.toml")
    again.undo().undo().undo()
    assert again.trial.scenario == Scenario(name="Bank for hall")


def test_it_follows_steps_taken_elsewhere(study: Study) -> None:
    what_if = WhatIf(study)
    what_if.trial.close("O003").change(speed_m_s=0.8)
    what_if.refresh()
    assert_shown(what_if)
    assert "walks at 0.8 m/s" in text_of(what_if.steps.value)


def test_a_notebook_shows_it(study: Study) -> None:
    what_if = WhatIf(study)
    shown = what_if._repr_mimebundle_(include=None, exclude=None)
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == what_if.view.model_id
    assert repr(what_if).startswith("<WhatIf <Trial as today: <Coverage 75.1 % of 149,923 people")


@pytest.mark.parametrize("bounds", [(108.0, 30.3, 108.4, 30.7), (9.4, 47.0, 9.7, 47.3), (-1.0, 50.0, 1.0, 50.1)])
def test_the_first_view_holds_all_and_little_more(bounds: tuple[float, float, float, float]) -> None:
    (lat, lon), zoom = first_view(bounds)
    west, south, east, north = bounds
    assert west < lon < east
    assert south < lat < north
    corners = mercator(np.array([[west, south], [east, north]]))
    wide, tall = (corners[1] - corners[0]) * 256 * 2**zoom / (2 * np.pi * 6_378_137)
    assert 0.8 < max(wide / 640, tall / HEIGHT) <= 1


@pytest.mark.parametrize("library", ["ipyleaflet", "ipywidgets"])
def test_without_the_extra_it_says_what_to_install(library: str) -> None:
    code = f"import sys; sys.modules[{library!r}] = None\nimport accessibility.notebook"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert f"ModuleNotFoundError: {library} is not installed; the what-if widget needs" in done.stderr
    assert "outlet-accessibility[notebook]" in done.stderr
