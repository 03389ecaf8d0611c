"""Streets that are never held at once are the streets of a network in memory: edge by edge, bit by bit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import worlds
from conftest import ROOT
from osmfiles import node, relation, way, write_osm
from tileworlds import city

from accessibility.errors import InputError
from accessibility.geo.arrays import spans
from accessibility.sources import cache
from accessibility.sources.components import enclose_placed, lead_somewhere
from accessibility.sources.osm.extracts import place_network, read_network
from accessibility.sources.street_store import place_whole
from accessibility.streets import search
from accessibility.streets.foot import FootAccess
from accessibility.streets.network import PER_EDGE, enclose_lanes, sealed_edges
from accessibility.streets.search.multisource import NO_LABEL
from accessibility.streets.snapping import NOWHERE, snap_in_parts, snap_points

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility import Network
    from accessibility.sources.street_store import PlacedStreets

FOOT = FootAccess(ferries=True, ferry_wait_s=300, lift_s=60)
STREETS: list[dict[str, str]] = [
    {"highway": "residential"},
    {"highway": "residential", "access": "private"},
    {"highway": "footway"},
    {"highway": "service"},
    {"highway": "steps", "oneway:foot": "yes"},
    {"highway": "footway", "oneway:foot": "-1"},
    {"highway": "primary", "tunnel": "yes"},
    {"highway": "footway", "bridge": "yes", "layer": "1"},
    {"route": "ferry", "duration": "00:10"},
    {"route": "ferry"},
    {"highway": "elevator"},
    {"highway": "motorway"},
]
MARKS: list[dict[str, str]] = [
    {"barrier": "wall"},
    {"barrier": "gate", "access": "private"},
    {"barrier": "gate", "locked": "yes"},
    {"highway": "elevator"},
    {"highway": "crossing", "crossing": "traffic_signals"},
    {"barrier": "gate", "access:conditional": "no @ (22:00-06:00)"},
]


def drawn(path: Path, seed: int) -> Path:
    """Write streets of all kinds over a grid of 14 by 14 nodes, some missing, some marked, and squares among them."""
    chance, side = np.random.default_rng(seed), 14
    at = chance.permutation(3 * side * side)[: side * side] + 1  # ids in another order than places
    number = at.reshape(side, side)
    nodes = []
    for row, column in np.ndindex(side, side):
        lon, lat = 9.5 + 0.002 * column + chance.uniform(0, 4e-4), 47.1 + 0.0015 * row
        tags = MARKS[chance.integers(len(MARKS))] if chance.random() < 0.12 else {}
        if chance.random() > 0.04:
            nodes.append((int(number[row, column]), node(int(number[row, column]), lon, lat, **tags)))
    ways, ident = [], 1
    for road in range(12):  # of many steps, whose sum hangs on how many numbers are added up
        first = 10_000 + 100 * road
        refs = [*range(first, first + 9 + road)]
        nodes += [(ref, node(ref, 9.505 + chance.uniform(0, 0.012), 47.105 + 1e-4 * road)) for ref in refs]
        ways.append(way(ident, refs))
        ident += 1
    for _ in range(170):
        row, column = chance.integers(side, size=2)
        refs = [int(number[row, column])]
        for _ in range(chance.integers(1, 6)):
            down, across = chance.choice([(0, 1), (1, 0), (0, -1), (-1, 0), (0, 0)])
            row, column = int(np.clip(row + down, 0, side - 1)), int(np.clip(column + across, 0, side - 1))
            refs.append(int(number[row, column]))
        ways.append(way(ident, refs, STREETS[chance.choice(len(STREETS), p=[0.34, 0.12, *[0.054] * 10])]))
        ident += 1
    rings: list[str] = []
    for _ in range(7):
        row, column = chance.integers(side - 3, size=2)
        high, wide = chance.integers(1, 4, size=2)
        edge = [(row, column), (row, column + wide), (row + high, column + wide), (row + high, column)]
        refs = [int(number[corner]) for corner in [*edge, edge[0]]]
        square = {"highway": "pedestrian", "area": "yes"}
        own = square if chance.random() < 0.6 else {"highway": "service"}
        ways.append(way(ident, refs, own))
        if own is not square:
            rings.append(relation(len(rings) + 1, [("way", ident, "outer")], {"type": "multipolygon", **square}))
        ident += 1
    lines = [text for _, text in sorted(nodes)]
    return write_osm(path, *lines, *ways, *rings)


def whole_of(streets: PlacedStreets) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return all edges by number, and their vertices."""
    rows = np.concatenate([rows for _, rows in streets.rows()])
    vertices = np.concatenate([streets.vertices.take(heap, keep=True) for heap in range(len(streets.boxes))])
    order, begin = np.argsort(rows["edge"]), np.cumsum(rows["vertices"]) - rows["vertices"]
    return rows[order], vertices[spans(begin[order], rows["vertices"][order])]


def assert_same(streets: PlacedStreets, network: Network) -> None:
    rows, vertices = whole_of(streets)
    assert rows["edge"].tolist() == list(range(len(network.edges)))
    np.testing.assert_array_equal(rows["ends"], network.edges)
    for name in ("length_m", *PER_EDGE):
        np.testing.assert_array_equal(rows[name], getattr(network, name), err_msg=name)
    np.testing.assert_array_equal(vertices["xy"], network.shape_xy)
    np.testing.assert_array_equal(np.cumsum(rows["vertices"]), network.shape_start[1:])
    assert streets.crs == network.crs


@pytest.mark.parametrize("seed", range(4))
def test_streets_of_every_kind_are_the_same_in_blocks(seed: int, tmp_path: Path) -> None:
    path = drawn(tmp_path / "drawn.osm", seed)
    bounds = None if seed % 2 else (9.506, 47.104, 9.519, 47.115)
    whole, said = read_network(path, foot=FOOT, bounds=bounds)
    for held in (9, 100_000):
        folder = tmp_path / f"{held}"
        folder.mkdir()
        streets, found = place_network(path, folder, foot=FOOT, bounds=bounds, held=held)
        assert_same(streets, whole)
        assert found == said
        assert (len(streets.boxes) == 1) == (held == 100_000)
    assert whole.across.any()
    assert (whole.fixed_s > 0).any()
    assert {f.code for f in said} >= {"missing-nodes", "blocking-barrier", "ferries"}


@pytest.mark.parametrize("extract", ["liechtenstein/liechtenstein-2021.osm.pbf", "monaco/monaco.osm.gz"])
def test_real_streets_are_the_same_in_blocks(extract: str, tmp_path: Path) -> None:
    path = ROOT.parent / "shared" / "data" / extract
    if not path.is_file():
        pytest.skip(f"{extract} is not beside the project")
    whole, said = read_network(path)
    streets, found = place_network(path, tmp_path, foot=FootAccess(), held=8_000)
    assert_same(streets, whole)
    assert found == said


def test_what_cannot_be_read_is_told_alike(tmp_path: Path) -> None:
    corners = [node(1, 9.5, 47.1), node(2, 9.501, 47.1)]
    for number, (objects, bounds) in enumerate(
        [
            ([way(1, [1, 2], {"highway": "motorway"})], None),
            ([way(1, [1, 2])], (8.0, 40.0, 8.1, 40.1)),
            ([way(1, [1, 3])], None),
        ]
    ):
        path = write_osm(tmp_path / f"{number}.osm", *corners, *objects)
        (folder := tmp_path / f"{number}").mkdir()
        with pytest.raises(InputError) as told:
            read_network(path, bounds=bounds)
        with pytest.raises(InputError) as same:
            place_network(path, folder, foot=FootAccess(), bounds=bounds)
        assert str(same.value) == str(told.value)


def leading_somewhere(network: Network, stops: Any) -> NDArray[np.bool_]:
    """Return by a search whether who lives on an edge gets from each of its ends to a site."""
    graph = network.packed.graph(None, open_compounds=False)
    labels = search.nearest(graph, stops)
    street = labels[graph.hierarchy.place] != NO_LABEL
    inside = street.copy()
    inside[graph.inside] = labels[len(street) + graph.compounds.place] != NO_LABEL
    leads: NDArray[np.bool_] = np.where(graph.private[:, None], inside[network.edges], street[network.edges])
    return leads


@pytest.mark.parametrize("seed", range(4))
def test_what_hangs_together_is_found_heap_by_heap(seed: int, tmp_path: Path) -> None:
    study = city(seed)
    network, chance = study.network, np.random.default_rng(seed)
    for held in (40, 333):
        folder = tmp_path / f"{held}"
        folder.mkdir()
        streets = place_whole(network, folder, held)
        told = enclose_placed(streets)
        now, enclosed = enclose_lanes(network)
        rows, _ = whole_of(streets)
        assert told.enclosed[0] == enclosed.sum()
        assert told.enclosed[1] == pytest.approx(now.length_m[enclosed].sum())
        assert enclosed.any()
        for name, expected in (("private", now.private), ("enclosed", enclosed), ("main", now.main_edges)):
            np.testing.assert_array_equal(rows[name], expected, err_msg=name)
        np.testing.assert_array_equal(rows["sealed"], sealed_edges(now))
        xy = np.concatenate([chance.uniform(-4_000, 13_000, (200, 2)), network.node_xy[:50], [[np.nan, 0.0]]])
        for public in (False, True):
            at, whole = snap_in_parts(streets, xy, 700.0, public=public), snap_points(now, xy, 700.0, public=public)
            for name in ("edge", "fraction", "leg_m"):
                np.testing.assert_array_equal(getattr(at, name), getattr(whole, name), err_msg=name)
            exactly = snap_in_parts(streets, xy, np.where(whole.snapped, whole.leg_m, 0.0), public=public)
            np.testing.assert_array_equal(exactly.edge, whole.edge)  # who stands just so far off is on the street
        some = whole.take(np.flatnonzero(whole.snapped)[: 2 + seed])
        lead_somewhere(streets, some.edge, some.fraction, open_compounds=False)
        leads = leading_somewhere(now, some.stops(100.0))
        np.testing.assert_array_equal(whole_of(streets)[0]["leads"], leads)
        assert NOWHERE in whole.edge
        assert 0 < leads.sum() < leads.size


def test_where_the_main_street_is_a_bridge_nobody_is_put_on_a_side_street(tmp_path: Path) -> None:
    ends = [(0, 0), (9_000, 0), (0, 500), (900, 500)]
    network = replace(worlds.network(ends, [(0, 1), (2, 3)]), off_ground=np.array([True, False]))
    streets = place_whole(network, tmp_path, 1)
    enclose_placed(streets)
    xy = np.array([(450.0, 490.0)])
    assert network.main_edges.tolist() == [True, False]
    for at in (snap_points(network, xy, 700.0), snap_in_parts(streets, xy, 700.0)):
        assert (at.edge.tolist(), np.isnan(at.leg_m).tolist()) == ([NOWHERE], [True])


def test_memory_is_bounded_by_what_is_held_and_not_by_the_file(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, most = 1_500, [0]

    def counting(read: Any) -> Any:
        def told(*given: Any, **options: Any) -> Any:
            found = read(*given, **options)
            arrays = found.values() if isinstance(found, dict) else [found]
            most.append(max(len(array) for array in arrays))
            return found

        return told

    monkeypatch.setattr(cache.Heaps, "take", counting(cache.Heaps.take))
    monkeypatch.setattr(cache.Blocks, "take", counting(cache.Blocks.take))
    streets, _ = place_network(sample.parent / "roads.osm.pbf", tmp_path, foot=FootAccess(), held=held)
    told = enclose_placed(streets)
    assert told.closed == (0, 0.0)
    rows = sum(len(rows) for _, rows in streets.rows())
    assert rows > 15 * held
    assert max(most) < 8 * held  # vertices of edges, several each
