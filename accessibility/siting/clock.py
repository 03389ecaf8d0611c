"""`Clock`: how much of a time limit is left."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from accessibility.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Clock:
    """A time limit that began to run when this was made.

    Parameters
    ----------
    limit_s
        Wall seconds.
    begun
        Reading of the monotonic clock at the beginning.
    """

    limit_s: float
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Refuse a limit that is negative or not a number."""
        if math.isnan(self.limit_s) or self.limit_s < 0:
            msg = f"time_limit_s is {self.limit_s}; expected seconds, 0 or more"
            raise InputError(msg)

    @property
    def spent_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begun

    @property
    def left_s(self) -> float:
        """Seconds left, never below 0."""
        return max(self.limit_s - self.spent_s, 0.0)

    def part(self, share: float) -> Clock:
        """Return a clock that runs for a share of what is left."""
        return Clock(limit_s=self.left_s * share)
