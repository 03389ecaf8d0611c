"""How much a place counts that lies farther away: decay functions as values, costs in and weights out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from accessibility.errors import InputError, checked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Decay", "Exponential", "Gaussian", "Linear", "Power", "Step"]


class Decay(Protocol):
    """A decay function: called with costs it returns a weight of 0 to 1 for each.

    Examples
    --------
    >>> from accessibility.measures.decay import Linear
    >>> nearness: Decay = Linear(10)
    >>> nearness([5.0]).tolist(), nearness.reach
    ([0.5], 10)
    """

    @property
    def reach(self) -> float:
        """The cost beyond which every weight is 0; infinite where weights never end."""

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""


@checked
@dataclass(frozen=True)
class Step:
    """Zones: the weight of the first one whose limit is not exceeded; 0 beyond the last.

    Parameters
    ----------
    limits
        Widest cost of each zone, rising.
    weights
        Weight of each zone, 0 to 1 and not rising; all 1 if not given.

    Raises
    ------
    InputError
        No zone, limits that do not rise, weights that rise or are not one a zone.

    Examples
    --------
    >>> Step([5, 10, 15], [1, 0.68, 0.22])([5, 5.1, 15, 16]).tolist()
    [1.0, 0.68, 0.22, 0.0]
    """

    limits: tuple[float, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse zones that are none."""
        limits = tuple(float(limit) for limit in self.limits)
        weights = tuple(float(weight) for weight in self.weights) or (1.0,) * len(limits)
        if not limits or not limits[0] >= 0 or not all(np.diff(limits) > 0):
            msg = f"limits of zones are {limits}; expected one or more, 0 or more and rising"
            raise InputError(msg)
        if len(weights) != len(limits) or not (weights[-1] >= 0 and weights[0] <= 1 and all(np.diff(weights) <= 0)):
            msg = f"weights of zones are {weights}; expected {len(limits)}, from 1 down to 0, none above the one before"
            raise InputError(msg)
        object.__setattr__(self, "limits", limits)
        object.__setattr__(self, "weights", weights)

    @property
    def reach(self) -> float:
        """The limit of the last zone."""
        return self.limits[-1]

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        costs = np.asarray(cost, dtype=np.float64)
        found: NDArray[np.float64] = np.array([*self.weights, 0.0])[np.searchsorted(self.limits, costs, side="left")]
        return found


@checked
@dataclass(frozen=True)
class Linear:
    """From 1 at no cost straight down to 0 at a limit.

    Parameters
    ----------
    limit
        The cost at which nothing is left.

    Raises
    ------
    InputError
        A limit that is not positive and finite.

    Examples
    --------
    >>> Linear(20)([0, 5, 30]).tolist()
    [1.0, 0.75, 0.0]
    """

    limit: float

    def __post_init__(self) -> None:
        """Refuse a limit that is none."""
        _positive("limit of a linear decay", self.limit)

    @property
    def reach(self) -> float:
        """The limit."""
        return self.limit

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        found: NDArray[np.float64] = np.clip(1.0 - np.asarray(cost, dtype=np.float64) / self.limit, 0.0, 1.0)
        return found


@checked
@dataclass(frozen=True)
class Exponential:
    """``exp(-rate * cost)``.

    Parameters
    ----------
    rate
        How fast it falls, per unit of cost.

    Raises
    ------
    InputError
        A rate that is not positive and finite.

    Examples
    --------
    >>> Exponential(0.1)([0, 10]).round(4).tolist()
    [1.0, 0.3679]
    """

    rate: float

    def __post_init__(self) -> None:
        """Refuse a rate that is none."""
        _positive("rate of an exponential decay", self.rate)

    @property
    def reach(self) -> float:
        """Infinite."""
        return float("inf")

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        found: NDArray[np.float64] = np.exp(-self.rate * np.asarray(cost, dtype=np.float64))
        return found


@checked
@dataclass(frozen=True)
class Power:
    """``cost ** -exponent``, and 1 up to a cost of 1: nobody is worth more for being at the door.

    Parameters
    ----------
    exponent
        How fast it falls.

    Raises
    ------
    InputError
        An exponent that is not positive and finite.

    Examples
    --------
    >>> Power(2)([0.5, 1, 10]).tolist()
    [1.0, 1.0, 0.01]
    """

    exponent: float

    def __post_init__(self) -> None:
        """Refuse an exponent that is none."""
        _positive("exponent of a power decay", self.exponent)

    @property
    def reach(self) -> float:
        """Infinite."""
        return float("inf")

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        found: NDArray[np.float64] = np.maximum(np.asarray(cost, dtype=np.float64), 1.0) ** -self.exponent
        return found


@checked
@dataclass(frozen=True)
class Gaussian:
    """``exp(-cost**2 / (2 * deviation**2))``: half of a bell, 1 at no cost.

    Parameters
    ----------
    deviation
        Cost at which the weight is 0.607.

    Raises
    ------
    InputError
        A deviation that is not positive and finite.

    Examples
    --------
    >>> Gaussian(10)([0, 10, 20]).round(4).tolist()
    [1.0, 0.6065, 0.1353]
    """

    deviation: float

    def __post_init__(self) -> None:
        """Refuse a deviation that is none."""
        _positive("deviation of a Gaussian decay", self.deviation)

    @property
    def reach(self) -> float:
        """Infinite."""
        return float("inf")

    def __call__(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of each cost."""
        found: NDArray[np.float64] = np.exp(-0.5 * (np.asarray(cost, dtype=np.float64) / self.deviation) ** 2)
        return found


def _positive(what: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        msg = f"{what} is {value}; expected a positive, finite number"
        raise InputError(msg)
