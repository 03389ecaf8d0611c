"""What the page of a study is told under other rules, at another speed, and once a scenario is carried out."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from unpacking import Unpacker, data_of, dots_of

from accessibility import Addition, Closure, Rule, Scenario, Settings, Standard, measure_coverage
from accessibility.errors import InputError
from accessibility.present.language import MapWords
from accessibility.present.map.legends import headline_lines
from accessibility.study.answers import Answers, Job, Jobs
from accessibility.study.valuetables import StandardTable, rule_table
from accessibility.study.views import view_of, view_values
from accessibility.whatif.scenario import Move
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from accessibility import Study

STRAIGHT = Rule.distance(4, along="radius")
STANDARD = Standard(urban=Rule.walk(12), town=STRAIGHT, rural=STRAIGHT)
MADE = {"generate": True, "generate_spacing_m": 2_000.0}
RULES = {name: rule_table(rule) for name, rule in STANDARD.rules}


def test_a_proposal_under_other_rules_is_that_of_a_study_of_these_rules(sample_study: Study) -> None:
    file = sample_study.settings
    walking = file.walking.model_copy(update={"speed_m_s": 0.8})
    file = file.model_copy(update={"walking": walking, "standard": StandardTable.model_validate(RULES)})
    other = replace(sample_study, settings=file)
    view = view_of({"base": {"speed_m_s": 0.8, "standard": RULES}, "sites": 2}, "en")
    assert view.base.settings == Settings(speed_m_s=0.8, standard=STANDARD)
    plan, found = sample_study.site(sites=2, scenario=view.base), other.site(sites=2)
    assert (plan.selected, plan.covered_people, plan.bound) == (found.selected, found.covered_people, found.bound)
    assert plan.selected != sample_study.site(sites=2).selected
    assert sample_study.coverage(plan).covered_people == other.coverage(found).covered_people == plan.covered_people
    page = Answers(sample_study).page(view, Job())
    lead = f"cover {plan.covered_people:,.0f} people, {percent_text(plan.covered_people, plan.population)}"
    assert lead in page
    now = sample_study.coverage(view.base)
    assert f"({now.covered_people:,.0f}) are within a 12-minute walk (urban)" in page


def test_a_proposal_of_a_page_keeps_to_a_least_share_in_each_district(sample_study: Study) -> None:
    view, free = (view_of({"sites": 4, **floor}, "en") for floor in ({"floor": 0.5}, {}))
    assert view_of(view_values(view), "en") == view
    answers = Answers(sample_study)
    shares = []
    for each in (view, free):
        answers.page(each, Job())
        plan = answers._plans[replace(each, sure=False)]
        shares.append(sample_study.coverage(plan).by(sample_study.district)["covered_share"].min())
    assert shares[1] < 0.5 <= shares[0]
    assert "No plan meets the conditions. the plan that comes closest is short by" in answers.page(
        replace(view, floor=0.9), Job()
    )
    with pytest.raises(InputError, match=r"floor is 1\.5; expected 0 to 1"):
        view_of({"sites": 1, "floor": 1.5}, "en")


def test_a_proposal_goes_on_from_what_a_scenario_has_carried_out(sample_study: Study) -> None:
    bridge = int(np.flatnonzero(sample_study.network.off_ground & (sample_study.network.length_m > 300))[0])
    lon, lat = sample_study.sites.lonlat[sample_study.sites.rows(["C001"])[0]].tolist()
    begun = Scenario(
        opened=("C005",),
        closed=("O003",),
        added=(Addition(id="X1", lon=lon, lat=lat),),
        edits=(Closure(edges=(bridge,)),),
        settings=Settings(speed_m_s=0.9),
    )
    plan, trial = sample_study.site(sites=1, scenario=begun), sample_study.what_if(begun)
    then, people = trial.coverage(), {}
    for site in then.sites.ids[then.sites.may_open]:  # every one is tried
        people[site] = trial.open(site).coverage().covered_people
        trial.undo()
    assert people[plan.selected[0]] == max(people.values()) == pytest.approx(plan.covered_people, rel=1e-12)
    assert plan.covered_before == pytest.approx(then.covered_people, rel=1e-12)
    assert sample_study.coverage(plan).covered_people == pytest.approx(plan.covered_people, rel=1e-12)
    assert plan.scenario() == replace(begun, name="proposal", opened=("C005", *plan.selected))


def test_candidates_on_streets_that_a_scenario_has_opened_are_there_once(sample_study: Study) -> None:
    file = sample_study.settings
    study = replace(sample_study, settings=file.model_copy(update={"siting": file.siting.model_copy(update=MADE)}))
    first = study.site(sites=1)
    both = study.site(sites=1, scenario=first.scenario())
    assert both.scenario().added == (*first.scenario().added, *study.plan_scenario(both.selected).added)
    assert study.coverage(both).covered_people == both.covered_people > first.covered_people


@pytest.mark.parametrize(
    "steps",
    [
        [{"added": [[108.15, 30.5]]}, {"added": [[108.15, 30.5], [108.2, 30.55, "bank"]]}, {}],
        [{"moved": {"O001": [108.15, 30.5]}}, {"base": {"close": ["O003"]}}],
        [{"edits": [{"close": [[108.14, 30.48], [108.3, 30.48], [108.3, 30.54], [108.14, 30.54]]}]}, {}],
        [{"sites": 1}, {"budget": 4, "added": [[108.15, 30.5]]}, {"added": [[108.15, 30.5]]}, {"sites": 1}],
    ],
)
def test_what_a_page_is_told_makes_it_the_page_of_the_other_view(sample_study: Study, steps: list[Any]) -> None:
    answers, view = Answers(sample_study), view_of({}, "en")
    shown = data_of(answers.page(view, Job()))
    dots = ways_of(shown["people"])
    for told in steps:
        before, view = view, view_of(told, "en")
        change = json.loads(json.dumps(answers.follow(view, before, Job())))
        page = answers.page(view, Job())
        wanted = data_of(page)
        now, there = Unpacker(change["packed"]), ways_of(wanted["people"])
        at = now.steps(change["points"])
        shown["people"]["layers"] = change["data"].get("layers", shown["people"]["layers"])
        assert shown["people"]["layers"] == wanted["people"]["layers"]
        ways = [layer["name"] for layer in shown["people"]["layers"]]
        stay = ["minutes", "tenths", "state", *(name for name in ways if name in dots)]
        for name, values in [("class", now.steps(len(at))), *((name, now.take(len(at))) for name in stay)]:
            for row, value in zip(at, values, strict=True):
                dots[name][row] = value
        dots |= {name: now.take(len(dots["x"])) for name in ways if name not in dots}
        assert {name: dots[name] for name in there} == there
        dots = {name: dots[name] for name in there}
        assert not now.left
        shown["proposed"] = change["data"].get("proposed", shown["proposed"])
        assert shown["proposed"] == wanted["proposed"]
        shown["edited"] = change["data"].get("edited", shown["edited"])
        assert shown["edited"] == wanted["edited"]
        assert all(f'"{text}"' in page for row in change["data"].get("figures", []) for _, text in row)
        assert "figures" in change["data"] or not change["points"]
        shown["switches"] |= change["data"]["switches"]
        assert shown["switches"] == wanted["switches"]
        known = {layer["key"]: layer for layer in shown["sites"]}
        shown["sites"] = [known[layer] if isinstance(layer, str) else layer for layer in change["data"]["sites"]]
        at_sites = [
            [
                (one["geometry"], one["properties"]["row"], one["properties"]["name"])
                for layer in page
                for one in layer["features"]
            ]
            for page in (shown["sites"], wanted["sites"])
        ]
        assert at_sites[0] == at_sites[1]
        trial = sample_study.what_if(told_scenario(told))
        for edit in told.get("edits", []):
            trial.close_streets(shapely.Polygon(edit["close"]))
        assert headline_lines(trial.coverage(), MapWords())[0][1] in change["page"]
        assert change["points"] < len(dots["x"])


def ways_of(people: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the demand points of a map, a list a column, each way to colour them by its name."""
    dots = dots_of(people)
    return {layer["name"]: dots.pop(f"layer{k}") for k, layer in enumerate(people["layers"])} | dots


def told_scenario(told: dict[str, Any]) -> Scenario:
    """Return what a view asks for, as a scenario."""
    added = tuple(
        Addition(id=f"X{k}", lon=lon, lat=lat, kind=(*kind, "new")[0])
        for k, (lon, lat, *kind) in enumerate(told.get("added", []), start=1)
    )
    moved = tuple(Move(id=ident, lon=lon, lat=lat) for ident, (lon, lat) in told.get("moved", {}).items())
    return Scenario(added=added, moved=moved, closed=tuple(told.get("base", {}).get("close", ())))


def test_what_takes_long_is_worked_out_once_and_never_for_the_page_that_is_left(
    sample_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, today, plan = Answers(sample_study), view_of({}, "en"), view_of({"sites": 1}, "en")
    assert answers.follow(today, plan, Job()) is True  # another server has proposed it
    assert answers.follow(today, None, Job()) is True
    assert isinstance(answers.follow(plan, today, Job()), dict)
    for k in range(4):  # what is kept of a page is gone by then
        answers.follow(view_of({"added": [[108.15, 30.5 + k / 1000]]}, "en"), today, Job())
    monkeypatch.setattr(type(sample_study), "site", None)
    assert isinstance(answers.follow(today, plan, Job()), dict)


def test_work_that_goes_on_is_never_forgotten() -> None:
    jobs, ends = Jobs(), threading.Event()
    going = jobs.begin(lambda _: ends.wait(30))["job"]
    quick = [jobs.begin(lambda _: {"done": True}) for _ in range(300)]
    assert [jobs.told(going)["state"], quick[0]["state"]] == ["working", "done"]
    with pytest.raises(InputError, match="no work"):
        jobs.find(quick[0]["job"])  # only so many that have ended are known
    ends.set()
    jobs.find(going).ended.wait(30)
    assert jobs.told(going)["state"] == "done"


def test_two_views_beside_each_other_keep_each_its_rule(sample_study: Study) -> None:
    study, answers = sample_study, Answers(sample_study)
    counts = study.sites.ids[study.sites.open].tolist()
    slow: dict[str, Any] = {"base": {"speed_m_s": 0.8}, "open": counts}
    other: dict[str, Any] = {"base": {"standard": RULES}, "open": counts}
    for _ in range(2):  # what answers takes back what the other view has
        (_, said), _ = answers.ask("compare", {**other, "against": slow}, "en")["said"]
        for rules, speed in ((study.standard, 0.8), (STANDARD, 1.0)):
            walker = replace(study.walker, speed_m_s=speed)
            now = measure_coverage(study.network, study.demand, study.sites, rules, walker)
            assert f"{percent_text(now.share)} ({now.covered_people:,.0f})" in said
    asked = {"districts": None, "group": None}
    told = answers.ask("figure", {**slow, **asked}, "en")["covered"]
    assert told == study.coverage(Scenario(settings=Settings(speed_m_s=0.8))).covered_people


def test_the_form_is_told_what_the_study_says_and_gives_it_back(sample_study: Study) -> None:
    told = Answers(sample_study).ask("near", {}, "zh")
    assert list(told["called"].values()) == ["城区", "镇区", "乡村"]
    base = view_of({"base": {key: told[key] for key in ("speed_m_s", "standard")}}, "zh").base
    assert base.settings == Settings(speed_m_s=sample_study.walker.speed_m_s, standard=sample_study.standard)
    for odd in ({"speed_m_s": 3.1}, {"speed_m_s": 0.2}, {"standard": {**RULES, "urban": {"walk_minutes": 0}}}):
        with pytest.raises(InputError, match="Input should be"):
            view_of({"base": odd}, "zh")
