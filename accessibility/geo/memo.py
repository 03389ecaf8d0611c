"""What was worked out once and is asked for again."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


@dataclass(frozen=True, eq=False)
class Same:
    """An array as part of a key: equal to itself alone, and kept alive, so that no other takes its place in memory."""

    value: object

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same object."""
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        """Return the identity of the object."""
        return id(self.value)


class Memo:
    """The last few results of a value, by what they depend on; each is made once, whichever thread asks first.

    A copy or a pickle of the value begins anew: results are large, and follow from the rest.

    Parameters
    ----------
    most
        How many results are kept; the one not asked for longest goes first.

    Examples
    --------
    >>> memo = Memo(most=1)
    >>> [memo.get(key, lambda: made) for key, made in (("a", 1), ("a", 2), ("b", 3), ("a", 4))]
    [1, 1, 3, 4]
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._made: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def __reduce__(self) -> tuple[type[Memo], tuple[int]]:
        """Return how an empty one is made."""
        return Memo, (self._most,)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what stands under a key; make it where nothing does, and let others wait for it.

        Parameters
        ----------
        key
            Everything that the result depends on.
        make
            Called without arguments where there is no result yet; what it raises is not kept.
        """
        with self._lock:
            found = self._made.get(key)
            ours = found is None
            if found is None:
                found = self._made[key] = Future()
                if len(self._made) > self._most:
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
        if ours:
            try:
                found.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._made.pop(key, None)
                found.set_exception(error)
                raise
        return found.result()
