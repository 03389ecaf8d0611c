"""Bars: the same for the same seed, none without errors, narrower with better data, and true 95 times of 100."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest
import worlds
from doubtworlds import FEW_WORLDS, WORLDS, hold_truth, town

from accessibility import Network, Scenario, Standard, Study, measure_coverage
from accessibility.errors import InputError
from accessibility.streets.search.compiling import limited_threads
from accessibility.uncertainty import SOURCES, InputErrors, Interval
from accessibility.uncertainty.draws import PARTS, Chance, Draw
from accessibility.uncertainty.scene import Case, Scene, TwoCounts
from accessibility.whatif.comparison import DistrictCells


def test_without_errors_a_draw_is_the_coverage_itself() -> None:
    study = town()
    now = study.coverage()
    for standard in (Standard(), Standard.presets["radius"], Standard.presets["town-rural"]):
        ruled = study.coverage(standard=standard)
        scene = Scene(now=ruled, network=study.network, errors=InputErrors())
        case = Case(coverage=ruled, position_m=np.full(len(study.sites), 75.0))
        reached = Draw(scene=scene, errors=scene.errors, chance=Chance(1, 0)).reached(case, ())
        assert np.array_equal(reached == PARTS, ruled.covered)
    none = study.uncertainty(draws=3, errors=InputErrors(without=SOURCES))
    assert none.interval.low == none.interval.high == pytest.approx(now.share, abs=1e-12)
    assert none.tries.sources == ()
    assert none.table()["source"].tolist() == ["together"]


def test_the_truth_lies_around_the_middle_of_two_counts() -> None:
    study = town()
    now, north = study.coverage(), study.demand.xy[:, 1] > np.median(study.demand.xy[:, 1])
    office = np.where(north, 1.21, 1 / 1.44)  # times the people of the data; the middles are 1.1 and 1 / 1.2
    counts = TwoCounts.of(now.demand.population, office, north.astype(np.intp))
    scene = Scene(now=now, network=study.network, errors=InputErrors(), counts=counts)
    draws = [Draw(scene=scene, errors=scene.errors, chance=Chance(1, number)) for number in range(400)]
    factors = np.log([draw.people_factor(["totals"]) for draw in draws])
    assert np.ptp(factors[:, north], axis=1).max() == 0  # a district is off as a whole
    # The spread is about 0.14, Student's t of two districts is wide: medians of 400 draws lie within 0.05.
    assert np.median(factors[:, north]) == pytest.approx(np.log(1.1), abs=0.05)
    assert np.median(factors[:, ~north]) == pytest.approx(-np.log(1.2), abs=0.05)


def without_ways(network: Network, gone: np.ndarray) -> Network:
    """Return the streets of a map that never had some edges."""
    kept, several = ~gone, np.diff(network.shape_start)
    each = {f.name: getattr(network, f.name) for f in fields(network) if f.name not in ("node_xy", "shape_xy")}
    rows: Any = {name: v[kept] for name, v in each.items() if isinstance(v, np.ndarray) and len(v) == len(gone)}
    start = np.concatenate([[0], several[kept].cumsum()])
    return replace(network, **rows, shape_start=start, shape_xy=network.shape_xy[np.repeat(kept, several)])


@pytest.mark.parametrize("active", [("paths",), ("paths", "outlets"), ("paths", "speed")])
def test_a_draw_that_misses_ways_is_the_coverage_of_a_map_without_them(active: tuple[str, ...]) -> None:
    study, moved = town(), 0
    now = study.coverage()
    assert study.network.main_edges.all()
    missing = InputErrors(missing=dict.fromkeys(study.network.kinds, 0.4))
    scene = Scene(now=now, network=study.network, errors=missing)
    case = Case(coverage=now, position_m=np.full(len(study.sites), 75.0))
    for number in range(12):
        draw = Draw(scene=scene, errors=missing, chance=Chance(2, number))
        sites = replace(now.sites, xy=draw.sites_xy(case, active), crs=study.network.crs)
        streets, walker = without_ways(study.network, draw.gone), draw.walker(case, active)
        then = measure_coverage(streets, now.demand, sites, now.standard, walker)
        assert np.array_equal(draw.reached(case, active) == PARTS, then.covered), number
        moved += (then.covered != now.covered).sum()
    assert moved > 0


def test_seed_and_draw_alone_decide() -> None:
    study = town()
    with limited_threads(1):
        one = study.uncertainty(draws=23, seed=4)
    with limited_threads(numba.config.NUMBA_NUM_THREADS):  # type: ignore[attr-defined]
        more = study.uncertainty(draws=41, seed=4)
    assert np.array_equal(one.tries.whole, more.tries.whole[:23])
    assert np.array_equal(one.tries.alone, more.tries.alone[:, :23])
    assert np.array_equal(one.tries.true_shares, more.tries.true_shares[:23])
    assert not np.array_equal(one.tries.whole, study.uncertainty(draws=23, seed=5).tries.whole)


def test_a_source_brings_the_same_errors_alone_and_with_others() -> None:
    study = town()
    every = study.uncertainty(draws=12)
    few = study.uncertainty(draws=12, errors=InputErrors(without=("speed", "people", "cells")))
    shared = [name for name in few.tries.sources if name in every.tries.sources]
    assert len(shared) > 1
    for name in shared:
        if name != "snapping":  # which of a cell's streets a home is on is said by another source
            rows = [tries.sources.index(name) for tries in (every.tries, few.tries)]
            assert np.array_equal(every.tries.alone[rows[0]], few.tries.alone[rows[1]]), name


def test_what_was_cut_short_goes_on_and_leaves_nothing_behind(tmp_path: Path) -> None:
    study, whole = town(), town().uncertainty(draws=30)

    def stop(made: int, _: int) -> None:
        if made >= 20:
            raise KeyboardInterrupt

    with limited_threads(1), pytest.raises(KeyboardInterrupt):
        study.uncertainty(draws=200, keep=tmp_path, tell=stop)
    files = sorted(tmp_path.iterdir())
    assert 2 <= len(files) < 20  # what had not begun was not made
    files[0].write_bytes(files[0].read_bytes()[:100])  # a file cut short is made again
    before, told = files[1].stat().st_mtime_ns, []
    other = study.uncertainty(draws=20, keep=tmp_path, errors=InputErrors(home_m=30.0))
    assert files[1].stat().st_mtime_ns == before  # of other inputs
    again = study.uncertainty(draws=30, keep=tmp_path, tell=lambda made, all_: told.append((made, all_)))
    assert told[-1] == (30, 30)
    assert np.array_equal(whole.tries.whole, again.tries.whole)
    assert np.array_equal(whole.tries.alone, again.tries.alone)
    assert not np.array_equal(whole.tries.whole[:20], other.tries.whole)
    assert not any(path.exists() for path in files[:3])


def test_what_nobody_goes_on_with_is_dropped_after_a_month(tmp_path: Path) -> None:
    day = 24 * 3_600
    for name, days in (("draws-a-0-10.npz", 40), ("draws-b-0-10.npz", 5), ("notes.txt", 40)):
        (tmp_path / name).write_bytes(b"")
        then = time.time() - days * day
        os.utime(tmp_path / name, (then, then))
    town().uncertainty(draws=2, keep=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["draws-b-0-10.npz", "notes.txt"]


KILLED = f"""import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from doubtworlds import town
town().uncertainty(draws=4_000, keep=Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("name", ["SIGKILL", *(pytest.param(n, marks=pytest.mark.many) for n in ("SIGTERM", "SIGINT"))])
def test_a_process_that_is_killed_among_its_draws_goes_on_with_the_same(tmp_path: Path, name: str) -> None:
    begun = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stderr=subprocess.DEVNULL)  # noqa: S603
    while not list(tmp_path.glob("draws-*.npz")) and begun.poll() is None:
        time.sleep(0.02)
    begun.send_signal(getattr(signal, name))
    assert begun.wait() != 0
    kept = {path.name.rsplit("-", 2)[1] for path in tmp_path.glob("draws-*.npz")}
    assert kept
    told: list[int] = []
    draws = 10 * max(1, min(4, len(kept)))
    found = town().uncertainty(draws=draws, keep=tmp_path, tell=lambda made, _: told.append(made))
    whole = town().uncertainty(draws=draws)
    for part in ("alone", "again", "whole"):
        assert getattr(found.tries, part).tobytes() == getattr(whole.tries, part).tobytes(), part
    assert told[-1] == draws
    left = [
        path for path in tmp_path.iterdir() if path.name.rsplit("-", 2)[1] in {str(10 * k) for k in range(draws // 10)}
    ]
    assert left == []


@pytest.mark.parametrize("asked", [{"draws": 1}, {"draws": 2.5}, {"seed": -1}, {"seed": "x"}])
def test_questions_that_make_no_sense_are_refused(asked: dict[str, object]) -> None:
    with pytest.raises(InputError, match="expected a whole number"):
        town().uncertainty(**asked)  # type: ignore[arg-type]


def test_groups_add_up_and_the_whole_is_one_of_them() -> None:
    sure = town().uncertainty(draws=30)
    people = sure.now.demand
    whole = sure.by(pd.Series("all", index=list(sure.now.demand.ids), name="group"))
    assert whole["low"].iloc[0] == pytest.approx(sure.interval.low)
    assert whole["high"].iloc[0] == pytest.approx(sure.interval.high)
    assert sum(sure.certain_people.values()) == pytest.approx(people.population.sum())
    assert (sure.certainty[sure.probability == 1.0] == "in").all()


def test_better_data_make_a_narrower_bar() -> None:
    study = town()
    wide = study.uncertainty(draws=60)
    found = wide.improvements()["points"]
    assert found.iloc[0] < -5.0
    assert found.index[0] == 0
    halves = replace(InputErrors(), people_cell=0.15, people_block=0.15, speed_m_s=0.05, home_m=5.0)
    assert study.uncertainty(draws=60, errors=halves).interval.width < wide.interval.width


def test_outlets_to_survey_are_those_whose_place_decides() -> None:
    # Two outlets on one long road; nobody lives near the walk's end of the second.
    road = worlds.line(20_000.0, 40)
    homes = worlds.people([(880.0, 10.0), (890.0, 10.0), (10_100.0, 10.0)], [500, 500, 500])
    halls = worlds.outlets([(0.0, 0.0), (10_000.0, 0.0)])
    sure = Study.of(road, homes, halls, settings="urban").uncertainty(
        draws=40, errors=InputErrors(without=("people", "paths", "snapping", "speed"))
    )
    found = sure.improvements().set_index("improvement")
    assert found.loc["survey-outlets", "ids"] == ("O0",)
    assert found["points"]["survey-outlets"] < 0


def test_differences_are_surer_than_levels() -> None:
    study = town()
    sure = study.uncertainty(draws=60)
    opened = sure.compare(Scenario(name="more", opened=("B0",)))
    assert opened.points > 0
    assert opened.better > 0.9
    assert opened.interval.width < sure.interval.width * 100
    nothing = sure.compare(Scenario(name="nothing"))
    assert nothing.points == 0
    assert nothing.is_noise
    assert nothing.better == 0.5
    assert nothing.interval == Interval(low=0.0, high=0.0, error=0.0)


@pytest.mark.parametrize("source", [*SOURCES, "together"])
def test_the_interval_holds_the_truth_in_some_worlds(source: str) -> None:
    # Of 50 worlds that it holds in 95 of 100, fewer than 43 are two in a thousand.
    inside = hold_truth(source, FEW_WORLDS)
    assert len(inside) == FEW_WORLDS
    assert inside.mean() >= 0.86, inside.mean()


@pytest.mark.many
@pytest.mark.parametrize("source", [*SOURCES, "together"])
def test_the_interval_holds_the_truth_95_times_of_100(source: str) -> None:
    inside = hold_truth(source)
    assert len(inside) == WORLDS
    # An island is a town or not: an interval with both ends of two values holds more than 95, and so does one of paces
    # where a little more pace changes nobody.
    assert 0.90 <= inside.mean() <= 0.98, inside.mean()


def test_every_row_of_a_table_has_the_bar_of_its_people_alone() -> None:
    """Rows are added up from cells; here each is drawn by itself, from people who stand in no other row."""
    study = town()
    sure = study.uncertainty(draws=12)
    gain = sure.compare(Scenario(name="bank", opened=("B0",)))
    demand, east = study.demand, study.demand.xy[:, 0] > np.median(study.demand.xy[:, 0])
    district = pd.Series(np.where(east, "east", "west"), index=demand.ids)
    old = np.where(np.arange(len(demand)) % 3 == 0, 0.2 * demand.population, 0.0)
    cells = DistrictCells.of(demand, district)
    sides = (gain.then, gain.now)
    for people, there in ((demand.population, np.ones(len(demand), bool)), (old, old > 0)):
        names = [*(f"{name}, {of}" for name in dict.fromkeys(district) for of in ("urban", "all"))]
        rows = gain.rows(np.zeros(6), cells, people).set_index(pd.Index([*names, "total, urban", "total, all"]))
        for name, here in (("east", east), ("west", ~east), ("total", np.ones(len(demand), bool))):
            then, now = (side.true_shares_of(np.where(here & there, 0, -1), 1)[:, 0] for side in sides)
            drawn = 100 * (then - now)
            order, told = np.sort(drawn), rows.loc[f"{name}, all"]
            assert (told["gain_low"], told["gain_high"]) == pytest.approx((order[0], order[-1]))  # of fewer than 39
            better = ((drawn > 0).sum() + (drawn == 0).sum() / 2) / len(drawn)
            assert (told["better"], told["noise"]) == (pytest.approx(better), bool(order[0] <= 0 <= order[-1]))
            assert list(rows.loc[f"{name}, urban"]) == list(told)
    whole = gain.rows(np.full(6, gain.points), cells, demand.population).iloc[-1]
    assert whole.to_dict() == gain.record()
    nobody = gain.rows(np.zeros(6), cells, np.zeros(len(demand)))
    assert nobody.isna().all(axis=None)


def test_one_scenario_is_compared_with_another_by_the_same_draws() -> None:
    study = town()
    sure = study.uncertainty(draws=12)
    bank, none = (sure.under(Scenario(name="x", opened=opened)) for opened in (("B0",), ()))
    assert np.array_equal(bank.over(none).true_points, bank.over(sure).true_points)
    assert np.array_equal(none.over(bank).true_points, -bank.over(none).true_points)
    assert bank.over(none).better + none.over(bank).better == pytest.approx(1.0)
    assert none.over(sure).is_noise
    assert bank.table()["source"].tolist() == ["together"]
    with pytest.raises(InputError, match="not of the same draws"):
        bank.over(study.uncertainty(draws=12))
