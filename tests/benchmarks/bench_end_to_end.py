"""`cover` on a country from its extract against the same answer by three other ways, in CPU time of one run.

Peers: osmnx and networkx; pyrosm and pandana; pyosmium and scipy, written for the purpose. They are given what they
cannot read: people and outlets as tables, and osmnx the streets as XML. Each keeps streets that may be walked, snaps
people and outlets onto the edges, walks from the outlets with both legs and says who is covered; none draws a map or
writes a report. ``make benchmark`` runs it; pyrosm and pandana are optional (``pip install -e '.[peers]'``).
"""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import countrypeers
import geopandas as gpd
import osmium
import pandas as pd
import pytest
from countrypeers import COUNTRY

if TYPE_CHECKING:
    from pathlib import Path

STUDY = """
name = "Country"
[inputs]
area = {{ path = "{0}", admin_level = 8 }}
network = {{ path = "{0}" }}
population = {{ buildings = true }}
outlets = {{ osm = "amenity=townhall,amenity=post_office" }}
"""
FLOORS = {"osmnx": (1.8, 4.0), "pandana": (0.8, 1.3), "scipy": (0.25, 0.45)}
"""Of the whole pack and of the answer alone, on a busy machine."""
NEEDS = {"osmnx": ("osmnx",), "pandana": ("pyrosm", "pandana"), "scipy": ("osmium",)}
SAME = 0.015  # share covered: osmnx reads which streets may be walked by its own rules

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not COUNTRY.exists(), reason="the extract is not beside the project"),
]


def cpu_seconds(*command: str) -> float:
    """Return the CPU seconds of a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 -- its own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float, float]:
    """Return the folder of a pack, and the CPU seconds that the pack and the answer alone took."""
    folder = tmp_path_factory.mktemp("country")
    (folder / "study.toml").write_text(STUDY.format(COUNTRY), encoding="utf-8")
    study, pack = (str(folder / name) for name in ("study.toml", "pack"))
    cover = ("-m", "accessibility.cli", "cover", study, "--out", pack, "--overwrite")
    cpu_seconds(*cover)  # kernels are compiled once for all runs of a machine
    answer = cpu_seconds("-c", f"import accessibility as a; print(a.read_study({study!r}).coverage().share)")
    return folder, cpu_seconds(*cover), answer


@pytest.mark.parametrize("peer", FLOORS)
def test_a_country_from_its_extract_to_who_is_covered(
    peer: str, ours: tuple[Path, float, float], benchmark: Any
) -> None:
    if not all(importlib.util.find_spec(name) for name in NEEDS[peer]):
        pytest.skip(f"{' and '.join(NEEDS[peer])} are not installed")
    folder, whole, answer = ours
    if peer == "osmnx":
        write_streets(folder / "streets.osm")
    theirs = benchmark.pedantic(cpu_seconds, args=(countrypeers.__file__, peer, str(folder)), rounds=1)
    people = gpd.read_parquet(folder / "pack" / "demand.parquet")
    said = pd.read_csv(folder / f"{peer}.csv")["covered"]
    shares = [
        float(people.loc[covered.to_numpy(), "population"].sum() / people["population"].sum())
        for covered in (people["covered"], said)
    ]
    sys.stdout.write(
        f"\ncover {whole:.1f} s, the answer alone {answer:.1f} s, {peer} {theirs:.1f} s:"
        f" x{theirs / whole:.1f} and x{theirs / answer:.1f}; {shares[0]:.2%} and {shares[1]:.2%} covered\n"
    )
    assert abs(shares[0] - shares[1]) < SAME
    assert theirs / whole >= FLOORS[peer][0]
    assert theirs / answer >= FLOORS[peer][1]


def write_streets(path: Path) -> None:
    """Write the streets of the country, and the nodes on them alone, as XML."""
    ways: Any = osmium.FileProcessor(str(COUNTRY), osmium.osm.WAY)
    things: Any = osmium.FileProcessor(str(COUNTRY), osmium.osm.NODE | osmium.osm.WAY)
    on_streets = {node.ref for way in ways if "highway" in way.tags for node in way.nodes}
    with osmium.SimpleWriter(str(path)) as writer:
        for thing in things:
            if thing.id in on_streets if thing.is_node() else "highway" in thing.tags:
                writer.add(thing)
