"""Labels of nodes and people after one change: cleared, filled again, spread, read."""

from __future__ import annotations

import numpy as np

from accessibility.streets.search.compiling import helper, kernel, maker
from accessibility.streets.search.multisource import IDLE, NOBODY, link, unlink
from accessibility.streets.search.stops import HIGH, LOW, NO_LABEL, NOT_PASSABLE, added, direct, part, to_end

_32 = np.uint64(32)
_0 = np.uint64(0)
_1 = np.uint64(1)


@helper
def _mark(marks, known, node, label):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Note a node and its label, once a turn; return how many are marked."""
    mark, marked, before, turn = marks
    if mark[node] == turn:
        return known
    mark[node] = turn
    marked[known] = np.uint32(node)
    before[known] = label
    return known + _1


@kernel
def begin(sites, labels, marks, known, bound):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
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
def clear(graph, labels, site, marks):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
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
def refill_nodes(back, labels, cleared, bound):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
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
def flood(graph, labels, queue, marks, known, bounds):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, C901, PLR0912
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
def concern(attached, on_edge, where, marks):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
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
def read_off(standing, rows, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
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
