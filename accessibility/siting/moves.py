"""`Moves`: what may change in a relocation, candidates that open and open sites that close, and what it keeps to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.siting.counts import Counts, read_counts
from accessibility.siting.limits import Limits, Terms, money_left, read_terms
from accessibility.siting.medians import BUDGET, NUMBER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """What may change: candidates that may open, and open sites that may close.

    Parameters
    ----------
    counts
        People and columns, of both sorts; what covers them anyway are required sites.
    old
        ``(m,)`` which columns are open today.
    limits, most
        ``(k, m)`` CSR and ``(k,)``: the product with what changes is at most that, in whole units.
    """

    counts: Counts
    old: NDArray[np.bool_]
    limits: sparse.csr_array
    most: NDArray[np.float64]

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
