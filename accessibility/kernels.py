"""How kernels are compiled, and what compiling them takes: seconds that count against no limit, and who is told."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from numba.core import event

if TYPE_CHECKING:
    from collections.abc import Callable


class _Watch(event.Listener):
    """Listens to the compiler, which works on what it does not find in its cache."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.tell: Callable[[str], None] | None = None
        self._thread = threading.local()
        self._lock = threading.Lock()

    def on_start(self, event: Any) -> None:
        """Tell which kernel it is, unless another one asked for it."""
        depth = getattr(self._thread, "depth", 0)
        if depth == 0:
            self._thread.begun = time.monotonic()
            if self.tell is not None:
                self.tell(event.data["dispatcher"].py_func.__name__.lstrip("_"))
        self._thread.depth = depth + 1

    def on_end(self, _: Any) -> None:
        """Count the seconds of what was asked for, with all that it asked for itself."""
        self._thread.depth -= 1
        if self._thread.depth == 0:
            with self._lock:
                self.seconds += time.monotonic() - self._thread.begun
            if self.tell is not None:
                self.tell("")


_WATCH = _Watch()
event.register("numba:compile", _WATCH)  # type: ignore[no-untyped-call]  # numba has no types


def compiled_s() -> float:
    """Return the seconds that compiling has taken so far in this process."""
    return _WATCH.seconds


def announce_compiling(tell: Callable[[str], None] | None) -> None:
    """Have `tell` called with the name of a kernel when it has to be compiled, and with nothing when that is done."""
    _WATCH.tell = tell
