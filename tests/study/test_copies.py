"""Values pickle and copy, as joblib and processes need: the same figures, still read-only."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import worlds
from sitingworlds import toy

import accessibility as acc
from accessibility.siting import Conditions, solve_mclp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accessibility.study.study import Study

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301 -- our own bytes
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
