"""Whole studies: the sample county, and a tiny town whose figures are done by hand."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, STEP_DEG
from osmfiles import node, relation, way, write_osm
from pyproj import Transformer
from shapely import box
from worlds import edit

import accessibility as acc
from accessibility.cli.console import Silence
from accessibility.cli.options import Options, Result
from accessibility.cli.pack import run_cover
from accessibility.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.measures.coverage import Coverage
    from accessibility.study.study import Study

PROGRESS = Silence()
OPTIONS = Options(workers=2)


def run(study: Path, out: Path, cache: Path) -> Result:
    return run_cover(study, out, Options(workers=2, cache=cache), PROGRESS)


@pytest.fixture(scope="session")
def demo(sample: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    run(sample, out, cache)
    return out


def test_the_sample_county_writes_what_was_promised(demo: Path) -> None:
    tables = {"districts.csv", "demand.parquet", "quality.csv", "sites.csv", "dictionary.csv", "manifest.json"}
    promised = tables | {"coverage.html", "brief.html", "report.html", "report.xlsx", "coverage.gpkg"}
    assert {p.name for p in demo.iterdir()} == promised
    totals = json.loads((demo / "manifest.json").read_text(encoding="utf-8"))["totals"]
    table = pd.read_csv(demo / "districts.csv", encoding="utf-8-sig")
    assert table["district"].iloc[-1] == "total"
    for column in ("population", "covered", "uncovered", "unreached"):
        assert table[column].iloc[:-1].sum() == pytest.approx(table[column].iloc[-1], abs=1e-3)
        assert table[column].iloc[-1] == pytest.approx(totals[column], abs=1e-3)
    assert totals["covered"] + totals["uncovered"] == pytest.approx(totals["population"])
    assert totals["covered_share"] == pytest.approx(totals["covered"] / totals["population"])
    assert 0.5 < totals["covered_share"] <= totals["covered_share_radius"] < 1


def test_demand_parquet_holds_its_columns_and_every_person(demo: Path) -> None:
    demand = gpd.read_parquet(demo / "demand.parquet")
    columns = "id population setting district nearest_site walk_s network_m radius_m covered geometry"
    assert list(demand.columns) == columns.split()
    totals = json.loads((demo / "manifest.json").read_text(encoding="utf-8"))["totals"]
    assert demand["population"].sum() == pytest.approx(totals["population"])
    assert demand.loc[demand["covered"], "population"].sum() == pytest.approx(totals["covered"])
    assert demand.loc[demand["walk_s"].isna(), "population"].sum() == pytest.approx(totals["unreached"])
    assert (demand["radius_m"] <= demand["network_m"]).loc[demand["network_m"].notna()].all()
    by_rule = np.where(demand["setting"] == "rural", demand["network_m"] <= 5_000, demand["walk_s"] <= 900)
    assert (by_rule == demand["covered"]).all()
    assert demand.crs == 4326


def test_the_same_inputs_give_the_same_bytes(demo: Path, sample: Path, cache: Path, tmp_path: Path) -> None:
    run_cover(sample, tmp_path, Options(workers=1, cache=cache), PROGRESS)
    for name in ("districts.csv", "demand.parquet", "quality.csv", "coverage.html"):
        assert (tmp_path / name).read_bytes() == (demo / name).read_bytes(), name


def test_slower_walkers_cover_less(demo: Path) -> None:
    manifest = json.loads((demo / "manifest.json").read_text(encoding="utf-8"))
    shares = [manifest["sensitivity"][speed] for speed in ("0.8", "1.0", "1.2")]
    assert shares == sorted(shares)
    assert shares[1] == manifest["totals"]["covered_share"]


def test_an_analyst_asks_the_study(sample_study: Study) -> None:
    study = sample_study
    now = study.coverage()
    assert repr(study).startswith("<Study 'Sample county'")
    assert study.sites.open.sum() == 33
    assert set(study.sites.kind) == {"outlet", "bank", "new"}
    table = now.by(study.district)
    assert table["population"].sum() == pytest.approx(now.population)
    assert table["covered"].sum() == pytest.approx(now.covered_people)
    opened = study.coverage(walker=acc.Walker(open_compounds=True))
    assert opened.covered_people >= now.covered_people
    html = study.map(now).get_root().render()
    assert "Lanting county is fictional" in html
    assert "OpenStreetMap" not in html


def test_a_street_done_by_hand(town: Path, tmp_path: Path) -> None:
    result = run(town, tmp_path / "out", tmp_path / "cache")
    totals = result.manifest["totals"]
    assert (totals["population"], totals["covered"], totals["unreached"]) == (310, 30, 0)  # 0 m and 500 m of 900 m
    demand = gpd.read_parquet(tmp_path / "out" / "demand.parquet").set_index("id")
    assert demand["network_m"].tolist() == pytest.approx([0, 500, 1_000, 1_500, 2_000], rel=2e-3)
    assert demand["district"].unique().tolist() == ["Street"]
    table = pd.read_csv(tmp_path / "out" / "districts.csv", encoding="utf-8-sig")
    assert table["district"].tolist() == ["Street", "total"]
    assert table[["outlets", "partner_banks"]].iloc[0].tolist() == [1, 0]


def districts(study: Path, shapes: dict[str, Any], *, name: str = "districts.gpkg") -> Path:
    frame = gpd.GeoDataFrame({"name": list(shapes)}, geometry=list(shapes.values()), crs=4326)
    frame.to_file(study.parent / name)
    return edit(study, "[inputs]", f'[inputs]\n        area = {{ path = "{name}" }}')


def test_people_outside_the_area_are_not_counted_and_an_outlet_outside_serves(town: Path, tmp_path: Path) -> None:
    districts(town, {"East": box(108.2 + STEP_DEG / 2, 30.4, 108.4, 30.6)})
    result = run(town, tmp_path / "out", tmp_path / "cache")
    assert result.manifest["totals"]["population"] == 300
    assert result.manifest["totals"]["covered"] == 20
    assert any("1 rows with 10 people lie outside the area" in w for w in result.manifest["warnings"])
    assert any(note.startswith("20 of 300 people are covered only by sites outside") for note in result.notes)


def test_people_are_held_to_the_district_they_name_and_to_their_place(town: Path, tmp_path: Path) -> None:
    """A name that no district has leaves nobody out who lives in one; one that is another place's is told."""
    west, east = box(108.15, 30.4, 108.2001, 30.6), box(108.2001, 30.4, 108.3, 30.6)
    districts(town, {"West": west, "East": east})
    edit(town, 'path = "people.csv"', 'path = "people.csv", district = "ward"')
    head, *rows = (town.parent / "people.csv").read_text(encoding="utf-8").split()

    def told(*wards: str) -> dict[str, tuple[int, float | None]]:
        lines = [f"{head},ward", *(f"{row},{ward}" for row, ward in zip(rows, wards, strict=True))]
        (town.parent / "people.csv").write_text("\n".join(lines), encoding="utf-8")
        study = acc.read_study(town, cache=tmp_path / "cache")
        assert study.demand.population.sum() == 310
        return {f.code: (f.count, f.people) for f in study.findings if f.code.startswith("district-")}

    right = ["West", *["East"] * (len(rows) - 1)]
    assert told(*right) == {}
    assert told("", "Eest", *right[2:]) == {"district-by-place": (2, 30.0)}
    assert set(told(*["West"] * len(rows))) == {"district-elsewhere"}
    named = acc.read_study(town, cache=tmp_path / "cache")
    assert set(named.district) == {"West"}  # the name counts, where there is one


def test_overlapping_districts_and_one_without_a_street_are_told(town: Path, tmp_path: Path) -> None:
    shapes = {
        "A": box(108.1, 30.4, 108.3, 30.6),
        "B": box(108.2, 30.4, 108.3, 30.6),
        "C": box(108.1, 30.61, 108.2, 30.7),
    }
    districts(town, shapes)
    result = run(town, tmp_path / "out", tmp_path / "cache")
    warnings = " ".join(result.manifest["warnings"])
    assert "1 pairs of districts overlap: A and B" in warnings
    assert "1 districts have no street: C" in warnings
    assert result.manifest["totals"]["population"] == 310  # nobody twice
    demand = gpd.read_parquet(tmp_path / "out" / "demand.parquet")
    assert demand["district"].unique().tolist() == ["A"]  # the first of two


def test_people_without_a_place_stay_in_the_denominator(town: Path, tmp_path: Path) -> None:
    with (town.parent / "people.csv").open("a", encoding="utf-8") as file:
        file.write("p6,,,5,urban\n")
    districts(town, {"A": box(108.1, 30.4, 108.3, 30.6)})
    result = run(town, tmp_path / "out", tmp_path / "cache")
    totals = result.manifest["totals"]
    assert (totals["population"], totals["covered"], totals["unreached"]) == (315, 30, 5)
    table = pd.read_csv(tmp_path / "out" / "districts.csv", encoding="utf-8-sig")
    assert table["district"].tolist() == ["A", "(none)", "total"]


def test_an_outlet_far_away_is_set_aside_and_counted(town: Path, tmp_path: Path) -> None:
    with (town.parent / "outlets.csv").open("a", encoding="utf-8") as file:
        file.write("O2,Lost,118.2,30.5\n")
    result = run(town, tmp_path / "out", tmp_path / "cache")
    assert any(
        "1 of 2 sites lie too far outside the area" in w and "first O2" in w for w in result.manifest["warnings"]
    )
    assert result.manifest["totals"]["covered"] == 30


def test_a_datum_that_nobody_named_is_told(town: Path, tmp_path: Path) -> None:
    edit(town, '"outlets.csv", coordinates = "WGS84"', '"outlets.csv"')
    result = run(town, tmp_path / "out", tmp_path / "cache")
    assert any(w.startswith("outlets.csv: coordinates are taken as WGS84") for w in result.manifest["warnings"])


@pytest.mark.real
def test_liechtenstein_end_to_end_as_the_readme_says(liechtenstein: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", readme, flags=re.DOTALL)
    (block,) = [b for b in blocks if "Liechtenstein" in b]
    shutil.copy(liechtenstein, tmp_path / "liechtenstein.osm.pbf")
    (tmp_path / "study.toml").write_text(block, encoding="utf-8")
    result = run(tmp_path / "study.toml", tmp_path / "out", tmp_path / "cache")
    totals = result.manifest["totals"]
    assert totals["population"] == pytest.approx(37_269)  # the 11 municipalities, hamlets inside them not twice
    table = pd.read_csv(tmp_path / "out" / "districts.csv", encoding="utf-8-sig").set_index("district")
    assert len(table) == 12
    assert table.loc["Vaduz", "population"] == pytest.approx(5_229)
    assert table.loc["total", "outlets"] == 17  # 5 town halls, 12 post offices
    assert 0.4 < totals["covered_share"] <= totals["covered_share_radius"]
    assert totals["unreached"] < 0.01 * totals["population"]
    study = acc.read_study(tmp_path / "study.toml", cache=tmp_path / "cache")
    assert (study.sites.kind == "bank").sum() == 8


def test_swapped_axes_are_never_guessed_in_projected_files(town: Path, tmp_path: Path) -> None:
    x, y = Transformer.from_crs(4326, 4545, always_xy=True).transform(108.2, 30.5)
    (town.parent / "outlets.csv").write_text(f"id,x,y\nO1,{x},{y}\n", encoding="utf-8")
    edit(town, '"outlets.csv", coordinates = "WGS84"', '"outlets.csv", coordinates = "EPSG:4545"')
    assert run(town, tmp_path / "out", tmp_path / "cache").manifest["totals"]["covered"] == 30
    (town.parent / "outlets.csv").write_text(f"id,x,y\nO1,{y},{x}\n", encoding="utf-8")
    with pytest.raises(acc.InputError, match=r"outlets\.csv"):
        run(town, tmp_path / "out", tmp_path / "cache")


def test_settings_from_codes_and_from_polygons(town: Path, tmp_path: Path) -> None:
    people = town.parent / "people.csv"
    codes = {"p1": "111", "p2": "122", "p3": "210", "p4": "220", "p5": "220"}
    lines = people.read_text(encoding="utf-8").splitlines()
    rows = [",".join([*line.split(",")[:-1], codes[line.split(",")[0]]]) for line in lines[1:]]
    people.write_text("\n".join([lines[0].replace("setting", "code"), *rows]), encoding="utf-8")
    edit(town, ', setting = "setting"', "")
    text = town.read_text(encoding="utf-8")
    town.write_text(text + '\n[settlement]\nfrom = { codes = "code" }\n', encoding="utf-8")
    run(town, tmp_path / "out", tmp_path / "cache")
    table = gpd.read_parquet(tmp_path / "out" / "demand.parquet")
    assert table["setting"].tolist() == ["urban", "town", "rural", "rural", "rural"]
    assert table["covered"].tolist() == [True] * 5  # the countryside lies within 5 km

    zones = {"urban": box(108.19, 30.4, 108.2 + 1.5 * STEP_DEG, 30.6)}
    gpd.GeoDataFrame({"setting": list(zones)}, geometry=list(zones.values()), crs=4326).to_file(
        town.parent / "zones.gpkg"
    )
    edit(town, '{ codes = "code" }', '{ polygons = "zones.gpkg" }')
    run(town, tmp_path / "out", tmp_path / "cache")
    table = gpd.read_parquet(tmp_path / "out" / "demand.parquet")
    assert table["setting"].tolist() == ["urban", "urban", "rural", "rural", "rural"]


CODES = ["111", "112", "121", "122", "123", "210", "220"]


def coded(town: Path, codes: list[str], tmp_path: Path, *, town_rule: str = "urban") -> tuple[Study, Coverage]:
    """Return the street of 5 km with a person of each code at 1 km and at 4 km from the outlet."""
    nodes = [node(i + 1, 108.2 + 2 * i * STEP_DEG, 30.5) for i in range(6)]
    bus = relation(9, [("way", 1, "")], {"type": "route"})
    write_osm(town.parent / "roads.osm", *nodes, way(1, [1, 2, 3, 4, 5, 6]), bus)
    rows = [f"{km}-{c},{108.2 + 2 * km * STEP_DEG:.7f},30.5,1,{c}" for km in (1, 4) for c in codes]
    (town.parent / "people.csv").write_text("\n".join(["id,lon,lat,population,城乡分类代码", *rows]), encoding="utf-8")
    path = town.parent / f"{town_rule}.toml"
    text = town.read_text(encoding="utf-8").replace(', setting = "setting"', "")
    head = f'[standard]\ntown = "{town_rule}"\n[inputs]'
    settlement = '\n[settlement]\nfrom = { codes = "城乡分类代码" }\n'
    path.write_text(text.replace("[inputs]", head) + settlement, encoding="utf-8")
    study = acc.read_study(path, cache=tmp_path / "cache")
    return study, study.coverage()


def test_the_town_switch_changes_the_towns_alone(town: Path, tmp_path: Path) -> None:
    _, strict = coded(town, CODES, tmp_path)
    study, mild = coded(town, CODES, tmp_path, town_rule="rural")
    changed = strict.covered != mild.covered
    assert study.demand.ids[changed].tolist() == [f"{km}-{c}" for km in (1, 4) for c in ("121", "122", "123")]
    assert mild.covered[changed].all()
    assert strict.demand.ids[strict.covered].tolist() == [f"{km}-{c}" for km in (1, 4) for c in ("210", "220")]


def test_a_code_that_is_none_is_refused_with_its_file_and_place(town: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"people.csv: 2 urban-rural codes are unknown: '130' of 1-130, '130' of 4-130"
    ):
        coded(town, ["111", "130"], tmp_path)


def test_settings_of_people_from_villages_with_codes(town: Path, tmp_path: Path) -> None:
    edges = [108.19, *(108.2 + at * STEP_DEG for at in (0.5, 1.5, 2.5))]
    villages = [box(west, 30.4, east, 30.6) for west, east in itertools.pairwise(edges)]
    frame = gpd.GeoDataFrame({"代码": [111, 122, 220]}, geometry=villages, crs=4326)
    frame.to_file(town.parent / "villages.gpkg")
    edit(town, ', setting = "setting"', "")
    text = town.read_text(encoding="utf-8")
    settlement = '\n[settlement]\nfrom = { polygons = "villages.gpkg", codes = "代码" }\n'
    town.write_text(text + settlement, encoding="utf-8")
    study = acc.read_study(town, cache=tmp_path / "cache")
    assert study.demand.setting.tolist() == ["urban", "town", "rural", "rural", "rural"]
    assert "settlement" in study.inputs
    frame.assign(代码=[111, 999, 220]).to_file(town.parent / "villages.gpkg")
    with pytest.raises(
        InputError, match=r"villages.gpkg: 1 urban-rural codes are unknown: '999' of a polygon; expected"
    ):
        acc.read_study(town, cache=tmp_path / "cache")


def test_banks_of_an_extract_count_where_the_study_says_which(town: Path, tmp_path: Path) -> None:
    nodes = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    banks = [("A Bank", "08:00-17:00"), ("A Bank", "Mo-Sa 08:00-17:00"), ("B Bank", "Mo-Sa 08:00-17:00")]
    nodes += [
        node(11 + i, 108.2 + (4 - i) * STEP_DEG, 30.5, amenity="bank", operator=name, opening_hours=hours)
        for i, (name, hours) in enumerate(banks)
    ]
    write_osm(
        town.parent / "roads.osm", *nodes, way(1, [1, 2, 3, 4, 5]), relation(9, [("way", 1, "")], {"type": "route"})
    )
    text = town.read_text(encoding="utf-8")
    table = 'banks = { path = "banks.csv", coordinates = "WGS84" }'
    assert table in text

    def banks_are(keys: str) -> Study:
        town.write_text(text.replace(table, f'banks = {{ osm = "amenity=bank"{keys} }}'), encoding="utf-8")
        return acc.read_study(town, cache=tmp_path / "cache")

    assert not banks_are("").sites.open[1:].any()
    study = banks_are(', counts_if = { operator = "a bank", opening_hours = "*Sa*" }')
    assert study.sites.open.tolist() == [True, False, True, False]
    (said,) = [finding for finding in study.findings if finding.code == "does-not-count"]
    assert "2 of 3 sites do not meet counts_if and do not count" in said.message
    with pytest.raises(InputError, match=r"counts_if names 'partner'; expected one of name, amenity, operator"):
        banks_are(', counts_if = { partner = "yes" }')
    with pytest.raises(InputError, match=r"reads objects of OpenStreetMap, not a table; expected no coordinates"):
        banks_are(', coordinates = "WGS84"')


def test_a_table_of_people_can_name_its_sheet_columns_and_encoding(town: Path, tmp_path: Path) -> None:
    text = town.read_text(encoding="utf-8")
    old = 'path = "people.csv", setting = "setting", coordinates = "WGS84"'
    assert old in text
    rows = (town.parent / "people.csv").read_text(encoding="utf-8").replace("lon,lat,population", "ost,nord,人數")
    (town.parent / "big5.csv").write_bytes(rows.encode("big5"))
    columns = 'columns = { lon = "ost", lat = "nord" }, column = "人數", encoding = "big5"'
    new = f'path = "big5.csv", setting = "setting", coordinates = "WGS84", {columns}'
    town.write_text(text.replace(old, new), encoding="utf-8")
    assert acc.read_study(town, cache=tmp_path / "cache").demand.population.sum() == 310
