"""`Coverage`: who is within the standard of a site that counts, and how far everyone is."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np

from accessibility.errors import InputError, checked
from accessibility.geo.arrays import Frozen, Same, batches, locked, read_only, when_asked, worked_out
from accessibility.geo.plotting import Colouring, explore_frame, plot_frame
from accessibility.geo.projection import NO_SITE, measure_radius, transform
from accessibility.measures.service import Service, measure_service
from accessibility.standards import CM_PER_M, MS_PER_S, Standard, Walker
from accessibility.streets import search
from accessibility.streets.snapping import NOWHERE, Snapped, snap_study
from accessibility.wording import percent_text, share_of
from accessibility.wording.cards import COVERED, CUT, FAR, draw_bar, draw_card

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import folium
    import geopandas as gpd
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.streets.network import Network
    from accessibility.streets.search.packing import Graph

    _Figures = tuple[NDArray[Any], NDArray[np.signedinteger]]

COLUMNS: dict[str, Any] = {
    "nearest": np.int32,
    "walk_s": np.float64,
    "metres": np.float64,
    "radius_m": np.float64,
    "covered": np.bool_,
    "covered_radius": np.bool_,
    "unreached": np.bool_,
}
"""What a coverage says of each demand point."""
_MEASURES = {"walk_s": "walk", "metres": "network", "radius_m": "radius"}
_NEAREST, _WALK_S, _METRES, _RADIUS_M, _COVERED, _COVERED_RADIUS, _UNREACHED = (worked_out() for _ in COLUMNS)


class Host(Protocol):
    """What a coverage asks of the study it is of."""

    # fmt: off
    @property
    def district(self) -> pd.Series[Any]: ...  # noqa: D102
    @property
    def shapes(self) -> gpd.GeoSeries | None: ...  # noqa: D102
    def map(self, shown: Coverage, /, *, lang: str, basemap: bool) -> folium.Map: ...  # noqa: D102
    def sketch(self, shown: Coverage, /) -> Any: ...  # noqa: D102
    # fmt: on


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage(Frozen):
    """Who is within the standard of at least one site that counts.

    Each of seconds, metres and radius is its own minimum over the sites that count, unbounded; both access legs are
    in. Covered and uncovered people add up to the population; unreached people are uncovered.

    Parameters
    ----------
    demand, sites
        Whom and what the figures are about; the sites that count are the open ones.
    standard, walker
        The rule of each setting and how people walk.
    nearest
        ``(n,)`` row of the site that decides, by the point's own rule; -1 where there is none.
    walk_s, metres
        ``(n,)`` seconds and metres along the network, home to site; NaN where there is no path.
    radius_m
        ``(n,)`` straight line to the nearest site, metres; NaN where no site counts or the point has no place.
    covered
        ``(n,)`` within the rule of the point's setting, ``<=`` in whole milliseconds or centimetres.
    covered_radius
        ``(n,)`` the same with every distance rule read as a straight line.
    unreached
        ``(n,)`` not covered and without a path: no street within the snap limit, or no site along it.
    snapped
        Where everything stands on the network.
    study
        The `accessibility.Study` it is of, for districts, shapes and the map; None of one measured without any.

    Raises
    ------
    InputError
        Arrays that do not fit each other, or a demand point that is covered and unreached.

    Examples
    --------
    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (501e3, 34e5)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (501e3, 34e5)], "crs": "EPSG:32649"}
    >>> people = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> now = acc.measure_coverage(road, people, acc.Sites(ids=["O1"], xy=[(5e5, 34e5)], crs="EPSG:32649"))
    >>> now.covered_people, now.population, now.share
    (30.0, 40.0, 0.75)
    """

    demand: Demand
    sites: Sites
    standard: Standard
    walker: Walker
    nearest: NDArray[np.int32] = _NEAREST
    walk_s: NDArray[np.float64] = _WALK_S
    metres: NDArray[np.float64] = _METRES
    radius_m: NDArray[np.float64] = _RADIUS_M
    covered: NDArray[np.bool_] = _COVERED
    covered_radius: NDArray[np.bool_] = _COVERED_RADIUS
    unreached: NDArray[np.bool_] = _UNREACHED
    snapped: Snapped
    study: Host | None = None

    def __post_init__(self) -> None:
        """Copy the arrays and check that people add up."""
        n = len(self.demand)
        for name, dtype in COLUMNS.items():
            value = read_only(getattr(self, name), dtype=dtype, shape=(n,), name=f"coverage {name}")
            object.__setattr__(self, name, value)
        if (self.covered & self.unreached).any():
            msg = f"{int((self.covered & self.unreached).sum())} demand points are covered and unreached; expected none"
            raise InputError(msg)

    def __repr__(self) -> str:
        """Return share, people, rule and speed."""
        served = f", {self.service.served_people:,.0f} served" if self.service is not None else ""
        return (
            f"<Coverage {percent_text(self.share) or 'no share'} of {self.population:,.0f} people"
            f" ({self.covered_people:,.0f} covered{served}, {self.unreached_people:,.0f} unreached)"
            f" within {self._rules}"
            f" at {self.walker.speed_m_s:g} m/s>"
        )

    def _repr_html_(self) -> str:
        far = self.uncovered_people - self.unreached_people
        parts = (
            ("covered", self.covered_people, COVERED),
            ("too far", far, FAR),
            ("no way", self.unreached_people, CUT),
        )
        kinds = self.sites.kind[self.sites.open].tolist()
        facts = [
            ("near enough", self._rules),
            ("walking", f"{self.walker.speed_m_s:g} m/s"),
            ("sites that count", ", ".join(f"{kinds.count(k):,} {k}" for k in dict.fromkeys(kinds)) or "none"),
        ]
        if self.service is not None:
            share, served = percent_text(self.service.share) or "no share", self.service.served_people
            facts.append(("covered and served", f"{share} of {self.population:,.0f} people ({served:,.0f})"))
        title = f"{percent_text(self.share) or 'No share'} of {self.population:,.0f} people covered"
        table = self.by("setting").reset_index()
        sketch = () if self.study is None else (self.study.sketch(self),)
        return draw_card(title, facts, draw_bar(parts), *sketch, table=table)

    @property
    def limited_settings(self) -> dict[str, float]:
        """People with a limit of their own by setting, of each that has some."""
        return self.demand.limited_settings

    @property
    def limited_people(self) -> float:
        """People with a limit of their own in place of the rule of their setting."""
        return float(self.demand.population[self.demand.own_limits].sum())

    @property
    def _rules(self) -> str:
        own = self.limited_people
        return f"{self.standard.text}{f' (and {own:,.0f} people by limits of their own)' if own > 0 else ''}"

    def of_study(self, study: Host | None) -> Self:
        """Return the same figures as those of a study: it knows the districts, the shapes of people, and the map.

        Parameters
        ----------
        study
            The `accessibility.Study`; its people are those of the coverage.

        Returns
        -------
        Coverage
            One that shares the arrays.

        Examples
        --------
        >>> now.of_study(None).share == now.share
        True
        """
        own = {f.name: self.__dict__[f.name] for f in fields(self) if f.name in self.__dict__}
        found: Any = when_asked(Coverage, self.__dict__.get("_column"), **own | {"study": study})
        return found  # type: ignore[no-any-return]

    @cached_property
    def population(self) -> float:
        """All people, covered or not."""
        return float(self.demand.population.sum())

    @cached_property
    def covered_people(self) -> float:
        """People within the standard."""
        return float(self.demand.population[self.covered].sum())

    @property
    def uncovered_people(self) -> float:
        """People not within the standard, the unreached among them."""
        return float(self.demand.population[~self.covered].sum())

    @property
    def unreached_people(self) -> float:
        """People without a path to any site that counts."""
        return float(self.demand.population[self.unreached].sum())

    @property
    def share(self) -> float:
        """Covered people over all people, 0 to 1; NaN where there is nobody."""
        return share_of(self.covered_people, self.population)

    @cached_property
    def service(self) -> Service | None:
        """Who of the covered finds room at the site that covers them; None where no site has a capacity."""
        return measure_service(self, self.sites.capacity) if self.sites.has_capacity else None

    @property
    def share_radius(self) -> float:
        """The share with every distance rule read as a straight line."""
        covered = float(self.demand.population[self.covered_radius].sum())
        return share_of(covered, self.population)

    def covered_as(self, setting: NDArray[np.str_]) -> NDArray[np.bool_]:
        """Return who would be covered, were the settings dealt out otherwise.

        Parameters
        ----------
        setting
            ``(n,)`` of the settings of the people.

        Returns
        -------
        numpy.ndarray
            ``(n,)`` boolean: within the rule of that setting.

        Raises
        ------
        InputError
            A setting there is not, or of another number of demand points.

        Examples
        --------
        >>> now.covered.tolist(), now.covered_as(["urban", "rural"]).tolist()
        ([True, False], [True, True])
        """
        cutoffs = replace(self.demand, setting=setting).cutoffs(self.standard)
        figures = {measure: getattr(self, name) for name, measure in _MEASURES.items() if measure in cutoffs}
        return _within(cutoffs, figures, len(self.demand))

    def by(self, series: pd.Series[Any] | Literal["district", "setting"]) -> pd.DataFrame:
        """Return one row per group: people, covered, share, uncovered, unreached.

        Parameters
        ----------
        series
            ``district`` of the study, ``setting``, or the group of each demand point, keyed by demand id. Points it
            does not name, or names as missing, come in a last row with the index NaN, so that people add up.

        Returns
        -------
        pandas.DataFrame
            Indexed by group: ``population``, ``covered``, ``covered_share`` (0 to 1), ``uncovered``, ``unreached``;
            where sites have a capacity also ``served``, ``served_share`` and ``unserved`` of `Service.by`.

        Raises
        ------
        InputError
            A series that names a demand point twice, or none of them; districts of a coverage without a study.

        Examples
        --------
        >>> now.by("setting")["covered"].to_dict()
        {'urban': 30.0}
        >>> import pandas as pd
        >>> side = pd.Series({"near": "west", "far": "east"}, name="side")
        >>> now.by(side)["covered"].to_dict()
        {'east': 0.0, 'west': 30.0}
        """
        labels = self.labels(series)
        code, parts = number_parts(labels.to_numpy())
        found = tabulate_parts(
            sum_parts(self.demand.population, self.covered, self.unreached, code), parts, labels.name
        )
        return found if self.service is None else self.service.beside(found, labels)

    def labels(self, series: pd.Series[Any] | Literal["district", "setting"]) -> pd.Series[Any]:
        """Return the part of the people that each demand point is in, as `by` tells them apart.

        Parameters
        ----------
        series
            ``district`` of the study, ``setting``, or a series keyed by demand id.

        Returns
        -------
        pandas.Series
            Keyed by demand id, in their order; missing where the series does not name one.

        Raises
        ------
        InputError
            A series that names a demand point twice, or none of them; districts of a coverage without a study.

        Examples
        --------
        >>> now.labels("setting").tolist()
        ['urban', 'urban']
        """
        import pandas as pd  # noqa: PLC0415

        if isinstance(series, str):
            name, labels = series, self.demand.setting if series == "setting" else self._host("districts").district
            series = pd.Series(labels, index=pd.Index(self.demand.ids), name=name)
        return self.demand.keyed(series)

    def to_gdf(self, *, shapes: bool = False) -> gpd.GeoDataFrame:
        """Return one row per demand point.

        Parameters
        ----------
        shapes
            Whether people whom the study read as polygons or hexagons are these, and not the point where they stand.

        Returns
        -------
        geopandas.GeoDataFrame
            Indexed by demand id: people, setting, ``nearest_site``, ``walk_s``, ``network_m``, ``radius_m``,
            ``covered``, ``unreached``, groups and geometry.

        Examples
        --------
        >>> now.to_gdf()[["nearest_site", "network_m", "covered"]].to_dict("index")["far"]
        {'nearest_site': 'O1', 'network_m': 1000.0, 'covered': False}
        """
        gdf = self.demand.to_gdf()
        ids = np.array([*self.sites.ids, None], dtype=object)
        gdf.insert(2, "nearest_site", ids[self.nearest])
        figures = {"walk_s": self.walk_s, "network_m": self.metres, "radius_m": self.radius_m, "covered": self.covered}
        for place, (name, values) in enumerate(figures.items(), start=3):
            gdf.insert(place, name, values)
        gdf.insert(7, "unreached", self.unreached)
        drawn = self.study.shapes if shapes and self.study is not None else None
        if drawn is None:
            return gdf
        return gdf.set_geometry(drawn.to_crs(gdf.crs).reindex(gdf.index).fillna(gdf.geometry))

    def map(self, *, lang: str = "en", basemap: bool = False) -> folium.Map:
        """Return the map of `accessibility.Study.map`, in which sites can be switched and which needs no internet.

        Parameters
        ----------
        lang
            ``en``, ``zh`` or ``both``.
        basemap
            Whether OpenStreetMap tiles are loaded from the internet.

        Returns
        -------
        folium.Map
            The map; ``.save(path)`` writes it.

        Raises
        ------
        InputError
            A coverage that was measured without a study.

        Examples
        --------
        >>> "Study" in acc.Study.of(road, people, now.sites).coverage().map().get_root().render()
        True
        """
        return self._host("streets for a map").map(self, lang=lang, basemap=basemap)

    def plot(self, column: str = "state", *, ax: Axes | None = None, cmap: str = "viridis_r") -> Axes:
        """Draw the people with matplotlib, by what they are or have; polygons and hexagons as they are.

        Parameters
        ----------
        column
            ``state`` (covered, too far, no way) or a column of `to_gdf`, such as ``walk_s``.
        ax
            Where to draw; new axes if None.
        cmap
            Colours of a column of numbers, of matplotlib.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Raises
        ------
        InputError
            A column that is not there.

        Examples
        --------
        >>> now.plot().get_legend().get_texts()[0].get_text()
        'covered'
        """
        return plot_frame(*self._drawn(column, cmap), ax)

    def explore(
        self,
        column: str = "state",
        *,
        tiles: str | None = "OpenStreetMap",
        cmap: str = "viridis_r",
        m: folium.Map | None = None,
    ) -> folium.Map:
        """Return a map of geopandas' `explore`: every demand point with its figures where the pointer is.

        Parameters
        ----------
        column
            ``state`` (covered, too far, no way) or a column of `to_gdf`, such as ``walk_s``.
        tiles
            The basemap, of folium, loaded from the internet; None for none.
        cmap
            Colours of a column of numbers, of matplotlib.
        m
            A map to draw on.

        Returns
        -------
        folium.Map
            The map, whose page loads Leaflet from the internet as all of folium's; `map` needs none.

        Raises
        ------
        InputError
            A column that is not there.

        Examples
        --------
        >>> "covered" in now.explore().get_root().render()
        True
        """
        return explore_frame(*self._drawn(column, cmap), tiles, m)

    def _drawn(self, column: str, cmap: str) -> tuple[gpd.GeoDataFrame, Colouring]:
        frame = self.to_gdf(shapes=True)
        frame.insert(0, "state", np.where(self.covered, "covered", np.where(self.unreached, "no way", "too far")))
        words = {"state": {"covered": COVERED, "too far": FAR, "no way": CUT}}
        return frame.rename_axis("id").reset_index(), Colouring(column=column, inks=words.get(column, {}), cmap=cmap)

    def _host(self, what: str) -> Host:
        if self.study is None:
            msg = f"the coverage was measured without a study and knows no {what}; expected one of study.coverage()"
            raise InputError(msg)
        return self.study


@checked
def measure_coverage(
    network: Network,
    demand: Demand,
    sites: Sites,
    standard: Standard | None = None,
    walker: Walker | None = None,
    snapped: Snapped | None = None,
) -> Coverage:
    """Return who is within the standard of at least one open site.

    A person is covered when the way from home to a site that counts, both access legs in, is at most the limit of
    the rule of their setting. Seconds are searched from the sites on the reversed network.

    Parameters
    ----------
    network
        Streets and paths.
    demand
        People; reprojected to the network where needed.
    sites
        Sites; the open ones count.
    standard, walker
        The policy standard and a walker of 1.0 m/s if not given.
    snapped
        `snap_study` of the same network, demand and sites, where it is known already.

    Returns
    -------
    Coverage
        Who is covered, and how far everybody is.

    Examples
    --------
    A straight road of 1 km, an outlet at its start, people at 900 m and at its end:

    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> people = acc.Demand(ids=["near", "far"], xy=[(900, 0), (1000, 0)], population=[30, 10], crs="EPSG:32649")
    >>> now = acc.measure_coverage(road, people, acc.Sites(ids=["O1"], xy=[(0, 0)], crs="EPSG:32649"))
    >>> now.share, now.walk_s.tolist()
    (0.75, [900.0, 1000.0])
    """
    standard = Standard() if standard is None else standard
    walker = Walker() if walker is None else walker
    snapped = snap_study(network, demand, sites) if snapped is None else snapped
    nearest = search_nearest(network, demand, sites, walker, snapped)

    @cache
    def column(name: str) -> NDArray[Any]:
        values = np.empty(len(demand), COLUMNS[name])
        for rows in batches(len(demand)):
            values[rows] = nearest.of(rows).decide(name, demand.cutoffs(standard, rows))
        return locked(values)

    of = {"demand": demand, "sites": sites, "standard": standard, "walker": walker, "snapped": snapped, "study": None}
    return when_asked(Coverage, column, **of)


def search_nearest(network: Network, demand: Demand, sites: Sites, walker: Walker, snapped: Snapped) -> Nearest:
    """Return the nearest site of every demand point: along streets, and in a straight line when that is asked for."""
    at = (network, Same(demand.xy), Same(sites.xy), sites.open.tobytes())
    straight, compounds = ("radius", Same(network.crs), Same(sites.xy), sites.open.tobytes()), walker.open_compounds
    return Nearest(
        walk=snapped.known.get(
            (*at, walker),
            lambda: _search_from(
                network.packed.graph(walker, open_compounds=compounds), sites, snapped, walker.leg_ms_per_m
            ),
        ),
        network=snapped.known.get(
            (*at, walker.leg_cm_per_m, compounds),
            lambda: _search_from(
                network.packed.graph(None, open_compounds=compounds), sites, snapped, walker.leg_cm_per_m
            ),
        ),
        radius=lambda: demand.known.get(straight, lambda: _straight(network, demand, sites)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Nearest:
    """The nearest site of every demand point by each measure."""

    # walk, network: (n,) whole milliseconds and centimetres along the network, and (n,) rows of sites
    walk: _Figures
    network: _Figures
    # returns (n,) metres in a straight line, NaN where there is none, and (n,) rows of sites
    radius: Callable[[], _Figures]

    def of(self, rows: slice) -> Nearest:
        """Return those of some demand points."""

        def some(figures: _Figures) -> _Figures:
            return figures[0][rows], figures[1][rows]

        return Nearest(walk=some(self.walk), network=some(self.network), radius=lambda: some(self.radius()))

    @cached_property
    def along_streets(self) -> dict[str, _Figures]:
        """Seconds of the walk and metres along the network, NaN where there is no way, and the rows of the sites."""
        return {
            measure: (np.where(site == NO_SITE, np.nan, cost / scale), site)
            for measure, (cost, site), scale in (("walk", self.walk, MS_PER_S), ("network", self.network, CM_PER_M))
        }

    def figures(self, measure: str) -> _Figures:
        """Return seconds or metres to the nearest site by one measure, and its row."""
        if measure != "radius":
            return self.along_streets[measure]
        straight, site = self.radius()
        # A path is never shorter than the straight line; roundings of a centimetre an edge must not say otherwise.
        radius_m = np.fmin(straight, self.along_streets["network"][0])
        radius_m[site == NO_SITE] = np.nan
        return radius_m, site

    def decide(self, column: str, cutoffs: Mapping[str, NDArray[np.int64]]) -> NDArray[Any]:
        """Return one of the `COLUMNS` of people whose limits (`Demand.cutoffs`) these are."""
        if column in _MEASURES:
            return self.figures(_MEASURES[column])[0]
        if column == "nearest":
            deciding = np.full(len(self.walk[0]), NO_SITE, np.int32)
            for measure, cutoff in cutoffs.items():
                np.copyto(deciding, self.figures(measure)[1], where=cutoff >= 0)
            return deciding
        limits = _as_radius(cutoffs) if column == "covered_radius" else cutoffs
        covered = _within(limits, {measure: self.figures(measure)[0] for measure in limits}, len(self.walk[0]))
        return (self.walk[1] == NO_SITE) & ~covered if column == "unreached" else covered


def decide_people(cutoffs: Mapping[str, NDArray[np.int64]], nearest: Nearest) -> dict[str, NDArray[Any]]:
    """Return the `COLUMNS` of some demand points, whose limits (`Demand.cutoffs`) and nearest sites these are."""
    return {name: nearest.decide(name, cutoffs) for name in COLUMNS}


def number_parts(labels: NDArray[Any]) -> tuple[NDArray[np.intp], pd.Index[Any]]:
    """Return the part that each demand point is in, as a number, and the labels by number; missing ones come last."""
    import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

    grouped = pd.Series(np.zeros(len(labels), np.bool_)).groupby(labels, dropna=False)
    return np.asarray(grouped.ngroup(), dtype=np.intp), grouped.size().index


def sum_parts(
    people: NDArray[np.float64], covered: NDArray[np.bool_], unreached: NDArray[np.bool_], code: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the people of each part, those covered, not covered and unreached; ``(parts, 4)``, in the order of all."""
    figures = (people, np.where(covered, people, 0.0), np.where(covered, 0.0, people), np.where(unreached, people, 0.0))
    return np.column_stack([np.bincount(code, figure) for figure in figures]).astype(np.float64)


def tabulate_parts(sums: NDArray[np.float64], labels: pd.Index[Any], name: Any) -> pd.DataFrame:
    """Return the table of `Coverage.by` of the sums of `sum_parts`, but for who is served."""
    import pandas as pd  # noqa: PLC0415

    people, covered, uncovered, unreached = sums.T
    share = np.divide(covered, people, out=np.full(len(sums), np.nan), where=people > 0)
    columns = {"population": people, "covered": covered, "covered_share": share}
    columns |= {"uncovered": uncovered, "unreached": unreached}
    return pd.DataFrame(columns, index=labels.rename(name))


def _straight(network: Network, demand: Demand, sites: Sites) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the metres from each demand point to the nearest open site in a straight line, and its row."""
    people_xy = transform(demand.xy, demand.crs, network.crs, copy=False)
    site_xy = transform(sites.xy, sites.crs, network.crs)
    metres, site = measure_radius(people_xy, site_xy, sites.open, network.crs)
    return locked(metres), locked(site.astype(_row_of(sites), copy=False))


def _row_of(sites: Sites) -> np.dtype[np.signedinteger]:
    """Return the narrowest numbers that tell the rows of sites and none."""
    return np.min_scalar_type(-max(len(sites), 1))


def _search_from(graph: Graph, sites: Sites, snapped: Snapped, leg_cost_per_m: float) -> _Figures:
    """Return the cost of the way from each demand point to its site, in the units of the graph, and the site's row."""
    at = snapped.sites.stops(leg_cost_per_m)
    counting = search.Stops(edge=np.where(sites.open, at.edge, np.int32(NOWHERE)), fraction=at.fraction, leg=at.leg)
    count = len(snapped.demand)
    cost, site = np.empty(count, np.uint32), np.empty(count, _row_of(sites))
    labels = search.nearest(graph, counting)
    for rows in batches(count):
        people = snapped.demand.take(rows).stops(leg_cost_per_m)
        cost[rows], site[rows] = search.split_labels(search.read_labels(graph, labels, counting, people))
    return locked(cost), locked(site)


def _within(
    cutoffs: Mapping[str, NDArray[np.int64]], figures: Mapping[str, NDArray[np.float64]], count: int
) -> NDArray[np.bool_]:
    """Return whether each of so many points is within its limit."""
    covered = np.zeros(count, np.bool_)
    for measure, cutoff in cutoffs.items():
        scale = MS_PER_S if measure == "walk" else CM_PER_M
        covered |= np.rint(figures[measure] * scale) <= cutoff  # what is not reached is NaN: never within
    return covered


def _as_radius(cutoffs: Mapping[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    """Return limits in which distances are what the policy text literally says, radii; walks stay."""
    found = {measure: cutoff for measure, cutoff in cutoffs.items() if measure == "walk"}
    distances = [cutoff for measure, cutoff in cutoffs.items() if measure != "walk"]
    return found | ({"radius": np.maximum.reduce(distances)} if distances else {})
