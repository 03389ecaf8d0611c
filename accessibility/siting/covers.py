"""Can these rows all be served within the limits? A set covering question, answered for a few rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.siting.exact import Effort, Program, solve_program
from accessibility.siting.numbers import solver_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.effort import Clock
    from accessibility.siting.medians import Room

_SEED = 20_240_229
_AT_ONCE = 200
_ANY = 1e9  # a gap that the first plan meets
_A_TRIFLE = 1e-5
_HALF = 0.5  # whole numbers, but for the solver's tolerance


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """Rows and the sites that can serve each, rows of the same sites merged.

    Parameters
    ----------
    matrix
        ``(r, m)`` CSR, one entry a site that can serve the row.
    group
        ``(n,)`` place in `matrix` of each of the rows asked about.
    """

    matrix: sparse.csr_array
    group: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        row: NDArray[np.intp],
        site: NDArray[np.intp],
        shape: tuple[int, int],
        label: NDArray[np.int64] | None = None,
    ) -> Reach:
        """Return the reach of a list of pairs; no pair stands twice, and only rows of one label are merged."""
        ones = np.ones(len(row))
        full = sparse.csr_array((ones, (row, site)), shape=shape)
        # Two rows are the same when two sums of random 62-bit numbers, one a site, and the count are.
        numbers = np.random.default_rng(_SEED).integers(2**62, size=(shape[1], 2), dtype=np.int64)
        key = np.zeros((shape[0], 4), np.int64)
        key[:, 3] = 0 if label is None else label
        for k in (0, 1):
            np.add.at(key[:, k], row, numbers[site, k])
        key[:, 2] = np.diff(full.indptr)
        # In the order of these sums, which the order of the rows does not touch.
        _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
        return cls(matrix=sparse.csr_array(full[first]), group=group.reshape(-1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Cover:
    """An answer.

    Parameters
    ----------
    chosen
        ``(m,)`` sites that serve every row; None where none were found.
    impossible
        Whether it is proven that there are none.
    """

    chosen: NDArray[np.bool_] | None
    impossible: bool


def find_cover(reach: Reach, room: Room, clock: Clock, *, cheapest: bool = True) -> Cover:
    """Return sites that serve every row, if there are any within the room.

    Rows that are hard to serve are asked about first; whatever serves a few rows of all is not dearer than what serves
    them all, and what cannot serve a few cannot serve all.

    Parameters
    ----------
    reach, room
        Rows and the sites that can serve each, and the limits on the sites.
    clock
        When to stop.
    cheapest
        Whether the cheapest are asked for, or any will do.
    """
    matrix = reach.matrix
    few = np.diff(matrix.indptr)
    if (few == 0).any():
        return Cover(chosen=None, impossible=True)
    chosen = cover_greedily(reach, room)
    if not matrix.shape[0] or (not cheapest and not _missed(matrix, chosen).size):
        return Cover(chosen=chosen, impossible=False)
    asked = np.zeros(matrix.shape[0], np.bool_)
    asked[np.argsort(few, kind="stable")[:_AT_ONCE]] = True
    while True:
        effort = Effort(clock=clock, gap=0.0 if cheapest else _ANY)
        answer = solve_program(_cheapest(matrix[np.flatnonzero(asked)], room), effort)
        if answer.infeasible or answer.values is None:
            return Cover(chosen=None, impossible=answer.infeasible)
        chosen = answer.values > _HALF
        if not room.holds(chosen):  # over the budget by less than the solver can tell
            return Cover(chosen=None, impossible=False)
        missed = _missed(matrix, chosen)
        if not missed.size:
            return Cover(chosen=chosen, impossible=False)
        asked[missed[np.argsort(few[missed], kind="stable")[:_AT_ONCE]]] = True


def cover_greedily(reach: Reach, room: Room) -> NDArray[np.bool_]:
    """Return the ``(m,)`` sites that serve most rows anew in turn, while one is allowed and serves any."""
    matrix = reach.matrix
    gain = np.asarray(matrix.sum(axis=0)).ravel()
    served, chosen = np.zeros(matrix.shape[0], np.bool_), np.zeros(len(gain), np.bool_)
    columns = sparse.csc_array(matrix)
    while True:
        worth = np.where(room.admits(chosen) & ~chosen, gain, 0.0)
        best = int(worth.argmax()) if len(worth) else 0
        if not len(worth) or worth[best] <= 0:
            return chosen
        chosen[best] = True
        rows = columns.indices[columns.indptr[best] : columns.indptr[best + 1]]
        new = rows[~served[rows]]
        served[new] = True
        gain = gain - np.asarray(matrix[new].sum(axis=0)).ravel()


def serve_most(reach: Reach, people: NDArray[np.float64], room: Room, clock: Clock) -> tuple[NDArray[np.bool_], float]:
    """Return sites that serve as many people as possible, and how many nobody can serve more than.

    Parameters
    ----------
    reach
        Rows and the sites that can serve each.
    people
        ``(n,)`` people of each of the rows asked about.
    room, clock
        Limits, and when to stop.
    """
    r, m = reach.matrix.shape
    weight = np.bincount(reach.group, weights=people, minlength=r)
    # A row without people is worth serving too, but never a person.
    unit = solver_unit(float(weight.sum()))
    worth = (weight + max(float(weight.sum()), 1.0) * 1e-9 / max(r, 1)) / unit
    left = room.solver_left()
    links = sparse.hstack([-reach.matrix, sparse.eye_array(r, format="csr")])
    limits = sparse.hstack([room.solver_rows, sparse.csr_array((len(left), r))])
    program = Program(
        objective=np.concatenate([np.zeros(m), worth]),
        lower=np.zeros(m + r),
        upper=np.ones(m + r),
        integer=np.arange(m + r) < m,
        rows=sparse.csr_array(sparse.vstack([links, limits])),
        row_lower=np.full(r + len(left), -np.inf),
        row_upper=np.concatenate([np.zeros(r), left]),
    )
    answer = solve_program(program, Effort(clock=clock))
    chosen = np.zeros(m, np.bool_) if answer.values is None else answer.values[:m] > _HALF
    return chosen, min(answer.bound * unit, float(weight.sum()))


def _missed(matrix: sparse.csr_array, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(matrix @ chosen.astype(np.float64) == 0)


def _cheapest(rows: sparse.csr_array, room: Room) -> Program:
    left, m = room.solver_left(), len(room.cost)
    cost = room.cost / solver_unit(float(room.cost.sum()))
    return Program(
        # Of plans that cost the same, the one of fewer sites, for all that the solver can tell.
        objective=cost + max(float(cost.mean()) if m else 0.0, 1.0) * _A_TRIFLE,
        lower=np.zeros(m),
        upper=np.ones(m),
        integer=np.ones(m, np.bool_),
        rows=sparse.csr_array(sparse.vstack([rows, room.solver_rows])),
        row_lower=np.concatenate([np.ones(rows.shape[0]), np.full(len(left), -np.inf)]),
        row_upper=np.concatenate([np.full(rows.shape[0], np.inf), left]),
        maximise=False,
    )
