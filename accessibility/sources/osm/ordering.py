"""Extracts as they come: of any order, twice, of all times, drawn and not uploaded, with coordinates on the ways."""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, cast
from xml.parsers import expat

import osmium

from accessibility.errors import InputError
from accessibility.sources.files import passing_folder
from accessibility.sources.osm.pbf import Look, look_through

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRAWN = 2**60
"""Ids of objects that an editor drew count down from 0 in its file; in an ordered copy they count up from here."""
_MAPPED = osmium.osm.NODE | osmium.osm.WAY | osmium.osm.RELATION  # and no changesets
_RANKS = {"n": 0, "w": 1, "r": 2}
_KINDS = {"node": "n", "way": "w", "relation": "r"}
_PIECE = 2**20
_OVERLAP = 2**12  # no tag of interest is longer
_DELETED = re.compile(rb"""\baction\s*=\s*["']delete["']""")
_SHAPED_MEMBER = re.compile(rb"<member\b[^<>]*>\s*<nd\b")
_MOST_TIMES = 100  # as many bytes unpacked as packed; extracts have 10 to 30 times as many
_SMALL_BYTES = 64 * 2**20
_MOST_BYTES = 32 * 2**30  # XML of the largest countries


@contextmanager
def in_order(path: Path) -> Iterator[Path]:
    """Yield an extract that holds nodes first, then ways, then relations, by rising ids, each once and as of today.

    That is the file itself, or a copy for the length of the block. In a copy, objects that an editor deleted are left
    out, negative ids count up from `DRAWN`, and nodes whose place is on the ways alone are there, too.

    Raises
    ------
    InputError
        A file of changes, relations that hold the shapes of their members, or far more text than the file holds.
    OutputError
        A copy is needed, and there is no room for it.
    """
    look = look_through(path) if path.suffix == ".pbf" else _look_through_text(path)
    if look.is_plain:
        yield path
        return
    with passing_folder() as folder:
        source = path
        if look.drawn or look.placed:
            source = folder / "whole.osh.pbf"
            _complete(path, source, look)
        ordered = folder / "ordered.osm.pbf"
        _sort(source, ordered, set() if path.suffix == ".pbf" else _deleted(path))
        yield ordered


def own_id(number: int) -> int:
    """Return the id that an object of an ordered copy has in its own file.

    Examples
    --------
    >>> own_id(DRAWN + 5), own_id(5)
    (-5, 5)
    """
    return number if number < DRAWN else DRAWN - number


def _new_id(number: int) -> int:
    return number if number >= 0 else DRAWN - number


def _complete(path: Path, target: Path, look: Look) -> None:
    """Copy an extract with ids that are not negative, and with the nodes whose place is on the ways alone."""
    header = osmium.io.Header()
    header.has_multiple_object_versions = True  # keeps what is deleted apart
    known: set[int] = set()
    places: dict[int, Any] = {}
    with osmium.SimpleWriter(str(target), header=header) as writer:
        thing: Any
        for thing in osmium.FileProcessor(path, _MAPPED):
            new = {"id": _new_id(thing.id)}
            if thing.is_node():
                known.add(new["id"])
                writer.add_node(thing.replace(**new))
            elif thing.is_way():
                nodes = [(_new_id(node.ref), node.location) for node in thing.nodes]
                if look.placed:
                    places |= {ref: (place.lon, place.lat) for ref, place in nodes if place.valid()}
                writer.add_way(thing.replace(**new, nodes=[ref for ref, _ in nodes]))
            else:
                members = [(member.type, _new_id(member.ref), member.role) for member in thing.members]
                writer.add_relation(thing.replace(**new, members=members))
        for ref in places.keys() - known:
            writer.add_node(osmium.osm.mutable.Node(id=ref, location=places[ref], version=1, visible=True))


class _Gone:
    """Filters out what is there no longer; the names are what osmium calls."""

    def __init__(self, deleted: set[tuple[str, int]]) -> None:
        self._deleted = deleted

    def node(self, thing: Any) -> bool:
        return thing.deleted or (bool(self._deleted) and (thing.type_str(), own_id(thing.id)) in self._deleted)

    way = relation = node


def _sort(source: Path, target: Path, deleted: set[tuple[str, int]]) -> None:
    merging = osmium.MergeInputReader()
    merging.add_file(str(source))
    with osmium.SimpleWriter(str(target)) as writer:
        merging.apply(_Gone(deleted), writer, simplify=True)


def _look_through_text(path: Path) -> Look:
    about = path.stat()
    return _look_at_objects(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _look_at_objects(path: Path, _size: int, _changed_ns: int) -> Look:
    """Return how a file of XML holds its objects."""
    look = Look(past=_is_edited(path))
    thing: Any
    for thing in osmium.FileProcessor(path, _MAPPED):
        look.meet(_RANKS[thing.type_str()], [thing.id])
        look.past |= thing.deleted
        if thing.is_way():
            look.drawn |= any(node.ref < 0 for node in thing.nodes)
            look.placed |= len(thing.nodes) > 0 and thing.nodes[0].location.valid()
    return look


def _is_edited(path: Path) -> bool:
    """Return whether a file of XML marks what its editor deleted."""
    before, edited, unpacked = b"", False, 0
    with suppress(EOFError, OSError, zlib.error), _opened(path) as stream:  # of what is damaged osmium tells
        while piece := stream.read(_PIECE):
            text = before + piece
            unpacked += len(piece)
            _refuse_unfolding(path, unpacked)
            if not before and b"<osmChange" in text[:_OVERLAP]:
                msg = f"{path}: is a file of changes; expected an extract: osmium apply-changes makes one of both"
                raise InputError(msg)
            if _SHAPED_MEMBER.search(text):
                msg = (
                    f"{path}: its relations hold the shapes of their members (Overpass' 'out geom'); expected the "
                    "members themselves: 'out body; >; out skel qt;'"
                )
                raise InputError(msg)
            edited |= _DELETED.search(text) is not None
            before = text[-_OVERLAP:]
    return edited


def _refuse_unfolding(path: Path, unpacked: int) -> None:
    """Raise `InputError` where an extract has unpacked to far more than it holds, or than anybody reads as XML."""
    packed = path.stat().st_size
    if unpacked > _MOST_BYTES or unpacked > max(_SMALL_BYTES, _MOST_TIMES * packed):
        msg = (
            f"{path}: {packed / 1e6:.1f} MB that unpack to more than {unpacked / 1e6:,.0f} MB; expected an extract of"
            f" at most {_MOST_TIMES} times its packed size and {_MOST_BYTES >> 30} GiB: osmium cat makes .osm.pbf of it"
        )
        raise InputError(msg)


def _deleted(path: Path) -> set[tuple[str, int]]:
    """Return kind and id of the objects of a file of XML that its editor deleted."""
    found: set[tuple[str, int]] = set()
    if _is_edited(path):
        parser = expat.ParserCreate()

        def begin(name: str, told: dict[str, str]) -> None:
            if name in _KINDS and told.get("action") == "delete":
                found.add((_KINDS[name], int(told["id"])))

        parser.StartElementHandler = begin
        with _opened(path) as stream:
            parser.ParseFile(stream)
    return found


def _opened(path: Path) -> IO[bytes]:
    """Return the text of a file of XML, unpacked."""
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path))
    return bz2.open(path) if path.suffix == ".bz2" else path.open("rb")
