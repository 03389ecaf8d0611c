"""What a report needs to know of a study: measured once, then told as `Facts`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from accessibility import __version__
from accessibility.errors import UnprovenError
from accessibility.measures.blackspots import MIN_PEOPLE, Blackspots, find_blackspots
from accessibility.measures.coverage import Coverage, measure_coverage
from accessibility.measures.tables import group_table, setting_table
from accessibility.measures.walkers import measure_groups, record_own_totals, with_own_walks
from accessibility.present.language import MapWords
from accessibility.present.manifest import parameters_used, record_totals
from accessibility.present.report.facts import (
    Clusters,
    Facts,
    ProposalFacts,
    WholeFacts,
    find_own_walks,
    find_served,
    tabulate_distances,
    tabulate_frontier,
    tabulate_parameters,
    tabulate_sensitivity,
    tabulate_times,
)
from accessibility.present.report.illustrations import Pictures
from accessibility.present.report.mapsketch import Paper
from accessibility.present.report.uncertainty import HeldFacts, SureFacts, find_sureness, with_bars
from accessibility.present.symbols import label_sites
from accessibility.quality import Quality, measure_quality
from accessibility.sites import Sites
from accessibility.sources.cache import sha256_file
from accessibility.standards import Rule, Standard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accessibility.cli.folder import Subject
    from accessibility.measures.catchments import Ledger
    from accessibility.measures.walkers import GroupCoverage
    from accessibility.present.symbols import SiteLabel
    from accessibility.siting.plan import SitingPlan
    from accessibility.study.robustness import HeldPlans
    from accessibility.study.study import Study
    from accessibility.uncertainty import Uncertainty

SLOW_M_S = 0.8
SPEEDS_M_S = (SLOW_M_S, 1.0, 1.2)
_ONE_PERSON = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Everything that was measured of a study for its report."""

    study: Study
    now: Coverage  # today's coverage
    by_speed: Mapping[float, Coverage]  # coverage at each of `SPEEDS_M_S`
    # what else was tried (`town`, `compounds`, `reading`), the case, its coverage, and whether it is the
    # headline's
    cases: tuple[tuple[str, str, Coverage, bool], ...]
    # quality, blackspots, ledger: findings with their worth; clusters of uncovered people; who depends on one outlet
    # alone
    quality: Quality
    blackspots: Blackspots
    ledger: Ledger
    min_people: float = MIN_PEOPLE  # what makes a blackspot
    # plan, frontier, after: a siting plan, what each budget buys, and the coverage with the plan's sites open, where
    # there is a plan
    plan: SitingPlan | None = None
    frontier: pd.DataFrame | None = None
    after: Coverage | None = None
    # sure, held: how sure the headline is, and how the plan holds over draws of the inputs, where that was asked for
    sure: Uncertainty | None = None
    held: HeldPlans | None = None
    # today's coverage with each group by its own walker, where the study gives some one
    own: GroupCoverage | None = None

    @cached_property
    def sure_facts(self) -> SureFacts | None:
        """How sure the headline is, where that was asked for."""
        return None if self.sure is None else find_sureness(self.sure, self.study.district)

    @cached_property
    def held_facts(self) -> HeldFacts | None:
        """How the plan holds over draws of the inputs, where that was asked for."""
        return None if self.held is None else find_held(self.held)

    @cached_property
    def labels(self) -> dict[str, SiteLabel]:
        """What sites without a name are called."""
        return label_sites(self.now.sites, self.study.names)

    @property
    def districts(self) -> pd.DataFrame:
        """The rows of ``districts.csv``."""
        return with_bars(with_own_walks(self.study.table(self.now), self.own, self.own_rows), self.sure_facts)

    @cached_property
    def own_rows(self) -> pd.DataFrame | None:
        """The rows of ``groups.csv``, where groups have walkers of their own."""
        return None if self.own is None else self.own.by_group(self.study.district, self.study.district_names)

    @cached_property
    def groups(self) -> pd.DataFrame:
        """Who of each group is covered, at the usual and at a slow speed, and by its own walker where it has one."""
        own = None if self.own is None else {g: float(self.own.of(g).sum()) for g in self.now.demand.groups}
        return group_table(self.now, self.by_speed[SLOW_M_S], own)


def measure_study(
    study: Study,
    *,
    now: Coverage | None = None,
    by_speed: Mapping[float, Coverage] | None = None,
    quality: Quality | None = None,
    plan: SitingPlan | None = None,
    frontier: pd.DataFrame | None = None,
) -> Measured:
    """Measure everything that a report says about a study.

    Parameters
    ----------
    study
        The study, loaded.
    now, by_speed, quality
        What is known already: today's coverage, the same at each of `SPEEDS_M_S`, the findings.
    plan
        A siting plan of the study.
    frontier
        What each budget buys: budget, covered_people, bound_people.

    Raises
    ------
    UnprovenError
        A plan whose people are not those found by walking anew.
    """
    now = study.coverage() if now is None else now
    known = {} if by_speed is None else dict(by_speed)
    speeds = {
        speed: now if speed == now.walker.speed_m_s else known.get(speed) or _at_speed(study, now, speed)
        for speed in SPEEDS_M_S
    }
    return Measured(
        study=study,
        now=now,
        by_speed=speeds,
        cases=tuple(_cases(study, now)),
        quality=measure_quality(study, now) if quality is None else quality,
        blackspots=find_blackspots(now, study.network, study.district),
        ledger=study.ledger(now),
        plan=plan,
        frontier=frontier,
        after=None if plan is None else measure_plan(study, now, plan),
        own=_by_own_walkers(study, now),
    )


def _by_own_walkers(study: Study, now: Coverage) -> GroupCoverage | None:
    """Return today's coverage with each group by its own walker; None where the study gives no group one."""
    walkers = study.group_walkers
    if not walkers:
        return None
    return measure_groups(lambda one: now if one is None else study.coverage(walker=one), walkers)


def measure_plan(study: Study, now: Coverage, plan: SitingPlan) -> Coverage:
    """Return the coverage with the sites of a plan open, walked anew.

    Raises
    ------
    UnprovenError
        A plan for the most people covered that claims other people than are found.
    """
    sites = _sites_with(study.sites, plan)
    snapped = now.snapped if np.array_equal(sites.xy, study.sites.xy) else study.snap_sites(sites)
    after = measure_coverage(study.network, study.demand, sites, now.standard, now.walker, snapped)
    if plan.model == "mclp" and plan.status != "infeasible":
        claimed = plan.objective
        if abs(claimed - after.covered_people) > max(_ONE_PERSON, 1e-6 * after.population):
            found = f"walking finds {after.covered_people:,.1f}"
            msg = f"plan claims {claimed:,.1f} people covered, {found}; expected the same people"
            raise UnprovenError(msg)
    return after


def find_facts(measured: Measured, *, date: str, language: str = "en") -> Facts:
    """Return every figure of a report.

    Parameters
    ----------
    measured
        What was measured.
    date
        Of the report, ISO 8601.
    language
        ``en``, ``zh`` or ``both``.
    """
    words = MapWords.of(language)
    study, now, spots = measured.study, measured.now, measured.blackspots
    speed_cases = [
        ("speed", f"{speed:.1f}", other, speed == now.walker.speed_m_s) for speed, other in measured.by_speed.items()
    ]
    settings = study.settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    blackspot_limits = {"min_people": measured.min_people, "link_m": round(spots.link_m, 1)}
    return Facts(
        study=words.study(study.name),
        date=date,
        version=__version__,
        sources=tuple(map(words.study, study.attribution)),
        standard=now.standard,
        walker=now.walker,
        slow_m_s=SLOW_M_S,
        totals=record_totals(now) | ({} if measured.own is None else record_own_totals(measured.own)),
        limited_people=now.limited_people,
        districts=measured.districts,
        sure=measured.sure_facts,
        held=measured.held_facts,
        service=find_served(now, study.site_district, measured.after),
        settings=setting_table(now),
        groups=measured.groups.reset_index(),
        own=find_own_walks(measured.own, measured.own_rows),
        sensitivity=tabulate_sensitivity(now, [*speed_cases, *measured.cases]),
        times=tabulate_times(now),
        distances=tabulate_distances(now),
        labels=measured.labels,
        whole=_find_whole(measured),
        proposal=_proposal(measured),
        frontier=tabulate_frontier(measured.frontier, now.population),
        quality=measured.quality.table.assign(look=[f.is_warning for f in measured.quality.findings]),
        parameters=tabulate_parameters({**parameters_used(settings, now), "blackspots": blackspot_limits}),
        inputs=tabulate_inputs(study),
    )


def _find_whole(measured: Measured) -> WholeFacts:
    study, spots, quality = measured.study, measured.blackspots, measured.quality
    return WholeFacts(
        outside_people=float("nan") if study.districts is None else people_depending_on_outside(study, measured.now),
        clusters=Clusters(
            table=spots.spots.drop(columns="geometry"),
            min_people=measured.min_people,
            link_m=spots.link_m,
            scattered_people=spots.scattered_people,
            scattered_clusters=spots.scattered_clusters,
            unplaced_people=spots.unplaced_people,
        ),
        ledger=measured.ledger.table(),
        choices=measured.ledger.people_by_choice(),
        snap=quality.snap,
        streets=quality.streets,
        node_points=quality.nearest_node_points,
    )


def find_held(held: HeldPlans) -> HeldFacts:
    """Return what the report says about how a proposal holds."""
    robust = held.robust
    return HeldFacts(
        aim=robust.aim,
        draws=held.draws,
        seed=held.seed,
        tenth=held.sample.tenth,
        proven=held.proven,
        selected=tuple(map(str, robust.selected)),
        must_have=tuple(map(str, held.must_have)),
        objective=robust.objective,
        bound=robust.bound,
        status=robust.status,
        bound_by=robust.bound_by,
        error_points=100 * held.sample.error(robust.shares, robust.aim),
        plans=held.table(),
        gains=held.differences(),
        sites=held.sites(),
    )


def _proposal(measured: Measured) -> ProposalFacts | None:
    if measured.plan is None or measured.after is None:
        return None
    return ProposalFacts(
        plan=measured.plan,
        table=measured.plan.table(),
        covered_after=measured.after.covered_people,
        cost_unit=measured.study.settings.siting.cost_unit,
    )


def tabulate_inputs(study: Subject) -> pd.DataFrame:
    """Return one row per file that a study reads, itself first: role, file, sha256."""
    files = {"study": study.path, **study.inputs}
    rows = [{"role": role, "file": path.name, "sha256": sha256_file(path)} for role, path in files.items()]
    return pd.DataFrame(rows, columns=["role", "file", "sha256"])


def _at_speed(study: Study, now: Coverage, speed_m_s: float) -> Coverage:
    return study.coverage(walker=replace(now.walker, speed_m_s=speed_m_s), standard=now.standard)


def _cases(study: Study, now: Coverage) -> Iterator[tuple[str, str, Coverage, bool]]:
    """Yield towns under either rule, compounds closed and open, and distances along the network."""
    standard, walker = now.standard, now.walker
    if not standard.names_its_own:
        yield from _town_cases(study, now)
    for case, is_open in (("closed", False), ("open", True)):
        same = is_open == walker.open_compounds or not study.network.private.any()
        other = now if same else study.coverage(walker=replace(walker, open_compounds=is_open), standard=standard)
        yield "compounds", case, other, is_open == walker.open_compounds
    along = Standard(rules={setting: _along_network(rule) for setting, rule in standard.rules})
    yield "reading", "network", _under(study, now, along), along == standard


def _town_cases(study: Study, now: Coverage) -> Iterator[tuple[str, str, Coverage, bool]]:
    standard = now.standard
    own = standard.town not in (standard.urban, standard.rural)
    if own:
        yield "town", "own", now, True
    for case in ("urban", "rural"):
        rule = standard.rule(case)
        yield "town", case, _under(study, now, standard.changed(town=rule)), rule == standard.town


def _under(study: Study, now: Coverage, standard: Standard) -> Coverage:
    """Return the coverage under another standard; today's where the two say the same of everybody."""
    lived_in = [s for s, here in now.demand.setting_rows.items() if now.demand.population[here].any()]
    if all(standard.rule(s) == now.standard.rule(s) for s in lived_in):
        return now
    return study.coverage(walker=now.walker, standard=standard)


def _along_network(rule: Rule) -> Rule:
    return Rule(measure="network", limit=rule.limit) if rule.measure == "radius" else rule


def _sites_with(sites: Sites, plan: SitingPlan) -> Sites:
    """Return the sites with those of a plan open: known ones by their id, others as the plan holds them."""
    row_of = {str(site): row for row, site in enumerate(sites.ids)}
    known = [row_of[str(site)] for site in plan.selected if str(site) in row_of]
    shut = [row_of[str(site)] for site in plan.closed if str(site) in row_of]
    counting = sites.open.copy()
    counting[known], counting[shut] = True, False
    there = replace(sites, open=counting)
    unknown = [row for row, site in enumerate(plan.selected) if str(site) not in row_of]
    if not unknown:
        return there
    if plan.sites is None:
        msg = f"plan selects site {plan.selected[unknown[0]]!r}, which is not in the study; expected sites of the study"
        raise UnprovenError(msg)
    rows = np.array(unknown, dtype=np.intp)
    new = {name: getattr(plan.sites, name)[rows] for name in ("ids", "xy", "name", "kind", "cost", "bank", "capacity")}
    return there + Sites(**new, open=np.ones(len(rows), np.bool_), crs=plan.sites.crs)


def find_pictures(measured: Measured) -> Pictures:
    """Return what the pictures of a report are drawn from."""
    study = measured.study
    return Pictures(ground=Paper.of(measured.now, study.districts, study.network), after=measured.after)


def people_depending_on_outside(study: Study, coverage: Coverage) -> float:
    """Return how many people are covered only by sites outside the area of a study."""
    outside = study.site_district.isna().to_numpy()
    if study.districts is None or not (outside & study.sites.open).any():
        return 0.0
    inside = replace(study.sites, open=study.sites.open & ~outside)
    alone = measure_coverage(study.network, study.demand, inside, coverage.standard, coverage.walker, coverage.snapped)
    return coverage.covered_people - alone.covered_people
