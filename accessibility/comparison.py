"""Who gains and who loses between two coverages, and what scenarios bring beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.standards import MS_PER_S, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accessibility.coverage import Coverage
    from accessibility.scenario import Scenario

ALL, TOTAL, NO_DISTRICT = "all", "total", "(none)"
_S_PER_MIN = 60.0


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
        have a way before and after; NaN for nobody).

    Raises
    ------
    InputError
        Coverages of different people, or a group there is not.
    """
    demand = after.demand
    if not np.array_equal(before.demand.ids, demand.ids):
        msg = f"coverages of {len(before.demand)} and {len(demand)} demand points; expected the same ones"
        raise InputError(msg)
    if group is not None and group not in demand.groups:
        known = ", ".join(demand.groups) or "none"
        msg = f"no group is named {group!r}; expected one of: {known}"
        raise InputError(msg)
    people = demand.population if group is None else demand.groups[group]
    parts = _differences(before, after, people)
    names = district.reindex(pd.Index(demand.ids)).to_numpy(dtype=object)
    names = np.where(pd.isna(names), NO_DISTRICT, names)
    listed = [*dict.fromkeys(district.dropna()), *([NO_DISTRICT] if (names == NO_DISTRICT).any() else [])]
    rows = parts.groupby([names, demand.setting], sort=False).sum()
    wholes = parts.groupby(names, sort=False).sum()
    settings = [s for s in SETTINGS if (demand.setting == s).any()]
    found: dict[tuple[Any, str], pd.Series[Any]] = {}
    for name in listed:
        found |= {(name, s): rows.loc[(name, s)] for s in settings if (name, s) in rows.index}
        if name in wholes.index:
            found[name, ALL] = wholes.loc[name]
    found |= {(TOTAL, s): parts[demand.setting == s].sum() for s in settings}
    found[TOTAL, ALL] = parts.sum()
    table = pd.DataFrame(found).T
    table.index = pd.MultiIndex.from_tuples(table.index, names=["district", "setting"])
    return _with_ratios(table)


def compare_scenarios(baseline: Coverage, scenarios: Sequence[tuple[Scenario, Coverage]]) -> pd.DataFrame:
    """Return a row a scenario: sites open, people covered, share, gained and lost against the baseline, cost.

    ``cost`` is what the sites that open or are added cost; ``per_person`` that over the people gained less those lost,
    NaN where nobody is.
    """
    rows = []
    for scenario, after in scenarios:
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
            }
        )
    return pd.DataFrame(rows)


def _differences(before: Coverage, after: Coverage, people: NDArray[np.float64]) -> pd.DataFrame:
    """Return the parts of the comparison for each demand point, so that they add up."""
    saved = np.rint((np.nan_to_num(before.walk_s, nan=np.inf) - after.walk_s) * MS_PER_S)
    none_now = np.isnan(after.walk_s)
    saved[none_now] = np.where(np.isnan(before.walk_s[none_now]), 0.0, -np.inf)
    better, worse, both = saved > 0, saved < 0, np.isfinite(saved)
    minutes = np.where(both, np.abs(saved), 0.0) / MS_PER_S / _S_PER_MIN
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
    return pd.DataFrame(parts)


def _with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    lived_in = table["population"] > 0
    for name in ("before", "after"):
        table[f"share_{name}"] = (table[f"covered_{name}"] / table["population"]).where(lived_in)
    table["minutes_saved"] = (table["_saved"] / table["_better"]).where(table["_better"] > 0)
    table["minutes_added"] = (table["_added"] / table["_worse"]).where(table["_worse"] > 0)
    columns = ["population", "covered_before", "covered_after", "gained", "lost", "share_before", "share_after"]
    return table[[*columns, "better_off", "minutes_saved", "worse_off", "minutes_added"]]
