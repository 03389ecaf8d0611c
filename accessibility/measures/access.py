"""How much people can reach, and how much of it is theirs: opportunities, gravity, floating catchments, balancing cost.

How much a place counts that lies farther away, a decay function says: a value that takes costs and returns weights.
Costs are in whatever unit limits and decay functions are in. Who reaches nothing has 0.

Examples
--------
Three cells of 100, 200 and 50 people and two sites, of 2 counters and of 1; minutes from each cell to each site:

>>> travel = TravelCosts.from_matrix([[5, 20], [10, 10], [25, 8]])
>>> people, counters = [100, 200, 50], [2, 1]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from accessibility.errors import InputError, checked, described, spell_number
from accessibility.geo.arrays import Frozen, read_only, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from accessibility.measures.catchments import Catchments


__all__ = [
    "Decay",
    "Exponential",
    "Gaussian",
    "Linear",
    "Power",
    "Step",
    "TravelCosts",
    "balancing_cost",
    "cumulative_opportunities",
    "enhanced_two_step",
    "gravity",
    "modified_two_step",
    "two_step",
]


class Decay(Protocol):
    """A decay function: called with costs it returns a weight of 0 to 1 for each.

    Examples
    --------
    >>> from accessibility.measures.access import Linear
    >>> nearness: Decay = Linear(10)
    >>> nearness([5.0]).tolist(), nearness.reach
    ([0.5], 10)
    """

    @property
    def reach(self) -> float:
        """The cost beyond which every weight is 0; infinite where weights never end."""

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""


@checked
@dataclass(frozen=True)
class Step:
    """Zones: the weight of the first one whose limit is not exceeded; 0 beyond the last.

    Parameters
    ----------
    limits
        Widest cost of each zone, rising.
    weights
        Weight of each zone, 0 to 1 and not rising; all 1 if not given.

    Raises
    ------
    InputError
        No zone, limits that do not rise, weights that rise or are not one a zone.

    Examples
    --------
    >>> Step([5, 10, 15], [1, 0.68, 0.22])([5, 5.1, 15, 16]).tolist()
    [1.0, 0.68, 0.22, 0.0]
    """

    limits: tuple[float, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse zones that are none."""
        limits = tuple(float(limit) for limit in self.limits)
        weights = tuple(float(weight) for weight in self.weights) or (1.0,) * len(limits)
        if not limits or not limits[0] >= 0 or not all(np.diff(limits) > 0):
            msg = f"limits of zones are {limits}; expected one or more, 0 or more and rising"
            raise InputError(msg)
        if len(weights) != len(limits) or not (weights[-1] >= 0 and weights[0] <= 1 and all(np.diff(weights) <= 0)):
            msg = f"weights of zones are {weights}; expected {len(limits)}, from 1 down to 0, none above the one before"
            raise InputError(msg)
        object.__setattr__(self, "limits", limits)
        object.__setattr__(self, "weights", weights)

    @property
    def reach(self) -> float:
        """The limit of the last zone."""
        return self.limits[-1]

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        costs = np.asarray(cost, dtype=np.float64)
        found: NDArray[np.float64] = np.array([*self.weights, 0.0])[np.searchsorted(self.limits, costs, side="left")]
        return found


@checked
@dataclass(frozen=True)
class Linear:
    """From 1 at no cost straight down to 0 at a limit.

    Parameters
    ----------
    limit
        The cost at which nothing is left.

    Raises
    ------
    InputError
        A limit that is not positive and finite.

    Examples
    --------
    >>> Linear(20)([0, 5, 30]).tolist()
    [1.0, 0.75, 0.0]
    """

    limit: float

    def __post_init__(self) -> None:
        """Refuse a limit that is none."""
        _positive("limit of a linear decay", self.limit)

    @property
    def reach(self) -> float:
        """The limit."""
        return self.limit

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        found: NDArray[np.float64] = np.clip(1.0 - np.asarray(cost, dtype=np.float64) / self.limit, 0.0, 1.0)
        return found


@checked
@dataclass(frozen=True)
class Exponential:
    """``exp(-rate * cost)``.

    Parameters
    ----------
    rate
        How fast it falls, per unit of cost.

    Raises
    ------
    InputError
        A rate that is not positive and finite.

    Examples
    --------
    >>> Exponential(0.1)([0, 10]).round(4).tolist()
    [1.0, 0.3679]
    """

    rate: float

    def __post_init__(self) -> None:
        """Refuse a rate that is none."""
        _positive("rate of an exponential decay", self.rate)

    @property
    def reach(self) -> float:
        """Infinite."""
        return float("inf")

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        found: NDArray[np.float64] = np.exp(-self.rate * np.asarray(cost, dtype=np.float64))
        return found


@checked
@dataclass(frozen=True)
class Power:
    """``cost ** -exponent``, and 1 up to a cost of 1: nobody is worth more for being at the door.

    Parameters
    ----------
    exponent
        How fast it falls.

    Raises
    ------
    InputError
        An exponent that is not positive and finite.

    Examples
    --------
    >>> Power(2)([0.5, 1, 10]).tolist()
    [1.0, 1.0, 0.01]
    """

    exponent: float

    def __post_init__(self) -> None:
        """Refuse an exponent that is none."""
        _positive("exponent of a power decay", self.exponent)

    @property
    def reach(self) -> float:
        """Infinite."""
        return float("inf")

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        found: NDArray[np.float64] = np.maximum(np.asarray(cost, dtype=np.float64), 1.0) ** -self.exponent
        return found


@checked
@dataclass(frozen=True)
class Gaussian:
    """``exp(-cost**2 / (2 * deviation**2))``: half of a bell, 1 at no cost.

    Parameters
    ----------
    deviation
        Cost at which the weight is 0.607.

    Raises
    ------
    InputError
        A deviation that is not positive and finite.

    Examples
    --------
    >>> Gaussian(10)([0, 10, 20]).round(4).tolist()
    [1.0, 0.6065, 0.1353]
    """

    deviation: float

    def __post_init__(self) -> None:
        """Refuse a deviation that is none."""
        _positive("deviation of a Gaussian decay", self.deviation)

    @property
    def reach(self) -> float:
        """Infinite."""
        return float("inf")

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        found: NDArray[np.float64] = np.exp(-0.5 * (np.asarray(cost, dtype=np.float64) / self.deviation) ** 2)
        return found


def _positive(what: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        msg = f"{what} is {spell_number(value)}; expected a positive, finite number"
        raise InputError(msg)


SLOW_ZONES = Step((5, 10, 15), (1.0, 0.68, 0.22))
"""Minutes of the zones of a 15-minute walk, with the weights that Luo and Qi give those of a slow decay."""


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class TravelCosts(Frozen):
    """Pairs of a cell and a site that people travel between, each with its cost; a pair that is not there is too far.

    Parameters
    ----------
    cell, site
        ``(k,)`` rows of cell and site of each pair; no pair stands twice.
    cost
        ``(k,)`` cost of each pair, 0 or more.
    cells, sites
        How many there are, those without a pair among them.

    Raises
    ------
    InputError
        Arrays that do not fit each other, rows out of range, a pair that stands twice, a cost that is negative or NaN.

    Examples
    --------
    >>> TravelCosts(cell=[0, 1, 1], site=[0, 0, 1], cost=[5, 8, 3], cells=3, sites=2)
    <TravelCosts 3 cells, 2 sites, 3 pairs>
    """

    cell: NDArray[np.int64]
    site: NDArray[np.int64]
    cost: NDArray[np.float64]
    cells: int
    sites: int

    def __post_init__(self) -> None:
        """Copy the arrays and check the pairs."""
        cell = read_only(self.cell, dtype=np.int64, shape=(None,), name="travel cell")
        k = len(cell)
        site = read_only(self.site, dtype=np.int64, shape=(k,), name="travel site")
        cost = read_only(self.cost, dtype=np.float64, shape=(k,), name="travel cost")
        refuse((cell < 0) | (cell >= self.cells), name="travel cell", found=cell, expected=f"rows of {self.cells}")
        refuse((site < 0) | (site >= self.sites), name="travel site", found=site, expected=f"rows of {self.sites}")
        refuse(~(cost >= 0), name="travel cost", found=cost, expected="a cost, 0 or more")
        pair = cell * max(self.sites, 1) + site
        if len(np.unique(pair)) != k:
            msg = f"travel: {k - len(np.unique(pair))} pairs of a cell and a site stand twice; expected each once"
            raise InputError(msg)
        for name, value in (("cell", cell), ("site", site), ("cost", cost)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """Return cells, sites and pairs."""
        return f"<TravelCosts {self.cells:,} cells, {self.sites:,} sites, {len(self.cost):,} pairs>"

    @classmethod
    def from_matrix(cls, costs: ArrayLike) -> TravelCosts:
        """Return the pairs of a matrix of costs; NaN and infinity are no pairs.

        Parameters
        ----------
        costs
            A row per cell and a column per site.

        Returns
        -------
        TravelCosts
            Its pairs.

        Raises
        ------
        InputError
            No matrix, or a negative cost.

        Examples
        --------
        >>> TravelCosts.from_matrix([[5, 20], [float("inf"), 10]])
        <TravelCosts 2 cells, 2 sites, 3 pairs>
        """
        matrix = read_only(costs, dtype=np.float64, shape=(None, None), name="matrix of travel costs")
        cell, site = np.nonzero(np.isfinite(matrix))
        return cls(cell=cell, site=site, cost=matrix[cell, site], cells=matrix.shape[0], sites=matrix.shape[1])

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, *, cells: Sequence[Any], sites: Sequence[Any], cost: str = "walk_s"
    ) -> TravelCosts:
        """Return the pairs of a table with columns ``cell``, ``site`` and a cost.

        Parameters
        ----------
        table
            A row per pair.
        cells, sites
            Ids of all cells and sites, in the order of people and supply.
        cost
            Column of the cost; pairs without one are left out.

        Returns
        -------
        TravelCosts
            Its pairs.

        Raises
        ------
        InputError
            A column that is not there, or a pair whose cell or site is not among the ids.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"cell": ["a", "b"], "site": ["S", "S"], "walk_s": [300, 500]})
        >>> TravelCosts.from_table(table, cells=["a", "b"], sites=["R", "S"]).site.tolist()
        [1, 1]
        """
        lacking = [column for column in ("cell", "site", cost) if column not in table.columns]
        if lacking:
            msg = f"table of travel lacks columns {lacking}; it has {list(map(str, table.columns))}"
            raise InputError(msg)
        there = table[table[cost].notna()]
        at = {name: pd.Index(ids).get_indexer(there[name]) for name, ids in (("cell", cells), ("site", sites))}
        for name, rows in at.items():
            refuse(rows < 0, name=f"travel {name}", found=there[name].to_numpy(), expected=f"ids of {name}s")
        return cls(cell=at["cell"], site=at["site"], cost=there[cost].to_numpy(), cells=len(cells), sites=len(sites))

    @classmethod
    def from_catchments(cls, catchments: Catchments, *, cells: int, per: float = 1.0) -> TravelCosts:
        """Return the pairs of catchments that were traced by rules of one measure.

        Parameters
        ----------
        catchments
            Whom every site would cover.
        cells
            How many demand points there are.
        per
            What a cost is divided by: 60 makes minutes of seconds.

        Returns
        -------
        TravelCosts
            Its pairs.

        Examples
        --------
        >>> import accessibility as acc
        >>> found = acc.Catchments(start=[0, 1, 3], demand=[0, 0, 1], cost=[900.0, 400.0, 500.0])
        >>> TravelCosts.from_catchments(found, cells=2, per=60).cost.round(1).tolist()
        [15.0, 6.7, 8.3]
        """
        site = np.repeat(np.arange(len(catchments)), np.diff(catchments.start))
        cost = catchments.cost / per
        return cls(cell=catchments.demand.astype(np.int64), site=site, cost=cost, cells=cells, sites=len(catchments))


@checked
def cumulative_opportunities(travel: TravelCosts, supply: ArrayLike, limit: float) -> NDArray[np.float64]:
    """Return what each cell reaches within a limit.

    Parameters
    ----------
    travel
        Costs between cells and sites.
    supply
        What each site has: counters, staff, or 1.
    limit
        The widest cost; what is at it counts.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` supply within the limit of each cell.

    Raises
    ------
    InputError
        A supply that is not one number a site, 0 or more.

    References
    ----------
    M. Wachs, T. G. Kumagai: Physical accessibility as a social indicator. Socio-Economic Planning Sciences 7, 1973.

    Examples
    --------
    >>> cumulative_opportunities(travel, counters, 15).tolist()
    [2.0, 3.0, 1.0]
    """
    return gravity(travel, supply, Step((limit,)))


@checked
def gravity(travel: TravelCosts, supply: ArrayLike, decay: Decay) -> NDArray[np.float64]:
    """Return what each cell reaches, the farther the less.

    Parameters
    ----------
    travel
        Costs between cells and sites.
    supply
        What each site has.
    decay
        What a unit of supply counts at a cost, from `accessibility.measures.access`.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` weighted supply of each cell.

    Raises
    ------
    InputError
        A supply that is not one number a site, 0 or more.

    References
    ----------
    W. G. Hansen: How accessibility shapes land use. Journal of the American Institute of Planners 25, 1959.

    Examples
    --------
    >>> from accessibility.measures.access import Linear
    >>> gravity(travel, counters, Linear(20)).round(3).tolist()
    [1.5, 1.5, 0.6]
    """
    return _to_cells(travel, _amounts(supply, travel.sites, "supply")[travel.site] * _weights(travel, decay))


@checked
def two_step(travel: TravelCosts, people: ArrayLike, supply: ArrayLike, limit: float) -> NDArray[np.float64]:
    """Return the supply per person of each cell by two-step floating catchments (2SFCA).

    First the supply of each site is shared among all within the limit, then each cell sums the shares that it reaches.
    People times the result add up to the supply of the sites that anybody reaches.

    Parameters
    ----------
    travel
        Costs between cells and sites.
    people
        People of each cell.
    supply
        What each site has.
    limit
        The widest cost; what is at it counts.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` supply per person of each cell.

    Raises
    ------
    InputError
        People or a supply that are not one number a row, 0 or more.

    References
    ----------
    W. Luo, F. Wang: Measures of spatial accessibility to health care in a GIS environment: synthesis and a case study
    in the Chicago region. Environment and Planning B 30, 2003.

    Examples
    --------
    >>> two_step(travel, people, counters, 15).round(6).tolist()
    [0.006667, 0.010667, 0.004]
    """
    return enhanced_two_step(travel, people, supply, Step((limit,)))


@checked
def enhanced_two_step(
    travel: TravelCosts, people: ArrayLike, supply: ArrayLike, decay: Decay = SLOW_ZONES
) -> NDArray[np.float64]:
    """Return the supply per person of each cell where the farther count less (E2SFCA).

    Parameters
    ----------
    travel
        Costs between cells and sites.
    people
        People of each cell.
    supply
        What each site has.
    decay
        What a person, and a share, count at a cost; zones of 5, 10 and 15 minutes with 1, 0.68 and 0.22 if not given.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` supply per person of each cell; times people it adds up to the supply that anybody reaches.

    Raises
    ------
    InputError
        People or a supply that are not one number a row, 0 or more.

    References
    ----------
    W. Luo, Y. Qi: An enhanced two-step floating catchment area (E2SFCA) method for measuring spatial accessibility to
    primary care physicians. Health & Place 15, 2009.

    Examples
    --------
    >>> enhanced_two_step(travel, people, counters).round(6).tolist()
    [0.008475, 0.009763, 0.004]
    """
    weight = _weights(travel, decay)
    return _to_cells(travel, _ratios(travel, people, supply, weight)[travel.site] * weight)


@checked
def modified_two_step(
    travel: TravelCosts, people: ArrayLike, supply: ArrayLike, decay: Decay = SLOW_ZONES
) -> NDArray[np.float64]:
    """Return the supply per person of each cell where distance also wastes supply (M2SFCA).

    A site that is far from everybody serves less than it has: the result adds up to that at most.

    Parameters
    ----------
    travel
        Costs between cells and sites.
    people
        People of each cell.
    supply
        What each site has.
    decay
        What a person, and a share, count at a cost; zones of 5, 10 and 15 minutes with 1, 0.68 and 0.22 if not given.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` supply per person of each cell.

    Raises
    ------
    InputError
        People or a supply that are not one number a row, 0 or more.

    References
    ----------
    P. L. Delamater: Spatial accessibility in suboptimally configured health care systems: a modified two-step floating
    catchment area (M2SFCA) metric. Health & Place 24, 2013.

    Examples
    --------
    >>> modified_two_step(travel, people, counters).round(6).tolist()
    [0.008475, 0.006639, 0.00272]
    """
    weight = _weights(travel, decay)
    return _to_cells(travel, _ratios(travel, people, supply, weight)[travel.site] * weight**2)


@checked
def balancing_cost(travel: TravelCosts, people: ArrayLike, supply: ArrayLike) -> NDArray[np.float64]:
    """Return the cost at which each cell reaches as much supply as it has people.

    Parameters
    ----------
    travel
        Costs between cells and sites.
    people
        People of each cell, in the unit of the supply: divide them by the people that one counter serves.
    supply
        What each site has.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` least cost of each cell; 0 where nobody lives, NaN where all that it reaches is not enough.

    Raises
    ------
    InputError
        People or a supply that are not one number a row, 0 or more.

    References
    ----------
    M. H. C. Barboza, M. S. Carneiro, C. Falavigna, G. Luz, R. Orrico: Balancing time: using a new accessibility measure
    in Rio de Janeiro. Journal of Transport Geography 90, 2021.

    Examples
    --------
    A counter for a hundred people:

    >>> balancing_cost(travel, [1, 2.5, 3.5], counters).tolist()
    [5.0, 10.0, nan]
    """
    wanted = _amounts(people, travel.cells, "people")
    order = np.lexsort((travel.cost, travel.cell))
    cell, cost = travel.cell[order], travel.cost[order]
    amount = _amounts(supply, travel.sites, "supply")[travel.site[order]]
    found = np.where(wanted == 0, 0.0, np.nan)
    start = np.searchsorted(cell, np.arange(travel.cells + 1))
    for row in np.flatnonzero((wanted > 0) & (np.diff(start) > 0)):
        here = slice(start[row], start[row + 1])
        enough = np.cumsum(amount[here]) >= wanted[row]
        if enough.any():
            found[row] = cost[here][enough.argmax()]
    return found


def _ratios(
    travel: TravelCosts, people: ArrayLike, supply: ArrayLike, weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the supply of each site per weighted person around it; 0 where there is nobody."""
    around = _amounts(people, travel.cells, "people")[travel.cell] * weight
    demand = np.bincount(travel.site, weights=around, minlength=travel.sites)
    amounts = _amounts(supply, travel.sites, "supply")
    found: NDArray[np.float64] = np.divide(amounts, demand, out=np.zeros(travel.sites), where=demand > 0)
    return found


def _weights(travel: TravelCosts, decay: Decay) -> NDArray[np.float64]:
    """Return what each pair counts."""
    if not callable(decay):
        msg = f"decay is {described(decay)}; expected one of accessibility.measures.access, or a function of costs"
        raise InputError(msg)
    return _amounts(decay(travel.cost), len(travel.cost), "weights of the decay")


def _to_cells(travel: TravelCosts, amount: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(travel.cell, weights=amount, minlength=travel.cells).astype(np.float64, copy=False)


def _amounts(values: ArrayLike, n: int, name: str) -> NDArray[np.float64]:
    amounts: NDArray[np.float64] = read_only(values, dtype=np.float64, shape=(n,), name=name)
    refuse(~(np.isfinite(amounts) & (amounts >= 0)), name=name, found=amounts, expected="a finite number, 0 or more")
    return amounts
