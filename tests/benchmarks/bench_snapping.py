"""Snapping against one bare nearest-edge query on the same points and lines, in one run; ``make benchmark`` runs it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.streets.snapping import snap_points

if TYPE_CHECKING:
    from accessibility import Network

POINTS = 1_000_000
PEAK_MB = 500  # beside what was held before
PEAK = Path("/proc/self/status")


def restart_peak() -> None:
    """Let the peak of this process begin anew, where the system can."""
    if PEAK.exists():
        PEAK.with_name("clear_refs").write_text("5")


def peak_kb() -> float:
    """Return the most memory this process has held since, the network and other benchmarks' remains included."""
    if not PEAK.exists():
        return 0.0
    return float(next(line for line in PEAK.read_text().splitlines() if line.startswith("VmHWM")).split()[1])


def test_snapping_a_million_points_to_a_million_edges(million: Network, benchmark: Any) -> None:
    rng = np.random.default_rng(0)
    at = rng.integers(0, len(million.node_xy), POINTS)
    xy = million.node_xy[at] + rng.normal(0, 40, (POINTS, 2))
    begun = time.process_time()
    shapely.STRtree(million.lines()).query_nearest(shapely.points(xy), return_distance=True)
    bare = time.process_time() - begun
    restart_peak()
    held_mb = peak_kb() / 1_000
    begun = time.process_time()
    positions = benchmark.pedantic(snap_points, args=(million, xy, 500.0), rounds=1)
    ours = time.process_time() - begun
    assert positions.snapped.mean() > 0.99
    peak_mb = peak_kb() / 1_000
    sys.stdout.write(
        f"\nbare query {bare:.1f} s, snapping {ours:.1f} s, ratio {ours / bare:.2f}, {peak_mb - held_mb:,.0f} MB more\n"
    )
    assert 8 * ours <= bare
    assert peak_mb - held_mb < PEAK_MB
