"""`accessibility check`: what a study's inputs hold, and what every finding on them is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accessibility.cli.folder import claim_quality
from accessibility.cli.options import READING_STEPS
from accessibility.measures.tables import headline
from accessibility.present.layers.files import write_csv
from accessibility.quality import measure_quality
from accessibility.streets.search.compiling import limited_threads
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.options import Progress
    from accessibility.study.study import Study
    from accessibility.wording import Language


def run_check(
    path: Path,
    progress: Progress,
    out: Path | None = None,
    *,
    workers: int | None = None,
    language: Language = "en",
) -> dict[str, Any]:
    """Return what a study's inputs hold, and what every finding on them is worth in points of coverage.

    That takes a coverage run or a few: a finding without its worth leaves open whether it matters.

    Parameters
    ----------
    path
        The ``study.toml``.
    progress
        Who is told how far it is.
    out
        Where ``quality.csv`` is written; nothing is written if None.
    workers
        Threads on which findings are weighed; all processors if None.
    language
        In which ``quality.csv`` tells the findings.

    Returns
    -------
    dict
        ``read`` (what the inputs hold), ``headline``, ``notes`` and ``warnings`` as sentences, and the fields of
        `accessibility.quality.Quality.to_dict`.

    Raises
    ------
    InputError
        An input that does not meet its contract.
    OutputError
        ``quality.csv`` cannot be written.

    Examples
    --------
    >>> from accessibility.cli.runs import run_check
    >>> run_check(study, silent)["headline"].split(" are")[0]
    '75.0 % of 40 people (30)'
    """
    progress.start(READING_STEPS + 1)
    study = read_study(path, progress=progress.step)
    table = None if out is None else claim_quality(out, [path, *study.inputs.values()])
    progress.step("Weighing what was found")
    with limited_threads(workers):
        quality = measure_quality(study)
    if table is not None:
        write_csv(quality.table_in(language), table)
    sites, demand = study.sites, study.demand
    placed = study.site_district.notna().to_numpy()
    read = {
        "study": f"{study.name} ({path})",
        "area": "none: everyone counts" if study.districts is None else f"{len(study.districts)} districts",
        "network": f"{study.network!r}"[1:-1] + f"; projected to {_crs_text(study.network.crs)}",
        "people": f"{demand!r}"[1:-1],
        "sites": f"{sites!r}"[1:-1] + f"; {int(placed.sum())} inside the area",
        "standard": "; ".join(f"{setting}: {rule.text}" for setting, rule in study.standard.rules),
        "walking": _walking_text(study),
    }
    files = {name: _file_text(file) for name, file in study.inputs.items()}
    return {
        "read": read | {f"file {name}": text for name, text in files.items()},
        "headline": headline(quality.coverage),
        "totals": {"population": quality.coverage.population, "covered": quality.coverage.covered_people},
        "notes": [str(finding) for finding in quality.findings if not finding.is_warning],
        "warnings": [str(finding) for finding in quality.findings if finding.is_warning],
        **quality.to_dict(),
    }


def _crs_text(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else "a local transverse Mercator"


def _file_text(path: Path) -> str:
    return f"{path.name}, {path.stat().st_size / 1e6:.2f} MB"


def _walking_text(study: Study) -> str:
    """Return how people walk in this study, in words."""
    walker, table = study.walker, study.settings.walking
    function = table.slope if isinstance(table.slope, str) else "tobler"
    sloping = walker.slope and study.settings.inputs.elevation is not None
    parts = [
        f"{walker.speed_m_s:g} m/s",
        f"slopes by {function}" if sloping else "all streets flat",
        f"stairs {walker.stairs_factor:g} times as long",
        f"{walker.signal_delay_s:g} s at a signal",
        f"access table {table.access}",
        "compounds open to everybody" if walker.open_compounds else "compounds for their residents",
        "ferries carry people" if table.ferries else "no ferries",
        *(f"{group} at {own.speed_m_s:g} m/s" for group, own in study.group_walkers.items()),
    ]
    return "; ".join(parts)
