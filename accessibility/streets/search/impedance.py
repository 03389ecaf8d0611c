"""What an edge costs whoever walks it, as whole numbers: all that a search knows of walking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMPASSABLE = np.uint32(0x7FFF_FFFF)
"""The cost of an edge that nobody may walk that way; two such costs still fit in 32 bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Impedance:
    """Integer cost of every edge, along it (first node to second) and against it.

    Parameters
    ----------
    along, against
        ``(m,)`` uint32, walking milliseconds or centimetres; `IMPASSABLE` where nobody may walk that way.
    """

    along: NDArray[np.uint32]
    against: NDArray[np.uint32]

    def of(self, edges: NDArray[np.bool_]) -> Impedance:
        """Return the costs of some of the edges."""
        return Impedance(along=self.along[edges], against=self.against[edges])
