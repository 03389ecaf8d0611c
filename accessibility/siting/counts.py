"""How often people are covered, by what counts anyway, may open or may close; whether rows can all be served."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.siting.exact import Effort, Program, solve_within
from accessibility.siting.limits import Limits, Terms, district_people, money_left, read_terms
from accessibility.siting.medians import BUDGET, NUMBER, Room
from accessibility.siting.numbers import solver_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.effort import Allowance
    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem


_SEED = 20_240_229
_AT_ONCE = 200
_ANY = 1e9  # a gap that the first plan meets
_A_TRIFLE = 1e-5
_HALF = 0.5  # whole numbers, but for the solver's tolerance


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """Rows and the sites that can serve each, rows of the same sites merged."""

    matrix: sparse.csr_array  # (r, m) CSR, one entry a site that can serve the row
    group: NDArray[np.intp]  # (n,) place in `matrix` of each of the rows asked about

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
    """An answer."""

    chosen: NDArray[np.bool_] | None  # (m,) sites that serve every row; None where none were found.
    impossible: bool  # whether it is proven that there are none


def find_cover(reach: Reach, room: Room, allowance: Allowance, *, cheapest: bool = True) -> Cover:
    """Return sites that serve every row, if there are any within the room.

    Rows that are hard to serve are asked about first; whatever serves a few rows of all is not dearer than what serves
    them all, and what cannot serve a few cannot serve all.

    Parameters
    ----------
    reach, room
        Rows and the sites that can serve each, and the limits on the sites.
    allowance
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
        effort = Effort(allowance=allowance, gap=0.0 if cheapest else _ANY)
        answer = solve_within(_cheapest(matrix[np.flatnonzero(asked)], room), effort, room.budget)
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


def serve_most(
    reach: Reach, people: NDArray[np.float64], room: Room, allowance: Allowance
) -> tuple[NDArray[np.bool_], float]:
    """Return sites that serve as many people as possible, and how many nobody can serve more than.

    Parameters
    ----------
    reach
        Rows and the sites that can serve each.
    people
        ``(n,)`` people of each of the rows asked about.
    room, allowance
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
    answer = solve_within(program, Effort(allowance=allowance), room.budget)
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


TWICE = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Rows of people whom the same sites cover, and the columns, sites, that cover them."""

    columns: NDArray[np.intp]  # (m,) sites, in the order of ids
    room: Room  # the limits on them
    matrix: sparse.csr_array  # (r, m) CSR, one entry a site that covers the row
    weight: NDArray[np.float64]  # (r,) people of each row, in whole units
    before: NDArray[np.int64]  # (r,) how many sites cover the row anyway, 2 for two or more
    # (f, r) CSR, the people of each row in each district that has a floor, and (f,) how many of them have to be covered
    needs: tuple[sparse.csr_array, NDArray[np.float64]]
    row: NDArray[np.intp]  # (n,) row of each demand point; -1 of one without people

    @cached_property
    def unit(self) -> float:
        """How many units of people make one in a solver's program."""
        return solver_unit(float(self.weight.sum()))

    def counted(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return ``(r,)`` how many sites cover each row when the chosen open."""
        found: NDArray[np.int64] = self.before + np.rint(self.matrix @ chosen.astype(np.float64)).astype(np.int64)
        return found

    def people(self, chosen: NDArray[np.bool_], times: int = 1) -> float:
        """Return how many people are covered so many times when the chosen open."""
        return float(self.weight[self.counted(chosen) >= times].sum())

    def shortage(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return ``(f,)`` how many people each floor lacks when the chosen open."""
        people, wanted = self.needs
        short: NDArray[np.float64] = np.maximum(wanted - people @ (self.counted(chosen) > 0).astype(np.float64), 0.0)
        return short

    def brought(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``(m,)`` how many people each site would newly cover, and newly cover twice, beside the chosen."""
        counted = self.counted(chosen)
        once = self.matrix.T @ np.where(counted == 0, self.weight, 0.0)
        return once, self.matrix.T @ np.where(counted == 1, self.weight, 0.0)

    def ceiling(self, times: int) -> float:
        """Return how many people are covered so many times when everything opens."""
        return self.people(np.ones(len(self.columns), np.bool_), times)

    def links(self) -> tuple[NDArray[np.intp], sparse.csr_array]:
        """Return the rows that may come to be covered, and the sites that could do it."""
        new = np.flatnonzero((self.before == 0) & (np.diff(self.matrix.indptr) > 0))
        return new, sparse.csr_array(self.matrix[new])

    def lacking(self, new: NDArray[np.intp]) -> tuple[sparse.csr_array, NDArray[np.float64]]:
        """Return the people of the rows in `new` by floor, and how many of them each floor lacks, for a solver."""
        people, wanted = self.needs
        lacking = wanted - people @ (self.before > 0).astype(np.float64)
        return sparse.csr_array(people[:, new] / self.unit), lacking / self.unit


def read_counts(
    problem: Problem, limits: Limits, terms: Terms, columns: NDArray[np.intp], anyway: NDArray[np.bool_]
) -> Counts:
    """Return the counts of a problem.

    Parameters
    ----------
    problem, limits, terms
        The question.
    columns
        Sites that are not decided yet.
    anyway
        ``(s,)`` sites that count whatever is decided.
    """
    columns = columns[np.argsort(problem.rank[columns])]
    place, row = np.full(len(problem.open), -1, np.intp), np.full(len(problem.people), -1, np.intp)
    place[columns] = np.arange(len(columns))
    peopled = np.flatnonzero(problem.people > 0)
    row[peopled] = np.arange(len(peopled))
    covers = problem.within & (row[problem.demand] >= 0)
    fixed, free = covers & anyway[problem.pair_site], covers & (place[problem.pair_site] >= 0)
    before = np.minimum(np.bincount(row[problem.demand[fixed]], minlength=len(peopled)), TWICE)
    district = problem.district[peopled].astype(np.int64) if terms.floor_people else np.zeros(len(peopled), np.int64)
    shape = (len(peopled), len(columns))
    pairs = (row[problem.demand[free]], place[problem.pair_site[free]])
    reach = Reach.of(*pairs, shape, label=district * (TWICE + 1) + before)
    r = reach.matrix.shape[0]
    people = problem.people_units.whole[peopled]
    weight: NDArray[np.float64] = np.bincount(reach.group, weights=people, minlength=r).astype(float)
    first = np.zeros(r, np.intp)
    first[reach.group[::-1]] = np.arange(len(peopled))[::-1]
    row[peopled] = reach.group
    return Counts(
        columns=columns,
        room=Room.of(problem, limits, terms, columns),
        matrix=reach.matrix,
        weight=weight,
        before=before[first],
        needs=_needs(problem, terms, weight, district[first] if r else np.empty(0, np.int64)),
        row=row,
    )


def _needs(
    problem: Problem, terms: Terms, weight: NDArray[np.float64], district: NDArray[np.int64]
) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return people by floor and row, and how many each floor wants, in whole units."""
    names, lines = list(district_people(problem)), []
    for name in terms.floor_people:
        inside = district == names.index(name) if problem.districts else np.ones(len(weight), np.bool_)
        lines.append(sparse.csr_array(np.where(inside, weight, 0.0)[None]))
    wanted = np.array([problem.people_units.least(people) for people in terms.floor_people.values()], np.float64)
    empty = sparse.csr_array((0, len(weight)))
    return sparse.csr_array(sparse.vstack([empty, *lines])), wanted


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """What may change: candidates that may open, and open sites that may close."""

    counts: Counts  # people and columns, of both sorts; what covers them anyway are required sites
    old: NDArray[np.bool_]  # (m,) which columns are open today
    # limits, most: (k, m) CSR and (k,): the product with what changes is at most that, in whole units
    limits: sparse.csr_array
    most: NDArray[np.float64]

    @property
    def budget(self) -> tuple[NDArray[np.float64], float]:
        """What each change costs, below 0 where a site closes, and what all may cost."""
        return self.limits[[BUDGET]].toarray().ravel(), float(self.most[BUDGET])

    def after(self, changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return ``(m,)`` which columns count once some have changed."""
        return changed ^ self.old

    def people(self, changed: NDArray[np.bool_]) -> float:
        """Return how many people are covered once some columns have changed."""
        return self.counts.people(self.after(changed))

    def holds(self, changed: NDArray[np.bool_]) -> bool:
        """Return whether a change keeps to the limits, floors aside."""
        return bool((self.limits @ changed.astype(np.float64) <= self.most).all())

    def fits(self, changed: NDArray[np.bool_]) -> bool:
        """Return whether a change keeps to the limits and the floors."""
        return self.holds(changed) and not self.counts.shortage(self.after(changed)).any()

    @property
    def anyway(self) -> float:
        """How many people are covered whatever changes."""
        return float(self.counts.weight[self.counts.before > 0].sum())

    def flips(self, problem: Problem, plan: SitingPlan) -> NDArray[np.bool_] | None:
        """Return a plan that closes nothing as changes; None where it does not keep to limits and floors."""
        changed = np.isin(self.counts.columns, problem.rows(plan.selected))
        return changed if plan.status != "infeasible" and self.fits(changed) else None


def read_moves(problem: Problem, limits: Limits, most: int) -> tuple[Moves, Terms]:
    """Return what may change, and the terms of it."""
    stays = np.zeros(len(problem.open), np.bool_)
    stays[problem.rows(limits.conditions.required)] = True
    closable = problem.open & ~stays
    units = problem.cost_units
    saved = int(np.sort(units.whole[closable])[::-1][:most].sum())
    budget = None if limits.budget is None else units.amount(units.most(limits.budget) + saved)
    emptied = replace(problem, open=problem.open & stays, candidate=problem.candidate)
    wider = Limits(sites=limits.sites, budget=budget, conditions=limits.conditions)
    terms = read_terms(emptied, wider)
    anyway = emptied.open.copy()
    anyway[terms.required] = True
    counts = read_counts(emptied, wider, terms, np.flatnonzero(terms.allowed | closable), anyway)
    old = closable[counts.columns]
    rows = counts.room.rows.tolil()
    rows[NUMBER, np.flatnonzero(old)] = 0.0
    rows[BUDGET, np.flatnonzero(old)] = -counts.room.cost[old]
    left = counts.room.left.copy()
    if limits.budget is not None:
        left[BUDGET] = float(money_left(problem, limits, terms.required))
    left[NUMBER] = (limits.sites - len(terms.required)) if limits.sites is not None else len(old)
    beside, room = _beside(problem, limits.conditions, counts.columns, terms.required)
    everything = sparse.csr_array(sparse.vstack([rows.tocsr(), sparse.csr_array(old.astype(np.float64)[None]), beside]))
    above = np.concatenate([left, [float(most)], room])
    return Moves(counts=counts, old=old, limits=everything, most=above), terms


def _beside(
    problem: Problem, asked: Conditions, columns: NDArray[np.intp], required: NDArray[np.intp]
) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return a limit for each candidate that opens only where an open site closes that excludes it."""
    place = {row: k for k, row in enumerate(columns.tolist())}
    lines, room = [], []
    for pair in asked.exclusive:
        rows = problem.rows(pair).tolist()
        for one, other in (rows, rows[::-1]):
            opens = place.get(other, -1)
            if problem.open[one] and one in place and not problem.open[other] and (opens >= 0 or other in required):
                line = np.zeros(len(columns))
                line[place[one]] = -1.0
                if opens >= 0:
                    line[opens] = 1.0
                lines.append(line)
                room.append(0.0 if opens >= 0 else -1.0)
    return sparse.csr_array(np.array(lines).reshape(len(lines), len(columns))), np.array(room)
