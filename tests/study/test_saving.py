"""A study that is saved and read again is the same study, in every figure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from commands import call
from conftest import write_town
from worlds import hexagon

import accessibility as acc
from accessibility import InputError
from accessibility.errors import OutsideFinding
from accessibility.quality import measure_quality
from accessibility.sources.detection import ReadingFinding
from accessibility.streets.network import PER_EDGE
from accessibility.study.robustness import coordinate_ways, official_counts
from accessibility.study.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.cli.report_facts import Measured


CRS = "EPSG:32649"
E, N = 5e5, 34e5


def streets(**fields: Any) -> acc.Network:
    """Return a block of four streets with one across and a lane behind it."""
    at = [(0, 0), (1000, 0), (1000, 1000), (0, 1000), (500, 500), (1500, 1000), (1500, 1300)]
    rows: dict[str, Any] = {
        "edges": [(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (4, 2), (2, 5), (5, 6), (0, 1)],
        "length_m": [1000, 1000, 1000, 1000, 707.2, 707.2, 500, 300, 1234.5],  # two streets between the first corners
    }
    xy: Any = [(E + x, N + y) for x, y in at]
    return acc.Network(node_xy=xy, crs=CRS, **(rows | fields))  # type: ignore[arg-type]


def study_of(network: acc.Network, **changed: Any) -> Study:
    rng = np.random.default_rng(3)
    places = rng.uniform((E, N), (E + 1500, N + 1300), (60, 2))
    count = rng.uniform(1, 90, 60)
    people = gpd.GeoDataFrame(
        {
            "id": [f"格{i}" for i in range(60)],
            "population": count,
            "60+": count / 3,
            "kids (0-5)": count / 7,
            "setting": rng.choice(["urban", "town", "rural"], 60),
        },
        geometry=shapely.points(places),
        crs=CRS,
    )
    people.loc[list(changed.pop("lost", ())), "geometry"] = None
    shape = changed.pop("shaped", None)
    if shape is not None:
        people["geometry"] = [shape(*at) for at in places]
    people["population"] *= changed.pop("factor", 1.0)
    if "limit" in changed:
        people[changed["limit"]] = rng.choice(["", "7.5 min", "333.33 m", "0.1234567 km", "2 s"], 60)
    people = people.to_crs(changed.pop("crs", CRS))
    outlets = gpd.GeoDataFrame(
        {"name": ["人社大厅", 'Hall "B"', "shut"], "status": ["open", "open", "closed"], "counters": [3, 1, 2]},
        index=["001", "O2", "O3"],
        geometry=shapely.points([(E + 10, N + 20), (E + 900, N + 900), (E, N + 900)]),
        crs=CRS,
    )
    banks = gpd.GeoDataFrame(
        {"name": ["工商银行", "农业银行"], "partner": ["yes", "no"], "bank": ["工行", "农行"], "cost": [0.5, 2.25]},
        index=["B1", "B2"],
        geometry=shapely.points([(E + 1400, N + 1000), (E + 300, N + 40)]),
        crs=CRS,
    )
    candidates = gpd.GeoDataFrame(
        {"name": ["room", "银行"], "kind": ["new", "bank"]},
        index=["C1", "C2"],
        geometry=shapely.points([(E + 1500, N + 1290), (E + 500, N + 510)]),
        crs=CRS,
    )
    districts = counted()[["name", "geometry"]]
    asked: dict[str, Any] = {
        "banks": banks,
        "candidates": candidates,
        "districts": districts,
        "groups": ["60+", "kids (0-5)"],
        "standard": acc.Standard(urban=acc.Rule.walk(9.5), rural=acc.Rule.distance(0.8)),
        "walker": acc.Walker(speed_m_s=0.85, stairs_factor=2.5, signal_delay_s=20),
        "name": '测试 "county"',
        "attribution": "Nobody's data",
    }
    return Study.of(network, people, outlets, **(asked | changed))


def square(x: float, y: float) -> shapely.Polygon:
    return shapely.box(x - 150, y - 150, x + 150, y + 150)


def crowded(**changed: Any) -> Study:
    """Return a study in which density decides who lives in a town: the same grid half a cell off decides otherwise."""
    study = study_of(streets(), factor=2.5, **changed)
    assert any((setting != study.demand.setting).any() for setting in study.shifted_settings)
    return study


def of_values(limit_s: NDArray[np.float64]) -> Study:
    """Return a study of `Demand`, whose people have limits of their own."""
    there = study_of(streets())
    demand = replace(there.demand, limit_s=limit_s)
    return Study.of(there.network, demand, there.sites, groups=list(demand.groups), name="Values")


def edited() -> acc.Network:
    """Return streets with a bridge, mud where people walk half as fast, and a closed street."""
    town = study_of(streets(private=[False] * 6 + [True] * 2 + [False]))
    corner = {"crs": CRS}
    area = gpd.GeoSeries([shapely.box(E + 400, N + 400, E + 1100, N + 1100)], **corner).to_crs(4326).iloc[0]
    shut = gpd.GeoSeries([shapely.box(E - 50, N + 300, E + 50, N + 500)], **corner).to_crs(4326).iloc[0]
    line = gpd.GeoSeries([shapely.LineString([(E, N + 700), (E + 1000, N + 703.3)])], **corner).to_crs(4326).iloc[0]
    trial = town.what_if().add_street(line).pace(area, 0.37).close_streets(shut)
    network = trial.coverage().snapped.network
    assert network is not None
    return network


def counted() -> gpd.GeoDataFrame:
    """Return two districts with their official people, and a setting of everybody there."""
    halves = [shapely.box(E - 300, N - 300, E + 700, N + 1600), shapely.box(E + 700, N - 300, E + 1900, N + 1600)]
    table = {"name": ["城关镇", "East & West"], "census": [1_900, 1_111], "zone": ["rural", "urban"]}
    return gpd.GeoDataFrame(table, geometry=halves, crs=CRS)


def assert_same(study: Study, again: Study) -> None:
    """Compare two studies in all that they are asked."""
    for name in ("length_m", "slope_factor", *PER_EDGE):
        if name != "kind":
            np.testing.assert_array_equal(getattr(again.network, name), getattr(study.network, name), name)
    kinds = [np.array(one.network.kinds)[one.network.kind] for one in (study, again)]
    np.testing.assert_array_equal(kinds[0], kinds[1])
    ids = [str(i) for i in study.demand.ids]
    assert again.demand.ids.tolist() == ids
    np.testing.assert_array_equal(again.demand.population, study.demand.population)
    np.testing.assert_array_equal(again.demand.setting, study.demand.setting)
    np.testing.assert_array_equal(again.demand.limits, study.demand.limits)
    assert list(again.demand.groups) == list(study.demand.groups)
    for name, people in study.demand.groups.items():
        np.testing.assert_array_equal(again.demand.groups[name], people)
    assert again.sites.ids.tolist() == [str(i) for i in study.sites.ids]
    for name in ("name", "kind", "open", "closed", "cost", "bank"):
        np.testing.assert_array_equal(getattr(again.sites, name), getattr(study.sites, name), name)
    assert again.district.fillna("").tolist() == study.district.fillna("").tolist()
    assert again.district_names == study.district_names
    assert (again.name, again.attribution) == (study.name, study.attribution)
    assert (again.standard, again.walker) == (study.standard, study.walker)
    before, after = study.coverage(), again.coverage()
    np.testing.assert_array_equal(after.covered, before.covered)
    np.testing.assert_array_equal(after.unreached, before.unreached)
    assert after.covered_people == before.covered_people
    np.testing.assert_array_equal(after.walk_s, before.walk_s)
    np.testing.assert_array_equal(after.metres, before.metres)
    pd.testing.assert_frame_equal(again.table(), study.table(), rtol=1e-12)
    assert again.settings.siting.generate == (study.made_candidates is not None)
    np.testing.assert_array_equal(again.demand.xy, study.demand.xy)
    np.testing.assert_array_equal(again.sites.xy, study.sites.xy)
    assert set(again.sites.columns) >= set(study.sites.columns) - {"partner", "status", "id"}
    assert again.site_district.fillna("").tolist() == study.site_district.fillna("").tolist()
    np.testing.assert_array_equal(np.array(again.shifted_settings), np.array(study.shifted_settings))
    assert (again.density is None) == (study.density is None)
    if study.density is not None and again.density is not None:
        np.testing.assert_array_equal(again.density.people, study.density.people)
        np.testing.assert_array_equal(again.density.cell, study.density.cell)
    assert (again.shapes is None) == (study.shapes is None)
    if study.shapes is not None and again.shapes is not None:
        assert again.shapes.geom_equals_exact(study.shapes.set_axis(again.shapes.index), 0).all()
    for name in ("water", "names"):
        there, here = getattr(again, name), getattr(study, name)
        assert there.drop(columns="geometry").astype(str).equals(here.drop(columns="geometry").astype(str))
        assert (there.geometry == here.geometry).all()
    assert_settings_alike(study, again)


def assert_settings_alike(study: Study, again: Study) -> None:
    """Compare what two studies say beside their inputs: siting, errors, walking, official counts."""
    wanted, found = study.settings, again.settings
    assert found.siting.model_dump(exclude={"generate"}) == wanted.siting.model_dump(exclude={"generate"})
    roles = {"outlets", "banks", "candidates"}  # said in words where their tables said it
    assert found.uncertainty.model_dump(exclude=roles) == wanted.uncertainty.model_dump(exclude=roles)
    now = study.coverage()
    ways = [coordinate_ways(one, now, found.uncertainty.errors).tolist() for one in (again, study)]
    assert ways[0] == ways[1]
    assert found.map_approval == wanted.map_approval
    assert (found.walking.slope_factor, found.walking.foot) == (wanted.walking.slope_factor, wanted.walking.foot)
    counts = [official_counts(one) for one in (again, study)]
    assert (counts[0] is None) == (counts[1] is None)
    if counts[0] is not None and counts[1] is not None:
        np.testing.assert_array_equal(counts[0].middle, counts[1].middle)


def assert_answers_alike(study: Study, again: Study) -> None:
    """Compare what two studies answer, each question once: to the person, to the place."""
    sure, other = (one.uncertainty(draws=4) for one in (study, again))
    np.testing.assert_array_equal(other.tries.whole, sure.tries.whole)
    plan, its = (one.site(sites=1) for one in (study, again))
    assert (its.objective, [str(i) for i in plan.selected]) == (plan.objective, [str(i) for i in its.selected])
    lon, lat = study.demand.lonlat[0].tolist()
    assert again.explain(lon, lat).text == study.explain(lon, lat).text
    opening = str(study.sites.ids[study.sites.may_open][0]) if study.sites.may_open.any() else None
    questions: tuple[Callable[[Any], Any], ...] = (
        lambda one: one.travel_times(2)[["walk_s", "metres"]],
        lambda one: one.isochrones([5, "1 km"])[["limit", "people"]],
        lambda one: one.ledger().alone,
        lambda one: one.access("2sfca"),
        lambda one: one.rank(close="all", open=None if opening is None else [opening])[["gained", "lost", "covered"]],
    )
    for ask in questions:
        np.testing.assert_array_equal(np.asarray(ask(again)), np.asarray(ask(study)))


WORLDS: dict[str, Callable[[], Study]] = {
    "everything": lambda: study_of(streets()),
    "slopes": lambda: study_of(
        streets(slope_factor=np.linspace(0.8, 1.6, 18).reshape(9, 2), climb_m=np.linspace(-9, 9, 9))
    ),
    "one way": lambda: study_of(streets(oneway=[True, False, True, True, False, True, False, False, True])),
    "private": lambda: study_of(
        streets(private=[False, False, False, False, True, True, True, False, False], enclosed=[False] * 9)
    ),
    "enclosed": lambda: study_of(
        streets(private=[False] * 6 + [True, True, False], enclosed=[False] * 7 + [True, False])
    ),
    "closed": lambda: study_of(streets(closed=[True] + [False] * 8, off_ground=[False] * 4 + [True] * 2 + [False] * 3)),
    "kinds": lambda: study_of(
        streets(
            kind=[0, 1, 2, 0, 1, 0, 0, 0, 0],
            kinds=("road", "steps", "ferry"),
            fixed_s=[0, 3, 90] + [0] * 6,
            signals=[1, 0, 0, 2, 0, 0, 0, 0, 0],
        )
    ),
    "no district, no bank": lambda: study_of(streets(), banks=None, candidates=None, districts=None, groups=[]),
    "somebody without a place": lambda: study_of(streets(), lost=(2, 41)),
    "other legs": lambda: study_of(streets(), walker=acc.Walker(access_factor_s=1.7, access_factor_m=1.2, slope=False)),
    "limits of their own": lambda: study_of(streets(), limit="near enough"),
    "limits of areas": lambda: study_of(streets(), limit="limit", shaped=square, split_cells=120),
    "limits in seconds": lambda: of_values(np.where(np.arange(60) % 2, 1e3 / 3, np.nan)),
    "settings by density": lambda: crowded(settings="degurba"),
    "hexagons": lambda: study_of(streets(), shaped=hexagon),
    "hexagons of another system": lambda: crowded(shaped=hexagon, crs=3857, settings="degurba"),
    "parts of squares": lambda: study_of(streets(), shaped=square, split_cells=120),
    "private and one way, in degrees": lambda: study_of(
        streets(private=[False] * 6 + [True] * 2 + [False], oneway=[True] + [False] * 8), crs=4326
    ),
    "edited streets": lambda: study_of(edited()),
    "all that a study file says besides": lambda: study_of(
        streets(slope_factor=np.linspace(0.8, 1.6, 18).reshape(9, 2)),
        siting={
            "cost": {"bank": 1.5, "new": 4},
            "cost_unit": "k€",
            "generate": True,
            "generate_spacing_m": 310.5,
            "quotas": {"农行": 2},
            "spacing_m": 55,
            "exclusive": [["B2", "C1"]],
            "floors": {"城关镇": 0.01},
            "required": ["C1"],
            "forbidden": ["C2"],
        },
        uncertainty={
            "draws": 7,
            "seed": 5,
            "without": ["speed"],
            "outlets": "surveyed",
            "banks": 35,
            "people": {"cell": 0.1, "block": 0.2},
            "missing": {"steps": 0.3},
            "snapping_m": 11,
            "home_m": 6,
            "speed_m_s": 0.2,
        },
        walker={"walker": "elderly", "slope": "naismith", "signal_delay_s": 12},
        map_approval="GS(2026)0001",
    ),
    "official totals": lambda: study_of(streets(), districts=counted(), totals="census"),
    "people held to official totals": lambda: study_of(streets(), districts=counted(), totals="census", reconcile=True),
    "settings of polygons": lambda: study_of(streets(), settings={"polygons": counted(), "column": "zone"}),
    "radius": lambda: study_of(
        streets(), standard=acc.Standard(rural=acc.Rule.distance(0.4, along="radius")), settings="rural"
    ),
}


ASKED = ("all that a study file says besides", "settings by density", "hexagons of another system", "edited streets")


@pytest.mark.filterwarnings("ignore::accessibility.AccessibilityWarning")
@pytest.mark.parametrize("world", WORLDS)
def test_a_saved_study_is_the_same(world: str, tmp_path: Path) -> None:
    study = WORLDS[world]()
    file = study.save(tmp_path / "新 study")
    again = acc.read_study(file)
    assert_same(study, again)
    if world in ASKED:
        assert_answers_alike(study, again)
    if world == "everything":
        assert_same(study, acc.read_study(again.save(tmp_path / "again")))


@pytest.mark.filterwarnings("ignore::accessibility.AccessibilityWarning")
def test_saving_again_writes_over_its_own_files_only(tmp_path: Path) -> None:
    study = study_of(streets())
    folder = tmp_path / "kept"
    study.save(folder)
    (folder / "notes.txt").write_text("mine")
    study_of(streets(), banks=None, candidates=None, districts=None).save(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "banks.parquet").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "people.parquet").write_text("not ours")
    with pytest.raises(acc.OutputError, match=r"people\.parquet is there"):
        study.save(other)
    (other / "people.parquet").unlink()
    (other / "study.toml").write_text("name = 'by hand'\n")
    with pytest.raises(acc.OutputError, match=r"study\.toml is there"):
        study.save(other)
    assert (other / "study.toml").read_text() == "name = 'by hand'\n"
    assert [file.name for file in other.iterdir()] == ["study.toml"]


@pytest.mark.filterwarnings("ignore::accessibility.AccessibilityWarning")
def test_the_sample_is_the_same_when_it_is_saved(sample_measured: Measured, tmp_path: Path) -> None:
    study = sample_measured.study
    again = acc.read_study(study.save(tmp_path / "sample"))
    assert len(study.water)
    assert len(study.names)
    assert study.shifted_settings
    assert_same(study, again)


@pytest.mark.filterwarnings("ignore::accessibility.AccessibilityWarning")
def test_the_command_line_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(streets(slope_factor=np.linspace(0.8, 1.6, 18).reshape(9, 2)), limit="near enough")
    assert call(monkeypatch, "cover", study.save(tmp_path / "town"), "--out", tmp_path / "run") == 0
    table = pd.read_csv(tmp_path / "run" / "districts.csv")
    assert table["covered"].iloc[-1] == pytest.approx(study.coverage().covered_people, abs=1)
    limited = study.demand.population[study.demand.own_limits].sum()
    assert f"{limited:,.0f} people have a limit of their own" in (tmp_path / "run" / "report.html").read_text("utf-8")
    for file in ("report.html", "coverage.html"):  # wherever the headline stands
        said = f"(and {limited:,.0f} people by limits of their own)"
        assert said in (tmp_path / "run" / file).read_text("utf-8"), file
    assert said in repr(study.coverage())
    assert call(monkeypatch, "verify", tmp_path / "run") == 0


@pytest.mark.filterwarnings("ignore::accessibility.AccessibilityWarning")
def test_streets_that_no_study_saved_are_refused(tmp_path: Path) -> None:
    file = study_of(streets()).save(tmp_path)
    streets().to_gdf().to_parquet(tmp_path / "streets.parquet")
    with pytest.raises(acc.InputError, match="lacks columns"):
        acc.read_study(file)


def dirty(folder: Path) -> Study:
    """Return a study whose tables have much to say: a double, a closed site, people far from streets, twins."""
    study = write_town(folder)
    sites = pd.read_csv(folder / "outlets.csv").assign(status="open", 乡镇="Street")
    lon, lat = float(sites["lon"].iloc[0]), float(sites["lat"].iloc[0])
    more = [("O2", "Hall", lon + 0.0001, lat, "open"), ("O3", "Gone", lon + 0.01, lat, "closed")]
    pd.concat([sites, pd.DataFrame(more, columns=["id", "name", "lon", "lat", "status"])]).to_csv(
        folder / "outlets.csv"
    )
    people = pd.read_csv(folder / "people.csv")
    far = pd.DataFrame({"id": ["far"], "lon": [lon], "lat": [lat + 0.015], "population": [33.5], "setting": ["urban"]})
    pd.concat([people, far, people.assign(id="twin " + people["id"])]).to_csv(folder / "people.csv", index=False)
    return acc.read_study(study, cache=folder / "cache")


def from_frames(folder: Path) -> Study:
    """Return the same from frames."""
    told = dirty(folder)
    tables = {name: pd.read_csv(folder / f"{name}.csv", dtype=str) for name in ("people", "outlets", "banks")}
    people, outlets, banks = tables["people"], tables["outlets"], tables["banks"]
    return Study.of(told.network, people, outlets, banks=banks, coordinates="WGS84", people="population", name="Town")


@pytest.mark.filterwarnings("ignore:.* findings on the inputs")
@pytest.mark.parametrize("made", [dirty, from_frames])
def test_a_saved_study_has_the_findings_of_its_sources(tmp_path: Path, made: Callable[[Path], Study]) -> None:
    study = made(tmp_path)
    again = acc.read_study(study.save(tmp_path / "saved"))
    twice = acc.read_study(again.save(tmp_path / "twice"))
    assert study.findings
    wanted = measure_quality(study).table
    for one in (again, twice):
        assert one.findings == study.findings
        pd.testing.assert_frame_equal(measure_quality(one).table, wanted, rtol=1e-9)


@pytest.mark.filterwarnings("ignore:.* findings on the inputs")
def test_findings_with_places_and_readings_are_kept_whole(tmp_path: Path) -> None:
    town = study_of(streets())
    told: dict[str, Any] = {"message": "half of them", "count": 3, "people": 7.5}
    outside = OutsideFinding(
        code="people-outside", source="people", lonlat=np.array([[108.1, 30.5]]), population=np.array([7.5]), **told
    )
    reading = ReadingFinding(code="datum", source="banks", declared="WGS84", reading="GCJ-02", **told)
    again = acc.read_study(replace(town, findings=(outside, reading)).save(tmp_path))
    first, second = again.findings
    assert isinstance(first, OutsideFinding)
    assert (first.lonlat.tolist(), first.population.tolist()) == ([[108.1, 30.5]], [7.5])
    assert second == reading
    assert {"people", "banks"} <= {finding.source for finding in measure_quality(again).findings}


@pytest.mark.filterwarnings("ignore:.* findings on the inputs")
def test_of_a_file_put_in_the_place_of_a_saved_one_its_own_findings_are_told(tmp_path: Path) -> None:
    study = dirty(tmp_path)
    file = study.save(tmp_path / "saved")
    others = [finding for finding in study.findings if finding.source != "outlets.csv"]
    assert len(others) < len(study.findings)
    table = gpd.read_parquet(file.parent / "outlets.parquet")
    table.iloc[:1].to_parquet(file.parent / "outlets.parquet")
    assert [*acc.read_study(file).findings] == others
    table.assign(status="closed").to_parquet(file.parent / "outlets.parquet")
    found = [finding for finding in acc.read_study(file).findings if finding.source == "outlets.parquet"]
    assert [finding.code for finding in found][:1] == ["closed-site"]
    (file.parent / "findings.json").write_text('{"findings": [{}]}', encoding="utf-8")
    with pytest.raises(
        InputError, match=r"findings\.json: cannot be read \(.*\); expected the file that study\.save wrote"
    ):
        acc.read_study(file)
