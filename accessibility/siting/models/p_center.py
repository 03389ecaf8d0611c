"""The p-center: the sites that make the longest way of all shortest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import UnprovenError, checked
from accessibility.siting.counts import Cover, Reach, cover_greedily, find_cover
from accessibility.siting.effort import Allowance
from accessibility.siting.infeasible import contradictory, refuse_floors, refuse_unreached, short_of_people
from accessibility.siting.limits import Limits, opened_fields, read_terms, refuse_boundless, refuse_gap
from accessibility.siting.medians import Room
from accessibility.siting.outcome import ended
from accessibility.siting.plan import SitingPlan, order_by_gain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.limits import Terms
    from accessibility.siting.plan import Conditions
    from accessibility.siting.problem import Problem


_CHEAPENING = 0.2  # of the time that is left


@checked
def solve_p_center(
    problem: Problem,
    *,
    sites: int | None = None,
    budget: float | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    conditions: Conditions | None = None,
) -> SitingPlan:
    """Return the sites whose opening makes the greatest cost of any demand point least.

    Every demand point counts, also one without people, and every present pair, also beyond the cutoff; so do the sites
    that are open today. Of plans with the same greatest cost the cheapest is returned, if the time allows. A bound that
    a single demand point proves, which no site is nearer to, is labelled ``enumeration``.

    Parameters
    ----------
    problem
        People and costs.
    sites, budget
        How many sites may open at most, and what they may cost; at least one of the two.
    time_limit_s
        Wall seconds, those of compiling apart; then the best plan so far is returned, with the bound so far. Without
        any the search ends by its work, and the same on every machine.
    gap
        Relative gap at which the search may stop; only a closed one is called optimal.
    conditions
        What else the plan has to keep to; floors are about coverage, and refused.

    Returns
    -------
    SitingPlan
        Its objective is the greatest cost of any demand point, in the unit of the pairs.

    Raises
    ------
    InfeasibleError
        People whom no site reaches, open or not.
    InputError
        No limit, limits that are no numbers, floors, conditions that do not fit the problem.
    UnprovenError
        Where not all can be served at once by any plan that the time allowed to find, and none was proven impossible.

    References
    ----------
    E. Minieka: The m-center problem. SIAM Review 12, 1970, 138-139: a covering problem decides each cost.

    Examples
    --------
    >>> from accessibility.siting.problem import Problem
    >>> problem = Problem.from_costs([[1, 9, 9], [2, 2, 8], [9, 8, 1]], [10, 20, 30], cutoff=2)
    >>> solve_p_center(problem, sites=2)
    <SitingPlan p-center: 2 sites for 2, objective 2, bound 2, gap 0.00 %, optimal>
    """
    allowance, limits = Allowance(limit_s=time_limit_s), Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    refuse_floors(limits, "p-center")
    refuse_gap(gap)
    refuse_unreached(problem)
    terms = read_terms(problem, limits)
    if terms.contradiction:
        return contradictory(problem, limits, terms, allowance, "p-center")
    center = _read(problem, limits, terms)
    begun = _begin(center, allowance)
    if begun is None:
        return short_of_people(problem, limits, terms, allowance, "p-center")
    chosen, bound = _narrow(center, begun, gap, allowance)
    chosen = _cheapened(center, chosen, allowance)
    plan = _plan(problem, limits, terms, (center.columns[chosen], bound, center.lowest, allowance.spent_s))
    return ended(problem, plan, allowance, gap)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Center:
    """What is left to choose."""

    columns: NDArray[np.intp]  # (m,) sites that may open, in the order of ids
    room: Room  # the limits on them
    # row, site, cost: pairs that are nearer than what counts anyway, sites by their place in `columns`
    row: NDArray[np.intp]
    site: NDArray[np.intp]
    cost: NDArray[np.float64]
    base: NDArray[np.float64]  # (n,) cost of every demand point to what counts anyway; infinite where nothing does

    @property
    def lowest(self) -> float:
        """The cost of the demand point that is farthest from every site: no plan is better."""
        return self.radius(np.ones(len(self.columns), np.bool_))

    @property
    def radii(self) -> NDArray[np.float64]:
        """Every value that the greatest cost can have, ascending."""
        return np.unique(np.concatenate([self.cost, self.base[np.isfinite(self.base)], [0.0]]))

    def radius(self, chosen: NDArray[np.bool_]) -> float:
        """Return the greatest cost when the chosen open."""
        nearest, opened = self.base.copy(), chosen[self.site]
        np.minimum.at(nearest, self.row[opened], self.cost[opened])
        return float(nearest.max(initial=0.0))

    def reach(self, radius: float) -> Reach:
        """Return the rows that need a site within a radius, and which sites can be that."""
        needs = self.base > radius
        place = np.cumsum(needs) - 1
        pairs = needs[self.row] & (self.cost <= radius)
        return Reach.of(place[self.row[pairs]], self.site[pairs], (int(needs.sum()), len(self.columns)))


def _read(problem: Problem, limits: Limits, terms: Terms) -> _Center:
    base = problem.nearest_cost(_kept(problem, terms))
    columns = np.flatnonzero(terms.allowed)
    columns = columns[np.argsort(problem.rank[columns])]
    place = np.full(len(problem.open), -1, np.intp)
    place[columns] = np.arange(len(columns))
    pairs = (place[problem.pair_site] >= 0) & (problem.cost < base[problem.demand])
    return _Center(
        columns=columns,
        room=Room.of(problem, limits, terms, columns),
        row=problem.demand[pairs].astype(np.intp),
        site=place[problem.pair_site[pairs]],
        cost=problem.cost[pairs],
        base=base,
    )


def _kept(problem: Problem, terms: Terms) -> NDArray[np.bool_]:
    kept = problem.open.copy()
    kept[terms.required] = True
    return kept


def _begin(center: _Center, allowance: Allowance) -> NDArray[np.bool_] | None:
    """Return sites that serve everybody; None where none can."""
    nothing = np.zeros(len(center.columns), np.bool_)
    if np.isfinite(center.base).all():
        return nothing
    if np.isinf(center.lowest):
        return None
    cover = find_cover(center.reach(float(center.radii[-1])), center.room, allowance, cheapest=False)
    if cover.chosen is None and not cover.impossible:
        msg = f"no plan that serves everybody was found within {allowance.limit}, and none was proven impossible"
        raise UnprovenError(msg)
    return cover.chosen


def _narrow(
    center: _Center, chosen: NDArray[np.bool_], gap: float, allowance: Allowance
) -> tuple[NDArray[np.bool_], float]:
    """Return the best sites and what no plan is better than, by halving the radii in question.

    Greedy covers narrow them from above first; whether a radius is possible at all is then asked exactly.
    """
    radii = center.radii
    low = int(np.searchsorted(radii, center.lowest))
    for exact in (False, True):
        floor, high = low, int(np.searchsorted(radii, center.radius(chosen)))
        while floor < high and (radii[high] - radii[floor] > gap * max(1.0, radii[high]) or not exact):
            middle = (floor + high) // 2
            reach = center.reach(float(radii[middle]))
            if exact:
                cover = find_cover(reach, center.room, allowance, cheapest=False)
            else:
                greedy = cover_greedily(reach, center.room)
                served = center.radius(greedy) <= radii[middle]
                cover = Cover(chosen=greedy if served else None, impossible=not served)
            if cover.chosen is not None:
                chosen, high = cover.chosen, int(np.searchsorted(radii, center.radius(cover.chosen)))
            elif cover.impossible:
                floor = middle + 1
            else:
                break
        low = floor if exact else low
    return chosen, float(radii[low])


def _cheapened(center: _Center, chosen: NDArray[np.bool_], allowance: Allowance) -> NDArray[np.bool_]:
    """Return the cheapest sites that keep the greatest cost, if the time allows; none that nobody would miss."""
    radius = center.radius(chosen)
    cover = find_cover(center.reach(radius), center.room, allowance.part(_CHEAPENING))
    best = chosen if cover.chosen is None else cover.chosen
    for site in np.flatnonzero(best)[np.lexsort((np.flatnonzero(best), center.room.cost[best]))][::-1]:
        without = best.copy()
        without[site] = False
        best = without if center.radius(without) <= radius else best
    return best


def _plan(
    problem: Problem, limits: Limits, terms: Terms, found: tuple[NDArray[np.intp], float, float, float]
) -> SitingPlan:
    columns, bound, lowest, seconds = found
    order, gains = order_by_gain(problem, np.concatenate([terms.required, columns]))
    counts = problem.open.copy()
    counts[order] = True
    objective = float(problem.nearest_cost(counts).max(initial=0.0))
    return SitingPlan(
        model="p-center",
        objective=objective,
        bound=min(bound, objective),
        status="optimal" if bound >= objective else "feasible",
        seconds=seconds,
        bound_by="enumeration" if bound <= lowest else "solver",
        **opened_fields(problem, limits, order, gains),
    )
