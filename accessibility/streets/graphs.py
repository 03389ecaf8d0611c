"""The arrays of a network from a networkx graph, such as osmnx makes and saves, and back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError

from accessibility.errors import InputError
from accessibility.geo.arrays import absent, starts_of
from accessibility.geo.projection import (
    MAX_STRETCH,
    WGS84,
    local_crs,
    refuse_degrees,
    segment_lengths,
    stretch_of,
    transform,
)
from accessibility.streets.foot import (
    LIFT,
    ON_FOOT,
    Carried,
    Delays,
    FootAccess,
    has_signals,
    is_conditional,
    is_lift,
    long_tunnels,
)
from accessibility.streets.spelling import Judged, Said, flags_of, judge_rows, node_tags, reasons, said_twice

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

    import networkx as nx
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.streets.lines import Edges

_NUMBERS = ("signals", "fixed_s", "climb_m")
_FLAGS = ("private", "off_ground")
_SQUARES = ("outline", "across")
_TOO_SHORT = 0.95  # of the straight line between its ends: no edge is that short
_TOO_LONG = 1.5  # of what is drawn, in the middle of all edges: no metres
_FAR_TOO_LONG, _FAR_M = 5.0, 500.0  # times what is drawn, and metres more: bends that were left out are not so many
_SLACK_M = 1.0
_LIKE_UNIT = 0.1
_UNITS = {"kilometres": 1e-3, "miles": 1 / 1609.344, "feet": 1 / 0.3048, "centimetres": 100.0}
_UNITS |= {"shorter than the straight line": 1.0}
_ENDS = (("from", "to"), ("u", "v"))
_PATHS = ("footway", "path", "pedestrian", "steps")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Edge:
    """An edge: rows of its ends, length (None if not given), shape, attributes, whether it runs one way only."""

    ends: tuple[int, int]
    length: float | None
    shape: NDArray[np.float64]
    data: dict[str, Any]
    single: bool
    factor: tuple[float, float]

    def turned(self) -> _Edge:
        """Return the same edge from its other end."""
        data = self.data | {"climb_m": -self.data["climb_m"]}
        return replace(self, ends=self.ends[::-1], shape=self.shape[::-1], data=data, factor=self.factor[::-1])

    def told(self) -> tuple[Any, ...]:
        """Return all that makes it another edge than others."""
        about = (str(self.data.get(name)) for name in (*_NUMBERS, *_SQUARES, "closed", "told_s"))
        return self.ends, str(self.length), self.shape.tobytes(), self.factor, *about


def read_graph(
    graph: nx.Graph[Any], *, crs: object = None, foot: FootAccess | None = None
) -> tuple[dict[str, Any], Said]:
    """Return the fields of the `Network` that `graph` describes, and what was found; see `Network.from_networkx`."""
    foot = foot or FootAccess()
    source, nodes = _declared(graph, crs), list(graph.nodes)
    given = np.array([_coordinates(node, graph.nodes[node]) for node in nodes], dtype=np.float64)
    target = _target(given, source)
    rows = _edge_rows(graph, nodes, given)
    refuse_degrees(np.array([np.hypot(*np.diff(edge.shape, axis=0).T).sum() for edge in rows]), source)
    edges, judged, said = _judged(rows, foot)
    tags = [node_tags(graph.nodes[node]) for node in nodes]
    at, ends = _cut_at_gates(edges, judged, tags, foot)
    said |= _timed(said, tags)
    start = starts_of([len(edge.shape) for edge in edges])
    flat = np.concatenate([edge.shape for edge in edges]) if edges else np.empty((0, 2))
    length_m, wrong = _lengths(edges, transform(flat, source, WGS84), start)
    numbers = {name: np.array([edge.data[name] for edge in edges], dtype=np.float32) for name in _NUMBERS}
    kinds, integer = sorted({*judged.kinds.tolist()}) or ["road"], all(isinstance(n, int | np.integer) for n in nodes)
    signals, lifts = _passed(edges, judged, tags)
    carried = Carried(
        kinds=judged.kinds, edges=ends, length_m=length_m, ride_s=_rides(edges, judged, length_m), lifts=lifts
    )
    told = np.array(["told_s" in edge.data for edge in edges], dtype=np.bool_)
    return {
        "node_xy": transform(given, source, target)[at],
        "edges": ends,
        "length_m": length_m,
        "oneway": judged.flags("direction"),
        "kind": np.array([kinds.index(kind) for kind in judged.kinds], dtype=np.uint8),
        "kinds": tuple(kinds),
        **{name: judged.flags(name) for name in _FLAGS},
        **{name: flags_of((edge.data.get(name) for edge in edges), name) for name in _SQUARES},
        "closed": flags_of((edge.data.get("closed") for edge in edges), "closed")
        | long_tunnels(judged.flags("tunnel"), ends, length_m),
        "climb_m": numbers["climb_m"],
        "signals": numbers["signals"] + signals,
        "fixed_s": np.where(told, numbers["fixed_s"], Delays.of(foot).seconds(carried)),
        "slope_factor": np.array([edge.factor for edge in edges], dtype=np.float32).reshape(-1, 2),
        "shape_xy": transform(flat, source, target),
        "shape_start": start,
        "node_ids": np.array(nodes, dtype=np.int64)[at] if integer else None,
        "crs": target,
    }, said | wrong


def read_graphml_file(path: Path) -> nx.Graph[Any]:
    """Return the graph of a GraphML file, its geometry as lines.

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
        if data.get("geometry") is None:
            continue
        line = shapely.from_wkt(data["geometry"], on_invalid="ignore")
        if line is None or line.geom_type != "LineString" or line.is_empty:
            msg = f"graph edge {u!r} to {v!r} has geometry {data['geometry']!r:.60}; expected a line"
            raise InputError(msg)
        data["geometry"] = line
    return graph


def _declared(graph: nx.Graph[Any], crs: object) -> CRS:
    declared = crs if crs is not None else graph.graph.get("crs")
    if declared is None:
        msg = 'graph names no coordinate system; expected crs=... or graph.graph["crs"]'
        raise InputError(msg)
    if graph.number_of_nodes() == 0:
        msg = "graph has no nodes; expected a walkable network"
        raise InputError(msg)
    try:
        return CRS.from_user_input(declared)
    except (CRSError, TypeError, ValueError, AttributeError) as error:
        msg = f"coordinate system of the graph is {declared!r} ({error}); expected one that PROJ knows"
        raise InputError(msg) from error


def _target(given: NDArray[np.float64], source: CRS) -> CRS:
    """Return the coordinate system of the network: that of the graph where it counts in true metres."""
    try:
        lonlat = transform(given, source, WGS84)
    except ProjError as error:
        msg = f"coordinate system of the graph ({source.name}) has no place on the globe; expected one that has"
        raise InputError(msg) from error
    off = ~(np.abs(lonlat) <= [180, 90]).all(axis=1)
    if off.any():
        first = given[np.argmax(off)].tolist()
        swapped = (np.abs(given) <= [90, 180]).all()
        hint = " (are longitude and latitude swapped?)" if swapped and not source.is_projected else ""
        msg = f"{int(off.sum())} nodes of the graph lie nowhere on Earth, first {first}; expected {source.name}{hint}"
        raise InputError(msg)
    metric = source.is_projected and {axis.unit_name for axis in source.axis_info} == {"metre"}
    if metric and stretch_of(given, source) <= MAX_STRETCH:
        return source
    return local_crs(*((lonlat.min(axis=0) + lonlat.max(axis=0)) / 2))


def _coordinates(node: Hashable, data: dict[str, Any]) -> tuple[float, float]:
    try:
        return float(data["x"]), float(data["y"])
    except (KeyError, TypeError, ValueError) as error:
        msg = f"graph node {node!r} has x={data.get('x')!r}, y={data.get('y')!r}; expected numbers"
        raise InputError(msg) from error


def _edge_rows(graph: nx.Graph[Any], nodes: Sequence[Hashable], xy: NDArray[np.float64]) -> list[_Edge]:
    """Return the edges; against a directed one nothing is known of the slope until the opposite edge is met."""
    directed, row = graph.is_directed(), {node: i for i, node in enumerate(nodes)}
    edges = []
    for u, v, attributes in graph.edges(data=True):
        given = {name: value for name, value in attributes.items() if not absent(value)}
        ends = (row[u], row[v])
        geometry = given.get("geometry")
        shape = xy[list(ends)] if geometry is None else np.asarray(geometry.coords, dtype=np.float64)[:, :2]
        if np.hypot(*(shape[0] - xy[ends[0]])) > np.hypot(*(shape[-1] - xy[ends[0]])):
            shape = shape[::-1]
        length = None if given.get("length") is None else _number(u, v, given, "length", 0.0)
        factor = _number(u, v, given, "slope_factor", 1.0)
        data = {key: value for key, value in given.items() if key not in ("geometry", "length", "slope_factor")}
        data |= {"told_s": True} if given.get("fixed_s") is not None else {}
        data |= {name: _number(u, v, given, name, 0.0) for name in _NUMBERS}
        edges.append(_Edge(ends=ends, length=length, shape=shape, data=data, single=directed, factor=(factor, factor)))
    return edges


def _number(u: Hashable, v: Hashable, data: dict[str, Any], name: str, default: float) -> float:
    given = data.get(name, default)
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        expected = "metres" if name == "length" else "a number"
        msg = f"graph edge {u!r} to {v!r} has {name} {given!r}; expected {expected}"
        raise InputError(msg) from error


def _merge_opposite(edges: list[_Edge], judged: Judged) -> list[_Edge]:
    """Return the edges with every pair of opposite directed edges of one length, judged alike, made one."""
    waiting: dict[tuple[Any, ...], list[int]] = {}
    merged: list[_Edge] = []
    for edge, walk in zip(edges, judged.walks, strict=True):
        (u, v), length = edge.ends, None if edge.length is None else round(edge.length, 3)
        # A street and a border on top of it are two.
        like = (length, walk.walkable, walk.direction, walk.private, walk.off_ground, walk.ride_s == 0)
        opposite = waiting.get((v, u, *like), [])
        if edge.single and opposite and u != v:
            at = opposite.pop()
            merged[at] = replace(merged[at], single=False, factor=(merged[at].factor[0], edge.factor[0]))
            continue
        if u == v:  # round a loop people walk either way
            merged.append(replace(edge, single=False))
            continue
        if edge.single:
            waiting.setdefault((u, v, *like), []).append(len(merged))
        merged.append(edge)
    return merged


def _judged(edges: list[_Edge], foot: FootAccess) -> tuple[list[_Edge], Judged, Said]:
    """Return the edges that people may walk, pointing as they walk, with what the foot-access table says of them."""
    edges = _merge_opposite(edges, _judge(edges, foot))
    judged = _judge(edges, foot)
    kept = np.flatnonzero(judged.flags("walkable"))
    if edges and not kept.size:
        msg = f"no edge that may be walked{reasons(judged.refused)}; expected at least one"
        raise InputError(msg)
    said = judged.said | _made_for_cars(edges, judged)
    if judged.refused:
        said["not-walkable"] = (judged.refused.total(), f"edges may not be walked{reasons(judged.refused)}")
    found: dict[tuple[Any, ...], tuple[int, _Edge]] = {}
    for row in kept.tolist():
        edge, direction = edges[row], judged.walks[row].direction
        # osmnx marks an edge that runs against its way; the way's tags are about the way.
        against = (direction < 0) != (direction != 0 and str(edge.data.get("reversed", "")).lower() == "true")
        edge = edge.turned() if against else edge
        told = edge.told() if direction else min(edge.told(), edge.turned().told())
        found.setdefault(
            (told, abs(direction), judged.walks[row]._replace(direction=0), judged.kinds[row]), (row, edge)
        )
    said |= said_twice(len(kept) - len(found), "edges")
    rows = [row for row, _ in found.values()]
    walks = [judged.walks[row] for row in rows]
    return [edge for _, edge in found.values()], replace(judged, walks=walks, kinds=judged.kinds[rows]), said


def _judge(edges: list[_Edge], foot: FootAccess) -> Judged:
    names = dict.fromkeys(name for edge in edges for name in edge.data)
    return judge_rows({name: [edge.data.get(name) for edge in edges] for name in names}, len(edges), foot, "edges")


def _made_for_cars(edges: list[_Edge], judged: Judged) -> Said:
    """Return whether a graph looks made for cars: edges that run one way only though nothing binds people on foot."""
    bound = judged.flags("direction")
    single = sum(edge.single and not bound[row] for row, edge in enumerate(edges))
    missing = "" if np.isin(judged.kinds, _PATHS).any() else "; it has no footway, path or steps: are they missing?"
    text = f"edges run one way only, as in a graph made for cars: people walk them both ways{missing}"
    return {"graph-for-cars": (single, text)} if single else {}


def _timed(said: Said, tags: list[dict[str, str]]) -> Said:
    """Return how many edges and gates have access rules for certain times."""
    gates, text = sum(map(is_conditional, tags)), "edges and gates have access rules for certain times; as by day"
    return {"conditional-access": (gates + said.get("conditional-access", (0, ""))[0], text)} if gates else {}


def _cut_at_gates(
    edges: list[_Edge], judged: Judged, tags: list[dict[str, str]], foot: FootAccess
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the node of every junction and every edge's junctions: the two sides of a gate do not connect."""
    ends = np.array([edge.ends for edge in edges], dtype=np.int64).reshape(-1, 2)
    blocked = np.array([bool(tag) and foot.blocks(tag) for tag in tags], dtype=np.bool_)
    keyed = np.array([bool(tag) and foot.has_keys(tag) for tag in tags], dtype=np.bool_)
    private = np.zeros(len(tags), np.bool_)
    private[ends[judged.flags("private")]] = True
    cut = blocked & ~(keyed & private)
    key = ends.ravel()
    alone = cut[key]
    at = np.concatenate([np.flatnonzero(~cut), key[alone]])
    row = np.cumsum(~cut) - 1
    junction = row[key]
    junction[alone] = int((~cut).sum()) + np.arange(alone.sum())
    return at, junction.astype(np.int32).reshape(-1, 2)


def _passed(
    edges: list[_Edge], judged: Judged, tags: list[dict[str, str]]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return how many signals people wait at and how many lifts they take along every edge, half of each at an end."""
    ends = np.array([edge.ends for edge in edges], dtype=np.int64).reshape(-1, 2)
    lift = np.array([is_lift(tag) for tag in tags], dtype=np.bool_)
    lift[ends[judged.kinds == LIFT]] = False  # the edge itself is the lift
    signal = np.array([has_signals(tag) for tag in tags], dtype=np.bool_)[ends].mean(axis=1)
    return np.where(np.isin(judged.kinds, ON_FOOT), signal, 0).astype(np.float32), lift[ends].mean(axis=1)


def _rides(edges: list[_Edge], judged: Judged, length_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the seconds of each ferry: what its way takes, shared by the edges that are pieces of the way."""
    ways = [str(edge.data.get("osmid", row)) if judged.ride_s[row] else "" for row, edge in enumerate(edges)]
    way = np.unique(ways, return_inverse=True)[1].ravel()
    whole = np.bincount(way, weights=length_m)[way] if len(way) else length_m
    return judged.ride_s * np.divide(length_m, whole, out=np.ones(len(way)), where=whole > 0)


def _lengths(
    edges: list[_Edge], lonlat: NDArray[np.float64], start: NDArray[np.int64]
) -> tuple[NDArray[np.float64], Said]:
    """Return the given lengths, and the geodesic length of the shape where none is given or it cannot be metres."""
    steps = segment_lengths(lonlat) if len(lonlat) > 1 else np.empty(0)
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    drawn = walked[start[1:] - 1] - walked[start[:-1]]
    given = np.array([np.nan if edge.length is None else edge.length for edge in edges], dtype=np.float64)
    ends = np.column_stack([start[:-1], start[1:] - 1])
    straight = segment_lengths(lonlat[ends.ravel()])[::2] if len(edges) else np.empty(0)
    wrong = given < straight * _TOO_SHORT - _SLACK_M
    ratio = given / np.where(drawn > _SLACK_M, drawn, np.nan)
    middle = float(np.nanmedian(ratio)) if np.isfinite(ratio).any() else 1.0
    if middle > _TOO_LONG:
        wrong |= np.isfinite(given)
    unit = next((name for name, factor in _UNITS.items() if abs(middle / factor - 1) < _LIKE_UNIT), "no metres")
    text = f"edges have lengths that are {unit} (in the middle {middle:.4g} of what is drawn): measured instead"
    length_m: NDArray[np.float64] = np.where(np.isnan(given) | wrong, drawn, given)
    said = {"wrong-length": (int(wrong.sum()), text)} if wrong.any() else {}
    long = ~wrong & (ratio > _FAR_TOO_LONG) & (given - drawn > _FAR_M)
    if long.any():
        most = f"{given[long].max():,.0f} m"
        text = f"edges are more than {_FAR_TOO_LONG:g} times as long as drawn, up to {most}: kept, are they metres?"
        said["long-edges"] = int(long.sum()), text
    return length_m, said


def write_graph(network: Edges) -> nx.MultiDiGraph[Any]:
    """Return a network as a graph; see `Network.to_networkx`."""
    import networkx as nx  # noqa: PLC0415 -- only where a graph is asked for

    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=network.crs.to_wkt())
    ids, lines = network.node_keys.tolist(), network.lines()
    graph.add_nodes_from((i, {"x": x, "y": y}) for i, (x, y) in zip(ids, network.node_xy.tolist(), strict=True))
    columns = {name: getattr(network, name).tolist() for name in ("oneway", *_FLAGS, *_SQUARES, "signals", "fixed_s")}
    climb, factor = network.climb_m.tolist(), network.slope_factor.tolist()
    for row, (u, v) in enumerate(network.edges.tolist()):
        if network.closed[row]:
            continue
        data = {"length": float(network.length_m[row]), "highway": network.kinds[network.kind[row]], "edge": row}
        data |= {name: values[row] for name, values in columns.items()}
        # What the foot-access table said stays said: whoever reads the graph need not ask again.
        data |= {"foot": "private" if data["private"] else "yes", "oneway_foot": "yes" if data["oneway"] else "no"}
        forth, back = factor[row]
        graph.add_edge(ids[u], ids[v], **data, climb_m=climb[row], slope_factor=forth, geometry=lines[row])
        if not data["oneway"] and u != v:
            against = {"climb_m": -climb[row], "slope_factor": back, "geometry": lines[row].reverse()}
            graph.add_edge(ids[v], ids[u], **data, **against)
    return graph


def graph_of_tables(nodes: pd.DataFrame, edges: pd.DataFrame, crs: object = None) -> nx.MultiGraph[Any]:
    """Return a table of junctions and one of edges as a graph.

    Raises
    ------
    InputError
        Columns that are not there, ids that stand twice, an edge to a junction that is not there.
    """
    import networkx as nx  # noqa: PLC0415 -- where a graph is converted

    missing = [name for name in ("x", "y") if name not in nodes.columns]
    if missing or nodes.index.has_duplicates:
        found = f"lack the column {missing[0]!r}" if missing else "have an id that stands twice"
        msg = f"nodes {found}; expected x and y, indexed by id"
        raise InputError(msg)
    named = next((pair for pair in _ENDS if set(pair) <= {*edges.columns, *edges.index.names}), None)
    if named is None:
        msg = f"edges have the columns {list(map(str, edges.columns))}; expected from and to, or u and v"
        raise InputError(msg)
    table = edges if set(named) <= set(edges.columns) else edges.reset_index()
    for side in named:
        strange = ~table[side].isin(nodes.index)
        if strange.any():
            msg = f"edges lead to {table.loc[strange, side].tolist()[0]!r}; expected ids of the nodes"
            raise InputError(msg)
    graph: nx.MultiGraph[Any] = nx.MultiGraph(crs=getattr(nodes, "crs", None) if crs is None else crs)
    graph.add_nodes_from(
        zip(nodes.index, nodes.drop(columns="geometry", errors="ignore").to_dict("records"), strict=True)
    )
    others = table.drop(columns=[*named, *(c for c in ("key",) if c in table.columns)])
    if "length" not in others.columns:
        others = others.rename(columns={"distance": "length"})  # as pandana has it
    pairs = zip(table[named[0]], table[named[1]], others.to_dict("records"), strict=True)
    graph.add_edges_from((u, v, {str(k): value for k, value in data.items()}) for u, v, data in pairs)
    return graph
