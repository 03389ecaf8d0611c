"""The settings of a study's people: by their density, by a column of theirs, by polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.geo.projection import WGS84
from accessibility.settlement import classify_settings, read_settings, settings_from_codes
from accessibility.sources.areas import locate, read_polygons
from accessibility.sources.checks import Finding
from accessibility.study.loading.context import people_source
from accessibility.study.schema import SettlementSource

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.settlement import Settlement
    from accessibility.study.loading.cells import People
    from accessibility.study.loading.context import Loading


def settle_people(
    load: Loading, people: People, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.str_], Settlement | None, list[Finding]]:
    """Return urban, town or rural for every row, and what the classification found where density decides."""
    source, name = load.settings.settlement.source, people_source(load)
    if are_of_polygons(load):
        setting, findings = _settings_of_polygons(load, people, inside)
        return setting, None, findings
    if "setting" in people.columns:
        return _read_settings(load, people.columns["setting"], people.ids, name), None, []
    if isinstance(source, SettlementSource):
        refuse_no_column(load)
    lonlat, population, rows = people.lonlat, people.population, len(people.ids)
    if people.around is not None:
        lonlat = np.vstack([lonlat, people.around.lonlat])
        population = np.append(population, people.around.population)
    setting, settlement = classify_settings(lonlat, WGS84, population)
    notes = [Finding(source=name, **note) for note in settlement.notes()]
    return setting[:rows], settlement, notes


def refuse_no_column(load: Loading) -> NoReturn:
    """Raise `InputError`: settings are to be read from a column that the people do not have."""
    msg = f"{people_source(load)}: settlement from a column needs a population table with that column; it has none"
    raise InputError(msg)


def _settings_of_polygons(
    load: Loading, people: People, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.str_], list[Finding]]:
    """Return the setting of the polygon that each row lies in; outside all that of the last rule, rural.

    Polygons say it in their column ``setting``, another one that the study names, or by codes.
    """
    shapes, setting, findings = read_setting_shapes(load)
    at = locate(people.lonlat, shapes)
    findings += report_outside_settings(load, float(people.population[(at < 0) & inside].sum()))
    return setting[at], findings


def read_setting_shapes(load: Loading) -> tuple[gpd.GeoDataFrame, NDArray[np.str_], list[Finding]]:
    """Return the polygons that say settings, what each says and last what is said outside all, and what was found."""
    source: SettlementSource = load.settings.settlement.source  # type: ignore[assignment]  # or nobody would call
    path = load.table(source.polygons)  # type: ignore[arg-type]
    column = source.codes or source.column or "setting"
    shapes, findings = read_polygons(path, column=column, layer=source.layer, encoding=source.encoding)
    setting = _read_settings(load, shapes["name"], ["a polygon"] * len(shapes), path.name)
    return shapes, np.append(setting, load.settings.standard.standard.settings[-1]), [*findings]


def report_outside_settings(load: Loading, lost: float) -> list[Finding]:
    """Return a finding where people live in none of the polygons that say settings of the standard's own names."""
    standard, source = load.settings.standard.standard, load.settings.settlement.source
    if not (standard.names_its_own and lost > 0):
        return []
    name = load.table(source.polygons).name  # type: ignore[union-attr, arg-type]  # or nobody would call
    message = f"{lost:,.0f} people live in none of its polygons: they count as {standard.settings[-1]!r}"
    return [Finding(code="outside-settings", source=name, message=message, people=lost)]


def _read_settings(load: Loading, said: Any, names: Any, source: str) -> NDArray[np.str_]:
    """Return the settings that a column says, by their names, by numbers in bands or by codes."""
    given: SettlementSource = load.settings.settlement.source  # type: ignore[assignment]  # `bands` of no other
    try:
        if are_codes(load):
            return settings_from_codes(pd.Series(said).astype("string").str.strip().to_numpy(dtype=str), list(names))
        bands = given.bands if isinstance(given, SettlementSource) else None
        return read_settings(said, load.settings.standard.standard.settings, bands)
    except InputError as error:
        msg = f"{source}: {error}"
        raise InputError(msg) from error


def are_codes(load: Loading) -> bool:
    """Return whether settings are told by urban-rural codes."""
    source = load.settings.settlement.source
    return isinstance(source, SettlementSource) and source.codes is not None


def are_of_polygons(load: Loading) -> bool:
    """Return whether settings are told by polygons."""
    source = load.settings.settlement.source
    return isinstance(source, SettlementSource) and source.polygons is not None
