"""Streets in pieces: where an edit cuts them, and where somebody stands on them.

A street that is cut is also cut wherever somebody stands on it: so every way along it costs what it did, to the
millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.arrays import Frozen, spans
from accessibility.streets.crossings import shape_between
from accessibility.streets.network import PER_EDGE, CutStreets, Network
from accessibility.streets.snapping import NOWHERE, Positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.edits import StreetEdit

    Rows = NDArray[np.integer[Any]]

SAME_PLACE_M = 0.01
_SHARED = ("climb_m", "signals", "fixed_s")  # what the pieces of an edge share out, as its length


@dataclass(frozen=True, kw_only=True, eq=False)
class Footing(Frozen):
    """Points that stand on a network.

    Parameters
    ----------
    at
        Where they stand.
    xy
        ``(k, 2)`` where they are, metres in the network's coordinate system.
    limit_m
        How far each may be from a street that is new; one number or ``(k,)``.
    """

    at: Positions
    xy: NDArray[np.float64]
    limit_m: NDArray[np.float64] | float


@dataclass(frozen=True, kw_only=True, eq=False)
class EditedStreets(Frozen):
    """A network with its streets edited, and where people and sites stand on it.

    Parameters
    ----------
    network
        The streets as they would be.
    people, sites
        The same points in the same places.
    """

    network: Network
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
    after = np.concatenate([[0], np.cumsum(many)])
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
    import shapely  # noqa: PLC0415

    counts = np.diff(network.shape_start)[rows]
    of = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    lines = shapely.linestrings(network.shape_xy[network.shape_start[rows][of] + within], indices=of)
    found: NDArray[np.object_] = np.asarray(lines, dtype=object)
    return found


def fractions_on(network: Network, edge: Rows, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at which share of their edge points lie; within a hand's breadth of its end they are there."""
    import shapely  # noqa: PLC0415

    lines = lines_of(network, edge)
    drawn = shapely.length(lines)
    along = shapely.line_locate_point(lines, shapely.points(xy))
    share = np.divide(along, drawn, out=np.zeros(len(edge)), where=drawn > 0)
    found: NDArray[np.float64] = np.select([along <= SAME_PLACE_M, along >= drawn - SAME_PLACE_M], [0.0, 1.0], share)
    return found
