"""Work at the planner's page that ends together, or is killed: every pack is whole, and nothing is left aside."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from conftest import write_town

from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.serving.desk import Desk
from accessibility.cli.verifying import run_verify
from accessibility.study.answers import Job
from accessibility.study.views import view_of

if TYPE_CHECKING:
    from pathlib import Path


def test_two_packs_that_are_written_at_the_same_time_are_two(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    desk = Desk(folder=tmp_path / "studies", first=write_town(tmp_path))
    (key, _), together = desk.studies().keys(), threading.Barrier(2)
    pack = shutil.make_archive

    def at_once(*given: Any) -> str:
        together.wait(60)
        return pack(*given)

    monkeypatch.setattr(shutil, "make_archive", at_once)
    asked = [view_of({}, "en"), view_of({"sites": 1}, "en")]
    with ThreadPoolExecutor(2) as pool:
        packs = list(pool.map(lambda view: desk.pack(key, view, Job()), asked))
    assert {path.name for path in packs[0].parent.iterdir()} == {"1", "1.zip", "2", "2.zip"}
    for path, sited in zip(packs, (False, True), strict=True):
        with zipfile.ZipFile(path) as packed:
            told = json.loads(packed.read("manifest.json"))
            assert (told["siting"] is not None) == sited
            assert set(packed.namelist()) >= set(told["files"])
        assert run_verify(path.with_suffix(""), Options(cache=cache), Silence()).equal


KILLED = """
import os, shutil, sys
from pathlib import Path
from accessibility.cli.serving.desk import Desk
from accessibility.study.answers import Job
from accessibility.study.views import view_of
desk = Desk(folder=Path(sys.argv[1]), first=Path(sys.argv[2]))
def kill(*_):
    os.kill(os.getpid(), 9)
if sys.argv[3] == "draft":
    with desk.draft() as draft:
        (draft / "large.tif").write_text("half")
        kill()
shutil.make_archive = kill
desk.pack(next(iter(desk.studies())), view_of({}, "en"), Job())
"""


@pytest.mark.parametrize("work", ["draft", "pack"])
def test_what_a_killed_program_left_is_gone_when_the_next_one_begins(
    work: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    studies, town = tmp_path / "studies", write_town(tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(studies), str(town), work], check=False)  # noqa: S603
    assert killed.returncode == -9
    assert [path for path in studies.rglob("*") if path.is_file()]
    Desk(folder=studies, first=town)
    assert [path for path in studies.rglob("*") if path.is_file()] == []
