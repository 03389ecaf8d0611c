"""The manifest of a run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from pathlib import Path

import numpy as np
import pytest
import worlds

import accessibility
from accessibility import Coverage, InputError, OutputError, measure_coverage
from accessibility.errors import Finding
from accessibility.present.manifest import Run, _relative, record_run, write_manifest

KEYS = [
    "version",
    "command",
    "date",
    "options",
    "study",
    "study_file",
    "inputs",
    "parameters",
    "totals",
    "sensitivity",
    "siting",
    "seconds",
    "warnings",
    "environment",
]


def coverage() -> Coverage:
    people = worlds.people([(0, 0), (2_000, 0), (float("nan"), 0)], [30, 50, 20], ["urban", "urban", "rural"])
    return measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)]))


def run_in(folder: Path, **changes: object) -> Run:
    (folder / "study").mkdir(exist_ok=True)
    for place in ("study/roads.osm.pbf", "people.csv", "study/study.toml"):
        (folder / place).write_bytes(place.encode())
    given: dict[str, object] = {
        "study": "社保 county",
        "study_file": folder / "study" / "study.toml",
        "inputs": {"network": folder / "study" / "roads.osm.pbf", "population": folder / "people.csv"},
        "parameters": {"walking": {"speed_m_s": 1.0}},
        "warnings": (Finding(code="x", source="people.csv", message="one row without a place"), "plain text"),
        "seconds": 1.5,
    }
    return Run(**{**given, **changes})  # type: ignore[arg-type]


def test_a_manifest_states_inputs_totals_and_versions(tmp_path: Path) -> None:
    told = record_run(run_in(tmp_path), coverage(), sensitivity={0.8: 0.29, 1.0: 0.3, 1.2: 0.31})
    assert list(told) == KEYS
    assert told["version"] == accessibility.__version__
    assert told["study"] == "社保 county"
    assert told["inputs"] == {
        "network": {"path": "roads.osm.pbf", "sha256": hashlib.sha256(b"study/roads.osm.pbf").hexdigest()},
        "population": {"path": "../people.csv", "sha256": hashlib.sha256(b"people.csv").hexdigest()},
    }
    assert told["totals"] == {
        "population": 100,
        "covered": 30,
        "uncovered": 70,
        "covered_share": 0.3,
        "covered_share_radius": 0.3,
        "unreached": 20,
    }
    assert told["sensitivity"] == {"0.8": 0.29, "1.0": 0.3, "1.2": 0.31}
    assert told["siting"] is None
    assert told["warnings"] == ["people.csv: one row without a place", "plain text"]
    assert told["environment"]["python"] == platform.python_version()
    assert told["environment"]["numpy"] == np.__version__
    assert None not in told["environment"].values()


def test_parameters_hold_what_was_measured_with(tmp_path: Path) -> None:
    parameters = record_run(run_in(tmp_path), coverage(), sensitivity={})["parameters"]
    assert parameters["walking"] == {"speed_m_s": 1.0}
    assert parameters["walker_used"]["speed_m_s"] == 1.0
    assert parameters["standard_used"]["urban"] == {"measure": "walk", "limit": 900.0, "text": "15-minute walk"}
    assert set(parameters["standard_used"]) == {"urban", "town", "rural"}


@pytest.mark.skipif(os.name != "posix", reason="drives have roots of their own")
def test_an_input_that_shares_only_the_root_is_told_by_its_whole_path() -> None:
    study = Path("/studies/county")
    assert _relative("/elsewhere/roads.osm.pbf", study) == "/elsewhere/roads.osm.pbf"
    assert _relative("/studies/shared/roads.osm.pbf", study) == "../shared/roads.osm.pbf"
    assert _relative("/studies/county/in/roads.osm.pbf", study) == "in/roads.osm.pbf"


def test_paths_hold_when_study_and_data_move_together(tmp_path: Path) -> None:
    told = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        told.append(record_run(run_in(tmp_path / name), coverage(), sensitivity={}))
    assert told[0] == told[1]
    assert str(tmp_path) not in json.dumps(told)


def test_an_input_that_is_gone_is_named(tmp_path: Path) -> None:
    run = run_in(tmp_path, inputs={"network": tmp_path / "gone.pbf"})
    with pytest.raises(InputError, match=r"gone\.pbf: cannot be read"):
        record_run(run, coverage(), sensitivity={})


def test_the_file_is_plain_json_with_null_for_what_is_no_number(tmp_path: Path) -> None:
    nobody = measure_coverage(worlds.line(), worlds.people([]), worlds.outlets([(0, 0)]))
    siting = {
        "model": "mclp",
        "status": "feasible",
        "objective": np.float64(3.5),
        "bound": float("inf"),
        "gap": np.nan,
        "selected": ("C1", "C2"),
        "rows": np.array([1, 2]),
    }
    told = record_run(run_in(tmp_path), nobody, sensitivity={"0.8": float("nan")}, siting=siting)
    assert told["totals"]["covered_share"] is None
    write_manifest(told, tmp_path / "manifest.json")
    raw = (tmp_path / "manifest.json").read_bytes()
    text = raw.decode("utf-8")

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    again = json.loads(text, parse_constant=refuse)
    assert again == told
    assert list(again) == KEYS
    assert again["sensitivity"] == {"0.8": None}
    assert again["siting"] == {
        "model": "mclp",
        "status": "feasible",
        "objective": 3.5,
        "bound": None,
        "gap": None,
        "selected": ["C1", "C2"],
        "rows": [1, 2],
    }
    assert "社保 county" in text
    assert b"\r" not in raw
    assert raw.endswith(b"}\n")


def test_the_same_manifest_gives_the_same_bytes_and_a_fault_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = record_run(run_in(tmp_path), coverage(), sensitivity={1.0: 0.3})
    path = tmp_path / "manifest.json"
    write_manifest(told, path)
    first = path.read_bytes()
    write_manifest(told, path)
    assert path.read_bytes() == first

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"manifest\.json cannot be written: No space left on device"):
        write_manifest({**told, "study": "other"}, path)
    assert path.read_bytes() == first
