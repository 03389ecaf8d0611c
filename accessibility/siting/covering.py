"""`Covering`: a covering question in whole numbers, as small as it can be made without changing an answer.

Reductions are exact: whatever they take away, some best plan can do without it. Rows alike are merged, dominated
columns go and, where every row has to be covered, implied rows go: in turn, until none is left (Toregas and ReVelle
1972), because each of them makes room for the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from accessibility.siting.limits import TOTAL, district_people, money_left, read_terms
from accessibility.siting.numbers import solver_unit
from accessibility.siting.pairs import (
    Pairs,
    candidate_pairs,
    dominated,
    implied,
    merged_rows,
    shared_weights,
    transposed,
)

_MOST_READS, _MUCH = 1e9, 0.2  # pairs read for neighbours, more or less; share of a column that is shared with one

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.limits import Limits, Terms
    from accessibility.siting.numbers import Units
    from accessibility.siting.problem import Problem


@dataclass(frozen=True, kw_only=True, eq=False)
class Covering:
    """Rows of people and the columns, candidates, that would cover them; what is decided is not in it any more.

    People and costs are whole numbers, so that no sum hangs on its order. Rows are demand points of one cover set;
    columns stand in the order of site ids.
    """

    weight: NDArray[np.int64]  # (r,) int64 people of each row, in units of `person`
    district: NDArray[np.int32]  # (r,) int32 district of each row where floors tell them apart, otherwise 0
    # rows, columns: columns of each row, rows of each column
    rows: Pairs
    columns: Pairs
    site: NDArray[np.intp]  # (c,) the problem's row of each column
    cost: NDArray[np.int64]  # (c,) int64 cost of opening, in units of `coin`
    # most, budget: how many more may open, and what they may cost
    most: int
    budget: int
    # packs, room: packs of each column; how many more of each pack may open
    packs: Pairs
    room: NDArray[np.int64]
    # (d,) int64 people still to be covered in each district to meet its floor; 0 or less where it is met
    need: NDArray[np.int64]
    # base, spent: people covered already, in units of `person`; cost of what has opened beside the open sites, in units
    # of `coin`
    base: int
    spent: int
    point: NDArray[np.intp]  # (r,) a demand point of each row
    opened: NDArray[np.intp]  # sites of the problem that open in every answer
    # person, coin: people of a unit of weight, cost of a unit of cost
    person: float
    coin: float

    @property
    def solver_weight(self) -> float:
        """How much weight makes one in a solver's program."""
        return solver_unit(float(self.base + self.weight.sum()))

    @property
    def solver_cost(self) -> float:
        """How many units of cost make one in a solver's program."""
        return solver_unit(float(self.spent + self.cost.sum()))

    @property
    def counts(self) -> bool:
        """Whether the number of sites is a limit."""
        return self.most < len(self.site)

    @property
    def spends(self) -> bool:
        """Whether the budget is a limit."""
        return self.budget < int(self.cost.sum())

    @property
    def floored(self) -> bool:
        """Whether some district still needs people."""
        return bool((self.need > 0).any())

    @cached_property
    def neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """Where those of each column start, which they are, the weight shared; nothing where it takes long to tell."""
        if len(self.rows.item) ** 2 > _MOST_READS * max(len(self.weight), 1):
            return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int64)
        return shared_weights(self.columns, self.rows, self.weight, _MUCH)

    def covered(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows the chosen columns cover."""
        found = np.zeros(len(self.weight), np.bool_)
        found[self.columns.of(np.flatnonzero(chosen))] = True
        return found

    def value(self, chosen: NDArray[np.bool_]) -> int:
        """Return the weight covered when the chosen columns open, `base` included."""
        return self.base + int(self.weight[self.covered(chosen)].sum())

    def shortage(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return ``(d,)`` how far each district stays below its floor when the chosen columns open."""
        covered = self.covered(chosen)
        there = np.zeros(len(self.need), np.int64)
        np.add.at(there, self.district[covered], self.weight[covered])
        short: NDArray[np.int64] = np.maximum(self.need - there, 0)
        return short

    def fits(self, chosen: NDArray[np.bool_]) -> bool:
        """Return whether the chosen columns keep to every limit, floors aside."""
        used = np.bincount(self.packs.of(np.flatnonzero(chosen)), minlength=len(self.room))
        return bool(
            int(chosen.sum()) <= self.most and int(self.cost[chosen].sum()) <= self.budget and (used <= self.room).all()
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A problem read as a covering."""

    # demand of one cover set merged, and nothing else done: its dual prices hold for the problem itself
    covering: Covering
    # (n,) row of each demand point; -1 of those without people, covered already or beyond every candidate
    row: NDArray[np.int32]
    terms: Terms  # limits and conditions
    # points, pairs: demand points with people, and pairs of candidates with them, before anything was done
    points: int
    pairs: int


def read_covering(problem: Problem, limits: Limits, *, by_district: bool = False) -> Reading:
    """Return the covering question of a problem under its limits; required sites are open in it.

    Demand of different districts is kept apart where there are floors, or where asked for.
    """
    terms = read_terms(problem, limits)
    before = problem.open.copy()
    before[terms.required] = True
    covered = problem.covered if not len(terms.required) else problem.covered_by(before)
    active = ~covered & (problem.people > 0)
    site = np.flatnonzero(terms.allowed)
    site = site[np.argsort(problem.rank[site])]
    people = problem.people_units
    weight = people.whole
    by_district = by_district or bool(terms.floor_people)
    districts = list(district_people(problem)) if by_district else [TOTAL]
    district = np.zeros(len(weight), np.int32)
    if by_district and problem.districts:
        # Whoever lives in no district stands in one more, which needs nobody.
        district = np.where(problem.district < 0, len(districts), problem.district).astype(np.int32)
    columns = candidate_pairs(problem, site, active)
    row, rows, first = merged_rows(transposed(columns, len(weight)), district, active)
    cost = problem.cost_units.whole
    packs, room = _packs(terms, site)
    most, budget = limits_left(problem, limits, terms, site)
    covering = Covering(
        weight=_summed(weight, row, len(first)),
        district=district[first],
        rows=rows,
        columns=transposed(rows, len(site)),
        site=site,
        cost=cost[site],
        most=most,
        budget=budget,
        packs=packs,
        room=room,
        need=_needs(terms, districts, (weight, district, covered), people),
        base=int(weight[covered].sum()),
        spent=int(cost[terms.required].sum()),
        point=first,
        opened=terms.required,
        person=people.unit,
        coin=problem.cost_units.unit,
    )
    return Reading(
        covering=covering, row=row, terms=terms, points=int((problem.people > 0).sum()), pairs=_size(problem, terms)
    )


def limits_left(problem: Problem, limits: Limits, terms: Terms, site: NDArray[np.intp]) -> tuple[int, int]:
    """Return how many of these sites may open beside the required ones, and what they may cost in whole units."""
    cost = problem.cost_units.whole[site]
    most = len(site) if limits.sites is None else max(limits.sites - len(terms.required), 0)
    left = int(cost.sum()) if limits.budget is None else max(money_left(problem, limits, terms.required), 0)
    return simpler_limits(cost, min(most, len(site)), left)


def simpler_limits(cost: NDArray[np.int64], most: int, budget: int) -> tuple[int, int]:
    """Return the number of sites and the budget, each no greater than could matter.

    Where all cost the same a budget is a number of sites.
    """
    if len(cost) and cost.min() == cost.max() > 0:
        most = min(most, budget // int(cost[0]))
        budget = int(cost.sum())
    return min(most, len(cost)), min(budget, int(cost.sum()))


def _size(problem: Problem, terms: Terms) -> int:
    return int(np.diff(problem.start)[terms.allowed].sum())


def _summed(weight: NDArray[np.int64], row: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    total = np.zeros(size, np.int64)
    np.add.at(total, row[row >= 0], weight[row >= 0])
    return total


def _packs(terms: Terms, site: NDArray[np.intp]) -> tuple[Pairs, NDArray[np.int64]]:
    """Return the packs of each column, and the room that required sites leave in them."""
    column = np.full(len(terms.allowed), -1, np.intp)
    column[site] = np.arange(len(site))
    members = [column[pack.rows] for pack in terms.packs]
    members = [np.sort(there[there >= 0]) for there in members]
    taken = [int(np.isin(pack.rows, terms.required).sum()) for pack in terms.packs]
    room = [pack.room - used for pack, used in zip(terms.packs, taken, strict=True)]
    start = np.cumsum([0, *map(len, members)], dtype=np.int64)
    item = np.concatenate([*members, []]).astype(np.int32)
    return transposed(Pairs(start=start, item=item), len(site)), np.maximum(np.array(room, dtype=np.int64), 0)


def _needs(
    terms: Terms,
    districts: list[str],
    points: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]],
    people: Units,
) -> NDArray[np.int64]:
    """Return the weight each district still lacks; one more entry for those who live in none."""
    weight, district, covered = points
    need = np.zeros(len(districts) + 1, np.int64)
    there = np.zeros(len(districts) + 1, np.int64)
    np.add.at(there, district[covered], weight[covered])
    for place, name in enumerate(districts):
        if name in terms.floor_people:
            need[place] = people.least(terms.floor_people[name]) - there[place]
    return need


def reduce_covering(covering: Covering) -> Covering:
    """Return the same question without superfluous candidates, rows of one cover set merged.

    Every value that a plan can reach in the one it can reach in the other, with no more sites at no more cost. A
    candidate goes where another one covers all that it covers, costs no more and is bound by no condition that it is
    not bound by itself. Districts that a floor tells apart are never merged.
    """
    smaller = take_columns(covering, _possible(covering))
    while True:
        smaller = _merged(smaller)
        gone = dominated(smaller.columns, smaller.rows, smaller.cost, smaller.packs)
        if not gone.any():
            return smaller
        smaller = take_columns(smaller, ~gone)


def reduce_for_all(covering: Covering) -> Covering:
    """Return the same question without superfluous candidates and rows, where every row has to be covered.

    A row goes where all that cover another one cover it too. Weights, districts and floors do not matter then.
    """
    smaller = reduce_covering(covering)
    while True:
        needless = implied(smaller.rows, smaller.columns)
        if not needless.any():
            return smaller
        kept = np.flatnonzero(~needless)
        rows = smaller.rows.take(kept)
        smaller = replace(
            smaller,
            weight=smaller.weight[kept],
            district=smaller.district[kept],
            point=smaller.point[kept],
            rows=rows,
            columns=transposed(rows, len(smaller.site)),
        )
        smaller = reduce_covering(smaller)


def fix_columns(covering: Covering, opened: NDArray[np.bool_], dropped: NDArray[np.bool_]) -> Covering:
    """Return what is left to decide when some columns open and others never do; it is not reduced yet.

    The opened ones must keep to the limits.
    """
    covered = covering.covered(opened)
    there = np.zeros(len(covering.need), np.int64)
    np.add.at(there, covering.district[covered], covering.weight[covered])
    packs = np.bincount(covering.packs.of(np.flatnonzero(opened)), minlength=len(covering.room))
    left = replace(
        covering,
        weight=covering.weight[~covered],
        district=covering.district[~covered],
        point=covering.point[~covered],
        rows=covering.rows.take(np.flatnonzero(~covered)),
        most=covering.most - int(opened.sum()),
        budget=covering.budget - int(covering.cost[opened].sum()),
        room=covering.room - packs,
        need=covering.need - there,
        base=covering.base + int(covering.weight[covered].sum()),
        spent=covering.spent + int(covering.cost[opened].sum()),
        opened=np.concatenate([covering.opened, covering.site[opened]]),
    )
    return take_columns(left, ~opened & ~dropped)


def take_columns(covering: Covering, kept: NDArray[np.bool_]) -> Covering:
    """Return the covering with these columns alone, without packs that do not bind them."""
    smaller = keep_columns(covering, kept)
    binding = np.bincount(smaller.packs.item, minlength=len(covering.room)) > covering.room
    return replace(smaller, packs=smaller.packs.keep(binding), room=covering.room[binding])


def keep_columns(covering: Covering, kept: NDArray[np.bool_]) -> Covering:
    """Return the covering with these columns alone; rows and packs stay, even those that have none of them."""
    cost = covering.cost[kept]
    most, budget = simpler_limits(cost, covering.most, covering.budget)
    rows = covering.rows.keep(kept)
    return replace(
        covering,
        rows=rows,
        columns=transposed(rows, len(cost)),
        site=covering.site[kept],
        cost=cost,
        most=most,
        budget=budget,
        packs=covering.packs.take(np.flatnonzero(kept)),
    )


def _possible(covering: Covering) -> NDArray[np.bool_]:
    """Return which columns the limits leave room for, each on its own."""
    possible = (covering.cost <= covering.budget) & (covering.most > 0)
    possible[covering.packs.line[covering.room[covering.packs.item] <= 0]] = False
    return possible


def _merged(covering: Covering) -> Covering:
    """Return the covering with rows of one cover set merged, those that nothing covers left out."""
    every = np.ones(len(covering.weight), np.bool_)
    row, rows, first = merged_rows(covering.rows, covering.district, every)
    weight = np.zeros(len(first), np.int64)
    np.add.at(weight, row[row >= 0], covering.weight[row >= 0])
    return replace(
        covering,
        weight=weight,
        district=covering.district[first],
        point=covering.point[first],
        rows=rows,
        columns=transposed(rows, len(covering.site)),
    )
