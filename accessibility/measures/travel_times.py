"""Tables of travel: the way from every demand point to each site within a limit, or to the nearest few."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from accessibility.errors import InputError, checked
from accessibility.geo.arrays import absent
from accessibility.standards import CM_PER_M, MS_PER_S, Rule
from accessibility.streets import search
from accessibility.streets.search.elimination import by_node
from accessibility.streets.snapping import NOWHERE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites
    from accessibility.streets.network import Network
    from accessibility.streets.search.packing import Arcs
    from accessibility.streets.snapping import Positions

    Along = Literal["walk", "network"]

_OTHER: dict[str, Along] = {"walk": "network", "network": "walk"}
_SCALE: dict[str, int] = {"walk": MS_PER_S, "network": CM_PER_M}
_FIRST: dict[str, int] = {"walk": 900 * MS_PER_S, "network": 1_000 * CM_PER_M}
_WIDER = 4  # times as far, where something is still missing
_LONGER = 2  # the same of pairs whose other measure is known: of stairs alone, say
_FARTHEST = int(search.UNREACHED) - 1


@checked
@dataclass(frozen=True, kw_only=True)
class Travel:
    """Which ways a table of travel holds.

    Raises
    ------
    InputError
        Neither a limit nor a number of sites, a number below 1, a limit in a straight line.

    Examples
    --------
    >>> from accessibility import Rule
    >>> Travel(limit=Rule.of("3 km")).measure
    'network'
    """

    limit: Rule | None = None  # ways of at most so many minutes or metres; None for all of the nearest.
    # how many sites for each demand point, the nearest first; None for all within the limit.
    nearest: int | None = None
    # `kind`, `bank` or another column of the sites: that many of each of its values; None for that many of all.
    by: str | None = None
    closed_too: bool = False  # whether ways to sites that do not count today are in it
    # what is near: `walk` (seconds) or `network` (metres).
    measure: Literal["walk", "network"] = None  # type: ignore[assignment]  # as the limit, resolved on construction

    @classmethod
    def of(
        cls,
        limit: Rule | str | float | None,
        nearest: int | None,
        by: str | None,
        sites: Literal["open", "all"],
        measure: Literal["walk", "network"] | None,
    ) -> Travel:
        """Return what `accessibility.Study.travel_times` is asked for.

        Parameters
        ----------
        limit
            Also as `Rule.of` reads it.
        nearest, by, measure
            As here.
        sites
            ``open`` or ``all``.

        Returns
        -------
        Travel
            The same.

        Examples
        --------
        >>> Travel.of("3 km", 2, None, "all", None).closed_too
        True
        """
        rule = None if limit is None else Rule.of(limit)
        return cls(limit=rule, nearest=nearest, by=by, closed_too=sites == "all", measure=measure)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        """Refuse what does not bound the table."""
        if self.limit is not None and self.limit.measure == "radius":
            msg = f"limit is {self.limit.text}; expected minutes or metres along the network"
            raise InputError(msg)
        if self.limit is None and self.nearest is None:
            msg = "nothing bounds the table; expected a limit such as '15 min', or k, the number of nearest sites"
            raise InputError(msg)
        if self.nearest is not None and self.nearest < 1:
            msg = f"k is {self.nearest}; expected 1 or more of the nearest sites"
            raise InputError(msg)
        if self.by is not None and self.nearest is None:
            msg = f"by={self.by!r} tells the nearest of each {self.by}; expected k, their number, with it"
            raise InputError(msg)
        if self.measure is None:
            object.__setattr__(self, "measure", "walk" if self.limit is None else self.limit.measure)


@dataclass(frozen=True, kw_only=True, eq=False)
class TravelTable:
    """Pairs of a demand point and a site, by demand point, the nearest site first."""

    # demand, site: (k,) rows
    demand: NDArray[np.int64]
    site: NDArray[np.int64]
    # walk_s, metres: (k,) what the way from home to the site takes, each the least there is, both access legs in
    walk_s: NDArray[np.float64]
    metres: NDArray[np.float64]

    def table(self, coverage: Coverage) -> pd.DataFrame:
        """Return one row per pair: cell, site, kind, walk_s, metres."""

        def taken(ids: NDArray[np.object_], rows: NDArray[np.int64]) -> Any:
            """Make each id a cell of pandas once, and then take it for its pairs; or make the pairs, if fewer."""
            return pd.Series(ids[rows]).array if 0 < len(rows) < len(ids) else pd.Series(ids).array.take(rows)

        return pd.DataFrame(
            {
                "cell": taken(coverage.demand.ids, self.demand),
                "site": taken(coverage.sites.ids, self.site),
                "kind": taken(coverage.sites.kind.astype(object), self.site),
                "walk_s": self.walk_s,
                "metres": self.metres,
            }
        )

    def wide(self, coverage: Coverage, by: str) -> pd.DataFrame:
        """Return one row per demand point, and of each kind of site the nearest, its seconds and its metres."""
        labels = categories(coverage.sites, by)
        found = pd.DataFrame(index=pd.Index(coverage.demand.ids, name="cell"))
        for label in dict.fromkeys(labels.tolist()):
            if label is None:
                continue
            rows = np.flatnonzero(labels[self.site] == label)
            first = rows[np.append(True, np.diff(self.demand[rows]) != 0)[: len(rows)]]
            at = self.demand[first]
            site = np.full(len(found), None, dtype=object)
            site[at] = coverage.sites.ids[self.site[first]]
            found[f"{label}_site"] = pd.Series(site, index=found.index, dtype=object)
            for name, values in (("walk_s", self.walk_s), ("metres", self.metres)):
                figure = np.full(len(found), np.nan)
                figure[at] = values[first]
                found[f"{label}_{name}"] = figure
        return found

    def matrix(self, coverage: Coverage, measure: Along) -> csr_array[Any, tuple[int, int]]:
        """Return the seconds or metres as a matrix: one row per site, one column per demand point."""
        order = np.lexsort((self.demand, self.site))
        start = np.searchsorted(self.site[order], np.arange(len(coverage.sites) + 1))
        cost = self.walk_s if measure == "walk" else self.metres
        shape = (len(coverage.sites), len(coverage.demand))
        return csr_array((cost[order], self.demand[order], start), shape=shape)


def categories(sites: Sites, by: str) -> NDArray[np.object_]:
    """Return the category of each site: its kind, its bank, or what another column says; None where it says nothing.

    Raises
    ------
    InputError
        A column that the sites do not have.
    """
    known = {"kind": sites.kind, "bank": sites.bank, **sites.columns}
    if by not in known:
        msg = f"by is {by!r}; expected a column of the sites: {', '.join(known)}"
        raise InputError(msg)
    labels = [None if absent(label) or label == "" else str(label) for label in known[by]]
    return np.array([*labels, None], dtype=object)[:-1]


def trace_travel(coverage: Coverage, network: Network, travel: Travel) -> TravelTable:
    """Return the ways from every demand point to each site within a limit, or to the nearest few.

    Exactly the ways of coverage: one way along one-way streets, out of compounds and never through them, each access
    leg in. Who reaches no site has none.

    Parameters
    ----------
    coverage
        People, sites, where they stand, and how people walk.
    network
        The streets the coverage was measured on.
    travel
        Which ways.
    """
    survey = _Survey(coverage=coverage, network=network)
    sites = coverage.sites
    wanted = sites.open | travel.closed_too
    chosen = [wanted]
    if travel.by is not None:
        labels = categories(sites, travel.by)
        chosen = [wanted & (labels == label) for label in dict.fromkeys(labels.tolist()) if label is not None]
    ways = _Ways.joined([_select(survey, here, travel) for here in chosen])
    other = _OTHER[travel.measure]
    also = survey.along(other, ways, ways.cost, ways.also)
    figures = {
        travel.measure: ways.cost / _SCALE[travel.measure],
        other: np.where(also < 0, np.nan, also / _SCALE[other]),
    }
    order = _nearest_first(ways, survey.count)
    return TravelTable(
        demand=ways.demand[order],
        site=ways.site[order],
        walk_s=figures["walk"][order],
        metres=figures["network"][order],
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ways:
    """Pairs in the order of their sites, what the way costs by one measure and, if known, by the other; else -1."""

    site: NDArray[np.int64]
    demand: NDArray[np.int64]
    cost: NDArray[np.int64]
    also: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: list[_Ways]) -> _Ways:
        """Return the pairs of all parts."""
        if len(parts) == 1:
            return parts[0]
        site = np.concatenate([part.site for part in parts] or [np.empty(0, np.int64)])
        whole = {"site": site}
        for name in ("demand", "cost", "also"):
            whole[name] = np.concatenate([getattr(part, name) for part in parts] or [np.empty(0, np.int64)])
        return cls(**whole).take(np.argsort(site, kind="stable"))

    def take(self, rows: NDArray[np.intp]) -> _Ways:
        """Return some of the pairs."""
        return _Ways(site=self.site[rows], demand=self.demand[rows], cost=self.cost[rows], also=self.also[rows])


def _nearest_first(ways: _Ways, people: int) -> NDArray[np.int64]:
    """Return the order by demand point, then cost; of two as near, as they stand: by site."""
    rows = np.arange(len(ways.site), dtype=np.uint64)
    grouped = by_node(ways.demand.astype(np.uint32), rows, people)[1].astype(np.int64)
    # Each group is short, and stands where it belongs: a sort that merges runs has little left to do.
    order = np.argsort(((ways.demand << 32) | ways.cost)[grouped], kind="stable")
    return grouped[order]


def _select(survey: _Survey, sites: NDArray[np.bool_], travel: Travel) -> _Ways:
    """Return the pairs that are asked for, of some sites."""
    if travel.limit is None:
        ways = survey.widening(travel.measure, sites, travel.nearest or 0)
    else:
        bounded: Along = "walk" if travel.limit.measure == "walk" else "network"
        ways = survey.reached(bounded, sites, min(travel.limit.cutoff, _FARTHEST))
        if bounded != travel.measure:
            ways = replace(ways, cost=survey.along(travel.measure, ways, ways.cost, ways.also), also=ways.cost)
    if travel.nearest is None:
        return ways
    order = _nearest_first(ways, survey.count)
    ranked = ways.demand[order]
    place = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
    return ways.take(np.sort(order[place < travel.nearest]))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Survey:
    """The same people and sites, searched again and again; a key is ``site * n + demand``, keys ascend."""

    coverage: Coverage
    network: Network

    @property
    def count(self) -> int:
        """How many demand points there are."""
        return len(self.coverage.demand)

    def arcs(self, measure: Along) -> Arcs:
        """Return the streets by a measure."""
        walker = self.coverage.walker
        return self.network.packed.arcs(walker if measure == "walk" else None, open_compounds=walker.open_compounds)

    def stops(self, measure: Along, at: Positions, these: NDArray[np.bool_] | None = None) -> search.Stops:
        """Return people or sites on the streets by a measure, all but these nowhere."""
        walker = self.coverage.walker
        stops = at.stops(walker.leg_ms_per_m if measure == "walk" else walker.leg_cm_per_m)
        edge = stops.edge if these is None else np.where(these, stops.edge, np.int32(NOWHERE))
        return search.Stops(edge=edge, fraction=stops.fraction, leg=stops.leg)

    def per(self, measure: Along) -> float:
        """Return what a unit of the other measure costs by one, on the flat."""
        per = self.coverage.walker.speed_m_s * CM_PER_M / MS_PER_S
        return per if measure == "network" else 1 / per

    def crowd(self, measures: tuple[Along, Along]) -> search.Attached:
        """Return everybody by two measures, attached once for all that is asked."""
        snapped, arcs = self.coverage.snapped, (self.arcs(measures[0]), self.arcs(measures[1]))

        def attached() -> search.Attached:
            return search.Attached.of(
                arcs, (self.stops(measures[0], snapped.demand), self.stops(measures[1], snapped.demand))
            )

        return snapped.known.get(("crowd", self.coverage.walker, *arcs), attached)  # type: ignore[no-any-return]

    def reached(self, measure: Along, sites: NDArray[np.bool_], limit: int) -> _Ways:
        """Return all pairs of some sites within a limit, with what the other measure says where that is at hand."""
        other, there = _OTHER[measure], self.coverage.snapped.sites
        crowd = self.crowd((measure, other))
        at = (self.stops(measure, there, sites), self.stops(other, there, sites))
        # What the way costs on the flat, a little more, and what access legs cost more than streets do.
        per, legs = self.per(other), ((at[0].leg, at[1].leg), crowd.on_edge[3:])
        more = sum(float((there - per * here).max(initial=0.0)) for here, there in legs)
        limits = (limit, min(int(limit * per * 1.02 + more) + 100, _FARTHEST))
        if not crowd.is_near(at[0], limits):
            return self.ways(*self.within(measure, sites, np.full(self.count, limit, np.int64)))
        start, person, cost, also = search.catchments_by_both(crowd, at, limits)
        known = np.where(also == search.UNKNOWN, -1, also.astype(np.int64))
        site = np.repeat(np.arange(len(sites), dtype=np.int64), np.diff(start))
        return _Ways(site=site, demand=person.astype(np.int64), cost=cost.astype(np.int64), also=known)

    def ways(self, keys: NDArray[np.int64], cost: NDArray[np.int64]) -> _Ways:
        """Return pairs of which the other measure knows nothing yet."""
        site, demand = np.divmod(keys, max(self.count, 1))
        return _Ways(site=site, demand=demand, cost=cost.astype(np.int64), also=np.full(len(keys), -1, np.int64))

    def within(
        self, measure: Along, sites: NDArray[np.bool_], cutoff: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the keys and costs of all pairs of some sites within the cutoff of each point; below 0 it has none."""
        snapped = self.coverage.snapped
        people, there = self.stops(measure, snapped.demand, cutoff >= 0), self.stops(measure, snapped.sites, sites)
        start, person, cost = search.catchments(
            self.arcs(measure), there, people, np.maximum(cutoff, 0).astype(np.uint32)
        )
        site = np.repeat(np.arange(len(sites), dtype=np.int64), np.diff(start))
        return site * self.count + person, cost.astype(np.int64)

    def widening(self, measure: Along, sites: NDArray[np.bool_], least: int) -> _Ways:
        """Return pairs among which are the `least` nearest of some sites of every point that reaches so many."""
        on_streets = self.coverage.snapped.sites.snapped
        reachable = self._within_reach(sites & on_streets)
        cutoff = np.where(reachable > 0, _FIRST[measure], -1).astype(np.int64)
        keys, costs = [], []
        while (cutoff >= 0).any():
            key, cost = self.within(measure, sites, cutoff)
            demand = key % self.count
            done = np.bincount(demand, minlength=self.count) >= np.minimum(least, reachable)
            done |= cutoff >= _FARTHEST
            keys.append(key[done[demand]])
            costs.append(cost[done[demand]])
            cutoff = np.where(done, -1, np.minimum(cutoff * _WIDER, _FARTHEST))
        key, cost = (np.concatenate(part or [np.empty(0, np.int64)]) for part in (keys, costs))
        order = np.argsort(key)
        return self.ways(key[order], cost[order])

    def _within_reach(self, sites: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return how many of some sites stand on the streets that hang together with those of each demand point."""
        edges, component = self.network.edges, self.network.components
        at = self.coverage.snapped
        several = np.bincount(component[edges[at.sites.edge[sites], 0]], minlength=int(component.max(initial=-1)) + 2)
        found = np.zeros(self.count, np.int64)
        here = at.demand.snapped
        found[here] = several[component[edges[at.demand.edge[here], 0]]]
        return found

    def along(
        self, measure: Along, ways: _Ways, cost: NDArray[np.int64], known: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the cost of pairs by a measure, where that by the other is told; -1 without a way."""
        rows = np.flatnonzero(known < 0)
        keys = ways.site[rows] * self.count + ways.demand[rows]
        order = np.argsort(keys)
        rows, keys = rows[order], keys[order]
        site, demand, found = ways.site[rows], ways.demand[rows], np.full(len(rows), -1, np.int64)
        # What the way costs on the flat, and a little more: one search is enough but where it climbs much. Where others
        # are known, the rest was looked for there.
        farther = self.per(measure) * (_LONGER if len(rows) < len(known) else 1.05)
        cutoff = np.full(self.count, -1, np.int64)
        np.maximum.at(cutoff, demand, (cost[rows] * farther).astype(np.int64) + 100)
        cutoff = np.minimum(cutoff, _FARTHEST)
        while (missing := found < 0).any():
            left = np.zeros(self.count, np.bool_)
            left[demand[missing]] = True
            sites = np.zeros(len(self.coverage.sites), np.bool_)
            sites[site[missing]] = True
            key, reached = self.within(measure, sites, np.where(left, cutoff, -1))
            search.fill_in(found, keys, key, reached)
            if (cutoff[left] >= _FARTHEST).all():
                break
            cutoff = np.minimum(cutoff * _LONGER, _FARTHEST)
        whole = known.copy()
        whole[rows] = found
        return whole
