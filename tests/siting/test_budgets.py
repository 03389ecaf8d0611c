"""One budget over parts, against the whole solved at once and against every plan."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accessibility.siting import Problem, solve_mclp
from accessibility.siting.budgets import share_budget


def part(chance: np.random.Generator, sites: int, points: int, reach: float) -> Problem:
    """Return sites and points on a square, some sites open, dear and cheap ones."""
    at, homes = chance.random((sites, 2)), chance.random((points, 2))
    far = np.hypot(*(at[:, None] - homes[None]).transpose(2, 0, 1))
    return Problem.from_costs(
        far, chance.integers(0, 90, points), cutoff=reach, site_cost=chance.choice([1.0, 3.0], sites)
    )


def joined(parts: list[Problem]) -> Problem:
    """Return all parts as one problem."""
    n, k = (np.cumsum([0, *(len(getattr(p, name)) for p in parts)]) for name in ("people", "demand"))
    return Problem(
        people=np.concatenate([p.people for p in parts]),
        start=np.concatenate([[0], *(p.start[1:] + at for p, at in zip(parts, k[:-1], strict=True))]),
        demand=np.concatenate([p.demand + at for p, at in zip(parts, n[:-1], strict=True)]),
        cost=np.concatenate([p.cost for p in parts]),
        within=np.concatenate([p.within for p in parts]),
        site_cost=np.concatenate([p.site_cost for p in parts]),
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 9))
@settings(max_examples=15)
def test_no_plan_exceeds_the_bound_and_the_plan_is_one(seed: int, budget: int) -> None:
    chance = np.random.default_rng(seed)
    parts = [part(chance, int(chance.integers(1, 4)), int(chance.integers(1, 9)), 0.5) for _ in range(3)]
    plan = share_budget([partial(lambda p: p, p) for p in parts], budget)
    whole = joined(parts)
    best = max(
        float(whole.people[whole.covered_by(np.isin(np.arange(len(whole.site_cost)), rows))].sum())
        for size in range(len(whole.site_cost) + 1)
        for rows in combinations(range(len(whole.site_cost)), size)
        if whole.site_cost[list(rows)].sum() <= budget
    )
    assert plan.objective <= best <= plan.bound
    assert plan.spent <= budget
    covered = 0.0
    for p, rows in zip(parts, plan.selected, strict=True):
        assert len(set(rows.tolist())) == len(rows)
        covered += float(p.people[p.covered_by(np.isin(np.arange(len(p.site_cost)), rows))].sum())
    assert plan.objective == pytest.approx(covered)
    assert plan.spent == pytest.approx(sum(p.site_cost[r].sum() for p, r in zip(parts, plan.selected, strict=True)))


def test_a_country_of_towns_is_within_half_a_percent_of_the_whole() -> None:
    chance = np.random.default_rng(3)
    parts = [part(chance, int(chance.integers(20, 60)), 400, 0.13) for _ in range(12)]
    plan = share_budget([partial(lambda p: p, p) for p in parts], 120.0)
    whole = solve_mclp(joined(parts), budget=120.0, gap=0.001)
    assert plan.gap < 0.005
    assert plan.objective <= whole.bound
    assert whole.objective <= plan.bound
    assert plan.objective >= 0.995 * whole.objective


def test_a_budget_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="budget is -1"):
        share_budget([], -1)


def test_no_parts_are_a_plan_of_nothing() -> None:
    plan = share_budget([], 5)
    assert (plan.objective, plan.bound, plan.selected) == (0.0, 0.0, ())
