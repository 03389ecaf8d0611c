"""Reading an extract against osmium's own loop over it, in one run; ``make benchmark`` runs it."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import osmium
import pytest

from accessibility.sources.osm.extracts import read_network

if TYPE_CHECKING:
    from collections.abc import Callable

PORTO = Path(__file__).parents[2].parent / "shared" / "data" / "porto" / "porto-metro-2015.osm.pbf"
ROUNDS = 7
LIMIT = 6.0  # of streets with gates, squares and private lanes; 2.5 was that of lines and tags alone

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not PORTO.exists(), reason="the Porto extract is not beside the project"),
]


def look_at_everything(path: Path) -> None:
    for _ in osmium.FileProcessor(path):
        pass


def seconds(work: Callable[[Path], object]) -> float:
    begin = time.perf_counter()
    work(PORTO)
    return time.perf_counter() - begin


def test_reading_the_network_costs_at_most_six_empty_loops(benchmark: Any) -> None:
    look_at_everything(PORTO)
    benchmark.pedantic(read_network, args=(PORTO,), rounds=1, warmup_rounds=1)
    pairs = [(seconds(look_at_everything), seconds(read_network)) for _ in range(ROUNDS)]  # interleaved: same noise
    loop, read = (min(times) for times in zip(*pairs, strict=True))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(  # noqa: T201 -- the numbers are what a benchmark is read for
        f"\nempty loop {loop:.2f} s, read_network {read:.2f} s, ratio {read / loop:.2f}, peak {peak_mb:.0f} MB"
    )
    assert read <= LIMIT * loop
