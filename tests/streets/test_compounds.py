"""Compounds as they are mapped: unmarked lanes inside, and walls without a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pytest
import worlds
from conftest import STEP_DEG
from hypothesis import given
from hypothesis import strategies as st
from osmfiles import node, relation, way, write_osm
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import accessibility as acc
from accessibility import measure_coverage
from accessibility.quality import measure_quality
from accessibility.streets.network import enclose_lanes, sealed_edges
from accessibility.streets.search.packing import label_components

if TYPE_CHECKING:
    from pathlib import Path

STREET = [(100.0 * i, 0.0) for i in range(4)]
COMPOUND = [(150.0, 50.0), (150.0, 90.0), (190.0, 90.0)]
#         a gate at (100, 0), a private lane to (150, 50), and an unmarked path from there, of two pieces
BLOCK = worlds.network([*STREET, *COMPOUND], [(0, 1), (1, 2), (2, 3), (1, 4), (4, 5), (5, 6)])
TAGGED = replace(BLOCK, private=np.array([False, False, False, True, False, False]))


def test_who_lives_along_an_unmarked_path_inside_a_compound_comes_out() -> None:
    home, counter = worlds.people([(150, 88)]), worlds.outlets([(0, 0)])
    assert measure_coverage(TAGGED, home, counter).unreached.tolist() == [True]
    network, enclosed = enclose_lanes(TAGGED)
    assert enclosed.tolist() == [False] * 4 + [True] * 2
    now = measure_coverage(network, home, counter)
    assert now.walk_s == pytest.approx([100 + np.hypot(50, 50) + 38], abs=0.1)


def test_a_counter_there_stands_on_the_street_outside() -> None:
    home, counter = worlds.people([(0, 0)]), worlds.outlets([(170, 90)])
    assert measure_coverage(TAGGED, home, counter).unreached.tolist() == [True]
    network, _ = enclose_lanes(TAGGED)
    assert measure_coverage(network, home, counter).walk_s == pytest.approx([170 + 1.3 * 90], abs=0.1)


def test_nobody_passes_through_for_that() -> None:
    # The path goes on to a second street: then it is no lane of the compound, but a short cut of everybody's.
    more = worlds.network([*STREET, *COMPOUND, (190, 250)], [(0, 1), (1, 2), (2, 3), (1, 4), (4, 5), (5, 6), (6, 7)])
    through = replace(more, private=np.array([False, False, False, True, False, False, True]))
    network, enclosed = enclose_lanes(through)
    assert enclosed.tolist() == [False] * 4 + [True] * 2 + [False]
    home = worlds.people([(190, 250)])
    assert measure_coverage(network, home, worlds.outlets([(0, 0)])).walk_s[0] < 700  # all of it is one compound
    outside = replace(more, private=np.array([False] * 3 + [True] + [False] * 3))
    assert enclose_lanes(outside)[1].tolist() == [False] * 4 + [True] * 3


def test_a_town_behind_a_private_road_stays_public() -> None:
    chain = [(100.0 * i, 0.0) for i in range(400)]
    whole = worlds.network(chain, [(i, i + 1) for i in range(399)])
    behind = replace(whole, private=np.arange(399) == 250)  # 25 km before it and 14.8 km behind
    assert not enclose_lanes(behind)[1].any()
    few = replace(whole, private=np.arange(399) == 350)  # 4.8 km behind
    assert enclose_lanes(few)[1].sum() == 48
    assert enclose_lanes(whole)[0] is whole


def test_an_island_with_a_private_drive_stays_public() -> None:
    # The town is a street of 6 km; the island, 1 km away, 3.9 km of street and a private drive. All live on the island.
    town, island = [(100.0 * i, 0.0) for i in range(61)], [(100.0 * i, 1_000.0) for i in range(40)]
    edges = [*((i, i + 1) for i in range(60)), *((61 + i, 62 + i) for i in range(39)), (70, 101)]
    world = worlds.network([*town, *island, (900.0, 1_040.0)], edges)
    world = replace(world, private=np.arange(len(edges)) == len(edges) - 1)
    network, enclosed = enclose_lanes(world)
    assert not enclosed.any()
    homes = worlds.people([(950, 1_005), (905, 1_035)], [1_000, 1], setting="rural")
    now = measure_coverage(network, homes, worlds.outlets([(0, 0)]))
    assert now.unreached.all()
    assert measure_coverage(network, homes, worlds.outlets([(1_900, 1_000)])).covered.all()
    ferry = worlds.network([*town, *island, (900.0, 1_040.0)], [*edges, (9, 70)])  # a private way to the town
    lanes = replace(ferry, private=np.arange(len(edges) + 1) >= len(edges) - 1)
    assert enclose_lanes(lanes)[1].sum() == 39


pairs = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.booleans()), min_size=1, max_size=20)


@given(pairs)
def test_lanes_and_sealed_parts_are_those_of_networkx(edges: list[tuple[int, int, bool]]) -> None:
    network = replace(
        worlds.network([(10.0 * i, 7.0 * (i % 3)) for i in range(12)], [(u, v) for u, v, _ in edges]),
        private=np.array([private for *_, private in edges]),
    )
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(12))
    graph.add_edges_from((u, v) for u, v, private in edges if not private)
    parts = list(nx.connected_components(graph))
    metres = [
        sum(m for (u, _, private), m in zip(edges, network.length_m, strict=True) if not private and u in part)
        for part in parts
    ]
    main = parts[int(np.argmax(metres))]
    whole: nx.Graph[int] = nx.Graph(graph)
    whole.add_edges_from((u, v) for u, v, _ in edges)
    reached = nx.node_connected_component(whole, min(main))
    lanes = [
        part is not main and part <= reached and any(private and not {u, v}.isdisjoint(part) for u, v, private in edges)
        for part in parts
    ]
    part_of = {n: i for i, part in enumerate(parts) for n in part}
    expected = [not private and lanes[part_of[u]] for u, _, private in edges]
    if sorted(metres)[-2] < max(metres) - 1e-6:  # of two longest either may be the street
        assert enclose_lanes(network)[1].tolist() == expected
    graph.add_edges_from((u, v) for u, v, _ in edges)
    sealed = [
        all(private for a, _, private in edges if a in nx.node_connected_component(graph, u)) for u, _, _ in edges
    ]
    assert sealed_edges(network).tolist() == sealed


def test_a_study_says_what_it_made_private_and_who_lives_behind_a_missing_gate(town: Path, cache: Path) -> None:
    north = 1 / 110_860.0
    nodes = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    nodes += [node(10 + i, 108.2 + STEP_DEG, 30.5 + y * north) for i, y in enumerate((40, 80))]
    nodes += [node(20 + i, 108.2 + (3 + x) * STEP_DEG, 30.5 + 300 * north) for i, x in enumerate((0, 0.1))]
    private = {"highway": "service", "access": "private"}
    ways = [way(1, [1, 2, 3, 4, 5]), way(2, [2, 10], private), way(3, [10, 11], {"highway": "footway"})]
    bus = relation(9, [("way", 1, "")], {"type": "route"})
    write_osm(town.parent / "roads.osm", *nodes, *ways, way(4, [20, 21], private), bus)
    rows = [("lane", 1, 75, 20), ("sealed", 3.05, 310, 80), ("street", 2, 150, 7)]
    text = "".join(f"{i},{108.2 + x * STEP_DEG:.7f},{30.5 + y * north:.7f},{n},urban\n" for i, x, y, n in rows)
    (town.parent / "people.csv").write_text("id,lon,lat,population,setting\n" + text, encoding="utf-8")
    study = acc.read_study(town, cache=cache)
    said = {finding.code: finding for finding in study.findings}
    assert said["enclosed-lanes"].message.startswith("1 edges, 0.0 km, are public by tag, but")
    now = study.coverage()
    assert now.unreached_people == 0
    assert now.walk_s == pytest.approx([575, 1_525 + 1.3 * 310, 1_000 + 1.3 * 150], rel=5e-3)
    table = measure_quality(study, now).table.set_index("code")
    gate = table.loc["gate-missing"]
    assert (gate["people"], gate["count"]) == (80, 1)
    assert gate["points_of_coverage"] == pytest.approx(100 * 80 / 107)
    assert table.loc["street-missing", "people"] == 7


@pytest.mark.parametrize("links", [0, 5, 60, 400])
def test_components_are_numbered_as_scipy_numbers_them(links: int) -> None:
    rng = np.random.default_rng(links)
    one, other = rng.integers(0, 120, (2, links))
    graph = coo_array((np.ones(links), (one, other)), shape=(120, 120))
    assert label_components(120, one, other).tolist() == connected_components(graph, directed=False)[1].tolist()
