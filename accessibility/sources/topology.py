"""Ways that share nodes become edges between junctions: array arithmetic only, nothing a node costs in Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS

from accessibility.arrays import refuse
from accessibility.errors import InputError
from accessibility.network import Network
from accessibility.projection import WGS84, local_crs, segment_lengths, transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

E7 = 10_000_000  # OpenStreetMap keeps coordinates as integers of 1e-7 degrees, about 1 cm
NOWHERE = np.iinfo(np.int32).max
_CHUNK = 1_000_000  # references worked on at once, so that temporary arrays stay small


@dataclass(frozen=True, kw_only=True, eq=False)
class Ways:
    """Ways as chains of node references.

    Parameters
    ----------
    refs
        ``(k,)`` int64 node ids of all ways, one way after the other.
    start
        ``(w + 1,)`` where each way's references begin; every way has at least one.
    lonlat_e7
        ``(k, 2)`` int32 longitude and latitude of each reference in 1e-7 degrees; `NOWHERE` where the source does
        not hold the node.
    kind
        ``(w,)`` uint8 rows of `kinds`.
    oneway
        ``(w,)`` int8: 0 both ways, 1 along, -1 against.
    kinds
        Names of the types of street.
    """

    refs: NDArray[np.int64]
    start: NDArray[np.int64]
    lonlat_e7: NDArray[np.int32]
    kind: NDArray[np.uint8]
    oneway: NDArray[np.int8]
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        k, w = len(self.refs), len(self.kind)
        if self.start.shape != (w + 1,) or self.lonlat_e7.shape != (k, 2) or self.oneway.shape != (w,):
            msg = (
                f"ways: start {self.start.shape}, lonlat_e7 {self.lonlat_e7.shape} and oneway {self.oneway.shape} "
                f"do not fit {w} ways of {k} references; expected ({w + 1},), ({k}, 2) and ({w},)"
            )
            raise InputError(msg)
        refuse(np.diff(self.start) < 1, name="ways start", found=self.start, expected="a reference a way")

    def __len__(self) -> int:
        """Return the number of ways."""
        return len(self.kind)

    @property
    def located(self) -> NDArray[np.bool_]:
        """``(k,)`` whether the source holds the node of each reference."""
        return self.lonlat_e7[:, 0] != NOWHERE

    @classmethod
    def join(cls, parts: Sequence[Ways], *, kinds: tuple[str, ...]) -> Ways:
        """Return all `parts`, in their order, as one; they share `kinds`."""
        counts = np.concatenate([np.zeros(1, np.int64), *(np.diff(p.start) for p in parts)])
        return cls(
            refs=np.concatenate([np.empty(0, np.int64), *(p.refs for p in parts)]),
            start=np.cumsum(counts),
            lonlat_e7=np.concatenate([np.empty((0, 2), np.int32), *(p.lonlat_e7 for p in parts)]),
            kind=np.concatenate([np.empty(0, np.uint8), *(p.kind for p in parts)]),
            oneway=np.concatenate([np.empty(0, np.int8), *(p.oneway for p in parts)]),
            kinds=kinds,
        )

    def within(self, bounds: tuple[float, float, float, float]) -> Ways:
        """Return the ways whose own box meets `bounds` (west, south, east, north in degrees); none is cut."""
        if not len(self):
            return self
        low_e7 = np.where(self.located[:, None], self.lonlat_e7, NOWHERE)
        high_e7 = np.where(self.located[:, None], self.lonlat_e7, -NOWHERE)
        low = np.minimum.reduceat(low_e7, self.start[:-1]) / E7
        high = np.maximum.reduceat(high_e7, self.start[:-1]) / E7
        meets = (low <= bounds[2:]).all(axis=1) & (high >= bounds[:2]).all(axis=1)
        return self._keep(np.repeat(meets, np.diff(self.start)), meets)

    def without_repeats(self) -> Ways:
        """Return the ways with a node that follows itself once only."""
        keep = np.ones(len(self.refs), np.bool_)
        keep[1:] = self.refs[1:] != self.refs[:-1]
        keep[self.start[:-1]] = True
        return self if keep.all() else self._keep(keep, np.ones(len(self), np.bool_))

    def _keep(self, refs: NDArray[np.bool_], ways: NDArray[np.bool_]) -> Ways:
        counts = np.add.reduceat(refs, self.start[:-1], dtype=np.int64)[ways]
        return Ways(
            refs=self.refs[refs],
            start=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            lonlat_e7=self.lonlat_e7[refs],
            kind=self.kind[ways],
            oneway=self.oneway[ways],
            kinds=self.kinds,
        )


def build_network(
    ways: Ways,
    *,
    blocked_nodes: ArrayLike = (),
    crs: CRS | str | int | None = None,
    bounds: tuple[float, float, float, float] | None = None,
) -> Network:
    """Return the network of `ways`: a junction wherever ways share a node, a way meets itself, begins or ends.

    Nodes are told apart by id, never by coordinate: ways that cross without a shared node stay apart, as on a
    bridge. A way is cut where a node is not in the source, and at a barrier, whose two sides do not connect.

    Parameters
    ----------
    ways
        The walkable ways.
    blocked_nodes
        Ids of the nodes that nobody passes.
    crs
        The projected coordinate system of the result; a transverse Mercator centred on the ways if not given.
    bounds
        West, south, east, north in degrees: ways wholly outside are left out first.

    Raises
    ------
    InputError
        No way has two nodes with a place.

    Examples
    --------
    >>> ways = Ways(refs=np.array([1, 2, 3, 4, 2]), start=np.array([0, 3, 5]),
    ...     lonlat_e7=np.array([[0, 0], [9000, 0], [18000, 0], [9000, 9000], [9000, 0]], np.int32),
    ...     kind=np.zeros(2, np.uint8), oneway=np.zeros(2, np.int8), kinds=("road",))
    >>> build_network(ways)
    <Network 4 junctions, 3 edges, 0.3 km, 1 component>
    """
    ways = (ways.within(bounds) if bounds else ways).without_repeats()
    ids, code, uses = np.unique(ways.refs, return_inverse=True, return_counts=True)
    blocked = np.isin(ids, np.asarray(blocked_nodes, np.int64))
    first, last = _edges(ways, ((uses > 1) | blocked)[code])
    if not first.size:
        msg = f"{len(ways):,} walkable ways hold no two neighbouring nodes with a place; expected at least one such way"
        raise InputError(msg)
    target = _centred(ways) if crs is None else CRS.from_user_input(crs)
    xy, step_m = _measure(ways, target)
    way = np.searchsorted(ways.start, first, side="right") - 1
    against = ways.oneway[way] < 0
    ends = np.where(against[:, None], np.column_stack([last, first]), np.column_stack([first, last]))
    place = code[ends].ravel()
    # Each end at a barrier becomes a node of its own: that is what keeps the two sides apart.
    alone = blocked[place]
    place[alone] = len(ids) + np.arange(alone.sum())
    _, at, edges = np.unique(place, return_index=True, return_inverse=True)
    position = ends.ravel()[at]
    vertices, shape_start = _shapes(first, last, against)
    return Network(
        node_xy=xy[position],
        edges=edges.reshape(-1, 2),
        length_m=np.add.reduceat(step_m, first),
        oneway=ways.oneway[way] != 0,
        kind=ways.kind[way],
        kinds=ways.kinds,
        shape_xy=xy[vertices],
        shape_start=shape_start,
        node_ids=ways.refs[position],
        crs=target,
    )


def _steps(ways: Ways) -> NDArray[np.bool_]:
    """``(k - 1,)`` whether a reference and the next are of one way and both have a place."""
    located = ways.located
    real: NDArray[np.bool_] = located[:-1] & located[1:]
    real[ways.start[1:-1] - 1] = False
    return real


def _edges(ways: Ways, cut: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions of every edge's first and last reference."""
    real = _steps(ways) if len(ways.refs) else np.empty(0, np.bool_)
    off = np.zeros(min(1, real.size), np.bool_)
    begins = real & (cut[:-1] | ~np.concatenate([off, real[:-1]]))
    ends = real & (cut[1:] | ~np.concatenate([real[1:], off]))
    return np.flatnonzero(begins), np.flatnonzero(ends) + 1


def _measure(ways: Ways, crs: CRS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the projected place of every reference and the metres of every step, 0 between ways."""
    k = len(ways.refs)
    xy, step_m = np.empty((k, 2)), np.zeros(k - 1)
    for low in range(0, k, _CHUNK):
        chain_e7 = ways.lonlat_e7[low : low + _CHUNK + 1]
        chain = chain_e7 / E7
        chain[chain_e7[:, 0] == NOWHERE] = np.nan
        xy[low : low + _CHUNK] = transform(chain[:_CHUNK], WGS84, crs)
        step_m[low : low + _CHUNK] = segment_lengths(chain)
    step_m[~_steps(ways)] = 0.0
    return xy, step_m


def _centred(ways: Ways) -> CRS:
    known = ways.lonlat_e7[ways.located]
    lon, lat = (known.min(axis=0) / E7 + known.max(axis=0) / E7) / 2
    return local_crs(float(lon), float(lat))


def _shapes(first: NDArray[Any], last: NDArray[Any], against: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the references of all edges in walking order, and where each edge's begin."""
    counts = last - first + 1
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    rank = np.arange(start[-1]) - np.repeat(start[:-1], counts)
    origin = np.repeat(np.where(against, last, first), counts)
    return origin + np.repeat(np.where(against, -1, 1), counts) * rank, start
