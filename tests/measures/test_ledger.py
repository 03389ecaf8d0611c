"""The redundancy ledger against coverage with each outlet closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import worlds
from drawntowns import towns
from hypothesis import given, settings

from accessibility import Demand, InputError, Network, Sites, measure_coverage, trace_catchments
from accessibility.measures.catchments import measure_redundancy


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
