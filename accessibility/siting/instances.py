"""Costs of any tool, dense, sparse, labelled or one row per pair; questions as files that other solvers read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zipfile import BadZipFile

import numpy as np
from scipy import sparse

from accessibility.errors import InputError, described
from accessibility.geo.arrays import starts_of
from accessibility.sources.files import write_aside, write_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray


_SITE = ("site", "site_id", "to_id")  # people walk to a site: the names of origin-destination tables
_DEMAND = ("demand", "demand_id", "from_id")
_COST = ("cost", "travel_time", "walk_s", "network_m")
_MOST = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Costs:
    """Pairs within reach, and what stands beside their axes in the same order."""

    matrix: Any  # one row per site, one column per demand point; CSR, ascending, stored zeros kept.
    ids: Any  # ids of the sites; None where nothing names them.
    # people, district: of each demand point; `district` None where not given.
    people: Any
    district: Any
    points: Any = None  # ids of the demand points; None where nothing names them.


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
    start = starts_of(np.bincount(rows, minlength=shape[0]))
    return sparse.csr_array((data, columns, start), shape=shape)


def _within_reach(costs: Any) -> Any:
    return ~(np.isposinf(costs) | np.isnan(costs))


def _dense(costs: Any) -> Any:
    try:
        dense = np.asarray(costs, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"costs are {described(costs)} that cannot be read as numbers: {error}"
        raise InputError(msg) from error
    if dense.ndim != 2:  # noqa: PLR2004 -- sites by demand
        msg = f"costs has shape {dense.shape}; expected one row per site and one column per demand point"
        raise InputError(msg)
    return dense


MODELS_AS_MPS = ("mclp", "lscp", "p-median")
_ARRAYS = ("people", "start", "demand", "cost", "within", "site_cost", "open", "candidate", "district")
_TEXTS = ("kind", "bank")
_LABELS = ("ids", "points")


class Instance(Protocol):
    """What of a `Problem` is written, in the words used there."""

    # fmt: off
    @property
    def people(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def ids(self) -> NDArray[np.object_]: ...  # noqa: D102
    @property
    def site_cost(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def open(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def candidate(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def covered(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def near(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]: ...  # noqa: D102
    @property
    def pair_site(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def demand(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def cost(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def districts(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def site_xy(self) -> NDArray[np.float64] | None: ...  # noqa: D102
    # fmt: on


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """A mixed-integer program, column by column: what is minimised, rows with their sense and right side, bounds."""

    model: str
    rows: list[tuple[str, str, float]] = field(default_factory=list)
    columns: list[tuple[str, float, list[tuple[str, float]], str]] = field(default_factory=list)

    def lines(self, problem: Instance) -> list[str]:
        """Return the lines of a free MPS file; comments say which column is which site."""
        ids = ["".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(site)) for site in problem.ids]
        head = [f"* {self.model}: columns x<row> open sites", *(f"* x{row} = {site}" for row, site in enumerate(ids))]
        told = [*head, f"NAME {self.model}", "ROWS", " N cost", *(f" {sense} {name}" for name, sense, _ in self.rows)]
        told += ["COLUMNS", " MARKER 'MARKER' 'INTORG'"]
        for name, price, entries, _ in self.columns:
            told += [f" {name} {row} {value!r}" for row, value in [("cost", price), *entries] if value or row == "cost"]
        told += [" MARKER 'MARKER' 'INTEND'", "RHS", *(f" rhs {name} {side!r}" for name, _, side in self.rows if side)]
        told += ["BOUNDS", *(f" {bound} bnd {name} 1" for name, _, _, bound in self.columns)]
        return [*told, "ENDATA", ""]


def write_mps(
    problem: Instance,
    path: str | os.PathLike[str],
    *,
    model: str = "mclp",
    sites: int | None = None,
    budget: float | None = None,
) -> Path:
    """Write a question as a mixed-integer program to minimise, and return the file; see `Problem.to_mps`."""
    if model not in MODELS_AS_MPS:
        msg = f"model is {model!r}; expected one of {', '.join(MODELS_AS_MPS)}"
        raise InputError(msg)
    if model != "lscp" and sites is None and budget is None:
        msg = f"nothing limits the {model}; expected sites or budget"
        raise InputError(msg)
    program = _Rows(model=model)
    limits = [("sites", np.ones(len(problem.ids)), sites), ("budget", problem.site_cost, budget)]
    prices: dict[int, list[tuple[str, float]]] = {int(row): [] for row in np.flatnonzero(problem.candidate)}
    for name, weight, most in limits:
        if most is not None:
            program.rows.append((name, "L", float(most)))
            for row, entries in prices.items():
                entries.append((name, float(weight[row])))
    if model == "p-median":
        _median(problem, program, prices)
    else:
        _covering(problem, program, prices)
    write_text(path, "\n".join(program.lines(problem)))
    return Path(path)


def _covering(problem: Instance, program: _Rows, entries: dict[int, list[tuple[str, float]]]) -> None:
    """Add who may be left out: at the cost of their people (mclp), or nobody whom some candidate covers (lscp)."""
    site, demand = problem.near
    may = problem.candidate[site] & ~problem.covered[demand]
    left = ~problem.covered & (problem.people > 0)
    reached = np.zeros(len(problem.people), np.bool_)
    reached[demand[may]] = True
    everyone = program.model == "lscp"
    wanted = left & reached if everyone else left
    for j, i in zip(site[may].tolist(), demand[may].tolist(), strict=True):
        if wanted[i]:
            entries[j].append((f"c{i}", 1.0))
    program.rows.extend((f"c{i}", "G", 1.0) for i in np.flatnonzero(wanted).tolist())
    for j, column in entries.items():
        program.columns.append((f"x{j}", float(problem.site_cost[j]) if everyone else 0.0, column, "UP"))
    if not everyone:
        for i in np.flatnonzero(wanted).tolist():
            program.columns.append((f"u{i}", float(problem.people[i]), [(f"c{i}", 1.0)], "UP"))


def _median(problem: Instance, program: _Rows, entries: dict[int, list[tuple[str, float]]]) -> None:
    """Add who goes where: each demand point to one site that is open."""
    counts = problem.candidate | problem.open
    pairs = np.flatnonzero(counts[problem.pair_site])
    program.rows.extend((f"a{i}", "E", 1.0) for i in range(len(problem.people)))
    served: list[tuple[str, float, list[tuple[str, float]], str]] = []
    for k in pairs.tolist():
        j, i = int(problem.pair_site[k]), int(problem.demand[k])
        column = [(f"a{i}", 1.0)]
        if j in entries:
            program.rows.append((f"o{k}", "G", 0.0))
            entries[j].append((f"o{k}", 1.0))
            column.append((f"o{k}", -1.0))
        served.append((f"z{k}", float(problem.people[i] * problem.cost[k]), column, "UP"))
    program.columns.extend((f"x{j}", 0.0, column, "UP") for j, column in entries.items())
    program.columns.extend(served)


def write_npz(problem: Instance, path: str | os.PathLike[str]) -> Path:
    """Write the arrays of a problem into a compressed npz, and return the file; see `Problem.to_npz`."""
    values: dict[str, NDArray[Any]] = {name: getattr(problem, name) for name in _ARRAYS}
    values |= {name: getattr(problem, name).astype(str) for name in _TEXTS}
    for name in _LABELS:
        labels = getattr(problem, name)
        whole = all(isinstance(label, int) and not isinstance(label, bool) for label in labels.tolist())
        values[name] = labels.astype(np.int64 if whole else str)
    values["districts"] = np.array(problem.districts, dtype=str)
    if problem.site_xy is not None:
        values["site_xy"] = problem.site_xy
    with write_aside(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, **values)  # type: ignore[arg-type]
    return Path(path)


def read_npz(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the fields of the problem that `write_npz` wrote.

    Raises
    ------
    InputError
        A file that is no such problem.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as held:
            found: dict[str, Any] = {name: held[name] for name in held.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        msg = f"{path} cannot be read as a problem: {error}; expected an npz that problem.to_npz wrote"
        raise InputError(msg) from error
    missing = [name for name in (*_ARRAYS, *_TEXTS, *_LABELS, "districts") if name not in found]
    strange = [name for name in found if name not in (*_ARRAYS, *_TEXTS, *_LABELS, "districts", "site_xy")]
    if missing or strange:
        msg = f"{path} has no array {missing[0]!r}" if missing else f"{path} has the array {strange[0]!r}"
        msg += "; expected an npz that problem.to_npz wrote"
        raise InputError(msg)
    for name in _LABELS:
        found[name] = found[name].astype(object)
    return found | {"districts": tuple(found["districts"].tolist())}
