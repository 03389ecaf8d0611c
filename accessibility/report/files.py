"""Files that appear whole or not at all: written aside, flushed to the disk, then renamed."""

from __future__ import annotations

import csv
import numbers
import os
import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

_ASIDE = ".accessibility-"
_STALE_S = 86_400.0
# What a spreadsheet takes for the start of a formula, the full-width forms of East Asian keyboards among it
# (OWASP, CSV injection; CWE-1236).
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_CONTROL = frozenset("\t\r\n\0")
_DECIMALS = 6


@contextmanager
def write_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder to write into; when the block ends well, all its files move into `folder` together.

    When the block or a move fails, every file of `folder` is as it was before. ``manifest.json`` moves last: where a
    run is killed between two moves, the manifest there is the old one, and the hashes of a new one never describe
    old tables. What killed runs left aside is swept away first.

    Parameters
    ----------
    folder
        Where the files end up; made where it is missing. Files of other names in it stay.

    Raises
    ------
    OutputError
        Something could not be written: what, and why.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     with write_folder(out) as aside:
    ...         _ = (aside / "a.txt").write_text("whole")
    ...     [path.name for path in Path(out).iterdir()]
    ['a.txt']
    """
    folder = Path(folder)
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        aside = folder / f"{_ASIDE}{os.getpid()}-{secrets.token_hex(4)}"
        (aside / "new").mkdir(parents=True)
    try:
        with _told(folder):
            yield aside / "new"
        _move(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path of the same name to write to; when the block ends well, the file moves to `path` in one step.

    Raises
    ------
    OutputError
        The file could not be written, or the block wrote none; a file that was there is untouched.
    """
    path = Path(path)
    with write_folder(path.parent) as aside:
        with _told(path):
            yield aside / path.name
        if not (aside / path.name).is_file():
            msg = f"{_final(path)} cannot be written: nothing was written to it; expected a file"
            raise OutputError(msg)


@contextmanager
def spellable(folder: Path) -> Iterator[Path]:
    """Yield a path of the same folder that GDAL can spell: `folder` itself, or a link where Python reads it as no text.

    A system whose encoding is not UTF-8 hands names beyond ASCII over as bytes, which GDAL takes for broken text.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as place:
            link = Path(place) / "folder"
            link.symlink_to(folder.absolute(), target_is_directory=True)
            yield link
    else:
        yield folder


def defuse(text: str) -> str:
    r"""Return `text` with a leading apostrophe where a spreadsheet would take it for a formula.

    That is text whose first character, white space aside, is one of ``= + - @``, their full-width forms among them,
    and text that starts with a control character.

    Examples
    --------
    >>> defuse("=1+1"), defuse("  @x"), defuse("Town - East")
    ("'=1+1", "'  @x", 'Town - East')
    """
    risky = text[:1] in _CONTROL or text.lstrip()[:1] in _FORMULA
    return f"'{text}" if text and risky else text


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as CSV that spreadsheets open: UTF-8 with BOM, lines ended by CR LF (RFC 4180), no index.

    Text cells, those of the header among them, are defused; numbers never are, a negative one neither. Numbers have
    at most six decimals, trailing zeros dropped: shares keep six, people add up in the file to the millionth, and
    degrees are right to 0.1 m. A missing value is an empty cell. The same table gives the same bytes.

    Raises
    ------
    OutputError
        The file could not be written; a file that was there is untouched.
    """
    rows = frame.astype(object).itertuples(index=False, name=None)
    with write_aside(path) as aside, aside.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([defuse(str(name)) for name in frame.columns])
        writer.writerows([_cell(value) for value in row] for row in rows)


def write_geoparquet(gdf: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table with geometry as GeoParquet 1.1: zstd, without its index.

    Raises
    ------
    OutputError
        The file could not be written; a file that was there is untouched.
    """
    # An open file, because pyarrow refuses paths that the locale cannot spell.
    with write_aside(path) as aside, aside.open("wb") as file:
        gdf.to_parquet(file, index=False, compression="zstd", schema_version="1.1.0")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn the system's refusals into an `OutputError` that names `path` and the reason."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        msg = f"{_final(path)} cannot be written: {reason}; files there are untouched; expected a writable place"
        raise OutputError(msg) from error


def _final(path: Path) -> Path:
    """Return where a path ends up: of one inside a folder aside, the place it moves to."""
    parts = list(path.parts)
    for place in reversed([i for i, part in enumerate(parts) if part.startswith(_ASIDE)]):
        del parts[place : place + 2]
    return Path(*parts)


def _move(aside: Path, folder: Path) -> None:
    """Move the files of ``aside/new`` into `folder`; when one cannot be moved, undo the moves before it."""
    new, old = aside / "new", aside / "old"
    files = [path.relative_to(new) for path in sorted(new.rglob("*")) if path.is_file()]
    files.sort(key=lambda file: file.name == "manifest.json")
    for file in files:
        with _told(folder / file):
            _flush(new / file)
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            if (folder / file).is_file():
                (old / file).parent.mkdir(parents=True, exist_ok=True)
                _keep(folder / file, old / file)
    begun: list[Path] = []
    try:
        for file in files:
            begun.append(file)
            with _told(folder / file):
                (new / file).replace(folder / file)
    except BaseException:
        for file in begun:
            with suppress(OSError):
                (old / file).replace(folder / file) if (old / file).exists() else (folder / file).unlink()
        raise


def _flush(path: Path) -> None:
    """Bring a file's content to the disk: a full disk is told here, before anything has moved."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _keep(path: Path, copy: Path) -> None:
    """Keep a second name of a file, or a copy where the file system knows no second names."""
    try:
        os.link(path, copy)
    except OSError:
        shutil.copy2(path, copy)


def _sweep(folder: Path) -> None:
    """Remove what killed runs left aside; what a living process writes stays, for a day at most."""
    for left in folder.glob(f"{_ASIDE}*-*"):
        with suppress(OSError, ValueError, OverflowError):
            if not _alive(int(left.name.removeprefix(_ASIDE).split("-")[0])) or _age_s(left) > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True  # signal 0 would end the process there; age decides
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _cell(value: Any) -> str:
    """Return a value as the text of its cell."""
    if isinstance(value, str):
        return defuse(value)
    if pd.isna(value):
        return ""
    if isinstance(value, (float, np.floating)):
        return _number(float(value))
    return str(value) if isinstance(value, (np.bool_, numbers.Number)) else defuse(str(value))


def _number(value: float) -> str:
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".") if np.isfinite(value) else str(value)
    return "0" if text == "-0" else text
