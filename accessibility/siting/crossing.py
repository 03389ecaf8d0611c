"""Two plans crossed: where they differ they fall into pieces, each of which may be as the one or the other has it.

Pieces share nobody but those whom the plans cover alike, so that what a piece gains hangs on no other one. Which of
them to take is a knapsack, whose answer is the best of as many plans as there are sets of pieces (partition crossover:
Whitley, Hains and Howe 2009). Each of two plans is good somewhere else, in a town or a part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.siting.exact import Effort, Program, solve_program
from accessibility.siting.numbers import HALF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Allowance

_READ, _PIECE = 20.0, 1e4  # what a pair and a piece cost


def cross_pieces(
    covering: Covering, plan: NDArray[np.bool_], other: NDArray[np.bool_], allowance: Allowance
) -> NDArray[np.bool_]:
    """Return the best plan that has each piece as one of two plans has it, `plan` itself if none is better.

    Parameters
    ----------
    covering
        The question; its floors are ignored.
    plan
        ``(c,)`` columns of a plan within the limits.
    other
        ``(c,)`` columns of another one, which may exceed them.
    allowance
        What it counts against.
    """
    columns = np.flatnonzero(plan != other)
    if not len(columns):
        return plan
    size, rows = len(columns), len(covering.weight)
    pairs = covering.columns.take(columns)
    alone = ~covering.covered(plan & other)[pairs.item]
    line, row = pairs.line[alone], pairs.item[alone]
    met = sparse.csr_array((np.ones(len(row)), (line, row)), shape=(size, rows))
    graph = sparse.csr_array((np.ones(len(row)), (line, row + size)), shape=(size + rows, size + rows))
    _, piece = np.unique(sparse.csgraph.connected_components(graph, directed=False)[1][:size], return_inverse=True)
    count = int(piece.max()) + 1
    allowance.spend(_READ * len(pairs.item) + _PIECE * count)
    opens, closes = (
        sparse.csr_array((mine.astype(float), (piece, np.arange(size))), shape=(count, size))
        for mine in (other[columns], plan[columns])
    )
    gain = ((opens @ met).sign() - (closes @ met).sign()) @ covering.weight
    used = covering.packs.take(columns)
    packs = sparse.csr_array((np.ones(len(used.item)), used.item, used.start), shape=(size, len(covering.room)))
    costs = sparse.csr_array(np.stack([np.ones(size), covering.cost[columns] / covering.solver_cost], axis=1))
    each = sparse.csr_array(sparse.hstack([costs, packs], format="csr"))
    taken = np.bincount(covering.packs.of(np.flatnonzero(plan)), minlength=len(covering.room))
    money = (covering.budget - covering.cost[plan].sum()) / covering.solver_cost
    program = Program(
        objective=gain / covering.solver_weight,
        lower=np.zeros(count),
        upper=np.ones(count),
        integer=np.ones(count, np.bool_),
        rows=sparse.csr_array(((opens - closes) @ each).T),
        row_lower=np.full(2 + len(taken), -np.inf),
        row_upper=np.concatenate([[covering.most - plan.sum(), money], covering.room - taken]),
    )
    values = solve_program(program, Effort()).values
    if values is None:
        return plan
    crossed = plan.copy()
    crossed[columns[values[piece] > HALF]] ^= True
    return crossed if covering.fits(crossed) and covering.value(crossed) > covering.value(plan) else plan
