"""The county town: arterial streets, the superblocks between them, gated compounds inside those, and the riverside.

Everything here is laid in river coordinates ``(u, v)`` and bends with the river.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np
from county_ground import BANK_M, RIVER_HALF_WIDTH_M, along_river

if TYPE_CHECKING:
    from collections.abc import Sequence

    from county_osm import County, Tags

BANK_V = RIVER_HALF_WIDTH_M + BANK_M
PRIVATE: Tags = {"access": "private"}
LANE_GAP_M = 66.0  # between the lanes of a compound
DUAL_HALF_M, CYCLEWAY_M = 8.0, 18.0  # carriageways and cycleways of a dual road, from its middle


@dataclass(frozen=True)
class Arterial:
    """A street of the grid: where it runs (u or v), its class, and whether its carriageways are apart."""

    at: float
    highway: str
    name: str
    dual: bool = False

    @property
    def edge_m(self) -> float:
        """From the middle to the outermost strand, where side streets join."""
        return CYCLEWAY_M if self.dual else 0.0

    def strands(self, axis: str) -> list[tuple[float, Tags, bool]]:
        """Return (position, tags, drawn backwards) of each parallel way; traffic keeps right."""
        if not self.dual:
            return [(self.at, {"highway": self.highway, "name": self.name, "sidewalk": "both"}, False)]
        road: Tags = {"highway": self.highway, "name": self.name, "oneway": "yes", "lanes": "3"}
        cycle: Tags = {"highway": "cycleway", "oneway": "yes", "segregated": "yes"}
        back = (axis == "u", axis == "v")  # a road along v keeps to +u when it runs north
        return [
            (self.at - CYCLEWAY_M, cycle, back[0]),
            (self.at - DUAL_HALF_M, road, back[0]),
            (self.at + DUAL_HALF_M, road, back[1]),
            (self.at + CYCLEWAY_M, cycle, back[1]),
        ]


Rows = tuple[Arterial, ...]


def _street(at: float, highway: str, name: str) -> Arterial:
    return Arterial(at, highway, name, dual=highway in ("trunk", "primary"))


COLUMNS = (  # streets that run away from the river, west to east
    _street(-2_120, "tertiary", "西环路"),
    _street(-1_580, "secondary", "雁塔路"),
    _street(-1_090, "secondary", "桂园路"),
    _street(-560, "tertiary", "文庙路"),
    _street(0, "primary", "澜汀大道"),
    _street(520, "tertiary", "学府路"),
    _street(1_010, "secondary", "丰收路"),
    _street(1_560, "tertiary", "东站路"),
    _street(2_130, "secondary", "东环路"),
)
NORTH_ROWS: Rows = (  # streets along the river, from the bank up
    _street(BANK_V, "secondary", "滨江北路"),
    _street(690, "tertiary", "解元街"),
    _street(1_180, "trunk", "人民大道"),
    _street(1_720, "tertiary", "北屏路"),
    _street(2_210, "secondary", "松山路"),
    _street(2_690, "secondary", "北环路"),
)
SOUTH_ROWS: Rows = (
    _street(-1_240, "tertiary", "南山路"),
    _street(-700, "secondary", "南浦路"),
    _street(-BANK_V, "secondary", "滨江南路"),
)
SOUTH_COLUMNS = COLUMNS[3:8]
TOP_V, FOOT_V = NORTH_ROWS[-1].at, SOUTH_ROWS[0].at
# What is special about a superblock, by its column and row; the others are gated or quartered.
KINDS = {
    (3, 0): "old", (2, 0): "old", (4, 0): "market", (3, 1): "old",
    (4, 1): "square", (2, 2): "park", (7, 4): "works", (7, 3): "works", (6, 4): "works", (0, 4): "works",
}  # fmt: skip
QUARTERED_SHARE = 0.3
SOUTH_LET = 0.52  # how full the flats of the newer quarter are
COMPOUND_NAMES = ("桂苑", "江岸", "松风", "锦澜", "汀兰", "北屏", "丰泽", "书香", "云栖", "望江", "金禾", "翠庭")


@dataclass(frozen=True)
class Block:
    """A rectangle in (u, v), with the middles where streets and gates meet its sides."""

    u: tuple[float, float]
    v: tuple[float, float]
    mid: tuple[float, float]

    @property
    def gates(self) -> list[tuple[float, float]]:
        """The points of its four sides (west, east, south, north) where something may join."""
        (u0, u1), (v0, v1), (mu, mv) = self.u, self.v, self.mid
        return [(u0, mv), (u1, mv), (mu, v0), (mu, v1)]


class Core:
    """Lays the town; `mids` are the mid-block positions, where crossings and gates are."""

    def __init__(self, county: County) -> None:
        self.county, self.rng, self.drawing = county, county.rng, county.drawing
        self.column_mids = self._mids(COLUMNS)
        self.row_mids: dict[Rows, dict[float, float]] = {rows: self._mids(rows) for rows in (NORTH_ROWS, SOUTH_ROWS)}
        self.compounds = 0

    def _mids(self, streets: Sequence[Arterial]) -> dict[float, float]:
        """Give each street the middle of the gap behind it, a little off the true one."""
        return {a.at: float(a.at + self.rng.uniform(0.4, 0.6) * (b.at - a.at)) for a, b in pairwise(streets)}

    def way(self, points: Sequence[tuple[float, float]], tags: Tags) -> None:
        """Draw a way through river coordinates."""
        self.drawing.way(along_river(*np.array(points).T), tags)

    def lay(self) -> None:
        """Lay both quarters, and what joins them."""
        self.lay_quarter(COLUMNS, NORTH_ROWS)
        self.lay_quarter(SOUTH_COLUMNS, SOUTH_ROWS)
        self.lay_bridges()
        self.lay_promenade()

    # -- streets ---------------------------------------------------------------------------------------------------

    def lay_quarter(self, columns: Sequence[Arterial], rows: Rows) -> None:
        """Lay a grid of arterials, then fill the superblocks between them."""
        mids = [self.column_mids[a.at] for a in columns[:-1]], [self.row_mids[rows][a.at] for a in rows[:-1]]
        us = sorted([p for a in columns for p, *_ in a.strands("u")] + mids[0])
        vs = sorted([p for a in rows for p, *_ in a.strands("v")] + mids[1])
        for street in columns:
            for u, tags, backwards in street.strands("u"):
                self.way([(u, v) for v in (vs[::-1] if backwards else vs)], tags)
        for street in rows:
            for v, tags, backwards in street.strands("v"):
                self.way([(u, v) for u in (us[::-1] if backwards else us)], tags)
        self.lay_crossings(columns, rows, mids)
        for i, (west, east) in enumerate(pairwise(columns)):
            for j, (south, north) in enumerate(pairwise(rows)):
                block = Block(
                    (west.at + west.edge_m, east.at - east.edge_m),
                    (south.at + south.edge_m, north.at - north.edge_m),
                    (mids[0][i], mids[1][j]),
                )
                place = (COLUMNS.index(west), j if rows is NORTH_ROWS else -1)
                self.lay_block(block, KINDS.get(place))

    def lay_crossings(self, columns: Sequence[Arterial], rows: Rows, mids: tuple[list[float], list[float]]) -> None:
        """Lay zebra crossings over dual roads half-way along each superblock, and signals where they meet others."""
        lines = [[(p, v) for p, *_ in a.strands("u")] for a in columns if a.dual for v in mids[1]]
        lines += [[(u, p) for p, *_ in a.strands("v")] for a in rows if a.dual for u in mids[0]]
        for line in lines:
            self.way(line, {"highway": "footway", "footway": "crossing", "crossing": "zebra"})
            for point in line[1:3]:
                self.drawing.node(along_river(*point), {"highway": "crossing", "crossing": "zebra"})
        for street, row in product(columns, rows):
            if street.dual or row.dual:
                corner = along_river(street.at - street.edge_m, row.at - row.edge_m)
                self.drawing.node(corner, {"highway": "crossing", "crossing": "traffic_signals"})

    def lay_bridges(self) -> None:
        """Carry the main avenue over the river; nothing else crosses between the two quarters."""
        for u, tags, backwards in COLUMNS[4].strands("u"):
            ends = [(u, -BANK_V), (u, BANK_V)]
            bridge: Tags = {"bridge": "yes", "layer": "1", "name": "澜汀大桥"}
            self.way(ends[::-1] if backwards else ends, {**tags, **bridge})

    def lay_promenade(self) -> None:
        """Lay a riverside walk below the bank road; stairs lead down to it, two of them moving ones, up only."""
        walk_v = BANK_V - 28.0
        stairs = [u for u in [a.at for a in COLUMNS] + list(self.column_mids.values()) if -1_600 < u < 1_600 and u != 0]
        self.way([(u, walk_v) for u in sorted(stairs)], {"highway": "footway", "name": "滨江步道", "lit": "yes"})
        for k, u in enumerate(sorted(stairs)):
            tags: Tags = {"highway": "steps", "step_count": "38"}
            if k in (3, 8):
                tags |= {"oneway": "yes", "conveying": "forward"}
            self.way([(u, walk_v), (u, BANK_V)], tags)
        ends = (-1_600.0 - 40.0, walk_v), (min(stairs), walk_v)
        self.way(ends, {"highway": "footway", "oneway:foot": "yes", "name": "入场通道"})
        self.way([ends[0], (COLUMNS[1].at, BANK_V)], {"highway": "footway"})

    # -- superblocks -----------------------------------------------------------------------------------------------

    def lay_block(self, block: Block, kind: str | None) -> None:
        """Fill a superblock."""
        if kind is None:
            kind = "quartered" if self.rng.random() < QUARTERED_SHARE else "gated"
        getattr(self, f"lay_{kind}")(block)

    def lay_gated(self, block: Block) -> None:
        """Lay one compound behind one wall, with two or three gates."""
        sides = self.rng.permutation(4)[: int(self.rng.integers(2, 4))]
        self.lay_compound(block, [block.gates[k] for k in sides])

    def lay_quartered(self, block: Block) -> None:
        """Lay four compounds, apart by two public streets whose middle points hold the gates."""
        (u0, u1), (v0, v1), (mu, mv) = block.u, block.v, block.mid
        street: Tags = {"highway": "residential", "sidewalk": "both"}
        self.way([(u0, mv), ((u0 + mu) / 2, mv), (mu, mv), ((mu + u1) / 2, mv), (u1, mv)], street)
        self.way([(mu, v0), (mu, (v0 + mv) / 2), (mu, mv), (mu, (mv + v1) / 2), (mu, v1)], street)
        for u in ((u0, mu), (mu, u1)):
            for v in ((v0, mv), (mv, v1)):
                part = Block(u, v, ((u[0] + u[1]) / 2, (v[0] + v[1]) / 2))
                self.lay_compound(part, [g for g in part.gates if mu in g or mv in g])

    def lay_compound(self, block: Block, gates: list[tuple[float, float]]) -> None:
        """Lay lanes and slabs behind a wall: the first gate lets everybody on foot in, the others residents at most."""
        (u0, u1), (v0, v1) = block.u, block.v
        inset = 26.0 if u1 - u0 > 350 else 20.0
        us = _spread(u0 + inset, u1 - inset, [u for u, _ in gates if u0 < u < u1])
        vs = _spread(v0 + inset, v1 - inset, [v for _, v in gates if v0 < v < v1])
        name = COMPOUND_NAMES[self.compounds % 12] + "一二三四五六七八九十"[self.compounds // 12] + "期"
        self.compounds += 1
        wall = [(u0 + 9, v0 + 9), (u1 - 9, v0 + 9), (u1 - 9, v1 - 9), (u0 + 9, v1 - 9)]
        self.drawing.ring(list(along_river(*np.array(wall).T)), {"landuse": "residential", "name": name + "小区"})
        for k, gate in enumerate(gates):
            self.lay_gate(block, gate, inset, k)
        floors = int(self.rng.choice([6, 7, 11, 18], p=[0.45, 0.25, 0.2, 0.1]))
        rows = [[(u, v) for u in us] for v in vs]
        for west, east in pairwise(us):
            for j, (south, north) in enumerate(pairwise(vs)):
                door = ((west + east) / 2, south)
                rows[j].append(door)
                self.lay_slab(door, (east - west, north - south), floors)
        for row in rows:
            self.way(sorted(row), {"highway": "service", **PRIVATE})
        for k, u in enumerate(us):
            drive = k in (0, len(us) - 1)
            self.way([(u, v) for v in vs], {"highway": "service" if drive else "footway", **PRIVATE})

    def lay_gate(self, block: Block, gate: tuple[float, float], inset: float, rank: int) -> None:
        """Join the street to the compound's lanes: public up to the gate, private behind it."""
        u, v = gate
        inward = np.array([(u == block.u[0]) * 1.0 - (u == block.u[1]), (v == block.v[0]) * 1.0 - (v == block.v[1])])
        at = (float(u + 9.0 * inward[0]), float(v + 9.0 * inward[1]))
        inside = (float(u + inset * inward[0]), float(v + inset * inward[1]))
        self.way([gate, at], {"highway": "service", "service": "driveway"})
        self.way([at, inside], {"highway": "service", **PRIVATE})
        tags: Tags = {"barrier": "lift_gate" if rank == 0 else "gate"}
        if rank and self.rng.random() < 0.45:
            tags["access"] = "private"
        self.drawing.node(along_river(*at), tags)

    def lay_slab(self, door: tuple[float, float], cell: tuple[float, float], floors: int) -> None:
        """Lay a slab of flats across a cell of the lane grid, and the path to its door."""
        u, v = door
        depth = 13.0
        middle = (u, v + cell[1] * 0.55)
        self.way([door, (u, middle[1] - depth / 2)], {"highway": "footway", **PRIVATE})
        length = cell[0] * float(self.rng.uniform(0.6, 0.8))
        tags: Tags = {"building": "apartments", "building:levels": str(floors)}
        facing = along_river(u + 1, middle[1]) - along_river(u, middle[1])
        self.county.building(along_river(*middle), (length, depth), facing / np.hypot(*facing), tags)
        self.county.home(along_river(*middle), length * depth * floors * (1.0 if v > 0 else SOUTH_LET), "core")

    def lay_old(self, block: Block) -> None:
        """Lay the old town: a fine net of alleys, some of them blind, open to everyone."""
        (u0, u1), (v0, v1), (mu, mv) = block.u, block.v, block.mid
        us, vs = _spread(u0 + 30, u1 - 30, [mu], 46.0), _spread(v0 + 30, v1 - 30, [mv], 46.0)
        for v in vs:
            line = [(u, v) for u in us]
            ends = [(u0, v), (u1, v)] if v == mv else []
            tags: Tags = {"highway": "living_street" if v == mv else "residential"}
            self.way(sorted(line + ends), tags)
        for u in us:
            if u == mu:
                self.way([(u, v0), *((u, v) for v in vs), (u, v1)], {"highway": "living_street"})
            else:
                for pair in pairwise(vs):
                    if self.rng.random() < 0.6:
                        self.way([(u, v) for v in pair], {"highway": "footway"})
        for u, v in ((u + 23, v + 20) for u in us[:-1] for v in vs[:-1]):
            facing = along_river(u + 1, v) - along_river(u, v)
            floors = int(self.rng.integers(3, 7))
            self.county.house(
                along_river(u, v), facing / np.hypot(*facing), floors=floors, weight=190 * floors, group="core"
            )

    def lay_market(self, block: Block) -> None:
        """Lay pedestrian streets between shops."""
        self._lay_cross(block, {"highway": "pedestrian", "name": "河街步行街"})
        (u0, u1), (v0, v1), (mu, mv) = block.u, block.v, block.mid
        for u in np.linspace(u0 + 50, u1 - 50, 8):
            for v in (mv - 35, mv + 35, (v0 + mv) / 2 - 20, (v1 + mv) / 2 + 20):
                if abs(u - mu) > 25:
                    self.county.building(along_river(u, v), (38, 30), (1.0, 0.0), {"building": "commercial"})
                    self.county.home(along_river(u, v), 900.0, "core")

    def lay_square(self, block: Block) -> None:
        """Lay the square before the county hall: an area that may be walked, on whose edge four streets end."""
        self._lay_cross(block, {"highway": "pedestrian"}, hole_m=70.0)
        (mu, mv), r = block.mid, 70.0
        rim = [(mu - r, mv), (mu - r, mv + r), (mu, mv + r), (mu + r, mv + r), (mu + r, mv), (mu + r, mv - r)]
        rim += [(mu, mv - r), (mu - r, mv - r)]
        tags: Tags = {"highway": "pedestrian", "area": "yes", "name": "澜汀广场"}
        self.drawing.ring(list(along_river(*np.array(rim).T)), tags)
        for u, v, name in ((mu - 130, mv + 120, "县政务楼"), (mu + 130, mv + 120, "县文化馆")):
            self.county.building(along_river(u, v), (90, 50), (1.0, 0.0), {"building": "public", "name": name})

    def lay_park(self, block: Block) -> None:
        """Lay a park: paths, nobody's home."""
        self._lay_cross(block, {"highway": "footway"})
        rim = [(block.u[0], block.v[0]), (block.u[1], block.v[0]), (block.u[1], block.v[1]), (block.u[0], block.v[1])]
        self.drawing.ring(list(along_river(*np.array(rim).T)), {"leisure": "park", "name": "桂园公园"})

    def lay_works(self, block: Block) -> None:
        """Lay factories: private roads and halls, few people."""
        (u0, u1), (v0, v1), (mu, mv) = block.u, block.v, block.mid
        self.lay_gate(block, (mu, v0), 26.0, 0)
        self.way([(mu, v0 + 26), (mu, mv), (mu, v1 - 40)], {"highway": "service", **PRIVATE})
        self.way([(u0 + 40, mv), (mu, mv), (u1 - 40, mv)], {"highway": "service", **PRIVATE})
        for u in ((u0 + mu) / 2, (mu + u1) / 2):
            for v in ((v0 + mv) / 2, (mv + v1) / 2):
                self.county.building(along_river(u, v), (130, 80), (1.0, 0.0), {"building": "industrial"})
        self.county.home(along_river(mu, mv), 1_500.0, "core")

    def _lay_cross(self, block: Block, tags: Tags, hole_m: float = 0.0) -> None:
        """Lay two ways through the block's middle, or up to a hole in it."""
        (u0, u1), (v0, v1), (mu, mv) = block.u, block.v, block.mid
        for start, stop in (((u0, mv), (mu - hole_m, mv)), ((mu + hole_m, mv), (u1, mv))):
            self.way([start, stop], tags)
        for start, stop in (((mu, v0), (mu, mv - hole_m)), ((mu, mv + hole_m), (mu, v1))):
            self.way([start, stop], tags)


def _spread(low: float, high: float, fixed: list[float], gap: float = LANE_GAP_M) -> list[float]:
    """Evenly spread positions from low to high that include the fixed ones."""
    stops = [low, *sorted(fixed), high]
    out = {low}
    for a, b in pairwise(stops):
        out.update(np.linspace(a, b, max(round((b - a) / gap), 1) + 1)[1:-1].tolist())
        out.add(b)
    return sorted(out)
