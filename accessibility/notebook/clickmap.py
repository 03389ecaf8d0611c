"""The map of the what-if widget: people as one picture, sites to click and to drag, streets and districts below."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import ipyleaflet
import numpy as np

from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import EARTH_M, mercator
from accessibility.measures.surface import Places
from accessibility.notebook.drawing import collected
from accessibility.present.labels import label_sites, tell_site
from accessibility.present.map.changes import edited_streets
from accessibility.present.map.outlines import district_features, street_lines
from accessibility.present.map.overlays import Picture
from accessibility.present.map.symbols import INKS, SHAPES, site_key, site_paint
from accessibility.present.pages import data_address

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.explanation import Explanation
    from accessibility.present.map.outlines import Bounds
    from accessibility.present.map.overlays import PeopleClasses
    from accessibility.present.map.words import MapWords
    from accessibility.sites import Sites
    from accessibility.streets.network import Network
    from accessibility.study.study import Study

HEIGHT = 560
_WIDTH = 640  # what a map is at least given, to choose the first zoom
_MAX_SIDE = 1_000  # pixels; a click redraws the whole picture
_STREET_BYTES = 400_000
_WORLD_M = 2 * np.pi * EARTH_M
_ALONE = {"bubblingMouseEvents": False}  # the map shall not hear of a click on a site
_TILE = 256
_ROUND = 6  # decimals of a degree: 0.1 m
_NEAR_PX = 8  # a click so near the last one is on the same place
_WAY = {"color": "#0a2f66", "weight": 4, "opacity": 0.9}
_PLACE = {"radius": 7, "color": "#d0691b", "weight": 3, "fillColor": "#fff", "fillOpacity": 1}
_SITE = {"radius": 6, "color": "#fff", "weight": 2, "fillColor": "#111820", "fillOpacity": 1}


@dataclass(frozen=True, kw_only=True)
class Hands:
    """What is called when the mouse does something.

    Parameters
    ----------
    ground
        A click beside every site, with longitude and latitude.
    site
        A click on a site.
    drag
        A site dropped elsewhere, with longitude and latitude.
    hover
        The pointer on a closed site.
    """

    ground: Callable[[float, float], None]
    site: Callable[[Hashable], None]
    drag: Callable[[Hashable, float, float], None]
    hover: Callable[[Hashable], None]


class ClickMap:
    """People, sites, streets and districts on a map that asks nothing of the internet.

    Sites that count are markers, because they can be dragged; the others are circles of one layer.
    """

    def __init__(self, study: Study, today: Coverage, hands: Hands, words: MapWords) -> None:
        self.hands, self.words = hands, words
        self.labels = label_sites(today.sites, study.names)
        places = Places.of(today)
        self.picture = Picture.of(places, max_side=_MAX_SIDE) if places.placed.any() else None
        outlines, bounds = _outlines(study, today)
        self.people = ipyleaflet.ImageOverlay(bounds=self.picture.bounds if self.picture else [[0, 0], [0, 0]])
        self.closed = ipyleaflet.GeoJSON(
            point_style={"radius": 5, "weight": 2, "fillColor": "#fff", "fillOpacity": 0.9, **_ALONE},
            hover_style={"weight": 5},
        )
        self.closed.on_click(lambda properties, **_: self._with_site(hands.site, properties))
        self.closed.on_hover(lambda properties, **_: self._with_site(hands.hover, properties))
        self.markers: dict[Hashable, Any] = {}
        self._icons: dict[tuple[str, bool], Any] = {}
        self._place: dict[Hashable, tuple[float, float]] = {}
        self._ids: list[Hashable] = []
        self.edits, self.way, self.drawn = (ipyleaflet.GeoJSON(point_style={"radius": 4}) for _ in range(3))
        for layer in (self.edits, self.way, self.drawn):
            layer.data = collected([], {})
        over = (self.edits, self.way, self.drawn)
        self._below = (self.people, *_streets(study, bounds), *outlines, *over, self.closed)
        centre, zoom = first_view(bounds)
        self.widget = ipyleaflet.Map(
            layers=self._below,
            center=centre,
            zoom=zoom,
            zoom_snap=0.25,
            double_click_zoom=False,
            interpolation="nearest",
            attribution_control=False,
            default_style={"cursor": "crosshair"},
            layout={"height": f"{HEIGHT}px"},
        )
        self.widget.add(ipyleaflet.ScaleControl(position="bottomleft", imperial=False))
        self.widget.on_interaction(self._interaction)

    def show(self, changes: PeopleClasses, after: Coverage, streets: Network, changed: Collection[Hashable]) -> None:
        """Draw what is different: people by what happens to them, streets by their edits, each site as it would be."""
        if self.picture is not None:
            self.people.url = self.picture.image(changes)
        edited = [
            {**feature, "properties": {**feature["properties"], "style": {**style, "interactive": False}}}
            for _, style, features in edited_streets(streets, self.words)
            for feature in features["features"]
        ]
        self.edits.data = {"type": "FeatureCollection", "features": edited}
        self.show_sites(after.sites, changed)

    def show_way(self, why: Explanation | None) -> None:
        """Draw the way of an explanation with both its ends, or none."""
        if why is None:
            self.way.data = collected([], {})
            return
        route = [] if why.route is None else [list(xy) for xy in np.round(why.route.coords, _ROUND).tolist()]
        ends = [([why.lon, why.lat], _PLACE), *((xy, _SITE) for xy in route[-1:])]
        parts = [collected([{"type": "LineString", "coordinates": route}] if route else [], _WAY)]
        parts += [collected([{"type": "Point", "coordinates": xy}], look) for xy, look in ends]
        self.way.data = {"type": "FeatureCollection", "features": [f for part in parts for f in part["features"]]}

    def near_m(self) -> float:
        """Return how many Web Mercator metres apart two clicks on the same place may be, at the zoom of the map."""
        return float(_NEAR_PX * _WORLD_M / (_TILE * 2**self.widget.zoom))

    def place_of(self, site: Hashable) -> tuple[float, float]:
        """Return where a site stands, in degrees."""
        return self._place[site]

    def show_sites(self, sites: Sites, changed: Collection[Hashable]) -> None:
        """Put every site where it would be, also one that was dragged to where it cannot stand."""
        lonlat = sites.lonlat.round(_ROUND)
        self._ids = list(sites.ids)
        self._place = {site: (float(lon), float(lat)) for site, (lon, lat) in zip(sites.ids, lonlat, strict=True)}
        rows = {site: row for row, site in enumerate(sites.ids) if sites.open[row]}
        gone = [self.markers.pop(site) for site in [*self.markers] if site not in rows]
        for site, row in rows.items():
            icon = self._icon(str(sites.kind[row]), changed=site in changed)
            marker = self.markers.get(site) or self._new_marker(site, self.title(sites, row))
            marker.icon, marker.location = icon, [*reversed(self._place[site])]
            self.markers[site] = marker
        layers = (*self._below, *self.markers.values())
        if layers != self.widget.layers:
            self.widget.layers = layers
        for marker in gone:
            marker.close()
        self.closed.data = self._closed_features(sites, changed)

    def title(self, sites: Sites, row: int) -> str:
        """Return what is said of a site where the pointer is, as plain text."""
        what = self.words(f"site_{site_key(str(sites.kind[row]), is_open=bool(sites.open[row]))}")
        called = tell_site(sites.name[row], sites.ids[row], self.labels, self.words.languages)
        return f"{called} ({sites.ids[row]}): {what}"

    def _new_marker(self, site: Hashable, title: str) -> Any:
        marker = ipyleaflet.Marker(title=title, alt=title, location=[*reversed(self._place[site])])
        marker.on_click(lambda **_: self.hands.site(site))
        marker.observe(partial(self._dropped, site), names="location")
        return marker

    def _icon(self, kind: str, *, changed: bool) -> Any:
        if (kind, changed) not in self._icons:
            self._icons[kind, changed] = _new_icon(kind, changed=changed)
        return self._icons[kind, changed]

    def _dropped(self, site: Hashable, change: dict[str, Any]) -> None:
        lat, lon = (round(float(v), _ROUND) for v in change["new"])
        if (lon, lat) != self._place[site]:
            self.hands.drag(site, lon, lat)

    def _interaction(self, **event: Any) -> None:
        if event.get("type") == "click":
            lat, lon = (round(float(v), _ROUND) for v in event["coordinates"])
            if (lon, lat) not in self._place.values():  # the second click of a double click
                self.hands.ground(lon, lat)

    def _with_site(self, do: Callable[[Hashable], None], properties: dict[str, Any]) -> None:
        row = int(properties["row"])
        if row < len(self._ids):
            do(self._ids[row])

    def _closed_features(self, sites: Sites, changed: Collection[Hashable]) -> dict[str, Any]:
        features = []
        for row in np.flatnonzero(~sites.open).tolist():
            site, ink = sites.ids[row], INKS[str(sites.kind[row])]
            style: dict[str, Any] = {"color": ink}
            if site in changed:
                style |= {"radius": 8, "weight": 3, "dashArray": "3 3"}
            at = {"type": "Point", "coordinates": list(self._place[site])}
            features.append({"type": "Feature", "geometry": at, "properties": {"row": row, "style": style}})
        return {"type": "FeatureCollection", "features": features}


def first_view(bounds: Bounds) -> tuple[list[float], float]:
    """Return the centre, latitude first, and the zoom at which bounds fill the map.

    Examples
    --------
    >>> first_view((-180.0, -85.0, 180.0, 85.0))
    ([0.0, 0.0], 1.0)
    """
    west, south, east, north = bounds
    corners = mercator(np.array([[west, south], [east, north]]))
    share = np.maximum((corners[1] - corners[0]) / _WORLD_M, 1e-6) / (np.array([_WIDTH, HEIGHT]) / _TILE)
    zoom = float(np.floor(-np.log2(share.max()) * 4) / 4)
    return [(south + north) / 2, (west + east) / 2], min(zoom, 18.0)


def _new_icon(kind: str, *, changed: bool) -> Any:
    circle = '<circle cx="8" cy="8" r="9" fill="none" stroke="{}" stroke-width="{}"/>'
    ring = circle.format("#fff", 4) + circle.format("#c2185b", 2) if changed else ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="22" height="22" viewBox="-3 -3 22 22">{ring}'
        f"<g {site_paint(kind, is_open=True)}>{SHAPES[kind]}</g></svg>"
    )
    address = data_address("image/svg+xml", svg.encode())
    return ipyleaflet.Icon(icon_url=address, icon_size=[22, 22], icon_anchor=[11, 11])


def _outlines(study: Study, today: Coverage) -> tuple[list[Any], Bounds]:
    """Return the districts as a layer that no click meets, and the bounds of the map."""
    if study.districts is None:
        lonlat = today.demand.lonlat
        found = lonlat[finite_rows(lonlat)]
        if not len(found):
            return [], (-180.0, -60.0, 180.0, 75.0)
        return [], (*found.min(axis=0).tolist(), *found.max(axis=0).tolist())
    features, bounds = district_features(study.districts[["geometry"]])
    style = {"fill": False, "interactive": False, "color": "#22303c", "weight": 1.4, "opacity": 0.75}
    for feature in features["features"]:
        feature["properties"] = {"style": style}  # a style of the layer would copy every coordinate
    return [ipyleaflet.GeoJSON(data=features)], bounds


def _streets(study: Study, bounds: Bounds) -> list[Any]:
    """Return the streets, one layer a width; no click meets them."""
    streets = street_lines(study.network, bounds, budget=_STREET_BYTES)
    layers = []
    for lines in streets.lines:
        style = {"interactive": False, "color": "#6b7278", "weight": lines["weight"], "opacity": 0.35}
        shape = {"type": "MultiLineString", "coordinates": _chains(lines, streets.origin)}
        feature = {"type": "Feature", "geometry": shape, "properties": {"style": style}}
        layers.append(ipyleaflet.GeoJSON(data=feature))
    return layers


def _chains(lines: dict[str, Any], origin: tuple[int, int]) -> list[list[list[float]]]:
    """Return lines of hundred-thousandths of a degree, each vertex a step from the one before, as degrees."""
    steps = np.array(lines["steps"], np.int64).reshape(-1, 2)
    ends = np.cumsum(lines["counts"])
    whole = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(steps, axis=0)])
    before = np.repeat(whole[ends - lines["counts"]], lines["counts"], axis=0)
    places = ((whole[1:] - before + origin) / 1e5).tolist()
    return [places[end - count : end] for end, count in zip(ends.tolist(), lines["counts"], strict=True)]
