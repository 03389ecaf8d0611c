"""What a dual certificate proves, from the raw problem and with numpy alone.

Every uncovered person is priced in part. Whoever is not priced counts as covered. A candidate is paid for the priced
people in its reach, as if nobody else reached them, and charged for what it takes up of every limit; those that are
left with a profit count. Whatever the prices, no plan is better than the sum (weak duality)::

    people covered <= sum over points i of people[i] * (1 - multiplier[i])
                    + sum over sites j of max(0, sum over i in reach of j of people[i] * multiplier[i] - charges of j)
                    + sum over limits of price * limit

One pass over the pairs computes it, so that anybody can check a plan without a solver.

Where the objective is a cost the same sum bounds how much covering so little money can buy (partial), or the people
themselves say what covering them is worth (lscp).

Whether the sites of a plan may open together, and whom each brings in, is counted anew, without a solver.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from accessibility.errors import UnknownSiteError, UnprovenError, spell_number
from accessibility.siting.limits import (
    TOTAL,
    TOUCHING_M,
    Limits,
    district_people,
    district_units,
    improvable,
    limits_of,
    money_left,
)
from accessibility.siting.numbers import CLOSE, SLACK, SUMS
from accessibility.siting.plan import SPENDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem


_A_PART = 1e-3  # of a person


def proven_bound(problem: Problem, plan: SitingPlan) -> float:
    """Return the bound that the multipliers and prices of a plan prove, rounded where the objective is whole.

    Raises
    ------
    UnprovenError
        No multipliers, some outside 0 to 1, or prices on limits that were not set.
    """
    multipliers = _multipliers(problem, plan)
    if plan.prices.closure and plan.model != "relocation":
        each = spell_number(plan.prices.closure)
        msg = f"the certificate charges {each} for each site closed, and none closes in {plan.model}"
        raise UnprovenError(msg)
    if plan.model == "relocation":
        return _most_people(problem, _relocated(problem, plan, multipliers) - _raised(problem, plan))
    may = sites_that_may_open(problem, limits_of(plan)) & ~_crowded_out(problem, plan.conditions)
    if plan.model == "lscp":
        wanted = coverable(problem, plan.conditions) & ~problem.covered & (problem.people > 0)
        priced = np.where(wanted, multipliers, 0.0)
        return _whole_cost(problem, float(priced.sum()) - _profits(problem, plan, priced, may))
    worth = problem.people * _worth(problem, plan)
    priced = np.where(problem.covered, 0.0, multipliers * worth)
    most = float(worth.sum() - priced.sum()) + _profits(problem, plan, priced, may)
    if plan.model == "partial":
        return _whole_cost(problem, plan.prices.reach * _lifted(problem, people_wanted(problem, plan)) - most)
    if plan.model == "max-min":
        return share_within(problem, improvable(problem, limits_of(plan)), most)
    return _most_people(problem, most - _raised(problem, plan))


def proven_part(problem: Problem, plan: SitingPlan) -> float:
    """Return what the multipliers and prices of a plan for most people prove of a part of a country.

    The limits and floors, which all parts share, are left out: they count once, at their prices.

    Raises
    ------
    UnprovenError
        As `proven_bound`.
    """
    multipliers = _multipliers(problem, plan)
    may = sites_that_may_open(problem, limits_of(plan)) & ~_crowded_out(problem, plan.conditions)
    worth = problem.people * _worth(problem, plan)
    priced = np.where(problem.covered, 0.0, multipliers * worth)
    return float(worth.sum() - priced.sum()) + _profit(problem, plan, priced, may)


def _multipliers(problem: Problem, plan: SitingPlan) -> NDArray[np.float64]:
    if plan.multipliers is None or plan.multipliers.shape != problem.people.shape:
        msg = f"the plan has no multiplier for each of the {len(problem.people)} demand points; they prove nothing"
        raise UnprovenError(msg)
    multipliers = plan.multipliers
    greatest = np.inf if plan.model == "lscp" else 1.0
    if not ((multipliers >= 0) & (multipliers <= greatest)).all():
        least, most = spell_number(multipliers.min()), spell_number(multipliers.max())
        msg = f"multipliers go from {least} to {most}; only 0 to {spell_number(greatest)} proves a bound"
        raise UnprovenError(msg)
    return multipliers


def _raised(problem: Problem, plan: SitingPlan) -> float:
    """Return what the people that the floors ask for are worth by the prices on floors."""
    floors = floor_people(problem, plan)
    return sum(plan.prices.floor.get(name, 0.0) * _lifted(problem, people) for name, people in floors.items())


def _relocated(problem: Problem, plan: SitingPlan, multipliers: NDArray[np.float64]) -> float:
    """Return the most worth of people where open sites may close, those that stay and the required ones apart.

    An open site is paid for the priced people in its reach, as a candidate is; or it closes, gives back its cost at the
    price of cost, and is charged the price of a closure. Whatever a budget rules out may open beside a closure.
    """
    asked = plan.conditions
    closable = problem.open.copy()
    closable[problem.rows(asked.required)] = False
    may = problem.candidate & ~_crowded_out(problem, asked)
    may[problem.rows(asked.forbidden)] = False
    worth = problem.people * _worth(problem, plan)
    priced = np.where(problem.covered_by(problem.open & ~closable), 0.0, multipliers * worth)
    paid = _paid(problem, priced, closable)
    kept = np.maximum(paid, plan.prices.cost * problem.site_cost - plan.prices.closure)[closable]
    closures = plan.prices.closure * (plan.closures_limit or 0)
    return float(worth.sum() - priced.sum() + kept.sum()) + closures + _profits(problem, plan, priced, may)


def _paid(problem: Problem, priced: NDArray[np.float64], sites: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return ``(s,)`` what some sites are paid for the priced people in their reach, each as if there were no other."""
    site, demand = problem.near
    pairs = sites[site]
    paid = np.bincount(site[pairs], weights=priced[demand[pairs]], minlength=len(sites))
    return paid.astype(np.float64)  # whole numbers where there is no pair


def share_within(problem: Problem, names: Iterable[str], most: float) -> float:
    """Return the greatest share that some district can have covered, of these, and that is not above a number.

    A share that is above it by no more than sums may lose counts, whatever a unit is of its district.
    """
    if not problem.people_units.exact or not most < 1.0:
        return min(most, 1.0)
    people = [people for name, people in district_units(problem).items() if people > 0 and name in set(names)]
    shares = (min(math.floor((most + SUMS) * whole), whole) / whole for whole in people)
    return max(shares, default=1.0)


def people_wanted(problem: Problem, plan: SitingPlan) -> float:
    """Return how many people a plan that reaches a share of all has to cover."""
    return whole_people(problem, problem.population * (plan.target_share or 0.0))


def floor_people(problem: Problem, plan: SitingPlan) -> dict[str, float]:
    """Return how many people have to be covered in each district that has a floor."""
    asked = plan.conditions
    shares = {name: asked.floors.get(name, asked.floor) for name in district_people(problem)}
    return {
        name: whole_people(problem, shares[name] * people)
        for name, people in district_people(problem).items()
        if shares[name] > 0
    }


def lacking_people(problem: Problem, wanted: Mapping[str, float], covered: NDArray[np.bool_]) -> dict[str, float]:
    """Return district, or `TOTAL`, to the people that are not covered though they have to be; whole units decide.

    Parameters
    ----------
    problem
        People and districts.
    wanted
        District to the people who have to be covered there.
    covered
        ``(n,)`` who is.
    """
    units = problem.people_units
    there = {**district_units(problem, covered), TOTAL: units.sum(covered)}
    return {
        name: people - units.amount(there[name]) for name, people in wanted.items() if units.least(people) > there[name]
    }


def format_closest(problem: Problem, lacking: Mapping[str, float], *, proven: bool) -> str:
    """Return whom the plan that comes closest lacks, and whether it is proven that none comes closer."""
    closest = f"the plan that comes closest is short by {format_lacking(problem, lacking)}"
    return closest if proven else f"{closest}; that no plan comes closer is not proven"


def format_lacking(problem: Problem, lacking: Mapping[str, float]) -> str:
    """Return who is missing where, for a sentence."""
    return ", ".join(f"{format_people(problem, people)} people in {name}" for name, people in lacking.items())


def format_people(problem: Problem, people: float) -> str:
    """Return how many people are missing, for a sentence: whole ones, but for a part of one.

    What is less than sums of floats leave of a person is none.
    """
    part = min(CLOSE * problem.population, _A_PART)
    return f"{people:.2g}" if part < people < 1.0 - part else f"{math.ceil(people - part):,}"


def coverable(problem: Problem, conditions: Conditions) -> NDArray[np.bool_]:
    """Return who can be covered at all: by open sites and by candidates that are not ruled out by name."""
    return problem.covered_by(problem.open | sites_that_may_open(problem, Limits(conditions=conditions)))


def sites_that_may_open(problem: Problem, limits: Limits) -> NDArray[np.bool_]:
    """Return which candidates some plan within the limits could open beside the required ones, these included."""
    asked = limits.conditions
    required = problem.rows(asked.required)
    required = np.unique(required[~problem.open[required]])
    may = problem.candidate.copy()
    may[problem.rows(asked.forbidden)] = False
    for pair in asked.exclusive:
        rows = problem.rows(pair)
        may[rows[problem.open[rows[::-1]]]] = False
    if limits.budget is not None:
        may &= problem.cost_units.whole <= money_left(problem, limits, required)
    if limits.sites is not None and limits.sites <= len(required):
        may[:] = False
    may[required] = True
    return may


def _crowded_out(problem: Problem, asked: Conditions) -> NDArray[np.bool_]:
    """Return which sites no plan opens because the required ones fill a quota of theirs, or exclude them."""
    required, out = np.zeros(len(problem.open), np.bool_), np.zeros(len(problem.open), np.bool_)
    required[problem.rows(asked.required)] = True
    required &= ~problem.open
    for name, most in asked.quotas.items():
        of = (problem.kind == name) | (problem.bank == name)
        out |= of & ((required & of).sum() >= most)
    for pair in asked.exclusive:
        rows = problem.rows(pair)
        out[rows] |= required[rows[::-1]]
    if problem.site_xy is not None and asked.spacing_m > 0:
        for row in np.flatnonzero(required):
            out |= np.hypot(*(problem.site_xy - problem.site_xy[row]).T) < asked.spacing_m - TOUCHING_M
    return out & ~required


def whole_people(problem: Problem, people: float) -> float:
    """Return a number of people to cover: a whole one where there are no parts of people."""
    units = problem.people_units
    return float(math.ceil(people * (1 - SLACK))) if units.exact and units.unit.is_integer() else people


def _lifted(problem: Problem, people: float) -> float:
    """Return the least number of people that some of the demand points can have together, not below this one."""
    units = problem.people_units
    return units.amount(units.least(people))


def _most_people(problem: Problem, people: float) -> float:
    """Return the greatest number of people that can be covered and is not above this one."""
    units = problem.people_units
    return units.amount(math.floor(_above(people / units.unit))) if units.exact else people


def _whole_cost(problem: Problem, cost: float) -> float:
    """Return the least cost that a plan can have and that is not below this one."""
    units = problem.cost_units
    return units.amount(math.ceil(-_above(-cost / units.unit))) if units.exact and math.isfinite(cost) else cost


def _above(whole: float) -> float:
    """Return a number of units that no rounding of the sum it comes from has made too low."""
    return whole + SUMS * abs(whole) + 1e-6


def _worth(problem: Problem, plan: SitingPlan) -> NDArray[np.float64]:
    """Return what one person at each demand point is worth."""
    floor = plan.prices.floor
    own = {"mclp": 1.0, "relocation": 1.0, "partial": plan.prices.reach}.get(plan.model, 0.0)
    floored = plan.model in ("mclp", "relocation")
    asked = floor_people(problem, plan) if floored else improvable(problem, limits_of(plan))
    unknown = set(floor) - set(asked)
    if unknown or (plan.model == "partial" and floor):
        msg = f"the certificate prices floors of {sorted(floor)}, not part of the question"
        raise UnprovenError(msg)
    if plan.model == "max-min":
        shares = sum(price * district_people(problem)[name] for name, price in floor.items())
        if abs(shares - 1.0) > CLOSE:
            found = spell_number(shares)
            msg = f"the certificate weighs districts by {found} in all; a least share is bounded by weights of 1"
            raise UnprovenError(msg)
    extra = np.array([floor.get(name, 0.0) for name in (*district_people(problem), "")])
    place = problem.district if problem.districts else np.zeros(len(problem.people), np.int64)
    return own + extra[place]


def _profits(problem: Problem, plan: SitingPlan, priced: NDArray[np.float64], may: NDArray[np.bool_]) -> float:
    """Return what sites are paid beyond their charges, plus the limits."""
    limits = plan.prices.site * _most_sites(problem, plan, may)
    if plan.prices.cost > 0:
        limits += plan.prices.cost * _spendable(problem, plan)
    limits += sum(price * room for _, room, price in _packs(problem, plan))
    if not math.isfinite(limits):
        msg = "the certificate prices a limit that was not set"
        raise UnprovenError(msg)
    return _profit(problem, plan, priced, may) + limits


def _profit(problem: Problem, plan: SitingPlan, priced: NDArray[np.float64], may: NDArray[np.bool_]) -> float:
    """Return what sites are paid beyond their charges, those in the black and the required ones."""
    charge = problem.site_cost * (plan.prices.cost + (plan.model in SPENDING)) + plan.prices.site
    for rows, _, price in _packs(problem, plan):
        charge[rows] += price
    profit = _paid(problem, priced, may) - charge
    required = problem.rows(plan.conditions.required)
    must = np.zeros(len(profit), np.bool_)
    must[required[~problem.open[required]]] = True
    return float(profit[must].sum() + np.maximum(profit[may & ~must], 0.0).sum())


def _spendable(problem: Problem, plan: SitingPlan) -> float:
    if plan.budget is None:
        return math.inf
    units = problem.cost_units
    return units.amount(min(units.most(plan.budget), int(units.whole.sum())))


def _most_sites(problem: Problem, plan: SitingPlan, may: NDArray[np.bool_]) -> float:
    """Return how many sites may open: those the limit allows, or the cheapest ones that the budget pays."""
    most = math.inf if plan.sites_limit is None else float(plan.sites_limit)
    if plan.budget is not None and plan.model != "relocation":  # what closes there pays for more
        paid = np.cumsum(np.sort(problem.cost_units.whole[may])) <= problem.cost_units.most(plan.budget)
        most = min(most, float(paid.sum()))
    return most if plan.prices.site > 0 else 0.0


def _packs(problem: Problem, plan: SitingPlan) -> Iterator[tuple[NDArray[np.intp], int, float]]:
    """Return the rows, the room and the price of every quota and of every set of sites that exclude each other."""
    asked = plan.conditions
    for name, price in plan.prices.quota.items():
        if name not in asked.quotas:
            msg = f"the certificate prices a quota of {name!r}, not part of the question"
            raise UnprovenError(msg)
        yield np.flatnonzero((problem.kind == name) | (problem.bank == name)), asked.quotas[name], price
    exclusive = {frozenset(pair) for pair in asked.exclusive}
    for sites, price in plan.prices.apart:
        rows = problem.rows(sites)
        for one, other in combinations(range(len(rows)), 2):
            if frozenset((sites[one], sites[other])) not in exclusive and not _too_near(
                problem, plan, rows[[one, other]]
            ):
                msg = f"the certificate takes {sites[one]!r} and {sites[other]!r} to exclude each other; they do not"
                raise UnprovenError(msg)
        yield rows, 1, price


def _too_near(problem: Problem, plan: SitingPlan, rows: NDArray[np.intp]) -> bool:
    if problem.site_xy is None or plan.conditions.spacing_m <= 0:
        return False
    return float(np.hypot(*(problem.site_xy[rows[0]] - problem.site_xy[rows[1]]))) < (
        plan.conditions.spacing_m - TOUCHING_M
    )


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
            found = spell_number(problem.site_cost[row])
            _refuse(f"the plan says that opening {site!r} costs {spell_number(claimed)}; it is {found}")
    if plan.sites is not None:
        _check_stand(problem, plan, rows)
    if plan.sites_limit is not None and len(rows) > plan.sites_limit:
        _refuse(f"the plan opens {len(rows)} sites; at most {plan.sites_limit} may open")
    units = problem.cost_units
    net = units.sum(rows) - units.sum(closed)
    if plan.budget is not None and net > units.most(plan.budget):
        _refuse(f"the plan costs {spell_number(units.amount(net))}; the budget is {spell_number(plan.budget)}")
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
