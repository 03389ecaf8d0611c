"""Questions that a general solver finds hard, against HiGHS on the plain model: the same arrays, CPU seconds.

The p-medians and set covers are drawn as those of the OR-Library were (Beasley 1985, 1987): a random graph of n nodes
with n² / 50 edges of lengths 1 to 100, every node a person and a site; 300 rows, 3 000 columns, 2 % of all pairs, costs
1 to 100, no row in fewer than two columns.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import shortest_path

from accessibility.siting import Problem, SitingPlan, solve_lscp, solve_p_median, verify_plan
from accessibility.siting.effort import Allowance
from accessibility.siting.exact import Effort, Program, solve_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LIMIT_S = 60.0


def graph(n: int, seed: int) -> NDArray[np.float64]:
    """Return the lengths of the shortest paths of a random connected graph."""
    random = np.random.default_rng(seed)
    order = random.permutation(n)
    edges = {(int(order[k]), int(order[random.integers(k)])) for k in range(1, n)}  # a tree
    while len(edges) < n * n // 50:
        one, other = random.integers(n, size=2).tolist()
        if one != other and (other, one) not in edges:
            edges.add((one, other))
    one, other = np.array(sorted(edges)).T
    lengths = sparse.csr_array((random.integers(1, 101, len(one)).astype(float), (one, other)), shape=(n, n))
    paths: NDArray[np.float64] = shortest_path(lengths, directed=False)
    return paths


def cover(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which column covers which row, ``(3000, 300)``, and the costs of columns."""
    random = np.random.default_rng(seed)
    columns, rows = 3_000, 300
    covers = np.zeros((columns, rows), np.bool_)
    covers[np.arange(columns), random.integers(rows, size=columns)] = True
    for row in range(rows):
        while covers[:, row].sum() < 2:
            covers[random.integers(columns), row] = True
    while (more := columns * rows // 50 - int(covers.sum())) > 0:
        covers[random.integers(columns, size=more), random.integers(rows, size=more)] = True
    return covers, random.integers(1, 101, columns).astype(float)


def plain_median(cost: NDArray[np.float64], sites: int) -> Program:
    """Return the textbook model: a column a site and one a pair, every point served once and by an open site."""
    m, n = cost.shape
    pair, site, point = np.arange(m * n), np.repeat(np.arange(m), n), np.tile(np.arange(n), m)
    ones = np.ones(m * n)
    served = sparse.csr_array((ones, (point, m + pair)), shape=(n, m + m * n))
    opened = sparse.csr_array(
        (np.concatenate([ones, -ones]), (np.tile(pair, 2), np.concatenate([m + pair, site]))), shape=(m * n, m + m * n)
    )
    number = sparse.csr_array((np.ones(m), (np.zeros(m, int), np.arange(m))), shape=(1, m + m * n))
    return Program(
        objective=np.concatenate([np.zeros(m), cost.ravel()]),
        lower=np.zeros(m + m * n),
        upper=np.ones(m + m * n),
        integer=np.arange(m + m * n) < m,
        rows=sparse.csr_array(sparse.vstack([served, opened, number])),
        row_lower=np.concatenate([np.ones(n), np.full(m * n + 1, -np.inf)]),
        row_upper=np.concatenate([np.ones(n), np.zeros(m * n), [float(sites)]]),
        maximise=False,
    )


def plain_cover(covers: NDArray[np.bool_], cost: NDArray[np.float64]) -> Program:
    c, r = covers.shape
    return Program(
        objective=cost,
        lower=np.zeros(c),
        upper=np.ones(c),
        integer=np.ones(c, np.bool_),
        rows=sparse.csr_array(covers.T.astype(float)),
        row_lower=np.ones(r),
        row_upper=np.full(r, np.inf),
        maximise=False,
    )


def raced(name: str, ours: Callable[[], SitingPlan], plain: Program) -> tuple[SitingPlan, float]:
    """Return our plan and its CPU seconds; print both sides. The peer has no more than a minute."""
    begun = time.process_time()
    plan = ours()
    mine = time.process_time() - begun
    begun = time.process_time()
    peer = solve_program(plain, Effort(allowance=Allowance(limit_s=LIMIT_S)))
    spent = time.process_time() - begun
    sys.stdout.write(
        f"\n{name}: {plan.objective:.0f}, gap {100 * plan.gap:.2f} %, {mine:.1f} s;"
        f" HiGHS {peer.objective:.0f}, bound {peer.bound:.1f}, {spent:.1f} s\n"
    )
    assert peer.bound <= plan.objective * (1 + 1e-9) <= peer.objective * (1 + 2e-9)
    return plan, mine


@pytest.mark.parametrize("n", [400, 900])
@pytest.mark.parametrize("sites", [5, 10])
def test_medians_of_random_graphs_are_proven_within_a_minute(n: int, sites: int, benchmark: Any) -> None:
    paths = graph(n, 1)
    problem = Problem.from_costs(paths, np.ones(n), 100)
    solve_p_median(Problem.from_costs([[1, 9], [9, 1]], [1, 1], 1), sites=1)  # compiled code is loaded

    def ours() -> SitingPlan:
        return solve_p_median(problem, sites=sites)

    # The plain model of 900 nodes has 810 000 pairs; the peer gets those of 400.
    plan, mine = raced(f"{n} nodes, p = {sites}", ours, plain_median(paths, sites)) if n <= 400 else timed(ours)
    benchmark.pedantic(ours, rounds=1)
    verify_plan(problem, plan)
    assert plan.status == "optimal"
    assert mine <= LIMIT_S


def timed(ours: Callable[[], SitingPlan]) -> tuple[SitingPlan, float]:
    begun = time.process_time()
    plan = ours()
    spent = time.process_time() - begun
    sys.stdout.write(f"\n{plan}, {spent:.1f} s\n")
    return plan, spent


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_set_covers_are_proven_within_a_minute(seed: int, benchmark: Any) -> None:
    covers, cost = cover(seed)
    problem = Problem.from_costs(np.where(covers, 1.0, np.inf), np.ones(covers.shape[1]), 1, site_cost=cost)

    def ours() -> SitingPlan:
        return solve_lscp(problem)

    ours()  # compiled code is loaded
    plan, mine = raced(f"cover {seed}", ours, plain_cover(covers, cost))
    benchmark.pedantic(ours, rounds=1)
    verify_plan(problem, plan)
    assert plan.status == "optimal"
    assert mine <= LIMIT_S
