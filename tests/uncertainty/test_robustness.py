"""Plans that hold: regret by hand, the same draws as the bars, and sites that every draw wants."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import doubtworlds
import numpy as np
import pytest
from worlds import CRS, ORIGIN, line, people

from accessibility import Sites, Study
from accessibility.errors import InfeasibleError, InputError
from accessibility.siting import Conditions, Problem, solve_mclp, solve_robust, verify_robust
from accessibility.siting.robust import Sample
from accessibility.study.proposing import Question
from accessibility.study.robustness import HeldPlans, refuse_unheld_question
from accessibility.uncertainty import SOURCES, InputErrors
from accessibility.uncertainty.draws import PARTS, Chance, Draw

if TYPE_CHECKING:
    from accessibility.uncertainty.trying import Tries


@cache
def road() -> Study:
    """Return a road with many people in reach of one candidate and, at the edge of reach, of another."""
    homes = people([(3_000.0, 5.0), (3_100.0, 5.0), (6_880.0, 5.0), (7_000.0, 5.0)], [100, 100, 60, 10])
    at = np.array([(0.0, 0.0), (3_050.0, 0.0), (6_000.0, 0.0)]) + ORIGIN
    sites = Sites(ids=["O1", "sure", "edge"], xy=at, kind=["outlet", "bank", "bank"], cost=[0, 1, 1], crs=CRS)  # type: ignore[arg-type]
    return Study.of(line(9_000.0, 18), homes, sites, settings="urban", name="Road")


def shares_of(tries: Tries) -> np.ndarray:
    """Return the share covered in each draw as the bars find it."""
    people = tries.scene.now.demand.population
    factor = np.array([tries.factor(draw) for draw in range(tries.draws)])
    found: np.ndarray = (people * factor * tries.whole / PARTS).sum(axis=1) / (people * factor).sum(axis=1)
    return found


def test_a_site_that_every_draw_wants_is_a_must_and_regret_is_never_below_zero() -> None:
    held = road().robust(sites=1, draws=20, seed=2)
    assert held.plan.selected == held.robust.selected == ("sure",)
    assert (held.regret >= 0).all()
    assert held.must_have == ("sure",)
    assert held.probability["sure"] >= 0.9
    assert sum(held.probability.values()) == pytest.approx(1.0)  # one site opens in each draw
    assert held.proven == 20
    verify_robust(held.sample.problems, held.robust)
    again = road().robust(sites=1, draws=20, seed=2)
    assert np.array_equal(again.shares, held.shares)
    assert again.differences().equals(held.differences())
    assert held.gains["instead"].is_noise
    assert not held.gains["robust"].is_noise


@pytest.mark.parametrize("without", [(), ("outlets", "snapping"), ("cells", "snapping"), ("paths", "speed")])
def test_the_questions_of_the_draws_cover_whom_the_bars_cover(without: tuple[str, ...]) -> None:
    errors = replace(doubtworlds.ERRORS, without=without)
    held = doubtworlds.town().robust(sites=1, draws=6, seed=4, errors=errors)
    today, plan, robust = held.tries
    assert held.plan.selected == ("N001",)  # a candidate that was made from the streets
    assert shares_of(today) == pytest.approx(held.sample.shares(()), abs=1e-12)
    assert shares_of(plan) == pytest.approx(held.shares[0], abs=1e-12)
    assert shares_of(robust) == pytest.approx(held.shares[1], abs=1e-12)


def test_the_street_that_a_site_steps_onto_hangs_on_no_other_site() -> None:
    """Opening a site between two others leaves these where they are, also where chance picks their street."""
    tries = doubtworlds.town().uncertainty(draws=2).tries
    case, errors = tries.case, replace(doubtworlds.ERRORS, snapping_m=200.0)
    moved = 0
    for number in range(8):
        draw = Draw(scene=replace(tries.scene, errors=errors), errors=errors, chance=Chance(5, number))
        stood = []
        for opened in ([True, False, True], [True, True, True]):
            sites = replace(case.coverage.sites, open=np.array(opened))
            stood.append(draw.sites(replace(case, coverage=replace(case.coverage, sites=sites)), ("snapping",)))
        assert stood[0].edge[[0, 2]].tolist() == stood[1].edge[[0, 2]].tolist()
        moved += int((stood[1].edge != case.coverage.snapped.sites.edge).sum())
    assert moved > 0


def test_regret_and_must_have_by_hand() -> None:
    """Two draws: A covers 60 and 20 of 100, B 40 and 50; by the inputs A is best, so its regret is 0 and 30 points."""
    costs = [[1, 9, 9], [9, 1, 9]]
    draws = [Problem.from_costs(costs, row, 5, ids=["A", "B"]) for row in ([60, 40, 0], [20, 50, 30])]
    by_inputs = solve_mclp(Problem.from_costs(costs, [50, 40, 10], 5, ids=["A", "B"]), sites=1)
    tries = road().robust(sites=1, draws=2).tries
    held = HeldPlans(
        plan=by_inputs,
        robust=solve_robust(draws, sites=1),
        best=tuple(solve_mclp(draw, sites=1) for draw in draws),
        sample=Sample(problems=tuple(draws)),
        tries=tries,
        seed=1,
    )
    assert (by_inputs.selected, held.robust.selected) == (("A",), ("B",))
    assert held.shares == pytest.approx(np.array([[0.6, 0.2], [0.4, 0.5], [0.6, 0.5]]))
    assert held.regret == pytest.approx(np.array([[0.0, 30.0], [20.0, 0.0]]))
    plan, robust = held.table().to_dict("records")
    assert (plan["mean_share"], plan["worst_share"]) == pytest.approx((0.4, 0.2))
    assert (robust["mean_share"], robust["worst_share"]) == pytest.approx((0.45, 0.4))
    assert (plan["mean_regret_points"], plan["most_regret_points"]) == pytest.approx((15.0, 30.0))
    assert (robust["mean_regret_points"], robust["most_regret_points"]) == pytest.approx((10.0, 20.0))
    assert plan["mean_error_points"] == pytest.approx(100 * 0.2 / np.sqrt(2))
    assert held.must_have == ()
    assert held.probability == {"A": 0.5, "B": 0.5}
    assert held.sites().set_index("id")["robust"].to_dict() == {"A": False, "B": True}


def test_best_plans_that_are_not_proven_cost_no_regret_below_zero() -> None:
    held = road().robust(sites=1, draws=4)
    lazy = tuple(replace(plan, selected=(), gain=(), costs=(), status="feasible", sites=None) for plan in held.best)
    other = replace(held, best=lazy)
    assert (other.regret >= 0).all()
    assert other.proven == 0


def test_without_errors_there_is_no_regret_and_one_answer() -> None:
    held = road().robust(sites=1, draws=3, errors=InputErrors(without=SOURCES))
    assert not held.regret.any()
    table, gain = held.table(), held.differences().set_index("plan").loc["robust"]
    assert table["mean_error_points"].tolist() == pytest.approx([0.0, 0.0], abs=1e-9)
    assert gain["gain_low"] == pytest.approx(gain["gain_points"])
    assert gain["gain_high"] == pytest.approx(gain["gain_points"])
    assert held.robust.objective == pytest.approx(road().coverage(held.plan).share)


def test_it_shows_itself_with_its_verdict_and_names_stay_text() -> None:
    held = road().robust(sites=1, draws=3, aim="worst")
    assert repr(held).startswith("<HeldPlans worst: 1 sites, 1 must-have, regret 0.00 points")
    card = held._repr_html_()
    assert "in the worst tenth" in card
    assert "noise" in card


@pytest.mark.parametrize(
    "question",
    [
        Question(model="p-median", sites=1),
        Question(model="relocation", sites=1, close=1),
        Question(reach=0.9),
        Question(sites=1, floor=0.5),
        Question(sites=1, conditions=Conditions(floors={"north": 0.2})),
    ],
)
def test_questions_that_are_not_asked_of_draws_are_refused(question: Question) -> None:
    with pytest.raises(InputError, match="expected"):
        refuse_unheld_question(question)


def test_draws_that_are_too_few_and_conditions_that_nobody_meets_are_refused() -> None:
    with pytest.raises(InputError, match="2 or more"):
        road().robust(sites=1, draws=1)
    with pytest.raises(InputError, match="expected 'mean' or 'worst'"):
        road().robust(sites=1, draws=2, aim="best")  # type: ignore[arg-type]
    with pytest.raises(InfeasibleError):
        road().robust(sites=1, draws=2, conditions=Conditions(required=("sure", "edge")))
