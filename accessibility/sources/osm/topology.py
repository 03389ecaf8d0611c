"""Ways that share nodes become edges between junctions: array arithmetic only, nothing a node costs in Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS

from accessibility.errors import InputError
from accessibility.geo.arrays import are_among, extent, refuse
from accessibility.geo.projection import WGS84, Bounds, local_crs, segment_lengths, transform
from accessibility.streets.foot import LIFT, Carried, Delays, long_tunnels
from accessibility.streets.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


E7 = 10_000_000  # OpenStreetMap keeps coordinates as integers of 1e-7 degrees, about 1 cm
NOWHERE = np.iinfo(np.int32).max
STREET, ACROSS = -1, -2
"""What a way is that is no ring of a square: a street, or a line that people walk across one."""
_CHUNK = 1_000_000  # rows worked on at once, so that temporary arrays stay small


@dataclass(frozen=True, kw_only=True)
class MarkedNodes:
    """Ids of nodes that matter to who walks past."""

    blocked: Sequence[int] = ()  # nobody passes
    keyed: Sequence[int] = ()  # gates that residents pass: they cut ways only where no private way leads to them
    signals: Sequence[int] = ()  # crossings where people wait for a green light
    lifts: Sequence[int] = ()  # lifts between the ways that meet there


@dataclass(frozen=True, kw_only=True, eq=False)
class Ways:
    """Ways as chains of nodes; nodes are told apart by id, never by coordinate."""

    node_ids: NDArray[np.int64]  # (n,) int64 ids, each once
    # (n, 2) int32 longitude and latitude in 1e-7 degrees; `NOWHERE` where the source does not hold the node.
    lonlat_e7: NDArray[np.int32]
    refs: NDArray[np.int32]  # (k,) int32 rows of the nodes of all ways, one way after the other
    start: NDArray[np.int64]  # (w + 1,) int64, where each way's part of `refs` begins; every way has at least one node
    kind: NDArray[np.uint8]  # (w,) uint8 rows of `kinds`
    oneway: NDArray[np.int8]  # (w,) int8: 0 both ways, 1 along, -1 against
    kinds: tuple[str, ...]  # names of the types of street
    # (w,) whether only residents may walk there; nowhere if not given
    private: NDArray[np.bool_] = None  # type: ignore[assignment]  # filled on construction
    # (w,) whether the way is not at the level of the ground; nowhere if not given
    off_ground: NDArray[np.bool_] = None  # type: ignore[assignment]
    # (w,) seconds from end to end of the ways of the kind `ferry`, NaN where unknown; not read elsewhere
    ride_s: NDArray[np.float32] = None  # type: ignore[assignment]
    # (w,) whether it is a tunnel of a main road without a sidewalk; nowhere if not given
    tunnel: NDArray[np.bool_] = None  # type: ignore[assignment]
    # (w,) int32 number of the square that a way is a ring of; `STREET` where it is none, `ACROSS` where people walk
    # across one; all streets if not given.
    square: NDArray[np.int32] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        n, k, w = len(self.node_ids), len(self.refs), len(self.kind)
        for name, dtype in (
            ("private", np.bool_),
            ("off_ground", np.bool_),
            ("tunnel", np.bool_),
            ("ride_s", np.float32),
        ):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.zeros(w, dtype))
        if self.square is None:
            object.__setattr__(self, "square", np.full(w, STREET, np.int32))
        found = (self.lonlat_e7.shape, self.start.shape, self.oneway.shape, self.private.shape, self.ride_s.shape)
        wanted = ((n, 2), (w + 1,), (w,), (w,), (w,))
        if found != wanted:
            msg = f"ways: lonlat_e7, start, oneway, private, ride_s have shapes {found}; expected {wanted}"
            raise InputError(msg)
        refuse(np.diff(self.start) < 1, name="ways start", found=self.start, expected="at least one node a way")
        refuse((self.refs < 0) | (self.refs >= n), name="ways refs", found=self.refs, expected=f"rows of {n} nodes")
        if self.start[0] != 0 or self.start[-1] != k:
            msg = f"ways start runs from {self.start[0]} to {self.start[-1]}; expected 0 to {k}"
            raise InputError(msg)

    def __len__(self) -> int:
        """Return the number of ways."""
        return len(self.kind)

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Return ``(w,)`` whether each way is of a type of street."""
        found: NDArray[np.bool_] = (np.array(self.kinds) == kind)[self.kind]
        return found

    def refs_of(self, ways: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the references of some of the ways."""
        return self.refs[np.repeat(ways, np.diff(self.start))]

    @property
    def located(self) -> NDArray[np.bool_]:
        """``(n,)`` whether the source holds the place of each node."""
        known: NDArray[np.bool_] = self.lonlat_e7[:, 0] != NOWHERE
        return known

    def within(self, bounds: Bounds) -> Ways:
        """Return the ways whose own box meets `bounds` (west, south, east, north in degrees); none is cut.

        Of a square all rings stay where one does.
        """
        if not len(self):
            return self
        meets = self.meets(bounds)
        meets |= (self.square >= 0) & np.isin(self.square, self.square[meets])
        return self.only(meets)

    def boxes(self) -> NDArray[np.float64]:
        """Return ``(w, 4)`` west, south, east, north of each way in degrees; of one without a place, none is within."""
        known = self.located[:, None]
        low = np.minimum.reduceat(np.where(known, self.lonlat_e7, NOWHERE)[self.refs], self.start[:-1]) / E7
        high = np.maximum.reduceat(np.where(known, self.lonlat_e7, -NOWHERE)[self.refs], self.start[:-1]) / E7
        return np.column_stack([low, high])

    def meets(self, bounds: Bounds) -> NDArray[np.bool_]:
        """Return ``(w,)`` whether the box of each way meets a box in degrees."""
        low, high = np.hsplit(self.boxes(), 2)
        return np.asarray((low <= bounds[2:]).all(axis=1) & (high >= bounds[:2]).all(axis=1))

    def only(self, ways: NDArray[np.bool_]) -> Ways:
        """Return some of the ways, with the nodes that they need."""
        return self._keep(np.repeat(ways, np.diff(self.start)), ways)

    def without_repeats(self) -> Ways:
        """Return the same ways, without the nodes that follow themselves."""
        keep = np.ones(len(self.refs), np.bool_)
        keep[1:] = self.refs[1:] != self.refs[:-1]
        keep[self.start[:-1]] = True
        return self if keep.all() else self._keep(keep, np.ones(len(self), np.bool_))

    def _keep(self, refs: NDArray[np.bool_], ways: NDArray[Any]) -> Ways:
        counts = np.add.reduceat(refs, self.start[:-1], dtype=np.int64)[ways]
        used = np.zeros(len(self.node_ids), np.bool_)
        used[self.refs[refs]] = True
        row = np.cumsum(used, dtype=np.int32) - np.int32(1)
        return Ways(
            node_ids=self.node_ids[used],
            lonlat_e7=self.lonlat_e7[used],
            refs=row[self.refs[refs]],
            start=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            kind=self.kind[ways],
            oneway=self.oneway[ways],
            kinds=self.kinds,
            private=self.private[ways],
            off_ground=self.off_ground[ways],
            ride_s=self.ride_s[ways],
            tunnel=self.tunnel[ways],
            square=self.square[ways],
        )


def join_ways(parts: Sequence[Ways]) -> Ways:
    """Return the ways of several parts of a source one after the other, their nodes by rising id."""
    ids, first, row = np.unique(
        np.concatenate([part.node_ids for part in parts]), return_index=True, return_inverse=True
    )
    nodes = np.cumsum([0, *(len(part.node_ids) for part in parts)])
    counts = np.concatenate([np.diff(part.start) for part in parts])
    refs = [row[part.refs + before] for part, before in zip(parts, nodes, strict=False)]
    told = ("kind", "oneway", "private", "off_ground", "ride_s", "tunnel", "square")
    return Ways(
        node_ids=ids,
        lonlat_e7=np.concatenate([part.lonlat_e7 for part in parts])[first],
        refs=np.concatenate(refs).astype(np.int32),
        start=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        kinds=parts[0].kinds,
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in told},
    )


def build_network(
    ways: Ways,
    *,
    marked: MarkedNodes | None = None,
    delays: Delays | None = None,
    crs: CRS | str | int | None = None,
    bounds: Bounds | None = None,
) -> Network:
    """Return the network of `ways`: a junction wherever ways share a node, a way meets itself, begins or ends.

    Ways that cross without a shared node stay apart, as on a bridge. A way is cut where a node is not in the
    source, and at a barrier, whose two sides do not connect. An edge of a one-way way points where people may walk.

    Parameters
    ----------
    ways
        The walkable ways.
    marked
        Barriers, gates, crossings and lifts among the nodes.
    delays
        What a ferry and a lift take; nothing but the ride if not given.
    crs
        The projected coordinate system of the result; a transverse Mercator centred on the ways if not given.
    bounds
        West, south, east, north in degrees: ways wholly outside are left out first.

    Raises
    ------
    InputError
        No way has two neighbouring nodes with a place.

    Examples
    --------
    >>> ways = Ways(node_ids=np.array([11, 12, 13, 14]), refs=np.array([0, 1, 2, 3, 1]), start=np.array([0, 3, 5]),
    ...     lonlat_e7=np.array([[0, 0], [9000, 0], [18000, 0], [9000, 9000]], np.int32),
    ...     kind=np.zeros(2, np.uint8), oneway=np.zeros(2, np.int8), kinds=("road",))
    >>> build_network(ways)
    <Network 4 junctions, 3 edges, 0.3 km, 1 component>
    """
    ways = (ways.within(bounds) if bounds else ways).without_repeats()
    marks = Marks.of(ways, MarkedNodes() if marked is None else marked)
    chains = cut_ways(ways, marks)
    refuse_no_edge(len(ways), len(chains))
    target = centred(ways) if crs is None else CRS.from_user_input(crs)
    node, edges = _junctions(chains.ends, marks.blocked)
    xy = projected(ways, target)
    return Network(
        **chains.columns(ways),
        node_xy=xy[node],
        edges=edges,
        kinds=ways.kinds,
        closed=long_tunnels(ways.tunnel[chains.way], edges, chains.length_m),
        fixed_s=(delays or Delays()).seconds(chains.carried(ways, edges)),
        shape_xy=xy[ways.refs[chains.vertices]],
        shape_start=chains.shape_start,
        node_ids=ways.node_ids[node],
        crs=target,
    )


def refuse_no_edge(ways: int, edges: int) -> None:
    """Raise `InputError` where so many ways make no edge."""
    if not edges:
        msg = f"{ways:,} walkable ways hold no two neighbouring nodes with a place; expected at least one such way"
        raise InputError(msg)


@dataclass(frozen=True, kw_only=True, eq=False)
class Marks:
    """What nodes of ways are to who walks past."""

    shared: NDArray[np.bool_]  # (n,) whether ways meet there, or one meets itself
    blocked: NDArray[np.bool_]  # (n,) whether nobody passes
    signals: NDArray[np.bool_]  # (n,) whether people wait for a green light
    lifts: NDArray[np.bool_]  # (n,) whether a lift is there that no way stands for

    @classmethod
    def of(cls, ways: Ways, marked: MarkedNodes) -> Marks:
        """Return what the nodes of all ways of a source are."""
        keyed, lifts = are_among(ways.node_ids, marked.keyed), are_among(ways.node_ids, marked.lifts)
        keyed[ways.refs_of(ways.private)] = False
        lifts[ways.refs_of(ways.of_kind(LIFT))] = False
        return cls(
            shared=np.bincount(ways.refs, minlength=len(keyed)) > 1,
            blocked=are_among(ways.node_ids, marked.blocked) | keyed,
            signals=are_among(ways.node_ids, marked.signals),
            lifts=lifts,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Chains:
    """Ways cut into edges whose junctions have no number yet."""

    ends: NDArray[np.int32]  # (m, 2) rows of the nodes where each edge begins and ends
    way: NDArray[np.intp]  # (m,) row of the way it is part of
    length_m: NDArray[np.float64]  # (m,) geodesic metres
    ride_s: NDArray[np.float64]  # (m,) seconds of the ride of a ferry, NaN where they are not known
    # signals, lifts: (m,) crossings and lifts that it passes, half of those at its ends
    signals: NDArray[np.float32]
    lifts: NDArray[np.float64]
    # vertices, shape_start: (k,) places in the references of the ways of all vertices, and (m + 1,) where each edge's
    # begin
    vertices: NDArray[np.intp]
    shape_start: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of edges."""
        return len(self.way)

    def columns(self, ways: Ways) -> dict[str, Any]:
        """Return what a network has of the edges, whatever they lead to."""
        way = self.way
        return {
            "length_m": self.length_m,
            "oneway": ways.oneway[way] != 0,
            "kind": ways.kind[way],
            "private": ways.private[way],
            "off_ground": ways.off_ground[way],
            "outline": ways.square[way] >= 0,
            "across": ways.square[way] == ACROSS,
            "signals": self.signals,
        }

    def carried(self, ways: Ways, edges: NDArray[np.int32]) -> Carried:
        """Return the edges as ferries and lifts concern them, given their junctions."""
        names = np.array(ways.kinds)[ways.kind[self.way]]
        return Carried(kinds=names, edges=edges, length_m=self.length_m, ride_s=self.ride_s, lifts=self.lifts)


def cut_ways(ways: Ways, marks: Marks, *, after: int = 0) -> Chains:
    """Return ways without repeats cut into edges.

    Parameters
    ----------
    ways
        All ways of a source, or some that follow each other.
    marks
        What their nodes are; shared, too, where ways meet that are not among these.
    after
        How many references follow the last one before the next edge of the source begins: a sum of numbers is rounded
        by how many there are, nothing included.
    """
    real = steps_of(ways)
    first, last = _edges(real, (marks.shared | marks.blocked)[ways.refs])
    way = np.searchsorted(ways.start, first, side="right") - 1
    against = ways.oneway[way] < 0
    swapped, straight = np.column_stack([last, first]), np.column_stack([first, last])
    steps_m = np.append(_step_lengths(ways, real), np.zeros(after))
    length_m = np.add.reduceat(steps_m, first) if len(first) else np.empty(0)
    vertices, shape_start = _shapes(first, last, against)
    return Chains(
        ends=ways.refs[np.where(against[:, None], swapped, straight)],
        way=way,
        length_m=length_m,
        ride_s=_rides(ways.ride_s[way], way, length_m),
        signals=_signals(ways, marks.signals, first, last),
        lifts=_passed(marks.lifts[ways.refs], first, last),
        vertices=vertices,
        shape_start=shape_start,
    )


def _signals(
    ways: Ways, signal: NDArray[np.bool_], first: NDArray[np.intp], last: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return how many signals people wait at along every edge.

    Only ways for people on foot count: who walks along a street does not wait at the crossings over it.
    """
    names = np.array(ways.kinds)
    way = np.searchsorted(ways.start, first, side="right") - 1
    on_foot = np.isin(names, ("footway", "path", "pedestrian", "cycleway", "steps", "crossing"))[ways.kind[way]]
    count: NDArray[np.float32] = np.where(on_foot, _passed(signal[ways.refs], first, last), 0).astype(np.float32)
    return count


def _passed(at: NDArray[np.bool_], first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return how many marked references every edge passes: those within it, and half of those at its ends."""
    passed = np.concatenate([[0], np.cumsum(at)])
    count: NDArray[np.float64] = passed[last] - passed[first + 1] + (at[first].astype(float) + at[last]) / 2
    return count


def _rides(ride_s: NDArray[np.float32], way: NDArray[np.intp], length_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the seconds of every edge by the time that its whole way takes, in proportion to its length."""
    whole = np.bincount(way, weights=length_m)[way]
    share = np.divide(length_m, whole, out=np.ones(len(way)), where=whole > 0)
    return np.asarray(ride_s * share, dtype=np.float64)


def steps_of(ways: Ways) -> NDArray[np.bool_]:
    """``(k - 1,)`` whether a reference and the next are of one way and both have a place."""
    located = ways.located[ways.refs]
    real: NDArray[np.bool_] = located[:-1] & located[1:]
    real[ways.start[1:-1] - 1] = False
    return real


def _edges(real: NDArray[np.bool_], cut: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions of every edge's first and last reference, given the real steps and the cuts."""
    off = np.zeros(min(1, real.size), np.bool_)
    begins = real & (cut[:-1] | ~np.concatenate([off, real[:-1]]))
    ends = real & (cut[1:] | ~np.concatenate([real[1:], off]))
    return np.flatnonzero(begins), np.flatnonzero(ends) + 1


def _junctions(ends: NDArray[np.int32], blocked: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the node row of every junction, and every edge's two junctions."""
    key = ends.ravel().astype(np.int64)
    # Each end at a barrier becomes a junction of its own: that is what keeps the two sides apart.
    alone = blocked[key]
    key[alone] = len(blocked) + np.arange(alone.sum())
    _, at, junction = np.unique(key, return_index=True, return_inverse=True)
    return ends.ravel()[at], junction.astype(np.int32).reshape(-1, 2)


def _shapes(first: NDArray[Any], last: NDArray[Any], against: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the positions of all edges' references in walking order, and where each edge's begin."""
    counts = last - first + 1
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    rank = np.arange(start[-1]) - np.repeat(start[:-1], counts)
    origin = np.repeat(np.where(against, last, first), counts)
    return origin + np.repeat(np.where(against, -1, 1), counts) * rank, start


def degrees(lonlat_e7: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return longitude and latitude in degrees, NaN where the source does not hold the node."""
    lonlat: NDArray[np.float64] = lonlat_e7 / E7
    lonlat[lonlat_e7[:, 0] == NOWHERE] = np.nan
    return lonlat


def off_earth(lonlat_e7: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a node has a place that is not on Earth."""
    (lon, lat), (east, north) = lonlat_e7.T, (1_800_000_000, 900_000_000)
    strange = (lon < -east) | (lon > east) | (lat < -north) | (lat > north)
    return np.asarray(strange & (lon != NOWHERE) & (lat != NOWHERE))


def projected(ways: Ways, crs: CRS) -> NDArray[np.float64]:
    """Return ``(n, 2)`` metres of the nodes of ways; not finite where the source does not hold the node."""
    xy = np.empty(ways.lonlat_e7.shape)
    for low in range(0, len(xy), _CHUNK):
        rows = slice(low, low + _CHUNK)
        xy[rows] = transform(degrees(ways.lonlat_e7[rows]), WGS84, crs)
    return xy


def _step_lengths(ways: Ways, real: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``(k - 1,)`` metres from each reference to the next, 0 where that is no step."""
    step_m = np.zeros(len(real))
    for low in range(0, len(real), _CHUNK):
        chain = degrees(ways.lonlat_e7[ways.refs[low : low + _CHUNK + 1]])
        step_m[low : low + _CHUNK] = segment_lengths(chain)
    step_m[~real] = 0.0
    return step_m


def centred(ways: Ways) -> CRS:
    """Return a transverse Mercator centred on the ways."""
    return centred_on(*extent(ways.lonlat_e7[ways.located]))


def centred_on(low_e7: NDArray[np.int32], high_e7: NDArray[np.int32]) -> CRS:
    """Return a transverse Mercator centred on a box."""
    lon, lat = (low_e7 / E7 + high_e7 / E7) / 2
    return local_crs(float(lon), float(lat))
