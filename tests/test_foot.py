"""The foot-access table, row by row."""

from __future__ import annotations

import pytest

from accessibility.errors import InputError
from accessibility.sources.foot import KINDS, FootAccess, kind_of

DEFAULT = FootAccess()
CHINA = FootAccess(access="china")
OPEN = FootAccess(open_compounds=True)


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
        assert foot.may_walk({"highway": highway}) == (True, 0, "", False)


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
    for foot in (DEFAULT, CHINA, OPEN):
        assert foot.may_walk({"highway": highway}) == (False, 0, f"highway={highway}", False)


@pytest.mark.parametrize(
    ("text", "default", "china"),
    [
        ("highway=cycleway", False, True),
        ("highway=cycleway foot=yes", True, True),
        ("highway=cycleway foot=designated", True, True),
        ("highway=cycleway foot=no", False, False),
        ("highway=cycleway access=yes", False, True),
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
        # a sidewalk opens any road, but not a private one
        ("highway=motorway sidewalk=both", True, True),
        ("highway=trunk motorroad=yes sidewalk=right", True, True),
        ("highway=trunk expressway=yes sidewalk:left=yes", True, True),
        ("highway=residential access=private sidewalk=both", False, False),
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
        ("highway=primary tunnel=yes", False, False),
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
        "private",
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


@pytest.mark.parametrize("value", ["yes", "designated", "permissive", "official", "destination", "customers", "public"])
def test_allowed_values(value: str) -> None:
    assert DEFAULT.may_walk({"highway": "cycleway", "access": "no", "foot": value}).walkable


@pytest.mark.parametrize(
    ("text", "walkable"),
    [
        ("highway=service access=private", True),
        ("highway=service foot=private", True),
        ("highway=service access=private foot=no", False),
        ("highway=service access=no", False),
        ("highway=motorway access=private", False),
    ],
)
def test_open_compounds_open_private_ways_only(text: str, walkable: bool) -> None:  # noqa: FBT001
    assert OPEN.may_walk(tags(text)).walkable is walkable
    assert not DEFAULT.may_walk(tags(text)).walkable


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


def test_conditional_tags_are_ignored_but_said() -> None:
    walk = DEFAULT.may_walk({"highway": "footway", "foot:conditional": "no @ (22:00-06:00)"})
    assert (walk.walkable, walk.conditional) == (True, True)


@pytest.mark.parametrize(
    ("text", "default", "opened"),
    [
        ("barrier=wall", True, True),
        ("barrier=fence", True, True),
        ("barrier=fence foot=yes", False, False),
        ("barrier=gate", False, False),
        ("barrier=gate access=yes", False, False),
        ("barrier=gate access=no", True, True),
        ("barrier=gate access=private", True, False),
        ("barrier=gate access=private foot=yes", False, False),
        ("barrier=gate locked=yes", True, True),
        ("barrier=gate locked=yes access=private", True, False),
        ("barrier=lift_gate access=private", True, False),
        ("barrier=swing_gate access=no", True, True),
        ("barrier=lift_gate foot=no", True, True),
        ("barrier=bollard", False, False),
        ("barrier=bollard access=no", False, False),
        ("barrier=kissing_gate", False, False),
        ("barrier=stile", False, False),
        ("barrier=turnstile", False, False),
        ("barrier=entrance", False, False),
        ("barrier=cycle_barrier", False, False),
        ("barrier=kerb", False, False),
        ("barrier=toll_booth", False, False),
        ("highway=crossing access=no", False, False),
    ],
)
def test_barriers(text: str, default: bool, opened: bool) -> None:  # noqa: FBT001
    assert DEFAULT.blocks(tags(text)) is default
    assert OPEN.blocks(tags(text)) is opened


def test_kinds() -> None:
    assert KINDS[kind_of({"highway": "steps"})] == "steps"
    assert KINDS[kind_of({"highway": "via_ferrata", "foot": "yes"})] == "other"


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(InputError, match="'france'; expected 'default' or 'china'"):
        FootAccess(access="france")  # type: ignore[arg-type]
