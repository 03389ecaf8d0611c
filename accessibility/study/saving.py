"""A study written as a ``study.toml`` and its files, which are read as the same study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import Finding, InputError, OutputError, OutsideFinding
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84
from accessibility.settlement import Density
from accessibility.sources.cache import sha256_file
from accessibility.sources.detection import ReadingFinding
from accessibility.sources.files import write_folder
from accessibility.sources.lines import write_saved
from accessibility.sources.tables.reading import hold_table
from accessibility.sources.vectors import read_vector
from accessibility.study.robustness import told_coordinates
from accessibility.study.scenariofile import toml_key, toml_value, write_scenarios
from accessibility.study.schema import has_totals
from accessibility.study.valuetables import rule_table
from accessibility.whatif.scenario import Scenario

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from accessibility.sites import Sites
    from accessibility.study.protocol import Studied

_FIRST_LINE = "# A study as `study.save` writes it; saving it again writes over these files."
_STREETS, _PEOPLE, _AREA = "streets.parquet", "people.parquet", "districts.parquet"
_ROLES = ("outlets", "banks", "candidates")
_WATER, _NAMES, _SHAPES, _GRIDS, _EDITS = "water.parquet", "names.parquet", "shapes.parquet", "grids.npz", "edits.toml"
_FINDINGS = "findings.json"
_BESIDE = (_WATER, _NAMES, _SHAPES, _GRIDS, _EDITS, _FINDINGS)
_KINDS = {kind.__name__: kind for kind in (Finding, OutsideFinding, ReadingFinding)}
_INPUTS = {"network": _STREETS, "population": _PEOPLE, "area": _AREA, **{role: f"{role}.parquet" for role in _ROLES}}
_ALSO = {"elevation": _STREETS, "settlement": _PEOPLE, "table of the area": _AREA}
_FILES = ("study.toml", _STREETS, _PEOPLE, _AREA, *(f"{role}.parquet" for role in _ROLES), *_BESIDE)
_COUNTS = "counts_today"
_BANK = "bank"


def save_study(study: Studied, folder: str | os.PathLike[str]) -> Path:
    """Write a study into a folder and return its ``study.toml``; see `accessibility.Study.save`.

    Raises
    ------
    InputError
        Something that no file of a study can say.
    OutputError
        A file of that name is there that no study was saved as, or the folder cannot be written.
    """
    folder = Path(folder)
    _refuse_others(folder)
    tables = {_STREETS: write_saved(study.network), _PEOPLE: _people(study)}
    roles = _by_role(study.sites)
    tables |= {f"{role}.parquet": _sites(study.sites, rows, role) for role, rows in roles.items()}
    if study.districts is not None:
        tables[_AREA] = _held("districts", study.districts.rename_axis("name").reset_index())
    if study.shapes is not None:
        tables[_SHAPES] = gpd.GeoDataFrame(
            geometry=study.shapes.reindex(pd.Index(study.demand.ids)).to_numpy(), crs=WGS84
        )
    tables |= {name: table for name, table in ((_WATER, study.water), (_NAMES, study.names)) if len(table)}
    grids = _grids(study)
    edits = () if study.network.pieces is None else study.network.pieces.edits
    beside = {*tables, *([_GRIDS] if grids else []), *([_EDITS] if edits else [])}
    text = "\n".join([_FIRST_LINE, *_lines(_content(study, list(roles), beside)), ""])
    with write_folder(folder, stale=lambda name: name in _FILES) as aside:
        for name, table in tables.items():
            table.to_parquet(aside / name)
        if grids:
            np.savez_compressed(aside / _GRIDS, allow_pickle=False, **grids)
        if edits:
            write_scenarios([Scenario(name="streets", edits=edits)], aside / _EDITS)
        told = _told_findings(study, {name: sha256_file(aside / name) for name in tables})
        (aside / _FINDINGS).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        (aside / "study.toml").write_bytes(text.encode("utf-8"))
    return folder / "study.toml"


def _grids(study: Studied) -> dict[str, NDArray[Any]]:
    """Return the grid that decides the settings, and those on grids half a cell off; nothing where none decides."""
    found: dict[str, NDArray[Any]] = {}
    if study.density is not None:
        found |= {"people": study.density.people, "cell": study.density.cell}
    if study.shifted_settings:
        found["shifted"] = np.array(study.shifted_settings)
    return found


def read_grids(path: Path, points: int) -> tuple[tuple[NDArray[np.str_], ...], Density | None]:
    """Return the settings of people on grids half a cell off, and the grid that decides, as `save_study` wrote them.

    Raises
    ------
    InputError
        A file that is missing, is none of these, or has another number of people.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            told = {name: kept[name] for name in kept.files}
    except (OSError, ValueError) as error:
        msg = f"{path.name}: cannot be read ({error}); expected the file that study.save wrote"
        raise InputError(msg) from error
    shifted = tuple(told.get("shifted", ()))
    density = None
    if "cell" in told:
        density = Density(people=told["people"], cell=told["cell"].astype(np.intp))
    for one in (*shifted, *([] if density is None else [density.cell])):
        _refuse_other_places(path, len(one), points)
    return shifted, density


def read_shapes(path: Path, ids: NDArray[np.object_]) -> gpd.GeoSeries:
    """Return the polygon of each demand point, keyed by id, as `save_study` wrote them.

    Raises
    ------
    InputError
        A file that is missing or unreadable, or has another number of people.
    """
    shapes = read_vector(path).geometry
    _refuse_other_places(path, len(shapes), len(ids))
    return shapes.set_axis(pd.Index(ids))


def _refuse_other_places(path: Path, places: int, people: int) -> None:
    if places != people:
        msg = f"{path.name}: has {places:,} places, the people stand at {people:,}; expected as many"
        raise InputError(msg)


def _told_findings(study: Studied, files: dict[str, str]) -> dict[str, Any]:
    """Return what was found on the sources of a study, each on which of the files that are written in their place."""
    before = original_names(study)
    sources = {name: file_of(study, role) for role, name in _INPUTS.items() if name in files}
    sources = {name: before.get(source, source) for name, source in sources.items()}
    held = {source: name for name, source in reversed(sources.items())}
    for role, path in study.inputs.items():
        name = _PEOPLE if role.startswith("population ") else _ALSO.get(role)
        held |= {} if name is None else {path.name: name}
    told = [
        {
            **{key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in vars(finding).items()},
            "kind": type(finding).__name__,
            "file": held.get(finding.source),
        }
        for finding in study.findings
    ]
    return {"files": files, "sources": {**sources, "study.toml": study.path.name}, "findings": told}


def _read_told(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        findings = [(row.pop("file"), _finding(row)) for row in told["findings"]]
        return {"files": dict(told["files"]), "sources": dict(told["sources"]), "findings": findings}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{path.name}: cannot be read ({error}); expected the file that study.save wrote"
        raise InputError(msg) from error


def _finding(row: dict[str, Any]) -> Finding:
    arrays = {name: np.array(row[name], float) for name in ("lonlat", "population") if name in row}
    kind: Any = _KINDS[row.pop("kind")]
    found: Finding = kind(**(row | arrays))
    return found


def keep_findings(files: Mapping[str, Path], found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what is found on the inputs of a study: on files that it was saved as, what was found on their sources.

    Of a file that is another now than the one that was saved, what is found in it stands.

    Parameters
    ----------
    files
        File of each input.
    found
        What the readers found.

    Raises
    ------
    InputError
        A file of findings that is missing or none.
    """
    path = files.get("findings")
    if path is None:
        return tuple(found)
    told, now = _read_told(path), {file.name: file for file in files.values()}
    same = {name for name, sha in told["files"].items() if name in now and sha256_file(now[name]) == sha}
    kept = (finding for file, finding in told["findings"] if file is None or file in same)
    return (*kept, *(finding for finding in found if finding.source not in same))


def original_names(study: Studied) -> dict[str, str]:
    """Return the name of each file of a saved study to that of its source; nothing for any other study."""
    path = study.inputs.get("findings")
    return {} if path is None else _read_told(path)["sources"]


def file_of(study: Studied, role: str) -> str:
    """Return the name of the file of an input, or of a table in memory; OpenStreetMap objects are of the streets'."""
    table = getattr(study.settings.inputs, role, None)
    held: Path | None = None if table is None else table.path
    path = study.inputs.get(role) or held or study.inputs.get("network")
    return role if path is None else path.name


def _refuse_others(folder: Path) -> None:
    """Refuse to write over files that `save_study` did not write."""
    file = folder / "study.toml"
    if file.is_file() and file.read_bytes().startswith(_FIRST_LINE.encode()):
        return
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        msg = f"{folder / there[0]} is there and is no file of a saved study; expected another folder, or an empty one"
        raise OutputError(msg)


def _people(study: Studied) -> gpd.GeoDataFrame:
    demand = study.demand
    columns = {"id": demand.ids, "population": demand.population, "setting": demand.setting}
    columns |= {"district": study.district.reindex(pd.Index(demand.ids)).to_numpy(dtype=object)}
    columns |= {"limit": demand.limits} if demand.own_limits.any() else {}
    columns |= {_group(at): people for at, people in enumerate(demand.groups.values())}
    points = np.full(len(demand), shapely.Point(), dtype=object)
    placed = finite_rows(demand.lonlat)
    points[placed] = shapely.points(demand.lonlat[placed])
    return _held("people", gpd.GeoDataFrame(columns, geometry=points, crs=WGS84))


def _group(at: int) -> str:
    return f"group_{at + 1}"


def _by_role(sites: Sites) -> dict[str, NDArray[np.intp]]:
    """Return the rows of each input; banks that stand behind the first candidate are candidates, as they were."""
    row = np.arange(len(sites))
    new = sites.kind == "new"
    behind = row > (int(new.argmax()) if new.any() else len(sites))
    last = new | (behind & (sites.kind == _BANK) & ~sites.open)
    strange = new & sites.open
    if strange.any():
        msg = f"site {sites.ids[strange][0]!r} is new and counts today; expected an outlet or a bank to save"
        raise InputError(msg)
    rows = {"outlets": sites.kind == "outlet", "banks": (sites.kind == _BANK) & ~last, "candidates": last}
    return {role: np.flatnonzero(mask) for role, mask in rows.items() if mask.any()}


def _sites(sites: Sites, rows: NDArray[np.intp], role: str) -> gpd.GeoDataFrame:
    frame = sites.to_gdf().iloc[rows]
    is_open, closed = sites.open[rows], sites.closed[rows]
    frame = frame.drop(columns=["open", "closed", "partner", _COUNTS, "id"], errors="ignore")
    frame = frame.rename_axis("id").reset_index().assign(status=np.where(closed, "closed", "open"))
    if role == "banks":
        frame["partner"] = np.where(is_open, "yes", "no")
    if role == "outlets":
        frame[_COUNTS] = np.where(is_open | closed, "yes", "no")
    return _held(role, frame.set_geometry(shapely.points(sites.lonlat[rows]), crs=WGS84))


def _held(name: str, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a frame with every cell a text, as tables are read."""
    table = hold_table(name, frame.reset_index(drop=True)).table
    return gpd.GeoDataFrame(table).reset_index(drop=True)


def _content(study: Studied, roles: list[str], beside: set[str]) -> dict[str, Any]:
    """Return the tables of the ``study.toml``; `beside` are the files that stand beside it."""
    settings = study.settings
    people = settings.inputs.population
    population = {
        "path": _PEOPLE,
        "column": "population",
        "id": "id",
        "district": "district",
        "groups": {name: _group(at) for at, name in enumerate(study.demand.groups)},
        "saved": True,
        "reconcile": bool(people.reconcile or people.totals or people.buildings) and study.districts is not None,
    }
    population |= {"limit": "limit"} if study.demand.own_limits.any() else {}
    population |= {"shapes": _SHAPES} if _SHAPES in beside else {}
    population["findings"] = _FINDINGS
    network = {"edits": _EDITS, "water": _WATER, "names": _NAMES}
    network = {key: name for key, name in network.items() if name in beside}
    inputs: dict[str, Any] = {"network": {"path": _STREETS, "saved": True, **network}, "population": population}
    inputs |= {role: {"path": f"{role}.parquet"} for role in roles}
    if "outlets" in roles:
        inputs["outlets"]["counts_if"] = {_COUNTS: "yes"}
    if study.districts is not None:
        inputs["area"] = {"path": _AREA, "name": "name"}
        if has_totals(settings) and "population" in study.districts.columns:
            inputs["area"]["population"] = "population"
    siting = settings.siting.model_dump(mode="json", exclude_none=True)
    siting["generate"] = settings.makes_candidates
    return {
        "name": study.name,
        "attribution": ", ".join(study.attribution) or None,
        "map_approval": settings.map_approval,
        "basemap": settings.basemap,
        "standard": {setting: rule_table(rule) for setting, rule in study.standard.rules},
        "walking": settings.walking.model_dump(mode="json", exclude_none=True),
        "inputs": inputs,
        "settlement": {"from": {"column": "setting"} | ({"grids": _GRIDS} if _GRIDS in beside else {})},
        "siting": siting,
        "uncertainty": settings.uncertainty.model_dump(mode="json", exclude_none=True) | _coordinates(study),
    }


def _coordinates(study: Studied) -> dict[str, Any]:
    """Return what the study says of the coordinates of each table, in words where it is the table that says it."""
    told = {role: told_coordinates(study.settings, role, study.sites) for role in _ROLES}
    return {role: way for role, way in told.items() if way is not None}


def _lines(content: dict[str, Any]) -> list[str]:
    """Return the lines of a TOML file: plain values first, then the tables."""
    told = {key: value for key, value in content.items() if not isinstance(value, dict) and value is not None}
    plain = [f"{key} = {toml_value(value)}" for key, value in told.items()]
    for name, table in content.items():
        if isinstance(table, dict):
            plain += ["", f"[{name}]", *(f"{toml_key(key)} = {toml_value(value)}" for key, value in table.items())]
    return plain
