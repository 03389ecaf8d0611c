"""How sure a report is: the bar of the headline, its sources, what would narrow it; and how a proposal holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.measures.tables import TOTAL
from accessibility.present.language import Locale

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from accessibility.uncertainty import Interval, Uncertainty

BAR_COLUMNS = ("covered_share_low", "covered_share_high")
PLACE_COLUMNS = ("covered_probability", "certainty")
_HOLDS = ("holds_outlets", "holds_paths", "holds_people", "holds_homes", "holds_settings", "holds_speed")
_LEAVES = ("leaves_rules", "leaves_open", "leaves_changes", "leaves_unknown", "leaves_few")
_LEAST_POINTS = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class SureFacts:
    """How sure a headline is."""

    interval: Interval  # where the share truly lies, 95 times of 100
    # draws, seed: of which draws
    draws: int
    seed: int
    # bias_points, error_points: how far the middle of the draws lies from the headline, and the Monte-Carlo error of
    # that
    bias_points: float
    error_points: float
    people: Mapping[str, float]  # people surely in, surely out and unsure
    # sources, improvements: one row per source of error, and one row per improvement of the data
    sources: pd.DataFrame
    improvements: pd.DataFrame
    districts: pd.DataFrame  # ends of the bar of each district, by name

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


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldFacts:
    """How a proposal holds over draws of the inputs, and a plan that is best over them."""

    aim: str  # what the robust plan is best in: its share on average (`mean`), or in the worst tenth of the draws
    # draws, seed, tenth: of which draws; how many are a tenth
    draws: int
    seed: int
    tenth: int
    proven: int  # in how many draws the best plan is proven to be the best
    # selected, must_have: sites of the robust plan; those in the best plan of nine draws of ten
    selected: tuple[str, ...]
    must_have: tuple[str, ...]
    # objective, bound, status, bound_by, error_points: share of the robust plan in what it is best in, a share that no
    # plan exceeds over these draws, and on what that stands; the Monte-Carlo error of the first
    objective: float
    bound: float
    status: str
    bound_by: str
    error_points: float
    # plans, gains, sites: one row per plan, per difference and per site
    plans: pd.DataFrame
    gains: pd.DataFrame
    sites: pd.DataFrame

    def record(self) -> dict[str, Any]:
        """Return what the manifest says about it."""
        told = ("aim", "draws", "seed", "status", "objective", "bound", "bound_by", "error_points")
        tables = {"plans": self.plans, "gains": self.gains}
        return {
            **{name: getattr(self, name) for name in told},
            "proven_draws": self.proven,
            "selected": list(self.selected),
            "must_have": list(self.must_have),
            **{name: table.set_index("plan").to_dict("index") for name, table in tables.items()},
            "sites": dict(zip(self.sites["id"], self.sites["probability"], strict=True)),
        }


def find_sureness(sure: Uncertainty, district: pd.Series[Any]) -> SureFacts:
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


def format_bar(sure: SureFacts, locale: Locale) -> str:
    """Return the ends of the bar."""
    low, high = (locale.percent(end, 1.0) for end in (sure.interval.low, sure.interval.high))
    return locale("bar", low=low, high=high)


def format_sureness(sure: SureFacts, share: float, locale: Locale) -> str:
    """Return the bar in a sentence, with its Monte-Carlo error and how far its middle lies from the headline."""
    low, high = (locale.percent(end, 1.0) for end in (sure.interval.low, sure.interval.high))
    return locale(
        "bar_text",
        share=locale.percent(share, 1.0),
        low=low,
        high=high,
        error=locale.number(100 * sure.interval.error, 1),
        bias=locale.points(sure.bias_points),
        bias_error=locale.number(sure.error_points, 2),
        draws=locale.number(sure.draws),
        seed=sure.seed,
    )


def format_certain_people(sure: SureFacts, locale: Locale) -> str:
    """Return how many people are surely in, surely out and unsure."""
    return locale(
        "bar_people",
        within=locale.number(sure.people["in"]),
        out=locale.number(sure.people["out"]),
        unsure=locale.number(sure.people["unsure"]),
    )


def format_improvement(sure: SureFacts, locale: Locale) -> str:
    """Return which single improvement of the data narrows the bar most, and what it is worth."""
    best = sure.improvements.head(1).to_dict("records")
    if not best or not best[0]["points"] < -_LEAST_POINTS:
        return locale("improve_none")
    points = locale.points(best[0]["points"])
    what = locale(f"do_{best[0]['improvement']}", sites=locale.number(best[0]["sites"]))
    rest = [row for row in sure.improvements.to_dict("records")[1:] if row["improvement"] == "survey-outlets"]
    first = locale("improve_best", what=what, points=points)
    if not rest:
        return first
    survey = locale(
        "improve_survey", sites=int(rest[0]["sites"]), points=locale.points(rest[0]["points"]), ids=rest[0]["ids"]
    )
    return ("" if locale.language == "zh" else " ").join((first, survey))


def format_bars(sure: SureFacts, share: float) -> dict[str, tuple[str, ...]]:
    """Return how sure the headline is, and what would narrow the bar, in sentences by language."""
    return {
        locale.language: (
            format_sureness(sure, share, locale),
            format_certain_people(sure, locale),
            format_improvement(sure, locale),
        )
        for locale in (Locale("en"), Locale("zh"))
    }


def format_holds(locale: Locale) -> list[str]:
    """Return what the bar holds, in plain words."""
    return [locale(key) for key in _HOLDS]


def format_leaves(locale: Locale) -> list[str]:
    """Return what the bar does not hold."""
    return [locale(key) for key in _LEAVES]


def format_held(held: HeldFacts, locale: Locale) -> str:
    """Return which plan is best over the draws, and what is proven of it."""
    return locale(
        "held_text",
        draws=locale.number(held.draws),
        seed=held.seed,
        aim=locale(f"aim_{held.aim}", tenth=locale.number(held.tenth)),
        sites=locale.listed(held.selected) or locale("held_nothing"),
        objective=locale.percent(held.objective, 1.0),
        error=locale.number(held.error_points, 2),
        bound=locale.percent(held.bound, 1.0),
        by=locale(f"by_{held.bound_by}"),
        status=locale(f"status_{held.status}"),
    )


def format_must_have(held: HeldFacts, locale: Locale) -> str:
    """Return the sites that nearly every draw wants."""
    return locale("held_must", sites=locale.listed(held.must_have) or locale("held_nothing"))


def format_instead(held: HeldFacts, locale: Locale) -> str:
    """Return what the robust plan is worth beside the proposal, and whether that is noise."""
    named = {row["plan"]: row for row in held.gains.to_dict("records")}
    both = held.sites[["by_inputs", "robust"]].to_numpy()
    if (both[:, 0] == both[:, 1]).all():
        return locale("held_same")
    row = named["instead"]
    verdict = "held_noise" if row["noise"] else "held_better" if row["gain_low"] > 0 else "held_worse"
    return locale(
        "verdict_instead",
        points=locale.points(row["gain_points"]),
        low=locale.points(row["gain_low"]),
        high=locale.points(row["gain_high"]),
        error=locale.number(row["gain_error"], 2),
        better=locale.percent(row["better"], 1.0),
        verdict=locale(verdict),
    )
