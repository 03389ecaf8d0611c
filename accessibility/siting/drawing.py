"""Random numbers of the searches: a stream of its own for each, so that the same question gives the same plan."""

from __future__ import annotations

import numba as nb
import numpy as np

SEED = np.uint64(0x0A11_0CA7_ED5E_ED00)
_STEP = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_A = np.uint64(0xBF58_476D_1CE4_E5B9)
_MIX_B = np.uint64(0x94D0_49BB_1331_11EB)
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)


@nb.njit(cache=True, nogil=True)
def draw(random, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return a number below `size`, from a stream of its own (splitmix64)."""
    random[0] += _STEP
    x = random[0]
    x = (x ^ (x >> _30)) * _MIX_A
    x = (x ^ (x >> _27)) * _MIX_B
    return np.int64((x ^ (x >> _31)) % np.uint64(size))
