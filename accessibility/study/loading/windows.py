"""People of a raster of any size, some rows of cells at a time: what `people` holds at once lies on the disk here.

Cells are dealt to windows of so many rows as they are read; each window is then placed, put into districts and given
its settings alone. Only sums are held: people of each district, of each cell of the settlement's grid, left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, transform
from accessibility.settlement import REACH_M, PeopleGrid, km_cells, to_grid
from accessibility.sources.areas import locate
from accessibility.sources.cache import HELD, Blocks, Heaps
from accessibility.sources.raster.cells import (
    Beyond,
    join_groups,
    parts_a_side,
    refuse_coarse,
    refuse_other_grid,
    split_cells,
    told_above,
    told_split,
)
from accessibility.sources.raster.reading import survey_cells
from accessibility.study.loading.cells import Around, Border, LeftOut, in_equal_parts
from accessibility.study.loading.context import is_raster, study_bounds
from accessibility.study.loading.people import refuse_idle_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.errors import Finding
    from accessibility.geo.projection import Bounds
    from accessibility.sources.raster.reading import Cells, CellSurvey
    from accessibility.study.loading.context import Loading

ROWS = 64
"""Rows of cells of a window."""
_CELL = [("row", "<i4"), ("column", "<i4"), ("people", "<f8")]
_NO_CELL = np.iinfo(np.int32).min  # of the settlement's grid


@dataclass(kw_only=True, eq=False)
class _Dealt:
    """The cells of one raster, dealt to windows."""

    survey: CellSurvey
    heaps: Heaps
    counts: Counter[int]

    @classmethod
    def of(cls, load: Loading, path: Path, bounds: Bounds | None, band: int | None, name: str) -> _Dealt:
        heaps, counts = Heaps(load.scratch / f"cells {name}", _CELL), Counter[int]()  # type: ignore[operator]
        unit = load.settings.inputs.population.unit
        strips = survey_cells(path, bounds_lonlat=bounds, band=band, unit=unit)
        for survey, row, column, people in strips:  # noqa: B007 -- which has seen all when there are no more
            window = row // ROWS
            heaps.add(window, row=row, column=column, people=people)
            numbers, count = np.unique(window, return_counts=True)
            counts.update(dict(zip(numbers.tolist(), count.tolist(), strict=True)))
        return cls(survey=survey, heaps=heaps, counts=counts)

    def side_m(self) -> float:
        """Return the side of the cell in the middle of all."""
        at = self.survey.count // 2
        for window in sorted(self.counts):
            if at < self.counts[window]:
                middle = self.heaps.take(window, keep=True)[at : at + 1]
                return self.survey.side_m(middle["row"], middle["column"])
            at -= self.counts[window]
        raise AssertionError

    def take(self, window: int, side_m: float) -> Cells:
        rows = self.heaps.take(window)
        return self.survey.cells(rows["row"], rows["column"], rows["people"], side_m)


@dataclass(kw_only=True, eq=False)
class WindowedPeople:
    """People of a raster as they lie on the disk, in blocks of cells that follow each other."""

    # `row` and `column` of each cell, `population`, `groups`, `lonlat`, its `district` and the `km` cell
    # of the settlement's grid
    blocks: Blocks
    groups: tuple[str, ...]  # names of the groups
    split: int  # into how many rows and columns the cells of the file were split
    area: gpd.GeoDataFrame | None
    around: Around | None  # people around them, for the settlement
    numbers: list[int] = field(default_factory=list)  # of the blocks
    counted: NDArray[np.float64]  # (k,) people of each district
    lives: bool = False  # whether anybody lives inside
    _low: NDArray[np.float64] = field(default_factory=lambda: np.full(2, np.inf))
    _high: NDArray[np.float64] = field(default_factory=lambda: np.full(2, -np.inf))
    _cells: list[NDArray[np.intp]] = field(default_factory=list)
    left: LeftOut | None = None  # who lives in no district, those around among them
    in_none: tuple[int, float] = (0, 0.0)  # how many rows and people have no place, and so no district, and count

    @property
    def lonlat(self) -> NDArray[np.float64]:
        """Two corners of a box around all, in degrees."""
        return np.stack([self._low, self._high])

    @property
    def columns(self) -> dict[str, Any]:
        """None that a table would have."""
        return {}

    def add(self, cells: Cells, groups: dict[str, NDArray[np.float64]]) -> None:
        """Place some cells and keep them."""
        lonlat, people = transform(cells.xy, cells.crs, WGS84), cells.population
        district = np.full(len(people), -1) if self.area is None else locate(lonlat, self.area)
        told: dict[str, NDArray[Any]] = {"lonlat": lonlat, "population": people, "district": district.astype(np.int32)}
        named = np.column_stack([*groups.values()]) if groups else np.empty((len(people), 0))
        self.put(row=cells.row, column=cells.column, groups=named, **told)
        self._low = np.fmin(self._low, np.fmin.reduce(lonlat))
        self._high = np.fmax(self._high, np.fmax.reduce(lonlat))
        inside = self.inside(told)
        self.lives |= bool((people[inside] > 0).any())
        if self.area is None:
            return
        np.add.at(self.counted, district[district >= 0], people[district >= 0])
        none = inside & (district < 0) & (people > 0)
        self.in_none = (self.in_none[0] + int(none.sum()), self.in_none[1] + float(people[none].sum()))
        if self.left is not None:
            self.left.meet(lonlat, people, district < 0)

    def put(self, **block: NDArray[Any]) -> None:
        """Keep a block."""
        flat = to_grid(block["lonlat"], WGS84)
        km, placed = np.full(flat.shape, _NO_CELL, np.int32), finite_rows(flat)
        km[placed] = km_cells(flat[placed])
        self._meet(km[placed])
        self.numbers.append(len(self.numbers))
        self.blocks.put(self.numbers[-1], **block, km=km)

    def _meet(self, km: NDArray[Any]) -> None:
        if len(km):
            corners = np.concatenate([*self._cells, km])
            self._cells = [np.stack([corners.min(axis=0), corners.max(axis=0)]).astype(np.intp)]

    def grid(
        self, population_of: Callable[[dict[str, NDArray[Any]]], NDArray[np.float64]]
    ) -> tuple[PeopleGrid | None, tuple[int, float]]:
        """Return everybody by cell of the settlement's grid, and how many rows and people have no place in it."""
        beyond = np.empty((0, 2), np.intp)
        if self.around is not None:
            beyond = km_cells(to_grid(self.around.lonlat, WGS84))
            self._meet(beyond)
        grid = PeopleGrid.between(*self._cells[0]) if self._cells else None
        rows, people = 0, 0.0
        for number in self.numbers:
            block = self.blocks.take(number)
            population, placed = population_of(block), in_grid(block["km"])
            rows, people = rows + int((~placed).sum()), people + float(population[~placed].sum())
            if grid is not None:
                grid.add(block["km"][placed], population[placed])
        if grid is not None and self.around is not None:
            grid.add(beyond, self.around.population)
        return grid, (rows, people)

    def inside(self, block: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Return whether cells count; those without a place always do."""
        if self.area is None:
            return np.ones(len(block["district"]), np.bool_)
        inside: NDArray[np.bool_] = (block["district"] >= 0) | ~finite_rows(block["lonlat"])
        return inside


def in_grid(km: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which of ``(n, 2)`` cells of the settlement's grid there are; places off the Earth have none."""
    found: NDArray[np.bool_] = km[:, 0] != _NO_CELL
    return found


def reads_windows(load: Loading) -> bool:
    """Return whether the people of a study are read in windows: those of a raster, where streets lie on the disk."""
    table = load.settings.inputs.population
    plain = table.path is not None and is_raster(load.file(table.path)) and table.split_cells != "buildings"
    return plain and load.scratch is not None


def read_windows(load: Loading, area: gpd.GeoDataFrame | None) -> tuple[WindowedPeople, list[Finding]]:
    """Return what `load_people` returns of a raster of any size, on the disk."""
    table = load.settings.inputs.population
    path = load.file(table.path)  # type: ignore[arg-type]  # or nobody would call
    refuse_idle_keys(table, path)
    bounds, wide = (study_bounds(area, None, margin_m) for margin_m in (0.0, REACH_M))
    dealt = _Dealt.of(load, path, bounds, table.band, "of all")
    side_m = dealt.side_m()
    findings = dealt.survey.told(side_m)
    files = {group: load.file(Path(file)) for group, file in table.groups.items()}
    of_groups: dict[str, _Dealt] = {}
    for group, file in files.items():
        of_groups[group] = _Dealt.of(load, file, bounds, None, f"of group {len(of_groups)}")
        findings += [f for f in of_groups[group].survey.told(side_m) if f.code != "coarse-cells"]
        refuse_other_grid(dealt.survey, of_groups[group].survey, file.name, path.name)
    none = np.empty(0, np.int32)
    nobody = dealt.survey.cells(none, none, none, side_m)
    split = 1 if table.split_cells is None else parts_a_side(nobody, table.split_cells)  # type: ignore[arg-type]
    around = None if area is None or wide is None else _around(load, path, wide, dealt.survey, area)
    people = WindowedPeople(
        blocks=Blocks(load.scratch / "people"),  # type: ignore[operator]  # or nobody would call
        groups=tuple(files),
        split=split,
        area=area,
        around=around,
        counted=np.zeros(0 if area is None else len(area)),
        left=None if area is None else LeftOut(area),
    )
    above, count, total = Counter[str](), 0, 0.0
    for window in sorted({number for one in (dealt, *of_groups.values()) for number in one.counts}):
        cells = dealt.take(window, side_m)
        groups: dict[str, NDArray[np.float64]] = {}
        if files:
            cells, groups, more = join_groups(cells, {g: one.take(window, side_m) for g, one in of_groups.items()})
            above.update(more)
        count, total = count + len(cells), total + cells.total_people
        step = max(HELD // split**2, 1)
        for at in range(0, len(cells), step):
            some = np.zeros(len(cells), np.bool_)
            some[at : at + step] = True
            part = {group: values[some] for group, values in groups.items()}
            people.add(*in_equal_parts(cells.of(some), part, table.split_cells, path.name)[:2])
    if people.left is not None and around is not None:
        people.left.meet(around.lonlat, around.population, np.ones(len(around.population), np.bool_))
    findings += told_above({group: file.name for group, file in files.items()}, above)
    if split > 1:
        parts, _ = split_cells(nobody, table.split_cells, path.name)  # type: ignore[arg-type]
        findings = [f for f in findings if f.code != "coarse-cells"]
        findings.append(told_split(parts, count, total, path.name))
        nobody = parts
    if load.settings.standard.standard.has_walk:
        refuse_coarse(nobody, path.name)
    return people, findings


def _around(load: Loading, path: Path, wide: Bounds, near: CellSurvey, area: gpd.GeoDataFrame) -> Around:
    table, beyond, border = load.settings.inputs.population, Beyond(), Border(area, near.crs)
    for survey, row, column, people in survey_cells(path, bounds_lonlat=wide, band=table.band, unit=table.unit):
        cells, out = survey.cells(row, column, people, 0.0), near.beyond(row, column)
        border.meet(cells)
        if out.any():
            beyond.meet(cells.of(out))
    return Around(lonlat=beyond.lonlat, population=beyond.people, border=border.people)
