"""The nearest of many straight segments: a grid of cells with the segments that cross each, searched ring by ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.arrays import extent, locked
from accessibility.streets.search.compiling import fetch, helper, kernel
from accessibility.streets.search.packing import hilbert_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import F64, I32, I64, U8, U32, Flags

_PER_SEGMENT = 1.0  # cells
_MOST_SIDE = 1 << 20  # cells in a row: a wider area has wider cells
_SLACK = 1e-6  # cells: a segment is also in the cell that it only touches
_BATCH = 1 << 16  # places at a time
_BLOCK = np.int64(32)  # cells: a place farther from all segments looks at blocks of cells, not at rings
_FARTHEST = 255  # cells: who has none so near looks at blocks, or begins there
_CELL = np.int64(1)  # of one type: a literal would have `_away` compiled anew
_NOTHING = np.int64(-1)
_AHEAD = np.int64(16)  # lines
_STRIDE = np.int64(64)  # vertices: of so many, the line of the first is kept
_LOW = np.uint64(0xFFFF_FFFF)
_VERTEX = np.uint32(0x7FFF_FFFF)
_LATER = np.uint32(0x8000_0000)
_NO_WORD = np.uint32(0xFFFF_FFFF)

_Grid = tuple[Any, Any, Any, Any, Any]
_Lines = tuple["F64", "I32", "I64", "I32"]
_Cells = tuple["I32", "U32", "U8", "I64"]
_Answer = tuple["I64", "F64", "U32", "F64"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentGrid:
    """Lines of straight segments in space.

    A segment is a word: its first vertex, and in the highest bit whether its line comes after others where both are
    equally near. So of two words the lower one goes first: vertices ascend as their lines do.
    """

    # of lines of many vertices: (v, 2) those of all lines, metres; nothing; (m + 1,) the first vertex of every line,
    # ascending, and the end; the line of every 64th vertex. Of lines of two: (n, 2) places, (2 m,) which place each
    # vertex is, and nothing.
    lines: tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]
    # corner, cell_m: lower left corner of the grid, and the side of a cell
    corner: NDArray[np.float64]
    cell_m: float
    shape: tuple[int, int]  # columns and rows
    # begin, which: (cells + 1,) where the segments of each cell begin, row by row; words
    begin: NDArray[np.int32]
    which: NDArray[np.uint32]
    # (cells,) how many cells around each, corners in, have no segment: 0 where it has some itself, 255 at most
    empty: NDArray[np.uint8]
    blocks: NDArray[np.int64]  # (b, 2) column and row of the first cell of each block with segments

    @classmethod
    def of(
        cls, xy: NDArray[np.float64], first: NDArray[np.int64], kept: NDArray[np.bool_], later: NDArray[np.bool_]
    ) -> SegmentGrid:
        """Return the grid of the lines that are kept, at least one, of those whose vertices are `xy` from `first`."""
        some = np.searchsorted(first, np.arange(0, len(xy), _STRIDE), side="right") - 1
        return cls._of((xy, locked(np.empty(0, np.int32)), first, some.astype(np.int32)), kept, later)

    @classmethod
    def straight(
        cls, xy: NDArray[np.float64], ends: NDArray[np.int32], kept: NDArray[np.bool_], later: NDArray[np.bool_]
    ) -> SegmentGrid:
        """Return the same of straight lines between places, given the rows of both `ends` of each."""
        none = locked(np.empty(0, np.int64)), np.empty(0, np.int32)
        return cls._of((xy, ends.ravel(), *none), kept, later)

    @classmethod
    def _of(cls, lines: Any, kept: NDArray[np.bool_], later: NDArray[np.bool_]) -> SegmentGrid:
        bounds = np.array([np.inf, np.inf, -np.inf, -np.inf, 0.0])  # the last one: how many segments
        _bound(lines, kept, bounds)
        corner, size = bounds[:2], bounds[2:4] - bounds[:2]
        cell_m = max(float(np.sqrt(size.prod() / (_PER_SEGMENT * bounds[4]))), float(size.max()) / _MOST_SIDE, 1.0)
        columns, rows = (int(side // cell_m) + 1 for side in size)
        begin = np.zeros(columns * rows + 1, np.int32)
        grid = (corner[0], corner[1], cell_m, columns, rows)
        _deal(lines, (kept, later), grid, begin, np.empty(0, np.uint32))
        np.cumsum(begin, dtype=begin.dtype, out=begin)
        which = np.empty(begin[-1], np.uint32)
        _deal(lines, (kept, later), grid, begin, which)  # from behind, so that each cell then begins where it should
        full = (begin[1:] > begin[:-1]).reshape(rows, columns)
        some = np.logical_or.reduceat(full, np.arange(0, rows, _BLOCK), axis=0)
        some = np.logical_or.reduceat(some, np.arange(0, columns, _BLOCK), axis=1)
        blocks = np.ascontiguousarray(np.argwhere(some.T)) * _BLOCK  # however many: `_search` is compiled once
        empty = np.where(full, np.uint8(0), np.uint8(_FARTHEST))
        _spread(empty)
        return cls(
            lines=lines,
            corner=corner,
            cell_m=cell_m,
            shape=(columns, rows),
            begin=begin,
            which=which,
            empty=empty.ravel(),
            blocks=blocks,
        )

    def nearest(
        self, places: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the nearest line of each of ``(n, 2)`` finite places, how far it is, and where on it.

        Of lines equally near it is one that is not `later`, then the lowest row.

        Returns
        -------
        line, metres
            ``(n,)`` row of the line, and the distance to it.
        along, drawn
            ``(n,)`` metres along the line up to its place nearest of all, the first of equals, and to its end.
        """
        return self._ask(_search, (len(places),), places)

    def near(
        self, places: NDArray[np.float64], within_m: NDArray[np.float64], most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the nearest lines of each of ``(n, 2)`` finite places within so many metres, ``<=``, in order.

        Of lines equally near those come first that are not `later`, then the lowest row.

        Returns
        -------
        line, metres
            ``(n, most)`` row of each line, and the distance to it; -1 and infinite where there are no more.
        along, drawn
            ``(n, most)`` metres along the line up to its place nearest of all, the first of equals, and to its end.
        """
        return self._ask(_search_several, (len(places), most), (places, within_m))

    def _ask(
        self, kernel: Any, shape: tuple[int, ...], question: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        line, metres = np.full(shape, _NOTHING), np.full(shape, np.inf)
        word, share = np.full(shape, _NO_WORD), np.zeros(shape)
        grid = (self.corner[0], self.corner[1], self.cell_m, *self.shape)
        cells = (self.begin, self.which, self.empty, self.blocks)
        kernel(question, grid, self.lines, cells, (line, metres, word, share))
        along, drawn = np.zeros(shape), np.zeros(shape)
        _measure(self.lines, line.ravel(), (word.ravel(), share.ravel()), (along.ravel(), drawn.ravel()))
        return line, metres, along, drawn


def neighbours(xy: NDArray[np.float64], rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return some rows of ``(n, 2)`` places, all finite, in batches of neighbours: they share the cache."""
    if not rows.size:
        return []
    places = xy if len(rows) == len(xy) else xy[rows]
    order = hilbert_keys(places, *extent(places))
    order.sort()
    return [rows[(order[at : at + _BATCH] & _LOW).astype(np.intp)] for at in range(0, len(order), _BATCH)]


@helper
def _first_of(lines: _Lines, line: Any) -> Any:
    """Return the first vertex of a line, or of the one after the last."""
    return lines[2][line] if lines[2].size > 0 else np.int64(2) * line


@helper
def _at(lines: _Lines, v: Any) -> tuple[Any, Any]:
    """Return where a vertex is."""
    row = np.int64(lines[1][v]) if lines[1].size > 0 else v
    return lines[0][row, 0], lines[0][row, 1]


@helper
def _fetch_ends(lines: _Lines, line: Any) -> None:
    """Have the places of a line of two vertices brought; of more, they follow each other."""
    if lines[1].size > 0:
        fetch(lines[0], 2 * np.int64(lines[1][2 * line]))
        fetch(lines[0], 2 * np.int64(lines[1][2 * line + 1]))


@helper
def _cell_of(lines: _Lines, line: Any, grid: _Grid) -> Any:
    """Return the cell in which a line begins, or one at the edge of the grid."""
    left, low, cell_m, columns, rows = grid
    x, y = _at(lines, _first_of(lines, line))
    column = min(max(int((x - left) / cell_m), 0), columns - 1)
    return min(max(int((y - low) / cell_m), 0), rows - 1) * columns + column


@kernel
def _bound(lines: _Lines, kept: Flags, bounds: F64) -> None:
    """Measure how far the lines kept reach to each side, and count their segments."""
    for row in range(np.int64(kept.size)):
        if row + _AHEAD < kept.size and kept[row + _AHEAD]:
            _fetch_ends(lines, row + _AHEAD)
        if not kept[row]:
            continue
        begin, end = _first_of(lines, row), _first_of(lines, row + 1)
        bounds[4] += end - begin - 1
        for v in range(begin, end):
            x, y = _at(lines, v)
            bounds[0], bounds[1] = min(bounds[0], x), min(bounds[1], y)
            bounds[2], bounds[3] = max(bounds[2], x), max(bounds[3], y)


@kernel
def _deal(lines: _Lines, which_lines: tuple[Flags, Flags], grid: _Grid, begin: I32, which: U32) -> None:
    """Count the segments that cross each cell, or put them there, where there is room for them."""
    kept, later = which_lines
    for line in range(np.int64(kept.size) - 1, -1, -1):
        if line >= 2 * _AHEAD and kept[line - 2 * _AHEAD]:
            _fetch_ends(lines, line - 2 * _AHEAD)
        if line >= _AHEAD and kept[line - _AHEAD]:
            fetch(begin, _cell_of(lines, line - _AHEAD, grid))
        if line >= _AHEAD // 2 and len(which) > 0 and kept[line - _AHEAD // 2]:
            fetch(which, np.int64(begin[_cell_of(lines, line - _AHEAD // 2, grid)]) - 1)
        if not kept[line]:
            continue
        for v in range(_first_of(lines, line + 1) - 2, _first_of(lines, line) - 1, -1):
            word = np.uint32(v) | _LATER if later[line] else np.uint32(v)
            x1, y1 = _at(lines, v)
            x2, y2 = _at(lines, v + 1)
            _deal_segment((x1, y1, x2, y2), word, grid, begin, which)


@helper
def _deal_segment(ends: tuple[Any, Any, Any, Any], word: np.uint32, grid: _Grid, begin: I32, which: U32) -> None:
    left, low, cell_m, columns, rows = grid
    x1, y1, x2, y2 = (
        (ends[0] - left) / cell_m,
        (ends[1] - low) / cell_m,
        (ends[2] - left) / cell_m,
        (ends[3] - low) / cell_m,
    )
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
                which[begin[cell]] = word


def _spread(empty: NDArray[np.uint8]) -> None:
    """Let every cell know the distance to the nearest one that has some: 0 at those, once down and once up."""
    lines = empty if empty.shape[0] <= empty.shape[1] else empty.T  # the fewer, each at once
    along = np.arange(lines.shape[1], dtype=np.int32)
    for downwards in (True, False):
        rows = lines if downwards else lines[::-1]
        for row, before in zip(rows, [rows[0], *rows[:-1]], strict=True):
            beyond = before.astype(np.int32) + 1
            least = np.minimum(row, beyond)
            least[1:] = np.minimum(least[1:], beyond[:-1])
            least[:-1] = np.minimum(least[:-1], beyond[1:])
            # Within the row, from the left and from the right: what a cell has, and the way from there.
            np.minimum(least, np.minimum.accumulate(least - along) + along, out=least)
            row[:] = np.minimum(least, np.minimum.accumulate((least + along)[::-1])[::-1] - along)


@kernel
def _search(places: F64, grid: _Grid, lines: _Lines, cells: _Cells, answer: _Answer) -> None:
    """Look at the cells around each place, ring after ring, until no other one can have anything nearer."""
    left, low, cell_m, columns, rows = grid
    for p in range(len(places)):
        across, up = (places[p, 0] - left) / cell_m, (places[p, 1] - low) / cell_m
        i, j = int(np.floor(across)), int(np.floor(up))
        ring = max(-i, i - columns + 1, -j, j - rows + 1)
        if ring <= 0:
            ring = np.int64(cells[2][j * columns + i])
        if ring > _BLOCK:
            _search_blocks(p, (places[p, 0], places[p, 1]), grid, lines, cells, answer)
        else:
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
        answer[0][p] = _line_of(lines, answer[2][p])


@helper
def _line_of(lines: _Lines, word: np.uint32) -> Any:
    """Return the line of a segment: the last one that begins where it does, or before."""
    first, some = lines[2], lines[3]
    v = np.int64(word & _VERTEX)
    if first.size == 0:
        return v // np.int64(2)
    low = np.int64(some[v // _STRIDE])
    high = np.int64(some[v // _STRIDE + 1]) + 1 if v // _STRIDE + 1 < some.size else first.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if first[middle] <= v:
            low = middle
        else:
            high = middle
    return low


@helper
def _search_blocks(
    p: int, place: tuple[float, float], grid: _Grid, lines: _Lines, cells: _Cells, answer: _Answer
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
def _from_segment(lines: _Lines, v: Any, x: float, y: float) -> tuple[float, float]:
    """Return how far a place is from a segment, and the part of the segment before its nearest place, as GEOS does."""
    x1, y1 = _at(lines, v)
    x2, y2 = _at(lines, v + 1)
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
def _look(p: int, place: tuple[float, float], some: U32, lines: _Lines, answer: _Answer) -> None:
    """Take a segment that is nearer than what a place has, or before it where they are equally near."""
    _, best_m, best_word, best_share = answer
    for word in some:
        away, share = _from_segment(lines, np.int64(word & _VERTEX), place[0], place[1])
        if _goes_before(away, word, best_m[p], best_word[p]):
            best_m[p], best_word[p], best_share[p] = away, word, share


@kernel
def _search_several(question: tuple[F64, F64], grid: _Grid, lines: _Lines, cells: _Cells, answer: _Answer) -> None:
    """Look at the cells around each place, ring after ring, until no other one can have one of its nearest lines."""
    (places, within_m), (left, low, cell_m, columns, rows) = question, grid
    last = answer[1].shape[1] - 1
    for p in range(len(places)):
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
                        for word in cells[1][cells[0][cell] : cells[0][cell + 1]]:
                            _put(p, (places[p, 0], places[p, 1], within_m[p]), word, lines, answer)
            ring += 1


@helper
def _put(p: int, place: tuple[float, float, float], word: np.uint32, lines: _Lines, answer: _Answer) -> None:
    """Put the line of a segment where it belongs among those that a place has, once."""
    its_line, its_m, its_word, its_share = answer
    v = np.int64(word & _VERTEX)
    away, share = _from_segment(lines, v, place[0], place[1])
    k = its_m.shape[1] - 1
    if not away <= min(place[2], its_m[p, k]):
        return
    mine = _NOTHING
    for at in range(k + 1):
        there = its_line[p, at]
        if there >= 0 and _first_of(lines, there) <= v < _first_of(lines, there + 1):
            mine, k = there, np.int64(at)
            break
    if not _goes_before(away, word, its_m[p, k], its_word[p, k]):
        return
    if mine < 0:
        mine = _line_of(lines, word)
    while k > 0 and _goes_before(away, word, its_m[p, k - 1], its_word[p, k - 1]):
        its_line[p, k], its_m[p, k] = its_line[p, k - 1], its_m[p, k - 1]
        its_word[p, k], its_share[p, k] = its_word[p, k - 1], its_share[p, k - 1]
        k -= 1
    its_line[p, k], its_m[p, k], its_word[p, k], its_share[p, k] = mine, away, word, share


@helper
def _goes_before(away: Any, word: Any, metres: Any, other: Any) -> Any:
    return away < metres or (away == metres and word < other)


@kernel
def _measure(lines: _Lines, line: I64, places: tuple[U32, F64], metres: tuple[F64, F64]) -> None:
    """Measure along the lines up to places on their segments, and to their ends, from where each begins."""
    word, share = places
    along, drawn = metres
    for k in range(line.size):
        if k + 2 * _AHEAD < line.size and lines[1].size > 0:
            fetch(lines[1], 2 * line[k + 2 * _AHEAD])
            if line[k + _AHEAD] >= 0:
                _fetch_ends(lines, line[k + _AHEAD])
        if line[k] < 0:
            continue
        here = np.int64(word[k] & _VERTEX)
        for v in range(_first_of(lines, line[k]), _first_of(lines, line[k] + 1) - 1):
            x1, y1 = _at(lines, v)
            x2, y2 = _at(lines, v + 1)
            step = np.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2)
            drawn[k] += step
            if v < here:
                along[k] += step
            elif v == here:
                along[k] += step * share[k]
