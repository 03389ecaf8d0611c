"""Points on the edges of a graph, and the labels that a search gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.snapping import Positions

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

    @classmethod
    def at(cls, positions: Positions, leg_cost_per_m: float) -> Stops:
        """Return positions as stops, their access legs costed.

        Parameters
        ----------
        positions
            Where points stand on a network.
        leg_cost_per_m
            What a metre of an access leg costs, in the units of the graph.

        Returns
        -------
        Stops
            Points that are not snapped stand nowhere.

        Raises
        ------
        InputError
            A leg too long to count in 31 bits.

        Examples
        --------
        A home 10 m beside the middle of the road; a metre of the way to it costs 1300 milliseconds:

        >>> from accessibility.snapping import snap_points
        >>> home = snap_points(road, np.array([(500.0, 10.0)]), 100.0)
        >>> stop = search.Stops.at(home, 1300.0)
        >>> stop.fraction.tolist(), stop.leg.tolist()
        ([0.5], [13000])
        """
        leg = np.rint(np.where(positions.snapped, positions.leg_m, 0.0) * leg_cost_per_m)
        if (leg >= UNREACHED).any():
            msg = f"an access leg is {positions.leg_m.max():.0f} m long; expected less than the Earth's girth"
            raise InputError(msg)
        return cls(edge=positions.edge, fraction=positions.fraction, leg=leg.astype(np.uint32))


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


@nb.njit(cache=True, nogil=True, inline="always")
def part(cost, fraction):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the cost of the edge's first `fraction`; the rest is the whole less this, so that parts add up."""
    return np.uint64(np.float64(cost) * fraction + 0.5)


@nb.njit(cache=True, nogil=True, inline="always")
def added(label, cost):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the label with more cost, or no label where the sum cannot be counted in 32 bits."""
    total = (label >> _32) + cost
    return NO_LABEL if total >= NOT_PASSABLE else (total << _32) | (label & LOW)


@nb.njit(cache=True, nogil=True, inline="always")
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


@nb.njit(cache=True, nogil=True, inline="always")
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
