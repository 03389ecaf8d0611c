"""How something is dealt out among people: quantiles, Gini, Palma, concentration, Theil, what the worst-off have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from warnings import warn

import numpy as np
import pandas as pd

from accessibility.errors import AccessibilityWarning, InputError, checked, spell_number
from accessibility.geo.arrays import read_only, refuse
from accessibility.measures.coverage import Coverage
from accessibility.standards import S_PER_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["inequality"]

_TOP, _BOTTOM, _WORST = 0.1, 0.4, 0.1


@checked
def inequality(
    shown: Coverage | ArrayLike,
    measures: Sequence[str] = ("gini", "palma", "concentration", "theil", "worst_share"),
    *,
    people: ArrayLike | None = None,
    rank: ArrayLike | None = None,
    more: Literal["better", "worse"] = "better",
) -> pd.Series[Any]:
    """Return how unequally something is dealt out among people, by some measures.

    Every figure is of people, not of cells; none changes with the unit of the values. With all people equal Gini,
    concentration and Theil are 0, Palma is 1 and the worst-off tenth has 0.1. A Gini of minutes, of which fewer are
    better, and one of access do not compare.

    Parameters
    ----------
    shown
        What people have, one number of 0 or more for each cell, as `Study.access` returns it; or a coverage: then the
        minutes to the nearest site, of which more are worse. People of cells without a value (NaN) are left out, with a
        warning.
    measures
        ``gini`` (0 to 1); ``palma`` (mean of the top tenth over mean of the bottom 40 % by `rank`); ``concentration``
        (-1 to 1: above 0 where those high in `rank` have more); ``erreygers`` (the same for what has a least and a
        most, times four means over their distance); ``theil`` (T, 0 to the logarithm of the people); ``worst_share``
        (part of all that the worst-off tenth has).
    people
        People of each cell; one each if not given, those of a coverage with it.
    rank
        What orders cells from poor to rich, such as income, for ``palma``, ``concentration`` and ``erreygers``;
        cells of one rank count as one. The values themselves if not given: then ``concentration`` equals ``gini``.
    more
        Whether more is ``better`` or ``worse``, for ``worst_share``.

    Returns
    -------
    pandas.Series
        Keyed by measure.

    Raises
    ------
    InputError
        An unknown measure, values that are negative, arrays of different lengths, or nobody with a value.

    Warns
    -----
    AccessibilityWarning
        People without a value are left out.

    References
    ----------
    C. Gini: Variabilità e mutabilità. Bologna, 1912. A. Wagstaff, P. Paci, E. van Doorslaer: On the measurement of
    inequalities in health. Social Science & Medicine 33, 1991. G. Erreygers: Correcting the concentration index.
    Journal of Health Economics 28, 2009. H. Theil: Economics and information theory. Amsterdam, 1967. A. Cobham,
    L. Schlögl, A. Sumner: Inequality and the tails: the Palma proposition and ratio. Global Policy 7, 2016.

    Examples
    --------
    Minutes on foot of four groups of people, and the income of each:

    >>> import accessibility as acc
    >>> minutes, people, income = [5, 10, 20, 40], [40, 30, 20, 10], [9, 7, 5, 2]
    >>> found = acc.inequality(minutes, ["gini", "concentration"], people=people, rank=income)
    >>> found.round(4).to_dict()
    {'gini': 0.3923, 'concentration': -0.3923}
    """
    if isinstance(shown, Coverage):
        people = shown.demand.population if people is None else people
        given, more = shown.walk_s / S_PER_MIN, "worse"
    else:
        given = read_only(shown, dtype=np.float64, shape=(None,), name="values")
    unknown = [name for name in measures if name not in _MEASURES]
    if unknown:
        msg = f"no measure of inequality is named {unknown[0]!r}; expected some of {', '.join(_MEASURES)}"
        raise InputError(msg)
    dealt = _dealt(given, people, rank, worst_high=more == "worse")
    return pd.Series({name: _MEASURES[name](dealt) for name in measures}, dtype=np.float64, name="inequality")


@dataclass(frozen=True, kw_only=True)
class _Dealt:
    """Who has how much: share of the people of each cell that has any, its value, its rank."""

    share: NDArray[np.float64]
    value: NDArray[np.float64]
    rank: NDArray[np.float64]
    worst_high: bool

    @property
    def mean(self) -> float:
        return float(self.share @ self.value)

    def tiers(self, rank: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return share of the people and mean value of each rank, the lowest first; equals are one."""
        _, tier = np.unique(rank, return_inverse=True)
        share = np.bincount(tier.ravel(), weights=self.share).astype(np.float64)
        return share, np.bincount(tier.ravel(), weights=self.share * self.value) / share

    def held(self, rank: NDArray[np.float64], low: float, high: float) -> float:
        """Return what the people between two shares of all, lowest rank first, have together."""
        share, value = self.tiers(rank)
        end = np.cumsum(share)
        within = np.clip(np.minimum(end, high) - np.maximum(end - share, low), 0.0, None)
        return float(within @ value)


def _dealt(
    values: NDArray[np.float64], people: ArrayLike | None, rank: ArrayLike | None, *, worst_high: bool
) -> _Dealt:
    n = len(values)
    weights = read_only(np.ones(n) if people is None else people, dtype=np.float64, shape=(n,), name="people")
    refuse(~(np.isfinite(weights) & (weights >= 0)), name="people", found=weights, expected="people, 0 or more")
    order = values if rank is None else read_only(rank, dtype=np.float64, shape=(n,), name="rank")
    refuse((values < 0) | np.isinf(values), name="values", found=values, expected="finite numbers, 0 or more")
    there = (weights > 0) & ~np.isnan(values) & ~np.isnan(order)
    total, lost = float(weights.sum()), float(weights[~there].sum())
    if not there.any():
        msg = f"values: none of {total:,.0f} people has one; expected some who have"
        raise InputError(msg)
    if lost > 0:
        text = f"inequality leaves out {lost:,.0f} of {total:,.0f} people, who have no value or no rank"
        warn(text, AccessibilityWarning, stacklevel=5)
    share = weights[there] / weights[there].sum()
    return _Dealt(share=share, value=values[there], rank=order[there], worst_high=worst_high)


def _concentration(dealt: _Dealt, rank: NDArray[np.float64]) -> float:
    if dealt.mean == 0:
        return 0.0
    share, value = dealt.tiers(rank)
    middle = np.cumsum(share) - share / 2.0  # fractional rank
    return float(2.0 * (share * (middle - 0.5)) @ (value - dealt.mean) / dealt.mean)


def _erreygers(dealt: _Dealt) -> float:
    width = float(np.ptp(dealt.value))
    return 4.0 * dealt.mean / width * _concentration(dealt, dealt.rank) if width else 0.0


def _palma(dealt: _Dealt) -> float:
    bottom = dealt.held(dealt.rank, 0.0, _BOTTOM) / _BOTTOM
    top = dealt.held(dealt.rank, 1.0 - _TOP, 1.0) / _TOP
    if bottom == 0:
        return float("inf") if top > 0 else float("nan")
    return top / bottom


def _theil(dealt: _Dealt) -> float:
    if dealt.mean == 0:
        return 0.0
    part = dealt.value / dealt.mean
    return float(dealt.share @ (part * np.log(np.where(part > 0, part, 1.0))))  # nothing counts as its limit, 0


def _worst_share(dealt: _Dealt) -> float:
    sign = -1.0 if dealt.worst_high else 1.0
    return dealt.held(sign * dealt.value, 0.0, _WORST) / dealt.mean if dealt.mean else float("nan")


_MEASURES: dict[str, Callable[[_Dealt], float]] = {
    "gini": lambda dealt: _concentration(dealt, dealt.value),
    "palma": _palma,
    "concentration": lambda dealt: _concentration(dealt, dealt.rank),
    "erreygers": _erreygers,
    "theil": _theil,
    "worst_share": _worst_share,
}


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
        msg = f"quantile is {spell_number(q)}; expected 0 to 1"
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
