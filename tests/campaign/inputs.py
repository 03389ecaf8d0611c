"""The campaign of broken inputs: thousands of towns with something wrong, each a clean answer or a row of failures."""

from __future__ import annotations

import argparse
import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAILURES = frozenset({"traceback", "hang", "death", "memory", "silent loss", "people do not add up", "unclear refusal"})
_PATIENCE_S = 60.0


@dataclass
class Table:
    """What was tried and how it ended."""

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, seed: int, result: dict[str, Any]) -> None:
        """Count a trial."""
        self.ends[result["tried"], result["end"]] += 1
        if result["end"] in FAILURES:
            self.failures.append({"seed": seed} | result)

    def text(self) -> str:
        """Return the table: one row per kind of change, one column per end."""
        kinds = sorted({kind for kind, _ in self.ends})
        ends = sorted({end for _, end in self.ends})
        rows = [f"{'':26}" + "".join(f"{end:>14}" for end in ends)]
        rows += [f"{kind:26}" + "".join(f"{self.ends[kind, end]:>14,}" for end in ends) for kind in kinds]
        totals = [sum(self.ends[kind, end] for kind in kinds) for end in ends]
        rows.append(f"{'all ' + format(sum(totals), ','):26}" + "".join(f"{total:>14,}" for total in totals))
        return "\n".join([*rows, *(json.dumps(failure, ensure_ascii=False) for failure in self.failures)])


class Worker:
    """A process that makes trials, started again when it dies or hangs."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("trials.py"))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
        self._lines: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, args=(self._process, self._lines), daemon=True)
        self._listener.start()

    @staticmethod
    def _listen(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
        lines.put("")

    def ask(self, seed: int, patience_s: float = _PATIENCE_S) -> dict[str, Any]:
        """Return how the trial of a seed ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seed}\n")
        self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=patience_s)
        except queue.Empty:
            self._restart()
            return {"tried": "unknown", "end": "hang"}
        if not line:
            code = self._process.wait()
            self._restart()
            return {"tried": "unknown", "end": "death", "said": f"exit {code}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _restart(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def run_inputs(seeds: range, workers: int = 2, minutes: float = float("inf")) -> Table:
    """Try one town per seed, in some processes at once, for some minutes at most; say each failure when it is found."""
    table, waiting, lock = Table(), iter(seeds), threading.Lock()
    end = time.monotonic() + 60.0 * minutes

    def work() -> None:
        worker = Worker()
        try:
            while True:
                with lock:
                    seed = next(waiting, None) if time.monotonic() < end else None
                if seed is None:
                    return
                # The first trial of a process compiles the kernels.
                result = worker.ask(seed, _PATIENCE_S * 5)
                with lock:
                    table.add(seed, result)
                    if result["end"] in FAILURES:
                        print(json.dumps({"seed": seed} | result), file=sys.stderr, flush=True)
        finally:
            worker.stop()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return table


if __name__ == "__main__":
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--trials", type=int, default=10_000)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--workers", type=int, default=2)
    ask.add_argument("--minutes", type=float, default=float("inf"))
    given = ask.parse_args()
    found = run_inputs(range(given.seed, given.seed + given.trials), given.workers, given.minutes)
    print(found.text())
    sys.exit(bool(found.failures))
