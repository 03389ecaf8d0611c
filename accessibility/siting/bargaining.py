"""One plan and one bound for parts that share a budget, quotas and floors: all of it at prices.

Prices on the budget, on each quota and on the people of each district make the parts independent (Everett 1963). They
fall on all parts at once (`dual`), and bound every plan. At these prices sites are opened, closed and swapped in each
part alone (`trading`); prices follow what all parts together take. What is then still over a limit or below a floor is
put right site by site, and a last search keeps to every limit all the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from accessibility.siting.dual import Descent
from accessibility.siting.effort import SEED, Clock
from accessibility.siting.pairs import Pairs
from accessibility.siting.trading import Trade
from accessibility.streets.search.compiling import run_in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.dual import Dual
    from accessibility.siting.stacking import Stack

_FIRST_ROUNDS, _ROUNDS = 400, (2_000, 3_000)  # of prices on their way down: before there is a plan, and in each turn
_TURNS, _EPOCHS, _LAST_EPOCHS = 2, 24, 4  # looks at the prices in a turn; when every limit is kept to
_MOVES = (20, 60)  # for each candidate between two of these, in each turn
_HOT, _COLD = 0.3, 0.005  # of what a typical site is charged: such a loss is taken every third time
_WORK = 1e13
_LEAST, _MOST = 0.8, 1.25  # what a price changes by, at the most
_BELOW = 0.95  # of what covers too little of some district, a value that some plan has
_SPARE = 1.001  # how much more than its floor a district is meant to have, before all is put right


@dataclass(frozen=True, kw_only=True, eq=False)
class Bargain:
    """What a search at prices ended with.

    Parameters
    ----------
    chosen
        ``(c,)`` columns that open.
    dual
        Prices that bound every plan.
    value
        Weight covered, that before included.
    short
        ``(d,)`` how far each district stays below its floor.
    fits
        Whether the plan keeps to all other limits.
    """

    chosen: NDArray[np.bool_]
    dual: Dual
    value: int
    short: NDArray[np.int64]
    fits: bool

    @property
    def keeps(self) -> bool:
        """Whether the plan keeps to all limits and floors."""
        return self.fits and not self.short.any()


def bargain(stack: Stack, gap: float) -> Bargain:
    """Return the best plan that was found for all parts, and prices that bound every plan.

    Parameters
    ----------
    stack
        All parts.
    gap
        Relative gap between plan and bound that is near enough.
    """
    covering, clock = stack.covering, Clock(work=_WORK, size=_WORK)
    trade, descent = Trade(covering, stack.shared), Descent(covering)
    if not len(covering.site):
        return _told(trade, descent.dual)
    people = covering.weight.astype(np.float64)
    trade.fill((people, covering.cost.astype(np.float64)), 0.0)
    best = _told(trade, descent.dual)
    for turn, rounds in enumerate((_FIRST_ROUNDS, *_ROUNDS)):
        if turn:
            market = _Market(stack, best.dual)
            _search_at(stack, trade, market, turn - 1)
            best = replace(max(best, _told(trade, best.dual), key=_worth), dual=best.dual)
            descent.move(*market.mean)
        # What falls short of floors covers more than a plan may: the bound has to go below it.
        target = best.value if best.keeps else round(_BELOW * min(best.value, descent.dual.bound))
        descent.run(target, rounds, clock, patient=True)
        best = replace(best, dual=min(best.dual, descent.dual, key=lambda dual: dual.bound))
        if best.keeps and best.dual.bound - best.value <= gap * best.value:
            break
    return best


def _told(trade: Trade, dual: Dual) -> Bargain:
    return Bargain(chosen=trade.inside.copy(), dual=dual, value=trade.value, short=trade.short, fits=trade.fits)


def _worth(found: Bargain) -> tuple[bool, int, int]:
    return found.fits, -int(found.short.sum()), found.value


class _Market:
    """Prices of the limits that parts share, which follow what is taken of them."""

    def __init__(self, stack: Stack, dual: Dual) -> None:
        covering = stack.covering
        self._stack, self._members = stack, covering.packs.keep(np.arange(len(covering.room)) >= stack.shared)
        self.money = max(dual.cost, dual.site)
        self._floor, self._quota = dual.floor.copy(), dual.pack[stack.shared :].copy()
        self._sums, self._looks = (np.zeros_like(self._floor), np.zeros_like(self._quota)), 0
        self.typical = max(self.money * float(np.mean(covering.cost)), float(np.median(dual.paid)), 1e-9)

    @property
    def prices(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each row is worth, and what each column is charged."""
        covering = self._stack.covering
        charge = np.asarray(self.money * covering.cost, dtype=np.float64)
        np.add.at(charge, self._members.line, self._quota[self._members.item])
        worth = covering.weight * (1.0 + self._floor[covering.district])
        return worth.astype(np.float64), charge

    @property
    def mean(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Prices of floors and of packs on the mean since prices have settled; those of one part alone are 0."""
        floor, quota = (each / max(self._looks, 1) for each in self._sums)
        return floor, np.concatenate([np.zeros(self._stack.shared), quota])

    def score(self, trade: Trade) -> float:
        """Return the weight covered less twice what all that is over a limit or below a floor is worth."""
        over = self.money * max(-int(trade.left[0]), 0) + float((1.0 + self._floor) @ trade.short)
        return trade.value - 2.0 * (over + self.typical * float(np.maximum(-trade.room, 0).sum()))

    def follow(self, trade: Trade, *, settled: bool) -> None:
        """Raise the price of what is taken too much of, lower that of what is left."""
        covering, shared = self._stack.covering, self._stack.shared
        if covering.spends:
            spent = (covering.budget - int(trade.left[0])) / max(covering.budget, 1)
            self.money *= float(np.clip(np.sqrt(spent), _LEAST, _MOST))
        room = np.maximum(covering.room[shared:], 1)
        self._quota = np.maximum(self._quota - trade.room[shared:] / room * self.typical * 0.5, 0.0)
        wanted = np.maximum(covering.need, 0) * _SPARE
        ratio = np.divide(wanted, trade.there, out=np.full(len(wanted), _MOST), where=trade.there > 0)
        raised = (1.0 + self._floor) * np.clip(np.sqrt(ratio), _LEAST, _MOST) - 1.0
        self._floor = np.where(covering.need > 0, np.maximum(raised, 0.0), 0.0)
        if settled:
            self._sums[0][:] += self._floor
            self._sums[1][:] += self._quota
            self._looks += 1


def _search_at(stack: Stack, trade: Trade, market: _Market, turn: int) -> None:
    """Search in all parts at prices that follow what is taken; then keep to every limit."""
    hot = _HOT if not turn else _HOT / 4
    best, begin = -math.inf, trade.inside.copy()
    for epoch in range(_EPOCHS):
        heat = market.typical * hot * (_COLD / hot) ** (epoch / (_EPOCHS - 1))
        _run(stack, trade, market, heat, (turn * _EPOCHS + epoch, _MOVES[turn]))
        trade.set(trade.inside.copy())
        settled = epoch >= _EPOCHS // 2
        if settled and (score := market.score(trade)) > best:
            best, begin = score, trade.inside.copy()
        market.follow(trade, settled=settled)
    trade.set(begin)
    people = stack.covering.weight.astype(np.float64)
    by_district = _rows_by_district(stack)
    for epoch in range(_LAST_EPOCHS):
        put_right(trade, market.prices, by_district)
        # Where closing alone does not do, swaps that save more than they are worth may.
        charge = market.prices[1] * (1.0 if trade.fits else 1.0 + epoch)
        heat = market.typical * _COLD * (1 - epoch / (_LAST_EPOCHS - 1))
        random, every = _stream(_TURNS * _EPOCHS + turn * _LAST_EPOCHS + epoch, 0), (0, len(trade.inside))
        trade.run((people, charge), every, _MOVES[turn] * len(trade.inside), (heat, random, True))
        trade.fill((people, np.maximum(charge, 1e-9)), 0.0 if epoch == _LAST_EPOCHS - 1 else 1.0)


def _rows_by_district(stack: Stack) -> Pairs:
    district = stack.covering.district
    start = np.concatenate([[0], np.cumsum(np.bincount(district, minlength=len(stack.covering.need)))])
    return Pairs(start=start.astype(np.int64), item=np.argsort(district, kind="stable").astype(np.int32))


def _run(stack: Stack, trade: Trade, market: _Market, heat: float, how: tuple[int, int]) -> None:
    prices, (epoch, moves) = market.prices, how
    run_in_threads(
        partial(trade.run, prices, within, moves * (within[1] - within[0]), (heat, _stream(epoch, part), False))
        for part, within in enumerate(_ranges(stack))
    )


def _ranges(stack: Stack) -> list[tuple[int, int]]:
    return list(zip(stack.columns[:-1].tolist(), stack.columns[1:].tolist(), strict=True))


def _stream(epoch: int, part: int) -> NDArray[np.uint64]:
    """Return a stream of random numbers that no other epoch or part has."""
    return np.array([SEED + (np.uint64(epoch) << np.uint64(32)) + np.uint64(part)], np.uint64)


def put_right(trade: Trade, prices: tuple[NDArray[np.float64], NDArray[np.float64]], by_district: Pairs) -> None:
    """Open what floors lack, then close what limits do not allow, those first that lose least for what they take."""
    for place in np.flatnonzero(trade.short).tolist():
        rows = by_district.of(np.array([place]))
        while trade.short[place] > 0 and (column := _best_there(trade, rows)) is not None:
            trade.turn(column)
    if trade.fits:
        return
    worth, charge = prices
    lost = trade.worths(worth) / np.maximum(charge, 1e-9)
    there = np.flatnonzero(trade.inside)
    for column in there[np.argsort(lost[there], kind="stable")].tolist():
        if _may_close(trade, column):
            trade.turn(column)
        if trade.fits:
            return


def _may_close(trade: Trade, column: int) -> bool:
    """Return whether a column takes up what there is too much of, and no floor is missed without it."""
    covering = trade.covering
    packs = covering.packs.of(np.array([column]))
    if not ((trade.left[0] < 0 and covering.cost[column] > 0) or (trade.room[packs] < 0).any()):
        return False
    alone = trade.alone(column)
    return not (trade.there - alone < covering.need)[alone > 0].any()


def _best_there(trade: Trade, there: NDArray[np.int32]) -> int | None:
    """Return the closed column that brings in most of a district for its cost, where its packs have room."""
    covering = trade.covering
    rows = there[trade.times[there] == 0].astype(np.intp)
    taken = covering.rows.take(rows)
    columns, place = np.unique(taken.item, return_inverse=True)
    gain = np.bincount(place, np.repeat(covering.weight[rows], taken.lengths), len(columns))
    full = trade.room <= 0
    packs = covering.packs.take(columns.astype(np.intp))
    ratio = np.where(np.bincount(packs.line, full[packs.item], len(columns)) == 0, gain, 0.0)
    ratio /= np.maximum(covering.cost[columns], 1)
    return int(columns[np.argmax(ratio)]) if (ratio > 0).any() else None
