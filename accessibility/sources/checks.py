"""`Finding`: what a reader set aside, suspects, or wants known."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accessibility.errors import AccessibilityWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

NOTES = frozenset(
    (
        *("blocking-barrier", "closed-place", "closed-site", "compounds", "conditional-access", "enclosed-lanes"),
        *("extract", "ferries", "ferries-left-out", "fetched", "joined-parts", "long-tunnels", "money"),
        *("nearest-node", "nodata-cells", "not-walkable", "official-totals", "other-people", "outlet-not-open"),
        *("people-around", "people-over-buildings", "place-in-district", "population-of-place", "reconciled"),
        *("repeated-building", "repeated-place", "shared-name", "shifted-grid", "site-outside", "totals-compared"),
        *("town-rule", "two-row-heading", "without-ferries"),
    )
)
"""Codes that tell how an input was read; any other finding is a warning."""


DOUBTS = frozenset(
    (
        *("adds-up-to-hundred", "district-elsewhere", "group-is-everybody", "group-is-share", "groups-alike"),
        *("groups-exceed", "groups-nested", "heights-unit", "limit-unit", "near-double", "no-whole-person"),
        *("people-outside", "people-twice", "people-unit", "raster-classes", "repeated-parts", "running-sum"),
        *("setting-unread", "steep-streets", "sum-of-others", "two-places", "unlike-people", "void-people"),
    )
)
"""Codes that throw doubt on an input as a whole: told even where coverage would hardly change."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One observation about an input, for the run's warnings and for ``check``."""

    code: str  # a short kebab-case name of the kind of finding, such as `duplicate-place`
    source: str  # the input: a file's name
    message: str  # one sentence: what was found, how many, the first places, what was done about it
    count: int = 1  # how many rows, features or objects
    people: float | None = None  # how many people it concerns, where that is known

    @property
    def is_warning(self) -> bool:
        """Whether somebody should look at it."""
        return self.code not in NOTES

    def __str__(self) -> str:
        """Return the source and the sentence."""
        return f"{self.source}: {self.message}"


@dataclass(frozen=True, kw_only=True, eq=False)
class OutsideFinding(Finding):
    """People outside the area of whom it seems that they belong to it."""

    # lonlat, population: (k, 2) degrees and (k,) people: where they live
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]


def warn_of(name: str, findings: Sequence[Finding]) -> None:
    """Tell a notebook what the commands print: one `AccessibilityWarning` of all findings that somebody should look at.

    Parameters
    ----------
    name
        The study's.
    findings
        What was found in its inputs.
    """
    looks = [str(finding) for finding in findings if finding.is_warning]
    if looks:
        told = "\n  ".join(looks)
        message = f"{len(looks)} findings on the inputs of {name} (study.findings has all):\n  {told}"
        warnings.warn(message, AccessibilityWarning, stacklevel=5)
