"""The nearest of many straight segments: a grid of cells with the segments that cross each, searched ring by ring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.arrays import extent, spans
from accessibility.streets.search.compiling import helper, kernel, run_in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import F64, I32, I64, Flags

_PER_SEGMENT = 2.0  # cells
_MOST_SIDE = 1 << 20  # cells in a row: a wider area has wider cells
_SLACK = 1e-6  # cells: a segment is also in the cell that it only touches
_BATCH = 1 << 16  # points a thread takes at a time
_BLOCK = np.int64(32)  # cells: a place farther from all segments looks at blocks of cells, not at rings
_CELL = np.int64(1)  # of one type: a literal would have `_away` compiled anew
_NOTHING = np.int64(-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentGrid:
    """Lines of straight segments in space.

    Parameters
    ----------
    xy
        ``(v, 2)`` vertices of all lines, metres.
    segment, line
        ``(k,)`` the first vertex of each segment, ascending, and the row of its line.
    first
        ``(m + 1,)`` the first vertex of every line, and the end.
    later
        ``(m,)`` of every line, whether it comes after the others where both are equally near.
    corner, cell_m
        Lower left corner of the grid, and the side of a cell.
    shape
        Columns and rows.
    begin, which
        ``(cells + 1,)`` where the segments of each cell begin, row by row; places in `segment`.
    empty
        ``(cells,)`` how many cells around each, corners in, have no segment: 0 where it has some itself.
    blocks
        ``(b, 2)`` column and row of the first cell of each block with segments.
    """

    xy: NDArray[np.float64]
    segment: NDArray[np.int32]
    line: NDArray[np.int32]
    first: NDArray[np.int64]
    later: NDArray[np.bool_]
    corner: NDArray[np.float64]
    cell_m: float
    shape: tuple[int, int]
    begin: NDArray[np.int32]
    which: NDArray[np.int32]
    empty: NDArray[np.int32]
    blocks: NDArray[np.int64]

    @classmethod
    def of(
        cls, xy: NDArray[np.float64], start: NDArray[np.int64], rows: NDArray[np.intp], later: NDArray[np.bool_]
    ) -> SegmentGrid:
        """Return the grid of some of the lines whose vertices are `xy` from `start`; there is at least one."""
        many = start[rows + 1] - start[rows] - 1
        line = np.repeat(rows.astype(np.int32), many)
        segment = spans(start[rows], many).astype(np.int32)
        corner, top = extent(xy[spans(start[rows], many + 1)])
        size = top - corner
        cell_m = max(float(np.sqrt(size.prod() / (_PER_SEGMENT * len(segment)))), float(size.max()) / _MOST_SIDE, 1.0)
        columns, rows_ = (int(side // cell_m) + 1 for side in size)
        begin = np.zeros(columns * rows_ + 1, np.int32)
        grid = (corner[0], corner[1], cell_m, columns, rows_)
        _deal(xy, segment, grid, begin, np.empty(0, np.int32))
        np.cumsum(begin, dtype=begin.dtype, out=begin)
        which = np.empty(begin[-1], np.int32)
        _deal(xy, segment, grid, begin, which)  # from behind, so that each cell then begins where it should
        empty = np.where(np.diff(begin) > 0, 0, columns + rows_).astype(np.int32)
        row, column = np.divmod(np.flatnonzero(empty == 0), columns)
        some = np.zeros((columns // _BLOCK + 1, rows_ // _BLOCK + 1), np.bool_)
        some[column // _BLOCK, row // _BLOCK] = True
        blocks = np.ascontiguousarray(np.argwhere(some)) * _BLOCK  # however many: `_search` is compiled once
        _spread(empty.reshape(rows_, columns))
        return cls(
            xy=xy,
            segment=segment,
            line=line,
            first=start,
            later=later,
            corner=corner,
            cell_m=cell_m,
            shape=(columns, rows_),
            begin=begin,
            which=which,
            empty=empty,
            blocks=blocks,
        )

    def nearest(
        self, places: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
        """Return the nearest line of each of ``(n, 2)`` finite places, how far it is, and where on it.

        Of lines equally near it is one that is not `later`, then the lowest row.

        Returns
        -------
        line, metres
            ``(n,)`` row of the line, and the distance to it.
        segment, share
            ``(n,)`` first vertex of the segment of the line that is nearest, the first of equals, and the part of it
            before the nearest place.
        """
        line, metres = np.empty(len(places), np.int64), np.empty(len(places))
        segment, share = np.empty(len(places), np.int64), np.empty(len(places))
        answer = (line, metres, segment, share)
        self._ask(_search, places, places, answer)
        return answer

    def near(
        self, places: NDArray[np.float64], within_m: NDArray[np.float64], most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the nearest lines of each of ``(n, 2)`` finite places within so many metres, ``<=``, in order.

        Of lines equally near those come first that are not `later`, then the lowest row.

        Returns
        -------
        line, metres
            ``(n, most)`` row of each line, and the distance to it; -1 and infinite where there are no more.
        along
            ``(n, most)`` metres along the line up to its place nearest of all, the first of equals.
        """
        shape = (len(places), most)
        line, metres, along = np.full(shape, _NOTHING), np.full(shape, np.inf), np.zeros(shape)
        segment, share = np.zeros(shape, np.int64), np.zeros(shape)
        self._ask(_search_several, places, (places, within_m), (line, metres, segment, share))
        _measure(self.xy, (line.ravel(), self.first), (segment.ravel(), share.ravel()), along.ravel())
        return line, metres, along

    def _ask(self, kernel: Any, places: NDArray[np.float64], question: Any, answer: tuple[NDArray[Any], ...]) -> None:
        """Have a kernel answer for each place, neighbours after each other: they share the cache."""
        cell = np.clip((places - self.corner) // self.cell_m, 0, np.array(self.shape) - 1).astype(np.int64)
        order = np.argsort(cell[:, 1] * self.shape[0] + cell[:, 0])
        grid = (self.corner[0], self.corner[1], self.cell_m, *self.shape)
        lines, cells = (self.xy, self.segment, self.line, self.later), (self.begin, self.which, self.empty, self.blocks)
        tasks = [
            partial(kernel, question, order[at : at + _BATCH], grid, lines, cells, answer)
            for at in range(0, len(places), _BATCH)
        ]
        run_in_threads(tasks)


@kernel
def _deal(xy: F64, segment: I32, grid: tuple[float, float, float, int, int], begin: I32, which: I32) -> None:
    """Count the segments that cross each cell, or put them there, where there is room for them."""
    left, low, cell_m, columns, rows = grid
    for s in range(len(segment) - 1, -1, -1):
        v = segment[s]
        x1, y1 = (xy[v, 0] - left) / cell_m, (xy[v, 1] - low) / cell_m
        x2, y2 = (xy[v + 1, 0] - left) / cell_m, (xy[v + 1, 1] - low) / cell_m
        bottom = max(int(min(y1, y2) - _SLACK), 0)
        top = min(int(max(y1, y2) + _SLACK), rows - 1)
        for row in range(bottom, top + 1):
            a, b = x1, x2
            if y1 != y2:  # the part of the segment within the row
                at = min(max((row - _SLACK - y1) / (y2 - y1), 0.0), 1.0)
                to = min(max((row + 1 + _SLACK - y1) / (y2 - y1), 0.0), 1.0)
                a, b = x1 + at * (x2 - x1), x1 + to * (x2 - x1)
            first = max(int(min(a, b) - _SLACK), 0)
            last = min(int(max(a, b) + _SLACK), columns - 1)
            for cell in range(row * columns + first, row * columns + last + 1):
                if len(which) == 0:
                    begin[cell] += 1
                else:
                    begin[cell] -= 1
                    which[begin[cell]] = s


def _spread(empty: NDArray[np.int32]) -> None:
    """Let every cell know the distance to the nearest one that has some: 0 at those, once down and once up."""
    lines = empty if empty.shape[0] <= empty.shape[1] else empty.T  # the fewer, each at once
    along = np.arange(lines.shape[1], dtype=np.int32)
    for downwards in (True, False):
        rows = lines if downwards else lines[::-1]
        for row, before in zip(rows, [rows[0], *rows[:-1]], strict=True):
            least = np.minimum(row, before + 1)
            least[1:] = np.minimum(least[1:], before[:-1] + 1)
            least[:-1] = np.minimum(least[:-1], before[1:] + 1)
            # Within the row, from the left and from the right: what a cell has, and the way from there.
            np.minimum(least, np.minimum.accumulate(least - along) + along, out=least)
            row[:] = np.minimum(least, np.minimum.accumulate((least + along)[::-1])[::-1] - along)


@kernel
def _search(
    places: F64,
    order: I64,
    grid: tuple[Any, Any, Any, Any, Any],
    lines: tuple[F64, I32, I32, Flags],
    cells: tuple[I32, I32, I32, I64],
    answer: tuple[I64, F64, I64, F64],
) -> None:
    """Look at the cells around each place, ring after ring, until no other one can have anything nearer."""
    left, low, cell_m, columns, rows = grid
    for p in order:
        across, up = (places[p, 0] - left) / cell_m, (places[p, 1] - low) / cell_m
        i, j = int(np.floor(across)), int(np.floor(up))
        answer[0][p], answer[1][p] = _NOTHING, np.inf
        ring = max(-i, i - columns + 1, -j, j - rows + 1)
        if ring <= 0:
            ring = np.int64(cells[2][j * columns + i])
        if ring > _BLOCK:
            _search_blocks(p, (places[p, 0], places[p, 1]), grid, lines, cells, answer)
            continue
        inner = min(across - i, i + 1 - across, up - j, j + 1 - up) - _SLACK
        while answer[1][p] > (ring - 1 + inner) * cell_m:
            for row in range(max(j - ring, 0), min(j + ring, rows - 1) + 1):
                step = 1 if row in (j - ring, j + ring) else max(2 * ring, 1)
                for column in range(i - ring, i + ring + 1, step):
                    if 0 <= column < columns:
                        cell = row * columns + column
                        some = cells[1][cells[0][cell] : cells[0][cell + 1]]
                        _look(p, (places[p, 0], places[p, 1]), some, lines, answer)
            ring += 1


@helper
def _search_blocks(
    p: int,
    place: tuple[float, float],
    grid: tuple[float, float, float, int, int],
    lines: tuple[F64, I32, I32, Flags],
    cells: tuple[I32, I32, I32, I64],
    answer: tuple[I64, F64, I64, F64],
) -> None:
    """Look at the nearest block of cells, then at all that may have something nearer."""
    blocks, nearest, least = cells[3], 0, np.inf
    at = ((place[0] - grid[0]) / grid[2], (place[1] - grid[1]) / grid[2])
    for b in range(len(blocks)):
        away = _away(at, blocks[b, 0], blocks[b, 1], _BLOCK)
        if away < least:
            nearest, least = b, away
    for turn in range(-1, len(blocks)):
        b = nearest if turn < 0 else turn
        if (_away(at, blocks[b, 0], blocks[b, 1], _BLOCK) - _SLACK) * grid[2] > answer[1][p]:
            continue
        for row in range(blocks[b, 1], min(blocks[b, 1] + _BLOCK, grid[4])):
            for column in range(blocks[b, 0], min(blocks[b, 0] + _BLOCK, grid[3])):
                if (_away(at, column, row, _CELL) - _SLACK) * grid[2] <= answer[1][p]:
                    cell = row * grid[3] + column
                    _look(p, place, cells[1][cells[0][cell] : cells[0][cell + 1]], lines, answer)


@helper
def _away(at: tuple[Any, Any], column: Any, row: Any, size: Any) -> Any:
    """Return how many cells a place is from a square of cells."""
    dx = max(column - at[0], at[0] - column - size, 0.0)
    dy = max(row - at[1], at[1] - row - size, 0.0)
    return np.sqrt(dx * dx + dy * dy)


@helper
def _from_segment(xy: F64, v: np.int32, x: float, y: float) -> tuple[float, float]:
    """Return how far a place is from a segment, and the part of the segment before its nearest place, as GEOS does."""
    x1, y1, x2, y2 = xy[v, 0], xy[v, 1], xy[v + 1, 0], xy[v + 1, 1]
    dx, dy = x2 - x1, y2 - y1
    squared = dx * dx + dy * dy
    share = ((x - x1) * dx + (y - y1) * dy) / squared if squared > 0.0 else 0.0
    if share <= 0.0:
        share, away = 0.0, np.sqrt((x - x1) * (x - x1) + (y - y1) * (y - y1))
    elif share >= 1.0:
        share, away = 1.0, np.sqrt((x - x2) * (x - x2) + (y - y2) * (y - y2))
    else:
        away = abs(((y1 - y) * dx - (x1 - x) * dy) / squared) * np.sqrt(squared)
    return away, share


@helper
def _look(
    p: int,
    place: tuple[float, float],
    some: I32,
    lines: tuple[F64, I32, I32, Flags],
    answer: tuple[I64, F64, I64, F64],
) -> None:
    """Take a segment that is nearer than what a place has, or before it where they are equally near."""
    xy, segment, line, later = lines
    best_line, best_m, best_segment, best_share = answer
    x, y = place
    for s in some:
        v = segment[s]
        away, share = _from_segment(xy, v, x, y)
        if away > best_m[p]:
            continue
        mine = best_line[p]
        if away == best_m[p] and mine >= 0:
            if later[line[s]] != later[mine]:
                if later[line[s]]:
                    continue
            elif line[s] > mine or (line[s] == mine and v >= best_segment[p]):
                continue
        best_line[p], best_m[p], best_segment[p], best_share[p] = line[s], away, v, share


@kernel
def _search_several(
    question: tuple[F64, F64],
    order: I64,
    grid: tuple[Any, Any, Any, Any, Any],
    lines: tuple[F64, I32, I32, Flags],
    cells: tuple[I32, I32, I32, I64],
    answer: tuple[I64, F64, I64, F64],
) -> None:
    """Look at the cells around each place, ring after ring, until no other one can have one of its nearest lines."""
    (places, within_m), (left, low, cell_m, columns, rows) = question, grid
    last = answer[1].shape[1] - 1
    for p in order:
        across, up = (places[p, 0] - left) / cell_m, (places[p, 1] - low) / cell_m
        i, j = int(np.floor(across)), int(np.floor(up))
        ring = max(-i, i - columns + 1, -j, j - rows + 1)
        if ring <= 0:
            ring = np.int64(cells[2][j * columns + i])
        widest = max(i, columns - 1 - i, j, rows - 1 - j)
        inner = min(across - i, i + 1 - across, up - j, j + 1 - up) - _SLACK
        while ring <= widest and min(within_m[p], answer[1][p, last]) >= (ring - 1 + inner) * cell_m:
            for row in range(max(j - ring, 0), min(j + ring, rows - 1) + 1):
                step = 1 if row in (j - ring, j + ring) else max(2 * ring, 1)
                for column in range(i - ring, i + ring + 1, step):
                    if 0 <= column < columns:
                        cell = row * columns + column
                        for s in cells[1][cells[0][cell] : cells[0][cell + 1]]:
                            _put(p, (places[p, 0], places[p, 1], within_m[p]), s, lines, answer)
            ring += 1


@helper
def _put(
    p: int,
    place: tuple[float, float, float],
    s: np.int32,
    lines: tuple[F64, I32, I32, Flags],
    answer: tuple[I64, F64, I64, F64],
) -> None:
    """Put the line of a segment where it belongs among those that a place has, once."""
    xy, segment, line, later = lines
    its_line, its_m, its_segment, its_share = answer
    v, mine = segment[s], line[s]
    away, share = _from_segment(xy, v, place[0], place[1])
    k = its_m.shape[1] - 1
    if not away <= min(place[2], its_m[p, k]):
        return
    for at in range(k + 1):
        if its_line[p, at] == mine:
            if away > its_m[p, at] or (away == its_m[p, at] and v >= its_segment[p, at]):
                return
            k = at
            break
    else:
        if not _goes_before(away, mine, (its_m[p, k], its_line[p, k]), later):
            return
    while k > 0 and _goes_before(away, mine, (its_m[p, k - 1], its_line[p, k - 1]), later):
        its_line[p, k], its_m[p, k] = its_line[p, k - 1], its_m[p, k - 1]
        its_segment[p, k], its_share[p, k] = its_segment[p, k - 1], its_share[p, k - 1]
        k -= 1
    its_line[p, k], its_m[p, k], its_segment[p, k], its_share[p, k] = mine, away, v, share


@helper
def _goes_before(away: Any, line: Any, other: tuple[Any, Any], later: Flags) -> Any:
    metres, there = other
    if away != metres or there < 0:
        return away < metres
    return line < there if later[line] == later[there] else later[there]


@kernel
def _measure(xy: F64, lines: tuple[I64, I64], places: tuple[I64, F64], along: F64) -> None:
    """Measure along the lines up to places on their segments, segment by segment from where each begins."""
    line, first = lines
    segment, share = places
    for k in range(line.size):
        if line[k] < 0:
            continue
        for v in range(first[line[k]], segment[k] + 1):
            metres = np.sqrt((xy[v + 1, 0] - xy[v, 0]) ** 2 + (xy[v + 1, 1] - xy[v, 1]) ** 2)
            along[k] += metres if v < segment[k] else metres * share[k]
