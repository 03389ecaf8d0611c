"""District totals over buildings."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from accessibility.errors import InputError
from accessibility.sources.raster.reading import Cells
from accessibility.sources.spread import spread_cells, spread_over_buildings

DISTRICTS = gpd.GeoDataFrame(
    {"population": [900.0, 50.0]}, geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], index=["West", "East"],
    crs="EPSG:4326",
)  # fmt: skip


def houses(*rows: tuple[float, float, float, str]) -> gpd.GeoDataFrame:
    """Return buildings from longitude, footprint, storeys and use."""
    lon, area, levels, use = zip(*rows, strict=True) if rows else ((), (), (), ())
    return gpd.GeoDataFrame(
        {"id": [f"w{i}" for i in range(len(rows))], "footprint_m2": area, "levels": levels, "use": use},
        geometry=shapely.points(np.column_stack([lon, np.full(len(rows), 0.5)])) if rows else [],
        crs="EPSG:4326",
    )


def test_people_live_in_proportion_to_floor_area_of_homes() -> None:
    spread, findings = spread_over_buildings(
        houses(
            (0.1, 100, 6, "residential"), (0.2, 100, 3, "residential"), (0.3, 9999, 1, "other"), (1.5, 80, 1, "unknown")
        ),
        DISTRICTS,
    )
    assert dict(zip(spread.ids, spread.population.tolist(), strict=True)) == {"bw0": 600.0, "bw1": 300.0, "bw3": 50.0}
    assert spread.district.tolist() == ["West", "West", "East"]
    assert spread.lonlat.tolist() == [[0.1, 0.5], [0.2, 0.5], [1.5, 0.5]]
    assert findings == []


@pytest.mark.parametrize(("unknown", "placed"), [(2, 1), (3, 4)])
def test_buildings_of_unknown_use_count_where_homes_are_below_three_in_ten(unknown: int, placed: int) -> None:
    rows = [(0.1, 100.0, 1.0, "residential")] + [(0.2, 100.0, 1.0, "unknown")] * unknown
    spread, _ = spread_over_buildings(houses(*rows, (1.5, 10, 1, "unknown")), DISTRICTS)
    assert (spread.district == "West").sum() == placed


def test_other_buildings_are_the_last_resort_and_missing_storeys_are_one() -> None:
    spread, _ = spread_over_buildings(
        houses((0.1, 10, float("nan"), "other"), (0.2, 20, 1, "other"), (1.5, 5, 2, "unknown")), DISTRICTS
    )
    assert spread.population.tolist() == [300.0, 600.0, 50.0]


def test_a_district_without_buildings_keeps_its_people_at_a_point_inside() -> None:
    spread, findings = spread_over_buildings(
        houses((0.1, 10, 1, "residential"), (5.0, 10, 1, "residential")), DISTRICTS
    )
    assert spread.ids.tolist() == ["bw0", "dEast"]
    assert spread.population.tolist() == [900.0, 50.0]
    assert 1 < spread.lonlat[1, 0] < 2
    assert [(f.code, f.count, f.people) for f in findings] == [
        ("building-outside", 1, None),
        ("district-without-building", 1, 50.0),
    ]
    assert "1 districts have no building (East): their 50 people" in findings[1].message
    nothing, _ = spread_over_buildings(houses(), DISTRICTS)
    assert nothing.population.tolist() == [900.0, 50.0]


@given(
    rows=st.lists(
        st.tuples(
            st.floats(-0.5, 2.5),
            st.floats(0, 1e5),
            st.floats(1, 60),
            st.sampled_from(["residential", "unknown", "other"]),
        ),
        max_size=40,
    ),
    totals=st.tuples(st.floats(0, 1e7), st.floats(1, 1e7)),
)
def test_every_district_keeps_its_total(
    rows: list[tuple[float, float, float, str]], totals: tuple[float, float]
) -> None:
    spread, _ = spread_over_buildings(houses(*rows), DISTRICTS.assign(population=totals))
    for name, total in zip(("West", "East"), totals, strict=True):
        assert spread.population[spread.district == name].sum() == pytest.approx(total, rel=1e-12, abs=1e-300)
    assert len(set(spread.ids)) == len(spread.ids)


def test_districts_without_people_to_spread_are_named() -> None:
    with pytest.raises(InputError, match=r"1 districts have no population to spread: East; expected people, 0 or more"):
        spread_over_buildings(houses(), DISTRICTS.assign(population=[1.0, np.nan]))
    with pytest.raises(InputError, match=r"no one lives in 2 districts"):
        spread_over_buildings(houses(), DISTRICTS.assign(population=[0.0, 0.0]))


CELL_DEG = 0.01  # 1 km and a bit at the equator


def cells(*people: float) -> Cells:
    """Return cells of 0.01 degrees in a row from (0, 0.01) to the east, of so many people each."""
    return Cells(
        row=np.zeros(len(people), np.int32),
        column=np.arange(len(people), dtype=np.int32),
        population=np.array(people),
        geotransform=(CELL_DEG, 0.0, 0.0, 0.0, -CELL_DEG, CELL_DEG),
        crs=CRS(4326),
        cell_m=1_110.0,
        zero_cells=0,
        nodata_cells=0,
    )


def at(*rows: tuple[float, float, float, str]) -> gpd.GeoDataFrame:
    """Return buildings from eastings in cells, footprint, storeys and use, on a line through the cells' middles."""
    homes = houses(*((x * CELL_DEG, *rest) for x, *rest in rows))  # type: ignore[arg-type]
    lon = [x * CELL_DEG for x, *_ in rows]
    return homes.set_geometry(shapely.points(np.column_stack([lon, np.full(len(lon), CELL_DEG / 2)])), crs="EPSG:4326")


def test_people_of_a_cell_live_in_the_buildings_inside_it() -> None:
    buildings = at(
        (0.2, 100, 6, "residential"), (0.8, 100, 3, "residential"), (0.5, 9_999, 1, "other"), (2.5, 9, 1, "unknown")
    )
    placed, (finding,) = spread_cells(cells(90, 121), {"60+": np.array([9.0, 12.1])}, buildings, source="pop.tif")
    assert placed.ids[:2].tolist() == ["r0c0-bw0", "r0c0-bw1"]
    assert placed.population[:2].tolist() == [60, 30]
    assert placed.groups["60+"][:2].tolist() == [6, 3]
    assert placed.lonlat[:2].tolist() == [[0.002, 0.005], [0.008, 0.005]]
    assert len(placed.ids) == 2 + 11**2  # the second cell has no building: 11 by 11 parts of 101 m
    assert placed.ids[2] == "r0c1-1"
    assert placed.population[2:] == pytest.approx(np.ones(121))
    assert (placed.lonlat[2:, 0] > CELL_DEG).all()
    assert str(finding) == (
        "pop.tif: people of 1 cells of 1,110 m shared over 2 buildings inside them by floor area; 1 cells have none: "
        "their 121 people shared equally over parts of 100 m"
    )
    assert (finding.count, finding.people) == (2, 211)


def test_fine_cells_stay_whole_whatever_stands_in_them() -> None:
    fine = replace(cells(90.0), cell_m=140.0)
    placed, findings = spread_cells(fine, {}, at((0.5, 100, 1, "residential")), source="pop.tif")
    assert (placed.ids.tolist(), placed.population.tolist(), findings) == (["r0c0"], [90.0], [])


@given(
    people=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=6),
    rows=st.lists(
        st.tuples(
            st.floats(-1, 7), st.floats(0, 500), st.floats(1, 9), st.sampled_from(["residential", "unknown", "other"])
        ),
        max_size=12,
    ),
)
def test_every_cell_keeps_its_people_and_they_stay_inside_it(
    people: list[float], rows: list[tuple[float, float, float, str]]
) -> None:
    whole = cells(*people)
    placed, _ = spread_cells(whole, {"old": whole.population / 4}, at(*rows) if rows else houses(), source="t")
    column = np.floor(placed.lonlat[:, 0] / CELL_DEG + 1e-9).astype(int)
    named = [int(i.split("-")[0].split("c")[1]) for i in placed.ids]
    assert column.tolist() == named
    assert np.bincount(column, weights=placed.population, minlength=len(people)) == pytest.approx(np.array(people))
    assert placed.groups["old"] == pytest.approx(placed.population / 4)
    assert len(set(placed.ids)) == len(placed.ids)
