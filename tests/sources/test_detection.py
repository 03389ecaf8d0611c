"""Whether coordinates are what they are declared to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod

from accessibility.errors import InputError
from accessibility.geo.projection import DATUMS, WGS84, from_wgs84, transform
from accessibility.sources.areas import locate, read_areas
from accessibility.sources.detection import SWAPPED, Evidence, Surroundings, best_reading, suspect_datum, weigh_readings
from accessibility.sources.osm.extracts import read_network
from accessibility.sources.raster.reading import read_population_raster
from accessibility.sources.tables.places import PlaceSpec, read_sites
from accessibility.streets.network import Network
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CRS_HERE = CRS("+proj=eqc +lat_ts=30.5 +datum=WGS84 +units=m")  # parallels are straight
SAMPLE = ROOT / "data" / "sample"
EAST_M = 95_970.0  # a degree of longitude at 30.5 degrees north, right to 0.1 %
NORTH_M = 110_860.0  # and one of latitude


@pytest.fixture(scope="module")
def county() -> Surroundings:
    """Return the streets and townships of the sample county."""
    districts, _ = read_areas(SAMPLE / "districts.gpkg")
    return Surroundings(network=read_network(SAMPLE / "roads.osm.pbf")[0], districts=districts.set_index("name"))


def said(ground: Surroundings, file: str, role: Any, coordinates: str | None) -> list[str]:
    sites, _ = read_sites(SAMPLE / file, PlaceSpec(role=role, coordinates=coordinates))
    return [str(finding) for finding in suspect_datum(sites, coordinates, ground, source=file)[1]]


def street(*, lat: float = 30.5) -> Network:
    """Return a street of 10 km to the east of 108.2."""
    ends = transform(np.array([(108.2, lat), (108.2 + 10_000 / EAST_M, lat)]), WGS84, CRS_HERE)
    return Network(node_xy=ends, edges=np.array([(0, 1)], np.int32), length_m=np.array([10_000.0]), crs=CRS_HERE)


def along(count: int, *, north_m: float = 10.0) -> NDArray[np.float64]:
    """Return places every kilometre along that street, so far to the north of it."""
    return np.column_stack([108.2 + np.arange(count) * 1_000 / EAST_M, np.full(count, 30.5 + north_m / NORTH_M)])


def gcj02(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack(from_wgs84(lonlat[:, 0], lonlat[:, 1], "GCJ-02"))


def table(lonlat: NDArray[np.float64], **columns: list[str]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapely.points(lonlat), crs="EPSG:4326")


@pytest.mark.parametrize("declared", ["WGS84", None, "BD-09", "EPSG:4490"])
def test_the_sample_outlets_are_seen_to_be_gcj02(county: Surroundings, declared: str | None) -> None:
    (sentence,) = said(county, "outlets.csv", "outlets", declared)
    who = "WGS84 (assumed)" if declared is None else f"{declared} (declared)"
    assert sentence.startswith(
        f"outlets.csv: 10 of 10 sites lie in the district they name if read as GCJ-02, 9 as {who}; median distance"
    )
    assert sentence.endswith('if they are GCJ-02, say coordinates = "GCJ-02"')


def test_the_sample_outlets_declared_right_raise_no_suspicion(county: Surroundings) -> None:
    assert said(county, "outlets.csv", "outlets", "GCJ-02") == []
    assert said(county, "banks.xlsx", "banks", "WGS84") == []


@pytest.mark.parametrize("declared", ["GCJ-02", "BD-09"])
def test_the_sample_banks_are_seen_to_be_wgs84(county: Surroundings, declared: str) -> None:
    (sentence,) = said(county, "banks.xlsx", "banks", declared)
    assert sentence.endswith('if they are WGS84, say coordinates = "WGS84"')


def test_distances_and_shares_are_those_of_plain_geometry(county: Surroundings) -> None:
    sites, _ = read_sites(SAMPLE / "outlets.csv", PlaceSpec(role="outlets", coordinates="GCJ-02"))
    (first, *_), _ = suspect_datum(sites, "GCJ-02", county, source="t")
    streets: Any = county.network
    lines = streets.to_gdf()
    there = sites.to_crs(lines.crs).geometry
    assert first.street_m == pytest.approx(float(np.median([lines.distance(point).min() for point in there])), abs=1e-3)
    assert county.districts is not None
    towns = county.districts.geometry
    texts = sites["address"] + sites["name"]
    named = [next((town for town in towns.index if town in text), None) for text in texts]
    lying = [town is not None and towns[town].contains(at) for town, at in zip(named, sites.geometry, strict=True)]
    assert (first.rows, first.labelled, first.inside) == (22, sum(town is not None for town in named), sum(lying))


def test_a_shift_across_the_street_is_seen_and_measured() -> None:
    written = gcj02(along(9))
    (declared, gcj, _), findings = suspect_datum(
        table(written), "WGS84", Surroundings(network=street()), source="t.csv"
    )
    assert gcj.street_m == pytest.approx(10.0, abs=0.1)
    foot = Geod(ellps="WGS84")
    north = np.median([foot.inv(x, y, x, 30.5)[2] for x, y in written])
    assert declared.street_m == pytest.approx(north, rel=0.02)
    assert [f.code for f in findings] == ["datum-suspect"]
    assert findings[0].is_warning
    assert str(findings[0]) == (
        f"t.csv: median distance to a street 10 m against {declared.street_m:.0f} m if read as GCJ-02 instead of WGS84 "
        '(declared): if they are GCJ-02, say coordinates = "GCJ-02"'
    )


def test_of_many_places_some_raise_suspicion_and_all_are_counted() -> None:
    many, ground = np.resize(along(9), (5_000, 2)), Surroundings(network=street())
    evidence, findings = suspect_datum(table(many), None, ground, source="t")
    assert findings == []
    assert {one.rows for one in evidence} == {2_500}
    evidence, (finding,) = suspect_datum(table(gcj02(many)), None, ground, source="t")
    assert {one.rows for one in evidence} == {finding.count} == {5_000}


def test_few_rows_raise_no_suspicion() -> None:
    written = gcj02(along(9))
    ground = Surroundings(network=street())
    assert len(suspect_datum(table(written[:8]), None, ground, source="t")[1]) == 1
    assert suspect_datum(table(written[:7]), None, ground, source="t")[1] == []


def test_districts_alone_are_enough() -> None:
    places = np.column_stack([np.full(10, 108.25), np.linspace(30.41, 30.59, 10)])
    shift = gcj02(places) - places
    strips = [shapely.box(108.25 - 0.001, lat - 0.001, 108.25 + 0.001, lat + 0.001) for lat in places[:, 1]]
    assert (np.abs(shift).max(axis=1) > 0.001).all()
    names = [f"第{at}镇" for at in range(10)]
    districts = gpd.GeoDataFrame(geometry=strips, index=names, crs="EPSG:4326")
    written = places + shift
    far_street = Surroundings(network=street(lat=31.0), districts=districts)
    by_column = table(written, district=names, name=["x"] * 10)
    by_address = table(written, district=[""] * 10, address=[f"某县{name}政府驻地" for name in names])
    for sites in (by_column, by_address):
        (finding,) = suspect_datum(sites, "WGS84", far_street, source="t.csv")[1]
        assert "10 of 10 sites lie in the district they name if read as GCJ-02, 0 as WGS84 (declared)" in str(finding)


def test_swapped_columns_are_seen_where_both_are_possible() -> None:
    here = np.column_stack([np.full(9, 40.0), np.linspace(40.5, 40.6, 9)])
    crs = CRS(32637)
    ends = transform(np.array([(40.0, 40.4), (40.0, 40.7)]), WGS84, crs)
    ground = Surroundings(
        network=Network(node_xy=ends, edges=np.array([(0, 1)], np.int32), length_m=np.array([33e3]), crs=crs)
    )
    assert suspect_datum(table(here), "WGS84", ground, source="t")[1] == []
    evidence, (finding,) = suspect_datum(table(here[:, ::-1]), "WGS84", ground, source="t.csv")
    assert [e.reading for e in evidence] == ["WGS84", SWAPPED]
    assert "with longitude and latitude swapped instead of WGS84 (declared): if they are swapped, name the" in str(
        finding
    )


def test_projected_coordinates_have_no_other_reading() -> None:
    assert suspect_datum(table(along(9)), "EPSG:4547", Surroundings(network=street()), source="t") == ((), [])


def test_names_within_names_and_two_names_in_one_text() -> None:
    districts = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)] * 3, index=["城关镇", "新城关镇", "东乡"], crs=4326)
    ground = Surroundings(network=street(), districts=districts)
    texts = [("新城关镇政府",), ("城关镇",), ("东乡至城关镇路口",), ("", "东乡卫生院"), (), ("别处",)]
    assert ground.named_districts(texts).tolist() == [1, 0, -1, 2, -1, -1]


def evidence(reading: str, inside: int, street_m: float, *, chance: float = 1.0, rows: int = 20) -> Evidence:
    return Evidence(reading=reading, rows=rows, labelled=rows, inside=inside, street_m=street_m, chance=chance)


@pytest.mark.parametrize(
    ("declared", "other", "beats"),
    [
        ((10, 50.0), (14, 50.0, 1.0), True),  # 20 points more
        ((10, 50.0), (13, 50.0, 1.0), False),
        ((10, 150.0), (10, 50.0, 1.0), True),  # a third, 100 m less
        ((10, 149.0), (10, 50.0, 1.0), False),
        ((10, 140.0), (10, 45.0, 1.0), False),  # a third, less than 100 m less, by chance
        ((10, 140.0), (10, 45.0, 0.005), True),  # not by chance
        ((14, 150.0), (10, 50.0, 0.001), False),  # the districts say the contrary
        ((10, 10.0), (20, 30.0, 1.0), False),  # the streets say the contrary
        ((0, np.nan), (0, np.nan, 1.0), False),
        ((0, 0.0), (0, 0.0, 1.0), False),
    ],
)
def test_the_rule_holds_at_its_edges(
    declared: tuple[int, float], other: tuple[int, float, float], beats: object
) -> None:
    first = evidence("WGS84", *declared)
    second = evidence("GCJ-02", other[0], other[1], chance=other[2])
    assert second.beats(first) is beats
    assert best_reading((first, second)) is (second if beats else None)


def test_the_best_of_several_better_readings_is_named() -> None:
    readings = (evidence("WGS84", 2, 400.0), evidence("GCJ-02", 18, 90.0), evidence("BD-09", 18, 10.0))
    best = best_reading(readings)
    assert best is not None
    assert best.reading == "BD-09"


def test_places_right_as_declared_are_hardly_ever_suspected(county: Surroundings) -> None:
    random = np.random.default_rng(7)
    streets: Any = county.network
    lines = streets.lines()
    suspected = 0
    for _ in range(100):
        on = shapely.line_interpolate_point(random.choice(lines, 20), random.random(20), normalized=True)
        xy = shapely.get_coordinates(on) + random.normal(0.0, 60.0, (20, 2))
        sites = table(transform(xy, county.network.crs, WGS84))
        suspected += len(suspect_datum(sites, "WGS84", county, source="t")[1])
    assert suspected <= 1  # three alternatives, each to less than 1 in 200


@settings(max_examples=30)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(-180, 180) | st.just(np.nan) | st.floats(107.9, 108.5),
            st.floats(-90, 90) | st.just(np.nan) | st.floats(30.3, 30.7),
            st.text(max_size=5) | st.sampled_from(["雁桥镇", "松岔乡云底乡", "\0", ""]),
        ),
        max_size=30,
    ),
    declared=st.sampled_from(DATUMS),
)
def test_whatever_stands_in_a_table_nothing_is_raised(
    county: Surroundings, rows: list[tuple[float, float, str]], declared: str
) -> None:
    written = np.array([row[:2] for row in rows], dtype=np.float64).reshape(-1, 2)
    found = weigh_readings(written, declared, county, [(row[2],) for row in rows])
    assert found[0].reading == declared
    for one in found:
        assert 0 <= one.inside <= one.labelled <= one.rows == int(np.isfinite(written).all(axis=1).sum())
        assert not one.street_m < 0
        assert 0 <= one.chance <= 1
    best_reading(found)


def test_a_street_without_edges_leaves_the_districts_to_speak() -> None:
    nothing = Network(node_xy=np.zeros((1, 2)), edges=np.empty((0, 2), np.int32), length_m=np.empty(0), crs=CRS_HERE)
    (first, *_), findings = suspect_datum(table(along(9)), "WGS84", Surroundings(network=nothing), source="t")
    assert np.isnan(first.street_m)
    assert findings == []


def test_a_study_that_declares_the_wrong_datum_is_warned(sample: Path, tmp_path: Path, cache: Path) -> None:
    text = sample.read_text(encoding="utf-8").replace('outlets.csv", coordinates = "GCJ-02"', 'outlets.csv"')
    for file in sample.parent.iterdir():
        if file.name != "study.toml":
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    codes = {finding.code: finding for finding in read_study(tmp_path / "study.toml", cache=cache).findings}
    assert 'say coordinates = "GCJ-02"' in codes["datum-suspect"].message
    assert "datum-suspect" not in {finding.code for finding in read_study(sample, cache=cache).findings}


def people_of(county: Surroundings, folder: Path, *, datum: str, label: bool) -> Path:
    """Write a study of the sample county whose people are a table: its own cells, every tenth, in a datum."""
    cells, _ = read_population_raster(SAMPLE / "population.tif")
    lonlat = transform(cells.xy, cells.crs, WGS84)[::10]
    lon, lat = from_wgs84(lonlat[:, 0], lonlat[:, 1], datum)
    assert county.districts is not None
    names = np.array([*county.districts.index, ""], dtype=object)[locate(lonlat, county.districts)]
    homes = zip(lon, lat, cells.population[::10], names, strict=True)
    rows = [f"{x:.7f},{y:.7f},{n},某县{name if label else ''}" for x, y, n, name in homes]
    (folder / "people.csv").write_text("\n".join(["经度,纬度,人口,乡镇", *rows]), encoding="utf-8")
    text = (SAMPLE / "study.toml").read_text(encoding="utf-8")
    cells_are = 'path = "population.tif", groups = { "60+" = "population_60plus.tif" }'
    assert cells_are in text
    text = text.replace(cells_are, 'path = "people.csv", coordinates = "WGS84"')
    for file in SAMPLE.iterdir():
        if file.name != "study.toml":
            (folder / file.name).symlink_to(file)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"


@pytest.mark.parametrize("label", [True, False])
def test_people_in_another_datum_than_declared_are_suspected(
    county: Surroundings,
    tmp_path: Path,
    cache: Path,
    label: bool,  # noqa: FBT001
) -> None:
    study = read_study(people_of(county, tmp_path, datum="GCJ-02", label=label), cache=cache)
    (said,) = [finding for finding in study.findings if finding.code == "datum-suspect"]
    assert said.source == "people.csv"
    assert said.message.endswith('if they are GCJ-02, say coordinates = "GCJ-02"')
    assert ("homes lie in the district they name" in said.message) == label


def test_people_where_they_are_declared_to_be_are_not(county: Surroundings, tmp_path: Path, cache: Path) -> None:
    study = read_study(people_of(county, tmp_path, datum="WGS84", label=True), cache=cache)
    assert "datum-suspect" not in {finding.code for finding in study.findings}


def test_a_geographic_file_of_shifted_places_is_suspected_too(tmp_path: Path) -> None:
    table(gcj02(along(9))).to_file(tmp_path / "t.geojson")
    sites, _ = read_sites(tmp_path / "t.geojson", PlaceSpec(role="outlets"))
    (finding,) = suspect_datum(sites, None, Surroundings(network=street()), source="t.geojson")[1]
    assert "if read as GCJ-02 instead of WGS84 (as the file says)" in finding.message


def test_an_unknown_datum_is_refused() -> None:
    with pytest.raises(InputError, match="unknown datum 'GCJ02'"):
        weigh_readings(along(9), "GCJ02", Surroundings(network=street()), [()] * 9)
