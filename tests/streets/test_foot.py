"""The foot-access table, row by row."""

from __future__ import annotations

import pytest

from accessibility.errors import InputError
from accessibility.streets.foot import KINDS, FootAccess, kind_of, value_by_day

DEFAULT = FootAccess()
CHINA = FootAccess(access="china")


def tags(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())


@pytest.mark.parametrize(
    "highway",
    [
        "footway",
        "path",
        "pedestrian",
        "steps",
        "living_street",
        "residential",
        "service",
        "track",
        "unclassified",
        "road",
        "corridor",
        "platform",
        "tertiary",
        "tertiary_link",
        "secondary",
        "secondary_link",
        "primary",
        "primary_link",
        "trunk",
        "trunk_link",
        "elevator",
        "crossing",
    ],
)
def test_streets_and_paths_are_walkable(highway: str) -> None:
    for foot in (DEFAULT, CHINA):
        assert foot.may_walk({"highway": highway})[:5] == (True, 0, "", False, False)


@pytest.mark.parametrize(
    "highway",
    [
        "motorway",
        "motorway_link",
        "construction",
        "proposed",
        "planned",
        "abandoned",
        "razed",
        "raceway",
        "bus_guideway",
        "busway",
        "rest_area",
        "services",
        "escape",
        "no",
        "via_ferrata",
        "some_new_value",
    ],
)
def test_others_are_not(highway: str) -> None:
    for foot in (DEFAULT, CHINA):
        assert foot.may_walk({"highway": highway})[:6] == (False, 0, f"highway={highway}", False, False, False)


@pytest.mark.parametrize(
    ("text", "default", "china"),
    [
        ("highway=cycleway", True, True),
        ("highway=cycleway foot=yes", True, True),
        ("highway=cycleway foot=designated", True, True),
        ("highway=cycleway foot=no", False, False),
        ("highway=cycleway access=yes", True, True),
        ("highway=cycleway access=no", False, False),
        ("highway=bridleway", True, False),
        ("highway=bridleway foot=yes", True, True),
        # foot beats access, both ways
        ("highway=service access=private foot=yes", True, True),
        ("highway=service access=no foot=permissive", True, True),
        ("highway=footway access=yes foot=no", False, False),
        ("highway=footway foot=unknown", True, True),
        ("highway=footway foot=unknown access=no", False, False),
        ("highway=motorway foot=yes", True, True),
        # what stands nowhere cannot be walked on
        ("highway=construction foot=yes", False, False),
        ("highway=proposed sidewalk=both", False, False),
        ("highway=residential status=proposed foot=yes", False, False),
        ("highway=residential status=active", True, True),
        ("highway=residential planned=yes", False, False),
        ("highway=residential planned=1", False, False),
        ("highway=residential 是否通车=否", False, False),
        ("highway=residential built=1998", True, True),
        ("highway=residential walkable=0", False, False),
        ("highway=residential AR_PEDEST=N foot=yes", True, True),
        # a sidewalk opens any road
        ("highway=motorway sidewalk=both", True, True),
        ("highway=trunk motorroad=yes sidewalk=right", True, True),
        ("highway=trunk expressway=yes sidewalk:left=yes", True, True),
        ("highway=residential access=no sidewalk=both", False, False),
        ("highway=primary sidewalk=separate", True, True),
        ("highway=trunk sidewalk=separate", True, True),
        # motorroads and expressways
        ("highway=primary motorroad=yes", False, False),
        ("highway=primary motorroad=yes foot=yes", True, True),
        ("highway=trunk motorroad=yes", False, False),
        ("highway=trunk expressway=yes", False, False),
        ("highway=trunk_link sidewalk=no", False, False),
        ("highway=trunk sidewalk:both=no", False, False),
        ("highway=primary sidewalk=no", True, True),
        ("highway=primary expressway=yes", True, True),
        # tunnels
        ("highway=primary tunnel=yes", True, True),
        ("highway=motorway tunnel=yes", False, False),
        ("highway=trunk tunnel=yes sidewalk=both", True, True),
        ("highway=secondary tunnel=yes", True, True),
        ("highway=footway tunnel=yes", True, True),
        ("highway=primary tunnel=building_passage", True, True),
        # squares, services, ferries
        ("highway=pedestrian area=yes", True, True),
        ("highway=service service=driveway", True, True),
        ("route=ferry foot=yes", False, False),
        ("railway=rail", False, False),
    ],
)
def test_rows_of_the_table(text: str, default: bool, china: bool) -> None:  # noqa: FBT001 -- the answer in the row
    assert DEFAULT.may_walk(tags(text)).walkable is default
    assert CHINA.may_walk(tags(text)).walkable is china


@pytest.mark.parametrize(
    "value",
    [
        "no",
        "use_sidepath",
        "military",
        "restricted",
        "emergency",
        "agricultural",
        "forestry",
        "delivery",
        "permit",
        "service",
    ],
)
def test_blocked_values(value: str) -> None:
    assert DEFAULT.may_walk({"highway": "footway", "access": value}).reason == f"access={value}"
    assert DEFAULT.may_walk({"highway": "footway", "foot": value}).reason == f"foot={value}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("highway=residential access=permit sidewalk=both", ""),
        ("highway=residential access=permit sidewalk:left=yes", ""),
        ("highway=residential access=permit sidewalk=no", "access=permit"),
        ("highway=residential access=permit foot=permit sidewalk=both", "foot=permit"),
        ("highway=residential access=no sidewalk=both", "access=no"),
    ],
)
def test_a_sidewalk_needs_no_permit(text: str, reason: str) -> None:
    assert DEFAULT.may_walk(tags(text)).reason == reason


@pytest.mark.parametrize("value", ["yes", "designated", "permissive", "official", "destination", "public"])
def test_allowed_values(value: str) -> None:
    assert DEFAULT.may_walk({"highway": "cycleway", "access": "no", "foot": value}).walkable


@pytest.mark.parametrize(
    ("text", "walkable", "private"),
    [
        ("highway=service access=private", True, True),
        ("highway=service foot=private", True, True),
        ("highway=service access=customers", True, True),
        ("highway=service access=residents", True, True),
        ("highway=footway foot=members", True, True),
        ("highway=service access=employees foot=yes", True, False),
        ("highway=residential access=private sidewalk=both", True, True),
        ("highway=service access=yes foot=private", True, True),
        ("highway=service access=private foot=yes", True, False),
        ("highway=service access=destination", True, False),
        ("highway=service access=private foot=no", False, False),
        ("highway=service access=no", False, False),
        ("highway=motorway access=private", False, False),
        ("highway=construction access=private", False, False),
    ],
)
def test_private_ways_are_for_residents(text: str, walkable: bool, private: bool) -> None:  # noqa: FBT001
    walk = DEFAULT.may_walk(tags(text))
    assert (walk.walkable, walk.private) == (walkable, private)


@pytest.mark.parametrize(
    ("text", "off_ground"),
    [
        ("highway=footway", False),
        ("highway=footway bridge=yes", True),
        ("highway=residential bridge=viaduct layer=1", True),
        ("highway=footway bridge=no", False),
        ("highway=footway tunnel=yes", True),
        ("highway=footway tunnel=culvert", True),
        ("highway=service tunnel=building_passage", False),
        ("highway=footway indoor=yes", True),
        ("highway=footway indoor=no", False),
        ("highway=footway location=underground", True),
        ("highway=footway location=indoor", True),
        ("highway=footway location=overground", True),
        ("highway=corridor", True),
        ("highway=platform", True),
        ("highway=elevator", True),
        ("highway=footway layer=-1", True),
        ("highway=footway layer=+1", True),
        ("highway=footway layer=0", False),
        ("highway=motorway bridge=yes", False),  # nobody walks there at all
    ],
)
def test_ways_not_at_the_level_of_the_ground(text: str, off_ground: bool) -> None:  # noqa: FBT001
    assert DEFAULT.may_walk(tags(text)).off_ground is off_ground


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("barrier=gate access=private", True),
        ("barrier=lift_gate foot=private", True),
        ("barrier=lift_gate access=residents", True),
        ("barrier=gate access=no", False),
        ("barrier=gate locked=yes", False),
        ("barrier=wall access=private", False),
    ],
)
def test_residents_have_keys_to_private_gates(text: str, keys: bool) -> None:  # noqa: FBT001
    assert DEFAULT.has_keys(tags(text)) is keys


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("highway=residential oneway=yes", 0),
        ("highway=footway oneway=yes", 0),
        ("highway=footway oneway:foot=yes", 1),
        ("highway=footway oneway:foot=-1", -1),
        ("highway=steps oneway=yes", 1),
        ("highway=steps oneway=-1", -1),
        ("highway=steps oneway=yes oneway:foot=no", 0),
        ("highway=steps conveying=forward", 1),
        ("highway=steps conveying=backward", -1),
        ("highway=steps conveying=reversible", 0),
        ("highway=footway conveying=yes oneway=yes", 1),
        ("highway=path foot:backward=no", 1),
        ("highway=path foot:forward=no", -1),
    ],
)
def test_directions(text: str, direction: int) -> None:
    walk = DEFAULT.may_walk(tags(text))
    assert walk.walkable
    assert walk.direction == direction


def test_a_way_closed_both_ways_is_closed() -> None:
    walk = DEFAULT.may_walk(tags("highway=path foot:forward=no foot:backward=no"))
    assert (walk.walkable, walk.direction) == (False, 0)


@pytest.mark.parametrize(
    ("rule", "by_day"),
    [
        ("yes @ (06:00-22:00)", "yes"),
        ("yes @ (22:00-06:00)", ""),
        ("no @ (22:00-06:00)", ""),
        ("no @ (08:00-17:00)", "no"),
        ("no @ (20:00-13:00)", "no"),
        ("yes @ (Mo-Fr 6:00-22:00; Sa 08:00-12:00)", "yes"),
        ("yes @ (Sa,Su 08:00-18:00)", ""),
        ("yes @ (Sa-We 08:00-18:00)", "yes"),
        ("no @ (Mo-Fr)", "no"),
        ("no @ (PH)", ""),
        ("yes @ (24/7)", "yes"),
        ("yes @ (sunrise-sunset)", "yes"),
        ("yes @ (sunset-sunrise)", ""),
        ("yes @ (09:00+)", "yes"),
        ("no @ (24/7); yes @ (09:00-17:00)", "yes"),
        ("yes @ (09:00-17:00); no @ (Mo-Fr 11:00-13:00)", "no"),
        ("private @ (08:00-17:00)", "private"),
        ("delivery @ (06:00-14:00)", ""),
        ("no @ (May-Oct 08:00-17:00)", ""),
        ("no @ (wet)", ""),
        ("yes @ (emergency)", ""),
        ("no", ""),
        ("", ""),
        pytest.param(";" * 200_000, "", id="an hour of looking back"),
    ],
)
def test_a_rule_for_certain_times_is_read_at_noon_of_a_wednesday(rule: str, by_day: str) -> None:
    assert value_by_day(rule) == by_day


def test_a_way_shut_by_day_is_shut_and_one_shut_by_night_is_not() -> None:
    by_day = DEFAULT.may_walk({"highway": "footway", "foot:conditional": "no @ (Mo-Fr 08:00-17:00)"})
    assert (by_day.walkable, by_day.conditional) == (False, True)
    walk = DEFAULT.may_walk({"highway": "footway", "foot:conditional": "no @ (22:00-06:00)"})
    assert (walk.walkable, walk.conditional) == (True, True)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("barrier=wall", True),
        ("barrier=fence", True),
        ("barrier=fence foot=yes", False),
        ("barrier=gate", False),
        ("barrier=gate access=yes", False),
        ("barrier=gate access=no", True),
        ("barrier=gate access=private", True),
        ("barrier=gate access=private foot=yes", False),
        ("barrier=gate locked=yes", True),
        ("barrier=gate locked=yes access=private", True),
        ("barrier=lift_gate access=private", True),
        ("barrier=swing_gate access=no", True),
        ("barrier=yes access=no", True),
        ("barrier=chain access=private", True),
        ("barrier=chain", False),
        ("barrier=lift_gate foot=no", True),
        ("barrier=bollard", False),
        ("barrier=bollard access=no", False),
        ("barrier=kissing_gate", False),
        ("barrier=stile", False),
        ("barrier=turnstile", False),
        ("barrier=entrance", False),
        ("barrier=cycle_barrier", False),
        ("barrier=kerb", False),
        ("barrier=toll_booth", False),
        ("highway=crossing access=no", False),
    ],
)
def test_barriers(text: str, blocks: bool) -> None:  # noqa: FBT001
    assert DEFAULT.blocks(tags(text)) is blocks


def test_kinds() -> None:
    assert KINDS[kind_of({"highway": "steps"})] == "steps"
    assert KINDS[kind_of({"highway": "via_ferrata", "foot": "yes"})] == "other"


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(InputError, match="'france'; expected 'default' or 'china'"):
        FootAccess(access="france")  # type: ignore[arg-type]
