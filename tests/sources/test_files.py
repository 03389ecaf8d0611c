"""Files that appear whole or not at all."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point

from accessibility import OutputError
from accessibility.errors import visible
from accessibility.present.layers.files import defuse, write_csv, write_geoparquet
from accessibility.sources import files
from accessibility.sources.files import alone, forget, lock_of, sweep, write_aside, write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

DANGEROUS = ("=1+1", "+x", "-x", "@x", "\tx", "\rx", "\nx", "\0x", "  =HYPERLINK(1)", "\u3000=1", "\uff1d1+1", "-5")


def read_cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill(path: Path, *, then: type[BaseException] | None = None) -> None:
    """Write a file aside, and fail before the block ends."""
    with write_aside(path) as aside:
        aside.write_text("half")
        if then:
            raise then


def fill_folder(folder: Path, *files: str, then_full: bool = False) -> None:
    """Write files into a folder aside, and fail before the block ends."""
    with write_folder(folder) as aside:
        for name in files:
            (aside / name).write_text("new")
        if then_full:
            full_disk()


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_text_that_a_spreadsheet_would_compute_is_defused_and_numbers_are_not(tmp_path: Path) -> None:
    harmless = ["Town - East", "", "a=b", "0", "社保中心", "'=x"]
    text = [*DANGEROUS, *harmless]
    table = pd.DataFrame({"name": text, "whole": -5, "share": -0.25, "mixed": [-5, "-5", *text[2:]]})
    write_csv(table, tmp_path / "a.csv")
    header, *rows = read_cells(tmp_path / "a.csv")
    assert header == ["name", "whole", "share", "mixed"]
    spelt = {"\rx": r"\x0dx", "\0x": r"\x00x"}
    assert [row[0] for row in rows] == [spelt.get(cell, f"'{cell}") for cell in DANGEROUS] + harmless
    assert {row[1] for row in rows} == {"-5"}
    assert {row[2] for row in rows} == {"-0.25"}
    assert [row[3] for row in rows[:2]] == ["-5", "'-5"]


def test_a_header_is_defused_too(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"=cmd|' /C calc'!A0": [1], "60+": [2]}), tmp_path / "a.csv")
    assert read_cells(tmp_path / "a.csv")[0] == ["'=cmd|' /C calc'!A0", "60+"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_defused_text_starts_no_formula_and_loses_nothing(text: str) -> None:
    safe = defuse(text)
    assert safe in (visible(text), f"'{visible(text)}")
    assert safe.lstrip()[:1] not in tuple("=+-@\uff1d\uff0b\uff0d\uff20")
    assert safe[:1] not in ("\t", "\r", "\n", "\0")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_every_text_comes_back_from_the_file(tmp_path_factory: pytest.TempPathFactory, text: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "text.csv"
    write_csv(pd.DataFrame({"n": range(len(text)), "text": text}), path)
    assert [row[1] for row in read_cells(path)[1:]] == [defuse(cell) for cell in text]


def test_csv_is_utf8_with_bom_crlf_and_six_decimals_at_most(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "名": ["网点", None, "a,b"],
            "share": [1 / 3, np.nan, 1.0],
            "people": [1234.5, -0.0, 1e15],
            "n": pd.array([1, None, 3], dtype="Int64"),
            "open": [True, False, True],
        }
    )
    write_csv(table, tmp_path / "a.csv")
    expected = (
        "\ufeff名,share,people,n,open\r\n网点,0.333333,1234.5,1,True\r\n,,0,,False\r\n"
        '"a,b",1,1000000000000000,3,True\r\n'
    )
    assert (tmp_path / "a.csv").read_bytes() == expected.encode()


def places(n: int = 50) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(1)
    columns = {
        "id": pd.array([f"D{i}" for i in range(n)], dtype="string"),
        "people": rng.uniform(0, 9, n),
        "none": pd.array([None] * n, dtype="string"),
    }
    points = [*(Point(xy) for xy in rng.uniform(20, 40, (n - 1, 2))), None]
    return gpd.GeoDataFrame(columns, geometry=points, crs=4326)


def test_geoparquet_comes_back_equal(tmp_path: Path) -> None:
    table = places()
    write_geoparquet(table, tmp_path / "a.parquet")
    again = gpd.read_parquet(tmp_path / "a.parquet")
    assert list(again.columns) == list(table.columns)
    assert_geodataframe_equal(again, table, check_dtype=False)
    assert pq.read_schema(tmp_path / "a.parquet").names == list(table.columns)  # and no column more


def test_geoparquet_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    write_geoparquet(places().iloc[:0], tmp_path / "a.parquet")
    assert list(gpd.read_parquet(tmp_path / "a.parquet").columns) == ["id", "people", "none", "geometry"]


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        write_geoparquet(places(), folder / "a.parquet")
        write_csv(places().drop(columns="geometry"), folder / "a.csv")
    for name in ("a.parquet", "a.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("step", ["fsync", "write", "rename"])
@pytest.mark.parametrize("writer", [write_csv, write_geoparquet])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, writer: Any
) -> None:
    path = tmp_path / "table"
    path.write_text("old")
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full_disk)
    elif step == "rename":
        monkeypatch.setattr(Path, "replace", full_disk)
    else:
        monkeypatch.setattr("accessibility.present.layers.files._cell", full_disk)
        monkeypatch.setattr(gpd.GeoDataFrame, "to_parquet", full_disk)
    with pytest.raises(OutputError, match=r"table cannot be written: No space left on device") as caught:
        writer(places(), path)
    monkeypatch.undo()
    assert ".accessibility" not in str(caught.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_device_that_is_full_for_real_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write() -> None:
        with write_aside(path) as aside:
            aside.symlink_to("/dev/full")
            aside.write_text("new")

    with pytest.raises(OutputError, match=r"table\.csv cannot be written: No space left"):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_a_fault_or_an_interruption_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "map.html"
    path.write_text("old")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            fill(path, then=error)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["map.html"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"a\.txt cannot be written: nothing was written"),
        write_aside(tmp_path / "a.txt"),
    ):
        pass


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"out/a\.csv cannot be written: (File exists|Not a directory)"):
        write_csv(places(), tmp_path / "out" / "a.csv")


def test_a_folder_is_written_whole_and_leaves_other_files_alone(tmp_path: Path) -> None:
    out = tmp_path / "not" / "there"
    out.mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    with write_folder(out) as aside:
        write_csv(pd.DataFrame({"a": [1]}), aside / "a.csv")
        (aside / "deep").mkdir()
        (aside / "deep" / "b.txt").write_text("b")
        assert names(out) == ["notes.txt"]
    assert names(out) == ["a.csv", "deep", "notes.txt"]
    assert (out / "deep" / "b.txt").read_text() == "b"
    assert (out / "notes.txt").read_text() == "mine"


def test_files_of_a_run_can_be_read_by_whoever_may_read_the_folder(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("as any program writes")
    write_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").stat().st_mode == plain.stat().st_mode


def test_a_fault_in_the_second_file_of_a_folder_keeps_the_first_from_appearing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OutputError, match="No space left"):
        fill_folder(tmp_path, "a.txt", then_full=True)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("linking", [True, False])
def test_a_move_that_fails_half_way_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linking: bool
) -> None:
    if not linking:
        monkeypatch.setattr(os, "link", full_disk)
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "c.txt").mkdir()  # a folder stands where the third file should go
    with pytest.raises(OutputError, match=r"c\.txt cannot be written: Is a directory"):
        fill_folder(tmp_path, "a.txt", "b.txt", "c.txt")
    assert names(tmp_path) == ["a.txt", "c.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_where_folders_cannot_change_places_files_move_and_the_manifest_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    (tmp_path / "old.csv").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "zones.csv").write_text("old")
    moved = []
    rename = Path.rename

    def watched(self: Path, target: Path) -> Path:
        moved.append((self.read_text(), target.parent.name, target.name))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    with write_folder(tmp_path, stale=lambda name: name == "old.csv") as aside:
        for name in ("zones.csv", "manifest.json", "a.csv"):
            (aside / name).write_text(name)
    arrived = [name for _, where, name in moved if where == tmp_path.name]
    assert arrived == ["a.csv", "notes.txt", "zones.csv", "manifest.json"]
    assert names(tmp_path) == sorted(arrived)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "zones.csv").read_text() == "zones.csv"


@pytest.mark.parametrize("exchange", [True, False])
def test_a_move_that_fails_at_any_point_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exchange: bool
) -> None:
    out = tmp_path / "out"
    if not exchange:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    rename = Path.rename
    for fail_at in range(8):
        out.mkdir(exist_ok=True)
        for name in ("a.txt", "b.txt", "stale.txt"):
            (out / name).write_text("old")
        calls = count()

        def failing(self: Path, target: Path, calls: Iterator[int] = calls, fail_at: int = fail_at) -> Path:
            if next(calls) == fail_at:
                full_disk()
            return rename(self, target)

        with monkeypatch.context() as patched, suppress(OutputError):
            patched.setattr(Path, "rename", failing)
            with write_folder(out, stale=lambda name: name == "stale.txt") as aside:
                (aside / "a.txt").write_text("new")
                (aside / "manifest.json").write_text("new")
        assert names(out) in (["a.txt", "b.txt", "manifest.json"], ["a.txt", "b.txt", "stale.txt"])
        assert (out / "a.txt").read_text() == ("new" if (out / "manifest.json").exists() else "old")
        assert names(tmp_path) == ["out"]
        shutil.rmtree(out)


KILLED = """
import os, sys
from pathlib import Path
from accessibility.sources import files
out, at = Path(sys.argv[1]), int(sys.argv[2])
count = iter(range(10**6))
def audit(event, _):
    if event in ("open", "os.rename", "os.mkdir", "os.link", "os.remove", "os.rmdir", "os.listdir", "os.scandir",
                 "ctypes.call_function", "shutil.rmtree", "shutil.copytree") and next(count) == at:
        os.kill(os.getpid(), 9)
sys.addaudithook(audit)
with files.write_folder(out, stale=lambda name: name == "stale.txt") as aside:
    for name in ("a.txt", "b.txt", "manifest.json"):
        (aside / name).write_text("new")
print(next(count))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="two folders change places in one step there")
def test_a_kill_at_any_file_operation_leaves_the_old_folder_or_the_new_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    old = {"a.txt": "old", "manifest.json": "old", "stale.txt": "old", "notes.txt": "mine"}
    new = {"a.txt": "new", "b.txt": "new", "manifest.json": "new", "notes.txt": "mine"}
    seen = set()
    for at in range(0, 400, 3):
        out.mkdir(exist_ok=True)
        for name, text in old.items():
            (out / name).write_text(text)
        done = subprocess.run([sys.executable, "-c", KILLED, str(out), str(at)], capture_output=True, check=False)  # noqa: S603
        found = {path.name: path.read_text() for path in out.iterdir()}
        assert found in (old, new), at
        seen.add(found == new)
        shutil.rmtree(out)
        if not done.returncode:
            break
    assert seen == {True, False}
    write_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    assert names(tmp_path) == ["a.csv"]  # what the killed ones left aside is swept


def test_a_folder_that_is_kept_is_whole_beside_the_new_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill_folder(out, "old.txt", "manifest.json")
    with write_folder(out, stale=lambda name: name == "old.txt", kept=tmp_path / "earlier") as aside:
        (aside / "manifest.json").write_text("newer")
    assert (names(out), names(tmp_path / "earlier")) == (["manifest.json"], ["manifest.json", "old.txt"])
    assert (tmp_path / "earlier" / "manifest.json").read_text() == "new"
    assert names(tmp_path) == ["earlier", "out"]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere only age tells a killed run from a living one")
def test_what_a_killed_run_left_aside_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    script = (
        "import os, sys; from accessibility.sources.files import write_folder\n"
        "with write_folder(sys.argv[1]) as aside:\n"
        "    (aside / 'a.txt').write_text('half'); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "out")], check=False)  # noqa: S603
    assert killed.returncode == -9
    (left,) = names(tmp_path)
    process, mark = left.removeprefix(".accessibility-").split("-")
    living, elsewhere = left.replace(process, str(os.getppid())), f".accessibility-{process}-{'f' * len(mark)}"
    for name in (living, elsewhere, ".accessibility-notes"):
        (tmp_path / name).mkdir()
    write_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    assert names(tmp_path) == sorted(["a.csv", living, elsewhere, ".accessibility-notes"])


def test_what_is_older_than_a_day_is_swept(tmp_path: Path) -> None:
    old = tmp_path / f".accessibility-{os.getpid()}-old"
    old.mkdir()
    os.utime(old, (0, 0))
    write_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    assert names(tmp_path) == ["a.csv"]


HOLDER = """
import os, sys, time
from pathlib import Path
from accessibility.sources import files
with files.alone(Path(sys.argv[1]), lambda: sys.exit("busy")):
    print("held", flush=True)
    word = sys.stdin.readline().strip()
    if word == "stop":
        files.abandon()
        os._exit(130)
"""


def holder(lock: Path) -> subprocess.Popen[str]:
    """Start a process that holds a lock until it is told a word."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], **pipes)  # noqa: S603
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


class BusyError(Exception):
    """Somebody else is there."""


def refuse() -> None:
    raise BusyError


@pytest.mark.skipif(os.name != "posix", reason="Windows knows other locks")
@pytest.mark.parametrize("end", ["go", "stop", "kill"])
def test_one_is_alone_until_it_ends_however_it_ends(end: str, tmp_path: Path) -> None:
    lock = lock_of(tmp_path / "out")
    process = holder(lock)
    assert process.stdin is not None
    with pytest.raises(BusyError), alone(lock, refuse):
        pass
    sweep(tmp_path)
    assert names(tmp_path) == [lock.name]  # a living one's stays

    def let_go() -> None:
        assert process.stdin is not None
        if end == "kill":
            process.kill()
        else:
            process.stdin.write(f"{end}\n")
            process.stdin.flush()

    with alone(lock, let_go):  # which waits
        assert names(tmp_path) == [lock.name]
        with pytest.raises(BusyError), alone(lock, refuse):
            pass
    assert process.wait() == {"go": 0, "stop": 130, "kill": -9}[end]
    assert names(tmp_path) == []
    process.stdin.close()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows knows other locks")
def test_a_lock_that_a_killed_run_left_holds_nobody_up_and_is_swept(tmp_path: Path) -> None:
    lock = lock_of(tmp_path / "out")
    lock.touch()
    with alone(lock, refuse):
        pass
    lock.touch()
    fill_folder(tmp_path / "other", "a.txt")
    assert names(tmp_path) == ["other"]


def test_where_nothing_can_be_locked_everybody_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with alone(tmp_path / "file" / "lock", refuse):
        pass
    fcntl = pytest.importorskip("fcntl")

    def unknown(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unknown)
    for _ in range(2):
        with alone(tmp_path / "lock", refuse), alone(tmp_path / "lock", refuse):
            pass
    assert names(tmp_path) == ["file"]


class WindowsLocks:
    """The locks of Windows, made of those of this system: they give up after some tries, and tell so by an error."""

    LK_LOCK, LK_NBLCK = 1, 2

    def __init__(self) -> None:
        self.gave_up = 0

    def locking(self, handle: int, mode: int, size: int) -> None:
        fcntl = pytest.importorskip("fcntl")
        assert size == 1
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.gave_up += mode == self.LK_LOCK
            code = errno.EDEADLK if mode == self.LK_LOCK else errno.EACCES
            raise OSError(code, os.strerror(code)) from None


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> WindowsLocks:
    """Let locks be those of Windows, where no file goes that somebody has open."""
    locks, remove = WindowsLocks(), Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 -- as pathlib has it
        if is_open(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        remove(path, missing_ok)

    monkeypatch.setattr(files, "_ON_WINDOWS", True)
    monkeypatch.setitem(sys.modules, "msvcrt", locks)
    monkeypatch.setattr(Path, "unlink", unlink)
    return locks


def is_open(path: Path) -> bool:
    """Return whether this process has a file open."""
    for opened in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if path.samefile(opened):
                return True
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="it asks the system which files are open")
def test_one_is_alone_on_windows_too(windows: WindowsLocks, tmp_path: Path) -> None:
    lock, begun, told = tmp_path / "lock", threading.Event(), []
    go = threading.Event()

    def second() -> None:
        with alone(lock, begun.set):
            told.append(go.is_set())

    with ThreadPoolExecutor(1) as pool:
        with alone(lock, refuse):
            with pytest.raises(BusyError), alone(lock, refuse):
                pass
            waits = pool.submit(second)
            assert begun.wait(60)
            while windows.gave_up < 3 and not waits.done():  # as often as it gives up, it asks again
                pass
            assert told == []
            go.set()
        waits.result(60)
    assert told == [True]
    assert names(tmp_path) == []
    lock.touch()  # which a killed one left
    with alone(lock, refuse):
        assert names(tmp_path) == ["lock"]
    assert names(tmp_path) == []


def test_windows_without_locks_lets_everybody_go_on(windows: WindowsLocks, tmp_path: Path) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    windows.locking = unknown  # type: ignore[assignment,method-assign]
    with alone(tmp_path / "lock", refuse), alone(tmp_path / "lock", refuse):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_is_forgotten_when_it_is_old_and_nobody_works_there(*, inside: bool, tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    lock = folder / "lock" if inside else lock_of(folder)
    (folder / "deep").mkdir(parents=True)
    forget(folder, lock, 50.0)
    assert names(tmp_path) == ["tiles"]  # it is new
    with alone(lock, refuse):
        os.utime(folder, (1.0, 1.0))
        forget(folder, lock, 50.0)
        assert (folder / "deep").is_dir()
    os.utime(folder, (1.0, 1.0))
    forget(folder, lock, 50.0)
    assert names(tmp_path) == []
    forget(folder, lock, 50.0)  # another one was quicker
    assert names(tmp_path) == []
