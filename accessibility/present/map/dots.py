"""People as dots: every demand point in a few bytes, which the page draws at any zoom and colours anew at a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
        steps.
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
    return {
        "points": len(rows),
        "corner": corner.tolist(),
        "unit": unit,
        "cell": places.cell_m,
        "grid": places.grid,
        "most": max(1.0, float(people.max(initial=0.0))),
        "layers": [_palette(layer, shaded=places.grid) for layer in layers],
        "switched": class_of is not None,
        "packed": packed(*parts),
    }


def _palette(layer: PeopleClasses, *, shaded: bool) -> dict[str, Any]:
    """Return a layer's colours, a list of shades a class, and the people from which a shade is fuller."""
    limits = shade_limits(layer) if shaded else np.empty(0)
    shades = len(limits) + 1
    colours = [[shade_of(colour, k) for k in range(shades)] for colour in layer.colours]
    return {"colours": colours, "limits": limits.tolist()}
