"""Nodes and ways of a PBF as arrays, a block of the file at a time: nothing an object costs in Python.

Objects of a block are messages of Protocol Buffers that follow each other. Their fields are read step by step, of all
objects at once: the first field of each, then the second of each, until all have ended. Who reads has had another
reader go through the file before, which tells what is wrong with one that is damaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from accessibility.geo.arrays import spans, starts_of
from accessibility.sources.osm.pbf import DENSE, NODES, WAYS, blocks_of, fields_of, from_zigzag, numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_TEXTS, _GROUP, _GRANULARITY, _LAT_OFFSET, _LON_OFFSET = 1, 2, 17, 19, 20  # fields of a block
_ID, _KEYS, _VALUES, _LAT, _LON, _REFS = 1, 2, 3, 8, 9, 8  # fields of nodes and ways
_DENSE_TAGS = 10
_NANODEGREES = 100  # of a unit of 1e-7 degrees
_NUMBER, _BYTES = 0, 2  # kinds of fields
_MOST_FIELDS = 1_000  # of one object: OpenStreetMap's have ten, and every step costs as much for one as for all
_MORE = 128  # the highest bit of a byte of a number says that it goes on


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
        fields = [*fields_of(block)]
        told = {row: int.from_bytes(value, "big") for row, value in fields if row > _GROUP}
        texts = next(([text for _, text in fields_of(value)] for row, value in fields if row == _TEXTS), [])
        offset = (_signed64(told.get(_LON_OFFSET, 0)), _signed64(told.get(_LAT_OFFSET, 0)))
        grid = _Grid(told.get(_GRANULARITY, _NANODEGREES), offset)
        for group in (value for row, value in fields if row == _GROUP):
            objects: dict[int, list[bytes]] = {}
            for what, message in fields_of(group):
                objects.setdefault(what, []).append(message)
            yield from (_dense(message, texts, grid) for message in objects.get(DENSE, ()))
            if NODES in objects:
                yield _nodes(objects[NODES], texts, grid)
            if WAYS in objects:
                yield _ways(objects[WAYS], texts)


class _Grid(NamedTuple):
    """Where the whole numbers lie that stand for places, in nanodegrees."""

    step: int
    offset: tuple[int, int]

    def places(self, lon: NDArray[np.int64], lat: NDArray[np.int64]) -> NDArray[np.int32]:
        at = np.column_stack([lon, lat]) * self.step + np.array(self.offset)
        places: NDArray[np.int32] = (np.sign(at) * (np.abs(at) // _NANODEGREES)).astype(np.int32)  # towards 0
        return places


def _signed64(number: int) -> int:
    return number - (number >> 63 << 64)


def _dense(message: bytes, texts: Sequence[bytes], grid: _Grid) -> Nodes:
    fields = {row: np.frombuffer(value, np.uint8) for row, value in fields_of(message)}
    none = np.empty(0, np.uint8)
    ids, lat, lon = (np.cumsum(from_zigzag(numbers_in(fields.get(row, none)))) for row in (_ID, _LAT, _LON))
    return Nodes(ids, grid.places(lon, lat), _dense_tags(numbers_in(fields.get(_DENSE_TAGS, none)), len(ids), texts))


def _dense_tags(numbers: NDArray[np.uint64], nodes: int, texts: Sequence[bytes]) -> Tags:
    """Return the tags of dense nodes, each with a key and a value in turn and a 0 after the last one."""
    told = numbers.astype(np.int64)
    many = np.diff(np.flatnonzero(told == 0), prepend=-1) // 2
    pairs = told[told != 0].reshape(-1, 2)
    of = np.repeat(np.arange(len(many)), many.reshape(nodes if len(told) else 0))  # an error where there are others
    return Tags(of, pairs[:, 0], pairs[:, 1], texts)


def _nodes(messages: list[bytes], texts: Sequence[bytes], grid: _Grid) -> Nodes:
    rows = _Messages(messages)
    ids, lat, lon = (from_zigzag(rows.numbers(field)) for field in (_ID, _LAT, _LON))
    return Nodes(ids, grid.places(lon, lat), rows.tags(texts))


def _ways(messages: list[bytes], texts: Sequence[bytes]) -> DrawnWays:
    rows = _Messages(messages)
    steps, many = rows.lists(_REFS)
    start = starts_of(many)
    along = starts_of(from_zigzag(steps))
    refs = along[1:] - np.repeat(along[start[:-1]], many)
    return DrawnWays(rows.numbers(_ID).astype(np.int64), refs, start, rows.tags(texts))


class _Messages:
    """The fields of messages of one kind: where those of bytes lie, and the numbers."""

    def __init__(self, messages: list[bytes]) -> None:
        length = np.array([len(message) for message in messages])
        self._raw = np.frombuffer(b"".join([*messages, bytes(10)]), np.uint8)  # nothing is read beyond its end
        end = np.cumsum(length)
        self._count, at, row = len(messages), end - length, np.arange(len(messages))
        self._begin: dict[int, NDArray[np.int64]] = {}
        self._value: dict[int, NDArray[np.uint64]] = {}
        steps = 0
        while len(row):
            steps += 1
            if steps > _MOST_FIELDS:
                msg = f"an object of more than {_MOST_FIELDS} fields"
                raise ValueError(msg)
            key, there = self._read(at)
            kind, field = key & np.uint64(7), (key >> np.uint64(3)).astype(np.int64)
            value, after = self._read(there)
            left = np.maximum(end[row] - after, 0).astype(np.uint64)  # of a message that is damaged
            value = np.where(kind == _BYTES, np.minimum(value, left), value)
            for one in np.unique(field).tolist():
                of = field == one
                begin = self._begin.setdefault(one, np.zeros(self._count, np.int64))
                begin[row[of]] = after[of]
                self._value.setdefault(one, np.zeros(self._count, np.uint64))[row[of]] = value[of]
            at = np.where(kind == _BYTES, after + value.astype(np.int64), after)
            more = (at > 0) & (at < end[row])
            at, row = at[more], row[more]

    def _read(self, at: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return the number at each place, and the place after it."""
        value, shift, going = np.zeros(len(at), np.uint64), np.uint64(0), np.ones(len(at), np.bool_)
        while going.any() and shift < 64:  # noqa: PLR2004 -- bits of the largest number
            byte = self._raw[at]
            value |= np.where(going, byte & np.uint8(_MORE - 1), 0).astype(np.uint64) << shift
            at = at + going
            going = going & (byte >= _MORE)
            shift += np.uint64(7)
        return value, at

    def numbers(self, field: int) -> NDArray[np.uint64]:
        """Return ``(m,)`` the number in a field of each message; 0 where it is missing."""
        return self._value.get(field, np.zeros(self._count, np.uint64))

    def lists(self, field: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return the numbers in a packed field of all messages, and ``(m,)`` how many each has."""
        if field not in self._begin:
            return np.empty(0, np.uint64), np.zeros(self._count, np.int64)
        size = self._value[field].astype(np.int64)
        raw = self._raw[spans(self._begin[field], size)]
        ended = starts_of(raw < _MORE)
        last = np.cumsum(size)
        return numbers_in(raw), ended[last] - ended[last - size]

    def tags(self, texts: Sequence[bytes]) -> Tags:
        """Return the tags of all messages."""
        (key, many), (value, _) = self.lists(_KEYS), self.lists(_VALUES)
        return Tags(np.repeat(np.arange(self._count), many), key.astype(np.int64), value.astype(np.int64), texts)
