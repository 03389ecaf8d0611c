"""Rows put on the disk in numbered heaps, of which one at a time is taken back: so more than memory holds is sorted.

Rows of one kind that belong together (all that speak of one node, all edges of one place) go to one heap, whoever puts
them there. A heap gives its rows back in the order in which they came.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

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
