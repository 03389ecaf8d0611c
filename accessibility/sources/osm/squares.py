"""Squares: areas that people walk across, from entrance to entrance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from accessibility.geo.arrays import meeting_pairs, spans, starts_of
from accessibility.geo.projection import WGS84, transform
from accessibility.sources.osm.topology import ACROSS, E7, Ways, centred, degrees
from accessibility.streets.network import STEPS
from accessibility.streets.search.compiling import helper, kernel
from accessibility.streets.search.packing import label_components

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.streets.search.compiling import F64, I32, I64, Flags

MOST_PLACES = 400  # entrances and corners of one square; of more entrances, only its outline is walked
_SLACK_M = 0.05  # a line along the outline stays inside, however its ends were rounded
_AROUND = _SLACK_M * np.array([-1.0, -1.0, 1.0, 1.0])
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
    groups = squares.groups()
    for group, nodes in zip(groups, squares.entrances(groups), strict=True):
        if squares.cross(group, nodes):
            crossed += len(group)
        else:
            alone = [group[[row]] for row in range(len(group))]
            crossed += sum(map(squares.cross, alone, squares.entrances(alone)))
    found = squares.crossed()
    kept = np.append(squares.met(), np.ones(len(found) - len(ways), np.bool_))
    return Crossed(found, kept, count - crossed)


def lines_across(square: Any, entrances: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]] | None:
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
    tuple of NDArray
        ``(l, 2)`` pairs of rows of the entrances, then of corners, and ``(c, 2)`` those corners; None where there are
        too many entrances.

    Examples
    --------
    >>> lines_across(shapely.box(0, 0, 30, 40), np.array([(0.0, 0.0), (30.0, 40.0)]))[0].tolist()
    [[0, 1]]
    """
    if len(entrances) < 2:  # noqa: PLR2004 -- nobody comes through
        return np.empty((0, 2), np.intp), np.empty((0, 2))
    if len(entrances) > MOST_PLACES:
        return None
    corners = _corners_of(square)
    places = np.concatenate([entrances, corners])
    places = places if len(places) <= MOST_PLACES else entrances
    ground = shapely.buffer(square, _SLACK_M, join_style="mitre")
    pairs = _near(places)
    inside = np.empty(len(pairs), np.bool_)
    _find_inside(pairs, places, _sides_of(ground), inside)
    one, other = pairs[inside].T
    direct = np.full((len(places), len(places)), np.inf)
    # Two places in one are a step of next to nothing: no way is as long as one that leaves it out.
    direct[one, other] = direct[other, one] = np.maximum(np.hypot(*(places[one] - places[other]).T), 1e-6)
    lines = _sparse(direct, len(entrances))
    return lines, corners if len(lines) else corners[:0]


def _sides_of(ground: Any) -> NDArray[np.float64]:
    """Return ``(s, 4)`` ends of the sides of all rings."""
    xy, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(ground)), return_index=True)
    sides: NDArray[np.float64] = np.column_stack([xy[:-1], xy[1:]])[ring[1:] == ring[:-1]]
    return sides


@kernel
def _find_inside(pairs: I64, places: F64, sides: F64, inside: Flags) -> None:
    """Note which lines between two places stay inside: they touch no side, and their middle lies there."""
    for row in range(pairs.shape[0]):
        one, other = pairs[row, 0], pairs[row, 1]
        inside[row] = _stays(sides, places[one, 0], places[one, 1], places[other, 0], places[other, 1])


@helper
def _stays(sides: F64, x: float, y: float, to_x: float, to_y: float) -> bool:
    """Return whether a line stays inside; of the sides that a ray from its middle meets, there is an odd number."""
    across, up = to_x - x, to_y - y
    middle_x, middle_y = (x + to_x) / 2, (y + to_y) / 2
    inside = False
    for row in range(sides.shape[0]):
        a_x, a_y, b_x, b_y = sides[row, 0], sides[row, 1], sides[row, 2], sides[row, 3]
        a = across * (a_y - y) - up * (a_x - x)
        b = across * (b_y - y) - up * (b_x - x)
        if not ((a > 0 and b > 0) or (a < 0 and b < 0)):
            begin = (b_x - a_x) * (y - a_y) - (b_y - a_y) * (x - a_x)
            end = (b_x - a_x) * (to_y - a_y) - (b_y - a_y) * (to_x - a_x)
            if not ((begin > 0 and end > 0) or (begin < 0 and end < 0)):
                return False
        if (a_y > middle_y) != (b_y > middle_y):
            inside ^= middle_x < a_x + (middle_y - a_y) / (b_y - a_y) * (b_x - a_x)
    return inside


def _near(places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return ``(p, 2)`` pairs of places, each with those nearest to it: all pairs in all but the largest squares."""
    meet = np.ones((len(places), len(places)), np.bool_)
    if len(places) > _NEAR:
        (x, other_x), (y, other_y) = ((axis[:, None], axis) for axis in places.T)
        away = np.hypot(x - other_x, y - other_y)
        meet = away <= np.partition(away, _NEAR - 1, axis=1)[:, _NEAR - 1, None]
    return np.argwhere(np.triu(meet | meet.T, 1))


def _corners_of(square: Any) -> NDArray[np.float64]:
    """Return ``(c, 2)`` the corners of a square that one walks round: those that point inside."""
    found = [np.empty((0, 2))]
    for ring in shapely.get_rings(shapely.get_parts(shapely.orient_polygons(square))):
        xy = shapely.get_coordinates(ring)[:-1]
        back, on = xy - np.roll(xy, 1, axis=0), np.roll(xy, -1, axis=0) - xy
        # The ground lies on the left of every ring: a turn to the right points inside.
        found.append(xy[back[:, 0] * on[:, 1] - back[:, 1] * on[:, 0] < 0])
    return np.concatenate(found)


def _sparse(direct: NDArray[np.float64], entrances: int) -> NDArray[np.intp]:
    """Return the lines of the shortest ways between entrances, without those that others nearly replace."""
    walked, before = np.empty((entrances, len(direct))), np.empty((entrances, len(direct)), np.int32)
    _walk(direct, walked, before, np.empty(len(direct), np.bool_))
    one, other = np.triu_indices(entrances, 1)
    pairs = np.column_stack([one, other])[np.lexsort((other, one, walked[one, other]))]
    so_far = np.where(np.eye(len(direct), dtype=np.bool_), 0.0, np.inf)
    found = np.empty((len(direct) * (len(direct) - 1) // 2, 2), np.int64)
    count = _choose(
        pairs, (direct, walked, before), so_far, np.empty((2, len(direct))), np.zeros(direct.shape, np.bool_), found
    )
    return found[:count].astype(np.intp)


@kernel
def _walk(direct: F64, walked: F64, before: I32, done: Flags) -> None:
    """Note how far every place is from each of the first, and from which one comes there (Dijkstra 1959)."""
    for start in range(walked.shape[0]):
        for place in range(done.size):
            walked[start, place], before[start, place], done[place] = np.inf, -1, False
        walked[start, start] = 0.0
        here = start
        while here >= 0:
            done[here] = True
            so_far = walked[start, here]
            for place in range(done.size):
                if so_far + direct[here, place] < walked[start, place]:
                    walked[start, place], before[start, place] = so_far + direct[here, place], here
            here = _nearest_left(walked, start, done)


@helper
def _nearest_left(walked: F64, start: int, done: Flags) -> int:
    """Return the nearest place that is not done yet; -1 where no way leads to any."""
    nearest, so_far = -1, np.inf
    for place in range(done.size):
        if not done[place] and walked[start, place] < so_far:
            nearest, so_far = place, walked[start, place]
    return nearest


@kernel
def _choose(pairs: I64, ways: tuple[F64, F64, I32], so_far: F64, ends: F64, kept: Flags, found: I64) -> int:
    """Note the lines of the ways of pairs, those that are not nearly as short without one; count them.

    Of each pair `so_far` knows how far it is by the lines so far, infinite where they lead nowhere.
    """
    direct, walked, before = ways
    count = 0
    for row in range(pairs.shape[0]):
        start, end = pairs[row, 0], pairs[row, 1]
        if not walked[start, end] * _DETOUR < so_far[start, end]:
            continue
        while end != start:
            previous = np.int64(before[start, end])
            u, v = min(previous, end), max(previous, end)
            if not kept[u, v]:
                kept[u, v] = True
                found[count, 0], found[count, 1] = u, v
                count += 1
                _shorten(so_far, u, v, direct[u, v], ends)
            end = previous
    return count


@helper
def _shorten(so_far: F64, u: int, v: int, length: float, ends: F64) -> None:
    """Let the ways between all places use one line more; none does whose beginning or end it brings no nearer."""
    for place in range(so_far.shape[0]):
        ends[0, place], ends[1, place] = so_far[u, place], so_far[v, place]
    for one in range(so_far.shape[0]):
        if not ends[1, one] > ends[0, one] + length:
            continue
        for other in range(so_far.shape[0]):
            if ends[0, other] > ends[1, other] + length:
                by_line = ends[0, one] + length + ends[1, other]
                so_far[one, other] = so_far[other, one] = min(so_far[one, other], by_line)


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
        ways = self.ways
        ring = np.flatnonzero(ways.square >= 0)
        order = ring[np.argsort(ways.square[ring], kind="stable")]
        begin, many = ways.start[order], np.diff(ways.start)[order]
        whole = (many >= _SHORTEST_RING) & (ways.refs[begin] == ways.refs[begin + many - 1])
        whole &= np.logical_and.reduceat(ways.located[ways.refs[spans(begin, many)]], starts_of(many)[:-1])
        square = np.cumsum(np.diff(ways.square[order], prepend=ways.square[order[0]]) != 0)
        kept = (np.bincount(square, ~whole) == 0)[square]
        order, begin, many = order[kept], begin[kept], many[kept]
        first = np.flatnonzero(np.diff(square[kept], prepend=-1))
        shapes = _grounds(self.xy[ways.refs[spans(begin, many)]], starts_of(many), first)
        solid = shapely.area(shapes) > 0
        rings = [rows for rows, is_solid in zip(np.split(order, first[1:]), solid, strict=False) if is_solid]
        return shapes[solid], rings

    def groups(self) -> list[NDArray[np.intp]]:
        """Return the squares that meet or overlap and are alike, by rows; one off the ground stands alone."""
        ways, first = self.ways, np.array([rows[0] for rows in self.rings], np.intp)
        alike = ways.private[first] * 2 + (np.array(ways.kinds)[ways.kind[first]] == STEPS)
        one, other = meeting_pairs(shapely.STRtree(self.shapes), "intersects")
        apart = ways.off_ground[first[one]] | ways.off_ground[first[other]]
        joins = (alike[one] == alike[other]) & ~apart
        label = label_components(len(first), one[joins], other[joins])
        order = np.argsort(label, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(order) else []

    def entrances(self, groups: list[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
        """Return the nodes by which one comes onto squares that are one, of each group of them."""
        ways, n = self.ways, len(self.ways.node_ids)
        rings = [np.concatenate([self.rings[square] for square in group]) for group in groups]
        rows, many = np.concatenate([np.empty(0, np.intp), *rings]), np.diff(ways.start)
        of = np.repeat(np.arange(len(groups)), [len(ring) for ring in rings])
        outline = np.repeat(of, many[rows]) * n + ways.refs[spans(ways.start[rows], many[rows])]
        key, uses = np.unique(outline, return_counts=True)
        doors = key[self._uses[key % n] > uses]
        ground = np.array([not ways.off_ground[ring[0]] for ring in rings], np.bool_)
        square = np.concatenate([np.empty(0, np.intp), *groups])
        of_square = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        on_ground = np.flatnonzero(ground[of_square])
        at, inner = self._within(square[on_ground])
        inside = of_square[on_ground[at]] * n + inner
        group, node = np.divmod(np.union1d(doors, inside), n)
        return np.split(node, np.searchsorted(group, np.arange(1, len(groups))))[: len(groups)]

    def _within(self, squares: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the ends and junctions of ways on the ground that lie in some squares: places of those, and nodes."""
        shapes = self.shapes[squares]
        west, south, east, north = (shapely.bounds(shapes) + _AROUND).reshape(-1, 4).T
        first = np.searchsorted(self._x, west)
        many = np.searchsorted(self._x, east, side="right") - first
        at, node = np.repeat(np.arange(len(squares)), many), self._inner[spans(first, many)]
        y = self.xy[node, 1]
        near = (south[at] <= y) & (y <= north[at])
        at, node = at[near], node[near]
        shapely.prepare(shapes)
        inside = shapely.dwithin(shapes[at], shapely.points(self.xy[node]), _SLACK_M)
        return at[inside], node[inside]

    def cross(self, group: NDArray[np.intp], nodes: NDArray[np.intp]) -> bool:
        """Add the lines across some squares that are one, between these; return whether there are not too many."""
        if len(nodes) < 2:  # noqa: PLR2004 -- nobody comes through
            return True
        found = lines_across(shapely.union_all(self.shapes[group]), self.xy[nodes])
        if found is None:
            return False
        lines, corners = found
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


def _grounds(xy: NDArray[np.float64], start: NDArray[np.int64], first: NDArray[np.intp]) -> NDArray[np.object_]:
    """Return what lies within an odd number of the rings of each square: holes are out, islands in them back.

    Parameters
    ----------
    xy, start
        Places of all rings, and ``(r + 1,)`` where each ring's begin.
    first
        ``(s,)`` the first ring of each square.
    """
    rings = shapely.linearrings(xy, indices=np.repeat(np.arange(len(start) - 1), np.diff(start)))
    filled = _areas_of(shapely.make_valid(shapely.polygons(rings)))
    many = np.diff(first, append=len(filled))
    shapes: NDArray[np.object_] = np.full(len(first), shapely.MultiPolygon(), dtype=object)
    for turn in range(int(many.max(initial=0))):
        has = many > turn
        shapes[has] = shapely.symmetric_difference(shapes[has], filled[first[has] + turn])
    return shapes


def _areas_of(shapes: Any) -> NDArray[np.object_]:
    """Return shapes without their lines and points."""
    parts, of = shapely.get_parts(shapes, return_index=True)
    flat = shapely.get_dimensions(parts) > 1
    parts, of = parts[flat], of[flat]
    many = np.bincount(of, minlength=len(shapes))
    table = np.full((len(shapes), many.max(initial=1)), None, dtype=object)
    table[of, np.arange(len(of)) - starts_of(many)[of]] = parts
    areas: Any = shapely.union_all(table, axis=1)
    return np.asarray(areas)
