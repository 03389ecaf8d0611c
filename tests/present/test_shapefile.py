"""Shapefiles, reopened: short names, UTF-8, nothing lost but what the format cannot hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import layerworlds
import numpy as np
import pandas as pd
import pyogrio
import pytest

from accessibility import OutputError
from accessibility.present.layers.files import (
    GEOMETRY,
    MAX_TEXT_BYTES,
    SHORT_NAMES,
    make_layers,
    short_names,
    write_shapefiles,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def layers() -> dict[str, gpd.GeoDataFrame]:
    return make_layers(layerworlds.county())


def test_every_column_has_a_name_of_ten_letters_and_no_two_the_same(layers: dict[str, gpd.GeoDataFrame]) -> None:
    used = set()
    for layer in layers.values():
        columns = [c for c in layer.columns if c != "geometry"]
        names = [*short_names(columns).values()]
        assert len(set(names)) == len(names)
        assert all(len(name) <= 10 and name.isascii() for name in names)
        used |= set(columns)
    assert set(SHORT_NAMES) - {"covered_probability"} <= used  # that is there where draws were made
    assert all(len(name) > 10 for name in SHORT_NAMES)


def test_layers_come_back_with_their_values(layers: dict[str, gpd.GeoDataFrame], tmp_path: Path) -> None:
    write_shapefiles(layers, tmp_path / "shp")
    for name, layer in layers.items():
        path = tmp_path / "shp" / f"{name}.shp"
        assert path.with_suffix(".cpg").read_text() == "UTF-8"
        assert pyogrio.read_info(path)["crs"] == "EPSG:4326"
        assert pyogrio.read_info(path)["encoding"] == "UTF-8"
        found = gpd.read_file(path)
        assert len(found) == len(layer)
        for column in layer.columns.drop("geometry"):
            given, came = layer[column], found[short_names(list(layer.columns))[column]]
            if given.dtype == np.bool_:
                assert came.tolist() == given.astype(int).tolist()
            elif pd.api.types.is_string_dtype(given.dtype):
                assert came.fillna("").tolist() == given.fillna("").tolist(), column
            else:
                np.testing.assert_allclose(came.to_numpy(float), given.to_numpy(float), rtol=1e-12, err_msg=column)
        placed = layer.geometry.notna()
        assert found.geometry.notna().tolist() == placed.tolist()
        same = found.geometry[placed].geom_equals(layer.geometry[placed])
        assert same.all()


def test_layers_without_rows_have_their_columns(tmp_path: Path) -> None:
    write_shapefiles(make_layers(layerworlds.bare()), tmp_path)
    kinds = {"Point": "Point", "MultiPolygon": "Polygon"}  # the format has one type for both
    for name, geometry in GEOMETRY.items():
        info = pyogrio.read_info(tmp_path / f"{name}.shp")
        assert info["geometry_type"] == kinds[geometry]
    assert "cov_share" in pyogrio.read_info(tmp_path / "districts.shp")["fields"]


def test_a_long_text_is_cut_after_a_whole_letter(layers: dict[str, gpd.GeoDataFrame], tmp_path: Path) -> None:
    banks = layers["banks"].copy()
    banks["name"] = pd.array(["a" + "网点" * 100, None], dtype="string")
    banks["bank"] = pd.array(["b" * 300, "b" * 254], dtype="string")
    write_shapefiles({"banks": banks}, tmp_path)
    table = gpd.read_file(tmp_path / "banks.shp")
    assert table["bank"].str.len().tolist() == [254, 254]
    found = table["name"]
    assert found[0] == ("a" + "网点" * 100)[:85]  # 1 + 84 letters of 3 bytes
    assert len(found[0].encode()) <= MAX_TEXT_BYTES
    assert pd.isna(found[1])


def test_the_same_layers_give_the_same_bytes(layers: dict[str, gpd.GeoDataFrame], tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_shapefiles(layers, tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 5 * len(layers)
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    header = (tmp_path / "a" / "demand.dbf").read_bytes()[1:4]
    assert header == bytes([70, 1, 1])  # years since 1900, month, day


def test_nothing_is_left_where_one_layer_fails(
    layers: dict[str, gpd.GeoDataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = pyogrio.write_dataframe

    def broken(frame: object, path: Path, **options: object) -> None:
        if path.name == "districts.shp":
            msg = "disk full"
            raise pyogrio.errors.DataSourceError(msg)
        write(frame, path, **options)

    monkeypatch.setattr(pyogrio, "write_dataframe", broken)
    with pytest.raises(OutputError, match=r"shp cannot be written: districts\.shp: disk full"):
        write_shapefiles(layers, tmp_path / "shp")
    assert not (tmp_path / "shp").exists() or list((tmp_path / "shp").iterdir()) == []
