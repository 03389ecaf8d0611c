"""Tiles put together: a dataset in parts that do not hang on the tiles, the figures of the whole, and its map."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from accessibility.geo.arrays import batches
from accessibility.measures.service import Service, served_in_line
from accessibility.measures.tables import OWN_COLUMNS, tabulate_districts
from accessibility.measures.walkers import GroupCoverage, GroupService, serve_groups
from accessibility.present.layers.files import write_geoparquet
from accessibility.present.report.facts import tabulate_distances, tabulate_times
from accessibility.sites import Sites
from accessibility.tiles.cutting import GROUP_OF_PEOPLE
from accessibility.tiles.measuring import ALIKE, AT_SPEED, IN_LINE, OWN_WALK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.service import Covered
    from accessibility.standards import Standard, Walker
    from accessibility.tiles.cutting import Cut
    from accessibility.tiles.measuring import Asked, Tile


PART_ROWS = 262_144
"""Rows of each part of the dataset but the last."""
_OF_TILES = ("unreached", "covered_radius", ALIKE, *IN_LINE)


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
    setting: pd.Categorical[Any]
    settings: tuple[str, ...]
    district: pd.Categorical[Any]
    groups: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        """Return the number of demand points."""
        return len(self.population)

    def people_of(self, group: str) -> NDArray[np.float64]:
        """Return ``(n,)`` people of a group."""
        return self.groups[group]


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnWalk:
    """What is known of everybody by the walker of a group."""

    walker: Walker
    # covered, unreached: (n,) within the standard; without any way
    covered: NDArray[np.bool_]
    unreached: NDArray[np.bool_]
    # nearest, used: (n,) the site that decides, and how much of a limit is used; None where no site has a capacity.
    nearest: NDArray[np.int32] | None = None
    used: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """The figures of an area that was measured in tiles; it answers the tables as a `Coverage` does."""

    demand: Everybody
    # standard, walker: what near enough means and how they walk
    standard: Standard
    walker: Walker
    # covered, covered_radius, unreached, beyond: (n,) of everybody: within the standard; so with straight lines;
    # without any way; with a longer one than is told
    covered: NDArray[np.bool_]
    covered_radius: NDArray[np.bool_]
    unreached: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    # (n,) seconds to the nearest site; NaN where there is no way or a longer one than is told.
    walk_s: NDArray[np.float64]
    at_speeds: Mapping[float, NDArray[np.bool_]] = field(default_factory=dict)  # who is covered at other speeds
    limited_settings: Mapping[str, float] = field(default_factory=dict)  # people with a limit of their own, by setting
    sites: Sites  # the sites that count
    # (n,) the site that decides; -1 where none is told, as for all where no site has a capacity
    nearest: NDArray[np.int32]
    # (n,) how much of a limit is used, and rows in the study: who comes first at a site; None where no site has a
    # capacity.
    line: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None
    # name of each group that has a walker of its own to what is found by it
    walks: Mapping[str, OwnWalk] = field(default_factory=dict)

    @property
    def limited_people(self) -> float:
        """People with a limit of their own."""
        return sum(self.limited_settings.values(), 0.0)

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

    @cached_property
    def service(self) -> Service | None:
        """Who of the covered finds room; None where no site has a capacity."""
        if self.line is None:
            return None
        (used, turn), room = self.line, self.sites.capacity
        site = np.where(self.covered, self.nearest, np.int32(-1))
        people = served_in_line(site, used, self.demand.population, room, turn)
        return Service(coverage=cast("Covered", self), capacity=room, people=people)  # all of it but tables by others

    @cached_property
    def own(self) -> GatheredGroups | None:
        """Who is covered, each group by its own walker; None where all walk alike."""
        if not self.walks:
            return None
        of = {name: self._walking(walk) for name, walk in self.walks.items()}
        return GatheredGroups(rest=cast("Coverage", self), groups=cast("Mapping[str, Coverage]", of))  # in its words

    def _walking(self, walk: OwnWalk) -> Gathered:
        nearest = self.nearest if walk.nearest is None else walk.nearest
        line = None if self.line is None or walk.used is None else (walk.used, self.line[1])
        told: dict[str, Any] = {"walker": walk.walker, "covered": walk.covered, "unreached": walk.unreached}
        return replace(self, **told, nearest=nearest, line=line, walks={})

    def labels(self, _: object) -> pd.Series[Any]:
        """Return the district of everybody."""
        return pd.Series(np.asarray(self.demand.district, dtype=object))

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
        covered = self.at_speeds[speed_m_s]
        # Whom a distance judges is covered at every speed or at none.
        radius = np.where(covered == self.covered, self.covered_radius, covered)
        return replace(self, covered=covered, covered_radius=radius)

    def _people(self, rows: NDArray[np.bool_]) -> float:
        people = self.demand.population
        return float(sum(people[part][rows[part]].sum() for part in batches(len(people))))

    def by_district(self, rows: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the people of each district, first those in none: of some demand points, of all if None."""
        home, people = self.demand.district, self.demand.population
        found = np.zeros(len(home.categories) + 1)
        for part in batches(len(people)):
            here = slice(None) if rows is None else rows[part]
            found += np.bincount(home.codes[part][here].astype(np.intp) + 1, people[part][here], len(found))
        return found

    def _share(self, rows: NDArray[np.bool_]) -> float:
        return self._people(rows) / self.population if self.population > 0 else float("nan")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GatheredGroups(GroupCoverage):
    """The figures of groups that walk in their own ways, of an area that was measured in tiles."""

    @cached_property
    def service(self) -> GroupService | None:
        """Who of the covered finds room, which all groups share; None where no site has a capacity."""
        lines = [cast("Gathered", one).line for one in (*self.groups.values(), self.rest)]
        told = [line for line in lines if line is not None]
        if not told:
            return None
        return serve_groups(self, self.sites.capacity, (np.stack([used for used, _ in told]), told[0][1]))


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
    whole = _whole(tiles, asked)
    own = np.empty(0) if whole.own is None else whole.own.of()
    folder.mkdir()
    for number, part in enumerate(_parts(tiles)):
        told = part.drop(columns=[column for column in part.columns if _is_hidden(column)])
        rows = slice(number * PART_ROWS, number * PART_ROWS + len(told))
        if whole.service is not None:
            told.insert(told.columns.get_loc("covered") + 1, "served", whole.service.people[rows])
        if whole.own is not None:
            told.insert(told.columns.get_loc("beyond"), OWN_COLUMNS[0], own[rows])
        write_geoparquet(told, folder / f"part-{number:05d}.parquet")
    return whole


def _parts(tiles: Sequence[Tile]) -> Iterator[gpd.GeoDataFrame]:
    """Yield the rows of all tiles, `PART_ROWS` at a time."""
    waiting: list[gpd.GeoDataFrame] = []
    rows = 0
    for tile in tiles:
        with tile.reading(), tile.path.open("rb") as file:
            waiting.append(gpd.read_parquet(file, page_checksum_verification=True))
        rows += len(waiting[-1])
        while rows >= PART_ROWS:
            joined = pd.concat(waiting, ignore_index=True)
            yield joined.iloc[:PART_ROWS]
            waiting = [joined.iloc[PART_ROWS:]]
            rows -= PART_ROWS
    if rows:
        yield pd.concat(waiting, ignore_index=True)


def _is_hidden(column: str) -> bool:
    """Return whether a column of a tile is none of the dataset."""
    return column in _OF_TILES or column.startswith((AT_SPEED, GROUP_OF_PEOPLE, OWN_WALK))


def _figures(tiles: Sequence[Tile], asked: Asked, site_ids: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return what the tables need of all tiles, each column once and in few bytes; of texts their numbers."""
    cut = tiles[0].cut
    with tiles[0].reading():
        names = pq.read_schema(tiles[0].path).names
    texts: dict[str, Sequence[str]] = {"setting": cut.settings, "district": cut.districts}
    if asked.served:
        texts |= {"nearest_site": site_ids}
        texts |= {name: site_ids for name in names if name.startswith(f"{OWN_WALK}nearest: ")}
    told = (
        "population",
        "walk_s",
        "covered",
        "beyond",
        *(name for name in names if _is_hidden(name) and name != ALIKE),
    )
    columns = [*dict.fromkeys((*texts, *told))]
    known = {name: pd.Index(of) for name, of in texts.items()}
    found: dict[str, NDArray[Any]] = {}
    at, count = 0, sum(tile.last - tile.first for tile in tiles)
    for tile in tiles:
        with tile.reading():
            table = pq.read_table(
                tile.path, columns=columns, read_dictionary=[*texts], page_checksum_verification=True
            ).combine_chunks()
        for name in columns:
            values = _numbers(table[name], known[name]) if name in known else table[name].to_numpy()
            if name not in found:
                found[name] = np.empty(count, values.dtype)
            found[name][at : at + len(values)] = values
        at += tile.last - tile.first
    return found


def _numbers(texts: pa.ChunkedArray, known: pd.Index[Any]) -> NDArray[np.signedinteger[Any]]:
    """Return the places of texts among those that are known, in as few bytes as they need; -1 of none."""
    codes = texts.combine_chunks()
    few = pd.Categorical([], categories=known).codes.dtype
    place = np.append(known.get_indexer(codes.dictionary.to_pylist()), -1).astype(few)
    found: NDArray[np.signedinteger[Any]] = place[codes.indices.fill_null(-1).to_numpy()]
    return found


def _whole(tiles: Sequence[Tile], asked: Asked) -> Gathered:
    cut = tiles[0].cut
    table = pq.read_table(cut.folder / "sites.parquet", filters=[("open", "==", True)])
    sites = Sites(
        xy=np.column_stack([table[axis].to_numpy() for axis in "xy"]),
        crs=cut.metric,
        **{name: table[name].to_numpy() for name in ("name", "open", "capacity")},
        ids=table["id"].to_numpy(),
        kind=table["kind"].to_numpy().astype(str),
    )
    rows = _figures(tiles, asked, list(sites.ids))
    people = Everybody(
        population=rows["population"],
        setting=pd.Categorical.from_codes(rows.pop("setting"), pd.Index(cut.settings)),
        settings=cut.settings,
        district=pd.Categorical.from_codes(rows.pop("district"), pd.Index(cut.districts)),
        groups={name: rows[f"{GROUP_OF_PEOPLE}{name}"] for name in cut.groups},
    )
    return Gathered(
        demand=people,
        standard=asked.standard,
        walker=asked.walker,
        walk_s=rows["walk_s"],
        at_speeds={speed: rows[f"{AT_SPEED}{speed:g}"] for speed in asked.speeds_m_s},
        limited_settings=cut.limited_settings,
        sites=sites,
        nearest=rows["nearest_site"] if asked.served else np.broadcast_to(np.int32(-1), (len(people),)),
        line=(rows["used"], rows["turn"]) if asked.served else None,
        walks={name: _own_walk(rows, name, walker) for name, walker in asked.groups},
        **{name: rows[name] for name in ("covered", "covered_radius", "unreached", "beyond")},
    )


def _own_walk(rows: Mapping[str, NDArray[Any]], group: str, walker: Walker) -> OwnWalk:
    """Return what is known of everybody by the walker of a group."""
    named = {name: f"{OWN_WALK}{name}: {group}" for name in ("covered", "unreached", "nearest", "used")}
    return OwnWalk(walker=walker, **{name: rows[column] for name, column in named.items() if column in rows})


def tabulate_whole(whole: Gathered, cut: Cut) -> pd.DataFrame:
    """Return the table of the districts, as ``districts.csv`` has it.

    Where somebody of a district has a longer way than is told, its mean is not known; a quantile is where it does not
    fall on them.
    """
    codes = pd.Categorical(site_districts(cut), categories=list(cut.districts)).codes
    of_sites = pd.DataFrame({"kind": whole.sites.kind, "row": codes.astype(np.intp)})
    table = tabulate_districts(whole, whole.demand.district.codes, of_sites, list(cut.districts))
    far = whole.beyond & np.isnan(whole.walk_s) & (whole.demand.population > 0)
    names = [*cut.districts, "(none)"]
    somebody = {names[code] for code in np.unique(whole.demand.district.codes[far])} | (
        {"total"} if far.any() else set()
    )
    table["walk_min_mean"] = table["walk_min_mean"].mask(table["district"].isin(somebody))
    return table


def site_districts(cut: Cut) -> pd.Series[Any]:
    """Return the district of each site that counts, by its id."""
    table = pq.read_table(cut.folder / "sites.parquet", columns=["id", "district"], filters=[("open", "==", True)])
    return pd.Series(table["district"].to_numpy(), index=table["id"].to_numpy())


@dataclass(frozen=True, kw_only=True, eq=False)
class _People:
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    setting: NDArray[np.object_]
    settings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Some rows of the dataset; it answers the classes of a map or a table as a `Coverage` does."""

    demand: _People
    standard: Standard
    covered: NDArray[np.bool_]
    unreached: NDArray[np.bool_]
    walk_s: NDArray[np.float64]
    metres: NDArray[np.float64]
    radius_m: NDArray[np.float64]

    @property
    def population(self) -> float:
        """People of these rows."""
        return float(self.demand.population.sum())

    @property
    def limited_settings(self) -> dict[str, float]:
        """Nobody: who has a limit of their own is counted in the whole."""
        return {}


def tabulate_bands(whole: Gathered, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return people by walking time, and rural ones by distance, as `tabulate_times` and `tabulate_distances` do.

    Parameters
    ----------
    whole
        The figures of all.
    folder
        Where ``demand.parquet`` lies.
    """
    tables = [(tabulate_times(part), tabulate_distances(part)) for part in read_parts(whole, folder)]
    times, distances = (_added(several) for several in zip(*tables, strict=True))
    with np.errstate(invalid="ignore"):  # of nobody there is no share
        return times.assign(share=times["people"] / whole.population), distances


def _added(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one table of the sums of several that have the same classes."""
    sums = pd.concat([table.drop(columns="class") for table in tables]).groupby(level=0).sum()
    return pd.concat([tables[0]["class"], sums], axis=1)


def read_parts(whole: Gathered, folder: Path) -> Iterator[Coverage]:
    """Yield the people of the dataset in a folder, some at a time; it answers the classes of maps and tables."""
    return cast("Iterator[Coverage]", _drawn_parts(folder / "demand.parquet", whole.standard, whole.demand.settings))


def _drawn_parts(dataset: Path, standard: Standard, settings: tuple[str, ...]) -> Iterator[_Part]:
    for path in sorted(dataset.iterdir()):
        rows = gpd.read_parquet(path)
        beyond = rows["beyond"].to_numpy(bool)
        walk_s, metres = (rows[name].to_numpy(float) for name in ("walk_s", "network_m"))
        yield _Part(
            demand=_People(
                lonlat=np.column_stack([rows.geometry.x, rows.geometry.y]),
                population=rows["population"].to_numpy(float),
                setting=rows["setting"].to_numpy(dtype=object),
                settings=settings,
            ),
            standard=standard,
            covered=rows["covered"].to_numpy(bool),
            unreached=np.isnan(walk_s) & np.isnan(metres) & ~beyond,
            walk_s=np.where(beyond & np.isnan(walk_s), np.inf, walk_s),
            metres=np.where(beyond & np.isnan(metres), np.inf, metres),
            radius_m=rows["radius_m"].to_numpy(float),
        )
