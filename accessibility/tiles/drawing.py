"""The map of tiles put together, from the parts of their dataset."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import geopandas as gpd
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.present.map.tiledmap import TiledMap
    from accessibility.standards import Standard
    from accessibility.tiles.gathering import Gathered


@dataclass(frozen=True, kw_only=True, eq=False)
class _People:
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    setting: NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Some rows of the dataset; it answers the classes of a map as a `Coverage` does."""

    demand: _People
    standard: Standard
    covered: NDArray[np.bool_]
    unreached: NDArray[np.bool_]
    walk_s: NDArray[np.float64]
    metres: NDArray[np.float64]
    radius_m: NDArray[np.float64]

    @property
    def limited_settings(self) -> dict[str, float]:
        """Nobody: who has a limit of their own is counted in the whole."""
        return {}


def map_whole(whole: Gathered, drawn: TiledMap, aside: Path, folder: Path) -> list[str]:
    """Write the map of the dataset in a folder into the same folder; return the names of its files.

    Parameters
    ----------
    whole
        The figures of all.
    drawn
        What the map says and shows beside the people.
    aside
        A folder of its own for what is written aside; one that an ended run left is emptied.
    folder
        Where ``demand.parquet`` lies.
    """
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    parts = cast("Iterator[Coverage]", _parts(folder / "demand.parquet", whole.standard))
    return drawn.write(cast("Coverage", whole), parts, aside, folder)


def _parts(dataset: Path, standard: Standard) -> Iterator[_Part]:
    for path in sorted(dataset.iterdir()):
        rows = gpd.read_parquet(path)
        beyond = rows["beyond"].to_numpy(bool)
        walk_s, metres = (rows[name].to_numpy(float) for name in ("walk_s", "network_m"))
        yield _Part(
            demand=_People(
                lonlat=np.column_stack([rows.geometry.x, rows.geometry.y]),
                population=rows["population"].to_numpy(float),
                setting=rows["setting"].to_numpy(dtype=object),
            ),
            standard=standard,
            covered=rows["covered"].to_numpy(bool),
            unreached=np.isnan(walk_s) & np.isnan(metres) & ~beyond,
            walk_s=np.where(beyond & np.isnan(walk_s), np.inf, walk_s),
            metres=np.where(beyond & np.isnan(metres), np.inf, metres),
            radius_m=rows["radius_m"].to_numpy(float),
        )
