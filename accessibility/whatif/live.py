"""The figures of a trial while its sites open, close and move: kept up to date, not measured anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from accessibility.geo.arrays import Frozen, finite_rows, when_asked
from accessibility.geo.projection import NO_SITE, STRETCH, distances, measure_radius, transform
from accessibility.measures.coverage import Coverage, Nearest, decide_people, number_parts, sum_parts, tabulate_parts
from accessibility.streets import search
from accessibility.streets.editing import edit_streets
from accessibility.streets.pieces import Footing
from accessibility.streets.snapping import EdgeIndex, Positions, SnapLimits, Snapped
from accessibility.whatif.comparison import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.measures.coverage import Host
    from accessibility.sites import Sites
    from accessibility.standards import Standard, Walker
    from accessibility.streets.edits import StreetEdit
    from accessibility.streets.network import Network

    Undo = Callable[[], None]
    _Crow = tuple[NDArray[np.float64], NDArray[np.int32], "_Blocks"]

_A_BLOCK = 100  # people, where they are spread evenly


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground(Frozen):
    """Streets and people, the same through all steps of a trial, and what is derived from them once."""

    # network, demand: streets and people
    network: Network
    demand: Demand
    snapped: Positions  # where the people stand

    @cached_property
    def people_xy(self) -> NDArray[np.float64]:
        """``(n, 2)`` people in the network's coordinate system."""
        return transform(self.demand.xy, self.demand.crs, self.network.crs)

    @cached_property
    def streets(self) -> EdgeIndex:
        """The edges that sites snap to."""
        return EdgeIndex.of(self.network, public=True)

    def snap_sites(self, xy: NDArray[np.float64]) -> Positions:
        """Return where sites at ``(k, 2)`` metres in the network's coordinate system stand."""
        return self.streets.snap(xy, SnapLimits().site_m)

    def edited(self, edits: Sequence[StreetEdit], sites: Sites, at: Positions) -> tuple[Ground, Positions]:
        """Return the ground with its streets edited, and where sites stand on it; all stay where they stand here."""
        if not edits:
            return self, at
        limits = SnapLimits()
        site_xy = transform(sites.xy, sites.crs, self.network.crs)
        people = Footing(at=self.snapped, xy=self.people_xy, limit_m=limits.of(self.demand.setting))
        done = edit_streets(self.network, edits, people, Footing(at=at, xy=site_xy, limit_m=limits.site_m))
        found = Ground(network=done.network, demand=self.demand, snapped=done.people.at)
        vars(found)["people_xy"] = self.people_xy  # where they live stays
        return found, done.sites.at


class LiveCoverage:
    """Who is nearest to which open site, by seconds, metres and radius, exactly as if measured from scratch.

    Each change returns a function that takes it back; of several, the last first.
    """

    def __init__(
        self,
        ground: Ground,
        sites: Sites,
        at: Positions,
        standard: Standard,
        walker: Walker,
        crow: _Crow | None = None,
    ) -> None:
        self.ground, self.standard, self.walker = ground, standard, walker
        self._xy = transform(sites.xy, sites.crs, ground.network.crs)
        self._at = at
        is_open = sites.open.copy()
        compounds = walker.open_compounds
        self._walk, self._metres = (
            search.stand(arcs, at.stops(leg), is_open, ground.snapped.stops(leg))
            for arcs, leg in (
                (ground.network.packed.arcs(walker, open_compounds=compounds), walker.leg_ms_per_m),
                (ground.network.packed.arcs(None, open_compounds=compounds), walker.leg_cm_per_m),
            )
        )
        if crow is None:
            radii = measure_radius(ground.people_xy, self._xy, is_open, ground.network.crs)
            crow = (*radii, _Blocks(ground.people_xy, radii[0]))
        self._radius, self._radius_site, self._blocks = crow
        self._cutoffs = ground.demand.cutoffs(standard)
        self._people = float(ground.demand.population.sum())
        self._tally: Tally | None = None
        self._version: Version | None = None
        self._changed: list[NDArray[Any]] = []
        self._switched: list[tuple[NDArray[Any], ...]] = []

    def anew(self, ground: Ground, sites: Sites, at: Positions, standard: Standard, walker: Walker) -> LiveCoverage:
        """Return the coverage on other streets or by other rules, whose changes are taken back before any of this one.

        Where the sites stay, so does all that is measured as the crow flies: both share it.
        """
        xy = transform(sites.xy, sites.crs, ground.network.crs)
        stays = np.array_equal(xy, self._xy) and np.array_equal(sites.open, self._walk.is_open)
        crow = (self._radius, self._radius_site, self._blocks) if stays else None
        return LiveCoverage(ground, sites, at, standard, walker, crow)

    def is_open(self, row: int) -> bool:
        """Return whether a site counts at the moment."""
        return bool(self._walk.is_open[row])

    def place_of(self, row: int) -> tuple[Positions, NDArray[np.float64]]:
        """Return where a site stands, on its street and on the plane."""
        here = slice(row, row + 1)
        return self._at.take(here), self._xy[here]

    def switch(self, row: int) -> Undo:
        """Open a site that is closed, or close one that is open."""
        change = search.close_site if self.is_open(row) else search.open_site
        walk, metres = change(self._walk, row), change(self._metres, row)
        people, radius, site = self._new_radii(row)
        before = self._radius[people], self._radius_site[people]
        concerned = (walk.people, metres.people, people)
        self._take_radii(people, (radius, site), concerned)
        self._switched.append(concerned)

        def undo() -> None:
            self._switched.pop()
            search.undo_change(self._walk, walk)
            search.undo_change(self._metres, metres)
            self._take_radii(people, before, concerned)

        return undo

    def _take_radii(
        self,
        people: NDArray[np.intp],
        found: tuple[NDArray[np.float64], NDArray[np.int32]],
        concerned: tuple[NDArray[Any], ...],
    ) -> None:
        """Write the radii of some people, and remember whose figures have changed since the last comparison."""
        self._radius[people], self._radius_site[people] = found
        self._blocks.refresh(people, self._radius)
        if self._version is not None:  # else everybody's figures are worked out when somebody asks
            self._changed += concerned

    def compare(self, before: Coverage, district: pd.Series[Any]) -> pd.DataFrame:
        """Return what `compare_coverages` says of a coverage, always the same one, and this; only changes cost time."""
        columns = self._standing().columns
        if self._tally is None:
            self._tally = Tally(before, district)
            self._tally.update(np.arange(len(self._radius)), columns["walk_s"], columns["covered"])
        return self._tally.table()

    def since_begun(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the people, ascending, who may have other figures than in the beginning, and who is covered."""
        people = _once([part for concerned in self._switched for part in concerned])
        return people, self._decided(people)["covered"]

    def _standing(self) -> Version:
        """Return the figures as they are, worked out for those alone to whom something has happened since."""
        people, self._changed = _once(self._changed), []
        if self._version is None:
            self._version = Version(self._decided(slice(None)), self.ground.demand)
        elif people.size:
            found = self._decided(people)
            self._version = self._version.next(people, found)
            if self._tally is not None:
                self._tally.update(people, found["walk_s"], found["covered"])
        return self._version

    def _decided(self, people: Any) -> dict[str, NDArray[Any]]:
        """Return the figures of some people."""
        nearest = Nearest(
            walk=search.split_labels(self._walk.found[people]),
            network=search.split_labels(self._metres.found[people]),
            radius=lambda: (self._radius[people], self._radius_site[people]),
        )
        return decide_people({m: cut[people] for m, cut in self._cutoffs.items()}, nearest)

    def put(self, row: int, at: Positions, xy: NDArray[np.float64]) -> Undo:
        """Put a closed site elsewhere, or a new one, closed, in the row after the last."""
        count = len(self._at)
        before = self.place_of(row) if row < count else None
        rows = np.array([row])
        self._walk = search.place_sites(self._walk, rows, at.stops(self.walker.leg_ms_per_m))
        self._metres = search.place_sites(self._metres, rows, at.stops(self.walker.leg_cm_per_m))
        self._at = Positions(
            edge=_with(self._at.edge, row, at.edge),
            fraction=_with(self._at.fraction, row, at.fraction),
            leg_m=_with(self._at.leg_m, row, at.leg_m),
        )
        self._xy = _with(self._xy, row, xy)

        def undo() -> None:
            if before is None:
                self._drop(count)
            else:
                self.put(row, *before)

        return undo

    def _drop(self, count: int) -> None:
        self._walk, self._metres = search.drop_sites(self._walk, count), search.drop_sites(self._metres, count)
        self._at = self._at.take(slice(count))
        self._xy = self._xy[:count]

    def coverage(self, sites: Sites, study: Host | None) -> Coverage:
        """Return the coverage as it is; `sites` are those there are at the moment."""
        edited = None if self.ground.network.pieces is None else self.ground.network
        snapped = Snapped(demand=self.ground.snapped, sites=self._at, network=edited)
        rest = {"demand": self.ground.demand, "sites": sites, "standard": self.standard, "walker": self.walker}
        known = {"snapped": snapped, "study": study, "population": self._people, "_version": (now := self._standing())}
        return when_asked(StandingCoverage, now.column, **rest, **known)

    def _new_radii(self, row: int) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.int32]]:
        """Return whose nearest site in a straight line is another after a switch, how far it is, and its row."""
        crs = self.ground.network.crs
        if not self.is_open(row):
            people = np.flatnonzero(self._radius_site == row)
            return people, *measure_radius(self.ground.people_xy[people], self._xy, self._around(row, people), crs)
        near = self._blocks.around(self._xy[row])
        drawn = np.hypot(*(self.ground.people_xy[near] - self._xy[row]).T)
        near = near[(drawn <= self._radius[near] * STRETCH) | (self._radius_site[near] == NO_SITE)]
        way = distances(self.ground.people_xy[near], np.broadcast_to(self._xy[row], (len(near), 2)), crs)
        before, owner = self._radius[near], self._radius_site[near]
        better = (owner == NO_SITE) | (way < before) | ((way == before) & (row < owner))
        return near[better], way[better], np.full(int(better.sum()), row, np.int32)

    def _around(self, row: int, people: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return the open sites that may be the nearest to people whose nearest a site was, in a straight line."""
        counts = self._walk.is_open
        if not (counts.any() and people.size):
            return counts
        away = np.hypot(*(self._xy - self._xy[row]).T)
        farthest = np.hypot(*(self.ground.people_xy[people] - self._xy[row]).T).max()
        found: NDArray[np.bool_] = counts & (away <= (2 * farthest + away[counts].min()) * STRETCH)
        return found


class Version:
    """The figures of everybody at one moment: the newest has them all, an older one what differs from the next.

    Parameters
    ----------
    columns
        The `COLUMNS` of a coverage; the next version writes to them.
    demand
        Whom they are about.
    """

    def __init__(self, columns: dict[str, NDArray[Any]], demand: Demand) -> None:
        self.columns, self._demand = columns, demand
        self._older: tuple[NDArray[np.int64], dict[str, NDArray[Any]], Version] | None = None
        self._parts: _Parts | None = None
        self._sums: NDArray[np.float64] | None = None

    @cached_property
    def people(self) -> dict[str, float]:
        """The people who are covered, and who are unreached."""
        return {name: float(self._demand.population[self.column(name)].sum()) for name in ("covered", "unreached")}

    def next(self, rows: NDArray[np.int64], found: dict[str, NDArray[Any]]) -> Version:
        """Return the version in which some demand points, each once, have other figures."""
        before = {name: values[rows] for name, values in self.columns.items()}
        people = self.people if self._demand.whole else {}  # before the columns are those of the next
        for name, values in self.columns.items():
            values[rows] = found[name]
        newer = Version(self.columns, self._demand)
        heads = self._demand.population[rows]
        more = {name: heads * found[name] - heads * before[name] for name in ("covered", "unreached")}
        if self._demand.whole:
            newer.people = {name: now + float(more[name].sum()) for name, now in people.items()}
        if self._parts is not None and self._sums is not None:
            newer._take_parts(self._parts, self._parts.after(self._sums, rows, more, self.columns))
        self._older, self.columns = (rows, before, newer), {}
        return newer

    def column(self, name: str) -> NDArray[Any]:
        """Return a copy of one of the figures, read-only."""
        older, version = [], self
        while version._older is not None:
            older.append(version._older)
            version = version._older[2]
        found = version.columns[name].copy()
        for rows, before, _ in reversed(older):
            found[rows] = before[name]
        found.flags.writeable = False
        return found

    def by(self, labels: Callable[[], NDArray[Any]], name: str) -> pd.DataFrame | None:
        """Return the table of `Coverage.by`, always of the same labels; None of an older version that has none."""
        if self._parts is None and self._older is None:
            parts = _Parts(self._demand, labels())
            self._take_parts(parts, parts.sums(self.columns))
        return (
            None if self._parts is None or self._sums is None else tabulate_parts(self._sums, self._parts.labels, name)
        )

    def _take_parts(self, parts: _Parts, sums: NDArray[np.float64]) -> None:
        self._parts, self._sums = parts, sums


class _Parts:
    """The people by their labels, and the rows of each part, so that one part can be added up anew alone."""

    def __init__(self, demand: Demand, labels: NDArray[Any]) -> None:
        self._demand = demand
        self._code, self.labels = number_parts(labels)
        self._order = np.argsort(self._code, kind="stable")
        self._begin = np.append(0, np.cumsum(np.bincount(self._code, minlength=len(self.labels))))

    def sums(self, columns: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the sums of all parts."""
        return sum_parts(self._demand.population, columns["covered"], columns["unreached"], self._code)

    def after(
        self,
        sums: NDArray[np.float64],
        rows: NDArray[np.int64],
        more: dict[str, NDArray[np.float64]],
        columns: dict[str, NDArray[Any]],
    ) -> NDArray[np.float64]:
        """Return the sums after some demand points have changed, with so many `more` people covered and unreached.

        Whole people are added; others are added up anew in the order of all, part by part, for another order sums
        up to another last digit.
        """
        found = sums.copy()
        if self._demand.whole:
            code = self._code[rows]
            covered, unreached = (np.bincount(code, more[name], len(sums)) for name in ("covered", "unreached"))
            found += np.column_stack([np.zeros(len(sums)), covered, -covered, unreached])
            return found
        touched = np.unique(self._code[rows[(more["covered"] != 0) | (more["unreached"] != 0)]])
        if touched.size:
            here = np.concatenate([self._order[self._begin[part] : self._begin[part + 1]] for part in touched])
            at = np.searchsorted(touched, self._code[here])
            figures = self._demand.population[here], columns["covered"][here], columns["unreached"][here]
            found[touched] = sum_parts(*figures, at)
        return found


class StandingCoverage(Coverage):
    """The coverage of a trial as it stood at one moment: a column is taken out when it is first asked for.

    A copy, or one that is read from a pickle, is a `Coverage` with all columns.
    """

    _version: Version

    def __new__(cls, **figures: Any) -> Coverage:  # type: ignore[misc]
        """Return a plain coverage: what `dataclasses.replace` makes of one has columns of its own."""
        return Coverage(**figures)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a plain coverage with the same figures is made."""
        return object.__new__, (Coverage,), self.__getstate__()

    @cached_property
    def covered_people(self) -> float:
        """People within the standard."""
        return self._version.people["covered"] if self.demand.whole else super().covered_people

    @cached_property
    def unreached_people(self) -> float:
        """People without a path to any site that counts."""
        return self._version.people["unreached"] if self.demand.whole else super().unreached_people

    def by(self, series: pd.Series[Any] | Literal["district", "setting"]) -> pd.DataFrame:
        """Return one row per group as `Coverage.by` does; by district at the cost of what has changed."""
        if isinstance(series, str) and series == "district" and not self.sites.has_capacity:
            found = self._version.by(lambda: self.labels("district").to_numpy(), series)
            if found is not None:
                return found
        return super().by(series)


class _Blocks:
    """People in squares, each with the farthest that anybody there has to the nearest site in a straight line."""

    def __init__(self, xy: NDArray[np.float64], radius: NDArray[np.float64]) -> None:
        placed = np.flatnonzero(finite_rows(xy))
        here = xy[placed]
        side = max(float(np.sqrt(np.ptp(here, axis=0).prod() * _A_BLOCK / len(here))), 1.0) if len(here) else 1.0
        place = np.floor((here - here.min(axis=0, initial=np.inf)) / side).astype(np.int64)
        block = place[:, 1] * (int(place[:, 0].max(initial=0)) + 1) + place[:, 0]
        order = np.argsort(block, kind="stable")
        first = np.flatnonzero(np.diff(block[order], prepend=-1))
        self._people, self._begin = placed[order], np.append(first, len(order))
        self._of = np.zeros(len(xy), np.int64)
        self._of[self._people] = np.repeat(np.arange(len(first)), np.diff(self._begin))
        self._low, self._high = (
            end.reduceat(here[order], first) if len(first) else here for end in (np.minimum, np.maximum)
        )
        self._farthest = np.full(len(first), np.inf)
        self.refresh(self._people, radius)

    def around(self, xy: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return all people to whom a site there may be the nearest in a straight line, and others around them."""
        away = np.hypot(*np.maximum(np.maximum(self._low - xy, xy - self._high), 0.0).T)
        return self._members(np.flatnonzero(away <= self._farthest * STRETCH))

    def refresh(self, people: NDArray[np.intp], radius: NDArray[np.float64]) -> None:
        """Take in that the radii of some people, all with a place, have changed; NaN where no site counts."""
        blocks = np.unique(self._of[people])
        if blocks.size:
            many = self._begin[blocks + 1] - self._begin[blocks]
            now = np.nan_to_num(radius[self._members(blocks)], nan=np.inf)
            self._farthest[blocks] = np.maximum.reduceat(now, np.cumsum(many) - many)

    def _members(self, blocks: NDArray[np.intp]) -> NDArray[np.intp]:
        parts = [self._people[self._begin[block] : self._begin[block + 1]] for block in blocks.tolist()]
        return np.concatenate([np.empty(0, np.intp), *parts])


def _once(people: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Return the rows of people, each once, ascending."""
    return np.unique(np.concatenate([np.empty(0, np.int64), *people]).astype(np.int64))


def _with(values: NDArray[Any], row: int, value: NDArray[Any]) -> NDArray[Any]:
    """Return the values with one row replaced, or one more."""
    longer = np.concatenate([values, value]) if row == len(values) else values.copy()
    longer[row] = value[0]
    return longer
