"""The people of a study that come as a raster, in cells small enough for its rules; and the settings of all people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd
import shapely

from accessibility.errors import Finding, InputError
from accessibility.geo.projection import WGS84
from accessibility.settlement import classify_settings, read_settings, settings_from_codes
from accessibility.sources.areas import locate, read_polygons
from accessibility.sources.osm import extracts as osm
from accessibility.sources.raster.cells import (
    Placed,
    gather_beyond,
    place_cells,
    read_groups,
    refuse_coarse,
    split_cells,
)
from accessibility.sources.raster.meaning import centres
from accessibility.sources.raster.reading import read_population_raster
from accessibility.sources.spread import spread_cells
from accessibility.study.loading.context import is_osm, people_source
from accessibility.study.schema import SettlementSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.geo.projection import Bounds
    from accessibility.settlement import Settlement
    from accessibility.sources.raster.reading import Cells
    from accessibility.study.loading.context import Loading

_SQUARE = 32  # cells
_CUT = 0.999  # of a cell: a border along its edge does not cut it


@dataclass(frozen=True, kw_only=True, eq=False)
class Around:
    """People of a raster beyond the box of the study, who decide what is a town and are counted nowhere."""

    # lonlat, population: (k, 2) degrees and (k,) people
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    # people of the cells that the border of the area cuts: of those whose middle lies outside, and inside
    border: tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """People as read, inside the area and around it."""

    # ids, lonlat, population: (n,), (n, 2) degrees and (n,) people
    ids: NDArray[np.object_]
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    # `setting`, `district`, `label` (what may name the district) and groups, (n,) each, where the input has them
    columns: Mapping[str, NDArray[Any]]
    groups: tuple[str, ...] = ()  # names of the groups
    around: Around | None = None  # people of a raster around the area, for the settlement
    # their polygons (EPSG:4326) by id, where each stands at one point; None where people are no polygons.
    shapes: gpd.GeoSeries | None = None


def load_around(load: Loading, path: Path, bounds: Bounds, wide: Bounds, area: gpd.GeoDataFrame) -> Around:
    """Return the people of a raster inside `wide` and beyond `bounds`."""
    table = load.settings.inputs.population
    near, far = (
        read_population_raster(path, bounds_lonlat=box, band=table.band, unit=table.unit)[0] for box in (bounds, wide)
    )
    beyond, border = gather_beyond(far, near), Border(area, far.crs)
    border.meet(far)
    return Around(lonlat=beyond.lonlat, population=beyond.people, border=border.people)


class Border:
    """The border of an area, and the people of the cells that it cuts, added up as they are met.

    Parameters
    ----------
    area
        Its districts.
    crs
        Of the cells.
    """

    def __init__(self, area: gpd.GeoDataFrame, crs: CRS) -> None:
        self._whole = area.to_crs(crs).union_all()
        self._line = self._whole.boundary
        shapely.prepare([self._whole, self._line])
        self.people = (0.0, 0.0)
        """Of the cells whose middle lies outside, and inside."""

    def meet(self, cells: Cells) -> None:
        """Add the people of some cells."""
        a, _, _, _, e, _ = cells.geotransform
        half = np.abs([a, e]) / 2
        some = self._near(cells, half)
        near = some[shapely.dwithin(self._line, shapely.points(cells.xy[some]), np.hypot(*half))]
        xy, people = cells.xy[near], cells.population[near]
        squares = shapely.box(*(xy - _CUT * half).T, *(xy + _CUT * half).T)
        cut, inside = shapely.intersects(self._line, squares), shapely.intersects_xy(self._whole, xy)
        left, kept = self.people
        self.people = (left + float(people[cut & ~inside].sum()), kept + float(people[cut & inside].sum()))

    def _near(self, cells: Cells, half: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the cells of all squares of cells that the border comes near; of most it stays away."""
        square = cells.row // _SQUARE * (2**31 // _SQUARE) + cells.column.astype(np.int64) // _SQUARE
        numbers, of = np.unique(square, return_inverse=True)
        row, column = np.divmod(numbers, 2**31 // _SQUARE)
        middle = centres(cells.geotransform, (row + 0.5) * _SQUARE - 0.5, (column + 0.5) * _SQUARE - 0.5)
        reach = (_SQUARE + 1) * np.hypot(*half)
        return np.flatnonzero(shapely.dwithin(self._line, shapely.points(middle), reach)[of])


class LeftOut:
    """People in and around an area who live in none of its districts, added up as they are met.

    Parameters
    ----------
    area
        Its districts.
    """

    def __init__(self, area: gpd.GeoDataFrame) -> None:
        holes = [shapely.Polygon(ring) for part in shapely.get_parts(area.union_all()) for ring in part.interiors]
        self._holes, self._bounds = shapely.union_all(holes), area.total_bounds
        self.lost = self.total = self.held = 0.0
        """Those who live in no district, all of them, and those who live in a hole between districts."""
        self.sides = np.zeros(4)
        """Those west, south, east and north of all districts."""

    def meet(self, lonlat: NDArray[np.float64], population: NDArray[np.float64], outside: NDArray[np.bool_]) -> None:
        """Add ``(n,)`` people at ``(n, 2)`` degrees, some of them outside all districts."""
        self.total += float(population.sum())
        self.lost += float(population[outside].sum())
        if not self._holes.is_empty:
            self.held += float(population[outside & shapely.contains_xy(self._holes, *lonlat.T)].sum())
        west, south, east, north = self._bounds
        sides = (lonlat[:, 0] < west, lonlat[:, 1] < south, lonlat[:, 0] > east, lonlat[:, 1] > north)
        self.sides += [population[side].sum() for side in sides]


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
    cells, groups, more = in_equal_parts(cells, groups, table.split_cells, path.name)
    if load.settings.standard.standard.has_walk:
        refuse_coarse(cells, path.name)
    return place_cells(cells, groups), _split(findings, more)


def _split(findings: list[Finding], more: list[Finding]) -> list[Finding]:
    """Return all findings; cells that were split are not too coarse any more."""
    return [finding for finding in findings if not (more and finding.code == "coarse-cells")] + more


def in_equal_parts(
    cells: Cells, groups: dict[str, NDArray[np.float64]], size_m: Any, source: str
) -> tuple[Cells, dict[str, NDArray[np.float64]], list[Finding]]:
    """Return cells and their groups in parts of a size, and what was found; as they are where none is asked for."""
    if size_m is None:
        return cells, groups, []
    parts, findings = split_cells(cells, size_m, source)
    split = {g: split_cells(replace(cells, population=people), size_m, source)[0] for g, people in groups.items()}
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


def settle_people(
    load: Loading, people: People, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.str_], Settlement | None, list[Finding]]:
    """Return urban, town or rural for every row, and what the classification found where density decides."""
    source, name = load.settings.settlement.source, people_source(load)
    if are_of_polygons(load):
        setting, findings = _settings_of_polygons(load, people, inside)
        return setting, None, findings
    if "setting" in people.columns:
        return _read_settings(load, people.columns["setting"], people.ids, name), None, []
    if isinstance(source, SettlementSource):
        refuse_no_column(load)
    lonlat, population, rows = people.lonlat, people.population, len(people.ids)
    if people.around is not None:
        lonlat = np.vstack([lonlat, people.around.lonlat])
        population = np.append(population, people.around.population)
    setting, settlement = classify_settings(lonlat, WGS84, population)
    notes = [Finding(source=name, **note) for note in settlement.notes()]
    return setting[:rows], settlement, notes


def refuse_no_column(load: Loading) -> NoReturn:
    """Raise `InputError`: settings are to be read from a column that the people do not have."""
    msg = f"{people_source(load)}: settlement from a column needs a population table with that column; it has none"
    raise InputError(msg)


def _settings_of_polygons(
    load: Loading, people: People, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.str_], list[Finding]]:
    """Return the setting of the polygon that each row lies in; outside all that of the last rule, rural.

    Polygons say it in their column ``setting``, another one that the study names, or by codes.
    """
    shapes, setting, findings = read_setting_shapes(load)
    at = locate(people.lonlat, shapes)
    findings += report_outside_settings(load, float(people.population[(at < 0) & inside].sum()))
    return setting[at], findings


def read_setting_shapes(load: Loading) -> tuple[gpd.GeoDataFrame, NDArray[np.str_], list[Finding]]:
    """Return the polygons that say settings, what each says and last what is said outside all, and what was found."""
    source: SettlementSource = load.settings.settlement.source  # type: ignore[assignment]  # or nobody would call
    path = load.table(source.polygons)  # type: ignore[arg-type]
    column = source.codes or source.column or "setting"
    shapes, findings = read_polygons(path, column=column, layer=source.layer, encoding=source.encoding)
    setting = _read_settings(load, shapes["name"], ["a polygon"] * len(shapes), path.name)
    return shapes, np.append(setting, load.settings.standard.standard.settings[-1]), [*findings]


def report_outside_settings(load: Loading, lost: float) -> list[Finding]:
    """Return a finding where people live in none of the polygons that say settings of the standard's own names."""
    standard, source = load.settings.standard.standard, load.settings.settlement.source
    if not (standard.names_its_own and lost > 0):
        return []
    name = load.table(source.polygons).name  # type: ignore[union-attr, arg-type]  # or nobody would call
    message = f"{lost:,.0f} people live in none of its polygons: they count as {standard.settings[-1]!r}"
    return [Finding(code="outside-settings", source=name, message=message, people=lost)]


def _read_settings(load: Loading, said: Any, names: Any, source: str) -> NDArray[np.str_]:
    """Return the settings that a column says, by their names, by numbers in bands or by codes."""
    given: SettlementSource = load.settings.settlement.source  # type: ignore[assignment]  # `bands` of no other
    try:
        if are_codes(load):
            return settings_from_codes(pd.Series(said).astype("string").str.strip().to_numpy(dtype=str), list(names))
        bands = given.bands if isinstance(given, SettlementSource) else None
        return read_settings(said, load.settings.standard.standard.settings, bands)
    except InputError as error:
        msg = f"{source}: {error}"
        raise InputError(msg) from error


def are_codes(load: Loading) -> bool:
    """Return whether settings are told by urban-rural codes."""
    source = load.settings.settlement.source
    return isinstance(source, SettlementSource) and source.codes is not None


def are_of_polygons(load: Loading) -> bool:
    """Return whether settings are told by polygons."""
    source = load.settings.settlement.source
    return isinstance(source, SettlementSource) and source.polygons is not None
