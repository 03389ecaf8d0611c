"""Coordinates of a table that were rounded, so that places are as far off as a walk is long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.geo.arrays import finite_rows
from accessibility.sources.checks import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEGREES = (
    *((1.0, "1 degree"), (0.1, "0.1 degrees"), (1 / 60, "1 minute of arc")),
    *((0.01, "0.01 degrees"), (0.001, "0.001 degrees")),
)
_METRES = ((10_000.0, "10 km"), (1_000.0, "1 km"), (100.0, "100 m"))
_M_PER_DEGREE = 111_195.0
_DISTINCT = 4  # values of each axis: fewer may be round by chance, or on one road
_CLOSE = 2e-5  # of a step: decimals that a table leaves out


def tell_rounded(xy: NDArray[np.float64], source: str, *, least_m: float) -> list[Finding]:
    """Return a finding where the coordinates of all rows are multiples of a step.

    Parameters
    ----------
    xy
        ``(n, 2)`` as they stand in the table, degrees or metres.
    source
        The file.
    least_m
        Steps smaller than this are no matter.
    """
    placed = xy[finite_rows(xy)]
    if min((len(np.unique(axis)) for axis in placed.T), default=0) < _DISTINCT:
        return []
    degrees = np.abs(placed).max() <= 180  # noqa: PLR2004 -- of longitude
    unit = _M_PER_DEGREE if degrees else 1.0
    for step, step_text in _DEGREES if degrees else _METRES:
        times = placed / step
        if step * unit >= least_m and (np.abs(times - np.rint(times)) < _CLOSE).all():
            metres = step * unit / np.sqrt(2)
            message = (
                f"the coordinates of all {len(placed)} rows are multiples of {step_text}: were they rounded? Then "
                f"places are up to {metres:,.0f} m off"
            )
            return [Finding(code="rounded-coordinates", source=source, message=message, count=len(placed))]
    return []
