"""What lies on the disk: what was parsed, kept by the content of its file, and rows in heaps while a run sorts them.

Rows of one kind that belong together (all that speak of one node, all edges of one place) go to one heap, whoever puts
them there. A heap gives its rows back in the order in which they came, so more than memory holds is sorted.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility import __version__
from accessibility.errors import Finding, InputError
from accessibility.sources.files import write_aside
from accessibility.streets.network import Network

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    Stamp = tuple[int, int]
    Stamps = Mapping[Path, Stamp]
    from collections.abc import Sequence

_READERS = ("geo", "sources", "streets")  # rooms that decide what is read from a file
_ARRAYS = (
    *("node_xy", "edges", "length_m", "oneway", "climb_m", "kind", "private", "enclosed", "closed"),
    *("off_ground", "outline", "across", "signals", "fixed_s", "slope_factor"),
    *("shape_xy", "shape_start", "node_ids"),
)


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's content in hexadecimal.

    Raises
    ------
    InputError
        A file that is not there or cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror or error}); expected a readable file"
        raise InputError(msg) from error


@cache
def code_digest(*rooms: str) -> str:
    """Return the SHA-256 of the program's version and of the code of some rooms of the package, or of all of it.

    What is kept on disk is named by it: what another build read by other rules is not taken for what this one reads,
    though both may call themselves by the same version.

    Examples
    --------
    >>> code_digest("geo") == code_digest("geo"), code_digest("geo") == code_digest("streets")
    (True, False)
    """
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(__version__.encode())
    for file in sorted(file for room in rooms or (".",) for file in (package / room).rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def cached_network(
    path: str | os.PathLike[str],
    settings: Mapping[str, object],
    cache_dir: str | os.PathLike[str] | None,
    build: Callable[[], tuple[Network, list[Finding]]],
    content: str | None = None,
) -> tuple[Network, list[Finding]]:
    """Return what `build` returns, from `cache_dir` where it was built before from the same bytes and settings.

    A cache file that cannot be read is built anew; one that cannot be written is a warning; no pickle is ever loaded.

    Parameters
    ----------
    path
        The file that `build` reads, or the first of those it does.
    settings
        Whatever else decides the result; values that JSON can hold, or that ``str`` tells apart.
    cache_dir
        A folder, made when missing; without one `build` is simply called.
    build
        Reads the network and its findings.
    content
        The SHA-256 of the file, where it is known.
    """
    if cache_dir is None:
        return build()
    kept = kept_file(cache_dir, "network", content or sha256_file(path), settings)
    with suppress(Exception):  # a damaged file can raise anything; building anew is always right
        return _load(kept, source=Path(path).name)
    network, findings = build()
    try:
        _store(kept, network, findings)
    except OSError as error:  # it saves time alone
        reason = f"the network cache cannot be written ({error.strerror or error}): streets are read again every time"
        findings = [*findings, Finding(code="no-cache", source=Path(path).name, message=f"{cache_dir}: {reason}")]
    return network, findings


def kept_file(cache_dir: str | os.PathLike[str], kind: str, sha256: str, settings: Mapping[str, object]) -> Path:
    """Return where a thing of a kind is kept that was read from these bytes with these settings."""
    told = {"code": code_digest(*_READERS), "sha256": sha256, "settings": dict(settings)}
    key = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
    return Path(cache_dir) / f"{kind}-{key[:32]}.npz"


def load_arrays(kept: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `store_arrays` wrote; a damaged file can raise anything."""
    with kept.open("rb") as file, np.load(file, allow_pickle=False) as store:
        about = json.loads(store["about"].tobytes())
        return {name: store[name] for name in store.files if name != "about"}, about


def store_arrays(kept: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> None:
    """Write arrays by name, and what JSON can hold, whole or not at all.

    Raises
    ------
    OSError
        A folder that cannot be written.
    """
    told = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with write_aside(kept) as aside, aside.open("wb") as file:
        np.savez(file, **arrays, about=told)  # type: ignore[arg-type]  # the stubs take the names for allow_pickle


def _load(kept: Path, *, source: str) -> tuple[Network, list[Finding]]:
    arrays, about = load_arrays(kept)
    network = Network(**{name: arrays[name] for name in _ARRAYS}, kinds=tuple(about["kinds"]), crs=about["crs"])
    # The same bytes may stand under another name today.
    return network, [Finding(**{**finding, "source": source}) for finding in about["findings"]]


def _store(kept: Path, network: Network, findings: list[Finding]) -> None:
    about = {"kinds": network.kinds, "crs": network.crs.to_wkt(), "findings": [asdict(f) for f in findings]}
    store_arrays(kept, {name: getattr(network, name) for name in _ARRAYS}, about)


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


HELD = 1 << 17
"""Rows that a heap, or a block of a file, holds about: tens of megabytes while they are worked on."""
SAMPLE = 256
"""Values of a block that tell how those of all lie."""


class Heaps:
    """Rows of one kind in heaps.

    Parameters
    ----------
    folder
        Where they lie; made here.
    dtype
        The columns of a row.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     heaps = Heaps(Path(folder) / "numbers", [("number", "<i8")])
    ...     heaps.add(np.array([1, 0, 1]), number=np.array([10, 20, 30]))
    ...     heaps.add(np.array([1]), number=np.array([40]))
    ...     heaps.take(1)["number"].tolist(), len(heaps.take(7))
    ([10, 30, 40], 0)
    """

    def __init__(self, folder: Path, dtype: Any) -> None:
        self._folder, self._dtype = folder, np.dtype(dtype)
        folder.mkdir()

    def add(self, heap: NDArray[Any], **columns: Any) -> None:
        """Put a row on each of ``(n,)`` heaps; columns are ``(n, ...)`` arrays, or one value for all."""
        order = np.argsort(heap, kind="stable")
        rows = np.empty(len(order), self._dtype)
        for name, values in columns.items():
            rows[name] = values[order] if np.ndim(values) else values
        numbers, starts = np.unique(heap[order], return_index=True)
        for number, some in zip(numbers.tolist(), np.split(rows, starts[1:]), strict=bool(len(numbers))):
            self._write(number, some, "ab")

    def put(self, number: int, rows: NDArray[Any]) -> None:
        """Let a heap be some rows."""
        self._write(number, rows, "wb")

    def take(self, number: int, *, keep: bool = False) -> NDArray[Any]:
        """Return the rows of a heap, which is gone then unless it is kept."""
        path = self._folder / f"{number}"
        if not path.exists():
            return np.empty(0, self._dtype)
        rows: NDArray[Any] = np.fromfile(path, self._dtype)
        if not keep:
            path.unlink()
        return rows

    def _write(self, number: int, rows: NDArray[Any], mode: str) -> None:
        with (self._folder / f"{number}").open(mode) as file:  # which tells of a full disk, as `tofile` does not
            file.write(np.ascontiguousarray(rows).view(np.uint8).data)


class Blocks:
    """Arrays by name, of blocks that follow each other.

    Parameters
    ----------
    folder
        Where they lie; made here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def put(self, number: int, **arrays: Any) -> None:
        """Keep the arrays of a block, instead of those it had."""
        np.savez(self.folder / f"{number}.npz", **arrays)

    def clear(self) -> None:
        """Give the room of all blocks back to the disk."""
        shutil.rmtree(self.folder)

    def take(self, number: int, *names: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a block, all or those of some names."""
        with np.load(self.folder / f"{number}.npz", allow_pickle=False) as store:
            return {name: store[name] for name in names or store.files}


def cuts_of(samples: Sequence[NDArray[Any]], total: int, held: int) -> NDArray[Any]:
    """Return the values that deal others to heaps of about so many rows, given `SAMPLE` of each block.

    The heap of a value is its place among them: ``np.searchsorted(cuts, value, side="right")``.
    """
    if not samples:
        return np.empty(0, np.int64)
    sample = np.sort(np.concatenate(samples))
    heaps = -(-total // held)
    found: NDArray[Any] = np.unique(sample[np.arange(1, heaps) * len(sample) // heaps])
    return np.asarray(found[found > sample[0]])


def some_of(values: NDArray[Any]) -> NDArray[Any]:
    """Return about `SAMPLE` values, evenly."""
    found: NDArray[Any] = values[:: max(1, len(values) // SAMPLE)]
    return found
