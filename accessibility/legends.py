"""What a map says in words: title, headline, rules, classes with their people, sources."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from accessibility.outlines import count, share
from accessibility.overlays import PeopleClasses, shade_limits, shade_of

if TYPE_CHECKING:
    from collections.abc import Mapping


NO_APPROVAL = "____"


@dataclass(frozen=True, kw_only=True)
class MapCaption:
    """The words on a map.

    Parameters
    ----------
    title, date
        What the map shows, and of when.
    headline
        The result in one sentence, a share with both its parts.
    rules
        The rule of each setting, ``setting: words``.
    speed_m_s
        Walking speed.
    sources
        Attribution texts.
    approval
        The map approval number (审图号) that a map published in China carries; a blank to fill in where empty.
    """

    title: str
    date: str
    headline: str
    rules: tuple[str, ...]
    speed_m_s: float
    sources: tuple[str, ...] = ()
    approval: str = ""

    @property
    def rule_rows(self) -> list[tuple[str, str]]:
        """Settings and their rules; settings of the same rule stand together."""
        found: dict[str, list[str]] = {}
        for rule in self.rules:
            setting, _, words = rule.partition(": ")
            found.setdefault(words, []).append(setting)
        return [(" and ".join(settings).capitalize(), words) for words, settings in found.items()]

    @property
    def approval_text(self) -> str:
        """The approval number, or the blank for it."""
        return f"审图号: {self.approval or NO_APPROVAL}"


def class_table(classes: PeopleClasses, *, shaded: bool) -> dict[str, Any]:
    """Return what the legend shows of a layer: a row a class with its people and their share, and the total."""
    total = classes.total
    rows = [
        {"colour": colour, "label": label, "people": count(people), "share": _percent(people, total)}
        for label, colour, people in zip(classes.labels, classes.colours, classes.people, strict=True)
    ]
    table: dict[str, Any] = {
        "name": classes.name,
        "rows": rows,
        "total": count(total),
        "whom": classes.whom,
        "shades": [],
    }
    limits = [f"{limit:g}" for limit in shade_limits(classes)] if shaded else []
    if limits:
        between = [f"{low} to {high}" for low, high in pairwise(limits)]
        words = [f"below {limits[0]}", *between, f"{limits[-1]} or more"]
        table["shades"] = [(shade_of("#555555", k, len(words)), word) for k, word in enumerate(words)]
    return table


def drawing_notes(
    layers: tuple[PeopleClasses, ...], *, how: str, unplaced: float, hidden: Mapping[str, float]
) -> list[str]:
    """Return what a reader must know of how people are drawn, and the people the picture does not show."""
    notes = [how]
    for layer in layers:
        people = hidden.get(layer.name, 0.0)
        if people >= 0.5:  # noqa: PLR2004 -- rounds to a person
            notes.append(
                f"{layer.name}: where cells share a pixel the class with the most people is shown;"
                f" {share(people, layer.total)} people stand in another class's colour."
            )
    if unplaced > 0:
        notes.append(f"{count(unplaced)} people without a place are counted above and not drawn.")
    return notes


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole > 0 else ""
