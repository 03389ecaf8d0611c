"""Points on the edges of a graph, and the labels that a search gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.packing import Graph

UNREACHED = np.uint32(0x7FFF_FFFF)
"""The cost of a node from which no site is reached."""
NO_LABEL = np.uint64(0x7FFF_FFFF_FFFF_FFFF)
LOW = np.uint64(0xFFFF_FFFF)
HIGH = np.uint64(0xFFFF_FFFF_0000_0000)
NOT_PASSABLE = np.uint64(0x7FFF_FFFF)
_32 = np.uint64(32)
_0 = np.uint64(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stops:
    """Points on the edges of a graph, with what the way between point and edge costs.

    Parameters
    ----------
    edge
        ``(k,)`` int32 edge rows, -1 for a point that stands nowhere.
    fraction
        ``(k,)`` place along the edge, 0 to 1.
    leg
        ``(k,)`` uint32 cost of the access leg, in the units of the graph.

    Examples
    --------
    >>> people.fraction.tolist(), people.leg.tolist()
    ([0.4, 0.9], [0, 0])
    """

    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]
    leg: NDArray[np.uint32]


def split_labels(labels: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Return the cost and the owner that labels hold.

    Parameters
    ----------
    labels
        ``(n,)`` uint64 ``cost << 32 | site``.

    Returns
    -------
    cost : numpy.ndarray
        ``(n,)`` uint32; `UNREACHED` where there is none.
    owner : numpy.ndarray
        ``(n,)`` int32 row of the site; -1 where there is none.

    Examples
    --------
    >>> cost, owner = search.split_labels(np.array([400_000 << 32 | 7], np.uint64))
    >>> cost.tolist(), owner.tolist()
    ([400000], [7])
    """
    return (labels >> _32).astype(np.uint32), (labels & LOW).astype(np.uint32).view(np.int32)


@helper
def part(cost, fraction):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the cost of the edge's first `fraction`; the rest is the whole less this, so that parts add up."""
    return np.uint64(np.float64(cost) * fraction + 0.5)


@helper
def added(label, cost):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the label with more cost, or no label where the sum cannot be counted in 32 bits."""
    total = (label >> _32) + cost
    return NO_LABEL if total >= NOT_PASSABLE else (total << _32) | (label & LOW)


@helper
def to_end(costs, site, end):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the cost from one end of the site's edge to the site, access leg in."""
    edge, fraction, leg = site
    cost = np.uint64(costs[end][edge])
    if fraction == np.float64(end):
        return leg
    if cost == NOT_PASSABLE:
        return cost
    before = part(cost, fraction)
    return leg + (before if end == 0 else cost - before)


@helper
def direct(whole, back, here, site):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the label of walking straight to a site on the same edge."""
    there, leg, row = site
    if here == there:
        between = _0
    elif here < there:
        between = NOT_PASSABLE if whole == NOT_PASSABLE else part(whole, there) - part(whole, here)
    else:
        between = NOT_PASSABLE if back == NOT_PASSABLE else part(back, here) - part(back, there)
    return added((np.uint64(leg) << _32) | np.uint64(row), between)


def read_labels(graph: Graph, labels: NDArray[np.uint64], sites: Stops, people: Stops) -> NDArray[np.uint64]:
    """Return the label of every person: cost to the nearest site, both access legs in, and which site.

    A person reads both ends of their edge, of a private edge the labels of inside; sites on the same edge are reached
    directly, without going round.

    Parameters
    ----------
    graph
        The reversed graph that was searched.
    labels
        ``(n + i,)`` uint64 labels of its nodes, from `nearest`.
    sites
        Where the sites are that were searched from.
    people
        Where people stand.

    Returns
    -------
    numpy.ndarray
        ``(p,)`` uint64 labels, ``cost << 32 | site``.

    Examples
    --------
    >>> found = search.read_labels(graph, search.nearest(graph, sites), sites, people)
    >>> search.split_labels(found)[0].tolist()
    [400000, 100000]
    """
    order = np.lexsort((sites.fraction, sites.edge)).astype(np.uint32)
    cost, served = graph.impedance, np.zeros(len(graph.edges) + 1, np.bool_)
    served[sites.edge] = True  # the last one that of sites that stand nowhere
    found = np.full(len(people.edge), NO_LABEL, np.uint64)
    _read(
        (graph.ends, cost.along, cost.against),
        labels,
        (served, sites.edge[order], sites.fraction[order], sites.leg[order], order),
        (people.edge, people.fraction, people.leg),
        found,
    )
    return found


@helper
def _first(ascending, wanted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the place of the first value that is not below the one wanted."""
    low, high = 0, ascending.size
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _read(costs, labels, sites, people, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    ends, along, against = costs
    served, site_edge, site_fraction, site_leg, site_row = sites
    edge, fraction, leg = people
    for i in range(edge.size):
        if edge[i] < 0:
            continue
        e = np.uint64(edge[i])
        whole, back = np.uint64(along[e]), np.uint64(against[e])
        best = NO_LABEL
        on, to = labels[np.uint64(ends[e, 1])], labels[np.uint64(ends[e, 0])]
        if on != NO_LABEL and (whole != NOT_PASSABLE or fraction[i] == 1.0):
            rest = _0 if fraction[i] == 1.0 else whole - part(whole, fraction[i])
            best = added(on, rest)
        if to != NO_LABEL and (back != NOT_PASSABLE or fraction[i] == 0.0):
            rest = _0 if fraction[i] == 0.0 else part(back, fraction[i])
            best = min(best, added(to, rest))
        s = _first(site_edge, edge[i]) if served[e] else site_edge.size
        while s < site_edge.size and site_edge[s] == edge[i]:
            site = (site_fraction[s], np.uint64(site_leg[s]), np.uint64(site_row[s]))
            best = min(best, direct(whole, back, fraction[i], site))
            s += 1
        if best != NO_LABEL:
            found[i] = added(best, np.uint64(leg[i]))
