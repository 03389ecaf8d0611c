"""Which style each layer of ``coverage.gpkg`` has: the classes and colours of the map."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from accessibility.areas.footprints import Footprint
from accessibility.cartography.outlines import SITE_WORDS
from accessibility.cartography.overlays import PeopleClasses, classify_people
from accessibility.cartography.symbols import INKS
from accessibility.report.styles import Style, StyleRule, fill, ground_marker, legend_of, marker, where_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from accessibility.coverage import Coverage
    from accessibility.standards import Standard

_SHAPES = {"outlet": "circle", "bank": "square", "new": "diamond"}
_OUTLINE, _WHITE = "#22303c", "#ffffff"
# As `percent_text` says it: 0 and 100 for nobody and everybody alone.
_PERCENT = 'if("covered_share" > 0 and "covered_share" < 1, max(0.1, min(99.9, {0})), {0})'.format(
    '100 * "covered_share"'
)
_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
_SHARE_COLOURS = ("#9c3d06", "#ee7b2d", "#fdc086", "#9ecae1", "#08519c")
_S_PER_MIN, _M_PER_KM = 60, 1_000


def layer_styles(coverage: Coverage) -> dict[str, tuple[Style, ...]]:
    """Return the styles of each layer, the one that QGIS opens it with first."""
    status, walk, *rural = classify_people(coverage)
    return {
        "demand": tuple(_people_styles(coverage, status, walk, rural)),
        "outlets": (_site_style("outlet"),),
        "banks": (_site_style("bank"),),
        "candidates": (_site_style("new"),),
        "proposed": (_proposed(),),
        "districts": _district_styles(),
        "blackspots": (_blackspots(status.colours[1], walk.colours[-2]),),
        "service_areas": (_service_areas(coverage.standard, walk, rural),),
    }


def _people_styles(
    coverage: Coverage, status: PeopleClasses, walk: PeopleClasses, rural: Sequence[PeopleClasses]
) -> Iterable[Style]:
    """Yield walking time, covered or not and, where there are rural people, their distance."""
    minutes = [m * _S_PER_MIN for m in coverage.standard.walk_classes]
    yield _people_style(coverage, walk, [*_steps('"walk_s"', minutes), '"walk_s" IS NULL'])
    too_far = ['NOT "covered" AND "walk_s" IS NOT NULL', 'NOT "covered" AND "walk_s" IS NULL']
    yield _people_style(coverage, status, ['"covered"', *too_far])
    for distance in rural:
        straight = coverage.standard.rural.measure == "radius"
        value = 'round("radius_m", 2)' if straight else '"network_m"'
        steps = [*_steps(value, [km * _M_PER_KM for km in coverage.standard.distance_classes]), f"{value} IS NULL"]
        yield _people_style(coverage, distance, [f"\"setting\" = 'rural' AND {step}" for step in steps])


def _people_style(coverage: Coverage, classes: PeopleClasses, wheres: Sequence[str]) -> Style:
    footprint = Footprint.of(coverage)
    symbols = [
        ground_marker(colour, footprint.width_m) if footprint.grid else marker("circle", colour, size_mm=1.4)
        for colour in classes.colours
    ]
    return Style(
        name=classes.name,
        description=f"{classes.name}; {classes.whom}",
        shape="marker",
        rules=legend_of(classes.labels, wheres, symbols),
    )


def _steps(value: str, limits: Sequence[float]) -> list[str]:
    """Return the expression of each class: up to the first limit, between limits, above the last."""
    return [where_between(value, low, high) for low, high in pairwise([None, *limits, None])]


def _site_style(kind: str) -> Style:
    ink, shape = INKS[kind], _SHAPES[kind]
    symbols = [marker(shape, ink, outline=_WHITE, size_mm=3), marker(shape, _WHITE, outline=ink, size_mm=2.6)]
    labels = [SITE_WORDS[kind, is_open] for is_open in (True, False)]
    return Style(
        name="Open or not",
        description="Filled: counts today",
        shape="marker",
        rules=legend_of(labels, ['"open"', 'NOT "open"'], symbols),
    )


def _proposed() -> Style:
    words = {"bank": "co-located at a bank branch", "new": "new counter"}
    rules = [
        StyleRule(
            label=label,
            where=f"\"kind\" = '{kind}'",
            symbol=marker(_SHAPES[kind], INKS[kind], outline="#ffd54f", size_mm=4.2),
        )
        for kind, label in words.items()
    ]
    other = StyleRule(
        label="other", where="ELSE", symbol=marker("star", INKS["outlet"], outline="#ffd54f", size_mm=4.2)
    )
    return Style(
        name="Proposed sites",
        description="Labelled by the order of opening",
        shape="marker",
        rules=(*rules, other),
        label='"rank"',
    )


def _district_styles() -> tuple[Style, Style]:
    outline = StyleRule(label="district", symbol=fill("", outline=_OUTLINE, width_mm=0.4))
    wheres = _steps('"covered_share"', _SHARES[1:-1])
    percent = [f"{100 * low:g}\N{EN DASH}{100 * high:g} %" for low, high in pairwise(_SHARES)]
    symbols = [fill(colour, outline=_OUTLINE, width_mm=0.3) for colour in _SHARE_COLOURS]
    nobody = StyleRule(label="nobody", where='"covered_share" IS NULL', symbol=fill("", outline=_OUTLINE, width_mm=0.3))
    outlines = Style(
        name="Outlines", description="Names of districts", shape="fill", rules=(outline,), label='"district"'
    )
    shares = Style(
        name="Share covered",
        description="Share of the people who are covered",
        shape="fill",
        rules=(*legend_of(percent, wheres, symbols), nobody),
        label="\"district\" || '\\n' || coalesce(format_number(" + _PERCENT + ", 1) || ' %', '')",
        opacity=0.8,
    )
    return outlines, shares


def _blackspots(colour: str, outline: str) -> Style:
    rule = StyleRule(label="uncovered people", symbol=fill(colour, outline=outline, width_mm=0.5))
    return Style(
        name="Blackspots",
        description="Labelled by rank and people",
        shape="fill",
        rules=(rule,),
        label='"rank" || \': \' || format_number("people", 0)',
        opacity=0.75,
    )


def _service_areas(standard: Standard, walk: PeopleClasses, rural: Sequence[PeopleClasses]) -> Style:
    """Return walks as areas and distances as outlines around them, the shorter above the longer."""
    minutes = legend_of(
        [f"{label} on foot" for label in walk.labels[:-1]],
        [f"\"measure\" = 'walk' AND {step}" for step in _steps('"minutes"', standard.walk_classes)],
        [fill(colour) for colour in walk.colours[:-1]],
    )
    colours = rural[0].colours if rural else walk.colours
    kilometres = standard.distance_classes
    labels = [*(f"up to {km:g} km" for km in kilometres), f"over {kilometres[-1]:g} km"]
    steps = _steps('"kilometres"', kilometres)
    outlines = [
        StyleRule(
            label=f"{label} {way}",
            where=f"\"measure\" = '{measure}' AND {step}",
            symbol=fill("", outline=colour, width_mm=0.5, dashed=measure == "radius"),
        )
        for measure, way in (("network", "along the network"), ("radius", "in a straight line"))
        for label, step, colour in zip(labels, steps, colours, strict=False)
    ]
    return Style(
        name="Service areas",
        description="Within so many minutes or kilometres of an open site",
        shape="fill",
        rules=(*minutes, *outlines),
        order='coalesce("minutes", 1000 + "kilometres")',
        opacity=0.7,
    )
