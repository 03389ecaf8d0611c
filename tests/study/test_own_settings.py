"""Settings that a study names itself, each with its own limit: in memory, in files, and in every product."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import drawntowns
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import worlds
from hypothesis import given, settings

import accessibility as acc
from accessibility import InputError, Rule, Standard, Study, measure_coverage
from accessibility.measures.catchments import trace_catchments
from accessibility.measures.service_areas import standard_bands
from accessibility.measures.tables import district_columns, setting_table
from accessibility.present.layers.files import short_names
from accessibility.present.manifest import data_dictionary
from accessibility.present.map.legends import headlines
from accessibility.present.pages import states
from accessibility.standards import SETTINGS
from accessibility.streets.snapping import snap_study
from accessibility.whatif.comparison import compare_coverages

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.* findings on the inputs")

# Along a street of 6 km with a hall at its start, at 1 m/s: within 300 m, 600 m and 3 km, and not.
OWN = Standard(rules={"core": "5 min", "old town": "10 min", "山区": "3 km"})
PLACES = {"core": (200, 400), "old town": (500, 700), "山区": (2_900, 3_100)}
PEOPLE = [10, 20, 30, 40, 50, 60]
ZONE = [zone for zone, places in PLACES.items() for _ in places]
COVERED = [True, False] * 3


def homes() -> gpd.GeoDataFrame:
    at = [shapely.Point(*(worlds.ORIGIN + np.array([x, 0.0]))) for places in PLACES.values() for x in places]
    columns = {"id": list("abcdef"), "people": PEOPLE, "zone": ZONE, "height": [0, 10, 99, 100, 800, 900]}
    return gpd.GeoDataFrame(columns, geometry=at, crs=worlds.CRS)


def town(**more: Any) -> Study:
    terms = {"people": "people", "settings": "zone", "standard": OWN, "name": "Own"}
    return Study.of(worlds.line(), homes(), worlds.outlets([(0, 0)]), **{**terms, **more})


def test_each_setting_has_its_own_limit_and_measure() -> None:
    study = town()
    now = study.coverage()
    assert now.covered.tolist() == COVERED
    assert now.covered_people == 10 + 30 + 50
    assert study.demand.settings == now.standard.settings == ("core", "old town", "山区")
    assert repr(study.demand).endswith("core 30, old town 70, 山区 110>")
    assert now.by("setting")["covered"].to_dict() == {"core": 10, "old town": 30, "山区": 50}
    table = study.table()
    assert tuple(table.columns) == district_columns(OWN)
    total = table.iloc[-1]
    assert total[["core_people", "old town_people", "山区_people"]].tolist() == [30, 70, 110]
    assert total["old town_covered_share"] == 30 / 70
    # As the crow flies 3 km are as long here: only settings judged by a distance are read so.
    assert [c for c in table.columns if c.endswith("_radius")] == ["山区_covered_share_radius"]
    assert setting_table(now)["setting"].tolist() == ["core", "old town", "山区", "total"]
    assert (
        "5-minute walk (core) or a 10-minute walk (old town) or 3 km along the network (山区)" in headlines(now)["en"]
    )


def test_every_question_knows_them() -> None:
    study = town(candidates=homes()[["id", "geometry"]].assign(id=list("uvwxyz")))
    assert study.coverage(limit={"core": "400 s"}).covered.tolist() == [True, True, *COVERED[2:]]
    with pytest.raises(InputError, match="setting is 'urban'; expected one of core, old town, 山区"):
        study.coverage(urban="10 min")
    pairs = study.catchments()
    assert pairs.demand[pairs.start[0] : pairs.start[1]].tolist() == [0, 2, 4]
    plan = study.site(sites=1)
    table = study.what_if().open(plan.selected[0]).compare()
    assert table.loc[("total", "all"), "covered_after"] == plan.objective == study.coverage(plan).covered_people
    assert {setting for _, setting in table.index} == {"core", "old town", "山区", "all"}
    assert study.explain(*study.demand.lonlat[1]).text.count("5-minute walk") == 1
    assert study.uncertainty(draws=4).share == study.coverage().share
    assert study.access("opportunities", minutes=8).tolist() == [1, 1, 0, 0, 0, 0]
    assert study.isochrones([5, "3 km"], each=True)["people"].tolist() == [10, 150]
    assert study.site(sites=1, model="p-median").selected


def test_settings_come_from_a_column_of_cells_of_districts_or_from_a_rule() -> None:
    plain, zones = homes().drop(columns="zone"), homes()["zone"]
    strip = {zone: shapely.box(min(x) - 99, -50, max(x) + 99, 50) for zone, x in PLACES.items()}
    shapes = [shapely.transform(shape, lambda xy: xy + worlds.ORIGIN) for shape in strip.values()]
    districts = gpd.GeoDataFrame({"name": ["A", "B", "C"], "zone": list(strip)}, geometry=shapes, crs=worlds.CRS)
    of_districts = Study.of(
        *(worlds.line(), plain, worlds.outlets([(0, 0)])),
        districts=districts, people="people", settings="zone", standard=OWN,
    )  # fmt: skip
    of_rule = Study.of(
        *(worlds.line(), plain, worlds.outlets([(0, 0)])),
        people="people", settings=lambda frame: zones.loc[frame.index], standard=OWN,
    )  # fmt: skip
    for study in (of_districts, of_rule):
        assert study.demand.setting.tolist() == ZONE
        assert study.coverage().covered.tolist() == COVERED
    everybody = town(settings="old town")
    assert set(everybody.demand.setting) == {"old town"}


def write(folder: Path, standard: str, settlement: str) -> Path:
    town().save(folder)
    text = (folder / "study.toml").read_text(encoding="utf-8")
    text = re.sub(r"\[standard\].*?\n\[", f"[standard]\n{standard}\n[", text, flags=re.DOTALL)
    text = re.sub(r"\[settlement\].*?\n\n?\[", f"[settlement]\nfrom = {settlement}\n[", text, flags=re.DOTALL)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"


RULES = 'core = { walk_minutes = 5 }\n"old town" = { walk_minutes = 10 }\n"山区" = { kilometres = 3 }'


def test_a_file_names_them_as_memory_does(tmp_path: Path) -> None:
    study = town()
    saved = acc.read_study(study.save(tmp_path / "saved"), cache=tmp_path / "cache")
    written = acc.read_study(write(tmp_path / "w", RULES, '{ column = "setting" }'), cache=tmp_path / "cache")
    for again in (saved, written):
        assert again.standard == OWN
        pd.testing.assert_frame_equal(again.table(), study.table().replace("Own", again.table()["district"].iloc[0]))
    same = f'{RULES}\nhills = "山区"'
    more = acc.read_study(write(tmp_path / "m", same, '{ column = "setting" }'), cache=tmp_path / "cache")
    assert more.standard.rule("hills") == Rule.distance(3)


def test_numbers_are_read_in_bands(tmp_path: Path) -> None:
    path = write(tmp_path / "s", RULES, '{ column = "height", bands = { core = 0, "old town" = 50, "山区" = 800 } }')
    people = gpd.read_parquet(tmp_path / "s" / "people.parquet")
    people.assign(height=[str(h) for h in homes()["height"]]).to_parquet(tmp_path / "s" / "people.parquet")
    study = acc.read_study(path, cache=tmp_path / "cache")
    assert study.demand.setting.tolist() == ZONE  # 99 and 100 m are from 50 on, 800 m is from 800 on
    for text in ("nan", "inf", ""):
        people.assign(height=[text, *map(str, homes()["height"][1:])]).to_parquet(tmp_path / "s" / "people.parquet")
        with pytest.raises(InputError, match=f"1 rows have another setting, first '{text}'"):
            acc.read_study(path, cache=tmp_path / "cache")
    people.assign(height=["-1", *map(str, homes()["height"][1:])]).to_parquet(tmp_path / "s" / "people.parquet")
    with pytest.raises(InputError, match=r"1 rows have another setting, first '-1'; expected a number of at least 0"):
        acc.read_study(path, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("standard", "settlement", "said"),
    [
        ("ruarl = { kilometres = 3 }", '"degurba"', r"standard.ruarl: unknown key \(did you mean rural\?\)"),
        (RULES, '{ codes = "setting" }', r"standard.core: unknown key; expected urban, town, rural, or a study"),
        (
            'core = "cor"\nhills = { kilometres = 3 }',
            '{ column = "setting" }',
            "core = 'cor'; expected a rule, .* hills",
        ),
        ("core = { walk_minutes = 5 }", '{ column = "setting" }', "first 'old town'; expected core"),
        (f"{RULES}\ntotal = {{ kilometres = 1 }}", '{ column = "setting" }', "'total', which names a row or column"),
        (RULES, '{ column = "setting", bands = { core = 0 } }', "first 'core'; expected a number of at least 0"),
        (RULES, '{ column = "setting", bands = { cor = 0 } }', "bands names 'cor'; expected settings of the standard"),
    ],
)
def test_a_name_that_is_none_is_told(tmp_path: Path, standard: str, settlement: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        acc.read_study(write(tmp_path / "s", standard, settlement), cache=tmp_path / "cache")


@pytest.mark.parametrize("name", ["total", "People", "all", "", " core", "a\nb", "(none)"])
def test_no_setting_is_named_as_a_part_of_a_table_is(name: str) -> None:
    with pytest.raises(InputError, match="setting is named"):
        Standard(rules={name: 5})


def test_two_names_alike_but_for_their_case_are_one_column_in_a_geopackage() -> None:
    with pytest.raises(InputError, match="'Core' and 'core'"):
        Standard(rules={"Core": 5, "core": 6})


NEW = dict(zip(SETTINGS, ("核心", "sub urb", "hills"), strict=True))


@settings(max_examples=15)
@given(drawntowns.towns())
def test_settings_renamed_are_the_same_people(world: Any) -> None:
    network, demand, sites = world
    at = snap_study(network, demand, sites)
    for standard in (*Standard.presets.values(), Standard(urban=Rule.walk(7), town=Rule.distance(2, along="radius"))):
        renamed = Standard(rules={NEW[name]: rule for name, rule in standard.rules})
        labels = np.array([NEW[name] for name in demand.setting])
        other = replace(demand, setting=labels, settings=renamed.settings)
        now, own = (measure_coverage(network, d, sites, s, None, at) for d, s in ((demand, standard), (other, renamed)))
        for name in ("nearest", "walk_s", "metres", "radius_m", "covered", "covered_radius", "unreached"):
            np.testing.assert_array_equal(getattr(now, name), getattr(own, name))
        told, of_own = setting_table(now), setting_table(own)
        assert of_own["setting"].tolist() == [*NEW.values(), "total"]
        pd.testing.assert_frame_equal(told.drop(columns="setting"), of_own.drop(columns="setting"))
        first, second = (trace_catchments(network, c.demand, sites, c.standard, c.walker, at) for c in (now, own))
        for name in ("start", "demand", "cost"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        np.testing.assert_array_equal(states(now), states(own))
        everywhere = pd.Series("here", index=demand.ids)
        before, after = (compare_coverages(c, c, everywhere) for c in (now, own))
        assert [NEW.get(s, s) for _, s in before.index] == [s for _, s in after.index]
        np.testing.assert_array_equal(before.to_numpy(), after.to_numpy())


def test_products_name_them() -> None:
    names = district_columns(OWN)
    told = data_dictionary(OWN).set_index(["file", "layer", "column"])
    assert tuple(told.loc["districts.csv"].droplevel("layer").index) == names
    assert told.loc[("districts.csv", "", "old town_people"), "meaning"] == "People whose setting is old town"
    short = short_names(names)
    assert len(set(short.values())) == len(names)
    assert all(len(name) <= 10 and name.isascii() for name in short.values())
    assert {5, 10} <= set(OWN.walk_classes)  # each limit is told apart
    assert list(OWN.walk_classes) == sorted(set(OWN.walk_classes))
    assert 3 in OWN.distance_classes
    assert (len(OWN.walk_classes), len(OWN.distance_classes)) == (5, 3)  # as many as there are colours
    assert {r.text for r in standard_bands(OWN)} >= {rule.text for _, rule in OWN.rules}
    page = town().map().get_root().render()
    assert all(name in page for name in ("old town", "山区", "Distance along streets"))
    assert "Rural" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_as_many_as_a_map_can_count() -> None:
    rules = {f"zone {k}": 5 + k for k in range(24)}
    demand = replace(worlds.people([(10 * k, 0) for k in range(24)]), setting=np.array([*rules]), settings=(*rules,))
    now = measure_coverage(worlds.line(), demand, worlds.outlets([(0, 0)]), Standard(rules=rules))
    assert ((states(now) >> 2) & 31).tolist() == list(range(1, 25))
    assert len(now.standard.walk_classes) == 5
    with pytest.raises(InputError, match="25 settings; expected 1 to 24"):
        Standard(rules={**rules, "one more": 1})
