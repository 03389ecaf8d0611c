"""Where people may walk, by OpenStreetMap tags, and what ferries and lifts take, the same for every walker.

The table follows the OpenStreetMap wiki's access restrictions with the choices of the pedestrian profiles of
GraphHopper and Valhalla; `FootAccess` states every choice. Tags in, a `Walk` out: no file is touched here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from accessibility.errors import InputError
from accessibility.streets.lifecycle import (
    STANDING_KEYS,
    WALKED_KEYS,
    forbids_walking,
    holds_at,
    is_absent,
    is_shut_by_day,
    may_be_absent,
    speaks_of_times_alone,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


FERRY = "ferry"  # a kind of edge with a pace of its own
_CLOCK = re.compile(r"(\d{1,3}):([0-5]?\d)(?::([0-5]?\d))?")
_SPELT = re.compile(r"P(?:(\d{1,2})D)?T?(?:(\d{1,3})H)?(?:(\d{1,4})M)?(?:(\d{1,5})S)?")
_NUMBER = re.compile(r"[+-]?\d{1,9}(\.\d*)?")
_MINUTES = re.compile(r"(\d{1,4}(?:\.\d+)?)\s*(?:min|mins|minutes)?")
ALLOWED = frozenset({"yes", "designated", "permissive", "official", "destination", "public"})
# Open to those who live there or go there, to nobody passing through.
RESIDENTS = frozenset(
    {"private", "customers", "residents", "resident", "tenants", "members", "students", "staff"}
    | {"employees", "employee", "authorized", "authorised"}
)
BLOCKED = frozenset(
    {"no", "use_sidepath", "military", "restricted", "emergency", "agricultural", "forestry", "delivery"}
    | {"permit", "service"}
)
_MAJOR = ("motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link")
_STREETS = (
    *("secondary", "secondary_link", "tertiary", "tertiary_link", "unclassified", "residential", "living_street"),
    *("service", "track", "road", "pedestrian", "footway", "path", "steps", "corridor", "platform", "elevator"),
    *("crossing", "cycleway", "bridleway", "pier"),
)
LIKE_STREETS = {("man_made", "pier"): "pier", ("railway", "platform"): "platform"}
LIKE_STREETS |= {("public_transport", "platform"): "platform"}
"""What is walked on though nobody tags it as a highway, and the type of street that it is."""
LIFT = "elevator"
ON_FOOT = ("footway", "path", "pedestrian", "cycleway", "steps", "crossing")
"""Kinds of way along which people wait for a green light; who walks along a street does not."""
KINDS = (*_STREETS, *_MAJOR, FERRY, "other")
_WALKABLE = frozenset({*_STREETS, *_MAJOR} - {"motorway", "motorway_link", "bridleway"})
# Nothing stands there to be walked on, whatever the other tags say.
ABSENT = frozenset({"construction", "proposed", "planned", "abandoned", "razed", "demolished", "disused", "no"})
_SIDEWALK = frozenset({"both", "left", "right", "yes"})
_SIDES = ("sidewalk", "sidewalk:both", "sidewalk:left", "sidewalk:right")
_GATES = frozenset(
    {"gate", "lift_gate", "swing_gate", "sliding_gate", "wicket_gate", "hampshire_gate", "kissing_gate"}
    | {"door", "turnstile", "full-height_turnstile", "security_control", "sally_port", "entrance"}
    | {"yes", "chain", "rope", "debris"}  # of whatever kind; bollards and blocks with `access=no` stop cars
)
_WALLS = frozenset({"wall", "fence", "city_wall", "retaining_wall"})
_ALONG, _AGAINST = frozenset({"yes", "true", "1"}), frozenset({"-1", "reverse"})

_EVERYWHERE = (
    *("foot", "access", "oneway", "oneway:foot", "foot:forward", "foot:backward"),
    *("foot:conditional", "access:conditional"),
)
STREET_KEYS = (
    *(*_EVERYWHERE, "motorroad", "expressway", "tunnel", "conveying", *_SIDES),
    *("bridge", "indoor", "location", "layer"),
    *(*STANDING_KEYS, *WALKED_KEYS),
)
FERRY_KEYS = ("route", "duration", *_EVERYWHERE)
PIER_KEYS = tuple(dict.fromkeys(key for key, _ in LIKE_STREETS))
AREA_KINDS = frozenset(LIKE_STREETS.values())
"""Types of street that are areas wherever they are drawn as rings."""
WAY_KEYS = tuple(dict.fromkeys(("highway", *STREET_KEYS, *FERRY_KEYS, *PIER_KEYS)))
"""Every tag that the table asks of a way: of a street beside its `highway`, of ferries and piers, which have none."""
NODE_KEYS = (
    *("barrier", "door", "entrance", "foot", "access", "locked", "opening_hours", "foot:conditional"),
    *("access:conditional", "highway", "crossing", "crossing:signals"),
)
SHORT_TUNNEL_M = 100.0
"""A tunnel of a main road without a sidewalk that is no longer is walked, as the underpass it is."""
# Texts whose semicolons part clauses, not values.
_WHOLE = frozenset({"duration", "opening_hours", "foot:conditional", "access:conditional"})
_MOST_READINGS = 64  # of one way whose tags have several values
_SHUT = frozenset({"no", "private"})


class Walk(NamedTuple):
    """What the table says of one way."""

    walkable: bool  # whether people may walk here
    direction: int  # 0 both ways, 1 along the way only, -1 against it only
    reason: str  # why not, as a tag, for the count of what was set aside; empty where walkable
    # whether a conditional tag (`foot:conditional`, `access:conditional`) holds at certain times only
    conditional: bool
    private: bool = False  # whether only those may walk here who live along it: they come out, nobody passes through
    # whether the way is not at the level of the ground (bridge, tunnel, indoor, platform): its height is not that of
    # the ground, and nobody steps onto it from beside
    off_ground: bool = False
    # seconds that a ferry takes from end to end by its tags, NaN where they do not say; 0 where people walk
    ride_s: float = 0.0
    # whether it is a tunnel of a main road without a sidewalk: people walk there only where it is short, see
    # `long_tunnels`
    tunnel: bool = False
    doubtful: bool = False  # whether it is walked and may not be there, see `may_be_absent`


@dataclass(frozen=True, kw_only=True)
class FootAccess:
    """The foot-access table.

    In this order: a way that does not stand (construction, proposed …) is refused; `foot` decides; `access` blocks, or
    keeps the way for its residents (``private``, ``customers``); a sidewalk opens any road; motorroads and expressways
    are refused; the type of street decides. Tunnels of main roads without a sidewalk are walked where they are short.
    ``sidewalk=separate`` keeps the road: removing it breaks networks whose separate sidewalk is not connected. `oneway`
    binds people on foot on steps, escalators and ferries only. Bridges, tunnels, platforms, indoor and underground ways
    are walked through from end to end; nobody steps onto them from beside. What is open at certain hours is open: a
    outlet is visited by day. Of a tag with several values (``motorway;trunk``) each must allow the walk. Piers and
    platforms need no `highway`. Cycleways are walked, as OpenStreetMap's worldwide default has it.

    Examples
    --------
    >>> FootAccess().may_walk({"highway": "motorway"}).reason
    'highway=motorway'
    >>> FootAccess().may_walk({"highway": "service", "access": "private"}).private
    True
    >>> FootAccess(ferries=True).may_walk({"route": "ferry", "duration": "00:20"}).ride_s
    1200.0
    >>> FootAccess(access="china").may_walk({"highway": "bridleway"}).walkable
    False
    >>> FootAccess().may_walk({"highway": "steps", "oneway": "-1"}).direction
    -1
    >>> FootAccess().blocks({"barrier": "gate", "access": "private"})
    True
    """

    access: Literal["default", "china"] = "default"  # `default`, or `china`, where bridleways are not walkable
    # whether ferries carry people: each `route=ferry` whose `foot` and `access` do not forbid it
    ferries: bool = False
    ferry_m_s: float = 3.0  # speed of a ferry whose `duration` is not tagged; a guess, as fast as a bicycle
    # wait for a ferry, half at each landing; the default is half of twenty minutes between two boats
    ferry_wait_s: float = 600.0
    lift_s: float = 60.0  # wait and ride of a lift (`highway=elevator`), on top of the walk

    def __post_init__(self) -> None:
        """Refuse a table nobody wrote, and delays that are none."""
        if self.access not in ("default", "china"):
            msg = f"foot access is {self.access!r}; expected 'default' or 'china'"
            raise InputError(msg)
        delays = (self.ferry_m_s, self.ferry_wait_s, self.lift_s)
        if not (all(math.isfinite(value) and value >= 0 for value in delays) and self.ferry_m_s > 0):
            msg = f"ferry_m_s, ferry_wait_s, lift_s are {delays}; expected a speed above 0 and seconds, 0 or more"
            raise InputError(msg)

    def may_walk(self, tags: Mapping[str, str]) -> Walk:
        """Return whether, and which way, people may walk along a way with these tags."""
        walks = [self._one(each) for each in _readings(tags)]
        closed = next((walk for walk in walks if not walk.walkable), None)
        if closed is not None or len(walks) == 1:
            return closed or walks[0]
        return walks[0]._replace(
            direction=next((walk.direction for walk in walks if walk.direction), 0),
            private=any(walk.private for walk in walks),
            off_ground=any(walk.off_ground for walk in walks),
            tunnel=any(walk.tunnel for walk in walks),
            doubtful=any(walk.doubtful for walk in walks),
        )

    def _one(self, given: Mapping[str, str]) -> Walk:
        tags = _by_day(given)
        reason = self._refusal(tags)
        direction = 0
        if not reason:
            forward, backward = _directions(tags)
            direction = int(forward) - int(backward)
            reason = "" if forward or backward else "closed in both directions"
        walkable = not reason
        private, off_ground = walkable and _for_residents(tags), walkable and _off_ground(tags)
        ride_s = duration_of(tags.get("duration", "")) if walkable and is_ferry(tags) else 0.0
        tunnel = walkable and _is_road_tunnel(tags)
        doubtful = walkable and may_be_absent(tags)
        return Walk(walkable, direction, reason, is_conditional(given), private, off_ground, ride_s, tunnel, doubtful)

    def blocks(self, tags: Mapping[str, str]) -> bool:
        """Return whether a node with these tags stops people passing on foot."""
        tags = _by_day(tags)
        foot, access, barrier = (_first(tags.get(key)) for key in ("foot", "access", "barrier"))
        if not (barrier or _is_door(tags)) or foot in ALLOWED:
            return False
        if foot in BLOCKED or foot in RESIDENTS or barrier in _WALLS:
            return True
        hours = tags.get("opening_hours", "")
        locked = tags.get("locked") == "yes" and not hours
        shut = (access in BLOCKED and not any(map(holds_at, hours.split(";")))) or is_shut_by_day(hours)
        return (barrier in _GATES or _is_door(tags)) and (locked or shut or access in RESIDENTS)

    def has_keys(self, tags: Mapping[str, str]) -> bool:
        """Return whether residents pass a gate that stops others: a private one, not one that is shut for all."""
        gate = tags.get("barrier") in _GATES or _is_door(tags)
        return gate and not RESIDENTS.isdisjoint((tags.get("foot"), tags.get("access")))

    def _refusal(self, tags: Mapping[str, str]) -> str:
        highway, foot = street_of(tags), tags.get("foot")
        ferry = highway == FERRY
        if ferry and not self.ferries:
            return "route=ferry"
        if not highway or highway in ABSENT:
            return f"highway={highway}" if highway else "not a street"
        if is_absent(tags):
            return "highway=construction"
        if foot is None and forbids_walking(tags):
            return "foot=no"
        if foot in ALLOWED or foot in RESIDENTS:
            return ""
        shut = self._shut(tags)
        return shut if shut or ferry or _has_sidewalk(tags) else self._refusal_by_type(tags)

    def _shut(self, tags: Mapping[str, str]) -> str:
        """Return the tag that closes a way to people on foot, whatever its type; empty where none does."""
        closing = next((key for key in ("foot", "access") if tags.get(key) in BLOCKED), "")
        if closing == "access" and tags["access"] == "permit" and _has_sidewalk(tags):
            closing = ""  # drivers need the permit; whoever walks has the sidewalk
        if not closing and tags.get("barrier") in _GATES and self.blocks(tags) and not self.has_keys(tags):
            closing = "barrier"
        return f"{closing}={tags[closing]}" if closing else ""

    def _refusal_by_type(self, tags: Mapping[str, str]) -> str:
        highway = street_of(tags)
        if tags.get("motorroad") == "yes":
            return "motorroad=yes"
        trunk = highway in ("trunk", "trunk_link")
        if trunk and (tags.get("expressway") == "yes" or "no" in (tags.get("sidewalk"), tags.get("sidewalk:both"))):
            return "trunk road built as an expressway"
        walkable = highway in _WALKABLE or (highway == "bridleway" and self.access != "china")
        return "" if walkable else f"highway={highway}"


def street_of(tags: Mapping[str, str]) -> str:
    """Return the type of street of a way: its `highway`, ``ferry``, ``pier`` or ``platform``; empty where it is none.

    Examples
    --------
    >>> street_of({"highway": "path"}), street_of({"man_made": "pier"}), street_of({"waterway": "river"})
    ('path', 'pier', '')
    """
    highway = tags.get("highway")
    if highway is not None:
        return highway
    if tags.get("route") == FERRY:
        return FERRY
    return next((street for (key, value), street in LIKE_STREETS.items() if tags.get(key) == value), "")


def long_tunnels(
    tunnel: NDArray[np.bool_], edges: NDArray[np.int32], length_m: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether an edge is part of a tunnel of a main road that is too long to be walked.

    Parameters
    ----------
    tunnel
        ``(m,)`` whether an edge lies in such a tunnel; those that meet are one, however many pieces it is mapped in.
    edges, length_m
        ``(m, 2)`` junctions and ``(m,)`` metres.

    Examples
    --------
    >>> ends = np.array([(0, 1), (1, 2), (2, 3), (3, 4)], np.int32)
    >>> long_tunnels(np.array([True, True, False, True]), ends, np.array([60.0, 70.0, 500.0, 90.0])).tolist()
    [True, True, False, False]
    """
    found: NDArray[np.bool_] = tunnel.copy()
    if tunnel.any():
        from accessibility.streets.search.packing import label_components  # noqa: PLC0415 -- few streets have such a tunnel

        u, v = edges[tunnel].T
        piece = label_components(int(edges.max()) + 1, u, v)[u]
        # Both carriageways of one tunnel are apart, so what meets is walked one after the other.
        found[tunnel] = np.bincount(piece, weights=length_m[tunnel])[piece] > SHORT_TUNNEL_M
    return found


def is_conditional(tags: Mapping[str, str]) -> bool:
    """Return whether access hangs on the time, by `foot:conditional` or `access:conditional`."""
    return "foot:conditional" in tags or "access:conditional" in tags


def value_by_day(text: str) -> str:
    """Return the access that a conditional tag gives at noon of a Wednesday; empty where it says nothing of that time.

    A service counter is open then. Of several clauses that hold the last one counts, as OpenStreetMap has it. A clause
    that hangs on something else as well (a month, wet weather, a delivery) opens at its hours, but closes nothing.

    Examples
    --------
    >>> value_by_day("yes @ (06:00-22:00)"), value_by_day("yes @ (22:00-06:00)"), value_by_day("yes @ (emergency)")
    ('yes', '', '')
    >>> value_by_day("no @ (Mo-Fr 08:00-17:00)"), value_by_day("no @ (Sa,Su)"), value_by_day("no @ (May-Oct)")
    ('no', '', '')
    """
    found = ""
    for clause in re.split(r";(?![^(]{0,255}\))", text):  # as long as a value of OpenStreetMap is
        value, _, when = (part.strip() for part in clause.partition("@"))
        if value in ALLOWED or (value in _SHUT and speaks_of_times_alone(when)):
            found = value if any(map(holds_at, when.split(";"))) else found
    return found


def _by_day(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return the tags as they hold by day."""
    if not is_conditional(tags):
        return tags
    held = {key: value_by_day(tags.get(f"{key}:conditional", "")) for key in ("foot", "access")}
    held = {key: "yes" if value in ALLOWED else value for key, value in held.items() if value in ALLOWED | _SHUT}
    return {**tags, **held} if held else tags


def _readings(tags: Mapping[str, str]) -> list[Mapping[str, str]]:
    """Return the tags once for each combination of the values that a semicolon parts."""
    several = {key: _parts(value) for key, value in tags.items() if ";" in value and key not in _WHOLE}
    if not several:
        return [tags]
    combined = islice(product(*several.values()), _MOST_READINGS)
    return [{**tags, **dict(zip(several, values, strict=True))} for values in combined]


def _parts(value: str) -> list[str]:
    return list(dict.fromkeys(part for part in map(str.strip, value.split(";")) if part)) or [""]


def _first(value: str | None) -> str | None:
    return value if value is None else _parts(value)[0]


def _is_door(tags: Mapping[str, str]) -> bool:
    return tags.get("door", "no") != "no" or tags.get("entrance", "no") != "no"


def is_ferry(tags: Mapping[str, str]) -> bool:
    """Return whether a way with these tags is a ferry, and no street at that."""
    return tags.get("route") == "ferry" and "highway" not in tags


def _for_residents(tags: Mapping[str, str]) -> bool:
    foot = tags.get("foot")
    closed = {"private"} if is_ferry(tags) else RESIDENTS  # whoever takes a ferry is its customer
    return foot in closed or (foot not in ALLOWED and tags.get("access") in closed)


def is_lift(tags: Mapping[str, str]) -> bool:
    """Return whether a node with these tags is a lift."""
    return tags.get("highway") == LIFT


def has_signals(tags: Mapping[str, str]) -> bool:
    """Return whether a node with these tags is a crossing where people wait for a green light."""
    signals = tags.get("crossing") == "traffic_signals" or tags.get("crossing:signals") == "yes"
    return tags.get("highway") == "crossing" and signals


def _off_ground(tags: Mapping[str, str]) -> bool:
    return (
        tags.get("bridge", "no") != "no"
        or tags.get("tunnel", "no") not in ("no", "building_passage")
        or tags.get("indoor", "no") != "no"
        or tags.get("location") in ("underground", "indoor", "overground")
        or street_of(tags) in ("corridor", "platform", LIFT)
        or is_ferry(tags)
        or _level(tags.get("layer", "")) != 0
    )


def _level(layer: str) -> float:
    """Return the number of a layer; 0 for what is none, such as the name of a layer of a drawing."""
    return float(layer) if _NUMBER.fullmatch(layer) else 0.0


def kind_of(tags: Mapping[str, str]) -> int:
    """Return the row of `KINDS` of a way's type of street."""
    return _KIND_ROW.get(_parts(street_of(tags))[0], len(KINDS) - 1)


_KIND_ROW = {kind: row for row, kind in enumerate(KINDS)}


def _is_road_tunnel(tags: Mapping[str, str]) -> bool:
    told = tags.get("foot") in ALLOWED or tags.get("foot") in RESIDENTS or _has_sidewalk(tags)
    return tags.get("highway") in _MAJOR and tags.get("tunnel") == "yes" and not told


def _has_sidewalk(tags: Mapping[str, str]) -> bool:
    return any(tags.get(key) in _SIDEWALK for key in _SIDES)


def _directions(tags: Mapping[str, str]) -> tuple[bool, bool]:
    moving = tags.get("conveying")
    if moving in ("forward", "backward"):
        oneway = "yes" if moving == "forward" else "-1"
    elif tags.get("highway") == "steps" or moving in ("yes", "reversible") or is_ferry(tags):
        oneway = tags.get("oneway", "")
    else:
        oneway = ""
    oneway = tags.get("oneway:foot", oneway)
    forward = oneway not in _AGAINST and tags.get("foot:forward") not in BLOCKED
    backward = oneway not in _ALONG and tags.get("foot:backward") not in BLOCKED
    return forward, backward


def duration_of(text: str) -> float:
    """Return the seconds of a `duration`: hours and minutes, minutes alone, or ISO 8601; NaN where it is none.

    Examples
    --------
    >>> [duration_of(text) for text in ("00:20", "1:05:30", "8", "PT1H10M", "soon")]
    [1200.0, 3930.0, 480.0, 4200.0, nan]
    """
    plain = text.strip()
    clock, spelt = _CLOCK.fullmatch(plain), _SPELT.fullmatch(plain)
    if clock:
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        found = 3_600 * hours + 60 * minutes + seconds
    elif spelt:
        days, hours, minutes, seconds = (float(part or 0) for part in spelt.groups())
        found = 86_400 * days + 3_600 * hours + 60 * minutes + seconds
    else:
        alone = _MINUTES.fullmatch(plain)
        found = 60 * float(alone[1]) if alone else 0.0
    return found if found > 0 else math.nan


_LEAST_S = 1.0  # no ferry takes no time at all


@dataclass(frozen=True, kw_only=True, eq=False)
class Carried:
    """Edges, as far as ferries and lifts concern them."""

    # kinds, edges, length_m: (m,) names, (m, 2) nodes and (m,) metres
    kinds: NDArray[np.str_]
    edges: NDArray[np.int32]
    length_m: NDArray[np.float64]
    ride_s: NDArray[np.float64]  # (m,) seconds of the ride of a ferry, NaN where they are not known
    lifts: NDArray[np.float64]  # (m,) lifts among the nodes, half of those at the ends


@dataclass(frozen=True, kw_only=True)
class Delays:
    """What ferries and lifts take beside their ride.

    Examples
    --------
    A ferry of 900 m and 5 minutes between a street and a lift:

    >>> between = Carried(kinds=np.array(["road", "ferry", "elevator"]), edges=np.array([[0, 1], [1, 2], [2, 3]]),
    ...     length_m=np.array([50.0, 900.0, 0.0]), ride_s=np.array([0.0, 300.0, 0.0]), lifts=np.zeros(3))
    >>> Delays(ferry_wait_s=120, lift_s=60).seconds(between).tolist()
    [0.0, 420.0, 60.0]
    """

    ferry_m_s: float = 3.0  # speed of a ferry whose time is not known
    # wait for a ferry, half at each landing, so that who stays aboard between two boats' ways waits once
    ferry_wait_s: float = 0.0
    lift_s: float = 0.0  # wait and ride of a lift

    @classmethod
    def of(cls, foot: FootAccess) -> Delays:
        """Return the delays that a foot-access table states."""
        return cls(ferry_m_s=foot.ferry_m_s, ferry_wait_s=foot.ferry_wait_s, lift_s=foot.lift_s)

    def seconds(self, edges: Carried) -> NDArray[np.float32]:
        """Return the seconds of each edge that are the same for every walker: of a ferry, and of lifts."""
        lift, ferry = edges.kinds == LIFT, edges.kinds == FERRY
        # Where nothing but a lift's own pieces meet nobody waits again.
        ends = [edges.edges[rows].ravel() for rows in (lift, ~lift)]
        on, off = (np.bincount(some, minlength=edges.edges.max(initial=-1) + 1) for some in ends)
        between = (on > 1) & (off == 0)
        lifts = self.lift_s * np.where(lift, 1 - between[edges.edges].mean(axis=1), edges.lifts)
        # People board and leave where something else than a ferry meets it; elsewhere two ferries only share a place.
        landing = np.zeros(edges.edges.max(initial=-1) + 1, np.bool_)
        landing[edges.edges[~ferry]] = True
        ride = np.where(np.isnan(edges.ride_s), edges.length_m / self.ferry_m_s, edges.ride_s)
        whole = np.maximum(ride + self.ferry_wait_s * landing[edges.edges].mean(axis=1), _LEAST_S)
        found: NDArray[np.float32] = np.where(ferry, whole, lifts).astype(np.float32)
        return found
