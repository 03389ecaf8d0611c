"""What ``compare`` writes: one row per scenario, the differences by district, setting and group, and the manifest."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pandas as pd

from accessibility.errors import InputError
from accessibility.present.layers.files import write_csv
from accessibility.present.manifest import record_path, record_run
from accessibility.present.report.sureness import BAR_COLUMNS
from accessibility.sources.cache import sha256_file
from accessibility.streets.edits import edit_table
from accessibility.uncertainty.bars import GAIN_COLUMNS
from accessibility.whatif.comparison import (
    ALL,
    COMPARED_SERVICE,
    DistrictCells,
    compare_coverages,
    compare_scenarios,
    has_service,
)
from accessibility.whatif.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accessibility.measures.coverage import Coverage
    from accessibility.present.manifest import Run
    from accessibility.present.report.sureness import SureFacts
    from accessibility.uncertainty import Difference, Uncertainty

    Pairs = Sequence[tuple[Scenario, Coverage]]

COMPARE_COLUMNS = (
    *("scenario", "open_sites", "population", "covered", "covered_share", "change", "gained", "lost"),
    *("unreached", "cost", "per_person"),
)
DIFFERENCE_COLUMNS = (
    *("scenario", "district", "setting", "group", "population", "covered_before", "covered_after", "gained", "lost"),
    *("share_before", "share_after", "better_off", "minutes_saved", "worse_off", "minutes_added"),
)
PAIR_COLUMNS = ("scenario", "instead_of", *GAIN_COLUMNS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Doubts:
    """How sure the figures of a comparison are, all by the same draws of the inputs."""

    today: SureFacts  # what is told of today's headline
    scenarios: Sequence[Uncertainty]  # how sure the headline of each scenario is
    gains: Sequence[Difference]  # what each scenario brings


def scenario_table(baseline: Coverage, pairs: Pairs, doubts: Doubts | None = None) -> pd.DataFrame:
    """Return the rows of ``compare.csv``: one row per scenario, with `COMPARE_COLUMNS`.

    Where sites have a capacity, `COMPARED_SERVICE` come after them.

    Parameters
    ----------
    baseline
        Today's coverage.
    pairs
        Each scenario with its coverage.
    doubts
        How sure the figures are: also `BAR_COLUMNS` and `GAIN_COLUMNS`; None where nobody asked.

    Raises
    ------
    InputError
        A scenario without a name, or named as another.
    """
    _check_names(pairs)
    served = COMPARED_SERVICE if has_service(baseline, *(after for _, after in pairs)) else ()
    table = pd.DataFrame(compare_scenarios(baseline, pairs), columns=[*COMPARE_COLUMNS, *served])
    if doubts is None:
        return table
    ends = [(one.interval.low, one.interval.high) for one in doubts.scenarios]
    bars = pd.DataFrame(ends, columns=list(BAR_COLUMNS))
    gains = pd.DataFrame([gain.record() for gain in doubts.gains], columns=list(GAIN_COLUMNS))
    return pd.concat([table, bars, gains], axis=1)


def pair_table(pairs: Pairs, doubts: Doubts) -> pd.DataFrame:
    """Return the rows of ``pairs.csv``: what one scenario brings instead of another, with `PAIR_COLUMNS`.

    Every two scenarios stand there once, the one first that covers more by the inputs as they are.

    Parameters
    ----------
    pairs, doubts
        As for `scenario_table`.
    """
    order = sorted(range(len(pairs)), key=lambda row: -pairs[row][1].covered_people)
    names, sure = [scenario.name for scenario, _ in pairs], doubts.scenarios
    rows = [
        {"scenario": names[one], "instead_of": names[other], **sure[one].over(sure[other]).record()}
        for one, other in combinations(order, 2)
    ]
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))


def difference_table(
    baseline: Coverage, pairs: Pairs, district: pd.Series[Any], doubts: Doubts | None = None
) -> pd.DataFrame:
    """Return the rows of ``differences.csv``: who gains and loses, by scenario, district, setting and group.

    The group ``all`` counts everybody; so does the setting ``all`` of a district, and the district ``total``. Where
    sites have a capacity, ``served_before`` and ``served_after`` come after `DIFFERENCE_COLUMNS`.

    Parameters
    ----------
    baseline, pairs, doubts
        As for `scenario_table`; every row also has `GAIN_COLUMNS`.
    district
        District of each demand point, keyed by demand id.

    Raises
    ------
    InputError
        A scenario without a name of its own, or a group that is named ``all``.
    """
    _check_names(pairs)
    groups: list[str | None] = [None, *baseline.demand.groups]
    if ALL in groups:
        msg = f"a group of people is named {ALL!r}, which stands for everybody in the table; expected another name"
        raise InputError(msg)
    cells = None if doubts is None else DistrictCells.of(baseline.demand, district)
    parts = []
    for row, (scenario, after) in enumerate(pairs):
        for group in groups:
            part = compare_coverages(baseline, after, district, group=group).reset_index()
            if doubts is not None and cells is not None:
                people = baseline.demand.population if group is None else baseline.demand.groups[group]
                points = 100.0 * (part["share_after"] - part["share_before"]).to_numpy()
                part = pd.concat([part, doubts.gains[row].rows(points, cells, people)], axis=1)
            parts.append(part.assign(scenario=scenario.name, group=ALL if group is None else group))
    served = ("served_before", "served_after") if has_service(baseline, *(after for _, after in pairs)) else ()
    columns = [*DIFFERENCE_COLUMNS, *served, *(() if doubts is None else GAIN_COLUMNS)]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def record_comparison(
    run: Run,
    baseline: Coverage,
    pairs: Pairs,
    *,
    sensitivity: Mapping[str, float] | Mapping[float, float],
    scenario_file: Path | None = None,
    doubts: Doubts | None = None,
) -> dict[str, Any]:
    """Return the manifest of a comparison: that of the baseline, and below ``scenarios`` what each changes and brings.

    Parameters
    ----------
    run, sensitivity
        As for `record_run`.
    baseline, pairs, doubts
        As for `scenario_table`.
    scenario_file
        The file that the scenarios were read from, told by path, as the study's, and SHA-256.

    Raises
    ------
    InputError
        A scenario without a name of its own, or a file that cannot be read.
    """
    rows = scenario_table(baseline, pairs, doubts).to_dict("records")
    told = record_run(run, baseline, sensitivity=sensitivity)
    if scenario_file is not None:
        told["scenario_file"] = {"path": record_path(scenario_file, run), "sha256": sha256_file(scenario_file)}
    told["scenarios"] = [
        {
            "name": scenario.name,
            "changes": _changes(scenario),
            "totals": {name: value for name, value in row.items() if name != "scenario"},
        }
        for (scenario, _), row in zip(pairs, rows, strict=True)
    ]
    if doubts is not None:
        told |= {"uncertainty": doubts.today.record(), "pairs": pair_table(pairs, doubts).to_dict("records")}
    return told


def write_comparison(
    folder: Path, baseline: Coverage, pairs: Pairs, district: pd.Series[Any], doubts: Doubts | None = None
) -> None:
    """Write ``compare.csv`` and ``differences.csv`` into a folder; with doubts also ``pairs.csv``.

    Raises
    ------
    OutputError
        A file could not be written; those that were there are untouched.
    """
    tables = {
        "compare.csv": scenario_table(baseline, pairs, doubts),
        "differences.csv": difference_table(baseline, pairs, district, doubts),
    } | ({} if doubts is None else {"pairs.csv": pair_table(pairs, doubts)})
    for name, table in tables.items():
        write_csv(table, folder / name)


def _check_names(pairs: Pairs) -> None:
    names = [scenario.name for scenario, _ in pairs]
    if "" in names:
        msg = f"scenario {names.index('') + 1} of {len(names)} has no name; expected one, it names the row"
        raise InputError(msg)
    taken = [name for row, name in enumerate(names) if name in names[:row]]
    if taken:
        msg = f"two scenarios are named {taken[0]!r}; expected a name each"
        raise InputError(msg)


def _changes(scenario: Scenario) -> dict[str, Any]:
    """Return what a scenario changes; what it leaves as it is stays out."""
    sites = {name: getattr(scenario, name) for name in ("opened", "closed", "added", "moved")}
    told = {name: value for name, value in asdict(Scenario(**sites)).items() if name in sites and value}
    told |= {"streets": [edit_table(edit) for edit in scenario.edits]} if scenario.edits else {}
    settings = {name: value for name, value in asdict(scenario.settings).items() if value is not None}
    return {**told, **({"settings": settings} if settings else {})}
