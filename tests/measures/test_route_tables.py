"""Routes as a table: the seconds and metres of travel times, lines from door to door, climbs by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely
import worlds
from drawntowns import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from accessibility import Demand, InputError, Network, Sites, Study, UnknownSiteError, Walker, measure_coverage
from accessibility.measures.routes import trace_routes
from accessibility.measures.travel_times import Travel, trace_travel

if TYPE_CHECKING:
    Town = tuple[Network, Demand, Sites]


@settings(max_examples=15, deadline=None)
@given(towns(), st.sampled_from(["walk", "network"]))
def test_every_pair_has_the_figure_of_its_travel_time_and_a_line_as_long(
    town: tuple[Network, Demand, Sites], measure: str
) -> None:
    network, people, sites = town
    now = measure_coverage(network, people, sites, walker=Walker(speed_m_s=0.7))
    pairs = trace_travel(now, network, Travel(nearest=9, closed_too=True, measure=measure)).table(now)  # type: ignore[arg-type]
    pairs = pairs.sample(frac=1, random_state=1)
    found = trace_routes(now, network, pairs, measure)
    assert found[["cell", "site"]].to_numpy().tolist() == pairs[["cell", "site"]].to_numpy().tolist()
    figure, other = ("walk_s", "metres") if measure == "walk" else ("metres", "walk_s")
    assert found[figure].tolist() == pairs[figure].tolist()
    assert (found[other].to_numpy(float) >= pairs[other].to_numpy(float) - 0.05).all()  # of this way, not the least
    drawn = found.to_crs(worlds.CRS).length.to_numpy()
    np.testing.assert_allclose(drawn, found["metres"].astype(float), atol=0.1)
    homes = [shapely.Point(at) for at in people.to_crs("EPSG:4326").xy.tolist()]
    first = [line.coords[0] for line in found.geometry]
    begin = dict(zip(people.ids, homes, strict=True))
    for cell, point in zip(found["cell"], first, strict=True):
        assert shapely.distance(begin[cell], shapely.Point(point)) < 1e-9


def test_without_pairs_everybody_walks_to_the_nearest_and_who_cannot_has_no_line() -> None:
    people = worlds.people([(900, 0), (3_000, 40), (3_000, 1_500)], [30, 10, 5])
    study = Study.of(worlds.line(), people, worlds.outlets([(0, 0), (4_000, 0)]), settings="urban")
    found = study.routes()
    assert found["site"].tolist() == ["O0", "O1", None]
    now = study.coverage()
    np.testing.assert_array_equal(found["walk_s"].to_numpy(float), now.walk_s)
    assert found.geometry.isna().tolist() == [False, False, True]
    assert found["metres"].iloc[1] == pytest.approx(1_040)


def test_climbs_are_those_from_home_to_site() -> None:
    network = replace(worlds.line(3_000, 3), climb_m=np.array([10, -4, 7], np.float32))
    people, sites = worlds.people([(500, 0), (3_000, 0)]), worlds.outlets([(0, 0), (3_000, 0)])
    study = Study.of(network, people, sites)
    pairs = pd.DataFrame({"cell": ["D0", "D1"], "site": ["O1", "O0"]})
    found = study.routes(pairs)
    assert found["ascent_m"].tolist() == pytest.approx([5 + 7, 4])
    assert found["descent_m"].tolist() == pytest.approx([4, 7 + 10])
    assert found["metres"].tolist() == pytest.approx([2_500, 3_000])


def test_no_pairs_and_strange_ones() -> None:
    study = Study.of(worlds.line(), worlds.people([(0, 0)]), worlds.outlets([(0, 0)]))
    none = study.routes(pd.DataFrame({"cell": [], "site": []}))
    assert list(none.columns) == ["cell", "site", "walk_s", "metres", "ascent_m", "descent_m", "geometry"]
    assert none.empty
    with pytest.raises(InputError, match="lack the column 'site'"):
        study.routes(pd.DataFrame({"cell": ["D0"]}))
    with pytest.raises(InputError, match="demand point 'D7'"):
        study.routes(pd.DataFrame({"cell": ["D7"], "site": ["O0"]}))
    with pytest.raises(UnknownSiteError, match="O7"):
        study.routes(pd.DataFrame({"cell": ["D0"], "site": ["O7"]}))
