from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, box

from accessibility import InputError
from accessibility.sources.spread import spread_over_buildings

Building = tuple[float, float, float, float, str]  # lon, lat, footprint, levels, use


def districts(*totals: float) -> gpd.GeoDataFrame:
    """Return districts A, B, ... side by side, one degree wide."""
    shapes = [box(i, 0, i + 1, 1) for i in range(len(totals))]
    return gpd.GeoDataFrame(
        {"population": totals}, index=[chr(65 + i) for i in range(len(totals))], geometry=shapes, crs=4326
    )


def buildings(*rows: Building) -> gpd.GeoDataFrame:
    lon, lat, footprint, levels, use = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return gpd.GeoDataFrame(
        {"id": [f"w{i}" for i in range(len(rows))], "footprint_m2": footprint, "levels": levels, "use": list(use)},
        geometry=[Point(x, y) for x, y in zip(lon, lat, strict=True)],
        crs=4326,
    )


def test_floor_area_of_homes_decides() -> None:
    houses = buildings(
        (0.1, 0.5, 100, 1, "residential"), (0.2, 0.5, 100, 3, "residential"), (0.3, 0.5, 900, 9, "other")
    )
    spread, _ = spread_over_buildings(houses, districts(80))
    assert dict(zip(spread.ids, spread.population, strict=True)) == {"bw0": 20, "bw1": 60}


def test_unknown_buildings_are_homes_only_where_homes_are_few() -> None:
    known = [(0.1 + i / 100, 0.5, 100, 1, "residential") for i in range(3)]
    unknown = [(1.1 + i / 100, 0.5, 100, 1, "unknown") for i in range(7)]
    few = buildings(*known, (0.5, 0.5, 100, 1, "unknown"), (1.5, 0.5, 100, 1, "residential"), *unknown)
    spread, findings = spread_over_buildings(few, districts(30, 80))
    assert spread.population.tolist() == [10] * 3 + [10] * 8
    assert "in 1 districts buildings of unknown use count as homes" in findings[0].message


def test_a_district_without_homes_takes_other_buildings_and_without_any_a_point_inside() -> None:
    spread, findings = spread_over_buildings(buildings((0.5, 0.5, 10, 1, "other")), districts(7, 5))
    assert (spread.ids.tolist(), spread.population.tolist()) == (["bw0", "dB"], [7, 5])
    assert spread.district.tolist() == ["A", "B"]
    assert (1 < spread.lonlat[1, 0] < 2, findings[-1].people) == (True, 5)


@pytest.mark.parametrize("total", [float("nan"), -1.0])
def test_a_district_without_population_is_named(total: float) -> None:
    with pytest.raises(InputError, match=r"1 districts without a population to spread: B \("):
        spread_over_buildings(buildings(), districts(1, total))


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=4),
    st.lists(
        st.tuples(
            st.floats(-0.5, 4.5), st.floats(0, 1), st.floats(0, 1e4), st.floats(0.5, 40),
            st.sampled_from(["residential", "unknown", "other"]),
        ),
        max_size=25,
    ),
)  # fmt: skip
def test_every_total_is_kept(totals: list[float], rows: list[Building]) -> None:
    spread, _ = spread_over_buildings(buildings(*rows), districts(*totals))
    kept = {name: float(spread.population[spread.district == name].sum()) for name in "ABCD"[: len(totals)]}
    assert list(kept.values()) == pytest.approx(totals)
    assert (spread.population >= 0).all()
    assert len(np.unique(spread.ids)) == len(spread.ids)
