"""How a run is done, who is told how far it is, and what it says at the end."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 -- typer asks for it
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol, Self

import typer

from accessibility.wording import Language, day_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from accessibility.present.symbols import SiteLabel
    from accessibility.siting import SitingPlan
    from accessibility.study.proposing import SitingCase
    from accessibility.study.robustness import HeldPlans

READING_STEPS = 5
_MB = 1_000_000
_IDLE = {  # options that change nothing of what a command writes
    "cover": ("layers", "robust"),
    "site": ("layers",),
    "compare": ("shapefile", "geotiff", "docx", "robust"),
}


class Progress(Protocol):
    """Who is told how far the work is.

    Examples
    --------
    >>> class Steps(list):
    ...     def __enter__(self):
    ...         return self
    ...
    ...     def __exit__(self, *error):
    ...         pass
    ...
    ...     def start(self, steps):
    ...         pass
    ...
    ...     def step(self, text):
    ...         self.append(text)
    ...
    ...     def part(self, done, whole):
    ...         pass
    >>> steps = Steps()
    >>> _ = run_check(study, steps)
    >>> steps[0], steps[-1]
    ('Districts', 'Weighing what was found')
    """

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(self, *error: object) -> None:
        """End."""

    def start(self, steps: int) -> None:
        """Say how many steps there will be.

        Parameters
        ----------
        steps
            How often `step` will be called.

        Examples
        --------
        >>> silent.start(3) is None
        True
        """

    def step(self, text: str) -> None:
        """Say which step begins.

        Parameters
        ----------
        text
            The step, in a word or a few.

        Examples
        --------
        >>> silent.step("Streets") is None
        True
        """

    def part(self, done: int, whole: int) -> None:
        """Say how far the step is that has begun.

        Parameters
        ----------
        done, whole
            How many of its parts are done, and how many there are.

        Examples
        --------
        >>> silent.part(10, 200) is None
        True
        """


class _Mark(NamedTuple):
    """How much a process has used when a stage begins or ends."""

    stage: str
    cpu_s: float
    wall_s: float
    peak_mb: float | None

    @classmethod
    def now(cls, stage: str) -> _Mark:
        children = sum(os.times()[2:4])  # of processes that have ended
        return cls(stage, time.process_time() + children, time.perf_counter(), _peak_mb())


def _peak_mb() -> float | None:
    """Return the most memory that this process has held so far; None where the system does not say."""
    with suppress(ImportError):
        import resource  # noqa: PLC0415 -- Windows has none
        import sys  # noqa: PLC0415

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / _MB
    return None


class Stopwatch:
    """Progress that is told on, and times the stages: each from its step to the next.

    Parameters
    ----------
    make
        Makes who is told how far the work is; what that loads is a part of the first stage.

    Examples
    --------
    >>> from accessibility.cli.options import Stopwatch
    >>> watch = Stopwatch(lambda: silent)
    >>> watch.step("Streets")
    >>> [stage["stage"] for stage in watch.stages()]
    ['Loading the program', 'Streets']
    """

    def __init__(self, make: Callable[[], Progress]) -> None:
        """Begin with the first stage."""
        self._marks = [_Mark.now("Loading the program")]
        self._told = make()

    def __enter__(self) -> Self:
        """Begin."""
        self._told.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """End."""
        self._told.__exit__(*error)

    def start(self, steps: int) -> None:
        """Say how many steps there will be."""
        self._told.start(steps)

    def step(self, text: str) -> None:
        """Say which step begins, and end the stage before."""
        self._marks.append(_Mark.now(text))
        self._told.step(text)

    def part(self, done: int, whole: int) -> None:
        """Say how far the step is that has begun."""
        self._told.part(done, whole)

    def stages(self) -> list[dict[str, Any]]:
        """Return a row per stage: seconds of CPU and by the clock, and the most memory held up to its end, in MB.

        Returns
        -------
        list
            In their order; the last one ends now.
        """
        ends = [*self._marks[1:], _Mark.now("")]
        return [
            {
                "stage": begun.stage,
                "cpu_s": round(end.cpu_s - begun.cpu_s, 3),
                "wall_s": round(end.wall_s - begun.wall_s, 3),
                "peak_mb": None if end.peak_mb is None else round(end.peak_mb, 1),
            }
            for begun, end in zip(self._marks, ends, strict=True)
        ]


def timed(progress: Progress) -> dict[str, Any]:
    """Return what a manifest says of the times of the stages: nothing where nobody asked."""
    return {"timings": progress.stages()} if isinstance(progress, Stopwatch) else {}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is done; nothing here changes a figure.

    Parameters
    ----------
    workers
        Threads; all processors if None.
    basemap
        Whether the map asks an online tile server for a background.
    language
        Of map, report and workbook: ``en``, ``zh`` or ``both``.
    shapefile, geotiff
        Whether the layers are also written as Shapefiles, and walking time as a GeoTIFF.
    layers
        Whether each scenario of a comparison is also written as a GeoPackage.
    docx
        Whether the brief is also written for word processors.
    cache
        Folder for parsed networks; the user's cache folder if None.
    date
        The day that the files bear, as ``2026-11-28``; today if empty.
    overwrite
        Whether files that this program did not write may be replaced, and an earlier proposal lost.
    uncertainty
        Whether the inputs are drawn with their errors, and every headline gets its bar.
    robust
        In what a plan is best over these draws, ``mean`` or ``worst``, where a proposal is held against them.

    Examples
    --------
    >>> from accessibility.cli.runs import Options
    >>> Options(language="both", date="2026-11-29").day
    '2026-11-29'
    """

    workers: int | None = None
    basemap: bool = False
    language: Literal["en", "zh", "both"] = "en"
    shapefile: bool = False
    geotiff: bool = False
    layers: bool = False
    docx: bool = False
    cache: Path | None = None
    date: str = ""
    overwrite: bool = False
    uncertainty: bool = False
    robust: Literal["mean", "worst"] | None = None

    @property
    def day(self) -> str:
        """Day that the files bear."""
        return self.date or day_text()

    def files_of(self, command: str) -> dict[str, Any]:
        """Return what decides which files a command writes and what is in them, for the manifest.

        Parameters
        ----------
        command
            ``cover``, ``site`` or ``compare``; an option that changes nothing of what it writes is not told as given.

        Returns
        -------
        dict
            Options by name.

        Examples
        --------
        >>> Options(layers=True).files_of("compare")["layers"], "layers" in Options(layers=True).files_of("cover")
        (True, False)
        """
        idle = dict.fromkeys(_IDLE[command], False)
        asked = {name: getattr(self, name) for name in ("language", "basemap", "shapefile", "geotiff")}
        more = {"layers": self.layers, "docx": self.docx, "uncertainty": self.uncertainty, "robust": self.robust}
        more = {name: value for name, value in more.items() if value and name not in idle}
        return asked | {name: value for name, value in idle.items() if name in asked} | more


def kept_draws(options: Options) -> Path:
    """Return where draws are kept, so that a run that is cut short goes on from there."""
    from accessibility.study.loading.context import default_cache  # noqa: PLC0415 -- commands are read before it is needed

    return (default_cache() if options.cache is None else options.cache) / "draws"


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """What is fetched of a place, who is asked, and for how long.

    Parameters
    ----------
    people
        ``worldpop``, ``ghs-pop`` or ``none``; where the first two fail, the other of them is tried.
    year
        Of the people, 2015 to 2030.
    country
        Three letters (ISO 3166) of the country whose people they are; asked of OpenStreetMap if None.
    heights, buildings
        Whether heights, and outlines of buildings, are fetched. People are then shared over the buildings.
    overpass, nominatim, worldpop, ghsl, copernicus
        Addresses of the servers; the public ones if None.
    minutes
        For everything together.
    overwrite
        Whether files that were not fetched, or have changed since, may be replaced.
    cache
        Folder for what came of large files; in the user's cache folder if None.
    language
        Of what the study says about itself.

    Examples
    --------
    >>> from accessibility.cli.runs import FetchOptions
    >>> FetchOptions(minutes=5).overwrite
    False
    """

    people: Annotated[str, typer.Option(metavar="SOURCE", help="Of the people: worldpop, ghs-pop or none.")] = (
        "worldpop"
    )
    year: Annotated[int, typer.Option(help="Of the people.")] = 2025
    country: Annotated[str | None, typer.Option(metavar="ABC", help="The country, if it is not found: CHN.")] = None
    heights: Annotated[bool, typer.Option("--heights/--no-heights", help="Bring heights.")] = True
    buildings: Annotated[bool, typer.Option("--buildings", help="Bring buildings, and spread people over them.")] = (
        False
    )
    overpass: Annotated[str | None, typer.Option(metavar="URL", help="An Overpass server of your own.")] = None
    nominatim: Annotated[str | None, typer.Option(metavar="URL", help="A Nominatim server of your own.")] = None
    worldpop: Annotated[str | None, typer.Option(metavar="URL", help="A mirror of WorldPop's R2025A.")] = None
    ghsl: Annotated[str | None, typer.Option(metavar="URL", help="A mirror of GHS-POP R2023A.")] = None
    copernicus: Annotated[str | None, typer.Option(metavar="URL", help="A mirror of Copernicus DEM GLO-30.")] = None
    minutes: Annotated[float, typer.Option(min=0.1, help="Time limit, in minutes.")] = 15.0
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Also replace files that were changed since.")] = False
    cache: Path | None = None
    language: Language = "en"


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What a run found, for the terminal.

    Parameters
    ----------
    folder
        Where everything was written.
    headlines
        The share covered with both parts, the rule, the speed and the date, by language.
    settings
        People, covered and shares by setting.
    notes
        Further sentences with figures.
    findings
        What was found on the inputs and what it is worth, as plain values; the first `warnings` of them are warnings.
    warnings
        How many of the findings somebody should look at.
    manifest
        As written.
    files
        Names of the files, in the order of their importance.
    case
        The question for a proposal and the plan, where one was asked for.
    held
        How the plan holds over draws of the inputs, and one that is best over them, where that was asked for.
    kept
        Where an earlier run is kept that stood in the folder.
    cost_unit
        What costs are counted in, such as 万元; empty where they are only numbers.
    bars
        Who is served, where sites have a capacity, who is covered by walkers of their own, where groups have some, and
        how sure the headline is, where that was asked, in sentences, by language.
    labels
        What sites without a name are called, by id.

    Examples
    --------
    >>> from accessibility.cli.runs import Options, run_cover
    >>> result = run_cover(study, folder / "result", Options(), silent)
    >>> result.plan is None, result.headlines["en"].split(" are")[0]
    (True, '75.0 % of 40 people (30)')
    """

    folder: Path
    headlines: Mapping[Language, str]
    settings: pd.DataFrame
    notes: tuple[str, ...]
    findings: list[dict[str, Any]]
    warnings: int
    manifest: dict[str, Any]
    files: tuple[str, ...]
    case: SitingCase | None = None
    held: HeldPlans | None = None
    kept: Path | None = None
    cost_unit: str = ""
    bars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, SiteLabel] = field(default_factory=dict)

    @property
    def plan(self) -> SitingPlan | None:
        """The siting plan, where one was asked for."""
        return None if self.case is None else self.case.plan
