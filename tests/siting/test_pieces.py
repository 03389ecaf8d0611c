"""Two plans crossed piece by piece, against every choice among their pieces."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from accessibility.siting import Conditions, Problem, goals
from accessibility.siting.covering import Covering, read_covering
from accessibility.siting.crossing import cross_pieces
from accessibility.siting.effort import Allowance
from accessibility.siting.limits import Limits

ASKED = {
    "number": Limits.of(4, None, None),
    "budget": Limits.of(None, 9.0, None),
    "pairs and quota": Limits.of(5, None, Conditions(exclusive=((0, 1), (2, 3), (4, 5)), quotas={"bank": 2})),
}


def read(name: str, seed: int) -> Covering:
    random = np.random.default_rng(seed)
    apart = np.hypot(*(random.random((14, 2))[:, None] - random.random((80, 2))).transpose(2, 0, 1))
    problem = Problem.from_costs(
        apart,
        random.integers(1, 9, 80),
        0.16,
        site_cost=random.integers(1, 6, 14),
        kind=["bank", "room"] * 7,
    )
    return read_covering(problem, ASKED[name]).covering


def drawn(covering: Covering, random: np.random.Generator, *, beyond: bool = False) -> np.ndarray:
    """Return sites in a random order while any fits, and two more."""
    plan = np.zeros(len(covering.site), np.bool_)
    for column in random.permutation(len(plan)):
        plan[column] = True
        plan[column] = covering.fits(plan)
    if beyond:
        plan[random.choice(np.flatnonzero(~plan), 2)] = True
    return plan


def pieces_of(covering: Covering, plan: np.ndarray, other: np.ndarray) -> list[list[int]]:
    """Return the columns of each piece: two that share somebody stand in one, unless both plans cover them alike."""
    common = covering.covered(plan & other)
    people = {int(c): set(covering.columns.of(np.array([c]))) - set(np.flatnonzero(common)) for c in range(len(plan))}
    pieces: list[list[int]] = []
    for column in np.flatnonzero(plan != other).tolist():
        near = [piece for piece in pieces if any(people[column] & people[c] for c in piece)]
        pieces = [piece for piece in pieces if piece not in near] + [[column, *(c for piece in near for c in piece)]]
    return pieces


@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", ASKED)
def test_no_choice_among_the_pieces_is_better(name: str, seed: int, beyond: bool) -> None:  # noqa: FBT001
    covering, random = read(name, seed), np.random.default_rng(seed)
    plan, other = drawn(covering, random), drawn(covering, random, beyond=beyond)
    pieces = pieces_of(covering, plan, other)
    found = []
    for chosen in product((False, True), repeat=len(pieces)):
        trial = plan.copy()
        for piece, taken in zip(pieces, chosen, strict=True):
            trial[piece] ^= taken
        if covering.fits(trial):
            found.append(covering.value(trial))
    crossed = cross_pieces(covering, plan, other, Allowance())
    assert len(pieces) > 1
    assert covering.fits(crossed)
    assert covering.value(crossed) == max(found)


def test_each_town_is_as_the_better_plan_has_it() -> None:
    """Two towns of two sites each; one plan has the better site of the first town, the other one that of the second."""
    costs = [[1, 1, 9, 9], [1, 9, 9, 9], [9, 9, 1, 9], [9, 9, 1, 1]]
    covering = read_covering(Problem.from_costs(costs, [1, 2, 3, 4], 1), Limits.of(2, None, None)).covering
    plan, other = np.array([True, False, True, False]), np.array([False, True, False, True])
    for one, two in ((plan, other), (other, plan)):
        assert cross_pieces(covering, one, two, Allowance()).tolist() == [True, False, False, True]


def test_plans_alike_are_left_as_they_are() -> None:
    covering = read("number", 0)
    plan = drawn(covering, np.random.default_rng(0))
    assert cross_pieces(covering, plan, plan.copy(), Allowance()) is plan


@pytest.mark.parametrize("large", [0, 10**9])
def test_a_large_plan_is_polished_by_pieces(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty towns of three sites each: only so many open, and every best plan takes the best of as many towns."""
    reach = np.kron(np.eye(80), [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    people = np.random.default_rng(0).integers(1, 99, reach.shape[1])
    covering = read_covering(
        Problem.from_costs(np.where(reach > 0, 1, 9), people, 1), Limits.of(50, None, None)
    ).covering
    monkeypatch.setattr(goals, "_LARGE", large)
    town = people.reshape(80, 4)
    pairs, both = town[:, :-1] + town[:, 1:], town.sum(axis=1)
    one = pairs.max(axis=1)
    # A second site of a town adds no more than the first one, so that the best gains are those of the best plan.
    two = np.maximum(both, one) - one
    best = int(np.sort(np.concatenate([one, two]))[-50:].sum())
    plan = np.zeros(len(covering.site), np.bool_)
    plan[:50] = True
    found = goals.MostPeople().polish(covering, plan, 4_000, Allowance())
    assert covering.fits(found)
    assert 0.99 * best <= covering.value(found) * covering.person <= best
