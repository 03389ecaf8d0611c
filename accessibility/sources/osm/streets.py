"""One pass over the streets of an extract, as numbers: into ways with places, and into findings."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from accessibility.errors import Finding
from accessibility.geo.arrays import are_among, spans
from accessibility.sources.files import no_room
from accessibility.sources.osm.pbf import DrawnWays, Nodes, Tags, objects_of
from accessibility.sources.osm.topology import NOWHERE, STREET, MarkedNodes, Ways, off_earth
from accessibility.streets.foot import (
    AREA_KINDS,
    FERRY,
    KINDS,
    NODE_KEYS,
    PIER_KEYS,
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
from accessibility.streets.spelling import plain_tags, reasons

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
PER_WAY = ("kind", "oneway", "private", "off_ground", "ride_s", "tunnel", "square")
_OF_WALK = ("direction", "private", "off_ground", "ride_s", "tunnel")
_NODE_KEYS = ("barrier", "door", "entrance", "crossing", "crossing:signals", "highway")
_KEYS = ("highway", "route", *PIER_KEYS)
_ASKED = (*WAY_KEYS, "area")
_TOLD = (*_ASKED, "type")
_NONE = (Walk(walkable=False, direction=0, reason="", conditional=False), 0)
_ENDS = 2  # a way goes from one node to another


class Area(NamedTuple):
    """A square as it was read: what may be walked there, and the nodes or, of a relation, the ways around it."""

    kind: int
    walk: Walk
    refs: Sequence[int]


@dataclass(kw_only=True)
class Streets:
    """What one pass over an extract leaves behind: numbers only, whatever its size."""

    foot: FootAccess  # the foot-access table
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
    nodes: int = 0
    ways: int = 0
    relations: int = 0
    bare: int = 0
    _told: list[tuple[dict[str, str], list[int]]] = field(default_factory=list)
    _members: dict[int, tuple[bool, list[int]]] = field(default_factory=dict)
    _seen: Counter[tuple[str | None, ...]] = field(default_factory=Counter)
    _verdicts: dict[tuple[str | None, ...], tuple[Walk, int]] = field(default_factory=dict)

    def read(self, path: Path, folder: Path) -> Path:
        """Read a PBF whose relations were met; return where the places of its nodes are put, see `INDEX`."""
        members = np.array([way for _, ways in self._told for way in ways], np.int64)
        index = folder / "nodes"
        with index.open("wb") as file:
            for some in objects_of(path):
                if isinstance(some, Nodes):
                    rows = np.empty(len(some.ids), INDEX)
                    rows["id"], rows["lonlat_e7"] = some.ids, some.lonlat_e7
                    _write(file, rows)
                    self._mark(some)
                else:
                    self._keep(some, members)
        for tags, ways in self._told:
            self._keep_relation(tags, ways)
        self._add_squares()
        self._add_routes()
        return index

    def relation(self, relation: Any) -> None:
        """Keep what a relation of osmium's says about ways; the name is what osmium calls."""
        self.relations += 1
        if any(key in relation.tags for key in _KEYS) and street_of(
            tags := plain_tags(dict(relation.tags), (*_ASKED, "type"))
        ):
            self._told.append((tags, [member.ref for member in relation.members if member.type == "w"]))

    def _verdict(self, tags: Mapping[str, str], count: int = 1) -> tuple[Walk, int]:
        """Return what the table says of so many ways with these tags, and their kind."""
        asked = ("highway", *STREET_KEYS) if "highway" in tags else WAY_KEYS
        told = tuple(map(tags.get, asked))
        if told not in self._verdicts:
            self._verdicts[told] = self.foot.may_walk({key: tags[key] for key in asked if key in tags}), kind_of(tags)
        self._seen[told] += count
        return self._verdicts[told]

    def _mark(self, nodes: Nodes) -> None:
        """Keep the nodes that stop people, or make them wait."""
        self.nodes += len(nodes.ids)
        tags = nodes.tags
        some = np.unique(tags.of[tags.named(_NODE_KEYS) >= 0])
        first, last = (np.searchsorted(tags.of, some, side=side).tolist() for side in ("left", "right"))
        for node, begin, end in zip(nodes.ids[some].tolist(), first, last, strict=True):
            named = plain_tags(tags.text(begin, end), NODE_KEYS)
            if has_signals(named):
                self.signals.append(node)
            if is_lift(named):
                self.lifts.append(node)
            if self.foot.blocks(named):
                (self.keyed if self.foot.has_keys(named) else self.blocked).append(node)
            if is_conditional(named):
                self.timed.append(node)

    def _keep(self, ways: DrawnWays, members: NDArray[np.int64]) -> None:
        """Keep the ways that may be walked, streets and squares, and the nodes of those of which relations tell."""
        self.ways += len(ways.ids)
        named, of = _alike(ways.tags, len(ways.ids))
        counts = np.bincount(of, minlength=len(named)).tolist()
        of_street = [bool(street_of(tags)) for tags in named]
        for row in np.flatnonzero(are_among(ways.ids, members)).tolist():
            self._members[int(ways.ids[row])] = of_street[of[row]], ways.refs_of(row)
        judged = [
            self._verdict(tags, count) if is_street else _NONE
            for tags, count, is_street in zip(named, counts, of_street, strict=True)
        ]
        walkable = np.array([walk.walkable for walk, _ in judged], np.bool_)[of]
        is_area = [
            tags.get("area", "yes" if KINDS[kind] in AREA_KINDS else "no") == "yes"
            for tags, (_, kind) in zip(named, judged, strict=True)
        ]
        ring = walkable & np.array(is_area, np.bool_)[of] & ways.closed
        for row in np.flatnonzero(ring).tolist():
            walk, kind = judged[of[row]]
            self.areas[int(ways.ids[row])] = Area(kind, walk, ways.refs_of(row))
        many = np.diff(ways.start)
        rows = np.flatnonzero(walkable & ~ring & (many >= _ENDS))
        self.bare += int((walkable & ~ring).sum()) - len(rows)
        told = [(kind, *(getattr(walk, name) for name in _OF_WALK), STREET) for walk, kind in judged]
        columns = dict(zip(PER_WAY, np.array(told)[of[rows]].T, strict=True))
        self._add_all(ways.refs[spans(ways.start[rows], many[rows])], counts=many[rows], **columns)

    def _keep_relation(self, tags: dict[str, str], ways: list[int]) -> None:
        """Keep what a relation alone says of its ways: that they are the rings of a square, or a ferry."""
        if street_of(tags) == FERRY:
            self.routes.append((tags, ways))
        elif tags.get("type") == "multipolygon" and tags.get("area") != "no":
            walk, kind = self._verdict(tags)
            if walk.walkable:
                self.outlines.append(Area(kind, walk, ways))

    def _add_all(self, refs: NDArray[np.int64], **columns: NDArray[Any]) -> None:
        """Keep ways, given the nodes of all, how many each has, and what else is known of each."""
        for name, values in (("refs", refs), *columns.items()):
            own = getattr(self, name)
            own.frombytes(values.astype(own.typecode).tobytes())

    def _add(self, found: Sequence[tuple[Sequence[int], int, Walk, int]]) -> None:
        """Keep walkable ways, or rings of squares: their nodes, kind, what is said of them, and the square."""
        long = [one for one in found if len(one[0]) >= _ENDS]
        self.bare += len(found) - len(long)
        told = [(kind, *(getattr(walk, name) for name in _OF_WALK), square) for _, kind, walk, square in long]
        columns = dict(zip(PER_WAY, np.array(told).reshape(-1, len(PER_WAY)).T, strict=True))
        refs = np.array([ref for one in long for ref in one[0]], np.int64)
        self._add_all(refs, counts=np.array([len(one[0]) for one in long], np.int64), **columns)

    def _add_squares(self) -> None:
        """Keep the rings of the squares.

        A way around a relation often repeats its tags: it is a ring of that square, no other square.
        """
        around, known = {way for outline in self.outlines for way in outline.refs}, self._members
        squares = [(area, [area.refs]) for way, area in self.areas.items() if way not in around]
        squares += [(area, [known[way][1] for way in area.refs if way in known]) for area in self.outlines]
        numbered = enumerate(squares)
        self._add(
            [(ring, area.kind, area.walk, number) for number, (area, chains) in numbered for ring in _rings(chains)]
        )

    def _add_routes(self) -> None:
        """Keep the ferries that are relations, by those of their ways that are nothing else."""
        members = {way: refs for way, (is_street, refs) in self._members.items() if not is_street}
        sailed: set[int] = set()
        for tags, ways in self.routes:
            own = [way for way in ways if way in members and way not in sailed]
            if not own:
                continue
            sailed |= {*own}
            walk, kind = self._verdict(tags)
            chains = _rings([members[way] for way in own])
            if len(chains) > 1:  # the time is that of them all
                walk = walk._replace(ride_s=np.nan)
            if walk.walkable:
                self._add([(chain, kind, walk, STREET) for chain in chains])

    def tally(self) -> Counter[str]:
        """Return the number of ways by the reason why nobody walks there, empty for the walkable."""
        found: Counter[str] = Counter()
        for tags, count in self._seen.items():
            found[self._verdicts[tags][0].reason] += count
        return found

    def counted(self) -> dict[str, int]:
        """Return how many objects the file has, and ways with a conditional tag, in doubt or of one node."""
        seen = [(self._verdicts[tags][0], count) for tags, count in self._seen.items()]
        told = {key: sum(n for walk, n in seen if getattr(walk, key)) for key in ("conditional", "doubtful")}
        return told | {key: getattr(self, key) for key in ("nodes", "ways", "relations", "bare")}


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What one pass over an extract says about its streets beside the walkable ways."""

    marked: MarkedNodes  # barriers, gates, crossings and lifts
    # timed, strange: ids of gates with access rules for certain times, and of nodes whose place is not on Earth
    timed: NDArray[np.int64]
    strange: NDArray[np.int64]
    tally: Counter[str]  # number of ways by the reason why nobody walks there, empty for the walkable
    counts: Mapping[str, int]  # nodes, ways and relations of the file; conditional ways; walkable ways of one node

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


def _write(file: BinaryIO, rows: NDArray[Any]) -> None:
    try:
        file.write(rows.data)
        file.flush()
    except OSError as error:
        raise no_room(error) from error


def _alike(tags: Tags, count: int) -> tuple[list[dict[str, str]], NDArray[np.intp]]:
    """Return what so many ways say of what is asked of streets, each only once, and which of that each way says."""
    column = tags.named(_ASKED)
    some = np.flatnonzero(column >= 0)
    said, of = np.full((count, len(_ASKED)), -1, np.int32), np.zeros(count, np.intp)
    said[tags.of[some], column[some]] = tags.value[some]
    told = np.flatnonzero(np.bincount(tags.of[some]))
    raw, width = said[told].tobytes(), said.itemsize * len(_ASKED)
    place = {b"\xff" * width: 0}  # what many ways say of it: nothing
    of[told] = [place.setdefault(raw[at : at + width], len(place)) for at in range(0, len(raw), width)]
    rows = np.frombuffer(b"".join(place), np.int32).reshape(-1, len(_ASKED))
    found = ({key: at for key, at in zip(_ASKED, row, strict=True) if at >= 0} for row in rows.tolist())
    named = [plain_tags({key: tags.texts[at].decode() for key, at in some.items()}, _ASKED) for some in found]
    return named, of


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
    """What is counted of the ways of a network and of their nodes, each once."""

    nodes: int = 0  # all of them
    # absent, astray: those that are not in the file, and those whose place is not on Earth
    absent: int = 0
    astray: int = 0
    # timed, gates: those with rules for certain times, and those that nobody passes
    timed: int = 0
    gates: int = 0
    # ferries, guessed: ways that are ferries, and those of them without a time
    ferries: int = 0
    guessed: int = 0

    @classmethod
    def of_nodes(
        cls, survey: Survey, ids: NDArray[np.int64], located: NDArray[np.bool_], private: NDArray[np.bool_]
    ) -> Noted:
        """Return what is counted of nodes, each with whether it has a place and whether residents alone pass there."""
        marked, astray = survey.marked, int(are_among(ids, survey.strange).sum())
        keyed = are_among(ids, marked.keyed) & ~private  # residents pass there
        return cls(
            nodes=len(ids),
            absent=int((~located).sum()) - astray,
            astray=astray,
            timed=int(are_among(ids, survey.timed).sum()),
            gates=int((keyed | are_among(ids, marked.blocked)).sum()),
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
    held = f"{counts['nodes']:,} nodes, {counts['ways']:,} ways, {counts['relations']:,} relations"
    said = {
        "extract": (tally[""], f"ways may be walked; the file holds {held}"),
        "not-walkable": (tally.total() - tally[""], f"streets and ferries may not be walked{reasons(tally)}"),
        "conditional-access": (conditional, "ways and gates have access rules for certain times; as by day"),
        "doubtful-street": (counts["doubtful"], "ways are walked that may not be there, going by days or tags"),
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
