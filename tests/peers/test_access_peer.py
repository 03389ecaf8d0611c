"""Floating catchments and gravity against PySAL's ``access``, on random worlds.

Optional: ``make peers`` installs it; elsewhere this is skipped. ``access`` counts what is nearer than a limit, not
what is at it: no cost here is at one.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from accessibility.measures.access import Gaussian, Step, TravelCosts, enhanced_two_step, gravity, two_step

ZONES = Step((5, 10, 15), (1, 0.68, 0.22))


def pysal() -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("access", reason="an optional peer; make peers installs it")
        return importlib.import_module("access.fca"), importlib.import_module("access.weights")


@pytest.mark.parametrize("seed", range(5))
def test_the_same_as_pysal_access(seed: int) -> None:
    peer, weights = pysal()
    rng = np.random.default_rng(seed)
    minutes = rng.uniform(0, 25, (40, 7))
    people, supply = rng.integers(1, 500, 40).astype(float), rng.integers(1, 6, 7).astype(float)
    cells, sites = pd.RangeIndex(40, name="geoid"), pd.RangeIndex(7, name="geoid")
    pairs = pd.DataFrame(
        {"origin": np.repeat(cells, 7), "dest": np.tile(sites, 40), "cost": minutes.ravel()},
    )
    demand = pd.DataFrame({"demand": people}, index=cells)
    offer = pd.DataFrame({"supply": supply}, index=sites)
    indexed: dict[str, Any] = {"demand_index": True, "supply_index": True}
    travel = TravelCosts.from_matrix(minutes)

    def theirs(function: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = function()
        return found.reindex(cells).fillna(0).to_numpy()

    same = theirs(lambda: peer.two_stage_fca(demand, offer.copy(), pairs, max_cost=15, **indexed))
    np.testing.assert_allclose(two_step(travel, people, supply, 15), same, rtol=1e-9)

    def weight(cost: float) -> float:
        return float(ZONES([cost])[0])

    same = theirs(lambda: peer.two_stage_fca(demand, offer.copy(), pairs, max_cost=15, weight_fn=weight, **indexed))
    np.testing.assert_allclose(enhanced_two_step(travel, people, supply, ZONES), same, rtol=1e-9)

    asked: dict[str, Any] = {"cost_source": "dest", "cost_dest": "origin", "loc_index": True, "loc_value": "supply"}
    same = theirs(lambda: peer.weighted_catchment(offer.copy(), pairs, None, weight_fn=weights.gaussian(6), **asked))
    ours = gravity(travel, supply, Gaussian(6))
    np.testing.assert_allclose(ours / ours[0], same / same[0], rtol=1e-9)
