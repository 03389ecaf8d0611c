"""`Problem`: a siting question as arrays, the hinge between geography and solvers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from accessibility.errors import InputError, UnknownSiteError, checked, spell_number
from accessibility.geo.arrays import Frozen, finite_rows, read_only, refuse, unique_ids
from accessibility.siting.instances import read_costs, read_npz, write_mps, write_npz
from accessibility.siting.numbers import Units, read_units

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable, Iterable
    from pathlib import Path

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from accessibility.demand import Demand
    from accessibility.measures.catchments import Catchments
    from accessibility.sites import Sites

NO_DISTRICT = -1


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Problem(Frozen):
    """People, sites, and which site can serve whom at what cost.

    Nothing here knows where things are. Pairs are stored by site (CSR); a pair that is not there is out of reach.

    Parameters
    ----------
    people
        ``(n,)`` people at each demand point, finite, 0 or more.
    start
        ``(s + 1,)`` int64: the pairs of site ``j`` are those from ``start[j]`` to ``start[j + 1]``.
    demand
        ``(k,)`` int32 demand row of each pair, ascending within a site.
    cost
        ``(k,)`` what the pair costs its people (seconds, metres), finite, 0 or more.
    within
        ``(k,)`` whether the pair is within the standard: the site covers the point.
    site_cost
        ``(s,)`` cost of opening, finite, 0 or more; 1 each where not given, so that a budget counts sites.
    open
        ``(s,)`` whether the site counts today; it counts in every model. None where not given.
    candidate
        ``(s,)`` whether the site could open; all that are not open where not given.
    kind, bank
        ``(s,)`` of texts that quotas refer to; empty where not given.
    ids
        ``(s,)`` unique ids of the sites; row positions where not given.
    district
        ``(n,)`` int32 place of each point's district in `districts`, -1 without one.
    districts
        Names of the districts; kept in the order of names, whatever order they come in.
    site_xy
        ``(s, 2)`` metres, for the spacing between sites; None where not known.
    sites
        The sites with names and places, as plans tell them; None where the problem came from a matrix.
    points
        ``(n,)`` unique ids of the demand points; row positions where not given.

    Raises
    ------
    InputError
        Arrays that do not fit each other, people or costs that are negative or not finite, a pair that stands twice.

    Examples
    --------
    Two sites, three demand points, and what the way costs between them; 900 is near enough:

    >>> from accessibility.siting import Problem
    >>> costs = [[100, 900, 2000], [950, 200, 300]]
    >>> problem = Problem.from_costs(costs, people=[30, 10, 20], cutoff=900, ids=["O1", "O2"])
    >>> problem
    <Problem 60 people at 3 points, 2 candidates, 0 open, 6 pairs; 0 covered today>
    """

    people: NDArray[np.float64]
    start: NDArray[np.int64]
    demand: NDArray[np.int32]
    cost: NDArray[np.float64]
    within: NDArray[np.bool_]
    site_cost: NDArray[np.float64] = None  # type: ignore[assignment]  # defaults are filled on construction
    open: NDArray[np.bool_] = None  # type: ignore[assignment]
    candidate: NDArray[np.bool_] = None  # type: ignore[assignment]
    kind: NDArray[np.object_] = None  # type: ignore[assignment]
    bank: NDArray[np.object_] = None  # type: ignore[assignment]
    ids: NDArray[np.object_] = None  # type: ignore[assignment]
    district: NDArray[np.int32] = None  # type: ignore[assignment]
    districts: tuple[str, ...] = ()
    site_xy: NDArray[np.float64] | None = None
    sites: Sites | None = None
    points: NDArray[np.object_] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Copy the arrays, fill the defaults and check every invariant."""
        people = read_only(self.people, dtype=np.float64, shape=(None,), name="problem people")
        bad = ~(np.isfinite(people) & (people >= 0))
        refuse(bad, name="problem people", found=people, expected="a finite number of people, 0 or more")
        pairs = self._read_pairs(len(people))
        n, s = len(people), len(pairs["start"]) - 1
        opened = read_only(_or(self.open, np.zeros(s, np.bool_)), dtype=np.bool_, shape=(s,), name="problem open")
        site_cost = read_only(_or(self.site_cost, np.ones(s)), dtype=np.float64, shape=(s,), name="problem site_cost")
        refuse(
            ~(np.isfinite(site_cost) & (site_cost >= 0)),
            name="problem site_cost",
            found=site_cost,
            expected="a finite cost, 0 or more",
        )
        candidate = read_only(_or(self.candidate, ~opened), dtype=np.bool_, shape=(s,), name="problem candidate")
        district = read_only(
            _or(self.district, np.full(n, NO_DISTRICT)), dtype=np.int32, shape=(n,), name="problem district"
        )
        refuse(
            (district < NO_DISTRICT) | (district >= len(self.districts)),
            name="problem district",
            found=district,
            expected=f"places among {len(self.districts)} districts",
        )
        names = tuple(map(str, self.districts))
        order = sorted(range(len(names)), key=names.__getitem__)
        place = np.empty(len(names) + 1, np.int32)
        place[[*order, NO_DISTRICT]] = [*range(len(names)), NO_DISTRICT]
        ids = unique_ids(_or(self.ids, range(s)), name="problem")
        points = unique_ids(_or(self.points, range(n)), name="problem points")
        values: dict[str, Any] = {
            "people": people,
            **pairs,
            "site_cost": site_cost,
            "open": opened,
            "candidate": read_only(candidate & ~opened, dtype=np.bool_, shape=(s,), name="problem candidate"),
            "kind": read_only(_or(self.kind, np.full(s, "")), dtype=object, shape=(s,), name="problem kind"),
            "bank": read_only(_or(self.bank, np.full(s, "")), dtype=object, shape=(s,), name="problem bank"),
            "ids": read_only(ids, dtype=object, shape=(s,), name="problem ids"),
            "points": read_only(points, dtype=object, shape=(n,), name="problem points"),
            "district": read_only(place[district], dtype=np.int32, shape=(n,), name="problem district"),
            "districts": tuple(names[k] for k in order),
        }
        if self.site_xy is not None:
            xy = read_only(self.site_xy, dtype=np.float64, shape=(s, 2), name="problem site_xy")
            refuse(~finite_rows(xy), name="problem site_xy", found=xy, expected="finite metres")
            values["site_xy"] = xy
        if self.sites is not None and len(self.sites) != s:
            msg = f"problem has {len(self.sites)} sites and pairs of {s}; expected as many"
            raise InputError(msg)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _read_pairs(self, n: int) -> dict[str, NDArray[Any]]:
        """Return the pairs of sites and people, checked: each once, by site, rows ascending within a site."""
        start = read_only(self.start, dtype=np.int64, shape=(None,), name="problem start")
        demand = read_only(self.demand, dtype=np.int32, shape=(None,), name="problem demand")
        k = len(demand)
        if not len(start) or start[0] != 0 or start[-1] != k or (np.diff(start) < 0).any():
            msg = f"problem start does not lead from 0 to the {k} pairs without falling; found {start[:5]}"
            raise InputError(msg)
        refuse((demand < 0) | (demand >= n), name="problem demand", found=demand, expected=f"rows from 0 to {n - 1}")
        cost = read_only(self.cost, dtype=np.float64, shape=(k,), name="problem cost")
        refuse(~(np.isfinite(cost) & (cost >= 0)), name="problem cost", found=cost, expected="a finite cost, 0 or more")
        same = np.diff(demand) <= 0
        same[start[1:-1][(start[1:-1] > 0) & (start[1:-1] < k)] - 1] = False
        refuse(same, name="problem demand", found=demand[1:], expected="each pair once, rows ascending within a site")
        within = read_only(self.within, dtype=np.bool_, shape=(k,), name="problem within")
        return {"start": start, "demand": demand, "cost": cost, "within": within}

    def __repr__(self) -> str:
        """Return the sizes and what is covered today."""
        return (
            f"<Problem {self.people.sum():,.0f} people at {len(self.people):,} points, {int(self.candidate.sum()):,}"
            f" candidates, {int(self.open.sum()):,} open, {len(self.demand):,} pairs;"
            f" {self.covered_people:,.0f} covered today>"
        )

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """``(n,)`` whether an open site covers the point today."""
        return self.covered_by(self.open)

    @cached_property
    def covered_people(self) -> float:
        """People covered today."""
        return float(self.people[self.covered].sum())

    @cached_property
    def population(self) -> float:
        """People in all."""
        return float(self.people.sum())

    @cached_property
    def people_units(self) -> Units:
        """People as whole multiples of a unit, in which every number of people covered is compared."""
        return read_units(self.people, "people", needed=False)

    @cached_property
    def cost_units(self) -> Units:
        """Costs of opening as whole multiples of a unit, in which they are held against a budget."""
        return read_units(self.site_cost, "costs of sites")

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """``(s,)`` place of each site in the order of ids, by which ties break: the order of rows decides nothing."""
        keys = [(type(i).__name__ if not isinstance(i, (int, float)) else "", i) for i in self.ids.tolist()]
        try:
            order = sorted(range(len(keys)), key=keys.__getitem__)
        except TypeError:  # ids that cannot be compared
            order = sorted(range(len(keys)), key=lambda row: (keys[row][0], str(keys[row][1])))
        rank = np.empty(len(keys), np.int64)
        rank[np.array(order, dtype=np.intp)] = np.arange(len(keys))
        return rank

    @cached_property
    def pair_site(self) -> NDArray[np.int32]:
        """``(k,)`` site row of each pair."""
        return np.repeat(np.arange(len(self.start) - 1, dtype=np.int32), np.diff(self.start))

    @cached_property
    def near(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """``(k,)`` site row and ``(k,)`` demand row of each pair within the standard."""
        pairs = np.flatnonzero(self.within)
        return self.pair_site[pairs], self.demand[pairs]

    def sites_at(self, rows: NDArray[np.intp]) -> Sites | None:
        """Return some of the sites, in the order of their rows.

        Parameters
        ----------
        rows
            ``(k,)`` site rows.

        Returns
        -------
        Sites or None
            The sites; None where the problem came from a matrix.

        Examples
        --------
        >>> problem.sites_at([0]) is None
        True
        """
        return None if self.sites is None else self.sites.take(rows)

    def rows(self, ids: Iterable[Hashable]) -> NDArray[np.intp]:
        """Return the row of each site id.

        Parameters
        ----------
        ids
            Ids of sites.

        Returns
        -------
        numpy.ndarray
            ``(k,)`` site row of each, in their order.

        Raises
        ------
        UnknownSiteError
            An id that is not there.

        Examples
        --------
        >>> problem.rows(["O2"]).tolist()
        [1]
        """
        wanted = list(ids)
        place = {site: row for row, site in enumerate(self.ids.tolist())} if wanted else {}
        unknown = [site for site in wanted if site not in place]
        if unknown:
            msg = f"no site has the id {', '.join(map(repr, unknown[:10]))} among {len(self.ids)} sites of the problem"
            raise UnknownSiteError(msg)
        return np.array([place[site] for site in wanted], dtype=np.intp)

    def covered_by(self, sites: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which demand points some of the sites cover.

        Parameters
        ----------
        sites
            ``(s,)`` boolean: the sites that count.

        Returns
        -------
        numpy.ndarray
            ``(n,)`` boolean.

        Examples
        --------
        >>> problem.covered_by([True, False]).tolist()
        [True, True, False]
        """
        site, demand = self.near
        found = np.zeros(len(self.people), np.bool_)
        found[demand[self._mask(sites)[site]]] = True
        return found

    def nearest_cost(self, sites: NDArray[np.bool_], cost: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return the cost of each demand point to the cheapest of some sites, also beyond the cutoff.

        Parameters
        ----------
        sites
            ``(s,)`` boolean: the sites that count.
        cost
            ``(k,)`` other costs of the pairs; those of the problem if None.

        Returns
        -------
        numpy.ndarray
            ``(n,)`` cost, in the unit of the pairs; infinite for a point that none of them reaches.

        Examples
        --------
        >>> problem.nearest_cost([True, True]).tolist()
        [100.0, 200.0, 300.0]
        """
        found = np.full(len(self.people), np.inf)
        pairs = self._mask(sites)[self.pair_site]
        np.minimum.at(found, self.demand[pairs], (self.cost if cost is None else cost)[pairs])
        return found

    def assign(self, selected: Iterable[Hashable], closed: Iterable[Hashable] = ()) -> pd.DataFrame:
        """Return who goes where once some sites open: each demand point to the cheapest site that counts.

        Parameters
        ----------
        selected
            Ids of the sites that open, beside those open today.
        closed
            Ids of open sites that close.

        Returns
        -------
        pandas.DataFrame
            One row per demand point: ``demand`` and ``site`` (ids), ``cost`` in the unit of the pairs, ``people``. Of
            two sites at the same cost the one that stands first; without a pair the site is None and the cost NaN.

        Raises
        ------
        UnknownSiteError
            An id that is not there.

        Examples
        --------
        >>> problem.assign(["O1"])["cost"].tolist(), problem.assign(["O1", "O2"])["site"].tolist()
        ([100.0, 900.0, 2000.0], ['O1', 'O2', 'O2'])
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        counts = self.open.copy()
        counts[self.rows(closed)] = False
        counts[self.rows(selected)] = True
        cost = self.nearest_cost(counts)
        pairs = np.flatnonzero(counts[self.pair_site])
        pairs = pairs[self.cost[pairs] == cost[self.demand[pairs]]][::-1]  # the first site of several writes last
        site = np.full(len(cost), -1)
        site[self.demand[pairs]] = self.pair_site[pairs]
        ids = np.array([*self.ids, None], dtype=object)
        return pd.DataFrame(
            {
                "demand": self.points,
                "site": pd.Series(ids[site], dtype=object),
                "cost": np.where(np.isinf(cost), np.nan, cost),
                "people": self.people,
            }
        )

    def to_mps(
        self,
        path: str | os.PathLike[str],
        *,
        model: Literal["mclp", "lscp", "p-median"] = "mclp",
        sites: int | None = None,
        budget: float | None = None,
    ) -> Path:
        """Write a question as a mixed-integer program in a free MPS file, which any solver can check.

        Columns ``x<row>`` are 1 where the site of that row opens; comments name it. It is minimised: the people left
        uncovered (mclp), the cost of opening (lscp), people times cost (p-median).

        Parameters
        ----------
        path
            The file.
        model
            Which question; lscp covers all whom some candidate covers.
        sites, budget
            At most so many sites, or at most such a cost.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InputError
            No limit for a model that needs one.
        OutputError
            A file that cannot be written.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     told = problem.to_mps(f"{folder}/town.mps", sites=1).read_text().splitlines()
        >>> told[1], told[-1]
        ('* x0 = O1', 'ENDATA')
        """
        return write_mps(self, path, model=model, sites=sites, budget=budget)

    def to_npz(self, path: str | os.PathLike[str]) -> Path:
        """Write the arrays into a compressed npz, which `from_npz` reads back and any tool of arrays can read.

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OutputError
            A file that cannot be written.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     again = Problem.from_npz(problem.to_npz(f"{folder}/town.npz"))
        >>> again.ids.tolist(), again.cost.tolist() == problem.cost.tolist()
        (['O1', 'O2'], True)
        """
        return write_npz(self, path)

    @classmethod
    def from_npz(cls, path: str | os.PathLike[str]) -> Problem:
        """Return the problem that `to_npz` wrote; names and kinds of sites are there, their places on a map are not.

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        Problem
            The same arrays.

        Raises
        ------
        InputError
            A file that is no such problem.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Problem.from_npz(problem.to_npz(f"{folder}/town.npz")).covered_people
        0.0
        """
        return cls(**read_npz(path))

    def _mask(self, sites: NDArray[np.bool_]) -> NDArray[np.bool_]:
        shape = self.open.shape
        if isinstance(sites, np.ndarray) and sites.dtype == np.bool_ and sites.shape == shape:
            return sites  # asked by every step of a search
        return read_only(sites, dtype=np.bool_, shape=shape, name="mask of sites")

    @classmethod
    def from_costs(  # noqa: PLR0913 -- a door of the package: keywords as analysts name them
        cls,
        costs: Any,
        people: ArrayLike | pd.Series[Any],
        cutoff: float,
        *,
        district: ArrayLike | pd.Series[Any] | None = None,
        sites: Sites | None = None,
        ids: ArrayLike | None = None,
        site_cost: ArrayLike | None = None,
        open: ArrayLike | None = None,  # noqa: A002 -- as sites say it
        candidate: ArrayLike | None = None,
        kind: ArrayLike | None = None,
        bank: ArrayLike | None = None,
    ) -> Problem:
        """Return the problem of a cost matrix, from this package or any other tool.

        A row is a site, one column per demand point. Bare numbers cannot tell whether a square matrix is turned round:
        labels can, and are held against each other.

        Parameters
        ----------
        costs
            ``(s, n)`` costs from demand point to site: an array or a DataFrame (NaN and infinite are out of reach), a
            scipy sparse matrix (an absent pair is out of reach, a stored zero costs nothing), or a long DataFrame of
            one row per pair with the columns ``site``, ``demand`` and ``cost`` (or ``to_id``, ``from_id``,
            ``travel_time``). The index of a DataFrame holds ids of sites, its columns ids of demand points.
        people
            ``(n,)`` people; a Series keyed by demand id is put in the order of the columns. Beside a long table it has
            to be one: it names the points that no site reaches.
        cutoff
            A site covers the points of cost ``<= cutoff``. It decides coverage only.
        district
            ``(n,)`` district of each point, any labels, or a Series keyed by demand id; a missing one (None, NaN)
            belongs to none.
        sites
            Ids, kinds, which count today, where they stand. Without it every site is a candidate, its id its row.
        ids, site_cost, open, candidate, kind, bank
            ``(s,)`` single fields of the sites; they beat those of `sites`. `ids` decides the order of the rows of a
            labelled or long table.

        Returns
        -------
        Problem
            Its pairs are those within reach; those of cost ``<= cutoff`` are within the standard.

        Raises
        ------
        InputError
            Costs that are negative or no numbers, shapes or labels that do not match, axes turned round.

        Examples
        --------
        >>> labelled = Problem.from_costs([[100, 900], [950, 200]], [30, 10], cutoff=900, ids=["O1", "O2"])
        >>> labelled.covered_by([True, False]).tolist()
        [True, True]
        """
        if not np.isfinite(cutoff) or cutoff < 0:
            msg = f"cutoff is {spell_number(cutoff)}; expected a finite number, 0 or more"
            raise InputError(msg)
        own = {"site_cost": site_cost, "open": open, "candidate": candidate, "kind": kind, "bank": bank, "ids": ids}
        of_sites = {name: values for name, values in own.items() if values is not None}
        ids = of_sites.get("ids", None if sites is None else sites.ids)
        read = read_costs(costs, people, ids=ids, district=district)
        matrix, (s, n) = read.matrix, read.matrix.shape
        values = len(np.atleast_1d(np.asarray(read.people)))
        if values != n:
            turned = f": are its {s} rows the demand points? costs.T turns it" if values == s else ""
            msg = f"costs has {n} columns, people {values} values; expected one column per demand point{turned}"
            raise InputError(msg)
        if sites is not None and len(sites) != s:
            msg = f"costs has {s} rows, sites are {len(sites)}; expected as many"
            raise InputError(msg)
        bad = matrix.data < 0
        if bad.any():
            msg = f"{int(bad.sum())} of {len(bad)} costs are negative, first {matrix.data[bad][0]}; expected 0 or more"
            raise InputError(msg)
        names, places = _districts(read.district, n)
        given = _site_fields(sites) | of_sites
        if read.ids is not None:
            given["ids"] = read.ids
        return cls(
            people=read.people,
            points=read.points,
            start=matrix.indptr.astype(np.int64),
            demand=matrix.indices,
            cost=matrix.data,
            within=matrix.data <= cutoff,
            district=places,
            districts=names,
            **given,
        )

    @classmethod
    def from_catchments(
        cls,
        catchments: Catchments,
        demand: Demand,
        sites: Sites,
        *,
        district: pd.Series[Any] | None = None,
        candidate: NDArray[np.bool_] | None = None,
    ) -> Problem:
        """Return the covering problem of catchments: every pair is within the standard.

        Parameters
        ----------
        catchments
            Who is within the standard of each site.
        demand, sites
            The people and sites they were traced for.
        district
            District of each demand point, keyed by demand id.
        candidate
            ``(s,)`` which sites may open; where not given, banks and new sites that are neither open nor
            closed down.

        Returns
        -------
        Problem
            Its costs are those of the catchments, seconds or metres.

        Raises
        ------
        InputError
            Parts that do not fit each other, or a district series that names a demand point twice, or none of them.

        Examples
        --------
        >>> import accessibility as acc
        >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
        >>> people = acc.Demand(ids=["near", "far"], xy=[(900, 0), (1000, 0)], population=[30, 10], crs="EPSG:32649")
        >>> at = {"xy": [(0, 0), (500, 0)], "kind": ["outlet", "bank"], "crs": "EPSG:32649"}
        >>> sites = acc.Sites(ids=["O1", "B1"], **at)
        >>> Problem.from_catchments(acc.trace_catchments(road, people, sites), people, sites)
        <Problem 40 people at 2 points, 1 candidates, 1 open, 3 pairs; 30 covered today>
        """
        labels = None if district is None else demand.keyed(district, "district").to_numpy(dtype=object)
        names, places = _districts(labels, len(demand))
        return cls(
            people=demand.population,
            points=demand.ids,
            start=catchments.start,
            demand=catchments.demand,
            cost=catchments.cost,
            within=np.ones(len(catchments.demand), np.bool_),
            district=places,
            districts=names,
            **(_site_fields(sites) | ({} if candidate is None else {"candidate": candidate})),
        )


def _districts(labels: Any, n: int) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the names of the districts, and the place among them of each point's, -1 without one."""
    if labels is None:
        return (), np.full(n, NO_DISTRICT, np.int32)
    import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

    of_points = np.asarray(labels, dtype=object)
    if of_points.shape != (n,):
        msg = f"district has {of_points.size} values for {n} demand points; expected as many, one each"
        raise InputError(msg)
    codes, found = pd.factorize(of_points, use_na_sentinel=True)
    # In the order of names, not of rows; 1 and "1" are one district.
    names, place = np.unique([str(label) for label in found], return_inverse=True)
    places = np.append(place, NO_DISTRICT).astype(np.int32)[codes]
    return tuple(names.tolist()), places


def _site_fields(sites: Sites | None) -> dict[str, Any]:
    if sites is None:
        return {}
    return {
        "site_cost": sites.cost,
        "open": sites.open,
        "candidate": sites.may_open,
        "kind": sites.kind,
        "bank": sites.bank,
        "ids": sites.ids,
        "site_xy": sites.xy,
        "sites": sites,
    }


def _or(given: Any, default: Any) -> Any:
    return default if given is None else given
