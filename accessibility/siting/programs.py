"""A covering as a mixed-integer program: as arrays, in the order rows, columns, extras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from accessibility.siting.exact import INFINITE, Program
from accessibility.siting.numbers import HALF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """What every program of a covering has: which rows are variables, and the constraints that are always there.

    A row that a single column covers is no variable: its people are counted with the column.
    """

    shared: NDArray[np.intp]  # rows that several columns cover
    links: sparse.csr_array  # (shared, shared + c): nobody is covered unless a column is open
    limits: sparse.csr_array  # (l, c) packs, number of sites and budget, those that bind
    room: NDArray[np.float64]  # (l,) their right-hand sides
    people: sparse.csr_array  # (d, shared + c) people by district that a variable covers


def frame_covering(covering: Covering, slack: float = HALF) -> Frame:
    """Return what every program of the covering has; a budget is met with a slack of less than a unit."""
    c, d = len(covering.site), len(covering.need)
    lengths = covering.rows.lengths
    shared, single = np.flatnonzero(lengths > 1), np.flatnonzero(lengths == 1)
    weight = covering.weight / covering.solver_weight
    k = len(shared)
    cover = covering.rows.take(shared)
    item = np.insert(cover.item + k, cover.start[:-1], np.arange(k))
    value, start = np.full(len(item), -1.0), cover.start + np.arange(k + 1)
    value[start[:-1]] = 1.0
    limits, room = _limits(covering, slack)
    counted = np.concatenate([shared, single])
    place = covering.district[counted], np.concatenate([np.arange(k), k + covering.rows.of(single)])
    return Frame(
        shared=shared,
        links=sparse.csr_array((value, item, start), shape=(k, k + c)),
        limits=limits,
        room=room,
        people=sparse.coo_array((weight[counted], place), shape=(d, k + c)).tocsr(),  # those of one place summed
    )


def _limits(covering: Covering, slack: float) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    c, m = len(covering.site), len(covering.room)
    packs = covering.packs
    lines = [sparse.csr_array((np.ones(len(packs.item)), (packs.item, packs.line)), shape=(m, c))]
    room = [covering.room.astype(np.float64)]
    if covering.counts:
        lines.append(sparse.csr_array(np.ones((1, c))))
        room.append(np.array([float(covering.most)]))
    if covering.spends:
        lines.append(sparse.csr_array(covering.cost[None, :] / covering.solver_cost))
        room.append(np.array([(covering.budget + slack) / covering.solver_cost]))
    return sparse.vstack(lines, format="csr"), np.concatenate(room)


def cover_most(covering: Covering) -> Program:
    """Return the program that covers most people within the limits and floors, `base` included.

    Here and below people and costs are counted in `Covering.solver_weight` and `solver_cost`.
    """
    frame = frame_covering(covering)
    floors = np.flatnonzero(covering.need > 0)
    need = np.asarray((covering.need[floors] - HALF) / covering.solver_weight, dtype=np.float64)
    return _program(
        covering,
        frame,
        objective=np.asarray(frame.people.sum(axis=0), dtype=np.float64).ravel(),
        extra=sparse.csr_array(frame.people[floors]),
        extra_lower=need,
        offset=covering.base / covering.solver_weight,
    )


def fall_short_least(covering: Covering) -> Program:
    """Return the program that stays below the floors by the fewest people; its last columns are these, by district."""
    frame = frame_covering(covering)
    floors = np.flatnonzero(covering.need > 0)
    k = len(floors)
    lines = sparse.hstack([frame.people[floors], sparse.eye_array(k, format="csr")], format="csr")
    wide = frame.links.shape[1]
    return _program(
        covering,
        frame,
        objective=np.concatenate([np.zeros(wide), np.ones(k)]),
        extra=sparse.csr_array(lines),
        extra_lower=covering.need[floors] / covering.solver_weight,
        maximise=False,
    )


def raise_least_share(
    covering: Covering, population: NDArray[np.int64], there: NDArray[np.int64], *, slack: float = HALF
) -> Program:
    """Return the program that raises the least covered share of a district; its last column is that share.

    Shares are counted in people of the largest district, so that the solver's tolerances are parts of one person.

    Parameters
    ----------
    covering
        The question; its floors are ignored.
    population, there
        ``(d,)`` weight of each district, and of those covered before anything of this covering opens. Districts of 0
        do not count.
    slack
        Of a budget; none where the program is solved in parts of sites.
    """
    frame = frame_covering(covering, slack)
    counted = np.flatnonzero(population > 0)
    scale = population.max() / population[counted]
    share = sparse.csr_array(np.full((len(counted), 1), -1.0))
    lines = sparse.hstack([sparse.diags_array(scale) @ frame.people[counted], share], format="csr")
    return _program(
        covering,
        frame,
        objective=np.concatenate([np.zeros(frame.links.shape[1]), [1.0]]),
        extra=sparse.csr_array(lines),
        extra_lower=-scale * there[counted] / covering.solver_weight,
    )


def raise_worst(covering: Covering, there: NDArray[np.int64], several: int) -> Program:
    """Return the program that raises the mean of the `several` least weights covered in a district, all being alike.

    Of its last columns the first is a weight, the others by how much each district is short of it: the weight less the
    mean shortage, over `several`, is that mean where the weight is the greatest of the least (Rockafellar and Uryasev).

    Parameters
    ----------
    covering
        The question; its floors are ignored.
    there
        ``(d,)`` weight of each district that is covered before anything of this covering opens.
    several
        How many districts are the least.
    """
    frame, count = frame_covering(covering), len(there)
    edge = sparse.csr_array(np.full((count, 1), -1.0))
    lines = sparse.hstack([frame.people[:count], edge, sparse.eye_array(count, format="csr")], format="csr")
    return _program(
        covering,
        frame,
        objective=np.concatenate([np.zeros(frame.links.shape[1]), [1.0], np.full(count, -1.0 / several)]),
        extra=sparse.csr_array(lines),
        extra_lower=-there / covering.solver_weight,
    )


def reach_people(covering: Covering, reach: int) -> Program:
    """Return the program of least cost that covers a weight of at least `reach` beside `base`, and meets the floors."""
    frame = frame_covering(covering)
    floors = np.flatnonzero(covering.need > 0)
    everywhere = sparse.csr_array(np.asarray(frame.people.sum(axis=0)).reshape(1, -1))
    cost = covering.cost / covering.solver_cost
    return _program(
        covering,
        frame,
        objective=np.concatenate([np.zeros(len(frame.shared)), cost]),
        extra=sparse.vstack([everywhere, frame.people[floors]], format="csr"),
        extra_lower=(np.concatenate([[float(reach)], covering.need[floors]]) - HALF) / covering.solver_weight,
        maximise=False,
        offset=covering.spent / covering.solver_cost,
    )


def cover_every_row(covering: Covering) -> Program:
    """Return the program of least cost that covers every row; its columns are those of the covering alone."""
    rows, c = covering.rows, len(covering.site)
    cover = sparse.csr_array((np.ones(len(rows.item)), rows.item, rows.start), shape=(len(rows), c))
    limits, room = _limits(covering, HALF)
    return Program(
        objective=covering.cost / covering.solver_cost,
        lower=np.zeros(c),
        upper=np.ones(c),
        integer=np.ones(c, np.bool_),
        rows=sparse.vstack([cover, limits], format="csr"),
        row_lower=np.concatenate([np.ones(len(rows)), np.full(len(room), -INFINITE)]),
        row_upper=np.concatenate([np.full(len(rows), INFINITE), room]),
        maximise=False,
        offset=covering.spent / covering.solver_cost,
    )


def solution_of(covering: Covering, program: Program, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a plan as values of the program's rows and columns; extras are left 0."""
    values = np.zeros(len(program.objective))
    shared = covering.rows.lengths > 1
    at = int(shared.sum()) if len(values) > len(chosen) else 0
    if at:
        values[:at] = covering.covered(chosen)[shared]
    values[at : at + len(chosen)] = chosen
    return values


def columns_of(covering: Covering, program: Program, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the columns that a solution of the program opens."""
    c = len(covering.site)
    at = int((covering.rows.lengths > 1).sum()) if len(program.objective) > c else 0
    return np.asarray(values[at : at + c] > 0.5)  # noqa: PLR2004 -- whole but for the solver's tolerance


def _program(
    covering: Covering,
    frame: Frame,
    *,
    objective: NDArray[np.float64],
    extra: sparse.csr_array,
    extra_lower: NDArray[np.float64],
    **how: Any,
) -> Program:
    """Return a program of links, limits and extra rows; columns beyond rows and candidates are continuous."""
    wide, c, k = len(objective), len(covering.site), len(frame.shared)
    beyond = wide - k - c
    links, limits = _placed(frame.links, 0, wide), _placed(frame.limits, k, wide)
    upper = np.concatenate([np.ones(k + c), np.full(beyond, INFINITE)])
    return Program(
        objective=objective,
        lower=np.zeros(wide),
        upper=upper,
        integer=(np.arange(wide) >= k) & (np.arange(wide) < k + c),
        rows=sparse.vstack([links, limits, extra], format="csr"),
        row_lower=np.concatenate([np.full(k + len(frame.room), -INFINITE), extra_lower]),
        row_upper=np.concatenate([np.zeros(k), frame.room, np.full(len(extra_lower), INFINITE)]),
        **how,
    )


def _placed(matrix: sparse.csr_array, at: int, wide: int) -> sparse.csr_array:
    """Return a matrix with empty columns before and behind its own."""
    return sparse.csr_array((matrix.data, matrix.indices + at, matrix.indptr), shape=(matrix.shape[0], wide))
