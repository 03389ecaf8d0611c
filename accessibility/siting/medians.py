"""`Median`: what is left to choose of a p-median, the pairs that some plan can use, as the kernels read them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from accessibility.geo.arrays import starts_of
from accessibility.siting.limits import money_left
from accessibility.siting.numbers import HALF, WHOLE_BITS, about_one_million, exact_units, solver_unit
from accessibility.streets.search.compiling import maker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.limits import Limits, Terms
    from accessibility.siting.problem import Problem
    from accessibility.streets.search.compiling import F64, I32, I64

NUMBER, BUDGET, PACKS = 0, 1, 2
"""Places in `Room.left`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RowValues:
    """Pairs of rows and sites, each with a value: people times cost."""

    # (r + 1,) int64 starts, (k,) int32 site and (k,) value of the pairs of each row, one at least, ascending in value,
    # then in site
    by_row: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]
    # (r,) value of each row without any of these sites; infinite where nothing else serves it
    base: NDArray[np.float64]

    @property
    def lowest(self) -> NDArray[np.float64]:
        """``(r,)`` the least value that each row can have."""
        start, _, value = self.by_row
        least: NDArray[np.float64] = np.minimum(value[start[:-1]], self.base)
        return least


@dataclass(frozen=True, kw_only=True, eq=False)
class Values(RowValues):
    """The same pairs, by site as well."""

    # (m + 1,) int64 starts, (k,) int32 row and (k,) value of the pairs of each site
    by_site: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]
    # as `by_site`: the pairs that are read to weigh a swap, all or the nearest of each row
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

    def penalised(self, factor: float) -> Values:
        """Return the same pairs, where a row that nothing else serves has a base all the same, above all its values."""
        bare = np.isinf(self.base)
        if not bare.any():
            return self
        start, _, value = self.by_row
        dearest = value[start[1:] - 1] + (float(value.mean()) or 1.0)
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
    """What a set of sites has to keep to."""

    cost: NDArray[np.float64]  # (m,) of each site, in whole units
    # pack_start, pack: (m + 1,) int64 and int32: the packs that each site stands in, as places in `left`
    pack_start: NDArray[np.int64]
    pack: NDArray[np.int32]
    left: NDArray[np.float64]  # (2 + g,) how many sites may open, what they may cost, and how many of each pack

    @classmethod
    def of(cls, problem: Problem, limits: Limits, terms: Terms, columns: NDArray[np.intp]) -> Room:
        """Return the room that the required sites leave to those in `columns`."""
        number = len(columns) if limits.sites is None else limits.sites - len(terms.required)
        budget = math.inf if limits.budget is None else float(money_left(problem, limits, terms.required))
        place = np.full(len(problem.open), -1, np.intp)
        place[columns] = np.arange(len(columns))
        members = [place[pack.rows] for pack in terms.packs]
        members = [there[there >= 0] for there in members]
        site = np.concatenate([*members, np.empty(0, np.intp)])
        pack = np.repeat(np.arange(len(members)), [len(there) for there in members])
        order = np.lexsort((pack, site))
        used = [int(np.isin(pack.rows, terms.required).sum()) for pack in terms.packs]
        return cls(
            cost=problem.cost_units.whole[columns].astype(np.float64),
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

    @property
    def budget(self) -> tuple[NDArray[np.float64], float]:
        """What each site costs and what all may cost, as a solver's answer is held to it."""
        return self.cost, float(self.left[BUDGET])

    @cached_property
    def rows(self) -> sparse.csr_array:
        """``(2 + g, m)`` matrix whose product with a set of sites is at most `left`."""
        m = len(self.cost)
        site = np.repeat(np.arange(m), np.diff(self.pack_start))
        packs = sparse.csr_array((np.ones(len(site)), (self.pack, site)), shape=(len(self.left), m))
        first = sparse.csr_array(np.stack([np.ones(m), self.cost]))
        return sparse.csr_array(sparse.vstack([first, packs[PACKS:]]))

    @cached_property
    def finite(self) -> NDArray[np.intp]:
        """Places in `left` of the limits there are."""
        return np.flatnonzero(np.isfinite(self.left))

    @cached_property
    def solver_scale(self) -> NDArray[np.float64]:
        """``(f,)`` what a unit of each limit there is makes in a solver's program."""
        return np.where(self.finite == BUDGET, 1.0 / solver_unit(float(self.cost.sum())), 1.0)

    @cached_property
    def solver_rows(self) -> sparse.csr_array:
        """``(f, m)`` the limits there are, as rows of a solver's program."""
        return sparse.csr_array(sparse.diags_array(self.solver_scale) @ self.rows[self.finite])

    def solver_left(self, slack: float = HALF) -> NDArray[np.float64]:
        """Return ``(f,)`` what the product of `solver_rows` and a set of sites is at most.

        A budget has a slack of less than a unit, but where sites open in parts.
        """
        left = (self.left[self.finite] + slack * (self.finite == BUDGET)) * self.solver_scale
        return np.asarray(left, dtype=np.float64)

    def admits(self, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return ``(m,)`` which sites there is room for beside a set of sites that keeps to the limits."""
        left = self.left - self.rows @ inside.astype(np.float64)
        full = np.flatnonzero(left[PACKS:] < 1) + PACKS
        packed = (
            np.asarray(self.rows[full].sum(axis=0)).ravel() > 0 if full.size else np.zeros(len(self.cost), np.bool_)
        )
        found: NDArray[np.bool_] = (self.cost <= left[BUDGET]) & ~packed & (left[NUMBER] >= 1)
        return found

    def among(self, columns: NDArray[np.intp], inside: NDArray[np.bool_]) -> Room:
        """Return the room that a set of sites leaves to some others."""
        many = np.diff(self.pack_start)
        listed = np.zeros(len(self.cost), np.bool_)
        listed[columns] = True
        return Room(
            cost=self.cost[columns],
            pack_start=starts_of(many[columns]),
            pack=self.pack[np.repeat(listed, many)],
            left=self.left - self.rows @ inside.astype(np.float64),
        )

    def holds(self, inside: NDArray[np.bool_]) -> bool:
        """Return whether a set of sites keeps to every limit."""
        return bool((self.rows @ inside.astype(np.float64) <= self.left).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Median:
    """A p-median without what cannot matter."""

    # (r,) demand rows that some site which may open would serve at less than what they cost anyway
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]  # (m,) rows of those sites, in the order of ids
    # values, room: pairs between them, rows and sites numbered by their place above, and the limits on the sites
    values: Values
    room: Room
    # (n,) people times cost of every demand row to what counts anyway; infinite where nothing does
    base: NDArray[np.float64]
    whole: bool  # whether people times cost are whole numbers
    unit: float  # people times cost of one unit of value

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
    factors = read_factors(problem)
    base = problem.nearest_cost(kept, factors.cost)
    base[served] *= factors.people[served]
    value = factors.people[problem.demand[chosen]] * factors.cost[chosen]
    return Median(
        rows=rows,
        columns=columns,
        values=Values.of(site, row, value, base[rows], len(columns)),
        room=Room.of(problem, limits, terms, columns),
        base=base,
        whole=factors.whole,
        unit=factors.unit,
    )


@maker
def _turned(start: I64, row: I32, value: F64, r: int) -> tuple[I32, F64]:
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Factors:
    """People and costs of pairs as the search multiplies them."""

    # people, cost: (n,) and (k,): whole numbers where both have a unit, otherwise parts of about a million, unrounded
    people: NDArray[np.float64]
    cost: NDArray[np.float64]
    unit: float  # people times cost of one
    whole: bool  # whether they are whole


def read_factors(problem: Problem) -> Factors:
    """Return people and costs in one unit: whatever they are scaled by, the search takes the same course."""
    people, cost = problem.people_units, exact_units(problem.cost, "costs of pairs")
    if people.exact and cost is not None:
        most = float(people.whole.sum()) * float(cost.whole.max(initial=0))
        if most < 2.0**WHOLE_BITS:
            return Factors(
                people=people.whole.astype(np.float64),
                cost=cost.whole.astype(np.float64),
                unit=people.unit * cost.unit,
                whole=True,
            )
    # As they are: a cost that is nothing beside the sum of all pairs may be all that somebody's way costs.
    many, far = about_one_million(problem.population), about_one_million(float(problem.cost.max(initial=0.0)))
    return Factors(people=problem.people / many, cost=problem.cost / far, unit=many * far, whole=False)


def next_whole(bound: float) -> float:
    """Return the least whole number that is not below a bound, but for rounding."""
    return float(math.ceil(bound - max(abs(bound), 1.0) * 1e-11)) if math.isfinite(bound) else bound


def _starts(of: NDArray[np.intp], count: int) -> NDArray[np.int64]:
    return starts_of(np.bincount(of, minlength=count))
