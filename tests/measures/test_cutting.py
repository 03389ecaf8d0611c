"""Edges cut at a limit, against networkx: a place is inside a piece exactly where its own way is short enough."""

from __future__ import annotations

import numpy as np
import worlds
from cutworlds import ways
from hypothesis import given
from hypothesis import strategies as st

from accessibility import Network, Walker
from accessibility.measures.contours import Pieces, cut_edges, place_along
from accessibility.streets import search
from accessibility.streets.search import Stops
from accessibility.streets.search.packing import build_graph

PLACES = (0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0)


def cut(network: Network, sites: list[tuple[int, float, int]], limit: int) -> Pieces:
    """Return the pieces in centimetres of sites given as edge, fraction, leg."""
    edge, fraction, leg = zip(*sites, strict=True)
    stops = Stops(edge=np.array(edge, np.int32), fraction=np.array(fraction, float), leg=np.array(leg, np.uint32))
    graph = build_graph(network, network.impedance())
    return cut_edges(graph, stops, search.nearest(graph, stops, limit=limit), limit)


def as_set(pieces: Pieces) -> set[tuple[int, float, float]]:
    rows = zip(pieces.edge.tolist(), pieces.start.tolist(), pieces.stop.tolist(), strict=True)
    return {(edge, round(start, 4), round(stop, 4)) for edge, start, stop in rows}


def test_a_street_is_cut_from_the_end_that_leads_to_the_site() -> None:
    assert as_set(cut(worlds.line(), [(0, 0.0, 0)], 1_500_00)) >= {(0, 0, 1), (1, 0, 0.5)}
    assert as_set(cut(worlds.line(), [(5, 1.0, 0)], 1_500_00)) >= {(5, 0, 1), (4, 0.5, 1)}


def test_the_access_leg_of_the_site_is_part_of_the_way() -> None:
    assert as_set(cut(worlds.line(), [(0, 0.0, 200_00)], 1_500_00)) >= {(0, 0, 1), (1, 0, 0.3)}


def test_a_site_on_an_edge_reaches_both_ways_from_where_it_stands() -> None:
    world = worlds.network([(0, 0), (1_000, 0)], [(0, 1)])
    assert as_set(cut(world, [(0, 0.5, 0)], 200_00)) == {(0, 0.3, 0.7)}


def test_an_edge_reached_from_both_ends_keeps_its_middle_out() -> None:
    world = worlds.network([(0, 0), (1_000, 0)], [(0, 1)])
    assert as_set(cut(world, [(0, 0.0, 0), (0, 1.0, 0)], 400_00)) == {(0, 0, 0.4), (0, 0.6, 1)}
    assert (0, 0, 1) in as_set(cut(world, [(0, 0.0, 0), (0, 1.0, 0)], 500_00))


def test_one_way_edges_are_reached_by_those_who_walk_towards_the_site() -> None:
    square = worlds.one_way_square()
    # The site is at node 1: along edge 0 one comes straight, along edge 3 by node 0; edge 1 leads away from it.
    assert as_set(cut(square, [(0, 1.0, 0)], 150_00)) == {(0, 0, 1), (3, 0.5, 1)}


def test_residents_come_out_of_a_compound_and_nobody_passes_through_it() -> None:
    # Street 0-1-2 of 2 x 1 km, and a private short cut from 0 to 2 of 100 m; the site is at node 0.
    base = worlds.network([(0, 0), (1_000, 0), (2_000, 0)], [(0, 1), (1, 2), (0, 2)])
    world = Network(
        node_xy=base.node_xy,
        edges=base.edges,
        length_m=[1_000, 1_000, 100],  # type: ignore[arg-type]
        private=[False, False, True],  # type: ignore[arg-type]
        crs=base.crs,
    )
    assert as_set(cut(world, [(0, 0.0, 0)], 1_200_00)) == {(0, 0, 1), (1, 0, 0.2), (2, 0, 1)}


@st.composite
def towns(draw: st.DrawFn) -> tuple[Network, list[tuple[int, float, int]], int]:
    """Draw streets of whole centimetres, some one-way, some private, with sites on the public ones, and a limit."""
    nodes = draw(st.integers(2, 8))
    ends = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(ends, ends), min_size=1, max_size=14))
    m = len(edges)
    private = draw(st.lists(st.booleans(), min_size=m - 1, max_size=m - 1))
    network = Network(
        node_xy=np.random.default_rng(1).uniform(0, 1_000, (nodes, 2)),
        edges=np.array(edges, np.int32),
        length_m=draw(st.lists(st.integers(0, 40), min_size=m, max_size=m)),  # type: ignore[arg-type]
        oneway=draw(st.lists(st.booleans(), min_size=m, max_size=m)),  # type: ignore[arg-type]
        private=[False, *private],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    public = st.sampled_from([0, *(i + 1 for i, closed in enumerate(private) if not closed)])
    site = st.tuples(public, st.sampled_from(PLACES), st.integers(0, 1_000))
    return network, draw(st.lists(site, min_size=1, max_size=3)), draw(st.integers(0, 8_000))


@given(towns())
def test_a_place_is_inside_exactly_where_its_way_is_within_the_limit(
    town: tuple[Network, list[tuple[int, float, int]], int],
) -> None:
    network, sites, limit = town
    pieces = cut(network, sites, limit)
    rows = list(zip(pieces.edge.tolist(), pieces.start.tolist(), pieces.stop.tolist(), strict=True))
    for (edge, place), way in ways(network, sites, PLACES).items():
        inside = any(e == edge and start <= place <= stop for e, start, stop in rows)
        if way <= limit:
            # A junction may be the only point of its edge that is reached: of a one-way street that leads away.
            assert inside or place in (0.0, 1.0) or any(edge == s[0] and place == s[1] for s in sites)
        elif way > limit + 3:  # roundings of centimetres along the way
            assert not inside, (edge, place, way, limit)


@given(towns(), st.floats(0, 1))
def test_a_place_is_inside_exactly_where_the_search_reads_the_limit(
    town: tuple[Network, list[tuple[int, float, int]], int], place: float
) -> None:
    network, sites, limit = town
    pieces = cut(network, sites, limit)
    edge, fraction, leg = zip(*sites, strict=True)
    stops = Stops(edge=np.array(edge, np.int32), fraction=np.array(fraction), leg=np.array(leg, np.uint32))
    graph = build_graph(network, network.impedance())
    m = len(network.edges)
    people = Stops(edge=np.arange(m, dtype=np.int32), fraction=np.full(m, place), leg=np.zeros(m, np.uint32))
    cost = search.split_labels(search.read_labels(graph, search.nearest(graph, stops), stops, people))[0]
    for e in range(m):
        here = pieces.edge == e
        inside = bool((here & (pieces.start < place) & (place < pieces.stop)).any())
        on_border = np.isclose(np.concatenate([pieces.start[here], pieces.stop[here], fraction]), place).any()
        assert on_border or place in (0.0, 1.0) or inside == (int(cost[e]) <= limit)


def test_pieces_follow_the_drawn_line() -> None:
    network = Network(
        node_xy=np.array([(0, 0), (100, 0)]) + worlds.ORIGIN,
        edges=[(0, 1)],  # type: ignore[arg-type]
        length_m=[300],  # type: ignore[arg-type]
        shape_xy=np.array([(0, 0), (0, 100), (100, 100), (100, 0)]) + worlds.ORIGIN,
        shape_start=[0, 4],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    (first, second, *_) = cut(network, [(0, 0.0, 0)], 150_00).segments(network.shape_xy, network.shape_start).ends
    assert np.allclose(first - worlds.ORIGIN, [(0, 0), (0, 100)], atol=0.01)
    assert np.allclose(second - worlds.ORIGIN, [(0, 100), (50, 100)], atol=0.01)
    place = place_along(network.shape_xy, network.shape_start, np.array([0, 0, 0], np.int32), np.array([0.0, 0.5, 1.0]))
    assert np.allclose(place - worlds.ORIGIN, [(0, 0), (50, 100), (100, 0)], atol=0.01)


def test_a_slower_uphill_walk_is_cut_nearer_to_the_site() -> None:
    base = worlds.network([(0, 0), (1_000, 0)], [(0, 1)])
    hill = Network(
        node_xy=base.node_xy,
        edges=base.edges,
        length_m=base.length_m,
        slope_factor=[(2.0, 1.0)],  # type: ignore[arg-type]
        crs=base.crs,
    )
    graph = build_graph(hill, hill.impedance(Walker()))
    for end, expected in ((0.0, (0, 0.0, 0.4)), (1.0, (0, 0.8, 1.0))):  # down to node 0, twice as slow up to node 1
        stops = Stops(edge=np.zeros(1, np.int32), fraction=np.array([end]), leg=np.zeros(1, np.uint32))
        assert expected in as_set(cut_edges(graph, stops, search.nearest(graph, stops), 400_000))
