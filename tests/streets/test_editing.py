"""Streets edited: against towns rebuilt from scratch and walked by networkx; and what must hold in every town."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pytest
import shapely
import worlds
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod

from accessibility import (
    Closure,
    CompoundOpening,
    Demand,
    InputError,
    Network,
    NewStreet,
    Pace,
    Sites,
    Walker,
    measure_coverage,
)
from accessibility.geo.projection import WGS84, transform
from accessibility.streets.editing import edit_streets
from accessibility.streets.pieces import EditedStreets, Footing, edits_of
from accessibility.streets.snapping import SnapLimits, Snapped, snap_study

if TYPE_CHECKING:
    from accessibility import Coverage
    from accessibility.streets.edits import StreetEdit

Town = tuple[Network, Demand, Sites]
Point = tuple[float, float]
place = st.tuples(st.integers(-100, 4_100), st.integers(-100, 4_100))


def degrees(points: Any) -> np.ndarray:
    return transform(np.array(points, float) + worlds.ORIGIN, CRS.from_user_input(worlds.CRS), WGS84)


def street(*points: Point, **how: Any) -> NewStreet:
    return NewStreet(line=degrees(points), **how)


def box(west: float, south: float, east: float, north: float) -> np.ndarray:
    return degrees([(west, south), (east, south), (east, north), (west, north)])


def edited(town: Town, *edits: StreetEdit) -> EditedStreets:
    network, people, sites = town
    snapped, limits = snap_study(network, people, sites), SnapLimits()
    at = Footing(at=snapped.demand, xy=people.xy, limit_m=limits.of(people.setting))
    return edit_streets(network, edits, at, Footing(at=snapped.sites, xy=sites.xy, limit_m=limits.site_m))


def measured(town: Town, *edits: StreetEdit, walker: Walker | None = None) -> Coverage:
    _, people, sites = town
    done = edited(town, *edits)
    at = Snapped(demand=done.people.at, sites=done.sites.at, network=done.network)
    return measure_coverage(done.network, people, sites, walker=walker, snapped=at)


# From scratch: every street as a line of pieces, cut by arithmetic of its own, walked by networkx


@dataclass
class Rebuilt:
    """Straight streets as places along them, with what happens between."""

    town: Town
    new: tuple[Point, Point] | None = None
    shut: tuple[float, float, float, float] | None = None
    slow: tuple[float, float, float, float] | None = None
    factor: float = 1.0

    def __post_init__(self) -> None:  # noqa: D105
        network, people, sites = self.town
        self.snapped = snap_study(network, people, sites)
        xy = network.node_xy - worlds.ORIGIN
        self.lines = [(xy[u], xy[v]) for u, v in network.edges]
        # What lies along each street: share of it and the node there.
        self.along: list[list[tuple[float, Any]]] = [[(0.0, int(u)), (1.0, int(v))] for u, v in network.edges]
        for name in ("demand", "sites"):
            at = getattr(self.snapped, name)
            for row, (edge, share) in enumerate(zip(at.edge, at.fraction, strict=True)):
                if edge >= 0:
                    self.along[edge].append((float(share), (name, row)))
        self.added: list[tuple[float, Any]] = []
        if self.new is not None:
            self._join()

    def _join(self) -> None:
        assert self.new is not None
        a, b = (np.array(p, float) for p in self.new)
        ends = [self._onto(p, q) for p, q in ((a, b), (b, a))]
        begin, end = ([] if joint is None else [joint[1]] for joint in ends)
        self.path = shapely.LineString(np.array([*begin, a, b, *end]))
        total = self.path.length
        for k, (p, q) in enumerate(self.lines):
            met = _crossing(p, q, a, b)
            if met is not None:
                self._tie(k, met[0], shapely.line_locate_point(self.path, shapely.Point(a + met[1] * (b - a))))
        for joint, far in zip(ends, (0.0, total), strict=True):
            if joint is not None:
                self._tie(joint[0], joint[2], far)
        bends = ((float(self.path.project(shapely.Point(p))), name) for p, name in ((a, "first"), (b, "last")))
        self.added += [(0.0, "begin"), *bends, (total, "end")]

    def _onto(self, p: np.ndarray, far: np.ndarray) -> tuple[int, Point, float] | None:
        away = [shapely.LineString(line).distance(shapely.Point(p)) for line in self.lines]
        order = sorted((bool(self.town[0].private[k]), away[k], k) for k in range(len(away)) if away[k] <= 25)
        if not order:
            return None
        k = order[0][2]
        met = _crossing(*self.lines[k], p, far)
        if met is not None and met[1] * np.hypot(*(far - p)) <= 25:
            return None  # crossed there already
        line = shapely.LineString(self.lines[k])
        onto = line.interpolate(line.project(shapely.Point(p)))
        return k, (onto.x, onto.y), line.project(shapely.Point(p)) / line.length

    def _tie(self, k: int, share: float, far: float) -> None:
        name = ("joint", k, round(share, 9), round(far, 6))
        self.along[k].append((share, name))
        self.added.append((far, name))

    def graph(self, *, seconds: bool) -> nx.DiGraph[Any]:
        """People walk from home; inside a compound they are at ("in", node) and only come out."""
        network = self.town[0]
        graph: nx.DiGraph[Any] = nx.DiGraph()
        for k, (p, q) in enumerate(self.lines):
            stops = [*self.along[k], *((share, None) for share in self._borders(p, q))]
            stops = sorted(stops, key=lambda stop: stop[0])
            place = [name if name is not None else ("border", k, share) for share, name in stops]
            for (one, there), (from_, to) in zip(pairwise(stops), pairwise(place), strict=True):
                middle = p + (one[0] + there[0]) / 2 * (q - p)
                if one[0] == there[0]:  # one place, whatever is closed around it
                    _tie_nodes(graph, (from_, to), 0.0, oneway=False, private=network.private[k])
                    continue
                if self.shut is not None and _within(middle, self.shut):
                    continue
                cost = network.length_m[k] * (there[0] - one[0])
                if seconds and self.slow is not None and _within(middle, self.slow):
                    cost /= self.factor
                _tie_nodes(graph, (from_, to), cost, oneway=network.oneway[k], private=network.private[k])
        self.added.sort(key=lambda stop: stop[0])
        for (far, one), (farther, other) in pairwise(self.added):
            ends = [self.path.interpolate(x) for x in (far, farther)]
            lon, lat = degrees([(e.x, e.y) for e in ends]).T
            cost = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[2]
            _tie_nodes(graph, (one, other), cost, oneway=False, private=False)
        return graph

    def _borders(self, p: np.ndarray, q: np.ndarray) -> list[float]:
        found = []
        for zone in (self.shut, self.slow):
            if zone is not None:
                for axis, value in ((0, zone[0]), (1, zone[1]), (0, zone[2]), (1, zone[3])):
                    if p[axis] != q[axis]:
                        found.append((value - p[axis]) / (q[axis] - p[axis]))
        return [share for share in found if 0 < share < 1]

    def distances(self, *, seconds: bool) -> np.ndarray:
        network, people, sites = self.town
        graph, walker = self.graph(seconds=seconds), Walker()
        legs = [
            at.leg_m * (walker.access_factor_s if seconds else 1) for at in (self.snapped.demand, self.snapped.sites)
        ]
        back, found = graph.reverse(), np.full(len(people), np.nan)
        for row in np.flatnonzero(sites.open & self.snapped.sites.snapped):
            name = ("sites", int(row))
            reached: dict[Any, float] = (
                nx.single_source_dijkstra_path_length(back, name) if name in graph else {name: 0.0}
            )
            for person in np.flatnonzero(self.snapped.demand.snapped):
                private = network.private[self.snapped.demand.edge[person]]
                home: Any = ("demand", int(person))
                there = reached.get(("in", home) if private else home)
                if there is not None:
                    found[person] = np.fmin(found[person], there + legs[0][person] + legs[1][row])
        return found


def _tie_nodes(graph: nx.DiGraph[Any], ends: tuple[Any, Any], cost: float, *, oneway: bool, private: bool) -> None:
    one, other = ends
    if private:
        for node in ends:
            graph.add_edge(("in", node), node, weight=0.0)
        one, other = ("in", one), ("in", other)
    for a, b in [(one, other)] if oneway else [(one, other), (other, one)]:
        if not graph.has_edge(a, b) or graph[a][b]["weight"] > cost:
            graph.add_edge(a, b, weight=cost)


def _crossing(p: np.ndarray, q: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float] | None:
    one, other, between = q - p, b - a, a - p
    det = one[0] * other[1] - one[1] * other[0]
    if abs(det) < 1e-9:
        return None
    t = (between[0] * other[1] - between[1] * other[0]) / det
    s = (between[0] * one[1] - between[1] * one[0]) / det
    return (t, s) if 0 <= t <= 1 and 0 <= s <= 1 else None


def _within(xy: np.ndarray, zone: tuple[float, float, float, float]) -> bool:
    return bool(zone[0] <= xy[0] <= zone[2] and zone[1] <= xy[1] <= zone[3])


zones = st.tuples(st.integers(0, 3_000), st.integers(0, 3_000), st.integers(200, 3_000), st.integers(200, 3_000)).map(
    lambda z: (z[0] + 0.37, z[1] + 0.61, z[0] + z[2] + 0.37, z[1] + z[3] + 0.61)
)


@settings(max_examples=20)
@given(towns(), zones)
def test_a_closed_area_is_a_town_without_what_lies_inside(town: Town, zone: tuple[float, ...]) -> None:
    try:
        now = measured(town, Closure(area=box(*zone)))
    except InputError:
        return
    town_then = Rebuilt(town, shut=zone)  # type: ignore[arg-type]
    assert now.metres == pytest.approx(town_then.distances(seconds=False), abs=0.2, nan_ok=True)
    assert now.walk_s == pytest.approx(town_then.distances(seconds=True), abs=0.05, nan_ok=True)


@settings(max_examples=20)
@given(towns(), zones, st.sampled_from([0.3, 0.5, 2.0]))
def test_a_pace_changes_seconds_inside_and_no_metres(town: Town, zone: tuple[float, ...], factor: float) -> None:
    try:
        now = measured(town, Pace(area=box(*zone), factor=factor))
    except InputError:
        return
    town_then = Rebuilt(town, slow=zone, factor=factor)  # type: ignore[arg-type]
    assert now.metres == pytest.approx(town_then.distances(seconds=False), abs=0.2, nan_ok=True)
    assert now.walk_s == pytest.approx(town_then.distances(seconds=True), abs=0.05, nan_ok=True)


@settings(max_examples=25)
@given(towns(), place, place, st.integers(0, 3))
def test_a_new_street_is_a_town_drawn_with_it(town: Town, one: Point, other: Point, at_node: int) -> None:
    xy = town[0].node_xy - worlds.ORIGIN
    if at_node & 1:
        one = tuple(xy[0])
    if at_node & 2:
        other = tuple(xy[-1])
    if np.hypot(one[0] - other[0], one[1] - other[1]) < 60:
        return
    lines = [shapely.LineString(xy[ends]) for ends in town[0].edges]
    if any(max(line.distance(shapely.Point(p)) for p in (one, other)) < 1e-3 for line in lines):
        return  # it lies on a street that is there
    try:
        now = measured(town, street(one, other))
    except InputError:
        return
    before = snap_study(*town)
    stand = (now.snapped.demand, before.demand), (now.snapped.sites, before.sites)
    if any((after.snapped != was.snapped).any() for after, was in stand):
        return  # a home or a site that had no street stands on the new one: a test of its own
    town_then = Rebuilt(town, new=(one, other))
    assert now.metres == pytest.approx(town_then.distances(seconds=False), abs=0.3, nan_ok=True)
    assert now.walk_s == pytest.approx(town_then.distances(seconds=True), abs=0.3, nan_ok=True)


@settings(max_examples=15)
@given(towns())
def test_opening_all_compounds_is_a_walker_whom_all_are_open_to(town: Town) -> None:
    everywhere = CompoundOpening(area=box(-500, -500, 5_000, 5_000))
    if not town[0].private.any():
        return
    one, other = measured(town, everywhere), measure_coverage(*town, walker=Walker(open_compounds=True))
    assert np.array_equal(one.walk_s, other.walk_s, equal_nan=True)
    assert np.array_equal(one.metres, other.metres, equal_nan=True)


# What must hold in every town, to the millisecond


@st.composite
def edits(draw: st.DrawFn, *, better: bool) -> list[StreetEdit]:
    """Draw edits that only open, or only close."""
    found: list[StreetEdit] = []
    for kind in draw(st.lists(st.integers(0, 2), min_size=1, max_size=3)):
        zone = box(*draw(zones))
        factor = draw(st.sampled_from([1.0001, 1.5, 3.0]))
        if kind == 0:
            found.append(Pace(area=zone, factor=factor if better else 1 / factor))
        elif not better:
            found.append(Closure(area=zone))
        elif kind == 1:
            found.append(CompoundOpening(area=zone))
        else:
            one, other = draw(place), draw(place)
            how = {"oneway": draw(st.booleans()), "bridge": draw(st.booleans())}
            found.append(street(one, (other[0] + 0.5, other[1]), **how))
    return found


def compared(town: Town, changes: list[StreetEdit], walker: Walker) -> tuple[Coverage, Coverage] | None:
    kept: list[StreetEdit] = []
    for change in changes:
        try:
            edited(town, *kept, change)
        except InputError:
            continue  # touches nothing
        kept.append(change)
    return (measured(town, *kept[:-1], walker=walker), measured(town, *kept, walker=walker)) if kept else None


walkers = st.sampled_from([Walker(), Walker(speed_m_s=0.93, access_factor_s=1.37)])


@settings(max_examples=25)
@given(towns(), edits(better=False), walkers)
def test_closing_and_slowing_helps_nobody(town: Town, changes: list[StreetEdit], walker: Walker) -> None:
    pair = compared(town, changes, walker)
    if pair is not None:
        before, after = pair
        for name in ("walk_s", "metres"):
            one, other = (np.nan_to_num(getattr(now, name), nan=np.inf) for now in (before, after))
            assert (other >= one).all()
        assert (after.covered <= before.covered).all()


@settings(max_examples=25)
@given(towns(), edits(better=True), walkers)
def test_opening_and_speeding_up_hurts_nobody(town: Town, changes: list[StreetEdit], walker: Walker) -> None:
    pair = compared(town, changes, walker)
    if pair is not None:
        before, after = pair
        for name in ("walk_s", "metres"):
            one, other = (np.nan_to_num(getattr(now, name), nan=np.inf) for now in (before, after))
            assert (other <= one).all()
        assert (after.covered >= before.covered).all()


@settings(max_examples=15)
@given(towns(), zones, walkers)
def test_cutting_alone_changes_no_way_by_a_millisecond(town: Town, zone: tuple[float, ...], walker: Walker) -> None:
    try:
        after = measured(town, Pace(area=box(*zone), factor=1.0), walker=walker)
    except InputError:
        return
    before = measure_coverage(*town, walker=walker)
    assert np.array_equal(after.walk_s, before.walk_s, equal_nan=True)
    assert np.array_equal(after.metres, before.metres, equal_nan=True)
    assert np.array_equal(after.nearest, before.nearest)


# Towns done by hand


def two_streets() -> Town:
    """Return streets of 1 km, 400 m apart, a home in the middle of the upper and a hall of the lower one."""
    streets = worlds.network([(0, 0), (1_000, 0), (0, 400), (1_000, 400)], [(0, 1), (2, 3)])
    return streets, worlds.people([(500, 400)]), worlds.outlets([(500, 0)])


def test_a_bridge_joins_its_banks_and_not_what_it_passes_over() -> None:
    # Two streets 400 m apart and one in the middle between them, which the bridge passes over.
    nodes = [(0, 0), (1_000, 0), (0, 400), (1_000, 400), (0, 200), (1_000, 200)]
    town = worlds.network(nodes, [(0, 1), (2, 3), (4, 5), (1, 5), (5, 3)])
    homes, hall = worlds.people([(500, 400), (500, 200)]), worlds.outlets([(500, 0)])
    bridge, path = (measured((town, homes, hall), street((500, 0), (500, 400), bridge=b)) for b in (True, False))
    assert bridge.metres == pytest.approx([400, 1_200], abs=0.3)
    assert path.metres == pytest.approx([400, 200], abs=0.3)


def test_the_ends_of_a_new_street_are_drawn_on_to_streets_within_25_m() -> None:
    town = two_streets()
    assert measured(town, street((500, 20), (500, 380))).metres == pytest.approx([400], abs=0.3)
    assert np.isnan(measured(town, street((500, 20), (500, 370))).metres).all()
    with pytest.raises(InputError, match=r"new street 'dam', which begins at 111\.\d+, 30\.\d+, joins no street"):
        edited(town, street((500, 100), (500, 300), name="dam"))


def test_steps_and_one_way_streets_are_walked_as_such() -> None:
    town = two_streets()
    assert measured(town, street((500, 0), (500, 400), steps=True)).walk_s == pytest.approx([800], abs=1)
    assert np.isnan(measured(town, street((500, 0), (500, 400), oneway=True)).walk_s).all()
    assert measured(town, street((500, 400), (500, 0), oneway=True)).walk_s == pytest.approx([400], abs=1)


def test_who_stands_on_a_closed_piece_stays_there() -> None:
    # A street of 1 km, the hall at its start; the flood lies from 400 to 600 m.
    town = (worlds.line(1_000, 1), worlds.people([(300, 0), (500, 0), (700, 0)]), worlds.outlets([(0, 0)]))
    after = measured(town, Closure(area=box(400, -50, 600, 50)))
    assert after.metres.tolist() == pytest.approx([300, np.nan, np.nan], nan_ok=True)
    assert after.unreached.tolist() == [False, True, True]
    assert after.snapped.demand.leg_m.tolist() == [0, 0, 0]


def test_a_flood_may_leave_bridges_open() -> None:
    streets = replace(worlds.line(1_000, 2), off_ground=np.array([False, True]))
    town = (streets, worlds.people([(0, 0)]), worlds.outlets([(1_000, 0)]))
    assert np.isnan(measured(town, Closure(area=box(450, -50, 600, 50))).metres).all()
    with pytest.raises(InputError, match="closure touches no street"):
        edited(town, Closure(area=box(510, -50, 600, 50), bridges=False))


def test_edges_close_in_all_their_pieces() -> None:
    town = (worlds.line(1_000, 2), worlds.people([(700, 0)]), worlds.outlets([(0, 0)]))
    after = measured(town, Pace(area=box(550, -9, 600, 9), factor=0.5), Closure(edges=(1,)))
    assert np.isnan(after.metres).all()
    with pytest.raises(InputError, match="closure names edge 2; expected rows of the network, 0 to 1"):
        edited(town, Closure(edges=(2,)))


def test_a_compound_opens_as_a_whole_and_its_neighbour_stays_shut() -> None:
    # Streets along y = 0 and y = 200; two compounds between them, each of two lanes end to end.
    nodes = [(0, 0), (300, 0), (0, 200), (300, 200), (100, 0), (100, 100), (100, 200), (200, 0), (200, 100), (200, 200)]
    edges = [(0, 4), (4, 7), (7, 1), (2, 6), (6, 9), (9, 3), (4, 5), (5, 6), (7, 8), (8, 9)]
    network = replace(worlds.network(nodes, edges), private=np.arange(10) > 5)
    town = (network, worlds.people([(0, 200)]), worlds.outlets([(0, 0)]))
    assert np.isnan(measured(town).metres).all()
    opened = edited(town, CompoundOpening(area=tuple(degrees([(190, 40)])[0])))
    assert np.flatnonzero(~opened.network.private).tolist() == [0, 1, 2, 3, 4, 5, 8, 9]
    assert measured(town, CompoundOpening(area=box(50, 20, 120, 60))).metres.tolist() == pytest.approx([400])
    with pytest.raises(InputError, match="opening of a compound touches no private way of the study; expected a place"):
        edited(town, CompoundOpening(area=tuple(degrees([(1_000, 40)])[0])))


def test_who_had_no_street_within_reach_stands_on_a_new_one() -> None:
    town = (worlds.line(1_000, 1), worlds.people([(500, 900)]), worlds.outlets([(500, 0)]))
    assert not measured(town).snapped.demand.snapped.any()
    after = measured(town, street((500, 0), (500, 890)))
    assert after.metres == pytest.approx([900], abs=1)


def test_an_edit_is_noted_where_it_lies() -> None:
    town = (worlds.line(1_000, 1), worlds.people([(500, 0)]), worlds.outlets([(0, 0)]))
    flood, path = Closure(area=box(400, -50, 600, 50), name="flood"), street((0, 10), (1_000, 10), name="path")
    streets = edited(town, flood, path).network
    closed = np.flatnonzero(streets.closed)
    assert edits_of(streets, closed) == [flood]
    assert edits_of(streets, np.arange(len(streets.edges))) == [flood, path]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: NewStreet(line=[(500_000, 3_400_000), (500_100, 3_400_000)]),
            "vertex at 500000, 3400000; exp",
        ),
        (lambda: NewStreet(line="POINT (1 2)"), "new street is a Point; expected a linestring in degrees"),
        (lambda: NewStreet(line=[(1, 2)]), "expected a linestring: a geometry, WKT, or pairs"),
        (lambda: NewStreet(line=[(1, 2), (1, 2)]), "new street is not valid: Too few points"),
        (Closure, "closure has no area and no edges; expected one of both"),
        (lambda: Closure(area=[(0, 0), (1, 1), (1, 0), (0, 1)]), "closure is not valid: Self-intersection"),
        (lambda: Pace(area=[(0, 0), (1, 1), (1, 0)], factor=0), "pace changes by the factor 0; expected 0.01 to 10"),
        (lambda: Pace(area=[(0, 0), (1, 1), (1, 0)], factor=50), "pace changes by the factor 50; expected 0.01 to 10"),
        (lambda: Pace(area=[(0, 0), (1, 1), (1, 0)], factor=float("nan")), "by the factor nan; expected 0.01 to 10"),
    ],
)
def test_what_is_no_edit_is_told_in_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_an_area_that_touches_no_street_is_refused() -> None:
    town = (worlds.line(1_000, 1), worlds.people([(500, 0)]), worlds.outlets([(0, 0)]))
    for edit in (
        Closure(area=box(0, 300, 100, 400), name="lake"),
        Pace(area=box(0, 300, 9, 400), factor=2, name="lake"),
    ):
        with pytest.raises(InputError, match="'lake' touches no street; expected an area over streets of the study"):
            edited(town, edit)
