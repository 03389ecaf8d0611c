"""What changed between two snapshots of a place: the streets, the map of them, the outlets, or the people.

The difference of two figures is dealt out by Shapley's value (1953): what each part brings, on average over every order
in which they could have changed. The parts add up to the difference exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import InputError
from accessibility.geo.arrays import Frozen, starts_of
from accessibility.measures.coverage import measure_coverage
from accessibility.streets.network import PER_EDGE, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.standards import Standard, Walker

PARTS_OF_CHANGE = ("built", "mapped", "outlets", "people")
NEAR_M = 15.0
"""How far apart two drawings of one street may lie."""
_MOST = 0.5
_STEP_M = 10.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot(Frozen):
    """The inputs of a figure at one time.

    Parameters
    ----------
    network, demand, sites
        Streets, people and sites.

    Examples
    --------
    >>> import accessibility as acc
    >>> from accessibility.uncertainty import Snapshot
    >>> at = {"xy": [(500_000, 0), (503_000, 0)], "crs": "EPSG:32649"}
    >>> road = acc.Network(node_xy=at["xy"], edges=[(0, 1)], length_m=[3_000], crs="EPSG:32649")
    >>> homes = acc.Demand(ids=["west", "east"], population=[30, 10], **at)
    >>> both = acc.Sites(ids=["O1", "O2"], **at)
    >>> len(Snapshot(network=road, demand=homes, sites=both).sites)
    2
    """

    network: Network
    demand: Demand
    sites: Sites


@dataclass(frozen=True, kw_only=True, eq=False)
class Changes(Frozen):
    """Two shares and what lies between them.

    Parameters
    ----------
    before, after
        Share covered, 0 to 1.
    points
        Part of `PARTS_OF_CHANGE` to its percentage points; they add up to the difference.
    new_km, built_km
        Streets that the first map does not have, and of these the newly built ones.

    Examples
    --------
    >>> from accessibility.uncertainty import Changes
    >>> points = {"built": 2.0, "mapped": 1.0, "outlets": 4.5, "people": -0.5}
    >>> changes = Changes(before=0.70, after=0.77, points=points, new_km=12.0, built_km=3.0)
    >>> changes.table()["points"].round(1).tolist()
    [2.0, 1.0, 4.5, -0.5, 7.0]
    """

    before: float
    after: float
    points: dict[str, float]
    new_km: float
    built_km: float

    def table(self) -> pd.DataFrame:
        """Return one row per part, and the difference.

        Returns
        -------
        pandas.DataFrame
            Columns ``part`` and ``points``.

        Examples
        --------
        >>> changes.table()["part"].tolist()
        ['built', 'mapped', 'outlets', 'people', 'total']
        """
        rows = [*self.points.items(), ("total", 100 * (self.after - self.before))]
        return pd.DataFrame(rows, columns=["part", "points"])


def explain_changes(
    old: Snapshot,
    new: Snapshot,
    standard: Standard,
    walker: Walker,
    built: NDArray[np.object_] | None = None,
) -> Changes:
    """Return how many points come from new streets, new mapping, new outlets and new people.

    A street is new that lies over more than half of its length farther than `NEAR_M` from every street of the first
    map. A map does not say whether a new street was built or only drawn: those along the lines `built` were built, all
    others were mapped, as was every other difference of the two maps. Built streets bring what the second map loses
    without them.

    Parameters
    ----------
    old, new
        The two snapshots.
    standard, walker
        What near enough means and how people walk, in both.
    built
        ``(k,)`` lines of streets that were built between the two, in the second network's coordinate system.

    Returns
    -------
    Changes
        Both shares, and the points that each part brings.

    Raises
    ------
    InputError
        Nobody lives in one of the snapshots.

    Examples
    --------
    >>> import accessibility as acc
    >>> from accessibility.uncertainty import Snapshot, explain_changes
    >>> at = {"xy": [(500_000, 0), (503_000, 0)], "crs": "EPSG:32649"}
    >>> road = acc.Network(node_xy=at["xy"], edges=[(0, 1)], length_m=[3_000], crs="EPSG:32649")
    >>> homes = acc.Demand(ids=["west", "east"], population=[30, 10], **at)
    >>> both = acc.Sites(ids=["O1", "O2"], **at)
    >>> old, new = (Snapshot(network=road, demand=homes, sites=sites) for sites in (both.take([0]), both))
    >>> explain_changes(old, new, acc.Standard(), acc.Walker()).points["outlets"]
    25.0
    """
    fresh = _far_from(new.network, _lines(old, new))
    made = np.zeros(len(fresh), np.bool_) if built is None else fresh & ~_far_from(new.network, built)
    mapped_only = _without(new.network, made) if made.any() else new.network
    streets = {(False, False): old.network, (False, True): mapped_only, (True, True): new.network}
    known: dict[tuple[bool, ...], float] = {}

    def share(of: tuple[bool, bool], outlets: bool, people: bool) -> float:  # noqa: FBT001
        key = (*of, outlets, people)
        if key not in known:
            sites, demand = (new if outlets else old).sites, (new if people else old).demand
            found = measure_coverage(streets[of], demand, sites, standard, walker).share
            if not np.isfinite(found):
                msg = "no one lives in one of the two snapshots; expected people in both"
                raise InputError(msg)
            known[key] = found
        return known[key]

    def value(parts: frozenset[str]) -> float:
        there = ("outlets" in parts, "people" in parts)
        if "built" not in parts:
            return share((False, "mapped" in parts), *there)
        if "mapped" in parts:
            return share((True, True), *there)
        # On the first map alone a built street would hang on streets drawn otherwise.
        return share((False, False), *there) + share((True, True), *there) - share((False, True), *there)

    points = {part: 100 * gain for part, gain in deal_out(PARTS_OF_CHANGE, value).items()}
    km = new.network.length_m / 1_000
    return Changes(
        before=value(frozenset()),
        after=value(frozenset(PARTS_OF_CHANGE)),
        points=points,
        new_km=float(km[fresh].sum()),
        built_km=float(km[made].sum()),
    )


def deal_out(parts: Sequence[str], value: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Return Shapley's value of each part: what it adds to those before it, on average over all orders.

    Examples
    --------
    Two that are worth 10 only together share it:

    >>> deal_out(("a", "b", "c"), lambda there: 10.0 if {"a", "b"} <= there else 0.0)
    {'a': 5.0, 'b': 5.0, 'c': 0.0}
    """
    n = len(parts)
    found = {}
    for part in parts:
        others = [other for other in parts if other != part]
        found[part] = 0.0
        for size in range(n):
            weight = factorial(size) * factorial(n - 1 - size) / factorial(n)
            for some in combinations(others, size):
                found[part] += weight * (value(frozenset((*some, part))) - value(frozenset(some)))
    return found


def _lines(old: Snapshot, new: Snapshot) -> NDArray[np.object_]:
    """Return the streets of the first map in the second one's coordinate system."""
    lines = gpd.GeoSeries(old.network.lines(), crs=old.network.crs).to_crs(new.network.crs)
    return np.asarray(lines.to_numpy(), dtype=object)


def _far_from(network: Network, lines: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether an edge lies over more than half of its length far from all of some lines."""
    several = np.maximum(np.ceil(network.length_m / _STEP_M), 1).astype(np.int64)
    edge = np.repeat(np.arange(len(several)), several)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(several) - several, several)
    points = shapely.line_interpolate_point(network.lines()[edge], (place + 0.5) / several[edge], normalized=True)
    near = np.zeros(len(edge), np.bool_)
    if len(lines):
        near[shapely.STRtree(lines).query(points, predicate="dwithin", distance=NEAR_M)[0]] = True
    far: NDArray[np.bool_] = np.bincount(edge, weights=~near, minlength=len(several)) > _MOST * several
    return far


def _without(network: Network, gone: NDArray[np.bool_]) -> Network:
    """Return the network without some of its edges, as if they were not drawn."""
    kept, corners = ~gone, np.diff(network.shape_start)
    fields: dict[str, Any] = {name: getattr(network, name)[kept] for name in (*PER_EDGE, "edges", "length_m")}
    return replace(
        network,
        **fields,
        slope_factor=network.slope_factor[kept],
        shape_xy=network.shape_xy[np.repeat(kept, corners)],
        shape_start=starts_of(corners[kept]),
    )
