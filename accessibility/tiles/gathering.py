"""Tiles put together: a dataset in parts that do not hang on the tiles, and the figures of the whole."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from accessibility.measures.tables import tabulate_districts
from accessibility.present.layers.files import write_geoparquet
from accessibility.tiles.cutting import GROUP_OF_PEOPLE
from accessibility.tiles.measuring import AT_SPEED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.standards import Standard, Walker
    from accessibility.tiles.cutting import Cut
    from accessibility.tiles.measuring import Asked, Tile

PART_ROWS = 262_144
"""Rows of each part of the dataset but the last."""
_OF_TILES = ("unreached", "covered_radius")


@dataclass(frozen=True, kw_only=True, eq=False)
class Everybody:
    """What is known of all people, however they were dealt out to tiles.

    Parameters
    ----------
    population
        ``(n,)`` people.
    setting, district
        ``(n,)`` categories.
    settings
        Names of the settings.
    groups
        Name to ``(n,)`` people of that group.
    """

    population: NDArray[np.float64]
    setting: pd.Categorical
    settings: tuple[str, ...]
    district: pd.Categorical
    groups: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """The figures of an area that was measured in tiles; it answers the tables as a `Coverage` does.

    Parameters
    ----------
    demand
        Its people.
    standard, walker
        What near enough means and how they walk.
    covered, covered_radius, unreached, beyond
        ``(n,)`` of everybody: within the standard; so with straight lines; without any way; with a longer one than
        is told.
    walk_s
        ``(n,)`` seconds to the nearest site; NaN where there is no way or a longer one than is told.
    """

    demand: Everybody
    standard: Standard
    walker: Walker
    covered: NDArray[np.bool_]
    covered_radius: NDArray[np.bool_]
    unreached: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    walk_s: NDArray[np.float64]
    at_speeds: Mapping[float, NDArray[np.bool_]] = field(default_factory=dict)

    @cached_property
    def population(self) -> float:
        """All people."""
        return float(self.demand.population.sum())

    @cached_property
    def covered_people(self) -> float:
        """People within the standard."""
        return self._people(self.covered)

    @property
    def uncovered_people(self) -> float:
        """People not within the standard."""
        return self._people(~self.covered)

    @property
    def limited_people(self) -> float:
        """Nobody: tiles refuse people with limits of their own."""
        return 0.0

    @property
    def service(self) -> None:
        """Nobody is told apart by room: tiles refuse sites with a capacity."""
        return None

    @property
    def unreached_people(self) -> float:
        """People without a way to any site that counts."""
        return self._people(self.unreached)

    @property
    def beyond_people(self) -> float:
        """People who have a longer way than is told."""
        return self._people(self.beyond)

    @property
    def share(self) -> float:
        """Covered people over all people, 0 to 1; NaN where there is nobody."""
        return self._share(self.covered)

    @property
    def share_radius(self) -> float:
        """The share with every distance rule read as a straight line."""
        return self._share(self.covered_radius)

    @property
    def share_at(self) -> dict[float, float]:
        """The share at other speeds."""
        return {speed: self._share(covered) for speed, covered in self.at_speeds.items()}

    def at(self, speed_m_s: float) -> Gathered:
        """Return who is covered at another speed that was asked for."""
        return replace(self, covered=self.at_speeds[speed_m_s])

    def _people(self, rows: NDArray[np.bool_]) -> float:
        return float(self.demand.population[rows].sum())

    def _share(self, rows: NDArray[np.bool_]) -> float:
        return self._people(rows) / self.population if self.population > 0 else float("nan")


def gather_tiles(tiles: Sequence[Tile], asked: Asked, folder: Path) -> Gathered:
    """Write the dataset of all tiles into a folder, and return the figures of the whole.

    Parameters
    ----------
    tiles
        All tiles, measured, in the order of their rows.
    asked
        What was asked of them.
    folder
        Where the parts go.
    """
    cut = tiles[0].cut
    folder.mkdir()
    kept: list[pd.DataFrame] = []
    for number, part in enumerate(_parts(tiles)):
        hidden = [c for c in part.columns if c in _OF_TILES or c.startswith((AT_SPEED, GROUP_OF_PEOPLE))]
        write_geoparquet(part.drop(columns=hidden), folder / f"part-{number:05d}.parquet")
        kept.append(_figures(part, cut, hidden))
    return _whole(kept, cut, asked)


def _parts(tiles: Sequence[Tile]) -> Iterator[gpd.GeoDataFrame]:
    """Yield the rows of all tiles, `PART_ROWS` at a time."""
    waiting: list[gpd.GeoDataFrame] = []
    rows = 0
    for tile in tiles:
        with tile.path.open("rb") as file:
            waiting.append(gpd.read_parquet(file))
        rows += len(waiting[-1])
        while rows >= PART_ROWS:
            joined = pd.concat(waiting, ignore_index=True)
            yield joined.iloc[:PART_ROWS]
            waiting = [joined.iloc[PART_ROWS:]]
            rows -= PART_ROWS
    if rows:
        yield pd.concat(waiting, ignore_index=True)


def _figures(part: pd.DataFrame, cut: Cut, hidden: Sequence[str]) -> pd.DataFrame:
    """Return what the tables need of some rows, in few bytes."""
    found = part[["population", "walk_s", "covered", "beyond", *hidden]].copy()
    found["setting"] = pd.Categorical(part["setting"], categories=list(cut.settings))
    found["district"] = pd.Categorical(part["district"], categories=list(cut.districts))
    return found


def _whole(kept: Sequence[pd.DataFrame], cut: Cut, asked: Asked) -> Gathered:
    rows = pd.concat(kept, ignore_index=True)
    flags = {name: rows[name].to_numpy(bool) for name in ("covered", "covered_radius", "unreached", "beyond")}
    people = Everybody(
        population=rows["population"].to_numpy(float),
        setting=rows["setting"].array,
        settings=cut.settings,
        district=rows["district"].array,
        groups={name: rows[f"{GROUP_OF_PEOPLE}{name}"].to_numpy(float) for name in cut.groups},
    )
    return Gathered(
        demand=people,
        standard=asked.standard,
        walker=asked.walker,
        walk_s=rows["walk_s"].to_numpy(float),
        at_speeds={speed: rows[f"{AT_SPEED}{speed:g}"].to_numpy(bool) for speed in asked.speeds_m_s},
        **flags,
    )


def tabulate_whole(whole: Gathered, cut: Cut) -> pd.DataFrame:
    """Return the table of the districts, as ``districts.csv`` has it.

    Where somebody of a district has a longer way than is told, its mean is not known; a quantile is where it does not
    fall on them.
    """
    sites = pq.read_table(cut.folder / "sites.parquet", filters=[("open", "==", True)]).to_pandas()
    codes = pd.Categorical(sites["district"], categories=list(cut.districts)).codes
    of_sites = pd.DataFrame({"kind": sites["kind"], "row": codes.astype(np.intp)})
    table = tabulate_districts(whole, whole.demand.district.codes.astype(np.intp), of_sites, list(cut.districts))
    far = whole.beyond & np.isnan(whole.walk_s) & (whole.demand.population > 0)
    names = [*cut.districts, "(none)"]
    somebody = {names[code] for code in np.unique(whole.demand.district.codes[far])} | (
        {"total"} if far.any() else set()
    )
    table["walk_min_mean"] = table["walk_min_mean"].mask(table["district"].isin(somebody))
    return table
