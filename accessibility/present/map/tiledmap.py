"""The map of an area that is measured in tiles: the same page, its people as pictures at every zoom."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accessibility.geo.projection import mercator
from accessibility.measures.surface import Places
from accessibility.present.language import count
from accessibility.present.map.coverage_map import draw_sheet, write_map
from accessibility.present.map.legends import Proposal, hidden_notes
from accessibility.present.map.overlays import PeopleClasses, classify_people, has_rural, whom_of
from accessibility.present.map.sheets import MapSheet
from accessibility.present.pages import Extent, png, read_tiles, tile_number, tiles_text, write_tiles
from accessibility.wording import cost_text, percent_sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.geo.projection import Bounds
    from accessibility.measures.coverage import Coverage
    from accessibility.present.language import MapWords
    from accessibility.present.map.legends import Lines, MapCaption
    from accessibility.present.map.outlines import Backdrop

    _Sums = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]

PAGE, DETAIL = "coverage.html", "coverage.pmtiles"
"""The map, and what it reads where not everything stands inside."""
_MAX_INSIDE = 6_000_000  # bytes of tiles in a page
_MAX_SITES = 20_000  # markers in a page


@dataclass(frozen=True, kw_only=True, eq=False)
class _Drawn:
    """People as they lie in tiles."""

    layers: tuple[PeopleClasses, ...]  # the ways to colour them
    bounds: Bounds  # where they are
    cell_m: float  # metres of the square of each
    unplaced: float  # people without a place
    deepest: int  # the deepest zoom
    archive: bytes  # the tiles that stand inside
    is_whole: bool  # whether these are all


@dataclass(frozen=True, kw_only=True, eq=False)
class Opening:
    """Which sites should open in an area of tiles."""

    table: pd.DataFrame  # the sites in opening order, with the columns of `sites.csv`
    # cost, covered, bound, gap: what they cost, the people covered then, the most that any plan covers, and how far
    # that may be, 0 to 1
    cost: float
    covered: float
    bound: float
    gap: float
    cost_unit: str = ""  # what a cost is counted in

    def lines(self, words: MapWords) -> Lines:
        """Return what a page says of it."""
        said = {"n": count(len(self.table)), "covered": count(self.covered), "bound": count(self.bound)}
        cost = words.by_language(lambda language: cost_text(self.cost, self.cost_unit, language))
        gap = words.by_language(lambda language: percent_sign(f"{100 * self.gap:.2f} %", language))
        return words.lines("opening", **said, cost=cost, gap=gap)


@dataclass(frozen=True, kw_only=True, eq=False)
class _TiledSheet(MapSheet):
    """What the map of tiles shows: a `MapSheet` whose people are drawn already."""

    tiled: _Drawn
    opening: Opening | None = None
    script: ClassVar[str] = "pyramid.js"
    script_words: ClassVar[tuple[str, ...]] = ("finer", "not_tiles")

    @cached_property
    def layers(self) -> tuple[PeopleClasses, ...]:
        return self.tiled.layers

    @cached_property
    def places(self) -> Places:
        return Places(lonlat=np.empty((0, 2)), cell_m=self.tiled.cell_m, grid=True)

    @cached_property
    def picture(self) -> None:
        return None

    @cached_property
    def edited(self) -> list[dict[str, Any]]:
        return []

    @cached_property
    def outlines(self) -> tuple[dict[str, Any] | None, Bounds]:
        return (None, self.tiled.bounds) if self.backdrop.districts is None else super().outlines

    @cached_property
    def people(self) -> dict[str, Any]:
        return {
            "archive": base64.b64encode(self.tiled.archive).decode("ascii"),
            "file": None if self.tiled.is_whole else DETAIL,
            "deepest": self.tiled.deepest,
            "layers": [{"name": layer.name, "colours": layer.colours, "labels": layer.labels} for layer in self.layers],
        }

    @cached_property
    def opened(self) -> pd.DataFrame | None:
        return super().opened if self.opening is None else self.opening.table

    @property
    def opened_lines(self) -> Lines:
        return [] if self.opening is None else self.opening.lines(self.words)

    def draws(self, sites: int) -> bool:
        return sites <= _MAX_SITES

    @property
    def notes(self) -> list[tuple[str, str]]:
        points = count(len(self.coverage.demand.population))
        notes = self.words.lines("tiled", points=points, metres=f"{self.tiled.cell_m:,.0f}")
        sites, opened = len(self.coverage.sites), 0 if self.opened is None else len(self.opened)
        left_out = sum(n for n in (sites, opened) if not self.draws(n))
        if left_out:
            notes += self.words.lines("not_drawn_sites", n=count(left_out))
        notes += hidden_notes((), self.words, unplaced=self.tiled.unplaced, hidden={})
        return [*notes, *self.words.lines("method"), *self.words.lines("north")]


@dataclass(frozen=True, kw_only=True, eq=False)
class TiledMap:
    """The map of an area whose people are too many to be held."""

    caption: MapCaption  # title, date, language, sources
    backdrop: Backdrop  # districts with their figures
    # which sites should open, as a plan with its proof or in figures; None where nobody asked.
    opening: Opening | Proposal | None = None

    def write(self, coverage: Coverage, parts: Iterable[Coverage], aside: Path, folder: Path) -> list[str]:
        """Write the page, and its details where not all of them fit into it; return the names of the files.

        Parameters
        ----------
        coverage
            The figures of the whole: headline, rules and sites.
        parts
            Its people, some at a time; each answers what the classes of a map ask of a coverage. Nothing is written
            where there are none.
        aside
            An empty folder for what is written aside.
        folder
            Where the files go.
        """
        tiled = _draw_people(coverage, parts, self.caption, aside, folder / DETAIL)
        if tiled is None:
            return []
        which = "proposal" if isinstance(self.opening, Proposal) else "opening"
        opening: dict[str, Any] = {which: self.opening}
        sheet = _TiledSheet(coverage=coverage, caption=self.caption, backdrop=self.backdrop, tiled=tiled, **opening)
        write_map(draw_sheet(sheet), folder / PAGE)
        return [PAGE] if tiled.is_whole else [PAGE, DETAIL]


def _draw_people(
    coverage: Coverage, parts: Iterable[Coverage], caption: MapCaption, aside: Path, path: Path
) -> _Drawn | None:
    """Return the people of all parts as tiles; all of these lie in a file where they do not fit into a page."""
    words, rural = caption.words, has_rural(coverage)
    pyramid: Pyramid | None = None
    layers: tuple[PeopleClasses, ...] = ()
    sums: list[NDArray[np.float64]] = []
    boxes: list[NDArray[np.float64]] = []
    unplaced = 0.0
    for part in parts:
        lonlat, people = part.demand.lonlat, part.demand.population
        found = classify_people(part, words, rural=rural)
        if pyramid is None:
            cell_m = Places.of_points(lonlat).cell_m
            deepest = deepest_zoom(cell_m, float(np.nanmean(lonlat[:, 1])))
            pyramid = Pyramid(folder=aside, deepest=deepest, cell_m=cell_m, classes=tuple(len(x.labels) for x in found))
            layers, sums = found, [np.zeros(len(layer.labels)) for layer in found]
        pyramid.add(lonlat, people, [layer.of for layer in found])
        for layer, total in zip(found, sums, strict=True):
            shown = layer.of >= 0
            np.add.at(total, layer.of[shown], layer.population[shown])  # one after the other, whatever the parts
        boxes.append(np.concatenate([np.nanmin(lonlat, axis=0), np.nanmax(lonlat, axis=0)]))
        unplaced += float(people[~np.isfinite(lonlat).all(axis=1)].sum())
    if pyramid is None:
        return None
    whole = tuple(
        replace(_in_sums(layer, total), whom=whom)
        for layer, total, whom in zip(layers, sums, whom_of(coverage, words), strict=False)
    )
    box = np.array(boxes)
    bounds: Bounds = (*box[:, :2].min(axis=0).tolist(), *box[:, 2:].max(axis=0).tolist())
    about = {
        "name": caption.title,
        "attribution": "; ".join(caption.sources),
        "type": "overlay",
        "version": caption.date,
    }
    extent = Extent(zooms=(0, pyramid.deepest), bounds=bounds, about=about)
    sizes = write_tiles(path, pyramid.tiles(whole), extent)
    inside = _zooms_inside(sizes, pyramid.deepest)
    is_whole = inside == pyramid.deepest
    end = tile_number(inside + 1, 0, 0)
    archive = tiles_text(takewhile(lambda tile: tile[0] < end, read_tiles(path)), replace(extent, zooms=(0, inside)))
    if is_whole:
        path.unlink()
    return _Drawn(
        layers=whole,
        bounds=bounds,
        cell_m=pyramid.cell_m,
        unplaced=unplaced,
        deepest=pyramid.deepest,
        archive=archive,
        is_whole=is_whole,
    )


def _in_sums(layer: PeopleClasses, people: NDArray[np.float64]) -> PeopleClasses:
    """Return a way to colour people of whom the sums of the classes are known and no more: one stands for each."""
    return replace(layer, of=np.arange(len(people), dtype=np.int8), population=people, shaded=False)


def _zooms_inside(sizes: Mapping[int, int], deepest: int) -> int:
    """Return the deepest zoom that fits into a page with those before it."""
    ends = [tile_number(zoom + 1, 0, 0) for zoom in range(deepest + 1)]
    zoom = np.searchsorted(ends, [*sizes], side="right")
    bytes_of = np.cumsum(np.bincount(zoom, weights=[*sizes.values()], minlength=deepest + 1))
    return max(int(np.searchsorted(bytes_of, _MAX_INSIDE, side="right")) - 1, 0)


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
