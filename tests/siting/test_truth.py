"""Every model against every plan there is, in numbers of every size; and what changes no answer."""

from __future__ import annotations

import numpy as np
import pytest
from provingworlds import MODELS, Drawn, draw_question, find_truth, objective_of

from accessibility.errors import InfeasibleError
from accessibility.siting import enumeration, verify_plan

SEEDS = range(25)


def unreached(drawn: Drawn) -> bool:
    """Whether a demand point is reached by no site at all."""
    stands = drawn.problem.open | drawn.problem.candidate
    return bool(np.isinf(drawn.pair[stands].min(axis=0, initial=np.inf)).any())


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_against_every_plan(model: str, alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """The solvers alone, and with the look at every plan that small questions get."""
    if alone:
        monkeypatch.setattr(enumeration, "FEW", (0, 0.0))
    for seed in SEEDS:
        drawn = draw_question(seed + 1000 * alone)
        truth = find_truth(drawn, model)
        if model in ("p-median", "p-center") and unreached(drawn):
            with pytest.raises(InfeasibleError, match="reached by no site"):
                drawn.solve(model)
            continue
        plan = drawn.solve(model)
        verify_plan(drawn.problem, plan)
        assert plan.status == ("optimal" if truth.feasible else "infeasible"), (seed, plan)
        if truth.feasible:
            assert plan.objective == pytest.approx(objective_of(drawn, model, truth), rel=2e-9, abs=0), seed
            assert np.isfinite(plan.bound)
