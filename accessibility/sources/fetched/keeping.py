"""Streets and places asked of OpenStreetMap's servers once, and kept: the next run needs no internet."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd

from accessibility.errors import Finding
from accessibility.geo.projection import WGS84
from accessibility.sources.files import write_aside
from accessibility.sources.osm.features import Feature, places_frame
from accessibility.sources.osm.tags import parse_tags
from accessibility.wording import day_text

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of the servers about a place, and where the answers are kept."""

    place: str  # what Nominatim is asked for
    margin_m: float  # how far beyond its boundary
    folder: Path  # where answers are kept. To ask again, delete a file.
    # overpass, nominatim: addresses of the servers; the public ones if None
    overpass: str | None = None
    nominatim: str | None = None

    @property
    def streets(self) -> Path:
        """The file of the streets, there or not."""
        return self._kept("streets", ".osm.gz")

    def places(self, tags: str) -> Path:
        """Return the file of the objects with some tags, there or not."""
        return self._kept(tags, ".parquet")

    def _kept(self, what: str, suffix: str) -> Path:
        asked = {key: value for key, value in asdict(self).items() if key != "folder"}
        key = json.dumps([_FORMAT, what, asked], sort_keys=True)
        name = re.sub(r"[^\w]+", "-", self.place.lower()).strip("-")[:40] or "place"
        return self.folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}{suffix}"


def keep_streets(asked: Request) -> list[Finding]:
    """Fetch the streets of a place unless they are kept already; return from when they are.

    Raises
    ------
    InputError, OutputError
        As `accessibility.sources.fetched.overpass.fetch_place`; a folder that cannot be written.
    """

    def fetch(path: Path) -> None:
        from accessibility.sources.fetched import overpass  # noqa: PLC0415 -- osmnx only where something is asked

        name, streets = overpass.fetch_streets(asked.place, margin_m=asked.margin_m, servers=_servers(asked))
        overpass.write_streets(streets, name, path)

    return _keep(asked, asked.streets, fetch)


def keep_places(asked: Request, tags: str) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the places with one of the tags, fetched unless they are kept already; as `osm.read_places` does.

    Raises
    ------
    InputError, OutputError
        As `keep_streets`; tags that are no pairs.
    """
    wanted = parse_tags(tags)

    def fetch(path: Path) -> None:
        from accessibility.sources.fetched import overpass  # noqa: PLC0415 -- as above

        features = overpass.fetch_features(asked.place, wanted, margin_m=asked.margin_m, servers=_servers(asked))
        columns = {"id": [f.id for f in features], "tags": [json.dumps(dict(f.tags)) for f in features]}
        gpd.GeoDataFrame(columns, geometry=[f.shape for f in features], crs=WGS84).to_parquet(path)

    path = asked.places(tags)
    findings = _keep(asked, path, fetch)
    rows = gpd.read_parquet(path)
    features = [
        Feature(id=i, tags=json.loads(words), shape=shape)
        for i, words, shape in zip(rows["id"], rows["tags"], rows.geometry, strict=True)
    ]
    frame, found = places_frame(features, wanted, source=f"{asked.place} ({tags})")
    return frame, findings + found


def _servers(asked: Request) -> Any:
    from accessibility.sources.fetched import overpass  # noqa: PLC0415 -- as above

    return overpass.Servers(overpass=asked.overpass, nominatim=asked.nominatim)


def _keep(asked: Request, path: Path, fetch: Callable[[Path], None]) -> list[Finding]:
    if not path.is_file():
        with write_aside(path) as aside:
            fetch(aside)
    day = day_text(path.stat().st_mtime)
    home = Path.home()
    shown = Path("~", path.relative_to(home)) if path.is_relative_to(home) else path
    message = f"{asked.place} as OpenStreetMap had it on {day}; delete {shown} to ask again"
    return [Finding(code="fetched", source=path.name, message=message)]
