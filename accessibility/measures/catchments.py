"""`Catchments`: for every site the people it would cover, by the rule of their setting; who depends on one alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from accessibility.errors import InputError, checked
from accessibility.geo.arrays import Frozen, read_only, refuse
from accessibility.geo.projection import WGS84, pairs_within, transform
from accessibility.standards import CM_PER_M, MS_PER_S, Standard, Walker
from accessibility.streets import search
from accessibility.streets.snapping import NOWHERE, Snapped, snap_study

if TYPE_CHECKING:
    from collections.abc import Container

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.streets.network import Network
    from accessibility.streets.snapping import Positions

    Pairs = tuple[NDArray[np.int64], NDArray[np.float64]]
    _Homes = tuple[search.Homes, float, int]


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Catchments(Frozen):
    """Pairs of a site and a demand point that is within the standard of it, by site (CSR).

    Parameters
    ----------
    start
        ``(s + 1,)`` int64: the pairs of site ``j`` are those from ``start[j]`` to ``start[j + 1]``.
    demand
        ``(k,)`` int32 demand row of each pair, ascending within a site.
    cost
        ``(k,)`` seconds where the rule of the point's setting is a walk, metres otherwise; both access legs are in.

    Raises
    ------
    InputError
        Arrays that do not fit each other, or a pair that stands twice.

    Examples
    --------
    Two sites, of which the first reaches one demand point and the second two:

    >>> import accessibility as acc
    >>> found = acc.Catchments(start=[0, 1, 3], demand=[0, 0, 1], cost=[900.0, 400.0, 500.0])
    >>> found
    <Catchments 2 sites, 3 pairs>
    """

    start: NDArray[np.int64]
    demand: NDArray[np.int32]
    cost: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Copy the arrays and check that no pair stands twice."""
        start = read_only(self.start, dtype=np.int64, shape=(None,), name="catchments start")
        demand = read_only(self.demand, dtype=np.int32, shape=(None,), name="catchments demand")
        k = len(demand)
        if not len(start) or start[0] != 0 or start[-1] != k or (np.diff(start) < 0).any():
            msg = f"catchments start does not lead from 0 to the {k} pairs without falling; found {start[:5]}"
            raise InputError(msg)
        twice = np.diff(demand) <= 0
        twice[start[1:-1][(start[1:-1] > 0) & (start[1:-1] < k)] - 1] = False
        refuse(twice, name="catchments demand", found=demand[1:], expected="rows ascending within a site")
        cost = read_only(self.cost, dtype=np.float64, shape=(k,), name="catchments cost")
        for name, value in (("start", start), ("demand", demand), ("cost", cost)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of sites."""
        return len(self.start) - 1

    def __repr__(self) -> str:
        """Return sites and pairs."""
        return f"<Catchments {len(self):,} sites, {len(self.demand):,} pairs>"

    def of(self, site: int | np.integer[Any]) -> NDArray[np.int32]:
        """Return the demand rows of one site.

        Parameters
        ----------
        site
            Row of the site.

        Returns
        -------
        numpy.ndarray
            ``(k,)`` int32 rows of the demand points within the standard of it, ascending.

        Examples
        --------
        >>> found.of(1).tolist()
        [0, 1]
        """
        return self.demand[self.start[site] : self.start[site + 1]]


@checked
def trace_catchments(
    network: Network,
    demand: Demand,
    sites: Sites,
    standard: Standard | None = None,
    walker: Walker | None = None,
    snapped: Snapped | None = None,
) -> Catchments:
    """Return whom each site would cover, open or not: everybody within the limit of the rule of their own setting.

    The union of the catchments of the open sites is exactly who `measure_coverage` says is covered. Work and memory
    follow the size of the catchments, not of the network.

    Parameters
    ----------
    network, demand, sites
        Streets, people and sites, as for `measure_coverage`.
    standard, walker
        The policy standard and a walker of 1.0 m/s if not given.
    snapped
        `snap_study` of the same network, demand and sites, where it is known already.

    Returns
    -------
    Catchments
        The pairs of every site, in the rows of `sites`.

    Examples
    --------
    A straight road of 1 km, people at 900 m and at its end, an outlet at its start and one in its middle:

    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> people = acc.Demand(ids=["near", "far"], xy=[(900, 0), (1000, 0)], population=[30, 10], crs="EPSG:32649")
    >>> sites = acc.Sites(ids=["O1", "O2"], xy=[(0, 0), (500, 0)], crs="EPSG:32649")
    >>> found = acc.trace_catchments(road, people, sites)
    >>> found.of(0).tolist(), found.of(1).tolist(), found.cost.tolist()
    ([0], [0, 1], [900.0, 400.0, 500.0])
    """
    standard = Standard() if standard is None else standard
    walker = Walker() if walker is None else walker
    snapped = snap_study(network, demand, sites) if snapped is None else snapped
    people = Tracing(network=network, demand=demand, standard=standard, walker=walker, at=snapped.demand)
    return people.within_reach(sites, snapped.sites)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracing:
    """People whom sites may cover, made ready once for every question."""

    # network, demand, standard, walker: streets, people, what near enough means
    network: Network
    demand: Demand
    standard: Standard
    walker: Walker
    at: Positions  # where the people stand

    def within_reach(self, sites: Sites, at: Positions) -> Catchments:
        """Return whom each of some sites would cover, as `trace_catchments` does; `at` is where they stand."""
        pairs = [self._along_streets(self._walking, at), self._straight(sites), self._along_streets(self._measured, at)]
        n = max(len(self.demand), 1)
        key, cost = (np.concatenate(part) for part in zip(*pairs, strict=True))
        order = np.argsort(key, kind="stable")  # the parts are sorted: this merges them
        key, cost = key[order], cost[order]
        first = np.flatnonzero(np.append(True, key[1:] != key[:-1])) if len(key) else np.empty(0, np.intp)
        least = np.minimum.reduceat(cost, first) if len(key) else cost
        start = np.searchsorted(key[first], np.arange(len(sites) + 1, dtype=np.int64) * n)
        return Catchments(start=start, demand=(key[first] % n).astype(np.int32), cost=least)

    def ready(self) -> Self:
        """Return the same, with all made that the first question would wait for."""
        _ = self._walking, self._measured
        return self

    @cached_property
    def _walking(self) -> _Homes | None:
        """Those whose rule is a time."""
        return self._homes(("walk",), self.walker, self.walker.leg_ms_per_m)

    @cached_property
    def _measured(self) -> _Homes | None:
        """Those whose rule is a length.

        Who walks no farther than the limit is within a radius of it, however the lengths of the streets are rounded.
        """
        return self._homes(("network", "radius"), None, self.walker.leg_cm_per_m)

    def _homes(self, measures: Container[str], walker: Walker | None, per_m: float) -> _Homes | None:
        """Return those on the streets whose rule has one of the measures, and what a metre of an access leg costs."""
        cutoff = self._cutoff(measures)
        if not (cutoff >= 0).any():
            return None
        everyone = self.at.stops(per_m)
        people = search.Stops(
            edge=np.where(cutoff >= 0, everyone.edge, np.int32(NOWHERE)), fraction=everyone.fraction, leg=everyone.leg
        )
        limit = np.minimum(np.maximum(cutoff, 0), search.UNREACHED).astype(np.uint32)
        arcs = self.network.packed.arcs(walker, open_compounds=self.walker.open_compounds)
        return search.Homes.of(arcs, people, limit), per_m, CM_PER_M if walker is None else MS_PER_S

    def _cutoff(self, measures: Container[str]) -> NDArray[np.int64]:
        """Return the limit of each demand point whose rule has one of the measures, -1 of the others."""
        asked = [cutoff for measure, cutoff in self.demand.cutoffs(self.standard).items() if measure in measures]
        return np.maximum.reduce(asked) if asked else np.full(len(self.demand), -1, np.int64)

    def _along_streets(self, homes: _Homes | None, at: Positions) -> Pairs:
        """Return the pairs ``site * n + demand``, ascending, and their seconds or metres."""
        if homes is None:
            return np.empty(0, np.int64), np.empty(0)
        people, per_m, scale = homes
        start, person, cost = people.reached_from(at.stops(per_m))
        site = np.repeat(np.arange(len(at)), np.diff(start))
        return site * len(self.demand) + person, cost / scale

    def _straight(self, sites: Sites) -> Pairs:
        """Return the pairs within the radius of the points whose rule is one, and their geodesic metres."""
        cutoff = self._cutoff(("radius",))
        if not (cutoff >= 0).any():
            return np.empty(0, np.int64), np.empty(0)
        people_xy = transform(self.demand.xy, self.demand.crs, self.network.crs)
        site_xy = transform(sites.xy, sites.crs, self.network.crs)
        site, person, metres = pairs_within(people_xy, site_xy, cutoff / CM_PER_M, self.network.crs)
        within = np.rint(metres * CM_PER_M) <= cutoff[person]
        return (site * len(self.demand) + person)[within], metres[within]


MANY = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Ledger:
    """How much depends on each open site."""

    # demand, sites: whom and what it is about
    demand: Demand
    sites: Sites
    choices: NDArray[np.int64]  # (n,) how many open sites each demand point is within the standard of
    within: NDArray[np.float64]  # (s,) people within the standard of each site; 0 of a site that is not open
    # (s,) people within the standard of that open site and of no other: whom closing it would lose
    alone: NDArray[np.float64]
    # rows of open sites that can close together, with nobody lost: the least needed first, as many as go that way
    spare: tuple[int, ...]

    def table(self) -> pd.DataFrame:
        """Return one row per open site, most needed first.

        Columns: id, name, kind, within_people, alone_people, can_close (whether closing it alone loses nobody),
        can_close_together (whether it is one of those that can all close at once), lon, lat.
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        rows = np.flatnonzero(self.sites.open)
        rows = rows[np.lexsort((rows, -self.within[rows], -self.alone[rows]))]
        lonlat = transform(self.sites.xy[rows], self.sites.crs, WGS84)
        return pd.DataFrame(
            {
                "id": pd.Series(self.sites.ids[rows], dtype=object),
                "name": pd.Series(self.sites.name[rows], dtype=object),
                "kind": self.sites.kind[rows],
                "within_people": self.within[rows],
                "alone_people": self.alone[rows],
                "can_close": self.alone[rows] == 0,
                "can_close_together": np.isin(rows, self.spare),
                "lon": lonlat[:, 0],
                "lat": lonlat[:, 1],
            }
        )

    def people_by_choice(self) -> dict[str, float]:
        """Return people with no outlet within the standard, with one, and with two or more; together all people."""
        people, choices = self.demand.population, self.choices
        named = {"0": choices == 0, "1": choices == 1, "2+": choices >= MANY}
        return {name: float(people[here].sum()) for name, here in named.items()}


def measure_redundancy(catchments: Catchments, demand: Demand, sites: Sites) -> Ledger:
    """Return the redundancy ledger of the open sites.

    Parameters
    ----------
    catchments
        Whom each site covers.
    demand, sites
        The people and sites they were traced for.

    Raises
    ------
    InputError
        Catchments of other sites.

    Examples
    --------
    Two outlets; the first covers both people, the second one of them:

    >>> from accessibility import Catchments, Demand, Sites
    >>> both = Catchments(start=[0, 2, 3], demand=[0, 1, 1], cost=[60, 60, 60])
    >>> people = Demand(ids=["a", "b"], xy=[(0, 0), (9, 9)], population=[30, 10], crs="EPSG:32649")
    >>> ledger = measure_redundancy(both, people, Sites(ids=["O1", "O2"], xy=[(0, 0), (9, 9)], crs="EPSG:32649"))
    >>> ledger.alone.tolist(), ledger.people_by_choice()
    ([30.0, 0.0], {'0': 0.0, '1': 30.0, '2+': 10.0})
    """
    if len(catchments) != len(sites):
        msg = f"catchments are of {len(catchments)} sites, sites are {len(sites)}; expected the same ones"
        raise InputError(msg)
    site = np.repeat(np.arange(len(sites)), np.diff(catchments.start))
    counts = sites.open[site]
    site, person = site[counts], catchments.demand[counts]
    people = demand.population
    choices = np.bincount(person, minlength=len(demand))
    one = choices[person] == 1
    return Ledger(
        demand=demand,
        sites=sites,
        choices=choices,
        within=np.bincount(site, weights=people[person], minlength=len(sites)).astype(np.float64),
        alone=np.bincount(site[one], weights=people[person[one]], minlength=len(sites)).astype(np.float64),
        spare=_spare(catchments, sites, people, choices.copy()),
    )


def _spare(
    catchments: Catchments, sites: Sites, people: NDArray[np.float64], choices: NDArray[np.int64]
) -> tuple[int, ...]:
    """Return open sites that can close one after another with nobody lost, those with the fewest people first."""
    rows = np.flatnonzero(sites.open)
    size = np.array([people[catchments.of(row)].sum() for row in rows])
    gone = []
    for row in rows[np.lexsort((rows, size))]:
        here = catchments.of(row)
        here = here[people[here] > 0]
        if (choices[here] >= MANY).all():
            choices[here] -= 1
            gone.append(int(row))
    return tuple(gone)
