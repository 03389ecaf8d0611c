"""What ferries and lifts take, as seconds of edges: the same for every walker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.streets.foot import FERRY, LIFT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.foot import FootAccess

_LEAST_S = 1.0  # no ferry takes no time at all


@dataclass(frozen=True, kw_only=True, eq=False)
class Carried:
    """Edges, as far as ferries and lifts concern them.

    Parameters
    ----------
    kinds, edges, length_m
        ``(m,)`` names, ``(m, 2)`` nodes and ``(m,)`` metres.
    ride_s
        ``(m,)`` seconds of the ride of a ferry, NaN where they are not known.
    lifts
        ``(m,)`` lifts among the nodes, half of those at the ends.
    """

    kinds: NDArray[np.str_]
    edges: NDArray[np.int32]
    length_m: NDArray[np.float64]
    ride_s: NDArray[np.float64]
    lifts: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Delays:
    """What ferries and lifts take beside their ride.

    Parameters
    ----------
    ferry_m_s
        Speed of a ferry whose time is not known.
    ferry_wait_s
        Wait for a ferry, half at each landing, so that who stays aboard between two boats' ways waits once.
    lift_s
        Wait and ride of a lift.

    Examples
    --------
    A ferry of 900 m and 5 minutes between a street and a lift:

    >>> between = Carried(kinds=np.array(["road", "ferry", "elevator"]), edges=np.array([[0, 1], [1, 2], [2, 3]]),
    ...     length_m=np.array([50.0, 900.0, 0.0]), ride_s=np.array([0.0, 300.0, 0.0]), lifts=np.zeros(3))
    >>> Delays(ferry_wait_s=120, lift_s=60).seconds(between).tolist()
    [0.0, 420.0, 60.0]
    """

    ferry_m_s: float = 3.0
    ferry_wait_s: float = 0.0
    lift_s: float = 0.0

    @classmethod
    def of(cls, foot: FootAccess) -> Delays:
        """Return the delays that a foot-access table states."""
        return cls(ferry_m_s=foot.ferry_m_s, ferry_wait_s=foot.ferry_wait_s, lift_s=foot.lift_s)

    def seconds(self, edges: Carried) -> NDArray[np.float32]:
        """Return the seconds of each edge that are the same for every walker: of a ferry, and of lifts."""
        lifts = self.lift_s * np.where(edges.kinds == LIFT, 1.0, edges.lifts)
        ferry = edges.kinds == FERRY
        # People board and leave where something else than a ferry meets it; elsewhere two ferries only share a place.
        landing = np.zeros(edges.edges.max(initial=-1) + 1, np.bool_)
        landing[edges.edges[~ferry]] = True
        ride = np.where(np.isnan(edges.ride_s), edges.length_m / self.ferry_m_s, edges.ride_s)
        whole = np.maximum(ride + self.ferry_wait_s * landing[edges.edges].mean(axis=1), _LEAST_S)
        found: NDArray[np.float32] = np.where(ferry, whole, lifts).astype(np.float32)
        return found
