"""Slopes of streets: heights sampled along every edge, and what they cost on foot in each direction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.network import Network

STEP_M = 30.0
MAX_SLOPE = 0.4
_EDGES = 200_000  # worked on at once, so that temporary arrays stay small


def tobler_factor(slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much longer than on the flat a walk takes on a slope (rise over run, uphill positive).

    Tobler's hiking function, ``exp(3.5 |S + 0.05|)``, divided by its value on the flat, so that the walker's own speed
    holds there (Tobler 1993; AccessMod normalises alike). Slopes are held to 0.4.

    Examples
    --------
    >>> tobler_factor(np.array([-0.1, -0.05, 0.0, 0.1, 0.2])).round(4).tolist()
    [1.0, 0.8395, 1.0, 1.4191, 2.0138]
    """
    held = np.clip(slope, -MAX_SLOPE, MAX_SLOPE)
    factor: NDArray[np.float64] = np.exp(3.5 * (np.abs(held + 0.05) - 0.05))
    return factor


def measure_grades(
    network: Network, heights_at: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[Network, float]:
    """Return the network with climbs and slope factors, and the share of its length without heights.

    An edge is cut into equal pieces of at least 30 m; heights are taken at their ends and smoothed with those beside
    them. Bridges and tunnels go straight from the height of one end to that of the other. An edge where a height is
    missing is flat.

    Parameters
    ----------
    network
        The streets.
    heights_at
        Returns the height in metres at ``(k, 2)`` places in the network's coordinate system, NaN where it is unknown.
    """
    climb = np.zeros(len(network.edges))
    factor = np.ones((len(network.edges), 2))
    unknown = np.zeros(len(network.edges), np.bool_)
    for low in range(0, len(network.edges), _EDGES):
        rows = np.arange(low, min(low + _EDGES, len(network.edges)))
        climb[rows], factor[rows], unknown[rows] = _grades(network, rows, heights_at)
    whole = float(network.length_m.sum())
    share = float(network.length_m[unknown].sum()) / whole if whole > 0 else 0.0
    return replace(network, climb_m=climb.astype(np.float32), slope_factor=factor.astype(np.float32)), share


def _grades(
    network: Network, rows: NDArray[np.intp], heights_at: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    length = network.length_m[rows]
    pieces = np.maximum(np.floor(length / STEP_M), 1).astype(np.intp)
    pieces[network.off_ground[rows]] = 1
    start = np.concatenate([[0], np.cumsum(pieces + 1)])
    edge = np.repeat(np.arange(len(rows)), pieces + 1)
    share = (np.arange(start[-1]) - start[edge]) / pieces[edge]
    places = shapely.line_interpolate_point(network.lines()[rows][edge], share, normalized=True)
    height = _smoothed(heights_at(shapely.get_coordinates(places)), start)
    known = np.isfinite(height)
    unknown = np.add.reduceat(~known, start[:-1]) > 0
    height[unknown[edge]] = 0.0
    first = np.ones(len(edge), np.bool_)
    first[start[1:] - 1] = False
    at = np.flatnonzero(first)
    run = np.maximum(length / pieces, 1e-9)[edge[at]]
    slope = np.where(length[edge[at]] > 0, (height[at + 1] - height[at]) / run, 0.0)
    both = np.column_stack([tobler_factor(slope), tobler_factor(-slope)])
    mean = np.add.reduceat(both, np.concatenate([[0], np.cumsum(pieces)])[:-1], axis=0) / pieces[:, None]
    return height[start[1:] - 1] - height[start[:-1]], mean, unknown


def _smoothed(height: NDArray[np.float64], start: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return heights averaged 1:2:1 with those beside them on the same edge; the ends stay, so that edges meet."""
    smooth = height.copy()
    inner = np.ones(len(height), np.bool_)
    inner[start[:-1]] = False
    inner[start[1:] - 1] = False
    at = np.flatnonzero(inner)
    smooth[at] = (height[at - 1] + 2 * height[at] + height[at + 1]) / 4
    return smooth
