"""Streets of any size on the disk, along a curve, of which some square kilometres at a time are a network.

The ways of an extract come to lie there so: cut into edges, and those ordered by place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pyproj import CRS

from accessibility.geo.arrays import spans
from accessibility.sources.cache import HELD, Blocks, Heaps, cuts_of, some_of
from accessibility.sources.osm.topology import cut_ways, projected, refuse_no_edge
from accessibility.streets.foot import FERRY, KINDS, LIFT, Carried, Delays, long_tunnels
from accessibility.streets.network import PER_EDGE, Network, Origin, sealed_edges
from accessibility.streets.search.packing import hilbert_keys, joined_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.sources.osm.blocks import BlockedWays

EDGE = [
    *(("edge", "<i8"), ("key", "<u4"), ("vertices", "<i4"), ("length_m", "<f8"), ("box", "<f8", 4)),
    *(("ends", "<i4", 2), ("degree", "<u4", 2)),
    *((name, np.dtype(kind).str) for name, kind in PER_EDGE.items()),
    ("slope_factor", "<f4", 2),
    *(("main", "?"), ("sealed", "?"), ("leads", "?", 2)),
]
"""What is kept of an edge: its number in the network, its place on the curve, how many vertices, its box, its two
junctions and how many ends of edges meet there; and what a network has of it."""
_COLUMNS = np.dtype(EDGE).names or ()
VERTEX = [("xy", "<f8", 2)]
"""What is kept of a vertex: its place."""


class Stretch(NamedTuple):
    """The streets of a heap as a graph."""

    rows: NDArray[Any]
    ids: NDArray[np.int32]  # numbers of its junctions, rising
    ends: NDArray[np.int32]  # (m, 2) rows of the junctions of each edge
    border: NDArray[np.bool_]  # whether edges of other heaps meet there, too

    def joined(self, kept: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the lowest junction that each hangs together with along some of the edges here."""
        found: NDArray[np.int32] = self.ids[joined_nodes(self.ends, kept, len(self.ids))]
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedStreets:
    """Streets in heaps along a Hilbert curve, each edge in one of them."""

    # edges, vertices: the edges of each heap, in order along the curve, and their vertices in the same order
    edges: Heaps
    vertices: Heaps
    graphs: Blocks  # of each heap what `Stretch` has beside its edges
    boxes: NDArray[np.float64]  # (h, 4) west, south, east, north of the edges of each heap; there is at least one
    kinds: tuple[str, ...]  # names of the types of street
    crs: CRS  # the coordinate system of everything

    def rows(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the edges of each heap, in columns as `EDGE` names them."""
        for heap in range(len(self.boxes)):
            yield heap, self.edges.take(heap, keep=True)

    def stretches(self) -> Iterator[tuple[int, Stretch]]:
        """Yield the number of each heap, and its graph."""
        for heap, rows in self.rows():
            yield heap, Stretch(rows=rows, **self.graphs.take(heap))

    def circles(self, *, public: bool) -> NDArray[np.float64]:
        """Return ``(c, 3)`` circles around some edges of main components that points may snap to, some of each heap.

        Parameters
        ----------
        public
            Whether private edges are left out.
        """
        found = [np.empty((0, 4))]
        for _, rows in self.rows():
            kept = rows["main"] & ~(rows["off_ground"] | rows["outline"] | (rows["private"] & public))
            found.append(some_of(rows["box"][kept]))
        low, high = np.hsplit(np.concatenate(found), 2)
        return np.column_stack([(low + high) / 2, np.hypot(*(high - low).T) / 2])

    def part(self, heap: int) -> tuple[Network, NDArray[np.int64]]:
        """Return the streets of a heap, edges and junctions by rising number, and the numbers of the edges."""
        rows, drawn = self.edges.take(heap, keep=True), self.vertices.take(heap, keep=True)
        graph, order = self.graphs.take(heap, "ids", "ends"), np.argsort(rows["edge"])
        begin, many = np.cumsum(rows["vertices"]) - rows["vertices"], rows["vertices"][order]
        drawn, rows = drawn[spans(begin[order], many)], rows[order]
        start = np.concatenate([np.zeros(1, np.int64), np.cumsum(many)])
        ids, ends = graph["ids"], graph["ends"][order]
        node_xy = np.empty((len(ids), 2))
        node_xy[ends[:, 0]], node_xy[ends[:, 1]] = drawn["xy"][start[:-1]], drawn["xy"][start[1:] - 1]
        told: dict[str, Any] = {name: rows[name] for name in ("length_m", "slope_factor", *PER_EDGE)}
        network = Network(
            **told,
            node_xy=node_xy,
            edges=ends,
            kinds=self.kinds,
            shape_xy=drawn["xy"],
            shape_start=start,
            node_ids=ids,
            origin=Origin(main=rows["main"], sealed=rows["sealed"]),
            crs=self.crs,
        )
        return network, rows["edge"]


@dataclass(kw_only=True)
class EdgeCurve:
    """A curve through edges: where it begins and ends, and where some of them lie on it, as their boxes are met."""

    # low, high: the box of the middles of all boxes
    low: NDArray[np.float64] = field(default_factory=lambda: np.full(2, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(2, -np.inf))
    samples: list[NDArray[np.float64]] = field(default_factory=list)  # some of the middles
    count: int = 0  # edges

    def meet(self, box: NDArray[np.float64]) -> None:
        """Take ``(m, 4)`` boxes into account; there is at least one."""
        middle = _middle(box)
        self.low, self.high = np.minimum(self.low, middle.min(axis=0)), np.maximum(self.high, middle.max(axis=0))
        self.samples.append(some_of(middle))
        self.count += len(box)

    def keys(self, middle: NDArray[np.float64]) -> NDArray[np.uint64]:
        """Return the places of middles along the curve."""
        return hilbert_keys(middle, self.low, self.high) >> np.uint64(32)


def _middle(box: NDArray[np.float64]) -> NDArray[np.float64]:
    middle: NDArray[np.float64] = (box[:, :2] + box[:, 2:]) / 2
    return middle


def boxes_of(xy: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return west, south, east, north of lines whose vertices begin at `start`."""
    return np.column_stack([np.minimum.reduceat(xy, start), np.maximum.reduceat(xy, start)])


@dataclass(frozen=True, kw_only=True)
class Dealer:
    """Puts edges into heaps along a curve as they come, by rising number."""

    curve: EdgeCurve  # where they lie
    folder: Path  # where the heaps are made
    held: int  # edges of a heap, about

    def place(self, blocks: Iterable[Mapping[str, Any]], kinds: tuple[str, ...], crs: CRS) -> PlacedStreets:
        """Return the edges of blocks by place.

        Parameters
        ----------
        blocks
            Columns of edges by the names of `EDGE`, zero where they are missing, and ``xy`` of their vertices.
        kinds, crs
            As those of a network.
        """
        curve = self.curve
        cuts = cuts_of([curve.keys(middle) for middle in curve.samples], curve.count, self.held)
        edges, vertices = Heaps(self.folder / "streets", EDGE), Heaps(self.folder / "vertices", VERTEX)
        edge = 0
        for block in blocks:
            many = block["vertices"]
            key = curve.keys(_middle(block["box"]))
            heap = np.searchsorted(cuts, key, side="right")
            told = {name: block.get(name, 0) for name in _COLUMNS}
            edges.add(heap, **told | {"edge": edge + np.arange(len(many)), "key": key})
            vertices.add(np.repeat(heap, many), xy=block["xy"])
            edge += len(many)
        graphs = Blocks(self.folder / "graphs")
        boxes = [_order(edges, vertices, graphs, heap) for heap in range(len(cuts) + 1)] if edge else []
        found: dict[str, Any] = {"boxes": np.array(boxes).reshape(-1, 4), "kinds": kinds, "crs": crs}
        return PlacedStreets(edges=edges, vertices=vertices, graphs=graphs, **found)


def _order(edges: Heaps, vertices: Heaps, graphs: Blocks, heap: int) -> NDArray[np.float64]:
    """Put a heap in order along the curve; return its box."""
    rows, drawn = edges.take(heap), vertices.take(heap)
    order = np.lexsort((rows["edge"], rows["key"]))
    begin = np.cumsum(rows["vertices"]) - rows["vertices"]
    vertices.put(heap, drawn[spans(begin[order], rows["vertices"][order])])
    rows = rows[order]
    edges.put(heap, rows)
    ids, first, ends = np.unique(rows["ends"], return_index=True, return_inverse=True)
    ends = ends.reshape(-1, 2).astype(np.int32)
    border = np.bincount(ends.ravel()) < rows["degree"].ravel()[first]
    graphs.put(heap, ids=ids, ends=ends, border=border)
    box = rows["box"]
    return np.concatenate([box[:, :2].min(axis=0), box[:, 2:].max(axis=0)])


def place_whole(network: Network, folder: Path, held: int = HELD) -> PlacedStreets:
    """Return the streets of a network in memory by place, with what components they are part of.

    Parameters
    ----------
    network
        The streets.
    folder
        An empty folder for them.
    held
        Edges of a heap, about.
    """
    curve, degree = EdgeCurve(), np.bincount(network.edges.ravel(), minlength=len(network.node_xy))
    told = {name: getattr(network, name) for name in ("length_m", "slope_factor", *PER_EDGE)}
    told |= {"main": network.main_edges, "sealed": sealed_edges(network)}
    parts = [slice(at, at + held) for at in range(0, len(network.edges), held)]

    def block(rows: slice) -> dict[str, Any]:
        start = network.shape_start[rows.start : rows.stop + 1]
        xy = network.shape_xy[start[0] : start[-1]]
        ends = network.edges[rows]
        of_edges = {"vertices": np.diff(start), "box": boxes_of(xy, start[:-1] - start[0]), "xy": xy}
        return {name: values[rows] for name, values in told.items()} | of_edges | {"ends": ends, "degree": degree[ends]}

    for rows in parts:
        curve.meet(block(rows)["box"])
    return Dealer(curve=curve, folder=folder, held=held).place(map(block, parts), network.kinds, network.crs)


def parts_of(streets: Network | PlacedStreets, box: NDArray[np.float64]) -> Iterator[Network]:
    """Yield streets as networks: those in memory as they are, those on the disk a heap at a time that meets a box."""
    if isinstance(streets, PlacedStreets):
        meets = (streets.boxes[:, :2] <= box[2:]).all(axis=1) & (streets.boxes[:, 2:] >= box[:2]).all(axis=1)
        yield from (streets.part(heap)[0] for heap in np.flatnonzero(meets).tolist())
    else:
        yield streets


def junctions_of(streets: Network | PlacedStreets) -> Iterator[NDArray[np.float64]]:
    """Yield ``(n, 2)`` places of junctions, a heap at a time where streets lie on the disk."""
    if not isinstance(streets, PlacedStreets):
        yield streets.node_xy
        return
    for heap, rows in streets.rows():
        last = np.cumsum(rows["vertices"]) - 1
        xy = streets.vertices.take(heap, keep=True)["xy"]
        yield np.concatenate([xy[last - rows["vertices"] + 1], xy[last]])


_RIDES = [KINDS.index(FERRY), KINDS.index(LIFT)]  # what they take hangs on what else is at their ends
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
        self.special |= bool(tunnel.any() or np.isin(columns["kind"], _RIDES).any())
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
        """Find which tunnels are too long, and what rides take: both hang on what they meet in other blocks."""
        held: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_CARRIED, "ends")}
        for number in self.numbers:
            arrays = self.blocks.take(number, *held)
            some = arrays["tunnel"] | np.isin(arrays["kind"], _RIDES)
            for name, values in held.items():
                values.append(arrays[name][some])
        all_ = {name: np.concatenate(values) for name, values in held.items()}
        ids, ends = np.unique(all_["ends"], return_inverse=True)
        ends = ends.reshape(-1, 2)
        walked = np.zeros(len(ids), np.bool_)
        for number in self.numbers:
            arrays = self.blocks.take(number, "ends", "kind")
            walked |= np.isin(ids, arrays["ends"][~np.isin(arrays["kind"], _RIDES)])
        land = np.flatnonzero(walked)
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
                rides = np.isin(arrays["kind"], _RIDES)
                some, here = arrays["tunnel"] | rides, slice(at, at + count)
                arrays["closed"][some] = closed[here]
                arrays["fixed_s"][rides] = seconds[here][np.isin(some_of_it, _RIDES)]
                self.blocks.put(number, **arrays)
            at += count

    def _with_slopes(self) -> Iterator[dict[str, Any]]:
        """Yield the edges of each block; streets are flat until heights are known."""
        for number in self.numbers:
            yield self.blocks.take(number) | {"slope_factor": 1}
