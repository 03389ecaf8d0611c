"""The public library spopt on its own San Francisco data, and on towns with sites open today: the same optima."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from accessibility.siting import (
    Problem,
    SitingPlan,
    solve_backup,
    solve_lscp,
    solve_mclp,
    solve_p_center,
    solve_p_median,
    verify_plan,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

spopt = pytest.importorskip("spopt", reason="spopt, an oracle of these tests, is not installed")
locate = pytest.importorskip("spopt.locate", reason="spopt's models do not load")
pulp = pytest.importorskip("pulp", reason="pulp, which spopt solves with, is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RADII = [1_500.0, 3_000.0, 5_000.0, 8_000.0]


@pytest.fixture(scope="module")
def city() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return metres from 16 stores to 205 tracts, and the people of each tract: what spopt itself is tested on."""
    import pandas as pd  # noqa: PLC0415 -- reads the oracle's tables alone

    folder = Path(spopt.__file__).parent / "tests" / "test_locate" / "data"
    if not folder.is_dir():
        pytest.skip("spopt is installed without its San Francisco data")
    table = pd.read_csv(folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv")
    metres = table.pivot_table(values="distance", index="name", columns="DestinationName")
    people = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv").set_index("NAME")["POP2000"]
    return metres.to_numpy(), people.loc[metres.columns].to_numpy(float)


def solved(model: Any) -> Any:
    """Return a model of spopt, solved to the end."""
    answer = model.solve() if hasattr(model, "solver") else model.solve(pulp.PULP_CBC_CMD(msg=False))
    assert answer.problem.status == pulp.LpStatusOptimal
    return answer


def value(model: Any) -> float:
    """Return the optimum of a model of spopt."""
    return float(solved(model).problem.objective.value())


def optimum(problem: Problem, plan: SitingPlan) -> float:
    """Return the objective of a plan that is proven best."""
    verify_plan(problem, plan)
    assert plan.status == "optimal"
    return plan.objective


def test_the_city_is_all_there(city: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    costs, people = city
    assert (costs.shape, len(people)) == ((16, 205), 205)
    assert people.sum() > 700_000  # people, not tracts


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("sites", [1, 4, 8])
def test_most_people(city: tuple[NDArray[np.float64], NDArray[np.float64]], radius: float, sites: int) -> None:
    costs, people = city
    problem = Problem.from_costs(costs, people, radius)
    theirs = value(locate.MCLP.from_cost_matrix(costs.T, people, radius, p_facilities=sites))
    assert optimum(problem, solve_mclp(problem, sites=sites)) == pytest.approx(theirs)


@pytest.mark.parametrize("radius", [3_000.0, 5_000.0, 8_000.0, 12_000.0])
def test_fewest_sites_for_everybody_within_reach(
    city: tuple[NDArray[np.float64], NDArray[np.float64]], radius: float
) -> None:
    """Tracts that no store reaches are left out for spopt, which has no answer with them."""
    costs, people = city
    near = (costs <= radius).any(axis=0)
    problem = Problem.from_costs(costs, people, radius)
    theirs = value(locate.LSCP.from_cost_matrix(costs[:, near].T, radius))
    assert optimum(problem, solve_lscp(problem)) == theirs


@pytest.mark.parametrize("radius", [5_000.0, 8_000.0, 12_000.0])
def test_most_tracts_twice_with_the_fewest_sites(
    city: tuple[NDArray[np.float64], NDArray[np.float64]], radius: float
) -> None:
    """Spopt's backup model counts points; with a person in each, so does this one.

    A point within reach of a single site counts there as covered twice, and is taken off.
    """
    costs, _ = city
    reach = costs <= radius
    assert reach.any(axis=0).all()
    problem = Problem.from_costs(costs, np.ones(costs.shape[1]), radius)
    theirs = solved(locate.LSCPB.from_cost_matrix(costs.T, radius, pulp.PULP_CBC_CMD(msg=False)))
    twice = theirs.problem.objective.value() - (reach.sum(axis=0) == 1).sum()
    plan = solve_backup(problem, sites=int(theirs.lscp_obj_value))
    assert optimum(problem, plan) == costs.shape[1] + twice


@pytest.mark.parametrize("sites", [1, 4, 8, 16])
def test_least_walking(city: tuple[NDArray[np.float64], NDArray[np.float64]], sites: int) -> None:
    costs, people = city
    problem = Problem.from_costs(costs, people, 5_000)
    theirs = value(locate.PMedian.from_cost_matrix(costs.T, people, p_facilities=sites))
    assert optimum(problem, solve_p_median(problem, sites=sites)) == pytest.approx(theirs)


@pytest.mark.parametrize("sites", [1, 4, 8, 16])
def test_the_longest_walk(city: tuple[NDArray[np.float64], NDArray[np.float64]], sites: int) -> None:
    costs, people = city
    problem = Problem.from_costs(costs, people, 5_000)
    theirs = value(locate.PCenter.from_cost_matrix(costs.T, p_facilities=sites))
    assert optimum(problem, solve_p_center(problem, sites=sites)) == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(3))
def test_sites_that_are_open_today(seed: int) -> None:
    random = np.random.default_rng(seed)
    costs, people = random.random((12, 80)), random.integers(1, 50, 80).astype(float)
    opened = np.arange(12) < 2
    problem = replace(Problem.from_costs(costs, people, 0.2), open=opened, candidate=~opened)
    known: dict[str, Any] = {"predefined_facilities_arr": opened * 1.0}
    most = value(locate.MCLP.from_cost_matrix(costs.T, people, 0.2, p_facilities=5, **known))
    assert optimum(problem, solve_mclp(problem, sites=3)) == pytest.approx(most)
    walking = value(locate.PMedian.from_cost_matrix(costs.T, people, p_facilities=5, **known))
    assert optimum(problem, solve_p_median(problem, sites=3)) == pytest.approx(walking)
    farthest = value(locate.PCenter.from_cost_matrix(costs.T, p_facilities=5, **known))
    assert optimum(problem, solve_p_center(problem, sites=3)) == pytest.approx(farthest)
    fewest = value(locate.LSCP.from_cost_matrix(costs.T, 0.5, **known))
    wide = replace(Problem.from_costs(costs, people, 0.5), open=opened, candidate=~opened)
    assert optimum(wide, solve_lscp(wide)) + 2 == fewest
