"""Timing in turn with a peer, and the streets as scipy takes them: what several benchmarks need."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array

from accessibility.streets import search
from accessibility.streets.search.elimination import IMPASSABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from accessibility import Network


ROUNDS = 7


def passable(network: Network) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Return from where to where every edge may be walked, each way for itself, and what that costs."""
    u, v = network.edges.T
    cost = network.impedance()
    ways = np.concatenate([cost.along, cost.against])
    there = ways != IMPASSABLE
    return np.r_[u, v][there], np.r_[v, u][there], ways[there].astype(np.float64)


def matrix(network: Network, numbers: NDArray[Any]) -> csr_array[Any]:
    """Return the graph for scipy, nodes numbered by `numbers`; the cheapest of parallel edges that may be walked."""
    u, v, cost = passable(network)
    u, v = numbers[u].astype(np.int64), numbers[v].astype(np.int64)
    order = np.lexsort((cost, v, u))
    u, v, cost = u[order], v[order], cost[order]
    first = np.r_[True, (np.diff(u) != 0) | (np.diff(v) != 0)]
    n = len(network.node_xy)
    # scipy takes a stored zero for no edge at all.
    return coo_array((np.maximum(cost[first], 1e-9), (u[first], v[first])), shape=(n, n)).tocsr()


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    answer = work()
    return time.process_time() - begun, answer


def ratios(ours: Callable[[], Any], peers: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the median over rounds of each peer's time over ours, taken in turn."""
    found: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(ROUNDS):
        for name, peer in peers.items():
            mine = min(seconds(ours)[0] for _ in range(3))
            found[name].append(seconds(peer)[0] / mine)
    return {name: float(np.median(values)) for name, values in found.items()}


def everybody(network: Network) -> search.Stops:
    """Return a person at every junction that an edge ends at."""
    edge, fraction = np.full(len(network.node_xy), -1, np.int32), np.zeros(len(network.node_xy))
    rows = np.arange(len(network.edges), dtype=np.int32)
    for end in (1, 0):
        edge[network.edges[:, end]], fraction[network.edges[:, end]] = rows, float(end)
    return search.Stops(edge=edge, fraction=fraction, leg=np.zeros(len(edge), np.uint32))
