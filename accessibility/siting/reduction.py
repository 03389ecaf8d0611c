"""Exact reductions of a covering: whatever they take away, some best plan can do without it.

Rows alike are merged, dominated columns go and, where every row has to be covered, implied rows go: in turn, until none
is left (Toregas and ReVelle 1972), because each of them makes room for the others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.siting.covering import simpler_limits
from accessibility.siting.pairs import dominated, implied, merged_rows, transposed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering


def reduce_covering(covering: Covering) -> Covering:
    """Return the same question without superfluous candidates, rows of one cover set merged.

    Every value that a plan can reach in the one it can reach in the other, with no more sites at no more cost. A
    candidate goes where another one covers all that it covers, costs no more and is bound by no condition that it is
    not bound by itself. Districts that a floor tells apart are never merged.
    """
    smaller = take_columns(covering, _possible(covering))
    while True:
        smaller = _merged(smaller)
        gone = dominated(smaller.columns, smaller.rows, smaller.cost, smaller.packs)
        if not gone.any():
            return smaller
        smaller = take_columns(smaller, ~gone)


def reduce_for_all(covering: Covering) -> Covering:
    """Return the same question without superfluous candidates and rows, where every row has to be covered.

    A row goes where all that cover another one cover it too. Weights, districts and floors do not matter then.
    """
    smaller = reduce_covering(covering)
    while True:
        needless = implied(smaller.rows, smaller.columns)
        if not needless.any():
            return smaller
        kept = np.flatnonzero(~needless)
        rows = smaller.rows.take(kept)
        smaller = replace(
            smaller,
            weight=smaller.weight[kept],
            district=smaller.district[kept],
            point=smaller.point[kept],
            rows=rows,
            columns=transposed(rows, len(smaller.site)),
        )
        smaller = reduce_covering(smaller)


def fix_columns(covering: Covering, opened: NDArray[np.bool_], dropped: NDArray[np.bool_]) -> Covering:
    """Return what is left to decide when some columns open and others never do; it is not reduced yet.

    The opened ones must keep to the limits.
    """
    covered = covering.covered(opened)
    there = np.zeros(len(covering.need), np.int64)
    np.add.at(there, covering.district[covered], covering.weight[covered])
    packs = np.bincount(covering.packs.of(np.flatnonzero(opened)), minlength=len(covering.room))
    left = replace(
        covering,
        weight=covering.weight[~covered],
        district=covering.district[~covered],
        point=covering.point[~covered],
        rows=covering.rows.take(np.flatnonzero(~covered)),
        most=covering.most - int(opened.sum()),
        budget=covering.budget - int(covering.cost[opened].sum()),
        room=covering.room - packs,
        need=covering.need - there,
        base=covering.base + int(covering.weight[covered].sum()),
        spent=covering.spent + int(covering.cost[opened].sum()),
        opened=np.concatenate([covering.opened, covering.site[opened]]),
    )
    return take_columns(left, ~opened & ~dropped)


def take_columns(covering: Covering, kept: NDArray[np.bool_]) -> Covering:
    """Return the covering with these columns alone, without packs that do not bind them."""
    smaller = keep_columns(covering, kept)
    binding = np.bincount(smaller.packs.item, minlength=len(covering.room)) > covering.room
    return replace(smaller, packs=smaller.packs.keep(binding), room=covering.room[binding])


def keep_columns(covering: Covering, kept: NDArray[np.bool_]) -> Covering:
    """Return the covering with these columns alone; rows and packs stay, even those that have none of them."""
    cost = covering.cost[kept]
    most, budget = simpler_limits(cost, covering.most, covering.budget)
    rows = covering.rows.keep(kept)
    return replace(
        covering,
        rows=rows,
        columns=transposed(rows, len(cost)),
        site=covering.site[kept],
        cost=cost,
        most=most,
        budget=budget,
        packs=covering.packs.take(np.flatnonzero(kept)),
    )


def _possible(covering: Covering) -> NDArray[np.bool_]:
    """Return which columns the limits leave room for, each on its own."""
    possible = (covering.cost <= covering.budget) & (covering.most > 0)
    possible[covering.packs.line[covering.room[covering.packs.item] <= 0]] = False
    return possible


def _merged(covering: Covering) -> Covering:
    """Return the covering with rows of one cover set merged, those that nothing covers left out."""
    every = np.ones(len(covering.weight), np.bool_)
    row, rows, first = merged_rows(covering.rows, covering.district, every)
    weight = np.zeros(len(first), np.int64)
    np.add.at(weight, row[row >= 0], covering.weight[row >= 0])
    return replace(
        covering,
        weight=weight,
        district=covering.district[first],
        point=covering.point[first],
        rows=rows,
        columns=transposed(rows, len(covering.site)),
    )
