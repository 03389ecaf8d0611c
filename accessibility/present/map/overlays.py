"""People on a map: their classes, who gains and who loses, and the picture and the table that show very many of them.

The picture is in Web Mercator; its size follows the area and not the number of points. The table beside it holds one
record a pixel and answers the pointer. Of changes blue is covered, orange is not, dark is what changes.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.geo.arrays import extent
from accessibility.geo.projection import WGS84, mercator, transform_shapes, unmercator
from accessibility.present.language import MapWords
from accessibility.present.pages import data_address, minute_bytes, png, states, tenth_km_bytes
from accessibility.standards import CM_PER_M, MS_PER_S
from accessibility.streets.edits import Closure, CompoundOpening, NewStreet, Pace, StreetEdit
from accessibility.streets.pieces import lines_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.surface import Places
    from accessibility.streets.network import Network


PIXELS_PER_CELL = 3
"""Pixels of a picture to a cell."""
# Every colour stands out from the ground of the map by 3 : 1 at least (tests/present/test_colours.py).
_BLUE, _ORANGE, _GREY = "#3a87c8", "#d0691b", "#6b6b6b"
_WALK_COLOURS = ("#08306b", "#1f62ae", "#4a90cf", "#cd7a2d", "#a04a0c", "#5f1d00", "#4d4d4d")
_RURAL_COLOURS = ("#0b4a94", "#4a90cf", "#cd7a2d", "#7a2d05", "#4d4d4d")
_MAX_SIDE = 3_000  # pixels; a phone still decodes 9 million of them
_PIXELS_AT_ONCE = 4_000_000
_SEAM = 1.03  # a grid of another projection stands up to a degree askew on the map; this closes the seams
_SEVERAL_BIT = 128


@dataclass(frozen=True, kw_only=True, eq=False)
class PeopleClasses:
    """One way to colour people."""

    name: str  # the layer's name, unique on a map
    # labels, colours: one a class
    labels: tuple[str, ...]
    colours: tuple[str, ...]
    of: NDArray[np.int8]  # (n,) int8 class of each demand point; -1 where the layer does not show it
    population: NDArray[np.float64]  # (n,) people
    shaded: bool = False  # whether darker means more people
    whom: str = ""  # the people of the layer, in words

    @cached_property
    def people(self) -> NDArray[np.float64]:
        """People in each class; with `-1` left out they add up to `total`."""
        found = np.bincount(self.of + 1, weights=self.population, minlength=len(self.labels) + 1)
        return found[1:].astype(np.float64)

    @property
    def total(self) -> float:
        """All people of the layer."""
        return float(self.people.sum())


def has_rural(coverage: Coverage) -> bool:
    """Return whether anybody has a rule of distance."""
    return any((coverage.demand.setting == name).any() for name in coverage.standard.distance_settings)


def classify_people(
    coverage: Coverage, words: MapWords | None = None, *, rural: bool | None = None
) -> tuple[PeopleClasses, ...]:
    """Return the layers of a map: covered or not, walking time and, where there are rural people, their distance.

    Some people of an area have the layers of all of it where `rural` says whether anybody there has a rule of distance.
    """
    words = MapWords() if words is None else words
    population, unreached = coverage.demand.population, coverage.unreached
    status = PeopleClasses(
        name=words("layer_status"),
        labels=(words("covered"), words("too_far"), words("no_way")),
        colours=(_BLUE, _ORANGE, _GREY),
        of=np.where(coverage.covered, 0, np.where(unreached, 2, 1)).astype(np.int8),
        population=population,
        shaded=True,
        whom=_whom(coverage, words),
    )
    minutes, kilometres = coverage.standard.walk_classes, coverage.standard.distance_classes
    walk = PeopleClasses(
        name=words("layer_walk"),
        labels=(*_steps(minutes, "minutes", words), words("not_reached")),
        colours=_WALK_COLOURS,
        of=_step_of(coverage.walk_s, minutes, 60 * MS_PER_S, MS_PER_S),
        population=population,
        whom=_whom(coverage, words),
    )
    standard = coverage.standard
    if not (has_rural(coverage) if rural is None else rural):
        return status, walk
    far = np.isin(coverage.demand.setting, standard.distance_settings)
    straight = all(standard.rule(setting).measure == "radius" for setting in standard.distance_settings)
    key = "layer_distance" if standard.names_its_own else "layer_rural"
    metres = coverage.radius_m if straight else coverage.metres
    distance = PeopleClasses(
        name=words(f"{key}_radius" if straight else key),
        labels=(*_steps(kilometres, "kilometres", words), words("no_site" if straight else "not_reached")),
        colours=_RURAL_COLOURS,
        of=np.where(far, _step_of(metres, kilometres, 1_000 * CM_PER_M, CM_PER_M), -1).astype(np.int8),
        population=population,
        whom=_whom(coverage, words, far=True),
    )
    return status, walk, distance


def whom_of(coverage: Coverage, words: MapWords) -> tuple[str, ...]:
    """Return whose classes each layer of `classify_people` shows."""
    return tuple(_whom(coverage, words, far=far) for far in (False, False, True))


def _whom(coverage: Coverage, words: MapWords, *, far: bool = False) -> str:
    """Return whose classes a layer shows, and how many of them have limits of their own, which no class shows."""
    standard = coverage.standard
    key = "all_people" if not far else "distance_people" if standard.names_its_own else "rural_people"
    limited = coverage.limited_settings
    people = sum(limited[setting] for setting in limited if not far or setting in standard.distance_settings)
    return words(key) if people == 0 else words(key) + words("of_them_own", people=f"{people:,.0f}")


def _steps(limits: tuple[float, ...], unit: str, words: MapWords) -> list[str]:
    starts = (0, *limits[:-1])
    between = [words(unit, of=f"{low:g}\N{EN DASH}{high:g}") for low, high in zip(starts, limits, strict=True)]
    return [*between, words(f"over_{unit}", of=f"{limits[-1]:g}")]


def _step_of(values: NDArray[np.float64], limits: tuple[float, ...], unit: int, scale: int) -> NDArray[np.int8]:
    """Return the class of each value: within a limit is ``<=``, compared in integers; the last class has no value."""
    whole = np.rint(values * scale)
    step = np.searchsorted(np.rint(np.array(limits) * unit), whole, side="left")
    return np.where(np.isnan(values), len(limits) + 1, step).astype(np.int8)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """The pixels of a map's people, row 0 in the north."""

    # west, north, pixel: web Mercator metres of the upper left corner, and of a pixel's side
    west: float
    north: float
    pixel: float
    # width, height: pixels
    width: int
    height: int
    # pixels, rows: (k,) which demand points cover which pixels
    pixels: NDArray[np.int64]
    rows: NDArray[np.int64]
    own: NDArray[np.int64]  # (n,) the pixel in which each point stands; -1 for people without a place
    coarse: bool  # whether a pixel is wider than a cell, so that cells share pixels

    @classmethod
    def of(cls, places: Places, *, max_side: int = _MAX_SIDE) -> Picture:
        """Return the pixels that the cells cover: every pixel whose centre a cell holds, at least the point's own.

        A cell is the polygon that people were read as, or else a square. No side of the picture is longer than
        `max_side`.
        """
        rows = np.flatnonzero(places.placed)
        xy = mercator(places.lonlat[rows])
        half = _SEAM * places.cell_m / np.cos(np.radians(places.lonlat[rows, 1])) / 2
        shapes = _on_the_map(places, rows)
        low, high = extent(xy)
        low, high = low - half.max(), high + half.max()
        if shapes is not None:
            box = shapely.total_bounds(shapes)
            low, high = np.minimum(low, box[:2]), np.maximum(high, box[2:])
        pixel = float(max(2 * half.min() / _SEAM / PIXELS_PER_CELL, (high - low).max() / max_side))
        width, height = (int(v) for v in np.ceil((high - low) / pixel))
        place = np.column_stack([xy[:, 0] - low[0], high[1] - xy[:, 1]]) / pixel
        edge = np.array([width - 1, height - 1])
        centre = np.clip(np.floor(place), 0, edge).astype(np.int64)
        reach = half[:, None] / pixel
        first = np.maximum(np.minimum(np.ceil(place - reach - 0.5), centre), 0).astype(np.int64)
        last = np.minimum(np.maximum(np.ceil(place + reach - 0.5) - 1, centre), edge).astype(np.int64)
        found_pixels, found_rows = [], []
        if shapes is not None:
            drawn = np.flatnonzero(~shapely.is_missing(shapes))
            at, of = _pixels_inside(shapes[drawn], np.array([low[0], high[1]]), pixel, (width, height))
            stands = centre[drawn, 1] * width + centre[drawn, 0]
            bare = np.setdiff1d(np.arange(len(drawn)), of[at == stands[of]])
            found_pixels += [at, stands[bare]]
            found_rows += [rows[drawn[of]], rows[drawn[bare]]]
            last[drawn] = first[drawn] - 1
        wide, tall = (last - first).max(axis=0, initial=-1)
        for right in range(wide + 1):
            for down in range(tall + 1):
                at = first + np.array([right, down])
                inside = (at <= last).all(axis=1)
                found_pixels.append(at[inside, 1] * width + at[inside, 0])
                found_rows.append(rows[inside])
        own = np.full(len(places.placed), -1, np.int64)
        own[rows] = centre[:, 1] * width + centre[:, 0]
        return cls(
            west=float(low[0]),
            north=float(high[1]),
            pixel=pixel,
            width=width,
            height=height,
            pixels=np.concatenate(found_pixels),
            rows=np.concatenate(found_rows),
            own=own,
            coarse=bool(pixel > 2 * half.min() / _SEAM),
        )

    @property
    def bounds(self) -> list[list[float]]:
        """South-west and north-east corner, latitude first."""
        east, south = self.west + self.width * self.pixel, self.north - self.height * self.pixel
        (w, s), (e, n) = unmercator(np.array([[self.west, south], [east, self.north]]))
        return [[float(s), float(w)], [float(n), float(e)]]

    def winners(self, classes: PeopleClasses) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Return the class of each pixel, the one with the most people in it (-1 where nobody is), and its people."""
        size = self.width * self.height
        winner, most = np.full(size, -1, np.int8), np.zeros(size)
        class_of, people = classes.of[self.rows], classes.population[self.rows]
        for row in range(len(classes.labels)):
            here = class_of == row
            if here.any():
                total = np.bincount(self.pixels[here], weights=people[here], minlength=size)
                better = total > most
                winner[better], most[better] = row, total[better]
        return winner, most

    def hidden_people(self, classes: PeopleClasses) -> float:
        """Return the people who stand in a pixel of another class's colour."""
        winner, _ = self.winners(classes)
        drawn = (self.own >= 0) & (classes.of >= 0) & (classes.population > 0)
        return float(classes.population[drawn & (winner[self.own] != classes.of)].sum())

    def image(self, classes: PeopleClasses) -> str:
        """Return the layer as a ``data:`` address of a PNG."""
        winner, most = self.winners(classes)
        limits = shade_limits(classes)
        shades = len(limits) + 1
        shade = np.searchsorted(limits, most, side="right")
        index = np.where(winner < 0, 0, 1 + winner.astype(np.int64) * shades + shade).astype(np.uint8)
        colours = [shade_of(colour, k) for colour in classes.colours for k in range(shades)]
        return data_address("image/png", png(index.reshape(self.height, self.width), ["#ffffff", *colours]))

    def table(self, classes: PeopleClasses, coverage: Coverage) -> dict[str, Any]:
        """Return what the pointer reads: five planes of a byte a pixel, deflated, and how to find a pixel."""
        winner, _ = self.winners(classes)
        people = coverage.demand.population
        order = np.argsort(people[self.rows], kind="stable")
        order = order[classes.of[self.rows[order]] == winner[self.pixels[order]]]
        row_of = np.full(self.width * self.height, -1, np.int64)
        row_of[self.pixels[order]] = self.rows[order]  # of a repeated pixel the last, the most populous, stays
        shown = row_of >= 0
        state = np.where(shown, states(coverage)[row_of], 0)
        count = np.where(shown, people[row_of], 0.0)
        if self.coarse:
            here = self.own >= 0
            size = self.width * self.height
            count = np.where(shown, np.bincount(self.own[here], weights=people[here], minlength=size), 0.0)
            state[shown & (np.bincount(self.own[here], minlength=size) > 1)] |= _SEVERAL_BIT
        whole = np.clip(np.rint(count), 0, 0xFFFF).astype(np.uint16)
        planes = [minute_bytes(coverage), tenth_km_bytes(coverage)]
        parts = [np.where(shown, plane[row_of], 0).astype(np.uint8) for plane in planes]
        parts += [(whole & 0xFF).astype(np.uint8), (whole >> 8).astype(np.uint8), state.astype(np.uint8)]
        packed = zlib.compress(np.concatenate(parts).tobytes(), 9)
        where = {"west": self.west, "north": self.north, "pixel": self.pixel, "width": self.width}
        return {**where, "height": self.height, "planes": base64.b64encode(packed).decode("ascii")}


def _on_the_map(places: Places, rows: NDArray[np.intp]) -> NDArray[np.object_] | None:
    """Return the polygons of some places in Web Mercator; None where there are none."""
    if places.shapes is None or shapely.is_missing(places.shapes[rows]).all():
        return None
    found: NDArray[np.object_] = shapely.transform(places.shapes[rows], mercator)
    return found


def _pixels_inside(
    shapes: NDArray[np.object_], corner: NDArray[np.float64], pixel: float, size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixels whose centres lie in polygons, and the polygon of each; some polygons at a time."""
    bounds = shapely.bounds(shapes)
    first = np.floor(np.column_stack([bounds[:, 0] - corner[0], corner[1] - bounds[:, 3]]) / pixel).astype(np.int64)
    last = np.floor(np.column_stack([bounds[:, 2] - corner[0], corner[1] - bounds[:, 1]]) / pixel).astype(np.int64)
    wide, tall = (np.minimum(last, np.array(size) - 1) - np.maximum(first, 0) + 1).T
    first, count = np.maximum(first, 0), wide * tall
    batch = np.cumsum(count) // _PIXELS_AT_ONCE
    shapely.prepare(shapes)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for one in np.unique(batch):
        of = np.flatnonzero(batch == one)
        every = np.repeat(of, count[of])
        step = np.arange(len(every)) - np.repeat(np.cumsum(count[of]) - count[of], count[of])
        column, row = first[every, 0] + step % wide[every], first[every, 1] + step // wide[every]
        x, y = corner[0] + (column + 0.5) * pixel, corner[1] - (row + 0.5) * pixel
        inside = shapely.contains_xy(shapes[every], x, y)
        found.append(((row * size[0] + column)[inside], every[inside]))
    pixels, polygons = zip(*found, strict=True)
    return np.concatenate(pixels), np.concatenate(polygons)


def shade_limits(classes: PeopleClasses) -> NDArray[np.float64]:
    """Return the people from which a cell is a shade fuller: thirds of the inhabited cells, in round numbers.

    There are fewer where the cells are alike, and none where the layer is not shaded.
    """
    inhabited = classes.population[classes.population > 0]
    if not (classes.shaded and inhabited.size):
        return np.empty(0)
    thirds = np.quantile(inhabited, [1 / 3, 2 / 3])
    size = 10.0 ** np.floor(np.log10(thirds))
    return np.unique(np.rint(thirds / size) * size)


def shade_of(colour: str, shade: int) -> str:
    """Return a colour mixed with black: the first shade is the colour itself, which the ground does not swallow.

    Examples
    --------
    >>> shade_of("#c86400", 0), shade_of("#c86400", 2)
    ('#c86400', '#603000')
    """
    channels = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{round(c * (1 - 0.26 * shade)):02x}" for c in channels)


GAINED, LOST = 2, 3
EDITS: dict[type[StreetEdit], tuple[str, dict[str, Any]]] = {
    NewStreet: ("streets_new", {"color": "#1b7837", "weight": 4, "opacity": 0.9}),
    Closure: ("streets_closed", {"color": "#b2182b", "weight": 3, "opacity": 0.9, "dashArray": "2 6"}),
    Pace: ("streets_paced", {"color": "#8c6d1f", "weight": 3, "opacity": 0.8, "dashArray": "8 5"}),
    CompoundOpening: ("streets_opened", {"color": "#5aae61", "weight": 3, "opacity": 0.9, "dashArray": "12 4"}),
}
"""What each kind of edit of streets is called on a map, and how its streets are drawn."""
COLOURS = ("#4f8fc0", "#cf7430", "#0a2f66", "#6b1f00")
_SURELY_IN, _UNSURE, _SURELY_OUT = "#2f7fbf", "#7a4fa3", "#f08a24"
_LABELS = ("still_covered", "still_uncovered", "gained", "lost")


def classify_changes(before: Coverage, after: Coverage, words: MapWords | None = None) -> PeopleClasses:
    """Return people by whether they are covered before and after, two coverages of the same people.

    Examples
    --------
    >>> from accessibility import Demand, Network, Sites, measure_coverage
    >>> road = Network(node_xy=[(0, 0), (3000, 0)], edges=[(0, 1)], length_m=[3000], crs="EPSG:32649")
    >>> people = Demand(ids=["west", "east"], xy=[(0, 0), (3000, 0)], population=[30, 10], crs="EPSG:32649")
    >>> west, east = (Sites(ids=["O1"], xy=[(x, 0)], crs="EPSG:32649") for x in (0, 3000))
    >>> changes = classify_changes(measure_coverage(road, people, west), measure_coverage(road, people, east))
    >>> dict(zip(changes.labels, changes.people.tolist()))["gained: covered now"]
    10.0
    """
    words = MapWords() if words is None else words
    return PeopleClasses(
        name=words("layer_changes"),
        labels=tuple(words(key) for key in _LABELS),
        colours=COLOURS,
        of=change_of(before.covered, after.covered),
        population=after.demand.population,
        whom=words("all_people"),
    )


def change_of(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the class of each point: still covered, still not, gained, lost."""
    return np.where(after, np.where(before, 0, GAINED), np.where(before, LOST, 1)).astype(np.int8)


def classify_gains(
    before: NDArray[np.bool_], after: NDArray[np.bool_], population: NDArray[np.float64], words: MapWords
) -> PeopleClasses:
    """Return people by what a proposal brings them; those whom it takes a site from only where there are any."""
    of = change_of(before, after)
    labels = ["covered_today", "left_over", "gains", *(["loses"] if (of == LOST).any() else [])]
    return PeopleClasses(
        name=words("layer_gains"),
        labels=tuple(words(key) for key in labels),
        colours=COLOURS[: len(labels)],
        of=of,
        population=population,
        whom=words("all_people"),
    )


def edited_streets(network: Network, words: MapWords) -> list[dict[str, Any]]:
    """Return the layers of streets that edits made what they are: name, style and features, each kind that there is.

    Examples
    --------
    >>> from accessibility import Network
    >>> road = Network(node_xy=[(0, 0), (3000, 0)], edges=[(0, 1)], length_m=[3000], crs="EPSG:32649")
    >>> edited_streets(road, MapWords())
    []
    """
    pieces, layers = network.pieces, []
    if pieces is None:
        return []
    for kind, (name, style) in EDITS.items():
        features = []
        for row, edit in enumerate(pieces.edits):
            edges = np.flatnonzero(pieces.edit == row)
            if not (isinstance(edit, kind) and edges.size):
                continue
            lines = transform_shapes(lines_of(network, edges), network.crs, WGS84)
            drawn = shapely.set_precision(shapely.line_merge(shapely.multilinestrings(lines)), 1e-6)
            geometry = json.loads(str(shapely.to_geojson(drawn)))
            features.append({"type": "Feature", "properties": {"name": str(edit.text)}, "geometry": geometry})
        if features:
            layers.append({"name": words(name), "style": style, "features": features})
    return layers


def classify_certainty(certainty: NDArray[np.str_], population: NDArray[np.float64], words: MapWords) -> PeopleClasses:
    """Return the layer that says who is surely covered, who surely not, and of whom it is unsure."""
    return PeopleClasses(
        name=words("layer_certainty"),
        labels=(words("surely_in"), words("unsure"), words("surely_out")),
        colours=(_SURELY_IN, _UNSURE, _SURELY_OUT),
        of=np.select([certainty == "in", certainty == "out"], [0, 2], default=1).astype(np.int8),
        population=population,
        whom=words("all_people"),
    )
