"""One budget over parts that share nothing else but quotas and floors: one plan, and one certificate for them all.

Catchments of a country fall apart: no person is in reach of sites of two of its parts. Prices on the budget, on quotas
and on people of districts below their floors make the parts independent (Everett 1963): at these prices each part is
bounded alone, by prices on its people, and every plan of the whole is bounded by the sum::

    people covered <= sum over parts of what the certificate of each proves at the prices of what they share
                    + price * limit of the budget and of each quota - price * people asked for by each floor

It is the certificate of `accessibility.siting.certificate`, added up part by part from the raw problems with numpy
alone, so that no more than one part is ever in memory.

These prices fall on all parts at once (`dual`). At the same prices sites are opened, closed and swapped in each part
alone (`local_search`), while the prices follow what all parts together take. What is then still over a limit or below a
floor is put right site by site, and a last search keeps to every limit all the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InfeasibleError, UnprovenError
from accessibility.geo.arrays import starts_of
from accessibility.siting.certificate import proven_part
from accessibility.siting.dual import Descent
from accessibility.siting.effort import SEED, Allowance
from accessibility.siting.exact import Effort, solve_program
from accessibility.siting.limits import refuse_boundless
from accessibility.siting.local_search import LocalSearch
from accessibility.siting.numbers import CLOSE, HALF, read_units
from accessibility.siting.outcome import pack_prices
from accessibility.siting.pairs import Pairs
from accessibility.siting.parts import SITES, join_parts, leave_out_dear, own_conditions, read_part
from accessibility.siting.plan import Prices, SitingPlan, order_by_gain
from accessibility.siting.programs import columns_of, fall_short_least
from accessibility.sources.files import passing_folder
from accessibility.streets.search.compiling import run_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.siting.limits import Limits
    from accessibility.siting.parts import JoinedParts
    from accessibility.siting.problem import Problem

    Parts = Sequence[Callable[[], Problem]]
    from accessibility.siting.dual import Dual

_LISTED = 10  # districts that a message names


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedPlan:
    """A plan over all parts."""

    selected: tuple[NDArray[np.intp], ...]  # for each part the rows of its sites that open
    # objective, bound: people covered, those covered today included, and what no plan within the limits exceeds
    objective: float
    bound: float
    spent: float  # what it costs
    prices: Prices = field(default_factory=Prices)  # what the certificate charges for the limits
    # for each part the share of each demand point's people that is priced, as in `SitingPlan`
    multipliers: tuple[NDArray[np.float64], ...] = ()
    # district to the people of the parts who have to be covered there
    needs: Mapping[str, float] = field(default_factory=dict)

    @property
    def gap(self) -> float:
        """How far the bound is above the plan, relatively."""
        return abs(self.bound - self.objective) / max(1.0, abs(self.objective))


def share_budget(
    parts: Parts,
    limits: Limits,
    needs: Mapping[str, float] | None = None,
    *,
    gap: float = 0.0,
    folder: Path | None = None,
) -> SharedPlan:
    """Return the sites to open over all parts that cover most people within common limits, with a bound on every plan.

    Parameters
    ----------
    parts
        Functions that return the parts; one is in memory at a time, beside eight bytes for each pair of all of them
        that may lie on disk. Sites that exclude each other are in one part.
    limits
        Of all parts together. Floors are shares of the people of all parts.
    needs
        District to the people of the parts who have to be covered there, in place of these floors.
    gap
        Relative gap between plan and bound at which the search may stop.
    folder
        Where the pairs lie while the search goes on; a folder of the system where not given.

    Raises
    ------
    InputError
        No limit, conditions about what is not there.
    UnprovenError
        Where no plan that meets the floors was found, and none was proven impossible.
    """
    refuse_boundless(limits)
    limits = leave_out_dear(parts, limits)
    with passing_folder(folder) as aside:
        joined = join_parts(parts, limits, needs, aside)
        if joined.contradiction:
            msg = f"no plan: {joined.contradiction}"
            raise InfeasibleError(msg)
        _refuse_short(joined, joined.beyond_reach, proven=True)
        found = search_at_prices(joined, gap)
        impossible = found.dual.bound < joined.covering.base + int(np.maximum(joined.covering.need, 0).sum())
        _refuse_short(joined, found.short, proven=impossible)
        if not found.fits:
            msg = (
                f"no plan that keeps to the limits was found within {Allowance().limit}, and none was proven impossible"
            )
            raise UnprovenError(msg)
        return _proven(parts, limits, joined, found)


def order_openings(parts: Parts, plan: SharedPlan) -> list[tuple[int, object, float]]:
    """Return part, id and people gained of each site of a plan: those that gain most first."""
    found = []
    for number, (part, rows) in enumerate(zip(parts, plan.selected, strict=True)):
        problem = part()
        order, gains = order_by_gain(problem, rows)
        found += [(number, problem.ids[row], gain) for row, gain in zip(order.tolist(), gains.tolist(), strict=True)]
    return sorted(found, key=lambda step: -step[2])


def _refuse_short(joined: JoinedParts, short: NDArray[np.int64], *, proven: bool) -> None:
    """Raise where floors are not met, by how many people and in which districts."""
    missing = np.flatnonzero(short)
    if not len(missing):
        return
    listed = ", ".join(
        f"{math.ceil(short[place] * joined.covering.person):,} people in {joined.districts[place]}"
        for place in missing[np.argsort(-short[missing], kind="stable")][:_LISTED].tolist()
    )
    if proven:
        msg = f"the floors cannot all be met: short by {listed}"
        raise InfeasibleError(msg)
    msg = (
        f"no plan that covers as many people as are asked for was found within {Allowance().limit}, and none was proven"
        f" impossible; the closest is short by {listed}"
    )
    raise UnprovenError(msg)


def _proven(parts: Parts, limits: Limits, joined: JoinedParts, found: PricedPlan) -> SharedPlan:
    """Return a plan as its parts have it, with the bound that its prices prove of them."""
    covering, prices = joined.covering, _common_prices(limits, joined, found)
    needs = {name: float(need) for name, need in zip(joined.districts, joined.wanted.tolist(), strict=True) if need > 0}
    worth = found.dual.worth
    share = np.divide(found.dual.price, worth, out=np.zeros(len(worth)), where=worth > 0).clip(0.0, 1.0)
    share[covering.rows.lengths == 0] = 1.0  # whom nobody reaches counts for nothing when priced in full
    selected, multipliers, covered, spent = [], [], 0.0, 0.0
    apart: list[tuple[tuple[object, ...], float]] = []
    packs = 0
    for number, part in enumerate(parts):
        problem = part()
        reading = read_part(problem, limits, floors=joined.floored)
        columns, rows = (slice(ends[number], ends[number + 1]) for ends in (joined.columns, joined.rows))
        opened = np.concatenate([reading.terms.required, reading.covering.site[found.chosen[columns]]])
        after = packs + len(reading.covering.room)
        apart += pack_prices(problem, reading.terms, found.dual.pack[packs:after] * covering.person)[1]
        there = problem.open.copy()
        there[reading.terms.required] = True
        multipliers.append(np.where(problem.covered_by(there), 0.0, np.append(share[rows], 1.0)[reading.row]))
        selected.append(opened)
        there[opened] = True
        covered += float(problem.people[problem.covered_by(there)].sum())
        spent += float(problem.site_cost[opened].sum())
        packs = after
    plan = SharedPlan(
        selected=tuple(selected),
        objective=covered,
        bound=math.inf,
        spent=spent,
        prices=replace(prices, apart=tuple(apart)),
        multipliers=tuple(multipliers),
        needs=needs,
    )
    return replace(plan, bound=max(prove_shared(parts, limits, plan), covered))


def _common_prices(limits: Limits, joined: JoinedParts, found: PricedPlan) -> Prices:
    """Return what the limits that parts share are charged, in people."""
    covering, dual = joined.covering, found.dual
    each = max(dual.cost, dual.site) * covering.person / covering.coin if covering.spends else 0.0
    quota = dict(zip(joined.quotas, (dual.pack[joined.shared :] * covering.person).tolist(), strict=True))
    beside = quota.pop(SITES, 0.0)
    floor = {name: price for name, price in zip(joined.districts, dual.floor.tolist(), strict=False) if price > 0}
    return Prices(
        site=beside if limits.budget is not None else each,
        cost=each if limits.budget is not None else 0.0,
        quota={name: price for name, price in quota.items() if price > 0},
        floor=floor,
    )


def prove_shared(parts: Parts, limits: Limits, plan: SharedPlan) -> float:
    """Return the bound on every plan of all parts that the multipliers and prices of a plan prove.

    Raises
    ------
    UnprovenError
        Multipliers outside 0 to 1 or not as many as people, prices of what is no limit.
    """
    prices, limits = plan.prices, leave_out_dear(parts, limits)
    unknown = {*prices.quota} - {*limits.conditions.quotas} | {*prices.floor} - {*plan.needs}
    if unknown or (prices.cost and limits.budget is None) or (prices.site and limits.sites is None):
        msg = f"the certificate prices what is no limit here: {sorted(unknown) or 'sites or cost'}"
        raise UnprovenError(msg)
    if len(plan.multipliers) != len(parts):
        msg = f"the certificate has multipliers of {len(plan.multipliers)} parts; there are {len(parts)}"
        raise UnprovenError(msg)
    most = prices.site * (limits.sites or 0)
    most += sum(price * limits.conditions.quotas[name] for name, price in prices.quota.items())
    most -= sum(price * plan.needs[name] for name, price in prices.floor.items())
    most += sum(price for _, price in prices.apart)
    whole, costs = True, [np.zeros(1)]
    for part, multipliers in zip(parts, plan.multipliers, strict=True):
        problem = part()
        costs.append(problem.site_cost)
        most += _prove_part(problem, limits, prices, multipliers)
        whole = whole and problem.people_units.exact and problem.people_units.unit.is_integer()
    if prices.cost and limits.budget is not None:
        # Where each site costs 3, a budget of 5 is one of 3.
        units = read_units(np.concatenate(costs), "costs of sites")
        most += prices.cost * units.amount(min(units.most(limits.budget), int(units.whole.sum())))
    most += CLOSE * abs(most)
    return float(math.floor(most)) if whole else most


def _prove_part(problem: Problem, limits: Limits, prices: Prices, multipliers: NDArray[np.float64]) -> float:
    """Return what the certificate proves of one part, the limits that parts share left out."""
    own = own_conditions(problem, limits.conditions)
    there = set(problem.ids.tolist()) if prices.apart else set()
    apart = tuple((sites, price) for sites, price in prices.apart if sites[0] in there)
    asked = replace(own, quotas=limits.conditions.quotas, floors=dict.fromkeys(prices.floor, 1.0))
    plan = SitingPlan(
        model="mclp",
        selected=(),
        gain=(),
        objective=0.0,
        bound=math.inf,
        status="feasible",
        seconds=0.0,
        multipliers=multipliers,
        prices=replace(prices, apart=apart),
        budget=limits.budget,
        conditions=asked,
    )
    return proven_part(problem, plan)


_FIRST_ROUNDS, _ROUNDS = 400, (2_000, 3_000)  # of prices on their way down: before there is a plan, and in each turn
_TURNS, _EPOCHS, _LAST_EPOCHS = 2, 24, 4  # looks at the prices in a turn; when every limit is kept to
_MOVES = (20, 60)  # for each candidate between two of these, in each turn
_HOT, _COLD = 0.3, 0.005  # of what a typical site is charged: such a loss is taken every third time
_WORK = 1e13
_SMALL = 20_000  # entries of a question whose floors a solver may be asked to meet
_LEAST, _MOST = 0.8, 1.25  # what a price changes by, at the most
_BELOW = 0.95  # of what covers too little of some district, a value that some plan has
_SPARE = 1.001  # how much more than its floor a district is meant to have, before all is put right


@dataclass(frozen=True, kw_only=True, eq=False)
class PricedPlan:
    """What a search at prices ended with."""

    chosen: NDArray[np.bool_]  # (c,) columns that open
    dual: Dual  # prices that bound every plan
    value: int  # weight covered, that before included
    short: NDArray[np.int64]  # (d,) how far each district stays below its floor
    fits: bool  # whether the plan keeps to all other limits

    @property
    def keeps(self) -> bool:
        """Whether the plan keeps to all limits and floors."""
        return self.fits and not self.short.any()


def search_at_prices(joined: JoinedParts, gap: float) -> PricedPlan:
    """Return the best plan that was found for all parts, and prices that bound every plan.

    Parameters
    ----------
    joined
        All parts.
    gap
        Relative gap between plan and bound that is near enough.
    """
    covering, allowance = joined.covering, Allowance(work=_WORK, size=_WORK)
    search, descent = LocalSearch(covering, joined.shared), Descent(covering)
    if not len(covering.site):
        return _plan_of(search, descent.dual)
    people = covering.weight.astype(np.float64)
    search.fill((people, covering.cost.astype(np.float64)), 0.0)
    best = _plan_of(search, descent.dual)
    for turn, rounds in enumerate((_FIRST_ROUNDS, *_ROUNDS)):
        if turn:
            shared_prices = _SharedPrices(joined, best.dual)
            _search_at(joined, search, shared_prices, turn - 1)
            best = replace(max(best, _plan_of(search, best.dual), key=_rank_of), dual=best.dual)
            descent.move(*shared_prices.mean)
        # What falls short of floors covers more than a plan may: the bound has to go below it.
        target = best.value if best.keeps else round(_BELOW * min(best.value, descent.dual.bound))
        descent.run(target, rounds, allowance, patient=True)
        best = replace(best, dual=min(best.dual, descent.dual, key=lambda dual: dual.bound))
        if best.keeps and best.dual.bound - best.value <= gap * best.value:
            break
    if not best.keeps and len(covering.rows.item) <= _SMALL:
        best = max(best, _come_closest(search, best.dual), key=_rank_of)
    return best


def _come_closest(search: LocalSearch, dual: Dual) -> PricedPlan:
    """Return the plan that a solver finds nearest to all floors, where swaps one by one have met a wall."""
    program = fall_short_least(search.covering)
    effort = Effort(allowance=Allowance(), gap_absolute=HALF / search.covering.solver_weight)
    values = solve_program(program, effort).values
    if values is not None:
        search.set(columns_of(search.covering, program, values))
    return _plan_of(search, dual)


def _plan_of(search: LocalSearch, dual: Dual) -> PricedPlan:
    return PricedPlan(chosen=search.inside.copy(), dual=dual, value=search.value, short=search.short, fits=search.fits)


def _rank_of(found: PricedPlan) -> tuple[bool, int, int]:
    return found.fits, -int(found.short.sum()), found.value


class _SharedPrices:
    """Prices of the limits that parts share, which follow what is taken of them."""

    def __init__(self, joined: JoinedParts, dual: Dual) -> None:
        covering = joined.covering
        self._joined, self._members = joined, covering.packs.keep(np.arange(len(covering.room)) >= joined.shared)
        self.money = max(dual.cost, dual.site)
        self._floor, self._quota = dual.floor.copy(), dual.pack[joined.shared :].copy()
        self._sums, self._looks = (np.zeros_like(self._floor), np.zeros_like(self._quota)), 0
        self.typical = max(self.money * float(np.mean(covering.cost)), float(np.median(dual.paid)), 1e-9)

    @property
    def prices(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each row is worth, and what each column is charged."""
        covering = self._joined.covering
        charge = np.asarray(self.money * covering.cost, dtype=np.float64)
        np.add.at(charge, self._members.line, self._quota[self._members.item])
        worth = covering.weight * (1.0 + self._floor[covering.district])
        return worth.astype(np.float64), charge

    @property
    def mean(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Prices of floors and of packs on the mean since prices have settled; those of one part alone are 0."""
        floor, quota = (each / max(self._looks, 1) for each in self._sums)
        return floor, np.concatenate([np.zeros(self._joined.shared), quota])

    def score(self, search: LocalSearch) -> float:
        """Return the weight covered less twice what all that is over a limit or below a floor is worth."""
        over = self.money * max(-int(search.left[0]), 0) + float((1.0 + self._floor) @ search.short)
        return search.value - 2.0 * (over + self.typical * float(np.maximum(-search.room, 0).sum()))

    def follow(self, search: LocalSearch, *, settled: bool) -> None:
        """Raise the price of what is taken too much of, lower that of what is left."""
        covering, shared = self._joined.covering, self._joined.shared
        if covering.spends:
            spent = (covering.budget - int(search.left[0])) / max(covering.budget, 1)
            self.money *= float(np.clip(np.sqrt(spent), _LEAST, _MOST))
        room = np.maximum(covering.room[shared:], 1)
        self._quota = np.maximum(self._quota - search.room[shared:] / room * self.typical * 0.5, 0.0)
        wanted = np.maximum(covering.need, 0) * _SPARE
        ratio = np.divide(wanted, search.there, out=np.full(len(wanted), _MOST), where=search.there > 0)
        raised = (1.0 + self._floor) * np.clip(np.sqrt(ratio), _LEAST, _MOST) - 1.0
        self._floor = np.where(covering.need > 0, np.maximum(raised, 0.0), 0.0)
        if settled:
            self._sums[0][:] += self._floor
            self._sums[1][:] += self._quota
            self._looks += 1


def _search_at(joined: JoinedParts, search: LocalSearch, shared_prices: _SharedPrices, turn: int) -> None:
    """Search in all parts at prices that follow what is taken; then keep to every limit."""
    hot = _HOT if not turn else _HOT / 4
    best, begin = -math.inf, search.inside.copy()
    for epoch in range(_EPOCHS):
        heat = shared_prices.typical * hot * (_COLD / hot) ** (epoch / (_EPOCHS - 1))
        _run(joined, search, shared_prices, heat, (turn * _EPOCHS + epoch, _MOVES[turn]))
        search.set(search.inside.copy())
        settled = epoch >= _EPOCHS // 2
        if settled and (score := shared_prices.score(search)) > best:
            best, begin = score, search.inside.copy()
        shared_prices.follow(search, settled=settled)
    search.set(begin)
    people = joined.covering.weight.astype(np.float64)
    by_district = _rows_by_district(joined)
    for epoch in range(_LAST_EPOCHS):
        _repair(search, shared_prices.prices, by_district)
        # Where closing alone does not do, swaps that save more than they are worth may.
        charge = shared_prices.prices[1] * (1.0 if search.fits else 1.0 + epoch)
        heat = shared_prices.typical * _COLD * (1 - epoch / (_LAST_EPOCHS - 1))
        random, every = _stream(_TURNS * _EPOCHS + turn * _LAST_EPOCHS + epoch, 0), (0, len(search.inside))
        search.run((people, charge), every, _MOVES[turn] * len(search.inside), (heat, random, True))
        search.fill((people, np.maximum(charge, 1e-9)), 0.0 if epoch == _LAST_EPOCHS - 1 else 1.0)


def _rows_by_district(joined: JoinedParts) -> Pairs:
    district = joined.covering.district
    start = starts_of(np.bincount(district, minlength=len(joined.covering.need)))
    return Pairs(start=start.astype(np.int64), item=np.argsort(district, kind="stable").astype(np.int32))


def _run(
    joined: JoinedParts, search: LocalSearch, shared_prices: _SharedPrices, heat: float, how: tuple[int, int]
) -> None:
    prices, (epoch, moves) = shared_prices.prices, how
    run_in_threads(
        partial(search.run, prices, within, moves * (within[1] - within[0]), (heat, _stream(epoch, part), False))
        for part, within in enumerate(_ranges(joined))
    )


def _ranges(joined: JoinedParts) -> list[tuple[int, int]]:
    return list(zip(joined.columns[:-1].tolist(), joined.columns[1:].tolist(), strict=True))


def _stream(epoch: int, part: int) -> NDArray[np.uint64]:
    """Return a stream of random numbers that no other epoch or part has."""
    return np.array([SEED + (np.uint64(epoch) << np.uint64(32)) + np.uint64(part)], np.uint64)


def _repair(search: LocalSearch, prices: tuple[NDArray[np.float64], NDArray[np.float64]], by_district: Pairs) -> None:
    """Open what floors lack, then close what limits do not allow, those first that lose least for what they take."""
    for place in np.flatnonzero(search.short).tolist():
        rows = by_district.of(np.array([place]))
        while search.short[place] > 0 and (column := _best_there(search, rows)) is not None:
            search.turn(column)
    if search.fits:
        return
    worth, charge = prices
    lost = search.worths(worth) / np.maximum(charge, 1e-9)
    there = np.flatnonzero(search.inside)
    for column in there[np.argsort(lost[there], kind="stable")].tolist():
        if _may_close(search, column):
            search.turn(column)
        if search.fits:
            return


def _may_close(search: LocalSearch, column: int) -> bool:
    """Return whether a column takes up what there is too much of, and no floor is missed without it."""
    covering = search.covering
    packs = covering.packs.of(np.array([column]))
    if not ((search.left[0] < 0 and covering.cost[column] > 0) or (search.room[packs] < 0).any()):
        return False
    alone = search.alone(column)
    return not (search.there - alone < covering.need)[alone > 0].any()


def _best_there(search: LocalSearch, there: NDArray[np.int32]) -> int | None:
    """Return the closed column that brings in most of a district for its cost, where its packs have room."""
    covering = search.covering
    rows = there[search.times[there] == 0].astype(np.intp)
    taken = covering.rows.take(rows)
    columns, place = np.unique(taken.item, return_inverse=True)
    gain = np.bincount(place, np.repeat(covering.weight[rows], taken.lengths), len(columns))
    full = search.room <= 0
    packs = covering.packs.take(columns.astype(np.intp))
    ratio = np.where(np.bincount(packs.line, full[packs.item], len(columns)) == 0, gain, 0.0)
    ratio /= np.maximum(covering.cost[columns], 1)
    return int(columns[np.argmax(ratio)]) if (ratio > 0).any() else None
