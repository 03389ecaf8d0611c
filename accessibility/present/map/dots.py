"""People as dots: every demand point in a few bytes, which the page draws at any zoom and colours anew at a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.geo.projection import mercator
from accessibility.present.map.overlays import shade_limits, shade_of
from accessibility.present.map.packing import minute_bytes, packed, states, steps, tenth_km_bytes, varints
from accessibility.streets.search.packing import hilbert_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.surface import Places
    from accessibility.present.map.overlays import PeopleClasses

MAX_DOTS = 1_000_000
_UNITS_PER_CELL = 25  # a place is right to a fiftieth of a cell
_FINEST_M = 0.1
_COARSEST_M = 2.0


def pack_dots(
    layers: Sequence[PeopleClasses], places: Places, coverage: Coverage, class_of: NDArray[np.int64] | None = None
) -> dict[str, Any]:
    """Return the demand points that have a place, along a curve that keeps neighbours together.

    Parameters
    ----------
    layers
        Ways to colour them.
    places
        Where they stand.
    coverage
        What the pointer reads.
    class_of
        ``(n,)`` class of each point in the switches of the map, if it has any.

    Returns
    -------
    dict
        ``packed`` holds, one after another: eastings and northings in `unit` Web Mercator metres from the corner, as
        steps; tenths of a person, as varints; begun minutes, begun tenths of a kilometre and state, a byte each; a byte
        a layer, 0 where the layer does not show the point, else one more than its class; classes of the switches, as
        steps. Where people were read as polygons, then how many rings each has, how many corners each ring, as varints,
        and eastings and northings of the corners in `unit` from the corner, as steps.
    """
    rows = np.flatnonzero(places.placed)
    xy = mercator(places.lonlat[rows])
    order = np.argsort(hilbert_rank(xy), kind="stable")
    rows, xy = rows[order], xy[order]
    corner = xy.min(axis=0) if len(xy) else np.zeros(2)
    unit = float(np.clip(places.cell_m / _UNITS_PER_CELL, _FINEST_M, _COARSEST_M))
    whole = np.rint((xy - corner) / unit)
    people = coverage.demand.population[rows]
    parts = [steps(whole[:, 0]), steps(whole[:, 1]), varints(np.rint(people * 10))]
    parts += [plane(coverage)[rows].tobytes() for plane in (minute_bytes, tenth_km_bytes, states)]
    parts += [(layer.of[rows] + 1).astype(np.uint8).tobytes() for layer in layers]
    if class_of is not None:
        parts.append(steps(class_of[rows]))
    if places.shapes is not None:
        parts += _rings(places.shapes[rows], corner, unit)
    return {
        "points": len(rows),
        "corner": corner.tolist(),
        "unit": unit,
        "cell": places.cell_m,
        "grid": places.grid,
        "shaped": places.shapes is not None,
        "most": max(1.0, float(people.max(initial=0.0))),
        "layers": [_palette(layer, shaded=places.areas) for layer in layers],
        "switched": class_of is not None,
        "packed": packed(*parts),
    }


def _rings(shapes: NDArray[np.object_], corner: NDArray[np.float64], unit: float) -> list[bytes]:
    """Return the rings of polygons, the last corner of each, which is its first, left out."""
    parts, of_part = shapely.get_parts(shapes, return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    xy, of_corner = shapely.get_coordinates(rings, return_index=True)
    last = np.append(of_corner[1:] != of_corner[:-1], True) if len(xy) else np.zeros(0, np.bool_)
    whole = np.rint((mercator(xy[~last]) - corner) / unit)
    counts = np.bincount(of_part[of_ring], minlength=len(shapes)), np.bincount(of_corner[~last], minlength=len(rings))
    return [*map(varints, counts), steps(whole[:, 0]), steps(whole[:, 1])]


def _palette(layer: PeopleClasses, *, shaded: bool) -> dict[str, Any]:
    """Return a layer's colours, a list of shades a class, and the people from which a shade is fuller."""
    limits = shade_limits(layer) if shaded else np.empty(0)
    shades = len(limits) + 1
    colours = [[shade_of(colour, k) for k in range(shades)] for colour in layer.colours]
    return {"colours": colours, "limits": limits.tolist()}
