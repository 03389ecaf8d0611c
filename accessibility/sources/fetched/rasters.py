"""People and heights of a place, cut out of the files that WorldPop, the JRC and Copernicus publish."""

from __future__ import annotations

import math
import shutil
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.transform import Affine, array_bounds
from rasterio.warp import reproject
from rasterio.windows import Window

from accessibility.errors import InputError, OutputError
from accessibility.sources.fetched.remote import Keeper, RemoteFile, open_remote
from accessibility.sources.files import passing_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.geo.projection import Bounds

YEARS = range(2015, 2031)
PEOPLE_SOURCES = ("worldpop", "ghs-pop")

_VOID = -9_999.0
_SAME = 1e-6  # of a cell
_GHSL_LEFT, _GHSL_TOP = -180.00791620856731, 89.09958317764332  # the corner of tile R1_C1
_GHSL_DEG = 10.0
_EPOCH_YEARS = 5


@dataclass(frozen=True, kw_only=True)
class Product:
    """What a publisher says of a raster."""

    # name, version: as the publisher writes them
    name: str
    version: str
    # licence, credit: on what terms it may be used, and who is to be named
    licence: str
    credit: str
    base: str  # where its files are; a mirror has the same files below another address


WORLDPOP = Product(
    name="WorldPop constrained population, 100 m",
    version="Global 2015-2030 R2025A v1, doi:10.5258/SOTON/WP00839",
    licence="CC BY 4.0",
    credit="WorldPop, University of Southampton, R2025A v1 (CC BY 4.0)",
    base="https://data.worldpop.org/GIS/Population/Global_2015_2030/R2025A",
)
GHS_POP = Product(
    name="GHS-POP, 3 arc seconds",
    version="R2023A V1-0, doi:10.2905/2FF68A52-5B5B-4A22-8F40-C41DA8332CFE",
    licence="CC BY 4.0",
    credit="European Commission, Joint Research Centre, GHS-POP R2023A (CC BY 4.0)",
    base="https://jeodpp.jrc.ec.europa.eu/ftp/jrc-opendata/GHSL/GHS_POP_GLOBE_R2023A",
)
GLO_30 = Product(
    name="Copernicus DEM GLO-30, surface heights",
    version="public, as cloud-optimised tiles",
    licence="Copernicus DEM licence: free, with this notice",
    credit=(
        "© DLR e.V. 2010-2014 and © Airbus Defence and Space GmbH 2014-2018, provided under COPERNICUS by the"
        " European Union and ESA; all rights reserved"
    ),
    base="https://copernicus-dem-30m.s3.amazonaws.com",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class CutOut:
    """A window of a published raster."""

    values: NDArray[np.float32]  # (rows, columns); NaN where there is no value.
    transform: Affine  # of its grid, in degrees
    product: Product  # what it is a window of
    year: str  # of what the values tell; what Copernicus measured has several
    urls: tuple[str, ...]  # the files that it was cut from


@dataclass(frozen=True, kw_only=True)
class PeopleOf:
    """Whose count of people is asked for."""

    source: str  # one of `PEOPLE_SOURCES`
    year: int  # of `YEARS`; GHS-POP has every fifth, and the nearest of them is taken.
    country: str = ""  # whose file, three letters (ISO 3166); WorldPop alone asks.


def fetch_people(wanted: PeopleOf, bounds: Bounds, *, server: str | None, keeper: Keeper) -> CutOut:
    """Return the people of a box in degrees.

    Parameters
    ----------
    wanted
        Whose count, of which year.
    bounds
        West, south, east, north.
    server
        Where the files are, if not where their publisher has them.
    keeper
        Where what came is kept, and until when it is waited for.

    Raises
    ------
    InputError
        A country or a year without a file, a file that is no raster, a box without people.
    OutputError
        As `accessibility.sources.fetched.remote.open_remote`.
    """
    epoch = _EPOCH_YEARS * round(wanted.year / _EPOCH_YEARS)
    product, year = (WORLDPOP, wanted.year) if wanted.source == "worldpop" else (GHS_POP, epoch)
    if product is WORLDPOP and not wanted.country:
        msg = "OpenStreetMap does not say which country the place is in; expected it for WorldPop, as --country CHN"
        raise InputError(msg)
    urls = [worldpop_url(wanted.country, year, server)] if product is WORLDPOP else ghs_pop_urls(bounds, year, server)
    cut = _cut(urls, bounds, keeper)
    if cut is None:
        msg = f"{urls[0]}: there is no such file; expected one for the country and the year"
        raise InputError(msg)
    values = np.where(cut[0] < 0, np.nan, cut[0])
    if not np.nansum(values) > 0:
        msg = f"{urls[0]}: has no one within {', '.join(f'{v:.3f}' for v in bounds)}; expected the people of the place"
        raise InputError(msg)
    return CutOut(values=values, transform=cut[1], product=product, year=str(year), urls=cut[2])


def fetch_heights(bounds: Bounds, *, server: str | None, keeper: Keeper) -> CutOut | None:
    """Return the heights of a box in degrees, None where Copernicus has no tile of it: at sea.

    Parameters
    ----------
    bounds, server, keeper
        As for `fetch_people`.

    Raises
    ------
    InputError, OutputError
        As `fetch_people`.
    """
    cut = _cut(glo_30_urls(bounds, server), bounds, keeper)
    if cut is None:
        return None
    return CutOut(values=cut[0], transform=cut[1], product=GLO_30, year="2011-2015", urls=cut[2])


def write_cut_out(cut: CutOut, path: Path) -> None:
    """Write a window as a GeoTIFF that says where it is from."""
    rows, columns = cut.values.shape
    with MemoryFile() as memory:  # of a full disk Python says what GDAL does not
        with memory.open(
            driver="GTiff",
            width=columns,
            height=rows,
            count=1,
            dtype="float32",
            crs="EPSG:4326",
            transform=cut.transform,
            nodata=_VOID,
            compress="deflate",
            predictor=3,
            tiled=True,
        ) as raster:
            raster.write(np.nan_to_num(cut.values, nan=_VOID), 1)
            raster.update_tags(TIFFTAG_COPYRIGHT=cut.product.credit, TIFFTAG_IMAGEDESCRIPTION=cut.product.name)
        path.write_bytes(memory.read())


def worldpop_url(country: str, year: int, server: str | None = None) -> str:
    """Return the address of a country's people.

    Examples
    --------
    >>> from accessibility.sources.fetched.rasters import worldpop_url
    >>> worldpop_url("CHN", 2025).removeprefix("https://data.worldpop.org/GIS/Population/Global_2015_2030/")
    'R2025A/2025/CHN/v1/100m/constrained/chn_pop_2025_CN_100m_R2025A_v1.tif'
    """
    name = f"{country.lower()}_pop_{year}_CN_100m_R2025A_v1.tif"
    return f"{_base(WORLDPOP, server)}/{year}/{country.upper()}/v1/100m/constrained/{name}"


def ghs_pop_urls(bounds: Bounds, epoch: int, server: str | None = None) -> list[str]:
    """Return the addresses of the tiles of ten degrees that a box touches.

    Examples
    --------
    >>> from accessibility.sources.fetched.rasters import ghs_pop_urls
    >>> [url.rpartition("/")[2] for url in ghs_pop_urls((108.1, 30.4, 108.3, 30.6), 2025)]
    ['GHS_POP_E2025_GLOBE_R2023A_4326_3ss_V1_0_R6_C29.zip']
    """
    west, south, east, north = bounds
    rows = range(_tile(_GHSL_TOP - north), _tile(_GHSL_TOP - south) + 1)
    columns = range(_tile(west - _GHSL_LEFT), _tile(east - _GHSL_LEFT) + 1)
    grid = f"GHS_POP_E{epoch}_GLOBE_R2023A_4326_3ss"
    base = f"{_base(GHS_POP, server)}/{grid}/V1-0/tiles"
    return [f"{base}/{grid}_V1_0_R{row}_C{column}.zip" for row in rows for column in columns]


def _tile(degrees: float) -> int:
    return math.floor(degrees / _GHSL_DEG) + 1


def glo_30_urls(bounds: Bounds, server: str | None = None) -> list[str]:
    """Return the addresses of the tiles of one degree that a box touches.

    Examples
    --------
    >>> from accessibility.sources.fetched.rasters import glo_30_urls
    >>> [url.rpartition("/")[2] for url in glo_30_urls((-0.1, 30.4, 0.1, 30.6))]
    ['Copernicus_DSM_COG_10_N30_00_W001_00_DEM.tif', 'Copernicus_DSM_COG_10_N30_00_E000_00_DEM.tif']
    """
    west, south, east, north = (math.floor(v) for v in bounds)
    names = [
        f"Copernicus_DSM_COG_10_{'NS'[lat < 0]}{abs(lat):02d}_00_{'EW'[lon < 0]}{abs(lon):03d}_00_DEM"
        for lat in range(south, north + 1)
        for lon in range(west, east + 1)
    ]
    return [f"{_base(GLO_30, server)}/{name}/{name}.tif" for name in names]


def _base(product: Product, server: str | None) -> str:
    return (server or product.base).rstrip("/")


def _cut(
    urls: Sequence[str], bounds: Bounds, keeper: Keeper
) -> tuple[NDArray[np.float32], Affine, tuple[str, ...]] | None:
    """Return a window of rasters beside each other, its grid, and those that are there; None where none is."""
    with ExitStack() as opened:
        there = {}
        for url in urls:
            remote = open_remote(url, keeper)
            if remote is not None:
                there[url] = opened.enter_context(_opened(opened.enter_context(remote)))
        if not there:
            return None
        first = next(iter(there.values()))
        values, grid = _blank(first.raster.transform, bounds)
        for source in there.values():
            source.onto(values, grid)
        return values, grid, tuple(there)


def _blank(grid: Affine, bounds: Bounds) -> tuple[NDArray[np.float32], Affine]:
    """Return cells without value that cover a box, on the lines of a grid."""
    west, south, east, north = bounds
    left, right = math.floor((west - grid.c) / grid.a), math.ceil((east - grid.c) / grid.a)
    top, bottom = math.floor((north - grid.f) / grid.e), math.ceil((south - grid.f) / grid.e)
    return np.full((bottom - top, right - left), np.nan, np.float32), grid @ Affine.translation(left, top)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    """A raster on a server, open; what went wrong below GDAL, which would tell it as something else."""

    url: str
    raster: Any
    faults: list[Exception]

    def onto(self, values: NDArray[np.float32], grid: Affine) -> None:
        """Write what this raster has onto cells of a grid."""
        there = self.raster.transform
        if max(abs(there.a / grid.a - 1), abs(there.e / grid.e - 1)) * max(values.shape) < _SAME:
            self._place(values, round((grid.c - there.c) / there.a), round((grid.f - there.f) / there.e))
            return
        west, south, east, north = array_bounds(*values.shape, grid)
        (left, top), (right, bottom) = (~there @ corner for corner in ((west, north), (east, south)))
        window = self._window(math.floor(left) - 1, math.floor(top) - 1, math.ceil(right) + 1, math.ceil(bottom) + 1)
        part = np.full(values.shape, np.nan, np.float32)
        reproject(
            self._read(window),
            part,
            src_transform=self.raster.window_transform(window),
            dst_transform=grid,
            src_crs="EPSG:4326",
            dst_crs="EPSG:4326",
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
        np.copyto(values, part, where=np.isnan(values))

    def _place(self, values: NDArray[np.float32], left: int, top: int) -> None:
        """Write the cells from column `left` and row `top` of the raster, as far as it reaches."""
        rows, columns = values.shape
        window = self._window(left, top, left + columns, top + rows)
        if window.width > 0 and window.height > 0:
            right, down = window.col_off - left, window.row_off - top
            values[down : down + window.height, right : right + window.width] = self._read(window)

    def _window(self, left: int, top: int, right: int, bottom: int) -> Window:
        columns = [min(max(v, 0), self.raster.width) for v in (left, right)]
        rows = [min(max(v, 0), self.raster.height) for v in (top, bottom)]
        return Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])

    def _read(self, window: Window) -> NDArray[np.float32]:
        with _told(self.url, self.faults):
            part = self.raster.read(1, window=window, masked=True)
            return np.ma.filled(part.astype(np.float32), np.nan)


@contextmanager
def _opened(remote: RemoteFile) -> Iterator[_Source]:
    """Open a raster on a server; the one inside, where it is a ZIP archive."""
    faults: list[Exception] = []
    with ExitStack() as open_ones:
        if remote.url.endswith(".zip"):
            place: str | Path = _unpacked(remote, open_ones.enter_context(passing_folder()))
            opener = None
        else:
            place = "remote.tif"

            def opener(name: str, *_: object, **__: object) -> _Heard:
                if name != place:
                    raise FileNotFoundError(name)  # nothing lies beside it
                return _Heard(remote, faults)

        with _told(remote.url, faults):
            raster = open_ones.enter_context(rasterio.open(place, driver="GTiff", opener=opener))
        yield _Source(url=remote.url, raster=raster, faults=faults)


def _unpacked(remote: RemoteFile, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(remote) as archive:
            member = next(name for name in archive.namelist() if name.endswith(".tif"))
            with archive.open(member) as packed, (folder / "tile.tif").open("wb") as file:
                shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, StopIteration, EOFError) as error:
        msg = f"{remote.url}: is no ZIP archive with a GeoTIFF ({error}); expected one, not a page of the network's"
        raise InputError(msg) from error
    return folder / "tile.tif"


class _Heard:
    """A remote file as GDAL reads it: an error ends the file there, and is kept to be told."""

    def __init__(self, remote: RemoteFile, faults: list[Exception]) -> None:
        self._remote, self._faults = remote, faults
        remote.seek(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it open: whoever opened it hangs up."""

    def close(self) -> None:
        """Leave it open, too."""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._remote.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._remote.tell()

    def read(self, size: int = -1) -> bytes:
        """Return bytes; none after an error."""
        try:
            return self._remote.read(size) or b""
        except (InputError, OutputError) as error:
            self._faults.append(error)
            return b""


@contextmanager
def _told(url: str, faults: list[Exception]) -> Iterator[None]:
    """Tell what went wrong on the way; otherwise what GDAL makes of a file that is none."""
    try:
        yield
    except (RasterioError, ValueError) as error:
        if faults:
            raise faults[0] from error
        msg = f"{url}: cannot be read as a GeoTIFF ({error}); expected one, not a page that the network puts before it"
        raise InputError(msg) from error
