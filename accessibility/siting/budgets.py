"""One budget over parts that share nothing else: each is solved alone, and one certificate bounds them all.

Catchments of a country fall apart: no person is in reach of sites of two of its parts. A price of money makes them
independent (Everett 1963): under it each part is bounded alone, by prices on its people, and every plan of the whole is
bounded by the sum. That sum, over all prices of money, is least where the best paid candidates use up the budget, as in
a knapsack that may be cut; so the bound is one sort of all candidates, from numbers that anybody can add up again.

The plan is greedy opening over all parts, which tells each its share of the budget; each part then spends its share as
well as it can, and what is left over is spent greedily again.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError
from accessibility.siting.covering import read_covering
from accessibility.siting.dual import find_priced_dual
from accessibility.siting.effort import Clock
from accessibility.siting.limits import Limits
from accessibility.siting.models.mclp import solve_mclp
from accessibility.siting.numbers import CLOSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from numpy.typing import NDArray

    from accessibility.siting.problem import Problem

    T = TypeVar("T")
    Spread = Callable[[Callable[..., T], Iterable[tuple[object, ...]]], Iterable[T]]

_ROUNDS = 2_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Openings:
    """A part opened greedily, by people gained per cost, until nobody is left to gain.

    Parameters
    ----------
    gain, cost
        ``(k,)`` people gained by each opening, and what it costs.
    """

    gain: NDArray[np.float64]
    cost: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Share:
    """What a part makes of its share of the budget, and what bounds it at any other.

    Parameters
    ----------
    selected
        ``(k,)`` rows of the sites that open.
    covered, spent
        People covered, those covered today included, and cost.
    free
        People that the certificate gives away.
    paid, cost
        ``(c,)`` what it pays each candidate, in people, and what the candidate costs.
    """

    selected: NDArray[np.intp]
    covered: float
    spent: float
    free: float
    paid: NDArray[np.float64]
    cost: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedPlan:
    """A plan over all parts.

    Parameters
    ----------
    selected
        For each part the rows of its sites that open.
    objective, bound
        People covered, those covered today included, and what no plan of that budget exceeds.
    spent
        What it costs.
    """

    selected: tuple[NDArray[np.intp], ...]
    objective: float
    bound: float
    spent: float

    @property
    def gap(self) -> float:
        """How far the bound is above the plan, relatively."""
        return abs(self.bound - self.objective) / max(1.0, abs(self.objective))


def share_budget(
    parts: Sequence[Callable[[], Problem]], budget: float, *, gap: float = 0.0, spread: Spread[object] | None = None
) -> SharedPlan:
    """Return the sites to open over all parts that cover most people for one budget, with a bound on every plan.

    Parameters
    ----------
    parts
        Functions that return the parts; one is in memory at a time, or as many as `spread` works on.
    budget
        Greatest total cost.
    gap
        Relative gap at which the search in a part may stop.
    spread
        Calls a function with each of many arguments and returns what it returns, in their order, as ``starmap`` does;
        maybe on many workers.

    Raises
    ------
    InputError
        A budget that is negative.
    """
    if not budget >= 0:
        msg = f"budget is {budget}; expected 0 or more"
        raise InputError(msg)
    each = _starmap if spread is None else spread
    steps = list(each(open_in_steps, [(part,) for part in parts]))
    budgets, price = deal_budget(steps, budget)  # type: ignore[arg-type]
    shares: list[Share] = list(each(spend_share, [(p, b, price, gap) for p, b in zip(parts, budgets, strict=True)]))  # type: ignore[arg-type]
    shares = _spend_rest(parts, shares, budget)
    return SharedPlan(
        selected=tuple(share.selected for share in shares),
        objective=float(sum(share.covered for share in shares)),
        bound=bound_of(shares, budget),
        spent=float(sum(share.spent for share in shares)),
    )


def order_openings(parts: Sequence[Callable[[], Problem]], plan: SharedPlan) -> list[tuple[int, int, float]]:
    """Return part, row and people gained of each site of a plan: those that gain most first."""
    found = []
    for number, (part, rows) in enumerate(zip(parts, plan.selected, strict=True)):
        problem = part()
        chosen = np.zeros(len(problem.site_cost), np.bool_)
        chosen[rows] = True
        steps = _greedy(replace(problem, candidate=chosen), problem.covered, np.inf)
        found += [(number, row, gain) for row, gain in steps]
    return sorted(found, key=lambda step: (-step[2], step[0], step[1]))


def _starmap(function: Callable[..., object], arguments: Iterable[tuple[object, ...]]) -> list[object]:
    return [function(*given) for given in arguments]


def open_in_steps(part: Callable[[], Problem]) -> Openings:
    """Return the greedy order of a part."""
    problem = part()
    opened = _greedy(problem, problem.covered, np.inf)
    return Openings(gain=np.array([gain for _, gain in opened]), cost=problem.site_cost[[site for site, _ in opened]])


def _greedy(problem: Problem, covered: NDArray[np.bool_], money: float) -> list[tuple[int, float]]:
    """Return sites opened by people gained per cost, with what each gains, as long as the money lasts."""
    site, demand = problem.near
    order = np.argsort(site, kind="stable")
    demand = demand[order]
    start = np.searchsorted(site[order], np.arange(len(problem.site_cost) + 1))
    left = np.where(covered, 0.0, problem.people)

    def gain_of(row: int) -> float:
        return float(left[demand[start[row] : start[row + 1]]].sum())

    def worth(row: int, gain: float) -> float:
        return gain / problem.site_cost[row] if problem.site_cost[row] > 0 else np.inf

    rows = np.flatnonzero(problem.candidate).tolist()
    waiting = [(-worth(row, gain), row, gain) for row in rows if (gain := gain_of(row)) > 0]
    heapq.heapify(waiting)
    opened: list[tuple[int, float]] = []
    while waiting:
        _, row, known = heapq.heappop(waiting)
        gain = gain_of(row)
        if gain <= 0 or problem.site_cost[row] > money:
            continue
        if gain < known:  # somebody else has covered some of them since
            heapq.heappush(waiting, (-worth(row, gain), row, gain))
            continue
        money -= problem.site_cost[row]
        left[demand[start[row] : start[row + 1]]] = 0.0
        opened.append((row, gain))
    return opened


def deal_budget(steps: Sequence[Openings], budget: float) -> tuple[NDArray[np.float64], float]:
    """Return what greedy opening over all parts spends in each, and the people that the last unit of money gained."""
    part = np.repeat(np.arange(len(steps)), [len(one.cost) for one in steps])
    gain, cost = (np.concatenate([getattr(one, name) for one in steps] or [np.empty(0)]) for name in ("gain", "cost"))
    ratio = np.divide(gain, cost, out=np.full(len(cost), np.inf), where=cost > 0)
    order = np.argsort(-ratio, kind="stable")  # within a part the ratios fall, so its own order stays
    taken = order[np.cumsum(cost[order]) <= budget * (1 + CLOSE)]
    dealt = np.bincount(part[taken], weights=cost[taken], minlength=len(steps)).astype(np.float64)
    price = float(ratio[order[len(taken)]]) if len(taken) < len(order) else 0.0
    return dealt, price if np.isfinite(price) else 0.0


def spend_share(part: Callable[[], Problem], budget: float, price: float, gap: float) -> Share:
    """Return the best plan that was found for a part's share of the budget, and its prices under a price of money."""
    problem = part()
    plan = solve_mclp(problem, budget=budget, gap=gap)
    selected = problem.rows(plan.selected)
    reading = read_covering(problem, Limits.of(None, budget, None))
    covering = reading.covering
    spent = float(problem.site_cost[selected].sum())
    target = (plan.objective - price * spent) / covering.person
    dual = find_priced_dual(covering, price * covering.coin / covering.person, target, _ROUNDS, Clock())
    of_row = np.divide(dual.price, covering.weight, out=np.ones(len(dual.price)), where=covering.weight > 0)
    multiplier = np.append(of_row, 1.0)[reading.row].clip(0.0, 1.0)
    return _share(problem, selected, multiplier)


def _share(problem: Problem, selected: NDArray[np.intp], multiplier: NDArray[np.float64]) -> Share:
    """Return what a plan covers, and what multipliers prove, from the raw problem and with numpy alone."""
    opened = problem.open.copy()
    opened[selected] = True
    priced = np.where(problem.covered, 0.0, problem.people * multiplier)
    site, demand = problem.near
    paid = np.bincount(site, weights=priced[demand], minlength=len(opened))
    rows = np.flatnonzero(problem.candidate & (paid > 0))
    return Share(
        selected=selected,
        covered=float(problem.people[problem.covered_by(opened)].sum()),
        spent=float(problem.site_cost[selected].sum()),
        free=float(problem.people.sum() - priced.sum()),
        paid=paid[rows].astype(np.float64),
        cost=problem.site_cost[rows],
    )


def _spend_rest(parts: Sequence[Callable[[], Problem]], shares: list[Share], budget: float) -> list[Share]:
    """Return the shares with what nobody spent yet spent greedily, part by part where the next step is worth most."""
    left = budget - sum(share.spent for share in shares)
    cheapest = min((share.cost.min() for share in shares if len(share.cost)), default=np.inf)
    found = list(shares)
    if left < cheapest * (1 - CLOSE):
        return found
    offers = []
    for number, (part, share) in enumerate(zip(parts, shares, strict=True)):
        problem = part()
        opened = problem.open.copy()
        opened[share.selected] = True
        steps = _greedy(problem, problem.covered_by(opened), left * (1 + CLOSE))
        offers += [(-gain / max(problem.site_cost[row], CLOSE), number, row, gain, problem.site_cost[row])
                   for row, gain in steps]  # fmt: skip
    for _, number, row, gain, cost in sorted(offers):
        if cost <= left * (1 + CLOSE):
            share = found[number]
            left -= cost
            found[number] = Share(
                selected=np.append(share.selected, row),
                covered=share.covered + gain,
                spent=share.spent + cost,
                free=share.free,
                paid=share.paid,
                cost=share.cost,
            )
    return found


def bound_of(shares: Sequence[Share], budget: float) -> float:
    """Return what no plan of a budget exceeds, by the certificates of all parts: the best paid candidates, cut."""
    free = float(sum(share.free for share in shares))
    paid, cost = (np.concatenate([getattr(s, name) for s in shares] or [np.empty(0)]) for name in ("paid", "cost"))
    ratio = np.divide(paid, cost, out=np.full(len(cost), np.inf), where=cost > 0)
    order = np.argsort(-ratio, kind="stable")
    spent = np.concatenate([[0.0], np.cumsum(cost[order])])
    bought = np.concatenate([[0.0], np.cumsum(paid[order])])
    last = int(np.searchsorted(spent, budget, side="right")) - 1
    more = 0.0
    if last < len(order):
        more = float((budget - spent[last]) * ratio[order[last]])
    return (free + float(bought[last]) + more) * (1 + CLOSE)
