"""People as pictures at every zoom: where there are too many for a page, in a file that it reads in ranges.

Zoomed in, a cell is drawn as it lies, over one with fewer people where they share pixels; zoomed out, a pixel says of
each way to colour people which class most of the people in it are of. People are written aside by squares of the map
and drawn one square after another, so that no more of them are held than live in one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from accessibility.geo.projection import mercator
from accessibility.present.map.packing import tile_number
from accessibility.present.pages import png

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.present.map.overlays import PeopleClasses

    _Sums = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]

SIDE = 256
"""Pixels of a tile's side."""
_HALF = 6_378_137.0 * np.pi
_LEAST_ZOOM, _DEEPEST_ZOOM = 8, 13
_SQUARE = 5  # zooms from a square written aside to the deepest: 32 tiles a side
_AS_CELLS = 2  # zooms at which cells are drawn as they lie
_PIXELS_PER_CELL = 2.0
_AT_ONCE = 1 << 16  # cells, of each of which some pixels are held


def deepest_zoom(cell_m: float, latitude: float) -> int:
    """Return the zoom at which a cell is two pixels wide.

    Examples
    --------
    >>> deepest_zoom(100, 30), deepest_zoom(1000, 30), deepest_zoom(1, 0)
    (12, 9, 13)
    """
    pixel = cell_m / np.cos(np.radians(latitude)) / _PIXELS_PER_CELL
    zoom = int(np.ceil(np.log2(2 * _HALF / SIDE / pixel)))
    return min(max(zoom, _LEAST_ZOOM), _DEEPEST_ZOOM)


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """People written aside by squares, to be drawn."""

    folder: Path  # where the squares lie; empty in the beginning
    deepest: int  # the deepest zoom
    cell_m: float  # metres of a cell's side on the ground
    classes: tuple[int, ...]  # how many classes each way to colour people has

    @property
    def _row(self) -> np.dtype[np.void]:
        fields = [(name, "<f8") for name in ("x", "y", "half", "people")]
        return np.dtype([*fields, ("home", "?"), ("of", "i1", (len(self.classes),))])

    @property
    def _shift(self) -> int:
        return min(_SQUARE, self.deepest)

    def add(self, lonlat: NDArray[np.float64], people: NDArray[np.float64], of: Sequence[NDArray[np.int8]]) -> None:
        """Write people aside.

        Parameters
        ----------
        lonlat
            ``(n, 2)`` degrees.
        people
            ``(n,)`` people; who is nobody is not drawn.
        of
            For each way to colour them ``(n,)`` their class; -1 where it does not show them.
        """
        shown = np.flatnonzero(np.isfinite(lonlat).all(axis=1) & (people > 0))
        pixel = 2 * _HALF / (SIDE << self.deepest)
        xy = (np.array([_HALF, _HALF]) + mercator(lonlat[shown]) * [1, -1]) / pixel
        rows = np.zeros(len(shown), self._row)
        rows["x"], rows["y"] = xy.T
        rows["half"] = self.cell_m / np.cos(np.radians(lonlat[shown, 1])) / 2 / pixel
        rows["people"], rows["home"] = people[shown], True
        rows["of"] = np.column_stack(of)[shown]
        square = (SIDE << self._shift) * np.ones(2)
        home = np.floor(xy / square).astype(np.int64)
        self._write(home, rows)
        # A cell on the border of its square is drawn in the others that it reaches into, too.
        rows["home"] = False
        reach = rows["half"][:, None] + 1
        side = (np.floor((xy + reach) / square) > home).astype(np.int64) - (np.floor((xy - reach) / square) < home)
        for axes in ((True, False), (False, True), (True, True)):
            other = home + np.where(axes, side, 0)
            there = ((other >= 0) & (other < 1 << (self.deepest - self._shift))).all(axis=1)
            reached = there & ((side != 0) | ~np.array(axes)).all(axis=1)
            self._write(other[reached], rows[reached])

    def _write(self, squares: NDArray[np.int64], rows: NDArray[np.void]) -> None:
        order = np.lexsort((squares[:, 0], squares[:, 1]))
        squares, rows = squares[order], rows[order]
        new = np.flatnonzero(np.any(np.diff(squares, axis=0, prepend=-1) != 0, axis=1))
        for first, last in pairwise([*new, len(rows)]):
            x, y = squares[first]
            with (self.folder / f"{y:05d}-{x:05d}").open("ab") as file:
                file.write(rows[first:last].tobytes())

    def tiles(self, layers: Sequence[PeopleClasses]) -> Iterator[tuple[int, bytes]]:
        """Yield number and PNG of every tile in which somebody is.

        The value of a pixel holds its class of each way to colour people, the first way in the lowest place and 0 where
        one does not show it; 0 is nobody. Its colour is that of the first way.

        Parameters
        ----------
        layers
            The ways to colour people, as many as were written aside, with their colours.
        """
        colours = self._palette(layers[0].colours)
        above: list[_Sums] = []
        top = self.deepest - self._shift
        for path in sorted(self.folder.iterdir()):
            rows = np.fromfile(path, self._row)
            y, x = (int(part) for part in path.name.split("-"))
            rows = rows[np.argsort(rows["people"], kind="stable")]
            for zoom in range(self.deepest, self.deepest - _AS_CELLS, -1):
                yield from self._cells(rows, zoom, (x, y), colours)
            own = rows[rows["home"]]
            sums = self._summed(own, self.deepest - _AS_CELLS)
            for zoom in range(self.deepest - _AS_CELLS, top - 1, -1):
                yield from self._drawn(sums, zoom, colours)
                sums = _halved(sums, zoom)
            above.append(sums)
        if not above:
            return
        pixel, which, people = (np.concatenate(part) for part in zip(*above, strict=True))
        sums = _added_up(pixel, which, people)
        for zoom in range(top - 1, -1, -1):
            yield from self._drawn(sums, zoom, colours)
            sums = _halved(sums, zoom)

    def _palette(self, colours: Sequence[str]) -> list[str]:
        """Return a colour for every value of a pixel."""
        values = np.arange(int(np.prod(np.array(self.classes) + 1)))
        return [["#ffffff", *colours][value % (self.classes[0] + 1)] for value in values]

    def _cells(
        self, rows: NDArray[np.void], zoom: int, square: tuple[int, int], colours: list[str]
    ) -> Iterator[tuple[int, bytes]]:
        """Yield the tiles of a square with every pixel whose centre a cell holds, or in which its point stands.

        Of rows in the order of their people the last one that holds a pixel is seen.
        """
        scale, side = 1 << (self.deepest - zoom), SIDE << (zoom - self.deepest + self._shift)
        canvas = np.zeros(side * side, np.uint8)
        for first in range(0, len(rows), _AT_ONCE):
            self._paint(canvas, rows[first : first + _AT_ONCE], scale, np.array(square) * side)
        tiles = canvas.reshape(side // SIDE, SIDE, side // SIDE, SIDE)
        for row, column in np.argwhere(tiles.any(axis=(1, 3))):
            at = np.array(square) * (side // SIDE) + [column, row]
            yield tile_number(zoom, *at.tolist()), _png(tiles[row, :, column], colours)

    def _paint(self, canvas: NDArray[np.uint8], rows: NDArray[np.void], scale: int, corner: NDArray[np.int64]) -> None:
        """Give the pixels of some cells their value on a canvas whose upper left pixel is a corner."""
        side = math.isqrt(len(canvas))
        place = np.column_stack([rows["x"], rows["y"]]) / scale - corner
        reach = rows["half"][:, None] / scale
        centre = np.floor(place).astype(np.int64)
        first = np.minimum(np.ceil(place - reach - 0.5).astype(np.int64), centre)
        last = np.maximum(np.ceil(place + reach - 0.5).astype(np.int64) - 1, centre)
        wide, tall = (int(n) + 1 for n in (last - first).max(axis=0, initial=-1))
        x, y = (
            first[:, k, None, None] + np.arange(n).reshape(shape)
            for k, n, shape in ((0, wide, (1, 1, -1)), (1, tall, (1, -1, 1)))
        )
        inside = (
            (x <= last[:, 0, None, None])
            & (y <= last[:, 1, None, None])
            & (x >= 0)
            & (y >= 0)
            & (x < side)
            & (y < side)
        )
        value = sum(
            (rows["of"][:, way].astype(np.int64) + 1) * int(factor)
            for way, factor in enumerate(np.cumprod([1, *(n + 1 for n in self.classes)])[:-1])
        )
        # Of an index that is repeated the last value is assigned: cell by cell, in the order of the rows.
        canvas[(y * side + x)[inside]] = np.broadcast_to(np.asarray(value, np.uint8)[:, None, None], inside.shape)[
            inside
        ]

    def _summed(self, rows: NDArray[np.void], zoom: int) -> _Sums:
        """Return pixel, class and people; the classes of one way to colour people follow those of the one before."""
        scale = 1 << (self.deepest - zoom)
        x, y = (np.floor(rows[axis] / scale).astype(np.int64) for axis in "xy")
        pixel, parts = y * (SIDE << zoom) + x, []
        for way, start in enumerate(np.cumsum([0, *self.classes])[:-1]):
            of = rows["of"][:, way].astype(np.int64)
            parts.append((pixel[of >= 0], start + of[of >= 0], rows["people"][of >= 0]))
        return _added_up(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _drawn(self, sums: _Sums, zoom: int, colours: list[str]) -> Iterator[tuple[int, bytes]]:
        """Yield the tiles of a zoom of which pixel, class and people are known."""
        pixel, which, people = sums
        starts = np.cumsum([0, *self.classes])
        way = np.searchsorted(starts, which, side="right") - 1
        order = np.lexsort((which, -people, way, pixel))
        pixel, which, way = pixel[order], which[order], way[order]
        best = np.append(True, (pixel[1:] != pixel[:-1]) | (way[1:] != way[:-1]))[: len(pixel)]
        factor = np.cumprod([1, *(n + 1 for n in self.classes)])[way[best]]
        at, index = np.unique(pixel[best], return_inverse=True)
        value = np.bincount(index, weights=factor * (which[best] - starts[way[best]] + 1), minlength=len(at)).astype(
            np.uint8
        )
        wide = SIDE << zoom
        y, x = at // wide, at % wide
        tile = (y // SIDE << zoom) + x // SIDE
        order = np.argsort(tile, kind="stable")
        new = np.flatnonzero(np.append(True, np.diff(tile[order]) != 0)[: len(tile)])
        for rows in np.split(order, new[1:]):
            if not len(rows):
                continue
            picture = np.zeros((SIDE, SIDE), np.uint8)
            picture[y[rows] % SIDE, x[rows] % SIDE] = value[rows]
            number = int(tile[rows[0]])
            yield tile_number(zoom, number & (1 << zoom) - 1, number >> zoom), _png(picture, colours)


def _added_up(pixel: NDArray[np.int64], which: NDArray[np.int64], people: NDArray[np.float64]) -> _Sums:
    """Return people of each pixel and class once."""
    key, index = np.unique(pixel * SIDE + which, return_inverse=True)
    total: NDArray[np.float64] = np.bincount(index, weights=people, minlength=len(key)).astype(np.float64)
    return key // SIDE, key % SIDE, total


def _halved(sums: _Sums, zoom: int) -> _Sums:
    """Return pixel, class and people at the zoom above."""
    pixel, which, people = sums
    wide = SIDE << zoom
    return _added_up((pixel // wide >> 1) * (wide >> 1) + (pixel % wide >> 1), which, people)


def _png(picture: NDArray[np.uint8], colours: list[str]) -> bytes:
    return png(picture, colours[: int(picture.max()) + 1], level=6)
