"""Plans one can go on from: their places, who goes where, and the scenario that gives the same people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from accessibility import InputError, Study, UnknownSiteError, read_study
from accessibility.siting import Problem, solve_mclp

if TYPE_CHECKING:
    from pathlib import Path

COSTS = [[100, 900, 2_000, np.inf], [950, 200, 300, np.inf], [100, 200, 5_000, np.inf]]


@pytest.fixture(scope="module")
def study(sample_study: Study) -> Study:
    return sample_study


def problem(**given: Any) -> Problem:
    return Problem.from_costs(COSTS, [30, 10, 20, 5], 900, ids=["O1", "O2", "O3"], **given)


def test_each_point_goes_to_the_cheapest_site_that_counts() -> None:
    found = problem(open=[True, False, False]).assign(["O2"])
    assert list(found.columns) == ["demand", "site", "cost", "people"]
    assert found["demand"].tolist() == [0, 1, 2, 3]
    assert found["site"].tolist() == ["O1", "O2", "O2", None]
    assert found["cost"].tolist()[:3] == [100, 200, 300]
    assert np.isnan(found["cost"][3])
    assert found["people"].tolist() == [30, 10, 20, 5]
    assert problem().assign(["O3", "O2", "O1"])["site"].tolist() == ["O1", "O2", "O2", None]  # the first of two as near
    assert problem(open=[True, False, False]).assign(["O3"], ["O1"])["site"].tolist() == ["O3", "O3", "O3", None]
    assert problem().assign([])["site"].isna().all()
    with pytest.raises(UnknownSiteError, match="O9"):
        problem().assign(["O9"])


def test_labels_of_a_matrix_and_of_a_long_table_name_the_points() -> None:
    wide = pd.DataFrame([[1, 9], [9, 1]], index=["A", "B"], columns=["north", "south"])
    people = pd.Series({"south": 20, "north": 10})
    long = wide.rename_axis("site").melt(ignore_index=False, var_name="demand", value_name="cost").reset_index()
    for costs in (wide, long):
        found = Problem.from_costs(costs, people, 5).assign(["A", "B"]).set_index("demand")
        assert found["site"].to_dict() == {"north": "A", "south": "B"}
        assert found["people"].to_dict() == {"north": 10, "south": 20}


@pytest.mark.parametrize(
    "asked", [{"budget": 12}, {"sites": 3}, {"model": "relocation", "sites": 2, "close": 2}, {"reach": 0.85}]
)
def test_the_scenario_of_a_plan_gives_its_people(study: Study, asked: dict[str, Any]) -> None:
    plan = study.site(**asked)
    scenario = plan.scenario()
    assert scenario == study.plan_scenario(plan.selected, plan.closed)
    then = study.coverage(scenario)
    assert then.covered_people == pytest.approx(plan.covered_people, rel=1e-12)
    if plan.model in ("mclp", "relocation"):
        assert then.covered_people == pytest.approx(plan.objective, rel=1e-12)
    assert study.what_if(scenario).coverage().covered_people == then.covered_people


def test_who_goes_where_is_who_is_covered_and_how_far_they_walk(study: Study) -> None:
    plan = study.site(sites=3)
    then, found = study.coverage(plan.scenario()), plan.assignment().set_index("demand").reindex(study.demand.ids)
    assert found["people"].to_numpy().tolist() == study.demand.population.tolist()
    served = found["site"].notna().to_numpy()
    assert served.tolist() == then.covered.tolist()
    on_foot = np.isin(study.demand.setting, ["urban", "town"])
    np.testing.assert_array_equal(found["cost"].to_numpy()[served], np.where(on_foot, then.walk_s, then.metres)[served])
    assert found["site"].to_numpy()[served].tolist() == then.sites.ids[then.nearest[served]].tolist()


def test_a_p_median_sends_everybody_who_reaches_a_site(town: Path, cache: Path) -> None:
    street = read_study(town, cache=cache)
    plan = street.site(model="p-median", sites=1)
    found = plan.assignment()
    assert found["site"].tolist() == ["O1", "O1", "O1", "B1", "B1"]
    assert float((found["people"] * found["cost"]).sum()) == pytest.approx(plan.objective)
    np.testing.assert_array_equal(found["cost"], street.coverage(plan.scenario()).walk_s)


def test_sites_that_a_study_made_are_added(study: Study) -> None:
    made = Study.of(study.network, study.demand, study.sites.take(study.sites.open), districts=study.districts)
    plan = made.site(sites=2)
    assert {added.id for added in plan.scenario().added} == set(plan.selected)
    assert tuple(a.id for a in plan.scenario().added) == plan.selected
    assert made.coverage(plan.scenario()).covered_people == pytest.approx(plan.objective, rel=1e-12)


def test_the_rows_of_a_plan_have_their_places(study: Study) -> None:
    plan = study.site(sites=3)
    there = plan.to_gdf()
    assert there.crs == "EPSG:4326"
    assert there.drop(columns="geometry").equals(plan.table())
    lonlat = study.sites.lonlat[study.sites.rows(plan.selected)]
    np.testing.assert_allclose(np.column_stack([there.geometry.x, there.geometry.y]), lonlat)


def test_a_plan_of_a_matrix_says_what_it_lacks() -> None:
    plan = solve_mclp(problem(), sites=1)
    for door in (plan.to_gdf, plan.assignment, plan.scenario):
        with pytest.raises(InputError, match=r"expected (a plan|one) of study\.site"):
            door()


def test_a_plan_without_sites_is_as_today(study: Study) -> None:
    plan = study.site(budget=0)
    assert replace(plan.scenario(), name="") == study.what_if().scenario
    assert plan.to_gdf().empty
