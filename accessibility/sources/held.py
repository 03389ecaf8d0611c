"""Tables that are values in memory and no files, under the name that messages call them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from accessibility.errors import InputError
from accessibility.sources.columns import attributes
from accessibility.sources.numerals import cell_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldTable:
    """A table in memory, read wherever a file of a table is.

    Parameters
    ----------
    name
        What messages call it.
    table
        One row per place: a `GeoDataFrame`, or a `DataFrame` with columns of coordinates; text cells.
    """

    name: str
    table: pd.DataFrame
    suffix: str = ""


def hold_table(name: str, given: object, columns: Mapping[str, str] | None = None) -> HeldTable:
    """Return a frame as the readers take it: cells as text, ids in a column.

    Parameters
    ----------
    name
        What messages call it.
    given
        A `DataFrame` or `GeoDataFrame`; an index that is no plain count of rows becomes the column ``id`` where there
        is none.
    columns
        Names that columns get, such as that of the people; those that bear such a name already are left out.

    Raises
    ------
    InputError
        No frame, no row, a column that is not there, or one name for two columns.
    """
    if not isinstance(given, pd.DataFrame):
        msg = f"{name} is {type(given).__name__}; expected a DataFrame or a GeoDataFrame, one row per place"
        raise InputError(msg)
    if given.empty:
        msg = f"{name}: no rows; expected at least one"
        raise InputError(msg)
    missing = [column for column in (columns or {}) if column not in given.columns]
    if missing:
        msg = f"{name}: no column {missing[0]!r}; it has {', '.join(attributes(given))}"
        raise InputError(msg)
    renamed = {column: new for column, new in (columns or {}).items() if column != new}
    table = given.drop(columns=[new for new in renamed.values() if new in given.columns]).rename(columns=renamed)
    if table.columns.has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        msg = f"{name}: two columns are named {twice!r}; expected one name per column"
        raise InputError(msg)
    if not isinstance(given.index, pd.RangeIndex) and "id" not in table.columns:
        table.insert(0, "id", given.index)
    for column in attributes(table):
        table[column] = _texts(table[column])
    table.index = pd.RangeIndex(1, len(table) + 1)
    return HeldTable(name=name, table=table)


def _texts(cells: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series([cell_text(value) for value in cells.tolist()], index=cells.index, dtype=object)


def held_polygons(source: HeldTable) -> gpd.GeoDataFrame:
    """Return a table in memory that has geometry.

    Raises
    ------
    InputError
        It has none.
    """
    if not isinstance(source.table, gpd.GeoDataFrame):
        msg = f"{source.name}: a table without geometry; expected a GeoDataFrame of polygons"
        raise InputError(msg)
    return source.table
