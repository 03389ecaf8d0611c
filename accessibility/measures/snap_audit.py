"""How well streets and people fit each other: the way to the street, what a coarser snap would say, street density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import transform
from accessibility.measures.inequalities import weighted_quantile
from accessibility.measures.tables import NO_DISTRICT, TOTAL
from accessibility.streets.snapping import NOWHERE, Positions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.streets.network import Network

FAR_M = 100.0
"""A home farther than this from its street stands where a street is probably missing."""
CELL_M = 1_000.0
SNAP_COLUMNS = (
    *("district", "population", "snap_p50_m", "snap_p95_m", "snap_max_m"),
    *("beyond_limit_people", "over_100_m_people", "without_place_people"),
)
_MIN_PEOPLE = 1.0  # a raster smears fractions of a person over empty land
_STEP_M = 100.0


@dataclass(frozen=True, kw_only=True)
class StreetFigures:
    """How dense the walkable streets are where people live."""

    inhabited_km2: float  # cells of 1 km² with at least one person
    street_km: float  # walkable length inside them
    km_per_km2: float  # one by the other; NaN where nobody has a place.
    people_without_street: float  # people in inhabited cells without any street
    over_100_m_share: float  # share of all people whose street is more than 100 m from home


def snap_to_nodes(
    network: Network, xy: NDArray[np.float64], limit_m: NDArray[np.float64] | float = np.inf, *, public: bool = False
) -> Positions:
    """Return the nearest junction of a main component for each point: the usual short cut, for comparison only.

    As that short cut does, it also takes junctions on bridges and in tunnels.

    Parameters
    ----------
    network
        The streets.
    xy
        ``(k, 2)`` metres in the network's coordinate system; a row that is not finite stands nowhere.
    limit_m
        Farthest distance that is snapped, ``<=``; one number or ``(k,)``.
    public
        Whether only junctions of public streets are taken, as for a site that serves everyone.

    Returns
    -------
    Positions
        Each at the end of an edge that meets the junction, a public one where there is one; the access leg is the
        straight line to the junction.

    Examples
    --------
    A home 30 m off the middle of a street of 200 m is 104 m from its nearest junction:

    >>> from accessibility import Network
    >>> street = Network(node_xy=[(0, 0), (200, 0)], edges=[(0, 1)], length_m=[200], crs="EPSG:32649")
    >>> snap_to_nodes(street, np.array([[100.0, 30.0]])).leg_m.round().tolist()
    [104.0]
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 -- `import accessibility` stays light

    k = len(xy)
    edge, fraction, leg = np.full(k, NOWHERE, np.int32), np.zeros(k), np.full(k, np.nan)
    usable = network.main_edges & ~network.private if public else network.main_edges
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(network.private[rows], kind="stable")]
    # Each junction with the first edge that meets it: public ones come before private ones.
    nodes, first = np.unique(network.edges[rows].ravel(), return_index=True)
    placed = np.flatnonzero(finite_rows(xy))
    if placed.size and nodes.size:
        leg[placed], found = cKDTree(network.node_xy[nodes]).query(xy[placed])
        row, end = np.divmod(first[found], 2)
        edge[placed], fraction[placed] = rows[row], end
    edge[~(leg <= limit_m)] = NOWHERE
    return Positions(edge=edge, fraction=fraction, leg_m=leg)


def snap_table(coverage: Coverage, district: pd.Series[Any], names: Iterable[Any]) -> pd.DataFrame:
    """Return how far people live from their street: one row per district and a last row ``total``.

    Median, 95th percentile and greatest distance are over people with a place, those beyond the limit of their
    setting among them; a point where nobody lives does not count.

    Parameters
    ----------
    coverage
        Who stands where.
    district
        Name of the district of each demand point, keyed by demand id; people in none come in a row ``(none)``.
    names
        All districts, in the order of the rows.
    """
    label = name_districts(coverage, district)
    keys = [str(name) for name in names]
    keys += [NO_DISTRICT] if NO_DISTRICT in set(label[coverage.demand.population > 0]) else []
    rows = [_snap_row(coverage, name, label == name) for name in keys]
    rows.append(_snap_row(coverage, TOTAL, np.ones(len(label), np.bool_)))
    return pd.DataFrame(rows, columns=list(SNAP_COLUMNS))


def name_districts(coverage: Coverage, district: pd.Series[Any]) -> NDArray[np.object_]:
    """Return ``(n,)`` the district of each demand point as text, ``(none)`` where it lies in none."""
    found = district.reindex(pd.Index(coverage.demand.ids)).to_numpy(dtype=object)
    which, names = pd.factorize(found)
    texts = np.array([*map(str, names), NO_DISTRICT], dtype=object)
    return texts[which]  # the last one of -1, which stands where a name is missing


def beyond_limit(coverage: Coverage) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a demand point has a place, but no street within the limit of its setting."""
    at = coverage.snapped.demand
    return np.asarray(~at.snapped & np.isfinite(at.leg_m))


def _snap_row(coverage: Coverage, name: str, here: NDArray[np.bool_]) -> dict[str, Any]:
    leg, people = coverage.snapped.demand.leg_m, coverage.demand.population
    lives = here & np.isfinite(leg) & (people > 0)
    quantiles = (weighted_quantile(leg[lives], people[lives], q) for q in (0.5, 0.95, 1.0))
    beyond = people[here & beyond_limit(coverage)].sum()
    counts = (beyond, people[here & (leg > FAR_M)].sum(), people[here & ~np.isfinite(leg)].sum())
    return dict(zip(SNAP_COLUMNS, (name, people[here].sum(), *quantiles, *counts), strict=True))


def measure_streets(network: Network, coverage: Coverage) -> StreetFigures:
    """Return how dense the streets are in the cells of 1 km² where at least one person lives."""
    demand = coverage.demand
    xy = transform(demand.xy, demand.crs, network.crs)
    placed = finite_rows(xy)
    people = _sum_by_cell(xy[placed], demand.population[placed], "people")
    people = people[people >= _MIN_PEOPLE]
    middle, length = _pieces(network)
    streets = _sum_by_cell(middle, length, "m").reindex(people.index).fillna(0.0)
    km, km2 = float(streets.sum()) / 1_000, len(people) * (CELL_M / 1_000) ** 2
    far = float(demand.population[coverage.snapped.demand.leg_m > FAR_M].sum())
    return StreetFigures(
        inhabited_km2=km2,
        street_km=km,
        km_per_km2=km / km2 if km2 else float("nan"),
        people_without_street=float(people[streets == 0].sum()),
        over_100_m_share=far / coverage.population if coverage.population else float("nan"),
    )


def _pieces(network: Network) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return middle and length of pieces of edges, short enough to lie in one cell or nearly so."""
    import shapely  # noqa: PLC0415

    lines = network.lines()
    lines = lines[shapely.length(lines) > 0]  # between two equal points there is nothing to cut
    xy, edge = shapely.get_coordinates(shapely.segmentize(lines, _STEP_M), return_index=True)
    inside = edge[1:] == edge[:-1]
    step = np.hypot(*(xy[1:] - xy[:-1]).T)[inside]
    middle: NDArray[np.float64] = ((xy[1:] + xy[:-1]) / 2)[inside]
    return middle, step


def _sum_by_cell(xy: NDArray[np.float64], values: NDArray[np.float64], name: str) -> pd.Series[Any]:
    cell = np.floor(xy / CELL_M).astype(np.int64)
    return pd.Series(values, name=name).groupby([cell[:, 0], cell[:, 1]]).sum()
