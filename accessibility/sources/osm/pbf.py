"""What must hold of the bytes of a PBF before its reader sees them; its nodes and ways as arrays, a block at a time.

The reader library keeps texts as C strings: a NUL inside a tag shifts every text behind it and ends the process. The
format is that of the OpenStreetMap wiki, *PBF Format*: blobs of at most 32 MiB, each with a table of its texts. Who
reads arrays has had another reader go through the file before, which tells what is wrong with one that is damaged.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from accessibility.errors import InputError
from accessibility.geo.arrays import starts_of
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from accessibility.streets.search.compiling import I64, U8, U64


_MOST_HEADER = 64 * 2**10
_MOST_BLOB = 32 * 2**20
_VARINT, _BYTES, _KIND = np.uint64(0), np.uint64(2), np.uint64(7)  # kinds of fields, and the bits that tell them
_3, _7, _LOW, _BITS = np.uint64(3), np.uint64(7), np.uint64(127), np.uint64(64)
_TYPE, _SIZE = 1, 3  # fields of a blob's header
_PLAIN, _ZLIB = 1, 3  # and of a blob, by how its content is packed
_EMPTY = b"\n\0"  # the first row of every table: a text of no bytes
GROUP = 2
"""Field of a block of objects."""
NODES, DENSE, WAYS, RELATIONS = 1, 2, 3, 4
"""Fields of a group."""
_RANK = {NODES: 0, DENSE: 0, WAYS: 1, RELATIONS: 2}


@dataclass
class Look:
    """How an extract holds its objects."""

    rising: bool = True  # whether nodes come first, then ways, then relations, each by rising id and once
    drawn: bool = False  # whether ids are negative: objects that an editor drew and nobody uploaded
    past: bool = False  # whether objects may be there that are deleted, or versions of them that are replaced
    placed: bool = False  # whether the ways hold the coordinates of their nodes
    _last: tuple[int, int] = field(default=(0, 0), repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether the file can be read as it is."""
        return self.rising and not (self.drawn or self.past or self.placed)

    def meet(self, rank: int, ids: ArrayLike) -> None:
        """Look at the next objects, all of one kind: 0 for nodes, 1 for ways, 2 for relations."""
        numbers: NDArray[np.int64] = np.asarray(ids, np.int64)
        if numbers.size:
            self.drawn |= bool((numbers < 0).any())
            self.rising &= self._last < (rank, int(numbers[0])) and bool((np.diff(numbers) > 0).all())
            self._last = rank, int(numbers[-1])


def look_through(path: Path) -> Look:
    """Return how a PBF holds its objects.

    Each blob is unpacked once more than the reader does, which costs about a sixth of reading it; a file is looked at
    once, whatever is read from it afterwards.

    Raises
    ------
    InputError
        A text that holds a NUL, a blob that is not zlib's or plain, or is larger than it may be.
    """
    about = path.stat()
    return _look_through(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _look_through(path: Path, _size: int, _changed_ns: int) -> Look:
    look = Look()
    for number, (kind, block) in enumerate(blocks_of(path)):
        if kind == b"OSMHeader":
            told = {value for _, value in fields_of(block)}
            look.past |= b"HistoricalInformation" in told
            look.placed |= b"LocationsOnWays" in told
            continue
        fields = Fields.of(block)
        table = b"".join(fields.texts(fields.rows(1)[:1]))
        usual = table.startswith(_EMPTY) and table.count(b"\0") == 1
        bad = None if usual else next((text for _, text in fields_of(table) if b"\0" in text), None)
        if bad is not None:
            msg = f"{path}: block {number} of data has the text {bad[:40]!r}, with a NUL inside; expected text"
            raise InputError(msg)
        for group in fields.rows(GROUP).tolist():
            objects = fields.inside([group])
            for run in np.split(np.arange(len(objects.number)), np.flatnonzero(np.diff(objects.number)) + 1):
                what = int(objects.number[run[0]]) if len(run) else None
                if what in _RANK:
                    look.meet(_RANK[what], _ids(what, objects.inside(run)))
    return look


def _ids(what: int, objects: Fields) -> NDArray[np.int64]:
    """Return the ids of the objects of a group."""
    if what == DENSE:
        return objects.sums(1)[0]
    numbers = objects.numbers(1)
    return from_zigzag(numbers) if what == NODES else numbers.view(np.int64)


class Fields(NamedTuple):
    """The fields of some messages of Protocol Buffers that are bytes or numbers, one after the other.

    `raw` holds so many `messages`; `owner` is ``(f,)`` the message that each field is of, `number` which field it is,
    `begin` where its bytes begin, -1 for a number, and `value` how many bytes there are, or the number.
    """

    raw: NDArray[np.uint8]
    messages: int
    owner: NDArray[np.int64]
    number: NDArray[np.int64]
    begin: NDArray[np.int64]
    value: NDArray[np.int64]

    @classmethod
    def of(cls, message: bytes) -> Fields:
        """Return the fields of one message."""
        return cls._read(np.frombuffer(message, np.uint8), np.zeros(1, np.int64), np.array([len(message)]))

    @classmethod
    def _read(cls, raw: NDArray[np.uint8], begin: NDArray[np.int64], end: NDArray[np.int64]) -> Fields:
        found = np.empty((_note_fields(raw, begin, end, np.empty((0, 4), np.int64)), 4), np.int64)
        _note_fields(raw, begin, end, found)
        return cls(raw, len(begin), *found.T)

    def rows(self, field: int) -> NDArray[np.intp]:
        """Return the rows of the fields of one number."""
        return np.flatnonzero(self.number == field)

    def _bytes(self, rows: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the bytes of some fields begin and end; a number has none."""
        begin, value = self.begin[rows], self.value[rows]  # type: ignore[index]  # a list is an index, too
        return np.maximum(begin, 0), np.where(begin < 0, 0, begin + value)

    def inside(self, rows: ArrayLike) -> Fields:
        """Return the fields of those that are messages themselves."""
        return self._read(self.raw, *self._bytes(rows))

    def texts(self, rows: ArrayLike) -> list[bytes]:
        """Return the bytes of some fields."""
        begin, end = self._bytes(rows)
        whole = self.raw.data
        return [bytes(whole[first:last]) for first, last in zip(begin.tolist(), end.tolist(), strict=True)]

    def numbers(self, field: int) -> NDArray[np.uint64]:
        """Return ``(m,)`` the number in a field of each message; 0 where it is missing."""
        found, rows = np.zeros(self.messages, np.int64), self.rows(field)
        found[self.owner[rows]] = self.value[rows]
        return found.view(np.uint64)

    def lists(self, field: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return the numbers in a packed field of all messages, and ``(m,)`` how many each has."""
        rows, (begin, end, many) = self.rows(field), np.zeros((3, self.messages), np.int64)
        begin[self.owner[rows]], end[self.owner[rows]] = self._bytes(rows)
        found = np.empty(_unpack(self.raw, begin, end, many, np.empty(0, np.uint64)), np.uint64)
        _unpack(self.raw, begin, end, many, found)
        return found, many

    def sums(self, field: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the same with a sign, each told as what it is more than the one before."""
        steps, many = self.lists(field)
        along, start = starts_of(from_zigzag(steps)), starts_of(many)
        return along[1:] - np.repeat(along[start[:-1]], many), many


def from_zigzag(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the numbers with a sign that others stand for."""
    return (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)


def blocks_of(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type of every block, and what it unpacks to."""
    with path.open("rb") as stream:
        while size := stream.read(4):
            length = int.from_bytes(size, "big")
            header = dict(fields_of(stream.read(length))) if length <= _MOST_HEADER else {}
            blob = stream.read(min(int.from_bytes(header.get(_SIZE, b""), "big"), 2 * _MOST_BLOB))
            kind = header.get(_TYPE, b"")
            if kind not in (b"OSMHeader", b"OSMData"):
                return  # no PBF, or cut short: the reader says so in its own words
            yield kind, _unpacked(path, dict(fields_of(blob)))


def _unpacked(path: Path, blob: dict[int, bytes]) -> bytes:
    if _PLAIN in blob:
        return blob[_PLAIN]
    if _ZLIB not in blob:
        msg = f"{path}: its blocks are packed with another method than zlib; expected zlib: osmium cat writes it"
        raise InputError(msg)
    unpack = zlib.decompressobj()
    try:
        block = unpack.decompress(blob[_ZLIB], _MOST_BLOB)
    except zlib.error as error:
        msg = f"{path}: a block cannot be unpacked ({error}); expected a whole OpenStreetMap extract"
        raise InputError(msg) from error
    if unpack.unconsumed_tail:
        msg = f"{path}: a block unpacks to more than {_MOST_BLOB >> 20} MiB, the most that the format allows"
        raise InputError(msg)
    return block


def fields_of(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the fields of a message that are bytes or numbers, numbers as eight bytes."""
    fields = Fields.of(message)
    for number, begin, value in zip(*(some.tolist() for some in fields[-3:]), strict=True):
        yield number, message[begin : begin + value] if begin >= 0 else (value % 2**64).to_bytes(8, "big")


@kernel
def _note_fields(raw: U8, begin: I64, end: I64, found: I64) -> int:
    """Note message, number, first byte and size or value of each field for which there is room; count them all."""
    count = 0
    for row in range(begin.size):
        at = begin[row]
        while at < end[row]:
            key, at = _number(raw, at, end[row])
            value, at = _number(raw, at, end[row])
            kind = key & _KIND
            if kind not in (_VARINT, _BYTES):
                break
            size = np.int64(min(value, np.uint64(end[row] - at))) if kind == _BYTES else np.int64(0)
            if count < found.shape[0]:
                found[count, 0], found[count, 1] = row, np.int64(key >> _3)
                found[count, 2] = at if kind == _BYTES else -1
                found[count, 3] = size if kind == _BYTES else np.int64(value)
            count += 1
            at += size
    return count


@kernel
def _unpack(raw: U8, begin: I64, end: I64, many: I64, found: U64) -> int:
    """Note the numbers that follow each other in spans of bytes, where there is room; count them, also in each span."""
    count = 0
    for row in range(begin.size):
        at, before = begin[row], count
        while at < end[row]:
            value, at = _number(raw, at, end[row])
            if count < found.size:
                found[count] = value
            count += 1
        many[row] = count - before
    return count


@helper
def _number(raw: U8, at: int, end: int) -> tuple[np.uint64, int]:
    """Return the number at a place, and the place after it: seven bits a byte, whose highest says that it goes on."""
    value, shift = np.uint64(0), np.uint64(0)
    while at < end:
        byte = np.uint64(raw[at])
        if shift < _BITS:
            value |= (byte & _LOW) << shift
        shift += _7
        at += 1
        if byte <= _LOW:
            break
    return value, at


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
