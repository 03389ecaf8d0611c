"""People as pictures at every zoom: where there are too many for a page, in a file that it reads in ranges.

A pixel says of each way to colour people which class most of the people in it are of. People are written aside by
squares of the map and drawn one square after another, so that no more of them are held than live in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from accessibility.geo.projection import mercator
from accessibility.present.map.pmtiles import tile_number
from accessibility.present.pages import png

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.present.map.overlays import PeopleClasses

SIDE = 256
"""Pixels of a tile's side."""
_HALF = 6_378_137.0 * np.pi
_LEAST_ZOOM, _DEEPEST_ZOOM = 8, 13
_SQUARE = 6  # zooms from a square written aside to the deepest: 64 tiles a side
_PIXELS_PER_CELL = 2.0


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
    """People written aside by squares, to be drawn.

    Parameters
    ----------
    folder
        Where the squares lie; empty in the beginning.
    deepest
        The deepest zoom.
    cell_m
        Metres of a cell's side on the ground.
    classes
        How many classes each way to colour people has.
    """

    folder: Path
    deepest: int
    cell_m: float
    classes: tuple[int, ...]

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

        The value of a pixel is 1 and more, as `index_of` makes it of the classes; 0 is nobody. Its colour is that of
        the first way to colour people.

        Parameters
        ----------
        layers
            The ways to colour people, as many as were written aside, with their colours.
        """
        colours = self._palette(layers[0].colours)
        above: list[tuple[NDArray[np.int64], ...]] = []
        top = self.deepest - self._shift
        for path in sorted(self.folder.iterdir()):
            rows = np.fromfile(path, self._row)
            y, x = (int(part) for part in path.name.split("-"))
            for zoom in range(self.deepest, top - 1, -1):
                yield from self._drawn(self._sums(rows, zoom, (x, y)), zoom, colours)
            if top:
                own = rows[rows["home"]]
                at = self._own_pixels(own, top - 1)
                above.append(self._summed(at, own["of"], own["people"]))
        for zoom in range(top - 1, -1, -1):
            pixel, which, people = (np.concatenate(part) for part in zip(*above, strict=True))
            down = top - 1 - zoom
            side = SIDE << (top - 1)
            at = (pixel // side >> down) * (SIDE << zoom) + (pixel % side >> down)
            yield from self._drawn(_added_up(at, which, people), zoom, colours)

    def index_of(self, of: Sequence[int]) -> int:
        """Return the value of a pixel of these classes, -1 where a way to colour people does not show it."""
        index = 0
        for classes, one in zip(reversed(self.classes), reversed(of), strict=True):
            index = index * (classes + 1) + int(one) + 1
        return index

    def _palette(self, colours: Sequence[str]) -> list[str]:
        """Return a colour for every value of a pixel."""
        values = np.arange(int(np.prod(np.array(self.classes) + 1)))
        return [["#ffffff", *colours][value % (self.classes[0] + 1)] for value in values]

    def _own_pixels(self, rows: NDArray[np.void], zoom: int) -> NDArray[np.int64]:
        scale = 1 << (self.deepest - zoom)
        x, y = (np.floor(rows[axis] / scale).astype(np.int64) for axis in "xy")
        return y * (SIDE << zoom) + x

    def _sums(self, rows: NDArray[np.void], zoom: int, square: tuple[int, int]) -> tuple[NDArray[np.int64], ...]:
        """Return pixel, class and people of every pixel of a square that a cell covers: its centre, or the point."""
        scale, side = 1 << (self.deepest - zoom), SIDE << (zoom - self.deepest + self._shift)
        place = np.column_stack([rows["x"], rows["y"]]) / scale
        reach = rows["half"][:, None] / scale
        low = np.array(square) * side
        centre = np.floor(place).astype(np.int64)
        first = np.maximum(np.minimum(np.ceil(place - reach - 0.5).astype(np.int64), centre), low)
        last = np.minimum(np.maximum(np.ceil(place + reach - 0.5).astype(np.int64) - 1, centre), low + side - 1)
        found = []
        for right, down in product(*(range(int(n) + 1) for n in (last - first).max(axis=0, initial=-1))):
            at = first + np.array([right, down])
            inside = (at <= last).all(axis=1)
            pixel = at[inside, 1] * (SIDE << zoom) + at[inside, 0]
            found.append(self._summed(pixel, rows["of"][inside], rows["people"][inside]))
        if not found:
            return _added_up(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        return _added_up(*(np.concatenate(part) for part in zip(*found, strict=True)))

    def _summed(
        self, pixel: NDArray[np.int64], of: NDArray[np.int8], people: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], ...]:
        """Return pixel, class and people; the classes of one way to colour people follow those of the one before."""
        starts = np.cumsum([0, *self.classes])[:-1]
        shown = of >= 0
        parts = [
            (pixel[s], start + of[s, k].astype(np.int64), people[s])
            for k, start in enumerate(starts)
            for s in [shown[:, k]]
        ]
        return _added_up(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _drawn(self, sums: tuple[NDArray[np.int64], ...], zoom: int, colours: list[str]) -> Iterator[tuple[int, bytes]]:
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
            yield tile_number(zoom, number & (1 << zoom) - 1, number >> zoom), png(picture, colours)


def _added_up(
    pixel: NDArray[np.int64], which: NDArray[np.int64], people: NDArray[np.float64]
) -> tuple[NDArray[np.int64], ...]:
    """Return people of each pixel and class once."""
    key, index = np.unique(pixel * SIDE + which, return_inverse=True)
    return key // SIDE, key % SIDE, np.bincount(index, weights=people, minlength=len(key))
