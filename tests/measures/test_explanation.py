"""Explanations against coverage of the same place, and by hand on a street."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
import worlds
from pyproj import Geod
from worlds import degrees

from accessibility import InputError, Sites, Standard, Study, measure_coverage
from accessibility.geo.projection import WGS84, transform
from accessibility.measures.explanation import explain_place

GEOD = Geod(ellps="WGS84")


def street(**changed: object) -> Sites:
    sites = Sites(
        ids=["O1", "B1", "B2", "C1"],  # type: ignore[arg-type]
        xy=np.array([(0, 0), (3_000, 0), (4_000, 0), (2_800, 0)]) + worlds.ORIGIN,
        name=["Hall", "Bank east", "Bank far", ""],  # type: ignore[arg-type]
        kind=["outlet", "bank", "bank", "new"],  # type: ignore[arg-type]
        cost=[0, 1, 1, 3],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    return replace(sites, **changed)  # type: ignore[arg-type]


def test_too_far_on_foot_by_hand() -> None:
    people = worlds.people([(2_500, 0)], setting="urban")
    now = measure_coverage(worlds.line(), people, street())
    found = explain_place(now, worlds.line(), *degrees((2_500, 50))[0])
    assert (found.setting, found.covered, found.site, found.site_kind) == ("urban", False, "O1", "outlet")
    assert found.walk_s == pytest.approx(50 * 1.3 + 2_500, abs=0.01)
    assert found.excess == pytest.approx(50 * 1.3 + 2_500 - 900, abs=0.01)
    assert found.metres == pytest.approx(2_550, abs=0.02)
    assert found.home_leg_m == pytest.approx(50, abs=0.01)
    assert found.site_leg_m == pytest.approx(0, abs=0.001)
    assert found.fix is not None
    # The cheapest that would do is the bank, though the new room is nearer.
    assert (found.fix.id, found.fix.cost) == ("B1", 1.0)
    assert found.fix.figure == pytest.approx(50 * 1.3 + 500, abs=0.01)
    assert found.text == (
        "Urban: 15-minute walk. The nearest is Hall (O1), 42.8 minutes away: 27.8 minutes too far."
        " Bank east (B1), at a cost of 1, would be 9.4 minutes away."
    )
    line = found.to_gdf().geometry.iloc[0]
    assert GEOD.geometry_length(line) == pytest.approx(2_550, rel=2e-3)
    assert shapely.get_coordinates(line)[0] == pytest.approx(degrees((2_500, 50))[0])


def test_covered_in_the_countryside_and_by_radius() -> None:
    people = worlds.people([(2_500, 0)], setting="rural")
    now = measure_coverage(worlds.line(), people, street())
    found = explain_place(now, worlds.line(), *degrees((2_500, 0))[0])
    assert (found.covered, found.excess, found.fix) == (True, 0.0, None)
    assert found.text == "Rural: 5 km along the network. The nearest is Hall (O1), 2.50 km away: covered."
    radius = measure_coverage(worlds.line(), people, street(), Standard.presets["radius"])
    straight = explain_place(radius, worlds.line(), *degrees((2_500, 300))[0])
    assert straight.route is not None
    assert len(straight.route.coords) == 2


def test_without_a_way_or_a_street() -> None:
    islands = worlds.two_islands()
    people = worlds.people([(6_500, 0)])
    now = measure_coverage(islands, people, worlds.outlets([(0, 0)]))
    alone = explain_place(now, islands, *degrees((6_500, 0))[0])
    assert (alone.site, alone.route, alone.covered) == (None, None, False)
    assert np.isnan(alone.excess)
    assert "No outlet that counts can be reached on foot from here. No single candidate" in alone.text
    nowhere = explain_place(now, islands, *degrees((6_500, 900))[0])
    assert "no one can walk from here" in nowhere.text
    with pytest.raises(InputError, match="are they swapped"):
        explain_place(now, islands, 30.0, 111.0)


def test_the_samples_places_are_explained_as_its_coverage_says(sample_study: Study) -> None:
    study = sample_study
    now = study.coverage()
    lonlat = transform(study.demand.xy, study.demand.crs, WGS84)
    for row in np.random.default_rng(0).choice(len(study.demand), 12, replace=False):
        found = study.explain(float(lonlat[row, 0]), float(lonlat[row, 1]))
        assert found.covered == now.covered[row]
        assert found.setting == now.demand.setting[row]
        assert found.walk_s == pytest.approx(now.walk_s[row], abs=0.05, nan_ok=True)
        if found.route is not None and found.rule.measure == "network":
            assert GEOD.geometry_length(found.route) == pytest.approx(now.metres[row], rel=0.01)
        if found.fix is not None:
            assert study.explain(found.lon, found.lat, study.what_if().open(found.fix.id).scenario).covered
