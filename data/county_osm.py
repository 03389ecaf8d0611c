"""Collects what is drawn (nodes, ways, relations) and writes it as OpenStreetMap data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import county_ground as ground
import numpy as np
import osmium
from osmium.osm import mutable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

Tags = dict[str, str]

STAMP = "2024-01-01T00:00:00Z"
# In China people walk on every class but these; motorroad=yes and area outlines are told apart by their tags.
NOT_WALKABLE = frozenset({"motorway", "motorway_link", "construction"})


class Drawing:
    """Nodes, ways and relations in the order they were drawn; ids count from 1.

    Two points less than a decimetre apart are one node, so ways that meet share it.
    """

    def __init__(self) -> None:
        self.places: list[tuple[float, float]] = []
        self.node_tags: dict[int, Tags] = {}
        self.ways: list[tuple[list[int], Tags]] = []
        self.relations: list[tuple[list[tuple[int, str]], Tags]] = []
        self._known: dict[tuple[int, int], int] = {}

    def node(self, xy: ArrayLike, tags: Tags | None = None) -> int:
        """Return the id of the node at `xy` (county metres), drawn if it is new; `tags` are added to it."""
        x, y = (float(value) for value in np.asarray(xy))
        key = (round(x * 10), round(y * 10))
        ref = self._known.get(key)
        if ref is None:
            self.places.append((x, y))
            ref = self._known[key] = len(self.places)
        if tags:
            self.node_tags.setdefault(ref, {}).update(tags)
        return ref

    def way(self, points: Iterable[ArrayLike], tags: Tags) -> int:
        """Draw a way through `points` and return its id."""
        refs: list[int] = []
        for point in points:
            ref = self.node(point)
            if not refs or refs[-1] != ref:
                refs.append(ref)
        self.ways.append((refs, tags))
        return len(self.ways)

    def ring(self, points: Sequence[ArrayLike], tags: Tags) -> int:
        """Draw a closed way."""
        return self.way([*points, points[0]], tags)

    def relation(self, members: list[tuple[int, str]], tags: Tags) -> int:
        """Draw a relation of ways ``(way id, role)`` and return its id."""
        self.relations.append((members, tags))
        return len(self.relations)

    def write(self, path: Path) -> None:
        """Write a .osm.pbf: nodes, ways, relations, each by ascending id."""
        lonlat = ground.to_lonlat(np.array(self.places))
        header = osmium.io.Header()
        header.set("generator", "data/make_sample.py")
        common: dict[str, Any] = {"version": 1, "visible": True, "timestamp": STAMP, "changeset": 1, "uid": 1}
        with osmium.SimpleWriter(str(path), header=header, overwrite=True) as out:
            for ref, place in enumerate(lonlat.tolist(), 1):
                tags = self.node_tags.get(ref, {})
                out.add_node(mutable.Node(id=ref, location=tuple(place), tags=tags, user="sample", **common))
            for ref, (nodes, tags) in enumerate(self.ways, 1):
                out.add_way(mutable.Way(id=ref, nodes=nodes, tags=tags, user="sample", **common))
            for ref, (ways, tags) in enumerate(self.relations, 1):
                members = [("w", way, role) for way, role in ways]
                out.add_relation(mutable.Relation(id=ref, members=members, tags=tags, user="sample", **common))


class County:
    """What is being built: the drawing, the homes people live in, and the one source of chance."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.drawing = Drawing()
        self.homes: list[tuple[float, float, float, str]] = []  # x, y, weight, group

    def home(self, xy: ArrayLike, weight: float, group: str) -> None:
        """Let people live at `xy`: each group's people are shared out by weight."""
        x, y = (float(value) for value in np.asarray(xy))
        self.homes.append((x, y, weight, group))

    def building(self, middle: ArrayLike, size: tuple[float, float], facing: ArrayLike, tags: Tags) -> None:
        """Draw a box of (length, depth) metres whose length runs along the unit vector `facing`."""
        middle, along = np.asarray(middle, dtype=float), np.asarray(facing, dtype=float)
        a, b = along * size[0] / 2, np.array([-along[1], along[0]]) * size[1] / 2
        self.drawing.ring([middle - a - b, middle + a - b, middle + a + b, middle - a + b], tags)

    def house(self, middle: ArrayLike, facing: ArrayLike, *, floors: int, weight: float, group: str) -> None:
        """Draw a family house and let people live in it."""
        size = (float(self.rng.uniform(9, 15)), float(self.rng.uniform(8, 11)))
        self.building(middle, size, facing, {"building": "house", "building:levels": str(floors)})
        self.home(middle, weight, group)
