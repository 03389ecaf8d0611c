"""Instances as files: HiGHS finds in the MPS the optimum that our solvers find, and an npz gives the problem back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smallproblems import problems

from accessibility import InputError, OutputError
from accessibility.siting import Problem, solve_lscp, solve_mclp, solve_p_median

if TYPE_CHECKING:
    from pathlib import Path


def optimum(path: Path) -> float | None:
    """Return what HiGHS, which knows nothing of us, finds in a file; None where there is no plan."""
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)  # noqa: FBT003 -- HiGHS's own way
    assert solver.readModel(str(path)) == highspy.HighsStatus.kOk
    solver.run()
    if solver.getModelStatus() == highspy.HighsModelStatus.kModelEmpty:
        return 0.0
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return float(solver.getInfo().objective_function_value)


@settings(max_examples=25, deadline=None)
@given(problems(), st.integers(0, 3), st.integers(0, 6))
def test_another_solver_finds_the_same_optimum(
    tmp_path_factory: pytest.TempPathFactory, problem: Problem, sites: int, budget: int
) -> None:
    file = tmp_path_factory.mktemp("mps") / "town.mps"
    everyone = problem.population
    limits: tuple[dict[str, Any], ...] = (
        {"sites": sites},
        {"budget": float(budget)},
        {"sites": sites, "budget": float(budget)},
    )
    for limit in limits:
        plan = solve_mclp(problem, **limit)
        found = optimum(problem.to_mps(file, **limit))
        assert found == pytest.approx(everyone - plan.objective, abs=1e-6 * max(1.0, everyone))
    assert optimum(problem.to_mps(file, model="lscp")) == pytest.approx(solve_lscp(problem).objective)


@pytest.mark.parametrize("sites", [0, 1, 3])
def test_the_median_is_the_same(tmp_path: Path, sites: int) -> None:
    rng = np.random.default_rng(3)
    costs, people = rng.integers(1, 99, (7, 15)), rng.integers(1, 9, 15)
    problem = Problem.from_costs(costs, people, 40, open=[True] + [False] * 6)
    found = optimum(problem.to_mps(tmp_path / "median.mps", model="p-median", sites=sites))
    assert found == pytest.approx(solve_p_median(problem, sites=sites).objective)


def test_an_npz_gives_the_problem_back(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "district": ["a", None, "b"],
        "ids": ["O 1", "银行"],
        "kind": ["bank", ""],
        "site_cost": [2, 0],
        "open": [False, True],
    }
    problem = Problem.from_costs([[1, 5, 9], [9, 1, np.inf]], [3, 1, 2], 4, **given)
    again = Problem.from_npz(problem.to_npz(tmp_path / "town.npz"))
    for name in (
        "people",
        "start",
        "demand",
        "cost",
        "within",
        "site_cost",
        "open",
        "candidate",
        "kind",
        "ids",
        "points",
    ):
        assert getattr(again, name).tolist() == getattr(problem, name).tolist(), name
    assert again.districts == problem.districts
    assert solve_mclp(again, sites=1).selected == ("O 1",)


def test_hostile_ids_stay_in_their_comment(tmp_path: Path) -> None:
    problem = Problem.from_costs([[1]], [3], 4, ids=["a\nENDATA\n b"])
    text = problem.to_mps(tmp_path / "town.mps", sites=1).read_text()
    assert text.count("\nENDATA") == 1
    assert optimum(tmp_path / "town.mps") == 0


def test_what_cannot_be_written_or_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    problem = Problem.from_costs([[1]], [3], 4)
    with pytest.raises(InputError, match="nothing limits the mclp"):
        problem.to_mps(tmp_path / "town.mps")
    with pytest.raises(InputError, match="'mclp', 'lscp' or 'p-median'"):
        problem.to_mps(tmp_path / "town.mps", model="p-center", sites=1)  # type: ignore[arg-type]
    (tmp_path / "no").write_text("a file where a folder is wanted")
    for write in (problem.to_npz, lambda path: problem.to_mps(path, sites=1)):
        with pytest.raises(OutputError, match="cannot be written"):
            write(tmp_path / "no" / "town")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(InputError, match="cannot be read as a problem"):
        Problem.from_npz(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", people=[1.0])
    with pytest.raises(InputError, match="has no array 'start'"):
        Problem.from_npz(tmp_path / "other.npz")
