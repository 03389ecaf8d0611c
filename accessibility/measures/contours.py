"""Edges cut where a limit is reached, and the areas around them in linear time.

Areas are the line along which the depth of the nodes of a grid inside the strokes is nothing. The grid is made in
blocks, only where strokes are, each by itself and on any thread. Its cells are cut into triangles, in which a border is
one straight line: a longer band, nowhere less deep than a shorter one, then covers it exactly, and no border touches
another. Where a border runs alone, or where several bands have the same, it is drawn with fewer vertices, for all of
them alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.geo.arrays import extent
from accessibility.measures.marching import (
    BEGIN,
    BLOCK,
    BLOCK_OF,
    ENTER_AT,
    FLAT,
    HOLE,
    LEAVE_AT,
    MARGIN,
    ROUND,
    ROW,
    SINCE,
    UNTIL,
    WEST,
    find_chains,
)
from accessibility.streets.search import split_labels
from accessibility.streets.search.compiling import kernel, run_in_threads
from accessibility.streets.search.elimination import IMPASSABLE
from accessibility.streets.search.multisource import NO_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accessibility.streets.search import Stops
    from accessibility.streets.search.compiling import F64, I64
    from accessibility.streets.search.packing import Graph


_BATCH = 128  # blocks a thread takes at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Strokes:
    """Straight lines with their sides."""

    ends: NDArray[np.float64]  # (k, 2, 2) both ends, metres; the same twice for a disc
    radius: NDArray[np.float64]  # (k,) metres to each side
    shape: NDArray[np.uint8]  # (k,) `ROUND` or `FLAT` ends, or a `PIN`: inside however small the radius is

    @classmethod
    def of(cls, ends: NDArray[np.float64], radius: NDArray[np.float64] | float, shape: np.uint8) -> Strokes:
        """Return strokes of one shape; none where the radius is not above 0."""
        radius = np.broadcast_to(np.asarray(radius, np.float64), len(ends))
        some = radius > 0
        return cls(ends=ends[some], radius=radius[some], shape=np.full(int(some.sum()), shape, np.uint8))

    @classmethod
    def discs(cls, xy: NDArray[np.float64], radius: NDArray[np.float64] | float, shape: np.uint8 = ROUND) -> Strokes:
        """Return discs around places."""
        return cls.of(np.stack([xy, xy], axis=1), radius, shape)

    @classmethod
    def joined(cls, parts: Sequence[Strokes]) -> Strokes:
        """Return all strokes of several."""
        return cls(
            ends=np.concatenate([part.ends for part in parts]),
            radius=np.concatenate([part.radius for part in parts]),
            shape=np.concatenate([part.shape for part in parts]),
        )

    def __len__(self) -> int:
        """Return the number of strokes."""
        return len(self.ends)


def draw_contours(
    bands: Sequence[Strokes], cell_m: float, place: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> list[Any]:
    """Return the areas of strokes as multipolygons, each with those of the bands before it, and covering them exactly.

    Parameters
    ----------
    bands
        What each band has beside what is in the bands before it.
    cell_m
        Cells of the grid. A border is nowhere farther from the true one than a cell; along a straight side, a
        twentieth of it.
    place
        Where to draw ``(n, 2)`` metres: a border that several bands have is asked for once.
    """
    strokes = Strokes.joined(bands)
    if not len(strokes):
        return [_polygons(np.empty((0, 2)), np.zeros(1, np.int64), np.empty(0, np.bool_)) for _ in bands]
    band = np.repeat(np.arange(len(bands), dtype=np.uint8), [len(part) for part in bands])
    radius = strokes.radius / cell_m
    low = np.floor(extent(strokes.ends.reshape(-1, 2))[0] / cell_m - radius.max()) - BLOCK
    ends = (strokes.ends / cell_m - low).reshape(-1, 4)
    drawn = (ends, radius, strokes.shape, band)
    blocks, begin, which = _blocks(ends, radius)
    columns = (int(blocks[:, 0].max()) + 1) * BLOCK + 1
    tasks = [
        partial(find_chains, (blocks[at : at + _BATCH], begin[at : at + _BATCH + 1], which), drawn, len(bands), columns)
        for at in range(0, len(blocks), _BATCH)
    ]
    borders = _Borders.of(run_in_threads(tasks), lambda xy: place(np.multiply(np.add(xy, low, out=xy), cell_m, out=xy)))
    return [borders.area(k) for k in range(len(bands))]


def _blocks(
    ends: NDArray[np.float64], radius: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return ``(b, 2)`` column and row of all blocks with strokes, and the strokes of each, in their order."""
    reach = radius[:, None] + MARGIN + 2.0
    first = np.floor((np.minimum(ends[:, :2], ends[:, 2:]) - reach) / BLOCK).astype(np.int64)
    last = np.floor((np.maximum(ends[:, :2], ends[:, 2:]) + reach) / BLOCK).astype(np.int64)
    wide, high = (last - first + 1).T
    many = wide * high
    stroke = np.repeat(np.arange(len(ends)), many)
    nth = np.arange(len(stroke)) - np.repeat(np.cumsum(many) - many, many)
    column = first[stroke, 0] + nth % wide[stroke]
    row = first[stroke, 1] + nth // wide[stroke]
    key = (row - row.min()) * (np.ptp(column) + 1) + column - column.min()
    order = np.argsort(key, kind="stable")
    begin = np.flatnonzero(np.diff(key[order], prepend=-1))
    at = order[begin]
    return np.column_stack([column[at], row[at]]), np.append(begin, len(order)), stroke[order]


def _rings(
    following: NDArray[np.int64], west: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return chains ring by ring, where each ring begins among them, the ring of a chain, and its westernmost chain."""
    n = len(following)
    order, begin, ring, extreme = (
        np.empty(n, np.int64),
        np.zeros(n + 1, np.int64),
        np.full(n, -1),
        np.empty(n, np.int64),
    )
    rings = _go_round(following, west, order, begin, ring, extreme)
    return order, begin[: rings + 1], ring, extreme[:rings]


@kernel
def _go_round(following: I64, west: F64, order: I64, begin: I64, ring: I64, extreme: I64) -> int:
    """Write what `_rings` returns; return how many rings there are."""
    rings = done = 0
    for seed in range(following.size):
        if ring[seed] >= 0:
            continue
        v = extreme[rings] = seed
        while ring[v] < 0:
            ring[v], order[done] = rings, v
            done += 1
            if west[v] < west[extreme[rings]]:
                extreme[rings] = v
            v = following[v]
        rings += 1
        begin[rings] = done
    return rings


def interpolate(at: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(n, 2)`` values between those of a lattice, a cubic through four nodes along each axis.

    Parameters
    ----------
    at
        ``(n, 2)`` columns and rows, with a node or more around.
    known
        ``(rows, columns, 2)`` values at the nodes.
    """
    found = np.empty(at.shape)
    _interpolate(at, known, found, np.empty((2, 4)))
    return found


@kernel
def _interpolate(at: F64, known: F64, found: F64, weight: F64) -> None:
    """Write what `interpolate` returns into `found`."""
    for n in range(at.shape[0]):
        column, row = np.int64(np.floor(at[n, 0])), np.int64(np.floor(at[n, 1]))
        for axis in range(2):
            t = at[n, axis] - np.floor(at[n, axis])
            weight[axis, 0] = -t * (t - 1.0) * (t - 2.0) / 6.0
            weight[axis, 1] = (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0
            weight[axis, 2] = -(t + 1.0) * t * (t - 2.0) / 2.0
            weight[axis, 3] = (t + 1.0) * t * (t - 1.0) / 6.0
        x = y = 0.0
        for j in range(4):
            for i in range(4):
                part = weight[1, j] * weight[0, i]
                x += part * known[row + j - 1, column + i - 1, 0]
                y += part * known[row + j - 1, column + i - 1, 1]
        found[n, 0], found[n, 1] = x, y


@dataclass(frozen=True, kw_only=True, eq=False)
class _Borders:
    """Chains of vertices, which bands share."""

    xy: NDArray[np.float64]  # vertices where they are to be drawn
    many: NDArray[np.int64]  # how many vertices each chain has
    chains: NDArray[np.int64]  # with west and beyond: as `find_chains` tells, of all blocks
    west: NDArray[np.float64]
    beyond: NDArray[np.int32]

    @classmethod
    def of(cls, parts: list[Any], place: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> _Borders:
        """Return the chains of all parts."""
        xy, chains, west, beyond = (np.concatenate(part) for part in zip(*parts, strict=True))
        vertices, blocks, before = (
            np.concatenate([[0], np.cumsum([len(part[n]) for part in parts])[:-1]]) for n in (0, 3, 1)
        )
        of_chain = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
        of_block = np.repeat(np.arange(len(parts)), [len(part[3]) for part in parts])
        chains[:, BEGIN] += vertices[of_chain]
        chains[:, BLOCK_OF] += blocks[of_chain]
        chains[:, WEST] += np.where(chains[:, WEST] >= 0, before[of_chain], 0)
        beyond += np.where(beyond >= 0, before[of_block, None, None], 0)
        many = np.diff(chains[:, BEGIN], append=len(xy))
        return cls(xy=place(xy), many=many, chains=chains, west=west, beyond=beyond)

    def area(self, band: int) -> Any:
        """Return the multipolygon of a band."""
        mine = np.flatnonzero((self.chains[:, SINCE] <= band) & (band < self.chains[:, UNTIL]))
        chains = self.chains[mine]
        order, begin, ring, extreme = _rings(_following(chains), self.west[mine])
        hole, shell = chains[extreme, HOLE] == 1, np.arange(len(extreme))
        place = np.empty(len(self.chains), np.int64)
        place[mine] = np.arange(len(mine))
        shell[hole] = ring[place[self._beside(chains[extreme[hole]], band)]]
        while hole[shell].any():
            shell = shell[shell]
        rings = np.lexsort((hole, shell))
        # The chains of each ring, and its first vertex once more.
        parts = np.diff(begin)[rings] + 1
        first = np.cumsum(parts) - parts
        chain = np.arange(parts.sum()) - np.repeat(first - begin[rings], parts)
        chain[first + parts - 1] = begin[rings]
        chain = mine[order[chain]]
        many = self.many[chain]
        many[first + parts - 1] = 1
        total = np.cumsum(many)
        vertex = np.arange(many.sum()) + np.repeat(self.chains[chain, BEGIN] - (total - many), many)
        return _polygons(self.xy[vertex], np.append(0, total[first + parts - 1]), hole[rings])

    def _beside(self, chains: NDArray[np.int64], band: int) -> NDArray[np.int64]:
        """Return the next chain to the west of where each chain is in the farthest west: the area lies between them."""
        found, block, row = chains[:, WEST].copy(), chains[:, BLOCK_OF].copy(), chains[:, ROW]
        while (open_ := found < 0).any():
            block[open_] -= 1  # there is one: the area goes on to the west
            found[open_] = self.beyond[block[open_], row[open_], band]
        return found


def _following(chains: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which chain of a band follows each: itself after a ring, else the one that comes in where it leaves."""
    following, open_ = np.arange(len(chains)), np.flatnonzero(chains[:, ENTER_AT] >= 0)
    order = open_[np.argsort(chains[open_, ENTER_AT])]
    following[open_] = order[np.searchsorted(chains[order, ENTER_AT], chains[open_, LEAVE_AT])]
    return following


def _polygons(xy: NDArray[np.float64], begin: NDArray[np.int64], hole: NDArray[np.bool_]) -> Any:
    """Return the multipolygon of rings, each shell before its holes."""
    first = np.append(np.flatnonzero(~hole), len(hole))
    many = np.array([0, len(first) - 1])
    return shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, xy, (begin, first, many))[0]


_HALF = 0.5  # costs are rounded to whole units: half a unit beyond the limit still rounds to it
_NEXT_TO_NOTHING = 1e-9  # stands for a cost of zero below a fraction line


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """Parts of edges."""

    edge: NDArray[np.intp]  # (k,) edge rows; an edge may come several times, and its pieces may overlap
    # start, stop: (k,) places along the edge, 0 at its first node and 1 at its second; start < stop
    start: NDArray[np.float64]
    stop: NDArray[np.float64]

    @property
    def whole(self) -> NDArray[np.bool_]:
        """``(k,)`` whether the piece is its edge from end to end."""
        return np.asarray((self.start == 0.0) & (self.stop == 1.0))

    def of(self, rows: NDArray[np.bool_]) -> Pieces:
        """Return some of the pieces."""
        return Pieces(edge=self.edge[rows], start=self.start[rows], stop=self.stop[rows])

    def segments(self, shape_xy: NDArray[np.float64], shape_start: NDArray[np.int64]) -> Segments:
        """Return the straight parts of the pieces along the drawn lines of their edges: a network's vertices."""
        first, many = shape_start[self.edge], np.diff(shape_start)[self.edge] - 1
        piece = np.repeat(np.arange(len(many)), many)
        before = np.cumsum(many) - many
        vertex = np.arange(len(piece)) + np.repeat(first - before, many)
        step = np.hypot(*(shape_xy[vertex + 1] - shape_xy[vertex]).T)
        along = np.concatenate([[0.0], np.cumsum(step)])
        drawn = along[before + many] - along[before]
        begin, end = (along[before] + drawn * self.start)[piece], (along[before] + drawn * self.stop)[piece]
        from_m, to_m = np.maximum(along[:-1], begin), np.minimum(along[1:], end)
        some = to_m > from_m
        part = np.column_stack([from_m - along[:-1], to_m - along[:-1]])[some] / step[some, None]
        part, vertex, piece = np.clip(part, 0.0, 1.0)[..., None], vertex[some], piece[some]
        begin, end, to_m = begin[some], end[some], to_m[some]
        return Segments(
            ends=shape_xy[vertex, None] * (1.0 - part) + shape_xy[vertex + 1, None] * part,
            piece=piece,
            before_m=to_m - begin,
            behind_m=end - to_m,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Segments:
    """Straight parts of pieces of edges."""

    ends: NDArray[np.float64]  # (k, 2, 2) both ends, metres
    piece: NDArray[np.intp]  # (k,) which piece it is of; those of one piece come after each other
    before_m: NDArray[np.float64]  # (k,) how much of its piece lies before its second end
    behind_m: NDArray[np.float64]  # (k,) and how much behind that


def place_along(
    shape_xy: NDArray[np.float64],
    shape_start: NDArray[np.int64],
    edge: NDArray[np.int32],
    fraction: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return ``(k, 2)`` places at fractions of the drawn lines of edges."""
    first, last = shape_start[edge], shape_start[edge + 1] - 1
    step = np.hypot(*np.diff(shape_xy, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    at = along[first] + (along[last] - along[first]) * fraction
    vertex = np.clip(np.searchsorted(along, at, side="right") - 1, first, last - 1)
    part = np.clip((at - along[vertex]) / np.maximum(step[vertex], _NEXT_TO_NOTHING), 0.0, 1.0)[:, None]
    placed: NDArray[np.float64] = shape_xy[vertex] * (1.0 - part) + shape_xy[vertex + 1] * part
    return placed


def node_costs(graph: Graph, labels: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cost from each node along the streets, and ``(m, 2)`` from both ends of each edge.

    The ends of a private edge are inside: their costs are those of residents, who walk out through the gates.
    """
    cost = split_labels(labels)[0].astype(np.int64)
    n = len(graph.hierarchy.place)
    at_node = cost[:n][graph.hierarchy.place]
    at_ends = at_node[graph.edges]
    within = cost[n:][graph.compounds.place]
    at_ends[graph.private] = within[np.searchsorted(graph.inside, graph.edges[graph.private])]
    return at_node, at_ends


def reached_edges(graph: Graph, labels: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether the search came to an end of an edge; of a private one, inside."""
    some, n = labels != NO_LABEL, len(graph.hierarchy.place)
    at_node, (u, v) = some[:n][graph.hierarchy.place], graph.edges.T
    reached: NDArray[np.bool_] = at_node[u] | at_node[v]
    if graph.private.any():
        ends = np.searchsorted(graph.inside, graph.edges[graph.private])
        reached[graph.private] = some[n:][graph.compounds.place][ends].any(axis=1)
    return reached


def cut_edges(graph: Graph, sites: Stops, labels: NDArray[np.uint64], limit: int) -> Pieces:
    """Return the parts of all edges from which the nearest site costs at most `limit`.

    Parameters
    ----------
    graph
        The reversed graph.
    sites
        Where the sites are.
    labels
        `search.nearest` of these sites, searched at least as far as the limit.
    limit
        Milliseconds or centimetres, as the graph counts, ``<=``. A place is inside exactly where
        `search.read_labels` says so of somebody standing there; a single point where an edge ends is no piece.
    """
    at_ends = node_costs(graph, labels)[1]
    left = limit - at_ends + _HALF
    along, against = (_passable(cost) for cost in (graph.impedance.along, graph.impedance.against))
    # From the first node people have come against the edge, from the second along it.
    stop = np.where(left[:, 0] > 0, np.minimum(left[:, 0] / against, 1.0), 0.0)
    start = np.where(left[:, 1] > 0, np.maximum(1.0 - left[:, 1] / along, 0.0), 1.0)
    met = stop >= start
    rows = np.arange(len(at_ends))
    whole, zero, one = rows[met], np.zeros(len(rows)), np.ones(len(rows))
    near, far = rows[~met & (stop > 0)], rows[~met & (start < 1)]
    around = _around_sites(graph, sites, limit)
    pieces = [
        (whole, zero[whole], one[whole]),
        (near, zero[near], stop[near]),
        (far, start[far], one[far]),
        around,
    ]
    edge, begin, end = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return Pieces(edge=edge, start=begin, stop=end)


def _passable(cost: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return costs to divide by: infinite where nobody may walk."""
    return np.where(cost == IMPASSABLE, np.inf, np.maximum(cost, _NEXT_TO_NOTHING))


def _around_sites(
    graph: Graph, sites: Stops, limit: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Return edge, start and stop of what is reached around each site on its own edge, without going round."""
    on = np.flatnonzero((sites.edge >= 0) & (sites.leg <= limit))
    edge, at = sites.edge[on].astype(np.intp), sites.fraction[on]
    left = limit - sites.leg[on].astype(np.float64) + _HALF
    along, against = (_passable(cost[edge]) for cost in (graph.impedance.along, graph.impedance.against))
    # The cost from the first node to the site is a whole number too; see the search's `_part`.
    start = np.where(np.isinf(along), at, (np.floor(_times(along, at) + _HALF) - left) / along)
    stop = np.where(np.isinf(against), at, (np.floor(_times(against, at) + _HALF) + left) / against)
    start, stop = np.maximum(start, 0.0), np.minimum(stop, 1.0)
    # Rounding must not leave the site itself outside.
    start, stop = np.minimum(start, at), np.maximum(stop, at)
    some = stop > start
    return edge[some], start[some], stop[some]


def _times(cost: NDArray[np.float64], fraction: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isinf(cost), 0.0, cost) * fraction


_CORNER = 8  # vertices of a quarter turn: 0.15 m inside a true one of 30 m
_GRID_DEG = 1e-7  # a centimetre: borders that areas share have the same vertices


def draw_exactly(bands: Sequence[Strokes]) -> list[Any]:
    """Return the areas of strokes, each with those of the bands before it, right to a centimetre; slowly."""
    found: list[Any] = []
    for band in bands:
        lines = shapely.linestrings(band.ends)
        round_ = shapely.buffer(lines, band.radius, quad_segs=_CORNER)
        flat = shapely.buffer(lines, band.radius, cap_style="flat")
        found.append(shapely.union_all([*found[-1:], *np.where(band.shape == FLAT, flat, round_)]))
    return found


def nest_areas(areas: Sequence[Any]) -> list[Any]:
    """Return areas, shorter before longer, as multipolygons each of which covers those before it, to the last digit.

    Where borders cross or touch, all areas get the same vertex: the plane is cut into faces along all borders, and
    each area is put together from its faces.
    """
    borders = shapely.union_all(shapely.boundary(np.array(areas, dtype=object)), grid_size=_GRID_DEG)
    faces = shapely.get_parts(shapely.polygonize([borders]))
    inside = shapely.point_on_surface(faces)
    first = np.full(len(faces), len(areas))
    for band in reversed(range(len(areas))):
        first[_mostly_in(areas[band], faces, inside)] = band
    wholes = [shapely.coverage_union_all(faces[first <= band]) for band in range(len(areas))]
    return [shapely.multipolygons(shapely.get_parts(whole)) for whole in wholes]


def _mostly_in(area: Any, faces: NDArray[np.object_], inside: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which faces lie in an area, told by a point of each.

    A face may have a sliver along a border, on the other side of it, for borders were moved to common vertices; of a
    point that stands on one nothing follows, and the greater part of the face decides.
    """
    border = shapely.boundary(area)
    shapely.prepare([area, border])
    found: NDArray[np.bool_] = shapely.contains(area, inside)
    near = np.flatnonzero(shapely.dwithin(border, inside, 2 * _GRID_DEG))
    found[near] = shapely.area(shapely.intersection(faces[near], area)) > shapely.area(faces[near]) / 2
    return found
