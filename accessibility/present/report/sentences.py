"""What a report says of its facts, in one language at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from accessibility.measures.snap_audit import FAR_M
from accessibility.measures.tables import NO_DISTRICT, TOTAL
from accessibility.present.labels import SiteLabel, call_site
from accessibility.siting.plan import say_objective
from accessibility.wording import message_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from accessibility.present.language import Tongue
    from accessibility.present.report.facts import Facts, ProposalFacts, ServedFacts
    from accessibility.siting.plan import SitingPlan
    from accessibility.standards import Standard

_WORST = 3
_M_PER_KM = 1_000


def say_headline(facts: Facts, tongue: Tongue) -> str:
    """Return the share covered in one sentence, with both its parts, the rules and the speed."""
    if not facts.population > 0:
        return tongue("headline_nobody")
    return tongue(
        "headline",
        share=tongue.percent(facts.covered, facts.population),
        population=tongue.number(facts.population),
        covered=tongue.number(facts.covered),
        rules=_rules(facts, tongue),
        speed=tongue.speed(facts.walker.speed_m_s),
    )


def _rules(facts: Facts, tongue: Tongue) -> str:
    own = tongue("own_limits", people=tongue.number(facts.limited_people)) if facts.limited_people > 0 else ""
    return tongue.rules(facts.standard) + own


def say_conditions(facts: Facts, tongue: Tongue, key: str = "note_rule", **more: object) -> str:
    """Return a sentence that gives the rules, the speed, the date and the number of people."""
    return tongue(
        key,
        rules=_rules(facts, tongue),
        speed=tongue.speed(facts.walker.speed_m_s),
        date=facts.date,
        population=tongue.number(facts.population),
        **more,
    )


def say_served(facts: Facts, tongue: Tongue) -> str:
    """Return how many are covered and served, of whom, and at how many sites some find no room."""
    return "" if facts.service is None else say_service(facts.service, facts.population, tongue)


def say_service(service: ServedFacts, population: float, tongue: Tongue) -> str:
    """Return the same of some service and all people."""
    table = service.table
    return tongue(
        "served",
        share=tongue.percent(service.served, population),
        population=tongue.number(population),
        served=tongue.number(service.served),
        unserved=tongue.number(service.unserved),
        full=int((table["unserved"] > 0).sum()),
        sites=len(table),
    )


def say_capacity(facts: Facts, tongue: Tongue) -> str:
    """Return by what rule people find room, and how many sites have no limit."""
    if facts.service is None:
        return ""
    endless = int(facts.service.table["capacity"].isna().sum())
    return joined(tongue, tongue("served_rule"), *([tongue("served_endless", sites=endless)] if endless else []))


def say_room_then(facts: Facts, tongue: Tongue) -> str:
    """Return that a proposal does not count room, and who would be covered and served with it."""
    if facts.service is None or facts.proposal is None or not facts.proposal.plan.selected:
        return ""
    return tongue(
        "served_then",
        share=tongue.percent(facts.service.served_after, facts.population),
        population=tongue.number(facts.population),
        served=tongue.number(facts.service.served_after),
    )


def say_own_walks(facts: Facts, tongue: Tongue) -> str:
    """Return how many are covered where each group walks by its own walker, in all and of each such group."""
    own = facts.own
    if own is None:
        return ""
    walkers = tongue.listed(tongue("own_walker", group=g, speed=tongue.speed(v)) for g, v in own.speeds.items())
    of = facts.groups.set_index("group").loc[list(own.speeds)]
    parts = [
        tongue(
            "own_walk_of",
            group=group,
            share=tongue.percent(row["covered_own_walk"], row["population"]),
            population=tongue.number(row["population"]),
            covered=tongue.number(row["covered_own_walk"]),
        )
        for group, row in of.to_dict("index").items()
    ]
    first = tongue(
        "own_walks",
        walkers=walkers,
        speed=tongue.speed(facts.walker.speed_m_s),
        share=tongue.percent(own.covered, facts.population),
        population=tongue.number(facts.population),
        covered=tongue.number(own.covered),
    )
    room = [] if own.served is None else [tongue("own_walk_served", served=tongue.number(own.served))]
    return joined(tongue, first, *room, *parts)


def say_uncovered(facts: Facts, tongue: Tongue) -> str:
    """Return how many people are not covered, and how many only from outside."""
    totals = facts.totals
    first = tongue(
        "not_covered", uncovered=tongue.number(totals["uncovered"]), unreached=tongue.number(totals["unreached"])
    )
    if not facts.outside_people >= 0.5:  # noqa: PLR2004 -- rounds to a person
        return first
    return joined(tongue, first, tongue("outside", people=tongue.number(facts.outside_people)))


def say_readings(facts: Facts, tongue: Tongue) -> str:
    """Return the (rural) share by both readings of the distance; nothing where no such distance is walked."""
    rows = {row["setting"]: row for row in facts.settings.to_dict("records")}
    told = (
        _both_readings(facts.standard, setting, rows[setting], tongue) for setting in facts.standard.distance_settings
    )
    return joined(tongue, *told)


def _both_readings(standard: Standard, setting: str, row: dict[Any, Any], tongue: Tongue) -> str:
    rule = standard.rule(setting)
    if rule.measure != "network" or not row["population"] > 0:
        return ""
    people, network, radius = (float(row[name]) for name in ("population", "covered", "covered_radius"))
    return tongue(
        "both_readings_of" if standard.names_its_own else "both_readings",
        setting=setting,
        population=tongue.number(people),
        km=f"{rule.limit / _M_PER_KM:g}",
        network=tongue.percent(network, people),
        network_people=tongue.number(network),
        radius=tongue.percent(radius, people),
        radius_people=tongue.number(radius),
    )


def say_speeds(facts: Facts, tongue: Tongue) -> str:
    """Return the share at each speed."""
    rows = facts.sensitivity[facts.sensitivity["what"] == "speed"]
    said = [
        tongue("speed_line", share=tongue.percent(row["covered"], row["population"]), speed=row["case"])
        for row in rows.to_dict("records")
    ]
    return tongue.listed(said)


def named_districts(facts: Facts) -> pd.DataFrame:
    """Return the rows of ``districts.csv`` that are districts."""
    return facts.districts[~facts.districts["district"].isin([TOTAL, NO_DISTRICT])]


def worst_districts(facts: Facts) -> pd.DataFrame:
    """Return the districts that have uncovered people, those with the most first."""
    table = named_districts(facts)
    table = table[table["uncovered"] >= 0.5]  # noqa: PLR2004 -- rounds to a person
    return table.sort_values(["uncovered", "district"], ascending=[False, True], kind="stable")


def say_districts(facts: Facts, tongue: Tongue) -> list[str]:
    """Return a line for each of the worst districts."""
    rows = worst_districts(facts).head(_WORST).to_dict("records")
    return [
        tongue(
            "district_line",
            district=row["district"],
            uncovered=tongue.number(row["uncovered"]),
            population=tongue.number(row["population"]),
            share=tongue.percent(row["covered"], row["population"]),
        )
        for row in rows
    ] or [tongue("no_districts")]


def say_blackspots(facts: Facts, tongue: Tongue) -> list[str]:
    """Return a line for each of the three greatest blackspots."""
    rows = facts.clusters.table.head(_WORST).to_dict("records")
    least = tongue.number(facts.clusters.min_people)
    return [_blackspot_line(row, tongue, facts.labels) for row in rows] or [tongue("no_blackspots", least=least)]


def _blackspot_line(row: dict[Any, Any], tongue: Tongue, labels: Mapping[str, SiteLabel]) -> str:
    said = {
        "place": row["district"] if pd.notna(row["district"]) else str(row["id"]),
        "people": tongue.number(row["people"]),
        "action": say_action(row, tongue, labels),
    }
    if pd.isna(row["outlet_min"]) or pd.isna(row["outlet_km"]):
        return tongue("blackspot_line_no_way", **said)
    minutes, km = tongue.number(row["outlet_min"]), tongue.number(row["outlet_km"], 1)
    return tongue("blackspot_line", **said, minutes=minutes, km=km)


def say_action(row: dict[Any, Any], tongue: Tongue, labels: Mapping[str, SiteLabel]) -> str:
    """Return what could be done about a blackspot, with the site where one is meant."""
    action = str(row["action"])
    role = {"agree-with-bank": "bank", "open-candidate": "candidate"}.get(action)
    if role is None:
        return tongue.or_else(f"do_{action}", action)
    site = call_site(row[f"{role}_name"], row[f"{role}_id"], labels)
    site = site.text(tongue.language) if isinstance(site, SiteLabel) else str(site or "")
    people, whole = tongue.number(row[f"{role}_people"]), tongue.number(row["people"])
    return tongue(f"do_{action}", site=site, people=people, whole=whole)


def say_blackspot_text(facts: Facts, tongue: Tongue) -> str:
    """Return what a blackspot is, and where the other uncovered people live."""
    spots = facts.clusters
    return tongue(
        "blackspots_text",
        least=tongue.number(spots.min_people),
        link=tongue.number(spots.link_m),
        count=len(spots.table),
        people=tongue.number(float(spots.table["people"].sum())),
        uncovered=tongue.number(facts.totals["uncovered"]),
        scattered=tongue.number(spots.scattered_people),
        clusters=tongue.number(spots.scattered_clusters),
        unplaced=tongue.number(spots.unplaced_people),
    )


def say_proposal(facts: Facts, tongue: Tongue, prove: Callable[[ProposalFacts, Tongue], str] | None = None) -> str:
    """Return the proposal in a sentence or two, with its proof: as `say_proof` says it, or as another does."""
    proposal = facts.proposal
    if proposal is None:
        return tongue("proposal_missing")
    plan = proposal.plan
    if plan.status == "infeasible":
        short = [
            tongue("short_of", place=tongue("total") if place == TOTAL else place, people=tongue.number(people))
            for place, people in plan.short_people.items()
        ]
        return tongue("proof_infeasible", short=tongue.listed(short) or message_text(plan.message, tongue.language))
    if not plan.selected:
        return tongue("proposal_none", message=tongue("nothing_gains"))
    first = tongue(
        "proposal_mclp" if plan.model == "mclp" else "proposal_cost",
        sites=_sites(proposal, tongue),
        cost=tongue.cost(plan.cost, proposal.cost_unit),
        before=tongue.percent(facts.covered, facts.population),
        after=tongue.percent(proposal.covered_after, facts.population),
        population=tongue.number(facts.population),
        **({"gain": tongue.number(proposal.covered_after - facts.covered)} if plan.model == "mclp" else {}),
    )
    closing = (
        [tongue("proposal_closes", sites=tongue.listed([str(site) for site in plan.closed]))] if plan.closed else []
    )
    return joined(tongue, first, *closing, (prove or say_proof)(proposal, tongue), say_room_then(facts, tongue))


def say_proof(proposal: ProposalFacts, tongue: Tongue) -> str:
    """Return how far a plan is from the best possible, and how the bound was obtained."""
    plan = proposal.plan
    proof = tongue("proof_optimal" if plan.status == "optimal" else "proof_feasible", **_proof(plan, tongue))
    return joined(tongue, proof, tongue(f"vouch_{plan.bound_by}"))


def say_proof_plainly(proposal: ProposalFacts, tongue: Tongue) -> str:
    """Return the same in one sentence for those who decide."""
    plan = proposal.plan
    key = "plain_optimal" if plan.status == "optimal" else "plain_feasible"
    return tongue(key, **_proof(plan, tongue), vouch=tongue(f"plain_{plan.bound_by}"))


def _proof(plan: SitingPlan, tongue: Tongue) -> dict[str, str]:
    limit = ""
    if plan.budget is not None:
        limit = tongue("within_budget", budget=f"{plan.budget:g}")
    elif plan.sites_limit is not None:
        limit = tongue("within_sites", sites=plan.sites_limit)
    bound, unit = say_objective(plan.model, plan.bound)
    reached, _ = say_objective(plan.model, plan.objective)
    return {"limit": limit, "bound": bound, "what": tongue(unit), "reached": reached, "gap": tongue.gap(plan.gap)}


def _sites(proposal: ProposalFacts, tongue: Tongue) -> str:
    kinds = [str(kind) for kind in proposal.table["kind"]]
    counts = {"bank": kinds.count("bank"), "new": len(kinds) - kinds.count("bank")}
    parts = [tongue(f"some_{name}s" if name == "bank" else "some_new", **{name: n}) for name, n in counts.items() if n]
    which = tongue.listed(parts)
    return tongue("sites_one", which=which) if len(kinds) == 1 else tongue("sites_many", count=len(kinds), which=which)


def say_ledger(facts: Facts, tongue: Tongue) -> str:
    """Return people by how many outlets they have, and how many outlets could close."""
    if facts.ledger.empty:
        return tongue("ledger_none")
    return tongue(
        "ledger_text",
        population=tongue.number(facts.population),
        none=tongue.number(facts.choices["0"]),
        one=tongue.number(facts.choices["1"]),
        many=tongue.number(facts.choices["2+"]),
        singles=int(facts.ledger["can_close"].sum()),
        together=int(facts.ledger["can_close_together"].sum()),
        sites=len(facts.ledger),
    )


def say_quality(facts: Facts, tongue: Tongue) -> list[str]:
    """Return what the findings are worth, what a coarser snap would change, and how dense the streets are."""
    looks = int(facts.quality["look"].sum())
    said = [
        tongue(
            "quality_text",
            share=tongue.percent(facts.covered, facts.population),
            population=tongue.number(facts.population),
            warnings=looks,
            notes=len(facts.quality) - looks,
        ),
        tongue("node_text", points=tongue.points(facts.node_points)),
    ]
    streets = facts.streets
    if streets.inhabited_km2 > 0 and facts.population > 0:
        far = streets.over_100_m_share * facts.population
        said.append(
            tongue(
                "street_text",
                km2=tongue.number(streets.inhabited_km2),
                density=tongue.number(streets.km_per_km2, 1),
                far=tongue.percent(far, facts.population),
                far_people=tongue.number(far),
                population=tongue.number(facts.population),
                metres=f"{FAR_M:.0f}",
                without=tongue.number(streets.people_without_street),
            )
        )
    return said


def say_method(facts: Facts, tongue: Tongue) -> list[str]:
    """Return how the figures were computed, in plain words."""
    walker = facts.walker
    rules = [rule for _, rule in facts.standard.rules]
    limits = tongue.listed(f"{limit / 1_000:g}" for limit in sorted({r.limit for r in rules if r.measure != "walk"}))
    return [
        tongue("method_rule", rules=tongue.rules(facts.standard)),
        *([tongue("method_own", people=tongue.number(facts.limited_people))] if facts.limited_people > 0 else []),
        tongue("method_way", factor=f"{walker.access_factor_s:g}", stairs=f"{walker.stairs_factor:g}"),
        tongue("method_speed", speed=tongue.speed(walker.speed_m_s)),
        *([tongue("method_reading", kilometres=limits)] if limits else []),
        tongue("method_people"),
        tongue("method_compounds_open" if walker.open_compounds else "method_compounds_closed"),
        tongue("method_border"),
    ]


def say_limits(
    tongue: Tongue, keys: Iterable[str] = ("hours", "foot", "people", "streets", "sites", "map")
) -> list[str]:
    """Return what the figures do not say."""
    return [tongue(f"limit_{key}") for key in keys]


def joined(tongue: Tongue, *sentences: str) -> str:
    """Return sentences one after the other, as the language puts them; empty ones are left out."""
    return ("" if tongue.language == "zh" else " ").join(sentence for sentence in sentences if sentence)
