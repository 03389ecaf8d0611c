"""Good plans fast: greedy opening, and the state of a search in which columns open and close.

Greedy opening covers, of the people that the best plan covers anew, at least ``1 - 1/e`` (63 %) where only the number
of sites is limited (Nemhauser, Wolsey and Fisher 1978). Under a budget the better of opening by gain and opening by
gain per cost covers at least ``(1 - 1/e) / 2`` (Khuller, Moss and Naor 1999). Quotas, exclusive sites and floors void
both. Whatever comes after greedy opening (`annealing`) only improves on it.

Gains are kept up to date when a site opens or closes, so that an evaluation costs nothing and an opening costs its
catchment. Ties break by lower cost, then by id. The same question gives the same plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.streets.search.compiling import I32, I64, Flags

_1 = np.uint64(1)
NONE = np.int64(-1)
"""No column; of one type, so that kernels it is handed to are compiled once."""
_MORE, _LESS = np.int64(1), np.int64(-1)
_YES = np.bool_(True)  # noqa: FBT003 -- likewise


class Search(NamedTuple):
    """The state of a search in which columns open and close, as kernels read and change it."""

    # weight, district: (r,) of each row
    weight: I64
    district: I32
    # row_start, row_column, column_start, column_row: the pairs, by row and by column
    row_start: I64
    row_column: I32
    column_start: I64
    column_row: I32
    times: I32  # (r,) how many open columns cover each row
    owner: I32  # (r,) the exclusive-or of these columns: the column itself where it is one
    opened: Flags  # (c,) which columns are open
    gain: I64  # (c,) what a closed column would cover anew, what an open one alone covers
    covered: I64  # (d,) weight covered in each district
    need: I64  # (d,) weight that each district needs; empty where none has a floor
    # cost, pack_start, pack: (c,) cost of each column, and the packs it is in
    cost: I64
    pack_start: I64
    pack: I32
    room: I64  # (g,) how many more of each pack may open
    left: I64  # (2,) how many more of all, and for how much
    best: Flags  # (c,) the best plan so far, where a search keeps one


def open_greedily(covering: Covering) -> NDArray[np.bool_]:
    """Return columns to open: by gain, or by gain per cost, whichever covers more."""
    best = _opened(covering, by_ratio=False)
    if covering.spends:
        other = _opened(covering, by_ratio=True)
        best = other if covering.value(other) > covering.value(best) else best
    return best


def open_for_floors(covering: Covering) -> NDArray[np.bool_]:
    """Return columns to open: as long as a floor is not met, the best one for the district farthest from its own."""
    if not covering.floored:
        return open_greedily(covering)
    search = begin_search(covering, np.zeros(len(covering.site), np.bool_))
    _fill_floors(search, np.zeros(len(covering.need), np.bool_))
    fill_up(search, covering.spends)
    best: NDArray[np.bool_] = search.opened
    other = open_greedily(covering)
    return other if closeness_of(covering, other) > closeness_of(covering, best) else best


def open_until(covering: Covering, reach: int) -> NDArray[np.bool_]:
    """Return columns opened by gain per cost until a weight of `reach` is covered, without what became needless."""
    search = begin_search(covering, np.zeros(len(covering.site), np.bool_))
    _fill_until(search, reach - covering.base)
    return close_needless(covering, search.opened, reach)


def close_needless(covering: Covering, chosen: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return the plan without columns, dearest first, that it can do without and still cover a weight of `reach`."""
    search = begin_search(covering, chosen)
    gain, there = search.gain, search.covered
    opened: NDArray[np.bool_] = search.opened
    dearest = np.argsort(-covering.cost, kind="stable")
    for j in dearest[opened[dearest]]:
        if there.sum() - gain[j] >= reach - covering.base:
            turn_column(j, search)
    return opened


def trim(covering: Covering, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the plan without the columns that lose least per cost, as many as the budget asks for."""
    search = begin_search(covering, chosen)
    opened, gain, left = search.opened, search.gain, search.left
    while left[1] < 0:
        there = np.flatnonzero(opened & (covering.cost > 0))
        turn_column(int(there[np.argmin(gain[there] / covering.cost[there])]), search)
    trimmed: NDArray[np.bool_] = opened
    return trimmed


def closeness_of(covering: Covering, chosen: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return what makes one plan better than another: less shortage, then more people, then less cost."""
    return -int(covering.shortage(chosen).sum()), covering.value(chosen), -int(covering.cost[chosen].sum())


def _opened(covering: Covering, *, by_ratio: bool) -> NDArray[np.bool_]:
    search = begin_search(covering, np.zeros(len(covering.site), np.bool_))
    fill_up(search, by_ratio)
    opened: NDArray[np.bool_] = search.opened
    return opened


def begin_search(covering: Covering, chosen: NDArray[np.bool_]) -> Search:
    """Return a search with the chosen columns open."""
    rows, columns, packs = covering.rows, covering.columns, covering.packs
    gain = np.zeros(len(covering.site), np.int64)
    np.add.at(gain, rows.item, np.repeat(covering.weight, rows.lengths))
    search = Search(
        weight=covering.weight,
        district=covering.district,
        row_start=rows.start,
        row_column=rows.item,
        column_start=columns.start,
        column_row=columns.item,
        times=np.zeros(len(covering.weight), np.int32),
        owner=np.zeros(len(covering.weight), np.int32),
        opened=np.zeros(len(covering.site), np.bool_),
        gain=gain,
        covered=np.zeros(len(covering.need), np.int64),
        need=covering.need if covering.floored else np.empty(0, np.int64),
        cost=covering.cost,
        pack_start=packs.start,
        pack=packs.item,
        room=covering.room.copy(),
        left=np.array([covering.most, covering.budget], np.int64),
        best=chosen.copy(),
    )
    for column in np.flatnonzero(chosen):
        turn_column(column, search)
    return search


@kernel
def turn_column(j: int, search: Search) -> None:
    """Open a column that is closed, or close one that is open."""
    weight, count, owner, gain = search.weight, search.times, search.owner, search.gain
    row_start, row_column, column_row = search.row_start, search.row_column, search.column_row
    opens = not search.opened[j]
    search.opened[j] = opens
    step = _MORE if opens else _LESS
    search.left[0] -= step
    search.left[1] -= step * search.cost[j]
    for k in range(search.pack_start[j], search.pack_start[j + 1]):
        search.room[search.pack[k]] -= step
    for k in range(np.uint64(search.column_start[j]), np.uint64(search.column_start[j + 1])):
        r = np.uint64(column_row[k])
        if not opens:
            count[r] -= 1
            owner[r] ^= np.int32(j)
        others, change = count[r], step * weight[r]
        if others == 0:
            for q in range(np.uint64(row_start[r]), np.uint64(row_start[r + _1])):
                gain[np.uint64(row_column[q])] -= change
            gain[j] += change
            search.covered[search.district[r]] += change
        elif others == 1:
            gain[np.uint64(owner[r])] -= change
        if opens:
            count[r] += 1
            owner[r] ^= np.int32(j)


@helper
def has_room(search: Search, j: int) -> bool:
    """Return whether every pack of a column has room for one more."""
    for k in range(search.pack_start[j], search.pack_start[j + 1]):  # noqa: SIM110 -- no generators in compiled code
        if search.room[search.pack[k]] <= 0:
            return False
    return True


@helper
def best_column(
    search: Search,
    by_ratio: np.bool_,
    banned: int,
) -> int:
    """Return the closed column that brings in most and keeps to the limits, -1 where none brings in anybody."""
    gain, opened = search.gain, search.opened
    cost, left = search.cost, search.left
    best = -1
    if left[0] <= 0:
        return best
    for j in range(gain.size):
        if gain[j] <= 0 or opened[j] or cost[j] > left[1] or j == banned:
            continue
        if best >= 0:
            if by_ratio:
                mine, other = np.float64(gain[j]) * cost[best], np.float64(gain[best]) * cost[j]
            else:
                mine, other = np.float64(gain[j]), np.float64(gain[best])
            if mine < other or (mine == other and cost[j] >= cost[best]):
                continue
        if has_room(search, j):
            best = j
    return best


@kernel
def fill_up(search: Search, by_ratio: np.bool_) -> None:
    """Open the best column while there is one."""
    while True:
        j = best_column(search, by_ratio, NONE)
        if j < 0:
            return
        turn_column(j, search)


@helper
def _gain_there(search: Search, j: int, place: int) -> int:
    """Return the people of one district that a column would cover anew."""
    total = 0
    for k in range(np.uint64(search.column_start[j]), np.uint64(search.column_start[j + 1])):
        r = np.uint64(search.column_row[k])
        if search.times[r] == 0 and search.district[r] == place:
            total += search.weight[r]
    return total


@helper
def _best_there(search: Search, place: int) -> int:
    """Return the closed column that brings in most of one district for its cost, -1 where none does."""
    gain, opened = search.gain, search.opened
    cost, left = search.cost, search.left
    best, most = -1, 0.0
    if left[0] <= 0:
        return best
    for j in range(gain.size):
        # No column brings in more of a district than of all of them.
        price = max(np.float64(cost[j]), 1.0)
        if opened[j] or cost[j] > left[1] or gain[j] / price <= most:
            continue
        if has_room(search, j):
            worth = _gain_there(search, j, place) / price
            if worth > most:
                best, most = j, worth
    return best


@kernel
def _fill_floors(search: Search, hopeless: Flags) -> None:
    """Open the best column for the district that is farthest from its floor, until none can be helped."""
    there, need = search.covered, search.need
    while True:
        worst, farthest = -1, 0.0
        for k in range(need.size):
            if need[k] > there[k] and not hopeless[k] and (need[k] - there[k]) / need[k] > farthest:
                worst, farthest = k, (need[k] - there[k]) / need[k]
        if worst < 0:
            return
        j = _best_there(search, worst)
        if j < 0:
            hopeless[worst] = True
        else:
            turn_column(j, search)


@kernel
def _fill_until(search: Search, reach: int) -> None:
    """Open the best column for its cost until enough is covered or nothing fits."""
    there, by_ratio = search.covered, _YES
    while there.sum() < reach:
        j = best_column(search, by_ratio, NONE)
        if j < 0:
            return
        turn_column(j, search)


def swap_losses(covering: Covering, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return ``(c,)`` what a plan loses at the least where each column opens in the place of an open one.

    Less than nothing where it gains; the least of all of those that are open. Limits and floors are ignored.
    """
    search = begin_search(covering, chosen)
    losses = np.full(len(chosen), np.iinfo(np.int64).min)
    if chosen.any():
        _lose(search, losses, np.zeros(len(chosen), np.int64), int(search.gain[chosen].min()))
    return losses


@kernel
def _lose(search: Search, losses: I64, spared: I64, least: int) -> None:
    """Write what each closed column loses; the least is lost where it has no part in what closes."""
    begin, row, times = search.column_start, search.column_row, search.times
    weight, owner, gain = search.weight, search.owner, search.gain
    for j in range(gain.size):
        if search.opened[j]:
            continue
        lost = least
        for k in range(begin[j], begin[j + 1]):
            r = row[k]
            if times[r] == 1:
                spared[owner[r]] += weight[r]
                lost = min(lost, gain[owner[r]] - spared[owner[r]])
        for k in range(begin[j], begin[j + 1]):
            if times[row[k]] == 1:
                spared[owner[row[k]]] = 0
        losses[j] = lost - gain[j]
