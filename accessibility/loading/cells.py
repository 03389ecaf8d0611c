"""The people of a study that come as a raster: their groups, and cells small enough for the study's rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from accessibility.sources.cells import read_groups, refuse_coarse, split_cells
from accessibility.sources.raster import read_population_raster
from accessibility.standards import SETTINGS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from accessibility.loading.context import Bounds, Loading
    from accessibility.sources.checks import Finding
    from accessibility.sources.raster import Cells


def load_cells(
    load: Loading, path: Path, bounds: Bounds | None
) -> tuple[Cells, dict[str, NDArray[np.float64]], list[Finding]]:
    """Return the populated cells, the people of each group in them, and what was found.

    Raises
    ------
    InputError
        Cells too large for a walking rule of the study's standard, and nothing said about splitting them.
    """
    table = load.settings.inputs.population
    cells, findings = read_population_raster(path, bounds_lonlat=bounds, band=table.band, unit=table.unit)
    groups: dict[str, NDArray[np.float64]] = {}
    if table.groups:
        files = {group: load.file(Path(file)) for group, file in table.groups.items()}
        cells, groups, more = read_groups(cells, files, bounds_lonlat=bounds, unit=table.unit, source=path.name)
        findings += more
    whole = cells
    if table.split_cells is not None:
        cells, more = split_cells(whole, table.split_cells, path.name)
        findings = [finding for finding in findings if not (more and finding.code == "coarse-cells")] + more
        parts = {
            group: split_cells(replace(whole, population=people), table.split_cells, path.name)[0]
            for group, people in groups.items()
        }
        groups = {group: part.population for group, part in parts.items()}
    standard = load.settings.standard.standard
    if any(standard.rule(setting).measure == "walk" for setting in SETTINGS):
        refuse_coarse(cells, path.name)
    return cells, groups, findings
