"""One budget over parts that share nothing else but quotas and floors: one plan, and one certificate for them all.

Catchments of a country fall apart: no person is in reach of sites of two of its parts. Prices on the budget, on quotas
and on people of districts below their floors make the parts independent (Everett 1963): at these prices each part is
bounded alone, by prices on its people, and every plan of the whole is bounded by the sum::

    people covered <= sum over parts of what the certificate of each proves at the prices of what they share
                    + price * limit of the budget and of each quota - price * people asked for by each floor

It is the certificate of `accessibility.siting.certificate`, added up part by part from the raw problems with numpy
alone, so that no more than one part is ever in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InfeasibleError, InputError, UnprovenError
from accessibility.siting.bargaining import bargain
from accessibility.siting.certificate import proven_part
from accessibility.siting.effort import Clock
from accessibility.siting.numbers import CLOSE
from accessibility.siting.outcome import pack_prices
from accessibility.siting.plan import Prices, SitingPlan, order_by_gain
from accessibility.siting.stacking import SITES, own_conditions, read_part, stack_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accessibility.siting.bargaining import Bargain
    from accessibility.siting.limits import Limits
    from accessibility.siting.problem import Problem
    from accessibility.siting.stacking import Stack

    Parts = Sequence[Callable[[], Problem]]


_LISTED = 10  # districts that a message names


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedPlan:
    """A plan over all parts.

    Parameters
    ----------
    selected
        For each part the rows of its sites that open.
    objective, bound
        People covered, those covered today included, and what no plan within the limits exceeds.
    spent
        What it costs.
    prices
        What the certificate charges for the limits.
    multipliers
        For each part the share of each demand point's people that is priced, as in `SitingPlan`.
    needs
        District to the people of the parts who have to be covered there.
    """

    selected: tuple[NDArray[np.intp], ...]
    objective: float
    bound: float
    spent: float
    prices: Prices = field(default_factory=Prices)
    multipliers: tuple[NDArray[np.float64], ...] = ()
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
    if limits.sites is None and limits.budget is None:
        msg = "neither sites nor budget is given; expected a limit"
        raise InputError(msg)
    with TemporaryDirectory(dir=folder) as aside:
        stack = stack_parts(parts, limits, needs, Path(aside))
        if stack.contradiction:
            msg = f"no plan: {stack.contradiction}"
            raise InfeasibleError(msg)
        _refuse_short(stack, _beyond_reach(stack), proven=True)
        found = bargain(stack, gap)
        impossible = found.dual.bound < stack.covering.base + int(np.maximum(stack.covering.need, 0).sum())
        _refuse_short(stack, found.short, proven=impossible)
        if not found.fits:
            msg = f"no plan that keeps to the limits was found within {Clock().limit}, and none was proven impossible"
            raise UnprovenError(msg)
        return _proven(parts, limits, stack, found)


def order_openings(parts: Parts, plan: SharedPlan) -> list[tuple[int, object, float]]:
    """Return part, id and people gained of each site of a plan: those that gain most first."""
    found = []
    for number, (part, rows) in enumerate(zip(parts, plan.selected, strict=True)):
        problem = part()
        order, gains = order_by_gain(problem, rows)
        found += [(number, problem.ids[row], gain) for row, gain in zip(order.tolist(), gains.tolist(), strict=True)]
    return sorted(found, key=lambda step: -step[2])


def _beyond_reach(stack: Stack) -> NDArray[np.int64]:
    """Return how far each district stays below its floor where every candidate opens."""
    covering = stack.covering
    reached = covering.rows.lengths > 0
    there = np.zeros(len(covering.need), np.int64)
    np.add.at(there, covering.district[reached], covering.weight[reached])
    short: NDArray[np.int64] = np.maximum(covering.need - there, 0)
    return short


def _refuse_short(stack: Stack, short: NDArray[np.int64], *, proven: bool) -> None:
    """Raise where floors are not met, by how many people and in which districts."""
    missing = np.flatnonzero(short)
    if not len(missing):
        return
    listed = ", ".join(
        f"{math.ceil(short[place] * stack.covering.person):,} people in {stack.districts[place]}"
        for place in missing[np.argsort(-short[missing], kind="stable")][:_LISTED].tolist()
    )
    if proven:
        msg = f"the floors cannot all be met: short by {listed}"
        raise InfeasibleError(msg)
    msg = (
        f"no plan that covers as many people as are asked for was found within {Clock().limit}, and none was proven"
        f" impossible; the closest is short by {listed}"
    )
    raise UnprovenError(msg)


def _proven(parts: Parts, limits: Limits, stack: Stack, found: Bargain) -> SharedPlan:
    """Return a plan as its parts have it, with the bound that its prices prove of them."""
    covering, prices = stack.covering, _common_prices(limits, stack, found)
    needs = {name: float(need) for name, need in zip(stack.districts, stack.wanted.tolist(), strict=True) if need > 0}
    worth = found.dual.worth
    share = np.divide(found.dual.price, worth, out=np.zeros(len(worth)), where=worth > 0).clip(0.0, 1.0)
    share[covering.rows.lengths == 0] = 1.0  # whom nobody reaches counts for nothing when priced in full
    selected, multipliers, covered, spent = [], [], 0.0, 0.0
    apart: list[tuple[tuple[object, ...], float]] = []
    packs = 0
    for number, part in enumerate(parts):
        problem = part()
        reading = read_part(problem, limits, floors=stack.floored)
        columns, rows = (slice(ends[number], ends[number + 1]) for ends in (stack.columns, stack.rows))
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


def _common_prices(limits: Limits, stack: Stack, found: Bargain) -> Prices:
    """Return what the limits that parts share are charged, in people."""
    covering, dual = stack.covering, found.dual
    each = max(dual.cost, dual.site) * covering.person / covering.coin if covering.spends else 0.0
    quota = dict(zip(stack.quotas, (dual.pack[stack.shared :] * covering.person).tolist(), strict=True))
    beside = quota.pop(SITES, 0.0)
    floor = {name: price for name, price in zip(stack.districts, dual.floor.tolist(), strict=False) if price > 0}
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
    prices = plan.prices
    unknown = {*prices.quota} - {*limits.conditions.quotas} | {*prices.floor} - {*plan.needs}
    if unknown or (prices.cost and limits.budget is None) or (prices.site and limits.sites is None):
        msg = f"the certificate prices what is no limit here: {sorted(unknown) or 'sites or cost'}"
        raise UnprovenError(msg)
    if len(plan.multipliers) != len(parts):
        msg = f"the certificate has multipliers of {len(plan.multipliers)} parts; there are {len(parts)}"
        raise UnprovenError(msg)
    most = prices.cost * (limits.budget or 0.0) + prices.site * (limits.sites or 0)
    most += sum(price * limits.conditions.quotas[name] for name, price in prices.quota.items())
    most -= sum(price * plan.needs[name] for name, price in prices.floor.items())
    most += sum(price for _, price in prices.apart)
    whole = True
    for part, multipliers in zip(parts, plan.multipliers, strict=True):
        problem = part()
        most += _prove_part(problem, limits, prices, multipliers)
        whole = whole and problem.people_units.exact and problem.people_units.unit.is_integer()
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
