"""`Tree`: evidence for a bound by branch and bound, which one pass over it proves with numpy alone.

Its leaves divide the solutions of a claim between them; in each of them prices of the rows prove how much is lost at
the least (weak duality), whatever they are::

    loss >= sum over rows of price * least + sum over columns of the least value of (loss - what the rows pay) * v

More rows than those of the claim may be priced: half the sum of some rows whose terms are whole, rounded up, holds
for whole numbers as well (Gomory 1958, Chvatal 1973).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from accessibility.errors import UnprovenError
from accessibility.siting.numbers import CLOSE, HALF, SUMS, solver_unit
from accessibility.siting.pairs import Pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HAIR = 1e-6
_LEAF = -1
_MOST = 5_000_000  # prices of a tree that anybody may have sent


def _no_halves() -> Pairs:
    return Pairs(start=np.zeros(1, np.int64), item=np.empty(0, np.int32))


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """That no solution of ``rows @ v >= least`` in whole numbers ``0 <= v <= upper`` loses less than `wanted`."""

    loss: NDArray[np.float64]  # (c,) of each column, 0 or more
    # rows, least: (r, c) CSR and (r,)
    rows: sparse.csr_array
    least: NDArray[np.float64]
    upper: NDArray[np.float64]  # (c,) finite
    sites: NDArray[np.intp]  # (m,) the problem's row of each of the first columns: to be split first
    splits: NDArray[np.bool_]  # (c,) whether a column is 0 or 1
    small: int  # how many of the first rows hold small whole numbers, and may be halved
    whole: bool  # whether every loss is a whole number
    wanted: float  # what is lost at the least, as the plan claims

    @property
    def hair(self) -> float:
        """What is nothing beside the sums there are; less than a unit where a solver counts whole ones."""
        near = CLOSE * max(abs(self.wanted), float(self.loss.sum()))
        return min(near, HALF) if self.whole and solver_unit(float(self.loss.sum())) == 1.0 else near


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """How the solutions of a claim are divided, and what proves the loss in each part."""

    # (k,) int32 column at which each node divides, -1 for a leaf; a node stands before its parts, the part without the
    # column before the one with it
    split: NDArray[np.int32]
    price: NDArray[np.float64]  # (leaves, r + h) price of each row and of each half, 0 or more
    # rows, or halves before it, whose sum is halved and rounded up: a line for each half
    halves: Pairs = field(default_factory=_no_halves)

    def plain(self) -> dict[str, Any]:
        """Return the tree as plain values."""
        price = sparse.csr_array(self.price)
        return {
            "split": self.split.tolist(),
            "rows": self.price.shape[1],
            "price": {
                "start": price.indptr.tolist(),
                "row": price.indices.tolist(),
                "value": price.data.tolist(),
            },
            "halves": {"start": self.halves.start.tolist(), "row": self.halves.item.tolist()},
        }

    @classmethod
    def of_plain(cls, told: Any) -> Tree:
        """Return a tree from plain values that anybody may have sent.

        Raises
        ------
        UnprovenError
            What is no tree.
        """
        try:
            split = np.array(told["split"], dtype=np.int32)
            width = int(told["rows"])
            lines, halves = (_lines_of(told[name], width) for name in ("price", "halves"))
            value = np.array(told["price"]["value"], dtype=np.float64)
            price = np.zeros((len(lines), width) if len(lines) * width <= _MOST else ())
            price[lines.line, lines.item] = value
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            msg = "the evidence of the bound is no tree of splits, prices and halves; expected one as a run writes it"
            raise UnprovenError(msg) from error
        return cls(split=split.reshape(-1), price=price, halves=halves)


def _lines_of(told: Any, items: int) -> Pairs:
    """Return lines of numbers below `items`.

    Raises
    ------
    ValueError
        What is none.
    """
    start, item = np.array(told["start"], dtype=np.int64), np.array(told["row"], dtype=np.int64)
    ends = len(start) and start[0] == 0 and start[-1] == len(item)
    if not (ends and (np.diff(start) >= 0).all() and ((item >= 0) & (item < items)).all()):
        msg = f"lines of {start} and {item}; expected numbers from 0 to {items}"
        raise ValueError(msg)
    return Pairs(start=start, item=item.astype(np.int32))


def least_loss(claim: Claim, tree: Tree) -> float:
    """Return what every solution of a claim loses at the least, as a tree proves it.

    Raises
    ------
    UnprovenError
        What is no tree of the claim.
    """
    rows, least = with_halves(claim, tree.halves)
    prices = tree.price
    if prices.ndim != 2 or prices.shape[1] != len(least) or not np.isfinite(prices).all() or (prices < 0).any():  # noqa: PLR2004
        msg = f"the tree's prices are {prices.shape}; expected {len(least)} of 0 or more for each leaf"
        raise UnprovenError(msg)
    turned = sparse.csr_array(rows.T)
    found, parts, leaf = math.inf, [(np.zeros(len(claim.loss)), claim.upper)], 0
    for column in tree.split.tolist():
        if not parts or not _LEAF <= column < len(claim.loss) or (column == _LEAF and leaf >= len(prices)):
            break
        lower, upper = parts.pop()
        if column == _LEAF:
            found = min(found, priced(claim, (turned, least), prices[leaf], (lower, upper)))
            leaf += 1
            continue
        if not claim.splits[column]:
            break
        without, within = upper.copy(), lower.copy()
        without[column], within[column] = 0.0, 1.0
        parts += [(within, upper), (lower, without)]
    else:
        if not parts and leaf == len(prices):
            return rounded(claim, found)
    msg = f"the tree of {len(tree.split)} nodes and {len(prices)} leaves does not divide all there is"
    raise UnprovenError(msg)


def rounded(claim: Claim, loss: float) -> float:
    """Return the least loss there can be that is not below this one."""
    return float(math.ceil(loss - _HAIR)) if claim.whole and math.isfinite(loss) else loss


def priced(
    claim: Claim,
    rows: tuple[sparse.csr_array, NDArray[np.float64]],
    price: NDArray[np.float64],
    within: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float:
    """Return the loss that prices prove between bounds of the columns; `rows` are turned round, with their least."""
    turned, least = rows
    with np.errstate(over="ignore", invalid="ignore"):
        left = claim.loss - turned @ price
        parts = np.where(left > 0, left * within[0], left * within[1])
        earned = price * least
        sums = float(np.abs(parts).sum() + np.abs(earned).sum())
        found = float(earned.sum() + parts.sum()) - SUMS * sums
    return found if math.isfinite(found) else -math.inf  # sums beyond all numbers prove nothing


def with_halves(claim: Claim, halves: Pairs) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return the rows of a claim and their halves, each made of rows that may be halved and of halves before it.

    Raises
    ------
    UnprovenError
        A half of what may not be halved.
    """
    rows, least, r = claim.rows, claim.least, len(claim.least)
    may = np.concatenate([np.arange(claim.small), np.arange(r, r + len(halves))])
    if not np.isin(halves.item, may).all() or (halves.item >= halves.line + r).any():
        msg = f"the tree halves sums of rows that are not before it among the {claim.small} that may be halved"
        raise UnprovenError(msg)
    done = 0
    while done < len(halves):
        # As many as need none of each other are made at once.
        ahead = np.flatnonzero(halves.item[halves.start[done] :] >= r + done)
        end = int(halves.line[halves.start[done] + ahead[0]]) if len(ahead) else len(halves)
        lines = halves.take(np.arange(done, end))
        chosen = sparse.csr_array((np.ones(len(lines.item)), lines.item, lines.start), shape=(end - done, r + done))
        rows, least = stacked(rows, least, *half_of(chosen, rows, least))
        done = end
    return rows, least


def half_of(
    chosen: sparse.csr_array, rows: sparse.csr_array, least: NDArray[np.float64]
) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return half the sum of some rows, rounded up; whole numbers of 0 or more keep to it where they keep to these."""
    summed = sparse.csr_array(chosen @ rows)
    summed.data = np.ceil(summed.data / 2)
    return summed, np.ceil(chosen @ least / 2)


def stacked(
    rows: sparse.csr_array, least: NDArray[np.float64], more: sparse.csr_array, their: NDArray[np.float64]
) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return rows and more rows."""
    return sparse.csr_array(sparse.vstack([rows, more], format="csr")), np.concatenate([least, their])
