"""Inputs that are written while a run goes on: what was read of them is never told as what is there now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import accessibility as acc
from accessibility.cli.comparing import run_compare
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.cli.tiling import Tiling, run_tiles
from accessibility.errors import InputError
from accessibility.sources.cache import refuse_changed, stamp_files
from accessibility.tiles.cluster import Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Meddling(Silence):
    """Somebody who writes into the outlets as soon as a step begins."""

    def __init__(self, study: Path, at: str) -> None:
        self.at, self.file, self.steps = at, study.parent / "outlets.csv", 0

    def step(self, text: str) -> None:
        """Write, where it is time."""
        if text.startswith(self.at):
            self.steps += 1
            with self.file.open("a", encoding="utf-8") as file:
                file.write("O9,Hall,108.22,30.5\n")


def cover(study: Path, out: Path, options: Options, progress: Silence) -> object:
    return run_cover(study, out, options, progress)


def tiled(study: Path, out: Path, options: Options, progress: Silence) -> object:
    return run_tiles(study, out, options, Tiling(workers=Workers(count=1, processes=False)), progress)


def compare(study: Path, out: Path, options: Options, progress: Silence) -> object:
    scenarios = study.parent / "scenarios.toml"
    scenarios.write_text('[[scenario]]\nname = "bank"\nopen = ["B1"]\n', encoding="utf-8")
    return run_compare(study, scenarios, out, options, progress)


@pytest.mark.parametrize(
    ("run", "at"),
    [(cover, "Streets"), (cover, "Walking"), (compare, "Trying"), (tiled, "Streets"), (tiled, "Putting")],
)
def test_an_input_that_changes_ends_a_run(
    run: Callable[[Path, Path, Options, Silence], object], at: str, town: Path, tmp_path: Path
) -> None:
    options, meddling = Options(cache=tmp_path / "cache"), Meddling(town, at)
    with pytest.raises(InputError, match=r"outlets\.csv: changed while the run went on"):
        run(town, tmp_path / "out", options, meddling)
    assert meddling.steps == 1
    assert not (tmp_path / "out" / "manifest.json").exists()
    run(town, tmp_path / "out", options, Silence())  # as it is now
    assert (tmp_path / "out" / "manifest.json").exists()


def test_an_input_that_changes_ends_the_reading_of_a_study(town: Path) -> None:
    with pytest.raises(InputError, match="changed"):
        acc.read_study(town, progress=Meddling(town, "Sites").step)


def test_the_table_of_a_shapefile_is_one_file_with_it(tmp_path: Path) -> None:
    for name in ("s.shp", "s.dbf", "s.qix", "t.dbf", "u.csv"):
        (tmp_path / name).write_bytes(b"1")
    stamps = stamp_files([tmp_path / "s.shp", tmp_path / "u.csv", tmp_path / "gone.csv"])
    assert [path.name for path in stamps] == ["s.shp", "s.dbf", "u.csv"]
    refuse_changed(stamps)
    (tmp_path / "s.dbf").unlink()
    with pytest.raises(InputError, match=r"s\.dbf: changed"):
        refuse_changed(stamps)
