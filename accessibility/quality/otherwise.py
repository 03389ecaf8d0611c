"""What it is worth to read the coordinates of a table in the way that fits the streets better."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.coverage import measure_coverage
from accessibility.projection import WGS84, transform
from accessibility.quality.worth import WeighedFinding, change_text, file_of, points_of
from accessibility.sources.detection import ReadingFinding, read_otherwise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.coverage import Coverage
    from accessibility.study import Study

_ROLES = {"outlet": "outlets", "bank": "banks", "new": "candidates"}


def coordinates_read_otherwise(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each finding on a coordinate system, with what coverage would be by the reading that fits better.

    Rows that were set aside, because they lie too far away as they are read, stay aside.
    """
    for finding in study.findings:
        if not isinstance(finding, ReadingFinding):
            continue
        sites, demand = study.sites, study.demand
        rows = np.array([file_of(study, _ROLES[str(kind)]) == finding.source for kind in sites.kind], np.bool_)
        if rows.any():
            sites = replace(sites, xy=_moved(sites.xy, rows, sites.crs, finding))
        else:
            demand = replace(demand, xy=_moved(demand.xy, np.ones(len(demand), np.bool_), demand.crs, finding))
        other = measure_coverage(study.network, demand, sites, now.standard, now.walker)
        change = other.covered_people - now.covered_people
        yield WeighedFinding(
            code=finding.code,
            source=finding.source,
            message=f"{finding.message}, {change_text(now, change)}",
            count=finding.count,
            people=abs(change),
            points_of_coverage=points_of(now, change),
        )


def _moved(xy: NDArray[np.float64], rows: NDArray[np.bool_], crs: CRS, finding: ReadingFinding) -> NDArray[np.float64]:
    """Return places with those of some rows read otherwise."""
    moved = xy.copy()
    there = rows & np.isfinite(xy).all(axis=1)
    lonlat = read_otherwise(transform(xy[there], crs, WGS84), finding.declared, finding.reading)
    moved[there] = transform(lonlat, WGS84, crs)
    return moved
