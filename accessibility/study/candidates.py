"""Candidate sites made from the streets, where none are given; and what opening or closing single sites would bring."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import transform
from accessibility.measures.catchments import trace_catchments
from accessibility.measures.coverage import measure_coverage
from accessibility.sites import Sites
from accessibility.standards import CM_PER_M, MS_PER_S
from accessibility.streets.snapping import EdgeIndex, Positions, Snapped
from accessibility.study.loading.sites import districts_of
from accessibility.whatif.comparison import served_of
from accessibility.wording import share_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.measures.coverage import Coverage
    from accessibility.streets.network import Network
    from accessibility.study.protocol import Studied
    from accessibility.whatif.scenario import Scenario
    from accessibility.whatif.trial import Trial

_SHARE = (
    5.0  # a fifth of the limit: on the sample county plans lose 1 to 2 % of the people that closer ones could cover
)
_ON_STREET_M = 0.01
_INSIDE_M = 0.01
_DOWNHILL = 1.5  # nobody walks so much faster than on the flat
_LEAST_DIGITS = 3


def propose_candidates(
    network: Network,
    coverage: Coverage,
    *,
    spacing_m: float | None = None,
    area: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
    taken: Iterable[object] = (),
) -> Sites:
    """Return new sites, none open, from which everybody is covered who is uncovered and could be covered.

    A candidate stands on a street that everybody may walk, at the level of the ground, inside the area. Whoever could
    be covered from any such place is covered by one candidate at least, under the rule of their own setting. They stand
    `spacing_m` apart, where uncovered people are; nearer only for people whom streets part that live close together.

    Parameters
    ----------
    network
        The streets that the coverage was measured on.
    coverage
        Who is uncovered today.
    spacing_m
        Least metres between two candidates; where not given a fifth of the limit of the people they are for (180 m for
        15 minutes at 1 m/s, 1 km for 5 km).
    area
        Polygons outside of which nothing is proposed.
    taken
        Ids that are in use already, beside those of the coverage's sites.

    Returns
    -------
    Sites
        Of kind ``new``, with ids ``N001`` and on, the one with the most uncovered people in its catchment first. Costs
        are 0; they are the caller's to set.

    Raises
    ------
    InputError
        A spacing that is no length, an area without a coordinate system.

    Examples
    --------
    A street of 3 km with an outlet at its start, and 30 people at its end, beyond 15 minutes:

    >>> from accessibility import Demand, Network, Sites, measure_coverage
    >>> street = Network(node_xy=[(0, 0), (3000, 0)], edges=[(0, 1)], length_m=[3000], crs="EPSG:32649")
    >>> people = Demand(ids=["a", "b"], xy=[(100, 0), (2990, 0)], population=[10, 30], crs="EPSG:32649")
    >>> today = measure_coverage(street, people, Sites(ids=["O1"], xy=[(0, 0)], crs="EPSG:32649"))
    >>> found = propose_candidates(street, today)
    >>> found.ids.tolist(), found.xy.tolist(), found.open.tolist()
    (['N001'], [[2990.0, 0.0]], [False])
    """
    if spacing_m is not None and not (math.isfinite(spacing_m) and spacing_m > 0):
        msg = f"spacing_m is {spacing_m}; expected metres, more than 0"
        raise InputError(msg)
    missing = ~coverage.covered & (coverage.demand.population > 0)
    needy = _Needy(
        network=network,
        coverage=coverage,
        demand=coverage.demand.rows(missing),
        stand=coverage.snapped.demand.take(missing),
    )
    ground = _Ground(network=network, polygons=_merged(area, network))
    xy, positions = ground.allowed(_places(needy, ground))
    chosen, people = _thinned(needy, xy, positions, spacing_m)
    order = np.lexsort((xy[chosen, 1], xy[chosen, 0], -people))
    return Sites(
        ids=_free_ids(len(order), {*map(str, coverage.sites.ids), *map(str, taken)}),
        xy=xy[chosen[order]],
        kind=np.full(len(order), "new"),
        crs=network.crs,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Needy:
    """The uncovered people, and where they stand on the network."""

    network: Network
    coverage: Coverage
    demand: Demand
    stand: Positions

    @property
    def limit_m(self) -> NDArray[np.float64]:
        """``(n,)`` how far the limit of each one's rule leads on the flat."""
        speed = self.coverage.walker.speed_m_s
        cutoffs = self.demand.cutoffs(self.coverage.standard)
        metres = [c / MS_PER_S * speed if measure == "walk" else c / CM_PER_M for measure, c in cutoffs.items()]
        return np.max([np.zeros(len(self.demand)), *metres], axis=0)  # type: ignore[no-any-return]

    @property
    def by_radius(self) -> NDArray[np.bool_]:
        """``(n,)`` whether each one's rule is a straight line."""
        cutoff = self.demand.cutoffs(self.coverage.standard).get("radius")
        return np.zeros(len(self.demand), np.bool_) if cutoff is None else cutoff >= 0

    @property
    def home_xy(self) -> NDArray[np.float64]:
        """``(n, 2)`` where they live, in the network's coordinates; not finite for people without a place."""
        return transform(self.demand.xy, self.demand.crs, self.network.crs)

    def snapped(self, positions: Positions) -> Snapped:
        """Return where these people stand, and some sites."""
        return Snapped(demand=self.stand, sites=positions)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ground:
    """Where a site may stand: on edges that everybody may walk, at the level of the ground, inside the polygons."""

    network: Network
    polygons: Any

    def index(self) -> EdgeIndex:
        """Return those edges, to snap to."""
        return EdgeIndex.of(self.network, public=True)

    def stands(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.bool_], Positions]:
        """Return whether a site that is put at each place stands there, and where it stands."""
        found = self.index().snap(xy, np.inf)
        fits = found.snapped & (found.leg_m <= _ON_STREET_M)
        if self.polygons is not None:
            fits &= shapely.intersects_xy(self.polygons, xy[:, 0], xy[:, 1])
        return fits, found

    def allowed(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.float64], Positions]:
        """Return those of some places where a site stands that is put there, each once, and their positions."""
        fits, found = self.stands(xy)
        rows = np.flatnonzero(fits)
        rows = rows[np.unique(np.column_stack([found.edge, found.fraction])[rows], axis=0, return_index=True)[1]]
        return xy[rows], found.take(rows)

    def ends(self) -> NDArray[np.float64]:
        """Return the places where one comes onto such edges: junctions, and where streets cross the border."""
        walkable = self.network.from_beside & ~self.network.private
        places = [self.network.node_xy[np.unique(self.network.edges[walkable])]]
        if self.polygons is not None:
            inner = shapely.buffer(self.polygons, -_INSIDE_M)
            lines = self.network.lines(np.flatnonzero(walkable))
            across = lines[shapely.STRtree(lines).query(shapely.boundary(inner), predicate="intersects")]
            parts = shapely.get_parts(shapely.intersection(across, inner))
            parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING]
            places += [shapely.get_coordinates(shapely.get_point(parts, end)) for end in (0, -1)]
        return np.concatenate(places)


def _places(needy: _Needy, ground: _Ground) -> NDArray[np.float64]:
    """Return places among which is the nearest of all to everybody who is needy.

    For most it is where they come onto the street themselves. Who does so where no site may stand comes to such
    places by their ends first.
    """
    onto, home = np.flatnonzero(needy.stand.snapped), needy.home_xy
    lines = needy.network.lines()[needy.stand.edge[onto]]
    street = home.copy()
    street[onto] = shapely.get_coordinates(
        shapely.line_interpolate_point(lines, needy.stand.fraction[onto], normalized=True)
    )
    own = np.zeros(len(home), np.bool_)
    own[onto] = ground.stands(street[onto])[0]
    places = [street[own]]
    others = np.flatnonzero(~own & finite_rows(street))
    if others.size:
        ends = ground.ends()
        reach = needy.limit_m[others].max() * _DOWNHILL
        places.append(ends[cKDTree(street[others]).query(ends)[0] <= reach])
    afar = others[needy.by_radius[others]]
    if afar.size:
        near = ground.index().snap(home[afar], np.inf)
        lines, fraction = needy.network.lines()[near.edge[near.snapped]], near.fraction[near.snapped]
        places.append(shapely.get_coordinates(shapely.line_interpolate_point(lines, fraction, normalized=True)))
    return np.concatenate(places)


def _thinned(
    needy: _Needy, xy: NDArray[np.float64], positions: Positions, spacing_m: float | None
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return some of the places from which everybody is covered that all of them cover, and whom each covers."""
    every = Sites(ids=np.arange(len(xy)).astype(object), xy=xy, crs=needy.network.crs)
    how = needy.coverage.standard, needy.coverage.walker
    best = measure_coverage(needy.network, needy.demand, every, *how, needy.snapped(positions))
    left, people = best.covered.copy(), needy.demand.population
    apart = needy.limit_m / _SHARE if spacing_m is None else np.full(len(people), float(spacing_m))
    chosen: list[NDArray[np.intp]] = [np.empty(0, np.intp)]
    brought: list[NDArray[np.float64]] = [np.empty(0)]
    while left.any():
        rows = _spaced(xy, best.nearest[left], people[left], apart[left])
        found = trace_catchments(
            needy.network, needy.demand, every.take(rows), *how, needy.snapped(positions.take(rows))
        )
        site = np.repeat(np.arange(len(rows)), np.diff(found.start))
        chosen.append(rows)
        brought.append(np.bincount(site, weights=people[found.demand], minlength=len(rows)).astype(np.float64))
        left[found.demand] = False
        # Who is left lives near a candidate and far from it on foot: the next ones may stand nearer.
        apart = apart / 2
    return np.concatenate(chosen), np.concatenate(brought)


def _spaced(
    xy: NDArray[np.float64], place: NDArray[np.int32], people: NDArray[np.float64], apart: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return places that keep their distance: of each square the one in the middle of its people, most people first.

    Parameters
    ----------
    xy
        Of all places.
    place, people, apart
        ``(n,)`` place that is nearest to some people, how many they are, and how far from it the next one has to be.
    """
    rows, at = np.unique(place, return_inverse=True)
    weight, distance = np.bincount(at, weights=people), np.full(len(rows), np.inf)
    np.minimum.at(distance, at, apart)
    key = np.column_stack([distance, *np.floor(xy[rows].T / distance)])
    _, square = np.unique(key, axis=0, return_inverse=True)
    square = square.reshape(-1)
    total = np.bincount(square, weights=weight)
    middle = np.column_stack([np.bincount(square, weights=weight * xy[rows, k]) / total for k in (0, 1)])
    off = np.hypot(*(xy[rows] - middle[square]).T)
    order = np.lexsort((rows, off, square))
    first = order[np.unique(square[order], return_index=True)[1]]
    kept: list[int] = []
    for candidate in first[np.argsort(-total, kind="stable")]:
        far = np.hypot(*(xy[rows[kept]] - xy[rows[candidate]]).T)
        if not (far < distance[candidate]).any():
            kept.append(int(candidate))
    return rows[kept].astype(np.intp)


def _merged(area: gpd.GeoDataFrame | gpd.GeoSeries | None, network: Network) -> Any:
    """Return the polygons as one, in the network's coordinates; None without an area."""
    if area is None:
        return None
    if area.crs is None:
        msg = "the area has no coordinate system; expected one, set it with area.set_crs(...)"
        raise InputError(msg)
    merged = area.geometry.to_crs(network.crs).union_all()
    shapely.prepare(merged)
    return merged


def make_candidates(study: Studied, today: Coverage) -> Sites | None:
    """Return the candidates of a study, named by their districts; None where it wants none, or names its own."""
    siting = study.settings.siting
    if not study.settings.makes_candidates:
        return None
    made = propose_candidates(study.network, today, spacing_m=siting.generate_spacing_m, area=study.districts)
    where = districts_of(made, study.districts, "").fillna("")
    names = [f"{district} {site}".strip() for site, district in where.items()]
    return replace(made, name=np.array(names, dtype=object), cost=np.full(len(made), siting.cost.new))


def is_made_id(site: object) -> bool:
    """Return whether an id looks like those of candidates that `propose_candidates` makes."""
    return isinstance(site, str) and site[:1] == "N" and site[1:].isdecimal() and len(site) > _LEAST_DIGITS


def _free_ids(count: int, taken: set[str]) -> NDArray[np.object_]:
    """Return so many ids N001, N002 ... that are not taken."""
    found: list[str] = []
    digits, number = max(_LEAST_DIGITS, len(str(count))), 0
    while len(found) < count:
        number += 1
        name = f"N{number:0{digits}d}"
        if name not in taken:
            found.append(name)
    return np.array(found, dtype=object)


def refuse_unfit(study: Studied, what: str, lon: float, lat: float) -> None:
    """Raise an error where no site can stand: outside all districts, or in water.

    Raises
    ------
    InputError
        A place outside the area, or in water.
    """
    place = shapely.Point(lon, lat)
    if study.districts is not None and not study.districts.covers(place).any():
        msg = f"{what} lies outside the area of {study.name}; expected a place inside"
        raise InputError(msg)
    wet = study.water.iloc[study.water.sindex.query(place, predicate="intersects")]
    if len(wet):
        name = wet["name"].iloc[0] or wet["water"].iloc[0]
        msg = f"{what} lies in water ({name}); expected a place on land"
        raise InputError(msg)


_COLUMNS = (
    *("action", "site", "instead_of", "name", "kind"),
    *("gained", "lost", "change", "covered", "covered_share", "cost"),
)
_SERVED = ("served", "served_change")
_PARTS = 100  # of the changes: no worker waits long for the last, and a bar moves


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A small scenario with the site that opens, the one that closes, or both."""

    scenario: Scenario  # what is different
    # site, closed: the site that opens and the one that closes; None where none does.
    site: Hashable | None = None
    closed: Hashable | None = None

    @property
    def action(self) -> str:
        """``open``, ``close`` or ``swap``."""
        if self.site is None:
            return "close"
        return "open" if self.closed is None else "swap"


def rank_changes(
    begin: Callable[[], Trial], changes: Sequence[Attempt], *, workers: int = 1, progress: bool = False
) -> pd.DataFrame:
    """Return what each change alone would bring, best first.

    Each is a step of a trial that is taken back, so that it costs what its neighbourhood costs.

    Parameters
    ----------
    begin
        Makes a trial where each change begins, and with which it is compared; one for each worker.
    changes
        What is tried.
    workers
        Threads that share them; the table is the same.
    progress
        Whether a bar on standard error tells how far it is.

    Returns
    -------
    pandas.DataFrame
        One row per change: ``action``, ``site``, ``instead_of``, ``name``, ``kind``, ``gained``, ``lost`` and
        ``change`` (people), ``covered`` (people) and ``covered_share`` (0 to 1) after it, ``cost`` of opening. Of equal
        change the cheaper comes first, then the earlier. Where sites have a capacity also ``served`` and
        ``served_change``, covered people who find room then, and how many more they are; each such row measures the
        whole coverage anew.

    Raises
    ------
    InputError
        No worker.
    """
    if workers < 1:
        msg = f"workers is {workers}; expected 1 or more threads"
        raise InputError(msg)
    rows = [row for part in _tried(begin, changes, workers, progress=progress) for row in part]
    has_capacity = bool(rows) and len(rows[0]) > len(_COLUMNS)
    found = pd.DataFrame(rows, columns=[*_COLUMNS, *(_SERVED if has_capacity else ())])
    order = np.lexsort((found["cost"].to_numpy(float), -found["change"].to_numpy(float)))
    return found.iloc[order].reset_index(drop=True)


def _tried(
    begin: Callable[[], Trial], changes: Sequence[Attempt], workers: int, *, progress: bool
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of the changes, in their order, part by part."""
    size = max(1, -(-len(changes) // _PARTS))
    parts = [changes[at : at + size] for at in range(0, len(changes), size)]
    free = [begin() for _ in range(min(workers, len(parts)))]

    def attempt(part: Sequence[Attempt]) -> list[tuple[Any, ...]]:
        trial = free.pop()
        try:
            return [_row(trial, change) for change in part]
        finally:
            free.append(trial)

    if workers == 1:
        yield from _told(map(attempt, parts), len(parts), progress=progress)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from _told(pool.map(attempt, parts), len(parts), progress=progress)


def _told(parts: Iterator[list[tuple[Any, ...]]], count: int, *, progress: bool) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the parts, with a bar where one is asked for."""
    if not progress:
        yield from parts
        return
    from rich.console import Console  # noqa: PLC0415 -- only where a bar is asked for
    from rich.progress import track  # noqa: PLC0415

    yield from track(parts, "Changes", total=count, console=Console(stderr=True))


def _row(trial: Trial, change: Attempt) -> tuple[Any, ...]:
    """Return what a change brings; the trial is left as it was."""
    begun, before = trial.steps, trial.baseline.coverage
    gained, lost = trial.follow(change.scenario).change_in_people()
    served = _served(before, trial.coverage()) if before.sites.has_capacity else ()
    while trial.steps > begun:
        trial.undo()
    site, added = change.closed if change.site is None else change.site, change.scenario.added
    if added:
        name, kind, cost = added[0].name, added[0].kind, added[0].cost
    else:
        row = before.sites.rows([site])[0]
        name, kind, cost = before.sites.name[row], str(before.sites.kind[row]), float(before.sites.cost[row])
    told = (change.action, site, change.closed if change.action == "swap" else None, name, kind)
    covered = before.covered_people + gained - lost
    share = share_of(covered, before.population)
    return (*told, gained, lost, gained - lost, covered, share, 0.0 if change.site is None else cost, *served)


def _served(before: Coverage, after: Coverage) -> tuple[float, float]:
    """Return who of the covered finds room after a change, and how many more than before."""
    then = float(served_of(after).sum())
    return then, then - float(served_of(before).sum())
