"""Coordinates as Chinese surveys write them: zones, prefixes, northing before easting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyproj import CRS, Proj, Transformer

from accessibility.errors import InputError
from accessibility.sources.tables.points import TableSpec, locate_rows

# Longitude, latitude, EPSG code; easting and northing by the series of Krüger (1912) on the CGCS2000 ellipsoid.
SURVEYED = [
    (113.264, 23.129, 4547, 424613.8648, 2559013.8708),
    (113.264, 23.129, 4526, 38424613.8648, 2559013.8708),
    (120.1551, 30.2741, 4549, 514923.7343, 3350508.8698),
    (104.0665, 30.5723, 4496, 18410449.4253, 3383928.0881),
]


def surveyed(x: float, y: float, coordinates: str | None) -> Any:
    table = pd.DataFrame({"x": [str(x)], "y": [str(y)]}, index=[2])
    return locate_rows(table, TableSpec(coordinates=coordinates), source="t.csv").lonlat


@pytest.mark.parametrize(("lon", "lat", "epsg", "x", "y"), SURVEYED)
def test_survey_coordinates_of_china_come_out_where_they_are(
    lon: float, lat: float, epsg: int, x: float, y: float
) -> None:
    np.testing.assert_allclose(surveyed(x, y, f"EPSG:{epsg}"), [(lon, lat)], rtol=0, atol=2e-9)
    forth = Transformer.from_crs(4490, epsg, always_xy=True).transform(lon, lat)
    np.testing.assert_allclose(forth, (x, y), rtol=0, atol=1e-4)
    with pytest.raises(InputError, match=rf"fall outside the area of EPSG:{epsg} .*expected x \(east\) first"):
        surveyed(y, x, f"EPSG:{epsg}")


def test_survey_coordinates_far_outside_their_zone_are_refused() -> None:
    x, y = Transformer.from_crs(4490, 4498, always_xy=True).transform(104.0665, 30.5723)
    np.testing.assert_allclose((x, y), (19254211.9616, 3455844.9824), rtol=0, atol=1e-4)
    with pytest.raises(InputError, match=r"fall outside the area of EPSG:4498 \(CGCS2000 / Gauss-Kruger zone 20\)"):
        surveyed(x, y, "EPSG:4498")


def test_a_belt_of_three_degrees_is_three_ten_thousandths_too_long_at_its_edge() -> None:
    factors = Proj(4547).get_factors(114 + 1.5, 23.0)
    assert factors.meridional_scale - 1 == pytest.approx(0.00029, abs=5e-6)


def test_the_chinese_codes_have_their_central_meridians_prefixes_and_northing_first() -> None:
    for first, zones, step, meridian in ((4491, range(13, 24), 6, 75), (4513, range(25, 46), 3, 75)):
        for zone in zones:
            crs = CRS.from_epsg(first + zone - zones[0])
            told = {p["name"]: p["value"] for p in crs.to_json_dict()["conversion"]["parameters"]}
            assert told["Longitude of natural origin"] == meridian + step * (zone - zones[0])
            assert told["False easting"] == zone * 1_000_000 + 500_000
            assert told["Scale factor at natural origin"] == 1
            assert [axis.direction for axis in crs.axis_info] == ["north", "east"]
    assert [axis.direction for axis in CRS.from_epsg(4490).axis_info] == ["north", "east"]


def test_cgcs2000_degrees_are_longitude_first() -> None:
    np.testing.assert_allclose(surveyed(113.264, 23.129, "EPSG:4490"), [(113.264, 23.129)], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("bare", "prefixed"),
    [
        (4547, 4526), (4534, 4513), (4554, 4533), (4502, 4491), (4512, 4501), (4507, 4496),
        (2327 + 11, 2327), (2382, 2361), (21453, 21413), (2422, 2401), (2442, 2421),
    ],
)  # fmt: skip
def test_a_zone_before_the_easting_names_the_code_that_is_meant(bare: int, prefixed: int) -> None:
    def position(epsg: int) -> tuple[float, float]:
        crs = CRS.from_epsg(epsg)
        west, _, east, _ = crs.area_of_use.bounds  # type: ignore[union-attr]
        x, y = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True).transform((west + east) / 2, 35.0)
        return float(x), float(y)

    with_zone, without = position(prefixed), position(bare)
    assert with_zone[0] % 1_000_000 == pytest.approx(without[0], abs=1e-3)
    with pytest.raises(
        InputError, match=rf"EPSG:{bare} .*; eastings of 8 digits that begin with .* EPSG:{prefixed} in"
    ):
        surveyed(*with_zone, f"EPSG:{bare}")
    with pytest.raises(InputError, match=rf"; EPSG:{prefixed} has its zone before the easting, EPSG:{bare} has none$"):
        surveyed(*without, f"EPSG:{prefixed}")


def test_metres_taken_for_degrees_name_the_zone_they_begin_with() -> None:
    with pytest.raises(
        InputError, match=r"lie outside the globe.*; eastings of 8 .* begin with 38 are EPSG:4526 in CGC"
    ):
        surveyed(38424613.8648, 2559013.8708, None)
    with pytest.raises(InputError, match=r"expected degrees; for metres declare coordinates = 'EPSG:n'$"):
        surveyed(424613.8648, 2559013.8708, None)
    with pytest.raises(
        InputError, match=r"the second number begins with a zone, as an easting does: swap the columns$"
    ):
        surveyed(2559013.8708, 38424613.8648, "EPSG:4526")
