"""`SitingPlan`: which sites to open, in which order, and how far from the best possible that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from accessibility.arrays import read_only
from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.sites import Sites
    from accessibility.siting.problem import Problem

Status = Literal["optimal", "feasible", "infeasible"]
Model = Literal["mclp", "lscp", "partial", "p-median", "p-center", "backup", "relocation", "max-min"]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a plan has to keep to, beside its number of sites or its budget.

    Parameters
    ----------
    quotas
        Kind or bank to the greatest number of its sites that may open.
    spacing_m
        Least distance between two sites that open; 0 asks for none.
    exclusive
        Pairs of site ids of which at most one may open (two counters in one building).
    floor
        Least share of its people that every district must have covered, 0 to 1.
    floors
        The same for single districts, by name; beats `floor`.
    required, forbidden
        Ids of sites that must, or must not, open.
    """

    quotas: Mapping[str, int] = field(default_factory=dict)
    spacing_m: float = 0.0
    exclusive: tuple[tuple[object, object], ...] = ()
    floor: float = 0.0
    floors: Mapping[str, float] = field(default_factory=dict)
    required: tuple[object, ...] = ()
    forbidden: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        """Refuse shares outside 0 to 1, negative quotas and distances."""
        for name, share in {"floor": self.floor, **{f"floors[{d!r}]": v for d, v in self.floors.items()}}.items():
            if not 0.0 <= share <= 1.0:
                msg = f"{name} is {share}; expected a share from 0 to 1"
                raise InputError(msg)
        if not self.spacing_m >= 0.0:
            msg = f"spacing_m is {self.spacing_m}; expected metres, 0 or more"
            raise InputError(msg)
        for name, most in self.quotas.items():
            if most < 0:
                msg = f"the quota of {name!r} is {most}; expected 0 or more sites"
                raise InputError(msg)
        object.__setattr__(self, "quotas", MappingProxyType(dict(self.quotas)))
        object.__setattr__(self, "floors", MappingProxyType(dict(self.floors)))


@dataclass(frozen=True, kw_only=True, eq=False)
class SitingPlan:
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
    gap
        ``|bound - objective| / max(1, |objective|)``.
    status
        ``optimal`` (the gap is closed), ``feasible`` (it is not, or not yet), ``infeasible``.
    seconds
        Wall time of the solve.
    bound_by
        Who vouches for the bound: ``certificate`` (the multipliers below prove it without a solver), ``enumeration``,
        or ``solver`` (a branch-and-bound bound: the solver's word).
    multipliers
        ``(n,)`` dual certificate: the share of each demand point's people that is priced, 0 to 1; None without one.
    sites_limit, budget, target_share, conditions
        What was asked for, so that a plan can be checked.
    short_people
        Of an infeasible question: district (``total`` for all) to the people that are missing.
    message
        The plain sentence that goes with an infeasible or empty plan.
    sites
        The selected sites in opening order; None where the problem came from a matrix.
    population, covered_before
        People in all, and those covered before the first opens.
    costs
        ``(p,)`` opening cost of each selected site.
    """

    model: Model
    selected: tuple[object, ...]
    gain: tuple[float, ...]
    closed: tuple[object, ...] = ()
    objective: float
    bound: float
    status: Status
    seconds: float
    bound_by: Literal["certificate", "enumeration", "solver"] = "solver"
    multipliers: NDArray[np.float64] | None = None
    sites_limit: int | None = None
    budget: float | None = None
    target_share: float | None = None
    conditions: Conditions = field(default_factory=Conditions)
    short_people: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    sites: Sites | None = None
    population: float = 0.0
    covered_before: float = 0.0
    costs: tuple[float, ...] = ()

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
        object.__setattr__(self, "short_people", MappingProxyType(dict(self.short_people)))
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
        """Return model, sites, objective, bound, gap and status."""
        return (
            f"<SitingPlan {self.model}: {len(self.selected)} sites for {self.cost:g}, objective {self.objective:,.0f},"
            f" bound {self.bound:,.0f}, gap {100 * self.gap:.2f} %, {self.status}>"
        )

    def table(self) -> pd.DataFrame:
        """Return a row a site in opening order, with the columns of ``sites.csv`` that are known.

        Columns: rank, id, name, kind, cost, lon, lat, gain_people, covered_people, covered_share, marginal_per_cost
        (people gained per unit of cost; empty where the cost is 0).
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


def order_by_gain(
    problem: Problem, rows: NDArray[np.intp], kept: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return site rows in opening order, and the people each brings in: greatest gain first.

    Ties break by lower cost, then by the lower row.

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
    left = sorted(int(row) for row in rows)
    reach = {
        row: problem.demand[problem.start[row] : problem.start[row + 1]][
            problem.within[problem.start[row] : problem.start[row + 1]]
        ]
        for row in left
    }
    order: list[int] = []
    gains: list[float] = []
    while left:
        gain = {row: float(problem.people[reach[row][~covered[reach[row]]]].sum()) for row in left}
        best = min(left, key=lambda row: (-gain[row], problem.site_cost[row], row))
        left.remove(best)
        covered[reach[best]] = True
        order.append(best)
        gains.append(gain[best])
    return np.array(order, dtype=np.intp), np.array(gains)
