"""The arrays of a network from a networkx graph, such as osmnx makes and saves, and back."""

from __future__ import annotations

import ast
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS

from accessibility.errors import InputError
from accessibility.projection import WGS84, local_crs, segment_lengths, transform

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    import networkx as nx
    from numpy.typing import NDArray

    from accessibility.network import Network

_NUMBERS = ("signals", "fixed_s")
_FLAGS = ("private", "off_ground", "outline", "across")


def read_graph(graph: nx.Graph[Any], *, crs: object = None) -> dict[str, Any]:
    """Return the fields of the `Network` that `graph` describes; see `Network.from_networkx`."""
    declared = crs if crs is not None else graph.graph.get("crs")
    if declared is None:
        msg = 'graph names no coordinate system; expected crs=... or graph.graph["crs"]'
        raise InputError(msg)
    if graph.number_of_nodes() == 0:
        msg = "graph has no nodes; expected a walkable network"
        raise InputError(msg)
    source = CRS.from_user_input(declared)
    nodes = list(graph.nodes)
    given = np.array([_coordinates(node, graph.nodes[node]) for node in nodes], dtype=np.float64)
    lonlat = transform(given, source, WGS84)
    target = source if source.is_projected else local_crs(*((lonlat.min(axis=0) + lonlat.max(axis=0)) / 2))
    row = {node: i for i, node in enumerate(nodes)}
    edges = _merge_opposite(_edge_rows(graph, row, given))
    shapes = [edge["shape"] for edge in edges]
    start = np.concatenate([[0], np.cumsum([len(s) for s in shapes])]).astype(np.int64)
    flat = np.concatenate(shapes) if shapes else np.empty((0, 2))
    names = sorted({edge["kind"] for edge in edges}) or ["road"]
    integer = all(isinstance(node, int | np.integer) for node in nodes)
    return {
        "node_xy": transform(given, source, target),
        "edges": np.array([edge["ends"] for edge in edges], dtype=np.int32).reshape(-1, 2),
        "length_m": _lengths(edges, transform(flat, source, WGS84), start),
        "oneway": np.array([edge["oneway"] for edge in edges], dtype=np.bool_),
        "kind": np.array([names.index(edge["kind"]) for edge in edges], dtype=np.uint8),
        "kinds": tuple(names),
        **{name: np.array([edge[name] for edge in edges], dtype=np.bool_) for name in _FLAGS},
        **{name: np.array([edge[name] for edge in edges], dtype=np.float32) for name in (*_NUMBERS, "climb_m")},
        "slope_factor": np.array([edge["slope_factor"] for edge in edges], dtype=np.float32).reshape(-1, 2),
        "shape_xy": transform(flat, source, target),
        "shape_start": start,
        "node_ids": np.array(nodes, dtype=np.int64) if integer else None,
        "crs": target,
    }


def read_graphml_file(path: Path) -> nx.Graph[Any]:
    """Return the graph of a GraphML file with its texts as osmnx means them: lists, flags and geometry.

    Raises
    ------
    InputError
        No GraphML, or a geometry that is no well-known text of a line.
    """
    import networkx as nx  # noqa: PLC0415 -- only where a graph is read
    import shapely  # noqa: PLC0415

    try:
        graph: nx.Graph[Any] = nx.read_graphml(path, force_multigraph=True)
    except Exception as error:
        msg = f"cannot be read as GraphML: {error}"
        raise InputError(msg) from error
    with suppress(ValueError):
        graph = nx.relabel_nodes(graph, {node: int(node) for node in graph})
    for u, v, data in graph.edges(data=True):
        if str(data.get("highway", "")).startswith("["):
            with suppress(SyntaxError, ValueError):
                data["highway"] = ast.literal_eval(data["highway"])
        data |= {name: str(data.get(name, False)).lower() in ("true", "yes", "1") for name in _FLAGS}
        if data.get("geometry") is None:
            continue
        line = shapely.from_wkt(data["geometry"], on_invalid="ignore")
        if line is None or line.geom_type != "LineString" or line.is_empty:
            msg = f"graph edge {u!r} to {v!r} has geometry {data['geometry']!r:.60}; expected a line"
            raise InputError(msg)
        data["geometry"] = line
    return graph


def _coordinates(node: Hashable, data: dict[str, Any]) -> tuple[float, float]:
    try:
        return float(data["x"]), float(data["y"])
    except (KeyError, TypeError, ValueError) as error:
        msg = f"graph node {node!r} has x={data.get('x')!r}, y={data.get('y')!r}; expected numbers"
        raise InputError(msg) from error


def _edge_rows(graph: nx.Graph[Any], row: dict[Hashable, int], xy: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return a dict an edge: ends, length (None if not given), shape, kind, oneway and what a `Network` asks besides.

    `slope_factor` is that along the edge, twice: against it nothing is known until the opposite edge is met.
    """
    directed = graph.is_directed()
    rows = []
    for u, v, data in graph.edges(data=True):
        ends = (row[u], row[v])
        geometry = data.get("geometry")
        shape = xy[list(ends)] if geometry is None else np.asarray(geometry.coords, dtype=np.float64)[:, :2]
        if np.hypot(*(shape[0] - xy[ends[0]])) > np.hypot(*(shape[-1] - xy[ends[0]])):
            shape = shape[::-1]
        highway = data.get("highway", "road")
        kind = str(highway[0] if isinstance(highway, list) else highway)
        length = None if data.get("length") is None else _number(u, v, data, "length", 0.0)
        row_of = {"ends": ends, "length": length, "shape": shape, "kind": kind, "oneway": directed}
        row_of |= {name: bool(data.get(name, False)) for name in _FLAGS}
        row_of |= {name: _number(u, v, data, name, 0.0) for name in (*_NUMBERS, "climb_m")}
        rows.append(row_of | {"slope_factor": [_number(u, v, data, "slope_factor", 1.0)] * 2})
    return rows


def _number(u: Hashable, v: Hashable, data: dict[str, Any], name: str, default: float) -> float:
    given = data.get(name, default)
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        expected = "metres" if name == "length" else "a number"
        msg = f"graph edge {u!r} to {v!r} has {name} {given!r}; expected {expected}"
        raise InputError(msg) from error


def _merge_opposite(edges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the edges with every pair of opposite directed edges of one length made one, walkable both ways."""
    waiting: dict[tuple[int, int, float | None], list[dict[str, Any]]] = {}
    merged = []
    for edge in edges:
        (u, v), length = edge["ends"], edge["length"]
        length = None if length is None else round(length, 3)
        opposite = waiting.get((v, u, length))
        if edge["oneway"] and opposite and u != v:
            forth = opposite.pop()
            forth["oneway"] = False
            forth["slope_factor"] = [forth["slope_factor"][0], edge["slope_factor"][0]]
            continue
        if edge["oneway"] and u != v:
            waiting.setdefault((u, v, length), []).append(edge)
        merged.append(edge)
    return merged


def _lengths(edges: list[dict[str, Any]], lonlat: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the given lengths, and the geodesic length of the shape where none is given."""
    steps = segment_lengths(lonlat) if len(lonlat) > 1 else np.empty(0)
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    measured = walked[start[1:] - 1] - walked[start[:-1]]
    return np.array(
        [m if e["length"] is None else e["length"] for e, m in zip(edges, measured, strict=True)], dtype=np.float64
    )


def write_graph(network: Network) -> nx.MultiDiGraph[Any]:
    """Return a network as a graph; see `Network.to_networkx`."""
    import networkx as nx  # noqa: PLC0415 -- only where a graph is asked for

    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=network.crs.to_wkt())
    ids, lines = network.node_keys.tolist(), network.lines()
    graph.add_nodes_from((i, {"x": x, "y": y}) for i, (x, y) in zip(ids, network.node_xy.tolist(), strict=True))
    columns = {name: getattr(network, name).tolist() for name in ("oneway", *_FLAGS, *_NUMBERS)}
    climb, factor = network.climb_m.tolist(), network.slope_factor.tolist()
    for row, (u, v) in enumerate(network.edges.tolist()):
        data = {"length": float(network.length_m[row]), "highway": network.kinds[network.kind[row]], "edge": row}
        data |= {name: values[row] for name, values in columns.items()}
        forth, back = factor[row]
        graph.add_edge(ids[u], ids[v], **data, climb_m=climb[row], slope_factor=forth, geometry=lines[row])
        if not data["oneway"]:
            against = {"climb_m": -climb[row], "slope_factor": back, "geometry": lines[row].reverse()}
            graph.add_edge(ids[v], ids[u], **data, **against)
    return graph
