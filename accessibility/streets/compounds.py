"""Gated compounds as they are mapped: lanes inside that nobody marked, and gates that are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.streets.foot import FERRY
from accessibility.streets.network import MAIN_M
from accessibility.streets.search.parts import joined_nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.network import Network


def enclose_lanes(network: Network) -> tuple[Network, NDArray[np.bool_]]:
    """Return the network with the lanes that only private ways lead to made private too, and which edges those are.

    A footpath inside a compound often has no tag of its own. Taken as public it would be a trap: who lives along it
    could not leave through the private ways around it, and a site there would serve no one outside. A part with 5 km
    of street or more is no lane; it stays public. So does everything that no such part is reached from, as on an island
    or in a hamlet drawn without its link road: nobody there has a way out to be let through.

    Examples
    --------
    A street from 0 to 1, a private way from 1 to 2, and an unmarked path behind it:

    >>> from accessibility import Network
    >>> three = Network(node_xy=[(0, 0), (90, 0), (90, 50), (90, 80)], edges=[(0, 1), (1, 2), (2, 3)],
    ...     length_m=[90, 50, 30], private=[False, True, False], crs="EPSG:32649")
    >>> enclose_lanes(three)[1].tolist()
    [False, False, True]
    """
    public = ~network.private
    part = _parts(network, public)
    ends = network.edges[:, 0]
    metres = np.bincount(part[ends[public]], weights=network.length_m[public], minlength=len(network.node_xy))
    main = metres >= MAIN_M
    if metres.size:
        main[metres.argmax()] = True
    meets_private = np.zeros(len(metres), np.bool_)
    meets_private[part[network.edges[~public]]] = True
    has_main = np.zeros(len(network.component_sizes), np.bool_)
    has_main[network.components[ends[public & main[part[ends]]]]] = True
    enclosed: NDArray[np.bool_] = public & (~main & meets_private)[part[ends]] & has_main[network.components[ends]]
    if enclosed.any():
        network = replace(network, private=network.private | enclosed, enclosed=network.enclosed | enclosed)
    return network, enclosed


def sealed_edges(network: Network) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether an edge is part of a component where only residents walk: none of them could leave."""
    if network.origin is not None:
        return network.origin.sealed
    if not network.private.any():
        return np.zeros(len(network.edges), np.bool_)
    has_street = np.zeros(len(network.component_sizes), np.bool_)
    has_street[network.components[network.edges[~network.private, 0]]] = True
    sealed: NDArray[np.bool_] = ~has_street[network.components[network.edges[:, 0]]]
    return sealed


def main_parts(network: Network, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether an edge would be part of a main component, were there only the edges kept.

    Main is as `accessibility.Network.main_edges` has it.
    """
    street = np.where(network.private | network.of_kind(FERRY) | ~kept, 0.0, network.length_m)
    part = _parts(network, kept)
    metres = np.bincount(part[network.edges[:, 0]], weights=street, minlength=1)
    main = metres >= MAIN_M
    main[metres.argmax()] = True
    found: NDArray[np.bool_] = kept & main[part[network.edges[:, 0]]]
    return found


def _parts(network: Network, kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    return joined_nodes(network.edges, kept, len(network.node_xy))
