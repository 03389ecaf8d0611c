"""Values pickle and copy, as joblib and processes need: the same figures, still read-only."""

from __future__ import annotations

import copy
import io
import pickle
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
import worlds
from sitingworlds import toy

import accessibility as acc
from accessibility.siting import Conditions, solve_mclp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accessibility.study.study import Study


def through_joblib(value: Any) -> Any:
    """Return a value as joblib keeps it in a file."""
    joblib, kept = pytest.importorskip("joblib"), io.BytesIO()
    joblib.dump(value, kept)
    kept.seek(0)
    return joblib.load(kept)


def through_dask(value: Any) -> Any:
    """Return a value as dask sends it to its workers."""
    pickled = pytest.importorskip("cloudpickle")
    return pickled.loads(pickled.dumps(value))


COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301 -- our own bytes
    "dask": through_dask,
    "joblib": through_joblib,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}
NETWORK, PEOPLE, SITES = worlds.line(), worlds.people([(900, 0), (3_000, 0)], [30, 10]), worlds.outlets([(0, 0)])
NOW = acc.measure_coverage(NETWORK, PEOPLE, SITES)
VALUES: dict[str, Any] = {
    "network": NETWORK,
    "people": PEOPLE,
    "sites": SITES,
    "coverage": NOW,
    "catchments": acc.trace_catchments(NETWORK, PEOPLE, SITES),
    "problem": toy(),
    "plan": solve_mclp(toy(), sites=2, conditions=Conditions(quotas={"new": 1}, floors={"A": 0.1})),
    "standard": acc.Standard(),
    "walker": acc.Walker.presets["elderly"],
    "scenario": acc.Scenario(name="one", opened=("B1",), settings=acc.Settings(speed_m_s=0.8)),
}
every = pytest.mark.parametrize("way", COPIES)


def arrays(value: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return the fields that are arrays; what a value works out from them is its own affair."""
    of = {f.name: getattr(value, f.name) for f in fields(value)}
    return {name: a for name, a in of.items() if isinstance(a, np.ndarray)}


@every
@pytest.mark.parametrize("name", VALUES)
def test_a_copy_is_the_same_and_as_closed_to_writing(way: str, name: str) -> None:
    value = VALUES[name]
    again = COPIES[way](value)
    assert repr(again) == repr(value)
    for field, array in arrays(again).items():
        assert not array.flags.writeable, field
        np.testing.assert_array_equal(array, getattr(value, field))


@every
def test_a_copied_coverage_still_counts(way: str) -> None:
    again = COPIES[way](NOW)
    assert (again.share, again.population, again.demand.setting_rows["urban"].tolist()) == (0.75, 40, [True, True])
    measured = acc.measure_coverage(COPIES[way](NETWORK), COPIES[way](PEOPLE), COPIES[way](SITES))
    assert measured.walk_s.tolist() == NOW.walk_s.tolist()


@every
def test_groups_and_conditions_stay_mappings_that_nothing_is_written_to(way: str) -> None:
    people = acc.Demand(ids=["a"], xy=[(0, 0)], population=[3], groups={"60+": [1]}, crs=worlds.CRS)  # type: ignore[arg-type,dict-item]
    again = COPIES[way](people)
    assert dict(again.groups) == {"60+": [1.0]}
    with pytest.raises(TypeError):
        again.groups["60+"] = [2.0]
    asked = Conditions(floors={"A": 0.5})
    assert COPIES[way](asked) == asked


@every
def test_a_copied_study_measures_and_a_copied_trial_undoes(way: str, town: Path, cache: Path) -> None:
    study: Study = acc.read_study(town, cache=cache)
    first = study.coverage()
    again = COPIES[way](study)
    assert (again.name, again.coverage().share) == (study.name, first.share)
    trial = study.what_if().open("B1").close("O1").move("B1", 108.2, 30.5)
    other = COPIES[way](trial)
    assert (other.scenario, other.steps) == (trial.scenario, 3)
    assert other.coverage().covered.tolist() == trial.coverage().covered.tolist()
    other.undo()
    assert (other.steps, trial.steps) == (2, 3)
    assert other.coverage().share == study.what_if().open("B1").close("O1").coverage().share


def of_hexagons() -> Study:
    """Return a study of values in memory: people in hexagons, whose settings density decides, banks and districts."""
    turns = np.radians(np.arange(6) * 60)
    ring = np.column_stack([np.cos(turns), np.sin(turns)]) * 90
    middles = np.array([(x, y) for x in range(100, 6_000, 400) for y in (-100, 100)]) + worlds.ORIGIN
    shapes = [shapely.Polygon(ring + at) for at in middles]
    people = gpd.GeoDataFrame({"population": np.arange(len(shapes)) + 1.0}, geometry=shapes, crs=worlds.CRS)
    ends = np.array([(0.0, 0.0), (6_000.0, 0.0), (3_000.0, 0.0)]) + worlds.ORIGIN
    sites = gpd.GeoDataFrame(
        {"name": ["O", "B", "C"], "room": [9, 9, 9]}, geometry=shapely.points(ends), crs=worlds.CRS
    )
    west, south = np.array(worlds.ORIGIN) - 500
    halves = [
        shapely.box(west, south, west + 3_000, south + 900),
        shapely.box(west + 3_000, south, west + 7e3, south + 900),
    ]
    districts = gpd.GeoDataFrame({"name": ["W", "E"]}, geometry=halves, crs=worlds.CRS)
    given: dict[str, Any] = {"banks": sites[1:], "districts": districts, "settings": "degurba", "name": "Hexagons"}
    return acc.Study.of(worlds.line(), people, sites[:1], **given)


def answers(study: Study) -> dict[str, Any]:
    """Return what a study of values in memory answers, and what is made of it."""
    now, plan = study.coverage(), study.site(sites=1)
    trial = study.what_if().close("O001").open("B001")
    return {
        "covered": now.covered.tolist(),
        "by": now.by("district")["covered"].to_dict(),
        "shapes": now.to_gdf(shapes=True).geometry.to_wkb().tolist(),
        "plan": (plan.selected, plan.objective, plan.assignment()["people"].tolist(), plan.scenario()),
        "trial": trial.compare().fillna(-1.0).to_dict(),
        "times": study.travel_times(1, as_matrix=True).toarray().tolist(),  # type: ignore[operator]
        "settings": [setting.tolist() for setting in study.shifted_settings],
    }


@every
@pytest.mark.filterwarnings("ignore:.* findings on the inputs")
def test_what_is_made_of_a_study_goes_on_after_a_copy(way: str) -> None:
    study = of_hexagons()
    wanted, now, plan = answers(study), study.coverage(), study.site(sites=1)
    trial = study.what_if().close("O001").open("B001")
    assert answers(COPIES[way](study)) == wanted
    again = COPIES[way](now)
    assert again.by("district")["covered"].to_dict() == wanted["by"]
    assert again.to_gdf(shapes=True).geometry.to_wkb().tolist() == wanted["shapes"]
    kept = COPIES[way](plan)
    assert (kept.selected, kept.objective, kept.assignment()["people"].tolist(), kept.scenario()) == wanted["plan"]
    assert study.coverage(kept).covered_people == plan.objective
    other = COPIES[way](trial)
    assert other.compare().fillna(-1.0).to_dict() == wanted["trial"]
    assert other.undo().coverage().covered.tolist() == study.what_if().close("O001").coverage().covered.tolist()


@pytest.mark.filterwarnings("ignore:.* findings on the inputs")
def test_workers_of_dask_in_other_processes_answer_alike() -> None:
    study = of_hexagons()
    workers = pytest.importorskip("dask")
    asked = [workers.delayed(acc.Study.coverage)(study), workers.delayed(acc.Study.site)(study, sites=1)]
    now, plan = workers.compute(*asked, scheduler="processes", num_workers=1)
    assert now.covered.tolist() == study.coverage().covered.tolist()
    assert plan.assignment()["people"].tolist() == study.site(sites=1).assignment()["people"].tolist()
