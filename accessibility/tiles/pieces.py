"""A tile of a cut: some people, and all streets and sites that can matter to them within a halo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from accessibility.demand import Demand
from accessibility.geo.arrays import finite_rows
from accessibility.present.map.outlines import street_rank
from accessibility.sites import Sites
from accessibility.streets.network import PER_EDGE, Network, Origin
from accessibility.streets.search.elimination import IMPASSABLE
from accessibility.streets.snapping import NOWHERE, Positions, SnapLimits, Snapped, snap_points
from accessibility.tiles.cutting import GROUP_OF_PEOPLE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.tiles.cutting import Cut

_ASIDE_M = 1.0  # that roundings may cost at the border of a halo
_MOST_DRAWN = 300_000  # streets on a page; more make it black, and are some hundred megabytes
_STRETCH = 1.03  # nearby, no distance on the plane is so much longer than another one that is as long on the ground


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """A tile, loaded."""

    network: Network  # every edge that meets the halo, whole
    demand: Demand  # the people of the tile
    district: NDArray[np.object_]  # (n,) name of their district, None outside of all
    turn: NDArray[np.int64]  # (n,) their rows in the study
    sites: Sites  # sites that count: those on the streets, and whichever may be nearest in a straight line
    snapped: Snapped  # where people and sites stand
    # candidates, at_candidates: sites within the halo that could open, their ids the rows of the cut, and where they
    # stand
    candidates: Sites
    at_candidates: Positions
    # (n,) whether a way leads from a person to a site that counts, however far; but for one on the same edge
    leads: NDArray[np.bool_]
    ways_out: Sites  # junctions beyond the halo from which a way leads to a site that counts, as sites
    at_ways_out: Positions  # where they stand


def load_piece(cut: Cut, first: int, last: int, halo_m: float) -> Piece:
    """Return the tile of the rows of people from `first` to before `last`, with everything within its halo.

    Parameters
    ----------
    cut
        Where it is cut from.
    first, last
        Its rows of people.
    halo_m
        How far beyond them streets and sites are loaded, beside the farthest that anyone is snapped.
    """
    demand, district, turn = _load_people(cut, first, last)
    low, high = _box(demand)
    margin = halo_m + max(vars(SnapLimits()).values()) + _ASIDE_M
    box = np.concatenate([low - margin, high + margin])
    streets = _load_streets(cut.folder / "streets.parquet", box)
    network = _build(cut, streets)
    table = pq.read_table(cut.folder / "sites.parquet", page_checksum_verification=True)
    edge, here = _on_edges(table, streets["edge"].to_numpy())
    sites, at_sites = _that_count(cut, table, (edge, here), (low, high))
    candidates, at_candidates = _that_could_open(cut, table, (edge, here), box)
    leads = np.column_stack([streets[f"{name}_leads"].to_numpy() for name in ("first", "second")])
    ways_out, at_ways_out = _ways_out(network, leads, box)
    people = snap_points(network, demand.xy, SnapLimits().of(demand.setting))
    return Piece(
        network=network,
        demand=demand,
        district=district,
        turn=turn,
        sites=sites,
        snapped=Snapped(demand=people, sites=at_sites),
        candidates=candidates,
        at_candidates=at_candidates,
        leads=_lead(network, leads, people),
        ways_out=ways_out,
        at_ways_out=at_ways_out,
    )


def _box(demand: Demand) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of where people live; those of nothing where nobody has a place."""
    xy = demand.xy[finite_rows(demand.xy)]
    return (xy.min(axis=0), xy.max(axis=0)) if len(xy) else (np.full(2, np.inf), np.full(2, -np.inf))


def _load_people(cut: Cut, first: int, last: int) -> tuple[Demand, NDArray[np.object_], NDArray[np.int64]]:
    table = _rows(cut.folder / "people.parquet", first, last)
    own = [name for name in ("limit_s", "limit_m") if name in table.column_names]
    demand = Demand(
        ids=table["id"].to_numpy(),
        xy=np.column_stack([table[axis].to_numpy() for axis in "xy"]),
        population=table["population"].to_numpy(),
        setting=table["setting"].to_numpy().astype(str),
        settings=cut.settings,
        groups={name: table[f"{GROUP_OF_PEOPLE}{name}"].to_numpy() for name in cut.groups},
        crs=cut.metric,
        **{name: table[name].to_numpy() for name in own},
    )
    return demand, table["district"].to_numpy(), table["turn"].to_numpy()


def _rows(path: Path, first: int, last: int) -> pa.Table:
    """Return some rows of a file, of which no more groups are read than hold them."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        start = np.cumsum([0, *(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))])
        groups = np.flatnonzero((start[:-1] < last) & (start[1:] > first)).tolist()
        table: pa.Table = file.read_row_groups(groups)
        return table.slice(first - int(start[groups[0]]), last - first)


def _load_streets(path: Path, box: NDArray[np.float64]) -> pa.Table:
    """Return the edges whose box meets another one, in the order of the whole network."""
    west, south, east, north = (float(side) for side in box)
    meets = [("west", "<=", east), ("east", ">=", west), ("south", "<=", north), ("north", ">=", south)]
    return pq.read_table(path, filters=meets, page_checksum_verification=True).sort_by("edge")


def load_widest(cut: Cut) -> Network | None:
    """Return the streets of the widest class that there is, for a map; None where they are too many for a page."""
    path = cut.folder / "streets.parquet"
    kinds = pq.read_table(path, columns=["kind"], page_checksum_verification=True)["kind"].to_numpy()
    count = np.bincount(kinds, minlength=len(cut.kinds))
    rank = np.array([street_rank(kind) for kind in cut.kinds])
    widest = (rank == rank[count > 0].min(initial=rank.max(initial=0))) & (count > 0)
    if not 0 < count[widest].sum() <= _MOST_DRAWN:
        return None
    meets = [("kind", "in", np.flatnonzero(widest).tolist())]
    return _build(cut, pq.read_table(path, filters=meets, page_checksum_verification=True).sort_by("edge"))


def _build(cut: Cut, streets: pa.Table) -> Network:
    """Return the network of some edges."""
    ends = np.column_stack([streets[name].to_numpy() for name in ("first", "second")])
    rows, at, edges = np.unique(ends, return_index=True, return_inverse=True)
    xy = np.stack([np.column_stack([streets[f"{n}_{axis}"].to_numpy() for n in ("first", "second")]) for axis in "xy"])
    lines = streets["geometry"].combine_chunks()
    return Network(
        node_xy=xy.reshape(2, -1)[:, at].T,
        edges=edges.reshape(-1, 2).astype(np.int32),
        length_m=streets["length_m"].to_numpy(),
        **{name: streets[name].to_numpy() for name in PER_EDGE},
        slope_factor=np.column_stack([streets[f"slope_{way}"].to_numpy() for way in ("along", "against")]),
        kinds=cut.kinds,
        shape_xy=np.column_stack([lines.values.field(axis).to_numpy() for axis in "xy"]),
        shape_start=lines.offsets.to_numpy().astype(np.int64),
        node_ids=rows,
        origin=Origin(main=streets["main"].to_numpy(), sealed=streets["sealed"].to_numpy()),
        crs=cut.metric,
    )


def _on_edges(sites: pa.Table, edges: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the row of each site's edge among some edges, `NOWHERE` if it is none of them, and whether it is."""
    edge = sites["edge"].to_numpy()
    row = np.searchsorted(edges, edge)
    here = np.append(edges, NOWHERE - 1)[row] == edge
    return np.where(here, row, NOWHERE).astype(np.int32), here


def _that_count(
    cut: Cut,
    table: pa.Table,
    on: tuple[NDArray[np.int32], NDArray[np.bool_]],
    corners: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[Sites, Positions]:
    """Return the open sites on the streets, or maybe nearest to a place between two corners in a straight line."""
    (edge, here), (low, high) = on, corners
    is_open = table["open"].to_numpy()
    xy = np.column_stack([table[axis].to_numpy() for axis in "xy"])
    away = np.where(is_open, np.hypot(*(xy - (low + high) / 2).T) if (low <= high).all() else np.inf, np.inf)
    near = away <= (away.min(initial=np.inf) + np.hypot(*(high - low))) * _STRETCH + _ASIDE_M
    rows = np.flatnonzero(is_open & (here | (near & np.isfinite(away))))
    ids = table["id"].to_numpy()[rows]
    sites = Sites(ids=ids, xy=xy[rows].reshape(-1, 2), open=np.ones(len(ids), np.bool_), crs=cut.metric)
    return sites, _stand(table, edge, rows)


def _that_could_open(
    cut: Cut, table: pa.Table, on: tuple[NDArray[np.int32], NDArray[np.bool_]], box: NDArray[np.float64]
) -> tuple[Sites, Positions]:
    """Return the sites on the streets, or in the box, that do not count today and could."""
    edge, here = on
    xy = np.column_stack([table[axis].to_numpy() for axis in "xy"])
    inside = ((xy >= box[:2]) & (xy <= box[2:])).all(axis=1)
    rows = np.flatnonzero(table["may_open"].to_numpy() & (here | inside))
    return Sites(ids=rows.astype(object), xy=xy[rows].reshape(-1, 2), crs=cut.metric), _stand(table, edge, rows)


def _stand(sites: pa.Table, edge: NDArray[np.int32], rows: NDArray[np.intp]) -> Positions:
    fraction, leg_m = (sites[name].to_numpy()[rows] for name in ("fraction", "leg_m"))
    return Positions(edge=edge[rows], fraction=fraction, leg_m=leg_m)


def _ways_out(network: Network, leads: NDArray[np.bool_], box: NDArray[np.float64]) -> tuple[Sites, Positions]:
    """Return the junctions outside of a box from which a way leads to a site that counts."""
    outside = np.asarray(((network.node_xy < box[:2]) | (network.node_xy > box[2:])).any(axis=1))
    ends = np.flatnonzero(outside[network.edges] & leads)  # ends of edges, two an edge
    node, at = np.unique(network.edges.reshape(-1)[ends], return_index=True)
    edge, end = np.divmod(ends[at], 2)
    ids = np.array([f"{row}" for row in node], dtype=object)
    sites = Sites(ids=ids, xy=network.node_xy[node].reshape(-1, 2), crs=network.crs)
    return sites, Positions(edge=edge, fraction=end.astype(np.float64), leg_m=np.zeros(len(edge)))


def _lead(network: Network, leads: NDArray[np.bool_], people: Positions) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a way leads from people on edges over one of its ends."""
    on = np.flatnonzero(people.snapped)
    edge, fraction = people.edge[on], people.fraction[on]
    cost = network.impedance()
    back = (cost.against != IMPASSABLE)[edge] | (fraction == 0)
    ahead = (cost.along != IMPASSABLE)[edge] | (fraction == 1)
    found = np.zeros(len(people), np.bool_)
    found[on] = (leads[edge, 0] & back) | (leads[edge, 1] & ahead)
    return found
