"""Coverage of people who do not all walk alike: a walker for each group, everybody else with another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from accessibility.errors import InputError
from accessibility.geo.arrays import Frozen, Named
from accessibility.standards import Walker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import folium
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage

_ROUNDING = 1e-9  # of the people of a demand point, that sums of groups may be more


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupCoverage(Frozen):
    """Who is covered, each group by its own walker and the others by that of everybody else.

    Parameters
    ----------
    rest
        Coverage by the walker of everybody who is in none of the groups.
    groups
        Name of a group to the coverage of the same people and sites by its walker.

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

    rest: Coverage
    groups: Mapping[str, Coverage]

    def __post_init__(self) -> None:
        """Refuse groups that are not there, or overlap."""
        demand = self.rest.demand
        for name in self.groups:
            demand.people_of(name)  # which raises where there is none
        over = self.others < -_ROUNDING * np.maximum(demand.population, 1)
        if over.any():
            row = int(over.argmax())
            together = demand.population[row] - self.others[row]
            msg = (
                f"groups {', '.join(map(repr, self.groups))} have {together:g} of {demand.population[row]:g} people at "
                f"{demand.ids[row]!r}; expected groups that do not overlap"
            )
            raise InputError(msg)
        object.__setattr__(self, "groups", Named(self.groups))

    @property
    def others(self) -> NDArray[np.float64]:
        """``(n,)`` people of each demand point who are in none of the groups."""
        demand = self.rest.demand
        return demand.population - sum((demand.groups[name] for name in self.groups), np.zeros(len(demand)))

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
        return self.covered_people / self.population if self.population > 0 else float("nan")

    def __repr__(self) -> str:
        """Return people and walkers."""
        speeds = ", ".join(f"{name} at {now.walker.speed_m_s:g} m/s" for name, now in self.groups.items())
        return f"<GroupCoverage {self.covered_people:,.0f} of {self.population:,.0f} people covered, {speeds}>"

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
            ``population``, ``covered``, ``covered_share``, ``uncovered`` and ``unreached``.

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
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

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
        return found

    def to_gdf(self, *, shapes: bool = False) -> gpd.GeoDataFrame:
        """Return one row per demand point: the columns of `Coverage.to_gdf`, and who of them is covered.

        Parameters
        ----------
        shapes
            As in `Coverage.to_gdf`.

        Returns
        -------
        geopandas.GeoDataFrame
            ``covered_people``, of everybody, and ``<group>_covered`` beside each group; the other figures are those of
            people in no group.

        Examples
        --------
        >>> now.to_gdf()[["population", "60+", "60+_covered", "covered_people"]].values.tolist()
        [[30.0, 10.0, 0.0, 20.0]]
        """
        frame = self.rest.to_gdf(shapes=shapes)
        for name in self.groups:
            frame.insert(frame.columns.get_loc(name) + 1, f"{name}_covered", self.of(name))
        frame.insert(1, "covered_people", self.of())
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
        from accessibility.geo.plotting import Colouring, explore_frame  # noqa: PLC0415 -- folium where it is asked for

        frame = self.to_gdf(shapes=True).rename_axis("id").reset_index()
        return explore_frame(frame, Colouring(column=column, inks={}, cmap="viridis"), tiles, None)


def measure_groups(
    measure: Callable[[Walker | None], Coverage], groups: Mapping[str, Walker | float], walker: Walker | None = None
) -> GroupCoverage:
    """Return the coverage of groups that walk each in their own way.

    Parameters
    ----------
    measure
        Called with a walker; returns the coverage.
    groups
        Name of a group to its walker, or to its speed in metres a second.
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
    own = {g: w if isinstance(w, Walker) else replace(rest.walker, speed_m_s=float(w)) for g, w in groups.items()}
    return GroupCoverage(rest=rest, groups={name: measure(one) for name, one in own.items()})
