"""What ferries and lifts take, as seconds of edges: the same for every walker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.network import FERRY
from accessibility.sources.foot import LIFT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.sources.foot import FootAccess

_LEAST_S = 1.0  # no ferry takes no time at all


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
    A ferry of 900 m and 5 minutes between two streets:

    >>> Delays(ferry_wait_s=120).of_ferries(np.array(["road", "ferry", "road"]), np.array([[0, 1], [1, 2], [2, 3]]),
    ...     np.array([50.0, 900.0, 50.0]), np.array([0.0, 300.0, 0.0])).tolist()
    [0.0, 420.0, 0.0]
    """

    ferry_m_s: float = 3.0
    ferry_wait_s: float = 0.0
    lift_s: float = 0.0

    @classmethod
    def of(cls, foot: FootAccess) -> Delays:
        """Return the delays that a foot-access table states."""
        return cls(ferry_m_s=foot.ferry_m_s, ferry_wait_s=foot.ferry_wait_s, lift_s=foot.lift_s)

    def of_ferries(
        self,
        kinds: NDArray[np.str_],
        edges: NDArray[np.int32],
        length_m: NDArray[np.float64],
        ride_s: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the seconds that each edge takes as a ferry, 0 where it is none.

        Parameters
        ----------
        kinds, edges, length_m
            ``(m,)`` names, ``(m, 2)`` nodes and ``(m,)`` metres of all edges.
        ride_s
            ``(m,)`` seconds of the ride, NaN where they are not known.
        """
        ferry = kinds == FERRY
        if not ferry.any():
            return np.zeros(len(edges))
        # People board and leave where something else than a ferry meets it; elsewhere two ferries only share a place.
        landing = np.zeros(edges.max() + 1, np.bool_)
        landing[edges[~ferry]] = True
        ride = np.where(np.isnan(ride_s), length_m / self.ferry_m_s, ride_s)
        wait = self.ferry_wait_s * landing[edges].mean(axis=1)
        seconds: NDArray[np.float64] = np.where(ferry, np.maximum(ride + wait, _LEAST_S), 0.0)
        return seconds

    def of_lifts(self, kinds: NDArray[np.str_], passed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the seconds that each edge takes as a lift, or for the lifts among its nodes.

        Parameters
        ----------
        kinds
            ``(m,)`` names.
        passed
            ``(m,)`` lifts among the nodes, half of those at the ends.
        """
        seconds: NDArray[np.float64] = self.lift_s * np.where(kinds == LIFT, 1.0, passed)
        return seconds
