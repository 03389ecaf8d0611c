"""A ring of buckets by cost, each a list of nodes linked both ways: a node waits once, and moves when it gets nearer.

``head`` holds the first node of each bucket; ``links`` the node after and the node before each; a node that waits
nowhere is before itself `IDLE`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba as nb
import numpy as np

if TYPE_CHECKING:
    from accessibility.search.packing import Arcs

NOBODY = np.uint32(0xFFFF_FFFF)
IDLE = np.uint32(0xFFFF_FFFE)
_MAX_BUCKETS = 1 << 20


def bucket_shift(arcs: Arcs, limit: int) -> int:
    """Return the width of a bucket as a power of two: a quarter of a typical arc, wider where one arc is very long."""
    return max((arcs.typical_arc // 4).bit_length(), (min(arcs.longest_arc, limit) // _MAX_BUCKETS).bit_length())


@nb.njit(cache=True, nogil=True, inline="always")
def link(head, links, slot, node):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Put a node that waits nowhere in front of a bucket."""
    after, before = links
    following = head[slot]
    after[node], before[node] = following, NOBODY
    if following != NOBODY:
        before[np.uint64(following)] = np.uint32(node)
    head[slot] = np.uint32(node)


@nb.njit(cache=True, nogil=True, inline="always")
def unlink(head, links, slot, node):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Take a node out of the bucket in which it waits."""
    after, before = links
    following, leading = after[node], before[node]
    if leading == NOBODY:
        head[slot] = following
    else:
        after[np.uint64(leading)] = following
    if following != NOBODY:
        before[np.uint64(following)] = leading
    before[node] = IDLE
