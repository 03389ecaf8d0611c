"""The land of the sample county: its coordinates, its river and side valleys, its relief and its border.

Positions are *county metres*: ``x`` along the county's long axis, ``y`` across it, zero in the town's middle. Streets
near the river are thought of as ``(u, v)``: ``u`` along the river, ``v`` metres north of it, so that whatever follows
the river bends with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

Points = NDArray[np.float64]  # (..., 2)

EPSG = 4545  # CGCS2000, 3-degree Gauss-Krueger, central meridian 108 E
ORIGIN = np.array([519_000.0, 3_376_000.0])  # near 108.2 E, 30.5 N; the place itself is invented
TILT = np.deg2rad(11.0)  # the county's long axis against the map's east
TURN = np.array([[np.cos(TILT), np.sin(TILT)], [-np.sin(TILT), np.cos(TILT)]])

RIVER_HALF_WIDTH_M = 90.0
LAKE_U, LAKE_LENGTH_M, LAKE_HALF_WIDTH_M = (
    14_500.0,
    1_300.0,
    620.0,
)  # the river widens into a lake that holds the island
BANK_M = 60.0  # the river roads keep this far from the water
HALF_LENGTH_M, HALF_BREADTH_M = 17_600.0, 12_400.0  # of the county
MOTORWAY_V = 4_300.0

_TO_LONLAT = Transformer.from_crs(EPSG, 4326, always_xy=True)


def to_map(xy: ArrayLike) -> Points:
    """County metres to easting and northing."""
    out: Points = np.asarray(xy, dtype=float) @ TURN + ORIGIN
    return out


def from_map(points: ArrayLike) -> Points:
    """Easting and northing to county metres."""
    out: Points = (np.asarray(points, dtype=float) - ORIGIN) @ TURN.T
    return out


def to_lonlat(xy: ArrayLike) -> Points:
    """County metres to WGS84 degrees, kept to the seven decimals OpenStreetMap keeps."""
    points = np.atleast_2d(to_map(xy))
    return np.round(np.column_stack(_TO_LONLAT.transform(points[:, 0], points[:, 1])), 7)


def river_y(u: ArrayLike) -> Points:
    """Where the river's middle runs."""
    u = np.asarray(u, dtype=float)
    return 950.0 * np.sin(u / 5_200.0 + 0.4) + 260.0 * np.sin(u / 1_900.0 + 1.0) - 500.0


def half_width(u: ArrayLike) -> Points:
    """Half the river's width: even but for the lake."""
    bulge = np.exp(-(((np.asarray(u, dtype=float) - LAKE_U) / LAKE_LENGTH_M) ** 2))
    return RIVER_HALF_WIDTH_M + (LAKE_HALF_WIDTH_M - RIVER_HALF_WIDTH_M) * bulge


def bank(u: ArrayLike) -> Points:
    """Distance of the river roads from the river's middle."""
    return half_width(u) + BANK_M


def along_river(u: ArrayLike, v: ArrayLike) -> Points:
    """River coordinates ``(u, v)`` to county metres."""
    u, v = np.broadcast_arrays(np.asarray(u, dtype=float), np.asarray(v, dtype=float))
    return np.stack([u, river_y(u) + v], axis=-1)


def motorway_v(u: ArrayLike) -> Points:
    """How far north of the river the motorway runs."""
    return MOTORWAY_V + 450.0 * np.sin(np.asarray(u, dtype=float) / 3_700.0)


@dataclass(eq=False)
class Road:
    """A centreline measured by stations (metres from its start), on which things are put before it is drawn.

    `path` is dense; `stations` collects the places where something joins, so that they become nodes of the drawn way.
    """

    path: Points
    name: str
    stations: set[float] = field(default_factory=set)
    ways: tuple[tuple[float, str], ...] = ((1.0, "unclassified"),)  # (up to this share of the length, highway class)

    def __post_init__(self) -> None:
        """Measure the path, and smooth its direction so that offsets do not fold in its bends."""
        step = np.hypot(*np.diff(self.path, axis=0).T)
        self._s = np.concatenate([[0.0], np.cumsum(step)])
        spread = 500.0 / max(float(step.mean()), 1e-9)
        heading = gaussian_filter1d(np.gradient(self.path, axis=0), spread, axis=0, mode="nearest")
        self._left = np.column_stack([-heading[:, 1], heading[:, 0]]) / np.hypot(*heading.T)[:, None]

    @property
    def length_m(self) -> float:
        """Metres from end to end."""
        return float(self._s[-1])

    def point(self, s: ArrayLike, aside: ArrayLike = 0.0) -> Points:
        """Where station `s` lies, `aside` metres to the left of the centreline."""
        s = np.asarray(s, dtype=float)
        on = np.stack([np.interp(s, self._s, self.path[:, k]) for k in (0, 1)], axis=-1)
        left = np.stack([np.interp(s, self._s, self._left[:, k]) for k in (0, 1)], axis=-1)
        out: Points = on + np.asarray(aside, dtype=float)[..., None] * left
        return out

    def join(self, s: float) -> Points:
        """Make station `s` a node of the road and say where it lies."""
        s = min(max(s, 0.0), self.length_m)
        self.stations.add(s)
        return self.point(s)

    def station_at_x(self, x: float) -> float:
        """Return the station of a road that only runs one way along x."""
        forward = self.path[-1, 0] > self.path[0, 0]
        xs, ss = (self.path[:, 0], self._s) if forward else (self.path[::-1, 0], self._s[::-1])
        return float(np.interp(x, xs, ss))


def winding(start: ArrayLike, end: ArrayLike, rng: np.random.Generator, *, sway_m: float, wave_m: float) -> Points:
    """Return a dense path from start to end whose bends of about `wave_m` fade out at both ends."""
    start, end = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    length = float(np.hypot(*(end - start)))
    t = np.linspace(0.0, 1.0, max(int(length / 12.0), 8))
    aside = np.zeros_like(t)
    for share, wave in ((1.0, wave_m), (0.35, wave_m / 2.3), (0.13, wave_m / 5.1)):
        aside += share * sway_m * np.sin(2 * np.pi * (t * length / wave + rng.random()))
    aside *= np.clip(np.minimum(t, 1 - t) * length / (0.4 * wave_m + 1.0), 0.0, 1.0)
    across = np.array([start[1] - end[1], end[0] - start[0]]) / length
    out: Points = start + t[:, None] * (end - start) + aside[:, None] * across
    return out


# --- relief -----------------------------------------------------------------------------------------------------------

FALL_PER_M = 0.0009  # of the river, west to east
CLIMB_PER_M = 0.016  # of the side valleys, from the river up
RIDGE_M, RIDGE_WIDTH_M = 310.0, 1_050.0  # hills above the nearest valley floor, and how far off they stand


def river_level(u: ArrayLike) -> Points:
    """Elevation of the water, metres."""
    return 190.0 - FALL_PER_M * np.asarray(u, dtype=float)


def elevation(xy: Points, valleys: Sequence[Road]) -> Points:
    """Elevation in metres at a (rows, columns, 2) grid of county metres: flat floors, hills between them."""
    u = np.arange(-26_000.0, 26_001.0, 60.0)
    basin = (
        half_width(u) + 260.0 + 2_300.0 * np.exp(-((u / 2_900.0) ** 2))
    )  # the river's own floor is widest where the town stands
    floors = [(along_river(u, 0.0), river_level(u), basin)]
    for valley in valleys:
        s = np.arange(0.0, valley.length_m, 60.0)
        level = river_level(valley.path[0, 0]) + 4.0 + CLIMB_PER_M * s
        floors.append((valley.point(s), level, np.full_like(s, 130.0)))
    (level, off), (side_level, side_off) = _nearest_floor(xy, floors[:1]), _nearest_floor(xy, floors[1:])
    level, off = np.where(side_off < off, side_level, level), np.minimum(off, side_off)
    rise = RIDGE_M * (1.0 - np.exp(-(off**1.5))) + _swell(xy.shape[:2]) * np.minimum(off, 1.0)
    # Floors of neighbouring valleys differ: their level is blended widely, so that no step stands on the watershed.
    return gaussian_filter(level, 18.0) + gaussian_filter(rise, 3.0)


def _nearest_floor(xy: Points, floors: Sequence[tuple[Points, Points, Points]]) -> tuple[Points, Points]:
    """Level of the nearest valley floor, and how many ridge widths beyond its flat part each point lies."""
    points, level, flat = (np.concatenate(part) for part in zip(*floors, strict=True))
    away, nearest = cKDTree(points).query(xy.reshape(-1, 2), k=1)
    off = np.maximum(away - flat[nearest], 0.0) / RIDGE_WIDTH_M
    return level[nearest].reshape(xy.shape[:2]), off.reshape(xy.shape[:2])


def _swell(shape: tuple[int, ...]) -> Points:
    """Noise that breaks up the ridges, metres: wide swells and narrow spurs."""
    rng = np.random.default_rng(108)
    out = np.zeros(shape)
    for height, width in ((42.0, 22.0), (24.0, 9.0), (9.0, 4.0)):
        noise = gaussian_filter(rng.standard_normal(shape), width)
        out += height * noise / noise.std()
    return out


# --- border -----------------------------------------------------------------------------------------------------------


def fray(xy: Points) -> Points:
    """Move points as a smooth function of their place: what is straight and shared gets crooked and stays shared."""
    x, y = xy[..., 0], xy[..., 1]
    dx = 420.0 * np.sin(y / 1_700.0 + 1.0) + 170.0 * np.sin(y / 610.0 + x / 2_000.0)
    dy = 380.0 * np.sin(x / 1_900.0 + 2.0) + 160.0 * np.sin(x / 570.0 - y / 2_300.0)
    return np.stack([x + dx, y + dy], axis=-1)


def border() -> Points:
    """Return the county's border before it is frayed: a rounded box, a closed ring."""
    angle = np.linspace(0.0, 2 * np.pi, 73)
    c, s = np.cos(angle), np.sin(angle)
    ring = np.column_stack(
        [np.sign(c) * np.abs(c) ** 0.5 * HALF_LENGTH_M, np.sign(s) * np.abs(s) ** 0.5 * HALF_BREADTH_M]
    )
    ring[-1] = ring[0]
    return ring
