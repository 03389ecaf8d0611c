"""District totals over buildings."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from accessibility.errors import InputError
from accessibility.sources.spread import spread_over_buildings

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
    with pytest.raises(InputError, match=r"nobody lives in 2 districts"):
        spread_over_buildings(houses(), DISTRICTS.assign(population=[0.0, 0.0]))
