"""A wrong argument of any public function gets a sentence of ours: never a traceback of Python or numpy."""

from __future__ import annotations

import inspect
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import worlds
from sitingworlds import toy

import accessibility
from accessibility import siting as solvers
from accessibility.errors import AccessibilityError, InputError, UnknownSiteError, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

acc: Any = accessibility  # wrong arguments are the matter here: nothing is told to the type checker
siting: Any = solvers
NETWORK, PEOPLE, SITES = worlds.line(), worlds.people([(900, 0), (3_000, 0)]), worlds.outlets([(0, 0), (2_500, 0)])
NOW, PROBLEM = acc.measure_coverage(NETWORK, PEOPLE, SITES), toy()
PLAN, TABLE = siting.solve_mclp(PROBLEM, sites=1), SITES.to_gdf()
NAMED = replace(SITES, name=np.array(["Hall", ""], object))
DISTRICT = pd.Series({"D0": "A", "D1": "B"})
RIGHT: dict[str, Any] = {  # one right value for every argument that has no default
    "network": NETWORK,
    "demand": PEOPLE,
    "sites": SITES,
    "plan": PLAN,
    "problem": PROBLEM,
    "gdf": TABLE,
    **dict.fromkeys(("before", "after", "baseline", "coverage"), NOW),
    **dict.fromkeys(("district", "series"), DISTRICT),
    "scenarios": [(acc.Scenario(), NOW)],
    "graph": NETWORK.to_networkx(),
    "path": "nowhere.toml",
    "ids": ["a"],
    "xy": [(0, 0)],
    "crs": worlds.CRS,
    "population": [1.0],
    "people": [1.0, 2.0],
    "costs": [[1.0, 2.0]],
    "node_xy": [(0, 0), (1, 0)],
    "edges": [(0, 1)],
    "length_m": [1.0],
    "measure": "walk",
    "limit": 3.0,
    "id": "a",
    "lon": 1.0,
    "lat": 1.0,
    "minutes": 15.0,
    "kilometres": 5.0,
    "cutoff": 1.0,
    "reach": 0.5,
    "close": 1,
    "start": [0, 1],
    "cost": [1.0],
    "within": [True],
    "setting": "urban",
    "walker": acc.Walker(),
}
WRONG: dict[str, Any] = {
    "none": None,
    "endless": 10**400,
    "a number in an array": np.array(2),
    "text": "population",
    "empty": "",
    "whole": 5,
    "negative": -1,
    "flag": True,
    "complex": 1j,
    "nan": float("nan"),
    "infinite": float("inf"),
    "list": [1, 2, 3],
    "lists": [["a"], ["b"]],
    "bytes": b"x",
    "words": ["no", "yes"],
    "mapping": {"a": 1},
    "set": {1, 2},
    "object": object(),
    "class": acc.Sites,
    "geotable": TABLE,
    "table": pd.DataFrame({"a": [1]}),
    "series": pd.Series([1.0, 2.0]),
    "zeros": np.zeros((2, 2)),
    "dates": np.array(["2024-01-01"], "M8[D]"),
    "plan": PLAN,
    "people": PEOPLE,
    "sites": SITES,
    "streets": NETWORK,
    "coverage": NOW,
    "scenario": acc.Scenario(),
    "masked": np.ma.masked_equal([1, -9], -9),
    "fraction": Fraction(3, 2),
}
OF: dict[str, Any] = {"Sites": SITES, "Demand": PEOPLE, "Coverage": NOW, "Problem": PROBLEM, "SitingPlan": PLAN}
OF |= {"Scenario": acc.Scenario(), "Standard": acc.Standard(), "Settings": acc.Settings()}


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function, type and method that takes an argument."""
    for module in (acc, siting):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) and issubclass(value, Exception):
                continue
            yield name, value
            for method in [m for m in dir(value) if inspect.isclass(value) and not m.startswith("_")]:
                found = getattr(OF.get(name, value), method)
                if inspect.ismethod(found):
                    yield f"{name}.{method}", found


CALLS = {name: call for name, call in public() if inspect.signature(call).parameters}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_is_refused_or_is_none(
    name: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a text is the name of a folder, where a folder is asked for
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    parameters = inspect.signature(CALLS[name]).parameters.values()
    assert not any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters), "no keyword can be completed"
    needed = {p.name: RIGHT.get(p.name) for p in parameters if p.default is p.empty}
    if name in ("Catchments", "Problem"):
        needed |= {"demand": [0], "people": [1.0]} if name == "Problem" else {"demand": [0]}
    for parameter in parameters:
        for kind, wrong in WRONG.items():
            try:
                CALLS[name](**(needed | {parameter.name: wrong}))
            except AccessibilityError:
                continue
            except Exception as error:  # noqa: BLE001 -- that is what is looked for
                pytest.fail(f"{name}({parameter.name}=<{kind}>) raises {error!r}")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: acc.measure_coverage(PEOPLE, NETWORK, SITES), "network is a Demand of 2; expected Network"),
        (
            lambda: acc.measure_coverage(NETWORK, PEOPLE, TABLE),
            "sites is a GeoDataFrame of 2; expected Sites (Sites.from",
        ),
        (
            lambda: acc.measure_coverage(NETWORK, PEOPLE),
            "missing a required argument: 'sites'; expected network, demand",
        ),
        (lambda: acc.measure_coverage(NETWORK, PEOPLE, SITES, speed=1), "unexpected keyword argument 'speed'"),
        (lambda: acc.Standard(urban=15), "urban is 15; expected Rule (Rule.walk(minutes)"),
        (lambda: acc.Rule(measure="drive", limit=1), "'drive'; expected 'walk', 'network' or 'radius'"),
        (lambda: acc.Rule.walk("15"), "minutes is the text '15'; expected a number"),
        (lambda: acc.Scenario(opened="B017"), "opened is the text 'B017'; expected a list of ids"),
        (lambda: acc.Scenario(opened=[["B017"]]), "opened is a list of 1; expected a list of ids"),
        (lambda: acc.Scenario().apply(PLAN), "sites is a SitingPlan; expected Sites"),
        (lambda: acc.compare_scenarios(NOW, [acc.Scenario()]), "expected pairs of Scenario and Coverage"),
        (
            lambda: NOW.by("distict"),
            "series is the text 'distict'; expected Series (of pandas",
        ),
        (
            lambda: NOW.by("district"),
            "measured without a study and knows no districts; expected one of study.coverage()",
        ),
        (NOW.map, "measured without a study and knows no streets"),
        (lambda: NOW.plot("walk"), "column is 'walk'; expected one of id, state, population"),
        (lambda: acc.Demand.from_gdf(TABLE, population="people"), "lacks columns ['people']"),
        (lambda: siting.Conditions(quotas={"new": "few"}), "quotas is a dict of 1; expected a mapping"),
        (lambda: acc.Settings(speed_m_s=-1.0), "walking speed in m/s is -1; expected 0.3 to 3"),
        (lambda: siting.solve_mclp(PROBLEM, sites="five"), "sites is the text 'five'; expected a whole number"),
        (lambda: siting.solve_mclp(PLAN, sites=1), "problem is a SitingPlan; expected Problem"),
        (lambda: siting.solve_mclp(PROBLEM, budgt=1), "did you mean budget?"),
        (lambda: siting.portfolio(PROBLEM, plans=2, budgt=1), "did you mean budget?"),
        (lambda: siting.Problem.from_costs([[1]], [1], 1, site_costs=[1]), "did you mean site_cost?"),
        (lambda: acc.Sites.from_gdf(TABLE, kinds="a"), "did you mean kind?"),
        (lambda: acc.Study.site(NOW, budgt=2), "did you mean budget?"),
        (lambda: acc.Trial.add(NOW, 1, 2, nam="x"), "did you mean name?"),
        (lambda: acc.Study.of(NETWORK, TABLE, TABLE, population="pop"), "did you mean people?"),
        (lambda: acc.Study.of(NETWORK, TABLE, TABLE, dem="dem.tif"), "did you mean elevation?"),
        (lambda: acc.Study.of(network=NETWORK), "expected network, people, outlets and by name banks, candidates, "),
        (lambda: acc.Study.site(NOW, n=2), "did you mean sites?"),
        (lambda: acc.Study.site(NOW, 2), "expected by name sites, budget, reach"),
        (lambda: acc.Study.coverage(NOW, minutes=2), "did you mean limit?"),
        (lambda: acc.Trial.add("X1", 1, 2, 3), "expected lon, lat and by name kind, id, name, cost"),
        (lambda: NAMED.rows(["Hall"]), f"'Hall' among 2 sites; did you mean {SITES.ids[0]} (Hall)?"),
        (lambda: siting.verify_plan(PLAN, PROBLEM), "problem is a SitingPlan; expected Problem"),
    ],
)
def test_the_sentence_names_what_was_found_and_what_was_expected(call: Callable[[], object], told: str) -> None:
    with pytest.raises(InputError) as refused:
        call()
    assert told in str(refused.value)


def test_a_study_measures_a_plan_and_begins_no_trial_with_one(town: Path, cache: Path) -> None:
    small: Any = acc.read_study(town, cache=cache)
    plan = small.site(sites=1)
    assert small.coverage(plan).covered_people == small.coverage(plan.scenario()).covered_people == plan.objective
    with pytest.raises(InputError, match="came from a matrix and knows no study"):
        small.coverage(PLAN)
    refusal = r"scenario is a SitingPlan; expected .*Scenario.*study\.plan_scenario"
    with pytest.raises(InputError, match=refusal):
        small.what_if(plan)
    with pytest.raises(InputError, match=refusal):
        small.explain(106.0, 30.0, plan)
    asked: list[Callable[[], object]] = [
        lambda: small.explain("here", 3),
        lambda: small.site(budgt=2),
        lambda: small.map(lang=3),
    ]
    for ask in asked:
        with pytest.raises(InputError):
            ask()
    trial = small.what_if()
    steps: list[Callable[[], object]] = [
        lambda: trial.open(["O1"]),
        lambda: trial.add("106", "30"),
        lambda: trial.add(106.0, 30.0, nam="x"),
    ]
    for step in steps:
        with pytest.raises(InputError):
            step()
    assert trial.steps == 0


def test_generators_are_looked_at_and_used() -> None:
    assert acc.Scenario(opened=(f"B{i}" for i in range(2))).opened == ("B0", "B1")
    with pytest.raises(InputError, match="list of ids"):
        acc.Scenario(opened=([i] for i in range(2)))


def test_what_is_watched_keeps_its_name_examples_and_defaults() -> None:
    @checked
    def halve(number: float = 2.0) -> float:
        """Return the half."""
        return number / 2

    assert (halve(), halve(3), halve.__name__, halve.__doc__) == (1.0, 1.5, "halve", "Return the half.")
    assert halve.__globals__ is globals()  # doctest looks there
    with pytest.raises(InputError, match=r"halve: number is True; expected a number"):
        halve(True)  # noqa: FBT003


def test_of_a_message_with_a_book_in_it_beginning_and_end_are_told() -> None:
    book = "9" * 1_000_000
    for kind in (InputError, UnknownSiteError):
        told = str(kind(f"people.csv: row 2 {book}; expected numbers"))
        assert (told[:17], told[-16:]) == ("people.csv: row 2", "expected numbers")
        assert len(told) < 4_000
    assert str(InputError("x" * 4_000)) == "x" * 4_000
