"""Every step of a trial against a measurement from scratch; steps that make no sense change nothing."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import worlds
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import degrees

from accessibility import (
    Addition,
    Closure,
    Coverage,
    Demand,
    InputError,
    Move,
    Network,
    NewStreet,
    Scenario,
    Settings,
    Sites,
    Standard,
    Trial,
    UnknownSiteError,
    Walker,
    measure_coverage,
    read_study,
)
from accessibility.geo.projection import WGS84, transform
from accessibility.standards import Rule
from accessibility.streets.snapping import Snapped, snap_study
from accessibility.whatif import live
from accessibility.whatif.comparison import compare_coverages
from accessibility.whatif.live import Ground
from accessibility.whatif.trial import Baseline, stand_on_edited

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.study.study import Study

FIGURES = ("walk_s", "metres", "radius_m", "covered", "covered_radius", "unreached", "nearest")
MIXED = Standard(urban=Rule.walk(10), town=Rule.distance(1, along="radius"), rural=Rule.distance(2))


def same(one: Coverage, other: Coverage) -> bool:
    return one.sites.ids.tolist() == other.sites.ids.tolist() and all(
        np.array_equal(getattr(one, f), getattr(other, f), equal_nan=getattr(one, f).dtype.kind == "f") for f in FIGURES
    )


def trial_of(network: Network, people: Demand, sites: Sites, standard: Standard | None = None) -> Trial:
    snapped = snap_study(network, people, sites)
    return Trial(
        Baseline(
            coverage=measure_coverage(network, people, sites, standard, None, snapped),
            ground=Ground(network=network, demand=people, snapped=snapped.demand),
            district=pd.Series(np.arange(len(people)) % 3, index=people.ids).where(np.arange(len(people)) != 1),
            cost={"bank": 1.0, "new": 3.0},
            refuse_place=lambda *_: None,
        )
    )


def from_scratch(trial: Trial) -> Coverage:
    """Measure the trial's scenario on its own."""
    first, ground, s = trial.baseline.coverage, trial.baseline.ground, trial.scenario
    standard, walker = s.settings.of(first.standard), s.settings.walker(first.walker)
    if s.edits:
        sites = s.apply(first.sites)
        streets, at = stand_on_edited(ground, s, sites, first.snapped.sites)
        snapped = Snapped(demand=streets.snapped, sites=at, network=streets.network)
        return measure_coverage(streets.network, ground.demand, sites, standard, walker, snapped)
    return measure_coverage(ground.network, ground.demand, s.apply(first.sites), standard, walker)


place = st.tuples(st.integers(0, 4_000), st.integers(0, 4_000))


changes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "speed_m_s": st.sampled_from([None, 0.8, 1.2]),
        "open_compounds": st.sampled_from([None, True]),
        "standard": st.sampled_from([None, MIXED]),
    }
)
pairs = st.tuples(place, place).filter(lambda p: p[0][0] != p[1][0] and p[0][1] != p[1][1])


def drawn_step(trial: Trial, what: str, data: st.DataObject) -> None:
    now = trial.coverage().sites
    site = data.draw(st.sampled_from(now.ids.tolist()))
    if what == "switch":
        (trial.close if now.open[now.rows([site])[0]] else trial.open)(site)
    elif what == "add":
        trial.add(*degrees(data.draw(place))[0], kind=data.draw(st.sampled_from(["new", "bank"])))
    elif what == "move":
        trial.move(site, *degrees(data.draw(place))[0])
    elif what == "edit":
        edit_streets_of(trial, data.draw(st.sampled_from(["street", "close", "pace"])), *data.draw(pairs))
    elif what == "change":
        trial.change(**data.draw(changes))
    elif trial.steps:
        trial.undo()


def edit_streets_of(trial: Trial, what: str, one: tuple[int, int], other: tuple[int, int]) -> None:
    (west, south), (east, north) = one, other
    corners = degrees((west, south), (east, south), (east, north), (west, north))
    if what == "street":
        trial.add_street([corners[0], corners[2]], name="path")
    elif what == "close":
        trial.close_streets(corners)
    else:
        trial.pace(corners, 0.5)


@settings(max_examples=25)
@given(towns(), st.sampled_from([None, Standard.presets["radius"], MIXED]), st.data())
def test_every_step_equals_a_measurement_from_scratch(
    town: tuple[Network, Demand, Sites], standard: Standard | None, data: st.DataObject
) -> None:
    trial = trial_of(*town, standard)
    first = trial.coverage()
    for what in data.draw(st.lists(st.sampled_from(["switch", "add", "move", "undo", "change", "edit"]), max_size=8)):
        with suppress(InputError):  # far from any street, or no street touched
            drawn_step(trial, what, data)
        assert same(trial.coverage(), from_scratch(trial))
        if data.draw(st.booleans()):
            assert_compared(trial)
    while trial.steps:
        trial.undo()
    assert_compared(trial)
    assert same(trial.coverage(), first)
    assert trial.scenario == Scenario()


def assert_compared(trial: Trial) -> None:
    """Hold the comparison, of what has changed since the last one, to that of two coverages, to the last bit."""
    before, district = trial.baseline.coverage, trial.baseline.district
    pd.testing.assert_frame_equal(
        trial.compare(), compare_coverages(before, trial.coverage(), district), rtol=0, atol=0
    )


@settings(max_examples=10)
@given(towns(), st.sampled_from(["whole", "parts", "limits", "rooms"]), st.data())
def test_coverages_of_a_trial_stay_what_they_were_to_the_last_bit(
    town: tuple[Network, Demand, Sites], kind: str, data: st.DataObject
) -> None:
    network, people, sites = town
    if kind == "parts":  # whose sums hang on the order of the terms
        people = replace(people, population=people.population / 7 + 0.1)
    elif kind == "limits":
        limits: Any = [["3 km", None, "4 min"][row % 3] for row in range(len(people))]
        people = people.limited(limits)
    elif kind == "rooms":
        sites = replace(sites, capacity=np.full(len(sites), 100.0))
    people = replace(people, groups={"60+": people.population / 3})
    trial = trial_of(network, people, sites, MIXED)
    district = trial.baseline.district
    host: Any = SimpleNamespace(district=district)
    held, asked = [], st.sampled_from(["share", "by", "walk_s", "nothing"])
    first = replace(trial.baseline, coverage=trial.baseline.coverage.of_study(host))
    trial = Trial(first)
    for what in data.draw(st.lists(st.sampled_from(["switch", "add", "move", "undo", "redo", "change"]), max_size=6)):
        with suppress(InputError):
            trial.redo() if what == "redo" else drawn_step(trial, what, data)
        now = trial.coverage()
        look: Any = {"share": lambda c: c.share, "by": lambda c: c.by("district"), "walk_s": lambda c: c.walk_s}
        look.get(data.draw(asked), repr)(now)
        held.append((now, from_scratch(trial).of_study(host)))
    for now, fresh in held:
        told = [(c.covered_people, c.unreached_people, c.uncovered_people, repr(c)) for c in (now, fresh)]
        assert told[0] == told[1]
        for parts in ("district", "setting"):
            pd.testing.assert_frame_equal(now.by(parts), fresh.by(parts), rtol=0, atol=0)
        assert same(now, fresh)
        assert type(replace(now)) is Coverage
        assert not now.walk_s.flags.writeable
    copied = deepcopy(trial.coverage())
    assert type(copied) is Coverage
    assert same(copied, from_scratch(trial))
    assert_compared(trial)
    tables = trial.compare(group="60+"), compare_coverages(first.coverage, trial.coverage(), district, group="60+")
    pd.testing.assert_frame_equal(*tables, rtol=0, atol=0)


def test_parts_of_people_add_up_by_district_as_in_a_fresh_coverage() -> None:
    rng, side = np.random.default_rng(3), 12
    nodes = [(300.0 * x, 300.0 * y) for x in range(side) for y in range(side)]
    east = [(k, k + side) for k in range(side * (side - 1))]
    north = [(k, k + 1) for k in range(side * side) if k % side < side - 1]
    at, homes = (rng.uniform(0, 3_300, (n, 2)).tolist() for n in (25, 400))
    people = worlds.people(homes, rng.exponential(20, 400).tolist(), rng.choice(["urban", "rural"], 400).tolist())
    sites = replace(worlds.outlets(at), open=np.arange(25) % 2 > 0)
    plain = trial_of(worlds.network(nodes, east + north), people, sites).baseline
    host: Any = SimpleNamespace(district=plain.district)
    trial = Trial(replace(plain, coverage=plain.coverage.of_study(host)))
    for site in rng.choice(25, 25):
        now = trial.coverage()
        (trial.close if now.sites.open[site] else trial.open)(now.sites.ids[site])
        then = trial.coverage()
        for one, fresh in ((now, None), (then, from_scratch(trial).of_study(host))):
            table = replace(one).by("district") if fresh is None else fresh.by("district")
            pd.testing.assert_frame_equal(one.by("district"), table, rtol=0, atol=0)
        assert_compared(trial)


def random_step(trial: Trial, what: str, row: int, lonlat: tuple[float, float]) -> None:
    sites = trial.coverage().sites
    if what == "switch":
        (trial.close if sites.open[row] else trial.open)(sites.ids[row])
    elif what == "add":
        trial.add(*lonlat)
    elif what == "move":
        trial.move(sites.ids[row], *lonlat)
    elif trial.steps:
        trial.undo()


def random_steps(study: Study, steps: int, seed: int) -> int:
    """Take random steps on a study, hold every tenth against a measurement from scratch; return how many were held."""
    rng = np.random.default_rng(seed)
    trial, held = study.what_if(), 0
    first = trial.coverage()
    west, south, east, north = study.districts.total_bounds if study.districts is not None else _box(study)
    for step in range(steps):
        row = int(rng.integers(len(trial.coverage().sites)))
        what = rng.choice(["switch", "switch", "switch", "add", "move", "undo"])
        with suppress(InputError):  # a place outside the area, in water or far from any street
            random_step(trial, what, row, (float(rng.uniform(west, east)), float(rng.uniform(south, north))))
        if step % 10 == 9:
            assert same(trial.coverage(), study.coverage(trial.scenario))
            held += 1
    assert trial.scenario.added
    assert trial.scenario.moved
    while trial.steps:
        trial.undo()
    assert same(trial.coverage(), first)
    return held


def _box(study: Study) -> Any:
    lonlat = transform(study.demand.xy, study.demand.crs, WGS84)
    return (*lonlat.min(axis=0), *lonlat.max(axis=0))


def test_hundreds_of_steps_on_the_sample_equal_measurements_from_scratch(sample_study: Study) -> None:
    assert random_steps(sample_study, 300, 1) == 30


LIECHTENSTEIN = """
name = "Liechtenstein"
[inputs]
area = {{ path = "{0}", admin_level = 8 }}
network = {{ path = "{0}" }}
population = {{ buildings = true }}
outlets = {{ osm = "amenity=townhall,amenity=post_office" }}
banks = {{ osm = "amenity=bank" }}
"""


@pytest.mark.real
def test_hundreds_of_steps_in_liechtenstein_equal_measurements_from_scratch(
    liechtenstein: Path, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "study.toml").write_text(LIECHTENSTEIN.format(liechtenstein.as_posix()), encoding="utf-8")
    assert random_steps(read_study(tmp_path / "study.toml", cache=cache), 200, 2) == 20


def test_edits_chain_and_are_taken_back() -> None:
    trial = line_trial()
    flood = degrees((400, -9), (600, -9), (600, 9), (400, 9))
    trial.open("B1").close_streets(flood, name="flood").add_street(degrees((300, 0), (2_000, 0)), bridge=True)
    assert [edit.text for edit in trial.scenario.edits] == ["closure 'flood'", "new bridge"]
    assert repr(trial).startswith("<Trial 1 opened, 2 of streets: <Coverage")
    assert trial.undo().scenario.edits == trial.scenario.edits[:1]
    # 0 reaches O1; 500 stands in the flood; 1 500 to 3 500 reach B1 and O2.
    assert trial.coverage().covered_people == 10 * 6
    assert trial.undo().undo().scenario == Scenario()
    with pytest.raises(InputError, match="touches no street"):
        trial.close_streets(degrees((0, 500), (9, 500), (9, 600)))
    assert trial.scenario == Scenario()
    assert trial.close_streets([0, 1]).scenario.edits == (Closure(edges=(0, 1)),)


def test_streets_that_are_edited_leave_all_that_is_measured_as_the_crow_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = line_trial().open("B1")
    with monkeypatch.context() as patched:
        patched.setattr(live, "measure_radius", None)  # a million people would wait for it
        trial.close_streets(degrees((400, -9), (600, -9), (600, 9), (400, 9)))
    assert same(trial.coverage(), from_scratch(trial))
    trial.close("O2").undo().undo().close("O1")
    assert same(trial.coverage(), from_scratch(trial))


def test_a_site_may_stand_on_a_new_street_where_no_other_is_near() -> None:
    trial = line_trial()
    far = degrees((3_000, 4_900))[0]
    with pytest.raises(InputError, match="m from any street; expected one nearby"):
        trial.add(*far)
    trial.add_street(degrees((3_000, 0), (3_000, 4_900))).add(*far, id="N1")
    assert trial.coverage().snapped.sites.snapped.all()
    with pytest.raises(InputError, match=r"added site 'N2' .* m from any street; expected one nearby"):
        trial.add(*degrees((3_000, 9_000))[0], id="N2")
    assert same(trial.coverage(), from_scratch(trial))


def test_a_scenario_with_edits_is_a_value() -> None:
    line = degrees((0, 9), (900, 9))
    one, other = (Scenario(name=name, edits=(NewStreet(line=line, name="dam"),)) for name in ("one", "other"))
    assert one == replace(other, name="one")
    assert (one + other).edits == one.edits
    assert len({one, replace(other, name="one")}) == 1


def line_trial() -> Trial:
    """People every 500 m on a street of 6 km; outlets at 0 and 3 km open, banks at 2 and 6 km not."""
    people = worlds.people([(500.0 * k, 0.0) for k in range(13)], [10.0] * 13)
    sites = Sites(
        ids=["O1", "O2", "B1", "B2"],  # type: ignore[arg-type]
        xy=np.array([(0, 0), (3_000, 0), (2_000, 0), (6_000, 0)]) + worlds.ORIGIN,
        kind=["outlet", "outlet", "bank", "bank"],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    return trial_of(worlds.line(), people, sites)


def test_steps_chain_and_cancel_each_other() -> None:
    trial = line_trial()
    assert trial.coverage().covered_people == 10 * 5  # 0, 500; 2 500, 3 000, 3 500
    assert trial.open("B2").coverage().covered_people == 70
    assert trial.scenario == Scenario(opened=("B2",))
    assert trial.close("B2").scenario == Scenario()
    assert trial.close("O1").open("O1").scenario == Scenario()
    there = trial.add(*degrees((5_000, 0))[0], name="Hall").close("O2")
    assert there is trial
    assert trial.scenario.added[0].id == "N1"
    assert trial.scenario.added[0].cost == 3.0
    assert trial.coverage().covered_people == 50  # 0, 500; 4 500, 5 000, 5 500
    table: Any = trial.compare()
    assert table.loc[("total", "all"), ["gained", "lost"]].tolist() == [30, 30]
    assert trial.move("N1", *degrees((6_000, 0))[0]).coverage().covered_people == 40
    assert trial.scenario.moved == ()
    assert trial.close("N1").scenario.closed == ("O2", "N1")
    assert trial.undo().undo().undo().scenario.closed == ()
    assert trial.coverage().covered_people == 80
    assert repr(trial).startswith("<Trial 1 added: <Coverage 61.5 % of 130 people")


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (lambda t: t.open("O1"), InputError, "site 'O1' is open already"),
        (lambda t: t.close("B1"), InputError, "site 'B1' is closed already"),
        (lambda t: t.close("O1").close("O1"), InputError, "site 'O1' is closed already"),
        (lambda t: t.open("B3"), UnknownSiteError, "no site has the id 'B3' among 4 sites; did you mean B"),
        (lambda t: t.move("X", 111, 30), UnknownSiteError, "no site has the id 'X'"),
        (lambda t: t.add(30, 111), InputError, "are they swapped"),
        (lambda t: t.add(111, 31), InputError, "m from any street; expected one nearby"),
        (lambda t: t.add(*degrees((0, 0))[0], id="O1"), InputError, "site 'O1' exists"),
        (lambda t: t.add(*degrees((0, 0))[0], kind="shop"), InputError, "of kind 'shop'"),
        (lambda t: t.change(speed_m_s=36), InputError, "walking speed in m/s is 36"),
        (lambda t: t.undo(), InputError, "nothing to undo"),
        (lambda t: t.follow(Scenario(opened=("B1", "B9"))), UnknownSiteError, "no site has the id 'B9'"),
    ],
)
def test_a_step_that_makes_no_sense_changes_nothing(step: Any, error: type[Exception], message: str) -> None:
    trial = line_trial()
    first = trial.coverage()
    with pytest.raises(error, match=message):
        step(trial)
    while trial.steps:
        trial.undo()
    assert trial.scenario == Scenario()
    assert same(trial.coverage(), first)
    assert trial.open("B2").coverage().covered_people == 70


def test_a_trial_follows_a_scenario_and_says_the_same(sample_study: Study) -> None:
    study = sample_study
    bank = study.sites.ids[(study.sites.kind == "bank") & ~study.sites.open & ~study.sites.closed][0]
    outlet = study.sites.ids[study.sites.open][0]
    lonlat = transform(study.demand.xy[:1], study.demand.crs, WGS84)[0]
    lon, lat = float(lonlat[0]), float(lonlat[1])
    scenario = Scenario(
        name="all",
        opened=(bank,),
        closed=(outlet,),
        added=(Addition(id="X1", lon=lon, lat=lat),),
        moved=(Move(id=study.sites.ids[study.sites.open][1], lon=lon, lat=lat),),
        settings=Settings(speed_m_s=0.8, standard=Standard.presets["town-rural"]),
    )
    trial = study.what_if(scenario)
    assert trial.scenario == scenario
    assert same(trial.coverage(), study.coverage(scenario))
    assert trial.coverage().walker == Walker(speed_m_s=0.8)
    assert trial.compare().loc[("total", "all"), "population"] == study.demand.population.sum()


def test_no_site_stands_outside_the_area(sample_study: Study) -> None:
    study = sample_study
    trial = study.what_if()
    with pytest.raises(InputError, match=r"added site 'N1' at 107\.000000, 30\.500000 lies outside the area of Sample"):
        trial.add(107.0, 30.5)
    with pytest.raises(InputError, match=r"moved site 'O001' at .* lies outside the area"):
        study.coverage(Scenario(moved=(Move(id="O001", lon=107.0, lat=30.5),)))
    assert trial.steps == 0
