"""Points to positions along edges."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from accessibility.errors import AccessibilityWarning, InputError
from accessibility.geo.arrays import Frozen, Memo, extent, finite_rows, locked, read_only, refuse
from accessibility.geo.projection import transform
from accessibility.streets.network import sealed_edges
from accessibility.streets.search.compiling import run_in_threads
from accessibility.streets.search.multisource import UNREACHED, Stops
from accessibility.streets.search.segments import SegmentGrid, neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.streets.network import Network

NOWHERE = -1
_AT_END_M = 0.001
_MOST_KNOWN = 16  # searches from one snapping: three measures of the few walkers and sets of open sites of a run
PREFER_MAIN_M = 200.0
"""How much nearer an edge of a minor component must be to be taken instead of one of a main component."""
_MANY = 16  # edges near a point to begin with, and how many times as many next


@dataclass(frozen=True, kw_only=True)
class SnapLimits:
    """How far from a street a point may lie and still be snapped, in metres.

    A person farther away is unreached and stays in the denominator; a site farther away serves nobody.
    """

    # urban_m, town_m, rural_m: for people, by setting; settings that a study names itself have the widest, `rural_m`
    urban_m: float = 500.0
    town_m: float = 500.0
    rural_m: float = 2_000.0
    site_m: float = 2_000.0  # for sites

    def of(self, setting: NDArray[np.str_]) -> NDArray[np.float64]:
        """Return the limit of each point by its setting."""
        found: NDArray[np.float64] = np.select(
            [setting == "urban", setting == "town"], [self.urban_m, self.town_m], self.rural_m
        )
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Positions(Frozen):
    """Where points stand on a network."""

    edge: NDArray[np.int32]  # (k,) row of the edge; `NOWHERE` for a point that could not be snapped.
    fraction: NDArray[np.float64]  # (k,) place along the edge, 0 at its first node and 1 at its second
    # (k,) straight line from the point to that place; of a point beyond its limit, how far the street is; NaN for a
    # point without coordinates.
    leg_m: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Copy the arrays and check them."""
        edge = read_only(self.edge, dtype=np.int32, shape=(None,), name="positions edge")
        k = len(edge)
        fraction = read_only(self.fraction, dtype=np.float64, shape=(k,), name="positions fraction")
        refuse(~((fraction >= 0) & (fraction <= 1)), name="positions fraction", found=fraction, expected="0 to 1")
        leg_m = read_only(self.leg_m, dtype=np.float64, shape=(k,), name="positions leg_m")
        for name, value in (("edge", edge), ("fraction", fraction), ("leg_m", leg_m)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.edge)

    def __add__(self, other: Positions) -> Positions:
        """Return these points, then the others."""
        return Positions(
            edge=np.append(self.edge, other.edge),
            fraction=np.append(self.fraction, other.fraction),
            leg_m=np.append(self.leg_m, other.leg_m),
        )

    def stops(self, leg_cost_per_m: float) -> Stops:
        """Return the points as a search sees them, their access legs costed.

        Raises
        ------
        InputError
            A leg longer than a search can count.
        """
        leg = np.rint(np.where(self.snapped, self.leg_m, 0.0) * leg_cost_per_m)
        if (leg >= UNREACHED).any():
            msg = f"an access leg is {self.leg_m.max():.0f} m long; expected less than the Earth's girth"
            raise InputError(msg)
        return Stops(edge=self.edge, fraction=self.fraction, leg=leg.astype(np.uint32))

    def take(self, rows: NDArray[Any] | slice) -> Positions:
        """Return the points that `rows` (boolean, row positions, or a slice) selects."""
        return Positions(edge=self.edge[rows], fraction=self.fraction[rows], leg_m=self.leg_m[rows])

    def replaced(self, rows: NDArray[np.intp], other: Positions) -> Positions:
        """Return the points with those of some rows replaced."""
        changed: dict[str, Any] = {}
        for name in ("edge", "fraction", "leg_m"):
            values = getattr(self, name).copy()
            values[rows] = getattr(other, name)
            changed[name] = values
        return Positions(**changed)

    @property
    def snapped(self) -> NDArray[np.bool_]:
        """``(k,)`` whether the point stands on an edge."""
        on_edge: NDArray[np.bool_] = self.edge != NOWHERE
        return on_edge


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapped:
    """Where the people and the sites of a study stand on its network."""

    # demand, sites: one position for each demand point and each site, in their order
    demand: Positions
    sites: Positions
    # the streets they stand on, where these were edited; None where they are the study's.
    network: Network | None = None
    # What was searched from here already; no part of the value, so that a changed copy begins anew.
    known: Memo = field(default_factory=lambda: Memo(_MOST_KNOWN), repr=False, init=False)

    def streets(self, today: Network) -> Network:
        """Return the streets they stand on: those of today where none were edited."""
        return today if self.network is None else self.network


@dataclass(frozen=True, kw_only=True, eq=False)
class Choices(Frozen):
    """The streets that points may step onto, the nearest first."""

    # edge, fraction, leg_m: (k, c) as those of `Positions`; `NOWHERE` and infinity where there are no more.
    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]
    leg_m: NDArray[np.float64]

    @cached_property
    def _known(self) -> Memo:
        return Memo(2)

    def sums(self, scale_m: float, there: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return ``(c, k)`` the weights of the choices, each added to those before it; 0 where there are none.

        Parameters
        ----------
        scale_m
            How much farther a street is that weighs e-fold less.
        there
            ``(k, c)`` the choices there are; all but `NOWHERE` if None.
        """
        if there is None:
            return self._known.get(scale_m, lambda: self.sums(scale_m, self.edge != NOWHERE))  # type: ignore[no-any-return]
        leg_m = np.where(there, self.leg_m, 0.0)
        nearest = np.where(there, leg_m, np.inf).min(axis=1, initial=np.inf)
        farther = leg_m - np.where(np.isfinite(nearest), nearest, 0.0)[:, None]
        weight = np.where(there, np.exp(-np.maximum(farther, 0.0) / max(scale_m, 1e-9)), 0.0)
        return np.ascontiguousarray(weight.cumsum(axis=1).T)

    def take(self, rows: NDArray[np.intp]) -> Choices:
        """Return the choices of some points."""
        return Choices(edge=self.edge[rows], fraction=self.fraction[rows], leg_m=self.leg_m[rows])

    def at_first(self, there: NDArray[np.bool_]) -> Positions:
        """Return the first of the ``(k, c)`` choices that there are for each point."""
        return self.at(np.where(there.any(axis=1), there.argmax(axis=1), -1))

    def at(self, choice: NDArray[np.intp]) -> Positions:
        """Return where each point stands that takes one of its choices; -1 stands nowhere."""
        place = np.arange(len(self.edge)) * self.edge.shape[1] + np.maximum(choice, 0)
        edge = np.where(choice >= 0, self.edge.ravel()[place], np.int32(NOWHERE)).astype(np.int32)
        leg_m = np.where(edge == NOWHERE, np.nan, self.leg_m.ravel()[place])
        return Positions(edge=edge, fraction=self.fraction.ravel()[place], leg_m=leg_m)


def snap_points(
    network: Network, xy: NDArray[np.float64], limit_m: NDArray[np.float64] | float, *, public: bool = False
) -> Positions:
    """Return the nearest place on an edge of the network for each point.

    Nobody steps onto a bridge, into a tunnel or an indoor way from beside, nor onto the outline of a square, which is
    walked across: such edges are left out. Edges of main components are preferred: a point takes a smaller component
    only where that one is nearer by more than 200 m. So a stray fragment gathers nobody, and an island keeps its
    people. Ways of a compound that no street meets take nobody: who lives there does come out, through a gate that
    nobody mapped.

    Parameters
    ----------
    network
        The streets.
    xy
        ``(k, 2)`` metres in the network's coordinate system; a row that is not finite stands nowhere.
    limit_m
        Farthest distance that is snapped, ``<=``; one number or ``(k,)``.
    public
        Whether edges are left out where only residents may walk: a site that serves everyone is on the street.

    Returns
    -------
    Positions
        One a point; a point on a node stands exactly at the end of an edge (within 1 mm).
    """
    return EdgeIndex.of(network, public=public).snap(xy, limit_m)


class Parted(Protocol):
    """Streets of which parts are held, one at a time."""

    @property
    def boxes(self) -> NDArray[np.float64]:
        """``(h, 4)`` west, south, east, north of each part."""

    def part(self, heap: int) -> tuple[Network, NDArray[np.int64]]:
        """Return a part, its `origin` known, and the numbers of its edges among those of all."""

    def circles(self, *, public: bool) -> NDArray[np.float64]:
        """Return ``(c, 3)`` circles, each around an edge of a main component that points may snap to, in all parts."""


def snap_in_parts(
    streets: Parted, xy: NDArray[np.float64], limit_m: NDArray[np.float64] | float, *, public: bool = False
) -> Positions:
    """Return the nearest place on an edge for each point, as `snap_points` does on all streets at once.

    Parameters
    ----------
    streets
        Parts of a network, each of which is looked at once.
    xy, limit_m, public
        As `snap_points` takes them.

    Returns
    -------
    Positions
        One a point; edges are told by their numbers among those of all streets.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 -- `import accessibility` stays light

    main, minor = _Nearest(len(xy)), _Nearest(len(xy))
    placed, circles = np.flatnonzero(finite_rows(xy)), streets.circles(public=public)
    least_m = np.full(len(xy), np.inf)  # a main edge is not farther
    if len(circles) and placed.size:
        away_m, nearest = cKDTree(circles[:, :2]).query(xy[placed])
        least_m[placed] = away_m + circles[nearest, 2]
    for part, box in enumerate(streets.boxes):
        away_m = _away(xy[placed], box) - _AT_END_M
        if not (away_m <= least_m[placed]).any():
            continue
        network, numbers = streets.part(part)
        index = EdgeIndex(network=network, public=public)
        for kind, prefer_m, is_main in ((main, 0.0, True), (minor, PREFER_MAIN_M, False)):
            rows = placed[away_m <= least_m[placed] - prefer_m]
            kind.take(rows, index.nearest(xy[rows], main=is_main), numbers)
            least_m = np.minimum(least_m, main.leg_m)
    nearer = minor.leg_m < np.where(np.isfinite(main.leg_m), main.leg_m, -np.inf) - PREFER_MAIN_M
    edge, fraction, leg_m = (
        np.where(nearer, getattr(minor, name), getattr(main, name)) for name in ("edge", "fraction", "leg_m")
    )
    on = leg_m <= limit_m
    leg_m = np.where(np.isfinite(leg_m), leg_m, np.nan)
    return Positions(edge=np.where(on, edge, NOWHERE), fraction=np.where(on, fraction, 0.0), leg_m=leg_m)


class _Nearest:
    """The nearest edges of so many points, of those that were looked at."""

    def __init__(self, count: int) -> None:
        self.edge, self.fraction = np.full(count, NOWHERE, np.int64), np.zeros(count)
        self.leg_m, self._later = np.full(count, np.inf), np.zeros(count, np.bool_)

    def take(self, rows: NDArray[np.intp], found: FoundEdges | None, numbers: NDArray[np.int64]) -> None:
        """Take the edges found for some points where they are nearer, or before others where equally near."""
        if found is None:
            return
        edge, later = numbers[found.edge], found.later
        alike = found.leg_m == self.leg_m[rows]
        sooner = (later < self._later[rows]) | ((later == self._later[rows]) & (edge < self.edge[rows]))
        new = (found.leg_m < self.leg_m[rows]) | (alike & sooner)
        rows = rows[new]
        self.edge[rows], self.fraction[rows] = edge[new], found.fraction[new]
        self.leg_m[rows], self._later[rows] = found.leg_m[new], later[new]


class FoundEdges(NamedTuple):
    """The nearest edges of points: rows, whether others as near come before them, where on them, and how far."""

    edge: NDArray[np.int64]
    later: NDArray[np.bool_]
    fraction: NDArray[np.float64]
    leg_m: NDArray[np.float64]


def _away(xy: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far points are from a box."""
    beyond = np.maximum(np.maximum(box[:2] - xy, xy - box[2:]), 0.0)
    away: NDArray[np.float64] = np.hypot(*beyond.T)
    return away


@dataclass(frozen=True, kw_only=True, eq=False)
class EdgeIndex:
    """The edges of a network in space, to snap to again and again; see `snap_points`."""

    network: Network
    public: bool  # whether edges are left out where only residents may walk

    @classmethod
    def of(cls, network: Network, *, public: bool) -> EdgeIndex:
        """Return the index of a network, which is made once."""
        public = public and bool(network.private.any())
        found: EdgeIndex = network.packed.index(public, lambda: cls(network=network, public=public))
        return found

    @cached_property
    def _main(self) -> SegmentGrid | None:
        return self._grid(self.network.main_edges)

    @cached_property
    def _minor(self) -> SegmentGrid | None:
        return self._grid(~self.network.main_edges & ~sealed_edges(self.network))

    def _grid(self, wanted: NDArray[np.bool_]) -> SegmentGrid | None:
        """Return some of the edges that points may snap to, in space; None where there are none.

        At a junction several edges are equally near: a street goes before a private way.
        """
        streets = self.network
        kept = wanted & streets.from_beside & ~(streets.private & self.public)
        if not kept.any():
            return None
        if streets.straight:
            return SegmentGrid.straight(streets.node_xy, streets.edges, kept, streets.private)
        return SegmentGrid.of(streets.shape_xy, streets.shape_start, kept, streets.private)

    def snap(self, xy: NDArray[np.float64], limit_m: NDArray[np.float64] | float) -> Positions:
        """Return the nearest place on an edge for each of ``(k, 2)`` points, as `snap_points` does."""
        edge, fraction, leg_m = np.full(len(xy), NOWHERE, np.int32), np.zeros(len(xy)), np.full(len(xy), np.inf)
        placed = np.flatnonzero(finite_rows(xy))

        def take(grid: SegmentGrid | None, rows: NDArray[np.intp], prefer_m: float) -> None:
            def work(batch: NDArray[np.intp]) -> None:
                found = self._nearest(grid, xy[batch])  # type: ignore[arg-type]
                nearer = found[-1] < leg_m[batch] - prefer_m
                at = batch[nearer]
                edge[at], fraction[at], leg_m[at] = (values[nearer] for values in found)

            if grid is not None:
                run_in_threads([partial(work, batch) for batch in neighbours(xy, rows)])

        if placed.size and self._main is not None:
            take(self._main, placed, 0.0)
            doubtful = np.flatnonzero((leg_m > PREFER_MAIN_M) & (leg_m < np.inf))  # none can be nearer by more
            if doubtful.size:
                take(self._minor, doubtful, PREFER_MAIN_M)
        off = ~(leg_m <= limit_m)
        edge[off], fraction[off], leg_m[leg_m == np.inf] = NOWHERE, 0.0, np.nan
        return Positions(edge=locked(edge), fraction=locked(fraction), leg_m=locked(leg_m))

    def nearest(self, xy: NDArray[np.float64], *, main: bool) -> FoundEdges | None:
        """Return the nearest edge of each of ``(n, 2)`` finite points; None where there is none.

        Parameters
        ----------
        xy
            The points.
        main
            Whether edges of main components are looked at, or those of the others.
        """
        grid = (self._main if main else self._minor) if len(xy) else None
        if grid is None:
            return None
        edge, fraction, leg_m = self._nearest(grid, xy)
        return FoundEdges(edge=edge, later=self.network.private[edge], fraction=fraction, leg_m=leg_m)

    def near(self, xy: NDArray[np.float64], within_m: NDArray[np.float64], most: int) -> Choices:
        """Return the edges within a distance of each of ``(k, 2)`` points, of main components alone, `most` of them."""
        shape = (len(xy), most)
        edge, fraction, leg_m = np.full(shape, NOWHERE, np.int32), np.zeros(shape), np.full(shape, np.inf)
        placed, grid = np.flatnonzero(finite_rows(xy)), self._main

        def work(batch: NDArray[np.intp]) -> None:
            edge[batch], leg_m[batch], *place = grid.near(xy[batch], within_m[batch], most)  # type: ignore[union-attr]
            fraction[batch] = self._fractions(edge[batch], *place)

        if grid is not None:
            run_in_threads([partial(work, batch) for batch in neighbours(xy, placed)])
        return Choices(edge=edge, fraction=fraction, leg_m=leg_m)

    def snap_without(
        self, xy: NDArray[np.float64], limit_m: NDArray[np.float64], gone: NDArray[np.bool_], main: NDArray[np.bool_]
    ) -> Positions:
        """Return the nearest place for each of ``(k, 2)`` points, as `snap` would, were some of the edges gone.

        Made for few points: it looks at ever more edges near each. Edges of minor components today are left out.

        Parameters
        ----------
        xy, limit_m
            Points, and ``(k,)`` how far each is snapped.
        gone, main
            ``(m,)`` the edges that are gone, and those whose components would be main then.
        """
        found = Positions(edge=np.full(len(xy), NOWHERE), fraction=np.zeros(len(xy)), leg_m=np.full(len(xy), np.nan))
        left, most = np.arange(len(xy)), _MANY
        while left.size:
            near = self.near(xy[left], limit_m[left] + PREFER_MAIN_M, most)
            there = near.edge != NOWHERE
            at, other = (near.at_first(there & some[near.edge]) for some in (main, ~gone))
            minor = np.flatnonzero(~at.snapped | (other.leg_m < at.leg_m - PREFER_MAIN_M))
            found = found.replaced(left, at.replaced(minor, other.take(minor)))
            left, most = left[there[:, -1] & ~at.snapped], most * _MANY
        return replace(found, edge=np.where(found.leg_m <= limit_m, found.edge, NOWHERE))

    def _nearest(
        self, grid: SegmentGrid, xy: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the nearest edge of each point, where on it that is, and how far."""
        edge, leg_m, *place = grid.nearest(xy)
        return edge, self._fractions(edge, *place), leg_m

    def _fractions(
        self, edge: NDArray[np.signedinteger], along: NDArray[np.float64], drawn: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return where on their edges points stand that are so many metres along the drawn lines."""
        share = np.divide(along, drawn, out=np.zeros(edge.shape), where=drawn > 0)
        margin = _AT_END_M / np.maximum(self.network.length_m[edge], _AT_END_M)
        fraction: NDArray[np.float64] = np.where(share <= margin, 0.0, np.where(share >= 1 - margin, 1.0, share))
        return fraction


def snap_study(network: Network, demand: Demand, sites: Sites, limits: SnapLimits | None = None) -> Snapped:
    """Return where people and sites stand on the network; `measure_coverage` can be asked many times with it.

    Warns
    -----
    AccessibilityWarning
        Most people, or most open sites, stand far from every street.
    """
    limits = SnapLimits() if limits is None else limits
    people_xy = transform(demand.xy, demand.crs, network.crs, copy=False)
    site_xy = transform(sites.xy, sites.crs, network.crs)
    snapped = Snapped(
        demand=snap_points(network, people_xy, limits.of(np.array(demand.settings))[demand.setting_code]),
        sites=snap_points(network, site_xy, limits.site_m, public=True),
    )
    _warn_off(network, demand, people_xy, snapped.demand, "people", demand.population)
    _warn_off(network, sites, site_xy, snapped.sites, "open sites", sites.open.astype(np.float64))
    return snapped


def _warn_off(
    network: Network, given: Demand | Sites, xy: NDArray[np.float64], at: Positions, what: str, count: NDArray[Any]
) -> None:
    """Warn where most of what has a place stands far from every street: swapped axes, another system, another town."""
    placed = finite_rows(xy)
    off, all_ = float(count[placed & ~at.snapped].sum()), float(count[placed].sum())
    if not off > all_ / 2 or not len(network.node_xy):
        return
    (west, south), (east, north) = extent(network.node_xy)
    turned = transform(given.xy[:, ::-1], given.crs, network.crs)[placed]
    inside = (turned >= [west, south]) & (turned <= [east, north])
    hint = "are longitude and latitude swapped?" if inside.all(axis=1).any() else "is their coordinate system right?"
    x, y = xy[placed & ~at.snapped][0]
    message = (
        f"{off:,.0f} of {all_:,.0f} {what} have no street near, the first at {x:,.0f}, {y:,.0f}; the network lies from "
        f"{west:,.0f}, {south:,.0f} to {east:,.0f}, {north:,.0f} in {network.crs.name!r}: {hint}"
    )
    warnings.warn(message, AccessibilityWarning, stacklevel=4)
