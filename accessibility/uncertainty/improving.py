"""What better data would do to the bar: every improvement tried with the same draws."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.uncertainty.chance import Chance
from accessibility.uncertainty.draws import PARTS, Draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.uncertainty.scene import Case
    from accessibility.uncertainty.sources import InputErrors
    from accessibility.uncertainty.trying import Tries, Trying

IMPROVEMENTS = {
    "survey-outlets": "outlets",
    "walk-the-ways": "paths",
    "count-people": "people",
    "locate-homes": "cells",
    "fix-settings": "settlement",
    "time-the-walk": "speed",
}
"""Each improvement, and the source that it makes better."""
_SURVEYED_M = 3.0
_COUNTED = (0.1, 0.05)  # of a census by point and by square kilometre
_STILL_MISSING = 0.2
_TIMED_M_S = 0.03
_MOST_OF_IT = 0.8
_TRIES = 60


def list_improvements(tries: Tries, trying: Trying, width: float) -> pd.DataFrame:
    """Return what each single improvement of the data would do to the bar; see `Uncertainty.improvements`."""
    import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

    rows, spread = [], float(tries.true_shares.std())
    for name, case, errors, sites in _better(tries):
        then = trying.run(tries.scene, case, errors, alone=False)
        # By the standard deviations: the ends of a bar are at the mercy of a few draws.
        after = width * float(then.true_shares.std()) / spread if spread > 0 else width
        count = float(len(sites)) if name == "survey-outlets" else np.nan
        rows.append((name, count, sites, 100 * after, 100 * (after - width)))
    found = pd.DataFrame(rows, columns=["improvement", "sites", "ids", "width_points", "points"])
    return found.sort_values("points", kind="stable").reset_index(drop=True)


def _better(tries: Tries) -> Iterator[tuple[str, Case, InputErrors, tuple[object, ...]]]:
    """Yield each improvement that would do anything: its name, the inputs then, and the sites it is about."""
    case, errors = tries.case, tries.errors
    rows = outlets_to_survey(tries) if "outlets" in tries.sources else np.empty(0, np.intp)
    if len(rows):
        metres = case.position_m.copy()
        metres[rows] = np.minimum(metres[rows], _SURVEYED_M)
        yield "survey-outlets", replace(case, position_m=metres), errors, tuple(case.coverage.sites.ids[rows])
    cell, block = _COUNTED
    fewer = {kind: share * _STILL_MISSING for kind, share in errors.missing.items()}
    cell, block = min(errors.people_cell, cell), min(errors.people_block, block)
    changed: dict[str, InputErrors] = {
        "walk-the-ways": replace(errors, missing=fewer),
        "count-people": replace(errors, people_cell=cell, people_block=block),
        "locate-homes": replace(errors, known=("cells", "snapping")),
        "fix-settings": replace(errors, without=(*errors.without, "settlement")),
        "time-the-walk": replace(errors, speed_m_s=min(errors.speed_m_s, _TIMED_M_S)),
    }
    for name, better in changed.items():
        if IMPROVEMENTS[name] in tries.sources:
            yield name, case, better, ()


def outlets_to_survey(tries: Tries) -> NDArray[np.intp]:
    """Return the fewest sites whose places make most of what the places of all do, those that make most first.

    Who is covered with a site elsewhere and was not, or the other way round, is put down to the site that decides; a
    site weighs by the square of its people, over the first draws.
    """
    scene, case, people = tries.scene, tries.case, tries.scene.now.demand.population
    several = len(case.coverage.sites)
    swings = np.zeros((min(_TRIES, tries.draws), several))
    before, after = case.coverage.covered, case.coverage.nearest
    for number in range(len(swings)):
        draw = Draw(scene=scene, errors=tries.errors, chance=Chance(tries.seed, number))
        now, owner = draw.decided(case, ("outlets",))
        lost, won = before & (now < PARTS), ~before & (now > 0)
        gone = np.bincount(after[lost], weights=people[lost], minlength=several)
        swings[number] = np.bincount(owner[won], weights=people[won], minlength=several) - gone
    weight = np.where(case.position_m > _SURVEYED_M, swings.var(axis=0), 0.0)
    order = np.argsort(-weight, kind="stable")
    share = weight[order].cumsum() / max(weight.sum(), 1e-300)
    count = int((weight > 0).any()) * (int(np.searchsorted(share, _MOST_OF_IT)) + 1)
    return order[:count]
