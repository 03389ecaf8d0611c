"""Borders of strokes in blocks of a grid: which edges of the grid they cross, in chains with fewer vertices.

Each block is found by itself, in memory that stays near the processor; what its neighbours find at its sides is the
same to the last digit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import F32, F64, I32, I64, U8

ROUND, FLAT, PIN = np.uint8(0), np.uint8(1), np.uint8(2)
BLOCK = 64  # cells to a side
_NODES = BLOCK + 3  # of a block and what is around it: a node before, two behind
MARGIN = 1.5  # cells beyond a border that count: farther than any two nodes of a triangle
_FAR = -2.0
_PIN = 0.3  # how deep in cells the corners of a triangle are that must be inside
_STEEP = 0.1  # a stroke that rises by more is looked for on a part of each row alone
_SEAM = 0.002  # cells: strokes that meet leave nothing between them
_STEPS = 1024  # places along an edge of the grid where a border may cross it
_SHY = 8  # places next to a node where none does: borders keep apart
_STRAY = 0.05  # cells: how far a border of fewer vertices runs from the full one
_SMALL = 16  # vertices of a ring that keeps them all
_STEP = np.arange(_NODES, dtype=np.float32)
# What is noted of a crossing of a border and an edge, and of a chain of them.
_PLANE, _TAG, _ON_ROW, _BESIDE, _GAP, _NEXT, _LED, _ENTER, _LEAVE, _CHAIN = range(10)
BEGIN, SINCE, UNTIL, ENTER_AT, LEAVE_AT, BLOCK_OF, HOLE, ROW, WEST = range(9)
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


@helper
def _paint(field: F32, column: Any, row: Any, stroke: F64, radius: Any, shape: Any) -> None:  # noqa: C901
    """Raise the depth of the nodes near a stroke to how deep they are inside it, in cells.

    Numbers count from the cell in which the stroke begins, so that they are the same in every block that it passes.
    """
    x, y = stroke[0] - np.floor(stroke[0]), stroke[1] - np.floor(stroke[1])
    column, row = column - np.int64(np.floor(stroke[0])), row - np.int64(np.floor(stroke[1]))
    if shape == PIN:
        for corner in range(3):
            right, up = (corner > (1 if y > x else 0)) - column, (corner > (0 if y > x else 1)) - row
            if 0 <= right < _NODES and 0 <= up < _NODES and field[up, right] < _PIN:
                field[up, right] = _PIN
        return
    east, north = stroke[2] - stroke[0], stroke[3] - stroke[1]
    length, reach = np.sqrt(east * east + north * north), radius + MARGIN
    if shape == FLAT and length == 0.0:
        return  # nothing, though a row of the grid may stand on its ends
    dx, dy = (east / length, north / length) if length > 0.0 else (1.0, 0.0)
    left = max(0, np.int64(np.ceil(x + min(east, 0.0) - reach)) - column)
    right = min(_NODES - 1, np.int64(np.floor(x + max(east, 0.0) + reach)) - column)
    low = max(0, np.int64(np.ceil(y + min(north, 0.0) - reach)) - row)
    high = min(_NODES - 1, np.int64(np.floor(y + max(north, 0.0) + reach)) - row)
    to_right, ahead, aside = np.float32(column), np.float32(dx), np.float32(dy)
    way, half, from_x, none = np.float32(length), np.float32(radius), np.float32(x), np.float32(0.0)
    for j in range(low, high + 1):
        first, last, up = left, right, np.float32(row + j) - np.float32(y)
        if abs(dy) > _STEEP:
            middle, wide = x + (row + j - y) * dx / dy, reach / abs(dy) + 1.0
            first = max(first, np.int64(np.floor(middle - wide)) - column)
            last = min(last, np.int64(np.ceil(middle + wide)) - column)
        line, step = (
            field[j, first : max(last + 1, first)],
            _STEP[first : max(last + 1, first)],
        )  # counted from 0: several at once
        if shape == FLAT:
            for i in range(len(line)):
                over = (step[i] + to_right) - from_x
                along, depth = over * ahead + up * aside, half - abs(over * aside - up * ahead)
                line[i] = max(line[i], min(depth, along, way - along))
        else:
            for i in range(len(line)):
                over = (step[i] + to_right) - from_x
                along, beside = over * ahead + up * aside, over * aside - up * ahead
                beyond = max(-along, along - way, none)
                line[i] = max(line[i], half - np.sqrt(beside * beside + beyond * beyond))


@helper
def _settle(field: F32, first: U8, plane: int) -> None:
    """Let a plane have what the planes before it have, and count the planes that a node is not inside of."""
    here, before, seam, none = field[plane], field[max(plane - 1, 0)], np.float32(_SEAM), np.float32(0.0)
    for j in range(_NODES):
        for i in range(_NODES):
            depth = here[j, i] + seam
            if plane > 0:
                depth = max(depth, before[j, i])
            here[j, i] = depth
            first[j, i] += np.uint8(depth < none)


@helper
def _measure(strokes: I64, drawn: tuple[F64, F64, U8, U8], corner: I64, field: F32, first: U8, since: I64) -> int:
    """Find how deep the nodes of a block lie in each band with strokes there, and the first that they are inside of.

    A band without strokes here is as the one before it: `since` tells with which band each plane begins.
    """
    ends, radius, shape, band = drawn
    planes = 0
    first[:] = 0
    for s in strokes:
        if planes == 0 or band[s] != since[planes - 1]:
            if planes > 0:
                _settle(field, first, planes - 1)
            field[planes] = _FAR
            since[planes] = band[s]
            planes += 1
        _paint(field[planes - 1], corner[0], corner[1], ends[s], radius[s], shape[s])
    _settle(field, first, planes - 1)
    since[planes] = len(field)
    return planes


@helper
def _tag(first: U8, i: Any, j: Any, kind: Any, lo: Any, hi: Any) -> Any:
    """Return which planes have their border across an edge, if no other border is near: only two values around it."""
    turns = 0
    before = first[j + _AROUND[kind, 7, 1], i + _AROUND[kind, 7, 0]]
    for nth in range(8):
        here = first[j + _AROUND[kind, nth, 1], i + _AROUND[kind, nth, 0]]
        if here not in (lo, hi):
            return np.int64(0)
        if here != before:
            turns += 1
        before = here
    return lo * 256 + hi if turns == 2 else np.int64(0)  # noqa: PLR2004 -- in and out


@helper
def _cross(corner: I64, field: F32, first: U8, planes: Any, room: tuple[Any, ...]) -> Any:  # noqa: C901
    """Find where borders cross the edges of a block; return how often, and how many cells have such an edge."""
    base, where, of, last, east, cells = room[0], room[1], room[2], room[3], room[4], room[9]
    count = crossed = np.int64(0)
    for j in range(1, BLOCK + 1):
        last[:planes] = -1
        for i in range(1, BLOCK + 1):
            if first[j, i] == first[j, i + 1] and first[j, i] == first[j + 1, i] == first[j + 1, i + 1]:
                continue
            cells[crossed] = j * _NODES + i
            crossed += 1
            for kind in range(3):
                up, right, start = j + (kind > 0), i + (kind != 1), np.int64(first[j, i])
                lo, hi = min(start, np.int64(first[up, right])), max(start, np.int64(first[up, right]))
                if lo == hi:
                    continue
                base[kind, j, i] = count
                tag, same = _tag(first, i, j, kind, lo, hi), -1
                for k in range(lo, hi):
                    here, there = np.float64(field[k, j, i]), np.float64(field[k, up, right])
                    step = min(max(int(_STEPS * here / (here - there) + 0.5), _SHY), _STEPS - _SHY)
                    if same not in (-1, step):
                        tag = np.int64(0)
                    same = step
                    where[count, 0] = corner[0] + i + (step / _STEPS if kind != 1 else 0.0)
                    where[count, 1] = corner[1] + j + (step / _STEPS if kind > 0 else 0.0)
                    of[count, _PLANE], of[count, _ON_ROW], of[count, _BESIDE] = k, kind == 0, -1
                    of[count, _GAP], of[count, _NEXT], of[count, _LED] = start <= k, -1, 0
                    of[count, _ENTER], of[count, _LEAVE], of[count, _CHAIN] = -1, -1, -1
                    if kind == 0:
                        of[count, _BESIDE], last[k] = last[k], count
                    count += 1
                of[base[kind, j, i] : count, _TAG] = tag
        for k in range(planes):
            east[j - 1, k] = last[k]
    return count, crossed


@helper
def _follow(first: U8, crossed: int, room: tuple[Any, ...], value: I64) -> None:  # noqa: C901
    """Find which crossing follows which through the triangles of the cells that borders cross, inside on the left."""
    base, of, cells = room[0], room[2], room[9]
    for n in range(crossed):
        j, i = cells[n] // _NODES, cells[n] % _NODES
        for half in range(2):
            for c in range(4):
                value[c] = first[j + _CORNER[half, c, 1], i + _CORNER[half, c, 0]]
            for k in range(min(value[0], value[1], value[2]), max(value[0], value[1], value[2])):
                leaving = entering = away = np.int64(-1)
                for c in range(3):
                    if (value[c] <= k) == (value[c + 1] <= k):
                        continue
                    kind, y, x = _SIDE[half, c, 0], j + _SIDE[half, c, 2], i + _SIDE[half, c, 1]
                    known = base[kind, y, x] + k - min(value[c], value[c + 1])
                    if y > BLOCK or x > BLOCK:  # the neighbour has it
                        known, away = np.int64(-1), (y * _NODES + x) * 2 + kind
                    if value[c] <= k:
                        leaving = known
                    else:
                        entering = known
                if leaving < 0:
                    of[entering, _ENTER] = away
                elif entering < 0:
                    of[leaving, _LEAVE] = away
                else:
                    of[leaving, _NEXT], of[entering, _LED] = entering, 1


@helper
def _straighten(walk: I32, start: int, m: int, room: tuple[Any, ...], drawn: F64, total: int) -> int:  # noqa: C901
    """Draw a chain of crossings with fewer vertices, from its first to its last; return how many are drawn in all."""
    where, of = room[1], room[2]
    i = 0
    while i < m:
        last, tag = i, of[walk[(start + i) % m], _TAG]
        x, y = where[walk[(start + i) % m]]
        wide = 0.0
        while tag != 0 and last + 1 < m and of[walk[(start + last + 1) % m], _TAG] == tag:
            last += 1
            w = walk[(start + last) % m]
            wide = max(wide, abs(where[w, 0] - x), abs(where[w, 1] - y))
        if wide < 1.0:  # it may go round a single node
            for k in range(i, last + 1):
                drawn[total, 0], drawn[total, 1] = where[walk[(start + k) % m], 0], where[walk[(start + k) % m], 1]
                total += 1
            i = last + 1
            continue
        drawn[total, 0], drawn[total, 1] = x, y
        total += 1
        while i < last:
            # As far as one straight line is near to all that it leaves out: a cone from here that gets narrower.
            x, y = where[walk[(start + i) % m]]
            open_ = True
            lo_x = lo_y = hi_x = hi_y = ahead = 0.0
            k = i + 1
            while k <= last:
                w = walk[(start + k) % m]
                dx, dy = where[w, 0] - x, where[w, 1] - y
                way = np.sqrt(dx * dx + dy * dy)
                if way < ahead or not (open_ or (lo_x * dy - lo_y * dx >= 0.0 and dx * hi_y - dy * hi_x >= 0.0)):
                    break
                if way > _STRAY:
                    sine = _STRAY / way
                    cosine = np.sqrt(1.0 - sine * sine)
                    right_x, right_y = dx * cosine + dy * sine, dy * cosine - dx * sine
                    left_x, left_y = dx * cosine - dy * sine, dy * cosine + dx * sine
                    if open_ or lo_x * right_y - lo_y * right_x > 0.0:
                        lo_x, lo_y = right_x, right_y
                    if open_ or left_x * hi_y - left_y * hi_x > 0.0:
                        hi_x, hi_y = left_x, left_y
                    open_ = False
                ahead = way
                k += 1
            i = k - 1
            drawn[total, 0], drawn[total, 1] = where[walk[(start + i) % m], 0], where[walk[(start + i) % m], 1]
            total += 1
        i = last + 1
    return total


@helper
def _edge(xy: F64, away: Any, corner: I64, columns: Any) -> Any:
    """Return the number of the edge over which a chain comes or goes: the neighbour's, else that of its own end."""
    column, row = np.int64(np.floor(xy[0])), np.int64(np.floor(xy[1]))
    kind = np.int64(xy[1] > row)  # along a row, or along a column
    if away >= 0:
        kind, cell = np.int64(away) % 2, np.int64(away) // 2
        column, row = corner[0] + cell % _NODES, corner[1] + cell // _NODES
    return (row * columns + column) * 2 + kind


@helper
def _chain(  # noqa: C901
    seed: Any,
    corner: I64,
    columns: Any,
    room: tuple[Any, ...],
    out: tuple[F64, I64, F64, I32],
    count: I64,
) -> None:
    """Draw the chain of crossings from one on, and note it; `count` is of vertices and chains so far."""
    where, of, walk, xy, west = room[1], room[2], room[5], out[0], out[2]
    total, number = count[0], count[1]
    m, v, start, least, extreme = 0, seed, -1, 0, np.int64(-1)
    while True:
        of[v, _CHAIN], walk[m] = number, v
        first = walk[least]
        if where[v, 0] < where[first, 0] or (where[v, 0] == where[first, 0] and where[v, 1] < where[first, 1]):
            least = m
        if of[v, _ON_ROW] and (extreme < 0 or where[v, 0] < where[extreme, 0]):
            extreme = v
        m += 1
        u = of[v, _NEXT]
        if u >= 0 and of[u, _TAG] != of[v, _TAG]:
            start = m
        if u < 0 or u == seed:
            break
        v = u
    open_ = of[seed, _LED] == 0
    record = out[1][number]
    record[BEGIN] = total
    if not open_ and start < 0 and m < _SMALL:
        for n in range(m):
            xy[total + n, 0], xy[total + n, 1] = where[walk[n], 0], where[walk[n], 1]
        total += m
    else:
        total = _straighten(walk, 0 if open_ else least if start < 0 else start, m, room, xy, total)
    record[ENTER_AT] = record[LEAVE_AT] = -1
    if open_:
        record[ENTER_AT] = _edge(where[seed], of[seed, _ENTER], corner, columns)
        record[LEAVE_AT] = _edge(where[v], of[v, _LEAVE], corner, columns)
    record[WEST], record[HOLE] = extreme, seed  # crossings still
    west[number] = where[extreme, 0] if extreme >= 0 else np.inf
    count[0], count[1] = total, number + 1


@kernel
def _march(  # noqa: C901
    task: tuple[I64, I64, I64],
    drawn: tuple[F64, F64, U8, U8],
    columns: int,
    room: tuple[Any, ...],
    out: tuple[F64, I64, F64, I32],
) -> tuple[int, int]:
    """Find the borders in some blocks, one after the other; return how many vertices and chains they have."""
    blocks, begin, which = task
    where, of, east, field, first, since = room[1], room[2], room[4], room[6], room[7], room[8]
    chains, beyond = out[1], out[3]
    corner, count, value = room[10]
    for b in range(len(blocks)):
        corner[0], corner[1] = blocks[b, 0] * BLOCK - 1, blocks[b, 1] * BLOCK - 1
        planes = _measure(which[begin[b] : begin[b + 1]], drawn, corner, field, first, since)
        crossings, crossed = _cross(corner, field, first, planes, room)
        _follow(first, crossed, room, value)
        before = count[1]
        for goes_round in (0, 1):  # first the chains that leave the block: what is left are rings
            for v in range(crossings):
                if of[v, _CHAIN] < 0 and of[v, _LED] == goes_round:
                    _chain(v, corner, columns, room, out, count)
        for n in range(before, count[1]):
            v, plane = chains[n, WEST], of[chains[n, HOLE], _PLANE]
            chains[n, SINCE], chains[n, UNTIL], chains[n, BLOCK_OF] = since[plane], since[plane + 1], b
            if v >= 0:
                chains[n, HOLE], chains[n, ROW] = of[v, _GAP], np.int64(where[v, 1]) - corner[1] - 1
                chains[n, WEST] = of[of[v, _BESIDE], _CHAIN] if of[v, _BESIDE] >= 0 else -1
        beyond[b] = -1
        for j in range(BLOCK):
            for k in range(planes):
                if east[j, k] >= 0:
                    beyond[b, j, since[k] : since[k + 1]] = of[east[j, k], _CHAIN]
    return count[0], count[1]


def find_chains(
    task: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], drawn: Any, bands: int, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    """Return the vertices of all borders in some blocks, and the chains that they make.

    Parameters
    ----------
    task
        Column and row of each block, where its strokes begin, and the strokes.
    drawn
        Ends, radius, shape and band of all strokes, in cells.
    bands
        How many there are.
    columns
        Nodes in a row of the grid.

    Returns
    -------
    xy
        ``(n, 2)`` cells from the origin.
    chains
        ``(c, 9)`` of each chain: its first vertex; the bands that have it, since and until; the edges of the grid
        where it comes into its block and leaves it, -1 of a ring; its block; of the crossing of a row in the farthest
        west, whether the area lies to the west of it, which row of the block it is, and the chain that comes next to
        the west on it, -1 if that is in another block.
    west
        ``(c,)`` where the chain is in the farthest west on a row; infinite if it crosses none.
    beyond
        ``(b, rows, bands)`` the chain in the farthest east on each row of a block, -1 where there is none.
    """
    most = 3 * BLOCK * BLOCK * bands  # the system gives memory only where it is written to
    ends = most // 6 + 4 * (BLOCK + 1) * bands
    room = (
        np.empty((3, _NODES, _NODES), np.int32),
        np.empty((most, 2)),
        np.empty((most, _CHAIN + 1), np.int32),
        np.empty(bands, np.int32),
        np.empty((BLOCK, bands), np.int32),
        np.empty(most, np.int32),
        np.empty((bands, _NODES, _NODES), np.float32),
        np.empty((_NODES, _NODES), np.uint8),
        np.empty(bands + 1, np.int64),
        np.empty(BLOCK * BLOCK, np.int64),
        (np.empty(2, np.int64), np.zeros(2, np.int64), np.empty(4, np.int64)),
    )
    out = (
        np.empty((most * len(task[0]), 2)),
        np.zeros((ends * len(task[0]), WEST + 1), np.int64),
        np.empty(ends * len(task[0])),
        np.empty((len(task[0]), BLOCK, bands), np.int32),
    )
    vertices, chains = _march(task, drawn, columns, room, out)
    return out[0][:vertices].copy(), out[1][:chains].copy(), out[2][:chains].copy(), out[3]
