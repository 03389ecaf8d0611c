"""Commands that bring inputs: a place from servers, a list from a geocoder, files, the page; what all say with."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accessibility.cli.arguments import Basemap, Json, Quiet, Spoken, asked_language, in_groups
from accessibility.cli.options import FetchOptions, Progress, Stopwatch
from accessibility.errors import InputError, visible
from accessibility.wording import Language, Wording, console_language, message_text

if TYPE_CHECKING:
    from collections.abc import Sequence


@in_groups
def fetch(
    place: Annotated[str, typer.Argument(metavar="PLACE", help='For example "Vaduz, Liechtenstein".')],
    *,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Folder for the files and a study.toml.")],
    wanted: FetchOptions,
    quiet: Quiet = False,
    as_json: Json = False,
    lang: Spoken = None,
) -> None:
    """Fetch streets, banks, outlets, boundary, people and heights of a place (needs the internet)."""
    from accessibility.cli.fetching import run_fetch  # noqa: PLC0415

    options = replace(wanted, language=console_language(lang))
    with progress_bar(quiet=quiet) as progress:
        facts = run_fetch(place, into, options, progress)
    if as_json:
        print_json(facts)
    elif not quiet:
        say = Wording("console", console_language(lang))
        place = visible(facts["place"])
        typer.echo(say("fetched", place=place, outlets=facts["outlets"], banks=facts["banks"]))
        for name, origin in facts["sources"].items():
            told = {key: message_text(text, say.language) for key, text in origin.items()}
            typer.echo(say("fetched_from", **{**told, "file": name}))
        for note in facts["notes"]:
            typer.echo(visible(message_text(note, say.language)))
        typer.echo(say("fetched_into", folder=into, study=into / "study.toml"))
        typer.echo(facts["attribution"])


@dataclass(frozen=True, kw_only=True)
class _Geocoded:
    """What a list is made into, in the words of `Geocoding`."""

    into: Annotated[Path, typer.Option("--into", metavar="WORKBOOK.xlsx", help="The workbook to write.")]
    answer: Annotated[Path | None, typer.Option(metavar="FILE", help="The geocoder's answer, to take back.")] = None
    coordinates: Annotated[str | None, typer.Option(metavar="DATUM", help="Of the answer, such as GCJ-02.")] = None
    within: Annotated[str, typer.Option(metavar="TEXT", help="What all addresses lie in: 重庆市万州区.")] = ""
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Also replace a file.")] = False


@in_groups
def geocode_list(
    listed: Annotated[Path, typer.Argument(metavar="LIST", help="A table with addresses.")],
    *,
    wanted: _Geocoded,
    lang: Spoken = None,
) -> None:
    """Write a list of addresses for a geocoder, or take its answer back with --answer."""
    from accessibility.cli.geocoding import Geocoding, run_geocoding  # noqa: PLC0415

    say = Wording("console", console_language(lang))
    done = run_geocoding(listed, Geocoding(**vars(wanted), language=say.language))
    told = {"path": visible(str(wanted.into)), "rows": done.rows, "found": done.found}
    if wanted.answer is None:
        typer.echo(say("geocode_asked", **told))
        return
    typer.echo(say("geocode_taken", exact=done.exact, **told))
    typer.echo(say("geocode_next", name=visible(wanted.into.name), precision=done.precision))


def begin_from_files(folder: Path, files: Sequence[str], language: Language, *, reconcile: bool, quiet: bool) -> Path:
    """Write a study.toml from files, say what they are, and return it."""
    from accessibility.cli.starting import begin_study, reconcile_study  # noqa: PLC0415

    say = Wording("console", language)
    with progress_bar(quiet=quiet) as progress:
        begun = begin_study(folder, files, progress, language=language)
    lines = begun.lines
    if reconcile and not begun.error:
        with progress_bar(quiet=quiet) as progress:
            begun = reconcile_study(begun.path, progress, language=language)
    if begun.warnings:
        lines = (*lines, say("found_in_study"), *(f"  {line}" for line in begun.warnings))
    if begun.totals:
        lines = (*lines, say("totals_taken" if begun.reconciled else "totals_offered", totals=begun.totals))
    for line in () if quiet else lines:
        typer.echo(visible(line))
    if begun.error:
        raise InputError(say("still_to_mend", path=begun.path, error=begun.error))
    typer.echo(say("wrote_study", path=begun.path))
    return begun.path


@dataclass(frozen=True, kw_only=True)
class _Served:
    """Where the page is, and whether a browser opens it."""

    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="8117, or a free one; 0: a free one.")] = None
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser.")] = True
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where others reach the page with a password, as 0.0.0.0.")
    ] = "127.0.0.1"


@in_groups
def serve(
    study: Annotated[
        Path | None, typer.Argument(metavar="[STUDY.toml]", help="A study to open; else files are dropped.")
    ] = None,
    *,
    into: Annotated[Path, typer.Option(metavar="DIR", help="Folder for new studies and packs.")] = Path("studies"),
    where: _Served,
    basemap: Basemap = False,
    lang: Spoken = None,
) -> None:
    """Open the planner's page in a browser: files, map, what-if, proposal and pack, on this computer alone."""
    try:
        from accessibility.cli.serving.app import run_server  # noqa: PLC0415
        from accessibility.cli.serving.guard import HOSTS, Door  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"the page needs the package {error.name}; expected it: pip install 'outlet-accessibility[serve]'"
        raise InputError(msg) from error
    from accessibility.cli.serving.desk import Desk  # noqa: PLC0415

    if study is not None and not study.is_file():
        msg = f"{study}: no such file; expected a study.toml (make one with: accessibility new DIR)"
        raise InputError(msg)
    say = Wording("page", console_language(lang))
    desk = Desk(folder=into.resolve(), first=study, language=say.language, basemap=basemap)
    door = Door(host=where.host, password="" if where.host in HOSTS else _ask_password(say, desk.folder))
    browser = where.browser and not door.shared

    def tell(address: str) -> None:
        typer.echo(say("served_at", address=address))

    run_server(desk, port=where.port, browser=browser, say=tell, door=door)


def _ask_password(say: Wording, folder: Path) -> str:
    """Say what it means that others reach the studies of a folder, and return the password that they need."""
    typer.echo(say("shared", folder=visible(str(folder))))
    known = os.environ.get("ACCESSIBILITY_PASSWORD", "")
    return known or str(typer.prompt(say("password"), hide_input=True, confirmation_prompt=True))


def progress_bar(*, quiet: bool, timings: bool = False) -> Progress:
    """Return a bar that shows the steps of a run, or none; it times them where that is asked."""

    def bar() -> Progress:
        from accessibility.cli.console import RichProgress, Silence  # noqa: PLC0415

        return Silence() if quiet else RichProgress(asked_language())

    return Stopwatch(bar) if timings else bar()


def print_json(value: Any) -> None:
    """Print one line of JSON: null for what is no number, control characters by their numbers."""
    from accessibility.present.manifest import json_line  # noqa: PLC0415

    typer.echo(json_line(value))
