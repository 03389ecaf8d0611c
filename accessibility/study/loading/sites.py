"""The outlets, bank branches and candidates of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from accessibility.errors import Finding, InputError
from accessibility.geo.projection import WGS84, Bounds
from accessibility.sites import KIND_OF, Sites
from accessibility.sources.areas import AreaSpec, distinguish_districts, locate, overlaps, read_areas, with_table
from accessibility.sources.detection import Surroundings, suspect_datum
from accessibility.sources.fetched.keeping import keep_places
from accessibility.sources.osm import extracts as osm
from accessibility.sources.tables.columns import columns_meaning, money_of
from accessibility.sources.tables.places import PlaceSpec, has_value, read_sites
from accessibility.sources.tables.totals import read_totals
from accessibility.study.loading.context import Loading, assumed_datum, is_osm

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.sources.street_store import PlacedStreets
    from accessibility.streets.network import Network
    from accessibility.study.schema import AreaInput, SitesInput


def load_sites(
    load: Loading, bounds: Bounds | None, network: Network | PlacedStreets, area: gpd.GeoDataFrame | None = None
) -> tuple[Sites, list[Finding]]:
    """Return outlets, banks and candidates within `bounds`, in the coordinate system of the network."""
    findings: list[Finding] = []
    ground = Surroundings(network=network, districts=area)
    kept: list[Sites] = []
    origin: dict[object, str] = {}
    unit = money_of(f"cost({load.settings.siting.cost_unit})")
    moneys = {unit: "siting.cost_unit"} if unit else {}
    for role in ("outlets", "banks", "candidates"):
        table: SitesInput | None = getattr(load.settings.inputs, role)
        if table is None:
            continue
        frame, source, found = _read_role(load, role, table)
        findings += found
        moneys |= {money: source for column in columns_meaning(frame, "cost")[1:2] if (money := money_of(column))}
        if len(moneys) > 1:
            (one, here), (other, there) = moneys.items()
            msg = f"costs are in {one} in {here} and in {other} in {there}; expected one unit of money in both"
            raise InputError(msg)
        frame, found = _near(frame, source, bounds)
        findings += found
        if table.osm is None:
            findings += suspect_datum(frame, table.coordinates, ground, source=source)[1]
        clash = [i for i in frame.index if i in origin]
        if clash:
            shown = ", ".join(map(str, clash[:10]))
            msg = (
                f"ids both in {origin[clash[0]]} and in {source} ({len(clash)}): {shown}; expected ids unique over both"
            )
            raise InputError(msg)
        origin |= dict.fromkeys(frame.index, source)
        kept.append(Sites.from_gdf(frame).to_crs(network.crs))
    sites = kept[0]
    for more in kept[1:]:
        sites += more
    if not sites.open.any():
        message = "no site counts today: no outlet, and no bank marked as partner; coverage is 0 %"
        findings.append(Finding(code="no-open-site", source="sites", message=message, count=0))
    return sites, findings


def _read_role(load: Loading, role: str, table: SitesInput) -> tuple[gpd.GeoDataFrame, str, list[Finding]]:
    """Return one kind of site from its table, or from tags in an OpenStreetMap extract, and where it came from."""
    cost = load.settings.siting.cost
    path = load.file(table.path) if table.path else load.streets
    if table.osm is None:
        spec = PlaceSpec(
            role=role,  # type: ignore[arg-type]
            coordinates=table.coordinates,
            columns=table.columns,
            counts_if=table.counts_if,
            layer=table.layer,
            sheet=table.sheet,
            encoding=table.encoding,
            cost={"outlet": 0.0, "bank": cost.bank, "new": cost.new},
        )
        frame, findings = read_sites(load.table(table.path or path), spec)
        return frame, path.name, findings + assumed_datum(path, table.coordinates)
    if not is_osm(path):
        msg = f"{path.name}: osm = ... reads an OpenStreetMap extract; expected a name ending in .osm.pbf or .osm"
        raise InputError(msg)
    tags, asked = table.tags, load.asked
    if asked is not None and table.path is None:
        frame, findings = keep_places(asked, tags)
        path = asked.places(tags)
    else:
        frame, findings = osm.read_places(load.extract(path), tags)
    source = f"{path.name} ({tags})"
    if frame.empty:
        msg = f"{path.name}: no object is tagged {tags}; expected some for {role}"
        raise InputError(msg)
    kind = KIND_OF[role]
    counts, more = _counting(frame, table, source, kind)
    frame = frame.set_index("id").assign(
        kind=kind, open=counts, cost={"bank": cost.bank, "new": cost.new}.get(kind, 0.0)
    )
    return frame, source, findings + more


def _counting(
    frame: gpd.GeoDataFrame, table: SitesInput, source: str, kind: str
) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Return which objects of OpenStreetMap count today: outlets, and banks that ``counts_if`` names as partners."""
    counts = np.full(len(frame), kind == "outlet" or (kind == "bank" and bool(table.counts_if)))
    if kind == "bank" and not table.counts_if:
        message = f"{len(frame)} bank branches from OpenStreetMap, none known as a partner: none counts today"
        return counts, [Finding(code="no-partner-column", source=source, message=message, count=len(frame))]
    for name, value in table.counts_if.items():
        known = [column for column in frame.columns if column not in ("id", "geometry")]
        if name not in known:
            msg = f"{source}: counts_if names {name!r}; expected one of {', '.join(known)}"
            raise InputError(msg)
        counts &= has_value(frame[name], value)
    out = int((~counts).sum())
    if not table.counts_if or not out:
        return counts, []
    message = f"{out} of {len(frame)} sites do not meet counts_if and do not count"
    return counts, [Finding(code="does-not-count", source=source, message=message, count=out)]


def _near(frame: gpd.GeoDataFrame, source: str, bounds: Bounds | None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the sites within `bounds`; those beyond are set aside and counted."""
    if bounds is None:
        return frame, []
    far = ~shapely.intersects(shapely.box(*bounds), frame.geometry.to_numpy())
    if not far.any():
        return frame, []
    middle = ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)
    first = frame[far].iloc[0]
    km = float(WGS84.get_geod().inv(*middle, first.geometry.x, first.geometry.y)[2]) / 1_000  # type: ignore[union-attr]
    where = f"first {frame.index[far][0]}, {km:,.0f} km from the middle of the area"
    if far.all():
        swapped = shapely.intersects(shapely.box(*bounds), shapely.points(frame.geometry.y, frame.geometry.x))
        hint = "; with longitude and latitude swapped they would: are the columns swapped?" if swapped.any() else ""
        msg = f"{source}: none of {len(frame)} sites lies in the area or near it ({where}); expected some there{hint}"
        raise InputError(msg)
    message = f"{int(far.sum())} of {len(frame)} sites lie too far outside the area to matter ({where}): set aside"
    return frame[~far], [Finding(code="far-site", source=source, message=message, count=int(far.sum()))]


def load_area(load: Loading) -> tuple[gpd.GeoDataFrame | None, list[Finding]]:
    """Return the districts indexed by name (EPSG:4326; column population where it is known), None without an area."""
    table = load.settings.inputs.area
    if table is None:
        return None, []
    path = load.file(table.path) if table.path else load.streets
    if is_osm(path):
        area, findings = osm.read_districts(load.extract(path), admin_level=table.admin_level, name_tag=table.name)
        area, shared = distinguish_districts(area, source=path.name)
        findings += shared + overlaps(area, path.name)
    else:
        area, findings = read_areas(load.table(table.path or path), _spec(load, table))
    if table.table is not None:
        area, joined = with_table(area, load.file(table.table))
        findings += joined
    if table.population is not None:
        if table.population not in area.columns:
            columns = ", ".join(str(c) for c in area.columns if c != "geometry")
            msg = f"{path.name}: no column {table.population!r}; it has {columns}"
            raise InputError(msg)
        totals = read_totals(area, table.population, path.name)
        area = area.rename(columns={table.population: "population"})
        area["population"] = totals
    return area.set_index("name"), findings


def _spec(load: Loading, table: AreaInput) -> AreaSpec:
    summed = (table.population, load.settings.inputs.population.totals)
    return AreaSpec(
        name=table.name,
        id=table.id,
        layer=table.layer,
        encoding=table.encoding,
        summed=tuple(column for column in summed if column is not None),
    )


def districts_of(sites: Sites, area: gpd.GeoDataFrame | None, name: str) -> pd.Series[Any]:
    """Return the district of each site, keyed by site id; missing outside the area, `name` without one."""
    if area is None:
        return pd.Series(name, index=sites.ids, name="district", dtype=object)
    row = locate(sites.lonlat, area)
    names = np.array([*area.index, None], dtype=object)
    return pd.Series(names[row], index=sites.ids, name="district")
