"""Sparse pairs both ways round, demand merged by what covers it, and dominated candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.arrays import spans, starts_of
from accessibility.siting.effort import STEP, mixed
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.problem import Problem
    from accessibility.streets.search.compiling import I32, I64, U64, Flags

_0 = np.uint64(0)
_1 = np.uint64(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """A sparse matrix of zeros and ones, by line."""

    start: NDArray[np.int64]  # (k + 1,) int64: the items of line `i` are those from `start[i]` to `start[i + 1]`
    item: NDArray[np.int32]  # Int32 items, ascending within a line

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.start) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """``(k,)`` items of each line."""
        return np.diff(self.start)

    @property
    def line(self) -> NDArray[np.int64]:
        """Line of every item."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def of(self, lines: NDArray[np.intp]) -> NDArray[np.int32]:
        """Return the items of several lines, one after the other."""
        return self.item[_spread(self.start, lines)]

    def take(self, lines: NDArray[np.intp]) -> Pairs:
        """Return these lines alone."""
        start = starts_of(self.lengths[lines])
        return Pairs(start=start, item=self.of(lines))

    def keep(self, items: NDArray[np.bool_]) -> Pairs:
        """Return the pairs of the items that stay, renumbered."""
        stays = items[self.item]
        start = starts_of(stays)[self.start].astype(np.int64)
        number = (np.cumsum(items) - 1).astype(np.int32)
        return Pairs(start=start, item=number[self.item[stays]])


def _spread(start: NDArray[np.int64], lines: NDArray[np.intp]) -> NDArray[np.int64]:
    return spans(start[lines], np.diff(start)[lines])


def candidate_pairs(problem: Problem, site: NDArray[np.intp], active: NDArray[np.bool_]) -> Pairs:
    """Return the active demand points that each of the sites would cover."""
    begin, end = problem.start[site], problem.start[site + 1]
    start, item = np.zeros(len(site) + 1, np.int64), np.empty(int((end - begin).sum()), np.int32)
    found = _filter((problem.demand, problem.within), (begin, end), active, (start, item))
    return Pairs(start=start, item=item[:found].copy())


def transposed(pairs: Pairs, items: int) -> Pairs:
    """Return the lines of each item."""
    begin, line = np.zeros(items + 2, np.int64), np.empty(len(pairs.item), np.int32)
    _transpose(pairs.start, pairs.item, begin, line)
    return Pairs(start=begin[:-1], item=line)


def merged_rows(
    rows: Pairs, district: NDArray[np.int32], active: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], Pairs, NDArray[np.intp]]:
    """Return rows of one cover set and district as one.

    The order of the merged rows hangs on their cover sets alone, not on the order of `rows`.

    Returns
    -------
    tuple
        ``(r,)`` merged row of each row, -1 of those that are not active or that nothing covers; the merged rows; the
        first row of each.
    """
    n = len(rows)
    slots, group = np.full(1 << max((2 * n - 1).bit_length(), 4), -1, np.int32), np.full(n, -1, np.int32)
    first, key = np.empty(n, np.int32), np.empty(n, np.uint64)
    found = _merge((rows.start, rows.item), district, active, slots, (group, first, key))
    first, key = first[:found], key[:found]
    order = np.lexsort((key, rows.item[rows.start[first]])) if len(first) else np.empty(0, np.intp)
    place = np.empty(len(first) + 1, np.int32)
    place[order] = np.arange(len(first))
    place[-1] = -1
    merged = first[order].astype(np.intp)
    return place[group], rows.take(merged), merged


def dominated(columns: Pairs, rows: Pairs, cost: NDArray[np.int64], packs: Pairs) -> NDArray[np.bool_]:
    """Return which columns another one makes superfluous.

    The other covers every row of it, costs no more and stands in no pack that it does not stand in; of two that are
    alike the later one goes. A column without rows goes too. Whatever plan holds a column that goes can hold the
    other one instead.
    """
    gone = np.zeros(len(cost), np.bool_)
    _drop_dominated((columns.start, columns.item), (rows.start, rows.item), cost, (packs.start, packs.item), gone)
    return gone


def implied(rows: Pairs, columns: Pairs) -> NDArray[np.bool_]:
    """Return which rows are covered by whatever covers another one; no two rows may be alike."""
    gone = np.zeros(len(rows), np.bool_)
    _drop_implied((rows.start, rows.item), (columns.start, columns.item), gone)
    return gone


def shared_weights(
    columns: Pairs, rows: Pairs, weight: NDArray[np.int64], least: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Return where those of each column start, the other columns that share much with it, and the weight shared.

    Parameters
    ----------
    columns, rows
        Rows of each column, columns of each row.
    weight
        ``(r,)`` of each row.
    least
        Share of the weight of the lighter of two columns that is much.
    """
    c = len(columns)
    total = np.zeros(c, np.int64)
    np.add.at(total, columns.line, weight[columns.item])
    start = np.zeros(c + 1, np.int64)
    there, seen = np.zeros(c, np.int64), np.empty(c, np.int64)
    item, shared = np.empty(0, np.int32), np.empty(0, np.int64)
    pairs = (columns.start, columns.item, rows.start, rows.item)
    _overlap(pairs, (weight, total, least), (there, seen), (start, item, shared))  # counts them
    item, shared = np.empty(start[-1], np.int32), np.empty(start[-1], np.int64)
    _overlap(pairs, (weight, total, least), (there, seen), (start, item, shared))
    return start, item, shared


@kernel
def _overlap(
    pairs: tuple[I64, I32, I64, I32],
    weights: tuple[I64, I64, float],
    room: tuple[I64, I64],
    found: tuple[I64, I32, I64],
) -> None:
    """Write where the neighbours of each column start, and what they are where there is room for them."""
    begin, row, row_start, column = pairs
    weight, total, least = weights
    there, seen = room
    start, item, shared = found
    at = 0
    for j in range(begin.size - 1):
        count = 0
        for k in range(begin[j], begin[j + 1]):
            r = row[k]
            for q in range(row_start[r], row_start[r + 1]):
                i = column[q]
                if there[i] == 0:
                    seen[count] = i
                    count += 1
                there[i] += max(weight[r], 1)
        for k in range(count):
            i = seen[k]
            if i != j and there[i] >= least * min(total[i], total[j]):
                if item.size:
                    item[at], shared[at] = i, there[i]
                at += 1
            there[i] = 0
        start[j + 1] = at


@kernel
def _filter(pairs: tuple[I32, Flags], sites: tuple[I64, I64], active: Flags, found: tuple[I64, I32]) -> np.uint64:
    demand, within = pairs
    begin, end = sites
    start, item = found
    at = _0
    for j in range(begin.size):
        for k in range(np.uint64(begin[j]), np.uint64(end[j])):
            i = demand[k]
            if within[k] and active[np.uint64(i)]:
                item[at] = i
                at += _1
        start[j + 1] = at
    return at


@kernel
def _transpose(start: I64, item: I32, begin: I64, line: I32) -> None:
    """Count the lines of each item two places on; where the next one goes then stands one place on."""
    for k in range(np.uint64(item.size)):
        begin[np.uint64(item[k]) + np.uint64(2)] += 1
    for one in range(2, begin.size):
        begin[one] += begin[one - 1]
    for j in range(start.size - 1):
        for k in range(np.uint64(start[j]), np.uint64(start[j + 1])):
            after = np.uint64(item[k]) + _1
            line[np.uint64(begin[after])] = j
            begin[after] += 1


@kernel
def _merge(rows: tuple[I64, I32], district: I32, active: Flags, slots: I32, merged: tuple[I32, I32, U64]) -> int:
    """Give different rows different numbers, by a table of hashes; rows of one hash are compared item by item.

    The table has a power of two slots, twice as many as rows or more. Returned is how many numbers there are.
    """
    start, item = rows
    group, first, key = merged
    mask = np.uint64(slots.size - 1)
    found = 0
    for i in range(group.size):
        begin, end = np.uint64(start[i]), np.uint64(start[i + 1])
        if begin == end or not active[i]:
            continue
        mark = np.uint64(district[i])
        for k in range(begin, end):
            mark = mixed(mark + STEP + np.uint64(item[k]))
        slot = mark & mask
        while True:
            known = slots[slot]
            if known < 0:
                slots[slot] = found
                first[found], key[found] = i, mark
                group[i] = found
                found += 1
                break
            if key[known] == mark and district[first[known]] == district[i] and _same(start, item, first[known], i):
                group[i] = known
                break
            slot = (slot + _1) & mask
    return found


@helper
def _same(start: I64, item: I32, one: np.int32, other: int) -> bool:
    length = start[one + 1] - start[one]
    if start[other + 1] - start[other] != length:
        return False
    for k in range(length):  # noqa: SIM110 -- no generators in compiled code
        if item[start[one] + k] != item[start[other] + k]:
            return False
    return True


@helper
def _rarest(start: I64, item: I32, lines: I64, one: Any) -> Any:
    """Return the item of a line that stands in fewest lines."""
    best = item[start[one]]
    for k in range(start[one] + 1, start[one + 1]):
        i = item[k]
        if lines[i + 1] - lines[i] < lines[best + 1] - lines[best]:
            best = i
    return best


@kernel
def _drop_dominated(
    columns: tuple[I64, I32],
    rows: tuple[I64, I32],
    cost: I64,
    packs: tuple[I64, I32],
    gone: Flags,
) -> None:
    """Only columns of the rarest row of a column can cover all of its rows."""
    start, row = columns
    row_start, column = rows
    for a in range(cost.size):
        size = start[a + 1] - start[a]
        if size == 0:
            gone[a] = True
            continue
        rarest = _rarest(start, row, row_start, a)
        for k in range(row_start[rarest], row_start[rarest + 1]):
            b = np.int64(column[k])  # of the type of `a`: `_subset` is compiled once
            other = start[b + 1] - start[b]
            if b == a or gone[b] or cost[b] > cost[a] or other < size:
                continue
            if not _subset(packs[0], packs[1], b, a) or not _subset(start, row, a, b):
                continue
            alike = (
                other == size and cost[b] == cost[a] and packs[0][b + 1] - packs[0][b] == packs[0][a + 1] - packs[0][a]
            )
            if not alike or b < a:
                gone[a] = True
                break


@kernel
def _drop_implied(rows: tuple[I64, I32], columns: tuple[I64, I32], gone: Flags) -> None:
    """Only rows of the rarest column of a row can hold all of its columns."""
    start, column = rows
    column_start, row = columns
    for k in range(gone.size):
        if gone[k]:
            continue
        rarest = _rarest(start, column, column_start, k)
        size = start[k + 1] - start[k]
        for q in range(column_start[rarest], column_start[rarest + 1]):
            i = row[q]
            if i != k and not gone[i] and start[i + 1] - start[i] > size:
                gone[i] = _subset(start, column, k, i)


@helper
def _subset(start: I64, item: I32, one: int, other: Any) -> bool:
    """Return whether every item of one line stands in the other; both ascend."""
    at = start[other]
    for k in range(start[one], start[one + 1]):
        while at < start[other + 1] and item[at] < item[k]:
            at += 1
        if at == start[other + 1] or item[at] != item[k]:
            return False
    return True
