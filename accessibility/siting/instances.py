"""Siting questions as files that other solvers read: MPS for the model, npz for the arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zipfile import BadZipFile

import numpy as np

from accessibility.errors import InputError, OutputError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

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
    target = Path(path)
    try:
        target.write_text("\n".join(program.lines(problem)), encoding="utf-8", newline="\n")
    except OSError as error:
        msg = f"{target} cannot be written: {error.strerror}"
        raise OutputError(msg) from error
    return target


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
    target = Path(path)
    try:
        with target.open("wb") as file:
            np.savez_compressed(file, **values)  # type: ignore[arg-type]
    except OSError as error:
        msg = f"{target} cannot be written: {error.strerror}"
        raise OutputError(msg) from error
    return target


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
