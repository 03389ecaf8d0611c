"""The planner's pack: coverage, a proposal where one is asked for, and the folder that tells all of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from accessibility.cli.folder import CAPACITY, GROUPS, RESULTS, RunFolder
from accessibility.cli.options import READING_STEPS, Options, Progress, Result, kept_draws
from accessibility.cli.report_facts import (
    SLOW_M_S,
    SPEEDS_M_S,
    find_facts,
    find_pictures,
    measure_study,
    people_depending_on_outside,
)
from accessibility.errors import InputError
from accessibility.measures.service_areas import trace_service_areas
from accessibility.measures.surface import Places
from accessibility.measures.tables import capacity_table, group_notes, group_record, setting_table
from accessibility.measures.walkers import record_own_totals, with_own_people
from accessibility.present.language import Locale, MapWords
from accessibility.present.layers.files import (
    PROPOSED_COLUMNS,
    LayerSources,
    input_columns,
    make_layers,
    write_csv,
    write_geopackage,
    write_geoparquet,
    write_shapefiles,
)
from accessibility.present.manifest import RunParts, data_dictionary, record_run
from accessibility.present.map.legends import headlines
from accessibility.present.report.brief import write_brief
from accessibility.present.report.page import write_page
from accessibility.present.report.sentences import format_capacity, format_own_walks, format_room_then, format_served
from accessibility.present.report.uncertainty import format_bars, with_certainty
from accessibility.present.report.workbook import write_workbook
from accessibility.streets.search.compiling import limited_threads, run_in_threads
from accessibility.study.proposing import Question
from accessibility.study.robustness import hold_plans, refuse_unheld_question
from accessibility.study.sample_county import sample_study
from accessibility.study.study import read_study
from accessibility.wording import percent_text

if TYPE_CHECKING:
    import geopandas as gpd

    from accessibility.cli.report_facts import Measured
    from accessibility.measures.coverage import Coverage
    from accessibility.present.report.facts import Facts
    from accessibility.quality import Quality
    from accessibility.study.proposing import SitingCase
    from accessibility.study.robustness import HeldPlans
    from accessibility.study.study import Study

_DEMO = Question(budget=12)
_DOCX = {"docx": "python-docx", "matplotlib": "matplotlib"}  # which the extra docx brings


def demo_folder() -> Path:
    """Return where the demo writes: maps/demo in the current folder, wherever the package is installed.

    Returns
    -------
    pathlib.Path
        The folder, whether it exists or not.

    Examples
    --------
    >>> from accessibility.cli.runs import demo_folder
    >>> demo_folder().as_posix()
    'maps/demo'
    """
    return Path("maps", "demo")


def run_demo(out: Path | None, options: Options, progress: Progress) -> Result:
    """Measure the sample county and propose where to open next at a cost of twelve co-locations.

    Parameters
    ----------
    out
        Where the pack is written; `demo_folder` if None.
    options
        How the run is done.
    progress
        Who is told how far it is.

    Returns
    -------
    Result
        What was found.

    Raises
    ------
    InputError
        The sample is not there.
    OutputError
        The folder cannot be written, or holds files of others.

    Examples
    --------
    A file stands where the folder would, and nothing is measured:

    >>> from accessibility.cli.runs import Options, run_demo
    >>> try:
    ...     run_demo(study, Options(), silent)
    ... except acc.OutputError:
    ...     print("not written")
    not written
    """
    return run_site(sample_study(), _DEMO, demo_folder() if out is None else out, options, progress)


def run_cover(path: Path, out: Path | None, options: Options, progress: Progress) -> Result:
    """Measure a study's coverage and write the pack.

    Parameters
    ----------
    path
        The ``study.toml``.
    out
        Where the pack is written; ``maps/<study>`` if None.
    options
        How the run is done.
    progress
        Who is told how far it is.

    Returns
    -------
    Result
        What was found.

    Raises
    ------
    InputError
        An input that does not meet its contract.
    OutputError
        The folder cannot be written, or holds files of others.

    Examples
    --------
    >>> from accessibility.cli.runs import Options, run_cover
    >>> result = run_cover(study, folder / "cover", Options(), silent)
    >>> result.manifest["totals"]["covered"], "districts.csv" in result.files
    (30.0, True)
    """
    progress.start(READING_STEPS + 6)
    with limited_threads(options.workers):
        pack = _open(path, out, options, progress)
        return _write(pack, *_measure(pack, progress), None, progress)


def run_site(path: Path, question: Question, out: Path | None, options: Options, progress: Progress) -> Result:
    """Measure a study's coverage, propose sites, and write the pack.

    Parameters
    ----------
    path
        The ``study.toml``.
    question
        What is asked of the proposal.
    out
        Where the pack is written; ``maps/<study>`` if None.
    options
        How the run is done.
    progress
        Who is told how far it is.

    Returns
    -------
    Result
        What was found; `plan` is the proposal.

    Raises
    ------
    InputError
        An input that does not meet its contract, or an invalid question.
    InfeasibleError
        No plan meets the conditions.
    OutputError
        The folder cannot be written, or holds files of others.

    Examples
    --------
    >>> from accessibility.study.proposing import Question
    >>> from accessibility.cli.runs import Options, run_site
    >>> run_site(study, Question(sites=1), folder / "site", Options(), silent).plan.covered_people
    40.0
    """
    if options.robust:
        refuse_unheld_question(question)
    progress.start(READING_STEPS + 7 + bool(options.robust))
    with limited_threads(options.workers):
        pack = _open(path, out, options, progress)
        now, by_speed = _measure(pack, progress)
        progress.step("Choosing sites")
        case, held = pack.study.siting_case(question), None
        if options.robust:
            progress.step("Asking every draw of the inputs")
            trying = pack.study.settings.uncertainty.trying(keep=kept_draws(options))
            held = hold_plans(pack.study, case.question, case.plan, trying, aim=options.robust)
        return _write(pack, now, by_speed, case, progress, held)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pack:
    """Whose pack it is, and where it goes."""

    study: Study
    folder: RunFolder

    @property
    def options(self) -> Options:
        return self.folder.options


def _open(path: Path, out: Path | None, options: Options, progress: Progress) -> _Pack:
    """Return the pack of a study, whose folder is then free to be written."""
    begun = time.monotonic()
    missing = [name for module, name in _DOCX.items() if find_spec(module) is None]
    if options.docx and missing:
        named = " and ".join(missing)
        msg = f"--docx needs {named}, not installed; expected it: pip install 'outlet-accessibility[docx]'"
        raise InputError(msg)
    study = read_study(path, progress=progress.step, cache=options.cache)
    return _Pack(study=study, folder=RunFolder.claim(study, out, options, begun))


def _measure(pack: _Pack, progress: Progress) -> tuple[Coverage, dict[float, Coverage]]:
    """Return today's coverage, and that at each of `SPEEDS_M_S`."""
    study = pack.study
    progress.step("Snapping people and sites to streets")
    _ = study.snapped
    progress.step("Walking from every home")
    walkers = [study.walker, *(replace(study.walker, speed_m_s=speed) for speed in SPEEDS_M_S)]
    now, *others = run_in_threads([partial(study.coverage, walker=walker) for walker in walkers])
    return now, dict(zip(SPEEDS_M_S, others, strict=True))


def _write(
    pack: _Pack,
    now: Coverage,
    by_speed: dict[float, Coverage],
    case: SitingCase | None,
    progress: Progress,
    held: HeldPlans | None = None,
) -> Result:
    study, options = pack.study, pack.options
    progress.step("Weighing what was found")
    plan, frontier = (None, None) if case is None else (case.plan, case.frontier())
    measured = replace(measure_study(study, now=now, by_speed=by_speed, plan=plan, frontier=frontier), held=held)
    if options.uncertainty:
        progress.step("Drawing the inputs with their errors")
        measured = replace(measured, sure=study.uncertainty(keep=kept_draws(options), tell=progress.part))
    progress.step("Tracing service areas")
    areas = trace_service_areas(now, study.network)
    progress.step("Drawing the map")
    date = options.day
    from accessibility.present.map.coverage_map import Proposal, write_map  # noqa: PLC0415 -- folium only where a map is drawn
    from accessibility.study.mapping import MapOptions, draw_study  # noqa: PLC0415 -- the same

    shown = None if plan is None else Proposal(plan=plan, frontier=frontier, cost_unit=study.settings.siting.cost_unit)
    drawn = draw_study(
        study,
        now,
        shown,
        MapOptions(date=date, language=options.language, basemap=options.basemap, sure=measured.sure, own=measured.own),
    )
    progress.step("Writing")
    record = _record(pack, measured, case)
    facts = find_facts(measured, date=date, language=options.language)
    with pack.folder.write(record, progress) as (aside, kept):
        _write_tables(study, measured, areas, aside, options.language)
        write_map(drawn, aside / "coverage.html")
        _write_report(facts, measured, options, aside)
        _write_on_request(study, measured, areas, options, aside)
        if plan is not None:
            from accessibility.cli.proving import PROOF, write_proof  # noqa: PLC0415 -- what proves, only where a plan is

            write_proof(plan, aside / PROOF)
    return Result(
        folder=pack.folder.path,
        headlines=headlines(now, date),
        cost_unit=study.settings.siting.cost_unit,
        settings=setting_table(now),
        notes=_notes(study, measured),
        findings=measured.quality.to_dict()["findings"],
        warnings=sum(finding.is_warning for finding in measured.quality.findings),
        manifest=record,
        files=(*RESULTS, *((CAPACITY,) if now.service is not None else ()), *((GROUPS,) if measured.own else ())),
        case=case,
        held=held,
        kept=kept,
        bars=_said(measured, facts),
        labels=measured.labels,
    )


def _write_report(facts: Facts, measured: Measured, options: Options, folder: Path) -> None:
    pictures, language = find_pictures(measured), options.language
    write_page(facts, pictures, folder / "report.html", language=language)
    write_brief(facts, pictures, folder / "brief.html", language=language)
    write_workbook(facts, folder / "report.xlsx", language=language, dictionary=_dictionary(measured))
    if options.docx:
        from accessibility.present.report.document import write_document  # noqa: PLC0415 -- only where it is asked for

        write_document(facts, pictures, folder / "brief.docx", language=language)


def _dictionary(measured: Measured) -> pd.DataFrame:
    doubted, held = measured.sure is not None, measured.held is not None
    kept = input_columns(measured.now)
    served, own = measured.now.service is not None, measured.own is not None
    parts = RunParts(doubted=doubted, held=held, served=served, own=own, areas=Places.of(measured.now).all_areas)
    return data_dictionary(measured.now.standard, kept=kept, **parts)


def _layers(study: Study, measured: Measured, areas: gpd.GeoDataFrame, language: str) -> LayerSources:
    return LayerSources(
        coverage=measured.now,
        district=study.district,
        site_district=study.site_district,
        districts=study.districts,
        blackspots=measured.blackspots.spots,
        service_areas=areas,
        plan=None if measured.plan is None else measured.plan.table(),
        sure=measured.sure,
        labels=measured.labels,
        languages=MapWords.of(language).languages,
    )


def _write_tables(study: Study, measured: Measured, areas: gpd.GeoDataFrame, folder: Path, language: str) -> None:
    write_csv(measured.districts, folder / "districts.csv")
    layers = _layers(study, measured, areas, language)
    people = with_certainty(with_own_people(layers.people, measured.own), measured.sure)
    write_geoparquet(people, folder / "demand.parquet")
    write_csv(measured.quality.table_in(language), folder / "quality.csv")
    write_csv(_proposed(measured), folder / "sites.csv")
    if measured.now.service is not None:
        write_csv(capacity_table(measured.now.service, study.site_district), folder / CAPACITY)
    if measured.own_rows is not None:
        write_csv(measured.own_rows, folder / GROUPS)
    write_csv(_dictionary(measured), folder / "dictionary.csv")
    write_geopackage(layers, folder / "coverage.gpkg")


def _write_on_request(
    study: Study, measured: Measured, areas: gpd.GeoDataFrame, options: Options, folder: Path
) -> None:
    if options.shapefile:
        write_shapefiles(make_layers(_layers(study, measured, areas, options.language)), folder / "shapefile")
    if options.geotiff:
        from accessibility.measures.surface import measure_surface  # noqa: PLC0415
        from accessibility.sources.raster.surfaces import write_surface  # noqa: PLC0415 -- rasterio only where it is asked for

        write_surface(measure_surface(measured.now, study.network, study.districts), folder / "walk_minutes.tif")


def _proposed(measured: Measured) -> pd.DataFrame:
    """Return the rows of ``sites.csv``; none, with its columns, where nothing was proposed."""
    return pd.DataFrame(columns=list(PROPOSED_COLUMNS)) if measured.plan is None else measured.plan.table()


def _record(pack: _Pack, measured: Measured, case: SitingCase | None) -> dict[str, Any]:
    study, now = pack.study, measured.now
    record = record_run(
        pack.folder.run(
            "cover" if case is None else "site", [finding for finding in study.findings if finding.is_warning]
        ),
        now,
        sensitivity={f"{speed:.1f}": at.share for speed, at in measured.by_speed.items()},
        siting=None if case is None else case.record(),
    )
    if measured.sure_facts is not None:
        record["uncertainty"] = measured.sure_facts.record()
    if measured.held_facts is not None:
        record["robust"] = measured.held_facts.record()
    record["groups"] = group_record(measured.groups)
    if measured.own is not None:
        record["totals"] |= record_own_totals(measured.own)
    return record


def _notes(study: Study, measured: Measured) -> tuple[str, ...]:
    """Return the sentences that rule out a misreading: speeds, groups, the 5 km as a radius, unreached, the border."""
    now, slow = measured.now, measured.by_speed[SLOW_M_S]
    people = now.population
    walked = ", ".join(f"{percent_text(at.share)} at {speed:.1f} m/s" for speed, at in measured.by_speed.items())
    notes = [
        f"by walking speed: {walked}",
        *group_notes(measured.groups, now.walker.speed_m_s, slow.walker.speed_m_s),
        *_radius_notes(now),
        *_town_notes(now, measured.quality),
        f"{now.unreached_people:,.0f} of {people:,.0f} people are unreached (no path, or no street near)",
    ]
    if study.districts is not None:
        outside = people_depending_on_outside(study, now)
        notes.append(f"{outside:,.0f} of {people:,.0f} people are covered only by sites outside the area")
    return tuple(notes)


def _said(measured: Measured, facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return by language who is served, who is covered by own walkers, and how sure it is, where asked for."""
    sure, share = measured.sure_facts, measured.now.share
    found: dict[str, tuple[str, ...]] = {}
    for locale in (Locale("en"), Locale("zh")):
        tellers = (format_served, format_capacity, format_room_then, format_own_walks)
        said = [say(facts, locale) for say in tellers]
        if sure is not None:
            said += format_bars(sure, share)[locale.language]
        found[locale.language] = tuple(sentence for sentence in said if sentence)
    return found


def _radius_notes(now: Coverage) -> list[str]:
    """Return the share covered were every distance a straight line, where a rule of the study walks one."""
    rules = (rule for _, rule in now.standard.rules)
    walked = dict.fromkeys(f"{rule.limit / 1_000:g} km" for rule in rules if rule.measure == "network")
    return [f"{' and '.join(walked)} read as a straight line: {percent_text(now.share_radius)}"] if walked else []


def _town_notes(now: Coverage, quality: Quality) -> list[str]:
    """Return the share covered were towns held to the other rule, where there are towns."""
    standard = now.standard
    if standard.names_its_own:
        return []
    other, rule = ("urban", standard.urban) if standard.town == standard.rural else ("rural", standard.rural)
    worth = [f.points_of_coverage or 0.0 for f in quality.findings if f.code == "town-rule"]
    held = f"towns held to the {other} rule ({rule.text})"
    return [f"{held}: {percent_text(now.share + points / 100)}" for points in worth]
