"""Styles of layers: symbols and rules as QGIS reads them (QML), and in the words of the OGC.

SLD 1.1 is what GeoServer, MapServer and ArcGIS read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as ET

from accessibility.measures.surface import Places
from accessibility.present.map.outlines import SITE_WORDS
from accessibility.present.map.overlays import PeopleClasses, classify_people
from accessibility.present.symbols import INKS
from accessibility.standards import M_PER_KM, S_PER_MIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from accessibility.measures.coverage import Coverage
    from accessibility.standards import Standard

Shape = Literal["marker", "fill"]
_SYMBOL_LAYERS: dict[Shape, str] = {"marker": "SimpleMarker", "fill": "SimpleFill"}
_QGIS = "3.22"  # of Debian 12; later ones read it too
_NOTHING = "0,0,0,0"


@dataclass(frozen=True, kw_only=True)
class StyleRule:
    """One line of a legend."""

    label: str  # what the legend says
    where: str = ""  # the QGIS expression of the features it draws; all if empty
    symbol: Mapping[str, str]  # properties of the symbol, as QGIS names them; `fill` and `marker` make them.


@dataclass(frozen=True, kw_only=True)
class Style:
    """How QGIS draws a layer."""

    # name, description: what QGIS calls it
    name: str
    description: str
    shape: Shape  # of the geometry
    rules: tuple[StyleRule, ...]  # legend, from top to bottom; a feature is drawn by every rule that holds for it
    label: str = ""  # the QGIS expression that is written beside each feature; nothing if empty
    # the QGIS expression by which features are drawn, the greatest first and lowest; as they come if empty
    order: str = ""
    opacity: float = 1.0  # of the whole layer, 0 to 1


def fill(colour: str, *, outline: str = "", width_mm: float = 0.2, dashed: bool = False) -> dict[str, str]:
    """Return the symbol of a polygon; without a colour it is not filled, without an outline it has none.

    Examples
    --------
    >>> fill("#ff0000")["color"], fill("", outline="#000000")["style"]
    ('255,0,0,255', 'no')
    """
    line = "dash" if dashed else "solid"
    return {
        "color": _rgb(colour),
        "style": "solid" if colour else "no",
        "outline_color": _rgb(outline),
        "outline_style": line if outline else "no",
        "outline_width": f"{width_mm:g}",
        "outline_width_unit": "MM",
        "joinstyle": "round",
    }


def marker(name: str, colour: str, *, outline: str = "", size_mm: float = 2.4) -> dict[str, str]:
    """Return the symbol of a point: ``circle``, ``square``, ``diamond`` or ``star`` of QGIS."""
    return {
        "name": name,
        "color": _rgb(colour),
        "outline_color": _rgb(outline),
        "outline_style": "solid" if outline else "no",
        "outline_width": "0.3",
        "outline_width_unit": "MM",
        "size": f"{size_mm:g}",
        "size_unit": "MM",
    }


def write_qml(style: Style) -> str:
    """Return a style as QML, the text of names and expressions escaped."""
    labelled = {"labelsEnabled": "1" if style.label else "0"}
    root = ET.Element("qgis", {"version": _QGIS, "styleCategories": "Symbology|Labeling|Rendering", **labelled})
    ordered = {"enableorderby": "1" if style.order else "0"}
    renderer = ET.SubElement(root, "renderer-v2", {"type": "RuleRenderer", "symbollevels": "0", **ordered})
    rules = ET.SubElement(renderer, "rules", {"key": "rules"})
    symbols = ET.SubElement(renderer, "symbols")
    for row, rule in enumerate(style.rules):
        where = {"filter": rule.where} if rule.where else {}
        ET.SubElement(rules, "rule", {"key": f"rule-{row}", "label": rule.label, "symbol": str(row), **where})
        symbol = ET.SubElement(symbols, "symbol", {"type": style.shape, "name": str(row), "alpha": "1"})
        options = ET.SubElement(symbol, "layer", {"class": _SYMBOL_LAYERS[style.shape], "enabled": "1", "pass": "0"})
        _options(options, rule.symbol)
    if style.order:
        clauses = ET.SubElement(renderer, "orderby")
        ET.SubElement(clauses, "orderByClause", {"asc": "0", "nullsFirst": "0"}).text = style.order
    if style.label:
        _label(root, style.label)
    ET.SubElement(root, "layerOpacity").text = f"{style.opacity:g}"
    return ET.tostring(root, encoding="unicode")


def _options(parent: ET.Element, values: Mapping[str, str]) -> None:
    table = ET.SubElement(parent, "Option", {"type": "Map"})
    for name, value in values.items():
        ET.SubElement(table, "Option", {"type": "QString", "name": name, "value": value})


def _label(root: ET.Element, expression: str) -> None:
    labels = ET.SubElement(ET.SubElement(root, "labeling", {"type": "simple"}), "settings", {"calloutType": "simple"})
    text = {"fieldName": expression, "isExpression": "1", "fontSize": "8", "fontSizeUnit": "Point", "fontWeight": "75"}
    written = ET.SubElement(labels, "text-style", {**text, "textColor": "34,48,60,255", "textOpacity": "1"})
    halo = {"bufferDraw": "1", "bufferSize": "0.8", "bufferSizeUnits": "MM"}
    ET.SubElement(written, "text-buffer", {**halo, "bufferColor": "255,255,255,255", "bufferOpacity": "0.8"})
    ET.SubElement(labels, "placement", {"placement": "0", "placementFlags": "10", "priority": "5"})
    ET.SubElement(labels, "rendering", {"drawLabels": "1", "obstacle": "1"})


def where_between(value: str, low: float | None, high: float | None) -> str:
    """Return the expression "above `low` and at most `high`"; a side that is None is open.

    Examples
    --------
    >>> where_between('"walk_s"', 300, 600)
    '"walk_s" > 300 AND "walk_s" <= 600'
    """
    sides = [f"{value} > {low:g}"] if low is not None else []
    sides += [f"{value} <= {high:g}"] if high is not None else []
    return " AND ".join(sides)


def legend_of(
    labels: Sequence[str], wheres: Sequence[str], symbols: Sequence[Mapping[str, str]]
) -> tuple[StyleRule, ...]:
    """Return a rule a label."""
    return tuple(StyleRule(label=a, where=b, symbol=c) for a, b, c in zip(labels, wheres, symbols, strict=True))


def _rgb(colour: str) -> str:
    if not colour:
        return _NOTHING
    return ",".join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5)) + ",255"


_SHAPES = {"outlet": "circle", "bank": "square", "new": "diamond"}
_OUTLINE, _WHITE = "#22303c", "#ffffff"
# As `percent_text` says it: 0 and 100 for nobody and everybody alone.
_PERCENT = 'if("covered_share" > 0 and "covered_share" < 1, max(0.1, min(99.9, {0})), {0})'.format(
    '100 * "covered_share"'
)
_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
_SHARE_COLOURS = ("#9c3d06", "#ee7b2d", "#fdc086", "#9ecae1", "#08519c")


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
    areas = Places.of(coverage).all_areas
    minutes = [m * S_PER_MIN for m in coverage.standard.walk_classes]
    yield _people_style(walk, [*_steps('"walk_s"', minutes), '"walk_s" IS NULL'], areas=areas)
    too_far = ['NOT "covered" AND "walk_s" IS NOT NULL', 'NOT "covered" AND "walk_s" IS NULL']
    yield _people_style(status, ['"covered"', *too_far], areas=areas)
    for distance in rural:
        settings = coverage.standard.distance_settings
        straight = all(coverage.standard.rule(setting).measure == "radius" for setting in settings)
        quoted = [setting.replace("'", "''") for setting in settings]
        whom = f"\"setting\" = '{quoted[0]}'" if len(quoted) == 1 else f'"setting" IN {tuple(quoted)}'
        value = 'round("radius_m", 2)' if straight else '"network_m"'
        steps = [*_steps(value, [km * M_PER_KM for km in coverage.standard.distance_classes]), f"{value} IS NULL"]
        yield _people_style(distance, [f"{whom} AND {step}" for step in steps], areas=areas)


def _people_style(classes: PeopleClasses, wheres: Sequence[str], *, areas: bool) -> Style:
    symbols = [fill(colour) if areas else marker("circle", colour, size_mm=1.4) for colour in classes.colours]
    return Style(
        name=classes.name,
        description=f"{classes.name}; {classes.whom}",
        shape="fill" if areas else "marker",
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
    words = {"bank": "co-located at a bank branch", "new": "new site"}
    shapes = {kind: _SHAPES[kind] for kind in words} | {"outlet": "star"}
    symbols = [marker(shape, INKS[kind], outline="#ffd54f", size_mm=4.2) for kind, shape in shapes.items()]
    wheres = [*(f"\"kind\" = '{kind}'" for kind in words), "ELSE"]
    return Style(
        name="Proposed sites",
        description="Labelled by the order of opening",
        shape="marker",
        rules=legend_of([*words.values(), "other"], wheres, symbols),
        label='"rank"',
    )


def _district_styles() -> tuple[Style, Style]:
    outline = StyleRule(label="district", symbol=fill("", outline=_OUTLINE, width_mm=0.4))
    wheres = _steps('"covered_share"', _SHARES[1:-1])
    percent = [f"{100 * low:g}\N{EN DASH}{100 * high:g} %" for low, high in pairwise(_SHARES)]
    symbols = [fill(colour, outline=_OUTLINE, width_mm=0.3) for colour in _SHARE_COLOURS]
    nobody = StyleRule(
        label="no one lives here", where='"covered_share" IS NULL', symbol=fill("", outline=_OUTLINE, width_mm=0.3)
    )
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


_SLD, _SE, _OGC = (f"http://www.opengis.net/{name}" for name in ("sld", "se", "ogc"))
_PIXEL_MM = 0.28  # of the standard
_TOKEN = re.compile(
    r"""\s*(?:"(?P<name>[^"]*)"|'(?P<text>(?:[^']|'')*)'|(?P<number>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?P<word>\w+|<=|>=|[<>=(),]))"""
)
_COMPARISONS = {"<": "LessThan", "<=": "LessThanOrEqualTo", ">": "GreaterThan", ">=": "GreaterThanOrEqualTo"}
_COMPARISONS["="] = "EqualTo"
_ROUNDED = {"<=": "<", ">": ">="}  # round(x) <= c as x < c + half a step, round(x) > c as x >= c + half a step


def write_sld(layer: str, style: Style) -> str:
    """Return a style as SLD. Labels are the first column of theirs, for the standard has no other expressions.

    Parameters
    ----------
    layer
        Name of the layer.
    style
        The style; its rules may have the expressions that `accessibility.present.layers.styles` writes.

    Raises
    ------
    ValueError
        An expression that cannot be told in SLD.

    Examples
    --------
    >>> from accessibility.present.layers.styles import write_sld
    >>> from accessibility.present.layers.styles import Style, StyleRule, fill
    >>> rule = StyleRule(label="few", where='"people" <= 10', symbol=fill("#ff0000"))
    >>> text = write_sld("districts", Style(name="People", description="", shape="fill", rules=(rule,)))
    >>> text[text.index("<ogc:Filter>") : text.index("</ogc:PropertyIs")]
    '<ogc:Filter><ogc:PropertyIsLessThanOrEqualTo><ogc:PropertyName>people</ogc:PropertyName><ogc:Literal>10</ogc:Literal>'
    """
    root = ET.Element("StyledLayerDescriptor", {"version": "1.1.0", "xmlns": _SLD, "xmlns:se": _SE, "xmlns:ogc": _OGC})
    named = ET.SubElement(root, "NamedLayer")
    ET.SubElement(named, "se:Name").text = layer
    user = ET.SubElement(named, "UserStyle")
    ET.SubElement(user, "se:Name").text = style.name
    _titled(user, style.description)
    # Where features are drawn in an order, one rule after the other is, the lowest first.
    groups = [[rule] for rule in reversed(style.rules)] if style.order else [list(style.rules)]
    for group in groups:
        drawn = ET.SubElement(user, "se:FeatureTypeStyle")
        for rule in group:
            _rule(drawn, rule, style)
        if style.label:
            _text(ET.SubElement(drawn, "se:Rule"), style.label)
    return ET.tostring(root, encoding="unicode")


def _titled(parent: ET.Element, title: str) -> None:
    ET.SubElement(ET.SubElement(parent, "se:Description"), "se:Title").text = title


def _rule(parent: ET.Element, rule: StyleRule, style: Style) -> None:
    there = ET.SubElement(parent, "se:Rule")
    ET.SubElement(there, "se:Name").text = rule.label
    _titled(there, rule.label)
    if rule.where == "ELSE":
        ET.SubElement(there, "se:ElseFilter")
    elif rule.where:
        ET.SubElement(there, "ogc:Filter").append(_filter(rule.where))
    if style.shape == "fill":
        area = ET.SubElement(there, "se:PolygonSymbolizer")
        _paint(area, rule.symbol, style.opacity)
        return
    graphic = ET.SubElement(ET.SubElement(there, "se:PointSymbolizer"), "se:Graphic")
    mark = ET.SubElement(graphic, "se:Mark")
    diamond = rule.symbol["name"] == "diamond"  # a square on its corner: the standard has no name for it
    ET.SubElement(mark, "se:WellKnownName").text = "square" if diamond else rule.symbol["name"]
    _paint(mark, rule.symbol, style.opacity)
    ET.SubElement(graphic, "se:Size").text = f"{float(rule.symbol['size']) / _PIXEL_MM:.4g}"
    if diamond:
        ET.SubElement(graphic, "se:Rotation").text = "45"


def _paint(parent: ET.Element, symbol: Mapping[str, str], opacity: float) -> None:
    """Add the fill and the line of a symbol."""
    if symbol.get("style") != "no":
        _parameters(ET.SubElement(parent, "se:Fill"), {"fill": _hex(symbol["color"]), "fill-opacity": f"{opacity:g}"})
    if symbol.get("outline_style", "no") != "no":
        line = {"stroke": _hex(symbol["outline_color"]), "stroke-opacity": f"{opacity:g}"}
        line["stroke-width"] = f"{float(symbol['outline_width']) / _PIXEL_MM:.3g}"
        line |= {"stroke-dasharray": "6 4"} if symbol["outline_style"] == "dash" else {}
        _parameters(ET.SubElement(parent, "se:Stroke"), line)


def _parameters(parent: ET.Element, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        ET.SubElement(parent, "se:SvgParameter", {"name": name}).text = value


def _hex(colour: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in colour.split(",")[:3])


def _text(rule: ET.Element, expression: str) -> None:
    found = re.search(r'"([^"]+)"', expression)
    words = ET.SubElement(rule, "se:TextSymbolizer")
    if found:
        ET.SubElement(ET.SubElement(words, "se:Label"), "ogc:PropertyName").text = found[1]
    _parameters(ET.SubElement(words, "se:Font"), {"font-size": "11", "font-weight": "bold"})
    _parameters(ET.SubElement(ET.SubElement(words, "se:Halo"), "se:Fill"), {"fill": "#ffffff"})
    _parameters(ET.SubElement(words, "se:Fill"), {"fill": "#22303c"})


def _filter(expression: str) -> ET.Element:
    """Return an expression of QGIS as a filter of the OGC."""
    tokens = list(_tokens(expression))
    found = _all_of(tokens)
    if tokens:
        msg = f"style has the expression {expression!r}; expected comparisons joined by AND"
        raise ValueError(msg)
    return found


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each word of an expression."""
    at, end = 0, len(expression.rstrip())
    while at < end:
        found = _TOKEN.match(expression, at)
        if found is None or found.lastgroup is None:
            msg = f"style has the expression {expression!r}; expected columns, numbers, texts and comparisons"
            raise ValueError(msg)
        yield found.lastgroup, found[found.lastgroup].replace("''", "'")
        at = found.end()


def _all_of(tokens: list[tuple[str, str]]) -> ET.Element:
    parts = [_one_of(tokens)]
    while _taken(tokens, "AND"):
        parts.append(_one_of(tokens))
    return parts[0] if len(parts) == 1 else _joined("And", parts)


def _one_of(tokens: list[tuple[str, str]]) -> ET.Element:
    if _taken(tokens, "NOT"):
        return _joined("Not", [_one_of(tokens)])
    half = 0.0
    if _taken(tokens, "round"):
        _, column, _, (_, digits), _ = (tokens.pop(0) for _ in range(5))
        half = 0.5 * 10.0 ** -int(digits)
    else:
        column = tokens.pop(0)
    name = column[1]
    if _taken(tokens, "IS"):
        negated = _taken(tokens, "NOT")
        tokens.pop(0)
        null = ET.Element("ogc:PropertyIsNull")
        ET.SubElement(null, "ogc:PropertyName").text = name
        return _joined("Not", [null]) if negated else null
    if _taken(tokens, "IN"):
        values = []
        while not _taken(tokens, ")"):
            kind, text = tokens.pop(0)
            values += [text] if kind in ("text", "number") else []
        return _joined("Or", [_compared("=", name, value) for value in values])
    sign = tokens.pop(0)[1] if tokens and tokens[0][1] in _COMPARISONS and tokens[0][0] == "word" else ""
    if not sign:
        return _compared("=", name, "true")
    value = tokens.pop(0)[1]
    return _compared(_ROUNDED[sign], name, repr(float(value) + half)) if half else _compared(sign, name, value)


def _taken(tokens: list[tuple[str, str]], word: str) -> bool:
    """Take the next word if it is this one; return whether it was."""
    return bool(tokens) and tokens[0] == ("word", word) and bool(tokens.pop(0))


def _compared(sign: str, name: str, value: str) -> ET.Element:
    there = ET.Element(f"ogc:PropertyIs{_COMPARISONS[sign]}")
    ET.SubElement(there, "ogc:PropertyName").text = name
    ET.SubElement(there, "ogc:Literal").text = value
    return there


def _joined(how: str, parts: list[ET.Element]) -> ET.Element:
    whole = ET.Element(f"ogc:{how}")
    whole.extend(parts)
    return whole
