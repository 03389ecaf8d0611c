"""The county's service outlets, its bank branches and the places where a counter could open."""

from __future__ import annotations

import csv
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import county_core as core
import county_ground as ground
import geopandas as gpd
import numpy as np
import openpyxl
import shapely
from county_country import TOWNS
from county_osm import STAMP
from county_people import COUNTRY_DISTRICTS, STREET_DISTRICTS, seats, write_layer

from accessibility.geo.projection import from_wgs84

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from county_country import Country, Village
    from county_osm import County, Drawing
    from county_people import Townships

ASIDE_M = 14.0  # a counter stands this far off the middle of its street
OUTLET_HEADER = ("编号", "网点名称", "地址", "经度", "纬度", "类型", "状态", "营业时间", "服务事项", "联系电话")
BANK_HEADER = ("id", "name", "bank", "address", "lon", "lat", "partner", "status")
CORE_OUTLETS = (  # name, (u, v), state; all north of the river
    ("澜汀县社会保险服务中心", (170.0, 1_210.0), "在用"),
    ("汀城街道便民服务中心", (-330.0, 690.0 + ASIDE_M), "在用"),
    ("北屏街道便民服务中心", (-720.0, 2_210.0 + ASIDE_M), "在用"),
    ("西环社保服务站", (-1_720.0, 1_720.0 + ASIDE_M), "在用"),
    ("东环社保服务站", (1_700.0, 1_210.0), "在用"),
    ("松山路社保服务站", (1_320.0, 2_210.0 + ASIDE_M), "在用"),
    ("雁塔路社保服务站", (-1_500.0, 690.0 + ASIDE_M), "在用"),
    ("滨江社保服务站", (1_100.0, 690.0 - ASIDE_M), "在用"),
    ("学府路社保服务站", (560.0, 2_210.0 + ASIDE_M), "停用"),
)
NO_COUNTER = (
    "茶垭",
    "石瓮",
    "枫槽乡",
)  # seats without an outlet of their own; Fengcao is served from across its border
VILLAGE_OUTLETS = 4
ROOMS = (  # that a community could lend: three on the south bank
    ("南浦社区服务室", (500.0, -700.0 + ASIDE_M)),
    ("江南社区服务室", (-330.0, -700.0 + ASIDE_M)),
    ("南山社区服务室", (1_240.0, -1_240.0 + ASIDE_M)),
    ("松山路社区服务室", (1_830.0, 2_210.0 + ASIDE_M)),
)
BANKS = ("澜汀农商银行", "丰禾银行", "江畔银行", "云帆村镇银行")
PARTNER_BANK = BANKS[0]
PARTNER_CORNERS = ((0, 1), (1, 5), (2, 3), (4, 0), (4, 3), (6, 5), (7, 1), (8, 3))  # column and row of the north grid
NORTH_BRANCHES, SOUTH_BRANCHES, TOWN_BRANCHES = 14, 5, 2
SERVICES = "养老待遇资格认证;社会保障卡;城乡居民养老参保"


class Place(NamedTuple):
    """Somewhere with a name and, maybe, an address."""

    name: str
    xy: ground.Points
    address: str = ""


def is_seat_without(name: str) -> bool:
    """Whether a township's seat has no outlet."""
    return any(name.startswith(bare) for bare in NO_COUNTER)


def make_outlets(country: Country, townships: Townships) -> list[tuple[Place, str, str]]:
    """Place the county's own outlets: (place, type, state)."""
    out = [(Place(name, ground.along_river(*uv), "县城"), "街道", state) for name, uv, state in CORE_OUTLETS]
    out += [
        (Place(f"{seat.name}便民服务中心", seat.xy + ASIDE_M, f"{seat.name}政府驻地"), "乡镇", "在用")
        for seat in seats(country)[len(STREET_DISTRICTS) :]
        if not is_seat_without(seat.name)
    ]
    out.append((across_the_border(country, townships), "村居", "在用"))
    out += [
        (Place(f"{village.name}便民服务站", np.array([village.x, village.y + 20.0]), village.name), "村居", "在用")
        for village in most_remote(country.villages, [row[0].xy for row in out], VILLAGE_OUTLETS, at_least_m=2_600.0)
    ]
    return out


def across_the_border(country: Country, townships: Townships) -> Place:
    """Find a spot just outside the township without an outlet, on its road: its people are served from next door."""
    _, _, index, share = next(row for row in COUNTRY_DISTRICTS if row[0] in NO_COUNTER)
    road, home = country.roads[index], share * country.roads[index].length_m
    cell = townships.table.set_index("name").geometry[NO_COUNTER[-1]]
    stations = np.arange(home, 0.0, -50.0)
    within = shapely.contains_xy(cell, ground.to_lonlat(road.point(stations)))
    s = float(stations[~within][0]) - 120.0
    return Place("界桥便民服务站", road.point(s, ASIDE_M), f"{road.name}界桥头")


def most_remote(
    villages: Iterable[Village], sites: list[ground.Points], count: int, *, at_least_m: float
) -> list[Village]:
    """Take villages one by one: the most populous of those farther than `at_least_m` from every site so far."""
    taken: list[Village] = []
    for village in sorted(villages, key=lambda village: -village.people):
        spots = [*sites, *(np.array([t.x, t.y]) for t in taken)]
        away = min(np.hypot(*(np.array([village.x, village.y]) - xy)) for xy in spots)
        if len(taken) < count and away > at_least_m:
            taken.append(village)
    return taken


def make_banks(county: County, country: Country) -> list[tuple[Place, str, str, str]]:
    """Place bank branches: (place, bank, partner, status). They follow custom: the town first, then the seats."""
    out: list[tuple[Place, str, str, str]] = []

    def open_branch(xy: ground.Points, where: str, *, partner: bool) -> None:
        bank = PARTNER_BANK if partner else BANKS[len(out) % len(BANKS)]
        out.append((Place(f"{bank}{where}支行", xy, where), bank, "是" if partner else "否", "营业"))

    for columns, rows, count in (
        (core.COLUMNS, core.NORTH_ROWS, NORTH_BRANCHES),
        (core.SOUTH_COLUMNS, core.SOUTH_ROWS, SOUTH_BRANCHES),
    ):
        partners = PARTNER_CORNERS if rows is core.NORTH_ROWS else ()
        corners = [(i, j) for i in range(len(columns)) for j in range(len(rows)) if (i, j) not in partners]
        others = [corners[k] for k in county.rng.choice(len(corners), count - len(partners), replace=False)]
        for i, j in sorted([*partners, *others]):
            street, row = columns[i], rows[j]
            xy = ground.along_river(street.at + street.edge_m + ASIDE_M, row.at + row.edge_m + ASIDE_M)
            open_branch(xy, f"{street.name}{row.name}口", partner=(i, j) in partners)
    for town in TOWNS:
        road = country.roads[town.road]
        for k in range(TOWN_BRANCHES):
            xy = road.point(town.share * road.length_m + (-190.0, 230.0)[k], ASIDE_M)
            open_branch(xy, f"{town.name}镇{'南北'[k]}街", partner=k == 0 and town.name in ("石瓮", "梨坪", "雁桥"))
    for k, (name, _, index, share) in enumerate(COUNTRY_DISTRICTS):
        road = country.roads[index]
        open_branch(road.point(share * road.length_m + 130.0, ASIDE_M), name, partner=k == 3)
    shut = next(k for k, row in enumerate(out) if row[2] == "否")
    out[shut] = (*out[shut][:3], "停业")
    return out


def make_candidates(country: Country, sites: list[ground.Points]) -> list[tuple[Place, float]]:
    """Say where a counter could open: (place, cost). Rooms in the south quarter, and committees of far villages."""
    out = [(Place(name, ground.along_river(*uv)), 4.0) for name, uv in ROOMS]
    town = next(t for t in TOWNS if t.name == "茶垭")
    road = country.roads[town.road]
    out.append((Place("茶垭镇便民服务室", road.point(town.share * road.length_m, ASIDE_M)), 3.0))
    island = country.villages[-1]
    for village in [*most_remote(country.villages[:-1], sites, 9, at_least_m=2_900.0), island]:
        room = Place(f"{village.name}委会", np.array([village.x, village.y + 12.0]))
        out.append((room, 2.0 if village.remote else 3.0))
    return out


def write_outlets(path: Path, outlets: list[tuple[Place, str, str]]) -> None:
    """Write the outlets as a county's office keeps them: GB18030, GCJ-02, Chinese headings."""
    degrees = ground.to_lonlat([place.xy for place, *_ in outlets])
    lon, lat = from_wgs84(degrees[:, 0], degrees[:, 1], "GCJ-02")
    with path.open("w", encoding="gb18030", newline="") as out:
        table = csv.writer(out)
        table.writerow(OUTLET_HEADER)
        for k, (place, kind, state) in enumerate(outlets):
            spot = f"{lon[k]:.6f}", f"{lat[k]:.6f}"
            hours = "09:00-17:00" if kind != "村居" else "09:00-12:00"
            phone = f"(0000) 555 {k + 1:04d}"
            table.writerow([f"O{k + 1:03d}", place.name, place.address, *spot, kind, state, hours, SERVICES, phone])


def write_banks(path: Path, banks: list[tuple[Place, str, str, str]]) -> None:
    """Write the branches as a workbook whose bytes do not tell the day it was made."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "banks"
    sheet.append(BANK_HEADER)
    for k, (place, bank, partner, status) in enumerate(banks):
        lon, lat = ground.to_lonlat(place.xy)[0].round(6).tolist()
        sheet.append([f"B{k + 1:03d}", place.name, bank, f"澜汀县{place.address}", lon, lat, partner, status])
    raw = BytesIO()
    book.save(raw)
    stamp = datetime.strptime(STAMP, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    with zipfile.ZipFile(raw) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in made.namelist():
            content = made.read(name)
            if name == "docProps/core.xml":  # saving sets the time of change, whatever the properties said
                for moment in (book.properties.created, book.properties.modified):
                    content = content.replace(f"{moment:%Y-%m-%dT%H:%M:%SZ}".encode(), STAMP.encode())
            out.writestr(zipfile.ZipInfo(name, stamp.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)


def write_candidates(path: Path, candidates: list[tuple[Place, float]]) -> None:
    """Write the candidates as points in degrees."""
    points = gpd.points_from_xy(*ground.to_lonlat([place.xy for place, _ in candidates]).T)
    columns = {
        "id": [f"C{k + 1:03d}" for k in range(len(candidates))],
        "name": [place.name for place, _ in candidates],
        "kind": "new",
        "cost": [cost for _, cost in candidates],
    }
    write_layer(path, gpd.GeoDataFrame(columns, geometry=points, crs=4326), "candidates")


def draw_services(drawing: Drawing, country: Country, banks: list[tuple[Place, str, str, str]]) -> None:
    """Draw the banks, and each seat's town hall and post office, as a map would have them."""
    for place, bank, *_ in banks:
        drawing.node(place.xy, {"amenity": "bank", "name": place.name, "operator": bank})
    for seat in seats(country):
        hall = {"amenity": "townhall", "name": f"{seat.name}人民政府", "name:en": seat.letters}
        drawing.node(seat.xy + np.array([24.0, 18.0]), hall)
        drawing.node(seat.xy + np.array([-30.0, 21.0]), {"amenity": "post_office", "name": f"{seat.name}邮政所"})
