"""Surfaces as rasters: heights read, in metres whatever their unit, scale and offset; walking minutes written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from accessibility.errors import Finding, InputError
from accessibility.geo.projection import WGS84, transform
from accessibility.sources.files import spellable, write_aside
from accessibility.sources.raster.reading import checked_grid, opened_raster, read_values
from accessibility.sources.tables.reading import checked_path, readable

if TYPE_CHECKING:
    import os

    from affine import Affine
    from numpy.typing import NDArray
    from pyproj import CRS


LOWEST_M, HIGHEST_M = -500.0, 9_000.0
"""Heights of land on Earth lie between: the shore of the Dead Sea at -430 m, Mount Everest at 8 849 m."""

_CELLS_AT_ONCE = 2_000_000
_ENOUGH = 0.5 - 1e-9  # of the say of four cells around a place
_FOOT_M, _SURVEY_FOOT_M = 0.3048, 1_200 / 3_937
_UNITS = {
    **dict.fromkeys(("", "m", "metre", "metres", "meter", "meters", "米"), 1.0),
    **dict.fromkeys(("ft", "feet", "foot", "international foot"), _FOOT_M),
    **dict.fromkeys(("us-ft", "ftus", "sft", "us survey foot", "us survey feet", "foot_us"), _SURVEY_FOOT_M),
    **dict.fromkeys(("dm", "decimetre", "decimetres", "decimeter", "decimeters"), 0.1),
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), 0.001),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), 0.01),
}


@dataclass(kw_only=True, eq=False)
class _Heights:
    """A band of heights, open: how its numbers become metres, and the impossible ones met so far."""

    raster: Any
    band: int
    metre: float
    places: int = 0
    first: str = ""

    def read(self, window: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the heights of a window in metres, NaN where there is none, and which are no heights on Earth."""
        values, known = read_values(self.raster, self.band, window)
        heights = np.where(known, values.astype(np.float64) * self.metre, np.nan)
        void = (heights < LOWEST_M) | (heights > HIGHEST_M)
        if void.any() and not self.first:
            r, c = np.argwhere(void)[0]
            self.first = f"first {values[r, c]:g} in row {window[1] + r}, column {window[0] + c}"
        heights[void] = np.nan
        return heights, void


def sample_heights(
    path: str | os.PathLike[str], xy: NDArray[np.float64], crs: CRS
) -> tuple[NDArray[np.float64], list[Finding]]:
    """Return ``(n,)`` heights in metres at places, between the four nearest cells; NaN outside or without value.

    Parameters
    ----------
    path
        An elevation raster of one band, north up.
    xy
        ``(n, 2)`` places in `crs`.

    Raises
    ------
    InputError
        As `read_population_raster`, as far as it concerns heights.
    """
    file = checked_path(path)
    findings: list[Finding] = []
    with readable(file, findings), opened_raster(file) as raster:
        there, band = checked_grid(raster, None, file.name)
        source = _Heights(raster=raster, band=band, metre=_metre(raster, band, there, file.name))
        # By way of degrees: PROJ takes half a second to find the way between two projections of two datums.
        at = xy if crs == there else transform(transform(xy, crs, WGS84), WGS84, there)
        grid: Affine = raster.transform
        column, row = (at[:, 0] - grid.c) / grid.a - 0.5, (at[:, 1] - grid.f) / grid.e - 0.5
        rows, columns = raster.height, raster.width
        inside = (np.abs(column - (columns - 1) / 2) <= columns / 2) & (np.abs(row - (rows - 1) / 2) <= rows / 2)
        heights = np.full(len(xy), np.nan)
        if inside.any():
            column, row = (np.clip(v[inside], 0, most - 1) for v, most in ((column, columns), (row, rows)))
            heights[inside] = _between(source, column, row)
    if source.places:
        message = (
            f"{source.places:,} places on streets lie next to cells of impossible heights ({source.first}): no height "
            "there; if they mean no data, declare them as nodata in the file, and their unit if it is not metres"
        )
        findings.append(Finding(code="heights-impossible", source=file.name, message=message, count=source.places))
    return heights, findings


def _metre(raster: Any, band: int, crs: CRS, name: str) -> float:
    """Return the metres of a band's unit: as the band says, else the vertical part of its system, else one."""
    said = (raster.units[band - 1] or "").strip().casefold()
    if said not in _UNITS:
        msg = f"{name}: heights in {raster.units[band - 1]!r}; expected metres or feet"
        raise InputError(msg)
    vertical = [part for part in crs.sub_crs_list if part.is_vertical]
    if not said and vertical:
        return float(vertical[0].axis_info[0].unit_conversion_factor)
    return _UNITS[said]


def _between(source: _Heights, column: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values between the centres of cells, of which only some rows are read at once."""
    left, right = int(column.min()), min(int(column.max()) + 2, source.raster.width)
    high = max(_CELLS_AT_ONCE // (right - left), 1)
    between = np.full(len(row), np.nan)
    for top in range(int(row.min()), int(row.max()) + 1, high):
        here = (row >= top) & (row < top + high)
        if here.any():
            bottom = min(int(row[here].max()) + 2, source.raster.height)
            part, void = source.read((left, top, right - left, bottom - top))
            between[here], beside = _interpolated(part, void, column[here] - left, row[here] - top)
            source.places += beside
    return between


def _interpolated(
    part: NDArray[np.float64], void: NDArray[np.bool_], c: NDArray[np.float64], r: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    """Return heights between four cells each, and how many places have an impossible one among theirs.

    A cell without a height leaves its say to the others, as long as those have half of it.
    """
    values = np.pad(part, ((0, 1), (0, 1)), mode="edge")
    voids = np.pad(void, ((0, 1), (0, 1)), mode="edge").astype(np.float64)
    c0, r0 = c.astype(np.intp), r.astype(np.intp)
    u, v = c - c0, r - r0
    total, known, beside = (np.zeros(len(c), np.float64) for _ in range(3))
    for down, across, share in ((0, 0, (1 - u) * (1 - v)), (0, 1, u * (1 - v)), (1, 0, (1 - u) * v), (1, 1, u * v)):
        height = values[r0 + down, c0 + across]
        there = np.isfinite(height)
        total += np.where(there, height, 0.0) * share
        known += there * share
        beside += voids[r0 + down, c0 + across] * share
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(known >= _ENOUGH, total / np.minimum(known, 1.0), np.nan)
    return between, int((beside > 0).sum())


_NO_MINUTES = -9_999.0


class TimeGrid(Protocol):
    """Minutes on a grid: rows from north to south, NaN where there is no value."""

    @property
    def minutes(self) -> NDArray[np.float32]:
        """``(height, width)`` walking minutes."""

    @property
    def crs(self) -> CRS:
        """The system of the corner, in metres."""

    @property
    def west(self) -> float:
        """Western edge of the first column."""

    @property
    def north(self) -> float:
        """Northern edge of the first row."""

    @property
    def cell_m(self) -> float:
        """Side of a cell."""


def write_surface(surface: TimeGrid, path: str | os.PathLike[str]) -> None:
    """Write a surface as a GeoTIFF of minutes: one band of 32-bit numbers, -9999 where there is no value.

    Raises
    ------
    OutputError
        The file could not be written; a file that was there is untouched.
    """
    import rasterio  # noqa: PLC0415 -- slow to import, and few runs write one
    from rasterio.transform import from_origin  # noqa: PLC0415

    height, width = surface.minutes.shape
    kept = {"compress": "deflate", "predictor": 3, "tiled": True, "blockxsize": 256, "blockysize": 256}
    with (
        write_aside(path) as whole,
        spellable(whole.parent) as folder,
        rasterio.open(
            folder / whole.name,
            "w",
            driver="GTiff",
            width=width,
            height=height,
            count=1,
            dtype="float32",
            nodata=_NO_MINUTES,
            crs=surface.crs.to_wkt(),
            transform=from_origin(surface.west, surface.north, surface.cell_m, surface.cell_m),
            **kept,
        ) as raster,
    ):
        raster.write(np.nan_to_num(surface.minutes, nan=_NO_MINUTES), 1)
        raster.set_band_description(1, "walking minutes to the nearest open site")
        raster.units = ("minutes",)
