"""How the command ends: signals, streams that are closed or full, full disks; and what a terminal is shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from commands import call
from conftest import write_town

from accessibility import OutputError
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover, run_site
from accessibility.errors import CallError, InfeasibleError, InputError, UnknownSiteError, visible
from accessibility.present.manifest import json_line
from accessibility.sources.files import is_full, passing_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = [sys.executable, "-c", "from accessibility.cli.commands import main; main()"]
SHELL = f"'{sys.executable}' -c 'from accessibility.cli.commands import main; main()'"
HOSTILE = "\x1b]0;pwn\x07\x1b[31mHall\x9b\u202egnp"
SPELT = r"\x1b]0;pwn\x07\x1b[31mHall\x9b\u202egnp"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


# Stops the command in the middle of a file: in Python, in compiled code, or where every error is swallowed. What the
# command would load for its work is not what is stopped here.
STOPPED = """
import os, signal, sys, threading, time
from unittest.mock import MagicMock
from accessibility.cli import commands
from accessibility.sources.files import write_folder
where, number = sys.argv.pop(1), int(sys.argv.pop(1))
def run(study, out, options, progress):
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    with write_folder(out) as aside:
        (aside / "half.csv").write_text("half")
        if where == "compiled":
            import ctypes
            ctypes.CDLL(None).sleep(60)
        elif where == "swallowing":
            while True:
                try:
                    time.sleep(0.01)
                except BaseException:
                    pass
        time.sleep(60)
for name in ("pack", "options", "console"):
    sys.modules[f"accessibility.cli.{name}"] = MagicMock(run_cover=run)
commands.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_program_loads_ends_it_with_its_code_and_no_word(number: signal.Signals, code: int) -> None:
    script = (
        "import os, sys, types; from accessibility.cli.__main__ import start;"
        f"cli = types.ModuleType('commands'); cli.__getattr__ = lambda name: os.kill(os.getpid(), {number:d});"
        "sys.modules['accessibility.cli.commands'] = cli; start()"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)  # noqa: S603
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


@pytest.mark.parametrize("where", ["python", "compiled", "swallowing"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_at_once_and_leaves_nothing(where: str, number: int, code: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.csv").write_text("old")
    words = ["cover", str(tmp_path / "study.toml"), "--out", str(out), "--quiet"]
    (tmp_path / "study.toml").write_text("")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", STOPPED, where, str(int(number)), *words],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert done.stderr == "stopped: nothing was written, nothing half-made was left\n"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["study.toml", "old.csv"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_real_run_that_is_stopped_leaves_the_run_before(town: Path, tmp_path: Path, cache: Path) -> None:
    out, there = tmp_path / "out", tmp_path / "there"
    out.mkdir()
    held = f"""if True:
        import pathlib, sys, time
        from accessibility.cli.__main__ import start
        from accessibility.present.map import coverage_map
        def wait(*_):
            pathlib.Path({str(there)!r}).touch()
            time.sleep(300)
        coverage_map.write_map = wait  # among the files of a run, half of them written
        start()
    """
    asked = [sys.executable, "-c", held, "cover", str(town), "--out", str(out), "--quiet"]
    work = subprocess.Popen(asked, stderr=subprocess.PIPE)  # noqa: S603
    while not there.exists():
        assert work.poll() is None
        time.sleep(0.02)
    work.send_signal(signal.SIGTERM)
    said = work.communicate(timeout=300)[1].decode()
    assert work.returncode == 143
    assert "Traceback" not in said
    assert list(out.iterdir()) == []
    assert not list(tmp_path.glob(".accessibility-*"))
    assert not list(cache.rglob(".accessibility-*"))


@pytest.mark.parametrize(("redirected", "code"), [(">&-", 0), (">/dev/full", 4), (">&- 2>&- <&-", 0)])
def test_a_stream_that_is_closed_or_full(redirected: str, code: int, town: Path) -> None:
    if "full" in redirected and not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    command = f'"{sys.executable}" -m accessibility.cli new "{town.parent / "new"}" {redirected}'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert ("standard output cannot be written: No space left" in done.stderr) == (code == 4)
    assert (town.parent / "new" / "study.toml").read_text(encoding="utf-8").startswith("#")


SCENARIOS = """
[[scenario]]
name = "bank"
open = ["B1"]
"""
COMMANDS = {
    "check": "check STUDY",
    "check --json": "check STUDY --json",
    "cover": "cover STUDY --out OUT",
    "cover --json": "cover STUDY --out OUT --json",
    "site": "site STUDY --sites 1 --out OUT",
    "compare": "compare STUDY SCENARIOS --out OUT",
    "verify": "verify RUN",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the paths of a study, its run and its scenarios, for commands that change none of them."""
    folder = tmp_path_factory.mktemp("finished")
    study = write_town(folder)
    (folder / "scenarios.toml").write_text(SCENARIOS, encoding="utf-8")
    run_cover(study, folder / "run", Options(cache=folder / "cache"), Silence())
    return {"STUDY": str(study), "RUN": str(folder / "run"), "SCENARIOS": str(folder / "scenarios.toml")}


@contextmanager
def _no_reader(monkeypatch: pytest.MonkeyPatch, kind: str) -> Iterator[None]:
    """Put a full device, the writing end of a pipe that nobody reads, or a file not for writing where fd 2 is."""
    if kind == "pipe":
        reading, unread = os.pipe()
        os.close(reading)
    else:
        unread = os.open(*(("/dev/full", os.O_WRONLY) if kind == "full" else (os.devnull, os.O_RDONLY)))
    before = os.dup(2)
    os.dup2(unread, 2)
    stream = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- what the interpreter makes of fd 2
    try:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", stream)
            patched.setattr(sys, "__stderr__", stream)
            yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(unread)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    ("command", "kind"), [*((command, "full") for command in COMMANDS), ("check", "pipe"), ("check", "not for writing")]
)
def test_a_standard_error_that_nobody_reads_changes_nothing(
    command: str, kind: str, finished: dict[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    paths = finished | {"OUT": str(tmp_path / "out")}
    words = [paths.get(word, word) for word in COMMANDS[command].split()]
    with _no_reader(monkeypatch, kind):
        assert call(monkeypatch, *words) == 0
    assert capsys.readouterr().out
    assert (tmp_path / "out" / "manifest.json").exists() == ("OUT" in COMMANDS[command])


def test_an_error_that_nobody_reads_keeps_its_code(town: Path) -> None:
    for ending in ("2>&-", "2>/dev/full" if Path("/dev/full").exists() else "2</dev/null"):
        done = subprocess.run(f"{SHELL} new '{town.parent}' {ending}", shell=True, capture_output=True, check=False)  # noqa: S602
        assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


def test_a_reader_that_goes_away_is_no_fault_of_ours(town: Path) -> None:
    command = f"(sleep 0.1; {SHELL} new '{town.parent / 'new'}'; echo $? >&2) | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.stderr == "4\n"


def test_a_file_size_limit_is_told_and_the_old_folder_stays(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40 * 1024, before[1]))
    try:
        code = call(monkeypatch, "cover", town, "--out", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err
    assert code == 4, said
    assert "Traceback" not in said
    assert "File too large" in said or "cannot be written" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["cover"], ["check"], ["site", "--sites", "1"]])
def test_a_place_that_cannot_be_is_told(
    words: list[str], town: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("x" * 300, town / "out"):  # a name that is too long, a file in the place of a folder
        assert call(monkeypatch, words[0], town, "--out", folder, "--quiet", *words[1:]) == 4
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert said.startswith("error: ")


def test_a_signal_after_all_is_done_changes_nothing(tmp_path: Path) -> None:
    ending = (
        "import os, signal, sys, atexit; from accessibility.cli import commands;"
        "atexit.register(os.kill, os.getpid(), signal.SIGTERM); atexit.register(os.kill, os.getpid(), signal.SIGINT);"
        "commands.main()"
    )
    command = [sys.executable, "-c", ending, "new", str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_temporary_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile  # noqa: PLC0415

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/the/folder")
    monkeypatch.setattr(Path, "mkdir", full)
    with (
        pytest.raises(OutputError, match=r"/the/folder: the temporary folder .*No space left.*TMPDIR"),
        passing_folder(),
    ):
        pass
    assert is_full(RuntimeError("Could not resize file: No space left on device"))
    assert not is_full(FileNotFoundError(2, os.strerror(2)))


def test_a_workbook_names_the_temporary_folder_that_is_full(
    sample_measured: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accessibility.cli.report_facts import find_facts  # noqa: PLC0415
    from accessibility.present.report.workbook import write_workbook  # noqa: PLC0415

    def full(_: object) -> None:
        raise xlsxwriter.exceptions.FileCreateError(OSError(28, os.strerror(28)))

    facts = find_facts(sample_measured, date="2026-01-31")
    monkeypatch.setattr(xlsxwriter.Workbook, "close", full)
    with pytest.raises(OutputError, match=r"the temporary folder cannot be written .*No space left"):
        write_workbook(facts, tmp_path / "report.xlsx")
    assert list(tmp_path.iterdir()) == []


def hostile(town: Path) -> None:
    text = f'id,name,lon,lat\n"O1{HOSTILE}","{HOSTILE}",108.2,30.5\n'
    (town.parent / "outlets.csv").write_text(text, encoding="utf-8", newline="")
    banks = (town.parent / "banks.csv").read_text(encoding="utf-8").replace("Bank", f'"{HOSTILE}"')
    (town.parent / "banks.csv").write_text(banks, encoding="utf-8", newline="")


@pytest.mark.parametrize(
    "words", [["check"], ["check", "--json"], ["site", "--budget", "1"], ["site", "--budget", "1", "--json"]]
)
def test_a_terminal_is_never_told_what_to_do_by_a_name(
    words: list[str], town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hostile(town)
    assert call(monkeypatch, words[0], town, "--out", tmp_path / "out", *words[1:]) == 0
    printed = capfd.readouterr()
    said = "".join(printed)
    assert not [letter for letter in "\x1b\x07\x9b\u202e" if letter in said]
    if "--json" in words:
        assert json.loads(printed.out)


def test_tables_and_the_workbook_spell_control_characters_out(town: Path, tmp_path: Path, cache: Path) -> None:
    from accessibility.study.proposing import Question  # noqa: PLC0415

    hostile(town)
    out = tmp_path / "out"
    run_site(town, Question(budget=1.0), out, Options(cache=cache), Silence())
    assert pd.read_csv(out / "sites.csv", encoding="utf-8-sig")["name"][0] == SPELT
    for path in out.glob("*.csv"):
        assert not set("\x1b\x07\x9b\u202e") & set(path.read_text(encoding="utf-8")), path.name
    book = openpyxl.load_workbook(out / "report.xlsx")
    cells = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert any(SPELT in cell for cell in cells)
    assert not any(set("\x1b\x07\x9b\u202e") & set(cell) for cell in cells)


def test_an_error_shows_what_an_input_holds_without_obeying_it(
    town: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InputError(HOSTILE)

    monkeypatch.setattr("accessibility.cli.verifying.run_check", fail)
    assert call(monkeypatch, "check", town, "--quiet") == 2
    assert capsys.readouterr().err == f"error: {SPELT}\n"


@pytest.mark.parametrize("kind", [InputError, OutputError, UnknownSiteError, CallError, InfeasibleError])
def test_every_error_is_one_line_that_nothing_obeys(kind: type[Exception]) -> None:
    """Whoever prints it: the command, a notebook, the interpreter's own traceback."""
    error = kind(f"{HOSTILE}\nsecond\tline")
    assert str(error) == rf"{SPELT}\nsecond\tline"
    assert "".join(traceback.format_exception_only(error)).strip().endswith(str(error))


def test_comparing_with_no_open_site_is_json_with_null(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios = tmp_path / "none.toml"
    scenarios.write_text('[[scenario]]\nname = "none"\nclose = ["O1"]\n', encoding="utf-8")
    assert call(monkeypatch, "compare", town, scenarios, "--out", tmp_path / "out", "--json", "--quiet") == 0
    (found,) = json.loads(capsys.readouterr().out)["scenarios"]
    assert (found["totals"]["covered"], found["totals"]["per_person"]) == (0.0, None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf"), "\x7f\u2028"]}])
def test_a_line_of_json_is_one_line_of_json(value: Any) -> None:
    line = json_line(value)
    json.loads(line, parse_constant=pytest.fail)
    assert visible(line) == line
    assert len(line.splitlines()) == 1


def test_disks_fill_up_at_every_stage(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Whatever writes first, the exit code is 4, one sentence names a file, and the run before is whole."""
    out = tmp_path / "out"
    assert call(monkeypatch, "cover", town, "--out", out, "--quiet") == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    stages: list[tuple[Any, str, Callable[..., Any]]] = [
        (Path, "mkdir", full), (Path, "write_bytes", full), (os, "fsync", full),
    ]  # fmt: skip
    for owner, name, broken in stages:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            assert call(monkeypatch, "cover", town, "--out", out, "--quiet") == 4
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert "No space left on device" in said
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
        assert sorted(path.name for path in tmp_path.glob(".*")) == []
