"""A run's folder: nobody's files are replaced, nothing earlier is lost, and what is in it is what the run wrote."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from accessibility import OutputError
from accessibility.cli.console import Silence
from accessibility.cli.folder import RESULTS, choose_folder, claim_folder, claim_quality, earlier_run, write_run
from accessibility.cli.options import Options, Stopwatch
from accessibility.cli.pack import run_cover, run_site
from accessibility.cli.verifying import run_check, run_verify
from accessibility.study.proposing import Question
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Study


@pytest.fixture
def study(town: Path, cache: Path) -> Study:
    """Return the town read."""
    return read_study(town, cache=cache)


def told(study: Study, folder: Path, **more: Any) -> dict[str, Any]:
    """Return what a manifest in a folder tells of who asked what."""
    import os  # noqa: PLC0415

    path = os.path.relpath(study.path, folder.resolve())
    base = {"version": "1", "study": study.name, "study_file": {"path": path}, "inputs": {}, "totals": {}}
    return base | {"siting": None} | more


def siting(**question: Any) -> dict[str, Any]:
    return {"siting": {"question": {"model": "mclp", "budget": 1.0, "sites": None, **question}}}


def pretend(folder: Path, record: dict[str, Any], *names: str, kept: Path | None = None) -> None:
    with write_run(folder, record, kept) as aside:
        for name in names:
            (aside / name).parent.mkdir(exist_ok=True)
            (aside / name).write_text(f"{name} of {record['study']}")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", [*RESULTS, "walk_minutes.tif", "compare.csv", "coverage.gpkg-wal"])
@pytest.mark.parametrize("overwrite", [True, False])
def test_an_input_is_never_replaced(name: str, tmp_path: Path, *, overwrite: bool) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match="a result would replace this input"):
        claim_folder(tmp_path, [tmp_path / name], overwrite=overwrite)
    link = tmp_path.with_name("link")
    link.symlink_to(tmp_path)
    with pytest.raises(OutputError, match="a result would replace this input"):
        claim_folder(link / ".." / tmp_path.name, [link / name], overwrite=overwrite)
    link.unlink()


def test_an_input_below_a_folder_of_layers_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "shapefile").mkdir()
    (tmp_path / "shapefile" / "roads.shp").write_text("mine")
    with pytest.raises(OutputError, match="a result would replace this input"):
        claim_folder(tmp_path, [tmp_path / "shapefile" / "roads.shp"], overwrite=True)
    claim_folder(tmp_path, [tmp_path / "data" / "sites.csv"], overwrite=True)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "/".join(["y" * 100] * 45)])
def test_a_name_that_no_folder_can_have_is_told_before_anything_is_computed(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="may not be written into; expected another folder with --out"):
        claim_folder(tmp_path / name, [], overwrite=True)


@pytest.mark.parametrize("below", ["", "maps", "maps/town"])
def test_a_file_in_the_way_is_found_before_anything_is_computed(below: str, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(OutputError, match=r"taken: is a file, and no folder can be made there; expected"):
        claim_folder(tmp_path / "taken" / below, [], overwrite=True)
    with pytest.raises(OutputError, match=r"taken: is a file, and no folder can be made there; expected"):
        claim_quality(tmp_path / "taken" / below, [])
    claim_folder(tmp_path / "free" / below, [], overwrite=False)


def test_so_is_a_folder_that_may_not_be_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, _: path != tmp_path)
    for folder in (tmp_path, tmp_path / "maps" / "town"):
        with pytest.raises(OutputError, match=r"may not be written into; expected another folder"):
            claim_folder(folder, [], overwrite=True)


def test_a_folder_of_somebody_elses_is_written_into_only_when_asked(study: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    claim_folder(out, [], overwrite=False)
    out.mkdir()
    claim_folder(out, [], overwrite=False)
    (out / "notes.txt").write_text("mine")
    for content in ("", "{", "[1]", '{"name": "a web app"}'):
        (out / "manifest.json").write_text(content)
        with pytest.raises(OutputError, match=r"holds files that are no run's \(manifest\.json, notes\.txt\)"):
            claim_folder(out, [], overwrite=False)
    claim_folder(out, [], overwrite=True)
    pretend(out, told(study, out), "districts.csv")
    assert names(out) == ["districts.csv", "manifest.json", "notes.txt"]
    assert (out / "notes.txt").read_text() == "mine"
    claim_folder(out, [], overwrite=False)


def test_check_replaces_nothing_but_its_own_table(
    town: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    people = town.parent / "people.csv"
    people.rename(town.parent / "quality.csv")
    town.write_text(town.read_text(encoding="utf-8").replace("people.csv", "quality.csv"), encoding="utf-8")
    with pytest.raises(OutputError, match=r"quality\.csv: a result would replace this input"):
        run_check(town, Silence(), town.parent)
    out = tmp_path / "out"
    out.mkdir()
    (out / "quality.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"quality\.csv: was not written by check"):
        run_check(town, Silence(), out)
    assert (out / "quality.csv").read_text() == "mine"
    (out / "quality.csv").unlink()
    for _ in range(2):  # into an empty folder, and again
        run_check(town, Silence(), out)
    run_cover(town, out, Options(cache=cache), Silence())  # a folder of check's is free for a run
    with pytest.raises(OutputError, match=r"holds a run, whose quality\.csv is a part of it"):
        run_check(town, Silence(), out)
    assert run_verify(out, Options(cache=cache), Silence()).equal


def test_nothing_of_an_older_run_stays(study: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pretend(out, told(study, out), "districts.csv", "shapefile/a.shp", "walk_minutes.tif", "the-bank.html")
    (out / "coverage.gpkg-wal").write_text("of a map program")
    (out / "compare.csv").write_text("of a version that listed no files")
    (out / "districts.csv.bak").write_text("mine")
    record = told(study, out)
    pretend(out, record, "districts.csv")
    assert names(out) == ["districts.csv", "districts.csv.bak", "manifest.json"]
    assert list(record["files"]) == ["districts.csv"]
    assert record["files"]["districts.csv"]["bytes"] == (out / "districts.csv").stat().st_size
    assert json.loads((out / "manifest.json").read_text())["files"] == record["files"]


def test_studies_whose_names_look_alike_have_folders_of_their_own(
    study: Study, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    other_file = town.with_name("other.toml")
    shutil.copy(town, other_file)
    settings = {name: study.settings.model_copy(update={"name": name}) for name in ("A/B", "A B", "a-b")}
    studies = [
        replace(study, settings=settings["A/B"]),
        replace(study, settings=settings["A B"], path=other_file),
        replace(study, settings=settings["a-b"], path=town.with_name("third.toml")),
    ]
    found = []
    for one in studies:
        folder = choose_folder(one, None)
        pretend(folder, told(one, folder), "districts.csv")
        found.append(folder.as_posix())
    assert found == ["maps/a-b", "maps/a-b-2", "maps/a-b-3"]
    assert [choose_folder(one, None).as_posix() for one in studies] == found
    assert choose_folder(studies[0], None, "-scenarios").as_posix() == "maps/a-b-scenarios"
    assert choose_folder(studies[0], tmp_path / "x") == tmp_path / "x"


def test_an_earlier_run_is_kept_where_the_new_one_does_not_repeat_it(study: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cover, compare = told(study, out), told(study, out, scenario_file={"path": "a.toml", "sha256": "0"})
    one, other = told(study, out, **siting()), told(study, out, **siting(budget=2.0))
    stranger = {**cover, "study": "Another", "study_file": {"path": "another.toml"}}
    cases = [
        *((cover, new, new is compare) for new in (cover, one, compare)),
        *((one, new, new is not one) for new in (cover, one, other, compare)),
        *((compare, new, new is not compare) for new in (cover, one, compare)),
        (stranger, cover, True),
        ({**one, "siting": {"question": {"budget": 1.0}}}, one, False),  # of a version that told less
    ]
    for old, new, is_kept in cases:
        pretend(out, old, "sites.csv")
        kept = earlier_run(out, study, new)
        assert (kept is not None) == is_kept, (old, new)
        shutil.rmtree(out)


def test_a_proposal_outlives_the_coverage_run_after_it(town: Path, cache: Path) -> None:
    out, options = town.parent / "out", Options(cache=cache)
    asked = Question(budget=1.0)
    run_site(town, asked, out, Options(cache=cache, geotiff=True), Silence())
    assert run_site(town, asked, out, options, Silence()).kept is None
    assert not (out / "walk_minutes.tif").exists()
    kept = run_cover(town, out, options, Silence()).kept
    assert kept == out.with_name("out-earlier-1")
    assert len(pd.read_csv(kept / "sites.csv", encoding="utf-8-sig")) == 1
    assert len(pd.read_csv(out / "sites.csv", encoding="utf-8-sig")) == 0
    run_site(town, asked, out, options, Silence())
    plain = run_cover(town, out, Options(cache=cache, overwrite=True), Silence())
    assert plain.kept is None
    assert names(town.parent) == [
        "banks.csv",
        "out",
        "out-earlier-1",
        "outlets.csv",
        "people.csv",
        "roads.osm",
        "study.toml",
    ]


class Listed(Silence):
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


@pytest.mark.parametrize("question", [None, Question(budget=1)])
def test_a_timed_run_differs_from_another_in_its_timings_alone(
    question: Question | None, town: Path, tmp_path: Path, cache: Path
) -> None:
    def run(name: str, progress: Any) -> dict[str, Any]:
        options = Options(cache=cache, date="2026-11-29")
        if question is None:
            return run_cover(town, tmp_path / name, options, progress).manifest
        return run_site(town, question, tmp_path / name, options, progress).manifest

    progress = Listed()
    begun = time.perf_counter()
    watch = Stopwatch(lambda: progress)
    timed = run("timed", watch)
    took = time.perf_counter() - begun
    stages = timed["timings"]
    assert [stage["stage"] for stage in stages] == ["Loading the program", *progress.steps]
    assert all(stage[name] >= 0 for stage in stages for name in ("cpu_s", "wall_s"))
    assert sum(stage["wall_s"] for stage in stages) <= took + 0.001 * len(stages)  # each is rounded
    peaks = [stage["peak_mb"] or 0.0 for stage in stages]
    assert peaks == sorted(peaks)
    other = run("other", Silence())
    apart = ("seconds", "timings")
    assert {n: v for n, v in timed.items() if n not in apart} == {n: v for n, v in other.items() if n not in apart}
    assert "timings" not in other
    assert json.loads((tmp_path / "timed" / "manifest.json").read_text(encoding="utf-8"))["timings"] == stages
    assert run_verify(tmp_path / "timed", Options(cache=cache), Silence()).equal


def test_a_stage_lasts_from_its_step_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 11.0, 13.5, 17.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    watch = Stopwatch(Silence)
    watch.start(2)
    watch.step("Streets")
    watch.part(1, 2)
    watch.step("Sites")
    assert [(stage["stage"], stage["wall_s"]) for stage in watch.stages()] == [
        ("Loading the program", 1.0),
        ("Streets", 2.5),
        ("Sites", 3.5),
    ]
