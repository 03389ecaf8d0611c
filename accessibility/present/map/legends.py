"""What a map says in words: title, headline, rules, classes with their people, sources; a proposal and its proof."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from accessibility.present.charts import FrontierPicture, picture_frontier
from accessibility.present.language import Locale, MapWords, count
from accessibility.present.map.overlays import PeopleClasses, shade_limits, shade_of
from accessibility.siting.plan import SPENDING, format_objective
from accessibility.whatif.comparison import has_service, served_of
from accessibility.wording import LANGUAGES, cost_text, percent_sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.tables import Totals
    from accessibility.measures.walkers import GroupCoverage
    from accessibility.standards import Rule, Standard
    from accessibility.uncertainty import Difference, Uncertainty
    from accessibility.wording import Language

    Lines = list[tuple[str, str]]
    from collections.abc import Callable

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.sites import Sites
    from accessibility.siting.plan import SitingPlan

    Called = Callable[[object, object], str]

NO_APPROVAL = "____"
_AN = ("8", "11-", "11.", "18-", "18.")  # how numbers begin that are spoken with a vowel
_JOINTS = {"en": ", ", "zh": "、"}
_OR = {"en": " or ", "zh-Hans": "或"}
_THEN = {"en": "; ", "zh": "\uff1b"}


@dataclass(frozen=True, kw_only=True)
class MapCaption:
    """The words on a map.

    Parameters
    ----------
    title, date
        What the map shows, and of when.
    language
        ``en``, ``zh`` or ``both``.
    headline
        The result in one sentence; made from the coverage where not given.
    sources
        Attribution texts.
    approval
        The map approval number (审图号) that a map published in China carries; a blank to fill in where empty.

    Examples
    --------
    >>> from accessibility.present.map.coverage_map import MapCaption
    >>> MapCaption(title="Town", date="2026-11-29", approval="GS(2026)1").approval_text
    '审图号: GS(2026)1'
    """

    title: str
    date: str
    language: str = "en"
    headline: str = ""
    sources: tuple[str, ...] = ()
    approval: str = ""

    @property
    def words(self) -> MapWords:
        """Words in the languages of the map."""
        return MapWords.of(self.language)

    @property
    def approval_text(self) -> str:
        """Approval number, or the blank for it."""
        return f"审图号: {self.approval or NO_APPROVAL}"


def caption_of(study: str, sources: Iterable[str], *, approval: str, date: str, language: str) -> MapCaption:
    """Return the words on the map of a study, whose name and sources are told in the language of the map."""
    told = MapWords.of(language).study
    return MapCaption(
        title=told(study), date=date, language=language, sources=tuple(map(told, sources)), approval=approval
    )


def headline_forms(coverage: Totals, words: MapWords) -> Lines:
    """Return the headline in each language with ``{percent}``, ``{people}`` and ``{covered}`` still open."""
    rules = {language: _OR[language].join(said) for language, said in _rules_said(coverage.standard, words).items()}
    if coverage.limited_people > 0:
        own = words.lines("own_limits", people=count(coverage.limited_people))
        rules = {language: rules[language] + said for language, said in own}
    speed = repr(float(coverage.walker.speed_m_s))
    key = "headline" if coverage.population > 0 else "headline_nobody"
    still_open = {name: f"{{{name}}}" for name in ("percent", "people", "covered")}
    return words.lines(key, rules=rules, speed=speed, **still_open)


def bar_lines(sure: Uncertainty | None, words: MapWords, *, today: bool = True) -> Lines:
    """Return the bar of the headline in each language, of today's or of what is drawn; nothing where nobody asked."""
    if sure is None:
        return []
    low, high = (words.percent(end, 1.0) for end in (sure.interval.low, sure.interval.high))
    return words.lines("bar" if today else "bar_drawn", low=low, high=high)


def gain_lines(gain: Difference | None, words: MapWords) -> Lines:
    """Return the bar of what is gained over today in each language, and whether it is noise."""
    if gain is None:
        return []
    ends = {"low": Locale.points(gain.interval.low), "high": Locale.points(gain.interval.high)}
    key = "bar_noise" if gain.is_noise else "bar_gain"
    return words.lines(key, points=Locale.points(gain.points), better=words.percent(gain.better, 1.0), **ends)


def served_lines(coverage: Coverage, words: MapWords) -> Lines:
    """Return in one sentence a language who is covered and served; nothing where no site has a capacity."""
    service = coverage.service
    if service is None:
        return []
    return words.lines(
        "served_line",
        percent=words.percent(service.served_people, coverage.population),
        people=count(coverage.population),
        served=count(service.served_people),
        unserved=count(service.unserved_people),
    )


def own_lines(own: GroupCoverage | None, words: MapWords) -> Lines:
    """Return who is covered today where each group walks in its own way: of all, and of each such group."""
    if own is None:
        return []
    people = own.demand.groups
    parts = [(own.covered_people, own.population, "own_walks", own.rest)]
    parts += [(float(own.of(g).sum()), float(people[g].sum()), "own_walk", one) for g, one in own.groups.items()]
    return [
        line
        for (covered, of, key, by), group in zip(parts, ("", *own.groups), strict=True)
        for line in words.lines(
            key,
            group=group,
            speed=Locale.speed(by.walker.speed_m_s),
            percent=words.percent(covered, of),
            people=count(of),
            covered=count(covered),
        )
    ]


def headline_lines(coverage: Totals, words: MapWords) -> Lines:
    """Return the result in one sentence a language: the share with both parts, the rules, the speed."""
    people, covered = coverage.population, coverage.covered_people
    said = {"people": count(people), "covered": count(covered)}
    share = words.percent(covered, people)
    return [
        (language, _filled(form, {**said, "percent": share[language]}))
        for language, form in headline_forms(coverage, words)
    ]


def headlines(coverage: Totals, date: str = "") -> dict[Language, str]:
    """Return the result in one sentence by language: both parts of the share, rules, speed and, if given, the date.

    The percentage has one decimal and is 0 or 100 only where nobody or everybody is covered.
    """
    said = zip(LANGUAGES, headline_lines(coverage, MapWords(LANGUAGES)), strict=True)
    return {language: f"{line}{_THEN[language]}{date}" if date else line for language, (_, line) in said}


def compared_lines(before: Coverage, after: Coverage, words: MapWords) -> Lines:
    """Return in one sentence a language how many gain and lose, and what is covered today."""
    people = after.demand.population
    said = {
        "gained": count(float(people[after.covered & ~before.covered].sum())),
        "lost": count(float(people[before.covered & ~after.covered].sum())),
        **today_said(before, words),
    }
    return words.lines("compared", **said)


def compared_service_lines(before: Coverage | None, after: Coverage, words: MapWords) -> Lines:
    """Return in one sentence a language how many are served today and then; nothing where no site has a capacity."""
    if before is None or not has_service(before, after):
        return []
    return words.lines("compared_served", **served_said(before, after))


def served_said(before: Coverage, after: Coverage) -> dict[str, str]:
    """Return how many are covered and served today and then, as sentences say them."""
    return {when: count(float(served_of(one).sum())) for when, one in (("today", before), ("then", after))}


def today_said(before: Coverage, words: MapWords) -> dict[str, Any]:
    """Return share and people covered today, as sentences say them."""
    covered = before.covered_people
    return {"percent": words.percent(covered, before.population), "covered": count(covered)}


def rule_rows(coverage: Coverage, words: MapWords) -> list[tuple[Lines, Lines]]:
    """Return settings and their rules, those of one rule together, whom they do not bind, and the walking speed."""
    rows = []
    for rule, settings in _by_rule(coverage.standard).items():
        named = words.settings(settings)
        rows.append(([(k, text[:1].upper() + text[1:]) for k, text in named.items()], list(words.rule(rule).items())))
    if coverage.limited_people > 0:
        people = count(coverage.limited_people)
        rows.append((words.lines("rule_own"), words.lines("rule_own_people", people=people)))
    rows.append((words.lines("on_foot"), words.lines("speed", of=Locale.speed(coverage.walker.speed_m_s))))
    return rows


def class_table(classes: PeopleClasses, words: MapWords, *, shaded: bool) -> dict[str, Any]:
    """Return what the legend shows of a layer: one row per class with its people and their share, and the total."""
    total = classes.total
    rows = [
        {"colour": colour, "label": label, "people": count(people), "share": words.percent_cell(people, total)}
        for label, colour, people in zip(classes.labels, classes.colours, classes.people, strict=True)
    ]
    table: dict[str, Any] = {
        "name": classes.name,
        "rows": rows,
        "total": count(total),
        "whom": classes.whom,
        "shades": [],
    }
    limits = [f"{limit:g}" for limit in shade_limits(classes)] if shaded else []
    if limits:
        between = [words("between", low=low, high=high) for low, high in pairwise(limits)]
        said = [words("below", of=limits[0]), *between, words("or_more", of=limits[-1])]
        table["shades"] = [(shade_of("#a8a8a8", k), word) for k, word in enumerate(said)]
    return table


def hidden_notes(
    layers: Iterable[PeopleClasses], words: MapWords, *, unplaced: float, hidden: Mapping[str, float]
) -> Lines:
    """Return whom the picture does not show: people in a pixel of another class, and people without a place."""
    notes: Lines = []
    for layer in layers:
        people = hidden.get(layer.name, 0.0)
        if people >= 0.5:  # noqa: PLR2004 -- rounds to a person
            notes += words.lines("hidden_people", layer=layer.name, share=words.share(people, layer.total))
    if unplaced > 0:
        notes += words.lines("unplaced", people=count(unplaced))
    return notes


def _by_rule(standard: Standard) -> dict[Rule, list[str]]:
    found: dict[Rule, list[str]] = {}
    for setting, rule in standard.rules:
        found.setdefault(rule, []).append(setting)
    return found


def _rules_said(standard: Standard, words: MapWords) -> dict[str, list[str]]:
    """Return each rule with its settings, by HTML language."""
    said: dict[str, list[str]] = {}
    for rule, settings in _by_rule(standard).items():
        text = words.rule(rule)
        spoken = f"{rule.limit / 60:g}-"
        article = "_an" if rule.measure == "walk" and spoken.startswith(_AN) else ""
        named = words.settings(settings, joint=_JOINTS)
        for language, sentence in words.lines(f"rule_of_{rule.measure}{article}", rule=text, settings=named):
            said.setdefault(language, []).append(sentence)
    return said


def _filled(form: str, said: Mapping[str, str]) -> str:
    for name, value in said.items():
        form = form.replace(f"{{{name}}}", value)
    return form


_OF_PEOPLE = ("mclp", "backup", "relocation")


@dataclass(frozen=True, kw_only=True, eq=False)
class Proposal:
    """A plan to be drawn.

    Parameters
    ----------
    plan
        Which sites open, in which order.
    frontier
        What each budget buys, with the columns of `accessibility.present.charts.picture_frontier`; None for no
        picture.
    cost_unit
        What costs are counted in, such as 万元; empty where they are only numbers.

    Examples
    --------
    >>> from accessibility.present.map.coverage_map import Proposal
    >>> from accessibility.siting import Problem, solve_mclp
    >>> plan = solve_mclp(Problem.from_costs([[1, 9], [9, 1]], people=[5, 4], cutoff=2), sites=1)
    >>> Proposal(plan=plan).plan.selected
    (0,)
    """

    plan: SitingPlan
    frontier: pd.DataFrame | None = None
    cost_unit: str = ""


def rows_of(sites: Sites, ids: tuple[object, ...]) -> list[int]:
    """Return the rows of those ids that are sites."""
    row_of = {site: row for row, site in enumerate(sites.ids)}
    return [row_of[site] for site in ids if site in row_of]


def open_after(plan: SitingPlan, sites: Sites) -> NDArray[np.bool_]:
    """Return which sites are open when the plan is carried out."""
    is_open = sites.open.copy()
    is_open[rows_of(sites, plan.selected)] = True
    is_open[rows_of(sites, plan.closed)] = False
    return is_open


def proposal_panel(proposal: Proposal, sites: Sites, words: MapWords, called: Called) -> dict[str, Any]:
    """Return what the panel shows of a proposal; `called` says what a site is called, of its id and its name."""
    plan = proposal.plan
    table = plan.table()
    row_of = {site: row for row, site in enumerate(sites.ids)}
    rows = [
        {
            "rank": int(rank),
            "row": row_of.get(ident, -1),
            "kind": str(kind),
            "name": called(ident, name),
            "cost": cost_text(cost, "", "en"),
            "gain": count(gain),
            "share": words.percent_cell(covered, plan.population),
        }
        for rank, ident, kind, name, cost, gain, covered in table[
            ["rank", "id", "kind", "name", "cost", "gain_people", "covered_people"]
        ].itertuples(index=False)
    ]
    closing = [called(sites.ids[r], sites.name[r]) for r in rows_of(sites, plan.closed)]
    return {
        "rows": rows,
        "summary": _summary(plan, words, proposal.cost_unit),
        "proof": proof_lines(plan, words),
        "closes": words.lines("closes", names=", ".join(closing)) if closing else [],
        "frontier": _picture(proposal),
    }


def proof_lines(plan: SitingPlan, words: MapWords) -> Lines:
    """Return how far from the best possible the plan is, one sentence per language, and how the bound was obtained."""
    if plan.status == "infeasible":
        return words.lines("infeasible", message=words.message(plan.message))
    if not plan.selected:
        return words.lines("no_sites_proposed")
    best = plan.status == "optimal"
    about = "people" if plan.model in _OF_PEOPLE else "cost" if plan.model in SPENDING else "other"
    (objective, unit), (bound, _) = (format_objective(plan.model, value) for value in (plan.objective, plan.bound))
    short, _ = format_objective(plan.model, abs(plan.bound - plan.objective))
    said = words.lines(
        f"{about}_{'best' if best else 'bound'}",
        objective=objective,
        bound=bound,
        short=short,
        gap=_gap(plan.gap, words),
        unit=words.told(unit),
    )
    return said + words.lines(f"by_{plan.bound_by}")


def _summary(plan: SitingPlan, words: MapWords, unit: str) -> Lines:
    if not plan.selected:
        return []
    covered = plan.covered_people
    share = words.percent(covered, plan.population)
    return words.lines(
        "proposal",
        sites=len(plan.selected),
        cost=words.by_language(lambda language: cost_text(plan.cost, unit, language)),
        covered=count(covered),
        percent=share,
    )


def _picture(proposal: Proposal) -> FrontierPicture | None:
    if proposal.frontier is None:
        return None
    plan = proposal.plan
    spent = plan.cost if plan.sites_limit is None else len(plan.selected)
    return picture_frontier(proposal.frontier, here=(spent, plan.covered_people) if plan.selected else None)


def _gap(gap: float, words: MapWords) -> dict[str, str]:
    """Return a gap in percent by HTML language, never as nothing where there is one."""
    text = f"{100 * gap:.2f} %" if gap == 0 or gap >= 5e-5 else "< 0.01 %"  # noqa: PLR2004 -- rounds to 0.01 %
    return words.by_language(lambda language: percent_sign(text, language))
