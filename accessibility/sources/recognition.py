"""What a file holds, found by its content: streets, people, heights, districts, outlets, banks, candidates."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from accessibility.errors import InputError
from accessibility.geo.projection import DATUMS
from accessibility.sources.osm.extracts import SUFFIXES as OSM_SUFFIXES
from accessibility.sources.quantities import held_instead, shown_instead
from accessibility.sources.raster.meaning import Evenness, Variety
from accessibility.sources.raster.reading import opened_raster, read_values
from accessibility.sources.tables.columns import (
    DIVISIONS,
    attributes,
    columns_meaning,
    find_column,
    parse_numbers,
    year_of,
)
from accessibility.sources.tables.plausibility import datums_said
from accessibility.sources.tables.points import TableSpec, has_places
from accessibility.sources.tables.reading import GEO_SUFFIXES, TEXT_SUFFIXES, WORKBOOK_SUFFIXES, read_table, readable
from accessibility.sources.tables.rows import settings_told
from accessibility.sources.tables.workbooks import shown_sheets
from accessibility.sources.vectors import layer_names
from accessibility.wording import day_text, plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

Role = Literal["network", "population", "group", "elevation", "area", "totals", "outlets", "banks", "candidates"]
ROLES: tuple[Role, ...] = get_args(Role)

RASTER_SUFFIXES = (".tif", ".tiff", ".asc", ".vrt", ".img")
_BESIDE = (".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qmd", ".md5", ".xml")  # of a file that is given
_ARCHIVES = (".zip", ".rar", ".7z", ".gz", ".tar", ".tgz")  # in another one, or not unpacked
_FORMATS = ((*TEXT_SUFFIXES, *WORKBOOK_SUFFIXES), GEO_SUFFIXES, RASTER_SUFFIXES, (*OSM_SUFFIXES, ".graphml"))
_BANKS = re.compile(r"银行|信用社|农信|信合|储蓄|\bbank\b", re.IGNORECASE)
_CANDIDATES = re.compile(r"候选|备选|拟建|拟设|candidate", re.IGNORECASE)
_OUTLETS = re.compile(r"社保|社会保险|人社|医保|服务|便民|网点|政务|outlet|service|office", re.IGNORECASE)
_OF_OUTLETS = ("hours", "services", "windows", "phone", "status")
_PEOPLE = re.compile(
    r"人口|(?<!服务)(?<!职工)(?<!员工)(?<!人员)(?<!在编)(?<!办事)人数|户数|常住人|户籍人|\bpop(?:ulation)?\b|\bpeople\b"
)
_MOST = 0.5
_WINDOW = 1_024  # cells across that are looked at, in the middle of a raster
_LEAST_CELLS = 16
_EMPTY, _SMOOTH = 0.3, 0.12
_SETTLEMENT_CODES = frozenset({10, 11, 12, 13, 21, 22, 23, 30})


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """A file and what it is."""

    path: Path
    # one of `ROLES`: `group` are people of an age on the cells of the population, `totals` a table without
    # coordinates whose rows name districts.
    role: Role
    keys: Mapping[str, Any] = field(default_factory=dict)  # what the study says of it beside its path
    # why: keys of `wording/console.toml` with the values of their places
    evidence: tuple[tuple[str, Mapping[str, object]], ...] = ()
    weight: float = 0.0  # people of a raster, by which a group is told from everyone


def recognise_files(files: Sequence[tuple[Path, str | None]]) -> list[Recognised]:
    """Return what each file is, in the order of `ROLES`.

    Parameters
    ----------
    files
        Paths, each with the role that the user gives it; None where its content decides.

    Raises
    ------
    InputError
        A file that holds none of these, a role that is none, or two files of a role that only one can have.
    """
    given = {path.resolve() for path, _ in files}
    found = [
        one
        for path, role in files
        if path.suffix.lower() not in _BESIDE or not _belongs(path, given)
        for one in _recognise_parts(path, role)
    ]
    found = _groups_apart(found)
    for role in ROLES:
        same = [one for one in found if one.role == role]
        if len(same) > 1 and role != "group":
            names = " and ".join(one.path.name for one in same)
            msg = (
                f"{names} are both taken for {role}; expected one file: leave one out, or say what each is, "
                f"such as banks={same[-1].path.name}"
            )
            raise InputError(msg)
    return sorted(found, key=lambda one: (ROLES.index(one.role), one.path.name))


def name_tells(path: Path) -> Literal["input", "beside", "other"]:
    """Return whether a file may be an input by its name, is a part of one, or neither; an archive may be one."""
    name = path.name.lower()
    if name.endswith((*_ARCHIVES, *chain.from_iterable(_FORMATS))):
        return "input"
    return "beside" if name.endswith(_BESIDE) else "other"


def _belongs(path: Path, given: set[Path]) -> bool:
    """Return whether a file is part of another one that is given, as the `.dbf` of a Shapefile is."""
    stems = (path.with_suffix(""), path.with_suffix("").with_suffix(""))
    return any(
        other != path.resolve() and other.with_suffix("").name in {stem.name for stem in stems} for other in given
    )


def _recognise_parts(path: Path, role: str | None) -> list[Recognised]:
    """Return what a file is; where it says nothing as a whole, what its sheets or layers are, each something else."""
    try:
        return [_recognise(path, role)]
    except InputError:
        found = []
        key, names = _parts(path)
        for name in names:
            with suppress(InputError):
                one = _of_table(path, None, **{key: name})
                told = ((f"of_{key}", {"name": name}), *one.evidence)
                found.append(replace(one, keys={**one.keys, key: name}, evidence=told))
        found = [one for one in found if role is None or one.role == role]
        roles = {one.role for one in found}
        if roles == {"totals"} and len(found) == 1:
            msg = (
                f"{path.name}: its sheet {found[0].keys[key]!r} has the people of districts; expected it as the first "
                "sheet, or in a file of its own"
            )
            raise InputError(msg) from None
        if found and len(roles) < len(found):
            alike = [one for one in found if sum(other.role == one.role for other in found) > 1]
            named = ", ".join(one.keys[key] for one in alike if one.role == alike[0].role)
            msg = f"{path.name}: {named} in it are all taken for {alike[0].role}; expected one of them"
            raise InputError(msg) from None
        if not found or "totals" in roles:
            raise
        return found


def _parts(path: Path) -> tuple[str, list[str]]:
    """Return what a file has several of, and their names; nothing where it has one."""
    suffix, names = path.suffix.lower(), list[str]()
    key = "layer" if suffix == ".gpkg" else "sheet"
    with suppress(InputError, OSError):
        if suffix == ".gpkg":
            names = layer_names(path)
        elif suffix in WORKBOOK_SUFFIXES:
            names = shown_sheets(path)
    return key, names if len(names) > 1 else []


def _recognise(path: Path, role: str | None) -> Recognised:
    if role is not None and role not in ROLES:
        msg = f"{path.name} is given as {role!r}; expected one of {', '.join(ROLES)}"
        raise InputError(msg)
    name, suffix = path.name.lower(), path.suffix.lower()
    if name.endswith(OSM_SUFFIXES) or suffix == ".graphml":
        kind = "an_extract" if suffix != ".graphml" else "a_graph"
        found = Recognised(path=path, role="network", evidence=((kind, {}),))
    elif suffix in RASTER_SUFFIXES:
        found = _of_raster(path, role)
    elif suffix in (*TEXT_SUFFIXES, *WORKBOOK_SUFFIXES, *GEO_SUFFIXES):
        _refuse_parts_missing(path)
        found = _of_table(path, role)
    elif suffix in _ARCHIVES:
        msg = f"{path.name}: an archive; expected the files in it, or all of them in one .zip: unpack it first"
        raise InputError(msg)
    else:
        tables, shapes, rasters, streets = (", ".join(suffixes) for suffixes in _FORMATS)
        msg = (
            f"{path.name}: unsupported format {suffix or '(no suffix)'}; expected a table ({tables}), points, lines or "
            f"polygons ({shapes}), a raster ({rasters}), streets ({streets}), or a .zip of such files"
        )
        raise InputError(msg)
    return found if role in (None, found.role) else replace(found, role=role, evidence=(("as_told", {}),))


def _refuse_parts_missing(path: Path) -> None:
    """Raise `InputError` where a Shapefile is without the files that make it one."""
    ends = (".shx", ".dbf") if path.suffix.lower() == ".shp" else ()
    lost = [f"{path.stem}{end}" for end in ends if not any(path.with_suffix(e).is_file() for e in (end, end.upper()))]
    if lost:
        msg = f"{path.name}: {', '.join(lost)} of the Shapefile are not next to it; expected all its files together"
        raise InputError(msg)


def _of_raster(path: Path, role: str | None) -> Recognised:
    """Return whether cells are people or heights: people leave most cells empty, heights go on from cell to cell."""
    with readable(path, []), opened_raster(path) as raster:
        wide, tall = min(raster.width, _WINDOW), min(raster.height, _WINDOW)
        window = ((raster.width - wide) // 2, (raster.height - tall) // 2, wide, tall)
        values, known = read_values(raster, 1, window)
    values = np.where(known & np.isfinite(values), values, np.nan).astype(np.float64)
    there = values[np.isfinite(values)]
    if role is not None:
        return Recognised(path=path, role="population", evidence=(("as_told", {}),), weight=float(np.nansum(values)))
    if there.size < _LEAST_CELLS:
        msg = (
            f"{path.name}: {there.size} cells have a value in its middle; expected people or heights: say which, "
            f"such as population={path.name}"
        )
        raise InputError(msg)
    empty = 1 - np.count_nonzero(there > 0) / values.size
    if set(np.unique(there[there > 0]).tolist()) <= _SETTLEMENT_CODES:
        msg = (
            f"{path.name}: its cells are classes of settlement (GHS-SMOD); expected people or heights: leave it out, "
            "the study works them out from the people"
        )
        raise InputError(msg)
    smooth = _steps(values) / max(float(np.ptp(np.percentile(there, [5, 95]))), 1e-9)
    if (there < 0).any() or (smooth < _SMOOTH and empty < _EMPTY):
        low, high = float(there.min()), float(there.max())
        return Recognised(
            path=path, role="elevation", evidence=(("goes_on", {"low": f"{low:,.0f}", "high": f"{high:,.0f}"}),)
        )
    _refuse_classes(path, values)
    people = float(there.sum())
    said = {"people": f"{people:,.0f}", "empty": round(100 * empty)}
    return Recognised(path=path, role="population", evidence=(("in_cells", said),), weight=people)


def _refuse_classes(path: Path, values: NDArray[np.float64]) -> None:
    """Raise `InputError` where cells seem to hold classes, which could pass for more people than there are."""
    row, column = np.nonzero(values > 0)
    numbers = Variety()
    numbers.meet(row, column, values[row, column])
    even = Evenness()
    even.meet(values[row, column])
    classes = numbers.told(path.name, zero_cells=int((values == 0).sum()))
    what = shown_instead(path.stem)
    if what or classes or even.told(path.name):
        said = what or ("classes" if classes else "a share")
        msg = (
            f"{path.name}: its cells seem to be {said}; expected people or heights: leave it out, or say "
            f"which, such as population={path.name}"
        )
        raise InputError(msg)


def _steps(values: NDArray[np.float64]) -> float:
    """Return how far neighbours differ, on average."""
    across = np.abs(np.diff(values, axis=1))
    return float(np.nanmean(across)) if np.isfinite(across).any() else np.inf


def _groups_apart(found: list[Recognised]) -> list[Recognised]:
    """Return the files with all rasters of people but the fullest as groups, named by the years in their names."""
    rasters = [one for one in found if one.role == "population" and one.path.suffix.lower() in RASTER_SUFFIXES]
    everyone = max(rasters, key=lambda one: (one.weight, one.path.name), default=None)

    def called(path: Path) -> str:
        years = re.search(r"(?<!\d)(\d{2})(?!\d)", path.stem)
        return f"{years[1]}+" if years else path.stem

    return [
        replace(one, role="group", keys={"name": called(one.path)})
        if one.role == "group" or (one in rasters and one is not everyone)
        else one
        for one in found
    ]


def _of_table(path: Path, role: str | None, **part: str) -> Recognised:
    table, _ = read_table(path, **part)
    shapes = getattr(table, "geometry", None)
    kinds = [] if shapes is None else list(shapes.geom_type.dropna())
    lines = sum(kind.endswith("LineString") for kind in kinds)
    areas = sum(kind.endswith("Polygon") for kind in kinds)
    if lines > _MOST * max(len(kinds), 1):
        return Recognised(path=path, role="network", evidence=(("lines", {"n": lines}),))
    people = _people_column(table, path.name)
    if areas > _MOST * max(len(kinds), 1) and role in (None, "area"):
        return _of_areas(path, table, people)
    if not has_places(table, TableSpec(), source=path.name):
        if people is None:
            _refuse_unsure_people(path, table)
            columns = ", ".join(attributes(table))
            msg = (
                f"{path.name}: no coordinates and no column of people (columns {columns}); expected lon and lat, or "
                "经度 and 纬度: addresses need a geocoder first"
            )
            raise InputError(msg)
        return Recognised(
            path=path, role="totals", keys={"population": people}, evidence=(("no_places", {"column": people}),)
        )
    found = _of_places(path, table, people)
    if role is None and people is None and found.evidence[0][0] == "places_only":
        _refuse_unsure_people(path, table)
    said = {datum for axis in ("lon", "lat") if shapes is None for datum in _datums(table, axis)}
    return replace(found, keys={**found.keys, "coordinates": said.pop()}) if len(said) == 1 else found


def _people_column(table: pd.DataFrame, source: str) -> str | None:
    """Return the column of all people, of the last year that has begun: later ones are planned."""
    this_year = int(day_text()[:4])
    known = sorted(columns_meaning(table, "population"), key=lambda name: year_of(name) > this_year)
    return find_column(table, "population", source=source, given=known[0]) if known else None


def _datums(table: pd.DataFrame, axis: str) -> list[str]:
    """Return the datums of an axis that are not the usual one, as the name of its column says."""
    names = columns_meaning(table, axis)[:1]
    return [datum for name in names for datum in datums_said(plain_words(name)) if datum != DATUMS[0]]


def _refuse_unsure_people(path: Path, table: pd.DataFrame) -> None:
    """Raise `InputError` where columns speak of people, and none of them is sure to count all of them one by one."""
    columns = [column for column in attributes(table) if _PEOPLE.search(plain_words(column))]
    if not columns:
        return
    what = held_instead(columns[0])
    if what:
        msg = f"{path.name}: column {columns[0]!r} seems to hold {what}; expected persons"
        raise InputError(msg)
    msg = (
        f"{path.name}: {', '.join(columns)} may count people; expected one named population (人口) if it holds them, "
        f"or say what the file is, such as outlets={path.name}"
    )
    raise InputError(msg)


def _of_areas(path: Path, table: pd.DataFrame, people: str | None) -> Recognised:
    name = next((found for key in ("name", *DIVISIONS) if (found := find_column(table, key, source=path.name))), None)
    name = name or _telling_column(table)
    if name is None:
        msg = f"{path.name}: no column names its {len(table)} polygons; expected one that does, such as name or 名称"
        raise InputError(msg)
    keys = {"name": name} | ({"population": people} if people else {})
    official = (("official_people", {"column": people}),) if people else ()
    evidence = (("polygons", {"n": len(table), "column": name}), *official)
    return Recognised(path=path, role="area", keys=keys, evidence=evidence)


def _telling_column(table: pd.DataFrame) -> str | None:
    """Return the first column of texts that differ from row to row and are no numbers."""
    for column in attributes(table):
        texts = table[column].astype(str)
        numbers, _ = parse_numbers(texts)
        if texts.is_unique and (texts != "").all() and not np.isfinite(numbers).any():
            return column
    return None


def _named_after_banks(table: pd.DataFrame, column: str | None, outlets: float) -> bool:
    """Return whether a column of banks has one in most rows of places that are no outlets by their names."""
    of_banks = column is not None and _BANKS.search(column) and "合作" not in column
    return bool(of_banks) and outlets <= _MOST and float((table[column] != "").mean()) > _MOST


def _of_places(path: Path, table: pd.DataFrame, people: str | None) -> Recognised:
    """Return whether places are banks, candidates, people or outlets: by their columns, then by their names."""
    columns = {
        key: find_column(table, key, source=path.name) for key in ("name", "bank", "kind", "partner", *_OF_OUTLETS)
    }
    told = [table[columns[key]].astype(str) for key in ("name", "bank", "kind") if columns[key] is not None]
    texts = [" ".join(row) for row in zip(*told, strict=True)] if told else []

    def share(pattern: re.Pattern[str]) -> float:
        return sum(bool(pattern.search(text)) for text in texts) / max(len(texts), 1)

    said = {"n": len(table)}
    new = (
        0.0
        if columns["kind"] is None
        else float(table[columns["kind"]].astype(str).str.strip().str.lower().eq("new").mean())
    )
    heading = _CANDIDATES.search(columns["name"] or "")
    if max(share(_CANDIDATES), new) > _MOST or heading or _CANDIDATES.search(path.stem):
        return Recognised(path=path, role="candidates", evidence=(("candidates_named", said),))
    if (
        columns["partner"] is not None
        or share(_BANKS) > _MOST
        or _named_after_banks(table, columns["bank"], share(_OUTLETS))
    ):
        partner = (("partner_column", {"column": columns["partner"]}),) if columns["partner"] else ()
        named = {"n": round(share(_BANKS) * len(table)), "of": len(table)}
        return Recognised(path=path, role="banks", evidence=(("banks_named", named), *partner))
    of_outlets = [columns[key] for key in _OF_OUTLETS if columns[key] is not None]
    if people is not None and not of_outlets and share(_OUTLETS) <= _MOST:
        keys: dict[str, Any] = {"column": people}
        evidence = [("people_at", said | {"column": people})]
        for key, column in settings_told(table, path.name).items():
            if (table[column].astype(str).str.strip() != "").all():
                keys["settlement"] = {key: column}
                evidence.append(("settings_at", {"column": column}))
        return Recognised(path=path, role="population", keys=keys, evidence=tuple(evidence))
    if not of_outlets and share(_OUTLETS) <= _MOST and not _OUTLETS.search(path.stem):
        return Recognised(path=path, role="outlets", evidence=(("places_only", said),))
    return Recognised(path=path, role="outlets", evidence=(("outlets_named", said),))
