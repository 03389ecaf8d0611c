"""Whom each candidate would cover, from all tiles: on disk, in parts that share no person and no candidate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from accessibility.errors import InputError
from accessibility.geo.projection import WGS84, transform
from accessibility.present.layers.tables import PROPOSED_COLUMNS
from accessibility.siting.budgets import SharedPlan, order_openings, share_budget
from accessibility.siting.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.tiles.cutting import Cut
    from accessibility.tiles.measuring import Tile

PART_PAIRS = 2_000_000
"""Pairs of a part, where it is not one that cannot be parted: some 100 MB while it is solved."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NationalPlan:
    """A proposal for an area that was measured in tiles.

    Parameters
    ----------
    table
        One row per site, in opening order, with the columns of ``sites.csv``.
    objective, bound, cost
        People covered, those covered today included; what no plan exceeds; what it costs.
    parts, candidates, pairs
        How many parts the question fell into, and how large it was.
    """

    table: pd.DataFrame
    objective: float
    bound: float
    cost: float
    parts: int
    candidates: int
    pairs: int

    @property
    def gap(self) -> float:
        """How far the bound is above the plan, relatively."""
        return (self.bound - self.objective) / max(1.0, self.objective)


def propose_over_tiles(tiles: Sequence[Tile], budget: float, covered: float, population: float) -> NationalPlan:
    """Return where to open for one budget over all tiles.

    Parameters
    ----------
    tiles
        All tiles, measured with their pairs.
    budget
        Greatest total cost.
    covered, population
        People covered today, and all people.

    Raises
    ------
    InputError
        A study that names no candidate.
    """
    cut, folder = tiles[0].cut, tiles[0].folder / "parts"
    sites = pq.read_table(cut.folder / "sites.parquet").to_pandas()
    if not sites["may_open"].any():
        msg = "no bank branch and no candidate could open; expected some: tiles make none on the streets"
        raise InputError(msg)
    part_of, pairs = _deal_parts(tiles, len(sites))
    paths = _write_parts(tiles, part_of, folder)
    cost = sites["cost"].to_numpy(float)
    parts = [partial(load_part, path, cost) for path in paths]
    plan = share_budget(parts, budget)
    return NationalPlan(
        table=_table(cut, sites, parts, plan, (covered, population)),
        objective=covered + plan.objective,
        bound=min(covered + plan.bound, population),
        cost=plan.spent,
        parts=len(parts),
        candidates=int(sites["may_open"].sum()),
        pairs=pairs,
    )


def _lists(path: Path) -> tuple[pa.Table, NDArray[np.int64], NDArray[np.int32]]:
    """Return a file of pairs: the table, where each row's sites begin, and the sites."""
    table = pq.read_table(path, page_checksum_verification=True)
    lengths = pc.list_value_length(table["sites"]).to_numpy()
    return table, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), pc.list_flatten(table["sites"]).to_numpy()


def _deal_parts(tiles: Sequence[Tile], sites: int) -> tuple[NDArray[np.int64], int]:
    """Return the part of every site, small components together in one, and the number of pairs."""
    links, count = [], np.zeros(sites, np.int64)
    for tile in tiles:
        _, start, site = _lists(tile.pairs_path)
        count += np.bincount(site, minlength=sites)
        inner = np.ones(max(len(site) - 1, 0), np.bool_)
        inner[start[1:-1][(start[1:-1] > 0) & (start[1:-1] < len(site))] - 1] = False
        links.append(np.unique(np.column_stack([site[:-1][inner], site[1:][inner]]), axis=0))
    first, second = np.concatenate(links).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(sites, sites))
    component = connected_components(graph.tocsr(), directed=False)[1]
    size = np.bincount(component, weights=count)
    part = (np.cumsum(size) - size) // PART_PAIRS
    return part.astype(np.int64)[component], int(count.sum())


def _write_parts(tiles: Sequence[Tile], part_of: NDArray[np.int64], folder: Path) -> list[Path]:
    """Write the rows of each part into a file, tile by tile."""
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[int, pq.ParquetWriter] = {}
    try:
        for tile in tiles:
            table, start, site = _lists(tile.pairs_path)
            part = part_of[site[start[:-1]]]
            for number in np.unique(part).tolist():
                if number not in writers:
                    writers[number] = pq.ParquetWriter(folder / f"{number:06d}.parquet", table.schema)
                writers[number].write_table(table.filter(pa.array(part == number)))
    finally:
        for writer in writers.values():
            writer.close()
    return [folder / f"{number:06d}.parquet" for number in sorted(writers)]


def load_part(path: Path, cost: NDArray[np.float64]) -> Problem:
    """Return the question of a part; the ids of its sites are the rows of the cut."""
    table, begin, found = _lists(path)
    rows, site = np.unique(found, return_inverse=True)
    person = np.repeat(np.arange(len(table)), np.diff(begin))
    order = np.lexsort((person, site))
    return Problem(
        people=table["people"].to_numpy(),
        start=np.searchsorted(site[order], np.arange(len(rows) + 1)),
        demand=person[order].astype(np.int32),
        cost=np.zeros(len(site)),
        within=np.ones(len(site), np.bool_),
        site_cost=cost[rows],
        ids=rows.astype(object),
    )


def _table(
    cut: Cut, sites: pd.DataFrame, parts: Sequence[Callable[[], Problem]], plan: SharedPlan, of: tuple[float, float]
) -> pd.DataFrame:
    covered, population = of
    return pd.DataFrame(list(_rows(cut, sites, parts, plan, covered, population)), columns=list(PROPOSED_COLUMNS))


def _rows(
    cut: Cut,
    sites: pd.DataFrame,
    parts: Sequence[Callable[[], Problem]],
    plan: SharedPlan,
    covered: float,
    population: float,
) -> Iterator[dict[str, Any]]:
    order = order_openings(parts, plan)
    ids = [part().ids for part in parts]
    for rank, (part, row, gain) in enumerate(order, start=1):
        site = sites.iloc[int(ids[part][row])]
        ((lon, lat),) = transform(np.array([[site["x"], site["y"]]]), cut.metric, WGS84)
        covered += gain
        yield {
            "rank": rank,
            **{name: site[name] for name in ("id", "name", "kind", "cost")},
            "lon": lon,
            "lat": lat,
            "gain_people": gain,
            "covered_people": covered,
            "covered_share": covered / population,
            "marginal_per_cost": gain / site["cost"] if site["cost"] > 0 else np.nan,
        }
