"""Mixed-integer programs as arrays, handed to HiGHS without a modelling layer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import highspy
import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

INFINITE = float("inf")


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A linear program, some of whose columns are whole numbers.

    Parameters
    ----------
    objective
        ``(c,)`` coefficient of each column.
    lower, upper
        ``(c,)`` bounds of the columns.
    integer
        ``(c,)`` whether the column takes whole numbers only.
    rows
        ``(r, c)`` CSR matrix of the constraints.
    row_lower, row_upper
        ``(r,)`` bounds of the constraints.
    maximise
        Whether more is better.
    offset
        Added to every objective, so that a relative gap refers to the whole.
    """

    objective: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    integer: NDArray[np.bool_]
    rows: sparse.csr_array
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]
    maximise: bool = True
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Effort:
    """How long a solver may work, and how near is near enough.

    Parameters
    ----------
    time_limit_s
        Wall seconds; None for no limit.
    gap
        Relative gap between incumbent and bound at which it may stop.
    gap_absolute
        The same in units of the objective: just below 1 where every objective is a whole number.
    """

    time_limit_s: float | None = None
    gap: float = 0.0
    gap_absolute: float = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What the solver found.

    Parameters
    ----------
    values
        ``(c,)`` of the incumbent; None where there is none.
    objective
        Of the incumbent; infinite on the wrong side without one.
    bound
        Proven by the solver; of a linear program that was not solved to the end, infinite.
    duals
        ``(r,)`` of a linear program solved to optimality; None otherwise.
    reduced_costs
        ``(c,)`` likewise.
    infeasible
        Whether it was proven that no solution exists.
    """

    values: NDArray[np.float64] | None
    objective: float
    bound: float
    duals: NDArray[np.float64] | None
    reduced_costs: NDArray[np.float64] | None
    infeasible: bool
    seconds: float


def solve_program(program: Program, effort: Effort, warm: NDArray[np.float64] | None = None) -> Answer:
    """Return the answer of HiGHS; one thread and a fixed seed, so that the same program gives the same answer.

    Parameters
    ----------
    program
        What to solve; a linear program where no column is a whole number.
    effort
        When to stop.
    warm
        ``(c,)`` a feasible solution to begin from.

    Raises
    ------
    InputError
        A program HiGHS refuses: numbers that are not finite where they must be.
    """
    begun = time.monotonic()
    # The wrapper `Highs` writes a banner to standard output while it is made, before an option could forbid it.
    highs = highspy._Highs()  # noqa: SLF001
    for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("mip_rel_gap", effort.gap)):
        highs.setOptionValue(option, value)
    highs.setOptionValue("mip_abs_gap", effort.gap_absolute)
    if effort.time_limit_s is not None:
        highs.setOptionValue("time_limit", max(float(effort.time_limit_s), 0.0))
    if highs.passModel(_model(program)) == highspy.HighsStatus.kError:
        msg = f"the solver refuses the program of {len(program.objective)} columns, {program.rows.shape[0]} rows"
        raise InputError(msg)
    mixed = bool(program.integer.any())
    if warm is not None and mixed:
        solution = highspy.HighsSolution()
        solution.col_value = warm.tolist()
        highs.setSolution(solution)
    highs.run()
    return _answer(highs, program, mixed=mixed, seconds=time.monotonic() - begun)


def _model(program: Program) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(program.objective), program.rows.shape[0]
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.objective, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.offset_ = program.offset
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
    lp.a_matrix_.start_ = program.rows.indptr.astype(np.int32)
    lp.a_matrix_.index_ = program.rows.indices.astype(np.int32)
    lp.a_matrix_.value_ = program.rows.data.astype(np.float64)
    lp.sense_ = highspy.ObjSense.kMaximize if program.maximise else highspy.ObjSense.kMinimize
    if program.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(whole)] for whole in program.integer]
    return lp


def _answer(highs: highspy._Highs, program: Program, *, mixed: bool, seconds: float) -> Answer:
    status, info = highs.getModelStatus(), highs.getInfo()
    solved = status == highspy.HighsModelStatus.kOptimal
    worst = -INFINITE if program.maximise else INFINITE
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    solution = highs.getSolution()
    # At a time limit the objective of a linear program is not a bound.
    bound = info.mip_dual_bound if mixed else (info.objective_function_value if solved else -worst)
    return Answer(
        values=np.array(solution.col_value) if found and (mixed or solved) else None,
        objective=info.objective_function_value if found else worst,
        bound=float(bound),
        duals=np.array(solution.row_dual) if solved and not mixed else None,
        reduced_costs=np.array(solution.col_dual) if solved and not mixed else None,
        infeasible=status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible),
        seconds=seconds,
    )
