"""Why a place is covered or not: the rule, the nearest site, the way there, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from accessibility.demand import Demand
from accessibility.errors import InputError
from accessibility.geo.arrays import extent, finite_rows
from accessibility.geo.plotting import explore_layers, plot_layers
from accessibility.geo.projection import WGS84, transform, transform_shapes
from accessibility.measures.catchments import trace_catchments
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.routes import trace_route
from accessibility.standards import M_PER_KM, S_PER_MIN
from accessibility.streets import search
from accessibility.streets.edits import Closure, NewStreet, edit_text
from accessibility.streets.pieces import before_edits, edits_of, stand_on
from accessibility.streets.snapping import SnapLimits, Snapped, snap_points
from accessibility.wording import Wording, cost_text
from accessibility.wording.cards import FAR, GAINED, draw_card, draw_way

if TYPE_CHECKING:
    from collections.abc import Hashable

    import folium
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from shapely import LineString, MultiLineString

    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites
    from accessibility.standards import Rule
    from accessibility.streets.edits import StreetEdit
    from accessibility.streets.network import Network
    from accessibility.streets.snapping import Positions
    from accessibility.wording import Language

_M_PER_DEG = 111_320.0
_MARGIN_M, _MARGIN = 100.0, 0.15  # around a way, at least and of its length


@dataclass(frozen=True, kw_only=True)
class Fix:
    """The cheapest single site that would cover a place; of equally cheap ones the nearest."""

    # id, name, kind: which candidate
    id: Hashable
    name: str
    kind: str
    cost: float  # of opening it
    figure: float  # seconds or metres from the place, as the rule counts


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """Why a place is covered or not."""

    # lon, lat: degrees, WGS84
    lon: float
    lat: float
    setting: str  # that of the nearest demand point
    rule: Rule  # which applies: that point's own limit where it has one, or the rule of the setting
    covered: bool  # whether the place is within it
    # site, site_name, site_kind: the nearest open site, by the rule's measure; None and empty where there is none.
    site: Hashable | None
    site_name: str
    site_kind: str
    # walk_s, metres, radius_m: seconds and metres along streets, both access legs in, and metres in a straight line,
    # each to its own nearest site; NaN where there is no way.
    walk_s: float
    metres: float
    radius_m: float
    # home_leg_m, site_leg_m: straight lines from the place and from the site to their streets; NaN where there is none.
    home_leg_m: float
    site_leg_m: float
    excess: float  # seconds or metres, as the rule counts, beyond its limit; 0 where covered, NaN where there is no way
    # the way to the site in EPSG:4326, access legs in; a straight line where the rule is one; None without a way.
    route: LineString | None
    fix: Fix | None  # what would cover the place; None where it is covered or no single candidate would.
    # those around the way as lines in EPSG:4326, for a picture; None where none is near.
    streets: MultiLineString | None = None
    # takes, cut_by: edits of streets that the way walks on, and closures that cut a shorter one, in a scenario
    takes: tuple[StreetEdit, ...] = ()
    cut_by: tuple[StreetEdit, ...] = ()

    @property
    def text(self) -> str:
        """Everything in a few sentences."""
        return self.told("en")

    @property
    def edits(self) -> tuple[str, ...]:
        """Sentences on the edits of streets that the way walks on or is cut by, in a scenario."""
        return self._edits_told("en")

    def told(self, language: Language) -> str:
        """Return everything in a few sentences.

        Parameters
        ----------
        language
            ``en`` or ``zh``.
        """
        say = Wording("map", language)
        setting = say.setting(self.setting)
        applies = say("explain_rule", setting=setting[:1].upper() + setting[1:], rule=self._rule(say))
        if self.site is None:
            way = say("explain_no_way" if np.isfinite(self.home_leg_m) else "explain_no_street")
        else:
            figure = {"walk": self.walk_s, "network": self.metres, "radius": self.radius_m}[self.rule.measure]
            excess = self._figure(self.excess, say)
            state = say("covered") if self.covered else say("explain_too_far", excess=excess)
            named = _named(self.site_name, self.site, language)
            way = say("explain_nearest", site=named, figure=self._figure(figure, say), state=state)
        joint = "" if language == "zh" else " "
        return joint.join([applies, way, *self._edits_told(language), *self._fix_told(language)])

    def _rule(self, say: Wording) -> str:
        if self.rule.measure == "walk":
            return say("walk_rule", minutes=f"{self.rule.limit / S_PER_MIN:g}")
        return say(f"{self.rule.measure}_rule", kilometres=f"{self.rule.limit / M_PER_KM:g}")

    def _edits_told(self, language: Language) -> tuple[str, ...]:
        say = Wording("map", language)
        found = (("explain_takes", self.takes), ("explain_cut", self.cut_by))
        return tuple(say(key, edit=edit_text(edit, language)) for key, edits in found for edit in edits)

    def _fix_told(self, language: Language) -> list[str]:
        say = Wording("map", language)
        if self.covered:
            return []
        if self.fix is None:
            return [say("explain_no_fix")]
        named, figure = _named(self.fix.name, self.fix.id, language), self._figure(self.fix.figure, say)
        return [say("explain_fix", site=named, cost=cost_text(self.fix.cost, "", language), figure=figure)]

    def _figure(self, figure: float, say: Wording) -> str:
        if self.rule.measure == "walk":
            return say("explain_minutes", of=f"{figure / S_PER_MIN:.1f}")
        if figure >= M_PER_KM:
            return say("kilometres", of=f"{figure / M_PER_KM:.2f}")
        return say("explain_metres", of=f"{figure:.0f}")

    def __repr__(self) -> str:
        """Return the text."""
        return f"<Explanation {self.text}>"

    def _repr_html_(self) -> str:
        title = f"{self.setting.capitalize()}, {'covered' if self.covered else 'not covered'}"
        if self.route is None:
            return draw_card(title, [], note=self.text)
        around = [] if self.streets is None else [shapely.get_coordinates(line) for line in self.streets.geoms]
        way = shapely.get_coordinates(self.route)
        turn = np.array([np.cos(np.radians(self.lat)), 1.0]) * _M_PER_DEG
        picture = draw_way([line * turn for line in around], way * turn, title=self.text)
        return draw_card(title, [], picture, note=self.text)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the way on its streets with matplotlib, from the place (a ring) to the site (a disc).

        Parameters
        ----------
        ax
            Where to draw; new axes if None.
        """
        return plot_layers(self._layers(), ax)

    def explore(self, *, tiles: str | None = "OpenStreetMap", m: folium.Map | None = None) -> folium.Map:
        """Return a folium map of the way with both its ends.

        Parameters
        ----------
        tiles
            The basemap, loaded from the internet; None for none.
        m
            A map to draw on.
        """
        return explore_layers(self._layers(), tiles, m)

    def _layers(self) -> list[tuple[gpd.GeoDataFrame, str, float]]:
        """Return what is drawn, from the ground up, each with its colour and how wide it is."""
        ends = shapely.points([(self.lon, self.lat)])
        place = gpd.GeoDataFrame({"what": ["place"], "text": [self.text]}, geometry=ends, crs=WGS84)
        layers = (
            [] if self.streets is None else [(gpd.GeoDataFrame(geometry=[self.streets], crs=WGS84), "#b4b9bd", 1.0)]
        )
        if self.route is not None:
            site = gpd.GeoDataFrame(
                {"what": ["site"], "id": [self.site], "name": [self.site_name]},
                geometry=shapely.points([self.route.coords[-1]]),
                crs=WGS84,
            )
            layers += [(self.to_gdf(), GAINED, 3.0), (site, "#111820", 7.0)]
        return [*layers, (place, FAR, 7.0)]

    def to_gdf(self) -> gpd.GeoDataFrame:
        """Return the way as a GeoDataFrame of one row, or none, to draw on a map."""
        rows = [] if self.route is None else [self.route]
        return gpd.GeoDataFrame(
            {"text": [self.text] * len(rows), "site": [self.site] * len(rows)}, geometry=rows, crs=WGS84
        )


def explain_place(coverage: Coverage, network: Network, lon: float, lat: float) -> Explanation:
    """Return why a place is covered or not.

    Parameters
    ----------
    coverage
        Sites, standard and walker; its people tell the setting of the place.
    network
        The streets it was measured on.
    lon, lat
        Degrees, WGS84.

    Raises
    ------
    InputError
        An invalid place.

    Examples
    --------
    >>> from accessibility import Demand, Network, Sites, measure_coverage
    >>> road = Network(node_xy=[(500_000, 0), (502_000, 0)], edges=[(0, 1)], length_m=[2_000], crs="EPSG:32649")
    >>> people = Demand(ids=["a"], xy=[(501_200, 0)], population=[30], crs="EPSG:32649")
    >>> now = measure_coverage(road, people, Sites(ids=["O1"], xy=[(500_000, 0)], crs="EPSG:32649"))
    >>> explain_place(now, road, 111.010783, 0.0).text[:81]
    'Urban: 15-minute walk. The nearest is O1, 20.0 minutes away: 5.0 minutes too far.'
    """
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 -- degrees
        msg = f"place at lon {lon}, lat {lat}; expected degrees (are they swapped?)"
        raise InputError(msg)
    place = _place(coverage, lon, lat)
    setting, rule = str(place.setting[0]), place.rule(0, coverage.standard)
    xy = transform(place.xy, place.crs, network.crs)
    at = _stand(network, xy, SnapLimits().of(place.setting))
    snapped = Snapped(demand=at, sites=coverage.snapped.sites)
    now = measure_coverage(network, place, coverage.sites, coverage.standard, coverage.walker, snapped)
    row = int(now.nearest[0])
    figure = float({"walk": now.walk_s, "network": now.metres, "radius": now.radius_m}[rule.measure][0])
    covered, sites = bool(now.covered[0]), coverage.sites
    way, edges = _way(now, network, rule, row)
    takes, cut_by = _edits_on(now, network, rule, edges)
    return Explanation(
        lon=lon,
        lat=lat,
        setting=setting,
        rule=rule,
        covered=covered,
        site=None if row < 0 else sites.ids[row],
        site_name="" if row < 0 else str(sites.name[row]),
        site_kind="" if row < 0 else str(sites.kind[row]),
        walk_s=float(now.walk_s[0]),
        metres=float(now.metres[0]),
        radius_m=float(now.radius_m[0]),
        home_leg_m=float(at.leg_m[0]) if at.snapped[0] else float("nan"),
        site_leg_m=float("nan") if row < 0 else float(snapped.sites.leg_m[row]),
        excess=0.0 if covered else figure - rule.limit,
        route=way,
        fix=None if covered else _fix(now, network),
        streets=_around(network, way, xy[0]),
        takes=takes,
        cut_by=cut_by,
    )


def _stand(network: Network, xy: NDArray[np.float64], limit_m: NDArray[np.float64]) -> Positions:
    """Return where a place stands: on the street of today; where none is near, on one that is new."""
    at = stand_on(network, snap_points(before_edits(network), xy, limit_m))
    if network.pieces is None or at.snapped.all():
        return at
    new = snap_points(network, xy, limit_m)
    return new if new.snapped.all() and any(isinstance(edit, NewStreet) for edit in edits_of(network, new.edge)) else at


def _named(name: str, site: Hashable, language: Language) -> str:
    return Wording("map", language)("explain_named", name=name, id=site) if name else str(site)


def _edits_on(
    now: Coverage, network: Network, rule: Rule, edges: list[int]
) -> tuple[tuple[StreetEdit, ...], tuple[StreetEdit, ...]]:
    """Return which edits of streets the way walks on, and which closures stand in a shorter way."""
    if network.pieces is None or rule.measure == "radius":
        return (), ()
    taken = edits_of(network, np.array(edges, np.intp))
    by = network.pieces.edit
    closures = [row for row, edit in enumerate(network.pieces.edits) if isinstance(edit, Closure)]
    passable = replace(network, closed=network.closed & ~np.isin(by, closures))
    there = measure_coverage(passable, now.demand, now.sites, now.standard, now.walker, now.snapped)
    shorter = _way(there, passable, rule, int(there.nearest[0]))[1]
    shut = [row for row in shorter if network.closed[row]]
    return tuple(taken), tuple(edits_of(network, np.array(shut, np.intp)))


def _place(coverage: Coverage, lon: float, lat: float) -> Demand:
    """Return a place with the setting and the limit of the nearest demand point that has one; without any the first."""
    demand, at = coverage.demand, np.array([(lon, lat)])
    placed = np.flatnonzero(finite_rows(demand.xy))
    if not placed.size:
        return Demand(ids=["here"], xy=at, population=[1.0], settings=demand.settings, crs=WGS84)  # type: ignore[arg-type]
    like = placed[np.hypot(*(demand.xy[placed] - transform(at, WGS84, demand.crs)).T).argmin()]
    here = {"ids": ["here"], "xy": at, "population": [1.0], "groups": {}, "crs": WGS84}
    return replace(demand.rows(np.array([like])), **here)  # type: ignore[arg-type]


def _way(now: Coverage, network: Network, rule: Rule, row: int) -> tuple[LineString | None, list[int]]:
    """Return the way from the one demand point to a site, in degrees, and the edges it walks."""
    edges: list[int] = []
    if row < 0:
        return None, edges
    begin = transform(now.demand.xy, now.demand.crs, network.crs)
    end = transform(now.sites.xy[row : row + 1], now.sites.crs, network.crs)
    line = shapely.LineString(np.concatenate([begin, end]))
    if rule.measure != "radius":
        walker, on_foot = now.walker, rule.measure == "walk"
        arcs = network.packed.arcs(walker if on_foot else None, open_compounds=walker.open_compounds)
        leg = walker.leg_ms_per_m if on_foot else walker.leg_cm_per_m
        at = (position.stops(leg) for position in (now.snapped.sites, now.snapped.demand))
        sites, people = at
        route = trace_route(search.stand(arcs, sites, now.sites.open, people), 0)
        if route is None:
            return None, edges
        line = route.line(network, begin, end)
        edges = [edge for edge, start, stop in route.legs if start != stop]
    return transform_shapes(line, network.crs, WGS84), edges


def _around(network: Network, way: LineString | None, here: NDArray[np.float64]) -> MultiLineString | None:
    """Return the streets around a way, or around a place without one, in degrees."""
    route = here[None] if way is None else transform(shapely.get_coordinates(way), WGS84, network.crs)
    low, high = extent(route)
    room = max(_MARGIN_M, _MARGIN * float((high - low).max()))
    inside = ((network.shape_xy >= low - room) & (network.shape_xy <= high + room)).all(axis=1)
    edge = np.searchsorted(network.shape_start, np.flatnonzero(inside), side="right") - 1
    start, stop = network.shape_start[:-1], network.shape_start[1:]
    lines = [network.shape_xy[start[row] : stop[row]] for row in np.unique(edge).tolist()]
    if not lines or not np.isfinite(here).all():
        return None
    near = shapely.clip_by_rect(shapely.MultiLineString(lines), *(low - room), *(high + room))
    parts = [part for part in shapely.get_parts(near) if part.geom_type == "LineString"]
    found: MultiLineString = transform_shapes(shapely.MultiLineString(parts), network.crs, WGS84)
    return found


def _fix(now: Coverage, network: Network) -> Fix | None:
    sites = now.sites
    rows = np.flatnonzero(sites.may_open)
    if not rows.size:
        return None
    candidates: Sites = sites.take(rows)
    snapped = Snapped(demand=now.snapped.demand, sites=now.snapped.sites.take(rows))
    found = trace_catchments(network, now.demand, candidates, now.standard, now.walker, snapped)
    would = np.flatnonzero(np.diff(found.start) > 0)
    if not would.size:
        return None
    figure = found.cost[found.start[would]]
    best = np.lexsort((would, figure, candidates.cost[would]))[0]
    row = int(would[best])
    return Fix(
        id=candidates.ids[row],
        name=str(candidates.name[row]),
        kind=str(candidates.kind[row]),
        cost=float(candidates.cost[row]),
        figure=float(figure[best]),
    )
