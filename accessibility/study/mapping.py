"""What a page shows of a study: its coverage, streets and water as a map, and two views of it beside each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.measures.catchments import Catchments, Tracing, trace_catchments
from accessibility.measures.tables import NO_DISTRICT, TOTAL
from accessibility.present.language import count
from accessibility.present.manifest import record_figures
from accessibility.present.map.coverage_map import Backdrop, Proposal, Switches, draw_sheet
from accessibility.present.map.legends import caption_of
from accessibility.present.map.outlines import basemap_of
from accessibility.present.map.overlays import classify_changes, edited_streets
from accessibility.present.map.sheets import MapSheet
from accessibility.present.report.differences import (
    ShownScenario,
    changes_html,
    district_html,
    headline_html,
    sites_html,
    steps_html,
)
from accessibility.present.report.mapsketch import Paper, draw_change, draw_thumbnail
from accessibility.present.symbols import label_sites
from accessibility.streets.snapping import SnapLimits, snap_points
from accessibility.study.scenariofile import scenario_toml
from accessibility.whatif.comparison import ALL, compare_coverages, compare_scenarios
from accessibility.whatif.scenario import Scenario, scenario_of
from accessibility.whatif.trial import Trial
from accessibility.wording import cost_text, percent_text
from accessibility.wording.cards import draw_card

if TYPE_CHECKING:
    from collections.abc import Sequence

    import folium
    from markupsafe import Markup

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.walkers import GroupCoverage
    from accessibility.present.language import MapWords
    from accessibility.siting.plan import SitingPlan
    from accessibility.streets.network import Network
    from accessibility.study.protocol import Studied
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
    anew = trace_people(network, before).within_reach(sites.take(other), here.take(other))
    rows = dict(zip(other.tolist(), range(len(other)), strict=True))
    parts = [(anew, rows[row]) if row in rows else (traced, row) for row in range(len(sites))]
    pieces = [(of.start[row], of.start[row + 1], of) for of, row in parts]
    return Catchments(
        start=np.concatenate([[0], np.cumsum([end - begin for begin, end, _ in pieces])]),
        demand=np.concatenate([of.demand[begin:end] for begin, end, of in pieces]),
        cost=np.concatenate([of.cost[begin:end] for begin, end, of in pieces]),
    )


def trace_people(network: Network, now: Coverage) -> Tracing:
    """Return the people of a coverage, ready to be asked by whom a site would be used: made once, and kept with it."""
    snapped, walker, standard = now.snapped, now.walker, now.standard
    streets, demand = snapped.streets(network), now.demand
    people = Tracing(network=streets, demand=demand, standard=standard, walker=walker, at=snapped.demand)
    found: Tracing = snapped.known.get(("tracing", walker, standard), people.ready)
    return found


_COLUMNS = ("beside_a", "beside_b", "beside_gained", "beside_lost", "change")


def format_beside(
    study: Studied,
    one: tuple[Scenario, Coverage],
    other: tuple[Scenario, Coverage],
    words: MapWords,
    waiting: Sequence[int] = (),
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
    waiting
        How many sites each of the two proposes of which none counts, 0 where some do: that is said, and no difference
        where there is none.

    Returns
    -------
    dict
        ``said`` (sentences per language: people, costs, what is proposed and does not count), ``head`` (of the columns)
        and ``rows``: one per district, those that change most first.

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
    off = [
        line for name, n in zip("AB", waiting, strict=False) if n for line in words.lines("beside_off", map=name, n=n)
    ]
    same = off and not whole["gained"] and not whole["lost"]
    lines = off if same else words.lines("beside", **said) + _costs(study, costs, words) + off
    return {
        "said": [[language, text] for language, text in lines],
        "head": [words(column) for column in _COLUMNS],
        "rows": [_row(name, row, words) for name, row in [*rows.iterrows()] if row["population"] > 0],
    }


def _costs(study: Studied, costs: list[float], words: MapWords) -> list[tuple[str, str]]:
    unit = study.settings.siting.cost_unit
    said = [words.by_language(partial(cost_text, cost, unit)) for cost in costs]
    return words.lines("beside_cost", one=said[0], other=said[1])


def format_trial(study: Studied, trial: Trial, words: MapWords, paper: Paper) -> ShownScenario:
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
