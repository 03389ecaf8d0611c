"""A city for tiles, and who measures them without any cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
import worlds

import accessibility as acc
from accessibility.tiles.measuring import Asked, Tile, measure_tile

if TYPE_CHECKING:
    from accessibility import Standard, Study
    from accessibility.tiles.cluster import Workers

HALO_M = 600.0


def near() -> Standard:
    """Return limits of a few hundred metres, so that a small town has a beyond."""
    return acc.Standard(urban=acc.Rule(measure="walk", limit=240), rural=acc.Rule(measure="network", limit=400))


def city(seed: int, standard: Standard | None = None) -> Study:
    """Return streets every 300 m over 9 km, a third of them missing, one-way ones, compounds and islands among them."""
    chance = np.random.default_rng(seed)
    side = 30
    at = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    number = np.arange(side * side).reshape(side, side)
    edges = np.concatenate([np.column_stack([number[:, :-1].ravel(), number[:, 1:].ravel()]),
                            np.column_stack([number[:-1].ravel(), number[1:].ravel()])])  # fmt: skip
    edges = edges[chance.random(len(edges)) > 0.42]
    nodes = (at * 300.0 + chance.uniform(0, 90, at.shape)).tolist()
    network = worlds.network(nodes, edges.tolist(), oneway=(chance.random(len(edges)) < 0.1).tolist())
    network = replace(network, private=chance.random(len(edges)) < 0.08)
    homes = chance.uniform(-1_400, 10_000, (400, 2))
    people = worlds.people(
        homes.tolist(), chance.integers(1, 90, 400).tolist(), chance.choice(["urban", "town", "rural"], 400).tolist()
    )
    outlets = worlds.outlets(chance.uniform(0, 8_700, (25, 2)).tolist())
    outlets = replace(outlets, open=chance.random(25) < 0.6)
    return acc.Study.of(network, people, outlets, standard=standard or near(), name="City")


def quarters() -> gpd.GeoDataFrame:
    """Return the four districts of the city."""
    corners = [worlds.ORIGIN + np.array([x, y]) for x in (-1_500, 4_300) for y in (-1_500, 4_300)]
    boxes = [shapely.box(*corner, *(corner + 5_800)) for corner in corners]
    return gpd.GeoDataFrame({"name": ["south", "west", "east", "north"]}, geometry=boxes, crs=worlds.CRS)


def here(tiles: list[Tile], asked: Asked, _: Workers, told: Any) -> dict[Tile, str]:
    """Measure tiles without anybody's help."""
    for tile in tiles:
        told(measure_tile(tile, asked))
    return {}
