"""Two views of a study beside each other: how many each covers, who gains and loses; a scenario beside today."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.present.map.outlines import count
from accessibility.present.map.overlays import classify_changes, edited_streets
from accessibility.present.report.differences import (
    ShownScenario,
    changes_html,
    district_html,
    headline_html,
    sites_html,
    steps_html,
)
from accessibility.present.report.mapsketch import draw_change
from accessibility.present.symbols import label_sites
from accessibility.whatif.comparison import ALL, NO_DISTRICT, TOTAL, compare_coverages, compare_scenarios
from accessibility.wording import cost_text

if TYPE_CHECKING:
    from accessibility.measures.coverage import Coverage
    from accessibility.present.language import MapWords
    from accessibility.present.report.mapsketch import Paper
    from accessibility.study.study import Study
    from accessibility.whatif.scenario import Scenario
    from accessibility.whatif.trial import Trial

_COLUMNS = ("beside_a", "beside_b", "beside_gained", "beside_lost", "change")


def format_beside(
    study: Study, one: tuple[Scenario, Coverage], other: tuple[Scenario, Coverage], words: MapWords
) -> dict[str, Any]:
    """Return what differs between two scenarios of a study, as texts: those of `compare_coverages`, and their costs.

    Parameters
    ----------
    study
        Whose districts, and today.
    one, other
        The map on the left, A, and the one on the right, B: what is different from today, and who is covered then.
    words
        In which languages.

    Returns
    -------
    dict
        ``said`` (two sentences per language: people, costs), ``head`` (of the columns) and ``rows``: one per district,
        those that change most first.

    Examples
    --------
    >>> from accessibility.present.language import MapWords
    >>> closed = acc.Scenario(closed=("O001",))
    >>> today = acc.Scenario(), study.coverage()
    >>> told = format_beside(study, (closed, study.coverage(closed)), today, MapWords.of("en"))["said"]
    >>> told[0]
    ['en', 'A: 0.0 % (0) · B: 52.4 % (1,100) of 2,100 people. From A to B 1,100 gain, 0 lose: +1,100.']
    >>> told[1]
    ['en', 'Cost of what opens: A 0, B 0.']
    """
    costs = compare_scenarios(study.coverage(), [one, other])["cost"].tolist()
    table = compare_coverages(one[1], other[1], study.district).xs(ALL, level="setting")
    whole = {str(column): float(table.at[TOTAL, column]) for column in table.columns}  # type: ignore[arg-type]
    said = {
        "people": count(whole["population"]),
        "one": count(whole["covered_before"]),
        "other": count(whole["covered_after"]),
        "share_one": words.percent(whole["covered_before"], whole["population"]),
        "share_other": words.percent(whole["covered_after"], whole["population"]),
        "gained": count(whole["gained"]),
        "lost": count(whole["lost"]),
        "change": _signed(whole["gained"] - whole["lost"]),
    }
    districts = table.drop(index=TOTAL)
    change = (districts["gained"] - districts["lost"]).abs()
    rows = districts.loc[change.sort_values(ascending=False, kind="stable").index]
    return {
        "said": [[language, text] for language, text in words.lines("beside", **said) + _costs(study, costs, words)],
        "head": [words(column) for column in _COLUMNS],
        "rows": [_row(name, row, words) for name, row in [*rows.iterrows()] if row["population"] > 0],
    }


def _costs(study: Study, costs: list[float], words: MapWords) -> list[tuple[str, str]]:
    unit = study.settings.siting.cost_unit
    said = [words.by_language(partial(cost_text, cost, unit)) for cost in costs]
    return words.lines("beside_cost", one=said[0], other=said[1])


def format_trial(study: Study, trial: Trial, words: MapWords, paper: Paper) -> ShownScenario:
    """Return a trial beside today: a picture of who gains and who loses, and the figures as markup.

    Parameters
    ----------
    study
        Whose trial it is.
    trial
        What is tried.
    words
        In which languages.
    paper
        What all pictures of the study share.
    """
    before, after, scenario = trial.baseline.coverage, trial.coverage(), trial.scenario
    changes = classify_changes(before, after, words)
    cost = float(compare_scenarios(before, [(scenario, after)])["cost"].iloc[0])
    labels, table = label_sites(after.sites, study.names), trial.compare()
    figures = (
        headline_html(before, after, table, words) + changes_html(changes),
        steps_html(scenario, after.sites, labels, cost, words),
        sites_html(words),
        district_html(table, words),
    )
    edited = [
        (np.array(line, float), layer["style"]["color"])
        for layer in edited_streets(after.snapped.streets(study.network), words)
        for feature in layer["features"]
        for line in _lines(feature["geometry"])
    ]
    return ShownScenario(name=scenario.name, picture=str(draw_change(paper, after, changes, edited)), figures=figures)


def _lines(geometry: dict[str, Any]) -> list[Any]:
    """Return the lines of a geometry of GeoJSON."""
    found = geometry["coordinates"]
    return [found] if geometry["type"] == "LineString" else list(found)


def _row(name: Any, row: Any, words: MapWords) -> list[str]:
    shares = [
        next(iter(words.percent(row[f"covered_{when}"], row["population"]).values())) for when in ("before", "after")
    ]
    called = words("no_district") if name == NO_DISTRICT else str(name)
    return [called, *shares, count(row["gained"]), count(row["lost"]), _signed(row["gained"] - row["lost"])]


def _signed(people: float) -> str:
    text = count(abs(people))
    return "±0" if text == "0" else f"{'−' if people < 0 else '+'}{text}"  # noqa: RUF001 -- a minus
