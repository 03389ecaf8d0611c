"""A lower bound of the p-median that multipliers prove: a price a row, and the best sites at those prices.

Every row has to be served once. That is relaxed: a row offers a price, and of each pair what the price is above its
value goes to the site. The prices, less what the best allowed sites earn, are a bound for every plan, whatever the
prices are; subgradient steps raise it (Narula, Ogbu and Samuelsson 1977). Limits other than the number of sites are
charged: by the unit of cost, by the site of a pack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np

from accessibility.siting.exact import Effort, Program, solve_program
from accessibility.siting.medians import NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.siting.clock import Clock
    from accessibility.siting.medians import Room, Values

_ROUNDING = 1e-12
_PATIENCE = 20  # steps without a better bound after which they become shorter
_SHORTEST = 0.002
_CHARGED_ANEW = 10  # steps after which the charges of limits are found again
_PROGRESS = 1e-6
_STEP = 50.0  # what a step does for each row and site, beside reading pairs


@dataclass(frozen=True, kw_only=True, eq=False)
class Offers:
    """Multipliers and what they prove.

    Parameters
    ----------
    row
        ``(r,)`` price of each row, in people times cost.
    charge
        ``(2 + g,)`` what a unit of each limit of `Room.left` is charged, 0 or more.
    earned
        ``(m,)`` what each site earns, all charges but the number's taken off; less than 0 is good.
    chosen
        ``(m,)`` the best sites within the number.
    bound
        No plan has a lower value.
    """

    row: NDArray[np.float64]
    charge: NDArray[np.float64]
    earned: NDArray[np.float64]
    chosen: NDArray[np.bool_]
    bound: float

    def charges(self, room: Room) -> NDArray[np.float64]:
        """Return the charges with the number's: what the last of the chosen earns, where all that may are chosen."""
        charges = self.charge.copy()
        if 1 <= room.left[NUMBER] <= self.chosen.sum() and room.left[NUMBER] < len(self.chosen):
            charges[NUMBER] = -float(self.earned[self.chosen].max())
        return charges


def raise_bound(
    values: Values, room: Room, begin: NDArray[np.float64], visit: Callable[[Offers], float], clock: Clock
) -> Offers:
    """Return the best prices that subgradient steps find.

    Parameters
    ----------
    values, room
        The p-median.
    begin
        ``(r,)`` prices to begin from.
    visit
        Is shown the prices of every step and returns what the bound has to reach.
    clock
        When to stop.
    """
    lowest = values.lowest
    best = weigh(values, room, lowest, charge(values, room, lowest))
    price, charges = np.clip(begin, lowest, values.base), best.charge
    heading = np.zeros(len(price))
    step, idle, taken = 1.0, 0, 0
    while step >= _SHORTEST and not clock.up:
        if taken % _CHARGED_ANEW == 0:
            charges = charge(values, room, price)
        now = weigh(values, room, price, charges)
        clock.spend(_STEP * (len(values.base) + len(room.cost)) + len(values.by_row[1]) / 2)
        taken, idle = taken + 1, idle + 1
        if now.bound > best.bound:
            idle = 0 if now.bound > best.bound + _PROGRESS * abs(best.bound) else idle
            best = now
        target = visit(now)
        if target <= best.bound:
            break
        if idle >= _PATIENCE:
            step, idle, price, charges = step / 2, 0, best.row.copy(), best.charge
            heading[:] = 0.0
            continue
        length = _head(values.by_row, (price, lowest, values.base), now.chosen, heading)
        if length <= 0.0:
            break
        price = np.clip(price + step * (target - now.bound) / length * heading, lowest, values.base)
    return best


def charge(values: Values, room: Room, price: NDArray[np.float64]) -> NDArray[np.float64]:
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


def weigh(values: Values, room: Room, price: NDArray[np.float64], charges: NDArray[np.float64]) -> Offers:
    """Return what prices and charges prove; the number of sites is kept to, and charges nothing."""
    charges = charges.copy()
    charges[NUMBER] = 0.0
    earned = _gross(values, room, price)
    if charges.any():
        earned += room.rows.T @ charges
    order = np.argsort(earned, kind="stable")[: int(room.left[NUMBER])]
    chosen = np.zeros(len(earned), np.bool_)
    chosen[order[earned[order] < 0]] = True
    charged = float((charges * np.where(charges > 0, room.left, 0.0)).sum())
    bound = float(price.sum() + earned[chosen].sum() - charged)
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


def _gross(values: Values, room: Room, price: NDArray[np.float64]) -> NDArray[np.float64]:
    gross = np.zeros(len(room.cost))
    _earn(values.by_row, price, gross)
    return gross


@nb.njit(cache=True, nogil=True)
def _earn(by_row, price, gross):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    start, site, value = by_row
    for i in range(price.size):
        offer = price[i]
        for k in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            if value[k] >= offer:
                break
            gross[site[k]] += value[k] - offer


@nb.njit(cache=True, nogil=True)
def _head(by_row, prices, chosen, heading):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Turn the heading to where the bound rises: up for rows nobody serves, down for those served more than once."""
    start, site, value = by_row
    price, lowest, highest = prices
    length = 0.0
    for i in range(price.size):
        slope = 1.0
        for k in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            if value[k] >= price[i]:
                break
            if chosen[site[k]]:
                slope -= 1.0
        turned = slope + 0.7 * heading[i]
        if (turned > 0.0 and price[i] >= highest[i]) or (turned < 0.0 and price[i] <= lowest[i]):
            turned = 0.0
        heading[i] = turned
        length += turned * turned
    return length
