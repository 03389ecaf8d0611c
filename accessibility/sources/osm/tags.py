"""What OpenStreetMap tags say of places and buildings: tags in, plain values out."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal

from accessibility.errors import InputError
from accessibility.streets.lifecycle import is_gone, is_named_gone, may_be_absent, opens_rarely, speaks_of_end

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Use = Literal["residential", "other", "unknown"]

NAME_KEYS = ("name", "name:zh", "name:en", "brand", "operator")
_HOMES = frozenset(
    {"house", "apartments", "residential", "detached", "semidetached_house", "terrace", "dormitory", "farm"}
    | {"bungalow", "static_caravan", "cabin", "houseboat", "villa", "tower_block", "yaodong", "siheyuan"}
)
APARTMENT_LEVELS = 3.0
_MOST_LEVELS = 200.0  # the highest building on Earth has 163
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Whatever else is said of it, nobody is served or lives there.
_NOT_IN_USE = (
    *("disused", "abandoned", "construction", "proposed", "planned", "demolished", "razed", "removed", "ruins"),
)
BUILDING_KEYS = ("building", "building:levels", *_NOT_IN_USE)
"""All keys that decide the storeys and the use of a building."""
_NO_BUILDING = frozenset({"construction", "proposed", "planned", "ruins", "abandoned", "demolished", "collapsed"})
_ALWAYS_SHUT = re.compile(r"((24/7|mo-su)\s+)?(00:00-24:00\s+)?(off|closed)(\s*\"[^\"]*\")?", re.IGNORECASE)


def tagged_name(tags: Mapping[str, str]) -> str:
    """Return the best name: local, Chinese, English, else the brand or the operator; empty without any."""
    return next((tags[key] for key in NAME_KEYS if tags.get(key)), "")


def has_any(tags: Mapping[str, str], wanted: Mapping[str, Sequence[str]]) -> bool:
    """Return whether a tag has one of the values wanted of it, alone or among several.

    Examples
    --------
    >>> has_any({"amenity": "atm; bank"}, {"amenity": ("bank",)}), has_any({"amenity": "bank"}, {"office": ("bank",)})
    (True, False)
    """
    return any(not {*values}.isdisjoint(_values(tags.get(key, ""))) for key, values in wanted.items())


def _values(text: str) -> list[str]:
    return [part.strip() for part in text.split(";")]


def is_in_use(tags: Mapping[str, str]) -> bool:
    """Return whether a building or a place is not disused, a ruin, or still to be built.

    Examples
    --------
    >>> is_in_use({"amenity": "bank"}), is_in_use({"amenity": "bank", "disused": "yes"})
    (True, False)
    """
    gone = any(tags.get(key, "no") != "no" for key in _NOT_IN_USE)
    return not gone and tags.get("building") not in _NO_BUILDING


def is_ever_open(tags: Mapping[str, str]) -> bool:
    """Return whether a place is in use, and not shut at all hours.

    Examples
    --------
    >>> is_ever_open({"opening_hours": "off"}), is_ever_open({"opening_hours": "Mo-Fr 09:00-16:00; Sa,Su off"})
    (False, True)
    >>> is_ever_open({"amenity": "bank", "status": "closed"}), is_ever_open({"amenity": "bank", "name": "A (closed)"})
    (False, False)
    """
    shut = _ALWAYS_SHUT.fullmatch(tags.get("opening_hours", "").strip()) is not None
    gone = any(is_gone(tags.get(key, "")) for key in ("operational_status", "status", "description"))
    return is_in_use(tags) and not (shut or gone or is_named_gone(tags.get("name", "")))


def may_be_closed(tags: Mapping[str, str]) -> bool:
    """Return whether a place that counts may be closed, not open yet, or for few: by days, hours, a note or access.

    Examples
    --------
    >>> [may_be_closed({"amenity": "townhall"} | more) for more in ({"end_date": "2015"}, {"access": "private"})]
    [True, True]
    >>> may_be_closed({"amenity": "townhall", "opening_hours": "Sa 09:00-12:00"})
    True
    >>> [may_be_closed({"amenity": "townhall"} | more) for more in ({"fixme": "closed?"}, {"start_date": "1998"}, {})]
    [True, False, False]
    """
    notes = [tags.get(key, "") for key in ("note", "fixme", "description", "remark", "comment")]
    shut = tags.get("access") in ("private", "no") or tags.get("vacant", "no") != "no"
    shut |= opens_rarely(tags.get("opening_hours", ""))
    return shut or may_be_absent(tags) or any(is_gone(note) or speaks_of_end(note) for note in notes)


def address_of(tags: Mapping[str, str]) -> str:
    """Return the address on one line.

    Examples
    --------
    >>> address_of({"addr:street": "Städtle", "addr:housenumber": "49", "addr:city": "Vaduz"})
    'Städtle 49, Vaduz'
    """
    if tags.get("addr:full"):
        return tags["addr:full"]
    street = " ".join(tags[k] for k in ("addr:street", "addr:housenumber") if tags.get(k))
    city = " ".join(tags[k] for k in ("addr:postcode", "addr:city") if tags.get(k))
    return ", ".join(part for part in (street, city) if part)


def people_of(tags: Mapping[str, str]) -> float:
    """Return the number in `population`, NaN where there is none.

    Examples
    --------
    >>> people_of({"population": "12 345"})
    12345.0
    """
    text = re.sub(r"[\s,'\u2019]", "", tags.get("population", ""))
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else math.nan


def levels_of(tags: Mapping[str, str]) -> float:
    """Return the storeys of a building: the first number in `building:levels`, at least 1; none has more than 200.

    Without one, apartments count 3 and every other building 1.

    Examples
    --------
    >>> levels_of({"building": "yes", "building:levels": "2+1"}), levels_of({"building": "apartments"})
    (2.0, 3.0)
    """
    found = _NUMBER.search(tags.get("building:levels", "").replace(",", "."))
    if found and float(found.group()) <= _MOST_LEVELS:
        return max(1.0, float(found.group()))
    return APARTMENT_LEVELS if tags.get("building") == "apartments" else 1.0


def width_of(tags: Mapping[str, str]) -> float:
    """Return the width in metres, NaN where it is not said in metres.

    Examples
    --------
    >>> width_of({"width": "12,5 m"}), width_of({"width": "12'"})
    (12.5, nan)
    """
    found = re.fullmatch(r"(\d+(?:[.,]\d+)?)\s*m?", tags.get("width", "").strip())
    return float(found[1].replace(",", ".")) if found else math.nan


def use_of(tags: Mapping[str, str]) -> Use:
    """Return whether people live in a building: `unknown` is ``building=yes``, `other` any other named use, or none.

    Examples
    --------
    >>> use_of({"building": "house"}), use_of({"building": "yes"}), use_of({"building": "garage"})
    ('residential', 'unknown', 'other')
    >>> use_of({"building": "house", "abandoned": "yes"})
    'other'
    """
    if not is_in_use(tags):
        return "other"
    building = tags.get("building", "")
    if building in _HOMES:
        return "residential"
    return "unknown" if building == "yes" else "other"


def parse_tags(text: str) -> dict[str, tuple[str, ...]]:
    """Return the values asked for of each key, from ``key=value`` pairs joined by commas.

    Raises
    ------
    InputError
        A pair that is not ``key=value``.

    Examples
    --------
    >>> parse_tags("amenity=townhall, amenity=bank,office=government")
    {'amenity': ('townhall', 'bank'), 'office': ('government',)}
    """
    wanted: dict[str, tuple[str, ...]] = {}
    for pair in text.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            msg = f"OpenStreetMap tags are {text!r}, where {pair!r} is no pair; expected key=value, joined by commas"
            raise InputError(msg)
        wanted[key] = (*wanted.get(key, ()), value)
    return wanted
