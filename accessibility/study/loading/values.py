"""From values in memory to what a ``study.toml`` and its files would say, so that both are read by one code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
from pydantic import ValidationError

from accessibility.demand import Demand
from accessibility.errors import InputError
from accessibility.sites import KIND_OF, Sites
from accessibility.siting import Conditions
from accessibility.sources.tables.columns import find_column, no_column
from accessibility.sources.tables.reading import HeldTable, hold_table
from accessibility.standards import Standard, Walker
from accessibility.streets.foot import FootAccess
from accessibility.streets.network import Network
from accessibility.study.loading.context import Loading, default_cache, is_raster
from accessibility.study.schema import StudyFile, validation_sentences
from accessibility.study.valuetables import rule_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DEGURBA, _LIMIT, _STREETS = "degurba", "own_limit", "network"
_FOOT = tuple(field.name for field in fields(FootAccess))
_AGE = re.compile(r"\d{1,3} ?(\+|岁?及?以上)")  # 60+, 80岁及以上
_Table = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What columns of values in memory are called."""

    population: str | None = None  # column of the people; one with a usual name where it is None
    # district, totals: columns of the districts' names, and of their official people; None where nobody speaks of
    # these.
    district: str = "name"
    totals: str | None = None
    # column of what is near enough for each in place of the rule of their setting; None without.
    limit: str | None = None
    # columns of people who are told apart, or the name of each group to its column; None for the groups of a `Demand`,
    # and the columns of a frame that an age names.
    groups: Sequence[str] | Mapping[str, str] | None = None
    # called with the frame of people; returns the setting of each row. None where another thing says it.
    rule: Callable[[Any], Any] | None = None
    # column of sites in memory: people that each has room for; None where its usual name, or a table, says it.
    capacity: str | None = None

    def groups_of(self, people: object) -> dict[str, str]:
        """Return the name of each group to its column."""
        if isinstance(self.groups, Mapping):
            return dict(self.groups)
        named = self.groups
        if named is None and isinstance(people, Demand):
            named = tuple(people.groups)
        elif named is None and isinstance(people, pd.DataFrame):
            named = [name for name in people.columns if isinstance(name, str) and _AGE.fullmatch(name)]
        return {group: group for group in named or ()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """The inputs of a study: what a ``study.toml`` would say of each, and the tables that no file holds."""

    # the tables of `[inputs]` by key; the path of what is in memory is a name among `tables`
    inputs: dict[str, _Table]
    tables: dict[str, HeldTable]  # the tables in memory
    network: Network | None  # streets in memory; None where they are read.


def hold_inputs(
    network: object, people: object, sites: Mapping[str, object], districts: object, columns: Columns
) -> Held:
    """Return the inputs of a study, each a value, the path of a file, or a table as ``[inputs]`` has it.

    The path in a table may be a value, too.

    Parameters
    ----------
    network
        `Network`, or streets that are read.
    people
        `Demand`, a frame with a column of people, or people that are read.
    sites
        Outlets, banks and candidates: `Sites` (of several kinds, too), frames, or sites that are read; those that are
        None are left out.
    districts
        A frame of polygons whose names stand in a column, or in its index, or polygons that are read; None without any.
    columns
        What columns are called, and the rule that names settings.

    Raises
    ------
    InputError
        A value that is none of these.
    """
    streets, told = _told(_STREETS, network)
    if isinstance(streets, Network):
        read = streets.provenance
        told |= {} if read is None or read.path is None else {"path": str(read.path)}
    elif streets is not None:
        msg = f"network is {type(streets).__name__}; expected a Network, the path of a file, or a table of study.toml"
        raise InputError(msg)
    held = Held(inputs={_STREETS: told}, tables={}, network=streets)
    held.inputs["population"] = _people(held, people, columns)
    _hold_sites(held, _by_role(sites), columns.capacity)
    if districts is not None:
        held.inputs["area"] = _districts(held, districts, columns)
    elif columns.totals is not None:
        msg = f"totals is {columns.totals!r}, a column of districts, and there are none; expected districts"
        raise InputError(msg)
    return held


def _told(name: str, given: object) -> tuple[Any, _Table]:
    """Return what is in memory of an input, None where a file has it, and what a ``study.toml`` says of it."""
    given = given.to_pandas() if hasattr(given, "to_pandas") else given  # a frame of polars, a table of pyarrow
    if isinstance(given, str | os.PathLike):
        return None, {"path": os.fspath(given)}
    if not isinstance(given, Mapping):
        return given, {"path": name}
    value = given.get("path")
    if value is None or isinstance(value, str | os.PathLike):
        return None, dict(given)
    return value, {**given, "path": name}


def _people(held: Held, people: object, columns: Columns) -> _Table:
    frame, told = _told("people", people)
    column, groups = told.get("column", columns.population), columns.groups_of(frame)
    named = {"column": column, "limit": columns.limit, "groups": groups or None}
    table: _Table = {key: value for key, value in named.items() if value is not None} | told
    if frame is None:
        if columns.rule is not None:
            msg = "settings is a rule, which is asked of people in memory; expected a frame of people"
            raise InputError(msg)
        return table
    renamed = {} if columns.limit is None else {columns.limit: _LIMIT}
    if isinstance(frame, Demand):
        frame = frame.to_gdf().assign(**({_LIMIT: frame.limits} if frame.own_limits.any() else {}))
        column = "population"
    elif isinstance(frame, pd.DataFrame) and column is None:
        column = _column_of_people(frame)  # whose name may say that it counts no persons, as of a file
    if columns.rule is not None and isinstance(frame, pd.DataFrame):
        frame = frame.assign(setting=columns.rule(frame))
    counts = (str(column), *table.get("groups", {}).values())
    held.tables["people"] = hold_table("people", frame, renamed, counts=counts)
    if _LIMIT in held.tables["people"].table.columns:
        table["limit"] = _LIMIT
    return table


def _hold_sites(held: Held, roles: Mapping[str, tuple[Any, _Table]], capacity: str | None) -> None:
    """Hold the sites of each role; the column of their capacity stands in some of the tables in memory."""
    for role, (given, table) in roles.items():
        held.inputs[role] = table
        if given is not None:
            held.tables[role] = hold_table(role, given)
        if isinstance(given, pd.DataFrame) and capacity in given.columns:
            table["columns"] = {"capacity": capacity, **table.get("columns", {})}
    if capacity is not None and not any("capacity" in table.get("columns", {}) for _, table in roles.values()):
        msg = f"{', '.join(roles)}: no column {capacity!r}; expected the people that each has room for in one of them"
        raise InputError(msg)


def _column_of_people(frame: pd.DataFrame) -> str:
    column = find_column(frame, "population", source="people")
    if column is None:
        msg = f"{no_column(frame, 'population', source='people')}; expected people='...' that names the column"
        raise InputError(msg)
    return column


def _by_role(sites: Mapping[str, object]) -> dict[str, tuple[Any, _Table]]:
    """Return what each role has, as `_told`; `Sites` of several kinds go to the role of their kind."""
    found: dict[str, tuple[Any, _Table]] = {}
    for role, given in sites.items():
        value, table = _told(role, given)
        if not isinstance(value, Sites):
            if given is not None:
                found[role] = value, table
            continue
        frame = value.to_gdf()
        for at, kind in KIND_OF.items():
            rows = frame[frame["kind"] == kind] if role == "outlets" else frame
            if len(rows) and role in ("outlets", at):
                if at in found:
                    msg = f"{at} stand in two values; expected them in one"
                    raise InputError(msg)
                found[at] = rows, {**table, "path": at}
    return found


def _districts(held: Held, districts: object, columns: Columns) -> _Table:
    frame, told = _told("districts", districts)
    table = {"name": columns.district, **({} if columns.totals is None else {"population": columns.totals}), **told}
    if frame is None:
        return table
    column = table["name"]
    if isinstance(frame, pd.DataFrame) and column not in frame.columns:
        held.tables["districts"] = hold_table("districts", frame.rename_axis("name").reset_index())
    else:
        held.tables["districts"] = hold_table("districts", frame, {column: "name"})
    return {**table, "name": "name"}


@dataclass(frozen=True, kw_only=True)
class StudyTerms:
    """What a study of values says beside its inputs."""

    # name, attribution, map_approval, basemap: of the study, its data attribution, the number under which its map may
    # be published, and whose tiles it loads
    name: str
    attribution: str | None
    map_approval: str
    basemap: str | None
    # `degurba`, the column of people or districts that names them, the setting of everybody, or a table as
    # `[settlement] from` has it, whose polygons may be a frame; where it is None the column `setting`, or else the
    # Degree of Urbanisation
    settings: str | Mapping[str, Any] | None
    coordinates: str | None  # of tables without geometry
    # metres of the parts that share the people of wide polygons, or `buildings`; None where they stand at one point.
    split_cells: float | str | None
    reconcile: bool  # whether people are multiplied to the districts' official totals
    elevation: str | os.PathLike[str] | None  # the file of heights; None on the flat.
    # standard, walker: what near enough means, and how people walk; the latter also a table as `[walking]` has it
    standard: Standard
    walker: Walker | Mapping[str, Any]
    # siting, uncertainty: tables as `[siting]` and `[uncertainty]` have them; the former also conditions alone
    siting: Conditions | Mapping[str, Any]
    uncertainty: Mapping[str, Any]


def settle_terms(held: Held, terms: StudyTerms) -> Loading:
    """Return where a study of values is loaded from: the settings that a ``study.toml`` would have, and the tables.

    Parameters
    ----------
    held
        As `hold_inputs` returns them.
    terms
        What the study says beside them.

    Raises
    ------
    InputError
        Settings that are neither ``degurba``, a setting nor a column; whatever a ``study.toml`` is refused for.
    """
    source = _settlement(held, terms)
    of_people = {"split_cells": terms.split_cells, "reconcile": terms.reconcile or None}
    inputs = {**held.inputs}
    inputs["population"] = {key: v for key, v in of_people.items() if v is not None} | inputs["population"]
    for name in ("population", *KIND_OF):
        if terms.coordinates is not None and _has_coordinates(held, inputs.get(name)):
            inputs[name] = {"coordinates": terms.coordinates, **inputs[name]}
    if terms.elevation is not None:
        inputs["elevation"] = {"path": terms.elevation}
    content = {
        "name": terms.name,
        "attribution": terms.attribution,
        "map_approval": terms.map_approval,
        "basemap": terms.basemap,
        "standard": {setting: rule_table(rule) for setting, rule in terms.standard.rules},
        "walking": _walking(held, terms.walker),
        "inputs": inputs,
        "settlement": {"from": source},
        "siting": _kept(terms.siting),
        "uncertainty": terms.uncertainty,
    }
    try:
        settings = StudyFile.model_validate(content)
    except ValidationError as error:
        msg = f"Study.of: {validation_sentences(error.errors(), StudyFile)}"
        raise InputError(msg) from error
    folder = Path.cwd()
    return Loading(settings=settings, folder=folder, cache=default_cache(), held=held.tables, network=held.network)


def _kept(siting: Conditions | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(siting, Conditions):
        return siting
    return {f.name: value for f in fields(siting) if (value := getattr(siting, f.name)) not in (0.0, (), {})}


def _has_coordinates(held: Held, table: _Table | None) -> bool:
    """Return whether an input may be a table of coordinates: nothing with geometry or objects of OpenStreetMap."""
    if table is None or "path" not in table or "osm" in table:
        return False
    frame = held.tables.get(str(table["path"]))
    return not is_raster(Path(table["path"])) if frame is None else not isinstance(frame.table, gpd.GeoDataFrame)


def _walking(held: Held, walker: Walker | Mapping[str, Any]) -> _Table:
    """Return how people walk, and which of the streets, where those were read before."""
    told = asdict(walker) if isinstance(walker, Walker) else dict(walker)
    late = [key for key in _FOOT if key in told]
    if late and held.network is not None:
        msg = f"walker says {late[0]} of streets that were read before; expected it in Network.from_osm(..., foot=...)"
        raise InputError(msg)
    read = None if held.network is None else held.network.provenance
    return told | ({} if read is None else asdict(read.foot))


def _settlement(held: Held, terms: StudyTerms) -> str | _Table:
    """Return where the settings of people come from, as ``[settlement] from`` says it."""
    settings = terms.settings
    if not isinstance(settings, Mapping):
        return _settlement_by_name(held.tables, settings, terms.standard.settings)
    polygons, told = _told("settings", {"path": settings.get("polygons")})
    if polygons is None:
        return dict(settings)
    held.tables["settings"] = hold_table("settings", polygons)
    return {**settings, "polygons": told["path"]}


def _settlement_by_name(tables: Mapping[str, HeldTable], settings: str | None, known: Sequence[str]) -> str | _Table:
    """Return the same where one word says it; of people who are read from a file any other is a column of theirs."""
    people = tables["people"].table if "people" in tables else pd.DataFrame(columns=[settings])
    everybody = "people" in tables and settings in known
    if everybody:
        people["setting"] = settings
    if everybody or (settings is None and "setting" in people.columns):
        return {"column": "setting"}
    if settings is None or settings == _DEGURBA:
        return _DEGURBA
    if settings in people.columns and ("people" in tables or settings not in known):
        return {"column": settings}
    if "districts" in tables and settings in tables["districts"].table.columns:
        return {"column": settings, "polygons": "districts"}
    where = (
        "a column of people or districts" if "people" in tables else "a column of theirs: people are read from a file"
    )
    one = f"one of {', '.join(known)}, " if "people" in tables else ""
    msg = f"settings is {settings!r}; expected 'degurba', {one}or {where}"
    raise InputError(msg)
