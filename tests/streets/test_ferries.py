"""Ferries and lifts: seconds that are the same for every walker, metres that are their length; done by hand."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import worlds
from conftest import STEP_DEG
from osmfiles import node, relation, way, write_osm
from shapely import LineString

import accessibility as acc
from accessibility import InputError, Network, Walker, measure_coverage
from accessibility.quality import measure_quality
from accessibility.sources.lines import read_lines
from accessibility.sources.osm.extracts import read_network
from accessibility.streets.foot import Carried, Delays, FootAccess
from accessibility.streets.search.elimination import IMPASSABLE

if TYPE_CHECKING:
    from pathlib import Path

FERRY = {"route": "ferry", "duration": "00:05"}
LET_IN = FootAccess(ferries=True)
BUS = relation(9, [("way", 1, "")], {"type": "route"})


def places(count: int, **tags: str) -> list[str]:
    """Return nodes 1, 2, ... every 500 m to the east; the third one has the tags."""
    return [node(i + 1, 108.2 + i * STEP_DEG, 30.5, **(tags if i == 2 else {})) for i in range(count)]


def crossing(folder: Path, *ferries: str, count: int = 4) -> Path:
    """Write a street from node 1 to node 2, one from node 3 to node 4, and ferries."""
    return write_osm(folder / "roads.osm", *places(count), way(1, [1, 2]), *ferries, way(3, [3, 4]), BUS)


def walked(network: Network, at: int, *, speed_m_s: float = 1.0) -> Any:
    """Return the coverage of one person at a node, served at node 1."""
    row = {number: row for row, number in enumerate(network.node_ids.tolist())}
    person = acc.Demand(ids=["p"], xy=network.node_xy[[row[at]]], population=[1], setting=["rural"], crs=network.crs)  # type: ignore[arg-type]
    counter = acc.Sites(ids=["O"], xy=network.node_xy[[row[1]]], crs=network.crs)  # type: ignore[arg-type]
    return measure_coverage(network, person, counter, walker=Walker(speed_m_s=speed_m_s))


def test_ferries_carry_nobody_unless_they_are_let_in(tmp_path: Path) -> None:
    roads = crossing(tmp_path, way(2, [2, 3], FERRY))
    network, findings = read_network(roads)
    assert network.component_sizes.tolist() == [2, 2]
    said = {finding.code: finding for finding in findings}
    assert said["ferries-left-out"].count == 1
    assert "ferries = true under [walking]" in said["ferries-left-out"].message
    assert walked(network, 4).unreached.tolist() == [True]


def test_a_ferry_takes_its_duration_and_a_wait_whoever_walks(tmp_path: Path) -> None:
    network, findings = read_network(crossing(tmp_path, way(2, [2, 3], FERRY)), foot=LET_IN)
    for speed, walk_s in ((1.0, 500 + 300 + 600 + 500), (0.5, 1_000 + 300 + 600 + 1_000)):
        now = walked(network, 4, speed_m_s=speed)
        assert now.walk_s == pytest.approx([walk_s], rel=1e-3)
        assert now.metres == pytest.approx([1_500], rel=1e-3)  # what the boat goes counts as metres
    said = {finding.code: str(finding) for finding in findings}
    assert said["ferries"] == (
        "roads.osm: 1 ferries carry people: 0 without a tagged duration at 3 m/s, all after a wait of 10 min"
    )
    assert "ferries-left-out" not in said


@pytest.mark.parametrize("duration", [None, "soon"])
def test_a_ferry_without_a_duration_goes_at_the_stated_speed(tmp_path: Path, duration: str | None) -> None:
    tags = {"route": "ferry"} | ({"duration": duration} if duration else {})
    foot = FootAccess(ferries=True, ferry_m_s=2.0, ferry_wait_s=90.0)
    network, _ = read_network(crossing(tmp_path, way(2, [2, 3], tags)), foot=foot)
    assert walked(network, 4).walk_s == pytest.approx([500 + 250 + 90 + 500], rel=1e-3)


def test_who_changes_nothing_between_two_boats_ways_waits_once(tmp_path: Path) -> None:
    # The ways of two ferries share node 5 on the water; node 3 is a landing between two legs of a third.
    nodes = [*places(4), node(5, 108.2 + 1.5 * STEP_DEG, 30.51)]
    meeting = [way(2, [2, 5], {"route": "ferry", "duration": "2"}), way(4, [5, 3], {"route": "ferry", "duration": "4"})]
    roads = write_osm(tmp_path / "roads.osm", *nodes, way(1, [1, 2]), *meeting, way(3, [3, 4]), BUS)
    assert walked(read_network(roads, foot=LET_IN)[0], 4).walk_s == pytest.approx([500 + 360 + 600 + 500], rel=1e-3)
    legs = way(2, [2, 3, 4], {"route": "ferry", "duration": "PT10M"})
    landing = write_osm(tmp_path / "legs.osm", *places(4), way(1, [1, 2]), legs, way(3, [3, 3, 4]), BUS)
    seconds = walked(read_network(landing, foot=LET_IN)[0], 3).walk_s
    assert seconds == pytest.approx([500 + 300 + 600], rel=1e-3)  # half of the way, half of its ten minutes


@pytest.mark.parametrize(
    ("tags", "walkable"),
    [
        ({}, True),
        ({"foot": "yes", "access": "no"}, True),
        ({"access": "customers"}, True),
        ({"foot": "no"}, False),
        ({"foot": "use_sidepath"}, False),
        ({"access": "no"}, False),
        ({"motorroad": "yes"}, True),
    ],
)
def test_tags_say_which_ferry_carries_people(tags: dict[str, str], walkable: bool) -> None:  # noqa: FBT001
    walk = LET_IN.may_walk({"route": "ferry"} | tags)
    assert (walk.walkable, walk.private, walk.off_ground) == (walkable, False, walkable)
    assert not FootAccess().may_walk({"route": "ferry"} | tags).walkable


def test_a_boat_that_goes_one_way_and_a_street_of_a_ferry_s_name() -> None:
    assert LET_IN.may_walk({"route": "ferry", "oneway": "yes"}).direction == 1
    assert LET_IN.may_walk({"route": "ferry", "access": "private"}).private
    street = LET_IN.may_walk({"route": "ferry", "highway": "service", "duration": "00:10"})
    assert (street.ride_s, street.off_ground) == (0.0, False)


@pytest.mark.parametrize("wrong", [{"ferry_m_s": 0.0}, {"ferry_wait_s": -1.0}, {"lift_s": float("nan")}])
def test_delays_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected a speed above 0 and seconds, 0 or more"):
        FootAccess(**wrong)  # type: ignore[arg-type]


def test_a_lift_takes_its_delay_once_as_a_node_and_as_a_way(tmp_path: Path) -> None:
    foot = FootAccess(lift_s=45.0)
    path = {"highway": "footway"}
    as_node = write_osm(
        tmp_path / "node.osm", *places(5, highway="elevator"), way(1, [1, 2, 3], path), way(2, [3, 4, 5], path), BUS
    )
    through = walked(read_network(as_node, foot=foot)[0], 5)
    assert through.walk_s == pytest.approx([2_000 + 45], rel=1e-3)
    assert through.metres == pytest.approx([2_000], rel=1e-3)
    within = write_osm(tmp_path / "within.osm", *places(5, highway="elevator"), way(1, [1, 2, 3, 4, 5], path), BUS)
    assert walked(read_network(within, foot=foot)[0], 5).walk_s == pytest.approx([2_000 + 45], rel=1e-3)
    lift = way(2, [3, 4], {"highway": "elevator"})
    as_way = write_osm(
        tmp_path / "way.osm", *places(5, highway="elevator"), way(1, [1, 2, 3], path), lift, way(3, [4, 5], path), BUS
    )
    assert walked(read_network(as_way, foot=foot)[0], 5).walk_s == pytest.approx([2_000 + 45], rel=1e-3)


@pytest.mark.parametrize("columns", [{"route": ["", "ferry", ""]}, {"kind": ["road", "ferry", "road"]}])
def test_lines_bring_ferries_too(tmp_path: Path, columns: dict[str, list[str]]) -> None:
    xy = [tuple(worlds.ORIGIN + np.array([500 * i, 0])) for i in range(4)]
    lines = [LineString(xy[i : i + 2]) for i in range(3)]
    frame = gpd.GeoDataFrame(columns | {"duration": ["", "1", ""]}, geometry=lines, crs=worlds.CRS)
    frame.to_file(tmp_path / "roads.gpkg")
    shut, findings = read_lines(tmp_path / "roads.gpkg")
    assert (len(shut.edges), findings[-1].code) == (2, "not-walkable")
    network, _ = read_lines(tmp_path / "roads.gpkg", foot=LET_IN, crs=worlds.CRS, noded=True)
    (ferry,) = np.flatnonzero(network.of_kind("ferry"))
    assert network.fixed_s.tolist() == pytest.approx([60 + 600 if row == ferry else 0 for row in range(3)], rel=1e-3)
    assert network.off_ground.tolist() == [row == ferry for row in range(3)]


def test_a_network_of_a_ferry_needs_its_seconds() -> None:
    road = worlds.line(1_000, 2)
    ferry = {"kinds": ("road", "ferry"), "kind": np.array([0, 1], np.uint8)}
    with pytest.raises(InputError, match=r"network fixed_s: 1 of 2 rows, first row 1 is 0; expected the seconds"):
        replace(road, **ferry)  # type: ignore[arg-type]
    carried = replace(road, **ferry, fixed_s=np.array([0, 77], np.float32))  # type: ignore[arg-type]
    assert carried.impedance(Walker(speed_m_s=0.5)).along.tolist() == [1_000_000, 77_000]
    assert carried.impedance().along.tolist() == [50_000, 50_000]


def test_slopes_and_signals_do_not_touch_a_ferry_and_a_lift_stays_with_the_walk() -> None:
    road = worlds.line(900, 3)
    three = replace(
        road,
        kinds=("road", "ferry", "elevator"),
        kind=np.arange(3, dtype=np.uint8),
        fixed_s=np.array([0, 100, 40], np.float32),
        slope_factor=np.full((3, 2), 2.0),
    )
    assert three.impedance(Walker()).along.tolist() == [600_000, 100_000, 640_000]


def test_there_and_back_through_networkx_keeps_every_field() -> None:
    square = worlds.network([(0, 0), (100, 0), (100, 100), (0, 100)], [(0, 1), (0, 3), (1, 2), (2, 3)])
    whole = replace(
        square,
        kinds=("ferry", "road"),
        kind=np.array([0, 1, 1, 1], np.uint8),
        oneway=np.array([False, True, False, False]),
        private=np.array([False, False, True, False]),
        off_ground=np.array([True, False, False, False]),
        fixed_s=np.array([30, 0, 5, 0], np.float32),
        signals=np.array([0, 1, 0.5, 0], np.float32),
        climb_m=np.array([0, 5, -3, 0], np.float32),
        slope_factor=np.array([(1, 1), (1.5, 1), (0.9, 1.25), (1, 1)], np.float32),
    )
    graph = whole.to_networkx()
    there, back = graph.edges[1, 2, 0], graph.edges[2, 1, 0]
    assert (there["climb_m"], back["climb_m"]) == (-3, 3)
    assert (there["slope_factor"], back["slope_factor"]) == pytest.approx((0.9, 1.25))
    again = Network.from_networkx(graph)
    for field in fields(Network):
        if field.name == "provenance":
            continue  # how streets were read is no part of what they are
        before, after = getattr(whole, field.name), getattr(again, field.name)
        if field.name == "slope_factor":
            before = np.where(whole.oneway[:, None], before[:, :1], before)  # nobody walks against it
        assert np.array_equal(before, after) if isinstance(before, np.ndarray) else before == after, field.name


def test_a_network_without_some_edges_keeps_them_and_nobody_walks_there() -> None:
    square = worlds.one_way_square()
    rest = square.without(np.array([False, True, False, True]))
    assert rest.edges.tolist() == square.edges.tolist()
    assert (rest.impedance().along == IMPASSABLE).tolist() == [False, True, False, True]
    assert (rest.impedance(Walker()).against == IMPASSABLE).all()
    assert rest.without(np.array([True, False, False, False])).closed.tolist() == [True, True, False, True]


def test_no_ferry_is_quicker_than_a_second() -> None:
    nowhere = {"kinds": np.array(["ferry"]), "edges": np.array([[0, 1]], np.int32), "length_m": np.zeros(1)}
    boat = Carried(**nowhere, ride_s=np.full(1, np.nan), lifts=np.zeros(1))
    assert Delays().seconds(boat).tolist() == [1.0]


def test_a_study_says_what_stairs_signals_and_lifts_take(town: Path, tmp_path: Path) -> None:
    nodes = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    nodes[1] = node(2, 108.2 + STEP_DEG, 30.5, highway="crossing", crossing="traffic_signals")
    nodes[3] = node(4, 108.2 + 3 * STEP_DEG, 30.5, highway="elevator")
    kinds = ("footway", "footway", "steps", "footway")
    ways = [way(i + 1, [i + 1, i + 2], {"highway": kind}) for i, kind in enumerate(kinds)]
    write_osm(town.parent / "roads.osm", *nodes, *ways, BUS)
    free = acc.read_study(town, cache=tmp_path / "cache").coverage().walk_s
    assert free == pytest.approx([0, 500, 1_000, 2_030, 2_560], rel=1e-3, abs=0.1)  # half a lift to its door
    walking = "[walking]\nsignal_delay_s = 35\nstairs_factor = 3\nlift_s = 20\n[inputs]"
    town.write_text(town.read_text(encoding="utf-8").replace("[inputs]", walking), encoding="utf-8")
    slow = acc.read_study(town, cache=tmp_path / "cache").coverage().walk_s
    assert slow == pytest.approx([0, 517.5, 1_035, 2_545, 3_055], rel=1e-3, abs=0.1)


def test_a_study_lets_ferries_in_and_says_what_they_are_worth(town: Path, tmp_path: Path) -> None:
    # The street between 1000 m and 1500 m is a ferry now: of the people at 1500 m and 2000 m everyone is rural.
    nodes = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    ways = [way(1, [1, 2, 3]), way(2, [3, 4], {"route": "ferry"}), way(3, [4, 5])]
    write_osm(town.parent / "roads.osm", *nodes, *ways, BUS)
    people = town.parent / "people.csv"
    people.write_text(people.read_text(encoding="utf-8").replace("urban", "rural"), encoding="utf-8")
    text = town.read_text(encoding="utf-8")
    assert acc.read_study(town, cache=tmp_path / "cache").coverage().unreached_people == 240
    town.write_text(text.replace("[inputs]", "[walking]\nferries = true\n[inputs]"), encoding="utf-8")
    study = acc.read_study(town, cache=tmp_path / "cache")
    now = study.coverage()
    assert (now.covered_people, now.unreached_people) == (310, 0)
    table = measure_quality(study).table.set_index("code")
    assert table.loc["without-ferries", "points_of_coverage"] == pytest.approx(-100 * 240 / 310)
