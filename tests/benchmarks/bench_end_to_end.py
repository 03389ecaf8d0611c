"""`cover` on a country from its extract against the same answer by osmnx and networkx, in CPU time of one run.

The peer is given what it cannot read: the streets as XML, and people and outlets as tables. It keeps those that may be
walked, snaps people and outlets onto the edges, walks from the outlets with both legs and says who is covered; it draws
no map and writes no report. ``make benchmark`` runs it.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import osmium
import osmnx as ox
import pandas as pd
import pytest
import shapely

COUNTRY = Path(__file__).parents[2].parent / "shared" / "data" / "liechtenstein" / "liechtenstein-2021.osm.pbf"
STUDY = """
name = "Country"
[inputs]
area = {{ path = "{0}", admin_level = 8 }}
network = {{ path = "{0}" }}
population = {{ buildings = true }}
outlets = {{ osm = "amenity=townhall,amenity=post_office" }}
"""
PACK_FLOOR, ANSWER_FLOOR = 1.8, 4.0
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


def test_a_country_from_its_extract_to_who_is_covered(tmp_path: Path, benchmark: Any) -> None:
    (tmp_path / "study.toml").write_text(STUDY.format(COUNTRY), encoding="utf-8")
    study, pack = (str(tmp_path / name) for name in ("study.toml", "pack"))
    cover = ("-m", "accessibility.cli", "cover", study, "--out", pack, "--overwrite")
    answer = ("-c", f"import accessibility as a; print(a.read_study({study!r}).coverage().share)")
    cpu_seconds(*cover)  # kernels are compiled once for all runs of a machine
    whole = cpu_seconds(*cover)
    ours = benchmark.pedantic(cpu_seconds, args=answer, rounds=1)
    write_streets(tmp_path / "streets.osm")
    peer = cpu_seconds(__file__, str(tmp_path), pack)
    people = gpd.read_parquet(Path(pack) / "demand.parquet")
    theirs = pd.read_csv(tmp_path / "peer.csv")["covered"]
    shares = [
        float(people.loc[covered.to_numpy(), "population"].sum() / people["population"].sum())
        for covered in (people["covered"], theirs)
    ]
    sys.stdout.write(
        f"\ncover {whole:.1f} s, the answer alone {ours:.1f} s, osmnx and networkx {peer:.1f} s:"
        f" x{peer / whole:.1f} and x{peer / ours:.1f}; {shares[0]:.2%} and {shares[1]:.2%} covered\n"
    )
    assert abs(shares[0] - shares[1]) < SAME
    assert peer / whole >= PACK_FLOOR
    assert peer / ours >= ANSWER_FLOOR


def write_streets(path: Path) -> None:
    """Write the streets of the country, and the nodes on them alone, as XML."""
    ways: Any = osmium.FileProcessor(str(COUNTRY), osmium.osm.WAY)
    things: Any = osmium.FileProcessor(str(COUNTRY), osmium.osm.NODE | osmium.osm.WAY)
    on_streets = {node.ref for way in ways if "highway" in way.tags for node in way.nodes}
    with osmium.SimpleWriter(str(path)) as writer:
        for thing in things:
            if thing.id in on_streets if thing.is_node() else "highway" in thing.tags:
                writer.add(thing)


def answer_with_osmnx(folder: Path, pack: Path) -> None:
    """Write who is covered within 15 minutes at 1 m/s in towns, and within 5 km in the countryside."""
    ox.settings.useful_tags_way = [*ox.settings.useful_tags_way, "foot"]
    graph: Any = ox.graph_from_xml(folder / "streets.osm", retain_all=True)
    walkable = [e for e, d in ((e[:3], e[3]) for e in graph.edges(keys=True, data=True)) if may_walk(d)]
    streets: Any = ox.convert.to_undirected(ox.project_graph(graph.edge_subgraph(walkable).copy()))
    edges = ox.graph_to_gdfs(streets, nodes=False)["geometry"]
    people = gpd.read_parquet(pack / "demand.parquet").to_crs(edges.crs)
    sites = gpd.read_file(pack / "coverage.gpkg", layer="outlets").to_crs(edges.crs)
    homes, outlets = (stand(streets, edges, frame.geometry) for frame in (people, sites))
    for row, (u, v, along, length, leg) in enumerate(outlets):
        streets.add_edge("outlets", ("at", row), length=leg)
        streets.add_edge(("at", row), u, length=along)
        streets.add_edge(("at", row), v, length=length - along)
    metres = nx.single_source_dijkstra_path_length(streets, "outlets", weight="length")
    far = float("inf")
    way = np.array(
        [
            leg + min(metres.get(u, far) + along, metres.get(v, far) + length - along)
            for u, v, along, length, leg in homes
        ]
    )
    limit = np.where(people["setting"] == "rural", 5_000.0, 900.0)
    pd.DataFrame({"covered": way <= limit}).to_csv(folder / "peer.csv", index=False)


def may_walk(tags: dict[str, object]) -> bool:
    """Return whether a street may be walked, as osmnx filters its network type ``walk``."""
    barred = re.search(
        "abandoned|guideway|construction|corridor|elevator|escalator|motor|platform|propos|race", str(tags["highway"])
    )
    return not barred and "private" not in str(tags.get("access")) and tags.get("foot") != "no"


def stand(streets: Any, edges: Any, points: Any) -> list[tuple[object, object, float, float, float]]:
    """Return for each point the ends of its nearest edge, metres along it, its length, and metres to it."""
    found = ox.distance.nearest_edges(streets, points.x.to_numpy(), points.y.to_numpy())
    lines = edges.loc[list(map(tuple, found))].to_numpy()
    along = shapely.line_locate_point(lines, points.to_numpy())
    rows = zip(found, lines, along, shapely.distance(lines, points.to_numpy()), strict=True)
    return [(*ends(streets, line, *uv[:2]), float(at), float(line.length), float(leg)) for uv, line, at, leg in rows]


def ends(streets: Any, line: shapely.LineString, u: object, v: object) -> tuple[object, object]:
    """Return the ends of an edge in the order of its line."""
    begin = np.array(line.coords[0])
    return (u, v) if np.allclose(begin, [streets.nodes[u]["x"], streets.nodes[u]["y"]], atol=0.01) else (v, u)


if __name__ == "__main__":
    answer_with_osmnx(*map(Path, sys.argv[1:]))
