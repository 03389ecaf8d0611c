"""Scenarios that edit streets have bars of their own: as a map would give that had the edit, by the errors of today."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import worlds
from doubtworlds import town
from pyproj import CRS

from accessibility import Closure, CompoundOpening, Network, NewStreet, Pace, Rule, Scenario, Standard, Study
from accessibility.geo.projection import WGS84, transform
from accessibility.uncertainty import InputErrors
from accessibility.uncertainty.draws import PARTS, Chance, Draw
from accessibility.uncertainty.scene import Case, Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accessibility.streets.edits import StreetEdit

FEW = InputErrors(without=("paths", "snapping"), speed_m_s=0.15)
NODES = [(0, 0), (1_000, 0), (2_000, 0), (0, 600), (1_000, 600), (2_000, 600)]
BANKS = [(0, 1), (1, 2), (3, 4), (4, 5)]  # two streets of 2 km, 600 m apart


def degrees(*points: Sequence[float]) -> list[tuple[float, float]]:
    xy = np.array(points, float) + worlds.ORIGIN
    return [tuple(p) for p in transform(xy, CRS.from_user_input(worlds.CRS), WGS84).tolist()]


def streets(*, bridge: bool) -> Network:
    """Return the two streets, with a bridge in their middle or without, its row the last."""
    return worlds.network(NODES, BANKS + [(1, 4)] * bridge)


def study(network: Network) -> Study:
    """Return homes along the upper street, and a hall on the lower one, far from where a bridge may be."""
    homes = worlds.people([(x, 604.0) for x in range(500, 1_900, 20)], list(range(1, 71)))
    return Study.of(
        network, homes, worlds.outlets([(500, 5)]), settings="urban", standard=Standard(urban=Rule.walk(23))
    )


PIER = degrees((990, 1), (1_010, 1), (1_010, 599), (990, 599))
SLOW = np.array([(1.0, 1.0)] * 4 + [(2.0, 2.0)])
GATED = np.array([False] * 4 + [True])


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        (streets(bridge=False), NewStreet(line=degrees((1_000, 0), (1_000, 600)), bridge=True), streets(bridge=True)),
        (streets(bridge=True), Closure(edges=(4,)), streets(bridge=False)),
        (streets(bridge=True), Pace(area=PIER, factor=0.5), replace(streets(bridge=True), slope_factor=SLOW)),
        (
            replace(streets(bridge=True), private=GATED),
            CompoundOpening(area="POINT ({} {})".format(*degrees((1_000, 300))[0])),
            streets(bridge=True),
        ),
    ],
    ids=["new street", "closure", "pace", "compound"],
)
def test_an_edit_has_the_bar_of_a_map_that_has_it(before: Network, edit: StreetEdit, after: Network) -> None:
    sure = study(before).uncertainty(draws=30, seed=6, errors=FEW)
    found = sure.compare(Scenario(name="edited", edits=(edit,)))
    expected = study(after).uncertainty(draws=30, seed=6, errors=FEW)
    assert found.points == pytest.approx(100 * (expected.share - sure.share))
    assert found.points != 0
    assert found.then.true_shares == pytest.approx(expected.tries.true_shares, abs=1e-9)
    assert np.ptp(found.true_points) > 0


SPUR = NewStreet(line=degrees((637, 60), (637, -300)), name="spur")
ACROSS = NewStreet(line=degrees((-20, 700), (1_240, 640)), name="across")
SQUARE = degrees((210, 210), (500, 210), (500, 500), (210, 500))
EDITS: dict[str, tuple[StreetEdit, ...]] = {
    "spur": (SPUR,),
    "across": (ACROSS,),
    "closure": (Closure(area=SQUARE),),
    "mud": (Pace(area=SQUARE, factor=0.5),),
    "several": (ACROSS, Closure(area=SQUARE), SPUR, Pace(area=SQUARE, factor=0.5)),
}


def test_what_helps_nobody_makes_no_difference_in_any_draw() -> None:
    errors = InputErrors(missing={"residential": 0.3, "footway": 0.3})
    found = town().uncertainty(draws=12, errors=errors).compare(Scenario(name="spur", edits=(SPUR,)))
    assert not found.true_points.any()
    assert found.is_noise


@pytest.mark.parametrize("name", ["across", "closure", "mud"])
def test_opening_never_hurts_and_closing_never_helps_in_any_draw(name: str) -> None:
    found = town().uncertainty(draws=12).compare(Scenario(name=name, edits=EDITS[name]))
    more = found.then.whole.astype(int) - found.now.whole.astype(int)
    assert more.any()
    assert (more >= 0).all() if name == "across" else (more <= 0).all()


@pytest.mark.parametrize("name", list(EDITS))
def test_without_errors_a_draw_of_an_edit_is_its_coverage(name: str) -> None:
    place = town()
    then = place.coverage(Scenario(name=name, edits=EDITS[name]))
    scene = Scene(now=place.coverage(), network=place.network, errors=InputErrors(snapping_m=1e-9))
    case = Case(coverage=then, position_m=np.full(len(then.sites), 1e-9))
    draw = Draw(scene=scene, errors=scene.errors, chance=Chance(1, 0))
    for active in ((), ("snapping",), ("outlets",)):
        assert np.array_equal(draw.reached(case, active) == PARTS, then.covered), active


def test_who_stands_on_a_new_street_alone_stands_there_in_every_draw() -> None:
    # Three live 600 m off every street, beyond the 500 m in which people are put on one.
    homes = worlds.people([(100.0, 0.0), (1_000.0, 600.0)], [5, 3])
    place = Study.of(worlds.line(2_000.0, 4), homes, worlds.outlets([(1_000.0, 0.0)]), settings="urban")
    sure = place.uncertainty(draws=12, errors=InputErrors(without=("people", "outlets", "speed")))
    found = sure.compare(Scenario(edits=(NewStreet(line=degrees((1_000, 0), (1_000, 600))),)))
    assert found.true_points == pytest.approx(np.full(12, 100 * 3 / 8))
    assert found.better == 1.0
    assert not found.is_noise
