"""`Facts`: every figure that a report and its workbook tell, in one place, computed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.measures.tables import capacity_table
from accessibility.standards import CM_PER_M, M_PER_KM, MS_PER_S, S_PER_MIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.surface import StreetFigures
    from accessibility.measures.walkers import GroupCoverage
    from accessibility.present.report.uncertainty import HeldFacts, SureFacts
    from accessibility.present.symbols import SiteLabel
    from accessibility.siting.plan import SitingPlan
    from accessibility.standards import Standard, Walker

SENSITIVITY_COLUMNS = (
    *("what", "case", "population", "covered", "covered_share", "covered_share_radius", "points", "applies"),
)
FRONTIER_COLUMNS = ("budget", "covered_people", "bound_people", "population", "covered_share", "bound_share")
NO_WAY = "no way"


@dataclass(frozen=True, kw_only=True, eq=False)
class ProposalFacts:
    """A siting plan and what it brings, measured."""

    plan: SitingPlan
    table: pd.DataFrame  # its sites in opening order, with the columns of `sites.csv`
    covered_after: float  # people covered with all of them open, measured anew along the streets
    cost_unit: str = ""  # what costs are counted in; empty where they are only numbers


@dataclass(frozen=True, kw_only=True, eq=False)
class ServedFacts:
    """Who of the covered finds room, where sites have a capacity."""

    table: pd.DataFrame  # the rows of `capacity.csv`
    # served, unserved: people covered and served; people covered for whom the site that covers them has no room left
    served: float
    unserved: float
    # people covered and served with the sites of the proposal open; NaN without one.
    served_after: float = float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnWalks:
    """Who is covered where each group walks by its own walker."""

    table: pd.DataFrame  # the rows of `groups.csv`
    covered: float  # people covered, each by their own walker
    speeds: Mapping[str, float]  # metres a second of each group that has a walker
    served: float | None = None  # who of the covered finds room; None where no site has a capacity.


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """The blackspots of a report."""

    table: pd.DataFrame  # a row a blackspot, without its geometry
    # min_people, link_m: what makes one
    min_people: float
    link_m: float
    # scattered_people, scattered_clusters, unplaced_people: uncovered people in no blackspot
    scattered_people: float
    scattered_clusters: int
    unplaced_people: float


@dataclass(frozen=True, kw_only=True, eq=False)
class WholeFacts:
    """What is measured where all of a study is in memory, and not in tiles."""

    outside_people: float  # people covered only from outside the area, NaN where there is no area
    clusters: Clusters
    # ledger, choices: a row an open site; people with 0, 1 and 2+ sites within the rule
    ledger: pd.DataFrame
    choices: Mapping[str, float]
    # snap, streets, node_points: homes to streets by district; street density; what snapping to junctions would change
    snap: pd.DataFrame
    streets: StreetFigures
    node_points: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """Every figure that a report tells. Shares are 0 to 1, of people; tables are those of the CSV files of the run."""

    # study, date, version, sources: whose figures they are, of when, computed by which version, with which data
    # attribution
    study: str
    date: str
    version: str
    sources: tuple[str, ...]
    # standard, walker: what they were measured with; `slow_m_s` is the speed of old people.
    standard: Standard
    walker: Walker
    slow_m_s: float
    # as the manifest tells them: population, covered, uncovered, covered_share, covered_share_radius, unreached
    totals: Mapping[str, float]
    limited_people: float = 0.0  # people with a limit of their own
    # districts, settings, groups: `districts.csv`; one row per setting and a total; one row per group
    districts: pd.DataFrame
    settings: pd.DataFrame
    groups: pd.DataFrame
    sensitivity: pd.DataFrame  # one row per case, with `SENSITIVITY_COLUMNS`
    # times, distances: people by walking time and setting; rural people by distance, along the network and in a
    # straight line
    times: pd.DataFrame
    distances: pd.DataFrame
    whole: WholeFacts | None  # what else is measured where all is in memory; None in tiles
    # proposal, frontier: where there is one: the proposal, and what each budget buys (`FRONTIER_COLUMNS`)
    proposal: ProposalFacts | None = None
    frontier: pd.DataFrame = field(default_factory=lambda: tabulate_frontier(None, 0.0))
    quality: pd.DataFrame  # `quality.csv`
    labels: Mapping[str, SiteLabel] = field(default_factory=dict)  # what sites without a name are called, by id
    # parameters, inputs: one row per parameter (parameter, value); one row per file (role, file, sha256)
    parameters: pd.DataFrame
    inputs: pd.DataFrame
    # sure, held: how sure the headline is, and how the proposal holds over draws of the inputs, where that was asked
    # for
    sure: SureFacts | None = None
    held: HeldFacts | None = None
    service: ServedFacts | None = None  # who of the covered finds room, where sites have a capacity
    own: OwnWalks | None = None  # who is covered by walkers of their own, where the study gives some group one

    @property
    def population(self) -> float:
        """All people."""
        return self.totals["population"]

    @property
    def covered(self) -> float:
        """Covered people."""
        return self.totals["covered"]


def find_served(now: Coverage, site_district: pd.Series[Any], after: Coverage | None) -> ServedFacts | None:
    """Return who of the covered finds room, today and with a proposal; None where no site has a capacity."""
    if now.service is None:
        return None
    return ServedFacts(
        table=capacity_table(now.service, site_district),
        served=now.service.served_people,
        unserved=now.service.unserved_people,
        served_after=float("nan") if after is None or after.service is None else after.service.served_people,
    )


def find_own_walks(now: GroupCoverage | None, rows: pd.DataFrame | None) -> OwnWalks | None:
    """Return who is covered by walkers of their own; None where all walk alike."""
    if now is None or rows is None:
        return None
    speeds = {name: one.walker.speed_m_s for name, one in now.groups.items()}
    served = None if now.service is None else now.service.served_people
    return OwnWalks(table=rows, covered=now.covered_people, speeds=speeds, served=served)


def tabulate_sensitivity(now: Coverage, cases: Iterable[tuple[str, str, Coverage, bool]]) -> pd.DataFrame:
    """Return one row per case, and last one in which every distance is read as a straight line.

    Parameters
    ----------
    now
        The headline.
    cases
        What changes (``speed``, ``town``, ``compounds``, ``reading``), the case, its coverage, and whether it is the
        headline's.
    """
    rows = [_case(what, case, now, other, applies=applies) for what, case, other, applies in cases]
    straight = {
        **_case("reading", "radius", now, now, applies=any(rule.measure == "radius" for _, rule in now.standard.rules)),
        "covered": float(now.demand.population[now.covered_radius].sum()),
        "covered_share": now.share_radius,
        "points": 100 * (now.share_radius - now.share),
    }
    return pd.DataFrame([*rows, straight], columns=list(SENSITIVITY_COLUMNS))


def tabulate_times(coverage: Coverage) -> pd.DataFrame:
    """Return people by walking time: one row per class with its people of each setting, all, and their share."""
    minutes = coverage.standard.walk_classes
    step = _steps(coverage.walk_s, minutes, S_PER_MIN * MS_PER_S, MS_PER_S)
    people = coverage.demand.population
    labels = class_labels(minutes)
    table = pd.DataFrame({"class": labels})
    for setting in coverage.demand.settings:
        here = coverage.demand.setting == setting
        table[setting] = np.bincount(step[here], weights=people[here], minlength=len(labels))
    table["people"] = np.bincount(step, weights=people, minlength=len(labels))
    return table.assign(share=_over(table["people"].to_numpy(), coverage.population))


def tabulate_distances(coverage: Coverage) -> pd.DataFrame:
    """Return people judged by distance (rural ones) by that: along the network, and in a straight line."""
    rural = np.isin(coverage.demand.setting, coverage.standard.distance_settings)
    people = coverage.demand.population[rural]
    kilometres = coverage.standard.distance_classes
    labels = class_labels(kilometres)
    by = {}
    for name, metres in (("network", coverage.metres), ("radius", coverage.radius_m)):
        step = _steps(metres[rural], kilometres, M_PER_KM * CM_PER_M, CM_PER_M)
        by[name] = np.bincount(step, weights=people, minlength=len(labels))
    return pd.DataFrame({"class": labels, **by, "population": float(people.sum())})


def tabulate_frontier(frontier: pd.DataFrame | None, population: float) -> pd.DataFrame:
    """Return what each budget buys, with shares of the population, the smallest budget first."""
    if frontier is None or frontier.empty:
        return pd.DataFrame(columns=list(FRONTIER_COLUMNS), dtype=float)
    table = frontier[["budget", "covered_people", "bound_people"]].astype(float).sort_values("budget")
    shares = {f"{n}_share": _over(table[f"{n}_people"].to_numpy(), population) for n in ("covered", "bound")}
    return table.assign(population=population, **shares)[list(FRONTIER_COLUMNS)].reset_index(drop=True)


def tabulate_parameters(parameters: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per parameter: its dotted name, and its value as text."""
    rows = list(_leaves("", parameters))
    return pd.DataFrame(rows, columns=["parameter", "value"])


def class_labels(limits: tuple[float, ...]) -> list[str]:
    """Return the names of the classes between limits.

    Examples
    --------
    >>> class_labels((2,))[1:]
    ['> 2', 'no way']
    """
    starts = (0, *limits[:-1])
    return [*(f"{a:g}\N{EN DASH}{b:g}" for a, b in zip(starts, limits, strict=True)), f"> {limits[-1]:g}", NO_WAY]


def _case(what: str, case: str, now: Coverage, other: Coverage, *, applies: bool) -> dict[str, Any]:
    return {
        "what": what,
        "case": case,
        "population": other.population,
        "covered": other.covered_people,
        "covered_share": other.share,
        "covered_share_radius": other.share_radius,
        "points": 100 * (other.share - now.share),
        "applies": applies,
    }


def _steps(values: NDArray[np.float64], limits: tuple[float, ...], unit: int, scale: int) -> NDArray[np.intp]:
    """Return the class of each value: within a limit is ``<=``, compared in integers; the last class has no value."""
    step = np.searchsorted(np.rint(np.array(limits) * unit), np.rint(values * scale), side="left")
    return np.where(np.isnan(values), len(limits) + 1, step)


def _over(part: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
    return part / whole if whole > 0 else np.full(len(part), np.nan)


def _leaves(name: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict) and set(value) == {"measure", "limit", "text"}:
        yield name, f"{value['measure']} {value['limit']:g} {'s' if value['measure'] == 'walk' else 'm'}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, (list, tuple)):
        yield name, ", ".join(map(str, value))
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
