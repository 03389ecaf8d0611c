"""Isochrones: the people in them are those of coverage, their areas those of service areas."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
import worlds
from drawntowns import towns
from hypothesis import given, settings

from accessibility import Demand, InputError, Network, Rule, Sites, Standard, measure_coverage, read_study
from accessibility.measures import service_areas
from accessibility.measures.service_areas import trace_isochrones, trace_service_areas

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ["site", "limit", "measure", "people", "geometry"]
RULES = [Rule.of("1 km"), Rule.of(15), Rule.of(5), Rule.distance(0.8, along="radius")]


def alike(rule: Rule) -> Standard:
    return Standard(urban=rule, town=rule, rural=rule)


@settings(max_examples=4)
@given(towns())
def test_the_people_of_an_isochrone_are_who_would_be_covered(town: tuple[Network, Demand, Sites]) -> None:
    network, people, sites = town
    now = measure_coverage(network, people, sites)
    joined = trace_isochrones(now, network, RULES)
    ordered = [RULES[0], RULES[2], RULES[1], RULES[3]]
    assert joined["limit"].tolist() == [1.0, 5.0, 15.0, 0.8]
    assert joined["people"].tolist() == [measure_coverage(*town, alike(rule)).covered_people for rule in ordered]
    each = trace_isochrones(now, network, RULES, each=True)
    assert list(each.columns) == list(joined.columns) == COLUMNS
    assert each["site"].tolist() == [site for site in sites.ids[sites.open] for _ in RULES]
    for site in sites.ids[sites.open]:
        only = replace(sites, open=sites.ids == site)
        wanted = [measure_coverage(network, people, only, alike(rule)).covered_people for rule in ordered]
        assert each.loc[each["site"] == site, "people"].tolist() == wanted


@pytest.mark.parametrize("cut", [True, False])
def test_an_isochrone_is_the_service_area_on_all_the_streets(cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    monkeypatch.setattr(service_areas, "_MOST", 1.0 if cut else 0.0)

    @settings(max_examples=6, deadline=None)
    @given(towns())
    def held(town: tuple[Network, Demand, Sites]) -> None:
        network, people, sites = town
        now = measure_coverage(network, people, sites)
        each = trace_isochrones(now, network, RULES[:2], each=True)
        for site in sites.ids[sites.open]:
            whole = trace_service_areas(now, network, RULES[:2], only=[site]).to_crs(network.crs)
            found = each[each["site"] == site].to_crs(network.crs)
            beside = shapely.symmetric_difference(found.geometry.to_numpy(), whole.geometry.to_numpy())
            assert shapely.area(beside).max() < 1e-3  # square metres

    held()


def test_two_sites_on_a_street_by_hand() -> None:
    street, homes = worlds.line(), worlds.people([(200, 0), (1_000, 0), (1_800, 0)], [1, 2, 4])
    now = measure_coverage(street, homes, worlds.outlets([(0, 0), (2_000, 0)]))
    each = trace_isochrones(now, street, [Rule.of(5), Rule.of("1 km")], each=True)
    assert each["people"].tolist() == [1, 3, 4, 6]
    joined = trace_isochrones(now, street, [Rule.of(5), Rule.of("1 km")])
    assert joined["people"].tolist() == [5, 7]
    assert joined["site"].isna().all()
    assert each.crs == joined.crs == "EPSG:4326"
    here = each.to_crs(worlds.CRS).geometry.translate(*-worlds.ORIGIN)
    assert np.allclose(here.bounds["maxx"], [300, 1_000, 2_300, 3_000], atol=0.1)  # square at the cut
    for row, limit in enumerate(joined["limit"]):
        both = shapely.union_all(each.loc[each["limit"] == limit, "geometry"])
        assert both.symmetric_difference(joined.geometry[row]).area < 2e-3 * both.area


def test_without_a_site_that_counts_nobody_is_within() -> None:
    now = measure_coverage(worlds.line(), worlds.people([(0, 0)]), worlds.outlets([]))
    (row,) = trace_isochrones(now, worlds.line(), [Rule.of(5)]).to_dict("records")
    assert (row["people"], row["geometry"].is_empty) == (0.0, True)
    none = trace_isochrones(now, worlds.line(), [Rule.of(5)], each=True)
    assert list(none.columns) == COLUMNS
    assert none.empty


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ([], "one limit or more"),
        ([5, "5 min"], "each once"),
        (["5 miles"], "limit is '5 miles'"),
        ([0], "rule limit is 0"),
        ([None], "limits"),
    ],
)
def test_limits_that_are_none_are_refused(town: Path, tmp_path: Path, limits: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_study(town, cache=tmp_path).isochrones(limits)


def test_one_limit_may_stand_alone(town: Path, tmp_path: Path) -> None:
    study = read_study(town, cache=tmp_path)
    assert study.isochrones("15 min")["people"].tolist() == study.isochrones(15)["people"].tolist() == [30]
