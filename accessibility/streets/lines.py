"""Lines of a table become edges between junctions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError
from scipy.spatial import KDTree

from accessibility.errors import InputError
from accessibility.geo.arrays import meeting_pairs, spans, starts_of
from accessibility.geo.projection import WGS84, local_crs, refuse_degrees, segment_lengths, transform
from accessibility.streets.doubles import drawn_twice
from accessibility.streets.foot import Carried, Delays, FootAccess, long_tunnels
from accessibility.streets.search.packing import label_components
from accessibility.streets.spelling import Said, flags_of, judge_rows, reasons

if TYPE_CHECKING:
    from numpy.typing import NDArray


SAME_PLACE_M = 0.01  # ends nearer than this are one junction: the last digit of OpenStreetMap's coordinates
_SAME_VERTEX_DIGITS = 3  # vertices alike to a millimetre are one node
_MOST_KINDS = 255
_CARRIED = ("fixed_s", "signals")
_SLOPES = ("slope_on", "slope_back")  # how much longer a walk takes along a line, and against it
_APART_M = 0.05  # between lines that end in one place and do not meet, as at a locked gate
_SIDES = ("from", "to")
_KEPT = ("oneway", "private", "enclosed", "closed", "off_ground", "outline", "across", "climb_m", "signals", "fixed_s")
_OWN = ("outline", "across", "closed")  # flags that a network writes of its edges
# Two lines whose insides do not meet, nor an inside an end: only their ends touch (DE-9IM).
_ENDS_ONLY = "FF*F0****"


class Edges(Protocol):
    """What of a `accessibility.Network` is written into tables and graphs; its fields, in the words used there."""

    # fmt: off
    @property
    def node_xy(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def node_keys(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def edges(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def length_m(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def oneway(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def private(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def closed(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def climb_m(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def slope_factor(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def kind(self) -> NDArray[np.uint8]: ...  # noqa: D102
    @property
    def kinds(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def shape_xy(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def shape_start(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def crs(self) -> CRS: ...  # noqa: D102
    def lines(self) -> NDArray[np.object_]: ...  # noqa: D102
    # fmt: on


class Whole(Edges, Protocol):
    """What of a `accessibility.Network` is saved beside."""

    # fmt: off
    @property
    def node_ids(self) -> NDArray[np.int64]: ...  # noqa: D102
    # fmt: on


@dataclass(frozen=True, kw_only=True)
class LineOptions:
    """How lines are read."""

    # whether lines are also cut where they cross or touch without a shared vertex, bridges too: vertices then move to a
    # grid of 1 cm
    noded: bool = False
    # the projected coordinate system of the result; a transverse Mercator centred on the lines if not given
    crs: CRS | str | int | None = None
    # west, south, east, north in degrees: lines wholly outside are left out
    bounds: tuple[float, float, float, float] | None = None
    foot: FootAccess | None = None  # the foot-access table; the default one if not given


def read_frame(table: gpd.GeoDataFrame, options: LineOptions | None = None) -> tuple[dict[str, Any], Said]:
    """Return the fields of the `Network` of lines, and what was set aside or looks suspicious.

    Ends within 1 cm of each other are one junction, and so are vertices that lines share. Who may walk where is as
    `accessibility.streets.spelling.judge_rows` reads the columns; ``private`` marks lines for residents only. Lengths
    are measured, never read.

    Raises
    ------
    InputError
        No lines, no coordinate system, coordinates that are no numbers, or no walkable line within the bounds.
    """
    options = options or LineOptions()
    refuse_no_lines(table)
    rows, said = _as_degrees(table)
    if options.bounds is not None:
        rows = _within(rows, options.bounds)
    foot = options.foot or FootAccess()
    lines, found = _walkable(rows, foot)
    said |= found
    lines = _projected(lines, options.crs)
    if options.noded:
        lines = _noded(lines)
    fields = _fields(lines, Delays.of(foot))
    apart = 0 if options.noded else _crossings(fields)
    if apart:
        said["unjoined-crossing"] = (apart, "crossings without a shared end stay apart: noded = true joins them")
    return fields, said


def write_frame(network: Edges) -> gpd.GeoDataFrame:
    """Return one row per edge, as `read_frame` reads it; see `Network.to_gdf`."""
    as_they_are = ("off_ground", *_OWN, *_CARRIED)
    columns = {
        **{name: network.node_keys[network.edges[:, at]] for at, name in enumerate("uv")},
        "kind": np.array(network.kinds)[network.kind],
        "length_m": network.length_m,
        "climb_m": network.climb_m,
        "oneway": network.oneway,
        "private": network.private,
        "foot": np.where(network.private, "private", "yes"),
        "oneway_foot": np.where(network.oneway, "yes", "no"),
        **{name: getattr(network, name) for name in as_they_are},
        **{name: network.slope_factor[:, way] for way, name in enumerate(_SLOPES)},
    }
    lines = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, _drawn_back(network), (network.shape_start,))
    return gpd.GeoDataFrame(columns, geometry=lines, crs=network.crs)


def write_edges(network: Whole) -> gpd.GeoDataFrame:
    """Return one row per edge with all that a network knows of it, as `read_edges` reads it back."""
    ends = {f"{side}_node": network.edges[:, at] for at, side in enumerate(_SIDES)}
    places = {
        f"{side}_{axis}": network.node_xy[network.edges[:, at], way]
        for at, side in enumerate(_SIDES)
        for way, axis in enumerate("xy")
    }
    names = {f"{side}_id": network.node_ids[network.edges[:, at]] for at, side in enumerate(_SIDES)}
    columns = {
        "kind": np.array(network.kinds)[network.kind],
        "length_m": network.length_m,
        **{name: getattr(network, name) for name in _KEPT},
        **{name: network.slope_factor[:, way] for way, name in enumerate(_SLOPES)},
    }
    return gpd.GeoDataFrame({**columns, **ends, **places, **names}, geometry=network.lines(), crs=network.crs)


def read_edges(table: gpd.GeoDataFrame) -> dict[str, Any]:
    """Return the fields of the `Network` whose edges `write_edges` wrote, each as it was.

    Raises
    ------
    InputError
        A column is not there, or a line is missing.
    """
    refuse_no_lines(table)
    sides = [f"{side}_{of}" for side in _SIDES for of in ("node", "x", "y", "id")]
    lacking = [name for name in ("kind", "length_m", *_KEPT, *_SLOPES, *sides) if name not in table.columns]
    if lacking:
        msg = f"lacks columns {lacking[:5]}; expected streets as study.save writes them"
        raise InputError(msg)
    if (table.geom_type != "LineString").any():
        msg = "an edge is no single line; expected streets as study.save writes them"
        raise InputError(msg)

    def of_ends(what: str) -> NDArray[Any]:
        return np.concatenate([table[f"{side}_{what}"].to_numpy() for side in _SIDES])

    _, first, row = np.unique(of_ends("node"), return_index=True, return_inverse=True)
    shape_xy, of_line = shapely.get_coordinates(table.geometry.to_numpy(), return_index=True)
    kinds, kind = np.unique(table["kind"].to_numpy(dtype=str), return_inverse=True)
    return {
        "node_xy": np.column_stack([of_ends("x"), of_ends("y")])[first],
        "edges": row.reshape(2, -1).T,
        "length_m": table["length_m"].to_numpy(),
        "kind": kind.astype(np.uint8),
        "kinds": tuple(map(str, kinds)),
        "slope_factor": table[list(_SLOPES)].to_numpy(dtype=np.float32),
        **{name: table[name].to_numpy() for name in _KEPT},
        "shape_xy": shape_xy,
        "shape_start": starts_of(np.bincount(of_line, minlength=len(table))),
        "node_ids": of_ends("id")[first],
        "crs": CRS(table.crs),
    }


def _drawn_back(network: Edges) -> NDArray[np.float64]:
    """Return the vertices of all edges, the loose ends at a gate drawn back: lines that end in one place would meet."""
    place = np.unique(np.round(network.node_xy / SAME_PLACE_M), axis=0, return_inverse=True)[1].ravel()
    shared = np.bincount(place)[place] > 1
    loose = shared & (np.bincount(network.edges.ravel(), minlength=len(network.node_xy)) == 1)
    xy, start = network.shape_xy.copy(), network.shape_start
    for side, (end, beside) in enumerate(((start[:-1], start[:-1] + 1), (start[1:] - 1, start[1:] - 2))):
        rows = np.flatnonzero(loose[network.edges[:, side]])
        step = network.shape_xy[beside[rows]] - network.shape_xy[end[rows]]
        length = np.maximum(np.hypot(*step.T), _APART_M)[:, None]
        xy[end[rows]] += step / length * np.minimum(_APART_M, 0.4 * length)
    return xy


def refuse_no_lines(table: object) -> None:
    """Refuse a table without rows, geometry or coordinate system, and geometries that are no lines."""
    if not isinstance(table, gpd.GeoDataFrame) or table.empty:
        found = f"{len(table)} rows with geometry" if isinstance(table, pd.DataFrame) else type(table).__name__
        msg = f"{found}; expected lines"
        raise InputError(msg)
    if table.crs is None:
        msg = "no coordinate system; expected one, declare it in the file"
        raise InputError(msg)
    kinds = Counter(table.geom_type.dropna()[~table.geometry.is_empty])
    strange = ", ".join(f"{n:,} of type {kind}" for kind, n in kinds.items() if not kind.endswith("LineString"))
    if strange:
        msg = f"geometries that are no lines: {strange}; expected LineString or MultiLineString"
        raise InputError(msg)


def _within(rows: gpd.GeoDataFrame, bounds: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    west, south, east, north = rows.bounds.to_numpy().T
    there = rows[(west <= bounds[2]) & (south <= bounds[3]) & (east >= bounds[0]) & (north >= bounds[1])]
    if there.empty:
        msg = f"none of its {len(rows):,} lines meets the box {bounds}; expected some of them there"
        raise InputError(msg)
    return there


def _as_degrees(table: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, Said]:
    """Return one row per single line in EPSG:4326, and how many rows have no geometry or no length."""
    there = ~(table.geometry.isna() | table.geometry.is_empty)
    rows = table[there].explode(ignore_index=True)
    refuse_degrees(shapely.length(rows.geometry.to_numpy()), table.crs)
    try:
        rows = rows.set_geometry(shapely.force_2d(rows.geometry.to_numpy()), crs=table.crs).to_crs(WGS84)
    except ProjError as error:
        msg = f"its coordinate system ({table.crs.name}) has no place on the globe; expected one that PROJ knows"
        raise InputError(msg) from error
    box = np.abs(rows.bounds.to_numpy()) <= [180, 90, 180, 90]  # NaN is not
    finite = box.all(axis=1)
    if not finite.all():
        msg = (
            f"{int((~finite).sum()):,} lines have coordinates that are no numbers or outside "
            f"{table.crs.name} (first: line {int(np.argmin(finite)) + 1}); expected places on Earth"
            f"{_swap_hint(rows)}"
        )
        raise InputError(msg)
    long = shapely.length(rows.geometry.to_numpy()) > 0
    if not long.any():
        msg = f"none of its {len(table):,} lines has any length; expected at least one"
        raise InputError(msg)
    said = {
        "no-geometry": (int((~there).sum()), "rows without geometry set aside"),
        "zero-length": (int((~long).sum()), "lines without length set aside"),
    }
    return rows[long], {code: (count, text) for code, (count, text) in said.items() if count}


def _swap_hint(rows: gpd.GeoDataFrame) -> str:
    west, south, east, north = rows.total_bounds
    swapped = max(abs(south), abs(north)) <= 180 and max(abs(west), abs(east)) <= 90  # noqa: PLR2004 -- degrees
    return " (are longitude and latitude swapped?)" if swapped else ""


def _walkable(rows: gpd.GeoDataFrame, foot: FootAccess) -> tuple[gpd.GeoDataFrame, Said]:
    """Return the walkable lines, pointing as people walk, with what a `Network` asks; and what was found."""
    columns = {str(name): rows[name].tolist() for name in rows.columns if name != rows.geometry.name}
    judged = judge_rows(columns, len(rows), foot)
    ride_s = judged.ride_s
    found = gpd.GeoDataFrame(
        {
            "kind": judged.kinds,
            "s_per_m": np.where(ride_s != 0, ride_s / _geodesic(rows), 0.0),
            "oneway": judged.flags("direction"),
            **{name: judged.flags(name) for name in ("private", "off_ground", "tunnel")},
            **{name: flags_of(columns.get(name, [False] * len(rows)), name) for name in _OWN},
            **{name: _numbers(columns, name, len(rows)) / _geodesic(rows) for name in (*_CARRIED, "climb_m")},
            **{name: _numbers(columns, name, len(rows), 1.0) for name in _SLOPES},
        },
        geometry=rows.geometry.to_numpy(),
        crs=rows.crs,
    )
    against = np.array([walk.direction < 0 for walk in judged.walks])
    found.loc[against, "geometry"] = found.geometry[against].reverse()
    found.loc[against, "climb_m"] *= -1
    found.loc[against, list(_SLOPES)] = found.loc[against, list(_SLOPES[::-1])].to_numpy()
    said, refused = judged.said, judged.refused
    if "other_tags" in columns:  # GDAL's layer of the lines of an extract
        text = "lines of OpenStreetMap without its areas and nodes: squares are not crossed, gates do not stop people"
        said["lines-alone"] = (len(rows), f"{text}; the extract itself has them")
    if refused:
        said["not-walkable"] = (refused.total(), f"lines may not be walked{reasons(refused)}")
    lines = found[judged.flags("walkable")]
    directed = lines["oneway"] | (lines["climb_m"] != 0) | (lines[list(_SLOPES)] != 1).any(axis=1)
    again, twice = drawn_twice(lines.geometry.to_numpy(), directed.to_numpy(), lines.drop(columns="geometry"), "lines")
    said |= twice
    lines = lines[~again].reset_index(drop=True)
    if lines.empty:
        msg = f"no line that may be walked{reasons(refused)}; expected at least one"
        raise InputError(msg)
    return lines, said


def _numbers(columns: dict[str, Any], name: str, count: int, otherwise: float = 0.0) -> NDArray[np.float64]:
    """Return a column that `Network.to_gdf` writes, and `otherwise` where there is none."""
    given = pd.to_numeric(pd.Series(columns.get(name, [otherwise] * count)), errors="coerce")
    return np.asarray(np.nan_to_num(given.to_numpy(dtype=np.float64), nan=otherwise), np.float64)


def _projected(lines: gpd.GeoDataFrame, crs: CRS | str | int | None) -> gpd.GeoDataFrame:
    west, south, east, north = lines.total_bounds
    try:
        target = local_crs((west + east) / 2, (south + north) / 2) if crs is None else CRS.from_user_input(crs)
    except CRSError as error:
        msg = f"coordinate system of the network is {crs!r} ({error}); expected one that PROJ knows"
        raise InputError(msg) from error
    there = lines.to_crs(target)
    if not np.isfinite(there.total_bounds).all():
        msg = f"lines lie where {target.name} has no coordinates; expected network = {{ crs = ... }} to fit"
        raise InputError(msg)
    return there


def _noded(lines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the lines cut wherever they meet; of lines on top of each other one stays, the first."""
    given = lines.geometry.to_numpy()
    pieces = shapely.get_parts(shapely.union_all(given, grid_size=SAME_PLACE_M))
    pieces = pieces[shapely.length(pieces) > 0]
    middles = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    piece, origin = shapely.STRtree(given).query_nearest(middles, all_matches=True)
    order = np.lexsort((origin, piece))
    origin = origin[order][np.unique(piece[order], return_index=True)[1]]
    early, late = (
        shapely.line_locate_point(given[origin], shapely.line_interpolate_point(pieces, share, normalized=True))
        for share in (1 / 3, 2 / 3)
    )
    pieces = np.where(early <= late, pieces, shapely.reverse(pieces))
    return lines.iloc[origin].set_geometry(pieces, crs=lines.crs).reset_index(drop=True)


def _geodesic(rows: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return the metres of each line in EPSG:4326, above zero."""
    xy, of_line = shapely.get_coordinates(rows.geometry.to_numpy(), return_index=True)
    steps = np.where(np.diff(of_line) == 0, segment_lengths(xy), 0.0)
    metres = np.bincount(of_line[1:], weights=steps, minlength=len(rows))
    found: NDArray[np.float64] = np.maximum(metres.astype(np.float64), SAME_PLACE_M)
    return found


def _fields(lines: gpd.GeoDataFrame, delays: Delays) -> dict[str, Any]:
    """Return the fields of the network whose edges run from junction to junction along the lines."""
    xy, of_line = shapely.get_coordinates(lines.geometry.to_numpy(), return_index=True)
    is_end = np.ones(len(xy), np.bool_)
    is_end[1:-1] = (of_line[1:-1] != of_line[:-2]) | (of_line[1:-1] != of_line[2:])
    place = _places(xy, is_end)
    # A vertex on top of the one before it is no place where a line meets itself.
    repeated = np.concatenate([[False], (place[1:] == place[:-1]) & (of_line[1:] == of_line[:-1])])
    cut = is_end | ((np.bincount(place[~repeated])[place] > 1) & ~repeated)
    at = np.flatnonzero(cut)
    together = of_line[at[1:]] == of_line[at[:-1]]
    first, last = at[:-1][together], at[1:][together]
    row = of_line[first]
    junction, ends = np.unique(np.column_stack([place[first], place[last]]), return_inverse=True)
    edges: NDArray[np.int32] = ends.reshape(-1, 2).astype(np.int32)
    walked = np.concatenate([[0.0], np.cumsum(segment_lengths(transform(xy, lines.crs, WGS84)))])
    length_m = walked[last] - walked[first]
    kinds, kind = np.unique(lines["kind"].to_numpy(dtype=str)[row], return_inverse=True)
    if len(kinds) > _MOST_KINDS:
        msg = f"{len(kinds):,} types of street ({', '.join(kinds[:5])} ...); expected {_MOST_KINDS} at most"
        raise InputError(msg)
    carried = Carried(
        kinds=kinds[kind],
        edges=edges,
        length_m=length_m,
        ride_s=lines["s_per_m"].to_numpy()[row] * length_m,
        lifts=np.zeros(len(edges)),
    )
    told = {name: (lines[name].to_numpy()[row] * length_m).astype(np.float32) for name in (*_CARRIED, "climb_m")}
    counts = last - first + 1
    start = starts_of(counts)
    return {
        "node_xy": xy[np.unique(place, return_index=True)[1][junction]],
        "edges": edges,
        "length_m": length_m,
        "fixed_s": np.where(told["fixed_s"] > 0, told["fixed_s"], delays.seconds(carried)),
        "signals": told["signals"],
        "climb_m": told["climb_m"],
        "slope_factor": lines[list(_SLOPES)].to_numpy(dtype=np.float32)[row],
        **{name: lines[name].to_numpy()[row] for name in ("oneway", "private", "off_ground", *_OWN)},
        "closed": lines["closed"].to_numpy()[row] | long_tunnels(lines["tunnel"].to_numpy()[row], edges, length_m),
        "kind": kind.astype(np.uint8),
        "kinds": tuple(map(str, kinds)),
        "shape_xy": xy[spans(first, counts)],
        "shape_start": start,
        "crs": lines.crs,
    }


def _places(xy: NDArray[np.float64], is_end: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the place of each vertex: one for those alike to a millimetre, and for ends within 1 cm of each other."""
    rounded, vertex = np.unique(np.round(xy, _SAME_VERTEX_DIGITS), axis=0, return_inverse=True)
    vertex = vertex.ravel()
    ends = np.unique(vertex[is_end])
    near = ends[KDTree(rounded[ends]).query_pairs(SAME_PLACE_M, output_type="ndarray")]
    found: NDArray[np.int32] = label_components(len(rounded), *near.T)[vertex]
    return found


def _crossings(fields: dict[str, Any]) -> int:
    """Return how many junctions lie on a line they are no end of, and how many pairs of lines cross besides."""
    node_xy, edges = fields["node_xy"], fields["edges"]
    lines = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, fields["shape_xy"], (fields["shape_start"],))
    tree = shapely.STRtree(lines)
    node, edge = tree.query(shapely.points(node_xy), predicate="dwithin", distance=SAME_PLACE_M)
    touching = int((edges[edge] != node[:, None]).all(axis=1).sum())
    one, other = meeting_pairs(tree, "intersects")
    inside = ~shapely.relate_pattern(lines[one], lines[other], _ENDS_ONLY)
    one, other = one[inside], other[inside]
    points, pair = shapely.get_coordinates(shapely.intersection(lines[one], lines[other]), return_index=True)
    away = np.ones(len(points), np.bool_)
    for edge in (one, other):
        for side in (0, 1):
            away &= np.hypot(*(points - node_xy[edges[edge[pair], side]]).T) > SAME_PLACE_M
    return touching + len(np.unique(pair[away]))
