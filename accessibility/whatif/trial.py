"""`Trial`: what-if, one step at a time; each step costs what its neighbourhood costs, and every step can be undone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from accessibility.errors import InputError, checked
from accessibility.geo.arrays import Frozen
from accessibility.geo.plotting import explore_frame, plot_frame
from accessibility.geo.projection import WGS84, transform
from accessibility.streets.edits import Closure, CompoundOpening, NewStreet, Pace
from accessibility.streets.pieces import untouched
from accessibility.streets.snapping import Snapped
from accessibility.whatif.comparison import (
    STATES,
    classify_states,
    compare_coverages,
    draw_changes,
    has_service,
    served_of,
)
from accessibility.whatif.live import LiveCoverage
from accessibility.whatif.scenario import UNCHANGED, Addition, Move, Scenario, free_id
from accessibility.wording.cards import draw_bar, draw_card

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    import folium
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites
    from accessibility.standards import Standard
    from accessibility.streets.edits import StreetEdit
    from accessibility.streets.snapping import Positions
    from accessibility.whatif.live import Ground, Undo

    Said = tuple[str, tuple[Any, ...], dict[str, Any]]


def nothing_made(_: Hashable) -> Addition | None:
    """Return None: no candidate was made on streets."""
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline(Frozen):
    """What a trial begins with and is compared with."""

    coverage: Coverage  # today's coverage
    ground: Ground  # streets and people
    district: pd.Series[Any]  # district of each demand point, keyed by demand id
    cost: Mapping[str, float]  # kind to the cost of opening an added site of it
    # called with a subject, longitude and latitude; raises `InputError` where no site can stand
    refuse_place: Callable[[str, float, float], None]
    # called with an id that no site has: the candidate that the study makes on its streets under this id, or None
    made: Callable[[Hashable], Addition | None] = nothing_made


@checked
class Trial:
    """A scenario in the making: open, close, add and move sites, and see at once who gains and who loses.

    Every figure is exactly that of a measurement from scratch. A step that makes no sense raises an error and changes
    nothing. Steps return the trial, so that they chain. `Study.what_if` begins one.

    Parameters
    ----------
    baseline
        What the trial begins with and is compared with.
    name
        Of its scenario.

    Examples
    --------
    A road of 2 km with an outlet at its start, a bank branch at 1.7 km, people at 900 m and at its end:

    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (502e3, 34e5)], "crs": "EPSG:32649"}
    >>> homes = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> at = {"xy": [(5e5, 34e5), (501700, 34e5)], "crs": "EPSG:32649"}
    >>> town = acc.Study.of(road, homes, acc.Sites(ids=["O1", "B1"], kind=["outlet", "bank"], **at), name="Town")
    >>> trial = town.what_if().open("B1").close("O1")
    >>> trial.coverage().share, trial.undo().coverage().share
    (1.0, 1.0)
    """

    def __init__(self, baseline: Baseline, name: str = "") -> None:
        now = baseline.coverage
        self.baseline = baseline
        self._scenario = Scenario(name=name)
        self._row = {site: row for row, site in enumerate(now.sites.ids)}
        self._begun = LiveCoverage(baseline.ground, now.sites, now.snapped.sites, now.standard, now.walker)
        self._live = self._begun
        self._steps: list[list[Undo]] = []
        self._said: list[Said] = []
        self._undone: list[Said] = []
        self._coverage: Coverage | None = now

    def __repr__(self) -> str:
        """Return the steps in numbers and the share covered."""
        s = self._scenario
        counts = {"opened": s.opened, "closed": s.closed, "added": s.added, "moved": s.moved, "of streets": s.edits}
        told = ", ".join(f"{len(items)} {what}" for what, items in counts.items() if items) or "as today"
        return f"<Trial {told}: {self.coverage()!r}>"

    def _repr_html_(self) -> str:
        s, now, before = self._scenario, self.coverage(), self.baseline.coverage
        told = (("opened", s.opened), ("closed", s.closed), ("added", s.added), ("moved", s.moved))
        facts = [(what, ", ".join(str(getattr(item, "id", item)) for item in items)) for what, items in told if items]
        facts += [("covered", f"{before.covered_people:,.0f} today, {now.covered_people:,.0f} then")]
        if has_service(before, now):
            served = [served_of(one).sum() for one in (before, now)]
            facts += [("covered and served", f"{served[0]:,.0f} today, {served[1]:,.0f} then")]
        word = classify_states(before, now)
        bar = draw_bar([(w, float(now.demand.population[word == w].sum()), ink) for w, ink in STATES.items()])
        return draw_card("Trial" if facts[1:] else "Trial: as today", facts, bar, table=self._by_district())

    def _by_district(self) -> pd.DataFrame | None:
        """Return the districts where somebody gains or loses."""
        table = self.compare().reset_index()
        rows = table[(table["setting"] == "all") & ((table["gained"] > 0) | (table["lost"] > 0))]
        return rows[["district", "gained", "lost", "share_before", "share_after"]] if len(rows) else None

    def map(self, *, lang: str = "en", basemap: bool = False) -> folium.Map:
        """Return the map of who gains and who loses compared with today; see `accessibility.Study.map`.

        Parameters
        ----------
        lang
            ``en``, ``zh`` or ``both``.
        basemap
            Whether OpenStreetMap tiles are loaded from the internet.

        Returns
        -------
        folium.Map
            A map that opens without the internet.

        Raises
        ------
        InputError
            A trial of a coverage that was measured without a study.

        Examples
        --------
        >>> "Town" in town.what_if().open("B1").map().get_root().render()
        True
        """
        study: Any = self.baseline.coverage.study
        if study is None:
            msg = "the trial is of a coverage without a study and knows no streets for a map; expected study.what_if()"
            raise InputError(msg)
        return study.map(self, lang=lang, basemap=basemap)  # type: ignore[no-any-return]

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw with matplotlib who gains and who loses compared with today.

        Parameters
        ----------
        ax
            Where to draw; new axes if None.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Examples
        --------
        >>> town.what_if().open("B1").plot().get_legend().get_texts()[0].get_text()
        'gained'
        """
        return plot_frame(*draw_changes(self.baseline.coverage, self.coverage()), ax)

    def explore(self, *, tiles: str | None = "OpenStreetMap", m: folium.Map | None = None) -> folium.Map:
        """Return a folium map of who gains and who loses compared with today.

        Parameters
        ----------
        tiles
            The basemap, loaded from the internet; None for none.
        m
            A map to draw on.

        Returns
        -------
        folium.Map
            The map.

        Examples
        --------
        >>> "gained" in town.what_if().open("B1").explore().get_root().render()
        True
        """
        return explore_frame(*draw_changes(self.baseline.coverage, self.coverage()), tiles, m)

    def __reduce__(self) -> tuple[Callable[..., Trial], tuple[Baseline, str, list[Said]]]:
        """Return how a copy is made: by taking the same steps, each of which it can undo."""
        return _retaken, (self.baseline, self._scenario.name, list(self._said))

    @property
    def scenario(self) -> Scenario:
        """What is different from today, as a value; steps that cancel each other are not in it."""
        return self._scenario

    @property
    def steps(self) -> int:
        """How many steps can be undone."""
        return len(self._steps)

    def open(self, site: Hashable) -> Self:
        """Open a site that does not count; opening one that this trial closed cancels the closing.

        Parameters
        ----------
        site
            Id of the site, also of a candidate that the study makes on its streets: it is added then.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            A site that is open.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> town.what_if().open("B1").coverage().covered_people
        40.0
        """
        made = None if site in self._row else self.baseline.made(site)
        if made is not None:
            return self.add(made.lon, made.lat, kind=made.kind, id=made.id, name=made.name, cost=made.cost)
        row, s = self._rows(site), self._scenario
        if self._live.is_open(row):
            msg = f"site {site!r} is open already; expected one that is closed"
            raise InputError(msg)
        opened = s.opened if site in s.closed else (*s.opened, site)
        there = replace(s, opened=opened, closed=tuple(i for i in s.closed if i != site))
        return self._step(("open", (site,), {}), there, lambda: self._live.switch(row))

    def close(self, site: Hashable) -> Self:
        """Close a site that counts; closing one that this trial opened cancels the opening.

        Parameters
        ----------
        site
            Id of the site.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            A site that is closed.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> town.what_if().close("O1").coverage().covered_people
        0.0
        """
        row, s = self._rows(site), self._scenario
        if not self._live.is_open(row):
            msg = f"site {site!r} is closed already; expected one that is open"
            raise InputError(msg)
        closed = s.closed if site in s.opened else (*s.closed, site)
        there = replace(s, closed=closed, opened=tuple(i for i in s.opened if i != site))
        return self._step(("close", (site,), {}), there, lambda: self._live.switch(row))

    def add(
        self,
        lon: float,
        lat: float,
        *,
        kind: str = "new",
        id: Hashable | None = None,  # noqa: A002 -- as a site calls it
        name: str = "",
        cost: float | None = None,
    ) -> Self:
        """Add an open site at a place in degrees, WGS84.

        Parameters
        ----------
        lon, lat
            Where.
        kind
            ``new``, ``bank`` or ``outlet``.
        id
            ``N1``, ``N2``, ... if not given.
        name
            For people.
        cost
            The study's cost of the kind if not given.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            A place outside the area, in water or far from any street, another kind, an id that is taken.

        Examples
        --------
        The end of the road lies at 111.0209 degrees east:

        >>> town.what_if().add(111.0209, 30.7329, id="N9").coverage().share
        1.0
        """
        site = free_id(self._row) if id is None else id
        price = self._cost(kind) if cost is None else cost
        added = Addition(id=site, lon=lon, lat=lat, kind=kind, name=name, cost=price)
        if site in self._row:
            msg = f"site {site!r} exists; expected an id that no site has"
            raise InputError(msg)
        place, row = self._place(f"added site {site!r}", lon, lat), len(self._row)
        there = replace(self._scenario, added=(*self._scenario.added, added))
        said = ("add", (lon, lat), {"kind": kind, "id": site, "name": name, "cost": price})
        if self._disturbs(place[0]):
            return self._step(said, there, lambda: self._name(site), lambda: self._measure(there))
        return self._step(
            said, there, lambda: self._name(site), lambda: self._live.put(row, *place), lambda: self._live.switch(row)
        )

    def move(self, site: Hashable, lon: float, lat: float) -> Self:
        """Move a site, open or not, to a place in degrees, WGS84.

        Parameters
        ----------
        site
            Id of the site.
        lon, lat
            Where it would stand.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            A place outside the area, in water or far from any street.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> town.what_if().move("O1", 111.0209, 30.7329).coverage().covered_people
        10.0
        """
        row, s = self._rows(site), self._scenario
        place = self._place(f"moved site {site!r}", lon, lat)
        if any(a.id == site for a in s.added):
            there = replace(s, added=tuple(replace(a, lon=lon, lat=lat) if a.id == site else a for a in s.added))
        else:
            there = replace(s, moved=(*(m for m in s.moved if m.id != site), Move(id=site, lon=lon, lat=lat)))
        if self._disturbs(place[0]):
            return self._step(("move", (site, lon, lat), {}), there, lambda: self._measure(there))
        switch = [lambda: self._live.switch(row)] if self._live.is_open(row) else []
        return self._step(("move", (site, lon, lat), {}), there, *switch, lambda: self._live.put(row, *place), *switch)

    def change(
        self, *, speed_m_s: float | None = None, open_compounds: bool | None = None, standard: Standard | None = None
    ) -> Self:
        """Change how people walk or what near enough means, where not None; this measures everything anew.

        Parameters
        ----------
        speed_m_s
            Walking speed on the flat, 0.3 to 3 m/s.
        open_compounds
            Whether everybody may walk through gated compounds.
        standard
            Another standard.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            A speed that nobody walks.

        Examples
        --------
        >>> town.what_if().change(speed_m_s=0.8).coverage().covered_people
        0.0
        """
        given = {"speed_m_s": speed_m_s, "open_compounds": open_compounds, "standard": standard}
        changed = {name: value for name, value in given.items() if value is not None}
        there = replace(self._scenario, settings=replace(self._scenario.settings, **changed))  # type: ignore[arg-type]
        return self._step(("change", (), changed), there, lambda: self._measure(there))

    def add_street(self, line: Any, *, name: str = "", bridge: bool = False, **how: bool) -> Self:
        """Add a street, path or bridge; people and sites stay where they stand, and walk along it where that helps.

        It is joined to every street on the ground that it crosses or touches; each of its ends is drawn on to the
        nearest street within 25 m. It is flat, and everybody may walk it. Who has no street within reach stands on it.

        Parameters
        ----------
        line
            A shapely line, WKT or pairs of longitude and latitude in degrees, WGS84; or a table of geopandas.
        name
            For tables, maps and explanations.
        bridge
            Whether it passes over what it crosses, and is joined at its ends alone.
        **how
            ``oneway`` (in the order of the line only), ``steps`` (a flight of steps).

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            No line in degrees, or one that joins no street.

        Examples
        --------
        A short cut between the ends of a road that makes a bow changes nothing here, where the road is straight:

        >>> town.what_if().add_street([(111.0, 30.7329), (111.0209, 30.7329)], name="path").coverage().share
        0.75
        """
        return self._edit(NewStreet(line=line, name=name, bridge=bridge, **how))

    def close_streets(self, where: Any, *, name: str = "", bridges: bool = True) -> Self:
        """Close streets: inside an area, along a line, or edges of the network; who stands on one stays there.

        Parameters
        ----------
        where
            A polygon, or a line (what it crosses and what it follows within 10 m): WKT, or pairs of longitude and
            latitude in degrees, WGS84; a table of geopandas; or whole numbers: rows of ``study.network.to_gdf()``.
        name
            For tables, maps and explanations.
        bridges
            Whether bridges and tunnels in the area close too.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            No polygon and no edges, or an area that touches no street.

        Examples
        --------
        >>> town.what_if().close_streets([0], name="flood").coverage().unreached_people
        40.0
        """
        rows = _edge_rows(where)
        if rows:
            return self._edit(Closure(edges=rows, name=name, bridges=bridges))
        return self._edit(Closure(area=where, name=name, bridges=bridges))

    def pace(self, area: Any, factor: float, *, name: str = "") -> Self:
        """Change how fast people walk in an area; metres stay as they are.

        Parameters
        ----------
        area
            A polygon, WKT or pairs of longitude and latitude in degrees, WGS84; or a table of geopandas.
        factor
            How many times as fast as today: 0.5 takes twice as long.
        name
            For tables, maps and explanations.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            A factor that is not above 0, no polygon, or one that touches no street.

        Examples
        --------
        >>> everywhere = [(110.9, 30.7), (111.1, 30.7), (111.1, 30.8), (110.9, 30.8)]
        >>> town.what_if().pace(everywhere, 0.5).coverage().covered_people
        0.0
        """
        return self._edit(Pace(area=area, factor=factor, name=name))

    def open_compound(self, area: Any, *, name: str = "") -> Self:
        """Let everybody walk the private ways of a compound: of each, as a whole, that an area touches.

        Parameters
        ----------
        area
            A polygon, or one place ``(lon, lat)``: the compound nearest to it within 200 m. Degrees, WGS84.
        name
            For tables, maps and explanations.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            No area, or one that touches no private way.

        Examples
        --------
        >>> from dataclasses import replace
        >>> gated = replace(town, network=replace(town.network, private=[True]))
        >>> gated.what_if().open_compound((111.001, 30.7329)).scenario.edits[0].text
        'opening of a compound'
        """
        return self._edit(CompoundOpening(area=area, name=name))

    def _edit(self, edit: StreetEdit) -> Self:
        there = replace(self._scenario, edits=(*self._scenario.edits, edit))
        return self._step(("_edit", (edit,), {}), there, lambda: self._measure(there))

    def follow(self, scenario: Scenario) -> Self:
        """Take the steps of a scenario, each of which can be undone; all of them or, on an error, none.

        Parameters
        ----------
        scenario
            What would be different.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            A step that makes no sense.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> town.what_if().follow(acc.Scenario(opened=("B1",), closed=("O1",))).steps
        2
        """
        begun, undone = len(self._steps), self._undone
        try:
            self._take(scenario)
        except BaseException:
            while len(self._steps) > begun:
                self.undo()
            self._undone = undone
            raise
        return self

    def _take(self, scenario: Scenario) -> None:
        settings = scenario.settings
        if settings != UNCHANGED:
            self.change(
                speed_m_s=settings.speed_m_s, open_compounds=settings.open_compounds, standard=settings.standard
            )
        if scenario.edits:
            there = replace(self._scenario, edits=(*self._scenario.edits, *scenario.edits))
            self._step(("follow", (Scenario(edits=scenario.edits),), {}), there, lambda: self._measure(there))
        for m in scenario.moved:
            self.move(m.id, m.lon, m.lat)
        for site in scenario.opened:
            self.open(site)
        for a in scenario.added:
            self.add(a.lon, a.lat, kind=a.kind, id=a.id, name=a.name, cost=a.cost)
        for site in scenario.closed:
            self.close(site)

    def undo(self) -> Self:
        """Take back the last step.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            There is none.

        Examples
        --------
        >>> town.what_if().close("O1").undo().coverage().covered_people
        30.0
        """
        if not self._steps:
            msg = "nothing to undo: the trial is as today; expected a step before"
            raise InputError(msg)
        for take_back in reversed(self._steps.pop()):
            take_back()
        self._undone = [*self._undone, self._said.pop()]
        self._coverage = None
        return self

    def redo(self) -> Self:
        """Take the step again that was taken back last; a new step forgets what was taken back.

        Returns
        -------
        Trial
            The trial itself.

        Raises
        ------
        InputError
            There is none.

        Examples
        --------
        >>> town.what_if().close("O1").undo().redo().coverage().covered_people
        0.0
        """
        if not self._undone:
            msg = "nothing to do again: no step was taken back since the last one; expected an undo before"
            raise InputError(msg)
        *rest, (method, args, given) = self._undone
        getattr(self, method)(*args, **given)
        self._undone = rest
        return self

    def coverage(self) -> Coverage:
        """Return who is covered now.

        Returns
        -------
        Coverage
            As `measure_coverage` would say of the sites of the trial.

        Examples
        --------
        >>> town.what_if().coverage().share
        0.75
        """
        if self._coverage is None:
            now = self.baseline.coverage
            self._coverage = self._live.coverage(self._scenario.apply(now.sites), now.study)
        return self._coverage

    def compare(self, *, group: str | None = None) -> pd.DataFrame:
        """Return who gains and who loses compared with today, by district and setting.

        Parameters
        ----------
        group
            Count the people of this group; everybody if None.

        Returns
        -------
        pandas.DataFrame
            The table of `compare_coverages`.

        Raises
        ------
        InputError
            A group there is not.

        Examples
        --------
        >>> float(town.what_if().open("B1").compare().loc[("total", "all"), "gained"])
        10.0
        """
        before, district = self.baseline.coverage, self.baseline.district
        if group is None and not before.sites.has_capacity:  # who is served hangs on all who come to a site
            return self._live.compare(before, district)
        return compare_coverages(before, self.coverage(), district, group=group)

    def change_in_people(self) -> tuple[float, float]:
        """Return how many people gain and how many lose compared with today; it costs what the steps cost.

        Returns
        -------
        tuple of float
            People who are covered now and not today, and who are covered today and not now.

        Examples
        --------
        >>> town.what_if().open("B1").change_in_people()
        (10.0, 0.0)
        """
        before = self.baseline.coverage
        if self._live is self._begun:
            people, covered = self._live.since_begun()
        else:  # streets or walkers are others: everybody may have another way
            people, covered = np.arange(len(before.demand)), self.coverage().covered
        was, heads = before.covered[people], before.demand.population[people]
        return float(heads[covered & ~was].sum()), float(heads[was & ~covered].sum())

    def _step(self, said: Said, there: Scenario, *actions: Callable[[], Undo]) -> Self:
        """Do the actions of one step, or none of them."""
        before = self._scenario
        done: list[Undo] = []
        try:
            for action in actions:
                done.append(action())  # noqa: PERF401 -- those done before one fails are taken back
        except BaseException:
            for take_back in reversed(done):
                take_back()
            raise

        def restore() -> None:
            self._scenario = before

        self._scenario, self._coverage = there, None
        self._steps.append([restore, *done])
        self._said.append(said)
        self._undone = []
        return self

    def _rows(self, site: Hashable) -> int:
        if site not in self._row:
            self._scenario.apply(self.baseline.coverage.sites).rows([site])
        return self._row[site]

    def _name(self, site: Hashable) -> Undo:
        self._row[site] = len(self._row)

        def undo() -> None:
            del self._row[site]

        return undo

    def _place(self, subject: str, lon: float, lat: float) -> tuple[Positions, NDArray[np.float64]]:
        """Return where a site at a place stands; refuse an invalid place."""
        self.baseline.refuse_place(subject, lon, lat)
        ground = self.baseline.ground
        xy = transform(np.array([(lon, lat)]), WGS84, ground.network.crs)
        at = ground.snap_sites(xy)
        if not self._scenario.edits:  # else it may stand on a new street
            refuse_far(subject, (lon, lat), at)
        return at, xy

    def _cost(self, kind: str) -> float:
        return float(self.baseline.cost.get(kind, 0.0))

    def _disturbs(self, at: Positions) -> bool:
        """Return whether a site that stands there stands on a street that is edited, where it counts from scratch."""
        streets = self._live.ground.network
        return streets.pieces is not None and not (at.snapped & untouched(streets, at.edge)).all()

    def _measure(self, there: Scenario) -> Undo:
        before, first = self._live, self.baseline.coverage
        standard, walker = there.settings.of(first.standard), there.settings.walker(first.walker)
        sites = there.apply(first.sites)
        ground, at = stand_on_edited(self.baseline.ground, there, sites, first.snapped.sites)
        self._live = before.anew(ground, sites, at, standard, walker)

        def undo() -> None:
            self._live = before

        return undo


def stand_on_edited(ground: Ground, there: Scenario, sites: Sites, today: Positions) -> tuple[Ground, Positions]:
    """Return the ground of a scenario, and where its sites stand.

    Parameters
    ----------
    ground
        Streets and people of today.
    there
        What would be different.
    sites
        Those of the scenario: the ones of today in their rows, then the added ones.
    today
        Where those of today stand.

    Raises
    ------
    InputError
        An edit that touches no street, or a site that is added or moved to where no street is within reach.
    """
    xy = transform(sites.xy, sites.crs, ground.network.crs)
    placed = {m.id: ("moved", m) for m in there.moved} | {a.id: ("added", a) for a in there.added}
    fresh = sites.rows(list(placed))
    of = np.append(np.arange(len(today)), np.full(len(sites) - len(today), 0))
    of[fresh] = len(today) + np.arange(len(fresh))
    at = (today + ground.snap_sites(xy[fresh])).take(of)
    ground, at = ground.edited(there.edits, sites, at)
    for row, (what, item) in zip(fresh, placed.values(), strict=True):
        refuse_far(f"{what} site {item.id!r}", (item.lon, item.lat), at.take(slice(row, row + 1)))
    return ground, at


def snap_scenario(ground: Ground, there: Scenario, sites: Sites, today: Positions) -> Snapped:
    """Return where people and sites stand in a scenario that edits streets, and on which streets."""
    edited, at = stand_on_edited(ground, there, sites, today)
    return Snapped(demand=edited.snapped, sites=at, network=edited.network)


def refuse_far(subject: str, lonlat: tuple[float, float], at: Positions) -> None:
    """Raise an error where a site has no street within reach."""
    if not at.snapped.all():
        (lon, lat), away = lonlat, at.leg_m[0]
        msg = f"{subject} at {lon:.6f}, {lat:.6f} stands {away:,.0f} m from any street; expected one nearby"
        raise InputError(msg)


def _edge_rows(where: Any) -> tuple[int, ...]:
    """Return rows of edges, where whole numbers are what was given."""
    if isinstance(where, str) or hasattr(where, "geom_type") or hasattr(where, "to_crs"):
        return ()
    values = np.asarray(where)
    whole = values.ndim <= 1 and values.size and np.issubdtype(values.dtype, np.integer)
    return tuple(np.atleast_1d(values).tolist()) if whole else ()


def _retaken(baseline: Baseline, name: str, said: list[Said]) -> Trial:
    trial = Trial(baseline, name)
    for method, args, given in said:
        getattr(trial, method)(*args, **given)
    return trial
