"""Roads as lines (GeoPackage, GeoParquet, Shapefile, GeoJSON) and graphs as GraphML: networks without an extract."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from accessibility.errors import InputError
from accessibility.graphs import read_graphml_file
from accessibility.network import Network
from accessibility.projection import WGS84, local_crs, segment_lengths, transform
from accessibility.sources.cache import sha256_file
from accessibility.sources.checks import Finding
from accessibility.sources.delays import Carried, Delays
from accessibility.sources.extract import examples
from accessibility.sources.vectors import read_vector
from accessibility.streets.foot import FERRY, KINDS, WAY_KEYS, FootAccess, is_ferry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.sources.topology import Bounds

SUFFIXES = (".gpkg", ".parquet", ".geoparquet", ".shp", ".geojson")
SAME_PLACE_M = 0.01  # ends nearer than this are one junction: the last digit of OpenStreetMap's coordinates
_TYPES = ("highway", "fclass")  # whose words are OpenStreetMap's; Geofabrik's shapefiles call the column fclass
_BESIDE = (".dbf", ".shx", ".prj", ".cpg")
_MOST_KINDS = 255
_YES, _NO = frozenset({"yes", "true", "t", "1"}), frozenset({"", "no", "false", "f", "0"})
# Two lines whose insides do not meet, nor an inside an end: only their ends touch (DE-9IM).
_ENDS_ONLY = "FF*F0****"


def read_lines(
    path: Path,
    *,
    layer: str | None = None,
    noded: bool = False,
    crs: CRS | str | int | None = None,
    bounds: Bounds | None = None,
    foot: FootAccess | None = None,
) -> tuple[Network, list[Finding]]:
    """Return the network of a file of lines, and what was set aside or looks suspicious.

    Ends within 1 cm of each other are one junction. A column ``highway`` (or ``fclass``) and other columns named like
    OpenStreetMap tags (``foot``, ``access``, ``oneway:foot`` or ``oneway_foot`` …) decide by the foot-access table who
    may walk where; types of street it does not know are walkable. ``kind`` only names the type, ``private`` marks
    lines for residents only, ``oneway`` is about cars and not read. A line of the type ``ferry``, or of ``route``
    ``ferry`` and no other, is a ferry. Lengths are measured, never read.

    Parameters
    ----------
    path
        The file, with a coordinate system.
    layer
        Layer of a GeoPackage; its only one if not given.
    noded
        Whether lines are also cut where they cross or touch, bridges too: vertices then move to a grid of 1 cm.
    crs
        The projected coordinate system of the result; a transverse Mercator centred on the lines if not given.
    bounds
        West, south, east, north in degrees: lines wholly outside are left out.
    foot
        The foot-access table; the default one if not given.

    Raises
    ------
    InputError
        A file that is missing, unreadable or empty, has several layers and none is named, no coordinate system,
        geometry other than lines, coordinates that are no numbers, or no walkable line within `bounds`.
    """
    table = _read(path, layer)
    rows, said = _as_degrees(table, path)
    if bounds is not None:
        west, south, east, north = rows.bounds.to_numpy().T
        rows = rows[(west <= bounds[2]) & (south <= bounds[3]) & (east >= bounds[0]) & (north >= bounds[1])]
        if rows.empty:
            msg = f"{path.name}: none of its {len(table):,} lines meets the box {bounds}; expected some of them there"
            raise InputError(msg)
    foot = foot or FootAccess()
    lines, refused = _walkable(rows, foot)
    if refused:
        said["not-walkable"] = (refused.total(), f"lines may not be walked{examples(refused)}")
    if lines.empty:
        msg = f"{path.name}: no line that may be walked{examples(refused)}; expected at least one"
        raise InputError(msg)
    lines = _projected(lines, crs, path)
    if noded:
        lines = _noded(lines)
    try:
        network = _network(lines, Delays.of(foot))
    except InputError as error:
        msg = f"{path.name}: {error}"
        raise InputError(msg) from error
    apart = 0 if noded else _crossings(network)
    if apart:
        said["unjoined-crossing"] = (apart, "crossings without a shared end stay apart: noded = true joins them")
    return network, [
        Finding(code=code, source=path.name, message=f"{count:,} {text}", count=count)
        for code, (count, text) in said.items()
    ]


def read_graphml(path: Path) -> tuple[Network, list[Finding]]:
    """Return the network of a GraphML file, such as osmnx saves; see `Network.from_networkx`.

    Raises
    ------
    InputError
        A file that is missing or no GraphML, and whatever `Network.from_networkx` refuses.
    """
    _there(path)
    try:
        network = Network.from_networkx(read_graphml_file(path))
    except InputError as error:
        msg = f"{path.name}: {error}"
        raise InputError(msg) from error
    return network, []


def fingerprints(path: Path) -> dict[str, str]:
    """Return the SHA-256 of the files that belong to a Shapefile, by suffix; of no other format has more than one."""
    if path.suffix.lower() != ".shp":
        return {}
    beside = [path.with_suffix(suffix) for part in _BESIDE for suffix in (part, part.upper())]
    return {file.suffix: sha256_file(file) for file in beside if file.is_file()}


def _there(path: Path) -> None:
    if not path.is_file():
        msg = f"{path.name}: no such file {path}; expected a network"
        raise InputError(msg)


def _read(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    _there(path)
    try:
        table = read_vector(path, layer=layer)
    except InputError:
        raise
    except Exception as error:
        msg = f"{path.name}: cannot be read as lines: {' '.join(str(error).split())}"
        raise InputError(msg) from error
    if not isinstance(table, gpd.GeoDataFrame) or table.empty:
        msg = f"{path.name}: {len(table)} rows with geometry; expected lines"
        raise InputError(msg)
    if table.crs is None:
        msg = f"{path.name}: no coordinate system; expected one, declare it in the file"
        raise InputError(msg)
    kinds = Counter(table.geom_type.dropna()[~table.geometry.is_empty])
    strange = ", ".join(f"{n:,} of type {kind}" for kind, n in kinds.items() if not kind.endswith("LineString"))
    if strange:
        msg = f"{path.name}: geometries that are no lines: {strange}; expected LineString or MultiLineString"
        raise InputError(msg)
    return table


def _as_degrees(table: gpd.GeoDataFrame, path: Path) -> tuple[gpd.GeoDataFrame, dict[str, tuple[int, str]]]:
    """Return a row a single line in EPSG:4326, and how many rows have no geometry or no length."""
    there = ~(table.geometry.isna() | table.geometry.is_empty)
    rows = table[there].explode(ignore_index=True)
    rows = rows.set_geometry(shapely.force_2d(rows.geometry.to_numpy()), crs=table.crs).to_crs(WGS84)
    box = np.abs(rows.bounds.to_numpy()) <= [180, 90, 180, 90]  # NaN is not
    finite = box.all(axis=1)
    if not finite.all():
        msg = (
            f"{path.name}: {int((~finite).sum()):,} lines have coordinates that are no numbers or outside "
            f"{table.crs.name} (first: line {int(np.argmin(finite)) + 1}); expected places on Earth"
        )
        raise InputError(msg)
    long = shapely.length(rows.geometry.to_numpy()) > 0
    if not long.any():
        msg = f"{path.name}: none of its {len(table):,} lines has any length; expected at least one"
        raise InputError(msg)
    said = {
        "no-geometry": (int((~there).sum()), "rows without geometry set aside"),
        "zero-length": (int((~long).sum()), "lines without length set aside"),
    }
    return rows[long], {code: (count, text) for code, (count, text) in said.items() if count}


def _walkable(rows: gpd.GeoDataFrame, foot: FootAccess) -> tuple[gpd.GeoDataFrame, Counter[str]]:
    """Return the walkable lines, pointing as people walk, with what a `Network` asks; and why not the others."""
    tags = _tags(rows)
    row, seen = pd.factorize(pd.MultiIndex.from_frame(tags))
    verdicts = [_verdict(dict(zip(tags.columns, words, strict=True)), foot) for words in seen.to_list()]
    walks = [verdicts[i] for i in row]
    ride_s = np.array([walk.ride_s for walk in walks])
    ferry = ride_s != 0
    kind = np.where(ferry, FERRY, tags["kind"].where(tags["kind"] != "", "road").to_numpy())
    found = gpd.GeoDataFrame(
        {
            "kind": kind,
            "s_per_m": np.where(ferry, ride_s / _geodesic(rows), 0.0),
            "private": np.array([walk.private for walk in walks]) | tags["private"].isin(_YES).to_numpy(),
            "oneway": [walk.direction != 0 for walk in walks],
            "off_ground": [walk.off_ground for walk in walks],
        },
        geometry=rows.geometry.to_numpy(),
        crs=rows.crs,
    )
    against = np.array([walk.direction < 0 for walk in walks])
    found.loc[against, "geometry"] = found.geometry[against].reverse()
    refused = Counter(walk.reason for walk in walks if not walk.walkable)
    return found[[walk.walkable for walk in walks]].reset_index(drop=True), refused


def _tags(rows: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the columns that say who walks where as plain words, named as the tags; empty where there is nothing."""
    spelt = {str(name).lower().replace("_", ":"): name for name in rows.columns if name != rows.geometry.name}
    typed = next((name for name in _TYPES if name in spelt), None)
    wanted = {key: spelt[key] for key in WAY_KEYS if key in spelt and key not in ("highway", "oneway")}
    wanted |= {"private": spelt["private"]} if "private" in spelt else {}
    wanted |= {"highway": spelt[typed]} if typed else {}
    wanted |= {"kind": spelt[typed or "kind"]} if typed or "kind" in spelt else {}
    words = pd.DataFrame({key: [_word(value) for value in rows[name]] for key, name in wanted.items()})
    for key in ("kind", "private"):
        if key not in words:
            words[key] = pd.Series([""] * len(rows), dtype=object)
    return words


def _word(value: Any) -> str:
    if value is None or value != value or value is pd.NA:  # noqa: PLR0124 -- NaN
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()


def _verdict(words: dict[str, str], foot: FootAccess) -> Any:
    """Return what the foot-access table says of a line; a type of street that is no word of its is a road."""
    tags = {key: word for key, word in words.items() if word and key not in ("kind", "private")}
    level = tags.pop("layer", "0")  # of drawings it is the name of a layer
    number = {"layer": level} if level.lstrip("+-").isdigit() else {}
    number |= {"duration": tags.pop("duration")} if "duration" in tags else {}
    tags = {key: "no" if word in _NO else "yes" if word in _YES else word for key, word in tags.items()} | number
    highway = tags.get("highway", "road")
    if FERRY in (highway, words["kind"]) or is_ferry(tags):
        return foot.may_walk({key: word for key, word in tags.items() if key != "highway"} | {"route": FERRY})
    # Where even foot=yes does not open it, nothing stands there: construction, proposed, razed.
    unknown = highway not in KINDS and foot.may_walk({"highway": highway, "foot": "yes"}).walkable
    return foot.may_walk(tags | {"highway": "road" if unknown else highway})


def _projected(lines: gpd.GeoDataFrame, crs: CRS | str | int | None, path: Path) -> gpd.GeoDataFrame:
    west, south, east, north = lines.total_bounds
    try:
        target = local_crs((west + east) / 2, (south + north) / 2) if crs is None else CRS.from_user_input(crs)
    except CRSError as error:
        msg = f"coordinate system of the network is {crs!r} ({error}); expected one that PROJ knows"
        raise InputError(msg) from error
    there = lines.to_crs(target)
    if not np.isfinite(there.total_bounds).all():
        msg = (
            f"{path.name}: lines lie where {target.name} has no coordinates; expected network = {{ crs = ... }} to fit"
        )
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
    return np.maximum(metres.astype(np.float64), SAME_PLACE_M)


def _network(lines: gpd.GeoDataFrame, delays: Delays) -> Network:
    """Return the network whose edges are the lines, whose junctions are their ends."""
    xy, of_line = shapely.get_coordinates(lines.geometry.to_numpy(), return_index=True)
    start = np.searchsorted(of_line, np.arange(len(lines) + 1))
    ends = np.stack([xy[start[:-1]], xy[start[1:] - 1]], axis=1).reshape(-1, 2)
    near = KDTree(ends).query_pairs(SAME_PLACE_M, output_type="ndarray")
    links = coo_array((np.ones(len(near), np.int8), (near[:, 0], near[:, 1])), shape=(len(ends), len(ends)))
    junction = connected_components(links, directed=False)[1]
    first = np.unique(junction, return_index=True)[1]
    walked = np.concatenate([[0.0], np.cumsum(segment_lengths(transform(xy, lines.crs, WGS84)))])
    kinds, kind = np.unique(lines["kind"].to_numpy(dtype=str), return_inverse=True)
    if len(kinds) > _MOST_KINDS:
        msg = f"{len(kinds):,} types of street ({', '.join(kinds[:5])} ...); expected {_MOST_KINDS} at most"
        raise InputError(msg)
    edges = junction.reshape(-1, 2).astype(np.int32)
    length_m = walked[start[1:] - 1] - walked[start[:-1]]
    carried = Carried(
        kinds=kinds[kind],
        edges=edges,
        length_m=length_m,
        ride_s=lines["s_per_m"].to_numpy() * length_m,
        lifts=np.zeros(len(edges)),
    )
    return Network(
        node_xy=ends[first],
        edges=edges,
        length_m=length_m,
        fixed_s=delays.seconds(carried),
        oneway=lines["oneway"].to_numpy(),
        kind=kind.astype(np.uint8),
        kinds=tuple(map(str, kinds)),
        private=lines["private"].to_numpy(),
        off_ground=lines["off_ground"].to_numpy(),
        shape_xy=xy,
        shape_start=start,
        crs=lines.crs,
    )


def _crossings(network: Network) -> int:
    """Return how many junctions lie on a line they are no end of, and how many pairs of lines cross besides."""
    lines, tree = network.lines(), shapely.STRtree(network.lines())
    node, edge = tree.query(shapely.points(network.node_xy), predicate="dwithin", distance=SAME_PLACE_M)
    touching = int((network.edges[edge] != node[:, None]).all(axis=1).sum())
    one, other = tree.query(lines, predicate="intersects")
    one, other = one[one < other], other[one < other]
    inside = ~shapely.relate_pattern(lines[one], lines[other], _ENDS_ONLY)
    one, other = one[inside], other[inside]
    points, pair = shapely.get_coordinates(shapely.intersection(lines[one], lines[other]), return_index=True)
    away = np.ones(len(points), np.bool_)
    for edge in (one, other):
        for side in (0, 1):
            away &= np.hypot(*(points - network.node_xy[network.edges[edge[pair], side]]).T) > SAME_PLACE_M
    return touching + len(np.unique(pair[away]))
