"""The best plan of what some plans open between them, against every such plan."""

from __future__ import annotations

import math
from itertools import chain, combinations
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from accessibility.siting import Conditions, Problem, covering_course, cuts_by_part
from accessibility.siting.covering import read_covering
from accessibility.siting.covering_course import _cross, _cross_plans, _cut, _swapped, begin_course
from accessibility.siting.dual import find_dual
from accessibility.siting.effort import Allowance
from accessibility.siting.goals import Guide, LeastCost, MostPeople
from accessibility.siting.greedy import swap_losses
from accessibility.siting.limits import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering_course import Course

ASKED = {
    "number": Limits.of(4, None, None),
    "budget": Limits.of(None, 9.0, None),
    "pairs and quota": Limits.of(5, None, Conditions(exclusive=((0, 1), (2, 3), (4, 5)), quotas={"bank": 2})),
    "floors": Limits.of(4, None, Conditions(floor=0.5)),
    "least cost": Limits.of(None, None, None),
}


def begun(name: str, seed: int) -> Course:
    """Return a search for most people within limits, or at least cost for two thirds of those that can be covered."""
    random = np.random.default_rng(seed)
    costs = np.hypot(*(random.random((12, 2))[:, None] - random.random((60, 2))).transpose(2, 0, 1))
    problem = Problem.from_costs(
        costs,
        random.integers(1, 9, 60),
        0.25,
        site_cost=random.integers(1, 6, 12),
        kind=["bank", "room", "room"] * 4,
        district=["A", "B", "B"] * 20,
    )
    covering = read_covering(problem, ASKED[name]).covering
    enough = int(covering.weight[covering.rows.lengths > 0].sum()) * 2 // 3 + covering.base
    return begin_course(LeastCost(enough) if name == "least cost" else MostPeople(), covering, 0.0)


def drawn(course: Course, random: np.random.Generator) -> NDArray[np.bool_]:
    """Return a plan of sites in a random order: for most people while any fits, else until enough are covered."""
    plan = np.zeros(len(course.small.site), np.bool_)
    for column in random.permutation(len(plan)):
        plan[column] = True
        if not course.small.fits(plan):
            plan[column] = False
        elif not course.goal.maximises_people and not course.goal.measure(course.small, plan)[0]:
            break
    return plan


def best_between(course: Course, plans: list[NDArray[np.bool_]]) -> tuple[int, int]:
    """Return what the best plan of what any of them opens is short of, and its value; it has what all of them open."""
    every, some = np.all(plans, axis=0), np.flatnonzero(np.any(plans, axis=0) & ~np.all(plans, axis=0))
    found = []
    for chosen in chain.from_iterable(combinations(some, size) for size in range(len(some) + 1)):
        trial = every.copy()
        trial[list(chosen)] = True
        if course.small.fits(trial):
            found.append(course.goal.measure(course.small, trial))
    return min(found, key=lambda measured: (measured[0], -measured[1]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ASKED)
def test_a_child_is_the_best_of_what_its_parents_open(name: str, seed: int) -> None:
    course, random = begun(name, seed), np.random.default_rng(seed)
    plans = [drawn(course, random) for _ in range(3)]
    short, value = course.short, course.value
    child = _cross(course, plans, Allowance())
    measured, best = course.goal.measure(course.small, child), best_between(course, plans)
    assert course.small.fits(child)
    if best[0]:  # nothing between them is enough
        assert measured in [course.goal.measure(course.small, plan) for plan in plans]
    else:
        assert measured == best
    # The plan in hand gives way to a child that is better, and to no other.
    assert (-course.short, course.value) == max((-short, value), (-measured[0], measured[1]))


def test_plans_anew_are_crossed_within_the_limits_and_never_for_the_worse() -> None:
    course = begun("pairs and quota", 0)
    course.take(np.zeros(len(course.small.site), np.bool_))
    value = course.value
    _cross_plans(course, Allowance())
    assert course.value >= value
    assert course.small.fits(course.chosen)
    assert all(course.small.fits(child) for child in course.children)


def test_no_plan_is_crossed_once_the_allowance_is_spent() -> None:
    course, allowance = begun("number", 1), Allowance(work=0.0)
    chosen = course.chosen.copy()
    _cross_plans(course, allowance)
    assert np.array_equal(course.chosen, chosen)
    assert not course.children


def test_plans_that_open_too_much_between_them_are_not_crossed(monkeypatch: pytest.MonkeyPatch) -> None:
    course = begun("number", 1)
    course.bound = float(course.value + 1_000)  # the best is found, and nobody knows
    monkeypatch.setattr(covering_course, "_ENTRIES", 0)
    assert not _cross_plans(course, Allowance())
    assert not course.children
    monkeypatch.undo()
    assert _cross_plans(course, Allowance())
    assert course.children


def test_a_turn_whose_plans_are_hard_to_cross_is_left_to_annealing(monkeypatch: pytest.MonkeyPatch) -> None:
    course = begun("number", 1)
    course.bound = float(course.value + 1_000)  # the best is found, and nobody knows
    course.children = [np.arange(len(course.chosen)) < 4]  # something to cross with
    monkeypatch.setattr(covering_course, "_EASY", 0.0)
    assert not _cross_plans(course, Allowance())
    assert len(course.children) == 2
    monkeypatch.undo()
    assert _cross_plans(course, Allowance())
    assert len(course.children) == 2 + covering_course._CHILDREN


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ASKED)
def test_a_swap_loses_what_counting_says(name: str, seed: int) -> None:
    course = begun(name, seed)
    small, plan = course.small, drawn(course, np.random.default_rng(seed))
    losses = swap_losses(small, plan)
    for column in range(len(plan)):
        if plan[column]:
            assert losses[column] < losses[~plan].min(initial=0)
            continue
        swapped = []
        for other in np.flatnonzero(plan):
            trial = plan.copy()
            trial[column], trial[other] = True, False
            swapped.append(small.value(trial))
        assert losses[column] == small.value(plan) - max(swapped)


def test_a_site_that_is_not_alone_with_anybody_is_swapped_for_nothing() -> None:
    """Two sites of five and three people that share two: for the site of the third, the second one loses least."""
    reach = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [0, 1, 0, 1]]) > 0
    costs = np.where(reach, 1.0, 9.0)
    problem = Problem.from_costs(costs, [3, 2, 1, 4], 2.0)
    covering = read_covering(problem, Limits.of(2, None, None)).covering
    plan = np.array([True, True, False, False])
    # The second site alone has one person, whom whatever opens in its place gives up.
    assert swap_losses(covering, plan)[2:].tolist() == [1 - 4, 1 - 4]
    plan = np.array([True, False, True, False])
    # Instead of the third the fourth loses none of its four, and nobody of the first's two that both reach.
    assert swap_losses(covering, plan)[[1, 3]].tolist() == [3 + 2 - 2 - 1, 4 - 4]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ASKED)
def test_no_plan_of_what_could_be_swapped_in_is_better(name: str, seed: int) -> None:
    """The end of a search among near columns, against every plan of them; where all are near it is the best of all."""
    for each in (1, 12):
        course = begun(name, seed)
        small, plan = course.small, drawn(course, np.random.default_rng(seed))
        course.bound = float(course.goal.ceiling(small) + 1)
        short, value = course.goal.measure(small, plan)
        end = _swapped(course, plan, Allowance(), each)
        measured = course.goal.measure(small, end)
        assert small.fits(end)
        assert (-measured[0], measured[1]) >= (-short, value)
        near = np.argsort(swap_losses(small, end), kind="stable")[: (1 + each) * int(end.sum())]
        corners = [np.isin(np.arange(len(end)), near), np.zeros(len(end), np.bool_)]
        best = best_between(course, corners)
        if not best[0]:
            assert measured == best


@pytest.mark.parametrize(("falls", "runs"), [(0.5, 4), (0.01, 2)])
def test_cuts_that_close_little_of_the_gap_rest(falls: float, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    course, ran = begun("number", 3), []
    course.chosen[:] = False
    course.value, course.bound = 0, 100_000.0

    class Slow:
        claim = SimpleNamespace(wanted=0)
        value = 0.0

        def run(self, *_: object) -> None:
            ran.append(course.bound)
            self.value = -course.bound * (1 - falls)

    monkeypatch.setattr(cuts_by_part, "Cutting", lambda _: Slow())
    none = np.zeros(len(course.small.site))
    course.guide = Guide(find_dual(course.small, 0, 1, Allowance()), 0.0, none, none, none)
    course.claim = lambda: None  # type: ignore[assignment]
    for _ in range(4):
        _cut(course, Allowance())
    assert len(ran) == runs


def test_a_large_question_is_cut_once_annealing_has_had_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    course, ran = begun("number", 3), []

    def begin(*_: object) -> SimpleNamespace:
        ran.append(course.turns)
        return SimpleNamespace(claim=SimpleNamespace(wanted=0), value=-math.inf, run=lambda *_: None)

    monkeypatch.setattr(covering_course, "begin_to_cut", begin)
    monkeypatch.setattr(cuts_by_part, "_LARGE", 0)
    none = np.zeros(len(course.small.site))
    course.guide = Guide(find_dual(course.small, 0, 1, Allowance()), 0.0, none, none, none)
    course.claim = lambda: None  # type: ignore[assignment]
    for course.turns in range(5):
        _cut(course, Allowance())
    assert ran[0] == covering_course._LATE
