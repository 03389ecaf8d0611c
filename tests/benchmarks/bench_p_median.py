"""The p-median against spopt, the same costs in one run, model building counted on both sides; and a large one."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pytest

from accessibility.siting.models.p_median import solve_p_median
from accessibility.siting.problem import Problem
from accessibility.siting.verify import verify_plan


def town(points: int, sites: int) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.int64]]]:
    """Return costs from sites to points about a square of 1 km, whole metres, and people."""
    random = np.random.default_rng(0)
    at, site = random.random((points, 2)) * 1000, random.random((sites, 2)) * 1000
    return np.hypot(*(site[:, None] - at).transpose(2, 0, 1)).round(), random.integers(1, 100, points)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_as_good_as_spopt_and_many_times_faster(benchmark: Any) -> None:
    import pulp  # noqa: PLC0415 -- the peer of this benchmark alone
    from spopt.locate import PMedian  # noqa: PLC0415

    costs, people = town(1_000, 50)
    problem = Problem.from_costs(costs, people, 200)
    solve_p_median(problem, sites=5)  # compiled code is loaded
    begun = time.process_time()
    plan = benchmark.pedantic(solve_p_median, args=(problem,), kwargs={"sites": 5}, rounds=1)
    ours = time.process_time() - begun
    before = time.perf_counter()
    theirs = PMedian.from_cost_matrix(costs.T, people, p_facilities=5).solve(pulp.PULP_CBC_CMD(msg=False))
    peer = time.perf_counter() - before  # CBC runs in a process of its own
    sys.stdout.write(f"\nspopt {peer:.1f} s, here {ours:.2f} s, ratio {peer / ours:.0f}\n")
    assert plan.objective == pytest.approx(theirs.problem.objective.value())
    assert plan.status == "optimal"
    assert peer >= 100 * ours


def test_five_thousand_points_and_a_hundred_sites_are_solved(benchmark: Any) -> None:
    costs, people = town(5_000, 100)
    problem = Problem.from_costs(costs, people, 200)
    plan = benchmark.pedantic(solve_p_median, args=(problem,), kwargs={"sites": 10}, rounds=1)
    verify_plan(problem, plan)
    sys.stdout.write(f"\n{plan}, {plan.bound_by}, {plan.seconds:.1f} s\n")
    assert plan.gap <= 0.001
