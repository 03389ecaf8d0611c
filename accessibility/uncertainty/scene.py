"""What all draws share: streets wired once, ways across junctions, the streets that homes and sites may step onto."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from scipy.spatial import cKDTree

from accessibility.geo.arrays import Frozen, Memo, finite_rows
from accessibility.geo.projection import transform
from accessibility.measures.surface import Footprint
from accessibility.streets.search.elimination import IMPASSABLE, Impedance
from accessibility.streets.search.packing import hilbert_rank, label_components
from accessibility.streets.search.wiring import wire
from accessibility.streets.snapping import NOWHERE, Choices, EdgeIndex, Positions, SnapLimits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.settlement import Density
    from accessibility.standards import Walker
    from accessibility.streets.network import Network
    from accessibility.streets.search.packing import Graph
    from accessibility.streets.search.wiring import Wiring
    from accessibility.uncertainty.sources import InputErrors


MOST_CHOICES = 4
_REACH = 4.0  # times the e-fold distance: a street farther off is hardly ever the one
_LEAST_M, _WIDER = 100.0, 4.0
_SPOT_M = 20.0
_BLOCK_M = 1_000.0
_HOUSEHOLD = 3.0
_HOMES = 4
_MOST_KNOWN = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Spots(Frozen):
    """Places along the streets of each cell, where its homes may be."""

    start: NDArray[np.int64]  # (n + 1,) the places of cell `i` are those from `start[i]` to `start[i + 1]`
    # edge, fraction: (k,) where they are
    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Circle(Frozen):
    """The people of each setting in a circle, neighbours beside each other, each as long as there are people.

    Turned round, what happened in one place happens in another, to as many people as before.
    """

    order: NDArray[np.intp]  # (n,) demand points along the circles, setting after setting
    first: NDArray[np.intp]  # where in `order` each circle begins, and the end
    people: NDArray[np.float64]  # (n,) people of each demand point

    def turned(self, values: NDArray[np.float64], turn: float) -> NDArray[np.float64]:
        """Return sums over people, ``(n,)``, moved along the circles by a part of a whole turn."""
        found = np.zeros(len(values))
        for start, end in zip(self.first[:-1].tolist(), self.first[1:].tolist(), strict=True):
            rows = self.order[start:end]
            ends = np.concatenate([[0.0], self.people[rows].cumsum()])
            whole = ends[-1]
            if not whole > 0:
                continue
            sums = np.concatenate([[0.0], values[rows].cumsum()])
            moved = ends + turn * whole
            around = np.floor(moved / whole)
            found[rows] = np.diff(np.interp(moved - around * whole, ends, sums) + around * sums[-1])
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoCounts(Frozen):
    """Two counts of the people of some districts: by the data, and by an office."""

    row: NDArray[np.intp]  # (n,) district of each demand point; -1 for one of which there are no two counts
    # (d + 1,) logarithm of what lies in the middle of the two over the data's; 0 at the end
    middle: NDArray[np.float64]
    spread: float  # standard deviation around that middle: half of what the two counts differ, over all people

    @classmethod
    def of(cls, people: NDArray[np.float64], ratio: NDArray[np.float64], district: NDArray[np.intp]) -> TwoCounts:
        """Return the counts of points whose district has `ratio` times their people by an office."""
        there = district >= 0
        names, row = np.unique(district[there], return_inverse=True)
        at = np.full(len(people), -1, np.intp)
        at[there] = row.ravel()
        half = np.log(ratio) / 2
        middle = np.zeros(len(names) + 1)
        middle[at[there]] = half[there]
        weight = people[there].sum()
        spread = float(np.sqrt((people * half**2)[there].sum() / weight)) if weight > 0 else 0.0
        return cls(row=at, middle=middle, spread=spread)

    @property
    def several(self) -> int:
        """How many districts have two counts."""
        return len(self.middle) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class WalkedStreets(Frozen):
    """Streets as draws walk them: today's, or those of a scenario that edits them.

    Whatever is drawn is drawn on today's streets, and found again on these: so a scenario has the same errors as today.
    """

    network: Network

    @cached_property
    def known(self) -> Memo:
        """What was worked out already and all draws share."""
        return Memo(_MOST_KNOWN)

    def wiring(self, walker: Walker) -> Wiring:
        """Return the graph of the streets, without its costs."""
        return self.known.get(  # type: ignore[no-any-return]
            walker.open_compounds,
            lambda: wire(self.network, rank=self.network.packed.rank, open_compounds=walker.open_compounds),
        )

    def graph(self, walker: Walker | None, doors: Walker, gone: NDArray[np.bool_] | None) -> Graph:
        """Return the graph at the costs of a walker, or in centimetres, without today's edges that are gone.

        Which compounds are open says who walks in the case, `doors`, where metres are counted, too.
        """
        if gone is None and walker in (None, doors):
            return self.network.packed.graph(walker, open_compounds=doors.open_compounds)
        cost = self.known.get(("cost", walker), lambda: self.network.impedance(walker))
        if gone is not None:
            row, _, _ = self._pieces
            lost = np.append(gone, False)[row]  # what a scenario builds is there
            cost = Impedance(**{side: np.where(lost, IMPASSABLE, getattr(cost, side)) for side in ("along", "against")})
        return self.wiring(doors).priced(cost)

    @cached_property
    def _pieces(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """``(m,)`` today's edge of which each edge is a piece, -1 for a new one; and from where to where on it."""
        network, m = self.network, len(self.network.edges)
        row, begin, end = np.arange(m), np.zeros(m), np.ones(m)
        while network.pieces is not None:
            pieces, there = network.pieces, row >= 0
            first, long = pieces.begin[row], (pieces.end - pieces.begin)[row]
            begin, end = (np.where(there, first + long * share, share) for share in (begin, end))
            row, network = np.where(there, pieces.row[row], NOWHERE), pieces.of
        return row, begin, end

    def today(self, at: Positions) -> Positions:
        """Return where points on these streets stand today: on a new street nowhere."""
        if self.network.pieces is None:
            return at
        row, begin, end = self._pieces
        share = begin[at.edge] + (end - begin)[at.edge] * at.fraction
        return Positions(
            edge=np.append(row, NOWHERE)[at.edge].astype(np.int32), fraction=np.clip(share, 0.0, 1.0), leg_m=at.leg_m
        )

    def found(self, drawn: Positions, own: Positions) -> Positions:
        """Return where points that are drawn on today's streets stand on these; on a new street stands who does today.

        Parameters
        ----------
        drawn
            On today's streets.
        own
            Where the same points stand on these by the data.
        """
        if self.network.pieces is None:
            return drawn
        row, begin, end = self._pieces
        order = np.lexsort((begin, row))[np.count_nonzero(row < 0) :]
        first, last = np.searchsorted(row[order], drawn.edge), np.searchsorted(row[order], drawn.edge, side="right") - 1
        # A place on an edge as a number; at a cut the piece before it.
        place = np.searchsorted(row[order] + begin[order], drawn.edge + drawn.fraction) - 1
        piece = order[np.where(drawn.snapped, np.clip(place, first, last), 0)]
        share = (drawn.fraction - begin[piece]) / np.maximum(end - begin, 1e-12)[piece]
        edge = np.where(drawn.snapped, piece, NOWHERE)
        new = own.snapped & ~self.today(own).snapped
        return Positions(
            edge=np.where(new, own.edge, edge).astype(np.int32),
            fraction=np.where(new, own.fraction, np.clip(np.where(drawn.snapped, share, 0.0), 0.0, 1.0)),
            leg_m=np.where(new, own.leg_m, drawn.leg_m),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Case(Frozen):
    """A coverage of the people of a scene: which sites count, by which rule and at which pace."""

    coverage: Coverage  # as the inputs have it
    position_m: NDArray[np.float64]  # (s,) metres within which half of the true places of each site lie

    @cached_property
    def known(self) -> Memo:
        """What was worked out already and all draws share."""
        return Memo(2 * _MOST_KNOWN)

    @cached_property
    def streets(self) -> WalkedStreets | None:
        """The streets of a scenario that edits them; None for today's."""
        network = self.coverage.snapped.network
        return None if network is None else WalkedStreets(network=network)

    @cached_property
    def limits(self) -> dict[str, int]:
        """The greatest limit of each measure that a rule has, in milliseconds or centimetres."""
        rules = [rule for _, rule in self.coverage.standard.rules]
        # Whoever walks no farther than a radius is within it, as in `measure_coverage`.
        along = ("walk", "network")
        found = {m: max((r.cutoff for r in rules if r.measure == m), default=-1) for m in (*along, "radius")}
        for measure, cutoff in self.coverage.demand.cutoffs(self.coverage.standard).items():
            found[measure] = max(found[measure], int(cutoff.max()))
        return found | {"network": max(found["network"], found["radius"])}


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene(Frozen):
    """Streets and people with all that their draws share."""

    now: Coverage  # today's coverage as the inputs have it: its people, its rule, how they walk
    network: Network
    errors: InputErrors  # how large the errors are
    density: Density | None = None  # what decides the settings; None where the inputs say them.
    # people by district as the data and as an office have them; None where there are no official totals, or people are
    # scaled to them.
    counts: TwoCounts | None = None

    def sources(self, case: Case, errors: InputErrors) -> tuple[str, ...]:
        """Return the sources that can do anything in a case, in the order of `SOURCES`."""
        standard = case.coverage.standard
        idle = {
            "outlets": not case.position_m[case.coverage.sites.open].any(),
            "paths": not any(errors.missing.get(kind, 0.0) for kind in self.network.kinds),
            "people": not (errors.people_cell or errors.people_block),
            "totals": self.counts is None,
            "cells": not self.grid,
            "snapping": not errors.snapping_m,
            "settlement": self.density is None or len({rule for _, rule in standard.rules}) == 1,
            "speed": case.limits["walk"] < 0 or not errors.speed_m_s,
        }
        return tuple(name for name in errors.sources if not idle[name])

    def walked(self, case: Case) -> WalkedStreets:
        """Return the streets that are walked in a case."""
        return self._today if case.streets is None else case.streets

    @cached_property
    def _today(self) -> WalkedStreets:
        return WalkedStreets(network=self.network)

    @cached_property
    def ways(self) -> NDArray[np.int32]:
        """``(m,)`` the way that each edge is part of."""
        return continue_ways(self.network)

    @cached_property
    def people_xy(self) -> NDArray[np.float64]:
        """``(n, 2)`` people in the network's coordinate system."""
        return transform(self.now.demand.xy, self.now.demand.crs, self.network.crs)

    @cached_property
    def streets(self) -> EdgeIndex:
        """The edges that sites snap to."""
        return EdgeIndex.of(self.network, public=True)

    @cached_property
    def people_choices(self) -> Choices:
        """The streets that each home may step onto."""
        limit = SnapLimits().of(self.now.demand.setting)
        index = EdgeIndex.of(self.network, public=False)
        return self.choices(index, self.people_xy, self.now.snapped.demand, limit)

    def choices(
        self, index: EdgeIndex, xy: NDArray[np.float64], at: Positions, limit_m: NDArray[np.float64]
    ) -> Choices:
        """Return the streets that points may step onto: first the one they stand on, then the next nearest."""
        leg = np.where(at.snapped, at.leg_m, 0.0)
        within = np.minimum(leg + max(_REACH * self.errors.snapping_m, _LEAST_M), limit_m)
        asked = np.where(at.snapped[:, None], xy, np.nan)
        found = index.near(asked, within, MOST_CHOICES)
        few = np.flatnonzero(at.snapped & (found.edge[:, 1] == NOWHERE))
        if few.size:  # one street near: should the map miss it, people go to the next one, however far
            wide = index.near(asked[few], np.minimum(_WIDER * within[few], limit_m[few]), MOST_CHOICES)
            edge, fraction, leg_m = found.edge.copy(), found.fraction.copy(), found.leg_m.copy()
            edge[few], fraction[few], leg_m[few] = wide.edge, wide.fraction, wide.leg_m
            found = Choices(edge=edge, fraction=fraction, leg_m=leg_m)
        return _own_first(found, at)

    @cached_property
    def circle(self) -> Circle:
        """The people of each setting in a circle."""
        demand = self.now.demand
        settings = demand.settings
        setting = np.select([demand.setting == name for name in settings], [*range(len(settings))])
        rank = hilbert_rank(np.nan_to_num(self.people_xy))
        order = np.lexsort((rank, setting))
        first = np.searchsorted(setting[order], np.arange(len(settings) + 1))
        return Circle(order=order, first=first, people=demand.population)

    @cached_property
    def footprint(self) -> Footprint:
        """What a demand point stands for on the ground."""
        return Footprint.of(self.now)

    @property
    def grid(self) -> bool:
        """Whether people are told by the cells of a grid."""
        return self.footprint.grid

    @cached_property
    def spots(self) -> Spots:
        """Places along the streets of each cell."""
        return _spots(self)

    @cached_property
    def homes(self) -> NDArray[np.intp]:
        """``(n, h)`` which of a cell's random places each of its equal parts takes: few people live in few homes."""
        people = self.now.demand.population
        several = np.select([people <= _HOUSEHOLD, people <= 2 * _HOUSEHOLD], [1, 2], _HOMES)
        found: NDArray[np.intp] = np.arange(_HOMES)[None, :] % several[:, None]
        return found

    @cached_property
    def blocks(self) -> tuple[NDArray[np.intp], int]:
        """``(n,)`` square kilometre of each demand point, and how many there are."""
        if self.density is not None:
            count = self.density.people.size
            return np.where(self.density.cell < 0, count, self.density.cell), count + 1
        placed = finite_rows(self.people_xy)
        square = np.zeros((len(placed), 2), np.int64)
        square[placed] = np.floor(self.people_xy[placed] / _BLOCK_M)
        _, row = np.unique(square, axis=0, return_inverse=True)
        return row.ravel().astype(np.intp), int(row.max(initial=0)) + 1


def _own_first(found: Choices, at: Positions) -> Choices:
    """Return choices whose first is where the points stand by the data."""
    own = found.edge == at.edge[:, None]
    order = np.argsort(~own, axis=1, kind="stable")
    taken: dict[str, Any] = {
        name: np.take_along_axis(getattr(found, name), order, axis=1) for name in ("edge", "fraction", "leg_m")
    }
    strange = ~own.any(axis=1)  # a smaller component, say: not among the streets that others may take
    for name, value in taken.items():
        rows = value[strange]
        value[strange] = np.concatenate([rows[:, :1], rows[:, :-1]], axis=1)
        value[:, 0] = getattr(at, name)
    taken["leg_m"][taken["edge"] == NOWHERE] = np.inf
    return Choices(**taken)


def _spots(scene: Scene) -> Spots:
    """Return places every 20 m along the streets that people step onto from beside, each in the cell it lies in."""
    network, shape = scene.network, scene.footprint
    n = len(scene.people_xy)
    rows = np.flatnonzero(network.from_beside & network.main_edges & ~network.closed)
    several = np.maximum(np.ceil(network.length_m[rows] / _SPOT_M), 1).astype(np.int64)
    edge = np.repeat(rows, several)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(several) - several, several)
    fraction = (place + 0.5) / np.repeat(several, several)
    points = shapely.line_interpolate_point(network.lines()[edge], fraction, normalized=True)
    turned = _in_frame(shapely.get_coordinates(points), network.crs, shape)
    centres = _in_frame(scene.people_xy, network.crs, shape)
    placed = np.flatnonzero(finite_rows(centres))
    half = np.array([shape.width_m, shape.height_m]) / 2
    # Nearest in units of the cell's sides, the greater of the two counting: the cell a place lies in.
    far, nearest = (
        np.asarray(part)
        for part in cKDTree(centres[placed] / half).query(turned / half, p=np.inf, distance_upper_bound=1.0)
    )
    inside = np.isfinite(far)
    cell = placed[nearest[inside]]
    order = np.argsort(cell, kind="stable")
    start = np.searchsorted(cell[order], np.arange(n + 1))
    return Spots(start=start, edge=edge[inside][order].astype(np.int32), fraction=fraction[inside][order])


def _in_frame(xy: NDArray[np.float64], crs: Any, shape: Footprint) -> NDArray[np.float64]:
    """Return places along the sides of the cells."""
    there = transform(xy, crs, shape.crs)
    cos, sin = np.cos(shape.turn), np.sin(shape.turn)
    return np.column_stack([there[:, 0] * cos + there[:, 1] * sin, there[:, 1] * cos - there[:, 0] * sin])


_STRAIGHT = np.cos(np.radians(45.0))


def continue_ways(network: Network) -> NDArray[np.int32]:
    """Return ``(m,)`` the way that each edge is part of, numbered from 0.

    At a junction an edge goes on in the one of its own type that leads on most nearly straight ahead, by 45 degrees at
    most, if that one goes on in it, too; where only two edges meet they are one way however they turn. Edges without
    the ids of their source are so put together (the strokes of Thomson and Richardson, 1999).

    Examples
    --------
    A path from west to east and another that ends on it:

    >>> import accessibility as acc
    >>> cross = acc.Network(node_xy=[(0, 0), (100, 0), (200, 0), (100, 90)], edges=[(0, 1), (1, 2), (1, 3)],
    ...     length_m=[100, 100, 90], crs="EPSG:32649")
    >>> continue_ways(cross).tolist()
    [0, 0, 1]
    """
    m = len(network.edges)
    one, other = _pairs(network.edges)
    heading = _headings(network)
    ahead = -(heading[one] * heading[other]).sum(axis=1)  # 1 straight on, -1 back the way one came
    degree = np.bincount(network.edges.ravel(), minlength=len(network.node_xy))
    node = network.edges.ravel()[one]
    kind = network.kind
    goes_on = (kind[one // 2] == kind[other // 2]) & ((ahead >= _STRAIGHT) | (degree[node] == 2))  # noqa: PLR2004
    one, other, ahead = one[goes_on], other[goes_on], ahead[goes_on]
    best = np.full(2 * m, -1)
    order = np.lexsort((-other, ahead))  # the straightest last, of equal ones the first
    best[one[order]] = other[order]
    mutual = np.flatnonzero((best >= 0) & (best[best] == np.arange(2 * m)))
    return label_components(m, mutual // 2, best[mutual] // 2)


def _pairs(edges: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every two ends of edges that meet at a junction, both ways round; end ``2 e`` is the first of edge e."""
    node = edges.ravel()
    order = np.argsort(node, kind="stable")
    start = np.searchsorted(node[order], np.arange(int(node.max(initial=-1)) + 2))
    degree = np.diff(start)
    at = node[order]
    one = np.repeat(order, degree[at])
    first = np.cumsum(degree[at]) - degree[at]
    place = np.arange(len(one)) - np.repeat(first, degree[at])
    other = order[np.repeat(start[at], degree[at]) + place]
    apart = one != other
    return one[apart], other[apart]


def _headings(network: Network) -> NDArray[np.float64]:
    """Return ``(2 m, 2)`` the direction in which an edge leaves each of its ends, of length 1."""
    first, last = network.shape_start[:-1], network.shape_start[1:] - 1
    xy = network.shape_xy
    away = np.stack([xy[first + 1] - xy[first], xy[last - 1] - xy[last]], axis=1).reshape(-1, 2)
    length = np.hypot(*away.T)[:, None]
    found: NDArray[np.float64] = np.divide(away, length, out=np.zeros_like(away), where=length > 0)
    return found
