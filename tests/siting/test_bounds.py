"""What is promised of the parts: greedy opening, swaps, prices, the relaxation and the reductions, by every plan."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse
from sitingworlds import conditions, people_at, plans, problems, reached, scattered

from accessibility.siting import Conditions, Problem, solve_mclp
from accessibility.siting.covering import Covering, fix_columns, read_covering, reduce_covering
from accessibility.siting.dual import find_dual
from accessibility.siting.effort import Allowance
from accessibility.siting.exact import Effort, Program, Relaxation, solve_program
from accessibility.siting.goals import MostPeople
from accessibility.siting.greedy import open_greedily
from accessibility.siting.limits import Limits
from accessibility.siting.programs import cover_most
from accessibility.siting.swaps import swap_pieces, swap_sites

NONE = Conditions()
LIMITS = st.sampled_from([(0, None), (1, None), (2, None), (3, None), (None, 0.3), (None, 1.0), (None, 2.3), (2, 2.0)])


def allowance() -> Allowance:
    return Allowance(limit_s=60.0)


def covering_of(problem: Problem, limits: tuple[int | None, float | None], asked: Conditions = NONE) -> Covering:
    return read_covering(problem, Limits.of(*limits, asked)).covering


def best(problem: Problem, limits: tuple[int | None, float | None], asked: Conditions = NONE) -> float:
    """Return the most people that any plan covers, by looking at each."""
    return max(people_at(problem, reached(problem, rows)) for rows in plans(problem, *limits, asked))


def people(covering: Covering, weight: float) -> float:
    return weight * covering.person


@given(problems(), st.integers(0, 4))
def test_greedy_opening_gains_63_percent_of_the_best_where_sites_are_counted(problem: Problem, sites: int) -> None:
    covering = reduce_covering(covering_of(problem, (sites, None)))
    chosen = open_greedily(covering)
    assert covering.fits(chosen)
    gain = people(covering, covering.value(chosen)) - problem.covered_people
    assert gain >= (1 - 1 / math.e) * (best(problem, (sites, None)) - problem.covered_people) - 1e-9


@given(problems(), st.sampled_from([0.3, 1.0, 2.3, 4.0]))
def test_greedy_opening_gains_half_of_that_under_a_budget(problem: Problem, budget: float) -> None:
    covering = reduce_covering(covering_of(problem, (None, budget)))
    chosen = open_greedily(covering)
    assert covering.fits(chosen)
    gain = people(covering, covering.value(chosen)) - problem.covered_people
    assert gain >= (1 - 1 / math.e) / 2 * (best(problem, (None, budget)) - problem.covered_people) - 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_greedy_opening_is_near_the_best_of_larger_towns(seed: int) -> None:
    problem = scattered(300, 50, seed=seed)
    covering = reduce_covering(covering_of(problem, (8, None)))
    plan = solve_mclp(problem, sites=8)
    assert plan.status == "optimal"
    assert (1 - 1 / math.e) * plan.objective <= covering.value(open_greedily(covering)) <= plan.objective


@given(problems(), LIMITS, st.data())
def test_prices_never_prove_too_much(
    problem: Problem, limits: tuple[int | None, float | None], data: st.DataObject
) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem, floors=False)))
    allowed = list(plans(problem, *limits, asked))
    assume(allowed)
    most = max(people_at(problem, reached(problem, rows)) for rows in allowed)
    covering = covering_of(problem, limits, asked)
    for rounds in (0, 1, 25, 300):
        dual = find_dual(covering, covering.base, rounds or 1, allowance())
        assert people(covering, dual.bound) >= most - 1e-6


@given(problems(), LIMITS, st.data())
def test_the_relaxation_is_never_below_the_best_plan(
    problem: Problem, limits: tuple[int | None, float | None], data: st.DataObject
) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem, floors=False)))
    allowed = list(plans(problem, *limits, asked))
    assume(allowed)
    most = max(people_at(problem, reached(problem, rows)) for rows in allowed)
    covering = covering_of(problem, limits, asked)
    program, person = cover_most(reduce_covering(covering)), covering.solver_weight * covering.person
    assume(len(program.objective))
    relaxed = solve_program(replace(program, integer=np.zeros(len(program.integer), np.bool_)), Effort())
    whole = solve_program(program, Effort())
    assert relaxed.objective >= whole.objective - 1e-6
    assert whole.objective * person == pytest.approx(most, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_prices_come_close_to_the_relaxation(seed: int) -> None:
    covering = reduce_covering(covering_of(scattered(400, 80, seed=seed), (12, None)))
    program = cover_most(covering)
    relaxed = solve_program(replace(program, integer=np.zeros(len(program.integer), np.bool_)), Effort()).objective
    found = find_dual(covering, covering.value(open_greedily(covering)), 3_000, allowance()).bound
    assert relaxed - 1e-6 <= found <= 1.005 * relaxed


def test_prices_go_on_from_where_they_were_left() -> None:
    """Bit by bit they fall below what one bit proves, to where they come to in one go."""
    covering = reduce_covering(covering_of(scattered(400, 80, seed=1), (12, None)))
    value, goal, guide = covering.value(open_greedily(covering)), MostPeople(), None
    bounds = []
    for _ in range(20):
        guide = goal.guide((covering, covering), value, Allowance(work=1.0), guide)  # the least that is done at once
        bounds.append(guide.bound)
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < bounds[0]
    whole = goal.guide((covering, covering), value, Allowance())
    assert bounds[-1] == pytest.approx(whole.bound, rel=0.005)


@given(problems(), LIMITS, st.integers(0, 3), st.data())
def test_swaps_keep_to_the_limits_and_never_lose(
    problem: Problem, limits: tuple[int | None, float | None], seed: int, data: st.DataObject
) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem, floors=False)))
    covering = covering_of(problem, limits, asked)
    chosen = open_greedily(covering)
    before = chosen.copy()
    swapped = swap_sites(covering, chosen, 200, allowance(), seed=seed)
    crossed = swap_pieces(covering, chosen, 200, allowance(), seed=seed, hot=0.0)
    assert (chosen == before).all()
    assert covering.fits(swapped)
    assert covering.fits(crossed)
    assert covering.value(crossed) >= covering.value(swapped) >= covering.value(chosen)
    assert (swap_sites(covering, chosen, 200, allowance(), seed=seed) == swapped).all()
    assert (swap_pieces(covering, chosen, 200, allowance(), seed=seed, hot=0.0) == crossed).all()


def test_neighbours_share_much_and_what_they_share_is_told() -> None:
    """By hand: the rows of both, and a fifth of the lighter one."""
    covering = covering_of(scattered(400, 80, seed=1), (2, None))
    rows = [set(covering.columns.of(np.array([j])).tolist()) for j in range(len(covering.site))]
    people = [[int(covering.weight[list(one & two)].sum()) for two in rows] for one in rows]
    start, other, shared = covering.neighbours
    for j in range(len(rows)):
        told = dict(zip(other[start[j] : start[j + 1]].tolist(), shared[start[j] : start[j + 1]].tolist(), strict=True))
        much = {i for i in range(len(rows)) if i != j and people[i][j] >= max(0.2 * min(people[i][i], people[j][j]), 1)}
        assert told == {i: people[i][j] for i in much}


def test_swaps_find_what_greedy_opening_misses() -> None:
    """The middle site covers most at first; the two beside it together cover everybody."""
    costs = [[1, 1, 1, 9, 9, 9], [9, 9, 9, 1, 1, 1], [9, 1, 1, 1, 1, 9]]
    covering = covering_of(Problem.from_costs(costs, [10] * 6, 1), (2, None))
    chosen = open_greedily(covering)
    assert covering.value(chosen) * covering.person == 50
    assert covering.value(swap_sites(covering, chosen, 100, allowance())) * covering.person == 60


def test_swaps_lead_from_one_part_of_the_map_to_another() -> None:
    """Both sites stand in the one town; no chain of neighbours leads to the other, where nobody is covered."""
    costs = [[1, 1, 9, 9, 9], [9, 1, 1, 9, 9], [9, 9, 9, 1, 1]]
    covering = covering_of(Problem.from_costs(costs, [10, 10, 10, 30, 30], 1), (2, None))
    for seed in range(3):
        swapped = swap_sites(covering, np.array([True, True, False]), 50, allowance(), seed=seed)
        assert covering.value(swapped) * covering.person == 80


def test_swaps_leave_a_plan_as_it_is_where_nobody_is_left_to_cover() -> None:
    covering = covering_of(Problem.from_costs([[1, 1], [1, 1]], [10, 20], 1), (2, None))
    left = fix_columns(covering, np.array([True, False]), np.zeros(2, np.bool_))
    assert not len(left.weight)
    assert swap_sites(left, np.array([True]), 50, allowance()).tolist() == [True]


def test_swaps_do_not_overspend() -> None:
    """The last site covers one person more than the one beside it, for a cost that is not there."""
    costs = [[1, 1, 9, 9], [9, 9, 1, 9], [9, 9, 1, 1]]
    problem = Problem.from_costs(costs, [10, 10, 5, 1], 1, site_cost=[2, 1, 2])
    covering = covering_of(problem, (None, 3.0))
    swapped = swap_sites(covering, open_greedily(covering), 200, allowance())
    assert covering.fits(swapped)
    assert covering.value(swapped) == 25


@given(problems(), LIMITS, st.data())
def test_reductions_keep_the_best_plan(
    problem: Problem, limits: tuple[int | None, float | None], data: st.DataObject
) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem, floors=False)))
    full = covering_of(problem, limits, asked)
    small = reduce_covering(full)
    assert len(small.site) <= len(full.site)
    assert len(small.weight) <= len(full.weight)
    assert _most(small) == _most(full)


def _most(covering: Covering) -> int:
    """Return the greatest weight that any choice of columns within the limits covers."""
    c = len(covering.site)
    choices = ((np.arange(c) & 0) + [bits >> k & 1 for k in range(c)] for bits in range(2**c))
    return max(
        covering.value(chosen) for chosen in (np.array(pick, np.bool_) for pick in choices) if covering.fits(chosen)
    )


def test_nothing_is_read_off_a_program_that_the_solver_refuses() -> None:
    """Coefficients beyond the solver's numbers: it takes no program at all, or goes on without the row."""
    one = np.ones(1)

    def coefficient(size: float) -> sparse.csr_array:
        return sparse.csr_array(np.array([[size]]))

    def program(size: float) -> Program:
        return Program(
            objective=one,
            lower=0 * one,
            upper=one,
            integer=np.zeros(1, np.bool_),
            rows=coefficient(size),
            row_lower=0 * one,
            row_upper=one,
            maximise=False,
        )

    assert Relaxation(program(1.0)).solve(allowance()).values is not None
    assert Relaxation(program(1e30)).solve(allowance()).values is None
    grown = Relaxation(program(1.0))
    grown.add_rows(coefficient(1e30), 0 * one)
    answer = grown.solve(allowance())
    assert (answer.values, answer.duals, answer.bound) == (None, None, -math.inf)
