"""The census blocks of New York, whose best coverage is published: the search alone comes near.

That the solver gets there and proves it takes half a minute and stands in the benchmarks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from blockworlds import BEST, SITES, read_blocks

from accessibility.siting.covering import read_covering, reduce_covering
from accessibility.siting.effort import Allowance
from accessibility.siting.goals import MostPeople
from accessibility.siting.limits import Limits

if TYPE_CHECKING:
    from accessibility.siting import Problem

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def blocks() -> Problem:
    return read_blocks()


def test_the_instance_is_the_published_one(blocks: Problem) -> None:
    assert (len(blocks.people), blocks.population) == (2713, 1_585_873)
    assert len(blocks.cost) == 80_713  # by the law of cosines, in single precision, on a globe of 6,378.1 km


def test_the_search_alone_comes_within_half_a_percent(blocks: Problem) -> None:
    """Greedy opening, swaps and annealing: no exact solver takes part."""
    goal, covering = MostPeople(), reduce_covering(read_covering(blocks, Limits(sites=SITES)).covering)
    chosen = goal.polish(covering, goal.start(covering), 2_000, Allowance(limit_s=60.0))
    assert chosen.sum() <= SITES
    opened = np.zeros(len(blocks.open), np.bool_)
    opened[covering.site[chosen]] = True
    covered = blocks.people[blocks.covered_by(opened)].sum()
    assert 0.995 * BEST <= covered <= BEST
