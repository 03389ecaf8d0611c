"""Who gains and who loses between two coverages, and what scenarios bring beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import InputError, checked
from accessibility.geo.arrays import starts_of
from accessibility.geo.plotting import Colouring
from accessibility.measures.tables import NO_DISTRICT, TOTAL
from accessibility.standards import MS_PER_S, S_PER_MIN
from accessibility.wording import share_of
from accessibility.wording.cards import FAR, GAINED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.measures.coverage import Coverage
    from accessibility.whatif.scenario import Scenario

ALL = "all"
COMPARED_SERVICE = ("served", "served_share", "unserved", "served_change")
"""What a row of `compare_scenarios` says of people who are covered and find room, where sites have a capacity."""
STATES = {"gained": GAINED, "lost": "#b3261e", "covered as today": "#8fbfe3", "not covered": FAR}
"""What becomes of people, each with its ink."""
_OF_CHANGED = ("gained", "lost", "better_off", "worse_off", "_better", "_worse", "_saved", "_added")


@checked
def compare_coverages(
    before: Coverage, after: Coverage, district: pd.Series[Any], *, group: str | None = None
) -> pd.DataFrame:
    """Return who gains and who loses, by district and setting.

    Parameters
    ----------
    before, after
        Two coverages of the same people.
    district
        District of each demand point, keyed by demand id.
    group
        Count the people of this group; everybody if None.

    Returns
    -------
    pandas.DataFrame
        Indexed by district and setting: a row for each setting that a district has, a row ``all`` for the district, and
        the same for ``total`` last. ``population``, ``covered_before``, ``covered_after``, ``gained`` and ``lost``
        (people; after = before + gained - lost), ``share_before`` and ``share_after`` (0 to 1), ``better_off`` and
        ``worse_off`` (people whose walk to the nearest site that counts gets shorter or longer by a millisecond or
        more, or begins or ceases to exist), ``minutes_saved`` and ``minutes_added`` (on average for those of them who
        have a way before and after; NaN for nobody). Where sites have a capacity ``served_before`` and ``served_after``
        come last: people who are covered and find room, of a group its part of those of each place.

    Raises
    ------
    InputError
        Coverages of different people, or a group there is not.

    Examples
    --------
    A road of 1 km with an outlet at its start; a second one opens at its end:

    >>> from dataclasses import replace
    >>> import pandas as pd
    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> people = acc.Demand(ids=["near", "far"], xy=[(900, 0), (1000, 0)], population=[30, 10], crs="EPSG:32649")
    >>> both = acc.Sites(ids=["O1", "O2"], xy=[(0, 0), (1000, 0)], crs="EPSG:32649")
    >>> today = replace(both, open=[True, False])
    >>> before, after = (acc.measure_coverage(road, people, sites) for sites in (today, both))
    >>> table = acc.compare_coverages(before, after, pd.Series({"near": "West", "far": "East"}))
    >>> table.loc[("total", "all"), ["gained", "lost", "share_before", "share_after"]].tolist()
    [10.0, 0.0, 0.75, 1.0]
    """
    demand = after.demand
    _same_people(before, after)
    people = demand.people_of(group)
    of = DistrictCells.of(demand, district)
    parts = _differences(before, after, people)
    if has_service(before, after):
        share = np.divide(people, demand.population, out=np.zeros(len(people)), where=demand.population > 0)
        parts |= {"served_before": served_of(before) * share, "served_after": served_of(after) * share}
    return of.table({column: of.sums(part) for column, part in parts.items()})


def has_service(*coverages: Coverage) -> bool:
    """Return whether some of them has sites with a capacity."""
    return any(one.service is not None for one in coverages)


def served_of(coverage: Coverage) -> NDArray[np.float64]:
    """Return ``(n,)`` people who are covered and find room: all covered ones where no site has a capacity."""
    if coverage.service is not None:
        return coverage.service.people
    return np.where(coverage.covered, coverage.demand.population, 0.0)


def classify_states(before: Coverage, after: Coverage) -> NDArray[np.str_]:
    """Return what becomes of each demand point, a word of `STATES`."""
    now, then = after.covered, before.covered
    gained, lost, covered, left = STATES
    return np.select([now & ~then, then & ~now, now], [gained, lost, covered], left)


def draw_changes(before: Coverage, after: Coverage) -> tuple[gpd.GeoDataFrame, Colouring]:
    """Return the people with what becomes of them, and how that is drawn."""
    frame = after.to_gdf(shapes=True)
    frame.insert(0, "state", classify_states(before, after))
    return frame.rename_axis("id").reset_index(), Colouring(column="state", inks=STATES)


@dataclass(frozen=True, kw_only=True, eq=False)
class DistrictCells:
    """Demand points in the cells of a table of districts by settings."""

    cell: NDArray[np.intp]  # (n,) of each point: its district times the number of settings, and its setting
    names: list[Any]  # the districts; last the one of points that have none
    settings: tuple[str, ...]

    @classmethod
    def of(cls, demand: Demand, district: pd.Series[Any]) -> DistrictCells:
        """Return the cells of demand points whose districts are keyed by their ids."""
        codes, known = pd.factorize(demand.keyed(district, "district"), use_na_sentinel=True)
        codes[codes < 0] = len(known)
        rows = demand.setting_rows
        columns = np.select([*rows.values()], [*range(len(rows))], 0)
        return cls(cell=len(rows) * codes + columns, names=[*known, NO_DISTRICT], settings=demand.settings)

    def sums(self, values: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Return the sum of the values in each cell; of nothing, how many points."""
        shape = (len(self.names), len(self.settings))
        return np.bincount(self.cell, weights=values, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

    @cached_property
    def points(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """``(n,)`` points by cell, ascending in each, and where each cell begins."""
        begin = starts_of(np.bincount(self.cell, minlength=self.several))
        return np.argsort(self.cell, kind="stable"), begin

    @cached_property
    def _lived_in(self) -> tuple[NDArray[np.intp], pd.MultiIndex]:
        """Which rows and columns have points, of a table with the sums behind and below: and how they are named."""
        points = _with_totals(self.sums(None)) > 0
        points[-1, -1] = True
        row, column = np.nonzero(points)
        names, settings = [*self.names, TOTAL], [*self.settings, ALL]
        labels = [(names[r], settings[k]) for r, k in zip(row.tolist(), column.tolist(), strict=True)]
        return np.flatnonzero(points), pd.MultiIndex.from_tuples(labels, names=["district", "setting"])

    @property
    def several(self) -> int:
        """How many cells there are."""
        return len(self.names) * len(self.settings)

    def gather(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of each row of the table, of those in each cell."""
        return _with_totals(sums.reshape(len(self.names), len(self.settings))).ravel()[self._lived_in[0]]

    def table(self, sums: dict[str, NDArray[np.float64]]) -> pd.DataFrame:
        """Return the table of `compare_coverages` of the sums in each cell."""
        _, index = self._lived_in
        rows = {name: self.gather(cells) for name, cells in sums.items()}
        return pd.DataFrame(_with_ratios(rows), index=index)


def _with_totals(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return cells with the sum of each row behind, and that of each column below."""
    below = [*(cells[:, k].sum() for k in range(cells.shape[1])), cells.sum()]
    return np.vstack([np.column_stack([cells, cells.sum(axis=1)]), below])


class Tally:
    """The table of a trial, kept up to date: cells are added up anew where somebody's figures have changed.

    Parameters
    ----------
    before
        The coverage that the trial is compared with.
    district
        District of each demand point, keyed by demand id.
    """

    def __init__(self, before: Coverage, district: pd.Series[Any]) -> None:
        self._before, self._cells = before, DistrictCells.of(before.demand, district)
        self._walk_s, self._covered = before.walk_s.copy(), before.covered.copy()
        self._other = np.zeros(len(before.covered), np.bool_)
        parts = _differences(before, before, before.demand.population)
        self._sums = {column: self._cells.sums(part) for column, part in parts.items()}

    def update(self, people: NDArray[np.intp], walk_s: NDArray[np.float64], covered: NDArray[np.bool_]) -> None:
        """Take in what some demand points have now."""
        same = (self._covered[people] == covered) & (
            (self._walk_s[people] == walk_s) | (np.isnan(self._walk_s[people]) & np.isnan(walk_s))
        )
        people, walk_s, covered = people[~same], walk_s[~same], covered[~same]
        self._walk_s[people], self._covered[people] = walk_s, covered
        before = self._before.walk_s[people]
        self._other[people] = (self._before.covered[people] != covered) | ~(
            (before == walk_s) | (np.isnan(before) & np.isnan(walk_s))
        )
        order, begin = self._cells.points
        touched = np.unique(self._cells.cell[people])
        if touched.size:
            self._add_up(touched, np.concatenate([order[begin[cell] : begin[cell + 1]] for cell in touched]))

    def _add_up(self, touched: NDArray[np.intp], rows: NDArray[np.intp]) -> None:
        """Add up some cells: those whose figures are others than before alone, for nobody else gains or loses."""
        others, people, sums = rows[self._other[rows]], self._before.demand.population, self._sums

        def add(of: NDArray[np.intp], part: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.bincount(np.searchsorted(touched, self._cells.cell[of]), part, len(touched)).astype(np.float64)

        before = Walked(walk_s=self._before.walk_s[others], covered=self._before.covered[others])
        after = Walked(walk_s=self._walk_s[others], covered=self._covered[others])
        for name, part in _differences(before, after, people[others]).items():
            if name in _OF_CHANGED:
                sums[name].flat[touched] = add(others, part)
        if self._before.demand.whole:
            now = sums["covered_before"].flat[touched] + sums["gained"].flat[touched] - sums["lost"].flat[touched]
        else:
            now = add(rows, np.where(self._covered[rows], people[rows], 0.0))
        sums["covered_after"].flat[touched] = now

    def table(self) -> pd.DataFrame:
        """Return what `compare_coverages` says."""
        return self._cells.table(self._sums)


@dataclass(frozen=True, kw_only=True, eq=False)
class Walked:
    """Seconds to the nearest site of some demand points, and who of them is covered; ``(n,)`` each."""

    walk_s: NDArray[np.float64]
    covered: NDArray[np.bool_]


@checked
def compare_scenarios(baseline: Coverage, scenarios: Sequence[tuple[Scenario, Coverage]]) -> pd.DataFrame:
    """Return one row per scenario, measured against today.

    Parameters
    ----------
    baseline
        Coverage today.
    scenarios
        Each scenario with its coverage.

    Returns
    -------
    pandas.DataFrame
        ``scenario`` (its name), ``open_sites``, ``population``, ``covered``, ``covered_share`` (0 to 1), ``change``,
        ``gained``, ``lost`` and ``unreached`` (people), ``cost`` (what the sites that open or are added cost), and
        ``per_person``: the cost over the people gained less those lost, NaN where nobody is gained on balance. Where
        sites have a capacity also ``served``, ``served_share`` and ``unserved``, and ``served_change`` against today.

    Raises
    ------
    InputError
        Coverages of different people.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> people = acc.Demand(ids=["near", "far"], xy=[(900, 0), (1000, 0)], population=[30, 10], crs="EPSG:32649")
    >>> sites = acc.Sites(ids=["O1", "O2"], xy=[(0, 0), (1000, 0)], open=[True, False], cost=[0, 5], crs="EPSG:32649")
    >>> opens = acc.Scenario(name="second", opened=("O2",))
    >>> before, after = (acc.measure_coverage(road, people, s) for s in (sites, opens.apply(sites)))
    >>> acc.compare_scenarios(before, [(opens, after)])[["scenario", "gained", "per_person"]].to_dict("records")
    [{'scenario': 'second', 'gained': 10.0, 'per_person': 0.5}]
    """
    rows, roomed = [], has_service(baseline, *(after for _, after in scenarios))
    for scenario, after in scenarios:
        _same_people(baseline, after)
        people = after.demand.population
        gained = float(people[after.covered & ~baseline.covered].sum())
        lost = float(people[baseline.covered & ~after.covered].sum())
        new = {*scenario.opened, *(a.id for a in scenario.added)} - {*scenario.closed}
        cost = float(after.sites.cost[after.sites.rows(new)].sum())
        rows.append(
            {
                "scenario": scenario.name,
                "open_sites": int(after.sites.open.sum()),
                "population": after.population,
                "covered": after.covered_people,
                "covered_share": after.share,
                "change": after.covered_people - baseline.covered_people,
                "gained": gained,
                "lost": lost,
                "unreached": after.unreached_people,
                "cost": cost,
                "per_person": cost / (gained - lost) if gained > lost else float("nan"),
                **(_service(baseline, after) if roomed else {}),
            }
        )
    return pd.DataFrame(rows)


def _service(baseline: Coverage, after: Coverage) -> dict[str, float]:
    """Return `COMPARED_SERVICE` of a scenario."""
    today, served = (float(served_of(one).sum()) for one in (baseline, after))
    share = share_of(served, after.population)
    return dict(zip(COMPARED_SERVICE, (served, share, after.covered_people - served, served - today), strict=True))


def _same_people(before: Coverage, after: Coverage) -> None:
    one, other = before.demand, after.demand
    if one is other:
        return
    if not (np.array_equal(one.ids, other.ids) and np.array_equal(one.population, other.population)):
        msg = (
            f"coverages of {len(one)} and {len(other)} demand points, {one.population.sum():,.0f} and"
            f" {other.population.sum():,.0f} people; expected the same ones"
        )
        raise InputError(msg)


def _differences(
    before: Coverage | Walked, after: Coverage | Walked, people: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the parts of the comparison for each demand point, so that they add up."""
    saved = np.rint((np.nan_to_num(before.walk_s, nan=np.inf) - after.walk_s) * MS_PER_S)
    none_now = np.isnan(after.walk_s)
    saved[none_now] = np.where(np.isnan(before.walk_s[none_now]), 0.0, -np.inf)
    better, worse, both = saved > 0, saved < 0, np.isfinite(saved)
    minutes = np.where(both, np.abs(saved), 0.0) / MS_PER_S / S_PER_MIN
    columns = {
        "population": np.ones(len(people), np.bool_),
        "covered_before": before.covered,
        "covered_after": after.covered,
        "gained": after.covered & ~before.covered,
        "lost": before.covered & ~after.covered,
        "better_off": better,
        "worse_off": worse,
        "_better": better & both,
        "_worse": worse & both,
    }
    parts = {name: np.where(here, people, 0.0) for name, here in columns.items()}
    parts |= {"_saved": np.where(better, people * minutes, 0.0), "_added": np.where(worse, people * minutes, 0.0)}
    return parts


def _with_ratios(sums: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return the columns of the comparison of the sums of each row; a ratio to nobody is NaN."""

    def ratio(part: str, whole: str) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.full(len(sums[whole]), np.nan)
        np.divide(sums[part], sums[whole], out=found, where=sums[whole] > 0)
        return found

    ratios = {f"share_{name}": ratio(f"covered_{name}", "population") for name in ("before", "after")}
    ratios |= {"minutes_saved": ratio("_saved", "_better"), "minutes_added": ratio("_added", "_worse")}
    columns = ["population", "covered_before", "covered_after", "gained", "lost", "share_before", "share_after"]
    columns += ["better_off", "minutes_saved", "worse_off", "minutes_added"]
    columns += [name for name in ("served_before", "served_after") if name in sums]
    return {name: (sums | ratios)[name] for name in columns}
