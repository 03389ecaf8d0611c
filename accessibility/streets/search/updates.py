"""The nearest site of every node and person, kept up to date while sites open and close one at a time.

An opening spreads from the site over whatever it is nearest to; a closing clears what the site was nearest to and fills
it again from its rim and from the other sites inside. Both cost what the site's own neighbourhood costs, and leave the
labels that a search from scratch would give, to the last bit: of equally near sites the lower row, however it came
about. Work in proportion to what changes, as Ramalingam and Reps (1996) have it for shortest paths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError
from accessibility.streets.search.bounded import attach
from accessibility.streets.search.floods import begin, clear, concern, flood, read_off, refill_nodes
from accessibility.streets.search.multisource import bucket_shift
from accessibility.streets.search.stops import HIGH, LOW, NO_LABEL, UNREACHED, Stops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.search.packing import Arcs

    Words = NDArray[np.uint64]
    Rows = NDArray[np.uint32]


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
