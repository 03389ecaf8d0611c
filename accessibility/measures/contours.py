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

from accessibility.geo.arrays import extent
from accessibility.measures.marching import (
    BEGIN,
    BLOCK,
    BLOCK_OF,
    ENTER_AT,
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
from accessibility.streets.search.compiling import kernel, run_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_BATCH = 128  # blocks a thread takes at a time


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
def _go_round(following, west, order, begin, ring, extreme):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
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
def _interpolate(at, known, found, weight):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
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
    """Chains of vertices, which bands share.

    Parameters
    ----------
    xy
        Vertices where they are to be drawn.
    many
        How many vertices each chain has.
    chains, west, beyond
        As `find_chains` tells, of all blocks.
    """

    xy: NDArray[np.float64]
    many: NDArray[np.int64]
    chains: NDArray[np.int64]
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
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    first = np.append(np.flatnonzero(~hole), len(hole))
    many = np.array([0, len(first) - 1])
    return shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, xy, (begin, first, many))[0]
