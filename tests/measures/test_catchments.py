"""Catchments against coverage of one site at a time, and who depends on one site alone, against closing each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import worlds
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from accessibility import (
    Demand,
    InputError,
    Network,
    Sites,
    Standard,
    Study,
    Walker,
    measure_coverage,
    trace_catchments,
)
from accessibility.measures.catchments import Catchments, measure_redundancy
from accessibility.standards import Rule
from accessibility.study.mapping import retrace_catchments

STANDARDS = (
    Standard(),
    Standard.presets["town-rural"],
    Standard.presets["radius"],
    Standard(urban=Rule.distance(1, along="radius"), town=Rule.walk(20), rural=Rule.distance(2)),
)
WALKERS = (Walker(), Walker(speed_m_s=1.2, open_compounds=True))


@settings(max_examples=30)
@given(towns(), st.sampled_from(STANDARDS), st.sampled_from(WALKERS))
def test_a_catchment_is_whom_the_site_covers_alone(
    town: tuple[Network, Demand, Sites], standard: Standard, walker: Walker
) -> None:
    network, people, sites = town
    found = trace_catchments(network, people, sites, standard, walker)
    for row in range(len(sites)):
        alone = replace(sites, open=np.arange(len(sites)) == row)
        now = measure_coverage(network, people, alone, standard, walker)
        assert found.of(row).tolist() == np.flatnonzero(now.covered).tolist()
        costs = found.cost[found.start[row] : found.start[row + 1]]
        measure = [standard.rule(setting).measure for setting in people.setting[found.of(row)]]
        figures = {"walk": now.walk_s, "network": now.metres, "radius": now.radius_m}
        expected = [figures[m][i] for m, i in zip(measure, found.of(row), strict=True)]
        assert costs.tolist() == expected


@settings(max_examples=30)
@given(towns(), st.sampled_from(STANDARDS))
def test_the_union_of_open_catchments_is_who_is_covered(
    town: tuple[Network, Demand, Sites], standard: Standard
) -> None:
    network, people, sites = town
    found = trace_catchments(network, people, sites, standard)
    covered = np.zeros(len(people), np.bool_)
    for row in np.flatnonzero(sites.open):
        covered[found.of(row)] = True
    assert covered.tolist() == measure_coverage(network, people, sites, standard).covered.tolist()


def test_the_samples_catchments_cover_whom_the_sample_covers(sample_study: Study) -> None:
    study = sample_study
    found = trace_catchments(study.network, study.demand, study.sites, study.standard, study.walker, study.snapped)
    covered = np.zeros(len(study.demand), np.bool_)
    for row in np.flatnonzero(study.sites.open):
        covered[found.of(row)] = True
    assert np.array_equal(covered, study.coverage().covered)


def test_exactly_at_the_limit_is_within() -> None:
    people = worlds.people(
        [(900.0, 0.0), (901.0, 0.0), (5_000.0, 0.0), (5_001.0, 0.0)], setting=["urban"] * 2 + ["rural"] * 2
    )
    found = trace_catchments(worlds.line(), people, worlds.outlets([(0, 0)]))
    assert found.of(0).tolist() == [0, 2]
    assert found.cost.tolist() == [900.0, 5_000.0]


def test_exactly_at_the_radius_is_within() -> None:
    here = worlds.people([(4_000.0, 300.0)], setting=["rural"])  # farther along the streets
    where = (worlds.line(), here, worlds.outlets([(0, 0)]))
    metres = round(float(trace_catchments(*where, STANDARDS[2]).cost[0]), 2)
    for limit, found in ((metres, [0]), (metres - 0.01, [])):
        radius = Standard(rural=Rule(measure="radius", limit=limit))
        assert trace_catchments(*where, radius).of(0).tolist() == found
        assert measure_coverage(*where, radius).covered.tolist() == [bool(found)]


def test_nobody_and_no_sites_have_empty_catchments() -> None:
    nobody = trace_catchments(worlds.line(), worlds.people([]), worlds.outlets([(0, 0)]))
    assert (len(nobody), len(nobody.demand)) == (1, 0)
    nowhere = trace_catchments(worlds.line(), worlds.people([(0, 0)]), worlds.outlets([]))
    assert (len(nowhere), len(nowhere.demand)) == (0, 0)
    assert repr(nobody) == "<Catchments 1 sites, 0 pairs>"


def test_pairs_that_stand_twice_are_refused() -> None:
    with pytest.raises(InputError, match="ascending within a site"):
        Catchments(start=[0, 2], demand=[1, 1], cost=[1, 2])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not lead from 0 to the 2 pairs"):
        Catchments(start=[0, 1], demand=[0, 1], cost=[1, 2])  # type: ignore[arg-type]
    assert len(Catchments(start=[0, 1, 2], demand=[3, 1], cost=[1, 2])) == 2  # type: ignore[arg-type]


@settings(max_examples=30)
@given(towns())
def test_who_depends_on_a_site_alone_is_who_closing_it_loses(town: tuple[Network, Demand, Sites]) -> None:
    network, people, sites = town
    ledger = measure_redundancy(trace_catchments(*town), people, sites)
    now = measure_coverage(*town)
    for row in range(len(sites)):
        if not sites.open[row]:
            assert ledger.alone[row] == ledger.within[row] == 0
            continue
        without = replace(sites, open=sites.open & (np.arange(len(sites)) != row))
        lost = now.covered & ~measure_coverage(network, people, without).covered
        assert ledger.alone[row] == people.population[lost].sum()
        only = measure_coverage(network, people, replace(sites, open=np.arange(len(sites)) == row))
        assert ledger.within[row] == only.covered_people
    assert sum(ledger.people_by_choice().values()) == people.population.sum()
    assert ledger.people_by_choice()["0"] == now.uncovered_people
    kept = sites.open.copy()
    kept[list(ledger.spare)] = False
    assert measure_coverage(network, people, replace(sites, open=kept)).covered_people == now.covered_people


def test_the_table_names_the_most_needed_first() -> None:
    people = worlds.people([(0, 0), (1_000, 0), (3_000, 0)], [10, 20, 5])
    sites = worlds.outlets([(0, 0), (400, 0), (3_000, 0), (3_100, 0)])
    table = measure_redundancy(trace_catchments(worlds.line(), people, sites), people, sites).table()
    # O0 reaches the first, O1 the first two, O2 and O3 the last.
    assert table["id"].tolist() == ["O1", "O0", "O2", "O3"]
    assert table["within_people"].tolist() == [30, 10, 5, 5]
    assert table["alone_people"].tolist() == [20, 0, 0, 0]
    assert table["can_close"].tolist() == [False, True, True, True]
    assert table["can_close_together"].tolist() == [False, True, True, False]


def test_catchments_of_other_sites_are_refused() -> None:
    people, sites = worlds.people([(0, 0)]), worlds.outlets([(0, 0), (9, 9)])
    with pytest.raises(InputError, match="catchments are of 2 sites, sites are 1"):
        measure_redundancy(trace_catchments(worlds.line(), people, sites), people, worlds.outlets([(0, 0)]))


@settings(max_examples=20)
@given(towns(), st.sampled_from(STANDARDS), st.data())
def test_what_is_known_of_sites_that_stay_is_what_tracing_all_says(
    town: tuple[Network, Demand, Sites], standard: Standard, data: st.DataObject
) -> None:
    network, people, sites = town
    first = sites.take(np.arange(data.draw(st.integers(0, len(sites)))))
    before = measure_coverage(network, people, first, standard)
    traced = trace_catchments(network, people, first, standard)
    for _ in range(2):  # the people are made ready once
        moved = data.draw(st.lists(st.integers(0, len(sites) - 1), max_size=2)) if len(sites) else []
        xy = sites.xy.copy()
        xy[moved] += 35.0
        now = measure_coverage(network, people, replace(sites, xy=xy), standard)
        found = retrace_catchments(network, now, before, traced)
        wanted = trace_catchments(network, people, now.sites, standard)
        for name in ("start", "demand", "cost"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
