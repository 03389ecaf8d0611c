"""The pictures of a report with their captions and legends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accessibility.present.charts import SERIES, Axes, Series, draw_bars, draw_frontier, draw_parts, series_colours
from accessibility.present.report.facts import NO_WAY
from accessibility.present.report.mapsketch import Paper, Pin, draw_people, draws_sites, pin_sign, site_sign
from accessibility.present.report.sentences import format_conditions
from accessibility.sites import KINDS
from accessibility.standards import S_PER_MIN
from accessibility.wording.cards import COVERED, CUT, FAR, GAINED, QUIET, drawing, element

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    from markupsafe import Markup

    from accessibility.measures.coverage import Coverage
    from accessibility.present.language import Locale, Locales
    from accessibility.present.report.facts import Facts
    from accessibility.standards import Standard

_MOST_PINS = 15
_MOST_NUMBERS = 100  # of proposed sites; more would hide each other and the people
_SMALL = 1.9  # how much larger letters and signs are on a map that is printed small
_PALE = "#4f8fc0"  # as the map has them who are covered today
_HALF = 0.5  # half a person rounds to one


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """What the pictures are drawn from."""

    ground: Paper  # what all maps share
    after: Coverage | None = None  # the coverage with the proposal, where there is one


@dataclass(frozen=True, kw_only=True)
class MapContent:
    """What a map shows on its ground: numbered places, and whether people stand as they would with the proposal."""

    pins: tuple[Pin, ...]
    after: bool = False


@dataclass(frozen=True, kw_only=True)
class Illustration:
    """A picture, its caption in each language, its legend (a sign and words), and what it shows where it is a map."""

    drawing: Markup
    caption: list[tuple[str, str]]
    legend: tuple[tuple[Markup, str], ...] = ()
    map: MapContent | None = None


def illustrate(facts: Facts, pictures: Pictures | None, locales: Locales) -> dict[str, Illustration]:
    """Return the pictures by name; those without anything to show are left out."""
    found = {"parts": _parts(facts, locales), "times": _times(facts, locales)}
    if facts.distances["population"].sum() > 0:
        found["distances"] = _distances(facts, locales)
    if len(facts.frontier) > 1:
        found["frontier"] = _frontier(facts, locales)
    if pictures is None:
        return found
    found["map"] = _map(facts, pictures, locales)
    if pictures.after is not None and facts.proposal is not None:
        found["before"], found["after"] = _before(facts, pictures, locales), _after(facts, pictures, locales)
    return found


def illustrate_brief(facts: Facts, pictures: Pictures | None, locales: Locales) -> dict[str, Illustration]:
    """Return the pictures of a brief by name: the map, small; then the proposal, or without one how long walks are."""
    found = {} if pictures is None else {"map": _map(facts, pictures, locales, small=True)}
    opens = facts.proposal is not None and facts.proposal.plan.selected
    if pictures is not None and pictures.after is not None and opens:
        return found | {"after": _after(facts, pictures, locales, named=True)}
    found["times"] = _times(facts, locales)
    return found | ({"distances": _distances(facts, locales)} if facts.distances["population"].sum() > 0 else {})


def _states(facts: Facts) -> list[Series]:
    """Return the people of each state, as a bar has them."""
    cut = facts.totals["unreached"]
    people = (("covered", facts.covered, COVERED), ("far", facts.totals["uncovered"] - cut, FAR), ("cut", cut, CUT))
    return [Series(name, (value,), colour) for name, value, colour in people]


def _parts(facts: Facts, locales: Locales) -> Illustration:
    bars = [replace(state, amounts=(max(*state.amounts, 0.0),)) for state in _states(facts)]
    title = locales.short(_wording("section_findings"))
    return Illustration(drawing=draw_parts(bars, title), caption=[], legend=tuple(_people_legend(facts, locales)))


def _people_legend(facts: Facts, locales: Locales) -> Iterator[tuple[Markup, str]]:
    """Yield a swatch a state, its name, its people and their share."""
    for state in _states(facts):
        (people,) = state.amounts
        number, share = locales.first.number(people), locales.first.percent(people, facts.population)
        yield _swatch(state.colour), f"{locales.short(_wording(f'people_{state.name}'))} {number} ({share})"


def _map(facts: Facts, pictures: Pictures, locales: Locales, *, small: bool = False) -> Illustration:
    ground = pictures.ground
    spots = [] if facts.whole is None else facts.whole.clusters.table.head(_MOST_PINS).to_dict("records")
    pins = [Pin(lon=row["lon"], lat=row["lat"], number=int(row["rank"])) for row in spots]
    legend = [*_people_legend(facts, locales), *_signs(ground, locales)]
    if pins:
        legend.append((_boxed(pin_sign(8, 8, "1", 7, chosen=False)), locales.short(_wording("site_blackspot"))))
    unplaced = float(ground.coverage.demand.population[~ground.places.placed].sum())

    def caption(locale: Locale) -> str:
        first = format_conditions(
            facts,
            locale,
            "map_caption",
            covered=locale.number(facts.covered),
            share=locale.percent(facts.covered, facts.population),
        )
        cells = "" if small else locale("map_cells", cell=locale.number(ground.places.cell_m))
        hidden = locale("map_unplaced", unplaced=locale.number(unplaced)) if unplaced >= _HALF else ""
        sites = ground.coverage.sites.open.sum()
        bare = "" if draws_sites(ground.coverage) else locale("map_no_sites", sites=locale.number(sites))
        return " ".join(part for part in (first, cells, bare, hidden, locale("approval")) if part)

    return Illustration(
        drawing=draw_people(ground, pins=pins, large=_SMALL if small else 1.0),
        caption=locales.each(caption),
        legend=tuple(legend),
        map=MapContent(pins=tuple(pins)),
    )


def _before(facts: Facts, pictures: Pictures, locales: Locales) -> Illustration:
    return Illustration(
        drawing=draw_people(pictures.ground, large=_SMALL, named=False),
        caption=locales.each(_people_caption(facts, "before_caption", facts.covered)),
    )


def _after(facts: Facts, pictures: Pictures, locales: Locales, *, named: bool = False) -> Illustration:
    proposal = facts.proposal
    assert proposal is not None  # noqa: S101 -- the caller asked for it
    rows = proposal.table.dropna(subset=["lon", "lat"]).to_dict("records")
    few = len(rows) <= _MOST_NUMBERS
    pins = [Pin(lon=row["lon"], lat=row["lat"], number=int(row["rank"]) if few else None, chosen=True) for row in rows]
    colours = {"covered": _PALE, "gained": GAINED, "far": FAR, "cut": CUT}
    legend = [(_swatch(colour), locales.short(_wording(f"people_{name}"))) for name, colour in colours.items()]
    sign = pin_sign(8, 8, "1", 7, chosen=True) if few else pin_sign(8, 8, "", 4, chosen=True)
    legend.append((_boxed(sign), locales.short(_wording("site_chosen" if few else "site_chosen_many"))))
    return Illustration(
        drawing=draw_people(pictures.ground, after=pictures.after, pins=pins, large=_SMALL, named=named),
        caption=locales.each(_people_caption(facts, "after_caption", proposal.covered_after)),
        legend=tuple(legend),
        map=MapContent(pins=tuple(pins), after=True),
    )


def _people_caption(facts: Facts, key: str, people: float) -> Callable[[Locale], str]:
    return lambda locale: format_conditions(
        facts, locale, key, covered=locale.number(people), share=locale.percent(people, facts.population)
    )


def _times(facts: Facts, locales: Locales) -> Illustration:
    table, standard = facts.times, facts.standard
    limit, marked = _marked_minutes(standard)
    classes = standard.walk_classes

    def caption(locale: Locale) -> str:
        more = {"minutes": f"{limit:g}"} if marked else {}
        return format_conditions(facts, locale, "times_caption" if marked else "times_caption_plain", **more)

    axes = Axes(
        title=locales.short(_wording("section_times")),
        across=locales.short(_wording("axis_minutes"), " · "),
        classes=_classes(table, locales),
        notes=tuple(locales.first.percent(people, facts.population) for people in table["people"]),
        mark_after=classes.index(limit) + 1 if marked else None,
    )
    settings = standard.settings
    series = [
        Series(locales.short(lambda t, s=setting: t.setting(s)), tuple(table[setting].astype(float)), colour)  # type: ignore[misc]
        for setting, colour in zip(settings, series_colours(len(settings)), strict=True)
    ]
    return Illustration(drawing=draw_bars(axes, series, stacked=True), caption=locales.each(caption))


def _marked_minutes(standard: Standard) -> tuple[float, bool]:
    """Return the limit that is drawn among walks, and whether there is one: of urban people, or of all who walk."""
    rules = {standard.urban} if not standard.names_its_own else {rule for _, rule in standard.rules}
    walks = [rule for rule in rules if rule.measure == "walk"]
    return (walks[0].limit / S_PER_MIN, True) if len(walks) == 1 else (0.0, False)


def _distances(facts: Facts, locales: Locales) -> Illustration:
    table, own = facts.distances, "_own" if facts.standard.names_its_own else ""
    rural = float(table["population"].iloc[0])
    axes = Axes(
        title=locales.short(_wording(f"sheet_distances{own}")),
        across=locales.short(_wording("axis_km"), " · "),
        classes=_classes(table, locales),
    )
    series = [
        Series(locales.short(_wording(key)), tuple(table[name].astype(float)), colour)
        for name, key, colour in (
            ("network", "along_network", SERIES[0]),
            ("radius", "straight_line", SERIES[2]),
        )
    ]
    settings = facts.standard.distance_settings

    def caption(locale: Locale) -> str:
        people, named = locale.number(rural), locale.listed(settings)
        return locale(f"distances_caption{own}", population=people, settings=named, date=facts.date)

    return Illustration(drawing=draw_bars(axes, series, stacked=False), caption=locales.each(caption))


def _frontier(facts: Facts, locales: Locales) -> Illustration:
    table, proposal = facts.frontier, facts.proposal
    by_sites = proposal is not None and proposal.plan.sites_limit is not None
    axis = "axis_sites" if by_sites else "axis_cost"
    point = None
    if proposal is not None and proposal.plan.selected and facts.population > 0:
        spent = proposal.plan.cost if proposal.plan.sites_limit is None else float(len(proposal.plan.selected))
        point = (spent, proposal.covered_after / facts.population, locales.short(_wording("point_proposal")))
    series = [
        Series(locales.short(_wording("line_plan")), tuple(table["covered_share"]), COVERED),
        Series(locales.short(_wording("line_bound")), tuple(table["bound_share"]), QUIET),
    ]
    axes = Axes(
        title=locales.short(_wording("sheet_frontier")),
        across=locales.short(_wording(axis), " · "),
    )
    drawn = draw_frontier(axes, tuple(table["budget"]), series, point)
    return Illustration(drawing=drawn, caption=locales.each(lambda t: format_conditions(facts, t, "frontier_caption")))


def _wording(key: str) -> Callable[[Locale], str]:
    return lambda locale: locale(key)


def _classes(table: pd.DataFrame, locales: Locales) -> tuple[str, ...]:
    return tuple(locales.short(_wording("no_way")) if label == NO_WAY else str(label) for label in table["class"])


def _signs(ground: Paper, locales: Locales) -> list[tuple[Markup, str]]:
    """Return the sign of each kind of site that counts."""
    sites = ground.coverage.sites
    kinds = [kind for kind in KINDS if draws_sites(ground.coverage) and (sites.open & (sites.kind == kind)).any()]
    return [(_boxed(site_sign(kind, 8, 8, 5.5)), locales.short(_wording(f"site_{kind}"))) for kind in kinds]


def _swatch(colour: str) -> Markup:
    return _boxed(element("rect", x=1, y=1, width=14, height=14, fill=colour))


def _boxed(sign: Markup) -> Markup:
    return drawing(16, 16, sign, class_="sign")
