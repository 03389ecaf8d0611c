"""People on the disk, put into districts and given their settings, block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from accessibility.demand import Demand
from accessibility.errors import Finding
from accessibility.geo.arrays import finite_rows, read_words
from accessibility.geo.projection import WGS84, transform
from accessibility.settlement import Settlement
from accessibility.sources.areas import locate
from accessibility.sources.cache import HELD, Heaps, cuts_of, some_of
from accessibility.sources.tables.totals import Scale, compare_counts, in_none, read_totals
from accessibility.standards import SETTINGS
from accessibility.streets.search.packing import hilbert_keys
from accessibility.study.loading.cells import (
    are_of_polygons,
    read_setting_shapes,
    refuse_no_column,
    report_outside_settings,
)
from accessibility.study.loading.context import people_source
from accessibility.study.loading.people import (
    area_source,
    column_of_totals,
    refuse_nobody,
    report_empty,
    report_left_out,
)
from accessibility.study.loading.windows import in_grid
from accessibility.study.schema import SettlementSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.sources.cache import Blocks
    from accessibility.study.loading.context import Loading
    from accessibility.study.loading.windows import WindowedPeople

Block = dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowedDemand:
    """The people inside an area as they lie on the disk, in blocks that follow each other."""

    # blocks, numbers: `row` and `column` of each cell, `population`, `groups`, `xy`, `district` and
    # `setting`, and the numbers of the blocks. Row -1 is that of a district's own point.
    blocks: Blocks
    numbers: tuple[int, ...]
    count: int
    # groups, settings: as a `Demand` names them
    groups: tuple[str, ...]
    settings: tuple[str, ...]
    split: int  # into how many rows and columns the cells of the file were split
    # setting_names, district_names: of the numbers of settings and districts
    setting_names: NDArray[np.str_]
    district_names: NDArray[np.object_]
    crs: CRS  # the coordinate system of `xy`

    def __len__(self) -> int:
        """Return the number of demand points."""
        return self.count

    def to_crs(self, crs: CRS) -> WindowedDemand:
        """Return the same people in another coordinate system, in which they lie on the disk from now on."""
        for number in self.numbers:
            block = self.blocks.take(number)
            self.blocks.put(number, **block | {"xy": transform(block["xy"], self.crs, crs)})
        return replace(self, crs=crs)

    def parts(self) -> Iterator[Demand]:
        """Yield the people of each block as `Demand`."""
        for number in self.numbers:
            block = self.blocks.take(number)
            yield Demand(
                ids=self._ids(block).to_numpy(zero_copy_only=False),
                xy=block["xy"],
                population=block["population"],
                setting=self.setting_names[block["setting"]],
                settings=self.settings,
                groups=dict(zip(self.groups, block["groups"].T, strict=True)),
                crs=self.crs,
            )

    def homes(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield the places of each block, and how many live there."""
        for number in self.numbers:
            block = self.blocks.take(number, "xy", "population")
            yield block["xy"], block["population"]

    def along_curve(self, folder: Path) -> Iterator[Block]:
        """Yield the columns of all along a Hilbert curve, as `hilbert_rank` orders them, those without a place last.

        They have no blocks any more then.

        Parameters
        ----------
        folder
            Where heaps are made, and emptied.
        """
        low, high = np.full(2, np.inf), np.full(2, -np.inf)
        samples = []
        for xy, _ in self.homes():
            some = xy[finite_rows(xy)]
            low = np.minimum(low, some.min(axis=0, initial=np.inf))
            high = np.maximum(high, some.max(axis=0, initial=-np.inf))
            samples.append(some_of(some))
        cuts = cuts_of([_keys(xy, low, high) for xy in samples if len(xy)], self.count, HELD)
        heaps, turn = Heaps(folder / "along the curve", self._row), 0
        for number in self.numbers:
            block = self.blocks.take(number)
            placed = finite_rows(block["xy"])
            key = np.zeros(len(placed), np.uint64)
            key[placed] = _keys(block["xy"][placed], low, high)
            heap = np.where(placed, np.searchsorted(cuts, key, side="right"), len(cuts) + 1)
            heaps.add(heap, key=key, turn=turn + np.arange(len(key)), **{name: block[name] for name in _KEPT})
            turn += len(key)
        self.blocks.clear()
        for number in range(len(cuts) + 2):
            rows = heaps.take(number)
            if len(rows):
                yield self._columns(rows[np.argsort(rows["key"], kind="stable")])

    @property
    def _row(self) -> list[tuple[Any, ...]]:
        plain = [("key", "<u8"), ("turn", "<i8"), ("row", "<i4"), ("column", "<i4"), ("population", "<f8")]
        return [*plain, ("setting", "<i4"), ("district", "<i4"), ("xy", "<f8", 2), ("groups", "<f8", len(self.groups))]

    def _columns(self, rows: NDArray[Any]) -> Block:
        setting, district = rows["setting"], rows["district"]
        named = pa.array([*map(str, self.district_names)], pa.large_string())
        return {
            "id": self._ids(rows),
            "turn": rows["turn"],
            "x": rows["xy"][:, 0],
            "y": rows["xy"][:, 1],
            "population": rows["population"],
            "setting": pa.array(self.setting_names.astype(object), pa.large_string()).take(pa.array(setting)),
            "district": named.take(pa.array(district, mask=district < 0)),
            **dict(zip(self.groups, rows["groups"].T, strict=True)),
        }

    def _ids(self, rows: Any) -> pa.Array:
        """Return ids of cells as `Cells` has them, and those of districts' own points."""
        row, column, split = rows["row"], rows["column"], self.split
        ids = _joined("r", row // split, "c", column // split)
        if split > 1:
            ids = _joined(ids, "-", row % split * split + column % split + 1)
        if (row < 0).any():
            own = [f"d{self.district_names[at]}" if there else None for at, there in zip(column, row < 0, strict=True)]
            ids = pc.coalesce(pa.array(own, pa.large_string()), ids)
        return ids


_KEPT = ("row", "column", "population", "setting", "district", "xy", "groups")


def _joined(*parts: Any) -> pa.Array:
    """Return texts and numbers written after each other."""
    joined: Any = pc.binary_join_element_wise
    kind = pa.large_string()
    texts = [pa.scalar(part, kind) if isinstance(part, str) else pa.array(part).cast(kind) for part in parts]
    return joined(*texts, pa.scalar("", kind))


def _keys(xy: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.uint64]:
    return hilbert_keys(xy, low, high) >> np.uint64(32)


def settle_windows(load: Loading, people: WindowedPeople) -> tuple[WindowedDemand, list[Finding]]:
    """Return what `place_people` finds, of people on the disk."""
    area, names = people.area, np.array([load.settings.name or load.folder.name], dtype=object)
    if not people.lives:
        refuse_nobody(load, swapped=area is not None and _are_swapped(people, area))
    findings: list[Finding] = []
    scale = None
    if people.left is not None and people.around is not None:
        findings += report_left_out(load, people.left, people.around)
    if area is not None:
        names = area.index.to_numpy(dtype=object)
        scale, more = _held_against_totals(load, people, area)
        findings += more
    rule = _Polygons(load) if are_of_polygons(load) else _Towns(load, people, scale)
    numbers, count, lived = people.numbers, 0, np.zeros(len(names))
    settings, seen = load.settings.standard.standard.settings, np.zeros(len(rule.names), np.bool_)
    for number in numbers:
        block = people.blocks.take(number)
        population, factor = _scaled(block, scale)
        rows = people.inside(block)
        setting = rule.settings(block, np.where(rows, population, 0.0))[rows]
        seen[setting] = True
        count += len(setting)
        told = {name: block[name][rows] for name in ("row", "column", "district")}
        if area is None:
            told["district"] = np.zeros(len(setting), np.int32)
        lived += np.bincount(told["district"], weights=population[rows], minlength=len(names))
        groups = (block["groups"] * factor[:, None])[rows]
        told |= {"population": population[rows], "groups": groups, "setting": setting, "xy": block["lonlat"][rows]}
        people.blocks.put(number, **told)
    read_words(rule.names[seen], among=settings, n=int(seen.sum()), name="demand setting")
    demand = WindowedDemand(
        blocks=people.blocks,
        numbers=tuple(numbers),
        count=count,
        groups=people.groups,
        settings=settings,
        split=people.split,
        setting_names=rule.names,
        district_names=names,
        crs=WGS84,
    )
    findings += [] if area is None else report_empty(load, names, lived)
    return demand, findings + rule.told()


def _are_swapped(people: WindowedPeople, area: gpd.GeoDataFrame) -> bool:
    blocks = (people.blocks.take(number, "lonlat")["lonlat"] for number in people.numbers)
    return any((locate(lonlat[:, ::-1], area) >= 0).any() for lonlat in blocks)


def _held_against_totals(
    load: Loading, people: WindowedPeople, area: gpd.GeoDataFrame
) -> tuple[Scale | None, list[Finding]]:
    """Return what people are multiplied by, None where they are not; a district without any gets a point inside it."""
    table, column, name = load.settings.inputs.population, column_of_totals(load), people_source(load)
    if column is None:
        return None, []
    totals = read_totals(area, column, area_source(load))
    if not table.reconcile and table.totals is None:
        return None, compare_counts(people.counted, totals, source=name)
    scale, findings = Scale.of(people.counted, totals, source=name)
    if len(scale.empty):
        points = shapely.point_on_surface(area.geometry.to_numpy()[scale.empty])
        people.put(
            row=np.full(len(points), -1, np.int32),
            column=scale.empty.astype(np.int32),
            lonlat=shapely.get_coordinates(points),
            population=totals.to_numpy(dtype=np.float64)[scale.empty],
            groups=np.zeros((len(points), len(people.groups))),
            district=scale.empty.astype(np.int32),
        )
    return scale, findings + in_none(*people.in_none, name)


def _scaled(block: Block, scale: Scale | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the people of a block multiplied, and by what; those at a point of their district's own are its total."""
    population: NDArray[np.float64] = block["population"]
    if scale is None or (block["row"] < 0).any():
        return population, np.ones(len(population))
    return scale.scaled(population, block["district"].astype(np.intp))


class _Polygons:
    """Settings that polygons say."""

    def __init__(self, load: Loading) -> None:
        self._load, self._lost = load, 0.0
        self._shapes, said, self._findings = read_setting_shapes(load)
        self.names, self._code = np.unique(said, return_inverse=True)

    def settings(self, block: Block, counted: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the numbers of the settings of a block, of whom some people count."""
        at = locate(block["lonlat"], self._shapes)
        self._lost += float(counted[at < 0].sum())
        found: NDArray[np.intp] = self._code[at]
        return found

    def told(self) -> list[Finding]:
        """Return what was found, once all blocks are met."""
        return self._findings + report_outside_settings(self._load, self._lost)


class _Towns:
    """Settings that follow from the density of all people."""

    names = np.array(SETTINGS)

    def __init__(self, load: Loading, people: WindowedPeople, scale: Scale | None) -> None:
        if isinstance(load.settings.settlement.source, SettlementSource):
            refuse_no_column(load)
        grid, (rows, lost) = people.grid(lambda block: _scaled(block, scale)[0])
        self._grid, (self._named, touches) = grid, (np.empty(0, np.int8), False) if grid is None else grid.settled()
        told = Settlement(cells={}, people={}, touches_edge=touches, unplaced=rows, unplaced_people=lost)
        self._findings = [Finding(source=people_source(load), **note) for note in told.notes()]

    def settings(self, block: Block, _: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the numbers of the settings of a block: the strictest for people without a place."""
        found, placed = np.zeros(len(block["km"]), np.intp), in_grid(block["km"])
        if self._grid is not None:
            found[placed] = self._named[self._grid.place(block["km"][placed])]
        return found

    def told(self) -> list[Finding]:
        """Return what was found."""
        return self._findings
