"""The nearest site of every node and person, kept up to date while sites open and close one at a time.

An opening spreads from the site over whatever it is nearest to; a closing clears what the site was nearest to and fills
it again from its rim and from the other sites inside. Both cost what the site's own neighbourhood costs, and leave the
labels that a search from scratch would give, to the last bit: of equally near sites the lower row, however it came
about. Work in proportion to what changes, as Ramalingam and Reps (1996) have it for shortest paths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError
from accessibility.streets.search.bounded import attach
from accessibility.streets.search.compiling import helper, kernel, maker
from accessibility.streets.search.multisource import (
    HIGH,
    IDLE,
    LOW,
    NO_LABEL,
    NOBODY,
    NOT_PASSABLE,
    UNREACHED,
    Stops,
    added,
    bucket_shift,
    direct,
    link,
    part,
    to_end,
    unlink,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.compiling import I32, U32, U64
    from accessibility.streets.search.packing import Arcs

    Words = NDArray[np.uint64]
    Rows = NDArray[np.uint32]

_32 = np.uint64(32)
_0 = np.uint64(0)
_1 = np.uint64(1)


@helper
def _mark(marks: tuple[U32, U32, U64, np.uint32], known: np.uint64, node: np.uint64, label: np.uint64) -> np.uint64:
    """Note a node and its label, once a turn; return how many are marked."""
    mark, marked, before, turn = marks
    if mark[node] == turn:
        return known
    mark[node] = turn
    marked[known] = np.uint32(node)
    before[known] = label
    return known + _1


@kernel
def begin(sites: tuple[Any, ...], labels: U64, marks: tuple[U32, U32, U64, Any], known: Any, bound: Any) -> Any:
    """Label the ends of the edges of sites; where nodes are marked already, only those."""
    costs, street, (edge, fraction, leg), rows = sites
    refill = known > 0
    known = np.uint64(known)
    for i in range(rows.size):
        row = np.uint64(rows[i])
        if edge[row] < 0:
            continue
        site = (np.uint64(edge[row]), fraction[row], np.uint64(leg[row]))
        for end in range(2):
            node = np.uint64(street[site[0], end])
            cost = to_end(costs, site, end)
            label = (cost << _32) | row
            if cost > bound or label >= labels[node] or (refill and marks[0][node] != marks[3]):
                continue
            known = _mark(marks, known, node, labels[node])
            labels[node] = label
    return known


@kernel
def clear(
    graph: tuple[U32, U64],
    labels: U64,
    site: tuple[U32, np.uint64],
    marks: tuple[U32, U32, U64, np.uint32],
) -> np.uint64:
    """Take the labels of a site away; its nodes hang together, by arcs, with the ends of its edge."""
    start, arcs = graph
    ends, row = site
    known = _0
    for end in range(2):
        node = np.uint64(ends[end])
        if labels[node] != NO_LABEL and (labels[node] & LOW) == row:
            known = _mark(marks, known, node, labels[node])
            labels[node] = NO_LABEL
    # A shortest way to the site passes its own nodes alone: whoever is nearer to another site hands that one on.
    done = _0
    while done < known:
        node = np.uint64(marks[1][done])
        done += _1
        for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
            to = arcs[a] & LOW
            if labels[to] != NO_LABEL and (labels[to] & LOW) == row:
                known = _mark(marks, known, to, labels[to])
                labels[to] = NO_LABEL
    return known


@kernel
def refill_nodes(back: tuple[U32, U64], labels: U64, cleared: U32, bound: np.uint64) -> None:
    """Give cleared nodes the best label that an arc brings; one that a cleared node passes on is a start, no more."""
    start, arcs = back
    for i in range(np.uint64(cleared.size)):
        node = np.uint64(cleared[i])
        # From the rim inwards: labels of nodes that were not cleared are final, and the flood does the rest.
        best = NO_LABEL
        for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
            label = labels[arcs[a] & LOW]
            if label != NO_LABEL:
                best = min(best, label + (arcs[a] & HIGH))
        if (best >> _32) <= bound:
            labels[node] = best


@maker
def flood(  # noqa: C901, PLR0912
    graph: tuple[U32, U64],
    labels: U64,
    queue: tuple[U32, U32],
    marks: tuple[U32, U32, U64, Any],
    known: Any,
    bounds: tuple[Any, Any, Any],
) -> Any:
    """Settle labels from the marked nodes on; return how many nodes are marked then."""
    start, arcs = graph
    bound, shift, longest = bounds
    known = np.uint64(known)
    lowest, highest = LOW, _0
    for i in range(known):
        label = labels[np.uint64(marks[1][i])]
        if label != NO_LABEL:
            lowest, highest = min(lowest, label >> _32), max(highest, label >> _32)
    if highest < lowest:
        return known
    ring = _1
    while ring < ((longest + highest - lowest) >> shift) + np.uint64(2):
        ring <<= _1
    mask, waiting, current = ring - _1, 0, lowest >> shift
    head = np.full(ring, NOBODY, np.uint32)
    for i in range(known):
        node = np.uint64(marks[1][i])
        queue[1][node] = IDLE
        if labels[node] != NO_LABEL:
            link(head, queue, (labels[node] >> (_32 + shift)) & mask, node)
            waiting += 1
    while waiting > 0:
        slot = current & mask
        while head[slot] != NOBODY:
            node = np.uint64(head[slot])
            unlink(head, queue, slot, node)
            waiting -= 1
            label = labels[node]
            for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
                reached, to = label + (arcs[a] & HIGH), arcs[a] & LOW
                before = labels[to]
                if reached >= before or (reached >> _32) > bound:
                    continue
                if marks[0][to] != marks[3]:
                    queue[1][to] = IDLE
                    known = _mark(marks, known, to, before)
                labels[to] = reached
                into, out = reached >> (_32 + shift), before >> (_32 + shift)
                # A node waits once, at its latest cost: the ring never holds more than the nodes of the
                # neighbourhood.
                if queue[1][to] == IDLE:
                    waiting += 1
                    link(head, queue, into & mask, to)
                elif into != out:
                    unlink(head, queue, out & mask, to)
                    link(head, queue, into & mask, to)
        current += _1
    return known


@maker
def concern(
    attached: tuple[U32, U64],
    on_edge: tuple[I32, U32],
    where: tuple[U32, np.int32],
    marks: tuple[U32, U32, U64, np.uint32],
) -> np.uint64:
    """Note whose edge ends at a marked node, and who stands on the site's edge; return how many."""
    start, words = attached
    sorted_edge, rows = on_edge
    nodes, edge = where
    mark, marked, _, turn = marks
    met = _0
    for i in range(np.uint64(nodes.size)):
        node = np.uint64(nodes[i])
        for a in range(np.uint64(start[node]), np.uint64(start[node + _1])):
            person = words[a] & LOW
            if mark[person] != turn:
                mark[person] = turn
                marked[met] = np.uint32(person)
                met += _1
    if edge < 0:
        return met
    k = np.searchsorted(sorted_edge, edge)
    while k < sorted_edge.size and sorted_edge[k] == edge:
        person = np.uint64(rows[k])
        if mark[person] != turn:
            mark[person] = turn
            marked[met] = np.uint32(person)
            met += _1
        k += 1
    return met


@maker
def read_off(standing: tuple[Any, ...], rows: U32, found: U64) -> None:
    """Read the labels of some people anew: at both ends of their edge, and straight from open sites on it."""
    (along, against), home, labels, people, sites = standing
    edge, fraction, leg = people
    _, site_fraction, site_leg, is_open, sorted_edge, order = sites
    for i in range(rows.size):
        person = np.uint64(rows[i])
        best = NO_LABEL
        if edge[person] >= 0:
            e, here = np.uint64(edge[person]), fraction[person]
            whole, back = np.uint64(along[e]), np.uint64(against[e])
            on, to = labels[np.uint64(home[e, 1])], labels[np.uint64(home[e, 0])]
            if on != NO_LABEL and (whole != NOT_PASSABLE or here == 1.0):
                best = added(on, _0 if here == 1.0 else whole - part(whole, here))
            if to != NO_LABEL and (back != NOT_PASSABLE or here == 0.0):
                best = min(best, added(to, _0 if here == 0.0 else part(back, here)))
            k = np.searchsorted(sorted_edge, edge[person])
            while k < sorted_edge.size and sorted_edge[k] == edge[person]:
                row = np.uint64(order[k])
                if is_open[row]:
                    best = min(best, direct(whole, back, here, (site_fraction[row], site_leg[row], row)))
                k += 1
            if best != NO_LABEL:
                best = added(best, np.uint64(leg[person]))
        found[person] = best


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What one opening or closing wrote over, for `undo_change`.

    Parameters
    ----------
    row
        The site.
    opened
        Whether it opened, or closed.
    nodes, node_labels
        ``(c,)`` nodes whose labels changed, and their labels before.
    people, people_labels
        ``(d,)`` the same of people.

    Examples
    --------
    >>> standing = search.stand(arcs, sites, np.array([True, False]), people)
    >>> change = search.open_site(standing, 1)
    >>> change.row, change.opened, change.people.tolist()
    (1, True, [0, 1])
    """

    row: int
    opened: bool
    nodes: Rows
    node_labels: Words
    people: Rows
    people_labels: Words


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """Arrays that the kernels use again and again; the system gives memory where they are written to."""

    arcs: tuple[Rows, Words]
    back: tuple[Rows, Words]
    costs: tuple[Rows, Rows]
    attached: tuple[Rows, Words]
    on_edge: tuple[NDArray[np.int32], Rows]
    queue: tuple[Rows, Rows]
    nodes: tuple[Rows, Rows, Words]
    people: tuple[Rows, Rows, Words]
    turn: Rows
    bounds: tuple[np.uint64, np.uint64, np.uint64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """Which open site is nearest to every node and person. `open_site` and `close_site` change the arrays in place.

    Parameters
    ----------
    arcs
        The plain arcs, reversed.
    sites
        All sites, open or not.
    is_open
        ``(s,)`` which of them are open.
    people
        Where people stand.
    labels
        ``(k,)`` uint64 ``cost << 32 | site`` of each node.
    found
        ``(n,)`` uint64 the same of each person, both access legs in; `split_labels` takes them apart.
    site_order
        ``(s,)`` edges of the sites in ascending order, and ``(s,)`` the rows they belong to.
    work
        What the kernels use.

    Examples
    --------
    >>> standing = search.stand(arcs, sites, np.array([True, False]), people)
    >>> cost, site = search.split_labels(standing.found)
    >>> cost.tolist(), site.tolist()
    ([400000, 900000], [0, 0])
    """

    arcs: Arcs
    sites: Stops
    is_open: NDArray[np.bool_]
    people: Stops
    labels: Words
    found: Words
    site_order: tuple[NDArray[np.int32], Rows]
    work: _Work

    @property
    def arriving(self) -> tuple[Rows, Words]:
        """``(k + 1,)`` where each node's arriving arcs begin, and ``(a,)`` ``cost << 32 | node`` they come from."""
        return self.work.back


def stand(arcs: Arcs, sites: Stops, is_open: NDArray[np.bool_], people: Stops, *, limit: int | None = None) -> Standing:
    """Return the standing of the open sites, from scratch.

    Parameters
    ----------
    arcs
        The plain arcs, reversed.
    sites
        All sites, open or not.
    is_open
        ``(s,)`` which of them are open.
    people
        Where people stand.
    limit
        Sites that cost more than this do not count; None for no limit.

    Returns
    -------
    Standing
        The nearest open site of every node and person.

    Examples
    --------
    >>> standing = search.stand(arcs, sites, np.array([False, True]), people)
    >>> search.split_labels(standing.found)[0].tolist()
    [600000, 100000]
    """
    standing = Standing(
        arcs=arcs,
        sites=Stops(edge=sites.edge.copy(), fraction=sites.fraction.copy(), leg=sites.leg.copy()),
        is_open=np.array(is_open, np.bool_),
        people=people,
        labels=np.full(len(arcs), NO_LABEL, np.uint64),
        found=np.full(len(people.edge), NO_LABEL, np.uint64),
        site_order=_site_order(sites),
        work=_work(arcs, people, limit),
    )
    turn = _next_turn(standing)
    _spread(standing, np.flatnonzero(standing.is_open), 0, turn)
    everybody = np.arange(len(people.edge), dtype=np.uint32)
    read_off(_reading(standing), everybody, standing.found)
    return standing


def place_sites(standing: Standing, rows: NDArray[np.intp], stops: Stops) -> Standing:
    """Return the standing with some of the sites elsewhere; rows past the last are new sites, closed.

    Parameters
    ----------
    standing
        The standing so far; it is not changed.
    rows
        ``(r,)`` rows of the sites, each closed or new.
    stops
        Where they stand now, in the order of `rows`.

    Returns
    -------
    Standing
        The same nearest sites: none that counts has moved.

    Raises
    ------
    InputError
        A site that is open, or rows that leave a gap.

    Examples
    --------
    >>> standing = search.stand(arcs, sites, np.array([True, False]), people)
    >>> middle = search.Stops(edge=sites.edge[:1], fraction=np.array([0.5]), leg=sites.leg[:1])
    >>> moved = search.place_sites(standing, np.array([1]), middle)
    >>> _ = search.open_site(moved, 1)
    >>> search.split_labels(moved.found)[0].tolist()
    [100000, 400000]
    """
    count = max(int(rows.max(initial=-1)) + 1, len(standing.is_open))
    if (standing.is_open[rows[rows < len(standing.is_open)]]).any() or count > len(standing.is_open) + len(rows):
        msg = f"site rows {rows.tolist()} cannot be placed among {len(standing.is_open)}; expected closed or new ones"
        raise InputError(msg)
    fields = {}
    for name in ("edge", "fraction", "leg"):
        old, new = getattr(standing.sites, name), getattr(stops, name)
        fields[name] = np.append(old, np.zeros(count - len(old), old.dtype))
        fields[name][rows] = new
    sites = Stops(**fields)
    is_open = np.append(standing.is_open, np.zeros(count - len(standing.is_open), np.bool_))
    return replace(standing, sites=sites, is_open=is_open, site_order=_site_order(sites))


def drop_sites(standing: Standing, count: int) -> Standing:
    """Return the standing of the first sites; those after them are closed.

    Parameters
    ----------
    standing
        The standing so far.
    count
        How many sites stay.

    Returns
    -------
    Standing
        The same nearest sites.

    Examples
    --------
    >>> standing = search.stand(arcs, sites, np.array([True, False]), people)
    >>> search.drop_sites(standing, 1).is_open.tolist()
    [True]
    """
    sites = standing.sites
    kept = Stops(edge=sites.edge[:count], fraction=sites.fraction[:count], leg=sites.leg[:count])
    return replace(standing, sites=kept, is_open=standing.is_open[:count].copy(), site_order=_site_order(kept))


def _site_order(sites: Stops) -> tuple[NDArray[np.int32], Rows]:
    order = np.argsort(sites.edge, kind="stable")
    return sites.edge[order], order.astype(np.uint32)


def _work(arcs: Arcs, people: Stops, limit: int | None) -> _Work:
    on = np.flatnonzero(people.edge >= 0)
    start, attached = attach(arcs, Stops(edge=people.edge[on], fraction=people.fraction[on], leg=people.leg[on]))
    attached = (attached & HIGH) | on[(attached & LOW).astype(np.intp)].astype(np.uint64)
    by_edge = np.argsort(people.edge, kind="stable").astype(np.uint32)
    k, n = len(arcs), len(people.edge)
    turned = arcs.turned()
    bound = int(UNREACHED) - 1 if limit is None else min(limit, int(UNREACHED) - 1)
    return _Work(
        arcs=(arcs.start, arcs.arcs),
        back=(turned.start, turned.arcs),
        costs=(arcs.impedance.along, arcs.impedance.against),
        attached=(start, attached),
        on_edge=(people.edge[by_edge], by_edge),
        queue=(np.empty(k, np.uint32), np.empty(k, np.uint32)),
        nodes=(np.zeros(k, np.uint32), np.empty(k, np.uint32), np.empty(k, np.uint64)),
        people=(np.zeros(n, np.uint32), np.empty(n, np.uint32), np.empty(n, np.uint64)),
        turn=np.zeros(1, np.uint32),
        bounds=(np.uint64(bound), np.uint64(bucket_shift(arcs, bound)), np.uint64(min(arcs.longest_arc, bound))),
    )


def open_site(standing: Standing, row: int) -> Change:
    """Open one site and return what changed.

    Parameters
    ----------
    standing
        Changed in place.
    row
        Row of the site.

    Returns
    -------
    Change
        What was written over, for `undo_change`.

    Raises
    ------
    InputError
        The site is open.

    Examples
    --------
    >>> standing = search.stand(arcs, sites, np.array([True, False]), people)
    >>> _ = search.open_site(standing, 1)
    >>> search.split_labels(standing.found)[0].tolist()
    [400000, 100000]
    """
    _expect(standing, row, is_open=False)
    standing.is_open[row] = True
    turn = _next_turn(standing)
    known = _spread(standing, np.array([row], np.intp), 0, turn)
    return _record(standing, row, known, turn)


def close_site(standing: Standing, row: int) -> Change:
    """Close one site and return what changed.

    Parameters
    ----------
    standing
        Changed in place.
    row
        Row of the site.

    Returns
    -------
    Change
        What was written over, for `undo_change`.

    Raises
    ------
    InputError
        The site is closed.

    Examples
    --------
    >>> standing = search.stand(arcs, sites, np.array([True, True]), people)
    >>> _ = search.close_site(standing, 0)
    >>> search.split_labels(standing.found)[0].tolist()
    [600000, 100000]
    """
    _expect(standing, row, is_open=True)
    standing.is_open[row] = False
    turn = _next_turn(standing)
    known = 0
    if standing.sites.edge[row] >= 0:
        work, ends = standing.work, standing.arcs.street[standing.sites.edge[row]]
        known = clear(work.arcs, standing.labels, (ends, np.uint64(row)), (*work.nodes, turn))
        refill_nodes(work.back, standing.labels, work.nodes[1][:known], work.bounds[0])
        known = _spread(standing, np.flatnonzero(standing.is_open), known, turn)
    return _record(standing, row, known, turn)


def undo_change(standing: Standing, change: Change) -> None:
    """Take back the last change; of several, the last first.

    Parameters
    ----------
    standing
        Changed in place, to what it was before, to the last bit.
    change
        What `open_site` or `close_site` returned.

    Examples
    --------
    >>> standing = search.stand(arcs, sites, np.array([True, False]), people)
    >>> search.undo_change(standing, search.open_site(standing, 1))
    >>> search.split_labels(standing.found)[0].tolist()
    [400000, 900000]
    """
    standing.labels[change.nodes] = change.node_labels
    standing.found[change.people] = change.people_labels
    standing.is_open[change.row] = not change.opened


def _expect(standing: Standing, row: int, *, is_open: bool) -> None:
    if bool(standing.is_open[row]) != is_open:
        state = "closed" if is_open else "open"
        msg = f"site row {row} is {state} already; expected one that is {'open' if is_open else 'closed'}"
        raise InputError(msg)


def _next_turn(standing: Standing) -> np.uint32:
    """Return a mark that no node and no person bears yet."""
    standing.work.turn[0] += 1
    return np.uint32(standing.work.turn[0])


def _spread(standing: Standing, rows: NDArray[np.intp], known: int, turn: np.uint32) -> int:
    """Let labels spread from sites, and from the first `known` marked nodes; return how many nodes are marked then.

    Of sites, only those whose street is marked begin, where any is; the others are at home already.
    """
    work, sites = standing.work, standing.sites
    marks = (*work.nodes, turn)
    where = (sites.edge, sites.fraction, sites.leg)
    known = begin((work.costs, standing.arcs.street, where, rows), standing.labels, marks, known, work.bounds[0])
    return int(flood(work.arcs, standing.labels, work.queue, marks, known, work.bounds))


def _record(standing: Standing, row: int, known: int, turn: np.uint32) -> Change:
    """Bring the people of the marked nodes up to date and return what was written over."""
    work = standing.work
    nodes = work.nodes[1][:known].copy()
    met = int(concern(work.attached, work.on_edge, (nodes, standing.sites.edge[row]), (*work.people, turn)))
    people = work.people[1][:met].copy()
    before = standing.found[people]
    read_off(_reading(standing), people, standing.found)
    return Change(
        row=row,
        opened=bool(standing.is_open[row]),
        nodes=nodes,
        node_labels=work.nodes[2][:known].copy(),
        people=people,
        people_labels=before,
    )


def _reading(standing: Standing):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- a nest of arrays for a kernel
    people, sites = standing.people, standing.sites
    places = (people.edge, people.fraction, people.leg)
    there = (sites.edge, sites.fraction, sites.leg, standing.is_open)
    return (standing.work.costs, standing.arcs.home, standing.labels, places, (*there, *standing.site_order))
