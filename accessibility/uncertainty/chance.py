"""Random numbers that hang on seed, source and draw alone: not on threads, nor on what else is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from accessibility.uncertainty.sources import SOURCES

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Chance:
    """The random numbers of one draw; every source has its own, however often and in whichever order it is asked.

    Parameters
    ----------
    seed
        Of all draws.
    draw
        Which draw it is.
    """

    seed: int
    draw: int

    def of(self, source: str, part: int = 0) -> np.random.Generator:
        """Return fresh numbers of a source, always the same."""
        key = np.random.SeedSequence(self.seed, spawn_key=(SOURCES.index(source), part, self.draw))
        return np.random.Generator(np.random.Philox(key))

    @cached_property
    def speed(self) -> float:
        """How fast the group walks, in standard deviations."""
        return float(self.of("speed").standard_normal())

    def factors(self, source: str, part: int, size: int, relative: float) -> NDArray[np.float64]:
        """Return positive factors around 1, in the mean 1, of a relative standard deviation."""
        width = np.sqrt(np.log1p(relative**2))
        drawn = self.of(source, part).standard_normal(size)
        found: NDArray[np.float64] = np.exp(width * drawn - width**2 / 2)
        return found
