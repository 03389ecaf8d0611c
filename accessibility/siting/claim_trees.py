"""Trees for claims: the linear program of a claim, rounds of halves that cut it, and branches where a claim is small.

The solver's prices are no more than a proposal: what they prove is counted by `accessibility.siting.tree`.

Halves are odd sets of rows whose sum, halved and rounded up, a fraction falls short of. Three people of whom any two
share a site that the third does not reach need two sites, where three halves of a site make do in fractions. Rows of
one solution are summed in twos and threes; halves are rows again, so that larger odd sets come about from round to
round (Caprara and Fischetti 1996).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.siting.claims import claims_of
from accessibility.siting.enumeration import confirmed
from accessibility.siting.exact import INFINITE, Program, Relaxation
from accessibility.siting.numbers import solver_unit
from accessibility.siting.pairs import Pairs
from accessibility.siting.tree import Tree, half_of, priced, rounded, stacked
from accessibility.streets.search.compiling import maker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.effort import Allowance
    from accessibility.siting.plan import SitingPlan
    from accessibility.siting.problem import Problem
    from accessibility.siting.tree import Claim
    from accessibility.streets.search.compiling import F64, I32, I64, Array


_BOUNDS = ((0.1, 1.6), (0.3, 2.5))  # how loose a row may be, and how much it may lose by itself: at first, and later
_VIOLATED = 0.9  # of 1: what odd sets lose in all
_ENOUGH = 0.1  # of the most: as many sets as make the first bounds wide enough
_MOST_ROWS = 6_000  # rows that are looked at
_MOST_SHARED, _SHARED = 2_000_000, 0.4  # rows that share something; of more of them, how much any two of a set share
_TIMES = 6  # how often a row is used in a round
_ROOM = 1_000_000
_LEAST = 1e-9
_READS = 30.0  # work for a step


def find_halves(
    claim: Claim,
    rows: tuple[sparse.csr_array, NDArray[np.float64]],
    values: NDArray[np.float64],
    among: NDArray[np.intp],
    most: int,
    allowance: Allowance,
) -> Pairs:
    """Return sets of rows, those first whose halves the values fall short of most, times what a row loses.

    Parameters
    ----------
    claim
        What the rows are of.
    rows
        Rows of the claim, then halves, and their least values.
    values
        ``(c,)`` a solution of all of them, in fractions.
    among
        Which rows and halves are summed.
    most
        How many sets.
    allowance
        What the search counts against.
    """
    matrix, least = rows
    slack = matrix @ values - least
    odd = sparse.csr_array(matrix, copy=True)
    odd.data = np.asarray(odd.data % 2 > 0.5, dtype=np.float64)  # noqa: PLR2004 -- whole numbers
    odd.eliminate_zeros()
    loses = odd @ values + slack
    worth = _worth(claim, matrix)
    found = Pairs(start=np.zeros(1, np.int64), item=np.empty(0, np.int32))
    for loose, size in _BOUNDS:
        rows_in = among[(slack < loose)[among] & (loses < size)[among]]
        if len(rows_in) > _MOST_ROWS:
            rows_in = np.sort(rows_in[np.argsort(-(worth * (size - loses))[rows_in], kind="stable")[:_MOST_ROWS]])
        found = _sets(odd[rows_in], values, (loses[rows_in], least[rows_in], worth[rows_in]), most, allowance)
        found = Pairs(start=found.start, item=rows_in[found.item].astype(np.int32))
        if len(found) >= _ENOUGH * most:
            break
    return found


def _worth(claim: Claim, rows: sparse.csr_array) -> NDArray[np.float64]:
    """Return the least that a row loses by a column that is no site: its price is seldom greater."""
    own = sparse.csr_array(rows[:, len(claim.sites) :])
    of, loss = np.repeat(np.arange(rows.shape[0]), np.diff(own.indptr)), claim.loss[len(claim.sites) :]
    found = np.full(rows.shape[0], INFINITE)
    np.minimum.at(found, of, loss[own.indices])
    return np.where(np.isfinite(found), found, 1.0)


def _sets(
    odd: sparse.csr_array,
    values: NDArray[np.float64],
    of: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    most: int,
    allowance: Allowance,
) -> Pairs:
    """Return the sets among these rows, those that cut off most first, no row too often."""
    there = np.flatnonzero(values > _LEAST)
    support = sparse.csr_array(odd[:, there])
    support.sort_indices()
    value = values[there]
    shared = sparse.csr_array((support * value[None, :]) @ support.T)
    shared.setdiag(0.0)
    if shared.nnz > _MOST_SHARED:
        shared.data[shared.data < _SHARED] = 0.0
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
    allowance.spend(_READS * (steps + shared.nnz))
    worth = np.append(of[2], INFINITE)[sets[:count]].min(axis=1)  # -1, no row, is the last
    order = np.argsort((lost[:count] - 1.0) * worth, kind="stable")
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
def _odd_sets(  # noqa: C901, PLR0912
    shared: tuple[Array, Array, F64],
    support: tuple[Array, Array, F64],
    rows: tuple[F64, I64],
    found: tuple[I32, F64],
    limit: float,
) -> tuple[int, int]:
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


_ITERATION = 3.0  # work of an iteration for every entry, row and column
# Work of an iteration within a program: of an entry, of rows and columns, and of what factors may fill.
_ENTRY, _LINE, _FACTOR, _POWER = 85.0, 6.5, 0.02, 1.5
_MOST_ITERATIONS = 40  # of a solution, more or less
_ENTRIES, _LEAVES, _PRICES = 60_000, 400, 400_000  # of a claim that is small, and of its tree
_SHARE = 0.05  # of all the work, for a tree
_LARGE_TERM = 1e3
_WHOLE = 1e-6
_LOOSE = 1e-9
_MANY, _EACH = 600, 9  # halves a round; rows for each of them, where that makes more
_SAMPLE = 64  # rows that are looked at for it
_MANY_ROWS, _FAR = 10_000, 0.25  # of a claim, some of whose rows are fixed: what they are covered more or less


def witnessed(problem: Problem, plan: SitingPlan, allowance: Allowance) -> SitingPlan:
    """Return the plan with evidence for what the solver alone says, where that is cheap: every plan, or a tree."""
    plan = confirmed(problem, plan)
    if plan.bound_by != "solver" or plan.status == "feasible" or plan.ended_by != "proof":
        return plan
    share = allowance.part(_SHARE)
    trees: list[Tree] = []
    for claim in claims_of(problem, plan):
        tree = grow_tree(claim, share)
        if tree is None:
            return plan
        trees.append(tree)
    return replace(plan, bound_by="tree", trees=tuple(trees)) if trees else plan


def grow_tree(claim: Claim, allowance: Allowance) -> Tree | None:
    """Return a tree that proves a small claim; None where none is found soon."""
    if claim.rows.nnz > _ENTRIES or not len(claim.least):
        return None
    relaxed = ClaimBound(claim)
    split: list[int] = []
    prices: list[NDArray[np.float64]] = []
    parts = [(np.zeros(len(claim.loss)), claim.upper)]
    enough = claim.wanted - claim.hair
    while parts:
        within = parts.pop()
        point = relaxed.solve(within, enough, allowance)
        if point is None or (len(prices) + len(parts)) * len(claim.least) > _PRICES or len(prices) > _LEAVES:
            return None
        if point.loss >= enough:
            split.append(-1)
            prices.append(point.price)
            continue
        column = _split(claim, point.values, within[0] < within[1])
        if column is None:
            return None
        split.append(column)
        without, inside = within[1].copy(), within[0].copy()
        without[column], inside[column] = 0.0, 1.0
        parts += [(inside, within[1]), (within[0], without)]
    return Tree(split=np.array(split, dtype=np.int32), price=np.array(prices))


def _split(claim: Claim, values: NDArray[np.float64], free: NDArray[np.bool_]) -> int | None:
    """Return the free column to split: of the sites the one that is least decided, then of the others."""
    doubt = np.where(free & claim.splits, np.minimum(values, 1.0 - values), -INFINITE)
    doubt[: len(claim.sites)] += 1.0 * (doubt[: len(claim.sites)] > _WHOLE)
    return int(doubt.argmax()) if len(doubt) and math.isfinite(doubt.max()) else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """What a linear program says."""

    loss: float  # what the prices prove, rounded up where losses are whole
    price: NDArray[np.float64]  # (r,) of the rows
    values: NDArray[np.float64]  # (c,) of the columns


class ClaimBound:
    """The linear program of a claim, that grows by halves.

    Parameters
    ----------
    claim
        What it is of.
    interior
        Whether it is solved by the interior-point method: whole, not in parts.
    """

    def __init__(self, claim: Claim, *, interior: bool = False) -> None:
        """Hand the program to the solver, in numbers that are near 1."""
        self.claim = claim
        self.rows, self.least = claim.rows, claim.least
        self.halves = Pairs(start=np.zeros(1, np.int64), item=np.empty(0, np.int32))
        greatest = np.ones(len(claim.least))
        np.maximum.at(
            greatest, np.repeat(np.arange(len(greatest)), np.diff(claim.rows.indptr)), np.abs(claim.rows.data)
        )
        self._scale = np.where(greatest > _LARGE_TERM, 1.0 / greatest, 1.0)
        self._kept, self._fixed = np.arange(len(claim.least)), np.zeros(len(claim.least))
        self._unit = solver_unit(float(claim.loss.sum()))
        self._solver, self._interior = Relaxation(self._program(), interior=interior), interior

    def _program(self) -> Program:
        claim, size, kept = self.claim, len(self.claim.loss), self._kept
        return Program(
            objective=(claim.loss - sparse.csr_array(claim.rows.T) @ self._fixed) / self._unit,
            lower=np.zeros(size),
            upper=claim.upper,
            integer=np.zeros(size, np.bool_),
            rows=sparse.csr_array(sparse.diags_array(self._scale) @ claim.rows)[kept],
            row_lower=(claim.least * self._scale)[kept],
            row_upper=np.full(len(kept), INFINITE),
            maximise=False,
        )

    def fix(self, point: Point) -> None:
        """Leave out of the program, before it is cut, rows that a solution covers by far, or leaves out by far.

        They keep their prices: what is proved holds for all rows, and cuts seldom change their minds.
        """
        r, m = self.claim.small, len(self.claim.sites)
        covered = sparse.csr_array(self.rows[:r, :m]) @ point.values[:m]
        far = np.zeros(len(self.least), np.bool_)
        far[:r] = np.abs(covered - self.least[:r]) > _FAR
        self._kept, self._fixed = np.flatnonzero(~far), np.where(far, point.price, 0.0)
        self._solver = Relaxation(self._program(), interior=self._interior)

    def _priced(self, price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prices of all rows, of those of the program."""
        found = np.append(self._fixed, np.zeros(len(self.halves)))
        found[self._kept] += price
        return found

    def solve(
        self, within: tuple[NDArray[np.float64], NDArray[np.float64]], wanted: float, allowance: Allowance
    ) -> Point | None:
        """Return what is lost at the least within bounds of the columns; None where the solver does not say."""
        self._solver.bound_columns(*within)
        answer = self._solver.solve(allowance, self._inside if self._interior else _ITERATION)
        turned = sparse.csr_array(self.rows.T)
        if answer.infeasible:
            return self._never(within, turned, wanted)
        if answer.duals is None or answer.values is None:
            return None
        price = self._priced(np.maximum(answer.duals, 0.0) * self._scale[self._kept] * self._unit)
        loss = priced(self.claim, (turned, self.least), price, within)
        return Point(loss=rounded(self.claim, loss), price=price, values=answer.values)

    @property
    def work(self) -> float:
        """What a solution by the interior-point method takes, more or less."""
        return _MOST_ITERATIONS * self._inside * self._size

    @property
    def _size(self) -> int:
        return int(self.rows.nnz + sum(self.rows.shape))

    @property
    def _inside(self) -> float:
        """What an iteration of that method takes for every entry, row and column.

        It factors who shares a column or who shares a row, whichever is less.
        """
        people = np.r_[: self.claim.small, len(self.claim.least) : len(self.least)]
        sites = sparse.csr_array(self.rows[people, : len(self.claim.sites)])
        shared = min(_shared(sites), _shared(sparse.csr_array(sites.T)))
        work = _ENTRY * self.rows.nnz + _LINE * sum(self.rows.shape) ** _POWER + _FACTOR * shared**_POWER
        return float(work / self._size)

    def _never(
        self, within: tuple[NDArray[np.float64], NDArray[np.float64]], turned: sparse.csr_array, wanted: float
    ) -> Point | None:
        """Return prices that no solution within the bounds pays, so high that they prove what is wanted."""
        ray = self._solver.ray()
        free = replace(self.claim, loss=np.zeros(len(self.claim.loss)))
        if ray is None:
            return None
        for turn in (1.0, -1.0):
            price = np.zeros(len(self.least))
            price[self._kept] = np.maximum(ray * turn, 0.0) * self._scale[self._kept]
            beyond = priced(free, (turned, self.least), price, within)
            if beyond > _LOOSE * max(float(price @ np.abs(self.least)), 1e-300):
                price *= (max(wanted, 0.0) + 1.0) * 2.0 / beyond
                loss = priced(self.claim, (turned, self.least), price, within)
                return Point(loss=rounded(self.claim, loss), price=price, values=within[1])
        return None

    def cut(self, point: Point, allowance: Allowance) -> bool:
        """Add halves that a point does not keep to; return whether there are any."""
        r, size = len(self.claim.least), len(self.least)
        among = self._kept[(self._kept < self.claim.small) | (self._kept >= r)]
        most = max(_MANY, r // _EACH)
        lines = find_halves(self.claim, (self.rows, self.least), point.values, among, most, allowance)
        if not len(lines):
            return False
        shape = (len(lines), len(self.least))
        more, least = half_of(
            sparse.csr_array((np.ones(len(lines.item)), lines.item, lines.start), shape=shape), self.rows, self.least
        )
        self._solver.add_rows(more, least)
        self._kept = np.append(self._kept, np.arange(size, size + len(lines)))
        self.rows, self.least = stacked(self.rows, self.least, more, least)
        self._scale = np.append(self._scale, np.ones(len(least)))
        start = np.concatenate([self.halves.start, self.halves.start[-1] + lines.start[1:]])
        self.halves = Pairs(start=start, item=np.concatenate([self.halves.item, lines.item]))
        return True


def _shared(rows: sparse.csr_array) -> float:
    """Return how many pairs of rows share a column, more or less."""
    size = rows.shape[0]
    looked = rows[np.unique(np.linspace(0, size - 1, min(_SAMPLE, size)).astype(np.intp))]
    return size * float((looked @ rows.T).nnz) / max(looked.shape[0], 1)


class Cutting:
    """Rounds of halves that go on where they were left.

    Parameters
    ----------
    claim
        About people, with no claim of its own: `wanted` is what the plan in hand loses.
    """

    def __init__(self, claim: Claim) -> None:
        """Begin with no halves."""
        self._program = ClaimBound(claim, interior=True)
        self.claim = claim
        self.best: Point | None = None
        self.tree: Tree | None = None
        self.ended = False

    def run(self, allowance: Allowance, share: float, wanted: float) -> None:
        """Cut until the loss is what is wanted, nothing more is found, or a share of the allowance's size is spent.

        The last solution may take as much again. None is begun that would take more: nothing is known of one that is
        cut short.
        """
        most = share * allowance.size
        end = allowance.did + most
        while not (allowance.up or self.ended or allowance.did >= end or self.work > 2 * most):
            self.step(allowance, wanted)

    @property
    def work(self) -> float:
        """What the next solution takes, more or less."""
        return self._program.work

    def step(self, allowance: Allowance, wanted: float) -> None:
        """Solve and cut once more."""
        point = self._program.solve((np.zeros(len(self.claim.loss)), self.claim.upper), wanted, allowance)
        if point is None:
            self.ended = True
            return
        if self.best is None or point.loss > self.best.loss:
            self.best = point
            self.tree = Tree(split=np.array([-1], dtype=np.int32), price=point.price[None], halves=self._program.halves)
        if not len(self._program.halves) and len(self.claim.least) > _MANY_ROWS:
            self._program.fix(point)
        self.ended = point.loss >= wanted or not self._program.cut(point, allowance)

    @property
    def sites(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """How far each site opens, and by how much more is lost at the least when it has to open, or stay closed."""
        m = len(self.claim.sites)
        if self.best is None:
            return np.zeros(m), np.zeros(m), np.zeros(m)
        turned = sparse.csr_array(self._program.rows[: len(self.best.price)].T)
        left = (self.claim.loss - turned @ self.best.price)[:m]
        return self.best.values[:m], np.maximum(left, 0.0), np.maximum(-left, 0.0)

    @property
    def value(self) -> float:
        """What is lost at the least."""
        return -math.inf if self.best is None else self.best.loss
