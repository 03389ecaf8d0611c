"""Many small scenarios, tried one after the other on one trial: what each would bring, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from accessibility.whatif.scenario import Scenario
    from accessibility.whatif.trial import Trial

_COLUMNS = ("action", "site", "name", "kind", "gained", "lost", "change", "covered", "covered_share", "cost")


def rank_changes(trial: Trial, changes: Iterable[tuple[str, Scenario]]) -> pd.DataFrame:
    """Return what each single opening or closing would bring, best first; the trial is left as it was.

    Each is a step of the trial that is taken back, so that it costs what its neighbourhood costs.

    Parameters
    ----------
    trial
        Where each begins, and with what it is compared.
    changes
        ``open`` or ``close`` and a scenario of one site that does.

    Returns
    -------
    pandas.DataFrame
        One row per change: ``action``, ``site``, ``name``, ``kind``, ``gained``, ``lost`` and ``change`` (people),
        ``covered`` (people) and ``covered_share`` (0 to 1) after it, ``cost`` of opening. Of equal change the cheaper
        comes first, then the earlier.
    """
    import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

    before, begun = trial.coverage(), trial.steps
    people = before.demand.population
    rows: list[tuple[Any, ...]] = []
    for action, scenario in changes:
        after = trial.follow(scenario).coverage()
        while trial.steps > begun:
            trial.undo()
        site = next(iter((*scenario.opened, *scenario.closed, *(a.id for a in scenario.added))))
        row = after.sites.rows([site])[0]
        gained = float(people[after.covered & ~before.covered].sum())
        lost = float(people[before.covered & ~after.covered].sum())
        cost = float(after.sites.cost[row]) if action == "open" else 0.0
        told = (action, site, after.sites.name[row], str(after.sites.kind[row]))
        rows.append((*told, gained, lost, gained - lost, after.covered_people, after.share, cost))
    found = pd.DataFrame(rows, columns=list(_COLUMNS))
    order = np.lexsort((found["cost"].to_numpy(float), -found["change"].to_numpy(float)))
    return found.iloc[order].reset_index(drop=True)
