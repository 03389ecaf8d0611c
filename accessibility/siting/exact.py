"""Mixed-integer programs as arrays, handed to HiGHS without a modelling layer."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
from highspy._core import _Highs, cb
from scipy import sparse

from accessibility.errors import InputError, SolverError
from accessibility.siting.numbers import HALF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.effort import Allowance

INFINITE = float("inf")
_ADDS_UP = 1e-6
_KEEPS = 1e-6  # the solver's own tolerance
_ASKED_AGAIN = 30
_DOUBTED = 20_000  # entries of a program that is soon solved twice
_ITERATION = 20.0  # units of work that an iteration of the simplex method takes for every entry, row and column
_LOOK = 60  # iterations between two looks of a branching solver at its limits, more or less
_NO_HEURISTICS = (
    ("mip_heuristic_effort", 0.0),
    *((f"mip_heuristic_run_{name}", False) for name in ("feasibility_jump", "rins", "rens", "root_reduced_cost")),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A linear program, some of whose columns are whole numbers."""

    objective: NDArray[np.float64]  # (c,) coefficient of each column
    # lower, upper: (c,) bounds of the columns
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    integer: NDArray[np.bool_]  # (c,) whether the column takes whole numbers only
    rows: sparse.csr_array  # (r, c) CSR matrix of the constraints
    # row_lower, row_upper: (r,) bounds of the constraints
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]
    maximise: bool = True  # whether more is better
    offset: float = 0.0  # added to every objective, so that a relative gap refers to the whole


@dataclass(frozen=True, kw_only=True, eq=False)
class Effort:
    """How much a solver may do, and how near is near enough."""

    allowance: Allowance | None = None  # what is left to it; None for no limit.
    gap: float = 0.0  # relative gap between incumbent and bound at which it may stop
    # the same in units of the objective: just below 1 where every objective is a whole number
    gap_absolute: float = 1e-9
    bound_only: bool = False  # whether it leaves the search for better plans to us, and branches only


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What the solver found."""

    values: NDArray[np.float64] | None  # (c,) of the incumbent; None where there is none.
    objective: float  # of the incumbent; infinite on the wrong side without one
    bound: float  # proven by the solver; of a linear program that was not solved to the end, infinite
    duals: NDArray[np.float64] | None  # (r,) of a linear program solved to optimality; None otherwise.
    reduced_costs: NDArray[np.float64] | None  # (c,) likewise
    infeasible: bool  # whether it was proven that no solution exists
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
        ``(c,)`` a plan in hand to begin from. Where it keeps to the program, nothing the solver says may contradict it.

    Raises
    ------
    InputError
        A program HiGHS refuses: numbers that are not finite where they must be.
    SolverError
        An answer that the plan in hand contradicts, with and without the solver's presolve.
    """
    answer = _solved(program, effort, warm, presolve=True)
    if not program.integer.any():
        return answer
    if warm is not None and not _adds_up(program, answer):
        # HiGHS 1.16 can value a start wrongly once it has presolved, and then drops whatever is worse than that value.
        answer = _solved(program, effort, None, presolve=True)
    contradicted = _contradiction(program, answer, warm)
    # Its presolve can call a program infeasible that has solutions (its issues 2808, 3258, 3274).
    if contradicted or (answer.infeasible and program.rows.nnz <= _DOUBTED):
        answer = _solved(program, effort, None, presolve=False)
        contradicted = _contradiction(program, answer, warm)
    if contradicted:
        raise SolverError(contradicted)
    return answer


def solve_within(
    program: Program,
    effort: Effort,
    budget: tuple[NDArray[np.float64], float],
    warm: NDArray[np.float64] | None = None,
) -> Answer:
    """Return the answer of a program that keeps to a budget in whole units, which a solver may not tell apart.

    Of columns that cost too much together not all may be chosen: that row, which every plan keeps to, cuts off an
    answer that exceeds the budget by less than the solver's tolerance, and the program is asked again.

    Parameters
    ----------
    program, effort, warm
        As of `solve_program`.
    budget
        ``(m,)`` what each of the first columns costs, in whole units, below 0 where it gives back; and the most that
        they may cost.

    Raises
    ------
    InputError, SolverError
        As `solve_program`.
    """
    cost, most = budget
    for _ in range(_ASKED_AGAIN):
        answer = solve_program(program, effort, warm)
        if answer.values is None:
            break
        chosen = answer.values[: len(cost)] > HALF
        over = float(cost @ chosen) - most
        if over <= 0.0:
            break
        program = _not_all(program, cost, chosen, over)
    return answer


def _not_all(program: Program, cost: NDArray[np.float64], chosen: NDArray[np.bool_], over: float) -> Program:
    """Return the program with the row that not all the columns are as chosen that make it cost too much."""
    spends = np.flatnonzero((cost != 0) & (chosen == (cost > 0)))
    for column in spends[np.argsort(np.abs(cost[spends]), kind="stable")]:
        if abs(cost[column]) < over:
            over -= abs(cost[column])
            spends = spends[spends != column]
    line = np.zeros(len(program.objective))
    line[spends] = np.sign(cost[spends])
    return replace(
        program,
        rows=sparse.csr_array(sparse.vstack([program.rows, sparse.csr_array(line[None])])),
        row_lower=np.append(program.row_lower, -np.inf),
        row_upper=np.append(program.row_upper, (cost[spends] > 0).sum() - 1.0),
    )


def _contradiction(program: Program, answer: Answer, known: NDArray[np.float64] | None) -> str:
    """Return in what an answer contradicts a solution that is known; empty where it does not, or where none is."""
    if known is None or not _keeps_to(program, known):
        return ""
    value = float(program.objective @ known) + program.offset
    beyond = (value - answer.bound) * (1 if program.maximise else -1)
    if answer.infeasible:
        return f"the solver calls a program infeasible that a known plan of {value:.10g} keeps to; expected its bound"
    if beyond > _ADDS_UP * max(1.0, abs(value)):
        return f"the solver's bound is {answer.bound:.10g}, a known plan has {value:.10g}; expected no plan beyond it"
    return ""


def _keeps_to(program: Program, values: NDArray[np.float64]) -> bool:
    """Return whether values are a solution of a program, within the solver's tolerance."""
    used = program.rows @ values
    hair = _KEEPS * np.maximum(1.0, np.abs(used))
    rows = (used >= program.row_lower - hair) & (used <= program.row_upper + hair)
    columns = (values >= program.lower - _KEEPS) & (values <= program.upper + _KEEPS)
    return bool(rows.all() and columns.all())


def _solved(program: Program, effort: Effort, warm: NDArray[np.float64] | None, *, presolve: bool) -> Answer:
    # The wrapper `Highs` writes a banner to standard output while it is made, before an option could forbid it.
    highs, begun = _Highs(), time.monotonic()
    mixed = bool(program.integer.any())
    if not presolve:
        highs.setOptionValue("presolve", "off")
    for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("mip_rel_gap", effort.gap)):
        highs.setOptionValue(option, value)
    highs.setOptionValue("mip_abs_gap", effort.gap_absolute)
    if effort.bound_only:
        for option, value in _NO_HEURISTICS:
            highs.setOptionValue(option, value)
    if highs.passModel(_model(program)) == highspy.HighsStatus.kError:
        msg = f"the solver refuses the program of {len(program.objective)} columns, {program.rows.shape[0]} rows"
        raise InputError(msg)
    if warm is not None and mixed:
        solution = highspy.HighsSolution()
        solution.col_value = warm.tolist()
        highs.setSolution(solution)
    _run(highs, effort.allowance, mixed=mixed)
    return _answer(highs, program, mixed=mixed, seconds=time.monotonic() - begun)


def _run(
    highs: _Highs, allowance: Allowance | None, *, mixed: bool, iteration: float = _ITERATION, interior: bool = False
) -> None:
    """Run the solver until it ends or its allowance is spent, and count what it did.

    Its own time limit is set only where the user has one. It looks at our limits at the same places of a search.
    """
    if allowance is None:
        _launch(highs)
        return
    method = "ipm" if interior else "simplex"
    before = 0 if interior else max(highs.getInfo().simplex_iteration_count, 0)  # only the simplex method goes on
    each = iteration * (highs.getNumNz() + highs.getNumCol() + highs.getNumRow())
    most = allowance.left / each
    looks = 0

    def look(_kind: Any, _message: str, _out: Any, says: Any, _data: Any) -> None:
        nonlocal looks
        looks += 1
        if looks * _LOOK > most:
            says.user_interrupt = True

    if mixed:
        highs.setCallback(look, None)
        highs.startCallbackInt(int(cb.HighsCallbackType.kCallbackMipInterrupt))
    if math.isfinite(allowance.left_s):
        # The solver's own clock runs on over all its solves.
        highs.setOptionValue("time_limit", highs.getRunTime() + allowance.left_s)
    if not mixed and math.isfinite(most):
        highs.setOptionValue(f"{method}_iteration_limit", int(min(before + most, 2**31 - 1)))
    _launch(highs)
    allowance.spend(each * max(getattr(highs.getInfo(), f"{method}_iteration_count") - before, looks * _LOOK, 1))


def _launch(highs: _Highs) -> None:
    """Run the solver; where somebody else in this process began it with more threads, after that has been undone."""
    if highs.run() == highspy.HighsStatus.kError:
        _Highs.resetGlobalScheduler(True)  # noqa: FBT003 -- only by position
        if highs.run() == highspy.HighsStatus.kError:
            msg = f"the solver ends with an error; its state is {highs.getModelStatus().name}; expected an answer"
            raise SolverError(msg)


def _adds_up(program: Program, answer: Answer) -> bool:
    """Return whether the objective is that of the values."""
    if answer.values is None:
        return True
    counted = float(program.objective @ answer.values) + program.offset
    return abs(counted - answer.objective) <= _ADDS_UP * max(1.0, abs(counted))


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


def _answer(highs: _Highs, program: Program, *, mixed: bool, seconds: float) -> Answer:
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


class Relaxation:
    """A linear program that grows by rows; every solve begins where the last one ended, but by an interior point.

    Parameters
    ----------
    program
        What to begin with; its columns stay. No column is a whole number.
    begin
        Where it begins: ``(c,)`` columns at their upper bound, ``(c,)`` columns between their bounds (the others at the
        lower one), and ``(r,)`` rows at their lower bound, as many as columns between theirs.
    interior
        Whether it is solved by the interior-point method, anew each time and to no vertex: where the simplex method
        would take long to a first solution.
    """

    def __init__(
        self, program: Program, begin: tuple[NDArray[np.bool_], ...] | None = None, *, interior: bool = False
    ) -> None:
        """Hand the program to the solver."""
        self._highs = _Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 0)):
            self._highs.setOptionValue(option, value)
        if interior:
            self._highs.setOptionValue("solver", "ipm")
            self._highs.setOptionValue("run_crossover", "off")
        # Numbers too far apart for the solver: nothing is asked of what is not all there.
        self._refused = self._highs.passModel(_model(program)) == highspy.HighsStatus.kError
        self._program, self._interior = program, interior
        if begin is not None:
            self._begin(*begin)

    def _begin(self, upper: NDArray[np.bool_], between: NDArray[np.bool_], tight: NDArray[np.bool_]) -> None:
        status = highspy.HighsBasisStatus
        basis = highspy.HighsBasis()
        at = np.where(between, 1, np.where(upper, 2, 0))
        basis.col_status = [(status.kLower, status.kBasic, status.kUpper)[k] for k in at.tolist()]
        basis.row_status = [(status.kBasic, status.kLower)[k] for k in tight.astype(int).tolist()]
        basis.valid = True
        self._highs.setBasis(basis)

    def bound_columns(self, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> None:
        """Set the bounds of all columns."""
        self._highs.changeColsBounds(len(lower), np.arange(len(lower), dtype=np.int32), lower, upper)

    def ray(self) -> NDArray[np.float64] | None:
        """Return prices of the rows that no solution pays, where the last solve has found that there is none."""
        _, there, ray = self._highs.getDualRay()  # type: ignore[attr-defined]  # the stubs do not know it
        return np.array(ray) if there else None

    def add_rows(self, rows: sparse.csr_array, lower: NDArray[np.float64]) -> None:
        """Add constraints ``rows @ x >= lower``."""
        count, starts = rows.shape[0], rows.indptr[:-1].astype(np.int32)
        above = np.full(count, INFINITE)
        index, value = rows.indices.astype(np.int32), rows.data.astype(np.float64)
        added = self._highs.addRows(count, lower, above, rows.nnz, starts, index, value)
        self._refused |= added == highspy.HighsStatus.kError

    def solve(self, allowance: Allowance, iteration: float = _ITERATION) -> Answer:
        """Return the answer for the rows there are; an iteration counts so much for every entry, row and column.

        Without values where the solver refused the program or a row of it.
        """
        begun = time.monotonic()
        if self._refused:
            worst = -INFINITE if self._program.maximise else INFINITE
            return Answer(
                values=None,
                objective=worst,
                bound=-worst,
                duals=None,
                reduced_costs=None,
                infeasible=False,
                seconds=0.0,
            )
        _run(self._highs, allowance, mixed=False, iteration=iteration, interior=self._interior)
        return _answer(self._highs, self._program, mixed=False, seconds=time.monotonic() - begun)
