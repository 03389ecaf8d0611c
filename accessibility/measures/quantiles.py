"""Values below which a share of the people lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

_ROUNDING = 1e-10  # cumulated people this share short of a quantile have reached it
_IN_ORDER = 1 << 20  # values that are put in order at once
_BINS = 4096


def weighted_quantile(values: ArrayLike, weights: ArrayLike, q: float) -> float:
    """Return the smallest value at which the cumulated weight is at least `q` of the whole (inverse CDF).

    Parameters
    ----------
    values
        ``(n,)`` values; NaN is above all others, as infinity is.
    weights
        ``(n,)`` weights, finite and not negative.
    q
        0 to 1; 0 is the smallest value that has weight.

    Returns
    -------
    float
        One of the values, infinity where it falls on one that is infinite or NaN; NaN where nothing has weight.

    Raises
    ------
    InputError
        Values and weights of different lengths, a weight below 0 or not finite, a `q` outside 0 to 1.

    Examples
    --------
    >>> weighted_quantile([5, 10, 20, 40], [40, 30, 20, 10], 0.5)
    10.0
    >>> weighted_quantile([5, float("nan")], [1, 1], 0.9)
    inf
    """
    value = np.asarray(values, dtype=np.float64)
    weight = np.asarray(weights, dtype=np.float64)
    if value.ndim != 1 or value.shape != weight.shape:
        msg = f"values have shape {value.shape}, weights {weight.shape}; expected one weight a value"
        raise InputError(msg)
    if not (np.isfinite(weight) & (weight >= 0)).all():
        msg = f"weights go from {weight.min()} to {weight.max()}; expected finite weights, 0 or more"
        raise InputError(msg)
    if not 0 <= q <= 1:
        msg = f"quantile is {q}; expected 0 to 1"
        raise InputError(msg)
    return weighted_quantiles(value, weight, (q,))[0]


def weighted_quantiles(value: NDArray[np.float64], weight: NDArray[np.float64], shares: Sequence[float]) -> list[float]:
    """Return several of `weighted_quantile`; of many values only those near a quantile are put in order.

    Examples
    --------
    >>> weighted_quantiles(np.array([5.0, 10.0, 20.0, 40.0]), np.array([40.0, 30.0, 20.0, 10.0]), (0.5, 0.9))
    [10.0, 20.0]
    """
    whole = weight.sum()
    if not whole > 0:
        return [float("nan") for _ in shares]
    wanted = [(q - _ROUNDING) * whole for q in shares]
    if len(value) <= _IN_ORDER:
        return _reaching(value, weight, wanted)
    known = np.isfinite(value)
    bounds = (value.min(where=known, initial=np.inf), value.max(where=known, initial=-np.inf))
    if bounds[0] > bounds[1]:
        return _reaching(value, weight, wanted)
    people, edges = np.histogram(value, _BINS, bounds, weights=weight)
    cumulated = np.cumsum(people)
    found = []
    for least in wanted:
        bins = np.flatnonzero((people > 0) & (cumulated >= least))
        if not len(bins):
            found.append(float("inf"))
            continue
        at = bins[0]
        here = (value >= edges[at]) & ((value < edges[at + 1]) | (at + 1 == _BINS)) & known
        found += _reaching(value[here], weight[here], [least - (cumulated[at] - people[at])])
    return found


def _reaching(value: NDArray[np.float64], weight: NDArray[np.float64], wanted: Sequence[float]) -> list[float]:
    """Return the smallest values at which the cumulated weight is as wanted; infinity for what is NaN."""
    value, weight = value[weight > 0], weight[weight > 0]
    order = np.argsort(value, kind="stable")
    cumulated = weight[order]
    np.cumsum(cumulated, out=cumulated)
    rows = np.minimum(np.searchsorted(cumulated, wanted), len(order) - 1)
    return [float("inf") if np.isnan(found) else float(found) for found in value[order[rows]]]
