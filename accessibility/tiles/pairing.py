"""Where to open over all tiles: asked as a whole, or on disk in parts that share no person and no candidate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.spatial import cKDTree

from accessibility.errors import InputError
from accessibility.geo.projection import WGS84, transform
from accessibility.present.layers.files import PROPOSED_COLUMNS
from accessibility.sites import Sites
from accessibility.siting import Conditions, Problem
from accessibility.siting.budgets import SharedPlan, order_openings, share_budget
from accessibility.siting.limits import TOTAL, Limits
from accessibility.siting.numbers import CLOSE
from accessibility.siting.pairs import Pairs, transposed
from accessibility.siting.problem import NO_DISTRICT
from accessibility.sources.files import passing_folder
from accessibility.streets.search.packing import hilbert_rank, label_components
from accessibility.study.proposing import Question, SitingCase
from accessibility.tiles.measuring import AlikePeople

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.tiles.cutting import Cut
    from accessibility.tiles.gathering import Gathered
    from accessibility.tiles.measuring import Tile

WHOLE_PAIRS = 20_000_000
"""Pairs of a question that is asked as a whole."""
PART_PAIRS = 2_000_000
"""Pairs of a part, where it is not one that cannot be parted: some 100 MB while it is solved."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NationalPlan:
    """A proposal for an area that was measured in tiles; it answers a report as a `SitingPlan` does."""

    model = "mclp"
    bound_by = "certificate"  # the sum of prices, see accessibility.siting.budgets
    closed = ()
    question: Question  # what was asked
    table: pd.DataFrame  # one row per site, in opening order, with the columns of `sites.csv`
    # objective, bound, cost: people covered, those covered today included; what no plan exceeds; what it costs
    objective: float
    bound: float
    cost: float
    covered_before: float  # people covered today
    # parts, candidates, pairs: how many parts the question fell into, and how large it was
    parts: int
    candidates: int
    pairs: int

    @property
    def gap(self) -> float:
        """How far the bound is above the plan, relatively."""
        return (self.bound - self.objective) / max(1.0, self.objective)

    @property
    def status(self) -> str:
        """Whether the gap is closed."""
        return "optimal" if self.gap <= CLOSE else "feasible"

    @property
    def selected(self) -> tuple[str, ...]:
        """Ids of the sites to open, in their order."""
        return tuple(map(str, self.table["id"]))

    @property
    def covered_people(self) -> float:
        """People covered when all of them are open."""
        return self.objective

    @property
    def budget(self) -> float | None:
        """What it may cost."""
        return self.question.budget

    @property
    def sites_limit(self) -> int | None:
        """How many sites may open."""
        return self.question.sites

    def record(self) -> dict[str, Any]:
        """Return what a manifest says about the plan, with the names that it has for one of a whole."""
        return {
            "model": self.model,
            "status": self.status,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "bound_by": self.bound_by,
            "ended_by": "work",
            "time_limit_s": None,
            "selected": [*self.selected],
            "closed": [],
            "cost": self.cost,
            "covered_people": self.covered_people,
            "question": self.question.record(),
            "candidates": self.candidates,
            "message": "",
        }


def propose_over_tiles(tiles: Sequence[Tile], question: Question, whole: Gathered) -> SitingCase | NationalPlan:
    """Return where to open over all tiles: as in a study in memory, or in parts where there are too many pairs.

    Parameters
    ----------
    tiles
        All tiles, measured with their pairs.
    question
        What is asked.
    whole
        All tiles together.

    Returns
    -------
    SitingCase or NationalPlan
        The latter where it was answered in parts.

    Raises
    ------
    InputError
        A study that names no candidate, conditions about what is not there.
    """
    sites = pq.read_table(tiles[0].cut.folder / "sites.parquet").to_pandas()
    if not sites["may_open"].any():
        msg = "no bank branch and no candidate could open; expected some: tiles make none on the streets"
        raise InputError(msg)
    limits = Limits.of(question.sites, question.budget, question.limits)
    part_of, pairs = _deal_parts(tiles, sites, _ties(sites, limits.conditions))
    if pairs <= WHOLE_PAIRS or question.model != "mclp" or question.reach is not None:
        problem = merge_tiles(tiles, whole)
        return SitingCase(question=question, problem=problem, plan=question.solve(problem))
    names, place = _named_districts(tiles[0].cut, whole)
    with passing_folder(tiles[0].folder) as folder:
        paths = _write_parts(tiles, part_of, folder)
        parts = [partial(load_part, path, sites.iloc[rows], names, place) for path, rows in paths]
        needs = _needs(limits.conditions, whole, names, place)
        plan = share_budget(parts, limits, needs, gap=question.gap, folder=folder)
        return NationalPlan(
            question=question,
            table=_table(tiles[0].cut, sites, parts, plan, (whole.covered_people, whole.population)),
            objective=whole.covered_people + plan.objective,
            bound=min(whole.covered_people + plan.bound, whole.population),
            cost=plan.spent,
            covered_before=whole.covered_people,
            parts=len(parts),
            candidates=int(sites["may_open"].sum()),
            pairs=pairs,
        )


def _needs(
    asked: Conditions, whole: Gathered, names: tuple[str, ...], place: NDArray[np.int32]
) -> dict[str, float] | None:
    """Return the people who have to be covered in each district beside those covered today; None without floors."""
    if not (asked.floor or asked.floors):
        return None
    unknown = sorted(set(asked.floors) - set(names or (TOTAL,)))
    if unknown:
        msg = f"floors name {unknown[:10]}, which are no districts; there are {', '.join(map(repr, names))}"
        raise InputError(msg)
    if not names:
        return {TOTAL: asked.floors.get(TOTAL, asked.floor) * whole.population - whole.covered_people}
    home = np.roll(place, 1) + 1  # those in none first, as by district
    all_of, now = (np.bincount(home, whole.by_district(who), len(names) + 1)[1:] for who in (None, whole.covered))
    shares = np.array([asked.floors.get(name, asked.floor) for name in names])
    return dict(zip(names, (shares * all_of - now).tolist(), strict=True))


def _named_districts(cut: Cut, whole: Gathered) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the districts where somebody lives, by name as in memory, and the place of each of the cut among them."""
    codes = np.unique(whole.demand.district.codes)
    codes = codes[codes >= 0]
    codes = codes[np.argsort([cut.districts[code] for code in codes.tolist()])]
    place = np.full(len(cut.districts) + 1, NO_DISTRICT, np.int32)
    place[codes] = np.arange(len(codes))
    return tuple(cut.districts[code] for code in codes.tolist()), place


def merge_tiles(tiles: Sequence[Tile], whole: Gathered) -> Problem:
    """Return the question of all tiles together; its demand points are rows of people who are alike.

    Parameters
    ----------
    tiles
        All tiles, measured with their pairs.
    whole
        All tiles together: who is covered today stands in a row for each district, near a site that counts.
    """
    cut = tiles[0].cut
    table = pq.read_table(cut.folder / "sites.parquet")
    rows = np.flatnonzero(table["open"].to_numpy() | table["may_open"].to_numpy())
    sites = _sites(cut, table.take(pa.array(rows)))
    covered = whole.by_district(whole.covered)
    where = np.flatnonzero(covered > 0)
    one = Pairs(start=np.arange(len(where) + 1), item=np.full(len(where), rows[np.argmax(sites.open)], np.int32))
    now = AlikePeople(
        people=covered[where], points=np.ones(len(where), np.int64), district=(where - 1).astype(np.int32), sites=one
    )
    left = AlikePeople.joined(tile.read_pairs() for tile in tiles)
    people = AlikePeople.joined((left.merged(), now))
    by_row = Pairs(start=people.sites.start, item=np.searchsorted(rows, people.sites.item).astype(np.int32))
    pairs = transposed(by_row, len(rows))
    names, place = _named_districts(cut, whole)
    return Problem(
        **_reached(people, pairs),
        site_cost=sites.cost,
        open=sites.open,
        candidate=sites.may_open,
        kind=sites.kind.astype(object),
        bank=sites.bank,
        ids=sites.ids,
        site_xy=sites.xy,
        sites=sites,
        district=place[people.district],
        districts=names,
    )


def _sites(cut: Cut, table: pa.Table) -> Sites:
    """Return rows of a cut's sites."""
    given: dict[str, Any] = {name: table[name].to_numpy() for name in ("name", "open", "cost", "bank")}
    return Sites(
        ids=table["id"].to_numpy(),
        xy=np.column_stack([table[axis].to_numpy() for axis in "xy"]),
        kind=table["kind"].to_numpy().astype(str),
        crs=cut.metric,
        **given,
    )


def _ties(sites: pd.DataFrame, asked: Conditions) -> NDArray[np.intp]:
    """Return ``(k, 2)`` rows of sites that exclude each other: they belong into one part."""
    rows = np.flatnonzero(sites["open"] | sites["may_open"])
    near = np.empty((0, 2), np.intp)
    if asked.spacing_m > 0:
        near = rows[cKDTree(sites[["x", "y"]].to_numpy()[rows]).query_pairs(asked.spacing_m, output_type="ndarray")]
    place = {site: row for row, site in enumerate(sites["id"])} if asked.exclusive else {}
    told = [[place[site] for site in pair] for pair in asked.exclusive if set(pair) <= place.keys()]
    return np.concatenate([near, np.array(told, np.intp).reshape(-1, 2)])


def _deal_parts(tiles: Sequence[Tile], sites: pd.DataFrame, ties: NDArray[np.intp]) -> tuple[NDArray[np.int64], int]:
    """Return the part of every site, components that lie near each other together in one, and the number of pairs.

    Pairs of people who are alike count each, so that nothing hangs on who stands in one tile.
    """
    links, count = [ties], np.zeros(len(sites), np.int64)
    for tile in tiles:
        rows = tile.read_pairs()
        start, site = rows.sites.start, rows.sites.item
        count += np.bincount(site, rows.points[rows.sites.line], len(sites)).astype(np.int64)
        inner = np.ones(max(len(site) - 1, 0), np.bool_)
        inner[start[1:-1][(start[1:-1] > 0) & (start[1:-1] < len(site))] - 1] = False
        links.append(np.unique(np.column_stack([site[:-1][inner], site[1:][inner]]), axis=0))
    first, second = np.concatenate(links).reshape(-1, 2).T
    component = label_components(len(sites), first, second)
    # Along a curve that fills the plane: a part then has most of its districts to itself.
    at = np.full(component.max(initial=-1) + 1, len(sites), np.int64)
    np.minimum.at(at, component, hilbert_rank(sites[["x", "y"]].to_numpy(float)).astype(np.int64))
    order = np.argsort(at)
    size = np.bincount(component, weights=count)[order]
    part = np.empty(len(order), np.int64)
    part[order] = (np.cumsum(size) - size) // PART_PAIRS
    return part[component], int(count.sum())


def _write_parts(
    tiles: Sequence[Tile], part_of: NDArray[np.int64], folder: Path
) -> list[tuple[Path, NDArray[np.intp]]]:
    """Write the rows of each part into a file, tile by tile; return the files, and the sites of each part."""
    writers: dict[int, pq.ParquetWriter] = {}
    try:
        for tile in tiles:
            rows = tile.read_pairs()
            rows = rows.take(np.flatnonzero(rows.sites.lengths > 0))
            part = part_of[rows.sites.item[rows.sites.start[:-1]]]
            for number in np.unique(part).tolist():
                table = rows.take(np.flatnonzero(part == number)).table
                if number not in writers:
                    writers[number] = pq.ParquetWriter(folder / f"{number:06d}.parquet", table.schema)
                writers[number].write_table(table)
    finally:
        for writer in writers.values():
            writer.close()
    return [(folder / f"{number:06d}.parquet", np.flatnonzero(part_of == number)) for number in sorted(writers)]


def _reached(people: AlikePeople, pairs: Pairs) -> dict[str, Any]:
    """Return what a question has of people and of the sites that each is within the standard of, however far."""
    n = len(pairs.item)
    reach = {"start": pairs.start, "demand": pairs.item, "cost": np.zeros(n), "within": np.ones(n, np.bool_)}
    return {"people": people.people, **reach}


def load_part(path: Path, sites: pd.DataFrame, districts: tuple[str, ...], place: NDArray[np.int32]) -> Problem:
    """Return the question of a part, whose people nobody covers today.

    Parameters
    ----------
    path
        Its people.
    sites
        Its sites, indexed by row of the cut.
    districts, place
        All districts, and the place among them of each of the cut.
    """
    people = AlikePeople.read(path).merged()
    there = sites[sites["open"] | sites["may_open"]]
    row = np.searchsorted(there.index.to_numpy(), people.sites.item).astype(np.int32)
    return Problem(
        **_reached(people, transposed(Pairs(start=people.sites.start, item=row), len(there))),
        district=place[people.district],
        districts=districts,
        site_cost=there["cost"].to_numpy(float),
        open=there["open"].to_numpy(),
        candidate=there["may_open"].to_numpy(),
        kind=there["kind"].to_numpy(object),
        bank=there["bank"].to_numpy(object),
        ids=there["id"].to_numpy(object),
        site_xy=there[["x", "y"]].to_numpy(float),
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
    place: dict[object, int] = {site_id: row for row, site_id in enumerate(sites["id"])}
    for rank, (_, site_id, gain) in enumerate(order_openings(parts, plan), start=1):
        site = sites.iloc[place[site_id]]
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
