"""`SitingPlan`: which sites to open, in which order, and how far from the best possible that is."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from accessibility.errors import InputError, checked, spell_number
from accessibility.geo.arrays import Frozen, Named, read_only
from accessibility.geo.plotting import explore_layers, plot_layers
from accessibility.wording.cards import draw_card

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    import folium
    import geopandas as gpd
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accessibility.sites import Sites
    from accessibility.siting.problem import Problem
    from accessibility.siting.tree import Tree

Status = Literal["optimal", "feasible", "infeasible"]
Model = Literal["mclp", "lscp", "partial", "p-median", "p-center", "backup", "relocation", "max-min"]
SPENDING, SERVING = ("lscp", "partial"), ("p-median", "p-center")
"""Models that spend the least, without a limit of their own; models in which every demand point is served."""
_UNITS: Mapping[str, tuple[str, float, int]] = MappingProxyType(
    {
        "mclp": ("people_covered", 1.0, 0),
        "relocation": ("people_covered", 1.0, 0),
        "backup": ("people_once_and_twice", 1.0, 0),
        "lscp": ("cost", 1.0, 2),
        "partial": ("cost", 1.0, 2),
        "p-median": ("hours_of_all", 1 / 3_600, 0),
        "p-center": ("minutes_at_most", 1 / 60, 1),
        "max-min": ("share_of_the_worst", 100.0, 1),
    }
)
"""Model to the unit's key in the wording, what the objective is multiplied by, and decimals. Walks are in seconds."""


@checked
@dataclass(frozen=True, kw_only=True)
class Conditions(Frozen):
    """What a plan has to keep to, beside its number of sites or its budget.

    Parameters
    ----------
    quotas
        Kind or bank to the greatest number of its sites that may open.
    spacing_m
        Least distance between two sites that open; 0 asks for none.
    exclusive
        Pairs of site ids of which at most one may open (two sites in one building).
    floor
        Least share of its people that every district must have covered, 0 to 1.
    floors
        The same for single districts, by name; beats `floor`.
    required, forbidden
        Ids of sites that must, or must not, open.

    Raises
    ------
    InputError
        A share outside 0 to 1, a negative quota or distance.

    Examples
    --------
    Cover most people with one site, but for the first:

    >>> from accessibility.siting import Conditions, Problem, solve_mclp
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 1, 1]], people=[30, 10, 20], cutoff=1, ids=["O1", "O2"])
    >>> solve_mclp(problem, sites=1, conditions=Conditions(forbidden=("O1",))).selected
    ('O2',)
    """

    quotas: Mapping[str, int] = field(default_factory=dict)
    spacing_m: float = 0.0
    exclusive: tuple[tuple[object, object], ...] = ()
    floor: float = 0.0
    floors: Mapping[str, float] = field(default_factory=dict)
    required: tuple[Hashable, ...] = ()
    forbidden: tuple[Hashable, ...] = ()

    def __post_init__(self) -> None:
        """Refuse shares outside 0 to 1, negative quotas and distances."""
        for name, share in {"floor": self.floor, **{f"floors[{d!r}]": v for d, v in self.floors.items()}}.items():
            if not 0.0 <= share <= 1.0:
                msg = f"{name} is {spell_number(share)}; expected a share from 0 to 1"
                raise InputError(msg)
        if not self.spacing_m >= 0.0:
            msg = f"spacing_m is {spell_number(self.spacing_m)}; expected metres, 0 or more"
            raise InputError(msg)
        for name, most in self.quotas.items():
            if most < 0:
                msg = f"the quota of {name!r} is {most}; expected 0 or more sites"
                raise InputError(msg)
        for name in ("required", "forbidden", "exclusive"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "quotas", Named(self.quotas))
        object.__setattr__(self, "floors", Named(self.floors))


@dataclass(frozen=True, kw_only=True, eq=False)
class Prices(Frozen):
    """What a dual certificate charges for each limit, every price 0 or more.

    In people covered (mclp), in shares (max-min), in cost (lscp, partial) or in people times cost (p-median), for each
    unit of the limit.
    """

    # site, cost: for each site opened, for each unit of cost
    site: float = 0.0
    cost: float = 0.0
    quota: Mapping[str, float] = field(default_factory=dict)  # kind or bank to what each of its sites is charged
    # sets of sites of which at most one may open, each with its charge
    apart: tuple[tuple[tuple[object, ...], float], ...] = ()
    # district to what one more person covered there is worth beside their own count
    floor: Mapping[str, float] = field(default_factory=dict)
    reach: float = 0.0  # what one person covered is worth (partial)
    closure: float = 0.0  # for each site closed (relocation)

    def __post_init__(self) -> None:
        """Refuse a price that is negative or no number: it proves nothing."""
        priced = [*self.quota.values(), *self.floor.values(), *(price for _, price in self.apart)]
        priced += [self.site, self.cost, self.reach, self.closure]
        if not all(np.isfinite(price) and price >= 0 for price in priced):
            msg = f"prices of a certificate are finite and 0 or more; found {self}"
            raise InputError(msg)
        object.__setattr__(self, "quota", Named(self.quota))
        object.__setattr__(self, "floor", Named(self.floor))

    @property
    def charge(self) -> bool:
        """Whether anything is charged."""
        single = self.site or self.cost or self.reach or self.closure
        return bool(single or self.quota or self.apart or self.floor)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a question was, and how large what had to be solved."""

    # points, candidates, pairs: demand points with people, candidates that may open, and their pairs within the
    # standard
    points: int
    candidates: int
    pairs: int
    # rows, columns, entries: the same after the exact reductions
    rows: int
    columns: int
    entries: int

    def __str__(self) -> str:
        """Return one line for a report."""
        return (
            f"demand {self.points:,} -> {self.rows:,}, candidates {self.candidates:,} -> {self.columns:,},"
            f" pairs {self.pairs:,} -> {self.entries:,}"
        )


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class SitingPlan(Frozen):
    """A siting result with its proof.

    Parameters
    ----------
    model
        Which question was asked.
    selected
        Ids of the sites to open, in opening order (row positions where the problem has no ids).
    gain
        People that each of them brings in, in that order; newly covered ones, not those covered today.
    closed
        Ids of open sites that close (relocation).
    objective
        What the model optimises: people covered, today's included (mclp); cost (lscp, partial); people times cost
        (p-median); the greatest cost (p-center).
    bound
        No plan can be better than this.
    status
        ``optimal`` (the gap is closed), ``feasible`` (it is not, or not yet), ``infeasible``.
    seconds
        Wall time of the solve, that of compiling apart.
    ended_by
        What ended the search: ``proof`` (nothing is left to find), ``gap`` (the one asked for is reached), ``work``
        (its measure, the same on every machine) or ``time`` (the user's limit).
    bound_by
        How the bound was obtained: ``certificate`` (the multipliers below prove it without a solver), ``enumeration``,
        ``tree`` (the trees below prove it so), or ``solver`` (from branch and bound, not verified independently).
    multipliers
        ``(n,)`` dual certificate: the share of each demand point's people that is priced, 0 to 1 (lscp: what covering
        the point is worth, in cost); None without one. `accessibility.siting.certificate.proven_bound` turns it into a
        number. Of a p-median: what each point offers for being served, in people times cost;
        `accessibility.siting.models.p_median.median_bound` does the same.
    prices
        The other half of the certificate: what each limit is charged.
    trees
        Evidence for a bound by branch and bound: a tree for each claim of `accessibility.siting.claims.claims_of`,
        whose leaves carry prices that prove it.
    sites_limit, budget, target_share
        What was asked for, so that a plan can be checked.
    closures_limit, weight
        The same of a relocation and of backup coverage.
    conditions
        What else the plan keeps to.
    short_people
        Of an infeasible question: district (``total`` for all) to the people that are missing.
    message
        The plain sentence that goes with an infeasible or empty plan.
    sites
        The selected sites in opening order; None where the problem came from a matrix.
    population, covered_before
        People in all, and those covered before the first opens: today, or once the closed ones are gone.
    costs
        ``(p,)`` opening cost of each selected site.
    sizes
        What the reductions left; None where none were made.
    problem
        The question it answers, where a study asked; None of a plan that a solver returns.
    as_scenario
        The plan as an `accessibility.Scenario` of its study, which makes it; None for a plan of a matrix.
    study
        The `accessibility.Study` that was asked, for maps; None for a plan of a matrix.

    Examples
    --------
    >>> from accessibility.siting import Problem, solve_mclp
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 1, 1]], people=[30, 10, 20], cutoff=1, ids=["O1", "O2"])
    >>> plan = solve_mclp(problem, sites=1)
    >>> plan.selected, plan.covered_people, plan.cost, plan.gap, plan.status
    (('O1',), 40.0, 1.0, 0.0, 'optimal')

    A plan of a study; a road of 2 km, an outlet at its start, a bank at 1.7 km, people at 900 m and at its end:

    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (502e3, 34e5)], "crs": "EPSG:32649"}
    >>> homes = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> at = {"xy": [(5e5, 34e5), (501700, 34e5)], "crs": "EPSG:32649"}
    >>> town = acc.Study.of(road, homes, acc.Sites(ids=["O1", "B1"], kind=["outlet", "bank"], **at), name="Town")
    >>> proposal = town.site(sites=1)
    >>> proposal
    <SitingPlan mclp: 1 sites for 0, objective 40, bound 40, gap 0.00 %, optimal>
    """

    model: Model
    selected: tuple[object, ...]
    gain: tuple[float, ...]
    closed: tuple[object, ...] = ()
    objective: float
    bound: float
    status: Status
    seconds: float
    ended_by: Literal["proof", "gap", "work", "time"] = "proof"
    bound_by: Literal["certificate", "enumeration", "tree", "solver"] = "solver"
    multipliers: NDArray[np.float64] | None = None
    prices: Prices = field(default_factory=Prices)
    trees: tuple[Tree, ...] = ()
    sites_limit: int | None = None
    budget: float | None = None
    target_share: float | None = None
    closures_limit: int | None = None
    weight: float | None = None
    conditions: Conditions = field(default_factory=Conditions)
    short_people: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    sites: Sites | None = None
    population: float = 0.0
    covered_before: float = 0.0
    costs: tuple[float, ...] = ()
    sizes: Sizes | None = None
    problem: Problem | None = None
    as_scenario: Any = None
    study: Any = None

    def __post_init__(self) -> None:
        """Check that the parts belong together and the bound is no number of doubt."""
        if len(self.gain) != len(self.selected) or len(self.costs) != len(self.selected):
            msg = (
                f"plan selects {len(self.selected)} sites with {len(self.gain)} gains and {len(self.costs)} costs;"
                " expected as many of each"
            )
            raise InputError(msg)
        if np.isnan(self.bound) or np.isnan(self.objective):
            msg = f"plan has objective {self.objective} and bound {self.bound}; expected numbers"
            raise InputError(msg)
        object.__setattr__(self, "short_people", Named(self.short_people))
        if self.multipliers is not None:
            multipliers = read_only(self.multipliers, dtype=np.float64, shape=(None,), name="plan multipliers")
            object.__setattr__(self, "multipliers", multipliers)

    @property
    def gap(self) -> float:
        """``|bound - objective| / max(1, |objective|)``; 0 where nothing better is possible."""
        if self.bound == self.objective:  # infinite ones too
            return 0.0
        return abs(self.bound - self.objective) / max(1.0, abs(self.objective))

    @property
    def cost(self) -> float:
        """What opening the selected sites costs."""
        return float(sum(self.costs))

    @property
    def covered_people(self) -> float:
        """People covered when all selected sites are open."""
        return self.covered_before + float(sum(self.gain))

    def __repr__(self) -> str:
        """Return model, sites, objective, bound, gap and status; an infeasible plan has neither bound nor gap."""
        proof = "" if self.status == "infeasible" else f"bound {self._told(self.bound)}, gap {100 * self.gap:.2f} %, "
        return (
            f"<SitingPlan {self.model}: {len(self.selected)} sites for {self.cost:,.10g},"
            f" objective {self._told(self.objective)}, {proof}{self.status}>"
        )

    def _repr_html_(self) -> str:
        bound = f"bound {self._told(self.bound)}, gap {100 * self.gap:.2f} % ({self.bound_by})"
        facts = [
            ("opens", f"{len(self.selected)} sites for {self.cost:,.10g}"),
            ("closes", ", ".join(map(str, self.closed))),
            ("objective", self._told(self.objective)),
            ("proof", self.status if self.status == "infeasible" else f"{self.status}: {bound}"),
            ("people covered", f"{self.covered_people:,.0f} of {self.population:,.0f}"),
        ]
        columns = ["rank", "id", "name", "kind", "cost", "gain_people", "covered_share"]
        table = self.table()[columns] if self.selected else None
        return draw_card(f"Plan: {self.model}", [f for f in facts if f[1]], table=table, note=self.message)

    def _told(self, objective: float) -> str:
        """Return an objective as it is read: a share with its decimals, all else in whole numbers."""
        return f"{objective:.4g}" if self.model == "max-min" else f"{objective:,.0f}"

    def table(self) -> pd.DataFrame:
        """Return one row per selected site, in opening order, with the columns of ``sites.csv`` that are known.

        Returns
        -------
        pandas.DataFrame
            ``rank``, ``id``, ``name``, ``kind``, ``cost``, ``lon``, ``lat``, ``gain_people``, ``covered_people``,
            ``covered_share`` (0 to 1) and ``marginal_per_cost`` (people gained per unit of cost; empty where the cost
            is 0).

        Examples
        --------
        >>> plan.table()[["rank", "id", "gain_people"]].to_dict("records")
        [{'rank': 1, 'id': 'O1', 'gain_people': 40.0}]
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        gain, cost = np.array(self.gain, dtype=float), np.array(self.costs, dtype=float)
        covered = self.covered_before + np.cumsum(gain)
        known = {} if self.sites is None else {"name": self.sites.name, "kind": self.sites.kind}
        lon, lat = (np.full(len(gain), np.nan),) * 2
        if self.sites is not None:
            lon, lat = self.sites.to_crs("EPSG:4326").xy.T
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(gain) + 1),
                "id": pd.Series(list(self.selected), dtype=object),
                "name": pd.Series(list(known.get("name", [""] * len(gain))), dtype=object),
                "kind": pd.Series(list(known.get("kind", [""] * len(gain))), dtype=object),
                "cost": cost,
                "lon": lon,
                "lat": lat,
                "gain_people": gain,
                "covered_people": covered,
                "covered_share": covered / self.population if self.population > 0 else np.full(len(gain), np.nan),
                "marginal_per_cost": np.divide(gain, cost, out=np.full(len(gain), np.nan), where=cost > 0),
            }
        )

    def to_gdf(self) -> gpd.GeoDataFrame:
        """Return the rows of `table` with the places of the sites.

        Returns
        -------
        geopandas.GeoDataFrame
            One row per selected site, in opening order (EPSG:4326).

        Raises
        ------
        InputError
            A plan of a matrix, which knows no places.

        Examples
        --------
        >>> proposal.to_gdf()[["id", "gain_people"]].values.tolist(), proposal.to_gdf().crs.name
        ([['B1', 10.0]], 'WGS 84')
        """
        import geopandas as gpd  # noqa: PLC0415 -- `import accessibility` stays light

        self._placed("places")
        table = self.table()
        return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs="EPSG:4326")

    def map(self, *, lang: str = "en", basemap: bool = False) -> folium.Map:
        """Return the map of its study with the plan on it; see `accessibility.Study.map`.

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
            A plan of a matrix.

        Examples
        --------
        >>> "B1" in proposal.map().get_root().render()
        True
        """
        self._placed("places")
        if self.study is None:
            msg = "the plan knows no study; expected one of study.site(...), or study.map(plan=plan)"
            raise InputError(msg)
        return self.study.map(plan=self, lang=lang, basemap=basemap)  # type: ignore[no-any-return]

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw who is covered once the sites are open, and these sites, with matplotlib.

        Parameters
        ----------
        ax
            Where to draw; new axes if None.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Raises
        ------
        InputError
            A plan of a matrix, which knows no places.

        Examples
        --------
        >>> proposal.plot().get_legend().get_texts()[0].get_text()
        'covered'
        """
        sites = self.to_gdf()
        if self.study is not None:
            now = self.study.coverage(self)
            sites, ax = sites.to_crs(now.demand.crs), now.plot(ax=ax)
        return plot_layers([(sites, "#00695c", 9.0)], ax)

    def explore(self, *, tiles: str | None = "OpenStreetMap", m: folium.Map | None = None) -> folium.Map:
        """Return a folium map of who is covered once the sites are open, and of these sites.

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

        Raises
        ------
        InputError
            A plan of a matrix, which knows no places.

        Examples
        --------
        >>> "gain_people" in proposal.explore().get_root().render()
        True
        """
        sites = self.to_gdf()
        ground = m if self.study is None else self.study.coverage(self).explore(tiles=tiles, m=m)
        return explore_layers([(sites, "#00695c", 8.0)], tiles, ground)

    def assignment(self) -> pd.DataFrame:
        """Return who goes where once the plan is carried out: each demand point to the cheapest site that counts.

        Returns
        -------
        pandas.DataFrame
            As `Problem.assign` gives it. The pairs are those that the model looked at: within the standard for most
            of them, of whatever length for a p-median and a p-center, in seconds where the rule of the point is a
            walk and for these two, in metres otherwise.

        Raises
        ------
        InputError
            A plan that does not hold its problem: ``problem.assign(plan.selected, plan.closed)`` says the same.

        Examples
        --------
        >>> proposal.assignment()[["demand", "site", "cost"]].values.tolist()
        [['near', 'B1', 800.0], ['far', 'B1', 300.0]]
        """
        if self.problem is None:
            msg = (
                "the plan does not hold its problem; expected one of study.site(...), or problem.assign(plan.selected)"
            )
            raise InputError(msg)
        return self.problem.assign(self.selected, self.closed)

    def scenario(self) -> Any:
        """Return the plan as a scenario of its study, for `Study.coverage` and `Study.what_if`.

        Returns
        -------
        Scenario
            Its sites open, those made on the streets are added, what closes closes.

        Raises
        ------
        InputError
            A plan of a matrix, which knows no study.

        Examples
        --------
        >>> proposal.scenario().opened, town.coverage(proposal.scenario()).covered_people
        (('B1',), 40.0)
        """
        if self.as_scenario is None:
            msg = "the plan came from a matrix and knows no study; expected a plan of study.site(...)"
            raise InputError(msg)
        return self.as_scenario

    def _placed(self, what: str) -> Sites:
        if self.sites is None:
            msg = f"the plan came from a matrix and knows no {what}; expected a plan of study.site(...)"
            raise InputError(msg)
        return self.sites


def order_by_gain(
    problem: Problem, rows: NDArray[np.intp], kept: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return site rows in opening order, and the people each brings in: greatest gain first.

    Gains are compared in whole units of people, so that no order of rows decides; ties break by lower cost, then by id.

    Parameters
    ----------
    problem
        People and pairs.
    rows
        Sites that open.
    kept
        ``(s,)`` sites that count before; those open today where not given.
    """
    covered = problem.covered.copy() if kept is None else problem.covered_by(kept)
    rank, whole = problem.rank, problem.people_units.whole
    reach: dict[int, NDArray[np.int32]] = {}

    def place(row: int) -> tuple[int, float, int, int]:
        """Return what decides the turn of a site: people it would bring in now, cost, id."""
        left = reach[row] = reach[row][~covered[reach[row]]]
        return -int(whole[left].sum()), float(problem.site_cost[row]), int(rank[row]), row

    for row in map(int, rows):
        pairs = slice(problem.start[row], problem.start[row + 1])
        reach[row] = problem.demand[pairs][problem.within[pairs]]

    def take(row: int) -> float:
        covered[reach[row]] = True
        return float(problem.people[reach[row]].sum())

    return order_by_turn(reach, place, take)


def order_by_turn(
    rows: Iterable[int], place: Callable[[int], Any], take: Callable[[int], float]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return site rows in opening order, and the people each brings in.

    Parameters
    ----------
    rows
        Sites that open.
    place
        Returns what decides the turn of a site now: numbers of which the least come first, at last its row. They only
        grow while others open.
    take
        Opens a site, and returns the people it brings in.
    """
    waiting = [place(row) for row in rows]
    heapq.heapify(waiting)
    order: list[int] = []
    gains: list[float] = []
    while waiting:
        # Who is still first when counted anew is first, for nobody's turn comes nearer.
        now = place(waiting[0][-1])
        if now > waiting[0]:
            heapq.heapreplace(waiting, now)
            continue
        order.append(heapq.heappop(waiting)[-1])
        gains.append(take(order[-1]))
    return np.array(order, dtype=np.intp), np.array(gains)


def format_objective(model: str, value: float) -> tuple[str, str]:
    """Return an objective, or its bound, as text, and the key ``objective_...`` of the wording that names its unit.

    Parameters
    ----------
    model
        Of the plan: ``mclp``, ``p-center`` and the like.
    value
        The plan's objective or bound; of the models of walking times in (people times) seconds.

    Examples
    --------
    >>> format_objective("mclp", 132255.7), format_objective("p-center", 12160.65), format_objective("max-min", 0.6573)
    (('132,256', 'objective_people_covered'), ('202.7', 'objective_minutes_at_most'), ('65.7 %', \
'objective_share_of_the_worst'))
    """
    unit, factor, decimals = _UNITS[model]
    if not math.isfinite(value):
        return "\N{EN DASH}", f"objective_{unit}"
    scaled = value * factor
    if unit == "cost" and scaled == round(scaled):
        decimals = 0
    return (
        f"{round(scaled, decimals) + 0.0:,.{decimals}f}{' %' if unit.startswith('share') else ''}",
        f"objective_{unit}",
    )
