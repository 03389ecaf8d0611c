"""One tile measured: the questions of a whole study, and proof that nothing beyond its halo matters; people as one."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from accessibility.errors import OutputError
from accessibility.measures.catchments import trace_catchments
from accessibility.measures.coverage import Coverage, measure_coverage, search_nearest
from accessibility.measures.service import used_of_limit
from accessibility.measures.tables import demand_table
from accessibility.siting.pairs import Pairs, merged_rows, transposed
from accessibility.sources.files import write_aside
from accessibility.standards import M_PER_KM, S_PER_MIN
from accessibility.streets.snapping import Snapped
from accessibility.tiles.cutting import GROUP_OF_PEOPLE
from accessibility.tiles.pieces import load_piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.standards import Rule, Standard, Walker
    from accessibility.tiles.cutting import Cut
    from accessibility.tiles.pieces import Piece


HALO_M = 10_000.0
"""How far along the streets every distance is told; the widest class of the maps."""
AT_SPEED = "covered at "
"""What stands before a speed in the names of columns that say who is covered at it."""
OWN_WALK = "own walk: "
"""What stands before what is found of a group by its own walker, and its name, in the names of columns."""
ALIKE = "alike"
"""The column that says which row of the pairs people belong to; -1 of those whom somebody covers, or nobody would."""
IN_LINE = ("used", "turn")
"""Columns that say who comes first at a site: how much of a limit is used, and the row in the study."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of every tile."""

    # standard, walker: what near enough means and how people walk
    standard: Standard
    walker: Walker
    speeds_m_s: tuple[float, ...] = ()  # speeds at which the share covered is told, too
    halo_m: float = HALO_M  # how far along the streets every distance is told, at least
    pairs: bool = False  # whether it is also asked whom each candidate would cover
    # longest_s, longest_m: the longest limits that people have of their own
    longest_s: float = 0.0
    longest_m: float = 0.0
    served: bool = False  # whether it is also asked who comes first at a site
    # names of the groups of people that have a walker of their own, and these
    groups: tuple[tuple[str, Walker], ...] = ()

    @property
    def limit_m(self) -> float:
        """Up to which every distance is told: `halo_m`, more where a rule, somebody's own limit or a class is wider."""
        return max(self.halo_m, self.longest_rule_m, M_PER_KM * self.standard.distance_classes[-1])

    @property
    def limit_s(self) -> float:
        """Up to which every walk is told: that of `halo_m`, more where a rule, somebody's own limit or a class is."""
        return max(self.halo_m / self.walker.speed_m_s, self.longest_rule_s, S_PER_MIN * self.standard.walk_classes[-1])

    @property
    def longest_rule_s(self) -> float:
        """The longest walk that a rule, or somebody's own limit, allows."""
        return max([self.longest_s, *(rule.limit for rule in self._rules if rule.measure == "walk")])

    @property
    def longest_rule_m(self) -> float:
        """The longest distance that a rule, or somebody's own limit, allows."""
        return max([self.longest_m, *(rule.limit for rule in self._rules if rule.measure != "walk")])

    @property
    def _rules(self) -> list[Rule]:
        return [rule for _, rule in self.standard.rules]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Which people, of which cut, and where the result goes."""

    cut: Cut  # where they are cut from
    # first, last: rows of people, the last one not among them
    first: int
    last: int
    folder: Path  # where results lie

    @property
    def path(self) -> Path:
        """Where the result goes."""
        return self.folder / f"{self.first:012d}-{self.last:012d}.parquet"

    @property
    def pairs_path(self) -> Path:
        """Where it goes whom each candidate would cover."""
        return self.folder / "pairs" / self.path.name

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raise, and remove the tile so that the next run measures it again, where what lies of it cannot be read.

        Raises
        ------
        OutputError
            A file that is damaged or not there.
        """
        try:
            yield
        except (OSError, ValueError) as error:  # pyarrow's own errors among them
            with suppress(OSError):
                self.path.unlink()
            msg = (
                f"the tile of the rows {self.first:,} to {self.last:,} cannot be read ({error}); it was removed, the "
                "others are kept: run the same again"
            )
            raise OutputError(msg) from error

    def read_pairs(self) -> AlikePeople:
        """Return whom each candidate would cover; raises as `reading`."""
        with self.reading():
            return AlikePeople.read(self.pairs_path)

    @classmethod
    def measured(cls, cut: Cut, folder: Path) -> Iterator[Tile]:
        """Yield the tiles of a cut whose results lie whole in a folder; what does not is removed."""
        for path in folder.glob("*.parquet"):
            try:
                first, last = (int(part) for part in path.stem.split("-"))
                rows = pq.read_table(path, columns=["id"], page_checksum_verification=True).num_rows
            except (OSError, ValueError):  # pyarrow's own errors among them
                rows = first = last = -1
            if rows == last - first:
                yield cls(cut=cut, first=first, last=last, folder=folder)
            else:
                path.unlink()

    def halves(self) -> tuple[Tile, Tile]:
        """Return the tile in two parts."""
        middle = (self.first + self.last) // 2
        return replace(self, last=middle), replace(self, first=middle)


def measure_tile(tile: Tile, asked: Asked) -> Tile:
    """Measure a tile and write its rows; return it.

    Every distance within the limits is that of the whole study. Where streets beyond the halo could matter, a ferry
    say, the halo is widened until they cannot.
    """
    halo_m = asked.limit_m
    while (rows := _measure(piece := load_piece(tile.cut, tile.first, tile.last, halo_m), asked)) is None:
        halo_m *= 2
    if asked.pairs:
        rows.insert(0, ALIKE, write_pairs(piece, asked, rows["covered"].to_numpy(), tile))
    with write_aside(tile.path) as aside, aside.open("wb") as file:
        rows.to_parquet(file, index=False, compression="zstd", schema_version="1.1.0", write_page_checksum=True)
    return tile


def _measure(piece: Piece, asked: Asked) -> gpd.GeoDataFrame | None:
    """Return the rows of a tile; None where its halo is too narrow to be sure of one of them."""
    now, out = _ask(piece, asked, asked.walker)
    if not (_is_sure(now.walk_s, out.walk_s, asked.limit_s) and _is_sure(now.metres, out.metres, asked.limit_m)):
        return None
    far_s, far_m = now.walk_s > asked.limit_s, now.metres > asked.limit_m
    beyond_s = far_s | (np.isnan(now.walk_s) & piece.leads)
    beyond_m = far_m | (np.isnan(now.metres) & piece.leads)
    rows = demand_table(now, pd.Series(piece.district, index=piece.demand.ids))
    undecided = _by_own_rule(now, {"walk": beyond_s, "network": beyond_m, "radius": np.zeros_like(beyond_m)})
    rows["nearest_site"] = rows["nearest_site"].mask(undecided)
    rows["walk_s"] = rows["walk_s"].mask(beyond_s)
    rows["network_m"] = rows["network_m"].mask(beyond_m)
    rows["beyond"] = beyond_s | beyond_m
    rows["unreached"] = now.unreached & ~piece.leads
    rows["covered_radius"] = now.covered_radius
    for speed in asked.speeds_m_s:
        at, out = _ask(piece, asked, replace(asked.walker, speed_m_s=speed))
        if not _is_sure(at.walk_s, out.walk_s, asked.longest_rule_s):
            return None
        rows[f"{AT_SPEED}{speed:g}"] = at.covered
    if asked.served:
        rows["used"], rows["turn"] = used_of_limit(now), piece.turn
    walks = _by_own_walkers(piece, asked)
    if walks is None:
        return None
    for name, people in piece.demand.groups.items():
        rows[f"{GROUP_OF_PEOPLE}{name}"] = people
    rows = rows.assign(**walks)
    return rows[[*rows.columns.drop("geometry"), "geometry"]]


def _by_own_walkers(piece: Piece, asked: Asked) -> dict[str, NDArray[Any]] | None:
    """Return what is found of everybody by the walker of each group; None where the halo is too narrow to be sure."""
    found: dict[str, NDArray[Any]] = {}
    sites = np.array([*piece.sites.ids, None], dtype=object)
    for name, walker in asked.groups:
        now, out = _ask(piece, asked, walker)
        sure = _is_sure(now.walk_s, out.walk_s, asked.longest_rule_s)
        if not (sure and _is_sure(now.metres, out.metres, asked.longest_rule_m)):
            return None
        told: dict[str, NDArray[Any]] = {"covered": now.covered, "unreached": now.unreached & ~piece.leads}
        if asked.served:
            told |= {"nearest": sites[now.nearest], "used": used_of_limit(now)}
        found |= {f"{OWN_WALK}{what}: {name}": values for what, values in told.items()}
    return found


def write_pairs(piece: Piece, asked: Asked, covered: NDArray[np.bool_], tile: Tile) -> NDArray[np.int32]:
    """Write the people of a tile whom nobody covers by the candidates that would; return `ALIKE` of everybody."""
    at = Snapped(demand=piece.snapped.demand, sites=piece.at_candidates)
    found = trace_catchments(piece.network, piece.demand, piece.candidates, asked.standard, asked.walker, at)
    by_person = transposed(Pairs(start=found.start, item=found.demand), len(covered))
    everybody = AlikePeople(
        people=np.where(covered, 0.0, piece.demand.population),
        points=np.ones(len(covered), np.int64),
        district=pd.Categorical(piece.district, categories=list(tile.cut.districts)).codes.astype(np.int32),
        sites=Pairs(start=by_person.start, item=piece.candidates.ids.astype(np.int32)[by_person.item]),
    )
    merged, row = everybody.dealt()
    with write_aside(tile.pairs_path) as aside, aside.open("wb") as file:
        pq.write_table(merged.table, file, write_page_checksum=True)
    return row


def _by_own_rule(coverage: Coverage, by_measure: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return of each person what is said under the measure of their own rule."""
    cutoffs = coverage.demand.cutoffs(coverage.standard)
    found: NDArray[np.bool_] = np.zeros(len(coverage.demand), np.bool_)
    for measure, cutoff in cutoffs.items():
        found |= (cutoff >= 0) & by_measure[measure]
    return found


class _Out(NamedTuple):
    """How far everybody is from the streets that were left out."""

    walk_s: NDArray[np.float64]
    metres: NDArray[np.float64]


def _ask(piece: Piece, asked: Asked, walker: Walker) -> tuple[Coverage, _Out]:
    """Return the coverage of a tile, and how far everybody is from the streets that were left out."""
    to_edge = Snapped(demand=piece.snapped.demand, sites=piece.at_ways_out)
    out = search_nearest(piece.network, piece.demand, piece.ways_out, walker, to_edge).along_streets
    now = measure_coverage(piece.network, piece.demand, piece.sites, asked.standard, walker, piece.snapped)
    return now, _Out(walk_s=out["walk"][0], metres=out["network"][0])


def _is_sure(found: NDArray[np.float64], out: NDArray[np.float64], limit: float) -> bool:
    """Return whether nobody could do better by leaving the halo, but for what lies beyond the limit anyway."""
    found, out = (np.where(np.isnan(side), np.inf, side) for side in (found, out))
    return bool(((found < out) | (out > limit) | (out == np.inf)).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class AlikePeople:
    """Rows of people who live in one district and whom the same sites cover, or would."""

    people: NDArray[np.float64]  # (r,) people of each row
    points: NDArray[np.int64]  # (r,) int64 demand points that they are
    district: NDArray[np.int32]  # (r,) int32 place of their district in the cut; -1 for those who live in none
    sites: Pairs  # sites of each row, as rows of the cut; none of those who are beyond them all

    @property
    def pairs(self) -> int:
        """Pairs of a site and a demand point."""
        return int((self.points * self.sites.lengths).sum())

    @classmethod
    def read(cls, path: Path) -> AlikePeople:
        """Return the rows of a file."""
        table = pq.read_table(path, page_checksum_verification=True)
        lengths = pc.list_value_length(table["sites"]).to_numpy()
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        own = {name: table[name].to_numpy() for name in ("people", "points", "district")}
        return cls(**own, sites=Pairs(start=start, item=pc.list_flatten(table["sites"]).to_numpy()))

    @classmethod
    def joined(cls, several: Iterable[AlikePeople]) -> AlikePeople:
        """Return the rows of several, one after the other."""
        every = list(several)
        own = {name: np.concatenate([getattr(one, name) for one in every]) for name in ("people", "points", "district")}
        start = np.cumsum(np.concatenate([[0], *(one.sites.lengths for one in every)]), dtype=np.int64)
        item = np.concatenate([one.sites.item for one in every])
        return cls(**own, sites=Pairs(start=start, item=item))

    def merged(self) -> AlikePeople:
        """Return rows of one district and the same sites as one; their order hangs on nothing else."""
        return self.dealt()[0]

    def dealt(self) -> tuple[AlikePeople, NDArray[np.int32]]:
        """Return the same rows, and for each of these which it became part of: -1 of those where nobody lives."""
        row, sites, first = merged_rows(self.sites, self.district + 1, self.people > 0)
        beyond = (row < 0) & (self.people > 0)
        where = np.unique(self.district[beyond])
        row[beyond] = len(first) + np.searchsorted(where, self.district[beyond])
        count = len(first) + len(where)
        there = row >= 0
        merged = AlikePeople(
            people=np.bincount(row[there], self.people[there], count).astype(np.float64),
            points=np.bincount(row[there], self.points[there], count).astype(np.int64),
            district=np.concatenate([self.district[first], where]),
            sites=Pairs(start=np.append(sites.start, np.full(len(where), sites.start[-1])), item=sites.item),
        )
        return merged, row.astype(np.int32)

    def take(self, rows: NDArray[np.intp]) -> AlikePeople:
        """Return some of the rows."""
        own = {name: getattr(self, name)[rows] for name in ("people", "points", "district")}
        return AlikePeople(**own, sites=self.sites.take(rows))

    @property
    def table(self) -> pa.Table:
        """The rows as a file has them."""
        sites = pa.ListArray.from_arrays(pa.array(self.sites.start, pa.int32()), pa.array(self.sites.item))
        return pa.table({"people": self.people, "points": self.points, "district": self.district, "sites": sites})
