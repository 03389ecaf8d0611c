"""The memory that a population raster of 200 MB takes, against its limit; ``make benchmark`` runs it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 7_072  # cells: 200 MB of single precision
LIMIT_KB = 450_000
STRIP = 442


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
@pytest.mark.parametrize("populated", [0.05, 0.15])
def test_a_population_raster_of_two_hundred_megabytes(tmp_path: Path, populated: float, benchmark: Any) -> None:
    path = tmp_path / "pop.tif"
    profile: dict[str, Any] = {
        "crs": "EPSG:4326",
        "transform": from_origin(100, 40, 1 / 1200, 1 / 1200),
        "nodata": -99_999,
    }
    rng = np.random.default_rng(0)
    people = 0.0
    with rasterio.open(path, "w", driver="GTiff", count=1, height=SIDE, width=SIDE, dtype="float32", **profile) as out:
        for top in range(0, SIDE, STRIP):
            drawn = rng.random((STRIP, SIDE), dtype=np.float32)
            values = np.where(drawn < populated, 20 * drawn, -99_999).astype(np.float32)
            out.write(values, 1, window=((top, top + STRIP), (0, SIDE)))
            people += values[values > 0].sum(dtype=np.float64)
    assert path.stat().st_size > 200e6
    code = f"""
        from pathlib import Path
        from accessibility.sources.raster.reading import read_population_raster
        cells, _ = read_population_raster({str(path)!r})
        # Not getrusage: that keeps the peak of the process that was forked to run this.
        peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        print(len(cells), cells.total_people, peak.split()[1])
    """
    run = [sys.executable, "-c", textwrap.dedent(code)]
    done = benchmark.pedantic(subprocess.run, args=(run,), kwargs={"capture_output": True, "text": True}, rounds=1)
    cells, counted, kilobytes = map(float, done.stdout.split())
    sys.stdout.write(f"\n{cells:,.0f} populated cells of {SIDE**2:,}: peak {kilobytes / 1_000:.0f} MB\n")
    assert counted == pytest.approx(people)
    assert kilobytes < LIMIT_KB
