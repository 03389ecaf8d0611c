"""Areas of strokes in linear time: how deep the nodes of a grid lie inside, and the line along which that is nothing.

The grid is made in blocks, only where strokes are, each by itself and on any thread. Its cells are cut into triangles,
in which a border is one straight line: a longer band, nowhere less deep than a shorter one, then covers it exactly, and
no border touches another. Where a border runs alone, or where several bands have the same, it is drawn with fewer
vertices, for all of them alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.streets.search.compiling import helper, kernel, run_in_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROUND, FLAT, PIN = np.uint8(0), np.uint8(1), np.uint8(2)
_BLOCK = 64  # cells to a side
_NODES = _BLOCK + 3  # of a block and what is around it: a node before, two behind
_BATCH = 32  # blocks a thread takes at a time
_MARGIN = 1.5  # cells beyond a border that count: farther than any two nodes of a triangle
_FAR = -2.0
_DEEP = 2.0
_PIN = 0.3  # how deep in cells the corners of a triangle are that must be inside
_SEAM = 0.002  # cells: strokes that meet leave nothing between them
_STEPS = 1024  # places along an edge of the grid where a border may cross it
_SHY = 8  # places next to a node where none does: borders keep apart
_STRAY = 0.05  # cells: how far a border of fewer vertices runs from the full one
_SMALL = 16  # vertices of a ring that keeps them all
# The nodes around the edges of a grid to the east, the north and the north-east, counter-clockwise: column, row.
_AROUND = np.array(
    [
        [(2, 0), (2, 1), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)],
        [(1, 0), (1, 1), (1, 2), (0, 2), (-1, 1), (-1, 0), (-1, -1), (0, -1)],
        [(1, 0), (2, 1), (2, 2), (1, 2), (0, 1), (-1, 0), (-1, -1), (0, -1)],
    ],
    np.int64,
)
# The corners of both triangles of a cell, counter-clockwise, and their sides: kind, column, row.
_CORNER = np.array([[(0, 0), (1, 0), (1, 1), (0, 0)], [(0, 0), (1, 1), (0, 1), (0, 0)]], np.int64)
_SIDE = np.array([[(0, 0, 0), (1, 1, 0), (2, 0, 0)], [(2, 0, 0), (0, 0, 1), (1, 0, 0)]], np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Strokes:
    """Straight lines with their sides.

    Parameters
    ----------
    ends
        ``(k, 2, 2)`` both ends, metres; the same twice for a disc.
    radius
        ``(k,)`` metres to each side.
    shape
        ``(k,)`` `ROUND` or `FLAT` at the ends, or a `PIN`: a place that is inside however small the radius is.
    """

    ends: NDArray[np.float64]
    radius: NDArray[np.float64]
    shape: NDArray[np.uint8]

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


def draw_contours(bands: Sequence[Strokes], cell_m: float) -> list[Any]:
    """Return the areas of strokes as multipolygons, each with those of the bands before it, and covering them exactly.

    Parameters
    ----------
    bands
        What each band has beside what is in the bands before it.
    cell_m
        Cells of the grid. A border is nowhere farther from the true one than a cell; along a straight side, a
        twentieth of it.
    """
    strokes = Strokes.joined(bands)
    if not len(strokes):
        return [_polygons(np.empty((0, 2)), np.zeros(1, np.int64), np.empty(0, np.bool_)) for _ in bands]
    band = np.repeat(np.arange(len(bands), dtype=np.uint8), [len(part) for part in bands])
    low = np.floor(strokes.ends.reshape(-1, 2).min(axis=0) / cell_m)
    ends = (strokes.ends / cell_m - low).reshape(-1, 4)
    drawn = (ends, strokes.radius / cell_m, strokes.shape, band)
    blocks, begin, which = _blocks(ends, drawn[1])
    columns = (int(blocks[:, 0].max()) - int(blocks[:, 0].min()) + 1) * _BLOCK + 1
    tasks = [
        partial(_borders, blocks[at : at + _BATCH], begin[at : at + _BATCH + 1], which, drawn, len(bands))
        for at in range(0, len(blocks), _BATCH)
    ]
    rings = _Rings.of(_linked(run_in_threads(tasks), columns, len(bands)), len(bands))
    return [rings.area(k, cell_m, low) for k in range(len(bands))]


def _blocks(
    ends: NDArray[np.float64], radius: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return ``(b, 2)`` column and row of all blocks with strokes, and the strokes of each, in their order."""
    reach = radius[:, None] + _MARGIN + 2.0
    first = np.floor((np.minimum(ends[:, :2], ends[:, 2:]) - reach) / _BLOCK).astype(np.int64)
    last = np.floor((np.maximum(ends[:, :2], ends[:, 2:]) + reach) / _BLOCK).astype(np.int64)
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


@helper
def _paint(field, stroke, radius, shape):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901
    """Raise the depth of the nodes near a stroke to how deep they are inside it, in cells."""
    x1, y1, x2, y2 = stroke[0], stroke[1], stroke[2], stroke[3]
    if shape == PIN:
        i, j = int(np.floor(x1)), int(np.floor(y1))
        for corner in range(3):
            right, up = i + (corner > (1 if y1 - j > x1 - i else 0)), j + (corner > (0 if y1 - j > x1 - i else 1))
            if 0 <= right < _NODES and 0 <= up < _NODES and field[up, right] < _PIN:
                field[up, right] = _PIN
        return
    length = np.sqrt((x2 - x1) * (x2 - x1) + (y2 - y1) * (y2 - y1))
    dx, dy = 1.0, 0.0
    if length > 0.0:
        dx, dy = (x2 - x1) / length, (y2 - y1) / length
    reach = radius + _MARGIN
    left, right = int(np.ceil(min(x1, x2) - reach)), int(np.floor(max(x1, x2) + reach))
    low, high = int(np.ceil(min(y1, y2) - reach)), int(np.floor(max(y1, y2) + reach))
    for j in range(max(0, low), min(_NODES - 1, high) + 1):
        for i in range(max(0, left), min(_NODES - 1, right) + 1):
            if field[j, i] >= _DEEP:
                continue
            along = (i - x1) * dx + (j - y1) * dy
            depth = radius - abs((i - x1) * dy - (j - y1) * dx)
            over = max(-along, along - length)
            if shape == FLAT:
                depth = min(depth, -over)
            elif over > 0.0:
                depth = radius - np.sqrt((radius - depth) * (radius - depth) + over * over)
            field[j, i] = max(field[j, i], depth)


@helper
def _measure(strokes, drawn, corner, field, first):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Find how deep the nodes of a block lie in each band, and the first band that they are inside of."""
    ends, radius, shape, band = drawn
    bands = len(field)
    field[:] = _FAR
    stroke = np.empty(4)
    for s in strokes:
        for n in range(4):
            stroke[n] = ends[s, n] - corner[n & 1]
        _paint(field[band[s]], stroke, radius[s], shape[s])
    first[:] = bands
    for k in range(bands):
        for j in range(_NODES):
            for i in range(_NODES):
                depth = field[k, j, i] + _SEAM
                if k > 0 and field[k - 1, j, i] > depth:
                    depth = np.float64(field[k - 1, j, i])
                field[k, j, i] = depth
                if depth >= 0.0 and first[j, i] == bands:
                    first[j, i] = k


@helper
def _tag(first, i, j, kind, lo, hi):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return which bands have their border across an edge, if no other border is near: only two values around it."""
    turns = 0
    before = first[j + _AROUND[kind, 7, 1], i + _AROUND[kind, 7, 0]]
    for nth in range(8):
        here = first[j + _AROUND[kind, nth, 1], i + _AROUND[kind, nth, 0]]
        if here not in (lo, hi):
            return 0
        if here != before:
            turns += 1
        before = here
    return lo * 256 + hi if turns == 2 else 0  # noqa: PLR2004 -- in and out


@helper
def _cross(corner, field, first, base, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Find where borders cross the edges of a block; `base` is the number of the first one on each edge."""
    where, of, count = found[0], found[1], found[4][0]
    for j in range(1, _BLOCK + 1):
        for i in range(1, _BLOCK + 1):
            for kind in range(3):
                up, right = j + (kind > 0), i + (kind != 1)
                lo, hi = min(first[j, i], first[up, right]), max(first[j, i], first[up, right])
                if lo == hi:
                    continue
                base[kind, j, i] = count
                tag, same = _tag(first, i, j, kind, lo, hi), -1
                for k in range(lo, hi):
                    here, there = np.float64(field[k, j, i]), np.float64(field[k, up, right])
                    step = min(max(int(_STEPS * here / (here - there) + 0.5), _SHY), _STEPS - _SHY)
                    if same not in (-1, step):
                        tag = 0
                    same = step
                    where[count, 0] = corner[0] + i + (step / _STEPS if kind != 1 else 0.0)
                    where[count, 1] = corner[1] + j + (step / _STEPS if kind > 0 else 0.0)
                    of[count, 0] = k
                    count += 1
                for at in range(base[kind, j, i], count):
                    of[at, 1] = tag
    found[4][0] = count


@helper
def _follow(corner, first, base, found, bands):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901
    """Find which crossing follows which through the triangles of a block, inside on the left."""
    following, ghosts, ghost = found[2], found[3], found[4][1]
    for j in range(1, _BLOCK + 1):
        for i in range(1, _BLOCK + 1):
            if first[j, i] == first[j, i + 1] and first[j, i] == first[j + 1, i] == first[j + 1, i + 1]:
                continue
            for half in range(2):
                for k in range(bands):
                    leaving = entering = inner = 0
                    away = np.int64(-1)
                    for c in range(3):
                        y, x = j + _CORNER[half, c, 1], i + _CORNER[half, c, 0]
                        v, u = j + _CORNER[half, c + 1, 1], i + _CORNER[half, c + 1, 0]
                        if (first[y, x] <= k) == (first[v, u] <= k):
                            continue
                        kind, y, x = _SIDE[half, c, 0], j + _SIDE[half, c, 2], i + _SIDE[half, c, 1]
                        inner += 1
                        known = base[kind, y, x] + k - min(first[y, x], first[y + (kind > 0), x + (kind != 1)])
                        if y > _BLOCK or x > _BLOCK:
                            away = np.int64(c)
                            known = np.int64(-1)
                        if first[j + _CORNER[half, c, 1], i + _CORNER[half, c, 0]] <= k:
                            leaving = known
                        else:
                            entering = known
                    if inner == 0:
                        continue
                    if away < 0:
                        following[leaving] = entering
                        continue
                    ghosts[ghost, 0], ghosts[ghost, 1] = max(leaving, entering), leaving < 0
                    ghosts[ghost, 2] = _SIDE[half, away, 0] * bands + k
                    ghosts[ghost, 3] = corner[0] + i + _SIDE[half, away, 1]
                    ghosts[ghost, 4] = corner[1] + j + _SIDE[half, away, 2]
                    ghost += 1
    found[4][1] = ghost


@kernel
def _march(blocks, begin, which, drawn, room):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Find the borders in some blocks, one after the other."""
    field, first, base, found = room
    corner = np.empty(2)
    for b in range(len(blocks)):
        corner[0], corner[1] = blocks[b, 0] * _BLOCK - 1.0, blocks[b, 1] * _BLOCK - 1.0
        _measure(which[begin[b] : begin[b + 1]], drawn, corner, field, first)
        _cross(corner, field, first, base, found)
        _follow(corner, first, base, found, len(field))


def _borders(
    blocks: NDArray[np.int64], begin: NDArray[np.int64], which: NDArray[np.int64], drawn: Any, bands: int
) -> Any:
    """Return the vertices of all borders in some blocks, and which follows which.

    Returns
    -------
    where
        ``(n, 2)`` cells from the origin: along the row, the column or the diagonal of an edge of the grid.
    of
        ``(n, 2)`` int32: band, and the tag of those that have this border, 0 where another one is near.
    following
        ``(n,)`` the next vertex; -1 if a neighbour of the block knows.
    ghosts
        ``(p, 5)`` int64: a vertex of this block, whether it comes after (1) the one that the neighbour has on the edge
        of this kind (and band), column and row.
    """
    most = 3 * _BLOCK * _BLOCK * bands * len(blocks)  # the system gives memory only where it is written to
    found = (
        np.empty((most, 2)),
        np.empty((most, 2), np.int32),
        np.full(most, -1, np.int64),
        np.empty((4 * _BLOCK * bands * len(blocks), 5), np.int64),
        np.zeros(2, np.int64),
    )
    scratch = (
        np.empty((bands, _NODES, _NODES), np.float32),
        np.empty((_NODES, _NODES), np.int64),
        np.empty((3, _NODES, _NODES), np.int64),
        found,
    )
    _march(blocks, begin, which, drawn, scratch)
    vertices, ghosts = found[4].tolist()
    return (*(part[:vertices].copy() for part in found[:3]), found[3][:ghosts].copy())


def _linked(parts: list[Any], columns: int, bands: int) -> tuple[Any, Any, Any]:
    """Return the vertices of all parts with what follows each, over the borders of blocks too."""
    many = [len(part[0]) for part in parts]
    shift = np.concatenate([[0], np.cumsum(many)])
    where, of, following = (np.concatenate([part[n] for part in parts]) for n in range(3))
    following[following >= 0] += np.repeat(shift[:-1], many)[following >= 0]
    ghosts = np.concatenate([part[3] for part in parts])
    vertex = ghosts[:, 0] + np.repeat(shift[:-1], [len(part[3]) for part in parts])
    cell = np.floor(where).astype(np.int64)
    on_row, on_column = where[:, 1] == cell[:, 1], where[:, 0] == cell[:, 0]
    at_side = np.flatnonzero(np.where(on_row, cell[:, 1] % _BLOCK == 0, on_column & (cell[:, 0] % _BLOCK == 0)))
    kinds = 2 * bands

    def key(kind: Any, column: Any, row: Any) -> Any:
        return ((row - cell[:, 1].min()) * columns + column - cell[:, 0].min()) * kinds + kind

    known = key(np.where(on_row, 0, bands)[at_side] + of[at_side, 0], *cell[at_side].T)
    order = np.argsort(known)
    there = at_side[order[np.searchsorted(known[order], key(*ghosts[:, 2:].T))]]
    before = ghosts[:, 1] == 0
    following[vertex[before]] = there[before]
    following[there[~before]] = vertex[~before]
    return where, of, following


@kernel
def _trace(where, of, following):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901, PLR0912, PLR0915
    """Return the rings: vertices to draw, where each ring begins, which ring has a vertex, area, vertex in the west."""
    n = len(where)
    ring = np.full(n, -1, np.int64)
    walk, drawn = np.empty(n, np.int64), np.empty(n, np.int64)
    begin, area, west = np.empty(n // 3 + 2, np.int64), np.empty(n // 3 + 1), np.empty(n // 3 + 1, np.int64)
    rings = total = 0
    begin[0] = 0
    for seed in range(n):
        if ring[seed] >= 0:
            continue
        m, v, start, least, extreme, twice = 0, seed, -1, seed, -1, 0.0
        while ring[v] < 0:
            ring[v], walk[m] = rings, v
            u = following[v]
            twice += (where[v, 0] - where[seed, 0]) * (where[u, 1] - where[seed, 1]) - (
                where[u, 0] - where[seed, 0]
            ) * (where[v, 1] - where[seed, 1])
            if of[u, 1] != of[v, 1]:
                start = m + 1
            if where[v, 0] < where[least, 0] or (where[v, 0] == where[least, 0] and where[v, 1] < where[least, 1]):
                least = v
            if where[v, 1] == np.floor(where[v, 1]) and (extreme < 0 or where[v, 0] < where[extreme, 0]):
                extreme = v
            m, v = m + 1, u
        if start < 0:
            start = 0
            while walk[start] != least:
                start += 1
        i = 0
        while i < m:
            v = walk[(start + i) % m]
            drawn[total] = v
            total += 1
            if of[v, 1] == 0 or m < _SMALL:
                i += 1
                continue
            last = i
            while last + 1 < m and of[walk[(start + last + 1) % m], 1] == of[v, 1]:
                last += 1
            while i < last:
                # As far as one straight line is near to all that it leaves out: a cone from here that gets narrower.
                x, y = where[v]
                lo, hi, ahead = -np.pi, np.pi, 0.0
                base = 0.0
                k = i + 1
                while k <= last:
                    w = walk[(start + k) % m]
                    dx, dy = where[w, 0] - x, where[w, 1] - y
                    way = np.hypot(dx, dy)
                    angle = np.arctan2(dy, dx)
                    if k == i + 1:
                        base = angle
                    turn = (angle - base + np.pi) % (2 * np.pi) - np.pi
                    if way < ahead or turn < lo or turn > hi:
                        break
                    if way > _STRAY:
                        half = np.arcsin(_STRAY / way)
                        lo, hi = max(lo, turn - half), min(hi, turn + half)
                    ahead = way
                    k += 1
                i = k - 1
                v = walk[(start + i) % m]
                drawn[total] = v
                total += 1
            i = last + 1
        area[rings], west[rings] = twice, extreme
        rings += 1
        begin[rings] = total
    return drawn[:total].copy(), begin[: rings + 1].copy(), ring, area[:rings].copy(), west[:rings].copy()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rings:
    """Closed borders.

    Parameters
    ----------
    xy, begin
        Vertices in cells, and where each ring begins.
    band, shell, hole
        Of each ring: its band, the shell it belongs to, and whether it is a hole in that.
    """

    xy: NDArray[np.float64]
    begin: NDArray[np.int64]
    band: NDArray[np.int32]
    shell: NDArray[np.int64]
    hole: NDArray[np.bool_]

    @classmethod
    def of(cls, linked: tuple[Any, Any, Any], bands: int) -> _Rings:
        """Return the rings of vertices that follow each other."""
        where, of, _ = linked
        drawn, begin, ring, area, west = _trace(*linked)
        hole, shell = area < 0, np.arange(len(area))
        # West of a hole, the area goes on to the next border on the same row: its shell, or another hole of its shell.
        on_row = np.flatnonzero(where[:, 1] == np.floor(where[:, 1]))
        column, row = np.floor(where[on_row]).astype(np.int64).T
        key = (row * (int(column.max(initial=0)) + 2) + column) * bands + of[on_row, 0]
        order = np.lexsort((key, of[on_row, 0]))
        place = np.empty(len(where), np.int64)
        place[on_row[order]] = np.arange(len(order))
        shell[hole] = ring[on_row[order[place[west[hole]] - 1]]]
        while hole[shell].any():
            shell = shell[shell]
        return cls(xy=where[drawn], begin=begin, band=of[drawn[begin[:-1]], 0], shell=shell, hole=hole)

    def area(self, band: int, cell_m: float, low: NDArray[np.float64]) -> Any:
        """Return the multipolygon of a band in metres."""
        here = np.flatnonzero(self.band == band)
        here = here[np.lexsort((self.hole[here], self.shell[here]))]
        many = self.begin[here + 1] - self.begin[here] + 1
        begin = np.concatenate([[0], np.cumsum(many)])
        nth = np.arange(begin[-1]) - np.repeat(begin[:-1], many)
        closed = nth % np.repeat(np.maximum(many - 1, 1), many)
        xy = (self.xy[np.repeat(self.begin[here], many) + closed] + low) * cell_m
        return _polygons(xy, begin, self.hole[here])


def _polygons(xy: NDArray[np.float64], begin: NDArray[np.int64], hole: NDArray[np.bool_]) -> Any:
    """Return the multipolygon of rings, each shell before its holes."""
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    first = np.append(np.flatnonzero(~hole), len(hole))
    many = np.array([0, len(first) - 1])
    return shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, xy, (begin, first, many))[0]
