"""Who gains and who loses, as classes of people on a map: blue is covered, orange is not, dark is what changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accessibility.overlays import PeopleClasses

if TYPE_CHECKING:
    from accessibility.coverage import Coverage

GAINED, LOST = 2, 3
CHANGES = ("covered, as before", "not covered, as before", "gained: covered now", "lost: no longer covered")
COLOURS = ("#9ecae1", "#fdc086", "#08519c", "#9c3d06")


def classify_changes(before: Coverage, after: Coverage) -> PeopleClasses:
    """Return people by whether they are covered before and after, two coverages of the same people.

    Examples
    --------
    >>> from accessibility import Demand, Network, Sites, measure_coverage
    >>> road = Network(node_xy=[(0, 0), (3000, 0)], edges=[(0, 1)], length_m=[3000], crs="EPSG:32649")
    >>> people = Demand(ids=["west", "east"], xy=[(0, 0), (3000, 0)], population=[30, 10], crs="EPSG:32649")
    >>> west, east = (Sites(ids=["O1"], xy=[(x, 0)], crs="EPSG:32649") for x in (0, 3000))
    >>> changes = classify_changes(measure_coverage(road, people, west), measure_coverage(road, people, east))
    >>> dict(zip(changes.labels, changes.people.tolist()))["gained: covered now"]
    10.0
    """
    new = np.where(before.covered, 0, GAINED)
    gone = np.where(before.covered, LOST, 1)
    return PeopleClasses(
        name="Who gains and who loses",
        labels=CHANGES,
        colours=COLOURS,
        of=np.where(after.covered, new, gone).astype(np.int8),
        population=after.demand.population,
    )
