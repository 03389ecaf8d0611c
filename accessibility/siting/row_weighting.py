"""Row weighting: a search for plans that leave nobody out, for which whoever is left out counts more and more.

Where sites are enough for almost everybody the last few people hardly count beside those of a site, and no search that
follows the people finds them. So rows count alike at first, and those that stay uncovered count more with every swap:
each swap closes the site that is missed least and opens the best one about somebody who is left out (Gao, Weise and Li
2015). What is kept is the plan that covers most people. Where somebody has to be left out it had better be few: for
every other seed rows count, at first and with every swap, as the square root of their people.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.siting.effort import SEED, draw
from accessibility.siting.greedy import NONE, begin_search, closeness_of, has_room, turn_column
from accessibility.streets.search.compiling import helper, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.siting.covering import Covering
    from accessibility.siting.effort import Allowance
    from accessibility.siting.greedy import Search
    from accessibility.streets.search.compiling import I64, U64

_CHUNK = 10_000_000  # work between two looks at the time left
_SWAP = 200  # work of a swap, beside what it reads: of few sites it is most of it
_READS = 0.4  # what a pair takes where columns open and close: most of them need not be read


def leave_out_nobody(
    covering: Covering, chosen: NDArray[np.bool_], allowance: Allowance, *, seed: int = 0
) -> NDArray[np.bool_]:
    """Return a plan no worse than `chosen`, from a search until nobody is left out or the allowance is spent.

    Parameters
    ----------
    covering
        The question, every row of which some column covers. A swap keeps to its limits; its floors are ignored.
    chosen
        ``(c,)`` columns of a plan within the limits.
    allowance
        When to stop.
    seed
        Which stream of random numbers; rows count alike for odd ones.
    """
    opens = np.flatnonzero(chosen)
    people = covering.weight
    if not len(opens):
        return chosen
    counts = np.ones(len(people), np.int64) if seed % 2 else np.ceil(np.sqrt(people)).astype(np.int64)
    search = begin_search(replace(covering, weight=counts.copy()), chosen)
    since = np.zeros(len(chosen), np.int64)
    bare = np.flatnonzero(search.times == 0)
    left_out = np.zeros(len(people), np.int64)
    left_out[: len(bare)] = bare
    # Rows left out, people left out, the fewest so far, swaps and work so far.
    course = np.array([len(bare), people[bare].sum(), people[bare].sum(), 0, 0], np.int64)
    random = np.array([SEED + np.uint64(seed)], np.uint64)
    pairs = len(covering.rows.item)
    turns = int(_READS * 2 * pairs / len(chosen) * pairs / max(len(people), 1))
    while course[0] and not allowance.up:
        course[4] = 0
        _swap(search, (people, counts, since, left_out, opens), course, random, (turns, _CHUNK))
        allowance.spend(float(course[4]))
    best: NDArray[np.bool_] = search.best
    return best if closeness_of(covering, best) > closeness_of(covering, chosen) else chosen


@kernel
def _swap(
    search: Search, rows: tuple[I64, I64, I64, I64, I64], course: I64, random: U64, work: tuple[int, int]
) -> None:
    """Swap until nobody is left out or so much work is done; what a column takes to close and another to open."""
    people, counts, since, left_out, opens = rows
    turns, most = work
    newest = NONE
    while course[0] > 0 and course[4] < most:
        course[3] += 1
        course[4] += _SWAP + opens.size + turns
        place = _missed_least(search.gain, since, opens, newest)
        j = opens[place]
        turn_column(j, search)
        since[j] = course[3]
        for k in range(search.column_start[j], search.column_start[j + 1]):
            r = np.int64(search.column_row[k])
            if search.times[r] == 0:
                left_out[course[0]] = r
                course[0] += 1
                course[1] += people[r]
        newest = _best_about(search, since, left_out[draw(random, course[0])], j)
        turn_column(newest, search)
        since[newest] = course[3]
        opens[place] = newest
        _count(search, (people, counts, left_out), course)
        if course[1] < course[2]:
            course[2] = course[1]
            for k in range(search.opened.size):
                search.best[k] = search.opened[k]


@helper
def _missed_least(gain: I64, since: I64, opens: I64, newest: Any) -> Any:
    """Return the place of the open column that is missed least, of those alike the oldest; never of the newest."""
    best = NONE
    for place in range(opens.size):
        j = opens[place]
        if j == newest and opens.size > 1:
            continue
        if best >= 0:
            other = opens[best]
            if gain[j] > gain[other] or (gain[j] == gain[other] and since[j] >= since[other]):
                continue
        best = np.int64(place)
    return best


@helper
def _best_about(search: Search, since: I64, r: Any, closed: Any) -> Any:
    """Return the best column that covers a row and fits, but for the closed one, which is returned where none does."""
    best, gain, left = NONE, search.gain, search.left
    for k in range(search.row_start[r], search.row_start[r + 1]):
        i = np.int64(search.row_column[k])
        if i == closed or search.opened[i] or search.cost[i] > left[1] or not has_room(search, i):
            continue
        if best < 0 or gain[i] > gain[best] or (gain[i] == gain[best] and since[i] < since[best]):
            best = i
    return best if best >= 0 else closed


@helper
def _count(search: Search, rows: tuple[I64, I64, I64], course: I64) -> None:
    """Take those who are covered now off the list, and have the others count more."""
    people, counts, left_out = rows
    stay = np.int64(0)
    for k in range(course[0]):
        r = left_out[k]
        if search.times[r] > 0:
            course[1] -= people[r]
            continue
        left_out[stay] = r
        stay += 1
        search.weight[r] += counts[r]
        course[4] += search.row_start[r + 1] - search.row_start[r]
        for q in range(search.row_start[r], search.row_start[r + 1]):
            search.gain[search.row_column[q]] += counts[r]
    course[0] = stay
