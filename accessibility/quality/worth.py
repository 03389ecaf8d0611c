"""What a finding on the inputs is worth: points of coverage, in a figure and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accessibility.sources.checks import Finding

if TYPE_CHECKING:
    from accessibility.measures.coverage import Coverage


@dataclass(frozen=True, kw_only=True)
class WeighedFinding(Finding):
    """A finding with what it is worth, and where.

    Parameters
    ----------
    code
        A short kebab-case name of the kind of finding, such as ``duplicate-place``.
    source
        The input: a file's name.
    message
        One sentence: what was found, how many, the first places, what was done about it.
    count
        How many rows, features or objects.
    people
        How many people it concerns, where that is known.
    points_of_coverage
        How many percentage points the share covered would change by were the finding mended: a closed site open
        again, a site in the wrong place or outside the area gone, people without a street reached (then the most
        it can be). None where that cannot be computed.
    district, lon, lat
        Where it is, for a finding that has a place; of many demand points, the one with the most people.

    Examples
    --------
    >>> from accessibility.quality import WeighedFinding
    >>> what = {"code": "closed-site", "source": "outlets.csv", "message": "O3 has closed"}
    >>> finding = WeighedFinding(**what, points_of_coverage=1.5)
    >>> str(finding), finding.is_warning
    ('outlets.csv: O3 has closed', False)
    """

    points_of_coverage: float | None = None
    district: str | None = None
    lon: float | None = None
    lat: float | None = None


def points_of(now: Coverage, people: float) -> float:
    """Return people as percentage points of the share covered."""
    return 100 * float(people) / now.population if now.population else 0.0


def change_text(now: Coverage, people: float) -> str:
    """Return the end of a sentence: by how many points coverage would change if so many people more are covered."""
    return f"coverage would change by {round(points_of(now, people), 2) + 0.0:+.2f} points"  # adding 0 turns -0 into 0
