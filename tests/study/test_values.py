"""A study of values in memory says what the same study says that is read from files."""

from __future__ import annotations

import pickle
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import worlds
from conftest import STEP_DEG
from osmfiles import node, relation, way, write_osm
from pydantic import ValidationError

import accessibility as acc
from accessibility import InputError, Rule, Standard, Study, Walker
from accessibility.siting import Conditions
from accessibility.standards import SETTINGS
from accessibility.streets.foot import FootAccess
from accessibility.study.schema import StudyFile, _tables

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.report_facts import Measured
    from accessibility.study.loading.context import Loading

pytestmark = pytest.mark.filterwarnings("ignore:.* findings on the inputs")


@pytest.fixture
def read(town: Path, tmp_path: Path) -> Study:
    return acc.read_study(town, cache=tmp_path / "cache")


def frames(study: Study) -> dict[str, gpd.GeoDataFrame]:
    """Return the tables of the town as an analyst holds them."""
    folder = study.path.parent
    found = {}
    for name in ("people", "outlets", "banks"):
        table = pd.read_csv(folder / f"{name}.csv")
        found[name] = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table.pop("lon"), table.pop("lat")), crs=4326)
    return found


def test_frames_of_any_system_say_what_the_files_say(read: Study) -> None:
    held = frames(read)
    for crs in (4326, 32649, 3857):
        people, outlets, banks = (held[name].to_crs(crs) for name in ("people", "outlets", "banks"))
        study = Study.of(read.network, people, outlets, banks=banks)
        now, wanted = study.coverage(), read.coverage()
        assert now.covered.tolist() == wanted.covered.tolist()
        np.testing.assert_allclose(now.walk_s, wanted.walk_s, atol=0.01)
        assert study.sites.kind.tolist() == read.sites.kind.tolist()
        assert study.sites.open.tolist() == read.sites.open.tolist()
        assert study.demand.ids.tolist() == read.demand.ids.tolist()


def test_tables_of_coordinates_and_own_values_do_too(read: Study) -> None:
    folder = read.path.parent
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in ("people", "outlets", "banks")}
    of_tables = Study.of(read.network, tables["people"], tables["outlets"], banks=tables["banks"], coordinates="WGS84")
    of_values = Study.of(read.network, read.demand, read.sites)
    for study in (of_tables, of_values):
        assert study.coverage().covered_people == read.coverage().covered_people
        assert sorted(study.sites.ids.tolist()) == ["B1", "O1"]
        assert study.site(sites=1).selected == read.site(sites=1).selected


def test_all_that_a_study_answers_is_there(read: Study) -> None:
    held = frames(read)
    west = shapely.box(108.19, 30.4, 108.2 + 1.5 * STEP_DEG, 30.6)
    east = shapely.box(108.2 + 1.5 * STEP_DEG, 30.4, 108.3, 30.6)
    districts = gpd.GeoDataFrame(index=["West", "East"], geometry=[west, east], crs=4326)
    study = Study.of(read.network, held["people"], held["outlets"], banks=held["banks"], districts=districts)
    assert study.coverage().by(study.district)["population"].to_dict() == {"West": 30.0, "East": 280.0}
    assert study.what_if().open("B1").coverage().covered_people == read.what_if().open("B1").coverage().covered_people
    assert study.explain(108.2, 30.5).covered
    assert "West" in study.map().get_root().render()
    assert study.ledger().table()["id"].tolist() == read.ledger().table()["id"].tolist()
    assert study.table()["population"].iloc[-1] == 310.0
    assert "310 people" in repr(study)


def test_columns_may_have_any_name(read: Study) -> None:
    held = frames(read)
    people = held["people"].rename(columns={"population": "heads", "setting": "zone"}).assign(old=[4, 8, 28, 40, 60])
    districts = gpd.GeoDataFrame({"quarter": ["All"]}, geometry=[shapely.box(108, 30, 109, 31)], crs=4326)
    study = Study.of(
        read.network,
        people,
        held["outlets"],
        people="heads",
        settings="zone",
        groups=["old"],
        districts=districts,
        district="quarter",
    )
    assert study.demand.groups["old"].sum() == 140
    assert study.district.unique().tolist() == ["All"]
    assert set(study.demand.setting) == {"urban"}


@pytest.mark.parametrize(("settings", "found"), [("rural", "rural"), ("degurba", "rural"), (None, "urban")])
def test_settings_are_given_or_found(read: Study, settings: str | None, found: str) -> None:
    study = Study.of(read.network, frames(read)["people"], read.sites, settings=settings)
    assert set(study.demand.setting) == {found}


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("人口(万人)", "ten thousands; expected persons"),
        ("pop_density", "a density; expected persons"),
        ("60+占比", "a share; expected persons"),
    ],
)
def test_a_column_that_counts_no_persons_is_refused_in_a_frame_as_in_a_file(
    read: Study, column: str, said: str
) -> None:
    people = frames(read)["people"].rename(columns={"population": column})
    with pytest.raises(InputError, match=f"people: column '{re.escape(column)}' seems to hold {said}"):
        Study.of(read.network, people, read.sites, people=column)


def test_what_else_a_frame_may_count_is_told_or_asked_for_as_of_a_file(read: Study) -> None:
    people = frames(read)["people"]
    counted = people.rename(columns={"population": "households"})
    told = Study.of(read.network, counted, read.sites, people="households").findings
    assert "no-persons" in {finding.code for finding in told}
    told = Study.of(read.network, people.assign(人口=1), read.sites).findings
    assert "other-people" in {finding.code for finding in told}
    years = people.rename(columns={"population": "pop2010"}).assign(pop2020=1)
    with pytest.raises(InputError, match="pop2020, pop2010 are people of several years"):
        Study.of(read.network, years, read.sites)
    named = Study.of(read.network, years, read.sites, people="pop2010")
    assert named.coverage().population == read.coverage().population


def test_the_standard_and_the_walker_are_those_given(read: Study) -> None:
    standard, walker = Standard(urban=Rule.walk(7), rural=Rule.distance(3, along="radius")), Walker(speed_m_s=0.8)
    study = Study.of(read.network, read.demand, read.sites, standard=standard, walker=walker)
    assert (study.standard, study.walker) == (standard, walker)
    wanted = read.coverage(standard=standard, walker=walker)
    assert study.coverage().covered.tolist() == wanted.covered.tolist()


def test_flags_say_what_is_open(read: Study) -> None:
    held = frames(read)
    outlets = pd.concat([held["outlets"], held["outlets"].assign(id="O2")]).assign(open=[True, False])
    banks = held["banks"].drop(columns="partner").assign(open=True)
    study = Study.of(read.network, held["people"], outlets, banks=banks)
    is_open = dict(zip(study.sites.ids.tolist(), study.sites.open.tolist(), strict=True))
    assert is_open == {"O1": True, "O2": False, "B1": True}


@pytest.mark.parametrize("closed", [[], ["B1"], ["N1"], ["B1", "N1"]])
def test_sites_of_every_kind_may_open_as_before_unless_they_have_closed_down(closed: list[str]) -> None:
    road = worlds.line(4_900, 1)
    people = worlds.people([(0, 0), (4_900, 0)], [30, 10])
    ids = np.array(["O1", "O2", "B1", "N1"], object)
    sites = replace(
        worlds.outlets([(0, 0), (4_900, 0), (2_000, 0), (3_000, 0)]),
        ids=ids,
        kind=np.array(["outlet", "outlet", "bank", "new"], object),
        open=np.array([True, False, False, False]),
        closed=np.isin(ids, closed),
    )
    study = Study.of(road, people, sites)
    assert study.sites.ids.tolist() == ids.tolist()
    assert study.sites.open.tolist() == sites.open.tolist()
    assert study.sites.may_open.tolist() == sites.may_open.tolist()
    with pytest.raises(InputError, match="candidates: 'N1' is open; expected sites that do not count today"):
        Study.of(road, people, replace(sites, open=np.array([True, True, False, True]), closed=np.zeros(4, bool)))


def test_polygons_wider_than_a_walk_are_shared_or_refused(read: Study) -> None:
    wide = gpd.GeoDataFrame({"population": [90]}, geometry=[shapely.box(108.19, 30.49, 108.22, 30.51)], crs=4326)
    with pytest.raises(InputError, match="people: 90 of 90 people are told for 1 areas of more than 400 m a side"):
        Study.of(read.network, wide, read.sites)
    study = Study.of(read.network, wide, read.sites, split_cells=100)
    assert study.demand.population.sum() == pytest.approx(90)
    assert len(study.demand) > 500


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"people_": [1, 2]}, "people is list; expected a DataFrame or a GeoDataFrame"),
        ({"outlets": "outlets.csv"}, r"outlets\.csv: no such file"),
        ({"outlets": 7}, "outlets is int; expected a DataFrame"),
        ({"siting": {"spacing": 3}}, r"Study\.of: siting\.spacing: unknown key; did you mean spacing_m"),
        ({"siting": Conditions(floor=0.3)}, r"Study\.of: siting\.floor: unknown key"),
        ({"uncertainty": {"draws": 1}}, r"Study\.of: uncertainty\.draws: found 1; Input should be greater than"),
        ({"banks": {"osm": "amenity=bank"}}, "osm = ... reads an OpenStreetMap extract"),
        ({"walker": {"access": "china"}}, "walker says access of streets that were read before"),
        ({"totals": "census"}, "totals is 'census', a column of districts, and there are none; expected districts"),
        ({"people": "heads"}, "people: no column 'heads'; it has id, population, setting"),
        ({"settings": "suburb"}, "settings is 'suburb'; expected 'degurba', one of urban, town, rural, or a column"),
        ({"districts": pd.DataFrame({"name": ["A"]})}, "districts: a table without geometry"),
    ],
)
def test_what_is_no_table_is_refused(read: Study, changed: dict[str, Any], said: str) -> None:
    held = frames(read)
    people, outlets = changed.pop("people_", held["people"]), changed.pop("outlets", held["outlets"])
    with pytest.raises(InputError, match=said):
        Study.of(read.network, people, outlets, **changed)


SECTIONS = {"walking": "walker", "siting": "siting", "uncertainty": "uncertainty"}
ROLES = ("banks", "candidates")
GUESSES: tuple[Any, ...] = (
    *("other.gpkg", "other.npz", 3, 0.7, 7.5, True, False, 99, 150.0, "per_km2", "buildings", "amenity=bank", "GCJ-02"),
    *("elderly", "tobler", "naismith", "china", "radius", "osm", ["speed"], [["a", "b"]], {"x": "y"}, {"name": "y"}),
    *({"urban": 0.5}, {"steps": 0.5}, {"urban": 99.0}, {"walk_minutes": 7}, {"kilometres": 7}),
)
BASES: dict[tuple[str, ...], dict[str, Any]] = {
    ("inputs", "network"): {"path": "roads.gpkg"},
    ("inputs", "population"): {"path": "people.csv"},
    ("inputs", "area"): {"path": "area.gpkg"},
    **{("inputs", role): {"path": "sites.csv"} for role in ("outlets", *ROLES)},
    ("inputs", "elevation"): {"path": "dem.tif"},
    ("settlement", "from"): {"column": "zone"},
    ("walking", "groups", "60+"): {"speed_m_s": 0.5},
    **{("standard", setting): {"kilometres": 9} for setting in SETTINGS},
}


def files(place: tuple[str, ...], table: dict[str, Any]) -> dict[str, Any]:
    """Return a whole study.toml in which one table is another."""
    content: dict[str, Any] = {"inputs": {name: BASES["inputs", name] for name in ("network", "population", "outlets")}}
    content["inputs"]["area"] = BASES["inputs", "area"]
    inner = content
    for step in place[:-1]:
        inner = inner.setdefault(step, {})
    if place:
        inner[place[-1]] = table
    return content if place else content | table


def told(content: dict[str, Any]) -> StudyFile | None:
    with suppress(ValidationError):
        return StudyFile.model_validate(content)
    return None


def leaves() -> list[tuple[tuple[str, ...], str]]:
    tables = {place if place[-1:] != ("groups",) else (*place, "60+"): keys for place, keys in _tables(StudyFile)}
    return [(place, key) for place, keys in tables.items() for key in keys if (*place, key) not in tables]


@pytest.mark.parametrize(("place", "key"), leaves(), ids=lambda part: part if isinstance(part, str) else ".".join(part))
def test_whatever_a_study_file_can_say_a_study_in_memory_can(
    monkeypatch: pytest.MonkeyPatch, place: tuple[str, ...], key: str
) -> None:
    plain, base = told(files((), {})), BASES.get(place, {})
    tables = [table | {key: guess} for guess in GUESSES for table in (base, {}, base | {"saved": True}, {"place": "X"})]
    said = [content for content in (files(place, table) for table in tables) if told(content) not in (None, plain)]
    assert said, f"no value was found for {'.'.join((*place, key))}: add one to GUESSES"
    content, wanted = said[0], told(said[0])
    assert wanted is not None
    inputs = content.pop("inputs")
    network, people, outlets = (inputs.pop(name) for name in ("network", "population", "outlets"))
    asked: dict[str, Any] = {"districts": inputs.pop("area"), "name": ""}
    asked |= {"elevation": inputs.pop("elevation")["path"]} if "elevation" in inputs else {}
    asked |= {name: inputs.pop(name) for name in ROLES if name in inputs}
    asked |= {argument: content.pop(section) for section, argument in SECTIONS.items() if section in content}
    asked |= {"settings": content.pop("settlement")["from"]} if "settlement" in content else {}
    if content.pop("standard", None):
        asked["standard"] = wanted.standard.standard
    kept: list[StudyFile] = []

    class Enough(Exception):  # noqa: N818
        pass

    def stop(load: Loading, *_: object) -> None:
        kept.append(load.settings)
        raise Enough

    monkeypatch.setattr("accessibility.study.study.gather_inputs", stop)
    with pytest.raises(Enough):
        Study.of(network, people, outlets, **(asked | content))
    assert not inputs
    found = kept[0]
    assert found.standard.standard == wanted.standard.standard
    assert found.walking.the_walker == wanted.walking.the_walker
    assert found.walking.group_walkers == wanted.walking.group_walkers
    assert found.walking.foot == wanted.walking.foot
    assert found.walking.slope_factor is wanted.walking.slope_factor
    ours, theirs = (one.model_dump(exclude={"standard", "walking"}) for one in (found, wanted))
    assert ours == theirs


def lake_town(folder: Path, **tags: str) -> Path:
    """Write a town by a lake: streets, a compound with an unmarked lane, houses, a hall, a bank, a quarter."""
    step, north = STEP_DEG / 2, 250 / 110_900.0
    places = [node(10 * j + i + 1, 108.2 + i * step, 30.5 + j * north) for i in range(5) for j in range(4)]
    hall = node(101, 108.2, 30.5003, amenity="townhall", name="Hall")
    bank = node(102, 108.2 + 4 * step, 30.5003, amenity="bank", name="Bank", partner="yes")
    named = node(103, 108.201, 30.501, place="village", name="Lakeside")
    corners = [(-0.3, -0.3), (4.6, -0.3), (4.6, 3.4), (-0.3, 3.4)]
    border = [node(200 + k, 108.2 + x * step, 30.5 + y * north) for k, (x, y) in enumerate(corners)]
    shore = [node(300 + k, 108.2 + (1.2 + x) * step, 30.5 + (2.2 + y) * north) for k, (x, y) in enumerate(SQUARE)]
    homes = [
        node(400 + 4 * at + k, 108.2 + (i + 0.2 + x / 20) * step, 30.5 + (j + 0.1 + y / 20) * north)
        for at, (i, j) in enumerate([(0, 0), (2, 0), (3, 1), (3, 2)])
        for k, (x, y) in enumerate(SQUARE)
    ]
    streets = [
        *(way(j + 1, [10 * j + i + 1 for i in range(5)]) for j in range(3)),
        way(5, [1, 11, 21], {"highway": "residential", "name": "Shore Street"}),
        way(6, [3, 13, 23]),
        way(7, [25, 35], {"highway": "service", "access": "private"}),
        way(8, [35, 34], {"highway": "footway"}),
        way(9, [5, 15, 25], {"highway": "trunk"}),
    ]
    lake = way(30, [300, 301, 302, 303, 300], {"natural": "water", "name": "Lake"})
    houses = [
        way(
            40 + at,
            [400 + 4 * at + k for k in (0, 1, 2, 3, 0)],
            {"building": "house"} | ({"building:levels": "3"} if at else {}),
        )
        for at in range(4)
    ]
    around = {"boundary": "administrative", "admin_level": "8", "name": "Lakeside", "type": "boundary"} | tags
    ring, area = way(50, [200, 201, 202, 203, 200], {"note": "border"}), relation(60, [("way", 50, "outer")], around)
    objects = [*places, hall, bank, named, *border, *shore, *homes, *streets, lake, *houses, ring, area]
    return write_osm(folder / "town.osm", *objects)


SQUARE = ((0.0, 0.0), (0.6, 0.0), (0.6, 0.6), (0.0, 0.6))


def test_streets_of_an_extract_bring_its_water_names_buildings_and_attribution(tmp_path: Path) -> None:
    file = lake_town(tmp_path, population="400")
    step = STEP_DEG / 2
    middles = [(108.2 + (i + 0.35) * step, 30.5 + 0.001 + j * 250 / 110_900.0) for i in range(4) for j in range(3)]
    cells = gpd.GeoDataFrame(
        {"id": [f"c{at}" for at in range(12)], "population": range(10, 130, 10), "setting": "urban"},
        geometry=[shapely.Point(at).buffer(step / 4) for at in middles],
        crs=4326,
    )
    cells.to_file(tmp_path / "cells.gpkg")
    (tmp_path / "study.toml").write_text(
        """
        name = "Lakeside"
        [walking]
        access = "china"
        [inputs]
        area = { admin_level = 8 }
        network = { path = "town.osm" }
        population = { path = "cells.gpkg", setting = "setting", split_cells = "buildings" }
        outlets = { osm = "amenity=townhall" }
        banks = { osm = "amenity=bank" }
        [siting]
        spacing_m = 40
        """,
        encoding="utf-8",
    )
    read = acc.read_study(tmp_path / "study.toml", cache=tmp_path / "cache")
    streets = acc.Network.from_osm(file, foot=FootAccess(access="china"))
    study = Study.of(
        pickle.loads(pickle.dumps(streets)),  # noqa: S301
        cells,
        {"osm": "amenity=townhall"},
        banks={"osm": "amenity=bank"},
        districts={"admin_level": 8},
        split_cells="buildings",
        siting=Conditions(spacing_m=40),
        name="Lakeside",
    )
    now, wanted = study.coverage(), read.coverage()
    assert read.network.enclosed.any()
    for name in ("covered", "walk_s", "metres", "nearest"):
        np.testing.assert_array_equal(getattr(now, name), getattr(wanted, name), name)
    pd.testing.assert_frame_equal(study.table(), read.table())
    assert study.attribution == read.attribution == ("© OpenStreetMap contributors, ODbL",)
    assert len(study.water) == 1
    assert study.water.equals(read.water)
    assert "Lakeside" in set(study.names["name"])
    assert study.names.equals(read.names)
    with pytest.raises(InputError, match="in water"):
        study.refuse_place("a site", 108.2 + 1.5 * step, 30.5 + 2.5 * 250 / 110_900.0)
    assert study.map().get_root().render().count("Lake") == read.map().get_root().render().count("Lake") > 0
    assert [str(one).replace("people:", "cells.gpkg:") for one in study.findings] == [*map(str, read.findings)]
    ours, theirs = study.manifest(), read.manifest()
    assert ours["values"] == theirs["values"]
    assert ours["totals"] == theirs["totals"]
    assert ours["inputs"]["network"] == theirs["inputs"]["network"]
    assert set(theirs["inputs"]) - set(ours["inputs"]) == {"population"}
    again = acc.read_study(study.save(tmp_path / "saved"))
    assert again.coverage().covered_people == now.covered_people
    assert len(again.water) == 1
    assert again.attribution == read.attribution


def test_lines_and_graphs_are_read_as_their_files_are(tmp_path: Path) -> None:
    at = [(0, 0), (900, 0), (900, 300), (900, 500), (900, 900), (2_500, 0), (9_000, 0)]
    rows = [("residential", "", 0, 1), ("service", "private", 1, 2), ("footway", "", 2, 3), ("pillar", "", 3, 4)]
    rows += [("residential", "", 1, 5), ("residential", "", 5, 6)]
    xy = [(worlds.ORIGIN[0] + x, worlds.ORIGIN[1] + y) for x, y in at]
    table = {"highway": [kind for kind, *_ in rows], "access": [access for _, access, *_ in rows]}
    ways = gpd.GeoDataFrame(table, geometry=[shapely.LineString([xy[u], xy[v]]) for *_, u, v in rows], crs=worlds.CRS)
    homes = gpd.GeoDataFrame(
        {"id": ["a", "b"], "population": [30, 10], "setting": "urban"},
        geometry=shapely.points([xy[3], xy[6]]),
        crs=worlds.CRS,
    )
    halls = gpd.GeoDataFrame({"id": ["O1"], "name": ["Hall"]}, geometry=shapely.points([xy[0]]), crs=worlds.CRS)
    for name, frame in (("roads", ways), ("people", homes), ("outlets", halls)):
        frame.to_file(tmp_path / f"{name}.gpkg")
    (tmp_path / "study.toml").write_text(
        """
        [inputs]
        network = { path = "roads.gpkg" }
        population = { path = "people.gpkg", setting = "setting" }
        outlets = { path = "outlets.gpkg" }
        """
    )
    read = acc.read_study(tmp_path / "study.toml", cache=tmp_path / "cache")
    assert read.network.enclosed.sum() == 1
    with pytest.warns(acc.AccessibilityWarning, match="pillar"):
        network = acc.Network.from_gdf(ways)
    study = Study.of(network, homes, halls)
    assert study.coverage().walk_s.tolist() == read.coverage().walk_s.tolist()
    np.testing.assert_array_equal(study.network.enclosed, read.network.enclosed)
    assert [str(one).replace("network:", "roads.gpkg:") for one in study.findings] == [*map(str, read.findings)]
    graph = Study.of(acc.Network.from_networkx(read.network.to_networkx()), homes, halls)
    assert graph.coverage().covered.tolist() == read.coverage().covered.tolist()
    assert study.manifest()["inputs"] == {}


def test_a_value_may_stand_where_a_table_says_its_path(read: Study) -> None:
    held = frames(read)
    wide = held["people"].rename(columns={"population": "常住人口"})
    zones = gpd.GeoDataFrame({"zone": ["rural"]}, geometry=[shapely.box(108, 30, 109, 31)], crs=4326)
    wards = gpd.GeoDataFrame({"ward": ["All"], "census": [620]}, geometry=[shapely.box(108, 30, 109, 31)], crs=4326)
    study = Study.of(
        read.network,
        {"path": wide, "reconcile": True},
        held["outlets"],
        banks={"path": held["banks"].assign(agreed="yes"), "columns": {"partner": "agreed"}},
        districts={"path": wards, "name": "ward", "population": "census"},
        settings={"polygons": zones, "column": "zone"},
    )
    assert study.sites.open.tolist() == [True, True]
    assert study.demand.population.tolist() == [20, 40, 80, 160, 320]
    assert set(study.demand.setting) == {"rural"}
    assert study.district_names == ["All"]
    same = Study.of(read.network, wide, held["outlets"], districts=wards, district="ward", totals="census")
    assert any("620" in str(finding) for finding in same.findings)
    assert same.demand.population.sum() == 310
    scaled = Study.of(
        read.network, wide, held["outlets"], districts=wards, district="ward", totals="census", reconcile=True
    )
    assert scaled.demand.population.tolist() == study.demand.population.tolist()


def test_files_may_stand_beside_values(read: Study) -> None:
    folder = read.path.parent
    held = frames(read)
    study = Study.of(
        folder / "roads.osm",
        str(folder / "people.csv"),
        held["outlets"],
        banks=folder / "banks.csv",
        people="population",
        settings="setting",
        coordinates="WGS84",
    )
    assert study.coverage().covered.tolist() == read.coverage().covered.tolist()
    assert study.sites.ids.tolist() == read.sites.ids.tolist()
    assert set(study.manifest()["inputs"]) == {"network", "population", "banks"}
    with pytest.raises(InputError, match="settings is a rule, which is asked of people in memory"):
        Study.of(read.network, folder / "people.csv", held["outlets"], settings=lambda _: "urban")
    with pytest.raises(InputError, match="expected 'degurba', or a column of theirs: people are read from a file"):
        Study.of(read.network, folder / "people.csv", held["outlets"], settings="urban")


def test_the_sample_from_memory_has_the_figure_of_its_files(sample_measured: Measured) -> None:
    read = sample_measured.study
    study = Study.of(read.network, read.demand, read.sites, districts=read.districts)
    assert study.coverage().covered_people == pytest.approx(read.coverage().covered_people, abs=1e-6)


@pytest.mark.parametrize("kind", ["int64", "float64", "Int64", "Float64", "string", "object"])
def test_people_count_alike_whatever_numbers_they_are_kept_as(kind: Any) -> None:
    count = pd.Series([1, 1_234, 0, 7]).astype("str" if kind == "object" else kind).astype(kind)
    at = shapely.points(np.array([(0, 0), (900, 0), (2_000, 0), (5_900, 0)]) + worlds.ORIGIN)
    homes = gpd.GeoDataFrame({"pop": count, "old": count}, geometry=at, crs=worlds.CRS)
    given: Any = (worlds.line(), homes, worlds.outlets([(0, 0)]))
    study = Study.of(*given, people="pop", groups=["old"], settings="urban")
    assert study.demand.population.tolist() == study.demand.groups["old"].tolist() == [1, 1_234, 0, 7]
    assert study.coverage().covered_people == 1_235
    with pytest.raises(InputError, match="row 1 '-2'"):
        Study.of(given[0], homes.assign(pop=pd.Series([-2, 1, 1, 1]).astype(count.dtype)), given[2], people="pop")
    if kind in ("float64", "Int64"):
        for wrong, said in ((None, "row 1 ''"), (np.inf, "row 1 'inf'")):
            values = homes["pop"].astype("float64" if wrong else kind)
            values.iloc[0] = wrong
            with pytest.raises(InputError, match=said):
                Study.of(given[0], homes.assign(pop=values), given[2], people="pop")


@pytest.mark.parametrize("word", ["ja", 2, "maybe", "9:00-17:00"])
@pytest.mark.parametrize(("role", "flag"), [("outlets", "closed"), ("outlets", "open"), ("banks", "closed")])
def test_a_flag_that_is_neither_yes_nor_no_is_refused(
    read: Study, tmp_path: Path, role: str, flag: str, word: Any
) -> None:
    held = frames(read)
    held[role] = held[role].assign(**{flag: [word] * len(held[role])})
    said = f"{role}.*: column '{flag}': .*{word}.*; expected true or false"
    with pytest.raises(InputError, match=said):
        Study.of(read.network, held["people"], held["outlets"], banks=held["banks"])
    table = pd.read_csv(read.path.parent / f"{role}.csv").assign(**{flag: word})
    table.to_csv(read.path.parent / f"{role}.csv", index=False)
    with pytest.raises(InputError, match=said):
        acc.read_study(read.path, cache=tmp_path / "cache")


@pytest.mark.parametrize(("yes", "no"), [(True, False), ("yes", "no"), (1, 0), ("是", "否"), (1.0, 0.0)])
def test_flags_count_in_frames_and_in_tables(read: Study, tmp_path: Path, yes: Any, no: Any) -> None:
    held = frames(read)
    told = [yes, *[no] * (len(held["outlets"]) - 1)]
    study = Study.of(read.network, held["people"], held["outlets"].assign(closed=told), banks=held["banks"])
    assert study.sites.closed.tolist() == [True, *[False] * (len(study.sites) - 1)]
    assert not study.sites.open[0]
    file = read.path.parent / "outlets.csv"
    pd.read_csv(file).assign(closed=told).to_csv(file, index=False)
    again = acc.read_study(read.path, cache=tmp_path / "cache")
    assert again.sites.closed.tolist() == study.sites.closed.tolist()
    assert again.coverage().covered.tolist() == study.coverage().covered.tolist()


def test_sites_of_another_kind_are_refused_not_renamed(read: Study) -> None:
    held = frames(read)
    with pytest.raises(InputError, match="outlets: 'O1' is of kind 'bank'; expected outlets alone"):
        Study.of(read.network, held["people"], held["outlets"].assign(kind="bank"))


@pytest.mark.parametrize("flag", ["closed", "private", "outline", "off_ground"])
def test_a_flag_of_a_street_that_is_neither_yes_nor_no_is_refused(flag: str) -> None:
    lines = gpd.GeoDataFrame(
        {"highway": "residential", flag: ["no", "maybe"]},
        geometry=[shapely.LineString([(5e5, 34e5), (501e3, 34e5)]), shapely.LineString([(501e3, 34e5), (502e3, 34e5)])],
        crs=worlds.CRS,
    )
    with pytest.raises(InputError, match=f"flag '{flag}' of a street is 'maybe'; expected yes or no"):
        acc.Network.from_gdf(lines)
    graph = worlds.line().to_networkx()
    for _, _, data in graph.edges(data=True):
        data[flag] = "maybe"
    with pytest.raises(InputError, match=f"flag '{flag}' of a street is 'maybe'"):
        acc.Network.from_networkx(graph)
    for _, _, data in graph.edges(data=True):
        data[flag] = "yes"
    assert getattr(acc.Network.from_networkx(graph), flag).all()


def test_groups_are_those_of_a_demand_and_columns_that_an_age_names() -> None:
    told: Any = {"60+": [10, 5], "kids": [1, 2]}
    people = replace(worlds.people([(100, 0), (900, 0)], [100, 50]), groups=told)
    road, halls = worlds.line(), worlds.outlets([(0, 0)])

    def groups(given: object, **named: Any) -> dict[str, list[float]]:
        return {name: values.tolist() for name, values in Study.of(road, given, halls, **named).demand.groups.items()}

    assert groups(people) == {"60+": [10, 5], "kids": [1, 2]}
    frame = people.to_gdf()
    assert groups(frame.assign(**{"80岁及以上": 1.0, "80 plus": 1.0})) == {"60+": [10, 5], "80岁及以上": [1, 1]}
    assert groups(frame, groups={"children": "kids"}) == {"children": [1, 2]}
    assert groups(frame, groups=[]) == groups(people, groups=[]) == {}
    slow = Study.of(road, frame, halls).coverage(urban="16 min", groups={"60+": 0.8})
    assert slow.covered_people == 145  # 900 m are 15 minutes at 1.0 m/s, and 18.75 at 0.8
