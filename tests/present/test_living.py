"""What a map embeds so that sites can be switched in it, unpacked by another reader and added up by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import mapworlds
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unpacking import Unpacker

from accessibility import measure_coverage
from accessibility.present.map.coverage_map import Switches
from accessibility.present.map.living import embed_switches, unit_bits
from accessibility.present.pages import packed, steps, varints
from accessibility.standards import SETTINGS

WORLDS = ("fractions", "tenths", "halves", "whole")


@given(st.lists(st.integers(0, 2**53)), st.lists(st.integers(-(2**52), 2**52)))
def test_whole_numbers_come_back(plain: list[int], signed: list[int]) -> None:
    text = packed(varints(np.array(plain, np.int64)), steps(np.array(signed, np.int64)), b"\x07")
    back = Unpacker(text)
    assert back.numbers(len(plain)) == plain
    assert back.steps(len(signed)) == signed
    assert back.left == b"\x07"


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_people_are_whole_numbers_of_the_unit_or_nearly(people: list[float]) -> None:
    bits = unit_bits(np.array(people))
    whole = [round(p * 2.0**bits) for p in people]
    assert sum(whole) <= 2**53
    off = sum((Fraction(w, 2**bits) - Fraction(p) for w, p in zip(whole, people, strict=True)), Fraction(0))
    assert abs(off) <= len(people) * Fraction(1, 2 ** (bits + 1))
    if all(p == int(p) for p in people):
        assert bits == 0


def opened(data: dict[str, Any], is_open: np.ndarray[Any, Any]) -> dict[int, Fraction]:
    """Return covered people by cell, from the page's data alone."""
    back = Unpacker(data["packed"])
    n = data["classes"]
    units, cells = back.numbers(n), back.steps(n)
    counts = back.numbers(len(data["rows"]))
    reached = set()
    for row, k in zip(data["rows"], counts, strict=True):
        at = -1
        for gap in back.numbers(k):
            at += gap + 1
            if is_open[row]:
                reached.add(at)
    assert back.left == b""
    found: dict[int, Fraction] = {}
    for c in reached:
        found[cells[c]] = found.get(cells[c], Fraction(0)) + Fraction(units[c], 2 ** data["bits"])
    return found


@pytest.mark.parametrize("elsewhere", [0, 2, 14], ids=["alone", "after another layer", "all sites are others"])
@pytest.mark.parametrize("people", WORLDS)
def test_any_choice_of_sites_adds_up(people: str, elsewhere: int) -> None:
    net, past, where = mapworlds.switchable(people)
    switches, like = mapworlds.switches(net, past, where), None
    if elsewhere:
        xy = np.array(past.sites.xy)
        xy[:elsewhere] = np.roll(xy, 1, axis=0)[:elsewhere]  # each stands where another one did
        before = measure_coverage(net, past.demand, replace(past.sites, xy=xy), past.standard)
        like = embed_switches(mapworlds.switches(net, before, where), before, past.covered)
    live = embed_switches(switches, past, past.covered, like=like)
    if like is not None and elsewhere < len(past.sites):  # all who are not within reach of these sites keep their class
        moved = np.concatenate([switches.catchments.of(row) for row in range(elsewhere)])
        assert set(np.flatnonzero(live.class_of != like.class_of)) <= set(moved.tolist())
    data = live.data
    assert data is not None
    names = [*data["districts"], None]
    rng = np.random.default_rng(1)
    for _ in range(12):
        is_open = rng.random(len(past.sites)) < 0.4
        now = measure_coverage(net, past.demand, replace(past.sites, open=is_open), past.standard)
        truth: dict[int, Fraction] = {}
        for row in np.flatnonzero(now.covered):
            name = where.iloc[row]
            district = len(names) - 1 if pd.isna(name) else names.index(name)
            setting = SETTINGS.index(str(past.demand.setting[row]))
            cell = (district * 3 + setting) * 2 + int(past.covered[row])
            truth[cell] = truth.get(cell, Fraction(0)) + Fraction(past.demand.population[row])
        found = opened(data, is_open)
        assert set(found) == set(truth)
        for cell, sum_of in truth.items():
            assert abs(found[cell] - sum_of) < Fraction(1, 10**9)
            if people in ("halves", "whole"):
                assert found[cell] == sum_of


def test_a_class_is_within_reach_of_the_same_sites() -> None:
    net, past, where = mapworlds.switchable()
    switches = mapworlds.switches(net, past, where)
    live = embed_switches(switches, past, past.covered)
    assert live.data is not None
    reach = [frozenset(np.flatnonzero([row in switches.catchments.of(j) for j in range(14)])) for row in range(300)]
    keys = [
        (reach[row], "" if pd.isna(where.iloc[row]) else where.iloc[row], past.demand.setting[row], past.covered[row])
        for row in range(300)
    ]
    assert len(set(keys)) == live.data["classes"] < 300
    assert len(set(zip(keys, live.class_of.tolist(), strict=True))) == live.data["classes"]


def test_same_inputs_same_text_and_districts_keep_their_order() -> None:
    net, past, where = mapworlds.switchable()
    switches = replace(mapworlds.switches(net, past, where), names=["Nobody", "West"])
    one, other = (embed_switches(switches, past, past.covered).data for _ in range(2))
    assert one == other
    assert one is not None
    assert one["districts"][:2] == ["Nobody", "West"]
    assert set(one["districts"]) == {"Nobody", "West", "East", "城关镇"}


def test_people_reached_by_nobody_and_no_people_at_all() -> None:
    net, past, where = mapworlds.switchable("whole")
    nobody = replace(past.demand, population=np.zeros(len(past.demand)))
    empty = measure_coverage(net, nobody, past.sites, past.standard)
    live = embed_switches(mapworlds.switches(net, empty, where), empty, empty.covered)
    assert live.data is not None
    assert set(opened(live.data, np.ones(14, bool)).values()) == {Fraction(0)}
    found = Switches(catchments=mapworlds.switches(net, past, where).catchments, district=where)
    assert found.covered_by(past.sites.open, len(past.demand)).tolist() == past.covered.tolist()
