"""The folder of a run: which it is, whether it may be replaced, and the manifest that lists what is in it."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from accessibility.cli.options import timed
from accessibility.errors import Finding, OutputError
from accessibility.present.manifest import Run, list_files, peek_manifest, write_manifest
from accessibility.quality import QUALITY_COLUMNS
from accessibility.sources.cache import stamp_files
from accessibility.sources.files import alone, lock_of, write_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from accessibility.cli.options import Options, Progress
    from accessibility.sources.cache import Stamps
    from accessibility.study.schema import StudyFile

RESULTS = (
    *("coverage.html", "brief.html", "report.html", "report.xlsx", "coverage.gpkg"),
    *("districts.csv", "demand.parquet", "sites.csv", "quality.csv", "dictionary.csv", "manifest.json"),
)
"""What every run of ``cover`` and ``site`` writes, in the order of importance."""
CAPACITY = "capacity.csv"
"""What a run writes beside them where sites have a capacity."""
GROUPS = "groups.csv"
"""The same where groups of people have walkers of their own."""
_ON_REQUEST = (
    CAPACITY,
    GROUPS,
    "brief.docx",
    "shapefile",
    "walk_minutes.tif",
    "compare.csv",
    "differences.csv",
    "pairs.csv",
    "proof.json",
)
_QUALITY = "quality.csv"
_MOST_HEADING = 1_000
_BESIDE = ("-wal", "-shm", "-journal", ".aux.xml", ".qmd")  # what SQLite, GDAL and QGIS put beside a file they open
_LONGEST = 60  # letters of a name: 180 bytes in Chinese, and file systems take 255 with what is added


class Subject(Protocol):
    """What a run is of: a `Study`, or one that is not loaded as a whole."""

    @property
    def name(self) -> str:
        """Name of the study."""

    @property
    def path(self) -> Path:
        """Its file."""

    @property
    def inputs(self) -> Mapping[str, Path]:
        """File of each input."""

    @property
    def settings(self) -> StudyFile:
        """What its file says."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunFolder:
    """Where a run writes, claimed before anything is computed, and what its manifest says of how it was done."""

    study: Subject
    path: Path
    options: Options
    stamps: Stamps  # what the files were that it reads
    begun: float

    @classmethod
    def claim(
        cls,
        study: Subject,
        out: Path | None,
        options: Options,
        begun: float,
        *,
        suffix: str = "",
        beside: Path | None = None,
    ) -> RunFolder:
        """Return `out`, or the folder of the study; refuse one that is not this program's to replace.

        `begun` is when the run began, and `beside` a file that it reads beside the study and its inputs.
        """
        path = choose_folder(study, out, suffix)
        files = [Path(study.path), *([] if beside is None else [beside]), *study.inputs.values()]
        claim_folder(path, files, overwrite=options.overwrite)
        return cls(study=study, path=path, options=options, stamps=stamp_files(files), begun=begun)

    def run(self, command: str, warnings: Sequence[Finding], **more: bool) -> Run:
        """Return the run of a command, for its manifest; `more` goes with the options."""
        return Run(
            study=self.study.name,
            study_file=self.study.path,
            folder=self.path,
            inputs=self.study.inputs,
            stamps=self.stamps,
            parameters=self.study.settings.model_dump(mode="json", by_alias=True, exclude_none=True),
            warnings=warnings,
            seconds=0.0,  # told when it ends
            command=command,
            date=self.options.day,
            options={**self.options.files_of(command), **more},
        )

    @contextmanager
    def write(
        self, record: dict[str, Any], progress: Progress, asked: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Path, Path | None]]:
        """Yield a folder aside, see `write_run`, and where a run is kept that lies there, see `earlier_run`.

        One run at a time: two that end together would not know of each other what is lost with them. `record` says how
        long all took; `asked` is what of it is known before.
        """
        with alone(lock_of(self.path), lambda: progress.step("Waiting for another run that writes there")):
            kept = None if self.options.overwrite else earlier_run(self.path, self.study, asked or record)
            with write_run(self.path, record, kept) as aside:
                yield aside, kept
                record |= {"seconds": round(time.monotonic() - self.begun, 3), **timed(progress)}


def slug(name: str) -> str:
    """Return a name as a file system takes it: not too long, either, in Chinese with what is added to it.

    Examples
    --------
    >>> slug("Lanting: today"), len(slug("县" * 300))
    ('lanting-today', 60)
    """
    return re.sub(r"[^\w]+", "-", name.lower()).strip("-")[:_LONGEST] or "study"


def is_result(name: str) -> bool:
    """Return whether a file of this name is a run's, or one that another program keeps beside such a file."""
    plain = next((name.removesuffix(ending) for ending in _BESIDE if name.endswith(ending)), name)
    return plain in RESULTS or plain in _ON_REQUEST


def choose_folder(study: Subject, out: Path | None, suffix: str = "") -> Path:
    """Return `out`, or the folder of the study below ``maps``: a number tells apart studies whose names look alike."""
    if out is not None:
        return out
    name = slug(study.name) + suffix
    for number in count(1):
        folder = Path("maps") / (name if number == 1 else f"{name}-{number}")
        told = peek_manifest(folder)
        if told is None or _same_study(folder, told, study):
            break
    return folder


def claim_folder(folder: Path, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse a folder whose files are not this program's to replace, before anything is computed.

    Parameters
    ----------
    folder
        Where a run is to write.
    inputs
        Every file that the run reads.
    overwrite
        Whether a folder that this program did not write may be written into; an input is never replaced.

    Raises
    ------
    OutputError
        A place where no folder can be written, an input where a result would go, or a folder with files that is no
        run's.
    """
    _refuse_blocked(folder)
    _refuse_inputs(folder, inputs, is_result)
    if overwrite or not folder.is_dir() or not any(folder.iterdir()) or _is_check(folder):
        return
    if peek_manifest(folder) is None:
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:3])
        msg = f"{folder}: holds files that are no run's ({found}); expected an empty folder or a run's, or --overwrite"
        raise OutputError(msg)


def claim_quality(folder: Path, inputs: Iterable[Path]) -> Path:
    """Return where ``check`` may write its table of findings in a folder: it replaces nothing but an earlier one.

    Raises
    ------
    OutputError
        A place where no folder can be written, an input of that name, a run of which such a table is a part, or
        somebody else's file.
    """
    path = folder / _QUALITY
    _refuse_blocked(folder)
    _refuse_inputs(folder, inputs, lambda name: name == path.name)
    if peek_manifest(folder) is not None:
        msg = f"{folder}: holds a run, whose {path.name} is a part of it; expected another folder with --out"
        raise OutputError(msg)
    if os.path.lexists(path) and not _is_quality(path):
        msg = f"{path}: was not written by check; expected another folder with --out"
        raise OutputError(msg)
    return path


def _refuse_blocked(folder: Path) -> None:
    """Refuse a place where no folder can be made or written into: an hour of computing must not end there."""
    try:
        there = next(place for place in (folder, *folder.parents) if _is_there(place))
    except (OSError, ValueError) as error:  # a name too long, with a zero in it, or below what may not be looked into
        msg = f"{folder}: may not be written into; expected another folder with --out"
        raise OutputError(msg) from error
    if not there.is_dir():
        msg = f"{there}: is a file, and no folder can be made there; expected another folder with --out"
        raise OutputError(msg)
    if not os.access(there, os.W_OK | os.X_OK):
        msg = f"{there}: may not be written into; expected another folder with --out"
        raise OutputError(msg)


def _is_there(place: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return bool(place.lstat())
    return False


def _refuse_inputs(folder: Path, inputs: Iterable[Path], is_written: Callable[[str], bool]) -> None:
    there = folder.resolve()
    for path in inputs:
        whole = path.resolve()
        if there in whole.parents and is_written(whole.relative_to(there).parts[0]):
            msg = f"{whole}: a result would replace this input of the study; expected another folder with --out"
            raise OutputError(msg)


def _is_quality(path: Path) -> bool:
    """Return whether a file is a table of findings."""
    with suppress(OSError, ValueError), path.open(encoding="utf-8-sig") as file:
        return path.is_file() and file.readline(_MOST_HEADING).strip() == ",".join(QUALITY_COLUMNS)
    return False


def _is_check(folder: Path) -> bool:
    """Return whether a folder holds nothing but what ``check`` wrote."""
    return [path.name for path in folder.iterdir()] == [_QUALITY] and _is_quality(folder / _QUALITY)


def earlier_run(folder: Path, study: Subject, record: Mapping[str, Any]) -> Path | None:
    """Return where the run in `folder` is kept when `record` takes its place; None where nothing of it is lost.

    It is kept where it is another study's, or holds a proposal or a comparison that the new run was not asked for.
    """
    told = peek_manifest(folder)
    if told is None or (_same_study(folder, told, study) and _asks_the_same(told, record)):
        return None
    names = (folder.with_name(f"{folder.resolve().name}-earlier-{number}") for number in count(1))
    return next(name for name in names if not name.exists())


@contextmanager
def write_run(folder: Path, record: dict[str, Any], kept: Path | None) -> Iterator[Path]:
    """Yield a folder aside for a run's files; at the end list them in `record`, its manifest, and put all in place."""
    told = peek_manifest(folder) or {}
    listed = told.get("files")
    before = {name.split("/")[0] for name in listed} if isinstance(listed, dict) else set()
    with write_folder(folder, stale=lambda name: is_result(name) or name in before, kept=kept) as aside:
        yield aside
        record["files"] = list_files(aside)
        write_manifest(record, aside / "manifest.json")


def _same_study(folder: Path, told: Mapping[str, Any], study: Subject) -> bool:
    try:
        path = (folder / told["study_file"]["path"]).resolve()
        there = path.is_file()
    except (LookupError, TypeError, ValueError, OSError):
        return told.get("study") == study.name
    return path == study.path.resolve() or (not there and told.get("study") == study.name)


def _asks_the_same(told: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Return whether the run of `record` answers what that of `told` did."""
    if told.get("scenario_file") != record.get("scenario_file"):
        return False
    old, new = told.get("siting"), record.get("siting")
    if not isinstance(old, dict):
        return not old
    asked = old.get("question")
    return isinstance(new, dict) and isinstance(asked, dict) and asked == {n: new["question"].get(n) for n in asked}
