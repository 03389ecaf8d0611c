"""One opening or closing against a plain bucket search from scratch: ratios in one run, on the same integers."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from racing import everybody

from accessibility.streets import search
from accessibility.streets.search import updates
from accessibility.streets.search.multisource import NO_LABEL
from accessibility.streets.search.packing import build_arcs

if TYPE_CHECKING:
    from accessibility import Network

OUTLETS = 500
OPERATIONS = 400
# The aim is 200; x162 to x262 were measured, as fast as the search from scratch happens to be: 16 to 36 ms.
AT_LEAST, MEDIAN_MS = 40, 0.3


def from_scratch(standing: search.Standing) -> float:
    """Search all labels anew, in place, and return the seconds."""
    begun = time.perf_counter()
    standing.labels[:] = NO_LABEL
    updates._spread(standing, np.flatnonzero(standing.is_open), 0, updates._next_turn(standing))
    return time.perf_counter() - begun


@pytest.mark.parametrize("limit_m", [1_200, None])
def test_one_change_against_a_search_from_scratch(million: Network, limit_m: int | None, benchmark: Any) -> None:
    rng = np.random.default_rng(5)
    arcs = build_arcs(million, million.impedance(), open_compounds=True)
    edge = rng.choice(len(million.edges), 2 * OUTLETS, replace=False).astype(np.int32)
    sites = search.Stops(edge=edge, fraction=np.zeros(len(edge)), leg=np.zeros(len(edge), np.uint32))
    is_open = np.arange(len(edge)) < OUTLETS
    limit = None if limit_m is None else limit_m * 100
    standing = search.stand(arcs, sites, is_open, everybody(million), limit=limit)
    begun = standing.labels.copy(), standing.found.copy()
    spent: dict[str, list[float]] = {"open": [], "close": [], "undo": []}
    closed = np.flatnonzero(~is_open).tolist()
    for _ in range(OPERATIONS):
        row = closed.pop(int(rng.integers(len(closed))))
        at = time.perf_counter()
        change = search.open_site(standing, row)
        spent["open"].append(time.perf_counter() - at)
        out = int(rng.choice(np.flatnonzero(standing.is_open)))
        at = time.perf_counter()
        other = search.close_site(standing, out)
        spent["close"].append(time.perf_counter() - at)
        at = time.perf_counter()
        search.undo_change(standing, other)
        spent["undo"].append(time.perf_counter() - at)
        search.undo_change(standing, change)
        closed.append(row)
    assert np.array_equal(standing.labels, begun[0])
    assert np.array_equal(standing.found, begun[1])
    whole = np.median([from_scratch(standing) for _ in range(5)])
    assert np.array_equal(standing.labels, begun[0])
    benchmark.pedantic(lambda: search.undo_change(standing, search.open_site(standing, closed[0])), rounds=20)
    median = {name: 1_000 * float(np.median(times)) for name, times in spent.items()}
    p95 = {name: 1_000 * float(np.quantile(times, 0.95)) for name, times in spent.items()}
    ratio = {name: 1_000 * whole / median[name] for name in ("open", "close")}
    reach = float((standing.labels != NO_LABEL).mean())
    figures = ", ".join(f"{n} {median[n]:.3f} ms (p95 {p95[n]:.3f})" for n in spent)
    within = "without a limit" if limit_m is None else f"within {limit_m:,} m"
    sys.stdout.write(
        f"\n{within}, reach {reach:.0%}: {figures}; from scratch {1_000 * whole:.0f} ms:"
        f" x{ratio['open']:.0f} and x{ratio['close']:.0f}\n"
    )
    if limit_m is not None:
        assert min(ratio.values()) >= AT_LEAST
        assert max(median["open"], median["close"]) <= MEDIAN_MS
