"""A seeded part of the campaign, so that every change meets it; `make campaign` is the whole of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from determinism import CIRCUMSTANCES, run_determinism
from folders import run_folders
from inputs import run_inputs
from texts import run_texts

HERE = Path(__file__).parent


def test_broken_inputs_are_refused_told_or_right() -> None:
    table = run_inputs(range(1, 26), workers=1)
    assert not table.failures, table.text()
    ends = {end for _, end in table.ends}
    assert {"right", "refused"} <= ends, table.text()


def test_whatever_stops_a_run_its_folder_is_whole() -> None:
    """In a process of its own, because it forks: kills, signals, full disks, two runs at once."""
    command = [sys.executable, str(HERE / "faults.py"), "--kills", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    assert "disk full" in done.stdout


def test_hostile_texts_stay_texts() -> None:
    faults = run_texts(3)
    assert not faults.failures, faults.text()


def test_another_circumstance_gives_the_same_bytes() -> None:
    names = ("hash seed", "time zone", "one thread", "locale")
    all_at_once = {key: value for name in names for key, value in CIRCUMSTANCES[name].items()}
    faults = run_determinism(circumstances={"all at once": all_at_once})
    assert not faults.failures, faults.text()


def test_a_forged_folder_is_found_and_named() -> None:
    faults = run_folders(18, ("relocation", "compare", "site over tiles"), seed=7)
    assert not faults.failures, faults.text()
