"""Streets in pieces: where they cross without a junction, where an edit cuts them, where somebody stands on them.

A street that is cut is also cut wherever somebody stands on it: so every way along it costs what it did, to the
millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.geo.arrays import Frozen, meeting_pairs, spans, starts_of
from accessibility.streets.network import PER_EDGE, CutStreets, Network
from accessibility.streets.snapping import NOWHERE, Positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.edits import StreetEdit

    Rows = NDArray[np.integer[Any]]

_SAME_PLACE_M = 0.01
_CLEARLY_M = 1e-6
_ENDS_ONLY = "FF*F0****"  # two lines whose insides do not meet, nor an inside an end: only their ends touch (DE-9IM)
_SHARED = ("climb_m", "signals", "fixed_s")  # what the pieces of an edge share out, as its length


@dataclass(frozen=True, kw_only=True, eq=False)
class Crossings:
    """Places where streets cross or touch without a junction."""

    xy: NDArray[np.float64]  # (c, 2) places, each once
    # edge, place: (k,) rows of the edges to be cut, and the row of `xy` of each cut
    edge: NDArray[np.intp]
    place: NDArray[np.intp]
    # node, at: (t,) junctions that lie on an edge they are no end of, and the row of `xy` of each
    node: NDArray[np.intp]
    at: NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.xy)


def find_crossings(network: Network) -> Crossings:
    """Return where streets on the ground cross or touch without a junction; bridges, tunnels and squares do not count.

    Examples
    --------
    >>> from accessibility import Network
    >>> cross = Network(node_xy=[(0, 0), (90, 0), (50, -50), (50, 50)], edges=[(0, 1), (2, 3)], length_m=[90, 100],
    ...     crs="EPSG:32649")
    >>> find_crossings(cross).xy.tolist()
    [[50.0, 0.0]]
    """
    rows = np.flatnonzero(~network.off_ground & ~network.across)
    lines = network.lines(rows)
    tree = shapely.STRtree(lines)
    nodes = np.unique(network.edges[rows])
    points = np.asarray(shapely.points(network.node_xy[nodes]))
    node, touched = tree.query(points, predicate="dwithin", distance=_SAME_PLACE_M)
    node, touched = nodes[node], rows[touched]
    # At a locked gate two junctions are one node of the source: they are apart on purpose.
    apart = (network.node_ids[network.edges[touched]] != network.node_ids[node][:, None]).all(axis=1)
    node, touched = node[apart], touched[apart]
    crossing, one, other = _inside(network, rows, tree)
    every = np.concatenate([network.node_xy[node], crossing])
    place = np.unique(np.round(every / _SAME_PLACE_M), axis=0, return_index=True, return_inverse=True)
    first, which = place[1], place[2].ravel()
    cut = np.concatenate([which, which[len(node) :]])
    return Crossings(
        xy=every[first], edge=np.concatenate([touched, one, other]), place=cut, node=node, at=which[: len(node)]
    )


def join_crossings(network: Network, crossings: Crossings) -> Network:
    """Return the network with its streets cut at some crossings and joined there."""
    n = len(network.node_xy)
    junction = n + np.arange(len(crossings))
    junction[crossings.at] = crossings.node
    one = np.arange(n)
    one[crossings.node] = junction[crossings.at]  # of several junctions in one place one stays
    lines = network.lines(crossings.edge)
    fraction = shapely.line_locate_point(lines, shapely.points(crossings.xy[crossings.place]))
    drawn = shapely.length(lines)
    fraction = np.divide(fraction, drawn, out=np.zeros(len(drawn)), where=drawn > 0)
    m, ends = len(network.edges), one[network.edges]
    # Every edge as stops along it: its first end, where it is cut, its second end.
    edge = np.concatenate([np.arange(m), np.arange(m), crossings.edge])
    stop = np.concatenate([ends[:, 0], ends[:, 1], junction[crossings.place]])
    along = np.concatenate([np.zeros(m), np.ones(m), fraction])
    rank = np.concatenate([np.zeros(m), np.full(m, 2.0), np.ones(len(fraction))])
    order = np.lexsort((rank, along, edge))
    edge, stop, along = edge[order], stop[order], along[order]
    piece = np.flatnonzero(edge[1:] == edge[:-1])
    of, share = edge[piece], along[piece + 1] - along[piece]
    shape_xy, shape_start = _shapes(network, of, along[piece], along[piece + 1])
    xy, new_ids = np.vstack([network.node_xy, crossings.xy]), network.node_ids.max(initial=0) + 1
    per_edge: dict[str, Any] = {name: getattr(network, name)[of] for name in PER_EDGE}
    per_edge |= {name: per_edge[name] * share for name in _SHARED}
    return replace(
        network,
        **per_edge,
        node_xy=xy,
        node_ids=np.append(network.node_ids, new_ids + np.arange(len(crossings))),
        edges=np.column_stack([stop[piece], stop[piece + 1]]),
        length_m=network.length_m[of] * share,
        slope_factor=network.slope_factor[of],
        shape_xy=shape_xy,
        shape_start=shape_start,
    )


def _shapes(
    network: Network, rows: NDArray[np.intp], begin: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the vertices of edges between two shares of what is drawn of each, and where each begins among them."""
    cut = np.flatnonzero((begin != 0.0) | (end != 1.0))
    parts = [shape_between(network, rows[at], begin[at], end[at]) for at in cut.tolist()]
    first, many = network.shape_start[rows].astype(np.int64), np.diff(network.shape_start)[rows].astype(np.int64)
    many[cut] = [len(part) for part in parts]
    first[cut] = len(network.shape_xy) + np.cumsum(many[cut]) - many[cut]
    start = starts_of(many)
    return np.concatenate([network.shape_xy, *parts])[spans(first, many)], start


def _inside(
    network: Network, rows: NDArray[np.intp], tree: Any
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return the places where two edges cross away from the ends of both, and those edges."""
    lines = tree.geometries
    one, other = meeting_pairs(tree)
    near = ~(network.outline[rows[one]] & network.outline[rows[other]])
    one, other = one[near], other[near]
    rest = ~_meet_at_an_end(network, rows[one], rows[other])
    one, other = one[rest], other[rest]
    met = shapely.intersects(lines[one], lines[other])
    one, other = one[met], other[met]
    inside = ~shapely.relate_pattern(lines[one], lines[other], _ENDS_ONLY)
    one, other = one[inside], other[inside]
    points, pair = shapely.get_coordinates(shapely.intersection(lines[one], lines[other]), return_index=True)
    one, other = rows[one[pair]], rows[other[pair]]
    away = np.ones(len(points), np.bool_)
    for edge in (one, other):
        for side in (0, 1):
            away &= np.hypot(*(points - network.node_xy[network.edges[edge, side]]).T) > _SAME_PLACE_M
    return points[away], one[away], other[away]


def _meet_at_an_end(network: Network, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return of pairs of edges whether a straight line through an end that both have keeps the rest of them apart."""
    xy, first, last = network.shape_xy, network.shape_start[:-1], network.shape_start[1:] - 1
    ends = np.stack([xy[first], xy[last]], axis=1)
    same = (ends[one][:, :, None] == ends[other][:, None]).all(axis=3).reshape(-1, 4)
    found: NDArray[np.bool_] = same.sum(axis=1) == 1
    side = np.divmod(same[found].argmax(axis=1), 2)
    edges = (one[found], other[found])
    at = ends[edges[0], side[0]]
    ways = [ends[edge, 1 - end] - at for edge, end in zip(edges, side, strict=True)]
    lengths = [np.maximum(np.hypot(*way.T), _SAME_PLACE_M)[:, None] for way in ways]
    across = ways[0] / lengths[0] - ways[1] / lengths[1]
    clear = np.ones(len(at), np.bool_)
    for edge, end, sign in zip(edges, side, (1.0, -1.0), strict=True):
        many = last[edge] - first[edge]
        begin = np.cumsum(many) - many
        vertex = spans(first[edge] + (end == 0), many)
        beside = ((xy[vertex] - np.repeat(at, many, axis=0)) * np.repeat(across * sign, many, axis=0)).sum(axis=1)
        clear &= np.minimum.reduceat(beside, begin) > _CLEARLY_M
    found[found] = clear
    return found


def shape_between(network: Network, row: int, begin: float, end: float) -> NDArray[np.float64]:
    """Return the vertices of an edge between two shares of what is drawn of it."""
    shape = network.shape_xy[network.shape_start[row] : network.shape_start[row + 1]]
    if (begin, end) == (0.0, 1.0):
        return shape
    walked = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(shape, axis=0).T))])
    cuts = np.array([begin, end]) * walked[-1]
    both = np.column_stack([np.interp(cuts, walked, shape[:, axis]) for axis in (0, 1)])
    within = shape[(walked > cuts[0]) & (walked < cuts[1])]
    return np.vstack([both[:1], within, both[1:]])


SAME_PLACE_M = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class Footing(Frozen):
    """Points that stand on a network."""

    at: Positions  # where they stand
    xy: NDArray[np.float64]  # (k, 2) where they are, metres in the network's coordinate system
    limit_m: NDArray[np.float64] | float  # how far each may be from a street that is new; one number or (k,)


@dataclass(frozen=True, kw_only=True, eq=False)
class EditedStreets(Frozen):
    """A network with its streets edited, and where people and sites stand on it."""

    network: Network  # the streets as they would be
    # people, sites: the same points in the same places
    people: Footing
    sites: Footing


def edits_of(network: Network, edges: Rows) -> list[StreetEdit]:
    """Return the edits that made some edges of a network what they are, each once, in their order."""
    if network.pieces is None:
        return []
    rows = np.unique(network.pieces.edit[edges])
    return [network.pieces.edits[row] for row in rows[rows >= 0]]


def untouched(network: Network, edges: Rows) -> NDArray[np.bool_]:
    """Return whether edges of today's network are, in the same rows of an edited one, whole and as they were."""
    whole = np.ones(len(edges), np.bool_)
    while network.pieces is not None:
        pieces, network = network.pieces, network.pieces.of
        whole &= (pieces.begin[edges] == 0) & (pieces.end[edges] == 1) & (pieces.edit[edges] == NOWHERE)
    return whole


def stand_on(network: Network, at: Positions) -> Positions:
    """Return where points that stand on today's network stand on an edited one, to the nearest millisecond."""
    levels = []
    while network.pieces is not None:
        levels.append(network.pieces)
        network = network.pieces.of
    edge, fraction = at.edge.copy(), at.fraction.copy()
    for pieces in reversed(levels):
        for point in np.flatnonzero(at.snapped).tolist():
            share = fraction[point]
            here = (pieces.row == edge[point]) & (pieces.begin <= share) & (share <= pieces.end)
            edge[point] = row = int(np.flatnonzero(here)[0])
            long = pieces.end[row] - pieces.begin[row]
            fraction[point] = (share - pieces.begin[row]) / long if long > 0 else 0.0
    return Positions(edge=edge, fraction=fraction, leg_m=at.leg_m)


def before_edits(network: Network) -> Network:
    """Return the network that no edit had touched."""
    while network.pieces is not None:
        network = network.pieces.of
    return network


def cut_streets(done: EditedStreets, edge: Rows, fraction: NDArray[np.float64], touched: Rows) -> EditedStreets:
    """Return the streets cut at shares of some edges, and wherever somebody stands on an edge that is touched.

    The result is always an edited network, also where nothing is cut.
    """
    network = done.network
    standing = [(p.at.edge, p.at.fraction) for p in (done.people, done.sites)]
    on = [np.isin(of, touched) for of, _ in standing]
    edge = np.concatenate([edge, *(of[here] for (of, _), here in zip(standing, on, strict=True))]).astype(np.intp)
    share = np.concatenate([fraction, *(at[here] for (_, at), here in zip(standing, on, strict=True))])
    inner = (share > 0) & (share < 1)
    cuts = np.unique(np.column_stack([edge[inner], share[inner]]), axis=0)
    of, at = cuts[:, 0].astype(np.intp), cuts[:, 1]
    m, n, k = len(network.edges), len(network.node_xy), len(of)
    first, last = (np.append(*ends)[:k] for ends in ((True, of[1:] != of[:-1]), (of[1:] != of[:-1], True)))
    # The piece before each cut: the first of an edge in its row, the others behind; then the piece after the last cut.
    row = np.append(np.arange(m), of).astype(np.int32)
    begin, end = np.zeros(m + k), np.ones(m + k)
    begin[m:] = at
    end[of[first]] = at[first]
    end[m:][~last] = at[1:][~first[1:]]
    edges = np.vstack([network.edges, network.edges[of]])
    nodes = n + np.arange(k)
    edges[of[first], 1] = nodes[first]
    edges[m:, 0] = nodes
    edges[m:, 1][~last] = nodes[1:][~first[1:]]
    pieces = CutStreets(
        of=network,
        row=row,
        begin=begin,
        end=end,
        slower=np.ones(m + k),
        edit=np.full(m + k, NOWHERE, np.int16) if network.pieces is None else network.pieces.edit[row],
        edits=() if network.pieces is None else network.pieces.edits,
    )
    cut = _in_pieces(network, pieces, edges, np.unique(of))
    return EditedStreets(network=cut, people=_reseated(done.people, of, at, m), sites=_reseated(done.sites, of, at, m))


def _in_pieces(network: Network, pieces: CutStreets, edges: NDArray[np.int32], cut: Rows) -> Network:
    """Return the network of some pieces; `cut` are the edges of which there are several."""
    m, row = len(network.edges), pieces.row
    share = pieces.end - pieces.begin
    parts = np.append(cut, np.arange(m, len(row)))
    shapes = {at: shape_between(network, row[at], pieces.begin[at], pieces.end[at]) for at in parts.tolist()}
    counts = np.append(np.diff(network.shape_start), np.zeros(len(row) - m, np.int64))
    kept = np.ones(m, np.bool_)
    kept[cut] = False
    vertex = np.repeat(kept, counts[:m])
    counts[parts] = [len(shapes[at]) for at in parts.tolist()]
    start = np.append(0, np.cumsum(counts))
    xy = np.empty((start[-1], 2))
    xy[: start[m]][np.repeat(kept, counts[:m])] = network.shape_xy[vertex]
    for at, shape in shapes.items():
        xy[start[at] : start[at + 1]] = shape
    node_xy = xy[start[m:-1]]  # every piece behind begins at its cut
    per_edge: dict[str, Any] = {name: getattr(network, name)[row] for name in PER_EDGE}
    per_edge |= {name: per_edge[name] * share for name in _SHARED}
    return replace(
        network,
        **per_edge,
        node_xy=np.vstack([network.node_xy, node_xy]),
        node_ids=np.append(network.node_ids, network.node_ids.max(initial=-1) + 1 + np.arange(len(node_xy))),
        edges=edges,
        length_m=network.length_m[row] * share,
        slope_factor=network.slope_factor[row],
        shape_xy=xy,
        shape_start=start,
        origin=None,
        pieces=pieces,
    )


def _reseated(points: Footing, of: Rows, at: NDArray[np.float64], m: int) -> Footing:
    """Return the points on the pieces of the edges they stood on: whoever stands on one that is cut stands at a cut."""
    edge, fraction = points.at.edge.copy(), points.at.fraction.copy()
    first = {int(row): place for place, row in reversed(list(enumerate(of)))}
    after = {int(row): place for place, row in enumerate(of)}
    cut = {(int(row), share): place for place, (row, share) in enumerate(zip(of, at.tolist(), strict=True))}
    for point in np.flatnonzero(np.isin(edge, of) & (fraction > 0)).tolist():
        row, share = int(edge[point]), float(fraction[point])
        if share == 1:
            edge[point] = m + after[row]
            continue
        place = cut[row, share]
        edge[point], fraction[point] = (row if place == first[row] else m + place - 1), 1.0
    return replace(points, at=Positions(edge=edge, fraction=fraction, leg_m=points.at.leg_m))


def cut_out(network: Network, rows: Rows) -> Network:
    """Return some of the edges, ascending, and the junctions at their ends, as a network: they cost what they did."""
    nodes, ends = np.unique(network.edges[rows], return_inverse=True)
    start, many = network.shape_start[rows], network.shape_start[rows + 1] - network.shape_start[rows]
    after = starts_of(many)
    pieces = network.pieces
    if pieces is not None:
        per_edge = {name: getattr(pieces, name)[rows] for name in ("row", "begin", "end", "slower", "edit")}
        pieces = replace(pieces, **per_edge)
    return Network(
        node_xy=network.node_xy[nodes],
        edges=ends.reshape(-1, 2).astype(np.int32),
        shape_xy=network.shape_xy[spans(start, many)],
        shape_start=after,
        node_ids=network.node_ids[nodes],
        kinds=network.kinds,
        pieces=pieces,
        crs=network.crs,
        **{name: getattr(network, name)[rows] for name in (*PER_EDGE, "length_m", "slope_factor")},
    )


def boxes_meet(network: Network, bounds: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether the bounding box of an edge meets another box."""
    if not len(network.edges):
        return np.zeros(0, np.bool_)
    first = network.shape_start[:-1]
    low, high = (of.reduceat(network.shape_xy, first, axis=0) for of in (np.minimum, np.maximum))
    west, south, east, north = bounds
    found: NDArray[np.bool_] = np.all((low <= [east, north]) & (high >= [west, south]), axis=1)
    return found


def lines_of(network: Network, rows: Rows) -> NDArray[np.object_]:
    """Return the lines of some edges."""
    counts = np.diff(network.shape_start)[rows]
    of = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    lines = shapely.linestrings(network.shape_xy[network.shape_start[rows][of] + within], indices=of)
    found: NDArray[np.object_] = np.asarray(lines, dtype=object)
    return found


def fractions_on(network: Network, edge: Rows, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at which share of their edge points lie; within a hand's breadth of its end they are there."""
    lines = lines_of(network, edge)
    drawn = shapely.length(lines)
    along = shapely.line_locate_point(lines, shapely.points(xy))
    share = np.divide(along, drawn, out=np.zeros(len(edge)), where=drawn > 0)
    found: NDArray[np.float64] = np.select([along <= SAME_PLACE_M, along >= drawn - SAME_PLACE_M], [0.0, 1.0], share)
    return found
