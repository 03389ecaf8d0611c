"""Who of an extract is covered, by others and by us: each as a process of its own that loads what it needs alone.

``python countrypeers.py PEER FOLDER``, where the extract and the tables of people and outlets lie; see
``benchmarks/bench_end_to_end.py``.
"""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

ROOT = Path(__file__).parents[1]
EXTRACT = "extract.osm.pbf"


def answer_with_accessibility(folder: Path) -> None:
    """Write the same from the same tables, by what the package offers to whoever has no study."""
    import accessibility as acc  # noqa: PLC0415 -- each pays for what it loads

    network = acc.Network.from_osm(folder / EXTRACT)
    people, sites = tables(folder, network.crs)
    homes = acc.Demand(
        ids=people["id"],
        xy=people.get_coordinates().to_numpy(),
        population=people["population"],
        setting=people["setting"],
        crs=network.crs,
    )
    outlets = acc.Sites(ids=sites["id"], xy=sites.get_coordinates().to_numpy(), crs=network.crs)
    covered = acc.measure_coverage(network, homes, outlets).covered
    pd.DataFrame({"covered": covered}).to_csv(folder / "accessibility.csv", index=False)


def answer_with_osmnx(folder: Path) -> None:
    """Write who is covered within 15 minutes at 1 m/s in towns, and within 5 km in the countryside."""
    import networkx as nx  # noqa: PLC0415 -- each peer pays for what it loads
    import osmnx as ox  # noqa: PLC0415

    ox.settings.useful_tags_way = [*ox.settings.useful_tags_way, "foot"]
    graph: Any = ox.graph_from_xml(folder / "streets.osm", retain_all=True)
    walkable = [e for e, d in ((e[:3], e[3]) for e in graph.edges(keys=True, data=True)) if may_walk(d)]
    streets: Any = ox.convert.to_undirected(ox.project_graph(graph.edge_subgraph(walkable).copy()))
    edges = ox.graph_to_gdfs(streets, nodes=False)["geometry"]
    people, sites = tables(folder, edges.crs)
    homes, outlets = (stand(ox, streets, edges, frame.geometry) for frame in (people, sites))
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
    write_answer(folder / "osmnx.csv", people, way)


def tables(folder: Path, crs: Any) -> tuple[Any, Any]:
    """Return people and outlets."""
    people = gpd.read_parquet(folder / "pack" / "demand.parquet").to_crs(crs)
    return people, gpd.read_file(folder / "pack" / "coverage.gpkg", layer="outlets").to_crs(crs)


def write_answer(path: Path, people: Any, way: Any) -> None:
    """Write who is within the limit of their setting."""
    limit = np.where(people["setting"] == "rural", 5_000.0, 900.0)
    pd.DataFrame({"covered": way <= limit}).to_csv(path, index=False)


def answer_with_scipy(folder: Path) -> None:
    """Write the same by osmium, a tree of the streets' pieces and scipy's search from all outlets at once."""
    import osmium  # noqa: PLC0415
    import pyproj  # noqa: PLC0415
    from scipy.sparse import csr_array  # noqa: PLC0415
    from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415

    pieces: list[tuple[int, int]] = []
    places: dict[int, tuple[float, float]] = {}
    ways: Any = osmium.FileProcessor(str(folder / EXTRACT), osmium.osm.NODE | osmium.osm.WAY)
    for way in ways.with_locations().with_filter(osmium.filter.KeyFilter("highway")):
        if not way.is_way() or not may_walk({key: way.tags.get(key, "") for key in ("highway", "access", "foot")}):
            continue
        nodes = [(node.ref, node.lon, node.lat) for node in way.nodes if node.location.valid()]
        places.update((ref, (lon, lat)) for ref, lon, lat in nodes)
        pieces += [(one[0], other[0]) for one, other in pairwise(nodes)]
    refs = np.fromiter(places, np.int64)
    order = np.argsort(refs)
    crs = gpd.GeoSeries(gpd.points_from_xy(*zip(*places.values(), strict=True)), crs=4326).estimate_utm_crs()
    xy = np.column_stack(
        pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(*np.array([*places.values()]).T)
    )
    ends = order[np.searchsorted(refs[order], np.array(pieces))]
    length = np.hypot(*(xy[ends[:, 0]] - xy[ends[:, 1]]).T)
    tree = shapely.STRtree(np.array(shapely.linestrings(xy[ends])))
    people, sites = tables(folder, crs)
    (home, at, leg), (edge, start, to) = (on_pieces(tree, frame.geometry.to_numpy()) for frame in (people, sites))
    n = len(xy)
    u, v = ends[edge].T
    rows = np.concatenate([ends[:, 0], ends[:, 1], np.full(2 * len(edge), n)])
    columns = np.concatenate([ends[:, 1], ends[:, 0], u, v])
    weight = np.concatenate([length, length, to + start, to + length[edge] - start])
    best = np.lexsort((weight, columns, rows))
    new = np.append(True, np.any(np.diff(np.stack([rows, columns])[:, best], axis=1) != 0, axis=0))
    keep = best[new]
    graph = csr_array((np.maximum(weight[keep], 1e-9), (rows[keep], columns[keep])), shape=(n + 1, n + 1))
    metres: Any = dijkstra(graph, indices=n, limit=5_001.0)  # type: ignore[call-overload]
    one, other = ends[home].T
    write_answer(folder / "scipy.csv", people, leg + np.minimum(metres[one] + at, metres[other] + length[home] - at))


def on_pieces(tree: Any, points: Any) -> tuple[Any, Any, Any]:
    """Return the nearest piece of each point, metres along it, and metres to it."""
    _, first = np.unique((found := tree.query_nearest(points))[0], return_index=True)
    piece = found[1][first]
    lines = tree.geometries[piece]
    return piece, shapely.line_locate_point(lines, points), shapely.distance(lines, points)


def answer_with_pandana(folder: Path) -> None:
    """Write the same by pyrosm's walking network and pandana's contraction hierarchy."""
    import pandana  # noqa: PLC0415
    import pyrosm  # noqa: PLC0415

    nodes, edges = pyrosm.OSM(str(folder / EXTRACT)).get_network(network_type="walking", nodes=True)
    crs = nodes.estimate_utm_crs()
    nodes, lines = nodes.set_index("id").to_crs(crs), edges.geometry.to_crs(crs).to_numpy()
    length = shapely.length(lines)
    people, sites = tables(folder, crs)
    tree = shapely.STRtree(lines)
    (home, at, leg), (edge, start, to) = (on_pieces(tree, frame.geometry.to_numpy()) for frame in (people, sites))
    ends = edges[["u", "v"]].to_numpy()
    # pandana knows points at nodes alone: outlets become nodes between the ends of their edges.
    ids = nodes.index.max() + 1 + np.arange(len(edge))
    names = np.concatenate([nodes.index, ids])
    x, y = (np.concatenate([getattr(frame.geometry, axis) for frame in (nodes, sites)]) for axis in "xy")
    begins, finishes = np.concatenate([ends[:, 0], ids, ids]), np.concatenate([ends[:, 1], *ends[edge].T])
    metres = np.maximum(np.concatenate([length, to + start, to + length[edge] - start]), 1e-3)
    net = pandana.Network(
        *(pd.Series(axis, index=names) for axis in (x, y)),
        *(pd.Series(side) for side in (begins, finishes)),
        pd.DataFrame({"metres": metres}),
    )
    far = 1e9
    net.set_pois("outlets", 5_001, 1, sites.geometry.x, sites.geometry.y)
    found = net.nearest_pois(5_001, "outlets", max_distance=far)[1]
    one, other = (found.reindex(side).fillna(far).to_numpy() for side in ends[home].T)
    write_answer(folder / "pandana.csv", people, leg + np.minimum(one + at, other + length[home] - at))


def may_walk(tags: dict[str, object]) -> bool:
    """Return whether a street may be walked, as osmnx filters its network type ``walk``."""
    barred = re.search(
        "abandoned|guideway|construction|corridor|elevator|escalator|motor|platform|propos|race", str(tags["highway"])
    )
    return not barred and "private" not in str(tags.get("access")) and tags.get("foot") != "no"


def stand(ox: Any, streets: Any, edges: Any, points: Any) -> list[tuple[object, object, float, float, float]]:
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
    by = {
        "accessibility": answer_with_accessibility,
        "osmnx": answer_with_osmnx,
        "pandana": answer_with_pandana,
        "scipy": answer_with_scipy,
    }
    by[sys.argv[1]](Path(sys.argv[2]))
