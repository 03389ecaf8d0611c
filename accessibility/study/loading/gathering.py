"""Everything that a study is made of, read in the order in which one thing needs another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.geo.projection import WGS84
from accessibility.measures.walkers import others_of
from accessibility.sources.checks import warn_of
from accessibility.sources.detection import ENOUGH, Surroundings, suspect_datum
from accessibility.study.loading.context import Loading, input_files, is_osm, study_bounds
from accessibility.study.loading.people import load_people, place_people
from accessibility.study.loading.settling import WindowedDemand, settle_windows
from accessibility.study.loading.sites import districts_of, load_area, load_sites
from accessibility.study.loading.streets import check_together, load_heights, load_network, place_streets
from accessibility.study.loading.windows import WindowedPeople, read_windows, reads_windows
from accessibility.study.saving import keep_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accessibility.demand import Demand
    from accessibility.sources.checks import Finding
    from accessibility.sources.placed import PlacedStreets
    from accessibility.streets.network import Network
    from accessibility.study.loading.cells import People
    from accessibility.study.loading.context import Bounds, Loading
    from accessibility.study.loading.people import Inhabitants


def gather_inputs(load: Loading, source: str, step: Callable[[str], None]) -> dict[str, Any]:
    """Return the fields of a study but for its path and settings.

    Where `load` has a scratch its streets are returned by place, and people of a raster in blocks, see
    `WindowedDemand`, without what a study knows of them beside.

    Parameters
    ----------
    load
        Settings, and where the inputs lie.
    source
        What findings are said of, in a warning.
    step
        Called with the name of each step as it begins.
    """
    settings = load.settings
    name = settings.name or load.folder.name
    step("Districts")
    area, of_area = load_area(load)
    step("People")
    people: People | WindowedPeople
    people, of_people = read_windows(load, area) if reads_windows(load) else load_people(load, area)
    bounds = study_bounds(area, people.lonlat, load.margin_m)
    step("Settings and districts")
    demand: Demand | WindowedDemand
    beside: dict[str, Any] = {}
    if isinstance(people, WindowedPeople):
        demand, of_places = settle_windows(load, people)
    else:
        inhabitants, of_places = place_people(load, area, people)
        demand, beside = inhabitants.demand, _beside(inhabitants)
    step("Streets")
    network: Network | PlacedStreets
    of_heights: list[Finding] = []
    if load.scratch is not None:
        network, of_network = place_streets(load, bounds, load.scratch)
    else:
        network, of_network = load_network(load, bounds)
        network, of_heights = load_heights(load, network)
    if not isinstance(people, WindowedPeople):
        of_people += suspect_people(load, people, network, area, bounds)
    step("Sites")
    sites, of_sites = load_sites(load, bounds, network, area)
    demand = demand.to_crs(network.crs)
    _refuse_walkers(demand, settings.walking.groups or (), source)
    homes = demand.homes() if isinstance(demand, WindowedDemand) else [(demand.xy, demand.population)]
    together = check_together(load, network, homes, area)
    files = input_files(load)
    findings = (*of_area, *of_people, *of_network, *of_heights, *of_sites, *of_places, *together)
    findings = keep_findings(files, findings)
    warn_of(source, findings)
    return {
        "network": network,
        "demand": demand,
        "sites": sites,
        "site_district": districts_of(sites, area, name),
        "districts": area,
        "inputs": files,
        "extract": load.extract(files["network"]) if "network" in files and is_osm(files["network"]) else None,
        "findings": findings,
        **beside,
    }


def _beside(people: Inhabitants) -> dict[str, Any]:
    """Return what a study knows of its people beside them, where they are in memory."""
    return {
        "district": people.district,
        "shifted_settings": people.shifted,
        "shapes": people.shapes,
        "density": people.density,
    }


def _refuse_walkers(demand: Demand | WindowedDemand, groups: Iterable[str], source: str) -> None:
    """Refuse walkers of groups that the people do not have, or that overlap."""
    names = [*groups]
    parts = [demand] if not isinstance(demand, WindowedDemand) else demand.parts() if names else ()
    try:
        for part in parts:
            others_of(part, names)
    except InputError as error:
        msg = f"{source}: walking.groups: {error}"
        raise InputError(msg) from error


def suspect_people(
    load: Loading,
    people: People,
    network: Network | PlacedStreets,
    area: gpd.GeoDataFrame | None,
    bounds: Bounds | None,
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
