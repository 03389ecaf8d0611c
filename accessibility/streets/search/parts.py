"""What hangs together: the components of a graph, in a time that grows as its edges do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.streets.search.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import I32, Flags


def label_components(count: int, one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return ``(n,)`` the component of each node, numbered from 0 in the order of their lowest nodes.

    Parameters
    ----------
    count
        How many nodes there are.
    one, other
        ``(m,)`` the nodes that are linked.

    Examples
    --------
    >>> label_components(5, np.array([3, 4]), np.array([1, 3])).tolist()
    [0, 1, 2, 1, 1]
    """
    pairs = np.column_stack([one, other]).astype(np.int32)
    pairs.flags.writeable = False  # as the edges of a network are: the kernel is compiled for one type of array
    return number_components(joined_nodes(pairs, np.ones(len(pairs), np.bool_), count))


def number_components(first: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the components of `joined_nodes` by number, in their place, from 0 in the order of their lowest nodes.

    Examples
    --------
    >>> number_components(np.array([0, 1, 2, 1, 2], np.int32)).tolist()
    [0, 1, 2, 1, 2]
    """
    _number(first)
    return first


def joined_nodes(edges: NDArray[np.signedinteger], kept: NDArray[np.bool_], count: int) -> NDArray[np.int32]:
    """Return ``(n,)`` the component of each node along some of the edges, one-way edges taken both ways.

    Parameters
    ----------
    edges
        ``(m, 2)`` rows of nodes.
    kept
        ``(m,)`` along which edges.
    count
        How many nodes there are.

    Returns
    -------
    numpy.ndarray
        The lowest node of the component of each.

    Examples
    --------
    >>> joined_nodes(np.array([[3, 1], [1, 2]], np.int32), np.array([True, False]), 4).tolist()
    [0, 1, 2, 1]
    """
    first = np.arange(count, dtype=np.int32)
    _join(edges, kept, first)
    return first


@kernel
def _join(edges: I32, kept: Flags, first: I32) -> None:
    """Let every node know the lowest one that edges lead to: trees of nodes, halved on the way (Tarjan 1975)."""
    for e in range(kept.size):
        if not kept[e]:
            continue
        a, b = edges[e, 0], edges[e, 1]
        while first[a] != a:
            first[a] = first[first[a]]
            a = first[a]
        while first[b] != b:
            first[b] = first[first[b]]
            b = first[b]
        if a < b:
            first[b] = a
        else:
            first[a] = b
    for node in range(first.size):
        first[node] = first[first[node]]  # a lower one, which knows it already


@kernel
def _number(first: I32) -> None:
    """Let every node know the number of its component in place of the lowest node, which has its number by then."""
    count = np.int32(0)
    for node in range(first.size):
        if first[node] == node:
            first[node] = count
            count += np.int32(1)
        else:
            first[node] = first[first[node]]
