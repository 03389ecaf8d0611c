"""Files that have to stay as they are, as long as figures are made of them."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Stamp = tuple[int, int]
    Stamps = Mapping[Path, Stamp]

_OF_SHAPES = (".dbf", ".shx", ".prj", ".cpg")


def stamp_files(files: Iterable[Path]) -> dict[Path, Stamp]:
    """Return size in bytes and time of the last change in ns of each file that is there, those of a Shapefile as one.

    Parameters
    ----------
    files
        What will be read.
    """
    found = {path: _stamp(path) for file in files for path in (file, *files_beside(file))}
    return {path: stamp for path, stamp in found.items() if stamp is not None}


def files_beside(file: Path) -> list[Path]:
    """Return the files that belong to a Shapefile and are there; of no other format has more than one."""
    if file.suffix.lower() != ".shp":
        return []
    beside = [file.with_suffix(suffix) for part in _OF_SHAPES for suffix in (part, part.upper())]
    return [path for path in beside if path.is_file()]


def refuse_changed(stamps: Stamps) -> None:
    """Raise where a file is not what it was: what was read of it and what is there now would be told as one.

    Raises
    ------
    InputError
        A file that was written or removed since.
    """
    for path, stamp in stamps.items():
        if _stamp(path) != stamp:
            msg = f"{path.name}: changed while the run went on; expected inputs that stay as they are: run it again"
            raise InputError(msg)


def _stamp(path: Path) -> Stamp | None:
    try:
        told = path.stat()
    except (OSError, ValueError):  # a name that no file can have
        return None
    return (told.st_size, told.st_mtime_ns) if stat.S_ISREG(told.st_mode) else None  # reading may touch a folder
