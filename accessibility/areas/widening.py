"""Streets given their width, and areas that lie in one another exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_CORNER = 8  # vertices of a quarter turn: 0.15 m inside a true one of 30 m
_GRID_DEG = 1e-7  # a centimetre: borders that areas share have the same vertices


def widen_lines(lines: NDArray[np.object_], side_m: float) -> Any:
    """Return lines with their sides, round at both ends."""
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    return shapely.buffer(lines, side_m, quad_segs=_CORNER)


def widen_squarely(lines: NDArray[np.object_], beyond_m: NDArray[np.float64], side_m: float) -> list[Any]:
    """Return polygons that are lines with their sides, square at both ends.

    They are drawn segment by segment, for a buffer of a whole line loses parts of it where a square end lies beside a
    bend.

    Parameters
    ----------
    lines
        ``(k,)`` lines in metres; empty ones have no sides.
    beyond_m
        ``(k, 2)`` how far a line goes on behind its ends. A bend is rounded no farther than to where the line ends for
        good, so that nothing reaches over a cut.
    side_m
        Metres to each side.
    """
    import shapely  # noqa: PLC0415

    xy, line = shapely.get_coordinates(lines, return_index=True)
    if not len(xy):
        return []
    goes_on = line[1:] == line[:-1]
    step = np.where(goes_on, np.hypot(*np.diff(xy, axis=0).T), 0.0)
    along = np.concatenate([[0.0], np.cumsum(step)])
    first = np.searchsorted(line, line)
    last = np.searchsorted(line, line, side="right") - 1
    left = np.minimum(along - along[first] + beyond_m[line, 0], along[last] - along + beyond_m[line, 1])
    row = np.arange(len(xy))
    bend = (row != first) & (row != last)
    segments = shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1)[goes_on])
    sides = shapely.buffer(segments, side_m, cap_style="flat")
    return [*sides, *draw_discs(xy[bend], np.minimum(left[bend], side_m))]


def draw_discs(xy: NDArray[np.float64], radius: NDArray[np.float64]) -> Any:
    """Return discs around places; none where the radius is not above 0."""
    import shapely  # noqa: PLC0415

    some = radius > 0
    return shapely.buffer(shapely.points(xy[some]), radius[some], quad_segs=_CORNER)


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
        shapely.prepare(areas[band])
        first[shapely.contains(areas[band], inside)] = band
    wholes = [shapely.coverage_union_all(faces[first <= band]) for band in range(len(areas))]
    return [shapely.multipolygons(shapely.get_parts(whole)) for whole in wholes]
