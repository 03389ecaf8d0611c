"""The streets of an extract of any size: ways in blocks as they follow each other in the file, then edges by place.

Nothing here holds the country. What all ways through a node decide together (where it lies, whether it is a junction,
which number that has) is asked in heaps of nodes, see `accessibility.sources.files`; the rest each block knows. Marked
nodes, tunnels, ferries, and squares with the ways near them are few, and held whole.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.geo.arrays import are_among
from accessibility.sources.cache import Blocks, Heaps, cuts_of, some_of
from accessibility.sources.osm.layers import Kept, StreetLayer
from accessibility.sources.osm.squares import walk_across
from accessibility.sources.osm.streets import INDEX, PER_WAY, WAY_ARRAYS, Noted, Streets, Survey
from accessibility.sources.osm.topology import (
    ACROSS,
    NOWHERE,
    STREET,
    Marks,
    Ways,
    centred_on,
    join_ways,
    off_earth,
    steps_of,
)
from accessibility.streets.foot import KINDS, LIFT, FootAccess

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.geo.projection import Bounds

_NEAR = 1e-4  # degrees around the box of a square: lines are straight there in metres, not in degrees
_ASKED = [("id", "<i8"), ("block", "<i4"), ("slot", "<i4")]
_SHARED = ("shared", "private", "lift")


@dataclass(kw_only=True)
class BlockedStreets(Streets):
    """Streets whose ways go to the disk, a block of them at a time."""

    blocks: Blocks  # where they go
    held: int  # references that are held before
    count: int = 0
    samples: list[NDArray[np.int64]] = field(default_factory=list)
    total: int = 0

    def _add_all(self, refs: NDArray[np.int64], **columns: NDArray[Any]) -> None:
        """Keep ways, and let the disk have them as soon as enough are held."""
        end, first = np.cumsum(columns["counts"]), 0
        while first < len(end):
            begin = int(end[first] - columns["counts"][first])
            last = int(np.searchsorted(end, begin + self.held - len(self.refs))) + 1
            some = {name: values[first:last] for name, values in columns.items()}
            super()._add_all(refs[begin : int(end[min(last, len(end)) - 1])], **some)
            first = last
            if len(self.refs) >= self.held:
                self.put_away()

    def put_away(self) -> None:
        """Let the disk have what is held."""
        if not self.counts:
            return
        ids, refs = np.unique(np.frombuffer(self.refs, np.int64), return_inverse=True)
        start = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.frombuffer(self.counts, np.int64))])
        rest = {name: np.array(getattr(self, name)) for name in PER_WAY}
        rest |= {name: rest[name].astype(np.bool_) for name in ("private", "off_ground", "tunnel")}
        self.blocks.put(self.count, node_ids=ids, refs=refs.astype(np.int32), start=start, **rest)
        self.samples.append(some_of(ids))
        self.count, self.total = self.count + 1, self.total + len(ids)
        for name in ("refs", "counts", *PER_WAY):
            setattr(self, name, array(getattr(self, name).typecode))


class BlockLayer(StreetLayer):
    """Streets of an extract of any size: `ways` has them once it has passed."""

    def __init__(self, foot: FootAccess, folder: Path, held: int) -> None:
        super().__init__(foot)
        self._blocked = BlockedStreets(foot=foot, blocks=Blocks(folder / "ways"), held=held)
        self.streets = self._blocked
        self.ways: BlockedWays

    def read(self, path: Path, folder: Path) -> Kept:
        """Find where the nodes lie, while their places are there; nothing is kept."""
        index = self._index(path, folder)
        self._blocked.put_away()
        self.ways = BlockedWays.of(self._blocked, index, self._blocked.held)
        return Kept({}, {})


@dataclass(kw_only=True)
class BlockedWays:
    """Walkable ways with their places, in blocks."""

    blocks: Blocks  # their arrays, and `solo`, whether no other block has a node
    numbers: list[int]  # the blocks that there are, in order
    cuts: NDArray[np.int64]  # ids that deal nodes to heaps
    # folder, held: where heaps may lie, and how many rows are held about
    folder: Path
    held: int
    survey: Survey  # what else is known of the extract
    # noted, outlined: what was counted of them, and how many squares only have their outline
    noted: Noted = field(default_factory=Noted)
    outlined: int = 0
    # unmet, lined: (u, 2) block and row of rings that no other way meets; ids of the nodes of lines across squares
    unmet: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    lined: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, streets: BlockedStreets, index: Path, held: int) -> BlockedWays:
        """Return the ways of a pass; `index` has the places of all nodes, by rising id."""
        blocks, folder = streets.blocks, streets.blocks.folder.parent
        found = cls(
            blocks=blocks,
            numbers=list(range(streets.count)),
            cuts=cuts_of(streets.samples, streets.total, held),
            folder=folder,
            held=held,
            survey=Survey.of(streets, np.empty(0, np.int64)),
        )
        asked, answers = found.heaps("places", _ASKED, [("lonlat_e7", "<i4", 2), ("solo", "?")])
        for number in found.numbers:
            ids = blocks.take(number, "node_ids")["node_ids"]
            asked.add(found.heap_of(ids), id=ids, block=number, slot=np.arange(len(ids)))
        strange, places = [np.empty(0, np.int64)], _Places(index, streets.nodes, held)
        for heap in range(len(found.cuts) + 1):
            rows = asked.take(heap)
            ids, at, uses = np.unique(rows["id"], return_inverse=True, return_counts=True)
            lonlat_e7 = places.of(ids)
            off = off_earth(lonlat_e7)
            lonlat_e7[off] = NOWHERE
            strange.append(ids[off])
            answers.add(rows["block"], slot=rows["slot"], lonlat_e7=lonlat_e7[at], solo=uses[at] == 1)
        for number in found.numbers:
            arrays, rows = blocks.take(number), answers.take(number)
            order = np.argsort(rows["slot"])
            blocks.put(number, **arrays, lonlat_e7=rows["lonlat_e7"][order], solo=rows["solo"][order])
        found.survey = Survey.of(streets, np.concatenate(strange))
        return found

    def heaps(self, name: str, asked: Any, answered: Any) -> tuple[Heaps, Heaps]:
        """Return heaps of questions on nodes, and heaps of their answers, one for each block."""
        answers = Heaps(self.folder / f"{name}-answered", [("slot", "<i4"), *answered])
        return Heaps(self.folder / f"{name}-asked", asked), answers

    def heap_of(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the heap of each node."""
        return np.searchsorted(self.cuts, ids, side="right")

    def ways(self, number: int) -> Ways:
        """Return the ways of a block."""
        return Ways(**self.blocks.take(number, *WAY_ARRAYS), kinds=KINDS)

    def solo(self, number: int) -> NDArray[np.bool_]:
        """Return whether no other block has a node of a block."""
        return self.blocks.take(number, "solo")["solo"]

    def keep(self, number: int, ways: Ways, solo: NDArray[np.bool_], **more: Any) -> None:
        """Let a block be other ways."""
        arrays = {name: getattr(ways, name) for name in WAY_ARRAYS}
        self.blocks.put(number, **arrays, solo=solo, **more)

    def count(self) -> int:
        """Return the number of ways."""
        return sum(len(self.blocks.take(number, "kind")["kind"]) for number in self.numbers)

    def limit(self, bounds: Bounds) -> None:
        """Leave the ways out whose box does not meet another one; of a square all rings stay where one does."""
        met: set[int] = set()
        meets = {}
        for number in self.numbers:
            ways = self.ways(number)
            meets[number] = np.packbits(ways.meets(bounds))
            met |= {*ways.square[np.unpackbits(meets[number], count=len(ways)).astype(np.bool_)].tolist()}
        rings = np.array(sorted(met - {STREET}), np.int32)
        for number in self.numbers:
            ways = self.ways(number)
            stays = np.unpackbits(meets[number], count=len(ways)).astype(np.bool_) | np.isin(ways.square, rings)
            kept = ways if stays.all() else ways.only(stays)
            if kept is not ways:
                self.keep(number, kept, self.solo(number)[np.searchsorted(ways.node_ids, kept.node_ids)])
        self._drop_empty()

    def _drop_empty(self) -> None:
        self.numbers = [number for number in self.numbers if len(self.blocks.take(number, "kind")["kind"])]

    def extent(self) -> CRS:
        """Return the coordinate system that is centred on the ways."""
        low, high = np.full(2, np.iinfo(np.int32).max), np.full(2, np.iinfo(np.int32).min)
        for number in self.numbers:
            lonlat_e7 = self.blocks.take(number, "lonlat_e7")["lonlat_e7"]
            lonlat_e7 = lonlat_e7[lonlat_e7[:, 0] != NOWHERE]
            if len(lonlat_e7):
                low, high = np.minimum(low, lonlat_e7.min(axis=0)), np.maximum(high, lonlat_e7.max(axis=0))
        return centred_on(low, high)

    def cross(self) -> None:
        """Add the lines by which people walk across squares, as a last block, and leave out rings that nobody meets."""
        rings = [ways.only(ways.square >= 0) for ways in map(self.ways, self.numbers) if (ways.square >= 0).any()]
        if not rings:
            return
        ring = join_ways(rings)
        lost = ring.node_ids[~ring.located]  # whose place no box tells
        boxes = ring.boxes() + np.array([-_NEAR, -_NEAR, _NEAR, _NEAR])
        around = shapely.STRtree(shapely.box(*boxes[(boxes[:, :2] <= boxes[:, 2:]).all(axis=1)].T))
        near: list[Ways] = []
        where: list[NDArray[np.int64]] = []
        for number in self.numbers:
            ways = self.ways(number)
            chosen = (ways.square >= 0) | _meets_any(ways, around)
            if lost.size:
                chosen |= np.logical_or.reduceat(np.isin(ways.node_ids, lost)[ways.refs], ways.start[:-1])
            if chosen.any():
                near.append(ways.only(chosen))
                where.append(np.column_stack([np.full(int(chosen.sum()), number), np.flatnonzero(chosen)]))
        some, places = join_ways(near), np.concatenate(where)
        crossed = walk_across(some, self.extent())
        self.outlined = crossed.outlined
        self.unmet = places[~crossed.kept[: len(some)]]
        if len(crossed.ways) > len(some):
            lines = crossed.ways.only(np.arange(len(crossed.ways)) >= len(some))
            highest = max(int(self.blocks.take(number, "node_ids")["node_ids"][-1]) for number in self.numbers)
            corner = lines.node_ids > some.node_ids[-1]
            lines.node_ids[corner] += highest - some.node_ids[-1]  # after all nodes, not only those of these ways
            self.lined = lines.node_ids
            self.numbers.append(self.numbers[-1] + 1)
            self.keep(self.numbers[-1], lines, np.zeros(len(lines.node_ids), np.bool_))

    def settle(self) -> None:
        """Find which nodes are junctions, leave repeats out, and count what is noted of all."""
        flags = ("located", "private", "lift", "counted")
        asked, answers = self.heaps(
            "shared",
            [*_ASKED, ("uses", "u1"), *((name, "?") for name in flags)],
            [(name, "?") for name in _SHARED],
        )
        for number in self.numbers:
            ways, solo = self.ways(number), self.solo(number)
            counted = not (ways.square == ACROSS).any()
            private = np.zeros(len(ways.node_ids), np.bool_)
            private[ways.refs_of(ways.private)] = True
            stays = np.ones(len(ways), np.bool_)
            stays[self.unmet[self.unmet[:, 0] == number, 1]] = False
            kept = (ways if stays.all() else ways.only(stays)).without_repeats()
            at = np.searchsorted(ways.node_ids, kept.node_ids)
            solo = solo[at] & ~np.isin(kept.node_ids, self.lined)
            some = np.flatnonzero(~solo)
            if counted:
                here = np.ones(len(ways.node_ids), np.bool_)
                here[at[some]] = False
                of_nodes = Noted.of_nodes(self.survey, ways.node_ids[here], ways.located[here], private[here])
                self.noted += Noted.of_ways(ways) + of_nodes
            uses = np.minimum(np.bincount(kept.refs, minlength=len(kept.node_ids)), 2)
            lift = np.zeros(len(kept.node_ids), np.bool_)
            lift[kept.refs_of(kept.of_kind(LIFT))] = True
            told = {"shared": uses > 1, "private": private[at], "lift": lift}
            self.keep(number, kept, solo, **{f"node_{name}": values for name, values in told.items()})
            asked.add(
                self.heap_of(kept.node_ids[some]),
                id=kept.node_ids[some],
                block=number,
                slot=some,
                uses=uses[some],
                located=kept.located[some],
                private=private[at][some],
                lift=lift[some],
                counted=counted,
            )
        for heap in range(len(self.cuts) + 1):
            rows = asked.take(heap)
            ids, first, at = np.unique(rows["id"], return_index=True, return_inverse=True)
            total = np.bincount(at, weights=rows["uses"], minlength=len(ids))
            private, lift, known, ours = (
                np.bincount(at, weights=flag, minlength=len(ids)) > 0
                for flag in (rows["private"], rows["lift"], rows["counted"], rows["private"] & rows["counted"])
            )
            located = rows["located"][first][known]
            self.noted += Noted.of_nodes(self.survey, ids[known], located, ours[known])
            answers.add(rows["block"], slot=rows["slot"], shared=(total > 1)[at], private=private[at], lift=lift[at])
        for number in self.numbers:
            arrays = self.blocks.take(number)
            rows = answers.take(number)
            for name in _SHARED:
                arrays[f"node_{name}"][rows["slot"]] = rows[name]
            self.blocks.put(number, **arrays)
        self._drop_empty()

    def marks(self, number: int, ways: Ways) -> Marks:
        """Return what the nodes of a block are, once they are settled."""
        told, marked = self.blocks.take(number, *(f"node_{name}" for name in _SHARED)), self.survey.marked
        blocked, keyed, signals, lifts = (
            are_among(ways.node_ids, ids) for ids in (marked.blocked, marked.keyed, marked.signals, marked.lifts)
        )
        return Marks(
            shared=told["node_shared"],
            blocked=blocked | (keyed & ~told["node_private"]),
            signals=signals,
            lifts=lifts & ~told["node_lift"],
        )

    def gaps(self) -> dict[int, int]:
        """Return how many references follow each block before the next edge begins."""
        found, after = {}, 0
        for number in reversed(self.numbers):
            found[number] = after
            real = steps_of(self.ways(number))
            after = 1 + (int(real.argmax()) if real.any() else len(real) + after)
        return found


def _meets_any(ways: Ways, around: shapely.STRtree) -> NDArray[np.bool_]:
    """Return ``(w,)`` whether the box of each way meets any of some others."""
    boxes, found = ways.boxes(), np.zeros(len(ways), np.bool_)
    placed = np.flatnonzero((boxes[:, :2] <= boxes[:, 2:]).all(axis=1))
    found[placed[around.query(shapely.box(*boxes[placed].T))[0]]] = True
    return found


class _Places:
    """The places of nodes in osmium's index on disk, which is read once."""

    def __init__(self, index: Path, nodes: int, held: int) -> None:
        self._index, self._nodes, self._held, self._at = index, nodes, held, 0

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the places of nodes by rising id, all after those of the question before; `NOWHERE` without one."""
        found = np.full((len(ids), 2), NOWHERE, np.int32)
        while len(ids) and self._at < self._nodes:
            count = min(self._held, self._nodes - self._at)
            rows = np.fromfile(self._index, INDEX, count, offset=self._at * INDEX.itemsize)
            here = rows["id"].astype(np.int64)
            end = int(np.searchsorted(here, ids[-1], side="right"))
            at = np.searchsorted(ids, here[:end])
            known = ids[at] == here[:end]
            found[at[known]] = rows["lonlat_e7"][:end][known]
            self._at += end
            if end < count:
                break
        return found
