"""The campaign of faults: runs are killed, interrupted, starved of disk and run two at once.

Whatever happens, the folder of results is the one before or the one after, never a mixture; the next run is right;
the exit code says what it was. Children are forked from a process that has imported all that a run imports, so a trial
is short, and what stops it meets its work.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from doors import Town, build_town

from accessibility.cli import commands as cli
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIZES = (0, 100, 1_000, 10_000, 50_000, 100_000, 200_000, 400_000, 800_000)
_RECORDS = frozenset({"manifest.json"})  # tells how long the run took


@dataclass
class Faults:
    """How many faults of each kind were tried, and what did not hold."""

    tried: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def hold(self, kind: str, what: str, *, true: bool) -> None:
        """Count a trial and keep what did not hold."""
        self.tried[kind] += 1
        if not true:
            self.failures.append(f"{kind}: {what}")

    def text(self) -> str:
        """Return the table."""
        bad = Counter(failure.split(":")[0] for failure in self.failures)
        rows = [f"{kind:24}{count:>8,}{bad[kind]:>10,} failed" for kind, count in sorted(self.tried.items())]
        return "\n".join([*rows, *self.failures[:40]])


class Bench:
    """A town, the results of an older version of it, and those that a new run must give."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seconds = folder, 0.0
        self.town: Town = build_town(folder / "town", random.Random(seed))
        self.out, self.cache = folder / "out", folder / "cache"
        text = self.town.study.read_text(encoding="utf-8")
        self.town.study.write_text(text.replace('"Street"', '"Old street"'), encoding="utf-8")
        assert self.finish(self.start(command="site")) == 0, "the town cannot be measured"
        for name in (folder / "imported").read_text(encoding="utf-8").split():
            with contextlib.suppress(ImportError):  # a module that another one made
                importlib.import_module(name)
        read_study(self.town.study, cache=self.cache).site(sites=1)  # loads what is compiled, too
        shutil.rmtree(self.out)
        assert self.finish(self.start()) == 0
        shutil.copytree(self.out, folder / "old")
        self.town.study.write_text(text, encoding="utf-8")
        begun = time.monotonic()
        assert self.finish(self.start()) == 0
        self.seconds = time.monotonic() - begun
        shutil.copytree(self.out, folder / "new")
        self.old, self.new = contents(folder / "old"), contents(folder / "new")

    def renew(self) -> None:
        """Put the older results back."""
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self.folder / "old", self.out)

    def start(self, *, file_size: int | None = None, command: str = "cover") -> int:
        """Start a run in a process of its own; return its number."""
        pid = os.fork()
        if pid:
            return pid
        code = 1
        with contextlib.suppress(BaseException):
            code = self._run(command, file_size)
            if not self.seconds:
                (self.folder / "imported").write_text("\n".join(sys.modules), encoding="utf-8")
        os._exit(code)

    def _run(self, command: str, file_size: int | None) -> int:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        if file_size is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        os.environ["XDG_CACHE_HOME"] = str(self.cache)
        more = ["--out", str(self.out), "--quiet"]
        if command == "site":
            more += ["--sites", "1"]
        sys.argv = ["accessibility", command, str(self.town.study), *more]
        try:
            cli.main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    @staticmethod
    def finish(pid: int, patience_s: float = 300.0) -> int:
        """Return the exit code of a run, negative where a signal ended it; -99 where it never ends."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return -99

    def whole(self) -> bool:
        """Return whether the folder holds the older results or the new ones, all of them and no others."""
        return contents(self.out) in (self.old, self.new) and tells_itself(self.out)


def contents(folder: Path) -> dict[str, str]:
    """Return a hash of every result below a folder, by its name; what a killed run left aside is no result."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in _RECORDS and not file.relative_to(folder).parts[0].startswith(".")
    }


def tells_itself(folder: Path) -> bool:
    """Return whether the manifest is whole and its hashes are those of the files beside it."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    listed = manifest.get("files", {})
    hashes = contents(folder)
    return all(
        hashes.get(name) == (told["sha256"] if isinstance(told, dict) else told) for name, told in listed.items()
    )


def try_kills(bench: Bench, draw: random.Random, count: int, faults: Faults) -> None:
    """Kill runs at any moment, most of them while they write; every tenth time let the next run finish."""
    for i in range(count):
        bench.renew()
        pid = bench.start()
        share = draw.random() if draw.random() < 0.3 else 1 - draw.random() ** 2 * 0.5
        time.sleep(bench.seconds * share)
        os.kill(pid, signal.SIGKILL)
        code = bench.finish(pid)
        faults.hold("kill", f"a mixture at {share:.3f} of the run (exit {code})", true=bench.whole())
        if i % 10 == 0:
            code = bench.finish(bench.start())
            same = contents(bench.out) == bench.new
            left = [path.name for path in bench.out.iterdir() if path.name.startswith(".")]
            faults.hold(
                "run after a kill", f"exit {code}, same {same}, left {left}", true=code == 0 and same and not left
            )


def try_signals(bench: Bench, draw: random.Random, count: int, faults: Faults) -> None:
    """Interrupt and end runs; they say so, and leave nothing half made."""
    for i in range(count):
        bench.renew()
        asked = (signal.SIGINT, signal.SIGTERM)[i % 2]
        pid = bench.start(command=("cover", "site")[i // 2 % 2])
        time.sleep(bench.seconds * (0.1 + 0.8 * draw.random()))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, asked)
        code = bench.finish(pid)
        good = code in (0, 128 + asked)
        known = contents(bench.out) in (bench.old, bench.new) or (code == 0 and tells_itself(bench.out))
        faults.hold(asked.name, f"exit {code}, known {known}", true=good and known)


def try_small_disks(bench: Bench, sizes: Sequence[int], faults: Faults) -> None:
    """Let no file grow beyond a size, as a full disk does: exit 4, and the older results stay."""
    for size in sizes:
        bench.renew()
        shutil.rmtree(bench.cache, ignore_errors=True)
        code = bench.finish(bench.start(file_size=size))
        good = (code == 0 and contents(bench.out) == bench.new) or (code == 4 and contents(bench.out) == bench.old)
        faults.hold("disk full", f"at {size:,} bytes a file: exit {code}", true=good)


def try_two_at_once(bench: Bench, count: int, faults: Faults) -> None:
    """Run two at once into one folder and one cache: both end, and the folder is that of one of them."""
    for _ in range(count):
        bench.renew()
        shutil.rmtree(bench.cache, ignore_errors=True)
        pids = [bench.start(), bench.start()]
        codes = [bench.finish(pid) for pid in pids]
        same = contents(bench.out) == bench.new and tells_itself(bench.out)
        faults.hold("two at once", f"exits {codes}, same {same}", true=set(codes) <= {0, 4} and 0 in codes and same)


def run_faults(kills: int, seed: int = 1) -> Faults:
    """Try every kind of fault; return what held."""
    faults, draw = Faults(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        bench = Bench(Path(folder), seed)
        try_kills(bench, draw, kills, faults)
        try_signals(bench, draw, max(kills // 10, 2), faults)
        try_small_disks(bench, _SIZES if kills >= len(_SIZES) else _SIZES[::4], faults)
        try_two_at_once(bench, kills // 10 if kills < 50 else kills // 50, faults)
    return faults


if __name__ == "__main__":
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--kills", type=int, default=500)
    ask.add_argument("--seed", type=int, default=1)
    given = ask.parse_args()
    found = run_faults(given.kills, given.seed)
    print(found.text())
    sys.exit(bool(found.failures))
