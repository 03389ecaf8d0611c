"""`Network`: streets and paths that may be walked, cut into edges between junctions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np

from accessibility.errors import AccessibilityWarning, InputError, checked
from accessibility.geo.arrays import Frozen, as_flags, filled, locked, read_only, refuse, spans, worked_out
from accessibility.geo.projection import MAX_STRETCH, read_crs, stretch_of
from accessibility.standards import CM_PER_M, MS_PER_S, Walker
from accessibility.streets.foot import FERRY, FootAccess
from accessibility.streets.graphs import graph_of_tables, read_graph, write_graph
from accessibility.streets.search.elimination import IMPASSABLE, Impedance
from accessibility.streets.search.packing import Packed, joined_nodes, number_components
from accessibility.streets.spelling import COUNTED

if TYPE_CHECKING:
    import os

    import geopandas as gpd
    import networkx as nx
    import pandas as pd
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.streets.spelling import Said

STEPS = "steps"
"""A kind of edge with a pace of its own, as ferries are."""
MAIN_M = 5_000.0
"""Public streets that a part of the network needs to be a main one, however many junctions they have."""
_ENDS = 2  # of a line
_ALL = slice(None)
_BATCH = 1 << 18  # edges whose costs are worked out at a time
PER_EDGE: dict[str, Any] = {
    **dict.fromkeys(("oneway", "private", "enclosed", "closed", "off_ground", "outline", "across"), np.bool_),
    **dict.fromkeys(("climb_m", "signals", "fixed_s"), np.float32),
    "kind": np.uint8,
}
"""The arrays of one value an edge that are zero where they are not given, and their types."""
# Straight lines take 50 bytes an edge, and numbers 8 a junction: they are told where somebody asks.
_STRAIGHT = worked_out(lambda its: its.node_xy[its.edges.ravel()])
_BY_TWO = worked_out(lambda its: np.arange(0, 2 * len(its.edges) + 1, 2))
_IN_ORDER = worked_out(lambda its: np.arange(len(its.node_xy)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Origin:
    """What edges are in the network that they are cut from, which the cut does not show."""

    # main, sealed: (m,) whether an edge is part of a main component, or of one where only residents walk
    main: NDArray[np.bool_]
    sealed: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Provenance(Frozen):
    """How streets were read: a study of them finds water, names and buildings in the same file, and says the same."""

    path: Path | None = None  # the OpenStreetMap extract; None of lines and graphs in memory.
    foot: FootAccess  # the foot-access table that judged them
    findings: tuple[Any, ...] = ()  # what was set aside in an extract or looks suspicious
    # the same of lines and graphs: how many there are of each kind, and what they are
    said: Said = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class CutStreets(Frozen):
    """Which edges of another network the edges of one are, whole or in pieces, and how much slower they are walked.

    The pieces of an edge share out its cost to the unit: cutting a street changes no way along it by a millisecond.
    """

    of: Network  # the network that was edited
    row: NDArray[np.int32]  # (m,) row of its edge; -1 for an edge that is new
    # begin, end: (m,) the shares of that edge between which the piece lies
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    slower: NDArray[np.float64]  # (m,) how much longer a walk along it takes than there
    edit: NDArray[np.int16]  # (m,) row of `edits`: which one made the edge what it is; -1 for none
    edits: tuple[Any, ...]  # the edits of streets so far, those of `of` before

    def costs(self, own: NDArray[np.float64], walker: Walker | None) -> NDArray[np.float64]:
        """Return the ``(2, m)`` whole costs along the edges and against them; `own` are those of new edges."""
        known = np.flatnonzero(self.row >= 0)
        row, begin, end = self.row[known], self.begin[known], self.end[known]
        there = self.of.costs(walker)[:, row]
        found = own.copy()
        found[:, known] = np.floor(there * end + 0.5) - np.floor(there * begin + 0.5)  # as `search.multisource.part`
        if walker is not None:
            slow = np.flatnonzero(self.slower[known] != 1)
            afoot = self.of.on_foot_s(walker)[row[slow]].T * ((end - begin)[slow] * MS_PER_S)
            more = afoot * (self.slower[known[slow]] - 1)
            found[:, known[slow]] = np.maximum(np.rint(found[:, known[slow]] + more), 0)
        return found


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Network(Frozen):
    """Walkable edges between junctions. Parallel edges and loops are kept apart.

    Parameters
    ----------
    node_xy
        ``(n, 2)`` metres in `crs`.
    edges
        ``(m, 2)`` int32 rows of `node_xy`.
    length_m
        ``(m,)`` geodesic length, metres, finite and not negative.
    oneway
        ``(m,)`` whether the edge may be walked from its first node to its second only; nowhere if not given.
    climb_m
        ``(m,)`` rise from the first node to the second, metres; zero where not given.
    kind
        ``(m,)`` uint8 rows of `kinds`, the type of street; all ``road`` where not given.
    kinds
        Names of the types of street.
    private
        ``(m,)`` whether only residents may walk there: who lives along it comes out, nobody passes through; nowhere if
        not given.
    enclosed
        ``(m,)`` whether an edge is private only because private ways alone lead to it; nowhere if not given.
    closed
        ``(m,)`` whether nobody walks there, as in a flood: who stands on it stays there; nowhere if not given.
    off_ground
        ``(m,)`` whether the edge is not at the level of the ground (bridge, tunnel, indoor): no point snaps to it;
        nowhere if not given.
    outline, across
        ``(m,)`` whether the edge is part of the outline of a square, stepped onto from nowhere beside, or across one.
    signals
        ``(m,)`` how many crossing signals people wait at along the edge; none if not given.
    fixed_s
        ``(m,)`` seconds that pass along the edge whoever walks it, beside the walk: for a lift. On an edge of the kind
        ``ferry`` nobody walks, and they are all the seconds there are. None if not given.
    slope_factor
        ``(m, 2)`` how much longer than on the flat a walk takes along the edge and against it; 1 where not given.
    shape_xy, shape_start
        ``(k, 2)`` vertices of all edges, metres, ends included, and ``(m + 1,)`` where each edge's begin; straight
        lines where not given.
    node_ids
        ``(n,)`` int64 ids in the source; row numbers where not given.
    origin
        Of a cut from a larger network: what its edges are there.
    pieces
        Of streets that were edited: which edges of which network these are pieces of, and what they cost.
    provenance
        How they were read; None of arrays.
    crs
        A projected coordinate system in metres.

    Raises
    ------
    InputError
        Arrays that do not fit each other, values out of their range, a coordinate system without true metres.

    Examples
    --------
    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (500300, 34e5)], edges=[(0, 1)], length_m=[300], crs="EPSG:32649")
    >>> road
    <Network 2 junctions, 1 edges, 0.3 km, 1 component>
    """

    node_xy: NDArray[np.float64]
    edges: NDArray[np.int32]
    length_m: NDArray[np.float64]
    oneway: NDArray[np.bool_] = None  # type: ignore[assignment]  # defaults are filled on construction
    climb_m: NDArray[np.float32] = None  # type: ignore[assignment]
    kind: NDArray[np.uint8] = None  # type: ignore[assignment]
    kinds: tuple[str, ...] = ("road",)
    private: NDArray[np.bool_] = None  # type: ignore[assignment]
    enclosed: NDArray[np.bool_] = None  # type: ignore[assignment]
    closed: NDArray[np.bool_] = None  # type: ignore[assignment]
    off_ground: NDArray[np.bool_] = None  # type: ignore[assignment]
    outline: NDArray[np.bool_] = None  # type: ignore[assignment]
    across: NDArray[np.bool_] = None  # type: ignore[assignment]
    signals: NDArray[np.float32] = None  # type: ignore[assignment]
    fixed_s: NDArray[np.float32] = None  # type: ignore[assignment]
    slope_factor: NDArray[np.float32] = None  # type: ignore[assignment]
    shape_xy: NDArray[np.float64] = _STRAIGHT
    shape_start: NDArray[np.int64] = _BY_TWO
    node_ids: NDArray[np.int64] = _IN_ORDER
    origin: Origin | None = None
    pieces: CutStreets | None = None
    provenance: Provenance | None = None
    crs: CRS

    def __post_init__(self) -> None:
        """Copy the arrays, fill the defaults and check every invariant."""
        crs = _metric(read_crs(self.crs, "network"))
        node_xy = read_only(self.node_xy, dtype=np.float64, shape=(None, 2), name="network node_xy")
        edges = read_only(_rows_of_two(self.edges), dtype=np.int32, shape=(None, 2), name="network edges")
        n, m = len(node_xy), len(edges)
        self.__dict__["_straight"] = self.shape_xy is None
        checked: dict[str, Any] = {
            "node_xy": node_xy,
            "edges": edges,
            "length_m": read_only(self.length_m, dtype=np.float64, shape=(m,), name="network length_m"),
            "slope_factor": np.broadcast_to(np.float32(1), (m, 2))  # one number in memory
            if self.slope_factor is None
            else read_only(self.slope_factor, dtype=np.float32, shape=(m, 2), name="network slope_factor"),
            "kinds": tuple(self.kinds),
            "crs": crs,
        }
        if not self.straight:
            lines: dict[str, Any] = {"shape_xy": (np.float64, (None, 2)), "shape_start": (np.int64, (m + 1,))}
            for name, (dtype, shape) in lines.items():
                checked[name] = read_only(getattr(self, name), dtype=dtype, shape=shape, name=f"network {name}")
        if self.node_ids is not None:
            checked["node_ids"] = read_only(self.node_ids, dtype=np.int64, shape=(n,), name="node_ids")
        for name in {"shape_xy", "shape_start", "node_ids"} - checked.keys():
            del self.__dict__[name]  # None would stand before what is worked out
        for name, dtype in PER_EDGE.items():
            given = getattr(self, name)
            values = locked(np.zeros(m, dtype)) if given is None else given  # memory that is never written takes none
            if dtype is np.bool_ and given is not None:
                values = as_flags(filled(values, default=False))
            checked[name] = read_only(values, dtype=dtype, shape=(m,), name=f"network {name}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        n, kinds, most = len(self.node_xy), len(self.kinds), float(np.finfo(np.float64).max)
        checks: dict[str, tuple[NDArray[Any], float, float, str]] = {
            "node_xy": (self.node_xy, -most, most, "finite coordinates"),
            "edges": (self.edges, 0, n - 1, f"rows of the {n} nodes"),
            "length_m": (self.length_m, 0, most, "finite lengths, 0 or more"),
            "slope_factor": (
                self.slope_factor,
                float(np.finfo(np.float32).smallest_subnormal),
                most,
                "positive factors",
            ),
            "signals": (self.signals, 0, most, "0 or more"),
            "fixed_s": (self.fixed_s, 0, most, "0 or more"),
            "climb_m": (self.climb_m, -most, most, "finite metres"),
            "kind": (self.kind, 0, kinds - 1, f"rows of {kinds} kinds"),
        }
        if not self.straight:
            checks["shape_start"] = np.diff(self.shape_start), _ENDS, np.inf, "at least two vertices an edge"
        for name, (values, low, high, expected) in checks.items():
            if values.size and not (values.min().item() >= low and values.max().item() <= high):
                wide = values.astype(np.float64)  # which holds both bounds
                bad = ~((wide >= low) & (wide <= high)).reshape(len(values), -1).all(axis=1)
                refuse(bad, name=f"network {name}", found=getattr(self, name), expected=expected)
        late = self.of_kind(FERRY) & ~(self.fixed_s > 0)
        refuse(late, name="network fixed_s", found=self.fixed_s, expected="the seconds that a ferry takes")
        if len(self.edges):
            refuse_unmetric(self.node_xy, self.crs)

    def __repr__(self) -> str:
        """Return junctions, edges, length and components."""
        parts = self.component_sizes.size
        return (
            f"<Network {len(self.node_xy):,} junctions, {len(self.edges):,} edges, "
            f"{self.length_m.sum() / 1_000:,.1f} km, {parts:,} component{'s' if parts != 1 else ''}>"
        )

    @property
    def straight(self) -> bool:
        """Whether all lines are straight because none were given."""
        return bool(self.__dict__.get("_straight"))

    @cached_property
    def components(self) -> NDArray[np.int32]:
        """``(n,)`` component of each node, one-way edges taken both ways."""
        return number_components(joined_nodes(self.edges, np.ones(len(self.edges), np.bool_), len(self.node_xy)))

    @cached_property
    def component_sizes(self) -> NDArray[np.int64]:
        """``(c,)`` number of nodes of each component."""
        return np.bincount(self.components)

    @cached_property
    def main_edges(self) -> NDArray[np.bool_]:
        """``(m,)`` whether an edge is part of a main component.

        Main is the one with most kilometres of street, and every one with at least 5 km. Private ways and ferries do
        not count: a compound without a way out is no main component.
        """
        if self.origin is not None:
            return self.origin.main
        street = np.where(self.private | self.of_kind(FERRY), 0.0, self.length_m)
        component = self.components[self.edges[:, 0]]
        metres = np.bincount(component, weights=street, minlength=len(self.component_sizes))
        if not metres.size:
            return np.zeros(len(self.edges), np.bool_)
        main = metres >= MAIN_M
        main[metres.argmax()] = True
        found: NDArray[np.bool_] = main[component]
        return found

    @cached_property
    def node_keys(self) -> NDArray[np.int64]:
        """``(n,)`` `node_ids` made distinct: where a locked gate cuts a junction in two, the copy's key is negative."""
        keys = -1 - np.arange(len(self.node_ids))
        first = np.unique(self.node_ids, return_index=True)[1]
        keys[first] = self.node_ids[first]
        return keys

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Return whether each edge is of a type of street.

        Parameters
        ----------
        kind
            A name among `kinds`.

        Returns
        -------
        numpy.ndarray
            ``(m,)`` boolean; all False for a name that is not among them.

        Examples
        --------
        >>> road.of_kind("road").tolist(), road.of_kind("steps").tolist()
        ([True], [False])
        """
        if kind not in self.kinds:
            return np.zeros(len(self.edges), np.bool_)
        found: NDArray[np.bool_] = self.kind == self.kinds.index(kind)
        return found

    @cached_property
    def from_beside(self) -> NDArray[np.bool_]:
        """``(m,)`` whether people step onto an edge from beside: not where it is off the ground or an outline."""
        found: NDArray[np.bool_] = ~self.off_ground & ~self.outline
        return found

    def without(self, gone: NDArray[np.bool_]) -> Network:
        """Return the network with some of its edges closed to everybody.

        The streets stay, and people and sites on them: closing never helps anyone.

        Parameters
        ----------
        gone
            ``(m,)`` boolean: the edges that close.

        Returns
        -------
        Network
            The same streets, some of them `closed`.

        Examples
        --------
        >>> import numpy as np
        >>> road.without(np.array([True])).closed.tolist()
        [True]
        """
        return replace(self, closed=self.closed | gone)

    @cached_property
    def packed(self) -> Packed:
        """The graphs that searches run on, each made when it is first asked for."""
        return Packed(self)

    def impedance(self, walker: Walker | None = None) -> Impedance:
        """Return the cost of every edge: walking milliseconds of `walker`, or centimetres without one.

        Parameters
        ----------
        walker
            How people walk; None for distances.

        Returns
        -------
        Impedance
            ``(m,)`` cost along each edge and against it, as integers.

        Raises
        ------
        InputError
            An edge too long to count in 31 bits (21 000 km, or 24 days).

        Examples
        --------
        >>> road.impedance(acc.Walker(speed_m_s=1.5)).along.tolist(), road.impedance().along.tolist()
        ([200000], [30000])
        """
        m, edited = len(self.edges), None if self.pieces is None else self.costs(walker)
        along, against, long = np.empty(m, np.uint32), np.empty(m, np.uint32), np.empty(m, np.bool_)
        for at in range(0, m, _BATCH):
            rows = slice(at, at + _BATCH)
            cost = self._own_costs(walker, rows) if edited is None else edited[:, rows]
            along[rows], against[rows] = np.minimum(cost, IMPASSABLE)
            long[rows] = (cost >= IMPASSABLE).any(axis=0)
        refuse(long, name="network length_m", found=self.length_m, expected="edges shorter than the Earth")
        along[self.closed] = IMPASSABLE
        against[self.oneway | self.closed] = IMPASSABLE
        return Impedance(along=along, against=along if np.array_equal(along, against) else against)

    def costs(self, walker: Walker | None) -> NDArray[np.float64]:
        """Return what every edge costs, open or not, in whole milliseconds or centimetres.

        Parameters
        ----------
        walker
            How people walk; None for distances.

        Returns
        -------
        numpy.ndarray
            ``(2, m)``, along each edge and against it.

        Examples
        --------
        >>> road.costs(acc.Walker(speed_m_s=1.5)).tolist(), road.costs(None).tolist()
        ([[200000.0], [200000.0]], [[30000.0], [30000.0]])
        """
        own = self._own_costs(walker, _ALL)
        return own if self.pieces is None else self.pieces.costs(own, walker)

    def _own_costs(self, walker: Walker | None, rows: slice) -> NDArray[np.float64]:
        """Return what some edges cost that are no pieces of others."""
        if walker is None:
            return np.tile(np.rint(self.length_m[rows] * CM_PER_M), (2, 1))
        wait = self.signals[rows].astype(np.float64) * walker.signal_delay_s + self.fixed_s[rows]
        return np.rint((self.on_foot_s(walker, rows) + wait[:, None]).T * MS_PER_S)

    def on_foot_s(self, walker: Walker, rows: slice = _ALL) -> NDArray[np.float64]:
        """Return the seconds of walking that every edge takes, without what is waited or ridden.

        Parameters
        ----------
        walker
            How people walk.
        rows
            Of which edges; of all if not given.

        Returns
        -------
        numpy.ndarray
            ``(m, 2)``, along each edge and against it.

        Examples
        --------
        >>> road.on_foot_s(acc.Walker(speed_m_s=1.5)).tolist()
        [[200.0, 200.0]]
        """
        length_m = self.length_m[rows]
        pace = self.slope_factor[rows].astype(np.float64) if walker.slope else np.ones((len(length_m), 2))
        # Stairs are climbed at a pace of their own, which a slope measured on the ground says nothing about.
        for kind, its_pace in ((STEPS, walker.stairs_factor), (FERRY, 0.0)):
            if kind in self.kinds:
                pace[self.kind[rows] == self.kinds.index(kind)] = its_pace
        seconds: NDArray[np.float64] = length_m[:, None] * pace / walker.speed_m_s
        return seconds

    def lines(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.object_]:
        """Return edges as lines.

        Parameters
        ----------
        rows
            ``(r,)`` rows of the edges; all if None.

        Returns
        -------
        numpy.ndarray
            ``(m,)`` shapely lines in `crs`, or ``(r,)`` of those asked for.

        Examples
        --------
        >>> road.lines()[0].length
        300.0
        """
        import shapely  # noqa: PLC0415

        xy, start = self.shape_xy, self.shape_start
        if rows is not None:
            many = start[rows + 1] - start[rows]
            xy, start = xy[spans(start[rows], many)], np.append(0, np.cumsum(many))
        found: NDArray[np.object_] = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, xy, (start,))
        return found

    def to_gdf(self, *, walker: Walker | None = None) -> gpd.GeoDataFrame:
        """Return one row per edge, which `from_gdf` reads back.

        Parameters
        ----------
        walker
            Whose seconds along each edge and back are told, too; none if None.

        Returns
        -------
        geopandas.GeoDataFrame
            ``u`` and ``v`` (ids of the junctions, as pandana, igraph and osmnx take them), ``kind``, ``length_m``,
            ``walk_s`` and ``walk_back_s`` of the walker (infinite where nobody may walk that way), ``climb_m``, slopes,
            flags such as ``oneway`` and ``private``, geometry. ``foot`` and ``oneway_foot`` say who may walk it, and
            which way; see `accessibility.streets.spelling.judge_rows`.
            Where a locked gate cuts a street, its lines end a hand's breadth apart.

        Examples
        --------
        >>> road.to_gdf()[["kind", "length_m"]].to_dict("records")
        [{'kind': 'road', 'length_m': 300.0}]
        >>> road.to_gdf(walker=acc.Walker(speed_m_s=1.5))[["u", "v", "walk_s"]].values.tolist()
        [[0.0, 1.0, 200.0]]
        """
        from accessibility.streets.lines import write_frame  # noqa: PLC0415 -- needs geopandas

        frame = write_frame(self)
        if walker is not None:
            cost = self.impedance(walker)
            for name, ms in (("walk_back_s", cost.against), ("walk_s", cost.along)):
                frame.insert(4, name, np.where(ms == IMPASSABLE, np.inf, ms / MS_PER_S))
        return frame

    @classmethod
    def from_gdf(
        cls, lines: gpd.GeoDataFrame, *, noded: bool = False, crs: object = None, foot: FootAccess | None = None
    ) -> Network:
        """Return the network of lines, such as `to_gdf` returns, osmnx or GDAL makes, or a road file holds.

        See `accessibility.streets.lines.read_frame` for junctions and options, and
        `accessibility.streets.spelling.judge_rows` for the columns that say who may walk where.

        Parameters
        ----------
        lines
            Lines with a coordinate system; their columns say who may walk there.
        noded
            Whether lines are also cut where they cross or touch without a shared vertex, bridges too.
        crs
            The projected coordinate system of the result; a transverse Mercator centred on the lines if not given.
        foot
            The foot-access table; the default one if not given.

        Returns
        -------
        Network
            Its edges between junctions.

        Raises
        ------
        InputError
            No lines, no coordinate system, coordinates that are no numbers, or no line that may be walked.

        Warns
        -----
        AccessibilityWarning
            Types of street that are missing or not understood, crossings without a shared vertex.

        Examples
        --------
        >>> import geopandas as gpd, shapely
        >>> line = shapely.LineString([(5e5, 34e5), (500300, 34e5), (500300, 3400400)])
        >>> acc.Network.from_gdf(gpd.GeoDataFrame({"highway": ["residential"]}, geometry=[line], crs="EPSG:32649"))
        <Network 2 junctions, 1 edges, 0.7 km, 1 component>
        """
        from accessibility.streets.lines import LineOptions, read_frame  # noqa: PLC0415 -- needs geopandas

        options = LineOptions(noded=noded, crs=crs, foot=foot)  # type: ignore[arg-type]
        fields, said = read_frame(lines, options)
        _warn(said)
        return cls(**fields, provenance=Provenance(foot=foot or FootAccess(), said=said))

    @classmethod
    def from_osm(cls, path: str | os.PathLike[str], *, foot: FootAccess | None = None) -> Network:
        """Return the walkable network of an OpenStreetMap extract, as a study reads it.

        It knows its file: a study of it draws the water and the names there, and says whose data they are.

        Parameters
        ----------
        path
            The extract, ``.osm.pbf`` or ``.osm`` (also ``.gz``, ``.bz2``).
        foot
            The foot-access table; the default one if not given.

        Returns
        -------
        Network
            Its edges between junctions.

        Raises
        ------
        InputError
            A file that is missing, empty, damaged, no OpenStreetMap data, or without a walkable way.

        Warns
        -----
        AccessibilityWarning
            What looks suspicious in the file.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> ends = [(1, 108.2), (2, 108.21)]
        >>> nodes = "".join(f'<node id="{i}" lat="30.5" lon="{lon}" version="1"/>' for i, lon in ends)
        >>> way = '<way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way>'
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "town.osm"
        ...     _ = file.write_text(f'<osm version="0.6">{nodes}{way}<relation id="1" version="1"/></osm>')
        ...     acc.Network.from_osm(file)
        <Network 2 junctions, 1 edges, 1.0 km, 1 component>
        """
        import accessibility  # noqa: PLC0415 -- files are read floors above; the package's door knows them all

        network, findings = accessibility.read_network(path, foot=foot)
        for finding in findings:
            if finding.is_warning:
                warn(str(finding), AccessibilityWarning, stacklevel=2)
        read = Provenance(path=Path(path).resolve(), foot=foot or FootAccess(), findings=tuple(findings))
        return replace(network, provenance=read)  # type: ignore[no-any-return]

    @classmethod
    def from_networkx(cls, graph: nx.Graph[Any], *, crs: object = None, foot: FootAccess | None = None) -> Network:
        """Return the network of a networkx graph, as osmnx makes them.

        The foot-access table judges the edges by their attributes, as it does the ways of an extract; every edge may
        be walked both ways but where ``oneway:foot``, stairs or escalators bind people on foot.

        Parameters
        ----------
        graph
            Nodes with ``x`` and ``y``, and gates and crossings as tags; edges with ``length`` in metres (measured from
            the geometry where it is missing or cannot be metres) and, where there is one, ``geometry`` (a shapely
            line), OpenStreetMap tags (``highway``, ``foot``, ``access``, ``oneway:foot`` or ``oneway_foot`` ...),
            ``private``, ``off_ground``, ``signals``, ``fixed_s``, ``climb_m`` and ``slope_factor``, as `to_networkx`
            writes them. A pair of opposite edges of the same length is one street.
        crs
            The coordinate system of ``x`` and ``y``; ``graph.graph["crs"]`` where not given. Degrees, and systems that
            stretch metres, are projected anew.
        foot
            The foot-access table; the default one if not given.

        Returns
        -------
        Network
            Its edges between junctions.

        Raises
        ------
        InputError
            A graph without nodes, coordinate system or walkable edge, a node without a place on Earth, a length that
            is not a number.

        Warns
        -----
        AccessibilityWarning
            A graph that looks made for cars, types of street that are missing or not understood, lengths that are no
            metres.

        Examples
        --------
        >>> import networkx
        >>> graph = networkx.Graph(crs="EPSG:32649")
        >>> graph.add_nodes_from([(1, {"x": 5e5, "y": 34e5}), (2, {"x": 501e3, "y": 34e5})])
        >>> graph.add_edge(1, 2, length=1000.0, highway="footway")
        >>> acc.Network.from_networkx(graph)
        <Network 2 junctions, 1 edges, 1.0 km, 1 component>
        """
        fields, said = read_graph(graph, crs=crs, foot=foot)
        _warn(said)
        return cls(**fields, provenance=Provenance(foot=foot or FootAccess(), said=said))

    @classmethod
    def from_tables(
        cls, nodes: pd.DataFrame, edges: pd.DataFrame, *, crs: object = None, foot: FootAccess | None = None
    ) -> Network:
        """Return the network of a table of junctions and one of edges, as pandana takes them and igraph writes them.

        Parameters
        ----------
        nodes
            ``x`` and ``y``, indexed by id; also the ``nodes_df`` of a pandana network.
        edges
            ``from`` and ``to`` (or ``u`` and ``v``, or an index of these) and, as in `from_networkx`, ``length`` (or
            pandana's ``distance``) in metres, ``geometry`` and tags; also the ``edges_df`` of a pandana network. Each
            may be walked both ways unless ``oneway_foot`` is ``yes``.
        crs
            The coordinate system of ``x`` and ``y``; that of `nodes` where it is a GeoDataFrame.
        foot
            The foot-access table; the default one if not given.

        Returns
        -------
        Network
            Its edges between junctions.

        Raises
        ------
        InputError
            Columns that are not there, an edge to a junction that is not there, and whatever `from_networkx` refuses.

        Warns
        -----
        AccessibilityWarning
            As `from_networkx` does.

        Examples
        --------
        >>> import pandas as pd
        >>> nodes = pd.DataFrame({"x": [5e5, 501e3], "y": [34e5, 34e5]}, index=[7, 8])
        >>> edges = pd.DataFrame({"from": [7], "to": [8], "length": [1000.0], "highway": ["footway"]})
        >>> acc.Network.from_tables(nodes, edges, crs="EPSG:32649")
        <Network 2 junctions, 1 edges, 1.0 km, 1 component>
        """
        return cls.from_networkx(graph_of_tables(nodes, edges, crs), foot=foot)

    def to_networkx(self) -> nx.MultiDiGraph[Any]:
        """Return the network as osmnx expects a graph.

        Returns
        -------
        networkx.MultiDiGraph
            Nodes by their ids, with ``x`` and ``y``; edges in both directions with ``length`` (metres), ``highway``,
            geometry and what `from_networkx` reads; ``climb_m`` and ``slope_factor`` are those of their direction.

        Examples
        --------
        >>> graph = road.to_networkx()
        >>> graph.number_of_edges(), graph[0][1][0]["length"]
        (2, 300.0)
        """
        return write_graph(self)


def _warn(said: Said) -> None:
    """Tell what was found in values given in memory, but for what was only counted."""
    for code, (count, text) in said.items():
        if code not in COUNTED:
            warn(f"{count:,} {text}", AccessibilityWarning, stacklevel=3)


def refuse_unmetric(xy: NDArray[np.float64], crs: CRS) -> None:
    """Raise `InputError` where the coordinate system of a network has no true metres at some places."""
    stretch = stretch_of(xy, _metric(crs))
    if stretch > MAX_STRETCH:
        msg = (
            f"network coordinate system {crs.name!r} stretches metres here, by {stretch:.1%}; expected one "
            "with true metres, such as the UTM zone of the place, or none: then one is made"
        )
        raise InputError(msg)


def _metric(crs: CRS) -> CRS:
    if not crs.is_projected:
        msg = f"network coordinate system is {crs.name!r}, in degrees; expected a projected one in metres"
        raise InputError(msg)
    units = {axis.unit_name for axis in crs.axis_info}
    if units != {"metre"}:
        msg = f"network coordinate system {crs.name!r} counts in {', '.join(sorted(units))}; expected metres"
        raise InputError(msg)
    return crs


def _rows_of_two(edges: object) -> object:
    return np.empty((0, 2), np.int32) if np.size(edges) == 0 else edges  # type: ignore[arg-type]


def enclose_lanes(network: Network) -> tuple[Network, NDArray[np.bool_]]:
    """Return the network with the lanes that only private ways lead to made private too, and which edges those are.

    A footpath inside a compound often has no tag of its own. Taken as public it would be a trap: who lives along it
    could not leave through the private ways around it, and a site there would serve no one outside. A part with 5 km
    of street or more is no lane; it stays public. So does everything that no such part is reached from, as on an island
    or in a hamlet drawn without its link road: nobody there has a way out to be let through.

    Examples
    --------
    A street from 0 to 1, a private way from 1 to 2, and an unmarked path behind it:

    >>> from accessibility import Network
    >>> three = Network(node_xy=[(0, 0), (90, 0), (90, 50), (90, 80)], edges=[(0, 1), (1, 2), (2, 3)],
    ...     length_m=[90, 50, 30], private=[False, True, False], crs="EPSG:32649")
    >>> enclose_lanes(three)[1].tolist()
    [False, False, True]
    """
    public = ~network.private
    part = joined_nodes(network.edges, public, len(network.node_xy))
    ends = network.edges[:, 0]
    metres = np.bincount(part[ends[public]], weights=network.length_m[public], minlength=len(network.node_xy))
    main = metres >= MAIN_M
    if metres.size:
        main[metres.argmax()] = True
    meets_private = np.zeros(len(metres), np.bool_)
    meets_private[part[network.edges[~public]]] = True
    has_main = np.zeros(len(network.component_sizes), np.bool_)
    has_main[network.components[ends[public & main[part[ends]]]]] = True
    enclosed: NDArray[np.bool_] = public & (~main & meets_private)[part[ends]] & has_main[network.components[ends]]
    if enclosed.any():
        network = replace(network, private=network.private | enclosed, enclosed=network.enclosed | enclosed)
    return network, enclosed


def sealed_edges(network: Network) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether an edge is part of a component where only residents walk: none of them could leave."""
    if network.origin is not None:
        return network.origin.sealed
    if not network.private.any():
        return np.zeros(len(network.edges), np.bool_)
    has_street = np.zeros(len(network.component_sizes), np.bool_)
    has_street[network.components[network.edges[~network.private, 0]]] = True
    sealed: NDArray[np.bool_] = ~has_street[network.components[network.edges[:, 0]]]
    return sealed


def main_parts(network: Network, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return ``(m,)`` whether an edge would be part of a main component, were there only the edges kept.

    Main is as `accessibility.Network.main_edges` has it.
    """
    street = np.where(network.private | network.of_kind(FERRY) | ~kept, 0.0, network.length_m)
    part = joined_nodes(network.edges, kept, len(network.node_xy))
    metres = np.bincount(part[network.edges[:, 0]], weights=street, minlength=1)
    main = metres >= MAIN_M
    main[metres.argmax()] = True
    found: NDArray[np.bool_] = kept & main[part[network.edges[:, 0]]]
    return found
