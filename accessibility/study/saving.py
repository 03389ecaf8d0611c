"""A study written as a ``study.toml`` and its files, which are read as the same study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import InputError, OutputError
from accessibility.geo.projection import WGS84
from accessibility.sources.files import write_folder
from accessibility.sources.tables.reading import hold_table
from accessibility.standards import SETTINGS
from accessibility.streets.lines import write_edges
from accessibility.study.scenariofile import toml_value
from accessibility.study.schema import rule_table

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.sites import Sites
    from accessibility.standards import Standard, Walker
    from accessibility.streets.network import Network
    from accessibility.study.schema import StudyFile

_FIRST_LINE = "# A study as `study.save` writes it; saving it again writes over these files."
_STREETS, _PEOPLE, _AREA = "streets.parquet", "people.parquet", "districts.parquet"
_ROLES = ("outlets", "banks", "candidates")
_FILES = ("study.toml", _STREETS, _PEOPLE, _AREA, *(f"{role}.parquet" for role in _ROLES))
_COUNTS = "counts_today"
_BANK = "bank"


class Savable(Protocol):
    """What is saved of an `accessibility.Study`, in the words used there."""

    # fmt: off
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def settings(self) -> StudyFile: ...  # noqa: D102
    @property
    def standard(self) -> Standard: ...  # noqa: D102
    @property
    def walker(self) -> Walker: ...  # noqa: D102
    @property
    def network(self) -> Network: ...  # noqa: D102
    @property
    def demand(self) -> Demand: ...  # noqa: D102
    @property
    def sites(self) -> Sites: ...  # noqa: D102
    @property
    def district(self) -> pd.Series[Any]: ...  # noqa: D102
    @property
    def districts(self) -> gpd.GeoDataFrame | None: ...  # noqa: D102
    @property
    def attribution(self) -> tuple[str, ...]: ...  # noqa: D102
    # fmt: on


def save_study(study: Savable, folder: str | os.PathLike[str]) -> Path:
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
    tables = {_STREETS: write_edges(study.network), _PEOPLE: _people(study)}
    roles = _by_role(study.sites)
    tables |= {f"{role}.parquet": _sites(study.sites, rows, role) for role, rows in roles.items()}
    if study.districts is not None:
        tables[_AREA] = _held("districts", study.districts.rename_axis("name").reset_index())
    text = "\n".join([_FIRST_LINE, *_lines(_content(study, list(roles))), ""])
    with write_folder(folder, stale=lambda name: name in _FILES) as aside:
        for name, table in tables.items():
            table.to_parquet(aside / name)
        (aside / "study.toml").write_bytes(text.encode("utf-8"))
    return folder / "study.toml"


def _refuse_others(folder: Path) -> None:
    """Refuse to write over files that `save_study` did not write."""
    file = folder / "study.toml"
    if file.is_file() and file.read_bytes().startswith(_FIRST_LINE.encode()):
        return
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        msg = f"{folder / there[0]} is there and is no file of a saved study; expected another folder, or an empty one"
        raise OutputError(msg)


def _people(study: Savable) -> gpd.GeoDataFrame:
    demand = study.demand
    columns = {"id": demand.ids, "population": demand.population, "setting": demand.setting}
    columns |= {"district": study.district.reindex(pd.Index(demand.ids)).to_numpy(dtype=object)}
    columns |= {_group(at): people for at, people in enumerate(demand.groups.values())}
    points = np.full(len(demand), shapely.Point(), dtype=object)
    placed = np.isfinite(demand.lonlat).all(axis=1)
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


def _content(study: Savable, roles: list[str]) -> dict[str, Any]:
    """Return the tables of the ``study.toml``."""
    settings = study.settings
    population = {
        "path": _PEOPLE,
        "column": "population",
        "id": "id",
        "district": "district",
        "groups": {name: _group(at) for at, name in enumerate(study.demand.groups)},
    }
    inputs: dict[str, Any] = {"network": {"path": _STREETS, "saved": True}, "population": population}
    inputs |= {role: {"path": f"{role}.parquet"} for role in roles}
    if "outlets" in roles:
        inputs["outlets"]["counts_if"] = {_COUNTS: "yes"}
    if study.districts is not None:
        inputs["area"] = {"path": _AREA, "name": "name"}
    siting = settings.siting.model_dump(mode="json", exclude_none=True)
    siting["generate"] = settings.siting.generate if settings.siting.generate is not None else _makes(settings)
    return {
        "name": study.name,
        "attribution": ", ".join(study.attribution),
        "map_approval": settings.map_approval,
        "standard": {setting: rule_table(study.standard.rule(setting)) for setting in SETTINGS},
        "walking": settings.walking.model_dump(mode="json", exclude_none=True),
        "inputs": inputs,
        "settlement": {"from": {"column": "setting"}},
        "siting": siting,
    }


def _makes(settings: StudyFile) -> bool:
    return settings.inputs.candidates is None


def _lines(content: dict[str, Any]) -> list[str]:
    """Return the lines of a TOML file: plain values first, then the tables."""
    plain = [f"{key} = {toml_value(value)}" for key, value in content.items() if not isinstance(value, dict)]
    for name, table in content.items():
        if isinstance(table, dict):
            plain += ["", f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())]
    return plain
