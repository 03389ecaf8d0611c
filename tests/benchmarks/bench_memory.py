"""What analysts ask of values in memory against other ways to the same table, in CPU seconds of one run."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from accessibility import Demand, Network, Sites, Study

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE, STEP_M, POINTS, SITES, LIMIT_M = 150, 80.0, 20_000, 100, 900.0
CHANGES = 50


@pytest.fixture(scope="module")
def city() -> Study:
    """Return a city of 22,500 junctions; people and sites stand on junctions, so that no other tool has to snap."""
    rng = np.random.default_rng(4)
    rows = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    xy: Any = np.column_stack([rows.ravel() % SIDE, rows.ravel() // SIDE]) * STEP_M + (5e5, 34e5)
    beside = ((rows[:, :-1], rows[:, 1:]), (rows[:-1], rows[1:]))
    edges = np.concatenate([np.column_stack([a.ravel(), b.ravel()]) for a, b in beside])
    at: dict[str, Any] = {"crs": "EPSG:32649"}
    streets = Network(node_xy=xy, edges=edges, length_m=rng.uniform(80, 120, len(edges)).round(2), **at)
    homes = np.sort(rng.choice(len(xy), POINTS, replace=False))
    halls = np.sort(rng.choice(len(xy), SITES, replace=False))
    heads: Any = {"ids": homes.tolist(), "population": rng.integers(1, 50, POINTS)}
    kind = ["outlet"] * (SITES - CHANGES) + ["bank"] * CHANGES
    places: Any = {"ids": [f"S{hall}" for hall in halls], "xy": xy[halls], "kind": kind}
    people, sites = Demand(xy=xy[homes], **heads, **at), Sites(**places, **at)
    return Study.of(streets, people, sites, settings="urban")


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def by_scipy(study: Study) -> pd.DataFrame:
    metres, (u, v) = study.network.length_m, study.network.edges.T
    n = len(study.network.node_xy)
    graph = csr_array((np.tile(metres, 2), (np.append(u, v), np.append(v, u))), shape=(n, n))
    halls = [int(site[1:]) for site in study.sites.ids]
    cost = dijkstra(graph, indices=halls, limit=LIMIT_M)[:, study.demand.ids.astype(int)]
    site, cell = np.nonzero(np.isfinite(cost))
    ids, kinds = study.sites.ids[site], study.sites.kind[site]
    table = pd.DataFrame({"cell": study.demand.ids[cell], "site": ids, "kind": kinds, "metres": cost[site, cell]})
    return table.sort_values(["cell", "metres"])


def by_networkx(study: Study) -> pd.DataFrame:
    graph: nx.Graph[int] = nx.Graph()
    ends, metres = study.network.edges.tolist(), study.network.length_m.tolist()
    graph.add_weighted_edges_from((u, v, w) for (u, v), w in zip(ends, metres, strict=True))
    homes = set(map(int, study.demand.ids))
    rows = []
    for site, kind in zip(study.sites.ids, study.sites.kind, strict=True):
        near = nx.single_source_dijkstra_path_length(graph, int(site[1:]), cutoff=LIMIT_M, weight="weight")
        rows += [(node, site, kind, cost) for node, cost in near.items() if node in homes]
    return pd.DataFrame(rows, columns=["cell", "site", "kind", "metres"]).sort_values(["cell", "metres"])


def test_travel_times_against_scipy_and_networkx(city: Study, benchmark: Any) -> None:
    def ours() -> Any:
        return city.travel_times(limit=f"{LIMIT_M} m", sites="all")

    ours()
    own, table = seconds(ours)
    took = {"scipy": seconds(lambda: by_scipy(city)), "networkx": seconds(lambda: by_networkx(city))}
    benchmark.pedantic(ours, rounds=3)
    for name, (spent, other) in took.items():
        told = f"{own:.3f} s, {name} {spent:.2f} s, x{spent / own:.1f}"
        sys.stdout.write(f"\ntravel_times of {len(table):,} pairs: {told}")
        assert len(other) == len(table)
        np.testing.assert_allclose(np.sort(other["metres"]), np.sort(table["metres"]), atol=0.2)


def test_a_ranking_costs_what_its_steps_cost(city: Study, benchmark: Any) -> None:
    sites = city.sites.ids[city.sites.may_open].tolist()
    city.rank(open=sites[:2])
    trial = city.what_if()

    def steps() -> None:
        for site in sites:
            trial.open(site).coverage()
            trial.undo()

    alone, _ = seconds(steps)
    whole, table = seconds(lambda: city.rank(open=sites))
    benchmark.pedantic(lambda: city.rank(open=sites[:5]), rounds=3)
    assert len(table) == len(sites)
    told = f"{whole:.2f} s, as many steps of a trial {alone:.2f} s, x{whole / alone:.2f}"
    sys.stdout.write(f"\nrank of {len(sites)} openings: {told}\n")


def test_from_frames_to_coverage(city: Study, benchmark: Any) -> None:
    people, sites = city.demand.to_gdf(), city.sites
    spent, study = seconds(lambda: Study.of(city.network, people, sites, settings="urban"))
    inside, _ = seconds(study.coverage)
    benchmark.pedantic(study.coverage, rounds=1)
    told = f"from a frame to a study {spent:.2f} s, snapped and measured {inside:.2f} s"
    sys.stdout.write(f"\n{len(people):,} points {told}\n")
