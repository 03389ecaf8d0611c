"""Types of street in the words of public road files, as OpenStreetMap's `highway`."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from typing import Any

from accessibility.streets.foot import ABSENT, FERRY, KINDS

NO_STREET = "no street"
"""What stands for the type of a line that is no street at all: a river, a railway, a wall."""
EXPRESSWAY = "expressway"
"""What stands for a road built as a motorway, though it is none by law."""
OTHER_HIGHWAYS = frozenset(
    {"raceway", "services", "rest_area", "busway", "bus_guideway", "escape", "bus_stop", "trailhead", "via_ferrata"}
    | {"ladder", "emergency_bay", "toll_gantry", "emergency_access_point", "traffic_island"}
)
"""Values of `highway` that OpenStreetMap knows and the foot-access table need not."""
# The longest word that a Chinese type of road holds decides: 城市快速路 is a 快速路, 人行天桥 a 人行.
_CHINESE = {
    **dict.fromkeys(("高速", "高速公路"), "motorway"),
    **dict.fromkeys(("匝道", "高速匝道"), "motorway_link"),
    "快速路": EXPRESSWAY,
    "国道": "trunk",
    **dict.fromkeys(("省道", "一级公路", "主干"), "primary"),
    **dict.fromkeys(("县道", "二级公路", "次干"), "secondary"),
    **dict.fromkeys(("乡道", "三级公路", "支路"), "tertiary"),
    **dict.fromkeys(("村道", "四级公路", "农村道路", "乡村道路", "专用公路"), "unclassified"),
    **dict.fromkeys(("街道", "小区", "居住", "巷", "胡同", "城市道路", "普通道路", "其他道路"), "residential"),
    **dict.fromkeys(("内部道路", "内部路", "服务", "停车场"), "service"),
    **dict.fromkeys(("机耕路", "等外公路", "田间道", "大车路"), "track"),
    **dict.fromkeys(("人行", "步道", "小路", "小径", "人行道"), "footway"),
    "步行街": "pedestrian",
    **dict.fromkeys(("台阶", "阶梯", "楼梯", "梯道"), "steps"),
    **dict.fromkeys(("自行车", "非机动车"), "cycleway"),
    **dict.fromkeys(("轮渡", "渡口", "航线"), FERRY),
    **dict.fromkeys(("在建", "建设中", "规划", "拟建"), "construction"),
    **dict.fromkeys(("铁路", "高铁", "地铁", "轻轨", "有轨", "轨道", "河", "水系", "湖", "渠", "岸线"), NO_STREET),
    **dict.fromkeys(("边界", "界线", "围墙", "栅栏", "电力", "管线", "等高线", "索道", "跑道"), NO_STREET),
}
_ENGLISH = {
    **dict.fromkeys(("freeway", "interstate", "autobahn", "controlled_access"), "motorway"),
    **dict.fromkeys(("ramp", "slip_road", "motorway_junction"), "motorway_link"),
    **dict.fromkeys(("expressway", "urban_expressway"), EXPRESSWAY),
    **dict.fromkeys(("national", "national_road", "national_highway", "arterial", "major", "major_road"), "primary"),
    **dict.fromkeys(("a_road", "main", "main_road", "main_street", "highway", "provincial_road"), "primary"),
    **dict.fromkeys(("b_road", "collector", "secondary_road", "county_road", "regional"), "secondary"),
    **dict.fromkeys(("minor", "minor_road", "local", "local_road", "local_street", "street", "lane"), "residential"),
    **dict.fromkeys(("avenue", "boulevard", "residential_street", "street_limited", "urban"), "residential"),
    **dict.fromkeys(("classified_unnumbered", "rural", "rural_road", "unpaved", "not_classified"), "unclassified"),
    **dict.fromkeys(("alley", "driveway", "access_road", "local_access_road", "secondary_access_road"), "service"),
    **dict.fromkeys(("service_road", "parking_aisle", "private_road"), "service"),
    "restricted_local_access_road": "service",
    **dict.fromkeys(("track_grade1", "track_grade2", "track_grade3", "track_grade4", "track_grade5"), "track"),
    **dict.fromkeys(("sidewalk", "walkway", "crosswalk", "foot", "pavement", "pathway", "footpath"), "footway"),
    **dict.fromkeys(("trail", "hiking", "hiking_trail"), "path"),
    **dict.fromkeys(("pedestrian_street", "square", "plaza", "mall"), "pedestrian"),
    **dict.fromkeys(("stairs", "stairway", "staircase", "stair"), "steps"),
    **dict.fromkeys(("cycle_path", "bike_path", "bicycle", "bikeway", "cycle_track"), "cycleway"),
    **dict.fromkeys(("ferry_route", "ferry_line"), FERRY),
    **dict.fromkeys(("lift",), "elevator"),
    **dict.fromkeys(("under_construction",), "construction"),
}
# The feature class codes of the US Census Bureau's street files.
_TIGER = {
    "s1100": "motorway",
    "s1200": "primary",
    "s1400": "residential",
    "s1500": "track",
    "s1630": "motorway_link",
    "s1640": "service",
    "s1710": "footway",
    "s1720": "steps",
    "s1730": "service",
    "s1740": "service",
    "s1750": "service",
    "s1780": "service",
    "s1820": "cycleway",
    "s1830": "bridleway",
}
_NO_STREETS = frozenset(
    {"rail", "railway", "railroad", "train", "tram", "subway", "light_rail", "metro", "monorail", "funicular"}
    | {"narrow_gauge", "standard_gauge", "river", "stream", "canal", "drain", "ditch", "waterway", "water"}
    | {"coastline", "shoreline", "boundary", "administrative", "wall", "fence", "hedge", "kerb", "curb", "power"}
    | {"power_line", "line", "pipeline", "contour", "cable_car", "aerialway", "runway", "taxiway", "building"}
)
# Of Overture's flags, those that say where people walk.
_FLAGS = {"is_bridge": ("bridge", "yes"), "is_tunnel": ("tunnel", "yes"), "is_indoor": ("indoor", "yes")}
_FLAGS |= dict.fromkeys(("is_under_construction", "is_abandoned"), ("highway", "construction"))
_TIGER_OTHER = re.compile(r"[a-rt-z]\d{4}")  # S is for streets


def street_word(word: str) -> str | None:
    """Return the `highway` that a type of street means, `NO_STREET` for what is none, None for a word unknown here.

    Examples
    --------
    >>> street_word("Local Road"), street_word("城市快速路"), street_word("S1710"), street_word("river")
    ('residential', 'expressway', 'footway', 'no street')
    >>> street_word("Strasse 3. Klasse") is None
    True
    """
    plain = re.sub(r"[\s\-/]+", "_", word.strip().lower())
    plain = plain.removeprefix("highway=")
    if plain in KINDS[:-1] or plain in ABSENT:
        return plain
    if plain in _NO_STREETS or _TIGER_OTHER.fullmatch(plain):
        return NO_STREET
    known = _ENGLISH.get(plain) or _TIGER.get(plain)
    held = max((name for name in _CHINESE if name in plain), key=len, default=None)
    return known or (_CHINESE[held] if held else None)


def parse_structure(text: str) -> Any:
    """Return what a text holds as JSON or as Python prints it, None where it is neither."""
    for parse in (json.loads, ast.literal_eval):
        with suppress(SyntaxError, ValueError):
            return parse(text)
    return None


def unfold_overture(tags: dict[str, str]) -> dict[str, str]:
    """Return the tags with Overture's structures (as JSON) said in OpenStreetMap's words.

    What holds for a part of a segment only is left out, as it is for ways.

    Examples
    --------
    >>> unfold_overture({"road_flags": '[{"values": ["is_bridge"]}]'})
    {'bridge': 'yes'}
    >>> unfold_overture({"access_restrictions": '[{"access_type": "denied", "when": {"mode": ["foot"]}}]'})
    {'foot': 'no'}
    """
    found = dict(tags)
    for flag in _structures(found.pop("road_flags", "")):
        found |= dict(_FLAGS[name] for name in flag.get("values", ()) if name in _FLAGS)
    for rule in _structures(found.pop("level_rules", "")):
        found["layer"] = str(rule.get("value", 0))
    for rule in _structures(found.pop("access_restrictions", "")):
        found |= _restriction(rule.get("access_type") == "denied", rule.get("when") or {})
    return found


def _restriction(denied: bool, when: dict[str, Any]) -> dict[str, str]:  # noqa: FBT001
    others = when.get("mode") and "foot" not in when["mode"]
    if others or any(when.get(limit) for limit in ("during", "vehicle", "recognized")):
        return {}
    word, using = "no" if denied else "yes", set(when.get("using") or ())
    if when.get("heading"):
        # Headings of rules for all are those of one-way streets, which bind vehicles.
        return {f"foot:{when['heading']}": word} if when.get("mode") else {}
    if using:
        return {"access": "private"} if not denied and using & {"as_private", "as_customer"} else {}
    return {"foot" if when.get("mode") else "access": word}


def _structures(text: str) -> list[dict[str, Any]]:
    """Return the parts that hold for the whole of a segment."""
    read = parse_structure(text) if text else []
    parts = read if isinstance(read, list) else []
    return [part for part in parts if isinstance(part, dict) and part.get("between") is None]
