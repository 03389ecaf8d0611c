"""One pass over the streets of an extract, as numbers: into ways with places, and into findings."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accessibility.sources.checks import Finding
from accessibility.sources.osm.topology import NOWHERE, STREET, MarkedNodes, Ways
from accessibility.streets.foot import (
    AREA_KINDS,
    FERRY,
    KINDS,
    STREET_KEYS,
    WAY_KEYS,
    FootAccess,
    Walk,
    has_signals,
    is_conditional,
    is_lift,
    kind_of,
    street_of,
)
from accessibility.streets.spelling import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

INDEX = np.dtype([("id", "<u8"), ("lonlat_e7", "<i4", 2)])  # a row of osmium's sparse index on disk
_ROWS = 1_000_000
_MANY_MISSING = 0.1
WAY_ARRAYS = (
    *("node_ids", "lonlat_e7", "refs", "start", "kind", "oneway"),
    *("private", "off_ground", "ride_s", "tunnel", "square"),
)
_MARKS = ("blocked", "keyed", "signals", "lifts")
_OTHER_KEYS = tuple(key for key in WAY_KEYS if key != "highway")
_HALF_TURN_E7 = np.array([1_800_000_000, 900_000_000])


@dataclass
class Census:
    """Counts ways and relations as they pass; the names are what osmium calls."""

    ways: int = 0
    relations: int = 0

    def way(self, _: object) -> None:
        """Count a way."""
        self.ways += 1

    def relation(self, _: object) -> None:
        """Count a relation."""
        self.relations += 1


class Area(NamedTuple):
    """A square as it was read: what may be walked there, and the nodes or, of a relation, the ways around it."""

    kind: int
    walk: Walk
    refs: Sequence[int]


@dataclass(kw_only=True)
class Streets:
    """What one pass over an extract leaves behind: numbers only, whatever its size.

    Parameters
    ----------
    foot
        The foot-access table.
    """

    foot: FootAccess
    refs: array[int] = field(default_factory=lambda: array("q"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    kind: array[int] = field(default_factory=lambda: array("B"))
    oneway: array[int] = field(default_factory=lambda: array("b"))
    private: array[int] = field(default_factory=lambda: array("b"))
    off_ground: array[int] = field(default_factory=lambda: array("b"))
    ride_s: array[float] = field(default_factory=lambda: array("f"))
    tunnel: array[int] = field(default_factory=lambda: array("b"))
    square: array[int] = field(default_factory=lambda: array("i"))
    areas: dict[int, Area] = field(default_factory=dict)
    outlines: list[Area] = field(default_factory=list)
    routes: list[tuple[dict[str, str], list[int]]] = field(default_factory=list)
    blocked: list[int] = field(default_factory=list)
    keyed: list[int] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)
    lifts: list[int] = field(default_factory=list)
    timed: list[int] = field(default_factory=list)
    census: Census = field(default_factory=Census)
    nodes: int = 0
    bare: int = 0
    _seen: Counter[tuple[str | None, ...]] = field(default_factory=Counter)
    _verdicts: dict[tuple[str | None, ...], tuple[Walk, int]] = field(default_factory=dict)

    def verdict(self, get: Callable[[str], str | None]) -> tuple[Walk, int]:
        """Return what the table says of the way whose tags `get` gives, and its kind."""
        highway = get("highway")
        keys = _OTHER_KEYS if highway is None else STREET_KEYS  # each question costs, a million streets over
        tags = (highway, *map(get, keys))
        known = self._verdicts.get(tags)
        if known is None:
            named = {key: value for key, value in zip(("highway", *keys), tags, strict=True) if value is not None}
            known = self._verdicts[tags] = self.foot.may_walk(named), kind_of(named)
        self._seen[tags] += 1
        return known

    def mark(self, node: Any) -> None:
        """Keep a node of osmium's that stops people, or makes them wait."""
        if has_signals(node.tags):
            self.signals.append(node.id)
        elif is_lift(node.tags):
            self.lifts.append(node.id)
        else:
            tags = dict(node.tags)
            if self.foot.blocks(tags):
                (self.keyed if self.foot.has_keys(tags) else self.blocked).append(node.id)
            if is_conditional(tags):
                self.timed.append(node.id)

    def keep(self, way: Any) -> None:
        """Keep a way of osmium's that may be walked: a street, or a square that is walked across."""
        tags = way.tags
        if "highway" not in tags and not street_of(dict(tags)):
            return
        walk, kind = self.verdict(tags.get)
        if walk.walkable:
            refs = refs_of(way)
            area = tags.get("area", "yes" if KINDS[kind] in AREA_KINDS else "no")
            if area == "yes" and refs[0] == refs[-1]:
                self.areas[way.id] = Area(kind, walk, refs)
            else:
                self.add(refs, kind, walk)

    def keep_relation(self, relation: Any) -> None:
        """Keep what osmium's relation alone says of its ways: that they are the rings of a square, or a ferry."""
        tags = dict(relation.tags)
        street, ways = street_of(tags), [member.ref for member in relation.members if member.type == "w"]
        if street == FERRY:
            self.routes.append((tags, ways))
        elif street and tags.get("type") == "multipolygon" and tags.get("area") != "no":
            walk, kind = self.verdict(tags.get)
            if walk.walkable:
                self.outlines.append(Area(kind, walk, ways))

    @property
    def members(self) -> set[int]:
        """Ids of the ways of which relations alone tell."""
        return {way for area in self.outlines for way in area.refs} | {way for _, ways in self.routes for way in ways}

    def add(self, refs: Sequence[int], kind: int, walk: Walk, square: int = STREET) -> None:
        """Keep one walkable way, or one ring of a square."""
        if len(refs) < 2:  # noqa: PLR2004 -- a way goes from one node to another
            self.bare += 1
            return
        self.refs.extend(refs)
        self.counts.append(len(refs))
        self.kind.append(kind)
        self.oneway.append(walk.direction)
        self.private.append(walk.private)
        self.off_ground.append(walk.off_ground)
        self.ride_s.append(walk.ride_s)
        self.tunnel.append(walk.tunnel)
        self.square.append(square)

    def add_squares(self, members: Mapping[int, Sequence[int]]) -> None:
        """Keep the rings of the squares, given the nodes of the ways around those that are relations.

        A way around a relation often repeats its tags: it is a ring of that square, no other square.
        """
        around = {way for outline in self.outlines for way in outline.refs}
        squares = [(area, [area.refs]) for way, area in self.areas.items() if way not in around]
        squares += [(area, [members[way] for way in area.refs if way in members]) for area in self.outlines]
        for number, (area, chains) in enumerate(squares):
            for ring in _rings(chains):
                self.add(ring, area.kind, area.walk, number)

    def add_routes(self, members: Mapping[int, Sequence[int]]) -> None:
        """Keep the ferries that are relations, given the nodes of those of their ways that are nothing else."""
        sailed: set[int] = set()
        for tags, ways in self.routes:
            own = [way for way in ways if way in members and way not in sailed]
            if not own:
                continue
            sailed |= {*own}
            walk, kind = self.verdict(tags.get)
            chains = _rings([members[way] for way in own])
            if len(chains) > 1:  # the time is that of them all
                walk = walk._replace(ride_s=np.nan)
            if walk.walkable:
                for chain in chains:
                    self.add(chain, kind, walk)

    def tally(self) -> Counter[str]:
        """Return the number of ways by the reason why nobody walks there, empty for the walkable."""
        found: Counter[str] = Counter()
        for tags, count in self._seen.items():
            found[self._verdicts[tags][0].reason] += count
        return found

    def counted(self) -> dict[str, int]:
        """Return how many objects the file has, ways with a conditional tag, and walkable ways of one node."""
        conditional = sum(count for tags, count in self._seen.items() if self._verdicts[tags][0].conditional)
        of_file = {"nodes": self.nodes, "ways": self.census.ways, "relations": self.census.relations}
        return of_file | {"conditional": conditional, "bare": self.bare}


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What one pass over an extract says about its streets beside the walkable ways.

    Parameters
    ----------
    marked
        Barriers, gates, crossings and lifts.
    timed, strange
        Ids of gates with access rules for certain times, and of nodes whose place is not on Earth.
    tally
        Number of ways by the reason why nobody walks there, empty for the walkable.
    counts
        Nodes, ways and relations of the file; conditional ways; walkable ways of one node.
    """

    marked: MarkedNodes
    timed: NDArray[np.int64]
    strange: NDArray[np.int64]
    tally: Counter[str]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, streets: Streets, strange: NDArray[np.int64]) -> Survey:
        """Return what a pass left behind."""
        return cls(
            marked=MarkedNodes(**{name: getattr(streets, name) for name in _MARKS}),
            timed=np.array(streets.timed, np.int64),
            strange=strange,
            tally=streets.tally(),
            counts=streets.counted(),
        )


def survey_streets(streets: Streets, index: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return what a pass left behind as arrays, and what JSON can hold; `index` holds the places of nodes."""
    ways, strange = _located(streets, index)
    arrays = {name: getattr(ways, name) for name in WAY_ARRAYS}
    listed = {name: getattr(streets, name) for name in (*_MARKS, "timed")} | {"strange": strange}
    arrays |= {name: np.array(ids, np.int64) for name, ids in listed.items()}
    return arrays, {"tally": dict(streets.tally()), "counts": streets.counted()}


def surveyed(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> tuple[Ways, Survey]:
    """Return the walkable ways that `survey_streets` made arrays of, and the rest."""
    return Ways(**{name: arrays[name] for name in WAY_ARRAYS}, kinds=KINDS), Survey(
        marked=MarkedNodes(**{name: arrays[name].tolist() for name in _MARKS}),
        timed=arrays["timed"],
        strange=arrays["strange"],
        tally=Counter(about["tally"]),
        counts=about["counts"],
    )


def _located(streets: Streets, index: Path) -> tuple[Ways, NDArray[np.int64]]:
    """Return the ways with the places of their nodes, and the ids of those whose place is not on Earth."""
    ids, refs = np.unique(np.frombuffer(streets.refs, np.int64), return_inverse=True)
    lonlat_e7 = np.full((len(ids), 2), NOWHERE, np.int32)
    # Rows are matched in the order of the index, so the file need not be sorted and memory stays small.
    for low in range(0, streets.nodes if len(ids) else 0, _ROWS):
        count = min(_ROWS, streets.nodes - low)
        rows = np.fromfile(index, INDEX, count, offset=low * INDEX.itemsize)
        at = np.searchsorted(ids, rows["id"].astype(np.int64)).clip(max=len(ids) - 1)
        known = ids[at] == rows["id"].astype(np.int64)
        lonlat_e7[at[known]] = rows["lonlat_e7"][known]
    strange = off_earth(lonlat_e7)
    lonlat_e7[strange] = NOWHERE
    ways = Ways(
        node_ids=ids,
        lonlat_e7=lonlat_e7,
        refs=refs.astype(np.int32),
        start=np.concatenate([np.zeros(1, np.int64), np.cumsum(np.frombuffer(streets.counts, np.int64))]),
        kind=np.frombuffer(streets.kind, np.uint8),
        oneway=np.frombuffer(streets.oneway, np.int8),
        kinds=KINDS,
        private=np.frombuffer(streets.private, np.bool_),
        off_ground=np.frombuffer(streets.off_ground, np.bool_),
        ride_s=np.frombuffer(streets.ride_s, np.float32),
        tunnel=np.frombuffer(streets.tunnel, np.bool_),
        square=np.frombuffer(streets.square, np.int32),
    )
    return ways, ids[strange]


def off_earth(lonlat_e7: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a node has a place that is not on Earth."""
    strange = (np.abs(lonlat_e7.astype(np.int64)) > _HALF_TURN_E7).any(axis=1)
    return np.asarray(strange & (lonlat_e7 != NOWHERE).all(axis=1))


def refs_of(way: Any) -> list[int]:
    """Return the ids of the nodes of a way of osmium's."""
    nodes = way.nodes
    # Asked one by one: the iterator of a node list costs a generator more.
    return [node.ref for node in map(nodes.__getitem__, range(len(nodes)))]


def _rings(chains: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the chains of nodes joined end to end, as far as they are."""
    rings, waiting = [], [list(chain) for chain in chains]
    while waiting:
        ring = waiting.pop(0)
        while ring[0] != ring[-1]:
            ends = ([chain[0], chain[-1]] for chain in waiting)
            at = next((i for i, (a, b) in enumerate(ends) if a != b and {ring[0], ring[-1]} & {a, b}), None)
            if at is None:
                break
            more = waiting.pop(at)
            if ring[-1] not in (more[0], more[-1]):
                ring.reverse()
            ring += more[1:] if more[0] == ring[-1] else more[-2::-1]
        rings.append(ring)
    return rings


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What is counted of the ways of a network and of their nodes, each once.

    Parameters
    ----------
    nodes
        All of them.
    absent, astray
        Those that are not in the file, and those whose place is not on Earth.
    timed, gates
        Those with rules for certain times, and those that nobody passes.
    ferries, guessed
        Ways that are ferries, and those of them without a time.
    """

    nodes: int = 0
    absent: int = 0
    astray: int = 0
    timed: int = 0
    gates: int = 0
    ferries: int = 0
    guessed: int = 0

    @classmethod
    def of_nodes(
        cls, survey: Survey, ids: NDArray[np.int64], located: NDArray[np.bool_], private: NDArray[np.bool_]
    ) -> Noted:
        """Return what is counted of nodes, each with whether it has a place and whether residents alone pass there."""
        marked, astray = survey.marked, int(np.isin(ids, survey.strange).sum())
        keyed = np.isin(ids, np.array(marked.keyed, np.int64)) & ~private  # residents pass there
        return cls(
            nodes=len(ids),
            absent=int((~located).sum()) - astray,
            astray=astray,
            timed=int(np.isin(ids, survey.timed).sum()),
            gates=int((keyed | np.isin(ids, np.array(marked.blocked, np.int64))).sum()),
        )

    @classmethod
    def of_ways(cls, ways: Ways) -> Noted:
        """Return what is counted of ways."""
        ferry = ways.of_kind(FERRY)
        return cls(ferries=int(ferry.sum()), guessed=int(np.isnan(ways.ride_s[ferry]).sum()))

    @classmethod
    def of(cls, survey: Survey, ways: Ways) -> Noted:
        """Return what is counted of all ways of a network."""
        private = np.zeros(len(ways.node_ids), np.bool_)
        private[ways.refs_of(ways.private)] = True
        return cls.of_nodes(survey, ways.node_ids, ways.located, private) + cls.of_ways(ways)

    def __add__(self, other: Noted) -> Noted:
        """Return the sums."""
        return Noted(**{name: count + getattr(other, name) for name, count in vars(self).items()})


def findings(source: str, survey: Survey, foot: FootAccess, noted: Noted, outlined: int = 0) -> list[Finding]:
    """Return what was counted, set aside or looks suspicious.

    Parameters
    ----------
    source
        The file's name.
    survey
        Its streets.
    foot
        The foot-access table they were judged by.
    noted
        What those of its ways have that make the network.
    outlined
        How many squares nobody walks across.
    """
    tally, counts = survey.tally, survey.counts
    conditional, absent, astray = counts["conditional"] + noted.timed, noted.absent, noted.astray
    away = tally.total() - tally[""]
    held = f"{counts['nodes']:,} nodes, {counts['ways']:,} ways, {counts['relations']:,} relations"
    said = {
        "extract": (tally[""], f"ways may be walked; the file holds {held}"),
        "not-walkable": (away, f"streets and ferries may not be walked{reasons(tally)}"),
        "conditional-access": (conditional, "ways and gates have access rules for certain times; as by day"),
        "blocking-barrier": (noted.gates, "walls and locked gates stop people; the ways are cut there"),
        "single-node-way": (counts["bare"], "walkable ways have fewer than two nodes; left out"),
        "missing-nodes": (absent, "nodes of walkable ways are not in the file (the edge of an extract?); cut there"),
        "ferries-left-out": (tally["route=ferry"], "ferries are left out: ferries = true under [walking] lets them in"),
        "ferries": _ferries(foot, noted),
        "square-outline": (outlined, "squares are not whole in the file: people walk round them, not across"),
        "invalid-location": (astray, "nodes of walkable ways lie beyond 180 or 90 degrees; the ways are cut there"),
    }
    found = [
        Finding(code=code, source=source, message=f"{count:,} {text}", count=count)
        for code, (count, text) in said.items()
        if count
    ]
    doubts = [] if counts["relations"] else ["there is no relation"]
    if absent > _MANY_MISSING * noted.nodes:
        doubts.append(f"{absent / noted.nodes:.0%} of the nodes of its walkable ways are missing")
    if doubts:
        told = f"may be cut short: {' and '.join(doubts)}; compare its size or checksum with where it came from"
        found.append(Finding(code="suspect-truncated", source=source, message=told))
    return found


def _ferries(foot: FootAccess, noted: Noted) -> tuple[int, str]:
    text = (
        f"ferries carry people: {noted.guessed} without a tagged duration at {foot.ferry_m_s:g} m/s, "
        f"all after a wait of {foot.ferry_wait_s / 60:g} min"
    )
    return noted.ferries, text
