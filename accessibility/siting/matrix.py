"""Costs of any tool: dense, any of scipy's sparse kinds, a labelled table, or a long table of one row per pair."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from accessibility.errors import InputError, described

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

_SITE = ("site", "site_id", "to_id")  # people walk to a site: the names of origin-destination tables
_DEMAND = ("demand", "demand_id", "from_id")
_COST = ("cost", "travel_time", "walk_s", "network_m")
_MOST = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Costs:
    """Pairs within reach, and what stands beside their axes in the same order.

    Parameters
    ----------
    matrix
        One row per site, one column per demand point; CSR, ascending, stored zeros kept.
    ids
        Ids of the sites; None where nothing names them.
    people, district
        Of each demand point; `district` None where not given.
    points
        Ids of the demand points; None where nothing names them.
    """

    matrix: Any
    ids: Any
    people: Any
    district: Any
    points: Any = None


def read_costs(costs: Any, people: Any, *, ids: Any = None, district: Any = None) -> Costs:
    """Return costs with their labels in one order: that of the matrix, or of `ids` and `people` for a long table.

    Raises
    ------
    InputError
        Labels that do not belong together, the axes turned round, a pair that stands twice, costs that are none.
    """
    given = Costs(matrix=costs, ids=ids, people=people, district=district)
    if type(costs).__name__ == "Series":
        given = replace(given, matrix=costs.rename(costs.name or "cost").reset_index())
    if hasattr(given.matrix, "columns") and hasattr(given.matrix, "index"):
        given = _long(given) if _is_long(given.matrix) else _wide(given)
    for name in ("people", "district"):
        values = getattr(given, name)
        given = replace(given, **{name: values.to_numpy() if hasattr(values, "to_numpy") else values})
    return replace(given, matrix=_csr(given.matrix))


def _is_long(table: pd.DataFrame) -> bool:
    return all(_column(table, names) is not None for names in (_SITE, _DEMAND, _COST))


def _column(table: pd.DataFrame, names: Iterable[str]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _long(given: Costs) -> Costs:
    """Return the matrix of one row per pair: people name the columns, `ids` the rows, or the sites as they come."""
    import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

    table = given.matrix
    site, demand, cost = (table[_column(table, names)] for names in (_SITE, _DEMAND, _COST))
    if not isinstance(given.people, pd.Series):
        msg = f"people are {described(given.people)}; expected a Series keyed by demand id with a table of pairs"
        raise InputError(msg)
    rows = pd.Index(site.unique() if given.ids is None else given.ids)
    columns = _unique(given.people.index, "people")
    at = _places(_unique(rows, "ids"), site, "site"), _places(columns, demand, "demand point")
    known = _numbers(cost)
    reach = ~np.isnan(known)
    pairs = (known[reach], (at[0][reach], at[1][reach]))
    matrix = sparse.coo_array(pairs, shape=(len(rows), len(columns)))
    return replace(given, matrix=matrix, ids=rows, district=_of_points(given.district, columns), points=columns)


def _wide(given: Costs) -> Costs:
    """Return the values of a labelled matrix, and what is keyed by its labels in their order."""
    import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

    table, people = given.matrix, given.people
    rows, columns = _unique(table.index, "the rows of costs"), _unique(table.columns, "the columns of costs")
    if isinstance(rows, pd.RangeIndex) and given.ids is not None:  # numbers that pandas made are no labels
        rows = pd.Index(given.ids)
        table = _relabelled(table, rows)
    if given.ids is not None:
        ids = _unique(pd.Index(given.ids), "ids")
        _meet(ids, rows, "ids", ("rows", columns))
        table, rows = table.loc[ids], ids
    values = np.column_stack([_numbers(table[c]) for c in columns]) if len(columns) else np.empty((len(rows), 0))
    if isinstance(people, pd.Series) and not isinstance(columns, pd.RangeIndex):
        _meet(_unique(people.index, "people"), columns, "people", ("columns", rows))
        people = people.reindex(columns)
    return Costs(matrix=values, ids=rows, people=people, district=_of_points(given.district, columns), points=columns)


def _relabelled(table: pd.DataFrame, rows: pd.Index[Any]) -> pd.DataFrame:
    if len(rows) != len(table):
        msg = f"costs has {len(table)} rows, ids are {len(rows)}; expected as many"
        raise InputError(msg)
    return table.set_axis(rows)


def _of_points(district: Any, labels: pd.Index[Any]) -> Any:
    """Return districts in the order of the demand points; they may leave points out, and know others."""
    if type(district).__name__ != "Series" or type(labels).__name__ == "RangeIndex":
        return district
    if not (_unique(district.index, "district").get_indexer(labels) >= 0).any():
        _meet(district.index, labels, "district", ("columns", ()))
    return district.reindex(labels)


def _meet(keys: pd.Index[Any], labels: pd.Index[Any], name: str, axis: tuple[str, Any]) -> None:
    """Refuse keys that are not the labels of their axis; say so where they are those of the other one."""
    if len(keys) == len(labels) and keys.isin(labels).all():
        return
    turned = len(keys) > 0 and keys.isin(axis[1]).all()
    hint = "; it is turned round: costs.T turns it back" if turned else ""
    msg = (
        f"{name} names {_first(keys)}, the {axis[0]} of costs are {_first(labels)}; expected the same labels, one row"
        f" of costs per site and one column per demand point{hint}"
    )
    raise InputError(msg)


def _first(labels: pd.Index[Any]) -> str:
    return ", ".join([*map(repr, labels[:_MOST].tolist()), *(["..."] if len(labels) > _MOST else [])]) or "nothing"


def _places(labels: pd.Index[Any], named: pd.Series[Any], what: str) -> Any:
    import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

    found = labels.get_indexer_for(pd.Index(named))
    if (found < 0).any():
        unknown = list(dict.fromkeys(named[found < 0]))
        msg = (
            f"{len(unknown)} {what}s of the costs are not known, first {unknown[0]!r}; expected ids among"
            f" {_first(labels)}"
        )
        raise InputError(msg)
    return found


def _unique(labels: pd.Index[Any], name: str) -> pd.Index[Any]:
    if not labels.is_unique:
        twice = labels[labels.duplicated()]
        msg = f"{name} have {len(twice)} labels twice, first {twice[0]!r}; expected each once"
        raise InputError(msg)
    return labels


def _numbers(column: pd.Series[Any]) -> Any:
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        msg = (
            f"costs of {column.name!r} are no numbers ({error}); expected one number per pair, or nothing out of reach"
        )
        raise InputError(msg) from error


def _csr(costs: Any) -> sparse.csr_array:
    """Return the pairs within reach as CSR, ascending, stored zeros kept; NaN and infinity are out of reach."""
    if hasattr(costs, "tocoo"):  # any of scipy's sparse kinds
        pairs: Any = costs.tocoo()
        rows, columns, data, shape = pairs.row, pairs.col, np.asarray(pairs.data, dtype=np.float64), pairs.shape
        reach = _within_reach(data)
        rows, columns, data = rows[reach], columns[reach], data[reach]
        order = np.lexsort((columns, rows))
        rows, columns, data = rows[order], columns[order], data[order]
    else:
        dense = _dense(costs)
        reach = _within_reach(dense)
        if reach.all():
            s, n = dense.shape
            columns = np.tile(np.arange(n, dtype=np.int32), s)
            return sparse.csr_array((dense.ravel(), columns, np.arange(s + 1) * n), shape=(s, n))
        rows, columns = np.nonzero(reach)
        data, shape = dense[reach], dense.shape
    twice = int(((np.diff(rows) == 0) & (np.diff(columns) == 0)).sum())
    if twice:
        msg = f"{twice} pairs of the costs stand twice; expected each pair once"
        raise InputError(msg)
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return sparse.csr_array((data, columns, start), shape=shape)


def _within_reach(costs: Any) -> Any:
    return ~(np.isposinf(costs) | np.isnan(costs))


def _dense(costs: Any) -> Any:
    try:
        dense = np.asarray(costs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"costs are {described(costs)} that cannot be read as numbers: {error}"
        raise InputError(msg) from error
    if dense.ndim != 2:  # noqa: PLR2004 -- sites by demand
        msg = f"costs has shape {dense.shape}; expected one row per site and one column per demand point"
        raise InputError(msg)
    return dense
