"""Tables without coordinates, joined to districts by their 12-digit code or their name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError
from accessibility.sources.areas import CODE, PLAIN, first_rows, named_rows
from accessibility.sources.checks import Finding
from accessibility.sources.tables.columns import DIVISIONS, attributes, find_column
from accessibility.sources.tables.numerals import cell_text
from accessibility.sources.tables.reading import checked_path, read_table

if TYPE_CHECKING:
    import os

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

_SHOWN = 5


def rows_of_districts(
    table: pd.DataFrame, districts: gpd.GeoDataFrame, *, source: str, given: str | None = None
) -> tuple[NDArray[np.intp], list[Finding]]:
    """Return the row of the district that each row of a table names, -1 where it names none, and what was found.

    Parameters
    ----------
    table
        A table without coordinates.
    districts
        As `accessibility.sources.areas.read_areas` returns them, indexed by label.
    source
        The file, for messages.
    given
        The column that names the district, by code, label or name; where not given, the one that names most.

    Raises
    ------
    InputError
        No row names a district, or a name that several districts share.
    """
    usual = ("division", *DIVISIONS, "name", "id")
    named = [find_column(table, key, source=source, given=given) for key in (usual if given is None else usual[:1])]
    columns = [column for column in dict.fromkeys(named) if column is not None] or attributes(table)
    nowhere = np.full((len(table), 2), np.nan)
    texts = {column: table[column].map(cell_text).to_numpy(dtype=object) for column in columns}
    counts = {column: int((first_rows(texts[column], districts, shared=True) >= 0).sum()) for column in columns}
    best = max(counts, key=lambda column: counts[column], default=None)
    if best is None or not counts[best]:
        shown = ", ".join(map(str, districts.index[:_SHOWN]))
        msg = (
            f"{source}: no coordinates, and no row names a district of the area by code or name "
            f"({', '.join(columns)}); expected lon and lat, or a column with names such as {shown}"
        )
        raise InputError(msg)
    row = named_rows(texts[best], nowhere, districts)
    found = [_told(best, row, len(districts), source)]
    # A name that several districts share says nothing against a code.
    others = {column: first_rows(texts[column], districts) for column in columns if column != best and counts[column]}
    for column, other in others.items():
        apart = (row >= 0) & (other >= 0) & (row != other)
        if apart.any():
            first = int(np.flatnonzero(apart)[0])
            message = (
                f"columns {best!r} and {column!r} name different districts in {int(apart.sum())} rows, first "
                f"{texts[best][first]} and {texts[column][first]}: the former counts"
            )
            found.append(Finding(code="districts-disagree", source=source, message=message, count=int(apart.sum())))
    none = row < 0
    if none.any():
        shown = ", ".join(dict.fromkeys(texts[best][none].tolist()[:_SHOWN]))
        message = f"column {best!r}: {int(none.sum())} rows name no district of the area: {shown}"
        found.append(Finding(code="no-such-district", source=source, message=message, count=int(none.sum())))
    return row, found


def with_table(districts: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return districts (column ``name``) with the columns of a table beside theirs, and what was found.

    Parameters
    ----------
    districts
        As `accessibility.sources.areas.read_areas` returns them.
    path
        A table of one row per district. A column that the districts have as well replaces theirs.

    Raises
    ------
    InputError
        Two rows for one district, and whatever `rows_of_districts` and `read_table` refuse.
    """
    source = checked_path(path).name
    table, findings = read_table(path)
    row, found = rows_of_districts(table, districts.set_index("name"), source=source)
    there = row >= 0
    twice = np.flatnonzero(np.bincount(row[there], minlength=len(districts)) > 1)
    if twice.size:
        shown = ", ".join(map(str, districts["name"].to_numpy()[twice[:_SHOWN]]))
        msg = f"{source}: {twice.size} districts have more than one row: {shown}; expected one row per district"
        raise InputError(msg)
    wide = districts.copy()
    for column in attributes(table):
        if column in ("name", PLAIN, CODE):
            continue
        values = np.full(len(districts), None, dtype=object)
        values[row[there]] = table[column].to_numpy(dtype=object)[there]
        wide[column] = values
    missing = districts["name"].to_numpy()[~np.isin(np.arange(len(districts)), row)]
    if len(missing):
        message = f"{len(missing)} districts have no row in the table: {', '.join(map(str, missing[:_SHOWN]))}"
        found.append(Finding(code="district-without-row", source=source, message=message, count=len(missing)))
    return wide, findings + found


def _told(column: str, row: NDArray[np.intp], count: int, source: str) -> Finding:
    there = row[row >= 0]
    message = (
        f"no coordinates: column {column!r} joins {there.size} of {row.size} rows to {np.unique(there).size} of "
        f"{count} districts"
    )
    return Finding(code="joined-to-districts", source=source, message=message, count=int(there.size))
