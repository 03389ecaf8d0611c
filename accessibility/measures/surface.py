"""The ground under the people: what points stand for, walking minutes from everywhere, how near and dense streets."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from accessibility.demand import Demand
from accessibility.errors import InputError, spell_number
from accessibility.geo.arrays import extent, finite_rows
from accessibility.geo.projection import WGS84, local_crs, mercator, transform
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.inequalities import weighted_quantile
from accessibility.measures.tables import NO_DISTRICT, TOTAL
from accessibility.standards import M_PER_KM, S_PER_MIN
from accessibility.streets.snapping import NOWHERE, Positions, SnapLimits, snap_points

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.measures.coverage import Coverage
    from accessibility.streets.network import Network

POINT_M = 150.0
"""The side of the square around a point that is on no grid."""
_DIAGONALS = 1.05  # a corner neighbour is a diagonal away, the next but one cell at least 1.4
_SEAM = 1.02  # cells of another projection stand a little askew; this closes the seams
_TOGETHER = 8  # cells in a row are drawn as one: few enough that a row that bends on the ground stays straight
_ASKEW = 0.01  # cells: a neighbour stands farther off than that
_NEIGHBOURS = 8
_SAMPLE = 20_000
_DEFAULT_CELL_M = 100.0
_REGULAR = 0.6  # of the points with a neighbour one cell away: a grid
_ASLANT = 0.25  # a neighbour straight ahead is less than this much of its distance to the side


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where the people of a map stand."""

    lonlat: NDArray[np.float64]  # (n, 2) degrees; NaN for people without a place, who are counted and not drawn.
    cell_m: float  # metres between neighbours on the ground, the size of a cell
    grid: bool  # whether the points are the cells of a grid
    # (n,) polygons in degrees that people were read as, None where one was not; None where none was.
    shapes: NDArray[np.object_] | None = None

    @classmethod
    def of(cls, coverage: Coverage) -> Places:
        """Return the places of the demand points; their spacing is the median distance to the nearest neighbour."""
        drawn = None if coverage.study is None else coverage.study.shapes
        shapes = None if drawn is None else drawn.reindex(coverage.demand.ids).to_numpy(dtype=object)
        demand = coverage.demand
        points: Places = demand.known.get("places", lambda: cls.of_points(demand.lonlat))
        return replace(points, shapes=shapes)

    @classmethod
    def of_points(cls, lonlat: NDArray[np.float64]) -> Places:
        """Return the places of points: their spacing is the median distance to the nearest neighbour."""
        found = lonlat[finite_rows(lonlat)]
        if not len(found):
            return cls(lonlat=lonlat, cell_m=_DEFAULT_CELL_M, grid=False)
        ground = mercator(found) * np.cos(np.radians(found[:, 1].mean()))
        distinct = np.unique(np.round(ground, 1), axis=0)
        if len(distinct) == 1:
            return cls(lonlat=lonlat, cell_m=_DEFAULT_CELL_M, grid=False)
        sample = distinct[:: max(1, len(distinct) // _SAMPLE)]
        spacing = np.asarray(cKDTree(distinct).query(sample, k=2)[0])[:, 1]
        cell = float(np.median(spacing))
        regular = float(np.mean(np.abs(spacing - cell) < 0.05 * cell))
        return cls(lonlat=lonlat, cell_m=cell, grid=regular > _REGULAR)

    @property
    def areas(self) -> bool:
        """Whether the points stand for areas, cells or polygons, whose people a shade tells."""
        return self.grid or self.shapes is not None

    @property
    def all_areas(self) -> bool:
        """Whether every point with a place stands for an area that is known."""
        if self.shapes is None:
            return self.grid
        return all(shape is not None for shape in self.shapes[self.placed])

    @cached_property
    def placed(self) -> NDArray[np.bool_]:
        """``(n,)`` whether the point has a place."""
        return finite_rows(self.lonlat)


@dataclass(frozen=True, kw_only=True, eq=False)
class Footprint:
    """What a demand point stands for on the ground."""

    crs: CRS  # a local system in metres around the middle of the people; `width_m` and the others are measured in it.
    # width_m, height_m: sides of a cell
    width_m: float
    height_m: float
    turn: float  # radians, counter-clockwise, by which the cells' rows are turned against the axes of `crs`
    grid: bool  # whether the points are the cells of a grid

    @classmethod
    def of(cls, coverage: Coverage) -> Footprint:
        """Return the footprint of the demand points of a coverage, found from how they stand to each other."""
        found: Footprint = coverage.demand.known.get("footprint", lambda: cls._of_places(Places.of(coverage)))
        return found

    @classmethod
    def _of_places(cls, places: Places) -> Footprint:
        lonlat = places.lonlat[places.placed]
        if not len(lonlat):
            return cls(crs=local_crs(0.0, 0.0), width_m=POINT_M, height_m=POINT_M, turn=0.0, grid=False)
        low, high = extent(lonlat)
        crs = local_crs(*((low + high) / 2).tolist())
        if not places.grid:
            return cls(crs=crs, width_m=POINT_M, height_m=POINT_M, turn=0.0, grid=False)
        width, height, turn = _lattice(transform(lonlat, WGS84, crs))
        return cls(crs=crs, width_m=width, height_m=height, turn=turn, grid=True)

    @property
    def link_m(self) -> float:
        """How far apart two points may stand and still be neighbours, ``<=``.

        The eight neighbours of a cell: its diagonal and a twentieth. Of points on no grid, the side of their square.
        """
        return _DIAGONALS * float(np.hypot(self.width_m, self.height_m)) if self.grid else self.width_m

    @property
    def ring(self) -> NDArray[np.float64]:
        """``(4, 2)`` corners of a cell around its middle."""
        corner = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * np.array([self.width_m, self.height_m]) / 2
        return _turned(corner, self.turn)

    def cells(self, xy: NDArray[np.float64]) -> NDArray[np.object_]:
        """Return polygons around ``(n, 2)`` points of `crs`, a little larger than the cells, one of eight in a row."""
        first, last, ring = xy, xy, self.ring
        if self.grid:
            ring, side = _SEAM * ring, np.array([self.width_m, self.height_m])
            first, last = (xy[rows] for rows in _in_rows(_turned(xy, -self.turn) / side))
        ends = np.stack([first, last, last, first], axis=1)
        return np.asarray(shapely.polygons(ends + ring), dtype=object)


def _in_rows(at: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first and the last of up to `_TOGETHER` cells that stand side by side; ``(n, 2)`` in cells."""
    order = np.lexsort((at[:, 0], np.round(at[:, 1])))
    right, up = np.diff(at[order], axis=0).T
    apart = np.append(True, (np.abs(right - 1.0) > _ASKEW) | (np.abs(up) > _ASKEW))
    run = np.flatnonzero(apart)[np.cumsum(apart) - 1]
    begin = np.flatnonzero((np.arange(len(order)) - run) % _TOGETHER == 0)
    return order[begin], order[np.append(begin[1:], len(order)) - 1]


def shape_people(coverage: Coverage) -> NDArray[np.object_] | None:
    """Return what each demand point stands for on the ground: the polygons people were read as, or cells of a grid.

    Parameters
    ----------
    coverage
        Who is covered.

    Returns
    -------
    NDArray or None
        ``(n,)`` polygons in degrees (EPSG:4326), None for people without a place; None where people are points.

    Examples
    --------
    Cells of 100 m in a row, beside two homes that stand for no area:

    >>> import accessibility as acc
    >>> from accessibility.measures.surface import shape_people
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = [(500050 + 100 * k, 34e5) for k in range(9)]
    >>> cells = acc.Demand(ids=range(9), xy=at, population=[1] * 9, crs="EPSG:32649")
    >>> outlet = acc.Sites(ids=["O1"], xy=[(5e5, 34e5)], crs="EPSG:32649")
    >>> shape_people(acc.measure_coverage(road, cells, outlet))[0].geom_type
    'Polygon'
    >>> homes = acc.Demand(ids=["a", "b"], xy=[at[0], at[0]], population=[1, 1], crs="EPSG:32649")
    >>> shape_people(acc.measure_coverage(road, homes, outlet)) is None
    True
    """
    places = Places.of(coverage)
    if not places.all_areas or places.shapes is not None:
        return places.shapes if places.all_areas else None
    footprint, found = Footprint.of(coverage), np.full(len(places.lonlat), None, dtype=object)
    middle = transform(places.lonlat[places.placed], WGS84, footprint.crs)
    corners = transform((middle[:, None] + footprint.ring).reshape(-1, 2), footprint.crs, WGS84)
    found[places.placed] = shapely.polygons(corners.reshape(-1, 4, 2))
    return found


def _lattice(xy: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return width, height and turn of the cells of a grid: of the neighbours straight ahead, the median distance."""
    places = np.unique(np.round(xy, 1), axis=0)
    sample = places[:: max(1, len(places) // _SAMPLE)]
    k = min(_NEIGHBOURS + 1, len(places))
    step = places[np.asarray(cKDTree(places).query(sample, k=k)[1])[:, 1:]] - sample[:, None, :]
    # Four times the direction is the same along a row and along a column.
    direction = np.arctan2(step[:, 0, 1], step[:, 0, 0])
    turn = float(np.angle(np.exp(4j * direction).mean())) / 4
    right, up = np.moveaxis(np.abs(_turned(step, -turn)), -1, 0)
    sides = [_ahead(right, up), _ahead(up, right)]
    known = [side for side in sides if np.isfinite(side)]
    width, height = (side if np.isfinite(side) else known[0] for side in sides)
    return width, height, turn


def _ahead(along: NDArray[np.float64], aside: NDArray[np.float64]) -> float:
    """Return the median over the points of how far the nearest neighbour straight ahead is; NaN where none has one."""
    nearest = np.where(aside < _ASLANT * along, along, np.inf).min(axis=1)
    found = nearest[np.isfinite(nearest)]
    return float(np.median(found)) if found.size else float("nan")


def _turned(xy: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Return ``(..., 2)`` vectors turned counter-clockwise."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned: NDArray[np.float64] = xy @ np.array([[cos, sin], [-sin, cos]])
    return turned


CELL_M = 100.0
MAX_CELLS = 25_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """Values on a grid of square cells, row 0 in the north."""

    minutes: NDArray[np.float32]  # (rows, columns) float32; NaN where there is no value.
    # west, north: the upper left corner, metres in `crs`
    west: float
    north: float
    cell_m: float  # side of a cell
    crs: CRS  # a projected coordinate system in metres


def measure_surface(
    coverage: Coverage,
    network: Network,
    districts: gpd.GeoDataFrame | None = None,
    *,
    cell_m: float = CELL_M,
    street_m: float | None = None,
) -> Surface:
    """Return the walking minutes from the middle of every cell to the nearest open site, both access legs in.

    Every cell of the area has its value, whether anybody lives there or not: a surface answers for places where homes
    or sites may come. The edges of the cells lie on multiples of their side, so that two surfaces of one place and
    size fit.

    Parameters
    ----------
    coverage
        Sites, where they stand, and how people walk.
    network
        The streets the coverage was measured on; the surface is in their coordinate system.
    districts
        Polygons of the area: cells whose middle lies in none of them have no value. Without them all cells around the
        people count.
    cell_m
        Side of a cell in metres.
    street_m
        A cell whose middle is farther than this from any street has no value; as far as an urban home if not given.

    Raises
    ------
    InputError
        A `cell_m` or `street_m` that is not a positive number, no area, or more cells than 25 million.
    """
    street_m = SnapLimits().urban_m if street_m is None else street_m
    for name, value in (("cell_m", cell_m), ("street_m", street_m)):
        if not (math.isfinite(value) and value > 0):
            msg = f"{name} is {spell_number(value)}; expected a positive, finite number of metres"
            raise InputError(msg)
    column, row, width, height = _grid(coverage, network, districts, cell_m)
    x = (column + np.arange(width) + 0.5) * cell_m
    y = (row - np.arange(height) - 0.5) * cell_m
    xy = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    inside = _inside(xy, network, districts)
    minutes = np.full(len(xy), np.nan, np.float32)
    minutes[inside] = _walk_s(coverage, network, xy[inside], street_m) / S_PER_MIN
    return Surface(
        minutes=minutes.reshape(height, width),
        west=column * cell_m,
        north=row * cell_m,
        cell_m=float(cell_m),
        crs=network.crs,
    )


def _grid(
    coverage: Coverage, network: Network, districts: gpd.GeoDataFrame | None, cell_m: float
) -> tuple[int, int, int, int]:
    """Return the first column and row in cells from the origin of the coordinate system, and how many of both."""
    if districts is None:
        xy = transform(coverage.demand.xy, coverage.demand.crs, network.crs)
        xy = xy[finite_rows(xy)]
        corners = np.concatenate(extent(xy)).tolist() if len(xy) else []
    else:
        corners = districts.to_crs(network.crs).total_bounds.tolist()
    if not (len(corners) and np.isfinite(corners).all()):
        msg = "a surface of no area: neither districts nor people with a place; expected some"
        raise InputError(msg)
    west, south, east, north = corners
    column, row = math.floor(west / cell_m), math.floor(north / cell_m) + 1
    width, height = math.floor(east / cell_m) + 1 - column, row - math.floor(south / cell_m)
    if width * height > MAX_CELLS:
        msg = f"{width:,} by {height:,} cells of {cell_m:g} m; expected at most {MAX_CELLS:,}: choose larger cells"
        raise InputError(msg)
    return column, row, width, height


def _inside(xy: NDArray[np.float64], network: Network, districts: gpd.GeoDataFrame | None) -> NDArray[np.bool_]:
    if districts is None:
        return np.ones(len(xy), np.bool_)
    area = districts.to_crs(network.crs).union_all()
    shapely.prepare(area)
    return np.asarray(shapely.intersects_xy(area, xy), dtype=np.bool_)


def _walk_s(coverage: Coverage, network: Network, xy: NDArray[np.float64], street_m: float) -> NDArray[np.float64]:
    settings, nobody = coverage.demand.settings, np.zeros(len(xy))
    cells = Demand(ids=range(len(xy)), xy=xy, population=nobody, settings=settings, crs=network.crs)  # type: ignore[arg-type]
    snapped = replace(coverage.snapped, demand=snap_points(network, xy, street_m))
    found = measure_coverage(network, cells, coverage.sites, coverage.standard, coverage.walker, snapped)
    return found.walk_s


FAR_M = 100.0
"""A home farther than this from its street stands where a street is probably missing."""
SNAP_COLUMNS = (
    *("district", "population", "snap_p50_m", "snap_p95_m", "snap_max_m"),
    *("beyond_limit_people", "over_100_m_people", "without_place_people"),
)
_MIN_PEOPLE = 1.0  # a raster smears fractions of a person over empty land
_STEP_M = 100.0


@dataclass(frozen=True, kw_only=True)
class StreetFigures:
    """How dense the walkable streets are where people live."""

    inhabited_km2: float  # cells of 1 km² with at least one person
    street_km: float  # walkable length inside them
    km_per_km2: float  # one by the other; NaN where nobody has a place.
    people_without_street: float  # people in inhabited cells without any street
    over_100_m_share: float  # share of all people whose street is more than 100 m from home


def snap_to_nodes(
    network: Network, xy: NDArray[np.float64], limit_m: NDArray[np.float64] | float = np.inf, *, public: bool = False
) -> Positions:
    """Return the nearest junction of a main component for each point: the usual short cut, for comparison only.

    As that short cut does, it also takes junctions on bridges and in tunnels.

    Parameters
    ----------
    network
        The streets.
    xy
        ``(k, 2)`` metres in the network's coordinate system; a row that is not finite stands nowhere.
    limit_m
        Farthest distance that is snapped, ``<=``; one number or ``(k,)``.
    public
        Whether only junctions of public streets are taken, as for a site that serves everyone.

    Returns
    -------
    Positions
        Each at the end of an edge that meets the junction, a public one where there is one; the access leg is the
        straight line to the junction.

    Examples
    --------
    A home 30 m off the middle of a street of 200 m is 104 m from its nearest junction:

    >>> from accessibility import Network
    >>> street = Network(node_xy=[(0, 0), (200, 0)], edges=[(0, 1)], length_m=[200], crs="EPSG:32649")
    >>> snap_to_nodes(street, np.array([[100.0, 30.0]])).leg_m.round().tolist()
    [104.0]
    """
    k = len(xy)
    edge, fraction, leg = np.full(k, NOWHERE, np.int32), np.zeros(k), np.full(k, np.nan)
    usable = network.main_edges & ~network.private if public else network.main_edges
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(network.private[rows], kind="stable")]
    # Each junction with the first edge that meets it: public ones come before private ones.
    nodes, first = np.unique(network.edges[rows].ravel(), return_index=True)
    placed = np.flatnonzero(finite_rows(xy))
    if placed.size and nodes.size:
        leg[placed], found = cKDTree(network.node_xy[nodes]).query(xy[placed])
        row, end = np.divmod(first[found], 2)
        edge[placed], fraction[placed] = rows[row], end
    edge[~(leg <= limit_m)] = NOWHERE
    return Positions(edge=edge, fraction=fraction, leg_m=leg)


def snap_table(coverage: Coverage, district: pd.Series[Any], names: Iterable[Any]) -> pd.DataFrame:
    """Return how far people live from their street: one row per district and a last row ``total``.

    Median, 95th percentile and greatest distance are over people with a place, those beyond the limit of their
    setting among them; a point where nobody lives does not count.

    Parameters
    ----------
    coverage
        Who stands where.
    district
        Name of the district of each demand point, keyed by demand id; people in none come in a row ``(none)``.
    names
        All districts, in the order of the rows.
    """
    label = name_districts(coverage, district)
    keys = [str(name) for name in names]
    keys += [NO_DISTRICT] if NO_DISTRICT in set(label[coverage.demand.population > 0]) else []
    rows = [_snap_row(coverage, name, label == name) for name in keys]
    rows.append(_snap_row(coverage, TOTAL, np.ones(len(label), np.bool_)))
    return pd.DataFrame(rows, columns=list(SNAP_COLUMNS))


def name_districts(coverage: Coverage, district: pd.Series[Any]) -> NDArray[np.object_]:
    """Return ``(n,)`` the district of each demand point as text, ``(none)`` where it lies in none."""
    found = district.reindex(pd.Index(coverage.demand.ids)).to_numpy(dtype=object)
    which, names = pd.factorize(found)
    texts = np.array([*map(str, names), NO_DISTRICT], dtype=object)
    return texts[which]  # the last one of -1, which stands where a name is missing


def beyond_limit(coverage: Coverage) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a demand point has a place, but no street within the limit of its setting."""
    at = coverage.snapped.demand
    return np.asarray(~at.snapped & np.isfinite(at.leg_m))


def _snap_row(coverage: Coverage, name: str, here: NDArray[np.bool_]) -> dict[str, Any]:
    leg, people = coverage.snapped.demand.leg_m, coverage.demand.population
    lives = here & np.isfinite(leg) & (people > 0)
    quantiles = (weighted_quantile(leg[lives], people[lives], q) for q in (0.5, 0.95, 1.0))
    beyond = people[here & beyond_limit(coverage)].sum()
    counts = (beyond, people[here & (leg > FAR_M)].sum(), people[here & ~np.isfinite(leg)].sum())
    return dict(zip(SNAP_COLUMNS, (name, people[here].sum(), *quantiles, *counts), strict=True))


def measure_streets(network: Network, coverage: Coverage) -> StreetFigures:
    """Return how dense the streets are in the cells of 1 km² where at least one person lives."""
    demand = coverage.demand
    xy = transform(demand.xy, demand.crs, network.crs)
    placed = finite_rows(xy)
    people = _sum_by_cell(xy[placed], demand.population[placed], "people")
    people = people[people >= _MIN_PEOPLE]
    middle, length = _pieces(network)
    streets = _sum_by_cell(middle, length, "m").reindex(people.index).fillna(0.0)
    km, km2 = float(streets.sum()) / M_PER_KM, float(len(people))
    far = float(demand.population[coverage.snapped.demand.leg_m > FAR_M].sum())
    return StreetFigures(
        inhabited_km2=km2,
        street_km=km,
        km_per_km2=km / km2 if km2 else float("nan"),
        people_without_street=float(people[streets == 0].sum()),
        over_100_m_share=far / coverage.population if coverage.population else float("nan"),
    )


def _pieces(network: Network) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return middle and length of pieces of edges, short enough to lie in one cell or nearly so."""
    lines = network.lines()
    lines = lines[shapely.length(lines) > 0]  # between two equal points there is nothing to cut
    xy, edge = shapely.get_coordinates(shapely.segmentize(lines, _STEP_M), return_index=True)
    inside = edge[1:] == edge[:-1]
    step = np.hypot(*(xy[1:] - xy[:-1]).T)[inside]
    middle: NDArray[np.float64] = ((xy[1:] + xy[:-1]) / 2)[inside]
    return middle, step


def _sum_by_cell(xy: NDArray[np.float64], values: NDArray[np.float64], name: str) -> pd.Series[Any]:
    cell = np.floor(xy / M_PER_KM).astype(np.int64)
    return pd.Series(values, name=name).groupby([cell[:, 0], cell[:, 1]]).sum()
