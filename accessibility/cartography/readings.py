"""What the pointer reads of a place: minutes, distance, status and setting, each in a byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.standards import CM_PER_M, MS_PER_S, SETTINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.coverage import Coverage

TOP, NONE = 250, 255  # of a byte: "more than it can say", and "no such way"
_UNREACHED_BIT = 2


def minute_bytes(coverage: Coverage) -> NDArray[np.uint8]:
    """Return begun minutes of walking: 15:00 is 15, a millisecond more is 16; 251 over the scale, 255 no way."""
    return _bytes(np.ceil(np.rint(coverage.walk_s * MS_PER_S) / (60 * MS_PER_S)))


def tenth_km_bytes(coverage: Coverage) -> NDArray[np.uint8]:
    """Return begun tenths of a kilometre along the network; 251 over the scale, 255 no way."""
    return _bytes(np.ceil(np.rint(coverage.metres * CM_PER_M) / (100 * CM_PER_M)))


def states(coverage: Coverage) -> NDArray[np.uint8]:
    """Return bit 0 covered, bit 1 unreached, bits 2-3 the setting, from 1 (so that nobody is zero)."""
    setting = sum((coverage.demand.setting == s) * np.uint8(k) for k, s in enumerate(SETTINGS, start=1))
    found: NDArray[np.uint8] = (coverage.covered + _UNREACHED_BIT * coverage.unreached + 4 * setting).astype(np.uint8)
    return found


def _bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.where(np.isnan(values), NONE, np.minimum(values, TOP + 1)).astype(np.uint8)
