"""The people of a study that come as a raster: their groups, and cells small enough for the study's rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.sources.osm import extracts as osm
from accessibility.sources.raster.cells import (
    Placed,
    gather_beyond,
    place_cells,
    read_groups,
    refuse_coarse,
    split_cells,
)
from accessibility.sources.raster.reading import read_population_raster
from accessibility.sources.spread import spread_cells
from accessibility.study.loading.context import is_osm

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.sources.checks import Finding
    from accessibility.sources.raster.reading import Cells
    from accessibility.study.loading.context import Bounds, Loading

_CUT = 0.999  # of a cell: a border along its edge does not cut it


@dataclass(frozen=True, kw_only=True, eq=False)
class Around:
    """People of a raster beyond the box of the study, who decide what is a town and are counted nowhere.

    Parameters
    ----------
    lonlat, population
        ``(k, 2)`` degrees and ``(k,)`` people.
    border
        People of the cells that the border of the area cuts: of those whose middle lies outside, and inside.
    """

    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    border: tuple[float, float]


def load_around(load: Loading, path: Path, bounds: Bounds, wide: Bounds, area: gpd.GeoDataFrame) -> Around:
    """Return the people of a raster inside `wide` and beyond `bounds`."""
    table = load.settings.inputs.population
    near, far = (
        read_population_raster(path, bounds_lonlat=box, band=table.band, unit=table.unit)[0] for box in (bounds, wide)
    )
    lonlat, population = gather_beyond(far, near)
    return Around(lonlat=lonlat, population=population, border=_on_the_border(far, area))


def _on_the_border(cells: Cells, area: gpd.GeoDataFrame) -> tuple[float, float]:
    whole = area.to_crs(cells.crs).union_all()
    border = whole.boundary
    a, _, _, _, e, _ = cells.geotransform
    half = np.abs([a, e]) / 2
    shapely.prepare([whole, border])
    near = np.flatnonzero(shapely.dwithin(border, shapely.points(cells.xy), np.hypot(*half)))
    xy, people = cells.xy[near], cells.population[near]
    squares = shapely.box(*(xy - _CUT * half).T, *(xy + _CUT * half).T)
    cut, inside = shapely.intersects(border, squares), shapely.intersects_xy(whole, xy)
    return float(people[cut & ~inside].sum()), float(people[cut & inside].sum())


def load_cells(load: Loading, path: Path, bounds: Bounds | None) -> tuple[Placed, list[Finding]]:
    """Return the people of the populated cells where they live, with their groups, and what was found.

    Raises
    ------
    InputError
        Cells too large for a walking rule of the study's standard, and nothing said about splitting them; cells to be
        split by buildings without an extract that has some.
    """
    table = load.settings.inputs.population
    cells, findings = read_population_raster(path, bounds_lonlat=bounds, band=table.band, unit=table.unit)
    groups: dict[str, NDArray[np.float64]] = {}
    if table.groups:
        files = {group: load.file(Path(file)) for group, file in table.groups.items()}
        cells, groups, more = read_groups(cells, files, bounds_lonlat=bounds, unit=table.unit, source=path.name)
        findings += more
    if table.split_cells == "buildings":
        placed, more = _over_buildings(load, path, cells, groups, bounds)
        return placed, _split(findings, more)
    if table.split_cells is not None:
        cells, groups, more = _in_equal_parts(cells, groups, table.split_cells, path.name)
        findings = _split(findings, more)
    if load.settings.standard.standard.has_walk:
        refuse_coarse(cells, path.name)
    return place_cells(cells, groups), findings


def _split(findings: list[Finding], more: list[Finding]) -> list[Finding]:
    """Return all findings; cells that were split are not too coarse any more."""
    return [finding for finding in findings if not (more and finding.code == "coarse-cells")] + more


def _in_equal_parts(
    cells: Cells, groups: dict[str, NDArray[np.float64]], size_m: float, source: str
) -> tuple[Cells, dict[str, NDArray[np.float64]], list[Finding]]:
    parts, findings = split_cells(cells, size_m, source)
    split = {
        group: split_cells(replace(cells, population=people), size_m, source)[0] for group, people in groups.items()
    }
    return parts, {group: part.population for group, part in split.items()}, findings


def _over_buildings(
    load: Loading, path: Path, cells: Cells, groups: dict[str, NDArray[np.float64]], bounds: Bounds | None
) -> tuple[Placed, list[Finding]]:
    buildings, found = load_buildings(load, path.name, bounds)
    placed, findings = spread_cells(cells, groups, buildings, source=path.name)
    return placed, findings + found


def load_buildings(load: Loading, source: str, bounds: Bounds | None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the buildings of the streets' extract inside `bounds`, over which the people of `source` are shared.

    Raises
    ------
    InputError
        Streets that are no extract.
    """
    if load.asked is not None or not is_osm(load.streets):
        msg = (
            f'{source}: split_cells = "buildings" reads them from the extract of the streets; expected network = '
            '{ path = "....osm.pbf" }, or split_cells = 100'
        )
        raise InputError(msg)
    return osm.read_buildings(load.extract(load.streets), bounds=bounds)
