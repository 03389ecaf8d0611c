"""A route costs what the search says, walks connected streets the way they may be walked, and is the line one draws."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from searchworlds import World, stops
from searchworlds import worlds as drawn

from accessibility.measures.routes import Leg, trace_route
from accessibility.streets import search
from accessibility.streets.search.elimination import IMPASSABLE
from accessibility.streets.search.multisource import NO_LABEL
from accessibility.streets.search.packing import build_arcs


def cost_of(world: World, leg: Leg) -> int:
    """Return what the piece of an edge costs, as parts of whole numbers."""
    edge, start, stop = leg
    cost = world.along[edge] if start < stop else world.against[edge]
    assert start == stop or cost != IMPASSABLE
    return abs(int(np.floor(cost * stop + 0.5)) - int(np.floor(cost * start + 0.5)))


def ends_of(world: World, leg: Leg) -> tuple[int | None, int | None]:
    """Return the junctions where a leg begins and ends, None in the middle of a street."""
    edge, start, stop = leg
    junction = {0.0: world.edges[edge][0], 1.0: world.edges[edge][1]}
    return junction.get(start), junction.get(stop)


@settings(max_examples=100)
@given(drawn())
def test_a_route_costs_what_the_search_says_and_hangs_together(world: World) -> None:
    sites = stops(world.sites)
    arcs = build_arcs(world.network, world.impedance)
    standing = search.stand(arcs, sites, np.ones(len(world.sites), bool), stops(world.people))
    for person, (edge, fraction, leg) in enumerate(world.people):
        route = trace_route(standing, person)
        if route is None:
            assert standing.found[person] == NO_LABEL
            continue
        site_edge, site_fraction, site_leg = world.sites[route.site]
        assert (route.cost << 32) | route.site == standing.found[person]
        assert leg + site_leg + sum(cost_of(world, piece) for piece in route.legs) == route.cost
        assert route.legs[0][:2] == (edge, fraction)
        assert (route.legs[-1][0], route.legs[-1][2]) == (site_edge, site_fraction)
        for one, other in pairwise(route.legs):
            assert ends_of(world, one)[1] == ends_of(world, other)[0] is not None
        private = [world.private[piece[0]] for piece in route.legs]
        assert private == sorted(private, reverse=True)  # out of the compound first, and never in again


@given(st.integers(0, 3_000), st.integers(3_000, 6_000))
def test_the_line_of_a_route_is_as_long_as_the_way(person: int, site: int) -> None:
    line = worlds.line()
    arcs = build_arcs(line, line.impedance())
    places = [(min(at // 1_000, 5), (at - 1_000 * min(at // 1_000, 5)) / 1_000, 0) for at in (person, site)]
    standing = search.stand(arcs, stops(places[1:]), np.ones(1, bool), stops(places[:1]))
    route = trace_route(standing, 0)
    assert route is not None
    begin, end = np.array([person, 20.0]) + worlds.ORIGIN, np.array([site, -30.0]) + worlds.ORIGIN
    drawn_line = route.line(line, begin, end)
    assert abs(drawn_line.length - (20 + (site - person) + 30)) < 1e-6
    assert drawn_line.coords[0] == tuple(begin)
    assert drawn_line.coords[-1] == tuple(end)


def test_two_alternatives_round_a_block_take_the_shorter() -> None:
    block = worlds.network([(0, 0), (100, 0), (100, 50), (0, 50)], [(0, 1), (1, 2), (3, 2), (0, 3)])
    arcs = build_arcs(block, block.impedance())
    standing = search.stand(arcs, stops([(2, 0.4, 0)]), np.ones(1, bool), stops([(0, 0.2, 0)]))
    route = trace_route(standing, 0)
    assert route is not None
    assert route.legs == ((0, 0.2, 0.0), (3, 0.0, 1.0), (2, 0.0, 0.4))
    assert route.cost == 20_00 + 50_00 + 40_00
