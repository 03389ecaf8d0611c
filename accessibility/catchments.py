"""`Catchments`: for every site the people it would cover, each under the rule of their own setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.arrays import read_only, refuse
from accessibility.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Catchments:
    """Pairs of a site and a demand point that is within the standard of it, by site (CSR).

    Parameters
    ----------
    start
        ``(s + 1,)`` int64: the pairs of site ``j`` are those from ``start[j]`` to ``start[j + 1]``.
    demand
        ``(k,)`` int32 demand row of each pair, ascending within a site.
    cost
        ``(k,)`` seconds where the rule of the point's setting is a walk, metres otherwise; both access legs are in.
    """

    start: NDArray[np.int64]
    demand: NDArray[np.int32]
    cost: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Copy the arrays and check that no pair stands twice."""
        start = read_only(self.start, dtype=np.int64, shape=(None,), name="catchments start")
        demand = read_only(self.demand, dtype=np.int32, shape=(None,), name="catchments demand")
        k = len(demand)
        if not len(start) or start[0] != 0 or start[-1] != k or (np.diff(start) < 0).any():
            msg = f"catchments start does not lead from 0 to the {k} pairs without falling; found {start[:5]}"
            raise InputError(msg)
        twice = np.diff(demand) <= 0
        twice[start[1:-1][(start[1:-1] > 0) & (start[1:-1] < k)] - 1] = False
        refuse(twice, name="catchments demand", found=demand[1:], expected="rows ascending within a site")
        cost = read_only(self.cost, dtype=np.float64, shape=(k,), name="catchments cost")
        for name, value in (("start", start), ("demand", demand), ("cost", cost)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of sites."""
        return len(self.start) - 1

    def __repr__(self) -> str:
        """Return sites and pairs."""
        return f"<Catchments {len(self):,} sites, {len(self.demand):,} pairs>"

    def of(self, site: int) -> NDArray[np.int32]:
        """Return the demand rows of one site."""
        return self.demand[self.start[site] : self.start[site + 1]]
