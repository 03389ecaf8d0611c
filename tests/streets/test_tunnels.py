"""Tunnels of main roads without a sidewalk: short ones are underpasses that everybody walks."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from osmfiles import node, way, write_osm
from shapely import LineString

from accessibility import Demand, Network, Sites, measure_coverage
from accessibility.sources.lines import read_lines
from accessibility.sources.osm.extracts import read_network

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("pieces", "walked"), [((37,), True), ((99,), True), ((102,), False), ((60, 60), False)])
def test_an_underpass_of_a_main_road_is_walked_and_a_long_tunnel_is_not(
    tmp_path: Path,
    pieces: tuple[int, ...],
    walked: bool,  # noqa: FBT001 -- the answer in the row
) -> None:
    """Through every door alike: from the extract, a graph and a file of lines of what the extract holds."""
    along = np.cumsum([0, 50, *pieces, 50])
    nodes = [node(i + 1, 108.2 + x / 95_997, 30.5) for i, x in enumerate(along)]
    tunnel = {"highway": "primary", "tunnel": "yes"}
    ways = [way(i + 1, [i + 1, i + 2], tunnel if 0 < i <= len(pieces) else None) for i in range(len(pieces) + 2)]
    file = write_osm(tmp_path / "town.osm", *nodes, *ways)
    network, findings = read_network(file)
    assert (~network.closed).all() == walked
    assert not [f for f in findings if f.code == "not-walkable"]
    home, counter = (network.node_xy[np.ix_([row])] for row in (0, len(along) - 1))
    people = Demand(ids=["home"], xy=home, population=[1], crs=network.crs)  # type: ignore[arg-type]
    sites = Sites(ids=["O1"], xy=counter, crs=network.crs)  # type: ignore[arg-type]
    lonlat = [(108.2 + x / 95_997, 30.5) for x in along]
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4326")
    graph.add_nodes_from((i, {"x": x, "y": y}) for i, (x, y) in enumerate(lonlat))
    tags = [tunnel if 0 < i <= len(pieces) else {"highway": "residential"} for i in range(len(pieces) + 2)]
    for i, tag in enumerate(tags):
        graph.add_edge(i, i + 1, **tag)
        graph.add_edge(i + 1, i, **tag)
    drawn = [LineString(pair) for pair in pairwise(lonlat)]
    gpd.GeoDataFrame(pd.DataFrame(tags).fillna(""), geometry=drawn, crs=4326).to_file(tmp_path / "town.gpkg")
    for door in (network, Network.from_networkx(graph), read_lines(tmp_path / "town.gpkg")[0]):
        assert measure_coverage(door, people, sites).covered.tolist() == [walked]
