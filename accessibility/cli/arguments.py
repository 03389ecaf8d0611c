"""How commands begin and end: the arguments they have in common, help in two languages; exit codes, errors, signals."""

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
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import IntEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_origin, get_type_hints

import typer
from typer.core import TyperGroup

from accessibility.cli.options import Options
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
from accessibility.wording import Language, Wording, console_language, help_text, message_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import ReadableBuffer
    from rich.text import Text

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study: its inputs and settings.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Number of threads; all processors if not given.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")]
Json = Annotated[bool, typer.Option("--json", help="The totals as JSON on standard output.")]
Basemap = Annotated[
    bool,
    typer.Option(
        "--basemap",
        help="Online tiles under the map: of OpenStreetMap, or as the study says (needs the internet).",
    ),
]
Spoken = Annotated[Language | None, typer.Option("--lang", help="Language of what is said; the system's if not given.")]
Timings = Annotated[
    bool,
    typer.Option("--timings", help="Print seconds and memory of each stage at the end; the manifest has them, too."),
]


@dataclass(frozen=True, kw_only=True)
class Telling:
    """Options of a command that says something and writes no folder."""

    workers: Workers = None
    quiet: Quiet = False
    as_json: Json = False
    lang: Spoken = None


@dataclass(frozen=True, kw_only=True)
class Writing:
    """Options of a command that writes a folder."""

    out: Out = None
    workers: Workers = None
    quiet: Quiet = False
    as_json: Json = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also write into a folder of other files; keep no earlier proposal.")
    ] = False
    lang: Annotated[
        Literal["en", "zh", "both"] | None,
        typer.Option("--lang", help="Language of map, report, workbook and terminal; the system's if not given."),
    ] = None
    basemap: Basemap = False

    def options(self, **more: Any) -> Options:
        """Return how the run is done, with more options of it."""
        language = self.lang or console_language()
        return Options(workers=self.workers, overwrite=self.overwrite, basemap=self.basemap, language=language, **more)


@dataclass(frozen=True, kw_only=True)
class MoreFiles:
    """Files on request."""

    shapefile: Annotated[bool, typer.Option("--shapefile", help="Also write the layers as Shapefiles.")] = False
    geotiff: Annotated[bool, typer.Option("--geotiff", help="Also write walking minutes as a GeoTIFF.")] = False
    docx: Annotated[
        bool, typer.Option("--docx", help="Also write the brief for word processors (needs the extra docx).")
    ] = False


@dataclass(frozen=True, kw_only=True)
class InTiles:
    """Options of a run in tiles."""

    tiles: Annotated[
        bool,
        typer.Option("--tiles", help="In tiles: for an area larger than memory; goes on if stopped."),
    ] = False
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of --tiles: a Dask scheduler, such as tcp://host:8786.")
    ] = None
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Of --tiles: memory for all workers here, such as 4GB.")
    ] = None


def in_groups(run: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes options in groups: a parameter that is a dataclass stands for its annotated fields.

    Typer asks for a parameter an option, and a command may have twenty-five.
    """
    hints = get_type_hints(run, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    options: dict[str, list[str]] = {}
    shown: list[Parameter] = []
    for name, one in signature(run).parameters.items():
        if name not in groups:
            shown.append(one.replace(annotation=hints[name]))
            continue
        of = get_type_hints(groups[name], include_extras=True)
        asked = [field for field in fields(groups[name]) if get_origin(of[field.name]) is Annotated]
        options[name] = [field.name for field in asked]
        for field in asked:
            default = Parameter.empty if field.default is MISSING else field.default
            shown.append(Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=of[field.name]))
    whole = Signature(shown)

    @wraps(run)
    def command(**given: Any) -> None:
        bound = whole.bind(**given)
        bound.apply_defaults()
        values = bound.arguments
        made = {name: groups[name](**{each: values.pop(each) for each in own}) for name, own in options.items()}
        run(**values, **made)

    command.__signature__ = whole  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in shown}
    return command


def refuse_without(needed: str, **given: object) -> None:
    """Refuse options, by name, that are given to a command without what they need and would do nothing alone.

    Raises
    ------
    InputError
        One that is neither None nor False.
    """
    named = " and ".join(f"--{name}" for name, value in given.items() if value not in (None, False))
    if named:
        msg = f"{named} without {needed}; expected both"
        raise InputError(msg)


class SpokenGroup(TyperGroup):
    """All commands. Help and what is said of wrong options come in `language`; what shows them is loaded only then."""

    language: Language | None = None

    def make_context(self, *given: Any, **named: Any) -> Any:
        """Return the context of a call."""
        with self._telling():
            return super().make_context(*given, **named)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return what is left of the words of a call."""
        if not args or "--help" in args:
            self._tell()
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is called."""
        with self._telling():
            return super().invoke(ctx)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (AccessibilityError, typer.Exit):
            raise
        except Exception:  # most likely a word that is no option, which typer will speak of
            self._tell()
            raise

    def _tell(self) -> None:
        if self.language is not None:
            translate_help(self, self.language)


def translate_help(command: Any, language: Language) -> Any:
    """Return a command whose help, and that of all its commands, is in a language, as is what it says of wrong options.

    Parameters
    ----------
    command
        What ``typer.main.get_command`` returns.
    language
        ``en`` (as the code has it) or ``zh``.
    """
    from typer import rich_utils  # noqa: PLC0415 -- which typer itself loads only to show something

    class Highlighter(rich_utils.OptionHighlighter):
        """What colours the help: usage and errors come as plain texts, all else as it is to be shown."""

        def __call__(self, text: str | Text) -> Text:
            told = super().__call__(message_text(text, language) if isinstance(text, str) else text)
            told.overflow = "fold"  # Chinese has no spaces at which a line could end
            return told

    say = Wording("help", language)
    rich_utils.highlighter = Highlighter()
    titles = {"ARGUMENTS": "arguments", "OPTIONS": "options", "COMMANDS": "commands", "ERRORS": "error"}
    for name, key in titles.items():
        setattr(rich_utils, f"{name}_PANEL_TITLE", say(key))
    rich_utils.REQUIRED_LONG_STRING, rich_utils.DEFAULT_STRING = say("required"), say("default")
    rich_utils.RICH_HELP = say("try_help")
    for one in (command, *command.commands.values()):
        one.help = help_text(one.help, language)
        for told in one.get_params(typer.Context(one)):
            told.help = help_text(told.help, language)
            if getattr(told, "is_flag", False):
                told.metavar = ""  # a word that is there or not takes no value
    return command


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NO_PLACE = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP)
_ERROR = 2  # the number of standard error


class ExitCode(IntEnum):
    """How a command ended, if not well."""

    FAULT = 1
    INPUT = 2
    UNPROVEN = 3
    OUTPUT = 4


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
    sys.exit(codes[0] if codes else ExitCode.FAULT)


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
    return ExitCode.FAULT


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
    return ExitCode.OUTPUT if code == 1 else code  # so typer and rich say that nobody reads what is printed


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
        return ExitCode.INPUT
    if isinstance(error, InfeasibleError | UnprovenError):
        return ExitCode.UNPROVEN
    return ExitCode.OUTPUT if isinstance(error, OutputError) else ExitCode.FAULT


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
