"""Whether the sites of a plan may open together, and whom each brings in: counted anew, without a solver."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from accessibility.errors import UnknownSiteError, UnprovenError
from accessibility.siting.limits import TOUCHING_M

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accessibility.siting.plan import SitingPlan
    from accessibility.siting.problem import Problem

PROVEN = 1e-8
"""Relative gap that is nothing to a solver."""


def check_sites(problem: Problem, plan: SitingPlan) -> NDArray[np.bool_]:
    """Return ``(s,)`` which sites count under a plan: those open today, less the closed, and the selected.

    Raises
    ------
    UnprovenError
        A site that may not open or close, a limit or condition that does not hold, costs that are not the problem's.
    """
    rows, closed = _rows(problem, plan.selected, "selects"), _rows(problem, plan.closed, "closes")
    _check_roles(problem, plan, rows, closed)
    for site, claimed, row in zip(plan.selected, plan.costs, rows, strict=True):
        if claimed != problem.site_cost[row]:
            _refuse(f"the plan says that opening {site!r} costs {claimed}; it is {problem.site_cost[row]}")
    if plan.sites is not None:
        _check_stand(problem, plan, rows)
    if plan.sites_limit is not None and len(rows) > plan.sites_limit:
        _refuse(f"the plan opens {len(rows)} sites; at most {plan.sites_limit} may open")
    units = problem.cost_units
    net = units.sum(rows) - units.sum(closed)
    if plan.budget is not None and net > units.most(plan.budget):
        _refuse(f"the plan costs {units.amount(net)}; the budget is {plan.budget}")
    counts = problem.open.copy()
    counts[closed], counts[rows] = False, True
    _check_conditions(problem, plan, rows, counts)
    return counts


def gains_in_order(problem: Problem, plan: SitingPlan) -> list[float]:
    """Return the people that each site brings in, in opening order, once what closes is gone."""
    before = problem.open.copy()
    before[problem.rows(plan.closed)] = False
    covered, units = problem.covered_by(before), problem.people_units
    gains: list[float] = []
    for row in problem.rows(plan.selected):
        pairs = slice(problem.start[row], problem.start[row + 1])
        reach = problem.demand[pairs][problem.within[pairs]]
        gains.append(units.amount(units.sum(reach[~covered[reach]].astype(np.intp))))
        covered[reach] = True
    return gains


def covered_twice(problem: Problem, sites: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which points two sites of the mask or more cover."""
    pairs = problem.within & sites[problem.pair_site]
    times = np.bincount(problem.demand[pairs], minlength=len(problem.people))
    found: NDArray[np.bool_] = times > 1
    return found


def _refuse(message: str) -> NoReturn:
    raise UnprovenError(message)


def _rows(problem: Problem, ids: Sequence[Any], verb: str) -> NDArray[np.intp]:
    try:
        return problem.rows(ids)
    except (UnknownSiteError, TypeError) as error:
        msg = f"the plan {verb} what is not there: {error}"
        raise UnprovenError(msg) from error


def _check_roles(problem: Problem, plan: SitingPlan, rows: NDArray[np.intp], closed: NDArray[np.intp]) -> None:
    """Check that what opens are candidates, and that what closes are open sites, no more than may."""
    if len(set(rows)) < len(rows) or not problem.candidate[rows].all():
        _refuse(f"the plan selects {plan.selected}; expected each once, and candidates only")
    if len(set(closed)) < len(closed) or not problem.open[closed].all():
        _refuse(f"the plan closes {plan.closed}; expected each once, and sites that are open")
    if len(closed) > (plan.closures_limit or 0):
        _refuse(f"the plan closes {len(closed)} sites; at most {plan.closures_limit or 0} may close")


def _check_stand(problem: Problem, plan: SitingPlan, rows: NDArray[np.intp]) -> None:
    """Check that the sites a plan shows are those it selects, where they stand."""
    shown, there = plan.sites, problem.sites_at(rows)
    if shown is None or shown.ids.tolist() != list(plan.selected):
        _refuse(f"the plan shows other sites than those it selects: {plan.selected}")
    if there is not None and not (np.array_equal(shown.xy, there.xy) and shown.kind.tolist() == there.kind.tolist()):
        _refuse("the plan shows its sites in other places, or as other kinds, than the problem")


def _check_conditions(problem: Problem, plan: SitingPlan, rows: NDArray[np.intp], counts: NDArray[np.bool_]) -> None:
    """Check the sites against what was asked by name."""
    asked, there = plan.conditions, set(plan.selected)
    required = problem.rows(asked.required)
    missing = problem.ids[required[~counts[required]]].tolist()
    if missing and plan.status != "infeasible":
        _refuse(f"the plan leaves out {missing}, which are required")
    if there & set(asked.forbidden):
        _refuse(f"the plan opens {sorted(map(str, there & set(asked.forbidden)))}, forbidden are {asked.forbidden}")
    _check_packs(problem, plan, rows, counts)


def _check_packs(problem: Problem, plan: SitingPlan, rows: NDArray[np.intp], counts: NDArray[np.bool_]) -> None:
    """Check quotas, exclusive pairs and spacing."""
    asked, there = plan.conditions, set(plan.selected)
    for name, most in asked.quotas.items():
        used = int(((problem.kind[rows] == name) | (problem.bank[rows] == name)).sum())
        if used > most:
            _refuse(f"the plan opens {used} sites of {name!r}; the quota is {most}")
    for pair in asked.exclusive:
        both = problem.rows(pair)
        if counts[both].all() and there & set(pair):
            _refuse(f"the plan has both {pair[0]!r} and {pair[1]!r}; at most 1 may be open")
    xy = problem.site_xy
    for a, b in combinations(rows, 2) if asked.spacing_m > 0 else ():
        if xy is None:
            return
        apart = float(np.hypot(*(xy[a] - xy[b])))
        if apart < asked.spacing_m - TOUCHING_M:
            _refuse(f"{problem.ids[a]!r} and {problem.ids[b]!r} are {apart:g} m apart; expected {asked.spacing_m:g} m")
