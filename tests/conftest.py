"""Fixtures, and the settings of the property tests."""

from __future__ import annotations

import gc
import json
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import launched, shower
from hypothesis import settings
from osmfiles import node, relation, way, write_osm
from pyproj import CRS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from browsing import Opened
    from fakeservers import FakeArchive, FakeServer

    from accessibility import Study
    from accessibility.cli.report_facts import Measured

# The same examples in every run of CI, others in every run at a desk; where a test does not say how many, 25.
settings.register_profile(
    "project", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI")), max_examples=25
)
settings.load_profile("project")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Look for tests in files of tests alone: what these share has no examples, and loads many libraries."""
    of_tests = [*config.getini("python_files"), "conftest.py"]
    shared = collection_path.suffix == ".py" and collection_path.is_relative_to(ROOT / "tests")
    return True if shared and not any(map(collection_path.match, of_tests)) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Collect without looking for garbage, and never look through what was collected: it stays, and it is a lot."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _each_system_looked_up_once() -> Iterator[None]:
    """Keep what PROJ makes of the system of a GeoParquet file: to look it up takes longer than to read the file."""
    known: dict[str, CRS] = {}
    look_up = CRS.from_user_input

    def keep(value: Any, **more: Any) -> CRS:
        if not isinstance(value, dict) or more:
            return look_up(value, **more)
        said = json.dumps(value, sort_keys=True)
        known[said] = known.get(said) or look_up(value)
        return known[said]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CRS, "from_user_input", keep)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_disks() -> Iterator[None]:
    """Let the system choose when a file reaches the disk: what a test writes need not outlive a power cut."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def liechtenstein() -> Path:
    """Return the extract of Liechtenstein, where the real data lie beside the project."""
    path = REAL_DATA / "liechtenstein" / "liechtenstein-2021.osm.pbf"
    if not path.is_file():
        pytest.skip("the real data are not beside the project")
    return path


@pytest.fixture(scope="session")
def sample() -> Path:
    """Return the study of the sample county."""
    return ROOT / "data" / "sample" / "study.toml"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for parsed networks, shared by all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def sample_study(sample: Path, cache: Path) -> Study:
    """Return the sample county, read once for all tests that change nothing of it: no method of a study does."""
    from accessibility import read_study  # noqa: PLC0415 -- rasters only for the tests that read a county

    return read_study(sample, cache=cache)


@pytest.fixture(scope="session")
def sample_measured(sample_study: Study) -> Measured:
    """Return the sample county measured for its report, with a plan and a frontier."""
    import reportworlds  # noqa: PLC0415

    return reportworlds.measure_sample(sample_study)


# A street of 2 km to the east of (108.2, 30.5), a junction every 500 m; all figures below are done by hand.
STEP_DEG = 500 / 95_970.0  # a degree of longitude at 30.5 degrees north is 95 970 m, right to 0.1 %


def write_town(folder: Path) -> Path:
    """Write a street, five places with people, one outlet and one bank that is no partner, into a folder."""
    nodes = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    bus = relation(9, [("way", 1, "")], {"type": "route"})
    write_osm(folder / "roads.osm", *nodes, way(1, [1, 2, 3, 4, 5]), bus)
    people = [("p1", 0, 10), ("p2", 1, 20), ("p3", 2, 40), ("p4", 3, 80), ("p5", 4, 160)]
    rows = "".join(f"{i},{108.2 + at * STEP_DEG:.7f},30.5,{n},urban\n" for i, at, n in people)
    (folder / "people.csv").write_text("id,lon,lat,population,setting\n" + rows, encoding="utf-8")
    (folder / "outlets.csv").write_text("id,name,lon,lat\nO1,Hall,108.2,30.5\n", encoding="utf-8")
    (folder / "banks.csv").write_text(
        f"id,name,lon,lat,partner\nB1,Bank,{108.2 + 4 * STEP_DEG:.7f},30.5,no\n", encoding="utf-8"
    )
    (folder / "study.toml").write_text(
        """
        name = "Street"
        [inputs]
        network = { path = "roads.osm" }
        population = { path = "people.csv", setting = "setting", coordinates = "WGS84" }
        outlets = { path = "outlets.csv", coordinates = "WGS84" }
        banks = { path = "banks.csv", coordinates = "WGS84" }
        """,
        encoding="utf-8",
    )
    return folder / "study.toml"


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Write the town into the test's own folder; return its study."""
    return write_town(tmp_path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Run OpenStreetMap's servers on this machine, for one test."""
    from fakeservers import FakeServer  # noqa: PLC0415 -- osmnx only for the tests that fetch

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with _running(FakeServer()) as fake:
        yield fake


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeArchive]:
    """Run an archive of large files on this machine, for one test."""
    from fakeservers import FakeArchive  # noqa: PLC0415 -- as above

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with _running(FakeArchive()) as fake:
        yield fake


@contextmanager
def _running(fake: Any) -> Iterator[Any]:
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.shutdown()
    fake.server_close()
    thread.join()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the pauses instead of taking them."""
    taken: list[float] = []
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Start Chromium once."""
    with launched() as browser:
        yield browser


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Give a function that opens a map, or a page as text, without the internet."""
    with shower(chromium, tmp_path) as opened:
        yield opened
