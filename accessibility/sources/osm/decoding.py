"""Nodes and ways of a PBF as arrays, a block of the file at a time: nothing an object costs in Python.

Who reads has had another reader go through the file before, which tells what is wrong with one that is damaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from accessibility.geo.arrays import starts_of
from accessibility.sources.osm.pbf import DENSE, GROUP, NODES, WAYS, Fields, blocks_of, from_zigzag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_TEXTS, _GRANULARITY, _LAT_OFFSET, _LON_OFFSET = 1, 17, 19, 20  # fields of a block
_ID, _KEYS, _VALUES, _LAT, _LON, _REFS = 1, 2, 3, 8, 9, 8  # fields of nodes and ways
_DENSE_TAGS = 10
_NANODEGREES = 100  # of a unit of 1e-7 degrees


class Tags(NamedTuple):
    """Tags of objects, one after the other.

    `of` is ``(t,)`` the row of the object that each is of, in rising order; `key` and `value` are rows of `texts`.
    """

    of: NDArray[np.intp]
    key: NDArray[np.int64]
    value: NDArray[np.int64]
    texts: Sequence[bytes]

    def named(self, keys: Sequence[str]) -> NDArray[np.int64]:
        """Return ``(t,)`` the place of each tag's key among some keys; -1 of another one."""
        place = {key.encode(): at for at, key in enumerate(keys)}
        of_text = np.array([place.get(text, -1) for text in self.texts], np.int64)
        return of_text[self.key]

    def text(self, first: int, last: int) -> dict[str, str]:
        """Return some tags that follow each other, `last` not among them, as text."""
        rows = zip(self.key[first:last].tolist(), self.value[first:last].tolist(), strict=True)
        return {self.texts[key].decode(): self.texts[value].decode() for key, value in rows}


class Nodes(NamedTuple):
    """Nodes: ``(n,)`` ids, ``(n, 2)`` int32 longitude and latitude in 1e-7 degrees, and tags."""

    ids: NDArray[np.int64]
    lonlat_e7: NDArray[np.int32]
    tags: Tags


class DrawnWays(NamedTuple):
    """Ways: ``(w,)`` ids, ids of the nodes of all ways, ``(w + 1,)`` where each way's begin, and tags."""

    ids: NDArray[np.int64]
    refs: NDArray[np.int64]
    start: NDArray[np.int64]
    tags: Tags

    def refs_of(self, row: int) -> list[int]:
        """Return the ids of the nodes of a way."""
        found: list[int] = self.refs[self.start[row] : self.start[row + 1]].tolist()
        return found

    @property
    def closed(self) -> NDArray[np.bool_]:
        """``(w,)`` whether a way ends where it begins."""
        refs, many = np.append(self.refs, -1), np.diff(self.start)
        return np.asarray((many > 0) & (refs[self.start[:-1]] == refs[self.start[1:] - 1]))


def objects_of(path: Path) -> Iterator[Nodes | DrawnWays]:
    """Yield the nodes and the ways of every group of a PBF."""
    for kind, block in blocks_of(path):
        if kind != b"OSMData":
            continue
        fields = Fields.of(block)
        told = dict(zip(fields.number.tolist(), fields.value.tolist(), strict=True))
        table = fields.inside(fields.rows(_TEXTS)[:1])
        texts = table.texts(np.arange(len(table.number)))
        grid = _Grid(told.get(_GRANULARITY, _NANODEGREES), (told.get(_LON_OFFSET, 0), told.get(_LAT_OFFSET, 0)))
        for group in fields.rows(GROUP).tolist():
            objects = fields.inside([group])
            dense, nodes, ways = (objects.rows(what) for what in (DENSE, NODES, WAYS))
            yield from (_dense(objects.inside([row]), texts, grid) for row in dense.tolist())
            if len(nodes):
                yield _nodes(objects.inside(nodes), texts, grid)
            if len(ways):
                yield _ways(objects.inside(ways), texts)


class _Grid(NamedTuple):
    """Where the whole numbers lie that stand for places, in nanodegrees."""

    step: int
    offset: tuple[int, int]

    def places(self, lon: NDArray[np.int64], lat: NDArray[np.int64]) -> NDArray[np.int32]:
        at = np.column_stack([lon, lat]) * self.step + np.array(self.offset)
        places: NDArray[np.int32] = (np.sign(at) * (np.abs(at) // _NANODEGREES)).astype(np.int32)  # towards 0
        return places


def _dense(rows: Fields, texts: Sequence[bytes], grid: _Grid) -> Nodes:
    ids, lat, lon = (rows.sums(row)[0] for row in (_ID, _LAT, _LON))
    return Nodes(ids, grid.places(lon, lat), _dense_tags(rows.lists(_DENSE_TAGS)[0], len(ids), texts))


def _dense_tags(numbers: NDArray[np.uint64], nodes: int, texts: Sequence[bytes]) -> Tags:
    """Return the tags of dense nodes, each with a key and a value in turn and a 0 after the last one."""
    told = numbers.astype(np.int64)
    many = np.diff(np.flatnonzero(told == 0), prepend=-1) // 2
    pairs = told[told != 0].reshape(-1, 2)
    of = np.repeat(np.arange(len(many)), many.reshape(nodes if len(told) else 0))  # an error where there are others
    return Tags(of, pairs[:, 0], pairs[:, 1], texts)


def _nodes(rows: Fields, texts: Sequence[bytes], grid: _Grid) -> Nodes:
    ids, lat, lon = (from_zigzag(rows.numbers(field)) for field in (_ID, _LAT, _LON))
    return Nodes(ids, grid.places(lon, lat), _tags(rows, texts))


def _ways(rows: Fields, texts: Sequence[bytes]) -> DrawnWays:
    refs, many = rows.sums(_REFS)
    return DrawnWays(rows.numbers(_ID).view(np.int64), refs, starts_of(many), _tags(rows, texts))


def _tags(rows: Fields, texts: Sequence[bytes]) -> Tags:
    """Return the tags of messages."""
    (key, many), (value, _) = rows.lists(_KEYS), rows.lists(_VALUES)
    return Tags(np.repeat(np.arange(rows.messages), many), key.astype(np.int64), value.astype(np.int64), texts)
