"""What must hold of the bytes of a PBF before its reader sees them.

The reader library keeps texts as C strings: a NUL inside a tag shifts every text behind it and ends the process. The
format is that of the OpenStreetMap wiki, *PBF Format*: blobs of at most 32 MiB, each with a table of its texts.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_HEADER = 64 * 2**10
_MOST_BLOB = 32 * 2**20
_VARINT, _BYTES = 0, 2  # kinds of fields
_TYPE, _SIZE = 1, 3  # fields of a blob's header
_PLAIN, _ZLIB = 1, 3  # and of a blob, by how its content is packed
_EMPTY = b"\n\0"  # the first row of every table: a text of no bytes


def refuse_nul_texts(path: Path) -> None:
    """Raise `InputError` where a text of a PBF holds a NUL, a blob is not zlib's or plain, or larger than it may be.

    Each blob is unpacked once more than the reader does, which costs about a tenth of reading it; a file is looked at
    once, whatever is read from it afterwards.
    """
    about = path.stat()
    _look_through(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _look_through(path: Path, _size: int, _changed_ns: int) -> None:
    for number, block in enumerate(_blocks(path), start=1):
        table = next((value for field, value in _fields(block) if field == 1), b"")
        usual = table.startswith(_EMPTY) and table.count(b"\0") == 1
        bad = None if usual else next((text for _, text in _fields(table) if b"\0" in text), None)
        if bad is not None:
            msg = f"{path}: block {number} of data has the text {bad[:40]!r}, with a NUL inside; expected text"
            raise InputError(msg)


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the unpacked blocks of data."""
    with path.open("rb") as stream:
        while size := stream.read(4):
            length = int.from_bytes(size, "big")
            header = dict(_fields(stream.read(length))) if length <= _MOST_HEADER else {}
            blob = stream.read(min(int.from_bytes(header.get(_SIZE, b""), "big"), 2 * _MOST_BLOB))
            if header.get(_TYPE) == b"OSMData":
                yield _unpacked(path, dict(_fields(blob)))
            elif header.get(_TYPE) != b"OSMHeader":
                return  # no PBF, or cut short: the reader says so in its own words


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


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
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
