"""Covered and served: by hand, one person after the other, and against a linear program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import worlds
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from accessibility import Coverage, Demand, InputError, Network, Sites, measure_coverage, trace_catchments
from accessibility.measures.service import measure_service, most_served

Town = tuple[Network, Demand, Sites]


def one_by_one(now: Coverage, room: list[float]) -> np.ndarray:
    """Let people walk in one after the other, who uses least of the limit first."""
    left, served = list(room), np.zeros(len(now.demand))
    line = []
    for row in np.flatnonzero(now.covered):
        rule = now.standard.rule(str(now.demand.setting[row]))
        figure = now.walk_s[row] if rule.measure == "walk" else now.metres[row]
        line.append((figure / rule.limit, row))
    for _, row in sorted(line):
        site = now.nearest[row]
        served[row] = min(left[site], now.demand.population[row])
        left[site] -= served[row]
    return served


rooms = st.lists(st.integers(0, 900), min_size=5, max_size=5)


@settings(max_examples=25)
@given(towns(), rooms)
def test_people_find_room_as_they_come(town: Town, room: list[int]) -> None:
    now = measure_coverage(*town)
    mine = [float(r) for r in room[: len(now.sites)]]
    service = measure_service(now, mine)
    assert service.people.tolist() == one_by_one(now, mine).tolist()
    assert service.served_people + service.unserved_people + now.uncovered_people == now.population
    by = service.by(pd.Series("here", index=now.demand.ids))
    assert by["served"].tolist() == [service.served_people]


@settings(max_examples=25)
@given(towns(), rooms)
def test_sending_people_elsewhere_serves_as_many_as_a_linear_program_says(town: Town, room: list[int]) -> None:
    now, reach = measure_coverage(*town), trace_catchments(*town)
    service = measure_service(now, np.array(room[: len(now.sites)], float))
    site = np.repeat(np.arange(len(now.sites)), np.diff(reach.start))
    pairs = [(d, s) for d, s in zip(reach.demand.tolist(), site.tolist(), strict=True) if now.sites.open[s]]
    bound = most_served(service, reach)
    assert bound >= service.served_people
    if pairs:
        rows = [[float(d == k) for d, _ in pairs] for k in range(len(now.demand))]
        columns = [[float(s == k) for _, s in pairs] for k in range(len(now.sites))]
        limits = [*now.demand.population, *service.capacity]
        best = linprog([-1.0] * len(pairs), A_ub=[*rows, *columns], b_ub=limits, method="highs")
        assert bound == pytest.approx(-(best.fun or 0.0), abs=1e-6)
    else:
        assert bound == 0


def test_two_halls_by_hand() -> None:
    # Homes at 100, 500 and 900 m between halls at 0 (room for 12) and 1 000 m (for 100); the middle is 1 m nearer to 0.
    town = (worlds.line(1_000, 1), worlds.people([(100, 0), (499, 0), (900, 0)], [10, 20, 30]))
    now = measure_coverage(*town, worlds.outlets([(0, 0), (1_000, 0)]))
    service = measure_service(now, [12, 100])
    assert service.people.tolist() == [10, 2, 30]
    assert service.table()[["capacity", "covered", "served", "unserved", "used"]].to_numpy().tolist() == [
        [12, 30, 12, 18, 1],
        [100, 30, 30, 0, 0.3],
    ]
    assert most_served(service, trace_catchments(*town, now.sites)) == 60  # the middle sent to the other hall
    assert measure_service(now, [np.inf, 0]).served_people == 30


def test_a_closed_site_has_no_room_and_needs_none() -> None:
    town = (worlds.line(1_000, 1), worlds.people([(100, 0)], [10]))
    sites = replace(worlds.outlets([(0, 0), (1_000, 0)]), open=np.array([True, False]))
    service = measure_service(measure_coverage(*town, sites), [4, np.nan])
    assert service.served_people == 4
    assert most_served(service, trace_catchments(*town, sites)) == 4
    with pytest.raises(InputError, match="capacity"):
        measure_service(measure_coverage(*town, sites), [-1, 0])
    with pytest.raises(InputError, match="capacity"):
        measure_service(measure_coverage(*town, sites), [1])
