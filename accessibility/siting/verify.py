"""An independent look at a plan: everything it claims is computed anew from the raw problem, without any solver."""

from __future__ import annotations

from importlib import import_module
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from accessibility.arguments import checked
from accessibility.errors import UnknownSiteError, UnprovenError
from accessibility.siting.certificate import ROUNDING, coverable, floor_people, people_wanted, proven_bound
from accessibility.siting.limits import TOUCHING_M, affordable, district_people, least_share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accessibility.siting.plan import SitingPlan
    from accessibility.siting.problem import Problem

CHECKERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "mclp": ("verify", "check_cover"),
        "max-min": ("verify", "check_max_min"),
        "lscp": ("verify", "check_spending"),
        "partial": ("verify", "check_spending"),
        "backup": ("backup", "check_backup"),
        "p-center": ("p_center", "check_p_center"),
        "p-median": ("p_median", "check_p_median"),
        "relocation": ("relocation", "check_relocation"),
    }
)
"""Model to the module of this package and the function in it that checks its plans: ``check(problem, plan)``."""


@checked
def verify_plan(problem: Problem, plan: SitingPlan) -> None:
    """Return nothing where the plan holds what it claims for this problem.

    Sites, costs, limits, every condition, the gains in opening order, the objective, the side of the bound and the
    status are computed anew; so is the bound itself where the plan carries a dual certificate. A bound that only the
    solver vouches for (``bound_by == "solver"``) is checked for its side, and against the certificate there may be.

    Raises
    ------
    UnprovenError
        A claim that does not hold, with both numbers.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from accessibility.siting import Problem, solve_mclp
    >>> problem = Problem.from_costs([[100, 900, 2000], [950, 200, 300]], [30, 10, 20], cutoff=900)
    >>> plan = solve_mclp(problem, sites=1)
    >>> verify_plan(problem, plan)
    >>> verify_plan(problem, replace(plan, objective=41.0))
    Traceback (most recent call last):
    accessibility.errors.UnprovenError: the plan says that it covers 41.0 people in all; it is 40.0
    """
    module, name = CHECKERS[plan.model]
    getattr(import_module(f"{__package__}.{module}"), name)(problem, plan)


def check_cover(problem: Problem, plan: SitingPlan) -> None:
    """Check a plan that covers most people."""
    check_sites(problem, plan)
    covered = check_gains(problem, plan)
    agree(plan.objective, covered, "it covers {} people in all")
    there = district_people(problem, _covered(problem, plan))
    check_short(plan, {name: wanted - there[name] for name, wanted in floor_people(problem, plan).items()})
    check_bound(problem, plan, least_is_best=False)


def check_max_min(problem: Problem, plan: SitingPlan) -> None:
    """Check a plan that raises the least covered share of a district."""
    check_sites(problem, plan)
    check_gains(problem, plan)
    agree(plan.objective, least_share(problem, _covered(problem, plan)), "the least share of a district is {}")
    check_bound(problem, plan, least_is_best=False)


def check_spending(problem: Problem, plan: SitingPlan) -> None:
    """Check a plan of least cost that covers everybody within reach, or a share of all."""
    check_sites(problem, plan)
    covered = check_gains(problem, plan)
    agree(plan.objective, float(problem.site_cost[problem.rows(plan.selected)].sum()), "it costs {}")
    wanted = people_wanted(problem, plan)
    if plan.model == "lscp":
        wanted = float(problem.people[coverable(problem, plan.conditions)].sum())
    there = district_people(problem, _covered(problem, plan))
    short = {name: people - there[name] for name, people in floor_people(problem, plan).items()}
    check_short(plan, {**short, "total": max(wanted - covered, short.get("total", 0.0))})
    check_bound(problem, plan, least_is_best=True)


def agree(claimed: float, found: float, what: str) -> None:
    """Raise where a claimed number is not the one that was found."""
    if not abs(claimed - found) <= _hair(found):
        msg = f"the plan says that {what.format(claimed)}; it is {found}"
        raise UnprovenError(msg)


def check_sites(problem: Problem, plan: SitingPlan) -> None:
    """Check that the sites may open together: candidates, once each, their costs, every limit and condition."""
    try:
        rows = problem.rows(plan.selected)
    except UnknownSiteError as error:
        msg = f"the plan selects what is not there: {error}"
        raise UnprovenError(msg) from error
    if len(set(plan.selected)) != len(plan.selected):
        msg = f"the plan selects {len(plan.selected)} sites, but {len(set(plan.selected))} different ones"
        raise UnprovenError(msg)
    never = [site for site, row in zip(plan.selected, rows, strict=True) if not problem.candidate[row]]
    if never:
        msg = f"the plan opens {len(never)} sites that are no candidates: {never[:10]}; expected 0"
        raise UnprovenError(msg)
    for site, claimed, row in zip(plan.selected, plan.costs, rows, strict=True):
        agree(claimed, float(problem.site_cost[row]), f"opening {site!r} costs {{}}")
    cost = float(problem.site_cost[rows].sum())
    if plan.sites_limit is not None and len(rows) > plan.sites_limit:
        msg = f"the plan opens {len(rows)} sites; at most {plan.sites_limit} may open"
        raise UnprovenError(msg)
    if plan.budget is not None and cost > affordable(plan.budget):
        msg = f"the plan costs {cost}; the budget is {plan.budget}"
        raise UnprovenError(msg)
    _check_conditions(problem, plan, rows)


def check_gains(problem: Problem, plan: SitingPlan) -> float:
    """Check the people that each site brings in, in opening order; return how many are covered in all."""
    covered = problem.covered.copy()
    before = float(problem.people[covered].sum())
    agree(plan.covered_before, before, "{} people are covered before")
    agree(plan.population, float(problem.people.sum()), "there are {} people")
    gains = []
    for site, claimed, row in zip(plan.selected, plan.gain, problem.rows(plan.selected), strict=True):
        pairs = slice(problem.start[row], problem.start[row + 1])
        reach = problem.demand[pairs][problem.within[pairs]]
        gains.append(float(problem.people[reach[~covered[reach]]].sum()))
        agree(claimed, gains[-1], f"{site!r} brings in {{}} people")
        covered[reach] = True
    later = [k for k in range(1, len(gains)) if gains[k] > gains[k - 1] + _hair(gains[k])]
    if later:
        k = later[0]
        msg = f"the plan opens {plan.selected[k]!r} with {gains[k]} people after one with {gains[k - 1]}"
        raise UnprovenError(msg)
    return float(problem.people[covered].sum())


def check_short(plan: SitingPlan, short: dict[str, float]) -> None:
    """Check that what a plan has to cover is covered, or that an infeasible one tells who is missing.

    Parameters
    ----------
    plan
        The plan.
    short
        District, or ``total``, to the people missing there; 0 or less where nobody is.
    """
    missing = {name: people for name, people in short.items() if people > _hair(plan.population)}
    if plan.status != "infeasible":
        for name, people in missing.items():
            msg = f"the plan is called {plan.status}; it is short by {people} people in {name}, not by 0"
            raise UnprovenError(msg)
    elif plan.short_people:
        for name in {**missing, **plan.short_people}:
            claimed, found = plan.short_people.get(name, 0.0), missing.get(name, 0.0)
            agree(claimed, found, f"{{}} people are short in {name}")


def check_bound(problem: Problem, plan: SitingPlan, *, least_is_best: bool) -> None:
    """Check that the bound lies on the right side, is what the certificate proves, and that the status fits it."""
    if plan.status == "infeasible":
        if not plan.short_people and not _contradicts_itself(problem, plan):
            msg = "the plan is called infeasible, but 0 people are short and the required sites keep to every limit"
            raise UnprovenError(msg)
    elif (plan.bound - plan.objective) * (-1 if least_is_best else 1) < -_hair(plan.objective):
        msg = f"the plan's bound is {plan.bound}; its objective {plan.objective} is better than that"
        raise UnprovenError(msg)
    closed = plan.gap <= ROUNDING
    if plan.status != "infeasible" and closed != (plan.status == "optimal"):
        msg = f"the plan is called {plan.status}, its gap is {plan.gap} ({plan.objective} of {plan.bound})"
        raise UnprovenError(msg)
    if plan.multipliers is None:
        if plan.bound_by == "certificate":
            msg = f"the plan's bound {plan.bound} is said to be certified, but it has no multipliers"
            raise UnprovenError(msg)
        return
    proven = proven_bound(problem, plan)
    tighter = (plan.bound - proven) * (1 if least_is_best else -1)
    # A closed gap is stated as the objective itself, which rounding may set a hair apart from the certificate.
    wrong = abs(tighter) > _hair(proven) if plan.bound_by == "certificate" else tighter < -_hair(proven)
    if wrong:
        msg = f"the plan's bound is {plan.bound}; its certificate proves {proven}"
        raise UnprovenError(msg)


def _hair(total: float) -> float:
    return 2 * ROUNDING * max(1.0, abs(total))


def _covered(problem: Problem, plan: SitingPlan) -> NDArray[np.bool_]:
    opened = problem.open.copy()
    opened[problem.rows(plan.selected)] = True
    return problem.covered_by(opened)


def _check_conditions(problem: Problem, plan: SitingPlan, rows: NDArray[np.intp]) -> None:
    asked, there = plan.conditions, set(plan.selected)
    count = there | set(problem.ids[problem.open].tolist())
    if there & set(asked.forbidden):
        msg = f"the plan opens {sorted(map(str, there & set(asked.forbidden)))}, forbidden are {asked.forbidden}"
        raise UnprovenError(msg)
    missing = [site for site in asked.required if site not in count]
    if missing and plan.status != "infeasible":
        msg = f"the plan opens {len(asked.required) - len(missing)} of {len(asked.required)} required sites"
        raise UnprovenError(msg)
    for name, most in asked.quotas.items():
        used = int(((problem.kind[rows] == name) | (problem.bank[rows] == name)).sum())
        if used > most:
            msg = f"the plan opens {used} sites of {name!r}; the quota is {most}"
            raise UnprovenError(msg)
    for one, other in asked.exclusive:
        if one in count and other in count and {one, other} & there:
            msg = f"the plan opens both {one!r} and {other!r}; at most 1 may open"
            raise UnprovenError(msg)
    if asked.spacing_m > 0 and problem.site_xy is not None:
        _check_spacing(plan, problem.site_xy[rows])


def _check_spacing(plan: SitingPlan, xy: NDArray[np.float64]) -> None:
    for place in range(len(xy) - 1):
        apart = np.hypot(*(xy[place + 1 :] - xy[place]).T)
        if apart.min() < plan.conditions.spacing_m - TOUCHING_M:
            one, other = plan.selected[place], plan.selected[place + 1 + int(apart.argmin())]
            msg = f"{one!r} and {other!r} stand {apart.min()} m apart; expected {plan.conditions.spacing_m}"
            raise UnprovenError(msg)


def _contradicts_itself(problem: Problem, plan: SitingPlan) -> bool:
    """Return whether the required sites alone break a limit."""
    asked = plan.conditions
    rows = np.unique(problem.rows(asked.required))
    ids = set(problem.ids[rows].tolist()) | set(problem.ids[problem.open].tolist())
    rows = rows[~problem.open[rows]]
    apart = problem.site_xy[rows] if asked.spacing_m > 0 and problem.site_xy is not None else np.empty((0, 2))
    return (
        (plan.sites_limit is not None and len(rows) > plan.sites_limit)
        or (plan.budget is not None and float(problem.site_cost[rows].sum()) > affordable(plan.budget))
        or any(
            ((problem.kind[rows] == name) | (problem.bank[rows] == name)).sum() > most
            for name, most in asked.quotas.items()
        )
        or any(one in ids and other in ids and {one, other} & set(asked.required) for one, other in asked.exclusive)
        or any(np.hypot(*(a - b)) < asked.spacing_m - TOUCHING_M for a, b in combinations(apart, 2))
    )
