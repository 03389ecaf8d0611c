"""How a command ends: its exit code, what it says of an error, what a signal stops, and the streams it says it on."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import traceback
import warnings
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import typer

from accessibility.errors import (
    AccessibilityError,
    AccessibilityWarning,
    InfeasibleError,
    InputError,
    OutputError,
    UnprovenError,
    visible,
)
from accessibility.sources.files import abandon, is_full
from accessibility.wording import Wording, console_language, message_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import ReadableBuffer

    from accessibility.wording import Language

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NO_PLACE = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP)
_ERROR = 2  # the number of standard error
EXIT_FAULT, EXIT_INPUT, EXIT_UNPROVEN, EXIT_OUTPUT = 1, 2, 3, 4


def exit_with_code(app: Callable[[], object]) -> None:
    """Run the command line and exit with the code of DESIGN: 0 done, 1 our fault, 2 input, 3 unproven, 4 output.

    The work is done in a thread of its own, so that a signal stops it at once wherever it is, in compiled code too:
    nothing half-made stays, and the exit code is 130 (SIGINT) or 143 (SIGTERM).
    """
    prepare_streams()
    warnings.simplefilter("ignore", AccessibilityWarning)  # the commands print findings themselves
    codes: list[int | str | None] = []
    work = threading.Thread(target=lambda: codes.append(_run(app)), daemon=True)
    with _stopping():
        work.start()
        while work.is_alive():
            work.join(0.2)  # a signal is heard between two waits at the latest
    sys.exit(codes[0] if codes else EXIT_FAULT)


def _run(app: Callable[[], object]) -> int | str | None:
    """Return the exit code of the command; say what went wrong."""
    try:
        return _app_code(app)
    except (AccessibilityError, OSError) as error:
        told = error if isinstance(error, AccessibilityError) else _unwritable(error)
        if told is not None:
            say = Wording("console", asked_language())
            _say_error(say("error", message=message_text(str(told), say.language)))
            return _code(told)
        traceback.print_exc()
    except BaseException:  # noqa: BLE001 -- a fault of our own, told in full
        traceback.print_exc()
    return EXIT_FAULT


def asked_language() -> Language:
    """Return the language of the command: what stands after ``--lang``, else the system's."""
    given = [word.partition("=") for word in sys.argv]
    told = [value for name, _, value in given if name == "--lang" and value]
    told += [value for (name, equals, _), (value, _, _) in pairwise(given) if name == "--lang" and not equals]
    return console_language(told[0] if told else None)


def _app_code(app: Callable[[], object]) -> int | str | None:
    code: int | str | None = 0
    try:
        app()
    except SystemExit as stop:
        code = stop.code
    sys.stdout.flush()
    return EXIT_OUTPUT if code == 1 else code  # so typer and rich say that nobody reads what is printed


def _unwritable(error: OSError) -> OutputError | None:
    """Return the error for a full disk or an impossible place that is met outside our writers; None for our faults."""
    reason = error.strerror or error
    if not is_full(error) and error.errno not in _NO_PLACE:
        return None
    if error.filename is not None:
        return OutputError(f"{error.filename} cannot be written: {reason}; expected a writable place")
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still in the buffer has nowhere to go
    return OutputError(f"standard output cannot be written: {reason}; expected room where it goes")


@contextmanager
def _stopping() -> Iterator[None]:
    """Stop at once on SIGINT and SIGTERM, where this is the main thread; when all is done, they change nothing more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    for number in _SIGNALS:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # the process ends with the code of what was done


def _stop(number: int, _: object) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    abandon()
    with suppress(OSError, ValueError):
        shown = "\x1b[?25h\n" if sys.stderr.isatty() else ""  # the bar of progress hides the cursor
        os.write(
            2,
            f"{shown}{Wording('console', asked_language())('stopped')}\n".encode(
                sys.stderr.encoding or "utf-8", "replace"
            ),
        )
    os._exit(128 + number)


def _say_error(text: str) -> None:
    with suppress(OSError, ValueError):
        typer.echo(visible(text), err=True)


def _code(error: AccessibilityError) -> int:
    if isinstance(error, InputError):
        return EXIT_INPUT
    if isinstance(error, InfeasibleError | UnprovenError):
        return EXIT_UNPROVEN
    return EXIT_OUTPUT if isinstance(error, OutputError) else EXIT_FAULT


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
