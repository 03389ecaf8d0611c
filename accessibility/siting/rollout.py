"""One opening order for every budget: each plan of the order holds the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import checked
from accessibility.siting.annealing import improve
from accessibility.siting.covering import fix_columns, take_columns
from accessibility.siting.greedy import close_needless, open_for_floors
from accessibility.siting.limits import affordable
from accessibility.siting.plan import order_by_gain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.covering_course import Course
    from accessibility.siting.effort import Allowance
    from accessibility.siting.problem import Problem

_CHAINS = 25
_ROUNDS = 0  # exchanges alone: annealing finds no better orders


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Rollout:
    """Sites in the order in which they open, whatever the budget turns out to be.

    Parameters
    ----------
    order
        Ids of the sites; required ones first.
    gain, cost
        ``(p,)`` people that each brings in after those before it, and what it costs.
    covered_before
        People covered before the first opens.

    Examples
    --------
    >>> from accessibility.siting import Rollout
    >>> order = Rollout(order=("B1", "B2"), gain=(30.0, 20.0), cost=(1.0, 2.0), covered_before=10.0)
    >>> order.covered_people(budget=1)
    40.0
    """

    order: tuple[object, ...]
    gain: tuple[float, ...]
    cost: tuple[float, ...]
    covered_before: float

    def opened(self, *, sites: float = np.inf, budget: float = np.inf) -> int:
        """Return how many sites have opened, in order, once a number of sites or a budget is used up.

        Parameters
        ----------
        sites, budget
            The limits, of which both hold; infinite if not given.

        Returns
        -------
        int
            The first sites of the order, as many as both limits let open.

        Examples
        --------
        >>> order.opened(budget=2), order.opened(budget=3)
        (1, 2)
        """
        paid = int(np.searchsorted(np.cumsum(self.cost), affordable(budget), side="right"))
        return paid if sites >= paid else int(sites)

    def covered_people(self, *, sites: float = np.inf, budget: float = np.inf) -> float:
        """Return how many people are covered once a number of sites or a budget is used up.

        Parameters
        ----------
        sites, budget
            The limits, of which both hold; infinite if not given.

        Returns
        -------
        float
            People covered before the first opens, and those that each opened site brings in.

        Examples
        --------
        >>> order.covered_people(sites=1), order.covered_people()
        (40.0, 60.0)
        """
        return self.covered_before + float(sum(self.gain[: self.opened(sites=sites, budget=budget)]))

    def table(self) -> pd.DataFrame:
        """Return one row per site, in opening order.

        Returns
        -------
        pandas.DataFrame
            ``rank``, ``id``, ``cost``, ``spent`` (on this and those before), ``gain_people`` and ``covered_people``.

        Examples
        --------
        >>> order.table()[["id", "spent", "covered_people"]].to_dict("records")[-1]
        {'id': 'B2', 'spent': 3.0, 'covered_people': 60.0}
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        gain, cost = np.array(self.gain, dtype=float), np.array(self.cost, dtype=float)
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(gain) + 1),
                "id": pd.Series(list(self.order), dtype=object),
                "cost": cost,
                "spent": np.cumsum(cost),
                "gain_people": gain,
                "covered_people": self.covered_before + np.cumsum(gain),
            }
        )


def find_rollout(problem: Problem, courses: Sequence[Course], allowance: Allowance) -> Rollout:
    """Return an opening order whose plans cover as much as they can at each of the budgets, taken together.

    From the best plan of one budget an order leads down, by leaving sites out, and up, by adding some; the budget from
    which the plans cover most people in all decides. Plans come as near to the floors as they can and otherwise keep
    to every condition. That no order is better is not proven.

    Parameters
    ----------
    problem
        People and sites.
    courses
        Where the search ended for each budget that any plan keeps to, the smallest first; the columns of each stand in
        the last one, too. Without any there is no order.
    allowance
        When to stop; one order is found in any case.
    """
    if not courses:
        return Rollout(order=(), gain=(), cost=(), covered_before=problem.covered_people)
    best: list[NDArray[np.intp]] = []
    most = (1, 0)
    for place in _pivots(courses):
        if best and allowance.up:
            break
        chain = _chain(courses, place, allowance)
        worth = _worth(courses, chain)
        if not best or worth > most:
            best, most = chain, worth
    return _ordered(problem, courses[-1].small.opened, best)


def _pivots(courses: Sequence[Course]) -> list[int]:
    """Return the budgets from which to lead: the first and the last one, and those between, or some of them.

    From one plan one order leads, however many budgets it is the best of.
    """
    count = len(courses)
    places = [0, count - 1, *np.linspace(0, count - 1, _CHAINS).round().astype(int).tolist()]
    first: dict[bytes, int] = {}
    for place in places:
        first.setdefault(np.sort(courses[place].sites).tobytes(), place)
    return list(first.values())


def _chain(courses: Sequence[Course], place: int, allowance: Allowance) -> list[NDArray[np.intp]]:
    """Return the sites of every budget's plan, each plan within the next one, from the best plan of one budget."""
    course = courses[place]
    needed = close_needless(course.small, course.chosen, course.small.value(course.chosen))
    plans = {place: course.small.site[needed]}
    for k in range(place - 1, -1, -1):
        small = courses[k].small
        plans[k] = _best_plan(take_columns(small, np.isin(small.site, plans[k + 1])), allowance)
    for k in range(place + 1, len(courses)):
        small = courses[k].small
        left = fix_columns(small, np.isin(small.site, plans[k - 1]), np.zeros(len(small.site), np.bool_))
        plans[k] = np.concatenate([plans[k - 1], _best_plan(left, allowance)])
    return [plans[k] for k in range(len(courses))]


def _best_plan(left: Covering, allowance: Allowance) -> NDArray[np.intp]:
    return left.site[improve(left, open_for_floors(left), _ROUNDS, allowance)]


def _worth(courses: Sequence[Course], chain: Sequence[NDArray[np.intp]]) -> tuple[int, int]:
    """Return what makes one order better than another: less shortage over all budgets, then more people covered."""
    short, covered = 0, 0
    for course, sites in zip(courses, chain, strict=True):
        chosen = np.isin(course.small.site, sites)
        short += int(course.small.shortage(chosen).sum())
        covered += course.small.value(chosen)
    return -short, covered


def _ordered(problem: Problem, required: NDArray[np.intp], chain: Sequence[NDArray[np.intp]]) -> Rollout:
    """Return the sites plan by plan, within a plan by gain; who brings in nobody is left out, unless required."""
    kept = problem.open.copy()
    order: list[int] = []
    gains: list[float] = []
    for sites in (required, *chain):
        rows, gain = order_by_gain(problem, sites[~kept[sites]], kept)
        stays = (gain > 0) | np.isin(rows, required)
        kept[rows] = True
        order += rows[stays].tolist()
        gains += gain[stays].tolist()
    rows = np.array(order, dtype=np.intp)
    return Rollout(
        order=tuple(problem.ids[rows].tolist()),
        gain=tuple(gains),
        cost=tuple(problem.site_cost[rows].tolist()),
        covered_before=problem.covered_people,
    )
