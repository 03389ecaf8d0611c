"""What lies between the figures of two studies of one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

from accessibility.errors import InputError
from accessibility.streets.search.compiling import limited_threads
from accessibility.study.study import read_study
from accessibility.uncertainty.changes import Snapshot, explain_changes
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.options import Options, Progress
    from accessibility.study.study import Study


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
