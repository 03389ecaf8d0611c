"""`Median`: what is left to choose of a p-median, the pairs that some plan can use, as the kernels read them."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numba as nb
import numpy as np
from scipy import sparse

from accessibility.siting.limits import affordable
from accessibility.siting.problem import WHOLE_LIMIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.limits import Limits, Terms
    from accessibility.siting.problem import Problem

NUMBER, BUDGET, PACKS = 0, 1, 2
"""Places in `Room.left`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """Pairs of sites and rows, each with a value: people times cost.

    Parameters
    ----------
    by_site
        ``(m + 1,)`` int64 starts, ``(k,)`` int32 row and ``(k,)`` value of the pairs of each site.
    by_row
        ``(r + 1,)`` int64 starts, ``(k,)`` int32 site and ``(k,)`` value of the pairs of each row, ascending in value,
        then in site.
    base
        ``(r,)`` value of each row without any of these sites; infinite where nothing else serves it.
    weighed
        As `by_site`: the pairs that are read to weigh a swap, all or the nearest of each row.
    """

    by_site: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]
    by_row: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]
    base: NDArray[np.float64]
    weighed: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]

    @classmethod
    def of(
        cls,
        site: NDArray[np.intp],
        row: NDArray[np.intp],
        value: NDArray[np.float64],
        base: NDArray[np.float64],
        m: int,
    ) -> Values:
        """Return the values of pairs that are listed by site, rows ascending within each."""
        by_site = (_starts(site, m), row.astype(np.int32), value)
        by_row = (_starts(row, len(base)), *_turned(*by_site, len(base)))
        return cls(by_site=by_site, by_row=by_row, base=base, weighed=by_site)

    @property
    def lowest(self) -> NDArray[np.float64]:
        """``(r,)`` the least value that each row can have."""
        start, _, value = self.by_row
        least: NDArray[np.float64] = np.minimum(value[start[:-1]], self.base)
        return least

    def penalised(self, factor: float) -> Values:
        """Return the same pairs, where a row that nothing else serves has a base all the same, above all its values."""
        bare = np.isinf(self.base)
        if not bare.any():
            return self
        start, _, value = self.by_row
        dearest = value[start[1:] - 1] + max(float(value.mean()), 1.0)
        return replace(self, base=np.where(bare, factor * dearest, self.base))

    def nearer(self, rank: int) -> Values:
        """Return the same pairs, of which the first `rank` of each row are weighed."""
        row_start, _, row_value = self.by_row
        start, row, value = self.by_site
        last = np.minimum(row_start[:-1] + rank, row_start[1:]) - 1
        keep = value <= row_value[last][row]
        site = np.repeat(np.arange(len(start) - 1), np.diff(start))[keep]
        return replace(self, weighed=(_starts(site, len(start) - 1), row[keep], value[keep]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Room:
    """What a set of sites has to keep to.

    Parameters
    ----------
    cost
        ``(m,)`` of each site.
    pack_start, pack
        ``(m + 1,)`` int64 and int32: the packs that each site stands in, as places in `left`.
    left
        ``(2 + g,)`` how many sites may open, what they may cost, and how many of each pack.
    """

    cost: NDArray[np.float64]
    pack_start: NDArray[np.int64]
    pack: NDArray[np.int32]
    left: NDArray[np.float64]

    @classmethod
    def of(cls, problem: Problem, limits: Limits, terms: Terms, columns: NDArray[np.intp]) -> Room:
        """Return the room that the required sites leave to those in `columns`."""
        cost = problem.site_cost
        number = len(columns) if limits.sites is None else limits.sites - len(terms.required)
        budget = math.inf if limits.budget is None else affordable(limits.budget) - cost[terms.required].sum()
        place = np.full(len(problem.open), -1, np.intp)
        place[columns] = np.arange(len(columns))
        members = [place[pack.rows] for pack in terms.packs]
        members = [there[there >= 0] for there in members]
        site = np.concatenate([*members, np.empty(0, np.intp)])
        pack = np.repeat(np.arange(len(members)), [len(there) for there in members])
        order = np.lexsort((pack, site))
        used = [int(np.isin(pack.rows, terms.required).sum()) for pack in terms.packs]
        return cls(
            cost=cost[columns],
            pack_start=_starts(site, len(columns)),
            pack=(pack[order] + PACKS).astype(np.int32),
            left=np.array([number, budget, *(p.room - u for p, u in zip(terms.packs, used, strict=True))], np.float64),
        )

    @property
    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int32]]:
        """All but what is left, which changes while a set is built."""
        return self.cost, self.pack_start, self.pack

    @cached_property
    def only_number(self) -> bool:
        """Whether the number of sites is the only limit."""
        return not len(self.pack) and bool(self.cost.sum() <= self.left[BUDGET])

    @cached_property
    def rows(self) -> sparse.csr_array:
        """``(2 + g, m)`` matrix whose product with a set of sites is at most `left`."""
        m = len(self.cost)
        site = np.repeat(np.arange(m), np.diff(self.pack_start))
        packs = sparse.csr_array((np.ones(len(site)), (self.pack, site)), shape=(len(self.left), m))
        first = sparse.csr_array(np.stack([np.ones(m), self.cost]))
        return sparse.csr_array(sparse.vstack([first, packs[PACKS:]]))

    def admits(self, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return ``(m,)`` which sites there is room for beside a set of sites that keeps to the limits."""
        left = self.left - self.rows @ inside.astype(np.float64)
        full = np.flatnonzero(left[PACKS:] < 1) + PACKS
        packed = np.asarray(self.rows[full].sum(axis=0)).ravel() > 0
        found: NDArray[np.bool_] = (self.cost <= left[BUDGET]) & ~packed & (left[NUMBER] >= 1)
        return found

    def holds(self, inside: NDArray[np.bool_]) -> bool:
        """Return whether a set of sites keeps to every limit."""
        return bool((self.rows @ inside.astype(np.float64) <= self.left * (1 + sys.float_info.epsilon)).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Median:
    """A p-median without what cannot matter.

    Parameters
    ----------
    rows
        ``(r,)`` demand rows that some site which may open would serve at less than what they cost anyway.
    columns
        ``(m,)`` rows of those sites, in the order of ids.
    values, room
        Pairs between them, rows and sites numbered by their place above, and the limits on the sites.
    base
        ``(n,)`` people times cost of every demand row to what counts anyway; infinite where nothing does.
    whole
        Whether people times cost are whole numbers.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    values: Values
    room: Room
    base: NDArray[np.float64]
    whole: bool

    @property
    def fixed(self) -> float:
        """People times cost of all other rows."""
        other = np.ones(len(self.base), np.bool_)
        other[self.rows] = False
        return float(self.base[other].sum())


def read_median(problem: Problem, limits: Limits, terms: Terms) -> Median:
    """Return the p-median of a problem; its required sites count as open."""
    kept = problem.open.copy()
    kept[terms.required] = True
    nearest = problem.nearest_cost(kept)
    served = np.isfinite(nearest)
    saves = problem.cost < nearest[problem.demand]
    saves &= ((problem.people > 0) | ~served)[problem.demand]
    saves &= terms.allowed[problem.pair_site]
    columns = np.flatnonzero(np.bincount(problem.pair_site[saves], minlength=len(problem.open)))
    columns = columns[np.argsort(problem.rank[columns])]
    pairs = [np.arange(problem.start[site], problem.start[site + 1]) for site in columns]
    chosen = np.concatenate([*pairs, np.empty(0, np.int64)])
    site = np.repeat(np.arange(len(columns)), [len(of) for of in pairs])
    site, chosen = site[saves[chosen]], chosen[saves[chosen]]
    rows = np.flatnonzero(np.bincount(problem.demand[chosen], minlength=len(nearest)))
    place = np.empty(len(nearest), np.intp)
    place[rows] = np.arange(len(rows))
    row = place[problem.demand[chosen]]
    base = nearest.copy()
    base[served] *= problem.people[served]
    value = problem.people[problem.demand[chosen]] * problem.cost[chosen]
    return Median(
        rows=rows,
        columns=columns,
        values=Values.of(site, row, value, base[rows], len(columns)),
        room=Room.of(problem, limits, terms, columns),
        base=base,
        whole=is_whole(problem),
    )


@nb.njit(cache=True, nogil=True)
def _turned(start, row, value, r):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return site and value of the same pairs by row, ascending in value, then in site."""
    begin = np.zeros(r + 1, np.int64)
    for k in range(row.size):
        begin[row[k] + 1] += 1
    begin = np.cumsum(begin)
    at = begin[:-1].copy()
    site, worth = np.empty(row.size, np.int32), np.empty(row.size)
    for j in range(start.size - 1):
        for k in range(start[j], start[j + 1]):
            site[at[row[k]]], worth[at[row[k]]] = j, value[k]
            at[row[k]] += 1
    for i in range(r):
        order = np.argsort(worth[begin[i] : begin[i + 1]], kind="mergesort")
        site[begin[i] : begin[i + 1]] = site[begin[i] : begin[i + 1]][order]
        worth[begin[i] : begin[i + 1]] = worth[begin[i] : begin[i + 1]][order]
    return site, worth


def is_whole(problem: Problem) -> bool:
    """Return whether people and costs are whole numbers: then so is every sum of people times cost."""
    if not problem.whole or not (problem.cost == np.floor(problem.cost)).all():
        return False
    return problem.population * float(problem.cost.max(initial=0.0)) < WHOLE_LIMIT


def next_whole(bound: float) -> float:
    """Return the least whole number that is not below a bound, but for rounding."""
    return float(math.ceil(bound - max(abs(bound), 1.0) * 1e-11)) if math.isfinite(bound) else bound


def _starts(of: NDArray[np.intp], count: int) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.bincount(of, minlength=count))]).astype(np.int64)
