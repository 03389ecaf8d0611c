"""A search is measured by its work: a slow clock, a cold compiler and a busy machine change nothing but the seconds."""

from __future__ import annotations

import time
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
import pytest

from accessibility.siting import Problem, SitingPlan, solve_mclp, solve_p_median, verify_plan
from accessibility.siting.covering import read_covering
from accessibility.siting.covering_course import begin_course
from accessibility.siting.effort import SHARED, WORK, Allowance, heeding
from accessibility.siting.goals import MostPeople
from accessibility.siting.limits import Limits
from accessibility.siting.models.mclp import cover_within
from accessibility.streets.search import compiling as kernels

if TYPE_CHECKING:
    from collections.abc import Iterator


def town(candidates: int, points: int, reach: float, seed: int = 5) -> Problem:
    """Return candidates and people about a square, each candidate in reach of many."""
    random = np.random.default_rng(seed)
    site, home = random.random((candidates, 2)), random.random((points, 2))
    costs = np.hypot(*(site[:, None] - home).transpose(2, 0, 1))
    return Problem.from_costs(costs, random.integers(1, 100, points), reach)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have an hour pass between any two looks at the time left."""
    hours = count(step=3600)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(hours)))
    yield
    monkeypatch.undo()


def told(plan: SitingPlan) -> tuple[Any, ...]:
    return plan.selected, plan.objective, plan.bound, plan.status, plan.bound_by, plan.ended_by, plan.message


def searched(problem: Problem, share: float, sites: int = 12) -> SitingPlan:
    return cover_within(problem, Limits.of(sites, None, None), 0.0, Allowance(work=share * WORK))


def test_the_same_plan_where_hours_pass_between_two_looks_at_the_clock(request: pytest.FixtureRequest) -> None:
    problem = town(60, 400, 0.12)
    quick = solve_mclp(problem, sites=8), solve_p_median(problem, sites=4)
    request.getfixturevalue("slow")
    late = solve_mclp(problem, sites=8), solve_p_median(problem, sites=4)
    assert [told(plan) for plan in quick] == [told(plan) for plan in late]
    assert all(plan.ended_by == "proof" for plan in quick)


class GoneError(Exception):
    """Nobody waits any more."""


@pytest.mark.parametrize("after", [1, 4])
@pytest.mark.parametrize("solve", [solve_mclp, solve_p_median])
def test_a_search_ends_where_nobody_waits_for_it(solve: Any, after: int) -> None:
    problem = town(60, 400, 0.12)
    asked = count(1)

    def leaves() -> None:
        if next(asked) >= after:
            raise GoneError

    with heeding(leaves), pytest.raises(GoneError):
        solve(problem, sites=6)
    assert next(asked) == after + 1
    assert told(solve(problem, sites=6)) == told(solve(problem, sites=6))  # what ended leaves nothing behind


@pytest.mark.parametrize("share", [1e-6, 1e-3, 5e-3])
def test_a_search_that_its_work_ends_is_the_same_each_time(share: float) -> None:
    problem = town(150, 2_000, 0.15)
    first, second = searched(problem, share), searched(problem, share)
    assert told(first) == told(second)
    verify_plan(problem, first)


def test_a_solver_that_another_program_began_with_more_threads_is_begun_anew() -> None:
    """HiGHS keeps its threads for the whole process, and refuses to run with another number of them."""
    problem = town(150, 2_000, 0.15)
    first = searched(problem, 5e-3)
    other: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    other.resetGlobalScheduler(True)  # noqa: FBT003 -- only by position
    for option, value in (("output_flag", False), ("threads", 2)):
        other.setOptionValue(option, value)
    other.addVar(0, 1)
    assert other.run() == highspy.HighsStatus.kOk
    assert told(searched(problem, 5e-3)) == told(first)


def test_more_work_never_ends_with_a_worse_plan_or_bound() -> None:
    problem = town(150, 2_000, 0.15)
    plans = [searched(problem, share) for share in (1e-6, 3e-4, 1e-3, 3e-3, 1e-2)]
    assert all(plan.objective <= better.objective for plan, better in pairwise(plans))
    assert all(plan.bound >= better.bound for plan, better in pairwise(plans))
    assert plans[0].ended_by == "work"
    assert "measure of work" in plans[0].message


@pytest.mark.parametrize("seed", range(18))
def test_a_bound_that_is_met_ends_the_search_however_fine_people_are_counted(seed: int) -> None:
    random = np.random.default_rng(seed)
    people = random.random(40) * 10.0 ** random.uniform(-3, 7)
    problem = Problem.from_costs(random.random((17, 40)), people, 0.12, site_cost=random.choice([1.0, 2.0], 17))
    for budget in range(1, 9):
        covering = read_covering(problem, Limits.of(None, budget, None)).covering
        course = begin_course(MostPeople(), covering, 0.0)
        course.lower(float(course.value), "certificate")
        assert course.closed


def test_a_time_limit_is_named_where_it_ended_the_search() -> None:
    plan = solve_mclp(town(150, 2_000, 0.15), sites=12, time_limit_s=0)
    assert (plan.ended_by, plan.status) == ("time", "feasible")
    assert "the time limit of 0 s ended the search" in plan.message


def test_a_gap_that_was_asked_for_is_no_limit() -> None:
    plan = solve_mclp(town(150, 2_000, 0.15), sites=12, gap=0.5)
    assert (plan.ended_by, plan.message) == ("gap", "")


def test_compiling_counts_against_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    allowance = Allowance(limit_s=30.0)
    before = allowance.left_s
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 100.0)
    monkeypatch.setattr(kernels._WATCH, "seconds", kernels.compiled_s() + 100.0)
    assert before - 5.0 < allowance.left_s <= before


def test_a_kernel_that_is_compiled_is_told_and_timed() -> None:
    import numba  # noqa: PLC0415

    names: list[str] = []
    before = kernels.compiled_s()
    kernels.announce_compiling(names.append)
    try:

        @numba.njit
        def twice(x: float) -> float:
            return 2 * x

        assert twice(1.5) == 3.0  # type: ignore[type-var,comparison-overlap]
    finally:
        kernels.announce_compiling(None)
    assert names[:1] == ["twice"]
    assert names[-1] == ""
    assert kernels.compiled_s() > before


def test_a_part_of_an_allowance_is_a_share_of_all_work_whatever_is_left() -> None:
    allowance = Allowance(limit_s=5.0)
    allowance.spend(3 * WORK)
    part = allowance.part(0.25)
    assert part.left == 0.25 * SHARED
    part.spend(WORK)
    assert part.left == 0
    assert allowance.did == 4 * WORK
    assert not allowance.up


def test_who_waits_for_the_compiler_is_told_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    from accessibility.cli.console import RichProgress  # noqa: PLC0415

    with RichProgress() as progress:
        progress.start(2)
        progress.step("Choosing sites")
        tell = kernels._WATCH.tell
        assert tell is not None
        for name in ("anneal", "", "swap", ""):
            tell(name)
    assert kernels._WATCH.tell is None
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("compiling for this machine, once") == 1
