"""What single openings and closings bring: the figures of a coverage measured from scratch, best first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import worlds

from accessibility import InputError, Scenario, Study, UnknownSiteError, read_study

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

COLUMNS = ["action", "site", "name", "kind", "gained", "lost", "change", "covered", "covered_share", "cost"]


@pytest.fixture(scope="module")
def county(sample: Path, cache: Path) -> Study:
    return read_study(sample, cache=cache)


def held(study: Study, ranked: pd.DataFrame) -> None:
    """Hold every row against the coverage of its scenario."""
    today, people = study.coverage(), study.demand.population
    assert list(ranked.columns) == COLUMNS
    assert ranked["change"].is_monotonic_decreasing
    for row in ranked.to_dict("records"):
        opens = row["action"] == "open"
        then = study.coverage(study.plan_scenario([row["site"]] if opens else [], [] if opens else [row["site"]]))
        assert row["covered"] == then.covered_people
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


def test_places_made_on_streets_are_candidates() -> None:
    homes = worlds.people([(0, 0), (3_000, 0), (5_900, 0)], [100, 50, 700])
    study = Study.of(worlds.line(), homes, worlds.outlets([(0, 0)]))
    assert study.made_candidates is not None
    ranked = study.rank(open="candidates")
    assert set(ranked["site"]) == set(study.made_candidates.ids)
    assert set(ranked["kind"]) == {"new"}
    held(study, ranked)
    first = study.made_candidates.ids[0]
    assert study.rank(open=[first])["site"].tolist() == [first]


def test_of_two_that_bring_as_much_the_cheaper_comes_first() -> None:
    at = worlds.outlets([(0, 0), (3_000, 0), (3_000, 0), (5_000, 0)])
    sites = replace(at, kind=["outlet"] + ["bank"] * 3, open=[True] + [False] * 3, cost=[0, 5, 2, 9])  # type: ignore[arg-type]
    study = Study.of(worlds.line(), worlds.people([(0, 0), (3_000, 0), (5_000, 0)], [1, 2, 4]), sites)
    ranked = study.rank(close=["O0"], open=["O1", "O2", "O3"])
    assert ranked["site"].tolist() == ["O3", "O2", "O1", "O0"]
    assert ranked["change"].tolist() == [4, 2, 2, -1]


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
