"""How road files spell OpenStreetMap's tags: types in the words of other makers, columns, packed columns, lists."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError
from accessibility.streets.foot import ABSENT, FERRY, KINDS, NODE_KEYS, WAY_KEYS, FootAccess, Walk, is_ferry, street_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


NO_STREET = "no street"
"""What stands for the type of a line that is no street at all: a river, a railway, a wall."""
EXPRESSWAY = "expressway"
"""What stands for a road built as a motorway, though it is none by law."""
OTHER_HIGHWAYS = frozenset(
    {"raceway", "services", "rest_area", "busway", "bus_guideway", "escape", "bus_stop", "trailhead", "via_ferrata"}
    | {"ladder", "emergency_bay", "toll_gantry", "emergency_access_point", "traffic_island"}
)
"""Values of `highway` that OpenStreetMap knows and the foot-access table need not."""
_MEANT = {
    told: {word: street for street, words in table.items() for word in words}
    for told, table in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
_CHINESE, _OTHERS = _MEANT["chinese"], _MEANT["english"] | _MEANT["tiger"]
# Of Overture's flags, those that say where people walk.
_OVERTURE_FLAGS = {"is_bridge": ("bridge", "yes"), "is_tunnel": ("tunnel", "yes"), "is_indoor": ("indoor", "yes")}
_OVERTURE_FLAGS |= dict.fromkeys(("is_under_construction", "is_abandoned"), ("highway", "construction"))
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
    if _TIGER_OTHER.fullmatch(plain):
        return NO_STREET
    held = max((name for name in _CHINESE if name in plain), key=len, default=None)
    return _OTHERS.get(plain) or (_CHINESE[held] if held else None)


def parse_structure(text: str) -> Any:
    """Return what a text holds as JSON or as Python prints it, None where it is neither."""
    for parse in (json.loads, ast.literal_eval):
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
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
        found |= dict(_OVERTURE_FLAGS[name] for name in flag.get("values", ()) if name in _OVERTURE_FLAGS)
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


Said = dict[str, tuple[int, str]]
"""What was found, by code: how often, and the rest of the sentence after the number."""
COUNTED = frozenset({"not-walkable", "conditional-access", "no-geometry", "zero-length", "drawn-twice"})
"""Codes of what is only counted; whatever else was found somebody should look at."""

_OSM_TYPES = ("highway", "fclass")  # whose words are OpenStreetMap's; Geofabrik's shapefiles call the column fclass
_TYPES = (
    *("class", "kind", "type", "road_class", "roadclass", "road_type", "roadtype", "street_type", "streettype"),
    *("roadfunction", "road_function", "func_class", "mtfcc", "category", "路型", "类型", "类别"),
    *("道路等级", "道路类型", "道路类别", "等级", "技术等级", "行政等级"),
)
_PACKED = ("other_tags", "tags", "all_tags", "osm_tags", "hstore")
_OVERTURE = ("subtype", "road_flags", "access_restrictions", "level_rules")
# What a line without a type of street may be instead.
_THINGS = (
    *("waterway", "railway", "barrier", "boundary", "aerialway", "power", "natural", "landuse", "man_made", "aeroway"),
    *("leisure", "route", "building", "public_transport", "amenity"),
)
_OWN = ("private", "off_ground", "osmid", "fixed_s", "area")
_FLAGGED = ("closed",)  # a column of this package's own: such a street stays, closed
_KNOWN = tuple(dict.fromkeys((*WAY_KEYS, *_OWN, *_OVERTURE, *_THINGS)))
_FLAGS = dict.fromkeys(("yes", "y", "是"), True) | dict.fromkeys(("no", "n", "否", ""), False)
_YES_NO = dict.fromkeys(("true", "t", "1"), "yes") | dict.fromkeys(("false", "f", "0"), "no")
_EMPTY = frozenset({"", "nan", "none", "null", "<na>", "n/a"})
_AS_GIVEN = frozenset({"layer", "duration", "osmid", "fixed_s", "foot:conditional", "access:conditional"})
_HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"\s*=>\s*(?:"((?:[^"\\]|\\.)*)"|NULL)', re.DOTALL)
_SHORT = 10  # letters of a column of a Shapefile
_MANY = 100  # streets, beyond which a map without a single path is no map for walkers


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What the foot-access table says of rows."""

    walks: list[Walk]  # one a row
    kinds: NDArray[np.str_]  # (n,) names of the types of street
    said: Said = field(default_factory=dict)  # what was not understood, by code
    refused: Counter[str] = field(default_factory=Counter)  # rows by the reason why nobody walks there

    def flags(self, name: str) -> NDArray[np.bool_]:
        """Return ``(n,)`` one yes or no of every walk."""
        return np.array([bool(getattr(walk, name)) for walk in self.walks], dtype=np.bool_)

    @property
    def ride_s(self) -> NDArray[np.float64]:
        """``(n,)`` seconds of ferries, zero elsewhere."""
        return np.array([walk.ride_s for walk in self.walks], dtype=np.float64)


def judge_rows(columns: Mapping[str, Sequence[Any]], count: int, foot: FootAccess, what: str = "lines") -> Judged:
    """Return who may walk where by the columns of a file of lines, or the attributes of the edges of a graph.

    Columns named like OpenStreetMap tags, with ``_`` for ``:`` too, are tags; so is what `other_tags`, `tags` (hstore,
    JSON, maps) hold, and Overture's `subtype`, `road_flags`, `access_restrictions` and `level_rules`. The type of
    street is `highway` or `fclass`, else one of the usual columns of public road files, in English or Chinese.
    Several values of a row, as osmnx and semicolons join them, must each allow the walk. ``oneway`` is about vehicles.

    Parameters
    ----------
    columns
        Name to the values of the rows.
    count
        Number of rows.
    foot
        The foot-access table.
    what
        The rows' name in sentences.

    Raises
    ------
    InputError
        A flag that is neither yes nor no.
    """
    for flag in ("private", "off_ground"):
        flags_of(columns.get(flag, ()), flag)
    packed = list(_spelt(columns, _PACKED).values())
    typed = _type_column(columns, packed)
    wanted = {key: name for key, name in _spelt(columns, _KNOWN).items() if name != typed and key not in _FLAGGED}
    names = [typed, *packed, *wanted.values()] if typed is not None else [*packed, *wanted.values()]
    cells = [[_text(value) for value in columns[name]] for name in names]
    reading = _Reading(foot=foot, typed=typed, keys=tuple(wanted), packed=len(packed))
    rows: list[tuple[str, ...]] = list(zip(*cells, strict=True)) if cells else [()] * count
    known = {row: reading.judge(row) for row in dict.fromkeys(rows)}
    walks = [known[row][0] for row in rows]
    kinds = np.array([known[row][1] for row in rows], dtype=str)
    refused = Counter(walk.reason for walk in walks if not walk.walkable)
    return Judged(walks=walks, kinds=kinds, said=_said(reading, rows, walks, kinds, what), refused=refused)


def flags_of(values: Iterable[Any], name: str) -> NDArray[np.bool_]:
    """Return a flag of every edge, told as booleans or in words; False where nothing is said.

    Raises
    ------
    InputError
        A word that is neither yes nor no: whoever is asked about such an edge would be told a wrong way.
    """
    found = []
    for value in values:
        word = plain_value("", _text(value))
        if word not in _FLAGS:
            msg = f"flag {name!r} of a street is {value!r}; expected yes or no"
            raise InputError(msg)
        found.append(_FLAGS[word])
    return np.array(found, dtype=np.bool_)


def node_tags(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a node of a graph that the foot-access table asks."""
    spelt = _spelt(data, NODE_KEYS)
    return {key: plain_value(key, text) for key, name in spelt.items() if (text := _text(data[name]))}


def plain_tags(tags: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Return some of the tags of an extract as those of graphs and lines are read, see `plain_value`.

    Examples
    --------
    >>> plain_tags({"barrier": "Gate", "locked": "True", "name": "South"}, ("access", "barrier", "locked"))
    {'barrier': 'gate', 'locked': 'yes'}
    """
    said = {key: plain_value(key, tags[key]) for key in keys if key in tags}
    return {key: value for key, value in said.items() if value}


def reasons(refused: Counter[str]) -> str:
    """Return the six most common reasons with their counts, for the end of a sentence."""
    shown = [f"{count:,} {reason}" for reason, count in refused.most_common() if reason][:6]
    return f": {', '.join(shown)}" if shown else ""


def _said(
    reading: _Reading, rows: list[tuple[str, ...]], walks: list[Walk], kinds: NDArray[np.str_], what: str
) -> Said:
    """Return what was not understood."""
    counts = Counter(rows)
    unknown: Counter[str] = Counter()
    for row, count in counts.items():
        unknown.update(dict.fromkeys(reading.unknown.get(row, ()), count))
    bare, merged, squares = (
        sum(counts[row] for row in known) for known in (reading.bare, reading.merged, reading.squares)
    )
    conditional, doubtful = sum(walk.conditional for walk in walks), sum(walk.doubtful for walk in walks)
    shown = ", ".join(f"{word!r} ({count:,})" for word, count in unknown.most_common(6))
    walked = "not walked, as in an extract" if reading.in_osm_words else "taken as walkable"
    said: Said = {
        "unknown-street-class": (
            sum(unknown.values()),
            f"{what} have a type of street that is not understood: {shown}; {walked}",
        ),
        "empty-street-class": (bare, f"{what} have no type of street where others have one; not walked"),
        "conditional-access": (conditional, f"{what} have access rules for certain times; as by day"),
        "doubtful-street": (doubtful, f"{what} are walked that may not be there, going by days or tags"),
        "merged-ways": (merged, f"{what} are several ways made one; where on them steps or tunnels are is not known"),
        "square-outline": (squares, f"{what} are outlines of squares: people walk along them, not across"),
    }
    if reading.typed is None and not reading.packed:
        said["no-street-class"] = (
            len(rows),
            f"{what} have no type of street (no column highway, fclass, class, type ...): all are taken as streets",
        )
    elif len(rows) >= _MANY and not np.isin(kinds, ("footway", "path", "pedestrian", "steps")).any():
        said["no-paths"] = (
            len(rows),
            f"{what} and no footway, path or steps among them: made for cars? people walk farther than they would",
        )
    return {code: (count, text) for code, (count, text) in said.items() if count}


@dataclass(kw_only=True)
class _Reading:
    """One file's way of spelling, and what in it was not understood."""

    foot: FootAccess
    typed: str | None
    keys: tuple[str, ...]
    packed: int
    unknown: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    bare: set[tuple[str, ...]] = field(default_factory=set)
    merged: set[tuple[str, ...]] = field(default_factory=set)
    squares: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def in_osm_words(self) -> bool:
        return self.typed is None or self.typed.lower() in _OSM_TYPES

    def judge(self, row: tuple[str, ...]) -> tuple[Walk, str]:
        """Return what the table says of a row, and its type of street."""
        tags = self._tags(row[1:] if self.typed else row)
        kind = self._name_street(row, tags)
        carried = kind == FERRY and _number(tags.get("fixed_s", "")) > 0  # a ferry that this package let in before
        walk = (replace(self.foot, ferries=True) if carried else self.foot).may_walk(tags)
        if not walk.walkable:
            return walk if street_of(tags) else walk._replace(reason=self._thing(row, tags)), kind
        merged = len(_values(tags.get("osmid", ""))) > 1  # of several ways made one edge some are on the ground
        if merged and (walk.off_ground or walk.tunnel or len(_values(street_of(tags))) > 1):
            self.merged.add(row)
        if tags.get("area") == "yes":
            self.squares.add(row)
        return walk._replace(
            private=walk.private or tags.get("private") == "yes",
            off_ground=(walk.off_ground and not merged) or tags.get("off_ground") == "yes",
            tunnel=walk.tunnel and not merged,
        ), kind

    def _tags(self, texts: tuple[str, ...]) -> dict[str, str]:
        tags: dict[str, str] = {}
        for text in texts[: self.packed]:
            tags |= _unpacked(text)
        tags |= {key: text for key, text in zip(self.keys, texts[self.packed :], strict=True) if text}
        tags = {key: plain_value(key, text) for key, text in tags.items()}
        return unfold_overture(tags)

    def _thing(self, row: tuple[str, ...], tags: Mapping[str, str]) -> str:
        """Return what a line is that is no street; where nothing tells, its type may have been forgotten."""
        found = next((f"{key}={tags[key]}" for key in _THINGS if tags.get(key, "no") != "no"), "")
        if not found:
            self.bare.add(row)
        return found or "without a type of street"

    def _name_street(self, row: tuple[str, ...], tags: dict[str, str]) -> str:
        """Put the type of street among the tags in OpenStreetMap's words; return the name of its kind."""
        unsaid = "" if self.typed or self.packed else "road"
        gone = tags.get("highway") in ABSENT  # as another column says
        words = _values(row[0].lower()) if self.typed and not gone else []
        words = words or _values(tags.get("highway", unsaid))
        tags.pop("highway", None)
        streets = [self._street(row, word, tags) for word in words]
        nothing = NO_STREET in (*streets, street_word(tags.get("subtype", "")))
        if nothing:
            tags.setdefault("type", words[0] if words else tags["subtype"])
        elif FERRY in streets:
            tags["route"] = FERRY
        elif streets and not (self.typed is None and is_ferry(tags)):
            tags["highway"] = ";".join("trunk" if street == EXPRESSWAY else street for street in streets)
        if EXPRESSWAY in streets:
            tags["expressway"] = "yes"
        # The order of several types says nothing: most of such an edge is no steps.
        kind = sorted(_values(street_of(tags)), key=lambda word: (word == "steps", word))[:1]
        return words[0] if kind == ["road"] and words else "".join(kind)

    def _street(self, row: tuple[str, ...], word: str, tags: Mapping[str, str]) -> str:
        if word in KINDS and (self.in_osm_words or "foot" in tags):
            return word
        street = street_word(word)
        if street is None and word not in OTHER_HIGHWAYS:
            self.unknown.setdefault(row, []).append(word)
        return street or (word if self.in_osm_words else "road")


def _type_column(columns: Mapping[str, Sequence[Any]], packed: list[str]) -> str | None:
    """Return the column that names the type of street: the first that says anything."""
    plain = {str(name).lower(): name for name in columns}
    osm = [plain[name] for name in _OSM_TYPES if name in plain]
    others = [] if osm or packed else [plain[name] for name in _TYPES if name in plain]
    said = (name for name in (*osm, *others) if any(_text(value) for value in columns[name]))
    return next(said, next(iter((*osm, *others)), None))


def _spelt(columns: Mapping[str, Any], keys: Sequence[str]) -> dict[str, str]:
    """Return the columns of some tags, with ``_`` for ``:`` or as short as in a Shapefile, too."""
    plain = {str(name).lower(): name for name in columns}
    spelt = {key: (key, key.replace(":", "_"), key.replace(":", "_")[:_SHORT]) for key in dict.fromkeys(keys)}
    return {
        key: plain[next(name for name in names if name in plain)] for key, names in spelt.items() if {*names} & {*plain}
    }


def _text(value: Any) -> str:
    """Return a cell as text: lists joined by semicolons, maps and structures as JSON, empty where there is nothing."""
    if isinstance(value, np.ndarray | list | tuple | set):
        parts = list(value)
        if parts and isinstance(parts[0], dict | tuple | list):
            return json.dumps(parts, default=_jsonable)
        return ";".join(filter(None, map(_text, parts)))
    if isinstance(value, Mapping):
        return json.dumps(value, default=_jsonable)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).strip()
    if text.startswith("[") and text.endswith("]"):
        with suppress(SyntaxError, ValueError):
            read = ast.literal_eval(text)
            return text if read and isinstance(read[0], dict | tuple) else _text(read)
    return "" if text.lower() in _EMPTY else text


def _number(text: str) -> float:
    with suppress(ValueError):
        return float(text)
    return 0.0


def _jsonable(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _unpacked(text: str) -> dict[str, str]:
    """Return the tags that one cell holds: hstore, JSON, or pairs of a map.

    Examples
    --------
    >>> _unpacked('"foot"=>"no","access"=>"private"') == _unpacked('{"foot": "no", "access": "private"}')
    True
    """
    if "=>" in text:
        pairs = ((key, value) for key, value in _HSTORE.findall(text))
        tags = {re.sub(r"\\(.)", r"\1", key): re.sub(r"\\(.)", r"\1", value) for key, value in pairs}
    else:
        read = parse_structure(text)
        tags = dict(read) if isinstance(read, list | dict) else {}
    return {key: found for key, value in tags.items() if key in _KNOWN and (found := _text(value))}


@lru_cache(maxsize=2**14)
def plain_value(key: str, text: str) -> str:
    """Return the value of a tag in small letters, yes and no for the words and numbers that mean them.

    Examples
    --------
    >>> plain_value("foot", "No"), plain_value("highway", "Steps;Path"), plain_value("duration", "PT20M")
    ('no', 'steps;path', 'PT20M')
    """
    if key in _AS_GIVEN:
        return text
    words = [_YES_NO.get(word, word) for word in _values(text.lower())]
    return ";".join(dict.fromkeys(words))


def _values(text: str) -> list[str]:
    return [part for part in map(str.strip, text.split(";")) if part and part not in _EMPTY]


def said_twice(count: int, what: str) -> Said:
    """Return how many lines or edges were there already.

    Examples
    --------
    >>> said_twice(2, "edges"), said_twice(0, "edges")
    ({'drawn-twice': (2, 'edges lie on top of another one that says the same; each street is taken once')}, {})
    """
    text = f"{what} lie on top of another one that says the same; each street is taken once"
    return {"drawn-twice": (count, text)} if count else {}
