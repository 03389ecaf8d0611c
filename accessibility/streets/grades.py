"""Slopes of streets: heights sampled along every edge, and what they cost on foot in each direction."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from accessibility.geo.arrays import starts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from accessibility.streets.network import Network

    SlopeFactor: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]

STEP_M = 30.0
MAX_SLOPE = 0.4
STEEP = 0.25
STEEP_SHARE = 0.05  # of roads: the steepest towns with the roughest heights have half of it
_PATHS = ("path", "footway", "steps", "track", "bridleway", "cycleway", "pedestrian", "corridor", "platform")
_CAMPBELL = {  # percentile of tracks to a, b, c, d, e
    1: (-2.1, 12.273, 21.816, 0.263, -0.00193),
    5: (-1.527, 14.041, 36.813, 0.32, -0.00273),
    10: (-1.568, 13.328, 38.892, 0.404, -0.00323),
    50: (-2.171, 10.064, 63.66, 0.628, -0.00463),
    90: (-3.06, 16.653, 138.875, 0.823, -0.01386),
}
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


def irmischer_clarke_m_s(slope: NDArray[np.float64], *, off_path: bool = False) -> NDArray[np.float64]:
    """Return walking speed on a slope by Irmischer and Clarke (2018), uphill positive.

    Examples
    --------
    >>> irmischer_clarke_m_s(np.array([-0.05, 0.0, 0.1])).round(4).tolist()
    [1.11, 1.0962, 0.9925]
    """
    best, pace = (2.0, 0.67) if off_path else (5.0, 1.0)
    speed: NDArray[np.float64] = 0.11 + pace * np.exp(-((100 * slope + best) ** 2) / 1_800)
    return speed


def campbell_m_s(slope: NDArray[np.float64], *, percentile: int = 10) -> NDArray[np.float64]:
    """Return the speed on a slope that a percentile of the tracks of Campbell et al. (2019) stayed below.

    Of the five, 1 and 5 and 10 are of walkers; 50 and 90 have runners among them.

    Examples
    --------
    >>> campbell_m_s(np.array([-0.1, 0.0, 0.1])).round(2).tolist()
    [1.27, 1.32, 1.1]
    """
    a, b, c, d, e = _CAMPBELL[percentile]
    degrees = np.degrees(np.arctan(slope))
    speed: NDArray[np.float64] = c / (np.pi * b * (1 + ((degrees - a) / b) ** 2)) + d + e * degrees
    return speed


def naismith_factor(slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much longer than on the flat a walk takes by Naismith: 5 km/h, and an hour more for 600 m up."""
    held = np.clip(slope, -MAX_SLOPE, MAX_SLOPE)
    factor: NDArray[np.float64] = 1 + 5_000 / 600 * np.maximum(held, 0.0)
    return factor


def din_factor(slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much longer than on the flat a walk takes by DIN 33466.

    Four kilometres, 300 m up or 500 m down an hour: the larger of both times and half of the smaller.
    """
    held = np.clip(slope, -MAX_SLOPE, MAX_SLOPE)
    climbing = np.where(held > 0, held / 300, -held / 500) * 4_000
    factor: NDArray[np.float64] = np.maximum(climbing, 1.0) + np.minimum(climbing, 1.0) / 2
    return factor


def _held(speed: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> SlopeFactor:
    """Return the slope factor of a walking speed: its value on the flat over that on the slope, held to 0.4."""

    def factor(slope: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = speed(np.zeros(1))[0] / speed(np.clip(slope, -MAX_SLOPE, MAX_SLOPE))
        return found

    return factor


SLOPE_FACTORS: Mapping[str, SlopeFactor] = MappingProxyType(
    {
        "tobler": tobler_factor,
        "irmischer-clarke": _held(irmischer_clarke_m_s),
        "campbell": _held(campbell_m_s),
        "naismith": naismith_factor,
        "din-33466": din_factor,
    }
)
"""How slopes may change the pace; each is relative to the flat, where the walker's own speed holds."""


class Graded(NamedTuple):
    """Streets with their slopes, and what the heights leave to doubt."""

    network: Network  # the streets, with climbs and slope factors
    missing: float  # share of their length without heights
    # share of the length of roads, paths and stairs left out, that climbs by more than one in four. Vehicles hardly do:
    # some percent say that heights are not metres, or that voids are among them.
    steep: float


def measure_grades(
    network: Network,
    heights_at: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    slope_factor: SlopeFactor = tobler_factor,
) -> Graded:
    """Return the network with climbs and slope factors, and the shares of it without heights and too steep.

    An edge is cut into equal pieces of at least 30 m; heights are taken at their ends and smoothed with those beside
    them. Bridges and tunnels go straight from the height of one end to that of the other. A height that is missing is
    taken from those beside it on its edge; an edge without any is flat.

    Parameters
    ----------
    network
        The streets.
    heights_at
        Returns the height in metres at ``(k, 2)`` places in the network's coordinate system, NaN where it is unknown.
    slope_factor
        How slopes change the pace; one of `SLOPE_FACTORS`.
    """
    climb = np.zeros(len(network.edges))
    factor = np.ones((len(network.edges), 2))
    lost, steep = np.zeros(len(network.edges)), np.zeros(len(network.edges))
    for low in range(0, len(network.edges), _EDGES):
        rows = np.arange(low, min(low + _EDGES, len(network.edges)))
        climb[rows], slope, edge, lost[rows] = _grades(network, rows, heights_at)
        pieces = np.bincount(edge, minlength=len(rows))
        steep[rows] = np.bincount(edge[np.abs(slope) > STEEP], minlength=len(rows)) / pieces
        both = np.column_stack([slope_factor(slope), slope_factor(-slope)])
        factor[rows] = np.add.reduceat(both, np.cumsum(pieces) - pieces, axis=0) / pieces[:, None]
    graded = replace(network, climb_m=climb.astype(np.float32), slope_factor=factor.astype(np.float32))
    roads = ~network.off_ground & ~np.isin(np.array(network.kinds)[network.kind], _PATHS)
    return Graded(
        network=graded,
        missing=_share(network.length_m, lost),
        steep=_share(network.length_m[roads], steep[roads]),
    )


def _share(length_m: NDArray[np.float64], part: NDArray[np.float64]) -> float:
    """Return the share of all metres that parts of edges are; 0 without any."""
    whole = float(length_m.sum())
    return float((length_m * part).sum()) / whole if whole > 0 else 0.0


def _grades(
    network: Network, rows: NDArray[np.intp], heights_at: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Return the climb of some edges, the slope of each of their pieces and its edge, and the share without heights."""
    length = network.length_m[rows]
    pieces = np.maximum(np.floor(length / STEP_M), 1).astype(np.intp)
    pieces[network.off_ground[rows]] = 1
    start = starts_of(pieces + 1)
    edge = np.repeat(np.arange(len(rows)), pieces + 1)
    share = (np.arange(start[-1]) - start[edge]) / pieces[edge]
    places = shapely.line_interpolate_point(network.lines(rows)[edge], share, normalized=True)
    height, known = _bridged(heights_at(shapely.get_coordinates(places)), edge)
    lost = np.add.reduceat((~known).astype(np.intp), start[:-1]) / (pieces + 1)
    height = np.nan_to_num(_smoothed(height, start))
    first = np.ones(len(edge), np.bool_)
    first[start[1:] - 1] = False
    at = np.flatnonzero(first)
    run = np.maximum(length / pieces, 1e-9)[edge[at]]
    slope = np.where(length[edge[at]] > 0, (height[at + 1] - height[at]) / run, 0.0)
    return height[start[1:] - 1] - height[start[:-1]], slope, edge[at], lost


def _bridged(height: NDArray[np.float64], edge: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return heights with the unknown ones between those known on the same edge, level beyond them; which are known."""
    at, known = np.arange(len(height)), np.isfinite(height)
    before = np.maximum.accumulate(np.where(known, at, 0))
    after = np.minimum.accumulate(np.where(known, at, len(at) - 1)[::-1])[::-1]
    has_before, has_after = (known[side] & (edge[side] == edge) for side in (before, after))
    left, right = np.where(has_before, before, after), np.where(has_after, after, before)
    share = (at - left) / np.maximum(right - left, 1)
    between = height[left] + (height[right] - height[left]) * np.clip(share, 0.0, 1.0)
    return np.where(has_before | has_after, between, np.nan), known


def _smoothed(height: NDArray[np.float64], start: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return heights averaged 1:2:1 with those beside them on the same edge; the ends stay, so that edges meet."""
    smooth = height.copy()
    inner = np.ones(len(height), np.bool_)
    inner[start[:-1]] = False
    inner[start[1:] - 1] = False
    at = np.flatnonzero(inner)
    smooth[at] = (height[at - 1] + 2 * height[at] + height[at + 1]) / 4
    return smooth
