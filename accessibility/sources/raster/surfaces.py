"""A surface of walking minutes as a GeoTIFF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import rasterio
import rasterio.transform

from accessibility.sources.files import spellable, write_aside

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray
    from pyproj import CRS

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
            transform=rasterio.transform.from_origin(surface.west, surface.north, surface.cell_m, surface.cell_m),
            **kept,
        ) as raster,
    ):
        raster.write(np.nan_to_num(surface.minutes, nan=_NO_MINUTES), 1)
        raster.set_band_description(1, "walking minutes to the nearest open site")
        raster.units = ("minutes",)
