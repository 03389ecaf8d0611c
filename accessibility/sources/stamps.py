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
    found: dict[Path, Stamp] = {}
    for file in files:
        suffixes = _OF_SHAPES if file.suffix.lower() == ".shp" else ()
        for path in (file, *(file.with_suffix(s) for of in suffixes for s in (of, of.upper()))):
            stamp = _stamp(path)
            if stamp is not None:
                found[path] = stamp
    return found


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
