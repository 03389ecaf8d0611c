"""Numbers of a raster that seem to be classes: land cover, types of settlement, a mask of what is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.sources.checks import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW = 25  # numbers; counts of people have more as soon as there are many cells
_SOME, _MANY = 100, 1_000  # cells
_FIRST = 1_000  # cells that tell most rasters of people apart from classes
_BESIDE = 0.9  # of the cells have another one right of them: classes leave no holes
_CUT = 0.05  # of the cells hold the greatest number, of which counts of people have next to none
_COMMON = 0.02  # of the cells
_GAPS = 1.5  # times as many places between numbers as there are numbers
_SHOWN = 8


class Variety:
    """Which numbers the populated cells of a raster hold, as long as they are few whole ones."""

    def __init__(self) -> None:
        self._cells: dict[float, int] | None = {}
        self._beside = 0

    def meet(self, row: NDArray[Any], column: NDArray[Any], value: NDArray[Any]) -> None:
        """Take ``(n,)`` cells with their numbers into account, row by row."""
        if self._cells is None:
            return
        for part in (value[:_FIRST], value):
            numbers, cells = np.unique(part, return_counts=True)
            if len(self._cells.keys() | set(numbers.tolist())) > _FEW or (numbers % 1 != 0).any():
                self._cells = None
                return
        for number, count in zip(numbers.tolist(), cells.tolist(), strict=True):
            self._cells[number] = self._cells.get(number, 0) + count
        self._beside += int(((np.diff(row) == 0) & (np.diff(column) == 1)).sum())

    def told(self, source: str, *, zero_cells: int) -> list[Finding]:
        """Return a finding where the numbers seem to be classes.

        They are few, and cover a region without an empty cell, or leave gaps, or end with one that many cells hold: of
        people, many live in few cells.

        Parameters
        ----------
        source
            The file.
        zero_cells
            How many cells hold nobody.
        """
        numbers = np.array(sorted(self._cells or ()))
        cells = np.array([self._cells[number] for number in numbers.tolist()] if self._cells else (), dtype=np.int64)
        total = int(cells.sum())
        everywhere = zero_cells == 0 and total >= _SOME and self._beside >= _BESIDE * total and len(numbers) > 1
        odd = total >= _MANY and (cells[-1] >= _CUT * total or _has_gaps(numbers[cells >= _COMMON * total]))
        if not everywhere and not odd:
            return []
        shown = ", ".join(f"{number:g}" for number in numbers[:_SHOWN])
        message = (
            f"{total:,} cells hold {len(numbers)} numbers only ({shown}{', ...' if len(numbers) > _SHOWN else ''}): "
            "are they classes, such as land cover, and no people?"
        )
        people = float(numbers @ cells)
        return [Finding(code="raster-classes", source=source, message=message, count=total, people=people)]


def _has_gaps(numbers: NDArray[np.float64]) -> bool:
    steps = np.diff(numbers).astype(np.int64)
    return len(steps) > 1 and steps.sum() / np.gcd.reduce(steps) + 1 > _GAPS * len(numbers)
