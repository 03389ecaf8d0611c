"""People held against official totals of districts, and made to add up to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import Finding, InputError
from accessibility.sources.quantities import refuse_no_persons
from accessibility.sources.tables.columns import numbers
from accessibility.sources.tables.plausibility import are_voids

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

_PLAUSIBLE = (0.5, 2.0)  # a factor beyond says that file and totals are of different places, years or units
_ALIKE = (0.9, 1.1)
_SHOWN = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Reconciled:
    """People whose sums by district are the official totals."""

    # (n,) what each demand point is multiplied by, for its groups as for its people; 1 outside all districts
    factor: NDArray[np.float64]
    population: NDArray[np.float64]  # (n,) people, multiplied
    # (k,) official total over counted people of each district; NaN where nobody was counted.
    ratio: NDArray[np.float64]
    empty: NDArray[np.intp]  # rows of the districts that have an official total and nobody counted


def read_totals(area: gpd.GeoDataFrame, column: str, source: str) -> pd.Series[Any]:
    """Return the official people of each district, keyed by its name; NaN where the cell is blank.

    Raises
    ------
    InputError
        A column that is not there, cells that are no numbers, or are negative.
    """
    if column not in area.columns:
        there = ", ".join(str(c) for c in area.columns if c != area.geometry.name) or "none but the name"
        found = f"no column {column!r} of official totals; it has {there}"
        msg = f"{source}: {found}; name it: population = {{ totals = ... }}"
        raise InputError(msg)
    refuse_no_persons(area, column, source)
    cells = area[column]
    if not pd.api.types.is_numeric_dtype(cells):
        cells = pd.Series(numbers(cells.fillna(""), source=source, column=column), index=area.index)
    totals: pd.Series[Any] = cells.astype(np.float64)
    bad = (totals < 0) | are_voids(totals.to_numpy())
    if bad.any():
        msg = f"{source}: column {column!r} is {_listed(totals[bad], '{:,.10g}')}; expected people, 0 or more"
        raise InputError(msg)
    return totals


def reconcile_people(
    population: NDArray[np.float64], row: NDArray[np.intp], totals: pd.Series[Any], *, source: str
) -> tuple[Reconciled, list[Finding]]:
    """Return the people of each district multiplied by official total / counted people, and what was found.

    The sum of each district is then its total, to the rounding of floating point; the pattern inside it stays.

    Parameters
    ----------
    population
        ``(n,)`` people as counted, finite, 0 or more.
    row
        ``(n,)`` position in `totals` of the district of each point; -1 in none: such a point stays as it is.
    totals
        Official people, keyed by district; NaN where there is none.
    source
        The file of the people, for messages.

    Raises
    ------
    InputError
        Districts where people were counted that have no official total, or one of 0.

    Examples
    --------
    >>> people, _ = reconcile_people(np.array([1.0, 3.0]), np.array([0, 0]), pd.Series({"A": 8.0}), source="pop.tif")
    >>> people.population.tolist(), people.ratio.tolist()
    ([2.0, 6.0], [2.0])
    """
    counted = _counted(population, row, len(totals))
    scale, findings = Scale.of(counted, totals, source=source)
    people, factor = scale.scaled(population, row)
    found = Reconciled(factor=factor, population=people, ratio=scale.ratio, empty=scale.empty)
    none = (row < 0) & (population > 0)
    return found, findings + in_none(int(none.sum()), float(population[none].sum()), source)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """What people are multiplied by for the sums of districts to be the official totals."""

    # counted, official: (k,) people of each district as they were counted and as they should be
    counted: NDArray[np.float64]
    official: NDArray[np.float64]
    # ratio, empty: as `Reconciled` has them
    ratio: NDArray[np.float64]
    empty: NDArray[np.intp]

    @classmethod
    def of(cls, counted: NDArray[np.float64], totals: pd.Series[Any], *, source: str) -> tuple[Scale, list[Finding]]:
        """Return the scale of ``(k,)`` counted people, and what was found; refuses what `reconcile_people` does."""
        official = totals.to_numpy(dtype=np.float64)
        _refuse_untotalled(counted, totals, source)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(counted > 0, official / counted, np.nan)
        empty = np.flatnonzero((counted == 0) & (official > 0))
        found = cls(counted=counted, official=official, ratio=ratio, empty=empty)
        return found, _tell_reconciled(found, totals, float(counted.sum()), source)

    def scaled(
        self, population: NDArray[np.float64], row: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``(n,)`` people multiplied, and by what."""
        inside = (population > 0) & (row >= 0)
        # Divided first: a share of its district is at most 1 and cannot overflow, whatever the total.
        people = population.copy()
        people[inside] = population[inside] / self.counted[row[inside]] * self.official[row[inside]]
        factor = np.ones(len(population))
        factor[row >= 0] = np.nan_to_num(self.ratio, nan=1.0)[row[row >= 0]]
        return people, factor


def _refuse_untotalled(counted: NDArray[np.float64], totals: pd.Series[Any], source: str) -> None:
    wrong = (counted > 0) & ~(totals.to_numpy(dtype=np.float64) > 0)
    if wrong.any():
        lost = pd.Series(counted, index=totals.index)[wrong]
        msg = (
            f"{source}: {int(wrong.sum())} districts have people in it and no official total, or one of 0: "
            f"{_listed(lost, '{:,.0f} people')}; expected a total for each"
        )
        raise InputError(msg)


def compare_totals(
    population: NDArray[np.float64], row: NDArray[np.intp], totals: pd.Series[Any], *, source: str
) -> list[Finding]:
    """Return how far the people counted in each district are from its official total; nothing where there is none.

    Parameters
    ----------
    population, row, totals, source
        As `reconcile_people` takes them.
    """
    return compare_counts(_counted(population, row, len(totals)), totals, source=source)


def compare_counts(counted: NDArray[np.float64], totals: pd.Series[Any], *, source: str) -> list[Finding]:
    """Return what `compare_totals` does of ``(k,)`` people that were counted in each district."""
    official = totals.to_numpy(dtype=np.float64)
    known = np.isfinite(official)
    if not known.any():
        return []
    sums = f"{counted[known].sum():,.0f} people counted, {official[known].sum():,.0f} by the official totals"
    found = [Finding(code="totals-compared", source=source, message=f"{sums} of {int(known.sum())} districts")]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pd.Series(official / counted, index=totals.index)
    off = known & (counted + official > 0) & ~ratio.between(*_ALIKE).to_numpy()
    if off.any():
        message = (
            f"{int(off.sum())} districts have an official total that is not {_ALIKE[0]:g} to {_ALIKE[1]:g} times the"
            f" people counted: {_listed(ratio[off], '{:.2f}')}; population = {{ reconcile = true }} makes them equal"
        )
        found.append(Finding(code="totals-differ", source=source, message=message, count=int(off.sum())))
    return found


def _counted(population: NDArray[np.float64], row: NDArray[np.intp], districts: int) -> NDArray[np.float64]:
    inside = row >= 0
    return np.bincount(row[inside], weights=population[inside], minlength=districts).astype(np.float64)


def _tell_reconciled(found: Scale, totals: pd.Series[Any], counted: float, source: str) -> list[Finding]:
    official = float(totals.sum())
    ratios = pd.Series(found.ratio, index=totals.index).dropna()
    findings = []
    if len(ratios):
        spread = f"ratio {ratios.min():.2f} to {ratios.max():.2f}, median {ratios.median():.2f}"
        message = (
            f"{counted:,.0f} people multiplied to the official {official:,.0f} in {len(ratios)} districts: {spread}"
            f" ({_listed(ratios, '{:.2f}')})"
        )
        findings.append(Finding(code="reconciled", source=source, message=message, count=len(ratios), people=official))
    off = ratios[~ratios.between(*_PLAUSIBLE)]
    if len(off):
        message = (
            f"{len(off)} districts were multiplied by less than {_PLAUSIBLE[0]:g} or more than {_PLAUSIBLE[1]:g}: "
            f"{_listed(off, '{:.2f}')}; are file and totals of one place, one year and one unit?"
        )
        findings.append(Finding(code="ratio-out-of-range", source=source, message=message, count=len(off)))
    if found.empty.size:
        lost = totals.iloc[found.empty]
        message = (
            f"{len(lost)} districts have an official total and no people here: {_listed(lost, '{:,.0f} people')}; "
            "they stand at one point inside, their age groups unknown"
        )
        code, people = "district-without-people", float(lost.sum())
        findings.append(Finding(code=code, source=source, message=message, count=len(lost), people=people))
    return findings


def in_none(count: int, people: float, source: str) -> list[Finding]:
    """Return a finding where rows with people lie in no district."""
    if not count:
        return []
    message = (
        f"{count} rows with {people:,.0f} people are in no district: they count in addition to the official totals"
    )
    return [Finding(code="people-beside-totals", source=source, message=message, count=count, people=people)]


def _listed(values: pd.Series[Any], form: str) -> str:
    """Return the names and values of districts, the first ones and how many more."""
    shown = ", ".join(f"{name} {form.format(value)}" for name, value in values.head(_SHOWN).items())
    return shown + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")
