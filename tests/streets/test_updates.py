"""Openings and closings one at a time against a search from scratch, and against networkx."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import REAL_DATA
from hypothesis import given, settings
from hypothesis import strategies as st
from searchworlds import World, oracle, stops, worlds

from accessibility import InputError, Walker
from accessibility.sources.osm.extracts import read_network
from accessibility.streets import search
from accessibility.streets.search.packing import build_arcs, build_graph

if TYPE_CHECKING:
    from pathlib import Path


def standing_of(world: World, is_open: list[bool], limit: int | None = None) -> search.Standing:
    arcs = build_arcs(world.network, world.impedance)
    return search.stand(arcs, stops(world.sites), np.array(is_open, bool), stops(world.people), limit=limit)


def same(one: search.Standing, other: search.Standing) -> bool:
    return (
        np.array_equal(one.labels, other.labels)
        and np.array_equal(one.found, other.found)
        and np.array_equal(one.is_open, other.is_open)
    )


@settings(max_examples=100)
@given(worlds())
def test_a_standing_from_scratch_equals_networkx(world: World) -> None:
    cost, owner = search.split_labels(standing_of(world, [True] * len(world.sites)).found)
    answers = [None if o < 0 else (int(c), int(o)) for c, o in zip(cost, owner, strict=True)]
    assert answers == oracle(world)


@settings(max_examples=100)
@given(worlds(), st.integers(0, 300) | st.none(), st.data())
def test_any_sequence_equals_a_search_from_scratch_and_undoes(
    world: World, limit: int | None, data: st.DataObject
) -> None:
    count = len(world.sites)
    is_open = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    standing = standing_of(world, is_open, limit)
    first = standing_of(world, is_open, limit)
    changes = []
    for row in data.draw(st.lists(st.integers(0, max(count - 1, 0)), max_size=8 if count else 0)):
        changes.append((search.close_site if is_open[row] else search.open_site)(standing, row))
        is_open[row] = not is_open[row]
        assert same(standing, standing_of(world, is_open, limit))
    for change in reversed(changes):
        search.undo_change(standing, change)
    assert same(standing, first)


@pytest.mark.parametrize("seed", range(6))
def test_long_sequences_on_a_mesh_equal_the_eliminating_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes, count = 300, 600
    world = World(
        nodes,
        [(int(u), int(v)) for u, v in rng.integers(0, nodes, (count, 2))],
        rng.integers(0, 1_000, count).tolist(),
        rng.integers(0, 1_000, count).tolist(),
        (rng.random(count) < 0.1).tolist(),
        [],
        [(int(e), float(rng.random()), int(rng.integers(50))) for e in rng.integers(0, count, 200)],
    )
    street = [e for e in range(count) if not world.private[e]]
    sites = [(int(e), float(rng.random()), int(rng.integers(50))) for e in rng.choice(street, 40)]
    is_open = rng.random(40) < 0.5
    graph, arcs = build_graph(world.network, world.impedance), build_arcs(world.network, world.impedance)
    standing = search.stand(arcs, stops(sites), is_open, stops(world.people))
    for row in rng.integers(0, 40, 200).tolist():
        (search.close_site if is_open[row] else search.open_site)(standing, row)
        is_open[row] = not is_open[row]
        whole = stops(sites)
        counting = search.Stops(
            edge=np.where(is_open, whole.edge, np.int32(-1)), fraction=whole.fraction, leg=whole.leg
        )
        found = search.read_labels(graph, search.nearest(graph, counting), counting, stops(world.people))
        assert np.array_equal(standing.found, found)


@settings(max_examples=30)
@given(worlds(), st.data())
def test_sites_that_are_placed_later_count_as_if_they_had_been_there(world: World, data: st.DataObject) -> None:
    known = data.draw(st.integers(0, len(world.sites)))
    arcs, everyone, sites = build_arcs(world.network, world.impedance), stops(world.people), stops(world.sites)
    before = stops(world.sites[:known])
    standing = search.stand(arcs, before, np.ones(known, bool), everyone)
    rows = np.arange(known, len(world.sites))
    later = search.Stops(edge=sites.edge[known:], fraction=sites.fraction[known:], leg=sites.leg[known:])
    grown = search.place_sites(standing, rows, later)
    changes = [search.open_site(grown, int(row)) for row in rows]
    assert same(grown, search.stand(arcs, sites, np.ones(len(world.sites), bool), everyone))
    for change in reversed(changes):
        search.undo_change(grown, change)
    assert same(search.drop_sites(grown, known), search.stand(arcs, before, np.ones(known, bool), everyone))


def test_what_is_open_does_not_open_nor_what_is_open_move() -> None:
    world = World(2, [(0, 1)], [100], [100], [False], [(0, 0.0, 0), (0, 1.0, 0)], [(0, 0.5, 0)])
    standing = standing_of(world, [True, False])
    before: list[Any] = [standing.labels.copy(), standing.found.copy(), standing.is_open.copy()]
    with pytest.raises(InputError, match="site row 0 is open already; expected one that is closed"):
        search.open_site(standing, 0)
    with pytest.raises(InputError, match="site row 1 is closed already; expected one that is open"):
        search.close_site(standing, 1)
    with pytest.raises(InputError, match="cannot be placed among 2; expected closed or new ones"):
        search.place_sites(standing, np.array([0]), stops([(0, 0.5, 0)]))
    with pytest.raises(InputError, match="cannot be placed among 2"):
        search.place_sites(standing, np.array([5]), stops([(0, 0.5, 0)]))
    after = [standing.labels, standing.found, standing.is_open]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.real
def test_hundreds_of_changes_in_porto_equal_the_eliminating_search(cache: Path) -> None:
    path = REAL_DATA / "porto" / "porto-metro-2015.osm.pbf"
    if not path.is_file():
        pytest.skip("the real data are not beside the project")
    network = read_network(path, cache_dir=cache)[0]
    rng = np.random.default_rng(4)
    street = np.flatnonzero(~network.private)
    sites = random_stops(rng, rng.choice(street, 300))
    people = random_stops(rng, rng.integers(0, len(network.edges), 20_000))
    impedance = network.impedance(Walker())
    graph, arcs = build_graph(network, impedance), build_arcs(network, impedance)
    is_open = rng.random(300) < 0.4
    standing = search.stand(arcs, sites, is_open, people)
    begun, changes = standing.found.copy(), []
    for step, row in enumerate(rng.integers(0, 300, 400).tolist()):
        changes.append((search.close_site if is_open[row] else search.open_site)(standing, row))
        is_open[row] = not is_open[row]
        if step % 20 == 19:
            counting = replace(sites, edge=np.where(is_open, sites.edge, np.int32(-1)))
            found = search.read_labels(graph, search.nearest(graph, counting), counting, people)
            assert np.array_equal(standing.found, found)
    for change in reversed(changes):
        search.undo_change(standing, change)
    assert np.array_equal(standing.found, begun)


def random_stops(rng: np.random.Generator, edge: Any) -> search.Stops:
    """Return somebody at a random place on each edge, up to 20 m from it."""
    n = len(edge)
    return search.Stops(
        edge=edge.astype(np.int32), fraction=rng.random(n), leg=rng.integers(0, 20_000, n).astype(np.uint32)
    )
