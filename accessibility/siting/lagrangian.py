"""A lower bound of the p-median that multipliers prove: a price a row, and the best sites at those prices.

Every row has to be served once. That is relaxed: a row offers a price, and of each pair what the price is above its
value goes to the site. The prices, less what the best allowed sites earn, are a bound for every plan, whatever the
prices are; subgradient steps raise it (Narula, Ogbu and Samuelsson 1977). Limits other than the number of sites are
charged: by the unit of cost, by the site of a pack.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.siting import volume
from accessibility.siting.exact import Effort, Program, solve_program
from accessibility.siting.medians import NUMBER
from accessibility.siting.volume import choose_columns, room_to_choose
from accessibility.streets.search.compiling import helper, kernel, maker

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.siting.effort import Allowance
    from accessibility.siting.medians import Room, RowValues
    from accessibility.streets.search.compiling import F64, I32, I64

_ROUNDING = 1e-12
_AT_ONCE = 10  # steps after which the charges of limits are found again, and the plan is looked at
_PROGRESS = 1e-6
_KEPT = 0.7  # of the heading of the step before
_STEP = 10.0  # what a step does for each row and site, beside reading pairs
_BOUND, _LENGTH, _IDLE = 0, 1, 2  # places in a course: the best bound, how long a step is, steps without progress


@dataclass(frozen=True, kw_only=True, eq=False)
class Offers:
    """Multipliers and what they prove."""

    row: NDArray[np.float64]  # (r,) price of each row, in people times cost
    charge: NDArray[np.float64]  # (2 + g,) what a unit of each limit of `Room.left` is charged, 0 or more
    # (m,) what each site earns, all charges but the number's taken off; less than 0 is good
    earned: NDArray[np.float64]
    chosen: NDArray[np.bool_]  # (m,) the best sites within the number
    bound: float  # no plan has a lower value

    def charges(self, room: Room) -> NDArray[np.float64]:
        """Return the charges with the number's: what the last of the chosen earns, where all that may are chosen."""
        charges = self.charge.copy()
        if 1 <= room.left[NUMBER] <= self.chosen.sum() and room.left[NUMBER] < len(self.chosen):
            charges[NUMBER] = -float(self.earned[self.chosen].max())
        return charges


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How long a bound is raised."""

    patience: int = 20  # steps without a better bound after which they become half as long
    shortest: float = 0.002  # length of a step, of the way to where the bound has to come, below which the search ends
    most: int = 100_000  # number of steps


def raise_bound(
    values: RowValues,
    room: Room,
    begin: NDArray[np.float64],
    visit: Callable[[Offers], float],
    allowance: Allowance,
    steps: Steps | None = None,
) -> Offers:
    """Return the best prices that subgradient steps find.

    Parameters
    ----------
    values, room
        The p-median.
    begin
        ``(r,)`` prices to begin from.
    visit
        Is shown the prices of every so many steps and returns what the bound has to reach.
    allowance
        When to stop.
    steps
        How long it goes on, where not the usual time.
    """
    steps = Steps() if steps is None else steps
    lowest = values.lowest
    best = weigh(values, room, lowest, charge(values, room, lowest))
    r, m = len(lowest), len(room.cost)
    price, heading, course = np.clip(begin, lowest, values.base), np.zeros(r), np.array([best.bound, 1.0, 0.0])
    best_price = best.row.copy()
    scratch = (np.empty(m), np.empty(m), np.empty(m), np.ones(m), room_to_choose(m))
    each = _STEP * (r + m) + len(values.by_row[1]) / 2
    target = visit(best)
    for _ in range(0, steps.most, _AT_ONCE):
        if target <= best.bound or course[_LENGTH] < steps.shortest or allowance.up:
            break
        charges = charge(values, room, price)
        charged, paid = _charged(room, charges)
        limits = (charged, paid, float(room.left[NUMBER]), target, steps.patience)
        ended = _climb((values.by_row, lowest, values.base), limits, (price, heading, course, best_price), scratch)
        allowance.spend(_AT_ONCE * each)
        now = Offers(row=price, charge=charges, earned=scratch[0], chosen=scratch[1] > 0, bound=best.bound)
        if course[_BOUND] > best.bound:
            best = replace(now, row=best_price.copy(), bound=course[_BOUND])
        target = visit(now)
        if ended:
            break
    return weigh(values, room, best.row, best.charge)


def charge(values: RowValues, room: Room, price: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the charges of the limits that prove most at these prices; 0 where only the number is limited."""
    if room.only_number:
        return np.zeros(len(room.left))
    gross = _gross(values, room, price)
    scale = max(float(-gross.min()), 1e-300)
    program = Program(
        objective=gross / scale,
        lower=np.zeros(len(gross)),
        upper=np.ones(len(gross)),
        integer=np.zeros(len(gross), np.bool_),
        rows=room.solver_rows,
        row_lower=np.full(len(room.finite), -np.inf),
        row_upper=room.solver_left(0.0),
        maximise=False,
    )
    found = np.zeros(len(room.left))
    duals = solve_program(program, Effort()).duals
    if duals is not None:
        found[room.finite] = np.maximum(-duals * scale * room.solver_scale, 0.0)
    return found


def weigh(values: RowValues, room: Room, price: NDArray[np.float64], charges: NDArray[np.float64]) -> Offers:
    """Return what prices and charges prove; the number of sites is kept to, and charges nothing."""
    charges = charges.copy()
    charges[NUMBER] = 0.0
    charged, paid = _charged(room, charges)
    earned = _gross(values, room, price) + charged
    order = np.argsort(earned, kind="stable")[: int(room.left[NUMBER])]
    chosen = np.zeros(len(earned), np.bool_)
    chosen[order[earned[order] < 0]] = True
    bound = float(price.sum() + earned[chosen].sum() - paid)
    return Offers(row=price, charge=charges, earned=earned, chosen=chosen, bound=bound)


def fixed_sites(prices: Offers, room: Room, target: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which sites are in no plan below the target, and which are in every one.

    A site forced in pushes out the last of the chosen where the number is reached; one forced out lets in the best of
    the others.
    """
    earned, chosen = prices.earned, prices.chosen
    # A difference that the rounding of the bound has swallowed decides nothing.
    margin = target - prices.bound + _ROUNDING * max(1.0, abs(target))
    full = chosen.sum() >= room.left[NUMBER]
    last = float(earned[chosen].max()) if full and chosen.any() else 0.0
    following = min(float(earned[~chosen].min(initial=0.0)), 0.0) if full else 0.0
    return ~chosen & (earned - last > margin), chosen & (following - earned > margin)


def _charged(room: Room, charges: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return what each site is charged for the limits, and what they can be charged in all."""
    if not charges.any():
        return np.zeros(len(room.cost)), 0.0
    return room.rows.T @ charges, float((charges * np.where(charges > 0, room.left, 0.0)).sum())


def _gross(values: RowValues, room: Room, price: NDArray[np.float64]) -> NDArray[np.float64]:
    gross = np.zeros(len(room.cost))
    _earn(values.by_row, price, gross)
    return gross


@kernel
def _earn(by_row: tuple[I64, I32, F64], price: F64, gross: F64) -> None:
    start, site, value = by_row
    for i in range(price.size):
        offer = price[i]
        for k in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            # The pairs of a row ascend in value: nobody after this one earns anything of it.
            if value[k] >= offer:
                break
            gross[np.uint64(site[k])] += value[k] - offer


@maker
def _climb(
    pairs: tuple[tuple[I64, I32, F64], F64, F64],
    limits: tuple[F64, float, float, float, int],
    state: tuple[F64, F64, F64, F64],
    scratch: tuple[F64, F64, F64, F64, tuple[F64, I64]],
) -> bool:
    """Take some steps in place; return whether there is nowhere to go."""
    by_row = pairs[0]
    charged, paid, number, target, patience = limits
    price, heading, course, best_price = state
    earned, chosen, pay, ones, room = scratch
    for _ in range(_AT_ONCE):
        earned[:] = charged
        _earn(by_row, price, earned)
        for j in range(earned.size):
            pay[j] = -earned[j]
        profit, _charge = choose_columns(pay, (ones, number, number, volume.NUMBER), chosen, room)
        bound = price.sum() - profit - paid
        course[_IDLE] += 1.0
        if bound > course[_BOUND]:
            course[_IDLE] = 0.0 if bound > course[_BOUND] + _PROGRESS * abs(course[_BOUND]) else course[_IDLE]
            course[_BOUND] = bound
            best_price[:] = price
        if course[_BOUND] >= target:
            return True
        if course[_IDLE] >= patience:
            # Half as long from the best prices there are (Held, Wolfe and Crowder 1974).
            course[_LENGTH] /= 2.0
            course[_IDLE] = 0.0
            price[:] = best_price
            heading[:] = 0.0
            continue
        length = _head(pairs, price, chosen, heading)
        if length <= 0.0:
            return True
        # Polyak's step: a share of the way that is left, over the squared length of the heading.
        _go(pairs, price, heading, course[_LENGTH] * (target - bound) / length)
    return False


@helper
def _go(pairs: tuple[tuple[I64, I32, F64], F64, F64], price: F64, heading: F64, step: float) -> None:
    """Move the prices along the heading, within what they may be."""
    _, lowest, highest = pairs
    for i in range(price.size):
        price[i] = min(max(price[i] + step * heading[i], lowest[i]), highest[i])


@helper
def _head(pairs: tuple[tuple[I64, I32, F64], F64, F64], price: F64, chosen: F64, heading: F64) -> float:
    """Turn the heading to where the bound rises: up for rows nobody serves, down for those served more than once."""
    (start, site, value), lowest, highest = pairs
    length = 0.0
    for i in range(price.size):
        slope = 1.0
        for k in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            if value[k] >= price[i]:
                break
            slope -= chosen[np.uint64(site[k])]
        # Some of the last heading is kept, against zigzag (Camerini, Fratta and Maffioli 1975).
        turned = slope + _KEPT * heading[i]
        if (turned > 0.0 and price[i] >= highest[i]) or (turned < 0.0 and price[i] <= lowest[i]):
            turned = 0.0
        heading[i] = turned
        length += turned * turned
    return length
