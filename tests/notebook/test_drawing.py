"""Streets drawn in the widget: the scenario is the one that the API makes and a file holds, and so are its figures."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
import worlds

from accessibility import Closure, CompoundOpening, NewStreet, Pace, Scenario, Study, read_scenarios

pytest.importorskip("ipyleaflet")

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from accessibility.notebook import WhatIf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LINE = [(1_000, 10), (1_000, 590)]
SQUARE = [(950, 200), (1_050, 200), (1_050, 300), (950, 300)]
FIGURES = ("walk_s", "metres", "radius_m", "covered", "nearest")


@pytest.fixture(scope="module")
def study() -> Study:
    """Return two streets of 2 km, 600 m apart, joined at their west; homes along the upper one, a hall on the lower."""
    return worlds.two_streets()


def places(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return degrees as the map sends them."""
    return [(round(lon, 6), round(lat, 6)) for lon, lat in worlds.degrees(*points)]


def clicks(what_if: WhatIf, points: Sequence[tuple[float, float]], tool: str) -> None:
    """Choose a tool and click on places of the map, as the browser tells it."""
    what_if.tool.value = tool
    for lon, lat in places(points):
        content = {"event": "interaction", "type": "click", "coordinates": [lat, lon]}
        what_if.map.widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def press(button: Any) -> None:
    button._handle_msg({"content": {"data": {"method": "custom", "content": {"event": "click"}}}, "buffers": []})


DRAWN: list[tuple[str, list[tuple[float, float]], Callable[[Any], Any]]] = [
    ("street", [*LINE, LINE[-1]], lambda at: NewStreet(line=at[:2])),
    ("bridge", [*LINE, LINE[-1]], lambda at: NewStreet(line=at[:2], bridge=True)),
    ("barrier", [(-50, 300), (50, 300), (50, 300)], lambda at: Closure(area=shapely.LineString(at[:2]))),
    ("closure", [(-50, 200), (50, 200), (50, 300), (50, 300)], lambda at: Closure(area=at[:3])),
    ("pace", [(-50, 200), (50, 200), (50, 300), (50, 300)], lambda at: Pace(area=at[:3], factor=0.25)),
]


@pytest.mark.parametrize(("tool", "points", "make"), DRAWN, ids=[tool for tool, _, _ in DRAWN])
def test_what_is_drawn_is_what_the_api_and_a_file_say(
    study: Study, tmp_path: Path, tool: str, points: Sequence[tuple[float, float]], make: Callable[[Any], Any]
) -> None:
    what_if = WhatIf(study)
    what_if.factor.value = 0.25
    clicks(what_if, points, tool)
    expected = Scenario(name="What if", edits=(make(places(points)),))
    assert what_if.scenario == expected
    what_if.save(tmp_path / "drawn.toml")
    (again,) = read_scenarios(tmp_path / "drawn.toml")
    assert again == expected
    measured = study.coverage(again)
    for figure in FIGURES:
        np.testing.assert_array_equal(getattr(what_if.coverage(), figure), getattr(measured, figure))
    assert not np.array_equal(measured.walk_s, study.coverage().walk_s, equal_nan=True)
    assert expected.edits[0].text in what_if.steps.value
    features = what_if.map.edits.data["features"]
    assert [feature["properties"]["name"] for feature in features] == [expected.edits[0].text]
    assert what_if.map.drawn.data["features"] == []


def test_a_line_closes_what_it_crosses_and_what_it_follows(study: Study) -> None:
    # Across the street that joins both; along the lower street, from 200 m west to 200 m east of the hall.
    across = study.what_if().close_streets(shapely.LineString(worlds.degrees((-100, 300), (100, 300))))
    assert np.isnan(across.coverage().walk_s).all()
    along = study.what_if().close_streets(shapely.LineString(worlds.degrees((800, 3), (900, 3))))
    assert np.isnan(along.coverage().walk_s).all()  # west of the hall the only way is cut
    beside = study.what_if().close_streets(shapely.LineString(worlds.degrees((1_200, 3), (1_300, 3))))
    assert beside.coverage().walk_s.tolist() == study.coverage().walk_s.tolist()


def test_a_compound_opens_where_somebody_clicks(study: Study) -> None:
    streets = replace(study.network, private=np.array([False, False, True]))
    gated = replace(study, network=streets)
    assert gated.coverage().unreached_people == 70
    what_if = WhatIf(gated)
    clicks(what_if, [(5, 300)], "compound")
    assert what_if.scenario.edits == (CompoundOpening(area=places([(5, 300)])[0]),)
    assert what_if.coverage().walk_s.tolist() == study.coverage().walk_s.tolist()


def test_undo_takes_back_corners_then_steps_and_redo_takes_them_again(study: Study) -> None:
    what_if = WhatIf(study)
    clicks(what_if, LINE, "street")
    assert what_if.trial.steps == 0
    assert len(what_if.map.drawn.data["features"]) == 3  # two corners and the line
    assert not what_if.undo_button.disabled
    press(what_if.undo_button)  # the last corner goes
    assert len(what_if.pencil.corners) == 1
    assert what_if.finish_button.disabled
    clicks(what_if, LINE[1:], "street")
    press(what_if.finish_button)
    drawn = what_if.scenario
    assert [type(edit) for edit in drawn.edits] == [NewStreet]
    clicks(what_if, [(-50, 300), (50, 300), (50, 300)], "barrier")
    assert len(what_if.scenario.edits) == 2
    press(what_if.undo_button)
    assert what_if.scenario == drawn
    press(what_if.undo_button)
    assert what_if.scenario == Scenario(name="What if")
    assert what_if.undo_button.disabled
    press(what_if.redo_button)
    assert what_if.scenario == drawn
    assert what_if.coverage().walk_s.tolist() == study.coverage(drawn).walk_s.tolist()
    what_if.switch("O1")
    assert what_if.redo_button.disabled  # a new step forgets what was taken back
    press(what_if.redo_button)
    assert "nothing to do again" in what_if.message.value


def test_a_drawing_that_makes_no_sense_is_said_and_can_be_drawn_on(study: Study) -> None:
    what_if = WhatIf(study)
    clicks(what_if, [(900, 250), (1_100, 250)], "street")
    press(what_if.finish_button)
    assert "Not done" in what_if.message.value
    assert len(what_if.pencil.corners) == 2
    clicks(what_if, [(1_100, 590), (1_100, 590)], "street")
    assert what_if.trial.steps == 1
    what_if.tool.value = "closure"
    clicks(what_if, [(0, 0), (0, 0)], "closure")
    assert "the drawing has 1 of the 3 corners or more that it needs" in what_if.message.value
    what_if.tool.value = "new"
    assert what_if.pencil.corners == []


def test_a_click_on_a_site_draws_while_something_is_drawn(study: Study) -> None:
    what_if = WhatIf(study)
    what_if.tool.value = "street"
    what_if._on_site("O1")
    assert what_if.pencil.corners == places([(1_000, 0)])
    assert what_if.scenario.closed == ()


def test_an_explanation_is_drawn_with_both_its_ends(study: Study) -> None:
    what_if = WhatIf(study, lang="zh").edit(NewStreet(line=worlds.degrees(*LINE), name="新桥", bridge=True))
    clicks(what_if, [(1_000, 600)], "explain")
    line, place, site = (feature["geometry"]["coordinates"] for feature in what_if.map.way.data["features"])
    assert place == list(places([(1_000, 600)])[0])
    assert site == pytest.approx(worlds.degrees((1_000, 0))[0], abs=2e-6)
    assert line[0] == pytest.approx(place, abs=2e-6)
    assert line[-1] == site
    assert shapely.LineString(line).distance(shapely.Point(worlds.degrees((1_000, 300))[0])) < 1e-5  # over the bridge
    said = html.unescape(re.sub("<.*?>", "", what_if.message.value))
    assert "城区标准为步行15分钟。最近的是O1，距离10.0分钟：已覆盖。路线经过新增桥梁“新桥”。" in said  # noqa: RUF001
    what_if.undo()
    assert what_if.map.way.data["features"] == []


def test_a_notebook_keeps_a_picture_that_follows(study: Study) -> None:
    InteractiveShell.instance()
    what_if = WhatIf(study)
    with capture_output() as captured:
        what_if._ipython_display_()
    shown = [output.data for output in captured.outputs]
    assert "application/vnd.jupyter.widget-view+json" in shown[0]
    still = shown[1]["text/html"]
    assert what_if.figures.value in still
    hidden = what_if.view.children[0].value
    (name,) = re.findall(r"\.(what-if-still-\w+) \{ display: none \}", hidden)
    assert f'class="what-if-still {name}"' in still
    with capture_output() as captured:
        what_if.edit(NewStreet(line=worlds.degrees(*LINE)))
    (later,) = [output["data"]["text/html"] for output in updates(captured)]
    assert what_if.steps.value in later
    (address,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', later)
    picture = base64.b64decode(address).decode()
    assert 'stroke="#1b7837"' in picture  # the new street
    assert picture.count("data:image/png") == 1


def updates(captured: Any) -> list[dict[str, Any]]:
    """Return what was shown instead of something that stood there."""
    return [vars(output) | {"data": output.data} for output in captured.outputs if getattr(output, "update", False)]


@pytest.mark.parametrize("language", ["en", "zh", "both"])
def test_every_word_of_the_widget_is_in_the_language(study: Study, language: str) -> None:
    what_if = WhatIf(study, lang=language)
    texts = [what_if.figures.value, what_if.steps.value, what_if.districts.value, what_if.view.children[-1].value]
    texts += [button.description for button in (what_if.undo_button, what_if.redo_button, what_if.save_button)]
    texts += [what_if.tool.description, *(label for label, _ in what_if.tool.options)]
    for markup in texts:
        said = re.sub("<.*?>", "", markup).replace(study.name, "")
        assert bool(re.search("[一-鿿]", said)) == (language != "en"), said
        if language == "zh":
            assert not re.search("[a-z]{3}", said), said
