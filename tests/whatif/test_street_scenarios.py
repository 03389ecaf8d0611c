"""A scenario that edits streets, through every door: coverage, explanation, map, catchments, command."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import pytest
import worlds

from accessibility import Closure, NewStreet, Pace, Scenario, write_scenarios
from accessibility.cli.console import Silence
from accessibility.cli.runs import Options, run_compare
from accessibility.notebook import WhatIf
from accessibility.whatif.scenario import scenario_of

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Study


@pytest.fixture(scope="module")
def study() -> Study:
    """Return two streets of 2 km, 600 m apart, joined at their west; homes along the upper one, a hall on the lower."""
    return worlds.two_streets()


BRIDGE = NewStreet(line=worlds.degrees((1_000, 10), (1_000, 590)), name="bridge")
FLOOD = Closure(area=worlds.degrees((950, 200), (1_050, 200), (1_050, 300), (950, 300)), name="flood")
MUD = Pace(area=worlds.degrees((950, 200), (1_050, 200), (1_050, 300), (950, 300)), factor=0.25, name="mud")


def test_coverage_trial_and_scenario_say_the_same(study: Study) -> None:
    # Today 100 + 600 + 1 000 m and more; over the bridge 600 m, and 900 m more from either side.
    assert study.coverage().covered_people == 0
    bridged = study.coverage(Scenario(edits=(BRIDGE,)))
    assert bridged.metres == pytest.approx([1_500, 600, 1_500], abs=1)
    assert bridged.covered_people == 20
    trial = study.what_if().add_street(BRIDGE.line, name="bridge")
    assert trial.scenario == Scenario(edits=(BRIDGE,))
    assert trial.coverage().metres.tolist() == bridged.metres.tolist()
    assert trial.compare()["gained"].tolist()[-1] == 20
    assert study.coverage(Scenario(edits=(BRIDGE, FLOOD))).metres.tolist() == study.coverage().metres.tolist()
    assert study.coverage(Scenario(edits=(BRIDGE, MUD))).walk_s == pytest.approx([1_700, 900, 1_800], abs=2)


def test_what_a_coverage_has_different_names_its_edits(study: Study) -> None:
    there = study.coverage(Scenario(edits=(BRIDGE, FLOOD)))
    assert scenario_of(there, study.sites, study.walker, study.standard) == Scenario(edits=(BRIDGE, FLOOD))


def test_catchments_of_a_scenario_walk_its_streets(study: Study) -> None:
    there = study.coverage(Scenario(edits=(BRIDGE,)))
    assert study.catchments(there).of(0).tolist() == np.flatnonzero(there.covered).tolist() == [1]
    assert study.access("opportunities", coverage=there).tolist() == [0, 1, 0]


def test_an_explanation_says_which_edits_it_walks_on_and_is_cut_by(study: Study) -> None:
    ((lon, lat),) = worlds.degrees((1_000, 600))
    text = study.explain(lon, lat, Scenario(edits=(BRIDGE,))).text
    assert "10.0 minutes away: covered. The way takes the new street 'bridge'." in text
    cut = study.explain(lon, lat, Scenario(edits=(BRIDGE, FLOOD))).text
    assert "43.3 minutes away: 28.3 minutes too far. The closure 'flood' cuts a shorter way." in cut
    slow = study.explain(lon, lat, Scenario(edits=(BRIDGE, MUD)))
    assert slow.edits == ("The way takes the new street 'bridge'.", "The way takes the pace of 'mud'.")
    assert study.explain(lon, lat).edits == ()


def test_a_place_on_a_closed_street_is_cut_by_the_closure(study: Study) -> None:
    ((lon, lat),) = worlds.degrees((1_500, 600))
    flood = Closure(area=worlds.degrees((1_400, 550), (1_600, 550), (1_600, 650), (1_400, 650)), name="flood")
    told = study.explain(lon, lat, Scenario(edits=(flood,)))
    assert np.isnan(told.walk_s)
    assert told.edits == ("The closure 'flood' cuts a shorter way.",)


def test_what_is_closed_is_told_as_closed_whatever_comes_after(study: Study) -> None:
    ((lon, lat),) = worlds.degrees((1_000, 600))
    mud = Pace(area=worlds.degrees((-50, -50), (2_050, -50), (2_050, 650), (-50, 650)), factor=0.9, name="mud")
    told = study.explain(lon, lat, Scenario(edits=(BRIDGE, FLOOD, mud)))
    assert told.edits == ("The way takes the pace of 'mud'.", "The closure 'flood' cuts a shorter way.")


def test_the_widget_keeps_and_says_edits(study: Study) -> None:
    widget = WhatIf(study, Scenario(name="bridge", edits=(BRIDGE,)))
    assert "new street 'bridge'" in html.unescape(widget._still()["text/html"])
    assert widget.scenario.edits == (BRIDGE,)


def test_a_map_draws_what_is_edited(study: Study) -> None:
    page = study.map(study.what_if(Scenario(edits=(BRIDGE, FLOOD)))).get_root().render()
    for word in ("New streets", "Closed streets", "new street 'bridge'", "closure 'flood'"):
        assert word.replace("'", "\\u0027") in page or word in page
    assert "New streets" not in study.map().get_root().render()


def test_the_command_compares_scenarios_with_edits(study: Study, tmp_path: Path, cache: Path) -> None:
    file = study.save(tmp_path / "study")
    scenarios = [Scenario(name="bridge", edits=(BRIDGE,)), Scenario(name="flooded", edits=(BRIDGE, FLOOD))]
    write_scenarios(scenarios, tmp_path / "scenarios.toml")
    found = run_compare(file, tmp_path / "scenarios.toml", tmp_path / "out", Options(cache=cache), Silence())
    assert found.scenarios["gained"].tolist() == [20, 0]
    assert found.manifest["scenarios"][1]["changes"]["streets"][1]["name"] == "flood"
    assert "New streets" in found.maps[0].read_text(encoding="utf-8")
