"""Scenarios: what contradicts itself is refused, what agrees combines, what is applied stands in its row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from accessibility import Addition, InputError, Move, Scenario, Settings, Sites, Standard, UnknownSiteError, Walker
from accessibility.geo.projection import WGS84, transform

LON, LAT = 111.0, 30.5


def sites() -> Sites:
    """Two open outlets, an open bank and a closed one."""
    return Sites(
        ids=["O1", "O2", "B1", "B2"],  # type: ignore[arg-type]
        xy=np.array([(0, 0), (100, 0), (200, 0), (300, 0)]) + worlds.ORIGIN,
        kind=["outlet", "outlet", "bank", "bank"],  # type: ignore[arg-type]
        open=[True, True, True, False],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )


def test_applied_sites_keep_their_rows_and_new_ones_come_last() -> None:
    scenario = Scenario(
        opened=("B2",),
        closed=("O2", "N2"),
        added=(Addition(id="N1", lon=LON, lat=LAT), Addition(id="N2", lon=LON, lat=LAT, kind="bank", cost=2)),
        moved=(Move(id="B1", lon=LON, lat=LAT),),
    )
    there = scenario.apply(sites())
    assert there.ids.tolist() == ["O1", "O2", "B1", "B2", "N1", "N2"]
    assert there.open.tolist() == [True, False, True, True, True, False]
    assert there.kind.tolist()[-2:] == ["new", "bank"]
    place = transform(np.array([(LON, LAT)]), WGS84, there.crs)[0]
    assert np.allclose(there.xy[[2, 4, 5]], place)
    assert np.array_equal(there.xy[[0, 1, 3]], sites().xy[[0, 1, 3]])


def test_the_baseline_changes_nothing() -> None:
    there = Scenario().apply(sites())
    assert there.open.tolist() == sites().open.tolist()
    assert Scenario() + Scenario() == Scenario()
    assert Settings().walker(Walker(speed_m_s=1.1)) == Walker(speed_m_s=1.1)
    assert Settings(speed_m_s=0.8, open_compounds=True).walker(Walker()) == Walker(speed_m_s=0.8, open_compounds=True)
    assert Settings(standard=Standard.presets["radius"]).of(Standard()) == Standard.presets["radius"]


CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"opened": ("B2",), "closed": ("B2",)}, "site 'B2' opens and closes"),
    ({"opened": ("B2", "B2")}, "site 'B2' opens twice"),
    ({"moved": (Move(id="O1", lon=1, lat=1), Move(id="O1", lon=2, lat=1))}, "site 'O1' moves twice"),
    ({"added": (Addition(id="N1", lon=1, lat=1),), "opened": ("N1",)}, "'N1' is added, and opens or moves"),
]


@pytest.mark.parametrize(("given", "message"), CONTRADICTIONS)
def test_a_scenario_that_contradicts_itself_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"scenario 'x': .*{message}"):
        Scenario(name="x", **given)


@pytest.mark.parametrize(
    ("scenario", "error", "message"),
    [
        (Scenario(opened=("O1",)), InputError, "site 'O1' is open already; expected one that is closed"),
        (Scenario(closed=("B2",)), InputError, "site 'B2' is closed already; expected one that is open"),
        (Scenario(closed=("B9",)), UnknownSiteError, "no site has the id 'B9' among 4 sites; did you mean"),
        (Scenario(moved=(Move(id="zz", lon=1, lat=1),)), UnknownSiteError, "no site has the id 'zz'"),
        (Scenario(added=(Addition(id="O1", lon=1, lat=1),)), InputError, "'O1' is added and exists"),
    ],
)
def test_a_scenario_that_does_not_fit_the_sites_names_the_site(
    scenario: Scenario, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        scenario.apply(sites())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lon": 30.5, "lat": 111.0}, "expected degrees .are they swapped"),
        ({"lon": float("nan")}, "stands at lon nan"),
        ({"kind": "shop"}, "is of kind 'shop'; expected one of outlet, bank, new"),
        ({"cost": -1}, "costs -1; expected a finite cost"),
        ({"cost": float("inf")}, "costs inf"),
    ],
)
def test_impossible_additions_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Addition(**{"id": "N1", "lon": LON, "lat": LAT, **given})


CONFLICTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"opened": ("B2",)}, {"closed": ("B2",)}, "'B2' opens in scenario 'a', closes in 'b'"),
    ({"closed": ("B2",)}, {"opened": ("B2",)}, "'B2' opens in scenario 'b', closes in 'a'"),
    (
        {"moved": (Move(id="O1", lon=1, lat=1),)},
        {"moved": (Move(id="O1", lon=2, lat=1),)},
        "'O1' is moved one way in scenario 'a', another in 'b'",
    ),
    (
        {"added": (Addition(id="N1", lon=1, lat=1),)},
        {"added": (Addition(id="N1", lon=1, lat=1, kind="bank"),)},
        "'N1' is added one way in scenario 'a', another in 'b'",
    ),
    (
        {"settings": Settings(speed_m_s=0.8)},
        {"settings": Settings(speed_m_s=1.2)},
        "speed_m_s is 0.8 in scenario 'a' and 1.2 in 'b'",
    ),
]


@pytest.mark.parametrize(("one", "other", "message"), CONFLICTS)
def test_scenarios_that_disagree_do_not_combine(one: dict[str, Any], other: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Scenario(name="a", **one) + Scenario(name="b", **other)


choice = st.lists(st.sampled_from(["O1", "O2", "B1", "B2"]), unique=True)


@given(choice, choice)
def test_combining_does_not_hang_on_the_order(one: list[str], other: list[str]) -> None:
    def scenario(ids: list[str]) -> Scenario:
        return Scenario(
            opened=tuple(i for i in ids if i == "B2"),
            closed=tuple(i for i in ids if i != "B2"),
            moved=tuple(Move(id=i, lon=LON, lat=LAT) for i in ids),
        )

    a, b = scenario(one), scenario(other)
    there, back = (a + b).apply(sites()), (b + a).apply(sites())
    assert there.open.tolist() == back.open.tolist()
    assert np.array_equal(there.xy, back.xy)
    assert (a + a).apply(sites()).open.tolist() == a.apply(sites()).open.tolist()
