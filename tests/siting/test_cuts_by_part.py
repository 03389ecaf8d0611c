"""Cuts part by part: what each part proves at one price of the limit adds up, and never rules out a plan there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from accessibility.errors import UnprovenError
from accessibility.siting import Conditions, Problem, claim_trees, cuts_by_part, solve_mclp, verify_plan
from accessibility.siting.claim_trees import Cutting
from accessibility.siting.claims import claim_most
from accessibility.siting.covering import read_covering
from accessibility.siting.cuts_by_part import PartedCutting, prices_of_limits
from accessibility.siting.dual import Descent
from accessibility.siting.effort import Allowance
from accessibility.siting.limits import Limits
from accessibility.siting.plan import Prices
from accessibility.siting.tree import least_loss


def villages(triangles: int, alone: list[int]) -> Problem:
    """Return villages of three homes of ten people, any two of which share a site, and villages of one site each."""
    size = 3 * triangles + len(alone)
    costs = np.full((size, size), np.inf)
    for village in range(triangles):
        for site in range(3):
            costs[3 * village + site, [3 * village + site, 3 * village + (site + 1) % 3]] = 0.0
    last = np.arange(3 * triangles, size)
    costs[last, last] = 0.0
    return Problem.from_costs(costs, [10] * (3 * triangles) + alone, 1)


def two_towns(*, costly: bool = False) -> Problem:
    """Return a problem of 600 homes and 120 places in two towns, whose linear program is far from whole numbers."""
    random = np.random.default_rng(7)
    town, home = np.repeat(np.arange(2), 60), np.repeat(np.arange(2), [220, 320])
    at, homes = (random.random((len(of), 2)) + 5.0 * of[:, None] for of in (town, home))
    far = np.hypot(*(at[:, None] - homes).transpose(2, 0, 1))
    people, ids = random.integers(1, 90, len(homes)), random.permutation(len(at)).tolist()
    opening = random.integers(5, 15, len(at)) if costly else None
    return Problem.from_costs(far, people, 0.3, ids=ids, site_cost=opening)


def parted_of(problem: Problem, limits: Limits) -> PartedCutting:
    covering, claim = read_covering(problem, limits).covering, claim_most(problem, limits)
    descent = Descent(covering)
    descent.run(0, 3_000, Allowance(), patient=True)
    price = prices_of_limits(claim, covering, descent.dual)
    assert price is not None
    return PartedCutting(claim, price)


@pytest.mark.parametrize("rows", [3, 2_000])
def test_parts_that_share_a_limit_are_cut_one_by_one(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a site in each of three places would serve a triangle; whole sites serve two homes each, 12 people cost one.

    Of 8 sites four go to triangles (80 people), four to villages of 12; in fractions six would serve all triangles.
    """
    monkeypatch.setattr(cuts_by_part, "_ROWS", rows)
    problem = villages(4, [12] * 5 + [1] * 3)
    plan, found = solve_mclp(problem, sites=8), parted_of(problem, Limits(sites=8))
    claim, allowance = found.claim, Allowance()
    found.run(allowance, 1.0, np.inf)
    assert plan.objective == claim.wanted - found.value == 128
    assert found.tree is not None
    assert least_loss(claim, found.tree) == found.value
    assert len(found.tree.halves) == 4
    told = replace(plan, bound_by="tree", trees=(found.tree,), multipliers=None, prices=Prices())
    verify_plan(problem, told)
    price = found.tree.price.copy()
    price[0, claim.small] *= 0.9  # of the limit
    with pytest.raises(UnprovenError):
        verify_plan(problem, replace(told, trees=(replace(found.tree, price=price),)))


@pytest.mark.parametrize("costly", [False, True])
def test_no_plan_is_beyond_what_parts_prove(*, costly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts_by_part, "_LITTLE", 0.0)
    monkeypatch.setattr(cuts_by_part, "_ROWS", 100)
    problem = two_towns(costly=costly)
    limits = Limits(budget=70.0) if costly else Limits(sites=12)
    best = solve_mclp(problem, sites=limits.sites, budget=limits.budget).objective
    found = parted_of(problem, limits)
    claim, allowance = found.claim, Allowance()
    while found._next:
        found.run(allowance, 0.1, np.inf)
    relaxed = linprog(claim.loss, A_ub=-claim.rows.toarray(), b_ub=-claim.least, bounds=(0, 1)).fun or 0.0
    assert relaxed < found.value <= claim.wanted - best + 1e-6
    assert found.tree is not None
    of = np.array([len(part.cutting.tree.halves) for part in found._parts if part.cutting.tree is not None])
    assert costly or (found.tree.halves.item[found.tree.halves.start[of[0]] :] >= len(claim.least)).any()
    own = sum(part.cutting.best.loss for part in found._parts if part.cutting.best is not None)
    paid = float(claim.least[claim.small :] @ found.tree.price[0, claim.small : len(claim.least)])
    assert found.value >= own + paid - 1e-6  # what parts prove adds up, halves of halves too
    assert least_loss(claim, found.tree) == found.value


def test_nothing_is_begun_where_a_part_would_take_more_than_its_share() -> None:
    found, allowance = parted_of(two_towns(), Limits(sites=12)), Allowance()
    found.run(allowance, 0.4 * max(part.cutting.work for part in found._parts) / allowance.size, np.inf)
    assert (found.tree, allowance.did) == (None, 0)


def test_what_more_than_a_number_and_a_budget_holds_together_has_no_parts() -> None:
    problem = villages(2, [5])
    apart = Conditions(exclusive=((problem.ids[0], problem.ids[3]),))
    for limits, parts in ((Limits(sites=2), True), (Limits(sites=2, conditions=apart), False)):
        covering, claim = read_covering(problem, limits).covering, claim_most(problem, limits)
        price = prices_of_limits(claim, covering, Descent(covering).dual)
        assert (price is not None) == parts


def test_rows_that_are_fixed_keep_their_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is proved with some rows left out of the program holds for all, and is more than before it was cut."""
    problem = two_towns()
    claim = claim_most(problem, Limits(sites=12))
    best = solve_mclp(problem, sites=12).objective
    relaxed = linprog(claim.loss, A_ub=-claim.rows.toarray(), b_ub=-claim.least, bounds=(0, 1)).fun or 0.0
    kept, value = {}, {}
    for rows in (0, 10_000):
        monkeypatch.setattr(claim_trees, "_MANY_ROWS", rows)
        cutting = Cutting(claim)
        cutting.run(Allowance(), 1.0, claim.wanted)
        assert cutting.tree is not None
        assert relaxed < cutting.value <= claim.wanted - best
        assert least_loss(claim, cutting.tree) == pytest.approx(cutting.value)
        value[rows] = cutting.value
        kept[rows] = len(cutting._program._kept) - len(cutting._program.halves)
    assert kept[0] < kept[10_000] == len(claim.least)
    assert value[0] - relaxed >= 0.4 * (value[10_000] - relaxed)
