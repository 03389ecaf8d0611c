"""`accessibility cover --tiles`: the coverage of an area larger than memory, and the folder that tells it."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from accessibility import __version__
from accessibility.cli.folder import CAPACITY, GROUPS, RunFolder
from accessibility.cli.options import READING_STEPS, Options, Progress, Result
from accessibility.cli.proving import PROOF, write_proof
from accessibility.cli.report_facts import SLOW_M_S, SPEEDS_M_S, tabulate_inputs
from accessibility.errors import Finding, InputError, OutputError
from accessibility.measures.tables import capacity_table, group_notes, group_record, group_table, setting_table
from accessibility.measures.walkers import record_own_totals, with_own_walks
from accessibility.present.language import MapWords
from accessibility.present.layers.files import write_csv
from accessibility.present.manifest import Run, RunParts, data_dictionary, parameters_used, record_run, record_totals
from accessibility.present.map.coverage_map import Backdrop, Proposal
from accessibility.present.map.legends import caption_of, headlines
from accessibility.present.map.tiledmap import Opening, TiledMap
from accessibility.present.report.brief import write_brief
from accessibility.present.report.facts import (
    Facts,
    ProposalFacts,
    find_own_walks,
    find_served,
    tabulate_parameters,
    tabulate_sensitivity,
)
from accessibility.present.report.page import write_page
from accessibility.present.report.workbook import write_workbook
from accessibility.quality import QUALITY_COLUMNS
from accessibility.sources.files import alone
from accessibility.study.loading.context import Loading, attribution_of, default_cache, input_files
from accessibility.study.loading.sites import load_area
from accessibility.study.proposing import Question, SitingCase
from accessibility.study.schema import read_study_file
from accessibility.tiles.cluster import Workers, measure_tiles, parsed_memory, return_memory
from accessibility.tiles.cutting import TILES_LOCK, Cut, cut_once, forget_unused
from accessibility.tiles.drawing import draw_whole
from accessibility.tiles.gathering import Gathered, gather_tiles, site_districts, tabulate_bands, tabulate_whole
from accessibility.tiles.measuring import Asked, Tile
from accessibility.tiles.pairing import NationalPlan, propose_over_tiles
from accessibility.wording import cost_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accessibility.cli.folder import Subject
    from accessibility.measures.coverage import Coverage
    from accessibility.present.map.legends import MapCaption
    from accessibility.siting import SitingPlan
    from accessibility.study.schema import StudyFile

TILE_ROWS = 100_000
"""People of a tile, in rows, where nobody says how many."""
_COVERING = ("mclp", "lscp", "max-min")
_REPORTS = ("brief.html", "report.html", "report.xlsx")
_FILES = ("districts.csv", "demand.parquet", "dictionary.csv", "manifest.json")


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How an area is dealt out; nothing here changes a figure."""

    workers: Workers  # who measures the tiles
    rows: int = TILE_ROWS  # people of a tile, in rows

    @classmethod
    def of(
        cls,
        options: Options,
        *,
        scheduler: str | None = None,
        memory: str | None = None,
        question: Question | None = None,
    ) -> Tiling:
        """Return how a command deals an area out.

        Raises
        ------
        InputError
            Options of a run that draws, or that tries errors of the inputs; an invalid size of memory; an extra that
            is not installed.
        """
        refused = ("basemap", "shapefile", "geotiff", "docx", "uncertainty", "robust")  # what needs all in memory
        more = [name for name in refused if getattr(options, name)]
        if more:
            named = " and ".join(f"--{name}" for name in more)
            msg = f"--tiles writes tables, a map and a report alone; expected it without {named}"
            raise InputError(msg)
        if question is not None:
            _refuse_beyond_cover(question)
        return cls(workers=Workers(scheduler=scheduler, count=options.workers, memory=parsed_memory(memory)))


def _refuse_beyond_cover(question: Question) -> None:
    if question.model not in _COVERING:
        msg = "tiles know which people sites cover, and no more; expected --model mclp, lscp or max-min with --tiles"
        raise InputError(msg)


def run_tiles(
    path: Path, out: Path | None, options: Options, tiling: Tiling, progress: Progress, question: Question | None = None
) -> Result:
    """Measure a study's coverage in tiles, propose sites where that is asked, and write tables.

    What was done before a run ended, whatever ended it, is not done again.

    Parameters
    ----------
    path
        The ``study.toml``.
    out
        Where the tables are written; ``maps/<study>-tiles`` if None.
    options
        How the run is done.
    tiling
        How the area is dealt out, and to whom.
    progress
        Who is told how far it is.
    question
        What is asked of a proposal, about whom sites cover and nothing else; the study's conditions go with it.

    Returns
    -------
    Result
        What was found.

    Raises
    ------
    InputError
        An input that does not meet its contract.
    OutputError
        The folder cannot be written, or tiles could not be measured; the others are kept for the next run.
    """
    begun = time.monotonic()
    progress.start(READING_STEPS + 5)
    area = _Area.of(path, options)
    folder = RunFolder.claim(area, out, options, begun, suffix="-tiles")
    run = _TiledRun.of(area, folder, cut_once(area.load, area.inputs, path, progress.step), question)
    return_memory()
    with alone(run.place / TILES_LOCK, partial(_refuse_second, folder.path)):  # whose tiles go when it is done
        tiles = _measured(_deal(run.cut, run.place, tiling.rows), run.asked, tiling.workers, progress)
        found = run.write(tiles, progress)
    forget_unused(run.place.parent)
    return found


def _refuse_second(folder: Path) -> None:
    msg = f"{folder}: another run measures the same for this folder; expected it to end first, or another --out"
    raise InputError(msg)


@dataclass(frozen=True, kw_only=True)
class _Area:
    """A study that is never loaded as a whole once it is cut."""

    path: Path
    settings: StudyFile
    load: Loading

    @classmethod
    def of(cls, path: Path, options: Options) -> _Area:
        settings = read_study_file(path)
        if settings.inputs.network.path is None:
            msg = f"{path.name}: network names a place; expected a file of streets, which --tiles can cut"
            raise InputError(msg)
        cache = options.cache or default_cache()
        return cls(
            path=path,
            settings=settings,
            load=Loading(settings=settings, folder=path.resolve().parent, cache=cache),
        )

    @property
    def name(self) -> str:
        return self.settings.name or self.path.resolve().parent.name

    @cached_property
    def inputs(self) -> Mapping[str, Path]:
        return input_files(self.load)


@dataclass(frozen=True, kw_only=True, eq=False)
class _TiledRun:
    """What is asked of a study in tiles, and where all of it lies."""

    area: _Area
    folder: RunFolder
    cut: Cut
    asked: Asked
    place: Path  # where tiles lie until the run is done: one that goes on finds them there
    question: Question | None

    @classmethod
    def of(cls, area: _Area, folder: RunFolder, cut: Cut, question: Question | None) -> _TiledRun:
        asked = _asked(area, cut, pairs=question is not None)
        if question is not None and question.conditions is None:
            question = replace(question, conditions=area.settings.siting.conditions)
        place = _place_of(cut, asked, folder.path)
        return cls(area=area, folder=folder, cut=cut, asked=asked, place=place, question=question)

    def write(self, tiles: Sequence[Tile], progress: Progress) -> Result:
        """Put the tiles together and write what they tell; then they go."""
        area, cut, asked, question, options = self.area, self.cut, self.asked, self.question, self.folder.options
        record: dict[str, Any] = {}
        plan: SitingCase | NationalPlan | None = None
        likely = {"siting": None if question is None else {"question": vars(question)}}
        progress.step("Putting tiles together")
        with self.folder.write(record, progress, likely) as (aside, kept):
            whole = gather_tiles(tiles, asked, aside / "demand.parquet")
            return_memory()
            (table, own_rows), own = _write_districts(whole, cut, aside), whole.own
            if question is not None:
                progress.step("Choosing sites")
                plan = propose_over_tiles(tiles, question, whole)
                _write_proposal(plan, aside)
            progress.step("Drawing the map")
            page = TiledMap(
                caption=_caption(area, options), backdrop=_outlines(area, table), opening=_opening(plan, area)
            )
            opened = () if plan is None else (plan.plan if isinstance(plan, SitingCase) else plan).selected
            drawn, pictures = draw_whole(tiles, whole, page, [*map(str, opened)], self.place / "map", aside)
            if whole.service is not None:
                write_csv(capacity_table(whole.service, site_districts(cut)), aside / CAPACITY)
            parts = RunParts(doubted=False, held=False, served=cut.has_capacity, own=own is not None, areas=False)
            dictionary = data_dictionary(asked.standard, tiled=True, **parts)
            write_csv(dictionary, aside / "dictionary.csv")
            progress.step("Writing")
            told = TiledFigures(study=area, cut=cut, whole=whole, districts=table, own_rows=own_rows, plan=plan)
            facts = find_tiled_facts(told, aside, date=options.day, language=options.language)
            write_page(facts, pictures, aside / "report.html", language=options.language)
            write_brief(facts, pictures, aside / "brief.html", language=options.language)
            write_workbook(facts, aside / "report.xlsx", language=options.language, dictionary=dictionary)
            warnings = [finding for finding in cut.findings if finding.is_warning]
            run = self.folder.run("cover" if question is None else "site", warnings, tiles=True)
            record |= _record(asked, told, None if plan is None else plan.record(), run)
        shutil.rmtree(self.place, ignore_errors=True)
        return Result(
            folder=self.folder.path,
            headlines=headlines(whole, options.day),
            settings=setting_table(whole),
            notes=(*_notes(told, asked), *_plan_notes(plan, area.settings.siting.cost_unit)),
            findings=[],
            warnings=0,
            manifest=record,
            files=(
                *drawn,
                *_REPORTS,
                *(("sites.csv",) if question is not None else ()),
                *_FILES,
                *((CAPACITY,) if cut.has_capacity else ()),
                *((GROUPS,) if own is not None else ()),
            ),
            kept=kept,
            cost_unit=area.settings.siting.cost_unit,
            case=plan if isinstance(plan, SitingCase) else None,
        )


def _asked(area: _Area, cut: Cut, *, pairs: bool) -> Asked:
    return Asked(
        pairs=pairs,
        standard=area.settings.standard.standard,
        walker=area.settings.walking.the_walker,
        speeds_m_s=SPEEDS_M_S,
        longest_s=cut.longest_s,
        longest_m=cut.longest_m,
        served=cut.has_capacity,
        groups=tuple(area.settings.walking.group_walkers.items()),
    )


def _write_districts(whole: Gathered, cut: Cut, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Write one row per district, and one per group there that has a walker; return both."""
    table, rows = tabulate_whole(whole, cut), None
    if whole.own is not None:
        rows = whole.own.by_group(whole.labels("district"), cut.districts)
        write_csv(rows, folder / GROUPS)
        table = with_own_walks(table, whole.own, rows)
    write_csv(table, folder / "districts.csv")
    return table, rows


def _write_proposal(plan: SitingCase | NationalPlan, folder: Path) -> None:
    if isinstance(plan, SitingCase):
        write_csv(plan.plan.table(), folder / "sites.csv")
        write_proof(plan.plan, folder / PROOF)
    else:
        write_csv(plan.table, folder / "sites.csv")


def _outlines(area: _Area, table: pd.DataFrame) -> Backdrop:
    """Return the districts with their figures; none where the study has none."""
    found, _ = load_area(area.load)
    if found is None:
        return Backdrop()
    return Backdrop(districts=found[["geometry"]].join(table.set_index("district")))


def _caption(area: _Area, options: Options) -> MapCaption:
    return caption_of(
        area.name,
        attribution_of(area.settings, area.inputs.values()),
        approval=area.settings.map_approval,
        date=options.day,
        language=options.language,
    )


def _opening(plan: SitingCase | NationalPlan | None, area: _Area) -> Opening | Proposal | None:
    unit = area.settings.siting.cost_unit
    if isinstance(plan, SitingCase):
        return Proposal(plan=plan.plan, cost_unit=unit)
    if plan is None:
        return None
    told = {"covered": plan.objective, "bound": plan.bound, "gap": plan.gap}
    return Opening(table=plan.table, cost=plan.cost, cost_unit=unit, **told)


def _place_of(cut: Cut, asked: Asked, folder: Path) -> Path:
    """Return where the tiles of this run lie until it is done: a run that goes on finds them there."""
    told = f"{asked!r} {folder.resolve()}"
    return cut.folder.with_name(f"{cut.folder.name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}")


def _deal(cut: Cut, place: Path, rows: int) -> list[Tile]:
    """Return tiles of so many rows; those that an earlier run was dealt and has measured stay as they were."""
    there = sorted(Tile.measured(cut, place), key=lambda tile: (tile.first, -tile.last))
    tiles: list[Tile] = []
    at = 0
    for known in [*there, Tile(cut=cut, first=cut.people, last=cut.people, folder=place)]:
        if known.first < at:
            continue
        while at < known.first:
            last = min(at + rows, known.first)
            tiles.append(Tile(cut=cut, first=at, last=last, folder=place))
            at = last
        if known.last > at:
            tiles.append(known)
            at = known.last
    return tiles


def _measured(tiles: Sequence[Tile], asked: Asked, workers: Workers, progress: Progress) -> list[Tile]:
    """Return all tiles, measured, in their order.

    Raises
    ------
    OutputError
        Some could not be.
    """
    done = [tile for tile in tiles if tile.path.exists()]
    progress.step(f"Measuring {len(tiles) - len(done):,} tiles")
    failed = measure_tiles([tile for tile in tiles if not tile.path.exists()], asked, workers, done.append)
    if failed:
        first = min(failed, key=lambda tile: tile.first)
        msg = (
            f"{len(failed)} of {len(tiles)} tiles could not be measured, the first of the rows {first.first:,} to "
            f"{first.last:,}: {failed[first]}; the others are kept: run the same again"
        )
        raise OutputError(msg)
    return sorted(done, key=lambda tile: tile.first)


def _record(asked: Asked, figures: TiledFigures, siting: dict[str, Any] | None, run: Run) -> dict[str, Any]:
    whole = figures.whole
    sensitivity = {f"{speed:.1f}": share for speed, share in whole.share_at.items()}
    told = record_run(run, whole, sensitivity=sensitivity, siting=siting)
    told["groups"] = group_record(figures.groups)
    told["totals"] |= {} if whole.own is None else record_own_totals(whole.own)
    told["tiles"] = {"told_to_m": asked.limit_m, "told_to_s": asked.limit_s, "beyond": whole.beyond_people}
    return told


def _plan_notes(plan: SitingCase | NationalPlan | None, cost_unit: str) -> list[str]:
    """Return what a proposal in parts found; of another one the terminal tells more."""
    if not isinstance(plan, NationalPlan):
        return []
    whole = f"{plan.candidates:,} candidates, {plan.pairs:,} pairs in {plan.parts:,} parts"
    found = f"proposal: {len(plan.table):,} sites for {cost_text(plan.cost, cost_unit, 'en')} ({whole})"
    proof = f"no plan does better than {plan.bound:,.0f}, gap {100 * plan.gap:.3f} %"
    return [f"{found}: {plan.objective:,.0f} people; {proof}"]


def _notes(figures: TiledFigures, asked: Asked) -> tuple[str, ...]:
    whole = figures.whole
    walked = ", ".join(f"{percent_text(share)} at {speed:.1f} m/s" for speed, share in whole.share_at.items())
    far = f"{asked.limit_m / 1_000:g} km, or {asked.limit_s / 60:,.0f} min"
    return (
        f"by walking speed: {walked}",
        *group_notes(figures.groups, whole.walker.speed_m_s, SLOW_M_S),
        f"{whole.beyond_people:,.0f} people have more than {far}, to walk: their ways are not told",
        f"{whole.unreached_people:,.0f} of {whole.population:,.0f} people are unreached (no path, or no street near)",
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class TiledFigures:
    """Everything that was measured of a study in tiles for its report."""

    study: Subject
    cut: Cut
    whole: Gathered
    districts: pd.DataFrame  # the rows of ``districts.csv``
    own_rows: pd.DataFrame | None  # the rows of ``groups.csv``, where groups have walkers of their own
    plan: SitingCase | NationalPlan | None = None

    @property
    def groups(self) -> pd.DataFrame:
        """Who of each group is covered, at the usual and at a slow speed, and by its own walker where it has one."""
        whole, own = self.whole, self.whole.own
        covered = None if own is None else {name: float(own.of(name).sum()) for name in whole.demand.groups}
        return group_table(whole, whole.at(SLOW_M_S), covered)


def find_tiled_facts(told: TiledFigures, folder: Path, *, date: str, language: str) -> Facts:
    """Return every figure of a report.

    Parameters
    ----------
    told
        What was measured.
    folder
        Where ``demand.parquet`` lies.
    date
        Of the report, ISO 8601.
    language
        ``en``, ``zh`` or ``both``.
    """
    words, study, whole = MapWords.of(language), told.study, told.whole
    now = cast("Coverage", whole)  # all of it that is asked here
    times, distances = tabulate_bands(whole, folder)
    settings = study.settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    return Facts(
        study=words.study(study.name),
        date=date,
        version=__version__,
        sources=tuple(map(words.study, attribution_of(study.settings, study.inputs.values()))),
        standard=whole.standard,
        walker=whole.walker,
        slow_m_s=SLOW_M_S,
        totals=record_totals(whole) | ({} if whole.own is None else record_own_totals(whole.own)),
        limited_people=whole.limited_people,
        districts=told.districts,
        service=find_served(now, site_districts(told.cut), None),
        settings=setting_table(whole),
        groups=told.groups.reset_index(),
        own=find_own_walks(whole.own, told.own_rows),
        sensitivity=tabulate_sensitivity(now, _cases(whole)),
        times=times,
        distances=distances,
        whole=None,
        proposal=_proposal(told),
        quality=_tabulate_findings(told.cut.findings),
        parameters=tabulate_parameters(parameters_used(settings, whole)),
        inputs=tabulate_inputs(study),
    )


def _cases(whole: Gathered) -> list[tuple[str, str, Coverage, bool]]:
    """Return what else is known: other speeds, and distances along the network where no rule is a straight line."""
    speeds = [
        ("speed", f"{speed:.1f}", cast("Coverage", whole.at(speed)), speed == whole.walker.speed_m_s)
        for speed in whole.at_speeds
    ]
    straight = any(rule.measure == "radius" for _, rule in whole.standard.rules)
    return speeds if straight else [*speeds, ("reading", "network", cast("Coverage", whole), True)]


def _proposal(told: TiledFigures) -> ProposalFacts | None:
    if told.plan is None:
        return None
    case = told.plan
    plan, table = (case.plan, case.plan.table()) if isinstance(case, SitingCase) else (case, case.table)
    return ProposalFacts(
        plan=cast("SitingPlan", plan),
        table=table,
        covered_after=plan.covered_people,
        cost_unit=told.study.settings.siting.cost_unit,
    )


def _tabulate_findings(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return a row per finding of the readers, with the columns of ``quality.csv``; no worth was measured."""
    rows = [{**asdict(finding), "input": finding.source} for finding in findings]
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS)).assign(look=[one.is_warning for one in findings])
