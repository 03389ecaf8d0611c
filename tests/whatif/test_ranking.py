"""What single openings and closings bring: the figures of a coverage measured from scratch, best first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import worlds
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from accessibility import InputError, Rule, Scenario, Standard, Study, UnknownSiteError, measure_coverage, read_study
from accessibility.study.candidates import Attempt, rank_changes
from accessibility.whatif.live import Ground
from accessibility.whatif.trial import Baseline, Trial

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Demand, Network, Sites

COLUMNS = ["action", "site", "name", "kind", "gained", "lost", "change", "covered", "covered_share", "cost"]


# By minutes, metres walked and metres in a straight line: what changes hangs on the rule.
NEAR = Rule.distance(0.7), Rule.distance(0.7, along="radius")
RULES = [Standard(), *(Standard(urban=rule, town=rule, rural=rule) for rule in NEAR)]


@pytest.fixture(scope="module")
def county(sample_study: Study) -> Study:
    return sample_study


def held(study: Study, ranked: pd.DataFrame) -> None:
    """Hold every row against the coverage of its scenario."""
    today, people = study.coverage(), study.demand.population
    assert list(ranked.columns) == COLUMNS
    assert ranked["change"].is_monotonic_decreasing
    for row in ranked.to_dict("records"):
        opens = row["action"] == "open"
        then = study.coverage(study.plan_scenario([row["site"]] if opens else [], [] if opens else [row["site"]]))
        assert row["covered"] == pytest.approx(then.covered_people, rel=1e-12)
        assert row["covered_share"] == pytest.approx(then.share, nan_ok=True)
        assert row["gained"] == people[then.covered & ~today.covered].sum()
        assert row["lost"] == people[today.covered & ~then.covered].sum()
        assert row["change"] == row["gained"] - row["lost"]


def test_every_change_of_the_sample_is_the_coverage_of_its_scenario(county: Study) -> None:
    ranked = county.rank(close="all", open="candidates")
    assert ranked["action"].eq("close").sum() == county.sites.open.sum() > 5
    assert ranked["action"].eq("open").sum() == county.sites.may_open.sum() > 5
    assert ranked["change"].iloc[0] > 0 > ranked["change"].iloc[-1]
    held(county, ranked.iloc[::7])
    best = county.site(sites=1)
    assert best.objective == pytest.approx(ranked["covered"].iloc[0])
    named = county.sites.to_gdf().loc[ranked["site"]]
    assert ranked["name"].tolist() == named["name"].tolist()
    assert ranked["kind"].tolist() == named["kind"].tolist()
    assert ranked["cost"].tolist() == np.where(ranked["action"] == "open", named["cost"], 0.0).tolist()


@settings(max_examples=8, deadline=None)
@given(towns(), st.booleans(), st.sampled_from(RULES))
def test_in_any_town_every_change_is_the_coverage_of_its_scenario(
    town: tuple[Network, Demand, Sites],
    threads: bool,  # noqa: FBT001
    rules: Standard,
) -> None:
    network, people, sites = town
    today = measure_coverage(network, people, sites, rules)
    ground = Ground(network=network, demand=people, snapped=today.snapped.demand)
    district = pd.Series("A", index=people.ids)
    baseline = Baseline(coverage=today, ground=ground, district=district, cost={}, refuse_place=lambda *_: None)
    gone, new = sites.ids[sites.open].tolist(), sites.ids[~sites.open].tolist()
    pairs = [(s, o) for s in (None, *new) for o in (None, *gone) if (s, o) != (None, None)]
    changes = [
        Attempt(scenario=Scenario(opened=() if s is None else (s,), closed=() if o is None else (o,)), site=s, closed=o)
        for s, o in pairs
    ]
    ranked = rank_changes(lambda: Trial(baseline), changes, workers=2 if threads else 1)
    assert len(ranked) == len(changes)
    assert ranked["change"].is_monotonic_decreasing
    by_name = {("" if c.site is None else c.site, "" if c.closed is None else c.closed): c for c in changes}
    for row in ranked.to_dict("records"):
        key = {"open": (row["site"], ""), "close": ("", row["site"]), "swap": (row["site"], row["instead_of"])}
        then = measure_coverage(network, people, by_name.pop(key[row["action"]]).scenario.apply(sites), rules)
        assert row["covered"] == pytest.approx(then.covered_people, rel=1e-12)
        assert row["gained"] == people.population[then.covered & ~today.covered].sum()
    assert not by_name


def test_a_bar_tells_how_far_it_is_and_no_worker_is_refused(
    town: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = read_study(town, cache=cache)
    quiet = study.rank(close="all", open=["B1"], pairs=True)
    assert capsys.readouterr().err == ""
    told = study.rank(close="all", open=["B1"], pairs=True, progress=True)
    assert "100%" in capsys.readouterr().err
    pd.testing.assert_frame_equal(told, quiet)
    assert quiet["action"].tolist().count("swap") == 1
    with pytest.raises(InputError, match="workers is 0"):
        study.rank(close="all", workers=0)


def test_places_made_on_streets_are_candidates() -> None:
    homes = worlds.people([(0, 0), (3_000, 0), (5_900, 0)], [100, 50, 700])
    study = Study.of(worlds.line(), homes, worlds.outlets([(0, 0)]))
    assert study.made_candidates is not None
    ranked = study.rank(open="candidates")
    assert set(ranked["site"]) == set(study.made_candidates.ids)
    assert set(ranked["kind"]) == {"new"}
    held(study, ranked)
    pd.testing.assert_frame_equal(study.rank(open=study.made_candidates.ids), ranked)  # an array is a list of ids, too
    first = study.made_candidates.ids[0]
    assert study.rank(open=[first])["site"].tolist() == [first]


def test_of_two_that_bring_as_much_the_cheaper_comes_first() -> None:
    at = worlds.outlets([(0, 0), (3_000, 0), (3_000, 0), (5_000, 0)])
    sites = replace(at, kind=["outlet"] + ["bank"] * 3, open=[True] + [False] * 3, cost=[0, 5, 2, 9])  # type: ignore[arg-type]
    study = Study.of(worlds.line(), worlds.people([(0, 0), (3_000, 0), (5_000, 0)], [1, 2, 4]), sites)
    ranked = study.rank(close=["O0"], open=["O1", "O2", "O3"])
    assert ranked["site"].tolist() == ["O3", "O2", "O1", "O0"]
    assert ranked["change"].tolist() == [4, 2, 2, -1]


def test_sites_with_a_capacity_are_ranked_with_who_is_served() -> None:
    """Ten people at each kilometre: O0 has room for four of its ten, the bank beside it for three more."""
    at = worlds.outlets([(0, 0), (100, 0), (3_000, 0)])
    sites = replace(at, kind=["outlet", "bank", "bank"], open=[True, False, False], capacity=[4, 3, 9])  # type: ignore[arg-type]
    homes = worlds.people([(0, 0), (100, 0), (3_000, 0)], [10, 10, 10])
    study = Study.of(worlds.line(), homes, sites)
    ranked = study.rank(close=["O0"], open=["O1", "O2"])
    assert list(ranked.columns) == [*COLUMNS, "served", "served_change"]
    # today 4 of 20; with O2 9 of its 10 more; with O1 each of the two serves those who have it nearest
    assert ranked[["site", "change", "served", "served_change"]].to_numpy().tolist() == [
        ["O2", 10.0, 13.0, 9.0],
        ["O1", 0.0, 7.0, 3.0],
        ["O0", -20.0, 0.0, -4.0],
    ]
    for row in ranked.to_dict("records"):
        opens = row["action"] == "open"
        then = study.coverage(study.plan_scenario([row["site"]] if opens else [], [] if opens else [row["site"]]))
        assert then.service is None or row["served"] == then.service.served_people


def test_nothing_to_change_is_an_empty_table() -> None:
    ranked = Study.of(worlds.line(), worlds.people([(0, 0)]), worlds.outlets([(0, 0)])).rank(close=[])
    assert list(ranked.columns) == COLUMNS
    assert ranked.empty


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({}, InputError, "nothing to rank"),
        ({"close": ["O9"]}, UnknownSiteError, "O9"),
        ({"open": ["O9"]}, UnknownSiteError, "O9"),
        ({"close": ["B1"]}, InputError, "closed already"),
        ({"open": ["O1"]}, InputError, "open already"),
        ({"close": "O1"}, InputError, "expected"),
        ({"open": "all"}, InputError, "expected"),
    ],
)
def test_what_cannot_change_is_refused(
    town: Path, cache: Path, asked: dict[str, Any], error: type[Exception], said: str
) -> None:
    study = read_study(town, cache=cache)
    with pytest.raises(error, match=said):
        study.rank(**asked)
    assert study.what_if().scenario == Scenario()
