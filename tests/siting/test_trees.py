"""Trees as evidence for what branch and bound says: they prove it without a solver, and nothing else does."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from provingworlds import MODELS, draw_question, find_truth, objective_of
from scipy import sparse
from scipy.optimize import linprog
from sitingworlds import scattered

from accessibility.errors import InfeasibleError, UnprovenError
from accessibility.siting import enumeration, verify, verify_plan
from accessibility.siting.claim_trees import ClaimBound, Cutting, find_halves, grow_tree
from accessibility.siting.claims import claim_most, claims_of
from accessibility.siting.effort import Allowance
from accessibility.siting.limits import Limits
from accessibility.siting.pairs import Pairs
from accessibility.siting.plan import Prices
from accessibility.siting.tree import Claim, Tree, least_loss, rounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provingworlds import Drawn

    from accessibility.siting import SitingPlan


@pytest.fixture(autouse=True)
def _no_look_at_every_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "FEW", (0, 0.0))
    monkeypatch.setattr(verify, "MANY", (0, 0.0))


@cache
def proven(model: str, status: str) -> tuple[Drawn, SitingPlan] | None:
    """Return the first question about several sites with a tree as evidence, its own or one that is grown for it."""
    for seed in range(120):
        drawn = draw_question(seed)
        try:
            plan = drawn.solve(model)
        except InfeasibleError:
            continue
        claims = claims_of(drawn.problem, plan)
        grown = [grow_tree(claim, Allowance()) for claim in claims]
        trees = plan.trees or tuple(tree for tree in grown if tree is not None)
        if plan.status == status and claims and len(trees) == len(claims) and max(claim.wanted for claim in claims) > 0:
            alone: dict[str, Any] = {"multipliers": None, "prices": Prices()} if status == "optimal" else {}
            return drawn, replace(plan, bound_by="tree", trees=trees, **alone)
    return None


@pytest.mark.parametrize("status", ["optimal", "infeasible"])
@pytest.mark.parametrize("model", MODELS)
def test_a_tree_proves_what_a_plan_says(model: str, status: str) -> None:
    found = proven(model, status)
    if found is None:  # there is always a fairest plan, unless required sites break a limit
        assert (model, status) == ("max-min", "infeasible")
        return
    drawn, plan = found
    truth = find_truth(drawn, model)
    assert truth.feasible == (status == "optimal")
    if truth.feasible:
        assert plan.objective == pytest.approx(objective_of(drawn, model, truth), rel=2e-9, abs=0)
    verify_plan(drawn.problem, plan)
    told = tuple(Tree.of_plain(json.loads(json.dumps(tree.plain()))) for tree in plan.trees)
    verify_plan(drawn.problem, replace(plan, trees=told))


@pytest.mark.parametrize("model", ["backup", "p-center", "p-median", "partial", "relocation"])
def test_what_branch_and_bound_says_comes_with_a_tree(model: str) -> None:
    by = set()
    for seed in range(20):
        with suppress(InfeasibleError):
            by.add(draw_question(seed).solve(model).bound_by)
    assert "tree" in by


def forged(tree: Tree) -> Iterator[Tree]:
    """Yield what is no evidence any more."""
    price, split = tree.price, tree.split
    yield replace(tree, price=-price - 1.0)
    yield replace(tree, price=np.full_like(price, np.nan))
    yield replace(tree, price=np.full_like(price, np.inf))
    yield replace(tree, price=price[:, :-1])
    yield replace(tree, price=np.concatenate([price, price[:1]]))
    yield replace(tree, price=price[1:])
    yield replace(tree, split=np.append(split, -1).astype(np.int32))
    yield replace(tree, split=split[:-1])
    yield replace(tree, split=np.where(split < 0, -2, split).astype(np.int32))
    yield replace(
        tree, split=np.where(split >= 0, 10**6, split).astype(np.int32)[: len(split) if split.max() >= 0 else 0]
    )
    yield replace(tree, halves=Pairs(start=np.array([0, 1]), item=np.array([10**6], np.int32)))


@pytest.mark.parametrize("model", MODELS)
def test_a_forged_tree_is_refused(model: str) -> None:
    for status in ("optimal", "infeasible"):
        found = proven(model, status)
        if found is None:
            continue
        drawn, plan = found
        for k, tree in enumerate(plan.trees):
            for false in forged(tree):
                trees = (*plan.trees[:k], false, *plan.trees[k + 1 :])
                with pytest.raises(UnprovenError):
                    verify_plan(drawn.problem, replace(plan, trees=trees))
        for change in ({"trees": ()}, {"trees": plan.trees * 2}, {"bound_by": "solver"}):
            with pytest.raises(UnprovenError):
                verify_plan(drawn.problem, replace(plan, **change))


@pytest.mark.parametrize("heavy", [0, 1])
def test_the_half_that_cuts_off_most_people_comes_first(heavy: int) -> None:
    """Two triangles: half of each site falls short of one by as much as of the other, but not by as many people."""
    triangle = np.array([[1.0, 1, 0], [0, 1, 1], [1, 0, 1]])
    people = np.repeat([1.0, 10.0] if heavy else [10.0, 1.0], 3)
    rows = sparse.csr_array(sparse.hstack([sparse.block_diag([triangle, triangle]), sparse.eye_array(6)]))
    claim = Claim(
        loss=np.append(np.zeros(6), people),
        rows=rows,
        least=np.ones(6),
        upper=np.ones(12),
        sites=np.arange(6),
        splits=np.ones(12, np.bool_),
        small=6,
        whole=True,
        wanted=0.0,
    )
    found = find_halves(
        claim, (rows, claim.least), np.append(np.full(6, 0.5), np.zeros(6)), np.arange(6), 1, Allowance()
    )
    assert found.item.tolist() == [3 * heavy, 3 * heavy + 1, 3 * heavy + 2]


def drawn_claim(random: np.random.Generator) -> Claim:
    """Return a claim about a few columns of 0 and 1, some of whose rows may be halved."""
    c, r, small = int(random.integers(2, 6)), int(random.integers(2, 6)), int(random.integers(1, 3))
    rows = random.integers(-2, 3, (r, c)).astype(float)
    rows[:small] = np.abs(rows[:small])
    return Claim(
        loss=random.integers(0, 9, c).astype(float),
        rows=sparse.csr_array(rows),
        least=random.integers(-2, 3, r).astype(float),
        upper=np.ones(c),
        sites=np.arange(c),
        splits=np.ones(c, np.bool_),
        small=small,
        whole=True,
        wanted=0.0,
    )


def least_of_all(claim: Claim) -> float:
    """Return the least loss by looking at every solution."""
    solutions = np.array(list(product([0.0, 1.0], repeat=len(claim.loss))))
    keeps = (solutions @ claim.rows.toarray().T >= claim.least).all(axis=1)
    return float((solutions[keeps] @ claim.loss).min(initial=np.inf))


def drawn_tree(claim: Claim, random: np.random.Generator) -> Tree:
    """Return any tree of a claim: whatever its splits, prices and halves are, it proves no more than is true."""
    split: list[int] = []
    waiting = 1
    while waiting:
        leaf = random.random() < 0.6 or len(split) > 8
        split.append(-1 if leaf else int(random.integers(0, len(claim.loss))))
        waiting += -1 if leaf else 1
    r, small = len(claim.least), claim.small
    lines = [random.choice([*range(small), *range(r, r + k)], 2).tolist() for k in range(int(random.integers(0, 4)))]
    halves = Pairs(start=2 * np.arange(len(lines) + 1), item=np.array(lines, np.int32).reshape(-1))
    price = random.random() * random.integers(0, 5, (split.count(-1), r + len(lines))).astype(np.float64)
    return Tree(split=np.array(split, dtype=np.int32), price=price, halves=halves)


def test_no_tree_proves_more_than_is_true() -> None:
    random, told = np.random.default_rng(4), 0
    for _ in range(400):
        claim = drawn_claim(random)
        truth = least_of_all(claim)
        found = [least_loss(claim, drawn_tree(claim, random)) for _ in range(3)]
        assert max(found) <= truth
        told += max(found) > 0
    assert told > 20


def test_a_grown_tree_proves_all_there_is() -> None:
    random, split = np.random.default_rng(5), 0
    for _ in range(60):
        claim = drawn_claim(random)
        truth = least_of_all(claim)
        wanted = truth if np.isfinite(truth) else 50.0
        tree = grow_tree(replace(claim, wanted=wanted), Allowance())
        assert tree is not None
        assert least_loss(claim, tree) >= wanted
        split += len(tree.split) > 1
        assert not np.isfinite(truth) or grow_tree(replace(claim, wanted=truth + 1), Allowance()) is None
    assert split > 5


def ring(size: int) -> Claim:
    """Return that many people in a ring, a site between any two neighbours: how few sites cover everybody."""
    near = np.eye(size) + np.roll(np.eye(size), 1, axis=1)
    nobody: dict[str, Any] = {"upper": np.ones(size), "sites": np.arange(size), "splits": np.ones(size, np.bool_)}
    return Claim(
        loss=np.ones(size),
        rows=sparse.csr_array(near),
        least=np.ones(size),
        small=size,
        whole=False,
        wanted=0,
        **nobody,
    )


def test_halves_prove_that_an_odd_ring_needs_half_a_site_more_than_fractions_do() -> None:
    """Of three people any two share a site: half a site each will do in fractions, and two sites in truth."""
    claim, within = ring(3), (np.zeros(3), np.ones(3))
    relaxed = ClaimBound(claim)
    point = relaxed.solve(within, 2.0, Allowance())
    assert point is not None
    assert point.loss == pytest.approx(1.5)
    cutting = Cutting(claim)
    cutting.run(Allowance(), 1.0, 2.0)
    assert cutting.tree is not None
    assert cutting.tree.halves.item.tolist() == [0, 1, 2]
    assert least_loss(claim, cutting.tree) == pytest.approx(2.0)


@pytest.mark.parametrize("seed", range(3))
def test_an_interior_point_proves_the_relaxation_as_a_vertex_does(seed: int) -> None:
    claim = claim_most(scattered(150, 40, seed=seed, radius=0.2), Limits(sites=5 + seed))
    within = np.zeros(len(claim.loss)), claim.upper
    truth = linprog(claim.loss, A_ub=-claim.rows.toarray(), b_ub=-claim.least, bounds=(0, 1)).fun or 0.0
    assert truth > 1.0
    for interior in (False, True):
        point = ClaimBound(claim, interior=interior).solve(within, 0.0, Allowance())
        assert point is not None
        assert point.loss == pytest.approx(rounded(claim, truth), rel=1e-6)


def test_no_solution_is_begun_that_would_take_more_than_its_share() -> None:
    claim, allowance = claim_most(scattered(150, 40, seed=0, radius=0.2), Limits(sites=6)), Allowance()
    cutting = Cutting(claim)
    cutting.run(allowance, 0.0, 0.0)
    assert (cutting.tree, allowance.did) == (None, 0)
    cutting.run(allowance, 1.0, claim.wanted)
    assert cutting.tree is not None
    assert allowance.did <= allowance.size
    assert least_loss(claim, cutting.tree) == pytest.approx(cutting.value)


def test_halves_of_halves_prove_a_larger_odd_ring() -> None:
    """Five in a ring need three: all five rows at once, which stand together in no set of three."""
    claim = ring(5)
    halves = Pairs(start=np.array([0, 5]), item=np.arange(5, dtype=np.int32))
    tree = Tree(split=np.array([-1], np.int32), price=np.array([[0.0] * 5 + [1.0]]), halves=halves)
    assert least_loss(claim, tree) == pytest.approx(3.0)
    with pytest.raises(UnprovenError, match="halved"):
        least_loss(replace(claim, small=4), tree)


@pytest.mark.parametrize(
    "told", [None, [], {}, {"split": [-1]}, {"split": "x", "rows": 1, "price": {}, "halves": {}}, {"rows": 10**12}]
)
def test_what_is_no_tree_is_refused(told: Any) -> None:
    with pytest.raises(UnprovenError, match="no tree"):
        Tree.of_plain(told)


@pytest.mark.parametrize("model", ["backup", "mclp", "p-center", "relocation", "partial", "lscp", "p-median"])
def test_no_tree_grows_for_a_bound_that_is_not_true(model: str) -> None:
    found = proven(model, "optimal")
    assert found is not None
    drawn, plan = found
    for claim in claims_of(drawn.problem, plan):
        assert grow_tree(replace(claim, wanted=claim.wanted + max(1.0, 0.01 * claim.wanted)), Allowance()) is None
