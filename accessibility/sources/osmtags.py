"""What OpenStreetMap tags say of places and buildings: tags in, plain values out."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

Use = Literal["residential", "other", "unknown"]

NAME_KEYS = ("name", "name:zh", "name:en", "brand", "operator")
_HOMES = frozenset(
    {"house", "apartments", "residential", "detached", "semidetached_house", "terrace", "dormitory", "farm"}
    | {"bungalow", "static_caravan", "cabin", "houseboat", "villa", "tower_block", "yaodong", "siheyuan"}
)
APARTMENT_LEVELS = 3.0
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_CLOCK = re.compile(r"(\d{1,3}):([0-5]?\d)(?::([0-5]?\d))?")
_SPELT = re.compile(r"P(?:(\d{1,2})D)?T?(?:(\d{1,3})H)?(?:(\d{1,4})M)?(?:(\d{1,5})S)?")
_MINUTES = re.compile(r"(\d{1,4}(?:\.\d+)?)\s*(?:min|mins|minutes)?")


def name_of(tags: Mapping[str, str]) -> str:
    """Return the best name: local, Chinese, English, else the brand or the operator; empty without any."""
    return next((tags[key] for key in NAME_KEYS if tags.get(key)), "")


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
    """Return the storeys of a building: the first number in `building:levels`, at least 1.

    Without one, apartments count 3 and every other building 1.

    Examples
    --------
    >>> levels_of({"building": "yes", "building:levels": "2+1"}), levels_of({"building": "apartments"})
    (2.0, 3.0)
    """
    found = _NUMBER.search(tags.get("building:levels", "").replace(",", "."))
    if found:
        return max(1.0, float(found.group()))
    return APARTMENT_LEVELS if tags.get("building") == "apartments" else 1.0


def use_of(tags: Mapping[str, str]) -> Use:
    """Return whether people live in a building: `unknown` is ``building=yes``, `other` any other named use.

    Examples
    --------
    >>> use_of({"building": "house"}), use_of({"building": "yes"}), use_of({"building": "garage"})
    ('residential', 'unknown', 'other')
    """
    building = tags.get("building", "")
    if building in _HOMES:
        return "residential"
    return "unknown" if building == "yes" else "other"


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
