"""A study cut once: streets, people and sites as files that are read by place and by row, whatever the tiles.

People lie along a Hilbert curve, so that a tile is a run of rows; streets lie along it too, in groups of rows that are
found by their boxes. Nothing in a cut hangs on how large the tiles will be.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from accessibility import __version__
from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import read_crs, transform
from accessibility.measures.tables import as_text, values_by_id
from accessibility.sources.cache import sha256_file
from accessibility.sources.checks import Finding
from accessibility.sources.files import write_aside, write_folder
from accessibility.sources.lines import fingerprints
from accessibility.streets import search
from accessibility.streets.compounds import sealed_edges
from accessibility.streets.network import PER_EDGE
from accessibility.streets.search.packing import hilbert_rank
from accessibility.streets.search.stops import NO_LABEL
from accessibility.streets.snapping import NOWHERE, SnapLimits, snap_points

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.streets.network import Network
    from accessibility.streets.snapping import Positions
    from accessibility.study.loading.context import Loading
    from accessibility.study.study import Study

_FORMAT = 5
_LIST = "cut.json"
_GROUP = 16_384  # rows that are read together: a few square kilometres of a city
GROUP_OF_PEOPLE = "people: "
"""What stands before the name of a group of people in the names of columns."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A study as it lies cut in a folder.

    Parameters
    ----------
    folder
        Where its files are.
    people
        Rows of people.
    kinds
        Names of the types of street.
    groups
        Names of the groups of people.
    settings
        Names of the settings.
    districts
        Names of the districts, in the order of their table.
    crs
        The coordinate system of everything, as WKT.
    findings
        What the readers of the study set aside or suspect.
    longest_s, longest_m
        The longest limits that people have of their own, 0 where nobody has any.
    limited_people
        People who have one.
    has_capacity
        Whether a site has room for so many people only.
    """

    folder: Path
    people: int
    kinds: tuple[str, ...]
    groups: tuple[str, ...]
    settings: tuple[str, ...]
    districts: tuple[str, ...]
    crs: str
    findings: tuple[Finding, ...]
    longest_s: float
    longest_m: float
    limited_people: float
    has_capacity: bool

    @property
    def metric(self) -> CRS:
        """The coordinate system of everything."""
        return read_crs(self.crs, "cut")


def cut_once(load: Loading, inputs: Mapping[str, Path], read: Callable[[], Study]) -> Cut:
    """Return the cut of a study, from the cache where the same inputs were cut before.

    A cut of which a file is missing or not what it was is made again.

    Parameters
    ----------
    load
        The study's settings, and its cache.
    inputs
        Every file that the study reads.
    read
        Reads the study.
    """
    told = {"format": _FORMAT, "version": __version__, "settings": load.settings.model_dump(mode="json")}
    told["inputs"] = {name: {"": sha256_file(path), **fingerprints(path)} for name, path in inputs.items()}
    key = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
    folder = load.cache / "tiles" / key[:32]
    if not _is_whole(folder):
        with write_folder(folder) as aside:
            write_cut(read(), aside)
    return open_cut(folder)


def _is_whole(folder: Path) -> bool:
    """Return whether every file of a cut is there as it was written."""
    try:
        files = json.loads((folder / _LIST).read_text(encoding="utf-8"))["files"]
        return all(sha256_file(folder / name) == known for name, known in files.items())
    except (OSError, ValueError, LookupError, InputError):
        return False


def open_cut(folder: Path) -> Cut:
    """Return the cut in a folder."""
    told = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    names: dict[str, Any] = {name: tuple(told[name]) for name in ("kinds", "groups", "settings", "districts")}
    findings = tuple(Finding(**finding) for finding in told["findings"])
    plain = ("people", "crs", "longest_s", "longest_m", "limited_people", "has_capacity")
    return Cut(folder=folder, findings=findings, **names, **{name: told[name] for name in plain})


def write_cut(study: Study, folder: Path) -> None:
    """Write the cut of a study into an empty folder."""
    network, sites = study.network, study.sites
    if study.group_walkers:
        msg = f"{study.path.name}: groups have walkers of their own, which tiles do not measure; expected no --tiles"
        raise InputError(msg)
    at = snap_points(network, transform(sites.xy, sites.crs, network.crs), SnapLimits().site_m, public=True)
    _write_streets(network, _leading_somewhere(study, at), folder / "streets.parquet")
    _write_people(study, folder / "people.parquet")
    _write_sites(study, at, folder / "sites.parquet")
    plain = ("code", "source", "message", "count", "people")
    told = {
        "people": len(study.demand),
        **{f"longest_{unit}": _longest(limit) for unit, limit in _own_limits(study.demand).items()},
        "limited_people": float(study.demand.population[study.demand.own_limits].sum()),
        "has_capacity": sites.has_capacity,
        "kinds": network.kinds,
        "groups": tuple(study.demand.groups),
        "settings": study.demand.settings,
        "districts": [str(name) for name in study.district_names],
        "crs": network.crs.to_wkt(),
        "findings": [{name: getattr(finding, name) for name in plain} for finding in study.findings],
        "files": {
            f"{name}.parquet": sha256_file(folder / f"{name}.parquet") for name in ("streets", "people", "sites")
        },
    }
    with write_aside(folder / _LIST) as aside:
        aside.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def _own_limits(demand: Demand) -> dict[str, NDArray[np.float64] | None]:
    return {"s": demand.limit_s, "m": demand.limit_m}


def _longest(limit: NDArray[np.float64] | None) -> float:
    return 0.0 if limit is None else float(np.fmax.reduce(limit, initial=0.0))


def _leading_somewhere(study: Study, at: Positions) -> NDArray[np.bool_]:
    """Return ``(m, 2)`` whether who lives on an edge gets from each of its ends to a site that counts, however far."""
    network, walker = study.network, study.walker
    graph = network.packed.graph(None, open_compounds=walker.open_compounds)
    stops = at.stops(walker.leg_cm_per_m)
    edge = np.where(study.sites.open, stops.edge, np.int32(NOWHERE))
    labels = search.nearest(graph, search.Stops(edge=edge, fraction=stops.fraction, leg=stops.leg))
    street = labels[graph.hierarchy.place] != NO_LABEL
    inside = street.copy()
    inside[graph.inside] = labels[len(street) + graph.compounds.place] != NO_LABEL
    leads: NDArray[np.bool_] = np.where(graph.private[:, None], inside[network.edges], street[network.edges])
    return leads


def _write_streets(network: Network, leads: NDArray[np.bool_], path: Path) -> None:
    lines = network.lines()
    box = shapely.bounds(lines).reshape(-1, 4)
    columns: dict[str, Any] = {
        "edge": np.arange(len(network.edges)),
        **{name: network.edges[:, end] for end, name in enumerate(("first", "second"))},
        **{f"{name}_{axis}": network.node_xy[network.edges[:, end], at] for end, name in enumerate(("first", "second"))
           for at, axis in enumerate("xy")},
        **{f"{name}_leads": leads[:, end] for end, name in enumerate(("first", "second"))},
        "length_m": network.length_m,
        **{name: getattr(network, name) for name in PER_EDGE},
        **{f"slope_{way}": network.slope_factor[:, at] for at, way in enumerate(("along", "against"))},
        "main": network.main_edges,
        "sealed": sealed_edges(network),
        **dict(zip(("west", "south", "east", "north"), box.T, strict=True)),
        "geometry": lines,
    }  # fmt: skip
    crs = read_crs(network.crs.to_wkt(), "streets").to_json_dict()  # which is called alike wherever it came from
    about = {"encoding": "WKB", "geometry_types": ["LineString"], "crs": crs}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": about}}
    _write_rows(columns, np.argsort(hilbert_rank((box[:, :2] + box[:, 2:]) / 2)), path, {"geo": json.dumps(geo)})


def _write_people(study: Study, path: Path) -> None:
    demand = study.demand
    placed = np.flatnonzero(finite_rows(demand.xy))
    order = np.append(placed[np.argsort(hilbert_rank(demand.xy[placed]))], np.setdiff1d(np.arange(len(demand)), placed))
    columns: dict[str, Any] = {
        "id": as_text(demand.ids),
        "turn": np.arange(len(demand)),
        "x": demand.xy[:, 0],
        "y": demand.xy[:, 1],
        "population": demand.population,
        "setting": as_text(demand.setting),
        "district": as_text(values_by_id(study.district, demand.ids)),
        **{f"{GROUP_OF_PEOPLE}{name}": people for name, people in demand.groups.items()},
        **{f"limit_{unit}": limit for unit, limit in _own_limits(demand).items() if limit is not None},
    }
    _write_rows(columns, order, path)


def _write_sites(study: Study, at: Positions, path: Path) -> None:
    sites: Sites = study.sites.to_crs(study.network.crs)
    columns: dict[str, Any] = {
        "id": as_text(sites.ids),
        "x": sites.xy[:, 0],
        "y": sites.xy[:, 1],
        "name": as_text(sites.name),
        "kind": as_text(sites.kind),
        "bank": as_text(sites.bank),
        "open": sites.open,
        "may_open": sites.may_open,
        "cost": sites.cost,
        "capacity": sites.capacity,
        "district": as_text(values_by_id(study.site_district, sites.ids)),
        **{name: getattr(at, name) for name in ("edge", "fraction", "leg_m")},
    }
    _write_rows(columns, np.arange(len(sites)), path)


def _write_rows(
    columns: Mapping[str, Any], order: NDArray[Any], path: Path, about: Mapping[str, str] | None = None
) -> None:
    """Write columns in another order, a group of rows after the other: no second copy of them all is made."""
    groups = [order[at : at + _GROUP] for at in range(0, max(len(order), 1), _GROUP)]
    with path.open("wb") as file:
        first = _table_of(columns, groups[0], about)
        with pq.ParquetWriter(file, first.schema, compression="zstd", write_page_checksum=True) as writer:
            writer.write_table(first)
            for rows in groups[1:]:
                writer.write_table(_table_of(columns, rows, about).cast(first.schema))


def _table_of(columns: Mapping[str, Any], rows: NDArray[Any], about: Mapping[str, str] | None) -> pa.Table:
    """Return some rows of columns; lines as well-known binary."""
    values = {name: column[rows] for name, column in columns.items()}
    lines = values.get("geometry")
    if lines is not None:
        values["geometry"] = pa.array(shapely.to_wkb(lines), pa.binary())
    arrays = {name: pa.array(column, from_pandas=True) for name, column in values.items()}
    return pa.table(arrays).replace_schema_metadata(about)
