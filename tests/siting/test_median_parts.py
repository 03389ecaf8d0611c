"""The parts of the p-median's search: values and limits, interchange, multipliers and cuts, each against all sets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse
from smallproblems import Question, choices, median_of, medians

from accessibility.siting.counts import Reach, cover_greedily, find_cover, serve_most
from accessibility.siting.cuts import Cuts, Relaxed, solve_choice, solve_relaxation, violated
from accessibility.siting.effort import Allowance
from accessibility.siting.interchange import add_greedily, improve_median, survey, take_in_order
from accessibility.siting.lagrangian import charge, fixed_sites, raise_bound, weigh
from accessibility.siting.median_course import Part, search_tree
from accessibility.siting.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.lagrangian import Offers
    from accessibility.siting.medians import Median


MEDIANS = medians().filter(lambda median: len(median.rows) > 0)


def offers_of(median: Median, data: Any) -> Offers:
    """Draw multipliers within what they may be."""
    price = st.floats(0, 120)
    r = len(median.rows)
    row = np.array(data.draw(st.lists(price, min_size=r, max_size=r)))
    row = np.clip(row, median.values.lowest, median.values.base)
    return weigh(median.values, median.room, row, charge(median.values, median.room, row))


@given(MEDIANS)
def test_two_nearest_sites_and_what_closing_costs(median: Median) -> None:
    values = median.values.penalised(2.0)
    start, site, value = values.by_row
    for inside, total in choices(replace(median, values=values)):
        first, first_site, second, _, loss = survey(values, inside)
        assert first.sum() == pytest.approx(total)
        for i, base in enumerate(values.base):
            near = sorted([base, base, *(value[k] for k in range(start[i], start[i + 1]) if inside[site[k]])])
            assert (first[i], second[i]) == (near[0], near[1])
            assert first_site[i] < 0 or inside[first_site[i]]
        for j in np.flatnonzero(inside):
            without = inside.copy()
            without[j] = False
            assert loss[j] == pytest.approx(survey(values, without)[0].sum() - total)


@given(MEDIANS, st.data())
def test_interchange_keeps_to_the_room_and_ends_where_no_swap_helps(median: Median, data: Any) -> None:
    values, m = median.values.penalised(2.0), len(median.columns)
    every = {inside.tobytes(): total for inside, total in choices(replace(median, values=values))}
    order = np.array(data.draw(st.permutations(range(m))), np.intp)
    begun = take_in_order(order, median.room)
    assert begun.tobytes() in every
    found, total = improve_median(values, median.room, begun, Allowance(limit_s=60))
    assert total == pytest.approx(every[found.tobytes()])
    assert total <= every[begun.tobytes()] + 1e-9
    for j in np.flatnonzero(~found):
        for r in np.flatnonzero(found):
            swapped = found.copy()
            swapped[[j, r]] = swapped[[r, j]]
            assert every.get(swapped.tobytes(), np.inf) >= total - 1e-9
    for by_ratio in (False, True):
        assert add_greedily(values, median.room, by_ratio=by_ratio).tobytes() in every


@given(MEDIANS, st.data())
def test_multipliers_never_prove_too_much(median: Median, data: Any) -> None:
    best = min((total for _, total in choices(median)), default=np.inf)
    offers = offers_of(median, data)
    assert offers.bound <= best + 1e-6 * max(1.0, best if best < np.inf else 1.0)
    least = min(total for _, total in choices(replace(median, values=median.values.penalised(2.0))))
    raised = raise_bound(median.values, median.room, offers.row, lambda _: least, Allowance(limit_s=60))
    assert raised.bound <= best + 1e-6 * max(1.0, best if best < np.inf else 1.0)


@given(MEDIANS, st.data())
def test_fixed_sites_are_in_no_better_plan_or_in_every_one(median: Median, data: Any) -> None:
    offers = offers_of(median, data)
    target = offers.bound + data.draw(st.floats(0, 50))
    never, always = fixed_sites(offers, median.room, target)
    for inside, total in choices(median):
        if total <= target:
            assert not (inside & never).any()
            assert (inside | ~always).all()


def cuts_hold(median: Median, cuts: Cuts) -> None:
    """Check that every plan lies above the cuts."""
    rows, lower = cuts.constraints(median.values)
    start, site, value = median.values.by_row
    for inside, total in choices(median):
        if total < np.inf:
            truth = [
                min([base, *(value[k] for k in range(start[i], start[i + 1]) if inside[site[k]])])
                for i, base in enumerate(median.values.base)
            ]
            assert (rows @ np.concatenate([inside, np.array(truth) / cuts.scale]) >= lower - 1e-9).all()


@given(MEDIANS, st.data())
def test_cuts_are_below_every_plan_and_cut_off_what_is_not_true(median: Median, data: Any) -> None:
    m, r = len(median.columns), len(median.rows)
    share = st.sampled_from([0.0, 0.0, 0.3, 0.5, 1.0])
    opened = np.array(data.draw(st.lists(share, min_size=m, max_size=m)))
    said = median.values.lowest
    cuts = violated(median.values, opened, said, 1.0)
    cuts_hold(median, cuts)
    rows, lower = cuts.constraints(median.values)
    assert (rows @ np.concatenate([opened, said]) < lower).all()
    some = np.array(data.draw(st.lists(st.floats(0, 120), min_size=r, max_size=r)))
    some = np.clip(some, 0, median.values.base)
    cuts_hold(median, Cuts(row=np.arange(r), level=some, needs=np.empty(0, np.intp), scale=3.0))


@given(MEDIANS, st.data())
def test_relaxation_and_branch_and_bound_end_at_or_below_the_best_plan(median: Median, data: Any) -> None:
    best = min((total for _, total in choices(median)), default=np.inf)
    assume(best < np.inf)
    allowance = Allowance(limit_s=60)
    begun = offers_of(median, data)
    relaxed = solve_relaxation(median.values, median.room, begun, lambda _: np.inf, allowance)
    hair = 1e-6 * max(1.0, best)
    assert begun.bound - hair <= relaxed.offers.bound <= best + hair
    cuts_hold(median, relaxed.cuts)
    seen: list[NDArray[np.bool_]] = []

    def visit(opened: NDArray[np.float64]) -> tuple[float, float]:
        seen.append(opened > 0.5)
        return 2 * best + 1.0, best - hair  # the best plan known is bad

    bound = solve_choice(median.values, median.room, relaxed, visit, allowance)
    assert bound == pytest.approx(best, abs=hair)
    good = [inside for inside, total in choices(median) if total <= best + hair]
    assert len(seen) == 1 or any(np.array_equal(inside, plan) for inside in good for plan in seen[1:])


@given(MEDIANS, st.data())
def test_what_is_left_values_plans_as_the_whole_does(median: Median, data: Any) -> None:
    m = len(median.columns)
    status = np.array(data.draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=m, max_size=m)))
    part = Part.of(median.values, status > 0, status < 0)
    start, site, value = part.values.by_row
    for inside, total in choices(median):
        if (inside | (status <= 0)).all() and not (inside & (status < 0)).any():
            near = [
                min([base, *(value[k] for k in range(start[i], start[i + 1]) if inside[site[k]])])
                for i, base in enumerate(part.values.base)
            ]
            assert part.fixed + sum(near) == pytest.approx(total)


@given(MEDIANS, st.data())
def test_a_tree_ends_at_the_best_plan_and_shows_it(median: Median, data: Any) -> None:
    best = min((total for _, total in choices(median)), default=np.inf)
    assume(best < np.inf)
    totals = {inside.tobytes(): total for inside, total in choices(median)}
    hair = 1e-7 * max(1.0, best)
    known: list[float] = [best + data.draw(st.sampled_from([0.0, 1.0, 50.0]))]

    def visit(inside: NDArray[np.bool_]) -> float:
        known.append(min(totals[inside.tobytes()], known[-1]))
        return known[-1] - hair

    bound = search_tree(median.values, median.room, offers_of(median, data), visit, Allowance(limit_s=60))
    assert known[-1] == pytest.approx(best)
    assert best - 2 * hair <= bound <= best


def test_a_tree_that_ends_early_has_a_bound_that_holds() -> None:
    random = np.random.default_rng(9)
    costs, people = random.integers(1, 99, (14, 60)), random.integers(1, 9, 60)
    median = median_of_matrix(costs, people, most=4)
    best = min(total for _, total in choices(median))
    flat = weigh(median.values, median.room, median.values.lowest, np.zeros(2))
    bounds = [
        search_tree(median.values, median.room, flat, lambda _: best - 0.5, Allowance(work=work))
        for work in (0.0, 1e5, 1e6, 1e7, 1e9)
    ]
    assert bounds[0] == flat.bound < best - 1
    assert bounds == sorted(bounds)
    assert bounds[-1] == best - 0.5
    assert len(set(bounds)) > 2


def test_branch_and_bound_adds_cuts_where_there_are_too_many_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accessibility.siting.cuts._FEW", 0)
    random = np.random.default_rng(4)
    for _ in range(2):
        costs, people = random.integers(1, 30, (7, 12)), random.integers(1, 9, 12)
        median = median_of_matrix(costs, people, most=3)
        best = min(total for _, total in choices(median))
        flat = weigh(median.values, median.room, median.values.lowest, np.zeros(2))
        begun = Cuts(row=np.arange(12), level=flat.row, needs=np.arange(12), scale=1.0)
        start = Relaxed(offers=flat, cuts=begun)
        bound = solve_choice(median.values, median.room, start, lambda _: (np.inf, np.inf), Allowance(limit_s=60))
        assert bound == pytest.approx(best)


def median_of_matrix(costs: NDArray[np.int64], people: NDArray[np.int64], most: int) -> Median:
    problem = Problem.from_costs(costs.astype(float), people, 1)
    return median_of(Question(problem=problem, sites=most, budget=None))


@given(MEDIANS)
def test_covers_are_the_cheapest_or_there_is_none(median: Median) -> None:
    start, site, _ = median.values.by_row
    row = np.repeat(np.arange(len(median.rows)), np.diff(start))
    reach = Reach.of(row, site.astype(np.intp), (len(median.rows), len(median.columns)))
    matrix = sparse.csr_array((np.ones(len(row)), (row, site)), shape=(len(median.rows), len(median.columns))).toarray()
    covers = [inside for inside, _ in choices(median) if (matrix @ inside > 0).all()]
    found = find_cover(reach, median.room, Allowance(limit_s=60))
    any_one = find_cover(reach, median.room, Allowance(limit_s=60), cheapest=False)
    assert found.impossible == any_one.impossible == (not covers)
    greedy = cover_greedily(reach, median.room)
    assert any(np.array_equal(greedy, inside) for inside, _ in choices(median))
    if covers:
        assert found.chosen is not None
        assert any_one.chosen is not None
        assert (matrix @ found.chosen > 0).all()
        assert (matrix @ any_one.chosen > 0).all()
        cost = median.room.cost
        assert cost[found.chosen].sum() == pytest.approx(min(cost[inside].sum() for inside in covers))
    people = np.arange(1.0, len(median.rows) + 1)
    chosen, most = serve_most(reach, people, median.room, Allowance(limit_s=60))
    served = max(people[matrix @ inside > 0].sum() for inside, _ in choices(median))
    assert people[matrix @ chosen > 0].sum() == pytest.approx(served)
    assert most == pytest.approx(served, rel=1e-6)
