"""What must hold in every town: drawn at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import worlds
from drawntowns import towns
from hypothesis import assume, given
from hypothesis import strategies as st

from accessibility import Demand, Network, Sites, Standard, Walker, measure_coverage
from accessibility.standards import Rule


@given(towns())
def test_people_add_up(town: tuple[Network, Demand, Sites]) -> None:
    now = measure_coverage(*town)
    assert now.covered_people + now.uncovered_people == now.population == town[1].population.sum()
    assert not (now.covered & now.unreached).any()
    assert (np.isnan(now.walk_s) == np.isnan(now.metres)).all()
    reached = ~np.isnan(now.metres)
    assert (now.radius_m[reached] <= now.metres[reached]).all()


@given(towns(), st.data())
def test_opening_a_site_loses_nobody(town: tuple[Network, Demand, Sites], data: st.DataObject) -> None:
    network, people, sites = town
    row = data.draw(st.integers(0, len(sites) - 1))
    more = replace(sites, open=sites.open | (np.arange(len(sites)) == row))
    before, after = measure_coverage(network, people, sites), measure_coverage(network, people, more)
    assert (after.covered >= before.covered).all()
    assert (np.nan_to_num(after.walk_s, nan=np.inf) <= np.nan_to_num(before.walk_s, nan=np.inf)).all()
    assert not (after.unreached & ~before.unreached).any()


@given(towns(), st.data())
def test_closing_streets_and_sites_helps_nobody(town: tuple[Network, Demand, Sites], data: st.DataObject) -> None:
    network, people, sites = town
    m = len(network.edges)
    flood = np.array(data.draw(st.lists(st.booleans(), min_size=m, max_size=m)))
    shut = np.array(data.draw(st.lists(st.booleans(), min_size=len(sites), max_size=len(sites))))
    before = measure_coverage(network, people, sites)
    after = measure_coverage(network.without(flood), people, replace(sites, open=sites.open & ~shut))
    assert np.array_equal(after.snapped.demand.edge, before.snapped.demand.edge)
    assert (after.covered <= before.covered).all()
    for name in ("walk_s", "metres", "radius_m"):
        one, other = (np.nan_to_num(getattr(now, name), nan=np.inf) for now in (before, after))
        assert (other >= one).all()
    assert (after.unreached >= before.unreached).all()


def test_a_flood_moves_nobody_to_a_better_street() -> None:
    # A home on a cul-de-sac of 900 m, 60 m from the street that the counter is on: closed, it would snap there.
    town = worlds.network([(0, 0), (0, 900), (60, 0), (60, 900)], [(0, 1), (2, 3), (0, 2)])
    home, counter = worlds.people([(10, 890)]), worlds.outlets([(60, 900)])
    assert measure_coverage(town, home, counter).covered_people == 0
    flooded = measure_coverage(town.without(np.array([True, False, False])), home, counter)
    assert (flooded.covered_people, flooded.unreached_people) == (0, 1)


@given(towns(), st.floats(0.3, 3.0), st.floats(0.3, 3.0))
def test_faster_walkers_lose_no_coverage(town: tuple[Network, Demand, Sites], one: float, other: float) -> None:
    slow, fast = (
        measure_coverage(*town, Standard(), Walker(speed_m_s=speed))
        for speed in sorted((round(one, 2), round(other, 2)))
    )
    assert (fast.covered >= slow.covered).all()


@given(towns(), st.floats(1, 60), st.floats(1, 60))
def test_a_wider_standard_loses_no_coverage(town: tuple[Network, Demand, Sites], one: float, other: float) -> None:
    narrow, wide = (
        measure_coverage(*town, Standard(urban=Rule.walk(m), rural=Rule.distance(m / 10))) for m in sorted((one, other))
    )
    assert (wide.covered >= narrow.covered).all()


@given(towns())
def test_opening_compounds_loses_nobody(town: tuple[Network, Demand, Sites]) -> None:
    closed, opened = (measure_coverage(*town, walker=Walker(open_compounds=is_open)) for is_open in (False, True))
    assert (opened.covered >= closed.covered).all()
    assert (np.nan_to_num(opened.metres, nan=np.inf) <= np.nan_to_num(closed.metres, nan=np.inf)).all()


@given(towns(), st.data())
def test_splitting_an_edge_changes_no_distance(town: tuple[Network, Demand, Sites], data: st.DataObject) -> None:
    network, people, sites = town
    row = data.draw(st.integers(0, len(network.edges) - 1))
    share = data.draw(st.floats(0.05, 0.95))
    u, v = network.edges[row]
    middle = network.node_xy[u] + share * (network.node_xy[v] - network.node_xy[u])
    n = len(network.node_xy)
    keep = np.arange(len(network.edges)) != row
    whole = network.length_m[row]
    split = Network(
        node_xy=np.vstack([network.node_xy, middle]),
        edges=np.vstack([network.edges[keep], [(u, n), (n, v)]]),
        length_m=np.append(network.length_m[keep], [whole * share, whole * (1 - share)]),
        oneway=np.append(network.oneway[keep], [network.oneway[row]] * 2),
        private=np.append(network.private[keep], [network.private[row]] * 2),
        crs=network.crs,
    )
    assume(np.array_equal(split.main_edges[:-1], np.append(network.main_edges[keep], network.main_edges[row])))
    one, other = measure_coverage(network, people, sites), measure_coverage(split, people, sites)
    # Same street within a hair, another piece of it: whole centimetres an edge may differ by one a piece.
    same = np.isclose(one.snapped.demand.leg_m, other.snapped.demand.leg_m, atol=1e-3, equal_nan=True)
    assert same.all()
    assert other.metres == pytest.approx(one.metres, abs=0.06, nan_ok=True)


@given(towns(), st.randoms(use_true_random=False))
def test_row_order_and_ids_change_no_figure(town: tuple[Network, Demand, Sites], random: object) -> None:
    network, people, sites = town
    order = list(range(len(people)))
    random.shuffle(order)  # type: ignore[attr-defined]
    renamed = Demand(
        ids=[f"x{i}" for i in order],  # type: ignore[arg-type]
        xy=people.xy[order],
        population=people.population[order],
        setting=people.setting[order],
        crs=people.crs,
    )
    back = sites.take(np.arange(len(sites))[::-1])
    one, other = measure_coverage(network, people, sites), measure_coverage(network, renamed, back)
    assert np.array_equal(other.walk_s, one.walk_s[order], equal_nan=True)
    assert np.array_equal(other.metres, one.metres[order], equal_nan=True)
    assert other.covered_people == one.covered_people
