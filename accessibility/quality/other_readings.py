"""What it is worth to read an input otherwise: coordinates, heights, people outside every district or in thousands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from scipy.spatial import cKDTree

from accessibility.demand import Demand
from accessibility.errors import Finding, OutsideFinding
from accessibility.geo.arrays import extent, finite_rows
from accessibility.geo.projection import WGS84, transform
from accessibility.measures.coverage import measure_coverage
from accessibility.quality.impact import WeighedFinding, change_text, points_of
from accessibility.settlement import CELL_M, classify_settings
from accessibility.sites import INPUT_OF
from accessibility.sources.detection import ReadingFinding, read_otherwise
from accessibility.sources.osm.extracts import read_buildings
from accessibility.sources.raster.surfaces import sample_heights
from accessibility.streets.grades import STEEP_SHARE, Graded, measure_grades
from accessibility.study.loading.context import is_osm
from accessibility.study.saving import file_of, original_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.measures.coverage import Coverage
    from accessibility.study.study import Study

HEIGHT_CODES = ("steep-streets", "heights-unit", "heights-impossible", "heights-missing")
"""Findings on heights."""

_UNITS_M = {"feet": 0.3048, "decimetres": 0.1, "centimetres": 0.01}


def coordinates_read_otherwise(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each finding on a coordinate system, with what coverage would be by the reading that fits better.

    Rows that were set aside, because they lie too far away as they are read, stay aside.
    """
    names = original_names(study)
    files = {kind: file_of(study, role) for kind, role in INPUT_OF.items()}
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
        told = _weighed(finding, f"{finding.message}, {change_text(now, change)}", points_of(now, change))
        yield replace(told, people=abs(change))


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


_UNITS = {1: "tens", 2: "hundreds", 3: "thousands", 4: "ten thousands"}
_OTHERS = {1: "ten times", 2: "a hundred times", 3: "a thousand times", 4: "ten thousand times"}
_PER_KM2 = (1.0, 50_000.0)  # people a square kilometre: fewer than in Tibet, more than in any county
_FEW_KM2 = 10.0
_PER_CELL = 130_000.0  # the densest square kilometres on Earth
_PER_CELL_USUAL = 10_000.0
_ROWS = 5  # one row may be a whole town at one point
_PER_STREET_KM = (40.0, 800.0)  # within, people and streets fit each other, and no building is looked at
_PER_HOME = (1.0, 30.0)  # within, people that were shared out over buildings fit them
_FLOOR_M2 = (1.0, 400.0)  # a person: towers whose storeys nobody mapped, villages full of barns and holiday homes
_STOREYS_KNOWN_M2 = 10.0
_FLOOR_USUAL_M2 = 30.0
_HOMES = 30  # too few speak for nothing
_MAPPED = 100  # homes in a cell whose buildings somebody mapped
_AROUND_M = 200.0


@dataclass(frozen=True)
class _Doubt:
    """What speaks against the number of people: the evidence in words, and which power of ten would mend it."""

    evidence: str
    power: int


def people_in_another_unit(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield that people do not fit homes, settlement or area, and what coverage is in the unit that would."""
    if not now.population > 0:
        return
    doubt = _by_homes(study, now) or _by_settlement(now) or _by_area(study, now)
    if doubt is None:
        return
    demand = replace(now.demand, population=now.demand.population * 10.0**doubt.power)
    if study.settings.settlement.source == "degurba" and study.settings.inputs.population.setting is None:
        demand = replace(demand, setting=classify_settings(demand.xy, demand.crs, demand.population)[0])
    other = measure_coverage(study.network, demand, study.sites, now.standard, now.walker)
    points = 100 * (other.share - now.share)
    few = doubt.power > 0
    unit = f"are they {_UNITS[doubt.power]}" if few else f"are they {_OTHERS[-doubt.power]} too many"
    message = (
        f"{_number(now.population)} people: {doubt.evidence}; {_number(float(now.demand.population.max()))} at most at "
        f"a place: is the unit right, or {unit}? With {demand.population.sum():,.0f} people coverage would change by "
        f"{points:+.2f} points"
    )
    yield WeighedFinding(
        code="people-unit",
        source=file_of(study, "population"),
        message=message,
        people=now.population,
        points_of_coverage=points,
    )


def _by_area(study: Study, now: Coverage) -> _Doubt | None:
    km2 = float(shapely.area(_area(study, now))) / 1e6
    density = now.population / km2 if km2 >= _FEW_KM2 or now.population < 1 else _PER_KM2[0]
    if now.population < 1:
        return _Doubt(f"{_number(density)} a km² of {_number(km2)} km²", 3)
    if _PER_KM2[0] <= density <= _PER_KM2[1]:
        return None
    evidence = f"{_number(density)} a km² of {km2:,.0f} km²"
    if density < _PER_KM2[0]:
        return _Doubt(evidence, 3 if density * 1_000 >= _PER_KM2[0] else 4)
    return _Doubt(evidence, -3 if density / 1_000 <= _PER_KM2[1] else -4)


def _by_settlement(now: Coverage) -> _Doubt | None:
    """Return that a square kilometre where several rows live has more people than any on Earth."""
    placed = finite_rows(now.demand.xy)
    _, cell, rows = np.unique(np.floor(now.demand.xy[placed] / CELL_M), axis=0, return_inverse=True, return_counts=True)
    people = np.bincount(cell.ravel(), weights=now.demand.population[placed], minlength=len(rows))[rows >= _ROWS]
    densest = float(people.max(initial=0.0))
    if densest <= _PER_CELL:
        return None
    urban = people[people > _PER_CELL]
    evidence = f"{densest:,.0f} of them in one square kilometre, more than {_PER_CELL:,.0f} in {len(urban):,} of them"
    return _Doubt(evidence, _power(_PER_CELL_USUAL / densest))


def _by_homes(study: Study, now: Coverage) -> _Doubt | None:
    """Return that people have far more or far less floor than people have; homes are read only where a doubt is."""
    streets = study.inputs.get("network")
    if streets is None or not is_osm(streets) or not _doubtful(study, now):
        return None
    area = _area(study, now)
    lonlat = transform(shapely.get_coordinates(area), study.network.crs, WGS84)
    low, high = extent(lonlat)
    homes = _homes(study, area, (*low, *high))
    if len(homes) < _HOMES:
        return None
    floor = (homes["footprint_m2"] * homes["levels"]).to_numpy(np.float64)
    each = float(floor.sum()) / now.population
    if each > _FLOOR_M2[1]:
        return _Doubt(_homes_text(len(homes), floor.sum(), now.population), _power(each / _FLOOR_USUAL_M2))
    mapped, people = _mapped(homes["xy"].to_numpy(), now)
    if not people > 0 or mapped.sum() < _HOMES:
        return None
    each = float(floor[mapped].sum()) / people
    storeys = (homes["levels"].to_numpy(np.float64)[mapped] > 1).mean() > 1 / 2
    if each >= (_STOREYS_KNOWN_M2 if storeys else _FLOOR_M2[0]):
        return None
    return _Doubt(_homes_text(int(mapped.sum()), floor[mapped].sum(), people), _power(each / _FLOOR_USUAL_M2))


def _homes_text(homes: int, floor_m2: float, people: float) -> str:
    return (
        f"{_number(people / homes)} a building and {_number(100 * people / floor_m2)} on 100 m² of floor, where "
        f"{_number(people)} of them have {homes:,} buildings with {floor_m2:,.0f} m² that are homes or may be"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"  # noqa: PLR2004 -- two figures tell enough of less


def _power(times: float) -> int:
    """Return the power of ten nearest to a factor, at least ten and at most ten thousand, either way."""
    power = round(float(np.log10(times)))
    return int(np.sign(np.log10(times))) * min(max(abs(power), 1), 4)


def _doubtful(study: Study, now: Coverage) -> bool:
    """Return whether people fit neither the streets around them nor, shared out over buildings, their number."""
    if study.settings.inputs.population.buildings:
        each = now.population / len(now.demand.population)
        return not _PER_HOME[0] <= each <= _PER_HOME[1]
    placed = now.demand.xy[finite_rows(now.demand.xy)]
    if not len(placed):
        return False
    middle = study.network.node_xy[study.network.edges].mean(axis=1)
    low, high = extent(placed)
    near = ((middle >= low - _AROUND_M) & (middle <= high + _AROUND_M)).all(axis=1)
    km = float(study.network.length_m[near].sum()) / 1_000
    return not _PER_STREET_KM[0] * km <= now.population <= _PER_STREET_KM[1] * km


def _homes(study: Study, area: Any, bounds: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    """Return the buildings inside the area that are homes or may be, with their places in the network's system."""
    found, _ = read_buildings(study.extract or study.inputs["network"], bounds=bounds)
    found = found[found["use"] != "other"]
    xy = transform(shapely.get_coordinates(found.geometry.to_numpy()), WGS84, study.network.crs)
    shapely.prepare(area)
    inside = shapely.contains_xy(area, *xy.T)
    return found[inside].assign(xy=list(xy[inside]))


def _mapped(homes: NDArray[np.object_], now: Coverage) -> tuple[NDArray[np.bool_], float]:
    """Return which homes stand in square kilometres whose buildings are mapped, and how many people live in these."""
    placed = finite_rows(now.demand.xy)
    cells = np.floor(np.concatenate([np.stack(list(homes)), now.demand.xy[placed]]) / CELL_M)
    cell = np.unique(cells, axis=0, return_inverse=True)[1].ravel()
    of_homes, of_people = cell[: len(homes)], cell[len(homes) :]
    many = np.bincount(of_homes, minlength=cell.max() + 1) >= _MAPPED
    return many[of_homes], float(now.demand.population[placed][many[of_people]].sum())


def _area(study: Study, now: Coverage) -> Any:
    """Return the area in the network's system: the districts, or what lies between all people and a little around."""
    if study.districts is not None:
        return study.districts.to_crs(study.network.crs).union_all()
    placed = now.demand.xy[finite_rows(now.demand.xy)]
    return shapely.buffer(shapely.convex_hull(shapely.linestrings(np.append(placed, placed[:1], axis=0))), _AROUND_M)
