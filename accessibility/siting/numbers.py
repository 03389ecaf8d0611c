"""One number system for search, certificate and checker: amounts as whole multiples of a unit.

A budget of ten pays for three sites at 10/3 as it does for three at 3 1/3 written out, and for sites at a ten-millionth
of that from a budget of a millionth: whatever the factor, sums are compared as whole numbers, and no answer hangs on
the last bit of a float. Amounts that have no such unit are rounded to one that is small enough to matter to no sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLACK = 1e-12
"""Relative difference below which two amounts are the same: what sums of floats leave."""
CLOSE = 1e-9
"""Relative difference below which two sums of a million floats, or a bound and what it bounds, are the same."""
SUMS = 2.0**-33
"""Relative error that a sum of a million floats stays below: an eighth of a unit where a solver counts whole units."""
HALF = 0.5
"""Slack of a row of whole numbers in a solver: far from plans that keep to it, and from those that do not."""
TELLS = 1e-8
"""Relative difference that a solver tells apart: less it takes for nothing, or for a contradiction."""
WHOLE_BITS = 52
"""Sums of whole units stay below this many bits: floats hold them without rounding."""
_RATIO = 2.0**-50  # what is left of two roundings in a quotient of two amounts
_RATIO_BITS = 46
_SAMPLE = 1_000
_PLAIN_BITS, _SCALED_BITS = 30, 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """Amounts as whole multiples of a unit."""

    whole: NDArray[np.int64]  # (k,) int64 multiples
    unit: float  # the amount of one
    # whether the multiples are the amounts, but for the rounding of floats; otherwise they are rounded themselves
    exact: bool

    def most(self, amount: float) -> int:
        """Return the greatest whole number of units within an amount, a budget."""
        ratio = amount / self.unit
        if ratio >= 2.0**WHOLE_BITS:
            return 1 << WHOLE_BITS
        return math.floor(ratio + self._slack(ratio))

    def least(self, amount: float) -> int:
        """Return the least whole number of units that makes up an amount, a number of people to reach."""
        ratio = amount / self.unit
        return math.ceil(ratio - self._slack(ratio))

    def amount(self, whole: float) -> float:
        """Return the amount of so many units."""
        return float(whole) * self.unit

    def sum(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> int:
        """Return how many units the chosen amounts have together."""
        return int(self.whole[chosen].sum())

    def alike(self, one: float, other: float) -> bool:
        """Return whether two amounts differ by no more than sums of floats do, and by less than a unit.

        Rounded multiples may each be half a unit away from the amount.
        """
        near = 2 * CLOSE * max(abs(one), abs(other))
        if not self.exact:
            near = max(near, HALF * len(self.whole) * self.unit)
        elif solver_unit(float(self.whole.sum())) == 1.0:
            near = min(near, HALF * self.unit)
        return one == other or abs(one - other) <= near < math.inf

    def _slack(self, ratio: float) -> float:
        relative = SLACK * abs(ratio)
        return min(relative, HALF / 2) if self.exact else relative + HALF * len(self.whole)


def alike(one: float, other: float) -> bool:
    """Return whether two numbers are the same but for what sums of floats leave; endless ones only where both are."""
    return one == other or abs(one - other) <= 2 * CLOSE * max(abs(one), abs(other)) < math.inf


def read_units(values: NDArray[np.float64], name: str, *, needed: bool = True) -> Units:
    """Return amounts as whole multiples of the greatest unit there is.

    Parameters
    ----------
    values
        Amounts, finite and 0 or more.
    name
        What they are, for the message.
    needed
        Whether an amount that is nothing beside their sum matters all the same.

    Raises
    ------
    InputError
        Amounts so far apart that no sum can hold both.

    Examples
    --------
    >>> read_units(np.array([10 / 3, 20 / 3, 5.0]), "costs").whole.tolist()
    [2, 4, 3]
    """
    found = exact_units(values, name)
    if found is not None:
        return found
    positive = values[values > 0]
    total, least = float(positive.sum()), float(positive.min())
    unit = _finest(total)
    if least <= unit * HALF and (needed or total >= 2.0**WHOLE_BITS):
        msg = f"{name} go from {least:g} to {positive.max():g}; expected numbers whose sums can be told apart"
        raise InputError(msg)
    return Units(whole=np.rint(values / unit).astype(np.int64), unit=unit, exact=False)


def exact_units(values: NDArray[np.float64], name: str) -> Units | None:
    """Return amounts as whole multiples of a unit where they are such; None where there is none that sums can hold.

    Parameters
    ----------
    values, name
        As of `read_units`.

    Raises
    ------
    InputError
        Amounts whose sum is beyond all numbers.

    Examples
    --------
    >>> exact_units(np.array([10 / 3, 20 / 3]), "costs").whole.tolist()
    [1, 2]
    >>> exact_units(np.sqrt(np.arange(2.0, 40.0)), "costs") is None
    True
    """
    positive = values[values > 0]
    with np.errstate(over="ignore"):
        total = float(positive.sum())
    if not len(positive):
        return Units(whole=np.zeros(len(values), np.int64), unit=1.0, exact=True)
    if not math.isfinite(total):
        msg = f"{name} are {positive.max():g} and more; expected sums that a number can hold"
        raise InputError(msg)
    unit = _finest(total)
    scaled = values / unit
    return _reduced(scaled, unit) if (scaled == np.floor(scaled)).all() else _by_ratio(values, positive)


def about_one_million(values: float) -> float:
    """Return the power of two of which a sum is about a million: dividing by it rounds nothing."""
    return 2.0 ** (math.ceil(math.log2(values)) - _SCALED_BITS) if values > 0 else 1.0


def _finest(total: float) -> float:
    """Return the least unit in which a sum is held without rounding."""
    return 2.0 ** (math.ceil(math.log2(total)) - WHOLE_BITS + 1)


def solver_unit(total: float) -> float:
    """Return how many units make one in a solver, so that sums are far above its tolerances and far below 2^53."""
    return 1.0 if total <= 2.0**_PLAIN_BITS else about_one_million(total)


def _reduced(whole: NDArray[np.float64], unit: float) -> Units:
    multiples = whole.astype(np.int64)
    divisor = int(np.gcd.reduce(multiples))
    return Units(whole=multiples // divisor, unit=unit * divisor, exact=True)


def _by_ratio(values: NDArray[np.float64], positive: NDArray[np.float64]) -> Units | None:
    """Return multiples of a fraction of the least amount; None where no common fraction is coarse enough."""
    different = np.unique(positive)
    if float(different[0]) * 2.0**_RATIO_BITS <= float(different[-1]):
        return None
    if len(different) > _SAMPLE and _denominator(different[:: len(different) // _SAMPLE] / different[0]) is None:
        return None
    parts = _denominator(different / different[0])
    if parts is None or float(positive.sum()) / different[0] * parts >= 2.0**_RATIO_BITS:
        return None
    # The unit that all amounts together say best.
    whole = np.rint(values / different[0] * parts)
    return _reduced(whole, float(values.sum()) / float(whole.sum()))


def _denominator(ratio: NDArray[np.float64]) -> int | None:
    """Return the least number that makes whole numbers of all ratios, but for their rounding."""
    parts = 1
    while True:
        scaled = ratio * parts
        if float(scaled.max()) >= 2.0**_RATIO_BITS:
            return None
        off = np.flatnonzero(np.abs(scaled - np.rint(scaled)) > _RATIO * scaled)
        if not len(off):
            return parts
        parts *= _simplest(float(scaled[off[0]]))


def _simplest(value: float) -> int:
    """Return the least denominator of a fraction that is the same number, but for rounding."""
    near, exact = Fraction(_RATIO) * Fraction(value), Fraction(value)
    low, high = 1, 2
    while abs(exact.limit_denominator(high) - exact) > near:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if abs(exact.limit_denominator(middle) - exact) > near:
            low = middle + 1
        else:
            high = middle
    return exact.limit_denominator(low).denominator
