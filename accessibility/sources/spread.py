"""District totals spread over buildings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.sources.areas import locate
from accessibility.sources.checks import Finding

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

_ENOUGH_RESIDENTIAL = 0.3


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """People by building.

    Parameters
    ----------
    ids
        ``(n,)`` ``b`` and the building's id, or ``d`` and the district's name where it has no building.
    lonlat
        ``(n, 2)`` degrees.
    population
        ``(n,)`` people; they add up to each district's total.
    district
        ``(n,)`` name of the district.
    """

    ids: NDArray[np.object_]
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    district: NDArray[np.object_]


def spread_over_buildings(
    buildings: gpd.GeoDataFrame, districts: gpd.GeoDataFrame, *, source: str = "buildings"
) -> tuple[Spread, list[Finding]]:
    """Return the people of each district in its buildings, by floor area (footprint times levels).

    People live in residential buildings. A building whose use is not known (``building=yes``) takes people as a
    residential one does where residential buildings are fewer than three in ten of those two; buildings of another
    use take people only where a district has nothing else. People of a district without buildings stand at a point
    inside it. Totals are kept exactly.

    Parameters
    ----------
    buildings
        A row a building: ``id``, ``footprint_m2``, ``levels``, ``use`` (``residential``, ``unknown``, ``other``),
        points in EPSG:4326.
    districts
        Indexed by name, with ``population``, polygons in EPSG:4326.
    source
        Name of the buildings' file, for findings.

    Raises
    ------
    InputError
        A district whose population is missing or negative.
    """
    totals = districts["population"].to_numpy(dtype=float)
    bad = ~(np.isfinite(totals) & (totals >= 0))
    if bad.any():
        names = ", ".join(f"{n} ({t:g})" for n, t in zip(districts.index[bad][:10], totals[bad], strict=False))
        msg = (
            f"{int(bad.sum())} districts without a population to spread: {names}; expected people, 0 or more, for each"
        )
        raise InputError(msg)
    lonlat = shapely.get_coordinates(buildings.geometry.to_numpy())
    row = locate(lonlat, districts)
    chosen, by_use = _inhabited(buildings["use"].to_numpy(dtype=str), row, len(districts))
    weight = np.where(chosen, (buildings["footprint_m2"] * buildings["levels"]).to_numpy(dtype=float), 0.0)
    lived_in = np.flatnonzero(weight > 0)
    whole = np.bincount(row[lived_in], weights=weight[lived_in], minlength=len(districts))
    empty = np.flatnonzero((whole == 0) & (totals > 0))
    inside = shapely.point_on_surface(districts.geometry.to_numpy()[empty])
    names = districts.index.to_numpy(dtype=object)
    spread = Spread(
        ids=np.array([f"b{i}" for i in buildings["id"].to_numpy()[lived_in]] + [f"d{names[e]}" for e in empty], object),
        lonlat=np.vstack([lonlat[lived_in], shapely.get_coordinates(inside).reshape(-1, 2)]),
        population=np.append(weight[lived_in] / whole[row[lived_in]] * totals[row[lived_in]], totals[empty]),
        district=np.append(names[row[lived_in]], names[empty]),
    )
    return spread, _findings(source, (len(lived_in), by_use), list(names[empty]), float(totals[empty].sum()))


def _inhabited(use: NDArray[np.str_], row: NDArray[np.intp], n: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which buildings take people, and how many districts count residential, unknown, and other ones."""
    inside = row >= 0
    count = {u: np.bincount(row[inside & (use == u)], minlength=n) for u in ("residential", "unknown", "other")}
    homes, unknown = count["residential"], count["unknown"]
    with_unknown = (unknown > 0) & (homes < _ENOUGH_RESIDENTIAL * (homes + unknown))
    with_other = (homes + unknown == 0) & (count["other"] > 0)
    takes = (use == "residential") | ((use == "unknown") & with_unknown[row]) | ((use == "other") & with_other[row])
    return inside & takes, np.array([(homes > 0).sum(), with_unknown.sum(), with_other.sum()])


def _findings(source: str, spread: tuple[int, NDArray[np.int64]], empty: list[object], people: float) -> list[Finding]:
    count, (_, unknown, other) = spread
    message = f"people spread over {count:,} buildings by floor area"
    if unknown:
        message += f"; in {unknown} districts buildings of unknown use count as homes, residential ones are too few"
    if other:
        message += f"; in {other} districts there are only buildings of another use"
    findings = [Finding(code="people-over-buildings", source=source, message=message, count=count)]
    if empty:
        some = ", ".join(map(str, empty[:5]))
        text = f"{len(empty)} districts have no building: {some}; their people stand at one point"
        findings.append(
            Finding(code="district-without-building", source=source, message=text, count=len(empty), people=people)
        )
    return findings
