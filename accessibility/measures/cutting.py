"""Edges cut where a limit is reached: the parts of streets from which some site is near enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.measures.marching import FLAT
from accessibility.streets.search import split_labels
from accessibility.streets.search.impedance import IMPASSABLE
from accessibility.streets.search.stops import NO_LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accessibility.measures.contours import Strokes
    from accessibility.streets.search import Stops
    from accessibility.streets.search.packing import Graph

_HALF = 0.5  # costs are rounded to whole units: half a unit beyond the limit still rounds to it
_NEXT_TO_NOTHING = 1e-9  # stands for a cost of zero below a fraction line


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """Parts of edges.

    Parameters
    ----------
    edge
        ``(k,)`` edge rows; an edge may come several times, and its pieces may overlap.
    start, stop
        ``(k,)`` places along the edge, 0 at its first node and 1 at its second; start < stop.
    """

    edge: NDArray[np.intp]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]

    @property
    def whole(self) -> NDArray[np.bool_]:
        """``(k,)`` whether the piece is its edge from end to end."""
        return np.asarray((self.start == 0.0) & (self.stop == 1.0))

    def of(self, rows: NDArray[np.bool_]) -> Pieces:
        """Return some of the pieces."""
        return Pieces(edge=self.edge[rows], start=self.start[rows], stop=self.stop[rows])

    def segments(self, shape_xy: NDArray[np.float64], shape_start: NDArray[np.int64]) -> Segments:
        """Return the straight parts of the pieces along the drawn lines of their edges: a network's vertices."""
        first, many = shape_start[self.edge], np.diff(shape_start)[self.edge] - 1
        piece = np.repeat(np.arange(len(many)), many)
        before = np.cumsum(many) - many
        vertex = np.arange(len(piece)) + np.repeat(first - before, many)
        step = np.hypot(*(shape_xy[vertex + 1] - shape_xy[vertex]).T)
        along = np.concatenate([[0.0], np.cumsum(step)])
        drawn = along[before + many] - along[before]
        begin, end = (along[before] + drawn * self.start)[piece], (along[before] + drawn * self.stop)[piece]
        from_m, to_m = np.maximum(along[:-1], begin), np.minimum(along[1:], end)
        some = to_m > from_m
        part = np.column_stack([from_m - along[:-1], to_m - along[:-1]])[some] / step[some, None]
        part, vertex, piece = np.clip(part, 0.0, 1.0)[..., None], vertex[some], piece[some]
        begin, end, to_m = begin[some], end[some], to_m[some]
        return Segments(
            ends=shape_xy[vertex, None] * (1.0 - part) + shape_xy[vertex + 1, None] * part,
            piece=piece,
            before_m=to_m - begin,
            behind_m=end - to_m,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Segments:
    """Straight parts of pieces of edges.

    Parameters
    ----------
    ends
        ``(k, 2, 2)`` both ends, metres.
    piece
        ``(k,)`` which piece it is of; those of one piece come after each other.
    before_m, behind_m
        ``(k,)`` how much of its piece lies before its second end, and how much behind that.
    """

    ends: NDArray[np.float64]
    piece: NDArray[np.intp]
    before_m: NDArray[np.float64]
    behind_m: NDArray[np.float64]


def place_along(
    shape_xy: NDArray[np.float64],
    shape_start: NDArray[np.int64],
    edge: NDArray[np.int32],
    fraction: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return ``(k, 2)`` places at fractions of the drawn lines of edges."""
    first, last = shape_start[edge], shape_start[edge + 1] - 1
    step = np.hypot(*np.diff(shape_xy, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    at = along[first] + (along[last] - along[first]) * fraction
    vertex = np.clip(np.searchsorted(along, at, side="right") - 1, first, last - 1)
    part = np.clip((at - along[vertex]) / np.maximum(step[vertex], _NEXT_TO_NOTHING), 0.0, 1.0)[:, None]
    placed: NDArray[np.float64] = shape_xy[vertex] * (1.0 - part) + shape_xy[vertex + 1] * part
    return placed


def node_costs(graph: Graph, labels: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cost from each node along the streets, and ``(m, 2)`` from both ends of each edge.

    The ends of a private edge are inside: their costs are those of residents, who walk out through the gates.
    """
    cost = split_labels(labels)[0].astype(np.int64)
    n = len(graph.hierarchy.place)
    at_node = cost[:n][graph.hierarchy.place]
    at_ends = at_node[graph.edges]
    within = cost[n:][graph.compounds.place]
    at_ends[graph.private] = within[np.searchsorted(graph.inside, graph.edges[graph.private])]
    return at_node, at_ends


def reached_edges(graph: Graph, labels: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether the search came to an end of an edge; of a private one, inside."""
    some, n = labels != NO_LABEL, len(graph.hierarchy.place)
    at_node, (u, v) = some[:n][graph.hierarchy.place], graph.edges.T
    reached: NDArray[np.bool_] = at_node[u] | at_node[v]
    if graph.private.any():
        ends = np.searchsorted(graph.inside, graph.edges[graph.private])
        reached[graph.private] = some[n:][graph.compounds.place][ends].any(axis=1)
    return reached


def cut_edges(graph: Graph, sites: Stops, labels: NDArray[np.uint64], limit: int) -> Pieces:
    """Return the parts of all edges from which the nearest site costs at most `limit`.

    Parameters
    ----------
    graph
        The reversed graph.
    sites
        Where the sites are.
    labels
        `search.nearest` of these sites, searched at least as far as the limit.
    limit
        Milliseconds or centimetres, as the graph counts, ``<=``. A place is inside exactly where
        `search.read_labels` says so of somebody standing there; a single point where an edge ends is no piece.
    """
    at_ends = node_costs(graph, labels)[1]
    left = limit - at_ends + _HALF
    along, against = (_passable(cost) for cost in (graph.impedance.along, graph.impedance.against))
    # From the first node people have come against the edge, from the second along it.
    stop = np.where(left[:, 0] > 0, np.minimum(left[:, 0] / against, 1.0), 0.0)
    start = np.where(left[:, 1] > 0, np.maximum(1.0 - left[:, 1] / along, 0.0), 1.0)
    met = stop >= start
    rows = np.arange(len(at_ends))
    whole, zero, one = rows[met], np.zeros(len(rows)), np.ones(len(rows))
    near, far = rows[~met & (stop > 0)], rows[~met & (start < 1)]
    around = _around_sites(graph, sites, limit)
    pieces = [
        (whole, zero[whole], one[whole]),
        (near, zero[near], stop[near]),
        (far, start[far], one[far]),
        around,
    ]
    edge, begin, end = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return Pieces(edge=edge, start=begin, stop=end)


def _passable(cost: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return costs to divide by: infinite where nobody may walk."""
    return np.where(cost == IMPASSABLE, np.inf, np.maximum(cost, _NEXT_TO_NOTHING))


def _around_sites(
    graph: Graph, sites: Stops, limit: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Return edge, start and stop of what is reached around each site on its own edge, without going round."""
    on = np.flatnonzero((sites.edge >= 0) & (sites.leg <= limit))
    edge, at = sites.edge[on].astype(np.intp), sites.fraction[on]
    left = limit - sites.leg[on].astype(np.float64) + _HALF
    along, against = (_passable(cost[edge]) for cost in (graph.impedance.along, graph.impedance.against))
    # The cost from the first node to the site is a whole number too; see the search's `_part`.
    start = np.where(np.isinf(along), at, (np.floor(_times(along, at) + _HALF) - left) / along)
    stop = np.where(np.isinf(against), at, (np.floor(_times(against, at) + _HALF) + left) / against)
    start, stop = np.maximum(start, 0.0), np.minimum(stop, 1.0)
    # Rounding must not leave the site itself outside.
    start, stop = np.minimum(start, at), np.maximum(stop, at)
    some = stop > start
    return edge[some], start[some], stop[some]


def _times(cost: NDArray[np.float64], fraction: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isinf(cost), 0.0, cost) * fraction


_CORNER = 8  # vertices of a quarter turn: 0.15 m inside a true one of 30 m
_GRID_DEG = 1e-7  # a centimetre: borders that areas share have the same vertices


def draw_exactly(bands: Sequence[Strokes]) -> list[Any]:
    """Return the areas of strokes, each with those of the bands before it, right to a centimetre; slowly."""
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    found: list[Any] = []
    for band in bands:
        lines = shapely.linestrings(band.ends)
        round_ = shapely.buffer(lines, band.radius, quad_segs=_CORNER)
        flat = shapely.buffer(lines, band.radius, cap_style="flat")
        found.append(shapely.union_all([*found[-1:], *np.where(band.shape == FLAT, flat, round_)]))
    return found


def nest_areas(areas: Sequence[Any]) -> list[Any]:
    """Return areas, shorter before longer, as multipolygons each of which covers those before it, to the last digit.

    Where borders cross or touch, all areas get the same vertex: the plane is cut into faces along all borders, and
    each area is put together from its faces.
    """
    import shapely  # noqa: PLC0415

    borders = shapely.union_all(shapely.boundary(np.array(areas, dtype=object)), grid_size=_GRID_DEG)
    faces = shapely.get_parts(shapely.polygonize([borders]))
    inside = shapely.point_on_surface(faces)
    first = np.full(len(faces), len(areas))
    for band in reversed(range(len(areas))):
        first[_mostly_in(areas[band], faces, inside)] = band
    wholes = [shapely.coverage_union_all(faces[first <= band]) for band in range(len(areas))]
    return [shapely.multipolygons(shapely.get_parts(whole)) for whole in wholes]


def _mostly_in(area: Any, faces: NDArray[np.object_], inside: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which faces lie in an area, told by a point of each.

    A face may have a sliver along a border, on the other side of it, for borders were moved to common vertices; of a
    point that stands on one nothing follows, and the greater part of the face decides.
    """
    import shapely  # noqa: PLC0415

    border = shapely.boundary(area)
    shapely.prepare([area, border])
    found: NDArray[np.bool_] = shapely.contains(area, inside)
    near = np.flatnonzero(shapely.dwithin(border, inside, 2 * _GRID_DEG))
    found[near] = shapely.area(shapely.intersection(faces[near], area)) > shapely.area(faces[near]) / 2
    return found
