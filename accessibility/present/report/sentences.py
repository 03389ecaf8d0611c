"""What a report says of its facts, in one language at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from accessibility.measures.surface import FAR_M
from accessibility.measures.tables import NO_DISTRICT, TOTAL
from accessibility.present.symbols import SiteLabel, call_site
from accessibility.siting.plan import format_objective
from accessibility.standards import M_PER_KM
from accessibility.wording import cost_text, message_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accessibility.present.language import Locale
    from accessibility.present.report.facts import Facts, ProposalFacts, ServedFacts
    from accessibility.siting.plan import SitingPlan
    from accessibility.standards import Standard

_WORST = 3


def format_headline(facts: Facts, locale: Locale) -> str:
    """Return the share covered in one sentence, with both its parts, the rules and the speed."""
    if not facts.population > 0:
        return locale("headline_nobody")
    return locale(
        "headline",
        share=locale.percent(facts.covered, facts.population),
        population=locale.number(facts.population),
        covered=locale.number(facts.covered),
        rules=_rules(facts, locale),
        speed=locale.speed(facts.walker.speed_m_s),
    )


def _rules(facts: Facts, locale: Locale) -> str:
    own = locale("own_limits", people=locale.number(facts.limited_people)) if facts.limited_people > 0 else ""
    return locale.rules(facts.standard) + own


def format_conditions(facts: Facts, locale: Locale, key: str = "note_rule", **more: object) -> str:
    """Return a sentence that gives the rules, the speed, the date and the number of people."""
    return locale(
        key,
        rules=_rules(facts, locale),
        speed=locale.speed(facts.walker.speed_m_s),
        date=facts.date,
        population=locale.number(facts.population),
        **more,
    )


def format_served(facts: Facts, locale: Locale) -> str:
    """Return how many are covered and served, of whom, and at how many sites some find no room."""
    return "" if facts.service is None else format_service(facts.service, facts.population, locale)


def format_service(service: ServedFacts, population: float, locale: Locale) -> str:
    """Return the same of some service and all people."""
    table = service.table
    return locale(
        "served",
        share=locale.percent(service.served, population),
        population=locale.number(population),
        served=locale.number(service.served),
        unserved=locale.number(service.unserved),
        full=int((table["unserved"] > 0).sum()),
        sites=len(table),
    )


def format_capacity(facts: Facts, locale: Locale) -> str:
    """Return by what rule people find room, and how many sites have no limit."""
    if facts.service is None:
        return ""
    endless = int(facts.service.table["capacity"].isna().sum())
    return joined(locale, locale("served_rule"), *([locale("served_endless", sites=endless)] if endless else []))


def format_room_then(facts: Facts, locale: Locale) -> str:
    """Return that a proposal does not count room, and who would be covered and served with it."""
    if facts.service is None or facts.proposal is None or not facts.proposal.plan.selected or facts.whole is None:
        return ""
    return locale(
        "served_then",
        share=locale.percent(facts.service.served_after, facts.population),
        population=locale.number(facts.population),
        served=locale.number(facts.service.served_after),
    )


def format_own_walks(facts: Facts, locale: Locale) -> str:
    """Return how many are covered where each group walks by its own walker, in all and of each such group."""
    own = facts.own
    if own is None:
        return ""
    walkers = locale.listed(locale("own_walker", group=g, speed=locale.speed(v)) for g, v in own.speeds.items())
    of = facts.groups.set_index("group").loc[list(own.speeds)]
    parts = [
        locale(
            "own_walk_of",
            group=group,
            share=locale.percent(row["covered_own_walk"], row["population"]),
            population=locale.number(row["population"]),
            covered=locale.number(row["covered_own_walk"]),
        )
        for group, row in of.to_dict("index").items()
    ]
    first = locale(
        "own_walks",
        walkers=walkers,
        speed=locale.speed(facts.walker.speed_m_s),
        share=locale.percent(own.covered, facts.population),
        population=locale.number(facts.population),
        covered=locale.number(own.covered),
    )
    room = [] if own.served is None else [locale("own_walk_served", served=locale.number(own.served))]
    return joined(locale, first, *room, *parts)


def format_uncovered(facts: Facts, locale: Locale) -> str:
    """Return how many people are not covered, and how many only from outside."""
    totals = facts.totals
    first = locale(
        "not_covered", uncovered=locale.number(totals["uncovered"]), unreached=locale.number(totals["unreached"])
    )
    outside = 0.0 if facts.whole is None else facts.whole.outside_people
    if not outside >= 0.5:  # noqa: PLR2004 -- rounds to a person
        return first
    return joined(locale, first, locale("outside", people=locale.number(outside)))


def format_readings(facts: Facts, locale: Locale) -> str:
    """Return the (rural) share by both readings of the distance; nothing where no such distance is walked."""
    rows = {row["setting"]: row for row in facts.settings.to_dict("records")}
    told = (
        _both_readings(facts.standard, setting, rows[setting], locale) for setting in facts.standard.distance_settings
    )
    return joined(locale, *told)


def _both_readings(standard: Standard, setting: str, row: dict[Any, Any], locale: Locale) -> str:
    rule = standard.rule(setting)
    if rule.measure != "network" or not row["population"] > 0:
        return ""
    people, network, radius = (float(row[name]) for name in ("population", "covered", "covered_radius"))
    return locale(
        "both_readings_of" if standard.names_its_own else "both_readings",
        setting=setting,
        population=locale.number(people),
        km=f"{rule.limit / M_PER_KM:g}",
        network=locale.percent(network, people),
        network_people=locale.number(network),
        radius=locale.percent(radius, people),
        radius_people=locale.number(radius),
    )


def format_speeds(facts: Facts, locale: Locale) -> str:
    """Return the share at each speed."""
    rows = facts.sensitivity[facts.sensitivity["what"] == "speed"]
    said = [
        locale("speed_line", share=locale.percent(row["covered"], row["population"]), speed=row["case"])
        for row in rows.to_dict("records")
    ]
    return locale.listed(said)


def named_districts(facts: Facts) -> pd.DataFrame:
    """Return the rows of ``districts.csv`` that are districts."""
    return facts.districts[~facts.districts["district"].isin([TOTAL, NO_DISTRICT])]


def worst_districts(facts: Facts) -> pd.DataFrame:
    """Return the districts that have uncovered people, those with the most first."""
    table = named_districts(facts)
    table = table[table["uncovered"] >= 0.5]  # noqa: PLR2004 -- rounds to a person
    return table.sort_values(["uncovered", "district"], ascending=[False, True], kind="stable")


def format_districts(facts: Facts, locale: Locale) -> list[str]:
    """Return a line for each of the worst districts."""
    rows = worst_districts(facts).head(_WORST).to_dict("records")
    return [
        locale(
            "district_line",
            district=row["district"],
            uncovered=locale.number(row["uncovered"]),
            population=locale.number(row["population"]),
            share=locale.percent(row["covered"], row["population"]),
        )
        for row in rows
    ] or [locale("no_districts")]


def format_blackspots(facts: Facts, locale: Locale) -> list[str]:
    """Return a line for each of the three greatest blackspots."""
    if facts.whole is None:
        return []
    spots = facts.whole.clusters
    rows, least = spots.table.head(_WORST).to_dict("records"), locale.number(spots.min_people)
    return [_blackspot_line(row, locale, facts.labels) for row in rows] or [locale("no_blackspots", least=least)]


def _blackspot_line(row: dict[Any, Any], locale: Locale, labels: Mapping[str, SiteLabel]) -> str:
    said = {
        "place": row["district"] if pd.notna(row["district"]) else str(row["id"]),
        "people": locale.number(row["people"]),
        "action": format_action(row, locale, labels),
    }
    if pd.isna(row["outlet_min"]) or pd.isna(row["outlet_km"]):
        return locale("blackspot_line_no_way", **said)
    minutes, km = locale.number(row["outlet_min"]), locale.number(row["outlet_km"], 1)
    return locale("blackspot_line", **said, minutes=minutes, km=km)


def format_action(row: dict[Any, Any], locale: Locale, labels: Mapping[str, SiteLabel]) -> str:
    """Return what could be done about a blackspot, with the site where one is meant."""
    action = str(row["action"])
    role = {"agree-with-bank": "bank", "open-candidate": "candidate"}.get(action)
    if role is None:
        return locale.or_else(f"do_{action}", action)
    site = call_site(row[f"{role}_name"], row[f"{role}_id"], labels)
    site = site.text(locale.language) if isinstance(site, SiteLabel) else str(site or "")
    people, whole = locale.number(row[f"{role}_people"]), locale.number(row["people"])
    return locale(f"do_{action}", site=site, people=people, whole=whole)


def format_blackspot_text(facts: Facts, locale: Locale) -> str:
    """Return what a blackspot is, and where the other uncovered people live."""
    if facts.whole is None:
        return ""
    spots = facts.whole.clusters
    return locale(
        "blackspots_text",
        least=locale.number(spots.min_people),
        link=locale.number(spots.link_m),
        count=len(spots.table),
        people=locale.number(float(spots.table["people"].sum())),
        uncovered=locale.number(facts.totals["uncovered"]),
        scattered=locale.number(spots.scattered_people),
        clusters=locale.number(spots.scattered_clusters),
        unplaced=locale.number(spots.unplaced_people),
    )


def format_proposal(facts: Facts, locale: Locale, prove: Callable[[ProposalFacts, Locale], str] | None = None) -> str:
    """Return the proposal in a sentence or two, with its proof: as `format_proof` says it, or as another does."""
    proposal = facts.proposal
    if proposal is None:
        return locale("proposal_missing")
    plan = proposal.plan
    if plan.status == "infeasible":
        short = [
            locale("short_of", place=locale("total") if place == TOTAL else place, people=locale.number(people))
            for place, people in plan.short_people.items()
        ]
        return locale("proof_infeasible", short=locale.listed(short) or message_text(plan.message, locale.language))
    if not plan.selected:
        return locale("proposal_none", message=locale("nothing_gains"))
    first = locale(
        "proposal_mclp" if plan.model == "mclp" else "proposal_cost",
        sites=_sites(proposal, locale),
        cost=locale.cost(plan.cost, proposal.cost_unit),
        before=locale.percent(facts.covered, facts.population),
        after=locale.percent(proposal.covered_after, facts.population),
        population=locale.number(facts.population),
        **({"gain": locale.number(proposal.covered_after - facts.covered)} if plan.model == "mclp" else {}),
    )
    closing = (
        [locale("proposal_closes", sites=locale.listed([str(site) for site in plan.closed]))] if plan.closed else []
    )
    return joined(locale, first, *closing, (prove or format_proof)(proposal, locale), format_room_then(facts, locale))


def format_proof(proposal: ProposalFacts, locale: Locale) -> str:
    """Return how far a plan is from the best possible, and how the bound was obtained."""
    plan = proposal.plan
    proof = locale("proof_optimal" if plan.status == "optimal" else "proof_feasible", **_proof(plan, locale))
    return joined(locale, proof, locale(f"vouch_{plan.bound_by}"))


def format_proof_plainly(proposal: ProposalFacts, locale: Locale) -> str:
    """Return the same in one sentence for those who decide."""
    plan = proposal.plan
    key = "plain_optimal" if plan.status == "optimal" else "plain_feasible"
    return locale(key, **_proof(plan, locale), vouch=locale(f"plain_{plan.bound_by}"))


def _proof(plan: SitingPlan, locale: Locale) -> dict[str, str]:
    limit = ""
    if plan.budget is not None:
        limit = locale("within_budget", budget=cost_text(plan.budget, "", locale.language))
    elif plan.sites_limit is not None:
        limit = locale("within_sites", sites=plan.sites_limit)
    bound, unit = format_objective(plan.model, plan.bound)
    reached, _ = format_objective(plan.model, plan.objective)
    return {"limit": limit, "bound": bound, "what": locale(unit), "reached": reached, "gap": locale.gap(plan.gap)}


def _sites(proposal: ProposalFacts, locale: Locale) -> str:
    kinds = [str(kind) for kind in proposal.table["kind"]]
    counts = {"bank": kinds.count("bank"), "new": len(kinds) - kinds.count("bank")}
    parts = [locale(f"some_{name}s" if name == "bank" else "some_new", **{name: n}) for name, n in counts.items() if n]
    which = locale.listed(parts)
    return locale("sites_one", which=which) if len(kinds) == 1 else locale("sites_many", count=len(kinds), which=which)


def format_ledger(facts: Facts, locale: Locale) -> str:
    """Return people by how many outlets they have, and how many outlets could close."""
    if facts.whole is None:
        return ""
    ledger, choices = facts.whole.ledger, facts.whole.choices
    if ledger.empty:
        return locale("ledger_none")
    return locale(
        "ledger_text",
        population=locale.number(facts.population),
        none=locale.number(choices["0"]),
        one=locale.number(choices["1"]),
        many=locale.number(choices["2+"]),
        singles=int(ledger["can_close"].sum()),
        together=int(ledger["can_close_together"].sum()),
        sites=len(ledger),
    )


def format_quality(facts: Facts, locale: Locale) -> list[str]:
    """Return what the findings are worth, what a coarser snap would change, and how dense the streets are."""
    looks = int(facts.quality["look"].sum())
    if facts.whole is None:
        return [locale("quality_tiles", warnings=looks, notes=len(facts.quality) - looks)]
    said = [
        locale(
            "quality_text",
            share=locale.percent(facts.covered, facts.population),
            population=locale.number(facts.population),
            warnings=looks,
            notes=len(facts.quality) - looks,
        ),
        locale("node_text", points=locale.points(facts.whole.node_points)),
    ]
    streets = facts.whole.streets
    if streets.inhabited_km2 > 0 and facts.population > 0:
        far = streets.over_100_m_share * facts.population
        said.append(
            locale(
                "street_text",
                km2=locale.number(streets.inhabited_km2),
                density=locale.number(streets.km_per_km2, 1),
                far=locale.percent(far, facts.population),
                far_people=locale.number(far),
                population=locale.number(facts.population),
                metres=f"{FAR_M:.0f}",
                without=locale.number(streets.people_without_street),
            )
        )
    return said


def format_method(facts: Facts, locale: Locale) -> list[str]:
    """Return how the figures were computed, in plain words."""
    walker = facts.walker
    rules = [rule for _, rule in facts.standard.rules]
    limits = locale.listed(f"{limit / 1_000:g}" for limit in sorted({r.limit for r in rules if r.measure != "walk"}))
    return [
        locale("method_rule", rules=locale.rules(facts.standard)),
        *([locale("method_own", people=locale.number(facts.limited_people))] if facts.limited_people > 0 else []),
        locale("method_way", factor=f"{walker.access_factor_s:g}", stairs=f"{walker.stairs_factor:g}"),
        locale("method_speed", speed=locale.speed(walker.speed_m_s)),
        *([locale("method_reading", kilometres=limits)] if limits else []),
        locale("method_people"),
        locale("method_compounds_open" if walker.open_compounds else "method_compounds_closed"),
        locale("method_border"),
    ]


def format_limits(facts: Facts, locale: Locale) -> list[str]:
    """Return what the figures do not say."""
    streets, tiles = ("limit_streets", []) if facts.whole is not None else ("tiles_streets", ["tiles_leave_out"])
    keys = (*tiles, "limit_hours", "limit_foot", "limit_people", streets, "limit_sites", "limit_map")
    return [locale(key) for key in keys]


def joined(locale: Locale, *sentences: str) -> str:
    """Return sentences one after the other, as the language puts them; empty ones are left out."""
    return ("" if locale.language == "zh" else " ").join(sentence for sentence in sentences if sentence)
