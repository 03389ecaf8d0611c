"""People from a raster, read in strips: its populated cells become points, each with its true area."""

from __future__ import annotations

import html
import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pyproj import CRS, Geod

from accessibility.errors import InputError
from accessibility.geo.projection import WGS84, earth_crs, transform
from accessibility.sources.checks import Finding
from accessibility.sources.tables.reading import checked_path, readable
from accessibility.sources.vectors import WITHOUT_NETWORK

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    from affine import Affine
    from numpy.typing import NDArray
    from rasterio.windows import Window


Bounds = tuple[float, float, float, float]
Unit = Literal["persons", "per_km2", "per_hectare"]

PER_KM2 = {"per_km2": 1.0, "per_hectare": 100.0}
CROWDED_KM2 = 200_000.0  # the densest quarters on Earth stay below
IMPOSSIBLE_KM2 = 1_000_000.0  # of cells of some size, none holds as many
_MANY = 5_000.0  # people of one cell; a cell of a few metres may hold a tower
_AT_ONCE = 1_000_000  # cells whose areas are worked out together, so that temporary arrays stay small
MAX_CELLS = 1_000_000_000
MAX_POPULATED = 50_000_000  # a gigabyte
_SHEAR = 1e-3  # of a cell
_PILED = 10  # times as many as of the number below
_DRIVERS = (  # formats whose data lie in the file or right beside it
    *("GTiff", "HFA", "AAIGrid", "GRASSASCIIGrid", "SRTMHGT", "EHdr", "ENVI", "DTED", "USGSDEM", "GPKG", "netCDF"),
    *("SAGA", "GSAG", "GSBG", "GS7BG", "RST", "XYZ", "PNG", "JP2OpenJPEG"),
)
_NOTES = 2**20
_STRIP_CELLS = 2_000_000
_CACHE_BYTES = 32 * 2**20
_COARSE_M = 250.0  # above, a fifteen-minute walk is misjudged for more than one person in twenty


@dataclass(kw_only=True)
class Crowd:
    """Cells too crowded to be true: how many, how many of them impossible, with how many people, the densest of all."""

    cells: int = 0
    impossible: int = 0
    people: float = 0.0
    most: float = 0.0
    at: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The populated cells of a raster.

    Parameters
    ----------
    row, column
        ``(n,)`` place of the cell in the whole file, from 0.
    population
        ``(n,)`` people; 0 only where a group of people has a cell to itself.
    geotransform
        Six numbers: x of a corner = c + column·a, y = f + row·e, as (a, b, c, d, e, f).
    crs
        The raster's coordinate system.
    cell_m
        Side of a cell in the middle of what was read, metres.
    zero_cells, nodata_cells
        How many cells hold nobody, and how many hold no value.
    parts
        Into how many rows and columns each cell of the file was split; `row`, `column`, `geotransform` and `cell_m`
        are those of the parts.
    """

    row: NDArray[np.int32]
    column: NDArray[np.int32]
    population: NDArray[np.float64]
    geotransform: tuple[float, ...]
    crs: CRS
    cell_m: float
    zero_cells: int
    nodata_cells: int
    parts: int = 1

    def __len__(self) -> int:
        """Return the number of populated cells."""
        return int(self.population.shape[0])

    @property
    def total_people(self) -> float:
        """All people."""
        return float(self.population.sum())

    @cached_property
    def ids(self) -> NDArray[np.object_]:
        """``(n,)`` ids such as ``r12c7``: row and column in the file, whatever part of it was read.

        The parts of a cell that was split are ``r12c7-1`` and on, row by row.
        """
        pairs = zip(self.row.tolist(), self.column.tolist(), strict=True)
        if (k := self.parts) == 1:
            return np.array([f"r{row}c{column}" for row, column in pairs], dtype=object)
        split = (f"r{row // k}c{column // k}-{row % k * k + column % k + 1}" for row, column in pairs)
        return np.array(list(split), dtype=object)

    @cached_property
    def xy(self) -> NDArray[np.float64]:
        """``(n, 2)`` centres of the cells in `crs`, x (or longitude) first."""
        return centres(self.geotransform, self.row, self.column)

    def of(self, rows: NDArray[np.bool_]) -> Cells:
        """Return some of the cells."""
        return replace(self, row=self.row[rows], column=self.column[rows], population=self.population[rows])


def read_population_raster(
    path: str | os.PathLike[str],
    *,
    bounds_lonlat: Bounds | None = None,
    band: int | None = None,
    unit: Unit = "persons",
    max_cells: int = MAX_CELLS,
) -> tuple[Cells, list[Finding]]:
    """Return the populated cells of a raster, and what was found. The raster is never in memory as a whole.

    Parameters
    ----------
    path
        A raster that GDAL reads, north up.
    bounds_lonlat
        West, south, east, north in degrees: only cells that touch this box.
    band
        Number of the band, from 1; required where there are several.
    unit
        ``persons`` per cell, or a density, ``per_km2`` or ``per_hectare``, which is multiplied by the true area of
        each cell on the ellipsoid.
    max_cells
        More cells than this are refused before any is read.

    Returns
    -------
    cells
        Cells with people. No value (nodata, a mask, NaN) is not nobody; both are counted.
    findings
        Cells without value, cells too crowded to be true, cells too large for a walk.

    Raises
    ------
    InputError
        A file that is no raster or remote, no coordinate system, a rotated grid, several bands and none named, too
        many cells, no overlap with the box, negative or infinite values, nobody at all.
    """
    file = checked_path(path)
    if unit not in ("persons", *PER_KM2):
        msg = f"{file.name}: unknown unit {unit!r}; expected persons, {', '.join(PER_KM2)}"
        raise InputError(msg)
    findings: list[Finding] = []
    with readable(file, findings), opened_raster(file) as raster:
        crs, number = checked_grid(raster, band, file.name)
        window = _window(raster, crs, bounds_lonlat, file.name)
        if window.width * window.height > max_cells:
            size = f"{window.width:,} by {window.height:,} cells"
            msg = f"{file.name}: {size} to read; expected at most {max_cells:,}; cut the raster to the study area"
            raise InputError(msg)
        found = _Found()
        for strip in _strips(raster, number, window, file.name):
            found.add(*strip)
            if found.count > MAX_POPULATED:
                msg = f"{file.name}: over {MAX_POPULATED:,} cells with people; expected a raster of the study"
                raise InputError(msg)
        grid = tuple(raster.transform)[:6]
        if not found.count:
            text = f"no people in {window.width * window.height:,} cells ({found.nodata:,} without value)"
            msg = f"{file.name}: {text}; expected people"
            raise InputError(msg)
        row, column, population = found.arrays()
        some = slice(len(row) // 2, len(row) // 2 + 1)
        middle = areas_km2(grid, crs, row[some], column[some], exact=unit != "persons")
        _refuse_ceiling(raster, number, population, file.name)
        crowd = weigh_cells(population, (row, column, grid, crs), unit)
    if crowd.impossible:
        at = f"{population[crowd.at]:g} people in row {row[crowd.at]}, column {column[crowd.at]}"
        msg = (
            f"{file.name}: {crowd.impossible} cells hold more than {IMPOSSIBLE_KM2:,.0f} people per km² ({at}); "
            "expected people; if this value means no data, declare it as nodata in the file; else is the unit right?"
        )
        raise InputError(msg)
    cells = Cells(
        row=row,
        column=column,
        population=population,
        geotransform=grid,
        crs=crs,
        cell_m=math.sqrt(float(middle[0])) * 1_000.0,
        zero_cells=window.width * window.height - found.nodata - len(row),
        nodata_cells=found.nodata,
    )
    return cells, findings + _suspicions(cells, crowd, file.name)


@dataclass(kw_only=True, eq=False)
class _Found:
    """The populated cells of the strips read so far, kept as small as they come."""

    count: int = 0
    nodata: int = 0
    parts: tuple[list[Any], list[Any], list[Any]] = field(default_factory=lambda: ([], [], []))

    def add(self, row: NDArray[np.int32], column: NDArray[np.int32], value: NDArray[Any], nodata: int) -> None:
        """Keep the cells of one strip."""
        self.count += len(row)
        self.nodata += nodata
        for kept, new in zip(self.parts, (row, column, value), strict=True):
            kept.append(new)

    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Return rows, columns and values; what the strips held is let go on the way, so that nothing is held twice."""
        joined = []
        for kept, dtype in zip(self.parts, (np.int32, np.int32, np.float64), strict=True):
            joined.append(np.concatenate(kept, dtype=dtype))
            kept.clear()
        row, column, value = joined
        return row, column, value


@contextmanager
def opened_raster(path: Path) -> Iterator[Any]:
    """Open a raster of a known format, with the network out of reach and little memory for its blocks.

    GDAL chooses a reader by what a file holds: a file ``.tif`` that holds a VRT or describes a web map would make it
    fetch addresses. So only the drivers listed are asked, a ``.vrt`` is read where its parts are such files on this
    machine, and so is what lies beside a raster.
    """
    import rasterio  # noqa: PLC0415 -- slow to import, and many studies have no raster
    from rasterio.io import DatasetReader  # noqa: PLC0415

    virtual = path.suffix.lower() == ".vrt"
    if virtual:
        _refuse_remote_parts(path)
    _refuse_disguised_company(path)
    drivers = ["VRT"] if virtual else list(_DRIVERS)
    # `rasterio.open` takes one driver only, GDAL and the reader below it take several.
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES, **WITHOUT_NETWORK), DatasetReader(path, driver=drivers) as raster:
        yield raster


def _refuse_remote_parts(path: Path) -> None:
    """Refuse a virtual raster that has parts which are no plain rasters on this machine."""
    content = path.read_bytes()
    parts = re.findall(rb"<Source(?:Filename|Dataset)[^>]*>([^<]*)<", content)
    if not parts or b"/vsi" in content or any(b"://" in part for part in parts):
        msg = f"{path.name}: points to remote or virtual files; expected GeoTIFFs on this machine"
        raise InputError(msg)
    for part in parts:
        file = path.parent / html.unescape(part.decode("utf-8", "replace")).strip()
        if not file.is_file() or not _is_tiff(file):
            msg = f"{path.name}: its part {file.name!r} is no GeoTIFF on this machine; expected one"
            raise InputError(msg)


def _refuse_disguised_company(path: Path) -> None:
    """Refuse masks, overviews and notes beside a raster that would lead GDAL elsewhere."""
    for end in (".msk", ".ovr"):
        beside = path.with_name(path.name + end)
        if beside.is_file() and not _is_tiff(beside):
            msg = f"{beside.name}: is no TIFF; expected a mask or overviews of {path.name}"
            raise InputError(msg)
    for beside in (path.with_name(f"{path.name}.aux.xml"), path.with_suffix(".aux")):
        if beside.is_file() and re.search(rb"OVERVIEW_FILE|/vsi|<VRTDataset", beside.read_bytes()[:_NOTES]):
            msg = f"{beside.name}: points to other files; expected notes on {path.name}; delete it to go on without"
            raise InputError(msg)


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def checked_grid(raster: Any, band: int | None, name: str) -> tuple[CRS, int]:
    """Return the coordinate system of a raster and the number of its band.

    Raises
    ------
    InputError
        No coordinate system or none of the Earth, a rotated grid or one without a size, several bands and none named,
        a band that is not there, or one of complex numbers.
    """
    if raster.crs is None:
        msg = f"{name}: no coordinate system; expected one, declare it in the file"
        raise InputError(msg)
    grid = raster.transform
    skew = math.hypot(grid.b * raster.height, grid.d * raster.width)
    # A warped raster may carry a shear of rounding size, which over the whole of it moves nothing worth a word.
    if not np.isfinite(tuple(grid)).all() or not grid.a or not grid.e or skew > _SHEAR * min(abs(grid.a), abs(grid.e)):
        msg = f"{name}: a rotated or impossible grid {tuple(grid)[:6]}; expected rows along the axes, north up"
        raise InputError(msg)
    if band is None and raster.count != 1:
        msg = f"{name}: {raster.count} bands and none named; expected band = 1 to {raster.count}"
        raise InputError(msg)
    if band is not None and not 1 <= band <= raster.count:
        msg = f"{name}: no band {band}; it has {raster.count}"
        raise InputError(msg)
    number = band or 1
    if raster.dtypes[number - 1].startswith("complex"):
        msg = f"{name}: its values are complex numbers ({raster.dtypes[number - 1]}); expected plain ones"
        raise InputError(msg)
    return earth_crs(CRS.from_wkt(raster.crs.to_wkt()), source=name), number


def read_values(raster: Any, band: int, window: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the values of a window by the band's scale and offset, and which of them the file declares to be known.

    The window is its first column and row, its width and its height.
    """
    from rasterio.windows import Window  # noqa: PLC0415 -- loaded with the raster

    part = raster.read(band, window=Window(*window), masked=True)
    scale, offset = raster.scales[band - 1], raster.offsets[band - 1]
    values = part.data * scale + offset if (scale, offset) != (1.0, 0.0) else part.data
    return values, ~(np.ma.getmaskarray(part) | np.isnan(values))


def _window(raster: Any, crs: CRS, bounds: Bounds | None, name: str) -> Window:
    """Return the rows and columns that touch a box in degrees."""
    from rasterio.windows import Window  # noqa: PLC0415 -- loaded with the raster

    if bounds is None:
        return Window(0, 0, raster.width, raster.height)
    west, south, east, north = bounds
    steps = np.linspace(0.0, 1.0, 21)
    lon, lat = west + (east - west) * steps, south + (north - south) * steps
    still = np.ones_like(steps)
    x = np.concatenate([lon, lon, west * still, east * still])
    y = np.concatenate([south * still, north * still, lat, lat])
    xy = transform(np.column_stack([x, y]), WGS84, crs)
    grid: Affine = raster.transform
    column, row = (xy[:, 0] - grid.c) / grid.a, (xy[:, 1] - grid.f) / grid.e
    if not np.isfinite(xy).all():
        msg = f"{name}: the study area {bounds} has no place in {crs.name}; expected a raster of the area"
        raise InputError(msg)
    left, right = max(math.floor(column.min()), 0), min(math.ceil(column.max()), raster.width)
    top, bottom = max(math.floor(row.min()), 0), min(math.ceil(row.max()), raster.height)
    if left >= right or top >= bottom:
        msg = f"{name}: does not touch the study area {tuple(round(b, 4) for b in bounds)}; expected a raster of it"
        raise InputError(msg)
    return Window(left, top, right - left, bottom - top)


def _strips(raster: Any, band: int, window: Window, name: str) -> Iterator[tuple[Any, Any, Any, int]]:
    """Yield row, column and value of the populated cells of each strip, and how many cells there have no value."""
    block = raster.block_shapes[band - 1][0]
    height = max(_STRIP_CELLS // window.width // block * block, min(block, max(_STRIP_CELLS // window.width, 1)))
    for top in range(window.row_off, window.row_off + window.height, height):
        rows = min(height, window.row_off + window.height - top)
        values, known = read_values(raster, band, (window.col_off, top, window.width, rows))
        bad = known & ((values < 0) | np.isinf(values))
        if bad.any():
            r, c = np.argwhere(bad)[0]
            msg = (
                f"{name}: {int(bad.sum())} cells below 0 or infinite, first {values[r, c]} in row {top + r}, column "
                f"{window.col_off + c}; expected people; if this value means no data, declare it as nodata in the file"
            )
            raise InputError(msg)
        r, c = np.nonzero(known & (values > 0))
        where = (r + top).astype(np.int32), (c + window.col_off).astype(np.int32)
        yield *where, values[r, c], int(known.size - known.sum())


def _refuse_ceiling(raster: Any, band: int, values: NDArray[np.float64], name: str) -> None:
    """Refuse the greatest number a band can hold where it stands there again and again: a void nobody declared."""
    kind = np.dtype(raster.dtypes[band - 1])
    if kind.kind not in "ui":
        return
    top, below = (
        int((values == number * raster.scales[band - 1] + raster.offsets[band - 1]).sum())
        for number in (np.iinfo(kind).max, np.iinfo(kind).max - 1)
    )
    if top > _PILED * (below + 1):
        msg = (
            f"{name}: {top} cells hold {np.iinfo(kind).max}, the greatest number of {kind}; expected people; if it "
            "means no data, declare it as nodata in the file"
        )
        raise InputError(msg)


def _suspicions(cells: Cells, crowd: Crowd, name: str) -> list[Finding]:
    found = []
    if cells.nodata_cells:
        message = f"{cells.nodata_cells:,} cells have no value: they hold no people here, and are not counted as empty"
        found.append(Finding(code="nodata-cells", source=name, message=message, count=cells.nodata_cells))
    if crowd.cells:
        most = f"most {crowd.most:,.0f} per km² in row {cells.row[crowd.at]}, column {cells.column[crowd.at]}"
        message = f"{crowd.cells} cells hold more than {CROWDED_KM2:,.0f} people per km² ({most}): is the unit right?"
        found.append(Finding(code="crowded-cell", source=name, message=message, count=crowd.cells, people=crowd.people))
    if cells.cell_m > _COARSE_M:
        message = (
            f"cells of {cells.cell_m:,.0f} m: too coarse to judge a walk of 15 minutes; expected 100 m, at most 250 m"
        )
        found.append(Finding(code="coarse-cells", source=name, message=message, count=len(cells)))
    return found


def weigh_cells(population: NDArray[np.float64], where: tuple[Any, Any, tuple[float, ...], CRS], unit: Unit) -> Crowd:
    """Turn densities into people, in place, and return the cells too crowded to be true; some cells at a time."""
    row, column, grid, crs = where
    crowd = Crowd()
    for low in range(0, len(row), _AT_ONCE):
        part = slice(low, low + _AT_ONCE)
        area = areas_km2(grid, crs, row[part], column[part], exact=unit != "persons")
        if unit != "persons":
            population[part] *= PER_KM2[unit] * area
        density = population[part] / area
        crowded = density > CROWDED_KM2
        crowd.cells += int(crowded.sum())
        crowd.impossible += int(((density > IMPOSSIBLE_KM2) & (population[part] > _MANY)).sum())
        crowd.people += float(population[part][crowded].sum())
        if (most := float(density.max(initial=0.0))) > crowd.most:
            crowd.most, crowd.at = most, low + int(density.argmax())
    return crowd


def centres(grid: tuple[float, ...], row: NDArray[Any], column: NDArray[Any]) -> NDArray[np.float64]:
    """Return ``(n, 2)`` centres of cells, x first, in the raster's own coordinates."""
    a, _, c, _, e, f = grid
    return np.column_stack([c + (column + 0.5) * a, f + (row + 0.5) * e])


def areas_km2(
    grid: tuple[float, ...], crs: CRS, row: NDArray[np.int32], column: NDArray[np.int32], *, exact: bool
) -> NDArray[np.float64]:
    """Return the area of each cell: on the ellipsoid for degrees, and for a projection where it must be exact."""
    a, _, _, _, e, f = grid
    if crs.is_geographic:
        rows, of = np.unique(row, return_inverse=True)
        per_radian = _band(f + rows * e) - _band(f + (rows + 1) * e)
        degrees: NDArray[np.float64] = np.abs(per_radian * np.radians(a))[of] / 1e6
        return degrees
    metre = crs.axis_info[0].unit_conversion_factor
    planar: NDArray[np.float64] = np.full(len(row), abs(a * e) * metre**2 / 1e6)
    if not exact:
        return planar
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    ring = [transform(centres(grid, row + r - 0.5, column + c - 0.5), crs, WGS84) for c, r in corners]
    return _shoelace_km2(np.stack(ring))


def _shoelace_km2(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas of ``(4, n, 2)`` small quadrangles in degrees, by the ellipsoid's radii of curvature there."""
    geod = Geod(ellps="WGS84")
    lon, lat = np.radians(ring[..., 0]), np.radians(ring[..., 1])
    middle = lat.mean(axis=0)
    w2 = 1.0 - geod.es * np.sin(middle) ** 2
    east = (lon - lon[0]) * geod.a / np.sqrt(w2) * np.cos(middle)
    north = (lat - lat[0]) * geod.a * (1.0 - geod.es) / w2**1.5
    twice = (east * np.roll(north, -1, axis=0) - np.roll(east, -1, axis=0) * north).sum(axis=0)
    area: NDArray[np.float64] = np.abs(twice) / 2e6
    return area


def _band(lat: Any) -> Any:
    """Return the area in m² between the equator and a latitude, per radian of longitude (Snyder 1987, eq. 3-12)."""
    geod = Geod(ellps="WGS84")
    e, s = math.sqrt(geod.es), np.sin(np.radians(lat))
    return geod.a**2 * (1 - geod.es) / 2 * (s / (1 - geod.es * s**2) + np.arctanh(e * s) / e)
