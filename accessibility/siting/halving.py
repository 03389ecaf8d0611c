"""Halves that cut a linear program: odd sets of rows whose sum, halved and rounded up, a fraction falls short of.

Three people of whom any two share a site that the third does not reach need two sites, where three halves of a site
make do in fractions. Rows of one solution are summed in twos and threes; halves are rows again, so that larger odd sets
come about from round to round (Caprara and Fischetti 1996).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.siting.pairs import Pairs
from accessibility.streets.search.compiling import maker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.effort import Clock
    from accessibility.siting.tree import Claim

_BOUNDS = ((0.1, 1.6), (0.3, 2.5))  # how loose a row may be, and how much it may lose by itself: at first, and later
_VIOLATED = 0.9  # of 1: what odd sets lose in all
_ENOUGH = 0.1  # of the most: as many sets as make the first bounds wide enough
_TIMES = 6  # how often a row is used in a round
_ROOM = 1_000_000
_LEAST = 1e-9
_READS = 30.0  # work for a step


def find_halves(
    claim: Claim,
    rows: tuple[sparse.csr_array, NDArray[np.float64]],
    values: NDArray[np.float64],
    most: int,
    clock: Clock,
) -> Pairs:
    """Return sets of rows, those first whose halves the values fall short of most.

    Parameters
    ----------
    claim
        Which rows may be halved.
    rows
        Rows of the claim, then halves, and their least values.
    values
        ``(c,)`` a solution of all of them, in fractions.
    most
        How many sets.
    clock
        What the search counts against.
    """
    matrix, least = rows
    slack = matrix @ values - least
    odd = sparse.csr_array(matrix, copy=True)
    odd.data = np.asarray(odd.data % 2 > 0.5, dtype=np.float64)  # noqa: PLR2004 -- whole numbers
    odd.eliminate_zeros()
    loses = odd @ values + slack
    may = np.ones(len(least), np.bool_)
    may[claim.small : len(claim.least)] = False
    found = Pairs(start=np.zeros(1, np.int64), item=np.empty(0, np.int32))
    for loose, size in _BOUNDS:
        rows_in = np.flatnonzero(may & (slack < loose) & (loses < size))
        found = _sets(odd[rows_in], values, (loses[rows_in], least[rows_in]), most, clock)
        found = Pairs(start=found.start, item=rows_in[found.item].astype(np.int32))
        if len(found) >= _ENOUGH * most:
            break
    return found


def _sets(
    odd: sparse.csr_array,
    values: NDArray[np.float64],
    of: tuple[NDArray[np.float64], NDArray[np.float64]],
    most: int,
    clock: Clock,
) -> Pairs:
    """Return the sets among these rows, the most violated first, no row too often."""
    there = np.flatnonzero(values > _LEAST)
    support = sparse.csr_array(odd[:, there])
    support.sort_indices()
    value = values[there]
    shared = sparse.csr_array((support * value[None, :]) @ support.T)
    shared.setdiag(0.0)
    shared.eliminate_zeros()
    shared.sort_indices()
    sets, lost = np.empty((_ROOM, 3), np.int32), np.empty(_ROOM)
    parity = (of[1] % 2 > 0.5).astype(np.int64)  # noqa: PLR2004 -- whole numbers
    count, steps = _odd_sets(
        (shared.indptr, shared.indices, shared.data),
        (support.indptr, support.indices, value),
        (of[0], parity),
        (sets, lost),
        _VIOLATED,
    )
    clock.spend(_READS * (steps + shared.nnz))
    order = np.argsort(lost[:count], kind="stable")
    used, lines = np.zeros(len(of[0]), np.intp), []
    for rows in sets[order]:
        line = rows[rows >= 0]
        if (used[line] < _TIMES).all():
            used[line] += 1
            lines.append(line)
            if len(lines) == most:
                break
    start = np.cumsum([0, *map(len, lines)], dtype=np.int64)
    return Pairs(start=start, item=np.concatenate([*lines, []]).astype(np.int32))


@maker
def _odd_sets(shared, support, rows, found, limit):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901, PLR0912
    """Write the twos and threes of rows whose least values sum up to an odd number and that lose less than a limit.

    What a set loses is the slack of its rows, and the values of the columns that stand in an odd number of them.
    """
    begin, other, both = shared
    start, column, value = support
    loses, parity = rows
    sets, lost = found
    count, steps = 0, 0
    mark = np.full(loses.size, -1.0)
    inside = np.zeros(value.size, np.bool_)
    for i in range(loses.size):
        for p in range(begin[i], begin[i + 1]):
            mark[other[p]] = both[p]
        for q in range(start[i], start[i + 1]):
            inside[column[q]] = True
        for p in range(begin[i], begin[i + 1]):
            j = other[p]
            if j <= i:
                continue
            two = loses[i] + loses[j] - 2.0 * both[p]
            steps += 1
            if (parity[i] + parity[j]) % 2 == 1 and two < limit and count < lost.size:
                sets[count, 0], sets[count, 1], sets[count, 2] = i, j, -1
                lost[count] = two
                count += 1
            for r in range(begin[j], begin[j + 1]):
                k = other[r]
                if k <= j or mark[k] < 0.0 or (parity[i] + parity[j] + parity[k]) % 2 == 0:
                    continue
                three = two + loses[k] - 2.0 * (mark[k] + both[r])
                steps += 1
                if three >= limit:
                    continue
                # Columns of all three stand in an odd number of them: they were taken off once too often.
                u, v = start[j], start[k]
                while u < start[j + 1] and v < start[k + 1]:
                    if column[u] == column[v]:
                        if inside[column[u]]:
                            three += 4.0 * value[column[u]]
                        u += 1
                        v += 1
                    elif column[u] < column[v]:
                        u += 1
                    else:
                        v += 1
                if three < limit and count < lost.size:
                    sets[count, 0], sets[count, 1], sets[count, 2] = i, j, k
                    lost[count] = three
                    count += 1
        for p in range(begin[i], begin[i + 1]):
            mark[other[p]] = -1.0
        for q in range(start[i], start[i + 1]):
            inside[column[q]] = False
    return count, steps
