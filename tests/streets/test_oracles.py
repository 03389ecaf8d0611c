"""Whole places against networkx and scipy: the sample county and Liechtenstein.

Against networkx people and outlets stand anywhere along the streets; against scipy, whose costs are the same integers,
at every junction, and nothing may differ.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack
from scipy.sparse.csgraph import dijkstra
from shapely import Point, STRtree
from shapely.ops import nearest_points

from accessibility import Demand, Network, Scenario, Sites, Walker, measure_coverage
from accessibility.sources.osm.extracts import read_network
from accessibility.streets import search
from accessibility.streets.foot import FootAccess
from accessibility.streets.search.elimination import IMPASSABLE
from accessibility.streets.search.packing import build_graph

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility import Study
    from accessibility.streets.search.elimination import Impedance

PEOPLE, OUTLETS = 400, 25


def near_streets(network: Network, count: int, seed: int) -> NDArray[np.float64]:
    """Return places within some 60 m of street vertices of the largest component."""
    rng = np.random.default_rng(seed)
    vertex = np.repeat(np.arange(len(network.edges)), np.diff(network.shape_start))
    main = np.flatnonzero(network.main_edges[vertex])
    places: NDArray[np.float64] = network.shape_xy[rng.choice(main, count)] + rng.normal(0, 20, (count, 2))
    return places


def split_graph(
    network: Network, points: dict[Any, NDArray[np.float64]]
) -> tuple[nx.MultiDiGraph[Any], dict[Any, float]]:
    """Return the walking graph in metres with every point a node at its nearest street, and how far that street is.

    Written apart from the package: shapely alone finds the nearest street, and where on it. ``length`` is metres,
    ``flat`` the metres on the flat that take as long: stairs take twice their length. Junctions stand twice,
    inside compounds and on the street; one goes from inside to the street and never back.
    """
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for u, v, data in network.to_networkx().edges(data=True):
        side = "inside" if data["private"] else "street"
        metres = data["length"]
        graph.add_edge((side, u), (side, v), length=metres, flat=metres * (2 if data["highway"] == "steps" else 1))
    graph.add_edges_from(
        (("inside", i), ("street", i), {"length": 0.0, "flat": 0.0}) for i in network.node_keys.tolist()
    )
    ids, lines = network.node_keys, network.lines()
    trees = {}
    for role in ("person", "outlet"):
        ground = ~network.off_ground & ~network.outline
        rows = np.flatnonzero(network.main_edges & ground & (~network.private | (role == "person")))
        trees[role] = (rows, STRtree(lines[rows]))
    legs: dict[Any, float] = {}
    on: dict[int, list[tuple[float, Any]]] = {}
    for name, xy in points.items():
        rows, tree = trees[name[0]]
        edge = int(rows[tree.nearest(Point(xy))])
        place = nearest_points(lines[edge], Point(xy))[0]
        legs[name] = place.distance(Point(xy))
        on.setdefault(edge, []).append((lines[edge].project(place, normalized=True), name))
    for edge, here in on.items():
        side = "inside" if network.private[edge] else "street"
        u, v = ((side, ids[n]) for n in network.edges[edge])
        chain = [(0.0, u), *sorted(here, key=lambda p: p[0]), (1.0, v)]
        for (f, a), (g, b) in pairwise(chain):
            metres = (g - f) * network.length_m[edge]
            costs = {"length": metres, "flat": metres * (2 if network.kinds[network.kind[edge]] == "steps" else 1)}
            graph.add_edge(a, b, **costs)
            if not network.oneway[edge]:
                graph.add_edge(b, a, **costs)
    return graph, legs


def ways_to_the_nearest(graph: nx.MultiDiGraph[Any], legs: dict[Any, float], people: int) -> NDArray[np.float64]:
    """Return everybody's metres to the nearest outlet, and the metres on the flat that take as long, legs included.

    All outlets lead on to one node, so that one search for each of the two answers for all of them.
    """
    for name, leg in legs.items():
        if name[0] == "outlet":
            graph.add_edge(name, "any", length=leg, flat=1.3 * leg)
    back = graph.reverse(copy=False)  # people walk to the outlet: distances to it are distances from it, turned round
    ways = []
    for weight, slower in (("length", 1.0), ("flat", 1.3)):
        reach = nx.single_source_dijkstra_path_length(back, "any", weight=weight)
        ways.append([reach.get(("person", i), np.inf) + slower * legs["person", i] for i in range(people)])
    return np.array(ways)


def assert_agreement(network: Network) -> None:
    people_xy, outlet_xy = near_streets(network, PEOPLE, 1), near_streets(network, OUTLETS, 2)
    people = Demand(ids=range(PEOPLE), xy=people_xy, population=np.ones(PEOPLE), crs=network.crs)  # type: ignore[arg-type]
    outlets = Sites(ids=range(OUTLETS), xy=outlet_xy, crs=network.crs)  # type: ignore[arg-type]
    now = measure_coverage(network, people, outlets, walker=Walker(speed_m_s=1.2))

    names = {("person", i): xy for i, xy in enumerate(people_xy)} | {
        ("outlet", i): xy for i, xy in enumerate(outlet_xy)
    }
    graph, legs = split_graph(network, names)
    metres, flat = ways_to_the_nearest(graph, legs, PEOPLE)
    seconds = flat / 1.2
    assert np.isfinite(metres).mean() > 0.9
    assert np.array_equal(np.isnan(now.metres), np.isinf(metres))
    reached = np.isfinite(metres)
    # Every edge is rounded to whole centimetres and milliseconds: half a unit an edge at most.
    assert now.metres[reached] == pytest.approx(metres[reached], abs=0.5)
    assert now.walk_s[reached] == pytest.approx(seconds[reached], abs=0.1)


def test_the_sample_county_agrees_with_networkx(sample: Path) -> None:
    network, _ = read_network(sample.parent / "roads.osm.pbf", foot=FootAccess(access="china"))
    assert network.oneway.any()
    assert network.private.any()
    assert_agreement(network)


@pytest.mark.real
def test_liechtenstein_agrees_with_networkx(liechtenstein: Path) -> None:
    assert_agreement(read_network(liechtenstein)[0])


def ways_back(network: Network, impedance: Impedance) -> tuple[csr_array[np.float64], NDArray[np.int64]]:
    """Return the arcs turned round, and the row of every edge's first end, then of every edge's second.

    Junctions stand twice: on the street in their own row, inside compounds in the n-th after it. One goes from inside
    to the street and never back.
    """
    n = len(network.node_xy)
    first, second = network.edges.T + np.where(network.private, n, 0)
    tail = np.concatenate([first, second, np.arange(n) + n])
    head = np.concatenate([second, first, np.arange(n)])
    cost = np.concatenate([impedance.along, impedance.against, np.zeros(n, np.uint32)])
    order = np.lexsort((cost, tail, head))
    order = order[cost[order] != IMPASSABLE]
    # Of parallel arcs only the cheapest: scipy would add them up.
    cheapest = np.ones(len(order), np.bool_)
    cheapest[1:] = (np.diff(head[order]) != 0) | (np.diff(tail[order]) != 0)
    kept = order[cheapest]
    ends = (head[kept].astype(np.int32), tail[kept].astype(np.int32))  # as scipy 1.14 wants them for a search
    arcs = csr_array((cost[kept].astype(np.float64), ends), shape=(2 * n, 2 * n))
    return arcs, np.concatenate([first, second])


def assert_equal_to_scipy(network: Network, impedance: Impedance) -> None:
    arcs, rows = ways_back(network, impedance)
    sites = np.random.default_rng(3).choice(np.flatnonzero(~network.private & network.main_edges), OUTLETS)
    expected = dijkstra(arcs, indices=rows[sites])[:, rows]
    graph = build_graph(network, impedance)
    ends = search.Stops(
        edge=np.tile(np.arange(len(network.edges), dtype=np.int32), 2),
        fraction=np.repeat([0.0, 1.0], len(network.edges)),
        leg=np.zeros(len(rows), np.uint32),
    )
    for site, costs in zip(sites, expected, strict=True):
        stop = search.Stops(edge=np.array([site], np.int32), fraction=np.zeros(1), leg=np.zeros(1, np.uint32))
        found, _ = search.split_labels(search.read_labels(graph, search.nearest(graph, stop), stop, ends))
        assert np.array_equal(found, np.where(np.isinf(costs), float(search.UNREACHED), costs))


@pytest.mark.parametrize("walker", [None, Walker(speed_m_s=1.2)], ids=["centimetres", "milliseconds"])
def test_every_junction_of_the_sample_county_equals_scipy(sample: Path, walker: Walker | None) -> None:
    network, _ = read_network(sample.parent / "roads.osm.pbf", foot=FootAccess(access="china"))
    assert network.oneway.any()
    assert network.private.any()
    assert_equal_to_scipy(network, network.impedance(walker))


@pytest.mark.real
def test_every_junction_of_liechtenstein_equals_scipy(liechtenstein: Path) -> None:
    network, _ = read_network(liechtenstein)
    assert_equal_to_scipy(network, network.impedance())


def test_the_headline_of_the_sample_county_is_that_of_networkx(sample_study: Study) -> None:
    """Judge every home of the county again, by Dijkstra from every counter that counts; on the flat."""
    study = sample_study
    now = study.coverage(walker=Walker(slope=False))
    counting = np.flatnonzero(study.sites.open).tolist()
    places: dict[Any, NDArray[np.float64]] = {("person", i): xy for i, xy in enumerate(study.demand.xy)}
    graph, legs = split_graph(study.network, places | {("outlet", j): study.sites.xy[j] for j in counting})
    metres, seconds = ways_to_the_nearest(graph, legs, len(study.demand))
    covered = np.where(study.demand.setting == "rural", metres <= 5_000, seconds <= 900)
    assert (now.covered == covered).all()
    assert now.covered_people == study.demand.population[covered].sum()


def test_the_proposal_for_the_sample_county_is_that_of_another_solver(sample_study: Study) -> None:
    """Open each candidate alone, measure who is covered, and let scipy choose among them for a cost of 12."""
    study = sample_study
    now, sites, people = study.coverage(), study.sites, study.demand.population
    rows = [
        row for row, kind in enumerate(sites.kind) if kind != "outlet" and not (sites.open[row] or sites.closed[row])
    ]
    gains = np.array([study.coverage(Scenario(opened=(sites.ids[row],))).covered & ~now.covered for row in rows])
    gains, weight = gains[:, gains.any(axis=0)], people[gains.any(axis=0)]
    m, n = gains.shape
    served = hstack([csr_array(-gains.T.astype(np.float64)), eye_array(n)])
    cost = np.concatenate([sites.cost[rows], np.zeros(n)])
    answer: Any = milp(
        np.concatenate([np.zeros(m), -weight]),
        constraints=[LinearConstraint(served, -np.inf, 0), LinearConstraint(cost, 0, 12)],
        integrality=np.concatenate([np.ones(m), np.zeros(n)]),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0},
    )
    plan = study.site(budget=12)
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(now.covered_people - answer.fun)
    assert {sites.ids[rows[j]] for j in np.flatnonzero(answer.x[:m] > 0.5)} == set(plan.selected)
