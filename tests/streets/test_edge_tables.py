"""Tables of junctions and edges in and out, as pandana, igraph and osmnx users hold them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import worlds

from accessibility import AccessibilityWarning, InputError, Network, Walker, measure_coverage

NODES = pd.DataFrame({"x": [5e5, 501e3, 501e3], "y": [34e5, 34e5, 3_400_500]}, index=[7, 8, 9])
EDGES = pd.DataFrame({"from": [7, 8], "to": [8, 9], "length": [1_000.0, 500.0], "highway": "footway"})


def test_tables_are_the_network_of_the_same_graph() -> None:
    pandana = SimpleNamespace(nodes_df=NODES, edges_df=EDGES)
    network = Network.from_tables(pandana.nodes_df, pandana.edges_df, crs="EPSG:32649")
    as_uv = EDGES.rename(columns={"from": "u", "to": "v"}).set_index(["u", "v"])
    same = Network.from_tables(NODES, as_uv, crs="EPSG:32649")
    graph = Network.from_networkx(network.to_networkx())
    for other in (same, graph):
        assert other.length_m.sum() == network.length_m.sum() == 1_500
        assert sorted(other.node_ids.tolist()) == [7, 8, 9]
    people = worlds.people([(0, 0)])
    people = replace(people, xy=[(501e3, 3_400_500)])  # type: ignore[arg-type]
    sites = replace(worlds.outlets([(0, 0)]), xy=[(5e5, 34e5)])  # type: ignore[arg-type]
    assert measure_coverage(network, people, sites).metres.tolist() == [1_500]


def test_the_distance_of_a_pandana_network_is_its_length() -> None:
    winding = EDGES.rename(columns={"length": "distance"}).assign(distance=[1_200.0, 610.0])
    assert Network.from_tables(NODES, winding, crs="EPSG:32649").length_m.tolist() == [1_200, 610]
    both = winding.assign(length=[1_100.0, 600.0])
    assert Network.from_tables(NODES, both, crs="EPSG:32649").length_m.tolist() == [1_100, 600]


def test_an_edge_far_longer_than_drawn_is_kept_and_told() -> None:
    edges = pd.DataFrame({"from": [7, 8, 7], "to": [8, 9, 9], "length": [1_000.0, 5_000.0, 1_300.0]})
    with pytest.warns(AccessibilityWarning, match="1 edges are more than 5 times as long as drawn, up to 5,000 m"):
        network = Network.from_tables(NODES, edges.assign(highway="footway"), crs="EPSG:32649")
    assert sorted(network.length_m.tolist()) == [1_000, 1_300, 5_000]  # 500 m told as 5 km, and 1,118 m with bends


def test_the_frame_of_a_network_has_its_ends_lengths_seconds_and_flags() -> None:
    network = worlds.network([(0, 0), (900, 0), (900, 700)], [(0, 1), (1, 2)], oneway=[True, False])
    network = replace(network, closed=[False, True], signals=[1, 0])  # type: ignore[arg-type]
    frame = network.to_gdf(walker=Walker(speed_m_s=1.5, signal_delay_s=20))
    assert frame[["u", "v"]].to_numpy().tolist() == [[0, 1], [1, 2]]
    assert frame["length_m"].tolist() == [900, 700]
    assert frame["walk_s"].tolist() == [620, np.inf]
    assert frame["walk_back_s"].tolist() == [np.inf, np.inf]
    assert frame["oneway"].tolist() == [True, False]
    assert "walk_s" not in network.to_gdf().columns


@pytest.mark.parametrize(
    ("nodes", "edges", "said"),
    [
        (NODES.drop(columns="y"), EDGES, "nodes lack the column 'y'"),
        (NODES.set_index(np.array([7, 7, 8])), EDGES, "an id that stands twice"),
        (NODES, EDGES.drop(columns="to"), "expected from and to, or u and v"),
        (NODES, EDGES.assign(to=[8, 99]), "edges lead to 99; expected ids of the nodes"),
    ],
)
def test_tables_that_do_not_fit_are_refused(nodes: pd.DataFrame, edges: pd.DataFrame, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Network.from_tables(nodes, edges, crs="EPSG:32649")
