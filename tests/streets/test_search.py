"""The kernels against networkx on the same integers, every edge cut at every point on it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from searchworlds import World, oracle, stops, worlds

from accessibility import Network, Walker
from accessibility.streets import search
from accessibility.streets.search.elimination import IMPASSABLE, eliminate
from accessibility.streets.search.packing import build_arcs, build_graph, hilbert_rank, order_arcs
from accessibility.streets.search.wiring import wire


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_nearest_equals_networkx_with_owners(world: World) -> None:
    """On junctions eliminated, and on streets as they are, whose arcs were put in order before they cost anything."""
    rank = hilbert_rank(world.network.node_xy)
    expected, sites = oracle(world), stops(world.sites)
    for order in (None, order_arcs(world.network, rank)):
        graph = build_graph(world.network, world.impedance, rank=rank, order=order)
        labels = search.read_labels(graph, search.nearest(graph, sites), sites, stops(world.people))
        cost, owner = search.split_labels(labels)
        assert [None if o < 0 else (int(c), int(o)) for c, o in zip(cost, owner, strict=True)] == expected


@settings(max_examples=100, deadline=None)
@given(worlds(), st.data())
def test_catchments_equal_networkx_pair_by_pair(world: World, data: st.DataObject) -> None:
    n = len(world.people)
    cutoff = data.draw(st.lists(st.integers(0, 100) | st.integers(0, 20_000), min_size=n, max_size=n))
    arcs = build_arcs(world.network, world.impedance)
    start, person, cost = search.catchments(arcs, stops(world.sites), stops(world.people), np.array(cutoff, np.uint32))
    found = [{int(p): int(c) for p, c in zip(person[a:b], cost[a:b], strict=True)} for a, b in pairwise(start.tolist())]
    alone = [oracle(replace(world, sites=[site])) for site in world.sites]
    expected = [{i: a[0] for i, a in enumerate(answers) if a and a[0] <= cutoff[i]} for answers in alone]
    assert found == expected
    assert all((np.diff(person[a:b]) > 0).all() for a, b in pairwise(start.tolist()))


@settings(max_examples=30, deadline=None)
@given(worlds(), st.data())
def test_many_sites_searched_together_equal_each_alone(world: World, data: st.DataObject) -> None:
    """Those of a few worlds again and again: enough that all junctions are worth eliminating."""
    n = len(world.people)
    farthest = st.integers(0, 20_000) | st.just(2**32 - 1)
    cutoff = np.array(data.draw(st.lists(farthest, min_size=n, max_size=n)), np.uint32)
    arcs = build_arcs(world.network, world.impedance)
    people, sites = stops(world.people), stops(world.sites * 30)
    start, *pairs = search.catchments(arcs, stops(world.sites), people, cutoff)
    assert sorted(arcs.ladder.place.tolist()) == list(range(len(arcs)))
    many, *found = search.catchments(arcs, sites, people, cutoff)
    assert np.diff(many).tolist() == np.diff(start).tolist() * 30
    for part, others in zip(pairs, found, strict=True):
        assert others.tolist() == part.tolist() * 30


def by_both(arcs: Any, places: Any, limits: tuple[int, int]) -> list[dict[int, list[int]]]:
    """Return, by site, what the way of each person costs by two measures, searched in one pass."""
    people, sites = places
    start, *pairs = search.catchments_by_both(search.Attached.of(arcs, (people, people)), (sites, sites), limits)
    rows = list(zip(*(part.tolist() for part in pairs), strict=True))
    return [{person: costs for person, *costs in rows[a:b]} for a, b in pairwise(start.tolist())]


@settings(max_examples=40, deadline=None)
@given(worlds(), st.tuples(*[st.integers(0, 100) | st.integers(0, 20_000)] * 2), st.data())
def test_one_pass_by_two_measures_equals_networkx_by_each(world: World, limits: Any, data: st.DataObject) -> None:
    """Whatever the other measure says: it need not be alike."""
    several = len(world.edges)
    cost = data.draw(st.lists(st.integers(0, 9_000), min_size=2 * several, max_size=2 * several))
    against = [int(IMPASSABLE) if a == IMPASSABLE else b for a, b in zip(world.against, cost[several:], strict=True)]
    other = replace(world, along=cost[:several], against=against)
    arcs = tuple(build_arcs(world.network, of.impedance) for of in (world, other))
    found = by_both(arcs, (stops(world.people), stops(world.sites)), limits)
    for site, people in zip(world.sites, found, strict=True):
        pairs = zip(*(oracle(replace(of, sites=[site])) for of in (world, other)), strict=True)
        ways = {i: [a[0], b[0]] for i, (a, b) in enumerate(pairs) if a and b and a[0] <= limits[0]}
        assert people == {i: [a, b if b <= limits[1] else int(search.UNKNOWN)] for i, (a, b) in ways.items()}


def test_one_pass_by_two_measures_equals_two_passes_where_many_junctions_wait() -> None:
    at, rng = np.arange(1_600).reshape(40, 40), np.random.default_rng(5)
    streets = np.concatenate(
        [np.stack(pair, -1).reshape(-1, 2) for pair in ((at[1:], at[:-1]), (at[:, 1:], at[:, :-1]))]
    )
    xy, length = np.stack(np.divmod(np.arange(1_600), 40), -1) * 100.0, rng.uniform(100, 180, (2, len(streets)))
    costs = [Network(node_xy=xy, edges=streets, length_m=m, crs=CRS.from_epsg(32649)) for m in length]
    arcs = tuple(build_arcs(town, town.impedance()) for town in costs)
    people, sites = (
        stops([(edge, 0.3, 7) for edge in range(0, len(streets), 3)]),
        stops([(9, 0.5, 0), (1_400, 0.2, 90)]),
    )
    limits = (250_000, 220_000)
    first, second = (
        search.catchments(of, sites, people, np.full(len(people.edge), most, np.uint32))
        for of, most in zip(arcs, limits, strict=True)
    )
    for s, found in enumerate(by_both(arcs, (people, sites), limits)):
        near, known = (
            dict(zip(*(part[start[s] : start[s + 1]].tolist() for part in pairs), strict=True))
            for start, *pairs in (first, second)
        )
        assert found == {i: [cost, known.get(i, int(search.UNKNOWN))] for i, cost in near.items()}
        assert 100 < len(set(near) & set(known)) < len(near) < len(people.edge)


def test_junctions_are_eliminated_for_many_far_searches_alone() -> None:
    at = np.arange(900).reshape(30, 30)
    streets = np.concatenate(
        [np.stack(pair, -1).reshape(-1, 2) for pair in ((at[1:], at[:-1]), (at[:, 1:], at[:, :-1]))]
    )
    xy = np.stack(np.divmod(np.arange(900), 30), -1) * 100.0
    town = Network(node_xy=xy, edges=streets, length_m=np.full(len(streets), 100.0), crs=CRS.from_epsg(32649))
    far, near = np.array([2**31 - 2], np.uint32), np.array([90_000], np.uint32)
    for several, cutoff, worth in ((50, far, True), (18, far, False), (50, near, False)):
        arcs = build_arcs(town, town.impedance(Walker()))
        places = [(edge, 0.5, 0) for edge in range(several)]
        search.catchments(arcs, stops(places), stops([(0, 0.25, 0)]), cutoff)
        assert ("ladder" in vars(arcs)) is worth


@settings(max_examples=100, deadline=None)
@given(worlds(), st.integers(0, 100) | st.integers(0, 20_000), st.randoms(use_true_random=False))
def test_a_graph_priced_twice_equals_networkx_up_to_the_limit(world: World, limit: int, random: Any) -> None:
    wiring, sites = wire(world.network), stops(world.sites)
    for _ in range(2):
        graph = wiring.priced(world.impedance)
        labels = search.nearest(graph, sites, limit=limit)
        found = search.split_labels(search.read_labels(graph, labels, sites, stops(world.people)))
        near = [None if o < 0 or c > limit else (int(c), int(o)) for c, o in zip(*found, strict=True)]
        assert near == [None if a is None or a[0] > limit else a for a in oracle(world)]
        # Some ways are closed then, and others cost something else.
        along = [random.choice([cost, random.randint(0, 90)]) for cost in world.along]
        against = [random.choice([cost, int(IMPASSABLE), random.randint(0, 90)]) for cost in along]
        world = replace(world, along=along, against=against)


@settings(max_examples=50, deadline=None)
@given(worlds())
def test_plain_arcs_turned_round_twice_are_the_same(world: World) -> None:
    arcs = build_arcs(world.network, world.impedance)
    back = arcs.turned()
    forth = back.turned()
    assert np.array_equal(forth.start, arcs.start)
    for a, b in pairwise(arcs.start.tolist()):
        assert sorted(forth.arcs[a:b]) == sorted(arcs.arcs[a:b])
    assert len(back.arcs) == len(arcs.arcs)


@settings(max_examples=50, deadline=None)
@given(worlds(), st.integers(0, 200))
def test_a_limit_changes_nothing_within_it(world: World, limit: int) -> None:
    graph = build_graph(world.network, world.impedance)
    sites = stops(world.sites)
    free, bounded = search.nearest(graph, sites), search.nearest(graph, sites, limit=limit)
    within = search.split_labels(free)[0] <= limit
    assert np.array_equal(bounded[within], free[within])
    assert (search.split_labels(bounded)[0][~within] == search.UNREACHED).all()


@settings(max_examples=50, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_renumbering_nodes_changes_no_cost(world: World, random: Any) -> None:
    rows = list(range(world.nodes))
    random.shuffle(rows)
    renumbered = World(
        world.nodes,
        [(rows[u], rows[v]) for u, v in world.edges],
        world.along,
        world.against,
        world.private,
        world.sites,
        world.people,
    )
    assert oracle(world) == [None if o < 0 else (int(c), int(o)) for c, o in zip(*_answers(renumbered), strict=True)]


def _answers(world: World) -> tuple[Any, Any]:
    graph = build_graph(world.network, world.impedance)
    sites = stops(world.sites)
    return search.split_labels(search.read_labels(graph, search.nearest(graph, sites), sites, stops(world.people)))


def test_costs_beyond_what_can_be_counted_are_unreached_not_wrapped() -> None:
    huge = int(IMPASSABLE) - 1
    world = World(
        3, [(0, 1), (1, 2)], [huge, huge], [huge, huge], [False, False], [(0, 0.0, 0)], [(0, 1.0, 0), (1, 1.0, 0)]
    )
    cost, owner = _answers(world)
    assert cost.tolist() == [huge, int(search.UNREACHED)]
    assert owner.tolist() == [0, -1]


def test_hilbert_neighbours_stay_close() -> None:
    side = 16
    xy = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2).astype(float) * 65_535 / (side - 1)
    rank = hilbert_rank(xy)
    assert sorted(rank) == list(range(side * side))
    path = xy[np.argsort(rank)] * (side - 1) / 65_535
    assert np.allclose(np.abs(np.diff(path, axis=0)).sum(axis=1), 1)  # the curve goes from cell to neighbouring cell


@settings(max_examples=50, deadline=None)
@given(worlds())
def test_elimination_takes_out_every_low_degree_node_once(world: World) -> None:
    rank = np.arange(world.nodes, dtype=np.uint32)
    hierarchy = eliminate(world.network.edges, rank, world.impedance)
    assert sorted(hierarchy.place.tolist()) == list(range(world.nodes))
    rows = np.arange(len(hierarchy.neighbour))[:, None]
    assert (hierarchy.neighbour >= rows).all()  # what is handed up goes to what was taken out later


@pytest.mark.parametrize("seed", range(12))
def test_meshes_with_a_core_equal_networkx(seed: int) -> None:
    """Streets dense enough that junctions of three neighbours are eliminated and a core is left; in half, many ties."""
    rng = np.random.default_rng(seed)
    nodes, count = 120, 200 + 20 * seed
    edges = [(int(u), int(v)) for u, v in rng.integers(0, nodes, (count, 2))]
    along = rng.integers(0, 1_000 if seed % 2 else 4, count).tolist()
    against = np.where(rng.random(count) < 0.2, int(IMPASSABLE), along).tolist()
    private = (rng.random(count) < 0.2).tolist()
    on_street = [e for e in range(count) if not private[e]]
    sites = [(int(e), float(rng.random()), int(rng.integers(50))) for e in rng.choice(on_street, 5)]
    people = [(int(e), float(rng.random()), int(rng.integers(50))) for e in rng.integers(0, count, 40)]
    world = World(nodes, edges, along, against, private, sites, people)
    graph = build_graph(world.network, world.impedance)
    hierarchy = graph.hierarchy
    own = np.arange(len(hierarchy.neighbour))[:, None]
    assert ((hierarchy.neighbour != own).sum(axis=1) == 3).any()
    assert len(hierarchy.start) > 10
    assert oracle(world) == [None if o < 0 else (int(c), int(o)) for c, o in zip(*_answers(world), strict=True)]
    free = search.nearest(graph, stops(sites))
    cost = search.split_labels(free)[0]
    for limit in np.unique(cost[cost < search.UNREACHED])[::25].tolist():  # what costs just as much is within it
        assert np.array_equal(search.nearest(graph, stops(sites), limit=limit)[cost <= limit], free[cost <= limit])
    everyone = np.full(len(people), search.UNREACHED, np.uint32)
    pairs = search.catchments(build_arcs(world.network, world.impedance), stops(sites), stops(people), everyone)
    alone = [oracle(replace(world, sites=[site])) for site in sites]
    expected = [(p, answer[0]) for answers in alone for p, answer in enumerate(answers) if answer]
    assert list(zip(pairs[1].tolist(), pairs[2].tolist(), strict=True)) == expected
