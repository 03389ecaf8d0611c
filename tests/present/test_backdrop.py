"""Water on a map: what is drawn is the water there is, islands kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import mapworlds
import numpy as np
import shapely
from browsing import MARKS

from accessibility.geo.projection import WGS84, transform
from accessibility.present.map.coverage_map import draw_coverage
from accessibility.present.map.outlines import Backdrop, water_rings

if TYPE_CHECKING:
    from collections.abc import Callable

    from browsing import Opened

    from accessibility.present.map.outlines import Waters

BOUNDS = (111.0, 30.0, 111.4, 30.4)


def frame(*shapes: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=list(shapes), crs=WGS84)


def drawn(found: Waters) -> Any:
    """Return what an even number of rings does not enclose."""
    at, area = 0, shapely.union_all([])
    steps = np.array(found.rings["steps"]).reshape(-1, 2)
    for n in found.rings["counts"]:
        ring = (np.cumsum(steps[at : at + n], axis=0) + found.origin) / 1e5
        area, at = area.symmetric_difference(shapely.Polygon(ring)), at + n
    return area


def test_rings_are_the_water_within_the_bounds() -> None:
    lake = shapely.box(111.1, 30.1, 111.2, 30.2) - shapely.box(111.14, 30.14, 111.16, 30.16)
    river = shapely.box(110.5, 30.15, 112.0, 30.18)  # runs through the lake, and on beyond the map
    pond = shapely.Point(111.3, 30.3).buffer(0.00001)
    found = water_rings(frame(lake, river, pond, shapely.box(0, 0, 1, 1)), BOUNDS)
    assert found is not None
    truth = (lake | river) & shapely.box(*BOUNDS)
    assert drawn(found).symmetric_difference(truth).area < 1e-4 * truth.area
    assert found.left == 0  # nobody would see the pond


def test_small_waters_are_left_out_where_there_are_too_many() -> None:
    ponds = [shapely.Point(111.05 + 0.01 * k, 30.2).buffer(0.001 + 0.0001 * k) for k in range(20)]
    few = water_rings(frame(*ponds), BOUNDS, vertices=100)
    assert few is not None
    assert 0 < few.left < 20
    assert len(few.rings["counts"]) == 20 - few.left
    kept = sorted(p.area for p in ponds)[few.left :]
    assert drawn(few).area > 0.9 * sum(kept)
    assert water_rings(frame(shapely.box(0, 0, 1, 1)), BOUNDS) is None


def in_browser(test: Callable[..., None]) -> Callable[..., None]:
    for mark in MARKS:
        test = mark(test)
    return test


@in_browser
def test_water_is_seen_and_an_island_is_not(show: Callable[..., Opened]) -> None:
    cover = mapworlds.grid(side=20)
    lonlat = transform(cover.demand.xy, cover.demand.crs, WGS84)
    (west, south), (east, north) = lonlat.min(axis=0), lonlat.max(axis=0)
    wide, tall = east - west, north - south
    lake = shapely.box(west, south, east, north) - shapely.box(
        west + wide / 3, south + tall / 3, east - wide / 3, north - tall / 3
    )
    opened = show(draw_coverage(cover, caption=mapworlds.caption(), backdrop=Backdrop(water=frame(lake))))
    opened.page.add_style_tag(content=".leaflet-people-pane, .leaflet-marker-pane { display: none; }")
    water, land = (opened.colour(np.array([west + wide * at, south + tall * at])) for at in (0.2, 0.5))
    assert water == (0xD3, 0xE4, 0xE6)
    assert land == (0xF7, 0xF6, 0xF3)
    assert opened.complaints == []
