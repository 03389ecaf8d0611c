"""How sure the headline of a report is: the bar, its sources, what would narrow it, and what it does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.measures.tables import TOTAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from accessibility.present.language import Tongue
    from accessibility.uncertainty import Interval, Uncertainty

BAR_COLUMNS = ("covered_share_low", "covered_share_high")
PLACE_COLUMNS = ("covered_probability", "certainty")
_HOLDS = ("holds_outlets", "holds_paths", "holds_people", "holds_homes", "holds_settings", "holds_speed")
_LEAVES = ("leaves_rules", "leaves_open", "leaves_changes", "leaves_unknown", "leaves_few")
_LEAST_POINTS = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class SureFacts:
    """How sure a headline is.

    Parameters
    ----------
    interval
        Where the share truly lies, 95 times of 100.
    draws, seed
        Of which draws.
    bias_points, error_points
        How far the middle of the draws lies from the headline, and the Monte-Carlo error of that.
    people
        People surely in, surely out and unsure.
    sources, improvements
        One row per source of error, and one row per improvement of the data.
    districts
        Ends of the bar of each district, by name.
    """

    interval: Interval
    draws: int
    seed: int
    bias_points: float
    error_points: float
    people: Mapping[str, float]
    sources: pd.DataFrame
    improvements: pd.DataFrame
    districts: pd.DataFrame

    def record(self) -> dict[str, Any]:
        """Return what the manifest says about it."""
        low, high = BAR_COLUMNS
        return {
            "draws": self.draws,
            "seed": self.seed,
            low: self.interval.low,
            high: self.interval.high,
            "error": self.interval.error,
            "bias_points": self.bias_points,
            "people": dict(self.people),
            "sources": {row["source"]: row["sd_points"] for row in self.sources.to_dict("records")},
            "improvements": {row["improvement"]: row["points"] for row in self.improvements.to_dict("records")},
        }


def tell_sureness(sure: Uncertainty, district: pd.Series[Any]) -> SureFacts:
    """Return what the report says about how sure its headline is."""
    better = sure.improvements()
    named = [", ".join(map(str, ids)) for ids in better["ids"]]
    return SureFacts(
        interval=sure.interval,
        draws=sure.draws,
        seed=sure.seed,
        bias_points=sure.bias_points,
        error_points=sure.error_points,
        people=sure.certain_people,
        sources=sure.table(),
        improvements=better.assign(ids=named),
        districts=sure.by(district)[["low", "high"]].set_axis(list(BAR_COLUMNS), axis=1),
    )


def with_bars(table: pd.DataFrame, sure: SureFacts | None) -> pd.DataFrame:
    """Return ``districts.csv`` with the ends of the bar of each row; as it is where that was not asked for."""
    if sure is None:
        return table
    ends = sure.districts.reindex(table["district"])
    ends.index = table.index
    whole = table["district"] == TOTAL
    for name, end in zip(BAR_COLUMNS, (sure.interval.low, sure.interval.high), strict=True):
        ends[name] = np.where(whole, end, ends[name])
    return table.assign(**{name: ends[name].astype(float) for name in BAR_COLUMNS})


def with_certainty(places: gpd.GeoDataFrame, sure: Uncertainty | None) -> gpd.GeoDataFrame:
    """Return ``demand.parquet`` with the probability of each place, before the geometry."""
    if sure is None:
        return places
    found = places.copy()
    values = (sure.probability, pd.array(sure.certainty.tolist(), dtype="string"))
    for name, value in zip(PLACE_COLUMNS, values, strict=True):
        found.insert(found.columns.get_loc("geometry"), name, value)
    return found


def say_bar(sure: SureFacts, tongue: Tongue) -> str:
    """Return the ends of the bar."""
    low, high = (tongue.percent(end, 1.0) for end in (sure.interval.low, sure.interval.high))
    return tongue("bar", low=low, high=high)


def say_sureness(sure: SureFacts, share: float, tongue: Tongue) -> str:
    """Return the bar in a sentence, with its Monte-Carlo error and how far its middle lies from the headline."""
    low, high = (tongue.percent(end, 1.0) for end in (sure.interval.low, sure.interval.high))
    return tongue(
        "bar_text",
        share=tongue.percent(share, 1.0),
        low=low,
        high=high,
        error=tongue.number(100 * sure.interval.error, 1),
        bias=tongue.points(sure.bias_points),
        bias_error=tongue.number(sure.error_points, 2),
        draws=tongue.number(sure.draws),
        seed=sure.seed,
    )


def say_certain_people(sure: SureFacts, tongue: Tongue) -> str:
    """Return how many people are surely in, surely out and unsure."""
    return tongue(
        "bar_people",
        within=tongue.number(sure.people["in"]),
        out=tongue.number(sure.people["out"]),
        unsure=tongue.number(sure.people["unsure"]),
    )


def say_improvement(sure: SureFacts, tongue: Tongue) -> str:
    """Return which single improvement of the data narrows the bar most, and what it is worth."""
    best = sure.improvements.head(1).to_dict("records")
    if not best or not best[0]["points"] < -_LEAST_POINTS:
        return tongue("improve_none")
    points = tongue.points(best[0]["points"])
    what = tongue(f"do_{best[0]['improvement']}", sites=tongue.number(best[0]["sites"]))
    rest = [row for row in sure.improvements.to_dict("records")[1:] if row["improvement"] == "survey-outlets"]
    first = tongue("improve_best", what=what, points=points)
    if not rest:
        return first
    survey = tongue(
        "improve_survey", sites=int(rest[0]["sites"]), points=tongue.points(rest[0]["points"]), ids=rest[0]["ids"]
    )
    return ("" if tongue.language == "zh" else " ").join((first, survey))


def say_holds(tongue: Tongue) -> list[str]:
    """Return what the bar holds, in plain words."""
    return [tongue(key) for key in _HOLDS]


def say_leaves(tongue: Tongue) -> list[str]:
    """Return what the bar does not hold."""
    return [tongue(key) for key in _LEAVES]
