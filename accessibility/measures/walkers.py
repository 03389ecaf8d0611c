"""Coverage of people who do not all walk alike: a walker for each group, everybody else with another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.geo.arrays import Frozen, Named
from accessibility.geo.plotting import Colouring, explore_frame
from accessibility.measures.service import Service, room_of, served_in_line, tabulate_sites, used_of_limit
from accessibility.measures.tables import NO_DISTRICT, OWN_COLUMNS, SERVED_COLUMNS, TOTAL
from accessibility.standards import Walker
from accessibility.wording import share_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import folium
    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    from accessibility.demand import Demand
    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites

GROUP_COLUMNS = ("district", "group", "population", "covered", "covered_share", "uncovered", "unreached")
"""Columns of ``groups.csv``."""
SERVED_OWN = "served_own_walk"
"""The total of people who are covered so and find room, where sites have a capacity."""
OTHERS = "(others)"
"""The group of ``groups.csv`` of people in none that has a walker."""
_ROUNDING = 1e-9  # of the people of a demand point, that sums of groups may be more


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupCoverage(Frozen):
    """Who is covered, each group by its own walker and the others by that of everybody else.

    Raises
    ------
    InputError
        Groups that there are not, or that have together more people than a demand point: they overlap.

    Examples
    --------
    A road of 1 km with a hall at its start; at 800 m live 30 people, 10 of them old, who walk at 0.8 m/s:

    >>> import accessibility as acc
    >>> from accessibility.measures.walkers import measure_groups
    >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> homes = acc.Demand(ids=["a"], xy=[(800, 0)], population=[30], groups={"60+": [10]}, crs="EPSG:32649")
    >>> halls = acc.Sites(ids=["O1"], xy=[(0, 0)], crs="EPSG:32649")
    >>> now = measure_groups(lambda walker: acc.measure_coverage(road, homes, halls, None, walker), {"60+": 0.8})
    >>> now.covered_people, now.uncovered_people, now.of("60+").tolist()
    (20.0, 10.0, [0.0])
    """

    rest: Coverage  # coverage by the walker of everybody who is in none of the groups
    groups: Mapping[str, Coverage]  # name of a group to the coverage of the same people and sites by its walker

    def __post_init__(self) -> None:
        """Refuse groups that are not there, or overlap."""
        _ = self.others
        object.__setattr__(self, "groups", Named(self.groups))

    @property
    def demand(self) -> Demand:
        """All people."""
        return self.rest.demand

    @property
    def sites(self) -> Sites:
        """The sites; the open ones count."""
        return self.rest.sites

    def labels(self, series: pd.Series[Any] | Literal["district", "setting"]) -> pd.Series[Any]:
        """Return the part of the people that each demand point is in, as `Coverage.labels`.

        Parameters
        ----------
        series
            ``district``, ``setting``, or a series keyed by demand id.

        Returns
        -------
        pandas.Series
            Keyed by demand id.

        Examples
        --------
        >>> now.labels("setting").tolist()
        ['urban']
        """
        return self.rest.labels(series)

    @cached_property
    def alone(self) -> Mapping[str, Coverage]:
        """Name of each group that has a walker to the coverage of its own people alone; last of all others."""
        people = {name: self.demand.groups[name] for name in self.groups} | {OTHERS: np.maximum(self.others, 0)}
        sites = replace(self.sites, capacity=np.full(len(self.sites), np.inf))  # the groups share it
        demands = {name: replace(self.demand, population=own, groups={}) for name, own in people.items()}
        walks = {**self.groups, OTHERS: self.rest}
        return Named({name: replace(walks[name], demand=own, sites=sites) for name, own in demands.items()})

    @cached_property
    def service(self) -> GroupService | None:
        """Who of the covered finds room, which all groups share; None where no site has a capacity."""
        return serve_groups(self, self.sites.capacity) if self.sites.has_capacity else None

    @cached_property
    def others(self) -> NDArray[np.float64]:
        """``(n,)`` people of each demand point who are in none of the groups."""
        return others_of(self.rest.demand, self.groups)

    def of(self, group: str | None = None) -> NDArray[np.float64]:
        """Return the covered people of each demand point: of a group by its own walker, or of everybody.

        Parameters
        ----------
        group
            Name of a group of the people; one without a walker of its own walks as everybody else. All if None.

        Returns
        -------
        numpy.ndarray
            ``(n,)`` people.

        Raises
        ------
        InputError
            A group there is not.
        """
        return self._sums("covered", group)

    def _sums(self, state: Literal["covered", "unreached"], group: str | None) -> NDArray[np.float64]:
        demand = self.rest.demand
        if group is not None:
            return np.where(getattr(self.groups.get(group, self.rest), state), demand.people_of(group), 0.0)
        found = np.where(getattr(self.rest, state), self.others, 0.0)
        for name, now in self.groups.items():
            found += np.where(getattr(now, state), demand.groups[name], 0.0)
        return found

    @property
    def population(self) -> float:
        """All people."""
        return self.rest.population

    @property
    def covered_people(self) -> float:
        """People within the standard, each by their own walker."""
        return float(self.of().sum())

    @property
    def uncovered_people(self) -> float:
        """People not within the standard."""
        return self.population - self.covered_people

    @property
    def share(self) -> float:
        """Covered people over all people, 0 to 1; NaN where there is nobody."""
        return share_of(self.covered_people, self.population)

    def __repr__(self) -> str:
        """Return people and walkers."""
        speeds = ", ".join(f"{name} at {now.walker.speed_m_s:g} m/s" for name, now in self.groups.items())
        served = "" if self.service is None else f" ({self.service.served_people:,.0f} served)"
        return f"<GroupCoverage {self.covered_people:,.0f} of {self.population:,.0f} people covered{served}, {speeds}>"

    def by(self, series: pd.Series[Any] | Literal["district", "setting"], *, group: str | None = None) -> pd.DataFrame:
        """Return one row per part of the people, as `Coverage.by` does.

        Parameters
        ----------
        series
            ``district``, ``setting``, or a series keyed by demand id.
        group
            Count the people of this group; everybody if None.

        Returns
        -------
        pandas.DataFrame
            ``population``, ``covered``, ``covered_share``, ``uncovered`` and ``unreached``; where sites have a capacity
            also ``served``, ``served_share`` and ``unserved``, of everybody or of a group that has a walker.

        Raises
        ------
        InputError
            A group there is not, and whatever `Coverage.by` refuses.

        Examples
        --------
        >>> now.by("setting", group="60+")[["population", "covered"]].values.tolist()
        [[10.0, 0.0]]
        >>> now.by("setting")[["population", "covered", "uncovered"]].values.tolist()
        [[30.0, 20.0, 10.0]]
        """
        demand = self.rest.demand
        people = demand.population if group is None else demand.groups.get(group, demand.population)
        covered, unreached = self._sums("covered", group), self._sums("unreached", group)
        labels = self.rest.labels(series)
        table = pd.DataFrame(
            {"population": people, "covered": covered, "uncovered": people - covered, "unreached": unreached}
        )
        found = table.groupby(labels.to_numpy(), dropna=False).sum()
        found.insert(2, "covered_share", (found["covered"] / found["population"]).where(found["population"] > 0))
        found.index.name = labels.name
        service: Service | None = self.service
        if self.service is not None and group is not None:
            service = self.service.groups.get(group)
        return found if service is None else service.beside(found, labels)

    def by_group(self, district: pd.Series[Any], names: Sequence[Any]) -> pd.DataFrame:
        """Return one row per district and group that has a walker, people in none last, with `GROUP_COLUMNS`.

        Where sites have a capacity, `SERVED_COLUMNS` come last.

        Parameters
        ----------
        district
            Name of the district of each demand point, keyed by demand id.
        names
            All districts, in the order of the rows; people in none come in a row ``(none)`` before ``total``.

        Returns
        -------
        pandas.DataFrame
            The rows of ``groups.csv``: those of a district add up to its people.

        Examples
        --------
        >>> import pandas as pd
        >>> now.by_group(pd.Series({"a": "East"}), ["East"])[["district", "group", "covered"]].values.tolist()[:2]
        [['East', '60+', 0.0], ['East', '(others)', 20.0]]
        """
        labels = self.rest.labels(district).map(lambda name: NO_DISTRICT if pd.isna(name) else str(name)).to_numpy()
        outside = self.rest.demand.population[labels == NO_DISTRICT].sum() > 0
        rows = [*map(str, names), *([NO_DISTRICT] if outside else []), TOTAL]
        found = []
        for group, now in self.alone.items():
            people = now.demand.population
            states = {"population": people, "covered": people * now.covered, "unreached": people * now.unreached}
            states |= {} if self.service is None else {"served": self.service.groups[group].people}
            sums = pd.DataFrame(states).groupby(labels).sum()
            sums.loc[TOTAL] = [float(state.sum()) for state in states.values()]
            found.append(sums.reindex(rows, fill_value=0.0).assign(group=group))
        table = pd.concat(found).rename_axis("district").reset_index()
        whole, covered = table["population"], table["covered"]
        table = table.assign(covered_share=(covered / whole).where(whole > 0), uncovered=whole - covered)
        columns = list(GROUP_COLUMNS)
        if self.service is not None:
            table = table.assign(
                served_share=(table["served"] / whole).where(whole > 0), unserved=covered - table["served"]
            )
            columns += SERVED_COLUMNS
        order = table["district"].map({name: at for at, name in enumerate(rows)}).sort_values(kind="stable").index
        return table.loc[order, columns].reset_index(drop=True)

    def to_gdf(self, *, shapes: bool = False) -> gpd.GeoDataFrame:
        """Return one row per demand point: the columns of `Coverage.to_gdf`, and who of them is covered.

        Parameters
        ----------
        shapes
            As in `Coverage.to_gdf`.

        Returns
        -------
        geopandas.GeoDataFrame
            ``covered_people``, of everybody, and ``<group>_covered`` beside each group, where sites have a capacity
            also ``served_people`` and ``<group>_served``; the other figures are those of people in no group.

        Examples
        --------
        >>> now.to_gdf()[["population", "60+", "60+_covered", "covered_people"]].values.tolist()
        [[30.0, 10.0, 0.0, 20.0]]
        """
        frame = self.rest.to_gdf(shapes=shapes)
        for name in self.groups:
            frame.insert(frame.columns.get_loc(name) + 1, f"{name}_covered", self.of(name))
        frame.insert(1, "covered_people", self.of())
        if self.service is not None:
            for name in self.groups:
                served = self.service.groups[name].people
                frame.insert(frame.columns.get_loc(f"{name}_covered") + 1, f"{name}_served", served)
            frame.insert(2, "served_people", self.service.people)
        return frame

    def seen(self, group: str | None = None) -> Coverage:
        """Return the coverage by the walker of a group, or by that of people in none.

        Parameters
        ----------
        group
            Name of a group that has a walker; None for people in no group.

        Returns
        -------
        Coverage
            It counts all people as if they walked so.

        Raises
        ------
        InputError
            A group that has no walker.

        Examples
        --------
        >>> now.seen("60+").walker.speed_m_s, now.seen().walker.speed_m_s
        (0.8, 1.0)
        """
        if group is not None and group not in self.groups:
            msg = f"no group {group!r} has a walker; expected one of: {', '.join(self.groups)}"
            raise InputError(msg)
        return self.rest if group is None else self.groups[group]

    def map(self, *, group: str | None = None, lang: str = "en", basemap: bool = False) -> folium.Map:
        """Return the map of `Coverage.map` by the walker of a group, or by that of people in none.

        Parameters
        ----------
        group
            Name of a group; None for people in no group.
        lang, basemap
            As in `Coverage.map`.

        Returns
        -------
        folium.Map
            The map.

        Raises
        ------
        InputError
            A group that has no walker, a coverage that was measured without a study.

        Examples
        --------
        >>> now.map(group="women")
        Traceback (most recent call last):
            ...
        accessibility.errors.InputError: no group 'women' has a walker; expected one of: 60+
        """
        return self.seen(group).map(lang=lang, basemap=basemap)

    def explore(self, column: str = "covered_people", *, tiles: str | None = "OpenStreetMap") -> folium.Map:
        """Return a map of geopandas' `explore`: every demand point with its figures where the pointer is.

        Parameters
        ----------
        column
            A column of `to_gdf`.
        tiles
            The basemap, of folium, loaded from the internet; None for none.

        Returns
        -------
        folium.Map
            The map.

        Raises
        ------
        InputError
            A column that is not there.

        Examples
        --------
        >>> "60+_covered" in now.explore(tiles=None).get_root().render()
        True
        """
        frame = self.to_gdf(shapes=True).rename_axis("id").reset_index()
        return explore_frame(frame, Colouring(column=column, inks={}, cmap="viridis"), tiles, None)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GroupService(Service):
    """Who is covered and finds room, where groups walk in their own ways and share the room of a site.

    The rule is that of `Service`: all stand in one line at the site that covers them, whoever uses least of the limit
    first, each by their own walk; of one place those who use as much share what is left in proportion.

    Parameters
    ----------
    coverage
        Who is covered.
    capacity, people
        As in `Service`.
    groups
        Name of each group that has a walker to the service of its people; last of all others.

    Examples
    --------
    >>> import accessibility as acc
    >>> from accessibility.measures.walkers import measure_groups, serve_groups
    >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> homes = acc.Demand(ids=["a"], xy=[(800, 0)], population=[30], groups={"60+": [10]}, crs="EPSG:32649")
    >>> halls = acc.Sites(ids=["O1"], xy=[(0, 0)], crs="EPSG:32649")
    >>> now = measure_groups(lambda walker: acc.measure_coverage(road, homes, halls, None, walker), {"60+": 0.8})
    >>> serve_groups(now, [15])
    <GroupService 15 served of 20 covered, 30 people>
    """

    coverage: GroupCoverage  # type: ignore[assignment]  # nobody's way alone decides
    groups: Mapping[str, Service]

    @property
    def parts(self) -> tuple[Service, ...]:
        """The service of each group, and of all others."""
        return tuple(self.groups.values())

    def of_sites(self) -> dict[str, NDArray[np.float64]]:
        """Return what `Service.of_sites` says, of all groups together.

        Returns
        -------
        dict
            Name to ``(s,)``.

        Examples
        --------
        >>> serve_groups(now, [15]).of_sites()["unserved"].tolist()
        [5.0]
        """
        told = [part.of_sites() for part in self.parts]
        come, served = (np.sum([one[name] for one in told], axis=0) for name in ("covered", "served"))
        return tabulate_sites(self.capacity, come, served)


def serve_groups(
    now: GroupCoverage, capacity: ArrayLike, line: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None
) -> GroupService:
    """Return who is covered and finds room that all groups share; see `GroupService`.

    Parameters
    ----------
    now
        Who is covered, each group by its own walker.
    capacity
        ``(s,)`` people that each site has room for, 0 or more; infinite where there is no limit.
    line
        ``(g, n)`` how much of its limit the way of each group uses, in the order of `GroupCoverage.alone`, and ``(n,)``
        which of two demand points that are alike comes first; found from the ways, and the rows, if None.

    Raises
    ------
    InputError
        Another number of capacities than sites, or one that is negative or no number.

    Examples
    --------
    >>> import accessibility as acc
    >>> from accessibility.measures.walkers import measure_groups, serve_groups
    >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> homes = acc.Demand(ids=["a"], xy=[(800, 0)], population=[30], groups={"60+": [10]}, crs="EPSG:32649")
    >>> halls = acc.Sites(ids=["O1"], xy=[(0, 0)], crs="EPSG:32649")
    >>> now = measure_groups(lambda walker: acc.measure_coverage(road, homes, halls, None, walker), {"60+": 0.8})
    >>> serve_groups(now, [15]).groups["60+"].served_people
    0.0
    """
    room, alone = room_of(now.sites, capacity), now.alone
    site = np.stack([np.where(one.covered, one.nearest, np.int32(-1)) for one in alone.values()])
    if line is None:
        line = np.stack([used_of_limit(one) for one in alone.values()]), np.arange(site.shape[1])
    used, turn = line[0], np.broadcast_to(line[1], site.shape)
    people = np.stack([one.demand.population for one in alone.values()])
    group, row = np.indices(site.shape)
    # Of one place, those who go to one site and use as much of their limit stand there as the first of them.
    alike = ((site[:, None] == site) & (used[:, None] == used)).argmax(axis=1)
    together = np.zeros_like(people)
    np.add.at(together, (alike, row), people)
    stands = np.where(alike == group, site, np.int32(-1))
    found = served_in_line(stands.ravel(), used.ravel(), together.ravel(), room, turn.ravel()).reshape(site.shape)
    share = np.divide(found, together, out=np.zeros_like(found), where=together > 0)
    served = people * np.take_along_axis(share, alike, axis=0)
    parts = zip(alone.items(), served, strict=True)
    of = {name: Service(coverage=one, capacity=room, people=theirs) for (name, one), theirs in parts}
    return GroupService(coverage=now, capacity=room, people=served.sum(axis=0), groups=Named(of))


def others_of(demand: Demand, groups: Iterable[str]) -> NDArray[np.float64]:
    """Return ``(n,)`` people of each demand point who are in none of some groups.

    Raises
    ------
    InputError
        Groups that there are not, or that have together more people than a demand point: they overlap.
    """
    names = [*groups]
    others = demand.population - sum((demand.people_of(name) for name in names), np.zeros(len(demand)))
    over = others < -_ROUNDING * np.maximum(demand.population, 1)
    if over.any():
        row = int(over.argmax())
        together = demand.population[row] - others[row]
        msg = (
            f"groups {', '.join(map(repr, names))} have {together:g} of {demand.population[row]:g} people at "
            f"{demand.ids[row]!r}; expected groups that do not overlap"
        )
        raise InputError(msg)
    return others


def measure_groups(
    measure: Callable[[Walker | None], Coverage],
    groups: Mapping[str, Walker | float | str],
    walker: Walker | None = None,
) -> GroupCoverage:
    """Return the coverage of groups that walk each in their own way.

    Parameters
    ----------
    measure
        Called with a walker; returns the coverage.
    groups
        Name of a group to its walker, to its speed in metres a second, or to the preset whose speed it has.
    walker
        Of everybody else; that of `measure` if None.

    Raises
    ------
    InputError
        No group, groups that there are not or that overlap, a speed that nobody walks.
    """
    if not groups:
        msg = "no group is given a walker; expected such as {'60+': 0.8}"
        raise InputError(msg)
    rest = measure(walker)
    own = {name: _walker_of(told, rest.walker) for name, told in groups.items()}
    return GroupCoverage(rest=rest, groups={name: measure(one) for name, one in own.items()})


def _walker_of(told: Walker | float | str, everybody: Walker) -> Walker:
    """Return the walker of a group that is told by itself, by its speed, or by the preset whose speed it has."""
    if isinstance(told, Walker):
        return told
    if isinstance(told, str):
        if told not in Walker.presets:
            known = ", ".join(Walker.presets)
            msg = f"walker of a group is {told!r}; expected a Walker, its speed in m/s, or one of {known}"
            raise InputError(msg)
        told = Walker.presets[told].speed_m_s
    return replace(everybody, speed_m_s=float(told))


def with_own_walks(districts: pd.DataFrame, now: GroupCoverage | None, rows: pd.DataFrame | None) -> pd.DataFrame:
    """Return ``districts.csv`` with `OWN_COLUMNS`; as it is where all people walk alike.

    Parameters
    ----------
    districts
        One row per district and a total.
    now
        Who is covered by walkers of their own.
    rows
        The same by district and group, as `GroupCoverage.by_group` returns it.
    """
    if now is None or rows is None:
        return districts
    covered = rows.groupby("district")["covered"].sum().reindex(districts["district"]).to_numpy()
    share = (covered / districts["population"]).where(districts["population"] > 0)
    return districts.assign(**dict(zip(OWN_COLUMNS, (covered, share), strict=True)))


def with_own_people(places: gpd.GeoDataFrame, now: GroupCoverage | None) -> gpd.GeoDataFrame:
    """Return ``demand.parquet`` with the people of each place covered by walkers of their own, if any."""
    if now is None:
        return places
    found = places.copy()
    found.insert(found.columns.get_loc("geometry"), OWN_COLUMNS[0], now.of())
    return found


def record_own_totals(now: GroupCoverage) -> dict[str, float]:
    """Return `OWN_COLUMNS` of all people as a manifest tells them, and who is served where sites have a capacity."""
    served = {} if now.service is None else {SERVED_OWN: now.service.served_people}
    return dict(zip(OWN_COLUMNS, (now.covered_people, now.share), strict=True)) | served
