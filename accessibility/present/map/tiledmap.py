"""The map of an area that is measured in tiles: the same page, its people as pictures at every zoom."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accessibility.measures.surface import Places
from accessibility.present.map.coverage_map import draw_sheet, write_map
from accessibility.present.map.legends import hidden_notes
from accessibility.present.map.outlines import count
from accessibility.present.map.overlays import PeopleClasses, classify_people, has_rural, whom_of
from accessibility.present.map.packing import Extent, read_tiles, tile_number, tiles_text, write_tiles
from accessibility.present.map.proposals import Proposal
from accessibility.present.map.pyramid import Pyramid, deepest_zoom
from accessibility.present.map.sheets import MapSheet
from accessibility.wording import cost_text, percent_sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.present.map.legends import Lines, MapCaption
    from accessibility.present.map.outlines import Backdrop, Bounds
    from accessibility.present.map.words import MapWords

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

    @property
    def draws_sites(self) -> bool:
        return len(self.coverage.sites) <= _MAX_SITES

    @property
    def notes(self) -> list[tuple[str, str]]:
        points = count(len(self.coverage.demand.population))
        notes = self.words.lines("tiled", points=points, metres=f"{self.tiled.cell_m:,.0f}")
        if not self.draws_sites:
            notes += self.words.lines("not_drawn_sites", n=count(len(self.coverage.sites)))
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
