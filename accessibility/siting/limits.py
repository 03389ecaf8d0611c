"""What a plan has to keep to, read once: the limits asked for, and conditions as rows of a matrix."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from accessibility.errors import InputError, spell_number
from accessibility.sites import KINDS
from accessibility.siting.numbers import SLACK
from accessibility.siting.plan import Conditions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from accessibility.siting.plan import SitingPlan
    from accessibility.siting.problem import Problem

TOTAL = "total"
"""The district of everyone, where a problem has none."""
TOUCHING_M = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Limits:
    """How many sites may open, what they may cost, and what else a plan has to keep to."""

    sites: int | None = None  # greatest number of sites to open; None for any.
    budget: float | None = None  # greatest total cost; None for any.
    # quotas, spacing, floors, sites that must or must not open
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        """Refuse numbers that limit nothing: negative, not whole, not a number."""
        if self.sites is not None:
            object.__setattr__(self, "sites", number_of_sites(self.sites, "sites"))
        if self.budget is not None:
            object.__setattr__(self, "budget", _cost(self.budget))

    @classmethod
    def of(cls, sites: int | None, budget: float | None, conditions: Conditions | None) -> Limits:
        """Return the limits that a solver was called with."""
        return cls(sites=sites, budget=budget, conditions=Conditions() if conditions is None else conditions)


def refuse_boundless(limits: Limits) -> None:
    """Raise `InputError` where neither the number of sites nor their cost is limited."""
    if limits.sites is None and limits.budget is None:
        msg = "neither sites nor budget is given; expected the greatest number of sites, the greatest cost, or both"
        raise InputError(msg)


def refuse_gap(gap: float) -> None:
    """Raise `InputError` where a gap is negative or no number."""
    if not gap >= 0:
        msg = f"gap is {spell_number(gap)}; expected a relative gap, 0 or more"
        raise InputError(msg)


def limits_of(plan: SitingPlan) -> Limits:
    """Return the limits that a plan was asked to keep to."""
    return Limits(sites=plan.sites_limit, budget=plan.budget, conditions=plan.conditions)


def opened_fields(
    problem: Problem, limits: Limits, order: NDArray[np.intp], gain: NDArray[np.float64]
) -> dict[str, Any]:
    """Return the fields of a plan that opens these sites in this order: who they are, what was asked, who is there."""
    return {
        "selected": tuple(problem.ids[order].tolist()),
        "gain": tuple(gain.tolist()),
        "costs": tuple(problem.site_cost[order].tolist()),
        "sites": problem.sites_at(order),
        "sites_limit": limits.sites,
        "budget": limits.budget,
        "conditions": limits.conditions,
        "population": problem.population,
        "covered_before": problem.covered_people,
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class Pack:
    """Sites of which only so many may open."""

    rows: NDArray[np.intp]  # their rows, ascending
    room: int  # how many of them may open
    quota: str = ""  # the quota's name; empty for sites that exclude each other


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """Limits and conditions of one problem, in rows."""

    required: NDArray[np.intp]  # rows that must open; those open today are left out
    # (s,) candidates that could open beside the required ones: within what these leave of the budget and of every pack
    allowed: NDArray[np.bool_]
    packs: tuple[Pack, ...]  # quotas and exclusive sets
    # district to the people who have to be covered there, of all districts that have a floor
    floor_people: dict[str, float]
    contradiction: str  # why nothing can satisfy the terms; empty where the required sites keep to all of them


def read_terms(problem: Problem, limits: Limits) -> Terms:
    """Return limits and conditions in rows of `problem`.

    Raises
    ------
    InputError
        Conditions about sites, kinds, banks or districts that are not there, or that contradict each other by name.
    """
    asked = limits.conditions
    required = _required(problem, asked)
    packs = (*_quotas(problem, asked), *_exclusive(problem, asked))
    allowed = problem.candidate.copy()
    allowed[problem.rows(asked.forbidden)] = False
    contradiction = _contradiction(problem, limits, required, packs)
    allowed[required] = False
    if limits.budget is not None:
        allowed &= problem.cost_units.whole <= money_left(problem, limits, required)
    if limits.sites is not None and len(required) >= limits.sites:
        allowed[:] = False
    for pack in packs:
        if np.isin(pack.rows, required).sum() >= pack.room:
            allowed[pack.rows] = False
    return Terms(
        required=required,
        allowed=allowed,
        packs=packs,
        floor_people=_floors(problem, asked),
        contradiction=contradiction,
    )


def money_left(problem: Problem, limits: Limits, required: NDArray[np.intp]) -> int:
    """Return what a budget leaves beside the required sites, in whole units of cost; below 0 where they exceed it."""
    units = problem.cost_units
    return (int(units.whole.sum()) if limits.budget is None else units.most(limits.budget)) - units.sum(required)


def affordable(budget: float) -> float:
    """Return the budget with the slack of floats: three times 0.1 is within 0.3."""
    return budget * (1 + SLACK)


def district_people(problem: Problem, counted: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """Return the people of every district, of the points that are `counted`; everyone where there are no districts."""
    people = problem.people if counted is None else np.where(counted, problem.people, 0.0)
    if not problem.districts:
        return {TOTAL: float(people.sum())}
    inside = problem.district >= 0
    sums = np.bincount(problem.district[inside], weights=people[inside], minlength=len(problem.districts))
    return dict(zip(problem.districts, sums.tolist(), strict=True))


def district_units(problem: Problem, counted: NDArray[np.bool_] | None = None) -> dict[str, int]:
    """Return the same in whole units of people."""
    whole = problem.people_units.whole
    chosen = whole if counted is None else np.where(counted, whole, 0)
    if not problem.districts:
        return {TOTAL: int(chosen.sum())}
    sums = np.zeros(len(problem.districts) + 1, np.int64)
    np.add.at(sums, problem.district, chosen)
    return dict(zip(problem.districts, sums.tolist(), strict=False))


def improvable(problem: Problem, limits: Limits) -> tuple[str, ...]:
    """Return the districts whose least share a plan can decide: those in which it can still cover somebody.

    A district that no candidate within the limits helps stays as it is, and so do those who share it: it is left out,
    unless it is covered in full, or all are so.
    """
    terms = read_terms(problem, limits)
    before = problem.open.copy()
    before[terms.required] = True
    everyone = district_units(problem)
    now, then = (district_units(problem, problem.covered_by(sites)) for sites in (before, before | terms.allowed))
    lived_in = tuple(name for name, people in everyone.items() if people > 0)
    found = tuple(name for name in lived_in if then[name] > now[name] or now[name] == everyone[name])
    return found if any(then[name] > now[name] for name in found) else lived_in


def least_share(problem: Problem, covered: NDArray[np.bool_], names: Iterable[str]) -> Fraction:
    """Return the least covered share of some districts; 1 where there are none."""
    people, there = district_units(problem), district_units(problem, covered)
    return min((Fraction(there[name], people[name]) for name in names if people[name] > 0), default=Fraction(1))


def number_of_sites(given: int, name: str) -> int:
    """Return a number of sites; raise `InputError` where it is not whole, or below 0."""
    try:
        count = operator.index(given)
    except TypeError as error:
        msg = f"{name} is {given!r}; expected a whole number of sites"
        raise InputError(msg) from error
    if count < 0:
        msg = f"{name} is {count}; expected 0 or more"
        raise InputError(msg)
    return count


def _cost(budget: float) -> float | None:
    try:
        cost = float(budget)
    except (TypeError, ValueError) as error:
        msg = f"budget is {budget!r}; expected a cost"
        raise InputError(msg) from error
    if math.isnan(cost) or cost < 0:
        msg = f"budget is {spell_number(cost)}; expected a cost of 0 or more"
        raise InputError(msg)
    return None if math.isinf(cost) else cost


def _required(problem: Problem, asked: Conditions) -> NDArray[np.intp]:
    both = [site for site in asked.required if site in set(asked.forbidden)]
    if both:
        msg = f"sites {both[:10]} are required and forbidden; expected one of the two"
        raise InputError(msg)
    rows = np.unique(problem.rows(asked.required))
    rows = rows[~problem.open[rows]]
    never = rows[~problem.candidate[rows]]
    if len(never):
        msg = f"required sites {problem.ids[never[:10]].tolist()} are no candidates; expected sites that could open"
        raise InputError(msg)
    return rows


def _quotas(problem: Problem, asked: Conditions) -> Iterable[Pack]:
    for name, most in asked.quotas.items():
        rows = np.flatnonzero(((problem.kind == name) | (problem.bank == name)) & problem.candidate)
        if not len(rows) and name not in {*KINDS, *problem.kind, *problem.bank}:
            known = sorted({*problem.kind, *problem.bank} - {""})
            msg = f"a quota names {name!r}, which is no kind or bank of a site; there are {', '.join(known) or 'none'}"
            raise InputError(msg)
        yield Pack(rows=rows, room=int(most), quota=name)


def _exclusive(problem: Problem, asked: Conditions) -> Iterable[Pack]:
    """Return sets of sites that exclude each other, every pair in at least one of them."""
    pairs = {_pair(problem, pair) for pair in asked.exclusive}
    if asked.spacing_m > 0:
        if problem.site_xy is None:
            msg = f"spacing_m is {asked.spacing_m:,g}, but nothing says where the sites stand; give the problem site_xy"
            raise InputError(msg)
        rows = np.flatnonzero(problem.candidate)
        xy = problem.site_xy[rows]
        near = cKDTree(xy).query_pairs(asked.spacing_m, output_type="ndarray") if len(rows) else np.empty((0, 2), int)
        apart = np.hypot(*(xy[near[:, 0]] - xy[near[:, 1]]).T)
        near = np.sort(rows[near[apart < asked.spacing_m - TOUCHING_M]], axis=1)
        pairs |= set(map(tuple, near.tolist()))
    # In the order of ids, so that the order of rows decides nothing.
    site, rank = np.argsort(problem.rank), problem.rank.tolist()
    turned = {(min(rank[a], rank[b]), max(rank[a], rank[b])) for a, b in pairs}
    opened, candidate = problem.open[site], problem.candidate[site]
    shut = {a for a, b in turned if opened[b]} | {b for a, b in turned if opened[a]}
    yield from (Pack(rows=site[[k]], room=0) for k in sorted(shut) if candidate[k])
    yield from (Pack(rows=np.sort(site[list(c)]), room=1) for c in _cliques(turned, candidate))


def _pair(problem: Problem, pair: tuple[object, object]) -> tuple[int, int]:
    a, b = sorted(problem.rows(pair).tolist())
    if a == b:
        msg = f"the exclusive pair {pair} is one site; expected two"
        raise InputError(msg)
    return a, b


def _cliques(pairs: set[tuple[int, int]], candidate: NDArray[np.bool_]) -> Iterable[tuple[int, ...]]:
    """Return sets of sites that exclude each other, greedily as large as possible: a tighter model than pairs."""
    beside: dict[int, set[int]] = {}
    for a, b in pairs:
        if candidate[a] and candidate[b]:
            beside.setdefault(a, set()).add(b)
            beside.setdefault(b, set()).add(a)
    told: set[tuple[int, int]] = set()
    for a in sorted(beside):
        for b in sorted(beside[a]):
            if a > b or (a, b) in told:
                continue
            clique = [a, b]
            shared = beside[a] & beside[b]
            while shared:
                clique.append(min(shared))
                shared = shared & beside[clique[-1]]
            clique.sort()
            told.update((c, d) for k, c in enumerate(clique) for d in clique[k + 1 :])
            yield tuple(clique)


def _floors(problem: Problem, asked: Conditions) -> dict[str, float]:
    people = district_people(problem)
    unknown = sorted(set(asked.floors) - set(people))
    if unknown:
        msg = f"floors name {unknown[:10]}, which are no districts; there are {', '.join(map(repr, people))}"
        raise InputError(msg)
    shares = {name: asked.floors.get(name, asked.floor) for name in people}
    return {name: share * people[name] for name, share in shares.items() if share > 0}


def _contradiction(problem: Problem, limits: Limits, required: NDArray[np.intp], packs: tuple[Pack, ...]) -> str:
    """Return why the required sites cannot open together; empty where they can."""
    if limits.sites is not None and len(required) > limits.sites:
        return f"{len(required)} sites are required, at most {limits.sites} may open"
    if limits.budget is not None and money_left(problem, limits, required) < 0:
        cost = float(problem.site_cost[required].sum())
        return f"the required sites cost {cost:,.10g}, the budget is {limits.budget:,.10g}"
    for pack in packs:
        there = np.intersect1d(pack.rows, required)
        if len(there) > pack.room:
            names = ", ".join(map(str, problem.ids[there[:10]]))
            if pack.quota:
                return f"{len(there)} required sites are {pack.quota}, its quota is {pack.room}: {names}"
            return f"required sites exclude each other: {names}"
    return ""
