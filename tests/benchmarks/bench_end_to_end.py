"""From an extract to who is covered against the same answer by three other ways, in CPU time of one run.

Of a country `cover` is measured whole, with map, report and layers; then the answer of the study alone; then that
from what the peers are given, the extract and tables of people and outlets. Of a city the last. What a study needs of
an extract is kept by the run before, as for whoever runs it twice; the peers and the last read the extract anew.

Peers: osmnx and networkx; pyrosm and pandana; pyosmium and scipy, written for the purpose. osmnx is given the streets
as XML. Each keeps streets that may be walked, snaps people and outlets onto the edges, walks from the outlets with both
legs and says who is covered. ``make benchmark`` runs it; pyrosm and pandana are optional (``make peers``).
"""

from __future__ import annotations

import importlib.util
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import countrypeers
import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
from countrypeers import EXTRACT

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Network

DATA = countrypeers.ROOT.parent / "shared" / "data"
COUNTRY = DATA / "liechtenstein" / "liechtenstein-2021.osm.pbf"
CITY = DATA / "porto" / "porto-metro-2015.osm.pbf"
STUDY = """
name = "Country"
[inputs]
area = {{ path = "{0}", admin_level = 8 }}
network = {{ path = "{0}" }}
population = {{ buildings = true }}
outlets = {{ osm = "amenity=townhall,amenity=post_office" }}
"""
FLOORS = {"osmnx": (3.2, 4.8, 4.8), "pandana": (0.9, 1.5, 1.5), "scipy": (0.33, 0.5, 0.5)}
"""Of the whole pack, of the study's answer, and of the answer from the same tables, on a busy machine."""
CITY_FLOORS = {"osmnx": 15.0, "pandana": 3.5, "scipy": 1.3}
NEEDS = {"osmnx": ("osmnx",), "pandana": ("pyrosm", "pandana"), "scipy": ("osmium",)}
SAME, SAME_IN_CITY = 0.015, 0.03  # share covered: each reads which streets may be walked by its own rules
HOMES, OUTLETS = 100_000, 60  # drawn in the city

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not COUNTRY.exists(), reason="the extracts are not beside the project"),
]


def cpu_seconds(*command: str) -> float:
    """Return the CPU seconds of a process of its own; what it loads is compiled, whatever the shell says."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, env=env)  # noqa: S603 -- its own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def twice(*command: str) -> float:
    """Return the CPU seconds of the second of two runs: kernels are compiled once for all runs of a machine."""
    cpu_seconds(*command)
    return cpu_seconds(*command)


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[float, float, float]]:
    """Return the folder of a pack, and the CPU seconds of the pack, of the study's answer, and of that from tables."""
    folder = tmp_path_factory.mktemp("country")
    (folder / EXTRACT).symlink_to(COUNTRY)
    (folder / "study.toml").write_text(STUDY.format(COUNTRY), encoding="utf-8")
    study, pack = (str(folder / name) for name in ("study.toml", "pack"))
    whole = twice("-m", "accessibility.cli", "cover", study, "--out", pack, "--overwrite")
    answer = cpu_seconds("-c", f"import accessibility as a; print(a.read_study({study!r}).coverage().share)")
    return folder, (whole, answer, twice(countrypeers.__file__, "accessibility", str(folder)))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, porto: Network) -> tuple[Path, float]:
    """Return a folder with people and outlets drawn beside the streets, and the CPU seconds of our answer."""
    folder = tmp_path_factory.mktemp("city")
    (folder / EXTRACT).symlink_to(CITY)
    (folder / "pack").mkdir()
    rng = np.random.default_rng(7)
    ends = porto.node_xy[porto.edges[rng.integers(0, len(porto.edges), HOMES)]]
    at = ends[:, 0] + rng.random((HOMES, 1)) * (ends[:, 1] - ends[:, 0]) + rng.normal(0.0, 20.0, (HOMES, 2))
    places = gpd.GeoSeries(gpd.points_from_xy(*at.T), crs=porto.crs).to_crs(4326)
    people = {"id": np.arange(HOMES).astype(str), "population": rng.integers(1, 30, HOMES).astype(float)}
    people["setting"] = np.where(rng.random(HOMES) < 0.2, "rural", "urban")
    gpd.GeoDataFrame(people, geometry=places).to_parquet(folder / "pack" / "demand.parquet")
    outlets = gpd.GeoDataFrame({"id": np.arange(OUTLETS).astype(str)}, geometry=places[:OUTLETS])
    outlets.to_file(folder / "pack" / "coverage.gpkg", layer="outlets")
    return folder, twice(countrypeers.__file__, "accessibility", str(folder))


@pytest.mark.parametrize("peer", FLOORS)
def test_a_country_from_its_extract_to_who_is_covered(
    peer: str, country: tuple[Path, tuple[float, ...]], benchmark: Any
) -> None:
    folder, ours = country
    theirs = run_peer(peer, folder, benchmark)
    ratios = [theirs / seconds for seconds in ours]
    whole, answer, alike = (f"{seconds:.1f} s (x{ratio:.1f})" for seconds, ratio in zip(ours, ratios, strict=True))
    told = shares(folder, peer, SAME_IN_CITY)
    sys.stdout.write(
        f"\n{peer} {theirs:.1f} s; cover {whole}, its answer alone {answer}, from the same tables {alike}; {told}\n"
    )
    assert all(ratio >= floor for ratio, floor in zip(ratios, FLOORS[peer], strict=True))


@pytest.mark.parametrize("peer", CITY_FLOORS)
def test_a_city_from_its_extract_to_who_is_covered(peer: str, city: tuple[Path, float], benchmark: Any) -> None:
    folder, ours = city
    theirs = run_peer(peer, folder, benchmark)
    told = shares(folder, peer, SAME_IN_CITY)
    sys.stdout.write(f"\n{HOMES:,} homes: {peer} {theirs:.1f} s, here {ours:.1f} s, x{theirs / ours:.1f}; {told}\n")
    assert theirs / ours >= CITY_FLOORS[peer]


def run_peer(peer: str, folder: Path, benchmark: Any) -> float:
    """Return the CPU seconds that a peer takes."""
    if not all(importlib.util.find_spec(name) for name in NEEDS[peer]):
        pytest.skip(f"{' and '.join(NEEDS[peer])} are not installed")
    if peer == "osmnx":
        write_streets(folder / EXTRACT, folder / "streets.osm")
    return float(benchmark.pedantic(cpu_seconds, args=(countrypeers.__file__, peer, str(folder)), rounds=1))


def shares(folder: Path, peer: str, same: float) -> str:
    """Say which share of the people a peer finds covered, and we from the same tables; they are much the same."""
    people = gpd.read_parquet(folder / "pack" / "demand.parquet")["population"].to_numpy()
    said = [pd.read_csv(folder / f"{name}.csv")["covered"].to_numpy() for name in ("accessibility", peer)]
    ours, theirs = (float(people[covered].sum() / people.sum()) for covered in said)
    assert abs(ours - theirs) < same
    return f"{ours:.2%} and {theirs:.2%} covered"


def write_streets(extract: Path, path: Path) -> None:
    """Write the streets of an extract, and the nodes on them alone, as XML."""
    ways: Any = osmium.FileProcessor(str(extract), osmium.osm.WAY)
    things: Any = osmium.FileProcessor(str(extract), osmium.osm.NODE | osmium.osm.WAY)
    on_streets = {node.ref for way in ways if "highway" in way.tags for node in way.nodes}
    with osmium.SimpleWriter(str(path)) as writer:
        for thing in things:
            if thing.id in on_streets if thing.is_node() else "highway" in thing.tags:
                writer.add(thing)
