"""Straight lines to the nearest site, against the geodesic to every one of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod

from accessibility.geo.projection import NO_SITE, WGS84, measure_radius, transform

places = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=14)


@given(places, places, st.sampled_from(["EPSG:32649", "EPSG:3857"]), st.data())
def test_the_nearest_open_site_and_of_equals_the_lowest_row(
    people: list[tuple[int, int]], sites: list[tuple[int, int]], crs: str, data: st.DataObject
) -> None:
    there = CRS.from_user_input(crs)
    origin = transform(np.array([(111.3, 30.5)]), WGS84, there)
    home, site = (np.array(xy) * 1_000.0 + origin for xy in (people, sites))
    home[0] = np.nan
    is_open = np.array(data.draw(st.lists(st.booleans(), min_size=len(sites), max_size=len(sites))))
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
