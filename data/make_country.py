"""Make a country that does not exist, of any size, out of copies of the sample county.

The copies stand in rows and columns, mirrored by turns, each with more or fewer people; a strip of river lies between
them, which every second border has a bridge over. Five by five counties are a province.

``python data/make_country.py DIR --counties N [--fine K] [--branches B] [--seed S]`` writes the same bytes for the same
numbers, seed and library versions: ``roads.osm.pbf`` (streets), ``population.tif`` (people per 100 m, in blocks),
``outlets.parquet``, ``banks.parquet``, ``townships.parquet``, ``counties.parquet``, ``provinces.parquet`` and
``study.toml``. Streets and people are written county by county. ``--fine 4`` parts each cell into 4 by 4, of which one
in fifty is empty, and ``--branches 90`` adds as many bank branches to each county where people live: 140 counties are
then 3 million junctions, 10 million cells and 20,000 sites.
"""

from __future__ import annotations

import argparse
import math
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import rasterio
import shapely
from osmium.osm import mutable
from rasterio.windows import Window

import accessibility as acc
from accessibility.geo.projection import WGS84, read_crs, transform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SAMPLE = Path(__file__).resolve().parent / "sample"
PROVINCE = 5  # counties a side
CELL_M = 100
STRIP = 6  # cells of river around a county
EMPTY = 0.02  # of the parts of a cell
STUDY = """\
# A country of {counties} counties that do not exist; data/make_country.py made it.
name = "Country of {counties} counties"
attribution = "The country is fictional"

[walking]
access = "china"

[inputs]
area       = {{ path = "townships.parquet", name = "name" }}
network    = {{ path = "roads.osm.pbf" }}
population = {{ path = "population.tif" }}
outlets    = {{ path = "outlets.parquet" }}
banks      = {{ path = "banks.parquet" }}
"""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One county: which, in which row and column, how it is turned, and how many people it has of the sample's."""

    number: int
    row: int
    column: int
    turned: tuple[bool, bool]
    people: float

    @property
    def name(self) -> str:
        """Its row and column."""
        return f"{self.row:02d}-{self.column:02d}"

    @property
    def province(self) -> str:
        """The province it is part of."""
        return f"Province {self.row // PROVINCE}-{self.column // PROVINCE}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where the counties stand: ``size`` cells of the sample's raster from its upper left corner, in metres.

    Each cell is parted into `fine` by `fine`, and each county has so many more `branches` of banks.
    """

    counties: int
    seed: int
    fine: int
    branches: int
    crs: Any
    corner: tuple[float, float]
    size: tuple[int, int]

    @property
    def side(self) -> int:
        """Counties in a row."""
        return math.isqrt(self.counties - 1) + 1

    @property
    def step(self) -> NDArray[np.float64]:
        """From one county to the next, in metres."""
        return (np.array(self.size) + STRIP) * float(CELL_M)

    @property
    def west_north(self) -> NDArray[np.float64]:
        """The corner of the country, which lies around the middle of its coordinate system."""
        shift = np.round(self.step * [self.side / 2, -self.side / 2] / CELL_M) * CELL_M
        return np.array(self.corner) - shift

    def copies(self) -> Iterator[Copy]:
        """Yield the counties, the same for the same seed."""
        for number in range(self.counties):
            chance = np.random.default_rng([self.seed, number])
            mirror = chance.random(2) < 0.5
            yield Copy(
                number=number,
                row=number // self.side,
                column=number % self.side,
                turned=(bool(mirror[0]), bool(mirror[1])),
                people=float(chance.uniform(0.5, 1.8)),
            )

    def place(self, xy: NDArray[np.float64], copy: Copy) -> NDArray[np.float64]:
        """Return where points of the sample stand in a county, in metres."""
        extent = np.array(self.size) * float(CELL_M)
        inside = (xy - self.corner) * [1, -1]
        inside = np.where(copy.turned, extent - inside, inside)
        there: NDArray[np.float64] = self.west_north + (inside + np.array([copy.column, copy.row]) * self.step) * [
            1,
            -1,
        ]
        return there

    def parted(self, people: NDArray[np.float32], copy: Copy) -> NDArray[np.float32]:
        """Return the people of a county's cells in finer ones, of which one in five is empty."""
        if self.fine == 1:
            return people
        chance = np.random.default_rng([self.seed, copy.number, self.fine])
        height, width = people.shape
        share = chance.uniform(0.2, 1, (height, self.fine, width, self.fine))
        share[chance.random(share.shape) < EMPTY] = 0
        share /= np.maximum(share.sum(axis=(1, 3), keepdims=True), 1e-9)
        whole = people[:, None, :, None]
        parts = np.where(whole > 0, np.round(share * whole, 2), whole)
        return parts.reshape(height * self.fine, width * self.fine).astype(np.float32)

    def lonlat(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return metres as degrees."""
        return transform(xy, self.crs, WGS84)


def write_people(plan: Plan, folder: Path) -> None:
    """Write the raster of people, county by county."""
    with rasterio.open(SAMPLE / "population.tif") as sample:
        people = sample.read(1)
    west, north = plan.west_north
    width, height = (plan.step / CELL_M).astype(int) * plan.side * plan.fine
    side = CELL_M / plan.fine
    profile = {
        "driver": "GTiff", "dtype": "float32", "count": 1, "width": width, "height": height, "nodata": -99_999.0,
        "crs": plan.crs, "transform": rasterio.Affine(side, 0, west, 0, -side, north), "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "deflate", "sparse_ok": True, "bigtiff": "if_safer",
    }  # fmt: skip
    with rasterio.open(folder / "population.tif", "w", **profile) as file:
        for copy in plan.copies():
            cells = np.where(people > 0, np.round(people * copy.people, 2), people).astype(np.float32)
            cells = cells[:: -1 if copy.turned[1] else 1, :: -1 if copy.turned[0] else 1]
            cells = plan.parted(cells, copy)
            column, row = (np.array([copy.column, copy.row]) * plan.step / CELL_M).astype(int) * plan.fine
            file.write(cells, 1, window=Window(column, row, cells.shape[1], cells.shape[0]))


def write_streets(plan: Plan, path: Path) -> None:
    """Write the streets: all nodes by rising id, then all ways."""
    reading: Any = osmium.FileProcessor(SAMPLE / "roads.osm.pbf")
    ways = [([n.ref for n in o.nodes], dict(o.tags)) for o in reading if o.is_way() and "highway" in o.tags]
    used = np.unique(np.concatenate([refs for refs, _ in ways]))
    places: dict[int, tuple[float, float]] = {}
    tags: dict[int, dict[str, str]] = {}
    nodes: Any = osmium.FileProcessor(SAMPLE / "roads.osm.pbf", osmium.osm.NODE)
    for thing in nodes:
        places[thing.id] = (thing.lon, thing.lat)
        if len(thing.tags):
            tags[thing.id] = dict(thing.tags)
    xy = transform(np.array([places[ref] for ref in used.tolist()]), WGS84, plan.crs)
    row_of = {ref: row for row, ref in enumerate(used.tolist())}
    main = np.array([row_of[ref] for refs, t in ways if t["highway"] in ("primary", "secondary") for ref in refs])
    path.unlink(missing_ok=True)
    with osmium.SimpleWriter(str(path)) as writer:
        for copy in plan.copies():
            for row, (lon, lat) in enumerate(plan.lonlat(plan.place(xy, copy)).round(7).tolist()):
                own = tags.get(int(used[row]), {})
                writer.add_node(mutable.Node(id=_id(copy, row, len(used)), location=(lon, lat), tags=own, version=1))
        copies = {(copy.row, copy.column): copy for copy in plan.copies()}
        for copy in copies.values():
            for number, (refs, own) in enumerate(ways):
                there = [_id(copy, row_of[ref], len(used)) for ref in refs]
                writer.add_way(mutable.Way(id=_id(copy, number, 2 * len(ways)), nodes=there, tags=own, version=1))
            for number, (other, end, start) in enumerate(_bridges(plan, copy, copies, xy[main])):
                there = [_id(copy, int(main[end]), len(used)), _id(other, int(main[start]), len(used))]
                own = {"highway": "secondary", "bridge": "yes"}
                way_id = _id(copy, len(ways) + number, 2 * len(ways))
                writer.add_way(mutable.Way(id=way_id, nodes=there, tags=own, version=1))
        writer.add_relation(mutable.Relation(id=1, members=[("w", 1, "")], tags={"type": "route"}, version=1))


def _id(copy: Copy, row: int, count: int) -> int:
    return copy.number * count + row + 1


def _bridges(
    plan: Plan, copy: Copy, copies: dict[tuple[int, int], Copy], main: NDArray[np.float64]
) -> Iterator[tuple[Copy, int, int]]:
    """Yield the county that a bridge leads to, and the places of the main streets where it begins and ends."""
    if (copy.row + copy.column) % 2:
        return
    for axis, at in ((0, (copy.row, copy.column + 1)), (1, (copy.row + 1, copy.column))):
        other = copies.get(at)
        if other is not None:
            here, there = plan.place(main, copy)[:, axis], plan.place(main, other)[:, axis]
            ends = (here.argmax(), there.argmin()) if axis == 0 else (here.argmin(), there.argmax())
            yield other, int(ends[0]), int(ends[1])


def write_sites(plan: Plan, folder: Path) -> None:
    """Write outlets and bank branches."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sites = acc.read_study(SAMPLE / "study.toml").sites
    xy = transform(sites.xy, sites.crs, plan.crs)
    for kind, name in (("outlet", "outlets"), ("bank", "banks")):
        rows = np.flatnonzero((sites.kind == kind) & ~sites.closed & (sites.open | (kind == "bank")))
        frames = []
        for copy in plan.copies():
            at = shapely.points(plan.lonlat(plan.place(xy[rows], copy)))
            told: dict[str, Any] = {"id": [f"{copy.name}-{site}" for site in sites.ids[rows]], "name": sites.name[rows]}
            if kind == "bank":
                told["partner"] = np.where(sites.open[rows], "yes", "no")
            frames.append(gpd.GeoDataFrame(told, geometry=at, crs=4326))
        more = [_more_branches(plan, copy) for copy in plan.copies()] if kind == "bank" and plan.branches else []
        _joined([*frames, *more]).to_parquet(folder / f"{name}.parquet", index=False)


def _more_branches(plan: Plan, copy: Copy) -> gpd.GeoDataFrame:
    """Return branches of banks that are no partners, more of them where more people live."""
    with rasterio.open(SAMPLE / "population.tif") as sample:
        people = np.maximum(sample.read(1).astype(np.float64), 0)
    chance = np.random.default_rng([plan.seed, copy.number, plan.branches])
    cell = chance.choice(people.size, plan.branches, p=people.ravel() / people.sum())
    row, column = np.divmod(cell, people.shape[1])
    inside = (np.column_stack([column, -row]) + chance.uniform(0, 1, (plan.branches, 2)) * [1, -1]) * CELL_M
    at = shapely.points(plan.lonlat(plan.place(np.array(plan.corner) + inside, copy)))
    told = {"id": [f"{copy.name}-M{n}" for n in range(plan.branches)], "name": "Bank", "partner": "no"}
    return gpd.GeoDataFrame(told, geometry=at, crs=4326)


def write_districts(plan: Plan, folder: Path) -> None:
    """Write townships, counties and provinces."""
    sample = gpd.read_file(SAMPLE / "districts.gpkg").to_crs(plan.crs)
    frames = []
    for copy in plan.copies():
        shapes = shapely.transform(sample.geometry.to_numpy(), partial(_placed, plan, copy))
        told = {"name": [f"{copy.name} {name}" for name in sample["name"]], "county": copy.name}
        frames.append(gpd.GeoDataFrame({**told, "province": copy.province}, geometry=shapes, crs=4326))
    townships = _joined(frames)
    townships.to_parquet(folder / "townships.parquet", index=False)
    for level, name in (("county", "counties"), ("province", "provinces")):
        kept = ["province", "geometry"] if level == "county" else ["geometry"]
        parts = townships[[level, *kept]].dissolve(level, as_index=False)
        parts.rename(columns={level: "name"}).to_parquet(folder / f"{name}.parquet", index=False)


def _placed(plan: Plan, copy: Copy, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    return plan.lonlat(plan.place(xy, copy))


def _joined(frames: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    return pd.concat(frames, ignore_index=True)


def make_country(folder: Path, counties: int, seed: int = 7, *, fine: int = 1, branches: int = 0) -> Path:
    """Write a country of so many counties into a folder; return its study."""
    folder.mkdir(parents=True, exist_ok=True)
    with rasterio.open(SAMPLE / "population.tif") as sample:
        corner, size, crs = (sample.bounds.left, sample.bounds.top), (sample.width, sample.height), sample.crs
    told = {"counties": counties, "seed": seed, "fine": fine, "branches": branches}
    plan = Plan(**told, crs=read_crs(crs.to_wkt(), "sample"), corner=corner, size=size)
    write_people(plan, folder)
    write_streets(plan, folder / "roads.osm.pbf")
    write_sites(plan, folder)
    write_districts(plan, folder)
    (folder / "study.toml").write_text(STUDY.format(counties=counties), encoding="utf-8")
    return folder / "study.toml"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a country that does not exist.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counties", type=int, default=25)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fine", type=int, default=1)
    parser.add_argument("--branches", type=int, default=0)
    given = parser.parse_args()
    made = make_country(given.folder, given.counties, given.seed, fine=given.fine, branches=given.branches)
    print(f"wrote {made}")
