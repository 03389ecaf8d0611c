"""The sample county is found beside a clone and inside an installed package."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT

import accessibility as acc
from accessibility import InputError
from accessibility.study import sample_county

if TYPE_CHECKING:
    from pathlib import Path


def test_a_clone_has_it(sample: Path, cache: Path) -> None:
    assert sample_county.sample_study() == sample
    assert acc.sample(cache=cache).name == "Sample county"


def test_an_installed_package_has_it_where_the_wheel_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    put = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert put == {"data/sample": sample_county._PLACES[0].relative_to(ROOT).as_posix()}
    monkeypatch.setattr(sample_county, "_PLACES", (tmp_path / "one", tmp_path / "two"))
    with pytest.raises(InputError, match=r"looked for its study.toml in .*one and .*two; expected"):
        sample_county.sample_study()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "study.toml").touch()
    assert sample_county.sample_study() == tmp_path / "two" / "study.toml"
