"""What it costs, in people, that no district is left behind: the price of a floor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError, checked
from accessibility.siting.closing import close_gap
from accessibility.siting.covering import read_covering
from accessibility.siting.effort import Clock
from accessibility.siting.goals import MostPeople
from accessibility.siting.infeasible import refuse_boundless
from accessibility.siting.limits import Limits
from accessibility.siting.outcome import cover_plan, refused_plan, status_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem

_FLOORS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class FloorPrice:
    """People covered against the least share of its people that every district has covered.

    Parameters
    ----------
    floors
        ``(k,)`` the floors, ascending, each once.
    free
        The best plan without a floor.
    plans
        ``(k,)`` the best plan found for each floor, with its own proof; the one that falls short least where no plan
        meets the floor.
    bound_people
        ``(k,)`` no plan that meets the floor covers more; what bounds a lower floor bounds the higher ones, too. NaN
        where none meets it.
    seconds
        Wall time.

    Examples
    --------
    >>> from accessibility.siting import Problem, floor_price
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 9, 1]], [30, 10, 20], 5, district=["A", "A", "B"])
    >>> price = floor_price(problem, [0.0, 0.5], sites=2)
    >>> price
    <FloorPrice of 2 floors, 2 of them met; 0 people for 0.5>
    """

    floors: tuple[float, ...]
    free: SitingPlan
    plans: tuple[SitingPlan, ...]
    bound_people: NDArray[np.float64]
    seconds: float

    def __repr__(self) -> str:
        """Return the floors, and what the highest one that can be met costs."""
        prices = self.table().dropna(subset="price_people")
        end = (
            "" if prices.empty else f"; {prices['price_people'].iloc[-1]:,.0f} people for {prices['floor'].iloc[-1]:g}"
        )
        return f"<FloorPrice of {len(self.floors)} floors, {len(prices)} of them met{end}>"

    def table(self) -> pd.DataFrame:
        """Return one row per floor, the lowest first.

        Returns
        -------
        pandas.DataFrame
            ``floor``, ``covered_people``, ``bound_people``, ``price_people`` (people lost against the best plan without
            a floor), ``price_at_least`` and ``price_at_most`` (what the two bounds leave open of it), ``status``,
            ``short_people`` (how many are missing where no plan meets the floor), ``sites``, ``cost`` and ``message``.
            People and prices are empty where no plan meets the floor, and the message says how many people are missing
            where; the status is ``unproven`` where the search was cut short before either was known.

        Examples
        --------
        >>> price.table()[["floor", "price_people", "short_people"]].to_dict("records")[0]
        {'floor': 0.0, 'price_people': 0.0, 'short_people': 0.0}
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        covered, bound = _covered(self.plans), self.bound_people
        return pd.DataFrame(
            {
                "floor": np.array(self.floors),
                "covered_people": covered,
                "bound_people": bound,
                "price_people": self.free.objective - covered,
                "price_at_least": np.maximum(self.free.objective - bound, 0.0),
                "price_at_most": self.free.bound - covered,
                "status": status_column(self.plans, bound, covered),
                "short_people": np.array([float(sum(plan.short_people.values())) for plan in self.plans]),
                "sites": np.array([len(plan.selected) for plan in self.plans]),
                "cost": np.array([plan.cost for plan in self.plans]),
                "message": pd.Series([plan.message for plan in self.plans], dtype=object),
            }
        )


@checked
def floor_price(
    problem: Problem,
    floors: Iterable[float] = _FLOORS,
    *,
    sites: int | None = None,
    budget: float | None = None,
    conditions: Conditions | None = None,
    time_limit_s: float | None = None,
) -> FloorPrice:
    """Return how many people fewer are covered when every district has to have a share of its own covered.

    Parameters
    ----------
    problem
        People with their districts, candidates and what is covered today. Without districts everybody is one.
    floors
        Least shares, 0 to 1. Told in ascending order, each once.
    sites, budget
        Greatest number of sites, greatest total cost; at least one of them.
    conditions
        What every plan keeps to beside. Its own `Conditions.floor` is left out; single districts in `Conditions.floors`
        keep theirs.
    time_limit_s
        Wall seconds for all floors together; without any the search ends by its work, and the same on every machine.

    Returns
    -------
    FloorPrice
        People covered never rise with the floor, nor do bounds.

    Raises
    ------
    InputError
        Neither a number of sites nor a budget, no floors, floors that are no shares.

    Examples
    --------
    >>> from accessibility.siting import Problem, floor_price
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 9, 1]], [30, 10, 20], 5, district=["A", "A", "B"])
    >>> floor_price(problem, [0.0, 0.5], sites=1).table()[["floor", "covered_people", "price_people", "short_people"]]
       floor  covered_people  price_people  short_people
    0    0.0            40.0           0.0           0.0
    1    0.5             NaN           NaN          10.0
    """
    clock = Clock(limit_s=time_limit_s)
    limits = Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    several = [_floored(limits, floor) for floor in (0.0, *_ascending(floors))]
    plans: list[SitingPlan] = []
    # From the highest floor down: what meets it meets the lower ones, too.
    for left, asked in zip(range(len(several), 0, -1), reversed(several), strict=True):
        known = plans[-1] if plans and plans[-1].status != "infeasible" else None
        plans.append(_solve(problem, asked, known, clock.part(1.0 / left)))
    free, *found = reversed(plans)
    return FloorPrice(
        floors=tuple(asked.conditions.floor for asked in several[1:]),
        free=free,
        plans=tuple(found),
        bound_people=_bounds([free, *found])[1:],
        seconds=clock.spent_s,
    )


def _ascending(floors: Iterable[float]) -> list[float]:
    try:
        given = sorted({float(floor) for floor in floors})
    except (TypeError, ValueError) as error:
        msg = f"floors is {floors!r}; expected a list of shares from 0 to 1"
        raise InputError(msg) from error
    if not given:
        msg = "floors is an empty list; expected shares from 0 to 1"
        raise InputError(msg)
    return given


def _floored(limits: Limits, floor: float) -> Limits:
    return replace(limits, conditions=replace(limits.conditions, floor=floor))


def _solve(problem: Problem, limits: Limits, known: SitingPlan | None, clock: Clock) -> SitingPlan:
    """Return the best plan under the limits, beginning from one that is known to keep to them."""
    reading = read_covering(problem, limits)
    if reading.terms.contradiction:
        return refused_plan(problem, limits, "mclp", reading.terms.contradiction)
    begun = None if known is None else problem.rows(known.selected)
    course = close_gap(MostPeople(), reading.covering, 0.0, clock, begun)
    return cover_plan(problem, limits, reading, course, clock)


def _covered(plans: Sequence[SitingPlan]) -> NDArray[np.float64]:
    """Return the people covered under each floor, never more than under a lower one; NaN where none meets it."""
    covered = np.array([np.nan if plan.status == "infeasible" else plan.objective for plan in plans])
    # Plans are carried over; the same people summed in another order may differ in the last digit.
    return np.fmax.accumulate(covered[::-1])[::-1] + 0.0 * covered


def _bounds(plans: Sequence[SitingPlan]) -> NDArray[np.float64]:
    """Return the bound of each floor, no larger than that of a lower one."""
    bound = np.array([np.nan if plan.status == "infeasible" else plan.bound for plan in plans])
    return np.maximum(np.fmin.accumulate(bound), _covered(plans)) + 0.0 * bound
