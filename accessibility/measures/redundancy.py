"""The redundancy ledger: who depends on one outlet alone, who has a second one, and which could close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError
from accessibility.geo.projection import WGS84, transform

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.measures.catchments import Catchments
    from accessibility.sites import Sites

MANY = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Ledger:
    """How much depends on each open site.

    Parameters
    ----------
    demand, sites
        Whom and what it is about.
    choices
        ``(n,)`` how many open sites each demand point is within the standard of.
    within
        ``(s,)`` people within the standard of each site; 0 of a site that is not open.
    alone
        ``(s,)`` people within the standard of that open site and of no other: whom closing it would lose.
    spare
        Rows of open sites that can close together, with nobody lost: the least needed first, as many as go that way.
    """

    demand: Demand
    sites: Sites
    choices: NDArray[np.int64]
    within: NDArray[np.float64]
    alone: NDArray[np.float64]
    spare: tuple[int, ...]

    def table(self) -> pd.DataFrame:
        """Return one row per open site, most needed first.

        Columns: id, name, kind, within_people, alone_people, can_close (whether closing it alone loses nobody),
        can_close_together (whether it is one of those that can all close at once), lon, lat.
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        rows = np.flatnonzero(self.sites.open)
        rows = rows[np.lexsort((rows, -self.within[rows], -self.alone[rows]))]
        lonlat = transform(self.sites.xy[rows], self.sites.crs, WGS84)
        return pd.DataFrame(
            {
                "id": pd.Series(self.sites.ids[rows], dtype=object),
                "name": pd.Series(self.sites.name[rows], dtype=object),
                "kind": self.sites.kind[rows],
                "within_people": self.within[rows],
                "alone_people": self.alone[rows],
                "can_close": self.alone[rows] == 0,
                "can_close_together": np.isin(rows, self.spare),
                "lon": lonlat[:, 0],
                "lat": lonlat[:, 1],
            }
        )

    def people_by_choice(self) -> dict[str, float]:
        """Return people with no outlet within the standard, with one, and with two or more; together all people."""
        people, choices = self.demand.population, self.choices
        named = {"0": choices == 0, "1": choices == 1, "2+": choices >= MANY}
        return {name: float(people[here].sum()) for name, here in named.items()}


def measure_redundancy(catchments: Catchments, demand: Demand, sites: Sites) -> Ledger:
    """Return the redundancy ledger of the open sites.

    Parameters
    ----------
    catchments
        Whom each site covers.
    demand, sites
        The people and sites they were traced for.

    Raises
    ------
    InputError
        Catchments of other sites.

    Examples
    --------
    Two outlets; the first covers both people, the second one of them:

    >>> from accessibility import Catchments, Demand, Sites
    >>> both = Catchments(start=[0, 2, 3], demand=[0, 1, 1], cost=[60, 60, 60])
    >>> people = Demand(ids=["a", "b"], xy=[(0, 0), (9, 9)], population=[30, 10], crs="EPSG:32649")
    >>> ledger = measure_redundancy(both, people, Sites(ids=["O1", "O2"], xy=[(0, 0), (9, 9)], crs="EPSG:32649"))
    >>> ledger.alone.tolist(), ledger.people_by_choice()
    ([30.0, 0.0], {'0': 0.0, '1': 30.0, '2+': 10.0})
    """
    if len(catchments) != len(sites):
        msg = f"catchments are of {len(catchments)} sites, sites are {len(sites)}; expected the same ones"
        raise InputError(msg)
    site = np.repeat(np.arange(len(sites)), np.diff(catchments.start))
    counts = sites.open[site]
    site, person = site[counts], catchments.demand[counts]
    people = demand.population
    choices = np.bincount(person, minlength=len(demand))
    one = choices[person] == 1
    return Ledger(
        demand=demand,
        sites=sites,
        choices=choices,
        within=np.bincount(site, weights=people[person], minlength=len(sites)).astype(np.float64),
        alone=np.bincount(site[one], weights=people[person[one]], minlength=len(sites)).astype(np.float64),
        spare=_spare(catchments, sites, people, choices.copy()),
    )


def _spare(
    catchments: Catchments, sites: Sites, people: NDArray[np.float64], choices: NDArray[np.int64]
) -> tuple[int, ...]:
    """Return open sites that can close one after another with nobody lost, those with the fewest people first."""
    rows = np.flatnonzero(sites.open)
    size = np.array([people[catchments.of(row)].sum() for row in rows])
    gone = []
    for row in rows[np.lexsort((rows, size))]:
        here = catchments.of(row)
        here = here[people[here] > 0]
        if (choices[here] >= MANY).all():
            choices[here] -= 1
            gone.append(int(row))
    return tuple(gone)
