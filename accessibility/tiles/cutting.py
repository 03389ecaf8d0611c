"""A study cut once: streets, people and sites as files that are read by place and by row, whatever the tiles.

People lie along a Hilbert curve, so that a tile is a run of rows; streets lie along it too, in groups of rows that are
found by their boxes. Nothing in a cut hangs on how large the tiles will be. The streets of an extract and the people
of a raster pass through the disk, and are never held at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from accessibility.errors import Finding, InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import read_crs, transform
from accessibility.measures.tables import as_text, values_by_id
from accessibility.sources.cache import code_digest, sha256_file
from accessibility.sources.components import lead_somewhere
from accessibility.sources.files import alone, forget, lock_of, sweep, write_aside, write_folder
from accessibility.sources.lines import fingerprints
from accessibility.sources.street_store import place_whole
from accessibility.streets.network import PER_EDGE
from accessibility.streets.search.packing import hilbert_rank
from accessibility.streets.snapping import SnapLimits, snap_in_parts
from accessibility.study.loading.gathering import can_place, gather_inputs
from accessibility.study.loading.people_on_disk import WindowedDemand
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.sources.street_store import PlacedStreets
    from accessibility.streets.snapping import Positions
    from accessibility.study.loading.context import Loading
    from accessibility.study.schema import StudyFile
    from accessibility.study.study import Study

_LIST = "cut.json"
TILES_LOCK = "lock"
"""Name of the file in a folder of tiles that whoever measures and joins them holds."""
_UNUSED_S = 30 * 86_400.0
_GROUP = 16_384  # rows that are read together: a few square kilometres of a city
GROUP_OF_PEOPLE = "people: "
"""What stands before the name of a group of people in the names of columns."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A study as it lies cut in a folder."""

    folder: Path  # where its files are
    people: int  # rows of people
    kinds: tuple[str, ...]  # names of the types of street
    groups: tuple[str, ...]  # names of the groups of people
    settings: tuple[str, ...]  # names of the settings
    districts: tuple[str, ...]  # names of the districts, in the order of their table
    crs: str  # the coordinate system of everything, as WKT
    findings: tuple[Finding, ...]  # what the readers of the study set aside or suspect
    # longest_s, longest_m: the longest limits that people have of their own, 0 where nobody has any
    longest_s: float
    longest_m: float
    limited_settings: dict[str, float] = field(hash=False)  # people who have one, by setting
    has_capacity: bool  # whether a site has room for so many people only

    @property
    def metric(self) -> CRS:
        """The coordinate system of everything."""
        return read_crs(self.crs, "cut")


def cut_once(load: Loading, inputs: Mapping[str, Path], path: Path, step: Callable[[str], None]) -> Cut:
    """Return the cut of a study, from the cache where the same inputs were cut before.

    A cut of which a file is missing or not what it was is made again. The streets of an extract and the people
    of a raster are never held at once.

    Parameters
    ----------
    load
        The study's settings, and its cache.
    inputs
        Every file that the study reads.
    path
        The study's file.
    step
        Called with the name of each step as it begins.
    """
    told = {"code": code_digest(), "settings": load.settings.model_dump(mode="json")}
    told["inputs"] = {name: {"": sha256_file(path), **fingerprints(path)} for name, path in inputs.items()}
    key = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
    folder = load.cache / "tiles" / key[:32]
    sweep(folder.parent)
    with alone(lock_of(folder), lambda: step("Waiting for another run that cuts the same study")):
        if not _is_whole(folder):
            _cut_into(folder, load, path, step)
        os.utime(folder)  # it is used: see `forget_unused`
        return open_cut(folder)


def forget_unused(folder: Path) -> None:
    """Remove cuts that no run has used for thirty days, and tiles of runs that ended before they were done.

    Parameters
    ----------
    folder
        Where all cuts lie, and beside each the tiles of runs that go on.
    """
    there = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for path in sorted(there, key=lambda path: -len(path.name)):  # tiles first: a cut stays as long as they do
        if "-" in path.name:
            forget(path, path / TILES_LOCK, _UNUSED_S)
        elif not any(folder.glob(f"{path.name}-*")):
            forget(path, lock_of(path), _UNUSED_S)


def _cut_into(folder: Path, load: Loading, path: Path, step: Callable[[str], None]) -> None:
    _refuse_other_compounds(path.name, load.settings)
    with write_folder(folder) as aside:
        if can_place(load):
            with _scratch(aside) as scratch:
                _write_cut(_Studied.read(replace(load, scratch=scratch), path, step), aside)
        else:
            write_cut(read_study(path, progress=step, cache=load.cache), aside)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yield an empty folder inside another one, gone at the end."""
    scratch = folder / "scratch"
    scratch.mkdir()
    yield scratch
    shutil.rmtree(scratch)


def _is_whole(folder: Path) -> bool:
    """Return whether every file of a cut is there as it was written."""
    try:
        files = json.loads((folder / _LIST).read_text(encoding="utf-8"))["files"]
        return all(sha256_file(folder / name) == known for name, known in files.items())
    except (OSError, ValueError, LookupError, RecursionError, InputError):
        return False


def open_cut(folder: Path) -> Cut:
    """Return the cut in a folder."""
    told = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    names: dict[str, Any] = {name: tuple(told[name]) for name in ("kinds", "groups", "settings", "districts")}
    findings = tuple(Finding(**finding) for finding in told["findings"])
    plain = ("people", "crs", "longest_s", "longest_m", "limited_settings", "has_capacity")
    return Cut(folder=folder, findings=findings, **names, **{name: told[name] for name in plain})


def write_cut(study: Study, folder: Path) -> None:
    """Write the cut of a study into an empty folder."""
    _refuse_other_compounds(study.path.name, study.settings)
    with _scratch(folder) as scratch:
        _write_cut(_Studied.of(study, place_whole(study.network, scratch)), folder)


def _refuse_other_compounds(source: str, settings: StudyFile) -> None:
    walking = settings.walking
    if any(own.open_compounds != walking.open_compounds for own in walking.group_walkers.values()):
        msg = (
            f"{source}: a group walks through compounds as others do not, which tiles do not measure;"
            " expected open_compounds for all, or no --tiles"
        )
        raise InputError(msg)


@dataclass(frozen=True, kw_only=True)
class _Studied:
    """What is cut of a study: its streets by place, and the rest as a study has it."""

    source: str
    settings: StudyFile
    streets: PlacedStreets
    demand: Demand | WindowedDemand
    sites: Sites
    district: pd.Series[Any] | None
    site_district: pd.Series[Any]
    district_names: list[str]
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, study: Study, streets: PlacedStreets) -> _Studied:
        """Return what is cut of a study in memory."""
        kept = ("settings", "demand", "sites", "district", "site_district", "district_names", "findings")
        return cls(source=study.path.name, streets=streets, **{name: getattr(study, name) for name in kept})

    @classmethod
    def read(cls, load: Loading, path: Path, step: Callable[[str], None]) -> _Studied:
        """Return what is cut of a study whose streets are read by place."""
        told = gather_inputs(load, path.name, step)
        kept = ("demand", "sites", "site_district", "findings")
        area, demand, district = told["districts"], told["demand"], told.get("district")
        if isinstance(demand, WindowedDemand):
            names = list(demand.district_names)
        else:
            names = list(told["district"].dropna().unique() if area is None else area.index)
        fixed: dict[str, Any] = {
            "source": path.name,
            "settings": load.settings,
            "streets": told["network"],
            "district": district,
        }
        return cls(**fixed, district_names=names, **{name: told[name] for name in kept})


def _write_cut(study: _Studied, folder: Path) -> None:
    sites, streets, walker = study.sites, study.streets, study.settings.walking.the_walker
    at = snap_in_parts(streets, transform(sites.xy, sites.crs, streets.crs), SnapLimits().site_m, public=True)
    counts = sites.open & at.snapped
    lead_somewhere(streets, at.edge[counts], at.fraction[counts], open_compounds=walker.open_compounds)
    _write_groups(_street_rows(streets), folder / "streets.parquet", _about_lines(streets.crs))
    _write_groups(_people_rows(study, folder), folder / "people.parquet")
    _write_sites(study, at, folder / "sites.parquet")
    plain = ("code", "source", "message", "count")
    told = {
        "people": len(study.demand),
        **_told_limits(study.demand),
        "has_capacity": sites.has_capacity,
        "kinds": streets.kinds,
        "groups": tuple(study.demand.groups),
        "settings": study.demand.settings,
        "districts": [str(name) for name in study.district_names],
        "crs": streets.crs.to_wkt(),
        "findings": [
            {name: getattr(finding, name) for name in plain} | {"people": _rounded(finding.people)}
            for finding in study.findings
        ],
        "files": {
            f"{name}.parquet": sha256_file(folder / f"{name}.parquet") for name in ("streets", "people", "sites")
        },
    }
    with write_aside(folder / _LIST) as aside:
        aside.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def _rounded(people: float | None) -> float | None:
    """Return people of a finding without what the order leaves that they were added up in."""
    return None if people is None else round(people, 3)


def _told_limits(demand: Demand | WindowedDemand) -> dict[str, Any]:
    """Return what is said of limits that people have of their own, which no raster knows."""
    if isinstance(demand, WindowedDemand):
        return {"longest_s": 0.0, "longest_m": 0.0, "limited_settings": {}}
    longest = {f"longest_{unit}": _longest(limit) for unit, limit in _own_limits(demand).items()}
    return {**longest, "limited_settings": demand.limited_settings}


def _own_limits(demand: Demand) -> dict[str, NDArray[np.float64] | None]:
    return {"s": demand.limit_s, "m": demand.limit_m}


def _longest(limit: NDArray[np.float64] | None) -> float:
    return 0.0 if limit is None else float(np.fmax.reduce(limit, initial=0.0))


def _street_rows(streets: PlacedStreets) -> Iterator[dict[str, Any]]:
    """Yield the columns of some edges after the other, lines as GeoArrow has them."""
    for heap, whole in streets.rows():
        drawn = streets.vertices.take(heap)["xy"]
        begin = np.concatenate([np.zeros(1, np.int64), np.cumsum(whole["vertices"])])
        for at in range(0, len(whole), _GROUP):
            rows, start = whole[at : at + _GROUP], begin[at : at + _GROUP + 1]
            yield _street_columns(rows, drawn[start[0] : start[-1]], start - start[0])


def _street_columns(rows: NDArray[Any], xy: NDArray[np.float64], start: NDArray[np.int64]) -> dict[str, Any]:
    both = list(enumerate(("first", "second")))
    ends = (xy[start[:-1]], xy[start[1:] - 1])
    return {
        "edge": rows["edge"],
        **{name: rows["ends"][:, end] for end, name in both},
        **{f"{name}_{axis}": ends[end][:, at] for end, name in both for at, axis in enumerate("xy")},
        **{f"{name}_leads": rows["leads"][:, end] for end, name in both},
        "length_m": rows["length_m"],
        **{name: rows[name] for name in PER_EDGE},
        **{f"slope_{way}": rows["slope_factor"][:, at] for at, way in enumerate(("along", "against"))},
        "main": rows["main"],
        "sealed": rows["sealed"],
        **dict(zip(("west", "south", "east", "north"), rows["box"].T, strict=True)),
        "geometry": pa.ListArray.from_arrays(
            pa.array(start, pa.int32()), pa.StructArray.from_arrays([*map(pa.array, xy.T)], names=["x", "y"])
        ),
    }


def _about_lines(crs: CRS) -> dict[str, str]:
    told = read_crs(crs.to_wkt(), "streets").to_json_dict()  # which is called alike wherever it came from
    about = {"encoding": "linestring", "geometry_types": ["LineString"], "crs": told}
    return {"geo": json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": about}})}


def _people_rows(study: _Studied, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the columns of some people after the other, along the curve."""
    demand = study.demand
    if isinstance(demand, WindowedDemand):
        for block in demand.along_curve(folder / "scratch"):
            yield {f"{GROUP_OF_PEOPLE}{name}" if name in demand.groups else name: block[name] for name in block}
        return
    placed = np.flatnonzero(finite_rows(demand.xy))
    order = np.append(placed[np.argsort(hilbert_rank(demand.xy[placed]))], np.setdiff1d(np.arange(len(demand)), placed))
    columns: dict[str, Any] = {
        "id": as_text(demand.ids),
        "turn": np.arange(len(demand)),
        "x": demand.xy[:, 0],
        "y": demand.xy[:, 1],
        "population": demand.population,
        "setting": as_text(demand.setting),
        "district": as_text(values_by_id(study.district, demand.ids)),  # type: ignore[arg-type]  # told of such people
        **{f"{GROUP_OF_PEOPLE}{name}": people for name, people in demand.groups.items()},
        **{f"limit_{unit}": limit for unit, limit in _own_limits(demand).items() if limit is not None},
    }
    yield from _in_groups(columns, order)


def _write_sites(study: _Studied, at: Positions, path: Path) -> None:
    sites: Sites = study.sites.to_crs(study.streets.crs)
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
    _write_groups(_in_groups(columns, np.arange(len(sites))), path)


def _in_groups(columns: Mapping[str, Any], order: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """Yield columns in another order, a group of rows after the other: no second copy of them all is made."""
    for at in range(0, max(len(order), 1), _GROUP):
        yield {name: column[order[at : at + _GROUP]] for name, column in columns.items()}


def _write_groups(
    blocks: Iterable[Mapping[str, NDArray[Any]]], path: Path, about: Mapping[str, str] | None = None
) -> None:
    """Write columns that come in blocks of any size as groups of so many rows; there is at least one block."""
    with path.open("wb") as file, ExitStack() as stack:
        waiting: pa.Table | None = None
        writer = None
        for block in blocks:
            arrays = {
                name: column if isinstance(column, pa.Array) else pa.array(column, from_pandas=True)
                for name, column in block.items()
            }
            table = pa.table(arrays).replace_schema_metadata(about)
            if writer is None:
                options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
                writer = stack.enter_context(pq.ParquetWriter(file, table.schema, **options))
            table = table.cast(writer.schema)
            waiting = table if waiting is None else pa.concat_tables([waiting, table])
            while waiting.num_rows > _GROUP:
                writer.write_table(waiting.slice(0, _GROUP).combine_chunks())
                waiting = waiting.slice(_GROUP)
        if writer is not None and waiting is not None:
            writer.write_table(waiting.combine_chunks())
