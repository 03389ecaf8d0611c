"""Plans nearly as good as the best one: every plan of small towns is looked at to see what all good ones share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from provingworlds import draw_question, turn_rows
from sitingworlds import conditions, covers, people_at, plans, problems, reached, scattered, shortage, toy

from accessibility.errors import InputError
from accessibility.siting import Conditions, Portfolio, Problem, portfolio, solve_mclp, verify_plan
from accessibility.siting.alternatives import OPTIONAL, PROVEN

NONE = Conditions()


def check_portfolio(problem: Problem, found: Portfolio, within: float) -> None:
    """Check what must hold of every portfolio, however little time there was."""
    table = found.table()
    assert table.columns[:6].tolist() == ["id", "name", "kind", "appears", "share", "necessary"]
    assert len({frozenset(plan.selected) for plan in found.plans}) == len(found.plans)
    for plan in found.plans:
        verify_plan(problem, plan)
        assert plan.objective >= (1 - within) * found.best.objective - 1e-9
        assert plan.objective <= found.best.objective + 1e-9
    assert found.plans[0].objective == pytest.approx(found.best.objective)
    worst = min(plan.objective for plan in found.plans)
    assert worst >= (1 - found.proven_within) * found.best.bound - 1e-6
    assert ("each proven to be a best one" in found.claim) == (found.proven_within == 0)
    assert ("best is not proven" in found.claim) == (found.proven_within > 0)
    selected = [site for plan in found.plans for site in plan.selected]
    assert set(table["id"]) == set(selected)
    assert table["appears"].tolist() == [selected.count(site) for site in table["id"]]
    assert table["share"].tolist() == [selected.count(site) / len(found.plans) for site in table["id"]]
    assert (table.loc[table["necessary"], "share"] == 1).all()
    assert table["appears"].is_monotonic_decreasing
    assert table["kind"].tolist() == problem.kind[problem.rows(table["id"])].tolist()


def test_the_town_done_by_hand() -> None:
    # 85 % of 340 are 289: B1 with B3, and N1 alone, cover 290, so that no site is in every good plan.
    found = portfolio(toy(), budget=5, within=0.15)
    assert found.best.objective == 340
    assert found.least_people == pytest.approx(289)
    assert frozenset(("B1", "B3", "N2")) in {frozenset(plan.selected) for plan in found.plans}
    assert len(found.plans) > 1
    assert not found.table()["necessary"].any()
    check_portfolio(toy(), found, 0.15)
    assert found.claim.startswith(
        f"{len(found.plans)} plans within 15 % of the best one proven, each proven to be within "
    )
    # Only one plan covers all 340.
    alone = portfolio(toy(), budget=5, within=0)
    assert alone.claim == "1 plan, each proven to be a best one; there may be more that are as good"
    assert len(alone.plans) == 1
    assert alone.table()["necessary"].all()
    assert set(alone.ids) == {"B1", "B3", "N2"}
    # B1, B3 and N2 cost all there is; N1 with N2 would cost 6.
    assert alone.table()["without_bound"].max() < 340


def test_a_site_without_a_stand_in_is_necessary_and_twins_are_not() -> None:
    problem = covers([[0], [1], [1], [2]], [500, 100, 3], ids=["only", "twin", "double", "small"])
    found = portfolio(problem, sites=2)
    table = found.table().set_index("id")
    assert table["necessary"].to_dict() == {"only": True, "twin": False, "double": False}
    assert table["appears"].to_dict() == {"only": 2, "twin": 1, "double": 1}
    assert table.loc["only", "verdict"] == PROVEN
    assert table.loc["twin", "verdict"] == OPTIONAL
    assert table.loc["twin", "without_people"] == 600
    assert table["without_bound"]["only"] < 594
    assert repr(found) == "<Portfolio of 2 plans within 1 % of 600: 3 sites, 1 of them proven to be in every good plan>"


@given(problems(), st.sampled_from([0.0, 0.01, 0.2, 0.5]), st.data())
def test_what_is_necessary_against_every_plan(problem: Problem, within: float, data: st.DataObject) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem)))
    limits: dict[str, Any] = data.draw(st.sampled_from([{"sites": 1}, {"sites": 3}, {"budget": 1.0}, {"budget": 2.3}]))
    found = portfolio(problem, within=within, conditions=asked, **limits)
    allowed = plans(problem, limits.get("sites"), limits.get("budget"), asked)
    people = {
        rows: people_at(problem, reached(problem, rows)) for rows in allowed if shortage(problem, rows, asked) == 0
    }
    if not people:
        assert found.plans == ()
        assert found.message
        assert found.table().empty
        return
    check_portfolio(problem, found, within)
    least = (1 - within) * max(people.values()) - 1e-9
    good = [{problem.ids[row] for row in rows} for rows in people if people[rows] >= least]
    table = found.table()
    everywhere = set.intersection(*good)
    assert set(table.loc[table["necessary"], "id"]) == everywhere & set(table["id"])
    # A site that covers nobody anew is in no plan unless it is required; all others in every good plan are told.
    useful = {site for site in everywhere if site not in problem.ids[problem.open]}
    assert useful <= set(table["id"])
    for site, without, bound in table[["id", "without_people", "without_bound"]].itertuples(index=False):
        most = max((people[rows] for rows in people if site not in problem.ids[list(rows)]), default=np.nan)
        assert np.isnan(without) or without <= most + 1e-9
        assert np.isnan(bound) or np.isnan(most) or bound >= most - 1e-9


@given(problems(), st.sampled_from([0.01, 0.2]), st.data())
def test_cut_short_nothing_is_called_necessary_that_is_not(
    problem: Problem, within: float, data: st.DataObject
) -> None:
    asked = data.draw(st.one_of(st.just(NONE), conditions(problem)))
    found = portfolio(problem, sites=2, within=within, conditions=asked, time_limit_s=0)
    if not found.plans:
        assert found.message
        return
    check_portfolio(problem, found, within)
    allowed = plans(problem, 2, None, asked)
    people = {
        rows: people_at(problem, reached(problem, rows)) for rows in allowed if shortage(problem, rows, asked) == 0
    }
    least = (1 - within) * max(people.values()) - 1e-9
    good = [{problem.ids[row] for row in rows} for rows in people if people[rows] >= least]
    table = found.table()
    assert set(table.loc[table["necessary"], "id"]) <= set.intersection(*good)


@pytest.mark.parametrize(
    ("points", "seed", "radius", "sites", "within"),
    [(400, 8, 0.12, 10, 0.01), (600, 4, 0.15, 14, 0.003)],  # prices prove what there is to prove, and they do not
)
def test_proofs_agree_with_the_solver(points: int, seed: int, radius: float, sites: int, within: float) -> None:
    problem = scattered(points, 80, seed=seed, radius=radius)
    found = portfolio(problem, sites=sites, plans=12, within=within)
    check_portfolio(problem, found, within)
    assert found.best.status == "optimal"
    assert 1 < len(found.plans) <= 12
    table = found.table()
    assert table["necessary"].any()
    assert not table["necessary"].all()
    for site in found.best.selected:
        without = solve_mclp(problem, sites=sites, conditions=Conditions(forbidden=(site,)))
        assert without.status == "optimal"
        necessary = bool(table.loc[table["id"] == site, "necessary"].item())
        assert necessary == (without.objective < (1 - within) * found.best.objective)


def test_plans_that_do_without_several_sites_still_meet_the_floors() -> None:
    # Either P or Q meets the floor of the north; the south offers more than both at nearly the same gain.
    people = [10.0, 10.0, 100.0, 9.0, 9.0, 9.0, 9.0]
    problem = covers(
        [[0], [1], [2], [3], [4], [5], [6]],
        people,
        ids=["P", "Q", "R", "S", "T", "U", "V"],
        district=[0, 0, 1, 1, 1, 1, 1],
        districts=("north", "south"),
    )
    asked = Conditions(floors={"north": 0.5})
    found = portfolio(problem, sites=5, within=0.05, plans=50, conditions=asked)
    check_portfolio(problem, found, 0.05)
    # R, both or one of P and Q, and of the other four as many as there is room for.
    assert len(found.plans) == 6 + 2 * 4
    assert found.table().set_index("id")["necessary"].to_dict() == {site: site == "R" for site in problem.ids}


def test_a_plan_that_was_not_found_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without "all" only P and Q meet the floor of the north; greedy opening begins with A and misses them.
    problem = covers(
        [[0, 1, 2, 3], [1, 2, 4], [0, 1], [2, 3]],
        [1, 1, 1, 1, 5],
        ids=["all", "A", "P", "Q"],
        district=[0, 0, 0, 0, 1],
        districts=("north", "south"),
    )
    asked = Conditions(floors={"north": 1.0})
    monkeypatch.setattr("accessibility.siting.covering_course._come_closest", lambda _course, _allowance: None)
    monkeypatch.setattr("accessibility.siting.covering_course._ROUNDS", 0)
    found = portfolio(problem, sites=2, within=0.6, conditions=asked)
    assert found.best.objective == 9
    assert not found.table().set_index("id")["necessary"]["all"]


def test_required_sites_are_in_every_plan_whatever_they_bring() -> None:
    problem = covers([[0], [1], []], [5, 5], ids=["a", "b", "idle"])
    table = portfolio(problem, sites=2, conditions=Conditions(required=("idle",))).table().set_index("id")
    assert table["necessary"].to_dict() == {"idle": True, "a": False, "b": False}


def test_no_more_plans_than_asked_for_and_the_best_one_first() -> None:
    found = portfolio(scattered(300, 60, seed=5), sites=8, plans=3, within=0.05)
    assert len(found.plans) == 3
    assert found.plans[0].selected == found.best.selected
    assert found.plans[0].status == "optimal"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"budget": 1, "conditions": Conditions(floor=0.6)}, "short by 10 people in B"),
        ({"budget": 2, "conditions": Conditions(required=("N1",))}, "the required sites cost 3, the budget is 2"),
    ],
)
def test_where_no_plan_is_possible_it_says_why(asked: dict[str, Any], sentence: str) -> None:
    found = portfolio(toy(), **asked)
    assert found.plans == ()
    assert sentence in found.message
    assert found.table().empty
    assert found.best.status == "infeasible"


def test_where_nothing_opens_the_empty_plan_is_the_only_one() -> None:
    found = portfolio(covers([[0]], [5], open=[True]), sites=3)
    assert [plan.selected for plan in found.plans] == [()]
    assert found.table().empty


def test_a_limit_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="site"):
        portfolio(toy(), site=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "neither sites nor budget"),
        ({"sites": -1}, "sites is -1"),
        ({"budget": float("nan")}, "budget is no number"),
        ({"sites": 1, "within": -0.1}, "within is -0.1"),
        ({"sites": 1, "within": float("nan")}, "within is no number"),
        ({"sites": 1, "plans": 0}, "plans is 0"),
        ({"sites": 1, "plans": 2.5}, "plans is 2.5"),
        ({"sites": 1, "time_limit_s": -1}, "time_limit_s is -1"),
        ({"sites": 1, "conditions": Conditions(spacing_m=100)}, "spacing_m is 100"),
    ],
)
def test_what_is_no_question_is_refused(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        portfolio(toy(), **asked)


@pytest.mark.parametrize("factor", [1.0, 1e-9])
def test_a_plan_is_called_as_near_as_it_is_whatever_people_are_counted_in(factor: float) -> None:
    """One person of a billion is one; half the people are half of them, also where all are less than one."""
    problem = Problem.from_costs(np.where(np.eye(3) > 0, 1.0, 9.0), np.array([1e9, 2.0, 1.0]) * factor, 5)
    found = portfolio(problem, sites=2, within=1e-8)
    assert [(plan.selected, plan.status) for plan in found.plans] == [((0, 1), "optimal"), ((0, 2), "feasible")]
    for plan in found.plans:
        verify_plan(problem, plan)
    halves = portfolio(Problem.from_costs([[1, 9], [9, 1]], np.array([2.0, 1.0]) * factor, 5), sites=1, within=0.5)
    assert halves.proven_within == pytest.approx(0.5)


def test_the_order_of_rows_changes_no_portfolio() -> None:
    """Plans as good as each other, whose sums of people differ in the last bit by the order of demand points."""
    drawn = draw_question(104)
    turned = turn_rows(drawn.problem, np.random.default_rng(104))
    asked: dict[str, Any] = {"sites": 3, "within": 0.05, "conditions": drawn.conditions}
    one, other = (portfolio(problem, **asked) for problem in (drawn.problem, turned))
    assert [plan.selected for plan in one.plans] == [plan.selected for plan in other.plans]
    assert one.table()["id"].tolist() == other.table()["id"].tolist()
