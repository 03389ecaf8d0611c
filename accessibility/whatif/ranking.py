"""Many small scenarios, tried one after the other on trials: what each would bring, best first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError
from accessibility.whatif.comparison import served_of
from accessibility.wording import share_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    import pandas as pd

    from accessibility.measures.coverage import Coverage
    from accessibility.whatif.scenario import Scenario
    from accessibility.whatif.trial import Trial

_COLUMNS = (
    *("action", "site", "instead_of", "name", "kind"),
    *("gained", "lost", "change", "covered", "covered_share", "cost"),
)
_SERVED = ("served", "served_change")
_PARTS = 100  # of the changes: no worker waits long for the last, and a bar moves


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A small scenario with the site that opens, the one that closes, or both."""

    scenario: Scenario  # what is different
    # site, closed: the site that opens and the one that closes; None where none does.
    site: Hashable | None = None
    closed: Hashable | None = None

    @property
    def action(self) -> str:
        """``open``, ``close`` or ``swap``."""
        if self.site is None:
            return "close"
        return "open" if self.closed is None else "swap"


def rank_changes(
    begin: Callable[[], Trial], changes: Sequence[Attempt], *, workers: int = 1, progress: bool = False
) -> pd.DataFrame:
    """Return what each change alone would bring, best first.

    Each is a step of a trial that is taken back, so that it costs what its neighbourhood costs.

    Parameters
    ----------
    begin
        Makes a trial where each change begins, and with which it is compared; one for each worker.
    changes
        What is tried.
    workers
        Threads that share them; the table is the same.
    progress
        Whether a bar on standard error tells how far it is.

    Returns
    -------
    pandas.DataFrame
        One row per change: ``action``, ``site``, ``instead_of``, ``name``, ``kind``, ``gained``, ``lost`` and
        ``change`` (people), ``covered`` (people) and ``covered_share`` (0 to 1) after it, ``cost`` of opening. Of equal
        change the cheaper comes first, then the earlier. Where sites have a capacity also ``served`` and
        ``served_change``, covered people who find room then, and how many more they are; each such row measures the
        whole coverage anew.

    Raises
    ------
    InputError
        No worker.
    """
    import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

    if workers < 1:
        msg = f"workers is {workers}; expected 1 or more threads"
        raise InputError(msg)
    rows = [row for part in _tried(begin, changes, workers, progress=progress) for row in part]
    has_capacity = bool(rows) and len(rows[0]) > len(_COLUMNS)
    found = pd.DataFrame(rows, columns=[*_COLUMNS, *(_SERVED if has_capacity else ())])
    order = np.lexsort((found["cost"].to_numpy(float), -found["change"].to_numpy(float)))
    return found.iloc[order].reset_index(drop=True)


def _tried(
    begin: Callable[[], Trial], changes: Sequence[Attempt], workers: int, *, progress: bool
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of the changes, in their order, part by part."""
    size = max(1, -(-len(changes) // _PARTS))
    parts = [changes[at : at + size] for at in range(0, len(changes), size)]
    free = [begin() for _ in range(min(workers, len(parts)))]

    def attempt(part: Sequence[Attempt]) -> list[tuple[Any, ...]]:
        trial = free.pop()
        try:
            return [_row(trial, change) for change in part]
        finally:
            free.append(trial)

    if workers == 1:
        yield from _told(map(attempt, parts), len(parts), progress=progress)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from _told(pool.map(attempt, parts), len(parts), progress=progress)


def _told(parts: Iterator[list[tuple[Any, ...]]], count: int, *, progress: bool) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the parts, with a bar where one is asked for."""
    if not progress:
        yield from parts
        return
    from rich.console import Console  # noqa: PLC0415 -- only where a bar is asked for
    from rich.progress import track  # noqa: PLC0415

    yield from track(parts, "Changes", total=count, console=Console(stderr=True))


def _row(trial: Trial, change: Attempt) -> tuple[Any, ...]:
    """Return what a change brings; the trial is left as it was."""
    begun, before = trial.steps, trial.baseline.coverage
    gained, lost = trial.follow(change.scenario).change_in_people()
    served = _served(before, trial.coverage()) if before.sites.has_capacity else ()
    while trial.steps > begun:
        trial.undo()
    site, added = change.closed if change.site is None else change.site, change.scenario.added
    if added:
        name, kind, cost = added[0].name, added[0].kind, added[0].cost
    else:
        row = before.sites.rows([site])[0]
        name, kind, cost = before.sites.name[row], str(before.sites.kind[row]), float(before.sites.cost[row])
    told = (change.action, site, change.closed if change.action == "swap" else None, name, kind)
    covered = before.covered_people + gained - lost
    share = share_of(covered, before.population)
    return (*told, gained, lost, gained - lost, covered, share, 0.0 if change.site is None else cost, *served)


def _served(before: Coverage, after: Coverage) -> tuple[float, float]:
    """Return who of the covered finds room after a change, and how many more than before."""
    then = float(served_of(after).sum())
    return then, then - float(served_of(before).sum())
