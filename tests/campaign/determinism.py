"""The campaign of circumstances: the same study gives the same bytes whatever the machine is like."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from doors import build_town
from faults import Faults, contents

from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_site
from accessibility.study.proposing import Question

CIRCUMSTANCES: dict[str, dict[str, str]] = {
    "one thread": {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    "two threads": {"NUMBA_NUM_THREADS": "2"},
    "hash seed": {"PYTHONHASHSEED": "12345"},
    "time zone": {"TZ": "Asia/Shanghai"},
    "locale": {"LC_ALL": "C"},
    "Chinese locale": {"LC_ALL": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"},
    "bare UTF-8 off": {"PYTHONUTF8": "0", "LC_ALL": "POSIX"},
    "small screen": {"COLUMNS": "20", "LINES": "5"},
}


def _cover(study: Path, out: Path, **env: str) -> dict[str, str]:
    # Documents name the day of their reader, who may have another one in another time zone.
    one_day = "from accessibility.cli import options; options.day_text = lambda: '2026-03-01'"
    command = [sys.executable, "-c", f"{one_day}; from accessibility.cli.commands import main; main()"]
    words = ["site", str(study), "--sites", "1", "--out", str(out), "--quiet", "--lang", "en"]
    subprocess.run([*command, *words], check=True, capture_output=True, env=os.environ | env)  # noqa: S603
    return contents(out)


def run_determinism(seed: int = 1, circumstances: dict[str, dict[str, str]] | None = None) -> Faults:
    """Run one study here and under each circumstance, and compare every file, byte by byte."""
    faults = Faults()
    with tempfile.TemporaryDirectory(prefix="campaign-") as base:
        town = build_town(Path(base) / "town", random.Random(seed))
        env = {"XDG_CACHE_HOME": str(Path(base) / "cache")}
        asked = Options(cache=Path(base) / "cache", date="2026-03-01")
        run_site(town.study, Question(sites=1), Path(base) / "first", asked, Silence())
        first = contents(Path(base) / "first")
        for number, (name, more) in enumerate((circumstances or CIRCUMSTANCES).items()):
            again = _cover(town.study, Path(base) / str(number), **env, **more)
            other = sorted(file for file in first.keys() | again.keys() if first.get(file) != again.get(file))
            faults.hold("same bytes", f"{name}: {other}", true=not other)
    return faults
