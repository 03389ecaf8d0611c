"""Room at the sites: read from any table, the same through every door, in every file of a run, and against a flow."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
import worlds
from conftest import write_town
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from accessibility import (
    Demand,
    InputError,
    Network,
    Scenario,
    Sites,
    Study,
    compare_coverages,
    compare_scenarios,
    measure_coverage,
    read_study,
    write_scenarios,
)
from accessibility.cli.comparing import run_compare
from accessibility.cli.console import Silence, print_comparison, print_coverage
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover, run_site
from accessibility.cli.verifying import run_verify
from accessibility.notebook import WhatIf
from accessibility.present.manifest import data_dictionary
from accessibility.study.proposing import Question

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.options import Result

pytestmark = pytest.mark.filterwarnings("ignore:.* findings on the inputs")

# Along the street of `write_town`: 10 people stand at the hall, 20 at 500 m; within 15 minutes nobody else does.
COVERED, ROOM, SERVED, PEOPLE = 30.0, 25.0, 25.0, 310.0


def seated(folder: Path, seats: str = "25", column: str = "seats") -> Path:
    """Write the town whose hall has room for so many, as the study names the column."""
    study = write_town(folder)
    (folder / "outlets.csv").write_text(f"id,name,lon,lat,{column}\nO1,Hall,108.2,30.5,{seats}\n", encoding="utf-8")
    named = f'path = "outlets.csv", columns = {{ capacity = "{column}" }},'
    study.write_text(study.read_text(encoding="utf-8").replace('path = "outlets.csv",', named), encoding="utf-8")
    return study


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Result:
    """Return what a run of the town with room found, with a proposal."""
    folder = tmp_path_factory.mktemp("seated")
    options = Options(cache=cache, date="2026-11-29", language="both")
    return run_site(seated(folder), Question(sites=1), folder / "run", options, Silence())


@settings(max_examples=30)
@given(towns(), st.lists(st.integers(0, 900), min_size=5, max_size=5))
def test_who_is_served_is_the_greatest_flow_to_the_nearest_sites(
    town: tuple[Network, Demand, Sites], room: list[int]
) -> None:
    network, demand, sites = town
    now = measure_coverage(network, demand, replace(sites, capacity=np.array(room[: len(sites)], float)))
    flow: Any = nx.DiGraph()
    flow.add_nodes_from(["home", "hall"])
    for row in np.flatnonzero(now.covered).tolist():
        flow.add_edge("home", ("point", row), capacity=int(demand.population[row]))
        flow.add_edge(("point", row), ("site", int(now.nearest[row])))
    for row in range(len(sites)):
        flow.add_edge(("site", row), "hall", capacity=room[row])
    assert now.service is not None
    assert now.service.served_people == nx.maximum_flow_value(flow, "home", "hall")
    assert 0 <= now.service.served_people <= now.covered_people <= now.population
    assert (now.service.people <= np.where(now.covered, demand.population, 0)).all()
    by = now.by("setting")
    assert by["served"].sum() == now.service.served_people
    assert (by["served"] + by["unserved"] + by["uncovered"]).tolist() == by["population"].tolist()
    told = now.service.of_sites()
    assert told["served"].sum() == now.service.served_people
    assert (told["served"] <= told["capacity"]).all()


def test_coverage_tells_it_without_another_question_and_a_study_without_room_tells_nothing(town: Path) -> None:
    plain = read_study(town)
    assert plain.coverage().service is None
    assert "served" not in {*plain.table().columns, *plain.coverage().by("setting").columns}
    with pytest.raises(InputError, match="the sites of the study have no capacity; expected a column"):
        plain.service()


def by_file(folder: Path, frame: gpd.GeoDataFrame, name: str) -> Study:
    study = write_town(folder)
    if name.endswith(".csv"):
        table = pd.DataFrame(frame.drop(columns="geometry")).assign(lon=frame.geometry.x, lat=frame.geometry.y)
        table.to_csv(folder / name, index=False)
    elif name.endswith(".parquet"):
        frame.to_parquet(folder / name)
    else:
        frame.to_file(folder / name)
    how = f'"{name}"' if "服务能力" in frame.columns else f'"{name}", columns = {{ capacity = "seats" }}'
    text = re.sub(r"outlets = .*", f"outlets = {{ path = {how} }}", study.read_text(encoding="utf-8"))
    study.write_text(text, encoding="utf-8")
    return read_study(study)


@pytest.mark.parametrize("name", ["halls.csv", "halls.gpkg", "halls.parquet"])
@pytest.mark.parametrize("column", ["seats", "服务能力"])
def test_the_same_by_a_file_in_memory_and_of_a_saved_study(tmp_path: Path, name: str, column: str) -> None:
    at = shapely.points([(108.2, 30.5), (108.2 + 0.0208, 30.5)])
    halls = gpd.GeoDataFrame({"id": ["O1", "O2"], column: [25.3, 100.125]}, geometry=at, crs="EPSG:4326")
    study = by_file(tmp_path, halls, name)
    named: dict[str, Any] = {"capacity": "seats"} if column == "seats" else {}
    memory = Study.of(study.network, study.demand, halls, **named)
    again = read_study(memory.save(tmp_path / "saved"))
    for one in (study, memory, again):
        now = one.coverage()
        assert one.sites.capacity[:2].tolist() == [25.3, 100.125]
        assert now.service is not None
        # 10 and 15.3 of 20 at the first; 80 and 160 want the second, of whom 100.125 find room.
        assert now.service.served_people == pytest.approx(25.3 + 100.125, abs=1e-9)
        assert one.service().people.tolist() == study.coverage().service.people.tolist()  # type: ignore[union-attr]
        assert one.table()["served"].iloc[-1] == now.service.served_people
        assert one.access("2sfca", supply="capacity").notna().all()
    assert study.what_if().close("O2").coverage().service.served_people == 25.3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("seats", "found"),
    [
        ("-1", r"1 cell is negative: row 2 '-1'; expected people that a site has room for, 0 or more"),
        ("many", "1 cell is not a number: row 2 'many'; expected numbers"),
        ("", "1 cell is blank: row 2 ''; expected the room of each site that counts, or unlimited"),
    ],
)
def test_what_is_no_room_is_refused_at_every_door(tmp_path: Path, seats: str, found: str) -> None:
    with pytest.raises(InputError, match=f"outlets.csv: column 'seats': {found}"):
        read_study(seated(tmp_path, seats))
    halls = gpd.GeoDataFrame({"seats": [seats]}, geometry=shapely.points([worlds.ORIGIN]), crs=worlds.CRS)
    with pytest.raises(InputError, match=f"outlets: column 'seats': {found.replace('row 2', 'row 1')}"):
        Study.of(worlds.line(), worlds.people([(100, 0)]), halls, capacity="seats")
    with pytest.raises(InputError, match="no column 'chairs'; expected the people that each has room for in one"):
        Study.of(worlds.line(), worlds.people([(100, 0)]), halls, capacity="chairs")


def test_sites_alone_refuse_it_too() -> None:
    at: dict[str, Any] = {"ids": ["O1", "B1"], "xy": [(0, 0), (9, 9)], "kind": ["outlet", "bank"], "crs": worlds.CRS}
    assert not Sites(**at).has_capacity
    assert Sites(**at, capacity=np.array([5, np.nan])).capacity.tolist() == [5, np.inf]  # a bank that does not count
    for wrong in (np.array([-1.0, 0]), np.array([np.nan, 0])):
        with pytest.raises(InputError, match="sites capacity: 1 of 2 rows, first row 0"):
            Sites(**at, capacity=wrong)
    two = Sites(**at, capacity=np.array([5.0, 6])) + worlds.outlets([(1, 1)])
    assert two.capacity.tolist() == [5, 6, np.inf]
    assert Sites.from_gdf(two.to_gdf()).capacity.tolist() == two.capacity.tolist()


@pytest.mark.parametrize(("seats", "served"), [("unlimited", 30.0), ("不限", 30.0), ("0", 0.0), ("1,000", 30.0)])
def test_no_limit_and_no_room_are_said_in_words_of_offices(tmp_path: Path, seats: str, served: float) -> None:
    study = read_study(seated(tmp_path, f'"{seats}"', "服务能力"))
    service = study.coverage().service
    assert (COVERED if service is None else service.served_people) == served


def test_banks_without_a_column_and_sites_that_are_added_have_no_limit(tmp_path: Path) -> None:
    study = read_study(seated(tmp_path))
    opened = study.what_if().open("B1").coverage()
    assert opened.service is not None
    assert opened.service.served_people == SERVED + 240  # 80 at 500 m of the bank, 160 beside it
    table: Any = opened.service.table()
    assert table.loc["B1", ["capacity", "served"]].tolist() == [np.inf, 240]


def test_every_file_of_a_run_tells_it(result: Result) -> None:
    folder = result.folder
    totals = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["totals"]
    assert [totals[name] for name in ("covered", "served", "unserved")] == [COVERED, SERVED, COVERED - SERVED]
    assert totals["served_share"] == SERVED / PEOPLE
    districts = pd.read_csv(folder / "districts.csv").iloc[-1]
    assert districts[["covered", "served", "unserved"]].tolist() == [COVERED, SERVED, COVERED - SERVED]
    sites = pd.read_csv(folder / "capacity.csv", keep_default_na=False).to_dict("records")
    assert sites == [
        {
            "id": "O1",
            "name": "Hall",
            "kind": "outlet",
            "district": "Street",
            "capacity": 25,
            "covered": 30,
            "served": 25,
            "unserved": 5,
            "used": 1,
        }
    ]
    assert gpd.read_parquet(folder / "demand.parquet")["served"].tolist() == [10, 15, 0, 0, 0]
    layer = gpd.read_file(folder / "coverage.gpkg", layer="outlets").iloc[0]
    assert layer[["capacity", "served", "unserved", "used"]].tolist() == [25, 25, 5, 1]
    book = pd.read_excel(folder / "report.xlsx", sheet_name=None, engine="openpyxl")
    assert [name for name in book if "Capacity" in name]
    summary = next(iter(book.values())).fillna("").astype(str).to_numpy().tolist()
    assert any("Covered and served: 8.1" in cell for row in summary for cell in row)
    report = (folder / "report.html").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "Covered and served: 8.1 % of 310 people (25). 5 people are covered and find no room, at 1 of 1" in report
    assert re.search("已覆盖且可接待.310人中有25人.8.1%", report)
    # The site proposed has no limit: all but the five who find no room today would be covered and served.
    assert report.count("capacity was no part of the choice. With it 98.4 % of 310 people (305)") == 2
    page = (folder / "coverage.html").read_text(encoding="utf-8")
    (room,) = re.findall('"room": ?"([^"]*)', page)  # the bank does not count and has no limit
    assert room.startswith("room for 25 people; as drawn it serves 25, and 5 find no room")
    assert "Covered and served, with the sites as drawn: 8.1 % of 310 people (25). 5 people" in page


def test_the_terminal_says_it_in_either_language(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    print_coverage(result, "en")
    assert "Covered and served: 8.1" in (said := capsys.readouterr().out)
    assert said.count("capacity was no part of the choice") == 1
    print_coverage(result, "zh")
    assert "已覆盖且可接待" in capsys.readouterr().out


def test_the_dictionary_has_every_column(result: Result) -> None:
    told = pd.read_csv(result.folder / "dictionary.csv", keep_default_na=False)
    assert set(data_dictionary(served=True)["column"]) <= set(told["column"])
    for file in ("districts.csv", "capacity.csv", "sites.csv", "demand.parquet"):
        path = result.folder / file
        columns = gpd.read_parquet(path).columns if file.endswith("parquet") else pd.read_csv(path).columns
        assert told[(told["file"] == file)]["column"].tolist() == [*columns], file
    layer = gpd.read_file(result.folder / "coverage.gpkg", layer="outlets").columns.tolist()
    of_layer = told[told["layer"] == "outlets"]["column"].tolist()
    assert sorted({"fid", "geom", *layer} - {"geometry"}) == sorted(of_layer)


def test_verify_finds_the_same_and_tells_what_was_changed(result: Result, cache: Path) -> None:
    options = Options(cache=cache)
    assert run_verify(result.folder, options, Silence()).equal
    manifest = result.folder / "manifest.json"
    kept = manifest.read_text(encoding="utf-8")
    manifest.write_text(kept.replace(f'"served": {SERVED}', '"served": 29.0'), encoding="utf-8")
    verdict = run_verify(result.folder, options, Silence())
    manifest.write_text(kept, encoding="utf-8")
    assert not verdict.equal
    assert any("served" in line for line in verdict.lines)


def test_a_run_without_room_writes_nothing_of_it(town: Path, cache: Path) -> None:
    found = run_cover(town, town.parent / "run", Options(cache=cache), Silence())
    assert not (found.folder / "capacity.csv").exists()
    assert "served" not in found.manifest["totals"]


def test_a_comparison_tells_who_is_served_in_every_file(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bank opens at the far end, where 240 live within 15 minutes and there is no limit; the hall has 25 places."""
    study = seated(tmp_path)
    scenarios = [Scenario(name="bank", opened=("B1",)), Scenario(name="instead", opened=("B1",), closed=("O1",))]
    write_scenarios(scenarios, tmp_path / "scenarios.toml")
    options = Options(cache=cache, date="2026-11-29", language="both")
    found = run_compare(study, tmp_path / "scenarios.toml", tmp_path / "run", options, Silence())
    table = pd.read_csv(found.folder / "compare.csv").set_index("scenario")
    told = ["covered", "served", "unserved", "served_change"]
    assert table[told].to_numpy().tolist() == [[270, 265, 5, 240], [240, 240, 0, 215]]
    assert table["served_share"].tolist() == pytest.approx([265 / PEOPLE, 240 / PEOPLE], abs=1e-6)
    rows = pd.read_csv(found.folder / "differences.csv")
    whole = rows[(rows["district"] == "total") & (rows["setting"] == "all")]
    assert whole[["served_before", "served_after"]].to_numpy().tolist() == [[25, 265], [25, 240]]
    assert [one["totals"]["served"] for one in found.manifest["scenarios"]] == [265, 240]
    page = found.maps[0].read_text(encoding="utf-8")
    assert "Covered and served: 25 people today, 265 then" in page
    assert re.search("已覆盖且可接待.现状25人.调整后265人", page)
    print_comparison(found, "en")
    said = capsys.readouterr().out
    assert "Covered and served: 8.1" in said
    assert re.search(r"bank +270 .* 265 +85\.5 %", said.replace("\N{NO-BREAK SPACE}", " "))
    print_comparison(found, "zh")
    assert "可接待率" in capsys.readouterr().out
    assert run_verify(found.folder, Options(cache=cache), Silence()).equal


def test_trials_and_the_widget_tell_who_is_served(tmp_path: Path) -> None:
    study = read_study(seated(tmp_path))
    study = replace(study, demand=replace(study.demand, groups={"60+": study.demand.population / 2}))
    trial = study.what_if().open("B1")
    whole: Any = trial.compare().loc[("total", "all")]
    assert whole[["served_before", "served_after"]].tolist() == [25, 265]
    old: Any = trial.compare(group="60+").loc[("total", "all")]
    assert old[["served_before", "served_after"]].tolist() == [12.5, 132.5]
    assert "25 today, 265 then" in trial._repr_html_()
    assert trial.undo().compare()["served_after"].iloc[-1] == 25
    shown = WhatIf(study)
    shown.trial.open("B1")
    assert "Covered and served: 25 people today, 265 then" in shown.refresh()._still()["text/html"]


def test_a_comparison_without_room_tells_nothing_of_it(town: Path) -> None:
    study = read_study(town)
    trial = study.what_if().open("B1")
    assert "served_before" not in trial.compare().columns
    table = compare_scenarios(study.coverage(), [(trial.scenario, trial.coverage())])
    assert not [name for name in table.columns if "served" in name]


@settings(max_examples=15)
@given(towns(), st.lists(st.integers(0, 900), min_size=5, max_size=5), st.data())
def test_who_is_served_before_and_after_is_what_each_coverage_says(
    town: tuple[Network, Demand, Sites], room: list[int], data: st.DataObject
) -> None:
    network, demand, sites = town
    sites = replace(sites, capacity=np.array(room[: len(sites)], float))
    other = replace(sites, open=np.array(data.draw(st.lists(st.booleans(), min_size=len(sites), max_size=len(sites)))))
    before, after = (measure_coverage(network, demand, one) for one in (sites, other))
    district = pd.Series(["a", "b"] * len(demand), dtype=object).head(len(demand)).set_axis(pd.Index(demand.ids))
    table = compare_coverages(before, after, district).reset_index()
    rows = table[table["setting"] == "all"].set_index("district")
    for now, name in ((before, "served_before"), (after, "served_after")):
        assert now.service is not None
        by = now.by(district)["served"]
        assert rows[name].drop("total").to_dict() == pytest.approx(by.to_dict())
        assert rows[name]["total"] == pytest.approx(now.service.served_people)
