"""The report of an area that was measured in tiles: what its sums know, as `Facts`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

import pandas as pd

from accessibility import __version__
from accessibility.cli.report_facts import SLOW_M_S, tabulate_inputs
from accessibility.measures.tables import group_table, setting_table
from accessibility.measures.walkers import record_own_totals
from accessibility.present.language import MapWords
from accessibility.present.manifest import parameters_used, record_totals
from accessibility.present.report.facts import (
    Facts,
    ProposalFacts,
    find_own_walks,
    find_served,
    tabulate_parameters,
    tabulate_sensitivity,
)
from accessibility.quality import QUALITY_COLUMNS
from accessibility.study.loading.context import attribution_of
from accessibility.study.proposing import SitingCase
from accessibility.tiles.gathering import site_districts, tabulate_bands

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from accessibility.cli.folder import Subject
    from accessibility.measures.coverage import Coverage
    from accessibility.siting import SitingPlan
    from accessibility.sources.checks import Finding
    from accessibility.tiles.cutting import Cut
    from accessibility.tiles.gathering import Gathered
    from accessibility.tiles.pairing import NationalPlan


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
