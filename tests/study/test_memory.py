"""A study of values in memory says what the same study says that is read from files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import worlds
from conftest import STEP_DEG

import accessibility as acc
from accessibility import InputError, Rule, Standard, Study, Walker

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.factfinding import Measured

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
        ({"outlets": "outlets.csv"}, "outlets is str; expected a DataFrame"),
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
