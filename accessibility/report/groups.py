"""Coverage of groups of people: those of 60 and older, say."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from accessibility.report.tables import speed_text
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from accessibility.coverage import Coverage

_OLD = re.compile(r"(?<!\d)(60|65|70|75|80|85)(?!\d)|老|elder|senior", re.IGNORECASE)


def is_elderly(group: str) -> bool:
    """Return whether a group is of old people, by its name.

    Examples
    --------
    >>> [is_elderly(name) for name in ("60+", "aged 65 and over", "老年人", "elderly", "women", "0-14")]
    [True, True, True, True, False, False]
    """
    return _OLD.search(group) is not None


def group_table(coverage: Coverage, slow: Coverage) -> pd.DataFrame:
    """Return a row a group: its people, covered people and share, and for old people the same at their own speed.

    Parameters
    ----------
    coverage
        Who is covered.
    slow
        The same at the speed of old people, 0.8 m/s.

    Returns
    -------
    table
        Indexed by group: population, covered, covered_share, covered_elderly, covered_share_elderly. The last two are
        missing for groups that `is_elderly` does not know, a share also where the group has nobody. Shares are 0 to 1.
    """
    rows = {}
    for name, people in coverage.demand.groups.items():
        whole, covered = float(people.sum()), float(people[coverage.covered].sum())
        old = float(people[slow.covered].sum()) if is_elderly(name) else math.nan
        rows[name] = {
            "population": whole,
            "covered": covered,
            "covered_share": _share(covered, whole),
            "covered_elderly": old,
            "covered_share_elderly": _share(old, whole),
        }
    columns = ["population", "covered", "covered_share", "covered_elderly", "covered_share_elderly"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("group")


def group_notes(table: pd.DataFrame, speed_m_s: float, slow_m_s: float) -> tuple[str, ...]:
    """Return a sentence a row of `group_table`, both parts of each share in it."""
    return tuple(_sentence(row, speed_m_s, slow_m_s) for row in table.reset_index().to_dict("records"))


def group_record(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return the rows of `group_table` for a manifest, what is missing as None."""
    told = table[["population", "covered", "covered_share", "covered_share_elderly"]]
    return {
        str(name): {str(column): None if math.isnan(value) else float(value) for column, value in row.items()}
        for name, row in told.to_dict("index").items()
    }


def _sentence(row: dict[Any, Any], speed_m_s: float, slow_m_s: float) -> str:
    if not row["population"] > 0:
        return f"{row['group']}: nobody"
    of = f"of {row['population']:,.0f} people"
    first, second = percent_text(row["covered_share"]), f"({row['covered']:,.0f})"
    usual = f"covered at {speed_text(speed_m_s)} m/s"
    if math.isnan(row["covered_elderly"]) or speed_m_s == slow_m_s:
        return f"{row['group']}: {first} {of} {second} {usual}"
    slow = f"{percent_text(row['covered_share_elderly'])} {of} ({row['covered_elderly']:,.0f})"
    return (
        f"{row['group']}: {slow} covered at {speed_text(slow_m_s)} m/s; {first} {second} at {speed_text(speed_m_s)} m/s"
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
