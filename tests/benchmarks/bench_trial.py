"""A trial's comparison on 100 000 demand points against measuring the changed scenario from scratch, in one run."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility import Demand, Sites, measure_coverage
from accessibility.streets.snapping import snap_study
from accessibility.whatif.live import Ground
from accessibility.whatif.trial import Baseline, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from accessibility import Network

POINTS, OUTLETS = 100_000, 500


def milliseconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return 1_000 * (time.perf_counter() - begun)


def test_a_comparison_on_100_000_points(million: Network, benchmark: Any) -> None:
    rng = np.random.default_rng(6)
    xy = million.node_xy[rng.choice(len(million.node_xy), POINTS, replace=False)] + rng.normal(0, 20, (POINTS, 2))
    setting = rng.choice(["urban", "town", "rural"], POINTS)
    ids: Any = list(range(POINTS))
    count = rng.integers(1, 50, POINTS).astype(float)
    people = Demand(ids=ids, xy=xy, population=count, setting=setting, crs=million.crs)
    at = million.node_xy[rng.choice(len(million.node_xy), OUTLETS, replace=False)]
    sites = Sites(ids=ids[:OUTLETS], xy=at, open=np.arange(OUTLETS) % 5 > 0, crs=million.crs)
    snapped = snap_study(million, people, sites)
    now = measure_coverage(million, people, sites, snapped=snapped)
    district = pd.Series(rng.integers(0, 40, POINTS), index=people.ids)
    ground = Ground(network=million, demand=people, snapped=snapped.demand)
    trial = Trial(Baseline(coverage=now, ground=ground, district=district, cost={}, refuse_place=lambda *_: None))
    spent: dict[str, list[float]] = {"step": [], "comparison": []}
    closed = np.flatnonzero(~sites.open).tolist()
    for site in closed[:30]:
        spent["step"].append(milliseconds(lambda site=site: trial.open(site)))  # type: ignore[misc]
        spent["comparison"].append(milliseconds(trial.compare))
    benchmark.pedantic(trial.compare, rounds=5)
    opened = replace(sites, open=sites.open | np.isin(np.arange(OUTLETS), closed[:30]))
    whole = milliseconds(lambda: measure_coverage(million, people, opened, snapped=snapped))
    assert trial.coverage().covered_people == measure_coverage(million, people, opened, snapped=snapped).covered_people
    median = {name: float(np.median(times)) for name, times in spent.items()}
    ratio = whole / (median["step"] + median["comparison"])
    figures = ", ".join(f"{name} {value:.1f} ms" for name, value in median.items())
    sys.stdout.write(f"\n{figures}; measured from scratch {whole:.0f} ms, x{ratio:.0f}\n")
    assert ratio >= 10
