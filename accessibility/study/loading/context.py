"""Where a study's inputs are read from, and how far around its area."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from platformdirs import user_cache_path

from accessibility.errors import Finding, InputError
from accessibility.sources.fetched.keeping import Request
from accessibility.sources.osm.extracts import BUILDINGS, DISTRICTS, NAMES, WATER, Extract, Need, place_need
from accessibility.sources.tables.reading import TEXT_SUFFIXES, WORKBOOK_SUFFIXES
from accessibility.study.schema import OSM_SUFFIXES, SettlementSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.geo.projection import Bounds
    from accessibility.sources.tables.reading import HeldTable
    from accessibility.streets.network import Network
    from accessibility.study.schema import StudyFile


MARGIN_M = 5_000.0
_RASTERS = (".tif", ".tiff", ".vrt", ".img", ".asc")


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Where a study's inputs are read from."""

    settings: StudyFile  # the checked `study.toml`
    folder: Path  # what its relative paths are relative to
    cache: Path  # folder for what was read of extracts, and parsed networks
    # tables in memory, by the name that stands in the settings as their path
    held: Mapping[str, HeldTable] = field(default_factory=dict)
    network: Network | None = None  # streets in memory; None where they are read.
    # an empty folder where streets of any size are put by place, see `accessibility.sources.street_store`; None where
    # they fit into memory. Nothing is read then that only maps and searches of all streets need.
    scratch: Path | None = None
    _extracts: dict[Path, Extract] = field(default_factory=dict, repr=False)

    def file(self, path: Path) -> Path:
        """Return the path of an input."""
        return path if path.is_absolute() else self.folder / path

    def is_held(self, path: Path) -> bool:
        """Return whether an input is in memory."""
        read = None if self.network is None else self.network.provenance
        of_streets = self.network is not None and (read is None or read.path is None)
        return str(path) in self.held or (of_streets and path == self.settings.inputs.network.path)

    def table(self, path: Path) -> Path | HeldTable:
        """Return the table of an input: its path, or the value where it is held in memory."""
        return self.held.get(str(path)) or self.file(path)

    def extract(self, path: Path) -> Extract:
        """Return the extract at a path: the first who asks has all that the study asks of it read in one pass."""
        if path not in self._extracts:
            self._extracts[path] = Extract(path=path, cache=self.cache, needs=_needs(self, path))
        return self._extracts[path]

    @property
    def streets(self) -> Path:
        """The network's file, which is also where OpenStreetMap objects are looked for."""
        asked, path = self.asked, self.settings.inputs.network.path
        return asked.streets if asked is not None else self.file(path)  # type: ignore[arg-type]  # one of both is there

    @property
    def asked(self) -> Request | None:
        """What is asked of OpenStreetMap's servers where the study names a place instead of a file of streets."""
        table = self.settings.inputs.network
        if table.place is None:
            return None
        return Request(
            place=table.place,
            margin_m=self.margin_m,
            folder=self.cache / "places",
            overpass=table.overpass,
            nominatim=table.nominatim,
        )

    @property
    def margin_m(self) -> float:
        """How far beyond the area streets and sites are read: the widest cutoff, at least 5 km."""
        return max(MARGIN_M, self.settings.standard.standard.reach_m)


def _needs(load: Loading, path: Path) -> tuple[Need, ...]:
    """Return what the study asks of an extract, the waters and names of its maps included."""
    inputs, found = load.settings.inputs, []

    def read_from(own: Path | None) -> Path:
        return load.streets if own is None else load.file(own)

    area, people = inputs.area, inputs.population
    if area is not None and read_from(area.path) == path:
        found.append(DISTRICTS)
    of_buildings = people.path if people.path is not None and is_osm(people.path) else None
    if (people.buildings or people.split_cells == "buildings") and read_from(of_buildings) == path:
        found.append(BUILDINGS)
    for sites in (inputs.outlets, inputs.banks, inputs.candidates):
        fetched = load.asked is not None and sites is not None and sites.path is None
        if sites is not None and sites.osm is not None and not fetched and read_from(sites.path) == path:
            with suppress(InputError):  # of tags that are none their reader tells
                found.append(place_need(sites.tags))
    if load.streets == path and load.scratch is None:
        found += [WATER, NAMES]
        if load.network is None:
            found.append(Need("streets", load.settings.walking.foot))
    return tuple(found)


def default_cache() -> Path:
    """Return the user's cache folder for what was read of extracts, and parsed networks."""
    return user_cache_path("outlet-accessibility", appauthor=False)


def is_osm(path: Path) -> bool:
    """Return whether a file is an OpenStreetMap extract, by its name."""
    return path.name.lower().endswith(OSM_SUFFIXES)


def attribution_of(settings: StudyFile, inputs: Iterable[Path]) -> tuple[str, ...]:
    """Return whose data are shown: as the study says, or OpenStreetMap where an extract is read."""
    if settings.attribution is not None:
        return (settings.attribution,)
    return ("© OpenStreetMap contributors, ODbL",) if any(map(is_osm, inputs)) else ()


def is_raster(path: Path) -> bool:
    """Return whether a file is a raster, by its name."""
    return path.suffix.lower() in _RASTERS


def assumed_datum(path: Path, coordinates: str | None) -> list[Finding]:
    """Return a warning where a table of text has coordinates in a system that nobody named."""
    if coordinates is not None or path.suffix.lower() not in (*TEXT_SUFFIXES, *WORKBOOK_SUFFIXES):
        return []
    message = (
        'coordinates are taken as WGS84: say coordinates = "WGS84", "GCJ-02" (Amap, Tencent) or "BD-09" (Baidu); '
        "a wrong one moves every place by half a kilometre or more"
    )
    return [Finding(code="datum-assumed", source=path.name, message=message)]


def input_files(load: Loading) -> dict[str, Path]:
    """Return the file of each input that the study names; what is in memory has none."""
    inputs = load.settings.inputs
    named = {
        name: getattr(inputs, name)
        for name in ("area", "network", "population", "elevation", "outlets", "banks", "candidates")
    }
    given = {
        name: load.file(table.path)
        for name, table in named.items()
        if table is not None and table.path and not load.is_held(table.path)
    }
    asked = load.asked
    if asked is not None:
        sites = {name: getattr(inputs, name) for name in ("outlets", "banks", "candidates")}
        given["network"] = asked.streets
        given |= {name: asked.places(t.tags) for name, t in sites.items() if t is not None and t.path is None}
    people = inputs.population
    if people.path is not None and is_raster(people.path):
        given |= {f"population {group}": load.file(Path(file)) for group, file in people.groups.items()}
    if inputs.area is not None and inputs.area.table:
        given["table of the area"] = load.file(inputs.area.table)
    source = load.settings.settlement.source
    if isinstance(source, SettlementSource) and source.polygons and not load.is_held(source.polygons):
        given["settlement"] = load.file(source.polygons)
    saved = {name: getattr(inputs.network, name) for name in ("edits", "water", "names")}
    saved |= {"shapes": people.shapes, "findings": people.findings, "grids": getattr(source, "grids", None)}
    return given | {name: load.file(path) for name, path in saved.items() if path is not None}


def people_source(load: Loading) -> str:
    """Return the name of the file that people come from."""
    path = load.settings.inputs.population.path
    return (load.streets if path is None else path).name


def study_bounds(area: gpd.GeoDataFrame | None, lonlat: NDArray[np.float64] | None, margin_m: float) -> Bounds | None:
    """Return the lon/lat box of the area (of the people where there is none), widened by a margin in metres."""
    if area is not None:
        west, south, east, north = area.total_bounds
    elif lonlat is not None:
        (west, east), (south, north) = ((np.nanmin(axis), np.nanmax(axis)) for axis in np.ascontiguousarray(lonlat.T))
    else:
        return None
    up = margin_m / 110_500.0
    side = margin_m / (111_300.0 * max(np.cos(np.radians(max(abs(south), abs(north)))), 0.01))
    return float(west - side), float(south - up), float(east + side), float(north + up)
