"""The nearest site within a limit along arcs whose costs change from one question to the next.

Nothing is eliminated beforehand, as for `accessibility.streets.search.nearest`: making a graph ready costs more than
one bounded search does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.streets.search.floods import read_off
from accessibility.streets.search.multisource import bucket_shift, search_arcs, seed_ends
from accessibility.streets.search.stops import NO_LABEL, UNREACHED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.packing import Arcs
    from accessibility.streets.search.stops import Stops


def nearest_within(arcs: Arcs, sites: Stops, limit: int) -> NDArray[np.uint64]:
    """Return the label of the nearest site for every node of some arcs, ``cost << 32 | site``.

    Parameters
    ----------
    arcs
        The plain arcs, reversed.
    sites
        Where the sites stand; one that does not count stands on edge -1.
    limit
        Do not search farther than this cost, ``<=``.

    Returns
    -------
    numpy.ndarray
        ``(k,)`` uint64 labels of the nodes of the arcs.

    Examples
    --------
    >>> found = search.nearest_within(arcs, sites, 500_000)
    >>> search.split_labels(found)[0].tolist()
    [0, 0]
    """
    labels = np.full(len(arcs), NO_LABEL, np.uint64)
    bound = min(limit, int(UNREACHED) - 1)
    costs = (arcs.street, arcs.impedance.along, arcs.impedance.against)
    seed_ends(costs, np.arange(len(arcs), dtype=np.uint32), (sites.edge, sites.fraction, sites.leg), labels)
    buckets = (np.uint64(bucket_shift(arcs, bound)), np.uint64(min(arcs.longest_arc, bound)))
    search_arcs(arcs.start, arcs.arcs, labels, np.uint64(bound), buckets)
    return labels


def read_within(arcs: Arcs, labels: NDArray[np.uint64], sites: Stops, people: Stops) -> NDArray[np.uint64]:
    """Return the label of every person from those of the nodes: both access legs in, sites on the same edge too.

    Parameters
    ----------
    arcs, labels
        What was searched, and ``(k,)`` what `nearest_within` found.
    sites, people
        Where they stand.

    Returns
    -------
    numpy.ndarray
        ``(p,)`` uint64 labels; of nobody is one missing who is within the limit of the search.

    Examples
    --------
    >>> labels = search.nearest_within(arcs, sites, 500_000)
    >>> search.split_labels(search.read_within(arcs, labels, sites, people))[0].tolist()
    [400000, 100000]
    """
    order = np.argsort(sites.edge, kind="stable").astype(np.uint32)
    found = np.full(len(people.edge), NO_LABEL, np.uint64)
    there = (sites.edge, sites.fraction, sites.leg, np.ones(len(sites.edge), np.bool_), sites.edge[order], order)
    costs = (arcs.impedance.along, arcs.impedance.against)
    standing = (costs, arcs.home, labels, (people.edge, people.fraction, people.leg), there)
    read_off(standing, np.arange(len(people.edge), dtype=np.uint32), found)
    return found
