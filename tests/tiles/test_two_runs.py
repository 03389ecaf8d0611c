"""Two runs in tiles at the same time: both are right, or the second one is told; nothing is lost."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from tileworlds import here

from accessibility.cli import tiling
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.tiling import Tiling, run_tiles
from accessibility.errors import InputError
from accessibility.study.proposing import Question
from accessibility.tiles import cutting
from accessibility.tiles.cluster import Workers
from accessibility.tiles.gathering import gather_tiles

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.options import Result

PATIENCE_S = 60.0


class Steps(Silence):
    """Progress that keeps what it is told, and says when a run waits."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.waits = threading.Event()

    def step(self, text: str) -> None:
        self.told.append(text)
        if text.startswith("Waiting"):
            self.waits.set()


class Gate:
    """What stops the first that comes, until it is let go."""

    def __init__(self, work: Any) -> None:
        self.work, self.reached, self.opened = work, threading.Event(), threading.Event()

    def __call__(self, *given: Any, **named: Any) -> Any:
        if not self.reached.is_set():
            self.reached.set()
            assert self.opened.wait(PATIENCE_S)
        return self.work(*given, **named)


@pytest.fixture
def start(town: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what starts a run in a thread of its own; all have one cache."""
    monkeypatch.setattr(tiling, "measure_tiles", here)
    with ThreadPoolExecutor(2) as pool:

        def begin(progress: Steps, question: Question | None = None) -> Future[Result]:
            given = (
                Options(cache=town.parent / "cache", date="2026-11-29"),
                Tiling(workers=Workers(count=1), rows=2),
                progress,
            )
            return pool.submit(partial(run_tiles, town, town.parent / "out"), *given, question)

        yield begin


@pytest.mark.parametrize("stage", ["measure_tiles", "gather_tiles", "_record"])
@pytest.mark.parametrize("question", [None, Question(sites=1)])
def test_a_second_run_of_the_same_is_told_and_harms_nothing(
    stage: str, question: Question | None, start: Any, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(getattr(tiling, stage))
    monkeypatch.setattr(tiling, stage, gate)
    first = start(Steps(), question)
    assert gate.reached.wait(PATIENCE_S)
    second = start(Steps(), question)
    with pytest.raises(InputError, match=r"out: another run measures the same for this folder; expected it to end"):
        second.result(PATIENCE_S)
    gate.opened.set()
    told = first.result(PATIENCE_S).manifest
    assert told["totals"]["covered"] == 30.0
    assert start(Steps(), question).result(PATIENCE_S).manifest["totals"] == told["totals"]
    assert len([*(town.parent / "cache" / "tiles").iterdir()]) == 1  # the cut
    assert not [path.name for path in town.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("proposes_first", [True, False])
def test_a_proposal_outlives_a_coverage_run_beside_it(
    proposes_first: bool,  # noqa: FBT001 -- as pytest gives it
    start: Any,
    town: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate(gather_tiles)
    monkeypatch.setattr(tiling, "gather_tiles", gate)
    asked = [Question(sites=1), None] if proposes_first else [None, Question(sites=1)]
    first = start(Steps(), asked[0])
    assert gate.reached.wait(PATIENCE_S)
    progress = Steps()
    second = start(progress, asked[1])
    while not (second.done() or progress.waits.wait(0.02)):
        pass
    gate.opened.set()
    assert first.result(PATIENCE_S).kept is None
    kept = second.result(PATIENCE_S).kept
    assert "Waiting for another run that writes there" in progress.told
    assert kept == (town.parent / "out-earlier-1" if proposes_first else None)
    for folder, proposed in ((kept, True), (town.parent / "out", not proposes_first)):
        if folder is not None:
            told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            assert (told["siting"] is not None) == proposed
            assert all((folder / name).is_file() for name in told["files"])
            assert not proposed or len(pd.read_csv(folder / "sites.csv")) == 1


def test_a_study_is_cut_by_one_run_and_the_other_waits_for_it(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(cutting._write_cut)
    cuts: list[object] = []

    def count(*given: Any) -> None:
        cuts.append(given)
        gate(*given)

    monkeypatch.setattr(cutting, "_write_cut", count)
    first, progress = start(Steps()), Steps()
    assert gate.reached.wait(PATIENCE_S)
    second = start(progress, Question(sites=1))
    while not (second.done() or progress.waits.wait(0.02) or len(cuts) > 1):
        pass
    gate.opened.set()
    assert first.result(PATIENCE_S).manifest["totals"] == second.result(PATIENCE_S).manifest["totals"]
    assert len(cuts) == 1
    assert progress.told[0] == "Waiting for another run that cuts the same study"
