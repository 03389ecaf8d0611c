"""The country that does not exist: of the size that is asked for, the same every time, and a study like any other."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import osmium
import pytest
import rasterio

from accessibility.sources.osm.extracts import read_network
from accessibility.sources.osm.pbf import look_through

if TYPE_CHECKING:
    from types import ModuleType

MAKER = Path(__file__).parents[2] / "data" / "make_country.py"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """Return the script."""
    spec: Any = importlib.util.spec_from_file_location("make_country", MAKER)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for what they are part of
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def country(maker: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a country of two counties."""
    folder: Path = maker.make_country(tmp_path_factory.mktemp("country"), 2).parent
    return folder


def test_a_country_is_as_many_counties(maker: ModuleType, country: Path, sample: Path, tmp_path: Path) -> None:
    maker.make_country(tmp_path, 2)
    names = sorted(path.name for path in country.iterdir())
    assert all((country / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)
    levels = [len(gpd.read_parquet(country / f"{name}.parquet")) for name in ("townships", "counties", "provinces")]
    assert levels == [2 * 14, 2, 1]
    with rasterio.open(sample.parent / "population.tif") as file:
        cells = file.read(1)
    with rasterio.open(country / "population.tif") as file:
        people = file.read(1)
        assert file.profile["tiled"]
    assert (people > 0).sum() == 2 * (cells > 0).sum()
    assert 0.5 < people[people > 0].sum() / (2 * cells[cells > 0].sum()) < 1.8
    assert len(gpd.read_parquet(country / "outlets.parquet")) % 2 == 0


def test_its_streets_are_those_of_the_county_and_bridges(country: Path, sample: Path) -> None:
    path = country / "roads.osm.pbf"
    assert look_through(path).is_plain
    ways: Any = osmium.FileProcessor(path, osmium.osm.WAY)
    ends = [(way.nodes[0].ref, way.nodes[1].ref) for way in ways if len(way.nodes) == 2 and "bridge" in way.tags]
    assert any(abs(one - other) > 1_000 for one, other in ends)
    whole, _ = read_network(path)
    county, _ = read_network(sample.parent / "roads.osm.pbf")
    km = whole.length_m.sum() / county.length_m.sum()
    assert 2 < km < 2.1
    assert np.bincount(whole.components).max() > 1.8 * np.bincount(county.components).max()  # one country, not two


def test_cells_are_parted_and_branches_added_as_asked(maker: ModuleType, country: Path, tmp_path: Path) -> None:
    maker.make_country(tmp_path, 2, fine=2, branches=3)
    rasters = []
    for folder in (country, tmp_path):
        with rasterio.open(folder / "population.tif") as file:
            rasters.append((file.res[0], np.maximum(file.read(1), 0)))
    (whole_m, whole), (fine_m, fine) = rasters
    assert (whole_m, fine_m) == (100, 50)
    together = fine.reshape(whole.shape[0], 2, whole.shape[1], 2).sum(axis=(1, 3), dtype=float)
    assert np.abs(together - whole).max() < 0.03  # people of parts have two digits
    assert 3.8 < (fine > 0).sum() / (whole > 0).sum() <= 4
    banks = [len(gpd.read_parquet(folder / "banks.parquet")) for folder in (country, tmp_path)]
    assert banks[1] == banks[0] + 2 * 3
