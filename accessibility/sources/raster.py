"""Population rasters, read window by window."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import rasterio
from pyproj import CRS, Geod
from rasterio.errors import RasterioError
from rasterio.windows import Window
from rasterio.windows import bounds as window_bounds

from accessibility.errors import InputError
from accessibility.projection import WGS84
from accessibility.sources.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

Unit = Literal["persons", "per_km2", "per_hectare"]

_BLOCK = 1_024
_MAX_CELLS = 2_000_000_000
_CROWDED_PER_KM2 = 200_000.0
_M2 = {"per_km2": 1e6, "per_hectare": 1e4}
_WALKING_CELL_M = 300.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Raster cells with people, as points at their centres.

    Parameters
    ----------
    ids
        ``(n,)`` texts ``r<row>c<column>``, counted from the raster's upper left.
    xy
        ``(n, 2)`` centres in `crs`.
    population
        ``(n,)`` people, above 0.
    crs
        The raster's coordinate system.
    cell_m
        Side of a cell in metres, about.
    """

    ids: NDArray[np.object_]
    xy: NDArray[np.float64]
    population: NDArray[np.float64]
    crs: CRS
    cell_m: float


@dataclass(frozen=True, kw_only=True)
class RasterSpec:
    """How a population raster is to be read.

    Parameters
    ----------
    bounds
        West, south, east, north in degrees: only cells whose centre lies there; all if None.
    band
        Which band, from 1; needed where the raster has several.
    unit
        What a cell holds: ``persons``, or people ``per_km2`` or ``per_hectare``.
    """

    bounds: tuple[float, float, float, float] | None = None
    band: int | None = None
    unit: Unit = "persons"


@dataclass
class _Tally:
    """Counts of what is not a cell with people."""

    nodata: int = 0
    zero: int = 0
    parts: list[tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]] = field(default_factory=list)


def read_population_raster(path: Path, spec: RasterSpec | None = None) -> tuple[Cells, list[Finding]]:
    """Return the cells of a population raster that have people.

    Cells without data are not cells without people: they are counted apart. Only blocks of the raster are ever in
    memory.

    Raises
    ------
    InputError
        A file that is missing or not a raster, has no coordinate system, is rotated, has several bands and none is
        named, holds negative people, or nobody at all.
    """
    spec = RasterSpec() if spec is None else spec
    with _opened(path) as source:
        _check_header(path, source, spec)
        window = _window(path, source, spec)
        tally = _Tally()
        for block in _blocks(window):
            _read_block(path, source, block, (spec, tally))
        crs = CRS.from_user_input(source.crs)
        return _cells(path, source, crs, (spec, tally))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        msg = f"{path.name}: no such file {path}; expected a population raster"
        raise InputError(msg)
    try:
        with rasterio.open(path) as source:
            yield source
    except RasterioError as error:
        msg = f"{path.name}: cannot be read as a raster: {error}"
        raise InputError(msg) from error


def _check_header(path: Path, source: Any, spec: RasterSpec) -> None:
    if source.crs is None:
        msg = f"{path.name}: no coordinate system; expected one, declare it in the file (gdal_edit.py -a_srs EPSG:...)"
        raise InputError(msg)
    if source.transform.b or source.transform.d:
        msg = f"{path.name}: the raster is rotated; expected rows from west to east (gdalwarp makes such a one)"
        raise InputError(msg)
    if spec.band is None and source.count > 1:
        msg = f"{path.name}: {source.count} bands; expected one, or its number with population = {{ band = ... }}"
        raise InputError(msg)
    if (spec.band or 1) > source.count:
        msg = f"{path.name}: no band {spec.band}; it has {source.count}"
        raise InputError(msg)


def _window(path: Path, source: Any, spec: RasterSpec) -> Window:
    """Return the part of the raster within the bounds, whole cells."""
    if spec.bounds is None:
        window = Window(0, 0, source.width, source.height)
    else:
        from rasterio.warp import transform_bounds  # noqa: PLC0415 -- PROJ is asked for only here

        west, south, east, north = transform_bounds(WGS84.to_wkt(), source.crs, *spec.bounds, densify_pts=21)
        cols = sorted((x - source.transform.c) / source.transform.a for x in (west, east))
        rows = sorted((y - source.transform.f) / source.transform.e for y in (south, north))
        left, top = max(int(np.floor(cols[0])), 0), max(int(np.floor(rows[0])), 0)
        right, bottom = min(int(np.ceil(cols[1])), source.width), min(int(np.ceil(rows[1])), source.height)
        if right <= left or bottom <= top:
            there = ", ".join(f"{v:.3f}" for v in transform_bounds(source.crs, WGS84.to_wkt(), *source.bounds))
            here = ", ".join(f"{v:.3f}" for v in spec.bounds)
            msg = f"{path.name}: covers {there} (west, south, east, north), nothing of the study area {here}"
            raise InputError(msg)
        window = Window(left, top, right - left, bottom - top)
    if window.width * window.height > _MAX_CELLS:
        msg = f"{path.name}: {window.width * window.height:,} cells; expected at most {_MAX_CELLS:,}, name an area"
        raise InputError(msg)
    return window


def _blocks(window: Window) -> Iterator[Window]:
    for top in range(window.row_off, window.row_off + window.height, _BLOCK):
        for left in range(window.col_off, window.col_off + window.width, _BLOCK):
            width = min(_BLOCK, window.col_off + window.width - left)
            yield Window(left, top, width, min(_BLOCK, window.row_off + window.height - top))


def _read_block(path: Path, source: Any, block: Window, job: tuple[RasterSpec, _Tally]) -> None:
    """Add the people of one block to the tally."""
    spec, tally = job
    band = spec.band or 1
    values = source.read(band, window=block, out_dtype="float64")
    missing = ~np.isfinite(values)
    if source.nodatavals[band - 1] is not None:
        # Compared as the raster holds it: a float32 nodata of -3.4e38 has no equal in float64.
        missing |= source.read_masks(band, window=block) == 0
    tally.nodata += int(missing.sum())
    values[missing] = 0.0
    negative = values < 0
    if negative.any():
        row, col = np.argwhere(negative)[0]
        msg = (
            f"{path.name}: {int(negative.sum())} cells with negative people, first {values[row, col]:g} at row "
            f"{row + block.row_off}, column {col + block.col_off}; expected 0 or more (is it the mark of missing data? "
            f"declare it: gdal_edit.py -a_nodata {values[row, col]:g})"
        )
        raise InputError(msg)
    rows, cols = np.nonzero(values)
    tally.zero += int(values.size - missing.sum() - rows.size)
    if rows.size:
        tally.parts.append((rows + int(block.row_off), cols + int(block.col_off), values[rows, cols]))


def _cells(path: Path, source: Any, crs: CRS, job: tuple[RasterSpec, _Tally]) -> tuple[Cells, list[Finding]]:
    spec, tally = job
    if not tally.parts:
        msg = f"{path.name}: nobody: {tally.nodata:,} cells without data, {tally.zero:,} with 0; expected people"
        raise InputError(msg)
    rows, cols, people = (np.concatenate(part) for part in zip(*tally.parts, strict=True))
    order = np.lexsort((cols, rows))
    rows, cols, people = rows[order], cols[order], people[order]
    area_m2 = _cell_areas(source, crs, rows)
    if spec.unit != "persons":
        people = people * area_m2 / _M2[spec.unit]
    x = source.transform.c + source.transform.a * (cols + 0.5)
    y = source.transform.f + source.transform.e * (rows + 0.5)
    ids = np.array([f"r{r}c{c}" for r, c in zip(rows.tolist(), cols.tolist(), strict=True)], dtype=object)
    cell_m = float(np.sqrt(area_m2.mean()))
    cells = Cells(ids=ids, xy=np.column_stack([x, y]), population=people, crs=crs, cell_m=cell_m)
    return cells, _findings(path, cells, people / area_m2 * 1e6)


def _cell_areas(source: Any, crs: CRS, rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return the area in square metres of a cell in each of `rows`; on the ellipsoid where the raster is in degrees."""
    step_x, step_y = abs(source.transform.a), abs(source.transform.e)
    if crs.is_projected:
        unit = float(crs.axis_info[0].unit_conversion_factor or 1.0)
        return np.full(len(rows), step_x * step_y * unit**2)
    geod = Geod(ellps="WGS84")
    distinct, which = np.unique(rows, return_inverse=True)
    areas = []
    for row in distinct.tolist():
        west, south, east, north = window_bounds(Window(0, row, 1, 1), source.transform)
        areas.append(abs(geod.polygon_area_perimeter([west, east, east, west], [south, south, north, north])[0]))
    found: NDArray[np.float64] = np.array(areas)[which]
    return found


def _findings(path: Path, cells: Cells, density: NDArray[np.float64]) -> list[Finding]:
    findings = []
    crowded = density > _CROWDED_PER_KM2
    if crowded.any():
        where = cells.ids[int(density.argmax())]
        message = (
            f"{int(crowded.sum())} cells have more than {_CROWDED_PER_KM2:,.0f} people per km², most "
            f"{density.max():,.0f} at {where}; is the unit right?"
        )
        people = float(cells.population[crowded].sum())
        findings.append(
            Finding(code="crowded-cell", source=path.name, message=message, count=int(crowded.sum()), people=people)
        )
    if cells.cell_m > _WALKING_CELL_M:
        message = (
            f"cells of about {cells.cell_m:,.0f} m are too coarse for a 15-minute walk: cells of 500 m misjudge one "
            "person in ten, cells of 1 km one in five; expected 100 m"
        )
        findings.append(Finding(code="coarse-cells", source=path.name, message=message, count=len(cells.ids)))
    return findings
