"""The data-quality gate: every finding on a study's inputs, with its place and what it is worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import Finding, OutsideFinding
from accessibility.geo.projection import transform
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.surface import StreetFigures, measure_streets, name_districts, snap_table, snap_to_nodes
from accessibility.present.language import Locales
from accessibility.quality.impact import (
    WeighedFinding,
    change_text,
    misplaced_sites,
    missed_people,
    near_doubles,
    points_of,
    sites_not_open,
    sites_off_streets,
    sites_outside,
    stacked_sites,
)
from accessibility.quality.other_readings import (
    HEIGHT_CODES,
    coordinates_read_otherwise,
    heights_read_otherwise,
    people_counted_too,
    people_in_another_unit,
)
from accessibility.quality.suspicions import (
    groups_against_each_other,
    groups_of_everybody,
    limits_in_other_units,
    repeated_people,
)
from accessibility.sources.detection import ReadingFinding
from accessibility.streets.foot import FERRY
from accessibility.streets.pieces import find_crossings, join_crossings
from accessibility.streets.search.compiling import run_in_threads
from accessibility.streets.snapping import Snapped
from accessibility.study.saving import file_of, original_names
from accessibility.wording import message_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accessibility.measures.coverage import Coverage
    from accessibility.study.study import Study

QUALITY_COLUMNS = (*("code", "input", "message", "count", "people", "points_of_coverage", "district", "lon", "lat"),)
_WEIGHED_HERE = (
    *("duplicate-place", "geocoder-fallback", "totals-compared", "totals-differ"),
    *("enclosed-lanes", "unjoined-crossing"),
    *HEIGHT_CODES,
)
_WEIGHED_FROM = (ReadingFinding, OutsideFinding)
_PEOPLE_RATIO = 0.05  # counted people this far from a district's official total are worth a look


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """What a study's inputs are worth.

    Parameters
    ----------
    coverage
        Today's coverage, which everything is compared with.
    findings
        Warnings before notes, those worth most first.
    snap
        One row per district and a total: how far people live from their street.
    nearest_node_points
        Share covered with people and sites moved to the nearest junction, minus today's, in percentage points.
    streets
        Street density where people live.

    Examples
    --------
    A road of 2 km with an outlet at its start, people at 900 m and at its end: the first are too far from any junction:

    >>> import accessibility as acc
    >>> from accessibility.quality import measure_quality
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (502e3, 34e5)], "crs": "EPSG:32649"}
    >>> homes = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> town = acc.Study.of(road, homes, acc.Sites(ids=["O1"], xy=[(5e5, 34e5)], crs="EPSG:32649"))
    >>> quality = measure_quality(town)
    >>> quality.nearest_node_points, quality.table["code"].tolist()
    (-75.0, ['nearest-node'])
    """

    coverage: Coverage
    findings: tuple[WeighedFinding, ...]
    snap: pd.DataFrame
    nearest_node_points: float
    streets: StreetFigures

    @property
    def table(self) -> pd.DataFrame:
        """One row per finding, with the columns of ``quality.csv``."""
        rows = [asdict(finding) for finding in self.findings]
        frame = pd.DataFrame(rows, columns=[c if c != "input" else "source" for c in QUALITY_COLUMNS])
        return frame.rename(columns={"source": "input"})

    def table_in(self, language: str) -> pd.DataFrame:
        """Return the findings with their sentences in a language, as ``quality.csv`` has them.

        Parameters
        ----------
        language
            ``en``, ``zh`` or ``both`` (Chinese before English). Codes and columns stay as they are.

        Returns
        -------
        pandas.DataFrame
            One row per finding, with the columns of ``quality.csv``.

        Raises
        ------
        InputError
            Another language.

        Examples
        --------
        >>> quality.table_in("zh")["message"].str[:9].tolist()
        ['若将所有人归到最近']
        """
        locales, table = Locales.of(language), self.table
        told = [locales.short(lambda one, text=text: message_text(text, one.language)) for text in table["message"]]  # type: ignore[misc]
        return table.assign(message=pd.Series(told, index=table.index, dtype=table["message"].dtype))

    def to_dict(self) -> dict[str, Any]:
        """Return the findings, the snap report and the street figures as plain values.

        Returns
        -------
        dict
            ``findings``, ``snap``, ``streets`` and ``nearest_node_points``; None where a value is missing.

        Examples
        --------
        >>> [finding["code"] for finding in quality.to_dict()["findings"]]
        ['nearest-node']
        """
        return {
            "findings": _records(self.table),
            "snap": _records(self.snap),
            "streets": _records(pd.DataFrame([asdict(self.streets)]))[0],
            "nearest_node_points": self.nearest_node_points,
        }


def measure_quality(study: Study, now: Coverage | None = None) -> Quality:
    """Return every finding on a study's inputs and what each is worth in points of coverage.

    Kinds of findings are weighed beside each other, on as many threads as
    `accessibility.streets.search.compiling.limited_threads` says.

    Parameters
    ----------
    study
        The study, loaded.
    now
        Its coverage today, where it is known already.

    Returns
    -------
    Quality
        The findings, those worth most first, and the figures they are measured by.

    Examples
    --------
    >>> import accessibility as acc
    >>> from accessibility.quality import measure_quality
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> homes = acc.Demand(ids=["a"], xy=[(500100, 34e5)], population=[30], crs="EPSG:32649")
    >>> town = acc.Study.of(road, homes, acc.Sites(ids=["O1"], xy=[(5e5, 34e5)], crs="EPSG:32649"))
    >>> measure_quality(town).nearest_node_points
    0.0
    """
    now = study.coverage() if now is None else now
    moved = measure_at_nodes(study, now)
    read = (f for f in study.findings if f.code not in _WEIGHED_HERE and not isinstance(f, _WEIGHED_FROM))
    parts: tuple[Iterable[WeighedFinding], ...] = (
        (_weigh_read(finding, now) for finding in read),
        coordinates_read_otherwise(study, now),
        heights_read_otherwise(study, now),
        people_counted_too(study, now),
        stacked_sites(study, now),
        misplaced_sites(study, now),
        sites_not_open(study, now),
        sites_outside(study, now),
        sites_off_streets(study, now),
        near_doubles(study, now),
        missed_people(study, now),
        limits_in_other_units(study, now),
        people_in_another_unit(study, now),
        repeated_people(study, now),
        groups_of_everybody(study, now),
        groups_against_each_other(study, now),
        _rules(study, now),
        _shifted_grid(study, now),
        _official_totals(study, now),
        [_node_finding(study, now, moved)],
    )
    weighed = run_in_threads([partial(list[WeighedFinding], part) for part in parts])
    names = original_names(study)
    findings = [replace(f, source=names.get(f.source, f.source)) for part in weighed for f in part]
    findings.sort(key=lambda f: (not f.is_warning, f.points_of_coverage is None, -abs(f.points_of_coverage or 0.0)))
    return Quality(
        coverage=now,
        findings=tuple(findings),
        snap=snap_table(now, study.district, study.district_names),
        nearest_node_points=100 * (moved.share - now.share),
        streets=measure_streets(study.network, now),
    )


def measure_at_nodes(study: Study, now: Coverage) -> Coverage:
    """Return the coverage with everyone moved to the nearest junction of a main component, as a coarser tool does.

    People and sites without a street within their limit stay without one, so that the difference is the snap's alone.

    Parameters
    ----------
    study
        The study, loaded.
    now
        Its coverage today.

    Returns
    -------
    Coverage
        Of the same people and sites, elsewhere.

    Examples
    --------
    A road of 500 m with an outlet in its middle, 150 m from home; of two junctions, neither is as near:

    >>> import accessibility as acc
    >>> from accessibility.quality import measure_at_nodes
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (500500, 34e5)], edges=[(0, 1)], length_m=[500], crs="EPSG:32649")
    >>> home = acc.Demand(ids=["a"], xy=[(500100, 34e5)], population=[30], crs="EPSG:32649")
    >>> outlet = acc.Sites(ids=["O1"], xy=[(500250, 34e5)], crs="EPSG:32649")
    >>> town = acc.Study.of(road, home, outlet, standard=acc.Standard(urban=acc.Rule.walk(3)))
    >>> now = town.coverage()
    >>> now.covered_people, measure_at_nodes(town, now).covered_people
    (30.0, 0.0)
    """
    network = study.network
    people = transform(study.demand.xy, study.demand.crs, network.crs)
    sites = transform(study.sites.xy, study.sites.crs, network.crs)
    people[~now.snapped.demand.snapped] = np.nan
    sites[~now.snapped.sites.snapped] = np.nan
    at = Snapped(demand=snap_to_nodes(network, people), sites=snap_to_nodes(network, sites, public=True))
    return measure_coverage(network, study.demand, study.sites, now.standard, now.walker, at)


def _node_finding(study: Study, now: Coverage, moved: Coverage) -> WeighedFinding:
    people = now.demand.population
    missed, claimed = (float(people[one.covered & ~other.covered].sum()) for one, other in ((now, moved), (moved, now)))
    message = (
        f"moving everyone to the nearest junction would say {100 * moved.share:.2f} % covered, not"
        f" {100 * now.share:.2f} %: {missed:,.0f} people too few and {claimed:,.0f} too many; here they stand on"
        " the street between junctions"
    )
    return WeighedFinding(
        code="nearest-node",
        source=file_of(study, "network"),
        message=message,
        people=missed + claimed,
        points_of_coverage=100 * (moved.share - now.share),
    )


def _weigh_read(finding: Finding, now: Coverage) -> WeighedFinding:
    """Return a reader's finding with its worth, where it has one: people without a place are worth themselves."""
    points = None
    if finding.code == "people-without-place":
        points = points_of(now, now.demand.population[~np.isfinite(now.snapped.demand.leg_m) & ~now.covered].sum())
    return WeighedFinding(**asdict(finding), points_of_coverage=points)


def _rules(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield what other readings are worth: compounds, ferries, towns under either rule, the grid half a cell off."""
    compounds = int(study.network.private.sum())
    if compounds:
        walker = replace(now.walker, open_compounds=not now.walker.open_compounds)
        other = study.coverage(walker=walker, standard=now.standard)
        state = "open to everybody" if walker.open_compounds else "for residents only"
        yield _rule_finding(study, now, other, code="compounds", count=compounds, text=f"were all compounds {state}")
    yield from _streets_as_drawn(study, now)
    ferries = study.network.of_kind(FERRY)
    if ferries.any():
        ashore = study.network.without(ferries)
        other = measure_coverage(ashore, study.demand, study.sites, now.standard, now.walker)
        text = "were the ferries left out"
        yield _rule_finding(study, now, other, code="without-ferries", count=int(ferries.sum()), text=text)
    towns = now.demand.setting == "town"
    split = not now.standard.names_its_own and now.standard.urban != now.standard.rural
    if split and now.demand.population[towns].sum() > 0:
        as_rural = now.standard.town != now.standard.rural
        rule = now.standard.rural if as_rural else now.standard.urban
        other = study.coverage(walker=now.walker, standard=now.standard.changed(town=rule))
        text = f"were towns held to the {'rural' if as_rural else 'urban'} rule ({rule.text})"
        yield _rule_finding(study, now, other, code="town-rule", count=int(towns.sum()), text=text)


def _shifted_grid(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield what the headline hangs on where the 1 km grid of settlements lies: it is laid half a cell off."""
    people = now.demand.population
    others = [float(people[now.covered_as(setting)].sum()) for setting in study.shifted_settings]
    if not others or len({rule for _, rule in now.standard.rules}) == 1 or not now.population > 0:
        return
    shares = ", ".join(f"{100 * covered / now.population:.2f} %" for covered in others)
    change = max((covered - now.covered_people for covered in others), key=abs)
    moved = max(float(people[setting != now.demand.setting].sum()) for setting in study.shifted_settings)
    message = (
        f"were the 1 km grid of settlements laid half a cell west, south or both, {shares} would be covered, "
        f"not {100 * now.share:.2f} %; at most {moved:,.0f} people are in another setting"
    )
    yield WeighedFinding(
        code="shifted-grid",
        source=file_of(study, "population"),
        message=message,
        people=moved,
        points_of_coverage=points_of(now, change),
    )


def _streets_as_drawn(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield what it is worth that crossings without a junction do not join, and that unmarked lanes are private."""
    crossings = find_crossings(study.network)
    if len(crossings):
        joined = join_crossings(study.network, crossings)
        other = measure_coverage(joined, study.demand, study.sites, now.standard, now.walker)
        text = (
            f"streets cross or touch at {len(crossings):,} places without a junction and stay apart; were they joined"
        )
        yield _rule_finding(study, now, other, code="unjoined-crossing", count=len(crossings), text=text)
    enclosed = study.network.enclosed
    if enclosed.any():
        public = replace(study.network, private=study.network.private & ~enclosed)
        other = measure_coverage(public, study.demand, study.sites, now.standard, now.walker)
        lives = np.append(enclosed, False)[now.snapped.demand.edge]
        people, km = now.demand.population[lives].sum(), study.network.length_m[enclosed].sum() / 1_000
        text = (
            f"{int(enclosed.sum()):,} edges, {km:,.1f} km with {people:,.0f} people along, are public by tag, "
            "but only private ways lead there: taken as private; were they public"
        )
        found = _rule_finding(study, now, other, code="enclosed-lanes", count=int(enclosed.sum()), text=text)
        yield replace(found, people=float(people))


def _rule_finding(study: Study, now: Coverage, other: Coverage, *, code: str, count: int, text: str) -> WeighedFinding:
    change = other.covered_people - now.covered_people
    return WeighedFinding(
        code=code,
        source=study.path.name if code == "town-rule" else file_of(study, "network"),
        message=f"{text}, {change_text(now, change)}",
        count=count,
        people=abs(change),
        points_of_coverage=points_of(now, change),
    )


def _official_totals(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield how counted people compare with the official totals of districts, and the share with those instead."""
    if study.districts is None or "population" not in study.districts.columns:
        return
    official = pd.to_numeric(study.districts["population"], errors="coerce").rename(index=str)
    labels = pd.Index(name_districts(now, study.district))
    sums = pd.DataFrame({"people": now.demand.population, "covered": now.demand.population * now.covered})
    counted = sums.groupby(labels).sum().reindex(official.index, fill_value=0.0)
    known = official[official > 0]
    source = file_of(study, "area")
    for name, total in known.items():
        here = float(counted.loc[name, "people"])
        if abs(here / total - 1) > _PEOPLE_RATIO:
            times = f": {total / here:.2f} times as many" if here > 0 else ""
            message = f"{here:,.0f} people counted in {name}, {total:,.0f} officially{times}"
            yield WeighedFinding(
                code="official-total", source=source, message=message, people=abs(here - total), district=str(name)
            )
    both = known.index[counted.loc[known.index, "people"] > 0]
    if not len(both):
        return
    mine, theirs = counted.loc[both], known[both]
    # Each district's people scaled to its official total; people elsewhere keep their number.
    covered = now.covered_people + float((mine["covered"] * (theirs / mine["people"] - 1)).sum())
    share = covered / (now.population + float((theirs - mine["people"]).sum()))
    people, total = float(counted.loc[known.index, "people"].sum()), float(known.sum())
    times = f": {total / people:.2f} times as many" if people > 0 else ""
    ratio = f"{people:,.0f} people counted, {total:,.0f} officially{times}"
    yield WeighedFinding(
        code="official-totals",
        source=source,
        message=f"{ratio}; with official totals {change_text(now, (share - now.share) * now.population)}",
        count=len(known),
        people=people,
        points_of_coverage=100 * (share - now.share),
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    known = frame.astype(object).where(frame.notna() & ~frame.isin([np.inf]), None)
    return [{str(key): value for key, value in row.items()} for row in known.to_dict("records")]
