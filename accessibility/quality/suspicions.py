"""What a study's figures speak against: people twice, sums among places, limits in another unit."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from accessibility.errors import Finding
from accessibility.geo.arrays import finite_rows
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.surface import FAR_M
from accessibility.quality.impact import WeighedFinding, change_text, points_of
from accessibility.sources.quantities import ages_of
from accessibility.standards import Rule, Standard
from accessibility.study.loading.context import is_raster
from accessibility.study.saving import file_of, original_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.measures.coverage import Coverage
    from accessibility.standards import Walker
    from accessibility.study.study import Study
    from accessibility.whatif.scenario import Scenario

_MINUTES, _KM, _FASTEST_M_S = (2.0, 180.0), (0.1, 50.0), 2.0  # beyond, nobody means it
_MINUTE_S = 60.0
_THOUSAND = 1_000.0
_SAME_M, _JITTER_M, _PAIRED_M = 1.0, 15.0, 100.0
_DIFFER = 0.2  # of rows agree with the one after the nearest, too: then people were shared out equally
_TWINS, _JITTERED = 3, 6  # rows that are no accident
_AGREE = 0.8
_SHARE = 0.2
_NEARLY = 0.99  # of the people
_ROUNDED = 1e-3  # a sum of numbers that were rounded, or of a table that lost a small row
_THIRD, _FAR, _LEVEL, _PERCENT = 5, 3.0, 1.5, 100.0  # places; times as many people; times as large a group
_ROWS = 5  # one of fewer may well be the sum of the others


def limits_in_other_units(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield the limits and speeds that nobody walks, with what they would be in another unit and what that is worth."""
    for said, meant, walker, standard in _other_limits(now.walker, now.standard):
        yield _of_limit(study.path.name, said, meant, now, study.coverage(walker=walker, standard=standard))
    for said, meant, demand in _other_limits_of_people(now.demand):
        other = measure_coverage(study.network, demand, study.sites, now.standard, now.walker)
        yield _of_limit(file_of(study, "population"), said, meant, now, other)


def _of_limit(source: str, said: str, meant: str, now: Coverage, other: Coverage) -> WeighedFinding:
    change = other.covered_people - now.covered_people
    return WeighedFinding(
        code="limit-unit",
        source=source,
        message=f"{said} By {meant}, {change_text(now, change)}",
        people=abs(change),
        points_of_coverage=points_of(now, change),
    )


def doubts_of_scenario(scenario: Scenario, then: Coverage, source: str) -> list[Finding]:
    """Return what speaks against a scenario: limits that nobody walks, places of sites far from every street.

    Parameters
    ----------
    scenario
        The scenario.
    then
        Its coverage.
    source
        The file it stands in.
    """
    name = scenario.name
    doubts = []
    if scenario.settings.standard is not None or scenario.settings.speed_m_s is not None:
        for said, *_ in _other_limits(then.walker, then.standard):
            doubts.append(Finding(code="limit-unit", source=source, message=f"scenario {name!r}: {said}"))
    at = then.snapped.sites
    placed = [site.id for site in scenario.added] + [site.id for site in scenario.moved]
    for row in then.sites.rows(placed).tolist():
        if at.leg_m[row] > FAR_M:
            site, metres = then.sites.ids[row], f"{at.leg_m[row]:,.0f}"
            message = f"scenario {name!r}: site {site!r} stands {metres} m from the nearest street: is its place wrong?"
            doubts.append(Finding(code="site-off-streets", source=source, message=message))
    return doubts


def _other_limits(walker: Walker, standard: Standard) -> Iterator[tuple[str, str, Walker, Standard]]:
    """Yield what is said, what may be meant, and walker and standard by that."""
    for rule in dict.fromkeys(rule for _, rule in standard.rules):
        said, factor = _no_walk(rule)
        if said:
            meant = Rule(measure=rule.measure, limit=rule.limit * factor)
            same = {setting: meant if other == rule else other for setting, other in standard.rules}
            yield said, meant.text, walker, Standard(rules=same)
    if walker.speed_m_s > _FASTEST_M_S:
        said = f"{walker.speed_m_s:g} m/s, {3.6 * walker.speed_m_s:.1f} km/h, is no walk: is it in km/h?"
        slow = replace(walker, speed_m_s=walker.speed_m_s / 3.6)
        yield said, f"{walker.speed_m_s:g} km/h", slow, standard


def _other_limits_of_people(demand: Demand) -> Iterator[tuple[str, str, Demand]]:
    """Yield what is said of a limit of people's own, what may be meant, and the people with that."""
    for in_time, limits in ((True, demand.limit_s), (False, demand.limit_m)):
        for limit in [] if limits is None else np.unique(limits[~np.isnan(limits)]).tolist():
            rule = Rule(measure="walk" if in_time else "network", limit=limit)
            said, factor = _no_walk(rule)
            if said:
                other = np.asarray(np.where(limits == limit, limit * factor, limits), dtype=np.float64)
                meant = replace(demand, limit_s=other) if in_time else replace(demand, limit_m=other)
                yield said, replace(rule, limit=limit * factor).text, meant


def _no_walk(rule: Rule) -> tuple[str, float]:
    """Return what is said of a limit that nobody means, and what to multiply it with; an empty text for others."""
    if rule.measure != "walk":
        kilometres = rule.limit / _THOUSAND
        if _KM[0] <= kilometres <= _KM[1]:
            return "", 1.0
        near = kilometres < _KM[0]
        said = f"{kilometres:,g} km are no walk: are they {'thousands of km' if near else 'metres'}?"
        return said, _THOUSAND if near else 1 / _THOUSAND
    minutes = rule.limit / _MINUTE_S
    if _MINUTES[0] <= minutes <= _MINUTES[1]:
        return "", 1.0
    few = minutes < _MINUTES[0]
    said = f"{minutes:,g} minutes are no walk: are they {'hours' if few else 'seconds'}?"
    return said, _MINUTE_S if few else 1 / _MINUTE_S


def repeated_people(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield rows of a table that stand beside another one with the same people, and rows that sum up all others."""
    name = file_of(study, "population")
    if is_raster(Path(original_names(study).get(name, name))) or study.settings.inputs.population.buildings:
        return
    for code, rows, text in (*_twins(now), *_sums(now.demand.population)):
        people = float(now.demand.population[rows].sum())
        left = now.population - people
        if not left > 0:
            continue
        shown = ", ".join(map(str, now.demand.ids[rows][:5]))
        covered = now.covered_people - float(now.demand.population[rows & now.covered].sum())
        points = 100 * (covered / left - now.share)
        message = (
            f"{text} ({shown}): without {'them' if rows.sum() > 1 else 'it'} {left:,.0f} people, and coverage would "
            f"change by {points:+.2f} points"
        )
        yield _of_people(study, code=code, message=message, people=people, points=points, count=int(rows.sum()))


def _twins(now: Coverage) -> Iterator[tuple[str, NDArray[np.bool_], str]]:
    """Yield the later rows of pairs at one place, or metres apart, with the same people."""
    people = now.demand.population
    rows = np.flatnonzero(finite_rows(now.demand.xy) & (people > 0))
    if len(rows) < 2:  # noqa: PLR2004 -- a pair
        return
    xy = now.demand.xy[rows]
    at = np.arange(len(rows))
    found_m, around = (np.asarray(found) for found in cKDTree(xy).query(xy, k=3))
    own = around == at[:, None]  # anywhere among the three: rows at one place come in any order
    own[~own.any(axis=1), -1] = True
    metres = found_m[~own].reshape(-1, 2)[:, 0]
    beside, after = around[~own].reshape(-1, 2).T
    equal, next_equal = (people[rows] == people[rows[np.minimum(row, len(rows) - 1)]] for row in (beside, after))
    later = beside < at
    same, near, paired = metres <= _SAME_M, metres <= _JITTER_M, metres <= _PAIRED_M
    if (same & equal & later).sum() >= _TWINS:
        twin, where = same & equal & later, "at the place of another row"
    elif _jittered(near, equal, people[rows]):
        twin, where = near & equal & later, f"within {_JITTER_M:.0f} m of another row"
    elif _jittered(paired, equal, people[rows]) and next_equal[paired].mean() <= _DIFFER:
        twin, where = paired & equal & later, f"within {_PAIRED_M:.0f} m of another row, and of no other,"
    else:
        return
    found = np.zeros(len(people), np.bool_)
    found[rows[twin]] = True
    text = f"{int(found.sum())} rows stand {where} with the same people: are they there twice?"
    yield "people-twice", found, text


def _jittered(near: NDArray[np.bool_], equal: NDArray[np.bool_], people: NDArray[np.float64]) -> bool:
    """Return whether rows that have another one beside them agree with it far more often than neighbours do."""
    many = near.sum() >= max(_JITTERED, _SHARE * len(near))
    return bool(many and equal[near].mean() >= _AGREE and len(np.unique(people[near])) >= _TWINS)


def _sums(people: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.bool_], str]]:
    """Yield the row that holds the sum of all others, or the rows that hold those of the rows after or before them."""
    whole = np.isclose(2 * people, people.sum(), rtol=_ROUNDED) & (people > 0)
    if len(people) >= _ROWS and whole.sum() == 1:
        yield "sum-of-others", whole, "one row has as many people as all others together: is it their sum?"
        return
    for order in (people, people[::-1]):
        heads = _heads(order)
        if heads is not None:
            rows = heads if order is people else heads[::-1]
            text = f"{int(rows.sum())} rows have as many people as those listed with them: are they sums?"
            yield "sum-of-others", rows, text
            return


def _heads(people: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Return which rows are each the sum of the two or more rows after them, if all rows divide so; else None."""
    found, at = np.zeros(len(people), np.bool_), 0
    while at < len(people):
        sums = np.cumsum(people[at + 1 :])
        end = int(np.searchsorted(sums, people[at] * (1 - 1e-9)))
        if end < 1 or end >= len(sums) or not np.isclose(sums[end], people[at], rtol=1e-9) or not people[at] > 0:
            return None
        found[at], at = True, at + end + 2
    return found if found.sum() > 1 else None


def groups_of_everybody(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each group that is everybody nearly everywhere, and each that is another one: its file or column is wrong.

    The headline counts everybody and stays; what is worth nothing is the figure of the group.
    """
    people = now.demand.population
    everybody = [name for name, group in now.demand.groups.items() if _alike(group, people)]
    for name in everybody:
        message = (
            f"group {name!r} is everybody at nearly every place: is its file or column that of all people? Its "
            f"{100 * now.share:.2f} % are those of all, the headline stays, and coverage would change by +0.00 points"
        )
        yield _of_people(study, code="group-is-everybody", message=message, people=float(people.sum()), points=0.0)
    others = [(name, group) for name, group in now.demand.groups.items() if name not in everybody]
    for (name, group), (other, same) in combinations(others, 2):
        if _alike(group, same):
            message = (
                f"groups {name!r} and {other!r} are the same people at nearly every place: is the file or column of "
                "one that of the other? The headline stays, and coverage would change by +0.00 points"
            )
            yield _of_people(study, code="groups-alike", message=message, people=float(group.sum()), points=0.0)


def groups_against_each_other(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield groups that are no people, that are larger than those they are part of, or more than everybody."""
    people, groups = now.demand.population, now.demand.groups
    for name, group in groups.items():
        if _is_share(group, people):
            message = (
                f"group {name!r} hardly differs between places of few and of many people: is it a share of them? Its "
                f"figures are those of {group.sum():,.0f} people, and coverage would change by +0.00 points"
            )
            yield _of_people(study, code="group-is-share", message=message, people=float(group.sum()), points=0.0)
    spans = {name: span for name in groups if (span := ages_of(name)) is not None}
    for (name, (low, high)), (other, (least, most)) in permutations(spans.items(), 2):
        more = groups[name] > groups[other] * (1 + _ROUNDED) + 1
        if least <= low and high <= most and (low, high) != (least, most) and more.any():
            message = (
                f"group {name!r} has more people than {other!r}, which holds it, at {int(more.sum())} places: are "
                "their files or columns exchanged? The headline stays, and coverage would change by +0.00 points"
            )
            lost = float(groups[name][more].sum())
            yield _of_people(study, code="groups-nested", message=message, people=lost, points=0.0)
    apart, top = [], -1.0
    for name in sorted(spans, key=lambda name: spans[name][1]):
        if spans[name][0] > top:
            apart.append(name)
            top = spans[name][1]
    together = sum(float(groups[name].sum()) for name in apart)
    if together > people.sum() * (1 + _ROUNDED) + len(people) and len(apart) > 1:
        message = (
            f"groups {', '.join(map(repr, apart))} exclude each other and are {together:,.0f} people together, of "
            f"{people.sum():,.0f} in all: are they of another year, or do they overlap? The headline stays, and "
            "coverage would change by +0.00 points"
        )
        yield _of_people(study, code="groups-exceed", message=message, people=together, points=0.0)


def _is_share(group: NDArray[np.float64], people: NDArray[np.float64]) -> bool:
    """Return whether a group is as large where few people live as where many do, and never more than a hundred."""
    rows = np.flatnonzero(people > 0)
    order = rows[np.argsort(people[rows], kind="stable")]
    few, many = order[: len(order) // 3], order[-(len(order) // 3) :]
    if len(few) < _THIRD or not 0 < group.max() <= _PERCENT or people[many].mean() < _FAR * people[few].mean():
        return False
    here, there = group[few], group[many]
    return bool(here.min() > 0 and there.mean() < _LEVEL * here.mean() and np.ptp(group[rows]) > 0)


def _alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether two groups of people are equal where nearly all of the larger live, at several places."""
    equal, larger = np.isclose(one, other, rtol=1e-3, atol=0.0), np.maximum(one, other)
    return bool(larger[equal].sum() >= _NEARLY * larger.sum() > 0 and (equal & (larger > 0)).sum() >= _TWINS)


def _of_people(study: Study, *, points: float | None, **said: Any) -> WeighedFinding:
    return WeighedFinding(source=file_of(study, "population"), points_of_coverage=points, **said)
