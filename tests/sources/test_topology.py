"""Ways into edges, on towns small enough to split by hand, and against a plain-Python splitter."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from accessibility.errors import InputError
from accessibility.sources.osm.topology import E7, NOWHERE, MarkedNodes, Ways, build_network

if TYPE_CHECKING:
    from accessibility.streets.network import Network

GEOD = Geod(ellps="WGS84")
Chain = tuple[int, ...]
# A grid of places 0.001 degrees apart: node 23 stands at 2 east, 3 north.
PLACES = {10 * x + y: (9.5 + x / 1000, 47.1 + y / 1000) for x in range(5) for y in range(5)}


def ways_of(chains: list[Chain], *, oneway: list[int] | None = None, lost: tuple[int, ...] = ()) -> Ways:
    flat = np.array([ref for chain in chains for ref in chain])
    ids, refs = np.unique(flat, return_inverse=True)
    lonlat = [(NOWHERE, NOWHERE) if i in lost else tuple(round(c * E7) for c in PLACES[i]) for i in ids.tolist()]
    return Ways(
        node_ids=ids.astype(np.int64),
        lonlat_e7=np.array(lonlat, np.int32).reshape(-1, 2),
        refs=refs.astype(np.int32),
        start=np.cumsum([0, *map(len, chains)]).astype(np.int64),
        kind=np.zeros(len(chains), np.uint8),
        oneway=np.array(oneway or [0] * len(chains), np.int8),
        kinds=("road",),
    )


def step_m(a: int, b: int) -> float:
    return float(GEOD.inv(*PLACES[a], *PLACES[b])[2])


def length_m(chain: Chain) -> float:
    return sum(step_m(a, b) for a, b in pairwise(chain))


def edge_chains(network: Network) -> list[Chain]:
    """Node ids along every edge, found again by their places in the network's own projection."""
    straight = build_network(ways_of([tuple(PLACES)]), crs=network.crs)
    at = {tuple(np.round(xy, 3)): i for i, xy in zip(PLACES, straight.shape_xy, strict=True)}
    return [tuple(at[tuple(np.round(xy, 3))] for xy in network.shape_xy[a:b]) for a, b in pairwise(network.shape_start)]


def split_by_hand(chains: list[Chain], oneway: list[int], lost: set[int], blocked: set[int]) -> Counter[Chain]:
    """Apply the same rules, one node at a time."""
    clean = [tuple(c for i, c in enumerate(chain) if i == 0 or c != chain[i - 1]) for chain in chains]
    uses = Counter(ref for chain in clean for ref in chain)
    found: Counter[Chain] = Counter()
    for chain, direction in zip(clean, oneway, strict=True):
        run: list[int] = []
        for ref in (*chain, None):
            if ref is None or ref in lost:
                pieces, run = [run], []
            else:
                run.append(ref)
                if len(run) == 1 or (uses[ref] == 1 and ref not in blocked):
                    continue
                pieces, run = [run], [ref]
            for piece in pieces:
                if len(piece) > 1:
                    found[tuple(piece[::-1] if direction < 0 else piece)] += 1
    return found


def test_ways_split_where_they_share_a_node() -> None:
    network = build_network(ways_of([(0, 10, 20), (11, 10)]))
    assert sorted(edge_chains(network)) == [(0, 10), (10, 20), (11, 10)]
    assert sorted(network.node_ids) == [0, 10, 11, 20]


def test_ways_that_cross_without_a_shared_node_stay_apart() -> None:
    network = build_network(ways_of([(1, 11, 21), (10, 12)]))  # a bridge over node 11's street
    assert network.component_sizes.tolist() == [2, 2]


def test_a_way_that_crosses_itself_is_split_there() -> None:
    network = build_network(ways_of([(0, 11, 22, 21, 11, 1)]))
    assert sorted(edge_chains(network)) == [(0, 11), (11, 1), (11, 22, 21, 11)]


def test_a_square_remains_as_its_outline() -> None:
    square = (0, 10, 11, 1, 0)
    network = build_network(ways_of([square]))
    assert network.edges.tolist() == [[0, 0]]
    assert network.length_m.sum() == pytest.approx(length_m(square), abs=1e-3)


def test_a_square_is_split_where_streets_enter() -> None:
    network = build_network(ways_of([(0, 10, 11, 1, 0), (11, 22)]))
    assert sorted(edge_chains(network)) == [(0, 10, 11), (11, 1, 0), (11, 22)]


def test_parallel_edges_are_kept() -> None:
    network = build_network(ways_of([(0, 10, 20), (0, 1, 20)]))
    assert len(network.edges) == 2


def test_one_way_edges_point_where_people_may_walk() -> None:
    network = build_network(ways_of([(0, 1, 2), (10, 11, 12), (20, 21)], oneway=[1, -1, 0]))
    assert sorted(edge_chains(network)) == [(0, 1, 2), (12, 11, 10), (20, 21)]
    ends = {tuple(network.node_ids[e].tolist()): bool(o) for e, o in zip(network.edges, network.oneway, strict=True)}
    assert ends == {(0, 2): True, (12, 10): True, (20, 21): False}


def test_a_barrier_parts_its_two_sides() -> None:
    ways = ways_of([(0, 1, 2)])
    assert build_network(ways).component_sizes.tolist() == [2]
    cut = build_network(ways, marked=MarkedNodes(blocked=[1]))
    assert sorted(edge_chains(cut)) == [(0, 1), (1, 2)]
    assert cut.component_sizes.tolist() == [2, 2]


def test_a_barrier_where_ways_meet_parts_them_all() -> None:
    cut = build_network(ways_of([(0, 1), (1, 2), (11, 1)]), marked=MarkedNodes(blocked=[1, 999]))
    assert cut.component_sizes.tolist() == [2, 2, 2]


def test_a_missing_node_cuts_the_way() -> None:
    network = build_network(ways_of([(0, 1, 2, 3, 4), (10, 11)], lost=(2, 10)))
    assert sorted(edge_chains(network)) == [(0, 1), (3, 4)]
    assert network.length_m.sum() == pytest.approx(step_m(0, 1) + step_m(3, 4), abs=1e-3)


def test_a_repeated_node_is_one_node() -> None:
    network = build_network(ways_of([(0, 0, 1, 1, 2)]))
    assert edge_chains(network) == [(0, 1, 2)]


def test_bounds_drop_ways_wholly_outside_and_cut_none() -> None:
    ways = ways_of([(0, 40), (1, 2), (43, 44)])
    network = build_network(ways, bounds=(9.4995, 47.0995, 9.5015, 47.1015))
    assert sorted(edge_chains(network)) == [(0, 40), (1, 2)]


def test_a_missing_node_does_not_bring_a_way_into_the_bounds() -> None:
    ways = ways_of([(0, 1, 2), (22, 23, 32), (43, 44)], lost=(2, 32))
    assert sorted(edge_chains(build_network(ways, bounds=(9.4995, 47.0995, 9.5015, 47.1015)))) == [(0, 1)]
    with pytest.raises(InputError, match="0 walkable ways"):
        build_network(ways, bounds=(9.503, 47.0995, 9.504, 47.1015))


def test_a_long_way_is_measured_on_the_ellipsoid() -> None:
    ways = ways_of([(0, 1)])
    far = Ways(
        **{**vars(ways), "lonlat_e7": np.array([[95_000_000, 471_000_000], [99_000_000, 477_000_000]], np.int32)}
    )
    expected = GEOD.inv(9.5, 47.1, 9.9, 47.7)[2]
    assert build_network(far).length_m[0] == pytest.approx(expected, abs=1e-6)


def test_a_given_coordinate_system_is_kept() -> None:
    assert build_network(ways_of([(0, 1)]), crs="EPSG:32632").crs.to_epsg() == 32632


def test_nothing_to_build_is_an_error() -> None:
    with pytest.raises(InputError, match="1 walkable ways hold no two neighbouring nodes"):
        build_network(ways_of([(0, 1)], lost=(0,)))


def test_arrays_that_do_not_fit_are_refused() -> None:
    ways = ways_of([(0, 1)])
    with pytest.raises(InputError, match="rows of 1 nodes"):
        Ways(**{**vars(ways), "node_ids": ways.node_ids[:1], "lonlat_e7": ways.lonlat_e7[:1]})


@st.composite
def towns(draw: st.DrawFn) -> tuple[list[Chain], list[int], set[int], set[int]]:
    some = st.sampled_from(sorted(PLACES)[:9])
    chains = draw(st.lists(st.lists(some, min_size=1, max_size=7).map(tuple), min_size=1, max_size=6))
    oneway = draw(st.lists(st.sampled_from([0, 1, -1]), min_size=len(chains), max_size=len(chains)))
    return chains, oneway, draw(st.sets(some, max_size=2)), draw(st.sets(some, max_size=2))


@given(town=towns())
def test_any_town_is_split_as_by_hand(town: tuple[list[Chain], list[int], set[int], set[int]]) -> None:
    chains, oneway, lost, blocked = town
    expected = split_by_hand(chains, oneway, lost, blocked)
    ways = ways_of(chains, oneway=oneway, lost=tuple(lost))
    if not expected:
        with pytest.raises(InputError):
            build_network(ways)
        return
    network = build_network(ways, marked=MarkedNodes(blocked=sorted(blocked)))
    got = edge_chains(network)
    assert Counter(got) == expected
    assert [(a, b) for a, b in network.node_ids[network.edges].tolist()] == [(c[0], c[-1]) for c in got]
    np.testing.assert_allclose(network.length_m, [length_m(c) for c in got], atol=1e-3)
    np.testing.assert_array_equal(network.node_xy[network.edges[:, 0]], network.shape_xy[network.shape_start[:-1]])
    np.testing.assert_array_equal(network.node_xy[network.edges[:, 1]], network.shape_xy[network.shape_start[1:] - 1])
    degree = np.bincount(network.edges.ravel())
    assert (degree[np.isin(network.node_ids, sorted(blocked))] == 1).all()
    passable = network.node_ids[~np.isin(network.node_ids, sorted(blocked))]
    assert len(set(passable.tolist())) == len(passable)
