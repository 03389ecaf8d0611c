"""Streets, banks, offices and boundary of a place from OpenStreetMap's servers (Overpass, Nominatim), through osmnx.

Small places only: the servers are shared by everybody, and an extract is the better source of anything large. osmnx
waits and asks again for ever when a server is busy; here everything has one deadline.
"""

from __future__ import annotations

import gzip
import io
import math
import socket
import time
from collections import OrderedDict
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import osmnx
import shapely

from accessibility.errors import Finding, InputError, OutputError
from accessibility.geo.projection import WGS84, local_crs
from accessibility.sources.fetched.remote import read_some, reason_of
from accessibility.sources.osm.features import Feature, places_frame
from accessibility.streets.foot import LIKE_STREETS, NODE_KEYS, WAY_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


ATTRIBUTION = "© OpenStreetMap contributors, ODbL"
LARGEST_KM2 = 10_000
BANKS = {"amenity": ["bank"]}
OFFICES = {
    "amenity": ["townhall", "post_office"],
    "government": ["social_security", "social_services", "social_welfare"],
}
_PLACES: dict[str, bool | str | list[str]] = {
    "amenity": [*BANKS["amenity"], *OFFICES["amenity"]],
    "government": OFFICES["government"],
}
_BESIDE_M = 200.0  # homes in cells that the boundary cuts
_LETTERS = "ISO3166-1:alpha3"
_BUSY = frozenset({429, 504})
_OSMNX_WAITS_S = 55.0
_REQUEST_S = 180.0
_PART, _MOST_BYTES = 2**16, 2**30  # of an answer; a shared server makes none that is half as large
_SHOWN = 5  # other places of a name
_ADVICE = 'an extract, which needs no server: network = { path = "....osm.pbf" }'


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Who is asked, and for how long."""

    # overpass, nominatim: addresses of the servers, such as `https://overpass.example/api`; osmnx's own settings
    # where not given. A server of one's own is not asked for a free slot first.
    overpass: str | None = None
    nominatim: str | None = None
    deadline_s: float = 900.0  # seconds for everything together


@dataclass(frozen=True, kw_only=True, eq=False)
class Fetched:
    """What the servers know of a place."""

    name: str  # the place as Nominatim spells it out
    boundary: gpd.GeoDataFrame  # one polygon (EPSG:4326) with a column name
    # osmnx's graph of every `highway` and ferry within the boundary and the margin: unsimplified, one edge a step of
    # a way, in the way's direction, with the tags that decide who may walk there
    streets: Any
    # banks, outlets: points (EPSG:4326): bank branches; town halls, post offices, social security offices
    banks: gpd.GeoDataFrame
    outlets: gpd.GeoDataFrame
    findings: tuple[Finding, ...]  # other places of the name, banks and offices that stood twice
    country: str = ""  # three letters (ISO 3166) of the country; empty where it was not asked for, or nobody says it
    buildings: tuple[Feature, ...] = ()  # outlines within the boundary, where they were asked for


def fetch_place(
    place: str,
    *,
    margin_m: float,
    servers: Servers | None = None,
    progress: Callable[[str], None] | None = None,
    more: frozenset[str] = frozenset(),
) -> Fetched:
    """Return streets, banks, offices and boundary of a place.

    Parameters
    ----------
    place
        What Nominatim is asked for, such as ``"Vaduz, Liechtenstein"``.
    margin_m
        How far beyond the boundary streets, banks and offices are asked for.
    servers
        Who is asked, and for how long.
    progress
        Called with the name of each step as it begins.
    more
        What else is asked for: ``country``, ``buildings``.

    Raises
    ------
    InputError
        A place that is unknown, has no boundary, is too large for the shared servers, or has no street.
    OutputError
        The servers cannot be reached, refuse, break off, or are not done within the deadline.
    """
    step = progress or (lambda _: None)
    with _asking(servers or Servers()) as heard:
        step(f"Asking where {place} is")
        boundary = _boundary(place)
        several = _one_of(place, str(boundary["name"].iloc[0]), heard.named)
        around = _around(boundary, margin_m, place)
        step("Downloading streets")
        streets = _streets(around, place)
        step("Downloading banks and outlets")
        features = _features(around, _PLACES)
        country = _country(boundary) if "country" in more else ""
        buildings: list[Feature] = []
        if "buildings" in more:
            step("Downloading buildings")
            buildings = _features(_around(boundary, _BESIDE_M, place), {"building": True})
    banks, found = places_frame((f for f in features if f.tags.get("amenity") == "bank"), BANKS, source=place)
    offices, again = places_frame((f for f in features if f.tags.get("amenity") != "bank"), OFFICES, source=place)
    return Fetched(
        name=str(boundary["name"].iloc[0]),
        boundary=boundary,
        streets=streets,
        banks=banks,
        outlets=offices,
        findings=(*several, *found, *again),
        country=country,
        buildings=tuple(buildings),
    )


def fetch_streets(place: str, *, margin_m: float, servers: Servers | None = None) -> tuple[str, Any]:
    """Return how Nominatim spells a place out, and its streets alone; as `fetch_place` asks and refuses."""
    with _asking(servers or Servers()):
        boundary = _boundary(place)
        return str(boundary["name"].iloc[0]), _streets(_around(boundary, margin_m, place), place)


def fetch_features(
    place: str, wanted: Mapping[str, Sequence[str]], *, margin_m: float, servers: Servers | None = None
) -> list[Feature]:
    """Return the objects of a place with one of the tags; as `fetch_place` asks and refuses."""
    tags: dict[str, bool | str | list[str]] = {key: list(values) for key, values in wanted.items()}
    with _asking(servers or Servers()):
        return _features(_around(_boundary(place), margin_m, place), tags)


def write_streets(streets: Any, name: str, path: Path, buildings: Sequence[Feature] = ()) -> None:
    """Write streets as OpenStreetMap XML (``.osm.gz``), which keeps tags, barriers and crossings for the reader.

    Buildings come along, each under its own number, on corners that are none of the streets'.
    """
    ways: dict[int, list[tuple[int, int]]] = {}
    tags: dict[int, dict[str, Any]] = {}
    for u, v, data in streets.edges(data=True):
        # osmnx turns a way around that may be driven against its direction only; its tags mean the way as it was.
        turned = data.get("oneway") in ("-1", "reverse", "T")
        ways.setdefault(data["osmid"], []).append((v, u) if turned else (u, v))
        tags[data["osmid"]] = data
    trails = [(way, trail) for way in sorted(ways) for trail in _trails(ways[way])]
    corners, outlines, areas = _outlined(buildings, max(streets.nodes, default=0), len(trails))
    # No time and no file name in the header: the same streets are the same bytes.
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8") as file,
    ):
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6" generator="outlet-accessibility">\n')
        for node, data in sorted(streets.nodes(data=True)):
            words = _xml_tags(data, NODE_KEYS)
            file.write(f'<node id="{node}" version="1" lat="{data["y"]:.7f}" lon="{data["x"]:.7f}">{words}</node>\n')
        file.writelines(corners)
        for number, (way, trail) in enumerate(trails, start=1):
            nodes = "".join(f'<nd ref="{node}"/>' for node in trail)
            words = _xml_tags(tags[way], ("name", *WAY_KEYS))
            file.write(f'<way id="{number}" version="1">{nodes}{words}</way>\n')
        file.writelines(outlines)
        words = _xml_tags({"type": "boundary", "name": name}, ("type", "name"))
        file.write(f'<relation id="1" version="1">{words}</relation>\n')
        file.writelines(areas)
        file.write("</osm>\n")


def _outlined(buildings: Sequence[Feature], node: int, way: int) -> tuple[list[str], list[str], list[str]]:
    """Return nodes, ways and relations of buildings as lines of XML, numbered from after the last node and way."""
    nodes: list[str] = []
    ways: list[str] = []
    relations: list[str] = []
    for building in buildings:
        members = ""
        for role, ring in _rings(building):
            first, way = node + 1, way + 1
            for x, y in ring[:-1]:
                node += 1
                nodes.append(f'<node id="{node}" version="1" lat="{y:.7f}" lon="{x:.7f}"/>\n')
            around = "".join(f'<nd ref="{corner}"/>' for corner in (*range(first, node + 1), first))
            ways.append(f'<way id="{way}" version="1">{around}</way>\n')
            members += f'<member type="way" ref="{way}" role="{role}"/>'
        if members:
            words = _xml_tags({**building.tags, "type": "multipolygon"}, (*building.tags, "type"))
            relations.append(f'<relation id="{len(relations) + 2}" version="1">{members}{words}</relation>\n')
    return nodes, ways, relations


def _rings(building: Feature) -> Iterator[tuple[str, Any]]:
    """Yield the rings of a building's outline with their roles; none of one that is a point."""
    for part in shapely.get_parts(building.shape):
        if isinstance(part, shapely.Polygon):
            yield "outer", part.exterior.coords
            yield from (("inner", hole.coords) for hole in part.interiors)


def _xml_tags(data: dict[str, Any], keys: tuple[str, ...]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(str(data[key]))}/>" for key in keys if key in data)


def _trails(steps: list[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield chains of nodes that together take each step once: one for a way, more where its middle was cut off."""
    after: dict[int, list[int]] = {}
    for u, v in steps:
        after.setdefault(u, []).append(v)
    entered = {v for _, v in steps}
    for start in sorted(after, key=lambda node: (node in entered, node)):
        while after[start]:
            trail = [start]
            while after.get(trail[-1]):
                trail.append(after[trail[-1]].pop(0))
            yield trail


class _Patience:
    """Looks at every answer: gives up on servers that stay busy, break off, or are too slow altogether."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.until = time.monotonic() + deadline_s
        self.refusals = math.ceil(deadline_s / _OSMNX_WAITS_S)
        self.named: list[str] = []  # the places with a boundary that Nominatim has for a name

    def __call__(self, response: Any, **_: object) -> None:
        self._take(response)
        busy = response.status_code in _BUSY
        self.refusals -= busy
        left = self.until - time.monotonic() - (_OSMNX_WAITS_S if busy else 0.0)
        if left <= 0 or self.refusals < 0:
            raise self._late(response, busy=busy)
        osmnx.settings.requests_timeout = min(_REQUEST_S, left)
        if response.request.method == "GET" and response.ok:
            with suppress(ValueError, LookupError, TypeError):
                self.named = [one["display_name"] for one in response.json() if "Polygon" in one["geojson"]["type"]]
        if b'"remark"' in response.content[-2_000:]:
            remark = str(response.json().get("remark", ""))
            if "error" in remark:
                raise _cut(response, remark)

    def _take(self, response: Any) -> None:
        """Take in all of an answer, as far as there is time and room: neither an endless one nor one that drips."""
        parts, size = [], 0
        with closing(response):
            while part := _some(response):
                parts.append(part)
                size += len(part)
                if size > _MOST_BYTES:
                    raise _cut(response, f"more than {_MOST_BYTES:,} bytes came")
                if time.monotonic() > self.until:
                    raise self._late(response)
        response._content, response._content_consumed = b"".join(parts), True  # noqa: SLF001 -- requests has no other way

    def _late(self, response: Any, *, busy: bool = False) -> OutputError:
        state = f"busy (status {response.status_code})" if busy else "slow"
        limit = f"not done within {self.deadline_s:,.0f} s"
        msg = f"{_host(response.url)} is too {state}: {limit}; try later, or {_ADVICE}"
        return OutputError(msg)


def _some(response: Any) -> bytes:
    try:
        return read_some(response, _PART, unpack=True)
    except Exception as error:  # urllib3's own, and sockets'
        raise _cut(response, reason_of(error)) from error


def _cut(response: Any, remark: str) -> OutputError:
    msg = f"{_host(response.url)} broke off: {remark}; expected a smaller place, or {_ADVICE}"
    return OutputError(msg)


def _host(url: str) -> str:
    return url.split("?", 1)[0]


@contextmanager
def _asking(servers: Servers) -> Iterator[_Patience]:
    """Let osmnx ask `servers` with patience; its settings, and Python's resolver that it replaces, come back after."""
    own = {"overpass_url": servers.overpass, "nominatim_url": servers.nominatim}
    settings, patience = osmnx.settings, _Patience(servers.deadline_s)
    changes: dict[str, Any] = {name: url for name, url in own.items() if url is not None} | {
        "overpass_rate_limit": settings.overpass_rate_limit and servers.overpass is None,
        "requests_kwargs": {**settings.requests_kwargs, "hooks": {"response": patience}},
        "requests_timeout": min(_REQUEST_S, servers.deadline_s),
        "use_cache": False,
        "doh_url_template": None,
        "all_oneway": True,
        "useful_tags_way": ["name", *WAY_KEYS],
        "useful_tags_node": list(NODE_KEYS),
    }
    before = {name: getattr(settings, name) for name in changes}
    resolver = socket.getaddrinfo
    try:
        for name, value in changes.items():
            setattr(settings, name, value)
        yield patience
    except OutputError:
        raise
    except OSError as error:
        msg = f"OpenStreetMap's servers cannot be reached: {reason_of(error)}; expected the internet, or {_ADVICE}"
        raise OutputError(msg) from error
    finally:
        socket.getaddrinfo = resolver
        for name, value in before.items():
            setattr(settings, name, value)


def _boundary(place: str) -> gpd.GeoDataFrame:
    try:
        found = osmnx.geocode_to_gdf(place)
    except osmnx._errors.ResponseStatusCodeError as error:  # noqa: SLF001 -- osmnx shows its errors nowhere else
        raise _refused(error) from error
    except osmnx._errors.InsufficientResponseError as error:  # noqa: SLF001
        msg = f"{place!r}: OpenStreetMap knows no such place; expected a county, a town or another one with a boundary"
        raise InputError(msg) from error
    except TypeError as error:
        msg = f"{place!r}: OpenStreetMap has no boundary of it; expected a county, a town or another place with one"
        raise InputError(msg) from error
    except ValueError as error:
        raise _refused(error) from error
    name = found["display_name"].iloc[0] if "display_name" in found else place
    return gpd.GeoDataFrame({"name": [str(name)]}, geometry=found.geometry.make_valid().to_numpy(), crs=WGS84)


def _one_of(place: str, name: str, named: list[str]) -> list[Finding]:
    """Say which place was taken of several that bear the name."""
    others = [other for other in dict.fromkeys(named) if other != name]
    if not others:
        return []
    shown = "; ".join(others[:_SHOWN]) + (" ..." if len(others) > _SHOWN else "")
    message = f"taken was {name}; others of that name: {shown}; to have one of these, name what it lies in, too"
    return [Finding(code="place-of-several", source=place, message=message, count=len(others) + 1)]


def _country(boundary: gpd.GeoDataFrame) -> str:
    """Return the three letters of the country around the middle of a place: of the smallest that has some."""
    middle = boundary.geometry.iloc[0].representative_point()
    query = f'[out:json][timeout:60];is_in({middle.y:.6f},{middle.x:.6f})->.a;rel(pivot.a)["{_LETTERS}"];out tags;'
    try:
        found = osmnx._overpass._overpass_request(OrderedDict(data=query))["elements"]  # noqa: SLF001 -- waits its turn
    except (KeyError, ValueError) as error:
        raise _refused(error) from error
    levels = {Feature(id="", tags=one["tags"]).level or 0: str(one["tags"][_LETTERS]) for one in found}
    return levels[max(levels)] if levels else ""


def _around(boundary: gpd.GeoDataFrame, margin_m: float, place: str) -> Any:
    """Return the boundary widened by a margin, as a polygon in degrees."""
    west, south, east, north = boundary.total_bounds
    local = boundary.to_crs(local_crs((west + east) / 2, (south + north) / 2))
    wide = local.geometry.simplify(margin_m / 100).buffer(margin_m * 1.01)
    km2 = float(wide.area.iloc[0]) / 1e6
    if km2 > LARGEST_KM2:
        msg = (
            f"{place!r} is {boundary['name'].iloc[0]}, {km2:,.0f} km² with {margin_m / 1_000:g} km around it; expected "
            f"{LARGEST_KM2:,} km² at most from shared servers, or {_ADVICE}"
        )
        raise InputError(msg)
    return wide.to_crs(WGS84).iloc[0]


def _streets(around: Any, place: str) -> Any:
    try:
        return osmnx.graph_from_polygon(
            around,
            network_type="walk",
            simplify=False,
            retain_all=True,
            truncate_by_edge=True,
            custom_filter=[
                '["highway"]',
                '["route"="ferry"]',
                *(f'["{key}"="{value}"]' for key, value in LIKE_STREETS),
            ],
        )
    except osmnx._errors.InsufficientResponseError as error:  # noqa: SLF001
        msg = f"{place!r}: OpenStreetMap has no street there ({error}); expected some"
        raise InputError(msg) from error
    except (KeyError, ValueError) as error:
        raise _refused(error) from error


def _features(around: Any, tags: dict[str, bool | str | list[str]]) -> list[Feature]:
    try:
        frame = osmnx.features_from_polygon(around, tags)
    except osmnx._errors.InsufficientResponseError:  # noqa: SLF001 -- no bank and no office is an answer
        return []
    except (KeyError, ValueError) as error:
        raise _refused(error) from error
    words = frame.drop(columns=frame.geometry.name)
    return [
        Feature(
            id=f"{kind[0]}{number}",
            tags={str(key): str(value) for key, value in row.items() if isinstance(value, str)},
            shape=shapely.force_2d(shape),
        )
        for (kind, number), row, shape in zip(frame.index, words.to_dict("records"), frame.geometry, strict=True)
    ]


def _refused(error: Exception) -> OutputError:
    return OutputError(f"OpenStreetMap's servers refused: {error!s:.300}; expected data; try later, or {_ADVICE}")
