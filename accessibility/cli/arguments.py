"""The arguments and options that several commands have in common, and the help of all in the language of its reader."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from accessibility.errors import AccessibilityError
from accessibility.wording import Language, Wording, help_text, message_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study: its inputs and settings.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Number of threads; all processors if not given.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")]
Json = Annotated[bool, typer.Option("--json", help="The totals as JSON on standard output.")]
Basemap = Annotated[
    bool, typer.Option("--basemap", help="Online OpenStreetMap tiles under the map (needs the internet).")
]
Lang = Annotated[
    Literal["en", "zh", "both"] | None,
    typer.Option("--lang", help="Language of map, report and workbook (English if not given) and of the terminal."),
]
Spoken = Annotated[Language | None, typer.Option("--lang", help="Language of what is said; the system's if not given.")]
Shapefile = Annotated[bool, typer.Option("--shapefile", help="Also write the layers as Shapefiles.")]
Geotiff = Annotated[bool, typer.Option("--geotiff", help="Also write walking minutes as a GeoTIFF.")]
Docx = Annotated[bool, typer.Option("--docx", help="Also write the brief for word processors (needs the extra docx).")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Also write into a folder of other files; keep no earlier proposal.")
]
Timings = Annotated[
    bool,
    typer.Option("--timings", help="Print seconds and memory of each stage at the end; the manifest has them, too."),
]
Tiles = Annotated[
    bool, typer.Option("--tiles", help="Tables alone, in tiles: for an area larger than memory; goes on if stopped.")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Of --tiles: a Dask scheduler, such as tcp://host:8786.")
]
Memory = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Of --tiles: memory for all workers here, such as 4GB.")
]
Model = Literal["mclp", "lscp", "p-median", "p-center", "max-min", "backup", "relocation"]


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
            tell_help(self, self.language)


def tell_help(command: Any, language: Language) -> Any:
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
