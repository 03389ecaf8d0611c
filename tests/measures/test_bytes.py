"""What streets and people take in memory, counted in bytes as Python and numpy ask for them."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility import Demand, Network, Sites, measure_coverage
from accessibility.geo import arrays as geo_arrays
from accessibility.geo import projection
from accessibility.streets import network as streets
from accessibility.streets.search import packing, segments
from accessibility.streets.snapping import snap_study

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

SIDE = 150
STREETS = 1.27  # a junction, as in the sample county


def arrays() -> dict[str, Any]:
    """Return a town of blocks, some of whose streets are missing."""
    node = np.arange(SIDE * SIDE, dtype=np.int32).reshape(SIDE, SIDE)
    ways = [np.stack([side[:-1], side[1:]], axis=-1).reshape(-1, 2) for side in (node, node.T)]
    edges = np.random.default_rng(3).permutation(np.concatenate(ways))[: int(STREETS * node.size)]
    xy = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).reshape(-1, 2) * 85.0 + [5e5, 34e5]
    return {"node_xy": xy, "edges": edges, "length_m": np.full(len(edges), 85.0)}


def crowd(world: dict[str, Any]) -> dict[str, Any]:
    """Return somebody near every junction."""
    rng, n = np.random.default_rng(5), len(world["node_xy"])
    xy, setting = world["node_xy"] + rng.normal(0, 20, (n, 2)), rng.choice(["urban", "town", "rural"], n)
    return {"ids": np.arange(n), "xy": xy, "population": np.ones(n), "setting": setting}


def measure(world: dict[str, Any], homes: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Yield each stage, and bytes for each of as many junctions and points: held after it, and at its peak."""
    at: Any = {"crs": "EPSG:32649"}
    n = len(homes["xy"])

    def told(stage: str) -> tuple[str, float, float]:
        held, peak = (of / n for of in tracemalloc.get_traced_memory())
        tracemalloc.reset_peak()
        return stage, held, peak

    network = Network(**world, **at)
    yield told("streets")
    people, sites = Demand(**homes, **at), Sites(ids=range(20), xy=homes["xy"][:20], **at)  # type: ignore[arg-type]
    yield told("people")
    snapped = snap_study(network, people, sites)
    yield told("snapping")
    now = measure_coverage(network, people, sites, snapped=snapped)
    yield told("coverage")
    assert now.population == n


MOST = {"streets": (65, 70), "people": (27, 31), "snapping": (48, 85), "coverage": (34, 76)}
"""Bytes that each stage adds, and at its peak beyond what was held before it.

Of streets with straight lines: 16 a junction for its place; an edge has 8 for its ends, 8 for its length, and 20 for
flags and numbers, which take none before they are written. Of people: 16 for the place, 8 for how many they are, 1
for the setting. What lines, ids and figures say of themselves, and how far sites are in a straight line, is worked out
when somebody asks."""


def test_streets_and_people_take_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (geo_arrays, streets, segments, projection):
        monkeypatch.setattr(module, "_BATCH", 1_000)  # what is worked out batch by batch takes no room
    monkeypatch.setattr(packing, "_MANY", 0)  # as of streets that are large
    world = arrays()
    homes = crowd(world)
    list(measure(world, homes))  # kernels are compiled
    tracemalloc.start()
    before, found = 0.0, {}
    try:
        for stage, held, peak in measure(world, homes):
            found[stage] = (round(held - before), round(peak - before))
            before = held
    finally:
        tracemalloc.stop()
    assert {stage: bytes_ for stage, bytes_ in found.items() if (np.array(bytes_) > MOST[stage]).any()} == {}
    assert sum(held for held, _ in found.values()) <= 170
