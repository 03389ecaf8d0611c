"""People of a raster that pass through the disk in windows are the people who are read whole, whatever the windows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import CRS
from rasterio.transform import from_origin
from shapely import box, unary_union

from accessibility.errors import InputError
from accessibility.sources import cache
from accessibility.sources.raster.reading import _Found
from accessibility.streets.search.packing import hilbert_rank
from accessibility.study.loading import people_on_disk, windows
from accessibility.study.loading.context import Loading
from accessibility.study.loading.people import load_people, place_people
from accessibility.study.loading.people_on_disk import WindowedDemand, settle_windows
from accessibility.study.loading.sites import load_area
from accessibility.study.loading.windows import read_windows, reads_windows
from accessibility.study.schema import read_study_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.errors import Finding

METRES = CRS.from_epsg(32649)
HIGH, WIDE = 90, 120
# North, south and east of a hole, and one where nobody lives.
NORTH = box(5e5, 3.395e6, 507e3, 34e5)
SOUTH = box(5e5, 3.393e6, 507e3, 3.395e6) - box(502e3, 3.3935e6, 504e3, 3.3945e6)
EAST, EMPTY = box(507e3, 3.393e6, 509_950, 34e5), box(0, 0, 1, 1)


def raster(path: Path, people: NDArray[np.float64], step: float = 100.0) -> None:
    options: dict[str, Any] = {"crs": METRES.to_wkt(), "transform": from_origin(5e5, 34e5, step, step), "nodata": -1}
    height, width = people.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="float32", height=height, width=width, **options
    ) as out:
        out.write(people.astype(np.float32), 1)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Write a raster with a town in it, an age group of theirs, districts and polygons of settings."""
    chance = np.random.default_rng(4)
    people = np.where(chance.random((HIGH, WIDE)) < 0.5, chance.integers(1, 40, (HIGH, WIDE)) / 7, 0)
    people[10:40, 20:60] *= 40
    people[3, 5] = -1
    old = np.where(chance.random(people.shape) < 0.6, people / 3, 0)
    old[70, :30] += 2  # where few others live
    raster(tmp_path / "pop.tif", people)
    raster(tmp_path / "old.tif", np.maximum(old, 0)[:, :100])
    names = {"name": ["North", "South", "East", "Empty"], "people": [90_000.0, 3_000, 2_000, 50]}
    shapes = [NORTH, SOUTH, EAST, box(490e3, 3.39e6, 491e3, 3.391e6)]
    gpd.GeoDataFrame(names, geometry=shapes, crs=METRES).to_file(tmp_path / "districts.gpkg")
    quarters = gpd.GeoDataFrame({"setting": ["urban", "town"]}, geometry=[NORTH, EAST], crs=METRES)
    quarters.to_file(tmp_path / "quarters.gpkg")
    return tmp_path / "study.toml"


def loading(study: Path, people: str, area: str, more: str) -> Loading:
    study.write_text(
        f"""
        [inputs]
        {area}
        network = {{ path = "streets.osm.pbf" }}
        population = {{ path = "pop.tif"{people} }}
        outlets = {{ osm = "amenity=bank" }}
        {more}
        """,
        encoding="utf-8",
    )
    return Loading(settings=read_study_file(study), folder=study.parent, cache=study.parent / "cache")


def in_windows(load: Loading, name: str) -> tuple[WindowedDemand, list[Finding], Path]:
    scratch = load.folder / name
    scratch.mkdir()
    load = replace(load, scratch=scratch)
    assert reads_windows(load)
    area, _ = load_area(load)
    people, read = read_windows(load, area)
    demand, placed = settle_windows(load, people)
    return demand, read + placed, scratch


def told(findings: list[Finding]) -> list[tuple[Any, ...]]:
    return [(f.code, f.source, f.message, f.count, None if f.people is None else round(f.people, 6)) for f in findings]


AREA = 'area = { path = "districts.gpkg", name = "name" }'
TOTALS = 'area = { path = "districts.gpkg", name = "name", population = "people" }'
POLYGONS = '[settlement]\nfrom = { polygons = "quarters.gpkg" }'
CASES = {
    "plain": ("", AREA, ""),
    "without districts": ("", "", ""),
    "groups": (', groups = { "60+" = "old.tif" }', AREA, ""),
    "density": (', unit = "per_hectare"', AREA, ""),
    "in parts": (', split_cells = 50, groups = { "60+" = "old.tif" }', AREA, ""),
    "compared": ("", TOTALS, ""),
    "to the totals": (', reconcile = true, groups = { "60+" = "old.tif" }', TOTALS, ""),
    "polygons": ("", AREA, POLYGONS),
    "own settings": (
        "",
        AREA,
        "[standard]\nurban = { walk_minutes = 10 }\ntown = { walk_minutes = 20 }\nvalley = { kilometres = 4 }\n"
        + POLYGONS,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_people_in_windows_are_those_read_whole(case: str, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = loading(study, *CASES[case])
    area, _ = load_area(load)
    people, read = load_people(load, area)
    inhabitants, placed = place_people(load, area, people)
    whole = inhabitants.demand.to_crs(METRES)
    assert len(whole) > 3_000
    for rows, held in ((64, 1 << 17), (11, 700)):
        monkeypatch.setattr(windows, "ROWS", rows)
        monkeypatch.setattr(windows, "HELD", held)
        monkeypatch.setattr(people_on_disk, "HELD", held)
        demand, findings, scratch = in_windows(load, f"{rows}")
        assert told(findings) == told(read + placed)
        demand = demand.to_crs(METRES)
        parts = [*demand.parts()]
        assert len(demand) == sum(map(len, parts)) == len(whole)
        assert_same(parts, whole)
        turn = np.argsort(hilbert_rank(whole.xy))
        blocks = pd.concat([as_frame(block) for block in demand.along_curve(scratch)], ignore_index=True)
        assert blocks["turn"].tolist() == turn.tolist()
        assert blocks["id"].tolist() == whole.ids[turn].tolist()
        assert blocks["population"].tolist() == whole.population[turn].tolist()
        assert blocks[["x", "y"]].to_numpy().tolist() == whole.xy[turn].tolist()
        assert blocks["setting"].tolist() == whole.setting[turn].tolist()
        assert blocks["district"].tolist() == inhabitants.district.to_numpy()[turn].tolist()
        assert not [*scratch.rglob("*.npz")]


def as_frame(block: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({name: np.asarray(values) for name, values in block.items()})


def assert_same(parts: list[Demand], whole: Demand) -> None:
    assert np.concatenate([part.ids for part in parts]).tolist() == whole.ids.tolist()
    for name in ("xy", "population", "setting"):
        assert np.concatenate([getattr(part, name) for part in parts]).tolist() == getattr(whole, name).tolist()
    for name, people in whole.groups.items():
        assert np.concatenate([part.groups[name] for part in parts]).tolist() == people.tolist()


def test_no_more_is_held_than_a_window(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "ROWS", 5)
    monkeypatch.setattr(windows, "HELD", 200)
    monkeypatch.setattr(people_on_disk, "HELD", 200)
    monkeypatch.setattr("accessibility.sources.raster.reading._STRIP_CELLS", 600)
    most = {cache.Heaps: 0, cache.Blocks: 0}

    def counting(kind: type[cache.Heaps | cache.Blocks]) -> Any:
        take = kind.take

        def counted(*given: Any, **options: Any) -> Any:
            rows: Any = take(*given, **options)
            most[kind] = max(
                most[kind], len(rows["row"]) if "row" in (rows if kind is cache.Blocks else rows.dtype.names) else 0
            )
            return rows

        return counted

    for kind in most:
        monkeypatch.setattr(kind, "take", counting(kind))
    monkeypatch.delattr(_Found, "add")  # which holds a raster whole
    demand, _, scratch = in_windows(loading(study, *CASES["groups"]), "few")
    blocks = [*demand.to_crs(METRES).along_curve(scratch)]
    assert sum(len(block["turn"]) for block in blocks) == len(demand) > 3_000
    assert most[cache.Blocks] == 200
    assert 200 < most[cache.Heaps] < 600  # a window of five rows, or a heap of the curve of about as many


@pytest.mark.parametrize(
    ("people", "more", "said"),
    [
        ("", "", "do both files show one place"),
        ("", '[settlement]\nfrom = { column = "class" }', "needs a population table with that column"),
        (', groups = { "60+" = "coarse.tif" }', "", "a grid other than that of pop.tif"),
        (', column = "people"', "", "a raster with column"),
    ],
)
def test_what_is_refused_whole_is_refused_in_windows(people: str, more: str, said: str, study: Path) -> None:
    raster(study.parent / "coarse.tif", np.ones((45, 60)), 200.0)
    if not people + more:
        corners = np.zeros((HIGH, WIDE))
        corners[30, 30] = 1
        raster(study.parent / "pop.tif", corners)
        shapes = [box(5e5, 3.392e6, 501e3, 3.393e6), box(509e3, 3.399e6, 51e4, 34e5)]
        gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=shapes, crs=METRES).to_file(study.parent / "districts.gpkg")
    load = loading(study, people, AREA, more)
    area, _ = load_area(load)
    with pytest.raises(InputError, match=said) as whole:
        place_people(load, area, load_people(load, area)[0])
    with pytest.raises(InputError, match=said) as windowed:
        in_windows(load, "windows")
    assert str(windowed.value) == str(whole.value)


def test_a_district_without_people_is_told_in_windows_too(study: Path) -> None:
    people = np.zeros((HIGH, WIDE))
    people[30, 30] = 7
    raster(study.parent / "pop.tif", people)
    shapes = [box(5e5, 3.392e6, 506e3, 34e5), box(506e3, 3.392e6, 51e4, 34e5)]
    gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=shapes, crs=METRES).to_file(study.parent / "districts.gpkg")
    load = loading(study, *CASES["plain"])
    area, _ = load_area(load)
    whole = place_people(load, area, load_people(load, area)[0])[1]
    said = "1 of 2 districts have no people: B; are they missing from the file?"
    for findings in (whole, in_windows(load, "windows")[1]):
        assert [finding.message for finding in findings if finding.code == "empty-district"] == [said]


def test_the_districts_leave_a_hole_and_a_border(study: Path) -> None:
    # Or the findings that are compared above would be none.
    load = loading(study, *CASES["plain"])
    _, findings, _ = in_windows(load, "windows")
    (left,) = [f for f in findings if f.code == "people-outside"]
    assert "in holes between districts" in left.message
    whole: Any = unary_union([NORTH, SOUTH, EAST])
    assert whole.interiors
