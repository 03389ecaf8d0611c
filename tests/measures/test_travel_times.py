"""Tables of travel, against networkx, and against coverage of one site at a time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import worlds
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from accessibility import Demand, InputError, Network, Rule, Sites, Study, Walker, measure_coverage, read_study
from accessibility.measures.travel_times import Travel, trace_travel
from accessibility.siting import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.measures.coverage import Coverage

Town = tuple[Network, Demand, Sites]
COLUMNS = ["cell", "site", "kind", "walk_s", "metres"]


def table(town: Town, walker: Walker | None = None, **asked: Any) -> pd.DataFrame:
    now = measure_coverage(*town, walker=walker)
    found = trace_travel(now, town[0], Travel(**asked)).table(now)
    assert list(found.columns) == COLUMNS
    return found


def alone(town: Town, walker: Walker) -> list[Coverage]:
    """Return the coverage by each site, were it the only one that counts."""
    network, people, sites = town
    each = (replace(sites, open=np.arange(len(sites)) == row) for row in range(len(sites)))
    return [measure_coverage(network, people, only, walker=walker) for only in each]


def expected(town: Town, walker: Walker, measure: str) -> pd.DataFrame:
    """Return all pairs that have a way, by cell, the nearest site first, the first site of two as near."""
    rows = [
        (i, row, one.walk_s[i], one.metres[i])
        for row, one in enumerate(alone(town, walker))
        for i in np.flatnonzero(~np.isnan(one.walk_s))
    ]
    found = pd.DataFrame(rows, columns=["i", "row", "walk_s", "metres"])
    found = found.sort_values(["i", "walk_s" if measure == "walk" else "metres", "row"])
    found["cell"], found["site"] = town[1].ids[found["i"].astype(int)], town[2].ids[found["row"].astype(int)]
    found["kind"] = town[2].kind.astype(object)[found["row"].astype(int)]
    return found[COLUMNS].reset_index(drop=True)


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert found.to_numpy().tolist() == wanted.to_numpy().tolist()


@settings(max_examples=12)
@given(
    towns(),
    st.sampled_from([Walker(), Walker(speed_m_s=1.3, open_compounds=True)]),
    st.sampled_from(["15 min", "40 min", "700 m", "3 km"]),
)
def test_within_a_limit_are_all_ways_of_each_site_alone(town: Town, walker: Walker, text: str) -> None:
    limit = Rule.of(text)
    everything = expected(town, walker, limit.measure)
    column = "walk_s" if limit.measure == "walk" else "metres"
    same(table(town, walker, limit=limit, closed_too=True), everything[everything[column] <= limit.limit])


@settings(max_examples=12)
@given(towns(), st.integers(1, 4), st.sampled_from(["walk", "network"]), st.booleans(), st.data())
def test_the_nearest_are_the_first_of_all_ways(
    town: Town,
    k: int,
    measure: str,
    by_kind: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    network, people, sites = town
    kinds = data.draw(st.lists(st.sampled_from(["outlet", "bank"]), min_size=len(sites), max_size=len(sites)))
    town = (network, people, replace(sites, kind=np.array(kinds)))
    found = table(town, Walker(), nearest=k, measure=measure, by="kind" if by_kind else None, closed_too=True)
    wanted = expected(town, Walker(), measure)
    same(found, wanted[wanted.groupby(["cell", "kind"] if by_kind else ["cell"]).cumcount() < k])


@settings(max_examples=12)
@given(towns(), st.data())
def test_side_by_side_stand_the_nearest_of_each_category(town: Town, data: st.DataObject) -> None:
    network, people, sites = town
    chains = data.draw(st.lists(st.sampled_from(["red", "blue", None]), min_size=len(sites), max_size=len(sites)))
    town = (network, people, replace(sites, columns={"chain": np.array([*chains, None], dtype=object)[:-1]}))
    now = measure_coverage(*town)
    wide = trace_travel(now, network, Travel(nearest=1, by="chain", closed_too=True)).wide(now, "chain")
    assert wide.index.tolist() == people.ids.tolist()
    assert len(wide.columns) == 3 * len(set(chains) - {None})
    for chain in set(chains) - {None}:
        of_chain = expected(town, Walker(), "walk")
        of_chain = of_chain[of_chain["site"].map(dict(zip(sites.ids, chains, strict=True))) == chain]
        first = of_chain.groupby("cell", sort=False).first().reindex(people.ids)
        for column in ("site", "walk_s", "metres"):
            told, wanted = (
                [None if pd.isna(v) else v for v in of] for of in (wide[f"{chain}_{column}"], first[column])
            )
            assert told == wanted


@settings(max_examples=12)
@given(towns())
def test_the_nearest_one_is_that_of_coverage(town: Town) -> None:
    now = measure_coverage(*town)
    for measure, column, figures in (("walk", "walk_s", now.walk_s), ("network", "metres", now.metres)):
        found = table(town, nearest=1, measure=measure).set_index("cell")[column]
        values = found.reindex(town[1].ids).to_numpy(dtype=float)
        np.testing.assert_array_equal(values, figures)


def ways_by_networkx(town: Town) -> dict[tuple[Any, Any], tuple[float, float]]:
    """Return seconds and metres from each demand point to each site, all of whom stand on streets, at 1 m/s.

    Out of compounds and never through them; a slope has its pace.
    """
    network, people, sites = town
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for node in range(len(network.node_xy)):
        graph.add_edge(("inside", node), ("street", node), s=0.0, m=0.0)
    xy = {name: at for part in (people, sites) for name, at in zip(part.ids, part.xy, strict=True)}
    for e, (u, v) in enumerate(network.edges.tolist()):
        side = "inside" if network.private[e] else "street"
        (a, b), length = network.node_xy[[u, v]], network.length_m[e]
        there = {name: float((at - a) @ (b - a) / length**2) for name, at in xy.items()}
        on = sorted((f, name) for name, f in there.items() if np.allclose(a + f * (b - a), xy[name]) and 0 < f < 1)
        along, against = network.slope_factor[e].tolist()
        for (f, one), (g, other) in pairwise([(0.0, (side, u)), *on, (1.0, (side, v))]):
            metres = (g - f) * length
            graph.add_edge(one, other, m=metres, s=metres * along)
            if not network.oneway[e]:
                graph.add_edge(other, one, m=metres, s=metres * against)
    found: dict[tuple[Any, Any], tuple[float, float]] = {}
    graph.add_nodes_from(xy)
    for person in people.ids:
        s, m = (nx.single_source_dijkstra_path_length(graph, person, weight=weight) for weight in ("s", "m"))
        found |= {(person, site): (s[site], m[site]) for site in sites.ids if site in s}
    return found


def test_one_way_streets_slopes_compounds_and_islands_are_walked_as_networkx_walks_them() -> None:
    nodes = [(0, 0), (900, 0), (900, 700), (0, 700), (450, 1_600), (9_000, 0), (9_500, 0)]
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 2), (5, 6)]
    streets = worlds.network(nodes, edges, oneway=[True, False, True, False, False, False, False])
    slope = np.ones((7, 2), np.float32)
    slope[1], slope[4] = (1.8, 0.84), (0.9, 2.5)  # the quick way up is another than the short one
    streets = replace(streets, slope_factor=slope, private=np.arange(7) == 5)
    people = worlds.people([(100, 0), (800, 0), (900, 300), (200, 700), (675, 1_150), (9_100, 0), (30_000, 30_000)])
    sites = worlds.outlets([(400, 0), (900, 600), (0, 350), (225, 1_150), (9_400, 0)])
    wanted = ways_by_networkx((streets, people, sites))
    assert 20 < len(wanted) < 30  # the island has its own; who lives beyond every street has none
    found = table((streets, people, sites), nearest=9)
    pairs = dict(zip(zip(found["cell"], found["site"], strict=True), found[COLUMNS[3:]].to_numpy(), strict=True))
    assert pairs.keys() == wanted.keys()
    for pair, figures in pairs.items():
        assert figures == pytest.approx(wanted[pair], abs=0.03), pair  # an edge or a part is right to a millisecond
    assert any(abs(s - m) > 50 for s, m in wanted.values())
    for limit in ("10 min", "2 km"):
        column, most = ("walk_s", 600) if "min" in limit else ("metres", 2_000)
        near = table((streets, people, sites), limit=Rule.of(limit))
        assert len(near) == sum(figures[column == "metres"] <= most for figures in wanted.values())
        assert near[column].max() <= most


def test_a_matrix_is_the_same_table_and_a_problem_takes_it(town: Path, tmp_path: Path) -> None:
    study = read_study(town, cache=tmp_path)
    pairs = study.travel_times(limit="15 min", sites="all")
    matrix = study.travel_times(limit="15 min", sites="all", as_matrix=True)
    assert isinstance(pairs, pd.DataFrame)
    assert not isinstance(matrix, pd.DataFrame)
    assert matrix.shape == (len(study.sites), len(study.demand))
    assert matrix.nnz == len(pairs) == 4
    for pair in pairs.itertuples():
        assert matrix[study.sites.rows([pair.site])[0], list(study.demand.ids).index(pair.cell)] == pair.walk_s
    problem = Problem.from_costs(matrix, study.demand.population, 900, sites=study.sites)
    assert problem.covered_people == study.coverage().covered_people
    today = study.travel_times(limit="15 min")
    assert isinstance(today, pd.DataFrame)
    assert set(today["site"]) == {"O1"}


def test_a_place_at_the_door_takes_no_time_and_stays_in_the_matrix() -> None:
    now = measure_coverage(worlds.line(), worlds.people([(0, 0)]), worlds.outlets([(0, 0)]))
    ways = trace_travel(now, worlds.line(), Travel(nearest=1))
    assert ways.matrix(now, "walk").nnz == 1
    assert ways.walk_s.tolist() == ways.metres.tolist() == [0.0]


def test_nobody_and_no_sites_give_empty_tables() -> None:
    some, nobody, here, nowhere = (
        worlds.people([(0, 0)]),
        worlds.people([]),
        worlds.outlets([(0, 0)]),
        worlds.outlets([]),
    )
    for town in ((worlds.line(), nobody, here), (worlds.line(), some, nowhere)):
        assert table(town, nearest=2).empty
        assert table(town, limit=Rule.of(15)).empty
        assert table(town, nearest=1, by="kind").empty


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "nothing bounds the table"),
        ({"k": 0}, "k is 0; expected 1 or more"),
        ({"by": "kind", "limit": "15 min"}, "expected k, their number"),
        ({"by": "colour", "k": 1}, "by is 'colour'; expected a column of the sites: kind, bank"),
        ({"k": 1, "sites": "closed"}, "sites is the text 'closed'; expected 'open'"),
        ({"k": 1, "measure": "radius"}, "measure is the text 'radius'"),
        ({"limit": "15"}, "limit is '15'; expected a time or a length"),
        ({"limit": "3 miles"}, "limit is '3 miles'"),
        ({"limit": "-3 km"}, "limit is '-3 km'"),
        ({"limit": "0 min"}, "rule limit is 0"),
        ({"limit": Rule.distance(3, along="radius")}, "in a straight line"),
    ],
)
def test_what_bounds_no_table_is_refused_in_a_sentence(
    town: Path, tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    study: Study = read_study(town, cache=tmp_path)
    with pytest.raises(InputError, match=said):
        study.travel_times(**asked)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("15 min", Rule.walk(15)),
        ("900s", Rule.walk(15)),
        ("1.5 h", Rule.walk(90)),
        (10, Rule.walk(10)),
        ("3 km", Rule.distance(3)),
        (" 500 m ", Rule.distance(0.5)),
        (Rule.distance(2), Rule.distance(2)),
    ],
)
def test_limits_are_read_as_people_write_them(text: Any, rule: Rule) -> None:
    assert Rule.of(text) == rule


def test_seconds_far_beyond_the_metres_that_are_near_are_found_too() -> None:
    """On stairs that take ten times as long; near by one pass finds both measures, but not so many seconds."""
    side, rng = 60, np.random.default_rng(3)
    nodes = [(100.0 * x, 100.0 * y) for y in range(side) for x in range(side)]
    edges = [(i, i + 1) for i in range(side * side) if (i + 1) % side]
    edges += [(i, i + side) for i in range(side * (side - 1))]
    kind = (rng.random(len(edges)) < 0.4).astype(np.uint8)
    streets = replace(worlds.network(nodes, edges), kind=kind, kinds=("road", "steps"))
    at = rng.choice(side * side, 400, replace=False)
    people, sites = worlds.people([nodes[i] for i in at[:380]]), worlds.outlets([nodes[i] for i in at[380:]])
    town, walker = (streets, people, sites), Walker(stairs_factor=10)
    near = table(town, walker, limit=Rule.distance(0.5))
    far = table(town, walker, limit=Rule.distance(30))  # everybody: another search
    both = near.merge(far, on=["cell", "site"], suffixes=("", "_far"))
    assert len(both) == len(near) == (far["metres"] <= 500).sum() > 100
    assert (near["walk_s"] > 1.5 * near["metres"]).sum() > 20
    assert both[["walk_s", "metres"]].to_numpy().tolist() == both[["walk_s_far", "metres_far"]].to_numpy().tolist()
