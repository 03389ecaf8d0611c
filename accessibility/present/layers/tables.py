"""The layers of a run: people, sites, proposal, districts, blackspots and service areas as tables with geometry."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.geo.projection import WGS84
from accessibility.measures.surface import shape_people
from accessibility.measures.tables import as_text, demand_table, district_columns, district_table, values_by_id
from accessibility.present.labels import format_site
from accessibility.present.report.sureness import with_certainty

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import geopandas as gpd

    from accessibility.measures.coverage import Coverage
    from accessibility.present.labels import SiteLabel
    from accessibility.uncertainty import Uncertainty
    from accessibility.wording import Language

GEOMETRY = {
    **dict.fromkeys(("demand", "outlets", "banks", "candidates", "proposed"), "Point"),
    **dict.fromkeys(("districts", "blackspots", "service_areas"), "MultiPolygon"),
}
"""The layers in their order, and the type of their geometry; people who were read as areas are areas."""
SITE_COLUMNS = ("id", "name", "label", "kind", "bank", "open", "closed", "cost", "district", "nearest_people")
ROOM_COLUMNS = ("capacity", "served", "unserved", "used")
"""Of the layers of sites, too, where some have a capacity."""
PROPOSED_COLUMNS = (
    *("rank", "id", "name", "kind", "cost", "lon", "lat"),
    *("gain_people", "covered_people", "covered_share", "marginal_per_cost"),
)
"""The columns of ``sites.csv``."""
_KIND_OF = {"outlets": "outlet", "banks": "bank", "candidates": "new"}
_PROPOSED_TEXTS = ("id", "name", "kind")


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerSources:
    """What the layers of a run are made of."""

    coverage: Coverage  # who is covered; its people and sites
    # district, site_district: name of the district of each demand point and each site, keyed by id
    district: pd.Series[Any]
    site_district: pd.Series[Any]
    # polygons indexed by district name, with a coordinate system; None without an area.
    districts: gpd.GeoDataFrame | None
    blackspots: gpd.GeoDataFrame  # `Blackspots.spots`
    service_areas: gpd.GeoDataFrame  # `trace_service_areas`
    plan: pd.DataFrame | None = None  # the table of a proposal, with `PROPOSED_COLUMNS`; None without one.
    sure: Uncertainty | None = None  # how sure it is that each place is covered; None where nobody asked.
    # labels, languages: what sites without a name are called, by id, and in which languages
    labels: Mapping[str, SiteLabel] = field(default_factory=dict)
    languages: tuple[Language, ...] = ("en",)

    @cached_property
    def people(self) -> gpd.GeoDataFrame:
        """Everybody, without how sure it is."""
        return demand_table(self.coverage, self.district)

    def called(self, names: Iterable[Any], ids: Iterable[Any]) -> Any:
        """Return what sites are called, as maps and reports have it."""
        told = [format_site(name, ident, self.labels, self.languages) for name, ident in zip(names, ids, strict=True)]
        return as_text(np.array(told, dtype=object))


def make_layers(sources: LayerSources) -> dict[str, gpd.GeoDataFrame]:
    """Return every layer by its name, in EPSG:4326 and in the order of `GEOMETRY`; one without rows has its columns.

    Raises
    ------
    InputError
        A series that names an id twice, or districts that do not hold those of the series.
    """
    sites = _sites(sources)
    return {
        "demand": with_certainty(_people(sources), sources.sure),
        **{name: sites[sites["kind"] == kind].reset_index(drop=True) for name, kind in _KIND_OF.items()},
        "proposed": _proposed(sources),
        "districts": _districts(sources),
        "blackspots": sources.blackspots.to_crs(WGS84),
        "service_areas": sources.service_areas.to_crs(WGS84),
    }


def geometry_type_of(layers: Mapping[str, gpd.GeoDataFrame], layer: str) -> str:
    """Return the type of the geometry of a layer of a run: people are points, or polygons if they stand for areas."""
    areas = layer == "demand" and (layers[layer].geom_type == "MultiPolygon").any()
    return "MultiPolygon" if areas else GEOMETRY[layer]


def _people(sources: LayerSources) -> gpd.GeoDataFrame:
    """Return the demand points, as the cells or polygons they stand for where they were read as such."""
    import shapely  # noqa: PLC0415

    people, shapes = sources.people, shape_people(sources.coverage)
    if shapes is None:
        return people
    single = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    whole = shapes.copy()
    whole[single] = shapely.multipolygons(shapes[single][:, None])  # a layer has one type of geometry
    return people.set_geometry(whole, crs=WGS84)


def _sites(sources: LayerSources) -> gpd.GeoDataFrame:
    """Return all sites; ``nearest_people`` are the covered people for whom the site is the nearest that counts."""
    import geopandas as gpd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    coverage, sites = sources.coverage, sources.coverage.sites
    decided = coverage.covered & (coverage.nearest >= 0)
    people = coverage.demand.population[decided]
    columns = {
        "id": as_text(sites.ids),
        "name": as_text(sites.name),
        "label": sources.called(sites.name, sites.ids),
        "kind": as_text(sites.kind),
        "bank": as_text(sites.bank),
        "open": sites.open,
        "closed": sites.closed,
        "cost": sites.cost,
        "district": as_text(values_by_id(sources.site_district, sites.ids)),
        "nearest_people": np.bincount(coverage.nearest[decided], weights=people, minlength=len(sites)),
    }
    if coverage.service is not None:
        told = coverage.service.of_sites()
        columns |= {name: told[name] for name in ROOM_COLUMNS}
        columns["capacity"] = np.where(np.isfinite(sites.capacity), sites.capacity, np.nan)
    points = shapely.points(sites.lonlat)
    return gpd.GeoDataFrame(columns, geometry=points, crs=WGS84)


def input_columns(coverage: Coverage) -> dict[str, dict[str, Any]]:
    """Return the other columns of the tables of sites, as text, by layer and name; those in which nothing stands not.

    One that is called as a column of the layer is called ``input_...``.
    """
    sites, found = coverage.sites, {}
    for layer, kind in _KIND_OF.items():
        here = sites.kind == kind
        room = ROOM_COLUMNS if sites.has_capacity else ()
        taken = {*SITE_COLUMNS, *room, "fid", "geom", "geometry"}  # SQLite takes Name and name for the same
        kept: dict[str, Any] = {}
        for column, values in sites.columns.items():
            texts = as_text(values[here])
            name = f"input_{column}" if column.casefold() in taken else column
            if name.casefold() not in taken and (pd.Series(texts).fillna("") != "").any():
                taken.add(name.casefold())
                kept[name] = texts
        found[layer] = kept
    return found


def _proposed(sources: LayerSources) -> gpd.GeoDataFrame:
    import geopandas as gpd  # noqa: PLC0415

    plan = sources.plan

    kinds = {name: "string" if name in _PROPOSED_TEXTS else "float64" for name in PROPOSED_COLUMNS} | {"rank": "int64"}
    table = pd.DataFrame(columns=list(PROPOSED_COLUMNS)) if plan is None else plan[list(PROPOSED_COLUMNS)]
    table = table.astype(kinds).reset_index(drop=True)
    table.insert(list(table.columns).index("kind"), "label", sources.called(table["name"], table["id"]))
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs=WGS84)


def _districts(sources: LayerSources) -> gpd.GeoDataFrame:
    """Return the districts with their row of ``districts.csv``; the rows without a polygon are left to that file."""
    import geopandas as gpd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    columns = list(district_columns(sources.coverage.standard, served=sources.coverage.service is not None))
    kinds = {**dict.fromkeys(columns, "float64"), "district": "string"}
    kinds |= dict.fromkeys(("outlets", "partner_banks"), "int64")
    if sources.districts is None:
        return gpd.GeoDataFrame(pd.DataFrame(columns=columns).astype(kinds), geometry=[], crs=WGS84)
    names = list(sources.districts.index)
    table = district_table(sources.coverage, sources.district, sources.site_district, names=names)
    shapes = [shapely.multipolygons(shapely.get_parts(shape)) for shape in sources.districts.geometry.to_crs(WGS84)]
    return gpd.GeoDataFrame(table.iloc[: len(names)].astype(kinds), geometry=shapes, crs=WGS84)
