"""How many threads a command takes: as many as it was given, in each command that has the option."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numba
import pytest

from accessibility.cli.comparing import run_compare
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.cli.verifying import run_check
from accessibility.streets.search.compiling import limited_threads, run_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AVAILABLE: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", ["check", "cover", "compare"])
def test_a_command_measures_on_as_many_threads_as_it_is_given(
    command: str, town: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenarios, folder, options = town.parent / "s.toml", town.parent / "run", Options(workers=1, cache=cache)
    scenarios.write_text('[[scenario]]\nname = "the bank"\nopen = ["B1"]\n', encoding="utf-8")
    threads: list[int] = []

    def watched(tasks: Any) -> list[Any]:
        threads.append(numba.get_num_threads())
        return run_in_threads(tasks)

    for module in ("quality.gate", "cli.pack", "cli.comparing"):
        monkeypatch.setattr(f"accessibility.{module}.run_in_threads", watched)
    before = numba.get_num_threads()
    match command:
        case "check":
            run_check(town, Silence(), workers=1)
        case "cover":
            run_cover(town, folder, options, Silence())
        case "compare":
            run_compare(town, scenarios, folder, options, Silence())
    assert threads
    assert set(threads) == {1}
    assert numba.get_num_threads() == before


@pytest.mark.parametrize("most", [1, 2, 10_000, None])
def test_so_many_tasks_run_at_a_time_and_answers_keep_their_order(most: int | None) -> None:
    lock, running, seen = threading.Lock(), [0], [0]

    def task(value: int) -> Callable[[], int]:
        def run() -> int:
            with lock:
                running[0] += 1
                seen[0] = max(seen[0], running[0])
            time.sleep(0.002)
            with lock:
                running[0] -= 1
            return value

        return run

    with limited_threads(most):
        assert run_in_threads([task(k) for k in range(20)]) == list(range(20))
    assert seen[0] == min(most or AVAILABLE, AVAILABLE, 20)


def test_a_kernel_is_compiled_anew_when_a_helper_constant_or_order_of_fields_of_another_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counting.py").write_text(
        "from accessibility.streets.search.compiling import kernel\n"
        "from steps import LONG, made, step\n"
        "@kernel\n"
        "def count(pair): return LONG * step(pair)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def counted(long: int, step: str, fields: str = "n: int; m: int", name: str = "Pair") -> tuple[int, bool]:
        """Return the answer, and whether the kernel had been kept."""
        (tmp_path / "steps.py").write_text(
            "from __future__ import annotations\n"
            "from typing import NamedTuple\n"
            "from accessibility.streets.search.compiling import helper\n"
            f"LONG = {long}\n"
            f"class {name}(NamedTuple): {fields}\n"
            f"made = {name}\n"
            "@helper\n"
            f"def step(pair: {name}): return {step}\n",
            encoding="utf-8",
        )
        for module in ("counting", "steps"):
            sys.modules.pop(module, None)
        counting = importlib.import_module("counting")
        return counting.count(counting.made(n=3, m=7)), bool(counting.count.stats.cache_hits)

    assert counted(10, "pair.n + 1") == (40, False)
    assert counted(10, "pair.n + 1") == (40, True)
    assert counted(100, "pair.n + 1") == (400, False)
    assert counted(100, "pair.n + 2") == (500, False)
    assert counted(100, "pair.n + 2", "m: int; n: int") == (500, False)
    assert counted(100, "pair.n + 2", "m: int; n: int", "Two") == (500, False)
    assert counted(100, "pair.n + 2", "m: int; n: int", "Two") == (500, True)


def test_a_kept_kernel_runs_without_what_numba_compiles_with(tmp_path: Path) -> None:
    (tmp_path / "making.py").write_text(
        "import sys\n"
        "import numpy as np\n"
        "from accessibility.streets.search.compiling import kernel, maker\n"
        "@maker\n"
        "def sevens(n):\n"
        "    made = np.empty(n, np.int64)\n"
        "    for row in range(n): made[row] = 7\n"
        "    return made\n"
        "@kernel\n"
        "def total(values):\n"
        "    found = 0\n"
        "    for value in values:\n"
        "        found += value\n"
        "    return found\n"
        "print(total(sevens(5)), 'numba.np.arraymath' in sys.modules)\n",
        encoding="utf-8",
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run([sys.executable, "making.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [run.stdout for run in said] == ["35 True\n", "35 False\n"]
