"""`Counts`: how often people are covered, by what counts anyway and by what may open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.siting.covers import Reach
from accessibility.siting.limits import district_people
from accessibility.siting.medians import Room
from accessibility.siting.numbers import solver_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.limits import Limits, Terms
    from accessibility.siting.problem import Problem

TWICE = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Rows of people whom the same sites cover, and the columns, sites, that cover them.

    Parameters
    ----------
    columns
        ``(m,)`` sites, in the order of ids.
    room
        The limits on them.
    matrix
        ``(r, m)`` CSR, one entry a site that covers the row.
    weight
        ``(r,)`` people of each row, in whole units.
    before
        ``(r,)`` how many sites cover the row anyway, 2 for two or more.
    needs
        ``(f, r)`` CSR, the people of each row in each district that has a floor, and ``(f,)`` how many of them have to
        be covered.
    row
        ``(n,)`` row of each demand point; -1 of one without people.
    """

    columns: NDArray[np.intp]
    room: Room
    matrix: sparse.csr_array
    weight: NDArray[np.float64]
    before: NDArray[np.int64]
    needs: tuple[sparse.csr_array, NDArray[np.float64]]
    row: NDArray[np.intp]

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
