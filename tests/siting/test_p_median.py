"""The p-median: every plan tried on small instances, another library's answers, published shapes, edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from smallproblems import Question, questions

from accessibility.errors import InfeasibleError
from accessibility.siting.p_median import check_p_median, solve_p_median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accessibility.siting.problem import Problem


def value(problem: Problem, rows: Sequence[int]) -> float:
    """People times cost by the definition; infinite where somebody is served by nothing."""
    counts = problem.open.copy()
    counts[list(rows)] = True
    total = 0.0
    for point, people in enumerate(problem.people):
        costs = [
            problem.cost[k]
            for site in np.flatnonzero(counts)
            for k in range(problem.start[site], problem.start[site + 1])
            if problem.demand[k] == point
        ]
        if not costs:
            return np.inf
        total += people * min(costs)
    return total


@given(questions())
def test_no_plan_is_better(question: Question) -> None:
    problem = question.problem
    everywhere = np.flatnonzero(problem.candidate).tolist()
    if value(problem, everywhere) == np.inf:
        with pytest.raises(InfeasibleError, match="reached by no site"):
            solve_p_median(problem, **question.asked)
        return
    best = min((value(problem, rows) for rows in question.plans()), default=np.inf)
    plan = solve_p_median(problem, **question.asked)
    check_p_median(problem, plan)
    if best == np.inf:
        assert plan.status == "infeasible"
        assert plan.selected == ()
        assert plan.message
        return
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(best)
    assert plan.bound == pytest.approx(best)
    rows = tuple(problem.rows(plan.selected).tolist())
    assert question.allows(rows, problem.open)
    spare = [row for row in rows if problem.ids[row] not in question.conditions.required]
    for row in spare:
        assert value(problem, tuple(r for r in rows if r != row)) > plan.objective
