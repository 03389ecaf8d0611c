"""Places that several benchmarks use."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyproj import CRS

from accessibility import Network
from accessibility.sources.osm.extracts import read_network

ROOT = Path(__file__).parents[2]
PORTO = ROOT.parent / "shared" / "data" / "porto" / "porto-metro-2015.osm.pbf"


@pytest.fixture(scope="session")
def porto() -> Network:
    """Return Porto's streets, as the reader cuts them."""
    if not PORTO.is_file():
        pytest.skip("the real data are not beside the project")
    return read_network(PORTO)[0]


@pytest.fixture(scope="session")
def million() -> Network:
    """Return the kind of place that the sample county is, with a million junctions."""
    path = ROOT / "data" / "make_sample.py"
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("make_sample", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Network(**module.make_network_arrays(1_000_000), crs=CRS.from_epsg(4545))


_TOLD = pytest.StashKey[dict[str, list[str]]]()
_MARKS = ("<!-- benchmarks -->\n", "<!-- /benchmarks -->\n")


@pytest.fixture(autouse=True)
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a benchmark writes, for the table of `make benchmark-report`."""
    out, kept = sys.stdout, request.config.stash.setdefault(_TOLD, {})
    write = out.write

    def keep(text: str) -> int:
        kept.setdefault(request.node.originalname, []).append(text)
        return write(text)

    monkeypatch.setattr(out, "write", keep)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Put the table between the marks of the file that ``BENCHMARK_REPORT`` names."""
    path, kept = os.environ.get("BENCHMARK_REPORT"), session.config.stash.get(_TOLD, {})
    if not path or not kept:
        return
    text = Path(path).read_text(encoding="utf-8")
    before, rest = text.split(_MARKS[0])
    Path(path).write_text(before + _MARKS[0] + _table(kept) + _MARKS[1] + rest.split(_MARKS[1])[1], encoding="utf-8")


def _table(kept: dict[str, list[str]]) -> str:
    rows = [
        (name.removeprefix("test_").replace("_", " ").capitalize() if row == 0 else "", line.replace("|", "/"))
        for name, parts in kept.items()
        for row, line in enumerate(line.strip() for line in "".join(parts).splitlines() if line.strip(" .FEs"))
    ]
    model = next((line for line in _cpu().splitlines() if line.startswith("model name")), "model name: a processor")
    machine = f"{model.split(':')[1].strip()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    head = f"Measured on {datetime.now(tz=UTC).date()}: {machine}.\n\n| benchmark | measured |\n|---|---|\n"
    return head + "".join(f"| {name} | {line} |\n" for name, line in rows)


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""
