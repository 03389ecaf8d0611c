"""Streets that cross or touch on the ground and share no junction: where, and the network with them joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.arrays import spans
from accessibility.streets.network import PER_EDGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.network import Network

_SAME_PLACE_M = 0.01
_CLEARLY_M = 1e-6
_ENDS_ONLY = "FF*F0****"  # two lines whose insides do not meet, nor an inside an end: only their ends touch (DE-9IM)
_SHARED = ("climb_m", "signals", "fixed_s")  # what the pieces of an edge share out, as its length


@dataclass(frozen=True, kw_only=True, eq=False)
class Crossings:
    """Places where streets cross or touch without a junction.

    Parameters
    ----------
    xy
        ``(c, 2)`` places, each once.
    edge, place
        ``(k,)`` rows of the edges to be cut, and the row of `xy` of each cut.
    node, at
        ``(t,)`` junctions that lie on an edge they are no end of, and the row of `xy` of each.
    """

    xy: NDArray[np.float64]
    edge: NDArray[np.intp]
    place: NDArray[np.intp]
    node: NDArray[np.intp]
    at: NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.xy)


def find_crossings(network: Network) -> Crossings:
    """Return where streets on the ground cross or touch without a junction; bridges, tunnels and squares do not count.

    Examples
    --------
    >>> from accessibility import Network
    >>> cross = Network(node_xy=[(0, 0), (90, 0), (50, -50), (50, 50)], edges=[(0, 1), (2, 3)], length_m=[90, 100],
    ...     crs="EPSG:32649")
    >>> find_crossings(cross).xy.tolist()
    [[50.0, 0.0]]
    """
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    rows = np.flatnonzero(~network.off_ground & ~network.across)
    lines = network.lines(rows)
    tree = shapely.STRtree(lines)
    nodes = np.unique(network.edges[rows])
    points = np.asarray(shapely.points(network.node_xy[nodes]))
    node, touched = tree.query(points, predicate="dwithin", distance=_SAME_PLACE_M)
    node, touched = nodes[node], rows[touched]
    # At a locked gate two junctions are one node of the source: they are apart on purpose.
    apart = (network.node_ids[network.edges[touched]] != network.node_ids[node][:, None]).all(axis=1)
    node, touched = node[apart], touched[apart]
    crossing, one, other = _inside(network, rows, tree)
    every = np.concatenate([network.node_xy[node], crossing])
    place = np.unique(np.round(every / _SAME_PLACE_M), axis=0, return_index=True, return_inverse=True)
    first, which = place[1], place[2].ravel()
    cut = np.concatenate([which, which[len(node) :]])
    return Crossings(
        xy=every[first], edge=np.concatenate([touched, one, other]), place=cut, node=node, at=which[: len(node)]
    )


def join_crossings(network: Network, crossings: Crossings) -> Network:
    """Return the network with its streets cut at some crossings and joined there."""
    import shapely  # noqa: PLC0415

    n = len(network.node_xy)
    junction = n + np.arange(len(crossings))
    junction[crossings.at] = crossings.node
    one = np.arange(n)
    one[crossings.node] = junction[crossings.at]  # of several junctions in one place one stays
    lines = network.lines(crossings.edge)
    fraction = shapely.line_locate_point(lines, shapely.points(crossings.xy[crossings.place]))
    drawn = shapely.length(lines)
    fraction = np.divide(fraction, drawn, out=np.zeros(len(drawn)), where=drawn > 0)
    m, ends = len(network.edges), one[network.edges]
    # Every edge as stops along it: its first end, where it is cut, its second end.
    edge = np.concatenate([np.arange(m), np.arange(m), crossings.edge])
    stop = np.concatenate([ends[:, 0], ends[:, 1], junction[crossings.place]])
    along = np.concatenate([np.zeros(m), np.ones(m), fraction])
    rank = np.concatenate([np.zeros(m), np.full(m, 2.0), np.ones(len(fraction))])
    order = np.lexsort((rank, along, edge))
    edge, stop, along = edge[order], stop[order], along[order]
    piece = np.flatnonzero(edge[1:] == edge[:-1])
    of, share = edge[piece], along[piece + 1] - along[piece]
    shape_xy, shape_start = _shapes(network, of, along[piece], along[piece + 1])
    xy, new_ids = np.vstack([network.node_xy, crossings.xy]), network.node_ids.max(initial=0) + 1
    per_edge: dict[str, Any] = {name: getattr(network, name)[of] for name in PER_EDGE}
    per_edge |= {name: per_edge[name] * share for name in _SHARED}
    return replace(
        network,
        **per_edge,
        node_xy=xy,
        node_ids=np.append(network.node_ids, new_ids + np.arange(len(crossings))),
        edges=np.column_stack([stop[piece], stop[piece + 1]]),
        length_m=network.length_m[of] * share,
        slope_factor=network.slope_factor[of],
        shape_xy=shape_xy,
        shape_start=shape_start,
    )


def _shapes(
    network: Network, rows: NDArray[np.intp], begin: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the vertices of edges between two shares of what is drawn of each, and where each begins among them."""
    cut = np.flatnonzero((begin != 0.0) | (end != 1.0))
    parts = [shape_between(network, rows[at], begin[at], end[at]) for at in cut.tolist()]
    first, many = network.shape_start[rows].astype(np.int64), np.diff(network.shape_start)[rows].astype(np.int64)
    many[cut] = [len(part) for part in parts]
    first[cut] = len(network.shape_xy) + np.cumsum(many[cut]) - many[cut]
    start = np.concatenate([[0], np.cumsum(many)])
    return np.concatenate([network.shape_xy, *parts])[spans(first, many)], start


def _inside(
    network: Network, rows: NDArray[np.intp], tree: Any
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return the places where two edges cross away from the ends of both, and those edges."""
    import shapely  # noqa: PLC0415

    lines = tree.geometries
    one, other = tree.query(lines)
    near = (one < other) & ~(network.outline[rows[one]] & network.outline[rows[other]])
    one, other = one[near], other[near]
    rest = ~_meet_at_an_end(network, rows[one], rows[other])
    one, other = one[rest], other[rest]
    met = shapely.intersects(lines[one], lines[other])
    one, other = one[met], other[met]
    inside = ~shapely.relate_pattern(lines[one], lines[other], _ENDS_ONLY)
    one, other = one[inside], other[inside]
    points, pair = shapely.get_coordinates(shapely.intersection(lines[one], lines[other]), return_index=True)
    one, other = rows[one[pair]], rows[other[pair]]
    away = np.ones(len(points), np.bool_)
    for edge in (one, other):
        for side in (0, 1):
            away &= np.hypot(*(points - network.node_xy[network.edges[edge, side]]).T) > _SAME_PLACE_M
    return points[away], one[away], other[away]


def _meet_at_an_end(network: Network, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return of pairs of edges whether a straight line through an end that both have keeps the rest of them apart."""
    xy, first, last = network.shape_xy, network.shape_start[:-1], network.shape_start[1:] - 1
    ends = np.stack([xy[first], xy[last]], axis=1)
    same = (ends[one][:, :, None] == ends[other][:, None]).all(axis=3).reshape(-1, 4)
    found: NDArray[np.bool_] = same.sum(axis=1) == 1
    side = np.divmod(same[found].argmax(axis=1), 2)
    edges = (one[found], other[found])
    at = ends[edges[0], side[0]]
    ways = [ends[edge, 1 - end] - at for edge, end in zip(edges, side, strict=True)]
    lengths = [np.maximum(np.hypot(*way.T), _SAME_PLACE_M)[:, None] for way in ways]
    across = ways[0] / lengths[0] - ways[1] / lengths[1]
    clear = np.ones(len(at), np.bool_)
    for edge, end, sign in zip(edges, side, (1.0, -1.0), strict=True):
        many = last[edge] - first[edge]
        begin = np.cumsum(many) - many
        vertex = spans(first[edge] + (end == 0), many)
        beside = ((xy[vertex] - np.repeat(at, many, axis=0)) * np.repeat(across * sign, many, axis=0)).sum(axis=1)
        clear &= np.minimum.reduceat(beside, begin) > _CLEARLY_M
    found[found] = clear
    return found


def shape_between(network: Network, row: int, begin: float, end: float) -> NDArray[np.float64]:
    """Return the vertices of an edge between two shares of what is drawn of it."""
    shape = network.shape_xy[network.shape_start[row] : network.shape_start[row + 1]]
    if (begin, end) == (0.0, 1.0):
        return shape
    walked = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(shape, axis=0).T))])
    cuts = np.array([begin, end]) * walked[-1]
    both = np.column_stack([np.interp(cuts, walked, shape[:, axis]) for axis in (0, 1)])
    within = shape[(walked > cuts[0]) & (walked < cuts[1])]
    return np.vstack([both[:1], within, both[1:]])
