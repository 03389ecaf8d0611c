"""What findings on the inputs are worth, the way to the street, the nearest junction: done by hand or by networkx."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import worlds
from commands import call
from conftest import ROOT, STEP_DEG
from osmfiles import node, way, write_osm
from shapely import box
from worlds import edit

import accessibility as acc
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.cli.report_facts import people_depending_on_outside
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.surface import measure_streets, snap_table, snap_to_nodes
from accessibility.quality import QUALITY_COLUMNS, measure_at_nodes, measure_quality
from accessibility.streets.snapping import NOWHERE, Snapped

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Study
    from accessibility.quality import Quality

METRE_NORTH = 1 / 110_860.0  # degrees of latitude at 30.5 degrees north


def quality_of(study: Path, cache: Path) -> tuple[Quality, Any]:
    found = measure_quality(acc.read_study(study, cache=cache))
    return found, found.table.set_index("code")


def write_people(study: Path, rows: list[tuple[str, float, float, float, str]]) -> None:
    """Write people by id, steps of 500 m to the east, metres to the north, number and setting."""
    lines = [
        f"{i},{108.2 + x * STEP_DEG:.7f},{30.5 + y * METRE_NORTH:.7f},{n},{setting}" for i, x, y, n, setting in rows
    ]
    text = "\n".join(["id,lon,lat,population,setting", *lines])
    (study.parent / "people.csv").write_text(text, encoding="utf-8")


def write_area(study: Path, columns: dict[str, list[object]], west: float, east: float) -> None:
    """Write two districts, West and East, that meet in the middle of the second and third place with people."""
    middle = 108.2 + 1.5 * STEP_DEG
    shapes = [box(108.2 + west * STEP_DEG, 30.4, middle, 30.6), box(middle, 30.4, 108.2 + east * STEP_DEG, 30.6)]
    gpd.GeoDataFrame({"name": ["West", "East"], **columns}, geometry=shapes, crs=4326).to_file(
        study.parent / "area.gpkg"
    )
    population = ', population = "official"' if columns else ""
    edit(study, "[inputs]", f'[inputs]\n        area = {{ path = "area.gpkg"{population} }}')


def test_the_nearest_junction_is_the_one_brute_force_finds() -> None:
    rng = np.random.default_rng(7)
    points = [(float(x), float(y)) for x in range(0, 1_000, 100) for y in range(0, 1_000, 100)]
    edges = [(i, i + 1) for i in range(99) if i % 10 != 9] + [(i, i + 10) for i in range(90)]
    town = worlds.network([*points, (2_000, 0), (2_100, 0)], [*edges, (100, 101)])
    homes = worlds.people([(float(x), float(y)) for x, y in rng.uniform(-200, 2_200, (300, 2))])
    at = snap_to_nodes(town, homes.xy)
    distance = np.hypot(*(homes.xy[:, None] - town.node_xy[None, :100]).transpose(2, 0, 1))  # the fragment gets nobody
    assert at.leg_m == pytest.approx(distance.min(axis=1))
    junction = town.edges[at.edge, at.fraction.astype(int)]
    assert (junction == distance.argmin(axis=1)).all()
    assert set(at.fraction) == {0.0, 1.0}


def test_who_has_no_place_or_no_junction_in_reach_stands_nowhere() -> None:
    at = snap_to_nodes(worlds.line(), np.array([[np.nan, 0], [500_000, 3_375_300], [500_000, 3_375_301]]), 300.0)
    assert (at.edge == NOWHERE).tolist() == [True, False, True]
    assert at.leg_m[1:].tolist() == [300, 301]


def test_a_counter_takes_a_junction_of_a_public_street() -> None:
    street = worlds.network([(0, 0), (100, 0), (100, 50)], [(1, 2), (0, 1)])
    street = replace(street, private=np.array([True, False]))
    xy = worlds.ORIGIN + np.array([[100, 60]])
    assert snap_to_nodes(street, xy).leg_m[0] == pytest.approx(10)
    assert snap_to_nodes(street, xy, public=True).leg_m[0] == pytest.approx(60)
    assert snap_to_nodes(street, xy, public=True).edge[0] == 1
    assert snap_to_nodes(street, worlds.ORIGIN + np.array([[100, 0]])).edge[0] == 1  # a public street where both meet


def test_a_point_on_a_junction_walks_the_same_however_it_is_snapped() -> None:
    square = worlds.one_way_square()
    homes, sites = worlds.people([(0, 0), (100, 0), (100, 100), (0, 100)]), worlds.outlets([(100, 100)])
    moved = Snapped(demand=snap_to_nodes(square, homes.xy), sites=snap_to_nodes(square, sites.xy))
    there = measure_coverage(square, homes, sites, snapped=moved)
    assert there.walk_s.tolist() == [200, 100, 0, 300]
    assert there.walk_s.tolist() == measure_coverage(square, homes, sites).walk_s.tolist()


def test_walks_from_the_nearest_junction_are_those_of_networkx() -> None:
    rng = np.random.default_rng(3)
    nodes = [(float(x), float(y)) for x, y in rng.uniform(0, 2_000, (40, 2))]
    edges = [(i, i + 1) for i in range(39)] + [(int(a), int(b)) for a, b in rng.integers(0, 40, (40, 2)) if a != b]
    streets = worlds.network(nodes, edges)
    homes = worlds.people([(float(x), float(y)) for x, y in rng.uniform(0, 2_000, (60, 2))])
    sites = worlds.outlets([(300, 400), (1_500, 1_600)])
    moved = Snapped(demand=snap_to_nodes(streets, homes.xy), sites=snap_to_nodes(streets, sites.xy))
    graph: nx.Graph[int] = nx.Graph()
    for (a, b), length in zip(edges, streets.length_m, strict=True):
        graph.add_edge(a, b, length=min(length, graph.get_edge_data(a, b, {"length": np.inf})["length"]))

    def junction(xy: np.ndarray) -> tuple[int, float]:
        away = np.hypot(*(streets.node_xy - xy).T)
        return int(away.argmin()), 1.3 * float(away.min())

    ways = [
        (leg, nx.single_source_dijkstra_path_length(graph, at, weight="length")) for at, leg in map(junction, sites.xy)
    ]
    expected = [min(leg + far[at] for leg, far in ways) + own for at, own in map(junction, homes.xy)]
    assert measure_coverage(streets, homes, sites, snapped=moved).walk_s == pytest.approx(expected, abs=0.2)


def test_moving_people_to_junctions_by_hand(town: Path, cache: Path) -> None:
    # The street has junctions at its ends only: 800 m along it are 800 s, but 1 040 s off a junction at 1.3 s a metre.
    write_people(town, [("p1", 0, 0, 10, "urban"), ("p2", 1.6, 0, 30, "urban")])
    quality, table = quality_of(town, cache)
    assert quality.coverage.covered_people == 40
    assert quality.nearest_node_points == pytest.approx(-75)
    assert table.loc["nearest-node", "points_of_coverage"] == pytest.approx(-75)
    assert table.loc["nearest-node", "people"] == 30
    assert "30 people too few and 0 too many" in table.loc["nearest-node", "message"]


def test_a_closed_outlet_is_worth_the_people_it_would_add(town: Path, cache: Path) -> None:
    end, near = 108.2 + 4 * STEP_DEG, 108.2 + 1.4 * STEP_DEG
    rows = (
        f"id,name,lon,lat,status\nO1,Hall,108.2,30.5,open\nO2,East,{end:.7f},30.5,closed\nO3,,{near:.7f},30.5,closed\n"
    )
    (town.parent / "outlets.csv").write_text(rows, encoding="utf-8")
    _, table = quality_of(town, cache)
    shut = table.loc["outlet-not-open"]
    assert shut["people"].tolist() == [240, 40]  # 0 and 500 m from the end; 300 m from O3, not who is covered already
    assert shut["points_of_coverage"].tolist() == pytest.approx([100 * 240 / 310, 100 * 40 / 310])
    assert (shut["lon"].iloc[0], shut["lat"].iloc[0]) == pytest.approx((end, 30.5), abs=1e-6)
    assert shut["district"].tolist() == ["Street", "Street"]
    assert shut["input"].tolist() == ["outlets.csv"] * 2


@pytest.mark.parametrize(
    ("more", "code", "points"), [(1, "duplicate-place", 0), (3, "geocoder-fallback", -3_000 / 310)]
)
def test_doubles_are_worth_nothing_and_a_pile_all_who_hang_on_it(
    more: int, code: str, points: float, town: Path, cache: Path
) -> None:
    with (town.parent / "outlets.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"X{i},Hall,108.2,30.5\n" for i in range(more))
    quality, table = quality_of(town, cache)
    assert [f.code for f in quality.findings].count(code) == 1  # the reader's own finding is not there as well
    assert table.loc[code, "count"] == more + 1
    assert table.loc[code, "points_of_coverage"] == pytest.approx(points)
    assert "O1 (Hall), X0 (Hall)" in table.loc[code, "message"]


def test_a_site_in_another_district_than_it_says(town: Path, cache: Path) -> None:
    rows = "id,name,lon,lat,街道\nO1,Hall,108.2,30.5,east \nO2,Far,108.2,30.51,West\nO3,Far,108.2,30.51,nowhere\n"
    (town.parent / "outlets.csv").write_text(rows, encoding="utf-8")
    write_area(town, {}, -2, 6)
    _, table = quality_of(town, cache)
    wrong = table.loc[["site-in-other-district"]]
    assert len(wrong) == 1
    assert wrong["district"].tolist() == ["West"]
    assert wrong["points_of_coverage"].tolist() == pytest.approx([-100 * 30 / 310])
    assert "O1 (Hall) says east" in wrong["message"].iloc[0]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("某县东镇人民路1号", "says 东镇"),
        ("东镇人民路1号", "says 东镇"),
        ("某县西镇东街1号", ""),
        ("某县河东镇1号", ""),
        ("", ""),
    ],
)
def test_an_address_that_names_another_district_is_told(address: str, told: str) -> None:
    crs: Any = "EPSG:32649"
    there: dict[str, Any] = {"node_xy": [(5e5, 34e5), (502e3, 34e5)], "edges": [(0, 1)], "length_m": [2000]}
    people: dict[str, Any] = {"ids": ["a"], "xy": [(500_100, 34e5)], "population": [30]}
    road, homes = acc.Network(**there, crs=crs), acc.Demand(**people, crs=crs)
    west, east = (box(x, 33.9e5, x + 1_000, 34.1e5) for x in (500_000, 501_000))
    areas = gpd.GeoDataFrame({"name": ["西镇", "东镇"]}, geometry=[west, east], crs="EPSG:32649")
    for x, far in ((500_100, True), (500_900, False)):  # the border may well be drawn 100 m off
        place = gpd.points_from_xy([x], [34e5])
        outlets = gpd.GeoDataFrame({"id": ["O1"], "address": [address]}, geometry=place, crs="EPSG:32649")
        found = measure_quality(acc.Study.of(road, homes, outlets, districts=areas)).table
        said = found.loc[found["code"] == "site-in-other-district", "message"].tolist()
        assert [told in message and "lies in 西镇" in message for message in said] == [True] * bool(told and far)


def test_the_column_that_names_districts_of_the_study_is_the_one_that_counts(town: Path, cache: Path) -> None:
    # The townships are villages of another list; the study's districts stand in the column of counties.
    rows = "id,name,lon,lat,乡镇,区县\nO1,Hall,108.2,30.5,North,East\n"
    (town.parent / "outlets.csv").write_text(rows, encoding="utf-8")
    write_area(town, {}, -2, 6)
    assert "says East" in quality_of(town, cache)[1].loc["site-in-other-district", "message"]
    (town.parent / "outlets.csv").write_text(rows.replace("North,East", "East,Elsewhere"), encoding="utf-8")
    assert "says East" in quality_of(town, cache)[1].loc["site-in-other-district", "message"]


def test_sites_outside_are_worth_those_who_depend_on_them(town: Path, cache: Path) -> None:
    write_area(town, {}, 0.5, 6)
    study = acc.read_study(town, cache=cache)
    quality, table = quality_of(town, cache)
    assert table.loc["site-outside", "people"] == 20 == people_depending_on_outside(study, quality.coverage)
    assert table.loc["site-outside", "points_of_coverage"] == pytest.approx(-100 * 20 / 300)
    assert pd.isna(table.loc["site-outside", "district"])


def test_people_whom_the_streets_miss(town: Path, cache: Path) -> None:
    at = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    at += [node(6, 108.2 + STEP_DEG, 30.499), node(7, 108.2, 30.52), node(8, 108.2 + STEP_DEG, 30.52)]
    write_osm(town.parent / "roads.osm", *at, way(1, [1, 2, 3, 4, 5]), way(2, [2, 6]), way(3, [7, 8]))
    people: list[tuple[str, float, float, float, str]] = [
        *(("p1", 0, 0, 10, "urban"), ("near", 1, 150, 20, "urban"), ("far", 3, 150, 40, "urban")),
        *(("beyond", 2, 600, 80, "urban"), ("rural", 2, 700, 5, "rural"), ("island", 0.5, 2_216, 160, "urban")),
    ]
    write_people(town, people)
    quality, table = quality_of(town, cache)
    total = 315
    assert quality.coverage.covered_people == 35  # the countryside has a street within 2 km, and 5 km of it to go
    assert table.loc["island", "points_of_coverage"] == pytest.approx(100 * 160 / total)
    assert table.loc["beyond-snap-limit", "points_of_coverage"] == pytest.approx(100 * 80 / total)
    missing = table.loc["street-missing"]
    assert (missing["people"], missing["count"]) == (65, 3)
    assert missing["points_of_coverage"] == pytest.approx(100 * 40 / total)  # who is covered all the same is no gain
    assert missing["lon"] == pytest.approx(108.2 + 3 * STEP_DEG, abs=1e-6)  # the largest of the three
    worth = table.loc[["island", "beyond-snap-limit", "street-missing"], "points_of_coverage"].sum()
    assert worth == pytest.approx(100 * (1 - quality.coverage.share))  # here nobody is uncovered for another reason
    row = quality.snap.iloc[-1]
    assert (row["population"], row["beyond_limit_people"], row["over_100_m_people"]) == (total, 80, 145)
    assert row["snap_max_m"] == pytest.approx(700, rel=2e-3)


def test_without_any_outlet_the_streets_are_not_to_blame(town: Path, cache: Path) -> None:
    text = "id,name,lon,lat,status\nO1,Hall,108.2,30.5,closed\n"
    (town.parent / "outlets.csv").write_text(text, encoding="utf-8")
    _, table = quality_of(town, cache)
    assert "island" not in table.index
    assert table.loc["outlet-not-open", "people"] == 30


def test_people_without_a_place_are_worth_themselves(town: Path, cache: Path) -> None:
    with (town.parent / "people.csv").open("a", encoding="utf-8") as file:
        file.write("p6,,,5,urban\n")
    quality, table = quality_of(town, cache)
    assert table.loc["people-without-place", "points_of_coverage"] == pytest.approx(100 * 5 / 315)
    assert quality.snap.iloc[-1]["without_place_people"] == 5
    assert quality.snap.iloc[-1]["snap_max_m"] == pytest.approx(0, abs=0.01)


def test_towns_under_the_other_rule(town: Path, cache: Path) -> None:
    write_people(town, [("p1", 0, 0, 10, "urban"), ("p2", 3, 0, 30, "town")])
    assert quality_of(town, cache)[1].loc["town-rule", "points_of_coverage"] == pytest.approx(75)
    edit(town, "[inputs]", '[standard]\n        town = "rural"\n        [inputs]')
    assert quality_of(town, cache)[1].loc["town-rule", "points_of_coverage"] == pytest.approx(-75)


def test_official_totals_weigh_the_districts(town: Path, cache: Path) -> None:
    write_area(town, {"official": [60, 280]}, -2, 6)
    _, table = quality_of(town, cache)
    assert table.loc["official-totals", "points_of_coverage"] == pytest.approx(100 * (60 / 340 - 30 / 310))
    assert "310 people counted, 340 officially: 1.10 times as many" in table.loc["official-totals", "message"]
    assert table.loc[["official-total"], "district"].tolist() == ["West"]
    assert table.loc["official-total", "people"] == 30


def test_the_way_to_the_street_by_district() -> None:
    homes = worlds.people([(100, 10), (200, 20), (300, 150), (400, 600), (500, 40)], [50, 40, 7, 2, 1])
    coverage = measure_coverage(worlds.line(), homes, worlds.outlets([(0, 0)]))
    district = pd.Series(["A", "A", "A", "B", None], index=homes.ids)
    table: Any = snap_table(coverage, district, ["A", "B", "C"]).set_index("district")
    assert table.index.tolist() == ["A", "B", "C", "(none)", "total"]
    assert table.loc["A"].tolist() == pytest.approx([97, 10, 150, 150, 0, 7, 0])
    assert table.loc["total"].tolist() == pytest.approx([100, 10, 150, 600, 2, 9, 0])
    assert table.loc["C"].isna().sum() == 3
    sums = table.iloc[:-1][["population", "beyond_limit_people", "over_100_m_people", "without_place_people"]].sum()
    assert sums.tolist() == table.loc["total", sums.index].tolist()


def test_street_density_where_people_live() -> None:
    street = worlds.line(2_500, 5)
    homes = worlds.people([(500, 10), (1_500, 10), (2_400, 10), (3_500, 2_500)], [2, 0.5, 4, 3])
    figures = measure_streets(street, measure_coverage(street, homes, worlds.outlets([(0, 0)])))
    assert figures.inhabited_km2 == 3  # half a person is none
    assert figures.street_km == pytest.approx(1.5)
    assert figures.km_per_km2 == pytest.approx(0.5)
    assert figures.people_without_street == 3
    assert figures.over_100_m_share == pytest.approx(3 / 9.5)


def test_the_sample_county_adds_up(sample_study: Study) -> None:
    study = sample_study
    quality = measure_quality(study)
    now = quality.coverage
    table: Any = quality.table.set_index("code")
    assert tuple(quality.table.columns) == QUALITY_COLUMNS
    open_ = study.coverage(walker=replace(study.walker, open_compounds=True))
    assert table.loc["compounds", "points_of_coverage"] == pytest.approx(100 * (open_.share - now.share))
    assert table.loc["compounds", "points_of_coverage"] > 0
    missed = table.loc[table.index.isin(["island", "street-missing", "beyond-snap-limit"])]
    assert missed["points_of_coverage"].between(0, 100 * missed["people"] / now.population + 1e-9).all()
    assert missed["people"].sum() >= now.unreached_people
    assert quality.snap["population"].iloc[:-1].sum() == pytest.approx(now.population)
    warnings = [f.is_warning for f in quality.findings]
    assert warnings == sorted(warnings, reverse=True)


def test_check_and_cover_write_the_same_findings(
    town: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    run_cover(town, tmp_path / "run", Options(workers=1), Silence())
    for more in ([], ["--json"]):
        assert call(monkeypatch, "check", town, "--out", tmp_path / "out", *more) == 0
        if not more:
            assert "snapping to the nearest junction instead" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["quality.csv"]
    assert (tmp_path / "out" / "quality.csv").read_bytes() == (tmp_path / "run" / "quality.csv").read_bytes()
    facts = json.loads(capsys.readouterr().out)
    written = pd.read_csv(tmp_path / "out" / "quality.csv", encoding="utf-8-sig")
    assert list(written.columns) == list(QUALITY_COLUMNS)
    assert [f["code"] for f in facts["findings"]] == written["code"].tolist()
    assert facts["snap"][-1]["population"] == 310
    assert facts["streets"]["over_100_m_share"] == 0


@pytest.mark.real
def test_liechtenstein(liechtenstein: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [b.split("```")[0] for b in readme.split("```toml\n") if b.startswith('name = "Liechtenstein"')]
    path = tmp_path / "study.toml"
    path.write_text(block.replace('"liechtenstein.osm.pbf"', f'"{liechtenstein}"'), encoding="utf-8")
    study = acc.read_study(path, cache=tmp_path)
    quality = measure_quality(study)
    table: Any = quality.table.set_index("code")
    assert "officially: 1.00 times as many" in table.loc["official-totals", "message"]  # shared by buildings
    assert len(quality.snap) == 12
    moved = measure_at_nodes(study, quality.coverage)
    assert quality.nearest_node_points == pytest.approx(100 * (moved.share - quality.coverage.share))
    street = quality.coverage.snapped.demand
    streets, junctions = study.network, moved.snapped.demand
    # Nobody steps onto a bridge from beside, so the street may be farther than a junction there.
    ground = np.unique(streets.edges[streets.main_edges & streets.from_beside])
    there = np.isin(streets.edges[junctions.edge, junctions.fraction.astype(int)], ground)
    main = street.snapped & junctions.snapped & streets.main_edges[street.edge] & there
    assert main.sum() > 12_000
    assert (junctions.leg_m[main] >= street.leg_m[main] - 1e-6).all()  # a junction is a place on the street
    assert 1 < quality.streets.km_per_km2 < 30


def test_a_street_between_two_equal_points_has_no_pieces() -> None:
    # Two nodes of one place make an edge without length; the streets around it are counted as they are.
    world = worlds.network([(0, 0), (300, 0), (300, 0), (600, 0)], [(0, 1), (1, 2), (2, 3)])
    now = measure_coverage(world, worlds.people([(10, 5)]), worlds.outlets([(590, 0)]))
    assert now.walk_s == pytest.approx([580 + 1.3 * 5])
    assert measure_streets(world, now).street_km == pytest.approx(0.6)
