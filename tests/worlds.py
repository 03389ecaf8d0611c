"""Tiny towns whose answers can be done by hand. All stand in UTM zone 49N, a unit is a metre."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

from accessibility import Demand, Network, Sites, Study
from accessibility.geo.projection import WGS84, transform

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CRS = "EPSG:32649"
ORIGIN = np.array([500_000.0, 3_375_000.0])  # on the central meridian, near 30.5 degrees north

Point = tuple[float, float]


def network(
    nodes: Sequence[Point], edges: Sequence[tuple[int, int]], *, oneway: Sequence[bool] | None = None
) -> Network:
    """Return straight streets between points, as long as they are drawn."""
    xy = np.array(nodes, dtype=float) + ORIGIN
    ends = np.array(edges, dtype=np.int32).reshape(-1, 2)
    length = np.hypot(*(xy[ends[:, 0]] - xy[ends[:, 1]]).T)
    return Network(node_xy=xy, edges=ends, length_m=length, oneway=oneway, crs=CRS)  # type: ignore[arg-type]


def people(at: Sequence[Point], count: Sequence[float] | None = None, setting: str | Sequence[str] = "urban") -> Demand:
    """Return demand points D0, D1, ... of one person each unless told otherwise."""
    n = len(at)
    return Demand(
        ids=[f"D{i}" for i in range(n)],  # type: ignore[arg-type]
        xy=np.array(at, dtype=float).reshape(-1, 2) + ORIGIN,
        population=np.ones(n) if count is None else np.array(count, dtype=float),
        setting=np.full(n, setting) if isinstance(setting, str) else np.array(setting),
        crs=CRS,  # type: ignore[arg-type]
    )


def outlets(at: Sequence[Point]) -> Sites:
    """Return open outlets O0, O1, ..."""
    return Sites(
        ids=[f"O{i}" for i in range(len(at))],  # type: ignore[arg-type]
        xy=np.array(at, dtype=float).reshape(-1, 2) + ORIGIN,
        crs=CRS,  # type: ignore[arg-type]
    )


def degrees(*points: Point) -> list[Point]:
    """Return longitude and latitude of places in a town."""
    lonlat = transform(np.array(points, float) + ORIGIN, pyproj.CRS(CRS), WGS84).tolist()
    return [(lon, lat) for lon, lat in lonlat]


def two_streets() -> Study:
    """Return two streets of 2 km, 600 m apart, joined at their west; homes along the upper one, a hall on the lower."""
    streets = network([(0, 0), (2_000, 0), (0, 600), (2_000, 600)], [(0, 1), (2, 3), (0, 2)])
    homes = people([(100, 600), (1_000, 600), (1_900, 600)], [10, 20, 40])
    sites = Sites(ids=["O1"], xy=np.array([(1_000, 0)]) + ORIGIN, crs=CRS)  # type: ignore[arg-type]
    return Study.of(streets, homes, sites, name="Two streets")


def line(length: float = 6_000.0, steps: int = 6) -> Network:
    """Return a straight street from (0, 0) to the east, with a junction every ``length / steps``."""
    return network([(length * i / steps, 0.0) for i in range(steps + 1)], [(i, i + 1) for i in range(steps)])


def two_islands(gap: float = 5_000.0) -> Network:
    """Return two streets of 1 km with nothing between them."""
    return network([(0, 0), (1_000, 0), (1_000 + gap, 0), (2_000 + gap, 0)], [(0, 1), (2, 3)])


def one_way_square() -> Network:
    """Return a square of 100 m sides that may be walked round in one direction only: 0 to 1 to 2 to 3 to 0."""
    return network([(0, 0), (100, 0), (100, 100), (0, 100)], [(0, 1), (1, 2), (2, 3), (3, 0)], oneway=[True] * 4)


def hexagon(x: float, y: float) -> shapely.Polygon:
    """Return a hexagon 180 m wide around a place."""
    turns = np.radians(np.arange(6) * 60)
    return shapely.Polygon(np.column_stack([x + 90 * np.cos(turns), y + 90 * np.sin(turns)]))


def edit(study: Path, old: str, new: str) -> Path:
    """Write something else into a file, where it has to be what is thought."""
    text = study.read_text(encoding="utf-8")
    assert old in text
    study.write_text(text.replace(old, new), encoding="utf-8")
    return study
