"""What analysts ask of values in memory against other ways to the same answer, in CPU seconds of one run."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from racing import seconds
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from accessibility import Coverage, Demand, Network, Sites, Study, measure_coverage
from accessibility.streets.pieces import cut_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility import Walker

POINTS, SITES = 20_000, 100
OPENINGS = 1_000
HOMES = 500_000
NO_WAY = 0x7FFF_FFFF


def least(work: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Return the least CPU seconds of several turns, and the last answer."""
    found = [seconds(work) for _ in range(times)]
    return min(spent for spent, _ in found), found[-1][1]


def reversed_arcs(network: Network, walker: Walker | None) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return sources, ends and costs as a search from the sites walks them; compounds, never passed, are left out."""
    impedance, (u, v) = network.impedance(walker), network.edges[~network.private].T
    along, against = impedance.along[~network.private], impedance.against[~network.private]
    source, end, cost = np.r_[v, u], np.r_[u, v], np.r_[along, against].astype(float)
    order = np.lexsort((cost, end, source))
    source, end, cost = source[order], end[order], cost[order]
    kept = np.r_[True, (np.diff(source) != 0) | (np.diff(end) != 0)] & (cost < NO_WAY)
    return source[kept], end[kept], cost[kept]


@pytest.fixture(scope="module")
def city(porto: Network) -> Study:
    """Return people and sites on junctions of Porto, so that no other tool has to snap; ids are these junctions."""
    rng = np.random.default_rng(4)
    inside = np.unique(porto.edges[porto.private])
    usable = np.setdiff1d(np.unique(porto.edges[porto.main_edges & porto.from_beside & ~porto.private]), inside)
    places, count = np.unique(porto.node_xy.round(1), axis=0, return_counts=True)
    stacked = {tuple(place) for place in places[count > 1].tolist()}  # a bridge over a street: which is it?
    usable = np.array([n for n in usable if tuple(porto.node_xy[n].round(1).tolist()) not in stacked])
    homes, halls = (np.sort(rng.choice(usable, k, replace=False)) for k in (POINTS, SITES))
    heads: Any = {"ids": [str(n) for n in homes], "population": np.ones(POINTS)}
    kind: Any = ["outlet"] * (SITES // 2) + ["bank"] * (SITES // 2)
    people = Demand(xy=porto.node_xy[homes], crs=porto.crs, **heads)
    names: Any = [str(n) for n in halls]
    return Study.of(porto, people, Sites(ids=names, xy=porto.node_xy[halls], kind=kind, crs=porto.crs))


class Peers:
    """The same table by scipy and by networkx, from graphs that are made beforehand, as ours is."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.homes, self.halls = (ids.astype(int) for ids in (study.demand.ids, study.sites.ids))
        n = len(study.network.node_xy)
        self.arcs = {walker: reversed_arcs(study.network, walker) for walker in (None, study.walker)}
        self.matrix = {
            walker: coo_array((np.maximum(cost, 1e-9), (source, end)), shape=(n, n)).tocsr()  # 0 is no arc at all
            for walker, (source, end, cost) in self.arcs.items()
        }

    def table(self, cell: Any, site: Any, walk_s: Any, metres: Any) -> pd.DataFrame:
        columns = {"cell": self.study.demand.ids[cell], "site": self.study.sites.ids[site]}
        columns |= {"kind": self.study.sites.kind.astype(object)[site], "walk_s": walk_s, "metres": metres}
        return pd.DataFrame(columns).sort_values(["cell", "metres"])

    def scipy(self, limit_m: float) -> pd.DataFrame:
        metres = dijkstra(self.matrix[None], indices=self.halls, limit=limit_m * 100)[:, self.homes]
        site, cell = np.nonzero(np.isfinite(metres))
        walks = dijkstra(self.matrix[self.study.walker], indices=self.halls, limit=limit_m * 1_250)[:, self.homes]
        return self.table(cell, site, walks[site, cell] / 1_000, metres[site, cell] / 100)

    def networkx(self, limit_m: float) -> pd.DataFrame:
        graphs: dict[Any, Any] = {}
        for walker, arcs in self.arcs.items():
            graphs[walker] = nx.DiGraph()
            graphs[walker].add_weighted_edges_from(zip(*(part.tolist() for part in arcs), strict=True))
        place = {home: row for row, home in enumerate(self.homes.tolist())}
        self.spent, rows = 0.0, []
        for row, hall in enumerate(self.halls.tolist()):
            for walker, limit in ((None, limit_m * 100), (self.study.walker, limit_m * 1_250)):
                search = partial(nx.single_source_dijkstra_path_length, graphs[walker], hall, cutoff=limit)
                spent, near = seconds(search)
                self.spent += spent
                if walker is None:
                    metres = near
            rows += [(place[n], row, near.get(n, np.nan) / 1_000, m / 100) for n, m in metres.items() if n in place]
        return self.table(*(np.array(part) for part in zip(*rows, strict=True)))


@pytest.mark.parametrize("limit_m", [900, 5_000, 200_000])
def test_travel_times_against_scipy_and_networkx(city: Study, limit_m: int, benchmark: Any) -> None:
    peers = Peers(city)

    def ours() -> Any:
        return city.travel_times(limit=f"{limit_m} m", sites="all")

    benchmark.pedantic(ours, rounds=2)
    own, table = least(ours, 5)
    took = {"scipy": least(lambda: peers.scipy(limit_m), 2)}
    if limit_m < 100_000:  # else for minutes
        took["networkx"] = (0.0, peers.networkx(limit_m))
        took["networkx"] = (peers.spent, took["networkx"][1])  # its searches alone
    for name, (spent, other) in took.items():
        told = f"{len(table):,} pairs: {own:.3f} s, {name} {spent:.2f} s, x{spent / own:.1f}"
        sys.stdout.write(f"\ntravel_times within {limit_m} m, {told}")
        both = table.merge(other, on=["cell", "site"])
        assert len(both) == len(table) == len(other)
        for figure in ("metres", "walk_s"):
            known = both[f"{figure}_y"].notna()
            np.testing.assert_allclose(both[f"{figure}_x"][known], both[f"{figure}_y"][known], atol=1e-3)
    assert took["scipy"][0] / own >= 5
    if "networkx" in took and limit_m > 1_000:
        assert took["networkx"][0] / own >= 20


@pytest.fixture(scope="module")
def crowd(million: Network) -> dict[str, Any]:
    """Return a million people on a million junctions, 5,000 outlets and 1,000 banks that may open."""
    rng, n = np.random.default_rng(6), len(million.node_xy)
    xy = million.node_xy[rng.integers(0, n, n)] + rng.normal(0, 20, (n, 2))
    setting = rng.choice(["urban", "rural"], n)
    at: dict[str, Any] = {"crs": million.crs}
    people = Demand(ids=range(n), xy=xy, population=rng.integers(1, 50, n), setting=setting, **at)  # type: ignore[arg-type]
    kind: Any = ["outlet"] * 5_000 + ["bank"] * OPENINGS
    names: Any = [f"S{row}" for row in range(len(kind))]
    places = million.node_xy[rng.choice(n, len(kind), replace=False)]
    return {"people": people, "sites": Sites(ids=names, xy=places, kind=kind, open=np.arange(len(kind)) < 5_000, **at)}


def test_a_ranking_costs_what_its_steps_cost(million: Network, crowd: dict[str, Any], benchmark: Any) -> None:
    study = Study.of(million, crowd["people"], crowd["sites"])
    openings = study.sites.ids[study.sites.may_open].tolist()
    assert len(openings) == OPENINGS
    table = benchmark.pedantic(lambda: study.rank(open=openings[:5]), rounds=1)

    def by_hand() -> list[float]:
        trial, found = study.what_if(), []
        for site in openings:
            found.append(trial.open(site).change_in_people()[0])
            trial.undo()
        return found

    alone, gained = least(by_hand, 3)
    whole, table = least(lambda: study.rank(open=openings), 3)
    told = f"{whole:.2f} s, as many steps of a trial {alone:.2f} s, x{whole / alone:.2f}"
    sys.stdout.write(f"\nrank of {len(table):,} openings on {len(study.demand):,} points: {told}\n")
    assert table.set_index("site").loc[openings, "gained"].tolist() == gained
    best = study.coverage(study.plan_scenario([table["site"][0]]))
    assert best.covered_people == pytest.approx(table["covered"][0], rel=1e-12)
    assert whole <= 1.1 * alone


def test_an_isochrone_costs_its_ball(million: Network, crowd: dict[str, Any], benchmark: Any) -> None:
    """A site in the middle, on all the streets and on the tenth of them around it: the ball is the same."""
    middle = np.median(million.node_xy, axis=0)
    away = np.abs(million.node_xy - middle).max(axis=1)
    near = away <= np.quantile(away, 0.1)
    part = cut_out(million, np.flatnonzero(near[million.edges].all(axis=1)))
    site = Sites(ids=["S"], xy=[million.node_xy[away.argmin()]], crs=million.crs)  # type: ignore[arg-type]
    people = crowd["people"]
    around = people.rows(np.abs(people.xy - middle).max(axis=1) <= np.quantile(away, 0.1))
    spent, areas = {}, {}
    for name, streets, homes in (("all", million, people), ("part", part, around)):
        study = Study.of(streets, homes, site)
        ask = partial(study.isochrones, [5, 10, 15])
        first, _ = seconds(ask)
        spent[name], areas[name] = least(ask, 7)
        told = f"{len(streets.node_xy):,} junctions, {len(homes):,} points: {spent[name]:.3f} s"
        sys.stdout.write(f"\nisochrones on {told}; the first, which snaps, measures and packs, {first:.2f} s")
    benchmark.pedantic(ask, rounds=2)
    assert areas["all"]["people"].tolist() == areas["part"]["people"].tolist()
    drawn = [areas[name].to_crs(million.crs).geometry.to_numpy() for name in ("all", "part")]
    assert shapely.area(shapely.symmetric_difference(*drawn)).max() < 1.0
    assert spent["all"] <= 3 * spent["part"]


def test_from_frames_to_coverage(million: Network, crowd: dict[str, Any], benchmark: Any) -> None:
    """Half a million people in a frame: what is read and checked, beside snapping, searching and straight lines."""
    people = crowd["people"].rows(np.arange(HOMES)).to_gdf().reset_index(drop=True)
    sites = crowd["sites"].to_gdf()
    places = sites[sites["open"]][["geometry"]]

    def measured(now: Coverage) -> Coverage:
        assert 0 < now.share <= now.share_radius  # figures are worked out when they are asked for
        return now

    def whole(streets: Network) -> Coverage:
        return measured(Study.of(streets, people, places, people="population", settings="setting").coverage())

    def inner(streets: Network, homes: Demand, halls: Sites) -> Coverage:
        return measured(measure_coverage(streets, homes, halls))

    whole(replace(million))  # kernels and libraries are loaded
    spent, now = seconds(partial(whole, replace(million)))  # a copy: nothing of it is packed or indexed yet
    within, again = seconds(partial(inner, replace(million), replace(now.demand), now.sites))
    benchmark.pedantic(partial(inner, replace(million), replace(now.demand), now.sites), rounds=1)
    told = f"{spent:.2f} s, of which snapped and measured {within:.2f} s, x{spent / within:.2f}"
    sys.stdout.write(f"\n{HOMES:,} points from a frame to coverage: {told}\n")
    assert again.covered_people == now.covered_people
    assert spent <= 1.7 * within  # the aim is 1.3; what is inside has become a third faster than what is around it
