"""Snapping against one bare nearest-edge query on the same points and lines, in one run; ``make benchmark`` runs it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.snapping import snap_points

if TYPE_CHECKING:
    from accessibility import Network

POINTS = 1_000_000


def test_snapping_a_million_points_to_a_million_edges(million: Network, benchmark: Any) -> None:
    rng = np.random.default_rng(0)
    at = rng.integers(0, len(million.node_xy), POINTS)
    xy = million.node_xy[at] + rng.normal(0, 40, (POINTS, 2))
    begun = time.process_time()
    shapely.STRtree(million.lines()).query_nearest(shapely.points(xy), return_distance=True)
    bare = time.process_time() - begun
    begun = time.process_time()
    positions = benchmark.pedantic(snap_points, args=(million, xy, 500.0), rounds=1)
    ours = time.process_time() - begun
    assert positions.snapped.mean() > 0.99
    sys.stdout.write(f"\nbare query {bare:.1f} s, snapping {ours:.1f} s, ratio {ours / bare:.2f}\n")
    assert ours <= 3 * bare
