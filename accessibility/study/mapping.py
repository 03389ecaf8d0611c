"""The map of a study: what its coverage, its streets and its water make of a folium map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.measures.catchments import Catchments, trace_catchments
from accessibility.present.manifest import record_figures
from accessibility.present.map.coverage_map import Backdrop, Proposal, Switches, draw_sheet
from accessibility.present.map.legends import caption_of
from accessibility.present.map.outlines import basemap_of
from accessibility.present.map.sheets import MapSheet
from accessibility.present.report.mapsketch import Paper, draw_thumbnail
from accessibility.streets.snapping import SnapLimits, snap_points
from accessibility.study.scenariofile import scenario_toml
from accessibility.whatif.scenario import Scenario, scenario_of
from accessibility.whatif.trial import Trial
from accessibility.wording import percent_text
from accessibility.wording.cards import draw_card

if TYPE_CHECKING:
    import folium
    from markupsafe import Markup

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.walkers import GroupCoverage
    from accessibility.siting.plan import SitingPlan
    from accessibility.streets.network import Network
    from accessibility.study.studied import Studied
    from accessibility.uncertainty import Difference, Uncertainty


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """How a map is labelled."""

    date: str = ""  # of when it is
    language: str = "en"  # `en`, `zh` or `both`
    # whether the tiles that the study names, of OpenStreetMap if none, are loaded from the internet
    basemap: bool = False
    # how sure the headline and each place are: the bar, and a layer; None where nobody asked.
    sure: Uncertainty | None = None
    gain: Difference | None = None  # how sure it is what a trial brings
    own: GroupCoverage | None = None  # who is covered today by walkers of their own: lines beside the headline


def draw_study(
    study: Studied, shown: Coverage | Trial, plan: SitingPlan | Proposal | None, options: MapOptions
) -> folium.Map:
    """Return the map of a study: of a coverage, or of a trial beside today; see `Study.map`."""
    return draw_sheet(lay_out_study(study, shown, plan, options))


def lay_out_study(
    study: Studied,
    shown: Coverage | Trial,
    plan: SitingPlan | Proposal | None,
    options: MapOptions,
    like: MapSheet | None = None,
) -> MapSheet:
    """Return what the map of a study shows: that of a coverage, or of a trial beside today; quicker beside another."""
    before = shown.baseline.coverage if isinstance(shown, Trial) else None
    coverage = shown.coverage() if isinstance(shown, Trial) else shown
    if plan is not None and not isinstance(plan, Proposal):
        plan = Proposal(plan=plan, cost_unit=study.settings.siting.cost_unit)
    if plan is not None:
        coverage = with_sites_of(plan.plan, coverage, study)
    districts = study.districts
    if districts is not None:
        districts = districts[["geometry"]].join(study.table(coverage).set_index("district"))
        if options.sure is not None and np.array_equal(coverage.covered, options.sure.now.covered):
            ends = options.sure.by(study.district)[["low", "high"]]
            districts = districts.join(ends.add_prefix("covered_share_"))
    drawn = shown.scenario if isinstance(shown, Trial) else difference(study, coverage)
    settings = study.settings
    return MapSheet(
        coverage=coverage,
        caption=caption_of(
            study.name,
            study.attribution,
            approval=settings.map_approval,
            date=options.date,
            language=options.language,
        ),
        backdrop=Backdrop(
            districts=districts,
            network=study.network,  # edits are drawn above
            water=study.water,
            names=study.names,
            tiles=basemap_of(settings.basemap) if options.basemap else None,
            sure=options.sure,
            gain=options.gain,
            own=options.own,
        ),
        before=before,
        proposal=plan,
        like=like,
        switches=_switches(study, coverage, drawn, like),
    )


def draw_sketch(study: Studied, shown: Coverage) -> Markup:
    """Return a coverage as a thumbnail: people, streets, districts and sites; see `Study.sketch`."""
    return draw_thumbnail(Paper.of(shown, study.districts, shown.snapped.streets(study.network)))


def present_study(study: Studied, today: Coverage) -> str:
    """Return a study as a notebook shows it: people, sites, setting and how many are covered, with a thumbnail."""
    sites, demand = study.sites, today.demand
    kinds = [f"{int((sites.kind == k).sum()):,} {k}" for k in dict.fromkeys(sites.kind.tolist())]
    people = {s: float(demand.population[demand.setting_rows[s]].sum()) for s in demand.settings}
    rules = {s: study.standard.rule(s).text for s in demand.settings if people[s]}
    covered = percent_text(today.share) or "no one to cover"
    facts = [
        ("people", f"{today.population:,.0f} at {len(demand):,} points, in {len(study.district_names):,} districts"),
        ("settings", ", ".join(f"{people[s]:,.0f} {s} ({rules[s]})" for s in rules)),
        ("groups", ", ".join(demand.groups)),
        ("sites", f"{', '.join(kinds) or 'none'}; {int(sites.open.sum()):,} count today"),
        ("streets", repr(study.network)[len("<Network ") : -1]),
        ("covered", f"{covered} today, at {study.walker.speed_m_s:g} m/s"),
    ]
    told = [(name, value) for name, value in facts if value]
    return draw_card(study.name, told, draw_sketch(study, today), note="; ".join(study.attribution))


def record_study(study: Studied, coverage: Coverage) -> dict[str, Any]:
    """Return what a figure of a study rests on; see `Study.manifest`."""
    values = {"network": study.network, "demand": coverage.demand, "sites": coverage.sites}
    return record_figures(
        {"study": study.name, "attribution": list(study.attribution)},
        dict(study.inputs),
        values,
        coverage,
        [str(finding) for finding in study.findings],
        study.settings.model_dump(mode="json"),
    )


def with_sites_of(plan: SitingPlan, coverage: Coverage, study: Studied) -> Coverage:
    """Return the coverage with those sites of a plan that it does not know, closed: nobody's figures change."""
    known = set(coverage.sites.ids)
    fresh = [] if plan.sites is None else [row for row, site in enumerate(plan.sites.ids) if site not in known]
    if plan.sites is None or not fresh:
        return coverage
    new = plan.sites.take(np.array(fresh))
    sites, streets = coverage.sites + replace(new, open=np.zeros(len(new), np.bool_)), coverage.snapped.network
    if streets is None:
        return replace(coverage, sites=sites, snapped=study.snap_sites(sites))
    at = snap_points(streets, new.to_crs(streets.crs).xy, SnapLimits().site_m, public=True)
    return replace(coverage, sites=sites, snapped=replace(coverage.snapped, sites=coverage.snapped.sites + at))


def difference(study: Studied, coverage: Coverage) -> Scenario:
    """Return what a coverage has different from the study as it is today."""
    return scenario_of(coverage, study.sites, study.walker, study.standard)


def _switches(study: Studied, coverage: Coverage, drawn: Scenario, like: MapSheet | None) -> Switches:
    """Return what makes the sites of a map switchable, and what a scenario copied from it has to say besides."""
    today = dict(zip(study.sites.ids, study.sites.open.tolist(), strict=True))
    fixed = scenario_toml(Scenario(moved=drawn.moved, edits=drawn.edits, settings=drawn.settings))
    known = None if like is None or like.switches is None else like.switches.catchments
    if like is None or known is None:
        catchments = study.catchments(coverage)
    else:
        catchments = retrace_catchments(study.network, coverage, like.coverage, known)
    return Switches(
        catchments=catchments,
        district=study.district,
        names=study.district_names,
        today=np.array([today.get(site, False) for site in coverage.sites.ids], np.bool_),
        added=drawn.added,
        fixed=fixed.split("\n", 2)[2],  # after the header and the name
    )


def retrace_catchments(network: Network, now: Coverage, before: Coverage, traced: Catchments) -> Catchments:
    """Return the catchments of a coverage where those of another one are known: sites that stand there too keep theirs.

    Parameters
    ----------
    network
        The streets of the study.
    now
        Whose catchments.
    before
        Another coverage of the same people: its sites are the first ones of `now`, in the same rows.
    traced
        The catchments of `before`.
    """
    streets, sites = now.snapped.streets(network), now.sites
    demand, standard, walker = now.demand, now.standard, now.walker
    n, here, there = len(before.sites), now.snapped.sites, before.snapped.sites
    like = streets is before.snapped.streets(network) and (standard, walker) == (before.standard, before.walker)
    if not like or demand is not before.demand or not np.array_equal(sites.ids[:n], before.sites.ids):
        return trace_catchments(streets, demand, sites, standard, walker, now.snapped)
    stays = (sites.xy[:n] == before.sites.xy).all(axis=1)
    for name in ("edge", "fraction", "leg_m"):
        stays &= getattr(here, name)[:n] == getattr(there, name)
    other = np.flatnonzero(~np.append(stays, np.zeros(len(sites) - n, np.bool_)))
    snapped = replace(now.snapped, sites=here.take(other))
    anew = trace_catchments(streets, demand, sites.take(other), standard, walker, snapped)
    rows = dict(zip(other.tolist(), range(len(other)), strict=True))
    parts = [(anew, rows[row]) if row in rows else (traced, row) for row in range(len(sites))]
    pieces = [(of.start[row], of.start[row + 1], of) for of, row in parts]
    return Catchments(
        start=np.concatenate([[0], np.cumsum([end - begin for begin, end, _ in pieces])]),
        demand=np.concatenate([of.demand[begin:end] for begin, end, of in pieces]),
        cost=np.concatenate([of.cost[begin:end] for begin, end, of in pieces]),
    )
