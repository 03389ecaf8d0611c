"""What people read off the labels of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba as nb
import numpy as np

from accessibility.search.stops import NO_LABEL, NOT_PASSABLE, added, direct, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.search.packing import Graph
    from accessibility.search.stops import Stops

_0 = np.uint64(0)


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
    place, inside = graph.hierarchy.place, graph.compounds.place + np.uint32(len(graph.hierarchy.place))
    order = np.lexsort((sites.fraction, sites.edge)).astype(np.uint32)
    cost = graph.impedance
    found = np.full(len(people.edge), NO_LABEL, np.uint64)
    _read(
        (graph.edges, cost.along, cost.against),
        (graph.private, place, graph.inside, inside),
        labels,
        (sites.edge[order], sites.fraction[order], sites.leg[order], order),
        (people.edge, people.fraction, people.leg),
        found,
    )
    return found


@nb.njit(cache=True, nogil=True, inline="always")
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


@nb.njit(cache=True, nogil=True)
def _read(costs, places, labels, sites, people, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    edges, along, against = costs
    private, place, inside_node, inside = places
    site_edge, site_fraction, site_leg, site_row = sites
    edge, fraction, leg = people
    for i in range(edge.size):
        if edge[i] < 0:
            continue
        e = np.uint64(edge[i])
        whole, back = np.uint64(along[e]), np.uint64(against[e])
        best = NO_LABEL
        first, second = edges[e, 0], edges[e, 1]
        if private[e]:
            on = labels[np.uint64(inside[_first(inside_node, second)])]
            to = labels[np.uint64(inside[_first(inside_node, first)])]
        else:
            on = labels[np.uint64(place[second])]
            to = labels[np.uint64(place[first])]
        if on != NO_LABEL and (whole != NOT_PASSABLE or fraction[i] == 1.0):
            rest = _0 if fraction[i] == 1.0 else whole - part(whole, fraction[i])
            best = added(on, rest)
        if to != NO_LABEL and (back != NOT_PASSABLE or fraction[i] == 0.0):
            rest = _0 if fraction[i] == 0.0 else part(back, fraction[i])
            best = min(best, added(to, rest))
        s = _first(site_edge, edge[i])
        while s < site_edge.size and site_edge[s] == edge[i]:
            best = min(best, direct(whole, back, fraction[i], (site_fraction[s], site_leg[s], site_row[s])))
            s += 1
        if best != NO_LABEL:
            found[i] = added(best, np.uint64(leg[i]))
