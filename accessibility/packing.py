"""A network packed for the kernels: reversed, numbered along a Hilbert curve, low-degree junctions eliminated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np

from accessibility.elimination import Hierarchy, eliminate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.network import Impedance, Network


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A network under one impedance, reversed and packed for the kernels.

    Parameters
    ----------
    edges
        ``(m, 2)`` node rows of the network.
    private
        ``(m,)`` whether only residents may walk an edge.
    impedance
        The costs of the edges.
    hierarchy
        Eliminated junctions and the core of the streets.
    inside
        ``(i,)`` node rows that private edges touch, in ascending order.
    compounds
        The hierarchy of the private edges alone, its nodes the rows of `inside`.
    """

    edges: NDArray[np.int32]
    private: NDArray[np.bool_]
    impedance: Impedance
    hierarchy: Hierarchy
    inside: NDArray[np.int32]
    compounds: Hierarchy


def hilbert_rank(xy: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return the position of each point of ``(n, 2)`` along a Hilbert curve of 65 536 steps a side."""
    if not len(xy):
        return np.empty(0, np.uint32)
    low = xy.min(axis=0)
    side = max(float((xy.max(axis=0) - low).max()), 1e-9)
    cell = np.minimum((xy - low) * (65_535.0 / side), 65_535.0).astype(np.uint32)
    order = np.argsort(_hilbert_keys(cell[:, 0].copy(), cell[:, 1].copy()), kind="stable")
    rank = np.empty(len(xy), np.uint32)
    rank[order] = np.arange(len(xy), dtype=np.uint32)
    return rank


def build_graph(
    network: Network,
    impedance: Impedance,
    *,
    rank: NDArray[np.uint32] | None = None,
    open_compounds: bool = False,
) -> Graph:
    """Return the reversed graph of `network` under `impedance`.

    Parameters
    ----------
    network, impedance
        The streets and the cost of each edge.
    rank
        `hilbert_rank` of the nodes where it is known already; graphs of one network can share it.
    open_compounds
        Whether private edges are streets like others.
    """
    rank = hilbert_rank(network.node_xy) if rank is None else rank
    private = network.private & (not open_compounds)
    inside = np.unique(network.edges[private])
    within = np.searchsorted(inside, network.edges[private]).astype(np.int32)
    within_rank = np.empty(len(inside), np.uint32)
    within_rank[np.argsort(rank[inside])] = np.arange(len(inside), dtype=np.uint32)
    return Graph(
        edges=network.edges,
        private=private,
        impedance=impedance,
        hierarchy=eliminate(network.edges[~private], rank, impedance.of(~private)),
        inside=inside,
        compounds=eliminate(within, within_rank, impedance.of(private)),
    )


@nb.njit(cache=True, nogil=True)
def _hilbert_keys(x, y):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    keys = np.empty(x.size, np.uint64)
    for i in range(x.size):
        a, b = np.int64(x[i]), np.int64(y[i])
        key = np.int64(0)
        side = np.int64(1 << 15)
        while side > 0:
            right = 1 if (a & side) > 0 else 0
            upper = 1 if (b & side) > 0 else 0
            key += side * side * ((3 * right) ^ upper)
            if upper == 0:
                if right == 1:
                    a, b = 65_535 - a, 65_535 - b
                a, b = b, a
            side >>= 1
        keys[i] = key
    return keys
