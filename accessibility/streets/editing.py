"""Streets edited: new ones joined, areas closed or slowed, compounds opened; people and sites stay where they stood.

An edit makes a new network. The edges of the one before keep their rows; where one is cut, its first piece takes its
row and the others come last. A street that is cut is also cut wherever somebody stands on it: so every way along it
costs what it did, to the millisecond, and a closure helps, and an opening hurts, nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, segment_lengths, transform, transform_shapes
from accessibility.streets.edits import Closure, CompoundOpening, NewStreet, Pace, StreetEdit
from accessibility.streets.network import PER_EDGE, STEPS, CutStreets, Network
from accessibility.streets.pieces import (
    SAME_PLACE_M,
    EditedStreets,
    Footing,
    boxes_meet,
    cut_streets,
    fractions_on,
    lines_of,
)
from accessibility.streets.search.packing import label_components
from accessibility.streets.snapping import NOWHERE, Positions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Rows = NDArray[np.integer[Any]]

JOIN_M = 25.0
"""How far the end of a new street is drawn on to the street that it joins."""
NEXT_TO_M = 200.0
"""How far a place may lie from the compound that opens there."""
_AFOOT = "footway"
_NO_ROWS = np.empty(0, np.intp)


def edit_streets(network: Network, edits: Iterable[StreetEdit], people: Footing, sites: Footing) -> EditedStreets:
    """Return a network with its streets edited, one edit after the other.

    * A **new street** is joined to every street on the ground that it crosses or touches, at the junction where there
      is one. Each of its ends is drawn on to the nearest street within 25 m, unless the line crosses one there; an end
      with none is a dead end. A bridge is joined at its ends alone. It is not joined to itself.
    * A **closure** cuts streets at the border of its area and closes the pieces inside, or closes whole edges.
    * A **pace** cuts streets at the border of its area; a walk along the pieces inside takes longer or shorter.
    * The **opening** of a compound lets everybody walk a whole set of private ways that meet each other.

    People and sites stay on the street where they stood; who had none within reach stands on a new street within the
    same limit.

    Raises
    ------
    InputError
        A new street that joins none, an area that touches none.
    """
    done = EditedStreets(network=network, people=people, sites=sites)
    for edit in edits:
        match edit:
            case NewStreet():
                done = _with_street(done, edit)
            case Closure():
                done = _closed(done, edit)
            case Pace():
                done = _paced(done, edit)
            case CompoundOpening():
                done = _opened(done, edit)
    return done


# Closing, slowing and opening what is there


def _closed(done: EditedStreets, edit: Closure) -> EditedStreets:
    if edit.area is None:
        done, rows = cut_streets(done, _NO_ROWS, np.empty(0), _NO_ROWS), _of_today(done.network, edit)
    else:
        wanted = np.ones(len(done.network.edges), np.bool_) if edit.bridges else ~done.network.off_ground
        done, rows = _inside(done, edit, edit.area, wanted)
    gone = np.zeros(len(done.network.edges), np.bool_)
    gone[rows] = True
    return replace(done, network=_marked(done.network, edit, rows, closed=done.network.closed | gone))


def _of_today(network: Network, edit: Closure) -> Rows:
    """Return the pieces of some edges of the network that no edit had touched."""
    first, origin = network, np.arange(len(network.edges))
    while first.pieces is not None:
        origin = np.where(origin >= 0, first.pieces.row[origin], NOWHERE)
        first = first.pieces.of
    wrong = [row for row in edit.edges if not 0 <= row < len(first.edges)]
    if wrong:
        msg = f"{edit.text} names edge {wrong[0]}; expected rows of the network, 0 to {len(first.edges) - 1}"
        raise InputError(msg)
    return np.flatnonzero(np.isin(origin, edit.edges))


def _paced(done: EditedStreets, edit: Pace) -> EditedStreets:
    done, rows = _inside(done, edit, edit.area, np.ones(len(done.network.edges), np.bool_))
    network, pieces = done.network, _pieces(done.network)
    slower, slope = pieces.slower.copy(), network.slope_factor.copy()
    slower[rows] = 1 / edit.factor
    slope[rows] /= edit.factor
    network = replace(network, slope_factor=slope, pieces=replace(pieces, slower=slower))
    return replace(done, network=_marked(network, edit, rows))


def _opened(done: EditedStreets, edit: CompoundOpening) -> EditedStreets:
    done = cut_streets(done, _NO_ROWS, np.empty(0), _NO_ROWS)
    network, area = done.network, _projected(edit.area, done.network, edit)
    private = np.flatnonzero(network.private)
    lines = lines_of(network, private)
    if edit.area.geom_type == "Point":
        away = shapely.distance(lines, area)
        touched = (away <= NEXT_TO_M) & (away == away.min(initial=np.inf))
        expected = f"a place within {NEXT_TO_M:.0f} m of one"
    else:
        touched, expected = shapely.intersects(lines, area), "an area over one"
    if not touched.any():
        msg = f"{edit.text} touches no private way of the study; expected {expected}"
        raise InputError(msg)
    compound = _compounds(network, private)
    rows = private[np.isin(compound, compound[touched])]
    still = np.ones(len(network.edges), np.bool_)
    still[rows] = False
    return replace(
        done,
        network=_marked(network, edit, rows, private=network.private & still, enclosed=network.enclosed & still),
    )


def _compounds(network: Network, private: Rows) -> NDArray[np.int32]:
    """Return the compound of each private edge: those that meet where no public street does are one."""
    n, k = len(network.node_xy), len(private)
    at_street = np.zeros(n, np.bool_)
    at_street[network.edges[~network.private]] = True
    ends = network.edges[private]
    apart = n + np.arange(2 * k).reshape(k, 2)
    one, other = np.where(at_street[ends], apart, ends).T
    labels: NDArray[np.int32] = label_components(n + 2 * k, one, other)[one]
    return labels


def _inside(
    done: EditedStreets, edit: Closure | Pace, area: BaseGeometry, wanted: NDArray[np.bool_]
) -> tuple[EditedStreets, Rows]:
    """Return the streets cut at the border of an area, and the rows of the pieces inside."""
    network, zone = done.network, _projected(area, done.network, edit)
    near = np.flatnonzero(wanted & boxes_meet(network, zone.bounds))
    lines = lines_of(network, near)
    shapely.prepare(zone)
    met = shapely.intersects(lines, zone)
    near, lines = near[met], lines[met]
    partly = ~shapely.covered_by(lines, zone)
    at, of = shapely.get_coordinates(shapely.intersection(lines[partly], zone.boundary), return_index=True)
    edge = near[partly][of]
    # Two who stand on one edge walk between them: where a site does, a slower edge is cut, and their way rounded once.
    touched = partly | (np.isin(near, done.sites.at.edge) & isinstance(edit, Pace))
    done = cut_streets(done, edge, fractions_on(network, edge, at), near[touched])
    found = np.flatnonzero(np.isin(_pieces(done.network).row, near))
    middle = shapely.line_interpolate_point(lines_of(done.network, found), 0.5, normalized=True)
    found = found[shapely.intersects(middle, zone)]
    if not found.size:
        msg = f"{edit.text} touches no street; expected an area over streets of the study"
        raise InputError(msg)
    return done, found


# Adding a street


@dataclass(frozen=True, kw_only=True, eq=False)
class _Joins:
    """Where a new street meets those there are: metres along it, on which edge, at which share of it."""

    along: NDArray[np.float64]
    edge: Rows
    fraction: NDArray[np.float64]


def _with_street(done: EditedStreets, edit: NewStreet) -> EditedStreets:
    network = done.network
    line = _projected(edit.line, network, edit)
    west, south, east, north = line.bounds
    grounded = ~network.off_ground & ~network.across
    near = grounded & boxes_meet(network, (west - JOIN_M, south - JOIN_M, east + JOIN_M, north + JOIN_M))
    streets = np.flatnonzero(near)
    lines = lines_of(network, streets)
    line, joins = _joins(network, line, streets, lines, bridge=edit.bridge)
    if not joins.edge.size:
        x, y = edit.line.coords[0]
        msg = (
            f"{edit.text}, which begins at {x:.6f}, {y:.6f}, joins no street; expected a line that crosses one, or "
            f"ends within {JOIN_M:.0f} m of one"
        )
        raise InputError(msg)
    done = cut_streets(done, joins.edge, joins.fraction, joins.edge)
    node = _junctions(done.network, joins)
    order = np.lexsort((node, joins.along))
    along, node = joins.along[order], node[order]
    count, ends = len(done.network.node_xy), np.empty((0, 2))
    if along[0] > SAME_PLACE_M:
        along, node = np.append(0.0, along), np.append(count, node)
        ends = np.vstack([ends, line.coords[0]])
    if along[-1] < line.length - SAME_PLACE_M:
        along, node = np.append(along, line.length), np.append(node, count + len(ends))
        ends = np.vstack([ends, line.coords[-1]])
    kept = np.append(True, (np.diff(along) > SAME_PLACE_M) | (np.diff(node) != 0))
    along, node = along[kept], node[kept]
    shapes = [_part_of(shapely.get_coordinates(line), a, b) for a, b in pairwise(along)]
    first = len(done.network.edges)
    done = replace(done, network=_appended(done.network, edit, shapes, (ends, np.column_stack([node[:-1], node[1:]]))))
    rows = np.arange(first, len(done.network.edges))
    return done if edit.bridge else _settled(done, rows)


def _joins(
    network: Network, line: Any, streets: Rows, lines: NDArray[np.object_], *, bridge: bool
) -> tuple[Any, _Joins]:
    """Return a new street, its ends drawn on to the streets they join, and where it meets streets."""
    at, of = shapely.get_coordinates(shapely.intersection(lines, line), return_index=True)
    at, edge = (at[:0], streets[:0]) if bridge else (at, streets[of])
    along = shapely.line_locate_point(line, shapely.points(at))
    xy = shapely.get_coordinates(line)
    before, after = (
        _end_of(network, xy[side], (streets, lines), edge[from_end <= JOIN_M])
        for side, from_end in ((0, along), (-1, line.length - along))
    )
    longer = shapely.LineString(np.vstack([before[1], xy, after[1]]))
    shift = longer.length - line.length - np.hypot(*(after[1] - xy[-1:]).T).sum()
    edge = np.concatenate([edge, before[0], after[0]])
    place = np.vstack([at, before[1], after[1]])
    along = np.concatenate([along + shift, np.zeros(len(before[0])), np.full(len(after[0]), longer.length)])
    return longer, _Joins(along=along, edge=edge, fraction=fractions_on(network, edge, place))


def _end_of(
    network: Network, xy: NDArray[np.float64], near: tuple[Rows, NDArray[np.object_]], crossed: Rows
) -> tuple[Rows, NDArray[np.float64]]:
    """Return the street that an end of a new one is drawn on to, and where; none where it crosses that one there.

    A street that is closed is none, and a private one only where no public one is near.
    """
    streets, lines = near
    away = shapely.distance(lines, shapely.Point(xy))
    within = np.flatnonzero((away <= JOIN_M) & ~network.closed[streets])
    if not within.size:
        return _NO_ROWS, np.empty((0, 2))
    best = within[np.lexsort((away[within], network.private[streets[within]]))[0]]
    if streets[best] in crossed:
        return _NO_ROWS, np.empty((0, 2))
    along = shapely.line_locate_point(lines[best], shapely.Point(xy))
    return streets[[best]], shapely.get_coordinates(shapely.line_interpolate_point(lines[best], along))


def _junctions(cut: Network, joins: _Joins) -> Rows:
    """Return the node at which a new street meets each edge, which was cut there."""
    pieces = _pieces(cut)
    node = np.empty(len(joins.edge), np.intp)
    for k, (edge, fraction) in enumerate(zip(joins.edge, joins.fraction, strict=True)):
        if fraction in (0.0, 1.0):
            node[k] = pieces.of.edges[edge, int(fraction)]
        else:
            node[k] = cut.edges[(pieces.row == edge) & (pieces.end == fraction), 1][0]
    return node


def _appended(
    network: Network,
    edit: NewStreet,
    shapes: list[NDArray[np.float64]],
    new: tuple[NDArray[np.float64], NDArray[np.intp]],
) -> Network:
    """Return the network with new junctions and edges after those there are."""
    k, pieces = len(shapes), _pieces(network)
    length = [segment_lengths(transform(shape, network.crs, WGS84)).sum() for shape in shapes]
    kind = STEPS if edit.steps else _AFOOT
    kinds = network.kinds if kind in network.kinds else (*network.kinds, kind)
    of_new: dict[str, Any] = dict.fromkeys(PER_EDGE, 0) | {
        "oneway": edit.oneway,
        "off_ground": edit.bridge,
        "kind": kinds.index(kind),
    }
    longer = {name: np.append(getattr(network, name), np.full(k, of_new[name], PER_EDGE[name])) for name in PER_EDGE}
    per_edge: dict[str, Any] = longer
    ids = network.node_ids.max(initial=-1) + 1 + np.arange(len(new[0]))
    return replace(
        network,
        **per_edge,
        kinds=kinds,
        node_xy=np.vstack([network.node_xy, new[0]]),
        node_ids=np.append(network.node_ids, ids),
        edges=np.vstack([network.edges, new[1]]),
        length_m=np.append(network.length_m, length),
        slope_factor=np.vstack([network.slope_factor, np.ones((k, 2))]),
        shape_xy=np.vstack([network.shape_xy, *shapes]),
        shape_start=np.append(network.shape_start, network.shape_start[-1] + np.cumsum([len(s) for s in shapes])),
        pieces=replace(
            pieces,
            row=np.append(pieces.row, np.full(k, NOWHERE, np.int32)),
            begin=np.append(pieces.begin, np.zeros(k)),
            end=np.append(pieces.end, np.ones(k)),
            slower=np.append(pieces.slower, np.ones(k)),
            edit=np.append(pieces.edit, np.full(k, len(pieces.edits), np.int16)),
            edits=(*pieces.edits, edit),
        ),
    )


def _settled(done: EditedStreets, rows: Rows) -> EditedStreets:
    """Let who has no street within reach stand on new ones."""
    lines = lines_of(done.network, rows)
    found: dict[str, Any] = {}
    for name in ("people", "sites"):
        points: Footing = getattr(done, name)
        free = np.flatnonzero((points.at.edge == NOWHERE) & finite_rows(points.xy))
        if not free.size:
            continue
        at = shapely.points(points.xy[free])
        nearest, away = shapely.STRtree(lines).query_nearest(at, return_distance=True, all_matches=False)
        limit = np.broadcast_to(points.limit_m, len(points.xy))[free]
        on = away <= limit
        free, edge = free[on], rows[nearest[1][on]]
        of, fraction, leg = (getattr(points.at, f).copy() for f in ("edge", "fraction", "leg_m"))
        of[free], leg[free] = edge, away[on]
        fraction[free] = fractions_on(done.network, edge, points.xy[free])
        found[name] = replace(points, at=Positions(edge=of, fraction=fraction, leg_m=leg))
    return replace(done, **found)


# What is read of a network


def _pieces(network: Network) -> CutStreets:
    pieces = network.pieces
    assert pieces is not None  # noqa: S101 -- an edit begins with a cut, which makes them
    return pieces


def _marked(network: Network, edit: StreetEdit, rows: Rows, **changed: NDArray[np.bool_]) -> Network:
    """Return the network with an edit noted of some edges, and what else changes; what is closed is told as closed."""
    pieces = _pieces(network)
    by = pieces.edit.copy()
    by[rows if isinstance(edit, Closure) else rows[~network.closed[rows]]] = len(pieces.edits)
    return replace(network, pieces=replace(pieces, edit=by, edits=(*pieces.edits, edit)), **changed)  # type: ignore[arg-type]


def _projected(geometry: BaseGeometry, network: Network, edit: StreetEdit) -> Any:
    """Return a geometry in the network's coordinate system."""
    found = transform_shapes(geometry, WGS84, network.crs)
    if not np.isfinite(shapely.get_coordinates(found)).all():
        x, y = shapely.get_coordinates(geometry)[0]
        msg = f"{edit.text} at {x:.6f}, {y:.6f} lies outside {network.crs.name!r}; expected a place in the study"
        raise InputError(msg)
    return found


def _part_of(xy: NDArray[np.float64], begin: float, end: float) -> NDArray[np.float64]:
    """Return the vertices of a line between two lengths along it."""
    walked = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    ends = np.column_stack([np.interp([begin, end], walked, xy[:, axis]) for axis in (0, 1)])
    return np.vstack([ends[:1], xy[(walked > begin) & (walked < end)], ends[1:]])
