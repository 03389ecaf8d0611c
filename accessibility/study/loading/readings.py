"""Whether the people of a table stand where their coordinates are declared to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from accessibility.geo.projection import WGS84
from accessibility.sources.detection import ENOUGH, Surroundings, suspect_datum

if TYPE_CHECKING:
    from accessibility.sources.checks import Finding
    from accessibility.streets.network import Network
    from accessibility.study.loading.context import Bounds, Loading
    from accessibility.study.loading.people import People


def suspect_people(
    load: Loading, people: People, network: Network, area: gpd.GeoDataFrame | None, bounds: Bounds | None
) -> list[Finding]:
    """Return a finding where the rows of a table fit districts and streets clearly better if read otherwise.

    Homes near the study area are asked, two thousand of them at most, evenly through the table.
    """
    path = load.settings.inputs.population.path
    if path is None or "label" not in people.columns:
        return []
    lon, lat = people.lonlat.T
    west, south, east, north = bounds or (-180.0, -90.0, 180.0, 90.0)
    near = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north) & (people.population > 0)
    rows = np.flatnonzero(near)
    rows = rows[:: max(1, len(rows) // ENOUGH)]
    homes = gpd.GeoDataFrame(
        {"address": people.columns["label"][rows]}, geometry=shapely.points(people.lonlat[rows]), crs=WGS84
    )
    ground = Surroundings(network=network, districts=area)
    coordinates = load.settings.inputs.population.coordinates
    return suspect_datum(homes, coordinates, ground, source=path.name, what="homes")[1]
