"""Streets that cross without a junction: found on the ground, and worth what joining them is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import networkx as nx
import numpy as np
import pytest
import shapely
import worlds
from conftest import STEP_DEG
from osmfiles import node, relation, way, write_osm

import accessibility as acc
from accessibility import Network
from accessibility.geo.arrays import meeting_pairs
from accessibility.quality import measure_quality
from accessibility.streets.pieces import find_crossings, join_crossings

if TYPE_CHECKING:
    from pathlib import Path

CROSS = worlds.network([(0, 0), (100, 0), (40, -50), (40, 50)], [(0, 1), (2, 3)])
TOUCH = worlds.network([(0, 0), (100, 0), (40, 0), (40, 50)], [(0, 1), (2, 3)])


def metres(network: Network, one: int, other: int) -> float:
    graph = network.to_networkx()
    try:
        return float(nx.shortest_path_length(graph, one, other, weight="length"))
    except nx.NetworkXNoPath:
        return float("inf")


@pytest.mark.parametrize(("world", "walk"), [(CROSS, 90.0), (TOUCH, 90.0)])
def test_streets_that_cross_or_touch_are_joined_where_they_do(world: Network, walk: float) -> None:
    found = find_crossings(world)
    assert (found.xy - worlds.ORIGIN).tolist() == [[40.0, 0.0]]
    assert np.isinf(metres(world, 0, 3))
    joined = join_crossings(world, found)
    assert metres(joined, 0, 3) == pytest.approx(walk)
    assert joined.length_m.sum() == pytest.approx(world.length_m.sum())


def test_bridges_ways_across_squares_and_the_two_sides_of_a_gate_are_apart_on_purpose() -> None:
    one = np.array([False, True])
    assert not len(find_crossings(replace(CROSS, off_ground=one)))
    assert not len(find_crossings(replace(CROSS, across=one)))
    outlines = replace(CROSS, outline=np.array([True, True]))
    assert not len(find_crossings(outlines))
    assert len(find_crossings(replace(CROSS, outline=np.array([True, False])))) == 1
    gate = worlds.network([(0, 0), (50, 0), (50, 0), (90, 0)], [(0, 1), (2, 3)])
    assert not len(find_crossings(replace(gate, node_ids=np.array([1, 2, 2, 3]))))
    assert metres(join_crossings(gate, find_crossings(gate)), 0, 3) == pytest.approx(90)  # two nodes drawn in one place


@pytest.mark.parametrize("seed", range(20))
def test_joined_streets_are_what_shapely_makes_of_their_union(seed: int) -> None:
    drawn = np.random.default_rng(seed).uniform(0, 400, (14, 2))
    ends = range(7)
    world = worlds.network(drawn.tolist(), [(2 * i, 2 * i + 1) for i in ends])
    joined = join_crossings(world, find_crossings(world))
    union = shapely.get_parts(shapely.union_all(world.lines()))
    assert np.sort(joined.length_m) == pytest.approx(np.sort(shapely.length(union)), abs=1e-6)
    assert [line.length for line in joined.lines()] == pytest.approx(joined.length_m, abs=1e-6)


@pytest.mark.parametrize("predicate", [None, "intersects"])
def test_pairs_that_meet_are_those_of_a_look_at_all(predicate: Literal["intersects"] | None) -> None:
    drawn = np.random.default_rng(5).uniform(0, 3_000, (600, 2))
    shapes = np.array([shapely.LineString([at, (at[0] + 200, at[1] + 150)]) for at in drawn])
    many = np.concatenate([shapes, shapes[:300]])
    one, other = meeting_pairs(shapely.STRtree(many), predicate)
    first, second = np.triu_indices(len(many), 1)
    alike = many if predicate else shapely.envelope(many)
    wanted = shapely.intersects(alike[first], alike[second])
    assert sorted(zip(one, other, strict=True)) == [*zip(first[wanted], second[wanted], strict=True)]


def test_a_street_that_is_drawn_again_and_again_is_refused_before_it_fills_the_memory() -> None:
    turns = worlds.network([(0, 0), (100, 0)], [(0, 1)] * 3_000)
    with pytest.raises(acc.InputError, match=r"3,000 shapes meet one another in more than 1,900,000 pairs"):
        find_crossings(turns)
    few = worlds.network([(0, 0), (100, 0)], [(0, 1)] * 30)
    assert not len(find_crossings(few))


def test_check_tells_what_a_missing_junction_is_worth(town: Path, cache: Path) -> None:
    # The counter is on the street; 40 people live along a path that crosses it without a node.
    north = 1 / 110_860.0
    street = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    path = [node(10 + i, 108.2 + 1.5 * STEP_DEG, 30.5 + y * north) for i, y in enumerate((-600, 600))]
    bus = relation(9, [("way", 1, "")], {"type": "route"})
    ways = (way(1, [1, 2, 3, 4, 5]), way(2, [10, 11], {"highway": "footway"}))
    write_osm(town.parent / "roads.osm", *street, *path, *ways, bus)
    rows = [("path", 1.5, 500, 40), ("street", 1, 10, 60)]
    text = "".join(f"{i},{108.2 + x * STEP_DEG:.7f},{30.5 + y * north:.7f},{n},urban\n" for i, x, y, n in rows)
    (town.parent / "people.csv").write_text("id,lon,lat,population,setting\n" + text, encoding="utf-8")
    study = acc.read_study(town, cache=cache)
    now = study.coverage()
    found = measure_quality(study, now).table.set_index("code").loc["unjoined-crossing"]
    assert found["count"] == 1
    joined = join_crossings(study.network, find_crossings(study.network))
    then = acc.measure_coverage(joined, study.demand, study.sites, now.standard, now.walker)
    assert found["points_of_coverage"] == pytest.approx(100 * (then.share - now.share))
    assert then.walk_s[0] < now.walk_s[0] or np.isnan(now.walk_s[0])


def test_check_tells_whose_way_to_the_street_crosses_water(town: Path, cache: Path) -> None:
    north = 1 / 110_860.0
    street = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    street.append(node(6, 108.2 + 4 * STEP_DEG, 30.5 + 300 * north))
    shore = [(0.5, 50), (1.5, 50), (1.5, 120), (0.5, 120)]
    lake = [node(20 + i, 108.2 + x * STEP_DEG, 30.5 + y * north) for i, (x, y) in enumerate(shore)]
    ways = (way(1, [1, 2, 3, 4, 5, 6]), way(2, [20, 21, 22, 23, 20], {"natural": "water"}))
    write_osm(town.parent / "roads.osm", *street, *lake, *ways, relation(9, [("way", 1, "")], {"type": "route"}))
    rows = [("over", 1, 200, 30), ("beside", 2, 200, 70)]
    text = "".join(f"{i},{108.2 + x * STEP_DEG:.7f},{30.5 + y * north:.7f},{n},urban\n" for i, x, y, n in rows)
    (town.parent / "people.csv").write_text("id,lon,lat,population,setting\n" + text, encoding="utf-8")
    table = measure_quality(acc.read_study(town, cache=cache)).table.set_index("code")
    assert table.loc["leg-over-water", "people"] == 30
