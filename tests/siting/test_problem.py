"""The question as arrays: a pair beyond the cutoff counts for walking, and covers nobody."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import sparse

from accessibility import InputError
from accessibility.siting import Problem, solve_mclp, verify_plan
from accessibility.siting.certificate import proven_bound


def test_pairs_beyond_the_cutoff_cover_nobody() -> None:
    costs = [[100, 901, 5_000], [950, 900, 300]]
    problem = Problem.from_costs(costs, [30, 10, 5], cutoff=900)
    assert problem.covered_by(np.array([True, False])).tolist() == [True, False, False]
    assert problem.covered_by(np.array([False, True])).tolist() == [False, True, True]
    assert problem.nearest_cost(np.array([True, False])).tolist() == [100, 901, 5_000]


def test_a_dense_matrix_asks_what_its_near_pairs_ask() -> None:
    random = np.random.default_rng(3)
    costs, people = random.integers(0, 2_000, (30, 200)).astype(float), random.integers(1, 50, 200)
    near = np.where(costs <= 300, costs, np.inf)
    row, column = np.nonzero(costs <= 300)
    stored = sparse.coo_array((costs[row, column], (row, column)), shape=costs.shape)  # a stored zero costs nothing
    found = []
    for matrix in (costs, near, stored):
        problem = Problem.from_costs(matrix, people, cutoff=300)
        plan = solve_mclp(problem, sites=5)
        verify_plan(problem, plan)
        best = sum(people[(costs[[int(str(site)) for site in plan.selected]] <= 300).any(axis=0)])
        assert plan.objective == best
        found.append((plan.objective, plan.bound, proven_bound(problem, plan)))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("start", "demand", "complaint"),
    [
        ([0, 2, 4], [0, 1, 1, 1], "each pair once"),
        ([0, 2, 4], [1, 0, 0, 1], "rows ascending within a site"),
        ([0, 2, 4], [0, 2, 0, 1], "rows from 0 to 1"),
        ([0, 3, 2], [0, 1, 0, 1], "does not lead from 0 to the 4 pairs without falling"),
        ([], [0, 1, 0, 1], "does not lead from 0 to the 4 pairs without falling"),
    ],
)
def test_pairs_that_are_none_are_refused(start: list[int], demand: list[int], complaint: str) -> None:
    people, cost, within = np.array([3.0, 4.0]), np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, np.bool_)
    with pytest.raises(InputError, match=re.escape(complaint)):
        Problem(people=people, start=np.array(start), demand=np.array(demand), cost=cost, within=within)
    Problem(people=people, start=np.array([0, 2, 4]), demand=np.array([0, 1, 0, 1]), cost=cost, within=within)
