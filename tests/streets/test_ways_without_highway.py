"""Ways that people walk on, or sail along, without a highway tag; gates that open by day; doors that never do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pytest
from osmfiles import node, relation, way, write_osm

from accessibility.sources.osm.extracts import read_network
from accessibility.streets.foot import FootAccess
from accessibility.streets.graphs import read_graph

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.streets.network import Network

LET_IN = FootAccess(ferries=True)
EAST = [node(1 + i, 9.5 + i / 1_000, 47.1) for i in range(6)]
# A square of 0.0005 degrees from node 3 to the north-east, its south-west corner on the street.
RING = [node(13, 9.5025, 47.1), node(14, 9.5025, 47.1005), node(15, 9.502, 47.1005)]
BUS = relation(9, [("way", 1, "")], {"type": "route", "route": "bus"})


def streets(path: Path, *between: str, foot: FootAccess | None = None) -> tuple[Network, dict[str, Any]]:
    """Return the network of a street from node 1 to 3, one from 4 to 6, and what is between; and its findings."""
    roads = write_osm(path / "roads.osm", *EAST, *RING, way(1, [1, 2, 3]), way(3, [4, 5, 6]), *between, BUS)
    network, findings = read_network(roads, foot=foot)
    return network, {finding.code: finding for finding in findings}


def joined(network: Network) -> bool:
    """Return whether one walks from node 1 to node 6."""
    part = dict(zip(network.node_ids.tolist(), network.components.tolist(), strict=True))
    return bool(part[1] == part[6])


LIKE_STREETS = [{"man_made": "pier"}, {"railway": "platform"}, {"public_transport": "platform"}]


@pytest.mark.parametrize("tags", LIKE_STREETS, ids=str)
def test_piers_and_platforms_are_walked_as_lines_rings_and_areas(tmp_path: Path, tags: dict[str, str]) -> None:
    assert joined(streets(tmp_path, way(2, [3, 4], tags))[0])
    assert not joined(streets(tmp_path, way(2, [3, 4], {**tags, "access": "no"}))[0])
    ring, end = [3, 13, 14, 15, 3], way(4, [14, 4])
    outlines = (
        (way(2, ring, tags),),
        (way(2, ring, {"note": "an outline"}), relation(2, [("way", 2, "outer")], {"type": "multipolygon", **tags})),
    )
    for outline in outlines:
        network, findings = streets(tmp_path, *outline, end)
        assert joined(network)
        assert network.across.any()  # straight from corner to corner
        assert "square-outline" not in findings
    network, _ = streets(tmp_path, way(2, ring, {**tags, "area": "no"}), end)
    assert joined(network)
    assert not network.across.any()


def test_other_ways_without_a_highway_are_neither_walked_nor_counted(tmp_path: Path) -> None:
    for tags in ({"railway": "rail"}, {"man_made": "pipeline"}, {"route": "hiking"}, {"public_transport": "stop_area"}):
        network, findings = streets(tmp_path, way(2, [3, 4], tags))
        assert not joined(network)
        assert "not-walkable" not in findings


def test_what_closes_a_pier_is_counted_by_reason(tmp_path: Path) -> None:
    _, findings = streets(tmp_path, way(2, [3, 4], {"man_made": "pier", "access": "no"}))
    assert findings["not-walkable"].message == "1 streets and ferries may not be walked: 1 access=no"


def test_a_ferry_lands_on_a_pier(tmp_path: Path) -> None:
    pier, boat = way(2, [3, 13], {"man_made": "pier"}), way(4, [13, 4], {"route": "ferry", "duration": "00:05"})
    network, _ = streets(tmp_path, pier, boat, foot=LET_IN)
    assert joined(network)
    assert network.fixed_s[network.of_kind("ferry")].tolist() == [300 + 600]
    assert not joined(streets(tmp_path, pier, boat)[0])


FERRY = {"type": "route", "route": "ferry", "duration": "00:10"}


@pytest.mark.parametrize("order", [(20, 21, 22), (21, 20, 22), (22, 20, 21)], ids=str)
def test_a_ferry_on_the_relation_alone_is_one_ride_over_all_its_ways(tmp_path: Path, order: tuple[int, ...]) -> None:
    legs = [way(20, [3, 13]), way(21, [14, 13]), way(22, [14, 4])]
    legs = [leg.replace('k="highway" v="residential"', 'k="note" v="a leg"') for leg in legs]
    route = relation(8, [("way", number, "") for number in order], FERRY)
    network, findings = streets(tmp_path, *legs, route, foot=LET_IN)
    assert joined(network)
    assert network.fixed_s[network.of_kind("ferry")].sum() == pytest.approx(600 + 600)
    assert findings["ferries"].count == 1
    shut, findings = streets(tmp_path, *legs, route)
    assert not joined(shut)
    assert findings["ferries-left-out"].count == 1


def test_what_a_leg_of_a_ferry_says_of_itself_goes_before_its_relation(tmp_path: Path) -> None:
    route = relation(8, [("way", 20, ""), ("way", 21, "")], FERRY)
    own = way(20, [3, 4], {"route": "ferry", "duration": "00:05"})
    network, findings = streets(tmp_path, own, route, foot=LET_IN)
    assert network.fixed_s[network.of_kind("ferry")].tolist() == [300 + 600]
    assert findings["ferries"].count == 1
    closed = way(20, [3, 4], {"route": "ferry", "foot": "no"})
    assert not joined(streets(tmp_path, closed, route, foot=LET_IN)[0])


def test_two_lines_of_ferries_on_one_way_are_one(tmp_path: Path) -> None:
    leg = way(20, [3, 4], {"note": "a leg"})
    routes = [relation(number, [("way", 20, "")], FERRY) for number in (7, 8)]
    network, _ = streets(tmp_path, leg, *routes, foot=LET_IN)
    assert int(network.of_kind("ferry").sum()) == 1


@pytest.mark.parametrize(
    ("tags", "stops"),
    [
        ({"door": "yes", "locked": "yes"}, True),
        ({"door": "hinged", "access": "private"}, True),
        ({"door": "yes"}, False),
        ({"entrance": "yes", "access": "no"}, True),
        ({"entrance": "main", "access": "private"}, True),
        ({"entrance": "main"}, False),
        ({"barrier": "turnstile", "locked": "yes"}, True),
        ({"barrier": "turnstile", "access": "private"}, True),
        ({"barrier": "full-height_turnstile", "foot": "no"}, True),
        ({"barrier": "turnstile"}, False),
        ({"barrier": "gate", "locked": "yes", "opening_hours": "08:00-18:00"}, False),
        ({"barrier": "gate", "access": "private", "access:conditional": "yes @ (06:00-22:00)"}, False),
        ({"barrier": "gate", "access": "residents"}, True),
        ({"barrier": "turnstile", "access": "customers"}, True),
        ({"barrier": "gate", "opening_hours": "22:00-06:00"}, True),
        ({"barrier": "gate", "opening_hours": "Sa,Su 09:00-18:00"}, True),
        ({"barrier": "gate", "opening_hours": "off"}, True),
        ({"barrier": "gate", "opening_hours": "22:00-06:00 off"}, False),
        ({"barrier": "gate", "opening_hours": "Sa,Su off"}, False),
        ({"barrier": "gate", "opening_hours": "Mo-Fr 08:00-11:30,13:30-17:00"}, False),
        ({"barrier": "gate", "opening_hours": "Mo-Su 06:00-22:00; PH off"}, False),
        ({"barrier": "gate", "opening_hours": "dawn-dusk"}, False),
        ({"barrier": "gate", "opening_hours": "by arrangement"}, False),
    ],
    ids=str,
)
def test_doors_and_turnstiles_stop_people_where_they_are_locked_or_private_or_shut_by_day(
    tmp_path: Path,
    tags: dict[str, str],
    stops: bool,  # noqa: FBT001 -- a case
) -> None:
    roads = write_osm(tmp_path / "r.osm", EAST[0], node(2, 9.501, 47.1, **tags), EAST[2], way(1, [1, 2, 3]), BUS)
    network, findings = read_network(roads)
    assert network.component_sizes.tolist() == ([2, 2] if stops else [2 if len(network.node_ids) == 2 else 3])
    assert ("blocking-barrier" in {finding.code for finding in findings}) == stops


def test_rules_for_certain_times_are_counted_on_ways_and_gates_of_streets(tmp_path: Path) -> None:
    timed = {"access:conditional": "no @ (22:00-06:00)"}
    roads = write_osm(
        tmp_path / "r.osm",
        EAST[0],
        node(2, 9.501, 47.1, barrier="gate", **timed),
        EAST[2],
        node(4, 9.6, 47.1, barrier="gate", **timed),  # on no street
        way(1, [1, 2, 3]),
        way(2, [1, 3], {"highway": "footway", "foot:conditional": "yes @ (08:00-18:00)"}),
        BUS,
    )
    found = {finding.code: finding for finding in read_network(roads)[1]}
    assert found["conditional-access"].count == 2
    assert found["conditional-access"].message == "2 ways and gates have access rules for certain times; as by day"


def test_cycleways_are_walked_unless_they_say_otherwise(tmp_path: Path) -> None:
    assert joined(streets(tmp_path, way(2, [3, 4], {"highway": "cycleway"}))[0])
    assert not joined(streets(tmp_path, way(2, [3, 4], {"highway": "cycleway", "foot": "no"}))[0])
    network, _ = streets(tmp_path, way(2, [3, 4], {"highway": "cycleway"}))
    assert np.array(network.kinds)[network.kind].tolist().count("cycleway") == 1


def test_a_graph_counts_rules_for_certain_times_on_edges_and_gates() -> None:
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4326")
    gate = {"barrier": "gate", "access_conditional": "no @ (22:00-06:00)"}
    for number in (1, 2, 3):
        graph.add_node(number, x=9.5 + number / 1_000, y=47.1, **(gate if number == 2 else {}))
    graph.add_edge(1, 2, highway="footway", foot_conditional="yes @ (08:00-18:00)")
    graph.add_edge(2, 3, highway="footway")
    assert read_graph(graph)[1]["conditional-access"][0] == 2
