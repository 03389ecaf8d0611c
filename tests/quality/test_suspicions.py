"""Figures that speak against an input: another unit, rows twice, sums among places, sites off the streets."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from conftest import REAL_DATA, ROOT, STEP_DEG
from osmfiles import node, way, write_osm
from rasterio.transform import from_origin
from shapely import box
from worlds import edit

import accessibility as acc
from accessibility.geo.projection import WGS84, transform
from accessibility.quality import measure_quality
from accessibility.quality.other_readings import people_in_another_unit
from accessibility.quality.suspicions import doubts_of_scenario
from accessibility.sources.osm.extracts import read_network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

METRE_NORTH = 1 / 110_860.0  # degrees of latitude at 30.5 degrees north


def found(study: Path, cache: Path) -> dict[str, Any]:
    return {finding.code: finding for finding in measure_quality(acc.read_study(study, cache=cache)).findings}


def write_people(study: Path, rows: Sequence[tuple[str, float, float, float]], more: str = "") -> None:
    """Write people by id, steps of 500 m to the east, metres to the north and number."""
    lines = [f"{i},{108.2 + x * STEP_DEG:.7f},{30.5 + y * METRE_NORTH:.7f},{n},urban" for i, x, y, n in rows]
    (study.parent / "people.csv").write_text(
        "\n".join(["id,lon,lat,population,setting", *lines]) + more, encoding="utf-8"
    )


def write_outlets(study: Path, rows: list[tuple[str, str, float, float]]) -> None:
    lines = [f"{i},{name},{108.2 + x * STEP_DEG:.7f},{30.5 + y * METRE_NORTH:.7f}" for i, name, x, y in rows]
    (study.parent / "outlets.csv").write_text("\n".join(["id,name,lon,lat", *lines]), encoding="utf-8")


PLACES = [("p1", 0, 0, 10), ("p2", 1, 0, 20), ("p3", 2, 0, 40), ("p4", 3, 0, 80), ("p5", 4, 0, 165)]


def test_the_town_as_it_is_is_not_suspect(town: Path, cache: Path) -> None:
    said = found(town, cache)
    assert not [code for code, finding in said.items() if finding.is_warning]


def test_a_site_a_kilometre_from_every_street_is_told_with_its_worth(town: Path, cache: Path) -> None:
    write_outlets(town, [("O1", "Hall", 0, 1_000)])
    now = acc.read_study(town, cache=cache).coverage()
    assert now.covered_people == 0  # 1.3 * 1000 s are more than 900
    finding = found(town, cache)["site-off-streets"]
    assert "O1 (Hall) stands 1,000 m from the nearest street: is its place wrong" in finding.message
    assert finding.points_of_coverage == pytest.approx(100 * 30 / 310)  # p1 and, 500 m off, p2
    assert finding.people == 30
    write_outlets(town, [("O1", "Hall", 0, 90)])
    assert "site-off-streets" not in found(town, cache)


def test_a_site_beyond_the_limit_serves_nobody_and_is_told(town: Path, cache: Path) -> None:
    write_outlets(town, [("O1", "Hall", 4, 2_500)])
    finding = found(town, cache)["site-off-streets"]
    assert "2,500 m from the nearest street and so serves no one" in finding.message
    assert finding.points_of_coverage == pytest.approx(100 * 240 / 310)


@pytest.mark.parametrize(
    ("rule", "said", "people"),
    [
        ("walk_minutes = 900", "900 minutes are no walk: are they seconds? By 15-minute walk", 30 - 310),
        ("walk_minutes = 0.25", "0.25 minutes are no walk: are they hours? By 15-minute walk", 30 - 10),
        ("kilometres = 0.0006", "0.0006 km are no walk: are they thousands of km? By 0.6 km along", 30 - 10),
        ("kilometres = 1200", "1,200 km are no walk: are they metres? By 1.2 km along the network", 70 - 310),
    ],
)
def test_a_limit_in_another_unit_is_told_with_its_worth(
    town: Path, cache: Path, rule: str, said: str, people: int
) -> None:
    edit(town, "[inputs]", f"[standard]\nurban = {{ {rule} }}\n[inputs]")
    finding = found(town, cache)["limit-unit"]
    assert finding.message.startswith(said)
    assert finding.points_of_coverage == pytest.approx(100 * people / 310)


def test_a_limit_of_some_people_in_another_unit_is_told_with_its_worth(town: Path, cache: Path) -> None:
    people = town.parent / "people.csv"
    head, *rows = people.read_text(encoding="utf-8").split()
    people.write_text("\n".join([f"{head},limit", *(f"{row},900 min" for row in rows)]), encoding="utf-8")
    edit(town, 'path = "people.csv"', 'path = "people.csv", limit = "limit"')
    finding = found(town, cache)["limit-unit"]
    assert finding.message.startswith("900 minutes are no walk: are they seconds? By 15-minute walk")
    assert finding.source == "people.csv"
    assert finding.points_of_coverage == pytest.approx(100 * (30 - 310) / 310)


def test_a_speed_in_kilometres_an_hour_is_told(town: Path, cache: Path) -> None:
    edit(town, "[inputs]", "[walking]\nspeed_m_s = 3.0\n[inputs]")
    finding = found(town, cache)["limit-unit"]
    assert finding.message.startswith("3 m/s, 10.8 km/h, is no walk: is it in km/h?")
    assert finding.points_of_coverage == pytest.approx(100 * (30 - 310) / 310)  # 750 m instead of 2,700 m


@pytest.mark.parametrize("rule", ["walk_minutes = 900000", "kilometres = 5000000"])
def test_an_impossible_limit_is_refused(town: Path, rule: str) -> None:
    edit(town, "[inputs]", f"[standard]\nrural = {{ {rule} }}\n[inputs]")
    with pytest.raises(acc.InputError, match=r"standard.rural.*should be less than or equal"):
        acc.read_study(town)


@pytest.mark.parametrize(("north", "where"), [(0, "at the place of another row"), (8, "within 15 m of another row")])
def test_people_twice_under_other_ids_are_told(town: Path, cache: Path, north: float, where: str) -> None:
    write_people(town, [*PLACES, *((f"x{i}", x, north, n) for i, x, _, n in PLACES)])
    finding = found(town, cache)["people-twice"]
    assert finding.message.startswith(f"5 rows stand {where} with the same people")
    assert (finding.count, finding.people) == (5, 315)
    assert finding.points_of_coverage == pytest.approx(0)


def test_people_twice_tens_of_metres_apart_are_told_where_no_other_row_agrees(town: Path, cache: Path) -> None:
    write_people(town, [*PLACES, *((f"x{i}", x + 0.1, 40, n) for i, x, _, n in PLACES)])
    finding = found(town, cache)["people-twice"]
    assert finding.message.startswith("5 rows stand within 100 m of another row, and of no other, with the same people")
    write_people(town, [(f"h{i}", i * 30 / 500, 0, 3 + i // 10) for i in range(60)])  # shared equally over buildings
    assert "people-twice" not in found(town, cache)


@pytest.mark.parametrize("north", [0.0, 12.0])
def test_a_branch_that_is_also_among_the_outlets_is_told(town: Path, cache: Path, north: float) -> None:
    write_outlets(town, [("O1", "Hall", 0, 0), ("O2", " bank", 4, north)])
    finding = found(town, cache)["near-double"]
    assert f"2 sites of one name stand {north:.0f} m apart or less: O2" in finding.message
    assert finding.points_of_coverage == 0  # the branch is closed: nobody loses it


def test_half_the_people_twice_are_worth_what_the_share_moves(town: Path, cache: Path) -> None:
    write_people(town, [*PLACES, *((f"x{i}", x, 0, n) for i, x, _, n in PLACES[:3])])
    finding = found(town, cache)["people-twice"]
    assert finding.points_of_coverage == pytest.approx(100 * (30 / 315 - 60 / 385))


def test_neighbours_of_like_number_are_no_doubles(town: Path, cache: Path) -> None:
    rng = np.random.default_rng(5)
    homes = [(f"h{i}", i * 10 / 500, 0, int(n)) for i, n in enumerate(rng.integers(1, 5, 150))]
    write_people(town, homes)
    assert "people-twice" not in found(town, cache)


def test_a_row_that_sums_up_all_others_is_told(town: Path, cache: Path) -> None:
    write_people(town, [*PLACES, ("county", 2, 0, 315)])
    finding = found(town, cache)["sum-of-others"]
    assert "one row has as many people as all others together" in finding.message
    assert "(county): without it 315 people" in finding.message
    assert finding.points_of_coverage == pytest.approx(100 * (30 / 315 - 30 / 630))


@pytest.mark.parametrize("first", [True, False])
def test_townships_among_their_villages_are_told(town: Path, cache: Path, first: bool) -> None:  # noqa: FBT001
    west, east = PLACES[:2], PLACES[2:]
    sums = [("west", 0, 0, 30), ("east", 4, 0, 285)]
    rows = [sums[0], *west, sums[1], *east] if first else [*west, sums[0], *east, sums[1]]
    write_people(town, rows)
    finding = found(town, cache)["sum-of-others"]
    assert "2 rows have as many people as those listed with them" in finding.message
    assert finding.people == 315


@pytest.mark.parametrize(
    "word", ["共计", "汇总", "全县总数", "全镇", "合计数", "合计\uff08人\uff09", "总人口", "All", "\u03a3"]
)
def test_a_row_of_totals_counts_for_nobody(town: Path, cache: Path, word: str) -> None:
    write_people(town, PLACES, f"\n{word},{108.2 + STEP_DEG:.7f},30.5,315,urban\n")
    assert acc.read_study(town, cache=cache).demand.population.sum() == 315


@pytest.mark.parametrize(("unit", "told"), [(1.0, False), (10.0, True)])
def test_heights_in_decimetres_are_told_with_what_the_flat_is_worth(
    town: Path,
    cache: Path,
    unit: float,
    told: bool,  # noqa: FBT001
) -> None:
    rise = 0.06 * 95_970 * np.linspace(0, 0.06, 60)  # six in a hundred to the east
    profile = {"height": 30, "width": 60, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    grid = from_origin(108.19, 30.515, 0.001, 0.001)
    with rasterio.open(town.parent / "dem.tif", "w", driver="GTiff", transform=grid, **profile) as dem:
        dem.write(np.tile(100 + rise * unit, (30, 1)).astype("float32"), 1)
    edit(town, "[inputs]", '[inputs]\nelevation = { path = "dem.tif" }')
    said = found(town, cache)
    assert ("steep-streets" in said) == told
    if told:
        now = acc.read_study(town, cache=cache).coverage()
        assert now.covered_people < 30
        assert said["steep-streets"].points_of_coverage == pytest.approx(100 * (30 - now.covered_people) / 310)
        assert "are the heights in feet or decimetres" in said["steep-streets"].message
        assert "Were they in feet" in said["steep-streets"].message  # 18 in 100 by that: a steep street, but one


def write_heights(study: Path, heights: NDArray[np.float64]) -> None:
    """Write heights, of cells of 96 m to the east."""
    profile = {"height": 30, "width": len(heights), "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    grid = from_origin(108.19, 30.515, 0.001, 0.001)
    with rasterio.open(study.parent / "dem.tif", "w", driver="GTiff", transform=grid, **profile) as dem:
        dem.write(np.tile(heights, (30, 1)).astype("float32"), 1)
    edit(study, "[inputs]", '[inputs]\nelevation = { path = "dem.tif" }')


def one_long_street(study: Path) -> None:
    """Leave no vertex between the ends of the street."""
    path = study.parent / "roads.osm"
    path.write_text(re.sub(r'<nd ref="[234]"/>', "", path.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.mark.parametrize(("metre", "unit"), [(1.0, None), (0.3048, "feet"), (0.1, "decimetres")])
def test_heights_in_another_unit_are_told_along_one_long_edge_whose_ends_are_level(
    town: Path, cache: Path, metre: float, unit: str | None
) -> None:
    one_long_street(town)
    east = np.arange(60) * 95.97
    write_heights(town, (100 + 20 * np.sin(2 * np.pi * (east - 960) / 500)) / metre)  # 25 in 100 at its steepest
    study = acc.read_study(town, cache=cache)
    assert len(study.network.edges) == 1
    assert abs(study.network.climb_m[0]) < 0.05 * 2_000
    finding = {f.code: f for f in measure_quality(study).findings}.get("steep-streets")
    assert (finding is None) == (unit is None)
    if finding is not None:
        assert f"Were they in {unit}" in finding.message
        write_metres = acc.read_study(town, cache=cache).coverage().covered_people
        assert finding.points_of_coverage is not None
        edit(town, '\nelevation = { path = "dem.tif" }', "")
        write_heights(town, 100 + 20 * np.sin(2 * np.pi * (east - 960) / 500))
        right = acc.read_study(town, cache=cache).coverage().covered_people
        assert finding.points_of_coverage == pytest.approx(100 * (right - write_metres) / 310)


def test_streets_above_every_town_are_told(town: Path, cache: Path) -> None:
    write_heights(town, np.full(60, 6_200.0))  # decimetres of a plateau: level, and nobody lives so high
    finding = found(town, cache)["heights-unit"]
    assert "100.0% of the places on streets lie above 5,300 m" in finding.message
    assert finding.points_of_coverage == 0


def test_heights_in_millimetres_are_impossible_and_told(town: Path, cache: Path) -> None:
    write_heights(town, 300_000 + 10_000 * np.arange(60.0))
    said = found(town, cache)
    assert "impossible heights (first 390000 in row 14" in said["heights-impossible"].message
    assert said["heights-missing"].points_of_coverage == 0


def test_a_group_that_is_everybody_is_told(town: Path, cache: Path) -> None:
    edit(town, 'setting = "setting", ', 'setting = "setting", groups = { "60+" = "population" }, ')
    finding = found(town, cache)["group-is-everybody"]
    assert "group '60+' is everybody at nearly every place" in finding.message
    assert finding.points_of_coverage == 0


def test_two_groups_of_the_same_people_are_told(town: Path, cache: Path) -> None:
    lines = ["id,lon,lat,population,setting,old,young,women"]
    lines += [
        f"{i},{108.2 + x * STEP_DEG:.7f},30.5,{n},urban,{n / 5},{n / 5},{n * (0.4 + x / 50)}" for i, x, _, n in PLACES
    ]
    (town.parent / "people.csv").write_text("\n".join(lines), encoding="utf-8")
    groups = 'groups = { "60+" = "old", "0-14" = "young", women = "women" }'
    edit(town, 'setting = "setting", ', f'setting = "setting", {groups}, ')
    said = found(town, cache)
    assert "groups '60+' and '0-14' are the same people" in said["groups-alike"].message
    assert "group-is-everybody" not in said


def write_groups(study: Path, people: Sequence[float], **groups: Sequence[float]) -> None:
    """Write people along the road and groups of them; those of `g60` are called 60+, of `g0to14` 0-14."""
    rows = [
        f"{row},{108.2 + 4 * row / len(people) * STEP_DEG:.7f},30.5,{each},urban,{','.join(map(str, of))}"
        for row, (each, of) in enumerate(zip(people, zip(*groups.values(), strict=True), strict=True))
    ]
    head = f"id,lon,lat,population,setting,{','.join(groups)}"
    (study.parent / "people.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    named = ", ".join(f'"{re.sub("^g", "", name).replace("to", "-")}" = "{name}"' for name in groups)
    named = re.sub(r'"(60|65)"', r'"\1+"', named)
    edit(study, 'setting = "setting", ', f'setting = "setting", groups = {{ {named} }}, ')


def test_groups_of_ages_that_contradict_each_other_are_told(town: Path, cache: Path) -> None:
    write_groups(town, [100, 200], g0to14=[70, 140], g15to59=[20, 20], g60=[20, 40], g65=[30, 30])
    said = found(town, cache)
    assert "group '65+' has more people than '60+', which holds it, at 1 places" in said["groups-nested"].message
    assert "'0-14', '15-59', '60+' exclude each other and are 310 people together, of 300" in (
        said["groups-exceed"].message
    )


def test_groups_of_ages_that_fit_each_other_are_silent(town: Path, cache: Path) -> None:
    people = [40.0 * 1.2**row for row in range(20)]
    shares = {"g0to14": 0.2, "g15to59": 0.6, "g60": 0.2, "g65": 0.1}
    write_groups(town, people, **{name: [round(share * each, 1) for each in people] for name, share in shares.items()})
    assert not {"groups-nested", "groups-exceed", "group-is-share"} & set(found(town, cache))


@pytest.mark.parametrize("whole", [1, 100])
def test_a_group_that_holds_shares_is_told(town: Path, cache: Path, whole: int) -> None:
    people = [40.0 * 1.2**row for row in range(20)]
    write_groups(town, people, g60=[whole * (0.15 + row % 5 / 50) for row in range(20)])
    assert "group '60+' hardly differs" in found(town, cache)["group-is-share"].message


def test_people_of_a_township_that_the_area_lacks_are_told_with_what_counting_them_would_change(
    town: Path, cache: Path
) -> None:
    shape = box(108.15, 30.45, 108.2 + 1.5 * STEP_DEG, 30.55)  # p1 and p2 inside; three villages have no township
    gpd.GeoDataFrame({"name": ["West"]}, geometry=[shape], crs=4326).to_file(town.parent / "area.gpkg")
    edit(town, "[inputs]", '[inputs]\narea = { path = "area.gpkg" }')
    finding = found(town, cache)["people-outside"]
    assert finding.people == 280
    assert "0 of them would be covered" in finding.message
    assert finding.points_of_coverage == pytest.approx(100 * (30 / 310 - 30 / 30))


def write_area(study: Path) -> None:
    shape = box(108.15, 30.45, 108.27, 30.55)  # 11.5 by 11.1 km
    gpd.GeoDataFrame({"name": ["County"]}, geometry=[shape], crs=4326).to_file(study.parent / "area.gpkg")
    edit(study, "[inputs]", '[inputs]\narea = { path = "area.gpkg" }')


def test_people_in_thousands_are_told_with_their_worth(town: Path, cache: Path) -> None:
    write_area(town)
    write_people(town, [(i, x, y, n / 1_000) for i, x, y, n in PLACES])
    finding = found(town, cache)["people-unit"]
    assert "is the unit right, or are they thousands? With 315 people" in finding.message
    assert finding.points_of_coverage == pytest.approx(0)  # a column says the setting, whatever the number


def test_less_than_one_person_in_all_is_told(town: Path, cache: Path) -> None:
    write_people(town, [(i, x, y, n / 1_000) for i, x, y, n in PLACES])
    assert "is the unit right, or are they thousands?" in found(town, cache)["people-unit"].message


def test_thousands_change_the_settings_and_so_the_share(town: Path, cache: Path) -> None:
    write_area(town)
    edit(town, 'setting = "setting", ', "")
    write_people(town, [("p1", 0, 0, 2), ("p2", 4, 0, 8)])  # as 2,000 and 8,000 people in cells side by side a town
    finding = found(town, cache)["people-unit"]
    assert finding.points_of_coverage == pytest.approx(-80)  # 2 km are within the rule of the country only


def test_a_county_of_few_people_is_not_suspect(town: Path, cache: Path) -> None:
    write_area(town)
    assert "people-unit" not in found(town, cache)  # 310 people in 128 km²


SETTLED = [("p1", 0.55, 60, 10), ("p2", 0.6, 90, 20), ("p3", 0.7, 120, 40), ("p4", 0.8, 150, 80), ("p5", 0.9, 180, 160)]


def write_homes(study: Path, use: str = "house", levels: int = 2) -> None:
    """Write 120 buildings of 10 by 10 m beside the street, 20 m apart, two storeys high: 24,000 m² of floor."""
    path = study.parent / "roads.osm"
    nodes, ways = [], []
    for number in range(120):
        x, y = 260 + 20 * (number % 12), 20 + 20 * (number // 12)
        first = 100 + 4 * number
        at = [(x, y), (x + 10, y), (x + 10, y + 10), (x, y + 10)]
        nodes += [node(first + i, 108.2 + e * STEP_DEG / 500, 30.5 + n * METRE_NORTH) for i, (e, n) in enumerate(at)]
        ring = [first, first + 1, first + 2, first + 3, first]
        ways.append(way(100 + number, ring, {"building": use, "building:levels": str(levels)}))
    before, after = path.read_text(encoding="utf-8").split("<way", 1)
    after, end = ("<way" + after).split("<relation", 1)
    path.write_text(before + "".join(nodes) + after + "".join(ways) + "<relation" + end, encoding="utf-8")


@pytest.mark.parametrize(
    ("power", "said"),
    [
        (-4, "are they ten thousands? With 310 people"),
        (-3, "are they thousands? With 310 people"),
        (-2, "are they hundreds? With 310 people"),
        (-1, "0.26 a building and 0.13 on 100 m² of floor, where 31 of them have 120 buildings with 24,0"),
        (-1, "are they tens? With 310 people"),
        (0, ""),
        (1, "26 a building and 13 on 100 m² of floor"),
        (1, "are they ten times too many? With 310 people"),
        (2, "are they a hundred times too many? With 310 people"),
        (3, "are they a thousand times too many? With 310 people"),
        (4, "are they ten thousand times too many? With 310 people"),
    ],
)
def test_people_that_do_not_fit_their_homes_are_told(town: Path, cache: Path, power: int, said: str) -> None:
    """310 people on 24,000 m² have 77 each; the hull of the five places is far below ten square kilometres."""
    write_homes(town)
    write_people(town, [(i, x, y, n * 10.0**power) for i, x, y, n in SETTLED])
    finding = found(town, cache).get("people-unit")
    assert (finding is None) == (not said)
    if finding is not None:
        assert said in finding.message
        assert finding.people == pytest.approx(310 * 10.0**power)
        assert finding.points_of_coverage == pytest.approx(0)  # a column says the setting, whatever the number


@pytest.mark.parametrize(("use", "power", "told"), [("garage", -1, False), ("yes", -1, True), ("garage", 1, False)])
def test_what_is_no_home_speaks_for_nothing(town: Path, cache: Path, use: str, power: int, told: bool) -> None:  # noqa: FBT001
    write_homes(town, use=use)
    write_people(town, [(i, x, y, n * 10.0**power) for i, x, y, n in SETTLED])
    assert ("people-unit" in found(town, cache)) == told


def test_few_homes_on_the_map_are_no_sign_of_too_many_people(town: Path, cache: Path) -> None:
    """Where nobody mapped the storeys, ten times as many people may live in towers."""
    write_homes(town, levels=1)
    write_people(town, [(i, x, y, n * 10.0) for i, x, y, n in SETTLED])
    assert "people-unit" not in found(town, cache)


def test_no_building_is_read_where_people_fit_their_streets(
    town: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accessibility.quality.other_readings.read_buildings", None)
    write_homes(town)
    write_people(town, PLACES)
    assert "people-unit" not in found(town, cache)  # 155 people a kilometre of street


def test_a_square_kilometre_denser_than_any_on_earth_is_told(town: Path, cache: Path) -> None:
    write_people(town, [(i, x, y, n * 1_000) for i, x, y, n in SETTLED])
    finding = found(town, cache)["people-unit"]
    assert "310,000 of them in one square kilometre, more than 130,000 in 1 of them" in finding.message
    write_people(town, [("p1", 0.55, 60, 310_000)])  # a whole city at one point is no density
    assert "square kilometre" not in getattr(found(town, cache).get("people-unit"), "message", "")


def test_the_sample_county_is_told_in_every_unit_but_its_own(sample_measured: Any) -> None:
    check_powers(sample_measured.study, (-4, -1, 0, 1, 3))


def check_powers(study: acc.Study, powers: Sequence[int]) -> None:
    for power in powers:
        demand = replace(study.demand, population=study.demand.population * 10.0**power)
        other = replace(study, demand=demand)
        told = list(people_in_another_unit(other, other.coverage()))
        assert len(told) == (power != 0), power
        assert not told or f"With {study.demand.population.sum():,.0f} people" in told[0].message


@pytest.mark.real
def test_liechtenstein_is_told_in_every_unit_that_its_homes_speak_of(liechtenstein: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [b.split("```")[0] for b in readme.split("```toml\n") if b.startswith('name = "Liechtenstein"')]
    path = tmp_path / "study.toml"
    path.write_text(block.replace('"liechtenstein.osm.pbf"', f'"{liechtenstein}"'), encoding="utf-8")
    check_powers(acc.read_study(path, cache=tmp_path), (-1, 0, 2))  # ten times: towers of unknown height


@pytest.mark.real
@pytest.mark.parametrize(
    ("extract", "people", "powers"),
    [
        ("monaco/monaco.osm.gz", 38_300, (-3, 0, 3)),  # 39,150 in 2021, of whom some live beyond the buildings mapped
        ("porto/porto-centre-2020.osm.pbf", 60_000, (-3, 0)),  # some 5,700 a km² in the city
    ],
)
def test_other_towns_are_silent_in_their_unit(extract: str, people: int, powers: Sequence[int], tmp_path: Path) -> None:
    """People stand on the streets, as many at each of 2,000 junctions."""
    path = REAL_DATA / extract
    if not path.is_file():
        pytest.skip("the real data are not beside the project")
    network, _ = read_network(path, cache_dir=tmp_path)
    at = network.node_xy[:: max(1, len(network.node_xy) // 2_000)]
    lonlat = transform(at, network.crs, WGS84)
    rows = "".join(f"{i},{lon:.6f},{lat:.6f},{people / len(at)},urban\n" for i, (lon, lat) in enumerate(lonlat))
    (tmp_path / "people.csv").write_text("id,lon,lat,population,setting\n" + rows, encoding="utf-8")
    (tmp_path / "outlets.csv").write_text(f"id,lon,lat\nO1,{lonlat[0][0]},{lonlat[0][1]}\n", encoding="utf-8")
    inputs = f"""network = {{ path = "{path}" }}
        population = {{ path = "people.csv", setting = "setting", coordinates = "WGS84" }}
        outlets = {{ path = "outlets.csv", coordinates = "WGS84" }}"""
    (tmp_path / "study.toml").write_text(f"[inputs]\n{inputs}", encoding="utf-8")
    check_powers(acc.read_study(tmp_path / "study.toml", cache=tmp_path), powers)


def test_a_scenario_is_doubted_as_a_study_is(town: Path, cache: Path) -> None:
    study = acc.read_study(town, cache=cache)
    north = 30.5 + 300 * METRE_NORTH
    scenario = acc.Scenario(
        name="s",
        added=(acc.Addition(id="N", lon=108.2, lat=north), acc.Addition(id="M", lon=108.2, lat=30.5)),
        settings=acc.Settings(speed_m_s=2.9, standard=acc.Standard(urban=acc.Rule.walk(900))),
    )
    doubts = doubts_of_scenario(scenario, study.coverage(scenario), "s.toml")
    assert [str(doubt) for doubt in doubts] == [
        "s.toml: scenario 's': 900 minutes are no walk: are they seconds?",
        "s.toml: scenario 's': 2.9 m/s, 10.4 km/h, is no walk: is it in km/h?",
        "s.toml: scenario 's': site 'N' stands 300 m from the nearest street: is its place wrong?",
    ]
    plain = acc.Scenario(name="t", closed=("O1",), settings=acc.Settings(speed_m_s=1.2))
    assert doubts_of_scenario(plain, study.coverage(plain), "s.toml") == []


def test_one_outlet_under_two_ids_metres_apart_is_told(town: Path, cache: Path) -> None:
    write_outlets(town, [("O1", "Hall", 0, 0), ("O2", "Hall", 0, 40), ("O3", "Other", 0, 40), ("O4", "Hall", 2, 0)])
    finding = found(town, cache)["near-double"]
    assert finding.message.startswith("2 sites of one name stand 40 m apart or less: O1 (Hall), O2 (Hall)")
    assert finding.points_of_coverage == pytest.approx(0)


def test_a_swap_near_the_diagonal_is_told_of_few_rows(town: Path, cache: Path) -> None:
    """The town is moved to where longitude and latitude are alike; its street leads to the east by north."""
    at = [(45 + 0.006 * i, 45 + 0.002 * i) for i in range(5)]
    write_osm(town.parent / "roads.osm", *[node(i + 1, *place) for i, place in enumerate(at)], way(1, [1, 2, 3, 4, 5]))
    people = [f"p{i},{x},{y},{10 + i},urban" for i, (x, y) in enumerate(at)]
    (town.parent / "people.csv").write_text("\n".join(["id,lon,lat,population,setting", *people]), encoding="utf-8")
    (town.parent / "banks.csv").write_text("id,name,lon,lat,partner\nB1,Bank,45,45,no\n", encoding="utf-8")
    rows = [f"O{i},{y},{x}" for i, (x, y) in enumerate(at[2:])]
    (town.parent / "outlets.csv").write_text("\n".join(["id,lon,lat", *rows]), encoding="utf-8")
    finding = found(town, cache)["datum-suspect"]
    assert "with longitude and latitude swapped" in finding.message
    before = acc.read_study(town, cache=cache).coverage().share
    rows = [f"O{i},{x},{y}" for i, (x, y) in enumerate(at[2:])]
    (town.parent / "outlets.csv").write_text("\n".join(["id,lon,lat", *rows]), encoding="utf-8")
    after = acc.read_study(town, cache=cache).coverage().share
    assert after > before
    assert finding.points_of_coverage == pytest.approx(100 * (after - before), abs=1e-6)
    assert "datum-suspect" not in found(town, cache)
