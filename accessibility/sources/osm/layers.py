"""What one pass over an extract collects, kind by kind, and how that is kept: arrays, shapes as WKB, never a pickle."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import osmium
import shapely

from accessibility.sources.osm.features import WATER_TAGS, BuildingTable, Feature, name_rank, water_of
from accessibility.sources.osm.ordering import own_id
from accessibility.sources.osm.streets import Streets, survey_streets
from accessibility.sources.osm.tags import NAME_KEYS, has_any, tagged_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.streets.foot import FootAccess

_NAMING_KEYS = ("place", "highway", *NAME_KEYS)


class Kept(NamedTuple):
    """What is kept of a layer: arrays by name, and what JSON can hold."""

    arrays: dict[str, NDArray[Any]]
    about: dict[str, Any]


class Layer:
    """One kind of thing, collected while an extract passes.

    `node_keys` and `keys` are those of which a node, or a way, relation or area, must have one to be shown to `take`.
    """

    node_keys: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    has_areas = True

    def foresee(self, relation: Any) -> bool:
        """Look at a relation before anything is taken; return whether its area is wanted."""
        raise NotImplementedError

    def take(self, thing: Any, tags: Any) -> None:
        """Collect an object of osmium's that is wanted; its tags are asked one by one, a dict of them costs much."""
        raise NotImplementedError

    def pack(self) -> Kept:
        """Return what was collected."""
        raise NotImplementedError


class DistrictLayer(Layer):
    """Administrative areas of all levels: the whole ones, all that are listed, and populated places."""

    node_keys = ("population",)
    keys = ("boundary",)

    def __init__(self) -> None:
        self._whole: list[Feature] = []
        self._listed: list[Feature] = []
        self._places: list[Feature] = []
        self._rings: set[str] = set()

    def foresee(self, relation: Any) -> bool:
        """Return whether a relation is administrative."""
        return bool(relation.tags.get("boundary") == "administrative")

    def take(self, thing: Any, tags: Any) -> None:
        """Collect an administrative area, or a place that says its population."""
        if thing.is_node():
            if "place" in tags and thing.location.valid():
                self._places.append(feature_of(thing))
        elif tags.get("boundary") != "administrative":
            return
        elif thing.is_area():
            self._whole.append(feature_of(thing))
        else:
            made_of_rings = thing.is_relation() and tags.get("type") in ("boundary", "multipolygon")
            if made_of_rings:
                self._rings |= {f"w{own_id(member.ref)}" for member in thing.members if member.type == "w"}
            if made_of_rings or (thing.is_way() and thing.ends_have_same_id() and tagged_name(dict(tags))):
                self._listed.append(Feature(id=f"{thing.type_str()}{own_id(thing.id)}", tags=dict(tags)))

    def pack(self) -> Kept:
        """Return the features; a ring often repeats its relation's tags: it is a piece of the area, not an area."""
        whole, listed = ([f for f in found if f.id not in self._rings] for found in (self._whole, self._listed))
        return pack_features(whole=whole, listed=listed, places=self._places)


class PlaceLayer(Layer):
    """Places with one of the wanted tags."""

    def __init__(self, wanted: Mapping[str, Sequence[str]]) -> None:
        self.node_keys = self.keys = tuple(wanted)
        self._wanted = wanted
        self._features: dict[str, Feature] = {}
        self._rings: dict[str, frozenset[str]] = {}

    def foresee(self, relation: Any) -> bool:
        """Return whether a relation may be such a place."""
        return has_any(relation.tags, self._wanted)

    def take(self, thing: Any, tags: Any) -> None:
        """Collect a place; an area may come before or after what it is made of."""
        if not has_any(tags, self._wanted):
            return
        feature = feature_of(thing)
        if thing.is_area() or feature.id not in self._features:
            self._features[feature.id] = feature
        if thing.is_relation():
            self._rings[feature.id] = _rings(thing)

    def pack(self) -> Kept:
        """Return the features with the ways around them."""
        found = [
            Feature(id=f.id, tags=f.tags, shape=f.shape, rings=self._rings.get(f.id, frozenset()))
            for f in self._features.values()
        ]
        return pack_features(places=found)


class BuildingLayer(Layer):
    """Buildings as numbers, whole or not, and the ways around those that are relations."""

    node_keys = keys = ("building",)

    def __init__(self) -> None:
        self._table = BuildingTable()
        self._factory = osmium.geom.WKBFactory()
        self._points = self._outlines = 0
        self._rings: dict[str, frozenset[str]] = {}

    def foresee(self, relation: Any) -> bool:
        """Return whether a relation is a building."""
        return "building" in relation.tags

    def take(self, thing: Any, tags: Any) -> None:
        """Collect a building, or count it where it is a point or an outline still without an area."""
        if tags.get("building", "no") == "no":
            return
        if thing.is_relation():
            self._rings[f"r{own_id(thing.id)}"] = _rings(thing)
        if thing.is_area():
            self._outlines -= 1
            self._table.add(_area_id(thing), self._factory.create_multipolygon(thing), tags.get)
        elif thing.is_node():
            self._points += 1
        else:
            self._outlines += 1

    def pack(self) -> Kept:
        """Return one row per building, and what is no building."""
        about = {"points": self._points, "outlines": self._outlines}
        return Kept(self._table.arrays(), about | {"rings": {key: sorted(ways) for key, ways in self._rings.items()}})


class WaterLayer(Layer):
    """Waters: areas, and lines that may be wide."""

    keys = tuple(dict.fromkeys(key for key, _ in WATER_TAGS))

    def __init__(self) -> None:
        self._features: list[Feature] = []

    def foresee(self, relation: Any) -> bool:
        """Return whether a relation is a water."""
        return bool(water_of(relation.tags))

    def take(self, thing: Any, tags: Any) -> None:
        """Collect a water."""
        if water_of(tags):
            self._features.append(feature_of(thing))

    def pack(self) -> Kept:
        """Return the features."""
        return pack_features(waters=self._features)


class NameLayer(Layer):
    """Settlements and streets that bear a name on a map."""

    node_keys = keys = ("place", "highway")
    has_areas = False

    def __init__(self) -> None:
        self._factory = osmium.geom.WKBFactory()
        self._features: list[tuple[dict[str, str], str]] = []

    def foresee(self, relation: Any) -> bool:  # noqa: ARG002
        """Return that no area is wanted."""
        return False

    def take(self, thing: Any, tags: Any) -> None:
        """Collect a named point or line; nodes outside of the file, or a line of one place, give none."""
        if thing.is_relation() or thing.is_area() or not ("name" in tags or "name:zh" in tags or "name:en" in tags):
            return
        told = {key: value for key in _NAMING_KEYS if (value := tags.get(key)) is not None}
        if name_rank(told) is None:
            return
        draw = self._factory.create_linestring if thing.is_way() else self._factory.create_point
        with suppress(RuntimeError, osmium.InvalidLocationError):
            self._features.append((told, draw(thing)))

    def pack(self) -> Kept:
        """Return the features, which need no id."""
        shapes = shapely.from_wkb(np.array([shape for _, shape in self._features], dtype=object))
        pairs = zip(self._features, shapes.tolist(), strict=True)
        return pack_features(names=[Feature(id="", tags=told, shape=shape) for (told, _), shape in pairs])


class StreetLayer:
    """Streets that may be walked by a foot-access table, which are read as arrays."""

    def __init__(self, foot: FootAccess) -> None:
        self.streets = Streets(foot=foot)

    def read(self, path: Path, folder: Path) -> Kept:
        """Return ways with places, marked nodes and counts of a PBF whose objects are in order.

        Parameters
        ----------
        path
            The extract.
        folder
            Where the places of its nodes may lie.
        """
        return Kept(*survey_streets(self.streets, self._index(path, folder)))

    def _index(self, path: Path, folder: Path) -> Path:
        """Read the streets; return where the places of all nodes are put.

        osmium goes through the file first: it knows relations, and tells what is wrong with one that is damaged.
        """
        with osmium.io.Reader(path) as objects:
            osmium.apply(objects, self.streets)
        return self.streets.read(path, folder)


def pack_features(**parts: Sequence[Feature]) -> Kept:
    """Return lists of features as they are kept."""
    arrays, about = {}, {}
    for name, features in parts.items():
        shapes = shapely.to_wkb(np.array([f.shape for f in features], dtype=object))
        texts = [shape or b"" for shape in shapes.tolist()]
        arrays[name] = np.frombuffer(b"".join(texts), np.uint8)
        arrays[f"{name}_end"] = np.cumsum([len(text) for text in texts], dtype=np.int64)
        about[name] = [(f.id, dict(f.tags), sorted(f.rings)) for f in features]
    return Kept(arrays, about)


def unpack_features(kept: Kept, part: str) -> list[Feature]:
    """Return the features of a part that `pack_features` packed."""
    whole, ends = kept.arrays[part].tobytes(), kept.arrays[f"{part}_end"].tolist()
    texts = [whole[start:end] or None for start, end in zip([0, *ends], ends, strict=False)]
    shapes = shapely.from_wkb(np.array(texts, dtype=object)).tolist()
    return [
        Feature(id=name, tags=tags, shape=shape, rings=frozenset(rings))
        for (name, tags, rings), shape in zip(kept.about[part], shapes, strict=True)
    ]


def feature_of(thing: Any) -> Feature:
    """Return an object of osmium's as a feature."""
    tags = dict(thing.tags)
    if thing.is_area():
        outline = osmium.geom.WKBFactory().create_multipolygon(thing)
        return Feature(id=_area_id(thing), tags=tags, shape=shapely.from_wkb(outline))
    shape: Any = None
    if thing.is_node():
        shape = shapely.Point(thing.lon, thing.lat) if thing.location.valid() else None
    elif thing.is_way():
        # An open way, or one that is no area: its line. A closed one comes again as an area.
        line = [(n.lon, n.lat) for n in thing.nodes if n.location.valid()]
        whole = len(line) == len(thing.nodes) and len(set(line)) > 1
        shape = shapely.LineString(line) if whole else None
    return Feature(id=f"{thing.type_str()}{own_id(thing.id)}", tags=tags, shape=shape)


def _rings(relation: Any) -> frozenset[str]:
    """Return the ids of the ways around the area of a relation, without those around its holes."""
    around = (member for member in relation.members if member.type == "w" and member.role != "inner")
    return frozenset(f"w{own_id(member.ref)}" for member in around)


def _area_id(area: Any) -> str:
    return f"{'w' if area.from_way() else 'r'}{own_id(area.orig_id())}"
