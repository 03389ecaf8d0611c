"""Whether the headline of a run can be found again from what its manifest names."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.report.facts import tell_totals
from accessibility.report.tables import TOTAL
from accessibility.sources.cache import sha256_file
from accessibility.study import read_study

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from accessibility.coverage import Coverage
    from accessibility.study import Study

    SitingCheck = Callable[[Study, Coverage, Mapping[str, Any]], "Iterator[Comparison]"]

TOLERANCE = 1e-9
"""How far apart, relatively, two figures may be and still be the same: other machines add in another order."""
_WANTED = (("study_file", "path"), ("study_file", "sha256"), ("totals",), ("inputs",))
_PLACES = 5e-7  # a CSV has six decimals


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One figure, as the run told it and as it was found again.

    Parameters
    ----------
    name
        Which figure.
    told, found
        Both numbers; None where there is none.
    tolerance
        How far apart they may be, relatively.
    """

    name: str
    told: float | None
    found: float | None
    tolerance: float = TOLERANCE

    @property
    def equal(self) -> bool:
        """Whether both are the same figure."""
        told, found = (float("nan") if value is None else value for value in (self.told, self.found))
        if math.isnan(told) or math.isnan(found):
            return math.isnan(told) and math.isnan(found)
        return abs(told - found) <= self.tolerance * max(1.0, abs(told), abs(found))

    def __str__(self) -> str:
        """Return the name and both numbers."""
        state = "equal" if self.equal else "NOT EQUAL"
        return f"{self.name}: {state}, the run told {_text(self.told)}, found again {_text(self.found)}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a run holds what its manifest says.

    Parameters
    ----------
    folder
        Of the run.
    changed
        Files that are not those the run read: name, path and what is wrong.
    comparisons
        Every figure, as told and as found again; none where a file is missing.
    """

    folder: Path
    changed: tuple[str, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def equal(self) -> bool:
        """Whether all files and all figures are the same."""
        return not self.changed and bool(self.comparisons) and all(one.equal for one in self.comparisons)

    @property
    def lines(self) -> tuple[str, ...]:
        """Sentences for the terminal: the verdict, then what changed, then every figure."""
        unequal = sum(not one.equal for one in self.comparisons)
        if self.equal:
            first = f"equal: {len(self.comparisons)} figures of {self.folder} were found again"
        elif not self.comparisons:
            first = f"not equal: the figures of {self.folder} cannot be found again, a file is missing"
        else:
            parts = f"{unequal} of {len(self.comparisons)} figures differ, {len(self.changed)} files changed"
            first = f"not equal: {parts} since the run in {self.folder}"
        return (first, *self.changed, *map(str, self.comparisons))

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        figures = [{"name": c.name, "told": c.told, "found": c.found, "equal": c.equal} for c in self.comparisons]
        return {"equal": self.equal, "changed": list(self.changed), "figures": figures}


def compare_selected(study: Study, now: Coverage, siting: Mapping[str, Any]) -> Iterator[Comparison]:
    """Yield the people covered with the selected sites open, against the objective of a plan for the most of them.

    What another model optimises is for the check of that model; here it yields nothing.
    """
    if siting.get("model") != "mclp" or siting.get("status") == "infeasible":
        return
    row_of = {str(site): row for row, site in enumerate(study.sites.ids)}
    selected = [str(site) for site in siting.get("selected", ())]
    rows = [row_of[site] for site in selected if site in row_of]
    is_open = study.sites.open.copy()
    is_open[np.array(rows, dtype=np.intp)] = True
    found = None
    if len(rows) == len(selected):
        found = _covered(study, replace(study.sites, open=is_open), now)
    yield Comparison(name="siting objective", told=siting.get("objective"), found=found)
    bound, objective = siting.get("bound"), siting.get("objective")
    if bound is not None and objective is not None:
        reached = max(float(bound), float(objective))
        yield Comparison(name="siting bound, not below the objective", told=float(bound), found=reached)


def verify_run(
    folder: str | os.PathLike[str],
    *,
    study: str | os.PathLike[str] | None = None,
    cache: Path | None = None,
    check_siting: SitingCheck = compare_selected,
) -> Verdict:
    """Recompute the headline of a run from its manifest, and return whether it is the same.

    The files are held against their SHA-256, the study is read again, and totals and sensitivity are measured anew;
    so is the last row of ``districts.csv``, where it lies there. Figures are the same when they differ by less than a
    billionth.

    Parameters
    ----------
    folder
        What the run wrote.
    study
        Where the study file lies now, if not where the manifest says.
    cache
        Folder for parsed networks.
    check_siting
        Called with the study, today's coverage and the ``siting`` of the manifest, where there is one.

    Raises
    ------
    InputError
        No manifest, one that does not say where its study is, an input that no longer meets its contract.
    """
    folder = Path(folder)
    told = _read_manifest(folder / "manifest.json")
    path = folder / told["study_file"]["path"] if study is None else Path(study)
    files = {"study file": (path, told["study_file"]["sha256"])}
    files |= {name: (path.parent / one["path"], one["sha256"]) for name, one in told["inputs"].items()}
    changed = tuple(_changes(files))
    missing = [name for name, (file, _) in files.items() if not file.is_file()]
    if missing:
        return Verdict(folder=folder, changed=changed, comparisons=())
    read = read_study(path, cache=cache)
    now = read.coverage()
    comparisons = [*_totals(told["totals"], now), *_sensitivity(read, now, told.get("sensitivity") or {})]
    comparisons += _district_total(folder / "districts.csv", now)
    if told.get("siting"):
        comparisons += check_siting(read, now, told["siting"])
    return Verdict(folder=folder, changed=changed, comparisons=tuple(comparisons))


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        msg = f"{path}: no such file; expected the folder of a run, with its manifest.json"
        raise InputError(msg)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{path}: not a manifest: {error}"
        raise InputError(msg) from error
    lacking = [".".join(keys) for keys in _WANTED if not _holds(told, keys)]
    if not lacking:
        of_inputs = [("inputs", name, key) for name in told["inputs"] for key in ("path", "sha256")]
        lacking = [".".join(keys) for keys in of_inputs if not _holds(told, keys)]
    if lacking:
        msg = f"{path}: lacks {', '.join(lacking)}; expected the manifest of a coverage run of this version"
        raise InputError(msg)
    return dict(told)


def _holds(value: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _changes(files: Mapping[str, tuple[Path, str]]) -> Iterator[str]:
    for name, (path, sha256) in files.items():
        if not path.is_file():
            yield f"{name}: {path} is missing"
        elif (found := sha256_file(path)) != sha256:
            yield f"{name}: {path} has changed since the run: SHA-256 {found[:12]}…, the run read {sha256[:12]}…"


def _totals(told: Mapping[str, Any], now: Coverage) -> Iterator[Comparison]:
    for name, found in tell_totals(now).items():
        yield Comparison(name=name, told=told.get(name), found=_finite(found))


def _sensitivity(study: Study, now: Coverage, told: Mapping[str, Any]) -> Iterator[Comparison]:
    for speed, share in told.items():
        walker = replace(now.walker, speed_m_s=float(speed))
        other = now if walker == now.walker else study.coverage(walker=walker)
        yield Comparison(name=f"covered_share at {speed} m/s", told=share, found=_finite(other.share))


def _district_total(path: Path, now: Coverage) -> Iterator[Comparison]:
    """Yield the figures of the last row of ``districts.csv``, to its six decimals."""
    if not path.is_file():
        return
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", dtype={"district": str})
        row = table[table["district"] == TOTAL].to_dict("records")[0]
        told = {name: _finite(float(row[name])) for name in ("population", "covered", "uncovered", "covered_share")}
    except (ValueError, LookupError, TypeError) as error:
        msg = f"{path}: not the districts.csv of a run: {error}"
        raise InputError(msg) from error
    found = tell_totals(now)
    for name, value in told.items():
        yield Comparison(name=f"districts.csv: {name}", told=value, found=_finite(found[name]), tolerance=_PLACES)


def _covered(study: Study, sites: Any, now: Coverage) -> float:
    from accessibility.coverage import measure_coverage  # noqa: PLC0415

    after = measure_coverage(study.network, study.demand, sites, now.standard, now.walker, now.snapped)
    return after.covered_people


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _text(value: float | None) -> str:
    return "nothing" if value is None else repr(value)
