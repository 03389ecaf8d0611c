"""Walking distances against other engines: Valhalla reads the extract itself, igraph searches the same streets.

Optional: ``make peers`` installs them and runs this file; elsewhere it is skipped.

Valhalla has a reader, rules of access, a graph and a search of its own, so what it says is another opinion and no
truth. On the extract of Liechtenstein all that differs by over 1 % comes from rules that differ on purpose:

- Ways for residents and customers are closed to passers-by here; Valhalla walks through. Open them and most agree.
- Bridleways and the outlines of squares are walked here only; streets of ``foot=use_sidepath`` there only.
- A fence across a track stops people here only.
- A place on a bridge is snapped to a street on the ground near it here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from pyproj import CRS

from accessibility import Demand, Network, Sites, Walker, measure_coverage
from accessibility.geo.projection import transform
from accessibility.sources.osm.extracts import read_network
from accessibility.streets import search
from accessibility.streets.search.elimination import IMPASSABLE
from accessibility.streets.search.packing import build_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.real

COUNTERS, HOMES = 100, 3
NEAREST_M, FARTHEST_M = 500.0, 5_000.0
WGS84 = CRS.from_epsg(4326)
OPTIONAL = "an optional peer; make peers installs it"
# Metres alone decide: no ferry, no fear of steep paths; steps have a price in Valhalla even where shortest is asked.
SHORTEST = {"shortest": True, "use_ferry": 0, "max_hiking_difficulty": 6, "step_penalty": 0, "elevator_penalty": 0}


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Counters ``(100, 2)``, and homes ``(100, 3, 2)`` 0.5 to 5 km from each, in metres, anywhere along the streets."""

    counters: NDArray[np.float64]
    homes: NDArray[np.float64]


@pytest.fixture(scope="module")
def network(liechtenstein: Path, cache: Path) -> Network:
    return read_network(liechtenstein, cache_dir=cache)[0]


@pytest.fixture(scope="module")
def pairs(network: Network) -> Pairs:
    rng = np.random.default_rng(2021)
    counters = along_streets(network, network.main_edges & ~network.private, COUNTERS, rng)
    anywhere = along_streets(network, network.main_edges, 20 * COUNTERS, rng)
    homes = []
    for counter in counters:
        metres = np.hypot(*(anywhere - counter).T)
        near = np.flatnonzero((metres >= NEAREST_M) & (metres <= FARTHEST_M))
        homes.append(anywhere[rng.choice(near, HOMES, replace=False)])
    return Pairs(counters=counters, homes=np.array(homes))


@pytest.fixture(scope="module")
def valhalla(liechtenstein: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return Valhalla on tiles that it built from the extract."""
    library = pytest.importorskip("valhalla", reason=OPTIONAL)
    folder = tmp_path_factory.mktemp("valhalla")
    (folder / "tiles").mkdir()
    config = folder / "valhalla.json"
    settings = library.get_config(tile_extract="", tile_dir=str(folder / "tiles"), verbose=False)
    config.write_text(json.dumps(settings), encoding="utf-8")
    build = [sys.executable, "-m", "valhalla", "valhalla_build_tiles", "-c", str(config), str(liechtenstein)]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(build, check=True, capture_output=True, env=os.environ | {"PATH": programs})  # noqa: S603 -- our own
    return library.Actor(str(config))


def along_streets(
    network: Network, allowed: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return places anywhere along the streets allowed, every metre as likely as any other."""
    length_m = np.where(allowed, network.length_m, 0.0)
    edge = rng.choice(len(length_m), count, p=length_m / length_m.sum())
    points = shapely.line_interpolate_point(network.lines()[edge], rng.uniform(0, 1, count), normalized=True)
    places: NDArray[np.float64] = shapely.get_coordinates(points)
    return places


def our_metres(network: Network, pairs: Pairs, *, open_compounds: bool) -> NDArray[np.float64]:
    """Return ``(100, 3)`` metres from each home to its counter."""
    walker = Walker(open_compounds=open_compounds)
    found = []
    for counter, homes in zip(pairs.counters, pairs.homes, strict=True):
        people = Demand(ids=range(HOMES), xy=homes, population=np.ones(HOMES), crs=network.crs)  # type: ignore[arg-type]
        site = Sites(ids=["C"], xy=counter[None], crs=network.crs)  # type: ignore[arg-type]
        found.append(measure_coverage(network, people, site, walker=walker).metres)
    return np.array(found)


def valhalla_metres(engine: Any, network: Network, pairs: Pairs) -> NDArray[np.float64]:
    """Return what Valhalla says of the same pairs, in whole metres."""
    found = np.empty((COUNTERS, HOMES))
    for i, j in np.ndindex(COUNTERS, HOMES):
        ends = transform(np.array([pairs.homes[i, j], pairs.counters[i]]), network.crs, WGS84)
        places = [{"lon": lon, "lat": lat, "node_snap_tolerance": 0} for lon, lat in ends.tolist()]
        ask = {"locations": places, "costing": "pedestrian", "costing_options": {"pedestrian": SHORTEST}}
        found[i, j] = engine.route(ask | {"directions_type": "none"})["trip"]["summary"]["length"] * 1_000
    return found


@pytest.mark.parametrize(
    ("open_compounds", "agreeing"),
    [pytest.param(True, 0.95, id="open"), pytest.param(False, 0.90, id="residents-only")],
)
def test_distances_agree_with_valhalla(
    network: Network, pairs: Pairs, valhalla: Any, *, open_compounds: bool, agreeing: float
) -> None:
    ours = our_metres(network, pairs, open_compounds=open_compounds)
    theirs = valhalla_metres(valhalla, network, pairs)
    difference = (ours - theirs) / theirs
    within = [float((np.abs(difference) <= limit).mean()) for limit in (0.001, 0.01)]
    sys.stdout.write(
        f"\nValhalla, compounds {'open' if open_compounds else 'for residents'}: {ours.size} pairs, "
        f"{within[0]:.1%} within 0.1 %, {within[1]:.1%} within 1 %, median {np.median(difference):+.4%}; "
        f"longer than theirs by over 1 %: {(difference > 0.01).sum()}, shorter: {(difference < -0.01).sum()}\n"
    )
    for i, j in zip(*np.unravel_index(np.argsort(-np.abs(difference), axis=None)[:10], ours.shape), strict=True):
        ends = transform(np.array([pairs.homes[i, j], pairs.counters[i]]), network.crs, WGS84)
        way = " to ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in ends.tolist())
        sys.stdout.write(f"  {way}: {ours[i, j]:.0f} m, theirs {theirs[i, j]:.0f} m, {difference[i, j]:+.2%}\n")
    assert np.isfinite(ours).all()
    assert within[1] >= agreeing
    assert abs(np.median(difference)) < 0.001


def test_every_junction_agrees_with_igraph(network: Network) -> None:
    igraph: Any = pytest.importorskip("igraph", reason=OPTIONAL)
    impedance = network.impedance()
    first, second = network.edges.T
    cost = np.concatenate([impedance.along, impedance.against])
    arcs = np.concatenate([network.edges, network.edges[:, ::-1]])[cost != IMPASSABLE]
    peer = igraph.Graph(len(network.node_xy), arcs.tolist(), directed=True)
    sites = np.random.default_rng(5).choice(np.flatnonzero(network.main_edges), 30)
    theirs = np.array(peer.distances(first[sites].tolist(), weights=cost[cost != IMPASSABLE].tolist(), mode="in"))

    graph = build_graph(network, impedance, open_compounds=True)
    m = len(network.edges)
    ends = search.Stops(
        edge=np.tile(np.arange(m, dtype=np.int32), 2),
        fraction=np.repeat([0.0, 1.0], m),
        leg=np.zeros(2 * m, np.uint32),
    )
    for site, metres in zip(sites, theirs, strict=True):
        stop = search.Stops(edge=np.array([site], np.int32), fraction=np.zeros(1), leg=np.zeros(1, np.uint32))
        ours, _ = search.split_labels(search.read_labels(graph, search.nearest(graph, stop), stop, ends))
        expected = metres[np.concatenate([first, second])]
        assert np.array_equal(ours, np.where(np.isinf(expected), float(search.UNREACHED), expected))
