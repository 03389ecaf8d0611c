"""What a search is after: most people within the limits, or least cost for enough people. More is better in both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

import numpy as np

from accessibility.siting.annealing import improve
from accessibility.siting.covering import reduce_covering, reduce_for_all
from accessibility.siting.dual import Descent, Dual, find_cover_dual, find_dual, price_of_reach
from accessibility.siting.greedy import close_needless, open_for_floors, open_until, trim
from accessibility.siting.programs import cover_every_row, cover_most, reach_people
from accessibility.siting.swaps import swap_pieces, swap_sites

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Allowance
    from accessibility.siting.exact import Program

_ROUNDS = 3000
_TURNS = 4
# Swaps for each round of annealing: what so many pairs pay for, within limits.
_PAIRS, _SWAPS = 20_000, (40, 200)
_FEW = 100  # columns that annealing alone goes over
# Pairs of a plan that is large; rounds that its swaps stand for at a time, swaps for each, and rounds after them.
_LARGE, _MOST_SWAPPED, _SWAPPED, _AFTER = 17_500, 40_000, 125, 2_000
_HEATS = 0.06, 0.03, 0.045, 0.02  # how hot one seed begins with a large plan, and the next
_WARM, _TIMES = (0.01, 0.015, 0.02), 6  # how hot a plan is made again, and how often
_CHEAPER = 200


class Guide(NamedTuple):
    """What a dual tells about each column of the small covering, in the values that the goal compares.

    `share` is a fractional plan; the losses say by how much the bound falls when the column has to open, or stay
    closed. `descent` is how the prices came about, where they can go on from where they were left.
    """

    dual: Dual
    bound: float
    share: NDArray[np.float64]
    open_loss: NDArray[np.float64]
    close_loss: NDArray[np.float64]
    descent: Descent | None = None


class Goal(Protocol):
    """What the search compares plans by, and how it bounds, reduces and solves the question."""

    maximises_people: ClassVar[bool]

    def unit(self, covering: Covering) -> float:
        """Return how many units of value make one in a solver's program."""

    def ceiling(self, covering: Covering) -> int:
        """Return a value that nothing exceeds."""

    def measure(self, covering: Covering, chosen: NDArray[np.bool_]) -> tuple[int, int]:
        """Return the weight a plan is short of, and its value."""

    def reduce(self, covering: Covering) -> Covering:
        """Return the question without what cannot matter."""

    def start(self, covering: Covering) -> NDArray[np.bool_]:
        """Return a plan to begin from."""

    def polish(
        self, covering: Covering, chosen: NDArray[np.bool_], rounds: int, allowance: Allowance, *, seed: int = 0
    ) -> NDArray[np.bool_]:
        """Return a plan no worse."""

    def anew(self, covering: Covering, rounds: int, allowance: Allowance, *, seed: int) -> NDArray[np.bool_]:
        """Return a plan that is good, from a new beginning."""

    def program(self, covering: Covering) -> Program:
        """Return the question as a program."""

    def guide(
        self, of: tuple[Covering, Covering], value: int, allowance: Allowance, before: Guide | None = None
    ) -> Guide:
        """Return a bound, and what it tells about the columns of the second, the reduced covering.

        A search that has been here `before` is patient: it goes on where a first one sees little progress.
        """


@dataclass(frozen=True)
class MostPeople:
    """Cover most people within the limits; first of all meet the floors."""

    maximises_people: ClassVar[bool] = True

    def unit(self, covering: Covering) -> float:
        """Return the weight that makes one in a program."""
        return covering.solver_weight

    def ceiling(self, covering: Covering) -> int:
        """Return the weight that all candidates together cover."""
        return covering.base + int(covering.weight[covering.rows.lengths > 0].sum())

    def measure(self, covering: Covering, chosen: NDArray[np.bool_]) -> tuple[int, int]:
        """Return the weight short of the floors, and the weight covered."""
        return int(covering.shortage(chosen).sum()), covering.value(chosen)

    def reduce(self, covering: Covering) -> Covering:
        """Return the question without dominated candidates, its rows merged."""
        return reduce_covering(covering)

    def start(self, covering: Covering) -> NDArray[np.bool_]:
        """Return everything where everything fits, otherwise a greedy plan."""
        everything = np.ones(len(covering.site), np.bool_)
        return everything if covering.fits(everything) else open_for_floors(covering)

    def polish(
        self, covering: Covering, chosen: NDArray[np.bool_], rounds: int, allowance: Allowance, *, seed: int = 0
    ) -> NDArray[np.bool_]:
        """Return a plan no worse, by exchanges and annealing, of many columns after swaps.

        A large plan is swapped more often, and not as long: its pieces are crossed.
        """
        if covering.floored or len(covering.site) <= _FEW:
            return improve(covering, chosen, rounds, allowance, seed=seed)
        if len(covering.columns.of(np.flatnonzero(chosen))) > _LARGE:
            swaps, hot = min(rounds, _MOST_SWAPPED) * _SWAPPED, _HEATS[seed % len(_HEATS)]
            chosen = swap_pieces(covering, chosen, swaps, allowance, seed=seed, hot=hot)
            rounds = min(rounds, _AFTER)
        else:
            each = _PAIRS * len(covering.site) / max(len(covering.rows.item), 1)
            swaps = rounds * min(max(int(each), _SWAPS[0]), _SWAPS[1])
            chosen = swap_sites(covering, chosen, swaps, allowance, seed=seed)
        return improve(covering, chosen, rounds, allowance, seed=seed)

    def anew(self, covering: Covering, rounds: int, allowance: Allowance, *, seed: int) -> NDArray[np.bool_]:
        """Return a plan that was annealed, and warmed again and again where it was of many columns."""
        plan = self.start(covering)
        if covering.floored or len(covering.site) <= _FEW:
            return self.polish(covering, plan, rounds, allowance, seed=seed)
        plan = swap_sites(covering, plan, rounds * _SWAPS[1], allowance, seed=seed)
        for turn in range(_TIMES):
            hot = _WARM[turn % len(_WARM)]
            other = swap_sites(covering, plan, rounds * _SWAPS[1] // 2, allowance, seed=seed * _TIMES + turn, hot=hot)
            if covering.value(other) >= covering.value(plan):
                plan = other
        return plan

    def program(self, covering: Covering) -> Program:
        """Return the program that covers most people."""
        return cover_most(covering)

    def guide(
        self, of: tuple[Covering, Covering], value: int, allowance: Allowance, before: Guide | None = None
    ) -> Guide:
        """Return the Lagrangian bound; of the merged question, so that its prices hold for the problem itself."""
        merged, small = of
        descent = Descent(merged) if before is None or before.descent is None else before.descent
        descent.run(value, _ROUNDS, allowance, patient=before is not None)
        dual, place = descent.dual, columns_in(merged, small)
        return Guide(dual, dual.bound, dual.share[place], dual.open_loss[place], dual.close_loss[place], descent)


@dataclass(frozen=True)
class LeastCost:
    """Spend least to cover a weight of `reach`, or every row; a value is a cost with its sign changed."""

    maximises_people: ClassVar[bool] = False
    reach: int | None = None  # weight to cover, what is covered before included; None for every row.

    def unit(self, covering: Covering) -> float:
        """Return the units of cost that make one in a program."""
        return covering.solver_cost

    def ceiling(self, covering: Covering) -> int:
        """Return what was spent before, with its sign changed."""
        return -covering.spent

    def measure(self, covering: Covering, chosen: NDArray[np.bool_]) -> tuple[int, int]:
        """Return the weight short of what has to be covered, and the cost with its sign changed."""
        missing = max(self._reach(covering) - covering.value(chosen), 0) + int(covering.shortage(chosen).sum())
        return missing, -covering.spent - int(covering.cost[chosen].sum())

    def reduce(self, covering: Covering) -> Covering:
        """Return the question without superfluous candidates, and superfluous rows where every row counts."""
        return reduce_for_all(covering) if self.reach is None else reduce_covering(covering)

    def start(self, covering: Covering) -> NDArray[np.bool_]:
        """Return a plan that opens greedily until enough is covered, without what became superfluous."""
        return open_until(covering, self._reach(covering))

    def polish(
        self, covering: Covering, chosen: NDArray[np.bool_], rounds: int, allowance: Allowance, *, seed: int = 0
    ) -> NDArray[np.bool_]:
        """Return a plan no dearer: as long as a budget of a little less still buys enough."""
        reach, best = self._reach(covering), chosen
        for cut in range(_CHEAPER):
            cost = int(covering.cost[best].sum())
            if not cost or allowance.up:
                break
            less = replace(covering, budget=cost - 1)
            trial = close_needless(less, improve(less, trim(less, best), rounds, allowance, seed=seed + cut), reach)
            if self.measure(less, trial)[0]:
                break
            best = trial
        return best

    def anew(self, covering: Covering, rounds: int, allowance: Allowance, *, seed: int) -> NDArray[np.bool_]:
        """Return a plan made less dear."""
        return self.polish(covering, self.start(covering), rounds, allowance, seed=seed)

    def program(self, covering: Covering) -> Program:
        """Return the program of least cost."""
        if self.reach is None:
            return cover_every_row(covering)
        return reach_people(covering, self.reach - covering.base)

    def guide(
        self, of: tuple[Covering, Covering], value: int, allowance: Allowance, before: Guide | None = None
    ) -> Guide:
        """Return a bound on the cost, and what it tells about the columns."""
        merged, small = of
        if self.reach is None:
            dual = find_cover_dual(small, -value - small.spent, _ROUNDS, allowance, patient=before is not None)
            return Guide(dual, dual.bound, dual.share, dual.open_loss, dual.close_loss)
        return self._price_reach(merged, small, -value - small.spent, allowance)

    def _price_reach(self, merged: Covering, small: Covering, cost: int, allowance: Allowance) -> Guide:
        """Return a bound on the cost of reaching enough people.

        Prices that bound what a budget can cover say as well which budget could cover enough; prices for that budget
        say it better.
        """
        reach = self._reach(merged)
        best = _priced(merged, reach, cost, allowance)
        for _ in range(_TURNS - 1):
            least = -best.bound
            if least >= cost or not np.isfinite(least) or allowance.up:
                break
            dual = _priced(merged, reach, int(least), allowance, best)
            best = dual if -dual.bound > least else best
        place = columns_in(merged, small)
        return Guide(best, best.bound - small.spent, best.share[place], best.open_loss[place], best.close_loss[place])

    def _reach(self, covering: Covering) -> int:
        return covering.base + int(covering.weight.sum()) if self.reach is None else self.reach


def _priced(merged: Covering, reach: int, budget: int, allowance: Allowance, begin: Dual | None = None) -> Dual:
    """Return what prices for this budget prove about the cost of a weight of `reach`; floors are left out."""
    budget = min(budget, int(merged.cost.sum()) - 1)
    limited = replace(merged, budget=budget, need=np.zeros(len(merged.need), np.int64))
    return price_of_reach(limited, find_dual(limited, reach, _ROUNDS, allowance, begin=begin), reach)


def columns_in(merged: Covering, small: Covering) -> NDArray[np.intp]:
    """Return the column in `merged` of each column of `small`."""
    column = np.full(int(merged.site.max(initial=-1)) + 1, -1, np.intp)
    column[merged.site] = np.arange(len(merged.site))
    return column[small.site]
