"""Towns whose truth is known: two hundred islands with homes, streets and outlets, and what offices know of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from statistics import NormalDist

import numpy as np
import shapely
from scipy.spatial import cKDTree
from worlds import CRS, ORIGIN

from accessibility import Demand, Network, Rule, Sites, Standard, Study, Walker, measure_coverage
from accessibility.settlement import Density
from accessibility.streets.snapping import Positions, Snapped
from accessibility.uncertainty import SOURCES, InputErrors, Interval
from accessibility.uncertainty.scene import Case, Scene, TwoCounts, continue_ways
from accessibility.uncertainty.trying import Trying

WORLDS, FEW_WORLDS = 200, 50
_OF_ONE_RUN = 40
DRAWS = dict.fromkeys(("paths", "outlets", "speed"), 120)
_FEW = 50
_SIDE, _STEP = 9, 150.0  # junctions a side of an island, and metres between them
_APART = 4_000.0
_CELL = 150.0
_CELLS = int((_SIDE - 1) * _STEP / _CELL)  # a side of an island
_MEDIAN_M = 75.0
_PACES = 25
_SIGMA = _MEDIAN_M / np.sqrt(2 * np.log(2))
_DOOR_M, _MOST_DOORS = 20.0, 4
_OFF = 0.3  # relative standard deviation of people: of a cell, of a square kilometre, of a district's two totals
_WIDTH = np.sqrt(np.log1p(_OFF**2))
_SUMS = 1e-9  # what sums leave behind
KINDS = ("residential", "footway")
ERRORS = InputErrors(missing={"footway": 0.15}, people_cell=_OFF, people_block=_OFF, snapping_m=_DOOR_M, speed_m_s=0.1)
_RULES, _PACE = Standard(urban=Rule.walk(8), rural=Rule.distance(0.9)), Walker(speed_m_s=0.9)


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


def islands(worlds: int = WORLDS) -> tuple[Network, Demand, Sites]:
    """Return what is true of the islands: all their streets, their people by cells, and their outlets."""
    random = np.random.default_rng(5)
    corners = np.array([(c, r) for r in range(WORLDS // 20) for c in range(20)], float)[:worlds] * _APART
    parts = [_streets(corner) for corner in corners]
    start = np.cumsum([0, *(len(xy) for xy, _, _ in parts)])
    xy = np.vstack([part[0] for part in parts])
    edges = np.vstack([part[1] + first for part, first in zip(parts, start, strict=False)])
    network = _network(xy, edges, np.concatenate([part[2] for part in parts]))
    cells = np.vstack([_cells(corner) for corner in corners])
    people = random.lognormal(3.88, 1.0, len(cells))  # an island is a town or not by a hair
    homes = Demand(ids=[f"c{i}" for i in range(len(cells))], xy=cells, population=people, crs=CRS)  # type: ignore[arg-type]
    at = np.vstack([corner + random.uniform(100.0, 1_100.0, (2, 2)) for corner in corners]) + ORIGIN
    return network, homes, Sites(ids=[f"O{i}" for i in range(len(at))], xy=at, crs=CRS)  # type: ignore[arg-type]


def hold_truth(source: str, worlds: int = WORLDS) -> np.ndarray:
    """Return for each island whether the interval holds the true share, where one source errs, or all ``together``.

    The truth is measured by `measure_coverage` alone, of true streets, homes, doors, settings, outlets and paces; what
    offices know of it is made by numpy, with none of the code that draws.
    """
    random = np.random.default_rng([7, len(source)])
    errs = {name for name in SOURCES if source in (name, "together")}
    network, homes, outlets = islands(worlds)
    rows = np.arange(len(homes))
    island = rows // _CELLS**2
    district = island * _CELLS + rows % _CELLS  # a column of cells
    square = _density(homes)
    off = _errors(random, square.people.size)[square.cell]
    counted = homes.population
    if "people" in errs:
        counted = counted * off * _errors(random, len(homes))
    elif "totals" in errs:
        counted = counted * _errors(random, district.max() + 1)[district]
    census = np.bincount(district, weights=homes.population) * _errors(random, district.max() + 1)
    truly, by_office, density = homes, replace(homes, population=counted), None
    if "settlement" in errs:
        density = _density(by_office if "people" in errs else replace(homes, population=homes.population * off))
        truly, by_office = replace(homes, setting=square.settings()), replace(by_office, setting=density.settings())
    known_network = _drawn(network, random) if "paths" in errs else network
    astray = random.normal(0.0, _SIGMA, outlets.xy.shape) if "outlets" in errs else 0.0
    now = measure_coverage(known_network, by_office, replace(outlets, xy=outlets.xy + astray), _RULES, _PACE)
    truth = _true_shares(errs, (network, truly, outlets), island, random)
    scene = Scene(
        now=now,
        network=known_network,
        errors=replace(ERRORS, without=tuple(name for name in SOURCES if name not in errs)),
        density=density,
        counts=TwoCounts.of(counted, (census / np.bincount(district, weights=counted))[district], district)
        if "totals" in errs
        else None,
    )
    case = Case(coverage=now, position_m=np.full(len(outlets), _MEDIAN_M))
    # The worlds of one run share its paces, so that they are no trials of their own: several runs share the worlds.
    runs = max(worlds // _OF_ONE_RUN, 1) if "speed" in errs else 1
    inside = np.zeros(worlds, np.bool_)
    for run in range(runs):
        tries = Trying(draws=DRAWS.get(source, _FEW), seed=3 + run).run(scene, case, alone=False)
        assert tries.sources == tuple(name for name in SOURCES if name in errs)
        ends = [Interval.of(one) for one in tries.true_shares_of(island, worlds).T]
        of_all = [end.low - _SUMS <= true <= end.high + _SUMS for end, true in zip(ends, truth, strict=True)]
        inside[run::runs] = of_all[run::runs]
    return inside


def _true_shares(
    errs: set[str], true: tuple[Network, Demand, Sites], island: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return the true share of each island: of homes where they are, at their doors, and of a group of its own pace."""
    network, homes, outlets = true
    housed = _housed(homes, network, random) if "cells" in errs else [homes]
    doors: list[Snapped | None] = [None] * len(housed)
    if "snapping" in errs:
        at = _doors(network, outlets.xy, random)
        doors = [Snapped(demand=_doors(network, part.xy, random), sites=at) for part in housed]
    deviates = np.array([NormalDist().inv_cdf((i + 0.5) / _PACES) for i in range(_PACES)])
    which = random.integers(_PACES, size=island.max() + 1) if "speed" in errs else None
    truth = np.zeros(island.max() + 1)
    for number, deviate in enumerate(deviates if which is not None else [0.0]):
        walker = replace(_PACE, speed_m_s=_PACE.speed_m_s + ERRORS.speed_m_s * float(deviate))
        here = np.ones(len(truth), bool) if which is None else which == number
        at_doors = zip(housed, doors, strict=True)
        found = [measure_coverage(network, part, outlets, _RULES, walker, at).covered for part, at in at_doors]
        covered = np.mean(found, axis=0)
        sums = np.bincount(island, weights=homes.population * covered)
        truth[here] = (sums / np.bincount(island, weights=homes.population))[here]
    return truth


def _errors(random: np.random.Generator, size: int) -> np.ndarray:
    """Return factors by which counts of people are off."""
    found: np.ndarray = np.exp(_WIDTH * random.standard_normal(size))
    return found


def _density(homes: Demand) -> Density:
    """Return people by square kilometre."""
    cell = np.floor((homes.xy - ORIGIN) / 1_000.0).astype(np.intp) + 1
    shape = tuple(cell.max(axis=0) + 2)
    at = cell[:, 0] * shape[1] + cell[:, 1]
    people = np.bincount(at, weights=homes.population, minlength=shape[0] * shape[1])
    return Density(people=people.reshape(shape), cell=at)


def _drawn(network: Network, random: np.random.Generator) -> Network:
    """Return the streets that a map has: some ways of footpaths are missing."""
    ways = continue_ways(network)
    there = ~((network.kind == 1) & (random.random(len(ways))[ways] < ERRORS.missing["footway"]))
    kept = {name: getattr(network, name)[there] for name in ("edges", "length_m", "kind")}
    return Network(node_xy=network.node_xy, kinds=KINDS, crs=CRS, **kept)  # type: ignore[arg-type]


def _doors(network: Network, xy: np.ndarray, random: np.random.Generator) -> Positions:
    """Return the street that each door opens to: the nearest, were each a little nearer or farther than it is.

    Who judges distances with errors of Gumbel's distribution chooses by the logit (McFadden 1974).
    """
    lines = network.lines()
    point, street = shapely.STRtree(lines).query(shapely.points(xy), predicate="dwithin", distance=300.0)
    metres = shapely.distance(lines[street], shapely.points(xy[point]))
    order = np.lexsort((metres, point))
    point, street, metres = point[order], street[order], metres[order]
    near = np.arange(len(point)) - np.searchsorted(point, point) < _MOST_DOORS
    point, street, metres = point[near], street[near], metres[near]
    felt = np.lexsort((metres - random.gumbel(0.0, _DOOR_M, len(metres)), point))
    first = felt[np.searchsorted(point[felt], np.arange(len(xy)))]
    along = shapely.line_locate_point(lines[street[first]], shapely.points(xy), normalized=True)
    return Positions(edge=street[first].astype(np.int32), fraction=along, leg_m=metres[first])


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
