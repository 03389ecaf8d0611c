"""The census blocks of New York, whose best coverage is published: the search comes near, the solver gets there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from accessibility.siting import Problem, solve_mclp, verify_plan
from accessibility.siting.clock import Clock
from accessibility.siting.covering import read_covering
from accessibility.siting.goals import MostPeople
from accessibility.siting.limits import Limits
from accessibility.siting.reduction import reduce_covering

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.real

INSTANCE = Path(__file__).parents[3] / "shared" / "data" / "mclp" / "new-york-blocks.txt"
BEST = 1_153_640
RADIUS_M = 6_378_137.0
REACH_M = 400.0
SITES = 50


@pytest.fixture(scope="module")
def blocks() -> Problem:
    """Return the blocks as demand and as candidates, within reach along the great circle."""
    if not INSTANCE.is_file():
        pytest.skip("the New York instance is not beside the project")
    place, people = _read(INSTANCE)
    metres = great_circle_m(place)
    return Problem.from_costs(np.where(metres <= REACH_M, metres, np.inf), people, REACH_M)


def _read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    at, then, end = (lines.index(word) for word in ("NODE_COORD_SECTION", "DEMAND_SECTION", "EOF"))
    place = np.array([line.split() for line in lines[at + 1 : then]], dtype=np.float64)
    return place, np.array(lines[then + 1 : end], dtype=np.float64)


def great_circle_m(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return metres between places of (latitude, longitude) in degrees, by the haversine formula."""
    lat, lon = np.radians(place).T
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    metres: NDArray[np.float64] = 2 * RADIUS_M * np.arcsin(np.sqrt(half))
    return metres


def test_the_instance_is_the_published_one(blocks: Problem) -> None:
    assert (len(blocks.people), blocks.population) == (2713, 1_585_873)


def test_the_search_alone_comes_within_half_a_percent(blocks: Problem) -> None:
    """Greedy opening, swaps and annealing: no exact solver takes part."""
    goal, covering = MostPeople(), reduce_covering(read_covering(blocks, Limits(sites=SITES)).covering)
    chosen = goal.polish(covering, goal.start(covering), 2_000, Clock(limit_s=60.0))
    assert chosen.sum() <= SITES
    opened = np.zeros(len(blocks.open), np.bool_)
    opened[covering.site[chosen]] = True
    covered = blocks.people[blocks.covered_by(opened)].sum()
    assert 0.995 * BEST <= covered <= BEST


def test_the_published_best_is_found_and_proven(blocks: Problem) -> None:
    plan = solve_mclp(blocks, sites=SITES, time_limit_s=600.0)  # some 20 s where nothing else runs
    verify_plan(blocks, plan)
    assert (plan.objective, len(plan.selected)) == (BEST, SITES)
    assert plan.gap <= 0.001
