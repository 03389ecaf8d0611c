"""Ways as people name and map them: edges that go on, straight ahead and of one type, across junctions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.network import Network

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
    from scipy.sparse import coo_array  # noqa: PLC0415 -- `import accessibility` stays light
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

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
    links = coo_array((np.ones(len(mutual), np.int8), (mutual // 2, best[mutual] // 2)), shape=(m, m))
    found: NDArray[np.int32] = connected_components(links.tocsr(), directed=False)[1] if m else np.empty(0, np.int32)
    return found


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
