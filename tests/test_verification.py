"""A run is found again, or not: changed inputs, changed figures, missing files, each said with both numbers."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from accessibility import InputError, runs
from accessibility.console import Silence
from accessibility.verification import Comparison, verify_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from accessibility import Coverage, Study


@pytest.fixture
def run(town: Path, cache: Path) -> Path:
    """Return the folder of a run beside its study."""
    folder = town.parent / "out" / "street"
    runs.run_cover(town, folder, runs.Options(cache=cache), Silence())
    return folder


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    edit(told)
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")


def test_a_run_is_equal_to_itself_and_moves_with_its_study(run: Path, town: Path, tmp_path: Path) -> None:
    told = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert told["study_file"]["path"] == "../../study.toml"
    verdict = verify_run(run)
    assert verdict.equal, verdict.lines
    assert {c.name for c in verdict.comparisons} >= {
        "population",
        "covered",
        "covered_share at 0.8 m/s",
        "districts.csv: covered",
    }
    assert verdict.lines[0].startswith("equal: 13 figures")
    elsewhere = tmp_path / "moved"
    elsewhere.mkdir()
    for item in list(town.parent.iterdir()):
        if item != elsewhere:
            shutil.move(item, elsewhere / item.name)
    assert verify_run(elsewhere / "out" / "street").equal


def test_a_changed_input_is_named_and_both_numbers_are_told(run: Path, town: Path) -> None:
    outlets = town.parent / "outlets.csv"
    outlets.write_text(outlets.read_text(encoding="utf-8") + "O2,Second,108.2104197,30.5\n", encoding="utf-8")
    verdict = verify_run(run)
    assert not verdict.equal
    assert len(verdict.changed) == 1
    assert verdict.changed[0].startswith("outlets: ")
    assert "has changed since the run: SHA-256" in verdict.changed[0]
    (covered,) = [c for c in verdict.comparisons if c.name == "covered"]
    assert (covered.told, covered.found, covered.equal) == (30.0, 150.0, False)
    assert "covered: NOT EQUAL, the run told 30.0, found again 150.0" in verdict.lines


def test_an_input_that_changed_without_effect_is_not_equal_either(run: Path, town: Path) -> None:
    outlets = town.parent / "outlets.csv"
    outlets.write_text(outlets.read_text(encoding="utf-8").replace("Hall", "Town hall"), encoding="utf-8")
    verdict = verify_run(run)
    assert all(c.equal for c in verdict.comparisons)
    assert not verdict.equal
    town.write_text(town.read_text(encoding="utf-8") + "\n# a note\n", encoding="utf-8")
    assert [line.split(":")[0] for line in verify_run(run).changed] == ["study file", "outlets"]


def test_a_figure_that_was_touched_up_is_found(run: Path) -> None:
    change(run, lambda told: told["totals"].update(covered=31.0))
    verdict = verify_run(run)
    assert [c.name for c in verdict.comparisons if not c.equal] == ["covered"]
    change(run, lambda told: told["totals"].update(covered=30.0))
    change(run, lambda told: told["sensitivity"].update({"1.2": 0.9}))
    assert [c.name for c in verify_run(run).comparisons if not c.equal] == ["covered_share at 1.2 m/s"]
    change(run, lambda told: told["sensitivity"].update({"1.2": 70 / 310}))
    table = run / "districts.csv"
    table.write_text(
        table.read_text(encoding="utf-8-sig").replace("total,310,310,0,0,30,", "total,310,310,0,0,300,"),
        encoding="utf-8-sig",
    )
    assert [c.name for c in verify_run(run).comparisons if not c.equal] == ["districts.csv: covered"]
    table.unlink()
    assert verify_run(run).equal


def test_a_missing_file_is_not_equal_and_no_fault(run: Path, town: Path) -> None:
    (town.parent / "people.csv").unlink()
    verdict = verify_run(run)
    assert not verdict.equal
    assert verdict.comparisons == ()
    assert "cannot be found again, a file is missing" in verdict.lines[0]
    assert verdict.changed[0].startswith("population: ")
    assert verdict.to_dict() == {"equal": False, "changed": list(verdict.changed), "figures": []}


def test_a_study_that_lies_elsewhere_can_be_named(run: Path, town: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "deep" / "run"
    shutil.copytree(run, alone)
    assert verify_run(alone).changed[0].startswith("study file: ")
    assert verify_run(alone, study=town).equal


SITING = {"model": "mclp", "status": "optimal", "objective": 270.0, "bound": 270.0, "gap": 0.0, "selected": ["B1"]}


@pytest.mark.parametrize(
    ("changes", "unequal"),
    [
        ({}, []),
        ({"objective": 280.0, "bound": 280.0}, ["siting objective"]),
        ({"bound": 260.0}, ["siting bound, not below the objective"]),
        ({"selected": ["B1", "B7"]}, ["siting objective"]),
        ({"model": "p-median", "objective": 1.0, "bound": 2.0}, []),
        ({"status": "infeasible", "objective": None}, []),
    ],
)
def test_a_proposal_is_walked_again(changes: dict[str, Any], unequal: list[str], run: Path) -> None:
    change(run, lambda told: told.update(siting={**SITING, **changes}))
    assert [c.name for c in verify_run(run).comparisons if not c.equal] == unequal


def test_another_check_of_the_proposal_can_be_given(run: Path) -> None:
    change(run, lambda told: told.update(siting={**SITING, "model": "p-median"}))

    def check(study: Study, now: Coverage, siting: Mapping[str, Any]) -> Iterator[Comparison]:
        assert study.name == "Street"
        yield Comparison(name=str(siting["model"]), told=1.0, found=now.covered_people)

    (own,) = [c for c in verify_run(run, check_siting=check).comparisons if c.name == "p-median"]
    assert (own.told, own.found, own.equal) == (1.0, 30.0, False)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), r"manifest\.json: no such file"),
        (lambda folder: (folder / "manifest.json").write_text("{"), r"manifest\.json: not a manifest"),
        (
            lambda folder: (folder / "manifest.json").write_text("[1]"),
            r"lacks study_file\.path, study_file\.sha256, totals",
        ),
        (lambda folder: change(folder, lambda told: told.pop("study_file")), r"lacks study_file\.path"),
        (
            lambda folder: change(folder, lambda told: told["inputs"]["outlets"].pop("path")),
            r"lacks inputs\.outlets\.path",
        ),
        (lambda folder: (folder / "districts.csv").write_text("a,b\n1,2\n"), r"districts\.csv: not the districts\.csv"),
    ],
)
def test_a_folder_that_is_no_run_is_one_clear_error(spoil: Callable[[Path], Any], message: str, run: Path) -> None:
    spoil(run)
    with pytest.raises(InputError, match=message):
        verify_run(run)


@pytest.mark.parametrize(
    ("told", "found", "equal"),
    [
        (1e6, 1e6 * (1 + 1e-12), True),
        (1e6, 1e6 + 0.01, False),
        (None, None, True),
        (None, 0.5, False),
        (0.5, float("nan"), False),
        (0.0, 1e-10, True),
    ],
)
def test_figures_are_equal_to_a_billionth(told: float | None, found: float | None, *, equal: bool) -> None:
    assert Comparison(name="x", told=told, found=found).equal is equal
