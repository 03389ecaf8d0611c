"""Arrays at the door of a type: copied once, checked, read-only inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import DTypeLike, NDArray


def read_only(values: object, *, dtype: DTypeLike, shape: tuple[int | None, ...], name: str) -> NDArray[Any]:
    """Return a contiguous, read-only copy of `values`.

    Raises
    ------
    InputError
        Values that cannot be of that type, or an array of another shape; ``None`` in `shape` is any length.
    """
    try:
        array = np.array(values, dtype=dtype, order="C", copy=True)
    except (TypeError, ValueError) as error:
        msg = f"{name} cannot be read as {np.dtype(dtype).name}: {error}"
        raise InputError(msg) from error
    if array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        want_text = ", ".join("any" if want is None else str(want) for want in shape)
        msg = f"{name} has shape {array.shape}; expected ({want_text})"
        raise InputError(msg)
    array.flags.writeable = False
    return array


def unique_ids(ids: Iterable[object], *, name: str) -> NDArray[np.object_]:
    """Return `ids` as a read-only array of objects; raise `InputError` where one stands twice."""
    listed = list(ids)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    if len(set(listed)) != len(listed):
        seen: set[object] = set()
        twice = list(dict.fromkeys(i for i in listed if i in seen or seen.add(i)))  # type: ignore[func-returns-value]
        first = ", ".join(repr(i) for i in twice[:10])
        msg = f"{name}: {len(twice)} ids stand more than once: {first}; expected unique ids"
        raise InputError(msg)
    array.flags.writeable = False
    return array


def refuse(bad: Any, *, name: str, found: NDArray[Any], expected: str) -> None:
    """Raise `InputError` naming the count and the first row where `bad` holds."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        msg = f"{name}: {int(bad.sum())} of {bad.shape[0]} rows, first row {row} is {found[row]}; expected {expected}"
        raise InputError(msg)
