"""A map for paper: people as coloured squares, districts, main streets, sites and numbers, as one SVG."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import numpy as np
import shapely
from markupsafe import Markup

from accessibility.geo.arrays import extent
from accessibility.geo.projection import WGS84, mercator, transform, unmercator
from accessibility.measures.surface import Places
from accessibility.present.language import shortened
from accessibility.present.map.outlines import street_lines
from accessibility.present.map.overlays import PIXELS_PER_CELL, PeopleClasses, Picture
from accessibility.wording.cards import COVERED, CUT, FAR, GAINED, INK, drawing, element, path_of, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.streets.network import Network

WIDTH = 1_000.0
_MAX_HEIGHT = 1_250.0
_SQUARES = 210  # across; smaller ones could not be told apart on paper
_ROOM = 0.025
_LEAST_SIDE = 500.0  # Web Mercator metres of an area
_MOST_LABELS = 40
_NAME_ROOM = 20  # of a name on a small map
_LETTER = 15.0  # height of the letters of a name
_STREET_BYTES = 60_000
_FEW_SIGNS, _MOST_SIGNS = 150, 5_000  # sites with signs of full size, and with any
_SMALL_PX = 360.0  # the longer side of a thumbnail
SITE_INKS = {"outlet": "#111820", "bank": "#7b1fa2", "new": "#00695c"}
_SCALES_KM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pin:
    """A numbered place on a map, in degrees; one of very many is small and has no number."""

    lon: float
    lat: float
    number: int | None
    chosen: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Paper:
    """What all maps of a report share."""

    coverage: Coverage  # today's
    places: Places  # where people stand, in squares large enough to see
    # west, north, scale, height: web Mercator metres of the corner, drawing units a metre, and the height in units
    west: float
    north: float
    scale: float
    height: float
    # districts, streets: paths
    districts: str
    streets: str
    names: tuple[tuple[float, float, str], ...]  # place and name of each district, where there is room for names

    @classmethod
    def of(cls, coverage: Coverage, districts: gpd.GeoDataFrame | None, network: Network | None) -> Paper:
        """Return the ground of a coverage: its people and districts with a little room around."""
        places = Places.of(coverage)
        low, high, side = _area(places.lonlat[places.placed], districts)
        middle, half = (low + high) / 2, np.maximum((high - low) / 2, side / 4) + _ROOM * side
        low, high = middle - half, middle + half
        scale = min(WIDTH / (high - low)[0], _MAX_HEIGHT / (high - low)[1])
        spare = (WIDTH / scale - (high - low)[0]) / 2
        west, north = float(low[0] - spare), float(high[1])
        cos = float(np.cos(np.radians(unmercator(middle[None])[0, 1])))
        cell = max(places.cell_m, side * cos / _SQUARES)
        self = cls(
            coverage=coverage,
            places=replace(places, cell_m=cell),
            west=west,
            north=north,
            scale=float(scale),
            height=float((high - low)[1] * scale),
            districts="",
            streets="",
            names=(),
        )
        return replace(self, streets=self._streets(network), **self._districts(districts))

    def at(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``(n, 2)`` drawing units of degrees."""
        return self.place(mercator(lonlat))

    def place(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``(n, 2)`` drawing units of Web Mercator metres."""
        return np.column_stack([(xy[:, 0] - self.west) * self.scale, (self.north - xy[:, 1]) * self.scale])

    @property
    def metres(self) -> float:
        """Metres on the ground of a drawing unit, in the middle."""
        lat = unmercator(np.array([[self.west, self.north - self.height / self.scale / 2]]))[0, 1]
        return float(np.cos(np.radians(lat))) / self.scale

    def _districts(self, districts: gpd.GeoDataFrame | None) -> dict[str, Any]:
        if districts is None or not len(districts):
            return {"districts": "", "names": ()}
        there = districts.geometry.to_crs(WGS84)
        shapes = shapely.transform(there.to_numpy(), self.at)
        plain = shapely.simplify(shapes, 0.6)
        rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(plain))]
        inside = shapely.get_coordinates(shapely.point_on_surface(shapes))
        named = zip(inside.tolist(), there.index, strict=True) if len(there) <= _MOST_LABELS else ()
        names = tuple((float(x), float(y), str(name)) for (x, y), name in named)
        return {"districts": path_of(rings, closed=True), "names": names}

    @cached_property
    def people(self) -> Markup:
        """Today's people, on most of the maps."""
        return _squares(self, classify(self.coverage, None))

    def _streets(self, network: Network | None) -> str:
        if network is None:
            return ""
        east, south = self.west + WIDTH / self.scale, self.north - self.height / self.scale
        (w, s), (e, n) = unmercator(np.array([[self.west, south], [east, self.north]])).tolist()
        found = street_lines(network, (w, s, e, n), budget=_STREET_BYTES, classes=1)
        lines: list[NDArray[np.float64]] = []
        for part in found.lines:
            ends = np.cumsum(part["counts"])[:-1]
            steps = np.split(np.array(part["steps"], dtype=np.float64).reshape(-1, 2), ends)
            lines += [self.at((np.cumsum(step, axis=0) + np.array(found.origin)) / 1e5) for step in steps]
        return path_of(lines)


def _area(
    lonlat: NDArray[np.float64], districts: gpd.GeoDataFrame | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the corners of people and districts in Web Mercator metres, and the longer side."""
    corners = list(extent(lonlat)) if len(lonlat) else [np.array([-0.01, -0.01]), np.full(2, 0.01)]
    if districts is not None and len(districts):
        west, south, east, north = districts.to_crs(WGS84).total_bounds
        corners += [np.array([west, south]), np.array([east, north])]
    low, high = extent(mercator(np.array(corners)))
    return low, high, max(float((high - low).max()), _LEAST_SIDE)


def finest_pixel(lonlat: NDArray[np.float64], districts: gpd.GeoDataFrame | None) -> float:
    """Return the side of the pixels in which people of a large area are drawn, in Web Mercator metres.

    Parameters
    ----------
    lonlat
        ``(n, 2)`` degrees of the people, or of the corners of where they live.
    districts
        Districts on the map.
    """
    low, high, side = _area(lonlat, districts)
    middle = unmercator(((low + high) / 2)[None])[0, 1]
    latitudes = np.array([middle]) if not len(lonlat) else lonlat[:, 1]
    # The pixels of a picture are as small as the squares nearest to the equator need them.
    return float(side / _SQUARES / PIXELS_PER_CELL * np.cos(np.radians(middle)) / np.cos(np.radians(latitudes)).max())


def draw_people(
    ground: Paper,
    *,
    after: Coverage | None = None,
    pins: Sequence[Pin] = (),
    large: float = 1.0,
    named: bool = True,
) -> Markup:
    """Return the map of today's coverage, or of the coverage after a change with what it gains.

    Parameters
    ----------
    ground
        What all maps share.
    after
        The coverage after the change.
    pins
        Numbered places: blackspots, or chosen sites.
    large
        How much larger signs and letters are, for a map that is printed small.
    named
        Whether it bears the names of the districts; those of a small one that would lie over others are left out.
    """
    parts = [
        *_ground(ground, _people(ground, after), border=1.6 * large),
        *_signs(ground, ground.coverage if after is None else after, large),
        *(
            text(x, y, name, class_="placename", font_size=_LETTER * large)
            for x, y, name in (ground.names if large == 1.0 else names_apart(ground, _LETTER * large) if named else ())
        ),
        *(_pin(ground, pin, large) for pin in pins),
        _scale_bar(ground, large),
    ]
    return drawing(WIDTH, ground.height, *parts, class_="map")


def names_apart(ground: Paper, letter: float) -> list[tuple[float, float, str]]:
    """Return place and name of the districts whose names, in such letters, lie over none before, nor the edge."""
    kept: list[tuple[float, float, str]] = []
    boxes: list[tuple[float, float, float]] = []
    for x, y, whole in ground.names:
        name = shortened(whole, _NAME_ROOM, end=True)
        half = name_width(name, letter) / 2
        free = all(abs(x - at) > half + wide or abs(y - high) > 1.1 * letter for at, high, wide in boxes)
        if free and half <= x <= WIDTH - half:
            kept.append((x, y, name))
            boxes.append((x, y, half))
    return kept


def name_width(name: str, letter: float) -> float:
    """Return how wide a name is in letters of a height."""
    return letter * sum(1.0 if east_asian_width(sign) in "WF" else 0.6 for sign in name)


def draw_thumbnail(ground: Paper) -> Markup:
    """Return the map of a coverage as small as a notebook shows it, by itself: no names, no style sheet."""
    parts = [
        *_ground(ground, _people(ground, None), paper="#f6f5f1", street=1.4, border=2.6),
        *_signs(ground, ground.coverage, 2.0),
    ]
    high = _SMALL_PX if ground.height > WIDTH else _SMALL_PX * ground.height / WIDTH
    style = f"width:{high * WIDTH / ground.height:.0f}px;height:{high:.0f}px;max-width:100%;image-rendering:pixelated"
    return drawing(WIDTH, ground.height, *parts, style=style)


def draw_change(
    ground: Paper, after: Coverage, changes: PeopleClasses, edited: Sequence[tuple[NDArray[np.float64], str]] = ()
) -> Markup:
    """Return the map of who gains and who loses, as a file of its own.

    Parameters
    ----------
    ground
        What all maps share.
    after
        The coverage after the change.
    changes
        The class of each demand point.
    edited
        Streets that edits made what they are: ``(k, 2)`` degrees and the colour of each.
    """
    parts = [
        *_ground(ground, _squares(ground, changes), border=1.6),
        *(
            element("path", d=path_of([ground.at(line)]), fill="none", stroke=ink, stroke_width=4)
            for line, ink in edited
        ),
        *_signs(ground, after, 1.4),
        *(
            text(x, y, name, font_size=15.0, text_anchor="middle", stroke="#fff", stroke_width=3, paint_order="stroke")
            for x, y, name in ground.names
        ),
        _scale_bar(ground, 1.0),
    ]
    return drawing(WIDTH, ground.height, *parts, xmlns="http://www.w3.org/2000/svg", font_family="sans-serif")


def _ground(
    ground: Paper, people: Markup, *, paper: str = "#f7f6f3", street: float = 0.9, border: float
) -> list[Markup]:
    """Return what lies under signs and names: paper, people, streets and borders."""
    return [
        element("rect", x=0, y=0, width=WIDTH, height=ground.height, fill=paper),
        people,
        element("path", d=ground.streets, fill="none", stroke="#8a8f94", stroke_width=street, opacity=0.8),
        element("path", d=ground.districts, fill="none", stroke=INK, stroke_width=border, stroke_opacity=0.75),
    ]


def classify(today: Coverage, after: Coverage | None) -> PeopleClasses:
    """Return covered, newly covered, too far and without a way, for the squares."""
    now = today if after is None else after
    state = np.where(now.covered, 0, np.where(now.unreached, 3, 2))
    state[now.covered & ~today.covered] = 1
    return PeopleClasses(
        name="people",
        labels=("covered", "gained", "far", "cut"),
        colours=(COVERED, GAINED, FAR, CUT) if after is None else ("#4f8fc0", GAINED, FAR, CUT),
        of=state.astype(np.int8),
        population=today.demand.population,
        shaded=after is None,
    )


def _people(ground: Paper, after: Coverage | None) -> Markup:
    return ground.people if after is None else _squares(ground, classify(ground.coverage, after))


def _squares(ground: Paper, classes: PeopleClasses) -> Markup:
    if not ground.places.placed.any():
        return Markup("")
    picture = Picture.of(ground.places)
    x, y = ground.place(np.array([[picture.west, picture.north]]))[0].tolist()
    side = picture.pixel * ground.scale
    return element(
        "image",
        href=picture.image(classes),
        x=x,
        y=y,
        width=picture.width * side,
        height=picture.height * side,
        preserveAspectRatio="none",
        class_="squares",
    )


def _signs(ground: Paper, coverage: Coverage, large: float) -> list[Markup]:
    """Return a sign for each site that counts: a disc an outlet, a square a bank, a triangle a new site."""
    size = 5.2 * large * (1.0 if coverage.sites.open.sum() <= _FEW_SIGNS else 0.6)
    return [site_sign(kind, x, y, size) for kind, x, y in placed_sites(ground, coverage)]


def draws_sites(coverage: Coverage) -> bool:
    """Return whether the sites that count are few enough to be drawn: very many would hide the people."""
    return bool(coverage.sites.open.sum() <= _MOST_SIGNS)


def placed_sites(ground: Paper, coverage: Coverage) -> list[tuple[str, float, float]]:
    """Return kind and place on the map of each site that counts and is drawn: those beyond its edge are not."""
    sites = coverage.sites
    rows = np.flatnonzero(sites.open if draws_sites(coverage) else np.zeros(len(sites), np.bool_))
    at = ground.at(transform(sites.xy[rows], sites.crs, WGS84))
    return [
        (str(sites.kind[row]), x, y)
        for row, (x, y) in zip(rows, at.tolist(), strict=True)
        if 0 <= x <= WIDTH and 0 <= y <= ground.height
    ]


def site_sign(kind: str, x: float, y: float, size: float) -> Markup:
    """Return the sign of a kind of site around a place."""
    look: dict[str, object] = {"fill": SITE_INKS[kind], "stroke": "#fff", "stroke_width": size / 4}
    if kind == "outlet":
        return element("circle", cx=x, cy=y, r=size, **look)
    if kind == "bank":
        return element("rect", x=x - 0.9 * size, y=y - 0.9 * size, width=1.8 * size, height=1.8 * size, **look)
    tip = f"M{x:.1f} {y - 1.2 * size:.1f}l{1.15 * size:.1f} {2.1 * size:.1f}h{-2.3 * size:.1f}Z"
    return element("path", d=tip, **look)


def pin_sign(x: float, y: float, number: str, size: float, *, chosen: bool) -> Markup:
    """Return a numbered disc: dark for a chosen site, white with a red rim for a blackspot."""
    fill, ink, rim = ("#00695c", "#fff", "#fff") if chosen else ("#fff", "#b3261e", "#b3261e")
    disc = element("circle", cx=x, cy=y, r=size, fill=fill, stroke=rim, stroke_width=size / 6)
    label = text(x, y + 0.37 * size, number, text_anchor="middle", font_size=1.05 * size, fill=ink, font_weight=700)
    return disc + label


def _pin(ground: Paper, pin: Pin, large: float) -> Markup:
    x, y = ground.at(np.array([[pin.lon, pin.lat]]))[0].tolist()
    if pin.number is None:
        return pin_sign(x, y, "", 3.0 * large, chosen=pin.chosen)
    return pin_sign(x, y, str(pin.number), (9.0 if pin.chosen else 11.0) * large, chosen=pin.chosen)


def scale_bar(ground: Paper) -> tuple[float, float]:
    """Return a round number of kilometres, and how long it is on the map."""
    km = max((k for k in _SCALES_KM if 1_000 * k / ground.metres <= 0.22 * WIDTH), default=_SCALES_KM[0])
    return km, 1_000 * km / ground.metres


def _scale_bar(ground: Paper, large: float) -> Markup:
    km, length = scale_bar(ground)
    x, y = 22.0, ground.height - 22.0
    bar = element("path", d=f"M{x} {y - 7}v7h{length:.1f}v-7", fill="none", stroke=INK, stroke_width=1.8 * large)
    words = text(x + length / 2, y - 8, f"{km:g} km", text_anchor="middle", font_size=_LETTER * large, class_="halo")
    top, right = 26.0, WIDTH - 30.0
    arrow = element("path", d=f"M{right} {top}l7 20l-7 -5l-7 5Z", fill=INK)
    return bar + words + arrow + text(right, top + 36, "N", text_anchor="middle", font_size=15.0, class_="halo")
