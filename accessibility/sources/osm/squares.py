"""Squares: areas that people walk across, from entrance to entrance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from accessibility.geo.projection import WGS84, transform
from accessibility.sources.osm.topology import ACROSS, E7, Ways, centred, degrees
from accessibility.streets.network import STEPS
from accessibility.streets.search.parts import label_components

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS

MOST_PLACES = 400  # entrances and corners of one square; of more entrances, only its outline is walked
_SLACK_M = 0.05  # a line along the outline stays inside, however its ends were rounded
_DETOUR = 1.01  # a way across is left out where those there are lead on nearly as straight
_NEAR = 48  # from each entrance or corner a straight line is tried to so many others
_SHORTEST_RING = 4  # a triangle comes back to where it began


def cross_squares(ways: Ways) -> tuple[Ways, int]:
    """Return the ways and those by which people walk across squares, and how many squares only have their outline.

    Squares that overlap on the ground are one. Its entrances are the nodes where other ways meet its outline, and the
    ends and junctions of ways on the ground inside.

    Parameters
    ----------
    ways
        With the rings of squares among them.
    """
    crossed = walk_across(ways)
    found = crossed.ways if crossed.kept.all() else crossed.ways.only(crossed.kept)
    return found, crossed.outlined


class Crossed(NamedTuple):
    """Ways, and after them the lines by which people walk across the squares among them.

    `kept` is ``(w,)`` False for the rings that no other way meets, `outlined` how many squares only have their outline.
    """

    ways: Ways
    kept: NDArray[np.bool_]
    outlined: int


def walk_across(ways: Ways, crs: CRS | None = None) -> Crossed:
    """Return the ways and the lines by which people walk across squares.

    Parameters
    ----------
    ways
        All ways of a source, or those that come near its squares.
    crs
        Where lines are straight: by all ways of the source, where not given.
    """
    count = len(np.unique(ways.square[ways.square >= 0]))
    if not count:
        return Crossed(ways, np.ones(len(ways), np.bool_), 0)
    squares = _Squares(ways, centred(ways) if crs is None else crs)
    crossed = 0
    for group in squares.groups():
        whole = squares.cross(group)
        crossed += len(group) if whole else sum(squares.cross(group[[i]]) for i in range(len(group)))
    found = squares.crossed()
    kept = np.append(squares.met(), np.ones(len(found) - len(ways), np.bool_))
    return Crossed(found, kept, count - crossed)


def lines_across(square: Any, entrances: NDArray[np.float64]) -> NDArray[np.intp] | None:
    """Return the straight lines by which people walk across a square from each entrance to each other.

    A line never leaves the square: where a corner or a fountain is in the way, it is walked round by the corners.

    Parameters
    ----------
    square
        A polygon or multipolygon, in metres.
    entrances
        ``(k, 2)`` places on its outline or inside.

    Returns
    -------
    NDArray
        ``(l, 2)`` pairs of rows of the entrances, then of `corners_of` the square; None where there are too many.

    Examples
    --------
    >>> lines_across(shapely.box(0, 0, 30, 40), np.array([(0.0, 0.0), (30.0, 40.0)])).tolist()
    [[0, 1]]
    """
    if len(entrances) < 2:  # noqa: PLR2004 -- nobody comes through
        return np.empty((0, 2), np.intp)
    if len(entrances) > MOST_PLACES:
        return None
    places = np.concatenate([entrances, corners_of(square)])
    places = places if len(places) <= MOST_PLACES else entrances
    ground = shapely.buffer(square, _SLACK_M, join_style="mitre")
    shapely.prepare(ground)
    pairs = _near(places)
    pairs = pairs[shapely.intersects_xy(ground, places[pairs].mean(axis=1))]  # most that leave it do so by the middle
    one, other = pairs[shapely.covers(ground, shapely.linestrings(places[pairs]))].T
    direct = np.full((len(places), len(places)), np.inf)
    # Two places in one are a step of next to nothing: 0 is no step for scipy.
    direct[one, other] = direct[other, one] = np.maximum(np.hypot(*(places[one] - places[other]).T), 1e-6)
    from scipy.sparse import csr_array  # noqa: PLC0415 -- where there is a square
    from scipy.sparse.csgraph import shortest_path  # noqa: PLC0415

    steps = csr_array(np.where(np.isfinite(direct), direct, 0.0))
    begin = np.arange(len(entrances))
    walked, before = shortest_path(steps, method="D", directed=False, return_predecessors=True, indices=begin)
    return _sparse(direct, walked, before)


def _near(places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return ``(p, 2)`` pairs of places, each with those nearest to it: all pairs in all but the largest squares."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 -- where there is a square

    meet = np.zeros((len(places), len(places)), np.bool_)
    if len(places) <= _NEAR:
        meet[:] = True
    else:
        other = cKDTree(places).query(places, k=np.arange(1, _NEAR + 1))[1]
        meet[np.arange(len(places))[:, None], other] = True
    return np.argwhere(np.triu(meet | meet.T, 1))


def corners_of(square: Any) -> NDArray[np.float64]:
    """Return ``(c, 2)`` the corners of a square that one walks round: those that point inside."""
    found = [np.empty((0, 2))]
    for ring in shapely.get_rings(shapely.get_parts(shapely.orient_polygons(square))):
        xy = shapely.get_coordinates(ring)[:-1]
        back, on = xy - np.roll(xy, 1, axis=0), np.roll(xy, -1, axis=0) - xy
        # The ground lies on the left of every ring: a turn to the right points inside.
        found.append(xy[back[:, 0] * on[:, 1] - back[:, 1] * on[:, 0] < 0])
    return np.concatenate(found)


def _sparse(direct: NDArray[np.float64], walked: NDArray[np.float64], before: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the lines of the shortest ways between entrances, without those that others nearly replace."""
    one, other = np.triu_indices(len(walked), 1)
    so_far = np.where(np.eye(len(direct), dtype=np.bool_), 0.0, np.inf)
    kept: dict[tuple[int, int], None] = {}
    for pair in np.lexsort((other, one, walked[one, other])):
        start, end = int(one[pair]), int(other[pair])
        if not walked[start, end] * _DETOUR < so_far[start, end]:
            continue
        while end != start:
            previous = int(before[start, end])
            line = (min(previous, end), max(previous, end))
            if line not in kept:
                kept[line] = None
                _shorten(so_far, line, direct[line])
            end = previous
    return np.array(list(kept), np.intp).reshape(-1, 2)


def _shorten(so_far: NDArray[np.float64], line: tuple[int, int], length: float) -> None:
    """Let the ways between all places use one line more; none does whose beginning or end it brings no nearer."""
    u, v = line
    from_u = np.flatnonzero(so_far[v] > so_far[u] + length)
    to_v = np.flatnonzero(so_far[u] > so_far[v] + length)
    by_line = np.minimum(so_far[from_u[:, None], to_v], so_far[u, from_u, None] + length + so_far[v, to_v])
    so_far[from_u[:, None], to_v] = by_line
    so_far[to_v[:, None], from_u] = by_line.T


class _Squares:
    """The squares among some ways, and the lines across them so far."""

    def __init__(self, ways: Ways, crs: CRS) -> None:
        self.ways, self._crs = ways, crs
        ring = ways.square >= 0
        in_ring = np.repeat(ring, np.diff(ways.start))
        on_ground = np.repeat(~ring & ~ways.off_ground, np.diff(ways.start))
        self._uses = np.bincount(ways.refs, minlength=len(ways.node_ids))
        ends = np.zeros(len(ways.refs), np.int64)
        ends[ways.start[:-1]] = ends[ways.start[1:] - 1] = (
            1  # an end counts twice: it is a place even where it is alone
        )
        meets = np.bincount(ways.refs[on_ground], 1 + ends[on_ground], minlength=len(ways.node_ids)) > 1
        self._inner = np.flatnonzero(meets & ways.located)
        needed = np.union1d(ways.refs[in_ring], self._inner)
        self.xy = np.full((len(ways.node_ids), 2), np.nan)
        self.xy[needed] = transform(degrees(ways.lonlat_e7[needed]), WGS84, self._crs)
        self._inner = self._inner[np.argsort(self.xy[self._inner, 0])]
        self._x = self.xy[self._inner, 0]
        self.shapes, self.rings = self._assembled()
        self._lines: list[NDArray[np.int64]] = []
        self._corners: list[NDArray[np.float64]] = []
        self._of: list[int] = []

    def _assembled(self) -> tuple[NDArray[np.object_], list[NDArray[np.intp]]]:
        """Return the polygon of every square whose rings are whole, and the rows of those."""
        ring = np.flatnonzero(self.ways.square >= 0)
        order = ring[np.argsort(self.ways.square[ring], kind="stable")]
        shapes, rings, located = [], [], self.ways.located
        for rows in np.split(order, np.flatnonzero(np.diff(self.ways.square[order])) + 1):
            chains = [self.ways.refs[self.ways.start[row] : self.ways.start[row + 1]] for row in rows]
            if all(len(c) >= _SHORTEST_RING and c[0] == c[-1] and located[c].all() for c in chains):
                shape = _ground([self.xy[chain] for chain in chains])
                if shape.area > 0:
                    shapes.append(shape)
                    rings.append(rows)
        return np.array(shapes, dtype=object), rings

    def groups(self) -> list[NDArray[np.intp]]:
        """Return the squares that meet or overlap and are alike, by rows; one off the ground stands alone."""
        ways, first = self.ways, np.array([rows[0] for rows in self.rings], np.intp)
        alike = ways.private[first] * 2 + (np.array(ways.kinds)[ways.kind[first]] == STEPS)
        one, other = shapely.STRtree(self.shapes).query(self.shapes, predicate="intersects")
        joins = (
            (one < other)
            & (alike[one] == alike[other])
            & ~(ways.off_ground[first[one]] | ways.off_ground[first[other]])
        )
        label = label_components(len(first), one[joins], other[joins])
        order = np.argsort(label, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(order) else []

    def entrances(self, group: NDArray[np.intp], shape: Any) -> NDArray[np.intp]:
        """Return the nodes by which one comes onto some squares that are one."""
        ways, rows = self.ways, np.concatenate([self.rings[square] for square in group])
        refs = np.concatenate([ways.refs[ways.start[row] : ways.start[row + 1]] for row in rows])
        nodes, uses = np.unique(refs, return_counts=True)
        doors = nodes[self._uses[nodes] > uses]
        if ways.off_ground[rows[0]]:
            return np.asarray(doors, np.intp)
        found: NDArray[np.intp] = np.union1d(doors, self._within(shapely.buffer(shape, _SLACK_M)))
        return found

    def _within(self, ground: Any) -> NDArray[np.intp]:
        """Return the ends and junctions of ways on the ground that lie in a polygon."""
        west, south, east, north = shapely.bounds(ground)
        strip = self._inner[np.searchsorted(self._x, west) : np.searchsorted(self._x, east, side="right")]
        x, y = self.xy[strip].T
        near = (south <= y) & (y <= north)
        found: NDArray[np.intp] = strip[near][shapely.intersects_xy(ground, x[near], y[near])]
        return found

    def cross(self, group: NDArray[np.intp]) -> bool:
        """Add the lines across some squares that are one; return whether there are not too many."""
        shape = shapely.union_all(self.shapes[group])
        nodes = self.entrances(group, shape)
        lines = lines_across(shape, self.xy[nodes])
        if lines is None:
            return False
        corners = corners_of(shape) if len(lines) else np.empty((0, 2))
        new = len(self.xy) + sum(map(len, self._corners)) + np.arange(len(corners))
        self._lines.append(np.concatenate([nodes, new])[lines])
        self._corners.append(corners)
        self._of += [int(self.rings[group[0]][0])] * len(lines)
        return True

    def crossed(self) -> Ways:
        """Return the ways, then the lines across."""
        ways, of = self.ways, np.array(self._of, np.intp)
        corners = transform(np.concatenate([np.empty((0, 2)), *self._corners]), self._crs, WGS84)
        lonlat_e7 = np.concatenate([ways.lonlat_e7, np.rint(corners * E7).astype(np.int32)])
        lines = np.concatenate([np.empty((0, 2), np.int32), *self._lines])
        refs = np.concatenate([ways.refs, lines.ravel().astype(np.int32)])
        return Ways(
            node_ids=np.concatenate([ways.node_ids, ways.node_ids.max() + 1 + np.arange(len(corners))]),
            lonlat_e7=lonlat_e7,
            refs=refs,
            start=np.concatenate([ways.start, ways.start[-1] + 2 * np.arange(1, len(of) + 1)]),
            kind=np.append(ways.kind, ways.kind[of]),
            oneway=np.append(ways.oneway, np.zeros(len(of), np.int8)),
            kinds=ways.kinds,
            private=np.append(ways.private, ways.private[of]),
            off_ground=np.append(ways.off_ground, ways.off_ground[of]),
            ride_s=np.append(ways.ride_s, ways.ride_s[of]),
            tunnel=np.append(ways.tunnel, np.zeros(len(of), np.bool_)),
            square=np.append(ways.square, np.full(len(of), ACROSS, np.int32)),
        )

    def met(self) -> NDArray[np.bool_]:
        """Return ``(w,)`` whether a way is no ring, or one that another way meets."""
        ways = self.ways
        way, ring = (
            np.repeat(np.arange(len(ways)), np.diff(ways.start)),
            np.repeat(ways.square >= 0, np.diff(ways.start)),
        )
        one, uses = np.unique(way[ring] * len(ways.node_ids) + ways.refs[ring], return_counts=True)
        row, node = np.divmod(one, len(ways.node_ids))
        met = ways.square < 0
        met[row[self._uses[node] > uses]] = True
        return met


def _ground(rings: list[NDArray[np.float64]]) -> Any:
    """Return what lies within an odd number of rings: holes are out, islands in them back."""
    shape: Any = shapely.MultiPolygon()
    for ring in rings:
        parts = shapely.get_parts(shapely.make_valid(shapely.Polygon(ring)))
        shape = shapely.symmetric_difference(shape, shapely.union_all(parts[shapely.get_dimensions(parts) > 1]))
    return shape
