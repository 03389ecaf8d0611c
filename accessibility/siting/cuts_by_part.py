"""Cuts part by part: towns that share nothing but a number of sites or a budget are cut each by itself, at its price.

The linear program of many parts takes long to be solved, those of the parts do not. At the price of the limit that a
Lagrangian dual has found nothing else holds them together: each has a claim of its own, its sites charged that price,
and what their prices and halves prove adds up to one leaf of a tree for the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.siting.claim_trees import Cutting
from accessibility.siting.pairs import Pairs
from accessibility.siting.tree import Claim, Tree, priced, rounded, with_halves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.dual import Dual
    from accessibility.siting.effort import Allowance

_LITTLE = 0.01  # of all that the cuts of a part have gained: the round that gains less is its last
_ROWS = 2_000  # of people, in a part that is put together of small ones
_LARGE = 20_000  # rows of a question that is cut in parts, if any


@dataclass(kw_only=True, eq=False)
class _Part:
    """Rows and columns of the whole claim, and the claim that is made of them."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    cutting: Cutting
    losses: list[float] = field(default_factory=list)  # after each round

    def step(self, allowance: Allowance) -> None:
        """Solve and cut once more."""
        self.cutting.step(allowance, math.inf)
        self.losses.append(self.cutting.value)
        if len(self.losses) > 1 and self.losses[-1] - self.losses[-2] < _LITTLE * (self.losses[-1] - self.losses[0]):
            self.cutting.ended = True


class PartedCutting:
    """Rounds of halves in each part of a claim, that go on where they were left; as `Cutting`, which has one part.

    Parameters
    ----------
    claim
        About people; its parts share no more than limits.
    price
        Of these limits, the last rows of the claim: what is lost for a unit of each.
    """

    def __init__(self, claim: Claim, price: NDArray[np.float64]) -> None:
        """Take the claim apart."""
        self.claim, self._limits = claim, price
        self._parts = sorted(_parts_of(claim, price), key=lambda part: len(part.rows))
        self._next = list(self._parts)
        self.value = -math.inf
        self.tree: Tree | None = None

    def run(self, allowance: Allowance, share: float, wanted: float) -> None:
        """Cut the parts in turn, the smallest first, until nothing is gained or a share of the allowance is spent.

        Nothing is known before each part was solved once, so that one which would take too much ends it all.
        """
        most = share * allowance.size
        end = allowance.did + most
        if any(part.cutting.work > 2 * most for part in self._parts if not part.losses):
            self._next = []
        while self._next and not (allowance.up or allowance.did >= end or self.value >= wanted):
            part = self._next.pop(0)
            part.step(allowance)
            if not part.cutting.ended:
                self._next.append(part)
        if all(part.cutting.tree is not None for part in self._parts):
            self._weigh()

    def _weigh(self) -> None:
        """Put together what the parts prove."""
        size = len(self.claim.least)
        price = np.zeros(size)
        price[self.claim.small :] = self._limits
        halves, charged, starts = [np.empty(0, np.int64)], [price], [np.zeros(1, np.int64)]
        count = items = 0
        for part in self._parts:
            best, tree = part.cutting.best, part.cutting.tree
            if best is None or tree is None:
                continue
            r, h = len(part.rows), len(tree.halves)
            price[part.rows] = best.price[:r]
            there = tree.halves.item.astype(np.int64)
            halves.append(np.where(there < r, np.append(part.rows, 0)[np.minimum(there, r)], there - r + size + count))
            starts.append(tree.halves.start[1:] + items)
            charged.append(best.price[r:])
            count, items = count + h, items + len(there)
        lines = Pairs(start=np.concatenate(starts), item=np.concatenate(halves).astype(np.int32))
        rows, least = with_halves(self.claim, lines)
        told = np.concatenate(charged)
        loss = priced(
            self.claim, (sparse.csr_array(rows.T), least), told, (np.zeros(len(self.claim.loss)), self.claim.upper)
        )
        if loss > self.value:
            self.value = rounded(self.claim, loss)
            self.tree = Tree(split=np.array([-1], dtype=np.int32), price=told[None], halves=lines)


def is_cut_in_parts(covering: Covering) -> bool:
    """Return whether a question is so large that it is cut in parts, where only limits hold them together."""
    return len(covering.weight) > _LARGE


def begin_to_cut(claim: Claim, covering: Covering, dual: Dual) -> Cutting | PartedCutting:
    """Return cuts of a question, or of its parts."""
    price = prices_of_limits(claim, covering, dual) if is_cut_in_parts(covering) else None
    return Cutting(claim) if price is None else PartedCutting(claim, price)


def prices_of_limits(claim: Claim, covering: Covering, dual: Dual) -> NDArray[np.float64] | None:
    """Return the prices of the number of sites and of a budget; None where more holds the rows of people together."""
    limits = -sparse.csr_array(claim.rows[claim.small :, : len(claim.sites)]).sum(axis=1)
    if len(limits) != 1 + covering.spends:
        return None
    charged = np.array([dual.site * len(covering.cost), dual.cost * covering.cost.sum()])[: len(limits)]
    price: NDArray[np.float64] = np.divide(charged, limits, out=np.zeros(len(limits)), where=limits > 0)
    return price


def _parts_of(claim: Claim, price: NDArray[np.float64]) -> Iterator[_Part]:
    """Yield the parts, small ones some together; of the limits that they share each site is charged the price."""
    r, c = claim.small, len(claim.loss)
    rows = sparse.csr_array(claim.rows[:r])
    loss = claim.loss - sparse.csr_array(claim.rows[r:].T) @ price
    graph = sparse.csr_array(
        (np.ones(len(rows.indices)), (np.repeat(np.arange(r), np.diff(rows.indptr)), rows.indices + r)),
        shape=(r + c, r + c),
    )
    count, label = sparse.csgraph.connected_components(graph, directed=False)
    sizes = np.bincount(label[:r], minlength=count)
    order = np.argsort(sizes, kind="stable")
    # Part by part until there are so many rows.
    bin_of = np.empty(count, np.intp)
    bin_of[order] = np.cumsum(sizes[order]) // _ROWS
    part = bin_of[label]
    for k in np.unique(part):
        mine, columns = np.flatnonzero(part[:r] == k), np.flatnonzero(part[r:] == k)
        told = Claim(
            loss=loss[columns],
            rows=sparse.csr_array(rows[mine][:, columns]),
            least=claim.least[mine],
            upper=claim.upper[columns],
            sites=claim.sites[columns[columns < len(claim.sites)]],
            splits=claim.splits[columns],
            small=len(mine),
            whole=False,
            wanted=0.0,
        )
        yield _Part(rows=mine, columns=columns, cutting=Cutting(told))
