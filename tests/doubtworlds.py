"""Towns whose truth is known: two hundred islands with homes, streets and outlets, and what offices know of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from statistics import NormalDist

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree
from worlds import CRS, ORIGIN

from accessibility import Demand, Network, Rule, Sites, Standard, Study, Walker, measure_coverage
from accessibility.streets.ways import continue_ways
from accessibility.uncertainty import SOURCES, InputErrors, Interval
from accessibility.uncertainty.scene import Case, Scene
from accessibility.uncertainty.trying import Trying

COUNT = 200
DRAWS = dict.fromkeys(("paths", "outlets", "speed"), 120)
_FEW = 50
_SIDE, _STEP = 9, 150.0  # junctions a side of an island, and metres between them
_APART = 4_000.0
_CELL = 150.0
_MEDIAN_M = 75.0
_PACES = 25
_SIGMA = _MEDIAN_M / np.sqrt(2 * np.log(2))
KINDS = ("residential", "footway")
ERRORS = InputErrors(missing={"footway": 0.15}, people_cell=0.3, people_block=0.3, snapping_m=0.0, speed_m_s=0.1)


@cache
def town() -> Study:
    """Return a town of a few hundred cells with two outlets and a bank that could open."""
    random = np.random.default_rng(11)
    xy, edges, kind = _streets(np.zeros(2))
    network = _network(xy, edges, kind)
    inside = _cells(np.zeros(2))
    people = random.lognormal(3.0, 1.0, len(inside))
    homes = Demand(ids=[f"c{i}" for i in range(len(inside))], xy=inside, population=people, crs=CRS)  # type: ignore[arg-type]
    at = np.array([(-200.0, 75.0), (600.0, 450.0), (1_400.0, 1_250.0)]) + ORIGIN
    kinds = ["outlet", "outlet", "bank"]
    sites = Sites(ids=["O0", "O1", "B0"], xy=at, kind=kinds, crs=CRS)  # type: ignore[arg-type]
    return Study.of(network, homes, sites, settings="urban", name="Town", walker=Walker(speed_m_s=0.8))


def islands() -> tuple[Network, Demand, Sites]:
    """Return what is true of the islands: all their streets, their people by cells, and their outlets."""
    random = np.random.default_rng(5)
    corners = np.array([(c, r) for r in range(COUNT // 20) for c in range(20)], float) * _APART
    parts = [_streets(corner) for corner in corners]
    start = np.cumsum([0, *(len(xy) for xy, _, _ in parts)])
    xy = np.vstack([part[0] for part in parts])
    edges = np.vstack([part[1] + first for part, first in zip(parts, start, strict=False)])
    network = _network(xy, edges, np.concatenate([part[2] for part in parts]))
    cells = np.vstack([_cells(corner) for corner in corners])
    people = random.lognormal(4.0, 1.0, len(cells))
    homes = Demand(ids=[f"c{i}" for i in range(len(cells))], xy=cells, population=people, crs=CRS)  # type: ignore[arg-type]
    at = np.vstack([corner + random.uniform(100.0, 1_100.0, (2, 2)) for corner in corners]) + ORIGIN
    return network, homes, Sites(ids=[f"O{i}" for i in range(len(at))], xy=at, crs=CRS)  # type: ignore[arg-type]


def island_of(homes: Demand) -> pd.Series:
    """Return the island of each demand point."""
    row = np.repeat(np.arange(COUNT), len(homes) // COUNT)
    return pd.Series(row, index=homes.ids, name="island")


def hold_truth(source: str) -> np.ndarray:
    """Return for each island whether the interval holds the true share, where one source errs, or all ``together``.

    The truth is measured by `measure_coverage` alone, of true streets, homes, outlets and pace; what offices know of
    it is made by numpy, with none of the code that draws.
    """
    random = np.random.default_rng([7, len(source)])
    errs = [name for name in ("outlets", "paths", "people", "cells", "speed") if source in (name, "together")]
    network, homes, outlets = islands()
    known_network, known_homes, known_outlets = network, homes, outlets
    rule, pace = Standard(urban=Rule.walk(8)), Walker(speed_m_s=0.9)
    if "outlets" in errs:
        known_outlets = replace(outlets, xy=outlets.xy + random.normal(0.0, _SIGMA, outlets.xy.shape))
    if "paths" in errs:
        foot = network.kind == 1
        ways = continue_ways(network)
        there = ~(foot & (random.random(len(ways))[ways] < ERRORS.missing["footway"]))
        kept = {name: getattr(network, name)[there] for name in ("edges", "length_m", "kind")}
        known_network = Network(node_xy=network.node_xy, kinds=KINDS, crs=CRS, **kept)  # type: ignore[arg-type]
    if "people" in errs:
        block = np.unique(np.floor(homes.xy / 1_000.0), axis=0, return_inverse=True)[1].ravel()
        width = np.sqrt(np.log1p(0.3**2))
        factor = np.exp(width * random.standard_normal(block.max() + 1))[block]
        factor *= np.exp(width * random.standard_normal(len(homes)))
        known_homes = replace(homes, population=homes.population * factor)
    true_homes = _housed(homes, network, random) if "cells" in errs else [homes]
    deviates = np.array([NormalDist().inv_cdf((i + 0.5) / _PACES) for i in range(_PACES)])
    island = island_of(homes)
    which = random.integers(_PACES, size=COUNT) if "speed" in errs else None
    truth = np.zeros(COUNT)
    for number, deviate in enumerate(deviates if which is not None else [0.0]):
        walker = replace(pace, speed_m_s=pace.speed_m_s + ERRORS.speed_m_s * float(deviate))
        here = np.ones(COUNT, bool) if which is None else which == number
        covered = sum(measure_coverage(network, part, outlets, rule, walker).covered * 1.0 for part in true_homes)
        sums = np.bincount(island, weights=homes.population * covered / len(true_homes))
        truth[here] = (sums / np.bincount(island, weights=homes.population))[here]
    now = measure_coverage(known_network, known_homes, known_outlets, rule, pace)
    errors = replace(ERRORS, without=tuple(name for name in SOURCES if name not in errs))
    case = Case(coverage=now, position_m=np.full(len(outlets), _MEDIAN_M))
    tries = Trying(draws=DRAWS.get(source, _FEW), seed=3).run(
        Scene(now=now, network=known_network, errors=errors), case, alone=False
    )
    ends = [Interval.of(one) for one in tries.true_shares_of(island.to_numpy(), COUNT).T]
    return np.array([end.low <= true <= end.high for end, true in zip(ends, truth, strict=True)])


def _housed(homes: Demand, network: Network, random: np.random.Generator) -> list[Demand]:
    """Return the people of each cell at four homes, each at a random place of the cell's streets, 0 to 20 m from it."""
    lines = network.lines()
    points = [shapely.line_interpolate_point(lines, (i + 0.5) / 10, normalized=True) for i in range(10)]
    where, edge = shapely.get_coordinates(np.concatenate(points)), np.tile(np.arange(len(lines)), 10)
    far, cell = cKDTree(homes.xy).query(where, p=np.inf)
    cell = np.where(far <= _CELL / 2, cell, -1)
    of = [np.flatnonzero(cell == row) for row in range(len(homes))]
    ends = network.node_xy[network.edges]
    aside = (ends[:, 1] - ends[:, 0])[:, ::-1] * [-1, 1]
    aside /= np.hypot(*aside.T)[:, None]
    found = []
    for _ in range(4):
        xy = homes.xy.copy()
        for row, spots in enumerate(of):
            if len(spots):
                spot = spots[random.integers(len(spots))]
                xy[row] = where[spot] + aside[edge[spot]] * random.uniform(0.0, 20.0)
        found.append(replace(homes, xy=xy))
    return found


def _streets(corner: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return junctions, edges and types of a chessboard of streets with a footpath across each second block."""
    at = np.array([(c, r) for r in range(_SIDE) for c in range(_SIDE)], float)
    # Bent a little, so that streets are not all one.
    xy = at * _STEP + 25.0 * np.sin(at[:, ::-1] * 1.7) + corner + ORIGIN
    row = np.arange(_SIDE * _SIDE).reshape(_SIDE, _SIDE)
    across = np.column_stack([row[:, :-1].ravel(), row[:, 1:].ravel()])
    along = np.column_stack([row[:-1].ravel(), row[1:].ravel()])
    foot = np.column_stack([row[:-1, :-1].ravel(), row[1:, 1:].ravel()])[::2]
    edges = np.vstack([across, along, foot])
    # Of the streets, too, every third is a footway.
    kind = np.array([0] * len(across) + [1 if i % 3 == 0 else 0 for i in range(len(along))] + [1] * len(foot))
    return xy, edges, kind


def _network(xy: np.ndarray, edges: np.ndarray, kind: np.ndarray) -> Network:
    length = np.hypot(*(xy[edges[:, 0]] - xy[edges[:, 1]]).T)
    return Network(node_xy=xy, edges=edges, length_m=length, kind=kind.astype(np.uint8), kinds=KINDS, crs=CRS)  # type: ignore[arg-type]


def _cells(corner: np.ndarray) -> np.ndarray:
    side = int((_SIDE - 1) * _STEP / _CELL)
    at = np.array([(c + 0.5, r + 0.5) for r in range(side) for c in range(side)]) * _CELL
    found: np.ndarray = at + corner + ORIGIN
    return found
