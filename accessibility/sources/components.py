"""What hangs together in streets of any size, heap by heap: only what lies on the borders of heaps is held.

A component is told by its lowest junction. Each heap joins its own junctions; what it leaves open, which components of
its neighbours its own are, is known as soon as all heaps have told which of theirs hold which junctions on the border.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array

from accessibility.streets.foot import FERRY
from accessibility.streets.network import MAIN_M
from accessibility.streets.search.packing import joined_nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.sources.street_store import PlacedStreets, Stretch


@dataclass(kw_only=True)
class Components:
    """The components of streets along edges of one kind."""

    _links: list[NDArray[np.int32]] = field(default_factory=list)
    border: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    _lowest: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def meet(self, stretch: Stretch, kept: NDArray[np.bool_]) -> None:
        """Take the edges of a heap into account, some of which join."""
        part = stretch.joined(kept)[stretch.border]
        self._links.append(np.column_stack([stretch.ids[stretch.border], part]))

    def close(self) -> None:
        """Join what the heaps have told, once all have."""
        self.border, links = np.unique(np.concatenate(self._links), return_inverse=True)
        links = links.reshape(-1, 2).astype(np.int32)
        self._lowest = self.border[joined_nodes(links, np.ones(len(links), np.bool_), len(self.border))]
        self._links.clear()

    def of(self, stretch: Stretch, kept: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the component of each junction of a heap."""
        part = stretch.joined(kept)
        place = self.place(part)
        return np.where(place >= 0, np.append(self._lowest, -1)[place], part).astype(np.int32)

    def place(self, part: NDArray[np.int32]) -> NDArray[np.intp]:
        """Return the place of components among those that lie in several heaps, -1 of others."""
        at = np.searchsorted(self.border, part)
        return np.where(np.append(self.border, -1)[at] == part, at, -1)


class Sums:
    """What the edges or junctions of components add up to, whichever heaps they lie in.

    Parameters
    ----------
    components
        The components.
    """

    def __init__(self, components: Components) -> None:
        self._components, self._border = components, np.zeros(len(components.border))
        self._most = (-np.inf, 0)

    def meet(self, part: NDArray[np.int32], values: NDArray[Any]) -> None:
        """Add values of a heap to their components."""
        parts, sums = self._here(part, values)
        place = self._components.place(parts)
        self._border[place[place >= 0]] += sums[place >= 0]
        self._rank(parts[place < 0], sums[place < 0])

    def of(self, part: NDArray[np.int32], values: NDArray[Any], asked: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the sums of components of a heap, whose own values are given again, once all heaps are met."""
        parts, sums = self._here(part, values)
        place, at = self._components.place(asked), np.searchsorted(parts, asked)
        here = np.where(np.append(parts, -1)[at] == asked, np.append(sums, 0.0)[at], 0.0)
        return np.where(place >= 0, np.append(self._border, 0.0)[place], here)

    def largest(self) -> int:
        """Return the component with the largest sum, the lowest of equals."""
        self._rank(self._components.border, self._border)
        return self._most[1]

    def _here(self, part: NDArray[np.int32], values: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[Any]]:
        at, parts = pd.factorize(part, sort=True)  # few parts of many edges: sooner than sorting these
        return parts, np.bincount(at, weights=values, minlength=len(parts))

    def _rank(self, parts: NDArray[np.int32], sums: NDArray[np.float64]) -> None:
        if len(parts):
            best = int(sums.argmax())  # parts rise
            self._most = min((-self._most[0], self._most[1]), (-float(sums[best]), int(parts[best])))
            self._most = (-self._most[0], self._most[1])


class Enclosed(NamedTuple):
    """How many edges, and how many metres, nobody walks, and only residents because private ways alone lead there."""

    closed: tuple[int, float]
    enclosed: tuple[int, float]


def enclose_placed(streets: PlacedStreets) -> Enclosed:
    """Make lanes that only private ways lead to private, and find main and sealed components, in place.

    All is as `accessibility.streets.network` and `accessibility.Network.main_edges` have it.

    Parameters
    ----------
    streets
        As they were read.
    """
    public, whole = Components(), Components()
    for _, stretch in streets.stretches():
        public.meet(stretch, ~stretch.rows["private"])
        whole.meet(stretch, _all(stretch))
    public.close()
    whole.close()
    metres, private = Sums(public), Sums(public)
    for _, stretch in streets.stretches():
        metres.meet(*_metres(stretch, public))
        private.meet(*_ends(stretch, public))
    largest = metres.largest()

    def main_of(stretch: Stretch) -> NDArray[np.bool_]:
        """Return whether each edge that everybody may walk is part of a main component of such."""
        part, values = _metres(stretch, public)
        found = (metres.of(part, values, part) >= MAIN_M) | (part == largest)
        return np.asarray(found & ~stretch.rows["private"])

    has_main = Sums(whole)
    for _, stretch in streets.stretches():
        has_main.meet(_component(stretch, whole), main_of(stretch))
    closed, enclosed = [0.0, 0.0], [0.0, 0.0]
    street, open_ = Sums(whole), Sums(whole)
    ferry = streets.kinds.index(FERRY) if FERRY in streets.kinds else -1
    for heap, stretch in streets.stretches():
        rows, main, part = stretch.rows, main_of(stretch), _component(stretch, whole)
        own = public.of(stretch, ~rows["private"])[stretch.ends[:, 0]]
        behind = private.of(*_ends(stretch, public), own) > 0
        alone = ~rows["private"] & ~main & behind & (has_main.of(part, main, part) > 0)
        rows["private"] |= alone
        rows["enclosed"] |= alone
        streets.edges.put(heap, rows)
        street.meet(part, _street(rows, ferry))
        open_.meet(part, ~rows["private"])
        for told, some in ((closed, rows["closed"]), (enclosed, alone)):
            told[0] += int(some.sum())
            told[1] += float(rows["length_m"][some].sum())
    largest = street.largest()
    for heap, stretch in streets.stretches():
        rows, part = stretch.rows, _component(stretch, whole)
        rows["main"] = (street.of(part, _street(rows, ferry), part) >= MAIN_M) | (part == largest)
        rows["sealed"] = open_.of(part, ~rows["private"], part) == 0
        streets.edges.put(heap, rows)
    return Enclosed((int(closed[0]), closed[1]), (int(enclosed[0]), enclosed[1]))


def _all(stretch: Stretch) -> NDArray[np.bool_]:
    return np.ones(len(stretch.rows), np.bool_)


def _component(stretch: Stretch, whole: Components) -> NDArray[np.int32]:
    """Return the component of each edge."""
    return whole.of(stretch, _all(stretch))[stretch.ends[:, 0]]


def _metres(stretch: Stretch, public: Components) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the component of each edge along public streets, and its metres if it is one."""
    part = public.of(stretch, ~stretch.rows["private"])[stretch.ends[:, 0]]
    return part, np.where(stretch.rows["private"], 0.0, stretch.rows["length_m"])


def _ends(stretch: Stretch, public: Components) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the components along public streets that private edges meet, and 1 for each."""
    part = public.of(stretch, ~stretch.rows["private"])[stretch.ends[stretch.rows["private"]]].ravel()
    return part, np.ones(len(part))


def _street(rows: NDArray[Any], ferry: int) -> NDArray[np.float64]:
    """Return the metres of each edge that make a component a main one."""
    return np.where(rows["private"] | (rows["kind"] == ferry), 0.0, rows["length_m"])


def lead_somewhere(
    streets: PlacedStreets, edge: NDArray[np.int32], fraction: NDArray[np.float64], *, open_compounds: bool
) -> None:
    """Find whether who lives on an edge gets from each of its ends to a site, however far, in place.

    Whoever is on the streets walks along edges that everybody may walk; whoever is on a private edge along private ones
    first, out to the streets. Edges that may be walked both ways join junctions; the others lead from one to the next.

    Parameters
    ----------
    streets
        With their private edges known.
    edge, fraction
        ``(s,)`` where sites stand.
    open_compounds
        Whether private edges are streets like others.
    """
    order = np.argsort(edge)
    edge, fraction = edge[order], fraction[order]
    outside, inside = Components(), Components()
    for _, stretch in streets.stretches():
        hidden = _hidden(stretch, open_compounds)
        outside.meet(stretch, _both_ways(stretch) & ~hidden)
        inside.meet(stretch, _both_ways(stretch) & hidden)
    outside.close()
    inside.close()
    reached = Reached()
    for _, stretch in streets.stretches():
        hidden = _hidden(stretch, open_compounds)
        part = outside.of(stretch, _both_ways(stretch) & ~hidden)[stretch.ends]
        reached.lead(part[_one_way(stretch) & ~hidden])
        reached.begin(part[_seeded(stretch.rows, edge, fraction)])
    reached.close()
    out = Reached()
    for _, stretch in streets.stretches():
        hidden = _hidden(stretch, open_compounds)
        part = inside.of(stretch, _both_ways(stretch) & hidden)[stretch.ends]
        street = outside.of(stretch, _both_ways(stretch) & ~hidden)[stretch.ends]
        out.lead(part[_one_way(stretch) & hidden])
        out.begin(part[hidden][reached.at(street[hidden])])
    out.close()
    for heap, stretch in streets.stretches():
        hidden, rows = _hidden(stretch, open_compounds), stretch.rows
        part = inside.of(stretch, _both_ways(stretch) & hidden)[stretch.ends]
        street = outside.of(stretch, _both_ways(stretch) & ~hidden)[stretch.ends]
        rows["leads"] = np.where(hidden[:, None], out.at(part), reached.at(street))
        streets.edges.put(heap, rows)


@dataclass(kw_only=True)
class Reached:
    """Components from which a way leads to where it ends."""

    _ends: list[NDArray[np.int32]] = field(default_factory=list)
    _leads: list[NDArray[np.int32]] = field(default_factory=list)
    _found: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def begin(self, parts: NDArray[np.int32]) -> None:
        """Add components where ways end."""
        self._ends.append(np.unique(parts))

    def lead(self, pairs: NDArray[np.int32]) -> None:
        """Add ``(a, 2)`` components of which one leads to the other."""
        self._leads.append(np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0))

    def close(self) -> None:
        """Walk all ways back, once all are known."""
        from scipy.sparse.csgraph import breadth_first_order  # noqa: PLC0415

        ends, pairs = np.unique(np.concatenate(self._ends)), np.concatenate(self._leads)
        parts, at = np.unique(np.concatenate([pairs.ravel(), ends]), return_inverse=True)
        start, (before, after) = len(parts), at[: pairs.size].reshape(-1, 2).T
        rows = np.concatenate([after, np.full(len(ends), start)])  # of the end of all ways, and back along each
        columns = np.concatenate([before, at[pairs.size :]])
        ways = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(start + 1, start + 1))
        found = breadth_first_order(ways.tocsr(), start, return_predecessors=False)
        self._found = np.sort(parts[found[found < start]])

    def at(self, parts: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return whether a way leads on from each of some components."""
        return np.isin(parts, self._found)


def _hidden(stretch: Stretch, open_compounds: bool) -> NDArray[np.bool_]:  # noqa: FBT001
    hidden: NDArray[np.bool_] = stretch.rows["private"] & (not open_compounds)
    return hidden


def _both_ways(stretch: Stretch) -> NDArray[np.bool_]:
    both: NDArray[np.bool_] = ~stretch.rows["oneway"] & ~stretch.rows["closed"]
    return both


def _one_way(stretch: Stretch) -> NDArray[np.bool_]:
    one: NDArray[np.bool_] = stretch.rows["oneway"] & ~stretch.rows["closed"]
    return one


def _seeded(rows: NDArray[Any], edge: NDArray[np.int32], fraction: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return ``(m, 2)`` from which ends of the edges of a heap a way along the edge leads to a site on it."""
    order = np.argsort(rows["edge"])
    at = np.searchsorted(rows["edge"], edge, sorter=order).clip(max=len(rows) - 1)
    row = order[at]
    here = rows["edge"][row] == edge
    row, share = row[here], fraction[here]
    found = np.zeros((len(rows), 2), np.bool_)
    closed, oneway = rows["closed"][row], rows["oneway"][row]
    found[row[~closed | (share == 0)], 0] = True
    found[row[~(closed | oneway) | (share == 1)], 1] = True
    return found
