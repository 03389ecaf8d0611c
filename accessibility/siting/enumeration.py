"""Every plan there is, where these are few: evidence that needs neither a solver nor trust in one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import SolverError, spell_number
from accessibility.siting.certificate import coverable, floor_people, format_closest, people_wanted
from accessibility.siting.limits import TOTAL, TOUCHING_M, district_people, improvable, limits_of
from accessibility.siting.numbers import alike

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.plan import SitingPlan
    from accessibility.siting.problem import Problem

FEW, MANY = (4_096, 1e7), (65_536, 2e8)
"""Plans, and plans times sites times demand points, that a solver looks at beside its search; that a check looks at."""
_COLUMNS = 62  # bits of a plan
_CHUNK = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Best:
    """What the best of all plans is worth."""

    feasible: bool  # whether any keeps to everything
    # its objective, as `SitingPlan.objective`; of max-min the people covered too, of backup coverage, where these come
    # first, the people covered and then the objective. Empty where there is none.
    worth: tuple[float, ...]
    short: float  # the fewest people that a plan is short of what it has to cover or serve


@dataclass(frozen=True, kw_only=True, eq=False)
class _Choices:
    """Sites that may open or close, the closing ones first, and every set of them that keeps to limits and conditions.

    Parameters
    ----------
    columns, closes
        ``(m,)`` rows of the sites, and which of them close.
    sets
        ``(k, m)`` the sets.
    """

    columns: NDArray[np.intp]
    closes: NDArray[np.bool_]
    sets: NDArray[np.bool_]


def best_plan(problem: Problem, asked: SitingPlan, effort: tuple[int, float]) -> Best | None:
    """Return what the best answer to the question of a plan is worth; None where the plans are too many to look at.

    Parameters
    ----------
    problem
        People and sites.
    asked
        A plan that says what was asked; its sites do not matter.
    effort
        How many plans, and how many plans times sites times demand points, are few.
    """
    most, work = effort
    choices = _choices(problem, asked, most)
    if choices is None or len(choices.sets) * max(len(choices.columns), 1) * len(problem.people) > work:
        return None
    if not len(choices.sets):
        return Best(feasible=False, worth=(), short=np.inf)
    rows = max(_CHUNK // max(len(problem.people), 1), 1)
    worth, short = (
        np.concatenate(parts)
        for parts in zip(
            *(_judge(problem, asked, choices, choices.sets[k : k + rows]) for k in range(0, len(choices.sets), rows)),
            strict=True,
        )
    )
    good = worth[(short <= 0) & np.isfinite(worth).all(axis=1)]
    unit = problem.people_units.unit
    if not len(good):
        return Best(feasible=False, worth=(), short=float(short.min()) * unit)
    best = good[np.lexsort(good.T[::-1])[-1]]
    return Best(feasible=True, worth=tuple(np.abs(best).tolist()), short=0.0)


def confirmed(problem: Problem, plan: SitingPlan) -> SitingPlan:
    """Return the plan with what a look at every plan says of it, where these are few and nothing else proves it.

    Raises
    ------
    SolverError
        A better plan than one that a solver took for the best, or a plan where it saw none.
    """
    if plan.bound_by != "solver" and plan.status != "feasible":
        return plan
    best = best_plan(problem, plan, FEW)
    if best is None:
        return plan
    if plan.status == "infeasible":
        if best.feasible and plan.ended_by != "proof":
            return plan  # it was cut short, and says so
        if best.feasible:
            worth = spell_number(best.worth[-1])
            msg = f"the solver found no {plan.model} plan; a look at every plan finds one of {worth}"
            raise SolverError(msg)
        closest = problem.people_units.alike(sum(plan.short_people.values()), best.short)
        said = format_closest(problem, plan.short_people, proven=closest) if plan.ended_by != "proof" else plan.message
        return replace(plan, bound_by="enumeration", ended_by="proof", message=said)
    if best.feasible and is_best(problem, plan, best):
        return replace(plan, bound=plan.objective, bound_by="enumeration", status="optimal", ended_by="proof")
    if plan.status == "optimal":
        worth = " and ".join(map(spell_number, best.worth))
        ours = spell_number(plan.objective)
        msg = f"the solver takes a {plan.model} plan of {ours} for the best; the best is {worth}"
        raise SolverError(msg)
    return plan


def is_best(problem: Problem, plan: SitingPlan, best: Best) -> bool:
    """Return whether a plan is worth what the best one is, but for the rounding of sums."""
    if plan.model in ("lscp", "partial"):
        return problem.cost_units.alike(plan.objective, *best.worth)
    people = problem.people_units.alike
    match plan.model, len(best.worth):
        case "max-min", _:
            return alike(plan.objective, best.worth[0]) and people(plan.covered_people, best.worth[1])
        case "backup", 2:
            return people(plan.covered_people, best.worth[0]) and people(plan.objective, best.worth[1])
        case (("mclp" | "relocation"), _):
            return people(plan.objective, best.worth[0])
    return alike(plan.objective, best.worth[0])


def _choices(problem: Problem, asked: SitingPlan, most: int) -> _Choices | None:
    """Return every set of sites that keeps to limits and conditions, floors aside; None where they are too many."""
    required = np.isin(np.arange(len(problem.open)), problem.rows(asked.conditions.required))
    forbidden = np.isin(np.arange(len(problem.open)), problem.rows(asked.conditions.forbidden))
    closing = np.flatnonzero(problem.open & ~required) if asked.closures_limit else np.empty(0, np.intp)
    columns = np.concatenate([closing, np.flatnonzero(problem.candidate & ~forbidden)])
    if len(columns) > _COLUMNS:
        return None
    rules = _Rules.of(problem, asked, columns)
    units = problem.cost_units
    limit = int(units.whole.sum()) if asked.budget is None else units.most(asked.budget)
    sets, spent = np.zeros(1, np.uint64), np.zeros(1, np.int64)
    for k, row in enumerate(columns.tolist()):
        grown, net = sets | _bit(k), spent + (-1 if problem.open[row] else 1) * units.whole[row]
        keeps = rules.admit(k, sets, grown) & (problem.open[row] | (net <= limit))
        sets, spent = np.concatenate([sets, grown[keeps]]), np.concatenate([spent, net[keeps]])
        if len(sets) > most:
            return None
    must = _bits(np.flatnonzero(required[columns] & ~problem.open[columns]))
    missing = required & ~problem.open & ~np.isin(np.arange(len(required)), columns)
    sets = sets[(spent <= limit) & ((sets & must) == must) & (not missing.any())]
    chosen = (sets[:, None] >> np.arange(len(columns), dtype=np.uint64)) & np.uint64(1)
    return _Choices(columns=columns, closes=problem.open[columns], sets=chosen.astype(np.bool_))


def _bit(k: int) -> np.uint64:
    return np.uint64(1) << np.uint64(k)


def _bits(places: NDArray[np.intp]) -> np.uint64:
    return np.uint64(sum(1 << int(k) for k in places))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rules:
    """What decides whether one more column joins a set, as bits of columns."""

    # columns of which only so many may join: those that open, those that close, those of each quota
    packs: tuple[tuple[np.uint64, int], ...]
    # beside, instead: by column: none of the first may be in the set, all of the second have to be
    beside: dict[int, np.uint64]
    instead: dict[int, np.uint64]
    never: set[int]  # columns that never join

    @classmethod
    def of(cls, problem: Problem, asked: SitingPlan, columns: NDArray[np.intp]) -> _Rules:
        """Return the rules of a question."""
        opens = ~problem.open[columns]
        kind, bank = problem.kind[columns], problem.bank[columns]
        packs = [(_bits(np.flatnonzero(~opens)), asked.closures_limit or 0)]
        packs += [(_bits(np.flatnonzero(opens)), m) for m in (asked.sites_limit,) if m is not None]
        packs += [
            (_bits(np.flatnonzero(opens & ((kind == name) | (bank == name)))), room)
            for name, room in asked.conditions.quotas.items()
        ]
        place = {row: k for k, row in enumerate(columns.tolist())}
        return cls(packs=tuple(packs), **_exclusions(problem, asked, place))

    def admit(self, k: int, sets: NDArray[np.uint64], grown: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return which sets a column may join; `grown` are the sets with it."""
        instead = self.instead.get(k, np.uint64(0))
        keeps: NDArray[np.bool_] = ((sets & self.beside.get(k, np.uint64(0))) == 0) & ((sets & instead) == instead)
        keeps &= k not in self.never
        for pack, room in self.packs:
            if pack & _bit(k):
                keeps &= np.bitwise_count(grown & pack) <= room
        return keeps


def _exclusions(problem: Problem, asked: SitingPlan, place: dict[int, int]) -> dict[str, Any]:
    """Return which columns each one excludes, which have to close for it, and which never open."""
    beside: dict[int, np.uint64] = {}
    instead: dict[int, np.uint64] = {}
    never: set[int] = set()
    pairs = [tuple(problem.rows(pair).tolist()) for pair in asked.conditions.exclusive]
    if asked.conditions.spacing_m > 0 and problem.site_xy is not None:
        for one, other in combinations(np.flatnonzero(problem.candidate).tolist(), 2):
            if np.hypot(*(problem.site_xy[one] - problem.site_xy[other])) < asked.conditions.spacing_m - TOUCHING_M:
                pairs.append((one, other))
    for one, other in [*pairs, *((b, a) for a, b in pairs)]:
        if problem.open[one] or one not in place:
            continue
        if problem.open[other] and other not in place:
            never.add(place[one])
        elif other in place:
            rule = instead if problem.open[other] else beside
            rule[place[one]] = rule.get(place[one], np.uint64(0)) | _bit(place[other])
    return {"beside": beside, "instead": instead, "never": never}


def _judge(
    problem: Problem, asked: SitingPlan, choices: _Choices, sets: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``(k, w)`` what each plan is worth, more is better, and ``(k,)`` whole units of people it is short of."""
    counts = np.repeat(problem.open[None], len(sets), axis=0)
    counts[:, choices.columns] = sets ^ choices.closes
    people = problem.people_units.whole
    if asked.model in ("p-median", "p-center"):
        way = _nearest(problem, counts)
        unserved = np.isinf(way)
        short = np.where(unserved, people, 0).sum(axis=1).astype(np.float64)
        way = np.where(unserved, 0.0, way)
        far: Any = way @ problem.people if asked.model == "p-median" else way.max(axis=1, initial=0.0)
        # A point without people has to be served as well, and nobody is short there.
        return np.where(unserved.any(axis=1), -np.inf, -far)[:, None], short
    near = np.zeros((len(problem.open), len(people)), np.float32)
    near[problem.near] = 1.0
    times: Any = counts.astype(np.float32) @ near
    covered: Any = (times > 0) @ people.astype(np.float64)
    short = _short(problem, asked, times > 0, covered)
    unit = problem.people_units.unit
    if asked.model in ("lscp", "partial"):
        cost: Any = (counts & ~problem.open) @ problem.cost_units.whole.astype(np.float64)
        return -cost[:, None] * problem.cost_units.unit, short
    if asked.model == "max-min":
        return np.stack([_least(problem, asked, times > 0), covered * unit], axis=1), short
    if asked.model != "backup":
        return covered[:, None] * unit, short
    twice = (times > 1) @ people.astype(np.float64)
    if asked.weight is not None:
        return (asked.weight * covered + (1.0 - asked.weight) * twice)[:, None] * unit, short
    return np.stack([covered, covered + twice], axis=1) * unit, short


def _nearest(problem: Problem, counts: NDArray[np.bool_]) -> NDArray[np.float64]:
    nearest = np.full((len(counts), len(problem.people)), np.inf)
    for row in np.flatnonzero(counts.any(axis=0)):
        pairs = slice(problem.start[row], problem.start[row + 1])
        at, there = problem.demand[pairs], counts[:, row]
        nearest[np.ix_(there, at)] = np.minimum(nearest[np.ix_(there, at)], problem.cost[pairs])
    return nearest


def _short(problem: Problem, asked: SitingPlan, times: Any, covered: Any) -> NDArray[np.float64]:
    """Return the whole units of people that each plan is short of floors and reach; those of both count once."""
    units, short = problem.people_units, np.zeros(len(covered))
    floors = {} if asked.model == "max-min" else floor_people(problem, asked)
    names = list(district_people(problem))
    for name, wanted in floors.items():
        inside = problem.district == names.index(name) if problem.districts else np.ones(len(units.whole), np.bool_)
        there = times @ np.where(inside, units.whole, 0).astype(np.float64)
        short += np.maximum(units.least(wanted) - there, 0.0) if name != TOTAL else 0.0
    wanted = floors.get(TOTAL, 0.0)
    if asked.model == "lscp":
        wanted = max(wanted, float(units.amount(units.sum(coverable(problem, asked.conditions)))))
    elif asked.model == "partial":
        wanted = max(wanted, people_wanted(problem, asked))
    return np.asarray(short + np.maximum(units.least(wanted) - covered, 0.0), dtype=np.float64)


def _least(problem: Problem, asked: SitingPlan, covered: NDArray[np.bool_]) -> NDArray[np.float64]:
    whole, names = problem.people_units.whole, list(district_people(problem))
    shares = np.ones(len(covered))
    for name in improvable(problem, limits_of(asked)):
        inside = problem.district == names.index(name) if problem.districts else np.ones(len(whole), np.bool_)
        people = np.where(inside, whole, 0).astype(np.float64)
        if people.sum() > 0:
            shares = np.minimum(shares, covered @ people / people.sum())
    return shares
