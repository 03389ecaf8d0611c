"""A network packed for searches: each graph is made once, however many questions are asked of it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from accessibility.geo.arrays import Memo
from accessibility.streets.search.packing import (
    ArcOrder,
    Arcs,
    Graph,
    Layout,
    build_arcs,
    build_graph,
    hilbert_rank,
    order_arcs,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from accessibility.standards import Walker
    from accessibility.streets.search.impedance import Impedance

_FEW = 8  # questions of a graph that are answered sooner than its junctions are eliminated
_MOST = 8  # graphs of one network: those of a run's walkers and of metres; each is as large as the network


class Walkable(Layout, Protocol):
    """What packing reads of an `accessibility.Network`."""

    def impedance(self, walker: Walker | None = None) -> Impedance:
        """Return the cost of every edge: walking milliseconds, or centimetres without a walker."""


class Packed:
    """The graphs of a network, one for each walker and one of metres, and the order in memory that they share.

    Parameters
    ----------
    network
        The streets.
    """

    def __init__(self, network: Walkable) -> None:
        self._network, self._made, self._indexes, self._orders = network, Memo(_MOST), Memo(_MOST), Memo(2)
        self._asked: Counter[tuple[Walker | None, bool]] = Counter()

    @cached_property
    def rank(self) -> NDArray[np.uint32]:
        """``(n,)`` position of each junction along a Hilbert curve."""
        return hilbert_rank(self._network.node_xy)

    def index(self, public: bool, make: Callable[[], Any]) -> Any:  # noqa: FBT001 -- a key
        """Return the edges in space, all or those that everybody may walk; `make` makes them the first time."""
        return self._indexes.get(public, make)

    def graph(self, walker: Walker | None, *, open_compounds: bool) -> Graph:
        """Return the reversed graph in milliseconds of a walker, or in centimetres.

        Whoever asks often gets one whose junctions are eliminated: it answers alike, and in half the time.
        """
        key = (walker, open_compounds)
        self._asked[key] += 1
        often = self._asked[key] > _FEW
        return self._made.get(("graph", often, *key), lambda: self._graph(*key, often))  # type: ignore[no-any-return]

    def _graph(self, walker: Walker | None, open_compounds: bool, often: bool) -> Graph:  # noqa: FBT001 -- a key
        def ordered() -> ArcOrder:
            return order_arcs(self._network, self.rank, open_compounds=open_compounds)

        return build_graph(
            self._network,
            self._network.impedance(walker),
            rank=self.rank,
            open_compounds=open_compounds,
            order=None if often else self._orders.get(open_compounds, ordered),
        )

    def arcs(self, walker: Walker | None, *, open_compounds: bool) -> Arcs:
        """Return the plain arcs in milliseconds of a walker, or in centimetres."""
        return self._made.get(  # type: ignore[no-any-return]
            ("arcs", walker, open_compounds),
            lambda: build_arcs(
                self._network, self._network.impedance(walker), rank=self.rank, open_compounds=open_compounds
            ),
        )
