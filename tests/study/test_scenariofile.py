"""Scenario files: what is written is read back; what is wrong is told with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accessibility import (
    Addition,
    Closure,
    CompoundOpening,
    InputError,
    Move,
    NewStreet,
    OutputError,
    Pace,
    Scenario,
    Settings,
    Standard,
    read_scenarios,
    write_scenarios,
)
from accessibility.standards import Rule
from accessibility.study.scenariofile import append_scenario

if TYPE_CHECKING:
    from pathlib import Path

name = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).map(str.strip).filter(bool)
lon, lat = st.floats(-180, 180), st.floats(-90, 90)
rule = st.builds(Rule.walk, st.integers(1, 60)) | st.builds(
    Rule.distance, st.integers(1, 20), st.sampled_from(["network", "radius"])
)


ring = st.tuples(lon, lat, st.floats(0.001, 1)).map(
    lambda r: [(x := r[0] / 2, y := r[1] / 2), (x + r[2], y), (x, y + r[2])]
)
edits = st.one_of(
    st.builds(NewStreet, line=ring, name=name, bridge=st.booleans(), oneway=st.booleans(), steps=st.booleans()),
    st.builds(Closure, area=ring, bridges=st.booleans()),
    st.builds(Closure, edges=st.lists(st.integers(0, 99), min_size=1).map(tuple)),
    st.builds(Closure, area=ring.map(lambda r: shapely.MultiPolygon([shapely.Polygon(r)])), name=name),
    st.builds(Pace, area=ring, factor=st.floats(0.01, 10), name=name),
    st.builds(CompoundOpening, area=ring | st.tuples(lon, lat), name=name),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    ids = draw(st.lists(name, min_size=8, max_size=8, unique=True))
    standard = st.none() | st.builds(Standard, urban=rule, town=rule, rural=rule)
    return Scenario(
        name=draw(name),
        opened=tuple(draw(st.lists(st.sampled_from(ids[:2]), unique=True))),
        closed=tuple(draw(st.lists(st.sampled_from(ids[2:4]), unique=True))),
        added=tuple(
            Addition(id=i, lon=draw(lon), lat=draw(lat), kind=draw(st.sampled_from(["new", "bank"])), name=draw(name))
            for i in draw(st.lists(st.sampled_from(ids[4:6]), unique=True))
        ),
        moved=tuple(
            Move(id=i, lon=draw(lon), lat=draw(lat)) for i in draw(st.lists(st.sampled_from(ids[6:]), unique=True))
        ),
        edits=tuple(draw(st.lists(edits, max_size=2))),
        settings=Settings(
            speed_m_s=draw(st.none() | st.sampled_from([0.8, 1.2])),
            open_compounds=draw(st.none() | st.booleans()),
            standard=draw(standard),
        ),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(scenarios(), min_size=1, max_size=3, unique_by=lambda s: s.name))
def test_what_is_written_is_read_back(tmp_path: Path, given: list[Scenario]) -> None:
    write_scenarios(given, tmp_path / "s.toml")
    assert list(read_scenarios(tmp_path / "s.toml")) == given


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        """
        [[scenario]]
        name = "Bank for hall"
        open = ["B017", 12]
        close = ["O003"]
        add = [{ id = "N1", lon = 108.21, lat = 30.52, cost = 2 }]
        speed_m_s = 0.8
        streets = [
            { add = [[108.2, 30.5], [108.21, 30.5]], name = "dam", bridge = true },
            { close = "POLYGON ((108 30, 109 30, 109 31, 108 30))", bridges = false },
            { pace = 0.5, area = [[108, 30], [109, 30], [109, 31]], name = "mud" },
            { open_compound = [108.2, 30.5] },
            { close = [4, 5] },
        ]

        [[scenario]]
        name = "Nothing"
        standard = { urban = { walk_minutes = 10 } }
        """,
        encoding="utf-8",
    )
    one, other = read_scenarios(path)
    assert one == Scenario(
        name="Bank for hall",
        opened=("B017", "12"),
        closed=("O003",),
        added=(Addition(id="N1", lon=108.21, lat=30.52, cost=2.0),),
        edits=(
            NewStreet(line=[(108.2, 30.5), (108.21, 30.5)], name="dam", bridge=True),
            Closure(area=[(108, 30), (109, 30), (109, 31)], bridges=False),
            Pace(area=[(108, 30), (109, 30), (109, 31)], factor=0.5, name="mud"),
            CompoundOpening(area=(108.2, 30.5)),
            Closure(edges=(4, 5)),
        ),
        settings=Settings(speed_m_s=0.8),
    )
    assert other.settings.standard == Standard(urban=Rule.walk(10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "scenario: required and not there"),
        ("[[scenario]]\nnmae = 'x'", "scenario.0.name: required and not there; scenario.0.nmae: unknown key"),
        ("[[scenario]]\nname = 'x'\nopenn = ['B1']", "scenario.0.openn: unknown key"),
        ("[[scenario]]\nname = 'x'\nspeed_m_s = 36", "scenario.0.speed_m_s: found 36"),
        ("[[scenario]]\nname = 'x'\nadd = [{ lon = 1, lat = 2 }]", "add.0.id: required"),
        ("[[scenario]]\nname = 'x'\nspeed_m_s = true", "scenario.0.speed_m_s: found true; Input should be"),
        ("[[scenario]]\nname = 'x'\nadd = [{ id = 'N', lon = 30, lat = 108 }]", "added site 'N' .* swapped"),
        ("[[scenario]]\nname = 'x'\nopen = ['B1']\nclose = ['B1']", "scenario 'x': site 'B1' opens and closes"),
        ("[[scenario]]\nname = 'x'\n[[scenario]]\nname = 'x'", "two scenarios are named 'x'"),
        ("name = ", "not a TOML file"),
        (
            "[[scenario]]\nname = 'x'\nstreets = [{ name = 'dam' }]",
            "scenario 'x': an entry of streets has none",
        ),
        (
            "[[scenario]]\nname = 'x'\nstreets = [{ add = [[1, 2], [3, 4]], pace = 2 }]",
            "has add and pace; exp",
        ),
        (
            "[[scenario]]\nname = 'x'\nstreets = [{ add = [[1, 2], [3, 4]], brigde = true }]",
            "has the key 'brigde'",
        ),
        (
            "[[scenario]]\nname = 'x'\nstreets = [{ add = [[1, 2], [3, 4]], bridge = 'no' }]",
            "bridge is the text 'no'",
        ),
        (
            "[[scenario]]\nname = 'x'\nstreets = [{ add = [[111, 30], [30, 111]] }]",
            "has a vertex at 30, 111; exp",
        ),
        ("[[scenario]]\nname = 'x'\nstreets = [{ pace = 2 }]", "pace is 'None'; expected a polygon"),
        ("[[scenario]]\nname = 'x'\nstreets = [{ pace = 0, area = [[1, 2], [3, 4], [3, 5]] }]", "by the factor 0; exp"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"s.toml: .*{message}"):
        read_scenarios(tmp_path / "s.toml")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.toml: no such file; expected a file of scenarios"):
        read_scenarios(tmp_path / "no.toml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(scenarios(), min_size=1, max_size=4, unique_by=lambda s: s.name))
def test_one_is_added_after_the_other(tmp_path: Path, given: list[Scenario]) -> None:
    path = tmp_path / "s.toml"
    path.unlink(missing_ok=True)
    for scenario in given:
        append_scenario(scenario, path)
        append_scenario(scenario, path)  # the same once more
    assert list(read_scenarios(path)) == given


def test_adding_leaves_what_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    text = '# by hand\n[[scenario]]\nname = "one"  # the first\nopen = [\n  12,\n]'
    path.write_text(text, encoding="utf-8")
    append_scenario(Scenario(name="two", closed=("O1",)), path)
    assert path.read_text(encoding="utf-8").startswith(text + "\n\n[[scenario]]\n")
    assert [s.name for s in read_scenarios(path)] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[scenario]]\nname = "two"', "s.toml: another scenario is named 'two'"),
        ('scenario = [{ name = "one" }]', "s.toml: its scenarios stand in one list"),
        ("[[scenario]]\nnam = 1", "s.toml: .*nam"),
    ],
)
def test_what_cannot_be_added_changes_nothing(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        append_scenario(Scenario(name="two", opened=("B1",)), path)
    assert path.read_text(encoding="utf-8") == text


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "nowhere").write_text("a file, no folder")
    with pytest.raises(OutputError, match="cannot be written"):
        write_scenarios([Scenario(name="one")], tmp_path / "nowhere" / "s.toml")
    with pytest.raises(OutputError, match="cannot be written"):
        append_scenario(Scenario(name="one"), tmp_path / "nowhere" / "s.toml")
