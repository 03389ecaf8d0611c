"""Straight lines: the literal reading of a distance rule, as the radius around a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, distances, geodesics, transform

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS
    from scipy.spatial import cKDTree

NO_SITE = -1
STRETCH = 1.01  # nearby, no projected distance is so much longer than it is on the ground, or than another one


def measure_radius(
    people_xy: NDArray[np.float64], site_xy: NDArray[np.float64], is_open: NDArray[np.bool_], crs: CRS
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the geodesic metres from each point to the nearest open site, and its row: the lowest of the nearest.

    Points and sites are ``(n, 2)`` and ``(s, 2)`` in `crs`, a projected system in metres; a point that is not finite
    has no nearest site: NaN and -1.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415

    radius = np.full(len(people_xy), np.nan)
    owner = np.full(len(people_xy), NO_SITE, np.int32)
    rows = np.flatnonzero(is_open)
    left = np.flatnonzero(finite_rows(people_xy)) if rows.size else np.empty(0, np.intp)
    if not left.size:
        return radius, owner
    tree = cKDTree(site_xy[rows])
    people, sites = transform(people_xy, crs, WGS84), transform(site_xy[rows], crs, WGS84)
    neighbours = min(2, len(rows))
    drawn, found = _nearest_drawn(tree, people_xy[left], neighbours)
    radius[left], owner[left] = geodesics(people[left], sites[found[0]]), rows[found[0]]
    # On the ground another site may be nearest than on the plane, if it is hardly farther there.
    open_question = (drawn[-1] <= drawn[0] * STRETCH) & (neighbours > 1)
    left, drawn, found = left[open_question], drawn[:, open_question], found[:, open_question]
    while left.size:
        ways = np.array([geodesics(people[left], sites[nth]) for nth in found])
        radius[left] = ways.min(axis=0)
        owner[left] = rows[np.where(ways == radius[left], found, len(rows) - 1).min(axis=0)]
        left = left[(drawn[-1] <= drawn[0] * STRETCH) & (neighbours < len(rows))]
        neighbours = min(2 * neighbours, len(rows))
        drawn, found = _nearest_drawn(tree, people_xy[left], neighbours)
    return radius, owner


def _nearest_drawn(
    tree: cKDTree, xy: NDArray[np.float64], neighbours: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return ``(k, n)`` metres on the plane to the nearest sites of each place, and which they are."""
    drawn, found = tree.query(xy, k=list(range(1, neighbours + 1)))
    return np.asarray(drawn).T, np.asarray(found).T


def pairs_within(
    people_xy: NDArray[np.float64], site_xy: NDArray[np.float64], limit_m: NDArray[np.float64], crs: CRS
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the rows of sites and people, and the geodesic metres between them, of all pairs that may be near enough.

    Pairs are ordered by site, then by person. None is missing that is within ``(n,)`` `limit_m` of the person; a limit
    below 0 asks for no pair.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415

    rows = np.flatnonzero((limit_m >= 0) & finite_rows(people_xy))
    if not rows.size or not len(site_xy):
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    reach = float(limit_m[rows].max()) * STRETCH
    near: Any = cKDTree(people_xy[rows]).query_ball_point(site_xy, reach, return_sorted=True)
    site = np.repeat(np.arange(len(site_xy)), [len(found) for found in near])
    person = rows[np.concatenate([np.asarray(found, np.intp) for found in near])]
    return site, person, distances(people_xy[person], site_xy[site], crs)
