"""People from a raster, read in strips: its populated cells become points, each with its true area."""

from __future__ import annotations

import html
import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS

from accessibility.errors import Finding, InputError
from accessibility.geo.projection import WGS84, Bounds, earth_crs, transform
from accessibility.sources.raster.meaning import (
    CROWDED_KM2,
    IMPOSSIBLE_KM2,
    PER_KM2,
    Crowd,
    Evenness,
    Variety,
    areas_km2,
    centres,
    refuse_other_units,
    report_colours,
    report_other_counts,
    report_scale,
    report_unit_by_name,
    weigh_cells,
)
from accessibility.sources.tables.reading import checked_path, readable
from accessibility.sources.vectors import WITHOUT_NETWORK

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    from affine import Affine
    from numpy.typing import NDArray
    from rasterio.windows import Window

    from accessibility.sources.raster.meaning import Unit


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The populated cells of a raster."""

    # row, column: (n,) place of the cell in the whole file, from 0
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    population: NDArray[np.float64]  # (n,) people; 0 only where a group of people has a cell to itself
    geotransform: tuple[float, ...]  # six numbers: x of a corner = c + column·a, y = f + row·e, as (a, b, c, d, e, f)
    crs: CRS  # the raster's coordinate system
    cell_m: float  # side of a cell in the middle of what was read, metres
    # zero_cells, nodata_cells: how many cells hold nobody, and how many hold no value
    zero_cells: int
    nodata_cells: int
    # into how many rows and columns each cell of the file was split; `row`, `column`, `geotransform` and `cell_m` are
    # those of the parts.
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
    found = _Found()
    most = (max_cells, MAX_POPULATED)
    for survey, *told in survey_cells(  # noqa: B007 -- which has seen all when there are no more
        path, bounds_lonlat=bounds_lonlat, band=band, unit=unit, most=most
    ):
        found.add(*told)
    row, column, population = found.arrays()
    some = slice(len(row) // 2, len(row) // 2 + 1)
    cells = survey.cells(row, column, population, survey.side_m(row[some], column[some]))
    return cells, survey.told(cells.cell_m)


@dataclass(kw_only=True, eq=False)
class CellSurvey:
    """What is said of all populated cells of a raster, which are met strip by strip."""

    name: str  # the file's
    # geotransform, crs: as `Cells` have them
    geotransform: tuple[float, ...]
    crs: CRS
    unit: Unit  # what its numbers are
    window: tuple[int, int, int, int]  # first column and row, width and height of what is read
    # kind, ceiling: the type of the band, and the greatest number it can hold and the one below as people, where it has
    # one
    kind: np.dtype[Any]
    ceiling: tuple[float, ...]
    findings: list[Finding]  # what was found in reading the file
    # count, nodata: populated cells so far, and those without value
    count: int = 0
    nodata: int = 0
    _piled: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    _crowd: Crowd = field(default_factory=Crowd)
    _variety: Variety = field(default_factory=Variety)
    _evenness: Evenness = field(default_factory=Evenness)
    _densest: tuple[float, int, int] = (0.0, 0, 0)

    @property
    def size(self) -> int:
        """How many cells there are to read."""
        return self.window[2] * self.window[3]

    @property
    def zero_cells(self) -> int:
        """How many cells hold nobody."""
        return self.size - self.nodata - self.count

    def beyond(self, row: NDArray[np.int32], column: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which cells lie beyond what is read."""
        left, top, width, height = self.window
        found: NDArray[np.bool_] = (column < left) | (column >= left + width) | (row < top) | (row >= top + height)
        return found

    def cells(self, row: NDArray[np.int32], column: NDArray[np.int32], people: NDArray[Any], side_m: float) -> Cells:
        """Return some cells, whose side is given, as a value of their own."""
        return Cells(
            row=row,
            column=column,
            population=np.ascontiguousarray(people, np.float64),
            geotransform=self.geotransform,
            crs=self.crs,
            cell_m=side_m,
            zero_cells=self.zero_cells,
            nodata_cells=self.nodata,
        )

    def meet(self, row: NDArray[np.int32], column: NDArray[np.int32], value: NDArray[Any]) -> NDArray[Any]:
        """Take the populated cells of a strip into account; return their people, as small as they came."""
        people = value.astype(np.float64)
        self._variety.meet(row, column, value)
        self._evenness.meet(people)
        self._piled += [(people == number).sum() for number in self.ceiling] or [0, 0]
        crowd = weigh_cells(people, (row, column, self.geotransform, self.crs), self.unit)
        if crowd.most > self._crowd.most:
            self._densest = (float(people[crowd.at]), int(row[crowd.at]), int(column[crowd.at]))
        self._crowd.meet(crowd)
        self.count += len(row)
        return value if self.unit == "persons" else people

    def side_m(self, row: NDArray[np.int32], column: NDArray[np.int32]) -> float:
        """Return the side of a cell."""
        area = areas_km2(self.geotransform, self.crs, row, column, exact=self.unit != "persons")
        return math.sqrt(float(area[0])) * 1_000.0

    def refuse(self) -> None:
        """Raise `InputError` where nobody lives anywhere, or more than can."""
        if not self.count:
            msg = f"{self.name}: no people in {self.size:,} cells ({self.nodata:,} without value); expected people"
            raise InputError(msg)
        top, below = self._piled.tolist()
        if top > _PILED * (below + 1):
            msg = (
                f"{self.name}: {top} cells hold {np.iinfo(self.kind).max}, the greatest number of {self.kind}; "
                "expected people; if it means no data, declare it as nodata in the file"
            )
            raise InputError(msg)
        if self._crowd.impossible:
            people, row, column = self._densest
            at = f"{people:g} people in row {row}, column {column}"
            msg = (
                f"{self.name}: {self._crowd.impossible} cells hold more than {IMPOSSIBLE_KM2:,.0f} people per km² "
                f"({at}); expected people; if this value means no data, declare it as nodata in the file; else is the "
                "unit right?"
            )
            raise InputError(msg)

    def told(self, cell_m: float) -> list[Finding]:
        """Return what is found of the file and of the cells, whose side is given."""
        found, crowd = [*self.findings], self._crowd
        if self.nodata:
            message = f"{self.nodata:,} cells have no value: they hold no people here, and are not counted as empty"
            found.append(Finding(code="nodata-cells", source=self.name, message=message, count=self.nodata))
        if crowd.cells:
            _, row, column = self._densest
            most = f"most {crowd.most:,.0f} per km² in row {row}, column {column}"
            message = (
                f"{crowd.cells} cells hold more than {CROWDED_KM2:,.0f} people per km² ({most}): is the unit right?"
            )
            count, people = crowd.cells, crowd.people
            found.append(Finding(code="crowded-cell", source=self.name, message=message, count=count, people=people))
        found += self._variety.told(self.name, zero_cells=self.zero_cells) or self._evenness.told(self.name)
        found += self._evenness.void_told(self.name)
        if cell_m > _COARSE_M:
            message = (
                f"cells of {cell_m:,.0f} m: too coarse to judge a walk of 15 minutes; expected 100 m, at most 250 m"
            )
            found.append(Finding(code="coarse-cells", source=self.name, message=message, count=self.count))
        return found


def survey_cells(
    path: str | os.PathLike[str],
    *,
    bounds_lonlat: Bounds | None,
    band: int | None = None,
    unit: Unit = "persons",
    most: tuple[int, int] | None = None,
) -> Iterator[tuple[CellSurvey, NDArray[np.int32], NDArray[np.int32], NDArray[Any]]]:
    """Yield row, column and people of the populated cells of a raster, strip by strip, and what is said so far of all.

    Parameters
    ----------
    path, bounds_lonlat, band, unit
        As `read_population_raster` takes them.
    most
        How many cells may be read at most, and how many may have people; None where nobody holds them.

    Raises
    ------
    InputError
        As `read_population_raster`, of all cells when they have been yielded.
    """
    file = checked_path(path)
    if unit not in ("persons", *PER_KM2):
        msg = f"{file.name}: unknown unit {unit!r}; expected persons, {', '.join(PER_KM2)}"
        raise InputError(msg)
    findings: list[Finding] = []
    with readable(file, findings), opened_raster(file) as raster:
        crs, number = checked_grid(raster, band, file.name)
        if unit == "persons":
            refuse_other_units(raster, number, file.name)
            findings += [*report_unit_by_name(file.name), *report_colours(raster, number, file.name)]
            findings += [*report_scale(raster, number, file.name), *report_other_counts(raster, number, file.name)]
        window = _window(raster, crs, bounds_lonlat, file.name)
        if most is not None and window.width * window.height > most[0]:
            size = f"{window.width:,} by {window.height:,} cells"
            msg = f"{file.name}: {size} to read; expected at most {most[0]:,}; cut the raster to the study area"
            raise InputError(msg)
        survey = CellSurvey(
            name=file.name,
            geotransform=tuple(raster.transform)[:6],
            crs=crs,
            unit=unit,
            window=(window.col_off, window.row_off, window.width, window.height),
            findings=findings,
            kind=np.dtype(raster.dtypes[number - 1]),
            ceiling=_ceiling(raster, number),
        )
        for row, column, value, nodata in _strips(raster, number, window, file.name):
            survey.nodata += nodata
            if len(row):
                yield survey, row, column, survey.meet(row, column, value)
            if most is not None and survey.count > most[1]:
                msg = f"{file.name}: over {most[1]:,} cells with people; expected a raster of the study"
                raise InputError(msg)
        survey.refuse()


class _Found:
    """The populated cells of the strips read so far, in arrays that grow where they lie: nothing is held twice."""

    def __init__(self) -> None:
        self._count = 0
        self._kept: tuple[NDArray[Any], ...] = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))

    def add(self, row: NDArray[np.int32], column: NDArray[np.int32], value: NDArray[Any]) -> None:
        """Keep the cells of one strip."""
        first, self._count = self._count, self._count + len(row)
        for kept, new in zip(self._kept, (row, column, value), strict=True):
            if self._count > len(kept):
                kept.resize(self._count * 9 // 8, refcheck=False)
            kept[first : self._count] = new

    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Return rows, columns and values."""
        for kept in self._kept:
            kept.resize(self._count, refcheck=False)
        row, column, value = self._kept
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


def _ceiling(raster: Any, band: int) -> tuple[float, ...]:
    """Return the greatest number a band can hold, and the one below: a void nobody declared piles up there."""
    kind = np.dtype(raster.dtypes[band - 1])
    if kind.kind not in "ui":
        return ()
    most = int(np.iinfo(kind).max)
    return tuple(number * raster.scales[band - 1] + raster.offsets[band - 1] for number in (most, most - 1))
