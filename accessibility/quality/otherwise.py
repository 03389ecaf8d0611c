"""What it is worth to read an input otherwise: coordinates, heights, people outside every district."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.demand import Demand
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, transform
from accessibility.measures.coverage import measure_coverage
from accessibility.quality.worth import WeighedFinding, change_text, points_of
from accessibility.settlement import classify_settings
from accessibility.sources.checks import OutsideFinding
from accessibility.sources.detection import ReadingFinding, read_otherwise
from accessibility.sources.raster.heights import sample_heights
from accessibility.streets.grades import STEEP_SHARE, Graded, measure_grades
from accessibility.study.saving import file_of, original_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.measures.coverage import Coverage
    from accessibility.sources.checks import Finding
    from accessibility.study.study import Study

HEIGHT_CODES = ("steep-streets", "heights-unit", "heights-impossible", "heights-missing")
"""Findings on heights."""

_UNITS_M = {"feet": 0.3048, "decimetres": 0.1, "centimetres": 0.01}
_ROLES = {"outlet": "outlets", "bank": "banks", "new": "candidates"}


def coordinates_read_otherwise(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each finding on a coordinate system, with what coverage would be by the reading that fits better.

    Rows that were set aside, because they lie too far away as they are read, stay aside.
    """
    names = original_names(study)
    files = {kind: file_of(study, role) for kind, role in _ROLES.items()}
    for finding in study.findings:
        if not isinstance(finding, ReadingFinding):
            continue
        sites, demand = study.sites, study.demand
        sources = [names.get(files[str(kind)], files[str(kind)]) for kind in sites.kind]
        rows = np.array([source == finding.source for source in sources], np.bool_)
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
    there = rows & finite_rows(xy)
    lonlat = read_otherwise(transform(xy[there], crs, WGS84), finding.declared, finding.reading)
    moved[there] = transform(lonlat, WGS84, crs)
    return moved


def heights_read_otherwise(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each finding on heights: with coverage by the unit that makes streets of them, else by flat streets."""
    for finding in study.findings:
        if finding.code not in HEIGHT_CODES:
            continue
        text, other = _by_other_heights(study, now, finding)
        change = other.covered_people - now.covered_people
        yield _weighed(finding, f"{finding.message}. {text}, {change_text(now, change)}", points_of(now, change))


def _by_other_heights(study: Study, now: Coverage, finding: Finding) -> tuple[str, Coverage]:
    """Return what is supposed of the heights, and the coverage by that."""
    if finding.code in ("steep-streets", "heights-unit") and "elevation" in study.inputs:  # a saved study has slopes
        for unit, metre in _UNITS_M.items():
            graded = _graded(study, metre)
            if graded.steep <= STEEP_SHARE and now.walker.slope:
                other = measure_coverage(graded.network, study.demand, study.sites, now.standard, now.walker)
                return f"Were they in {unit}, {graded.steep:.1%} of the roads would be as steep", other
    flat = study.coverage(walker=replace(now.walker, slope=False), standard=now.standard)
    return "Were all streets flat", flat


def _graded(study: Study, metre: float) -> Graded:
    path, network = study.inputs["elevation"], study.network

    def heights_at(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return metre * sample_heights(path, xy, network.crs)[0]

    return measure_grades(network, heights_at, study.settings.walking.slope_factor)


def people_counted_too(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each finding on people outside the area, with coverage if they were counted, by the streets read."""
    for finding in study.findings:
        if not isinstance(finding, OutsideFinding):
            continue
        placed = finite_rows(finding.lonlat)
        people = finding.population[placed]
        if not (people.sum() > 0 and now.population > 0):
            yield _weighed(finding, finding.message, None)
            continue
        demand = Demand(
            ids=np.arange(len(people)).astype(object),
            xy=transform(finding.lonlat[placed], WGS84, now.demand.crs),
            population=people,
            setting=_settings_outside(study, now, finding.lonlat[placed], people),
            settings=now.demand.settings,
            crs=now.demand.crs,
        )
        too = measure_coverage(study.network, demand, study.sites, now.standard, now.walker)
        share = (now.covered_people + too.covered_people) / (now.population + too.population)
        points = 100 * (share - now.share)
        text = f"counted with the streets and sites read here, {too.covered_people:,.0f} of them would be covered"
        message = f"{finding.message}; {text}, and coverage would change by {points:+.2f} points"
        yield _weighed(finding, message, points)


def _settings_outside(
    study: Study, now: Coverage, lonlat: NDArray[np.float64], people: NDArray[np.float64]
) -> NDArray[np.str_]:
    """Return the setting of people outside: by density where that decides, else that of the nearest people inside."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 -- `import accessibility` stays light

    placed = finite_rows(now.demand.xy)
    inside = transform(now.demand.xy[placed], now.demand.crs, WGS84)
    if study.shifted_settings:
        settings, _ = classify_settings(
            np.vstack([lonlat, inside]), WGS84, np.append(people, now.demand.population[placed])
        )
        return settings[: len(people)]
    xy = transform(lonlat, WGS84, now.demand.crs)
    nearest = cKDTree(now.demand.xy[placed]).query(xy)[1]
    return now.demand.setting[placed][nearest]


def _weighed(finding: Finding, message: str, points: float | None) -> WeighedFinding:
    return WeighedFinding(
        code=finding.code,
        source=finding.source,
        message=message,
        count=finding.count,
        people=finding.people,
        points_of_coverage=points,
    )
