"""The facts of a report: by hand on a street, and against measurements of their own on the sample county."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import mapworlds
import numpy as np
import pandas as pd
import pytest
import reportworlds

from accessibility import Rule, Sites, Standard, UnprovenError, Walker, read_study
from accessibility.cli.report_facts import find_facts, measure_study
from accessibility.present.report.facts import tabulate_distances, tabulate_times
from accessibility.standards import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Study
    from accessibility.cli.report_facts import Measured
    from accessibility.present.report.facts import Facts


@pytest.fixture
def street(town: Path, cache: Path) -> Study:
    return read_study(town, cache=cache)


def facts_of(study: Study, **known: object) -> Facts:
    return find_facts(measure_study(study, **known), date=reportworlds.DATE)  # type: ignore[arg-type]


def test_a_street_done_by_hand(street: Study) -> None:
    """The outlet stands at the first of five places, 500 m apart, of 10, 20, 40, 80 and 160 people."""
    plan = reportworlds.plan_of(street, ["B1"], [240.0])
    frontier = pd.DataFrame({"budget": [1, 0], "covered_people": [270, 30], "bound_people": [270, 30]})
    facts = facts_of(street, plan=plan, frontier=frontier)
    assert dict(facts.totals) == {
        "population": 310,
        "covered": 30,
        "uncovered": 280,
        "covered_share": 30 / 310,
        "covered_share_radius": 30 / 310,
        "unreached": 0,
    }
    cases = facts.sensitivity.set_index(["what", "case"])
    assert cases["covered"].to_dict() == {
        ("speed", "0.8"): 30,  # 720 m
        ("speed", "1.0"): 30,  # 900 m
        ("speed", "1.2"): 70,  # 1080 m
        ("town", "urban"): 30,
        ("town", "rural"): 30,  # nobody lives in a town
        ("compounds", "closed"): 30,
        ("compounds", "open"): 30,
        ("reading", "network"): 30,
        ("reading", "radius"): 30,  # nobody is rural
    }
    assert cases.loc[("speed", "1.2"), "points"] == pytest.approx(100 * 40 / 310)
    assert list(cases.index[cases["applies"]]) == [
        ("speed", "1.0"), ("town", "urban"), ("compounds", "closed"), ("reading", "network"),
    ]  # fmt: skip
    assert facts.times.set_index("class")["urban"].tolist() == [10, 20, 0, 40, 80, 160, 0]
    assert facts.times["people"].sum() == 310
    assert facts.distances[["network", "radius", "population"]].to_numpy().sum() == 0
    assert facts.whole is not None
    assert facts.whole.choices == {"0": 280, "1": 30, "2+": 0}
    assert facts.whole.ledger[["id", "within_people", "alone_people", "can_close"]].to_numpy().tolist() == [
        ["O1", 30, 30, False]
    ]
    assert facts.proposal is not None
    assert facts.proposal.covered_after == 270
    assert facts.frontier["budget"].tolist() == [0, 1]
    assert facts.frontier["covered_share"].tolist() == [30 / 310, 270 / 310]
    assert facts.districts["district"].tolist() == ["Street", "total"]
    assert np.isnan(facts.whole.outside_people)
    assert set(facts.inputs["role"]) == {"study", "network", "population", "outlets", "banks"}
    told = facts.parameters.set_index("parameter")["value"]
    assert told["walker_used.speed_m_s"] == "1.0"
    assert told["standard_used.rural"] == "network 5000 m"
    assert told["blackspots.min_people"] == "500.0"


def test_a_plan_that_claims_other_people_than_walking_finds_is_refused(street: Study) -> None:
    with pytest.raises(UnprovenError, match=r"claims 280\.0 people covered, walking finds 270\.0"):
        measure_study(street, plan=reportworlds.plan_of(street, ["B1"], [250.0]))


def test_a_plan_may_open_a_site_that_the_study_does_not_know(street: Study) -> None:
    middle = street.demand.xy[[2]]
    site = Sites(ids=["N1"], xy=middle, kind=["new"], open=[True], crs=street.demand.crs)  # type: ignore[arg-type]
    plan = replace(reportworlds.plan_of(street, [], []), selected=("N1",), gain=(120.0,), costs=(3.0,), sites=site,
                   objective=150.0, bound=150.0)  # fmt: skip
    measured = measure_study(street, plan=plan)
    assert measured.after is not None
    assert measured.after.covered_people == 150  # the outlet's 30, and those at 1 000 and 1 500 m
    with pytest.raises(UnprovenError, match="'N1', which is not in the study"):
        measure_study(street, plan=replace(plan, sites=None))


def test_what_is_known_is_not_measured_again(street: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measure_study(street)

    def never(*_: object, **__: object) -> None:
        pytest.fail("measured again")

    monkeypatch.setattr(type(street), "coverage", never)
    again = measure_study(street, now=first.now, by_speed=first.by_speed, quality=first.quality)
    assert again.by_speed == first.by_speed


def test_the_sample_against_measurements_of_its_own(sample_measured: Measured) -> None:
    study, now = sample_measured.study, sample_measured.now
    facts = find_facts(sample_measured, date=reportworlds.DATE)
    rural = Rule.distance(5)
    alone = {
        ("speed", "0.8"): study.coverage(walker=replace(study.walker, speed_m_s=0.8)),
        ("speed", "1.2"): study.coverage(walker=replace(study.walker, speed_m_s=1.2)),
        ("town", "rural"): study.coverage(standard=Standard(town=rural)),
        ("compounds", "open"): study.coverage(walker=replace(study.walker, open_compounds=True)),
        ("reading", "radius"): study.coverage(standard=Standard(rural=Rule.distance(5, along="radius"))),
    }
    cases = facts.sensitivity.set_index(["what", "case"])
    for case, other in alone.items():
        assert cases.loc[case, "covered"] == other.covered_people, case
        assert cases.loc[case, "points"] == pytest.approx(100 * (other.share - now.share)), case
    assert len({round(other.covered_people, 3) for other in alone.values()}) == 5
    people = now.demand.population
    for setting in SETTINGS:
        assert facts.times[setting].sum() == pytest.approx(people[now.demand.setting == setting].sum())
    in_time = (now.walk_s > 600) & (now.walk_s <= 900)
    assert facts.times.set_index("class").loc["10\N{EN DASH}15", "people"] == pytest.approx(people[in_time].sum())
    far = (now.demand.setting == "rural") & (now.radius_m > 2_000) & (now.radius_m <= 5_000)
    assert facts.distances.set_index("class").loc["2\N{EN DASH}5", "radius"] == pytest.approx(people[far].sum())
    assert facts.whole is not None
    spots = facts.whole.clusters
    everybody = spots.table["people"].sum() + spots.scattered_people + spots.unplaced_people
    assert everybody == pytest.approx(facts.totals["uncovered"])


def test_a_class_holds_its_upper_limit() -> None:
    """A metre is a second; 300 m is five minutes, 2 km two kilometres."""
    cover = mapworlds.street([300, 300.01, 2_000, 2_000.02], "rural", [1, 2, 4, 8])
    assert tabulate_times(cover)["rural"].tolist() == [1, 2, 0, 0, 0, 12, 0]
    by_distance = tabulate_distances(cover)
    assert by_distance["network"].tolist() == [7, 8, 0, 0, 0]
    assert by_distance["radius"].tolist() == [7, 8, 0, 0, 0]
    assert by_distance["population"].tolist() == [15] * 5


def test_a_walker_between_the_speeds_and_a_radius_rule(town: Path, cache: Path) -> None:
    text = town.read_text(encoding="utf-8").replace(
        "[inputs]", '[standard]\nrural = { kilometres = 5, along = "radius" }\n[walking]\nspeed_m_s = 0.9\n[inputs]'
    )
    town.write_text(text, encoding="utf-8")
    study = read_study(town, cache=cache)
    facts = facts_of(study)
    assert study.walker == Walker(speed_m_s=0.9)
    applies = facts.sensitivity[facts.sensitivity["applies"]]
    assert list(zip(applies["what"], applies["case"], strict=True)) == [
        ("town", "urban"), ("compounds", "closed"), ("reading", "radius"),
    ]  # fmt: skip
