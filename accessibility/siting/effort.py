"""`Allowance`: what a search may still do, in work, the same on every machine, and in seconds where a user limits them.

The random numbers of the searches stand here, too: a stream of its own for each, so that the same question gives the
same plan.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from accessibility.errors import InputError, spell_number
from accessibility.streets.search.compiling import compiled_s, helper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accessibility.streets.search.compiling import U64

WORK = 7.5e10
"""What a search may do where nobody sets a time limit, about a minute on the machine it was measured on; a unit is
one pair of a site and a demand point read, about a nanosecond."""
SHARED = 4e10
"""What shares of an allowance are of, unless it is a part of another: no stage of a search takes all there is."""

_HEEDED: ContextVar[Callable[[], None] | None] = ContextVar("heeded", default=None)


@contextmanager
def heeding(somebody: Callable[[], None]) -> Iterator[None]:
    """Have every search that begins inside ask somebody between its stages: what they raise ends it."""
    before = _HEEDED.set(somebody)
    try:
        yield
    finally:
        _HEEDED.reset(before)


@dataclass(kw_only=True, eq=False)
class Allowance:
    """What is left to a search that began when this was made.

    Searches count their work and plan by it alone, so that the same question takes the same course on a slow, busy or
    cold machine. A time limit does no more than cut that course short; where there is one, work has no other limit.
    Compilation counts against neither.
    """

    limit_s: float | None = None  # wall seconds; None for no such limit.
    work: float | None = None  # units of work; `WORK` without a time limit and endless with one, if None.
    size: float = SHARED  # what shares of this allowance are shares of
    _over: Allowance | None = None
    _done: float = 0.0
    _heed: Callable[[], None] | None = field(default_factory=_HEEDED.get)
    _begun: float = field(default_factory=lambda: time.monotonic() - compiled_s())

    def __post_init__(self) -> None:
        """Refuse a limit that is negative or not a number."""
        if self.limit_s is not None and not self.limit_s >= 0:
            msg = f"time_limit_s is {spell_number(self.limit_s)}; expected seconds, 0 or more"
            raise InputError(msg)
        if self.work is None:
            self.work = WORK if self.limit_s is None or math.isinf(self.limit_s) else math.inf

    @property
    def spent_s(self) -> float:
        """Seconds since the beginning, less those that compiled code took to compile."""
        return max(time.monotonic() - compiled_s() - self._begun, 0.0)

    @property
    def left_s(self) -> float:
        """Seconds left, never below 0; infinite without a time limit."""
        return math.inf if self.limit_s is None else max(self.limit_s - self.spent_s, 0.0)

    @property
    def left(self) -> float:
        """Work left, never below 0."""
        mine = max((self.work or 0.0) - self._done, 0.0)
        return mine if self._over is None else min(mine, self._over.left)

    @property
    def up(self) -> bool:
        """Whether nothing is left of work or time; nobody learns it who waits no longer."""
        if self._heed is not None:
            self._heed()
        return self.left <= 0 or self.left_s <= 0

    @property
    def ended_by(self) -> Literal["time", "work"]:
        """What ends a search that does not end by itself."""
        return "time" if self.left_s <= 0 else "work"

    @property
    def limit(self) -> str:
        """What the search was allowed, in words."""
        return f"{self.limit_s:g} s" if self.ended_by == "time" else "its measure of work"

    def spend(self, work: float) -> None:
        """Count work that was done, and end where somebody waits for no answer any more."""
        if self._heed is not None:
            self._heed()
        self._done += work
        if self._over is not None:
            self._over.spend(work)

    def part(self, share: float) -> Self:
        """Return an allowance for a share of the size of this one, however much is left of it: shares do not shrink.

        What is spent there is spent here, too.
        """
        size = share * self.size
        limit = None if self.limit_s is None else self.left_s
        return type(self)(limit_s=limit, work=size, size=size, _over=self)

    def first(self, share: float) -> Self:
        """Return an allowance for all but a rest of what is left, which somebody else will need."""
        limit = None if self.limit_s is None else self.left_s * share
        return type(self)(limit_s=limit, work=self.left * share, size=self.size, _over=self)

    def beside(self, share: float) -> Self:
        """Return an allowance as `part` does, for a thread of its own: `spend` what it `did` here when it has ended."""
        size = share * self.size
        return type(self)(limit_s=None if self.limit_s is None else self.left_s, work=min(size, self.left), size=size)

    @property
    def did(self) -> float:
        """Work done so far."""
        return self._done


SEED = np.uint64(0x0A11_0CA7_ED5E_ED00)
STEP = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_A = np.uint64(0xBF58_476D_1CE4_E5B9)
_MIX_B = np.uint64(0x94D0_49BB_1331_11EB)
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)


@helper
def mixed(x: np.uint64) -> np.uint64:
    """Return a number whose bits all depend on all bits of another (splitmix64)."""
    x = (x ^ (x >> _30)) * _MIX_A
    x = (x ^ (x >> _27)) * _MIX_B
    return x ^ (x >> _31)


@helper
def draw(random: U64, size: Any) -> Any:
    """Return a number below `size`, from a stream of its own (splitmix64)."""
    random[0] += STEP
    return np.int64(mixed(random[0]) % np.uint64(size))
