"""What the commands do: read a study, ask it, write a folder."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from accessibility.errors import InputError, OutputError
from accessibility.loading.context import MARGIN_M
from accessibility.quality import measure_quality
from accessibility.report.files import write_csv, write_folder, write_geoparquet
from accessibility.report.groups import group_notes, group_record, group_table
from accessibility.report.manifest import Run, record_run, write_manifest
from accessibility.report.tables import demand_table, headline, setting_table
from accessibility.study import read_study

if TYPE_CHECKING:
    import pandas as pd

    from accessibility.coverage import Coverage
    from accessibility.quality import Quality
    from accessibility.study import Study

ELDERLY_M_S = 0.8
SPEEDS_M_S = (ELDERLY_M_S, 1.0, 1.2)
_READING_STEPS = 5
_TEMPLATE = Path(__file__).parent / "templates" / "study.toml"
_FETCHED_TEMPLATE = _TEMPLATE.with_name("fetched.toml")


class Progress(Protocol):
    """Who is told how far the work is."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(self, *error: object) -> None:
        """End."""

    def start(self, steps: int) -> None:
        """Say how many steps there will be."""

    def step(self, text: str) -> None:
        """Say which step begins."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is done; nothing here changes a figure.

    Parameters
    ----------
    workers
        Threads; all processors if None.
    basemap
        Whether the map asks an online tile server for a background.
    cache
        Folder for parsed networks; the user's cache folder if None.
    """

    workers: int | None = None
    basemap: bool = False
    cache: Path | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What a coverage run found, for the terminal.

    Parameters
    ----------
    folder
        Where everything was written.
    headline
        The share covered with both parts, the rule, the speed and the date.
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
    """

    folder: Path
    headline: str
    settings: pd.DataFrame
    notes: tuple[str, ...]
    findings: list[dict[str, Any]]
    warnings: int
    manifest: dict[str, Any]


def sample_study() -> Path:
    """Return the study file of the sample county."""
    path = Path(__file__).parents[1] / "data" / "sample" / "study.toml"
    if not path.is_file():
        msg = f"{path}: no such file; the sample county lies in the project's folder, run the demo from a clone of it"
        raise InputError(msg)
    return path


def demo_folder() -> Path:
    """Return where the demo writes: maps/demo under the project's root."""
    return Path(__file__).parents[1] / "maps" / "demo"


def new_study(folder: Path) -> Path:
    """Write a commented study.toml into `folder` and return its path; an existing one stays as it is."""
    path = folder / "study.toml"
    if path.exists():
        msg = f"{path} exists; expected a folder without a study"
        raise InputError(msg)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_TEMPLATE.read_bytes())
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise OutputError(msg) from error
    return path


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """Who is asked for OpenStreetMap data, and for how long.

    Parameters
    ----------
    overpass, nominatim
        Addresses of the servers; the public ones if None.
    minutes
        For everything together.
    """

    overpass: str | None = None
    nominatim: str | None = None
    minutes: float = 15.0


def run_fetch(place: str, folder: Path, options: FetchOptions, progress: Progress) -> dict[str, Any]:
    """Fetch a place from OpenStreetMap into `folder`, and return what there is; a study.toml there stays as it is."""
    from accessibility.sources import overpass  # noqa: PLC0415 -- osmnx only where it is asked for

    progress.start(4)
    servers = overpass.Servers(
        overpass=options.overpass, nominatim=options.nominatim, deadline_s=60.0 * options.minutes
    )
    found = overpass.fetch_place(place, margin_m=MARGIN_M, servers=servers, progress=progress.step)
    progress.step("Writing")
    counts = {"outlets": len(found.outlets), "banks": len(found.banks)}
    study = _FETCHED_TEMPLATE.read_text(encoding="utf-8").format(
        date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        name=json.dumps(found.name, ensure_ascii=False),
        attribution=json.dumps(overpass.ATTRIBUTION, ensure_ascii=False),
        km=MARGIN_M / 1_000,
        no_outlets="" if counts["outlets"] else "# ",
        no_banks="" if counts["banks"] else "# ",
        **counts,
    )
    with write_folder(folder) as aside:
        overpass.write_streets(found.streets, found.name, aside / "streets.osm.gz")
        for name in ("boundary", "banks", "outlets"):
            getattr(found, name).to_file(aside / f"{name}.gpkg", layer=name, driver="GPKG")
        if not (folder / "study.toml").exists():
            (aside / "study.toml").write_text(study, encoding="utf-8")
    return {
        "place": found.name,
        "folder": str(folder),
        **counts,
        "notes": [str(finding) for finding in found.findings],
        "attribution": overpass.ATTRIBUTION,
    }


def run_check(path: Path, progress: Progress, out: Path | None = None) -> dict[str, Any]:
    """Return what a study's inputs hold, and what every finding on them is worth in points of coverage.

    That takes a coverage run or a few, though a check was once meant to compute nothing: a finding without its worth
    leaves open whether it matters. ``quality.csv`` is written into `out`; nothing is written without one.
    """
    progress.start(_READING_STEPS + 1)
    study = read_study(path, progress=progress.step)
    progress.step("Weighing what was found")
    quality = measure_quality(study)
    if out is not None:
        write_csv(quality.table, out / "quality.csv")
    sites, demand = study.sites, study.demand
    placed = study.site_district.notna().to_numpy()
    read = {
        "study": f"{study.name} ({path})",
        "area": "none: everyone counts" if study.districts is None else f"{len(study.districts)} districts",
        "network": f"{study.network!r}"[1:-1] + f"; projected to {_crs_text(study.network.crs)}",
        "people": f"{demand!r}"[1:-1],
        "sites": f"{sites!r}"[1:-1] + f"; {int(placed.sum())} inside the area",
        "standard": "; ".join(f"{s}: {study.standard.rule(s).text}" for s in ("urban", "town", "rural")),
        "walking": _walking_text(study),
    }
    files = {name: _file_text(file) for name, file in study.inputs.items()}
    return {
        "read": read | {f"file {name}": text for name, text in files.items()},
        "headline": headline(quality.coverage),
        "notes": [str(finding) for finding in quality.findings if not finding.is_warning],
        "warnings": [str(finding) for finding in quality.findings if finding.is_warning],
        **quality.to_dict(),
    }


def run_cover(path: Path, out: Path | None, options: Options, progress: Progress) -> Result:
    """Measure a study's coverage and write tables, map and manifest into `out` (``maps/<study>`` if None)."""
    begun = time.monotonic()
    progress.start(_READING_STEPS + 5)
    study = read_study(path, progress=progress.step, cache=options.cache)
    progress.step("Snapping people and sites to streets")
    _ = study.snapped
    progress.step("Walking from every home")
    now, slow, shares = _at_all_speeds(study, options)
    groups = group_table(now, slow)
    folder = Path("maps") / _slug(study.name) if out is None else out
    date = dt.datetime.now(tz=dt.UTC).date().isoformat()
    progress.step("Weighing what was found")
    quality = measure_quality(study, now)
    progress.step("Drawing the map")
    drawn = study.map(now, date=date, basemap=options.basemap)
    progress.step("Writing")
    of_groups = group_notes(groups, now.walker.speed_m_s, slow.walker.speed_m_s)
    notes = (*_sensitivity_notes(shares), *of_groups, *_notes(study, now, quality))
    record = record_run(
        Run(
            study=study.name,
            study_file=path,
            folder=folder,
            inputs=study.inputs,
            parameters=study.settings.model_dump(mode="json", by_alias=True, exclude_none=True),
            warnings=[finding for finding in study.findings if finding.is_warning],
            seconds=round(time.monotonic() - begun, 3),
        ),
        now,
        sensitivity=shares,
    )
    record["groups"] = group_record(groups)
    from accessibility.maps import write_map  # noqa: PLC0415 -- folium only where a map is drawn

    with write_folder(folder) as aside:
        write_csv(study.table(now), aside / "districts.csv")
        write_geoparquet(demand_table(now, study.district), aside / "demand.parquet")
        write_csv(quality.table, aside / "quality.csv")
        write_map(drawn, aside / "coverage.html")
        write_manifest(record, aside / "manifest.json")
    return Result(
        folder=folder,
        headline=headline(now, date),
        settings=setting_table(now),
        notes=notes,
        findings=quality.to_dict()["findings"],
        warnings=sum(finding.is_warning for finding in quality.findings),
        manifest=record,
    )


def _at_all_speeds(study: Study, options: Options) -> tuple[Coverage, Coverage, dict[str, float]]:
    """Return today's coverage, that at the speed of old people, and the share covered at each speed."""
    walkers = [study.walker, *(replace(study.walker, speed_m_s=speed) for speed in SPEEDS_M_S)]
    with ThreadPoolExecutor(max_workers=options.workers or os.cpu_count() or 1) as pool:
        now, *others = pool.map(lambda walker: study.coverage(walker=walker), walkers)
    shares = {f"{speed:.1f}": other.share for speed, other in zip(SPEEDS_M_S, others, strict=True)}
    return now, others[SPEEDS_M_S.index(ELDERLY_M_S)], shares


def _sensitivity_notes(shares: dict[str, float]) -> tuple[str, ...]:
    walked = ", ".join(f"{100 * share:.1f} % at {speed} m/s" for speed, share in shares.items())
    return (f"by walking speed: {walked}",)


def _notes(study: Study, now: Coverage, quality: Quality) -> tuple[str, ...]:
    """Return the sentences that rule out a misreading: of the 5 km, of towns, of the unreached, of the border."""
    people = now.population
    unreached = f"{now.unreached_people:,.0f} of {people:,.0f} people are unreached (no path, or no street near)"
    notes = [f"5 km read as a straight line: {100 * now.share_radius:.1f} %", *_town_notes(now, quality), unreached]
    if study.districts is not None:
        outside = study.people_depending_on_outside(now)
        notes.append(f"{outside:,.0f} of {people:,.0f} people are covered only by sites outside the area")
    return tuple(notes)


def _town_notes(now: Coverage, quality: Quality) -> list[str]:
    """Return the share covered were towns held to the other rule, where there are towns."""
    standard = now.standard
    other, rule = ("urban", standard.urban) if standard.town == standard.rural else ("rural", standard.rural)
    worth = [f.points_of_coverage or 0.0 for f in quality.findings if f.code == "town-rule"]
    return [f"towns held to the {other} rule ({rule.text}): {100 * now.share + points:.1f} %" for points in worth]


def _walking_text(study: Study) -> str:
    """Return how people walk in this study, in words."""
    walker, table = study.walker, study.settings.walking
    function = table.slope if isinstance(table.slope, str) else "tobler"
    sloping = walker.slope and study.settings.inputs.elevation is not None
    parts = [
        f"{walker.speed_m_s:g} m/s",
        f"slopes by {function}" if sloping else "flat",
        f"stairs {walker.stairs_factor:g} times as long",
        f"{walker.signal_delay_s:g} s at a signal",
        f"access table {table.access}",
        "compounds open to everybody" if walker.open_compounds else "compounds for their residents",
        "ferries carry people" if table.ferries else "no ferries",
    ]
    return "; ".join(parts)


def _slug(name: str) -> str:
    return re.sub(r"[^\w]+", "-", name.lower()).strip("-") or "study"


def _crs_text(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else "a local transverse Mercator"


def _file_text(path: Path) -> str:
    return f"{path.name}, {path.stat().st_size / 1e6:.2f} MB"
