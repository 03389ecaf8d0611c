"""What a plan optimises in units that a planner reads: people, cost, minutes, hours, a share."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS: Mapping[str, tuple[str, float, int]] = MappingProxyType(
    {
        "mclp": ("people_covered", 1.0, 0),
        "relocation": ("people_covered", 1.0, 0),
        "backup": ("people_once_and_twice", 1.0, 0),
        "lscp": ("cost", 1.0, 2),
        "partial": ("cost", 1.0, 2),
        "p-median": ("hours_of_all", 1 / 3_600, 0),
        "p-center": ("minutes_at_most", 1 / 60, 1),
        "max-min": ("share_of_the_worst", 100.0, 1),
    }
)
"""Model to the unit's key in the wording, what the objective is multiplied by, and decimals. Walks are in seconds."""


def say_objective(model: str, value: float) -> tuple[str, str]:
    """Return an objective, or its bound, as text, and the key ``objective_...`` of the wording that names its unit.

    Parameters
    ----------
    model
        Of the plan: ``mclp``, ``p-center`` and the like.
    value
        The plan's objective or bound; of the models of walking times in (people times) seconds.

    Examples
    --------
    >>> say_objective("mclp", 132255.7), say_objective("p-center", 12160.65), say_objective("max-min", 0.6573)
    (('132,256', 'objective_people_covered'), ('202.7', 'objective_minutes_at_most'), ('65.7 %', \
'objective_share_of_the_worst'))
    """
    unit, factor, decimals = _UNITS[model]
    if not math.isfinite(value):
        return "\N{EN DASH}", f"objective_{unit}"
    scaled = value * factor
    if unit == "cost" and scaled == round(scaled):
        decimals = 0
    return (
        f"{round(scaled, decimals) + 0.0:,.{decimals}f}{' %' if unit.startswith('share') else ''}",
        f"objective_{unit}",
    )
