"""The figures of a trial while its sites open, close and move: kept up to date, not measured anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility import search
from accessibility.geo.arrays import Frozen
from accessibility.geo.projection import distances, transform
from accessibility.measures.coverage import Coverage, Nearest, decide_coverage
from accessibility.search.straight import NO_SITE, STRETCH, measure_radius
from accessibility.streets.editing import edit_streets
from accessibility.streets.pieces import Footing
from accessibility.streets.snapping import EdgeIndex, Positions, SnapLimits, Snapped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.standards import Standard, Walker
    from accessibility.streets.edits import StreetEdit
    from accessibility.streets.network import Network

    Undo = Callable[[], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground(Frozen):
    """Streets and people, the same through all steps of a trial, and what is derived from them once.

    Parameters
    ----------
    network, demand
        Streets and people.
    snapped
        Where the people stand.
    """

    network: Network
    demand: Demand
    snapped: Positions

    @cached_property
    def people_xy(self) -> NDArray[np.float64]:
        """``(n, 2)`` people in the network's coordinate system."""
        return transform(self.demand.xy, self.demand.crs, self.network.crs)

    @cached_property
    def streets(self) -> EdgeIndex:
        """The edges that sites snap to."""
        return EdgeIndex(network=self.network, public=True)

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
        return Ground(network=done.network, demand=self.demand, snapped=done.people.at), done.sites.at


class LiveCoverage:
    """Who is nearest to which open site, by seconds, metres and radius, exactly as if measured from scratch.

    Each change returns a function that takes it back; of several, the last first.
    """

    def __init__(self, ground: Ground, sites: Sites, at: Positions, standard: Standard, walker: Walker) -> None:
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
        self._radius, self._radius_site = measure_radius(ground.people_xy, self._xy, is_open, ground.network.crs)

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
        self._radius[people], self._radius_site[people] = radius, site

        def undo() -> None:
            search.undo_change(self._walk, walk)
            search.undo_change(self._metres, metres)
            self._radius[people], self._radius_site[people] = before

        return undo

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

    def coverage(self, sites: Sites) -> Coverage:
        """Return the coverage as it is; `sites` are those there are at the moment."""
        nearest = Nearest(
            walk=self._walk.found.copy(),
            network=self._metres.found.copy(),
            radius=(self._radius.copy(), self._radius_site.copy()),
        )
        edited = None if self.ground.network.pieces is None else self.ground.network
        snapped = Snapped(demand=self.ground.snapped, sites=self._at, network=edited)
        return decide_coverage(self.ground.demand, sites, nearest, self.standard, self.walker, snapped)

    def _new_radii(self, row: int) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.int32]]:
        """Return whose nearest site in a straight line is another after a switch, how far it is, and its row."""
        crs = self.ground.network.crs
        if not self.is_open(row):
            people = np.flatnonzero(self._radius_site == row)
            xy = self.ground.people_xy[people]
            return people, *measure_radius(xy, self._xy, self._walk.is_open, crs)
        drawn = np.hypot(*(self.ground.people_xy - self._xy[row]).T)
        near = np.flatnonzero((drawn <= self._radius * STRETCH) | (np.isfinite(drawn) & (self._radius_site == NO_SITE)))
        way = distances(self.ground.people_xy[near], np.broadcast_to(self._xy[row], (len(near), 2)), crs)
        before, owner = self._radius[near], self._radius_site[near]
        better = (owner == NO_SITE) | (way < before) | ((way == before) & (row < owner))
        return near[better], way[better], np.full(int(better.sum()), row, np.int32)


def _with(values: NDArray[Any], row: int, value: NDArray[Any]) -> NDArray[Any]:
    """Return the values with one row replaced, or one more."""
    longer = np.concatenate([values, value]) if row == len(values) else values.copy()
    longer[row] = value[0]
    return longer
