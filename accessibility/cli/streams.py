"""The standard streams of the program as it needs them: all there, every name printable, and none in its way."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_ERROR = 2


def prepare_streams() -> None:
    """Give the process the standard streams that it was started without, and a standard error that never fails.

    No file of ours may take the numbers of streams. What is said of a run beside its results (progress, warnings) may
    go nowhere: a run whose standard error is full or gone away ends as it would with one that is read.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    told = sys.__stderr__
    if told is not None and sys.stderr is told:  # not one that somebody listens to in this process
        sys.stderr = _unheeded(told.encoding)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names outside the console's encoding


def _unheeded(encoding: str) -> io.TextIOWrapper:
    """Return a standard error that takes every text, whether or not it gets anywhere."""
    return io.TextIOWrapper(io.BufferedWriter(_Dropping(_ERROR, "wb", closefd=False)), encoding, line_buffering=True)


class _Dropping(io.FileIO):
    """A file that drops what it cannot write."""

    def write(self, text: ReadableBuffer, /) -> int:
        """Write bytes; all of them count as written where the system refuses."""
        try:
            written: int | None = super().write(text)
        except OSError:
            written = None
        return memoryview(text).nbytes if written is None else written
