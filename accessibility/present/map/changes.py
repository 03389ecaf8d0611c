"""Who gains and who loses, as classes of people on a map: blue is covered, orange is not, dark is what changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.projection import WGS84, transform_shapes
from accessibility.present.map.overlays import PeopleClasses
from accessibility.present.map.words import MapWords
from accessibility.streets.edits import Closure, CompoundOpening, NewStreet, Pace, StreetEdit
from accessibility.streets.pieces import lines_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.streets.network import Network

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
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

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
