"""`accessibility compare`: scenarios beside today and beside each other; `changes`: a study beside an older one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

from accessibility.cli.folder import RunFolder, slug
from accessibility.cli.options import READING_STEPS, Options, Progress, kept_draws
from accessibility.cli.report_facts import SPEEDS_M_S
from accessibility.errors import Finding, InputError
from accessibility.measures.blackspots import find_blackspots
from accessibility.measures.service_areas import trace_service_areas
from accessibility.present.language import Locale, MapWords
from accessibility.present.layers.files import LayerSources, write_geopackage
from accessibility.present.map.legends import caption_of, gain_lines, headlines
from accessibility.present.report.differences import (
    Doubts,
    difference_table,
    pair_table,
    record_comparison,
    scenario_table,
    write_comparison,
    write_scenario_report,
)
from accessibility.present.report.facts import find_served
from accessibility.present.report.mapsketch import Paper
from accessibility.present.report.sentences import format_service
from accessibility.present.report.uncertainty import find_sureness, format_bars
from accessibility.present.symbols import label_sites
from accessibility.quality.suspicions import doubts_of_scenario
from accessibility.streets.search.compiling import limited_threads, run_in_threads
from accessibility.study.mapping import format_trial
from accessibility.study.scenariofile import read_scenarios
from accessibility.study.study import read_study
from accessibility.uncertainty.changes import Snapshot, explain_changes
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import folium
    import pandas as pd

    from accessibility.measures.coverage import Coverage
    from accessibility.present.report.differences import ShownScenario
    from accessibility.study.study import Study
    from accessibility.whatif.scenario import Scenario
    from accessibility.whatif.trial import Trial
    from accessibility.wording import Language


@dataclass(frozen=True, kw_only=True, eq=False)
class ScenarioComparison:
    """What a comparison found, for the terminal."""

    folder: Path  # where everything was written
    headlines: Mapping[Language, str]  # today's coverage, by language
    scenarios: pd.DataFrame  # one row per scenario
    differences: pd.DataFrame  # who gains and loses, by scenario, district, setting and group
    maps: tuple[Path, ...]  # the map of each scenario
    manifest: dict[str, Any]  # as written
    kept: Path | None = None  # where an earlier run is kept that stood in the folder
    # who is served today, where sites have a capacity, and how sure today's headline is, where that was asked for, in
    # sentences by language
    bars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pairs: pd.DataFrame | None = None  # what one scenario brings instead of another, where that was asked for
    # what speaks against scenarios: limits that nobody walks, sites far from every street
    doubts: tuple[Finding, ...] = ()
    case: None = None  # a comparison proposes nothing
    held: None = None


def run_compare(
    path: Path, scenario_file: Path, out: Path | None, options: Options, progress: Progress
) -> ScenarioComparison:
    """Measure the scenarios of a file beside today; write tables, a map for each and a manifest.

    Parameters
    ----------
    path
        The ``study.toml``.
    scenario_file
        The scenarios, as `accessibility.read_scenarios` reads them.
    out
        Where everything is written; ``maps/<study>-scenarios`` if None.
    options
        How the run is done.
    progress
        Who is told how far it is.

    Returns
    -------
    ScenarioComparison
        What was found.

    Raises
    ------
    InputError
        An input or scenario that does not meet its contract.
    OutputError
        The folder cannot be written, or holds files of others.

    Examples
    --------
    >>> from accessibility.cli.runs import Options, run_compare
    >>> acc.write_scenarios([acc.Scenario(name="bank", opened=("B1",))], folder / "scenarios.toml")
    >>> found = run_compare(study, folder / "scenarios.toml", folder / "compare", Options(), silent)
    >>> found.scenarios["gained"].tolist()
    [10.0]
    """
    with limited_threads(options.workers):
        return _compare(path, scenario_file, out, options, progress)


def _compare(
    path: Path, scenario_file: Path, out: Path | None, options: Options, progress: Progress
) -> ScenarioComparison:
    begun = time.monotonic()
    scenarios = read_scenarios(scenario_file)
    further = len(scenarios) * options.layers + (1 + len(scenarios)) * options.uncertainty
    progress.start(READING_STEPS + 3 + len(scenarios) + further)
    study = read_study(path, progress=progress.step, cache=options.cache)
    folder = RunFolder.claim(study, out, options, begun, suffix="-scenarios", beside=scenario_file)
    progress.step("Walking from every home")
    now = study.coverage()
    walkers = [replace(now.walker, speed_m_s=speed) for speed in SPEEDS_M_S]
    others = run_in_threads([partial(study.coverage, walker=walker) for walker in walkers])
    speeds = {f"{speed:.1f}": other.share for speed, other in zip(SPEEDS_M_S, others, strict=True)}
    trials: list[Trial] = []
    for scenario in scenarios:
        progress.step(f"Trying {scenario.name}")
        trials.append(study.what_if(scenario))
    pairs = [(scenario, trial.coverage()) for scenario, trial in zip(scenarios, trials, strict=True)]
    doubts = _doubt(study, scenarios, options, progress) if options.uncertainty else None
    odd = [doubt for scenario, then in pairs for doubt in doubts_of_scenario(scenario, then, scenario_file.name)]
    run = folder.run("compare", [*(finding for finding in study.findings if finding.is_warning), *odd])
    record = record_comparison(run, now, pairs, sensitivity=speeds, scenario_file=scenario_file, doubts=doubts)
    from accessibility.present.map.coverage_map import write_map  # noqa: PLC0415 -- folium only where a map is drawn

    progress.step("Drawing the maps")
    names = _file_names([scenario.name for scenario in scenarios])
    drawn = _maps(study, trials, options, doubts)
    words = MapWords.of(options.language)
    told = _told(study, trials, now, words, doubts)
    layers = []
    for _, coverage in pairs if options.layers else ():
        progress.step("Tracing service areas")
        layers.append(_layers(study, coverage, words))
    approval = study.settings.map_approval
    caption = caption_of(study.name, study.attribution, approval=approval, date=options.day, language=options.language)
    progress.step("Writing")
    with folder.write(record, progress) as (aside, kept):
        for name, one in zip(names, drawn, strict=True):
            write_map(one, aside / f"{name}.html")
        for name, layer in zip(names, layers, strict=False):
            write_geopackage(layer, aside / f"{name}.gpkg")
        write_scenario_report(told, caption, now, words, aside / "report.html")
        write_comparison(aside, now, pairs, study.district, doubts)
    return ScenarioComparison(
        folder=folder.path,
        headlines=headlines(now, options.day),
        scenarios=scenario_table(now, pairs, doubts),
        differences=difference_table(now, pairs, study.district),
        maps=tuple(folder.path / f"{name}.html" for name in names),
        manifest=record,
        kept=kept,
        bars=_said(study, now, doubts),
        pairs=None if doubts is None else pair_table(pairs, doubts),
        doubts=tuple(odd),
    )


def _maps(study: Study, trials: Sequence[Trial], options: Options, doubts: Doubts | None) -> list[folium.Map]:
    """Return the map of each trial."""
    from accessibility.study.mapping import MapOptions, draw_study  # noqa: PLC0415 -- folium only where a map is drawn

    shown = MapOptions(date=options.day, language=options.language, basemap=options.basemap)
    labels = [shown] * len(trials)
    if doubts is not None:
        labels = [replace(shown, sure=s, gain=g) for s, g in zip(doubts.scenarios, doubts.gains, strict=True)]
    return [draw_study(study, trial, None, label) for trial, label in zip(trials, labels, strict=True)]


def _told(
    study: Study, trials: Sequence[Trial], now: Coverage, words: MapWords, doubts: Doubts | None
) -> list[ShownScenario]:
    """Return what the report says of each trial."""
    paper = Paper.of(now, study.districts, study.network)
    told = [format_trial(study, trial, words, paper) for trial in trials]
    if doubts is None:
        return told
    return [replace(one, bars=gain_lines(gain, words)) for one, gain in zip(told, doubts.gains, strict=True)]


def _layers(study: Study, coverage: Coverage, words: MapWords) -> LayerSources:
    """Return what the layers of a scenario are made of."""
    streets = coverage.snapped.streets(study.network)
    return LayerSources(
        coverage=coverage,
        district=study.district,
        site_district=study.site_district,
        districts=study.districts,
        blackspots=find_blackspots(coverage, streets, study.district).spots,
        service_areas=trace_service_areas(coverage, streets),
        labels=label_sites(coverage.sites, study.names),
        languages=words.languages,
    )


def _said(study: Study, now: Coverage, doubts: Doubts | None) -> dict[str, tuple[str, ...]]:
    """Return by language who is served today, where sites have a capacity, and how sure the headline is, if asked."""
    service = find_served(now, study.site_district, None)
    bars = {} if doubts is None else format_bars(doubts.today, now.share)
    found: dict[str, tuple[str, ...]] = {}
    for locale in (Locale("en"), Locale("zh")):
        served = () if service is None else (format_service(service, now.population, locale),)
        found[locale.language] = (*served, *bars.get(locale.language, ()))
    return found


def _doubt(study: Study, scenarios: Sequence[Scenario], options: Options, progress: Progress) -> Doubts:
    """Return how sure today's headline is, and that of each scenario by the same draws."""
    progress.step("Drawing the inputs with their errors")
    today = study.uncertainty(keep=kept_draws(options), tell=progress.part)
    found = []
    for scenario in scenarios:
        progress.step(f"Drawing the inputs of {scenario.name}")
        found.append(today.under(scenario))
    return Doubts(today=find_sureness(today, study.district), scenarios=found, gains=[one.over(today) for one in found])


def _file_names(names: list[str]) -> list[str]:
    """Return one file name per scenario, without its ending; those that look alike to a file system get numbers.

    Examples
    --------
    >>> _file_names(["More banks", "A", "a", "a-2", "report"])
    ['more-banks', 'a-3', 'a-4', 'a-2', 'report-5']
    """
    slugs = [slug(name) for name in names]
    taken, found = {"report", *slugs}, []
    for row, one in enumerate(slugs, start=1):
        alone = slugs.count(one) == 1 and one != "report"
        found.append(one if alone else next(name for k in count(row) if (name := f"{one}-{k}") not in taken))
        taken.add(found[-1])
    return found


def run_changes(old: Path, new: Path, built: Path | None, options: Options, progress: Progress) -> dict[str, Any]:
    """Return what lies between the figures of two studies, as plain values; the parts add up to the difference.

    Raises
    ------
    InputError
        Two studies of other rules or other walkers, or a file of built streets without lines.
    """
    progress.start(12)
    with limited_threads(options.workers):
        before, after = (read_study(path, progress=progress.step, cache=options.cache) for path in (old, new))
        if before.standard != after.standard or before.walker != after.walker:
            msg = f"{old} and {new} have other rules or walkers; expected the same in both: then only the place changed"
            raise InputError(msg)
        progress.step("Walking from every home, before and after")
        lines = None if built is None else _read_built(built, after)
        first, second = (Snapshot(network=s.network, demand=s.demand, sites=s.sites) for s in (before, after))
        found = explain_changes(first, second, after.standard, after.walker, lines)
    return {
        "before": found.before,
        "after": found.after,
        "points": found.points,
        "new_km": found.new_km,
        "built_km": found.built_km,
        "built_told": built is not None,
    }


def _read_built(path: Path, study: Study) -> Any:
    frame = gpd.read_file(path)
    lines = frame.geometry[frame.geometry.geom_type.isin(["LineString", "MultiLineString"])]
    if frame.crs is None or lines.empty:
        msg = f"{path}: {len(lines)} lines, coordinate system {frame.crs}; expected lines with a coordinate system"
        raise InputError(msg)
    return np.asarray(lines.to_crs(study.network.crs).to_numpy(), dtype=object)


def changes_text(facts: dict[str, Any]) -> list[str]:
    """Return what lies between two figures in sentences."""
    parts = {
        "built": "streets newly built",
        "mapped": "streets newly mapped, and other edits of the map",
        "outlets": "outlets and bank branches",
        "people": "people",
    }
    difference = 100 * (facts["after"] - facts["before"])
    before, after = percent_text(facts["before"]), percent_text(facts["after"])
    told = [f"covered before: {before}, after: {after}: {difference:+.2f} points"]
    told += [f"{facts['points'][part]:+7.2f}  {words}" for part, words in parts.items()]
    rule = (
        f"of them {facts['built_km']:,.1f} km lie along the lines given as built"
        if facts["built_told"]
        else "start dates in the maps are not read: all count as newly mapped (--built LINES says which were built)"
    )
    return [*told, f"{facts['new_km']:,.1f} km of street are not in the first map; {rule}"]
