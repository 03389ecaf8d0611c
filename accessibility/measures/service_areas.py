"""Service areas: polygons around streets within a limit of open sites; isochrones: how far one comes within several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import InputError, spell_number
from accessibility.geo.arrays import extent
from accessibility.geo.projection import WGS84, transform, transform_shapes
from accessibility.measures.contours import (
    Strokes,
    cut_edges,
    draw_contours,
    draw_exactly,
    interpolate,
    nest_areas,
    node_costs,
    place_along,
    reached_edges,
)
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.marching import FLAT, PIN, ROUND
from accessibility.standards import CM_PER_M, M_PER_KM, MS_PER_S, S_PER_MIN, Rule, Standard
from accessibility.streets import search
from accessibility.streets.pieces import cut_out
from accessibility.streets.snapping import NOWHERE, Snapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites
    from accessibility.streets.network import Network
    from accessibility.streets.search.packing import Graph


SIDE_M = 30.0
"""How far a service area goes to each side of its streets, if not said otherwise: the first row of houses."""
_CELLS = 5  # to a side of a street: of 30 m, cells of 6 m
_SPECK_M = 0.001
_LATTICE_M = 1_000.0
_WORTH = 4  # places to a node of a lattice
_SAMPLE = 500
_TENTH_MM_DEG = 1e-9
_RING = 256  # vertices of a circle: it lies inside the true one, by 0.4 m of 5 km at most


def standard_bands(standard: Standard) -> tuple[Rule, ...]:
    """Return the limits worth drawing for each measure that the standard uses: its own, and the classes below them.

    Examples
    --------
    >>> [rule.text for rule in standard_bands(Standard())][1:4]
    ['10-minute walk', '15-minute walk', '2 km along the network']
    """
    rules = [rule for _, rule in standard.rules]
    usual = {
        "walk": [Rule.walk(minutes) for minutes in standard.walk_classes],
        "network": [Rule.distance(km) for km in standard.distance_classes],
        "radius": [Rule.distance(km, along="radius") for km in standard.distance_classes],
    }
    found: list[Rule] = []
    for measure, steps in usual.items():
        own = [rule for rule in rules if rule.measure == measure]
        below = [step for step in steps if own and _limit(step) < max(map(_limit, own))]
        found += sorted({*below, *own}, key=_limit)
    return tuple(found)


def trace_service_areas(
    coverage: Coverage,
    network: Network,
    bands: Sequence[Rule] | None = None,
    *,
    side_m: float = SIDE_M,
    only: Iterable[object] | None = None,
    exact: bool = False,
) -> gpd.GeoDataFrame:
    """Return the service area of the open sites within each limit, as polygons in EPSG:4326.

    Every street is cut where the way to the nearest site, its access leg in, is as long as the limit allows: along the
    drawn line, from both ends, and around a site on the edge itself. What is reached is widened by `side_m` to each
    side; it ends square at the cut, and nothing is rounded out farther than the limit. Areas of one measure are nested
    exactly, keep their holes, and contain the sites they belong to.

    Borders are drawn on a grid of a fifth of a side, 6 m of 30: along a straight street they are right to a third of a
    metre, at its cut to a decimetre; at corners they are off by a cell at most, and where the area or a gap in it is
    narrower than two cells, it may be left out.

    Parameters
    ----------
    coverage
        Sites, where they stand, and how people walk. A site farther from any street than the snap limit serves nobody
        and has no area but a radius.
    network
        The streets the coverage was measured on.
    bands
        The limits; `standard_bands` of the coverage's standard if not given. A radius is a geodesic circle.
    side_m
        Metres to each side of a street.
    only
        Ids of the open sites to draw; all if not given.
    exact
        Whether borders are right to a centimetre everywhere: ten times slower, and more than that for a large city.

    Returns
    -------
    gpd.GeoDataFrame
        A row a band, shorter before longer: ``rule`` (the limit in words), ``measure`` (walk, network, radius),
        ``minutes`` or ``kilometres``, ``sites`` (how many it belongs to) and a multipolygon, empty without sites.

    Raises
    ------
    InputError
        A `side_m` that is not a positive number, no band or a band given twice, an id in `only` that is not open.
    UnknownSiteError
        An id in `only` that is not there.

    Examples
    --------
    A straight road with an outlet at its start; 5 minutes at 1 m/s are 300 m:

    >>> from accessibility import Demand, Network, Rule, Sites, measure_coverage
    >>> road = Network(node_xy=[(500_000, 0), (501_000, 0)], edges=[(0, 1)], length_m=[1_000], crs="EPSG:32649")
    >>> nobody = Demand(ids=[], xy=[], population=[], crs="EPSG:32649")
    >>> now = measure_coverage(road, nobody, Sites(ids=["O1"], xy=[(500_000, 0)], crs="EPSG:32649"))
    >>> area = trace_service_areas(now, road, [Rule.walk(5)])
    >>> [round(float(edge)) for edge in area.to_crs(road.crs).total_bounds]
    [499970, -30, 500300, 30]
    """
    bands = standard_bands(coverage.standard) if bands is None else bands
    check_bands(bands, side_m)
    drawn = _drawn(coverage, only)
    rows: list[dict[str, Any]] = []
    shapes: list[Any] = []
    for measure in dict.fromkeys(rule.measure for rule in bands):
        rules = sorted((rule for rule in bands if rule.measure == measure), key=_limit)
        if measure == "radius":
            serving, areas = drawn, [_circles(coverage, drawn, rule.limit) for rule in rules]
        else:
            serving = drawn & coverage.snapped.sites.snapped
            reach = _Reach.of(coverage, network, serving, rules)
            strokes = reach.bands(rules, side_m)
            if exact:
                areas = [transform_shapes(area, network.crs, WGS84) for area in draw_exactly(strokes)]
            else:
                areas = draw_contours(strokes, side_m / _CELLS, partial(_degrees, crs=network.crs))
        rows += [_row(rule, int(serving.sum())) for rule in rules]
        shapes += nest_areas(areas) if exact or measure == "radius" else areas
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=WGS84)


def check_bands(bands: Sequence[Rule], side_m: float = SIDE_M) -> None:
    """Raise `InputError` without a limit, for one that stands twice, or for a side that is no width."""
    if not (np.isfinite(side_m) and side_m > 0):
        msg = f"side_m is {spell_number(side_m)}; expected a positive, finite number of metres"
        raise InputError(msg)
    if not bands or len(set(bands)) < len(bands):
        msg = f"service areas are asked for {[rule.text for rule in bands]}; expected one limit or more, each once"
        raise InputError(msg)


def _drawn(coverage: Coverage, only: Iterable[object] | None) -> NDArray[np.bool_]:
    """Return ``(s,)`` which sites are drawn."""
    sites = coverage.sites
    if only is None:
        return sites.open
    rows = sites.rows(only)
    shut = rows[~sites.open[rows]]
    if shut.size:
        ids = [sites.ids[row] for row in shut[:10]]
        msg = f"{shut.size} of {len(rows)} sites to draw do not count today, first {ids!r}; expected open sites"
        raise InputError(msg)
    drawn = np.zeros(len(sites), np.bool_)
    drawn[rows] = True
    return drawn


def _limit(rule: Rule) -> float:
    return rule.limit


def _row(rule: Rule, sites: int) -> dict[str, Any]:
    on_foot = rule.measure == "walk"
    return {
        "rule": rule.text,
        "measure": rule.measure,
        "minutes": rule.limit / S_PER_MIN if on_foot else np.nan,
        "kilometres": np.nan if on_foot else rule.limit / M_PER_KM,
        "sites": sites,
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reach:
    """One search from the sites, and what is needed to draw how far it came."""

    # network, graph: the streets, as drawn and packed
    network: Network
    graph: Graph
    # stops, labels: the sites on their edges; the search from them
    stops: search.Stops
    labels: NDArray[np.uint64]
    # site_xy, at_street: (k, 2) where the sites are, and where on their streets, in the network's coordinate system
    site_xy: NDArray[np.float64]
    at_street: NDArray[np.float64]
    unit_m: float  # metres on the flat of a unit of cost

    @classmethod
    def of(cls, coverage: Coverage, network: Network, serving: NDArray[np.bool_], rules: Sequence[Rule]) -> _Reach:
        """Search from the sites that serve, as far as the longest of the rules, which are of one measure."""
        walker = coverage.walker
        on_foot = rules[-1].measure == "walk"
        unit_m = walker.speed_m_s / MS_PER_S if on_foot else 1 / CM_PER_M
        graph = network.packed.graph(walker if on_foot else None, open_compounds=walker.open_compounds)
        per_m = walker.leg_ms_per_m if on_foot else walker.leg_cm_per_m
        stops = coverage.snapped.sites.take(serving).stops(per_m)
        return cls(
            network=network,
            graph=graph,
            stops=stops,
            labels=search.nearest(graph, stops, limit=rules[-1].cutoff),
            site_xy=transform(coverage.sites.xy, coverage.sites.crs, network.crs)[serving],
            at_street=place_along(network.shape_xy, network.shape_start, stops.edge, stops.fraction),
            unit_m=unit_m,
        )

    @cached_property
    def at_node(self) -> NDArray[np.int64]:
        """Cost from each node, inside a compound where an edge ends there."""
        at_node, at_ends = node_costs(self.graph, self.labels)
        np.minimum.at(at_node, self.graph.edges, at_ends)
        return at_node

    def bands(self, rules: Sequence[Rule], side_m: float) -> list[Strokes]:
        """Return what each limit, shorter before longer, adds to the area of those before it."""
        done = np.zeros(len(self.graph.edges), np.bool_)
        return [self._strokes(rule.cutoff, side_m, done) for rule in rules]

    def _strokes(self, limit: int, side_m: float, done: NDArray[np.bool_]) -> Strokes:
        """Return streets, access legs, and discs that round the joints between them.

        A street with room to spare at both ends is round there itself; it is marked as done and never drawn again. Any
        other ends square, and its bends are rounded no farther than to where it ends for good, so that nothing reaches
        over a cut.
        """
        pieces = cut_edges(self.graph, self.stops, self.labels, limit)
        at_node = self.at_node
        left_m = (limit - at_node) * self.unit_m
        roomy = pieces.whole & (left_m[self.graph.edges[pieces.edge]] >= side_m).all(axis=1)
        new = ~done[pieces.edge]
        done[pieces.edge[roomy]] = True
        at_leg_m = (limit - self.stops.leg.astype(np.int64)) * self.unit_m
        left_m[self.graph.edges[done]] = 0.0
        at_site = np.full(len(self.site_xy), limit * self.unit_m)
        cut = pieces.of(new & ~roomy)
        beyond = np.maximum((limit - at_node[self.graph.edges[cut.edge]]) * self.unit_m, 0.0)
        beyond[np.column_stack([cut.start > 0.0, cut.stop < 1.0])] = 0.0
        shape = (self.network.shape_xy, self.network.shape_start)
        streets, parts = pieces.of(new & roomy).segments(*shape), cut.segments(*shape)
        before, behind = parts.before_m + beyond[parts.piece, 0], parts.behind_m + beyond[parts.piece, 1]
        bend = parts.behind_m > 0.0
        return Strokes.joined(
            [
                Strokes.of(streets.ends, side_m, ROUND),
                Strokes.of(parts.ends, side_m, FLAT),
                Strokes.of(self._legs(limit), side_m, FLAT),
                Strokes.discs(parts.ends[bend, 1], np.minimum(np.minimum(before, behind)[bend], side_m)),
                Strokes.discs(self.network.node_xy, np.minimum(left_m, side_m)),
                Strokes.discs(self.at_street, np.minimum(at_leg_m, side_m)),
                Strokes.discs(self.site_xy, np.minimum(at_site, side_m)),
                Strokes.discs(self.site_xy, _SPECK_M, PIN),
            ]
        )

    def _legs(self, limit: int) -> NDArray[np.float64]:
        """Return the ways from sites to their streets, as far as the limit goes."""
        part = np.minimum(limit / np.maximum(self.stops.leg, 1.0), 1.0)[:, None]
        return np.stack([self.site_xy, self.site_xy + part * (self.at_street - self.site_xy)], axis=1)


def _circles(coverage: Coverage, drawn: NDArray[np.bool_], radius_m: float) -> Any:
    """Return the union of geodesic circles around sites, in degrees."""
    from pyproj import Geod  # noqa: PLC0415

    lonlat = coverage.sites.lonlat[drawn]
    lon, lat = (np.repeat(column[:, None], _RING, axis=1) for column in lonlat.T)
    azimuth = np.broadcast_to(np.arange(_RING) * (360.0 / _RING), lon.shape)
    ring = Geod(ellps="WGS84").fwd(lon, lat, azimuth, np.full(lon.shape, radius_m))[:2]
    return shapely.union_all(shapely.polygons(np.stack(ring, axis=-1)))


def _degrees(xy: NDArray[np.float64], crs: CRS) -> NDArray[np.float64]:
    """Return many places in degrees: between those of a lattice of a kilometre, if that is right to a tenth of a mm."""
    at = xy / _LATTICE_M
    low, high = map(np.floor, extent(at))
    low -= 1.0
    columns, rows = (high - low).astype(np.int64) + 3
    if columns * rows * _WORTH > len(xy):
        return transform(xy, crs, WGS84)
    nodes = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    known = transform((nodes + low) * _LATTICE_M, crs, WGS84).reshape(rows, columns, 2)
    found = interpolate(np.subtract(at, low, out=at), known)
    some = slice(None, None, max(len(xy) // _SAMPLE, 1))
    off = np.abs(found[some] - transform(xy[some], crs, WGS84)).max()
    return found if off < _TENTH_MM_DEG else transform(xy, crs, WGS84)  # NaN, of places without degrees, is not below


_MOST = 0.25  # of the streets: cutting out more takes longer than passing over the others


def trace_isochrones(
    coverage: Coverage,
    network: Network,
    limits: Sequence[Rule | str | float] | Rule | str | float,
    *,
    each: bool = False,
) -> gpd.GeoDataFrame:
    """Return the areas from which the open sites are within each limit, together or of each site, and their people.

    Parameters
    ----------
    coverage
        People, sites, where they stand, and how people walk.
    network
        The streets the coverage was measured on.
    limits
        Several or one, as `Rule.of` reads them.
    each
        Whether every site has areas of its own.

    Returns
    -------
    gpd.GeoDataFrame
        ``site`` (None where they are together), ``limit`` (minutes or kilometres), ``measure``, ``people``, geometry.
    """
    given = [limits] if isinstance(limits, Rule | str | int | float) else limits
    rules = [Rule.of(limit) for limit in given]
    measures = list(dict.fromkeys(rule.measure for rule in rules))
    rules = sorted(rules, key=lambda rule: (measures.index(rule.measure), rule.limit))  # as service areas come
    check_bands(rules)
    open_rows = np.flatnonzero(coverage.sites.open)
    groups = [(coverage.sites.ids[row], np.array([row])) for row in open_rows] if each else [(None, open_rows)]
    parts = []
    for site, rows in groups:
        alone = replace(coverage.sites, open=np.isin(np.arange(len(coverage.sites)), rows))
        people: list[float] = []
        areas: list[Any] = []
        for measure in measures:
            some = [rule for rule in rules if rule.measure == measure]
            if measure == "radius":
                here, streets = replace(coverage, sites=alone), network
                people += [_people_around(here, streets, rule) for rule in some]
            else:
                near = _Near.of(coverage, network, rows, some[-1])
                people += [near.people(rule) for rule in some]
                here, streets = near.cut(alone)
            areas += trace_service_areas(here, streets, some).geometry.tolist()
        columns = {
            "site": pd.Series([site] * len(rules), dtype=object),
            "limit": [rule.limit / (S_PER_MIN if rule.measure == "walk" else M_PER_KM) for rule in rules],
            "measure": [rule.measure for rule in rules],
            "people": people,
        }
        parts.append(gpd.GeoDataFrame(columns, geometry=areas, crs=WGS84))
    if not parts:
        columns = {name: pd.Series(dtype=kind) for name, kind in _EMPTY.items()}
        return gpd.GeoDataFrame(columns, geometry=[], crs=WGS84)
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=WGS84)


_EMPTY = {"site": object, "limit": np.float64, "measure": object, "people": np.float64}


def _people_around(coverage: Coverage, network: Network, rule: Rule) -> float:
    """Return how many people are within a radius of some open site."""
    people = coverage.demand.limited(None)
    alike = Standard(rules=dict.fromkeys(people.settings, rule))
    found = measure_coverage(network, people, coverage.sites, alike, coverage.walker, coverage.snapped)
    return found.covered_people


@dataclass(frozen=True, kw_only=True, eq=False)
class _Near:
    """What lies within a limit of some sites along the streets: all that is drawn and counted is worked out of this."""

    # coverage, network: the people and the streets
    coverage: Coverage
    network: Network
    reached: NDArray[np.bool_]  # (m,) the edges that are reached, in part at least, or that a site stands on
    # (n,) milliseconds or centimetres of each demand point to the nearest of the sites, within the limit
    cost: NDArray[np.uint32]

    @classmethod
    def of(cls, coverage: Coverage, network: Network, rows: NDArray[np.intp], rule: Rule) -> _Near:
        """Search from some sites as far as a rule allows."""
        walker, at = coverage.walker, coverage.snapped
        on_foot = rule.measure == "walk"
        graph = network.packed.graph(walker if on_foot else None, open_compounds=walker.open_compounds)
        per_m = walker.leg_ms_per_m if on_foot else walker.leg_cm_per_m
        stops = at.sites.take(rows).stops(per_m)
        labels = search.nearest(graph, stops, limit=rule.cutoff)
        reached = reached_edges(graph, labels)
        reached[stops.edge[stops.edge >= 0]] = True
        there = (at.demand.edge >= 0) & reached[at.demand.edge]
        cost = np.full(len(there), search.UNREACHED)
        found = search.read_labels(graph, labels, stops, at.demand.take(there).stops(per_m))
        cost[there] = search.split_labels(found)[0]
        return cls(coverage=coverage, network=network, reached=reached, cost=cost)

    def people(self, rule: Rule) -> float:
        """Return how many people are within a limit, which is no farther than was searched."""
        return float(self.coverage.demand.population[self.cost <= min(rule.cutoff, int(search.UNREACHED) - 1)].sum())

    def cut(self, sites: Sites) -> tuple[Coverage, Network]:
        """Return the streets that are reached, all where these are most, and the sites on them without any people."""
        if self.reached.mean() > _MOST:
            return replace(self.coverage, sites=sites), self.network
        row = np.cumsum(self.reached, dtype=np.int32) - 1
        at, now = self.coverage.snapped.sites, self.coverage
        edge = np.where(sites.open & (at.edge >= 0), row[at.edge], np.int32(NOWHERE))
        nobody = np.empty(0, np.intp)
        snapped = Snapped(demand=now.snapped.demand.take(nobody), sites=replace(at, edge=edge))
        arrays = ("nearest", "walk_s", "metres", "radius_m", "covered", "covered_radius", "unreached")
        none = {name: getattr(now, name)[nobody] for name in arrays}
        found = replace(now, demand=now.demand.rows(nobody), sites=sites, snapped=snapped, **none)
        return found, cut_out(self.network, np.flatnonzero(self.reached))
