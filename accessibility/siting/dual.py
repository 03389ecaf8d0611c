"""Bounds without a solver: a Lagrangian dual of covering, by the volume algorithm.

Every row gets a price of at most its people. Whoever is not priced counts as covered, and for the priced ones the best
candidates are paid by what they would cover, as if nobody were ever covered twice. Whatever the prices, no plan can be
better; the search lowers that number (Barahona and Anbil 2000). It also leaves a fractional plan that tells which
candidates are worth a closer look.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.siting.pairs import Pairs
from accessibility.siting.volume import (
    BOUND,
    BUDGET,
    LENGTH,
    NUMBER,
    PROFIT,
    DualState,
    choose_columns,
    descend,
    paid_columns,
    room_to_choose,
    room_to_descend,
)
from accessibility.streets.search.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Allowance
    from accessibility.streets.search.compiling import F64, I32, I64

_CHUNK = 25
_COURSE = np.inf, 0.1, 0.0, 0.1, 0.0  # bound, step, rounds without progress, weight of news, rounds
_SHORTEST = 1e-5
_LEAST_PROGRESS, _LITTLE = 0.02, 0.002  # of the gap, over `_TRIAL` rounds; of a patient search
_TRIAL = 150
_READS, _ROW = 1, 10  # what a round does: pairs read, and what a row costs beside


@dataclass(frozen=True, kw_only=True, eq=False)
class Dual:
    """Prices that prove a bound, in units of weight."""

    bound: float  # nothing that keeps to the limits covers more, `base` included
    price: NDArray[np.float64]  # (r,) price of each row, 0 to its worth
    worth: NDArray[np.float64]  # (r,) weight of each row, raised where its district has to meet a floor
    floor: NDArray[np.float64]  # (d,) by how much it is raised, relatively
    pack: NDArray[np.float64]  # (m,) price of each pack
    # site, cost: price of opening, and of a unit of cost
    site: float
    cost: float
    paid: NDArray[np.float64]  # (c,) what each column is paid for its rows, less what its packs are charged
    share: NDArray[np.float64]  # (c,) a fractional plan, close to the best one
    # open_loss, close_loss: (c,) by how much the bound falls when the column has to open, or stay closed
    open_loss: NDArray[np.float64]
    close_loss: NDArray[np.float64]
    reach: float = 0.0  # cost of covering one unit of weight more, where the cost is bounded


def find_dual(covering: Covering, target: int, rounds: int, allowance: Allowance, begin: Dual | None = None) -> Dual:
    """Return prices that prove a low bound on the weight that can be covered.

    Parameters
    ----------
    covering
        The question.
    target
        Weight that some plan covers, `base` included; the search stops where the bound meets it.
    rounds
        Most rounds.
    allowance
        When to stop; some bound is found in any case.
    begin
        Prices of the same rows to begin from.
    """
    descent = Descent(covering, begin)
    descent.run(target, rounds, allowance)
    return descent.dual


class Descent:
    """Prices on their way down, which go on from where they were left.

    Parameters
    ----------
    covering
        The question.
    begin
        Prices of the same rows to begin from.
    """

    def __init__(self, covering: Covering, begin: Dual | None = None) -> None:
        """Begin with half of each row priced, or with prices there are."""
        people = (covering.weight.astype(np.float64), covering.district, covering.need.astype(np.float64))
        mode = BUDGET if covering.spends else NUMBER
        self._covering, self._question = covering, _question(covering, people, _linear_limits(covering), mode)
        self._state = _begin(people[0], self._question)
        if begin is not None:
            # A price above the people of its row pays columns for what nobody gains.
            self._state.price[:] = np.minimum(begin.price, people[0])
        # Whom nobody reaches covers nothing: priced in full such a row is out of the way at once.
        bare = covering.rows.lengths == 0
        self._state.price[bare] = people[0][bare]

    def run(self, target: int, rounds: int, allowance: Allowance, *, patient: bool = False) -> None:
        """Lower the bound, see `find_dual`; a patient search goes on where there is little progress."""
        how = (rounds, _LITTLE if patient else _LEAST_PROGRESS, allowance)
        _search(self._question, self._state, float(target - self._covering.base), how)

    def move(self, floor: NDArray[np.float64], pack: NDArray[np.float64]) -> None:
        """Go on from other prices of floors and packs, with long steps again."""
        state, district = self._state, self._covering.district
        state.price[:] *= (1.0 + floor)[district] / (1.0 + state.floor)[district]
        state.floor[:] = floor
        state.pack[: len(pack)] = pack
        state.course[:] = _COURSE

    @property
    def dual(self) -> Dual:
        """The best prices so far."""
        found = _dual(self._covering, self._question, self._state)
        own = {name: getattr(found, name).copy() for name in ("price", "floor", "pack", "share")}
        return replace(found, **own)


def find_cover_dual(
    covering: Covering, target: int, rounds: int, allowance: Allowance, *, patient: bool = False
) -> Dual:
    """Return prices of rows that prove a high bound on the cost of covering all of them.

    No row is worth more than the cheapest column that covers it. Limits and packs are left out.

    Parameters
    ----------
    covering
        The question.
    target
        Cost that some plan has, without what was spent before; the search stops where the bound meets it.
    rounds, allowance, patient
        As in `find_dual`.

    Returns
    -------
    Dual
        Its bound is the negative cost, what was spent before included.
    """
    cost = covering.cost.astype(np.float64)
    worth = np.minimum.reduceat(cost[covering.rows.item], covering.rows.start[:-1]) if len(covering.rows) else cost[:0]
    people = (worth, np.zeros(len(worth), np.int32), np.zeros(1))
    none = Pairs(start=np.zeros(len(cost) + 1, np.int64), item=np.empty(0, np.int32))
    question = _question(covering, people, (none, np.empty(0, np.int64)), PROFIT)
    state = _begin(worth, question)
    _search(question, state, float(worth.sum()) - target, (rounds, _LITTLE if patient else _LEAST_PROGRESS, allowance))
    _afford(question[0], cost, state.price)
    dual = _dual(covering, question, state)
    return replace(dual, bound=-float(dual.price.sum()) - covering.spent)


def price_of_reach(covering: Covering, dual: Dual, reach: int) -> Dual:
    """Return what prices that bound the weight under a budget prove about the cost of covering a weight of `reach`.

    The bound of what a budget buys grows with the budget along a line that bends down; where it meets `reach` is the
    least budget that could do.

    Returns
    -------
    Dual
        Its bound is the negative cost, without what was spent before; minus infinity where no budget would do. Its
        losses are in cost, its `reach` is the cost of one unit of weight more.
    """
    cost = covering.cost.astype(np.float64)
    ratio = np.divide(dual.paid, cost, out=np.full(len(cost), np.inf), where=cost > 0)
    order = np.argsort(-ratio, kind="stable")
    order = order[dual.paid[order] > 0]
    spent, bought = (np.concatenate([[0.0], np.cumsum(values[order])]) for values in (cost, dual.paid))
    missing = reach - (dual.bound - float(np.interp(covering.budget, spent, bought)))
    place = int(np.searchsorted(bought, missing))
    if missing <= 0:
        return replace(dual, bound=0.0, open_loss=cost, close_loss=np.zeros(len(cost)))
    if place == len(bought):
        return replace(dual, bound=-np.inf)
    each = 1.0 / float(ratio[order[place - 1]])
    least = float(spent[place]) - each * (float(bought[place]) - missing)
    # Turned round, in cost: what a column is paid at this slope, less what it costs. Below zero, the bound loses as
    # much when the column has to open; above zero, when it has to stay closed.
    profit = each * dual.paid - cost
    return replace(
        dual,
        bound=-least,
        reach=each,
        open_loss=np.maximum(-profit, 0.0),
        close_loss=np.maximum(profit, 0.0),
    )


@kernel
def _afford(pairs: tuple[I64, I32, I64, I32], cost: F64, price: F64) -> None:
    """Lower prices until no column is paid more than it costs; the bound loses nothing by it.

    Such prices hold for every column that was left out because another one does all it does for no more.
    """
    start, row = pairs[0], pairs[1]
    for j in range(cost.size):
        paid = 0.0
        for k in range(start[j], start[j + 1]):
            paid += price[row[k]]
        if paid > cost[j]:
            for k in range(start[j], start[j + 1]):
                price[row[k]] *= cost[j] / paid


def _question(
    covering: Covering, people: tuple[NDArray[Any], ...], packs: tuple[Pairs, NDArray[np.int64]], mode: int
) -> tuple[Any, ...]:
    """Return the arrays that the kernels read; a number of columns is a budget where each costs 1."""
    number = mode == NUMBER
    cost = np.ones(len(covering.cost)) if number else covering.cost.astype(np.float64)
    budget = covering.most if number else covering.budget
    return (
        (covering.columns.start, covering.columns.item, covering.rows.start, covering.rows.item),
        (packs[0].start, packs[0].item, packs[1].astype(np.float64)),
        people,
        (cost, float(covering.most), float(budget), mode),
    )


def _search(question: tuple[Any, ...], state: DualState, target: float, how: tuple[int, float, Allowance]) -> None:
    """Lower the bound until it meets the target, hardly moves any more, or the time is up."""
    rounds, progress, allowance = how
    course, before = state.course, np.inf
    each = _READS * len(question[0][1]) + _ROW * len(question[2][0])
    room = room_to_descend(state)
    for done in range(0, rounds, _CHUNK):
        descend(question, state, room, target, _CHUNK)
        allowance.spend(_CHUNK * each)
        if course[BOUND] <= target or course[LENGTH] < _SHORTEST or allowance.up:
            return
        if done % _TRIAL == 0:
            if before - course[BOUND] < progress * (course[BOUND] - target):
                return
            before = course[BOUND]


def _linear_limits(covering: Covering) -> tuple[Pairs, NDArray[np.int64]]:
    """Return the packs, and the number of sites as one more where the budget is the main limit."""
    if not (covering.counts and covering.spends):
        return covering.packs, covering.room
    c, last = len(covering.site), len(covering.room)
    start = covering.packs.start + np.arange(c + 1)
    item = np.insert(covering.packs.item, covering.packs.start[1:], last).astype(np.int32)
    return Pairs(start=start, item=item), np.append(covering.room, covering.most)


def _begin(worth: NDArray[np.float64], question: tuple[Any, ...]) -> DualState:
    """Return half of each row priced, and nothing chosen."""
    c, m, d = len(question[3][0]), len(question[1][2]), len(question[2][2])
    return DualState(
        price=worth * 0.5,
        pack=np.zeros(m),
        floor=np.zeros(d),
        share=np.zeros(c),
        course=np.array(_COURSE),
        covered=np.zeros(len(worth)),
        packed=np.zeros(m),
    )


def _dual(covering: Covering, question: tuple[Any, ...], state: DualState) -> Dual:
    price, pack, floor = state.price, state.pack, state.floor
    pairs, packs, people, limits = question
    cost, most, _, mode = limits
    paid = np.empty(len(pairs[0]) - 1)
    paid_columns(pairs, packs, (price, pack), paid)
    _, charge = choose_columns(paid, limits, np.empty(len(paid)), room_to_choose(len(paid)))
    number = mode == NUMBER
    profit = paid - (charge if number else charge * cost)
    # Reduced costs: a column whose loss is more than what lies between the bound and a plan at hand can be fixed.
    open_loss, close_loss = np.maximum(-profit, 0.0), np.maximum(profit, 0.0)
    if number and 0 < most < len(paid):
        # Whoever enters the best so many pushes the last of them out; whoever leaves lets the next one in.
        last = float(np.partition(paid, len(paid) - int(most))[len(paid) - int(most)])
        open_loss = np.maximum(max(last, 0.0) - paid, 0.0)
    return Dual(
        bound=float(state.course[BOUND]) + covering.base,
        price=price,
        worth=people[0] * (1.0 + floor[people[1]]),
        floor=floor,
        pack=pack[: len(covering.room)],
        site=float(charge) if number else float(pack[-1]) if len(pack) > len(covering.room) else 0.0,
        cost=0.0 if number else float(charge),
        paid=paid,
        share=state.share,
        open_loss=open_loss,
        close_loss=close_loss,
    )
