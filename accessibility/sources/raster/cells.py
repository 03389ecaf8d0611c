"""Cells of a raster as places where people live: groups beside the people, and cells too large for a walk."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from accessibility.errors import Finding, InputError
from accessibility.geo.projection import WGS84, transform
from accessibility.settlement import CELL_M, GRID, to_grid
from accessibility.sources.raster.reading import Cells, read_population_raster

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.geo.projection import Bounds
    from accessibility.sources.raster.meaning import Unit
    from accessibility.sources.raster.reading import CellSurvey

MAX_PARTS = 100_000_000
_FAR = 2**31  # no raster has so many rows or columns
WALKABLE_CELL_M = 400.0  # above, a walk of fifteen minutes is not judged at all

# Share of people on the wrong side of a 15-minute walk when all of a cell live at its centre, by side of the cell:
# random outlets, 0.3 to 1 a km².
_SIDE_M = (100.0, 250.0, 500.0, 1_000.0)
_MISJUDGED = (0.022, 0.055, 0.105, 0.185)
_SAME_GRID = 1e-6  # of a cell


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """People of cells at places."""

    # ids, lonlat, population: (n,), (n, 2) WGS 84 degrees and (n,) people
    ids: NDArray[np.object_]
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    groups: Mapping[str, NDArray[np.float64]]  # name to the (n,) people of that group


def place_cells(cells: Cells, groups: Mapping[str, NDArray[np.float64]]) -> Placed:
    """Return the people of each cell at its centre."""
    lonlat = transform(cells.xy, cells.crs, WGS84)
    return Placed(ids=cells.ids, lonlat=lonlat, population=cells.population, groups=groups)


def cells_at(cells: Cells, lonlat: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the row of the cell that each ``(k, 2)`` place in degrees lies in, -1 in none."""
    a, _, c, _, e, f = cells.geotransform
    xy = transform(lonlat, WGS84, cells.crs)
    column, row = np.floor((xy[:, 0] - c) / a), np.floor((xy[:, 1] - f) / e)
    inside = np.isfinite(column + row) & (np.minimum(column, row) >= 0) & (np.maximum(column, row) < _FAR)
    found: NDArray[np.intp] = np.full(len(xy), -1, dtype=np.intp)
    asked = row[inside].astype(np.int64) * _FAR + column[inside].astype(np.int64)
    found[inside] = pd.Index(_keys(cells)).get_indexer(pd.Index(asked))
    return found


@dataclass(kw_only=True, eq=False)
class Beyond:
    """People of cells of whom nothing is asked but how many live about where, added up as they are met.

    They stand at the middles of quarters of the settlement grid's cells: enough to classify it, or one half a cell off.
    """

    # quarters, people: (k, 2) places of the quarters that hold somebody, in order, and their (k,) people
    quarters: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    people: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def meet(self, cells: Cells) -> None:
        """Add the people of some cells."""
        quarter = np.floor(to_grid(cells.xy, cells.crs) / (CELL_M / 2))
        known = np.isfinite(quarter).all(axis=1)
        people = np.append(self.people, cells.population[known])
        self.quarters, of = np.unique(np.vstack([self.quarters, quarter[known]]), axis=0, return_inverse=True)
        self.people = np.bincount(of.ravel(), weights=people, minlength=len(self.quarters)).astype(np.float64)

    @property
    def lonlat(self) -> NDArray[np.float64]:
        """``(k, 2)`` degrees of the quarters."""
        return transform((self.quarters + 0.5) * (CELL_M / 2), GRID, WGS84)


def gather_beyond(wide: Cells, near: Cells) -> Beyond:
    """Return where people of `wide` live that are not in `near`, and how many live there."""
    found = Beyond()
    found.meet(wide.of(~np.isin(_keys(wide), _keys(near))))
    return found


def misjudged_share(cell_m: float) -> float:
    """Return about which share of people a 15-minute walk is misjudged for, where cells have this side in metres.

    Examples
    --------
    >>> misjudged_share(500)
    0.105
    """
    return float(np.interp(cell_m, _SIDE_M, _MISJUDGED))


def refuse_coarse(cells: Cells, source: str) -> None:
    """Raise `InputError` where cells are too large for a walking rule."""
    if cells.cell_m > WALKABLE_CELL_M:
        wrong, least = (round(100 * misjudged_share(side_m)) for side_m in (cells.cell_m, _SIDE_M[0]))
        msg = (
            f"{source}: cells of {cells.cell_m:,.0f} m misjudge a walk of 15 minutes for about {wrong} % of people "
            f"(100 m: {least} %); expected at most {WALKABLE_CELL_M:.0f} m for a walking rule; take a finer raster, or "
            "share people over smaller cells, population = { split_cells = 100 }, or over the buildings inside, "
            'split_cells = "buildings"'
        )
        raise InputError(msg)


def parts_a_side(cells: Cells, size_m: float) -> int:
    """Return into how many rows and columns a cell is split for parts of about this size; 1 leaves it whole."""
    return max(1, round(cells.cell_m / size_m))


def split_cells(cells: Cells, size_m: float, source: str) -> tuple[Cells, list[Finding]]:
    """Return each cell as rows and columns of smaller ones of about `size_m`, its people shared equally.

    The people of each cell, and so all people, stay the same. Cells already as small stay as they are.

    Raises
    ------
    InputError
        More parts than `MAX_PARTS`.
    """
    k = parts_a_side(cells, size_m)
    if k == 1:
        return cells, []
    if len(cells) * k**2 > MAX_PARTS:
        msg = (
            f"{source}: split_cells = {size_m:g} makes {len(cells) * k**2:,} parts of {len(cells):,} cells; "
            f"expected at most {MAX_PARTS:,}; take larger parts"
        )
        raise InputError(msg)
    down, across = np.divmod(np.arange(k**2, dtype=np.int32), np.int32(k))
    a, b, c, d, e, f = cells.geotransform
    parts = replace(
        cells,
        row=(cells.row[:, None] * k + down).ravel(),
        column=(cells.column[:, None] * k + across).ravel(),
        population=np.repeat(cells.population / k**2, k**2),
        geotransform=(a / k, b, c, d, e / k, f),
        cell_m=cells.cell_m / k,
        parts=cells.parts * k,
    )
    return parts, [told_split(parts, len(cells), cells.total_people, source)]


def told_split(parts: Cells, count: int, people: float, source: str) -> Finding:
    """Return the finding on so many cells with so many people, of which some parts are given."""
    message = (
        f"{count:,} cells of {parts.cell_m * parts.parts:,.0f} m split into {parts.parts} by {parts.parts} of "
        f"{parts.cell_m:,.0f} m, people shared equally: where in the cell they live is not known"
    )
    return Finding(code="split-cells", source=source, message=message, count=count, people=people)


def read_groups(
    cells: Cells, files: Mapping[str, Path], *, bounds_lonlat: Bounds | None, unit: Unit, source: str
) -> tuple[Cells, dict[str, NDArray[np.float64]], list[Finding]]:
    """Return the cells that hold people or a group, the people of each group there, and what was found.

    Parameters
    ----------
    cells
        All people.
    files
        Raster of each group, on the same grid, of one band.
    bounds_lonlat, unit
        As `cells` were read.
    source
        The file of all people, for messages.

    Raises
    ------
    InputError
        Another grid than that of all people, and whatever `read_population_raster` refuses.
    """
    read, findings = {}, []
    for group, path in files.items():
        read[group], found = read_population_raster(path, bounds_lonlat=bounds_lonlat, unit=unit)
        findings += [finding for finding in found if finding.code not in ("coarse-cells", "part-by-name")]
        refuse_other_grid(cells, read[group], path.name, source)
    whole, groups, more = join_groups(cells, read)
    return whole, groups, findings + told_above({group: files[group].name for group in files}, more)


def join_groups(
    cells: Cells, read: Mapping[str, Cells]
) -> tuple[Cells, dict[str, NDArray[np.float64]], dict[str, int]]:
    """Return the cells that hold people or a group, each group there, and how many cells hold more of it than people.

    Parameters
    ----------
    cells, read
        All people, and each group, on the same grid.
    """
    keys = np.unique(np.concatenate([_keys(part) for part in (cells, *read.values())]))
    people = _laid_out(cells, keys)
    groups = {group: _laid_out(part, keys) for group, part in read.items()}
    above = {group: int((inside > people * (1 + 1e-6)).sum()) for group, inside in groups.items()}  # grids of float32
    row, column = np.divmod(keys, _FAR)
    whole = replace(cells, row=row.astype(np.int32), column=column.astype(np.int32), population=people)
    return whole, groups, above


def told_above(files: Mapping[str, str], above: Mapping[str, int]) -> list[Finding]:
    """Return a finding for each group that is more than all people in so many cells, by the name of its file."""
    found = []
    for group, count in above.items():
        if count:
            message = f"{count} cells have more people in group {group!r} than people in all"
            found.append(Finding(code="group-above-population", source=files[group], message=message, count=count))
    return found


def refuse_other_grid(cells: Cells | CellSurvey, group: Cells | CellSurvey, name: str, source: str) -> None:
    """Raise `InputError` where the cells of a group are others than those of all people."""
    step = abs(cells.geotransform[0])
    if group.crs != cells.crs:
        found, expected = group.crs.name, cells.crs.name
    elif not np.allclose(group.geotransform, cells.geotransform, rtol=_SAME_GRID, atol=_SAME_GRID * step):
        found, expected = str(group.geotransform), str(cells.geotransform)
    else:
        return
    msg = f"{name}: a grid other than that of {source}: {found}; expected {expected}: the same cells for every group"
    raise InputError(msg)


def _keys(cells: Cells) -> NDArray[np.int64]:
    """Return one number a cell, in the order of rows and then columns."""
    keys: NDArray[np.int64] = cells.row.astype(np.int64) * _FAR + cells.column
    return keys


def _laid_out(cells: Cells, keys: NDArray[np.int64]) -> NDArray[np.float64]:
    people = np.zeros(len(keys))
    people[np.searchsorted(keys, _keys(cells))] = cells.population
    return people
