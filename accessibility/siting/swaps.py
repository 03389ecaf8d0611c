"""Single swaps: a plan annealed by sites that open and close, most of them an open one for a neighbour in its place.

Some open or close alone, at a price that follows how far the plan is over or under its limits: so parts of the map give
sites to each other where no chain of neighbours leads from one to the other. The best plan within the limits is kept.

Gains of all columns are kept up to date, and neighbours are told with the weight that they share: most swaps are
refused for three numbers that are known, without a look at the rows of either site. `annealing` brings such plans to
their end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.siting.crossing import cross_pieces
from accessibility.siting.effort import SEED, draw
from accessibility.siting.greedy import NONE, begin_search, has_room, turn_column
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Allowance
    from accessibility.siting.greedy import Search
    from accessibility.streets.search.compiling import F64, I32, I64, U64, Flags

_CHUNK = 1_000  # swaps between two looks at the price, and at what is left to do
# Of what a typical open site alone covers: such a loss is taken every third time. One seed begins hotter than another.
_HOT, _COLD = (0.06, 0.1, 0.045), 0.003
_FINE = np.int64(1 << 30)
_ALONE, _OF = np.int64(3), np.int64(20)  # of how many tries how many open a site alone, and as many close one
_MISSED = 3  # more open sites among which the one that is missed least closes alone
_OVER = 25  # open sites for each that there may be too many, or too few
_DEAR = 0.1  # share of the open sites that are worth less than the price, at first
_FOLLOWS = 0.1  # of the heat: how far the price follows what is over a limit, in a chunk
_LEAST = 0.01  # of a typical cost, where sites are free
# What a try, a pair that is read in one that is not refused at once, and a gain that is changed cost.
_TRY, _READ, _CHANGE = 42.0, 1.2, 0.25


def swap_sites(
    covering: Covering, chosen: NDArray[np.bool_], swaps: int, allowance: Allowance, *, seed: int = 0, hot: float = 0.0
) -> NDArray[np.bool_]:
    """Return a plan that covers no fewer than `chosen`, after so many swaps were tried.

    Parameters
    ----------
    covering
        The question; its floors are ignored.
    chosen
        ``(c,)`` columns of a plan within the limits.
    swaps
        How many; fewer only where the allowance runs out.
    allowance
        When to stop.
    seed
        Which stream of random numbers.
    hot
        How hot the search begins, as a share of what a typical open site alone covers; 0 for what the seed says.
    """
    return _best_and_last(covering, chosen, swaps, allowance, (seed, hot))[0]


def swap_pieces(
    covering: Covering, chosen: NDArray[np.bool_], swaps: int, allowance: Allowance, *, seed: int, hot: float
) -> NDArray[np.bool_]:
    """Return as `swap_sites` does what is best once it was crossed with the last plan and with `chosen`.

    Parameters
    ----------
    covering, chosen, swaps, allowance, seed, hot
        As there.
    """
    best, last = _best_and_last(covering, chosen, swaps, allowance, (seed, hot))
    return cross_pieces(covering, cross_pieces(covering, best, last, allowance), chosen, allowance)


def _best_and_last(
    covering: Covering, chosen: NDArray[np.bool_], swaps: int, allowance: Allowance, how: tuple[int, float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the best plan, and the one that swaps end with, which may exceed the limits."""
    if not (chosen.any() and len(covering.weight)):
        return chosen, chosen
    seed, hot = how
    search, count = begin_search(covering, chosen), int(chosen.sum())
    coin = max(float(covering.cost[chosen].mean()), 1.0) if covering.spends else 0.0
    size = np.maximum(covering.cost / coin, _LEAST) if coin else np.ones(len(chosen))
    over = 1 + count // _OVER
    opens = np.concatenate([np.flatnonzero(chosen), np.zeros(len(chosen) - count, np.int64)])
    plan = (opens, chosen.copy(), np.empty(len(covering.weight), np.int64), np.array([count, 0, 0, 0, 0]))
    price = float(np.quantile(search.gain[chosen] / size[chosen], _DEAR))
    alone = max(float(search.gain[chosen].mean()), 1.0)
    random = np.array([SEED + np.uint64(seed)], np.uint64)
    hot = hot or _HOT[seed % len(_HOT)]
    pairs, fill = len(covering.rows.item), len(covering.rows.item) / max(len(covering.weight), 1)
    for done in range(0, swaps, _CHUNK):
        if allowance.up:
            break
        heat, tries = alone * hot * (_COLD / hot) ** (done / swaps), min(_CHUNK, swaps - done)
        excess = _swap(search, covering.neighbours, plan, random, ((tries, over), (heat, price, coin), size))
        price += _FOLLOWS * heat * excess / tries
        read, turned = plan[3][3:]
        allowance.spend(_TRY * tries + pairs / len(chosen) * (_READ * read + (_READ + _CHANGE * fill) * turned))
        plan[3][3:] = 0
    return plan[1], search.opened


@helper
def _bare(search: Search, rows: I64) -> int:
    """Write the rows that only closed columns cover; return how many there are."""
    start, count = search.row_start, search.times
    found = 0
    for r in range(count.size):
        if count[r] == 0 and start[r] < start[r + 1]:
            rows[found] = r
            found += 1
    return found


@helper
def _slack(search: Search, coin: float) -> float:
    """Return how many typical sites more there is room for; below 0 where there are too many."""
    slack = np.float64(search.left[0])
    return min(slack, search.left[1] / coin) if coin > 0.0 else slack


@helper
def _fits(search: Search, i: Any, j: Any, overdraft: float) -> bool:
    """Return whether there is room for one column when another one closes."""
    start, pack = search.pack_start, search.pack
    if search.cost[i] > search.left[1] + search.cost[j] + overdraft:
        return False
    for k in range(start[i], start[i + 1]):
        free = search.room[pack[k]] > 0
        for q in range(start[j], start[j + 1]):
            free = free or pack[q] == pack[k]
        if not free:
            return False
    return True


@helper
def _shared(search: Search, i: Any, j: Any) -> int:
    """Return the weight that an open column alone covers, and a closed one would."""
    total = 0
    for k in range(np.uint64(search.column_start[i]), np.uint64(search.column_start[i + 1])):
        r = np.uint64(search.column_row[k])
        if search.owner[r] == j and search.times[r] == 1:
            total += search.weight[r]
    return total


@helper
def _about(search: Search, r: Any, random: U64) -> Any:
    """Return a column that covers a row."""
    start = search.row_start
    return np.int64(search.row_column[start[r] + draw(random, start[r + 1] - start[r])])


@helper
def _missed_least(search: Search, opens: I64, count: int, random: U64) -> Any:
    """Return the place of the open column that is missed least, of a few."""
    place = draw(random, count)
    for _ in range(_MISSED):
        other = draw(random, count)
        if search.gain[opens[other]] < search.gain[opens[place]]:
            place = other
    return place


@helper
def _neighbour(search: Search, near: tuple[I64, I32, I64], j: Any, random: U64) -> tuple[Any, Any]:
    """Return a column near an open one, and the most of what that covers alone that it may cover; -1 for none."""
    start, other, told = near
    begin, gain = search.column_start, search.gain
    if start.size == begin.size:
        if start[j] == start[j + 1]:
            return NONE, np.int64(0)
        k = start[j] + draw(random, start[j + 1] - start[j])
        return np.int64(other[k]), min(gain[j], told[k])
    if begin[j] == begin[j + 1]:
        return NONE, np.int64(0)
    return _about(search, search.column_row[begin[j] + draw(random, begin[j + 1] - begin[j])], random), gain[j]


@kernel
def _swap(  # noqa: C901, PLR0912, PLR0915 -- one loop, whose kinds of tries share what they change
    search: Search,
    near: tuple[I64, I32, I64],
    plan: tuple[I64, Flags, I64, I64],
    random: U64,
    course: tuple[tuple[int, int], tuple[float, float, float], F64],
) -> float:
    """Try so many swaps at one heat and price, in place; return by how much the plan was over its limits in all.

    The best plan so far is kept beside, with how many are open, how much better the plan and the best one are than
    what the search began with, how often rows were read and columns turned.
    """
    opens, best, rows, standing = plan
    (swaps, over), (heat, price, coin), size = course
    gain, opened, left = search.gain, search.opened, search.left
    overdraft, excess, bare = over * coin, 0.0, 0
    for turn in range(swaps):
        if turn % rows.size == 0:  # few swaps are made: who is not covered need not be told after each
            bare = _bare(search, rows)
        slack = _slack(search, coin)
        excess -= slack
        luck = heat * np.log((draw(random, _FINE) + 1) / _FINE)
        kind = draw(random, _OF)
        if kind < _ALONE:
            if bare == 0 or left[0] + over <= 0:
                continue
            i = _about(search, rows[draw(random, bare)], random)
            dear = search.cost[i] > left[1] + overdraft or gain[i] - price * size[i] < luck
            if opened[i] or dear or not has_room(search, i):
                continue
            standing[1] += gain[i]
            opens[standing[0]] = i
            standing[0] += 1
            turn_column(i, search)
            standing[4] += 1
        elif standing[0] == 0:
            continue
        elif kind < 2 * _ALONE:
            place = _missed_least(search, opens, standing[0], random)
            j = opens[place]
            if slack >= over or price * size[j] - gain[j] < luck:
                continue
            standing[1] -= gain[j]
            standing[0] -= 1
            opens[place] = opens[standing[0]]
            turn_column(j, search)
            standing[4] += 1
        else:
            place = draw(random, standing[0])
            j = opens[place]
            i, most = _neighbour(search, near, j, random)
            if i < 0 or opened[i]:
                continue
            least = luck + price * (size[i] - size[j]) + gain[j] - gain[i]
            if least > most or not _fits(search, i, j, overdraft):
                continue
            shared = _shared(search, i, j)
            standing[3] += 1
            if shared < least:
                continue
            standing[1] += gain[i] - gain[j] + shared
            opens[place] = i
            turn_column(j, search)
            turn_column(i, search)
            standing[4] += 2
        if standing[1] > standing[2] and left[0] >= 0 and left[1] >= 0:
            standing[2] = standing[1]
            for k in range(opened.size):
                best[k] = opened[k]
    return excess
