"""GCJ-02 and BD-09."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import CRS, Geod

from accessibility.errors import InputError
from accessibility.geo import projection
from accessibility.geo.projection import DATUMS, NO_SITE, WGS84, from_wgs84, measure_radius, to_wgs84, transform

LON, LAT = st.floats(73.0, 135.0), st.floats(3.0, 54.0)

# lon, lat in WGS 84, GCJ-02 and BD-09: the vectors that eviltransform publishes for GCJ-02, with BD-09 computed from
# them by the formula's own definition.
VECTORS = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597), (121.53801568643858, 31.181328606874466)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766), (113.92368472926734, 22.546667437751108)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069), (116.39045471310828, 39.919575550965874)),
]


@pytest.mark.parametrize(("wgs84", "gcj02", "bd09"), VECTORS)
def test_published_vectors_hold_in_both_directions(
    wgs84: tuple[float, float], gcj02: tuple[float, float], bd09: tuple[float, float]
) -> None:
    for datum, there in (("GCJ-02", gcj02), ("BD-09", bd09)):
        np.testing.assert_allclose(from_wgs84(*wgs84, datum), there, rtol=0, atol=1e-9)
        np.testing.assert_allclose(to_wgs84(*there, datum), wgs84, rtol=0, atol=1e-9)


@given(lon=LON, lat=LAT, datum=st.sampled_from(DATUMS))
def test_round_trip_is_exact_to_a_billionth_of_a_degree(lon: float, lat: float, datum: str) -> None:
    there = from_wgs84(lon, lat, datum)
    np.testing.assert_allclose(to_wgs84(*there, datum), (lon, lat), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("place", "lon", "lat", "metres"),
    [
        ("Beijing", 116.397, 39.909, 555), ("Shanghai", 121.474, 31.230, 475), ("Shenzhen", 114.057, 22.543, 603),
        ("Chengdu", 104.066, 30.657, 359), ("Chongqing", 106.551, 29.563, 478), ("Urumqi", 87.617, 43.792, 265),
        ("Harbin", 126.535, 45.803, 518),
    ],
)  # fmt: skip
def test_offset_has_the_size_published_for_the_city(place: str, lon: float, lat: float, metres: float) -> None:
    there = from_wgs84(lon, lat, "GCJ-02")
    *_, offset = Geod(ellps="WGS84").inv(lon, lat, float(there[0]), float(there[1]))
    assert offset == pytest.approx(metres, abs=15), place


def test_the_usual_single_step_back_is_metres_off_and_ours_is_not() -> None:
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(73, 135, 20_000), rng.uniform(3, 54, 20_000)
    x, y = from_wgs84(lon, lat, "GCJ-02")
    again = from_wgs84(x, y, "GCJ-02")
    once = 2 * x - again[0], 2 * y - again[1]
    off = Geod(ellps="WGS84").inv(lon, lat, *once)[2]
    assert 4 < off.max() < 5
    settled = Geod(ellps="WGS84").inv(lon, lat, *to_wgs84(x, y, "GCJ-02"))[2]
    assert settled.max() < 1e-5


def test_arrays_keep_their_shape_and_equal_the_scalars() -> None:
    lon, lat = np.array([[116.4, 121.5], [104.1, 113.3]]), np.array([[39.9, 31.2], [30.6, 23.1]])
    x, y = to_wgs84(lon, lat, "BD-09")
    assert x.shape == y.shape == (2, 2)
    alone = to_wgs84(121.5, 31.2, "BD-09")
    np.testing.assert_allclose((x[0, 1], y[0, 1]), alone, rtol=0, atol=1e-12)


def test_the_callers_arrays_stay_as_they_were() -> None:
    lon, lat = np.array([116.4]), np.array([39.9])
    x, y = from_wgs84(lon, lat, "WGS84")
    x[0] = y[0] = 0.0
    assert (lon[0], lat[0]) == (116.4, 39.9)


def test_missing_coordinates_stay_missing_beside_known_ones() -> None:
    lon, lat = np.array([np.nan, 116.38404722455657, np.inf]), np.array([39.0, 39.91334545536069, 30.0])
    x, y = to_wgs84(lon, lat, "GCJ-02")
    assert not np.isfinite(x[[0, 2]]).any()
    np.testing.assert_allclose((x[1], y[1]), (116.377817, 39.911954), rtol=0, atol=1e-9)


def test_nothing_is_left_alone_for_lying_outside_a_box() -> None:
    assert float(from_wgs84(139.7, 35.7, "GCJ-02")[0]) != 139.7


@pytest.mark.parametrize("convert", [to_wgs84, from_wgs84])
def test_an_unknown_datum_is_refused_with_the_list(convert: object) -> None:
    with pytest.raises(InputError, match=r"unknown datum 'GCJ02'; expected one of WGS84, GCJ-02, BD-09"):
        convert(116.0, 39.0, "GCJ02")  # type: ignore[operator]


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(2,\) and latitudes \(3,\)"):
        to_wgs84([1, 2], [1, 2, 3], "GCJ-02")


places = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=14)


@pytest.mark.parametrize("few", [0, 64])
@example([(0, 0), (3, 3)], [(3, 2), (0, 0), (3, 4)], "EPSG:3857", [True] * 14)  # as far north as south, on the map
@given(places, places, st.sampled_from(["EPSG:32649", "EPSG:3857"]), st.lists(st.booleans(), min_size=14, max_size=14))
def test_the_nearest_open_site_and_of_equals_the_lowest_row(
    few: int, people: list[tuple[int, int]], sites: list[tuple[int, int]], crs: str, opened: list[bool]
) -> None:
    there = CRS.from_user_input(crs)
    origin = transform(np.array([(111.3, 30.5)]), WGS84, there)
    home, site = (np.array(xy) * 1_000.0 + origin for xy in (people, sites))
    home[0] = np.nan
    is_open = np.array(opened[: len(sites)])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(projection, "_FEW", few)
        radius, owner = measure_radius(home, site, is_open, there)
    a, b = transform(home, there, WGS84), transform(site, there, WGS84)
    for row in range(len(home)):
        metres = np.where(is_open, Geod(ellps="WGS84").inv(*np.tile(a[row], (len(b), 1)).T, *b.T)[2], np.inf)
        if row == 0 or not is_open.any():
            assert np.isnan(radius[row])
            assert owner[row] == NO_SITE
        else:
            assert radius[row] == metres.min()
            assert owner[row] == metres.argmin()
