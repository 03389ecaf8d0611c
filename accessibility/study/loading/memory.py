"""From values in memory to what a ``study.toml`` and its files would say, so that both are read by one code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from accessibility.demand import Demand
from accessibility.errors import InputError
from accessibility.sites import Sites
from accessibility.sources.tables.reading import HeldTable, hold_table
from accessibility.study.loading.context import Loading, default_cache
from accessibility.study.schema import StudyFile
from accessibility.study.standardtables import rule_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accessibility.standards import Standard, Walker

_KINDS = {"outlets": "outlet", "banks": "bank", "candidates": "new"}
_DEGURBA, _LIMIT = "degurba", "own_limit"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What columns of values in memory are called.

    Parameters
    ----------
    population, district
        Columns of the people, and of the districts' names.
    limit
        Column of what is near enough for each in place of the rule of their setting; None without.
    groups
        Columns of people who are told apart.
    rule
        Called with the frame of people; returns the setting of each row. None where another thing says it.
    """

    population: str
    district: str
    limit: str | None = None
    groups: Sequence[str] = ()
    rule: Callable[[Any], Any] | None = None


def hold_inputs(
    people: object, sites: Mapping[str, object], districts: object, columns: Columns
) -> dict[str, HeldTable]:
    """Return the tables of a study by the name of the input: people, outlets, banks, candidates, districts.

    Parameters
    ----------
    people
        `Demand`, or a frame with a column of people.
    sites
        Outlets, banks and candidates: `Sites` (of several kinds, too) or frames; those that are None are left out.
    districts
        A frame of polygons whose names stand in a column, or in its index; None without any.
    columns
        What columns are called, and the rule that names settings.

    Raises
    ------
    InputError
        A value that is none of these.
    """
    frame: Any = people
    if isinstance(people, Demand):
        frame = people.to_gdf().assign(**({_LIMIT: people.limits} if people.own_limits.any() else {}))
    if columns.rule is not None and isinstance(frame, pd.DataFrame):
        frame = frame.assign(setting=columns.rule(frame))
    renamed = {} if isinstance(people, Demand) else {columns.population: "population"}
    if columns.limit is not None:
        renamed[columns.limit] = _LIMIT
    held = {"people": hold_table("people", frame, renamed, counts=("population", *columns.groups))}
    for role, given in _by_role(sites).items():
        held[role] = hold_table(role, given)
    if districts is not None:
        named = districts
        if isinstance(districts, pd.DataFrame) and columns.district not in districts.columns:
            named = districts.rename_axis("name").reset_index()
        held["districts"] = hold_table("districts", named, {columns.district: "name"} if named is districts else None)
    return held


def _by_role(sites: Mapping[str, object]) -> dict[str, object]:
    """Return what each role has; `Sites` of several kinds go to the role of their kind."""
    found: dict[str, object] = {}
    for role, given in sites.items():
        if given is None:
            continue
        if not isinstance(given, Sites):
            found[role] = given
            continue
        frame = given.to_gdf()
        for at, kind in _KINDS.items():
            rows = frame[frame["kind"] == kind] if role == "outlets" else frame
            if len(rows) and role in ("outlets", at):
                if at in found:
                    msg = f"{at} stand in two values; expected them in one"
                    raise InputError(msg)
                found[at] = rows
    return found


@dataclass(frozen=True, kw_only=True)
class StudyTerms:
    """What a study of values says beside its tables.

    Parameters
    ----------
    name, attribution
        Of the study, and its data attribution.
    settings
        ``degurba``, the column of people or districts that names them, or the setting of everybody; where it is None
        the column ``setting``, or else the Degree of Urbanisation.
    groups
        Columns of people who are told apart.
    coordinates
        Of tables without geometry.
    split_cells
        Metres of the parts that share the people of wide polygons; None where they stand at one point.
    standard, walker
        What near enough means, and how people walk.
    """

    name: str
    attribution: str | None
    settings: str | None
    groups: Sequence[str]
    coordinates: str | None
    split_cells: float | None
    standard: Standard
    walker: Walker


def settle_terms(held: Mapping[str, HeldTable], terms: StudyTerms) -> Loading:
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
        Settings that are neither ``degurba``, a setting nor a column.
    """
    settings, walker = terms.settings, terms.walker
    people = held["people"].table
    column: str | None = None
    of_districts = settings in held["districts"].table.columns if "districts" in held else False
    source: dict[str, Any] = {}
    if settings in terms.standard.settings:
        people["setting"], column = settings, "setting"
    elif settings in people.columns:
        column = settings
    elif of_districts:
        column, source = settings, {"polygons": "districts"}
    elif settings is None:
        column = "setting" if "setting" in people.columns else None
    elif settings != _DEGURBA:
        known = ", ".join(terms.standard.settings)
        msg = f"settings is {settings!r}; expected 'degurba', one of {known}, or a column of people or districts"
        raise InputError(msg)
    table = {key: value for key, value in (("coordinates", terms.coordinates),) if value is not None}
    inputs: dict[str, Any] = {
        "network": {"path": "network"},
        "population": {
            "path": "people",
            "column": "population",
            "groups": {g: g for g in terms.groups},
            "split_cells": terms.split_cells,
            "limit": _LIMIT if _LIMIT in people.columns else None,
            **table,
        },
    }
    inputs |= {role: {"path": role, **table} for role in _KINDS if role in held}
    if "districts" in held:
        inputs["area"] = {"path": "districts"}
    content = {
        "name": terms.name,
        "attribution": terms.attribution,
        "standard": {setting: rule_table(rule) for setting, rule in terms.standard.rules},
        "walking": asdict(walker),
        "inputs": inputs,
        "settlement": {"from": {"column": column, **source} if column else _DEGURBA},
    }
    return Loading(settings=StudyFile.model_validate(content), folder=Path(), cache=default_cache(), held=held)
