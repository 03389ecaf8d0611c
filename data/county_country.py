"""The country: river roads, side valleys, passes, tracks, towns, villages, the motorway, and the island in the lake."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import county_core as core
import numpy as np
import shapely
from county_ground import (
    LAKE_HALF_WIDTH_M,
    LAKE_U,
    RIVER_HALF_WIDTH_M,
    Road,
    along_river,
    bank,
    border,
    fray,
    half_width,
    motorway_v,
    river_y,
    winding,
)

if TYPE_CHECKING:
    from county_osm import County, Tags
    from numpy.typing import NDArray

RIVER_ENDS = (-20_500.0, 20_500.0)  # beyond the border on both sides
RURAL_BRIDGES_U = (-9_000.0, -1_580.0, 9_600.0)
NORTH_VALLEYS = ((-14_600, 9_000), (-10_900, 10_800), (-7_300, 11_800), (-3_900, 12_600), (1_010, 9_400),
                 (4_800, 12_800), (8_600, 12_200), (11_900, 9_000))  # fmt: skip
SOUTH_VALLEYS = ((-14_000, 7_600), (-9_900, 9_900), (-6_100, 11_000), (-2_600, 11_600), (520, 9_600),
                 (4_300, 10_600), (8_000, 10_200), (11_600, 8_600))  # fmt: skip
PASSES = (
    (0, 1, 0.55),
    (2, 3, 0.48),
    (4, 5, 0.4),
    (5, 6, 0.62),
    (8, 9, 0.5),
    (9, 10, 0.66),
    (11, 12, 0.52),
    (13, 14, 0.45),
)
TRACKS = 30
VILLAGE_GAP_M = 1_330.0
VILLAGE_HEADS = (
    *("青杠", "石板", "杨柳", "白果", "桐子", "梅子", "天鹅", "高洞", "老鹰", "双河", "金竹", "红土"),
    *("大田", "观音", "磨刀", "油坊", "瓦窑", "龙洞", "枇杷", "水磨", "长岗", "土地", "棕树", "横梁"),
)
VILLAGE_NAMES = [head + tail for tail in "坪湾垭坝岭溪岩塘沟寨" for head in VILLAGE_HEADS]
FARMSTEADS = 950


@dataclass(frozen=True)
class Town:
    """A town: on which road, how far along, and its people."""

    name: str
    road: int
    share: float
    people: float


TOWNS = (
    Town("雁桥", 2, 0.42, 7_400),
    Town("梨坪", 5, 0.55, 6_900),
    Town("芦渡", 16, 0.20, 6_300),  # on the river road, west
    Town("石瓮", 10, 0.50, 7_000),
    Town("茶垭", 13, 0.52, 6_400),
)


@dataclass(frozen=True)
class Village:
    """A village as laid: its name, where it is, its people, and whether it lies off the valley roads."""

    name: str
    x: float
    y: float
    people: float
    remote: bool


class Country:
    """Lays everything outside the county town; `roads` are valleys north, valleys south, then the four river roads."""

    def __init__(self, county: County) -> None:
        self.county, self.rng, self.drawing = county, county.rng, county.drawing
        self.inside = shapely.Polygon(
            fray(shapely.get_coordinates(shapely.segmentize(shapely.Polygon(border()), 150.0)))
        )
        shapely.prepare(self.inside)
        self.villages: list[Village] = []
        self.river_roads = self._river_roads()
        self.valleys = [self._valley(u, m, 1) for u, m in NORTH_VALLEYS] + [
            self._valley(u, m, -1) for u, m in SOUTH_VALLEYS
        ]
        self.passes = [self._pass(*spec) for spec in PASSES]
        self.tracks = [self._track(k) for k in range(TRACKS)]

    @property
    def roads(self) -> list[Road]:
        """Valleys (north, then south, each west to east), then river roads (north bank first, west and east)."""
        return self.valleys + self.river_roads

    def lay(self) -> None:
        """Put bridges, towns and villages on the roads, and draw the roads last, when all joins are known."""
        self.lay_river()
        self.lay_bridges()
        for town in TOWNS:
            self.lay_town(self.roads[town.road], town)
        self.lay_villages()
        self.lay_island()
        self.lay_farmsteads()
        for road in self.roads + self.passes + self.tracks:
            self.draw(road)
        self.lay_motorway()

    # -- roads -----------------------------------------------------------------------------------------------------

    def _river_roads(self) -> list[Road]:
        """Return four roads, from the town's edges to beyond the border."""
        out = []
        for side, columns in ((1, core.COLUMNS), (-1, core.SOUTH_COLUMNS)):
            for start, end in ((columns[0].at, RIVER_ENDS[0]), (columns[-1].at, RIVER_ENDS[1])):
                u = np.linspace(start, end, int(abs(end - start) / 12.0))
                kind = "secondary" if side > 0 else "tertiary"
                name = "沿江公路" if side > 0 else "江南公路"
                out.append(Road(along_river(u, side * bank(u)), name, ways=((1.0, kind),)))
        return out

    def river_road(self, u: float, side: int) -> Road:
        """Return the river road that passes `u` on one side."""
        columns = core.COLUMNS if side > 0 else core.SOUTH_COLUMNS
        west = u < columns[0].at
        return self.river_roads[(0 if side > 0 else 2) + (0 if west else 1)]

    def _valley(self, u: float, length: float, side: int) -> Road:
        """Return a valley road: from the river, or from the top or foot of the town, up to the watershed."""
        columns, edge = (core.COLUMNS, core.TOP_V) if side > 0 else (core.SOUTH_COLUMNS, -core.FOOT_V)
        if columns[0].at < u < columns[-1].at:
            start = along_river(u, side * edge)
        else:
            road = self.river_road(u, side)
            start = road.join(road.station_at_x(u))
        end = start + np.array([self.rng.uniform(-900, 900), side * length])
        path = winding(start, end, self.rng, sway_m=260.0, wave_m=3_900.0)
        classes = ((0.45, "tertiary"), (0.85, "unclassified"), (1.0, "track"))
        return Road(path, f"{'北' if side > 0 else '南'}{abs(int(u)) // 100}县道", ways=classes)

    def _pass(self, a: int, b: int, share: float) -> Road:
        """Return a road over the ridge between two neighbouring valleys."""
        start, end = self.valleys[a], self.valleys[b]
        first, last = start.join(share * start.length_m), end.join((share + 0.05) * end.length_m)
        return Road(
            winding(first, last, self.rng, sway_m=230.0, wave_m=1_100.0), "垭口路", ways=((1.0, "unclassified"),)
        )

    def _track(self, k: int) -> Road:
        """Return a track from a valley road up the hillside."""
        road = self.valleys[k % len(self.valleys)]
        s = (0.24 + 0.3 * (k // len(self.valleys)) + self.rng.uniform(-0.08, 0.08)) * road.length_m
        for town in TOWNS:  # keep clear of its streets
            middle = town.share * road.length_m
            if self.roads[town.road] is road and abs(s - middle) < 800.0:
                s = middle - 900.0
        aside = float(self.rng.choice([-1, 1]) * self.rng.uniform(700, 1_500))
        end = road.point(s + self.rng.uniform(-300, 300), aside)
        path = winding(road.join(s), end, self.rng, sway_m=70.0, wave_m=620.0)
        return Road(path, "", ways=((1.0, "track"),))

    def draw(self, road: Road) -> None:
        """Draw a road through its joins and, between them, as many points as its bends need."""
        bend = 17.0 if road.ways[0][1] == "track" else 24.0
        regular = np.linspace(0.0, road.length_m, max(round(road.length_m / bend), 2))
        joins = np.array(sorted(road.stations))
        if joins.size:
            near = np.abs(regular[1:-1, None] - joins).min(axis=1) < 9.0
            regular = np.concatenate([regular[[0]], regular[1:-1][~near], regular[[-1]]])
        stations = np.unique(np.concatenate([regular, joins]))
        start = 0.0
        for share, highway in road.ways:
            stop = stations[np.abs(stations - share * road.length_m).argmin()]
            part = stations[(stations >= start) & (stations <= stop)]
            tags: Tags = {"highway": highway}
            if road.name:
                tags["name"] = road.name
            if highway == "track":
                tags["tracktype"] = "grade3"
            self.drawing.way([road.point(s) for s in part], tags)
            start = stop

    def lay_bridges(self) -> None:
        """Lay three more bridges; the middle one leads from the town to the empty bank west of the south quarter."""
        for u in RURAL_BRIDGES_U:
            ends = []
            for side in (-1, 1):
                if side > 0 and core.COLUMNS[0].at < u < core.COLUMNS[-1].at:
                    ends.append(along_river(u, core.BANK_V))
                else:
                    road = self.river_road(u, side)
                    ends.append(road.join(road.station_at_x(u)))
            self.drawing.way(ends, {"highway": "tertiary", "bridge": "yes", "layer": "1", "name": "老桥"})

    def lay_motorway(self) -> None:
        """Draw a motorway on viaducts, and one interchange; nobody may walk on either."""
        u = np.arange(RIVER_ENDS[0], RIVER_ENDS[1] + 1, 160.0)
        tags: Tags = {
            "highway": "motorway",
            "oneway": "yes",
            "motorroad": "yes",
            "name": "澜江高速",
            "bridge": "yes",
            "layer": "2",
        }
        for offset, line in ((-14.0, u), (14.0, u[::-1])):
            for k in range(0, len(line) - 1, 32):
                part = line[k : k + 33]
                self.drawing.way(along_river(part, motorway_v(part) + offset), tags)
        road = self.valleys[4]
        ramp = self.drawing.way
        link: Tags = {"highway": "motorway_link", "oneway": "yes", "motorroad": "yes"}
        foot = sorted(road.stations)[1]
        near = float(u[np.abs(u - road.point(foot)[0]).argmin()])
        for step, offset in ((-640.0, 14.0), (640.0, -14.0)):
            ramp([along_river(near + step, motorway_v(near + step) + offset), road.point(foot)], link)

    # -- places ----------------------------------------------------------------------------------------------------

    def lay_town(self, road: Road, town: Town) -> None:
        """Lay a town: a crooked grid whose main street is the road."""
        middle, group = town.share * road.length_m, f"town:{town.name}"
        along = middle + np.cumsum(self.rng.uniform(88, 128, 11)) - 620.0
        across = np.array([-3, -2, -1, 0, 1, 2, 3]) * 92.0 + self.rng.uniform(-12, 12, 7) * [1, 1, 1, 0, 1, 1, 1]
        point = {(s, b): road.join(s) if b == 0 else road.point(s, b) for s in along for b in across}
        for s in along:
            self.drawing.way([point[s, b] for b in across], {"highway": "residential"})
        for b in across:
            line = [(s, point[s, b]) for s in along]
            for west, east in pairwise(along):
                for share in (0.33, 0.67) if self.rng.random() < 0.9 else ():
                    s = west + share * (east - west)
                    line.append((s, self.lay_stub(road, s, b, group)))
            if b:
                self.drawing.way([p for _, p in sorted(line, key=lambda item: item[0])], {"highway": "residential"})

    def lay_stub(self, road: Road, s: float, aside: float, group: str) -> NDArray[np.float64]:
        """Lay a blind alley between two rows of houses, off the street `aside` of the road; returns where it starts."""
        start = road.join(s) if aside == 0 else road.point(s, aside)
        end = road.point(s, aside + float(self.rng.uniform(30, 55)))
        self.drawing.way([start, end], {"highway": "footway"})
        facing = (end - start) / np.hypot(*(end - start))
        right = np.array([facing[1], -facing[0]])
        floors = int(self.rng.integers(3, 7))
        for sign in (-1, 1):
            self.county.house(end + sign * 13 * right - facing * 8, facing, floors=floors, weight=floors, group=group)
        return start

    def lay_villages(self) -> None:
        """Lay villages along every road, at the end of every track, and on top of every pass."""
        towns = [self.roads[t.road].point(t.share * self.roads[t.road].length_m) for t in TOWNS]
        for road in self.roads:
            first = 700.0 if road in self.valleys else 2_600.0
            gap = VILLAGE_GAP_M if road in self.valleys else 3 * VILLAGE_GAP_M
            for s in np.arange(first, road.length_m - 250.0, gap) + 0.0:
                at = float(s + self.rng.uniform(-150, 150))
                if min(np.hypot(*(road.point(at) - town)) for town in towns) > 1_050.0:
                    self.lay_village(road, at, float(self.rng.lognormal(5.25, 0.45)))
        for track in self.tracks:
            self.lay_village(track, track.length_m - 120.0, float(self.rng.lognormal(4.6, 0.4)), remote=True)
        for road in self.passes:
            self.lay_village(road, road.length_m / 2, float(self.rng.lognormal(4.7, 0.4)), remote=True)

    def lay_village(self, road: Road, s: float, people: float, *, remote: bool = False) -> None:
        """Lay a handful of lanes off the road with houses along them."""
        x, y = (float(value) for value in road.point(s))
        v = y - river_y(x)
        if not shapely.contains_xy(self.inside, x, y) or abs(v - motorway_v(x)) < 240.0:
            return
        name = VILLAGE_NAMES[len(self.villages)] + "村"
        self.drawing.node((x, y + 25.0), {"place": "hamlet" if remote else "village", "name": name})
        self.villages.append(Village(name, x, y, people, remote))
        lanes = int(np.clip(round(people / 30.0), 3, 10))
        ends: dict[int, list[tuple[float, NDArray[np.float64]]]] = {-1: [], 1: []}
        for k in range(lanes):
            at = s + (k - (lanes - 1) / 2) * 46.0 + float(self.rng.uniform(-9, 9))
            side = 1 if k % 2 else -1
            reach = float(self.rng.uniform(90, 205))
            ends[side].append((at, self.lay_lane(road, at, side * reach, people / lanes)))
        for row in ends.values():
            for (_, a), (_, b) in pairwise(row):
                if self.rng.random() < 0.5:
                    self.drawing.way([a, b], {"highway": "path"})

    def lay_lane(self, road: Road, s: float, reach: float, people: float) -> NDArray[np.float64]:
        """Lay a lane away from the road, a yard path every 25 m or so; returns the lane's end."""
        s = float(np.clip(s, 0.0, road.length_m))
        side, skew = np.sign(reach), float(self.rng.uniform(-0.18, 0.18))
        steps = np.linspace(0.0, abs(reach), max(round(abs(reach) / 27.0), 3) + 1)
        sway = np.cumsum(self.rng.uniform(-4.0, 4.0, len(steps)))
        at = [road.join(s)] + [road.point(s + skew * t + w, side * t) for t, w in zip(steps[1:], sway[1:], strict=True)]
        self.drawing.way(at, {"highway": "residential" if abs(reach) > 110 else "service"})
        hand = 1.0
        for a, b in pairwise(at):
            facing = (b - a) / np.hypot(*(b - a))
            right = np.array([facing[1], -facing[0]]) * hand
            self.drawing.way([b, b + right * 15.0], {"highway": "footway"})
            if self.rng.random() < 0.42:
                self.county.house(
                    b + right * 21.0, facing, floors=int(self.rng.integers(1, 4)), weight=0.0, group="village"
                )
            self.county.home(b + right * 21.0, people / (len(at) - 1), "village")
            hand = -hand
        return np.asarray(at[-1])

    def lay_farmsteads(self) -> None:
        """Lone farms along the valleys, whose paths no map shows."""
        for _ in range(FARMSTEADS):
            road = self.valleys[int(self.rng.integers(len(self.valleys)))]
            s, aside = self.rng.uniform(0.1, 0.98) * road.length_m, self.rng.choice([-1, 1]) * self.rng.uniform(40, 330)
            x, y = road.point(float(s), float(aside))
            if shapely.contains_xy(self.inside, x, y):
                self.county.home((x, y), float(self.rng.uniform(2, 6)), "village")

    # -- water -----------------------------------------------------------------------------------------------------

    def lay_river(self) -> None:
        """Draw the water as an area with the island cut out, its middle line, and the streams of the valleys."""
        u = np.arange(RIVER_ENDS[0], RIVER_ENDS[1] + 1, 125.0)
        banks = [*along_river(u, half_width(u)), *along_river(u[::-1], -half_width(u[::-1]))]
        outer = self.drawing.ring(banks, {})
        turn = np.linspace(0.0, 2 * np.pi, 25)[:-1]
        inner = self.drawing.ring(
            list(along_river(LAKE_U + 420 * np.cos(turn), 260 * np.sin(turn))), {"place": "island", "name": "鹭洲"}
        )
        water: Tags = {"type": "multipolygon", "natural": "water", "water": "river", "name": "澜汀河"}
        self.drawing.relation([(outer, "outer"), (inner, "inner")], water)
        self.drawing.way(along_river(u[::2], 0.0), {"waterway": "river", "name": "澜汀河"})
        for valley in self.valleys:
            s = np.arange(60.0, valley.length_m, 240.0)
            self.drawing.way(valley.point(s, 45.0), {"waterway": "stream"})

    def lay_island(self) -> None:
        """Lay the hamlet in the lake: its lanes meet no other road, only the ferry leads there."""
        u = np.linspace(LAKE_U - 260, LAKE_U + 260, 60)
        lane = Road(along_river(u, 15.0 * np.sin(u / 90.0)), "鹭洲路", ways=((1.0, "residential"),))
        self.lay_village(lane, lane.length_m / 2, 130.0, remote=True)
        shore = self.river_road(LAKE_U, 1)
        far = shore.join(shore.station_at_x(LAKE_U + 300.0))
        near, landing = lane.join(lane.length_m), along_river(LAKE_U + 300.0, 180.0)
        self.drawing.way([near, landing], {"highway": "footway"})
        ferry: Tags = {"route": "ferry", "foot": "yes", "name": "鹭洲渡", "duration": "00:12"}
        self.drawing.way([landing, along_river(LAKE_U + 320.0, LAKE_HALF_WIDTH_M - RIVER_HALF_WIDTH_M), far], ferry)
        self.draw(lane)
