"""The maps of an area in tiles: the page with all people, and for paper as few of them as it tells apart."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow.parquet as pq

from accessibility.demand import Demand
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, mercator
from accessibility.present.report.illustrations import Pictures
from accessibility.present.report.mapsketch import Paper, finest_pixel
from accessibility.sites import Sites
from accessibility.tiles.gathering import read_parts
from accessibility.tiles.measuring import ALIKE
from accessibility.tiles.pieces import load_widest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.present.map.tiledmap import TiledMap
    from accessibility.tiles.cutting import Cut
    from accessibility.tiles.gathering import Gathered
    from accessibility.tiles.measuring import Tile


def draw_whole(
    tiles: Sequence[Tile], whole: Gathered, page: TiledMap, opened: Sequence[str], aside: Path, folder: Path
) -> tuple[list[str], Pictures]:
    """Write the map of a dataset into its folder; return the names of its files, and what maps on paper are drawn from.

    Parameters
    ----------
    tiles
        All tiles, measured; with their pairs where sites open.
    whole
        The figures of all.
    page
        What the map says and shows beside the people.
    opened
        Ids of the sites that a proposal opens.
    aside
        A folder of its own for what is written aside; one that an ended run left is emptied.
    folder
        Where ``demand.parquet`` lies.
    """
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    cut, districts = tiles[0].cut, page.backdrop.districts
    corners = _corners(folder / "demand.parquet")
    few = FewPeople(corners, finest_pixel(corners, districts), find_gained(tiles, opened) if opened else None)
    names = page.write(cast("Coverage", whole), few.watch(read_parts(whole, folder)), aside, folder)
    ground = Paper.of(few.drawn(whole.sites), districts, load_widest(cut))
    after = few.drawn(_sites_with(cut, opened), after=True) if opened else None
    return names, Pictures(ground=ground, after=after)


def find_gained(tiles: Sequence[Tile], opened: Sequence[str]) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether people of all tiles, whom nobody covers, are covered by sites that open.

    Parameters
    ----------
    tiles
        All tiles, measured with their pairs, in the order of their rows.
    opened
        Ids of the sites.
    """
    ids = pq.read_table(tiles[0].cut.folder / "sites.parquet", columns=["id"])["id"].to_numpy()
    opens = np.isin(ids.astype(str), np.array(opened, dtype=str))
    found = []
    for tile in tiles:
        pairs = tile.read_pairs()
        gains = np.bincount(pairs.sites.line[opens[pairs.sites.item]], minlength=len(pairs.people)) > 0
        with tile.reading():
            row = pq.read_table(tile.path, columns=[ALIKE], page_checksum_verification=True)[ALIKE].to_numpy()
        found.append(np.append(gains, False)[row])
    return np.concatenate(found)


def _corners(dataset: Path) -> NDArray[np.float64]:
    """Return ``(2, 2)`` south-western and north-eastern corner of a dataset; ``(0, 2)`` where nobody has a place."""
    found = []
    for path in sorted(dataset.iterdir()):
        about = json.loads((pq.read_schema(path).metadata or {})[b"geo"])["columns"]["geometry"]
        box = np.array(about.get("bbox", [np.nan] * 4), dtype=float).reshape(2, 2)
        found += [box] if np.isfinite(box).all() else []
    if not found:
        return np.empty((0, 2))
    boxes = np.array(found)
    return np.array([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])


def _sites_with(cut: Cut, opened: Sequence[str]) -> Sites:
    """Return the sites that count when some are open."""
    table = pq.read_table(cut.folder / "sites.parquet", filters=[[("open", "==", True)], [("id", "in", [*opened])]])
    return Sites(
        ids=table["id"].to_numpy(),
        xy=np.column_stack([table[axis].to_numpy() for axis in "xy"]),
        kind=table["kind"].to_numpy().astype(str),
        open=np.ones(len(table), np.bool_),
        crs=cut.metric,
    )


_FAR, _CUT, _GAINED = 1, 2, 3  # covered is 0; of whom new sites cover the same and three more
_STATES = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class _Drawn:
    """Some people who stand for all; it answers the maps of a page as a `Coverage` does."""

    demand: Demand
    sites: Sites
    covered: NDArray[np.bool_]
    unreached: NDArray[np.bool_]
    study = None


class FewPeople:
    """People as few as a page tells apart: of one pixel and state they stand as one in the middle of their places.

    Parameters
    ----------
    corners
        ``(2, 2)`` degrees of the south-western and north-eastern corner of where they live; ``(0, 2)`` without places.
    pixel
        Side of a pixel in Web Mercator metres.
    gained
        ``(n,)`` whom new sites cover; None where none open.

    Examples
    --------
    >>> from types import SimpleNamespace as Part
    >>> import accessibility as acc
    >>> corners = np.array([[108.0, 30.0], [108.1, 30.1]])
    >>> few, yes = FewPeople(corners, 500.0, None), np.array([True, True, True])
    >>> at = np.array([[108.0, 30.0], [108.001, 30.0], [108.1, 30.1]])
    >>> part = Part(demand=Part(lonlat=at, population=np.array([3.0, 4, 5])), covered=yes, unreached=~yes)
    >>> [one.demand.population.sum() for one in few.watch([part])]
    [np.float64(12.0)]
    >>> hall = acc.Sites(ids=["H"], xy=[(108, 30)], crs="EPSG:4326")
    >>> few.drawn(hall).demand.population.tolist()[:2]
    [7.0, 5.0]
    """

    def __init__(self, corners: NDArray[np.float64], pixel: float, gained: NDArray[np.bool_] | None) -> None:
        self._corners, self._pixel, self._gained = corners, pixel, gained
        size = np.zeros(2, np.int64)
        if len(corners):
            size = 1 + np.floor(np.diff(mercator(corners), axis=0)[0] / pixel).astype(np.int64)
        self._size = size
        slots = (int(size.prod()) + 1) * _STATES  # the last pixel is of those without a place
        self._sums = np.zeros((slots, 3))  # people, degrees east and north
        self._points = np.zeros(slots, np.int64)

    def watch(self, parts: Iterable[Coverage]) -> Iterator[Coverage]:
        """Yield parts of the people, one after the other, and take note of each."""
        begin = 0
        for part in parts:
            end = begin + len(part.covered)
            self._add(part, None if self._gained is None else self._gained[begin:end])
            yield part
            begin = end

    def _add(self, part: Coverage, gained: NDArray[np.bool_] | None) -> None:
        lonlat = part.demand.lonlat
        placed = finite_rows(lonlat)
        state = np.where(part.covered, 0, np.where(part.unreached, _CUT, _FAR))
        if gained is not None:
            state = state + _GAINED * (gained & ~part.covered)
        pixel = np.full(len(state), self._size.prod(), np.int64)
        if placed.any():
            column, row = np.floor((mercator(lonlat[placed]) - mercator(self._corners[:1])) / self._pixel).T
            last = self._size - 1
            at = [np.clip(x, 0, most).astype(np.int64) for x, most in ((column, last[0]), (row, last[1]))]
            pixel[placed] = at[1] * self._size[0] + at[0]
        slot = pixel * _STATES + state
        # One after the other, so that nothing hangs on how many there are in a part.
        np.add.at(self._points, slot, 1)
        for column, values in enumerate((part.demand.population, *lonlat.T)):
            np.add.at(self._sums[:, column], slot, values)

    @cached_property
    def _slots(self) -> NDArray[np.intp]:
        return np.flatnonzero(self._points)

    @cached_property
    def _demand(self) -> Demand:
        at = self._slots
        people, lon, lat = self._sums[at].T
        # The corners are nobody's: the map of all would be as large.
        xy = np.concatenate([np.column_stack([lon, lat]) / self._points[at, None], self._corners])
        nobody = np.zeros(len(self._corners))
        return Demand(ids=range(len(xy)), xy=xy, population=np.append(people, nobody), crs=WGS84)  # type: ignore[arg-type]

    def drawn(self, sites: Sites, *, after: bool = False) -> Coverage:
        """Return who stands for everybody, today or when the new sites are open, for the maps of a page.

        Parameters
        ----------
        sites
            The sites that count then.
        after
            Whether the new sites are open. Who has no way today and is not covered then has none then.
        """
        state, gained = self._slots % _STATES % _GAINED, self._slots % _STATES >= _GAINED
        covered = (state == 0) | (gained if after else np.False_)
        nobody = np.zeros(len(self._corners), np.bool_)
        told: dict[str, Any] = {"covered": covered, "unreached": (state == _CUT) & ~covered}
        return cast(
            "Coverage",
            _Drawn(demand=self._demand, sites=sites, **{name: np.append(of, nobody) for name, of in told.items()}),
        )
