"""The command line; no logic of its own. Imports stand inside the commands so that help is instant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 -- typer asks for it
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from accessibility import __version__
from accessibility.cli.arguments import (
    ExitCode,
    InTiles,
    MoreFiles,
    Out,
    Quiet,
    Spoken,
    SpokenGroup,
    StudyFile,
    Telling,
    Timings,
    Writing,
    asked_language,
    exit_with_code,
    in_groups,
    refuse_without,
)
from accessibility.cli.blank import new_study
from accessibility.cli.inputcommands import begin_from_files, fetch, geocode_list, print_json, progress_bar, serve
from accessibility.cli.options import Options
from accessibility.errors import visible
from accessibility.wording import Language, Wording, console_language, message_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accessibility.study.proposing import Question

app = typer.Typer(
    name="accessibility",
    cls=SpokenGroup,
    help="Who lives within a 15-minute walk or 5 km of a service outlet, and where the next outlet should open.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_GAP = 0.001


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    lang: Annotated[
        Language | None,
        typer.Option("--lang", help="Language of all that is said, help included; the system's if not given."),
    ] = None,
) -> None:
    if version:
        typer.echo(f"outlet-accessibility {__version__}")
        raise typer.Exit
    if lang is not None:
        context.default_map = {name: {"lang": lang} for name in context.command.commands}  # type: ignore[attr-defined]


@app.command()
@in_groups
def demo(*, to: Writing) -> None:
    """Run the sample county: coverage, proposal, map and report, into maps/demo/."""
    from accessibility.cli.pack import run_demo  # noqa: PLC0415

    with progress_bar(quiet=to.quiet) as progress:
        result = run_demo(to.out, to.options(), progress)
    _tell(result, to)


@dataclass(frozen=True, kw_only=True)
class _GoingOn:
    """What is done with a study that was just written."""

    run: Annotated[bool, typer.Option("--run", help="Go on to coverage, map and report.")] = False
    budget: Annotated[float | None, typer.Option(help="With --run: also propose sites for this total cost.")] = None
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Multiply people to the official totals of districts.")
    ] = False


@app.command()
@in_groups
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to create.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE...]", help="Inputs of any kind, recognised by content; banks=FILE says what it is."
        ),
    ] = None,
    *,
    then: _GoingOn,
    quiet: Quiet = False,
    lang: Spoken = None,
) -> None:
    """Write a commented study.toml: to fill in, or filled from the files that are named."""
    language = console_language(lang)
    say = Wording("console", language)
    refuse_without("FILE", run=then.run and not files, reconcile=then.reconcile and not files)
    refuse_without("--run", budget=None if then.run else then.budget)
    if not files:
        typer.echo(say("wrote_template", path=new_study(folder, language)))
        return
    path = begin_from_files(folder, files, language, reconcile=then.reconcile, quiet=quiet)
    if then.run and then.budget is None:
        cover(study=path, quiet=quiet, lang=language)
    elif then.run:
        site(study=path, budget=then.budget, quiet=quiet, lang=language)


app.command()(fetch)
app.command("geocode-list")(geocode_list)


@app.command()
@in_groups
def check(study: StudyFile, *, out: Out = None, how: Telling) -> None:
    """Read everything; print what was read, what is suspect, and what each finding is worth; --out: quality.csv."""
    from accessibility.cli.verifying import run_check  # noqa: PLC0415

    with progress_bar(quiet=how.quiet) as progress:
        facts = run_check(study, progress, out, workers=how.workers, language=console_language(how.lang))
    if how.as_json:
        print_json(facts)
    elif not how.quiet:
        from accessibility.cli.console import print_check  # noqa: PLC0415

        print_check(facts, console_language(how.lang))


@app.command()
@in_groups
def cover(
    study: StudyFile,
    *,
    to: Writing,
    more: MoreFiles,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Draw the inputs with their errors: every headline gets its bar."),
    ] = False,
    dealt: InTiles,
    timings: Timings = False,
) -> None:
    """Measure coverage: report, map, workbook, layers and tables, into maps/<study>/."""
    progress = progress_bar(quiet=to.quiet, timings=timings)
    from accessibility.cli.pack import run_cover  # noqa: PLC0415

    options = to.options(**vars(more), uncertainty=uncertainty)
    with progress:
        if dealt.tiles:
            from accessibility.cli.tiling import Tiling, run_tiles  # noqa: PLC0415

            tiling = Tiling.of(options, scheduler=dealt.scheduler, memory=dealt.memory)
            result = run_tiles(study, to.out, options, tiling, progress)
        else:
            refuse_without("--tiles", scheduler=dealt.scheduler, memory=dealt.memory)
            result = run_cover(study, to.out, options, progress)
    _tell(result, to)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What is asked of a proposal."""

    budget: Annotated[float | None, typer.Option(help="Maximum total cost of the new sites.")] = None
    sites: Annotated[int | None, typer.Option(help="Maximum number of new sites.")] = None
    reach: Annotated[float | None, typer.Option(help="Share of all people to reach at least cost, 0 to 1.")] = None
    model: Annotated[
        Literal["mclp", "lscp", "p-median", "p-center", "max-min", "backup", "relocation"],
        typer.Option(help="Objective of the plan."),
    ] = "mclp"
    floor: Annotated[float, typer.Option(help="Minimum share covered in every district, 0 to 1.")] = 0.0
    close: Annotated[int, typer.Option(help="Number of open sites that may close (relocation).")] = 0
    gap: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help=f"Gap to the bound at which the search may stop; above it ({_GAP:g} if not given), exit code 3.",
        ),
    ] = None
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit", min=0.0, help="Time limit of the search, in seconds; its work is limited if not given."
        ),
    ] = None
    robust: Annotated[
        bool, typer.Option("--robust", help="Also tell whether the plan holds by other inputs, and one that does.")
    ] = False
    aim: Annotated[
        Literal["mean", "worst"] | None,
        typer.Option("--aim", help="Of --robust: best on average over the draws (the default) or in the worst tenth."),
    ] = None

    def question(self) -> Question:
        """Return the question."""
        from accessibility.study.proposing import Question  # noqa: PLC0415

        asked = {name: getattr(self, name) for name in ("budget", "sites", "reach", "model", "floor", "close")}
        return Question(**asked, time_limit_s=self.time_limit, gap=self.gap or 0.0)


@app.command()
@in_groups
def site(
    study: StudyFile, *, asked: _Asked, to: Writing, more: MoreFiles, dealt: InTiles, timings: Timings = False
) -> None:
    """Propose where to open next, with a proof; everything that cover writes, and sites.csv, into maps/<study>/."""
    progress = progress_bar(quiet=to.quiet, timings=timings)
    from accessibility.cli.pack import run_site  # noqa: PLC0415

    question = asked.question()
    options = to.options(**vars(more), robust=(asked.aim or "mean") if asked.robust else None)
    refuse_without("--robust", aim=None if asked.robust else asked.aim)
    with progress:
        if dealt.tiles:
            from accessibility.cli.tiling import Tiling, run_tiles  # noqa: PLC0415

            tiling = Tiling.of(options, scheduler=dealt.scheduler, memory=dealt.memory, question=question)
            result = run_tiles(study, to.out, options, tiling, progress, question)
        else:
            refuse_without("--tiles", scheduler=dealt.scheduler, memory=dealt.memory)
            result = run_site(study, question, to.out, options, progress)
    _tell(result, to)
    told = result.manifest["siting"]
    if (
        told["status"] == "infeasible"
        or told["gap"] is None
        or told["gap"] > (_GAP if asked.gap is None else asked.gap)
    ):
        raise typer.Exit(ExitCode.UNPROVEN)


def _tell_lines(lines: Iterable[str], lang: Language | None) -> None:
    typer.echo("\n".join(visible(message_text(line, console_language(lang))) for line in lines))


def _tell(result: Any, how: Writing) -> None:
    """Print what a run found."""
    if how.as_json:
        more = {name: result.manifest.get(name) for name in ("siting", "robust")}
        print_json(result.manifest["totals"] | {name: facts for name, facts in more.items() if facts is not None})
    elif not how.quiet:
        from accessibility.cli.console import print_coverage  # noqa: PLC0415

        print_coverage(result, console_language(how.lang))
    _tell_timings(result.manifest, how.lang)


def _tell_timings(manifest: dict[str, Any], lang: str | None) -> None:
    """Print what the stages took, where that was asked."""
    if "timings" in manifest:
        from accessibility.cli.console import print_timings  # noqa: PLC0415

        print_timings(manifest["timings"], console_language(lang))


@app.command()
@in_groups
def compare(
    study: StudyFile,
    scenarios: Annotated[Path, typer.Argument(metavar="SCENARIOS.toml", help="The scenarios.")],
    *,
    to: Writing,
    timings: Timings = False,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also write a GeoPackage of each scenario: people, sites, service areas.")
    ] = False,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Draw the inputs with their errors: every gain gets its bar, or is noise."),
    ] = False,
) -> None:
    """Compare scenarios with today: tables, a report, a map each and a manifest, into maps/<study>-scenarios/."""
    progress = progress_bar(quiet=to.quiet, timings=timings)
    from accessibility.cli.comparing import run_compare  # noqa: PLC0415

    with progress:
        found = run_compare(study, scenarios, to.out, to.options(layers=layers, uncertainty=uncertainty), progress)
    if to.as_json:
        names = [name for name in ("scenarios", "uncertainty", "pairs") if name in found.manifest]
        print_json(found.manifest["totals"] | {name: found.manifest[name] for name in names})
    elif not to.quiet:
        from accessibility.cli.console import print_comparison  # noqa: PLC0415

        print_comparison(found, console_language(to.lang))
    _tell_timings(found.manifest, to.lang)


@app.command()
@in_groups
def changes(
    old: Annotated[Path, typer.Argument(metavar="OLD.toml", help="The study as it was.")],
    new: Annotated[Path, typer.Argument(metavar="NEW.toml", help="The study as it is.")],
    *,
    built: Annotated[
        Path | None, typer.Option(metavar="LINES", help="A file of lines: the streets that were built in between.")
    ] = None,
    how: Telling,
) -> None:
    """Tell how many points between two figures come from streets, from mapping, from outlets and from people."""
    from accessibility.cli.comparing import changes_text, run_changes  # noqa: PLC0415

    with progress_bar(quiet=how.quiet) as progress:
        facts = run_changes(old, new, built, Options(workers=how.workers), progress)
    if how.as_json:
        print_json(facts)
    elif not how.quiet:
        _tell_lines(changes_text(facts), how.lang)


@app.command()
@in_groups
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")],
    *,
    study: Annotated[
        Path | None,
        typer.Option("--study", metavar="STUDY.toml", help="Where the study file lies now, if it was moved."),
    ] = None,
    how: Telling,
) -> None:
    """Prove a run again from its inputs, every table and the plan: exit code 0 if all is equal, 4 if not."""
    from accessibility.cli.verifying import run_verify  # noqa: PLC0415

    with progress_bar(quiet=how.quiet) as progress:
        verdict = run_verify(folder, Options(workers=how.workers), progress, study=study)
    if how.as_json:
        print_json(verdict.to_dict())
    elif not how.quiet:
        _tell_lines(verdict.lines, how.lang)
    raise typer.Exit(0 if verdict.equal else ExitCode.OUTPUT)


app.command()(serve)


def _run() -> object:
    command: Any = typer.main.get_command(app)
    command.language = asked_language()
    return command()


def main() -> None:
    """Run the command line and exit with its code; see `accessibility.cli.arguments`."""
    exit_with_code(_run)
