"""``coverage.gpkg``, reopened layer by layer."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import layerworlds
import mapworlds
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
import worlds

from accessibility import InputError, OutputError, Standard, Walker, measure_coverage
from accessibility.geo.projection import WGS84
from accessibility.measures.blackspots import BLACKSPOT_COLUMNS
from accessibility.measures.tables import district_columns, district_table
from accessibility.present.layers import files
from accessibility.present.layers.files import (
    GEOMETRY,
    PROPOSED_COLUMNS,
    SITE_COLUMNS,
    LayerSources,
    make_layers,
    write_geopackage,
)
from accessibility.present.layers.styles import layer_styles
from accessibility.present.map.overlays import classify_people
from accessibility.present.symbols import SiteLabel
from accessibility.sources.files import write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAN = float("nan")
COLUMNS: dict[str, list[str]] = {
    "demand": [
        *("id", "population", "setting", "district", "nearest_site", "walk_s", "network_m", "radius_m", "covered")
    ],
    **{name: list(SITE_COLUMNS) for name in ("outlets", "banks", "candidates")},
    "proposed": [*PROPOSED_COLUMNS[:3], "label", *PROPOSED_COLUMNS[3:]],
    "districts": list(district_columns(Standard())),
    "blackspots": list(BLACKSPOT_COLUMNS),
    "service_areas": ["rule", "measure", "minutes", "kilometres", "sites"],
}


@pytest.fixture(scope="module")
def county() -> LayerSources:
    return layerworlds.county()


@pytest.fixture
def written(county: LayerSources, tmp_path: Path) -> Path:
    path = tmp_path / "coverage.gpkg"
    write_geopackage(county, path)
    return path


@pytest.fixture
def sql(written: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(written)) as file:
        yield file


def layer(path: Path, name: str) -> Any:
    return gpd.read_file(path, layer=name, engine="pyogrio")


def test_all_layers_are_there_in_their_order_with_their_columns(written: Path, sql: sqlite3.Connection) -> None:
    spatial = [str(name) for name, kind in pyogrio.list_layers(written) if kind is not None]
    assert spatial == list(GEOMETRY) == list(COLUMNS)
    for name, kind in GEOMETRY.items():
        info = pyogrio.read_info(written, layer=name)
        assert info["fields"].tolist() == COLUMNS[name]
        assert info["geometry_type"] == kind
        assert info["crs"] == "EPSG:4326"
    declared = sql.execute("SELECT DISTINCT srs_id, column_name FROM gpkg_geometry_columns").fetchall()
    assert declared == [(4326, "geom")]


def test_layers_without_rows_have_their_columns_and_styles(tmp_path: Path) -> None:
    path = tmp_path / "coverage.gpkg"
    write_geopackage(layerworlds.bare(), path)
    rows = {}
    for name in GEOMETRY:
        info = pyogrio.read_info(path, layer=name)
        assert info["fields"].tolist() == COLUMNS[name]
        assert info["geometry_type"] == GEOMETRY[name]
        rows[name] = info["features"]
    empty = {"banks", "candidates", "proposed", "districts", "blackspots"}
    assert {name for name, count in rows.items() if not count} == empty
    full, bare = make_layers(layerworlds.county()), make_layers(layerworlds.bare())
    for name in GEOMETRY:
        assert full[name].dtypes.astype(str).tolist() == bare[name].dtypes.astype(str).tolist(), name
    with closing(sqlite3.connect(path)) as file:
        assert {name for (name,) in file.execute("SELECT f_table_name FROM layer_styles")} == set(GEOMETRY)


def test_people_come_back_as_they_were(written: Path, county: LayerSources) -> None:
    found, now = layer(written, "demand"), county.coverage
    assert found["id"].tolist() == now.demand.ids.tolist()
    for column, values in {"walk_s": now.walk_s, "network_m": now.metres, "radius_m": now.radius_m}.items():
        np.testing.assert_array_equal(found[column].to_numpy(float), values)
    assert found["covered"].tolist() == now.covered.tolist()
    assert found["population"].sum() == now.population
    assert found.geometry.isna().tolist() == [i == 6 for i in range(8)]
    assert found["district"].tolist()[4] == layerworlds.HOSTILE
    assert pd.isna(found["district"][6])
    assert found["nearest_site"].tolist()[:3] == ["O1"] * 3
    assert found["walk_s"].isna().tolist() == [False] * 6 + [True] * 2


def test_people_of_a_grid_are_its_cells(tmp_path: Path) -> None:
    """Each cell is 100 m wide and holds its place; cells lie side by side, and no figure changes."""
    now = mapworlds.grid(12)
    where = pd.Series(None, index=now.demand.ids, dtype=object)
    sources = replace(
        layerworlds.bare(), coverage=now, district=where, site_district=pd.Series({"O1": None}), districts=None
    )
    write_geopackage(sources, tmp_path / "cells.gpkg")
    assert pyogrio.read_info(tmp_path / "cells.gpkg", layer="demand")["geometry_type"] == "MultiPolygon"
    found = layer(tmp_path / "cells.gpkg", "demand")
    assert found.drop(columns="geometry").columns.tolist() == COLUMNS["demand"]
    assert found["population"].tolist() == now.demand.population.tolist()
    ground = found.geometry.to_crs(now.demand.crs)
    assert ground.area.to_numpy() == pytest.approx(100.0**2, rel=2e-3)
    assert np.column_stack([ground.centroid.x, ground.centroid.y]) == pytest.approx(now.demand.xy, abs=0.5)
    whole = shapely.union_all(ground.buffer(0.5).to_numpy())
    assert whole.geom_type == "Polygon"
    assert whole.area == pytest.approx(1_201.0**2, rel=2e-3)


def test_people_who_were_read_as_polygons_are_these(tmp_path: Path) -> None:
    """An octagon a place; one place without its polygon, and all stay points."""
    county = layerworlds.county()
    demand = county.coverage.demand
    around = shapely.buffer(shapely.points(demand.lonlat), 0.001, quad_segs=2)
    octagons = gpd.GeoSeries(around, index=demand.ids, crs=WGS84)
    here = np.asarray(np.isfinite(demand.lonlat).all(axis=1), np.bool_)
    for kept, kind in ((here, "MultiPolygon"), (np.logical_and(here, np.arange(len(here)) > 0), "Point")):
        shapes = octagons.where(pd.Series(kept, index=octagons.index), None)
        coverage = replace(county.coverage, study=SimpleNamespace(shapes=shapes))
        write_geopackage(replace(county, coverage=coverage), tmp_path / f"{kind}.gpkg")
        found = layer(tmp_path / f"{kind}.gpkg", "demand")
        assert pyogrio.read_info(tmp_path / f"{kind}.gpkg", layer="demand")["geometry_type"] == kind
        assert found.geometry.isna().tolist() == (~here).tolist()


def test_a_site_without_a_name_is_called_as_on_the_map(county: LayerSources, tmp_path: Path) -> None:
    """The name stays as it was given; a label that the table has itself is kept, too."""
    sites = county.coverage.sites
    names = np.array([" ", *sites.name[1:3], "", None], object)
    bare = replace(sites, name=names, columns={"label": np.full(len(sites), "own", object)})
    labels = {
        "O2": SiteLabel(kind="outlet", street="文庙路"),
        "B2": SiteLabel(kind="bank", owner="Sons", street="Main"),
    }
    told = replace(county, coverage=replace(county.coverage, sites=bare), labels=labels, languages=("zh", "en"))
    write_geopackage(told, tmp_path / "t.gpkg")
    outlets, banks, new = (layer(tmp_path / "t.gpkg", name) for name in ("outlets", "banks", "candidates"))
    assert outlets["label"].tolist() == ["O1", "文庙路的服务网点 outlet at 文庙路"]
    assert outlets["name"].fillna("").str.strip().tolist() == ["", ""]
    assert banks["label"].tolist() == ["澜汀银行", "Main的Sons Sons at Main"]
    assert new["label"].tolist() == ["C1"]
    assert outlets["input_label"].tolist() == ["own", "own"]
    shapes = make_layers(replace(told, languages=("en",)))
    assert shapes["outlets"]["label"].tolist() == ["O1", "outlet at 文庙路"]
    assert county.plan is not None
    proposed = make_layers(replace(told, plan=county.plan.assign(name=""), languages=("en",)))["proposed"]
    assert proposed.set_index("id")["label"].to_dict() == {"B2": "Sons at Main", "C1": "C1"}


def test_sites_keep_the_columns_of_their_table(county: LayerSources, tmp_path: Path) -> None:
    """What is called as a column of the layer is told apart; a column without a value of the kind is left out."""
    sites = county.coverage.sites
    at = np.arange(len(sites)).astype(str).astype(object)
    own = {"电话": at, "Kind": at + "!", "name": at, "NAME": at, "only banks": np.where(sites.kind == "bank", "b", "")}
    coverage = replace(county.coverage, sites=replace(sites, columns=own))
    write_geopackage(replace(county, coverage=coverage), tmp_path / "t.gpkg")
    outlets, banks = (layer(tmp_path / "t.gpkg", name) for name in ("outlets", "banks"))
    assert outlets.columns.drop("geometry").tolist() == [*SITE_COLUMNS, "电话", "input_Kind", "input_name"]
    assert outlets["input_Kind"].tolist() == [f"{i}!" for i in np.flatnonzero(sites.kind == "outlet")]
    assert banks["only banks"].tolist() == ["b", "b"]
    assert banks["电话"].tolist() == np.flatnonzero(sites.kind == "bank").astype(str).tolist()


def test_sites_are_parted_by_kind_and_keep_their_names(written: Path, county: LayerSources) -> None:
    outlets, banks, candidates = (layer(written, name) for name in ("outlets", "banks", "candidates"))
    assert outlets["name"].tolist() == [layerworlds.HOSTILE, ""]
    assert outlets["open"].tolist() == [True, False]
    assert outlets["closed"].tolist() == [False, True]
    assert banks["name"].tolist() == ["澜汀银行", "Bank & Sons"]
    assert banks["bank"].tolist() == ["澜汀", "Sons"]
    assert candidates["name"].tolist() == ["😀"]
    assert pd.isna(candidates["district"][0])
    # Covered: 90 and 80 by the first outlet, 60 rural at 2.5 km of it; 50 at 9 km by the bank at 6 km.
    assert outlets["nearest_people"].tolist() == [230, 0]
    assert banks["nearest_people"].tolist() == [50, 0]
    covered = sum(part["nearest_people"].sum() for part in (outlets, banks, candidates))
    assert covered == county.coverage.covered_people
    assert shapely.distance(outlets.geometry[0], shapely.Point(111.0, 0)) > 1


def test_the_proposal_has_the_columns_of_its_table(written: Path, county: LayerSources) -> None:
    found = layer(written, "proposed")
    assert county.plan is not None
    assert found["id"].tolist() == ["B2", "C1"]
    assert found["rank"].tolist() == [1, 2]
    assert found["gain_people"].tolist() == [600, 590]
    assert [(p.x, p.y) for p in found.geometry] == list(zip(found["lon"], found["lat"], strict=True))
    np.testing.assert_array_equal(found["covered_people"], county.plan["covered_people"])


def test_districts_carry_their_row_of_the_table(written: Path, county: LayerSources) -> None:
    found = layer(written, "districts")
    assert county.districts is not None
    table = district_table(county.coverage, county.district, county.site_district, names=list(county.districts.index))
    assert found["district"].tolist() == ["West", layerworlds.HOSTILE]
    for column in COLUMNS["districts"][1:]:
        np.testing.assert_array_equal(found[column].to_numpy(float), table[column].to_numpy(float)[:2])
    areas = found.to_crs(county.districts.crs).area.to_numpy()
    assert areas == pytest.approx(county.districts.area.to_numpy(), rel=1e-6)


def test_blackspots_and_service_areas_come_back_as_they_were(written: Path, county: LayerSources) -> None:
    for name, expected in (("blackspots", county.blackspots), ("service_areas", county.service_areas)):
        found = layer(written, name)
        assert len(found) == len(expected) > 0
        assert found.geometry.geom_equals_exact(expected.geometry, 0).all()
        for column in COLUMNS[name]:
            given, came = expected[column].tolist(), found[column].tolist()
            assert [None if pd.isna(v) else v for v in came] == [None if pd.isna(v) else v for v in given], column


def test_the_file_is_of_the_version_that_qgis_of_debian_reads_without_a_warning(sql: sqlite3.Connection) -> None:
    assert sql.execute("PRAGMA application_id").fetchone()[0] == int.from_bytes(b"GPKG")
    assert sql.execute("PRAGMA user_version").fetchone()[0] == 10_200
    assert sql.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert sql.execute("PRAGMA foreign_key_check").fetchall() == []


def test_each_layer_opens_with_one_of_its_styles(sql: sqlite3.Connection, county: LayerSources) -> None:
    expected = layer_styles(county.coverage)
    for name, styles in expected.items():
        rows = sql.execute(
            "SELECT styleName, styleQML, useAsDefault, f_geometry_column FROM layer_styles"
            " WHERE f_table_name = ? ORDER BY id",
            (name,),
        ).fetchall()
        assert [row[0] for row in rows] == [style.name for style in styles]
        assert [row[2] for row in rows] == [1, *[0] * (len(rows) - 1)]
        assert {row[3] for row in rows} == {"geom"}
        for _, qml, _, _ in rows:
            assert ET.fromstring(qml).tag == "qgis"  # noqa: S314
    kind = sql.execute("SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'").fetchone()[0]
    assert kind == "attributes"


@pytest.mark.parametrize("preset", ["policy", "radius"])
def test_the_rules_of_a_style_part_people_as_the_map_does(preset: str, county: LayerSources, tmp_path: Path) -> None:
    # At 0.8 m/s; people at the limits of every class and a metre beyond, each place of other people, some nowhere.
    limits = [240, 480, 720, 960, 1_440, 2_000, 5_000, 10_000]
    at = [(float(x + more), 0.0) for x in limits for more in (0, 1)] + [(NAN, NAN), (5_000, 20_000)]
    count = [2.0**k for k in range(len(at))]
    rural = worlds.people(at, count, "rural")
    network, sites = worlds.line(24_000, 24), worlds.outlets([(0, 0)])
    coverage = measure_coverage(network, rural, sites, Standard.presets[preset], Walker(speed_m_s=0.8))
    nowhere, outside = (pd.Series(index=ids, dtype=object) for ids in (rural.ids, sites.ids))
    now = replace(county, coverage=coverage, district=nowhere, site_district=outside, districts=None)
    write_geopackage(now, tmp_path / "coverage.gpkg")
    classes = {layer.name: layer for layer in classify_people(coverage)}
    assert len(classes) == 3
    with closing(sqlite3.connect(tmp_path / "coverage.gpkg")) as file:
        for style in layer_styles(coverage)["demand"]:
            # The expressions of these rules are SQL as well.
            people = [
                file.execute(f"SELECT total(population) FROM demand WHERE {rule.where}").fetchone()[0]  # noqa: S608
                for rule in style.rules
            ]
            assert people == classes[style.name].people.tolist(), style.name
            assert sum(people) == sum(count)


def test_every_service_area_and_district_is_drawn_by_one_rule(sql: sqlite3.Connection, county: LayerSources) -> None:
    styles = layer_styles(county.coverage)
    for style, table in ((styles["service_areas"][0], "service_areas"), (styles["districts"][1], "districts")):
        drawn = [
            row
            for rule in style.rules
            for row in sql.execute(f"SELECT fid FROM {table} WHERE {rule.where}").fetchall()  # noqa: S608
        ]
        assert sorted(drawn) == sql.execute(f"SELECT fid FROM {table}").fetchall()  # noqa: S608


def test_the_same_inputs_give_the_same_bytes(county: LayerSources, written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again" / "coverage.gpkg"
    write_geopackage(layerworlds.county(), again)
    assert again.read_bytes() == written.read_bytes()
    write_geopackage(county, again)  # over the one that is there
    assert again.read_bytes() == written.read_bytes()
    with closing(sqlite3.connect(written)) as file:
        times = {t for (t,) in file.execute("SELECT last_change FROM gpkg_contents")}
        times |= {t for (t,) in file.execute("SELECT update_time FROM layer_styles")}
    assert times == {"1970-01-01T00:00:00.000Z"}


def test_the_driver_never_writes_the_time_of_the_clock(
    county: LayerSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would write it once more where a second has passed meanwhile, and SQLite counts how often it writes."""
    seen: set[str] = set()
    add = files._add_styles

    def look_and_add(path: Path, styles: Any) -> None:
        with closing(sqlite3.connect(path)) as file:
            seen.update(t for (t,) in file.execute("SELECT last_change FROM gpkg_contents"))
        add(path, styles)

    monkeypatch.setattr(files, "_add_styles", look_and_add)
    write_geopackage(county, tmp_path / "coverage.gpkg")
    assert seen == {"1970-01-01T00:00:00.000Z"}


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    county: LayerSources, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written.read_bytes()

    def broken(*_: object, **__: object) -> None:
        msg = "disk full"
        raise pyogrio.errors.DataSourceError(msg)

    monkeypatch.setattr(pyogrio, "write_dataframe", broken)
    with pytest.raises(OutputError, match=r"coverage\.gpkg cannot be written: disk full"):
        write_geopackage(county, written)
    with (
        pytest.raises(OutputError, match=f"^{re.escape(str(written))} cannot be written: disk full"),
        write_folder(written.parent) as aside,
    ):
        write_geopackage(county, aside / written.name)  # the message tells where it would have ended up
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["coverage.gpkg"]


def test_a_place_that_is_no_folder_is_told(county: LayerSources, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_geopackage(county, tmp_path / "file" / "coverage.gpkg")


def test_a_folder_of_another_alphabet_is_no_obstacle(county: LayerSources, tmp_path: Path) -> None:
    path = tmp_path / "测试 目录" / "coverage.gpkg"
    write_geopackage(county, path)
    assert len(layer(path, "demand")) == 8


def test_a_site_that_is_in_two_districts_is_refused(county: LayerSources) -> None:
    twice = pd.concat([county.site_district, county.site_district[:1]])
    with pytest.raises(InputError, match="more than once, first 'O1'"):
        make_layers(replace(county, site_district=twice))


def test_layers_of_other_systems_are_brought_to_degrees(county: LayerSources) -> None:
    moved = replace(county, service_areas=county.service_areas.to_crs("EPSG:32649"))
    layers = make_layers(moved)
    assert all(found.crs == WGS84 for found in layers.values())
    assert layers["service_areas"].total_bounds == pytest.approx(county.service_areas.total_bounds, abs=1e-6)
