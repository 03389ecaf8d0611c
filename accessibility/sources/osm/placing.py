"""The ways of an extract of any size cut into edges, and those ordered by place, see `accessibility.sources.placed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS

from accessibility.sources.heaps import Blocks
from accessibility.sources.osm.topology import cut_ways, projected, refuse_no_edge
from accessibility.sources.placed import Dealer, EdgeCurve, PlacedStreets, boxes_of
from accessibility.streets.foot import FERRY, KINDS, Carried, Delays, long_tunnels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accessibility.sources.heaps import Heaps
    from accessibility.sources.osm.blocks import BlockedWays

_FERRY = KINDS.index(FERRY)
_CARRIED = ("kind", "ride_s", "tunnel", "length_m")


def place_edges(ways: BlockedWays, crs: CRS | str | int | None, delays: Delays) -> PlacedStreets:
    """Return the streets of settled ways by place: the edges of `accessibility.sources.osm.topology.build_network`.

    Parameters
    ----------
    ways
        Ways whose junctions are known.
    crs
        The projected coordinate system of the result; a transverse Mercator centred on the ways if not given.
    delays
        What a ferry and a lift take.

    Raises
    ------
    InputError
        No way has two neighbouring nodes with a place.
    """
    return _Placing(ways, ways.extent() if crs is None else CRS.from_user_input(crs), delays).placed()


class _Placing:
    """Edges in blocks, those of one block of ways each, until they lie by place."""

    def __init__(self, ways: BlockedWays, crs: CRS, delays: Delays) -> None:
        self.ways, self.crs, self.delays = ways, crs, delays
        self.blocks = Blocks(ways.folder / "edges")
        self.numbers: list[int] = []
        self.alone = self.junctions = 0
        self.curve = EdgeCurve()
        self.special = False

    def placed(self) -> PlacedStreets:
        asked, self.answers = self.ways.heaps(
            "junctions", [("id", "<i8"), ("block", "<i4"), ("slot", "<i4"), ("ends", "<u4")],
            [("number", "<i4"), ("degree", "<u4")],
        )  # fmt: skip
        many, gaps = self.ways.count(), self.ways.gaps()
        for number in self.ways.numbers:
            self._cut(number, gaps[number], asked)
        refuse_no_edge(many, self.curve.count)
        self.ways.blocks.clear()
        self._number(asked)
        if self.special:
            self._carry()
        dealer = Dealer(curve=self.curve, folder=self.ways.folder, held=self.ways.held)
        placed = dealer.place(self._with_slopes(), KINDS, self.crs)
        self.blocks.clear()
        return placed

    def _cut(self, number: int, after: int, asked: Heaps) -> None:
        """Cut the ways of a block into edges, and ask for the numbers of their junctions."""
        ways = self.ways.ways(number)
        marks = self.ways.marks(number, ways)
        chains = cut_ways(ways, marks, after=after)
        if not len(chains):
            return
        ends = chains.ends.ravel()
        alone = marks.blocked[ends]  # of which each is a junction of its own, after all others
        nodes, row, degree = np.unique(ends[~alone], return_inverse=True, return_counts=True)
        ids = ways.node_ids[nodes]
        asked.add(self.ways.heap_of(ids), id=ids, block=number, slot=np.arange(len(ids)), ends=degree)
        slot = np.empty(len(ends), np.int64)
        slot[~alone] = row
        slot[alone] = -1 - self.alone - np.arange(alone.sum())
        xy = projected(ways, self.crs)[ways.refs[chains.vertices]]
        box = boxes_of(xy, chains.shape_start[:-1])
        self.curve.meet(box)
        columns, tunnel = chains.columns(ways), ways.tunnel[chains.way]
        self.special |= bool(tunnel.any() or (columns["kind"] == _FERRY).any())
        self.blocks.put(
            number,
            **columns,
            slot=slot.reshape(-1, 2),
            vertices=np.diff(chains.shape_start).astype(np.int32),
            box=box,
            xy=xy,
            ride_s=chains.ride_s,
            tunnel=tunnel,
            closed=np.zeros(len(chains), np.bool_),
            fixed_s=self.delays.seconds(chains.carried(ways, slot.reshape(-1, 2) + self.alone + alone.sum())),
        )
        self.numbers.append(number)
        self.alone += int(alone.sum())

    def _number(self, asked: Heaps) -> None:
        """Give each junction its number, by rising id."""
        for heap in range(len(self.ways.cuts) + 1):
            rows = asked.take(heap)
            ids, at = np.unique(rows["id"], return_inverse=True)
            degree = np.bincount(at, weights=rows["ends"], minlength=len(ids))
            self.answers.add(rows["block"], slot=rows["slot"], number=self.junctions + at, degree=degree[at])
            self.junctions += len(ids)
        for number in self.numbers:
            rows, arrays = self.answers.take(number), self.blocks.take(number)
            slot = arrays.pop("slot")
            order = np.argsort(rows["slot"])
            alone = slot < 0
            ends, degree = (self.junctions - 1 - slot).astype(np.int32), np.ones(slot.shape, np.uint32)
            ends[~alone], degree[~alone] = (rows[name][order][slot[~alone]] for name in ("number", "degree"))
            self.blocks.put(number, **arrays, ends=ends, degree=degree)

    def _carry(self) -> None:
        """Find which tunnels are too long, and what ferries take: both hang on what they meet in other blocks."""
        held: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_CARRIED, "ends")}
        for number in self.numbers:
            arrays = self.blocks.take(number, *held)
            some = arrays["tunnel"] | (arrays["kind"] == _FERRY)
            for name, values in held.items():
                values.append(arrays[name][some])
        all_ = {name: np.concatenate(values) for name, values in held.items()}
        ids, ends = np.unique(all_["ends"], return_inverse=True)
        ends = ends.reshape(-1, 2)
        landing = np.zeros(len(ids), np.bool_)
        for number in self.numbers:
            arrays = self.blocks.take(number, "ends", "kind")
            landing |= np.isin(ids, arrays["ends"][arrays["kind"] != _FERRY])
        land = np.flatnonzero(landing)
        names = np.append(np.array(KINDS)[all_["kind"]], np.full(len(land), "road"))
        nothing = np.zeros(len(land))
        seconds = self.delays.seconds(
            Carried(
                kinds=names,
                edges=np.concatenate([ends, np.column_stack([land, land])]),
                length_m=np.append(all_["length_m"], nothing),
                ride_s=np.append(all_["ride_s"], nothing),
                lifts=np.zeros(len(names)),
            )
        )
        closed = long_tunnels(all_["tunnel"], ends.astype(np.int32), all_["length_m"])
        at = 0
        for number, some_of_it in zip(self.numbers, held["kind"], strict=True):
            count = len(some_of_it)
            if count:
                arrays = self.blocks.take(number)
                ferry = arrays["kind"] == _FERRY
                some, here = arrays["tunnel"] | ferry, slice(at, at + count)
                arrays["closed"][some] = closed[here]
                arrays["fixed_s"][ferry] = seconds[here][some_of_it == _FERRY]
                self.blocks.put(number, **arrays)
            at += count

    def _with_slopes(self) -> Iterator[dict[str, Any]]:
        """Yield the edges of each block; streets are flat until heights are known."""
        for number in self.numbers:
            yield self.blocks.take(number) | {"slope_factor": 1}
