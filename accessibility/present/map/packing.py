"""Whole numbers in few bytes, as a page unpacks them: seven bits a byte, differences where neighbours are alike."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.standards import CM_PER_M, MS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage

_SEVEN = np.uint64(7)
TOP, NONE = 250, 255  # of a byte: "more than it can say", and "no such way"
_UNREACHED_BIT = 2
_LEVEL = 6  # of deflate; 9 takes ten times as long on a million places and saves one byte in fifty


def varints(values: NDArray[Any]) -> bytes:
    """Return whole numbers from 0 to 2^63, seven bits a byte, the low ones first, the last byte of each below 128.

    Examples
    --------
    >>> varints(np.array([1, 127, 128, 300])).hex()
    '017f8001ac02'
    """
    left = np.asarray(values).astype(np.uint64)
    size = np.ones(len(left), np.intp)
    high = left >> _SEVEN
    while high.any():
        size += high > 0
        high >>= _SEVEN
    first = np.cumsum(size) - size
    out = np.zeros(int(size.sum()), np.uint8)
    for byte in range(int(size.max(initial=0))):
        here = np.flatnonzero(size > byte)
        more = np.where(size[here] > byte + 1, 128, 0)
        out[first[here] + byte] = (left[here] >> np.uint64(7 * byte)).astype(np.uint8) & 127 | more
    return out.tobytes()


def zigzag(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return signed whole numbers as unsigned ones, small where they are near zero: 0, -1, 1, -2 are 0, 1, 2, 3."""
    signed = np.asarray(values).astype(np.int64)
    return ((signed << 1) ^ (signed >> 63)).astype(np.uint64)


def steps(values: NDArray[Any]) -> bytes:
    """Return signed whole numbers as differences, each from the one before, the first from 0."""
    return varints(zigzag(np.diff(np.asarray(values).astype(np.int64), prepend=0)))


def packed(*parts: bytes) -> str:
    """Return bytes, one part after another, deflated and as text."""
    return base64.b64encode(zlib.compress(b"".join(parts), _LEVEL)).decode("ascii")


MAX_DOTS = 1_000_000


def minute_bytes(coverage: Coverage) -> NDArray[np.uint8]:
    """Return begun minutes of walking: 15:00 is 15, a millisecond more is 16; 251 over the scale, 255 no way."""
    return _bytes(np.ceil(np.rint(coverage.walk_s * MS_PER_S) / (60 * MS_PER_S)))


def tenth_km_bytes(coverage: Coverage) -> NDArray[np.uint8]:
    """Return begun tenths of a kilometre along the network; 251 over the scale, 255 no way."""
    return _bytes(np.ceil(np.rint(coverage.metres * CM_PER_M) / (100 * CM_PER_M)))


def states(coverage: Coverage) -> NDArray[np.uint8]:
    """Return bit 0 covered, bit 1 unreached, bits 2-6 the setting, from 1 (so that nobody is zero)."""
    setting = sum(here * np.uint8(k) for k, here in enumerate(coverage.demand.setting_rows.values(), start=1))
    found: NDArray[np.uint8] = (coverage.covered + _UNREACHED_BIT * coverage.unreached + 4 * setting).astype(np.uint8)
    return found


def _bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.where(np.isnan(values), NONE, np.minimum(values, TOP + 1)).astype(np.uint8)
