"""Seeded siting questions in numbers of every size, and the answer of each by looking at every plan there is.

The numbers of a question are drawn as whole or plain numbers and handed over times a factor (10/3, 1e-7), which changes
no answer. Plans are compared in the numbers as drawn; the package is never asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.siting import (
    Conditions,
    Problem,
    solve_backup,
    solve_lscp,
    solve_max_min,
    solve_mclp,
    solve_p_center,
    solve_p_median,
    solve_partial,
    solve_relocation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from accessibility.siting import SitingPlan

MODELS = ("mclp", "lscp", "partial", "p-median", "p-center", "backup", "relocation", "max-min")
FACTORS = (1.0, 1.0, 1.0, 10 / 3, 12345.6789012, 1e-7, 0.1, 1 / 3, 1e9, 2.0**-20)
SAME = 1e-9
"""Relative difference below which two sums of floats are the same."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A question, and its numbers as they were drawn: those of the problem are these times a factor each.

    Parameters
    ----------
    problem
        The question as the solvers read it.
    people, cost, pair
        ``(n,)`` people, ``(s,)`` costs of opening, ``(s, n)`` costs of pairs (infinite where there is none).
    people_factor, cost_factor, pair_factor
        What they are multiplied by in the problem.
    cutoff
        Of the pairs as drawn.
    sites, budget, reach, close, weight, conditions
        What is asked; the budget is in costs as drawn.
    """

    problem: Problem
    people: NDArray[np.float64]
    cost: NDArray[np.float64]
    pair: NDArray[np.float64]
    people_factor: float
    cost_factor: float
    pair_factor: float
    cutoff: float
    sites: int | None
    budget: float | None
    reach: float
    close: int
    weight: float | None
    conditions: Conditions = field(default_factory=Conditions)

    @property
    def limits(self) -> dict[str, Any]:
        """The number of sites and the budget, as a solver takes them."""
        return {"sites": self.sites, "budget": None if self.budget is None else self.budget * self.cost_factor}

    def solve(self, model: str) -> SitingPlan:
        """Return the plan of a model."""
        asked: dict[str, Any] = {"conditions": self.asked(model)}
        match model:
            case "lscp":
                return solve_lscp(self.problem, **self.limits, **asked)
            case "partial":
                return solve_partial(self.problem, self.reach, budget=self.limits["budget"], **asked)
            case "backup":
                return solve_backup(self.problem, **self.limits, **asked, weight=self.weight)
            case "relocation":
                return solve_relocation(self.problem, close=self.close, **self.limits, **asked)
        solver = {"mclp": solve_mclp, "max-min": solve_max_min, "p-median": solve_p_median, "p-center": solve_p_center}
        return solver[model](self.problem, **self.limits, **asked)

    def asked(self, model: str) -> Conditions:
        """Return the conditions that a model takes: floors are none of some."""
        if model in ("mclp", "lscp", "partial", "backup", "relocation"):
            return self.conditions
        return replace(self.conditions, floor=0.0, floors={})


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The answer by looking at every plan.

    Parameters
    ----------
    feasible
        Whether any plan keeps to everything.
    best
        The best objective, in the numbers as drawn; of backup people covered, and then covered twice.
    unique
        The only sites that reach it at least cost, where they are the only ones; None otherwise.
    short
        The least number of people that every plan lacks of the floors, where none meets them.
    """

    feasible: bool
    best: tuple[float, ...] = ()
    unique: frozenset[object] | None = None


def draw_numbers(random: np.random.Generator, size: int) -> tuple[NDArray[np.float64], float]:
    """Return numbers as drawn, and the factor they are handed over with."""
    factor = float(random.choice(FACTORS))
    match int(random.integers(0, 8)):
        case 0:
            return random.uniform(0.0, 50.0, size), factor
        case 1:
            return random.lognormal(1.0, 1.5, size).astype(np.float32).astype(np.float64), factor
        case 2:
            return random.integers(1, 10**6, size).astype(np.float64), factor
        case 3:
            return random.choice([0.01, 3.0, 40.0, 5000.0], size), factor
    return random.integers(0, int(random.choice([2, 4, 60])) + 1, size).astype(np.float64), factor


def draw_question(seed: int, *, most_sites: int = 8, most_points: int = 14) -> Drawn:
    """Return a question; the same seed gives the same one."""
    random = np.random.default_rng([12, seed])
    s, n = int(random.integers(2, most_sites + 1)), int(random.integers(1, most_points + 1))
    people, people_factor = draw_numbers(random, n)
    cost, cost_factor = (np.ones(s), 1.0) if random.random() < 0.25 else draw_numbers(random, s)
    whole = random.random() < 0.5
    pair = random.integers(0, 12, (s, n)).astype(float) if whole else random.uniform(0.0, 10.0, (s, n))
    pair_factor = float(random.choice(FACTORS))
    cutoff = float(random.integers(2, 6)) if whole else float(random.uniform(1.5, 5.0))
    pair = np.where(random.random((s, n)) < random.choice([0.0, 0.1, 0.6]), np.inf, pair)
    role = random.choice(["candidate", "open", "neither"], s, p=[0.75, 0.2, 0.05])
    ids = np.array([f"S{k:02d}" for k in random.permutation(s)], dtype=object)
    problem = replace(
        Problem.from_costs(
            pair * pair_factor,
            people * people_factor,
            cutoff * pair_factor * (1 + 1e-12),
            district=random.choice(["A", "B", "C"], n),
            site_cost=cost * cost_factor,
            ids=ids,
            open=role == "open",
            candidate=role == "candidate",
            kind=random.choice(["bank", "new"], s).astype(object),
            bank=random.choice(["", "X", "Y"], s).astype(object),
        ),
        site_xy=random.integers(0, 4, (s, 2)).astype(float),
    )
    return Drawn(
        problem=problem,
        people=people,
        cost=cost,
        pair=pair,
        people_factor=people_factor,
        cost_factor=cost_factor,
        pair_factor=pair_factor,
        cutoff=cutoff,
        reach=float(random.choice([0.0, 0.3, 0.5, 2 / 3, 0.8, 0.95, 1.0])),
        close=int(random.integers(0, 3)),
        weight=None if random.random() < 0.7 else float(random.choice([0.0, 0.3, 0.5, 0.7, 1.0])),
        conditions=_draw_conditions(random, problem),
        **_draw_limits(random, cost, role == "candidate"),
    )


def draw_ties(seed: int) -> Drawn:
    """Return a question of few values, with twins among its sites: many plans are as good as the best."""
    random = np.random.default_rng([77, seed])
    s, n = int(random.integers(3, 9)), int(random.integers(2, 12))
    pair = random.integers(0, 4, (s, n)).astype(float)
    people = random.integers(0, 3, n).astype(np.float64) * float(random.choice([1, 0.1, 10 / 3]))
    if random.random() < 0.5:
        pair[s - 1] = pair[0]
    if random.random() < 0.3 and s > 3:
        pair[s - 2] = pair[1]
    pair = np.where(random.random((s, n)) < 0.1, np.inf, pair) if random.random() < 0.5 else pair
    opened = random.random(s) < 0.15
    cutoff = float(random.integers(0, 3))
    made = Problem.from_costs(
        pair,
        people,
        cutoff,
        district=random.choice(list("ABC"), n),
        ids=np.array([f"S{k:02d}" for k in random.permutation(s)], dtype=object),
        open=opened,
        candidate=~opened,
        site_cost=random.choice([1.0, 1.0, 2.0], s) * float(random.choice([1, 0.1])),
    )
    kind, bank = (random.choice(names, s).astype(object) for names in (["bank", "new"], ["X", ""]))
    problem = replace(made, kind=kind, bank=bank, site_xy=random.integers(0, 3, (s, 2)).astype(float))
    sites = int(random.integers(1, 4))
    conditions = _draw_conditions(random, problem) if random.random() < 0.5 else Conditions()
    return Drawn(
        problem=problem,
        people=people,
        cost=problem.site_cost,
        pair=pair,
        people_factor=1.0,
        cost_factor=1.0,
        pair_factor=1.0,
        cutoff=cutoff,
        sites=sites if random.random() < 0.7 else None,
        budget=float(sites * problem.site_cost.min()),
        reach=float(random.choice([0.3, 0.5, 0.9, 1])),
        close=int(random.integers(0, 3)),
        weight=None if random.random() < 0.6 else float(random.choice([0, 0.5, 0.7, 1.0])),
        conditions=conditions,
    )


def turn_rows(problem: Problem, random: np.random.Generator) -> Problem:
    """Return the same problem with its sites, its demand points and its districts in another order of rows."""
    rows, columns = random.permutation(len(problem.open)), random.permutation(len(problem.people))
    pair, within = np.full((len(rows), len(columns)), np.inf), np.zeros((len(rows), len(columns)), np.bool_)
    pair[problem.pair_site, problem.demand] = problem.cost
    within[problem.pair_site, problem.demand] = problem.within
    pair, within = pair[rows][:, columns], within[rows][:, columns]
    site, demand = np.nonzero(np.isfinite(pair))
    named = random.permutation(len(problem.districts))
    place = np.append(np.argsort(named), -1).astype(np.int32)
    return Problem(
        people=problem.people[columns],
        start=np.concatenate([[0], np.cumsum(np.isfinite(pair).sum(axis=1))]),
        demand=demand.astype(np.int32),
        cost=pair[site, demand],
        within=within[site, demand],
        district=place[problem.district[columns]],
        districts=tuple(problem.districts[k] for k in named),
        site_xy=None if problem.site_xy is None else problem.site_xy[rows],
        **{name: getattr(problem, name)[rows] for name in ("ids", "site_cost", "open", "candidate", "kind", "bank")},
    )


def _draw_limits(
    random: np.random.Generator, cost: NDArray[np.float64], candidate: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return limits; a budget is often just what some sites cost."""
    paid = float(cost[candidate & (random.random(len(cost)) < random.uniform(0.2, 0.8))].sum())
    budget = paid if random.random() < 0.6 else float(paid * random.uniform(0.5, 1.5))
    sites = int(random.integers(0, 5))
    kind = int(random.integers(0, 4))
    return {"sites": None if kind in (1, 2) else sites, "budget": None if kind == 0 else budget}


def _draw_conditions(random: np.random.Generator, problem: Problem) -> Conditions:
    if random.random() < 0.3:
        return Conditions()
    could = problem.ids[problem.candidate].tolist()
    named = random.permutation(could).tolist() if could else []
    share = [0.0, 0.0, 0.0, 0.3, 0.5, 2 / 3, 1.0]
    pairs = [pair for pair in combinations(problem.ids.tolist(), 2) if random.random() < 0.06]
    return Conditions(
        quotas={str(random.choice(["bank", "new"])): int(random.integers(0, 4))} if random.random() < 0.3 else {},
        spacing_m=float(random.choice([0.0, 0.0, 1.0, 1.5, 2.0])),
        exclusive=tuple(pairs) if random.random() < 0.5 else (),
        floor=float(random.choice(share)) if random.random() < 0.4 else 0.0,
        floors={problem.districts[0]: float(random.choice(share))} if random.random() < 0.3 else {},
        required=tuple(named[:1]) if random.random() < 0.2 else (),
        forbidden=tuple(named[1:2]) if random.random() < 0.2 else (),
    )


@dataclass(frozen=True, kw_only=True)
class Plans:
    """Every plan that keeps to limits and conditions, floors aside.

    Parameters
    ----------
    opened, closed
        ``(k, s)`` what opens and what closes in each.
    cost
        ``(k,)`` of what opens, as drawn.
    """

    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    cost: NDArray[np.float64]


def every_plan(drawn: Drawn, model: str) -> Plans:
    """Return every plan that keeps to limits and conditions, floors aside."""
    problem, asked = drawn.problem, drawn.asked(model)
    s = len(problem.open)
    close = drawn.close if model == "relocation" else 0
    required = _named(problem, asked.required)
    opened = _subsets(np.flatnonzero(problem.candidate), s, None)
    closed = _subsets(np.flatnonzero(problem.open & ~required), s, close)
    opened, closed = np.repeat(opened, len(closed), axis=0), np.tile(closed, (len(opened), 1))
    cost = opened @ drawn.cost
    net = cost - closed @ drawn.cost
    counts = opened | (problem.open & ~closed)
    keeps = counts[:, required].all(axis=1) & ~opened[:, _named(problem, asked.forbidden)].any(axis=1)
    limits = drawn.limits if model != "partial" else {"sites": None, "budget": drawn.limits["budget"]}
    if limits["sites"] is not None:
        keeps &= opened.sum(axis=1) <= drawn.sites
    if limits["budget"] is not None and drawn.budget is not None:
        keeps &= net <= drawn.budget + SAME * (drawn.budget + closed @ drawn.cost)
    for name, most in asked.quotas.items():
        keeps &= opened[:, (problem.kind == name) | (problem.bank == name)].sum(axis=1) <= most
    place = {site: row for row, site in enumerate(problem.ids.tolist())}
    for pair in asked.exclusive:
        one, other = (place[site] for site in pair)
        keeps &= ~(counts[:, one] & counts[:, other] & (opened[:, one] | opened[:, other]))
    if asked.spacing_m > 0 and problem.site_xy is not None:
        for one, other in combinations(range(s), 2):
            if np.hypot(*(problem.site_xy[one] - problem.site_xy[other])) < asked.spacing_m - 1e-6:
                keeps &= ~(opened[:, one] & opened[:, other])
    return Plans(opened=opened[keeps], closed=closed[keeps], cost=cost[keeps])


def _named(problem: Problem, ids: Iterable[object]) -> NDArray[np.bool_]:
    return np.array([site in set(ids) for site in problem.ids.tolist()], dtype=np.bool_)


def _subsets(rows: NDArray[np.intp], size: int, most: int | None) -> NDArray[np.bool_]:
    bits = (np.arange(2 ** len(rows))[:, None] >> np.arange(len(rows))) & 1
    found = np.zeros((len(bits), size), np.bool_)
    found[:, rows] = bits.astype(np.bool_)
    return found if most is None else found[found.sum(axis=1) <= most]


def find_truth(drawn: Drawn, model: str) -> Truth:
    """Return the best of all plans."""
    problem, people = drawn.problem, drawn.people
    plans = every_plan(drawn, model)
    counts = plans.opened | (problem.open & ~plans.closed)
    near = drawn.pair <= drawn.cutoff
    times = counts.astype(int) @ near.astype(int)
    covered = (times > 0) @ people
    good = _meets_floors(drawn, model, times > 0)
    hair = SAME * people.sum()
    match model:
        case "mclp" | "relocation":
            worth: tuple[NDArray[np.float64], ...] = (covered,)
        case "backup":
            twice = (times > 1) @ people
            one, two = (drawn.weight, 1.0 - drawn.weight) if drawn.weight is not None else (1.0, 0.0)
            worth = (one * covered + two * twice,) if drawn.weight is not None else (covered, twice)
        case "lscp":
            good &= covered >= _coverable(drawn) - hair
            worth = (-plans.cost,)
        case "partial":
            good &= covered >= drawn.reach * people.sum() - hair
            worth = (-plans.cost,)
        case "max-min":
            worth = (_least_share(drawn, times > 0), covered)
        case _:
            way = np.where(counts[:, :, None], drawn.pair[None], np.inf).min(axis=1)
            good &= np.isfinite(way).all(axis=1)
            finite = np.where(np.isfinite(way), way, 0.0)
            worth = (-(finite @ people),) if model == "p-median" else (-finite.max(axis=1),)
    if not good.any():
        return Truth(feasible=False)
    best: list[float] = []
    for part in worth:
        best.append(float(part[good].max()))
        good &= part >= best[-1] - SAME * max(float(np.abs(part).max()), 1e-300)
    chosen = np.flatnonzero(good)
    least = [k for k in chosen if plans.cost[k] <= plans.cost[chosen].min() + SAME * drawn.cost.sum()]
    sets = {frozenset(problem.ids[plans.opened[k]].tolist()) for k in least}
    return Truth(feasible=True, best=tuple(map(abs, best)), unique=sets.pop() if len(sets) == 1 else None)


def _meets_floors(drawn: Drawn, model: str, covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    asked, good = drawn.asked(model), np.ones(len(covered), np.bool_)
    for k, name in enumerate(drawn.problem.districts):
        inside = np.where(drawn.problem.district == k, drawn.people, 0.0)
        good &= covered @ inside >= asked.floors.get(name, asked.floor) * inside.sum() - SAME * inside.sum()
    return good


def _coverable(drawn: Drawn) -> float:
    """Return the people whom open sites and candidates cover that nothing rules out by name."""
    problem, asked = drawn.problem, drawn.conditions
    could = problem.candidate & ~_named(problem, asked.forbidden)
    place = {site: row for row, site in enumerate(problem.ids.tolist())}
    for pair in asked.exclusive:
        one, other = (place[site] for site in pair)
        could[[other] * bool(problem.open[one])] = False
        could[[one] * bool(problem.open[other])] = False
    near = drawn.pair <= drawn.cutoff
    return float(drawn.people[near[could | problem.open].any(axis=0)].sum())


def _least_share(drawn: Drawn, covered: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the least covered share of a district that some plan still helps; of every one where none helps any."""
    problem = drawn.problem
    stands = problem.open | _named(problem, drawn.conditions.required)
    today = (drawn.pair <= drawn.cutoff)[stands].any(axis=0)
    could = covered.any(axis=0)  # by some plan
    shares, any_helped = [], False
    for k in range(len(problem.districts)):
        inside = np.where(problem.district == k, drawn.people, 0.0)
        helped = (inside * (could & ~today)).sum() > 0
        any_helped |= helped
        if inside.sum() > 0 and (helped or (inside * today).sum() >= inside.sum() * (1 - SAME)):
            shares.append(covered @ inside / inside.sum())
    return np.min(shares, axis=0) if any_helped else _every_share(drawn, covered)


def _every_share(drawn: Drawn, covered: NDArray[np.bool_]) -> NDArray[np.float64]:
    problem, shares = drawn.problem, [np.ones(len(covered))]
    for k in range(len(problem.districts)):
        inside = np.where(problem.district == k, drawn.people, 0.0)
        if inside.sum() > 0:
            shares.append(covered @ inside / inside.sum())
    return np.asarray(np.min(shares, axis=0), dtype=np.float64)


def objective_of(drawn: Drawn, model: str, truth: Truth) -> float:
    """Return the best objective in the numbers of the problem."""
    match model:
        case "lscp" | "partial":
            return truth.best[0] * drawn.cost_factor
        case "p-median":
            return truth.best[0] * drawn.people_factor * drawn.pair_factor
        case "p-center":
            return truth.best[0] * drawn.pair_factor
        case "max-min":
            return truth.best[0]
    return sum(truth.best) * drawn.people_factor
