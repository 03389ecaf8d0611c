"""Findings on people whom the streets miss, by district."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.geo.projection import transform
from accessibility.measures.snap_audit import FAR_M, beyond_limit, name_districts
from accessibility.measures.tables import NO_DISTRICT
from accessibility.quality.worth import WeighedFinding, change_text, points_of
from accessibility.streets.compounds import sealed_edges
from accessibility.study.saving import file_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.study.study import Study


def missed_people(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield, by district, the people that the streets miss; only legs over water may concern them twice."""
    labels = name_districts(now, study.district)
    lonlat = now.demand.lonlat
    for code, text, concerned in [*_missed(study, now), _over_water(study, now)]:
        for name in dict.fromkeys(labels[concerned]):
            rows = np.flatnonzero(concerned & (labels == name))
            people = now.demand.population[rows]
            if not people.sum() > 0:
                continue
            missed = float(people[~now.covered[rows]].sum())
            lon, lat = lonlat[rows[people.argmax()]]
            yield WeighedFinding(
                code=code,
                source=file_of(study, "network"),
                message=f"people {text}: {people.sum():,.0f}; were all of them covered, {change_text(now, missed)}",
                count=len(rows),
                people=float(people.sum()),
                points_of_coverage=points_of(now, missed),
                district=None if name == NO_DISTRICT else name,
                lon=float(lon),
                lat=float(lat),
            )


def _missed(study: Study, now: Coverage) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Return the code and the words of each way to be missed, and whom it concerns."""
    at = now.snapped.demand
    on_main = np.append(study.network.main_edges, False)[at.edge]
    beyond = beyond_limit(now)
    # Where no site counts at all everybody is unreached, and the streets are not to blame.
    island = at.snapped & (~on_main | (now.unreached & now.sites.open.any()))
    far = ~island & (at.leg_m > FAR_M)
    sealed = far & _nearer_to_sealed(study, now, far)
    return [
        ("island", "on streets cut off from the main network", island),
        ("gate-missing", "in compounds without a mapped gate, taken to the nearest street within their limit", sealed),
        ("beyond-snap-limit", "farther from any street than the snap limit of their setting", beyond & ~sealed),
        ("street-missing", f"more than {FAR_M:.0f} m from their street (is one missing?)", far & ~beyond & ~sealed),
    ]


def _over_water(study: Study, now: Coverage) -> tuple[str, str, NDArray[np.bool_]]:
    """Return whose straight way to their street crosses mapped water: nobody walks there."""
    import shapely  # noqa: PLC0415 -- a study without an extract has no water

    at, network = now.snapped.demand, study.network
    found, rows = np.zeros(len(at), np.bool_), np.flatnonzero(at.snapped & (at.leg_m > 0))
    if len(study.water) and rows.size:
        lines = network.lines()[at.edge[rows]]
        onto = shapely.get_coordinates(shapely.line_interpolate_point(lines, at.fraction[rows], normalized=True))
        home = transform(now.demand.xy[rows], now.demand.crs, network.crs)
        water = shapely.STRtree(study.water.to_crs(network.crs).geometry.to_numpy())
        wet = water.query(shapely.linestrings(np.stack([home, onto], axis=1)), predicate="intersects")[0]
        found[rows[wet]] = True
    return "leg-over-water", "whose straight way to their street crosses mapped water", found


def _nearer_to_sealed(study: Study, now: Coverage, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a way of a compound that nobody could leave is nearer than the street taken."""
    import shapely  # noqa: PLC0415 -- a study without such compounds needs none

    found = np.zeros(len(asked), np.bool_)
    sealed, rows = sealed_edges(study.network), np.flatnonzero(asked)
    if sealed.any() and rows.size:
        xy = transform(now.demand.xy[rows], now.demand.crs, study.network.crs)
        tree = shapely.STRtree(study.network.lines(np.flatnonzero(sealed)))
        (which, _), metres = tree.query_nearest(shapely.points(xy), return_distance=True, all_matches=False)
        found[rows[which]] = metres < now.snapped.demand.leg_m[rows[which]]
    return found
