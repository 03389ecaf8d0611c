"""The p-median's linear relaxation and its exact optimum, by cuts: one column per row for its value, not one a pair.

The value of a row is convex in what opens (as fractions): the greatest of lines, one for each price that the row may
offer. Only lines that matter are generated, first where the multipliers of the bound say, then where the last solution
lies below the truth (Duran-Mateluna, Ales and Elloumi 2023). The dual values of the lines are multipliers again: they
prove the relaxation's optimum without the solver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.geo.arrays import starts_of
from accessibility.siting.exact import Effort, Program, Relaxation, solve_program
from accessibility.siting.lagrangian import fixed_sites, weigh
from accessibility.siting.numbers import HALF
from accessibility.streets.search.compiling import maker

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.siting.effort import Allowance
    from accessibility.siting.lagrangian import Offers
    from accessibility.siting.medians import Room, Values
    from accessibility.streets.search.compiling import F64, I32, I64

_UNIT = 1_000.0  # what a row is worth on average in the solver, so that its tolerances are small against it
_BELOW = 1e-6  # in the solver's units, its own tolerance
_REACHED = 1e-9
_ROUNDS = 200
_FEW = 400_000  # entries


@dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """Lines that rows lie above, and rows that some site has to serve."""

    # row, level: row and price of every line: the row's value is at least the price, less what each site that is nearer
    # than the price saves of it
    row: NDArray[np.intp]
    level: NDArray[np.float64]
    needs: NDArray[np.intp]  # rows without a base
    scale: float  # value of one unit in the solver

    def __add__(self, other: Cuts) -> Cuts:
        """Return both."""
        return Cuts(
            row=np.concatenate([self.row, other.row]),
            level=np.concatenate([self.level, other.level]),
            needs=np.concatenate([self.needs, other.needs]),
            scale=self.scale,
        )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.row) + len(self.needs)

    def constraints(self, values: Values) -> tuple[sparse.csr_array, NDArray[np.float64]]:
        """Return the cuts as rows of a program of one column per site and one per row, and the lower bound of each."""
        m, r = len(values.by_site[0]) - 1, len(values.base)
        start, column, value = _lines(values.by_row, self.row, self.level, m)
        lines = sparse.csr_array((value, column, start), shape=(len(self.row), m + r))
        lines.data[lines.indices < m] /= self.scale
        site = _spread(values.by_row, self.needs)
        start = starts_of(np.diff(values.by_row[0])[self.needs])
        served = sparse.csr_array((np.ones(len(site)), site, start), shape=(len(self.needs), m + r))
        lower = np.concatenate([self.level / self.scale, np.ones(len(self.needs))])
        return sparse.csr_array(sparse.vstack([lines, served])), lower


@dataclass(frozen=True, kw_only=True, eq=False)
class Relaxed:
    """Where the relaxation ended."""

    offers: Offers  # what its dual values prove
    cuts: Cuts  # all that were generated


def solve_relaxation(
    values: Values, room: Room, offers: Offers, visit: Callable[[NDArray[np.float64]], float], allowance: Allowance
) -> Relaxed:
    """Return better offers and the cuts behind them, the best possible ones if the time allows.

    Parameters
    ----------
    values, room
        The p-median.
    offers
        What to begin from.
    visit
        Is shown what opens (as fractions) after every round, and returns what the bound has to reach.
    allowance
        When to stop.
    """
    r, m = len(values.base), len(room.cost)
    scale = (float(offers.row.mean()) or float(values.by_row[2].mean()) or 1.0) / _UNIT
    none = np.empty(0, np.intp)
    batches = [Cuts(row=np.arange(r), level=offers.row, needs=none, scale=scale)]
    program = _program(values, room, batches[0])
    tight = np.arange(len(program.row_lower)) >= len(program.row_lower) - r
    start = np.concatenate([offers.chosen, np.zeros(r, np.bool_)])
    # The solver begins at a vertex that is known: the chosen sites open, and every row's value on its first line.
    relaxation = Relaxation(program, (start, np.arange(m + r) >= m, tight))
    best = offers
    for _ in range(_ROUNDS):
        answer = relaxation.solve(allowance)
        if answer.values is None or answer.duals is None:
            break
        best = max(best, _priced(values, room, batches, answer.duals), key=lambda p: p.bound)
        more = violated(values, answer.values[:m], answer.values[m:] * scale, scale)
        if visit(answer.values[:m]) <= best.bound or not len(more) or allowance.up:
            break
        relaxation.add_rows(*more.constraints(values))
        batches.append(more)
    return Relaxed(offers=best, cuts=sum(batches[1:], batches[0]))


def solve_choice(
    values: Values,
    room: Room,
    relaxed: Relaxed,
    visit: Callable[[NDArray[np.float64]], tuple[float, float]],
    allowance: Allowance,
) -> float:
    """Return a bound by branch and bound over the sites that the offers leave open; not verified independently.

    The solver chooses under the cuts there are, all that there can be where these are few; where what it chose costs
    more than they say, more are added.

    Parameters
    ----------
    values, room
        The p-median.
    relaxed
        Where the relaxation ended.
    visit
        Is shown what opens, and returns the value of the best plan known and what the bound has to reach.
    allowance
        When to stop.
    """
    m, scale = len(room.cost), relaxed.cuts.scale
    cuts, bound = _completed(values, relaxed.cuts), relaxed.offers.bound
    best, wanted = visit(relaxed.offers.chosen.astype(np.float64))
    never, always = fixed_sites(relaxed.offers, room, best * (1 + _REACHED))
    part = 0.5
    for _ in range(_ROUNDS):
        if wanted <= bound or allowance.up:
            break
        program = _program(values, room, cuts, fixed=(never, always))
        gap = max(best - wanted, 0.0) / max(best, 1e-300)
        answer = solve_program(program, Effort(allowance=allowance, gap=gap * part))
        if answer.infeasible:  # the best plan known is one of those in question: the solver errs
            break
        bound = max(bound, min(best, answer.bound * scale))
        if answer.values is None:
            break
        opened = np.rint(answer.values[:m])
        best, wanted = visit(opened)
        more = violated(values, opened, answer.values[m:] * scale, scale)
        if not len(more):  # the solver stopped at its gap, short of what is wanted
            if gap * part < _REACHED:
                break
            part /= 8
        cuts += more
    return bound


def violated(values: Values, opened: NDArray[np.float64], said: NDArray[np.float64], scale: float) -> Cuts:
    """Return the cuts that a solution lies below: the steepest line of each row, and rows that nothing serves."""
    truth, level, served = _truth(values.by_row, values.base, opened)
    low = np.flatnonzero(truth - said > _BELOW * scale)
    return Cuts(row=low, level=level[low], needs=np.flatnonzero(served < 1 - _REACHED), scale=scale)


def _completed(values: Values, cuts: Cuts) -> Cuts:
    """Return every line of every row where these are few, otherwise the cuts there are."""
    start, _, value = values.by_row
    # The lines of a row of k pairs have k (k + 1) / 2 entries in all: too many for every row of a large question.
    many = np.diff(start)
    if (many * (many + 1) // 2).sum() > _FEW:
        return cuts
    bare = np.flatnonzero(np.isinf(values.base))
    served = np.flatnonzero(np.isfinite(values.base))
    row = np.concatenate([np.repeat(np.arange(len(many)), many), served])
    level = np.concatenate([value, values.base[served]])
    return Cuts(row=row, level=level, needs=bare, scale=cuts.scale)


def _priced(values: Values, room: Room, batches: list[Cuts], duals: NDArray[np.float64]) -> Offers:
    """Return what the dual values of limits, lines and served rows prove."""
    finite = room.finite
    charges = np.zeros(len(room.left))
    charges[finite] = np.maximum(-duals[: len(finite)], 0.0) * room.solver_scale * batches[0].scale
    price, at = np.zeros(len(values.base)), len(finite)
    for cuts in batches:
        lines, needs = len(cuts.row), len(cuts.needs)
        price += np.bincount(cuts.row, weights=duals[at : at + lines] * cuts.level, minlength=len(price))
        price[cuts.needs] += duals[at + lines : at + lines + needs] * cuts.scale
        at += lines + needs
    return weigh(values, room, np.clip(price, values.lowest, values.base), charges)


def _program(
    values: Values, room: Room, cuts: Cuts, fixed: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None
) -> Program:
    """Return the program of the limits, then the cuts; sites are whole where some are fixed, never or always."""
    m, r = len(room.cost), len(values.base)
    left = room.solver_left(0.0 if fixed is None else HALF)
    limits = sparse.hstack([room.solver_rows, sparse.csr_array((len(left), r))])
    rows, lower = cuts.constraints(values)
    never, always = fixed or np.zeros((2, m), np.bool_)
    return Program(
        objective=np.concatenate([np.zeros(m), np.ones(r)]),
        lower=np.concatenate([always.astype(np.float64), np.full(r, -np.inf)]),
        upper=np.concatenate([1.0 - never, np.full(r, np.inf)]),
        integer=(np.arange(m + r) < m) & (fixed is not None),
        rows=sparse.csr_array(sparse.vstack([limits, rows])),
        row_lower=np.concatenate([np.full(len(left), -np.inf), lower]),
        row_upper=np.concatenate([left, np.full(len(lower), np.inf)]),
        maximise=False,
    )


def _spread(
    by_row: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]], rows: NDArray[np.intp]
) -> NDArray[np.int32]:
    start, site, _ = by_row
    return np.concatenate([site[start[i] : start[i + 1]] for i in rows] or [np.empty(0, np.int32)])


@maker
def _truth(by_row: tuple[I64, I32, F64], base: F64, opened: F64) -> tuple[F64, F64, F64]:
    """Return the value of each row when sites open in fractions, the price of its steepest line, and what serves it."""
    start, site, value = by_row
    truth, level, served = np.zeros(base.size), np.empty(base.size), np.zeros(base.size)
    for i in range(base.size):
        level[i] = base[i] if base[i] < np.inf else value[start[i + 1] - 1]
        for k in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            share = opened[site[k]]
            if share <= 0.0:
                continue
            # A row is served by the nearest shares that make up one: the least value there is, and the last of them
            # sets the price of the steepest line. So a round of cuts costs a pass over the pairs, and no program of
            # its own.
            if served[i] + share >= 1.0 - 1e-9:
                level[i] = value[k]
                truth[i] += (1.0 - served[i]) * value[k]
                served[i] = 1.0
                break
            served[i] += share
            truth[i] += share * value[k]
        truth[i] += (1.0 - served[i]) * level[i]
        if base[i] < np.inf:
            served[i] = 1.0
    return truth, level, served


@maker
def _lines(by_row: tuple[I64, I32, F64], rows: I64, level: F64, m: int) -> tuple[I64, I32, F64]:
    """Return starts, columns and coefficients of lines; the row's own column is last, and its coefficient 1."""
    start, site, value = by_row
    begin = np.zeros(rows.size + 1, np.int64)
    for a in range(rows.size):
        i = rows[a]
        size = 1
        for k in range(start[i], start[i + 1]):
            if value[k] >= level[a]:
                break
            size += 1
        begin[a + 1] = begin[a] + size
    column, coefficient = np.empty(begin[-1], np.int32), np.empty(begin[-1])
    for a in range(rows.size):
        first, last = begin[a], begin[a + 1] - 1
        for k in range(last - first):
            column[first + k] = site[start[rows[a]] + k]
            coefficient[first + k] = level[a] - value[start[rows[a]] + k]
        column[last], coefficient[last] = m + rows[a], 1.0
    return begin, column, coefficient
