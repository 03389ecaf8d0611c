"""What must hold of the bytes of a PBF before its reader sees them, and in which order it holds its objects.

The reader library keeps texts as C strings: a NUL inside a tag shifts every text behind it and ends the process. The
format is that of the OpenStreetMap wiki, *PBF Format*: blobs of at most 32 MiB, each with a table of its texts.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

_MOST_HEADER = 64 * 2**10
_MOST_BLOB = 32 * 2**20
_VARINT, _BYTES = 0, 2  # kinds of fields
_TYPE, _SIZE = 1, 3  # fields of a blob's header
_PLAIN, _ZLIB = 1, 3  # and of a blob, by how its content is packed
_EMPTY = b"\n\0"  # the first row of every table: a text of no bytes
NODES, DENSE, WAYS, RELATIONS = 1, 2, 3, 4
"""Fields of a group of objects."""
_RANK = {NODES: 0, DENSE: 0, WAYS: 1, RELATIONS: 2}


@dataclass
class Look:
    """How an extract holds its objects.

    Parameters
    ----------
    rising
        Whether nodes come first, then ways, then relations, each by rising id and once.
    drawn
        Whether ids are negative: objects that an editor drew and nobody uploaded.
    past
        Whether objects may be there that are deleted, or versions of them that are replaced.
    placed
        Whether the ways hold the coordinates of their nodes.
    """

    rising: bool = True
    drawn: bool = False
    past: bool = False
    placed: bool = False
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
        table = next((value for row, value in fields_of(block) if row == 1), b"")
        usual = table.startswith(_EMPTY) and table.count(b"\0") == 1
        bad = None if usual else next((text for _, text in fields_of(table) if b"\0" in text), None)
        if bad is not None:
            msg = f"{path}: block {number} of data has the text {bad[:40]!r}, with a NUL inside; expected text"
            raise InputError(msg)
        for group in (value for row, value in fields_of(block) if row == 2):  # noqa: PLR2004 -- groups of objects
            for what, objects in groupby(fields_of(group), lambda entry: entry[0]):
                if what in _RANK:
                    look.meet(_RANK[what], _ids(what, [value for _, value in objects]))
    return look


def _ids(what: int, objects: list[bytes]) -> NDArray[np.int64]:
    """Return the ids of the objects of a group."""
    if what == DENSE:
        packed = [value for dense in objects for row, value in fields_of(dense) if row == 1]
        return np.cumsum(from_zigzag(numbers_in(np.frombuffer(b"".join(packed), np.uint8))))
    told = [next((value for row, value in fields_of(thing) if row == 1), b"") for thing in objects]
    numbers = np.frombuffer(b"".join(value[:8].rjust(8, b"\0") for value in told), ">u8").astype(np.uint64)
    return from_zigzag(numbers) if what == NODES else numbers.view(np.int64)


def numbers_in(raw: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the numbers of a packed field."""
    if not raw.size:
        return np.empty(0, np.uint64)
    first = np.flatnonzero(np.concatenate([[True], raw[:-1] < 128]))  # noqa: PLR2004 -- the highest bit says: more
    place = np.arange(raw.size) - np.repeat(first, np.diff(np.append(first, raw.size)))
    parts = (raw & 127).astype(np.uint64) << (7 * place).astype(np.uint64)
    return np.add.reduceat(parts, first)


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
    """Yield the fields of a message of Protocol Buffers that are bytes or numbers, numbers as eight bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value, at = _varint(message, at)
        if key & 7 == _BYTES:
            yield key >> 3, message[at : at + value]
            at += value
        elif key & 7 == _VARINT:
            yield key >> 3, value.to_bytes(8, "big", signed=False)
        else:
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:  # noqa: PLR2004 -- bits of the largest number
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:  # noqa: PLR2004 -- the last byte of a number has its highest bit clear
            break
    return value & (2**64 - 1), at
