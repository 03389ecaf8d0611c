"""Groups that walk each in their own way: as if each stood on a demand point of its own; people add up."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import worlds
from conftest import write_town
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from accessibility import (
    Demand,
    InputError,
    Network,
    Rule,
    Sites,
    Standard,
    Study,
    Walker,
    measure_coverage,
    read_study,
)
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.cli.verifying import run_verify
from accessibility.measures.catchments import trace_catchments
from accessibility.measures.service import most_served
from accessibility.measures.walkers import GroupCoverage, measure_groups
from accessibility.present.map.legends import headlines
from accessibility.streets.snapping import snap_study
from accessibility.tiles.cutting import write_cut

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.options import Result

pytestmark = pytest.mark.filterwarnings("ignore:.* findings on the inputs")

Town = tuple[Network, Demand, Sites]


def grouped(town: Town, shares: tuple[float, float]) -> tuple[Network, Demand, Sites]:
    people = town[1].population
    groups = {"old": np.floor(people * shares[0]), "young": np.floor(people * shares[1])}
    return town[0], replace(town[1], groups=groups), town[2]


def measured(town: Town, groups: dict[str, Walker | float]) -> GroupCoverage:
    return measure_groups(lambda walker: measure_coverage(*town, walker=walker), groups)


@settings(max_examples=25)
@given(towns(), st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)))
def test_each_group_is_covered_as_people_of_their_own(town: Town, shares: tuple[float, float]) -> None:
    town = grouped(town, shares)
    now, demand = measured(town, {"old": 0.6, "young": Walker(speed_m_s=1.5)}), town[1]
    alone = {
        name: measure_coverage(
            town[0], replace(demand, population=people, groups={}), town[2], walker=Walker(speed_m_s=speed)
        ).covered_people
        for name, people, speed in (
            ("old", demand.groups["old"], 0.6),
            ("young", demand.groups["young"], 1.5),
            ("others", demand.population - demand.groups["old"] - demand.groups["young"], 1.0),
        )
    }
    assert now.covered_people == pytest.approx(sum(alone.values()))
    assert [float(now.of(g).sum()) for g in ("old", "young")] == [alone["old"], alone["young"]]
    by = now.by(pd.Series("here", index=demand.ids))
    assert by["covered"].sum() + by["uncovered"].sum() == pytest.approx(demand.population.sum())
    assert now.covered_people + now.uncovered_people == pytest.approx(now.population)


@settings(max_examples=15)
@given(towns())
def test_groups_that_walk_as_everybody_change_nothing(town: Town) -> None:
    town = grouped(town, (0.3, 0.2))
    plain, now = measure_coverage(*town), measured(town, {"old": 1.0, "young": 1.0})
    assert now.of().tolist() == pytest.approx(np.where(plain.covered, town[1].population, 0).tolist())
    assert now.by("setting").round(9).equals(plain.by("setting").round(9))


def test_a_group_without_a_walker_walks_as_everybody_else() -> None:
    town = (worlds.line(1_000, 1), worlds.people([(850, 0)], [10]), worlds.outlets([(0, 0)]))
    town = (town[0], replace(town[1], groups={"old": np.array([4.0]), "women": np.array([5.0])}), town[2])
    now = measured(town, {"old": 0.8})
    assert now.by("setting", group="old")["covered"].tolist() == [0]
    assert now.by("setting", group="women")["covered"].tolist() == [5]
    assert now.covered_people == 6
    with pytest.raises(InputError, match="no group is named 'men'; expected one of: old, women"):
        now.by("setting", group="men")
    with pytest.raises(InputError, match="no group is named 'men'"):
        measured(town, {"men": 0.8})
    with pytest.raises(InputError, match=r"walking speed in m/s is 8; expected 0.3 to 3"):
        measured(town, {"old": 8.0})


def test_groups_that_overlap_are_refused() -> None:
    town = (worlds.line(1_000, 1), worlds.people([(850, 0)], [10]), worlds.outlets([(0, 0)]))
    town = (town[0], replace(town[1], groups={"old": np.array([6.0]), "women": np.array([5.0])}), town[2])
    message = "groups 'old', 'women' have 11 of 10 people at 'D0'; expected groups that do not overlap"
    with pytest.raises(InputError, match=message):
        measured(town, {"old": 0.8, "women": 0.9})


def test_rules_are_given_as_people_write_them() -> None:
    streets, sites = worlds.line(6_000, 6), worlds.outlets([(0, 0)])
    homes = worlds.people(
        [(650, 0), (850, 0), (4_000, 0), (2_500, 0)], [1, 2, 4, 8], ["urban", "town", "rural", "rural"]
    )
    study = Study.of(streets, homes, sites, name="Line")
    assert study.coverage().covered_people == 15
    assert study.coverage(urban="15 min", rural="5 km").covered.tolist() == study.coverage().covered.tolist()
    assert study.coverage(urban="12 min", rural="3 km").covered_people == 1 + 8
    assert study.coverage(urban=12, town="15 min").covered_people == 15
    assert study.coverage(rural=Rule.walk(15)).covered_people == 3
    with pytest.raises(InputError, match="limit is 'ten'; expected a time or a length"):
        study.coverage(urban="ten")
    with pytest.raises(InputError, match="no group is given a walker"):
        study.coverage(groups={})


def test_towns_go_on_following_the_urban_rule_alone_where_they_did() -> None:
    assert Standard().changed(urban="10 min") == Standard(urban=Rule.walk(10))
    own = Standard(town=Rule.distance(5))
    assert own.changed(urban="10 min") == Standard(urban=Rule.walk(10), town=Rule.distance(5))
    assert own.changed() == own


@settings(max_examples=20)
@given(towns(), st.data())
def test_a_limit_for_each_place_is_a_rule_for_each(town: Town, data: st.DataObject) -> None:
    network, demand, sites = town
    said = st.none() | st.integers(1, 60) | st.sampled_from(["7 min", "90 s", "800 m", "2 km"])
    limits = data.draw(st.lists(said, min_size=len(demand), max_size=len(demand)))
    own = demand.limited(np.array(limits, dtype=object))
    at = snap_study(network, demand, sites)
    found, now = (measure_coverage(network, d, sites, snapped=at) for d in (own, demand))
    pairs = trace_catchments(network, own, sites, snapped=at)
    for row, limit in enumerate(limits):
        rules = Standard() if limit is None else Standard(rules=dict.fromkeys(demand.settings, Rule.of(limit)))
        alone = measure_coverage(network, demand, sites, rules, snapped=at)
        for name in ("covered", "nearest", "unreached", "covered_radius", "walk_s", "metres"):
            np.testing.assert_equal(getattr(found, name)[row], getattr(alone, name)[row])
        reached = {site for site in np.flatnonzero(sites.open) if row in pairs.of(site)}
        assert bool(reached) == found.covered[row]
    assert own.own_limits.tolist() == [limit is not None for limit in limits]
    np.testing.assert_array_equal(now.walk_s, found.walk_s)
    back = own.limited(None)
    assert back.limit_s is None
    np.testing.assert_array_equal(measure_coverage(network, back, sites, snapped=at).covered, now.covered)


def test_limits_of_cells_by_hand() -> None:
    """On a street at 1 m/s: 600 m with 599.99 m and with 10 minutes, 900 m with 900 m and 15 minutes less a ms."""
    homes = worlds.people([(600, 0), (600, 0), (900, 0), (900, 0), (900, 0)], [1, 2, 4, 8, 16])
    study = Study.of(worlds.line(1_000, 1), homes, worlds.outlets([(0, 0)]), name="Line", settings="urban")
    limit = pd.Series({"D0": "599.99 m", "D1": 10, "D2": "0.9 km", "D3": "899.999 s", "D4": None})
    now = study.coverage(limit=limit)
    assert now.covered.tolist() == [False, True, True, False, True]  # the last by the rule of its setting, 15 min
    assert study.coverage(limit=limit.to_numpy()).covered.tolist() == now.covered.tolist()
    assert study.coverage(limit=limit, urban="14 min").covered.tolist() == [False, True, True, False, False]
    assert study.coverage(limit="14 min").covered_people == 3
    assert study.coverage(limit={"urban": "14 min"}).covered_people == 3
    assert now.by("setting")["covered"].tolist() == [2 + 4 + 16]
    assert study.catchments(now).demand.tolist() == [1, 2, 4]
    assert study.table(now)["covered"].iloc[-1] == 22
    assert "and 15 people by limits of their own" in headlines(now)["en"]
    assert "of their own" not in headlines(study.coverage())["en"]
    told = homes.to_gdf().assign(near=["599.99 m", "10 min", "900m", "899.999 s", " "])
    own = Study.of(study.network, told, worlds.outlets([(0, 0)]), limit="near", settings="urban")
    assert own.coverage().covered.tolist() == now.covered.tolist()
    values = Study.of(study.network, homes.limited(limit), worlds.outlets([(0, 0)]), settings="urban")
    assert values.coverage().covered.tolist() == now.covered.tolist()
    lon, lat = homes.lonlat[2]
    assert study.explain(lon, lat).rule == Rule.walk(15)
    here = Study.of(study.network, homes.rows(np.array([2])).limited(["0.8 km"]), worlds.outlets([(0, 0)])).explain(
        lon, lat
    )
    assert (here.rule, here.covered, round(here.excess)) == (Rule.distance(0.8), False, 100)
    with pytest.raises(InputError, match="1 cell with no limit: row 2 '10'; expected a time or a length"):
        Study.of(study.network, told.assign(near=["", "10", "", "", ""]), worlds.outlets([(0, 0)]), limit="near")
    with pytest.raises(InputError, match="limit is 'far'; expected a time or a length"):
        study.coverage(limit="far")
    with pytest.raises(InputError, match="limit is 'far'; expected a time or a length"):
        study.coverage(limit=pd.Series({"D0": "far"}))
    with pytest.raises(InputError, match=r"expected a number from 0\.001"):
        study.coverage(limit=pd.Series({"D0": 0.0}))
    with pytest.raises(InputError, match="expected a walk, or a distance along the network"):
        study.coverage(limit=pd.Series({"D0": Rule.distance(1, along="radius")}))
    with pytest.raises(InputError, match="limits has shape"):
        study.coverage(limit=[5, 10])
    with pytest.raises(InputError, match="seconds or metres, not both"):
        replace(homes, limit_s=np.full(5, 60.0), limit_m=np.full(5, 60.0))


@settings(max_examples=15)
@given(towns(), st.data())
def test_groups_at_the_same_speed_are_the_total(town: Town, data: st.DataObject) -> None:
    network, demand, sites = town
    parts = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(demand), max_size=len(demand)))) / 4
    demand = replace(demand, groups={"old": demand.population * parts})
    now = measure_coverage(network, demand, sites)
    same = measure_groups(lambda walker: measure_coverage(network, demand, sites, walker=walker), {"old": 1.0})
    pd.testing.assert_frame_equal(same.by("setting"), now.by("setting"))
    assert same.seen("old").covered.tolist() == now.covered.tolist()
    frame = same.to_gdf()
    np.testing.assert_allclose(frame["covered_people"], np.where(now.covered, demand.population, 0))
    np.testing.assert_array_equal(frame["old_covered"], np.where(now.covered, demand.groups["old"], 0))


def test_a_coverage_of_groups_in_one_call() -> None:
    homes = replace(
        worlds.people([(550, 0), (2_900, 0)], [30, 10], ["urban", "rural"]), groups={"60+": np.array([12.0, 5.0])}
    )
    study = Study.of(worlds.line(), homes, worlds.outlets([(0, 0)]), groups=["60+"], name="Line")
    now = study.coverage(urban="10 min", rural="3 km", groups={"60+": 0.8})
    # 550 m take 688 s at 0.8 m/s; a distance is as near for everybody.
    assert now.covered_people == 18 + 10
    assert now.by("district")["covered"].to_dict() == {"Line": 28}
    assert now.by("district", group="60+")["covered"].to_dict() == {"Line": 5}
    assert "60+_covered" in now.explore(tiles=None).get_root().render()
    assert "Line" in now.map().get_root().render()
    assert now.seen("60+").covered.tolist() == [False, True]
    old = study.coverage(urban="10 min", rural="3 km", groups={"60+": "elderly"})
    assert old.of().tolist() == now.of().tolist()
    with pytest.raises(
        InputError, match="walker of a group is 'slow'; expected a Walker, its speed in m/s, or one of st"
    ):
        study.coverage(groups={"60+": "slow"})
    slow = study.coverage(urban="10 min", rural="3 km", groups={"60+": 0.8}, walker=Walker(speed_m_s=0.9))
    assert slow.covered_people == 10


# The town's places are 500 m apart, a hall at the first: 450 m in 15 minutes at 0.5 m/s, 900 m at 1 m/s, 1 080 at 1.2.
WALKS = {"60+": 5.0, "kids": 1.0 + 2 + 4, "(others)": 4.0 + 8}
PEOPLE = {"60+": 155.0, "kids": 31.0, "(others)": 124.0}
SAID = """groups = { "60+" = 0.5, kids = { walker = "brisk", stairs_factor = 3 } }"""


def aged(folder: Path, said: str = SAID) -> Path:
    """Write the town in which half of the people are old and a tenth are kids, with walkers of groups."""
    study = write_town(folder)
    people = pd.read_csv(folder / "people.csv")
    people.assign(old=people["population"] / 2, kids=people["population"] / 10).to_csv(folder / "people.csv")
    text = study.read_text(encoding="utf-8").replace(
        '"setting",', '"setting", groups = { "60+" = "old", kids = "kids" },'
    )
    study.write_text(text.replace("[inputs]", f"[walking]\n{said}\n[inputs]"), encoding="utf-8")
    return study


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Result:
    folder = tmp_path_factory.mktemp("aged")
    return run_cover(aged(folder), folder / "run", Options(cache=cache, date="2026-11-29", language="both"), Silence())


def test_every_file_of_a_run_tells_groups_by_their_own_walkers(walked: Result) -> None:
    folder, covered = walked.folder, sum(WALKS.values())
    told = walked.manifest
    assert told["totals"]["covered"] == 30
    assert [told["totals"][f"covered{name}_own_walk"] for name in ("", "_share")] == [covered, covered / 310]
    for name in ("60+", "kids"):
        assert told["groups"][name]["covered_own_walk"] == WALKS[name]
        assert told["groups"][name]["covered_share_own_walk"] == WALKS[name] / PEOPLE[name]
    last = pd.read_csv(folder / "districts.csv").iloc[-1]
    assert last[["covered", "covered_own_walk"]].tolist() == [30, covered]
    rows = pd.read_csv(folder / "groups.csv")
    assert rows["district"].tolist() == ["Street"] * 3 + ["total"] * 3
    for column, wanted in (("covered", WALKS), ("population", PEOPLE)):
        assert dict(zip(rows["group"], rows[column], strict=True)) == wanted
    assert (rows["covered"] + rows["uncovered"]).tolist() == rows["population"].tolist()
    assert gpd.read_parquet(folder / "demand.parquet")["covered_own_walk"].tolist() == [10, 2 + 8, 4, 0, 0]
    report = (folder / "report.html").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "(60+ at 0.5 m/s, kids at 1.2 m/s, all others at 1.0 m/s): 7.7 % of 310 people (24) are covered" in report
    assert re.search("各人群按自身步行参数.{1,60}310人中已覆盖24人", report)
    page = (folder / "coverage.html").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "Each group by its own walker, all others at 1.0 m/s: 7.7 % of 310 people (24) are covered (today)" in page
    assert "60+ at 0.5 m/s: 3.2 % of 155 (5)" in page
    assert re.search("kids.1.2米/秒.31人中7人.22.6%", page)
    book = pd.read_excel(folder / "report.xlsx", sheet_name=None, engine="openpyxl")
    assert any("Groups by district" in name for name in book)
    columns = pd.read_csv(folder / "dictionary.csv", keep_default_na=False).set_index("file")["column"]
    for file in ("districts.csv", "groups.csv"):
        assert columns[file].tolist() == pd.read_csv(folder / file).columns.tolist()
    assert columns["demand.parquet"].tolist() == gpd.read_parquet(folder / "demand.parquet").columns.tolist()


def test_verify_holds_a_run_to_the_walkers_of_groups(walked: Result, cache: Path) -> None:
    assert run_verify(walked.folder, Options(cache=cache), Silence()).equal
    rows = walked.folder / "groups.csv"
    kept = rows.read_bytes()
    rows.write_bytes(kept.replace(b"31,7,", b"31,8,"))
    verdict = run_verify(walked.folder, Options(cache=cache), Silence())
    rows.write_bytes(kept)
    assert any("groups.csv" in line for line in verdict.changed)


def test_walkers_of_groups_are_the_same_by_a_file_in_memory_and_saved(tmp_path: Path) -> None:
    study = read_study(aged(tmp_path))
    brisk = Walker(speed_m_s=1.2, stairs_factor=3)
    asked: dict[str, Walker | float] = {"60+": 0.5, "kids": brisk}
    own = {"walker": {"groups": asked}, "groups": {"60+": "60+", "kids": "kids"}, "name": "Street"}
    people = study.demand.to_gdf().rename_axis("id").reset_index()
    memory = Study.of(study.network, people, study.sites, **own)  # type: ignore[arg-type]
    for one in (study, memory, read_study(memory.save(tmp_path / "saved"))):
        assert dict(one.group_walkers) == {"60+": replace(one.walker, speed_m_s=0.5), "kids": brisk}
        now = one.coverage(groups=one.group_walkers)
        assert now.of().tolist() == study.coverage(groups=asked).of().tolist()
        assert [float(now.of(name).sum()) for name in ("60+", "kids")] == [WALKS["60+"], WALKS["kids"]]
        assert now.covered_people == sum(WALKS.values())
        assert one.coverage().covered_people == 30
    plain = Study.of(study.network, study.demand, study.sites)
    assert dict(plain.group_walkers) == {}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            'groups = { "70+" = 0.8 }',
            r"study\.toml: walking\.groups: no group is named '70\+'; expected one of: 60\+, kids",
        ),
        (
            'groups = { "60+" = 8 }',
            r"walking\.groups\.60\+\.speed_m_s: found 8; Input should be less than or equal to 3",
        ),
        ('groups = { "60+" = "slow" }', r"walking\.groups\.60\+\.walker: found 'slow'; Input should be 'standard'"),
        ('groups = { "60+" = { speed = 0.8 } }', r"walking\.groups\.60\+\.speed: unknown key; did you mean speed_m_s"),
        ("groups = 0.8", r"walking\.groups: found 0\.8; Input should be a valid dictionary"),
        ('groups = { "60+" = true }', r"walking\.groups\.60\+: found true; Input should be a valid dictionary"),
    ],
)
def test_walkers_that_are_none_are_refused_with_their_place(tmp_path: Path, said: str, found: str) -> None:
    with pytest.raises(InputError, match=found):
        read_study(aged(tmp_path, said))


def test_groups_with_walkers_that_overlap_are_refused_when_the_study_is_read(tmp_path: Path) -> None:
    study = aged(tmp_path)
    text = study.read_text(encoding="utf-8").replace('kids = "kids"', 'kids = "population"')
    study.write_text(text, encoding="utf-8")
    message = (
        r"study\.toml: walking\.groups: groups '60\+', 'kids' have 15 of 10 people at 'p1'; expected groups that do"
    )
    with pytest.raises(InputError, match=message):
        read_study(study)
    other = aged(tmp_path, 'groups = { "60+" = { open_compounds = true } }')
    with pytest.raises(InputError, match="a group walks through compounds as others do not, which tiles do not"):
        write_cut(read_study(other), tmp_path / "cut")


@settings(max_examples=15)
@given(towns(), st.data())
def test_rows_of_groups_and_districts_add_up_to_what_by_tells(town: Town, data: st.DataObject) -> None:
    town = grouped(town, (0.4, 0.3))
    now, demand = measured(town, {"old": 0.6, "young": 1.5}), town[1]
    drawn = data.draw(st.lists(st.sampled_from(["East", "West", None]), min_size=len(demand), max_size=len(demand)))
    district = pd.Series([*drawn[:-1], "East"], index=demand.ids, name="district")
    rows = now.by_group(district, ["West", "East", "North"])
    table = {(row["district"], row["group"]): row for row in rows.to_dict("records")}
    for group in ("old", "young"):
        by = now.by(district, group=group)["covered"].to_dict()
        for name in ("East", "West"):
            assert table[name, group]["covered"] == pytest.approx(by.get(name, 0.0))
    parts = list(dict.fromkeys(rows["district"]))[:-1]
    for group in ("old", "young", "(others)"):
        for column in ("population", "covered", "uncovered", "unreached"):
            assert sum(table[name, group][column] for name in parts) == pytest.approx(table["total", group][column])
    for column, wanted in (("covered", now.covered_people), ("population", now.population)):
        assert rows.loc[rows["district"] == "total", column].sum() == pytest.approx(wanted)
    assert not rows.loc[rows["district"] == "North", "population"].any()


def roomed(town: Town, room: list[int], speeds: dict[str, Walker | float]) -> GroupCoverage:
    """Measure groups of a town whose sites have room for so many."""
    sites = replace(town[2], capacity=np.array(room[: len(town[2])], float))
    return measured((*grouped(town, (0.4, 0.3))[:2], sites), speeds)


def in_one_line(now: GroupCoverage) -> dict[str, np.ndarray]:
    """Let all groups walk in, place by place: who uses least of the limit first, who is alike in proportion."""
    left = now.sites.capacity.tolist()
    served = {name: np.zeros(len(now.demand)) for name in now.alone}
    line: dict[tuple[float, int, int], list[str]] = {}
    for name, own in now.alone.items():
        for row in np.flatnonzero(own.covered):
            rule = own.standard.rule(str(own.demand.setting[row]))
            figure = own.walk_s[row] if rule.measure == "walk" else own.metres[row]
            line.setdefault((float(figure / rule.limit), int(row), int(own.nearest[row])), []).append(name)
    for (_, place, hall), names in sorted(line.items()):
        people = {name: float(now.alone[name].demand.population[place]) for name in names}
        room = min(left[hall], sum(people.values()))
        left[hall] -= room
        for name in names:
            served[name][place] = room * people[name] / sum(people.values()) if room else 0.0
    return served


rooms = st.lists(st.integers(0, 900), min_size=5, max_size=5)


@settings(max_examples=20)
@given(towns(), rooms, st.permutations([("old", 0.6), ("young", 1.5)]))
def test_groups_share_the_room_of_a_site_in_one_line(
    town: Town, room: list[int], speeds: list[tuple[str, Walker | float]]
) -> None:
    now = roomed(town, room, dict(speeds))
    service = now.service
    assert service is not None
    for name, people in in_one_line(now).items():
        np.testing.assert_allclose(service.groups[name].people, people, atol=1e-9)
    assert service.served_people == pytest.approx(sum(part.served_people for part in service.parts))
    told = service.of_sites()
    assert (told["served"] <= told["capacity"] + 1e-9).all()
    np.testing.assert_allclose(told["served"], np.minimum(told["capacity"], told["covered"]))
    assert service.served_people + service.unserved_people + now.uncovered_people == pytest.approx(now.population)
    parts = [now.by("setting", group=name)["served"].sum() for name in ("old", "young")]
    assert parts == pytest.approx([service.groups[name].served_people for name in ("old", "young")])
    rows = now.by_group(pd.Series("here", index=now.demand.ids), ["here"])
    assert rows.loc[rows["district"] == "total", "served"].sum() == pytest.approx(service.served_people)


@settings(max_examples=15)
@given(towns(), rooms)
def test_groups_that_walk_as_everybody_are_served_as_everybody(town: Town, room: list[int]) -> None:
    now = roomed(town, room, {"old": 1.0, "young": 1.0})
    assert now.service is not None
    assert now.rest.service is not None
    np.testing.assert_allclose(now.service.people, now.rest.service.people, atol=1e-9)
    everybody = np.maximum(now.demand.population, 1e-9)
    for name, own in now.alone.items():
        of = own.demand.population / everybody
        np.testing.assert_allclose(now.service.groups[name].people, of * now.service.people, atol=1e-9)


@settings(max_examples=15)
@given(towns(), rooms)
def test_sending_groups_elsewhere_serves_as_many_as_a_linear_program_says(town: Town, room: list[int]) -> None:
    now = roomed(town, room, {"old": 0.6, "young": 1.5})
    assert now.service is not None
    reach = [trace_catchments(town[0], one.demand, one.sites, walker=one.walker) for one in now.alone.values()]
    people = [one.demand.population for one in now.alone.values()]
    pairs = [
        (part, row, site)
        for part, caught in enumerate(reach)
        for site in np.flatnonzero(now.sites.open).tolist()
        for row in caught.of(site)
    ]
    bound, best = most_served(now.service, reach), 0.0
    if pairs:
        places = [(part, row) for part in range(3) for row in range(len(now.demand))]
        homes = [[float((part, row) == place) for part, row, _ in pairs] for place in places]
        halls = [[float(s == site) for *_, s in pairs] for site in range(len(now.sites))]
        limits = [*np.concatenate(people), *now.sites.capacity]
        best = -float(linprog([-1.0] * len(pairs), A_ub=[*homes, *halls], b_ub=limits, method="highs").fun or 0)
    assert bound == pytest.approx(best, abs=1e-6)
    assert bound >= now.service.served_people - 1e-9


def test_what_one_group_takes_another_cannot_have() -> None:
    """At 700 m of a hall for 12 live 10 old people, at 750 m 10 others: whoever walks faster uses less of the limit."""
    homes = worlds.people([(700, 0), (750, 0)], [10, 10], ["urban", "urban"])
    homes = replace(homes, groups={"60+": np.array([10.0, 0.0])})
    halls = replace(worlds.outlets([(0, 0)]), capacity=np.array([12.0]))
    study = Study.of(worlds.line(), homes, halls, name="Line")
    now = study.coverage(groups={"60+": 0.8})
    assert now.covered_people == 20
    assert repr(now) == "<GroupCoverage 20 of 20 people covered (12 served), 60+ at 0.8 m/s>"
    assert now.service is not None
    # 875 s of 900 s for those at 700 m, 750 s for those at 750 m, who come first; at one pace it is the other way.
    assert now.service.people.tolist() == [2, 10]
    assert study.coverage().service.people.tolist() == [10, 2]  # type: ignore[union-attr]
    assert {name: part.served_people for name, part in now.service.groups.items()} == {"60+": 2, "(others)": 10}
    assert now.by("district")[["covered", "served", "unserved"]].to_numpy().tolist() == [[20, 12, 8]]
    assert now.by("setting", group="60+")[["covered", "served", "unserved"]].to_numpy().tolist() == [[10, 2, 8]]
    assert now.to_gdf()[["60+_covered", "60+_served", "served_people"]].to_numpy().tolist() == [[10, 2, 2], [0, 0, 10]]
    table = now.service.table()
    assert table[["capacity", "covered", "served", "unserved", "used"]].to_numpy().tolist() == [[12, 20, 12, 8, 1]]
    assert study.service([5], now).people.tolist() == [0, 5]
    assert study.service([5], now).by("setting")["unserved"].tolist() == [15]


@pytest.mark.parametrize("names", [("young", "old"), ("old", "young")])
def test_of_one_place_the_faster_come_first_however_groups_are_listed(names: tuple[str, str]) -> None:
    homes = replace(worlds.people([(600, 0)], [20], "urban"), groups=dict.fromkeys(names, np.array([10.0])))
    halls = replace(worlds.outlets([(0, 0)]), capacity=np.array([12.0]))
    speeds = {"young": 1.5, "old": 0.8}
    now = Study.of(worlds.line(), homes, halls, name="Line").coverage(groups={name: speeds[name] for name in names})
    assert now.service is not None
    assert {name: now.service.groups[name].served_people for name in speeds} == {"young": 10, "old": 2}


def test_a_run_of_groups_and_room_tells_both(tmp_path: Path, cache: Path) -> None:
    study = aged(tmp_path)
    (tmp_path / "outlets.csv").write_text("id,name,lon,lat,capacity\nO1,Hall,108.2,30.5,20\n", encoding="utf-8")
    found = run_cover(study, tmp_path / "run", Options(cache=cache, language="both"), Silence())
    rows = pd.read_csv(found.folder / "groups.csv").tail(3).set_index("group")
    # At the hall live 10, who use nothing of the limit; of 10 left 2 kids at 500 m use least of it, then 8 others.
    assert rows["served"].to_dict() == {"60+": 5, "kids": 3, "(others)": 12}
    assert found.manifest["totals"]["served_own_walk"] == 20
    assert "20 of them find room, which all groups share." in " ".join(found.bars["en"])
    columns = pd.read_csv(found.folder / "dictionary.csv", keep_default_na=False).set_index("file")["column"]
    assert columns["groups.csv"].tolist() == pd.read_csv(found.folder / "groups.csv").columns.tolist()
