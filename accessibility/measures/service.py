"""Covered and served: sites that have room for so many people, and who finds it there.

The rule: people go to the open site that decides their coverage, the nearest, and nowhere else. Where more are covered
by a site than it has room for, those who use least of their limit come first, the earlier row of two alike; the last
demand point finds room in part. Who finds none is covered and not served. It is what happens when nobody is sent
elsewhere; `most_served` says how many at most could be served if everybody were sent where there is room.

Examples
--------
A road of 1 km with a hall for 25 people at its start:

>>> import accessibility as acc
>>> from accessibility.measures.service import measure_service
>>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
>>> homes = acc.Demand(ids=["a", "b", "c"], xy=[(100, 0), (800, 0), (990, 0)], population=[20, 30, 9],
...     crs="EPSG:32649")
>>> now = acc.measure_coverage(road, homes, acc.Sites(ids=["O1"], xy=[(0, 0)], crs="EPSG:32649"))
>>> service = measure_service(now, [25])
>>> service.people.tolist(), service.served_people, service.unserved_people
([20.0, 5.0, 0.0], 25.0, 25.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from accessibility.geo.arrays import Frozen, read_only, refuse
from accessibility.measures.catchments import Catchments
from accessibility.standards import CM_PER_M, MS_PER_S
from accessibility.wording import share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.standards import Standard

_MOST_UNITS = 2**31 - 1  # that scipy's maximum flow can count


class Covered(Protocol):
    """A `Coverage`, in the words used here: it stands above, and tells its service."""

    # fmt: off
    @property
    def demand(self) -> Demand: ...  # noqa: D102
    @property
    def sites(self) -> Sites: ...  # noqa: D102
    @property
    def standard(self) -> Standard: ...  # noqa: D102
    @property
    def nearest(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def covered(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def walk_s(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def metres(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def radius_m(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def covered_people(self) -> float: ...  # noqa: D102
    @property
    def population(self) -> float: ...  # noqa: D102
    def by(self, series: pd.Series[Any] | Literal["district", "setting"], /) -> pd.DataFrame: ...  # noqa: D102
    def labels(self, series: pd.Series[Any] | Literal["district", "setting"], /) -> pd.Series[Any]: ...  # noqa: D102
    # fmt: on


@dataclass(frozen=True, kw_only=True, eq=False)
class Service(Frozen):
    """Who is covered and finds room.

    Examples
    --------
    >>> service
    <Service 25 served of 50 covered, 59 people>
    """

    coverage: Covered  # who is covered
    capacity: NDArray[np.float64]  # (s,) people that each site has room for
    people: NDArray[np.float64]  # (n,) people of each demand point who are served

    @property
    def parts(self) -> tuple[Service, ...]:
        """The service of each part of the people that walks in its own way: itself, where all walk alike."""
        return (self,)

    @cached_property
    def served_people(self) -> float:
        """People who are covered and find room."""
        return float(self.people.sum())

    @property
    def unserved_people(self) -> float:
        """People who are covered and find no room."""
        return self.coverage.covered_people - self.served_people

    @property
    def share(self) -> float:
        """Served people over all people, 0 to 1; NaN where there is nobody."""
        return share_of(self.served_people, self.coverage.population)

    def __repr__(self) -> str:
        """Return people served, covered and all."""
        served, covered, people = self.served_people, self.coverage.covered_people, self.coverage.population
        return f"<{type(self).__name__} {served:,.0f} served of {covered:,.0f} covered, {people:,.0f} people>"

    def by(self, series: pd.Series[Any] | Literal["district", "setting"]) -> pd.DataFrame:
        """Return one row per group: the columns of `Coverage.by`, ``served``, ``served_share`` and ``unserved``.

        Parameters
        ----------
        series
            ``district`` of the study, ``setting``, or the group of each demand point, keyed by demand id.

        Returns
        -------
        pandas.DataFrame
            Served, unserved and uncovered people add up to the population.

        Examples
        --------
        >>> import pandas as pd
        >>> service.by(pd.Series("here", index=["a", "b", "c"]))[["covered", "served", "unserved"]].values.tolist()
        [[50.0, 25.0, 25.0]]
        """
        plain = ["population", "covered", "covered_share", "uncovered", "unreached"]
        return self.beside(self.coverage.by(series)[plain], self.coverage.labels(series))

    def beside(self, table: pd.DataFrame, labels: pd.Series[Any]) -> pd.DataFrame:
        """Return a table of parts of the people with ``served``, ``served_share`` and ``unserved`` beside the others.

        Parameters
        ----------
        table
            One row per part, in the order of its name: ``population`` and ``covered``.
        labels
            The part of each demand point, in their order.

        Returns
        -------
        pandas.DataFrame
            The table with three more columns.

        Examples
        --------
        >>> here = pd.Series(["here", "here", "there"])
        >>> people = pd.DataFrame({"population": [50.0, 9.0], "covered": [50.0, 0.0]}, index=["here", "there"])
        >>> service.beside(people, here)[["served", "unserved"]].values.tolist()
        [[25.0, 25.0], [0.0, 0.0]]
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        served = pd.Series(self.people).groupby(labels.to_numpy(), dropna=False).sum().to_numpy()
        share = (served / table["population"]).where(table["population"] > 0)
        return table.assign(served=served, served_share=share, unserved=table["covered"] - served)

    def table(self) -> pd.DataFrame:
        """Return one row per open site: room, people who come, how many are served, and how full it is.

        Returns
        -------
        pandas.DataFrame
            Indexed by site id: ``name``, ``capacity``, ``covered`` (people whose nearest it is), ``served``,
            ``unserved`` and ``used`` (served over capacity; NaN without room or limit).

        Examples
        --------
        >>> service.table()[["capacity", "covered", "served", "used"]].values.tolist()
        [[25.0, 50.0, 25.0, 1.0]]
        """
        import pandas as pd  # noqa: PLC0415

        sites = self.coverage.sites
        rows = np.flatnonzero(sites.open)
        told = self.of_sites()
        columns = {"name": sites.name[rows], **{name: values[rows] for name, values in told.items()}}
        return pd.DataFrame(columns, index=sites.ids[rows])

    def of_sites(self) -> dict[str, NDArray[np.float64]]:
        """Return room, people who come, served, unserved and use of every site, open or not, as `table` names them.

        Returns
        -------
        dict
            Name to ``(s,)``; nobody comes to a site that does not count.

        Examples
        --------
        >>> service.of_sites()["unserved"].tolist()
        [25.0]
        """
        now = self.coverage
        come, served = (
            np.bincount(now.nearest[now.covered], weights=people[now.covered], minlength=len(now.sites)).astype(float)
            for people in (now.demand.population, self.people)
        )
        return tabulate_sites(self.capacity, come, served)


def tabulate_sites(
    room: NDArray[np.float64], come: NDArray[np.float64], served: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return what `Service.of_sites` says of room, people who come and people served, ``(s,)`` each."""
    used = np.divide(served, room, out=np.full(len(room), np.nan), where=(room > 0) & np.isfinite(room))
    return {"capacity": room, "covered": come, "served": served, "unserved": come - served, "used": used}


def room_of(sites: Sites, capacity: ArrayLike) -> NDArray[np.float64]:
    """Return ``(s,)`` people that each site has room for.

    Raises
    ------
    InputError
        Another number of capacities than sites, or one that is negative or no number.
    """
    room = read_only(capacity, dtype=np.float64, shape=(len(sites),), name="capacity")
    refuse(sites.open & ~(room >= 0), name="capacity", found=room, expected="people, 0 or more")
    return room


def measure_service(coverage: Covered, capacity: ArrayLike) -> Service:
    """Return who is covered and finds room at the site that covers them.

    Parameters
    ----------
    coverage
        Who is covered.
    capacity
        ``(s,)`` people that each site has room for, 0 or more; infinite where there is no limit.

    Raises
    ------
    InputError
        Another number of capacities than sites, or one that is negative or no number.
    """
    room = room_of(coverage.sites, capacity)
    site = np.where(coverage.covered, coverage.nearest, np.int32(-1))
    people = served_in_line(site, used_of_limit(coverage), coverage.demand.population, room)
    return Service(coverage=coverage, capacity=room, people=people)


def served_in_line(
    site: NDArray[np.int32],
    used: NDArray[np.float64],
    people: NDArray[np.float64],
    room: NDArray[np.float64],
    turn: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return ``(n,)`` people of each demand point who find room at the site where they stand in line.

    Parameters
    ----------
    site
        ``(n,)`` the site that covers each demand point; negative where none does.
    used
        ``(n,)`` how much of its limit its way uses: less comes first.
    people
        ``(n,)`` its people.
    room
        ``(s,)`` people that each site has room for.
    turn
        ``(n,)`` who comes first of two that are alike; the rows if None.

    Examples
    --------
    >>> import numpy as np
    >>> served_in_line(np.array([0, 0]), np.array([0.9, 0.5]), np.array([20.0, 30.0]), np.array([35.0])).tolist()
    [5.0, 30.0]
    """
    rows = np.flatnonzero(site >= 0)
    order = rows[np.lexsort((rows if turn is None else turn[rows], used[rows], site[rows]))]
    at, theirs = site[order], people[order]
    line = np.cumsum(theirs) - theirs  # before each demand point, at all sites up to its own
    first = np.append(True, at[1:] != at[:-1]) if len(at) else np.empty(0, np.bool_)
    line -= line[np.flatnonzero(first)[np.cumsum(first) - 1]]
    served = np.zeros(len(people))
    served[order] = np.clip(room[at] - line, 0, theirs)
    served.flags.writeable = False
    return served


def used_of_limit(coverage: Covered) -> NDArray[np.float64]:
    """Return ``(n,)`` how much of its limit the way of each demand point uses: 0.5 is half of it.

    Parameters
    ----------
    coverage
        Who is covered.

    Examples
    --------
    >>> (used_of_limit(now) <= 1).tolist()
    [True, True, False]
    """
    used = np.full(len(coverage.demand), np.inf)
    for measure, cutoff in coverage.demand.cutoffs(coverage.standard).items():
        figure = {"walk": coverage.walk_s, "network": coverage.metres, "radius": coverage.radius_m}[measure]
        here = cutoff >= 0
        used[here] = figure[here] / (cutoff[here] / (MS_PER_S if measure == "walk" else CM_PER_M))
    return used


def most_served(service: Service, catchments: Catchments | Sequence[Catchments]) -> float:
    """Return how many people at most could be served if all were sent where there is room, within their standard.

    It is the maximum flow from demand points to open sites within reach. People are counted in parts of a person, the
    finest that all together can be counted in, rounded up: the figure is never too low, and exact for whole people.

    Parameters
    ----------
    service
        Room and people.
    catchments
        Whom every site of the coverage would cover; of groups that walk in their own ways those of each of its `parts`,
        in their order: they share the room.

    Examples
    --------
    >>> most_served(service, acc.trace_catchments(road, homes, now.sites))
    25.0
    """
    from scipy.sparse import coo_array  # noqa: PLC0415 -- `import accessibility` stays light
    from scipy.sparse.csgraph import maximum_flow  # noqa: PLC0415

    sites, several = service.coverage.sites, [catchments] if isinstance(catchments, Catchments) else [*catchments]
    people = np.concatenate([part.coverage.demand.population for part in service.parts])
    n, s = len(people), len(sites)
    unit = 2.0 ** np.floor(np.log2((_MOST_UNITS - n) / max(people.sum(), 1.0)))
    whole = np.ceil(people * unit)
    room = np.ceil(np.minimum(np.where(sites.open, service.capacity, 0.0), people.sum()) * unit)
    site = np.concatenate([np.repeat(np.arange(s), np.diff(pairs.start)) for pairs in several])
    rows = np.concatenate([pairs.demand + at * len(service.people) for at, pairs in enumerate(several)])
    source, sink = n + s, n + s + 1
    # Older versions of scipy have a flow of 32-bit places alone.
    begin = np.concatenate([np.full(n, source), rows, n + np.arange(s)]).astype(np.int32)
    end = np.concatenate([np.arange(n), n + site, np.full(s, sink)]).astype(np.int32)
    most = np.concatenate([whole, whole[rows], np.minimum(room, _MOST_UNITS)])
    graph = coo_array((most.astype(np.int32), (begin, end)), shape=(n + s + 2, n + s + 2)).tocsr()
    return float(min(maximum_flow(graph, source, sink).flow_value / unit, people.sum()))
