from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from accessibility import AccessibilityWarning, measure_coverage
from accessibility.streets.network import sealed_edges
from accessibility.streets.snapping import NOWHERE, SnapLimits, snap_points, snap_study

coordinates = st.tuples(st.floats(-900, 900), st.floats(-900, 900))


def brute_force(network: object, xy: np.ndarray) -> list[float]:
    """Distance of each point to the nearest of straight edges, by hand."""
    found = []
    for p in xy:
        best = np.inf
        for u, v in network.edges:  # type: ignore[attr-defined]
            a, b = network.node_xy[u], network.node_xy[v]  # type: ignore[attr-defined]
            t = 0.0 if (a == b).all() else np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            best = min(best, float(np.hypot(*(p - a - t * (b - a)))))
        found.append(best)
    return found


@given(st.lists(coordinates, min_size=2, max_size=12), st.lists(coordinates, min_size=1, max_size=20), st.data())
def test_the_nearest_place_on_any_edge_is_found(nodes: list, points: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    rest = st.lists(st.tuples(*[st.integers(0, len(nodes) - 1)] * 2), max_size=10)
    chain = [(i, i + 1) for i in range(len(nodes) - 1)]  # one component
    network = worlds.network(nodes, chain + data.draw(rest))
    xy = np.array(points) + worlds.ORIGIN
    at = snap_points(network, xy, np.inf)
    assert at.leg_m == pytest.approx(brute_force(network, xy), abs=1e-6)
    ends = network.node_xy[network.edges[at.edge]]
    place = ends[:, 0] + at.fraction[:, None] * (ends[:, 1] - ends[:, 0])
    assert np.hypot(*(place - xy).T) == pytest.approx(at.leg_m, abs=2e-3)


def test_a_point_on_a_junction_stands_exactly_at_an_end() -> None:
    at = snap_points(worlds.line(), np.array([(2_000.0, 0.0)]) + worlds.ORIGIN, 500)
    assert at.fraction[0] in (0.0, 1.0)


def test_a_limit_is_within_not_below() -> None:
    xy = np.array([(500, 500), (500, 500.01), (500, 700)]) + worlds.ORIGIN
    at = snap_points(worlds.line(), xy, np.array([500.0, 500.0, 2_000.0]))
    assert at.snapped.tolist() == [True, False, True]
    assert at.leg_m.tolist() == pytest.approx([500, 500.01, 700])
    assert at.edge[1] == NOWHERE


def test_a_point_without_place_stands_nowhere() -> None:
    at = snap_points(worlds.line(), np.array([(np.nan, np.nan)]), 500)
    assert (at.edge[0], np.isnan(at.leg_m[0])) == (NOWHERE, True)


def test_a_stray_fragment_gathers_nobody_and_an_island_keeps_its_people() -> None:
    street = [(100.0 * i, 0.0) for i in range(120)]
    fragment, island = [(500, 60), (600, 60)], [(500, 1_000), (600, 1_000)]
    edges = [(i, i + 1) for i in range(119)] + [(120, 121), (122, 123)]
    world = worlds.network([*street, *fragment, *island], edges)
    xy = np.array([(550, 55), (550, 700)]) + worlds.ORIGIN
    at = snap_points(world, xy, 2_000)
    assert at.edge.tolist() == [5, 120]
    assert at.leg_m.tolist() == pytest.approx([55, 300])


def test_a_stray_path_that_is_little_nearer_makes_nobody_unreached() -> None:
    # A home 240 m from the street and 227 m from a path that leads nowhere; an island is nearer by 201 m.
    street = [(100.0 * i, 0.0) for i in range(120)]
    edges = [(i, i + 1) for i in range(119)] + [(120, 121)]
    home = np.array([(550.0, 240.0)]) + worlds.ORIGIN
    for y, edge in ((467.0, 5), (278.0, 119)):
        world = worlds.network([*street, (500, y), (600, y)], edges)
        assert snap_points(world, home, 500).edge.tolist() == [edge]


def test_a_compound_that_no_street_meets_takes_nobody() -> None:
    # A street of 12 km, and 300 m to the north a compound; one of its ways is public in the second world.
    street, compound = [(100.0 * i, 0.0) for i in range(120)], [(500.0, 300.0), (600.0, 300.0), (700.0, 300.0)]
    edges = [*((i, i + 1) for i in range(119)), (120, 121), (121, 122)]
    plain = worlds.network([*street, *compound], edges)
    private = np.arange(121) >= 119
    sealed = replace(plain, private=private)
    home = np.array([(550.0, 310.0)]) + worlds.ORIGIN
    assert sealed_edges(sealed).tolist() == private.tolist()
    at = snap_points(sealed, home, 500)
    assert (at.edge.tolist(), at.leg_m.tolist()) == ([5], pytest.approx([310]))
    assert not snap_points(sealed, home, 300).snapped.any()  # nobody is taken beyond the limit
    ajar = replace(plain, private=np.arange(121) == 119)
    assert not sealed_edges(ajar).any()
    assert snap_points(ajar, home, 500).edge.tolist() == [119]


def test_a_network_of_nothing_but_private_ways_keeps_its_people() -> None:
    alone = replace(worlds.line(), private=np.ones(6, np.bool_))
    assert snap_points(alone, worlds.ORIGIN[None, :] + 10, 500).snapped.all()


def test_limits_follow_the_setting() -> None:
    limits = SnapLimits(urban_m=1, town_m=2, rural_m=3)
    assert limits.of(np.array(["rural", "urban", "town"])).tolist() == [3, 1, 2]


def test_the_lowest_edge_wins_a_tie() -> None:
    cross = worlds.network([(0, 0), (100, 0), (-100, 0), (0, 100), (0, -100)], [(0, 1), (2, 0), (0, 3), (4, 0)])
    assert snap_points(cross, worlds.ORIGIN[None, :], 500).edge.tolist() == [0]


@pytest.mark.parametrize("private", [(False, True), (True, False)])
def test_at_a_gate_one_stands_on_the_street(private: tuple[bool, bool]) -> None:
    gate = replace(worlds.network([(0, 0), (100, 0), (100, 100)], [(0, 1), (1, 2)]), private=private)  # type: ignore[arg-type]
    found = snap_points(gate, np.array([(110.0, -10.0)]) + worlds.ORIGIN, 500)
    assert found.edge.tolist() == [private.index(False)]


def test_most_people_or_sites_off_the_network_warn_with_the_cause() -> None:
    streets = worlds.line(2_000, 2)
    near, far = worlds.people([(100, 0), (200, 0)]), worlds.people([(100, 90_000), (200, 90_000)])
    with pytest.warns(AccessibilityWarning, match=r"2 of 2 people have no street near, .* coordinate system right\?"):
        now = measure_coverage(streets, far, worlds.outlets([(0, 0)]))
    assert now.unreached.all()
    with pytest.warns(AccessibilityWarning, match="1 of 1 open sites have no street near"):
        measure_coverage(streets, near, worlds.outlets([(0, 90_000)]))
    turned = replace(near, xy=near.xy[:, ::-1])
    with pytest.warns(AccessibilityWarning, match=r"are longitude and latitude swapped\?"):
        snap_study(streets, turned, worlds.outlets([(0, 0)]))


@pytest.mark.parametrize("is_open", [[True, True, False], [True, False, False]])
def test_one_of_many_off_the_network_is_no_reason_to_warn(is_open: list[bool]) -> None:
    sites = replace(worlds.outlets([(0, 0), (500, 0), (0, 90_000)]), open=np.array(is_open))
    people = worlds.people([(100, 0), (200, 0), (100, 90_000)])
    assert measure_coverage(worlds.line(2_000, 2), people, sites).unreached.sum() == 1
